/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/batch.h"

#include "base/assert.h"
#include "core/audit.h"
#include "core/elsewhere.h"
#include "core/held.h"
#include "core/outbox.h"
#include "core/text.h"

#define BATCH_VERSION 1
#define BATCH_BYTES_EXTRA 1024u

/* The outcomes on their way into one event; memory is set aside before the signals are applied, so
 * that what each signal needs can be given back after it. */
struct collector {
    Knooppunt__V1__SignalOutcome *outcomes;
    Knooppunt__V1__SignalOutcome **list;
    uint8_t *kinds;
    uint8_t *digests;
    uint32_t count;
};

static bool collector_init(struct kp_txn *txn, uint32_t count, struct collector *ret_collector)
{
    struct kp_arena *arena = txn->scratch;
    ret_collector->outcomes = kp_arena_alloc(arena, sizeof *ret_collector->outcomes * count);
    ret_collector->list = kp_arena_alloc(arena, sizeof *ret_collector->list * count);
    ret_collector->kinds = kp_arena_alloc(arena, count);
    ret_collector->digests = kp_arena_alloc(arena, (size_t)count * KP_SHA256_BYTES);
    ret_collector->count = 0;
    if (!kp_arena_ok(arena)) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the outcomes of one batch");
        return false;
    }
    return true;
}

/* Texts are copied before the signal is applied: @reference and @field are made by the caller. */
static void collect(struct kp_core *core, struct collector *collector,
                    const struct kp_command_signal *signal, char *reference, char *field,
                    const struct kp_signal_outcome *outcome)
{
    uint32_t at = collector->count++;
    Knooppunt__V1__SignalOutcome *wire = &collector->outcomes[at];
    *wire = (Knooppunt__V1__SignalOutcome)KNOOPPUNT__V1__SIGNAL_OUTCOME__INIT;
    wire->has_position = 1;
    wire->position = core->position;
    wire->reference = signal->reference.size > 0 ? reference : NULL;
    wire->has_version = signal->version > 0;
    wire->version = signal->version;
    wire->has_kind = 1;
    wire->kind = (Knooppunt__V1__OutcomeKind)outcome->kind;
    wire->has_first_position = outcome->first_position > 0;
    wire->first_position = outcome->first_position;
    wire->has_code = outcome->code > 0;
    wire->code = outcome->code;
    wire->field = field;
    collector->list[at] = wire;
    collector->kinds[at] = outcome->kind;
    struct kp_writer digest;
    kp_writer_init(&digest, collector->digests + (size_t)at * KP_SHA256_BYTES, KP_SHA256_BYTES);
    kp_put_raw(&digest, kp_slice_of(signal->digest, KP_SHA256_BYTES));
    if (outcome->kind < sizeof core->effects->outcomes / sizeof core->effects->outcomes[0]) {
        core->effects->outcomes[outcome->kind]++;
    }
}

static uint64_t send_outcomes(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                              const struct kp_command_head *head, const struct collector *collector)
{
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    struct kp_writer copy;
    kp_writer_init(&copy, message_id, sizeof message_id);
    kp_put_raw(&copy, kp_slice_of(head->message_id, sizeof head->message_id));
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__Outcomes outcomes = KNOOPPUNT__V1__OUTCOMES__INIT;
    outcomes.has_batch_message_id = 1;
    outcomes.batch_message_id = (ProtobufCBinaryData){.len = sizeof message_id, .data = message_id};
    outcomes.n_outcomes = collector->count;
    outcomes.outcomes = collector->list;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_OUTCOMES;
    event.outcomes = &outcomes;
    return kp_outbox_put(core, txn, partner, &event);
}

static void add_audit(struct kp_core *core, struct kp_audit *audit,
                      const struct kp_command_head *head, const struct kp_command_signal *signal,
                      uint8_t outcome)
{
    struct kp_audit_entry entry = {.position = core->position,
                                   .kind = (uint8_t)head->kind,
                                   .actor = head->actor,
                                   .outcome = outcome,
                                   .stamp = core->now};
    struct kp_writer digest;
    kp_writer_init(&digest, entry.digest, sizeof entry.digest);
    kp_put_raw(&digest, kp_slice_of(signal->digest, sizeof signal->digest));
    kp_audit_add(audit, &entry);
}

