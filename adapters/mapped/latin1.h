/* SPDX-License-Identifier: EUPL-1.2 */
/* ISO-8859-1, in and out. */
#ifndef KP_MAPPED_LATIN1_H
#define KP_MAPPED_LATIN1_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* The file as a whole. KP_E_ENCODING  NUL bytes or UTF-16; a UTF-8 mark at the start; or every byte
 * beyond ASCII is part of a UTF-8 sequence, so that names would come out as rubbish and make new
 * persons. */
KP_MUST_CHECK enum kp_err kp_latin1_check(struct kp_slice file, struct kp_diag *reterr_diag);
/* In @arena; the empty slice when it is full. Every byte has a character. */
struct kp_slice kp_latin1_to_utf8(struct kp_arena *arena, struct kp_slice text);
/* UTF-8 as one cell of CSV in ISO-8859-1: quoted where needed, characters that it lacks become "?",
 * and a cell that a spreadsheet would take for a formula gets an apostrophe in front. */
void kp_latin1_put_cell(struct kp_writer *writer, const char *text);

#endif
