/* SPDX-License-Identifier: EUPL-1.2 */
#include "link/table.h"

#include "mapped/csv_rows.h"

#include <stdio.h>
#include <string.h>

#define CELL_BYTES_MAX 200u
#define NO_COLUMN UINT32_MAX

static const char *const names[KP_COLUMN_END] = {
    [KP_COLUMN_REC_ID] = "rec_id",
    [KP_COLUMN_BSN] = "bsn",
    [KP_COLUMN_GIVEN_NAMES] = "voornamen",
    [KP_COLUMN_INITIALS] = "voorletters",
    [KP_COLUMN_PREFIX] = "voorvoegsel",
    [KP_COLUMN_SURNAME] = "geslachtsnaam",
    [KP_COLUMN_PARTNER_PREFIX] = "voorvoegsel_partner",
    [KP_COLUMN_PARTNER_SURNAME] = "geslachtsnaam_partner",
    [KP_COLUMN_NAME_USAGE] = "naamgebruik",
    [KP_COLUMN_BIRTH_DATE] = "geboortedatum",
    [KP_COLUMN_GENDER] = "geslacht",
    [KP_COLUMN_POSTCODE] = "postcode",
    [KP_COLUMN_STREET] = "straat",
    [KP_COLUMN_HOUSE_NUMBER] = "huisnummer",
    [KP_COLUMN_BIRTH_PLACE] = "geboorteplaats",
};

void kp_link_map_init(struct kp_link_map *map)
{
    memcpy(map->theirs, names, sizeof names);
}

enum kp_err kp_link_map_take(struct kp_link_map *map, char *text, struct kp_diag *reterr_diag)
{
    char *rest = NULL;
    for (char *pair = strtok_r(text, ",", &rest); pair != NULL; pair = strtok_r(NULL, ",", &rest)) {
        char *theirs = strchr(pair, '=');
        if (theirs == NULL || theirs[1] == '\0') {
            return kp_fail(reterr_diag, KP_E_USAGE, "--map \"%s\": write OURS=THEIRS", pair);
        }
        *theirs++ = '\0';
        uint32_t column = 0;
        while (column < KP_COLUMN_END && strcmp(names[column], pair) != 0) {
            column++;
        }
        if (column == KP_COLUMN_END) {
            return kp_fail(reterr_diag, KP_E_USAGE, "--map: there is no column \"%s\" of ours",
                           pair);
        }
        map->theirs[column] = theirs;
    }
    return KP_OK;
}

struct reading {
    const struct kp_link_sink *sink;
    const struct kp_link_map *map;
    struct kp_form_room room;
    uint32_t at[KP_COLUMN_END]; /* which field of a row; NO_COLUMN */
    uint32_t columns;
    bool has_header;
    enum kp_err err;
    struct kp_diag *diag;
};

static struct kp_slice trim(struct kp_slice cell)
{
    while (cell.size > 0 && (cell.bytes[0] == ' ' || cell.bytes[0] == '\t')) {
        cell = kp_slice_of(cell.bytes + 1, cell.size - 1);
    }
    while (cell.size > 0 &&
           (cell.bytes[cell.size - 1] == ' ' || cell.bytes[cell.size - 1] == '\t')) {
        cell.size--;
    }
    return cell;
}

static bool take_header(struct reading *reading, const struct kp_csv_row *row)
{
    reading->has_header = true;
    reading->columns = row->count;
    for (uint32_t column = 0; column < KP_COLUMN_END; column++) {
        reading->at[column] = NO_COLUMN;
        for (uint32_t i = 0; i < row->count; i++) {
            struct kp_slice cell = trim(row->fields[i]);
            if (i == 0 && cell.size >= 3 && memcmp(cell.bytes, "\xef\xbb\xbf", 3) == 0) {
                cell = trim(kp_slice_of(cell.bytes + 3, cell.size - 3));
            }
            if (kp_slice_equal(cell, kp_slice_str(reading->map->theirs[column]))) {
                reading->at[column] = i;
            }
        }
    }
    if (reading->at[KP_COLUMN_REC_ID] == NO_COLUMN) {
        reading->err = kp_fail(reading->diag, KP_E_USAGE,
                               "the header has no column \"%s\"; name it with --map rec_id=...",
                               reading->map->theirs[KP_COLUMN_REC_ID]);
    } else if (reading->at[KP_COLUMN_SURNAME] == NO_COLUMN &&
               reading->at[KP_COLUMN_BSN] == NO_COLUMN) {
        reading->err =
            kp_fail(reading->diag, KP_E_USAGE,
                    "the header has neither \"%s\" nor \"%s\": nothing to match by; see --map",
                    reading->map->theirs[KP_COLUMN_SURNAME], reading->map->theirs[KP_COLUMN_BSN]);
    }
    return reading->err == KP_OK;
}

