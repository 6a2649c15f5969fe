/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * JSON lines, over jansson: one object a line, so that a bad line costs only itself. Keys that come
 * twice are refused; libraries' messages are not passed on, for they quote the line.
 */
#ifndef KP_RECLASSERING_JSON_LINE_H
#define KP_RECLASSERING_JSON_LINE_H

#include "base/err.h"
#include "mapped/map.h"

#include <jansson.h>

#define KP_JSON_LINE_BYTES_MAX (128u << 10) /* every text of a signal could be escaped in it */
#define KP_JSON_NUMBER_SIZE 24

struct kp_json_lines {
    struct kp_slice file;
    size_t offset;         /* of the next line */
    uint32_t line, passed; /* of the present record; line ends before the next one */
    json_t *record;        /* an object, or NULL with @fault; valid until the next call */
    struct kp_diag fault;  /* KP_E_RECORD, KP_E_LENGTH, KP_E_FIELD (not UTF-8) */
};

/* KP_E_ENCODING  NUL bytes or UTF-16: no line of it can be read. */
KP_MUST_CHECK enum kp_err kp_json_check_file(struct kp_slice file, struct kp_diag *reterr_diag);
void kp_json_lines_begin(struct kp_json_lines *lines, struct kp_slice file);
/* Empty lines and a UTF-8 mark at the start are skipped. false at the end. */
bool kp_json_lines_next(struct kp_json_lines *lines);
void kp_json_lines_done(struct kp_json_lines *lines);

/* The keys that an object may have; null is always allowed. A row of {NULL} ends the table. */
struct kp_json_rule {
    const char *key;
    json_type type;
    const struct kp_json_rule *members; /* of an object */
};
enum kp_json_fault { KP_JSON_GOOD = 0, KP_JSON_KEY, KP_JSON_TYPE };
/* The first fault in the order of the object; *ret_key: a key that is not known (borrowed from
 * @object) or whose value has another type. @names_only: only this object's own keys. */
enum kp_json_fault kp_json_check(const json_t *object, const struct kp_json_rule *rules,
                                 bool names_only, const char **ret_key);

/* A text of the object; empty when absent or null. @object may be NULL. */
struct kp_field kp_json_field(const json_t *object, const char *key);
/* A whole number as text in @buffer. */
struct kp_field kp_json_number(const json_t *object, const char *key,
                               char buffer[KP_JSON_NUMBER_SIZE]);

#endif
