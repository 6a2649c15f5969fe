/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses the maps of a keyring and a store */
/* Rows that wait for their table: the stores do the same through many sweeps, readers keep what
 * they began with, and damage to the log is found. */
#define _GNU_SOURCE /* nftw, RTLD_NEXT */
#include "test_store_fixture.h"

#include "store/lmdb_impl.h"
#include "test_store_common.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define ROWS_MAX 60u
#define READERS 3u
#define SWEEPS_MIN 20u

/* --- LMDB's commit, with something to do or to fail at its end --- */

static void (*after_commit)(void *context);
static void *after_commit_context;
static bool commit_fails;
static MDB_env *commit_env; /* the keyring's are left alone */

int mdb_txn_commit(MDB_txn *txn)
{
    int (*real)(MDB_txn *);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_txn_commit");
    bool is_state = commit_env != NULL && mdb_txn_env(txn) == commit_env;
    if (is_state && commit_fails) {
        mdb_txn_abort(txn);
        return ENOSPC;
    }
    int code = real(txn);
    if (is_state && after_commit != NULL) {
        void (*act)(void *) = after_commit;
        after_commit = NULL;
        act(after_commit_context);
    }
    return code;
}

static struct kp_store_options small_options(const struct store_fixture *fixture)
{
    struct kp_store_options options = lmdb_options(fixture);
    options.delta_rows_max = ROWS_MAX;
    return options;
}

static void open_small(struct store_fixture *fixture)
{
    struct kp_store_options options = small_options(fixture);
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
    commit_env = ((struct kp_lmdb *)fixture->lmdb.impl)->env;
}

static void close_all(struct store_fixture *fixture)
{
    kp_store_close(&fixture->lmdb);
    fixture->base.ring = kp_keyring_close(fixture->base.ring);
    fixture_open_ring(&fixture->base);
}

static void reopen_small(struct store_fixture *fixture)
{
    close_all(fixture);
    open_small(fixture);
}

static int setup(void **state)
{
    static struct store_fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture_init(&fixture.base);
    kp_store_open_ram(&fixture.ram);
    open_small(&fixture);
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

static struct kp_lmdb *lmdb_of(const struct store_fixture *fixture)
{
    return fixture->lmdb.impl;
}

/* --- both stores --- */

/* Changes of rows with few keys, in the tables whose rows wait. */
static void change_waiting(struct kp_txn *ram, struct kp_txn *lmdb, uint64_t seed, uint32_t count)
{
    uint64_t random = seed;
    for (uint32_t i = 0; i < count; i++) {
        struct random_change next;
        do {
            next = next_change(&random);
        } while (!kp_table_is_delta(next.table));
        struct kp_slice in_ram, in_lmdb;
        bool ram_result = apply_change(ram, &next, random, &in_ram);
        bool lmdb_result = apply_change(lmdb, &next, random, &in_lmdb);
        assert_int_equal(kp_txn_error(lmdb), KP_OK);
        assert_int_equal(ram_result, lmdb_result);
        assert_true(kp_slice_equal(in_ram, in_lmdb));
    }
}

static void end_both(struct kp_txn *ram, struct kp_txn *lmdb, bool keep)
{
    if (keep) {
        commit(ram);
        commit(lmdb);
    } else {
        kp_txn_abort(ram);
        kp_txn_abort(lmdb);
    }
}

static void assert_figures(struct store_fixture *fixture)
{
    struct kp_store_stat stat;
    struct kp_diag diag = {.err = KP_OK};
    uint8_t digest[32];
    uint64_t rows = 0;
    struct kp_txn *txn = begin(&fixture->ram, false);
    kp_store_digest(txn, digest, &rows);
    kp_txn_abort(txn);
    fixture_must(kp_store_stat(&fixture->lmdb, &stat, &diag), &diag);
    assert_int_equal(stat.rows, rows);
    /* What is frozen, what came since, and one commit's worth beyond the limit. */
    assert_true(stat.waiting_rows <= 3 * ROWS_MAX + 200);
    assert_true((stat.waiting_rows > 0) == (stat.waiting_bytes > 0));
}

static void test_same_state_through_many_sweeps(void **state)
{
    struct store_fixture *fixture = *state;
    uint64_t sweeps = 0, dead = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        uint64_t random = seed;
        struct kp_txn *ram = begin(&fixture->ram, true);
        struct kp_txn *lmdb = begin(&fixture->lmdb, true);
        change_waiting(ram, lmdb, seed, (uint32_t)(1 + fixture_next(&random) % 60));
        change_both(ram, lmdb, seed, (uint32_t)(fixture_next(&random) % 20));
        if (seed % 9 == 0) {
            assert_same_walk(ram, lmdb, KP_TABLE_INDEX);
            change_waiting(ram, lmdb, ~seed, 20);
            assert_same_walk(ram, lmdb, KP_TABLE_REFERENCE);
        }
        end_both(ram, lmdb, seed % 5 != 0);
        if (seed % 23 == 0) {
            reopen_small(fixture);
        }
        sweeps += lmdb_of(fixture)->sums.log_dead > dead ? 1 : 0;
        dead = lmdb_of(fixture)->sums.log_dead;
        assert_same_state(fixture);
        assert_figures(fixture);
        if (seed % 20 == 0) {
            assert_verifies(&fixture->lmdb);
        }
    }
    assert_true(sweeps >= SWEEPS_MIN);
    assert_true(lmdb_of(fixture)->sums.tables[KP_TABLE_INDEX].rows > 0);
}

