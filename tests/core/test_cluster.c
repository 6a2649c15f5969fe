/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, for which hundreds of forms are many; the sanitizer sees them */
/* Who is one person when forms come and go, when persons decide, and when a key is too common. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world world;

static int set_up(void **state)
{
    static struct kp_house house;
    (void)state;
    world_open(&world);
    world_example_house(&house);
    world_house(&world, &house);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
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

static void take(const struct told *told)
{
    assert_int_equal(world_signal(&world, told), 1);
}

static void take_back(const struct told *told)
{
    struct told gone = {.partner = told->partner,
                        .reference = told->reference,
                        .version = told->version + 1,
                        .withdraw = true};
    assert_int_equal(world_signal(&world, &gone), 5);
}

static uint64_t person(const struct told *told)
{
    return world_person(&world, told->partner, told->reference, 0);
}

static void who_may_be_two_is_asked_of_both_until_it_is_decided(void **state)
{
    (void)state;
    struct told anna = tell("politie", "A", "b1", "n1:anna");
    struct told alma = tell("om", "B", "b2", "n1:alma");
    struct told initial = tell("jeugdzorg", "C", NULL, "n1:");
    take(&anna);
    take(&alma);
    assert_int_equal(world_count_doubts(&world), 0); /* two numbers, two names */
    take(&initial);
    assert_int_equal(world_count_persons(&world), 3);
    assert_int_equal(world_count_doubts(&world), 2);
    world_decide(&world, KP_DECISION_MUST, &initial, &alma);
    assert_int_equal(person(&initial), person(&alma));
    assert_int_equal(world_count_persons(&world), 2);
    world_decide(&world, KP_DECISION_NONE, &alma, &initial);
    assert_int_equal(world_count_persons(&world), 3);
    take_back(&initial);
    assert_int_equal(world_count_doubts(&world), 0);
}

static void what_is_decided_makes_one_person_ripe_and_taken_back_it_lapses(void **state)
{
    (void)state;
    struct told number = tell("politie", "A", "b1", "n1");
    struct told other_number = tell("om", "B", "b2", "n1");
    struct told further = tell("jeugdzorg", "C", "b2", NULL);
    take(&number);
    take(&other_number);
    assert_int_equal(world_count_persons(&world), 2);
    uint64_t first = person(&number);
    world_decide(&world, KP_DECISION_MUST, &number, &other_number);
    assert_int_equal(person(&other_number), first); /* the oldest id stays */
    assert_int_equal(world.effects.casus_ready, 1);
    take(&further); /* both numbers are his now */
    assert_int_equal(person(&further), first);
    world_decide(&world, KP_DECISION_CANNOT, &number, &other_number);
    assert_int_not_equal(person(&number), person(&other_number));
    assert_int_equal(person(&further), person(&other_number));
    assert_int_equal(world_count_persons(&world), 2);
}

/* Taken back is the last decision only. */
static void what_was_decided_before_holds_again(void **state)
{
    (void)state;
    struct told number = tell("politie", "A", "b1", "n1");
    struct told name = tell("om", "B", NULL, "n1");
    take(&number);
    take(&name);
    assert_int_equal(world_count_persons(&world), 1);
    world_decide(&world, KP_DECISION_CANNOT, &number, &name);
    world_decide(&world, KP_DECISION_CANNOT, &name, &number);
    world_decide(&world, KP_DECISION_MUST, &number, &name);
    assert_int_equal(world_count_persons(&world), 1);
    world_decide(&world, KP_DECISION_NONE, &number, &name);
    assert_int_equal(world_count_persons(&world), 2);
    world_decide(&world, KP_DECISION_NONE, &name, &number);
    assert_int_equal(world_count_persons(&world), 2); /* the first one stands */
    world_decide(&world, KP_DECISION_NONE, &number, &name);
    assert_int_equal(world_count_persons(&world), 1);
}

static void a_cannot_parts_what_was_certain_and_stays_when_a_form_comes_back(void **state)
{
    (void)state;
    struct told number = tell("politie", "A", "b1", "n1");
    struct told name = tell("om", "B", NULL, "n1");
    struct told again = tell("om", "C", NULL, "n1");
    take(&number);
    take(&name);
    assert_int_equal(world_count_persons(&world), 1);
    world_decide(&world, KP_DECISION_CANNOT, &number, &name);
    assert_int_equal(world_count_persons(&world), 2);
    take_back(&name);
    assert_int_equal(world_count_persons(&world), 1);
    take(&again);
    assert_int_equal(world_count_persons(&world), 2);
    world_decide(&world, KP_DECISION_NONE, &number, &name);
    assert_int_equal(world_count_persons(&world), 1);
}

/* More forms under one key than are all compared: the state is the same, whichever came first, and
 * the same as if those that are gone had never been. */
