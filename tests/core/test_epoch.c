/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, which refuses the maps of a keyring and a store */
/* An epoch is activated, everything is weighed again by it, and nothing depends on when. */
#define _GNU_SOURCE /* nftw */

#include "world.h"

#include "../unit/test_store_fixture.h"
#include "store/lmdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PAIRS = 150 }; /* of forms: more than one tick weighs again */

static struct world world, other;
static struct kp_match_terms terms;
static struct kp_house house;

static struct told tell(const char *partner, uint32_t number, const char *bsn)
{
    static char labels[64][32]; /* of the last 32 that were told */
    static uint32_t at;
    at = (at + 2) % 64;
    (void)snprintf(labels[at], sizeof labels[at], "%s%u", bsn, number); /* fits */
    (void)snprintf(labels[at + 1], sizeof labels[at + 1], "n%u", number);
    return (struct told){.partner = partner,
                         .reference = labels[at + 1],
                         .version = 1,
                         .kind = 4,
                         .role = 1,
                         .date = 20251201,
                         .bsn = {bsn[0] == '\0' ? NULL : labels[at]},
                         .name = {labels[at + 1]},
                         .persons = 1};
}

/* The same name twice, once with a BSN: one person by the shipped weights. */
static void take_pair(struct world *to, uint32_t number)
{
    struct told named = tell("politie", number, "");
    assert_int_equal(world_signal(to, &named), 1);
    struct told numbered = tell("om", number, "b");
    assert_int_equal(world_signal(to, &numbered), 1);
}

/* Everybody has these names, says this epoch, so that sharing them says nothing. */
static void make_common(struct kp_match_model *ret_model)
{
    kp_match_model_init(ret_model, 1000);
    memset(&terms, 0, sizeof terms);
    terms.totals[KP_FIELD_GIVEN] = terms.totals[KP_FIELD_SURNAME] = 80;
    terms.least = 79;
}

static uint64_t hash_of_surname(uint32_t number)
{
    struct told told = tell("politie", number, "");
    struct world_form room;
    struct kp_command_mention mention = {0};
    struct kp_reader reader;
    struct kp_form form;
    world_mention(NULL, told.name[0], &mention, &room);
    kp_reader_init(&reader, mention.form);
    kp_form_get(&reader, &form);
    return kp_term_hash(KP_FIELD_SURNAME, form.surnames[0].text);
}

static bool are_one(struct world *in, uint32_t number)
{
    struct told told = tell("politie", number, "");
    return world_person(in, "politie", told.reference, 0) ==
           world_person(in, "om", told.reference, 0);
}

static bool is_weighing(struct world *in)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_epoch_state state;
    assert_int_equal(kp_txn_begin(&in->store, false, &txn, &diag), KP_OK);
    assert_true(kp_epoch_state(txn, &state));
    kp_txn_abort(txn);
    return state.until != 0;
}

static void weigh_all(struct world *in)
{
    for (uint32_t ticks = 0; is_weighing(in); ticks++) {
        assert_true(ticks < 20);
        world_tick(in);
    }
}

static int set_up(void **state)
{
    (void)state;
    world_open(&world);
    world_open(&other);
    world_example_house(&house);
    world_house(&world, &house);
    world_house(&other, &house);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    world_close(&other);
    return 0;
}

static void an_epoch_is_in_force_only_when_it_is_activated(void **state)
{
    struct kp_match_model model;
    (void)state;
    make_common(&model);
    take_pair(&world, 1);
    assert_true(are_one(&world, 1));
    world_epoch(&world, 1234, &model, &terms);
    take_pair(&world, 2);
    assert_true(are_one(&world, 2));
    assert_false(is_weighing(&world));

    world_activate(&world, 2); /* there is none */
    assert_int_equal(world.core.model.epoch, 0);
    world_activate(&world, 1);
    assert_true(world.effects.house_changed);
    assert_int_equal(world.core.model.epoch, 1);
    assert_true(are_one(&world, 1)); /* until its turn comes */
    take_pair(&world, 3);
    assert_false(are_one(&world, 3));
    weigh_all(&world);
    assert_false(are_one(&world, 1));
    assert_false(are_one(&world, 2));
    assert_int_equal(world_count_persons(&world), 6);
    assert_int_equal(world_count_doubts(&world), 3); /* they may be one: that is asked */
}

