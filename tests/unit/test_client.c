/* SPDX-License-Identifier: EUPL-1.2 */
/* The client against a door made of libzmq and the codec alone, over TCP with real CURVE keys. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_hub.h"

#include <poll.h>

#define WAIT_MS 20000 /* far beyond what is needed; nothing waits for it to pass */

struct fixture {
    struct model_hub hub;
    struct kp_client *client;
    struct kp_client_event event;
    struct kp_diag diag;
};

static enum kp_err make_client(struct fixture *fixture, struct kp_slice bundle)
{
    static struct kp_signer *signer;
    char curve[256];
    char key[256];
    hub_path(&fixture->hub, "curve.secret", curve);
    hub_path(&fixture->hub, "signing.key", key);
    signer = kp_signer_free(signer);
    assert_int_equal(kp_signer_load(key, &signer, &fixture->diag), KP_OK);
    struct kp_client_options options = {
        .bundle = bundle,
        .curve_secret_file = curve,
        .signer = signer,
        .certificate = kp_certificate_der(fixture->hub.partner),
        .program = "test 1",
        .last_position = 17,
    };
    return kp_client_new(&options, &fixture->client, &fixture->diag);
}

static struct kp_slice bundle_of(const struct fixture *fixture)
{
    return kp_slice_of(fixture->hub.bundle, fixture->hub.bundle_size);
}

static bool hub_is_newer; /* all tests hold with a hub of a later version too */

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    hub_init(&fixture->hub, hub_is_newer);
    assert_int_equal(make_client(fixture, bundle_of(fixture)), KP_OK);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    (void)kp_client_free(fixture->client);
    hub_done(&fixture->hub);
    free(fixture);
    return 0;
}

/* Both sides in turn, until the client has an event of @kind or fails. */
static enum kp_err until(struct fixture *fixture, enum kp_client_event_kind kind)
{
    struct kp_mono end = {kp_mono_now().us + WAIT_MS * INT64_C(1000)};
    while (kp_mono_now().us < end.us) {
        while (hub_step(&fixture->hub, 0)) {
        }
        enum kp_err err = kp_client_wait(fixture->client, 2, &fixture->event, &fixture->diag);
        if (err != KP_OK || fixture->event.kind == kind) {
            return err;
        }
    }
    fail_msg("no event of kind %d came", (int)kind);
    return KP_E_TIMEOUT;
}

static void until_welcome(struct fixture *fixture)
{
    assert_int_equal(until(fixture, KP_CLIENT_WELCOME), KP_OK);
}

/* A signal of a person who does not exist. */
static struct kp_slice pack_signal(const char *reference, uint64_t version, uint8_t bytes[256])
{
    Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
    signal.reference = (char *)(uintptr_t)reference;
    signal.has_version = 1;
    signal.version = version;
    signal.has_action = 1;
    signal.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, 256);
    kp_codec_put(&writer, &signal.base);
    assert_true(kp_writer_ok(&writer));
    return kp_writer_slice(&writer);
}

static const uint8_t batch_id[16] = {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16};

static enum kp_err submit(struct fixture *fixture, uint32_t count)
{
    static uint8_t bytes[600][256];
    static uint8_t salts[600][KP_SALT_BYTES];
    struct kp_client_signal signals[600];
    for (uint32_t i = 0; i < count; i++) {
        char reference[32];
        (void)snprintf(reference, sizeof reference, "R-%u", i);
        memset(salts[i], (int)i, KP_SALT_BYTES);
        signals[i] = (struct kp_client_signal){salts[i], pack_signal(reference, 1, bytes[i])};
    }
    return kp_client_submit(fixture->client, batch_id, NULL, signals, count, &fixture->diag);
}

static void says_hello_and_is_welcome(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(submit(fixture, 1), KP_E_STATE);
    until_welcome(fixture);
    assert_int_equal(fixture->hub.hellos, 1);
    assert_int_equal(fixture->hub.hello_last_position, 17);
    assert_string_equal(fixture->event.welcome->house, "voorbeeldstad");
    assert_string_equal(kp_client_bundle(fixture->client)->counterpart, "om");
}

static void batch_is_signed_and_its_receipt_verified(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    assert_int_equal(submit(fixture, 3), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_RECEIPT), KP_OK);
    assert_int_equal(fixture->hub.bad_batches, 0);
    assert_int_equal(fixture->hub.journal_count, 3);
    assert_int_equal(fixture->event.receipt->n_signals, 3);
    assert_int_equal(fixture->event.receipt->signals[2]->position, 3);
    assert_memory_equal(fixture->event.receipt->batch_message_id.data, batch_id, 16);
    assert_true(fixture->event.receipt_bytes.size > 0);
}

