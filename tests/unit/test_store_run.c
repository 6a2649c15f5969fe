/* SPDX-License-Identifier: EUPL-1.2 */
/* Runs and drafts against a plain array of rows: what is found, walked and merged. */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "store/draft.h"

#define KEYS 300u
#define VALUE_BYTES_MAX 40u

/* The newest change of each key; kind KP_RUN_NONE: none. */
struct model {
    uint8_t keys[KEYS][20];
    size_t key_bytes[KEYS];
    uint8_t values[KEYS][VALUE_BYTES_MAX];
    struct kp_run_record records[KEYS];
};

/* Keys of several sizes, some the start of others, in two tables. */
static void make_keys(struct model *model)
{
    memset(model, 0, sizeof *model);
    for (uint32_t i = 0; i < KEYS; i++) {
        fixture_fill(model->keys[i], sizeof model->keys[i], i / 3);
        model->key_bytes[i] = 1 + i % 3 * 8;
        model->keys[i][0] = (uint8_t)(i / 3); /* short ones differ too */
    }
}

static struct kp_row_place place_of(const struct model *model, uint32_t i)
{
    return (struct kp_row_place){i % 2 == 0 ? KP_TABLE_INDEX : KP_TABLE_REFERENCE,
                                 kp_slice_of(model->keys[i], model->key_bytes[i])};
}

/* One random change; a model of its own keeps a value where it is. */
static struct kp_run_record change(struct model *model, uint64_t *random, uint32_t *ret_key)
{
    uint32_t i = (uint32_t)(fixture_next(random) % KEYS);
    struct kp_run_record *record = &model->records[i];
    size_t size = fixture_next(random) % VALUE_BYTES_MAX;
    fixture_fill(model->values[i], size, *random);
    *record =
        (struct kp_run_record){.place = place_of(model, i),
                               .kind = fixture_next(random) % 4 == 0 ? KP_RUN_GONE : KP_RUN_PLAIN};
    record->value =
        record->kind == KP_RUN_GONE ? KP_SLICE_EMPTY : kp_slice_of(model->values[i], size);
    *ret_key = i;
    return *record;
}

static void assert_same_record(const struct kp_run_record *is, const struct kp_run_record *should)
{
    assert_int_equal(kp_place_compare(is->place, should->place), 0);
    assert_int_equal(is->kind, should->kind);
    assert_true(kp_slice_equal(is->value, should->value));
}

static void assert_finds(const struct kp_run *run, const struct model *model)
{
    uint32_t rows = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        struct kp_run_record found;
        struct kp_row_place place = place_of(model, i);
        bool is_there = model->records[i].kind != KP_RUN_NONE;
        assert_int_equal(kp_run_find(run, place, kp_place_hash(place), &found), is_there);
        if (is_there) {
            assert_same_record(&found, &model->records[i]);
            rows++;
        }
    }
    assert_int_equal(run->rows, rows);
}

/* Every place, from wherever the walk was before. */
static void assert_seeks(const struct kp_run *run, const struct model *model, uint64_t random)
{
    uint32_t hint = UINT32_MAX; /* of another run */
    for (uint32_t step = 0; step < 3 * KEYS; step++) {
        struct kp_row_place place = place_of(model, (uint32_t)(fixture_next(&random) % KEYS));
        bool after = fixture_next(&random) % 2 == 0;
        uint32_t expected = 0;
        while (expected < run->rows) {
            int order = kp_place_compare(kp_run_at(run, expected).place, place);
            if (order > 0 || (order == 0 && !after)) {
                break;
            }
            expected++;
        }
        assert_int_equal(kp_run_seek(run, place, after, &hint), expected);
        if (expected < run->rows) { /* and the one behind it */
            place = kp_run_at(run, expected).place;
            assert_int_equal(kp_run_seek(run, place, /* after= */ true, &hint), expected + 1);
        }
    }
}

static struct kp_run *draft_changes(struct model *model, struct kp_draft *draft, uint64_t seed,
                                    uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        uint32_t key = 0;
        struct kp_run_record record = change(model, &seed, &key), found;
        uint64_t hash = kp_place_hash(record.place);
        kp_draft_put(draft, &record, hash);
        assert_true(kp_draft_find(draft, record.place, hash, &found));
        assert_same_record(&found, &record);
        if (n % 50 == 0) {
            const struct kp_run *sorted = kp_draft_sorted(draft);
            assert_true(kp_run_find(sorted, record.place, hash, &found));
            assert_same_record(&found, &record);
        }
    }
    struct kp_run *run = kp_draft_run(draft);
    kp_draft_clear(draft);
    return run;
}

