/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The intake workers: a frame from a door becomes a command for the journal, a change of its
 * session, or a refusal. The frames of one door go to one worker, so that they keep their order.
 */
#include "hub.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/uuid.h"
#include "core/match/form.h"
#include "core/match/keys.h"
#include "core/outbox.h"
#include "intake/intake.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (8u << 20)
#define SCHEMA 1

/* A frame on its way to a worker; NULL: its peer has left, the door's session is over. */
struct item {
    uint16_t door;
    struct kp_mono arrived;
    struct kp_frame *frame;
};

/* What a counterpart can have logged as often as he likes. A refusal that asks him to come later is
 * no alarm, and must not use up the lines of one that is. */
struct limits {
    struct kp_log_limit later, refused, session, behind;
};

struct desk {
    struct kp_hub *hub;
    struct limits *limits; /* by door; each door has one desk */
    struct kp_intake *intake;
    struct kp_mono arrived; /* the frame that is handled */
    struct kp_arena arena;
    uint8_t *command; /* KP_JOURNAL_RECORD_BYTES_MAX: one while it is made */
};

/* --- from the door thread --- */

/* The message id of an envelope that nobody has opened: schema, then 16 bytes, in canonical order.
 */
static struct kp_slice peek_message_id(struct kp_slice frame)
{
    static const uint8_t start[] = {0x08, SCHEMA, 0x12, KP_MESSAGE_ID_BYTES};
    bool found = frame.size >= sizeof start + KP_MESSAGE_ID_BYTES &&
                 memcmp(frame.bytes, start, sizeof start) == 0;
    return found ? kp_slice_of(frame.bytes + sizeof start, KP_MESSAGE_ID_BYTES) : KP_SLICE_EMPTY;
}

static void fill_envelope(Knooppunt__V1__Envelope *envelope, uint8_t message_id[16])
{
    uint8_t random[KP_UUID_RANDOM_BYTES];
    kp_random(random, sizeof random);
    kp_uuid7(kp_wall_now(), random, message_id);
    envelope->has_schema = 1;
    envelope->schema = SCHEMA;
    envelope->has_message_id = 1;
    envelope->message_id = (ProtobufCBinaryData){.len = 16, .data = message_id};
}

static ProtobufCBinaryData binary(struct kp_arena *arena, struct kp_slice bytes)
{
    uint8_t *copy = kp_arena_alloc(arena, bytes.size + 1);
    KP_ASSERT(copy != NULL);
    if (bytes.size > 0) {
        memcpy(copy, bytes.bytes, bytes.size);
    }
    return (ProtobufCBinaryData){.len = bytes.size, .data = copy};
}

struct kp_slice kp_frames_bye(struct kp_arena *arena, enum kp_err err, const char *text)
{
    uint8_t message_id[16];
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Bye bye = KNOOPPUNT__V1__BYE__INIT;
    fill_envelope(&envelope, message_id);
    bye.has_code = 1;
    bye.code = (uint32_t)err;
    bye.text = (char *)binary(arena, kp_slice_of(text, strlen(text) + 1)).data;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_BYE;
    envelope.bye = &bye;
    return kp_codec_pack(arena, &envelope.base);
}

/* What a counterpart is told. A fault of ours is not his to read, nor a verdict on what he sent. */
static struct kp_diag outward(const struct kp_diag *found)
{
    static const enum kp_err ours[] = {KP_E_IO,    KP_E_CORRUPT, KP_E_DISK_FULL,
                                       KP_E_STORE, KP_E_CRYPTO,  KP_E_INTERNAL};
    struct kp_diag told = *found;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (found->err == ours[i]) {
            (void)kp_fail(&told, KP_E_LATER, "the hub has a fault of its own");
        }
    }
    return told;
}

