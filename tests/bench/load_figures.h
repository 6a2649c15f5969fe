/* SPDX-License-Identifier: EUPL-1.2 */
/* What a run of the load generator remembers, and the line of JSON that it becomes. */
#ifndef KP_BENCH_LOAD_FIGURES_H
#define KP_BENCH_LOAD_FIGURES_H

#include "load_options.h"
#include "reports.h"

#include "base/time.h"
#include "knooppunt/client.h"
#include "runtime/identity.h"

#include <inttypes.h>
#include <stdatomic.h>

/* When a position left, when its alert came: joined after the run. */
struct moment {
    uint64_t position;
    uint32_t count;
    int64_t us;
};

struct moments {
    struct moment *list;
    size_t count, capacity;
};

struct flight {
    uint8_t id[KP_MESSAGE_ID_BYTES];
    uint32_t signals;
    int64_t sent_us;
};

struct door {
    const struct options *options;
    const struct people *people;
    uint32_t index;
    struct kp_identity identity;
    struct kp_client *client;
    struct kp_arena events; /* memory of the event being read */
    bool in_session;
    uint64_t random, made, new_persons; /* the state of the generator of signals */
    uint8_t *pool;                      /* signals encoded beforehand: u16 size, bytes */
    size_t pool_size, pool_at;
    struct flight flights[KP_DOOR_BATCHES_IN_FLIGHT_MAX];
    uint32_t flight_count;
    uint64_t sent, receipted, held, processed, unacked, last_seq;
    struct moments left, took; /* @took: microseconds from sending to receipt */
    uint32_t receipts[SECONDS_MAX], processes[SECONDS_MAX];
};

static struct {
    struct door doors[DOORS_MAX];
    atomic_bool stop, full; /* full: the hub said "later": as much waits as it lets wait */
    int64_t began_us;
    struct moments alerts;
} all;

static void note(struct moments *moments, uint64_t position, uint32_t count, int64_t us)
{
    if (moments->count == moments->capacity) {
        moments->capacity = moments->capacity == 0 ? 1024 : 2 * moments->capacity;
        moments->list = realloc(moments->list, moments->capacity * sizeof *moments->list);
        KP_ASSERT(moments->list != NULL);
    }
    moments->list[moments->count++] =
        (struct moment){.position = position, .count = count, .us = us};
}

static uint32_t second_of(int64_t now_us)
{
    int64_t second = (now_us - all.began_us) / 1000000;
    return second < SECONDS_MAX ? (uint32_t)second : SECONDS_MAX - 1;
}

/* --- the figures --- */

static int compare_times(const void *a, const void *b)
{
    int64_t left = ((const struct moment *)a)->us;
    int64_t right = ((const struct moment *)b)->us;
    return left < right ? -1 : left > right;
}

static int compare_positions(const void *a, const void *b)
{
    uint64_t left = ((const struct moment *)a)->position;
    uint64_t right = ((const struct moment *)b)->position;
    return left < right ? -1 : left > right;
}

static void sort_moments(struct moments *moments, int (*compare)(const void *, const void *))
{
    if (moments->count > 0) { /* an empty list has no memory, and qsort may not be given none */
        qsort(moments->list, moments->count, sizeof *moments->list, compare);
    }
}

static void print_times(const char *name, struct moments *times)
{
    sort_moments(times, compare_times);
    int64_t half = times->count == 0 ? 0 : times->list[times->count / 2].us;
    int64_t most = times->count == 0 ? 0 : times->list[times->count * 99 / 100].us;
    printf("\"%s\": {\"count\": %zu, \"p50_us\": %" PRId64 ", \"p99_us\": %" PRId64 "}, ", name,
           times->count, half, most);
}

/* From sending the signal to the alert in hand; alerts of earlier runs find no signal. */
static void print_alerts(const struct options *options)
{
    struct moments left = {0};
    struct moments took = {0};
    for (uint32_t i = 0; i < options->door_count; i++) {
        const struct moments *own = &all.doors[i].left;
        for (size_t j = 0; j < own->count; j++) {
            note(&left, own->list[j].position, own->list[j].count, own->list[j].us);
        }
    }
    sort_moments(&left, compare_positions);
    sort_moments(&all.alerts, compare_positions);
    size_t at = 0;
    for (size_t i = 0; i < all.alerts.count; i++) {
        uint64_t position = all.alerts.list[i].position;
        while (at < left.count && left.list[at].position + left.list[at].count <= position) {
            at++;
        }
        if (at < left.count && left.list[at].position <= position) {
            note(&took, position, 1, all.alerts.list[i].us - left.list[at].us);
        }
    }
    print_times("alert", &took);
    free(left.list);
    free(took.list);
}

static void print_seconds(const char *name, const struct options *options, bool receipts)
{
    uint32_t last = second_of(kp_mono_now().us);
    printf("\"%s\": [", name);
    for (uint32_t second = 0; second < last; second++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < options->door_count; i++) {
            const struct door *door = &all.doors[i];
            sum += receipts ? door->receipts[second] : door->processes[second];
        }
        printf("%s%" PRIu64, second == 0 ? "" : ", ", sum);
    }
    printf("], ");
}

static void print_figures(const struct options *options, double seconds, double processor)
{
    struct moments took = {0};
    uint64_t sent = 0, receipted = 0, processed = 0, held = 0, new_persons = 0, bytes = 0;
    for (uint32_t i = 0; i < options->door_count; i++) {
        const struct door *door = &all.doors[i];
        sent += door->sent;
        receipted += door->receipted;
        processed += door->processed;
        held += door->held;
        bytes += door->pool_size;
        new_persons = door->new_persons > new_persons ? door->new_persons : new_persons;
        for (size_t j = 0; j < door->took.count; j++) {
            note(&took, 0, 1, door->took.list[j].us);
        }
    }
    printf("{");
    print_times("receipt", &took);
    print_alerts(options);
    print_seconds("receipts_each_second", options, /* receipts= */ true);
    print_seconds("processed_each_second", options, /* receipts= */ false);
    printf("\"sent\": %" PRIu64 ", \"receipted\": %" PRIu64 ", \"processed\": %" PRIu64
           ", \"held\": %" PRIu64 ", \"new_used\": %" PRIu64 ", \"pool_bytes\": %" PRIu64
           ", \"seconds\": %.3f, \"generator_cpu\": %.2f}\n",
           sent, receipted, processed, held, (new_persons + 1) * options->door_count, bytes,
           seconds, processor);
    free(took.list);
}

#endif
