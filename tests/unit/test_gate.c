/* SPDX-License-Identifier: EUPL-1.2 */
/* The gate: each code at its exact limit, each fault with its place and field, and bombs that take
 * no memory. */
#include "base/limits.h"
#include "proto/gate.h"
#include "wire_samples.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ENVELOPE (&knooppunt__v1__envelope__descriptor)
#define SIGNAL (&knooppunt__v1__signal__descriptor)

/* Room for one frame beyond the largest. */
static uint8_t bytes[KP_FRAME_BYTES_MAX + 64];
static struct kp_writer writer;
static struct kp_arena arena;

static int set_up(void **state)
{
    (void)state;
    kp_arena_init(&arena, 64u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    return 0;
}

static int start_over(void **state)
{
    (void)state;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_arena_done(&arena);
    kp_arena_init(&arena, 64u << 20);
    return 0;
}

/* What the gate says, after seeing that the codec says the same and takes no memory to refuse. */
static enum kp_err judge(const ProtobufCMessageDescriptor *type, const struct kp_gate *gate,
                         struct kp_slice encoded)
{
    enum kp_err err = kp_gate_check(type, gate, KP_GATE_STRICT, encoded, NULL, NULL);
    kp_arena_reset(&arena);
    size_t used_max_before = arena.used_max;
    ProtobufCMessage *message = NULL;
    assert_int_equal(kp_codec_open(type, gate, encoded, &arena, &message, NULL, NULL), err);
    if (err != KP_OK) {
        assert_null(message);
        assert_int_equal(arena.used_max, used_max_before);
        assert_int_equal(arena.used, 0);
    }
    return err;
}

static enum kp_err judge_written(const ProtobufCMessageDescriptor *type, const struct kp_gate *gate)
{
    assert_true(kp_writer_ok(&writer));
    return judge(type, gate, kp_writer_slice(&writer));
}

/* An Envelope of exactly @size bytes: a query with a large attachment. */
static void write_envelope_of(size_t size)
{
    size_t attachment = size - 4 - 4; /* two heads: tag (1 or 2) and length (3 or 2 bytes) */
    kp_writer_init(&writer, bytes, sizeof bytes);
    for (;; attachment--) {
        writer.size = 0;
        memset(bytes, 'x', attachment);
        size_t inner = kp_wire_wrap(bytes, attachment, sizeof bytes, 3);
        writer.size = kp_wire_wrap(bytes, inner, sizeof bytes, 24);
        if (writer.size == size) {
            return;
        }
        assert_true(writer.size > size);
    }
}

static void a_frame_may_be_as_large_as_the_limit(void **state)
{
    (void)state;
    write_envelope_of(KP_FRAME_BYTES_MAX);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_OK);
    write_envelope_of(KP_FRAME_BYTES_MAX + 1);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_FRAME_SIZE);
}

static void a_signal_may_be_as_large_as_the_limit(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t text = KP_SIGNAL_BYTES_MAX - 4 + extra;
        memset(bytes, 'x', text);
        writer.size = kp_wire_wrap(bytes, text, sizeof bytes, 14);
        assert_int_equal(writer.size, KP_SIGNAL_BYTES_MAX + extra);
        assert_int_equal(judge_written(SIGNAL, &kp_gate_signal),
                         extra == 0 ? KP_OK : KP_E_FRAME_SIZE);
    }
}

static void write_hello_with_schemas(uint32_t count)
{
    kp_writer_init(&writer, bytes, sizeof bytes);
    memset(bytes, 1, count);
    size_t size = kp_wire_wrap(bytes, count, sizeof bytes, 1);
    writer.size = kp_wire_wrap(bytes, size, sizeof bytes, 16);
}

static void packed_elements_count(void **state)
{
    (void)state;
    /* One value is the Hello itself. */
    write_hello_with_schemas(KP_FIELDS_MAX - 1);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_OK);
    write_hello_with_schemas(KP_FIELDS_MAX);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_FIELD_COUNT);
}

