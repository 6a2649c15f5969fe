/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The gate proves canonicality without packing. Here the library itself is the judge: over samples
 * that are cut, flipped, spliced and shuffled, the gate lets a message pass exactly when
 * protobuf-c unpacks it, finds nothing unknown, holds only UTF-8 texts, and packs it to the same
 * bytes.
 */
#include "proto/gate.h"
#include "wire_samples.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RANDOM_MUTANTS 200000u

static struct kp_sample samples[KP_SAMPLES_MAX];
static size_t sample_count;
static struct kp_arena arena;
static uint32_t passed_count, refused_count;

static int set_up(void **state)
{
    (void)state;
    kp_arena_init(&arena, 4u << 20);
    sample_count = kp_samples_load(samples);
    return sample_count == 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    return 0;
}

static void *take(void *context, size_t size)
{
    return kp_arena_alloc(context, size);
}

static void leave(void *context, void *piece)
{
    (void)context;
    (void)piece;
}

/* By the table of RFC 3629, written apart from the gate's. */
static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != 0) {
        uint32_t point = *at;
        uint32_t more = *at < 0x80       ? 0
                        : *at >> 5 == 6  ? 1
                        : *at >> 4 == 14 ? 2
                        : *at >> 3 == 30 ? 3
                                         : 9;
        static const uint32_t first_of_size[] = {0, 0x80, 0x800, 0x10000};
        if (more == 9) {
            return false;
        }
        point &= more == 0 ? 0x7fu : 0x3fu >> more;
        at++;
        for (uint32_t i = 0; i < more; i++, at++) {
            if (*at >> 6 != 2) {
                return false;
            }
            point = point << 6 | (*at & 0x3fu);
        }
        if (point < first_of_size[more] || point > 0x10ffff ||
            (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
    }
    return true;
}

static bool is_clean(const ProtobufCMessage *message);

static bool is_clean_value(const ProtobufCFieldDescriptor *field, const void *value)
{
    const void *pointer;
    memcpy(&pointer, value, sizeof pointer);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return pointer == NULL || is_utf8(pointer);
    }
    return pointer == NULL || is_clean(pointer);
}

/* Nothing unknown at any depth, and texts in UTF-8. */
static bool is_clean(const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            uint32_t chosen;
            memcpy(&chosen, base + field->quantifier_offset, sizeof chosen);
            if (chosen != field->id) {
                continue;
            }
        }
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (!is_clean_value(field, base + field->offset)) {
                return false;
            }
            continue;
        }
        size_t count;
        const uint8_t *values;
        memcpy(&count, base + field->quantifier_offset, sizeof count);
        memcpy(&values, base + field->offset, sizeof values);
        for (size_t at = 0; at < count; at++) {
            if (!is_clean_value(field, values + at * sizeof(void *))) {
                return false;
            }
        }
    }
    return message->n_unknown_fields == 0;
}

static bool library_agrees(const ProtobufCMessageDescriptor *type, struct kp_slice bytes)
{
    kp_arena_reset(&arena);
    ProtobufCAllocator allocator = {.alloc = take, .free = leave, .allocator_data = &arena};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, bytes.size, bytes.bytes);
    if (message == NULL || !is_clean(message)) {
        return false;
    }
    return kp_slice_equal(kp_codec_pack(&arena, message), bytes);
}

/* A copy of exactly this size, so that AddressSanitizer sees a read past the end. */
static void check(const struct kp_sample *sample, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct kp_slice mutant = kp_slice_of(copy, size);
    uint32_t offset = UINT32_MAX;
    struct kp_diag diag;
    enum kp_err err =
        kp_gate_check(sample->type, &kp_gate_frame, KP_GATE_STRICT, mutant, &offset, &diag);
    bool passed = err == KP_OK;
    if (passed != library_agrees(sample->type, mutant)) {
        for (size_t i = 0; i < size; i++) {
            (void)fprintf(stderr, "%02x", copy[i]);
        }
        fail_msg("\n%s: the gate says %s", sample->name, kp_err_name(err));
    }
    if (!passed) {
        assert_true(err == KP_E_MALFORMED || err == KP_E_NOT_CANONICAL || err == KP_E_UTF8 ||
                    err == KP_E_DEPTH);
        assert_true(offset <= size);
        assert_int_equal(diag.err, err);
    }
    passed_count += passed;
    refused_count += !passed;
    free(copy);
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        for (size_t size = 0; size <= samples[i].size; size++) {
            check(&samples[i], samples[i].bytes, size);
        }
    }
}

