/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The rules of P2, for signal (reference, version v, content c) against what is known of its
 * reference:
 *   nothing usable        report: NEW · withdrawal: WITHDRAWN (an original that comes later is
 * superseded) newest version > v    SUPERSEDED, no effect; the same c again: DUPLICATE newest
 * version = v    same c: DUPLICATE, no effect · other c: CONFLICT, held newest version < v report:
 * REPLACES · withdrawal: WITHDRAWN A usable one that becomes the newest makes the unusable ones of
 * its version and before moot: they are held no longer. A signal the intake could not use is HELD;
 * when v is not above the newest usable version, SUPERSEDED. Whatever is held, the same again is a
 * DUPLICATE of it.
 */
#include "core/signal.h"

#include "base/assert.h"
#include "core/dossier.h"
#include "core/held.h"
#include "core/reference.h"
#include "proto/codec.h"

#include <string.h>

#define OUTCOME(name) ((uint8_t)KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_##name)

static bool has_reference(const struct kp_command_signal *signal)
{
    static const uint8_t none[KP_TAG_BYTES];
    return memcmp(signal->reference_tag, none, KP_TAG_BYTES) != 0;
}

/* The signal at core->position is what is known of its reference now. */
static void put_newest(struct kp_core *core, struct kp_txn *txn,
                       const struct kp_command_signal *signal, enum kp_reference_state state,
                       bool has_held)
{
    struct kp_reference reference = {.state = state,
                                     .position = core->position,
                                     .version = signal->version,
                                     .has_held = has_held};
    memcpy(reference.content_tag, signal->content_tag, KP_TAG_BYTES);
    kp_reference_put(txn, signal->reference_tag, &reference);
}

static bool same_content(const uint8_t *content_tag, const struct kp_command_signal *signal)
{
    return memcmp(content_tag, signal->content_tag, KP_TAG_BYTES) == 0;
}

/* Why a signal is held. */
struct reason {
    enum kp_err code;
    struct kp_slice field;
    bool conflict;
};

static void put_held(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                     const struct kp_command_signal *signal, const struct reason *reason)
{
    struct kp_held held = {.position = core->position,
                           .partner = partner,
                           .code = (uint32_t)reason->code,
                           .since = core->now,
                           .field = reason->field,
                           .signal = *signal};
    kp_held_put(core, txn, &held);
}

/* Position of the held one that this is a repeat of; 0: none. */
static uint64_t held_before(const struct kp_reference_held *held, uint32_t count,
                            const struct kp_command_signal *signal)
{
    for (uint32_t i = 0; i < count; i++) {
        if (held[i].version == signal->version && same_content(held[i].content_tag, signal)) {
            return held[i].position;
        }
    }
    return 0;
}

/* Keep it, once. @known: what is known of its reference; NULL: nothing. */
static void hold(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                 const struct kp_command_signal *signal, const struct kp_reference *known,
                 const struct reason *reason, struct kp_signal_outcome *ret_outcome)
{
    struct kp_reference_held held[KP_REFERENCE_HELD_MAX];
    struct kp_reference reference = {.state = KP_REFERENCE_HELD};
    if (has_reference(signal)) {
        uint32_t count = kp_reference_held(txn, signal->reference_tag, known, held);
        uint64_t first = held_before(held, count, signal);
        if (first != 0) {
            ret_outcome->kind = OUTCOME(DUPLICATE);
            ret_outcome->first_position = first;
            return;
        }
        if (count == KP_REFERENCE_HELD_MAX) {
            memmove(held, held + 1, --count * sizeof *held);
        }
        held[count] = (struct kp_reference_held){
            .position = core->position, .version = signal->version, .conflict = reason->conflict};
        memcpy(held[count++].content_tag, signal->content_tag, KP_TAG_BYTES);
        reference = known != NULL ? *known : reference;
        kp_reference_hold(txn, signal->reference_tag, &reference, held, count);
    }
    put_held(core, txn, partner, signal, reason);
    ret_outcome->kind = reason->conflict ? OUTCOME(CONFLICT) : OUTCOME(HELD);
    ret_outcome->code = (uint32_t)reason->code;
    ret_outcome->field = reason->field;
}

/* The newest usable version is there: the unusable ones up to it need no repair any more. true:
 * some are held still. */
static bool let_go_of_held(struct kp_txn *txn, uint16_t partner,
                           const struct kp_command_signal *signal, struct kp_reference *known)
{
    struct kp_reference_held held[KP_REFERENCE_HELD_MAX];
    uint32_t count = kp_reference_held(txn, signal->reference_tag, known, held);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (held[i].conflict || held[i].version > signal->version) {
            held[kept++] = held[i];
        } else {
            kp_held_remove(txn, held[i].position, partner);
        }
    }
    if (kept < count) {
        kp_reference_hold(txn, signal->reference_tag, known, held, kept);
    }
    return kept > 0;
}

