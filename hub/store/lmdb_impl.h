/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the parts of the LMDB store share; only they include this.
 *   lmdb.c       the store's table of functions: transactions, sealing and set hashes
 *   lmdb_rows.c  sealed rows in their tables: find, write, remove, walk
 *   lmdb_open.c  open, close, the store's own rows, figures and copies
 *   verify.c     the check of everything
 */
#ifndef KP_STORE_LMDB_IMPL_H
#define KP_STORE_LMDB_IMPL_H

#include "store/env.h"
#include "store/keys.h"
#include "store/lmdb.h"
#include "store/row.h"

#include <pthread.h>

struct kp_lmdb_txn;

struct kp_lmdb {
    MDB_env *env;
    MDB_dbi tables[KP_TABLE_END];
    MDB_dbi own; /* rows of the store itself: "sums" and one for each start */
    struct kp_row_keys keys;
    struct kp_secret set_key;
    size_t scratch_bytes;
    bool read_only;
    pthread_mutex_t mutex;     /* guards spare and the beginning of readers */
    struct kp_lmdb_txn *spare; /* readers that ended, kept for their memory and slot */
    /* The writer's own. */
    struct kp_lmdb_txn *writer;
    struct kp_set_hash sums[KP_TABLE_END]; /* as committed */
    bool writing;
    bool failed; /* a commit failed: what is on disk is not known until the next open */
};

/* What the last read of a table found, so that the write that follows it does not look again. */
struct kp_row_memo {
    struct kp_key key;
    bool known, found;
    uint8_t tag[KP_AEAD_TAG_BYTES];
};

struct kp_lmdb_txn {
    struct kp_txn head;
    struct kp_arena scratch;
    struct kp_lmdb *store;
    MDB_txn *mdb;
    struct kp_aead *aead;
    struct kp_lmdb_txn *next;
    MDB_cursor *cursors[KP_TABLE_END];
    bool cursor_ready[KP_TABLE_END]; /* belongs to the present use of this transaction */
    /* Writing only. */
    struct kp_block_cipher *set_cipher;
    struct kp_set_hash sums[KP_TABLE_END];
    struct kp_row_memo memos[KP_TABLE_END];
    struct kp_key last_keys[KP_TABLE_END]; /* of the table in its main form */
    bool last_known[KP_TABLE_END];
    bool changed;
    uint64_t pages_touched, bytes_appended;
};

static inline struct kp_lmdb_txn *kp_lmdb_txn_of(struct kp_txn *txn)
{
    return (struct kp_lmdb_txn *)txn;
}

/* --- lmdb.c --- */
extern const struct kp_store_ops kp_lmdb_ops;
struct kp_lmdb_txn *kp_lmdb_txn_new(struct kp_lmdb *store);
struct kp_lmdb_txn *kp_lmdb_txn_free(struct kp_lmdb_txn *txn);
/* Plaintext of @raw in scratch memory; false: the transaction failed. */
bool kp_lmdb_open_row(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice raw,
                      struct kp_slice *ret_value);

/* --- lmdb_rows.c: sealed rows; false or NULL also when the transaction failed --- */
void kp_rows_fail(struct kp_lmdb_txn *txn, int code, const char *what);
/* @ret_raw is LMDB's memory: valid until the transaction's next write. */
bool kp_rows_get(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice *ret_raw);
/* Room for a row of @raw_bytes, to be filled at once; @exists as found before. */
uint8_t *kp_rows_put(struct kp_lmdb_txn *txn, struct kp_row_place place, size_t raw_bytes,
                     bool exists);
/* The row is known to exist. */
void kp_rows_del(struct kp_lmdb_txn *txn, struct kp_row_place place);
bool kp_rows_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                  struct kp_slice *ret_key, struct kp_slice *ret_raw);
/* What the rows' own upkeep writes with every commit. */
void kp_rows_before_commit(struct kp_lmdb_txn *txn);
void kp_rows_after(struct kp_lmdb_txn *txn, bool committed);

/* --- lmdb_open.c --- */
/* Write the sums (and whatever else must be right at the next open) into @txn. */
int kp_lmdb_write_sums(struct kp_lmdb_txn *txn);
/* The committed sums, as @txn sees them. KP_E_CORRUPT, KP_E_STORE */
KP_MUST_CHECK enum kp_err kp_lmdb_read_sums(const struct kp_lmdb *store, struct kp_aead *aead,
                                            MDB_txn *txn, struct kp_set_hash ret_sums[KP_TABLE_END],
                                            struct kp_diag *reterr_diag);
void kp_lmdb_free(struct kp_lmdb *store);

/* --- verify.c --- */
/* The table META alone, with every open: it holds the position from which the journal is applied,
 * and were it older than the rest, commands would have their effect twice. KP_E_CORRUPT */
KP_MUST_CHECK enum kp_err kp_lmdb_verify_meta(struct kp_store *store, struct kp_diag *reterr_diag);

#endif
