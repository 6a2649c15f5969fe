/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses a map of 1 TiB */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "journal/journal.h"
#include "store/env.h"
#include "store/keys.h"

#define BODY_BYTES_MAX 70000u

struct journal_fixture {
    struct fixture base;
    struct kp_journal *journal;
    struct kp_journal_reader *reader;
};

static void open_journal(struct journal_fixture *fixture, uint64_t segment_positions)
{
    struct kp_journal_options options = {.dir = fixture->base.path[FIXTURE_JOURNAL],
                                         .ring = fixture->base.ring,
                                         .map_bytes = UINT64_C(1) << 30,
                                         .segment_positions = segment_positions};
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_journal_open(&options, &fixture->journal, &diag), &diag);
    fixture->reader = kp_journal_reader_new(fixture->journal);
}

static void close_journal(struct journal_fixture *fixture)
{
    fixture->reader = kp_journal_reader_free(fixture->reader);
    fixture->journal = kp_journal_close(fixture->journal);
}

/* With the keyring, as a new process would. */
static void reopen_journal(struct journal_fixture *fixture, uint64_t segment_positions)
{
    close_journal(fixture);
    fixture->base.ring = kp_keyring_close(fixture->base.ring);
    fixture_open_ring(&fixture->base);
    open_journal(fixture, segment_positions);
}

static int setup(void **state)
{
    static struct journal_fixture fixture;
    fixture_init(&fixture.base);
    open_journal(&fixture, 10);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct journal_fixture *fixture = *state;
    close_journal(fixture);
    fixture_done(&fixture->base);
    return 0;
}

static size_t body_bytes(uint64_t position)
{
    return position % 7 == 0 ? BODY_BYTES_MAX : 1 + position * 37 % 900;
}

/* One record of @positions, its body made from its position. */
static enum kp_err append(struct journal_fixture *fixture, int64_t now_ms, uint32_t positions,
                          struct kp_journal_record *ret_record)
{
    static uint8_t body[BODY_BYTES_MAX];
    struct kp_journal_state journal_state;
    struct kp_diag diag;
    kp_journal_state(fixture->journal, &journal_state);
    uint64_t next = journal_state.last + 1;
    fixture_fill(body, body_bytes(next), next);
    *ret_record = (struct kp_journal_record){.positions = positions,
                                             .body = kp_slice_of(body, body_bytes(next))};
    return kp_journal_append(fixture->journal, (struct kp_wall){.ms = now_ms}, ret_record, 1,
                             &diag);
}

static void append_many(struct journal_fixture *fixture, uint32_t count, uint32_t positions)
{
    struct kp_journal_record record;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(append(fixture, 1000, positions, &record), KP_OK);
    }
}

static enum kp_err read_one(struct journal_fixture *fixture, uint64_t from,
                            struct kp_journal_record *ret_record, uint32_t *ret_count)
{
    struct kp_diag diag;
    return kp_journal_read(fixture->reader, from, ret_record, 1, 0, ret_count, &diag);
}

static void assert_body(const struct kp_journal_record *record)
{
    static uint8_t expected[BODY_BYTES_MAX];
    fixture_fill(expected, body_bytes(record->position), record->position);
    assert_int_equal(record->body.size, body_bytes(record->position));
    assert_memory_equal(record->body.bytes, expected, record->body.size);
}

/* From @from to the end, in calls of a few records. Returns how many records there were. */
static uint32_t read_all(struct journal_fixture *fixture, uint64_t from)
{
    struct kp_journal_record records[3];
    struct kp_diag diag = {.err = KP_OK};
    uint32_t count = 0, total = 0;
    uint64_t expected = from;
    do {
        fixture_must(kp_journal_read(fixture->reader, expected, records, 3, 80000, &count, &diag),
                     &diag);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(records[i].position, expected);
            assert_body(&records[i]);
            expected += records[i].positions;
        }
        total += count;
    } while (count > 0);
    return total;
}

static void test_starts_empty(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_state journal_state;
    struct kp_journal_record record;
    uint32_t count = 9;
    kp_journal_state(fixture->journal, &journal_state);
    assert_int_equal(journal_state.first, 0);
    assert_int_equal(journal_state.last, 0);
    assert_int_equal(read_one(fixture, 1, &record, &count), KP_OK);
    assert_int_equal(count, 0);
    assert_int_equal(read_one(fixture, 0, &record, &count), KP_E_NOT_FOUND);
}

