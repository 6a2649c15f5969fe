/* SPDX-License-Identifier: EUPL-1.2 */
/* Compared pairs hold forms together; each component is parted into persons. */
#include "link/bulk_impl.h"

#include "base/assert.h"
#include "core/match/partition.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define COMPONENT_STEP (2 * KP_BIT)

static uint32_t root_of(uint32_t *parents, uint32_t form)
{
    while (parents[form] != form) {
        parents[form] = parents[parents[form]];
        form = parents[form];
    }
    return form;
}

static void part(struct kp_bulk *bulk, const uint32_t *forms, uint32_t count,
                 struct kp_arena *arena)
{
    struct kp_form *loaded = kp_arena_alloc(arena, sizeof *loaded * count);
    uint32_t *groups = kp_arena_alloc(arena, sizeof *groups * count);
    KP_ASSERT(kp_arena_ok(arena));
    for (uint32_t i = 0; i < count; i++) {
        kp_bulk_load(bulk, forms[i], &loaded[i]);
    }
    struct kp_partition_in partition = {.model = &bulk->model, .forms = loaded, .count = count};
    bool fits = kp_partition(&partition, arena, groups);
    KP_ASSERT(fits);
    for (uint32_t i = 0; i < count; i++) {
        bulk->groups[forms[i]] = forms[groups[i]];
    }
    kp_arena_reset(arena);
}

/* Forms held together by matches of at least @least; what is too large is held together by
 * stronger ones only. */
static void part_components(struct kp_bulk *bulk, const uint32_t *forms, uint32_t count,
                            int32_t least, struct kp_arena *arena);

static uint32_t *components(const struct kp_bulk *bulk, const uint32_t *forms, uint32_t count,
                            int32_t least, uint32_t *parents)
{
    const struct kp_bulk_pair *pairs = bulk->pairs.items;
    for (uint32_t i = 0; i < count; i++) {
        parents[forms[i]] = forms[i];
    }
    for (uint64_t i = 0; i < bulk->pairs.count; i++) {
        if (pairs[i].bits >= least && parents[pairs[i].a] != NONE && parents[pairs[i].b] != NONE) {
            uint32_t a = root_of(parents, pairs[i].a);
            uint32_t b = root_of(parents, pairs[i].b);
            parents[a > b ? a : b] = a > b ? b : a;
        }
    }
    return parents;
}

struct placed {
    uint32_t root, form;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *one = a;
    const struct placed *other = b;
    if (one->root != other->root) {
        return one->root < other->root ? -1 : 1;
    }
    return (one->form > other->form) - (one->form < other->form);
}

static void part_components(struct kp_bulk *bulk, const uint32_t *forms, uint32_t count,
                            int32_t least, struct kp_arena *arena)
{
    uint32_t *parents = malloc((bulk->form_count + 1u) * sizeof *parents);
    struct placed *placed = calloc(count + 1u, sizeof *placed);
    uint32_t *members = calloc(count + 1u, sizeof *members);
    KP_ASSERT(parents != NULL && placed != NULL && members != NULL);
    memset(parents, 0xff, (bulk->form_count + 1u) * sizeof *parents);
    (void)components(bulk, forms, count, least, parents);
    for (uint32_t i = 0; i < count; i++) {
        placed[i] = (struct placed){root_of(parents, forms[i]), forms[i]};
    }
    free(parents);
    qsort(placed, count, sizeof *placed, compare_placed);
    for (uint32_t i = 0; i < count; i++) {
        members[i] = placed[i].form;
    }
    for (uint32_t start = 0; start < count;) {
        uint32_t end = start + 1;
        while (end < count && placed[end].root == placed[start].root) {
            end++;
        }
        if (end - start > KP_COMPONENT_FORMS_MAX) {
            bulk->figures.large_components++;
            part_components(bulk, members + start, end - start, least + COMPONENT_STEP, arena);
        } else if (end - start > 1) {
            part(bulk, members + start, end - start, arena);
        }
        start = end;
    }
    free(placed);
    free(members);
}

/* Like enough by itself, but somebody else is as likely, or the persons contradict each other: for
 * a person to look at. */
static void grade_by_persons(struct kp_bulk *bulk)
{
    struct kp_bulk_pair *pairs = bulk->pairs.items;
    for (uint64_t i = 0; i < bulk->pairs.count; i++) {
        if (pairs[i].grade == KP_GRADE_CERTAIN &&
            bulk->groups[pairs[i].a] != bulk->groups[pairs[i].b]) {
            pairs[i].grade = KP_GRADE_PROBABLE;
        }
    }
}

void kp_bulk_part(struct kp_bulk *bulk)
{
    uint32_t *all = calloc(bulk->form_count + 1u, sizeof *all);
    struct kp_arena arena;
    bulk->groups = calloc(bulk->form_count + 1u, sizeof *bulk->groups);
    KP_ASSERT(all != NULL && bulk->groups != NULL);
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        all[i] = bulk->groups[i] = i;
    }
    kp_arena_init(&arena, 4u << 20);
    part_components(bulk, all, bulk->form_count, bulk->model.joined - bulk->model.margin, &arena);
    kp_arena_done(&arena);
    free(all);
    grade_by_persons(bulk);
}
