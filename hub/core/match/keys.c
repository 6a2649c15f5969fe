/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/keys.h"

#include <string.h>

void kp_match_key_narrow(const uint8_t *tag, const uint8_t *narrowing,
                         uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(kp_slice_of(tag, KP_TAG_BYTES), kp_slice_of(narrowing, KP_TAG_BYTES), KP_SLICE_EMPTY,
              digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

static void get_tag(struct kp_reader *reader, uint8_t ret_tag[KP_TAG_BYTES])
{
    struct kp_slice bytes = kp_get_raw(reader, KP_KEY_TAG_BYTES);
    memset(ret_tag, 0, KP_TAG_BYTES);
    if (bytes.size > 0) {
        memcpy(ret_tag, bytes.bytes, bytes.size);
    }
}

void kp_match_keys_put(struct kp_writer *writer, const struct kp_match_keys *keys)
{
    kp_put_u8(writer, (uint8_t)keys->count);
    for (uint32_t i = 0; i < keys->count; i++) {
        kp_put_u8(writer, keys->keys[i].kind);
        kp_put_raw(writer, kp_slice_of(keys->keys[i].tag, KP_KEY_TAG_BYTES));
    }
    for (uint32_t i = 0; i < KP_NARROWINGS; i++) {
        kp_put_raw(writer, kp_slice_of(keys->narrowings[i], KP_KEY_TAG_BYTES));
    }
}

void kp_match_keys_get(struct kp_reader *reader, struct kp_match_keys *ret_keys)
{
    uint32_t count = kp_get_u8(reader);
    ret_keys->count = count > KP_KEYS_MAX ? 0 : count;
    if (count > KP_KEYS_MAX) {
        reader->underflow = true;
    }
    for (uint32_t i = 0; i < ret_keys->count; i++) {
        ret_keys->keys[i].kind = kp_get_u8(reader);
        get_tag(reader, ret_keys->keys[i].tag);
    }
    for (uint32_t i = 0; i < KP_NARROWINGS; i++) {
        get_tag(reader, ret_keys->narrowings[i]);
    }
}
