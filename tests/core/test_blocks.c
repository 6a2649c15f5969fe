/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who meets whom under their keys, against a plain account of it: thousands of forms come and go,
 * with keys and witnesses by chance, so that blocks grow too large and small again.
 */
#include "core/blocks.h"
#include "store/ram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FORMS 900u
#define KEYS 4u
#define STEPS 6000u

struct one {
    struct kp_match_keys keys;
    bool there;
};

static struct one all[FORMS]; /* the id is the index and one */

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Of kinds with three, four, two and no witnesses; a few tags, the first of which many have. */
static void make_keys(struct kp_match_keys *keys, uint64_t *seed)
{
    static const uint8_t kinds[KEYS] = {KP_KEY_BIRTH_INITIAL, KP_KEY_YEAR_NAMES,
                                        KP_KEY_PLACE_NUMBER, KP_KEY_ADDRESS};
    uint8_t bytes[KP_KEYS_BYTES_MAX];
    struct kp_match_keys made = {.count = KEYS};
    struct kp_writer writer;
    struct kp_reader reader;
    for (uint32_t i = 0; i < KEYS; i++) {
        made.keys[i].kind = kinds[i];
        made.keys[i].tag[3] = (uint8_t)(next(seed) % 2 == 0 ? 0 : next(seed) % 40);
        for (uint32_t w = 0; w < KP_WITNESSES_MAX; w++) {
            made.keys[i].witnesses[w] = (uint8_t)(next(seed) % 12); /* 0: not known */
        }
    }
    for (uint32_t i = 0; i < KP_NARROWINGS; i++) { /* most have the first, so that each is needed */
        made.narrowings[i][0] = (uint8_t)(next(seed) % 12 == 0 ? 1 + next(seed) % 2 : 0);
    }
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_match_keys_put(&writer, &made);
    kp_reader_init(&reader, kp_writer_slice(&writer));
    kp_match_keys_get(&reader, keys);
    assert_true(kp_reader_done(&reader));
}

/* --- a plain account --- */

/* Both stand under this key at that level: the key, and so many fields more. */
static bool share(const struct one *a, const struct one *b, uint32_t key, uint32_t level)
{
    const struct kp_match_key *one = &a->keys.keys[key];
    const struct kp_match_key *other = &b->keys.keys[key];
    return memcmp(one->tag, other->tag, KP_TAG_BYTES) == 0 &&
           memcmp(a->keys.narrowings, b->keys.narrowings, (size_t)level * KP_TAG_BYTES) == 0;
}

/* The level at which the form is compared; above KP_NARROWINGS: at none. */
static uint32_t level_of(const struct one *form, uint32_t key)
{
    for (uint32_t level = 0; level <= KP_NARROWINGS; level++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < FORMS; i++) {
            count += all[i].there && share(form, &all[i], key, level) ? 1 : 0;
        }
        if (count <= KP_BLOCK_FORMS_MAX) {
            return level;
        }
    }
    return KP_NARROWINGS + 1;
}

static bool should_meet(const struct one *a, const struct one *b, const uint32_t levels[KEYS])
{
    for (uint32_t key = 0; key < KEYS; key++) {
        bool agree = kp_key_witnesses(a->keys.keys[key].kind) == 0;
        for (uint32_t w = 0;
             w < (uint32_t)__builtin_popcount(kp_key_witnesses(a->keys.keys[key].kind)); w++) {
            uint8_t one = a->keys.keys[key].witnesses[w];
            uint8_t other = b->keys.keys[key].witnesses[w];
            agree |= one == 0 || other == 0 || one == other;
        }
        if (agree && levels[key] <= KP_NARROWINGS && share(a, b, key, levels[key])) {
            return true;
        }
    }
    return false;
}

/* --- the index --- */

static void come_or_go(struct kp_txn *txn, uint32_t n)
{
    static uint8_t bytes[KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX];
    struct kp_block_change *changes = NULL;
    struct kp_known_form known = {.id = n + 1, .person = 1};
    struct kp_writer writer;
    memcpy(known.tag, &n, sizeof n);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_form_put(&writer, &known.form);
    known.bytes = kp_writer_slice(&writer);
    kp_match_keys_put(&writer, &all[n].keys);
    known.keys = kp_slice_of(bytes + known.bytes.size, writer.size - known.bytes.size);
    if (all[n].there) {
        kp_blocks_remove(txn, &all[n].keys, known.id, &changes);
        kp_forms_remove(txn, &known);
    } else {
        kp_forms_store(txn, &known);
        kp_blocks_add(txn, &all[n].keys, known.id, &changes);
    }
    all[n].there = !all[n].there;
    assert_int_equal(kp_txn_error(txn), KP_OK);
}

/* All whom it meets, and nobody else; returns how many. */
static uint32_t assert_meets(struct kp_txn *txn, const struct one *form)
{
    uint32_t levels[KEYS];
    uint64_t *found;
    uint32_t count;
    uint32_t at = 0;
    size_t mark = kp_txn_scratch_mark(txn);
    for (uint32_t key = 0; key < KEYS; key++) {
        levels[key] = level_of(form, key);
    }
    assert_true(kp_blocks_candidates(txn, &form->keys, &found, &count));
    for (uint32_t i = 0; i < FORMS; i++) {
        if (!all[i].there) {
            continue;
        }
        bool meets = should_meet(form, &all[i], levels);
        assert_int_equal(at < count && found[at] == i + 1, meets);
        at += meets ? 1 : 0;
        assert_int_equal(kp_blocks_kinds(txn, &form->keys, &all[i].keys) != 0, meets);
        assert_int_equal(kp_blocks_kinds(txn, &all[i].keys, &form->keys) != 0, meets);
    }
    assert_int_equal(at, count);
    kp_txn_scratch_restore(txn, mark);
    return count;
}

static void who_meets_whom_follows_from_who_is_there(void **state)
{
    struct kp_store store;
    struct kp_txn *txn;
    struct kp_diag diag;
    uint64_t seed = 88172645463325252u;
    uint32_t levels[KP_NARROWINGS + 2] = {0};
    (void)state;
    kp_store_open_ram(&store);
    assert_int_equal(kp_txn_begin(&store, /* write= */ true, &txn, &diag), KP_OK);
    for (uint32_t i = 0; i < FORMS; i++) {
        make_keys(&all[i].keys, &seed);
        all[i].there = false;
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        /* Full and nearly empty by turns. */
        uint32_t n = (uint32_t)(next(&seed) % FORMS);
        bool fill = step / 1500 % 2 == 0;
        size_t mark = kp_txn_scratch_mark(txn);
        if (all[n].there != fill) {
            come_or_go(txn, n);
        }
        kp_txn_scratch_restore(txn, mark);
        if (step % 60 == 0) {
            (void)assert_meets(txn, &all[next(&seed) % FORMS]);
            levels[level_of(&all[n], 3)]++;
        }
    }
    for (uint32_t level = 0; level < sizeof levels / sizeof levels[0]; level++) {
        assert_true(levels[level] > 0); /* each was seen, and the one above the last */
    }
    for (uint32_t i = 0; i < FORMS; i++) {
        if (all[i].there) {
            come_or_go(txn, i);
        }
    }
    struct kp_slice key;
    struct kp_slice value;
    assert_false(
        kp_txn_seek(txn, KP_TABLE_INDEX, KP_SLICE_EMPTY, /* after= */ false, &key, &value));
    kp_txn_abort(txn);
    kp_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_meets_whom_follows_from_who_is_there),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
