/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/print.h"

#include "base/assert.h"
#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define METRIC_PREFIX "knooppunt_"
#define COLUMNS_MAX 32u
#define HEADING_BYTES 80
#define TABLE_COLUMNS_MIN 5u /* a section of one row with as many columns is written downwards */

/* --- JSON --- */

void kp_json_set(json_t *object, const char *name, json_t *value)
{
    KP_ASSERT(json_object_set_new(object, name, value) == 0);
}

json_t *kp_json_hex(struct kp_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(2 * bytes.size + 1);
    KP_ASSERT(hex != NULL);
    for (size_t i = 0; i < bytes.size; i++) {
        hex[2 * i] = digits[bytes.bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes.bytes[i] & 0x0f];
    }
    hex[2 * bytes.size] = '\0';
    json_t *text = json_string(hex);
    KP_ASSERT(text != NULL);
    free(hex);
    return text;
}

json_t *kp_json_text(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : kp_json_hex(kp_slice_str(text));
}

static void print_json(json_t *result, FILE *out)
{
    (void)json_dumpf(result, out, JSON_COMPACT); /* a failed write shows when stdout is flushed */
    (void)fputc('\n', out);
}

/* --- errors --- */

static const char *next_step(enum kp_err err)
{
    switch ((int)err) {
    case KP_E_USAGE:
        return NULL; /* the usage follows */
    case KP_E_LATER:
    case KP_E_TIMEOUT:
        return "try again; when it stays so, look at the hub's log";
    case KP_E_PERMISSION:
        return "run this as the hub's user or as root";
    case KP_E_DISK_FULL:
        return "make room on the disk, then run it again";
    case KP_E_KEY_FILE:
        return "check the file's owner and mode (0400)";
    case KP_E_CRL:
        return "fetch the newest revocation list of every CA into the house's crl file";
    case KP_E_CERT_EXPIRED:
        return "ask the CA for a new certificate and enrol it";
    default:
        break;
    }
    switch (kp_err_category(err)) {
    case KP_ERR_BUG:
        return "this is a fault of the program: report it with the line above";
    case KP_ERR_RETRY:
    case KP_ERR_PARTNER:
    case KP_ERR_OPERATOR:
        break;
    }
    return NULL;
}

void kp_print_error(const struct kp_diag *diag, bool json)
{
    if (json) {
        json_t *object = json_object();
        kp_json_set(object, "code", json_integer((json_int_t)diag->err));
        kp_json_set(object, "name", kp_json_text(kp_err_name(diag->err)));
        kp_json_set(object, "text", kp_json_text(diag->text));
        if (diag->field[0] != '\0') {
            kp_json_set(object, "field", kp_json_text(diag->field));
        }
        print_json(object, stdout);
        json_decref(object);
        return;
    }
    (void)fprintf(stderr, "knooppunt: %s%s%s [%s]\n", diag->field,
                  diag->field[0] == '\0' ? "" : ": ", diag->text, kp_err_name(diag->err));
    const char *next = next_step(diag->err);
    if (next != NULL) {
        (void)fprintf(stderr, "next: %s\n", next);
    }
}

/* --- text --- */

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* Moments are numbers for machines and dates for people; durations (lag_ms) stay numbers. */
static bool is_moment(const char *name)
{
    return ends_with(name, "at_ms") || ends_with(name, "not_after_ms") ||
           ends_with(name, "not_before_ms");
}

/* What a partner named must not steer the terminal: control characters, those of two bytes too. */
static void disarm(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f) {
            *at = '?';
        } else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
            at[0] = '?';
            at[1] = '?';
        }
    }
}

/* malloc'ed; "-" where there is no value. */
static char *cell_text(const char *name, const json_t *value)
{
    char *text = NULL;
    char number[32];
    char moment[KP_TIME_TEXT_SIZE];
    if (value == NULL || json_is_null(value) ||
        (json_is_string(value) && json_string_length(value) == 0)) {
        text = strdup("-");
    } else if (json_is_string(value)) {
        text = strdup(json_string_value(value));
    } else if (json_is_boolean(value)) {
        text = strdup(json_is_true(value) ? "yes" : "no");
    } else if (json_is_integer(value) && is_moment(name)) {
        kp_wall_text((struct kp_wall){json_integer_value(value)}, moment);
        text = strdup(moment);
    } else if (json_is_integer(value)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = strdup(number);
    } else {
        text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    KP_ASSERT(text != NULL);
    disarm(text);
    return text;
}

/* Names that say enough to a program, and too little to a person. */
static const char *explained(const char *name)
{
    static const struct {
        const char *name, *words;
    } names[] = {
        {"margin", "bits ahead of the nearest other"},
        {"found", "keys that the two share"},
        {"weighed", "what speaks for one person, and what against: a bit doubles the odds"},
        {"not", "the nearest other person"},
        {"not_found", "keys shared with that other person"},
        {"not_weighed", "what speaks for that other person, and what against"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].words;
        }
    }
    return name;
}

