/* SPDX-License-Identifier: EUPL-1.2 */
/* What a house can ask of a dossier: the national definitions, ages, periods, and what time does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/area.h"
#include "base/time.h"
#include "core/criteria.h"

#include <stdio.h>
#include <string.h>

#define PROCES_VERBAAL 3u
#define OVERLAST 5u
#define PLEGER 1u
#define SLACHTOFFER 2u
#define TODAY 20261127

#define MENTIONS_MAX 64u

struct dossier {
    struct kp_person person;
    struct kp_mention mentions[MENTIONS_MAX];
};

static void init_dossier(struct dossier *dossier)
{
    memset(dossier, 0, sizeof *dossier);
    dossier->person.mentions = dossier->mentions;
}

static struct kp_mention *add(struct dossier *dossier, uint16_t partner, uint8_t kind, int32_t date)
{
    struct kp_mention *mention = &dossier->mentions[dossier->person.mention_count++];
    assert_true(dossier->person.mention_count <= MENTIONS_MAX);
    *mention = (struct kp_mention){.position = dossier->person.mention_count,
                                   .partner = partner,
                                   .kind = kind,
                                   .role = PLEGER,
                                   .incident_date = date};
    return mention;
}

static int32_t day(int32_t date)
{
    return kp_date_to_days(date);
}

/* Criteria are added in order; returns the index. */
static uint16_t ask(struct kp_criteria *criteria, struct kp_criterion criterion)
{
    if (criterion.most == 0) {
        criterion.most = KP_CRITERION_MOST_MAX;
    }
    criteria->items[criteria->count] = criterion;
    return criteria->count++;
}

static uint16_t ask_parts(struct kp_criteria *criteria, enum kp_criterion_kind kind, uint16_t a,
                          uint16_t b, uint16_t c)
{
    struct kp_criterion criterion = {.kind = (uint8_t)kind, .parts = {a, b, c}, .part_count = 3};
    return ask(criteria, criterion);
}

/* veelpleger 18+: more than ten processen-verbaal ever, one of them in the last twelve months. */
static uint16_t ask_veelpleger(struct kp_criteria *criteria)
{
    uint16_t adult = ask(criteria, (struct kp_criterion){.kind = KP_CRITERION_AGE, .least = 18});
    uint16_t many = ask(criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS,
                                                        .least = 11,
                                                        .kinds = 1u << PROCES_VERBAAL,
                                                        .roles = 1u << PLEGER});
    uint16_t recent = ask(criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS,
                                                          .least = 1,
                                                          .kinds = 1u << PROCES_VERBAAL,
                                                          .roles = 1u << PLEGER,
                                                          .within = {.months = 12}});
    return ask_parts(criteria, KP_CRITERION_ALL, adult, many, recent);
}

static void a_veelpleger_is_one_by_the_national_definition(void **state)
{
    static struct kp_criteria criteria;
    struct dossier dossier;
    uint16_t root = ask_veelpleger(&criteria);
    (void)state;
    init_dossier(&dossier);
    for (uint32_t i = 0; i < 10; i++) {
        add(&dossier, 1, PROCES_VERBAAL, 20150101)->birth_date = 19900615;
    }
    assert_int_equal(kp_criteria_mentions_min(&criteria, root), 11);
    add(&dossier, 1, OVERLAST, 20261101);
    assert_false(kp_criteria_is_met(&criteria, root, &dossier.person, day(TODAY)));
    add(&dossier, 1, PROCES_VERBAAL, 20261101)->role = SLACHTOFFER;
    assert_false(kp_criteria_is_met(&criteria, root, &dossier.person, day(TODAY)));
    add(&dossier, 2, PROCES_VERBAAL, 20251127);
    assert_false(kp_criteria_is_met(&criteria, root, &dossier.person, day(TODAY)));
    assert_true(kp_criteria_is_met(&criteria, root, &dossier.person, day(20261126)));
    dossier.mentions[12].incident_date = 20251128;
    assert_true(kp_criteria_is_met(&criteria, root, &dossier.person, day(TODAY)));
    assert_int_equal(kp_criteria_next_change(&criteria, root, &dossier.person, day(TODAY)),
                     day(20261128));

    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    kp_criteria_judge(&criteria, root, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[0].value, 36);
    assert_int_equal(verdicts[1].value, 11);
    assert_int_equal(verdicts[2].value, 1);
    assert_int_equal(verdicts[root].value, 3);
    struct kp_nearest nearest = kp_criteria_nearest(&criteria, root, verdicts);
    assert_int_equal(nearest.criterion, 1); /* the first of the two of which one less would do */
    assert_int_equal(nearest.amount, -1);
    struct kp_counting counting;
    kp_criteria_counting(&criteria, root, &dossier.person, day(TODAY), &counting);
    assert_true(kp_counting_counts(&counting, &dossier.mentions[0]));
    assert_false(kp_counting_counts(&counting, &dossier.mentions[10]));
    assert_false(kp_counting_counts(&counting, &dossier.mentions[11]));
    kp_criteria_counting(&criteria, root, &dossier.person, day(20261128), &counting);
    assert_false(kp_counting_counts(&counting, &dossier.mentions[0])); /* he is none any more */
}

