/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a ketenmanager asks and decides over his own door, with the words of the operator's socket.
 * A question shows him something of persons, so it is journalled first, for the audit; a command is
 * signed by him, and the signature is kept with what was decided. One thread does them all, in the
 * order in which they came: the intake must not wait for a commit.
 */
#include "queries.h"

#include "base/assert.h"
#include "core/decision.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 64u
#define ARENA_BYTES (16u << 20)
#define BODY_BYTES_MAX 1024u

static const struct {
    const char *name;
    kp_query_fn *fn;
    bool command;
} known[] = {
    {"review.list", kp_query_review_list, false},
    {"review.show", kp_query_review_show, false},
    {"review.decided", kp_query_review_decided, false},
    {"match.explain", kp_query_match_explain, false},
    {"match.history", kp_query_match_history, false},
    {"review.accept", kp_query_review_accept, true},
    {"review.reject", kp_query_review_reject, true},
    {"review.undo", kp_query_review_undo, true},
    {"match.unmerge", kp_query_match_unmerge, true},
};

struct request {
    uint16_t door;
    uint8_t session[KP_SESSION_BYTES], message_id[KP_MESSAGE_ID_BYTES];
    size_t known; /* index */
    uint32_t argument_count;
    char arguments[KP_REQUEST_ARGUMENTS_MAX][KP_REQUEST_ARGUMENT_BYTES_MAX + 1];
    /* of a command */
    uint8_t certificate_digest[KP_SHA256_BYTES], algorithm;
    size_t signature_size, body_size;
    uint8_t signature[KP_SIGNATURE_BYTES_MAX], body[BODY_BYTES_MAX];
};

static struct kp_slice slice_of(const ProtobufCBinaryData *data)
{
    return kp_slice_of(data->data, data->len);
}

/* --- from the intake --- */

/* Who: the house's ketenmanager, with a certificate that is good now. */
static enum kp_err check_who(struct kp_hub *hub, const struct kp_view *view,
                             const struct kp_view_counterpart *counterpart,
                             struct kp_diag *reterr_diag)
{
    if (counterpart->user < 0 ||
        view->core.house.users[counterpart->user].role != KP_ROLE_KETENMANAGER) {
        return kp_fail(reterr_diag, KP_E_NOT_ENTITLED, "only a ketenmanager asks and decides");
    }
    enum kp_err err = kp_view_standing(counterpart, kp_clock_now(hub));
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "%s", kp_err_text(err));
}

static enum kp_err take_words(const char *name, char *const *arguments, size_t count, bool command,
                              struct request *request, struct kp_diag *reterr_diag)
{
    request->known = sizeof known / sizeof known[0];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (name != NULL && known[i].command == command && strcmp(known[i].name, name) == 0) {
            request->known = i;
        }
    }
    if (request->known == sizeof known / sizeof known[0]) {
        return kp_fail_field(reterr_diag, KP_E_VALUE, "name", "not one that is served at a door");
    }
    if (count > KP_REQUEST_ARGUMENTS_MAX) {
        return kp_fail_field(reterr_diag, KP_E_LIMIT, "arguments", "%zu, at most %u", count,
                             KP_REQUEST_ARGUMENTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(arguments[i]);
        if (size > KP_REQUEST_ARGUMENT_BYTES_MAX) {
            return kp_fail_field(reterr_diag, KP_E_LENGTH, "arguments",
                                 "number %zu is longer than %u bytes", i + 1,
                                 KP_REQUEST_ARGUMENT_BYTES_MAX);
        }
        memcpy(request->arguments[i], arguments[i], size + 1);
    }
    request->argument_count = (uint32_t)count;
    return KP_OK;
}

