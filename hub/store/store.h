/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The state: tables of rows under one transaction at a time for the writer and any number for
 * readers. Two implementations behind one table of functions: LMDB (store/lmdb.h) and RAM
 * (store/ram.h). Keys and values here are plaintext; sealing, person keys and set hashes
 * are below this interface, so that the core, the digest and the RAM store know nothing of
 * them.
 */
#ifndef KP_STORE_STORE_H
#define KP_STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/memo.h"
#include "base/slice.h"

#define KP_TABLE_APPEND 1u
#define KP_TABLE_RANDOM 2u

enum kp_table {
    KP_TABLE_NONE = 0,
#define X(name, number, flags, key_layout) name = (number),
#include "store/tables.def"
#undef X
    KP_TABLE_END
};

const char *kp_table_name(enum kp_table table); /* "PERSON" */
unsigned kp_table_flags(enum kp_table table);

/* Whom a row is about: a person's id, whose own key seals it; 0: nobody, the table's epoch key
 * seals it. */
struct kp_subject {
    uint64_t id;
};
#define KP_SUBJECT_NONE ((struct kp_subject){0})

struct kp_txn;
struct kp_store_ops {
    enum kp_err (*begin)(void *store, bool write, struct kp_txn **ret_txn,
                         struct kp_diag *reterr_diag);
    bool (*get)(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                struct kp_slice *ret_value);
    void (*put)(struct kp_txn *txn, enum kp_table table, struct kp_slice key, struct kp_slice value,
                struct kp_subject subject);
    bool (*del)(struct kp_txn *txn, enum kp_table table, struct kp_slice key);
    /* First row with key >= @from (> @from when @after). */
    bool (*seek)(struct kp_txn *txn, enum kp_table table, struct kp_slice from, bool after,
                 struct kp_slice *ret_key, struct kp_slice *ret_value);
    /* NULL: no need */
    void (*expect)(struct kp_txn *txn, enum kp_table table, struct kp_slice key);
    /* NULL: never known */
    bool (*is_short)(struct kp_txn *txn, enum kp_table table, struct kp_slice key);
    void (*infer)(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                  struct kp_slice value);
    uint32_t (*dirty_pages)(const struct kp_txn *txn);
    enum kp_err (*commit)(struct kp_txn *txn, struct kp_diag *reterr_diag);
    void (*abort)(struct kp_txn *txn);
    void (*close)(void *store);
};

struct kp_store {
    const struct kp_store_ops *ops;
    void *impl;           /* owned by the implementation */
    struct kp_memo *memo; /* set by who opened it; NULL: none. Outlives the transactions */
};

/* The common head of a transaction; implementations embed it first. */
struct kp_txn {
    const struct kp_store_ops *ops;
    struct kp_arena *scratch; /* where values that are read live; owned by the implementation */
    struct kp_diag diag;      /* why, once err is set */
    enum kp_err err;          /* sticky: after the first failure every call does nothing */
    struct kp_memo *memo;     /* the store's */
    bool write;
    bool ahead; /* kp_txn_read_ahead */
};

/* One write transaction at a time, from the store's one writing thread; readers from any thread,
 * each transaction used by one thread and ended within KP_READ_TXN_US_MAX. */
KP_MUST_CHECK enum kp_err kp_txn_begin(struct kp_store *store, bool write, struct kp_txn **ret_txn,
                                       struct kp_diag *reterr_diag);

/* @ret_value  plaintext in the transaction's scratch memory: valid until kp_txn_scratch_restore
 * below it or the end. false: no such row, or the transaction failed (kp_txn_error tells). */
bool kp_txn_get(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                struct kp_slice *ret_value);
/* Insert or replace; @value is copied. A person's key is made when the first row about him is put.
 */
void kp_txn_put(struct kp_txn *txn, enum kp_table table, struct kp_slice key, struct kp_slice value,
                struct kp_subject subject);
/* true when the row existed. */
bool kp_txn_del(struct kp_txn *txn, enum kp_table table, struct kp_slice key);
/* The first row of @table with key >= @from, or with @after > @from; key and value live as in
 * kp_txn_get. */
bool kp_txn_seek(struct kp_txn *txn, enum kp_table table, struct kp_slice from, bool after,
                 struct kp_slice *ret_key, struct kp_slice *ret_value);

/* A memory beside the store, where it has one, of what follows from a row and never changes, by a
 * number that is never used for anything else: kept whatever becomes of the transaction, since the
 * journal brings the same again at the same position. What was forgotten nobody brings back.
 * @ret_bytes: KP_MEMO_BYTES_MAX. false: not there. */
bool kp_txn_recall(struct kp_txn *txn, uint64_t id, uint8_t *ret_bytes, size_t *ret_size);
void kp_txn_remember(struct kp_txn *txn, uint64_t id, struct kp_slice value);
void kp_txn_forget(struct kp_txn *txn, uint64_t id);

/* The row will be looked for soon, with others: what of memory that takes can be fetched while the
 * others are looked for. */
void kp_txn_expect(struct kp_txn *txn, enum kp_table table, struct kp_slice key);

/* Whether the row, if it is there, is a short one, where the store knows that without a look;
 * false says nothing. */
#define KP_ROW_SHORT_BYTES_MIN 12u
#define KP_ROW_SHORT_BYTES_MAX 19u
bool kp_txn_is_short(struct kp_txn *txn, enum kp_table table, struct kp_slice key);
/* The row is there and holds @value, as follows from other rows for certain: who reads it in this
 * transaction, or writes after it, is spared the look. */
void kp_txn_infer(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                  struct kp_slice value);

/* What this reading transaction reads from here on the writer will read next: where the store can,
 * he finds it at hand. */
void kp_txn_read_ahead(struct kp_txn *txn);

/* Release what was read since the mark: once per command, so that a long group stays within its
 * memory. */
size_t kp_txn_scratch_mark(struct kp_txn *txn);
void kp_txn_scratch_restore(struct kp_txn *txn, size_t mark);

/* Record a failure of the caller itself (for example a value that does not decode): sticky like any
 * other. */
void kp_txn_fail(struct kp_txn *txn, enum kp_err err, const char *format, ...) KP_PRINTF(3, 4);
enum kp_err kp_txn_error(const struct kp_txn *txn);
uint32_t kp_txn_dirty_pages(const struct kp_txn *txn); /* estimate, for closing a group */

/* Commits, or aborts when an error stuck (and returns it). The transaction is gone either way.
 * KP_E_DISK_FULL, KP_E_IO, KP_E_STORE  the commit failed: nothing may leave; the process must end
 * and reopen. */
KP_MUST_CHECK enum kp_err kp_txn_commit(struct kp_txn *txn, struct kp_diag *reterr_diag);
void kp_txn_abort(struct kp_txn *txn); /* NULL: nothing */

void kp_store_close(struct kp_store *store);

/* SHA-256 over every row as (table u8, key, plaintext value), each with its length, in table and
 * key order: equal for equal logical states, whatever the store. Works inside @txn, so that a
 * running hub can answer it. */
void kp_store_digest(struct kp_txn *txn, uint8_t ret_digest[32], uint64_t *ret_rows);

#endif
