/* SPDX-License-Identifier: EUPL-1.2 */
/* The wire's specification against the code: the table of codes, the table of limits, and the
 * worked example, whose digest and signatures have to verify. */
#include "base/err.h"
#include "base/limits.h"
#include "wire_samples.h"

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char readme[256u * 1024u];
static struct kp_arena arena;

static int set_up(void **state)
{
    (void)state;
    const char *path = getenv("KP_WIRE_README");
    FILE *file = fopen(path != NULL ? path : "proto/README.md", "r");
    if (file == NULL) {
        return -1;
    }
    size_t size = fread(readme, 1, sizeof readme - 1, file);
    (void)fclose(file);
    kp_arena_init(&arena, 1u << 20);
    return size > 0 && size < sizeof readme - 1 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    return 0;
}

/* The text of the section with this heading, up to the next one; NULL when there is none. */
static const char *section(const char *heading, size_t *ret_size)
{
    const char *start = strstr(readme, heading);
    if (start == NULL) {
        return NULL;
    }
    const char *end = strstr(start + 1, "\n## ");
    *ret_size = end == NULL ? strlen(start) : (size_t)(end - start);
    return start;
}

static size_t rows_in(const char *heading)
{
    size_t size = 0;
    const char *text = section(heading, &size);
    assert_non_null(text);
    size_t rows = 0;
    for (size_t i = 0; i + 2 < size; i++) {
        rows += text[i] == '\n' && text[i + 1] == '|' ? 1 : 0;
    }
    return rows - 2; /* the heads and the line below them */
}

static void must_stand_in(const char *heading, const char *row)
{
    size_t size = 0;
    const char *text = section(heading, &size);
    const char *found = text == NULL ? NULL : strstr(text, row);
    if (found == NULL || found > text + size) {
        fail_msg("not in \"%s\": %s", heading, row);
    }
}

static void every_code_is_in_the_table_as_it_is(void **state)
{
    (void)state;
    static const enum kp_err codes[] = {
#define X(name, number, category, text) name,
#include "base/errors.def"
#undef X
    };
    size_t count = sizeof codes / sizeof codes[0];
    for (size_t i = 0; i < count; i++) {
        char row[400];
        (void)snprintf(row, sizeof row, "\n| %d | `%s` | %s | %s |\n", (int)codes[i],
                       kp_err_name(codes[i]), kp_err_category_name(kp_err_category(codes[i])),
                       kp_err_text(codes[i]));
        must_stand_in("\n## 12. Error codes", row);
    }
    assert_int_equal(rows_in("\n## 12. Error codes"), count);
}

static void every_limit_is_in_the_table_as_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t value;
    } limits[] = {
#define LIMIT(name) {#name, name}
        LIMIT(KP_FRAME_BYTES_MAX),
        LIMIT(KP_DEPTH_MAX),
        LIMIT(KP_FIELDS_MAX),
        LIMIT(KP_SIGNAL_FIELDS_MAX),
        LIMIT(KP_SIGNAL_BYTES_MAX),
        LIMIT(KP_BATCH_SIGNALS_MAX),
        LIMIT(KP_SALT_BYTES),
        LIMIT(KP_DOOR_BATCHES_IN_FLIGHT_MAX),
        LIMIT(KP_SIGNAL_PERSONS_MAX),
        LIMIT(KP_MESSAGE_ID_BYTES),
        LIMIT(KP_REFERENCE_BYTES_MAX),
        LIMIT(KP_NAME_BYTES_MAX),
        LIMIT(KP_TEXT_BYTES_MAX),
        LIMIT(KP_CERTIFICATE_BYTES_MAX),
        LIMIT(KP_SIGNATURE_BYTES_MAX),
        LIMIT(KP_OIN_DIGITS),
        LIMIT(KP_ID_BYTES_MAX),
        LIMIT(KP_ACK_ROWS_MAX),
        LIMIT(KP_DOOR_KEYS_MAX),
        LIMIT(KP_HELD_PER_PARTNER_MAX),
        LIMIT(KP_KNOWN_ANSWER_BYTES),
        LIMIT(KP_COMPONENT_SHARE),
        LIMIT(KP_COMPONENT_MENTIONS_MAX),
#undef LIMIT
    };
    size_t count = sizeof limits / sizeof limits[0];
    for (size_t i = 0; i < count; i++) {
        char row[100];
        (void)snprintf(row, sizeof row, " | %u | `%s` | ", limits[i].value, limits[i].name);
        must_stand_in("\n## 11. Limits", row);
    }
    assert_int_equal(rows_in("\n## 11. Limits"), count);
}

