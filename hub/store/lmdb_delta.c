/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Small rows under random keys do not go to their table at once: each would write a page of its
 * own. A transaction gathers them in its draft. Its commit writes the draft to the log, whose pages
 * fill up, and makes it a run of the view; when the runs hold much they are frozen and swept into
 * the tables in key order, in steps, one with each commit: by then many rows share a page.
 *
 * Every reader has the view that belongs to what LMDB shows him. A commit shows itself to those who
 * begin as soon as LMDB has written it, before it returns from its sync; so the new view is offered
 * before, with the number of its transaction, and each reader takes the one for the number that he
 * got. Nobody waits for the disk.
 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <stdlib.h>

#define SIEVE_ROWS_MAX 4000000u
/* Runs are merged with their elder neighbour of less than this many times their rows... */
#define MERGE_RATIO 2u
/* ... up to this part of what all may hold: a larger merge would hold up its commit. */
#define MERGE_PART 8u
/* Faster than the log grows: less than one more freeze of it is ever there. */
#define TRIM_RATIO 4u
#define TRIM_ROWS_MIN 64u
#define PAGE_BYTES 4096u

bool kp_table_is_delta(enum kp_table table)
{
    return (kp_table_flags(table) & KP_TABLE_RANDOM) != 0;
}

/* --- views --- */

/* Nothing waits in it; @live for what will. */
static struct kp_delta_view *view_new(struct kp_sieve *live)
{
    struct kp_delta_view *view = calloc(1, sizeof *view);
    KP_ASSERT(view != NULL);
    view->references = 1;
    view->live = live;
    return view;
}

static struct kp_sieve *new_sieve(const struct kp_lmdb *store)
{
    return kp_sieve_new(store->delta_rows_max < SIEVE_ROWS_MAX ? store->delta_rows_max
                                                               : SIEVE_ROWS_MAX);
}

struct kp_delta_view *kp_delta_view_new(const struct kp_lmdb *store)
{
    return view_new(new_sieve(store));
}

void kp_delta_view_freeze(const struct kp_lmdb *store, struct kp_delta_view *view)
{
    KP_ASSERT(view->frozen_count == 0 && view->frozen == NULL);
    view->frozen_count = view->run_count;
    view->frozen = view->live;
    view->live = new_sieve(store);
}

void kp_delta_view_free(struct kp_delta_view *view)
{
    if (view != NULL) {
        for (uint32_t i = 0; i < view->run_count; i++) {
            kp_run_release(view->runs[i]);
        }
        kp_sieve_release(view->frozen);
        kp_sieve_release(view->live);
        free(view);
    }
}

struct kp_delta_view *kp_delta_view_hold(struct kp_lmdb *store, const MDB_txn *mdb)
{
    /* LMDB only looks, though its type does not say so. */
    uint64_t number = mdb_txn_id((MDB_txn *)(uintptr_t)mdb);
    if (store->read_only && number != store->view->since) {
        return NULL;
    }
    bool is_pending = store->pending != NULL && number >= store->pending->since;
    struct kp_delta_view *view = is_pending ? store->pending : store->view;
    view->references++;
    return view;
}

void kp_delta_view_release(struct kp_lmdb *store, struct kp_delta_view *view)
{
    (void)pthread_mutex_lock(&store->mutex);
    bool last = --view->references == 0;
    (void)pthread_mutex_unlock(&store->mutex);
    if (last) {
        kp_delta_view_free(view);
    }
}

void kp_delta_view_figures(const struct kp_delta_view *view, uint32_t first, uint64_t *ret_rows,
                           uint64_t *ret_bytes)
{
    *ret_rows = 0;
    *ret_bytes = 0;
    for (uint32_t i = first; i < view->run_count; i++) {
        *ret_rows += view->runs[i]->rows;
        *ret_bytes += kp_run_heap_bytes(view->runs[i]);
    }
}

/* Whether the two newest live runs belong together. Their number is bounded in any case: where
 * sizes fall by less than the ratio, two neighbours hold more than that part of the whole. */
static bool is_merge_due(const struct kp_lmdb *store, uint32_t live, const struct kp_run *older,
                         const struct kp_run *newer)
{
    uint64_t bytes = kp_run_heap_bytes(older) + kp_run_heap_bytes(newer);
    bool small = (uint64_t)older->rows + newer->rows <= store->delta_rows_max / MERGE_PART &&
                 bytes <= store->delta_bytes_max / MERGE_PART;
    return live > KP_DELTA_LIVE_RUNS_MAX || (small && older->rows / MERGE_RATIO <= newer->rows);
}

