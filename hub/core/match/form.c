/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/form.h"

#include "base/assert.h"

#define PLACEHOLDER_BIT 64
#define STREET_VERSION 2

static void put_short(struct kp_writer *writer, struct kp_slice text)
{
    KP_ASSERT(text.size <= KP_FORM_NAME_BYTES_MAX);
    kp_put_u8(writer, (uint8_t)text.size);
    kp_put_raw(writer, text);
}

static struct kp_slice get_short(struct kp_reader *reader, size_t size_max)
{
    size_t size = kp_get_u8(reader);
    if (size > size_max) {
        reader->underflow = true;
        return KP_SLICE_EMPTY;
    }
    return kp_get_raw(reader, size);
}

static void put_name(struct kp_writer *writer, const struct kp_form_name *name)
{
    put_short(writer, name->text);
    kp_put_u8(writer, name->use);
    kp_put_u8(writer, name->rarity);
}

static void get_name(struct kp_reader *reader, struct kp_form_name *ret_name)
{
    ret_name->text = get_short(reader, KP_FORM_NAME_BYTES_MAX);
    ret_name->use = kp_get_u8(reader);
    ret_name->rarity = kp_get_u8(reader);
}

static uint8_t get_count(struct kp_reader *reader, uint8_t count_max)
{
    uint8_t count = kp_get_u8(reader);
    if (count > count_max) {
        reader->underflow = true;
        return 0;
    }
    return count;
}

void kp_form_put(struct kp_writer *writer, const struct kp_form *form)
{
    kp_put_u8(writer, KP_FORM_VERSION);
    kp_put_u8(writer, (uint8_t)(form->bsn_class | form->gender << 4 |
                                (form->placeholder ? PLACEHOLDER_BIT : 0)));
    kp_put_u32(writer, form->bsn);
    kp_put_u32(writer, (uint32_t)form->birth_date);
    kp_put_u32(writer, form->house_number);
    put_short(writer, form->postcode);
    put_short(writer, form->initials);
    put_name(writer, &form->birth_place);
    kp_put_u8(writer, form->given_count);
    for (uint32_t i = 0; i < form->given_count; i++) {
        put_name(writer, &form->given[i]);
    }
    kp_put_u8(writer, form->surname_count);
    for (uint32_t i = 0; i < form->surname_count; i++) {
        put_name(writer, &form->surnames[i]);
    }
    put_short(writer, form->street);
}

void kp_form_get(struct kp_reader *reader, struct kp_form *ret_form)
{
    *ret_form = (struct kp_form){0};
    uint8_t version = kp_get_u8(reader);
    if (version == 0 || version > KP_FORM_VERSION) {
        reader->underflow = true;
        return;
    }
    uint8_t classes = kp_get_u8(reader);
    ret_form->bsn_class = classes & 15;
    ret_form->gender = classes >> 4 & 3;
    ret_form->placeholder = (classes & PLACEHOLDER_BIT) != 0;
    ret_form->bsn = kp_get_u32(reader);
    ret_form->birth_date = (int32_t)kp_get_u32(reader);
    ret_form->house_number = kp_get_u32(reader);
    ret_form->postcode = get_short(reader, KP_FORM_POSTCODE_BYTES_MAX);
    ret_form->initials = get_short(reader, KP_FORM_INITIALS_MAX);
    get_name(reader, &ret_form->birth_place);
    ret_form->given_count = get_count(reader, KP_FORM_GIVEN_MAX);
    for (uint32_t i = 0; i < ret_form->given_count; i++) {
        get_name(reader, &ret_form->given[i]);
    }
    ret_form->surname_count = get_count(reader, KP_FORM_SURNAMES_MAX);
    for (uint32_t i = 0; i < ret_form->surname_count; i++) {
        get_name(reader, &ret_form->surnames[i]);
    }
    if (version >= STREET_VERSION) {
        ret_form->street = get_short(reader, KP_FORM_NAME_BYTES_MAX);
    }
}
