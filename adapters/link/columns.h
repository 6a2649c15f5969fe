/* SPDX-License-Identifier: EUPL-1.2 */
/* The columns of a registration: how we call them, how a file does, and where its header has them.
 */
#ifndef KP_LINK_COLUMNS_H
#define KP_LINK_COLUMNS_H

#include "base/err.h"
#include "base/slice.h"
#include "mapped/csv_rows.h"

#define KP_LINK_NO_COLUMN UINT32_MAX

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
    const char *theirs[KP_COLUMN_END]; /* how a file calls our column; NULL: as we do */
    bool found[KP_COLUMN_END];         /* under that name, in a header read so far */
};

/* As we call it: "geslachtsnaam". */
const char *kp_link_column_name(enum kp_link_column column);

/* "OURS=THEIRS,..."; @text is cut up and must outlive the map. KP_E_USAGE */
KP_MUST_CHECK enum kp_err kp_link_map_take(struct kp_link_map *map, char *text,
                                           struct kp_diag *reterr_diag);
/* After all files: each name that was given stands in a header. KP_E_USAGE */
KP_MUST_CHECK enum kp_err kp_link_map_check(const struct kp_link_map *map,
                                            struct kp_diag *reterr_diag);
/* Which field of a row is which column; KP_LINK_NO_COLUMN for those that it has not. Small and
 * capital letters are alike. KP_E_USAGE  no rec_id, nothing to match by, or one name twice */
KP_MUST_CHECK enum kp_err kp_link_header(struct kp_link_map *map, const struct kp_csv_row *row,
                                         uint32_t ret_at[KP_COLUMN_END],
                                         struct kp_diag *reterr_diag);
/* Without spaces and tabs around it. */
struct kp_slice kp_link_trim(struct kp_slice cell);

#endif