/* "journalled_at_ms" -> "journalled at" */
static void heading(const char *name, char ret_text[HEADING_BYTES])
{
    const char *words = explained(name);
    size_t size = strlen(words) - (is_moment(words) ? strlen("_ms") : 0);
    (void)snprintf(ret_text, HEADING_BYTES, "%.*s", (int)size, words); /* cut */
    for (char *at = ret_text; *at != '\0'; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
}

/* Code points, which is what a terminal shows for the letters that names have. */
static size_t width(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

static void pad(size_t from, size_t to, FILE *out)
{
    for (; from < to; from++) {
        (void)fputc(' ', out);
    }
}

/* The names of all rows, in the order in which they first appear. */
static size_t find_columns(const json_t *rows, const char **ret_names)
{
    size_t count = 0;
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        const char *name;
        json_t *value;
        json_object_foreach(row, name, value)
        {
            size_t i = 0;
            while (i < count && strcmp(ret_names[i], name) != 0) {
                i++;
            }
            if (i == count && count < COLUMNS_MAX) {
                ret_names[count++] = name;
            }
        }
    }
    return count;
}

static void print_downwards(json_t *row, FILE *out)
{
    const char *name;
    json_t *value;
    size_t widest = 0;
    char head[HEADING_BYTES];
    json_object_foreach(row, name, value)
    {
        heading(name, head);
        widest = width(head) > widest ? width(head) : widest;
    }
    json_object_foreach(row, name, value)
    {
        char *text = cell_text(name, value);
        heading(name, head);
        (void)fprintf(out, "  %s", head);
        pad(width(head), widest + 2, out);
        (void)fprintf(out, "%s\n", text);
        free(text);
    }
}

static void measure(const json_t *rows, const char **names, size_t count, size_t *ret_widths,
                    bool *ret_numbers)
{
    for (size_t i = 0; i < count; i++) {
        char head[HEADING_BYTES];
        heading(names[i], head);
        ret_widths[i] = width(head);
        ret_numbers[i] = true;
        size_t index;
        json_t *row;
        json_array_foreach(rows, index, row)
        {
            const json_t *value = json_object_get(row, names[i]);
            char *text = cell_text(names[i], value);
            ret_widths[i] = width(text) > ret_widths[i] ? width(text) : ret_widths[i];
            ret_numbers[i] =
                ret_numbers[i] && (value == NULL || json_is_integer(value)) && !is_moment(names[i]);
            free(text);
        }
    }
}

static void print_cell(const char *text, size_t cell_width, bool right, bool last, FILE *out)
{
    if (right) {
        pad(width(text), cell_width, out);
    }
    (void)fputs(text, out);
    if (!right && !last) {
        pad(width(text), cell_width, out);
    }
    (void)fputs(last ? "\n" : "  ", out);
}

static void print_table(const json_t *rows, FILE *out)
{
    const char *names[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    bool numbers[COLUMNS_MAX];
    size_t count = find_columns(rows, names);
    measure(rows, names, count, widths, numbers);
    for (size_t i = 0; i < count; i++) {
        char head[HEADING_BYTES];
        heading(names[i], head);
        (void)fputs(i == 0 ? "  " : "", out);
        print_cell(head, widths[i], numbers[i], i + 1 == count, out);
    }
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < count; i++) {
            char *text = cell_text(names[i], json_object_get(row, names[i]));
            (void)fputs(i == 0 ? "  " : "", out);
            print_cell(text, widths[i], numbers[i], i + 1 == count, out);
            free(text);
        }
    }
}

static void print_section(const char *name, const json_t *rows, FILE *out)
{
    char head[HEADING_BYTES];
    heading(name, head);
    (void)fprintf(out, "%s\n", head);
    json_t *first = json_array_get(rows, 0);
    if (first == NULL) {
        (void)fputs("  none\n", out);
    } else if (json_array_size(rows) == 1 && json_object_size(first) >= TABLE_COLUMNS_MIN) {
        print_downwards(first, out);
    } else {
        print_table(rows, out);
    }
}

void kp_print_result(json_t *result, bool json, FILE *out)
{
    if (json) {
        print_json(result, out);
        return;
    }
    const char *name;
    json_t *value;
    bool after = false;
    json_object_foreach(result, name, value)
    {
        if (strcmp(name, "text") == 0) { /* code and name are OK here, or the error was printed */
            char *text = cell_text(name, value);
            (void)fprintf(out, "%s\n", text);
            after = true;
            free(text);
        } else if (json_is_array(value)) {
            (void)fputs(after ? "\n" : "", out);
            print_section(name, value, out);
            after = true;
        }
    }
}

void kp_print_lines(json_t *result, bool json, FILE *out)
{
    const char *name;
    json_t *rows;
    json_object_foreach(result, name, rows)
    {
        size_t index;
        json_t *row;
        json_array_foreach(rows, index, row)
        {
            if (json) {
                print_json(row, out);
                continue;
            }
            const char *column;
            json_t *value;
            bool first = true;
            json_object_foreach(row, column, value)
            {
                char *text = cell_text(column, value);
                (void)fprintf(out, "%s%s=%s", first ? "" : " ", column, text);
                first = false;
                free(text);
            }
            (void)fputc('\n', out);
        }
    }
    (void)fflush(out); /* a reader sees each event when it comes */
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text == NULL ? "" : text;
}

void kp_print_metrics(json_t *result, FILE *out)
{
    const char *before = "";
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(result, "metrics"), index, row)
    {
        const char *name = text_of(row, "name");
        const char *type = text_of(row, "type");
        const char *labels = text_of(row, "labels");
        if (strcmp(name, before) != 0) {
            (void)fprintf(out, "# TYPE " METRIC_PREFIX "%s %s\n# HELP " METRIC_PREFIX "%s %s\n",
                          name, type, name, text_of(row, "help"));
            before = name;
        }
        char *value = cell_text("value", json_object_get(row, "value"));
        (void)fprintf(out, METRIC_PREFIX "%s%s%s%s%s %s\n", name,
                      strcmp(type, "counter") == 0 ? "_total" : "", labels[0] == '\0' ? "" : "{",
                      labels, labels[0] == '\0' ? "" : "}", value);
        free(value);
    }
    (void)fputs("# EOF\n", out);
}
