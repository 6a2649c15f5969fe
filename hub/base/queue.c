/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/queue.h"

#include "base/assert.h"
#include "base/time.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_MAGIC 0x6b707175u /* "kpqu" */

struct kp_queue {
    uint32_t magic;
    uint32_t capacity;
    uint32_t head; /* index of the oldest */
    uint32_t count;
    bool closed;
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    void *items[];
};

static void queue_lock(struct kp_queue *queue)
{
    KP_ASSERT(queue->magic == QUEUE_MAGIC);
    KP_ASSERT(pthread_mutex_lock(&queue->mutex) == 0);
}

static void queue_unlock(struct kp_queue *queue)
{
    KP_ASSERT(pthread_mutex_unlock(&queue->mutex) == 0);
}

struct kp_queue *kp_queue_new(uint32_t capacity)
{
    KP_ASSERT(capacity >= 1);
    struct kp_queue *queue = calloc(1, sizeof *queue + capacity * sizeof(void *));
    KP_ASSERT(queue != NULL);
    queue->magic = QUEUE_MAGIC;
    queue->capacity = capacity;
    KP_ASSERT(pthread_mutex_init(&queue->mutex, NULL) == 0);
    /* Waits are durations: the monotonic clock, so that a jump of the wall clock changes none. */
    pthread_condattr_t attributes;
    KP_ASSERT(pthread_condattr_init(&attributes) == 0);
    KP_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    KP_ASSERT(pthread_cond_init(&queue->filled, &attributes) == 0);
    KP_ASSERT(pthread_condattr_destroy(&attributes) == 0);
    return queue;
}

struct kp_queue *kp_queue_free(struct kp_queue *queue)
{
    if (queue == NULL) {
        return NULL;
    }
    KP_ASSERT(queue->magic == QUEUE_MAGIC);
    KP_ASSERT(queue->count == 0);
    KP_ASSERT(pthread_cond_destroy(&queue->filled) == 0);
    KP_ASSERT(pthread_mutex_destroy(&queue->mutex) == 0);
    queue->magic = 0;
    free(queue);
    return NULL;
}

enum kp_err kp_queue_try_push(struct kp_queue *queue, void *item)
{
    KP_ASSERT(item != NULL);
    enum kp_err err = KP_OK;
    queue_lock(queue);
    if (queue->closed) {
        err = KP_E_STATE;
    } else if (queue->count == queue->capacity) {
        err = KP_E_LATER;
    } else {
        queue->items[(uint32_t)(((uint64_t)queue->head + queue->count) % queue->capacity)] = item;
        queue->count++;
        /* One item, one reader. Under the lock: after it a reader may free the queue. */
        KP_ASSERT(pthread_cond_signal(&queue->filled) == 0);
    }
    queue_unlock(queue);
    return err;
}

/* Until there is an item, the queue is closed, or the time is over. Locked. */
static enum kp_err await_item(struct kp_queue *queue, int32_t timeout_ms)
{
    struct timespec until = {0};
    if (timeout_ms > 0) {
        int64_t us = kp_mono_now().us + (int64_t)timeout_ms * 1000;
        until = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    }
    while (queue->count == 0) {
        if (queue->closed) {
            return KP_E_STATE;
        }
        if (timeout_ms == 0) {
            return KP_E_TIMEOUT;
        }
        if (timeout_ms < 0) {
            KP_ASSERT(pthread_cond_wait(&queue->filled, &queue->mutex) == 0);
            continue;
        }
        int failed = pthread_cond_timedwait(&queue->filled, &queue->mutex, &until);
        KP_ASSERT(failed == 0 || failed == ETIMEDOUT);
        if (failed == ETIMEDOUT && queue->count == 0) {
            return queue->closed ? KP_E_STATE : KP_E_TIMEOUT;
        }
    }
    return KP_OK;
}

enum kp_err kp_queue_pop_many(struct kp_queue *queue, int32_t timeout_ms, void **ret_items,
                              uint32_t count_max, uint32_t *ret_count)
{
    KP_ASSERT(count_max >= 1);
    queue_lock(queue);
    enum kp_err err = await_item(queue, timeout_ms);
    if (err == KP_OK) {
        uint32_t count = queue->count < count_max ? queue->count : count_max;
        for (uint32_t i = 0; i < count; i++) {
            ret_items[i] = queue->items[queue->head];
            queue->head = queue->head + 1 == queue->capacity ? 0 : queue->head + 1;
        }
        queue->count -= count;
        *ret_count = count;
    }
    queue_unlock(queue);
    return err;
}

enum kp_err kp_queue_pop(struct kp_queue *queue, int32_t timeout_ms, void **ret_item)
{
    uint32_t count;
    return kp_queue_pop_many(queue, timeout_ms, ret_item, 1, &count);
}

void kp_queue_close(struct kp_queue *queue)
{
    queue_lock(queue);
    queue->closed = true;
    KP_ASSERT(pthread_cond_broadcast(&queue->filled) == 0);
    queue_unlock(queue);
}

uint32_t kp_queue_count(struct kp_queue *queue)
{
    queue_lock(queue);
    uint32_t count = queue->count;
    queue_unlock(queue);
    return count;
}
