/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/foreseen.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 65536u
#define NOTES 262144u /* several times the rows that are changed while one waits to be taken */
#define LOCKS 32u     /* fewer than a thread may hold under the sanitizer */
#define KEY_BYTES_MAX 24u
#define VALUE_BYTES_MAX 4096u
#define BYTES_MAX (8u << 20) /* of all values */

struct slot {
    uint64_t number; /* 0: empty */
    uint8_t *value;
    uint32_t size;
    uint8_t table, key_size, key[KEY_BYTES_MAX];
    bool found;
};

struct kp_foreseen {
    atomic_size_t bytes;
    pthread_mutex_t locks[LOCKS]; /* of the slots */
    struct slot slots[SLOTS];
    uint64_t notes[NOTES]; /* the last transaction that changed one of its rows; the writer's */
};

struct kp_foreseen *kp_foreseen_new(void)
{
    struct kp_foreseen *foreseen = calloc(1, sizeof *foreseen);
    KP_ASSERT(foreseen != NULL);
    for (uint32_t i = 0; i < LOCKS; i++) {
        KP_ASSERT(pthread_mutex_init(&foreseen->locks[i], NULL) == 0);
    }
    return foreseen;
}

struct kp_foreseen *kp_foreseen_free(struct kp_foreseen *foreseen)
{
    if (foreseen != NULL) {
        for (uint32_t i = 0; i < SLOTS; i++) {
            free(foreseen->slots[i].value);
        }
        for (uint32_t i = 0; i < LOCKS; i++) {
            (void)pthread_mutex_destroy(&foreseen->locks[i]);
        }
        free(foreseen);
    }
    return NULL;
}

static struct slot *lock_slot(struct kp_foreseen *foreseen, uint64_t hash)
{
    (void)pthread_mutex_lock(&foreseen->locks[hash % SLOTS % LOCKS]);
    return &foreseen->slots[hash % SLOTS];
}

static void unlock_slot(struct kp_foreseen *foreseen, uint64_t hash)
{
    (void)pthread_mutex_unlock(&foreseen->locks[hash % SLOTS % LOCKS]);
}

/* By other bits than the slot: who shares a slot need not share a note. */
static uint64_t *note_of(struct kp_foreseen *foreseen, uint64_t hash)
{
    return &foreseen->notes[(hash >> 32) % NOTES];
}

/* The value, which is the caller's. */
static uint8_t *empty(struct kp_foreseen *foreseen, struct slot *slot)
{
    uint8_t *value = slot->value;
    (void)atomic_fetch_sub(&foreseen->bytes, slot->size);
    slot->number = 0;
    slot->value = NULL;
    slot->size = 0;
    return value;
}

/* What stood there is gone in any case, so that what nobody takes does not stay. */
void kp_foreseen_put(struct kp_foreseen *foreseen, struct kp_row_place place, uint64_t hash,
                     uint64_t number, bool found, struct kp_slice value)
{
    bool fits = place.key.size <= KEY_BYTES_MAX && value.size <= VALUE_BYTES_MAX &&
                atomic_load(&foreseen->bytes) <= BYTES_MAX;
    uint8_t *copy = fits && value.size > 0 ? malloc(value.size) : NULL;
    struct slot *slot = lock_slot(foreseen, hash);
    free(empty(foreseen, slot));
    if (fits && (copy != NULL || value.size == 0)) {
        *slot = (struct slot){.number = number,
                              .value = copy,
                              .size = (uint32_t)value.size,
                              .table = (uint8_t)place.table,
                              .key_size = (uint8_t)place.key.size,
                              .found = found};
        memcpy(slot->key, place.key.bytes, place.key.size);
        if (copy != NULL) {
            memcpy(copy, value.bytes, value.size);
        }
        (void)atomic_fetch_add(&foreseen->bytes, value.size);
    }
    unlock_slot(foreseen, hash);
}

void kp_foreseen_change(struct kp_foreseen *foreseen, uint64_t hash, uint64_t number)
{
    *note_of(foreseen, hash) = number;
}

static bool is_of(const struct slot *slot, struct kp_row_place place)
{
    return slot->number != 0 && slot->table == (uint8_t)place.table &&
           kp_slice_equal(kp_slice_of(slot->key, slot->key_size), place.key);
}

bool kp_foreseen_take(struct kp_foreseen *foreseen, struct kp_row_place place, uint64_t hash,
                      struct kp_foreseen_row *ret_row)
{
    struct slot *slot = lock_slot(foreseen, hash);
    bool here = is_of(slot, place);
    bool current = here && slot->number >= *note_of(foreseen, hash);
    if (here) {
        *ret_row = (struct kp_foreseen_row){.found = slot->found, .size = slot->size};
        ret_row->value = empty(foreseen, slot);
    }
    unlock_slot(foreseen, hash);
    if (here && !current) {
        free(ret_row->value);
    }
    return current;
}