static void test_append_read_reopen(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_state journal_state;
    append_many(fixture, 40, 3);
    assert_int_equal(read_all(fixture, 1), 40);
    reopen_journal(fixture, 10);
    append_many(fixture, 2, 100);
    assert_int_equal(read_all(fixture, 1), 42);
    assert_int_equal(read_all(fixture, 61), 22);
    kp_journal_state(fixture->journal, &journal_state);
    assert_int_equal(journal_state.first, 1);
    assert_int_equal(journal_state.last, 320);
}

static void test_group_gets_consecutive_positions(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record records[3] = {{.positions = 1, .body = KP_SLICE_LIT("a")},
                                           {.positions = 500, .body = KP_SLICE_LIT("b")},
                                           {.positions = 1, .body = KP_SLICE_EMPTY}};
    struct kp_diag diag = {.err = KP_OK};
    struct kp_wall now = {.ms = 5000};
    fixture_must(kp_journal_append(fixture->journal, now, records, 3, &diag), &diag);
    assert_int_equal(records[0].position, 1);
    assert_int_equal(records[1].position, 2);
    assert_int_equal(records[2].position, 502);
    struct kp_journal_record read[4];
    uint32_t count = 0;
    fixture_must(kp_journal_read(fixture->reader, 1, read, 4, 100, &count, &diag), &diag);
    assert_int_equal(count, 3);
    assert_true(kp_slice_equal(read[1].body, KP_SLICE_LIT("b")));
    assert_int_equal(read[2].body.size, 0);
    assert_int_equal(read[2].stamp.ms, 5000);
    /* A start inside a record gives the next one. */
    fixture_must(kp_journal_read(fixture->reader, 77, read, 4, 100, &count, &diag), &diag);
    assert_int_equal(count, 1);
    assert_int_equal(read[0].position, 502);
}

static void test_stamp_never_goes_back(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record record;
    struct kp_journal_state journal_state;
    assert_int_equal(append(fixture, 2000, 1, &record), KP_OK);
    assert_int_equal(append(fixture, 1500, 1, &record), KP_OK);
    assert_int_equal(record.stamp.ms, 2000);
    reopen_journal(fixture, 10);
    assert_int_equal(append(fixture, 100, 1, &record), KP_OK);
    assert_int_equal(record.stamp.ms, 2000);
    assert_int_equal(append(fixture, 2001, 1, &record), KP_OK);
    kp_journal_state(fixture->journal, &journal_state);
    assert_int_equal(journal_state.last_stamp.ms, 2001);
}

static uint32_t trim(struct journal_fixture *fixture, uint64_t keep_from, uint32_t records_max)
{
    struct kp_diag diag = {.err = KP_OK};
    uint32_t dropped = 0;
    fixture_must(kp_journal_trim(fixture->journal, keep_from, records_max, &dropped, &diag), &diag);
    return dropped;
}

static enum kp_err find_segment_key(struct journal_fixture *fixture, uint64_t segment)
{
    struct kp_diag diag;
    struct kp_secret key;
    return kp_keyring_find(fixture->base.ring, KP_KEYRING_JOURNAL, segment, &key, &diag);
}

static void test_trim(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record record;
    struct kp_journal_state journal_state;
    uint32_t count = 0;
    append_many(fixture, 20, 2); /* positions 1-40; segments from 1, 11, 21, 31 */
    assert_int_equal(trim(fixture, 2, 1000), 0);
    assert_int_equal(trim(fixture, 14, 1000), 6); /* 13-14 still reaches past 14 */
    assert_int_equal(read_one(fixture, 12, &record, &count), KP_E_NOT_FOUND);
    assert_int_equal(read_all(fixture, 13), 14);
    assert_int_equal(find_segment_key(fixture, 1), KP_E_NOT_FOUND);
    assert_int_equal(find_segment_key(fixture, 11), KP_OK);
    assert_int_equal(trim(fixture, 41, 3), 3);
    assert_int_equal(trim(fixture, 41, 1000), 11);
    kp_journal_state(fixture->journal, &journal_state);
    assert_int_equal(journal_state.first, 41);
    assert_int_equal(journal_state.last, 40);
    reopen_journal(fixture, 10);
    assert_int_equal(read_all(fixture, 41), 0);
    assert_int_equal(append(fixture, 1000, 1, &record), KP_OK);
    assert_int_equal(record.position, 41);
    assert_int_equal(read_all(fixture, 41), 1);
    assert_int_equal(trim(fixture, 42, 1000), 1);
}

/* --- tampering: with the journal closed, through the database's own interface --- */

typedef void tamper_function(MDB_txn *txn, MDB_dbi records, MDB_dbi heads, uint64_t position);

