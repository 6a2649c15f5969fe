/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Most rows under random keys that are looked for are not there: a name is misspelt in a way of its
 * own, a reference is new. To find that out in the table costs a way through LMDB's pages and a
 * leaf to unseal. The census spares most of it: it knows which rows came into the tables.
 *
 * It stands in memory, and is taken anew after each open: with each commit a piece of the tables is
 * read, until all of it was. What the sweep brings meanwhile is noted as it comes, and also what it
 * removes: a reader who began before may still see that. As nothing is ever crossed out, a row that
 * was not noted is not there, for anybody.
 *
 * A second list has those that are not short, or once were not: any other row is short, if it is
 * there at all. Who can tell from elsewhere what stands in it need not look (kp_txn_is_short).
 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <string.h>

#define SIEVE_ROWS_FIRST (UINT64_C(1) << 20)
/* Of all of them, a byte each. Of more rows it spares less: what the hub's heap may have is the
 * limit. */
#define ROWS_MAX (UINT64_C(1) << 24)
/* Most rows are short, and of more that are not fewer looks are spared. */
#define OTHERS_MAX (UINT64_C(1) << 22)
#define STEP_LEAVES 128u /* two milliseconds or less, with each commit */

_Static_assert(SIEVE_ROWS_FIRST << KP_CENSUS_SIEVES_MAX == ROWS_MAX,
               "each sieve is for twice the rows of the one before");

/* --- a list of rows: sieves, each for more than the one before --- */

static void add_sieve(struct kp_census_list *list, uint64_t rows)
{
    uint32_t count = atomic_load(&list->count);
    KP_ASSERT(count < KP_CENSUS_SIEVES_MAX);
    list->sieves[count] = kp_sieve_new(rows / 2); /* half as wide: one in thirty passes in vain */
    list->rows_last = rows;
    list->room = rows;
    atomic_store(&list->count, count + 1);
}

static void init_list(struct kp_census_list *list, uint64_t rows, uint64_t rows_max)
{
    uint64_t first = SIEVE_ROWS_FIRST;
    while (first < rows && first < rows_max) {
        first *= 2;
    }
    list->rows_max = rows_max;
    add_sieve(list, first);
}

static void done_list(struct kp_census_list *list)
{
    for (uint32_t i = 0; i < atomic_load(&list->count); i++) {
        kp_sieve_release(list->sieves[i]);
    }
}

static bool is_noted(const struct kp_census_list *list, uint64_t hash)
{
    for (uint32_t i = atomic_load(&list->count); i > 0; i--) {
        if (kp_sieve_may_hold(list->sieves[i - 1], hash)) {
            return true;
        }
    }
    return false;
}

static void note(struct kp_census_list *list, uint64_t hash)
{
    if (is_noted(list, hash)) {
        return;
    }
    if (list->room == 0 && list->rows_last < list->rows_max / 2) {
        add_sieve(list, 2 * list->rows_last);
    }
    kp_sieve_note(list->sieves[atomic_load(&list->count) - 1], hash);
    list->room -= list->room > 0 ? 1 : 0;
}

static void expect(const struct kp_census_list *list, uint64_t hash)
{
    for (uint32_t i = atomic_load(&list->count); i > 0; i--) {
        kp_sieve_expect(list->sieves[i - 1], hash);
    }
}

/* --- the census --- */

void kp_census_init(struct kp_census *census, uint64_t rows)
{
    init_list(&census->rows, rows, ROWS_MAX);
    init_list(&census->others, rows / 4, OTHERS_MAX);
}

void kp_census_done(struct kp_census *census)
{
    done_list(&census->rows);
    done_list(&census->others);
}

void kp_census_note(struct kp_census *census, const struct kp_run_record *record)
{
    uint64_t hash = kp_place_hash(record->place);
    bool is_short = record->value.size >= KP_ROW_SHORT_BYTES_MIN &&
                    record->value.size <= KP_ROW_SHORT_BYTES_MAX;
    note(&census->rows, hash);
    if (record->kind != KP_RUN_GONE && !is_short) {
        note(&census->others, hash);
    }
}

void kp_census_expect(const struct kp_census *census, uint64_t hash)
{
    expect(&census->rows, hash);
    expect(&census->others, hash);
}

bool kp_census_may_hold(const struct kp_census *census, uint64_t hash)
{
    return !atomic_load_explicit(&census->taken, memory_order_acquire) ||
           is_noted(&census->rows, hash);
}

bool kp_census_is_short(const struct kp_census *census, uint64_t hash)
{
    return atomic_load_explicit(&census->taken, memory_order_acquire) &&
           is_noted(&census->rows, hash) && !is_noted(&census->others, hash);
}

static bool is_walked(const struct kp_census_walk *walk)
{
    return walk->table == KP_TABLE_END;
}

/* The next leaf of the walk; false: its table has no more, or the transaction failed. */
static bool read_leaf(struct kp_lmdb_txn *txn, struct kp_census_walk *walk)
{
    struct kp_census *census = &txn->store->census;
    struct kp_run_record record;
    if (!kp_leaf_next(txn, (struct kp_row_place){walk->table, kp_key_slice(&walk->after)})) {
        return false;
    }
    while (kp_leaf_read(txn, &record)) {
        kp_census_note(census, &record);
    }
    walk->after = txn->leaf.name;
    return true;
}

void kp_census_step(struct kp_lmdb_txn *txn)
{
    struct kp_census_walk *walk = &txn->census_walk;
    for (uint32_t i = 0; i < STEP_LEAVES && !is_walked(walk) && txn->head.err == KP_OK; i++) {
        bool has_rows = walk->table > KP_TABLE_NONE && kp_table_is_delta(walk->table);
        if ((!has_rows || !read_leaf(txn, walk)) && txn->head.err == KP_OK) {
            walk->table++;
            walk->after = kp_key_none();
        }
    }
}

void kp_census_after(struct kp_lmdb_txn *txn)
{
    struct kp_lmdb *store = txn->store;
    store->census_walk = txn->census_walk;
    if (is_walked(&store->census_walk)) {
        atomic_store_explicit(&store->census.taken, true, memory_order_release);
    }
}
