/* SPDX-License-Identifier: EUPL-1.2 */
/* How often each name is found in the forms of a house, and how many are said to be born on each
 * day. Counted in one pass; what is kept of it is rounded (core/match/terms.h). */
#ifndef KP_TRAIN_TERMS_H
#define KP_TRAIN_TERMS_H

#include "core/match/terms.h"

struct kp_term_counter;

struct kp_term_counter *kp_term_counter_new(void);
struct kp_term_counter *kp_term_counter_free(struct kp_term_counter *counter);
/* One form, as it was written. */
void kp_term_counter_add(struct kp_term_counter *counter, const struct kp_form *form);
/* Does not depend on the order in which the forms came. */
void kp_term_counter_finish(const struct kp_term_counter *counter,
                            struct kp_match_terms *ret_terms);

#endif