static void refuse(struct kp_hub *hub, struct kp_arena *arena, uint16_t door,
                   struct kp_slice message_id, const struct kp_diag *found, uint32_t offset)
{
    struct kp_diag told = outward(found);
    const struct kp_diag *diag = &told;
    uint8_t own_id[16];
    char *field = NULL;
    char *text = (char *)binary(arena, kp_slice_of(diag->text, strlen(diag->text) + 1)).data;
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Refusal refusal = KNOOPPUNT__V1__REFUSAL__INIT;
    fill_envelope(&envelope, own_id);
    if (message_id.size > 0) {
        refusal.has_refused_message_id = 1;
        refusal.refused_message_id = binary(arena, message_id);
    }
    if (diag->field[0] != '\0') {
        field = (char *)binary(arena, kp_slice_of(diag->field, strlen(diag->field) + 1)).data;
    }
    refusal.has_code = 1;
    refusal.code = (uint32_t)diag->err;
    refusal.has_offset = offset > 0;
    refusal.offset = offset;
    refusal.field = field;
    refusal.text = text;
    refusal.has_retry_after_ms = diag->err == KP_E_LATER;
    refusal.retry_after_ms = KP_LATER_MS;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_REFUSAL;
    envelope.refusal = &refusal;
    struct kp_slice frame = kp_codec_pack(arena, &envelope.base);
    kp_hub_send(hub, door, frame);
    kp_hub_count(hub, KP_METRIC_frames_refused, 1);
    kp_hub_count(hub, KP_METRIC_frames_later, diag->err == KP_E_LATER ? 1 : 0);
}

static void refuse_later(struct kp_hub *hub, uint16_t door, struct kp_slice message_id,
                         const char *why)
{
    struct kp_arena arena;
    struct kp_diag diag;
    kp_arena_init(&arena, 4096);
    (void)kp_fail(&diag, KP_E_LATER, "%s", why);
    refuse(hub, &arena, door, message_id, &diag, 0);
    kp_arena_done(&arena);
}

void kp_frames_on_frame(void *context, uint16_t door, struct kp_frame *frame)
{
    struct kp_hub *hub = context;
    struct kp_slice bytes = kp_frame_bytes(frame);
    struct item *item = malloc(sizeof *item);
    KP_ASSERT(item != NULL);
    *item = (struct item){.door = door, .arrived = kp_mono_now(), .frame = frame};
    size_t waiting = atomic_fetch_add(&hub->worker_bytes, bytes.size);
    kp_hub_count(hub, KP_METRIC_frames_received, 1);
    if (waiting <= KP_INTAKE_QUEUE_BYTES_MAX &&
        kp_queue_try_push(hub->worker_queues[door % hub->worker_count], item) == KP_OK) {
        return;
    }
    refuse_later(hub, door, peek_message_id(bytes), "the intake is busy");
    atomic_fetch_sub(&hub->worker_bytes, bytes.size);
    free(item);
    (void)kp_frame_free(frame);
}

/* Behind what the peer sent before it left: its last acknowledgements are still of its session. */
static void end_session(struct kp_hub *hub, uint16_t door)
{
    struct item *item = calloc(1, sizeof *item);
    KP_ASSERT(item != NULL);
    item->door = door;
    if (kp_queue_try_push(hub->worker_queues[door % hub->worker_count], item) != KP_OK) {
        free(item);
        kp_deliver_close(hub->deliver, door); /* what it sent last comes again, or is asked again */
    }
}

void kp_frames_on_event(void *context, uint16_t door, enum kp_door_event event)
{
    struct kp_hub *hub = context;
    switch (event) {
    case KP_DOOR_CONNECTED:
        kp_log(KP_LOG_INFO, "door.connected", "door=%u", door);
        break;
    case KP_DOOR_TURNED_OUT: /* at once: nothing more of its key is accepted */
        kp_deliver_close(hub->deliver, door);
        break;
    case KP_DOOR_DISCONNECTED:
        end_session(hub, door);
        kp_log(KP_LOG_INFO, "door.disconnected", "door=%u", door);
        break;
    case KP_DOOR_BUSY:
        kp_hub_count(hub, KP_METRIC_doors_busy, 1);
        kp_log(KP_LOG_WARNING, "door.busy", "door=%u", door);
        break;
    case KP_DOOR_SHUT_OUT:
        kp_hub_count(hub, KP_METRIC_doors_shut_out, 1);
        kp_log(KP_LOG_WARNING, "door.shut_out", "door=%u", door);
        break;
    default:
        break;
    }
}

/* --- the worker --- */

static struct kp_slice slice_of(const ProtobufCBinaryData *data)
{
    return kp_slice_of(data->data, data->len);
}

static bool speaks_schema(const Knooppunt__V1__Hello *hello)
{
    for (size_t i = 0; i < hello->n_schemas; i++) {
        if (hello->schemas[i] == SCHEMA) {
            return true;
        }
    }
    return false;
}

