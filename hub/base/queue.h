/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A bounded first-in-first-out queue of pointers between threads: any number of writers, any number
 * of readers. A full queue is an answer (KP_E_LATER), never a wait for the writer (P9).
 * The queue never looks at an item and never frees one.
 */
#ifndef KP_BASE_QUEUE_H
#define KP_BASE_QUEUE_H

#include "base/err.h"

#include <stdbool.h>

struct kp_queue;

/* @capacity  items, at least 1. Start only: aborts when the memory cannot be had. */
struct kp_queue *kp_queue_new(uint32_t capacity);
/* NULL is fine. No thread uses it any more and it is empty (asserted: the items have an owner). */
struct kp_queue *kp_queue_free(struct kp_queue *queue);

/* Any thread; does not wait. @item (not NULL) belongs to the queue on success only.
 * KP_E_LATER  full · KP_E_STATE  closed */
KP_MUST_CHECK enum kp_err kp_queue_try_push(struct kp_queue *queue, void *item);

#define KP_QUEUE_FOREVER (-1)
/*
 * The oldest item; waits for one up to @timeout_ms (0: not at all, KP_QUEUE_FOREVER: until closed).
 * What was pushed before the close still comes out.
 *
 * KP_E_TIMEOUT  nothing came in time · KP_E_STATE  closed and empty: nothing will ever come
 */
KP_MUST_CHECK enum kp_err kp_queue_pop(struct kp_queue *queue, int32_t timeout_ms, void **ret_item);
/* As kp_queue_pop, and takes along what else is there: 1 to @count_max items in their order, for a
 * reader that works in groups. */
KP_MUST_CHECK enum kp_err kp_queue_pop_many(struct kp_queue *queue, int32_t timeout_ms,
                                            void **ret_items, uint32_t count_max,
                                            uint32_t *ret_count);

/* From now on nothing comes in; every waiting reader wakes up. Twice is fine. */
void kp_queue_close(struct kp_queue *queue);
/* Items waiting now; for admission and figures: another thread may change it at once. */
uint32_t kp_queue_count(struct kp_queue *queue);

#endif
