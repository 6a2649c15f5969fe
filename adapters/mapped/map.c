/* SPDX-License-Identifier: EUPL-1.2 */
#include "mapped/map.h"

#include "base/assert.h"
#include "base/bsn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

void kp_map_begin(struct kp_map *map, const struct kp_translate_job *job, uint32_t number,
                  uint32_t line, Knooppunt__V1__SourceClass source_class, const char *source_system)
{
    *map = (struct kp_map){.arena = job->arena, .test_mode = job->test_mode};
    map->record.number = number;
    map->record.line = line;
    knooppunt__v1__signal__init(&map->signal);
    map->signal.has_action = 1;
    map->signal.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    map->signal.has_source_class = 1;
    map->signal.source_class = source_class;
    /* protobuf-c has no const in its strings; nobody writes through this one. */
    union {
        const char *in;
        char *out;
    } system = {.in = source_system};
    map->signal.source_system = system.out;
    map->signal.persons = map->persons;
    map->signal.themes = map->themes;
    map->signal.leefgebieden = map->leefgebieden;
    map->signal.answers = map->answers;
}

void kp_map_fail(struct kp_map *map, enum kp_err err, const struct kp_field *field,
                 const char *format, ...)
{
    struct kp_diag *diag = &map->record.diag;
    if (diag->err != KP_OK) {
        return;
    }
    char text[sizeof diag->text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* cut is fine: for a person */
    va_end(args);
    (void)kp_fail_field(diag, err, field == NULL ? "" : field->name, "%s", text);
    diag->line = field == NULL || field->line == 0 ? map->record.line : field->line;
}

bool kp_map_ok(const struct kp_map *map)
{
    return map->record.diag.err == KP_OK;
}

const char *kp_map_shape(struct kp_slice text, char ret_shape[KP_SHAPE_SIZE])
{
    size_t out = 0;
    bool cut = false;
    for (size_t i = 0; i < text.size && !cut; i++) {
        uint8_t byte = text.bytes[i];
        if ((byte & 0xC0u) == 0x80u) {
            continue; /* the rest of a letter that was shown already */
        }
        cut = out == 24;
        if (cut) {
            break;
        }
        bool letter = byte >= 0x80u || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        bool digit = byte >= '0' && byte <= '9';
        ret_shape[out++] = letter                       ? 'a'
                           : digit                      ? '9'
                           : byte < ' ' || byte == 0x7F ? '?'
                                                        : (char)byte;
    }
    (void)snprintf(ret_shape + out, KP_SHAPE_SIZE - out, "%s", cut ? ".." : "");
    return ret_shape;
}

/* Bytes of the white space that @text starts with; 0: none. */
static size_t space_at(struct kp_slice text, size_t offset)
{
    uint8_t byte = text.bytes[offset];
    if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
        return 1;
    }
    bool no_break = byte == 0xC2 && offset + 1 < text.size && text.bytes[offset + 1] == 0xA0;
    return no_break ? 2 : 0;
}

struct kp_slice kp_map_trim(struct kp_slice text)
{
    size_t start = 0;
    while (start < text.size && space_at(text, start) > 0) {
        start += space_at(text, start);
    }
    size_t end = text.size;
    while (end > start) {
        size_t step = space_at(text, end - 1) == 1                       ? 1
                      : end - start >= 2 && space_at(text, end - 2) == 2 ? 2
                                                                         : 0;
        if (step == 0) {
            break;
        }
        end -= step;
    }
    return end == start ? KP_SLICE_EMPTY : kp_slice_of(text.bytes + start, end - start);
}

bool kp_field_given(const struct kp_field *field)
{
    return kp_map_trim(field->text).size > 0;
}

/* Strict UTF-8 without control characters other than tab and the ends of lines. */
static bool check_characters(struct kp_map *map, const struct kp_field *field, struct kp_slice text)
{
    for (size_t at = 0; at < text.size;) {
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t size =
            utf8proc_iterate(text.bytes + at, (utf8proc_ssize_t)(text.size - at), &point);
        if (size <= 0) {
            kp_map_fail(map, KP_E_FIELD, field, "this text is not valid UTF-8");
            return false;
        }
        at += (size_t)size;
        bool line_end =
            point == '\n' || (point == '\r' && at < text.size && text.bytes[at] == '\n');
        bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
        if (control && !line_end && point != '\t') {
            kp_map_fail(map, KP_E_FIELD, field, "a control character (%02x) stands in this field",
                        (unsigned)point);
            return false;
        }
    }
    return true;
}