static void texts_and_messages_count(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < KP_SIGNAL_FIELDS_MAX; i++) {
        kp_wire_bytes(&writer, 9, KP_SLICE_EMPTY);
    }
    assert_int_equal(judge_written(SIGNAL, &kp_gate_signal), KP_OK);
    size_t texts_size = writer.size;
    kp_wire_bytes(&writer, 17, KP_SLICE_EMPTY);
    assert_int_equal(judge_written(SIGNAL, &kp_gate_signal), KP_E_FIELD_COUNT);
    writer.size = texts_size;
    kp_wire_number(&writer, 16, 1);
    assert_int_equal(judge_written(SIGNAL, &kp_gate_signal), KP_E_FIELD_COUNT);
}

static void depth_counts_the_outermost_as_one(void **state)
{
    (void)state;
    struct kp_sample answer;
    assert_true(kp_sample_load("Envelope.answer.hex", &answer));
    /* Envelope, Answer, Section, Row, Value. */
    struct kp_gate gate = kp_gate_frame;
    gate.depth_max = 5;
    assert_int_equal(judge(answer.type, &gate, kp_slice_of(answer.bytes, answer.size)), KP_OK);
    gate.depth_max = 4;
    assert_int_equal(judge(answer.type, &gate, kp_slice_of(answer.bytes, answer.size)), KP_E_DEPTH);
}

/* @levels messages in one another; where they stop, a text. */
static void write_nested(uint32_t levels, uint32_t number)
{
    kp_writer_init(&writer, bytes, sizeof bytes);
    bytes[0] = 'x';
    writer.size = 1;
    for (uint32_t i = 0; i < levels; i++) {
        writer.size = kp_wire_wrap(bytes, writer.size, sizeof bytes, number);
    }
}

static void nesting_too_deep_has_its_own_code(void **state)
{
    (void)state;
    /* Nothing on the wire is eight deep, so the deepest that is allowed is refused as unknown. */
    write_nested(KP_DEPTH_MAX, 16);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_NOT_CANONICAL);
    write_nested(KP_DEPTH_MAX + 1, 16);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_DEPTH);
    /* Field 3 of an Envelope is bytes, and field 1 a number. */
    write_nested(KP_DEPTH_MAX + 1, 3);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_OK);
    write_nested(KP_DEPTH_MAX, 1);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_MALFORMED);
    write_nested(KP_DEPTH_MAX + 1, 1);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_DEPTH);
}

static void fifty_eight_kilobytes_of_nesting(void **state)
{
    (void)state;
    for (uint32_t number = 1; number <= 30; number++) {
        kp_writer_init(&writer, bytes, sizeof bytes);
        while (writer.size < 58000) {
            writer.size = kp_wire_wrap(bytes, writer.size, sizeof bytes, number);
        }
        for (size_t i = 0; i < sizeof kp_sample_types / sizeof kp_sample_types[0]; i++) {
            (void)judge_written(kp_sample_types[i], &kp_gate_frame);
        }
        if (number == 20 || number == 23) {
            assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_DEPTH);
        }
    }
}

static void a_mebibyte_of_empty_fields_takes_no_memory(void **state)
{
    (void)state;
    /* Section.rows: two bytes each, unpacked 96 times as large. */
    size_t payload = KP_FRAME_BYTES_MAX - 16;
    for (size_t i = 0; i < payload; i += 2) {
        bytes[i] = 0x12;
        bytes[i + 1] = 0;
    }
    size_t section = kp_wire_wrap(bytes, payload, sizeof bytes, 4);
    writer.size = kp_wire_wrap(bytes, section, sizeof bytes, 25);
    assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_E_FIELD_COUNT);
    assert_int_equal(arena.used_max, 0);
}

