/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses the maps of a keyring and a store */
/* check: not under tsan: nothing here has a thread, and test_store_delta runs the same code there
 */
/* Rows under random keys stand many together in their table: how many, and that it is emptied as it
 * was filled. That the stores do the same through it all is in test_store_delta.c. */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "store/lmdb_impl.h"
#include "test_store_common.h"

#define ROWS 6000u
#define A_COMMIT 250u
#define WAITING_MAX 500u
#define LEAF_RAW_BYTES 1336u /* three to a page */
#define VALUE_BYTES 20u

static int setup(void **state)
{
    *state = new_lmdb_waiting(WAITING_MAX);
    return 0;
}

/* Until nothing waits. */
static void sweep_all(struct store_fixture *fixture)
{
    kp_store_close(&fixture->lmdb);
    open_lmdb_waiting(fixture, 1);
    for (uint32_t i = 0; ((struct kp_lmdb *)fixture->lmdb.impl)->view->run_count > 0; i++) {
        struct kp_txn *txn = begin(&fixture->lmdb, true);
        kp_txn_put(txn, KP_TABLE_META, KP_SLICE_LIT("step"), kp_slice_of(&i, sizeof i),
                   KP_SUBJECT_NONE);
        commit(txn);
        assert_true(i < ROWS);
    }
}

static void put_rows(struct store_fixture *fixture, uint32_t first, uint32_t step, size_t size)
{
    static uint8_t value[KP_STORE_VALUE_BYTES_MAX];
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    for (uint32_t i = first; i < ROWS; i += step) {
        uint8_t bytes[9];
        memset(value, (int)(i % 251), size);
        kp_txn_put(txn, KP_TABLE_INDEX, key_of(i, bytes), kp_slice_of(value, size),
                   KP_SUBJECT_NONE);
        if (i / step % A_COMMIT == A_COMMIT - 1) {
            commit(txn);
            txn = begin(&fixture->lmdb, true);
        }
    }
    commit(txn);
}

static void assert_rows(struct store_fixture *fixture, uint32_t first, uint32_t step, size_t size)
{
    struct kp_txn *txn = begin(&fixture->lmdb, false);
    for (uint32_t i = first; i < ROWS; i += step) {
        uint8_t bytes[9];
        struct kp_slice value;
        size_t mark = kp_txn_scratch_mark(txn);
        assert_true(kp_txn_get(txn, KP_TABLE_INDEX, key_of(i, bytes), &value));
        assert_int_equal(value.size, size);
        assert_int_equal(value.bytes[size - 1], i % 251);
        kp_txn_scratch_restore(txn, mark);
    }
    kp_txn_abort(txn);
}

/* Rows of LMDB, the largest of them, and all their bytes. */
struct leaves {
    uint64_t count, largest, bytes;
};

static struct leaves leaves_of(struct store_fixture *fixture)
{
    struct leaves leaves = {0};
    struct kp_txn *head = begin(&fixture->lmdb, false);
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_key last = kp_key_none();
    struct kp_slice key;
    struct kp_slice raw;
    while (kp_rows_seek(txn, (struct kp_row_place){KP_TABLE_INDEX, kp_key_slice(&last)},
                        /* after= */ last.size > 0, &key, &raw)) {
        last = kp_key_raw(kp_key_none(), key);
        leaves.count++;
        leaves.bytes += raw.size;
        leaves.largest = raw.size > leaves.largest ? raw.size : leaves.largest;
    }
    kp_txn_abort(head);
    return leaves;
}

static void test_many_rows_share_a_page(void **state)
{
    struct store_fixture *fixture = *state;
    put_rows(fixture, 0, 1, VALUE_BYTES);
    sweep_all(fixture);
    assert_rows(fixture, 0, 1, VALUE_BYTES);
    struct leaves leaves = leaves_of(fixture);
    assert_true(leaves.largest <= LEAF_RAW_BYTES);
    assert_true(leaves.bytes >= leaves.count * LEAF_RAW_BYTES * 6 / 10); /* well filled */
    assert_int_equal(leaves.bytes, (uint64_t)ROWS * (9 + VALUE_BYTES + 6) +
                                       leaves.count * kp_row_bytes(0, KP_SUBJECT_NONE));
    assert_verifies(&fixture->lmdb);
}

