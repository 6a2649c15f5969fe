/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, for which a house of thousands is large; the sanitizer sees it */
/* check: limit 600 s */
/*
 * A house of invented persons learns from its own index: what it finds is what was put into it, the
 * same each time, and tells of nobody.
 */
#include "world.h"

#include "intake/intake.h"
#include "learn/compare.h"
#include "learn/learn.h"
#include "train/terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PERSONS = 1000, FORMS_MAX = 3 * PERSONS, FIRST_NAMES = 40, SURNAMES = 300, PLACES = 30 };

static struct world world;
static struct kp_house house;
static struct kp_intake *intake;
static struct kp_arena arena;

/* --- invented persons --- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint64_t *state, uint32_t count)
{
    return (uint32_t)(next_random(state) % count);
}

/* The first ones are common, the last ones rare. */
static uint32_t skewed(uint64_t *state, uint32_t count)
{
    uint32_t a = below(state, count);
    uint32_t b = below(state, count);
    return a * b / count;
}

/* Ten letters that no two numbers below 4096 share. */
static void put_word(char *ret_word, size_t size, char first, uint32_t number)
{
    static const char *const syllables[] = {"bak", "dol", "fen", "gar", "hus", "jip", "kom", "lan",
                                            "mer", "not", "pil", "ruk", "sal", "tem", "vor", "wid"};
    uint32_t mixed = number * 1237 % 4096; /* odd: another for each */
    (void)snprintf(ret_word, size, "%c%s%s%s", first, syllables[mixed / 256],
                   syllables[mixed / 16 % 16], syllables[mixed % 16]); /* fits */
}

struct invented {
    char given[24], surname[24], place[24], postcode[8];
    uint32_t house_number, year, month, day;
    bool woman;
};

static void invent(uint32_t number, struct invented *ret_person)
{
    uint64_t random = number * UINT64_C(1000003) + 17;
    uint32_t given = skewed(&random, FIRST_NAMES);
    put_word(ret_person->given, sizeof ret_person->given, (char)('a' + given % 20), given);
    put_word(ret_person->surname, sizeof ret_person->surname, 'o', skewed(&random, SURNAMES));
    put_word(ret_person->place, sizeof ret_person->place, 'u', skewed(&random, PLACES));
    (void)snprintf(ret_person->postcode, sizeof ret_person->postcode, "%04uXX",
                   9000 + below(&random, 300)); /* fits */
    ret_person->house_number = 1 + below(&random, 80);
    ret_person->woman = below(&random, 2) == 0;
    ret_person->year = 1950 + below(&random, 50);
    ret_person->month = 1 + below(&random, 12);
    ret_person->day = 1 + below(&random, 28);
    if (below(&random, 20) == 0) { /* not known, so the first of January was written */
        ret_person->month = ret_person->day = 1;
    }
}

/* As the second partner wrote it down. */
static void misspell(uint32_t number, struct invented *person)
{
    uint64_t random = number * UINT64_C(7919) + 5;
    if (below(&random, 8) == 0) {
        person->surname[5] = 'x';
    }
    if (below(&random, 10) == 0) {
        person->given[3] = 'x';
    }
    if (below(&random, 3) == 0) { /* moved */
        person->postcode[0] = '8';
        person->house_number = 100 + below(&random, 80);
    } else if (below(&random, 10) == 0) {
        person->house_number++;
    }
    if (below(&random, 25) == 0) {
        person->day = person->day % 28 + 1;
    }
}

static Knooppunt__V1__Date date_of(uint32_t year, uint32_t month, uint32_t day)
{
    Knooppunt__V1__Date date = KNOOPPUNT__V1__DATE__INIT;
    date.has_year = date.has_month = date.has_day = 1;
    date.year = year;
    date.month = month;
    date.day = day;
    return date;
}

