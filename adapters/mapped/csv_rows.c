/* SPDX-License-Identifier: EUPL-1.2 */
#include "mapped/csv_rows.h"

#include "base/assert.h"

#include <csv.h>
#include <string.h>

struct reading {
    struct kp_arena *arena;
    struct csv_parser parser;
    struct kp_csv_row row;
    bool complete; /* libcsv saw the end of a row */
    bool too_many; /* fields */
};

static void on_field(void *text, size_t size, void *context)
{
    struct reading *reading = context;
    if (reading->complete || reading->row.count == KP_CSV_FIELDS_MAX) {
        reading->too_many = true; /* also: a lone carriage return ended the row within the line */
        return;
    }
    reading->row.fields[reading->row.count++] =
        kp_arena_copy(reading->arena, kp_slice_of(text, size));
}

static void on_row(int end, void *context)
{
    (void)end;
    struct reading *reading = context;
    reading->complete = true;
}

static void start_parser(struct reading *reading, uint8_t delimiter)
{
    int done = csv_init(&reading->parser, CSV_STRICT | CSV_STRICT_FINI);
    KP_ASSERT(done == 0);
    csv_set_delim(&reading->parser, delimiter);
}

static bool fail_row(struct reading *reading, enum kp_err err, const char *text)
{
    reading->row.count = 0;
    (void)kp_fail(&reading->row.fault, err, "%s", text);
    reading->row.fault.line = reading->row.line;
    return false;
}

/* The physical line at @offset with its end. */
static struct kp_slice line_at(struct kp_slice file, size_t offset)
{
    const uint8_t *start = file.bytes + offset;
    const uint8_t *end = memchr(start, '\n', file.size - offset);
    return kp_slice_of(start, end == NULL ? file.size - offset : (size_t)(end - start) + 1);
}

static bool is_blank(struct kp_slice line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.bytes[i] != ' ' && line.bytes[i] != '\t' && line.bytes[i] != '\r' &&
            line.bytes[i] != '\n') {
            return false;
        }
    }
    return true;
}

/* One physical line through libcsv. false: the row cannot be read (the fault is set). */
static bool parse_line(struct reading *reading, struct kp_slice line, size_t row_bytes_before)
{
    if (row_bytes_before + line.size > KP_CSV_ROW_BYTES_MAX) {
        return fail_row(reading, KP_E_LENGTH, "the row is longer than a row can be");
    }
    size_t parsed = csv_parse(&reading->parser, line.bytes, line.size, on_field, on_row, reading);
    if (parsed != line.size) {
        return fail_row(reading, KP_E_RECORD,
                        "a quote stands in the wrong place: a text with a separator or quote goes "
                        "between quotes, and a quote inside is doubled");
    }
    return true;
}

/* The row at @offset: as many physical lines as its quotes hold together. Returns the bytes. */
static size_t parse_row(struct reading *reading, struct kp_slice file, size_t offset,
                        uint32_t *ret_lines)
{
    size_t taken = 0;
    *ret_lines = 0;
    while (!reading->complete && offset + taken < file.size) {
        struct kp_slice line = line_at(file, offset + taken);
        if (!parse_line(reading, line, taken)) {
            return taken;
        }
        taken += line.size;
        *ret_lines += 1;
    }
    if (!reading->complete && csv_fini(&reading->parser, on_field, on_row, reading) != 0) {
        (void)fail_row(reading, KP_E_RECORD, "a quote is opened in this row and never closed");
    }
    return taken;
}

static void check_row(struct reading *reading, uint32_t fields_expected, uint32_t lines)
{
    if (reading->row.fault.err != KP_OK) {
        return;
    }
    if (!kp_arena_ok(reading->arena)) {
        (void)fail_row(reading, KP_E_LENGTH, "the row is longer than a row can be");
    } else if (reading->too_many) {
        (void)fail_row(reading, KP_E_RECORD, "many more fields than the header has");
    } else if (lines > 1 && reading->row.count != fields_expected) {
        (void)fail_row(reading, KP_E_RECORD,
                       "a quote is opened in this row and closed in a later one");
    }
}

void kp_csv_read(struct kp_slice file, uint8_t delimiter, uint32_t fields_expected,
                 struct kp_arena *arena, kp_csv_sink *sink, void *context)
{
    struct reading reading = {.arena = arena};
    start_parser(&reading, delimiter);
    uint32_t line = 1;
    bool go_on = true;
    for (size_t offset = 0; go_on && offset < file.size;) {
        struct kp_slice first = line_at(file, offset);
        if (is_blank(first)) {
            offset += first.size;
            line++;
            continue;
        }
        kp_arena_reset(arena);
        reading.row = (struct kp_csv_row){.line = line};
        reading.complete = false;
        reading.too_many = false;
        uint32_t lines = 0;
        size_t taken = parse_row(&reading, file, offset, &lines);
        check_row(&reading, fields_expected, lines);
        if (reading.row.fault.err != KP_OK) {
            taken = first.size; /* the lines after the first may be good rows */
            lines = 1;
            csv_free(&reading.parser);
            start_parser(&reading, delimiter);
        }
        go_on = sink(context, &reading.row);
        offset += taken;
        line += lines;
    }
    csv_free(&reading.parser);
}
