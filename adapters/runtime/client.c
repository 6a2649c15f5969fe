/* SPDX-License-Identifier: EUPL-1.2 */
#include "knooppunt/client.h"

#include "base/assert.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "runtime/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1u
#define SESSION_BYTES 16u
#define HELLO_AGAIN_US INT64_C(5000000)
#define BUNDLE_BYTES_MAX (256u << 10)
#define RECEIVE_ARENA_BYTES (24u << 20)
#define SEND_ARENA_BYTES (3u << 20)
#define MAGIC UINT32_C(0x4b50434c)

struct kp_client {
    uint32_t magic;
    struct kp_link *link;
    struct kp_signer *signer;               /* borrowed */
    struct kp_certificate *certificate;     /* ours; NULL for a user */
    struct kp_certificate *hub_certificate; /* its key signs receipts */
    struct kp_arena bundle_arena;           /* what @bundle points into */
    const Knooppunt__V1__BundleBody *bundle;
    struct kp_arena received, sending;
    char program[KP_NAME_BYTES_MAX + 1];
    uint64_t last_position;
    bool connected; /* the link is up */
    bool in_session;
    bool takes_checks; /* the hub, of this partner */
    uint8_t session[SESSION_BYTES];
    uint8_t hello_id[KP_MESSAGE_ID_BYTES];
    struct kp_mono hello_at; /* say it (again) then, unless in a session */
    uint32_t in_flight_max, in_flight_count;
    uint8_t in_flight[KP_DOOR_BATCHES_IN_FLIGHT_MAX][KP_MESSAGE_ID_BYTES];
};

static ProtobufCBinaryData binary(struct kp_slice bytes)
{
    return (ProtobufCBinaryData){.len = bytes.size,
                                 .data = (uint8_t *)(uintptr_t)bytes.bytes}; /* only read */
}

static struct kp_slice slice_of_binary(ProtobufCBinaryData bytes)
{
    return kp_slice_of(bytes.data, bytes.len);
}

/* proto2 texts are char * in the generated structs; packing only reads them. */
static char *text_field(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* --- the bundle --- */

static enum kp_err check_bundle_body(const Knooppunt__V1__BundleBody *body,
                                     struct kp_diag *reterr_diag)
{
    bool complete = body->house != NULL && body->house_oin != NULL && body->counterpart != NULL &&
                    body->endpoint != NULL && body->has_hub_curve_public &&
                    body->has_hub_certificate;
    if (!complete) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the bundle lacks a field");
    }
    if (strlen(body->house_oin) != KP_OIN_DIGITS ||
        body->hub_curve_public.len != KP_LINK_KEY_BYTES) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the bundle's OIN or key has another length");
    }
    return KP_OK;
}

/* The bundle says who signs it: whether that certificate is the house's is the caller's to check
 * with his own anchors; here it must at least be signed by the key that will sign the receipts. */