static void every_bit_flipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        for (size_t bit = 0; bit < samples[i].size * 8; bit++) {
            samples[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            check(&samples[i], samples[i].bytes, samples[i].size);
            samples[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void every_byte_left_out_or_put_in(void **state)
{
    (void)state;
    static const uint8_t put_in[] = {0x00, 0x01, 0x0a, 0x7f, 0x80, 0xff};
    uint8_t mutant[sizeof samples[0].bytes + 1];
    for (size_t i = 0; i < sample_count; i++) {
        const struct kp_sample *sample = &samples[i];
        for (size_t at = 0; at < sample->size; at++) {
            memcpy(mutant, sample->bytes, at);
            memcpy(mutant + at, sample->bytes + at + 1, sample->size - at - 1);
            check(sample, mutant, sample->size - 1);
            memcpy(mutant + at + 1, sample->bytes + at, sample->size - at);
            for (size_t byte = 0; byte < sizeof put_in; byte++) {
                mutant[at] = put_in[byte];
                check(sample, mutant, sample->size + 1);
            }
        }
    }
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* End of the top-level field at @offset (the sample is well-formed). */
static size_t field_end(const struct kp_sample *sample, size_t offset)
{
    uint64_t tag;
    uint64_t value;
    uint32_t end = (uint32_t)sample->size;
    uint32_t at = (uint32_t)offset + kp_gate_varint(sample->bytes, (uint32_t)offset, end, &tag);
    at += kp_gate_varint(sample->bytes, at, end, &value);
    return (tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ? at + value : at;
}

/* Top-level fields left out, repeated and exchanged: well-formed, mostly not canonical. */
static void fields_shuffled(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    static uint8_t mutant[1u << 16];
    for (size_t i = 0; i < sample_count; i++) {
        const struct kp_sample *sample = &samples[i];
        size_t starts[256];
        size_t count = 0;
        for (size_t at = 0; at < sample->size; at = field_end(sample, at)) {
            starts[count++] = at;
        }
        for (uint32_t round = 0; count > 0 && round < 2000; round++) {
            size_t size = 0;
            for (size_t take_count = 1 + next_random(&random) % 4; take_count > 0; take_count--) {
                size_t from = starts[next_random(&random) % count];
                size_t end = field_end(sample, from);
                memcpy(mutant + size, sample->bytes + from, end - from);
                size += end - from;
            }
            check(sample, mutant, size);
        }
    }
}

/* Bytes overwritten and pieces of one sample put into another of the same type. */
static void spliced_at_random(void **state)
{
    (void)state;
    uint64_t random = 2463534242u;
    static uint8_t mutant[2 * sizeof samples[0].bytes];
    for (uint32_t round = 0; round < RANDOM_MUTANTS; round++) {
        const struct kp_sample *into = &samples[next_random(&random) % sample_count];
        const struct kp_sample *from = &samples[next_random(&random) % sample_count];
        size_t cut = next_random(&random) % (into->size + 1);
        size_t begin = next_random(&random) % (from->size + 1);
        size_t piece = next_random(&random) % (from->size - begin + 1) % 32;
        size_t resume = cut + next_random(&random) % (into->size - cut + 1) % 32;
        memcpy(mutant, into->bytes, cut);
        memcpy(mutant + cut, from->bytes + begin, piece);
        memcpy(mutant + cut + piece, into->bytes + resume, into->size - resume);
        size_t size = cut + piece + into->size - resume;
        if (size > 0 && (round & 1) != 0) {
            mutant[next_random(&random) % size] = (uint8_t)next_random(&random);
        }
        check(into, mutant, size);
    }
}

/* The comparison means something only when both verdicts are frequent. */
static void both_verdicts_were_frequent(void **state)
{
    (void)state;
    assert_in_range(passed_count, 10000, UINT32_MAX);
    assert_in_range(refused_count, 10000, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(every_bit_flipped),
        cmocka_unit_test(every_byte_left_out_or_put_in),
        cmocka_unit_test(fields_shuffled),
        cmocka_unit_test(spliced_at_random),
        cmocka_unit_test(both_verdicts_were_frequent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