static struct kp_slice pack(const struct invented *person, const char *reference, bool withdraw)
{
    static uint8_t bytes[2048];
    char given[24], surname[24], place[24], postcode[8];
    Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
    Knooppunt__V1__PersonMention mention = KNOOPPUNT__V1__PERSON_MENTION__INIT;
    Knooppunt__V1__PersonMention *mentions[] = {&mention};
    Knooppunt__V1__Address address = KNOOPPUNT__V1__ADDRESS__INIT;
    Knooppunt__V1__Date happened = date_of(2026, 3, 1);
    Knooppunt__V1__Date born = date_of(person->year, person->month, person->day);
    memcpy(given, person->given, sizeof given);
    memcpy(surname, person->surname, sizeof surname);
    memcpy(place, person->place, sizeof place);
    memcpy(postcode, person->postcode, sizeof postcode);
    address.postcode = postcode;
    address.has_house_number = 1;
    address.house_number = person->house_number;
    mention.has_role = mention.has_gender = 1;
    mention.role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER;
    mention.gender =
        person->woman ? KNOOPPUNT__V1__GENDER__GENDER_VROUW : KNOOPPUNT__V1__GENDER__GENDER_MAN;
    mention.given_names = given;
    mention.surname = surname;
    mention.birth_place = place;
    mention.birth_date = &born;
    mention.address = &address;
    signal.reference = (char *)(uintptr_t)reference;
    signal.has_version = signal.has_action = 1;
    signal.version = withdraw ? 2 : 1;
    signal.action = withdraw ? KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW
                             : KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    if (!withdraw) {
        signal.has_kind = 1;
        signal.kind = KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_INCIDENT;
        signal.incident_date = &happened;
        signal.area_code = (char *)(uintptr_t) "GM9001";
        signal.n_persons = 1;
        signal.persons = mentions;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_codec_put(&writer, &signal.base);
    assert_true(kp_writer_ok(&writer));
    return kp_writer_slice(&writer);
}

static void submit(const char *partner, const struct invented *person, const char *reference,
                   bool withdraw)
{
    static const uint8_t salt[KP_SALT_BYTES] = {1};
    uint16_t number = world_number(&world, partner);
    const struct kp_intake_signal received = {kp_slice_of(salt, sizeof salt),
                                              pack(person, reference, withdraw)};
    const struct kp_command_head head = {.kind = KP_COMMAND_BATCH, .actor = number};
    const struct kp_command_batch batch = {.signal_count = 1};
    struct kp_command_signal signal;
    struct kp_writer writer;
    kp_arena_reset(&arena);
    kp_intake_take(intake, &world.core.house, number, &received, &arena, &signal);
    assert_int_equal(signal.held_code, KP_OK);
    kp_writer_init(&writer, world.body, sizeof world.body);
    kp_command_put_head(&writer, &head);
    kp_command_put_batch(&writer, &batch);
    kp_command_put_signal(&writer, &signal);
    assert_true(kp_writer_ok(&writer));
    world_apply(&world, writer.size);
}

/* Everybody twice: as the police wrote him down, and as youth care did. */
static void submit_person(uint32_t number)
{
    struct invented person;
    char reference[16];
    (void)snprintf(reference, sizeof reference, "P-%u", number); /* fits */
    invent(number, &person);
    submit("politie", &person, reference, /* withdraw= */ false);
    misspell(number, &person);
    submit("jeugdzorg", &person, reference, /* withdraw= */ false);
}

static void fill_house(uint32_t persons, bool backwards)
{
    world_open(&world);
    world_house(&world, &house);
    for (uint32_t i = 0; i < persons; i++) {
        submit_person(backwards ? persons - 1 - i : i);
    }
}

/* The first ones as youth care wrote them down later, each time otherwise. */
static void submit_again(uint32_t persons)
{
    for (uint32_t i = 0; i < 2 * persons; i++) {
        struct invented person;
        char reference[16];
        (void)snprintf(reference, sizeof reference, "A-%u", i); /* fits */
        invent(i % persons, &person);
        misspell(i + 5000, &person);
        submit("jeugdzorg", &person, reference, /* withdraw= */ false);
    }
}

/* --- what was learned --- */

static struct kp_learned *learn(void)
{
    struct kp_diag diag = {0};
    struct kp_learned *learned = calloc(1, sizeof *learned);
    assert_non_null(learned);
    enum kp_err err = kp_learn(&world.store, NULL, NULL, learned, &diag);
    if (err != KP_OK) {
        fail_msg("%s", diag.text);
    }
    return learned;
}

static size_t encode(const struct kp_learned *learned, uint8_t *ret_bytes)
{
    struct kp_writer writer;
    kp_writer_init(&writer, ret_bytes, KP_EPOCH_BYTES_MAX);
    kp_epoch_put(&writer, learned->forms, &learned->model, &learned->terms);
    assert_true(kp_writer_ok(&writer));
    return writer.size;
}

static kp_form_rarity rarity_of_surname(const struct kp_match_terms *terms, uint32_t number)
{
    char word[24];
    struct kp_form form = {.surname_count = 1};
    put_word(word, sizeof word, 'o', number);
    form.surnames[0].text = kp_slice_str(word);
    kp_terms_rate(terms, &form);
    return form.surnames[0].rarity;
}

static int set_up(void **state)
{
    const struct kp_secret key = {{7}};
    (void)state;
    world_example_house(&house);
    intake = kp_intake_new(&key);
    kp_arena_init(&arena, 4u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    intake = kp_intake_free(intake);
    kp_arena_done(&arena);
    return 0;
}

static void assert_sensible(const struct kp_learned *learned)
{
    const int32_t *weights = learned->model.weights;
    assert_in_range(learned->forms, PERSONS * 5 / 4, 2 * PERSONS);
    /* Half of the forms are the other ones' pairs: one in some four thousand. */
    assert_in_range(-learned->model.prior, 10 * KP_BIT, 13 * KP_BIT);
    assert_in_range(weights[KP_LEVEL_GIVEN_EQUAL], 3 * KP_BIT, 6 * KP_BIT); /* of 40 names */
    assert_true(weights[KP_LEVEL_GIVEN_OTHER] < -3 * KP_BIT);
    assert_true(weights[KP_LEVEL_SURNAME_EQUAL] > weights[KP_LEVEL_GIVEN_EQUAL]);
    assert_in_range(weights[KP_LEVEL_BIRTH_EQUAL], 10 * KP_BIT, 16 * KP_BIT);
    assert_true(weights[KP_LEVEL_BIRTH_OTHER] < -3 * KP_BIT);
    assert_in_range(weights[KP_LEVEL_GENDER_EQUAL], KP_BIT / 2, KP_BIT * 3 / 2); /* of two */
    assert_true(weights[KP_LEVEL_ADDRESS_OTHER] > -3 * KP_BIT);                  /* a third moved */
}

static void what_was_put_in_is_found(void **state)
{
    (void)state;
    fill_house(PERSONS, /* backwards= */ false);
    struct kp_learned *learned = learn();
    assert_sensible(learned);
    const struct kp_match_terms *terms = &learned->terms;
    assert_true(rarity_of_surname(terms, 0) + 8 < rarity_of_surname(terms, SURNAMES - 1));
    assert_true(rarity_of_surname(terms, 0) > 0);
    assert_true(terms->days_counted);
    assert_int_equal(terms->days[101], KP_DAY_CROWDED);
    assert_int_equal(terms->days[614], KP_DAY_PLAIN);
    for (uint32_t i = 0; i < terms->count; i++) { /* nothing that fewer than four have */
        assert_true(terms->counts[i] > kp_term_round(KP_TERM_COUNT_MIN));
        assert_true(i == 0 || terms->hashes[i] > terms->hashes[i - 1]);
    }
    free(learned);
}

static void the_same_forms_give_the_same_bytes(void **state)
{
    static uint8_t bytes[3][KP_EPOCH_BYTES_MAX];
    size_t sizes[3];
    (void)state;
    fill_house(PERSONS, /* backwards= */ false);
    for (int i = 0; i < 2; i++) {
        struct kp_learned *learned = learn();
        sizes[i] = encode(learned, bytes[i]);
        free(learned);
    }
    world_close(&world);
    fill_house(PERSONS, /* backwards= */ true);
    struct kp_learned *learned = learn();
    sizes[2] = encode(learned, bytes[2]);
    free(learned);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(sizes[i], sizes[0]);
        assert_memory_equal(bytes[i], bytes[0], sizes[0]);
    }
}

static void who_was_erased_leaves_no_trace(void **state)
{
    enum { WAYS = 3 * KP_TERM_COUNT_MIN }; /* one person is one, however he is written */
    static uint8_t bytes[2][KP_EPOCH_BYTES_MAX];
    size_t sizes[2];
    struct invented rare;
    (void)state;
    fill_house(PERSONS, /* backwards= */ false);
    struct kp_learned *learned = learn();
    sizes[0] = encode(learned, bytes[0]);
    invent(3, &rare);
    memcpy(rare.surname, "zwaluwenburg", 13);
    for (int i = 0; i < WAYS; i++) { /* of writing a name that nobody else has */
        char reference[16];
        (void)snprintf(reference, sizeof reference, "Z-%d", i); /* fits */
        rare.house_number = 300 + (uint32_t)i;
        submit("om", &rare, reference, /* withdraw= */ false);
    }
    struct kp_learned *with = learn();
    assert_int_equal(with->forms, learned->forms + WAYS);
    assert_int_equal(with->terms.count, learned->terms.count); /* it is not even listed */
    for (int i = 0; i < WAYS; i++) {
        char reference[16];
        (void)snprintf(reference, sizeof reference, "Z-%d", i); /* fits */
        submit("om", &rare, reference, /* withdraw= */ true);
    }
    free(with);
    with = learn();
    sizes[1] = encode(with, bytes[1]);
    assert_int_equal(sizes[1], sizes[0]);
    assert_memory_equal(bytes[1], bytes[0], sizes[0]); /* as if he had never been there */
    free(with);
    free(learned);
}

static void a_small_house_is_told_why_not(void **state)
{
    struct kp_diag diag = {0};
    struct kp_learned *learned = calloc(1, sizeof *learned);
    (void)state;
    assert_non_null(learned);
    fill_house(100, /* backwards= */ false);
    assert_int_equal(kp_learn(&world.store, NULL, NULL, learned, &diag), KP_E_STATE);
    assert_non_null(strstr(diag.text, "1000"));
    free(learned);
}

/* --- what an epoch would change is what it changes --- */

struct seen {
    uint32_t count;
    bool stop;
    struct kp_change *changes; /* room for PERSONS; NULL: none is expected */
};

static void see(void *context, const struct kp_change *change)
{
    struct seen *seen = context;
    assert_true(seen->count < PERSONS);
    assert_non_null(seen->changes);
    for (uint32_t i = 0; i < seen->count; i++) {
        assert_true(seen->changes[i].person != change->person); /* each once */
    }
    seen->changes[seen->count++] = *change;
}

static bool go_on(void *context, const char *step, uint64_t done, uint64_t all)
{
    const struct seen *seen = context;
    (void)step;
    (void)done;
    (void)all;
    return !seen->stop;
}

static uint64_t compare(uint32_t epoch, struct seen *seen)
{
    struct kp_comparison comparison;
    struct kp_diag diag = {0};
    struct kp_walk walk;
    kp_walk_init(&walk, &world.store, go_on, seen);
    enum kp_err err = kp_compare(&walk, epoch, PERSONS, see, seen, &comparison, &diag);
    if (err != KP_OK) {
        fail_msg("%s", diag.text);
    }
    assert_int_equal(comparison.listed, seen->count);
    assert_int_equal(comparison.persons, seen->count);
    return comparison.persons;
}

static bool is_weighing(void)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_epoch_state state;
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    assert_true(kp_epoch_state(txn, &state));
    kp_txn_abort(txn);
    return state.until != 0;
}

