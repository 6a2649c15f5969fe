/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/recent.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 512u

struct kp_recent {
    struct kp_recent_row rows[ROWS];
};

struct kp_recent *kp_recent_new(void)
{
    struct kp_recent *recent = calloc(1, sizeof *recent);
    KP_ASSERT(recent != NULL);
    return recent;
}

struct kp_recent *kp_recent_free(struct kp_recent *recent)
{
    for (uint32_t i = 0; recent != NULL && i < ROWS; i++) {
        free(recent->rows[i].value);
    }
    free(recent);
    return NULL;
}

void kp_recent_clear(struct kp_recent *recent)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        recent->rows[i].kept = false;
    }
}

/* FNV-1a */
static struct kp_recent_row *row_of(const struct kp_recent *recent, struct kp_row_place place)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)place.table;
    for (size_t i = 0; i < place.key.size; i++) {
        hash = (hash ^ place.key.bytes[i]) * UINT64_C(0x100000001b3);
    }
    return (struct kp_recent_row *)(uintptr_t)&recent->rows[(hash >> 32 ^ hash) % ROWS];
}

static bool is_of(const struct kp_recent_row *row, struct kp_row_place place)
{
    return row->kept && row->table == (uint8_t)place.table &&
           kp_slice_equal(kp_key_slice(&row->key), place.key);
}

const struct kp_recent_row *kp_recent_find(const struct kp_recent *recent,
                                           struct kp_row_place place)
{
    const struct kp_recent_row *row = row_of(recent, place);
    return is_of(row, place) ? row : NULL;
}

void kp_recent_keep(struct kp_recent *recent, struct kp_row_place place, bool found,
                    const uint8_t *tag, struct kp_slice value)
{
    struct kp_recent_row *row = row_of(recent, place);
    row->kept = value.size <= KP_RECENT_VALUE_BYTES_MAX;
    if (!row->kept) {
        return;
    }
    if (value.size > row->capacity) {
        free(row->value);
        row->capacity = (value.size + 255) / 256 * 256;
        row->value = malloc(row->capacity);
        KP_ASSERT(row->value != NULL);
    }
    row->key = kp_key_raw(kp_key_none(), place.key);
    row->table = (uint8_t)place.table;
    row->found = found;
    row->size = value.size;
    memset(row->tag, 0, sizeof row->tag);
    if (tag != NULL) {
        memcpy(row->tag, tag, sizeof row->tag);
    }
    if (value.size > 0) {
        memcpy(row->value, value.bytes, value.size);
    }
}

void kp_recent_forget(struct kp_recent *recent, struct kp_row_place place)
{
    struct kp_recent_row *row = row_of(recent, place);
    if (is_of(row, place)) {
        row->kept = false;
    }
}
