/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/submit.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_BYTES_MAX (700u << 10) /* of signals: leaves room for salts, tags and signature */
#define BATCHES_MADE_AT_ONCE 8u

void kp_submit_init(struct kp_submit *submit, const struct kp_adapter_conf *conf,
                    struct kp_spool *spool, struct kp_client *client)
{
    *submit = (struct kp_submit){.conf = conf, .spool = spool, .client = client};
}

/* Batch @id was answered: its place in the window is free. Found by the id that the answer names
 * and not in the spool, because outcomes that came before the answer can have closed the batch
 * there. */
static void forget_sent(struct kp_submit *submit, struct kp_slice id)
{
    for (uint32_t i = 0; i < submit->sent_count; i++) {
        if (kp_slice_equal(kp_slice_of(submit->sent[i].message_id, KP_MESSAGE_ID_BYTES), id)) {
            submit->sent[i] = submit->sent[--submit->sent_count];
            return;
        }
    }
}

static bool is_sent(const struct kp_submit *submit, const struct kp_spool_batch *batch)
{
    for (uint32_t i = 0; i < submit->sent_count; i++) {
        if (memcmp(submit->sent[i].message_id, batch->message_id, KP_MESSAGE_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

void kp_submit_on_welcome(struct kp_submit *submit, const Knooppunt__V1__Welcome *welcome)
{
    submit->in_session = true;
    submit->sent_count = 0;
    submit->sent_to = 0;
    submit->failures = 0;
    submit->resume_at.us = 0;
    submit->batch_signals_max = submit->conf->batch_signals_max;
    if (welcome->has_batch_signals_max && welcome->batch_signals_max > 0 &&
        welcome->batch_signals_max < submit->batch_signals_max) {
        submit->batch_signals_max = welcome->batch_signals_max;
    }
    submit->in_flight_max = KP_DOOR_BATCHES_IN_FLIGHT_MAX;
    if (welcome->has_batches_in_flight_max &&
        welcome->batches_in_flight_max < submit->in_flight_max) {
        submit->in_flight_max = welcome->batches_in_flight_max;
    }
}

void kp_submit_on_lost(struct kp_submit *submit)
{
    submit->in_session = false;
    submit->sent_count = 0;
}

/* The hub says later, or cannot take anything now: double the delay each time, with jitter, but
 * never less than the hub asked for. */
static int64_t back_off(struct kp_submit *submit, uint32_t at_least_ms)
{
    int64_t ms = submit->conf->retry_first_ms;
    for (uint32_t i = 0; i < submit->failures && ms < submit->conf->retry_max_ms; i++) {
        ms *= 2;
    }
    ms = ms < submit->conf->retry_max_ms ? ms : submit->conf->retry_max_ms;
    uint32_t chance;
    kp_random(&chance, sizeof chance);
    ms = ms / 2 + (int64_t)(chance % (uint64_t)(ms / 2 + 1));
    if (ms < (int64_t)at_least_ms) {
        ms = (int64_t)at_least_ms + (int64_t)(chance % (at_least_ms / 4u + 1));
    }
    submit->failures++;
    submit->resume_at.us = kp_mono_now().us + ms * 1000;
    submit->sent_to = 0;
    return ms;
}

/* --- what the hub answered --- */

/* Position of signal @at of the batch as the receipt has it; the digest must be that of our own. */
static bool receipt_matches(const struct kp_spool_signal *signal,
                            const Knooppunt__V1__SignalReceipt *receipt)
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(kp_slice_of(signal->salt, sizeof signal->salt), signal->bytes, KP_SLICE_EMPTY,
              digest);
    return receipt->has_position && receipt->has_digest &&
           kp_slice_equal(kp_slice_of(receipt->digest.data, receipt->digest.len),
                          kp_slice_of(digest, sizeof digest));
}

static void set_record(struct kp_spool *spool, const struct kp_spool_signal *signal,
                       enum kp_record_status status, uint64_t position, uint32_t code,
                       const char *field)
{
    struct kp_spool_file file;
    struct kp_spool_record record;
    if (!kp_spool_get_file(spool, signal->file, &file) ||
        !kp_spool_get_record(spool, signal->file, signal->record, &record)) {
        return;
    }
    record.status = status;
    record.code = code;
    record.position = position;
    (void)snprintf(record.field, sizeof record.field, "%s", field == NULL ? "" : field);
    (void)snprintf(record.reason, sizeof record.reason, "%s",
                   code == 0 ? "" : kp_err_text((enum kp_err)code));
    kp_spool_put_record(spool, &file, &record);
    kp_spool_put_file(spool, &file);
}

static bool check_receipt(struct kp_spool *spool, const struct kp_spool_batch *batch,
                          const Knooppunt__V1__ReceiptBody *receipt)
{
    if (receipt->n_signals != batch->count) {
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        struct kp_spool_signal signal;
        if (kp_spool_get_signal(spool, batch->first + i, &signal) &&
            !receipt_matches(&signal, receipt->signals[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t highest_position(const Knooppunt__V1__ReceiptBody *receipt)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < receipt->n_signals; i++) {
        highest = receipt->signals[i]->position > highest ? receipt->signals[i]->position : highest;
    }
    return highest;
}

enum kp_err kp_submit_on_receipt(struct kp_submit *submit, const struct kp_client_event *event,
                                 struct kp_diag *reterr_diag)
{
    struct kp_spool *spool = submit->spool;
    const Knooppunt__V1__ReceiptBody *receipt = event->receipt;
    struct kp_spool_batch batch;
    uint64_t highest = highest_position(receipt);
    struct kp_slice id = kp_slice_of(receipt->batch_message_id.data, receipt->batch_message_id.len);
    if (!kp_spool_find_batch(spool, id, &batch)) {
        /* Its outcomes came first and closed it, or it is a second receipt: still a proof. */
        kp_spool_put_receipt(spool, highest, event->receipt_bytes);
        forget_sent(submit, id);
        submit->failures = 0;
        return KP_OK;
    }
    if (!check_receipt(spool, &batch, receipt)) {
        return kp_fail(reterr_diag, KP_E_CORRUPT, "a receipt with other digests than the batch's");
    }
    kp_spool_put_receipt(spool, highest, event->receipt_bytes);
    if (highest > kp_spool_counter(spool, KP_COUNTER_LAST_POSITION)) {
        kp_spool_set_counter(spool, KP_COUNTER_LAST_POSITION, highest);
    }
    for (uint32_t i = 0; i < batch.count && !batch.receipted; i++) {
        struct kp_spool_signal signal;
        if (kp_spool_get_signal(spool, batch.first + i, &signal)) {
            set_record(spool, &signal, KP_RECORD_RECEIPTED, receipt->signals[i]->position,
                       receipt->signals[i]->held_code, receipt->signals[i]->held_field);
        }
    }
    batch.receipted = true;
    kp_spool_put_batch(spool, &batch);
    forget_sent(submit, id);
    submit->failures = 0;
    return KP_OK;
}

static void new_batch_ids(struct kp_spool_batch *batch)
{
    uint8_t chance[KP_UUID_RANDOM_BYTES + 24];
    kp_random(chance, sizeof chance);
    kp_uuid7(kp_wall_now(), chance, batch->message_id);
    const uint8_t *trace = chance + KP_UUID_RANDOM_BYTES;
    struct kp_writer writer;
    kp_writer_init(&writer, batch->traceparent, sizeof batch->traceparent - 1);
    kp_put_raw(&writer, KP_SLICE_LIT("00-"));
    for (int i = 0; i < 24; i++) {
        static const char digits[] = "0123456789abcdef";
        if (i == 16) {
            kp_put_u8(&writer, '-');
        }
        kp_put_u8(&writer, (uint8_t)digits[trace[i] >> 4]);
        kp_put_u8(&writer, (uint8_t)digits[trace[i] & 15]);
    }
    kp_put_raw(&writer, KP_SLICE_LIT("-01"));
    KP_ASSERT(kp_writer_ok(&writer));
    batch->traceparent[writer.size] = '\0';
}

/* The program's own fault: these bytes will never pass. Halve the batch until the one signal that
 * does it stands alone; the others go through. */
static void split(struct kp_submit *submit, const struct kp_spool_batch *batch,
                  const Knooppunt__V1__Refusal *refusal)
{
    struct kp_spool *spool = submit->spool;
    kp_spool_drop_batch(spool, batch);
    submit->sent_to = 0;
    if (batch->count == 1) {
        struct kp_spool_signal signal;
        if (kp_spool_get_signal(spool, batch->first, &signal)) {
            set_record(spool, &signal, KP_RECORD_REFUSED, 0, refusal->code, refusal->field);
            kp_spool_drop_signal(spool, batch->first);
        }
        return;
    }
    struct kp_spool_batch halves[2] = {
        {.first = batch->first, .count = batch->count / 2},
        {.first = batch->first + batch->count / 2, .count = batch->count - batch->count / 2},
    };
    for (int i = 0; i < 2; i++) {
        halves[i].open = halves[i].count;
        new_batch_ids(&halves[i]);
        kp_spool_put_batch(spool, &halves[i]);
    }
}

static bool is_fault_of_bytes(uint32_t code)
{
    return code >= KP_E_FRAME_SIZE && code <= KP_E_LENGTH && code != KP_E_SESSION &&
           code != KP_E_SCHEMA && code != KP_E_UNEXPECTED;
}

void kp_submit_on_refusal(struct kp_submit *submit, const Knooppunt__V1__Refusal *refusal)
{
    struct kp_spool_batch batch;
    struct kp_slice id =
        kp_slice_of(refusal->refused_message_id.data, refusal->refused_message_id.len);
    enum kp_err err = (enum kp_err)refusal->code;
    forget_sent(submit, id);
    if (!kp_spool_find_batch(submit->spool, id, &batch)) {
        kp_log(KP_LOG_WARNING, "message.refused", "err=%s text=\"%s\"", kp_err_name(err),
               kp_err_text(err));
        return;
    }
    if (is_fault_of_bytes(refusal->code)) {
        kp_log(KP_LOG_ERROR, "batch.refused", "err=%s field=%s signals=%u offset=%u",
               kp_err_name(err), refusal->field == NULL ? "" : refusal->field, batch.count,
               refusal->offset);
        split(submit, &batch, refusal);
        return;
    }
    int64_t ms = back_off(submit, refusal->retry_after_ms);
    bool later = kp_err_category(err) == KP_ERR_RETRY;
    kp_log(later ? KP_LOG_INFO : KP_LOG_ERROR, later ? "batch.later" : "batch.refused",
           "err=%s text=\"%s\" retry_ms=%" PRId64, kp_err_name(err), kp_err_text(err), ms);
}

/* --- outcomes --- */

static enum kp_record_status status_of(Knooppunt__V1__OutcomeKind kind)
{
    switch ((int)kind) {
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_NEW:
        return KP_RECORD_ACCEPTED;
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DUPLICATE:
        return KP_RECORD_DUPLICATE;
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_REPLACES:
        return KP_RECORD_REPLACES;
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_SUPERSEDED:
        return KP_RECORD_SUPERSEDED;
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_WITHDRAWN:
        return KP_RECORD_WITHDRAWN;
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DROPPED:
        return KP_RECORD_REFUSED;
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_HELD:
    case KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_CONFLICT:
    default: /* of a newer hub: not known to be in effect */
        return KP_RECORD_HELD;
    }
}

/* The signal of the batch that @outcome is about: at its own place, else looked for. */
static bool find_signal(struct kp_spool *spool, const struct kp_spool_batch *batch, uint32_t hint,
                        const Knooppunt__V1__SignalOutcome *outcome,
                        struct kp_spool_signal *ret_signal)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t seq = batch->first + (hint + i) % batch->count;
        if (kp_spool_get_signal(spool, seq, ret_signal) && outcome->reference != NULL &&
            ret_signal->version == outcome->version &&
            strcmp(ret_signal->reference, outcome->reference) == 0) {
            return true;
        }
    }
    return false;
}

void kp_submit_on_outcomes(struct kp_spool *spool, const Knooppunt__V1__Outcomes *outcomes,
                           uint32_t *ret_known)
{
    *ret_known = 0;
    struct kp_spool_batch batch;
    if (!kp_spool_find_batch(
            spool, kp_slice_of(outcomes->batch_message_id.data, outcomes->batch_message_id.len),
            &batch)) {
        return;
    }
    for (size_t i = 0; i < outcomes->n_outcomes; i++) {
        const Knooppunt__V1__SignalOutcome *outcome = outcomes->outcomes[i];
        struct kp_spool_signal signal;
        if (!find_signal(spool, &batch, (uint32_t)i, outcome, &signal)) {
            continue;
        }
        set_record(spool, &signal, status_of(outcome->kind), outcome->position, outcome->code,
                   outcome->field);
        kp_spool_drop_signal(spool, signal.seq);
        batch.open = batch.open > 0 ? batch.open - 1 : 0;
        (*ret_known)++;
    }
    if (batch.open == 0) {
        kp_spool_drop_batch(spool, &batch);
    } else {
        kp_spool_put_batch(spool, &batch);
    }
}

/* --- sending --- */

/* One batch of the signals that have none; false: there are no more. */
static bool make_batch(struct kp_submit *submit)
{
    struct kp_spool *spool = submit->spool;
    struct kp_spool_batch batch = {.first = kp_spool_counter(spool, KP_COUNTER_BATCHED)};
    struct kp_spool_signal signal;
    size_t bytes = 0;
    while (batch.count < submit->batch_signals_max &&
           kp_spool_get_signal(spool, batch.first + batch.count, &signal)) {
        bytes += signal.bytes.size;
        if (batch.count > 0 && bytes > BATCH_BYTES_MAX) {
            break;
        }
        batch.count++;
    }
    if (batch.count == 0) {
        return false;
    }
    batch.open = batch.count;
    new_batch_ids(&batch);
    kp_spool_put_batch(spool, &batch);
    kp_spool_set_counter(spool, KP_COUNTER_BATCHED, batch.first + batch.count);
    return true;
}

static enum kp_err make_batches(struct kp_submit *submit, struct kp_diag *reterr_diag)
{
    struct kp_spool *spool = submit->spool;
    kp_spool_begin_read(spool);
    bool some = kp_spool_counter(spool, KP_COUNTER_BATCHED) <
                kp_spool_counter(spool, KP_COUNTER_NEXT_SIGNAL);
    enum kp_err err = kp_spool_commit(spool, reterr_diag);
    if (err != KP_OK || !some) {
        return err;
    }
    kp_spool_begin(spool);
    for (uint32_t i = 0; i < BATCHES_MADE_AT_ONCE && make_batch(submit); i++) {
    }
    return kp_spool_commit(spool, reterr_diag);
}

static enum kp_err send_batch(struct kp_submit *submit, const struct kp_spool_batch *batch,
                              struct kp_diag *reterr_diag)
{
    struct kp_client_signal signals[KP_BATCH_SIGNALS_MAX];
    static uint8_t salts[KP_BATCH_SIGNALS_MAX][KP_SALT_BYTES]; /* one thread; 16 KB */
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count && i < KP_BATCH_SIGNALS_MAX; i++) {
        struct kp_spool_signal signal;
        if (!kp_spool_get_signal(submit->spool, batch->first + i, &signal)) {
            continue;
        }
        memcpy(salts[count], signal.salt, KP_SALT_BYTES);
        signals[count] = (struct kp_client_signal){salts[count], signal.bytes};
        count++;
    }
    KP_ASSERT(count > 0);
    enum kp_err err = kp_client_submit(submit->client, batch->message_id, batch->traceparent,
                                       signals, count, reterr_diag);
    if (err == KP_OK) {
        struct kp_submit_sent *sent = &submit->sent[submit->sent_count++];
        memcpy(sent->message_id, batch->message_id, KP_MESSAGE_ID_BYTES);
        sent->at = kp_mono_now();
    }
    return err;
}

/* In a read transaction. */
static enum kp_err send_batches(struct kp_submit *submit, struct kp_diag *reterr_diag)
{
    struct kp_spool_batch batch;
    while (submit->sent_count < submit->in_flight_max &&
           kp_spool_next_batch(submit->spool, submit->sent_to, &batch)) {
        if (!batch.receipted && !is_sent(submit, &batch)) {
            enum kp_err err = send_batch(submit, &batch, reterr_diag);
            if (err == KP_E_STATE || err == KP_E_LATER) {
                return KP_OK; /* the session or the window ended: goes on after the next event */
            }
            if (err != KP_OK) {
                return err;
            }
        }
        submit->sent_to = batch.id;
    }
    return KP_OK;
}

/* A batch without an answer for too long in a living session goes again under its own id. */
static void check_timeouts(struct kp_submit *submit)
{
    int64_t now_us = kp_mono_now().us;
    for (uint32_t i = 0; i < submit->sent_count; i++) {
        if (now_us - submit->sent[i].at.us > submit->conf->receipt_ms * 1000) {
            submit->sent_count = 0;
            int64_t ms = back_off(submit, 0);
            kp_log(KP_LOG_WARNING, "receipt.late", "retry_ms=%" PRId64, ms);
            return;
        }
    }
}

enum kp_err kp_submit_run(struct kp_submit *submit, struct kp_diag *reterr_diag)
{
    if (!submit->in_session) {
        return KP_OK;
    }
    check_timeouts(submit);
    if (kp_mono_now().us < submit->resume_at.us) {
        return KP_OK;
    }
    for (;;) {
        enum kp_err err = make_batches(submit, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        uint64_t before = submit->sent_to;
        kp_spool_begin_read(submit->spool);
        err = send_batches(submit, reterr_diag);
        kp_spool_abort(submit->spool);
        if (err != KP_OK || submit->sent_to == before) {
            return err;
        }
    }
}

struct kp_mono kp_submit_next(const struct kp_submit *submit)
{
    int64_t at_us = INT64_MAX;
    for (uint32_t i = 0; submit->in_session && i < submit->sent_count; i++) {
        int64_t end_us = submit->sent[i].at.us + submit->conf->receipt_ms * 1000 + 1000;
        at_us = end_us < at_us ? end_us : at_us;
    }
    if (submit->in_session && submit->resume_at.us > kp_mono_now().us &&
        submit->resume_at.us < at_us) {
        at_us = submit->resume_at.us;
    }
    return (struct kp_mono){at_us};
}
