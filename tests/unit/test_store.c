/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses a map of 1 TiB */
/* The two stores do the same, and what is committed is there and what is aborted is not. */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "store/keys.h"
#include "store/lmdb.h"
#include "store/ram.h"
#include "test_store_common.h"

#include <signal.h>
#include <sys/resource.h>

static int setup(void **state)
{
    static struct store_fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture_init(&fixture.base);
    kp_store_open_ram(&fixture.ram);
    open_lmdb(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct store_fixture *fixture = *state;
    kp_store_close(&fixture->lmdb);
    kp_store_close(&fixture->ram);
    fixture_done(&fixture->base);
    return 0;
}

static void test_keys_are_ordered_as_their_numbers(void **state)
{
    (void)state;
    struct kp_key small = kp_key_u8(kp_key_u64(kp_key_none(), 255), 9);
    struct kp_key large = kp_key_u8(kp_key_u64(kp_key_none(), 256), 0);
    static const uint8_t expected[9] = {0, 0, 0, 0, 0, 0, 0, 255, 9};
    assert_true(kp_slice_compare(kp_key_slice(&small), kp_key_slice(&large)) < 0);
    assert_true(kp_slice_equal(kp_key_slice(&small), kp_slice_of(expected, sizeof expected)));
    struct kp_key mixed = kp_key_raw(kp_key_u16(kp_key_none(), 0x0102), KP_SLICE_LIT("ab"));
    assert_true(kp_slice_equal(kp_key_slice(&mixed), KP_SLICE_LIT("\x01\x02"
                                                                  "ab")));
}

static void test_table_names(void **state)
{
    (void)state;
    assert_string_equal(kp_table_name(KP_TABLE_PERSON), "PERSON");
    assert_string_equal(kp_table_name(KP_TABLE_AUDIT), "AUDIT");
    assert_string_equal(kp_table_name(KP_TABLE_NONE), "NONE");
    assert_int_equal(kp_table_flags(KP_TABLE_SIGNAL), KP_TABLE_APPEND);
    assert_int_equal(kp_table_flags(KP_TABLE_INDEX), KP_TABLE_RANDOM);
}

static void test_read_what_was_put(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store *stores[2] = {&fixture->ram, &fixture->lmdb};
    for (int i = 0; i < 2; i++) {
        struct kp_txn *txn = begin(stores[i], true);
        struct kp_slice key = KP_SLICE_LIT("name"), value;
        assert_false(kp_txn_get(txn, KP_TABLE_META, key, &value));
        kp_txn_put(txn, KP_TABLE_META, key, KP_SLICE_LIT("one"), KP_SUBJECT_NONE);
        kp_txn_put(txn, KP_TABLE_META, key, KP_SLICE_LIT("second"), KP_SUBJECT_NONE);
        kp_txn_put(txn, KP_TABLE_META, KP_SLICE_LIT("empty"), KP_SLICE_EMPTY, KP_SUBJECT_NONE);
        assert_true(kp_txn_get(txn, KP_TABLE_META, key, &value));
        assert_true(kp_slice_equal(value, KP_SLICE_LIT("second")));
        commit(txn);
        txn = begin(stores[i], false);
        assert_true(kp_txn_get(txn, KP_TABLE_META, key, &value));
        assert_true(kp_slice_equal(value, KP_SLICE_LIT("second")));
        assert_true(kp_txn_get(txn, KP_TABLE_META, KP_SLICE_LIT("empty"), &value));
        assert_int_equal(value.size, 0);
        assert_false(kp_txn_get(txn, KP_TABLE_RIPE, key, &value));
        kp_txn_abort(txn);
    }
}

static void assert_reads(struct kp_txn *txn, enum kp_table table, const char *expected)
{
    struct kp_slice value;
    for (int i = 0; i < 2; i++) { /* the second time it was read before */
        bool found = kp_txn_get(txn, table, KP_SLICE_LIT("name"), &value);
        assert_int_equal(found, expected != NULL);
        assert_true(!found || kp_slice_equal(value, kp_slice_str(expected)));
    }
}

static void test_read_again_after_each_change(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store *stores[2] = {&fixture->ram, &fixture->lmdb};
    static const enum kp_table tables[2] = {KP_TABLE_META, KP_TABLE_INDEX}; /* in place; waiting */
    for (int i = 0; i < 4; i++) {
        struct kp_slice key = KP_SLICE_LIT("name");
        enum kp_table table = tables[i / 2];
        struct kp_txn *txn = begin(stores[i % 2], true);
        assert_reads(txn, table, NULL);
        kp_txn_put(txn, table, key, KP_SLICE_LIT("one"), KP_SUBJECT_NONE);
        assert_reads(txn, table, "one");
        kp_txn_put(txn, table, key, KP_SLICE_LIT("second"), KP_SUBJECT_NONE);
        assert_reads(txn, table, "second");
        commit(txn);
        txn = begin(stores[i % 2], true);
        assert_reads(txn, table, "second");
        assert_true(kp_txn_del(txn, table, key));
        assert_reads(txn, table, NULL);
        assert_false(kp_txn_del(txn, table, key));
        kp_txn_put(txn, table, key, KP_SLICE_LIT("third"), KP_SUBJECT_NONE);
        assert_reads(txn, table, "third");
        kp_txn_abort(txn);
        txn = begin(stores[i % 2], true);
        assert_reads(txn, table, "second");
        kp_txn_put(txn, KP_TABLE_META, KP_SLICE_LIT("other"), KP_SLICE_EMPTY, KP_SUBJECT_NONE);
        assert_true(kp_txn_del(txn, table, key));
        commit(txn);
        txn = begin(stores[i % 2], true);
        assert_reads(txn, table, NULL);
        kp_txn_abort(txn);
    }
    assert_verifies(&fixture->lmdb);
}

static void test_same_digest_after_the_same_changes(void **state)
{
    struct store_fixture *fixture = *state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct kp_txn *ram = begin(&fixture->ram, true);
        struct kp_txn *lmdb = begin(&fixture->lmdb, true);
        change_both(ram, lmdb, seed, 200);
        if (seed % 5 == 0) {
            kp_txn_abort(ram);
            kp_txn_abort(lmdb);
        } else {
            commit(ram);
            commit(lmdb);
        }
        if (seed % 7 == 0) {
            reopen_lmdb(fixture);
        }
        assert_same_state(fixture);
    }
    assert_verifies(&fixture->lmdb);
}

