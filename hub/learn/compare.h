/* SPDX-License-Identifier: EUPL-1.2 */
/* Which persons would be others if an epoch were activated. Changes nothing. */
#ifndef KP_LEARN_COMPARE_H
#define KP_LEARN_COMPARE_H

#include "core/cluster.h"
#include "learn/walk.h"

struct kp_comparison {
    uint64_t forms;   /* looked at */
    uint64_t changes; /* sets of forms that are parted otherwise */
    uint64_t persons; /* in them, who have other forms than now */
    uint64_t large;   /* forms in what is too large to be put together, which is not compared */
};

/* One change; @txn is the one in which it was found. */
typedef void kp_change_fn(void *context, struct kp_txn *txn, const struct kp_trial *trial);

/* Any thread. KP_E_NOT_FOUND  no such epoch · KP_E_LATER  stopped · errors of the store */
KP_MUST_CHECK enum kp_err kp_compare(struct kp_walk *walk, uint32_t epoch, kp_change_fn *on_change,
                                     void *context, struct kp_comparison *ret_comparison,
                                     struct kp_diag *reterr_diag);

#endif
