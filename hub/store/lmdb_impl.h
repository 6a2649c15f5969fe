/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the parts of the LMDB store share; only they include this.
 *   lmdb.c        the store's table of functions: transactions, sealing and set hashes
 *   lmdb_rows.c   sealed rows in their tables: find, write, remove, walk
 *   lmdb_leaf.c   the same of a table with random keys, many together in one
 *   lmdb_delta.c  the changes that wait for their table: look-ups, and what a commit makes of them
 *   lmdb_log.c    the same on disk
 *   lmdb_sweep.c  their way into the tables, in steps
 *   lmdb_census.c which rows are in those tables at all
 *   lmdb_open.c   open, close, the store's own rows, figures and copies
 *   verify.c      the check of everything
 */
#ifndef KP_STORE_LMDB_IMPL_H
#define KP_STORE_LMDB_IMPL_H

#include "store/draft.h"
#include "store/env.h"
#include "store/foreseen.h"
#include "store/keys.h"
#include "store/lmdb.h"
#include "store/recent.h"
#include "store/row.h"
#include "store/run.h"
#include "store/sieve.h"

#include <pthread.h>
#include <stdatomic.h>

struct kp_lmdb_txn;

/* What the row "sums" tells of the rest. */
struct kp_lmdb_sums {
    struct kp_set_hash tables[KP_TABLE_END]; /* of the rows that are in their table */
    uint64_t rows[KP_TABLE_END];             /* as a reader sees them: with those that wait */
    struct kp_set_hash log;
    uint64_t log_next; /* number of the next log row; never used again */
    uint64_t log_dead; /* all below it is in the tables, and waits to be removed */
    /* Of the log rows below this one all changes up to this place are in the tables too. */
    uint64_t sweep_end;
    enum kp_table swept_table;
    struct kp_key swept;
};

#define KP_DELTA_LIVE_RUNS_MAX 40u
#define KP_DELTA_RUNS_MAX (2u * KP_DELTA_LIVE_RUNS_MAX)

/* The runs that belong to what LMDB shows, oldest first; immutable. */
struct kp_delta_view {
    uint32_t references; /* guarded by the store's mutex */
    uint64_t since;      /* the transaction, by LMDB's number, with which it came */
    uint32_t run_count;
    uint32_t frozen_count; /* of the oldest: they are being swept */
    struct kp_run *runs[KP_DELTA_RUNS_MAX];
    struct kp_sieve *frozen, *live; /* of the frozen runs (NULL: there are none), of the others */
};

/* How far the frozen runs of the view are in their tables. */
struct kp_sweep {
    uint32_t at[KP_DELTA_LIVE_RUNS_MAX]; /* next record of each */
    uint64_t leaf_pages;                 /* of their tables when they were frozen */
};

/* Which rows are in the tables with random keys, as far as it was taken (lmdb_census.c). */
#define KP_CENSUS_SIEVES_MAX 4u
struct kp_census_list {
    uint64_t rows_max;
    atomic_uint count;
    struct kp_sieve *sieves[KP_CENSUS_SIEVES_MAX];
    uint64_t rows_last, room; /* what the last one is for, and still has room for; the writer's */
};
struct kp_census {
    atomic_bool taken;                  /* of all rows that anybody sees */
    struct kp_census_list rows, others; /* all; those that are not short (kp_txn_is_short) */
};

/* Whose rows are in it: all of the tables before this one, and of its leaves up to this one. */
struct kp_census_walk {
    enum kp_table table; /* END: all */
    struct kp_key after; /* empty: none */
};

struct kp_lmdb {
    MDB_env *env;
    MDB_dbi tables[KP_TABLE_END];
    MDB_dbi own; /* rows of the store itself: "sums" and one for each start */
    MDB_dbi log; /* number u64 -> sealed records of a run; see lmdb_log.c */
    struct kp_row_keys keys;
    struct kp_secret set_key;
    struct kp_foreseen *foreseen; /* NULL: opened read only */
    struct kp_census census;      /* never taken by who opened read only */
    size_t scratch_bytes;
    uint64_t delta_rows_max, delta_bytes_max;
    bool read_only;
    pthread_mutex_t mutex;         /* guards what follows, and the beginning of readers */
    struct kp_lmdb_txn *spare;     /* readers that ended, kept for their memory and slot */
    struct kp_delta_view *view;    /* as committed */
    struct kp_delta_view *pending; /* of the commit that is under way: LMDB may show it already */
    /* The writer's own. */
    struct kp_lmdb_txn *writer;
    struct kp_lmdb_sums sums;          /* as committed */
    struct kp_sweep sweep;             /* as committed */
    struct kp_census_walk census_walk; /* as committed */
    bool writing;
    bool failed; /* a commit failed: what is on disk is not known until the next open */
};

/* What the last read of a table found, so that the write that follows it does not look again. */
struct kp_row_memo {
    struct kp_key key;
    bool known, found;
    uint8_t tag[KP_AEAD_TAG_BYTES];
};

