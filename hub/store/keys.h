/* SPDX-License-Identifier: EUPL-1.2 */
/* The one builder of keys: fixed-width big-endian parts, so that byte order is numeric order
 * (layouts: tables.def). */
#ifndef KP_STORE_KEYS_H
#define KP_STORE_KEYS_H

#include "base/limits.h"
#include "base/slice.h"

struct kp_key {
    uint8_t bytes[KP_STORE_KEY_BYTES_MAX];
    size_t size;
};

struct kp_key kp_key_none(void);
struct kp_key kp_key_u8(struct kp_key key, uint8_t part);
struct kp_key kp_key_u16(struct kp_key key, uint16_t part);
struct kp_key kp_key_u64(struct kp_key key, uint64_t part);
/* Asserts that it fits. */
struct kp_key kp_key_raw(struct kp_key key, struct kp_slice part);
struct kp_slice kp_key_slice(const struct kp_key *key);

#endif
