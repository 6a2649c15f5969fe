/* SPDX-License-Identifier: EUPL-1.2 */
/* Which persons would be others if an epoch were activated. Changes nothing. */
#ifndef KP_LEARN_COMPARE_H
#define KP_LEARN_COMPARE_H

#include "core/cluster.h"
#include "learn/walk.h"

struct kp_comparison {
    uint64_t forms;   /* looked at */
    uint64_t persons; /* who would have other forms than now */
    uint64_t listed;  /* of them, told one by one */
    uint64_t large;   /* forms in what is too large to be put together, which is not compared */
};

/* One person who would be another: each of his forms, and each form that would be with one of
 * them. */
#define KP_CHANGE_FORMS_MAX 512u
struct kp_change_form {
    uint64_t form, person; /* as it is now */
    uint64_t group;        /* then: the lowest form of its person */
};
struct kp_change {
    uint64_t person;
    uint32_t count;
    bool cut;                                         /* more than there is room for */
    struct kp_change_form forms[KP_CHANGE_FORMS_MAX]; /* rising by group and form */
};
typedef void kp_change_fn(void *context, const struct kp_change *change);

/* Any thread. @listed_max  so many persons are told one by one, each once
 * KP_E_NOT_FOUND  no such epoch · KP_E_LATER  stopped · errors of the store */
KP_MUST_CHECK enum kp_err kp_compare(struct kp_walk *walk, uint32_t epoch, uint32_t listed_max,
                                     kp_change_fn *on_change, void *context,
                                     struct kp_comparison *ret_comparison,
                                     struct kp_diag *reterr_diag);

#endif
