/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rows of a CSV export with their line numbers, over libcsv in strict mode. A row that cannot be
 * read (a quote in the wrong place or one that never ends) is given as such, and reading goes on at
 * the line after the one it started on: one bad quote costs one row, never the rest of the file.
 */
#ifndef KP_MAPPED_CSV_ROWS_H
#define KP_MAPPED_CSV_ROWS_H

#include "base/arena.h"
#include "base/err.h"

#define KP_CSV_FIELDS_MAX 64u
#define KP_CSV_ROW_BYTES_MAX (64u << 10)

struct kp_csv_row {
    uint32_t line;                             /* where it starts, 1-based */
    uint32_t count;                            /* of fields */
    struct kp_slice fields[KP_CSV_FIELDS_MAX]; /* raw bytes, in the arena */
    /* KP_OK, or KP_E_RECORD, KP_E_LENGTH: then there are no fields. */
    struct kp_diag fault;
};

/* @row  valid until the next call. false stops. */
typedef bool kp_csv_sink(void *context, const struct kp_csv_row *row);

/* Empty lines are no rows. The arena is reset before each row.
 * @fields_expected  a row over several lines with another number of fields is one whose quote was
 * never closed. */
void kp_csv_read(struct kp_slice file, uint8_t delimiter, uint32_t fields_expected,
                 struct kp_arena *arena, kp_csv_sink *sink, void *context);

#endif