static enum kp_err check_hello(struct kp_hub *hub, const struct kp_view_counterpart *counterpart,
                               const Knooppunt__V1__Hello *hello, struct kp_diag *reterr_diag)
{
    if (!speaks_schema(hello)) {
        return kp_fail_field(reterr_diag, KP_E_SCHEMA, "hello.schemas", "this hub speaks schema %d",
                             SCHEMA);
    }
    if (hello->counterpart == NULL || strcmp(hello->counterpart, counterpart->row.id) != 0) {
        return kp_fail_field(reterr_diag, KP_E_SENDER, "hello.counterpart",
                             "this door belongs to another");
    }
    enum kp_err err = kp_view_standing(counterpart, kp_clock_now(hub));
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "%s", kp_err_text(err));
}

static void say_welcome(struct desk *desk, const struct kp_view *view, uint16_t door,
                        const struct kp_view_counterpart *counterpart, const uint8_t *session,
                        const struct kp_mailbox *mailbox)
{
    uint8_t message_id[16];
    struct kp_hub *hub = desk->hub;
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Welcome welcome = KNOOPPUNT__V1__WELCOME__INIT;
    Knooppunt__V1__MailboxState state = KNOOPPUNT__V1__MAILBOX_STATE__INIT;
    Knooppunt__V1__MailboxState *states[1] = {&state};
    struct kp_journal_state journal;
    kp_journal_state(hub->journal, &journal);
    fill_envelope(&envelope, message_id);
    state.mailbox =
        (char *)binary(&desk->arena, kp_slice_of(counterpart->row.id, sizeof counterpart->row.id))
            .data;
    state.has_acked_seq = state.has_last_seq = 1;
    state.acked_seq = mailbox->acked_seq;
    state.last_seq = mailbox->last_seq;
    welcome.has_schema = 1;
    welcome.schema = SCHEMA;
    welcome.has_session = 1;
    welcome.session = binary(&desk->arena, kp_slice_of(session, KP_SESSION_BYTES));
    welcome.house =
        (char *)binary(&desk->arena, kp_slice_of(view->core.house.id, sizeof view->core.house.id))
            .data;
    welcome.house_oin =
        (char *)binary(&desk->arena, kp_slice_of(view->core.house.oin, sizeof view->core.house.oin))
            .data;
    welcome.has_batch_signals_max = welcome.has_frame_bytes_max = 1;
    welcome.batch_signals_max = KP_BATCH_SIGNALS_MAX;
    welcome.frame_bytes_max = KP_FRAME_BYTES_MAX;
    welcome.has_batches_in_flight_max = welcome.has_credit_max = 1;
    welcome.batches_in_flight_max = KP_DOOR_BATCHES_IN_FLIGHT_MAX;
    welcome.credit_max = KP_ACK_ROWS_MAX;
    welcome.has_test_mode = welcome.has_journal_position = 1;
    welcome.test_mode = view->core.house.test_mode;
    welcome.journal_position = journal.last;
    welcome.has_known_checks_per_day = counterpart->partner != KP_PARTNER_NONE;
    welcome.known_checks_per_day = counterpart->partner == KP_PARTNER_NONE
                                       ? 0
                                       : view->core.house.partners[counterpart->partner].checks_max;
    welcome.n_mailboxes = 1;
    welcome.mailboxes = states;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_WELCOME;
    envelope.welcome = &welcome;
    struct kp_slice frame = kp_codec_pack(&desk->arena, &envelope.base);
    kp_hub_send(hub, door, frame);
}

static enum kp_err read_cursor(struct kp_hub *hub, uint16_t door, struct kp_mailbox *ret_mailbox,
                               struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err == KP_OK) {
        kp_mailbox_get(txn, door, ret_mailbox);
        err = kp_txn_error(txn);
        *reterr_diag = txn->diag;
        kp_txn_abort(txn);
    }
    return err;
}

static void say_behind(struct desk *desk, const struct kp_view_counterpart *counterpart,
                       uint64_t receipt_position, uint64_t journal_position)
{
    uint64_t left_out = 0;
    if (kp_log_may(&desk->limits[counterpart->row.number].behind, kp_mono_now(), &left_out)) {
        kp_log(KP_LOG_ERROR, "journal.behind_receipts",
               "counterpart=%s receipt_position=%llu journal_position=%llu left_out=%llu",
               counterpart->row.id, (unsigned long long)receipt_position,
               (unsigned long long)journal_position, (unsigned long long)left_out);
    }
}

