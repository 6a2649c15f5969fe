/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A hub for the tests of client and adapter: one CURVE PAIR door over real TCP, driven by the test
 * step by step, on libzmq and the codec alone. It knows the wire's rules (proto/README.md) and
 * remembers what it journalled, so that a test can ask what arrived, how often and in which order.
 * Include after cmocka.h, with _GNU_SOURCE (nftw).
 */
#ifndef KP_TESTS_MODEL_HUB_H
#define KP_TESTS_MODEL_HUB_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/crypto.h"
#include "base/sign.h"
#include "base/uuid.h"
#include "knooppunt/client.h"
#include "pki.h"

#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define HUB_OIN "00000099000000000001"
#define PARTNER_OIN "00000099000000000002"
#define HUB_SIGNALS_MAX 4096u
#define HUB_EVENTS_MAX 1024u
#define HUB_NEWER_BYTES 35u /* what hub_make_newer adds to each message */

struct hub_signal {
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    uint64_t version;
    Knooppunt__V1__SignalAction action;
    uint8_t content[KP_SHA256_BYTES];
};

struct hub_event {
    uint8_t *bytes;
    size_t size;
};

struct model_hub {
    char dir[64];
    char endpoint[64];
    void *context, *door, *zap;
    pthread_t zap_thread;
    const char *_Atomic zap_status; /* "200", "400", "500"; read by the ZAP thread */
    struct kp_signer *signer;
    struct kp_certificate *partner; /* to verify batches with */
    uint8_t *bundle;
    size_t bundle_size;
    struct kp_arena arena;
    uint8_t session[16];
    bool in_session;
    uint32_t hellos, batches, bad_batches;
    bool takes_checks, no_welcome, no_receipts, no_outcomes, break_receipts;
    bool newer;              /* of a later version: its messages hold more, see hub_make_newer */
    bool drop_after_journal; /* journal the next batch and fall silent: the answer is lost */
    uint32_t in_flight_max;  /* told in the Welcome */
    uint32_t refuse_code;    /* the next batch is refused so, once */
    Knooppunt__V1__OutcomeKind outcome_kind; /* told whatever happened; 0: what did happen */
    uint64_t hello_last_position;
    struct hub_signal journal[HUB_SIGNALS_MAX];
    uint32_t journal_count;
    uint32_t effects; /* signals that were neither duplicate nor superseded */
    struct hub_event mailbox[HUB_EVENTS_MAX];
    uint32_t mailbox_count;
    uint64_t acked, delivered;
    uint32_t credit;
    uint8_t last_batch_id[16];
};

static inline ProtobufCBinaryData hub_binary(const void *bytes, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

/* As a hub of a later version would send it: fields that this version does not know in every
 * message of it, one of each wire type, one of them in messages deeper than we look. */
static inline void hub_make_newer(const struct model_hub *hub, ProtobufCMessage *message)
{
    static uint8_t number[] = {0xac, 0x02};
    static uint8_t nested[] = {12, 0x0a, 10, 0x0a, 8, 0x0a, 6, 0x0a, 4, 0x0a, 2, 0x0a, 0};
    static uint8_t fixed[8] = {0xff, 0, 0xff};
    static ProtobufCMessageUnknownField more[] = {
        {1000, PROTOBUF_C_WIRE_TYPE_VARINT, sizeof number, number},
        {1001, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, sizeof nested, nested},
        {1002, PROTOBUF_C_WIRE_TYPE_64BIT, 8, fixed},
        {1003, PROTOBUF_C_WIRE_TYPE_32BIT, 4, fixed},
    };
    if (!hub->newer) {
        return;
    }
    KP_ASSERT(4 * 2 + sizeof number + sizeof nested + 8 + 4 == HUB_NEWER_BYTES);
    message->n_unknown_fields = 4;
    message->unknown_fields = more;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const uint8_t *base = (const uint8_t *)message;
        const void *count = base + field->quantifier_offset;
        void *const *member = (void *const *)(const void *)(base + field->offset);
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            for (size_t k = 0; k < *(const size_t *)count; k++) {
                hub_make_newer(hub, ((ProtobufCMessage **)*member)[k]);
            }
        } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0
                       ? *member != NULL
                       : *(const uint32_t *)count == field->id) {
            hub_make_newer(hub, *member);
        }
    }
}

