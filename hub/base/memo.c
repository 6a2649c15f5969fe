/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* explicit_bzero */

#include "base/memo.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 2u
#define LOCKS 32u /* fewer than a thread may hold under the sanitizer, and than there are sets */
#define GONE 255u /* in place of a size: it was forgotten */

struct slot {
    uint64_t id; /* 0: empty */
    uint8_t size, older;
    uint8_t bytes[KP_MEMO_BYTES_MAX];
};

struct kp_memo {
    atomic_uint taken; /* slots, since it last grew */
    uint32_t sets, sets_max;
    struct slot *slots;
    pthread_mutex_t locks[LOCKS]; /* of the sets; all of them for what stands above */
};

static struct slot *new_slots(uint32_t sets)
{
    struct slot *slots = calloc((size_t)sets * WAYS, sizeof *slots);
    KP_ASSERT(slots != NULL);
    return slots;
}

struct kp_memo *kp_memo_new(uint32_t slots_max)
{
    struct kp_memo *memo = calloc(1, sizeof *memo);
    KP_ASSERT(memo != NULL && slots_max >= KP_MEMO_SLOTS_MIN && (slots_max & (slots_max - 1)) == 0);
    memo->sets = KP_MEMO_SLOTS_MIN / WAYS;
    memo->sets_max = slots_max / WAYS;
    memo->slots = new_slots(memo->sets);
    for (uint32_t i = 0; i < LOCKS; i++) {
        KP_ASSERT(pthread_mutex_init(&memo->locks[i], NULL) == 0);
    }
    return memo;
}

struct kp_memo *kp_memo_free(struct kp_memo *memo)
{
    if (memo == NULL) {
        return NULL;
    }
    explicit_bzero(memo->slots, sizeof *memo->slots * WAYS * memo->sets);
    for (uint32_t i = 0; i < LOCKS; i++) {
        (void)pthread_mutex_destroy(&memo->locks[i]);
    }
    free(memo->slots);
    free(memo);
    return NULL;
}

static uint32_t hash_of(uint64_t id)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The set of the id, locked. A lock is of sets with the same end of the hash, however many there
 * are. */
static struct slot *lock_set(struct kp_memo *memo, uint64_t id)
{
    uint32_t hash = hash_of(id);
    (void)pthread_mutex_lock(&memo->locks[hash % LOCKS]);
    return memo->slots + (size_t)(hash & (memo->sets - 1)) * WAYS;
}

static void unlock_set(struct kp_memo *memo, uint64_t id)
{
    (void)pthread_mutex_unlock(&memo->locks[hash_of(id) % LOCKS]);
}

/* Way of the id; WAYS: it is not there. */
static uint32_t find(const struct slot *slots, uint64_t id)
{
    uint32_t at = 0;
    while (at < WAYS && slots[at].id != id) {
        at++;
    }
    return at;
}

/* Twice the sets: what was in one goes to two, where there is room for all of it. Locked: all. */
static void double_sets(struct kp_memo *memo)
{
    struct slot *slots = new_slots(2 * memo->sets);
    for (size_t i = 0; i < (size_t)memo->sets * WAYS; i++) {
        const struct slot *old = &memo->slots[i];
        struct slot *set = slots + (size_t)(hash_of(old->id) & (2 * memo->sets - 1)) * WAYS;
        if (old->id != 0) {
            set[set[0].id == 0 ? 0 : 1] = *old;
        }
    }
    explicit_bzero(memo->slots, sizeof *memo->slots * WAYS * memo->sets);
    free(memo->slots);
    memo->slots = slots;
    memo->sets *= 2;
    atomic_store(&memo->taken, 0);
}

/* When half as many were taken as there are. */
static void grow(struct kp_memo *memo)
{
    for (uint32_t i = 0; i < LOCKS; i++) {
        (void)pthread_mutex_lock(&memo->locks[i]);
    }
    if (memo->sets < memo->sets_max && atomic_load(&memo->taken) > memo->sets) {
        double_sets(memo);
    }
    for (uint32_t i = 0; i < LOCKS; i++) {
        (void)pthread_mutex_unlock(&memo->locks[i]);
    }
}

bool kp_memo_get(struct kp_memo *memo, uint64_t id, uint8_t *ret_bytes, size_t *ret_size)
{
    struct slot *slots = lock_set(memo, id);
    uint32_t at = find(slots, id);
    bool found = id != 0 && at < WAYS && slots[at].size != GONE;
    if (found) {
        *ret_size = slots[at].size;
        memcpy(ret_bytes, slots[at].bytes, slots[at].size);
        slots[at].older = 0;
        slots[1 - at].older = 1;
    }
    unlock_set(memo, id);
    return found;
}

/* The place for an id that is not there. */
static struct slot *take_place(struct slot *slots)
{
    struct slot *place = slots[0].id == 0 || slots[0].older != 0 ? &slots[0] : &slots[1];
    explicit_bzero(place->bytes, sizeof place->bytes);
    slots[0].older = slots[1].older = 1;
    place->older = 0;
    return place;
}

void kp_memo_put(struct kp_memo *memo, uint64_t id, struct kp_slice value)
{
    if (value.size > KP_MEMO_BYTES_MAX || id == 0) {
        return;
    }
    struct slot *slots = lock_set(memo, id);
    bool taken = find(slots, id) == WAYS; /* else it is the same, or gone */
    bool full = false;
    if (taken) {
        struct slot *place = take_place(slots);
        place->id = id;
        place->size = (uint8_t)value.size;
        memcpy(place->bytes, value.bytes, value.size);
        full = atomic_fetch_add(&memo->taken, 1) >= memo->sets && memo->sets < memo->sets_max;
    }
    unlock_set(memo, id);
    if (full) {
        grow(memo);
    }
}

void kp_memo_forget(struct kp_memo *memo, uint64_t id)
{
    struct slot *slots = lock_set(memo, id);
    uint32_t at = find(slots, id);
    struct slot *place = at < WAYS ? &slots[at] : take_place(slots);
    explicit_bzero(place->bytes, sizeof place->bytes);
    place->id = id;
    place->size = GONE;
    unlock_set(memo, id);
}
