/* SPDX-License-Identifier: EUPL-1.2 */
/* Under which keys a person is looked for, and who meets whom there. */
#include "intake/keys.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Under one of their keys the two meet. */
static bool meet(struct kp_hmac *hmac, struct kp_reported_person a, struct kp_reported_person b)
{
    static struct made one;
    static struct made other;
    static struct kp_match_keys keys_a;
    static struct kp_match_keys keys_b;
    make(&one, a);
    make(&other, b);
    kp_keys_of(hmac, &one.form, &keys_a);
    kp_keys_of(hmac, &other.form, &keys_b);
    for (uint32_t i = 0; i < keys_a.count; i++) {
        for (uint32_t j = 0; j < keys_b.count; j++) {
            const struct kp_match_key *one_key = &keys_a.keys[i];
            const struct kp_match_key *other_key = &keys_b.keys[j];
            if (memcmp(one_key->tag, other_key->tag, KP_TAG_BYTES) == 0 &&
                kp_witnesses_agree(one_key->witnesses, other_key->witnesses)) {
                return true;
            }
        }
    }
    return false;
}

static void one_defect_leaves_a_key(void **state)
{
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    struct kp_reported_person moved = vera();
    struct kp_reported_person other = {
        .given_names = "Bram", .surname = "Bakker", .birth_date = 19930304};
    (void)state;
    moved.postcode = "1111AA";
    moved.birth_date = 19752412; /* day and month in each other's place */
    assert_true(meet(hmac, vera(), moved));
    moved.birth_date = 0;
    moved.surname = "Verzonnnen";
    assert_true(meet(hmac, vera(), moved));
    assert_false(meet(hmac, vera(), other));
    hmac = kp_hmac_free(hmac);
}

/* Whatever two of name, other name, birth date, address and birth place are wrong; but who has the
 * names and birth place of another, and not one part of his birth date or address, is a namesake.
 */
static void two_defects_leave_a_key(void **state)
{
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    (void)state;
    for (uint32_t defects = 0; defects < 32; defects++) {
        struct kp_reported_person other = vera();
        uint32_t count = 0;
        for (uint32_t rest = defects; rest != 0; rest &= rest - 1) {
            count++;
        }
        other.given_names = (defects & 1) != 0 ? "Bram" : other.given_names;
        other.initials = (defects & 1) != 0 ? "B." : other.initials;
        other.surname = (defects & 2) != 0 ? "Bakker" : other.surname;
        other.birth_date = (defects & 4) != 0 ? 19930304 : other.birth_date;
        other.postcode = (defects & 8) != 0 ? "1111AA" : other.postcode;
        other.house_number = (defects & 8) != 0 ? "12" : other.house_number;
        other.birth_place = (defects & 16) != 0 ? "Elders" : other.birth_place;
        if (count <= 2) {
            assert_int_equal(meet(hmac, vera(), other), defects != (4 | 8));
        }
    }
    struct kp_reported_person misspelt = vera();
    misspelt.postcode = "1111AA";
    misspelt.house_number = "12";
    misspelt.birth_date = 19931224; /* the year is wrong */
    assert_true(meet(hmac, vera(), misspelt));
    misspelt.birth_date = 19750304; /* the day and month are */
    assert_true(meet(hmac, vera(), misspelt));
    struct kp_reported_person turned = vera(); /* names in each other's place, and another date */
    turned.given_names = "Verzonnen";
    turned.surname = "Vera";
    turned.birth_date = 19930304;
    assert_true(meet(hmac, vera(), turned));
    hmac = kp_hmac_free(hmac);
}

/* Three are wrong, and what is left is rare enough together. */
static void some_three_defects_leave_a_key(void **state)
{
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    struct kp_reported_person other = vera();
    (void)state;
    other.birth_date = 19931224; /* names, region, and a witness: day and month of birth */
    other.birth_place = "Elders";
    other.postcode = "9911AA";
    other.house_number = "12";
    assert_true(meet(hmac, vera(), other));
    other.postcode = "1111AA";
    assert_false(meet(hmac, vera(), other));
    other = vera(); /* given name, the first letter of the surname, birth place and year */
    other.surname = "Vergissing";
    other.birth_date = 19750304;
    other.postcode = other.house_number = NULL;
    assert_true(meet(hmac, vera(), other));
    other.birth_date = 19930304;
    assert_false(meet(hmac, vera(), other));
    other = vera(); /* surname, house number and region */
    other.given_names = other.initials = other.birth_place = NULL;
    other.birth_date = 19930304;
    other.postcode = "9911AA";
    assert_true(meet(hmac, vera(), other));
    other.house_number = "12";
    assert_false(meet(hmac, vera(), other));
    other = vera(); /* birth date and the postcode's digits */
    other.given_names = "Bram";
    other.initials = "B.";
    other.surname = "Bakker";
    other.birth_place = "Elders";
    other.postcode = "9999AA";
    other.house_number = "12";
    assert_true(meet(hmac, vera(), other));
    other.postcode = "9988AA";
    assert_false(meet(hmac, vera(), other));
    hmac = kp_hmac_free(hmac);
}