/* Made for this house, as this message, by him. */
static enum kp_err verify(struct kp_hub *hub, const struct kp_view *view,
                          const struct kp_view_counterpart *counterpart,
                          const Knooppunt__V1__Envelope *envelope, struct kp_diag *reterr_diag)
{
    const Knooppunt__V1__Command *command = envelope->command;
    const struct kp_certificate *certificate;
    uint8_t bytes[KP_OIN_DIGITS + KP_MESSAGE_ID_BYTES + BODY_BYTES_MAX];
    struct kp_writer writer;
    if (!command->has_body || !command->has_certificate_digest || !command->has_algorithm ||
        !command->has_signature) {
        return kp_fail_field(reterr_diag, KP_E_MISSING, "command",
                             "body, signature, algorithm or certificate digest is absent");
    }
    if (command->body.len > BODY_BYTES_MAX || command->signature.len > KP_SIGNATURE_BYTES_MAX) {
        return kp_fail_field(reterr_diag, KP_E_LENGTH, "command",
                             "a body is at most %u bytes, a signature %u", BODY_BYTES_MAX,
                             KP_SIGNATURE_BYTES_MAX);
    }
    enum kp_err err = kp_view_certificate(counterpart, slice_of(&command->certificate_digest),
                                          kp_clock_now(hub), &certificate);
    if (err != KP_OK) {
        return kp_fail_field(reterr_diag, err, "command.certificate_digest", "%s",
                             kp_err_text(err));
    }
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_text(&writer, view->core.house.oin);
    kp_put_raw(&writer, slice_of(&envelope->message_id));
    kp_put_raw(&writer, slice_of(&command->body));
    KP_ASSERT(kp_writer_ok(&writer));
    return kp_verify(certificate, (enum kp_sign_algorithm)command->algorithm, KP_LABEL_COMMAND,
                     kp_writer_slice(&writer), slice_of(&command->signature), reterr_diag);
}

static enum kp_err take_command(const Knooppunt__V1__Command *command, struct kp_arena *arena,
                                struct request *request, struct kp_diag *reterr_diag)
{
    static const struct kp_gate gate = {
        .bytes_max = BODY_BYTES_MAX, .depth_max = 1, .fields_max = KP_REQUEST_ARGUMENTS_MAX + 1};
    ProtobufCMessage *message;
    enum kp_err err = kp_codec_open(&knooppunt__v1__command_body__descriptor, &gate,
                                    slice_of(&command->body), arena, &message, NULL, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    const Knooppunt__V1__CommandBody *body = (const Knooppunt__V1__CommandBody *)message;
    memcpy(request->certificate_digest, command->certificate_digest.data, KP_SHA256_BYTES);
    request->algorithm = (uint8_t)command->algorithm;
    request->signature_size = command->signature.len;
    memcpy(request->signature, command->signature.data, command->signature.len);
    request->body_size = command->body.len;
    memcpy(request->body, command->body.data, command->body.len);
    return take_words(body->name, body->arguments, body->n_arguments, /* command= */ true, request,
                      reterr_diag);
}

static enum kp_err take(struct kp_hub *hub, const struct kp_view *view,
                        const struct kp_view_counterpart *counterpart,
                        const Knooppunt__V1__Envelope *envelope, struct kp_arena *arena,
                        struct request *request, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_who(hub, view, counterpart, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    memcpy(request->session, envelope->session.data, sizeof request->session);
    memcpy(request->message_id, envelope->message_id.data, sizeof request->message_id);
    if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_QUERY) {
        const Knooppunt__V1__Query *query = envelope->query;
        return take_words(query->name, query->arguments, query->n_arguments, /* command= */ false,
                          request, reterr_diag);
    }
    err = verify(hub, view, counterpart, envelope, reterr_diag);
    return err == KP_OK ? take_command(envelope->command, arena, request, reterr_diag) : err;
}

enum kp_err kp_request_take(struct kp_hub *hub, const struct kp_view *view, uint16_t door,
                            const Knooppunt__V1__Envelope *envelope, struct kp_arena *arena,
                            struct kp_diag *reterr_diag)
{
    struct request *request = calloc(1, sizeof *request);
    KP_ASSERT(request != NULL);
    request->door = door;
    enum kp_err err = take(hub, view, view->by_number[door], envelope, arena, request, reterr_diag);
    if (err == KP_OK) {
        err = kp_frames_admit(hub, door, reterr_diag);
    }
    if (err == KP_OK && kp_queue_try_push(hub->requests, request) != KP_OK) {
        kp_deliver_land(hub->deliver, door);
        err = kp_fail(reterr_diag, KP_E_LATER, "too many questions wait");
    }
    if (err != KP_OK) {
        free(request);
    }
    return err;
}

/* --- the thread --- */

/* That he looked: the question and its arguments, for the audit. */
static enum kp_err note_disclosure(struct kp_hub *hub, const struct request *request,
                                   struct kp_diag *reterr_diag)
{
    struct kp_command_head head = {.kind = KP_COMMAND_DISCLOSE, .actor = request->door};
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_DISCLOSE, 256 + sizeof request->arguments, 1);
    struct kp_writer writer;
    uint64_t position;
    memcpy(head.message_id, request->message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_slice(&writer, kp_slice_str(known[request->known].name));
    for (uint32_t i = 0; i < request->argument_count; i++) {
        kp_put_slice(&writer, kp_slice_str(request->arguments[i]));
    }
    KP_ASSERT(kp_writer_ok(&writer));
    entry->body_size = writer.size;
    enum kp_err err = kp_writer_submit_and_wait(hub, entry, &position);
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "the journal did not take it");
}

