/* SPDX-License-Identifier: EUPL-1.2 */
/* The matcher: how alike names are, what two forms are worth, and which forms are one person. All
 * persons are invented. */
#include "base/arena.h"
#include "base/crypto.h"
#include "core/match/alias.h"
#include "core/match/likeness.h"
#include "core/match/partition.h"
#include "core/match/score.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FORMS_MAX 8

static struct kp_slice text(const char *letters)
{
    return kp_slice_str(letters);
}

/* --- names --- */

static void jaro_winkler_as_published(void **state)
{
    (void)state;
    /* Winkler 1990, table 1 */
    assert_int_equal(kp_jaro_winkler(text("martha"), text("marhta")), 9610);
    assert_int_equal(kp_jaro_winkler(text("dwayne"), text("duane")), 8399);
    assert_int_equal(kp_jaro_winkler(text("dixon"), text("dicksonx")), 8132);
    assert_int_equal(kp_jaro_winkler(text("abc"), text("xyz")), 0);
    assert_int_equal(kp_jaro_winkler(text("jansen"), text("jansen")), 10000);
    assert_int_equal(kp_jaro_winkler(text(""), text("jansen")), 0);
}

static void one_edit_is_one(void **state)
{
    static const struct {
        const char *a, *b;
        bool one;
    } cases[] = {
        {"jansen", "janssen", true},
        {"jansen", "janzen", true},
        {"jansen", "jnasen", true},
        {"jansen", "jansen", false},
        {"jansen", "janzzen", false},
        {"jansen", "anjsen", false},
        {"", "a", true},
        {"", "", false},
        {"ab", "ba", true},
        {"abc", "cba", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(kp_one_edit(text(cases[i].a), text(cases[i].b)), cases[i].one);
        assert_int_equal(kp_one_edit(text(cases[i].b), text(cases[i].a)), cases[i].one);
    }
}

static void names_that_sound_the_same(void **state)
{
    static const char *const same[][2] = {
        {"schut", "sgut"}, {"dyk", "dijk"},    {"visser", "fisser"}, {"cohen", "kohen"},
        {"boudt", "bout"}, {"zwart", "swart"}, {"ruth", "rut"},      {"ivanhoe", "ivanoe"}};
    struct kp_skeleton a;
    struct kp_skeleton b;
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        kp_skeleton_of(text(same[i][0]), &a);
        kp_skeleton_of(text(same[i][1]), &b);
        assert_true(kp_skeleton_equal(&a, &b));
    }
    kp_skeleton_of(text("jansen"), &a);
    kp_skeleton_of(text("bakker"), &b);
    assert_false(kp_skeleton_equal(&a, &b));
}

static void names_that_one_person_goes_by(void **state)
{
    (void)state;
    assert_true(kp_names_are_aliases(text("abdallah"), text("abdullah"))); /* the first */
    assert_true(kp_names_are_aliases(text("yusuf"), text("youssef")));     /* the last */
    assert_true(kp_names_are_aliases(text("mohamed"), text("muhammad")));
    assert_true(kp_names_are_aliases(text("annie"), text("anneke"))); /* under two */
    assert_true(kp_names_are_aliases(text("annie"), text("johanna")));
    assert_false(kp_names_are_aliases(text("anneke"), text("johanna")));
    assert_false(kp_names_are_aliases(text("jan"), text("piet")));
    assert_false(kp_names_are_aliases(text("aaa"), text("aaa")));
    assert_false(kp_names_are_aliases(text("zzz"), text("jan")));
}

/* --- forms --- */

static void a_form_is_normalised(void **state)
{
    static struct made made;
    (void)state;
    make(&made, (struct kp_reported_person){.bsn = "900000004",
                                            .given_names = "Renée-Sophie Ånne",
                                            .surname = "van der Dijck-de Vries",
                                            .partner_surname = "Ó Súilleabháin",
                                            .postcode = "1234 ab",
                                            .house_number = "12-bis",
                                            .birth_place = "'s-Gravenhage",
                                            .birth_date = 19800101});
    const struct kp_form *form = &made.form;
    assert_int_equal(form->given_count, 3);
    assert_true(kp_slice_equal(form->given[0].text, text("renee")));
    assert_true(kp_slice_equal(form->initials, text("rsa")));
    assert_int_equal(form->surname_count, 3);
    assert_true(kp_slice_equal(form->surnames[0].text, text("dyk")));
    assert_int_equal(form->surnames[0].use, KP_FORM_PART);
    assert_true(kp_slice_equal(form->surnames[1].text, text("vries")));
    assert_true(kp_slice_equal(form->surnames[2].text, text("osuilleabhain")));
    assert_int_equal(form->surnames[2].use, KP_FORM_PARTNER);
    assert_true(kp_slice_equal(form->postcode, text("1234AB")));
    assert_int_equal(form->house_number, 12);
    assert_true(kp_slice_equal(form->birth_place.text, text("denhaag")));
    assert_true(form->placeholder);
}