static enum kp_err on_hello(struct desk *desk, const struct kp_view *view, uint16_t door,
                            const struct kp_view_counterpart *counterpart,
                            const Knooppunt__V1__Hello *hello, struct kp_diag *reterr_diag)
{
    struct kp_hub *hub = desk->hub;
    struct kp_mailbox mailbox;
    struct kp_journal_state journal;
    uint8_t session[KP_SESSION_BYTES];
    enum kp_err err = check_hello(desk->hub, counterpart, hello, reterr_diag);
    if (err == KP_OK) {
        err = read_cursor(hub, door, &mailbox, reterr_diag);
    }
    if (err != KP_OK) {
        kp_deliver_close(hub->deliver, door);
        return err;
    }
    kp_journal_state(hub->journal, &journal);
    if (hello->has_last_position && hello->last_position > journal.last) {
        say_behind(desk, counterpart, hello->last_position, journal.last);
    }
    kp_random(session, sizeof session);
    kp_deliver_open(hub->deliver, door, session, mailbox.acked_seq);
    say_welcome(desk, view, door, counterpart, session, &mailbox);
    uint64_t left_out = 0;
    if (kp_log_may(&desk->limits[door].session, kp_mono_now(), &left_out)) {
        kp_log(KP_LOG_NOTICE, "session.open", "counterpart=%s door=%u left_out=%llu",
               counterpart->row.id, door, (unsigned long long)left_out);
    }
    return KP_OK;
}

/* --- a batch --- */

enum kp_err kp_frames_admit(struct kp_hub *hub, uint16_t door, struct kp_diag *reterr_diag)
{
    if (atomic_load(&hub->disk_full)) {
        return kp_fail(reterr_diag, KP_E_LATER, "the hub's disk is too full");
    }
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t backlog = hub->progress.journalled - hub->progress.applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    if (backlog > KP_BACKLOG_POSITIONS_MAX) {
        return kp_fail(reterr_diag, KP_E_LATER, "the hub is catching up");
    }
    if (!kp_deliver_take_off(hub->deliver, door, KP_DOOR_BATCHES_IN_FLIGHT_MAX)) {
        return kp_fail(reterr_diag, KP_E_LATER,
                       "more than %u batches, checks or questions in flight",
                       KP_DOOR_BATCHES_IN_FLIGHT_MAX);
    }
    return KP_OK;
}

static enum kp_err admit(struct kp_hub *hub, const struct kp_view *view, uint16_t door,
                         struct kp_diag *reterr_diag)
{
    if (atomic_load(&hub->held[door]) >= view->core.house.held_per_partner_max) {
        return kp_fail(reterr_diag, KP_E_LATER,
                       "the list of held signals is full; the house must clear it first");
    }
    return kp_frames_admit(hub, door, reterr_diag);
}

static enum kp_err check_batch(const Knooppunt__V1__SubmitBatch *batch, struct kp_diag *reterr_diag)
{
    if (batch->n_signals == 0) {
        return kp_fail_field(reterr_diag, KP_E_MISSING, "submit_batch.signals", "no signals");
    }
    if (batch->n_signals > KP_BATCH_SIGNALS_MAX) {
        return kp_fail_field(reterr_diag, KP_E_LIMIT, "submit_batch.signals",
                             "%zu signals, at most %u", batch->n_signals, KP_BATCH_SIGNALS_MAX);
    }
    if (!batch->has_certificate_digest || !batch->has_algorithm || !batch->has_signature) {
        return kp_fail_field(reterr_diag, KP_E_MISSING, "submit_batch.signature",
                             "signature, algorithm or certificate digest is absent");
    }
    for (size_t i = 0; i < batch->n_signals; i++) {
        const Knooppunt__V1__SignedSignal *signal = batch->signals[i];
        if (!signal->has_salt || signal->salt.len != KP_SALT_BYTES) {
            return kp_fail_field(reterr_diag, KP_E_LENGTH, "submit_batch.signals.salt",
                                 "the salt of signal %zu is not %u bytes", i + 1, KP_SALT_BYTES);
        }
        if (!signal->has_signal || signal->signal.len > KP_SIGNAL_BYTES_MAX) {
            return kp_fail_field(reterr_diag, KP_E_LENGTH, "submit_batch.signals.signal",
                                 "signal %zu is absent or larger than %u bytes", i + 1,
                                 KP_SIGNAL_BYTES_MAX);
        }
    }
    return KP_OK;
}

