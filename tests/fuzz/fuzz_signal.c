/* SPDX-License-Identifier: EUPL-1.2 */
/* One encoded Signal: decoding it, and cutting it into its head and its persons, which must tile it
 * and be messages of their own. */
#include "base/assert.h"
#include "base/limits.h"
#include "proto/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must_open(struct kp_slice part, struct kp_arena *arena, size_t persons)
{
    ProtobufCMessage *message = NULL;
    KP_ASSERT(kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal, part, arena,
                            &message, NULL, NULL) == KP_OK);
    KP_ASSERT(((const Knooppunt__V1__Signal *)message)->n_persons == persons);
}

static void check_parts(struct kp_slice signal, size_t person_count, struct kp_arena *arena)
{
    struct kp_slice head;
    struct kp_slice parts[KP_SIGNAL_PERSONS_MAX];
    uint32_t count = 0;
    enum kp_err err = kp_codec_split_signal(signal, &head, parts, KP_SIGNAL_PERSONS_MAX, &count);
    if (person_count > KP_SIGNAL_PERSONS_MAX) {
        KP_ASSERT(err == KP_E_LIMIT);
        return;
    }
    KP_ASSERT(err == KP_OK);
    KP_ASSERT(count == person_count);
    must_open(head, arena, 0);
    size_t size = head.size;
    for (uint32_t i = 0; i < count; i++) {
        KP_ASSERT(parts[i].bytes == signal.bytes + size);
        size += parts[i].size;
        must_open(parts[i], arena, 1);
    }
    KP_ASSERT(size == signal.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct kp_slice signal = {bytes, size};
    struct kp_arena arena;
    kp_arena_init(&arena, 16u << 20);
    ProtobufCMessage *message = NULL;
    if (kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal, signal, &arena, &message,
                      NULL, NULL) == KP_OK) {
        KP_ASSERT(kp_slice_equal(kp_codec_pack(&arena, message), signal));
        check_parts(signal, ((const Knooppunt__V1__Signal *)message)->n_persons, &arena);
    } else {
        /* Splitting is for signals that were opened, but must survive any other. */
        struct kp_slice head;
        struct kp_slice parts[2];
        uint32_t count;
        (void)kp_codec_split_signal(signal, &head, parts, 2, &count);
    }
    kp_arena_done(&arena);
    return 0;
}
