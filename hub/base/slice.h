/* SPDX-License-Identifier: EUPL-1.2 */
/* Borrowed bytes: a pointer and a size that travel together. */
#ifndef KP_BASE_SLICE_H
#define KP_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kp_slice {
    const uint8_t *bytes;
    size_t size;
};

#define KP_SLICE_EMPTY ((struct kp_slice){NULL, 0})
/* Slice over a string literal or array of char, without its NUL. */
#define KP_SLICE_LIT(s) ((struct kp_slice){(const uint8_t *)(s), sizeof(s) - 1})

struct kp_slice kp_slice_of(const void *bytes, size_t size);
/* @text  NUL-terminated; NULL gives the empty slice. */
struct kp_slice kp_slice_str(const char *text);
bool kp_slice_equal(struct kp_slice a, struct kp_slice b);
/* Order of the bytes as unsigned, shorter first when one is the start of the other. */
int kp_slice_compare(struct kp_slice a, struct kp_slice b);
/* Same size and content, in time that depends on the sizes only. */
bool kp_slice_equal_secret(struct kp_slice a, struct kp_slice b);

#endif
