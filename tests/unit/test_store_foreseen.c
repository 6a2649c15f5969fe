/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses the maps of a keyring and a store */
/* What a reader read ahead of the writer: the writer takes it for what he would have read, and
 * takes nothing that was changed since. */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "store/lmdb_impl.h"
#include "test_store_common.h"

#define ROWS 400u
#define STEPS 4000u
#define READERS 4u
#define VALUE_BYTES_MAX 60u
#define LARGE_BYTES 5000u

static int setup(void **state)
{
    *state = new_lmdb_waiting(150); /* swept all the while */
    return 0;
}

static void put(struct kp_txn *txn, uint32_t number, uint64_t seed, size_t size)
{
    uint8_t key[9];
    uint8_t value[LARGE_BYTES];
    fixture_fill(value, size, seed);
    kp_txn_put(txn, KP_TABLE_INDEX, key_of(number, key), kp_slice_of(value, size), KP_SUBJECT_NONE);
}

static void read_ahead(struct kp_txn *txn, uint32_t number)
{
    uint8_t key[9];
    struct kp_slice value;
    size_t mark = kp_txn_scratch_mark(txn);
    kp_txn_read_ahead(txn);
    (void)kp_txn_get(txn, KP_TABLE_INDEX, key_of(number, key), &value);
    kp_txn_scratch_restore(txn, mark);
}

/* What the writer would take; it is gone then. */
static bool take(struct store_fixture *fixture, uint32_t number, bool *ret_found)
{
    uint8_t key[9];
    struct kp_lmdb *store = fixture->lmdb.impl;
    struct kp_row_place place = {KP_TABLE_INDEX, key_of(number, key)};
    struct kp_foreseen_row row;
    bool taken = kp_foreseen_take(store->foreseen, place, kp_place_hash(place), &row);
    if (taken) {
        *ret_found = row.found;
        free(row.memory);
    }
    return taken;
}

static void put_alone(struct store_fixture *fixture, uint32_t number, size_t size)
{
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    put(txn, number, number, size);
    commit(txn);
}

static void test_what_was_read_is_taken_once(void **state)
{
    struct store_fixture *fixture = *state;
    bool found = false;
    put_alone(fixture, 1, 30);
    struct kp_txn *reader = begin(&fixture->lmdb, false);
    assert_false(take(fixture, 1, &found));
    read_ahead(reader, 1);
    read_ahead(reader, 2);
    assert_true(take(fixture, 1, &found));
    assert_true(found);
    assert_false(take(fixture, 1, &found));
    assert_true(take(fixture, 2, &found)); /* that it is not there is worth as much */
    assert_false(found);
    kp_txn_abort(reader);
}

static void test_who_does_not_read_ahead_leaves_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    uint8_t key[9];
    struct kp_slice value;
    bool found;
    put_alone(fixture, 1, 30);
    struct kp_txn *reader = begin(&fixture->lmdb, false);
    assert_true(kp_txn_get(reader, KP_TABLE_INDEX, key_of(1, key), &value));
    kp_txn_abort(reader);
    assert_false(take(fixture, 1, &found));
}

static void test_what_was_changed_since_is_not_taken(void **state)
{
    struct store_fixture *fixture = *state;
    bool found;
    put_alone(fixture, 1, 30);
    put_alone(fixture, 2, 30);
    struct kp_txn *old = begin(&fixture->lmdb, false);
    read_ahead(old, 1); /* before the change */
    put_alone(fixture, 1, 31);
    put_alone(fixture, 2, 31);
    read_ahead(old, 2); /* after it, as it was before */
    assert_false(take(fixture, 1, &found));
    assert_false(take(fixture, 2, &found));
    kp_txn_abort(old);
    struct kp_txn *new = begin(&fixture->lmdb, false);
    read_ahead(new, 1);
    assert_true(take(fixture, 1, &found));
    kp_txn_abort(new);
}

