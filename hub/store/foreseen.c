/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/foreseen.h"

#include "base/assert.h"
#include "base/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PLACES                                                                                     \
    262144u       /* several times the rows that wait to be taken, or are changed meanwhile        \
                   */
#define LOCKS 32u /* fewer than a thread may hold under the sanitizer */
#define VALUE_BYTES_MAX 4096u
#define BYTES_MAX (12u << 20) /* of all rows */

_Static_assert(PLACES % LOCKS == 0, "who shares a place shares its lock");

struct row {
    uint64_t number;
    uint32_t size; /* of the value, which follows the key */
    uint8_t table, key_size;
    bool found;
    uint8_t bytes[];
};

struct kp_foreseen {
    atomic_size_t bytes;
    pthread_mutex_t locks[LOCKS]; /* of the rows */
    struct row *rows[PLACES];     /* NULL: none */
    uint64_t notes[PLACES]; /* the last transaction that changed one of its rows; the writer's */
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
        for (uint32_t i = 0; i < PLACES; i++) {
            free(foreseen->rows[i]);
        }
        for (uint32_t i = 0; i < LOCKS; i++) {
            (void)pthread_mutex_destroy(&foreseen->locks[i]);
        }
        free(foreseen);
    }
    return NULL;
}

static size_t bytes_of(const struct row *row)
{
    return sizeof *row + row->key_size + row->size;
}

static struct row **lock_place(struct kp_foreseen *foreseen, uint64_t hash)
{
    (void)pthread_mutex_lock(&foreseen->locks[hash % LOCKS]);
    return &foreseen->rows[hash % PLACES];
}

static void unlock_place(struct kp_foreseen *foreseen, uint64_t hash)
{
    (void)pthread_mutex_unlock(&foreseen->locks[hash % LOCKS]);
}

static struct row *new_row(struct kp_row_place place, uint64_t number, bool found,
                           struct kp_slice value)
{
    KP_ASSERT(place.key.size <= KP_STORE_KEY_BYTES_MAX);
    struct row *row = malloc(sizeof *row + place.key.size + value.size);
    if (row != NULL) {
        row->number = number;
        row->size = (uint32_t)value.size;
        row->table = (uint8_t)place.table;
        row->key_size = (uint8_t)place.key.size;
        row->found = found;
        memcpy(row->bytes, place.key.bytes, place.key.size);
        if (value.size > 0) {
            memcpy(row->bytes + place.key.size, value.bytes, value.size);
        }
    }
    return row;
}

/* What stood there goes in any case, so that what nobody takes does not stay. */
void kp_foreseen_put(struct kp_foreseen *foreseen, struct kp_row_place place, uint64_t hash,
                     uint64_t number, bool found, struct kp_slice value)
{
    bool fits = value.size <= VALUE_BYTES_MAX && atomic_load(&foreseen->bytes) <= BYTES_MAX;
    struct row *row = fits ? new_row(place, number, found, value) : NULL;
    struct row **stands = lock_place(foreseen, hash);
    struct row *old = *stands;
    *stands = row;
    unlock_place(foreseen, hash);
    if (row != NULL) {
        (void)atomic_fetch_add(&foreseen->bytes, bytes_of(row));
    }
    if (old != NULL) {
        (void)atomic_fetch_sub(&foreseen->bytes, bytes_of(old));
    }
    free(old);
}

/* By other bits than the place of the row: who shares that need not share a note. */
static uint64_t *note_of(struct kp_foreseen *foreseen, uint64_t hash)
{
    return &foreseen->notes[(hash >> 32) % PLACES];
}

void kp_foreseen_change(struct kp_foreseen *foreseen, uint64_t hash, uint64_t number)
{
    *note_of(foreseen, hash) = number;
}

void kp_foreseen_expect(const struct kp_foreseen *foreseen, uint64_t hash)
{
    __builtin_prefetch(&foreseen->rows[hash % PLACES]);
}

static bool is_of(const struct row *row, struct kp_row_place place)
{
    return row->table == (uint8_t)place.table &&
           kp_slice_equal(kp_slice_of(row->bytes, row->key_size), place.key);
}

bool kp_foreseen_take(struct kp_foreseen *foreseen, struct kp_row_place place, uint64_t hash,
                      struct kp_foreseen_row *ret_row)
{
    struct row **stands = lock_place(foreseen, hash);
    struct row *row = *stands != NULL && is_of(*stands, place) ? *stands : NULL;
    *stands = row != NULL ? NULL : *stands;
    unlock_place(foreseen, hash);
    if (row == NULL) {
        return false;
    }
    (void)atomic_fetch_sub(&foreseen->bytes, bytes_of(row));
    if (row->number < *note_of(foreseen, hash)) {
        free(row);
        return false;
    }
    *ret_row = (struct kp_foreseen_row){
        .found = row->found,
        .value = kp_slice_of(row->bytes + row->key_size, row->size),
        .memory = row,
    };
    return true;
}
