/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses the maps of a keyring and a store */
/* check: not under tsan: nothing here has a thread, and test_store_delta runs the same code there
 */
/* Which rows the tables hold is known after each open, by and by, and nobody misses one by it. */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "store/lmdb_impl.h"
#include "test_store_common.h"

#define ROWS 30000u /* in more leaves than three commits read */
#define WAITING_MAX 2000u
#define LEAVES_A_COMMIT 128u
#define ABSENT 10000u

static const struct kp_slice value = {(const uint8_t *)"a value of 20 bytes.", 20};

static struct kp_lmdb *impl(struct store_fixture *fixture)
{
    return fixture->lmdb.impl;
}

static int setup(void **state)
{
    *state = new_lmdb_waiting(WAITING_MAX);
    return 0;
}

static void put_rows(struct store_fixture *fixture, uint32_t rows)
{
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    for (uint32_t i = 0; i < rows; i++) {
        uint8_t bytes[9];
        kp_txn_put(txn, KP_TABLE_INDEX, key_of(i, bytes), value, KP_SUBJECT_NONE);
        if (i % WAITING_MAX == WAITING_MAX - 1) {
            commit(txn);
            txn = begin(&fixture->lmdb, true);
        }
    }
    commit(txn);
}

/* A row of another such table, so that what waits is swept. */
static void commit_something(struct store_fixture *fixture, uint32_t what)
{
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    kp_txn_put(txn, KP_TABLE_REFERENCE, KP_SLICE_LIT("what"), kp_slice_of(&what, sizeof what),
               KP_SUBJECT_NONE);
    commit(txn);
}

static void assert_rows(struct kp_txn *txn, uint32_t rows, uint32_t step)
{
    for (uint32_t i = 0; i < rows; i += step) {
        uint8_t bytes[9];
        struct kp_slice found;
        size_t mark = kp_txn_scratch_mark(txn);
        assert_true(kp_txn_get(txn, KP_TABLE_INDEX, key_of(i, bytes), &found));
        assert_true(kp_slice_equal(found, value));
        kp_txn_scratch_restore(txn, mark);
    }
}

static bool is_taken(struct store_fixture *fixture)
{
    return atomic_load(&impl(fixture)->census.taken);
}

static uint32_t not_spared(struct store_fixture *fixture)
{
    uint32_t count = 0;
    for (uint32_t i = ROWS; i < ROWS + ABSENT; i++) {
        uint8_t bytes[9];
        struct kp_row_place place = {KP_TABLE_INDEX, key_of(i, bytes)};
        count += kp_census_may_hold(&impl(fixture)->census, kp_place_hash(place)) ? 1 : 0;
    }
    return count;
}

static void test_a_new_store_knows_at_once(void **state)
{
    struct store_fixture *fixture = *state;
    assert_false(is_taken(fixture));
    commit_something(fixture, 1);
    assert_true(is_taken(fixture));
    put_rows(fixture, ROWS);
    struct kp_txn *txn = begin(&fixture->lmdb, false);
    assert_rows(txn, ROWS, 1);
    kp_txn_abort(txn);
    assert_true(not_spared(fixture) < ABSENT / 50);
}

static uint64_t leaves_of(struct store_fixture *fixture)
{
    struct kp_txn *txn = begin(&fixture->lmdb, false);
    MDB_stat stat;
    assert_int_equal(
        mdb_stat(kp_lmdb_txn_of(txn)->mdb, impl(fixture)->tables[KP_TABLE_INDEX], &stat),
        MDB_SUCCESS);
    kp_txn_abort(txn);
    return stat.ms_entries;
}

/* As many commits as it takes, and at each of them every row is found. */
static void test_an_old_one_learns_it_again(void **state)
{
    struct store_fixture *fixture = *state;
    put_rows(fixture, ROWS);
    kp_store_close(&fixture->lmdb);
    open_lmdb_waiting(fixture, WAITING_MAX);
    uint64_t leaves = leaves_of(fixture);
    uint32_t commits = 0;
    assert_true(leaves > 3 * LEAVES_A_COMMIT);
    while (!is_taken(fixture)) {
        assert_int_equal(not_spared(fixture), ABSENT);
        struct kp_txn *txn = begin(&fixture->lmdb, false);
        assert_rows(txn, ROWS, 17);
        kp_txn_abort(txn);
        commit_something(fixture, commits++);
        assert_true(commits <= leaves / LEAVES_A_COMMIT + 2);
    }
    assert_true(commits > leaves / LEAVES_A_COMMIT);
    struct kp_txn *txn = begin(&fixture->lmdb, false);
    assert_rows(txn, ROWS, 1);
    kp_txn_abort(txn);
    assert_true(not_spared(fixture) < ABSENT / 50);
}

