/* SPDX-License-Identifier: EUPL-1.2 */
/* One signal's whole path: batch, journal, what became of it, its persons, and every event it
 * caused, with times. */
#include "explain.h"
#include "queries.h"

#include "core/batch.h"
#include "core/dossier.h"
#include "core/held.h"
#include "core/match.h"
#include "core/outbox.h"
#include "core/reference.h"
#include "core/text.h"
#include "intake/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *kp_query_enum_name(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
    if (found == NULL) {
        return "?";
    }
    /* SIGNAL_KIND_RISC -> RISC: what all names of the enum share is its own name. */
    size_t prefix = strlen(type->values[0].name) - sizeof "UNSPECIFIED" + 1;
    return strlen(found->name) > prefix ? found->name + prefix : found->name;
}

uint64_t kp_query_number(const char *text)
{
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < UINT64_MAX / 20; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
    }
    return *text == '\0' ? number : 0;
}

/* When the receiver acknowledged this event: the first acknowledgement at or after it. */
static struct kp_wall acked_at(struct kp_txn *txn, uint16_t mailbox, uint64_t seq)
{
    struct kp_key from = kp_key_u64(kp_key_u16(kp_key_none(), mailbox), seq);
    struct kp_slice key;
    struct kp_slice value;
    struct kp_wall none = {0};
    if (!kp_txn_seek(txn, KP_TABLE_ACKED, kp_key_slice(&from), /* after= */ false, &key, &value)) {
        return none;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, key);
    if (kp_get_u16(&reader) != mailbox) {
        return none;
    }
    kp_reader_init(&reader, value);
    return (struct kp_wall){kp_get_i64(&reader)};
}

static void step(struct kp_answer *answer, struct kp_wall at, const char *what, const char *detail)
{
    kp_answer_row(answer);
    kp_answer_time(answer, "at", at);
    kp_answer_text(answer, "step", what);
    kp_answer_text(answer, "detail", detail);
}

static void event_step(const struct kp_view *view, struct kp_txn *txn, struct kp_answer *answer,
                       uint16_t mailbox, uint64_t seq, const char *what, struct kp_wall put_at)
{
    char detail[128];
    struct kp_mailbox state;
    struct kp_wall acked = acked_at(txn, mailbox, seq);
    const char *name = view->by_number[mailbox] == NULL ? "?" : view->by_number[mailbox]->row.id;
    kp_mailbox_get(txn, mailbox, &state);
    (void)snprintf(detail, sizeof detail, "mailbox %s, sequence %llu", name,
                   (unsigned long long)seq); /* fits */
    step(answer, put_at, what, detail);
    (void)snprintf(detail, sizeof detail, "by %s", name); /* fits */
    if (state.acked_seq >= seq) {
        step(answer, acked, "acknowledged", detail);
    }
}

static void persons_section(const struct kp_match_model *model, struct kp_txn *txn,
                            const struct kp_stored_signal *stored, uint64_t position,
                            struct kp_answer *answer)
{
    kp_answer_section(answer, "persons");
    if (stored->status != KP_SIGNAL_CURRENT) {
        return;
    }
    for (uint32_t i = 0; i < stored->signal.mention_count; i++) {
        uint64_t person = kp_match_find(txn, &stored->signal.mentions[i], position, (uint8_t)i);
        kp_answer_row(answer);
        kp_answer_text(answer, "person", kp_text_person(answer->arena, person));
        kp_answer_text(answer, "role",
                       kp_query_enum_name(&knooppunt__v1__casus_role__descriptor,
                                          stored->signal.mentions[i].role));
        kp_explain_mention(model, txn, &stored->signal.mentions[i], person, answer);
    }
}

static void caused_steps(const struct kp_view *view, struct kp_txn *txn, uint64_t position,
                         struct kp_wall stamp, struct kp_answer *answer)
{
    struct kp_key prefix = kp_key_u64(kp_key_none(), position);
    struct kp_key from = kp_key_u8(prefix, 0);
    struct kp_slice key;
    struct kp_slice value;
    bool after = false;
    while (kp_txn_seek(txn, KP_TABLE_CAUSED, kp_key_slice(&from), after, &key, &value) &&
           kp_slice_equal(kp_slice_of(key.bytes, 8), kp_key_slice(&prefix))) {
        struct kp_reader reader;
        kp_reader_init(&reader, value);
        uint16_t mailbox = kp_get_u16(&reader);
        uint64_t seq = kp_get_u64(&reader);
        from = kp_key_u8(prefix, key.bytes[8]);
        after = true;
        if (mailbox > 0 && mailbox < KP_COUNTERPART_NUMBERS) {
            event_step(view, txn, answer, mailbox, seq, "event put", stamp);
        }
    }
}

