/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/house.h"

#include <string.h>

#define HOUSE_VERSION 2 /* 1: nobody checks whether a person is known, nobody is told of */

static void put_text(struct kp_writer *writer, const char *text)
{
    kp_put_slice(writer, kp_slice_str(text));
}

static void get_text(struct kp_reader *reader, char *ret_text, size_t capacity)
{
    struct kp_slice text = kp_get_slice(reader);
    if (text.size >= capacity) {
        reader->underflow = true;
        return;
    }
    if (text.size > 0) {
        memcpy(ret_text, text.bytes, text.size);
    }
    ret_text[text.size] = '\0';
}

static void put_theme(struct kp_writer *writer, const struct kp_theme *theme)
{
    put_text(writer, theme->id);
    put_text(writer, theme->name);
    kp_put_u8(writer, theme->number);
    kp_put_u32(writer, theme->partners_min);
    kp_put_u32(writer, theme->period_days);
    kp_put_u32(writer, theme->kinds);
    kp_put_u32(writer, theme->roles);
    kp_put_u8(writer, theme->hints ? 1 : 0);
    kp_put_raw(writer, kp_slice_of(theme->tell, sizeof theme->tell));
}

static void get_theme(struct kp_reader *reader, struct kp_theme *ret_theme)
{
    get_text(reader, ret_theme->id, sizeof ret_theme->id);
    get_text(reader, ret_theme->name, sizeof ret_theme->name);
    ret_theme->number = kp_get_u8(reader);
    ret_theme->partners_min = kp_get_u32(reader);
    ret_theme->period_days = kp_get_u32(reader);
    ret_theme->kinds = kp_get_u32(reader);
    ret_theme->roles = kp_get_u32(reader);
    ret_theme->hints = kp_get_u8(reader) != 0;
    struct kp_slice tell = kp_get_raw(reader, sizeof ret_theme->tell);
    if (tell.size == sizeof ret_theme->tell) {
        memcpy(ret_theme->tell, tell.bytes, tell.size);
    }
    if (ret_theme->number >= KP_THEMES_MAX) {
        reader->underflow = true;
    }
}

void kp_house_put(struct kp_writer *writer, const struct kp_house *house)
{
    kp_put_u8(writer, HOUSE_VERSION);
    put_text(writer, house->id);
    put_text(writer, house->name);
    put_text(writer, house->oin);
    kp_put_u8(writer, house->test_mode ? 1 : 0);
    kp_put_u16(writer, house->port_first);
    kp_put_u16(writer, house->port_last);
    kp_put_u32(writer, house->held_per_partner_max);
    kp_put_u16(writer, house->partner_count);
    for (uint32_t i = 0; i < house->partner_count; i++) {
        const struct kp_partner *partner = &house->partners[i];
        put_text(writer, partner->id);
        put_text(writer, partner->name);
        put_text(writer, partner->oin);
        kp_put_u8(writer, partner->known_elsewhere ? 1 : 0);
        kp_put_u16(writer, partner->number);
        kp_put_u32(writer, partner->check_as);
        kp_put_u32(writer, partner->check_for);
        kp_put_u32(writer, partner->checks_max);
        kp_put_u32(writer, partner->told_roles);
        put_text(writer, partner->contact);
    }
    kp_put_u16(writer, house->user_count);
    for (uint32_t i = 0; i < house->user_count; i++) {
        const struct kp_user *user = &house->users[i];
        put_text(writer, user->id);
        put_text(writer, user->name);
        kp_put_u8(writer, (uint8_t)user->role);
        kp_put_u16(writer, user->partner);
        kp_put_u16(writer, user->number);
    }
    kp_put_u16(writer, house->theme_count);
    for (uint32_t i = 0; i < house->theme_count; i++) {
        put_theme(writer, &house->themes[i]);
    }
}

