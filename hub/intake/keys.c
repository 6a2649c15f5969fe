/* SPDX-License-Identifier: EUPL-1.2 */
#include "intake/keys.h"

#include "core/match/likeness.h"

#include <string.h>

#define MATERIAL_BYTES_MAX 80u
#define REGION_DIGITS 2u /* of a postcode */
#define POSTCODE_DIGITS 4u
#define PLACE_LETTERS_MAX 4u /* of the sound of a place: how it ends is often another matter */
#define WITNESS_FIELDS 5u

struct maker {
    struct kp_hmac *hmac;
    struct kp_match_keys *keys;
    const struct kp_form *form;
    struct kp_skeleton given, place;
    uint32_t year, day;                 /* 0: not known */
    uint8_t initial;                    /* the same */
    uint32_t witnesses[WITNESS_FIELDS]; /* in the order of enum kp_witness; 0: not known */
};

static struct kp_slice sound(const struct kp_skeleton *skeleton)
{
    return kp_slice_of(skeleton->text, skeleton->size);
}

static bool is_known(const struct kp_match_keys *keys, const uint8_t *tag)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->keys[i].tag, tag, KP_TAG_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * A byte of a field, by multiply-shift hashing (Dietzfelbinger et al., 1997) with a factor of the
 * key's own: bytes of its HMAC of which nothing is kept. Two values of a field come to the same
 * byte under one key in 2 of 256 cases at most, and what they are under two keys says nothing of
 * each other.
 */
static uint8_t witness(uint32_t value, const uint8_t *factor)
{
    uint32_t multiplier = (uint32_t)factor[0] << 24 | (uint32_t)factor[1] << 16 |
                          (uint32_t)factor[2] << 8 | factor[3] | 1u;
    uint32_t byte = (multiplier * value) >> 24;
    return value == 0 ? KP_WITNESS_UNKNOWN : (uint8_t)(1 + byte * 254 / 256);
}

static void add_witnesses(const struct maker *maker, struct kp_match_key *key,
                          const uint8_t *factors)
{
    uint32_t wanted = kp_key_witnesses(key->kind);
    uint32_t count = 0;
    for (uint32_t i = 0; i < WITNESS_FIELDS; i++) {
        if ((wanted >> i & 1u) != 0) {
            key->witnesses[count] = witness(maker->witnesses[i], factors + (size_t)4 * count);
            count++;
        }
    }
    memset(key->witnesses + count, KP_WITNESS_UNASKED, KP_WITNESSES_MAX - count);
}

/* The version of the keys is in the domain. */
static void add(struct maker *maker, enum kp_key_kind kind, const struct kp_writer *material)
{
    char domain[] = "key.3.00";
    uint8_t digest[KP_SHA256_BYTES];
    struct kp_match_keys *keys = maker->keys;
    if (keys->count == KP_KEYS_MAX || !kp_writer_ok(material)) {
        return;
    }
    struct kp_match_key *key = &keys->keys[keys->count];
    key->kind = (uint8_t)kind;
    domain[6] = (char)('0' + kind / 10);
    domain[7] = (char)('0' + kind % 10);
    kp_hmac_digest(maker->hmac, domain, kp_writer_slice(material), KP_SLICE_EMPTY, digest);
    memcpy(key->tag, digest, KP_TAG_BYTES);
    add_witnesses(maker, key, digest + KP_TAG_BYTES);
    keys->count += is_known(keys, key->tag) ? 0 : 1;
}

static void add_of(struct maker *maker, enum kp_key_kind kind, uint32_t number,
                   struct kp_slice text, struct kp_slice more)
{
    uint8_t bytes[MATERIAL_BYTES_MAX];
    struct kp_writer material;
    kp_writer_init(&material, bytes, sizeof bytes);
    kp_put_u32(&material, number);
    kp_put_slice(&material, text);
    kp_put_slice(&material, more);
    add(maker, kind, &material);
}

