/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The log: what the runs hold, on disk, in the table "log" of the store itself.
 *
 *   number u64  a row as any other about nobody: records of one run (run.h), in order
 *
 * Numbers only grow, so that pages fill up, and are never used again, so that no older row fits in
 * a younger one's place. A commit's records are written in the transaction that gathered them and
 * replayed in this order with every open, but for those that the sweep had passed; that another one
 * may be in its table already does no harm.
 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

/* A log row fills one page outside the tree: LMDB has 16 bytes of it. */
#define PAGE_ROW_BYTES 4080u
/* Of what may wait, in one run of those that are made while loading. */
#define LOAD_PART 8u

static size_t plain_bytes_max(void)
{
    return PAGE_ROW_BYTES - kp_row_bytes(0, KP_SUBJECT_NONE);
}

static struct kp_key name_of(uint64_t number)
{
    return kp_key_u64(kp_key_none(), number);
}

static void write_row(struct kp_lmdb_txn *txn, struct kp_slice records)
{
    struct kp_diag diag;
    struct kp_key name = name_of(txn->sums.log_next);
    struct kp_row_place place = {.table = KP_TABLE_NONE, .key = kp_key_slice(&name)};
    size_t raw_bytes = kp_row_bytes(records.size, KP_SUBJECT_NONE);
    MDB_val key = kp_env_val(place.key);
    MDB_val value = {.mv_size = raw_bytes};
    int code = mdb_put(txn->mdb, txn->store->log, &key, &value, MDB_RESERVE | MDB_APPEND);
    if (code != MDB_SUCCESS) {
        kp_rows_fail(txn, code, "cannot write the log of the store");
        return;
    }
    uint8_t *raw = value.mv_data;
    enum kp_err err =
        kp_row_seal(&txn->store->keys, txn->aead, place, records, KP_SUBJECT_NONE, raw, &diag);
    KP_ASSERT(err == KP_OK); /* a row about nobody needs nothing from the keyring */
    kp_set_hash_add(&txn->sums.log, txn->set_cipher, kp_row_tag(kp_slice_of(raw, raw_bytes)));
    txn->sums.log_next++;
}

void kp_delta_log_write(struct kp_lmdb_txn *txn, const struct kp_run *run)
{
    size_t from = 0;
    for (uint32_t i = 0; i < run->rows && txn->head.err == KP_OK; i++) {
        size_t end = i + 1 < run->rows ? run->offsets[i + 1] : run->size;
        size_t next_end = i + 2 < run->rows ? run->offsets[i + 2] : run->size;
        if (end == run->size || next_end - from > plain_bytes_max()) {
            write_row(txn, kp_slice_of(run->bytes + from, end - from));
            from = end;
        }
    }
}

/* --- reading --- */

/* The number of a log row; false: this is no such key. */
static bool number_of(MDB_val key, uint64_t *ret_number)
{
    const uint8_t *bytes = key.mv_data;
    *ret_number = 0;
    for (size_t i = 0; i < key.mv_size && i < sizeof *ret_number; i++) {
        *ret_number = *ret_number << 8 | bytes[i];
    }
    return key.mv_size == sizeof *ret_number;
}

void kp_delta_log_trim(struct kp_lmdb_txn *txn, uint64_t rows_max)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint64_t number = 0;
    if (txn->head.err != KP_OK || txn->sums.log.rows == 0) {
        return;
    }
    int code = mdb_cursor_open(txn->mdb, txn->store->log, &cursor);
    for (uint64_t i = 0; code == MDB_SUCCESS && i < rows_max; i++) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        const uint8_t *tag = code == MDB_SUCCESS ? kp_row_tag(kp_env_slice(value)) : NULL;
        if (code == MDB_SUCCESS && (tag == NULL || !number_of(key, &number))) {
            code = MDB_CORRUPTED;
        }
        if (code != MDB_SUCCESS || number >= txn->sums.log_dead) {
            break;
        }
        kp_set_hash_remove(&txn->sums.log, txn->set_cipher, tag);
        code = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) {
        kp_rows_fail(txn, code, "cannot trim the log of the store");
    }
}

struct log_walk {
    const struct kp_lmdb *store;
    struct kp_aead *aead;
    struct kp_block_cipher *cipher;
    struct kp_set_hash sum;
    uint64_t bad;
    uint8_t *plain;
    size_t capacity;
    /* Loading only. */
    struct kp_delta_view *view;
    struct kp_draft draft;
};

static void finish_run(struct log_walk *walk)
{
    struct kp_run *run = kp_draft_run(&walk->draft);
    if (run != NULL) {
        kp_delta_view_push(walk->store, walk->view, run);
    }
    kp_draft_clear(&walk->draft);
}

