/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What persons decided of two forms: one person, or two. By the forms' tags, so that a decision
 * holds when a form goes and comes back. It goes before all that the matcher weighs, and is taken
 * back by another decision.
 */
#ifndef KP_CORE_DECISION_H
#define KP_CORE_DECISION_H

#include "core/core.h"
#include "core/match/partition.h"

struct kp_decided {
    uint8_t other[KP_TAG_BYTES];
    uint8_t decision; /* enum kp_match_decision */
    uint16_t author;  /* counterpart number; 0: the operator at the hub */
    uint64_t position;
};

/* KP_DECISION_NONE takes an earlier one back. */
void kp_decision_put(struct kp_txn *txn, const uint8_t *tag, const struct kp_decided *decided);
/* false: nobody decided anything of the two. */
bool kp_decision_get(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                     struct kp_decided *ret_decided);
/* The next one of a form, after that with @after (NULL: the first). */
bool kp_decision_next(struct kp_txn *txn, const uint8_t *tag, const uint8_t *after,
                      struct kp_decided *ret_decided);
/* Whether the house has any. */
bool kp_decision_any(struct kp_txn *txn);

/* KP_COMMAND_DECIDE: the decision u8, how many pairs u16, and for each two tags. Persons come
 * together and part as follows from it. */
void kp_decision_apply(struct kp_core *core, struct kp_txn *txn, uint16_t author,
                       struct kp_reader *body);

#endif
