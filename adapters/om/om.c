/* SPDX-License-Identifier: EUPL-1.2 */
/* The Compas list of recidivists and decisions: CSV, ISO-8859-1, the full list each time. */
#include "mapped/csv_rows.h"
#include "mapped/event_walk.h"
#include "mapped/latin1.h"
#include "mapped/map.h"
#include "runtime/translator.h"

#include <stdio.h>
#include <string.h>

enum column {
    VOLGNUMMER,
    SOORT,
    PARKETNUMMER,
    DATUM,
    BSN,
    NAAM,
    VOORVOEGSEL,
    VOORNAMEN,
    VOORLETTERS,
    PARTNERNAAM,
    PARTNERVOORVOEGSEL,
    NAAMGEBRUIK,
    GEBDATUM,
    GEBPLAATS,
    GESLACHT,
    STRAAT,
    HUISNR,
    TOEV,
    POSTCODE,
    PLAATS,
    OMSCHRIJVING,
    COLUMNS
};

static const char *const names[COLUMNS] = {
    [VOLGNUMMER] = "VOLGNUMMER",
    [SOORT] = "SOORT",
    [PARKETNUMMER] = "PARKETNUMMER",
    [DATUM] = "DATUM",
    [BSN] = "BSN",
    [NAAM] = "NAAM",
    [VOORVOEGSEL] = "VOORVOEGSEL",
    [VOORNAMEN] = "VOORNAMEN",
    [VOORLETTERS] = "VOORLETTERS",
    [PARTNERNAAM] = "PARTNERNAAM",
    [PARTNERVOORVOEGSEL] = "PARTNERVOORVOEGSEL",
    [NAAMGEBRUIK] = "NAAMGEBRUIK",
    [GEBDATUM] = "GEBDATUM",
    [GEBPLAATS] = "GEBPLAATS",
    [GESLACHT] = "GESLACHT",
    [STRAAT] = "STRAAT",
    [HUISNR] = "HUISNR",
    [TOEV] = "TOEV",
    [POSTCODE] = "POSTCODE",
    [PLAATS] = "PLAATS",
    [OMSCHRIJVING] = "OMSCHRIJVING",
};

static const struct kp_code kinds[] = {
    {"BRUTO", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_RECIDIVELIJST},
    {"NETTO", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_RECIDIVELIJST},
    {"BESL", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_BESLISSING},
    {"TOM", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_BESLISSING},
    {NULL, 0},
};

#define TRAILER "EINDE"

struct reading {
    const struct kp_translate_job *job;
    uint32_t rows; /* between header and trailer */
    bool header_seen, trailer_seen, stopped;
    uint32_t announced; /* by the trailer */
    struct kp_diag fatal;
};

static bool refuse(struct reading *reading, uint32_t line, const char *text)
{
    (void)kp_fail(&reading->fatal, KP_E_FILE, "%s", text);
    reading->fatal.line = line;
    return false;
}

static bool read_header(struct reading *reading, const struct kp_csv_row *row)
{
    bool same = row->fault.err == KP_OK && row->count == COLUMNS;
    for (uint32_t i = 0; i < COLUMNS && same; i++) {
        same = kp_slice_equal(kp_map_trim(row->fields[i]), kp_slice_str(names[i]));
    }
    reading->header_seen = true;
    return same || refuse(reading, row->line,
                          "the first line is not the agreed header: 21 names, VOLGNUMMER first and "
                          "OMSCHRIJVING last, with ; between");
}

static bool is_trailer(const struct kp_csv_row *row)
{
    return row->fault.err == KP_OK && row->count == 2 &&
           kp_slice_equal(kp_map_trim(row->fields[0]), KP_SLICE_LIT(TRAILER));
}

static bool read_trailer(struct reading *reading, const struct kp_csv_row *row)
{
    struct kp_map map;
    kp_map_begin(&map, reading->job, 0, row->line, 0, NULL);
    const struct kp_field count = {TRAILER, row->fields[1], row->line};
    reading->trailer_seen = true;
    return kp_map_number(&map, &count, 0, UINT32_MAX, &reading->announced) ||
           refuse(reading, row->line, "the last line does not say how many rows the list has");
}

/* All fields as UTF-8; the first one that is not ISO-8859-1 text fails the record under its name.
 */
