/* SPDX-License-Identifier: EUPL-1.2 */
/* One signal: is it new, a repeat, a newer version or a withdrawal; then the dossier, or the held
 * list. */
#ifndef KP_CORE_SIGNAL_H
#define KP_CORE_SIGNAL_H

#include "core/core.h"

/* What became of it. Numbers of @kind are OutcomeKind's. */
struct kp_signal_outcome {
    uint8_t kind;
    uint64_t first_position; /* of the signal that it repeats, replaces, withdraws or conflicts
                                with; 0: none */
    uint32_t code;           /* held: enum kp_err */
    struct kp_slice field;
};

/* Apply the signal at core->position, sent by @partner (counterpart number) in the batch at
 * @batch_position. */
void kp_signal_apply(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                     uint64_t batch_position, const struct kp_command_signal *signal,
                     struct kp_signal_outcome *ret_outcome);
/* The held signal at @held_position was taken in again as @signal. */
void kp_signal_retry(struct kp_core *core, struct kp_txn *txn, uint64_t held_position,
                     const struct kp_command_signal *signal, uint16_t *ret_partner,
                     struct kp_signal_outcome *ret_outcome);
/* An operator gives up the held signal. false: there is none at this position. */
bool kp_signal_drop(struct kp_txn *txn, uint64_t held_position, uint16_t *ret_partner,
                    struct kp_command_signal *ret_signal);

#endif
