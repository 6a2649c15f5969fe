/* SPDX-License-Identifier: EUPL-1.2 */
/* Every two forms that share a key are compared once, by as many threads as there are. */
#include "link/bulk_impl.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLICE 8192u /* members a thread takes at a time */

void kp_bulk_score(const struct kp_bulk *bulk, uint32_t form_a, uint32_t form_b,
                   struct kp_match_score *ret_score)
{
    struct kp_form a;
    struct kp_form b;
    kp_bulk_load(bulk, form_a, &a);
    kp_bulk_load(bulk, form_b, &b);
    kp_match_score(&bulk->model, &a, &b, ret_score);
}

/* --- the visit --- */

struct visit {
    const struct kp_bulk *bulk;
    const char *step;
    kp_bulk_visitor *visitor;
    atomic_ullong next; /* member */
};

struct worker {
    struct visit *visit;
    void *context;
    bool reports;
    pthread_t thread;
};

/* They meet in a block before this one: compared there. */
static bool met_before(const struct kp_bulk *bulk, uint32_t a, uint32_t b, uint32_t block)
{
    const struct kp_bulk_place *at_a = &bulk->places[bulk->places_at[a]];
    const struct kp_bulk_place *at_b = &bulk->places[bulk->places_at[b]];
    while (at_a->block < block && at_b->block < block) {
        if (at_a->block == at_b->block && kp_witnesses_agree(at_a->witnesses, at_b->witnesses)) {
            return true;
        }
        if (at_a->block <= at_b->block) {
            at_a++;
        } else {
            at_b++;
        }
    }
    return false;
}

static void *visit_slices(void *context)
{
    struct worker *worker = context;
    struct visit *visit = worker->visit;
    const struct kp_bulk *bulk = visit->bulk;
    const struct kp_bulk_member *members = bulk->members.items;
    uint64_t count = bulk->members.count;
    for (;;) {
        uint64_t from = atomic_fetch_add(&visit->next, SLICE);
        if (from >= count) {
            return NULL;
        }
        uint64_t until = from + SLICE < count ? from + SLICE : count;
        for (uint64_t a = from; a < until; a++) {
            for (uint64_t b = a + 1; b < count && members[b].block == members[a].block; b++) {
                if (kp_witnesses_agree(members[a].witnesses, members[b].witnesses) &&
                    !met_before(bulk, members[a].form, members[b].form, members[a].block)) {
                    visit->visitor(bulk, worker->context, members[a].form, members[b].form);
                }
            }
        }
        if (worker->reports) {
            kp_bulk_report(bulk, visit->step, until, count);
        }
    }
}

void kp_bulk_visit(const struct kp_bulk *bulk, const char *step, kp_bulk_visitor *visitor,
                   void *const *contexts)
{
    struct visit visit = {.bulk = bulk, .step = step, .visitor = visitor};
    struct worker workers[KP_BULK_THREADS_MAX];
    for (uint32_t i = 0; i < bulk->threads; i++) {
        workers[i] = (struct worker){.visit = &visit, .context = contexts[i], .reports = i == 0};
        KP_ASSERT(pthread_create(&workers[i].thread, NULL, visit_slices, &workers[i]) == 0);
    }
    for (uint32_t i = 0; i < bulk->threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    kp_bulk_report(bulk, step, bulk->members.count, bulk->members.count);
}

/* --- what is at least possible is kept --- */

struct compared {
    struct kp_list pairs;
    uint64_t count;
};

static void compare(const struct kp_bulk *bulk, void *context, uint32_t form_a, uint32_t form_b)
{
    struct compared *compared = context;
    struct kp_match_score score;
    kp_bulk_score(bulk, form_a, form_b, &score);
    compared->count++;
    if (score.grade >= KP_GRADE_POSSIBLE) {
        struct kp_bulk_pair *pair = kp_list_add(&compared->pairs);
        *pair = (struct kp_bulk_pair){form_a, form_b, score.bits, score.grade, score.related};
    }
}

static int compare_pairs(const void *a, const void *b)
{
    const struct kp_bulk_pair *one = a;
    const struct kp_bulk_pair *other = b;
    if (one->a != other->a) {
        return one->a < other->a ? -1 : 1;
    }
    return (one->b > other->b) - (one->b < other->b);
}

void kp_bulk_compare(struct kp_bulk *bulk)
{
    struct compared compared[KP_BULK_THREADS_MAX];
    void *contexts[KP_BULK_THREADS_MAX];
    for (uint32_t i = 0; i < bulk->threads; i++) {
        compared[i] = (struct compared){.pairs.item_bytes = sizeof(struct kp_bulk_pair)};
        contexts[i] = &compared[i];
    }
    kp_bulk_visit(bulk, "compare", compare, contexts);
    for (uint32_t i = 0; i < bulk->threads; i++) {
        kp_list_take(&bulk->pairs, &compared[i].pairs);
        bulk->figures.pairs_compared += compared[i].count;
    }
    /* Which thread came first is not to be seen in what is written. */
    if (bulk->pairs.count > 0) {
        qsort(bulk->pairs.items, bulk->pairs.count, sizeof(struct kp_bulk_pair), compare_pairs);
    }
}