static void altered_receipt_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    fixture->hub.break_receipts = true;
    assert_int_equal(submit(fixture, 1), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_RECEIPT), KP_E_SIGNATURE);
    /* Whoever signs so is not spoken with on this connection any more; another begins. */
    assert_int_equal(submit(fixture, 1), KP_E_STATE);
    until_welcome(fixture);
}

static void window_and_size_are_limited(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    fixture->hub.no_receipts = true;
    uint8_t bytes[256];
    uint8_t salt[KP_SALT_BYTES] = {0};
    struct kp_client_signal signal = {salt, pack_signal("R", 1, bytes)};
    uint8_t id[16];
    memcpy(id, batch_id, 16);
    for (uint8_t i = 0; i < 4; i++) {
        id[0] = i;
        assert_int_equal(kp_client_submit(fixture->client, id, NULL, &signal, 1, &fixture->diag),
                         KP_OK);
    }
    /* The same again is no further batch. */
    assert_int_equal(kp_client_submit(fixture->client, id, NULL, &signal, 1, &fixture->diag),
                     KP_OK);
    id[0] = 4;
    assert_int_equal(kp_client_submit(fixture->client, id, NULL, &signal, 1, &fixture->diag),
                     KP_E_LATER);
    assert_int_equal(kp_client_submit(fixture->client, id, NULL, &signal, 0, &fixture->diag),
                     KP_E_LATER);
}

static void too_many_signals_are_refused_here(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    assert_int_equal(submit(fixture, 501), KP_E_LIMIT);
    assert_int_equal(submit(fixture, 0), KP_E_LIMIT);
    assert_int_equal(submit(fixture, 500), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_RECEIPT), KP_OK);
    assert_int_equal(fixture->hub.journal_count, 500);
}

static void refusal_is_told(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    fixture->hub.refuse_code = KP_E_LATER;
    assert_int_equal(submit(fixture, 1), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_REFUSAL), KP_OK);
    assert_int_equal(fixture->event.err, KP_E_LATER);
    assert_int_equal(fixture->event.refusal->retry_after_ms, 20);
    assert_memory_equal(fixture->event.refusal->refused_message_id.data, batch_id, 16);
}

static void session_that_the_hub_forgot_is_opened_again(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    fixture->hub.in_session = false;
    assert_int_equal(submit(fixture, 1), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_LOST), KP_OK);
    assert_int_equal(fixture->event.err, KP_E_SESSION);
    until_welcome(fixture);
    assert_int_equal(fixture->hub.hellos, 2);
}

static void hub_that_restarts_is_found_again(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    hub_restart(&fixture->hub);
    assert_int_equal(until(fixture, KP_CLIENT_LOST), KP_OK);
    assert_int_equal(submit(fixture, 1), KP_E_STATE);
    until_welcome(fixture);
    assert_int_equal(submit(fixture, 1), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_RECEIPT), KP_OK);
}

static void bye_ends_the_session_with_its_reason(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Bye bye = KNOOPPUNT__V1__BYE__INIT;
    bye.has_code = 1;
    bye.code = KP_E_KEY_REVOKED;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_BYE;
    envelope.bye = &bye;
    hub_send(&fixture->hub, &envelope);
    assert_int_equal(until(fixture, KP_CLIENT_LOST), KP_OK);
    assert_int_equal(fixture->event.err, KP_E_KEY_REVOKED);
}

static void shut_out(struct fixture *fixture, const char *zap_status, enum kp_err expected)
{
    until_welcome(fixture);
    fixture->hub.zap_status = zap_status;
    hub_restart(&fixture->hub);
    assert_int_equal(until(fixture, KP_CLIENT_SHUT_OUT), KP_OK);
    assert_int_equal(fixture->event.err, expected);
    /* A person let the key in again: the client tries by itself. */
    fixture->hub.zap_status = "200";
    until_welcome(fixture);
}

static void unknown_key_is_told_apart(void **state)
{
    shut_out(*state, "400", KP_E_KEY_UNKNOWN);
}

static void revoked_key_is_told_apart(void **state)
{
    shut_out(*state, "500", KP_E_KEY_REVOKED);
}

