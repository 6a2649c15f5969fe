/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* qsort_r */
#include "store/draft.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_CAPACITY_FIRST 256u
#define BYTES_CAPACITY_FIRST 16384u
#define KEPT_BYTES_MAX ((size_t)4 << 20)

void kp_draft_done(struct kp_draft *draft)
{
    kp_run_release(draft->sorted);
    free(draft->bytes);
    free(draft->offsets);
    free(draft->slots);
    *draft = (struct kp_draft){0};
}

static void forget_sorted(struct kp_draft *draft)
{
    kp_run_release(draft->sorted);
    draft->sorted = NULL;
}

void kp_draft_clear(struct kp_draft *draft)
{
    if (draft->capacity + draft->rows_capacity * 3 * sizeof *draft->slots > KEPT_BYTES_MAX) {
        kp_draft_done(draft);
        return;
    }
    forget_sorted(draft);
    if (draft->rows > 0) {
        memset(draft->slots, 0, (size_t)2 * draft->rows_capacity * sizeof *draft->slots);
    }
    draft->rows = 0;
    draft->size = 0;
}

static struct kp_run_record record_of(const struct kp_draft *draft, uint32_t row)
{
    struct kp_run_record record;
    size_t at = draft->offsets[row];
    size_t size = kp_run_decode(kp_slice_of(draft->bytes + at, draft->size - at), &record);
    KP_ASSERT(size > 0);
    return record;
}

/* The slot of @place: where it is, or free for it. */
static uint32_t slot_of(const struct kp_draft *draft, struct kp_row_place place, uint64_t hash)
{
    uint32_t mask = 2 * draft->rows_capacity - 1;
    uint32_t slot = (uint32_t)(hash >> 32) & mask;
    while (draft->slots[slot] != 0 &&
           kp_place_compare(record_of(draft, draft->slots[slot] - 1).place, place) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void grow_rows(struct kp_draft *draft)
{
    uint32_t capacity = draft->rows_capacity == 0 ? ROWS_CAPACITY_FIRST : 2 * draft->rows_capacity;
    KP_ASSERT(capacity > draft->rows_capacity && capacity <= UINT32_MAX / 4);
    draft->offsets = realloc(draft->offsets, capacity * sizeof *draft->offsets);
    KP_ASSERT(draft->offsets != NULL);
    free(draft->slots);
    draft->slots = calloc((size_t)2 * capacity, sizeof *draft->slots);
    KP_ASSERT(draft->slots != NULL);
    draft->rows_capacity = capacity;
    for (uint32_t row = 0; row < draft->rows; row++) {
        struct kp_row_place place = record_of(draft, row).place;
        draft->slots[slot_of(draft, place, kp_place_hash(place))] = row + 1;
    }
}

/* Where the record goes; in the place of the one before when it is as long. */
static uint8_t *room_for(struct kp_draft *draft, uint32_t slot, size_t record_bytes)
{
    if (draft->slots[slot] != 0) {
        uint32_t row = draft->slots[slot] - 1;
        struct kp_run_record old = record_of(draft, row);
        if (kp_run_record_bytes(&old) == record_bytes) {
            return draft->bytes + draft->offsets[row];
        }
    }
    if (draft->capacity - draft->size < record_bytes) {
        size_t capacity = draft->capacity == 0 ? BYTES_CAPACITY_FIRST : draft->capacity;
        while (capacity - draft->size < record_bytes) {
            capacity *= 2;
        }
        KP_ASSERT(capacity <= UINT32_MAX);
        draft->bytes = realloc(draft->bytes, capacity);
        KP_ASSERT(draft->bytes != NULL);
        draft->capacity = capacity;
    }
    if (draft->slots[slot] == 0) {
        draft->slots[slot] = ++draft->rows;
    }
    draft->offsets[draft->slots[slot] - 1] = (uint32_t)draft->size;
    draft->size += record_bytes;
    return draft->bytes + draft->size - record_bytes;
}

void kp_draft_put(struct kp_draft *draft, const struct kp_run_record *record, uint64_t hash)
{
    forget_sorted(draft);
    if (draft->rows == draft->rows_capacity) {
        grow_rows(draft);
    }
    uint32_t slot = slot_of(draft, record->place, hash);
    kp_run_encode(record, room_for(draft, slot, kp_run_record_bytes(record)));
}

bool kp_draft_find(const struct kp_draft *draft, struct kp_row_place place, uint64_t hash,
                   struct kp_run_record *ret_record)
{
    if (draft->rows == 0) {
        return false;
    }
    uint32_t slot = slot_of(draft, place, hash);
    if (draft->slots[slot] == 0) {
        return false;
    }
    *ret_record = record_of(draft, draft->slots[slot] - 1);
    return true;
}

/* --- sorting --- */

struct sort_item {
    uint64_t start; /* of the place, as a number: seldom two alike */
    uint32_t row;
};

static uint64_t start_of(struct kp_row_place place)
{
    uint64_t start = (uint64_t)place.table;
    for (size_t i = 0; i < sizeof start - 1; i++) {
        start = start << 8 | (i < place.key.size ? place.key.bytes[i] : 0);
    }
    return start;
}

static int compare_items(const void *a, const void *b, void *context)
{
    const struct sort_item *left = a, *right = b;
    const struct kp_draft *draft = context;
    if (left->start != right->start) {
        return left->start < right->start ? -1 : 1;
    }
    return kp_place_compare(record_of(draft, left->row).place, record_of(draft, right->row).place);
}

struct kp_run *kp_draft_run(struct kp_draft *draft)
{
    if (draft->sorted != NULL) {
        return kp_run_hold(draft->sorted);
    }
    if (draft->rows == 0) {
        return NULL;
    }
    struct sort_item *items = malloc(draft->rows * sizeof *items);
    KP_ASSERT(items != NULL);
    for (uint32_t row = 0; row < draft->rows; row++) {
        items[row] = (struct sort_item){start_of(record_of(draft, row).place), row};
    }
    qsort_r(items, draft->rows, sizeof *items, compare_items, draft);
    struct kp_run *run = kp_run_new();
    for (uint32_t i = 0; i < draft->rows; i++) {
        struct kp_run_record record = record_of(draft, items[i].row);
        kp_run_add(run, &record);
    }
    kp_run_finish(run);
    free(items);
    return run;
}

const struct kp_run *kp_draft_sorted(struct kp_draft *draft)
{
    if (draft->sorted == NULL) {
        draft->sorted = kp_draft_run(draft);
    }
    return draft->sorted;
}
