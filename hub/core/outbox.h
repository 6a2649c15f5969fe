/* SPDX-License-Identifier: EUPL-1.2 */
/* Mailboxes: each counterpart's ordered, durable events, kept until he acknowledges them. A
 * mailbox's number is its counterpart's number, its name the counterpart's id. */
#ifndef KP_CORE_OUTBOX_H
#define KP_CORE_OUTBOX_H

#include "core/core.h"
#include "proto/codec.h"

struct kp_mailbox {
    uint64_t last_seq;  /* 0: nothing was ever put in */
    uint64_t acked_seq; /* everything up to here is safe with the receiver, and gone here */
};

void kp_mailbox_get(struct kp_txn *txn, uint16_t number, struct kp_mailbox *ret_mailbox);

/* Put one event into a mailbox. Fills event_id, at_ms and traceparent. Returns its sequence (0
 * after a failure). */
uint64_t kp_outbox_put(struct kp_core *core, struct kp_txn *txn, uint16_t number,
                       Knooppunt__V1__Event *event);
/* The same to every user with @role. @caused_by: position of the signal that caused it, for the
 * trace; 0: none. */
void kp_outbox_put_role(struct kp_core *core, struct kp_txn *txn, enum kp_role role,
                        Knooppunt__V1__Event *event, uint64_t caused_by);
/* Remember that the signal at @position caused the event, for the trace. */
void kp_outbox_caused(struct kp_txn *txn, uint64_t position, uint16_t number, uint64_t seq);
/* Everything of the mailbox up to @seq is safe: remove it. More than there is, or less than before:
 * ignored. */
void kp_outbox_ack(struct kp_core *core, struct kp_txn *txn, uint16_t number, uint64_t seq);

#endif