static void letters_outside_a_to_z(void **state)
{
    static const char *const same[][2] = {
        {"Vĸovāųl", "Vkovaul"},
        {"Łukasz", "Lukasz"},
        {"Çağrı", "Cagri"},
        {"İbrahim", "Ibrahim"},
        {"Þorgeir", "Thorgeir"},
        {"Đorđe", "Dorde"},
        {"Ĳsbrand", "IJsbrand"},
        {"Strauß", "Strauss"},
        {"Ærøskøbing", "Aeroskobing"},
        {"Ŋuŧ", "Nut"},
        {"Ħal", "Hal"},
        {"Œuvre", "Oeuvre"},
        {"Bjo\xcc\x88rk", "Björk"},
        {"Đặng", "Dang"},
    };
    static struct made one;
    static struct made other;
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        make(&one, (struct kp_reported_person){.surname = same[i][0]});
        make(&other, (struct kp_reported_person){.surname = same[i][1]});
        assert_int_equal(one.form.surname_count, 1);
        assert_true(kp_slice_equal(one.form.surnames[0].text, other.form.surnames[0].text));
    }
}

static void names_in_each_others_place_are_turned(void **state)
{
    static struct made made;
    (void)state;
    make(&made, (struct kp_reported_person){
                    .given_names = "Jong", .initials = "R.", .surname = "de Rosa"});
    assert_true(kp_slice_equal(made.form.given[0].text, text("rosa")));
    assert_true(kp_slice_equal(made.form.surnames[0].text, text("jong")));
}

static void a_form_survives_its_encoding_and_nothing_less(void **state)
{
    static struct made made;
    uint8_t bytes[KP_FORM_BYTES_MAX];
    struct kp_writer writer;
    struct kp_reader reader;
    struct kp_form found;
    (void)state;
    make(&made, (struct kp_reported_person){.bsn = "123456789",
                                            .given_names = "Vera Nora",
                                            .surname = "Verzonnen",
                                            .postcode = "9999ZZ",
                                            .house_number = "7",
                                            .birth_date = 19751224,
                                            .gender = KP_FORM_WOMAN});
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_form_put(&writer, &made.form);
    assert_true(kp_writer_ok(&writer));
    kp_reader_init(&reader, kp_writer_slice(&writer));
    kp_form_get(&reader, &found);
    assert_true(kp_reader_done(&reader));
    assert_int_equal(found.birth_date, 19751224);
    assert_int_equal(found.gender, KP_FORM_WOMAN);
    assert_int_equal(found.bsn_class, KP_FORM_BSN_FAILING);
    assert_int_equal(found.bsn, 123456789);
    assert_true(kp_slice_equal(found.given[1].text, text("nora")));
    for (size_t size = 0; size < writer.size; size++) {
        kp_reader_init(&reader, kp_slice_of(bytes, size));
        kp_form_get(&reader, &found);
        assert_false(kp_reader_ok(&reader));
    }
}

static void a_form_without_a_street_is_read_as_it_was_written(void **state)
{
    static struct made made;
    uint8_t bytes[KP_FORM_BYTES_MAX];
    struct kp_writer writer;
    struct kp_reader reader;
    struct kp_form found;
    (void)state;
    make(&made, (struct kp_reported_person){.surname = "Verzonnen", .street = "Lege Weg 3-bis"});
    assert_true(kp_slice_equal(made.form.street, text("legewegbis")));
    made.form.street = KP_SLICE_EMPTY;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_form_put(&writer, &made.form);
    bytes[0] = 1; /* the first version ended before the street */
    kp_reader_init(&reader, kp_slice_of(bytes, writer.size - 1));
    kp_form_get(&reader, &found);
    assert_true(kp_reader_done(&reader));
    assert_true(kp_slice_equal(found.surnames[0].text, text("verzonnen")));
    bytes[0] = KP_FORM_VERSION + 1;
    kp_reader_init(&reader, kp_slice_of(bytes, writer.size));
    kp_form_get(&reader, &found);
    assert_false(kp_reader_ok(&reader));
}