static void test_walk_is_in_key_order_and_complete(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_txn *ram = begin(&fixture->ram, true);
    struct kp_txn *lmdb = begin(&fixture->lmdb, true);
    change_both(ram, lmdb, 5, 3000);
    /* Inside the transaction that wrote them, and from every kind of start. */
    for (int table = 1; table < KP_TABLE_END; table++) {
        assert_same_walk(ram, lmdb, (enum kp_table)table);
    }
    commit(ram);
    commit(lmdb);
}

static void test_reader_sees_one_state(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store *stores[2] = {&fixture->ram, &fixture->lmdb};
    for (int i = 0; i < 2; i++) {
        uint8_t before[32], again[32], after[32];
        uint64_t rows = 0;
        struct kp_txn *txn = begin(stores[i], true);
        change(txn, 3, 400);
        commit(txn);
        struct kp_txn *reader = begin(stores[i], false);
        kp_store_digest(reader, before, &rows);
        for (uint64_t seed = 10; seed < 30; seed++) {
            txn = begin(stores[i], true);
            change(txn, seed, 400);
            commit(txn);
            kp_store_digest(reader, again, &rows);
            assert_memory_equal(before, again, 32);
        }
        kp_txn_abort(reader);
        reader = begin(stores[i], false);
        kp_store_digest(reader, after, &rows);
        assert_memory_not_equal(before, after, 32);
        kp_txn_abort(reader);
    }
}

static void test_abort_leaves_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store *stores[2] = {&fixture->ram, &fixture->lmdb};
    for (int i = 0; i < 2; i++) {
        uint8_t before[32], after[32];
        uint64_t rows_before = 0, rows_after = 0;
        struct kp_txn *txn = begin(stores[i], true);
        change(txn, 1, 300);
        commit(txn);
        txn = begin(stores[i], true);
        kp_store_digest(txn, before, &rows_before);
        change(txn, 2, 300);
        kp_txn_abort(txn);
        txn = begin(stores[i], false);
        kp_store_digest(txn, after, &rows_after);
        kp_txn_abort(txn);
        assert_memory_equal(before, after, 32);
        assert_int_equal(rows_before, rows_after);
    }
    assert_verifies(&fixture->lmdb);
}