static void deliveries_follow_credit_and_stop_at_it(void **state)
{
    struct fixture *fixture = *state;
    hub_put_known_elsewhere(&fixture->hub, "R-1");
    hub_put_known_elsewhere(&fixture->hub, "R-2");
    until_welcome(fixture);
    assert_int_equal(fixture->event.welcome->mailboxes[0]->last_seq, 2);
    assert_int_equal(kp_client_credit(fixture->client, "om", 1, &fixture->diag), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_DELIVER), KP_OK);
    assert_string_equal(fixture->event.deliver->mailbox, "om");
    assert_int_equal(fixture->event.deliver->deliveries[0]->seq, 1);
    assert_int_equal(kp_client_ack(fixture->client, "om", 1, &fixture->diag), KP_OK);
    assert_int_equal(kp_client_credit(fixture->client, "om", 1, &fixture->diag), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_DELIVER), KP_OK);
    assert_int_equal(fixture->event.deliver->deliveries[0]->seq, 2);
    assert_int_equal(fixture->hub.acked, 1);
}

static void answer_is_told(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Answer answer = KNOOPPUNT__V1__ANSWER__INIT;
    Knooppunt__V1__Section section = KNOOPPUNT__V1__SECTION__INIT;
    Knooppunt__V1__Section *sections[] = {&section};
    answer.has_code = 1;
    answer.code = KP_E_NOT_ENTITLED;
    answer.n_sections = 1;
    answer.sections = sections;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_ANSWER;
    envelope.answer = &answer;
    hub_send(&fixture->hub, &envelope);
    assert_int_equal(until(fixture, KP_CLIENT_ANSWER), KP_OK);
    assert_int_equal(fixture->event.answer->code, KP_E_NOT_ENTITLED);
    assert_int_equal(fixture->event.answer->n_sections, 1);
}

static enum kp_err check(struct fixture *fixture, uint8_t number, const char *surname)
{
    uint8_t id[16] = {number};
    Knooppunt__V1__KnownCheck known = KNOOPPUNT__V1__KNOWN_CHECK__INIT;
    Knooppunt__V1__PersonMention person = KNOOPPUNT__V1__PERSON_MENTION__INIT;
    person.surname = (char *)(uintptr_t)surname;
    known.has_requester_type = known.has_reason = 1;
    known.requester_type = KNOOPPUNT__V1__REQUESTER_TYPE__REQUESTER_TYPE_LIAISON;
    known.reason = KNOOPPUNT__V1__CHECK_REASON__CHECK_REASON_BASISTAKEN_ZVH;
    known.person = &person;
    return kp_client_check(fixture->client, id, &known, &fixture->diag);
}

static void a_check_is_answered(void **state)
{
    struct fixture *fixture = *state;
    fixture->hub.takes_checks = true;
    assert_int_equal(check(fixture, 1, "Bekend"), KP_E_STATE);
    until_welcome(fixture);
    assert_int_equal(check(fixture, 1, "Bekend"), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_KNOWN), KP_OK);
    assert_true(fixture->event.known->known);
    assert_int_equal(fixture->event.known->check_message_id.data[0], 1);
    assert_string_equal(fixture->event.known->contacts[0]->text, "het loket");
    for (uint8_t number = 2; number < 6; number++) { /* as many as the hub lets in flight */
        assert_int_equal(check(fixture, number, "Onbekend"), KP_OK);
    }
    assert_int_equal(check(fixture, 6, "Onbekend"), KP_E_LATER);
    assert_int_equal(until(fixture, KP_CLIENT_KNOWN), KP_OK);
    assert_false(fixture->event.known->known);
    assert_int_equal(fixture->event.known->n_contacts, 0);
    assert_int_equal(check(fixture, 6, "Onbekend"), KP_OK);
}

static void a_hub_that_takes_no_checks_is_sent_none(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    assert_int_equal(check(fixture, 1, "Bekend"), KP_E_SCHEMA);
}

/* A message of a kind that this version does not have, and a code: no fault, the session goes on.
 */
static void what_this_version_does_not_know_disturbs_nothing(void **state)
{
    static uint8_t body[] = {2, 0x08, 0x01};
    struct fixture *fixture = *state;
    struct kp_client_event *event = &fixture->event;
    until_welcome(fixture);
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    ProtobufCMessageUnknownField later = {99, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, sizeof body,
                                          body};
    envelope.base.n_unknown_fields = 1;
    envelope.base.unknown_fields = &later;
    bool newer = fixture->hub.newer;
    fixture->hub.newer = false; /* it would put its own in place of this one */
    hub_send(&fixture->hub, &envelope);
    fixture->hub.newer = newer;
    fixture->hub.refuse_code = 999;
    assert_int_equal(submit(fixture, 1), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_REFUSAL), KP_OK);
    assert_int_equal(event->err, 999);
    assert_string_equal(kp_err_text(event->err), "an error this version does not know");
    assert_int_equal(submit(fixture, 1), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_RECEIPT), KP_OK);
    assert_int_equal(fixture->hub.hellos, 1);
}