/* The trimmed cell as text in @room; NULL when it is empty or too long. */
static const char *cell(const struct reading *reading, const struct kp_csv_row *row,
                        enum kp_link_column column, char room[CELL_BYTES_MAX])
{
    if (reading->at[column] == NO_COLUMN) {
        return NULL;
    }
    struct kp_slice text = trim(row->fields[reading->at[column]]);
    if (text.size == 0 || text.size >= CELL_BYTES_MAX || memchr(text.bytes, 0, text.size)) {
        return NULL;
    }
    memcpy(room, text.bytes, text.size);
    room[text.size] = '\0';
    return room;
}

/* JJJJMMDD with zeros for what is not known; -1: it is not that. */
static int32_t read_date(const char *text)
{
    int32_t date = 0;
    if (text == NULL) {
        return 0;
    }
    for (uint32_t i = 0; i < 8; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        date = date * 10 + (text[i] - '0');
    }
    return text[8] != '\0' ? -1 : date / 10000 == 0 ? 0 : date; /* no such day: a digit is wrong */
}

static enum kp_form_gender read_gender(const char *text)
{
    char letter = text == NULL ? '\0' : text[0];
    return letter == 'M' || letter == 'm' ? KP_FORM_MAN
           : letter == 'V' || letter == 'v' || letter == 'F' || letter == 'f'
               ? KP_FORM_WOMAN
               : KP_FORM_GENDER_UNKNOWN;
}

static void take_row(struct reading *reading, const struct kp_csv_row *row)
{
    char rooms[KP_COLUMN_END][CELL_BYTES_MAX];
    const char *cells[KP_COLUMN_END];
    const struct kp_link_sink *sink = reading->sink;
    for (int column = 0; column < KP_COLUMN_END; column++) {
        cells[column] = cell(reading, row, (enum kp_link_column)column, rooms[column]);
    }
    const char *id = cells[KP_COLUMN_REC_ID];
    if (id == NULL || strlen(id) > KP_LINK_ID_BYTES_MAX) {
        sink->fault(sink->context, row->line, "no rec_id, or one that is too long");
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
        .birth_date = read_date(cells[KP_COLUMN_BIRTH_DATE]),
        .gender = read_gender(cells[KP_COLUMN_GENDER]),
    };
    if (person.birth_date < 0) {
        sink->fault(sink->context, row->line, "geboortedatum is not JJJJMMDD; taken as not known");
        person.birth_date = 0;
    }
    struct kp_form form;
    kp_form_of(&person, /* test_mode= */ true, &reading->room, &form);
    sink->row(sink->context, kp_slice_str(id), &form);
}

static bool on_row(void *context, const struct kp_csv_row *row)
{
    struct reading *reading = context;
    if (!reading->has_header) {
        return take_header(reading, row);
    }
    if (row->fault.err != KP_OK) {
        reading->sink->fault(reading->sink->context, row->line, row->fault.text);
    } else if (row->count != reading->columns) {
        reading->sink->fault(reading->sink->context, row->line,
                             "not as many fields as the header has");
    } else {
        take_row(reading, row);
    }
    return true;
}

enum kp_err kp_link_read(struct kp_slice file, const struct kp_link_map *map,
                         const struct kp_link_sink *sink, struct kp_diag *reterr_diag)
{
    struct kp_arena arena;
    struct reading reading = {.sink = sink, .map = map, .diag = reterr_diag};
    kp_arena_init(&arena, 2 * KP_CSV_ROW_BYTES_MAX);
    kp_csv_read(file, ',', 0, &arena, on_row, &reading);
    kp_arena_done(&arena);
    if (reading.err == KP_OK && !reading.has_header) {
        return kp_fail(reterr_diag, KP_E_USAGE, "the file is empty");
    }
    return reading.err;
}
