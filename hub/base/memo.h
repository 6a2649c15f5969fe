/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A bounded memory of small values that never change, by numbers that are never used again, shared
 * by threads: what is found in it is what would be read, only sooner. Memory is taken as it fills.
 */
#ifndef KP_BASE_MEMO_H
#define KP_BASE_MEMO_H

#include "base/slice.h"

#define KP_MEMO_BYTES_MAX 118u /* of a larger value nothing is kept */

struct kp_memo;

/* Room for @slots_max values (a power of two, KP_MEMO_SLOTS_MIN at least), 128 bytes each; it
 * begins small and doubles as it fills. */
#define KP_MEMO_SLOTS_MIN 512u
struct kp_memo *kp_memo_new(uint32_t slots_max);
/* Wipes it. Returns NULL. */
struct kp_memo *kp_memo_free(struct kp_memo *memo);

/* Copied to @ret_bytes, KP_MEMO_BYTES_MAX. false: it is not known here. Any thread, as the rest. */
bool kp_memo_get(struct kp_memo *memo, uint64_t id, uint8_t *ret_bytes, size_t *ret_size);
/* Another one may have to go for it. */
void kp_memo_put(struct kp_memo *memo, uint64_t id, struct kp_slice value);
/* The value is gone: wiped, and whoever still sees it elsewhere does not bring it back. */
void kp_memo_forget(struct kp_memo *memo, uint64_t id);

#endif