/* A field that is in a key is no witness of it: it is the same for all strangers there. */
static void born_the_same_day_is_not_enough(void **state)
{
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    struct kp_reported_person other = vera();
    (void)state;
    other.given_names = "Bram"; /* born there as well */
    other.initials = "B.";
    other.surname = "Bakker";
    other.postcode = "1111AA";
    other.house_number = "12";
    assert_false(meet(hmac, vera(), other));
    other.house_number = vera().house_number;
    assert_true(meet(hmac, vera(), other));
    other.house_number = "12"; /* called so as well, and born elsewhere */
    other.surname = vera().surname;
    other.birth_place = "Elders";
    assert_false(meet(hmac, vera(), other));
    other.postcode = "9911AA";
    assert_true(meet(hmac, vera(), other));
    hmac = kp_hmac_free(hmac);
}

/* A key that many strangers share. */
static void under_one_key_a_witness_must_agree(void **state)
{
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    struct kp_reported_person one = {.given_names = "Vera",
                                     .surname = "Verzonnen",
                                     .birth_date = 19751224,
                                     .postcode = "9999ZZ",
                                     .house_number = "7",
                                     .birth_place = "Nergenshuizen"};
    struct kp_reported_person stranger = {.given_names = "Vesna",
                                          .surname = "Verzonnen",
                                          .birth_date = 19750304,
                                          .postcode = "1111AA",
                                          .house_number = "12",
                                          .birth_place = "Elders"};
    (void)state;
    assert_false(meet(hmac, one, stranger)); /* surname, initial and year, and nothing else */
    struct kp_reported_person other = stranger;
    other.birth_date = 19752412;
    assert_true(meet(hmac, one, other));
    other = stranger;
    other.house_number = "7";
    assert_true(meet(hmac, one, other));
    other = stranger;
    other.postcode = "9911AA";
    assert_true(meet(hmac, one, other));
    other = stranger;
    other.birth_place = NULL; /* it could be the same */
    assert_true(meet(hmac, one, other));
    assert_true(meet(hmac, other, one));
    hmac = kp_hmac_free(hmac);
}

/* Of two forms that agree in a field, the bytes under one key are equal; under another key they are
 * others, so that they cannot be counted. */
static void a_witness_says_nothing_beside_another_keys(void **state)
{
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    uint32_t seen[256] = {0};
    (void)state;
    for (uint32_t i = 0; i < 2000; i++) { /* all of one year, each under a key of his own */
        static struct made made;
        static struct kp_match_keys keys;
        char name[] = "Xaaaa";
        for (uint32_t n = i, at = 1; at < 5; at++, n /= 8) {
            name[at] = "bdgklmnr"[n % 8];
        }
        make(&made, (struct kp_reported_person){.initials = "V.",
                                                .surname = name,
                                                .birth_place = "Elders",
                                                .birth_date = 19751224});
        kp_keys_of(hmac, &made.form, &keys);
        for (uint32_t k = 0; k < keys.count; k++) {
            if (keys.keys[k].kind == KP_KEY_PLACE_NAMES) {
                seen[keys.keys[k].witnesses[0]]++;
            }
        }
    }
    assert_int_equal(seen[KP_WITNESS_UNKNOWN] + seen[KP_WITNESS_UNASKED], 0);
    for (uint32_t i = 0; i < 256; i++) {
        assert_true(seen[i] <= 40); /* 8 each, if they are spread evenly */
    }
    hmac = kp_hmac_free(hmac);
}

/* Each costs the hub a row. */
static void an_ordinary_form_has_few_keys(void **state)
{
    static struct made made;
    static struct kp_match_keys keys;
    struct kp_secret secret = {{1}};
    struct kp_hmac *hmac = kp_hmac_new(&secret);
    struct kp_reported_person person = vera();
    (void)state;
    person.bsn = "900000004";
    make(&made, person);
    kp_keys_of(hmac, &made.form, &keys);
    assert_int_equal(keys.count, 18);
    person.street = "Lege Weg";
    person.surname = "Bakker-Jansen";
    person.partner_surname = "Smit-Mulder";
    make(&made, person);
    kp_keys_of(hmac, &made.form, &keys);
    assert_int_equal(keys.count, KP_KEYS_MAX); /* all of them, and no more */
    make(&made, (struct kp_reported_person){.initials = "J.", .surname = "Jansen"});
    kp_keys_of(hmac, &made.form, &keys);
    assert_int_equal(keys.count, 0); /* none of these alone */
    hmac = kp_hmac_free(hmac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_defect_leaves_a_key),
        cmocka_unit_test(two_defects_leave_a_key),
        cmocka_unit_test(some_three_defects_leave_a_key),
        cmocka_unit_test(born_the_same_day_is_not_enough),
        cmocka_unit_test(under_one_key_a_witness_must_agree),
        cmocka_unit_test(a_witness_says_nothing_beside_another_keys),
        cmocka_unit_test(an_ordinary_form_has_few_keys),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("match", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
