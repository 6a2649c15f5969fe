/* SPDX-License-Identifier: EUPL-1.2 */
/* One batch of a partner: its signals in order, its evidence, its outcomes to the sender, its audit
 * entries. */
#ifndef KP_CORE_BATCH_H
#define KP_CORE_BATCH_H

#include "core/core.h"
#include "core/signal.h"

/* Evidence of a batch as stored (KP_TABLE_BATCH): what was signed, by whom, and what became of each
 * signal. */
struct kp_stored_batch {
    uint64_t position; /* of its first signal */
    uint16_t partner;
    struct kp_wall stamp;
    struct kp_slice message_id, traceparent, certificate_digest, signature;
    uint8_t algorithm;
    uint32_t signal_count;
    uint64_t outcome_seq;     /* of the event with its outcomes in the partner's mailbox */
    struct kp_slice digests;  /* 32 bytes each */
    struct kp_slice outcomes; /* OutcomeKind, one byte each */
};

/* The batch that covers @position; false when there is none. */
bool kp_batch_get(struct kp_txn *txn, uint64_t position, struct kp_stored_batch *ret_batch);

/* Apply KP_COMMAND_BATCH; @reader stands after the head. */
void kp_batch_apply(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                    uint32_t positions, struct kp_reader *reader);
/* Apply KP_COMMAND_HELD_RETRY and KP_COMMAND_HELD_DROP. */
void kp_batch_held_retry(struct kp_core *core, struct kp_txn *txn,
                         const struct kp_command_head *head, struct kp_reader *reader);
void kp_batch_held_drop(struct kp_core *core, struct kp_txn *txn,
                        const struct kp_command_head *head, struct kp_reader *reader);

#endif