/* Of each form the person who bears it, in the order of the forms. @ret_forms: NULL: not needed */
static uint32_t list_persons(uint64_t *ret_forms, uint64_t *ret_persons)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_known_form known = {.id = 0};
    uint32_t count = 0;
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    while (kp_forms_next(txn, NULL, known.id, &known)) {
        assert_true(count < FORMS_MAX);
        if (ret_forms != NULL) {
            ret_forms[count] = known.id;
        }
        ret_persons[count++] = known.person;
    }
    kp_txn_abort(txn);
    return count;
}

/* Persons of before who have other forms now. */
static uint32_t count_changed(const uint64_t *before, const uint64_t *now, uint32_t count)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool first = true;
        bool same = true;
        for (uint32_t k = 0; k < count; k++) {
            first = first && (k >= i || before[k] != before[i]);
            same = same && (before[k] == before[i]) == (now[k] == now[i]);
        }
        changed += first && !same ? 1 : 0;
    }
    return changed;
}

static void weigh_all(void)
{
    for (uint32_t ticks = 0; is_weighing(); ticks++) {
        assert_true(ticks < 100);
        world_tick(&world);
    }
}

static uint64_t person_of(const uint64_t *forms, const uint64_t *persons, uint32_t count,
                          uint64_t form)
{
    for (uint32_t i = 0; i < count; i++) {
        if (forms[i] == form) {
            return persons[i];
        }
    }
    fail_msg("a form that nobody has");
    return 0;
}