static void an_age_that_is_not_known_makes_nobody_ripe(void **state)
{
    static struct kp_criteria criteria;
    struct dossier dossier;
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    uint16_t child = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_AGE, .most = 17});
    uint16_t none =
        ask(&criteria,
            (struct kp_criterion){.kind = KP_CRITERION_NONE, .parts = {child}, .part_count = 1});
    uint16_t seen = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 1});
    uint16_t any = ask(
        &criteria,
        (struct kp_criterion){.kind = KP_CRITERION_ANY, .parts = {none, seen}, .part_count = 2});
    (void)state;
    init_dossier(&dossier);
    kp_criteria_judge(&criteria, none, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[child].truth, KP_TRUTH_UNKNOWN);
    assert_int_equal(verdicts[child].value, -1);
    assert_int_equal(verdicts[none].truth, KP_TRUTH_UNKNOWN);
    assert_false(kp_criteria_is_met(&criteria, none, &dossier.person, day(TODAY)));
    assert_false(kp_criteria_is_met(&criteria, any, &dossier.person, day(TODAY)));
    add(&dossier, 1, OVERLAST, TODAY);
    assert_true(kp_criteria_is_met(&criteria, any, &dossier.person, day(TODAY)));
    dossier.mentions[0].birth_date = 20081128;
    assert_false(kp_criteria_is_met(&criteria, none, &dossier.person, day(TODAY)));
    assert_int_equal(kp_criteria_next_change(&criteria, none, &dossier.person, day(TODAY)),
                     day(20261128));
    assert_true(kp_criteria_is_met(&criteria, none, &dossier.person, day(20261128)));
}

/* Of what is not known the latest: he is not of age before it is certain. */
static void birthdays(void **state)
{
    static struct kp_criteria criteria;
    static const struct {
        int32_t birth_date, eighteen;
    } cases[] = {{20080229, 20260301}, {20081127, 20261127}, {20080200, 20260228},
                 {20080000, 20261231}, {20081200, 20261231}, {20060228, 20240228}};
    struct dossier dossier;
    uint16_t adult = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_AGE, .least = 18});
    (void)state;
    init_dossier(&dossier);
    add(&dossier, 1, OVERLAST, 20240101);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t first = day(cases[i].eighteen);
        dossier.mentions[0].birth_date = cases[i].birth_date;
        assert_false(kp_criteria_is_met(&criteria, adult, &dossier.person, first - 1));
        assert_true(kp_criteria_is_met(&criteria, adult, &dossier.person, first));
        assert_int_equal(kp_criteria_next_change(&criteria, adult, &dossier.person, first - 400),
                         first);
        assert_int_equal(kp_criteria_next_change(&criteria, adult, &dossier.person, first),
                         KP_CRITERIA_NEVER);
    }
}

/* As most say; whatever the order. */
static void of_several_birth_dates_most_say_which(void **state)
{
    struct dossier dossier;
    (void)state;
    init_dossier(&dossier);
    assert_int_equal(kp_person_birth_date(&dossier.person), 0);
    add(&dossier, 1, OVERLAST, 20240101)->birth_date = 19900000;
    assert_int_equal(kp_person_birth_date(&dossier.person), 19900000);
    add(&dossier, 1, OVERLAST, 20240101)->birth_date = 19910203;
    assert_int_equal(kp_person_birth_date(&dossier.person), 19910203);
    add(&dossier, 1, OVERLAST, 20240101)->birth_date = 19900501;
    assert_int_equal(kp_person_birth_date(&dossier.person), 19900501);
    add(&dossier, 1, OVERLAST, 20240101)->birth_date = 19910203;
    assert_int_equal(kp_person_birth_date(&dossier.person), 19910203);
    add(&dossier, 1, OVERLAST, 20240101);
    add(&dossier, 1, OVERLAST, 20240101);
    add(&dossier, 1, OVERLAST, 20240101);
    assert_int_equal(kp_person_birth_date(&dossier.person), 19910203);
}

