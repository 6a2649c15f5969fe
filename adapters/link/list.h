/* SPDX-License-Identifier: EUPL-1.2 */
/* A list that grows; want of memory ends the program. */
#ifndef KP_LINK_LIST_H
#define KP_LINK_LIST_H

#include <stddef.h>
#include <stdint.h>

struct kp_list {
    void *items;
    uint64_t count, capacity;
    size_t item_bytes;
};

/* Room for one more, at the end; valid until the next. */
void *kp_list_add(struct kp_list *list);
/* All of @from after what is there; @from is empty then. */
void kp_list_take(struct kp_list *list, struct kp_list *from);
void kp_list_done(struct kp_list *list);

#endif
