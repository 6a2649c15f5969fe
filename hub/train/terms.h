/* SPDX-License-Identifier: EUPL-1.2 */
/* How many persons of a house bear each name, and how many are said to be born on each day. Counted
 * in one pass; what is kept of it is rounded (core/match/terms.h). */
#ifndef KP_TRAIN_TERMS_H
#define KP_TRAIN_TERMS_H

#include "core/match/terms.h"

struct kp_term_counter;

struct kp_term_counter *kp_term_counter_new(void);
struct kp_term_counter *kp_term_counter_free(struct kp_term_counter *counter);
/* The forms of one person, as they were written: what several of them say counts once, so that
 * nobody's name is common because he is written in many ways. */
void kp_term_counter_add(struct kp_term_counter *counter, const struct kp_form *forms,
                         uint32_t count);
/* Does not depend on the order in which the forms came. */
void kp_term_counter_finish(const struct kp_term_counter *counter,
                            struct kp_match_terms *ret_terms);

#endif
