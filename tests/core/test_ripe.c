/* SPDX-License-Identifier: EUPL-1.2 */
/* Ripe by what a house asks: as signals come and go, as a person grows older, as others are
 * forgotten. */
#include "base/time.h"
#include "core/criteria.h"
#include "core/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define NEW 1
#define REPLACES 3
#define KETENMANAGER "ketenmanager"

static struct world world;
static struct kp_arena arena;

static uint16_t ask(struct kp_house *house, const char *id, struct kp_criterion criterion)
{
    struct kp_criterion *to = &house->criteria.items[house->criteria.count];
    criterion.most = criterion.most == 0 ? KP_CRITERION_MOST_MAX : criterion.most;
    *to = criterion;
    (void)snprintf(to->id, sizeof to->id, "%s", id);
    (void)snprintf(to->name, sizeof to->name, "%s of the house", id);
    return house->criteria.count++;
}

/* adult: of age and reported; calm: reported twice, and not in the last 30 days. */
static int set_up(void **state)
{
    static struct kp_house house;
    (void)state;
    world_open(&world);
    world_example_house(&house);
    house.criteria.count = 0;
    house.theme_count = 2;
    house.themes[1] = house.themes[0];
    (void)snprintf(house.themes[0].id, sizeof house.themes[0].id, "adult");
    (void)snprintf(house.themes[1].id, sizeof house.themes[1].id, "calm");
    uint16_t of_age =
        ask(&house, "of-age", (struct kp_criterion){.kind = KP_CRITERION_AGE, .least = 18});
    uint16_t once = ask(
        &house, "reported",
        (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 1, .kinds = UINT32_C(1) << 5});
    uint16_t twice = ask(
        &house, "twice",
        (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 2, .kinds = UINT32_C(1) << 4});
    uint16_t lately = ask(&house, "lately",
                          (struct kp_criterion){.kind = KP_CRITERION_SIGNALS,
                                                .least = 1,
                                                .kinds = UINT32_C(1) << 4,
                                                .within = {.days = 30}});
    uint16_t quiet =
        ask(&house, "quiet",
            (struct kp_criterion){.kind = KP_CRITERION_NONE, .parts = {lately}, .part_count = 1});
    house.themes[0].criterion = ask(
        &house, "adult",
        (struct kp_criterion){.kind = KP_CRITERION_ALL, .parts = {of_age, once}, .part_count = 2});
    house.themes[1].criterion = ask(
        &house, "calm",
        (struct kp_criterion){.kind = KP_CRITERION_ALL, .parts = {twice, quiet}, .part_count = 2});
    world_house(&world, &house);
    kp_arena_init(&arena, WORLD_SCRATCH);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    world_close(&world);
    return 0;
}

static struct told tell(const char *reference, uint8_t kind, int32_t date)
{
    return (struct told){.partner = "politie",
                         .reference = reference,
                         .version = 1,
                         .kind = kind,
                         .role = 1,
                         .date = date,
                         .bsn = {"b1"},
                         .name = {"n1"},
                         .persons = 1};
}

static void tick_on(int32_t date)
{
    world.now.ms = (int64_t)kp_date_to_days(date) * KP_DAY_MS;
    world_tick(&world);
}

static const Knooppunt__V1__Event *event_of(uint64_t seq)
{
    const Knooppunt__V1__Event *event;
    assert_true(world_event(&world, KETENMANAGER, seq, &arena, &event));
    return event;
}

static void assert_told(uint64_t last)
{
    const Knooppunt__V1__Event *event;
    assert_false(world_event(&world, KETENMANAGER, last + 1, &arena, &event));
}

static void he_is_of_age_on_his_birthday(void **state)
{
    (void)state;
    struct told a = tell("A", 5, 20260101);
    a.birth_date = 20080229;
    assert_int_equal(world_signal(&world, &a), NEW);
    tick_on(20260228);
    assert_told(0);
    tick_on(20260301);
    const Knooppunt__V1__CasusReady *ready = event_of(1)->casus_ready;
    assert_string_equal(ready->theme, "adult");
    assert_string_equal(ready->rule, "adult");
    assert_int_equal(ready->n_results, 3);
    assert_string_equal(ready->results[0]->criterion, "of-age");
    assert_string_equal(ready->results[0]->name, "of-age of the house");
    assert_int_equal(ready->results[0]->value, 18);
    assert_int_equal(ready->results[0]->least, 18);
    assert_string_equal(ready->results[2]->criterion, "adult");
    assert_int_equal(ready->n_counted, 1);
    assert_string_equal(ready->not_ripe_if->criterion, "reported");
    assert_int_equal(ready->not_ripe_if->amount, -1);
    assert_false(ready->not_ripe_if->has_lapses_at_ms);
    assert_told(1);
}

