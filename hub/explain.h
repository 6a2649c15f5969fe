/* SPDX-License-Identifier: EUPL-1.2 */
/* Why two forms are one person, or are not, in words for who reads it (Dutch) and as numbers. */
#ifndef KP_HUB_EXPLAIN_H
#define KP_HUB_EXPLAIN_H

#include "answer.h"
#include "core/command.h"
#include "core/forms.h"
#include "core/match/score.h"
#include "core/person.h"

/* "12.25", also amid Dutch words: one way of writing for whoever reads it */
const char *kp_explain_bits(struct kp_arena *arena, int32_t bits);
const char *kp_explain_grade(uint8_t grade);
const char *kp_explain_principle(uint8_t principle); /* "" for none */
const char *kp_explain_decision(uint8_t decision);

/* Two sections. "found": a row for each key under which the two meet; "weighed": one for each
 * field, with what both forms say, a waterfall that begins with the prior and ends with the sum
 * after the principle. @rival: of somebody else, "not_found" and "not_weighed". */
void kp_explain_pair(const struct kp_match_model *model, struct kp_txn *txn,
                     const struct kp_known_form *a, const struct kp_known_form *b, bool rival,
                     struct kp_answer *answer);
/* The one of his forms that is most like this one; false: he has no other. */
bool kp_explain_best(const struct kp_match_model *model, struct kp_txn *txn,
                     const struct kp_person *person, const struct kp_known_form *form,
                     struct kp_known_form *ret_best, struct kp_match_score *ret_score);
/* "because": why a mention is of this person, as one text in the present row. */
void kp_explain_mention(const struct kp_match_model *model, struct kp_txn *txn,
                        const struct kp_command_mention *mention, uint64_t person,
                        struct kp_answer *answer);

#endif