static void test_failure_sticks(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store *stores[2] = {&fixture->ram, &fixture->lmdb};
    for (int i = 0; i < 2; i++) {
        struct kp_txn *txn = begin(stores[i], true);
        struct kp_diag diag;
        struct kp_slice value;
        kp_txn_put(txn, KP_TABLE_META, KP_SLICE_LIT("a"), KP_SLICE_LIT("1"), KP_SUBJECT_NONE);
        kp_txn_fail(txn, KP_E_CORRUPT, "the value of %s does not decode", "a");
        kp_txn_fail(txn, KP_E_LIMIT, "and this is only a consequence");
        assert_false(kp_txn_get(txn, KP_TABLE_META, KP_SLICE_LIT("a"), &value));
        assert_int_equal(kp_txn_error(txn), KP_E_CORRUPT);
        assert_int_equal(kp_txn_commit(txn, &diag), KP_E_CORRUPT);
        assert_string_equal(diag.text, "the value of a does not decode");
        txn = begin(stores[i], true);
        assert_false(kp_txn_get(txn, KP_TABLE_META, KP_SLICE_LIT("a"), &value));
        kp_txn_abort(txn);
    }
}

static void test_limits(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store *stores[2] = {&fixture->ram, &fixture->lmdb};
    size_t size = KP_STORE_VALUE_BYTES_MAX;
    uint8_t *bytes = calloc(1, size + 1);
    for (int i = 0; i < 2; i++) {
        struct kp_txn *txn = begin(stores[i], true);
        struct kp_slice key = KP_SLICE_LIT("k"), value;
        kp_txn_put(txn, KP_TABLE_META, key, kp_slice_of(bytes, size), KP_SUBJECT_NONE);
        assert_int_equal(kp_txn_error(txn), KP_OK);
        size_t mark = kp_txn_scratch_mark(txn);
        for (int read = 0; read < 100; read++) {
            assert_true(kp_txn_get(txn, KP_TABLE_META, key, &value));
            kp_txn_scratch_restore(txn, mark);
        }
        for (int read = 0; read < 40 && kp_txn_error(txn) == KP_OK; read++) {
            (void)kp_txn_get(txn, KP_TABLE_META, key, &value);
        }
        assert_int_equal(kp_txn_error(txn), KP_E_LIMIT);
        kp_txn_abort(txn);
        txn = begin(stores[i], true);
        kp_txn_put(txn, KP_TABLE_META, key, kp_slice_of(bytes, size + 1), KP_SUBJECT_NONE);
        assert_int_equal(kp_txn_error(txn), KP_E_LIMIT);
        kp_txn_abort(txn);
    }
    free(bytes);
}

static void test_opened_twice_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store_options options = lmdb_options(fixture);
    struct kp_store second;
    struct kp_diag diag;
    assert_int_equal(kp_store_open_lmdb(&options, &second, &diag), KP_E_STATE);
}

static void test_another_master_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store_options options = lmdb_options(fixture);
    struct kp_secret other = fixture->base.master;
    struct kp_store second;
    struct kp_diag diag;
    kp_store_close(&fixture->lmdb);
    other.bytes[31] ^= 1;
    options.master = &other;
    assert_int_equal(kp_store_open_lmdb(&options, &second, &diag), KP_E_CORRUPT);
    open_lmdb(fixture);
}

