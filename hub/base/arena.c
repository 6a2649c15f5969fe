/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/arena.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define KP_ARENA_REAL_PIECES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KP_ARENA_REAL_PIECES 1
#endif
#endif
#ifndef KP_ARENA_REAL_PIECES
#define KP_ARENA_REAL_PIECES 0
#endif

/* One real allocation; @mark is the arena's fill before it, so that restore can release it. */
struct piece {
    struct piece *next;
    size_t mark;
    _Alignas(16) uint8_t bytes[];
};

void kp_arena_init(struct kp_arena *arena, size_t capacity)
{
    *arena = (struct kp_arena){.capacity = capacity};
    if (!KP_ARENA_REAL_PIECES) {
        arena->bytes = aligned_alloc(64, (capacity + 63) / 64 * 64);
        KP_ASSERT(arena->bytes != NULL);
    }
}

void kp_arena_done(struct kp_arena *arena)
{
    kp_arena_restore(arena, 0);
    free(arena->bytes);
    *arena = (struct kp_arena){0};
}

static void *real_piece(struct kp_arena *arena, size_t size, size_t mark)
{
    struct piece *piece = calloc(1, sizeof *piece + size);
    KP_ASSERT(piece != NULL);
    piece->next = arena->pieces;
    piece->mark = mark;
    arena->pieces = piece;
    return piece->bytes;
}

void *kp_arena_alloc(struct kp_arena *arena, size_t size)
{
    size_t rounded = (size + 15) / 16 * 16;
    if (arena->exhausted || rounded < size || rounded > arena->capacity - arena->used) {
        arena->exhausted = true;
        return NULL;
    }
    size_t mark = arena->used;
    arena->used += rounded;
    if (arena->used > arena->used_max) {
        arena->used_max = arena->used;
    }
    if (KP_ARENA_REAL_PIECES) {
        return real_piece(arena, size, mark);
    }
    return memset(arena->bytes + mark, 0, rounded);
}

struct kp_slice kp_arena_copy(struct kp_arena *arena, struct kp_slice bytes)
{
    if (bytes.size == 0) {
        return KP_SLICE_EMPTY;
    }
    void *copy = kp_arena_alloc(arena, bytes.size);
    if (copy == NULL) {
        return KP_SLICE_EMPTY;
    }
    memcpy(copy, bytes.bytes, bytes.size);
    return kp_slice_of(copy, bytes.size);
}

void kp_arena_reset(struct kp_arena *arena)
{
    kp_arena_restore(arena, 0);
    arena->exhausted = false;
}

size_t kp_arena_mark(const struct kp_arena *arena)
{
    return arena->used;
}

void kp_arena_restore(struct kp_arena *arena, size_t mark)
{
    KP_ASSERT(mark <= arena->used);
    arena->used = mark;
    for (struct piece *piece = arena->pieces; piece != NULL && piece->mark >= mark;) {
        struct piece *next = piece->next;
        free(piece);
        piece = next;
        arena->pieces = piece;
    }
}

bool kp_arena_ok(const struct kp_arena *arena)
{
    return !arena->exhausted;
}