static void tamper(struct journal_fixture *fixture, tamper_function *change, uint64_t position)
{
    struct kp_env_options options = {
        .dir = fixture->base.path[FIXTURE_JOURNAL], .map_bytes = 1 << 30, .tables_max = 2};
    struct kp_diag diag = {.err = KP_OK};
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi records = 0, heads = 0;
    fixture->reader = kp_journal_reader_free(fixture->reader);
    fixture->journal = kp_journal_close(fixture->journal);
    fixture_must(kp_env_open(&options, &env, &diag), &diag);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), MDB_SUCCESS);
    assert_int_equal(mdb_dbi_open(txn, "record", 0, &records), MDB_SUCCESS);
    assert_int_equal(mdb_dbi_open(txn, "head", 0, &heads), MDB_SUCCESS);
    change(txn, records, heads, position);
    assert_int_equal(mdb_txn_commit(txn), MDB_SUCCESS);
    (void)kp_env_close(env);
}

static enum kp_err open_tampered(struct journal_fixture *fixture)
{
    struct kp_journal_options options = {.dir = fixture->base.path[FIXTURE_JOURNAL],
                                         .ring = fixture->base.ring,
                                         .map_bytes = UINT64_C(1) << 30};
    struct kp_diag diag;
    enum kp_err err = kp_journal_open(&options, &fixture->journal, &diag);
    fixture->reader = err == KP_OK ? kp_journal_reader_new(fixture->journal) : NULL;
    return err;
}

static void remove_record(MDB_txn *txn, MDB_dbi records, MDB_dbi heads, uint64_t position)
{
    (void)heads;
    struct kp_key name = kp_key_u64(kp_key_none(), position);
    MDB_val key = kp_env_val(kp_key_slice(&name));
    assert_int_equal(mdb_del(txn, records, &key, NULL), MDB_SUCCESS);
}

static void move_record(MDB_txn *txn, MDB_dbi records, MDB_dbi heads, uint64_t position)
{
    (void)heads;
    struct kp_key from = kp_key_u64(kp_key_none(), position);
    struct kp_key to = kp_key_u64(kp_key_none(), position + 1);
    MDB_val key = kp_env_val(kp_key_slice(&from));
    MDB_val value;
    uint8_t copy[2048];
    assert_int_equal(mdb_get(txn, records, &key, &value), MDB_SUCCESS);
    assert_in_range(value.mv_size, 1, sizeof copy);
    memcpy(copy, value.mv_data, value.mv_size);
    value.mv_data = copy;
    key = kp_env_val(kp_key_slice(&to));
    assert_int_equal(mdb_put(txn, records, &key, &value, 0), MDB_SUCCESS);
}

static void test_missing_record_is_found(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record record[6];
    struct kp_diag diag;
    uint32_t count = 0;
    append_many(fixture, 6, 1);
    tamper(fixture, remove_record, 3);
    assert_int_equal(open_tampered(fixture), KP_OK);
    assert_int_equal(kp_journal_read(fixture->reader, 1, record, 6, 1 << 20, &count, &diag),
                     KP_E_CORRUPT);
    assert_int_equal(read_one(fixture, 3, record, &count), KP_E_CORRUPT);
    assert_int_equal(read_one(fixture, 4, record, &count), KP_OK);
}

static void test_swapped_record_is_refused(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record record;
    uint32_t count = 0;
    append_many(fixture, 5, 1);
    tamper(fixture, move_record, 2);
    assert_int_equal(open_tampered(fixture), KP_OK);
    assert_int_equal(read_one(fixture, 2, &record, &count), KP_OK);
    assert_int_equal(read_one(fixture, 3, &record, &count), KP_E_CORRUPT);
}

static void test_missing_ends_are_found_at_open(void **state)
{
    struct journal_fixture *fixture = *state;
    append_many(fixture, 6, 1);
    tamper(fixture, remove_record, 6);
    assert_int_equal(open_tampered(fixture), KP_E_CORRUPT);
    fixture->journal = NULL;
}

static void test_missing_front_is_found_at_open(void **state)
{
    struct journal_fixture *fixture = *state;
    append_many(fixture, 6, 1);
    tamper(fixture, remove_record, 1);
    assert_int_equal(open_tampered(fixture), KP_E_CORRUPT);
    fixture->journal = NULL;
}

static size_t flip_bit;

