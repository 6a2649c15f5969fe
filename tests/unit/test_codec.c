/* SPDX-License-Identifier: EUPL-1.2 */
/* The codec: vectors of another encoder, unpacking into an arena, packing, splitting a Signal. */
#include "base/limits.h"
#include "wire_samples.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct kp_sample samples[KP_SAMPLES_MAX];
static size_t sample_count;
static struct kp_arena arena;

static int set_up(void **state)
{
    (void)state;
    kp_arena_init(&arena, 8u << 20);
    sample_count = kp_samples_load(samples);
    return sample_count == 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    return 0;
}

static int reset_arena(void **state)
{
    (void)state;
    kp_arena_reset(&arena);
    return 0;
}

static struct kp_slice slice_of(const struct kp_sample *sample)
{
    return kp_slice_of(sample->bytes, sample->size);
}

static const Knooppunt__V1__Signal *open_signal(const char *file_name)
{
    static struct kp_sample sample;
    assert_true(kp_sample_load(file_name, &sample));
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open(sample.type, &kp_gate_signal, slice_of(&sample), &arena,
                                   &message, NULL, NULL),
                     KP_OK);
    return (const Knooppunt__V1__Signal *)message;
}

static void vectors_of_another_encoder_come_back_byte_for_byte(void **state)
{
    (void)state;
    assert_in_range(sample_count, 30, KP_SAMPLES_MAX);
    uint32_t types_seen = 0;
    for (size_t i = 0; i < sample_count; i++) {
        kp_arena_reset(&arena);
        ProtobufCMessage *message = NULL;
        struct kp_diag diag = {0};
        enum kp_err err = kp_codec_open(samples[i].type, &kp_gate_frame, slice_of(&samples[i]),
                                        &arena, &message, NULL, &diag);
        if (err != KP_OK) {
            fail_msg("%s: %s: %s", samples[i].name, kp_err_name(err), diag.text);
        }
        assert_ptr_equal(message->descriptor, samples[i].type);
        assert_int_equal(kp_codec_size(message), samples[i].size);
        struct kp_slice packed = kp_codec_pack(&arena, message);
        assert_true(kp_slice_equal(packed, slice_of(&samples[i])));
        for (size_t type = 0; type < sizeof kp_sample_types / sizeof kp_sample_types[0]; type++) {
            types_seen |= samples[i].type == kp_sample_types[type] ? 1u << type : 0;
        }
    }
    assert_int_equal(types_seen, (1u << sizeof kp_sample_types / sizeof kp_sample_types[0]) - 1);
}

static void values_arrive_as_they_were_meant(void **state)
{
    (void)state;
    const Knooppunt__V1__Signal *signal = open_signal("Signal.full.hex");
    assert_string_equal(signal->reference, "PL1300-2026-000123");
    assert_true(signal->has_version);
    assert_int_equal(signal->version, 3);
    assert_int_equal(signal->kind, KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_HUISELIJK_GEWELD);
    assert_int_equal(signal->registered_at_ms, 1795500000123);
    assert_int_equal(signal->incident_date->day, 3);
    assert_int_equal(signal->n_themes, 2);
    assert_string_equal(signal->themes[1], "veelplegers");
    assert_int_equal(signal->n_leefgebieden, 2);
    assert_int_equal(signal->leefgebieden[0], KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_RELATIES);
    assert_int_equal(signal->n_answers, 2);
    assert_string_equal(signal->answers[1]->answer, "");
    assert_int_equal(signal->n_persons, 2);
    assert_string_equal(signal->persons[0]->surname, "W\303\266lfsma-\304\262sbrand");
    assert_false(signal->persons[1]->birth_date->has_month);
    assert_null(signal->persons[1]->address);

    signal = open_signal("Signal.extremes.hex");
    assert_true(signal->version == UINT64_MAX);
    assert_true(signal->registered_at_ms == INT64_MIN);
    assert_true(signal->severity == UINT32_MAX);

    signal = open_signal("Signal.nothing.hex");
    assert_null(signal->reference);
    assert_false(signal->has_version);
}

static void absent_and_empty_stay_different(void **state)
{
    (void)state;
    const Knooppunt__V1__Signal *signal = open_signal("Signal.empty_values.hex");
    assert_string_equal(signal->reference, "");
    assert_null(signal->summary);
    assert_true(signal->has_feedback_requested);
    assert_false(signal->feedback_requested);
    assert_null(signal->persons[0]->surname);
    assert_string_equal(signal->persons[1]->surname, "");
}

/* An arena of every size below what is needed gives KP_E_LIMIT, and the first that is enough
 * KP_OK. */
