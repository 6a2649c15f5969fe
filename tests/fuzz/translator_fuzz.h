/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A whole export through one translator. What must hold for any bytes: an answer of the three that
 * the contract names; records numbered from 1, each with either a signal or a diagnosis; a signal
 * that the hub's own gate accepts; a diagnosis without line ends. The rest is for the sanitizers.
 */
#ifndef KP_TESTS_TRANSLATOR_FUZZ_H
#define KP_TESTS_TRANSLATOR_FUZZ_H

#include "base/assert.h"
#include "runtime/translator.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct fuzz_run {
    struct kp_arena gate;
    uint32_t records;
};

static bool fuzz_sink(void *context, const struct kp_record *record)
{
    struct fuzz_run *run = context;
    KP_ASSERT(record->number == ++run->records);
    KP_ASSERT(record->line > 0);
    KP_ASSERT(strnlen(record->reference, sizeof record->reference) <= KP_REFERENCE_BYTES_MAX);
    if (record->signal == NULL) {
        KP_ASSERT(record->diag.err != KP_OK);
        KP_ASSERT(record->diag.text[0] != '\0');
        KP_ASSERT(strpbrk(record->diag.text, "\r\n") == NULL);
        KP_ASSERT(strpbrk(record->diag.field, "\r\n") == NULL);
        return true;
    }
    KP_ASSERT(record->diag.err == KP_OK);
    kp_arena_reset(&run->gate);
    struct kp_slice packed = kp_codec_pack(&run->gate, &record->signal->base);
    KP_ASSERT(packed.size > 0 && packed.size <= KP_SIGNAL_BYTES_MAX);
    ProtobufCMessage *message = NULL;
    struct kp_diag diag;
    KP_ASSERT(kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal, packed, &run->gate,
                            &message, NULL, &diag) == KP_OK);
    return true;
}

static int fuzz_translator(const struct kp_translator *translator, const uint8_t *bytes,
                           size_t size)
{
    struct fuzz_run run = {.records = 0};
    struct kp_arena arena;
    kp_arena_init(&run.gate, 4u << 20);
    kp_arena_init(&arena, 1u << 20);
    const struct kp_translate_job job = {{bytes, size},
                                         &arena,
                                         fuzz_sink,
                                         &run,
                                         /* test_mode= */ true};
    struct kp_diag diag = {0};
    enum kp_err err = translator->translate(&job, &diag);
    KP_ASSERT(err == KP_OK || err == KP_E_FILE || err == KP_E_ENCODING);
    KP_ASSERT(diag.err == err);
    kp_arena_done(&arena);
    kp_arena_done(&run.gate);
    return 0;
}

#endif
