/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Delivery: sessions of the doors, and the thread that takes events from the mailboxes to the
 * receivers who gave credit. Nothing here changes the state: the cursor moves when an
 * acknowledgement was journalled and applied.
 */
#ifndef KP_DELIVER_DELIVER_H
#define KP_DELIVER_DELIVER_H

#include "base/time.h"
#include "core/core.h"
#include "net/doors.h"

#define KP_SESSION_BYTES 16

struct kp_deliver;

/* Borrowed: @store and @doors outlive it. Starts the thread. */
struct kp_deliver *kp_deliver_start(struct kp_store *store, struct kp_doors *doors);
struct kp_deliver *kp_deliver_stop(struct kp_deliver *deliver);

/* --- any thread --- */

/* A new session on @door: its mailbox starts again after @acked_seq, without credit. */
void kp_deliver_open(struct kp_deliver *deliver, uint16_t door,
                     const uint8_t session[KP_SESSION_BYTES], uint64_t acked_seq);
/* The peer is gone or shut out: the session is over. */
void kp_deliver_close(struct kp_deliver *deliver, uint16_t door);
/* Whether this is the door's present session. */
bool kp_deliver_is_session(struct kp_deliver *deliver, uint16_t door, struct kp_slice session);
/* @events more may be delivered; the sum stays within KP_ACK_ROWS_MAX unacknowledged. */
void kp_deliver_credit(struct kp_deliver *deliver, uint16_t door, uint32_t events);
/* Something is new in these mailboxes (struct kp_effects). */
void kp_deliver_wake(struct kp_deliver *deliver, const uint64_t *mailboxes);
/* The answers that are still being worked on for this session: batches in flight. false: too many
 * already. */
bool kp_deliver_take_off(struct kp_deliver *deliver, uint16_t door, uint32_t in_flight_max);
void kp_deliver_land(struct kp_deliver *deliver, uint16_t door);

struct kp_session_stat {
    bool open;
    uint32_t credit, in_flight;
    uint64_t sent_seq, events_sent;
    struct kp_wall since;
};
void kp_deliver_stat(struct kp_deliver *deliver, uint16_t door, struct kp_session_stat *ret_stat);

#endif