static void flip_record(MDB_txn *txn, MDB_dbi records, MDB_dbi heads, uint64_t position)
{
    struct kp_key name = kp_key_u64(kp_key_none(), position);
    MDB_dbi dbi = position == 0 ? heads : records;
    MDB_val key =
        position == 0 ? kp_env_val(KP_SLICE_LIT("head")) : kp_env_val(kp_key_slice(&name));
    MDB_val value;
    uint8_t copy[2048];
    assert_int_equal(mdb_get(txn, dbi, &key, &value), MDB_SUCCESS);
    assert_in_range(value.mv_size, 1, sizeof copy);
    memcpy(copy, value.mv_data, value.mv_size);
    size_t bit = flip_bit % (8 * value.mv_size);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    value.mv_data = copy;
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), MDB_SUCCESS);
}

/* Each bit of a record and of the head, one at a time, put back afterwards. */
static void test_every_bit_flip_is_found(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record record;
    uint32_t count = 0;
    append_many(fixture, 4, 1);
    size_t record_bits = 8 * (1 + 8 + 4 + 12 + 8 + body_bytes(2) + 16);
    for (flip_bit = 0; flip_bit < record_bits; flip_bit++) {
        tamper(fixture, flip_record, 2);
        assert_int_equal(open_tampered(fixture), KP_OK);
        assert_int_equal(read_one(fixture, 2, &record, &count), KP_E_CORRUPT);
        tamper(fixture, flip_record, 2);
    }
    for (flip_bit = 0; flip_bit < 8 * 49; flip_bit++) {
        tamper(fixture, flip_record, 0);
        assert_int_equal(open_tampered(fixture), KP_E_CORRUPT);
        fixture->journal = NULL;
        tamper(fixture, flip_record, 0);
    }
    assert_int_equal(open_tampered(fixture), KP_OK);
    assert_int_equal(read_all(fixture, 1), 4);
}

static void test_copy_opens_with_the_same_keys(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_diag diag = {.err = KP_OK};
    append_many(fixture, 12, 2);
    fixture_must(kp_journal_copy(fixture->journal, fixture->base.path[FIXTURE_STATE], &diag),
                 &diag);
    append_many(fixture, 3, 2);
    close_journal(fixture);
    struct kp_journal_options options = {
        .dir = fixture->base.path[FIXTURE_STATE], .ring = fixture->base.ring, .map_bytes = 1 << 30};
    fixture_must(kp_journal_open(&options, &fixture->journal, &diag), &diag);
    fixture->reader = kp_journal_reader_new(fixture->journal);
    assert_int_equal(read_all(fixture, 1), 12);
}

static void test_full_map_is_disk_full_and_closes_the_journal(void **state)
{
    struct journal_fixture *fixture = *state;
    struct kp_journal_record record;
    struct kp_journal_state before, after;
    struct kp_journal_options options = {.dir = fixture->base.path[FIXTURE_JOURNAL],
                                         .ring = fixture->base.ring,
                                         .map_bytes = 1 << 20};
    struct kp_diag diag = {.err = KP_OK};
    close_journal(fixture);
    fixture_must(kp_journal_open(&options, &fixture->journal, &diag), &diag);
    fixture->reader = kp_journal_reader_new(fixture->journal);
    enum kp_err err = KP_OK;
    while (err == KP_OK) {
        kp_journal_state(fixture->journal, &before);
        err = append(fixture, 1000, 1, &record);
    }
    assert_int_equal(err, KP_E_DISK_FULL);
    assert_int_equal(append(fixture, 1000, 1, &record), KP_E_STORE);
    reopen_journal(fixture, 10);
    kp_journal_state(fixture->journal, &after);
    assert_int_equal(after.last, before.last);
    assert_int_equal(read_all(fixture, 1), after.last);
    append_many(fixture, 3, 1);
}

static void test_oversized_record_is_refused(void **state)
{
    struct journal_fixture *fixture = *state;
    size_t size = (size_t)KP_JOURNAL_RECORD_BYTES_MAX + 1;
    uint8_t *body = calloc(1, size);
    struct kp_journal_record record = {.positions = 1, .body = kp_slice_of(body, size)};
    struct kp_diag diag;
    struct kp_wall now = {.ms = 1};
    assert_int_equal(kp_journal_append(fixture->journal, now, &record, 1, &diag), KP_E_LIMIT);
    record.body.size--;
    assert_int_equal(kp_journal_append(fixture->journal, now, &record, 1, &diag), KP_OK);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_starts_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_read_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_group_gets_consecutive_positions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stamp_never_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_record_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_swapped_record_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_ends_are_found_at_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_front_is_found_at_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_bit_flip_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_opens_with_the_same_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_map_is_disk_full_and_closes_the_journal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_oversized_record_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
