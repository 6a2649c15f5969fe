/* SPDX-License-Identifier: EUPL-1.2 */
/* The files in which the result is written. What stood in them goes only when there is a result. */
#ifndef KP_LINK_RESULT_H
#define KP_LINK_RESULT_H

#include "base/err.h"
#include "link/bulk.h"
#include "link/rec_ids.h"

#include <stdio.h>

struct kp_result_file {
    const char *path;
    FILE *file;
    bool made; /* it did not exist */
};

/* @path NULL: none is wanted, and the others do nothing. KP_E_IO */
KP_MUST_CHECK enum kp_err kp_result_open(struct kp_result_file *result, const char *path,
                                         struct kp_diag *reterr_diag);
/* Whether a file (not a device) is this one too, by whatever name. */
bool kp_result_is(const struct kp_result_file *result, const char *path);
/* "rec_id,cluster_id", a row each, in the order in which they came. KP_E_IO */
KP_MUST_CHECK enum kp_err kp_result_clusters(struct kp_result_file *result,
                                             const struct kp_bulk *bulk,
                                             const struct kp_rec_ids *ids,
                                             struct kp_diag *reterr_diag);
/* "rec_id_a,rec_id_b,bits,grade", the most alike first, then by their ids. KP_E_IO */
KP_MUST_CHECK enum kp_err kp_result_pairs(struct kp_result_file *result, struct kp_bulk *bulk,
                                          const struct kp_rec_ids *ids, const uint32_t *ranks,
                                          struct kp_diag *reterr_diag);
/* One that was made for a result that did not come is taken away. */
void kp_result_close(struct kp_result_file *result, bool written);

#endif