/* By a limit on memory instead of on rows, and rows of all sizes. */
static void test_same_state_with_little_memory(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store_options options = lmdb_options(fixture);
    struct kp_diag diag = {.err = KP_OK};
    options.delta_bytes_max = 20000;
    kp_store_close(&fixture->lmdb);
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct kp_txn *ram = begin(&fixture->ram, true);
        struct kp_txn *lmdb = begin(&fixture->lmdb, true);
        change_waiting(ram, lmdb, seed, 50);
        end_both(ram, lmdb, /* keep= */ true);
        assert_same_state(fixture);
    }
    assert_true(lmdb_of(fixture)->sums.log_dead > 1);
    assert_verifies(&fixture->lmdb);
}

/* What the sweep has not passed, and what came since. */
static uint64_t rows_to_sweep(const struct kp_lmdb *lmdb)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < lmdb->view->run_count; i++) {
        bool is_frozen = i < lmdb->view->frozen_count;
        rows += lmdb->view->runs[i]->rows - (is_frozen ? lmdb->sweep.at[i] : 0);
    }
    return rows;
}

static bool is_in_mid_sweep(const struct kp_lmdb *lmdb)
{
    return lmdb->view->frozen_count > 0 && lmdb->sums.swept.size > 0 &&
           lmdb->view->run_count > lmdb->view->frozen_count;
}

/* A sweep that was cut off is not begun anew, nor needed to read. */
static void test_opened_in_mid_sweep(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_store_options options = small_options(fixture);
    struct kp_diag diag = {.err = KP_OK};
    uint8_t before[32], after[32];
    for (uint64_t seed = 1; !is_in_mid_sweep(lmdb_of(fixture)); seed++) {
        assert_true(seed < 100);
        struct kp_txn *txn = begin(&fixture->lmdb, true);
        change(txn, seed, 50);
        commit(txn);
    }
    uint64_t rows = rows_to_sweep(lmdb_of(fixture));
    digest_of(&fixture->lmdb, before);
    fixture_must(kp_store_copy(&fixture->lmdb, fixture->base.path[FIXTURE_JOURNAL], &diag), &diag);
    for (int i = 0; i < 3; i++) {
        struct kp_store_stat stat;
        kp_store_close(&fixture->lmdb);
        options.dir = fixture->base.path[i == 1 ? FIXTURE_JOURNAL : FIXTURE_STATE];
        options.read_only = i < 2;
        fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
        digest_of(&fixture->lmdb, after);
        assert_memory_equal(before, after, 32);
        assert_verifies(&fixture->lmdb);
        fixture_must(kp_store_stat(&fixture->lmdb, &stat, &diag), &diag);
        assert_in_range(stat.waiting_rows, 1, rows);
    }
}

/* Many more commits than runs: they are merged. */
static void test_runs_are_few(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_diag diag = {.err = KP_OK};
    struct kp_store_options options = lmdb_options(fixture);
    options.delta_rows_max = 500;
    kp_store_close(&fixture->lmdb);
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
    for (uint64_t number = 0; number < 1200; number++) {
        uint8_t tag[16];
        struct kp_txn *txn = begin(&fixture->lmdb, true);
        fixture_fill(tag, sizeof tag, number);
        kp_txn_put(txn, KP_TABLE_INDEX, kp_slice_of(tag, sizeof tag), KP_SLICE_LIT("row"),
                   KP_SUBJECT_NONE);
        commit(txn);
        assert_in_range(lmdb_of(fixture)->view->run_count, 1, 40);
    }
    assert_verifies(&fixture->lmdb);
}

/* --- readers --- */