static void test_read_only(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    struct kp_diag diag;
    uint8_t before[32], after[32];
    uint64_t rows = 0;
    change(txn, 77, 500);
    commit(txn);
    digest_of(&fixture->lmdb, before);
    kp_store_close(&fixture->lmdb);
    struct kp_store_options options = lmdb_options(fixture);
    options.read_only = true;
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
    digest_of(&fixture->lmdb, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(kp_txn_begin(&fixture->lmdb, true, &txn, &diag), KP_E_STATE);
    assert_verifies(&fixture->lmdb);
    (void)rows;
}

static void test_figures(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store_stat stat;
    struct kp_diag diag = {.err = KP_OK};
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    uint8_t digest[32];
    uint64_t rows = 0;
    assert_in_range(kp_txn_dirty_pages(txn), 1, 1);
    change(txn, 8, 1000);
    assert_in_range(kp_txn_dirty_pages(txn), 2, 2000);
    kp_store_digest(txn, digest, &rows);
    commit(txn);
    fixture_must(kp_store_stat(&fixture->lmdb, &stat, &diag), &diag);
    assert_int_equal(stat.rows, rows);
    assert_int_equal(stat.map_bytes, MAP_BYTES);
    assert_in_range(stat.used_bytes, 4096, stat.file_bytes);
}

static void test_copy_while_open(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_diag diag = {.err = KP_OK};
    uint8_t before[32], after[32];
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    change(txn, 21, 2000);
    commit(txn);
    digest_of(&fixture->lmdb, before);
    fixture_must(kp_store_copy(&fixture->lmdb, fixture->base.path[FIXTURE_JOURNAL], &diag), &diag);
    txn = begin(&fixture->lmdb, true);
    change(txn, 22, 2000);
    commit(txn);
    kp_store_close(&fixture->lmdb);
    struct kp_store_options options = lmdb_options(fixture);
    options.dir = fixture->base.path[FIXTURE_JOURNAL];
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
    digest_of(&fixture->lmdb, after);
    assert_memory_equal(before, after, 32);
    assert_verifies(&fixture->lmdb);
}

/* --- commits that fail --- */

static enum kp_err write_until_failure(struct store_fixture *fixture, uint8_t ret_digest[32])
{
    for (uint64_t seed = 100; seed < 10000; seed++) {
        struct kp_txn *txn = NULL;
        struct kp_diag diag;
        digest_of(&fixture->lmdb, ret_digest);
        txn = begin(&fixture->lmdb, true);
        change(txn, seed, 500);
        enum kp_err err = kp_txn_commit(txn, &diag);
        if (err != KP_OK) {
            return err;
        }
    }
    return KP_OK;
}

static void test_full_map(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store_options options = lmdb_options(fixture);
    struct kp_diag diag = {.err = KP_OK};
    struct kp_txn *txn = NULL;
    uint8_t before[32], after[32];
    kp_store_close(&fixture->lmdb);
    options.map_bytes = (uint64_t)1 << 20;
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
    assert_int_equal(write_until_failure(fixture, before), KP_E_DISK_FULL);
    reopen_lmdb(fixture);
    digest_of(&fixture->lmdb, after);
    assert_memory_equal(before, after, 32);
    assert_verifies(&fixture->lmdb);
    txn = begin(&fixture->lmdb, true);
    change(txn, 1, 300);
    commit(txn);
    assert_verifies(&fixture->lmdb);
}

static void test_write_that_fails(void **state)
{
    struct store_fixture *fixture = *state;
    struct rlimit limit, small;
    struct kp_txn *txn = NULL;
    struct kp_diag diag;
    uint8_t before[32], after[32];
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    small = limit;
    small.rlim_cur = (rlim_t)1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum kp_err err = write_until_failure(fixture, before);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, old);
    assert_true(err == KP_E_DISK_FULL ||
                err == KP_E_IO); /* it ends in the middle of a page, or not */
    /* The process must end: until it does, nothing more is written. */
    assert_int_equal(kp_txn_begin(&fixture->lmdb, true, &txn, &diag), KP_E_STORE);
    reopen_lmdb(fixture);
    digest_of(&fixture->lmdb, after);
    assert_memory_equal(before, after, 32);
    assert_verifies(&fixture->lmdb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_ordered_as_their_numbers),
        cmocka_unit_test(test_table_names),
        cmocka_unit_test_setup_teardown(test_read_what_was_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_again_after_each_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_digest_after_the_same_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_is_in_key_order_and_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_sees_one_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_abort_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_sticks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opened_twice_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_master_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_figures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_that_fails, setup, teardown),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
