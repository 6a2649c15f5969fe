/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/slice.h"

#include <string.h>

struct kp_slice kp_slice_of(const void *bytes, size_t size)
{
    return (struct kp_slice){.bytes = bytes, .size = size};
}

struct kp_slice kp_slice_str(const char *text)
{
    return text == NULL ? KP_SLICE_EMPTY : kp_slice_of(text, strlen(text));
}

bool kp_slice_equal(struct kp_slice a, struct kp_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

int kp_slice_compare(struct kp_slice a, struct kp_slice b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.bytes, b.bytes, shared);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

bool kp_slice_equal_secret(struct kp_slice a, struct kp_slice b)
{
    if (a.size != b.size) {
        return false;
    }
    uint8_t difference = 0;
    for (size_t i = 0; i < a.size; i++) {
        difference |= (uint8_t)(a.bytes[i] ^ b.bytes[i]);
    }
    return difference == 0;
}