struct readers {
    struct store_fixture *fixture;
    uint8_t expected[1000][32]; /* digest of the state with this number in META */
    atomic_bool stopping;
    atomic_uint wrong, read;
};

static void put_number(struct kp_txn *txn, uint64_t number)
{
    struct kp_key key = kp_key_u64(kp_key_none(), number);
    kp_txn_put(txn, KP_TABLE_META, KP_SLICE_LIT("number"), kp_key_slice(&key), KP_SUBJECT_NONE);
}

/* The state that a reader begins with is the one after the commit whose number it tells, and stays
 * so. Asserts nothing: cmocka's asserts belong to the main thread. */
static void read_once(struct readers *readers, uint32_t repeats)
{
    struct kp_txn *txn = NULL;
    struct kp_diag diag;
    struct kp_slice value = KP_SLICE_EMPTY;
    uint8_t digest[32];
    uint64_t rows = 0;
    if (kp_txn_begin(&readers->fixture->lmdb, /* write= */ false, &txn, &diag) != KP_OK) {
        atomic_fetch_add(&readers->wrong, 1);
        return;
    }
    if (kp_txn_get(txn, KP_TABLE_META, KP_SLICE_LIT("number"), &value)) {
        uint32_t number = (uint32_t)value.bytes[6] << 8 | value.bytes[7];
        for (uint32_t i = 0; i < repeats; i++) {
            kp_store_digest(txn, digest, &rows);
            bool right = memcmp(digest, readers->expected[number], 32) == 0;
            atomic_fetch_add(&readers->wrong, right ? 0 : 1);
        }
        atomic_fetch_add(&readers->read, 1);
    }
    kp_txn_abort(txn);
}

static void *read_on(void *context)
{
    struct readers *readers = context;
    for (uint32_t i = 0; !atomic_load(&readers->stopping); i++) {
        read_once(readers, 1 + i % 3);
    }
    return NULL;
}

/* The memory store's first: its digest is what the readers of the other one must find. */
static void commit_number(struct store_fixture *fixture, struct readers *readers, uint64_t number)
{
    struct kp_txn *ram = begin(&fixture->ram, true);
    struct kp_txn *lmdb = begin(&fixture->lmdb, true);
    change_waiting(ram, lmdb, number, 30);
    put_number(ram, number);
    put_number(lmdb, number);
    commit(ram);
    digest_of(&fixture->ram, readers->expected[number]);
    commit(lmdb);
}

static void test_readers_keep_their_state(void **state)
{
    static struct readers readers;
    pthread_t threads[READERS];
    memset(&readers, 0, sizeof readers);
    readers.fixture = *state;
    for (uint32_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    }
    for (uint64_t number = 1; number < 400; number++) {
        commit_number(readers.fixture, &readers, number);
    }
    atomic_store(&readers.stopping, true);
    for (uint32_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&readers.wrong), 0);
    assert_true(atomic_load(&readers.read) > READERS);
}

static void read_within_commit(void *context)
{
    read_once(context, 1);
}

/* LMDB shows a commit before its call returns: who begins then must have the runs of that one. */
static void test_reader_that_begins_within_a_commit(void **state)
{
    static struct readers readers;
    memset(&readers, 0, sizeof readers);
    readers.fixture = *state;
    for (uint64_t number = 1; number < 60; number++) {
        after_commit = read_within_commit;
        after_commit_context = &readers;
        commit_number(readers.fixture, &readers, number);
        assert_null(after_commit);
    }
    assert_int_equal(atomic_load(&readers.wrong), 0);
    assert_int_equal(atomic_load(&readers.read), 59);
}

static void test_failed_commit_leaves_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_diag diag;
    struct kp_txn *txn = NULL;
    for (uint64_t seed = 1; seed < 40; seed++) {
        struct kp_txn *ram = begin(&fixture->ram, true);
        txn = begin(&fixture->lmdb, true);
        change_waiting(ram, txn, seed, 30);
        commit_fails = seed % 3 == 0;
        enum kp_err err = kp_txn_commit(txn, &diag);
        if (commit_fails) {
            commit_fails = false;
            assert_int_equal(err, KP_E_DISK_FULL);
            kp_txn_abort(ram);
            assert_same_state(fixture);
            assert_int_equal(kp_txn_begin(&fixture->lmdb, true, &txn, &diag), KP_E_STORE);
            reopen_small(fixture);
        } else {
            assert_int_equal(err, KP_OK);
            commit(ram);
        }
        assert_same_state(fixture);
    }
    assert_verifies(&fixture->lmdb);
}

/* --- damage to the log --- */