static enum kp_err run(struct kp_hub *hub, const struct request *request, struct kp_answer *answer,
                       struct kp_diag *reterr_diag)
{
    const char *arguments[KP_REQUEST_ARGUMENTS_MAX];
    struct kp_decision_proof proof = {
        .certificate_digest =
            kp_slice_of(request->certificate_digest, sizeof request->certificate_digest),
        .algorithm = request->algorithm,
        .signature = kp_slice_of(request->signature, request->signature_size),
        .signed_body = kp_slice_of(request->body, request->body_size)};
    struct kp_query query = {.name = known[request->known].name,
                             .arguments = arguments,
                             .argument_count = request->argument_count,
                             .author = request->door,
                             .message_id = request->message_id,
                             .proof = &proof};
    for (uint32_t i = 0; i < request->argument_count; i++) {
        arguments[i] = request->arguments[i];
    }
    enum kp_err err =
        known[request->known].command ? KP_OK : note_disclosure(hub, request, reterr_diag);
    return err == KP_OK ? known[request->known].fn(hub, &query, answer, reterr_diag) : err;
}

static void serve(struct kp_hub *hub, const struct request *request, struct kp_arena *arena)
{
    struct kp_answer answer;
    struct kp_diag diag = {0};
    const struct kp_answer_to to = {
        .session = kp_slice_of(request->session, sizeof request->session),
        .message_id = kp_slice_of(request->message_id, sizeof request->message_id)};
    kp_arena_reset(arena);
    kp_answer_init(&answer, arena);
    enum kp_err err = run(hub, request, &answer, &diag);
    struct kp_slice frame = kp_answer_pack(&answer, &to, err, &diag, arena);
    if (frame.size == 0 || frame.size > KP_FRAME_BYTES_MAX) {
        err = kp_fail(&diag, KP_E_LIMIT, "the answer is larger than a frame");
        frame = kp_answer_pack(NULL, &to, err, &diag, arena);
    }
    kp_hub_send(hub, request->door, frame);
    kp_hub_count(hub, KP_METRIC_requests, 1);
    kp_deliver_land(hub->deliver, request->door);
}

void kp_request_init(struct kp_hub *hub)
{
    hub->requests = kp_queue_new(WAITING_MAX);
}

void kp_request_stop(struct kp_hub *hub)
{
    kp_queue_close(hub->requests);
    (void)pthread_join(hub->request_thread, NULL);
    hub->requests = kp_queue_free(hub->requests);
}

void *kp_request_run(void *context)
{
    struct kp_hub *hub = context;
    struct kp_arena arena;
    void *next;
    kp_arena_init(&arena, ARENA_BYTES);
    while (kp_queue_pop(hub->requests, KP_QUEUE_FOREVER, &next) == KP_OK) {
        struct request *request = next;
        if (!atomic_load(&hub->fatal)) {
            serve(hub, request, &arena);
        }
        free(request);
    }
    kp_arena_done(&arena);
    return NULL;
}