/* They are removed before anybody reads the leaf in which they stood. */
static void test_who_began_before_still_sees_what_is_removed(void **state)
{
    struct store_fixture *fixture = *state;
    put_rows(fixture, ROWS);
    kp_store_close(&fixture->lmdb);
    open_lmdb_waiting(fixture, 1);
    commit_something(fixture, 1); /* what waited is swept, or nearly */
    struct kp_txn *reader = begin(&fixture->lmdb, false);
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint8_t bytes[9];
        assert_true(kp_txn_del(txn, KP_TABLE_INDEX, key_of(i, bytes)));
    }
    commit(txn);
    for (uint32_t commits = 0; !is_taken(fixture); commits++) {
        commit_something(fixture, commits);
        assert_true(commits < ROWS);
    }
    assert_rows(reader, ROWS, 1);
    kp_txn_abort(reader);
    assert_int_equal(leaves_of(fixture), 0);
}

/* --- which of them are short --- */

static bool is_short(struct kp_txn *txn, uint32_t number)
{
    uint8_t bytes[9];
    return kp_txn_is_short(txn, KP_TABLE_INDEX, key_of(number, bytes));
}

/* By number: one byte too few, the least, the most, one too many. */
static size_t bytes_of(uint32_t number)
{
    static const size_t sizes[4] = {KP_ROW_SHORT_BYTES_MIN - 1, KP_ROW_SHORT_BYTES_MIN,
                                    KP_ROW_SHORT_BYTES_MAX, KP_ROW_SHORT_BYTES_MAX + 1};
    return sizes[number % 4];
}

static void put_row(struct kp_txn *txn, uint32_t number, size_t size)
{
    uint8_t bytes[9];
    kp_txn_put(txn, KP_TABLE_INDEX, key_of(number, bytes), kp_slice_of(value.bytes, size),
               KP_SUBJECT_NONE);
}

/* Of the rows up to @rows that are short, how many the store says so of; of no other one. */
static uint32_t told_short(struct store_fixture *fixture, uint32_t rows)
{
    struct kp_txn *txn = begin(&fixture->lmdb, false);
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        bool told = is_short(txn, i);
        assert_true(!told || i % 4 == 1 || i % 4 == 2);
        count += told ? 1 : 0;
    }
    kp_txn_abort(txn);
    return count;
}

static void test_which_are_short_is_told_of_no_other(void **state)
{
    struct store_fixture *fixture = *state;
    const uint32_t rows = 8000;
    commit_something(fixture, 0);
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    for (uint32_t i = 0; i < rows; i++) {
        put_row(txn, i, bytes_of(i));
    }
    assert_false(is_short(txn, 1)); /* it waits, in the draft */
    commit(txn);
    assert_int_equal(told_short(fixture, rows), 0);                   /* they wait */
    for (uint32_t i = 0; i < 4 * WAITING_MAX; i += WAITING_MAX / 2) { /* and are swept */
        txn = begin(&fixture->lmdb, true);
        for (uint32_t k = 0; k < WAITING_MAX / 2; k++) {
            put_row(txn, rows + i + k, 20);
        }
        commit(txn);
    }
    assert_true(told_short(fixture, rows) > rows / 2 * 9 / 10);

    txn = begin(&fixture->lmdb, true);
    for (uint32_t i = 0; i < 100; i++) { /* so few wait without being frozen */
        put_row(txn, i, 20);
    }
    commit(txn);
    txn = begin(&fixture->lmdb, false);
    for (uint32_t i = 0; i < 100; i++) {
        assert_false(is_short(txn, i));
    }
    kp_txn_abort(txn);

    struct kp_txn *before = begin(&fixture->lmdb, false);
    txn = begin(&fixture->lmdb, true);
    for (uint32_t i = 0; i < rows; i++) {
        put_row(txn, i, 20);
        assert_false(is_short(txn, i)); /* at once */
    }
    commit(txn);
    for (uint32_t i = 0; i < 8; i++) {
        txn = begin(&fixture->lmdb, false);
        for (uint32_t k = 0; k < rows; k++) {
            assert_false(is_short(txn, k));
        }
        kp_txn_abort(txn);
        commit_something(fixture, i); /* a step of the sweep */
    }
    kp_txn_abort(before);
}