static void test_draft_becomes_a_run(void **state)
{
    (void)state;
    static struct model model;
    struct kp_draft draft = {0};
    struct kp_run_record found;
    assert_null(kp_draft_run(&draft));
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_keys(&model);
        struct kp_row_place place = place_of(&model, 0);
        assert_false(kp_draft_find(&draft, place, kp_place_hash(place), &found));
        struct kp_run *run = draft_changes(&model, &draft, seed, (uint32_t)(40 * seed));
        assert_finds(run, &model);
        assert_seeks(run, &model, seed);
        kp_run_release(run);
    }
    kp_draft_done(&draft);
}

/* Layers over each other: merged in memory, and walked as they are, they are the same. */
static void test_newer_hides_older(void **state)
{
    (void)state;
    static struct model model;
    struct kp_draft draft = {0};
    struct kp_run *layers[5], *all = NULL;
    struct kp_run_record record;
    uint32_t at[5] = {0}, rows = 0;
    make_keys(&model);
    for (uint32_t i = 0; i < 5; i++) {
        layers[i] = draft_changes(&model, &draft, 77 + i, 60);
        struct kp_run *merged = all == NULL ? kp_run_hold(layers[i]) : kp_run_merge(all, layers[i]);
        kp_run_release(all);
        all = merged;
        assert_finds(all, &model);
    }
    while (kp_runs_next(layers, 5, at, &record)) {
        struct kp_run_record expected = kp_run_at(all, rows++);
        assert_same_record(&record, &expected);
    }
    assert_int_equal(rows, all->rows);
    for (uint32_t i = 0; i < 5; i++) {
        kp_run_release(layers[i]);
    }
    kp_run_release(all);
    kp_draft_done(&draft);
}

/* Most of what is not there is not looked for; nothing that is there is overlooked. */
static void test_filter(void **state)
{
    (void)state;
    struct kp_draft draft = {0};
    uint8_t key[16] = {0};
    struct kp_run_record record = {.place = {KP_TABLE_INDEX, kp_slice_of(key, sizeof key)},
                                   .kind = KP_RUN_GONE};
    for (uint64_t i = 0; i < 20000; i++) {
        fixture_fill(key, sizeof key, i);
        kp_draft_put(&draft, &record, kp_place_hash(record.place));
    }
    struct kp_run *run = kp_draft_run(&draft);
    assert_int_equal(run->rows, 20000);
    assert_true(kp_run_heap_bytes(run) <= 20000 * (sizeof key + 6 + 4 + 2) + 1000);
    uint32_t ones = 0;
    for (size_t i = 0; i < run->filter_words; i++) {
        ones += (uint32_t)__builtin_popcountll(run->filter[i]);
    }
    /* A place is looked for when four random bits are set: less than one in thirty here. */
    assert_true(ones * 5 < run->filter_words * 64 * 2);
    kp_run_release(run);
    kp_draft_done(&draft);
}

static void test_records_are_checked(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    struct kp_run_record record = {.place = {KP_TABLE_INDEX, KP_SLICE_LIT("key")},
                                   .kind = KP_RUN_PLAIN,
                                   .value = KP_SLICE_LIT("value")};
    struct kp_run_record read;
    size_t size = kp_run_record_bytes(&record);
    kp_run_encode(&record, bytes);
    assert_int_equal(kp_run_decode(kp_slice_of(bytes, sizeof bytes), &read), size);
    assert_same_record(&read, &record);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(kp_run_decode(kp_slice_of(bytes, cut), &read), 0);
    }
    bytes[2] &= 0x3f; /* no kind */
    assert_int_equal(kp_run_decode(kp_slice_of(bytes, sizeof bytes), &read), 0);
    bytes[2] |= KP_RUN_GONE << 6; /* with a value */
    assert_int_equal(kp_run_decode(kp_slice_of(bytes, sizeof bytes), &read), 0);
    bytes[2] = KP_RUN_PLAIN << 6;
    bytes[1] = 0; /* no key */
    assert_int_equal(kp_run_decode(kp_slice_of(bytes, sizeof bytes), &read), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draft_becomes_a_run),
        cmocka_unit_test(test_newer_hides_older),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_records_are_checked),
    };
    return cmocka_run_group_tests_name("store_run", tests, NULL, NULL);
}
