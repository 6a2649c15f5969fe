/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One source of data, two printers. A result is a JSON object whose arrays of objects are the
 * sections; `--json` prints it as it is, and people get tables made from the same object.
 */
#ifndef KP_CLI_PRINT_H
#define KP_CLI_PRINT_H

#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* On stderr with who must act and the next step; with @json one object {"code", "name", "text"} on
 * stdout. */
void kp_print_error(const struct kp_diag *diag, bool json);

/* The whole result: texts at the top first, then each section. */
void kp_print_result(json_t *result, bool json, FILE *out);
/* One line for each row of each section: for what comes in piece by piece. */
void kp_print_lines(json_t *result, bool json, FILE *out);
/* The section "metrics" as OpenMetrics: rows with name, type, help, labels (optional) and value. */
void kp_print_metrics(json_t *result, FILE *out);

/* Text as JSON: invalid UTF-8 becomes its bytes in hex. Never NULL. */
json_t *kp_json_text(const char *text);
json_t *kp_json_hex(struct kp_slice bytes);
/* object[name] = value; takes the reference. */
void kp_json_set(json_t *object, const char *name, json_t *value);

#endif