static void as_many_fields_as_allowed_stay_within_eight_mebibytes(void **state)
{
    (void)state;
    static const uint32_t path[][3] = {
        {25, 4, 2},  /* Answer.sections.rows */
        {18, 1, 0},  /* SubmitBatch.signals */
        {17, 11, 0}, /* Welcome.mailboxes */
        {22, 2, 0},  /* Deliver.deliveries */
        {24, 2, 0},  /* Query.arguments */
    };
    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
        uint32_t wraps = path[i][2] != 0 ? 2 : 1;
        kp_writer_init(&writer, bytes, sizeof bytes);
        for (uint32_t value = 0; value < KP_FIELDS_MAX - wraps; value++) {
            kp_wire_bytes(&writer, path[i][wraps], KP_SLICE_EMPTY);
        }
        for (uint32_t wrap = wraps; wrap-- > 0;) {
            writer.size = kp_wire_wrap(bytes, writer.size, sizeof bytes, path[i][wrap]);
        }
        assert_int_equal(judge_written(ENVELOPE, &kp_gate_frame), KP_OK);
    }
    assert_in_range(arena.used_max, 1u << 20, 8u << 20);
}

struct fault {
    const ProtobufCMessageDescriptor *type;
    struct kp_slice encoded;
    enum kp_err err;
    uint32_t offset;
    const char *field; /* innermost known */
};