static enum kp_err open_bundle(struct kp_client *client, struct kp_slice bytes,
                               struct kp_diag *reterr_diag)
{
    static const struct kp_gate gate = {BUNDLE_BYTES_MAX, KP_DEPTH_MAX, 1000};
    ProtobufCMessage *message;
    enum kp_err err = kp_codec_open_tolerant(&knooppunt__v1__bundle__descriptor, &gate, bytes,
                                             &client->bundle_arena, &message, reterr_diag);
    if (err != KP_OK) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the bundle cannot be read");
    }
    const Knooppunt__V1__Bundle *bundle = (const Knooppunt__V1__Bundle *)message;
    struct kp_slice body = slice_of_binary(bundle->body);
    err = kp_codec_open_tolerant(&knooppunt__v1__bundle_body__descriptor, &gate, body,
                                 &client->bundle_arena, &message, reterr_diag);
    if (err != KP_OK) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the bundle's body cannot be read");
    }
    client->bundle = (const Knooppunt__V1__BundleBody *)message;
    err = check_bundle_body(client->bundle, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = kp_certificate_parse(slice_of_binary(client->bundle->hub_certificate),
                               &client->hub_certificate, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    return kp_verify(client->hub_certificate, (enum kp_sign_algorithm)bundle->algorithm,
                     KP_LABEL_BUNDLE, body, slice_of_binary(bundle->signature), reterr_diag);
}

static enum kp_err open_link(struct kp_client *client, const char *secret_file,
                             struct kp_diag *reterr_diag)
{
    struct kp_link_options options = {.endpoint = client->bundle->endpoint};
    memcpy(options.hub_public, client->bundle->hub_curve_public.data, KP_LINK_KEY_BYTES);
    enum kp_err err =
        kp_link_read_keys(secret_file, options.own_public, &options.own_secret, reterr_diag);
    if (err == KP_OK) {
        err = kp_link_new(&options, &client->link, reterr_diag);
    }
    kp_secret_done(&options.own_secret);
    return err;
}

enum kp_err kp_client_new(const struct kp_client_options *options, struct kp_client **ret_client,
                          struct kp_diag *reterr_diag)
{
    struct kp_client *client = calloc(1, sizeof *client);
    KP_ASSERT(client != NULL);
    client->magic = MAGIC;
    client->signer = options->signer;
    client->last_position = options->last_position;
    (void)snprintf(client->program, sizeof client->program, "%s", options->program);
    kp_arena_init(&client->bundle_arena, 4 * BUNDLE_BYTES_MAX);
    kp_arena_init(&client->received, RECEIVE_ARENA_BYTES);
    kp_arena_init(&client->sending, SEND_ARENA_BYTES);
    enum kp_err err = open_bundle(client, options->bundle, reterr_diag);
    if (err != KP_OK && options->bundle_file != NULL) {
        struct kp_diag why = {.err = err};
        why = reterr_diag == NULL ? why : *reterr_diag;
        err = kp_fail(reterr_diag, err, "%.100s: %.90s; is it what the hub's operator gave you?",
                      options->bundle_file, why.text);
    }
    if (err == KP_OK && options->certificate.size > 0) {
        err = kp_certificate_parse(options->certificate, &client->certificate, reterr_diag);
    }
    if (err == KP_OK && client->certificate != NULL && client->signer != NULL &&
        strlen(kp_certificate_serial_number(client->certificate)) != KP_OIN_DIGITS) {
        err = kp_fail(reterr_diag, KP_E_MALFORMED, "the certificate carries no OIN of 20 digits");
    }
    if (err == KP_OK) {
        err = open_link(client, options->curve_secret_file, reterr_diag);
    }
    if (err != KP_OK) {
        (void)kp_client_free(client);
        return err;
    }
    *ret_client = client;
    return KP_OK;
}

struct kp_client *kp_client_free(struct kp_client *client)
{
    if (client == NULL) {
        return NULL;
    }
    KP_ASSERT(client->magic == MAGIC);
    client->magic = 0;
    client->link = kp_link_free(client->link);
    client->certificate = kp_certificate_free(client->certificate);
    client->hub_certificate = kp_certificate_free(client->hub_certificate);
    kp_arena_done(&client->bundle_arena);
    kp_arena_done(&client->received);
    kp_arena_done(&client->sending);
    free(client);
    return NULL;
}

const Knooppunt__V1__BundleBody *kp_client_bundle(const struct kp_client *client)
{
    return client->bundle;
}

int kp_client_fd(const struct kp_client *client)
{
    return kp_link_fd(client->link);
}

/* --- sending --- */

static void new_message_id(uint8_t ret_id[KP_MESSAGE_ID_BYTES])
{
    uint8_t chance[KP_UUID_RANDOM_BYTES];
    kp_random(chance, sizeof chance);
    kp_uuid7(kp_wall_now(), chance, ret_id);
}

static enum kp_err send_envelope(struct kp_client *client, Knooppunt__V1__Envelope *envelope,
                                 const uint8_t *message_id, struct kp_diag *reterr_diag)
{
    envelope->has_schema = 1;
    envelope->schema = SCHEMA;
    envelope->has_message_id = 1;
    envelope->message_id = binary(kp_slice_of(message_id, KP_MESSAGE_ID_BYTES));
    if (client->in_session) {
        envelope->has_session = 1;
        envelope->session = binary(kp_slice_of(client->session, SESSION_BYTES));
    }
    size_t size = kp_codec_size(&envelope->base);
    if (size > KP_FRAME_BYTES_MAX) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "a frame of %zu bytes is too large", size);
    }
    struct kp_slice frame = kp_codec_pack(&client->sending, &envelope->base);
    if (frame.size != size) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for a frame of %zu bytes", size);
    }
    enum kp_err err = kp_link_send(client->link, frame);
    if (err == KP_E_LATER) {
        return kp_fail(reterr_diag, err, "the queue towards the hub is full");
    }
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "no connection with the hub");
}

