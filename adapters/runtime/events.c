/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/events.h"

#include "base/assert.h"
#include "base/log.h"
#include "runtime/submit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES (24u << 20)

void kp_events_init(struct kp_events *events, struct kp_spool *spool, struct kp_client *client,
                    const struct kp_event_store *store)
{
    *events = (struct kp_events){.spool = spool, .client = client, .store = *store};
    kp_arena_init(&events->arena, ARENA_BYTES);
}

void kp_events_done(struct kp_events *events)
{
    kp_arena_done(&events->arena);
}

/* A mailbox is named by the id of its receiver; anything else would be a file name we never chose.
 */
static bool is_mailbox_name(const char *name)
{
    size_t size = name == NULL ? 0 : strlen(name);
    return size > 0 && size <= KP_ID_BYTES_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static struct kp_events_mailbox *find_mailbox(struct kp_events *events, const char *name)
{
    for (uint32_t i = 0; i < events->mailbox_count; i++) {
        if (strcmp(events->mailboxes[i].name, name) == 0) {
            return &events->mailboxes[i];
        }
    }
    return NULL;
}

enum kp_err kp_events_on_welcome(struct kp_events *events, const Knooppunt__V1__Welcome *welcome,
                                 struct kp_diag *reterr_diag)
{
    events->mailbox_count = 0;
    for (size_t i = 0; i < welcome->n_mailboxes; i++) {
        const Knooppunt__V1__MailboxState *state = welcome->mailboxes[i];
        if (!is_mailbox_name(state->mailbox) || events->mailbox_count == KP_EVENT_MAILBOXES_MAX) {
            return kp_fail(reterr_diag, KP_E_VALUE, "a mailbox in the Welcome cannot be used");
        }
        uint64_t cursor = kp_spool_cursor(events->spool, state->mailbox);
        if (state->last_seq < cursor) {
            return kp_fail(reterr_diag, KP_E_STATE,
                           "mailbox %s ends at %" PRIu64 " and we stored up to %" PRIu64
                           ": the hub was restored from an older backup",
                           state->mailbox, state->last_seq, cursor);
        }
        struct kp_events_mailbox *mailbox = &events->mailboxes[events->mailbox_count++];
        *mailbox = (struct kp_events_mailbox){.used = KP_EVENT_CREDIT};
        (void)snprintf(mailbox->name, sizeof mailbox->name, "%s", state->mailbox);
    }
    return KP_OK;
}

static enum kp_err store_event(struct kp_events *events, const struct kp_event_item *item,
                               struct kp_diag *reterr_diag)
{
    const Knooppunt__V1__Event *event = item->event;
    if (event != NULL && event->body_case == KNOOPPUNT__V1__EVENT__BODY_OUTCOMES) {
        uint32_t known = 0;
        kp_submit_on_outcomes(events->spool, event->outcomes, &known);
        events->outcomes += known;
        /* One that is of no batch of ours any more is what the operator made of a held signal: the
         * file's result is long written, so it is told like any other event. */
        bool late = known == 0 && event->outcomes->n_outcomes == 1;
        if (!events->store.keeps_outcomes && !late) {
            return KP_OK;
        }
    }
    events->stored++;
    return events->store.put(events->store.context, item, reterr_diag);
}

enum kp_err kp_events_on_deliver(struct kp_events *events, const Knooppunt__V1__Deliver *deliver,
                                 struct kp_diag *reterr_diag)
{
    struct kp_events_mailbox *mailbox = find_mailbox(events, deliver->mailbox);
    if (mailbox == NULL) {
        return KP_OK; /* gave no credit for it: not ours */
    }
    uint64_t cursor = kp_spool_cursor(events->spool, mailbox->name);
    for (size_t i = 0; i < deliver->n_deliveries; i++) {
        const Knooppunt__V1__Delivery *delivery = deliver->deliveries[i];
        mailbox->used++;
        if (delivery->seq <= cursor) {
            /* Stored already, by its cursor; never acknowledge what was not delivered. */
            mailbox->ack = delivery->seq > mailbox->ack ? delivery->seq : mailbox->ack;
            continue;
        }
        struct kp_event_item item = {
            .mailbox = mailbox->name,
            .seq = delivery->seq,
            .bytes = kp_slice_of(delivery->event.data, delivery->event.len),
        };
        ProtobufCMessage *message;
        kp_arena_reset(&events->arena);
        struct kp_diag unread;
        if (kp_codec_open_tolerant(&knooppunt__v1__event__descriptor, &kp_gate_frame, item.bytes,
                                   &events->arena, &message, &unread) == KP_OK) {
            item.event = (const Knooppunt__V1__Event *)message;
        }
        enum kp_err err = store_event(events, &item, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        cursor = delivery->seq;
        mailbox->ack = cursor;
        kp_spool_set_cursor(events->spool, mailbox->name, cursor);
    }
    return events->store.sync(events->store.context, reterr_diag);
}

void kp_events_after_commit(struct kp_events *events)
{
    for (uint32_t i = 0; i < events->mailbox_count; i++) {
        struct kp_events_mailbox *mailbox = &events->mailboxes[i];
        if (mailbox->ack > 0 && kp_client_ack(events->client, mailbox->name, mailbox->ack,
                                              /* reterr_diag= */ NULL) == KP_OK) {
            mailbox->ack = 0;
        }
        if (mailbox->used >= KP_EVENT_CREDIT / 4 &&
            kp_client_credit(events->client, mailbox->name, mailbox->used,
                             /* reterr_diag= */ NULL) == KP_OK) {
            mailbox->used = 0;
        }
    }
}
