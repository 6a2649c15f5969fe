/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/held.h"

#include "base/assert.h"
#include "core/outbox.h"
#include "core/text.h"

#define HELD_VERSION 1
#define HELD_BYTES_EXTRA 32768u /* the forms of all persons of one whose dossier is full */

static struct kp_key position_key(uint64_t position)
{
    return kp_key_u64(kp_key_none(), position);
}

void kp_partner_counts_get(struct kp_txn *txn, uint16_t partner,
                           struct kp_partner_counts *ret_counts)
{
    struct kp_key key = kp_key_u16(kp_key_none(), partner);
    struct kp_slice value;
    *ret_counts = (struct kp_partner_counts){0};
    if (!kp_txn_get(txn, KP_TABLE_PARTNER, kp_key_slice(&key), &value)) {
        return;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    ret_counts->signals = kp_get_u64(&reader);
    ret_counts->held = kp_get_u32(&reader);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the counts of partner %u do not decode", partner);
    }
}

void kp_partner_counts_put(struct kp_txn *txn, uint16_t partner,
                           const struct kp_partner_counts *counts)
{
    uint8_t bytes[12];
    struct kp_writer writer;
    struct kp_key key = kp_key_u16(kp_key_none(), partner);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u64(&writer, counts->signals);
    kp_put_u32(&writer, counts->held);
    kp_txn_put(txn, KP_TABLE_PARTNER, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

static bool decode(struct kp_txn *txn, struct kp_slice key, struct kp_slice value,
                   struct kp_held *ret_held)
{
    struct kp_reader position;
    struct kp_reader reader;
    kp_reader_init(&position, key);
    kp_reader_init(&reader, value);
    ret_held->position = kp_get_u64(&position);
    uint8_t version = kp_get_u8(&reader);
    ret_held->partner = kp_get_u16(&reader);
    ret_held->code = kp_get_u32(&reader);
    ret_held->retries = kp_get_u32(&reader);
    ret_held->since.ms = kp_get_i64(&reader);
    ret_held->field = kp_get_slice(&reader);
    kp_command_get_signal(&reader, &ret_held->signal);
    if (version != HELD_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the held signal %llu does not decode",
                    (unsigned long long)ret_held->position);
        return false;
    }
    return true;
}

bool kp_held_get(struct kp_txn *txn, uint64_t position, struct kp_held *ret_held)
{
    struct kp_key key = position_key(position);
    struct kp_slice value;
    return kp_txn_get(txn, KP_TABLE_HELD, kp_key_slice(&key), &value) &&
           decode(txn, kp_key_slice(&key), value, ret_held);
}

bool kp_held_next(struct kp_txn *txn, uint64_t position, struct kp_held *ret_held)
{
    struct kp_key from = position_key(position);
    struct kp_slice key;
    struct kp_slice value;
    return kp_txn_seek(txn, KP_TABLE_HELD, kp_key_slice(&from), /* after= */ true, &key, &value) &&
           decode(txn, key, value, ret_held);
}

void kp_held_update(struct kp_txn *txn, const struct kp_held *held)
{
    size_t size = HELD_BYTES_EXTRA + held->signal.signal.size + held->field.size;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for one held signal");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_u8(&writer, HELD_VERSION);
    kp_put_u16(&writer, held->partner);
    kp_put_u32(&writer, held->code);
    kp_put_u32(&writer, held->retries);
    kp_put_i64(&writer, held->since.ms);
    kp_put_slice(&writer, held->field);
    kp_command_put_signal(&writer, &held->signal);
    KP_ASSERT(kp_writer_ok(&writer));
    struct kp_key key = position_key(held->position);
    kp_txn_put(txn, KP_TABLE_HELD, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

static void tell_operators(struct kp_core *core, struct kp_txn *txn, const struct kp_held *held)
{
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__HeldOpened opened = KNOOPPUNT__V1__HELD_OPENED__INIT;
    for (uint32_t i = 0; i < core->house.partner_count; i++) {
        if (core->house.partners[i].number == held->partner) {
            opened.partner = kp_text(txn->scratch, core->house.partners[i].id);
        }
    }
    opened.has_position = 1;
    opened.position = held->position;
    opened.has_code = 1;
    opened.code = held->code;
    opened.field = held->field.size > 0 ? kp_text_of(txn->scratch, held->field) : NULL;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_HELD_OPENED;
    event.held_opened = &opened;
    kp_outbox_put_role(core, txn, KP_ROLE_BEHEERDER, &event, held->position);
}

void kp_held_put(struct kp_core *core, struct kp_txn *txn, const struct kp_held *held)
{
    struct kp_partner_counts counts;
    kp_held_update(txn, held);
    kp_partner_counts_get(txn, held->partner, &counts);
    counts.held++;
    kp_partner_counts_put(txn, held->partner, &counts);
    if (counts.held == 1) {
        tell_operators(core, txn, held);
    }
}

void kp_held_remove(struct kp_txn *txn, uint64_t position, uint16_t partner)
{
    struct kp_key key = position_key(position);
    struct kp_partner_counts counts;
    if (!kp_txn_del(txn, KP_TABLE_HELD, kp_key_slice(&key))) {
        return;
    }
    kp_partner_counts_get(txn, partner, &counts);
    counts.held -= counts.held > 0 ? 1 : 0;
    kp_partner_counts_put(txn, partner, &counts);
}