static const struct fault faults[] = {
    /* Structure. */
    {ENVELOPE, KP_SLICE_LIT("\x80"), KP_E_MALFORMED, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x08"), KP_E_MALFORMED, 1, "schema"},
    {ENVELOPE, KP_SLICE_LIT("\x08\x80"), KP_E_MALFORMED, 1, "schema"},
    {ENVELOPE, KP_SLICE_LIT("\x12\x02."), KP_E_MALFORMED, 1, "message_id"},
    {ENVELOPE, KP_SLICE_LIT("\x82\x01\x03\x12\x02."), KP_E_MALFORMED, 4, "client"},
    {ENVELOPE, KP_SLICE_LIT("\x00\x01"), KP_E_MALFORMED, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x0b"), KP_E_MALFORMED, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x0c"), KP_E_MALFORMED, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x0e\x01"), KP_E_MALFORMED, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x80\x80\x80\x80\x10\x01"), KP_E_MALFORMED, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x0d...."), KP_E_MALFORMED, 0, "schema"},
    {ENVELOPE, KP_SLICE_LIT("\x09........"), KP_E_MALFORMED, 0, "schema"},
    {ENVELOPE, KP_SLICE_LIT("\x10\x01"), KP_E_MALFORMED, 0, "message_id"},
    {ENVELOPE, KP_SLICE_LIT("\x80\x01\x01"), KP_E_MALFORMED, 0, "hello"},
    {SIGNAL, KP_SLICE_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), KP_E_MALFORMED, 1,
     "version"},
    {SIGNAL, KP_SLICE_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"), KP_E_MALFORMED, 1,
     "version"},
    {SIGNAL, KP_SLICE_LIT("\x52\x02\x01\x80"), KP_E_MALFORMED, 3, "leefgebieden"},
    /* Unknown fields, of every kind, outside and inside. */
    {ENVELOPE, KP_SLICE_LIT("\x08\x01\x28\x01"), KP_E_NOT_CANONICAL, 2, ""},
    {ENVELOPE, KP_SLICE_LIT("\x08\x01\x2a\x00"), KP_E_NOT_CANONICAL, 2, ""},
    {ENVELOPE, KP_SLICE_LIT("\x08\x01\x2d...."), KP_E_NOT_CANONICAL, 2, ""},
    {ENVELOPE, KP_SLICE_LIT("\x08\x01\x29........"), KP_E_NOT_CANONICAL, 2, ""},
    {ENVELOPE, KP_SLICE_LIT("\xf8\xff\xff\xff\x0f\x01"), KP_E_NOT_CANONICAL, 0, ""},
    {ENVELOPE, KP_SLICE_LIT("\x82\x01\x02\x28\x01"), KP_E_NOT_CANONICAL, 3, "hello"},
    {SIGNAL, KP_SLICE_LIT("\x92\x01\x04\x5a\x02\x20\x01"), KP_E_NOT_CANONICAL, 5, "birth_date"},
    /* Order and repetition. */
    {SIGNAL, KP_SLICE_LIT("\x18\x01\x10\x01"), KP_E_NOT_CANONICAL, 2, "version"},
    {SIGNAL, KP_SLICE_LIT("\x10\x01\x10\x01"), KP_E_NOT_CANONICAL, 2, "version"},
    {SIGNAL, KP_SLICE_LIT("\x0a\x01\x61\x0a\x01\x61"), KP_E_NOT_CANONICAL, 3, "reference"},
    {SIGNAL, KP_SLICE_LIT("\x2a\x00\x2a\x00"), KP_E_NOT_CANONICAL, 2, "incident_date"},
    {SIGNAL, KP_SLICE_LIT("\x52\x01\x01\x52\x01\x02"), KP_E_NOT_CANONICAL, 3, "leefgebieden"},
    {SIGNAL, KP_SLICE_LIT("\x4a\x01\x61\x58\x01\x4a\x01\x61"), KP_E_NOT_CANONICAL, 5, "themes"},
    {ENVELOPE, KP_SLICE_LIT("\x82\x01\x00\x8a\x01\x00"), KP_E_NOT_CANONICAL, 3, "welcome"},
    /* Numbers. */
    {SIGNAL, KP_SLICE_LIT("\x90\x00\x01"), KP_E_NOT_CANONICAL, 0, ""},
    {SIGNAL, KP_SLICE_LIT("\x10\x81\x00"), KP_E_NOT_CANONICAL, 1, "version"},
    {SIGNAL, KP_SLICE_LIT("\x0a\x81\x00\x61"), KP_E_NOT_CANONICAL, 1, "reference"},
    {SIGNAL, KP_SLICE_LIT("\x80\x01\x02"), KP_E_NOT_CANONICAL, 2, "feedback_requested"},
    {SIGNAL, KP_SLICE_LIT("\x58\x80\x80\x80\x80\x10"), KP_E_NOT_CANONICAL, 1, "severity"},
    {SIGNAL, KP_SLICE_LIT("\x18\x80\x80\x80\x80\x08"), KP_E_NOT_CANONICAL, 1, "action"},
    {SIGNAL, KP_SLICE_LIT("\x18\xff\xff\xff\xff\xf7\xff\xff\xff\xff\x01"), KP_E_NOT_CANONICAL, 1,
     "action"},
    /* Packed, or not. */
    {SIGNAL, KP_SLICE_LIT("\x50\x01"), KP_E_NOT_CANONICAL, 0, "leefgebieden"},
    {SIGNAL, KP_SLICE_LIT("\x52\x00"), KP_E_NOT_CANONICAL, 1, "leefgebieden"},
    {SIGNAL, KP_SLICE_LIT("\x52\x02\x81\x00"), KP_E_NOT_CANONICAL, 2, "leefgebieden"},
    {SIGNAL, KP_SLICE_LIT("\x55...."), KP_E_MALFORMED, 0, "leefgebieden"},
    {SIGNAL, KP_SLICE_LIT("\x48\x01"), KP_E_MALFORMED, 0, "themes"},
    /* Texts: the place is that of the bad sequence. */
    {SIGNAL, KP_SLICE_LIT("\x0a\x03\x61\x00\x62"), KP_E_UTF8, 3, "reference"},
    {SIGNAL, KP_SLICE_LIT("\x0a\x02\xc0\x80"), KP_E_UTF8, 2, "reference"},
    {SIGNAL, KP_SLICE_LIT("\x92\x01\x04\x3a\x02\x61\xff"), KP_E_UTF8, 6, "surname"},
};

static void each_fault_has_its_code_place_and_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct fault *fault = &faults[i];
        uint32_t offset = UINT32_MAX;
        struct kp_diag diag = {0};
        ProtobufCMessage *message = NULL;
        enum kp_err err = kp_codec_open(fault->type, &kp_gate_frame, fault->encoded, &arena,
                                        &message, &offset, &diag);
        if (err != fault->err || offset != fault->offset || strcmp(diag.field, fault->field) != 0) {
            fail_msg("fault %zu: %s at %u in \"%s\": %s", i, kp_err_name(err), offset, diag.field,
                     diag.text);
        }
        assert_null(message);
        assert_int_equal(diag.err, err);
    }
}