static void months_are_of_the_calendar(void **state)
{
    static const struct {
        struct kp_period period;
        int32_t incident, left;
    } cases[] = {
        {{.months = 1}, 20260115, 20260215},
        {{.months = 1}, 20260131, 20260301},
        {{.months = 1}, 20260128, 20260228},
        {{.months = 12}, 20240229, 20250301},
        {{.months = 60}, 20211127, 20261127},
        {{.days = 30}, 20260201, 20260303},
        {{.months = 1, .days = 1}, 20260227, 20260328},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t incident = day(cases[i].incident);
        int32_t left = day(cases[i].left);
        assert_int_equal(kp_date_of_days(kp_period_left(cases[i].period, incident)), cases[i].left);
        assert_true(kp_period_before(cases[i].period, left) >= incident);
        assert_true(kp_period_before(cases[i].period, left - 1) < incident);
    }
    assert_int_equal(kp_period_left((struct kp_period){0}, day(TODAY)), KP_CRITERIA_NEVER);
}

static void partners_leefgebieden_severity_themes_and_areas(void **state)
{
    static struct kp_criteria criteria;
    struct dossier dossier;
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    uint16_t partners =
        ask(&criteria,
            (struct kp_criterion){.kind = KP_CRITERION_PARTNERS, .least = 2, .severity_min = 3});
    uint16_t areas =
        ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_LEEFGEBIEDEN,
                                             .least = 3,
                                             .areas = {kp_area_of(KP_SLICE_LIT("WK900101"))},
                                             .area_count = 1});
    uint16_t named = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS,
                                                          .least = 2,
                                                          .kinds = 1u << PROCES_VERBAAL,
                                                          .themes = 1u << 4});
    uint16_t root = ask_parts(&criteria, KP_CRITERION_ALL, partners, areas, named);
    (void)state;
    init_dossier(&dossier);
    for (uint32_t i = 0; i < 3; i++) {
        struct kp_mention *mention = add(&dossier, (uint16_t)(4000 + i), OVERLAST, TODAY);
        mention->severity = (uint8_t)(2 + i);
        mention->leefgebieden = (uint16_t)(1u << 12 | 1u << (1 + i));
        mention->area = kp_area_of(i < 2 ? KP_SLICE_LIT("BU90010112") : KP_SLICE_LIT("GM9001"));
        mention->themes = 1u << (4 - i % 2);
    }
    kp_criteria_judge(&criteria, root, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[partners].value, 2); /* of severity 3 and 4 */
    assert_int_equal(verdicts[areas].value, 3);    /* of the two in that ward */
    assert_int_equal(verdicts[named].value, 2);    /* that name theme 4 */
    assert_int_equal(verdicts[root].truth, KP_TRUTH_YES);
}

static void areas_contain_each_other(void **state)
{
    (void)state;
    uint32_t municipality = kp_area_of(KP_SLICE_LIT("GM0363"));
    uint32_t ward = kp_area_of(KP_SLICE_LIT("WK036304"));
    uint32_t neighbourhood = kp_area_of(KP_SLICE_LIT("BU03630402"));
    assert_true(kp_area_contains(municipality, neighbourhood));
    assert_true(kp_area_contains(ward, neighbourhood));
    assert_true(kp_area_contains(ward, ward));
    assert_int_equal(kp_area_of(KP_SLICE_LIT("wk036304")), ward);
    assert_int_equal(kp_area_of(KP_SLICE_LIT("036304")), ward);
    assert_false(kp_area_contains(neighbourhood, ward));
    assert_false(kp_area_contains(kp_area_of(KP_SLICE_LIT("BU03630400")), ward));
    assert_false(kp_area_contains(municipality, kp_area_of(KP_SLICE_LIT("BU03640402"))));
    assert_false(kp_area_contains(municipality, 0));
    assert_false(kp_area_contains(0, municipality));
    static const char *const wrong[] = {"",      "GM",           "GM036", "GM03631",
                                        "G0363", "GM0363040201", "0363x4"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(kp_area_of(kp_slice_str(wrong[i])), 0);
    }
}

