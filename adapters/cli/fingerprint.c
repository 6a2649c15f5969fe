/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/fingerprint.h"

#include "base/crypto.h"

#include <stdio.h>

void kp_fingerprint(struct kp_slice bytes, char ret_text[KP_FINGERPRINT_TEXT_SIZE])
{
    uint8_t digest[KP_SHA256_BYTES];
    char *text = ret_text;
    kp_sha256(bytes, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    for (size_t i = 0; i < sizeof digest; i += 2) {
        (void)snprintf(text, 6, "%s%02x%02x", i == 0 ? "" : " ", digest[i], digest[i + 1]);
        text += i == 0 ? 4 : 5;
    }
}