static void what_is_only_unusual_passes(void **state)
{
    (void)state;
    const struct fault good[] = {
        {ENVELOPE, KP_SLICE_LIT(""), KP_OK, 0, ""},
        {ENVELOPE, {NULL, 0}, KP_OK, 0, ""},
        {ENVELOPE, KP_SLICE_LIT("\x12\x00\x1a\x00\x22\x00"), KP_OK, 0, ""},
        {ENVELOPE, KP_SLICE_LIT("\x12\x02\x00\xff"), KP_OK, 0, ""}, /* bytes are not a text */
        {SIGNAL, KP_SLICE_LIT("\x4a\x00\x4a\x00\x52\x01\x01"), KP_OK, 0, ""},
        {SIGNAL, KP_SLICE_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), KP_OK, 0, ""},
        {SIGNAL, KP_SLICE_LIT("\x58\xff\xff\xff\xff\x0f"), KP_OK, 0, ""},
        /* Enum values that this version does not know: the largest and the smallest. */
        {SIGNAL, KP_SLICE_LIT("\x18\xff\xff\xff\xff\x07"), KP_OK, 0, ""},
        {SIGNAL, KP_SLICE_LIT("\x18\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01"), KP_OK, 0, ""},
        {SIGNAL, KP_SLICE_LIT("\x80\x01\x00"), KP_OK, 0, ""},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(judge(good[i].type, &kp_gate_frame, good[i].encoded), KP_OK);
    }
}

static enum kp_err judge_text(const uint8_t *text, size_t size)
{
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_wire_bytes(&writer, 1, kp_slice_of(text, size));
    return kp_gate_check(SIGNAL, &kp_gate_signal, KP_GATE_STRICT, kp_writer_slice(&writer), NULL,
                         NULL);
}

static size_t encode_point(uint32_t point, size_t size, uint8_t *ret_text)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; point >>= 6) {
        ret_text[i] = (uint8_t)(0x80 | (point & 0x3f));
    }
    ret_text[0] = (uint8_t)(lead[size] | point);
    return size;
}

static void every_code_point_in_its_shortest_form_only(void **state)
{
    (void)state;
    static const uint32_t end_of_size[] = {1, 0x80, 0x800, 0x10000, 0x200000};
    for (size_t size = 1; size <= 4; size++) {
        for (uint32_t point = 0; point < end_of_size[size]; point++) {
            uint8_t text[4];
            bool good = point >= end_of_size[size - 1] && point <= 0x10ffff &&
                        (point < 0xd800 || point > 0xdfff);
            enum kp_err err = judge_text(text, encode_point(point, size, text));
            if (err != (good ? KP_OK : KP_E_UTF8)) {
                fail_msg("U+%04X in %zu bytes: %s", point, size, kp_err_name(err));
            }
        }
    }
}

static void cut_and_stray_sequences_are_no_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc3",
                                      "\xc3\x28",
                                      "\xe2\x82",
                                      "\xe2\x28\xa1",
                                      "\xe2\x82\x28",
                                      "\xf0\x9f\x9a",
                                      "\xf0\x9f\x28\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "\xc3\xa9\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(judge_text((const uint8_t *)bad[i], strlen(bad[i])), KP_E_UTF8);
    }
}

/* Eight bytes are looked at together where they are plain: every bad byte at every place. */
static void no_byte_hides_among_plain_ones(void **state)
{
    (void)state;
    uint8_t text[25];
    memset(text, 'x', sizeof text);
    for (size_t at = 0; at < sizeof text; at++) {
        for (unsigned byte = 0; byte <= 0xff; byte++) {
            text[at] = (uint8_t)byte;
            assert_int_equal(judge_text(text, sizeof text),
                             byte >= 1 && byte <= 0x7f ? KP_OK : KP_E_UTF8);
        }
        text[at] = 'x';
    }
}

