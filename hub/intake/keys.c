/* SPDX-License-Identifier: EUPL-1.2 */
#include "intake/keys.h"

#include "core/match/likeness.h"

#include <string.h>

#define MATERIAL_BYTES_MAX 80u
#define AREA_DIGITS 4u /* of a postcode */

struct maker {
    struct kp_hmac *hmac;
    struct kp_match_keys *keys;
    struct kp_skeleton given;
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

/* The version of the keys is in the domain. */
static void add(struct maker *maker, enum kp_key_kind kind, const struct kp_writer *material)
{
    char domain[] = "key.1.00";
    struct kp_match_keys *keys = maker->keys;
    if (keys->count == KP_KEYS_MAX || !kp_writer_ok(material)) {
        return;
    }
    struct kp_match_key *key = &keys->keys[keys->count];
    key->kind = (uint8_t)kind;
    domain[6] = (char)('0' + kind / 10);
    domain[7] = (char)('0' + kind % 10);
    kp_hmac_tag(maker->hmac, domain, kp_writer_slice(material), KP_SLICE_EMPTY, key->tag);
    keys->count += is_known(keys, key->tag) ? 0 : 1;
}

static void add_of(struct maker *maker, enum kp_key_kind kind, uint32_t number,
                   struct kp_slice text, uint8_t initial)
{
    uint8_t bytes[MATERIAL_BYTES_MAX];
    struct kp_writer material;
    kp_writer_init(&material, bytes, sizeof bytes);
    kp_put_u32(&material, number);
    kp_put_slice(&material, text);
    kp_put_u8(&material, initial);
    add(maker, kind, &material);
}

static uint32_t day_and_month(int32_t date)
{
    uint32_t day = (uint32_t)(date % 100);
    uint32_t month = (uint32_t)(date / 100 % 100);
    return day < month ? day * 100 + month : month * 100 + day;
}

static void add_surname(struct maker *maker, const struct kp_form *form, struct kp_slice surname)
{
    struct kp_skeleton skeleton;
    kp_skeleton_of(surname, &skeleton);
    struct kp_slice text = sound(&skeleton);
    uint32_t year = (uint32_t)(form->birth_date / 10000);
    uint32_t day = day_and_month(form->birth_date);
    bool has_day = form->birth_date != 0 && !form->placeholder;
    uint8_t initial = form->initials.size > 0 ? form->initials.bytes[0] : 0;
    if (has_day) {
        add_of(maker, KP_KEY_BIRTH_SURNAME, year * 10000 + day, text, 0);
    }
    if (initial != 0 && year != 0) {
        add_of(maker, KP_KEY_YEAR_NAMES, year, text, initial);
    }
    if (initial != 0 && has_day) {
        add_of(maker, KP_KEY_DAY_NAMES, day, text, initial);
    }
}

/* Both names by sound, whichever was given as which. */
static void put_names(struct kp_writer *material, struct kp_slice first, struct kp_slice second)
{
    bool in_order = kp_slice_compare(first, second) <= 0;
    kp_put_slice(material, in_order ? first : second);
    kp_put_slice(material, in_order ? second : first);
}

static void add_both_names(struct maker *maker, const struct kp_form *form, bool has_day,
                           struct kp_slice surname)
{
    struct kp_skeleton skeleton;
    struct kp_skeleton place;
    uint8_t bytes[MATERIAL_BYTES_MAX];
    struct kp_writer material;
    kp_skeleton_of(surname, &skeleton);
    if (has_day) {
        kp_writer_init(&material, bytes, sizeof bytes);
        kp_put_u32(&material, (uint32_t)form->birth_date);
        put_names(&material, sound(&maker->given), sound(&skeleton));
        add(maker, KP_KEY_BIRTH_SWAPPED, &material);
    }
    if (form->postcode.size >= AREA_DIGITS) {
        kp_writer_init(&material, bytes, sizeof bytes);
        put_names(&material, sound(&maker->given), sound(&skeleton));
        kp_put_slice(&material, kp_slice_of(form->postcode.bytes, AREA_DIGITS));
        add(maker, KP_KEY_NAMES_AREA, &material);
    }
    if (form->birth_place.text.size > 0) {
        kp_skeleton_of(form->birth_place.text, &place);
        kp_writer_init(&material, bytes, sizeof bytes);
        put_names(&material, sound(&maker->given), sound(&skeleton));
        kp_put_slice(&material, sound(&place));
        add(maker, KP_KEY_NAMES_PLACE, &material);
    }
}

void kp_keys_of(struct kp_hmac *hmac, const struct kp_form *form, struct kp_match_keys *ret_keys)
{
    struct maker maker = {.hmac = hmac, .keys = ret_keys};
    bool has_day = form->birth_date != 0 && !form->placeholder;
    ret_keys->count = 0;
    if (form->given_count > 0) {
        kp_skeleton_of(form->given[0].text, &maker.given);
    }
    if (form->bsn_class == KP_FORM_BSN_VALID) {
        add_of(&maker, KP_KEY_BSN, form->bsn, KP_SLICE_EMPTY, 0);
    }
    struct kp_slice initial = kp_slice_of(form->initials.bytes, form->initials.size > 0 ? 1 : 0);
    if (has_day && initial.size > 0) {
        add_of(&maker, KP_KEY_BIRTH_INITIAL, (uint32_t)form->birth_date, initial, 0);
    }
    if (form->postcode.size > 0 && form->house_number != 0) {
        add_of(&maker, KP_KEY_ADDRESS, form->house_number, form->postcode, 0);
    }
    if (has_day && form->birth_place.text.size > 0) {
        struct kp_skeleton place;
        kp_skeleton_of(form->birth_place.text, &place);
        add_of(&maker, KP_KEY_BIRTH_PLACE, (uint32_t)form->birth_date, sound(&place), 0);
    }
    for (uint32_t i = 0; i < form->surname_count; i++) {
        add_surname(&maker, form, form->surnames[i].text);
        if (form->given_count > 0) {
            add_both_names(&maker, form, has_day, form->surnames[i].text);
        }
    }
    size_t digits = form->postcode.size < 4 ? form->postcode.size : 4;
    kp_hmac_tag(hmac, "narrow.1", kp_slice_of(form->postcode.bytes, digits), KP_SLICE_EMPTY,
                ret_keys->narrowings[0]);
    kp_hmac_tag(hmac, "narrow.2", sound(&maker.given), KP_SLICE_EMPTY, ret_keys->narrowings[1]);
}
