/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The rules of P2, for signal (reference, version v, content c) against what is known of its
 * reference: nothing known            report: NEW          withdrawal: WITHDRAWN (an original that
 * comes later is superseded) known with version > v   SUPERSEDED, no effect known with version = v
 * same c: DUPLICATE, no effect; other c: CONFLICT, held known with version < v   report: REPLACES
 * withdrawal: WITHDRAWN only held ones known     as nothing known, and the held one is repaired by
 * this one A signal the intake could not use is HELD, or a DUPLICATE of the same one held before.
 */
#include "core/signal.h"

#include "base/assert.h"
#include "core/dossier.h"
#include "core/held.h"
#include "proto/codec.h"

#include <string.h>

#define OUTCOME(name) ((uint8_t)KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_##name)

static bool has_reference(const struct kp_command_signal *signal)
{
    static const uint8_t none[KP_TAG_BYTES];
    return memcmp(signal->reference_tag, none, KP_TAG_BYTES) != 0;
}

/* Versions that are no longer the newest have rows of their own, under a tag made of the
 * reference's and the version. */
static void version_tag(const uint8_t *reference_tag, uint64_t version,
                        uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    uint8_t number[8];
    struct kp_writer writer;
    kp_writer_init(&writer, number, sizeof number);
    kp_put_u64(&writer, version);
    kp_sha256(kp_slice_of(reference_tag, KP_TAG_BYTES), kp_writer_slice(&writer), KP_SLICE_EMPTY,
              digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

bool kp_reference_get(struct kp_txn *txn, const uint8_t *reference_tag,
                      struct kp_reference *ret_reference)
{
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_REFERENCE, kp_slice_of(reference_tag, KP_TAG_BYTES), &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    ret_reference->state = (enum kp_reference_state)kp_get_u8(&reader);
    ret_reference->position = kp_get_u64(&reader);
    ret_reference->version = kp_get_u64(&reader);
    struct kp_slice tag = kp_get_raw(&reader, KP_TAG_BYTES);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the row of a reference does not decode");
        return false;
    }
    memcpy(ret_reference->content_tag, tag.bytes, KP_TAG_BYTES);
    return true;
}

static void put_reference(struct kp_txn *txn, const uint8_t *tag,
                          const struct kp_reference *reference)
{
    uint8_t bytes[1 + 8 + 8 + KP_TAG_BYTES];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, (uint8_t)reference->state);
    kp_put_u64(&writer, reference->position);
    kp_put_u64(&writer, reference->version);
    kp_put_raw(&writer, kp_slice_of(reference->content_tag, KP_TAG_BYTES));
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_REFERENCE, kp_slice_of(tag, KP_TAG_BYTES), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

/* The signal at core->position is what is known of its reference now. */
static void put_newest(struct kp_core *core, struct kp_txn *txn,
                       const struct kp_command_signal *signal, enum kp_reference_state state)
{
    struct kp_reference reference = {
        .state = state, .position = core->position, .version = signal->version};
    memcpy(reference.content_tag, signal->content_tag, KP_TAG_BYTES);
    put_reference(txn, signal->reference_tag, &reference);
}

/* Remember a version that is not the newest (any more), so that its repeat is known for one. */
static void put_older(struct kp_txn *txn, const uint8_t *reference_tag,
                      const struct kp_reference *older)
{
    uint8_t tag[KP_TAG_BYTES];
    version_tag(reference_tag, older->version, tag);
    put_reference(txn, tag, older);
}

static bool same_content(const struct kp_reference *known, const struct kp_command_signal *signal)
{
    return memcmp(known->content_tag, signal->content_tag, KP_TAG_BYTES) == 0;
}

static void hold(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                 const struct kp_command_signal *signal, enum kp_err code, struct kp_slice field)
{
    struct kp_held held = {.position = core->position,
                           .partner = partner,
                           .code = (uint32_t)code,
                           .since = core->now,
                           .field = field,
                           .signal = *signal};
    kp_held_put(core, txn, &held);
}

static void apply_unusable(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                           const struct kp_command_signal *signal,
                           struct kp_signal_outcome *ret_outcome)
{
    struct kp_reference known;
    bool is_known = has_reference(signal) && kp_reference_get(txn, signal->reference_tag, &known);
    if (is_known && known.state == KP_REFERENCE_HELD && same_content(&known, signal)) {
        ret_outcome->kind = OUTCOME(DUPLICATE);
        ret_outcome->first_position = known.position;
        return;
    }
    hold(core, txn, partner, signal, (enum kp_err)signal->held_code, signal->held_field);
    if (has_reference(signal) && (!is_known || known.state == KP_REFERENCE_HELD)) {
        put_newest(core, txn, signal, KP_REFERENCE_HELD);
    }
    ret_outcome->kind = OUTCOME(HELD);
    ret_outcome->code = signal->held_code;
    ret_outcome->field = signal->held_field;
}

/* The same version as @same: a repeat, or something else under its name. */
static void settle_same_version(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                                const struct kp_command_signal *signal,
                                const struct kp_reference *same,
                                struct kp_signal_outcome *ret_outcome)
{
    ret_outcome->first_position = same->position;
    if (same_content(same, signal)) {
        ret_outcome->kind = OUTCOME(DUPLICATE);
        return;
    }
    hold(core, txn, partner, signal, KP_E_CONFLICT, KP_SLICE_LIT("version"));
    ret_outcome->kind = OUTCOME(CONFLICT);
    ret_outcome->code = KP_E_CONFLICT;
    ret_outcome->field = KP_SLICE_LIT("version");
}

/* Against a reference that is known (and not only held): true when that settles it. */
static bool settle_repeat(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                          const struct kp_command_signal *signal, const struct kp_reference *known,
                          struct kp_signal_outcome *ret_outcome)
{
    uint8_t tag[KP_TAG_BYTES];
    struct kp_reference older;
    if (signal->version > known->version) {
        return false;
    }
    if (signal->version == known->version) {
        settle_same_version(core, txn, partner, signal, known, ret_outcome);
        return true;
    }
    version_tag(signal->reference_tag, signal->version, tag);
    if (kp_reference_get(txn, tag, &older)) {
        settle_same_version(core, txn, partner, signal, &older, ret_outcome);
        return true;
    }
    older = (struct kp_reference){
        .state = KP_REFERENCE_CURRENT, .position = core->position, .version = signal->version};
    memcpy(older.content_tag, signal->content_tag, KP_TAG_BYTES);
    put_older(txn, signal->reference_tag, &older);
    ret_outcome->kind = OUTCOME(SUPERSEDED);
    ret_outcome->first_position = known->position;
    return true;
}

/* New before old, so that a person who is only in this signal keeps his id. */
static void apply_usable(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                         uint64_t batch_position, const struct kp_command_signal *signal,
                         struct kp_signal_outcome *ret_outcome)
{
    struct kp_reference known;
    bool is_known = kp_reference_get(txn, signal->reference_tag, &known);
    bool only_held = is_known && known.state == KP_REFERENCE_HELD;
    if (is_known && !only_held && settle_repeat(core, txn, partner, signal, &known, ret_outcome)) {
        return;
    }
    struct kp_stored_signal stored = {.status = KP_SIGNAL_CURRENT,
                                      .partner = partner,
                                      .stamp = core->now,
                                      .batch_position = batch_position,
                                      .signal = *signal};
    if (!kp_dossier_add(core, txn, &stored)) {
        hold(core, txn, partner, signal, KP_E_PERSON_FULL, KP_SLICE_LIT("persons"));
        ret_outcome->kind = OUTCOME(HELD);
        ret_outcome->first_position = 0;
        ret_outcome->code = KP_E_PERSON_FULL;
        ret_outcome->field = KP_SLICE_LIT("persons");
        return;
    }
    bool replaces = is_known && known.state == KP_REFERENCE_CURRENT;
    if (replaces) {
        kp_dossier_remove(core, txn, known.position,
                          signal->withdraw ? KP_SIGNAL_WITHDRAWN : KP_SIGNAL_REPLACED);
    }
    if (is_known && !only_held) {
        put_older(txn, signal->reference_tag, &known);
    }
    if (only_held) {
        kp_held_remove(txn, known.position, partner);
    }
    put_newest(core, txn, signal, signal->withdraw ? KP_REFERENCE_WITHDRAWN : KP_REFERENCE_CURRENT);
    ret_outcome->kind = signal->withdraw ? OUTCOME(WITHDRAWN)
                        : replaces       ? OUTCOME(REPLACES)
                                         : OUTCOME(NEW);
    ret_outcome->first_position = replaces ? known.position : 0;
}

void kp_signal_apply(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                     uint64_t batch_position, const struct kp_command_signal *signal,
                     struct kp_signal_outcome *ret_outcome)
{
    *ret_outcome = (struct kp_signal_outcome){0};
    if (signal->held_code != KP_OK) {
        apply_unusable(core, txn, partner, signal, ret_outcome);
    } else {
        apply_usable(core, txn, partner, batch_position, signal, ret_outcome);
    }
}

static bool is_held_reference(struct kp_txn *txn, const struct kp_held *held,
                              struct kp_reference *ret_known)
{
    return has_reference(&held->signal) &&
           kp_reference_get(txn, held->signal.reference_tag, ret_known) &&
           ret_known->state == KP_REFERENCE_HELD && ret_known->position == held->position;
}

bool kp_signal_drop(struct kp_txn *txn, uint64_t held_position, uint16_t *ret_partner,
                    struct kp_command_signal *ret_signal)
{
    struct kp_held held;
    struct kp_reference known;
    if (!kp_held_get(txn, held_position, &held)) {
        return false;
    }
    if (is_held_reference(txn, &held, &known)) {
        (void)kp_txn_del(txn, KP_TABLE_REFERENCE,
                         kp_slice_of(held.signal.reference_tag, KP_TAG_BYTES)); /* just read */
    }
    kp_held_remove(txn, held_position, held.partner);
    *ret_partner = held.partner;
    *ret_signal = held.signal;
    return true;
}

void kp_signal_retry(struct kp_core *core, struct kp_txn *txn, uint64_t held_position,
                     const struct kp_command_signal *signal, uint16_t *ret_partner,
                     struct kp_signal_outcome *ret_outcome)
{
    struct kp_held held;
    *ret_outcome = (struct kp_signal_outcome){.first_position = held_position};
    *ret_partner = 0;
    if (!kp_held_get(txn, held_position, &held)) {
        return;
    }
    *ret_partner = held.partner;
    if (signal->held_code != KP_OK) {
        held.retries++;
        held.code = signal->held_code;
        held.field = signal->held_field;
        kp_held_update(txn, &held);
        ret_outcome->kind = OUTCOME(HELD);
        ret_outcome->code = held.code;
        ret_outcome->field = held.field;
        return;
    }
    struct kp_command_signal dropped;
    uint16_t partner;
    (void)kp_signal_drop(txn, held_position, &partner, &dropped); /* it is there */
    apply_usable(core, txn, held.partner, core->position, signal, ret_outcome);
    if (ret_outcome->first_position == 0) {
        ret_outcome->first_position = held_position;
    }
}
