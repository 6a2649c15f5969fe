/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The model of this registration: weights and prior learned from its own pairs, and whether other
 * given names and birth dates in it are other people's. Nothing is said of who is who.
 */
#include "link/bulk_impl.h"

#include "base/assert.h"
#include "base/limits.h"
#include "train/family.h"
#include "train/train.h"

#include <stdlib.h>

#define CHANCE_PAIRS 300000u

/* --- weights --- */

static void learn_pair(const struct kp_bulk *bulk, void *context, uint32_t form_a, uint32_t form_b)
{
    struct kp_match_score score;
    kp_bulk_score(bulk, form_a, form_b, &score);
    kp_train_add_pair(context, score.levels);
}

/* Forms drawn at random: the same ones each time. */
static void learn_chance(const struct kp_bulk *bulk, struct kp_train *train)
{
    uint64_t random = 88172645463325252u; /* xorshift64 */
    for (uint64_t i = 0; i < CHANCE_PAIRS; i++) {
        struct kp_match_score score;
        uint32_t drawn[2];
        for (int k = 0; k < 2; k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            drawn[k] = (uint32_t)(random % bulk->form_count);
        }
        if (drawn[0] != drawn[1]) {
            kp_bulk_score(bulk, drawn[0], drawn[1], &score);
            kp_train_add_chance(train, score.levels);
        }
    }
}

static void learn_weights(struct kp_bulk *bulk)
{
    struct kp_train *trains[KP_BULK_THREADS_MAX];
    void *contexts[KP_BULK_THREADS_MAX];
    for (uint32_t i = 0; i < bulk->threads; i++) {
        contexts[i] = trains[i] = kp_train_new();
    }
    learn_chance(bulk, trains[0]);
    kp_bulk_visit(bulk, "learn", learn_pair, contexts);
    for (uint32_t i = 1; i < bulk->threads; i++) {
        kp_train_take(trains[0], trains[i]);
        trains[i] = kp_train_free(trains[i]);
    }
    kp_train_tells_all(trains[0], KP_LEVEL_ADDRESS_FULL); /* by KP_KEY_ADDRESS */
    kp_train_tells_all(trains[0], KP_LEVEL_ADDRESS_EQUAL);
    double count = bulk->form_count;
    kp_train_finish(trains[0], count * (count - 1) / 2, &bulk->model);
    trains[0] = kp_train_free(trains[0]);
}

/* --- another person, or a changed name or date? --- */

/* Two forms, one after the other in one number. */
struct looked {
    bool *named;             /* of a form: certainly one person with another of the same name */
    bool *dated;             /* likewise, and of the same birth date */
    struct kp_list siblings; /* uint64_t: the same birth date and surname, another given name */
    struct kp_list parents;  /* uint64_t: the same names and address, another birth date */
};

static void look(const struct kp_bulk *bulk, void *context, uint32_t form_a, uint32_t form_b)
{
    struct looked *looked = context;
    struct kp_match_score score;
    kp_bulk_score(bulk, form_a, form_b, &score);
    if (score.named && score.grade == KP_GRADE_CERTAIN) {
        looked->named[form_a] = looked->named[form_b] = true;
        if (score.levels[KP_FIELD_BIRTH] == KP_LEVEL_BIRTH_EQUAL) {
            looked->dated[form_a] = looked->dated[form_b] = true;
        }
    }
    if (score.related && score.levels[KP_FIELD_BIRTH] == KP_LEVEL_BIRTH_EQUAL) {
        *(uint64_t *)kp_list_add(&looked->siblings) = (uint64_t)form_a << 32 | form_b;
    }
    if (score.parental && score.named) {
        *(uint64_t *)kp_list_add(&looked->parents) = (uint64_t)form_a << 32 | form_b;
    }
}

static bool are_two(const struct kp_bulk *bulk, const bool *confirmed, const struct kp_list *pairs)
{
    const uint64_t *pair = pairs->items;
    struct kp_family family = {.forms = bulk->form_count};
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        family.confirmed += confirmed[i] ? 1 : 0;
    }
    for (uint64_t i = 0; i < pairs->count; i++) {
        kp_family_add_pair(&family, confirmed[pair[i] >> 32], confirmed[pair[i] & UINT32_MAX]);
    }
    return kp_family_are_two(&family);
}

static void learn_family(struct kp_bulk *bulk)
{
    struct looked looked[KP_BULK_THREADS_MAX];
    void *contexts[KP_BULK_THREADS_MAX];
    for (uint32_t i = 0; i < bulk->threads; i++) {
        looked[i] = (struct looked){.siblings.item_bytes = sizeof(uint64_t),
                                    .parents.item_bytes = sizeof(uint64_t)};
        looked[i].named = calloc(bulk->form_count + 1u, sizeof *looked[i].named);
        looked[i].dated = calloc(bulk->form_count + 1u, sizeof *looked[i].dated);
        KP_ASSERT(looked[i].named != NULL && looked[i].dated != NULL);
        contexts[i] = &looked[i];
    }
    kp_bulk_visit(bulk, "families", look, contexts);
    for (uint32_t i = 1; i < bulk->threads; i++) {
        for (uint32_t form = 0; form < bulk->form_count; form++) {
            looked[0].named[form] = looked[0].named[form] || looked[i].named[form];
            looked[0].dated[form] = looked[0].dated[form] || looked[i].dated[form];
        }
        kp_list_take(&looked[0].siblings, &looked[i].siblings);
        kp_list_take(&looked[0].parents, &looked[i].parents);
        free(looked[i].named);
        free(looked[i].dated);
    }
    bulk->model.siblings = are_two(bulk, looked[0].named, &looked[0].siblings);
    bulk->model.generations = are_two(bulk, looked[0].dated, &looked[0].parents);
    if (!bulk->model.siblings && !bulk->model.generations) {
        bulk->model.joined = KP_JOINED_WITHOUT_FAMILY;
    }
    free(looked[0].named);
    free(looked[0].dated);
    kp_list_done(&looked[0].siblings);
    kp_list_done(&looked[0].parents);
}

void kp_bulk_learn(struct kp_bulk *bulk)
{
    kp_match_model_init(&bulk->model, bulk->as_hub ? KP_HOUSE_SIGNALS_EXPECTED : bulk->rows.count);
    bulk->figures.learned = !bulk->as_hub && bulk->form_count >= KP_BULK_LEARN_MIN;
    if (bulk->figures.learned) {
        learn_weights(bulk);
        learn_family(bulk);
    }
}