static inline void hub_path(const struct model_hub *hub, const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", hub->dir, name);
}

/* Answers every question of the ZAP kind with hub->zap_status. */
static inline void *hub_zap(void *argument)
{
    struct model_hub *hub = argument;
    for (;;) {
        char parts[16][64];
        size_t count = 0;
        int more = 1;
        size_t size = sizeof more;
        while (more != 0) {
            int got = zmq_recv(hub->zap, parts[count % 16], 64, 0);
            if (got < 0) {
                (void)zmq_close(hub->zap);
                return NULL; /* the context ended */
            }
            parts[count % 16][got < 63 ? got : 63] = '\0';
            count++;
            (void)zmq_getsockopt(hub->zap, ZMQ_RCVMORE, &more, &size);
        }
        const char *answer[] = {"1.0", parts[1], hub->zap_status, "", "test", ""};
        for (int i = 0; i < 6; i++) {
            (void)zmq_send(hub->zap, answer[i], strlen(answer[i]), i < 5 ? ZMQ_SNDMORE : 0);
        }
    }
}

static inline void hub_set(void *socket, int option, int value)
{
    assert_int_equal(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

static inline void hub_write(const char *path, const void *bytes, size_t size, mode_t mode)
{
    struct kp_diag diag;
    assert_int_equal(kp_file_write(path, kp_slice_of(bytes, size), mode, &diag), KP_OK);
}

/* A door on a free port; with the port of before when it opens again. */
static inline void hub_open_door(struct model_hub *hub, const char *secret)
{
    hub->context = zmq_ctx_new();
    hub->zap = zmq_socket(hub->context, ZMQ_REP);
    assert_int_equal(zmq_bind(hub->zap, "inproc://zeromq.zap.01"), 0);
    assert_int_equal(pthread_create(&hub->zap_thread, NULL, hub_zap, hub), 0);
    hub->door = zmq_socket(hub->context, ZMQ_PAIR);
    hub_set(hub->door, ZMQ_LINGER, 0);
    hub_set(hub->door, ZMQ_CURVE_SERVER, 1);
    hub_set(hub->door, ZMQ_RCVHWM, 0); /* as the hub's (hub/net/curve.c) */
    hub_set(hub->door, ZMQ_HEARTBEAT_IVL, 1000);
    hub_set(hub->door, ZMQ_HEARTBEAT_TIMEOUT, 2000);
    assert_int_equal(zmq_setsockopt(hub->door, ZMQ_CURVE_SECRETKEY, secret, 41), 0);
    assert_int_equal(zmq_setsockopt(hub->door, ZMQ_ZAP_DOMAIN, "door", 4), 0);
    const char *where = hub->endpoint[0] == '\0' ? "tcp://127.0.0.1:*" : hub->endpoint;
    assert_int_equal(zmq_bind(hub->door, where), 0);
    size_t size = sizeof hub->endpoint;
    assert_int_equal(zmq_getsockopt(hub->door, ZMQ_LAST_ENDPOINT, hub->endpoint, &size), 0);
    hub->in_session = false;
}

static inline void hub_close_door(struct model_hub *hub)
{
    (void)zmq_close(hub->door);
    (void)zmq_ctx_term(hub->context);
    (void)pthread_join(hub->zap_thread, NULL);
}

static inline void hub_make_bundle(struct model_hub *hub, struct kp_slice certificate,
                                   const char *public_z85)
{
    uint8_t public_key[32];
    struct kp_diag diag;
    assert_non_null(zmq_z85_decode(public_key, public_z85));
    Knooppunt__V1__BundleBody body = KNOOPPUNT__V1__BUNDLE_BODY__INIT;
    char house[] = "voorbeeldstad";
    char oin[] = HUB_OIN;
    char counterpart[] = "om";
    body.house = house;
    body.house_oin = oin;
    body.counterpart = counterpart;
    body.endpoint = hub->endpoint;
    body.has_hub_curve_public = 1;
    body.hub_curve_public = hub_binary(public_key, 32);
    body.has_hub_certificate = 1;
    body.hub_certificate = hub_binary(certificate.bytes, certificate.size);
    body.has_test_mode = 1;
    body.test_mode = 1;
    kp_arena_reset(&hub->arena);
    hub_make_newer(hub, &body.base);
    struct kp_slice bytes = kp_codec_pack(&hub->arena, &body.base);
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    size_t signature_size = 0;
    assert_int_equal(
        kp_sign(hub->signer, KP_LABEL_BUNDLE, bytes, signature, &signature_size, &diag), KP_OK);
    Knooppunt__V1__Bundle bundle = KNOOPPUNT__V1__BUNDLE__INIT;
    bundle.has_body = 1;
    bundle.body = hub_binary(bytes.bytes, bytes.size);
    bundle.has_algorithm = 1;
    bundle.algorithm = (Knooppunt__V1__SignatureAlgorithm)kp_signer_algorithm(hub->signer);
    bundle.has_signature = 1;
    bundle.signature = hub_binary(signature, signature_size);
    hub_make_newer(hub, &bundle.base);
    hub->bundle_size = kp_codec_size(&bundle.base);
    free(hub->bundle);
    hub->bundle = malloc(hub->bundle_size);
    struct kp_writer writer;
    kp_writer_init(&writer, hub->bundle, hub->bundle_size);
    kp_codec_put(&writer, &bundle.base);
    char path[256];
    hub_path(hub, "bundle", path);
    hub_write(path, hub->bundle, hub->bundle_size, 0644);
}

static inline void hub_write_certificate(const char *path, X509 *x509)
{
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(pem, x509), 1);
    pki_write(path, pem, 0644);
}

/* Keys of both sides in hub->dir: curve.secret, signing.key, signing.pem are the partner's. */
static inline void hub_init(struct model_hub *hub, bool newer)
{
    *hub = (struct model_hub){.zap_status = "200", .in_flight_max = 4, .newer = newer};
    char path[256];
    char public_z85[41];
    char secret_z85[41];
    struct kp_diag diag;
    (void)snprintf(hub->dir, sizeof hub->dir, "/tmp/kp-hub-XXXXXX");
    assert_non_null(mkdtemp(hub->dir));
    kp_arena_init(&hub->arena, 16u << 20);
    struct pki_request request = {
        .name = "hub", .serial_number = HUB_OIN, .from_days = -1, .to_days = 300, .serial = 7};
    EVP_PKEY *key = pki_key("ED25519");
    X509 *x509 = pki_certificate(&request, key, NULL);
    struct kp_slice hub_der = pki_der(x509);
    hub_path(hub, "hub.key", path);
    pki_write_key(path, key, 0400);
    assert_int_equal(kp_signer_load(path, &hub->signer, &diag), KP_OK);
    X509_free(x509);
    EVP_PKEY_free(key);

    request.name = "om";
    request.serial_number = PARTNER_OIN;
    key = pki_key("ED25519");
    x509 = pki_certificate(&request, key, NULL);
    struct kp_slice der = pki_der(x509);
    assert_int_equal(kp_certificate_parse(der, &hub->partner, &diag), KP_OK);
    hub_path(hub, "signing.key", path);
    pki_write_key(path, key, 0400);
    hub_path(hub, "signing.pem", path);
    hub_write_certificate(path, x509);
    X509_free(x509);
    EVP_PKEY_free(key);
    pki_der_free(der);

    assert_int_equal(zmq_curve_keypair(public_z85, secret_z85), 0);
    hub_path(hub, "curve.secret", path);
    hub_write(path, secret_z85, 40, 0400);
    assert_int_equal(zmq_curve_keypair(public_z85, secret_z85), 0);
    hub_path(hub, "hub.secret", path);
    hub_write(path, secret_z85, 41, 0400);
    hub_open_door(hub, secret_z85);
    hub_make_bundle(hub, hub_der, public_z85);
    pki_der_free(hub_der);
}

static inline int hub_unlink(const char *path, const struct stat *status, int type,
                             struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

/* The hub's process dies and comes back on the same port, with its journal. */
static inline void hub_restart(struct model_hub *hub)
{
    char path[256];
    char *secret = NULL;
    size_t size = 0;
    struct kp_diag diag;
    hub_close_door(hub);
    hub_path(hub, "hub.secret", path);
    assert_int_equal(kp_file_read(path, 64, &secret, &size, &diag), KP_OK);
    hub_open_door(hub, secret);
    free(secret);
}

static inline void hub_done(struct model_hub *hub)
{
    hub_close_door(hub);
    (void)kp_signer_free(hub->signer);
    (void)kp_certificate_free(hub->partner);
    for (uint32_t i = 0; i < hub->mailbox_count; i++) {
        free(hub->mailbox[i].bytes);
    }
    free(hub->bundle);
    kp_arena_done(&hub->arena);
    assert_int_equal(nftw(hub->dir, hub_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void hub_send(struct model_hub *hub, Knooppunt__V1__Envelope *envelope)
{
    static uint8_t counter[16];
    counter[15]++;
    envelope->has_schema = 1;
    envelope->schema = 1;
    envelope->has_message_id = 1;
    envelope->message_id = hub_binary(counter, 16);
    if (hub->in_session) {
        envelope->has_session = 1;
        envelope->session = hub_binary(hub->session, 16);
    }
    hub_make_newer(hub, &envelope->base);
    struct kp_slice frame = kp_codec_pack(&hub->arena, &envelope->base);
    assert_true(frame.size > 0);
    (void)zmq_send(hub->door, frame.bytes, frame.size, ZMQ_DONTWAIT);
}

static inline void hub_refuse(struct model_hub *hub, ProtobufCBinaryData id, uint32_t code,
                              uint32_t retry_after_ms)
{
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Refusal refusal = KNOOPPUNT__V1__REFUSAL__INIT;
    refusal.has_refused_message_id = 1;
    refusal.refused_message_id = id;
    refusal.has_code = 1;
    refusal.code = code;
    refusal.has_retry_after_ms = retry_after_ms > 0;
    refusal.retry_after_ms = retry_after_ms;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_REFUSAL;
    envelope.refusal = &refusal;
    hub_send(hub, &envelope);
}

static inline void hub_put_event(struct model_hub *hub, Knooppunt__V1__Event *event)
{
    assert_true(hub->mailbox_count < HUB_EVENTS_MAX);
    struct hub_event *row = &hub->mailbox[hub->mailbox_count++];
    hub_make_newer(hub, &event->base);
    row->size = kp_codec_size(&event->base);
    row->bytes = malloc(row->size);
    struct kp_writer writer;
    kp_writer_init(&writer, row->bytes, row->size);
    kp_codec_put(&writer, &event->base);
    assert_true(kp_writer_ok(&writer));
}

static inline void hub_put_known_elsewhere(struct model_hub *hub, const char *reference)
{
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__KnownElsewhere known = KNOOPPUNT__V1__KNOWN_ELSEWHERE__INIT;
    known.reference = (char *)(uintptr_t)reference;
    char theme[] = "veelplegers";
    known.theme = theme;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE;
    event.known_elsewhere = &known;
    hub_put_event(hub, &event);
}

static inline void hub_deliver(struct model_hub *hub)
{
    while (hub->in_session && hub->credit > 0 && hub->delivered < hub->mailbox_count) {
        Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
        Knooppunt__V1__Deliver deliver = KNOOPPUNT__V1__DELIVER__INIT;
        Knooppunt__V1__Delivery delivery = KNOOPPUNT__V1__DELIVERY__INIT;
        Knooppunt__V1__Delivery *deliveries[] = {&delivery};
        const struct hub_event *row = &hub->mailbox[hub->delivered];
        delivery.has_seq = 1;
        delivery.seq = ++hub->delivered;
        delivery.has_event = 1;
        delivery.event = hub_binary(row->bytes, row->size);
        char mailbox[] = "om";
        deliver.mailbox = mailbox;
        deliver.n_deliveries = 1;
        deliver.deliveries = deliveries;
        envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_DELIVER;
        envelope.deliver = &deliver;
        hub->credit--;
        hub_send(hub, &envelope);
    }
}

static inline void hub_on_hello(struct model_hub *hub, const Knooppunt__V1__Hello *hello)
{
    hub->hellos++;
    hub->hello_last_position = hello->last_position;
    assert_string_equal(hello->counterpart, "om");
    if (hub->no_welcome) {
        return;
    }
    kp_random(hub->session, sizeof hub->session);
    hub->in_session = true;
    hub->credit = 0;
    hub->delivered = hub->acked;
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Welcome welcome = KNOOPPUNT__V1__WELCOME__INIT;
    Knooppunt__V1__MailboxState state = KNOOPPUNT__V1__MAILBOX_STATE__INIT;
    Knooppunt__V1__MailboxState *states[] = {&state};
    char house[] = "voorbeeldstad";
    char oin[] = HUB_OIN;
    char mailbox[] = "om";
    state.mailbox = mailbox;
    state.has_acked_seq = state.has_last_seq = 1;
    state.acked_seq = hub->acked;
    state.last_seq = hub->mailbox_count;
    welcome.has_schema = 1;
    welcome.schema = 1;
    welcome.has_session = 1;
    welcome.session = hub_binary(hub->session, 16);
    welcome.house = house;
    welcome.house_oin = oin;
    welcome.has_batch_signals_max = 1;
    welcome.batch_signals_max = 500;
    welcome.has_batches_in_flight_max = 1;
    welcome.batches_in_flight_max = hub->in_flight_max;
    welcome.has_journal_position = 1;
    welcome.journal_position = hub->journal_count;
    welcome.has_known_checks_per_day = hub->takes_checks;
    welcome.known_checks_per_day = 9;
    welcome.n_mailboxes = 1;
    welcome.mailboxes = states;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_WELCOME;
    envelope.welcome = &welcome;
    hub_send(hub, &envelope);
}

/* As proto/README.md section 7 has it. */
static inline Knooppunt__V1__OutcomeKind
hub_judge(const struct model_hub *hub, const struct hub_signal *signal, uint32_t position)
{
    bool lower = false;
    bool lower_withdrawn = false;
    uint64_t highest = 0;
    for (uint32_t i = 0; i < position; i++) {
        const struct hub_signal *row = &hub->journal[i];
        if (strcmp(row->reference, signal->reference) != 0) {
            continue;
        }
        if (row->version == signal->version) {
            return memcmp(row->content, signal->content, sizeof row->content) == 0
                       ? KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DUPLICATE
                       : KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_CONFLICT;
        }
        if (row->version > highest) {
            highest = row->version;
            lower_withdrawn = row->action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW;
        }
        lower = true;
    }
    if (highest > signal->version) {
        return KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_SUPERSEDED;
    }
    if (signal->action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW) {
        return KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_WITHDRAWN;
    }
    return lower && !lower_withdrawn ? KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_REPLACES
                                     : KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_NEW;
}

/* The signature as a stranger would check it, from the specification. */
static inline bool hub_verifies(struct model_hub *hub, const Knooppunt__V1__SubmitBatch *batch)
{
    uint8_t signed_bytes[44 + 500 * 32];
    struct kp_writer writer;
    struct kp_diag diag;
    kp_writer_init(&writer, signed_bytes, sizeof signed_bytes);
    kp_put_raw(&writer, KP_SLICE_LIT(HUB_OIN));
    kp_put_raw(&writer, KP_SLICE_LIT(PARTNER_OIN));
    kp_put_u32(&writer, (uint32_t)batch->n_signals);
    for (size_t i = 0; i < batch->n_signals; i++) {
        const Knooppunt__V1__SignedSignal *row = batch->signals[i];
        kp_sha256(kp_slice_of(row->salt.data, row->salt.len),
                  kp_slice_of(row->signal.data, row->signal.len), KP_SLICE_EMPTY,
                  kp_put_space(&writer, 32));
    }
    return memcmp(batch->certificate_digest.data, kp_certificate_digest(hub->partner), 32) == 0 &&
           kp_verify(hub->partner, (enum kp_sign_algorithm)batch->algorithm, KP_LABEL_BATCH,
                     kp_writer_slice(&writer),
                     kp_slice_of(batch->signature.data, batch->signature.len), &diag) == KP_OK;
}

static inline void hub_send_receipt(struct model_hub *hub, const Knooppunt__V1__SubmitBatch *batch,
                                    ProtobufCBinaryData id, uint32_t first)
{
    Knooppunt__V1__ReceiptBody body = KNOOPPUNT__V1__RECEIPT_BODY__INIT;
    Knooppunt__V1__SignalReceipt rows[500];
    Knooppunt__V1__SignalReceipt *pointers[500];
    uint8_t digests[500][32];
    for (uint32_t i = 0; i < batch->n_signals; i++) {
        const Knooppunt__V1__SignedSignal *row = batch->signals[i];
        knooppunt__v1__signal_receipt__init(&rows[i]);
        kp_sha256(kp_slice_of(row->salt.data, row->salt.len),
                  kp_slice_of(row->signal.data, row->signal.len), KP_SLICE_EMPTY, digests[i]);
        rows[i].has_position = 1;
        rows[i].position = first + i + 1;
        rows[i].has_digest = 1;
        rows[i].digest = hub_binary(digests[i], 32);
        pointers[i] = &rows[i];
    }
    char house[] = HUB_OIN;
    char partner[] = PARTNER_OIN;
    body.house_oin = house;
    body.partner_oin = partner;
    body.has_batch_message_id = 1;
    body.batch_message_id = id;
    body.has_journalled_at_ms = 1;
    body.n_signals = batch->n_signals;
    body.signals = pointers;
    hub_make_newer(hub, &body.base);
    struct kp_slice bytes = kp_codec_pack(&hub->arena, &body.base);
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    size_t size = 0;
    struct kp_diag diag;
    assert_int_equal(kp_sign(hub->signer, KP_LABEL_RECEIPT, bytes, signature, &size, &diag), KP_OK);
    signature[0] ^= hub->break_receipts ? 1 : 0;
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Receipt receipt = KNOOPPUNT__V1__RECEIPT__INIT;
    receipt.has_body = 1;
    receipt.body = hub_binary(bytes.bytes, bytes.size);
    receipt.has_algorithm = 1;
    receipt.algorithm = (Knooppunt__V1__SignatureAlgorithm)kp_signer_algorithm(hub->signer);
    receipt.has_signature = 1;
    receipt.signature = hub_binary(signature, size);
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_RECEIPT;
    envelope.receipt = &receipt;
    hub_send(hub, &envelope);
}

static inline void hub_put_outcomes(struct model_hub *hub, ProtobufCBinaryData id, uint32_t first,
                                    uint32_t count)
{
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__Outcomes outcomes = KNOOPPUNT__V1__OUTCOMES__INIT;
    Knooppunt__V1__SignalOutcome rows[500];
    Knooppunt__V1__SignalOutcome *pointers[500];
    for (uint32_t i = 0; i < count; i++) {
        struct hub_signal *signal = &hub->journal[first + i];
        knooppunt__v1__signal_outcome__init(&rows[i]);
        rows[i].has_position = 1;
        rows[i].position = first + i + 1;
        rows[i].reference = signal->reference;
        rows[i].has_version = 1;
        rows[i].version = signal->version;
        rows[i].has_kind = 1;
        rows[i].kind = hub_judge(hub, signal, first + i);
        bool effect = rows[i].kind == KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_NEW ||
                      rows[i].kind == KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_REPLACES ||
                      rows[i].kind == KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_WITHDRAWN;
        hub->effects += effect ? 1 : 0;
        rows[i].kind = hub->outcome_kind != 0 ? hub->outcome_kind : rows[i].kind;
        pointers[i] = &rows[i];
    }
    outcomes.has_batch_message_id = 1;
    outcomes.batch_message_id = id;
    outcomes.n_outcomes = count;
    outcomes.outcomes = pointers;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_OUTCOMES;
    event.outcomes = &outcomes;
    hub_put_event(hub, &event);
}

static inline void hub_on_batch(struct model_hub *hub, const Knooppunt__V1__Envelope *envelope)
{
    const Knooppunt__V1__SubmitBatch *batch = envelope->submit_batch;
    hub->batches++;
    memcpy(hub->last_batch_id, envelope->message_id.data, 16);
    if (hub->refuse_code != 0) {
        uint32_t code = hub->refuse_code;
        hub->refuse_code = 0;
        hub_refuse(hub, envelope->message_id, code, code == KP_E_LATER ? 20 : 0);
        return;
    }
    if (!hub_verifies(hub, batch)) {
        hub->bad_batches++;
        hub_refuse(hub, envelope->message_id, KP_E_SIGNATURE, 0);
        return;
    }
    uint32_t first = hub->journal_count;
    for (size_t i = 0; i < batch->n_signals; i++) {
        struct kp_slice bytes =
            kp_slice_of(batch->signals[i]->signal.data, batch->signals[i]->signal.len);
        ProtobufCMessage *message;
        struct kp_diag diag;
        assert_int_equal(kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal, bytes,
                                       &hub->arena, &message, NULL, &diag),
                         KP_OK);
        const Knooppunt__V1__Signal *signal = (const Knooppunt__V1__Signal *)message;
        assert_true(hub->journal_count < HUB_SIGNALS_MAX);
        struct hub_signal *row = &hub->journal[hub->journal_count++];
        (void)snprintf(row->reference, sizeof row->reference, "%s", signal->reference);
        row->version = signal->version;
        row->action = signal->action;
        kp_sha256(bytes, KP_SLICE_EMPTY, KP_SLICE_EMPTY, row->content);
    }
    if (!hub->no_outcomes) {
        hub_put_outcomes(hub, envelope->message_id, first, (uint32_t)batch->n_signals);
    }
    if (hub->drop_after_journal) {
        hub->drop_after_journal = false;
        hub_restart(hub);
        return;
    }
    if (!hub->no_receipts) {
        hub_send_receipt(hub, batch, envelope->message_id, first);
    }
}

/* Who is called Bekend is known. */
static inline void hub_on_check(struct model_hub *hub, const Knooppunt__V1__Envelope *check)
{
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__KnownAnswer answer = KNOOPPUNT__V1__KNOWN_ANSWER__INIT;
    Knooppunt__V1__Contact contact = KNOOPPUNT__V1__CONTACT__INIT;
    Knooppunt__V1__Contact *contacts[] = {&contact};
    char partner[] = "Politie";
    char text[] = "het loket";
    contact.partner = partner;
    contact.text = text;
    answer.has_check_message_id = answer.has_code = answer.has_known = answer.has_padding = 1;
    answer.check_message_id = check->message_id;
    answer.known = strcmp(check->known_check->person->surname, "Bekend") == 0;
    answer.n_contacts = answer.known ? 1 : 0;
    answer.contacts = contacts;
    answer.padding = hub_binary("\0\0", 2);
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_ANSWER;
    envelope.known_answer = &answer;
    hub_send(hub, &envelope);
}

/* Take one frame, waiting up to @timeout_ms; false: none came. */
static inline bool hub_step(struct model_hub *hub, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = hub->door, .events = ZMQ_POLLIN};
    hub_deliver(hub);
    if (zmq_poll(&item, 1, timeout_ms) <= 0) {
        return false;
    }
    static uint8_t frame[2 << 20];
    int size = zmq_recv(hub->door, frame, sizeof frame, ZMQ_DONTWAIT);
    if (size < 0) {
        return false;
    }
    ProtobufCMessage *message;
    struct kp_diag diag;
    kp_arena_reset(&hub->arena);
    assert_int_equal(kp_codec_open(&knooppunt__v1__envelope__descriptor, &kp_gate_frame,
                                   kp_slice_of(frame, (size_t)size), &hub->arena, &message, NULL,
                                   &diag),
                     KP_OK);
    const Knooppunt__V1__Envelope *envelope = (const Knooppunt__V1__Envelope *)message;
    if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_HELLO) {
        assert_false(envelope->has_session);
        hub_on_hello(hub, envelope->hello);
        return true;
    }
    if (!hub->in_session || memcmp(envelope->session.data, hub->session, 16) != 0) {
        hub_refuse(hub, envelope->message_id, KP_E_SESSION, 0);
        return true;
    }
    if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_SUBMIT_BATCH) {
        hub_on_batch(hub, envelope);
    } else if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_CHECK) {
        hub_on_check(hub, envelope);
    } else if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_CREDIT) {
        assert_string_equal(envelope->credit->mailbox, "om");
        hub->credit += envelope->credit->events;
    } else if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_ACK) {
        assert_true(envelope->ack->seq <= hub->delivered);
        hub->acked = envelope->ack->seq > hub->acked ? envelope->ack->seq : hub->acked;
    }
    hub_deliver(hub);
    return true;
}

#endif
