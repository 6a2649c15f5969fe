/* SPDX-License-Identifier: EUPL-1.2 */
/* A registration as a CSV file: its rows as forms, and what is wrong with them. */
#ifndef KP_LINK_TABLE_H
#define KP_LINK_TABLE_H

#include "base/arena.h"
#include "base/err.h"
#include "intake/form.h"
#include "link/columns.h"

#define KP_LINK_ID_BYTES_MAX 100u

/* @id    borrowed until the call returns.
 * @line  where the row starts. */
typedef void kp_link_row(void *context, uint32_t line, struct kp_slice id,
                         const struct kp_form *form);
/* What is wrong in a line, for a person. @left_out  the whole row; else only what is told */
typedef void kp_link_fault(void *context, uint32_t line, bool left_out, const char *why);

struct kp_link_sink {
    kp_link_row *row;
    kp_link_fault *fault;
    void *context;
};

/* Every row of the file, in order. Fields stand apart by what the header has most of: comma,
 * semicolon or tab. A cell that is not UTF-8 is read as ISO-8859-1. @map learns which of its names
 * were found. KP_E_USAGE  the file is empty, UTF-16, or see kp_link_header */
KP_MUST_CHECK enum kp_err kp_link_read(struct kp_slice file, struct kp_link_map *map,
                                       const struct kp_link_sink *sink,
                                       struct kp_diag *reterr_diag);

#endif
