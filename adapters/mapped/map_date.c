/* SPDX-License-Identifier: EUPL-1.2 */
/* Dates and moments as partners write them. */
#include "mapped/map.h"

/* The parts of a date as text; absent parts are empty. */
struct parts {
    struct kp_slice year, month, day;
};

static bool all_digits(struct kp_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
    }
    return true;
}

static struct kp_slice cut(struct kp_slice text, size_t offset, size_t size)
{
    if (offset >= text.size) {
        return KP_SLICE_EMPTY;
    }
    size_t rest = text.size - offset;
    return kp_slice_of(text.bytes + offset, size < rest ? size : rest);
}

static bool is_dash(struct kp_slice text, size_t offset)
{
    return offset < text.size && text.bytes[offset] == '-';
}

/* Only the form: lengths and dashes. */
static bool split_date(struct kp_slice text, enum kp_date_form form, struct parts *ret_parts)
{
    size_t size = text.size;
    switch (form) {
    case KP_DATE_ISO:
        *ret_parts = (struct parts){cut(text, 0, 4), cut(text, 5, 2), cut(text, 8, 2)};
        return size == 10 && is_dash(text, 4) && is_dash(text, 7);
    case KP_DATE_ISO_SHORT:
        *ret_parts = (struct parts){cut(text, 0, 4), cut(text, 5, 2), cut(text, 8, 2)};
        return size == 4 || (is_dash(text, 4) && (size == 7 || (size == 10 && is_dash(text, 7))));
    case KP_DATE_DUTCH:
        *ret_parts = (struct parts){cut(text, 6, 4), cut(text, 3, 2), cut(text, 0, 2)};
        return size == 10 && is_dash(text, 2) && is_dash(text, 5);
    case KP_DATE_DIGITS:
        *ret_parts = (struct parts){cut(text, 0, 4), cut(text, 4, 2), cut(text, 6, 2)};
        return size == 8;
    }
    return false;
}

static int32_t number_of(struct kp_slice digits)
{
    int32_t number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        number = number * 10 + (digits.bytes[i] - '0');
    }
    return number;
}

/* 0 when it is not a possible date of this form. */
static int32_t read_date(struct kp_slice text, enum kp_date_form form)
{
    struct parts parts;
    if (!split_date(text, form, &parts) || !all_digits(parts.year) || !all_digits(parts.month) ||
        !all_digits(parts.day)) {
        return 0;
    }
    int32_t date =
        number_of(parts.year) * 10000 + number_of(parts.month) * 100 + number_of(parts.day);
    return kp_date_is_possible(date) ? date : 0;
}

static const char *form_text(enum kp_date_form form)
{
    static const char *const texts[] = {
        [KP_DATE_ISO] = "jjjj-mm-dd",
        [KP_DATE_ISO_SHORT] = "jjjj-mm-dd",
        [KP_DATE_DUTCH] = "dd-mm-jjjj",
        [KP_DATE_DIGITS] = "jjjjmmdd",
    };
    return texts[form];
}

Knooppunt__V1__Date *kp_map_date(struct kp_map *map, const struct kp_field *field,
                                 enum kp_date_form form)
{
    struct kp_slice text = kp_map_trim(field->text);
    if (text.size == 0) {
        return NULL;
    }
    int32_t value = read_date(text, form);
    if (value == 0) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_DATE, field,
                    "not a date that exists, written %s (it looks like \"%s\")", form_text(form),
                    kp_map_shape(text, shape));
        return NULL;
    }
    Knooppunt__V1__Date *date = kp_arena_alloc(map->arena, sizeof *date);
    if (date == NULL) {
        return NULL; /* kp_map_emit finds the arena full */
    }
    knooppunt__v1__date__init(date);
    date->has_year = 1;
    date->year = (uint32_t)(value / 10000);
    date->has_month = value / 100 % 100 != 0;
    date->month = (uint32_t)(value / 100 % 100);
    date->has_day = value % 100 != 0;
    date->day = (uint32_t)(value % 100);
    return date;
}

/* The last Sunday of a month of 31 days. */
static int32_t last_sunday(int32_t year, int32_t month)
{
    int32_t days = kp_date_to_days(year * 10000 + month * 100 + 31);
    return days - (days + 4) % 7; /* 1970-01-01 was a Thursday */
}

/* Minutes that Dutch local time is ahead of UTC. By the European rule since 1996, also before it.
 */
static int32_t offset_of_utc(int64_t ms)
{
    int32_t year = kp_date_of_wall((struct kp_wall){ms}) / 10000;
    int64_t starts = (int64_t)last_sunday(year, 3) * KP_DAY_MS + 3600000;
    int64_t ends = (int64_t)last_sunday(year, 10) * KP_DAY_MS + 3600000;
    return ms >= starts && ms < ends ? 120 : 60;
}

struct kp_local_time kp_local_of_wall(struct kp_wall wall)
{
    int64_t ms = wall.ms + (int64_t)offset_of_utc(wall.ms) * 60000;
    int32_t date = kp_date_of_wall((struct kp_wall){ms});
    int64_t rest = ms - (int64_t)kp_date_to_days(date) * KP_DAY_MS;
    return (struct kp_local_time){
        .date = date,
        .hour = (uint32_t)(rest / 3600000),
        .minute = (uint32_t)(rest / 60000 % 60),
        .second = (uint32_t)(rest / 1000 % 60),
        .ms = (uint32_t)(rest % 1000),
    };
}

