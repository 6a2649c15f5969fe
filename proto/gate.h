/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The gate: one pass over the raw bytes, led by the type's descriptor, before any memory is taken.
 * Part of the codec; others call kp_codec_open.
 */
#ifndef KP_PROTO_GATE_H
#define KP_PROTO_GATE_H

#include "base/err.h"
#include "base/slice.h"
#include "proto/codec.h"

enum kp_gate_mode {
    KP_GATE_STRICT,   /* what the hub receives: canonical, nothing unknown */
    KP_GATE_TOLERANT, /* what a client receives: unknown fields and another field order may pass */
};

/*
 * In strict mode KP_OK means: within the limits, texts are UTF-8 without NUL, no field is unknown,
 * and pack(unpack(x)) == x. tests/unit/test_gate_canonical.c holds the last one against the library
 * itself.
 *
 * @reterr_offset  byte at which the fault lies; set on failure; may be NULL
 *
 * KP_E_FRAME_SIZE, KP_E_MALFORMED, KP_E_DEPTH, KP_E_FIELD_COUNT, KP_E_NOT_CANONICAL, KP_E_UTF8: the
 * first fault in the order of the bytes. Any thread. Cost: one look at each byte, no memory.
 */
KP_MUST_CHECK enum kp_err kp_gate_check(const ProtobufCMessageDescriptor *type,
                                        const struct kp_gate *gate, enum kp_gate_mode mode,
                                        struct kp_slice bytes, uint32_t *reterr_offset,
                                        struct kp_diag *reterr_diag);

/* Length of the varint that starts at @offset and ends before @end (1 to 10), and its value;
 * 0: cut off, or more than 64 bits. */
uint32_t kp_gate_varint(const uint8_t *bytes, uint32_t offset, uint32_t end, uint64_t *ret_value);

#endif
