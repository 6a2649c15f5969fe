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
/* A page of full leaves holds more; many are half full after a split. */
#define ROWS_A_NEW_PAGE 64u

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
            pages += stat.ms_leaf_pages +
                     stat.ms_overflow_pages; /* for an estimate: a table that fails adds none */
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

/* The next change of what is frozen; false: none, or no more of the step. */
static bool next_change(struct kp_lmdb_txn *txn, uint64_t *left_io,
                        struct kp_run_record *ret_record)
{
    const struct kp_delta_view *view = txn->view;
    if (*left_io == 0) {
        return false;
    }
    --*left_io;
    return kp_runs_next(view->runs, view->frozen_count, txn->sweep.at, ret_record);
}

void kp_sweep_step(struct kp_lmdb_txn *txn, uint64_t records)
{
    struct kp_leaf_edit edit = {0};
    struct kp_run_record record;
    bool more = next_change(txn, &records, &record);
    while (more && txn->head.err == KP_OK) {
        kp_leaf_edit_begin(txn, &edit, record.place);
        while (more && txn->head.err == KP_OK && kp_leaf_edit_takes(&edit, record.place)) {
            kp_leaf_edit_put(&edit, &record);
            txn->sums.swept_table = record.place.table;
            txn->sums.swept = kp_key_raw(kp_key_none(), record.place.key);
            more = next_change(txn, &records, &record);
        }
        kp_leaf_edit_end(&edit);
    }
    kp_leaf_edit_done(&edit);
}