static char *copy_string(struct kp_map *map, struct kp_slice text)
{
    if (text.size == 0) {
        return NULL;
    }
    char *copy = kp_arena_alloc(map->arena, text.size + 1);
    if (copy == NULL) {
        kp_map_fail(map, KP_E_LENGTH, NULL, "the record is larger than can be taken");
        return NULL;
    }
    memcpy(copy, text.bytes, text.size);
    return copy;
}

static char *text_up_to(struct kp_map *map, const struct kp_field *field, size_t bytes_max)
{
    struct kp_slice given = kp_map_trim(field->text);
    if (given.size > bytes_max) {
        kp_map_fail(map, KP_E_LENGTH, field, "%zu bytes; at most %zu are taken", given.size,
                    bytes_max);
        return NULL;
    }
    char *text = check_characters(map, field, given) ? copy_string(map, given) : NULL;
    size_t out = 0;
    for (size_t i = 0; text != NULL && i <= given.size; i++) { /* up to and with the NUL */
        if (text[i] != '\r') {
            text[out++] = text[i];
        }
    }
    return text;
}

char *kp_map_text(struct kp_map *map, const struct kp_field *field)
{
    return text_up_to(map, field, KP_TEXT_BYTES_MAX);
}

char *kp_map_name(struct kp_map *map, const struct kp_field *field)
{
    return text_up_to(map, field, KP_NAME_BYTES_MAX);
}

static bool only_digits(struct kp_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
    }
    return true;
}

char *kp_map_bsn(struct kp_map *map, const struct kp_field *field)
{
    struct kp_slice text = kp_map_trim(field->text);
    if (text.size == 0) {
        return NULL;
    }
    if (text.size != 9 || !only_digits(text)) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_BSN, field, "a BSN is 9 digits; this one looks like \"%s\"",
                    kp_map_shape(text, shape));
        return NULL;
    }
    char digits[10];
    if (!map->test_mode && kp_bsn_classify(text, digits) == KP_BSN_TEST) {
        kp_map_fail(map, KP_E_TEST_BSN, field, "a test number in a house that is not in test mode");
        return NULL;
    }
    return copy_string(map, text);
}

char *kp_map_postcode(struct kp_map *map, const struct kp_field *field)
{
    struct kp_slice text = kp_map_trim(field->text);
    char code[7] = {0};
    size_t count = 0;
    bool good = true;
    for (size_t i = 0; i < text.size && good; i++) {
        uint8_t byte = text.bytes[i];
        if (byte == ' ' && count == 4) {
            continue;
        }
        bool digit = byte >= '0' && byte <= '9';
        bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        good = count < 6 && (count < 4 ? digit && (count > 0 || byte != '0') : letter);
        if (good) {
            code[count++] = (char)(letter && byte >= 'a' ? byte - 'a' + 'A' : byte);
        }
    }
    if (text.size == 0) {
        return NULL;
    }
    if (!good || count != 6) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_FIELD, field, "a postcode is 1234 AB; this one looks like \"%s\"",
                    kp_map_shape(text, shape));
        return NULL;
    }
    return copy_string(map, kp_slice_of(code, count));
}

/* false when it is no whole number up to @max. */
static bool read_number(struct kp_slice text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text.size == 0 || text.size > 18 || !only_digits(text)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        number = number * 10 + (uint64_t)(text.bytes[i] - '0');
    }
    *ret_number = number;
    return number <= max;
}

bool kp_map_number(struct kp_map *map, const struct kp_field *field, uint32_t min, uint32_t max,
                   uint32_t *ret_number)
{
    struct kp_slice text = kp_map_trim(field->text);
    uint64_t number = 0;
    if (text.size == 0) {
        return false;
    }
    if (!read_number(text, max, &number) || number < min) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_FIELD, field,
                    "a whole number from %u to %u is expected; this looks like \"%s\"", min, max,
                    kp_map_shape(text, shape));
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