/* Every message that can be in an Envelope or an Event has its row. */
static void every_message_is_told(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCMessageDescriptor *type;
        const char *heading;
    } choices[] = {{&knooppunt__v1__envelope__descriptor, "\n## 5. Session"},
                   {&knooppunt__v1__event__descriptor, "\n## 8. Mailboxes"}};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        for (unsigned f = 0; f < choices[i].type->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &choices[i].type->fields[f];
            if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
                continue;
            }
            const ProtobufCMessageDescriptor *body = field->descriptor;
            char name[80];
            (void)snprintf(name, sizeof name, "`%s`", body->short_name);
            must_stand_in(choices[i].heading, name);
        }
    }
}

static int nibble(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

/* The bytes of one name in the worked example: its line and the indented ones below. */
static struct kp_slice example(const char *name)
{
    char line[80];
    (void)snprintf(line, sizeof line, "\n%s ", name);
    const char *block = strstr(readme, "\n```example\n");
    const char *at = block == NULL ? NULL : strstr(block, line);
    assert_non_null(at);
    at += strlen(line);
    uint8_t bytes[2048];
    size_t size = 0;
    for (; *at == ' ' || nibble(*at) >= 0 || (at[0] == '\n' && at[1] == ' '); at++) {
        if (nibble(*at) >= 0) {
            assert_in_range(size, 0, sizeof bytes - 1);
            assert_true(nibble(at[1]) >= 0);
            bytes[size++] = (uint8_t)(nibble(at[0]) << 4 | nibble(at[1]));
            at++;
        }
    }
    assert_true(size > 0);
    return kp_arena_copy(&arena, kp_slice_of(bytes, size));
}

static bool verifies(struct kp_slice public_key, struct kp_slice message, struct kp_slice signature)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key.bytes, public_key.size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_non_null(key);
    assert_non_null(context);
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key), 1);
    bool good = EVP_DigestVerify(context, signature.bytes, signature.size, message.bytes,
                                 message.size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

static struct kp_slice joined(struct kp_slice a, struct kp_slice b)
{
    uint8_t *bytes = kp_arena_alloc(&arena, a.size + b.size);
    assert_non_null(bytes);
    memcpy(bytes, a.bytes, a.size);
    memcpy(bytes + a.size, b.bytes, b.size);
    return kp_slice_of(bytes, a.size + b.size);
}

static struct kp_slice binary(const ProtobufCBinaryData *data)
{
    return kp_slice_of(data->data, data->len);
}

static const Knooppunt__V1__Envelope *open_frame(const char *name)
{
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open(&knooppunt__v1__envelope__descriptor, &kp_gate_frame,
                                   example(name), &arena, &message, NULL, NULL),
                     KP_OK);
    return (const Knooppunt__V1__Envelope *)message;
}

static void the_batch_of_the_example_verifies(void **state)
{
    (void)state;
    struct kp_slice signal = example("signal");
    struct kp_slice salt = example("salt");
    struct kp_slice digest = example("digest");
    uint8_t computed[32];
    struct kp_slice salted = joined(salt, signal);
    assert_int_equal(EVP_Digest(salted.bytes, salted.size, computed, NULL, EVP_sha256(), NULL), 1);
    assert_true(kp_slice_equal(kp_slice_of(computed, 32), digest));

    struct kp_slice head = KP_SLICE_LIT("knooppunt.batch.v1\0"
                                        "0000000999000000000000000009990000000001"
                                        "\0\0\0\1");
    assert_true(kp_slice_equal(joined(head, digest), example("signed")));
    assert_true(verifies(example("partner-public"), example("signed"), example("signature")));

    const Knooppunt__V1__SubmitBatch *batch = open_frame("batch-frame")->submit_batch;
    assert_int_equal(batch->n_signals, 1);
    assert_true(kp_slice_equal(binary(&batch->signals[0]->signal), signal));
    assert_true(kp_slice_equal(binary(&batch->signals[0]->salt), salt));
    assert_true(kp_slice_equal(binary(&batch->signature), example("signature")));
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal, signal,
                                   &arena, &message, NULL, NULL),
                     KP_OK);
    assert_string_equal(((Knooppunt__V1__Signal *)message)->persons[0]->surname, "Jansen");
}