static void decode(struct kp_map *map, const struct kp_csv_row *row, struct kp_field *ret_fields)
{
    for (uint32_t i = 0; i < COLUMNS; i++) {
        ret_fields[i] = (struct kp_field){
            .name = names[i],
            .text = kp_latin1_to_utf8(map->arena, row->fields[i]),
            .line = row->line,
        };
    }
}

static void map_person(struct kp_map *map, const struct kp_field *fields)
{
    const struct kp_person_fields person = {
        .role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER,
        .bsn = fields[BSN],
        .given_names = fields[VOORNAMEN],
        .initials = fields[VOORLETTERS],
        .prefix = fields[VOORVOEGSEL],
        .surname = fields[NAAM],
        .partner_prefix = fields[PARTNERVOORVOEGSEL],
        .partner_surname = fields[PARTNERNAAM],
        .name_usage = fields[NAAMGEBRUIK],
        .birth_date = fields[GEBDATUM],
        .birth_date_form = KP_DATE_DUTCH,
        .birth_place = fields[GEBPLAATS],
        .gender = fields[GESLACHT],
        .name = names[NAAM],
        .line = map->record.line,
    };
    const struct kp_address_fields address = {
        .street = fields[STRAAT],
        .number = fields[HUISNR],
        .addition = fields[TOEV],
        .postcode = fields[POSTCODE],
        .place = fields[PLAATS],
    };
    kp_map_person(map, &person, &address);
}

/* In the order in which faults count. The version stays open: the runtime knows the last list. */
static void map_row(struct kp_map *map, const struct kp_csv_row *row)
{
    struct kp_field fields[COLUMNS];
    decode(map, row, fields);
    kp_map_reference(map, &fields[VOLGNUMMER]);
    kp_map_kind(map, &fields[SOORT], kinds);
    kp_map_incident_date(map, &fields[DATUM], KP_DATE_DUTCH);
    map_person(map, fields);
    map->signal.summary = kp_map_text(map, &fields[OMSCHRIJVING]);
    kp_map_leefgebied(map, KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_JUSTITIE_POLITIE);
}

static bool read_record(struct reading *reading, const struct kp_csv_row *row)
{
    struct kp_map map;
    kp_map_begin(&map, reading->job, ++reading->rows, row->line,
                 KNOOPPUNT__V1__SOURCE_CLASS__SOURCE_CLASS_WJSG, "Compas");
    map.record.diag = row->fault;
    if (kp_map_ok(&map) && row->count != COLUMNS) {
        const struct kp_field number = {names[VOLGNUMMER], row->fields[0], row->line};
        kp_map_peek_reference(&map, &number);
        kp_map_fail(&map, KP_E_RECORD, NULL,
                    "this row has %u fields, the header has %d: is a ; missing, or one too many?",
                    row->count, COLUMNS);
    }
    if (kp_map_ok(&map)) {
        map_row(&map, row);
    }
    reading->stopped = !kp_map_emit(&map, reading->job);
    return !reading->stopped;
}

static bool read_row(void *context, const struct kp_csv_row *row)
{
    struct reading *reading = context;
    if (!reading->header_seen) {
        return read_header(reading, row);
    }
    if (reading->trailer_seen) {
        return refuse(reading, row->line, "there are rows after the last line EINDE");
    }
    return is_trailer(row) ? read_trailer(reading, row) : read_record(reading, row);
}