static void a_key_that_is_too_common_does_not_depend_on_the_order(void **state)
{
    enum { MANY = KP_BLOCK_FORMS_MAX + 40 };
    static char words[MANY][16];
    static struct world other;
    static struct kp_house house;
    (void)state;
    world_open(&other);
    world_example_house(&house);
    world_house(&other, &house);
    for (uint32_t i = 0; i < MANY; i++) { /* four names each: a..., far apart */
        (void)snprintf(words[i], sizeof words[i], "n1:%c%c%c%c%c%c", 'a' + (int)(i % 26),
                       'a' + (int)(i / 26 % 26), 'b' + (int)(i % 7), 'c' + (int)(i % 11),
                       'd' + (int)(i % 13), 'e' + (int)(i % 17)); /* fits */
    }
    for (uint32_t i = 0; i < MANY; i++) {
        struct told up = tell("politie", words[i], NULL, words[i]);
        struct told down = tell("politie", words[MANY - 1 - i], NULL, words[MANY - 1 - i]);
        take(&up);
        assert_int_equal(world_signal(&other, &down), 1);
    }
    for (uint32_t a = 0; a < MANY; a++) {
        for (uint32_t b = 0; b < a; b++) {
            bool one = world_person(&world, "politie", words[a], 0) ==
                       world_person(&world, "politie", words[b], 0);
            bool two = world_person(&other, "politie", words[a], 0) ==
                       world_person(&other, "politie", words[b], 0);
            if (one != two) {
                fail_msg("%s and %s are %s person in one order only", words[a], words[b],
                         one ? "one" : "not one");
            }
        }
    }
    assert_int_equal(world_count_persons(&world), world_count_persons(&other));
    world_close(&other);
}

/* Two who met by one key only. It becomes too common and is narrowed by the postcode, which one of
 * them has not: they meet no longer, as if the others had come before; when it is common no more
 * they are one person again. */
static void who_met_by_a_key_that_becomes_too_common_are_two(void **state)
{
    enum { MANY = KP_BLOCK_FORMS_MAX - 1 };
    static char words[MANY][8];
    struct kp_reported_person one = {.initials = "A",
                                     .surname = "Verzonnen",
                                     .postcode = "9012AB",
                                     .house_number = "7",
                                     .birth_date = 19820304,
                                     .gender = KP_FORM_MAN};
    struct kp_reported_person other = {
        .initials = "A", .surname = "Verzolnen", .birth_date = 19820304, .gender = KP_FORM_MAN};
    struct told first = tell("politie", "A", NULL, NULL);
    struct told second = tell("om", "B", NULL, NULL);
    (void)state;
    first.reported = &one;
    second.reported = &other;
    take(&first);
    take(&second);
    assert_int_equal(person(&first), person(&second));
    for (uint32_t i = 0; i < MANY; i++) {
        char bsn[12];
        world_bsn(bsn, i);
        (void)snprintf(words[i], sizeof words[i], "s%u", i); /* fits */
        struct kp_reported_person stranger = {
            .bsn = bsn, .initials = "A", .surname = "Quak", .birth_date = 19820304};
        struct told told = tell("jeugdzorg", words[i], NULL, NULL);
        assert_int_equal(person(&first), person(&second));
        told.reported = &stranger;
        take(&told);
        assert_int_not_equal(person(&told), person(&first));
        assert_int_equal(world.effects.components_full, 0);
    }
    assert_int_not_equal(person(&first), person(&second));
    struct told gone = {
        .partner = "jeugdzorg", .reference = words[7], .version = 2, .withdraw = true};
    assert_int_equal(world_signal(&world, &gone), 5);
    assert_int_equal(person(&first), person(&second));
}

/* However many carried the name, the one who is left is the one. */
static void a_common_name_is_told_apart_when_one_is_left(void **state)
{
    enum { MANY = 300 };
    static char words[MANY][8];
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(words[i], sizeof words[i], "w%u", i);
        struct told one = tell("politie", words[i], words[i], "n1");
        assert_int_equal(world_signal(&world, &one), 1);
    }
    struct told nameless = tell("om", "N", NULL, "n1");
    assert_int_equal(world_signal(&world, &nameless), 1);
    assert_int_equal(world_count_persons(&world), MANY + 1);
    for (uint32_t i = 0; i < MANY; i++) {
        struct told gone = {
            .partner = "politie", .reference = words[i], .version = 2, .withdraw = true};
        if (i != MANY / 2) {
            assert_int_equal(world_signal(&world, &gone), 5);
        }
    }
    assert_int_equal(world_count_persons(&world), 1);
    assert_int_equal(world_person(&world, "om", "N", 0),
                     world_person(&world, "politie", words[MANY / 2], 0));
}

/* Of more spellings than are weighed together only the number says that they are one person's. */
static void a_bsn_with_more_names_than_are_weighed_is_one_person(void **state)
{
    enum { MANY = KP_COMPONENT_FORMS_MAX + 5 };
    static char words[MANY][8];
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(words[i], sizeof words[i], "n%u", i); /* fits */
        struct told one = tell("politie", words[i], "b1", words[i]);
        assert_int_equal(world_signal(&world, &one), 1);
    }
    assert_int_equal(world_count_persons(&world), 1);
    assert_true(world.effects.components_full > 0);
    for (uint32_t i = 0; i < MANY; i += 20) { /* few enough again */
        struct told gone = {
            .partner = "politie", .reference = words[i], .version = 2, .withdraw = true};
        assert_int_equal(world_signal(&world, &gone), 5);
    }
    assert_int_equal(world_count_persons(&world), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(who_may_be_two_is_asked_of_both_until_it_is_decided),
        TEST(what_is_decided_makes_one_person_ripe_and_taken_back_it_lapses),
        TEST(what_was_decided_before_holds_again),
        TEST(a_cannot_parts_what_was_certain_and_stays_when_a_form_comes_back),
        TEST(a_key_that_is_too_common_does_not_depend_on_the_order),
        TEST(who_met_by_a_key_that_becomes_too_common_are_two),
        TEST(a_common_name_is_told_apart_when_one_is_left),
        TEST(a_bsn_with_more_names_than_are_weighed_is_one_person),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("clusters", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