static const struct kp_change_form *find_form(const struct kp_change *change, uint64_t form)
{
    for (uint32_t i = 0; i < change->count; i++) {
        if (change->forms[i].form == form) {
            return &change->forms[i];
        }
    }
    return NULL;
}

/* All forms of the person before are in it, and all that are with one of them now, and no others;
 * those of one group are one person now. */
static void check_change(const struct kp_change *change, const uint64_t *forms,
                         const uint64_t *before, const uint64_t *now, uint32_t count)
{
    assert_false(change->cut);
    for (uint32_t i = 0; i < count; i++) {
        bool with = false;
        for (uint32_t k = 0; k < count; k++) {
            with = with || (before[k] == change->person && now[k] == now[i]);
        }
        const struct kp_change_form *told = find_form(change, forms[i]);
        assert_int_equal(told != NULL, with);
        assert_true(told == NULL || told->person == before[i]);
    }
    for (uint32_t i = 1; i < change->count; i++) {
        const struct kp_change_form *form = &change->forms[i];
        assert_true(form[-1].group < form->group ||
                    (form[-1].group == form->group && form[-1].form < form->form));
        assert_int_equal(person_of(forms, now, count, form[-1].form) ==
                             person_of(forms, now, count, form->form),
                         form[-1].group == form->group);
    }
}

