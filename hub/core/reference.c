/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Three kinds of rows in one table: under the reference's tag the newest, under a tag made of it
 * and a version an older one, under a tag made of it and "held" the list of the held ones.
 */
#include "core/reference.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/crypto.h"

#include <string.h>

#define HAS_HELD 0x80u /* in the byte of the state */
#define HELD_BYTES (8u + 8u + KP_TAG_BYTES + 1u)

static struct kp_slice slice_of_tag(const uint8_t *tag)
{
    return kp_slice_of(tag, KP_TAG_BYTES);
}

static void derive_tag(const uint8_t *reference_tag, struct kp_slice what,
                       uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(slice_of_tag(reference_tag), what, KP_SLICE_EMPTY, digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

static void version_tag(const uint8_t *reference_tag, uint64_t version,
                        uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t number[8];
    struct kp_writer writer;
    kp_writer_init(&writer, number, sizeof number);
    kp_put_u64(&writer, version);
    derive_tag(reference_tag, kp_writer_slice(&writer), ret_tag);
}

bool kp_reference_get(struct kp_txn *txn, const uint8_t *reference_tag,
                      struct kp_reference *ret_reference)
{
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_REFERENCE, slice_of_tag(reference_tag), &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t state = kp_get_u8(&reader);
    ret_reference->state = (enum kp_reference_state)(state & ~HAS_HELD);
    ret_reference->has_held = (state & HAS_HELD) != 0;
    ret_reference->position = kp_get_u64(&reader);
    ret_reference->version = kp_get_u64(&reader);
    struct kp_slice tag = kp_get_raw(&reader, KP_TAG_BYTES);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the row of a reference does not decode");
        return false;
    }
    memcpy(ret_reference->content_tag, tag.bytes, KP_TAG_BYTES);
    return true;
}

void kp_reference_put(struct kp_txn *txn, const uint8_t *reference_tag,
                      const struct kp_reference *reference)
{
    uint8_t bytes[1 + 8 + 8 + KP_TAG_BYTES];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer,
              (uint8_t)((uint32_t)reference->state | (reference->has_held ? HAS_HELD : 0)));
    kp_put_u64(&writer, reference->position);
    kp_put_u64(&writer, reference->version);
    kp_put_raw(&writer, slice_of_tag(reference->content_tag));
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_REFERENCE, slice_of_tag(reference_tag), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

bool kp_reference_get_older(struct kp_txn *txn, const uint8_t *reference_tag, uint64_t version,
                            struct kp_reference *ret_reference)
{
    uint8_t tag[KP_TAG_BYTES];
    version_tag(reference_tag, version, tag);
    return kp_reference_get(txn, tag, ret_reference);
}

void kp_reference_put_older(struct kp_txn *txn, const uint8_t *reference_tag,
                            const struct kp_reference *older)
{
    uint8_t tag[KP_TAG_BYTES];
    struct kp_reference row = *older;
    row.has_held = false;
    version_tag(reference_tag, older->version, tag);
    kp_reference_put(txn, tag, &row);
}

uint32_t kp_reference_held(struct kp_txn *txn, const uint8_t *reference_tag,
                           const struct kp_reference *reference,
                           struct kp_reference_held ret_held[KP_REFERENCE_HELD_MAX])
{
    uint8_t tag[KP_TAG_BYTES];
    struct kp_slice value;
    uint32_t count = 0;
    derive_tag(reference_tag, KP_SLICE_LIT("held"), tag);
    if (reference == NULL || !reference->has_held ||
        !kp_txn_get(txn, KP_TABLE_REFERENCE, slice_of_tag(tag), &value)) {
        return 0;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    while (count < KP_REFERENCE_HELD_MAX && count < value.size / HELD_BYTES) {
        struct kp_reference_held *held = &ret_held[count++];
        held->position = kp_get_u64(&reader);
        held->version = kp_get_u64(&reader);
        memcpy(held->content_tag, kp_get_raw(&reader, KP_TAG_BYTES).bytes, KP_TAG_BYTES);
        held->conflict = kp_get_u8(&reader) != 0;
    }
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the held ones of a reference do not decode");
        return 0;
    }
    return count;
}

static void put_list(struct kp_txn *txn, const uint8_t *tag, const struct kp_reference_held *held,
                     uint32_t count)
{
    uint8_t bytes[KP_REFERENCE_HELD_MAX * HELD_BYTES];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    for (uint32_t i = 0; i < count; i++) {
        kp_put_u64(&writer, held[i].position);
        kp_put_u64(&writer, held[i].version);
        kp_put_raw(&writer, slice_of_tag(held[i].content_tag));
        kp_put_u8(&writer, held[i].conflict ? 1 : 0);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_REFERENCE, slice_of_tag(tag), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

void kp_reference_hold(struct kp_txn *txn, const uint8_t *reference_tag,
                       struct kp_reference *reference, const struct kp_reference_held *held,
                       uint32_t count)
{
    uint8_t tag[KP_TAG_BYTES];
    derive_tag(reference_tag, KP_SLICE_LIT("held"), tag);
    if (count > 0) {
        put_list(txn, tag, held, count);
    } else if (reference->has_held) {
        (void)kp_txn_del(txn, KP_TABLE_REFERENCE, slice_of_tag(tag)); /* it was listed */
    }
    reference->has_held = count > 0;
    if (reference->state == KP_REFERENCE_HELD && count == 0) {
        (void)kp_txn_del(txn, KP_TABLE_REFERENCE, slice_of_tag(reference_tag)); /* as found */
        return;
    }
    if (reference->state == KP_REFERENCE_HELD) {
        reference->position = held[count - 1].position;
    }
    kp_reference_put(txn, reference_tag, reference);
}
