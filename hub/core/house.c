/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/house.h"

#include <string.h>

/* 1: nobody checks whether a person is known, nobody is told of; 2: a theme had one criterion of
 * its own */
#define HOUSE_VERSION 3

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
    kp_put_u16(writer, theme->criterion);
    kp_put_raw(writer, kp_slice_of(theme->tell, sizeof theme->tell));
}

static void get_theme(struct kp_reader *reader, struct kp_theme *ret_theme)
{
    get_text(reader, ret_theme->id, sizeof ret_theme->id);
    get_text(reader, ret_theme->name, sizeof ret_theme->name);
    ret_theme->number = kp_get_u8(reader);
    ret_theme->criterion = kp_get_u16(reader);
    struct kp_slice tell = kp_get_raw(reader, sizeof ret_theme->tell);
    if (tell.size == sizeof ret_theme->tell) {
        memcpy(ret_theme->tell, tell.bytes, tell.size);
    }
    if (ret_theme->number >= KP_THEMES_MAX) {
        reader->underflow = true;
    }
}

static void put_criterion(struct kp_writer *writer, const struct kp_criterion *criterion)
{
    put_text(writer, criterion->id);
    put_text(writer, criterion->name);
    kp_put_u8(writer, criterion->kind);
    kp_put_u32(writer, criterion->least);
    kp_put_u32(writer, criterion->most);
    kp_put_u32(writer, criterion->kinds);
    kp_put_u32(writer, criterion->roles);
    kp_put_u32(writer, criterion->themes);
    kp_put_u8(writer, criterion->severity_min);
    kp_put_u16(writer, criterion->within.months);
    kp_put_u32(writer, criterion->within.days);
    kp_put_u16(writer, criterion->area_count);
    for (uint32_t i = 0; i < criterion->area_count; i++) {
        kp_put_u32(writer, criterion->areas[i]);
    }
    kp_put_u16(writer, criterion->part_count);
    for (uint32_t i = 0; i < criterion->part_count; i++) {
        kp_put_u16(writer, criterion->parts[i]);
        kp_put_u16(writer, (uint16_t)criterion->points[i]);
    }
}

/* @index: its own; the parts come before it. */
static void get_criterion(struct kp_reader *reader, uint16_t index,
                          struct kp_criterion *ret_criterion)
{
    get_text(reader, ret_criterion->id, sizeof ret_criterion->id);
    get_text(reader, ret_criterion->name, sizeof ret_criterion->name);
    ret_criterion->kind = kp_get_u8(reader);
    ret_criterion->least = kp_get_u32(reader);
    ret_criterion->most = kp_get_u32(reader);
    ret_criterion->kinds = kp_get_u32(reader);
    ret_criterion->roles = kp_get_u32(reader);
    ret_criterion->themes = kp_get_u32(reader);
    ret_criterion->severity_min = kp_get_u8(reader);
    ret_criterion->within.months = kp_get_u16(reader);
    ret_criterion->within.days = kp_get_u32(reader);
    ret_criterion->area_count = kp_get_u16(reader);
    bool good = ret_criterion->kind >= KP_CRITERION_SIGNALS &&
                ret_criterion->kind <= KP_CRITERION_POINTS &&
                ret_criterion->most <= KP_CRITERION_MOST_MAX &&
                ret_criterion->within.months <= KP_PERIOD_MONTHS_MAX &&
                ret_criterion->within.days <= KP_PERIOD_DAYS_MAX &&
                ret_criterion->area_count <= KP_CRITERION_AREAS_MAX;
    for (uint32_t i = 0; good && i < ret_criterion->area_count; i++) {
        ret_criterion->areas[i] = kp_get_u32(reader);
    }
    ret_criterion->part_count = good ? kp_get_u16(reader) : 0;
    good = good && ret_criterion->part_count <= KP_CRITERION_PARTS_MAX &&
           (ret_criterion->part_count > 0) == (ret_criterion->kind >= KP_CRITERION_ALL);
    for (uint32_t i = 0; good && i < ret_criterion->part_count; i++) {
        ret_criterion->parts[i] = kp_get_u16(reader);
        ret_criterion->points[i] = (int16_t)kp_get_u16(reader);
        good = ret_criterion->parts[i] < index;
    }
    reader->underflow = reader->underflow || !good;
}

static void get_criteria(struct kp_reader *reader, struct kp_criteria *ret_criteria)
{
    uint16_t count = kp_get_u16(reader);
    for (uint16_t i = 0; i < count && kp_reader_ok(reader); i++) {
        if (i == KP_CRITERIA_MAX) {
            reader->underflow = true;
            return;
        }
        get_criterion(reader, i, &ret_criteria->items[i]);
        ret_criteria->count = (uint16_t)(i + 1);
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
    kp_put_u16(writer, house->criteria.count);
    for (uint32_t i = 0; i < house->criteria.count; i++) {
        put_criterion(writer, &house->criteria.items[i]);
    }
    kp_put_u16(writer, house->theme_count);
    for (uint32_t i = 0; i < house->theme_count; i++) {
        put_theme(writer, &house->themes[i]);
    }
}

static void get_partners(struct kp_reader *reader, struct kp_house *ret_house)
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
        partner->check_as = kp_get_u32(reader);
        partner->check_for = kp_get_u32(reader);
        partner->checks_max = kp_get_u32(reader);
        partner->told_roles = kp_get_u32(reader);
        get_text(reader, partner->contact, sizeof partner->contact);
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
    if (kp_get_u8(&reader) != HOUSE_VERSION) {
        return KP_E_MALFORMED;
    }
    get_text(&reader, ret_house->id, sizeof ret_house->id);
    get_text(&reader, ret_house->name, sizeof ret_house->name);
    get_text(&reader, ret_house->oin, sizeof ret_house->oin);
    ret_house->test_mode = kp_get_u8(&reader) != 0;
    ret_house->port_first = kp_get_u16(&reader);
    ret_house->port_last = kp_get_u16(&reader);
    ret_house->held_per_partner_max = kp_get_u32(&reader);
    get_partners(&reader, ret_house);
    get_users(&reader, ret_house);
    get_criteria(&reader, &ret_house->criteria);
    uint16_t themes = kp_get_u16(&reader);
    if (themes > KP_THEMES_MAX) {
        return KP_E_MALFORMED;
    }
    for (uint32_t i = 0; i < themes; i++) {
        get_theme(&reader, &ret_house->themes[i]);
        reader.underflow =
            reader.underflow || ret_house->themes[i].criterion >= ret_house->criteria.count;
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