enum damage { DAMAGE_BIT, DAMAGE_MISSING, DAMAGE_SWAPPED, DAMAGE_LAST, DAMAGE_OLDER, DAMAGE_KINDS };

struct log_row {
    uint8_t key[8], value[4096];
    size_t size;
};

static void log_get(MDB_cursor *cursor, MDB_cursor_op operation, struct log_row *ret_row)
{
    MDB_val key, value;
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, operation), MDB_SUCCESS);
    assert_int_equal(key.mv_size, sizeof ret_row->key);
    assert_true(value.mv_size <= sizeof ret_row->value);
    memcpy(ret_row->key, key.mv_data, key.mv_size);
    memcpy(ret_row->value, value.mv_data, value.mv_size);
    ret_row->size = value.mv_size;
}

static void log_put(MDB_cursor *cursor, struct log_row *at, const struct log_row *row)
{
    MDB_val key = {.mv_size = sizeof at->key, .mv_data = at->key};
    MDB_val value = {.mv_size = row->size, .mv_data = (void *)(uintptr_t)row->value};
    assert_int_equal(mdb_cursor_put(cursor, &key, &value, 0), MDB_SUCCESS);
}

/* A log row that was there once and was removed since, as it was. */
static struct log_row removed;

static void damage_log(struct store_fixture *fixture, enum damage damage, uint64_t seed)
{
    static struct log_row first, last;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    struct kp_lmdb *lmdb = lmdb_of(fixture);
    assert_int_equal(mdb_txn_begin(lmdb->env, NULL, 0, &txn), MDB_SUCCESS);
    assert_int_equal(mdb_cursor_open(txn, lmdb->log, &cursor), MDB_SUCCESS);
    log_get(cursor, MDB_FIRST, &first);
    log_get(cursor, MDB_LAST, &last);
    switch (damage) {
    case DAMAGE_BIT:
        first.value[fixture_next(&seed) % first.size] ^= (uint8_t)(1u << fixture_next(&seed) % 8);
        log_put(cursor, &first, &first);
        break;
    case DAMAGE_SWAPPED:
        log_put(cursor, &first, &last);
        log_put(cursor, &last, &first);
        break;
    case DAMAGE_MISSING:
        log_get(cursor, MDB_FIRST, &first);
        assert_int_equal(mdb_cursor_del(cursor, 0), MDB_SUCCESS);
        break;
    case DAMAGE_LAST:
        assert_int_equal(mdb_cursor_del(cursor, 0), MDB_SUCCESS);
        break;
    case DAMAGE_OLDER:
        log_put(cursor, &removed, &removed);
        break;
    case DAMAGE_KINDS:
        break;
    }
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), MDB_SUCCESS);
}

static void remember_first(struct store_fixture *fixture)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    struct kp_lmdb *lmdb = lmdb_of(fixture);
    assert_int_equal(mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn), MDB_SUCCESS);
    assert_int_equal(mdb_cursor_open(txn, lmdb->log, &cursor), MDB_SUCCESS);
    log_get(cursor, MDB_FIRST, &removed);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

/* Until the first log row was removed again and others wait. */
static void fill_log(struct store_fixture *fixture)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        struct kp_txn *txn = begin(&fixture->lmdb, true);
        struct kp_slice key, value;
        for (uint64_t i = 0; i < 10; i++) {
            uint8_t tag[16];
            fixture_fill(tag, sizeof tag, seed * 10 + i);
            key = kp_slice_of(tag, sizeof tag);
            value = kp_slice_of(tag, 1 + i);
            kp_txn_put(txn, KP_TABLE_INDEX, key, value, KP_SUBJECT_NONE);
        }
        commit(txn);
        if (seed == 1) {
            remember_first(fixture);
        }
    }
    assert_true(lmdb_of(fixture)->sums.log_dead > 1);
    assert_true(lmdb_of(fixture)->sums.log.rows > 1);
}

static void test_damage_to_the_log_is_found(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 24; i++) {
        enum damage damage = (enum damage)(i < DAMAGE_KINDS ? i : DAMAGE_BIT);
        struct kp_store_options options = small_options(fixture);
        struct kp_verify_report report;
        struct kp_diag diag;
        fill_log(fixture);
        assert_verifies(&fixture->lmdb);
        damage_log(fixture, damage, (uint64_t)i);
        assert_int_equal(kp_store_verify(&fixture->lmdb, NULL, NULL, &report, &diag), KP_E_CORRUPT);
        assert_true(report.bad_rows + report.bad_tables > 0);
        kp_store_close(&fixture->lmdb);
        assert_int_equal(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), KP_E_CORRUPT);
        options.read_only = true;
        assert_int_equal(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), KP_E_CORRUPT);
        (void)teardown(state);
        (void)setup(state);
    }
}

