/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/lmdb.h"

#include "base/assert.h"
#include "store/lmdb_impl.h"

#include <stdio.h>
#include <string.h>

struct verify {
    struct kp_lmdb_txn *txn;
    struct kp_block_cipher *cipher;
    struct kp_verify_report *report;
    void (*progress)(void *context, uint64_t rows);
    void *context;
    struct kp_set_hash sum; /* of the table at hand */
};

#define PROGRESS_ROWS 100000u

/* Keys are pseudonyms, but a report travels: a digest is enough to find the row again. */
static void note_first(struct verify *verify, enum kp_table table, struct kp_slice key,
                       const char *what)
{
    char *text = verify->report->first_bad;
    if (text[0] != '\0') {
        return;
    }
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(key, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    (void)snprintf(text, sizeof verify->report->first_bad, "table %s key %02x%02x%02x%02x: %s",
                   kp_table_name(table), digest[0], digest[1], digest[2], digest[3],
                   what); /* cut is fine: for a person */
}

/* Looked for from the root: in a damaged tree a walk can pass by a row that a lookup misses. */
static bool is_found_by_key(const struct kp_lmdb_txn *txn, struct kp_row_place place,
                            struct kp_slice raw)
{
    MDB_val key = kp_env_val(place.key);
    MDB_val value;
    return mdb_get(txn->mdb, txn->store->tables[place.table], &key, &value) == MDB_SUCCESS &&
           value.mv_data == raw.bytes;
}

/* Whether it authenticates. */
static bool verify_seal(struct verify *verify, struct kp_row_place place, struct kp_slice raw)
{
    struct kp_lmdb_txn *txn = verify->txn;
    struct kp_slice value;
    if (kp_lmdb_open_row(txn, place, raw, &value)) {
        verify->report->rows++;
        return true;
    }
    /* A row that does not open is what we look for; only other failures end the walk. */
    if (txn->head.err == KP_E_CORRUPT) {
        verify->report->bad_rows++;
        note_first(verify, place.table, place.key, "does not authenticate");
        txn->head.err = KP_OK;
    } else if (txn->head.err == KP_E_NOT_FOUND) {
        verify->report->lost_keys++;
        note_first(verify, place.table, place.key, "its key is gone");
        txn->head.err = KP_OK;
    }
    return false;
}

static void verify_row(struct verify *verify, struct kp_row_place place, struct kp_slice raw)
{
    const uint8_t *tag = kp_row_tag(raw);
    if (tag != NULL) {
        kp_set_hash_add(&verify->sum, verify->cipher, tag);
    }
    if (verify_seal(verify, place, raw) && !is_found_by_key(verify->txn, place, raw)) {
        verify->report->bad_rows++;
        note_first(verify, place.table, place.key, "is not found by its key");
    }
}

/* The rows as a reader sees them must be as many as were put and not removed: what waits and what
 * is in the table belong together. Those about persons that wait have a seal of their own. */
static void verify_waiting(struct verify *verify, enum kp_table table, uint64_t expected)
{
    struct kp_lmdb_txn *txn = verify->txn;
    struct kp_key last = kp_key_none();
    struct kp_run_record record;
    uint64_t rows = 0;
    size_t mark = kp_arena_mark(&txn->scratch);
    while (kp_delta_seek(txn, (struct kp_row_place){table, kp_key_slice(&last)},
                         /* after= */ last.size > 0, &record)) {
        last = kp_key_raw(kp_key_none(), record.place.key);
        rows++;
        if (record.kind == KP_RUN_SEALED) {
            (void)verify_seal(verify, record.place, record.value); /* it is counted */
            kp_arena_restore(&txn->scratch, mark);
        }
    }
    if (txn->head.err == KP_OK && rows != expected) {
        verify->report->bad_tables++;
        note_first(verify, table, KP_SLICE_EMPTY, "rows are missing or too many");
    }
}

static enum kp_err verify_log(struct verify *verify, const struct kp_lmdb_sums *expected,
                              struct kp_diag *reterr_diag)
{
    struct kp_set_hash sum;
    uint64_t bad = 0;
    enum kp_err err = kp_delta_log_verify(verify->txn, expected, &sum, &bad, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    verify->report->rows += sum.rows - bad;
    verify->report->bad_rows += bad;
    if (bad > 0) {
        note_first(verify, KP_TABLE_NONE, KP_SLICE_EMPTY, "rows of the log are altered");
    }
    if (memcmp(&sum, &expected->log, sizeof sum) != 0) {
        verify->report->bad_tables++;
        note_first(verify, KP_TABLE_NONE, KP_SLICE_EMPTY,
                   "rows of the log are missing, added or older");
    }
    return KP_OK;
}

static void verify_table(struct verify *verify, enum kp_table table,
                         const struct kp_set_hash *expected)
{
    struct kp_lmdb_txn *txn = verify->txn;
    struct kp_key last = kp_key_none();
    struct kp_slice raw;
    struct kp_row_place place = {.table = table};
    size_t mark = kp_arena_mark(&txn->scratch);
    verify->sum = (struct kp_set_hash){0};
    while (kp_rows_seek(txn, (struct kp_row_place){table, kp_key_slice(&last)},
                        /* after= */ last.size > 0, &place.key, &raw)) {
        last = kp_key_raw(kp_key_none(), place.key);
        place.key = kp_key_slice(&last);
        verify_row(verify, place, raw);
        kp_arena_restore(&txn->scratch, mark);
        if (verify->progress != NULL && verify->sum.rows % PROGRESS_ROWS == 0) {
            verify->progress(verify->context, verify->report->rows);
        }
    }
    if (txn->head.err == KP_OK && memcmp(&verify->sum, expected, sizeof *expected) != 0) {
        verify->report->bad_tables++;
        note_first(verify, table, KP_SLICE_EMPTY, "rows are missing, added or older");
    }
}

static enum kp_err judge(const struct verify *verify, struct kp_diag *reterr_diag)
{
    const struct kp_txn *txn = &verify->txn->head;
    const struct kp_verify_report *report = verify->report;
    if (txn->err != KP_OK) {
        return kp_fail(reterr_diag, txn->err, "%s", txn->diag.text);
    }
    if (report->bad_rows > 0 || report->lost_keys > 0 || report->bad_tables > 0) {
        return kp_fail(reterr_diag, KP_E_CORRUPT, "%s", report->first_bad);
    }
    return KP_OK;
}

static enum kp_err verify_all(struct verify *verify, struct kp_diag *reterr_diag)
{
    struct kp_lmdb_txn *txn = verify->txn;
    struct kp_lmdb_sums expected;
    enum kp_err err = kp_lmdb_read_sums(txn->store, txn->aead, txn->mdb, &expected, reterr_diag);
    if (err == KP_OK) {
        err = verify_log(verify, &expected, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    for (int i = KP_TABLE_NONE + 1; i < KP_TABLE_END; i++) {
        enum kp_table table = (enum kp_table)i;
        verify_table(verify, table, &expected.tables[table]);
        if (kp_table_is_delta(table)) {
            verify_waiting(verify, table, expected.rows[table]);
        }
    }
    return judge(verify, reterr_diag);
}

static enum kp_err verify_meta(struct verify *verify, struct kp_diag *reterr_diag)
{
    struct kp_lmdb_txn *txn = verify->txn;
    struct kp_lmdb_sums expected;
    enum kp_err err = kp_lmdb_read_sums(txn->store, txn->aead, txn->mdb, &expected, reterr_diag);
    if (err == KP_OK) {
        verify_table(verify, KP_TABLE_META, &expected.tables[KP_TABLE_META]);
        err = judge(verify, reterr_diag);
    }
    return err;
}

/* Run @check in a transaction of its own. */
static enum kp_err run(struct kp_store *store, struct verify *verify,
                       enum kp_err (*check)(struct verify *verify, struct kp_diag *reterr_diag),
                       struct kp_diag *reterr_diag)
{
    struct kp_txn *txn = NULL;
    KP_ASSERT(store->ops == &kp_lmdb_ops);
    *verify->report = (struct kp_verify_report){0};
    enum kp_err err = kp_txn_begin(store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    const struct kp_lmdb *lmdb = store->impl;
    verify->txn = kp_lmdb_txn_of(txn);
    verify->cipher = kp_block_cipher_new(&lmdb->set_key);
    err = check(verify, reterr_diag);
    kp_block_cipher_free(verify->cipher);
    kp_txn_abort(txn);
    return err;
}

enum kp_err kp_store_verify(struct kp_store *store, void (*progress)(void *context, uint64_t rows),
                            void *context, struct kp_verify_report *ret_report,
                            struct kp_diag *reterr_diag)
{
    struct verify verify = {.report = ret_report, .progress = progress, .context = context};
    return run(store, &verify, verify_all, reterr_diag);
}

enum kp_err kp_lmdb_verify_meta(struct kp_store *store, struct kp_diag *reterr_diag)
{
    struct kp_verify_report report;
    struct verify verify = {.report = &report};
    return run(store, &verify, verify_meta, reterr_diag);
}