static void a_full_arena_is_a_limit(void **state)
{
    (void)state;
    struct kp_sample sample;
    assert_true(kp_sample_load("Signal.full.hex", &sample));
    bool fitted = false;
    for (size_t capacity = 16; !fitted; capacity += 16) {
        assert_in_range(capacity, 16, 1u << 16);
        struct kp_arena small;
        kp_arena_init(&small, capacity);
        ProtobufCMessage *message = NULL;
        uint32_t offset = 7;
        enum kp_err err = kp_codec_open(sample.type, &kp_gate_signal, slice_of(&sample), &small,
                                        &message, &offset, NULL);
        fitted = err == KP_OK;
        if (!fitted) {
            assert_int_equal(err, KP_E_LIMIT);
            assert_null(message);
            assert_int_equal(offset, 0);
            assert_false(kp_arena_ok(&small));
        }
        kp_arena_done(&small);
    }
}

static void packing_into_too_little_room_overflows(void **state)
{
    (void)state;
    const Knooppunt__V1__Signal *signal = open_signal("Signal.typical.hex");
    size_t size = kp_codec_size(&signal->base);
    uint8_t bytes[4096];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size - 1);
    kp_codec_put(&writer, &signal->base);
    assert_false(kp_writer_ok(&writer));

    kp_writer_init(&writer, bytes, size + 1);
    kp_put_u8(&writer, 0xee);
    kp_codec_put(&writer, &signal->base);
    assert_true(kp_writer_ok(&writer));
    struct kp_sample sample;
    assert_true(kp_sample_load("Signal.typical.hex", &sample));
    assert_memory_equal(bytes + 1, sample.bytes, size);

    struct kp_arena small;
    kp_arena_init(&small, 64);
    assert_int_equal(kp_codec_pack(&small, &signal->base).size, 0);
    assert_false(kp_arena_ok(&small));
    kp_arena_done(&small);
}

static void a_newer_hub_is_understood(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_wire_bytes(&writer, 200, KP_SLICE_LIT("\xff\x00 anything"));
    kp_wire_number(&writer, 2, 9); /* Ack.seq before Ack.mailbox */
    kp_wire_bytes(&writer, 1, KP_SLICE_LIT("om"));
    kp_wire_tag(&writer, 201, 1);
    kp_put_u64(&writer, 1);
    kp_wire_tag(&writer, 202, 5);
    kp_put_u32(&writer, 1);
    kp_wire_number(&writer, 203, UINT64_MAX);
    struct kp_slice encoded = kp_writer_slice(&writer);
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open_tolerant(&knooppunt__v1__ack__descriptor, &kp_gate_frame,
                                            encoded, &arena, &message, NULL),
                     KP_OK);
    const Knooppunt__V1__Ack *ack = (const Knooppunt__V1__Ack *)message;
    assert_string_equal(ack->mailbox, "om");
    assert_int_equal(ack->seq, 9);
    assert_int_equal(ack->base.n_unknown_fields, 4);

    /* The hub takes neither. */
    uint32_t offset = 0;
    assert_int_equal(kp_codec_open(&knooppunt__v1__ack__descriptor, &kp_gate_frame, encoded, &arena,
                                   &message, &offset, NULL),
                     KP_E_NOT_CANONICAL);
    assert_int_equal(offset, 0);
}

static void tolerance_has_the_same_limits(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = &knooppunt__v1__ack__descriptor;
    ProtobufCMessage *message = NULL;
    struct kp_gate three = {.bytes_max = 32, .depth_max = 1, .fields_max = 3};
    static const uint8_t unknown_4[] = {0x80, 0x7d, 1, 0x80, 0x7d, 1, 0x80, 0x7d, 1, 0x80, 0x7d, 1};
    assert_int_equal(
        kp_codec_open_tolerant(type, &three, kp_slice_of(unknown_4, 9), &arena, &message, NULL),
        KP_OK);
    assert_int_equal(
        kp_codec_open_tolerant(type, &three, kp_slice_of(unknown_4, 12), &arena, &message, NULL),
        KP_E_FIELD_COUNT);
    assert_int_equal(
        kp_codec_open_tolerant(type, &three, KP_SLICE_LIT("\x0a\x01\x00"), &arena, &message, NULL),
        KP_E_UTF8);
    assert_int_equal(kp_codec_open_tolerant(type, &three, KP_SLICE_LIT("\x10\x01\x10\x01"), &arena,
                                            &message, NULL),
                     KP_E_NOT_CANONICAL);
    assert_int_equal(kp_codec_open_tolerant(type, &three, KP_SLICE_LIT("\x82\x7d\x05...."), &arena,
                                            &message, NULL),
                     KP_E_MALFORMED);
    assert_int_equal(kp_codec_open_tolerant(type, &three, KP_SLICE_LIT("\x81\x7d\x05......"),
                                            &arena, &message, NULL),
                     KP_E_MALFORMED);
    static const uint8_t large[33];
    assert_int_equal(
        kp_codec_open_tolerant(type, &three, kp_slice_of(large, 33), &arena, &message, NULL),
        KP_E_FRAME_SIZE);
}

