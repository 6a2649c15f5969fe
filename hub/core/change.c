/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/change.h"

#include "core/outbox.h"
#include "core/person.h"
#include "core/text.h"

#define CHANGE_VERSION 1
#define FLAG_GONE 1u

static struct kp_key row_key(const struct kp_change *change)
{
    struct kp_key key = kp_key_u64(kp_key_none(), change->person);
    return kp_key_u8(kp_key_u64(kp_key_u64(key, change->position), change->other),
                     change->came ? 1 : 0);
}

static bool get_row(struct kp_txn *txn, struct kp_slice key, struct kp_slice value,
                    struct kp_change *ret_change)
{
    struct kp_reader reader;
    kp_reader_init(&reader, key);
    ret_change->person = kp_get_u64(&reader);
    ret_change->position = kp_get_u64(&reader);
    ret_change->other = kp_get_u64(&reader);
    ret_change->came = kp_get_u8(&reader) != 0;
    bool good = kp_reader_done(&reader);
    kp_reader_init(&reader, value);
    good = kp_get_u8(&reader) == CHANGE_VERSION && good;
    ret_change->gone = (kp_get_u8(&reader) & FLAG_GONE) != 0;
    ret_change->signals = kp_get_u32(&reader);
    ret_change->cause.reason = (enum kp_change_reason)kp_get_u8(&reader);
    ret_change->cause.detail = kp_get_u32(&reader);
    ret_change->at.ms = kp_get_i64(&reader);
    if (!good || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a change of a person does not decode");
        return false;
    }
    return true;
}

/* More than one weighing of a command may move between the same two. */
static void put_row(struct kp_txn *txn, struct kp_change change)
{
    uint8_t bytes[1 + 1 + 4 + 1 + 4 + 8];
    struct kp_key key = row_key(&change);
    struct kp_change earlier;
    struct kp_slice value;
    struct kp_writer writer;
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_txn_get(txn, KP_TABLE_CHANGE, kp_key_slice(&key), &value) &&
        get_row(txn, kp_key_slice(&key), value, &earlier)) {
        change.signals += earlier.signals;
    }
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, CHANGE_VERSION);
    kp_put_u8(&writer, change.gone ? FLAG_GONE : 0);
    kp_put_u32(&writer, change.signals);
    kp_put_u8(&writer, (uint8_t)change.cause.reason);
    kp_put_u32(&writer, change.cause.detail);
    kp_put_i64(&writer, change.at.ms);
    kp_txn_put(txn, KP_TABLE_CHANGE, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){change.person});
    kp_txn_scratch_restore(txn, mark);
}

static bool is_ripe(struct kp_txn *txn, uint64_t id)
{
    struct kp_person person;
    size_t mark = kp_txn_scratch_mark(txn);
    bool ripe = kp_person_load(txn, id, 0, &person) && person.ripe != 0;
    kp_txn_scratch_restore(txn, mark);
    return ripe;
}

static void tell(struct kp_core *core, struct kp_txn *txn, uint64_t before, uint64_t after,
                 const struct kp_change *change)
{
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__PersonChanged changed = KNOOPPUNT__V1__PERSON_CHANGED__INIT;
    changed.before_person_id = kp_text_person(txn->scratch, before);
    changed.after_person_id = kp_text_person(txn->scratch, after);
    changed.has_signals = 1;
    changed.signals = change->signals;
    changed.has_before_is_gone = 1;
    changed.before_is_gone = change->gone;
    changed.has_reason = 1;
    changed.reason = (Knooppunt__V1__ChangeReason)change->cause.reason;
    changed.has_caused_by_position = 1;
    changed.caused_by_position = change->position;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_PERSON_CHANGED;
    event.person_changed = &changed;
    kp_outbox_put_role(core, txn, KP_ROLE_KETENMANAGER, &event, change->position);
}

void kp_change_put(struct kp_core *core, struct kp_txn *txn, uint64_t before, uint64_t after,
                   uint32_t signals, bool gone)
{
    struct kp_change change = {.person = before,
                               .position = core->position,
                               .other = after,
                               .gone = gone,
                               .signals = signals,
                               .cause = core->cause,
                               .at = core->now};
    put_row(txn, change);
    change.person = after;
    change.other = before;
    change.came = true;
    put_row(txn, change);
    core->effects->persons_changed++;
    if (is_ripe(txn, before) || is_ripe(txn, after)) {
        tell(core, txn, before, after, &change);
    }
}

bool kp_change_next(struct kp_txn *txn, struct kp_change *change_io)
{
    uint64_t person = change_io->person;
    struct kp_key from = row_key(change_io);
    struct kp_slice key;
    struct kp_slice value;
    return kp_txn_seek(txn, KP_TABLE_CHANGE, kp_key_slice(&from), /* after= */ true, &key,
                       &value) &&
           get_row(txn, key, value, change_io) && change_io->person == person;
}