/* Made for this house, by this partner, with his enrolled certificate, over these very signals. */
static enum kp_err verify_batch(struct desk *desk, const struct kp_view *view,
                                const struct kp_view_counterpart *counterpart,
                                const Knooppunt__V1__SubmitBatch *batch,
                                struct kp_diag *reterr_diag)
{
    const struct kp_certificate *certificate;
    const struct kp_partner *partner = &view->core.house.partners[counterpart->partner];
    enum kp_err err = kp_view_certificate(counterpart, slice_of(&batch->certificate_digest),
                                          kp_clock_now(desk->hub), &certificate);
    if (err != KP_OK) {
        return kp_fail_field(reterr_diag, err, "submit_batch.certificate_digest", "%s",
                             kp_err_text(err));
    }
    size_t size = 2 * KP_OIN_DIGITS + 4 + batch->n_signals * KP_SHA256_BYTES;
    uint8_t *bytes = kp_arena_alloc(&desk->arena, size);
    KP_ASSERT(bytes != NULL);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_text(&writer, view->core.house.oin);
    kp_put_text(&writer, partner->oin);
    kp_put_u32(&writer, (uint32_t)batch->n_signals);
    for (size_t i = 0; i < batch->n_signals; i++) {
        uint8_t digest[KP_SHA256_BYTES];
        kp_sha256(slice_of(&batch->signals[i]->salt), slice_of(&batch->signals[i]->signal),
                  KP_SLICE_EMPTY, digest);
        kp_put_raw(&writer, kp_slice_of(digest, sizeof digest));
    }
    return kp_verify(certificate, (enum kp_sign_algorithm)batch->algorithm, KP_LABEL_BATCH,
                     kp_writer_slice(&writer), slice_of(&batch->signature), reterr_diag);
}

static void note_signal(const struct kp_command_signal *signal, struct kp_entry_signal *noted)
{
    size_t most = sizeof noted->held_field - 1;
    size_t field = signal->held_field.size < most ? signal->held_field.size : most;
    noted->held_code = signal->held_code;
    memcpy(noted->digest, signal->digest, sizeof noted->digest);
    if (field > 0) {
        memcpy(noted->held_field, signal->held_field.bytes, field);
    }
}

/* What the batch becomes in the journal. KP_E_LIMIT: it says too much of too many persons. */
static enum kp_err make_entry(struct desk *desk, const struct kp_view *view,
                              const struct kp_view_counterpart *counterpart,
                              const Knooppunt__V1__Envelope *envelope, struct kp_entry **ret_entry,
                              struct kp_diag *reterr_diag)
{
    const Knooppunt__V1__SubmitBatch *batch = envelope->submit_batch;
    struct kp_command_signal signal;
    struct kp_entry_signal noted[KP_BATCH_SIGNALS_MAX];
    struct kp_command_head head = {.kind = KP_COMMAND_BATCH, .actor = counterpart->row.number};
    struct kp_command_batch command = {.certificate_digest = slice_of(&batch->certificate_digest),
                                       .algorithm = (uint8_t)batch->algorithm,
                                       .signature = slice_of(&batch->signature),
                                       .signal_count = (uint32_t)batch->n_signals};
    memcpy(head.message_id, envelope->message_id.data, sizeof head.message_id);
    head.traceparent = kp_slice_str(envelope->traceparent);
    memset(noted, 0, sizeof noted[0] * batch->n_signals);
    struct kp_writer writer;
    kp_writer_init(&writer, desk->command, KP_JOURNAL_RECORD_BYTES_MAX);
    kp_command_put_head(&writer, &head);
    kp_command_put_batch(&writer, &command);
    for (uint32_t i = 0; i < batch->n_signals; i++) {
        size_t mark = kp_arena_mark(&desk->arena);
        struct kp_intake_signal received = {.salt = slice_of(&batch->signals[i]->salt),
                                            .signal = slice_of(&batch->signals[i]->signal)};
        kp_intake_take(desk->intake, &view->core.house, counterpart->row.number, &received,
                       &desk->arena, &signal);
        kp_command_put_signal(&writer, &signal);
        note_signal(&signal, &noted[i]);
        kp_arena_restore(&desk->arena, mark);
    }
    if (!kp_writer_ok(&writer)) {
        return kp_fail_field(reterr_diag, KP_E_LIMIT, "submit_batch.signals",
                             "too many persons for one batch: send it in parts");
    }
    struct kp_entry *entry =
        kp_entry_new(KP_COMMAND_BATCH, writer.size, (uint32_t)batch->n_signals);
    entry->body_size = writer.size;
    memcpy(entry->body, desk->command, writer.size);
    memcpy(entry->signals, noted, sizeof noted[0] * batch->n_signals);
    entry->door = counterpart->row.number;
    memcpy(entry->session, envelope->session.data, sizeof entry->session);
    memcpy(entry->message_id, envelope->message_id.data, sizeof entry->message_id);
    memcpy(entry->partner_oin, view->core.house.partners[counterpart->partner].oin,
           sizeof entry->partner_oin);
    *ret_entry = entry;
    return KP_OK;
}

