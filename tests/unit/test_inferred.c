/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses the maps of a keyring and a store */
/* check: not under tsan: nothing here has a thread */
/*
 * A row that is not read, because what stands in it follows from a form, holds just that: thousands
 * of spellings come and go in a store whose rows are swept all the time, and each row that is
 * inferred is read as well.
 */
#define _GNU_SOURCE /* nftw */
#include "test_store_fixture.h"

#include "core/blocks.h"
#include "test_store_common.h"

#define PERSONS 300u
#define SPELLINGS 3u
#define FORMS (PERSONS * SPELLINGS)
#define KEYS 8u
#define STEPS 12000u
#define WAITING_MAX 300u
#define COMMIT_EVERY 12u /* some of what waits is not swept yet */

static struct kp_match_keys keys_of[FORMS];
static bool there[FORMS];
static uint32_t inferred;
static struct kp_store_ops real;

static void checked_infer(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                          struct kp_slice value)
{
    struct kp_slice found;
    assert_true(real.get(txn, table, key, &found));
    assert_int_equal(found.size, value.size);
    assert_memory_equal(found.bytes, value.bytes, value.size);
    inferred++;
    real.infer(txn, table, key, value);
}

static struct kp_txn *begin_checked(struct store_fixture *fixture)
{
    static struct kp_store_ops checked;
    struct kp_txn *txn = begin(&fixture->lmdb, /* write= */ true);
    real = checked = *txn->ops;
    checked.infer = checked_infer;
    txn->ops = &checked;
    return txn;
}

/* Most keys are the person's own; now and then one is a stranger's, or one that many have. */
static void make_keys(uint32_t n, uint64_t *random)
{
    static const uint8_t kinds[KEYS] = {
        KP_KEY_BIRTH_INITIAL, KP_KEY_YEAR_NAMES,    KP_KEY_PLACE_NUMBER, KP_KEY_ADDRESS,
        KP_KEY_BIRTH_NAME,    KP_KEY_NAME_POSTCODE, KP_KEY_GIVEN_PLACE,  KP_KEY_BSN};
    struct kp_match_keys *keys = &keys_of[n];
    keys->count = KEYS;
    for (uint32_t i = 0; i < KEYS; i++) {
        uint64_t chance = fixture_next(random) % 20;
        uint32_t owner = chance == 0   ? (uint32_t)(fixture_next(random) % PERSONS)
                         : chance == 1 ? PERSONS + (uint32_t)(fixture_next(random) % 4)
                                       : n / SPELLINGS;
        keys->keys[i].kind = kinds[i];
        fixture_fill(keys->keys[i].tag, KP_KEY_TAG_BYTES, owner * KEYS + i / 2); /* of two kinds */
        memset(keys->keys[i].witnesses, KP_WITNESS_UNASKED, KP_WITNESSES_MAX);
        for (uint32_t w = 0; w < (uint32_t)__builtin_popcount(kp_key_witnesses(kinds[i])); w++) {
            keys->keys[i].witnesses[w] = (uint8_t)(fixture_next(random) % 4); /* 0: not known */
        }
    }
}

static bool meet(uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct kp_match_key *one = &keys_of[a].keys[i];
        const struct kp_match_key *other = &keys_of[b].keys[i];
        if (memcmp(one->tag, other->tag, KP_KEY_TAG_BYTES) == 0 &&
            kp_witnesses_agree(one->witnesses, other->witnesses)) {
            return true;
        }
    }
    return false;
}

static void assert_meets(struct kp_txn *txn, uint32_t n)
{
    uint64_t *found;
    uint32_t count;
    uint32_t at = 0;
    assert_true(kp_blocks_candidates(txn, &keys_of[n], &found, &count));
    for (uint32_t i = 0; i < FORMS; i++) {
        bool is_met = there[i] && meet(n, i);
        assert_int_equal(at < count && found[at] == i + 1, is_met);
        at += is_met ? 1 : 0;
    }
    assert_int_equal(at, count);
}

static void come_or_go(struct kp_txn *txn, uint32_t n)
{
    uint8_t bytes[KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX];
    struct kp_block_change *changes = NULL;
    struct kp_known_form known = {.id = n + 1, .person = n / SPELLINGS + 1};
    struct kp_writer writer;
    memcpy(known.tag, &n, sizeof n);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_form_put(&writer, &known.form);
    known.bytes = kp_writer_slice(&writer);
    kp_match_keys_put(&writer, &keys_of[n]);
    known.keys = kp_slice_of(bytes + known.bytes.size, writer.size - known.bytes.size);
    if (there[n]) {
        kp_blocks_remove(txn, &keys_of[n], known.id, &changes);
        kp_forms_remove(txn, &known);
    } else {
        kp_forms_store(txn, &known);
        kp_blocks_add(txn, &keys_of[n], known.id, &changes);
    }
    there[n] = !there[n];
    assert_null(changes);
    assert_int_equal(kp_txn_error(txn), KP_OK);
}

static int setup(void **state)
{
    *state = new_lmdb_waiting(WAITING_MAX);
    return 0;
}

static void what_is_inferred_is_what_stands_there(void **state)
{
    struct store_fixture *fixture = *state;
    uint64_t random = 4711;
    struct kp_txn *txn = begin_checked(fixture);
    for (uint32_t n = 0; n < FORMS; n++) {
        make_keys(n, &random);
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t n = (uint32_t)(fixture_next(&random) % FORMS);
        size_t mark = kp_txn_scratch_mark(txn);
        assert_meets(txn, n);
        come_or_go(txn, n);
        kp_txn_scratch_restore(txn, mark);
        if (step % COMMIT_EVERY == COMMIT_EVERY - 1) {
            commit(txn);
            txn = begin_checked(fixture);
        }
    }
    commit(txn);
    assert_true(inferred > STEPS / 10);
    assert_verifies(&fixture->lmdb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_inferred_is_what_stands_there, setup, done_lmdb),
    };
    return cmocka_run_group_tests_name("inferred", tests, NULL, NULL);
}
