/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, for which thousands of signals are many; the sanitizer sees them */
/*
 * The order in which signals come, go and come back does not change who is who. People written
 * badly by several partners, taken in by the real intake, in many orders, with withdrawals and
 * decisions between; the persons are always those of all forms that hold each other parted at once.
 */
#include "core/blocks.h"
#include "core/decision.h"
#include "core/holders.h"
#include "core/match/partition.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEOPLE 36
#define WRITTEN 5 /* times each */
#define MENTIONS (PEOPLE * WRITTEN)
#define ORDERS 20
#define OVERLAPPING 40u
#define DECIDED_MAX 200u
#define STRANGERS_MAX 250u /* of another name each */

struct written {
    char given[24], initials[8], surname[32], postcode[8], number[8], bsn[12], place[24];
    char reference[8];
    struct kp_reported_person person;
    struct told told;
    bool there;
};

static struct written all[MENTIONS];
static struct world world;

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Twins, namesakes, parent and child among them: people share names, addresses and dates. */
static void write_person(struct written *one, uint32_t n, uint64_t *seed)
{
    static const char *const given[] = {"Anna", "Alma", "Johan", "Jan", "Mohamed", "Sanne"};
    static const char *const surnames[] = {"de Vries",  "Jansen",       "Hendriks",
                                           "el Amrani", "van den Berg", "Verzonnen"};
    uint32_t family = n / 2;
    (void)snprintf(one->given, sizeof one->given, "%s", given[(n * 7 + family) % 6]);
    (void)snprintf(one->surname, sizeof one->surname, "%s", surnames[family % 6]);
    (void)snprintf(one->postcode, sizeof one->postcode, "90%02uAB", 1 + family % 9);
    (void)snprintf(one->number, sizeof one->number, "%u", 1 + family % 13);
    (void)snprintf(one->place, sizeof one->place, "%s", family % 3 == 0 ? "Ons Dorp" : "De Stad");
    world_bsn(one->bsn, n);
    one->person = (struct kp_reported_person){
        .given_names = one->given,
        .surname = one->surname,
        .postcode = one->postcode,
        .house_number = one->number,
        .birth_place = one->place,
        .birth_date = 19800000 + (int32_t)(family % 3) * 10000 + 101 + (int32_t)(family % 11) * 101,
        .gender = n % 2 == 0 ? KP_FORM_MAN : KP_FORM_WOMAN,
    };
    if (next(seed) % 3 == 0) {
        one->person.bsn = one->bsn;
    }
    if (next(seed) % 4 == 0) {
        one->surname[strlen(one->surname) - 2] = 'x';
    }
    if (next(seed) % 4 == 0) {
        one->initials[0] = one->given[0];
        one->person.initials = one->initials;
        one->person.given_names = NULL;
    }
    if (next(seed) % 5 == 0) {
        one->person.birth_date = next(seed) % 2 == 0 ? 0 : one->person.birth_date / 10000 * 10000;
    }
    if (next(seed) % 3 == 0) {
        one->person.postcode = one->person.house_number = NULL;
    }
    if (next(seed) % 3 == 0) {
        one->person.birth_place = NULL;
    }
    if (next(seed) % 8 == 0) {
        one->person.given_names = one->person.initials = NULL;
    }
}

static void write_all(uint64_t seed)
{
    static const char *const partners[] = {"politie", "om", "jeugdzorg"};
    memset(all, 0, sizeof all);
    for (uint32_t i = 0; i < MENTIONS; i++) {
        struct written *one = &all[i];
        write_person(one, i / WRITTEN, &seed);
        (void)snprintf(one->reference, sizeof one->reference, "R%u", i); /* fits */
        one->told = (struct told){.partner = partners[i % 3],
                                  .reference = one->reference,
                                  .version = 1,
                                  .kind = 4,
                                  .role = 1,
                                  .date = 20251201,
                                  .persons = 1,
                                  .reported = &one->person};
    }
}

static void open_world(void)
{
    static struct kp_house house;
    world_open(&world);
    world_example_house(&house);
    world_house(&world, &house);
    for (uint32_t i = 0; i < MENTIONS; i++) {
        all[i].there = false;
        all[i].told.version = 1;
    }
}

