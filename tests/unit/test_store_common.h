/* SPDX-License-Identifier: EUPL-1.2 */
/* A store in memory beside one in LMDB, and random changes to both. */
#ifndef KP_TEST_STORE_COMMON_H
#define KP_TEST_STORE_COMMON_H

#include "test_store_fixture.h"

#include "store/keys.h"
#include "store/lmdb.h"
#include "store/ram.h"

#define MAP_BYTES ((uint64_t)1 << 30)

struct store_fixture {
    struct fixture base;
    struct kp_store ram, lmdb;
};

static inline struct kp_store_options lmdb_options(const struct store_fixture *fixture)
{
    return (struct kp_store_options){.dir = fixture->base.path[FIXTURE_STATE],
                                     .master = &fixture->base.master,
                                     .ring = fixture->base.ring,
                                     .map_bytes = MAP_BYTES};
}

static inline void open_lmdb(struct store_fixture *fixture)
{
    struct kp_store_options options = lmdb_options(fixture);
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
}

/* With so many changes that may wait for their table. */
static inline void open_lmdb_waiting(struct store_fixture *fixture, uint64_t waiting_max)
{
    struct kp_store_options options = lmdb_options(fixture);
    struct kp_diag diag = {.err = KP_OK};
    options.delta_rows_max = waiting_max;
    fixture_must(kp_store_open_lmdb(&options, &fixture->lmdb, &diag), &diag);
}

/* LMDB alone: no store in memory. */
static inline struct store_fixture *new_lmdb_waiting(uint64_t waiting_max)
{
    static struct store_fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture_init(&fixture.base);
    open_lmdb_waiting(&fixture, waiting_max);
    return &fixture;
}

static inline int done_lmdb(void **state)
{
    struct store_fixture *fixture = *state;
    kp_store_close(&fixture->lmdb);
    fixture_done(&fixture->base);
    return 0;
}

/* The key of a row: nine bytes, in no order. */
static inline struct kp_slice key_of(uint32_t number, uint8_t bytes[9])
{
    fixture_fill(bytes, 9, number);
    return kp_slice_of(bytes, 9);
}

/* With the keyring, as a new process would. */
static inline void reopen_lmdb(struct store_fixture *fixture)
{
    kp_store_close(&fixture->lmdb);
    fixture->base.ring = kp_keyring_close(fixture->base.ring);
    fixture_open_ring(&fixture->base);
    open_lmdb(fixture);
}

static inline struct kp_txn *begin(struct kp_store *store, bool write)
{
    struct kp_txn *txn = NULL;
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_txn_begin(store, write, &txn, &diag), &diag);
    return txn;
}

static inline void commit(struct kp_txn *txn)
{
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_txn_commit(txn, &diag), &diag);
}

static inline void digest_of(struct kp_store *store, uint8_t ret_digest[32])
{
    uint64_t rows = 0;
    struct kp_txn *txn = begin(store, false);
    kp_store_digest(txn, ret_digest, &rows);
    assert_int_equal(kp_txn_error(txn), KP_OK);
    kp_txn_abort(txn);
}

static inline void assert_same_state(struct store_fixture *fixture)
{
    uint8_t ram[32], lmdb[32];
    digest_of(&fixture->ram, ram);
    digest_of(&fixture->lmdb, lmdb);
    assert_memory_equal(ram, lmdb, 32);
}

static inline void assert_verifies(struct kp_store *store)
{
    struct kp_verify_report report;
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_store_verify(store, NULL, NULL, &report, &diag), &diag);
    assert_int_equal(report.bad_rows, 0);
    assert_int_equal(report.lost_keys, 0);
    assert_int_equal(report.bad_tables, 0);
}

struct random_change {
    enum kp_table table;
    struct kp_key key;
    uint64_t what; /* of 10: 0-1 remove, 2-3 read, else put */
    size_t value_bytes;
    struct kp_subject subject;
};