/* The receipt that is kept as proof is the whole of what the hub signed, also what we cannot read.
 */
static void receipt_of_a_newer_hub_is_kept_whole(void **state)
{
    struct fixture *fixture = *state;
    struct kp_arena arena;
    ProtobufCMessage *message;
    until_welcome(fixture);
    assert_int_equal(submit(fixture, 2), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_RECEIPT), KP_OK);
    kp_arena_init(&arena, 1u << 20);
    assert_int_equal(kp_codec_open_tolerant(&knooppunt__v1__receipt__descriptor, &kp_gate_frame,
                                            fixture->event.receipt_bytes, &arena, &message,
                                            &fixture->diag),
                     KP_OK);
    const Knooppunt__V1__Receipt *receipt = (const Knooppunt__V1__Receipt *)message;
    struct kp_certificate *hub = NULL;
    ProtobufCBinaryData der = kp_client_bundle(fixture->client)->hub_certificate;
    assert_int_equal(kp_certificate_parse(kp_slice_of(der.data, der.len), &hub, &fixture->diag),
                     KP_OK);
    assert_int_equal(kp_verify(hub, (enum kp_sign_algorithm)receipt->algorithm, KP_LABEL_RECEIPT,
                               kp_slice_of(receipt->body.data, receipt->body.len),
                               kp_slice_of(receipt->signature.data, receipt->signature.len),
                               &fixture->diag),
                     KP_OK);
    assert_int_equal(receipt->base.n_unknown_fields, hub_is_newer ? 4 : 0);
    assert_int_equal(fixture->event.receipt->base.n_unknown_fields, hub_is_newer ? 4 : 0);
    (void)kp_certificate_free(hub);
    kp_arena_done(&arena);
}

static void rubbish_is_not_the_hub(void **state)
{
    struct fixture *fixture = *state;
    until_welcome(fixture);
    (void)zmq_send(fixture->hub.door, "\xff\xff\xff", 3, 0);
    assert_int_equal(until(fixture, KP_CLIENT_DELIVER), KP_E_MALFORMED);
    until_welcome(fixture);
}

/* The descriptor is what a foreign loop waits on: each thing that happens must wake it. */
static void descriptor_wakes_a_foreign_loop(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd fd = {.fd = kp_client_fd(fixture->client), .events = POLLIN};
    struct kp_mono end = {kp_mono_now().us + WAIT_MS * INT64_C(1000)};
    enum kp_client_event_kind kind = KP_CLIENT_NOTHING;
    while (kind != KP_CLIENT_WELCOME && kp_mono_now().us < end.us) {
        while (hub_step(&fixture->hub, 0)) {
        }
        (void)poll(&fd, 1, 50);
        do {
            assert_int_equal(kp_client_wait(fixture->client, 0, &fixture->event, &fixture->diag),
                             KP_OK);
            kind = fixture->event.kind;
        } while (kind != KP_CLIENT_NOTHING && kind != KP_CLIENT_WELCOME);
    }
    assert_int_equal(kind, KP_CLIENT_WELCOME);
    assert_int_equal(kp_client_wait(fixture->client, 0, &fixture->event, &fixture->diag), KP_OK);
    assert_int_equal(fixture->event.kind, KP_CLIENT_NOTHING);
    hub_put_known_elsewhere(&fixture->hub, "R-1");
    assert_int_equal(kp_client_credit(fixture->client, "om", 1, &fixture->diag), KP_OK);
    assert_true(hub_step(&fixture->hub, WAIT_MS));
    assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
    assert_int_equal(until(fixture, KP_CLIENT_DELIVER), KP_OK);
}

/* libzmq takes note of what came in while it sends, and then its descriptor tells no more of it;
 * but not more than once in a millisecond or so, hence the second attempt after three. */