/* --- two forms --- */

static struct kp_match_score score_of(struct kp_reported_person a, struct kp_reported_person b)
{
    static struct made one;
    static struct made other;
    struct kp_match_model model;
    struct kp_match_score score;
    struct kp_match_score back;
    kp_match_model_init(&model, 20000);
    make(&one, a);
    make(&other, b);
    kp_match_score(&model, &one.form, &other.form, &score);
    kp_match_score(&model, &other.form, &one.form, &back);
    assert_memory_equal(&score, &back, sizeof score); /* symmetric */
    return score;
}

static void the_same_and_the_misspelt_are_certain(void **state)
{
    struct kp_reported_person other = vera();
    (void)state;
    assert_int_equal(score_of(vera(), other).grade, KP_GRADE_CERTAIN);
    other.surname = "Verzonen";
    other.given_names = "Veera";
    assert_int_equal(score_of(vera(), other).grade, KP_GRADE_CERTAIN);
    other = vera();
    other.surname = "Bakker";
    other.partner_surname = "Verzonnen"; /* married since */
    assert_int_equal(score_of(vera(), other).grade, KP_GRADE_CERTAIN);
}

static void strangers_are_certainly_not(void **state)
{
    struct kp_reported_person other = {
        .given_names = "Bram", .surname = "Bakker", .birth_date = 19930304, .gender = KP_FORM_MAN};
    (void)state;
    assert_int_equal(score_of(vera(), other).grade, KP_GRADE_CERTAINLY_NOT);
}

static void an_address_is_known_by_postcode_or_street(void **state)
{
    static const struct {
        const char *postcode, *street, *number;
        enum kp_match_level level;
    } cases[] = {
        {"9999ZZ", "Lege Weg", "7", KP_LEVEL_ADDRESS_FULL},
        {"9999ZZ", NULL, "7", KP_LEVEL_ADDRESS_EQUAL},
        {"9999ZZ", "Elders", "8", KP_LEVEL_ADDRESS_CLOSE},
        {"9999ZX", NULL, "7", KP_LEVEL_ADDRESS_CLOSE},
        {"9999ZX", "Legeweg", "8", KP_LEVEL_ADDRESS_CLOSE},
        {"1111AA", "Lege Wegg", "7", KP_LEVEL_ADDRESS_CLOSE},
        {NULL, "Lege Weg", "7", KP_LEVEL_ADDRESS_CLOSE},
        {"9999AA", NULL, "8", KP_LEVEL_ADDRESS_AREA},
        {"1111AA", "Lege Weg", "8", KP_LEVEL_ADDRESS_STREET},
        {"1111AA", "Elders", "7", KP_LEVEL_ADDRESS_OTHER},
        {NULL, "Elders", "7", KP_LEVEL_ADDRESS_OTHER},
        {NULL, NULL, "7", KP_LEVEL_MISSING},
        {"9989ZZ", NULL, NULL, KP_LEVEL_MISSING}, /* a slip, or another street */
        {"1111AA", NULL, NULL, KP_LEVEL_ADDRESS_OTHER},
    };
    struct kp_reported_person one = vera();
    struct kp_reported_person other = vera();
    (void)state;
    one.street = "Lege Weg";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        other.postcode = cases[i].postcode;
        other.street = cases[i].street;
        other.house_number = cases[i].number;
        assert_int_equal(score_of(one, other).levels[KP_FIELD_ADDRESS], cases[i].level);
    }
}

/* "Vera Verzonnen" and "Bakker Vera": one name in the other's place, the other one changed. */
static void names_that_cross_say_less_against_it(void **state)
{
    struct kp_reported_person crossed = vera();
    struct kp_reported_person stranger = vera();
    struct kp_match_model model;
    static struct made made[2];
    struct kp_match_score score;
    (void)state;
    crossed.given_names = "Bakker";
    crossed.surname = "Vera";
    stranger.given_names = "Bram";
    stranger.surname = "Bakker";
    crossed.initials = stranger.initials = "B.";
    score = score_of(vera(), crossed);
    assert_int_equal(score.levels[KP_FIELD_GIVEN], KP_LEVEL_NAMES_CROSSED);
    assert_int_equal(score.levels[KP_FIELD_SURNAME], KP_LEVEL_SURNAME_SWAPPED);
    assert_int_equal(score_of(crossed, vera()).levels[KP_FIELD_GIVEN], KP_LEVEL_NAMES_CROSSED);
    assert_int_equal(score_of(vera(), stranger).levels[KP_FIELD_GIVEN], KP_LEVEL_GIVEN_OTHER);
    /* Where there are families, somebody looks at it. */
    assert_int_equal(score.principle, KP_PRINCIPLE_OTHER_NAMES);
    assert_int_equal(score.grade, KP_GRADE_PROBABLE);
    kp_match_model_init(&model, 1000);
    model.siblings = model.generations = false;
    make(&made[0], vera());
    make(&made[1], crossed);
    kp_match_score(&model, &made[0].form, &made[1].form, &score);
    assert_int_equal(score.grade, KP_GRADE_CERTAIN);
}

