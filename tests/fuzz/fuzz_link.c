/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A registration as a CSV file, as `knooppunt link` reads it: any bytes. Every form that comes out
 * of it can be encoded and read back as it was, has its keys, and is as like another one as the
 * other is like it.
 */
#include "base/assert.h"
#include "base/crypto.h"
#include "core/match/score.h"
#include "intake/keys.h"
#include "link/table.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
    uint8_t bytes[KP_FORM_BYTES_MAX];
    size_t size;
};

static struct kp_hmac *hmac;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct kp_secret key = {{0}};
    struct kp_diag diag;
    (void)argc;
    (void)argv;
    KP_ASSERT(kp_crypto_init(&diag) == KP_OK);
    hmac = kp_hmac_new(&key);
    return 0;
}

static void check_symmetric(const struct kp_form *a, const struct kp_form *b)
{
    struct kp_match_model model;
    struct kp_match_score there;
    struct kp_match_score back;
    kp_match_model_init(&model, 20000);
    kp_match_score(&model, a, b, &there);
    kp_match_score(&model, b, a, &back);
    KP_ASSERT(memcmp(&there, &back, sizeof there) == 0);
}

static void on_row(void *context, uint32_t line, struct kp_slice id, const struct kp_form *form)
{
    struct seen *before = context;
    struct seen now;
    struct kp_writer writer;
    struct kp_reader reader;
    struct kp_form other;
    struct kp_match_keys keys;
    KP_ASSERT(line > 1 && id.size > 0 && id.size <= KP_LINK_ID_BYTES_MAX);
    kp_writer_init(&writer, now.bytes, sizeof now.bytes);
    kp_form_put(&writer, form);
    KP_ASSERT(kp_writer_ok(&writer));
    now.size = writer.size;
    kp_reader_init(&reader, kp_slice_of(now.bytes, now.size));
    kp_form_get(&reader, &other);
    KP_ASSERT(kp_reader_done(&reader));
    uint8_t again[KP_FORM_BYTES_MAX];
    kp_writer_init(&writer, again, sizeof again);
    kp_form_put(&writer, &other);
    KP_ASSERT(writer.size == now.size && memcmp(again, now.bytes, now.size) == 0);
    kp_keys_of(hmac, form, &keys);
    KP_ASSERT(keys.count <= KP_KEYS_MAX);
    if (before->size > 0) {
        kp_reader_init(&reader, kp_slice_of(before->bytes, before->size));
        kp_form_get(&reader, &other);
        check_symmetric(form, &other);
    }
    *before = now;
}

static void on_fault(void *context, uint32_t line, bool left_out, const char *why)
{
    (void)context;
    (void)left_out;
    KP_ASSERT(line > 0 && why[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct kp_link_map map = {0};
    struct kp_diag diag;
    struct seen before = {.size = 0};
    struct kp_link_sink sink = {on_row, on_fault, &before};
    (void)kp_link_read(kp_slice_of(bytes, size), &map, &sink, &diag); /* refused is fine */
    return 0;
}
