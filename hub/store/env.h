/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * How this project opens, judges and copies an LMDB environment: the same for the state, the
 * keyring and the journal, which are the only users. Any thread.
 */
#ifndef KP_STORE_ENV_H
#define KP_STORE_ENV_H

#include "base/err.h"
#include "base/slice.h"

#include <lmdb.h>

struct kp_env_options {
    const char *dir;    /* made when absent, unless @read_only; its entry and its own are synced */
    uint64_t map_bytes; /* size of the sparse map; 0: 1 TiB */
    uint32_t tables_max;
    bool read_only;
};

/* Default sync and nothing else: asserts that the environment has none of NOSYNC, NOMETASYNC,
 * MAPASYNC, WRITEMAP and NOLOCK. Clears what dead readers left.
 * KP_E_STATE  this process has it open already (LMDB's locks would break) · KP_E_NOT_FOUND
 * @read_only and absent · KP_E_CORRUPT  not an environment · KP_E_IO, KP_E_STORE, KP_E_DISK_FULL */
KP_MUST_CHECK enum kp_err kp_env_open(const struct kp_env_options *options, MDB_env **ret_env,
                                      struct kp_diag *reterr_diag);
MDB_env *kp_env_close(MDB_env *env); /* NULL: nothing; returns NULL */

/* A transaction on @env: made when *txn_io is NULL, else the reset reader there, renewed. LMDB's
 * code. A failed commit closes its environment to all threads, and those learn only that it is
 * closed (MDB_PANIC): they get the code of that commit here. */
KP_MUST_CHECK int kp_env_begin(MDB_env *env, unsigned flags, MDB_txn **txn_io);
/* Ends @txn in any case; LMDB's code. */
KP_MUST_CHECK int kp_env_commit(MDB_txn *txn);

/* The error for LMDB's @code: KP_E_DISK_FULL (map or disk), KP_E_IO, KP_E_CORRUPT, KP_E_STORE (all
 * else). */
enum kp_err kp_env_err(int code);
/* Fill @reterr_diag with @what and LMDB's text for @code; returns kp_env_err(@code). */
enum kp_err kp_env_fail(struct kp_diag *reterr_diag, int code, const char *what);

/* The same bytes, borrowed, in each other's type. */
MDB_val kp_env_val(struct kp_slice bytes);
struct kp_slice kp_env_slice(MDB_val val);

/* Copy to @dir, which is made, and sync it, while writers go on. @compact: without the pages that
 * are no longer in use, so that what was deleted does not travel along. */
KP_MUST_CHECK enum kp_err kp_env_copy(MDB_env *env, const char *dir, bool compact,
                                      struct kp_diag *reterr_diag);

#endif
