/* SPDX-License-Identifier: EUPL-1.2 */
#include "link/list.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_COUNT 1024u

static void reserve(struct kp_list *list, uint64_t count)
{
    if (count <= list->capacity) {
        return;
    }
    uint64_t capacity = list->capacity == 0 ? FIRST_COUNT : list->capacity * 3 / 2;
    list->capacity = capacity > count ? capacity : count;
    list->items = realloc(list->items, list->capacity * list->item_bytes);
    KP_ASSERT(list->items != NULL);
}

void *kp_list_add(struct kp_list *list)
{
    reserve(list, list->count + 1);
    return (uint8_t *)list->items + list->count++ * list->item_bytes;
}

void kp_list_take(struct kp_list *list, struct kp_list *from)
{
    KP_ASSERT(list->item_bytes == from->item_bytes);
    if (from->count > 0) {
        reserve(list, list->count + from->count);
        memcpy((uint8_t *)list->items + list->count * list->item_bytes, from->items,
               from->count * from->item_bytes);
        list->count += from->count;
    }
    kp_list_done(from);
}

void kp_list_done(struct kp_list *list)
{
    free(list->items);
    list->items = NULL;
    list->count = list->capacity = 0;
}
