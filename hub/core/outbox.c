/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/outbox.h"

#include "base/assert.h"

#include <string.h>

static struct kp_key row_key(uint16_t number, uint64_t seq)
{
    return kp_key_u64(kp_key_u16(kp_key_none(), number), seq);
}

void kp_mailbox_get(struct kp_txn *txn, uint16_t number, struct kp_mailbox *ret_mailbox)
{
    struct kp_key key = kp_key_u16(kp_key_none(), number);
    struct kp_slice value;
    *ret_mailbox = (struct kp_mailbox){0};
    if (!kp_txn_get(txn, KP_TABLE_MAILBOX, kp_key_slice(&key), &value)) {
        return;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    ret_mailbox->last_seq = kp_get_u64(&reader);
    ret_mailbox->acked_seq = kp_get_u64(&reader);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the row of mailbox %u does not decode", number);
    }
}

static void put_mailbox(struct kp_txn *txn, uint16_t number, const struct kp_mailbox *mailbox)
{
    uint8_t bytes[16];
    struct kp_writer writer;
    struct kp_key key = kp_key_u16(kp_key_none(), number);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u64(&writer, mailbox->last_seq);
    kp_put_u64(&writer, mailbox->acked_seq);
    kp_txn_put(txn, KP_TABLE_MAILBOX, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

static void touch(struct kp_effects *effects, uint16_t number)
{
    effects->mailboxes[number / 64] |= UINT64_C(1) << (number % 64);
}

uint64_t kp_outbox_put(struct kp_core *core, struct kp_txn *txn, uint16_t number,
                       Knooppunt__V1__Event *event)
{
    struct kp_mailbox mailbox;
    uint8_t event_id[16] = {0};
    char traceparent[64] = "";
    KP_ASSERT(number > 0 && number < KP_COUNTERPART_NUMBERS);
    kp_mailbox_get(txn, number, &mailbox);
    uint64_t seq = ++mailbox.last_seq;

    struct kp_writer id;
    kp_writer_init(&id, event_id, sizeof event_id);
    kp_put_u64(&id, number);
    kp_put_u64(&id, seq);
    event->has_event_id = 1;
    event->event_id = (ProtobufCBinaryData){.len = sizeof event_id, .data = event_id};
    event->has_at_ms = 1;
    event->at_ms = core->now.ms;
    if (core->traceparent.size > 0 && core->traceparent.size < sizeof traceparent) {
        memcpy(traceparent, core->traceparent.bytes, core->traceparent.size);
        event->traceparent = traceparent;
    }
    struct kp_slice bytes = kp_codec_pack(txn->scratch, &event->base);
    event->event_id.data = NULL;
    event->traceparent = NULL;
    if (bytes.size == 0) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for one event");
        return 0;
    }
    struct kp_key key = row_key(number, seq);
    kp_txn_put(txn, KP_TABLE_OUTBOX, kp_key_slice(&key), bytes, KP_SUBJECT_NONE);
    put_mailbox(txn, number, &mailbox);
    touch(core->effects, number);
    return seq;
}

void kp_outbox_caused(struct kp_txn *txn, uint64_t position, uint16_t number, uint64_t seq)
{
    struct kp_slice found;
    struct kp_slice value;
    uint8_t count = 0;
    struct kp_key prefix = kp_key_u64(kp_key_none(), position);
    struct kp_key from = kp_key_u8(prefix, 0);
    /* Few events have one cause: counting the rows that are there keeps the number with the data.
     */
    bool after = false;
    while (kp_txn_seek(txn, KP_TABLE_CAUSED, kp_key_slice(&from), after, &found, &value) &&
           kp_slice_equal(kp_slice_of(found.bytes, 8), kp_key_slice(&prefix))) {
        count = (uint8_t)(found.bytes[8] + 1);
        from = kp_key_u8(prefix, found.bytes[8]);
        after = true;
    }
    if (count == UINT8_MAX) {
        return; /* the trace of one signal shows the first 255 events */
    }
    uint8_t bytes[10];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u16(&writer, number);
    kp_put_u64(&writer, seq);
    struct kp_key key = kp_key_u8(prefix, count);
    kp_txn_put(txn, KP_TABLE_CAUSED, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

void kp_outbox_put_role(struct kp_core *core, struct kp_txn *txn, enum kp_role role,
                        Knooppunt__V1__Event *event, uint64_t caused_by)
{
    for (uint32_t i = 0; i < core->house.user_count; i++) {
        if (core->house.users[i].role != role) {
            continue;
        }
        uint64_t seq = kp_outbox_put(core, txn, core->house.users[i].number, event);
        if (caused_by != 0) {
            kp_outbox_caused(txn, caused_by, core->house.users[i].number, seq);
        }
    }
}

void kp_outbox_ack(struct kp_core *core, struct kp_txn *txn, uint16_t number, uint64_t seq)
{
    struct kp_mailbox mailbox;
    kp_mailbox_get(txn, number, &mailbox);
    if (seq <= mailbox.acked_seq || seq > mailbox.last_seq) {
        return; /* a repeat, or of another life of this mailbox: the cursor never goes back or
                   beyond */
    }
    for (uint64_t gone = mailbox.acked_seq + 1; gone <= seq; gone++) {
        struct kp_key key = row_key(number, gone);
        (void)kp_txn_del(txn, KP_TABLE_OUTBOX, kp_key_slice(&key)); /* all of them are there */
    }
    mailbox.acked_seq = seq;
    put_mailbox(txn, number, &mailbox);

    uint8_t bytes[8];
    struct kp_writer writer;
    struct kp_key key = row_key(number, seq);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_i64(&writer, core->now.ms);
    kp_txn_put(txn, KP_TABLE_ACKED, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
    touch(core->effects, number);
}
