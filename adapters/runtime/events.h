/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * From the hub's mailboxes to this side's disk: each event is stored and synced before it is
 * acknowledged, and never stored twice (the cursor of the mailbox is in the spool, in the same
 * transaction as what the event changed there). Outcomes go to the spool; every other event goes to
 * a store: files in the inbox for a partner, lines for a user. One thread.
 */
#ifndef KP_ADAPTER_EVENTS_H
#define KP_ADAPTER_EVENTS_H

#include "knooppunt/client.h"
#include "runtime/spool.h"

#define KP_EVENT_MAILBOXES_MAX 8u
#define KP_EVENT_CREDIT 256u

struct kp_event_item {
    const char *mailbox;
    uint64_t seq;
    const Knooppunt__V1__Event *event; /* NULL: this version cannot read it; @bytes has it */
    struct kp_slice bytes;
};

/* Where events are put. */
struct kp_event_store {
    void *context;
    bool keeps_outcomes; /* outcomes are put here as well */
    /* Make it last, or have sync do so. The same item again replaces or is passed over. */
    enum kp_err (*put)(void *context, const struct kp_event_item *item,
                       struct kp_diag *reterr_diag);
    /* All that was put is on disk. */
    enum kp_err (*sync)(void *context, struct kp_diag *reterr_diag);
};

struct kp_events {
    struct kp_spool *spool;
    struct kp_client *client;
    struct kp_event_store store;
    struct kp_arena arena;
    uint64_t stored;   /* events since the start */
    uint64_t outcomes; /* signals that got their outcome since the start */
    uint32_t mailbox_count;
    struct kp_events_mailbox {
        char name[KP_ID_BYTES_MAX + 1];
        uint64_t ack;  /* stored in the open transaction; acknowledged after the commit; 0: none */
        uint32_t used; /* credit used since it was last given */
    } mailboxes[KP_EVENT_MAILBOXES_MAX];
};

void kp_events_init(struct kp_events *events, struct kp_spool *spool, struct kp_client *client,
                    const struct kp_event_store *store);
void kp_events_done(struct kp_events *events);
/* In a write transaction: compares the hub's cursors with ours.
 * KP_E_STATE  the hub's mailbox ends before what we stored: it was restored from an old backup */
KP_MUST_CHECK enum kp_err kp_events_on_welcome(struct kp_events *events,
                                               const Knooppunt__V1__Welcome *welcome,
                                               struct kp_diag *reterr_diag);
/* In a write transaction. */
KP_MUST_CHECK enum kp_err kp_events_on_deliver(struct kp_events *events,
                                               const Knooppunt__V1__Deliver *deliver,
                                               struct kp_diag *reterr_diag);
/* After the commit: acknowledge, and give credit back. A message that cannot be sent now is not
 * needed: the next Welcome starts from the hub's own cursor. */
void kp_events_after_commit(struct kp_events *events);

#endif
