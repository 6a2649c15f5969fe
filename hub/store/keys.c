/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/keys.h"

#include "base/assert.h"

#include <string.h>

struct kp_key kp_key_none(void)
{
    return (struct kp_key){.size = 0};
}

static struct kp_key append_number(struct kp_key key, uint64_t part, size_t part_bytes)
{
    KP_ASSERT(part_bytes <= sizeof key.bytes - key.size);
    for (size_t i = 0; i < part_bytes; i++) {
        key.bytes[key.size + i] = (uint8_t)(part >> (8 * (part_bytes - 1 - i)));
    }
    key.size += part_bytes;
    return key;
}

struct kp_key kp_key_u8(struct kp_key key, uint8_t part)
{
    return append_number(key, part, sizeof part);
}

struct kp_key kp_key_u16(struct kp_key key, uint16_t part)
{
    return append_number(key, part, sizeof part);
}

struct kp_key kp_key_u64(struct kp_key key, uint64_t part)
{
    return append_number(key, part, sizeof part);
}

struct kp_key kp_key_raw(struct kp_key key, struct kp_slice part)
{
    KP_ASSERT(part.size <= sizeof key.bytes - key.size);
    if (part.size > 0) {
        memcpy(key.bytes + key.size, part.bytes, part.size);
    }
    key.size += part.size;
    return key;
}

struct kp_slice kp_key_slice(const struct kp_key *key)
{
    return kp_slice_of(key->bytes, key->size);
}
