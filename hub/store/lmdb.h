/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The state in LMDB: every row sealed, keys as they are (they hold no plaintext identifiers), one
 * environment, one named database for each table (so that append-only tables fill their pages),
 * a cursor a table. Only this folder knows MDB_*.
 */
#ifndef KP_STORE_LMDB_H
#define KP_STORE_LMDB_H

#include "base/crypto.h"
#include "store/keyring.h"
#include "store/store.h"

struct kp_store_options {
    const char *dir;                /* made when absent; the directory entry is synced */
    const struct kp_secret *master; /* borrowed during open */
    struct kp_keyring *ring;        /* borrowed; outlives the store */
    uint64_t map_bytes;             /* size of the sparse map; 0: 1 TiB */
    uint64_t scratch_bytes;         /* per transaction; 0: 32 MiB */
    uint64_t delta_rows_max;        /* rows that wait for their table before they are swept into */
    uint64_t delta_bytes_max;       /* it, and the memory they may take; 0: 1.4 million, 96 MiB */
    bool read_only;                 /* for tools beside a stopped hub */
};

/* Checks the forbidden flags (NOSYNC, NOMETASYNC, WRITEMAP, NOLOCK), the reader table and that the
 * master secret opens it. KP_E_CORRUPT, KP_E_STORE, KP_E_IO */
KP_MUST_CHECK enum kp_err kp_store_open_lmdb(const struct kp_store_options *options,
                                             struct kp_store *ret_store,
                                             struct kp_diag *reterr_diag);

struct kp_store_stat {
    uint64_t file_bytes, used_bytes, map_bytes;
    uint64_t rows;
    uint64_t waiting_rows, waiting_bytes; /* changes not in their table yet; the memory they take */
    uint32_t readers, stale_readers_cleared;
};
/* Also clears dead readers. Any thread. */
KP_MUST_CHECK enum kp_err kp_store_stat(struct kp_store *store, struct kp_store_stat *ret_stat,
                                        struct kp_diag *reterr_diag);

struct kp_verify_report {
    uint64_t rows;       /* opened and authenticated, of the tables and of the log */
    uint64_t bad_rows;   /* do not authenticate (altered, swapped), or not found by their key */
    uint64_t lost_keys;  /* sealed under a person's key that is gone */
    uint32_t bad_tables; /* the set hash differs: rows missing or rolled back */
    char first_bad[96];  /* table and key digest of the first fault, for a person */
};
/* Read every row and compare the keyed set hash of every table. @progress may be NULL.
 * KP_E_CORRUPT  something is wrong: see the report (which is filled). */
KP_MUST_CHECK enum kp_err kp_store_verify(struct kp_store *store,
                                          void (*progress)(void *context, uint64_t rows),
                                          void *context, struct kp_verify_report *ret_report,
                                          struct kp_diag *reterr_diag);

/* Copy the environment to @dir (which is made and synced) while in use (mdb_env_copy). */
KP_MUST_CHECK enum kp_err kp_store_copy(struct kp_store *store, const char *dir,
                                        struct kp_diag *reterr_diag);

#endif
