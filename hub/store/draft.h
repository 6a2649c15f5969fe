/* SPDX-License-Identifier: EUPL-1.2 */
/* The run that the writer's open transaction gathers: changes in any order, looked up by their
 * place, sorted when the transaction ends. One thread. */
#ifndef KP_STORE_DRAFT_H
#define KP_STORE_DRAFT_H

#include "store/run.h"

struct kp_draft {
    uint8_t *bytes; /* records, also such as were replaced since */
    size_t size, capacity;
    uint32_t *offsets; /* of each row's record */
    uint32_t *slots;   /* by hash: place in offsets + 1, 0 where free; twice the capacity */
    uint32_t rows, rows_capacity;
    struct kp_run *sorted; /* as a run, until the next change; NULL: not made */
};

/* All zero is an empty one. Memory is kept for the next transaction unless it is much. */
void kp_draft_clear(struct kp_draft *draft);
void kp_draft_done(struct kp_draft *draft);
/* Insert or replace; copied. @hash  kp_place_hash of its place. Aborts when memory cannot be had.
 */
void kp_draft_put(struct kp_draft *draft, const struct kp_run_record *record, uint64_t hash);
/* @ret_record is borrowed until the next change. */
bool kp_draft_find(const struct kp_draft *draft, struct kp_row_place place, uint64_t hash,
                   struct kp_run_record *ret_record);
/* Borrowed until the next change; NULL: no rows. Costs a sort after each change. */
const struct kp_run *kp_draft_sorted(struct kp_draft *draft);
/* The caller's own, finished; NULL: no rows. The draft stays as it is. */
struct kp_run *kp_draft_run(struct kp_draft *draft);

#endif
