/* SPDX-License-Identifier: EUPL-1.2 */
/* The bounded queue: order, its limit, its end, and many threads at once. */
#include "base/queue.h"

#include "base/time.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static void comes_out_in_order_round_the_ring(void **state)
{
    (void)state;
    struct kp_queue *queue = kp_queue_new(3);
    void *item = NULL;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2; i++) {
            assert_int_equal(kp_queue_try_push(queue, &numbers[i]), KP_OK);
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(kp_queue_pop(queue, 0, &item), KP_OK);
            assert_ptr_equal(item, &numbers[i]);
        }
    }
    kp_queue_free(queue);
}

static void a_full_queue_answers_later_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct kp_queue *queue = kp_queue_new(2);
    void *item = NULL;
    assert_int_equal(kp_queue_try_push(queue, &numbers[1]), KP_OK);
    assert_int_equal(kp_queue_try_push(queue, &numbers[2]), KP_OK);
    assert_int_equal(kp_queue_try_push(queue, &numbers[3]), KP_E_LATER);
    assert_int_equal(kp_queue_count(queue), 2);
    assert_int_equal(kp_queue_pop(queue, 0, &item), KP_OK);
    assert_ptr_equal(item, &numbers[1]);
    assert_int_equal(kp_queue_try_push(queue, &numbers[3]), KP_OK);
    assert_int_equal(kp_queue_pop(queue, 0, &item), KP_OK);
    assert_ptr_equal(item, &numbers[2]);
    assert_int_equal(kp_queue_pop(queue, 0, &item), KP_OK);
    assert_ptr_equal(item, &numbers[3]);
    kp_queue_free(queue);
}

static void an_empty_queue_times_out_and_touches_nothing(void **state)
{
    (void)state;
    struct kp_queue *queue = kp_queue_new(1);
    void *item = &numbers[7];
    uint32_t count = 9;
    assert_int_equal(kp_queue_pop(queue, 0, &item), KP_E_TIMEOUT);
    struct kp_mono begin = kp_mono_now();
    assert_int_equal(kp_queue_pop_many(queue, 20, &item, 1, &count), KP_E_TIMEOUT);
    assert_true(kp_mono_now().us - begin.us >= 20000);
    assert_ptr_equal(item, &numbers[7]);
    assert_int_equal(count, 9);
    kp_queue_free(queue);
}

static void a_group_is_what_is_there_up_to_its_limit(void **state)
{
    (void)state;
    struct kp_queue *queue = kp_queue_new(8);
    void *items[4] = {NULL};
    uint32_t count = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(kp_queue_try_push(queue, &numbers[i]), KP_OK);
    }
    assert_int_equal(kp_queue_pop_many(queue, KP_QUEUE_FOREVER, items, 4, &count), KP_OK);
    assert_int_equal(count, 4);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(items[i], &numbers[i]);
    }
    assert_int_equal(kp_queue_pop_many(queue, KP_QUEUE_FOREVER, items, 4, &count), KP_OK);
    assert_int_equal(count, 1);
    assert_ptr_equal(items[0], &numbers[4]);
    kp_queue_free(queue);
}

static void closing_refuses_writers_and_drains_readers(void **state)
{
    (void)state;
    struct kp_queue *queue = kp_queue_new(2);
    void *item = NULL;
    assert_int_equal(kp_queue_try_push(queue, &numbers[1]), KP_OK);
    kp_queue_close(queue);
    kp_queue_close(queue);
    assert_int_equal(kp_queue_try_push(queue, &numbers[2]), KP_E_STATE);
    assert_int_equal(kp_queue_pop(queue, KP_QUEUE_FOREVER, &item), KP_OK);
    assert_ptr_equal(item, &numbers[1]);
    assert_int_equal(kp_queue_pop(queue, KP_QUEUE_FOREVER, &item), KP_E_STATE);
    assert_int_equal(kp_queue_pop(queue, 1000, &item), KP_E_STATE);
    kp_queue_free(queue);
}

struct waiter {
    struct kp_queue *queue;
    enum kp_err err;
};

static void *wait_for_ever(void *context)
{
    struct waiter *waiter = context;
    void *item;
    waiter->err = kp_queue_pop(waiter->queue, KP_QUEUE_FOREVER, &item);
    return NULL;
}

static void closing_wakes_every_waiting_reader(void **state)
{
    (void)state;
    struct kp_queue *queue = kp_queue_new(1);
    struct waiter waiters[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){.queue = queue, .err = KP_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_ever, &waiters[i]), 0);
    }
    kp_queue_close(queue);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(waiters[i].err, KP_E_STATE);
    }
    kp_queue_free(queue);
}

#define WRITERS 3
#define READERS 2
#define ITEMS_EACH 20000

struct stamp {
    uint32_t writer, number;
};

struct crowd {
    struct kp_queue *queue;
    struct stamp *stamps;   /* a writer's own */
    uint32_t seen[WRITERS]; /* a reader's own count of each writer's items */
    uint32_t last[WRITERS]; /* the number of the last one: order per writer */
    uint32_t disorder;
};

static void *write_all(void *context)
{
    struct crowd *crowd = context;
    for (uint32_t i = 0; i < ITEMS_EACH; i++) {
        while (kp_queue_try_push(crowd->queue, &crowd->stamps[i]) == KP_E_LATER) {
            /* full: the readers are on their way */
        }
    }
    return NULL;
}

static void *read_all(void *context)
{
    struct crowd *crowd = context;
    void *items[7];
    uint32_t count = 0;
    while (kp_queue_pop_many(crowd->queue, KP_QUEUE_FOREVER, items, 7, &count) == KP_OK) {
        for (uint32_t i = 0; i < count; i++) {
            const struct stamp *stamp = items[i];
            if (stamp->number <= crowd->last[stamp->writer]) {
                crowd->disorder++;
            }
            crowd->last[stamp->writer] = stamp->number;
            crowd->seen[stamp->writer]++;
        }
    }
    return NULL;
}

static void many_threads_lose_and_double_nothing(void **state)
{
    (void)state;
    static struct stamp stamps[WRITERS][ITEMS_EACH];
    struct kp_queue *queue = kp_queue_new(16);
    struct crowd writers[WRITERS] = {0};
    struct crowd readers[READERS] = {0};
    pthread_t writer_threads[WRITERS];
    pthread_t reader_threads[READERS];
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i].queue = queue;
        assert_int_equal(pthread_create(&reader_threads[i], NULL, read_all, &readers[i]), 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        for (uint32_t n = 0; n < ITEMS_EACH; n++) {
            stamps[i][n] = (struct stamp){.writer = i, .number = n + 1};
        }
        writers[i].queue = queue;
        writers[i].stamps = stamps[i];
        assert_int_equal(pthread_create(&writer_threads[i], NULL, write_all, &writers[i]), 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writer_threads[i], NULL), 0);
    }
    kp_queue_close(queue);
    for (uint32_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(reader_threads[i], NULL), 0);
        assert_int_equal(readers[i].disorder, 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        assert_int_equal(readers[0].seen[i] + readers[1].seen[i], ITEMS_EACH);
    }
    kp_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_in_order_round_the_ring),
        cmocka_unit_test(a_full_queue_answers_later_and_keeps_what_it_has),
        cmocka_unit_test(an_empty_queue_times_out_and_touches_nothing),
        cmocka_unit_test(a_group_is_what_is_there_up_to_its_limit),
        cmocka_unit_test(closing_refuses_writers_and_drains_readers),
        cmocka_unit_test(closing_wakes_every_waiting_reader),
        cmocka_unit_test(many_threads_lose_and_double_nothing),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