static void bring(struct written *one)
{
    one->there = true;
    (void)world_signal(&world, &one->told);
}

static void take_back(struct written *one)
{
    struct told gone = {.partner = one->told.partner,
                        .reference = one->reference,
                        .version = one->told.version + 1,
                        .withdraw = true};
    one->there = false;
    one->told.version += 2; /* the next time it comes */
    (void)world_signal(&world, &gone);
}

/* For each mention that is there the first one of the same person. */
static void describe(uint32_t ret_first[MENTIONS])
{
    uint64_t persons[MENTIONS] = {0};
    for (uint32_t i = 0; i < MENTIONS; i++) {
        ret_first[i] = MENTIONS;
        if (!all[i].there) {
            continue;
        }
        persons[i] = world_person(&world, all[i].told.partner, all[i].reference, 0);
        for (uint32_t k = 0; k <= i && ret_first[i] == MENTIONS; k++) {
            ret_first[i] = all[k].there && persons[k] == persons[i] ? k : MENTIONS;
        }
    }
}

static void assert_same(const uint32_t expected[MENTIONS], const uint32_t found[MENTIONS])
{
    for (uint32_t i = 0; i < MENTIONS; i++) {
        if (expected[i] != found[i]) {
            fail_msg("mention %u is with %u, not with %u", i, found[i], expected[i]);
        }
    }
}

static void shuffle(uint32_t order[MENTIONS], uint64_t *seed)
{
    for (uint32_t i = 0; i < MENTIONS; i++) {
        uint32_t at = (uint32_t)(next(seed) % (i + 1));
        order[i] = order[at];
        order[at] = i;
    }
}

/* --- all at once --- */

struct form {
    struct kp_known_form known;
    struct kp_match_keys keys;
    uint32_t component;
};

static bool meet(const struct form *a, const struct form *b)
{
    for (uint32_t i = 0; i < a->keys.count; i++) {
        for (uint32_t k = 0; k < b->keys.count; k++) {
            const struct kp_match_key *one = &a->keys.keys[i];
            const struct kp_match_key *other = &b->keys.keys[k];
            if (one->kind == other->kind && memcmp(one->tag, other->tag, KP_TAG_BYTES) == 0 &&
                kp_witnesses_agree(one->witnesses, other->witnesses)) {
                return true;
            }
        }
    }
    return false;
}

static int compare_forms(const void *a, const void *b)
{
    const struct form *one = a;
    const struct form *other = b;
    int order = kp_slice_compare(one->known.bytes, other->known.bytes);
    return order != 0 ? order : memcmp(one->known.tag, other->known.tag, KP_TAG_BYTES);
}

static uint32_t load_forms(struct kp_txn *txn, struct form *ret_forms)
{
    uint32_t count = 0;
    struct kp_slice key;
    struct kp_slice value;
    struct kp_key from = kp_key_none();
    while (kp_txn_seek(txn, KP_TABLE_FORM, kp_key_slice(&from), from.size > 0, &key, &value)) {
        struct kp_reader reader;
        kp_reader_init(&reader, key);
        uint64_t id = kp_get_u64(&reader);
        from = kp_key_u64(kp_key_none(), id);
        const struct kp_match_terms *terms = world.core.model.terms;
        assert_true(kp_forms_load(txn, terms, id, &ret_forms[count].known));
        assert_true(kp_forms_decode(txn, terms, &ret_forms[count].known, &ret_forms[count].keys));
        ret_forms[count].component = count;
        count++;
    }
    qsort(ret_forms, count, sizeof *ret_forms, compare_forms);
    for (uint32_t i = 0; i < count; i++) {
        ret_forms[i].component = i;
    }
    return count;
}

static void join(struct form *forms, uint32_t count, uint32_t a, uint32_t b)
{
    uint32_t least = a < b ? a : b;
    for (uint32_t i = 0; i < count; i++) {
        forms[i].component =
            forms[i].component == a || forms[i].component == b ? least : forms[i].component;
    }
}

static enum kp_match_decision decided_of(struct kp_txn *txn, const struct form *a,
                                         const struct form *b)
{
    struct kp_decided decided;
    return kp_decision_get(txn, a->known.tag, b->known.tag, &decided)
               ? (enum kp_match_decision)decided.decision
               : KP_DECISION_NONE;
}

