/* SPDX-License-Identifier: EUPL-1.2 */
/* Held signals: journalled, unusable until repaired, bounded per partner; and the counts of each
 * partner. */
#ifndef KP_CORE_HELD_H
#define KP_CORE_HELD_H

#include "core/core.h"

struct kp_held {
    uint64_t position;
    uint16_t partner;
    uint32_t code; /* enum kp_err */
    uint32_t retries;
    struct kp_wall since;
    struct kp_slice field;
    struct kp_command_signal
        signal; /* as it came; for KP_E_POISON signal.signal is the whole command */
};

struct kp_partner_counts {
    uint64_t signals; /* in batches applied, whatever became of them */
    uint32_t held;
};

/* Slices live in the transaction's scratch. false: none at this position. */
bool kp_held_get(struct kp_txn *txn, uint64_t position, struct kp_held *ret_held);
/* The first one after @position. */
bool kp_held_next(struct kp_txn *txn, uint64_t position, struct kp_held *ret_held);
/* Keep it, count it, and tell the operators when it is the partner's first. */
void kp_held_put(struct kp_core *core, struct kp_txn *txn, const struct kp_held *held);
/* Write it again with another code, field or number of tries. */
void kp_held_update(struct kp_txn *txn, const struct kp_held *held);
void kp_held_remove(struct kp_txn *txn, uint64_t position, uint16_t partner);

void kp_partner_counts_get(struct kp_txn *txn, uint16_t partner,
                           struct kp_partner_counts *ret_counts);
void kp_partner_counts_put(struct kp_txn *txn, uint16_t partner,
                           const struct kp_partner_counts *counts);

#endif
