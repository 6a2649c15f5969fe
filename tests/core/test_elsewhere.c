/* SPDX-License-Identifier: EUPL-1.2 */
/* Who is told unasked that a person is known elsewhere too, is told when that ends; and hears
 * nothing of what ended and began again in one command. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world world;
static struct kp_arena arena;
static struct kp_house house;

static int set_up(void **state)
{
    (void)state;
    kp_arena_init(&arena, 1u << 20);
    world_open(&world);
    world_example_house(&house);
    world_house(&world, &house);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    kp_arena_done(&arena);
    return 0;
}

static struct told tell(const char *partner, const char *reference, const char *bsn,
                        const char *name)
{
    return (struct told){.partner = partner,
                         .reference = reference,
                         .version = 1,
                         .kind = 4,
                         .role = 1,
                         .date = 20251201,
                         .bsn = {bsn},
                         .name = {name},
                         .persons = 1};
}

static void take(const struct told *told, uint8_t outcome)
{
    assert_int_equal(world_signal(&world, told), outcome);
}

static void take_back(const struct told *told)
{
    struct told gone = {.partner = told->partner,
                        .reference = told->reference,
                        .version = told->version + 1,
                        .withdraw = true};
    take(&gone, 5);
}

/* Everything that the partner heard so: "+A1 -A1" is that the first person of his signal A was
 * known elsewhere, and was no longer. */
static void assert_heard(const char *partner, const char *expected)
{
    char heard[256] = "";
    const Knooppunt__V1__Event *event;
    for (uint64_t seq = 1; world_event(&world, partner, seq, &arena, &event); seq++) {
        size_t size = strlen(heard);
        const char *space = size > 0 ? " " : "";
        if (event->body_case == KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE) {
            const Knooppunt__V1__KnownElsewhere *known = event->known_elsewhere;
            assert_string_equal(known->theme, "hg");
            (void)snprintf(heard + size, sizeof heard - size, "%s+%s%u", space, known->reference,
                           known->person); /* cut: seen below */
        } else if (event->body_case == KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE_ENDED) {
            const Knooppunt__V1__KnownElsewhereEnded *ended = event->known_elsewhere_ended;
            assert_string_equal(ended->theme, "hg");
            (void)snprintf(heard + size, sizeof heard - size, "%s-%s%u", space, ended->reference,
                           ended->person); /* cut: seen below */
        }
    }
    assert_string_equal(heard, expected);
}

static void who_was_told_is_told_when_the_proposal_closes(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told other = tell("om", "B", "b1", "n1");
    (void)state;
    take(&one, 1);
    assert_heard("politie", "");
    take(&other, 1);
    assert_int_equal(world.effects.known_elsewhere, 2);
    take_back(&other);
    assert_int_equal(world.effects.known_elsewhere_ended, 2);
    assert_heard("politie", "+A1 -A1");
    assert_heard("om", "+B1 -B1");
    other.version = 3;
    take(&other, 1);
    assert_heard("politie", "+A1 -A1 +A1");
    assert_heard("jeugdzorg", "");
}

static void a_newer_version_says_nothing_new(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told other = tell("om", "B", "b1", "n1");
    (void)state;
    take(&one, 1);
    take(&other, 1);
    one.version = 2;
    one.date = 20251202;
    take(&one, 3);
    assert_heard("politie", "+A1");
    assert_int_equal(world.effects.known_elsewhere + world.effects.known_elsewhere_ended, 0);
    take_back(&one); /* the row knows him by the newer one */
    assert_heard("politie", "+A1 -A1");
    assert_heard("om", "+B1 -B1");
}

static void a_version_about_somebody_else_ends_it(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told other = tell("om", "B", "b1", "n1");
    struct told third = tell("jeugdzorg", "C", "b1", "n1");
    (void)state;
    take(&one, 1);
    take(&other, 1);
    take(&third, 1); /* ripe without the first one too */
    one.version = 2;
    one.bsn[0] = "b2";
    one.name[0] = "n2";
    take(&one, 3);
    assert_heard("politie", "+A1 -A1");
    assert_heard("om", "+B1");
}

static void who_comes_later_is_told_too(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told ungranted = tell("jeugdzorg", "C", "b1", "n1");
    struct told late = tell("om", "B", "b1", "n1");
    struct told more = tell("politie", "D", "b1", "n1");
    (void)state;
    take(&one, 1);
    take(&ungranted, 1);
    take(&late, 1);
    assert_heard("om", "+B1");
    take(&more, 1); /* he knows */
    assert_heard("politie", "+A1");
    take_back(&one); /* he still is in it, by the other one */
    assert_heard("politie", "+A1 -A1 +D1");
    assert_heard("jeugdzorg", "");
}

/* The proposal closes for one id and opens for another: to partners it is the same person. */
static void a_person_with_another_id_is_the_same_to_them(void **state)
{
    struct told older = tell("jeugdzorg", "C", NULL, "n2");
    struct told one = tell("politie", "A", "b1", "n1");
    struct told other = tell("om", "B", "b1", "n1");
    (void)state;
    take(&older, 1);
    take(&one, 1);
    take(&other, 1);
    uint64_t before = world_person(&world, "politie", "A", 0);
    world_decide(&world, KP_DECISION_MUST, &older, &one);
    assert_int_not_equal(world_person(&world, "politie", "A", 0), before);
    assert_int_equal(world.effects.casus_ready + world.effects.casus_lapsed, 2);
    assert_heard("politie", "+A1");
    assert_heard("om", "+B1");
    world_decide(&world, KP_DECISION_CANNOT, &older, &one);
    assert_int_not_equal(world_person(&world, "politie", "A", 0),
                         world_person(&world, "jeugdzorg", "C", 0));
    assert_heard("politie", "+A1");
    assert_heard("om", "+B1");
}

static void who_lost_the_grant_hears_nothing_more(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told other = tell("om", "B", "b1", "n1");
    (void)state;
    take(&one, 1);
    take(&other, 1);
    house.partners[0].known_elsewhere = false;
    world_house(&world, &house);
    world_tick(&world);
    take_back(&other);
    assert_heard("politie", "+A1");
    assert_heard("om", "+B1 -B1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(who_was_told_is_told_when_the_proposal_closes),
        TEST(a_newer_version_says_nothing_new),
        TEST(a_version_about_somebody_else_ends_it),
        TEST(who_comes_later_is_told_too),
        TEST(a_person_with_another_id_is_the_same_to_them),
        TEST(who_lost_the_grant_hears_nothing_more),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("known elsewhere, unasked", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