/* What persons decided of the forms at these places. */
static uint32_t list_decided(struct kp_txn *txn, const struct form *forms, const uint32_t *places,
                             uint32_t count, struct kp_partition_decision ret_decided[DECIDED_MAX])
{
    uint32_t found = 0;
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            enum kp_match_decision decision = decided_of(txn, &forms[places[a]], &forms[places[b]]);
            if (decision != KP_DECISION_NONE) {
                assert_true(found < DECIDED_MAX);
                ret_decided[found++] = (struct kp_partition_decision){b, a, decision};
            }
        }
    }
    return found;
}

/* Every form that is there, parted without regard to what came when: the state says the same. */
static void assert_as_at_once(void)
{
    static struct form forms[MENTIONS + STRANGERS_MAX];
    struct kp_txn *txn;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    uint32_t count = load_forms(txn, forms);
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if ((meet(&forms[a], &forms[b]) &&
                 kp_holds(&world.core.model, &forms[a].known.form, &forms[b].known.form)) ||
                decided_of(txn, &forms[a], &forms[b]) == KP_DECISION_MUST) {
                join(forms, count, forms[a].component, forms[b].component);
            }
        }
    }
    for (uint32_t component = 0; component < count; component++) {
        struct kp_form members[MENTIONS]; /* strangers are alone */
        uint32_t places[MENTIONS];
        uint32_t groups[MENTIONS];
        uint32_t size = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (forms[i].component == component) {
                members[size] = forms[i].known.form;
                places[size++] = i;
            }
        }
        struct kp_partition_decision decided[DECIDED_MAX];
        struct kp_partition_in in = {.model = &world.core.model,
                                     .forms = members,
                                     .count = size,
                                     .decisions = decided,
                                     .decision_count =
                                         list_decided(txn, forms, places, size, decided)};
        assert_true(size == 0 || kp_partition(&in, txn->scratch, groups));
        for (uint32_t i = 0; i < size; i++) {
            for (uint32_t k = 0; k < count; k++) {
                bool same = forms[k].known.person == forms[places[i]].known.person;
                bool expected = false;
                for (uint32_t other = 0; other < size; other++) {
                    expected = expected || (places[other] == k && groups[other] == groups[i]);
                }
                if (same != expected) {
                    fail_msg("forms %llu and %llu are %s person",
                             (unsigned long long)forms[places[i]].known.id,
                             (unsigned long long)forms[k].known.id, same ? "one" : "not one");
                }
            }
        }
    }
    kp_txn_abort(txn);
}

/* --- tests --- */

static void every_order_gives_the_same_persons(void **state)
{
    uint32_t expected[MENTIONS];
    uint64_t seed = 88172645463325252u;
    (void)state;
    write_all(seed);
    for (uint32_t i = 0; i < ORDERS; i++) {
        uint32_t order[MENTIONS];
        uint32_t found[MENTIONS];
        open_world();
        shuffle(order, &seed);
        for (uint32_t k = 0; k < MENTIONS; k++) {
            bring(&all[order[k]]);
        }
        describe(found);
        if (i == 0) {
            memcpy(expected, found, sizeof expected);
            assert_as_at_once();
        }
        assert_same(expected, found);
        world_close(&world);
    }
}

static void what_came_and_went_leaves_no_trace(void **state)
{
    uint64_t seed = 1234567;
    (void)state;
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t expected[MENTIONS];
        uint32_t found[MENTIONS];
        write_all(seed + round);
        open_world();
        for (uint32_t i = 0; i < MENTIONS; i++) {
            if (i % 3 != round % 3) {
                bring(&all[i]);
            }
        }
        describe(expected);
        world_close(&world);
        open_world();
        for (uint32_t step = 0; step < 4 * MENTIONS; step++) {
            struct written *one = &all[next(&seed) % MENTIONS];
            if (one->there) {
                take_back(one);
            } else {
                bring(one);
            }
            if (step % 100 == 99) {
                assert_as_at_once();
            }
        }
        for (uint32_t i = 0; i < MENTIONS; i++) {
            if (all[i].there != (i % 3 != round % 3)) {
                if (all[i].there) {
                    take_back(&all[i]);
                } else {
                    bring(&all[i]);
                }
            }
        }
        describe(found);
        assert_same(expected, found);
        assert_as_at_once();
        world_close(&world);
    }
}