static void get_partners(struct kp_reader *reader, uint8_t version, struct kp_house *ret_house)
{
    uint16_t count = kp_get_u16(reader);
    for (uint32_t i = 0; i < count && kp_reader_ok(reader); i++) {
        if (i == KP_PARTNERS_MAX) {
            reader->underflow = true;
            return;
        }
        struct kp_partner *partner = &ret_house->partners[i];
        get_text(reader, partner->id, sizeof partner->id);
        get_text(reader, partner->name, sizeof partner->name);
        get_text(reader, partner->oin, sizeof partner->oin);
        partner->known_elsewhere = kp_get_u8(reader) != 0;
        partner->number = kp_get_u16(reader);
        if (version >= 2) {
            partner->check_as = kp_get_u32(reader);
            partner->check_for = kp_get_u32(reader);
            partner->checks_max = kp_get_u32(reader);
            partner->told_roles = kp_get_u32(reader);
            get_text(reader, partner->contact, sizeof partner->contact);
        }
        ret_house->partner_count = (uint16_t)(i + 1);
    }
}

static void get_users(struct kp_reader *reader, struct kp_house *ret_house)
{
    uint16_t count = kp_get_u16(reader);
    for (uint32_t i = 0; i < count && kp_reader_ok(reader); i++) {
        if (i == KP_USERS_MAX) {
            reader->underflow = true;
            return;
        }
        struct kp_user *user = &ret_house->users[i];
        get_text(reader, user->id, sizeof user->id);
        get_text(reader, user->name, sizeof user->name);
        user->role = (enum kp_role)kp_get_u8(reader);
        user->partner = kp_get_u16(reader);
        user->number = kp_get_u16(reader);
        ret_house->user_count = (uint16_t)(i + 1);
    }
}

enum kp_err kp_house_get(struct kp_slice bytes, struct kp_house *ret_house)
{
    struct kp_reader reader;
    kp_reader_init(&reader, bytes);
    memset(ret_house, 0, sizeof *ret_house);
    uint8_t version = kp_get_u8(&reader);
    if (version < 1 || version > HOUSE_VERSION) {
        return KP_E_MALFORMED;
    }
    get_text(&reader, ret_house->id, sizeof ret_house->id);
    get_text(&reader, ret_house->name, sizeof ret_house->name);
    get_text(&reader, ret_house->oin, sizeof ret_house->oin);
    ret_house->test_mode = kp_get_u8(&reader) != 0;
    ret_house->port_first = kp_get_u16(&reader);
    ret_house->port_last = kp_get_u16(&reader);
    ret_house->held_per_partner_max = kp_get_u32(&reader);
    get_partners(&reader, version, ret_house);
    get_users(&reader, ret_house);
    uint16_t themes = kp_get_u16(&reader);
    if (themes > KP_THEMES_MAX) {
        return KP_E_MALFORMED;
    }
    for (uint32_t i = 0; i < themes; i++) {
        get_theme(&reader, &ret_house->themes[i]);
    }
    ret_house->theme_count = themes;
    return kp_reader_done(&reader) ? KP_OK : KP_E_MALFORMED;
}

uint16_t kp_house_partner(const struct kp_house *house, struct kp_slice id)
{
    for (uint16_t i = 0; i < house->partner_count; i++) {
        if (kp_slice_equal(kp_slice_str(house->partners[i].id), id)) {
            return i;
        }
    }
    return KP_PARTNER_NONE;
}

int kp_house_user(const struct kp_house *house, struct kp_slice id)
{
    for (uint16_t i = 0; i < house->user_count; i++) {
        if (kp_slice_equal(kp_slice_str(house->users[i].id), id)) {
            return i;
        }
    }
    return -1;
}

int kp_house_theme(const struct kp_house *house, struct kp_slice id)
{
    for (uint16_t i = 0; i < house->theme_count; i++) {
        if (kp_slice_equal(kp_slice_str(house->themes[i].id), id)) {
            return i;
        }
    }
    return -1;
}
