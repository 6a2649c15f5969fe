/* SPDX-License-Identifier: EUPL-1.2 */
#include "reclassering/json_line.h"

#include <stdio.h>
#include <string.h>

enum kp_err kp_json_check_file(struct kp_slice file, struct kp_diag *reterr_diag)
{
    const uint8_t *nul = file.size == 0 ? NULL : memchr(file.bytes, 0, file.size);
    bool other_unicode = file.size >= 2 && (memcmp(file.bytes, "\xFE\xFF", 2) == 0 ||
                                            memcmp(file.bytes, "\xFF\xFE", 2) == 0);
    if (nul == NULL && !other_unicode) {
        return KP_OK;
    }
    uint32_t line = 1;
    for (size_t i = 0; nul != NULL && file.bytes + i < nul; i++) {
        line += file.bytes[i] == '\n' ? 1 : 0;
    }
    (void)kp_fail(reterr_diag, KP_E_ENCODING,
                  "the file is UTF-16 or holds NUL bytes; UTF-8 was agreed");
    if (reterr_diag != NULL) {
        reterr_diag->line = line;
    }
    return KP_E_ENCODING;
}

void kp_json_lines_begin(struct kp_json_lines *lines, struct kp_slice file)
{
    *lines = (struct kp_json_lines){.file = file};
    if (file.size >= 3 && memcmp(file.bytes, "\xEF\xBB\xBF", 3) == 0) {
        lines->offset = 3;
    }
}

static void fail_line(struct kp_json_lines *lines, enum kp_err err, const char *text, int column)
{
    (void)kp_fail(&lines->fault, err, "%s", text);
    lines->fault.line = lines->line;
    lines->fault.col = column > 0 ? (uint32_t)column : 0;
}

static void read_line(struct kp_json_lines *lines, struct kp_slice text)
{
    if (text.size > KP_JSON_LINE_BYTES_MAX) {
        fail_line(lines, KP_E_LENGTH, "the line is longer than a record can be", 0);
        return;
    }
    json_error_t error;
    lines->record = json_loadb((const char *)text.bytes, text.size, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(lines->record)) {
        return;
    }
    if (lines->record != NULL) {
        json_decref(lines->record);
        lines->record = NULL;
        fail_line(lines, KP_E_RECORD, "this line is JSON but no object between { and }", 0);
        return;
    }
    enum json_error_code code = json_error_code(&error);
    if (code == json_error_duplicate_key) {
        fail_line(lines, KP_E_RECORD, "a key comes twice in this line", error.column);
    } else if (code == json_error_invalid_utf8) {
        fail_line(lines, KP_E_FIELD, "this line is not valid UTF-8", error.column);
    } else {
        fail_line(lines, KP_E_RECORD, "this line is not a JSON object (was it cut off?)",
                  error.column);
    }
}

bool kp_json_lines_next(struct kp_json_lines *lines)
{
    json_decref(lines->record);
    lines->record = NULL;
    lines->fault = (struct kp_diag){0};
    while (lines->offset < lines->file.size) {
        const uint8_t *start = lines->file.bytes + lines->offset;
        const uint8_t *end = memchr(start, '\n', lines->file.size - lines->offset);
        size_t size = end == NULL ? lines->file.size - lines->offset : (size_t)(end - start);
        lines->offset += size + (end == NULL ? 0 : 1);
        lines->line = ++lines->passed;
        struct kp_slice text = kp_map_trim(kp_slice_of(start, size));
        if (text.size > 0) {
            read_line(lines, text);
            return true;
        }
    }
    return false;
}

void kp_json_lines_done(struct kp_json_lines *lines)
{
    json_decref(lines->record);
    lines->record = NULL;
}

enum kp_json_fault kp_json_check(const json_t *object, const struct kp_json_rule *rules,
                                 bool names_only, const char **ret_key)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct kp_json_rule *rule = rules;
        while (rule->key != NULL && strcmp(rule->key, key) != 0) {
            rule++;
        }
        *ret_key = key;
        if (rule->key == NULL) {
            return KP_JSON_KEY;
        }
        if (names_only || json_is_null(value)) {
            continue;
        }
        if (json_typeof(value) != rule->type) {
            return KP_JSON_TYPE;
        }
        enum kp_json_fault fault = rule->members == NULL
                                       ? KP_JSON_GOOD
                                       : kp_json_check(value, rule->members, false, ret_key);
        if (fault != KP_JSON_GOOD) {
            return fault;
        }
    }
    return KP_JSON_GOOD;
}

struct kp_field kp_json_field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return (struct kp_field){
        .name = key,
        .text = json_is_string(value)
                    ? kp_slice_of(json_string_value(value), json_string_length(value))
                    : KP_SLICE_EMPTY,
    };
}

struct kp_field kp_json_number(const json_t *object, const char *key,
                               char buffer[KP_JSON_NUMBER_SIZE])
{
    const json_t *value = json_object_get(object, key);
    buffer[0] = '\0';
    if (json_is_integer(value)) {
        (void)snprintf(buffer, KP_JSON_NUMBER_SIZE, "%lld", (long long)json_integer_value(value));
    }
    return (struct kp_field){.name = key, .text = kp_slice_str(buffer)};
}