/* What came before under the same version: the newest usable one, or an older one. */
static bool same_version(struct kp_txn *txn, const struct kp_command_signal *signal,
                         const struct kp_reference *known, struct kp_reference *ret_same)
{
    if (signal->version == known->version) {
        *ret_same = *known;
        return true;
    }
    return kp_reference_get_older(txn, signal->reference_tag, signal->version, ret_same);
}

static void apply_unusable(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                           const struct kp_command_signal *signal,
                           struct kp_signal_outcome *ret_outcome)
{
    struct kp_reference known;
    struct kp_reference same;
    struct reason reason = {.code = (enum kp_err)signal->held_code, .field = signal->held_field};
    bool is_known = has_reference(signal) && kp_reference_get(txn, signal->reference_tag, &known);
    bool late = is_known && known.state != KP_REFERENCE_HELD && signal->version > 0 &&
                signal->version <= known.version;
    if (!late) {
        hold(core, txn, partner, signal, is_known ? &known : NULL, &reason, ret_outcome);
        return;
    }
    bool again = same_version(txn, signal, &known, &same) && same_content(same.content_tag, signal);
    ret_outcome->kind = again ? OUTCOME(DUPLICATE) : OUTCOME(SUPERSEDED);
    ret_outcome->first_position = again ? same.position : known.position;
}

/* Against a reference of which a usable version is known: true when that settles it. */
static bool settle_repeat(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                          const struct kp_command_signal *signal, const struct kp_reference *known,
                          struct kp_signal_outcome *ret_outcome)
{
    static const struct reason conflict = {
        .code = KP_E_CONFLICT, .field = {(const uint8_t *)"version", 7}, .conflict = true};
    struct kp_reference same;
    if (signal->version > known->version) {
        return false;
    }
    if (same_version(txn, signal, known, &same)) {
        ret_outcome->first_position = same.position;
        if (same_content(same.content_tag, signal)) {
            ret_outcome->kind = OUTCOME(DUPLICATE);
        } else {
            hold(core, txn, partner, signal, known, &conflict, ret_outcome);
        }
        return true;
    }
    same = (struct kp_reference){
        .state = KP_REFERENCE_CURRENT, .position = core->position, .version = signal->version};
    memcpy(same.content_tag, signal->content_tag, KP_TAG_BYTES);
    kp_reference_put_older(txn, signal->reference_tag, &same);
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
        static const struct reason full = {.code = KP_E_PERSON_FULL,
                                           .field = {(const uint8_t *)"persons", 7}};
        hold(core, txn, partner, signal, is_known ? &known : NULL, &full, ret_outcome);
        return;
    }
    bool replaces = is_known && known.state == KP_REFERENCE_CURRENT;
    if (replaces) {
        kp_dossier_remove(core, txn, known.position,
                          signal->withdraw ? KP_SIGNAL_WITHDRAWN : KP_SIGNAL_REPLACED);
    }
    if (is_known && !only_held) {
        kp_reference_put_older(txn, signal->reference_tag, &known);
    }
    bool has_held = is_known && let_go_of_held(txn, partner, signal, &known);
    put_newest(core, txn, signal, signal->withdraw ? KP_REFERENCE_WITHDRAWN : KP_REFERENCE_CURRENT,
               has_held);
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

/* The held one at @position is not listed with its reference any more. */
static void unlist(struct kp_txn *txn, const struct kp_command_signal *signal, uint64_t position)
{
    struct kp_reference_held held[KP_REFERENCE_HELD_MAX];
    struct kp_reference known;
    if (!has_reference(signal) || !kp_reference_get(txn, signal->reference_tag, &known)) {
        return;
    }
    uint32_t count = kp_reference_held(txn, signal->reference_tag, &known, held);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (held[i].position != position) {
            held[kept++] = held[i];
        }
    }
    if (kept < count) {
        kp_reference_hold(txn, signal->reference_tag, &known, held, kept);
    }
}

bool kp_signal_drop(struct kp_txn *txn, uint64_t held_position, uint16_t *ret_partner,
                    struct kp_command_signal *ret_signal)
{
    struct kp_held held;
    if (!kp_held_get(txn, held_position, &held)) {
        return false;
    }
    unlist(txn, &held.signal, held_position);
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
    apply_usable(core, txn, held.partner, core->position, signal, ret_outcome);
    if (ret_outcome->kind == OUTCOME(DUPLICATE) && ret_outcome->first_position == held_position) {
        held.retries++; /* a repeat of itself: what it was held for is so still */
        kp_held_update(txn, &held);
        ret_outcome->kind = held.code == KP_E_CONFLICT ? OUTCOME(CONFLICT) : OUTCOME(HELD);
        ret_outcome->code = held.code;
        ret_outcome->field = held.field;
        return;
    }
    struct kp_command_signal dropped;
    uint16_t partner;
    (void)kp_signal_drop(txn, held_position, &partner,
                         &dropped); /* its newer self let it go, or not */
    if (ret_outcome->first_position == 0) {
        ret_outcome->first_position = held_position;
    }
}