/* A house that puts less together: much less, so that few hold each other, or a little less. */
static void what_is_compared_is_what_comes(void **state)
{
    static uint64_t forms[FORMS_MAX];
    static uint64_t before[FORMS_MAX];
    static uint64_t now[FORMS_MAX];
    static struct kp_change changes[PERSONS];
    static const int32_t more[] = {15 * KP_BIT, 4 * KP_BIT};
    (void)state;
    fill_house(PERSONS, /* backwards= */ false);
    submit_again(PERSONS / 5);
    struct kp_learned *learned = learn();
    struct seen none = {0};
    assert_int_equal(compare(0, &none), 0);
    uint32_t count = list_persons(forms, before);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        struct seen many = {.changes = changes};
        struct seen after = {0};
        struct kp_match_model model = learned->model;
        model.joined += more[epoch - 1];
        model.certain += more[epoch - 1];
        world_epoch(&world, learned->forms, &model, &learned->terms);
        uint64_t changed = compare(epoch, &many);
        assert_int_equal(list_persons(NULL, now), count);
        assert_int_equal(count_changed(before, now, count), 0); /* it was only looked at */
        world_activate(&world, epoch);
        weigh_all();
        assert_int_equal(compare(epoch, &after), 0);
        assert_int_equal(list_persons(NULL, now), count);
        assert_true(changed > 0);
        assert_int_equal(count_changed(before, now, count), changed);
        for (uint32_t i = 0; i < many.count; i++) {
            check_change(&changes[i], forms, before, now, count);
        }
        struct seen back = {.changes = changes}; /* parted persons that come together */
        assert_int_equal(compare(0, &back), count_changed(now, before, count));
        for (uint32_t i = 0; i < back.count; i++) {
            check_change(&changes[i], forms, now, before, count);
        }
        world_activate(&world, 0);
        weigh_all();
        assert_int_equal(list_persons(NULL, now), count);
        assert_int_equal(count_changed(before, now, count), 0);
    }
    free(learned);
}

static void it_can_be_stopped_and_knows_its_epochs(void **state)
{
    struct kp_comparison comparison;
    struct kp_diag diag = {0};
    struct kp_walk walk;
    struct seen seen = {.stop = true};
    struct kp_learned *learned = calloc(1, sizeof *learned);
    (void)state;
    assert_non_null(learned);
    fill_house(20, /* backwards= */ false);
    assert_int_equal(kp_learn(&world.store, go_on, &seen, learned, &diag), KP_E_LATER);
    kp_walk_init(&walk, &world.store, NULL, NULL);
    assert_int_equal(kp_compare(&walk, 1, PERSONS, see, &seen, &comparison, &diag), KP_E_NOT_FOUND);
    free(learned);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_in_is_found),       TEST(the_same_forms_give_the_same_bytes),
        TEST(who_was_erased_leaves_no_trace), TEST(a_small_house_is_told_why_not),
        TEST(what_is_compared_is_what_comes), TEST(it_can_be_stopped_and_knows_its_epochs),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("learning", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