static void test_what_is_removed_leaves_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    put_rows(fixture, 0, 1, VALUE_BYTES);
    sweep_all(fixture);
    for (uint32_t part = 0; part < 2; part++) { /* every second one, then the others */
        struct kp_txn *txn = begin(&fixture->lmdb, true);
        for (uint32_t i = part; i < ROWS; i += 2) {
            uint8_t bytes[9];
            assert_true(kp_txn_del(txn, KP_TABLE_INDEX, key_of(i, bytes)));
        }
        commit(txn);
        sweep_all(fixture);
        if (part == 0) {
            assert_rows(fixture, 1, 2, VALUE_BYTES);
        }
    }
    assert_int_equal(leaves_of(fixture).count, 0);
    struct kp_txn *txn = begin(&fixture->lmdb, false);
    struct kp_slice key;
    struct kp_slice value;
    assert_false(kp_txn_seek(txn, KP_TABLE_INDEX, KP_SLICE_EMPTY, false, &key, &value));
    kp_txn_abort(txn);
    assert_verifies(&fixture->lmdb);
}

/* One that is longer than a leaf has one of its own. */
static void test_rows_of_every_size(void **state)
{
    struct store_fixture *fixture = *state;
    put_rows(fixture, 0, 40, VALUE_BYTES);
    put_rows(fixture, 1, 40, 900);
    put_rows(fixture, 2, 40, 1960);
    put_rows(fixture, 3, 40, 2000);
    put_rows(fixture, 4, 400, 60000);
    sweep_all(fixture);
    assert_rows(fixture, 0, 40, VALUE_BYTES);
    assert_rows(fixture, 1, 40, 900);
    assert_rows(fixture, 2, 40, 1960);
    assert_rows(fixture, 3, 40, 2000);
    assert_rows(fixture, 4, 400, 60000);
    put_rows(fixture, 4, 400, 1); /* and short again */
    sweep_all(fixture);
    assert_rows(fixture, 4, 400, 1);
    assert_true(leaves_of(fixture).largest < 2100);
    assert_verifies(&fixture->lmdb);
}

/* A transaction is used again, and so is its memory of the leaf it read last. */
static void test_a_reader_sees_what_was_swept_since(void **state)
{
    struct store_fixture *fixture = *state;
    kp_store_close(&fixture->lmdb);
    open_lmdb_waiting(fixture, 1);
    for (uint32_t i = 0; i < 50; i++) {
        static const enum kp_table tables[] = {KP_TABLE_INDEX, KP_TABLE_META};
        struct kp_slice value;
        for (uint32_t n = 0; n < 2; n++) { /* with the second commit it comes into its table */
            struct kp_txn *txn = begin(&fixture->lmdb, true);
            kp_txn_put(txn, tables[n], KP_SLICE_LIT("one"), kp_slice_of(&i, sizeof i),
                       KP_SUBJECT_NONE);
            commit(txn);
        }
        assert_int_equal(((struct kp_lmdb *)fixture->lmdb.impl)->view->run_count, 0);
        struct kp_txn *txn = begin(&fixture->lmdb, false);
        assert_true(kp_txn_get(txn, KP_TABLE_INDEX, KP_SLICE_LIT("one"), &value));
        assert_memory_equal(value.bytes, &i, sizeof i);
        kp_txn_abort(txn);
    }
    assert_int_equal(leaves_of(fixture).count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_rows_share_a_page, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_what_is_removed_leaves_nothing, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_rows_of_every_size, setup, done_lmdb),
        cmocka_unit_test_setup_teardown(test_a_reader_sees_what_was_swept_since, setup, done_lmdb),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("leaves", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