static void a_twin_is_not_the_same(void **state)
{
    struct kp_reported_person twin = vera();
    twin.given_names = "Nora";
    twin.initials = "N.";
    (void)state;
    struct kp_match_score score = score_of(vera(), twin);
    assert_int_equal(score.principle, KP_PRINCIPLE_SIBLING);
    assert_int_equal(score.bits, -KP_BIT);
    twin.given_names = "Vinca"; /* with the same initial */
    twin.initials = "V.";
    assert_int_equal(score_of(vera(), twin).principle, KP_PRINCIPLE_SIBLING);
}

static void an_initial_needs_more_than_a_name(void **state)
{
    static const struct {
        int32_t birth_date;
        const char *postcode, *birth_place, *surname;
        bool suffices;
    } cases[] = {
        {19751224, NULL, NULL, "Verzonnen", true},
        {19751224, NULL, NULL, "Verzonen", true},
        {19751224, NULL, NULL, "Verzan", false},
        {19751224, "9999ZZ", NULL, "Verzinnenn", true},
        {19751225, NULL, NULL, "Verzonnen", false},
        {19751225, "9999ZZ", NULL, "Verzonnen", true},
        {19751225, NULL, "Verzonnenstad", "Verzonnen", true},
        {19750000, NULL, "Verzonnenstad", "Verzonnen", false},
        {19750000, "9999ZZ", NULL, "Verzonnen", true},
        {19750801, "9999ZZ", NULL, "Verzonnen", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kp_reported_person other = {.initials = "V.",
                                           .surname = cases[i].surname,
                                           .postcode = cases[i].postcode,
                                           .house_number = "7",
                                           .birth_place = cases[i].birth_place,
                                           .birth_date = cases[i].birth_date};
        assert_int_equal(!score_of(vera(), other).doubtful, cases[i].suffices);
    }
}

static void parent_and_child_are_not_joined(void **state)
{
    struct kp_reported_person child = vera();
    child.birth_date = 20010809;
    (void)state;
    struct kp_match_score score = score_of(vera(), child);
    assert_true(score.doubtful && score.parental);
    assert_int_not_equal(score.grade, KP_GRADE_CERTAIN);
}

static void a_date_misread_twice_is_not_a_parents(void **state)
{
    struct kp_reported_person other = vera();
    other.birth_date = 19741223;
    (void)state;
    assert_false(score_of(vera(), other).parental);
    assert_false(score_of(vera(), other).doubtful);
    other.birth_date = 19550224; /* as many digits, but a generation */
    assert_true(score_of(vera(), other).parental);
    other.postcode = "1111AA"; /* a namesake elsewhere */
    other.surname = "Verzonen";
    other.given_names = "Veera";
    assert_true(score_of(vera(), other).doubtful);
}

static void numbers_decide_but_not_against_everything(void **state)
{
    struct kp_reported_person one = vera();
    struct kp_reported_person other = vera();
    (void)state;
    one.bsn = other.bsn = "900000004";
    other.postcode = "1111AA";
    other.surname = "Bakker"; /* one number and one birth date */
    assert_int_equal(score_of(one, other).principle, KP_PRINCIPLE_BSN);
    assert_int_equal(score_of(one, other).grade, KP_GRADE_CERTAIN);
    other.given_names = "Bram";
    other.initials = "B.";
    other.birth_date = 19930304;
    assert_int_equal(score_of(one, other).principle, KP_PRINCIPLE_BSN_TAKEN);
    assert_true(score_of(one, other).doubtful); /* a question, however much agrees beside */
    assert_int_not_equal(score_of(one, other).grade, KP_GRADE_CERTAIN);
    other = vera();
    other.bsn = "900000016";
    struct kp_match_score score = score_of(one, other);
    assert_true(score.never);
    assert_int_equal(score.principle, KP_PRINCIPLE_TWO_BSNS);
    other.bsn = "900000005"; /* fails the 11-test, and is a digit away */
    assert_int_equal(score_of(one, other).levels[KP_FIELD_BSN], KP_LEVEL_BSN_NEAR);
    one.bsn = other.bsn = "111222333"; /* what systems write when there is none */
    assert_int_equal(score_of(one, other).levels[KP_FIELD_BSN], KP_LEVEL_MISSING);
}

static void an_unknown_day_is_no_birthday(void **state)
{
    struct kp_reported_person one = {
        .given_names = "Vera", .surname = "Verzonnen", .birth_date = 19750101};
    struct kp_reported_person other = one;
    (void)state;
    struct kp_match_score score = score_of(one, other);
    assert_int_equal(score.levels[KP_FIELD_BIRTH], KP_LEVEL_BIRTH_YEAR);
    assert_int_not_equal(score.grade, KP_GRADE_CERTAIN);
    other.birth_date = 19750000;
    assert_int_equal(score_of(one, other).levels[KP_FIELD_BIRTH], KP_LEVEL_BIRTH_YEAR);
    one.birth_date = 19750304;
    other.birth_date = 19750403;
    assert_int_equal(score_of(one, other).levels[KP_FIELD_BIRTH], KP_LEVEL_BIRTH_SWAPPED);
}

static bool is_telling(struct kp_reported_person person)
{
    static struct made made;
    struct kp_match_model model;
    kp_match_model_init(&model, 20000);
    make(&made, person);
    return kp_match_is_telling(&model, &made.form);
}

static void being_written_the_same_is_not_being_the_same(void **state)
{
    struct kp_reported_person person = {.initials = "J.", .surname = "Jansen"};
    (void)state;
    assert_false(is_telling(person));
    person.birth_date = 19800101; /* stands for "not known" */
    assert_false(is_telling(person));
    person.birth_date = 19800304;
    assert_true(is_telling(person));
    person.surname = NULL; /* one of many born on that day */
    assert_false(is_telling(person));
    person = (struct kp_reported_person){.given_names = "Jan", .surname = "Jansen"};
    assert_false(is_telling(person));
    /* A number that fails the 11-test identifies nobody. */
    assert_false(is_telling((struct kp_reported_person){.bsn = "123456789", .surname = "Jansen"}));
    person = (struct kp_reported_person){.bsn = "900000004"};
    assert_true(is_telling(person));
    assert_true(is_telling(vera()));
    assert_false(is_telling((struct kp_reported_person){.gender = KP_FORM_WOMAN}));
}

/* --- persons --- */

/* "0 0 2": of each form the first one of its person. */
static void partition(const struct kp_reported_person *persons, uint32_t count,
                      const struct kp_partition_decision *decision, char ret_groups[64])
{
    static struct made made[FORMS_MAX];
    struct kp_form forms[FORMS_MAX];
    uint32_t groups[FORMS_MAX];
    struct kp_match_model model;
    struct kp_arena arena;
    kp_match_model_init(&model, 20000);
    kp_arena_init(&arena, 1 << 20);
    for (uint32_t i = 0; i < count; i++) {
        make(&made[i], persons[i]);
        forms[i] = made[i].form;
    }
    struct kp_partition_in in = {.model = &model,
                                 .forms = forms,
                                 .count = count,
                                 .decisions = decision,
                                 .decision_count = decision == NULL ? 0 : 1};
    assert_true(kp_partition(&in, &arena, groups));
    kp_arena_done(&arena);
    ret_groups[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        size_t size = strlen(ret_groups);
        (void)snprintf(ret_groups + size, 64 - size, "%s%u", i > 0 ? " " : "",
                       groups[i]); /* fits */
    }
}

static void an_initial_does_not_bring_twins_together(void **state)
{
    struct kp_reported_person persons[3] = {vera(), vera(), vera()};
    char groups[64];
    persons[1].given_names = NULL; /* only the initial: either of them */
    persons[2].given_names = "Vinca";
    (void)state;
    partition(persons, 3, NULL, groups);
    assert_string_equal(groups, "0 1 2");
    persons[2] = vera();
    partition(persons, 3, NULL, groups); /* no twin: it is she */
    assert_string_equal(groups, "0 0 0");
}

static void two_numbers_are_never_one_person(void **state)
{
    struct kp_reported_person persons[3] = {vera(), vera(), vera()};
    char groups[64];
    persons[0].bsn = "900000004";
    persons[2].bsn = "900000016";
    (void)state;
    partition(persons, 3, NULL, groups);
    assert_int_not_equal(groups[0], groups[4]);
    struct kp_partition_decision must = {0, 2, KP_DECISION_MUST};
    partition(persons, 3, &must, groups); /* but when a person says so */
    assert_string_equal(groups, "0 0 0");
}

/* That she has two numbers was said of Vera, not of another one who was written with both. */
static void two_numbers_are_allowed_to_whom_it_was_said_of(void **state)
{
    struct kp_reported_person persons[5] = {vera(), vera(), vera(), vera(), vera()};
    struct kp_partition_decision must = {0, 1, KP_DECISION_MUST};
    char groups[64];
    (void)state;
    for (int i = 0; i < 4; i++) { /* the last one has none, and is like the two before it */
        persons[i].bsn = i % 2 == 0 ? "900000004" : "900000016";
    }
    for (int i = 2; i < 5; i++) { /* nothing else of her */
        persons[i].given_names = "Lambertus";
        persons[i].initials = "L";
        persons[i].surname = "Quakkelstein";
        persons[i].birth_date = 19310407;
        persons[i].gender = KP_FORM_MAN;
        persons[i].postcode = "1234AB";
        persons[i].house_number = "99";
        persons[i].birth_place = "Verweg";
    }
    partition(persons, 5, NULL, groups);
    assert_string_equal(groups, "0 1 2 3 2");
    partition(persons, 5, &must, groups);
    assert_string_equal(groups, "0 0 2 3 2");
}

static void what_a_person_parted_stays_apart(void **state)
{
    struct kp_reported_person persons[2] = {vera(), vera()};
    struct kp_partition_decision cannot = {0, 1, KP_DECISION_CANNOT};
    char groups[64];
    (void)state;
    partition(persons, 2, NULL, groups);
    assert_string_equal(groups, "0 0");
    partition(persons, 2, &cannot, groups);
    assert_string_equal(groups, "0 1");
}

static void what_is_probably_one_person_is_no_choice(void **state)
{
    struct kp_reported_person persons[3] = {vera(), vera(), vera()};
    char groups[64];
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        persons[i].postcode = NULL;
    }
    persons[0].given_names = "Veera";
    persons[0].surname = "Verzonen";
    persons[1].birth_date = persons[2].birth_date = 19750101; /* not known */
    persons[1].birth_place = NULL; /* nothing that joins her: she could be the third as well */
    partition(persons, 3, NULL, groups);
    assert_string_equal(groups, "0 1 0");
    persons[0].bsn = "900000004";
    persons[1].bsn = "900000016"; /* somebody else: which of the two is the third? */
    partition(persons, 3, NULL, groups);
    assert_string_equal(groups, "0 1 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jaro_winkler_as_published),
        cmocka_unit_test(one_edit_is_one),
        cmocka_unit_test(names_that_sound_the_same),
        cmocka_unit_test(names_that_one_person_goes_by),
        cmocka_unit_test(a_form_is_normalised),
        cmocka_unit_test(letters_outside_a_to_z),
        cmocka_unit_test(names_in_each_others_place_are_turned),
        cmocka_unit_test(a_form_survives_its_encoding_and_nothing_less),
        cmocka_unit_test(a_form_without_a_street_is_read_as_it_was_written),
        cmocka_unit_test(an_address_is_known_by_postcode_or_street),
        cmocka_unit_test(the_same_and_the_misspelt_are_certain),
        cmocka_unit_test(strangers_are_certainly_not),
        cmocka_unit_test(names_that_cross_say_less_against_it),
        cmocka_unit_test(a_twin_is_not_the_same),
        cmocka_unit_test(an_initial_needs_more_than_a_name),
        cmocka_unit_test(parent_and_child_are_not_joined),
        cmocka_unit_test(a_date_misread_twice_is_not_a_parents),
        cmocka_unit_test(numbers_decide_but_not_against_everything),
        cmocka_unit_test(an_unknown_day_is_no_birthday),
        cmocka_unit_test(being_written_the_same_is_not_being_the_same),
        cmocka_unit_test(an_initial_does_not_bring_twins_together),
        cmocka_unit_test(two_numbers_are_never_one_person),
        cmocka_unit_test(two_numbers_are_allowed_to_whom_it_was_said_of),
        cmocka_unit_test(what_a_person_parted_stays_apart),
        cmocka_unit_test(what_is_probably_one_person_is_no_choice),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("match", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
