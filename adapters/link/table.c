/* SPDX-License-Identifier: EUPL-1.2 */
#include "link/table.h"

#include "link/cells.h"
#include "mapped/latin1.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#define CELL_BYTES_MAX 200u
#define WHY_BYTES_MAX 160u

struct reading {
    const struct kp_link_sink *sink;
    struct kp_link_map *map;
    struct kp_arena *arena;
    struct kp_form_room room;
    uint32_t at[KP_COLUMN_END]; /* which field of a row; KP_LINK_NO_COLUMN */
    uint32_t columns;
    bool has_header;
    enum kp_err err;
    struct kp_diag *diag;
};

static void leave_out(const struct reading *reading, uint32_t line, const char *why)
{
    reading->sink->fault(reading->sink->context, line, /* left_out= */ true, why);
}

/* @why NULL: nothing is wrong. */
static void tell(const struct reading *reading, uint32_t line, const char *why)
{
    if (why != NULL) {
        reading->sink->fault(reading->sink->context, line, /* left_out= */ false, why);
    }
}

/* --- cells --- */

static bool is_utf8(struct kp_slice text)
{
    for (size_t at = 0; at < text.size;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t size =
            utf8proc_iterate(text.bytes + at, (utf8proc_ssize_t)(text.size - at), &point);
        if (size <= 0) {
            return false;
        }
        at += (size_t)size;
    }
    return true;
}

/* The trimmed cell as text in @room; NULL when it is empty or cannot be used, which is told. */
static const char *cell(const struct reading *reading, const struct kp_csv_row *row,
                        enum kp_link_column column, char room[CELL_BYTES_MAX])
{
    char why[WHY_BYTES_MAX];
    if (reading->at[column] == KP_LINK_NO_COLUMN) {
        return NULL;
    }
    struct kp_slice text = kp_link_trim(row->fields[reading->at[column]]);
    if (!is_utf8(text)) {
        text = kp_latin1_to_utf8(reading->arena, text);
    }
    if (text.size == 0) {
        return NULL;
    }
    if (text.size >= CELL_BYTES_MAX || memchr(text.bytes, 0, text.size) != NULL) {
        (void)snprintf(why, sizeof why, "%s is longer than %u bytes or has a NUL: not used",
                       kp_link_column_name(column), CELL_BYTES_MAX - 1);
        tell(reading, row->line, why);
        return NULL;
    }
    memcpy(room, text.bytes, text.size);
    room[text.size] = '\0';
    return room;
}

/* --- rows --- */

static bool take_header(struct reading *reading, const struct kp_csv_row *row)
{
    reading->has_header = true;
    reading->columns = row->count;
    reading->err = row->fault.err == KP_OK
                       ? kp_link_header(reading->map, row, reading->at, reading->diag)
                       : kp_fail(reading->diag, KP_E_USAGE,
                                 "the header cannot be read; it has at most %u columns, and a "
                                 "quote inside a name is doubled",
                                 KP_CSV_FIELDS_MAX);
    return reading->err == KP_OK;
}

static void take_row(struct reading *reading, const struct kp_csv_row *row)
{
    char rooms[KP_COLUMN_END][CELL_BYTES_MAX];
    const char *cells[KP_COLUMN_END];
    for (int column = 0; column < KP_COLUMN_END; column++) {
        cells[column] = cell(reading, row, (enum kp_link_column)column, rooms[column]);
    }
    const char *id = cells[KP_COLUMN_REC_ID];
    if (id == NULL || strlen(id) > KP_LINK_ID_BYTES_MAX) {
        leave_out(reading, row->line, "no rec_id, or one of more than 100 bytes");
        return;
    }
    struct kp_reported_person person = {
        .bsn = cells[KP_COLUMN_BSN],
        .given_names = cells[KP_COLUMN_GIVEN_NAMES],
        .initials = cells[KP_COLUMN_INITIALS],
        .surname = cells[KP_COLUMN_SURNAME],
        .partner_surname = cells[KP_COLUMN_PARTNER_SURNAME],
        .postcode = cells[KP_COLUMN_POSTCODE],
        .street = cells[KP_COLUMN_STREET],
        .house_number = cells[KP_COLUMN_HOUSE_NUMBER],
        .birth_place = cells[KP_COLUMN_BIRTH_PLACE],
    };
    tell(reading, row->line, kp_link_check_bsn(person.bsn));
    tell(reading, row->line, kp_link_read_date(cells[KP_COLUMN_BIRTH_DATE], &person.birth_date));
    tell(reading, row->line, kp_link_read_gender(cells[KP_COLUMN_GENDER], &person.gender));
    tell(reading, row->line, kp_link_check_house_number(person.house_number));
    struct kp_form form;
    kp_form_of(&person, /* test_mode= */ true, &reading->room, &form);
    reading->sink->row(reading->sink->context, row->line, kp_slice_str(id), &form);
}