/* In order: which of them was meant for which does not matter. */
static uint32_t day_and_month(int32_t date)
{
    uint32_t day = (uint32_t)(date % 100);
    uint32_t month = (uint32_t)(date / 100 % 100);
    return day < month ? day * 100 + month : month * 100 + day;
}

static struct kp_slice initial(const struct maker *maker)
{
    return kp_slice_of(&maker->initial, maker->initial != 0 ? 1 : 0);
}

/* The given name, or a surname. */
static void add_name(struct maker *maker, struct kp_slice name)
{
    if (maker->day != 0) {
        add_of(maker, KP_KEY_BIRTH_NAME, maker->year * 10000 + maker->day, name, KP_SLICE_EMPTY);
    }
    if (maker->form->postcode.size > 0) {
        add_of(maker, KP_KEY_NAME_POSTCODE, 0, name, maker->form->postcode);
    }
}

static void add_street(struct maker *maker)
{
    struct kp_skeleton street;
    kp_skeleton_of(maker->form->street, &street);
    if (street.size > 0) {
        add_of(maker, KP_KEY_GIVEN_STREET, 0, sound(&maker->given), sound(&street));
    }
}

/* With the house number and what of the postcode is hardly ever misspelt. */
static void add_number(struct maker *maker, enum kp_key_kind kind, struct kp_slice text)
{
    const struct kp_form *form = maker->form;
    if (text.size > 0 && form->house_number != 0 && form->postcode.size >= REGION_DIGITS) {
        add_of(maker, kind, form->house_number, text,
               kp_slice_of(form->postcode.bytes, REGION_DIGITS));
    }
}

/* In order: which was meant for which does not matter. */
static void add_names(struct maker *maker, struct kp_slice name)
{
    const struct kp_form *form = maker->form;
    struct kp_slice given = sound(&maker->given);
    bool before = kp_slice_compare(given, name) < 0;
    if (given.size > 0 && form->postcode.size >= REGION_DIGITS) {
        uint32_t region = form->postcode.bytes[0] | (uint32_t)form->postcode.bytes[1] << 8;
        add_of(maker, KP_KEY_NAMES_REGION, region, before ? given : name, before ? name : given);
    }
    if (given.size > 0 && name.size > 0 && maker->place.size > 0) {
        add_of(maker, KP_KEY_GIVEN_PLACE, maker->year << 8 | name.bytes[0], given,
               sound(&maker->place));
    }
}

static void add_surname(struct maker *maker, struct kp_slice surname)
{
    struct kp_skeleton skeleton;
    kp_skeleton_of(surname, &skeleton);
    struct kp_slice name = sound(&skeleton);
    add_name(maker, name);
    add_number(maker, KP_KEY_SURNAME_NUMBER, name);
    add_names(maker, name);
    if (maker->year != 0 && maker->initial != 0) {
        add_of(maker, KP_KEY_YEAR_NAMES, maker->year, name, initial(maker));
    }
    if (maker->day != 0 && maker->initial != 0) {
        add_of(maker, KP_KEY_DAY_NAMES, maker->day, name, initial(maker));
    }
    if (maker->place.size > 0) {
        add_of(maker, KP_KEY_PLACE_NAMES, maker->initial, name, sound(&maker->place));
    }
}

static struct kp_slice postcode_digits(const struct kp_form *form)
{
    size_t digits = form->postcode.size < POSTCODE_DIGITS ? form->postcode.size : POSTCODE_DIGITS;
    return kp_slice_of(form->postcode.bytes, digits);
}