static enum kp_err translate(const struct kp_translate_job *job, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_latin1_check(job->file, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct reading reading = {.job = job};
    kp_csv_read(job->file, ';', COLUMNS, job->arena, read_row, &reading);
    if (reading.stopped) {
        return KP_OK;
    }
    if (reading.fatal.err == KP_OK && !reading.header_seen) {
        (void)refuse(&reading, 1, "the file is empty");
    } else if (reading.fatal.err == KP_OK && !reading.trailer_seen) {
        (void)refuse(&reading, 0, "the last line EINDE is missing: the list was cut off");
    } else if (reading.fatal.err == KP_OK && reading.announced != reading.rows) {
        (void)kp_fail(&reading.fatal, KP_E_FILE,
                      "the last line announces %u rows and there are %u: the list was cut off",
                      reading.announced, reading.rows);
    }
    if (reading.fatal.err != KP_OK && reterr_diag != NULL) {
        *reterr_diag = reading.fatal;
    }
    return reading.fatal.err;
}

/* --- events ----------------------------------------------------------------------------------- */

/* Columns of an event's file and the value of the walk that each takes. */
static const struct {
    const char *column, *field;
} event_columns[] = {
    {"BERICHT", "bericht"},   {"BERICHTKENMERK", "berichtkenmerk"},
    {"TIJDSTIP", "tijdstip"}, {"VOLGNUMMER", "kenmerk"},
    {"VERSIE", "versie"},     {"RESULTAAT", "resultaat"},
    {"CODE", "code"},         {"CODENUMMER", "codenummer"},
    {"VELD", "veld"},         {"REDEN", "reden"},
    {"THEMA", "thema"},       {"CASUS", "casus"},
    {"PERSOON", "persoon"},   {"REGEL", "regel"},
    {"PARTNER", "partner"},   {"SOORT", "soort"},
    {"ROL", "rol"},           {"DATUM", "datum"},
    {"POSITIE", "positie"},   {"OORZAAK", "oorzaak"},
    {"VERVALT", "vervalt"},   {"EIGENAAR", "eigenaar"},
    {"VERLOOPT", "verloopt"}, {"DAGEN", "dagen"},
};
#define EVENT_COLUMNS (sizeof event_columns / sizeof event_columns[0])
#define CELL_BYTES 512u

/* Cells of the event stay for all its rows; those of a row are emptied after it. */
struct event_rows {
    struct kp_writer *writer;
    char cells[EVENT_COLUMNS][CELL_BYTES];
    char of_event[EVENT_COLUMNS][CELL_BYTES];
    bool in_row;
    uint32_t rows;
};

static void put_line(struct event_rows *rows)
{
    for (size_t i = 0; i < EVENT_COLUMNS; i++) {
        if (i > 0) {
            kp_put_u8(rows->writer, ';');
        }
        kp_latin1_put_cell(rows->writer, rows->cells[i]);
    }
    kp_put_raw(rows->writer, KP_SLICE_LIT("\r\n"));
    rows->rows++;
}

static void put_field(void *context, const char *name, const char *value)
{
    struct event_rows *rows = context;
    for (size_t i = 0; i < EVENT_COLUMNS; i++) {
        if (strcmp(event_columns[i].field, name) == 0) {
            char *cell = rows->cells[i];
            size_t used = strnlen(cell, CELL_BYTES);
            /* Several partners go into one cell. Cut is fine: nothing that long is ours. */
            (void)snprintf(cell + used, CELL_BYTES - used, "%s%s", used == 0 ? "" : " ", value);
            return;
        }
    }
}

static void put_begin(void *context, const struct kp_event_head *head)
{
    struct event_rows *rows = context;
    for (size_t i = 0; i < EVENT_COLUMNS; i++) {
        if (i > 0) {
            kp_put_u8(rows->writer, ';');
        }
        kp_latin1_put_cell(rows->writer, event_columns[i].column);
    }
    kp_put_raw(rows->writer, KP_SLICE_LIT("\r\n"));
    put_field(rows, "bericht", head->name);
    put_field(rows, "berichtkenmerk", head->id);
    put_field(rows, "tijdstip", head->at_iso);
}

static void put_open_row(void *context, const char *name)
{
    (void)name;
    struct event_rows *rows = context;
    memcpy(rows->of_event, rows->cells, sizeof rows->cells);
}

static void put_close_row(void *context, const char *name)
{
    (void)name;
    struct event_rows *rows = context;
    put_line(rows);
    memcpy(rows->cells, rows->of_event, sizeof rows->cells);
}

static enum kp_err render_event(const Knooppunt__V1__Event *event, struct kp_writer *writer)
{
    struct event_rows rows = {.writer = writer};
    const struct kp_event_visitor visitor = {&rows, put_begin, put_field, put_open_row,
                                             put_close_row};
    kp_event_walk(event, &visitor);
    if (rows.rows == 0) {
        put_line(&rows); /* an event without rows is one itself */
    }
    char trailer[32];
    (void)snprintf(trailer, sizeof trailer, TRAILER ";%u\r\n", rows.rows);
    kp_put_raw(writer, kp_slice_str(trailer));
    return kp_writer_ok(writer) ? KP_OK : KP_E_LIMIT;
}

const struct kp_translator kp_translator_om = {
    .name = "om",
    .extension = ".csv",
    .event_extension = ".csv",
    .full_list = true,
    .file_bytes_max = UINT64_C(256) << 20,
    .translate = translate,
    .render_event = render_event,
};