static bool on_row(void *context, const struct kp_csv_row *row)
{
    struct reading *reading = context;
    char why[WHY_BYTES_MAX];
    if (!reading->has_header) {
        return take_header(reading, row);
    }
    if (row->fault.err != KP_OK) {
        leave_out(reading, row->line, row->fault.text);
    } else if (row->count != reading->columns) {
        (void)snprintf(why, sizeof why, "%u fields where the header has %u", row->count,
                       reading->columns);
        leave_out(reading, row->line, why);
    } else {
        take_row(reading, row);
    }
    return true;
}

/* --- the file --- */

/* What the header has most of; a row has one field more. */
static uint8_t delimiter_of(struct kp_slice file, uint32_t *ret_fields)
{
    static const char candidates[] = ",;\t";
    size_t counts[sizeof candidates] = {0};
    size_t best = 0;
    bool quoted = false;
    for (size_t i = 0; i < file.size && (quoted || file.bytes[i] != '\n'); i++) {
        const char *found = file.bytes[i] == '\0' ? NULL : strchr(candidates, file.bytes[i]);
        quoted = quoted != (file.bytes[i] == '"');
        if (found != NULL && !quoted) {
            counts[found - candidates]++;
        }
    }
    for (size_t i = 1; candidates[i] != '\0'; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    *ret_fields = (uint32_t)counts[best] + 1;
    return (uint8_t)candidates[best];
}

static bool is_utf16(struct kp_slice file)
{
    return file.size >= 2 &&
           (memcmp(file.bytes, "\xff\xfe", 2) == 0 || memcmp(file.bytes, "\xfe\xff", 2) == 0 ||
            file.bytes[0] == '\0' || file.bytes[1] == '\0');
}

enum kp_err kp_link_read(struct kp_slice file, struct kp_link_map *map,
                         const struct kp_link_sink *sink, struct kp_diag *reterr_diag)
{
    struct kp_arena arena;
    struct reading reading = {.sink = sink, .map = map, .arena = &arena, .diag = reterr_diag};
    if (is_utf16(file)) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "the file is UTF-16; save it again as \"CSV UTF-8\"");
    }
    if (file.size > 0 && memchr(file.bytes, '\r', file.size) != NULL &&
        memchr(file.bytes, '\n', file.size) == NULL) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "its lines end in CR alone; save it again as \"CSV UTF-8\"");
    }
    if (file.size >= 3 && memcmp(file.bytes, "\xef\xbb\xbf", 3) == 0) {
        file = kp_slice_of(file.bytes + 3, file.size - 3); /* the mark of UTF-8 */
    }
    kp_arena_init(&arena, 4 * KP_CSV_ROW_BYTES_MAX);
    uint32_t fields;
    uint8_t delimiter = delimiter_of(file, &fields);
    kp_csv_read(file, delimiter, fields, &arena, on_row, &reading);
    kp_arena_done(&arena);
    if (reading.err == KP_OK && !reading.has_header) {
        return kp_fail(reterr_diag, KP_E_USAGE, "the file is empty: not even a header");
    }
    return reading.err;
}