/* What was said of his age was wrong. */
static void a_correction_of_his_birth_date_ends_it(void **state)
{
    (void)state;
    struct told a = tell("A", 5, 20260101);
    a.birth_date = 19900101;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_string_equal(event_of(1)->casus_ready->theme, "adult");
    a.version = 2;
    a.birth_date = 20150101;
    assert_int_equal(world_signal(&world, &a), REPLACES);
    assert_int_equal(event_of(2)->body_case, KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED);
    tick_on(20321231);
    assert_told(2);
    tick_on(20330101);
    assert_string_equal(event_of(3)->casus_ready->theme, "adult");
}

static void without_a_birth_date_he_is_never_of_age(void **state)
{
    (void)state;
    struct told a = tell("A", 5, 20260101);
    assert_int_equal(world_signal(&world, &a), NEW);
    tick_on(21000101);
    assert_told(0);
}

static void when_it_was_quiet_for_so_long(void **state)
{
    (void)state;
    struct told a = tell("A", 4, 20260101);
    struct told b = tell("B", 4, 20260105);
    struct told c = tell("C", 4, 20260310);
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    tick_on(20260131);
    tick_on(20260203);
    assert_told(0);
    tick_on(20260204);
    const Knooppunt__V1__CasusReady *ready = event_of(1)->casus_ready;
    assert_string_equal(ready->theme, "calm");
    assert_int_equal(ready->n_counted, 2);
    world.now.ms = (int64_t)kp_date_to_days(20260311) * KP_DAY_MS;
    assert_int_equal(world_signal(&world, &c), NEW);
    const Knooppunt__V1__CasusLapsed *lapsed = event_of(2)->casus_lapsed;
    assert_int_equal(lapsed->reason, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_SIGNAL);
    tick_on(20260408);
    assert_told(2);
    tick_on(20260409);
    assert_int_equal(event_of(3)->casus_ready->n_counted, 3);
    assert_told(3);
}

/* A theme keeps its number when it comes to stand elsewhere in the house, and so do hints of it. */
static void a_hint_names_the_theme_wherever_it_stands(void **state)
{
    static struct kp_house house;
    struct told a = tell("A", 20, 20260101);
    (void)state;
    house = world.core.house;
    struct kp_theme first = house.themes[0];
    house.themes[0] = house.themes[1];
    house.themes[1] = first;
    for (uint16_t i = 0; i < 2; i++) {
        house.themes[i].criterion = house.criteria.count;
    }
    (void)ask(&house, "hinted",
              (struct kp_criterion){
                  .kind = KP_CRITERION_SIGNALS, .least = 1, .themes = UINT32_C(1) << 0});
    world_house(&world, &house);
    a.themes = UINT32_C(1) << 0; /* adult */
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_told(0);
    a.reference = "B";
    a.themes = UINT32_C(1) << 1; /* calm */
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(event_of(1)->casus_ready->n_counted, 1);
    assert_told(2); /* one for each theme */
}

/* Nobody waits for a day on which nothing can begin. */
static void what_can_only_end_has_no_deadline_before_it_begins(void **state)
{
    static struct kp_house house;
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_deadline deadline;
    struct told a = tell("A", 4, 20260101);
    (void)state;
    world_example_house(&house);
    world_house(&world, &house);
    assert_int_equal(world_signal(&world, &a), NEW);
    tick_on(20260102); /* everybody is judged by the new criteria */
    assert_int_equal(kp_txn_begin(&world.store, /* write= */ false, &txn, &diag), KP_OK);
    assert_false(kp_deadline_first(txn, &deadline));
    kp_txn_abort(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(he_is_of_age_on_his_birthday),
        TEST(a_correction_of_his_birth_date_ends_it),
        TEST(without_a_birth_date_he_is_never_of_age),
        TEST(when_it_was_quiet_for_so_long),
        TEST(a_hint_names_the_theme_wherever_it_stands),
        TEST(what_can_only_end_has_no_deadline_before_it_begins),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("ripe", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