/* Everybody, and who is who then. */
static void bring_all(uint64_t seed, uint32_t ret_first[MENTIONS])
{
    write_all(seed);
    open_world();
    for (uint32_t i = 0; i < MENTIONS; i++) {
        bring(&all[i]);
    }
    describe(ret_first);
}

static void a_decision_that_is_taken_back_leaves_no_trace(void **state)
{
    uint64_t seed = 7654321;
    uint32_t expected[MENTIONS];
    uint32_t found[MENTIONS];
    (void)state;
    bring_all(seed, expected);
    for (uint32_t i = 0; i < 60; i++) {
        const struct told *a = &all[next(&seed) % MENTIONS].told;
        const struct told *b = &all[next(&seed) % MENTIONS].told;
        enum kp_match_decision decision = i % 2 == 0 ? KP_DECISION_MUST : KP_DECISION_CANNOT;
        if (a != b) {
            world_decide(&world, decision, a, b);
            world_decide(&world, KP_DECISION_NONE, b, a);
        }
    }
    describe(found);
    assert_same(expected, found);
    assert_as_at_once();
    world_close(&world);
}

/* Several of one form, against each other and in a ring. In whatever order they are taken back,
 * what stands is what holds; and when none does, everybody is who he was. */
static void decisions_that_overlap_are_taken_back_in_any_order(void **state)
{
    uint64_t seed = 24681357;
    uint32_t expected[MENTIONS];
    uint32_t found[MENTIONS];
    uint32_t order[MENTIONS];
    (void)state;
    bring_all(seed, expected);
    shuffle(order, &seed);
    for (uint32_t i = 0; i < OVERLAPPING; i++) { /* each with the next two of twenty */
        const struct told *one = &all[order[i % 20]].told;
        const struct told *other = &all[order[(i + 1 + i / 20) % 20]].told;
        world_decide(&world, i % 3 == 0 ? KP_DECISION_CANNOT : KP_DECISION_MUST, one, other);
        if (i % 7 == 6) {
            assert_as_at_once();
        }
    }
    describe(found);
    assert_memory_not_equal(expected, found, sizeof found);
    for (uint32_t i = 0; i < OVERLAPPING; i++) {
        uint32_t at = i * 17 % OVERLAPPING; /* all, in another order */
        world_decide(&world, KP_DECISION_NONE, &all[order[(at + 1 + at / 20) % 20]].told,
                     &all[order[at % 20]].told);
        if (i % 7 == 6) {
            assert_as_at_once();
        }
    }
    describe(found);
    assert_same(expected, found);
    assert_as_at_once();
    world_close(&world);
}

/* They make the first tick after an activation end somewhere among the others. */
static void bring_strangers(uint32_t count)
{
    static char names[STRANGERS_MAX][8];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%u", i); /* fits */
        const struct told told = {.partner = "om",
                                  .reference = names[i],
                                  .version = 1,
                                  .kind = 4,
                                  .role = 1,
                                  .date = 20251201,
                                  .name = {names[i]},
                                  .persons = 1};
        (void)world_signal(&world, &told);
    }
}

static void come_and_go(uint64_t *seed, uint32_t steps)
{
    for (uint32_t step = 0; step < steps; step++) {
        struct written *one = &all[next(seed) % MENTIONS];
        if (one->there) {
            take_back(one);
        } else {
            bring(one);
        }
    }
}

static void weigh_all(void)
{
    struct kp_epoch_state epochs = {.until = 1};
    while (epochs.until != 0) {
        struct kp_txn *txn;
        struct kp_diag diag;
        world_tick(&world);
        assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
        assert_true(kp_epoch_state(txn, &epochs));
        kp_txn_abort(txn);
    }
}