void kp_delta_view_push(const struct kp_lmdb *store, struct kp_delta_view *view, struct kp_run *run)
{
    kp_sieve_add(view->live, run);
    while (view->run_count > view->frozen_count) {
        struct kp_run *older = view->runs[view->run_count - 1];
        KP_ASSERT(older != NULL);
        uint32_t live = view->run_count - view->frozen_count + 1;
        if (!is_merge_due(store, live, older, run)) {
            break;
        }
        struct kp_run *merged = kp_run_merge(older, run);
        kp_run_release(older);
        kp_run_release(run);
        run = merged;
        view->run_count--;
    }
    KP_ASSERT(view->run_count < KP_DELTA_RUNS_MAX);
    view->runs[view->run_count++] = run;
}

/* --- look-ups --- */

/* The newest change of @place that waits. */
static bool find_waiting(const struct kp_lmdb_txn *txn, struct kp_row_place place, uint64_t hash,
                         struct kp_run_record *ret_record)
{
    const struct kp_delta_view *view = txn->view;
    if (kp_draft_find(&txn->draft, place, hash, ret_record)) {
        return true;
    }
    uint32_t until = kp_sieve_may_hold(view->live, hash) ? view->run_count : view->frozen_count;
    uint32_t from =
        view->frozen != NULL && kp_sieve_may_hold(view->frozen, hash) ? 0 : view->frozen_count;
    for (uint32_t i = until; i > from; i--) {
        if (kp_run_find(view->runs[i - 1], place, hash, ret_record)) {
            return true;
        }
    }
    return false;
}

void kp_delta_expect(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    uint64_t hash = kp_place_hash(place);
    kp_sieve_expect(txn->view->live, hash);
    if (txn->view->frozen != NULL) {
        kp_sieve_expect(txn->view->frozen, hash);
    }
    kp_census_expect(&txn->store->census, hash);
    if (txn->head.write) {
        kp_foreseen_expect(txn->store->foreseen, hash);
    }
}

bool kp_delta_get(struct kp_lmdb_txn *txn, struct kp_row_place place,
                  struct kp_run_record *ret_record)
{
    uint64_t hash = kp_place_hash(place);
    if (find_waiting(txn, place, hash, ret_record)) {
        return ret_record->kind != KP_RUN_GONE;
    }
    return kp_census_may_hold(&txn->store->census, hash) && kp_leaf_get(txn, place, ret_record);
}

/* What waits is found fast enough, and is not told of. */
bool kp_delta_is_short(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    const struct kp_delta_view *view = txn->view;
    struct kp_run_record record;
    uint64_t hash = kp_place_hash(place);
    return !kp_sieve_may_hold(view->live, hash) &&
           (view->frozen == NULL || !kp_sieve_may_hold(view->frozen, hash)) &&
           kp_census_is_short(&txn->store->census, hash) &&
           !kp_draft_find(&txn->draft, place, hash, &record);
}

static void choose(const struct kp_run *run, uint32_t index, enum kp_table table, bool *found,
                   struct kp_run_record *record)
{
    if (index < run->rows) {
        struct kp_run_record other = kp_run_at(run, index);
        if (other.place.table == table &&
            (!*found || kp_place_compare(other.place, record->place) <= 0)) {
            *record = other;
            *found = true;
        }
    }
}

/* Of what waits, the first change at or behind @from; of equal places the newest. */
static bool seek_waiting(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                         struct kp_run_record *ret_record)
{
    bool found = false;
    const struct kp_delta_view *view = txn->view;
    for (uint32_t i = 0; i < view->run_count; i++) {
        uint32_t index = kp_run_seek(view->runs[i], from, after, &txn->hints[i]);
        choose(view->runs[i], index, from.table, &found, ret_record);
    }
    const struct kp_run *draft = kp_draft_sorted(&txn->draft);
    if (draft != NULL) {
        uint32_t index = kp_run_seek(draft, from, after, &txn->hints[KP_DELTA_RUNS_MAX]);
        choose(draft, index, from.table, &found, ret_record);
    }
    return found;
}