/* What follows the date: hours, minutes, seconds, parts of a second, offset. */
struct clock {
    int32_t hour, minute, second, ms;
    bool has_offset;
    int32_t offset_minutes;
};

/* Two digits at *offset; moves on. */
static bool two_digits(struct kp_slice text, size_t *offset, int32_t *ret_number)
{
    struct kp_slice digits = cut(text, *offset, 2);
    if (digits.size != 2 || !all_digits(digits)) {
        return false;
    }
    *offset += 2;
    *ret_number = number_of(digits);
    return true;
}

static bool take_byte(struct kp_slice text, size_t *offset, uint8_t byte)
{
    if (*offset >= text.size || text.bytes[*offset] != byte) {
        return false;
    }
    *offset += 1;
    return true;
}

/* Digits of a fraction, of which the first three count. */
static bool take_fraction(struct kp_slice text, size_t *offset, int32_t *ret_ms)
{
    size_t start = *offset;
    int32_t scale = 100;
    while (*offset < text.size && text.bytes[*offset] >= '0' && text.bytes[*offset] <= '9' &&
           *offset - start < 9) {
        *ret_ms += (text.bytes[*offset] - '0') * scale;
        scale /= 10;
        *offset += 1;
    }
    return *offset > start;
}

static bool take_offset(struct kp_slice text, size_t *offset, struct clock *clock)
{
    if (take_byte(text, offset, 'Z')) {
        clock->has_offset = true;
        return true;
    }
    int32_t sign = take_byte(text, offset, '+') ? 1 : take_byte(text, offset, '-') ? -1 : 0;
    if (sign == 0) {
        return true;
    }
    int32_t hours = 0;
    int32_t minutes = 0;
    if (!two_digits(text, offset, &hours)) {
        return false;
    }
    (void)take_byte(text, offset, ':'); /* +01:00 and +0100 are both written */
    if (!two_digits(text, offset, &minutes) || hours > 14 || minutes > 59) {
        return false;
    }
    clock->has_offset = true;
    clock->offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* "13:45", "13:45:10", "13:45:10.123", each with or without offset. */
static bool read_clock(struct kp_slice text, struct clock *clock)
{
    size_t offset = 0;
    if (!two_digits(text, &offset, &clock->hour) || !take_byte(text, &offset, ':') ||
        !two_digits(text, &offset, &clock->minute)) {
        return false;
    }
    if (take_byte(text, &offset, ':')) {
        if (!two_digits(text, &offset, &clock->second)) {
            return false;
        }
        if (take_byte(text, &offset, '.') && !take_fraction(text, &offset, &clock->ms)) {
            return false;
        }
    }
    return take_offset(text, &offset, clock) && offset == text.size;
}

/* "134510123" and every start of it of whole parts. */
static bool read_clock_digits(struct kp_slice text, struct clock *clock)
{
    size_t offset = 0;
    int32_t *const parts[] = {&clock->hour, &clock->minute, &clock->second};
    for (size_t i = 0; i < 3 && offset < text.size; i++) {
        if (!two_digits(text, &offset, parts[i])) {
            return false;
        }
    }
    return offset == text.size || (take_fraction(text, &offset, &clock->ms) && offset == text.size);
}

static bool split_moment(struct kp_slice text, enum kp_date_form form, int32_t *ret_date,
                         struct clock *clock)
{
    size_t date_size = form == KP_DATE_DIGITS ? 8 : 10;
    *ret_date = read_date(cut(text, 0, date_size), form);
    if (!kp_date_is_full(*ret_date)) {
        return false;
    }
    if (text.size == date_size) {
        return true;
    }
    if (form == KP_DATE_DIGITS) {
        return read_clock_digits(cut(text, 8, text.size), clock);
    }
    return text.bytes[10] == 'T' && read_clock(cut(text, 11, text.size), clock);
}

bool kp_map_moment(struct kp_map *map, const struct kp_field *field, enum kp_date_form form,
                   int64_t *ret_ms)
{
    struct kp_slice text = kp_map_trim(field->text);
    if (text.size == 0) {
        return false;
    }
    int32_t date = 0;
    struct clock clock = {0};
    if (!split_moment(text, form, &date, &clock) || clock.hour > 23 || clock.minute > 59 ||
        clock.second > 59) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_DATE, field,
                    "not a date and time that exist, written %s (it looks like \"%s\")",
                    form_text(form), kp_map_shape(text, shape));
        return false;
    }
    int64_t ms = (int64_t)kp_date_to_days(date) * KP_DAY_MS + clock.hour * INT64_C(3600000) +
                 clock.minute * 60000 + clock.second * 1000 + clock.ms;
    /* The hour that comes twice in October is taken as the first one, in summer time. */
    int32_t ahead = clock.has_offset ? clock.offset_minutes : offset_of_utc(ms - 7200000);
    *ret_ms = ms - (int64_t)ahead * 60000;
    return true;
}

void kp_map_incident_date(struct kp_map *map, const struct kp_field *field, enum kp_date_form form)
{
    if (!kp_field_given(field)) {
        kp_map_fail(map, KP_E_DATE, field, "the date of the incident is absent");
        return;
    }
    map->signal.incident_date = kp_map_date(map, field, form);
}

void kp_map_registered(struct kp_map *map, const struct kp_field *field, enum kp_date_form form)
{
    int64_t ms = 0;
    if (kp_map_moment(map, field, form, &ms)) {
        map->signal.has_registered_at_ms = 1;
        map->signal.registered_at_ms = ms;
    }
}