/* What is a person's is under his key only, and dies with it; what is large is not kept. */
static void test_what_is_not_kept(void **state)
{
    struct store_fixture *fixture = *state;
    uint8_t key[9];
    bool found;
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    put(txn, 1, 1, LARGE_BYTES);
    kp_txn_put(txn, KP_TABLE_INDEX, key_of(2, key), KP_SLICE_LIT("his"), (struct kp_subject){77});
    commit(txn);
    struct kp_txn *reader = begin(&fixture->lmdb, false);
    read_ahead(reader, 1);
    read_ahead(reader, 2);
    assert_false(take(fixture, 1, &found));
    assert_false(take(fixture, 2, &found));
    kp_txn_abort(reader);
}

/* --- against a plain account --- */

struct plain {
    uint64_t seeds[ROWS]; /* of each value; 0: there is none */
};

static size_t size_of(uint64_t seed)
{
    return seed % VALUE_BYTES_MAX;
}

static void assert_row(struct kp_txn *txn, const struct plain *plain, uint32_t number)
{
    uint8_t key[9];
    uint8_t wanted[VALUE_BYTES_MAX];
    struct kp_slice value;
    uint64_t seed = plain->seeds[number];
    size_t mark = kp_txn_scratch_mark(txn);
    bool found = kp_txn_get(txn, KP_TABLE_INDEX, key_of(number, key), &value);
    assert_int_equal(found, seed != 0);
    fixture_fill(wanted, size_of(seed), seed);
    assert_true(!found || kp_slice_equal(value, kp_slice_of(wanted, size_of(seed))));
    kp_txn_scratch_restore(txn, mark);
}

static void alter(struct kp_txn *txn, struct plain *plain, uint32_t number, uint64_t seed)
{
    uint8_t key[9];
    if (seed % 4 == 0) {
        assert_int_equal(kp_txn_del(txn, KP_TABLE_INDEX, key_of(number, key)),
                         plain->seeds[number] != 0);
        plain->seeds[number] = 0;
    } else {
        put(txn, number, seed, size_of(seed));
        plain->seeds[number] = seed;
    }
}

/* Readers of several ages read ahead, the writer reads, changes, and now and then gives up. */
static void test_the_writer_reads_what_is_there(void **state)
{
    struct store_fixture *fixture = *state;
    static struct plain plain;
    static struct plain committed;
    struct kp_txn *readers[READERS];
    uint64_t seed = 11;
    memset(&plain, 0, sizeof plain);
    committed = plain;
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i] = begin(&fixture->lmdb, false);
    }
    struct kp_txn *writer = begin(&fixture->lmdb, true);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint64_t random = fixture_next(&seed);
        for (uint32_t i = 0; i < 8; i++) {
            read_ahead(readers[fixture_next(&seed) % READERS],
                       (uint32_t)(fixture_next(&seed) % ROWS));
        }
        assert_row(writer, &plain, (uint32_t)(fixture_next(&seed) % ROWS));
        alter(writer, &plain, (uint32_t)(fixture_next(&seed) % ROWS), random);
        if (random % 23 == 0) {
            kp_txn_abort(writer);
            plain = committed;
            writer = begin(&fixture->lmdb, true);
        } else if (random % 7 == 0) {
            commit(writer);
            committed = plain;
            kp_txn_abort(readers[step % READERS]);
            readers[step % READERS] = begin(&fixture->lmdb, false);
            writer = begin(&fixture->lmdb, true);
        }
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_row(writer, &plain, i);
    }
    commit(writer);
    for (uint32_t i = 0; i < READERS; i++) {
        kp_txn_abort(readers[i]);
    }
    assert_verifies(&fixture->lmdb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_read_is_taken_once, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_who_does_not_read_ahead_leaves_nothing, setup,
                                        done_lmdb),
        cmocka_unit_test_setup_teardown(test_what_was_changed_since_is_not_taken, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_what_is_not_kept, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_the_writer_reads_what_is_there, setup, done_lmdb),
    };
    return cmocka_run_group_tests_name("foreseen", tests, NULL, NULL);
}