/* An epoch that sees them otherwise: names say less, dates more, and more is put together. */
static void make_epochs(void)
{
    static struct kp_match_terms terms;
    struct kp_match_model model;
    kp_match_model_init(&model, 1000);
    terms.totals[KP_FIELD_GIVEN] = terms.totals[KP_FIELD_SURNAME] = 40;
    terms.least = 30;
    world_epoch(&world, 1000, &model, &terms);
    model.joined = model.probable;
    model.weights[KP_LEVEL_BIRTH_EQUAL] += 4 * KP_BIT;
    world_epoch(&world, 1000, &model, &terms);
}

static void whatever_comes_while_an_epoch_comes_into_force_it_is_as_at_once(void **state)
{
    uint64_t seed = 987654321;
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        write_all(seed + round);
        open_world();
        make_epochs();
        bring_strangers(STRANGERS_MAX - round * 16);
        come_and_go(&seed, 150);
        world_activate(&world, 1 + round % 2);
        come_and_go(&seed, 20);
        world_tick(&world);
        come_and_go(&seed, 40);
        if (round % 3 == 0) { /* somebody thinks better of it half way */
            world_activate(&world, 2 - round % 2);
            world_tick(&world);
            come_and_go(&seed, 40);
        }
        weigh_all();
        assert_as_at_once();
        world_activate(&world, 0);
        weigh_all();
        assert_as_at_once();
        world_close(&world);
    }
}

static void assert_one_number_each(void)
{
    uint64_t persons[MENTIONS] = {0};
    for (uint32_t i = 0; i < MENTIONS; i++) {
        if (all[i].there && all[i].person.bsn != NULL) {
            persons[i] = world_person(&world, all[i].told.partner, all[i].reference, 0);
        }
        for (uint32_t k = 0; k < i; k++) {
            assert_false(persons[i] != 0 && persons[i] == persons[k] &&
                         strcmp(all[i].bsn, all[k].bsn) != 0);
        }
    }
}

/* Two who are there, each with a number of his own; the first ones from @from on. */
static void find_two_numbers(uint32_t from, uint32_t ret_two[2])
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < MENTIONS && count < 2; k++) {
        uint32_t i = (from + k) % MENTIONS;
        bool numbered = all[i].there && all[i].person.bsn != NULL;
        if (numbered && (count == 0 || strcmp(all[i].bsn, all[ret_two[0]].bsn) != 0)) {
            ret_two[count++] = i;
        }
    }
    assert_int_equal(count, 2);
}

/* Whatever comes, goes, is parted by a person or weighed by another epoch. */
static void nobody_has_two_numbers_unless_somebody_said_so(void **state)
{
    uint64_t seed = 424242;
    uint32_t two[2];
    (void)state;
    write_all(seed);
    open_world();
    make_epochs();
    for (uint32_t step = 0; step < 240; step++) {
        come_and_go(&seed, 3);
        if (step % 8 == 7) {
            find_two_numbers((uint32_t)(next(&seed) % MENTIONS), two);
            world_decide(&world, step % 16 == 7 ? KP_DECISION_CANNOT : KP_DECISION_NONE,
                         &all[two[0]].told, &all[two[1]].told);
        }
        if (step % 40 == 39) {
            world_activate(&world, step / 40 % 3);
            world_tick(&world);
        }
        assert_one_number_each();
    }
    weigh_all();
    find_two_numbers(0, two);
    const struct told *one = &all[two[0]].told;
    const struct told *other = &all[two[1]].told;
    world_decide(&world, KP_DECISION_MUST, one, other);
    assert_int_equal(world_person(&world, one->partner, one->reference, 0),
                     world_person(&world, other->partner, other->reference, 0));
    world_decide(&world, KP_DECISION_NONE, one, other);
    assert_one_number_each();
    assert_as_at_once();
    world_close(&world);
}

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes_while_an_epoch_comes_into_force_it_is_as_at_once),
        cmocka_unit_test(every_order_gives_the_same_persons),
        cmocka_unit_test(what_came_and_went_leaves_no_trace),
        cmocka_unit_test(a_decision_that_is_taken_back_leaves_no_trace),
        cmocka_unit_test(decisions_that_overlap_are_taken_back_in_any_order),
        cmocka_unit_test(nobody_has_two_numbers_unless_somebody_said_so),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("order", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
