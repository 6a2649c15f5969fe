/* SPDX-License-Identifier: EUPL-1.2 */
/* A registration as a CSV file: which column is what, and its rows as forms. */
#ifndef KP_LINK_TABLE_H
#define KP_LINK_TABLE_H

#include "base/arena.h"
#include "base/err.h"
#include "intake/form.h"

#define KP_LINK_ID_BYTES_MAX 100u

enum kp_link_column {
    KP_COLUMN_REC_ID,
    KP_COLUMN_BSN,
    KP_COLUMN_GIVEN_NAMES,
    KP_COLUMN_INITIALS,
    KP_COLUMN_PREFIX,
    KP_COLUMN_SURNAME,
    KP_COLUMN_PARTNER_PREFIX,
    KP_COLUMN_PARTNER_SURNAME,
    KP_COLUMN_NAME_USAGE,
    KP_COLUMN_BIRTH_DATE,
    KP_COLUMN_GENDER,
    KP_COLUMN_POSTCODE,
    KP_COLUMN_STREET,
    KP_COLUMN_HOUSE_NUMBER,
    KP_COLUMN_BIRTH_PLACE,
    KP_COLUMN_END
};

struct kp_link_map {
    const char *theirs[KP_COLUMN_END]; /* the header under which a file has our column */
};

/* Our own names. */
void kp_link_map_init(struct kp_link_map *map);
/* "OURS=THEIRS,..."; @text is cut up and must outlive the map. KP_E_USAGE */
KP_MUST_CHECK enum kp_err kp_link_map_take(struct kp_link_map *map, char *text,
                                           struct kp_diag *reterr_diag);

/* @id  borrowed until the call returns. */
typedef void kp_link_row(void *context, struct kp_slice id, const struct kp_form *form);
/* A row that cannot be used: which line, and why. */
typedef void kp_link_fault(void *context, uint32_t line, const char *why);

struct kp_link_sink {
    kp_link_row *row;
    kp_link_fault *fault;
    void *context;
};

/* Every row of the file, in order. KP_E_USAGE  the header has no rec_id, or nothing to match by */
KP_MUST_CHECK enum kp_err kp_link_read(struct kp_slice file, const struct kp_link_map *map,
                                       const struct kp_link_sink *sink,
                                       struct kp_diag *reterr_diag);

#endif