static void say_hello(struct kp_client *client)
{
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Hello hello = KNOOPPUNT__V1__HELLO__INIT;
    uint32_t schemas[] = {SCHEMA};
    hello.n_schemas = 1;
    hello.schemas = schemas;
    hello.client = client->program;
    hello.counterpart = client->bundle->counterpart;
    hello.has_last_position = client->last_position > 0;
    hello.last_position = client->last_position;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_HELLO;
    envelope.hello = &hello;
    client->in_session = false;
    client->in_flight_count = 0;
    new_message_id(client->hello_id);
    client->hello_at.us = kp_mono_now().us + HELLO_AGAIN_US;
    kp_arena_reset(&client->sending);
    /* One that cannot be sent now is said again in five seconds, as one that is lost. */
    (void)send_envelope(client, &envelope, client->hello_id, /* reterr_diag= */ NULL);
}

static int find_in_flight(const struct kp_client *client, struct kp_slice id)
{
    for (uint32_t i = 0; i < client->in_flight_count; i++) {
        if (kp_slice_equal(kp_slice_of(client->in_flight[i], KP_MESSAGE_ID_BYTES), id)) {
            return (int)i;
        }
    }
    return -1;
}

static void forget_in_flight(struct kp_client *client, struct kp_slice id)
{
    int at = find_in_flight(client, id);
    if (at >= 0) {
        client->in_flight_count--;
        memmove(client->in_flight[at], client->in_flight[client->in_flight_count],
                KP_MESSAGE_ID_BYTES);
    }
}

static enum kp_err sign_batch(struct kp_client *client, Knooppunt__V1__SubmitBatch *batch,
                              uint8_t ret_signature[KP_SIGNATURE_BYTES_MAX],
                              struct kp_diag *reterr_diag)
{
    size_t size = 2 * KP_OIN_DIGITS + 4 + batch->n_signals * KP_SHA256_BYTES;
    uint8_t *bytes = kp_arena_alloc(&client->sending, size);
    if (bytes == NULL) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for a batch's digests");
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_raw(&writer, kp_slice_str(client->bundle->house_oin));
    kp_put_raw(&writer, kp_slice_str(kp_certificate_serial_number(client->certificate)));
    kp_put_u32(&writer, (uint32_t)batch->n_signals);
    for (size_t i = 0; i < batch->n_signals; i++) {
        uint8_t digest[KP_SHA256_BYTES];
        kp_sha256(slice_of_binary(batch->signals[i]->salt),
                  slice_of_binary(batch->signals[i]->signal), KP_SLICE_EMPTY, digest);
        kp_put_raw(&writer, kp_slice_of(digest, sizeof digest));
    }
    KP_ASSERT(kp_writer_ok(&writer) && writer.size == size);
    size_t signature_size = 0;
    enum kp_err err = kp_sign(client->signer, KP_LABEL_BATCH, kp_writer_slice(&writer),
                              ret_signature, &signature_size, reterr_diag);
    batch->signature = binary(kp_slice_of(ret_signature, signature_size));
    return err;
}

