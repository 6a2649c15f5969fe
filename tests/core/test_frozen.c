/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, for which hundreds of forms are many; the sanitizer sees them */
/* More forms hold together than may be put together: who is one person there is a function of the
 * forms and of what persons decided, whatever came first and whatever came and went. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 300, STRANGERS = 12, DECISIONS = 6 };

static struct world world;
static struct kp_house house;

static struct mention {
    char reference[8], bsn[12], postcode[8], number[8];
    struct kp_reported_person person;
    struct told told;
    uint64_t version;
    bool there;
} all[MANY];

static const struct {
    uint32_t a, b;
    enum kp_match_decision decision;
} decisions[DECISIONS] = {
    {3, 9, KP_DECISION_CANNOT},      {5, 60, KP_DECISION_CANNOT},
    {MANY - 3, 9, KP_DECISION_MUST}, {MANY - 5, 71, KP_DECISION_MUST},
    {1, 10, KP_DECISION_MUST},       {MANY - 1, 80, KP_DECISION_CANNOT},
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The first @numbered ones have one BSN: most of one name, some of quite another. The others bear
 * the name and no number, but for the last ones, who have another number. */
static void write_all(uint32_t numbered)
{
    static const char *const postcodes[] = {"9011AB", "8022CD", "7033EF"};
    static const char *const names[] = {"Verzonnen", "Verzonen", "Verzonnem", "Versonnen"};
    for (uint32_t i = 0; i < MANY; i++) {
        struct mention *mention = &all[i];
        bool stranger = i < numbered && i % (numbered / STRANGERS) == 4;
        *mention = (struct mention){.version = 0};
        (void)snprintf(mention->reference, sizeof mention->reference, "M%u",
                       i); /* all of it fits */
        (void)snprintf(mention->number, sizeof mention->number, "%u", 1 + i / 3);
        world_bsn(mention->bsn, i < numbered ? 1 : 2);
        mention->person = (struct kp_reported_person){
            .bsn = i < numbered || i >= MANY - 10 ? mention->bsn : NULL,
            .given_names = stranger ? "Wouterina" : "Jelle",
            .surname = stranger ? "Quakkelstein" : names[i % 4],
            .birth_date = stranger ? 19310101 + (int32_t)i : 19800201 + (int32_t)(i % 3),
            .gender = stranger ? KP_FORM_WOMAN : KP_FORM_MAN,
            .postcode = postcodes[i % 3],
            .house_number = mention->number};
        mention->told = (struct told){.partner = i % 2 == 0 ? "politie" : "om",
                                      .reference = mention->reference,
                                      .kind = 4,
                                      .role = 1,
                                      .date = 20251201,
                                      .persons = 1,
                                      .reported = &mention->person};
    }
}

static void bring(struct mention *mention)
{
    mention->told.version = ++mention->version;
    mention->told.withdraw = false;
    assert_in_range(world_signal(&world, &mention->told), 1, 3); /* new, or a new version */
    mention->there = true;
}

static void take_back(struct mention *mention)
{
    mention->told.version = ++mention->version;
    mention->told.withdraw = true;
    assert_int_equal(world_signal(&world, &mention->told), 5);
    mention->told.withdraw = false;
    mention->there = false;
}

static void decide(uint32_t at)
{
    world_decide(&world, decisions[at].decision, &all[decisions[at].a].told,
                 &all[decisions[at].b].told);
}

static void shuffle(uint32_t *order, uint64_t *seed)
{
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t at = (uint32_t)(next_random(seed) % (i + 1));
        order[i] = order[at];
        order[at] = i;
    }
}

/* Of each mention the first one of its person. */
static void describe(uint32_t *ret_first)
{
    uint64_t persons[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        persons[i] =
            all[i].there ? world_person(&world, all[i].told.partner, all[i].told.reference, 0) : 0;
        ret_first[i] = i;
        for (uint32_t k = 0; k < i && ret_first[i] == i; k++) {
            ret_first[i] = persons[k] == persons[i] ? k : i;
        }
    }
}

static void open_world(uint32_t numbered)
{
    write_all(numbered);
    world_open(&world);
    world_example_house(&house);
    world_house(&world, &house);
}

/* Of every ninth there is nothing in the end. */
static bool is_extra(uint32_t i)
{
    return i % 9 == 7 && i < MANY - 10;
}

static void bring_in_any_order(uint64_t *seed, bool extras)
{
    uint32_t order[MANY];
    shuffle(order, seed);
    for (uint32_t i = 0; i < MANY; i++) {
        if (extras || !is_extra(order[i])) {
            bring(&all[order[i]]);
        }
    }
}

static void decide_all(void)
{
    for (uint32_t i = 0; i < DECISIONS; i++) {
        decide(i);
    }
}

/* Ways to the same set of forms and decisions. What comes last differs: a form, one that goes, a
 * decision, one that is taken back. */
static void decide_first(uint64_t *seed)
{
    decide_all();
    bring_in_any_order(seed, /* extras= */ false);
}

static void withdraw_last(uint64_t *seed)
{
    bring_in_any_order(seed, /* extras= */ true);
    decide_all();
    for (uint32_t i = MANY; i-- > 0;) {
        if (is_extra(i)) {
            take_back(&all[i]);
        }
    }
}

