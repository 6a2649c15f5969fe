/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Memory for one batch or one message: allocated once, handed out in pieces, reset at the end.
 * Exhaustion is sticky and gives NULL; the owner checks kp_arena_ok once and answers KP_E_LIMIT.
 * One thread. Under AddressSanitizer every piece is a real malloc, so overruns are seen.
 */
#ifndef KP_BASE_ARENA_H
#define KP_BASE_ARENA_H

#include "base/slice.h"

struct kp_arena {
    uint8_t *bytes;
    size_t used, capacity;
    size_t used_max; /* since init: the high-water mark, for sizing */
    bool exhausted;
    void *pieces; /* AddressSanitizer builds only: list of the real allocations */
};

/* Aborts when the memory cannot be had (start only). Release with kp_arena_done. */
void kp_arena_init(struct kp_arena *arena, size_t capacity);
void kp_arena_done(struct kp_arena *arena);
/* 16-byte aligned, zeroed; NULL when exhausted. Lives until reset or restore to an earlier mark. */
void *kp_arena_alloc(struct kp_arena *arena, size_t size);
/* Copy of @bytes in the arena; the empty slice when exhausted. */
struct kp_slice kp_arena_copy(struct kp_arena *arena, struct kp_slice bytes);
void kp_arena_reset(struct kp_arena *arena);
/* Savepoint for trial work. */
size_t kp_arena_mark(const struct kp_arena *arena);
void kp_arena_restore(struct kp_arena *arena, size_t mark);
bool kp_arena_ok(const struct kp_arena *arena);

#endif