static enum kp_err on_batch(struct desk *desk, const struct kp_view *view, uint16_t door,
                            const struct kp_view_counterpart *counterpart,
                            const Knooppunt__V1__Envelope *envelope, struct kp_diag *reterr_diag)
{
    struct kp_hub *hub = desk->hub;
    if (counterpart->partner == KP_PARTNER_NONE) {
        return kp_fail(reterr_diag, KP_E_NOT_ENTITLED, "only a partner sends signals");
    }
    if (envelope->traceparent != NULL && strlen(envelope->traceparent) > 55) {
        return kp_fail_field(reterr_diag, KP_E_LENGTH, "traceparent", "longer than 55 bytes");
    }
    enum kp_err err = check_batch(envelope->submit_batch, reterr_diag);
    if (err == KP_OK) {
        err = verify_batch(desk, view, counterpart, envelope->submit_batch, reterr_diag);
    }
    if (err == KP_OK) {
        err = admit(hub, view, door, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    struct kp_entry *entry = NULL;
    err = make_entry(desk, view, counterpart, envelope, &entry, reterr_diag);
    if (err == KP_OK && kp_queue_try_push(hub->writer_queue, entry) == KP_OK) {
        return KP_OK;
    }
    (void)kp_entry_free(entry);
    kp_deliver_land(hub->deliver, door);
    if (err == KP_OK) {
        return kp_fail(reterr_diag, KP_E_LATER, "the journal is busy");
    }
    return err;
}

/* --- a check whether a person is known --- */

static struct kp_entry *check_entry(struct desk *desk, uint16_t door,
                                    const Knooppunt__V1__Envelope *envelope,
                                    const struct kp_command_check *check)
{
    struct kp_command_head head = {.kind = KP_COMMAND_KNOWN_CHECK, .actor = door};
    struct kp_entry *entry = kp_entry_new(
        KP_COMMAND_KNOWN_CHECK, 256 + KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX, /* positions= */ 1);
    struct kp_writer writer;
    memcpy(head.message_id, envelope->message_id.data, sizeof head.message_id);
    memcpy(entry->message_id, envelope->message_id.data, sizeof entry->message_id);
    memcpy(entry->session, envelope->session.data, sizeof entry->session);
    entry->door = door;
    entry->arrived = desk->arrived;
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_command_put_check(&writer, check);
    KP_ASSERT(kp_writer_ok(&writer));
    entry->body_size = writer.size;
    return entry;
}

/* Whether he may ask at all is judged by the core, behind the same answer: a refusal here hangs on
 * the frame and on how busy the hub is, never on a person or a grant. */
static enum kp_err on_known_check(struct desk *desk, const struct kp_view *view, uint16_t door,
                                  const struct kp_view_counterpart *counterpart,
                                  const Knooppunt__V1__Envelope *envelope,
                                  struct kp_diag *reterr_diag)
{
    struct kp_hub *hub = desk->hub;
    struct kp_command_check check;
    if (counterpart->partner == KP_PARTNER_NONE) {
        return kp_fail(reterr_diag, KP_E_NOT_ENTITLED, "only a partner checks");
    }
    enum kp_err err = kp_view_standing(counterpart, kp_clock_now(hub));
    if (err != KP_OK) {
        return kp_fail(reterr_diag, err, "%s", kp_err_text(err));
    }
    err = kp_intake_check(desk->intake, &view->core.house, envelope->known_check, &desk->arena,
                          &check, reterr_diag);
    if (err == KP_OK) {
        err = kp_frames_admit(hub, door, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    if (!kp_known_admit(hub)) {
        kp_deliver_land(hub->deliver, door);
        return kp_fail(reterr_diag, KP_E_LATER, "too many checks wait");
    }
    struct kp_entry *entry = check_entry(desk, door, envelope, &check);
    if (kp_queue_try_push(hub->writer_queue, entry) != KP_OK) {
        (void)kp_entry_free(entry);
        kp_known_give_up(hub);
        kp_deliver_land(hub->deliver, door);
        return kp_fail(reterr_diag, KP_E_LATER, "the journal is busy");
    }
    return KP_OK;
}

/* --- credit and acknowledgement --- */

static enum kp_err check_mailbox(const struct kp_view_counterpart *counterpart, const char *mailbox,
                                 const char *field, struct kp_diag *reterr_diag)
{
    if (mailbox == NULL || strcmp(mailbox, counterpart->row.id) != 0) {
        return kp_fail_field(reterr_diag, KP_E_NOT_ENTITLED, field,
                             "not a mailbox of this counterpart");
    }
    return KP_OK;
}

static enum kp_err on_credit(struct desk *desk, uint16_t door,
                             const struct kp_view_counterpart *counterpart,
                             const Knooppunt__V1__Credit *credit, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_mailbox(counterpart, credit->mailbox, "credit.mailbox", reterr_diag);
    if (err == KP_OK) {
        kp_deliver_credit(desk->hub->deliver, door, credit->has_events ? credit->events : 0);
    }
    return err;
}

static enum kp_err on_ack(struct desk *desk, uint16_t door,
                          const struct kp_view_counterpart *counterpart,
                          const Knooppunt__V1__Envelope *envelope, struct kp_diag *reterr_diag)
{
    const Knooppunt__V1__Ack *ack = envelope->ack;
    struct kp_session_stat session;
    enum kp_err err = check_mailbox(counterpart, ack->mailbox, "ack.mailbox", reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    kp_deliver_stat(desk->hub->deliver, door, &session);
    if (!ack->has_seq || ack->seq > session.sent_seq) {
        return kp_fail_field(reterr_diag, KP_E_VALUE, "ack.seq",
                             "nothing after %llu was delivered in this session",
                             (unsigned long long)session.sent_seq);
    }
    struct kp_command_head head = {.kind = KP_COMMAND_ACK, .actor = door};
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_ACK, 128, 1);
    struct kp_writer writer;
    memcpy(head.message_id, envelope->message_id.data, sizeof head.message_id);
    entry->ack_mailbox = door;
    entry->ack_seq = ack->seq;
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_u16(&writer, door);
    kp_put_u64(&writer, ack->seq);
    entry->body_size = kp_writer_slice(&writer).size;
    if (kp_queue_try_push(desk->hub->writer_queue, entry) != KP_OK) {
        (void)kp_entry_free(entry);
        return kp_fail(reterr_diag, KP_E_LATER, "the journal is busy");
    }
    return KP_OK;
}

/* --- one frame --- */

static enum kp_err dispatch(struct desk *desk, const struct kp_view *view, uint16_t door,
                            const Knooppunt__V1__Envelope *envelope, struct kp_diag *reterr_diag)
{
    const struct kp_view_counterpart *counterpart = view->by_number[door];
    if (!envelope->has_schema || envelope->schema != SCHEMA) {
        return kp_fail_field(reterr_diag, KP_E_SCHEMA, "schema", "this hub speaks schema %d",
                             SCHEMA);
    }
    if (!envelope->has_message_id || envelope->message_id.len != KP_MESSAGE_ID_BYTES) {
        return kp_fail_field(reterr_diag, KP_E_LENGTH, "message_id", "not %u bytes",
                             KP_MESSAGE_ID_BYTES);
    }
    if (counterpart == NULL || !counterpart->named) {
        return kp_fail(reterr_diag, KP_E_KEY_UNKNOWN, "the house does not name this counterpart");
    }
    if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_HELLO) {
        return on_hello(desk, view, door, counterpart, envelope->hello, reterr_diag);
    }
    if (!envelope->has_session ||
        !kp_deliver_is_session(desk->hub->deliver, door, slice_of(&envelope->session))) {
        return kp_fail_field(reterr_diag, KP_E_SESSION, "session",
                             "not the present session of this door");
    }
    switch ((int)envelope->body_case) {
    case KNOOPPUNT__V1__ENVELOPE__BODY_SUBMIT_BATCH:
        return on_batch(desk, view, door, counterpart, envelope, reterr_diag);
    case KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_CHECK:
        return on_known_check(desk, view, door, counterpart, envelope, reterr_diag);
    case KNOOPPUNT__V1__ENVELOPE__BODY_CREDIT:
        return on_credit(desk, door, counterpart, envelope->credit, reterr_diag);
    case KNOOPPUNT__V1__ENVELOPE__BODY_ACK:
        return on_ack(desk, door, counterpart, envelope, reterr_diag);
    case KNOOPPUNT__V1__ENVELOPE__BODY_QUERY:
    case KNOOPPUNT__V1__ENVELOPE__BODY_COMMAND:
        return kp_request_take(desk->hub, view, door, envelope, &desk->arena, reterr_diag);
    default:
        return kp_fail(reterr_diag, KP_E_UNEXPECTED, "not a message for the hub");
    }
}

static void say_refused(struct desk *desk, uint16_t door, enum kp_err err,
                        const struct kp_diag *diag, uint32_t offset)
{
    uint64_t left_out = 0;
    bool later = err == KP_E_LATER;
    struct limits *limits = &desk->limits[door];
    if (kp_log_may(later ? &limits->later : &limits->refused, kp_mono_now(), &left_out)) {
        kp_log(later ? KP_LOG_INFO : KP_LOG_WARNING, "frame.refused",
               "door=%u err=%s field=%s offset=%u left_out=%llu", door, kp_err_name(err),
               diag->field, offset, (unsigned long long)left_out);
    }
}

static void handle(struct desk *desk, uint16_t door, struct kp_slice frame)
{
    struct kp_hub *hub = desk->hub;
    struct kp_diag diag = {0};
    uint32_t offset = 0;
    ProtobufCMessage *message = NULL;
    kp_arena_reset(&desk->arena);
    enum kp_err err = kp_codec_open(&knooppunt__v1__envelope__descriptor, &kp_gate_frame, frame,
                                    &desk->arena, &message, &offset, &diag);
    struct kp_slice message_id = peek_message_id(frame);
    if (err == KP_OK) {
        struct kp_view *view = kp_view_hold(hub);
        err = dispatch(desk, view, door, (const Knooppunt__V1__Envelope *)message, &diag);
        kp_view_release(view);
    }
    if (err != KP_OK) {
        say_refused(desk, door, err, &diag, offset);
        diag.err = err;
        kp_arena_reset(&desk->arena);
        refuse(hub, &desk->arena, door, message_id, &diag, offset);
    }
}

static void take_frame(struct desk *desk, struct item *item)
{
    struct kp_slice frame = kp_frame_bytes(item->frame);
    desk->arrived = item->arrived;
    if (!atomic_load(&desk->hub->fatal)) {
        handle(desk, item->door, frame);
    }
    atomic_fetch_sub(&desk->hub->worker_bytes, frame.size);
    (void)kp_frame_free(item->frame);
}

void *kp_frames_run(void *context)
{
    struct kp_worker *worker = context;
    struct kp_hub *hub = worker->hub;
    struct desk desk = {.hub = hub,
                        .limits = calloc(KP_COUNTERPART_NUMBERS, sizeof *desk.limits),
                        .intake = kp_intake_new(&hub->index_key),
                        .command = malloc(KP_JOURNAL_RECORD_BYTES_MAX)};
    void *next;
    KP_ASSERT(desk.limits != NULL && desk.command != NULL);
    kp_arena_init(&desk.arena, ARENA_BYTES);
    while (kp_queue_pop(hub->worker_queues[worker->index], KP_QUEUE_FOREVER, &next) == KP_OK) {
        struct item *item = next;
        if (item->frame == NULL) {
            kp_deliver_close(hub->deliver, item->door);
        } else {
            take_frame(&desk, item);
        }
        free(item);
    }
    kp_arena_done(&desk.arena);
    free(desk.limits);
    free(desk.command);
    (void)kp_intake_free(desk.intake);
    return NULL;
}