static void what_came_in_while_sending_still_wakes(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd fd = {.fd = kp_client_fd(fixture->client), .events = POLLIN};
    until_welcome(fixture);
    assert_int_equal(kp_client_credit(fixture->client, "om", 10, &fixture->diag), KP_OK);
    assert_true(hub_step(&fixture->hub, WAIT_MS));
    for (uint32_t i = 1; i <= 10; i++) {
        do {
            assert_int_equal(kp_client_wait(fixture->client, 0, &fixture->event, &fixture->diag),
                             KP_OK);
        } while (fixture->event.kind != KP_CLIENT_NOTHING);
        hub_put_known_elsewhere(&fixture->hub, "R-1");
        hub_deliver(&fixture->hub);
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1); /* it is there, and not yet looked at */
        struct kp_mono end = {kp_mono_now().us + 3000};
        assert_int_equal(kp_client_ack(fixture->client, "om", 0, &fixture->diag), KP_OK);
        while (kp_mono_now().us < end.us) {
        }
        assert_int_equal(kp_client_ack(fixture->client, "om", 0, &fixture->diag), KP_OK);
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        assert_int_equal(kp_client_wait(fixture->client, 0, &fixture->event, &fixture->diag),
                         KP_OK);
        assert_int_equal(fixture->event.kind, KP_CLIENT_DELIVER);
        assert_int_equal(fixture->event.deliver->deliveries[0]->seq, i);
    }
}

/* What was sent last leaves before the client goes: a batch so large that it cannot have left yet.
 */
static void what_was_sent_before_a_good_end_leaves(void **state)
{
    struct fixture *fixture = *state;
    hub_put_known_elsewhere(&fixture->hub, "R-1");
    until_welcome(fixture);
    assert_int_equal(kp_client_credit(fixture->client, "om", 1, &fixture->diag), KP_OK);
    assert_int_equal(until(fixture, KP_CLIENT_DELIVER), KP_OK);
    assert_int_equal(submit(fixture, 500), KP_OK);
    assert_int_equal(kp_client_ack(fixture->client, "om", 1, &fixture->diag), KP_OK);
    fixture->client = kp_client_free(fixture->client);
    while (fixture->hub.acked == 0 && hub_step(&fixture->hub, WAIT_MS)) {
    }
    assert_int_equal(fixture->hub.journal_count, 500);
    assert_int_equal(fixture->hub.acked, 1);
}

static void bundle_of_another_signer_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->client = kp_client_free(fixture->client);
    uint8_t *copy = malloc(fixture->hub.bundle_size);
    /* What a newer hub puts beside body and signature is not signed, and not read. */
    size_t covered = fixture->hub.bundle_size - (hub_is_newer ? HUB_NEWER_BYTES : 0);
    for (size_t i = 0; i < covered; i += 3) {
        memcpy(copy, fixture->hub.bundle, fixture->hub.bundle_size);
        copy[i] ^= 0x20;
        enum kp_err err = make_client(fixture, kp_slice_of(copy, fixture->hub.bundle_size));
        assert_int_not_equal(err, KP_OK);
        assert_null(fixture->client);
    }
    assert_int_equal(make_client(fixture, kp_slice_of(copy, 3)), KP_E_MALFORMED);
    free(copy);
}

static void key_file_open_to_others_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[256];
    fixture->client = kp_client_free(fixture->client);
    hub_path(&fixture->hub, "curve.secret", path);
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(make_client(fixture, bundle_of(fixture)), KP_E_KEY_FILE);
    assert_int_equal(chmod(path, 0600), 0);
    hub_write(path, "too short", 9, 0400);
    assert_int_equal(make_client(fixture, bundle_of(fixture)), KP_E_KEY_FILE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(make_client(fixture, bundle_of(fixture)), KP_E_KEY_FILE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_hello_and_is_welcome),
        TEST(batch_is_signed_and_its_receipt_verified),
        TEST(altered_receipt_is_not_believed),
        TEST(window_and_size_are_limited),
        TEST(too_many_signals_are_refused_here),
        TEST(refusal_is_told),
        TEST(session_that_the_hub_forgot_is_opened_again),
        TEST(bye_ends_the_session_with_its_reason),
        TEST(deliveries_follow_credit_and_stop_at_it),
        TEST(answer_is_told),
        TEST(a_check_is_answered),
        TEST(a_hub_that_takes_no_checks_is_sent_none),
        TEST(what_this_version_does_not_know_disturbs_nothing),
        TEST(receipt_of_a_newer_hub_is_kept_whole),
        TEST(rubbish_is_not_the_hub),
        TEST(descriptor_wakes_a_foreign_loop),
        TEST(what_came_in_while_sending_still_wakes),
        TEST(what_was_sent_before_a_good_end_leaves),
        TEST(bundle_of_another_signer_is_refused),
    };
    const struct CMUnitTest connection_tests[] = {
        TEST(hub_that_restarts_is_found_again),
        TEST(unknown_key_is_told_apart),
        TEST(revoked_key_is_told_apart),
        TEST(key_file_open_to_others_is_refused),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("the connection", connection_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("a hub of this version", tests, NULL, NULL);
    hub_is_newer = true;
    failed += cmocka_run_group_tests_name("a newer hub", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