int kp_map_code(struct kp_map *map, const struct kp_field *field, const struct kp_code *table,
                enum kp_err err)
{
    struct kp_slice text = kp_map_trim(field->text);
    if (text.size == 0) {
        return 0;
    }
    for (const struct kp_code *row = table; row->code != NULL; row++) {
        if (kp_slice_equal(kp_slice_str(row->code), text)) {
            return row->value;
        }
    }
    char shape[KP_SHAPE_SIZE];
    kp_map_fail(map, err, field, "this code is not in the agreed list (it looks like \"%s\")",
                kp_map_shape(text, shape));
    return 0;
}

void kp_map_reference(struct kp_map *map, const struct kp_field *field)
{
    struct kp_slice text = kp_map_trim(field->text);
    if (text.size == 0) {
        kp_map_fail(map, KP_E_REFERENCE, field, "the record's own number is absent");
        return;
    }
    if (text.size > KP_REFERENCE_BYTES_MAX) {
        kp_map_fail(map, KP_E_REFERENCE, field, "%zu bytes; at most %u are taken", text.size,
                    KP_REFERENCE_BYTES_MAX);
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (space_at(text, i) > 0) {
            kp_map_fail(map, KP_E_REFERENCE, field, "white space stands in it");
            return;
        }
    }
    if (check_characters(map, field, text)) {
        memcpy(map->record.reference, text.bytes, text.size);
        map->record.reference[text.size] = '\0';
        map->signal.reference = copy_string(map, text);
    }
}

void kp_map_peek_reference(struct kp_map *map, const struct kp_field *field)
{
    struct kp_map trial = *map;
    kp_map_reference(&trial, field);
    memcpy(map->record.reference, trial.record.reference, sizeof map->record.reference);
}

void kp_map_version(struct kp_map *map, const struct kp_field *field)
{
    struct kp_slice text = kp_map_trim(field->text);
    uint64_t version = 0;
    if (!read_number(text, INT64_MAX, &version) || version == 0) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_VERSION, field,
                    "a version is a whole number from 1; this looks like \"%s\"",
                    kp_map_shape(text, shape));
        return;
    }
    map->signal.has_version = 1;
    map->signal.version = version;
}

void kp_map_kind(struct kp_map *map, const struct kp_field *field, const struct kp_code *table)
{
    if (!kp_field_given(field)) {
        kp_map_fail(map, KP_E_KIND, field, "the record does not say what kind of report it is");
        return;
    }
    map->signal.kind = (Knooppunt__V1__SignalKind)kp_map_code(map, field, table, KP_E_KIND);
    map->signal.has_kind = map->signal.kind != 0;
}

void kp_map_severity(struct kp_map *map, const struct kp_field *field)
{
    if (kp_map_number(map, field, 1, 5, &map->signal.severity)) {
        map->signal.has_severity = 1;
    }
}

void kp_map_area(struct kp_map *map, const struct kp_field *field)
{
    struct kp_slice text = kp_map_trim(field->text);
    if (text.size == 0) {
        return;
    }
    bool good = text.size > 2 && only_digits(kp_slice_of(text.bytes + 2, text.size - 2));
    if (good) {
        bool gemeente = memcmp(text.bytes, "GM", 2) == 0;
        bool wijk = memcmp(text.bytes, "WK", 2) == 0;
        bool buurt = memcmp(text.bytes, "BU", 2) == 0;
        good = text.size == (gemeente ? 6u : wijk ? 8u : buurt ? 10u : 0u);
    }
    if (!good) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_AREA, field,
                    "an area is GM and 4, WK and 6 or BU and 8 digits; this looks like \"%s\"",
                    kp_map_shape(text, shape));
        return;
    }
    map->signal.area_code = copy_string(map, text);
}