/* In large lots at once: to merge the runs of single commits would take several times as long. */
static void load_record(struct log_walk *walk, const struct kp_run_record *record)
{
    kp_draft_put(&walk->draft, record, kp_place_hash(record->place));
    if (walk->draft.rows >= walk->store->delta_rows_max / LOAD_PART ||
        walk->draft.size >= walk->store->delta_bytes_max / LOAD_PART) {
        finish_run(walk);
    }
}

/* A change that is in its table already, and is not younger than what is there, need not wait. */
static bool is_swept(const struct kp_lmdb_sums *sums, uint64_t number, struct kp_row_place place)
{
    struct kp_row_place swept = {sums->swept_table, kp_key_slice(&sums->swept)};
    return number < sums->log_dead ||
           (number < sums->sweep_end && kp_place_compare(place, swept) <= 0);
}

/* false: these are no records. */
static bool read_records(struct log_walk *walk, const struct kp_lmdb_sums *sums, uint64_t number,
                         struct kp_slice records)
{
    struct kp_run_record record;
    while (records.size > 0) {
        size_t size = kp_run_decode(records, &record);
        if (size == 0 || (unsigned)record.place.table >= KP_TABLE_END ||
            record.place.table == KP_TABLE_NONE || !kp_table_is_delta(record.place.table)) {
            return false;
        }
        if (walk->view != NULL && !is_swept(sums, number, record.place)) {
            load_record(walk, &record);
        }
        records = kp_slice_of(records.bytes + size, records.size - size);
    }
    return true;
}

static bool read_row(struct log_walk *walk, const struct kp_lmdb_sums *sums, MDB_val key,
                     MDB_val value)
{
    struct kp_diag diag;
    uint64_t number = 0;
    size_t size = 0;
    struct kp_slice raw = kp_env_slice(value);
    struct kp_row_place place = {.table = KP_TABLE_NONE, .key = kp_env_slice(key)};
    if (!number_of(key, &number) || number >= sums->log_next || !kp_row_value_bytes(raw, &size)) {
        return false;
    }
    if (size > walk->capacity) {
        free(walk->plain);
        walk->plain = malloc(size);
        KP_ASSERT(walk->plain != NULL);
        walk->capacity = size;
    }
    kp_set_hash_add(&walk->sum, walk->cipher, kp_row_tag(raw));
    return kp_row_open(&walk->store->keys, walk->aead, place, raw, walk->plain, &diag) == KP_OK &&
           read_records(walk, sums, number, kp_slice_of(walk->plain, size));
}

static int walk_log(struct log_walk *walk, MDB_txn *mdb, const struct kp_lmdb_sums *sums)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint64_t last = 0, number = 0;
    int code = mdb_cursor_open(mdb, walk->store->log, &cursor);
    if (code != MDB_SUCCESS) {
        return code;
    }
    while (code == MDB_SUCCESS) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (code != MDB_SUCCESS) {
            break;
        }
        walk->bad += read_row(walk, sums, key, value) ? 0 : 1;
        /* In a damaged tree the way on can lead back, and a walk would never end. */
        bool is_next = number_of(key, &number) && number > last;
        code = is_next ? MDB_SUCCESS : MDB_CORRUPTED;
        last = number;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

enum kp_err kp_delta_log_load(struct kp_lmdb *store, struct kp_aead *aead, MDB_txn *mdb,
                              struct kp_diag *reterr_diag)
{
    store->view = kp_delta_view_new(store);
    struct log_walk walk = {.store = store, .aead = aead, .view = store->view};
    walk.cipher = kp_block_cipher_new(&store->set_key);
    int code = walk_log(&walk, mdb, &store->sums);
    finish_run(&walk);
    kp_draft_done(&walk.draft);
    kp_block_cipher_free(walk.cipher);
    free(walk.plain);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot read the log of the store");
    }
    if (walk.bad > 0) {
        return kp_fail(reterr_diag, KP_E_CORRUPT, "%llu rows of the store's log are altered",
                       (unsigned long long)walk.bad);
    }
    if (memcmp(&walk.sum, &store->sums.log, sizeof walk.sum) != 0) {
        return kp_fail(reterr_diag, KP_E_CORRUPT,
                       "rows of the store's log are missing, added or older");
    }
    store->view->since = mdb_txn_id(mdb);
    return KP_OK;
}

enum kp_err kp_delta_log_verify(struct kp_lmdb_txn *txn, const struct kp_lmdb_sums *sums,
                                struct kp_set_hash *ret_sum, uint64_t *ret_bad,
                                struct kp_diag *reterr_diag)
{
    struct log_walk walk = {.store = txn->store, .aead = txn->aead};
    walk.cipher = kp_block_cipher_new(&txn->store->set_key);
    int code = walk_log(&walk, txn->mdb, sums);
    kp_block_cipher_free(walk.cipher);
    free(walk.plain);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot read the log of the store");
    }
    *ret_sum = walk.sum;
    *ret_bad = walk.bad;
    return KP_OK;
}