static uint32_t check_type(const ProtobufCMessageDescriptor *type, uint32_t depth);

static uint32_t check_field(const ProtobufCMessageDescriptor *type, unsigned index, uint32_t depth)
{
    const ProtobufCFieldDescriptor *field = &type->fields[index];
    bool prefixed = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES ||
                    field->type == PROTOBUF_C_TYPE_MESSAGE;
    bool number = field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_UINT64 ||
                  field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_BOOL ||
                  field->type == PROTOBUF_C_TYPE_ENUM;
    assert_true(prefixed || number);
    assert_true(field->label == PROTOBUF_C_LABEL_OPTIONAL ||
                field->label == PROTOBUF_C_LABEL_REPEATED);
    assert_null(field->default_value);
    bool packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    assert_int_equal(packed, number && field->label == PROTOBUF_C_LABEL_REPEATED);
    /* Once a member of the choice was there, only members follow. */
    bool after_choice =
        index > 0 && (type->fields[index - 1].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    if (after_choice) {
        assert_true((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0);
        assert_int_equal(field->id, type->fields[index - 1].id + 1);
        assert_int_equal(field->quantifier_offset, type->fields[index - 1].quantifier_offset);
    }
    return field->type == PROTOBUF_C_TYPE_MESSAGE ? check_type(field->descriptor, depth + 1)
                                                  : depth;
}

static uint32_t check_type(const ProtobufCMessageDescriptor *type, uint32_t depth)
{
    assert_in_range(depth, 1, KP_DEPTH_MAX);
    assert_in_range(type->n_fields, 1, 64);
    uint32_t deepest = depth;
    for (unsigned i = 0; i < type->n_fields; i++) {
        uint32_t below = check_field(type, i, depth);
        deepest = below > deepest ? below : deepest;
    }
    return deepest;
}

static void the_messages_keep_the_rules_of_the_wire(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kp_sample_types / sizeof kp_sample_types[0]; i++) {
        (void)check_type(kp_sample_types[i], 1);
    }
    assert_int_equal(check_type(ENVELOPE, 1), 5);
    assert_int_equal(check_type(&knooppunt__v1__receipt_body__descriptor, 1), 2);
    /* kp_codec_split_signal knows this number, and that nothing follows. */
    const ProtobufCFieldDescriptor *last = &SIGNAL->fields[SIGNAL->n_fields - 1];
    assert_string_equal(last->name, "persons");
    assert_int_equal(last->id, 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_frame_may_be_as_large_as_the_limit, start_over),
        cmocka_unit_test_setup(a_signal_may_be_as_large_as_the_limit, start_over),
        cmocka_unit_test_setup(packed_elements_count, start_over),
        cmocka_unit_test_setup(texts_and_messages_count, start_over),
        cmocka_unit_test_setup(depth_counts_the_outermost_as_one, start_over),
        cmocka_unit_test_setup(nesting_too_deep_has_its_own_code, start_over),
        cmocka_unit_test_setup(fifty_eight_kilobytes_of_nesting, start_over),
        cmocka_unit_test_setup(a_mebibyte_of_empty_fields_takes_no_memory, start_over),
        cmocka_unit_test_setup(as_many_fields_as_allowed_stay_within_eight_mebibytes, start_over),
        cmocka_unit_test_setup(each_fault_has_its_code_place_and_field, start_over),
        cmocka_unit_test_setup(what_is_only_unusual_passes, start_over),
        cmocka_unit_test_setup(every_code_point_in_its_shortest_form_only, start_over),
        cmocka_unit_test_setup(cut_and_stray_sequences_are_no_text, start_over),
        cmocka_unit_test_setup(no_byte_hides_among_plain_ones, start_over),
        cmocka_unit_test_setup(the_messages_keep_the_rules_of_the_wire, start_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