static enum kp_err fill_batch(struct kp_client *client, const struct kp_client_signal *signals,
                              uint32_t count, Knooppunt__V1__SubmitBatch *batch,
                              struct kp_diag *reterr_diag)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += signals[i].signal.size + KP_SALT_BYTES;
    }
    if (count == 0 || count > KP_BATCH_SIGNALS_MAX || bytes > KP_FRAME_BYTES_MAX) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "a batch of %u signals and %zu bytes", count,
                       bytes);
    }
    Knooppunt__V1__SignedSignal *rows = kp_arena_alloc(&client->sending, count * sizeof *rows);
    batch->signals = kp_arena_alloc(&client->sending, count * sizeof batch->signals[0]);
    if (rows == NULL || batch->signals == NULL) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for a batch of %u signals", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        knooppunt__v1__signed_signal__init(&rows[i]);
        rows[i].has_salt = 1;
        rows[i].salt = binary(kp_slice_of(signals[i].salt, KP_SALT_BYTES));
        rows[i].has_signal = 1;
        rows[i].signal = binary(signals[i].signal);
        batch->signals[i] = &rows[i];
    }
    batch->n_signals = count;
    return KP_OK;
}

enum kp_err kp_client_submit(struct kp_client *client, const uint8_t *message_id,
                             const char *traceparent, const struct kp_client_signal *signals,
                             uint32_t count, struct kp_diag *reterr_diag)
{
    KP_ASSERT(client->magic == MAGIC);
    if (client->signer == NULL || client->certificate == NULL) {
        return kp_fail(reterr_diag, KP_E_STATE, "this client has no key to sign a batch with");
    }
    if (!client->in_session) {
        return kp_fail(reterr_diag, KP_E_STATE, "no session with the hub now");
    }
    struct kp_slice id = kp_slice_of(message_id, KP_MESSAGE_ID_BYTES);
    bool again = find_in_flight(client, id) >= 0;
    if (!again && client->in_flight_count >= client->in_flight_max) {
        return kp_fail(reterr_diag, KP_E_LATER, "%u batches wait for their receipt",
                       client->in_flight_count);
    }
    kp_arena_reset(&client->sending);
    Knooppunt__V1__SubmitBatch batch = KNOOPPUNT__V1__SUBMIT_BATCH__INIT;
    enum kp_err err = fill_batch(client, signals, count, &batch, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    err = sign_batch(client, &batch, signature, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    batch.has_signature = 1;
    batch.has_algorithm = 1;
    batch.algorithm = (Knooppunt__V1__SignatureAlgorithm)kp_signer_algorithm(client->signer);
    batch.has_certificate_digest = 1;
    batch.certificate_digest =
        binary(kp_slice_of(kp_certificate_digest(client->certificate), KP_SHA256_BYTES));
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    envelope.traceparent = text_field(traceparent);
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_SUBMIT_BATCH;
    envelope.submit_batch = &batch;
    err = send_envelope(client, &envelope, message_id, reterr_diag);
    if (err == KP_OK && !again) {
        memcpy(client->in_flight[client->in_flight_count++], message_id, KP_MESSAGE_ID_BYTES);
    }
    return err;
}

enum kp_err kp_client_check(struct kp_client *client, const uint8_t *message_id,
                            const Knooppunt__V1__KnownCheck *check, struct kp_diag *reterr_diag)
{
    KP_ASSERT(client->magic == MAGIC);
    if (!client->in_session) {
        return kp_fail(reterr_diag, KP_E_STATE, "no session with the hub now");
    }
    if (!client->takes_checks) {
        return kp_fail(reterr_diag, KP_E_SCHEMA, "this hub takes no checks");
    }
    if (client->in_flight_count >= client->in_flight_max) {
        return kp_fail(reterr_diag, KP_E_LATER, "%u batches and checks wait for their answer",
                       client->in_flight_count);
    }
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_CHECK;
    envelope.known_check = (Knooppunt__V1__KnownCheck *)(uintptr_t)check; /* only read */
    kp_arena_reset(&client->sending);
    enum kp_err err = send_envelope(client, &envelope, message_id, reterr_diag);
    if (err == KP_OK) {
        memcpy(client->in_flight[client->in_flight_count++], message_id, KP_MESSAGE_ID_BYTES);
    }
    return err;
}

/* A message of a session that needs no answer. */
static enum kp_err send_small(struct kp_client *client, Knooppunt__V1__Envelope *envelope,
                              struct kp_diag *reterr_diag)
{
    KP_ASSERT(client->magic == MAGIC);
    if (!client->in_session) {
        return kp_fail(reterr_diag, KP_E_STATE, "no session with the hub now");
    }
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    new_message_id(message_id);
    kp_arena_reset(&client->sending);
    return send_envelope(client, envelope, message_id, reterr_diag);
}

enum kp_err kp_client_credit(struct kp_client *client, const char *mailbox, uint32_t events,
                             struct kp_diag *reterr_diag)
{
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Credit credit = KNOOPPUNT__V1__CREDIT__INIT;
    credit.mailbox = text_field(mailbox);
    credit.has_events = 1;
    credit.events = events;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_CREDIT;
    envelope.credit = &credit;
    return send_small(client, &envelope, reterr_diag);
}

enum kp_err kp_client_ack(struct kp_client *client, const char *mailbox, uint64_t seq,
                          struct kp_diag *reterr_diag)
{
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Ack ack = KNOOPPUNT__V1__ACK__INIT;
    ack.mailbox = text_field(mailbox);
    ack.has_seq = 1;
    ack.seq = seq;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_ACK;
    envelope.ack = &ack;
    return send_small(client, &envelope, reterr_diag);
}

/* --- receiving --- */

static enum kp_err on_welcome(struct kp_client *client, const Knooppunt__V1__Welcome *welcome,
                              struct kp_client_event *ret_event, struct kp_diag *reterr_diag)
{
    if (!welcome->has_schema || welcome->schema != SCHEMA) {
        return kp_fail(reterr_diag, KP_E_SCHEMA, "the hub speaks schema %u", welcome->schema);
    }
    if (!welcome->has_session || welcome->session.len != SESSION_BYTES) {
        return kp_fail_field(reterr_diag, KP_E_MALFORMED, "session", "no session in the Welcome");
    }
    if (welcome->house_oin == NULL || strcmp(welcome->house_oin, client->bundle->house_oin) != 0) {
        return kp_fail(reterr_diag, KP_E_HOUSE, "the hub is of another house than the bundle");
    }
    memcpy(client->session, welcome->session.data, SESSION_BYTES);
    client->in_session = true;
    client->in_flight_count = 0;
    client->in_flight_max = KP_DOOR_BATCHES_IN_FLIGHT_MAX;
    client->takes_checks = welcome->has_known_checks_per_day;
    if (welcome->has_batches_in_flight_max &&
        welcome->batches_in_flight_max < client->in_flight_max) {
        client->in_flight_max = welcome->batches_in_flight_max;
    }
    kp_link_settled(client->link);
    ret_event->kind = KP_CLIENT_WELCOME;
    ret_event->welcome = welcome;
    return KP_OK;
}

/* The receipt must be the hub's, for us: its signature, house and partner. */
static enum kp_err on_receipt(struct kp_client *client, const Knooppunt__V1__Receipt *receipt,
                              struct kp_client_event *ret_event, struct kp_diag *reterr_diag)
{
    struct kp_slice body = slice_of_binary(receipt->body);
    enum kp_err err =
        kp_verify(client->hub_certificate, (enum kp_sign_algorithm)receipt->algorithm,
                  KP_LABEL_RECEIPT, body, slice_of_binary(receipt->signature), reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    ProtobufCMessage *message;
    err = kp_codec_open_tolerant(&knooppunt__v1__receipt_body__descriptor, &kp_gate_frame, body,
                                 &client->received, &message, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    const Knooppunt__V1__ReceiptBody *said = (const Knooppunt__V1__ReceiptBody *)message;
    if (said->house_oin == NULL || strcmp(said->house_oin, client->bundle->house_oin) != 0) {
        return kp_fail(reterr_diag, KP_E_HOUSE, "a receipt of another house");
    }
    if (client->certificate == NULL || said->partner_oin == NULL ||
        strcmp(said->partner_oin, kp_certificate_serial_number(client->certificate)) != 0) {
        return kp_fail(reterr_diag, KP_E_SENDER, "a receipt for another partner");
    }
    forget_in_flight(client, slice_of_binary(said->batch_message_id));
    for (size_t i = 0; i < said->n_signals; i++) {
        if (said->signals[i]->position > client->last_position) {
            client->last_position = said->signals[i]->position;
        }
    }
    ret_event->kind = KP_CLIENT_RECEIPT;
    ret_event->receipt = said;
    ret_event->receipt_bytes = kp_codec_pack(&client->received, &receipt->base);
    return ret_event->receipt_bytes.size > 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_LIMIT, "no memory to keep the receipt");
}

static enum kp_err on_refusal(struct kp_client *client, const Knooppunt__V1__Refusal *refusal,
                              struct kp_client_event *ret_event)
{
    struct kp_slice id = slice_of_binary(refusal->refused_message_id);
    forget_in_flight(client, id);
    ret_event->refusal = refusal;
    ret_event->err = (enum kp_err)refusal->code;
    ret_event->kind = KP_CLIENT_REFUSAL;
    if (refusal->code == KP_E_SESSION && client->connected) {
        /* The hub started again behind the same connection, or closed our session: begin anew. */
        ret_event->kind = KP_CLIENT_LOST;
        say_hello(client);
    }
    return KP_OK;
}

static bool is_of_session(const struct kp_client *client, const Knooppunt__V1__Envelope *envelope)
{
    return client->in_session && envelope->has_session &&
           kp_slice_equal(slice_of_binary(envelope->session),
                          kp_slice_of(client->session, SESSION_BYTES));
}

static enum kp_err on_envelope(struct kp_client *client, const Knooppunt__V1__Envelope *envelope,
                               struct kp_client_event *ret_event, struct kp_diag *reterr_diag)
{
    switch ((int)envelope->body_case) {
    case KNOOPPUNT__V1__ENVELOPE__BODY_WELCOME:
        return on_welcome(client, envelope->welcome, ret_event, reterr_diag);
    case KNOOPPUNT__V1__ENVELOPE__BODY_RECEIPT: /* of any session: signed, and as true later */
        return on_receipt(client, envelope->receipt, ret_event, reterr_diag);
    case KNOOPPUNT__V1__ENVELOPE__BODY_REFUSAL:
        return on_refusal(client, envelope->refusal, ret_event);
    case KNOOPPUNT__V1__ENVELOPE__BODY_BYE:
        client->connected = false;
        client->in_session = false;
        kp_link_drop(client->link);
        ret_event->kind = KP_CLIENT_LOST;
        ret_event->err = (enum kp_err)envelope->bye->code;
        return KP_OK;
    case KNOOPPUNT__V1__ENVELOPE__BODY_DELIVER:
        if (is_of_session(client, envelope) && envelope->deliver->mailbox != NULL) {
            ret_event->kind = KP_CLIENT_DELIVER;
            ret_event->deliver = envelope->deliver;
        }
        return KP_OK;
    case KNOOPPUNT__V1__ENVELOPE__BODY_ANSWER:
        if (is_of_session(client, envelope)) {
            ret_event->kind = KP_CLIENT_ANSWER;
            ret_event->answer = envelope->answer;
        }
        return KP_OK;
    case KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_ANSWER:
        if (is_of_session(client, envelope)) {
            forget_in_flight(client, slice_of_binary(envelope->known_answer->check_message_id));
            ret_event->kind = KP_CLIENT_KNOWN;
            ret_event->known = envelope->known_answer;
        }
        return KP_OK;
    case KNOOPPUNT__V1__ENVELOPE__BODY__NOT_SET: /* of a newer hub */
    case KNOOPPUNT__V1__ENVELOPE__BODY_HELLO:
    case KNOOPPUNT__V1__ENVELOPE__BODY_SUBMIT_BATCH:
    case KNOOPPUNT__V1__ENVELOPE__BODY_CREDIT:
    case KNOOPPUNT__V1__ENVELOPE__BODY_ACK:
    case KNOOPPUNT__V1__ENVELOPE__BODY_QUERY:
    case KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_CHECK:
    default:
        return KP_OK; /* not for a client */
    }
}

static enum kp_err on_frame(struct kp_client *client, struct kp_client_event *ret_event,
                            struct kp_diag *reterr_diag)
{
    kp_arena_reset(&client->received);
    ProtobufCMessage *message;
    enum kp_err err = kp_codec_open_tolerant(&knooppunt__v1__envelope__descriptor, &kp_gate_frame,
                                             kp_link_frame(client->link), &client->received,
                                             &message, reterr_diag);
    if (err == KP_OK) {
        err = on_envelope(client, (const Knooppunt__V1__Envelope *)message, ret_event, reterr_diag);
    }
    if (err != KP_OK) {
        /* Whoever sends this cannot be spoken with; another attempt follows after the back-off. */
        client->connected = false;
        client->in_session = false;
        kp_link_drop(client->link);
    }
    return err;
}

static enum kp_err on_link(struct kp_client *client, enum kp_link_event what,
                           struct kp_client_event *ret_event, struct kp_diag *reterr_diag)
{
    switch (what) {
    case KP_LINK_UP:
        client->connected = true;
        say_hello(client);
        return KP_OK;
    case KP_LINK_FRAME:
        return on_frame(client, ret_event, reterr_diag);
    case KP_LINK_DOWN:
        client->connected = false;
        client->in_session = false;
        ret_event->kind = KP_CLIENT_LOST;
        ret_event->err = KP_E_TIMEOUT;
        return KP_OK;
    case KP_LINK_SHUT_OUT:
        client->connected = false;
        client->in_session = false;
        ret_event->kind = KP_CLIENT_SHUT_OUT;
        ret_event->err = kp_link_refusal(client->link);
        return KP_OK;
    case KP_LINK_NOTHING:
    default:
        return KP_OK;
    }
}

enum kp_err kp_client_wait(struct kp_client *client, uint32_t timeout_ms,
                           struct kp_client_event *ret_event, struct kp_diag *reterr_diag)
{
    KP_ASSERT(client->magic == MAGIC);
    struct kp_mono until = {kp_mono_now().us + (int64_t)timeout_ms * 1000};
    for (;;) {
        bool hello_due = client->connected && !client->in_session;
        if (hello_due && kp_mono_now().us >= client->hello_at.us) {
            say_hello(client);
        }
        struct kp_mono next = until;
        if (hello_due && client->hello_at.us < next.us) {
            next = client->hello_at;
        }
        kp_link_wake_at(client->link, hello_due ? client->hello_at : (struct kp_mono){INT64_MAX});
        *ret_event = (struct kp_client_event){.kind = KP_CLIENT_NOTHING};
        enum kp_link_event what = kp_link_next(client->link, next);
        enum kp_err err = on_link(client, what, ret_event, reterr_diag);
        int64_t now_us = kp_mono_now().us;
        /* Nothing before its time: a signal interrupted the wait. */
        bool ended = what == KP_LINK_NOTHING && (now_us >= until.us || now_us < next.us);
        if (err != KP_OK || ret_event->kind != KP_CLIENT_NOTHING || ended) {
            return err;
        }
    }
}

void kp_client_restart(struct kp_client *client)
{
    KP_ASSERT(client->magic == MAGIC);
    client->connected = false;
    client->in_session = false;
    kp_link_drop(client->link);
}
