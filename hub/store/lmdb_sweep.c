/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <string.h>

/* The sweep takes so many halves of what comes anew: it ends when two thirds of what may wait are
 * there again. Slower would be steadier, and hold more memory. */
#define PACE_HALVES 3u
/* With each commit, so that it ends at all. Few: a small commit is to stay small. */
#define STEP_RECORDS_MIN 16u
/* With what else a commit writes, LMDB holds so many pages without writing some of them early. Not
 * met by who closes his group by kp_txn_dirty_pages, which counts the step too. */
#define STEP_PAGES_MAX 60000u
/* A full page holds more; many are half full after a split. */
#define ROWS_A_NEW_PAGE 32u

static uint64_t frozen_rows(const struct kp_delta_view *view)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < view->frozen_count; i++) {
        rows += view->runs[i]->rows;
    }
    return rows;
}

/* That the whole sweep writes: each leaf of the tables once, or one for each row. */
static uint64_t all_pages(const struct kp_lmdb_txn *txn)
{
    uint64_t rows = frozen_rows(txn->view);
    uint64_t pages = txn->sweep.leaf_pages + rows / ROWS_A_NEW_PAGE + 1;
    return pages < rows ? pages : rows;
}

uint64_t kp_sweep_pace(const struct kp_lmdb_txn *txn, uint64_t rows, uint64_t bytes)
{
    const struct kp_lmdb *store = txn->store;
    uint64_t rows_frozen = frozen_rows(txn->view);
    uint64_t total = rows_frozen * PACE_HALVES / 2;
    if (rows_frozen == 0) {
        return 0;
    }
    uint64_t by_rows = total * rows / store->delta_rows_max;
    uint64_t by_bytes = total * bytes / store->delta_bytes_max;
    uint64_t records = STEP_RECORDS_MIN + (by_rows > by_bytes ? by_rows : by_bytes);
    uint64_t records_max = STEP_PAGES_MAX * rows_frozen / all_pages(txn);
    return records < records_max ? records : records_max;
}

uint64_t kp_sweep_pages(const struct kp_lmdb_txn *txn, uint64_t records)
{
    uint64_t rows = frozen_rows(txn->view);
    return rows == 0 ? 0 : records * all_pages(txn) / rows + 1;
}

bool kp_sweep_is_done(const struct kp_lmdb_txn *txn)
{
    const struct kp_delta_view *view = txn->view;
    for (uint32_t i = 0; i < view->frozen_count; i++) {
        if (txn->sweep.at[i] < view->runs[i]->rows) {
            return false;
        }
    }
    return true;
}

static uint64_t leaf_pages(struct kp_lmdb_txn *txn)
{
    uint64_t pages = 0;
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        MDB_stat stat;
        if (kp_table_is_delta((enum kp_table)table) &&
            mdb_stat(txn->mdb, txn->store->tables[table], &stat) == MDB_SUCCESS) {
            pages += stat.ms_leaf_pages; /* for an estimate: a table that fails adds none */
        }
    }
    return pages;
}

void kp_sweep_begin(struct kp_lmdb_txn *txn, struct kp_delta_view *view)
{
    KP_ASSERT(view->run_count <= KP_DELTA_LIVE_RUNS_MAX);
    kp_delta_view_freeze(txn->store, view);
    memset(&txn->sweep, 0, sizeof txn->sweep);
    txn->sums.sweep_end = txn->sums.log_next;
    txn->sums.swept_table = KP_TABLE_NONE;
    txn->sums.swept = kp_key_none();
    txn->sweep.leaf_pages = leaf_pages(txn);
}

/* Remove the row from its table's set hash; *ret_found: there is one. false: the transaction
 * failed. */
static bool take_out(struct kp_lmdb_txn *txn, struct kp_row_place place, bool *ret_found)
{
    struct kp_slice raw;
    *ret_found = kp_rows_get(txn, place, &raw);
    if (*ret_found) {
        const uint8_t *tag = kp_row_tag(raw);
        if (tag == NULL) {
            kp_txn_fail(&txn->head, KP_E_CORRUPT, "a row of table %s has no valid header",
                        kp_table_name(place.table));
            return false;
        }
        kp_set_hash_remove(&txn->sums.tables[place.table], txn->set_cipher, tag);
    }
    return txn->head.err == KP_OK;
}

static void write_row(struct kp_lmdb_txn *txn, const struct kp_run_record *record)
{
    struct kp_diag diag;
    bool is_plain = record->kind == KP_RUN_PLAIN;
    size_t raw_bytes =
        is_plain ? kp_row_bytes(record->value.size, KP_SUBJECT_NONE) : record->value.size;
    uint8_t *raw = kp_rows_put(txn, record->place, raw_bytes);
    if (raw == NULL) {
        return;
    }
    if (is_plain) {
        enum kp_err err = kp_row_seal(&txn->store->keys, txn->aead, record->place, record->value,
                                      KP_SUBJECT_NONE, raw, &diag);
        KP_ASSERT(err == KP_OK); /* a row about nobody needs nothing from the keyring */
    } else {
        memcpy(raw, record->value.bytes, raw_bytes);
    }
    const uint8_t *tag = kp_row_tag(kp_slice_of(raw, raw_bytes));
    KP_ASSERT(tag != NULL);
    kp_set_hash_add(&txn->sums.tables[record->place.table], txn->set_cipher, tag);
}

void kp_sweep_step(struct kp_lmdb_txn *txn, uint64_t records)
{
    const struct kp_delta_view *view = txn->view;
    struct kp_run_record record = {.kind = KP_RUN_NONE};
    for (uint64_t i = 0; i < records && txn->head.err == KP_OK &&
                         kp_runs_next(view->runs, view->frozen_count, txn->sweep.at, &record);
         i++) {
        bool found = false;
        if (!take_out(txn, record.place, &found)) {
            return;
        }
        if (record.kind != KP_RUN_GONE) {
            write_row(txn, &record);
        } else if (found) {
            kp_rows_del(txn, record.place);
        }
    }
    if (record.kind != KP_RUN_NONE) {
        txn->sums.swept_table = record.place.table;
        txn->sums.swept = kp_key_raw(kp_key_none(), record.place.key);
    }
}
