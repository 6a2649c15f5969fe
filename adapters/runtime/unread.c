/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/unread.h"

#include "base/assert.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ROWS (2 * KP_UNREAD_FILES_MAX) /* half of them stay free: a search ends soon */
#define HASH_START UINT64_C(14695981039346656037)
#define HASH_STEP UINT64_C(1099511628211)

_Static_assert((ROWS & (ROWS - 1)) == 0, "the place of a key is its lowest bits");

struct kp_unread *kp_unread_new(void)
{
    struct kp_unread *unread = calloc(1, sizeof *unread);
    KP_ASSERT(unread != NULL);
    return unread;
}

static uint64_t add_number(uint64_t hash, uint64_t number)
{
    for (unsigned i = 0; i < 8; i++) {
        hash = (hash ^ (number >> (8 * i) & 0xff)) * HASH_STEP;
    }
    return hash;
}

uint64_t kp_unread_key(const char *name, const struct stat *status)
{
    uint64_t hash = HASH_START;
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * HASH_STEP;
    }
    hash = add_number(hash, (uint64_t)status->st_ino);
    hash = add_number(hash, (uint64_t)status->st_size);
    hash = add_number(hash, (uint64_t)status->st_mtim.tv_sec);
    hash = add_number(hash, (uint64_t)status->st_mtim.tv_nsec);
    hash = add_number(hash, (uint64_t)status->st_ctim.tv_sec); /* rights and owner too */
    hash = add_number(hash, (uint64_t)status->st_ctim.tv_nsec);
    return hash == 0 ? 1 : hash;
}

/* Its row, or the free one where it belongs. */
static struct kp_unread_row *place_of(struct kp_unread *unread, uint64_t key)
{
    size_t at = (size_t)(key % ROWS);
    while (unread->rows[at].key != 0 && unread->rows[at].key != key) {
        at = (at + 1) % ROWS;
    }
    return &unread->rows[at];
}

struct kp_unread_row *kp_unread_find(struct kp_unread *unread, uint64_t key)
{
    struct kp_unread_row *row = place_of(unread, key);
    return row->key == key ? row : NULL;
}

struct kp_unread_row *kp_unread_put(struct kp_unread *unread, uint64_t key)
{
    struct kp_unread_row *row = place_of(unread, key);
    if (row->key == key) {
        return row;
    }
    if (unread->count == KP_UNREAD_FILES_MAX) {
        return NULL;
    }
    unread->count++;
    row->key = key;
    return row;
}

void kp_unread_keep(struct kp_unread *unread, const struct kp_unread *from)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct kp_unread_row *row = &from->rows[i];
        if (row->key != 0 && kp_unread_find(unread, row->key) == NULL) {
            struct kp_unread_row *kept = kp_unread_put(unread, row->key);
            if (kept == NULL) {
                return;
            }
            *kept = *row;
        }
    }
}