static void put_rows_of_all_sizes(struct store_fixture *fixture, uint32_t rows)
{
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    for (uint32_t i = 0; i < rows; i++) {
        put_row(txn, i, bytes_of(i));
        if (i % WAITING_MAX == WAITING_MAX - 1) {
            commit(txn);
            txn = begin(&fixture->lmdb, true);
        }
    }
    commit(txn);
}

static void test_after_an_open_nothing_is_told_until_all_is_read(void **state)
{
    struct store_fixture *fixture = *state;
    uint32_t commits = 0;
    put_rows_of_all_sizes(fixture, ROWS);
    kp_store_close(&fixture->lmdb);
    open_lmdb_waiting(fixture, WAITING_MAX);
    for (; !is_taken(fixture); commits++) {
        assert_int_equal(told_short(fixture, ROWS), 0);
        commit_something(fixture, commits);
    }
    assert_true(commits > 3);
    assert_true(told_short(fixture, ROWS) > ROWS / 3);
}

static void assert_reads(struct kp_txn *txn, struct kp_slice key, const char *text)
{
    struct kp_slice found;
    assert_true(kp_txn_get(txn, KP_TABLE_INDEX, key, &found));
    assert_true(kp_slice_equal(found, kp_slice_str(text)));
}

/* The store takes it as it is told. */
static void test_who_infers_a_row_does_not_read_it(void **state)
{
    struct store_fixture *fixture = *state;
    uint8_t bytes[9];
    struct kp_slice key = key_of(1, bytes);
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    kp_txn_put(txn, KP_TABLE_INDEX, key, kp_slice_str("what stands there"), KP_SUBJECT_NONE);
    commit(txn);
    txn = begin(&fixture->lmdb, true);
    kp_txn_infer(txn, KP_TABLE_INDEX, key, kp_slice_str("as it was told"));
    assert_reads(txn, key, "as it was told");
    kp_txn_abort(txn);
    txn = begin(&fixture->lmdb, false);
    kp_txn_read_ahead(txn);
    kp_txn_infer(txn, KP_TABLE_INDEX, key, kp_slice_str("told ahead"));
    kp_txn_abort(txn);
    txn = begin(&fixture->lmdb, true);
    assert_reads(txn, key, "told ahead");
    kp_txn_abort(txn);
    txn = begin(&fixture->lmdb, true);
    assert_reads(txn, key, "what stands there");
    kp_txn_abort(txn);
}

/* Directly: of millions of rows. */
static void test_it_grows(void **state)
{
    const uint32_t rows = 2500000;
    struct kp_census census = {.taken = true};
    uint32_t in_vain = 0;
    (void)state;
    kp_census_init(&census, 0);
    for (uint32_t i = 0; i < rows; i++) {
        kp_census_note(&census,
                       &(struct kp_run_record){.place = {KP_TABLE_INDEX, kp_slice_of(&i, sizeof i)},
                                               .kind = KP_RUN_PLAIN,
                                               .value = value});
    }
    assert_int_equal(atomic_load(&census.rows.count), 2);
    for (uint32_t i = 0; i < 2 * rows; i++) {
        struct kp_row_place place = {KP_TABLE_INDEX, kp_slice_of(&i, sizeof i)};
        bool may = kp_census_may_hold(&census, kp_place_hash(place));
        assert_true(may || i >= rows);
        in_vain += may && i >= rows ? 1 : 0;
    }
    assert_true(in_vain < rows / 10);
    kp_census_done(&census);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_new_store_knows_at_once, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_an_old_one_learns_it_again, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_who_began_before_still_sees_what_is_removed, setup,
                                        done_lmdb),
        cmocka_unit_test_setup_teardown(test_which_are_short_is_told_of_no_other, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_after_an_open_nothing_is_told_until_all_is_read, setup,
                                        done_lmdb),
        cmocka_unit_test_setup_teardown(test_who_infers_a_row_does_not_read_it, setup, done_lmdb),
        cmocka_unit_test(test_it_grows),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("census", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