/* The leaf that was opened last (lmdb_leaf.c). */
struct kp_leaf {
    enum kp_table table; /* NONE: none is open */
    struct kp_key name;  /* its key in the table */
    uint8_t *bytes;      /* records, in order */
    size_t size, capacity;
    size_t at; /* of the record that was found last */
};

/* Changes of the rows of one leaf, in their order. */
struct kp_leaf_edit {
    struct kp_lmdb_txn *txn;
    enum kp_table table;
    bool exists;        /* there is such a leaf: the transaction's open one */
    struct kp_key next; /* where the leaf behind it begins; empty: there is none */
    uint8_t tag[KP_AEAD_TAG_BYTES];
    size_t read; /* of the old records */
    uint8_t *bytes;
    size_t size, capacity;
};

struct kp_lmdb_txn {
    struct kp_txn head;
    struct kp_arena scratch;
    struct kp_lmdb *store;
    MDB_txn *mdb;
    struct kp_delta_view *view;            /* counted for a reader; the writer's is the store's */
    uint32_t hints[KP_DELTA_RUNS_MAX + 1]; /* where a walk is in each run; the last: the draft */
    struct kp_aead *aead;
    struct kp_lmdb_txn *next;
    struct kp_leaf leaf;
    MDB_cursor *cursors[KP_TABLE_END];
    bool cursor_ready[KP_TABLE_END]; /* belongs to the present use of this transaction */
    /* Writing only. */
    struct kp_block_cipher *set_cipher;
    struct kp_lmdb_sums sums;
    struct kp_sweep sweep;
    struct kp_census_walk census_walk;
    struct kp_draft draft;
    struct kp_row_memo memos[KP_TABLE_END];
    struct kp_recent *recent; /* NULL until the first one that writes */
    struct kp_key last_keys[KP_TABLE_END];
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
/* Room for a row of @raw_bytes, to be filled at once. */
uint8_t *kp_rows_put(struct kp_lmdb_txn *txn, struct kp_row_place place, size_t raw_bytes);
/* The row is known to exist. */
void kp_rows_del(struct kp_lmdb_txn *txn, struct kp_row_place place);
/* The row at @place or the last one before it; there is none: the first one. */
bool kp_rows_floor(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice *ret_key,
                   struct kp_slice *ret_raw);
bool kp_rows_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                  struct kp_slice *ret_key, struct kp_slice *ret_raw);

/* --- lmdb_leaf.c: false also when the transaction failed --- */
void kp_leaf_close(struct kp_leaf *leaf); /* what it was may have changed */
void kp_leaf_done(struct kp_leaf *leaf);
/* @ret_record is borrowed from the open leaf: valid until the next call. */
bool kp_leaf_get(struct kp_lmdb_txn *txn, struct kp_row_place place,
                 struct kp_run_record *ret_record);
bool kp_leaf_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                  struct kp_run_record *ret_record);
/* Open the first leaf behind the one of this name (empty: the first one), and read its records. */
bool kp_leaf_next(struct kp_lmdb_txn *txn, struct kp_row_place name);
bool kp_leaf_read(struct kp_lmdb_txn *txn, struct kp_run_record *ret_record);
/* Of the leaf to which @place belongs. Between begin and end nothing else may open a leaf. */
void kp_leaf_edit_begin(struct kp_lmdb_txn *txn, struct kp_leaf_edit *edit,
                        struct kp_row_place place);
bool kp_leaf_edit_takes(const struct kp_leaf_edit *edit, struct kp_row_place place);
void kp_leaf_edit_put(struct kp_leaf_edit *edit, const struct kp_run_record *record);
void kp_leaf_edit_end(struct kp_leaf_edit *edit);
void kp_leaf_edit_done(struct kp_leaf_edit *edit); /* its memory */

/* --- lmdb_delta.c: rows of tables with KP_TABLE_RANDOM; false also when the transaction failed ---
 */
bool kp_table_is_delta(enum kp_table table);
/* The row as this transaction sees it: never KP_RUN_GONE. Valid until the transaction's next write.
 */
bool kp_delta_get(struct kp_lmdb_txn *txn, struct kp_row_place place,
                  struct kp_run_record *ret_record);