void kp_map_theme(struct kp_map *map, const struct kp_field *field)
{
    struct kp_slice text = kp_map_trim(field->text);
    bool good = text.size <= KP_ID_BYTES_MAX;
    for (size_t i = 0; i < text.size && good; i++) {
        uint8_t byte = text.bytes[i];
        good = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
    }
    if (text.size == 0) {
        return;
    }
    if (!good) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_THEME, field,
                    "a theme is small letters, digits and dashes; this looks like \"%s\"",
                    kp_map_shape(text, shape));
        return;
    }
    for (size_t i = 0; i < map->signal.n_themes; i++) {
        if (kp_slice_equal(kp_slice_str(map->themes[i]), text)) {
            return;
        }
    }
    if (map->signal.n_themes == KP_THEMES_MAX) {
        kp_map_fail(map, KP_E_THEME, field, "more than %u themes", KP_THEMES_MAX);
        return;
    }
    char *theme = copy_string(map, text);
    if (theme != NULL) {
        map->themes[map->signal.n_themes++] = theme;
    }
}

void kp_map_leefgebied(struct kp_map *map, Knooppunt__V1__Leefgebied leefgebied)
{
    KP_ASSERT((int)leefgebied >= 0 && (int)leefgebied <= KP_LEEFGEBIEDEN);
    map->leefgebied_mask |= 1u << leefgebied;
}

/* In the order of the enum, each once: the same record always gives the same bytes. */
static void list_leefgebieden(struct kp_map *map)
{
    for (uint32_t i = 1; i <= KP_LEEFGEBIEDEN; i++) {
        if ((map->leefgebied_mask & 1u << i) != 0) {
            map->leefgebieden[map->signal.n_leefgebieden++] = (Knooppunt__V1__Leefgebied)i;
        }
    }
}

void kp_map_answer(struct kp_map *map, const struct kp_field *question,
                   const struct kp_field *answer)
{
    char *text = kp_map_text(map, answer);
    if (text == NULL) {
        return;
    }
    if (map->signal.n_answers == KP_ANSWERS_MAX) {
        kp_map_fail(map, KP_E_LENGTH, answer, "more than %d answers", KP_ANSWERS_MAX);
        return;
    }
    Knooppunt__V1__QuestionAnswer *pair = kp_arena_alloc(map->arena, sizeof *pair);
    if (pair == NULL) {
        return; /* kp_map_emit finds the arena full */
    }
    knooppunt__v1__question_answer__init(pair);
    pair->question = kp_map_name(map, question);
    pair->answer = text;
    map->answers[map->signal.n_answers++] = pair;
}

void kp_map_withdraw(struct kp_map *map)
{
    Knooppunt__V1__Signal *signal = &map->signal;
    Knooppunt__V1__Signal only = KNOOPPUNT__V1__SIGNAL__INIT;
    only.reference = signal->reference;
    only.has_version = signal->has_version;
    only.version = signal->version;
    only.has_action = 1;
    only.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW;
    *signal = only;
}

static void check_whole(struct kp_map *map)
{
    const Knooppunt__V1__Signal *signal = &map->signal;
    bool report = signal->action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    if (report && signal->n_persons == 0 && signal->area_code == NULL) {
        kp_map_fail(map, KP_E_AREA, NULL, "the record names neither a person nor an area");
    }
    if (!kp_arena_ok(map->arena)) {
        kp_map_fail(map, KP_E_LENGTH, NULL, "the record is larger than can be taken");
    }
    if (kp_map_ok(map) && kp_codec_size(&signal->base) > KP_SIGNAL_BYTES_MAX) {
        kp_map_fail(map, KP_E_LENGTH, NULL, "the record is larger than the %u bytes of one signal",
                    KP_SIGNAL_BYTES_MAX);
    }
}

/* A name that the partner made up (a key or element that has no place) may hold anything. */
static void tidy_field_name(char *name)
{
    for (; *name != '\0'; name++) {
        bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
        bool digit = *name >= '0' && *name <= '9';
        if (!letter && !digit && strchr("_-.:/", *name) == NULL) {
            *name = '?';
        }
    }
}

bool kp_map_emit(struct kp_map *map, const struct kp_translate_job *job)
{
    if (kp_map_ok(map)) {
        if (map->signal.action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT) {
            list_leefgebieden(map);
        }
        check_whole(map);
    }
    tidy_field_name(map->record.diag.field);
    map->record.signal = kp_map_ok(map) ? &map->signal : NULL;
    return job->sink(job->context, &map->record);
}
