/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/sieve.h"

#include "base/assert.h"

#include <stdatomic.h>
#include <stdlib.h>

#define ROWS_PER_WORD 4u /* one in a hundred of the others is let through */

struct kp_sieve {
    atomic_uint references;
    size_t words;
    _Atomic uint64_t bits[];
};

struct kp_sieve *kp_sieve_new(uint64_t rows)
{
    size_t words = (size_t)(rows / ROWS_PER_WORD + 1);
    struct kp_sieve *sieve = calloc(1, sizeof *sieve + words * sizeof sieve->bits[0]);
    KP_ASSERT(sieve != NULL);
    atomic_init(&sieve->references, 1);
    sieve->words = words;
    return sieve;
}

struct kp_sieve *kp_sieve_hold(struct kp_sieve *sieve)
{
    atomic_fetch_add(&sieve->references, 1);
    return sieve;
}

void kp_sieve_release(struct kp_sieve *sieve)
{
    if (sieve != NULL && atomic_fetch_sub(&sieve->references, 1) == 1) {
        free(sieve);
    }
}

/* By the high half of the hash: the low one chooses the bits. */
static size_t word_of(const struct kp_sieve *sieve, uint64_t hash)
{
    return (size_t)((hash >> 32) * sieve->words >> 32);
}

void kp_sieve_note(struct kp_sieve *sieve, uint64_t hash)
{
    (void)atomic_fetch_or_explicit(&sieve->bits[word_of(sieve, hash)], kp_filter_bits(hash),
                                   memory_order_relaxed);
}

void kp_sieve_add(struct kp_sieve *sieve, const struct kp_run *run)
{
    for (uint32_t i = 0; i < run->rows; i++) {
        kp_sieve_note(sieve, kp_place_hash(kp_run_at(run, i).place));
    }
}

void kp_sieve_expect(const struct kp_sieve *sieve, uint64_t hash)
{
    /* The type of an address that is only fetched has no atomics. */
    __builtin_prefetch((const void *)(uintptr_t)&sieve->bits[word_of(sieve, hash)]);
}

bool kp_sieve_may_hold(const struct kp_sieve *sieve, uint64_t hash)
{
    uint64_t bits = kp_filter_bits(hash);
    return (atomic_load_explicit(&sieve->bits[word_of(sieve, hash)], memory_order_relaxed) &
            bits) == bits;
}