static void a_rare_name_among_common_ones_is_looked_up(void **state)
{
    struct kp_match_model model;
    (void)state;
    make_common(&model);
    terms.count = 1;
    terms.hashes[0] = hash_of_surname(7);
    terms.counts[0] = 8; /* 18 bits rarer than the others */
    take_pair(&world, 7);
    take_pair(&world, 8);
    world_epoch(&world, 1234, &model, &terms);
    world_activate(&world, 1);
    weigh_all(&world);
    assert_true(are_one(&world, 7));
    assert_false(are_one(&world, 8));
}

static void a_crowded_day_stands_for_unknown(void **state)
{
    struct kp_match_model model;
    (void)state;
    kp_match_model_init(&model, KP_HOUSE_SIGNALS_EXPECTED);
    memset(&terms, 0, sizeof terms);
    terms.days_counted = true;
    terms.days[315] = KP_DAY_FULL; /* theirs does not often mean "unknown": it must be crowded */
    take_pair(&world, 1);
    world_epoch(&world, 1234, &model, &terms);
    terms.days[315] = KP_DAY_CROWDED;
    world_epoch(&world, 1234, &model, &terms);
    world_activate(&world, 1);
    weigh_all(&world);
    assert_true(are_one(&world, 1));
    world_activate(&world, 2);
    weigh_all(&world);
    assert_false(are_one(&world, 1));
}

static void back_to_the_shipped_weights_everybody_is_who_he_was(void **state)
{
    struct kp_match_model model;
    (void)state;
    make_common(&model);
    for (uint32_t i = 0; i < PAIRS; i++) {
        take_pair(&world, i);
    }
    assert_int_equal(world_count_persons(&world), PAIRS);
    world_epoch(&world, 1234, &model, &terms);
    world_activate(&world, 1);
    weigh_all(&world);
    assert_int_equal(world_count_persons(&world), 2 * PAIRS);
    world_activate(&world, 0);
    world_tick(&world);
    assert_true(is_weighing(&world));
    world_activate(&world, 1); /* in the middle: from the beginning, by the other one */
    weigh_all(&world);
    assert_int_equal(world_count_persons(&world), 2 * PAIRS);
    world_activate(&world, 0);
    weigh_all(&world);
    assert_int_equal(world_count_persons(&world), PAIRS);
    for (uint32_t i = 0; i < PAIRS; i++) {
        assert_true(are_one(&world, i));
    }
}

static void a_form_is_of_the_epoch_that_weighed_it_last(void **state)
{
    struct kp_match_model model;
    struct kp_epoch_state epochs = {.active = 3, .before = 1, .after = 100, .until = 200};
    (void)state;
    assert_int_equal(kp_epoch_of_form(&epochs, 100), 3);
    assert_int_equal(kp_epoch_of_form(&epochs, 101), 1);
    assert_int_equal(kp_epoch_of_form(&epochs, 199), 1);
    assert_int_equal(kp_epoch_of_form(&epochs, 200), 3);
    make_common(&model);
    world_epoch(&world, 1234, &model, &terms);
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_epoch epoch;
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    assert_true(kp_epoch_get(txn, 1, &epoch));
    assert_int_equal(epoch.forms, 1234);
    assert_int_equal(epoch.position, world.position);
    assert_false(kp_epoch_get(txn, 2, &epoch));
    kp_txn_abort(txn);
}

static void decisions_hold_in_every_epoch(void **state)
{
    struct kp_match_model model;
    struct told named = tell("politie", 1, "");
    struct told numbered = tell("om", 1, "b");
    (void)state;
    make_common(&model);
    take_pair(&world, 1);
    take_pair(&world, 2);
    world_decide(&world, KP_DECISION_MUST, &named, &numbered);
    world_epoch(&world, 1234, &model, &terms);
    world_activate(&world, 1);
    weigh_all(&world);
    assert_true(are_one(&world, 1));
    assert_false(are_one(&world, 2));
}