static void points_add_up(void **state)
{
    static struct kp_criteria criteria;
    struct dossier dossier;
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    uint16_t young = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_AGE, .most = 17});
    uint16_t two = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_PARTNERS, .least = 2});
    uint16_t four = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 4});
    uint16_t root = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_POINTS,
                                                         .least = 3,
                                                         .parts = {young, two, four},
                                                         .points = {1, 2, 2},
                                                         .part_count = 3});
    (void)state;
    init_dossier(&dossier);
    add(&dossier, 1, OVERLAST, TODAY);
    add(&dossier, 2, OVERLAST, TODAY);
    kp_criteria_judge(&criteria, root, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[root].truth, KP_TRUTH_UNKNOWN); /* with his age it may be three */
    assert_int_equal(verdicts[root].value, 2);
    dossier.mentions[0].birth_date = 19800101;
    kp_criteria_judge(&criteria, root, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[root].truth, KP_TRUTH_NO);
    struct kp_nearest nearest = kp_criteria_nearest(&criteria, root, verdicts);
    assert_int_equal(nearest.criterion, four);
    assert_int_equal(nearest.amount, 2);
    dossier.mentions[0].birth_date = 20120101;
    kp_criteria_judge(&criteria, root, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[root].truth, KP_TRUTH_YES);
    nearest = kp_criteria_nearest(&criteria, root, verdicts);
    assert_int_equal(nearest.criterion, two);
    assert_int_equal(nearest.amount, -1);
}

/* Some are taken away again, also when it is not known whether. */
static void points_are_taken(void **state)
{
    static struct kp_criteria criteria;
    struct dossier dossier;
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    uint16_t young = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_AGE, .most = 17});
    uint16_t year = ask(
        &criteria,
        (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 1, .within = {.months = 12}});
    uint16_t month = ask(
        &criteria,
        (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 1, .within = {.months = 1}});
    uint16_t aged = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_POINTS,
                                                         .least = 1,
                                                         .parts = {young, year},
                                                         .points = {-1, 1},
                                                         .part_count = 2});
    uint16_t calm = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_POINTS,
                                                         .least = 1,
                                                         .parts = {month, year},
                                                         .points = {-1, 1},
                                                         .part_count = 2});
    (void)state;
    init_dossier(&dossier);
    add(&dossier, 1, OVERLAST, 20261120);
    kp_criteria_judge(&criteria, aged, &dossier.person, day(TODAY), verdicts);
    assert_int_equal(verdicts[aged].truth, KP_TRUTH_UNKNOWN);
    assert_false(verdicts[month].asked);
    assert_true(verdicts[year].asked);
    assert_false(kp_criteria_is_met(&criteria, calm, &dossier.person, day(TODAY)));
    assert_int_equal(kp_criteria_next_change(&criteria, calm, &dossier.person, day(TODAY)),
                     day(20261220));
    assert_false(kp_criteria_fades(&criteria, calm));
    assert_true(kp_criteria_fades(&criteria, year));
}

/* Of any, each that is so must go; of all, one of them is enough. */
static void what_would_have_made_it_otherwise(void **state)
{
    static struct kp_criteria criteria;
    struct dossier dossier;
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    uint16_t reports = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS,
                                                            .least = 1,
                                                            .kinds = 1u << PROCES_VERBAAL});
    uint16_t partners =
        ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_PARTNERS, .least = 2});
    uint16_t any = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_ANY,
                                                        .parts = {reports, partners},
                                                        .part_count = 2});
    uint16_t many = ask(&criteria, (struct kp_criterion){.kind = KP_CRITERION_SIGNALS, .least = 2});
    uint16_t root =
        ask(&criteria,
            (struct kp_criterion){.kind = KP_CRITERION_ALL, .parts = {any, many}, .part_count = 2});
    uint16_t none =
        ask(&criteria,
            (struct kp_criterion){.kind = KP_CRITERION_NONE, .parts = {root}, .part_count = 1});
    (void)state;
    init_dossier(&dossier);
    for (uint16_t i = 0; i < 4; i++) {
        add(&dossier, 1 + i / 3, i == 0 ? PROCES_VERBAAL : OVERLAST, TODAY);
    }
    assert_int_equal(kp_criteria_mentions_min(&criteria, any), 1);
    assert_int_equal(kp_criteria_mentions_min(&criteria, root), 2);
    assert_int_equal(kp_criteria_mentions_min(&criteria, none), 0);
    kp_criteria_judge(&criteria, none, &dossier.person, day(TODAY), verdicts);
    struct kp_nearest nearest = kp_criteria_nearest(&criteria, root, verdicts);
    assert_int_equal(nearest.criterion,
                     reports); /* and the partner: two, where three fewer of all */
    assert_int_equal(nearest.amount, -1);
    nearest = kp_criteria_nearest(&criteria, none, verdicts);
    assert_int_equal(nearest.criterion, reports);
    struct kp_counting counting;
    kp_criteria_counting(&criteria, any, &dossier.person, day(TODAY), &counting);
    assert_true(kp_counting_counts(&counting, &dossier.mentions[2])); /* by its partner */
    dossier.person.mention_count = 1;
    kp_criteria_counting(&criteria, any, &dossier.person, day(TODAY), &counting);
    assert_true(kp_counting_counts(&counting, &dossier.mentions[0]));
    assert_false(kp_counting_counts(&counting, &dossier.mentions[2])); /* that one is not so now */
    dossier.person.mention_count = 4;
    add(&dossier, 1, PROCES_VERBAAL, TODAY);
    dossier.mentions[1].kind = PROCES_VERBAAL;
    kp_criteria_judge(&criteria, none, &dossier.person, day(TODAY), verdicts);
    nearest = kp_criteria_nearest(&criteria, root, verdicts);
    assert_int_equal(nearest.criterion, reports); /* three and one; or four of all: the first */
    dossier.mentions[2].kind = PROCES_VERBAAL;
    kp_criteria_judge(&criteria, none, &dossier.person, day(TODAY), verdicts);
    nearest = kp_criteria_nearest(&criteria, root, verdicts);
    assert_int_equal(nearest.criterion, many); /* four and one; four of all are fewer */
    assert_int_equal(nearest.amount, -4);
}