void kp_delta_expect(struct kp_lmdb_txn *txn, struct kp_row_place place);   /* kp_txn_expect */
bool kp_delta_is_short(struct kp_lmdb_txn *txn, struct kp_row_place place); /* kp_txn_is_short */
bool kp_delta_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                   struct kp_run_record *ret_record);
void kp_delta_put(struct kp_lmdb_txn *txn, const struct kp_run_record *record);
uint64_t kp_delta_pages(const struct kp_lmdb_txn *txn); /* that its commit will write; estimate */
/* Write what was gathered, do a step of the sweep, and make the view that belongs to it. */
void kp_delta_before_commit(struct kp_lmdb_txn *txn);
/* That view, for readers who begin while LMDB commits. */
void kp_delta_offer(struct kp_lmdb_txn *txn);
void kp_delta_after(struct kp_lmdb_txn *txn, bool committed);
struct kp_delta_view *kp_delta_view_new(const struct kp_lmdb *store);
/* All its runs are frozen from now on. */
void kp_delta_view_freeze(const struct kp_lmdb *store, struct kp_delta_view *view);
/* The view for a reader's LMDB transaction that has begun; the mutex is held. NULL: opened read
 * only, and written by somebody else since. */
struct kp_delta_view *kp_delta_view_hold(struct kp_lmdb *store, const MDB_txn *mdb);
void kp_delta_view_release(struct kp_lmdb *store, struct kp_delta_view *view); /* takes the mutex */
void kp_delta_view_free(struct kp_delta_view *view);                           /* NULL: nothing */
/* Add @run, which becomes the view's, as the newest, merged with others by the store's limits. */
void kp_delta_view_push(const struct kp_lmdb *store, struct kp_delta_view *view,
                        struct kp_run *run);
/* What waits in the runs from @first on. */
void kp_delta_view_figures(const struct kp_delta_view *view, uint32_t first, uint64_t *ret_rows,
                           uint64_t *ret_bytes);

/* --- lmdb_log.c --- */
/* Append the records of @run. */
void kp_delta_log_write(struct kp_lmdb_txn *txn, const struct kp_run *run);
/* Remove at most @rows_max rows that are dead, oldest first. */
void kp_delta_log_trim(struct kp_lmdb_txn *txn, uint64_t rows_max);
/* Check every log row against store->sums, and make store->view of them. */
KP_MUST_CHECK enum kp_err kp_delta_log_load(struct kp_lmdb *store, struct kp_aead *aead,
                                            MDB_txn *mdb, struct kp_diag *reterr_diag);
/* Read every log row. *ret_sum of their tags; *ret_bad do not authenticate or hold no records.
 * @sums as this transaction sees them. */
KP_MUST_CHECK enum kp_err kp_delta_log_verify(struct kp_lmdb_txn *txn,
                                              const struct kp_lmdb_sums *sums,
                                              struct kp_set_hash *ret_sum, uint64_t *ret_bad,
                                              struct kp_diag *reterr_diag);

/* --- lmdb_sweep.c --- */
/* How many records the sweep takes along with a commit of @rows new ones in @bytes. */
uint64_t kp_sweep_pace(const struct kp_lmdb_txn *txn, uint64_t rows, uint64_t bytes);
uint64_t kp_sweep_pages(const struct kp_lmdb_txn *txn, uint64_t records); /* estimate */
void kp_sweep_step(struct kp_lmdb_txn *txn, uint64_t records);
bool kp_sweep_is_done(const struct kp_lmdb_txn *txn); /* also when nothing is frozen */
/* From here on the runs of @view are frozen. */
void kp_sweep_begin(struct kp_lmdb_txn *txn, struct kp_delta_view *view);

/* --- lmdb_census.c --- */
void kp_census_init(struct kp_census *census, uint64_t rows); /* for about so many */
void kp_census_done(struct kp_census *census);
/* The row is in its table now, or was. The writer's. */
void kp_census_note(struct kp_census *census, const struct kp_run_record *record);
/* false: no row with this kp_place_hash is in its table, for whoever looks. Any thread. */
bool kp_census_may_hold(const struct kp_census *census, uint64_t hash);
/* Whether it is a short one, if it is there; false says nothing. */
bool kp_census_is_short(const struct kp_census *census, uint64_t hash);
void kp_census_expect(const struct kp_census *census, uint64_t hash); /* it will be asked soon */
/* With each commit, behind its sweep; and when it is done. */
void kp_census_step(struct kp_lmdb_txn *txn);
void kp_census_after(struct kp_lmdb_txn *txn);

/* --- lmdb_open.c --- */
/* Write the sums (and whatever else must be right at the next open) into @txn. */
int kp_lmdb_write_sums(struct kp_lmdb_txn *txn);
/* The committed sums, as @txn sees them. KP_E_CORRUPT, KP_E_STORE */
KP_MUST_CHECK enum kp_err kp_lmdb_read_sums(const struct kp_lmdb *store, struct kp_aead *aead,
                                            MDB_txn *txn, struct kp_lmdb_sums *ret_sums,
                                            struct kp_diag *reterr_diag);
void kp_lmdb_free(struct kp_lmdb *store);

/* --- verify.c --- */
/* The table META alone, with every open: it holds the position from which the journal is applied,
 * and were it older than the rest, commands would have their effect twice. KP_E_CORRUPT */
KP_MUST_CHECK enum kp_err kp_lmdb_verify_meta(struct kp_store *store, struct kp_diag *reterr_diag);

#endif