static void a_signal_is_its_head_and_its_persons(void **state)
{
    (void)state;
    static const struct {
        const char *file_name;
        uint32_t persons;
    } cases[] = {{"Signal.full.hex", 2}, {"Signal.typical.hex", 1},  {"Signal.empty_values.hex", 2},
                 {"Signal.area.hex", 0}, {"Signal.extremes.hex", 0}, {"Signal.nothing.hex", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kp_sample sample;
        assert_true(kp_sample_load(cases[i].file_name, &sample));
        struct kp_slice head;
        struct kp_slice parts[KP_SIGNAL_PERSONS_MAX];
        uint32_t count;
        assert_int_equal(
            kp_codec_split_signal(slice_of(&sample), &head, parts, KP_SIGNAL_PERSONS_MAX, &count),
            KP_OK);
        assert_int_equal(count, cases[i].persons);
        /* Nothing between the parts and nothing left over. */
        assert_ptr_equal(head.bytes, sample.bytes);
        size_t size = head.size;
        for (uint32_t part = 0; part < count; part++) {
            assert_ptr_equal(parts[part].bytes, sample.bytes + size);
            size += parts[part].size;
        }
        assert_int_equal(size, sample.size);
        /* Head and each part are messages of their own. */
        ProtobufCMessage *message = NULL;
        assert_int_equal(
            kp_codec_open(sample.type, &kp_gate_signal, head, &arena, &message, NULL, NULL), KP_OK);
        assert_int_equal(((Knooppunt__V1__Signal *)message)->n_persons, 0);
        for (uint32_t part = 0; part < count; part++) {
            assert_int_equal(kp_codec_open(sample.type, &kp_gate_signal, parts[part], &arena,
                                           &message, NULL, NULL),
                             KP_OK);
            assert_int_equal(((Knooppunt__V1__Signal *)message)->n_persons, 1);
        }
    }
}

static void splitting_keeps_to_its_limits(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_wire_number(&writer, 2, 1);
    for (uint32_t i = 0; i < KP_SIGNAL_PERSONS_MAX; i++) {
        kp_wire_bytes(&writer, 18, KP_SLICE_EMPTY);
    }
    struct kp_slice head;
    struct kp_slice parts[KP_SIGNAL_PERSONS_MAX];
    uint32_t count = 99;
    assert_int_equal(kp_codec_split_signal(kp_writer_slice(&writer), &head, parts,
                                           KP_SIGNAL_PERSONS_MAX, &count),
                     KP_OK);
    assert_int_equal(count, KP_SIGNAL_PERSONS_MAX);
    assert_int_equal(head.size, 2);
    kp_wire_bytes(&writer, 18, KP_SLICE_EMPTY);
    count = 99;
    assert_int_equal(kp_codec_split_signal(kp_writer_slice(&writer), &head, parts,
                                           KP_SIGNAL_PERSONS_MAX, &count),
                     KP_E_LIMIT);
    assert_int_equal(count, 99);

    static const char *const malformed[] = {
        "\x92\x01\x01",             /* a person that is cut off */
        "\x92\x01\x80",             /* its length is cut off */
        "\x92\x01",                 /* no length */
        "\x92\x01\x01\xff\x10\x01", /* a field of the head after a person */
        "\x98\x01\x01",             /* a field after the persons */
        "\x95\x01....",             /* a fixed-width number */
        "\x80",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(kp_codec_split_signal(kp_slice_str(malformed[i]), &head, parts, 1, &count),
                         KP_E_MALFORMED);
    }
    static const uint8_t large[KP_SIGNAL_BYTES_MAX + 1];
    assert_int_equal(
        kp_codec_split_signal(kp_slice_of(large, sizeof large), &head, parts, 1, &count),
        KP_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(vectors_of_another_encoder_come_back_byte_for_byte, reset_arena),
        cmocka_unit_test_setup(values_arrive_as_they_were_meant, reset_arena),
        cmocka_unit_test_setup(absent_and_empty_stay_different, reset_arena),
        cmocka_unit_test_setup(a_full_arena_is_a_limit, reset_arena),
        cmocka_unit_test_setup(packing_into_too_little_room_overflows, reset_arena),
        cmocka_unit_test_setup(a_newer_hub_is_understood, reset_arena),
        cmocka_unit_test_setup(tolerance_has_the_same_limits, reset_arena),
        cmocka_unit_test_setup(a_signal_is_its_head_and_its_persons, reset_arena),
        cmocka_unit_test_setup(splitting_keeps_to_its_limits, reset_arena),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