/* What is in the table must be what was swept: verify finds rows that are not. */
static void test_damage_under_the_runs_is_found(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_verify_report report;
    struct kp_diag diag;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    fill_log(fixture);
    struct kp_lmdb *lmdb = lmdb_of(fixture);
    assert_int_equal(mdb_txn_begin(lmdb->env, NULL, 0, &txn), MDB_SUCCESS);
    assert_int_equal(mdb_cursor_open(txn, lmdb->tables[KP_TABLE_INDEX], &cursor), MDB_SUCCESS);
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), MDB_SUCCESS);
    assert_int_equal(mdb_cursor_del(cursor, 0), MDB_SUCCESS);
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), MDB_SUCCESS);
    assert_int_equal(kp_store_verify(&fixture->lmdb, NULL, NULL, &report, &diag), KP_E_CORRUPT);
    assert_true(report.bad_tables > 0);
}

/* A row about a person waits under his key: with the key it is gone, wherever it waits. */
static void test_lost_key_of_a_waiting_row(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_verify_report report;
    struct kp_diag diag = {.err = KP_OK};
    struct kp_slice key = KP_SLICE_LIT("0123456789abcdef"), value;
    struct kp_txn *txn = begin(&fixture->lmdb, true);
    kp_txn_put(txn, KP_TABLE_INDEX, key, KP_SLICE_LIT("row"), (struct kp_subject){9});
    commit(txn);
    assert_verifies(&fixture->lmdb);
    fixture_must(kp_keyring_destroy_below(fixture->base.ring, KP_KEYRING_PERSON, 10, 10, &diag),
                 &diag);
    reopen_small(fixture);
    txn = begin(&fixture->lmdb, false);
    assert_false(kp_txn_get(txn, KP_TABLE_INDEX, key, &value));
    assert_int_equal(kp_txn_error(txn), KP_E_NOT_FOUND);
    kp_txn_abort(txn);
    assert_int_equal(kp_store_verify(&fixture->lmdb, NULL, NULL, &report, &diag), KP_E_CORRUPT);
    assert_int_equal(report.lost_keys, 1);
    assert_int_equal(report.bad_rows + report.bad_tables, 0);
}

/* --- a store of an earlier program is refused, not misread --- */

/* "SIZE", then lines "OFFSET HEX" of what is not zero. */
static void write_sample(const char *name, const char *dir)
{
    char path[PATH_MAX + 16], line[120];
    (void)snprintf(path, sizeof path, "tests/data/store/%s-1.hex", name);
    FILE *sample = fopen(path, "r");
    assert_non_null(sample);
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/data.mdb", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, sample));
    assert_int_equal(ftruncate(fileno(file), strtol(line, NULL, 10)), 0);
    while (fgets(line, sizeof line, sample) != NULL) {
        char *hex = NULL;
        assert_int_equal(fseek(file, strtol(line, &hex, 10), SEEK_SET), 0);
        for (hex++; hex[0] > ' '; hex += 2) {
            char digits[3] = {hex[0], hex[1], '\0'};
            assert_true(fputc((int)strtol(digits, NULL, 16), file) >= 0);
        }
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fclose(sample), 0);
}

static void test_store_of_an_earlier_program(void **state)
{
    struct store_fixture *fixture = *state;
    struct kp_diag diag = {.err = KP_OK};
    kp_store_close(&fixture->lmdb);
    fixture->base.ring = kp_keyring_close(fixture->base.ring);
    assert_int_equal(nftw(fixture->base.root, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(mkdir(fixture->base.root, 0700), 0);
    write_sample("ring", fixture->base.path[FIXTURE_RING]);
    write_sample("state", fixture->base.path[FIXTURE_STATE]);
    fixture_open_ring(&fixture->base);
    struct kp_store_options options = small_options(fixture);
    options.read_only = true;
    assert_int_equal(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), KP_E_STATE);
    options.read_only = false;
    assert_int_equal(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), KP_E_STATE);
    assert_non_null(strstr(diag.text, "development version"));
    const char *path = fixture->base.path[FIXTURE_STATE]; /* another one for the teardown */
    assert_int_equal(nftw(path, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_state_through_many_sweeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_state_with_little_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opened_in_mid_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runs_are_few, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readers_keep_their_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_that_begins_within_a_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_commit_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_to_the_log_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_under_the_runs_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_key_of_a_waiting_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_store_of_an_earlier_program, setup, teardown),
    };
    return cmocka_run_group_tests_name("store_delta", tests, NULL, NULL);
}