static void add_others(struct maker *maker)
{
    const struct kp_form *form = maker->form;
    uint32_t birth_date = (uint32_t)form->birth_date;
    if (form->bsn_class == KP_FORM_BSN_VALID) {
        add_of(maker, KP_KEY_BSN, form->bsn, KP_SLICE_EMPTY, KP_SLICE_EMPTY);
    }
    if (maker->day != 0 && maker->initial != 0) {
        add_of(maker, KP_KEY_BIRTH_INITIAL, birth_date, initial(maker), KP_SLICE_EMPTY);
    }
    if (form->postcode.size > 0 && form->house_number != 0) {
        add_of(maker, KP_KEY_ADDRESS, form->house_number, form->postcode, KP_SLICE_EMPTY);
    }
    if (form->postcode.size > 0 && maker->day != 0) {
        add_of(maker, KP_KEY_BIRTH_POSTCODE, maker->year * 10000 + maker->day,
               postcode_digits(form), KP_SLICE_EMPTY);
    }
    if (maker->place.size > 0 && maker->day != 0) {
        add_of(maker, KP_KEY_BIRTH_PLACE, maker->year * 10000 + maker->day, sound(&maker->place),
               KP_SLICE_EMPTY);
    }
    if (maker->place.size > 0 && form->postcode.size > 0) {
        add_of(maker, KP_KEY_PLACE_POSTCODE, 0, sound(&maker->place), form->postcode);
    }
    add_number(maker, KP_KEY_PLACE_NUMBER, sound(&maker->place));
}

static void take_witnesses(struct maker *maker)
{
    const struct kp_form *form = maker->form;
    uint32_t place = 0;
    uint32_t region = 0;
    for (uint32_t i = 0; i < maker->place.size; i++) {
        place = place << 8 | (uint8_t)maker->place.text[i];
    }
    for (uint32_t i = 0; i < REGION_DIGITS && form->postcode.size >= REGION_DIGITS; i++) {
        region = region << 8 | form->postcode.bytes[i];
    }
    maker->witnesses[0] = maker->year;
    maker->witnesses[1] = maker->day;
    maker->witnesses[2] = place;
    maker->witnesses[3] = region;
    maker->witnesses[4] = form->house_number;
}

static void add_narrowings(struct maker *maker)
{
    const struct kp_form *form = maker->form;
    struct kp_skeleton surname = {.size = 0};
    uint8_t bytes[4];
    struct kp_writer date;
    if (form->surname_count > 0) {
        kp_skeleton_of(form->surnames[0].text, &surname);
    }
    kp_writer_init(&date, bytes, sizeof bytes);
    kp_put_u32(&date, (uint32_t)form->birth_date);
    const struct kp_slice fields[KP_NARROWINGS] = {postcode_digits(form), sound(&maker->given),
                                                   kp_writer_slice(&date), sound(&surname)};
    for (uint32_t i = 0; i < KP_NARROWINGS; i++) {
        char domain[] = "narrow.1";
        domain[7] = (char)('1' + i);
        kp_hmac_tag(maker->hmac, domain, fields[i], KP_SLICE_EMPTY, maker->keys->narrowings[i]);
    }
}

void kp_keys_of(struct kp_hmac *hmac, const struct kp_form *form, struct kp_match_keys *ret_keys)
{
    struct maker maker = {.hmac = hmac, .keys = ret_keys, .form = form};
    ret_keys->count = 0;
    maker.year = (uint32_t)(form->birth_date / 10000);
    maker.day = form->birth_date == 0 || form->placeholder ? 0 : day_and_month(form->birth_date);
    maker.initial = form->initials.size > 0 ? form->initials.bytes[0] : 0;
    kp_skeleton_of(form->birth_place.text, &maker.place);
    maker.place.size =
        (uint8_t)(maker.place.size < PLACE_LETTERS_MAX ? maker.place.size : PLACE_LETTERS_MAX);
    take_witnesses(&maker);
    add_others(&maker);
    if (form->given_count > 0) {
        kp_skeleton_of(form->given[0].text, &maker.given);
        add_name(&maker, sound(&maker.given));
        add_number(&maker, KP_KEY_GIVEN_NUMBER, sound(&maker.given));
        add_street(&maker);
    }
    for (uint32_t i = 0; i < form->surname_count; i++) {
        add_surname(&maker, form->surnames[i].text);
    }
    add_narrowings(&maker);
}
