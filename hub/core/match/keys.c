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
