/* SPDX-License-Identifier: EUPL-1.2 */
/* The rec_id of every row: no two rows have the same one. */
#ifndef KP_LINK_REC_IDS_H
#define KP_LINK_REC_IDS_H

#include "base/slice.h"
#include "link/list.h"

struct kp_rec_ids {
    struct kp_list text; /* char: NUL-terminated, one after the other */
    struct kp_list ids;  /* struct kp_rec_id */
    uint32_t *slots;     /* number of an id + 1, by its hash; 0: free */
    uint32_t slot_count; /* a power of two, more than twice the ids */
};

/* Where a row stands. */
struct kp_rec_id {
    uint64_t at;
    uint32_t file, line;
};

void kp_rec_ids_init(struct kp_rec_ids *ids);
void kp_rec_ids_done(struct kp_rec_ids *ids);
/* The next row's. NULL: taken; else the row that has it already, and nothing is taken. */
const struct kp_rec_id *kp_rec_ids_add(struct kp_rec_ids *ids, struct kp_slice text, uint32_t file,
                                       uint32_t line);
uint32_t kp_rec_ids_count(const struct kp_rec_ids *ids);
const char *kp_rec_ids_text(const struct kp_rec_ids *ids, uint32_t row);
/* Of each row its place in the order of the texts, malloc'ed: it does not depend on the order in
 * which the rows came. */
uint32_t *kp_rec_ids_ranks(const struct kp_rec_ids *ids);

#endif