static void decide_last(uint64_t *seed)
{
    bring_in_any_order(seed, /* extras= */ false);
    decide_all();
}

static void take_decisions_back_last(uint64_t *seed)
{
    static const uint32_t more[][2] = {{12, 48}, {3, 90}, {MANY - 20, 30}, {MANY - 9, 110}};
    bring_in_any_order(seed, /* extras= */ false);
    decide_all();
    for (uint32_t i = 0; i < 8; i++) { /* each is decided, and then all is taken back */
        const struct told *one = &all[more[i % 4][0]].told;
        const struct told *other = &all[more[i % 4][1]].told;
        enum kp_match_decision decision = i % 4 < 2 ? KP_DECISION_CANNOT : KP_DECISION_MUST;
        world_decide(&world, i < 4 ? decision : KP_DECISION_NONE, one, other);
    }
}

/* @by_postcode: the number is narrowed in the end. */
static void check_ways(uint32_t numbered, bool by_postcode)
{
    typedef void way_fn(uint64_t * seed);
    static way_fn *const ways[] = {decide_first, withdraw_last, decide_last,
                                   take_decisions_back_last};
    uint32_t expected[MANY];
    uint32_t found[MANY];
    uint64_t seed = numbered;
    for (uint32_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        open_world(numbered);
        ways[way](&seed);
        describe(way == 0 ? expected : found);
        world_close(&world);
        assert_true(way == 0 || memcmp(expected, found, sizeof expected) == 0);
    }
    for (uint32_t i = 0; i < DECISIONS; i++) { /* what was decided holds there too */
        assert_int_equal(expected[decisions[i].a] == expected[decisions[i].b],
                         decisions[i].decision == KP_DECISION_MUST);
    }
    assert_int_equal(expected[12], expected[15]);
    assert_int_equal(expected[12] == expected[13], !by_postcode);
}

static void every_way_gives_the_same_persons(void **state)
{
    (void)state;
    check_ways(220, /* by_postcode= */ false);
}

/* Their number stands for more forms than are compared, for a while or in the end: it is narrowed
 * by the postcode. */
static void a_number_that_is_too_common_does_not_depend_on_the_way(void **state)
{
    (void)state;
    check_ways(KP_BLOCK_FORMS_MAX + 14, /* by_postcode= */ false);
    check_ways(KP_BLOCK_FORMS_MAX + 33, /* by_postcode= */ true);
}

/* One more, and one less, again and again. */
static void who_comes_and_goes_at_the_limit_leaves_no_trace(void **state)
{
    uint32_t expected[MANY];
    uint32_t found[MANY];
    uint64_t seed = 77;
    (void)state;
    open_world(KP_BLOCK_FORMS_MAX + 28); /* without the extras just as many as are listed */
    decide_first(&seed);
    describe(expected);
    for (uint32_t i = 0; i < 3; i++) {
        struct mention more = all[20]; /* a further spelling under the number */
        (void)snprintf(more.reference, sizeof more.reference, "X%u", i); /* fits */
        more.person.surname = "Verzonnenen";
        more.told.reference = more.reference;
        more.told.reported = &more.person;
        more.version = 0;
        bring(&more);
        take_back(&more);
    }
    describe(found);
    assert_memory_equal(expected, found, sizeof expected);
    world_close(&world);
}

/* Two of a hundred spellings each: together they are too many, and stay what they are. */
static void what_is_too_much_to_be_one_shatters_nobody(void **state)
{
    uint32_t first[2] = {0};
    (void)state;
    open_world(110);
    for (uint32_t i = 0; i < 220; i++) {
        world_bsn(all[i].bsn, i < 110 ? 1 : 2);
        all[i].person.bsn = all[i].bsn;
        all[i].person.given_names = i < 110 ? "Jelle" : "Wouterina";
        all[i].person.surname = i < 110 ? "Verzonnen" : "Quakkelstein";
        all[i].person.birth_date = i < 110 ? 19800201 : 19310102;
        bring(&all[i]);
    }
    assert_int_equal(world_count_persons(&world), 2);
    world_decide(&world, KP_DECISION_MUST, &all[0].told, &all[110].told);
    uint64_t one = world_person(&world, all[0].told.partner, all[0].told.reference, 0);
    assert_int_equal(world_person(&world, all[110].told.partner, all[110].told.reference, 0), one);
    for (uint32_t i = 0; i < 220; i++) {
        uint64_t person = world_person(&world, all[i].told.partner, all[i].told.reference, 0);
        first[i < 110 ? 0 : 1] += person == one ? 1 : 0;
    }
    assert_int_equal(first[0], 110);
    assert_int_equal(first[1], 110);
    world_decide(&world, KP_DECISION_NONE, &all[0].told, &all[110].told);
    assert_int_equal(world_count_persons(&world), 2);
    world_close(&world);
}

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_same_persons),
        cmocka_unit_test(a_number_that_is_too_common_does_not_depend_on_the_way),
        cmocka_unit_test(who_comes_and_goes_at_the_limit_leaves_no_trace),
        cmocka_unit_test(what_is_too_much_to_be_one_shatters_nobody),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("frozen", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
