/* SPDX-License-Identifier: EUPL-1.2 */
/* What a house's own index says of the weights and of how often names are found. Bounded memory;
 * the same index gives the same answer. */
#ifndef KP_LEARN_LEARN_H
#define KP_LEARN_LEARN_H

#include "core/match/terms.h"
#include "learn/walk.h"

#define KP_LEARN_FORMS_MIN 1000u /* fewer say too little: the shipped weights hold */

/* Large: keep it on the heap. */
struct kp_learned {
    uint64_t forms; /* that there were */
    struct kp_match_model model;
    struct kp_match_terms terms;
};

/* Any thread; takes minutes. @report may be NULL.
 * KP_E_STATE  the house is too small to learn from · KP_E_LATER  stopped · errors of the store */
KP_MUST_CHECK enum kp_err kp_learn(struct kp_store *store, kp_report_fn *report, void *context,
                                   struct kp_learned *ret_learned, struct kp_diag *reterr_diag);

#endif