bool kp_delta_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                   struct kp_run_record *ret_record)
{
    struct kp_run_record row;
    struct kp_run_record waiting;
    bool is_in_table = kp_leaf_seek(txn, from, after, &row);
    while (txn->head.err == KP_OK) {
        bool waits = seek_waiting(txn, from, after, &waiting);
        int order = !waits ? -1 : !is_in_table ? 1 : kp_place_compare(row.place, waiting.place);
        if (order < 0) {
            *ret_record = row;
            return is_in_table;
        }
        if (waiting.kind != KP_RUN_GONE) {
            *ret_record = waiting;
            return true;
        }
        from.key = waiting.place.key;
        after = true;
        if (order == 0) {
            is_in_table = kp_leaf_seek(txn, from, after, &row);
        }
    }
    return false;
}

void kp_delta_put(struct kp_lmdb_txn *txn, const struct kp_run_record *record)
{
    uint64_t hash = kp_place_hash(record->place);
    kp_foreseen_change(txn->store->foreseen, hash, mdb_txn_id(txn->mdb));
    kp_draft_put(&txn->draft, record, hash);
}

/* --- commits --- */

/* Of the draft as a run. */
static uint64_t draft_bytes(const struct kp_lmdb_txn *txn)
{
    return txn->draft.size + txn->draft.rows * sizeof(uint32_t);
}

uint64_t kp_delta_pages(const struct kp_lmdb_txn *txn)
{
    uint64_t swept = kp_sweep_pace(txn, txn->draft.rows, draft_bytes(txn));
    return txn->draft.size / PAGE_BYTES + kp_sweep_pages(txn, swept);
}

/* The present view without the frozen runs when they are all swept, and with @run. */
static struct kp_delta_view *next_view(const struct kp_lmdb_txn *txn, struct kp_run *run)
{
    const struct kp_delta_view *old = txn->view;
    struct kp_delta_view *view = view_new(kp_sieve_hold(old->live));
    uint32_t first = kp_sweep_is_done(txn) ? old->frozen_count : 0;
    view->frozen_count = old->frozen_count - first;
    view->frozen = view->frozen_count > 0 ? kp_sieve_hold(old->frozen) : NULL;
    for (uint32_t i = first; i < old->run_count; i++) {
        view->runs[view->run_count++] = kp_run_hold(old->runs[i]);
    }
    if (run != NULL) {
        kp_delta_view_push(txn->store, view, run);
    }
    return view;
}

static bool is_full(const struct kp_lmdb *store, const struct kp_delta_view *view)
{
    uint64_t rows, bytes;
    kp_delta_view_figures(view, view->frozen_count, &rows, &bytes);
    return rows >= store->delta_rows_max || bytes >= store->delta_bytes_max;
}

void kp_delta_before_commit(struct kp_lmdb_txn *txn)
{
    uint64_t log_first = txn->sums.log_next;
    uint64_t swept = kp_sweep_pace(txn, txn->draft.rows, draft_bytes(txn));
    struct kp_run *run = kp_draft_run(&txn->draft);
    if (run != NULL) {
        kp_delta_log_write(txn, run);
    }
    kp_sweep_step(txn, swept);
    if (txn->view->frozen_count > 0 && kp_sweep_is_done(txn)) {
        txn->sums.log_dead = txn->sums.sweep_end;
    }
    kp_census_step(txn);
    kp_delta_log_trim(txn, TRIM_RATIO * (txn->sums.log_next - log_first) + TRIM_ROWS_MIN);
    if (txn->head.err != KP_OK) {
        kp_run_release(run);
        return;
    }
    txn->view = next_view(txn, run);
    if (txn->view->frozen_count == 0 && is_full(txn->store, txn->view)) {
        kp_sweep_begin(txn, txn->view);
    }
}

void kp_delta_offer(struct kp_lmdb_txn *txn)
{
    struct kp_lmdb *store = txn->store;
    txn->view->since = mdb_txn_id(txn->mdb);
    (void)pthread_mutex_lock(&store->mutex);
    store->pending = txn->view;
    (void)pthread_mutex_unlock(&store->mutex);
}

void kp_delta_after(struct kp_lmdb_txn *txn, bool committed)
{
    struct kp_lmdb *store = txn->store;
    struct kp_delta_view *unused = txn->view == store->view ? NULL : txn->view;
    (void)pthread_mutex_lock(&store->mutex);
    if (committed) {
        unused = store->view;
        store->view = txn->view;
        store->sweep = txn->sweep;
        kp_census_after(txn);
    }
    store->pending = NULL;
    (void)pthread_mutex_unlock(&store->mutex);
    if (unused != NULL) {
        kp_delta_view_release(store, unused);
    }
    txn->view = NULL;
    kp_draft_clear(&txn->draft);
}