/* Few enough keys that rows are replaced and removed, enough that pages split. */
static inline struct random_change next_change(uint64_t *random)
{
    struct random_change next = {
        .table = (enum kp_table)(1 + fixture_next(random) % (KP_TABLE_END - 1))};
    uint64_t number = fixture_next(random) % 400;
    uint64_t kind = fixture_next(random) % 3;
    next.key = kp_key_none();
    if (kp_table_flags(next.table) == KP_TABLE_RANDOM) {
        uint8_t tag[16];
        fixture_fill(tag, sizeof tag, number);
        next.key = kp_key_raw(next.key, kp_slice_of(tag, sizeof tag));
    } else {
        next.key = kp_key_u64(next.key, number);
        next.key = kind == 0 ? kp_key_u8(next.key, 1) : next.key;
    }
    next.what = fixture_next(random) % 10;
    next.value_bytes = fixture_next(random) % (fixture_next(random) % 50 == 0 ? 9000 : 300);
    next.subject.id = fixture_next(random) % 2 == 0 ? 0 : 1 + number % 50;
    return next;
}

static inline bool apply_change(struct kp_txn *txn, const struct random_change *next, uint64_t seed,
                                struct kp_slice *ret_value)
{
    static uint8_t bytes[9000];
    struct kp_slice key = kp_key_slice(&next->key);
    *ret_value = KP_SLICE_EMPTY;
    if (next->what < 2) {
        return kp_txn_del(txn, next->table, key);
    }
    if (next->what < 4) {
        return kp_txn_get(txn, next->table, key, ret_value);
    }
    fixture_fill(bytes, next->value_bytes, seed);
    kp_txn_put(txn, next->table, key, kp_slice_of(bytes, next->value_bytes), next->subject);
    return true;
}

static inline void change_both(struct kp_txn *ram, struct kp_txn *lmdb, uint64_t seed,
                               uint32_t count)
{
    uint64_t random = seed;
    for (uint32_t i = 0; i < count; i++) {
        struct random_change next = next_change(&random);
        struct kp_slice in_ram, in_lmdb;
        bool ram_result = apply_change(ram, &next, random, &in_ram);
        bool lmdb_result = apply_change(lmdb, &next, random, &in_lmdb);
        assert_int_equal(kp_txn_error(lmdb), KP_OK);
        assert_int_equal(ram_result, lmdb_result);
        assert_true(kp_slice_equal(in_ram, in_lmdb));
    }
}

static inline void change(struct kp_txn *txn, uint64_t seed, uint32_t count)
{
    uint64_t random = seed;
    for (uint32_t i = 0; i < count; i++) {
        struct random_change next = next_change(&random);
        struct kp_slice value;
        (void)apply_change(txn, &next, random, &value);
    }
}

static inline void assert_same_walk(struct kp_txn *ram, struct kp_txn *lmdb, enum kp_table table)
{
    uint8_t from_bytes[KP_STORE_KEY_BYTES_MAX];
    struct kp_slice from = KP_SLICE_EMPTY;
    size_t mark_ram = kp_txn_scratch_mark(ram), mark_lmdb = kp_txn_scratch_mark(lmdb);
    bool found = true;
    for (bool after = false; found; after = !after || from.size > 0) {
        struct kp_slice key[2] = {KP_SLICE_EMPTY, KP_SLICE_EMPTY};
        struct kp_slice value[2] = {KP_SLICE_EMPTY, KP_SLICE_EMPTY};
        found = kp_txn_seek(ram, table, from, after, &key[0], &value[0]);
        assert_int_equal(kp_txn_seek(lmdb, table, from, after, &key[1], &value[1]), found);
        assert_true(kp_slice_equal(key[0], key[1]));
        assert_true(kp_slice_equal(value[0], value[1]));
        if (key[0].size > 0) {
            memcpy(from_bytes, key[0].bytes, key[0].size);
        }
        from = kp_slice_of(from_bytes, key[0].size);
        kp_txn_scratch_restore(ram, mark_ram);
        kp_txn_scratch_restore(lmdb, mark_lmdb);
    }
}

#endif
