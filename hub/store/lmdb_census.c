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
 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <string.h>

#define SIEVE_ROWS_FIRST (UINT64_C(1) << 20)
/* Of all of them, a byte each. Of more rows it spares less: what the hub's heap may have is the
 * limit. */
#define ROWS_MAX (UINT64_C(1) << 24)
#define STEP_LEAVES 128u /* two milliseconds or less, with each commit */

_Static_assert(SIEVE_ROWS_FIRST << KP_CENSUS_SIEVES_MAX == ROWS_MAX,
               "each sieve is for twice the rows of the one before");

static void add_sieve(struct kp_census *census, uint64_t rows)
{
    uint32_t count = atomic_load(&census->count);
    KP_ASSERT(count < KP_CENSUS_SIEVES_MAX);
    census->sieves[count] = kp_sieve_new(rows / 2); /* half as wide: one in thirty passes in vain */
    census->rows_last = rows;
    census->room = rows;
    atomic_store(&census->count, count + 1);
}

void kp_census_init(struct kp_census *census, uint64_t rows)
{
    uint64_t first = SIEVE_ROWS_FIRST;
    while (first < rows && first < ROWS_MAX) {
        first *= 2;
    }
    add_sieve(census, first);
}

void kp_census_done(struct kp_census *census)
{
    for (uint32_t i = 0; i < atomic_load(&census->count); i++) {
        kp_sieve_release(census->sieves[i]);
    }
}

static bool is_noted(const struct kp_census *census, uint64_t hash)
{
    for (uint32_t i = atomic_load(&census->count); i > 0; i--) {
        if (kp_sieve_may_hold(census->sieves[i - 1], hash)) {
            return true;
        }
    }
    return false;
}

void kp_census_note(struct kp_census *census, struct kp_row_place place)
{
    uint64_t hash = kp_place_hash(place);
    if (is_noted(census, hash)) {
        return;
    }
    if (census->room == 0 && census->rows_last < ROWS_MAX / 2) {
        add_sieve(census, 2 * census->rows_last);
    }
    kp_sieve_note(census->sieves[atomic_load(&census->count) - 1], hash);
    census->room -= census->room > 0 ? 1 : 0;
}

void kp_census_expect(const struct kp_census *census, uint64_t hash)
{
    for (uint32_t i = atomic_load(&census->count); i > 0; i--) {
        kp_sieve_expect(census->sieves[i - 1], hash);
    }
}

bool kp_census_may_hold(const struct kp_census *census, uint64_t hash)
{
    return !atomic_load_explicit(&census->taken, memory_order_acquire) || is_noted(census, hash);
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
        kp_census_note(census, record.place);
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