/* --- what time does, against every day one by one --- */

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static struct kp_criterion random_criterion(const struct kp_criteria *criteria, uint64_t *seed)
{
    struct kp_criterion criterion = {.most = KP_CRITERION_MOST_MAX};
    uint64_t kind = criteria->count < 3 ? 1 + next(seed) % 4 : 1 + next(seed) % 8;
    criterion.kind = (uint8_t)kind;
    criterion.least =
        kind == KP_CRITERION_AGE ? (uint32_t)(next(seed) % 30) : 1 + (uint32_t)(next(seed) % 3);
    if (next(seed) % 4 == 0) {
        criterion.most = criterion.least + (uint32_t)(next(seed) % 3);
    }
    criterion.within.months = (uint16_t)(next(seed) % 3 * 5);
    criterion.within.days = (uint32_t)(next(seed) % 2 * 40);
    for (uint16_t i = 0; kind > KP_CRITERION_AGE && i < 2; i++) {
        criterion.parts[i] = (uint16_t)(next(seed) % criteria->count);
        criterion.points[i] = (int16_t)(next(seed) % 5) - 1;
        criterion.part_count++;
    }
    return criterion;
}

static void the_next_change_is_the_first_day_that_differs(void **state)
{
    static struct kp_criteria criteria;
    uint64_t seed = 88172645463325252u;
    uint32_t changes = 0;
    (void)state;
    for (uint32_t round = 0; round < 400; round++) {
        struct dossier dossier;
        init_dossier(&dossier);
        criteria.count = 0;
        while (criteria.count < 6) {
            criteria.items[criteria.count] = random_criterion(&criteria, &seed);
            criteria.count++;
        }
        for (uint32_t i = 0; i < 8; i++) {
            add(&dossier, (uint16_t)(next(&seed) % 3), OVERLAST,
                kp_date_of_days(day(TODAY) - (int32_t)(next(&seed) % 600)))
                ->birth_date = next(&seed) % 3 == 0 ? 0 : 20081225;
        }
        bool now = kp_criteria_is_met(&criteria, 5, &dossier.person, day(TODAY));
        int32_t expected = KP_CRITERIA_NEVER;
        for (int32_t at = day(TODAY) + 1; at < day(TODAY) + 36525; at++) {
            if (kp_criteria_is_met(&criteria, 5, &dossier.person, at) != now) {
                expected = at;
                changes++;
                break;
            }
        }
        assert_int_equal(kp_criteria_next_change(&criteria, 5, &dossier.person, day(TODAY)),
                         expected);
    }
    assert_true(changes > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_veelpleger_is_one_by_the_national_definition),
        cmocka_unit_test(an_age_that_is_not_known_makes_nobody_ripe),
        cmocka_unit_test(birthdays),
        cmocka_unit_test(of_several_birth_dates_most_say_which),
        cmocka_unit_test(months_are_of_the_calendar),
        cmocka_unit_test(partners_leefgebieden_severity_themes_and_areas),
        cmocka_unit_test(areas_contain_each_other),
        cmocka_unit_test(points_add_up),
        cmocka_unit_test(points_are_taken),
        cmocka_unit_test(what_would_have_made_it_otherwise),
        cmocka_unit_test(the_next_change_is_the_first_day_that_differs),
    };
    return cmocka_run_group_tests_name("criteria", tests, NULL, NULL);
}