/* The same commands; @restart: the core begins anew before each, and the terms are read again. */
static void tell_all(struct world *to, bool restart)
{
    struct kp_match_model model;
    make_common(&model);
    terms.count = 10000; /* several rows of them */
    for (uint32_t i = 0; i < terms.count; i++) {
        terms.hashes[i] = (uint64_t)(i + 1) << 40;
        terms.counts[i] = 20;
    }
    for (uint32_t i = 0; i < PAIRS; i++) {
        take_pair(to, i);
    }
    world_epoch(to, 1234, &model, &terms);
    world_activate(to, 1);
    for (uint32_t i = 0; i < 8; i++) { /* who comes while everybody is weighed again */
        if (restart) {
            world_restart(to);
        }
        take_pair(to, PAIRS + i);
        if (i % 2 == 0) {
            world_tick(to);
        }
    }
    weigh_all(to);
}

static void a_restart_half_way_changes_nothing(void **state)
{
    uint8_t digests[2][32];
    uint64_t rows[2];
    (void)state;
    tell_all(&world, /* restart= */ false);
    tell_all(&other, /* restart= */ true);
    world_digest(&world, digests[0], &rows[0]);
    world_digest(&other, digests[1], &rows[1]);
    assert_int_equal(rows[0], rows[1]);
    assert_memory_equal(digests[0], digests[1], 32);
    assert_int_equal(world_count_persons(&world), 2 * (PAIRS + 8));
}

/* On disk as in memory. */
static void the_store_makes_no_difference(void **state)
{
    static struct world disk;
    struct fixture fixture;
    struct kp_store store;
    struct kp_diag diag;
    uint8_t digests[2][32];
    uint64_t rows[2];
    (void)state;
    fixture_init(&fixture);
    struct kp_store_options options = {.dir = fixture.path[FIXTURE_STATE],
                                       .master = &fixture.master,
                                       .ring = fixture.ring,
                                       .map_bytes = 256u << 20,
                                       .scratch_bytes = 16u << 20};
    fixture_must(kp_store_open_lmdb(&options, &store, &diag), &diag);
    world_open_on(&disk, store);
    world_house(&disk, &house);
    tell_all(&world, /* restart= */ false);
    tell_all(&disk, /* restart= */ true);
    world_digest(&world, digests[0], &rows[0]);
    world_digest(&disk, digests[1], &rows[1]);
    world_close(&disk);
    fixture_done(&fixture);
    assert_int_equal(rows[0], rows[1]);
    assert_memory_equal(digests[0], digests[1], 32);
}

/* What comes in an order, and when in it the epoch, makes no other persons. */
static void when_it_was_activated_is_not_to_be_seen(void **state)
{
    struct kp_match_model model;
    (void)state;
    make_common(&model);
    terms.count = 1;
    terms.hashes[0] = hash_of_surname(3);
    terms.counts[0] = 8;
    world_epoch(&world, 1234, &model, &terms);
    world_activate(&world, 1);
    for (uint32_t i = 0; i < 20; i++) {
        take_pair(&world, i);
        take_pair(&other, 19 - i);
    }
    world_epoch(&other, 1234, &model, &terms);
    world_activate(&other, 1);
    weigh_all(&world);
    weigh_all(&other);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(are_one(&world, i), are_one(&other, i));
        assert_int_equal(are_one(&world, i), i == 3);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(an_epoch_is_in_force_only_when_it_is_activated),
        TEST(a_rare_name_among_common_ones_is_looked_up),
        TEST(a_crowded_day_stands_for_unknown),
        TEST(back_to_the_shipped_weights_everybody_is_who_he_was),
        TEST(a_form_is_of_the_epoch_that_weighed_it_last),
        TEST(decisions_hold_in_every_epoch),
        TEST(a_restart_half_way_changes_nothing),
        TEST(the_store_makes_no_difference),
        TEST(when_it_was_activated_is_not_to_be_seen),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("epochs", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
