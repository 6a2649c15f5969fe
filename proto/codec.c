/* SPDX-License-Identifier: EUPL-1.2 */
#include "proto/codec.h"

#include "base/assert.h"
#include "base/limits.h"
#include "proto/gate.h"

static void *arena_alloc(void *arena, size_t size)
{
    return kp_arena_alloc(arena, size);
}

/* The arena is reset as a whole. */
static void arena_free(void *arena, void *piece)
{
    (void)arena;
    (void)piece;
}

static enum kp_err unpack(const ProtobufCMessageDescriptor *type, struct kp_slice bytes,
                          struct kp_arena *arena, ProtobufCMessage **ret_message,
                          struct kp_diag *reterr_diag)
{
    static const uint8_t nothing[1];
    ProtobufCAllocator allocator = {
        .alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, bytes.size,
                                                          bytes.size == 0 ? nothing : bytes.bytes);
    if (!kp_arena_ok(arena)) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory left to unpack a %s of %zu bytes",
                       type->short_name, bytes.size);
    }
    if (message == NULL) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "not a %s", type->short_name);
    }
    *ret_message = message;
    return KP_OK;
}

enum kp_err kp_codec_open(const ProtobufCMessageDescriptor *type, const struct kp_gate *gate,
                          struct kp_slice bytes, struct kp_arena *arena,
                          ProtobufCMessage **ret_message, uint32_t *reterr_offset,
                          struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_gate_check(type, gate, KP_GATE_STRICT, bytes, reterr_offset, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = unpack(type, bytes, arena, ret_message, reterr_diag);
    if (err != KP_OK && reterr_offset != NULL) {
        *reterr_offset = 0;
    }
    return err;
}

enum kp_err kp_codec_open_tolerant(const ProtobufCMessageDescriptor *type,
                                   const struct kp_gate *gate, struct kp_slice bytes,
                                   struct kp_arena *arena, ProtobufCMessage **ret_message,
                                   struct kp_diag *reterr_diag)
{
    enum kp_err err =
        kp_gate_check(type, gate, KP_GATE_TOLERANT, bytes, /* reterr_offset= */ NULL, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    return unpack(type, bytes, arena, ret_message, reterr_diag);
}

size_t kp_codec_size(const ProtobufCMessage *message)
{
    return protobuf_c_message_get_packed_size(message);
}

void kp_codec_put(struct kp_writer *writer, const ProtobufCMessage *message)
{
    size_t size = kp_codec_size(message);
    uint8_t *space = kp_put_space(writer, size);
    if (space != NULL) {
        KP_ASSERT(protobuf_c_message_pack(message, space) == size);
    }
}

struct kp_slice kp_codec_pack(struct kp_arena *arena, const ProtobufCMessage *message)
{
    size_t size = kp_codec_size(message);
    uint8_t *space = kp_arena_alloc(arena, size);
    if (space == NULL) {
        return KP_SLICE_EMPTY;
    }
    KP_ASSERT(protobuf_c_message_pack(message, space) == size);
    return kp_slice_of(space, size);
}

/* Tag of Signal.persons: field 18, length-prefixed. */
#define PERSONS_NUMBER 18u
#define PERSONS_TAG (PERSONS_NUMBER << 3 | 2u)

/* First offset after the top-level field at @offset, or 0; *ret_tag its tag. */
static uint32_t field_end(struct kp_slice bytes, uint32_t offset, uint64_t *ret_tag)
{
    uint32_t end = (uint32_t)bytes.size;
    uint32_t taken = kp_gate_varint(bytes.bytes, offset, end, ret_tag);
    uint32_t at = offset + taken;
    uint64_t value;
    uint32_t value_size = taken == 0 ? 0 : kp_gate_varint(bytes.bytes, at, end, &value);
    if (value_size == 0) {
        return 0;
    }
    at += value_size;
    switch (*ret_tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return at;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return value > end - at ? 0 : at + (uint32_t)value;
    default:
        return 0; /* a Signal has no fixed-width numbers */
    }
}

enum kp_err kp_codec_split_signal(struct kp_slice signal, struct kp_slice *ret_head,
                                  struct kp_slice *ret_parts, uint32_t parts_max,
                                  uint32_t *ret_count)
{
    if (signal.size > KP_SIGNAL_BYTES_MAX) {
        return KP_E_LIMIT;
    }
    uint32_t offset = 0;
    uint32_t head_size = 0;
    uint32_t count = 0;
    while (offset < signal.size) {
        uint64_t tag = 0;
        uint32_t end = field_end(signal, offset, &tag);
        if (end == 0 || (tag != PERSONS_TAG && (count > 0 || tag >> 3 > PERSONS_NUMBER))) {
            return KP_E_MALFORMED;
        }
        if (tag != PERSONS_TAG) {
            head_size = end;
        } else if (count == parts_max) {
            return KP_E_LIMIT;
        } else {
            ret_parts[count++] = kp_slice_of(signal.bytes + offset, end - offset);
        }
        offset = end;
    }
    *ret_head = kp_slice_of(signal.bytes, head_size);
    *ret_count = count;
    return KP_OK;
}
