/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a counterpart, or the hub, can send: the first byte chooses the message, the rest is the
 * frame. Through the strict gate: what passes must pack to the same bytes. Through the tolerant
 * one: what passes must unpack.
 */
#include "base/assert.h"
#include "base/limits.h"
#include "proto/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
    &knooppunt__v1__envelope__descriptor,     &knooppunt__v1__event__descriptor,
    &knooppunt__v1__receipt_body__descriptor, &knooppunt__v1__bundle__descriptor,
    &knooppunt__v1__bundle_body__descriptor,  &knooppunt__v1__enrol_request__descriptor,
    &knooppunt__v1__enrol_body__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const ProtobufCMessageDescriptor *type = types[bytes[0] % (sizeof types / sizeof types[0])];
    struct kp_slice frame = {bytes + 1, size - 1};
    struct kp_arena arena;
    kp_arena_init(&arena, 16u << 20);
    ProtobufCMessage *message = NULL;
    uint32_t offset = UINT32_MAX;
    struct kp_diag diag;
    enum kp_err strict =
        kp_codec_open(type, &kp_gate_frame, frame, &arena, &message, &offset, &diag);
    if (strict == KP_OK) {
        KP_ASSERT(kp_slice_equal(kp_codec_pack(&arena, message), frame));
    } else {
        KP_ASSERT(strict != KP_E_LIMIT);
        KP_ASSERT(offset <= frame.size);
        KP_ASSERT(diag.err == strict);
        KP_ASSERT(arena.used == 0);
    }
    kp_arena_reset(&arena);
    enum kp_err tolerant =
        kp_codec_open_tolerant(type, &kp_gate_frame, frame, &arena, &message, &diag);
    KP_ASSERT(tolerant == KP_OK || strict != KP_OK);
    kp_arena_done(&arena);
    return 0;
}