static enum kp_err trace(const struct kp_view *view, struct kp_txn *txn, uint64_t position,
                         struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_stored_batch batch;
    struct kp_stored_signal stored;
    struct kp_held held;
    char detail[160];
    if (!kp_batch_get(txn, position, &batch)) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "no signal has position %llu (other commands have positions too)",
                       (unsigned long long)position);
    }
    bool is_stored = kp_stored_load(txn, position, &stored);
    bool is_held = kp_held_get(txn, position, &held);
    const char *partner =
        view->by_number[batch.partner] == NULL ? "?" : view->by_number[batch.partner]->row.id;
    kp_answer_section(answer, "signal");
    kp_answer_row(answer);
    kp_answer_number(answer, "position", position);
    kp_answer_text(answer, "partner", partner);
    kp_answer_slice(answer, "reference",
                    is_stored ? stored.signal.reference
                    : is_held ? held.signal.reference
                              : KP_SLICE_EMPTY);
    kp_answer_number(answer, "version",
                     is_stored ? stored.signal.version
                     : is_held ? held.signal.version
                               : 0);
    kp_answer_hex(answer, "batch_message_id", batch.message_id);
    kp_answer_slice(answer, "traceparent", batch.traceparent);
    kp_answer_hex(answer, "digest",
                  kp_slice_of(batch.digests.bytes + (position - batch.position) * KP_SHA256_BYTES,
                              KP_SHA256_BYTES));
    kp_answer_section(answer, "path");
    (void)snprintf(detail, sizeof detail, "from %s, signal %llu of %u in its batch", partner,
                   (unsigned long long)(position - batch.position + 1),
                   batch.signal_count); /* fits */
    step(answer, batch.stamp, "journalled", detail);
    (void)snprintf(detail, sizeof detail, "%s%s%s",
                   kp_query_enum_name(&knooppunt__v1__outcome_kind__descriptor,
                                      batch.outcomes.bytes[position - batch.position]),
                   is_held ? ": " : "",
                   is_held ? kp_err_name((enum kp_err)held.code) : ""); /* fits */
    step(answer, batch.stamp, "applied", detail);
    event_step(view, txn, answer, batch.partner, batch.outcome_seq, "outcome put", batch.stamp);
    caused_steps(view, txn, position, batch.stamp, answer);
    if (is_stored && stored.replaced_by != 0) {
        (void)snprintf(detail, sizeof detail, "by position %llu",
                       (unsigned long long)stored.replaced_by); /* fits */
        step(answer, (struct kp_wall){0},
             stored.status == KP_SIGNAL_WITHDRAWN ? "withdrawn" : "replaced", detail);
    }
    if (is_stored) {
        persons_section(&view->core.model, txn, &stored, position, answer);
    }
    return kp_txn_error(txn);
}

/* "POSITION", or a partner and his reference: the signal that stands for it now, or is
 * held. */
static enum kp_err find_position(struct kp_hub *hub, const struct kp_view *view, struct kp_txn *txn,
                                 const struct kp_query *query, uint64_t *ret_position,
                                 struct kp_diag *reterr_diag)
{
    const char *first = query->arguments[0];
    if (query->argument_count == 1) {
        *ret_position = kp_query_number(first);
        return *ret_position > 0
                   ? KP_OK
                   : kp_fail(reterr_diag, KP_E_NOT_FOUND, "\"%.80s\" is not a position", first);
    }
    uint16_t partner = kp_house_partner(&view->core.house, kp_slice_str(first));
    if (partner == KP_PARTNER_NONE) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "\"%.80s\" is no partner of this house; `partner list` names them", first);
    }
    uint8_t tag[KP_TAG_BYTES];
    struct kp_reference reference = {0};
    struct kp_intake *intake = kp_intake_new(&hub->index_key);
    kp_intake_reference_tag(intake, view->core.house.partners[partner].number,
                            kp_slice_str(query->arguments[1]), tag);
    (void)kp_intake_free(intake);
    if (!kp_reference_get(txn, tag, &reference)) {
        return kp_fail(
            reterr_diag, KP_E_NOT_FOUND,
            "the hub has no signal of %.32s with the reference \"%.64s\" (give it as he "
            "does); one that his adapter held never came here: his FILE.result.csv tells",
            first, query->arguments[1]);
    }
    *ret_position = reference.position;
    return KP_OK;
}

enum kp_err kp_query_trace(struct kp_hub *hub, const struct kp_query *query,
                           struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    if (query->argument_count < 1 || query->argument_count > 2) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give a position, or a partner and a reference");
    }
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    uint64_t position = 0;
    err = find_position(hub, view, txn, query, &position, reterr_diag);
    if (err == KP_OK) {
        err = trace(view, txn, position, answer, reterr_diag);
    }
    kp_view_release(view);
    kp_txn_abort(txn);
    return err;
}
