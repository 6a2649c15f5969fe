/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Between bytes on the wire and messages in memory. The only header that includes the generated
 * ones. Messages that are unpacked live in the caller's arena; nothing is freed one by one.
 */
#ifndef KP_PROTO_CODEC_H
#define KP_PROTO_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include "knooppunt/v1/envelope.pb-c.h"
#include "knooppunt/v1/event.pb-c.h"
#include "knooppunt/v1/identity.pb-c.h"
#include "knooppunt/v1/known.pb-c.h"
#include "knooppunt/v1/signal.pb-c.h"

struct kp_gate {
    uint32_t bytes_max;
    uint32_t depth_max;
    uint32_t fields_max; /* values counted over the whole message, before anything is unpacked */
};
extern const struct kp_gate kp_gate_frame;  /* an Envelope from a counterpart */
extern const struct kp_gate kp_gate_signal; /* one encoded Signal */

/*
 * The gate and the decoder for what others send to the hub. In this order, and before any memory is
 * taken: size, structure, depth, number of fields, UTF-8 without NUL in texts, no unknown fields;
 * then unpack, then pack(unpack(x)) == x byte for byte.
 *
 * @type         descriptor, e.g. &knooppunt__v1__envelope__descriptor
 * @ret_message  in @arena; cast to the generated type
 * @reterr_offset  byte at which the fault lies; set on failure (0 where it has no place); may be
 * NULL
 *
 * KP_E_FRAME_SIZE, KP_E_DEPTH, KP_E_FIELD_COUNT, KP_E_MALFORMED, KP_E_NOT_CANONICAL, KP_E_UTF8 ·
 * KP_E_LIMIT  arena full Any thread. diag->field names the innermost known field.
 */
KP_MUST_CHECK enum kp_err kp_codec_open(const ProtobufCMessageDescriptor *type,
                                        const struct kp_gate *gate, struct kp_slice bytes,
                                        struct kp_arena *arena, ProtobufCMessage **ret_message,
                                        uint32_t *reterr_offset, struct kp_diag *reterr_diag);

/* For a client: the same limits, but unknown fields and another field order are accepted (a newer
 * hub). */
KP_MUST_CHECK enum kp_err kp_codec_open_tolerant(const ProtobufCMessageDescriptor *type,
                                                 const struct kp_gate *gate, struct kp_slice bytes,
                                                 struct kp_arena *arena,
                                                 ProtobufCMessage **ret_message,
                                                 struct kp_diag *reterr_diag);

size_t kp_codec_size(const ProtobufCMessage *message);
/* Append the canonical encoding to @writer (sticky overflow). */
void kp_codec_put(struct kp_writer *writer, const ProtobufCMessage *message);
/* The canonical encoding in @arena; the empty slice when the arena is full. */
struct kp_slice kp_codec_pack(struct kp_arena *arena, const ProtobufCMessage *message);

/* Where the persons of an encoded, canonical Signal start: everything before is its head.
 * *ret_count <= @parts_max. Each part is the whole field: tag, length and PersonMention.
 * KP_E_MALFORMED, KP_E_LIMIT */
KP_MUST_CHECK enum kp_err kp_codec_split_signal(struct kp_slice signal, struct kp_slice *ret_head,
                                                struct kp_slice *ret_parts, uint32_t parts_max,
                                                uint32_t *ret_count);

#endif