static void the_receipt_of_the_example_verifies_and_no_altered_one(void **state)
{
    (void)state;
    struct kp_slice body = example("receipt-body");
    struct kp_slice signature = example("receipt-signature");
    struct kp_slice key = example("hub-public");
    struct kp_slice label = KP_SLICE_LIT("knooppunt.receipt.v1\0");
    assert_true(verifies(key, joined(label, body), signature));
    for (size_t bit = 0; bit < body.size * 8; bit++) {
        struct kp_slice altered = joined(label, body);
        uint8_t *bytes = kp_arena_alloc(&arena, altered.size);
        assert_non_null(bytes);
        memcpy(bytes, altered.bytes, altered.size);
        bytes[label.size + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(verifies(key, kp_slice_of(bytes, altered.size), signature));
    }
    const Knooppunt__V1__Receipt *receipt = open_frame("receipt-frame")->receipt;
    assert_true(kp_slice_equal(binary(&receipt->body), body));
    assert_true(kp_slice_equal(binary(&receipt->signature), signature));
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open(&knooppunt__v1__receipt_body__descriptor, &kp_gate_frame, body,
                                   &arena, &message, NULL, NULL),
                     KP_OK);
    const Knooppunt__V1__ReceiptBody *opened = (const Knooppunt__V1__ReceiptBody *)message;
    assert_true(kp_slice_equal(binary(&opened->signals[0]->digest), example("digest")));
    assert_true(kp_slice_equal(binary(&opened->batch_message_id),
                               binary(&open_frame("batch-frame")->message_id)));
}

static void the_check_of_the_example_is_one_and_its_answer_is_padded(void **state)
{
    (void)state;
    const Knooppunt__V1__Envelope *frame = open_frame("check-frame");
    assert_int_equal(frame->body_case, KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_CHECK);
    assert_int_equal(frame->known_check->requester_type,
                     KNOOPPUNT__V1__REQUESTER_TYPE__REQUESTER_TYPE_LIAISON);
    assert_int_equal(frame->known_check->reason,
                     KNOOPPUNT__V1__CHECK_REASON__CHECK_REASON_BASISTAKEN_ZVH);
    assert_string_equal(frame->known_check->person->surname, "Jansen");
    assert_false(frame->known_check->person->has_role);

    static const uint8_t zeros[KP_KNOWN_ANSWER_BYTES];
    struct kp_slice start = example("answer-start");
    struct kp_slice all = joined(start, kp_slice_of(zeros, KP_KNOWN_ANSWER_BYTES - start.size));
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open(&knooppunt__v1__known_answer__descriptor, &kp_gate_frame, all,
                                   &arena, &message, NULL, NULL),
                     KP_OK);
    const Knooppunt__V1__KnownAnswer *answer = (const Knooppunt__V1__KnownAnswer *)message;
    assert_true(kp_slice_equal(binary(&answer->check_message_id), binary(&frame->message_id)));
    assert_true(answer->known);
    assert_int_equal(answer->n_contacts, 1);
    assert_string_equal(answer->contacts[0]->partner, "Politie");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_in_the_table_as_it_is),
        cmocka_unit_test(every_limit_is_in_the_table_as_it_is),
        cmocka_unit_test(every_message_is_told),
        cmocka_unit_test(the_batch_of_the_example_verifies),
        cmocka_unit_test(the_receipt_of_the_example_verifies_and_no_altered_one),
        cmocka_unit_test(the_check_of_the_example_is_one_and_its_answer_is_padded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