static void store_batch(struct kp_txn *txn, const struct kp_stored_batch *batch)
{
    size_t size = BATCH_BYTES_EXTRA + batch->traceparent.size + batch->signature.size +
                  batch->digests.size + batch->outcomes.size;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the evidence of one batch");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_u8(&writer, BATCH_VERSION);
    kp_put_u16(&writer, batch->partner);
    kp_put_i64(&writer, batch->stamp.ms);
    kp_put_slice(&writer, batch->message_id);
    kp_put_slice(&writer, batch->traceparent);
    kp_put_slice(&writer, batch->certificate_digest);
    kp_put_u8(&writer, batch->algorithm);
    kp_put_slice(&writer, batch->signature);
    kp_put_u32(&writer, batch->signal_count);
    kp_put_u64(&writer, batch->outcome_seq);
    kp_put_slice(&writer, batch->digests);
    kp_put_slice(&writer, batch->outcomes);
    KP_ASSERT(kp_writer_ok(&writer));
    struct kp_key key = kp_key_u64(kp_key_none(), batch->position);
    kp_txn_put(txn, KP_TABLE_BATCH, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

/* The row with the largest key <= @position: batches have at most KP_BATCH_SIGNALS_MAX signals, so
 * it starts within that distance. */
bool kp_batch_get(struct kp_txn *txn, uint64_t position, struct kp_stored_batch *ret_batch)
{
    uint64_t from = position > KP_BATCH_SIGNALS_MAX ? position - KP_BATCH_SIGNALS_MAX : 0;
    struct kp_key key = kp_key_u64(kp_key_none(), from);
    struct kp_slice found;
    struct kp_slice value;
    bool after = true;
    while (kp_txn_seek(txn, KP_TABLE_BATCH, kp_key_slice(&key), after, &found, &value)) {
        struct kp_reader reader;
        kp_reader_init(&reader, found);
        ret_batch->position = kp_get_u64(&reader);
        if (ret_batch->position > position) {
            return false;
        }
        kp_reader_init(&reader, value);
        uint8_t version = kp_get_u8(&reader);
        ret_batch->partner = kp_get_u16(&reader);
        ret_batch->stamp.ms = kp_get_i64(&reader);
        ret_batch->message_id = kp_get_slice(&reader);
        ret_batch->traceparent = kp_get_slice(&reader);
        ret_batch->certificate_digest = kp_get_slice(&reader);
        ret_batch->algorithm = kp_get_u8(&reader);
        ret_batch->signature = kp_get_slice(&reader);
        ret_batch->signal_count = kp_get_u32(&reader);
        ret_batch->outcome_seq = kp_get_u64(&reader);
        ret_batch->digests = kp_get_slice(&reader);
        ret_batch->outcomes = kp_get_slice(&reader);
        if (version != BATCH_VERSION || !kp_reader_done(&reader)) {
            kp_txn_fail(txn, KP_E_CORRUPT, "the batch %llu does not decode",
                        (unsigned long long)ret_batch->position);
            return false;
        }
        if (position < ret_batch->position + ret_batch->signal_count) {
            return true;
        }
        key = kp_key_u64(kp_key_none(), ret_batch->position);
    }
    return false;
}

/* One signal of the batch: read, apply, collect. Memory it took is given back, but for the texts of
 * its outcome. */
static void apply_one(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                      uint64_t batch_position, struct kp_reader *reader,
                      struct collector *collector, struct kp_audit *audit)
{
    struct kp_command_signal signal;
    struct kp_signal_outcome outcome;
    kp_command_get_signal(reader, &signal);
    if (!kp_reader_ok(reader) || (signal.held_code == KP_OK && !kp_command_signal_fits(&signal))) {
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode",
                    (unsigned long long)batch_position);
        return;
    }
    char *reference = kp_text_of(txn->scratch, signal.reference);
    size_t mark = kp_txn_scratch_mark(txn);
    kp_signal_apply(core, txn, head->actor, batch_position, &signal, &outcome);
    kp_elsewhere_tell(core, txn);
    kp_txn_scratch_restore(txn, mark);
    char *field = outcome.field.size > 0 ? kp_text_of(txn->scratch, outcome.field) : NULL;
    collect(core, collector, &signal, reference, field, &outcome);
    add_audit(core, audit, head, &signal, outcome.kind);
}

void kp_batch_apply(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                    uint32_t positions, struct kp_reader *reader)
{
    struct kp_command_batch batch;
    struct collector collector;
    struct kp_audit audit;
    uint64_t first = core->position;
    kp_command_get_batch(reader, &batch);
    if (!kp_reader_ok(reader) || batch.signal_count == 0 || batch.signal_count != positions ||
        batch.signal_count > KP_BATCH_SIGNALS_MAX) {
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode", (unsigned long long)first);
        return;
    }
    if (!collector_init(txn, batch.signal_count, &collector)) {
        return;
    }
    kp_audit_begin(txn, batch.signal_count, &audit);
    for (uint32_t i = 0; i < batch.signal_count && kp_txn_error(txn) == KP_OK; i++) {
        core->position = first + i;
        apply_one(core, txn, head, first, reader, &collector, &audit);
    }
    if (kp_txn_error(txn) != KP_OK) {
        return;
    }
    struct kp_partner_counts counts;
    kp_partner_counts_get(txn, head->actor, &counts);
    counts.signals += batch.signal_count;
    kp_partner_counts_put(txn, head->actor, &counts);
    kp_audit_end(txn, &audit);
    struct kp_stored_batch stored = {
        .position = first,
        .partner = head->actor,
        .stamp = core->now,
        .message_id = kp_slice_of(head->message_id, sizeof head->message_id),
        .traceparent = head->traceparent,
        .certificate_digest = batch.certificate_digest,
        .algorithm = batch.algorithm,
        .signature = batch.signature,
        .signal_count = batch.signal_count,
        .outcome_seq = send_outcomes(core, txn, head->actor, head, &collector),
        .digests = kp_slice_of(collector.digests, (size_t)batch.signal_count * KP_SHA256_BYTES),
        .outcomes = kp_slice_of(collector.kinds, batch.signal_count),
    };
    store_batch(txn, &stored);
}

/* Tell the partner what became of one signal outside a batch of his. */
static void tell_one(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                     uint16_t partner, const struct kp_command_signal *signal,
                     const struct kp_signal_outcome *outcome)
{
    struct collector collector;
    struct kp_audit audit;
    if (partner == 0 || !collector_init(txn, 1, &collector)) {
        return;
    }
    char *reference = kp_text_of(txn->scratch, signal->reference);
    char *field = outcome->field.size > 0 ? kp_text_of(txn->scratch, outcome->field) : NULL;
    kp_audit_begin(txn, 1, &audit);
    collect(core, &collector, signal, reference, field, outcome);
    add_audit(core, &audit, head, signal, outcome->kind);
    kp_audit_end(txn, &audit);
    (void)send_outcomes(core, txn, partner, head, &collector); /* no batch row refers to it */
}

void kp_batch_held_retry(struct kp_core *core, struct kp_txn *txn,
                         const struct kp_command_head *head, struct kp_reader *reader)
{
    struct kp_command_signal signal;
    struct kp_signal_outcome outcome;
    uint16_t partner;
    uint64_t held_position = kp_get_u64(reader);
    kp_command_get_signal(reader, &signal);
    if (!kp_reader_done(reader) ||
        (signal.held_code == KP_OK && !kp_command_signal_fits(&signal))) {
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode",
                    (unsigned long long)core->position);
        return;
    }
    kp_signal_retry(core, txn, held_position, &signal, &partner, &outcome);
    tell_one(core, txn, head, partner, &signal, &outcome);
}

void kp_batch_held_drop(struct kp_core *core, struct kp_txn *txn,
                        const struct kp_command_head *head, struct kp_reader *reader)
{
    struct kp_command_signal signal;
    uint16_t partner;
    uint64_t held_position = kp_get_u64(reader);
    if (!kp_reader_done(reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode",
                    (unsigned long long)core->position);
        return;
    }
    if (kp_signal_drop(txn, held_position, &partner, &signal)) {
        struct kp_signal_outcome outcome = {
            .kind = (uint8_t)KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DROPPED,
            .first_position = held_position};
        tell_one(core, txn, head, partner, &signal, &outcome);
    }
}
