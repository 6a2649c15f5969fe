/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* qsort_r */
#include "link/rec_ids.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 4096u

static const struct kp_rec_id *id_at(const struct kp_rec_ids *ids, uint32_t row)
{
    return (const struct kp_rec_id *)ids->ids.items + row;
}

static uint32_t *new_slots(uint32_t count)
{
    uint32_t *slots = calloc(count, sizeof *slots);
    KP_ASSERT(slots != NULL);
    return slots;
}

void kp_rec_ids_init(struct kp_rec_ids *ids)
{
    *ids = (struct kp_rec_ids){.text.item_bytes = sizeof(char),
                               .ids.item_bytes = sizeof(struct kp_rec_id),
                               .slots = new_slots(SLOTS_FIRST),
                               .slot_count = SLOTS_FIRST};
}

void kp_rec_ids_done(struct kp_rec_ids *ids)
{
    kp_list_done(&ids->text);
    kp_list_done(&ids->ids);
    free(ids->slots);
    ids->slots = NULL;
}

uint32_t kp_rec_ids_count(const struct kp_rec_ids *ids)
{
    return (uint32_t)ids->ids.count;
}

const char *kp_rec_ids_text(const struct kp_rec_ids *ids, uint32_t row)
{
    return (const char *)ids->text.items + id_at(ids, row)->at;
}

/* FNV-1a. */
static uint64_t hash(struct kp_slice text)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.size; i++) {
        value = (value ^ text.bytes[i]) * 0x100000001b3u;
    }
    return value ^ value >> 32;
}

/* The slot of the text, or the free one where it would be. */
static uint32_t *find_slot(const struct kp_rec_ids *ids, struct kp_slice text)
{
    uint32_t at = (uint32_t)hash(text) & (ids->slot_count - 1);
    while (ids->slots[at] != 0 &&
           !kp_slice_equal(kp_slice_str(kp_rec_ids_text(ids, ids->slots[at] - 1)), text)) {
        at = (at + 1) & (ids->slot_count - 1);
    }
    return &ids->slots[at];
}

static void grow(struct kp_rec_ids *ids)
{
    free(ids->slots);
    ids->slot_count *= 2;
    ids->slots = new_slots(ids->slot_count);
    for (uint32_t row = 0; row < kp_rec_ids_count(ids); row++) {
        *find_slot(ids, kp_slice_str(kp_rec_ids_text(ids, row))) = row + 1;
    }
}

const struct kp_rec_id *kp_rec_ids_add(struct kp_rec_ids *ids, struct kp_slice text, uint32_t file,
                                       uint32_t line)
{
    uint32_t *slot = find_slot(ids, text);
    if (*slot != 0) {
        return id_at(ids, *slot - 1);
    }
    struct kp_rec_id *id = kp_list_add(&ids->ids);
    *id = (struct kp_rec_id){.at = ids->text.count, .file = file, .line = line};
    for (size_t i = 0; i <= text.size; i++) {
        *(char *)kp_list_add(&ids->text) = i < text.size ? (char)text.bytes[i] : '\0';
    }
    *slot = kp_rec_ids_count(ids);
    if (ids->slot_count / 2 < kp_rec_ids_count(ids)) {
        grow(ids);
    }
    return NULL;
}

static int compare(const void *a, const void *b, void *context)
{
    const struct kp_rec_ids *ids = context;
    return strcmp(kp_rec_ids_text(ids, *(const uint32_t *)a),
                  kp_rec_ids_text(ids, *(const uint32_t *)b));
}

uint32_t *kp_rec_ids_ranks(const struct kp_rec_ids *ids)
{
    uint32_t count = kp_rec_ids_count(ids);
    uint32_t *order = calloc(count + 1u, sizeof *order);
    uint32_t *ranks = calloc(count + 1u, sizeof *ranks);
    KP_ASSERT(order != NULL && ranks != NULL);
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof *order, compare, (void *)(uintptr_t)ids);
    for (uint32_t i = 0; i < count; i++) {
        ranks[order[i]] = i;
    }
    free(order);
    return ranks;
}
