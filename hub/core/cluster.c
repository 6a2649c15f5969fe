/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/cluster.h"

#include "core/component.h"
#include "core/ids.h"
#include "core/meet.h"
#include "core/person.h"
#include "core/weigh.h"

#define SETTLED_MAX 2048u

/* --- whom a form is weighed with --- */

/* Add the persons of the component of @person; false: it is frozen or that makes too many, or the
 * transaction failed. */
static bool reach_person(struct kp_txn *txn, uint64_t person, struct kp_reach *reach,
                         uint32_t *forms_io)
{
    struct kp_person state;
    uint64_t *persons;
    uint32_t count;
    if (kp_ids_contain(reach->persons, reach->count, person)) {
        return true;
    }
    size_t mark = kp_txn_scratch_mark(txn);
    bool good = kp_person_load(txn, person, 0, &state) && state.component != KP_COMPONENT_FROZEN &&
                kp_component_persons(txn, person, state.component, &persons, &count);
    for (uint32_t i = 0; good && i < count; i++) {
        size_t inner = kp_txn_scratch_mark(txn);
        good = kp_person_load(txn, persons[i], 0, &state) &&
               kp_ids_insert(reach->persons, &reach->count, KP_COMPONENT_FORMS_MAX, persons[i]);
        *forms_io += good ? state.form_count : 0;
        kp_txn_scratch_restore(txn, inner);
    }
    kp_txn_scratch_restore(txn, mark);
    return good && *forms_io < KP_COMPONENT_FORMS_MAX;
}

bool kp_cluster_reach(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                      const struct kp_match_keys *keys, struct kp_reach *ret_reach)
{
    uint32_t forms = 0;
    *ret_reach = (struct kp_reach){0};
    ret_reach->persons =
        kp_arena_alloc(txn->scratch, sizeof *ret_reach->persons * KP_COMPONENT_FORMS_MAX);
    if (ret_reach->persons == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the persons of a component");
        return false;
    }
    size_t mark = kp_txn_scratch_mark(txn);
    uint64_t *holders;
    uint32_t count;
    if (!kp_holders_find(core, txn, form, keys, &ret_reach->doubts, &holders, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count && !ret_reach->full; i++) {
        ret_reach->full = !reach_person(txn, kp_forms_person(txn, holders[i]), ret_reach, &forms);
    }
    kp_txn_scratch_restore(txn, mark);
    if (ret_reach->full) {
        ret_reach->count = 0;
    }
    return kp_txn_error(txn) == KP_OK;
}

/* --- who meets whom has changed --- */

/* The persons who bear these forms, and those who stood with them. false: they have more forms than
 * a set takes, or the transaction failed. */
static bool gather_persons(struct kp_txn *txn, const uint64_t *forms, uint32_t count,
                           struct kp_reach *reach)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct kp_person state;
        uint64_t *persons;
        uint32_t person_count;
        uint64_t person = kp_forms_person(txn, forms[i]);
        size_t mark = kp_txn_scratch_mark(txn);
        if (!kp_person_load(txn, person, 0, &state) ||
            !kp_component_persons(txn, person, state.component, &persons, &person_count)) {
            return false;
        }
        for (uint32_t n = 0; n < person_count; n++) {
            if (kp_ids_insert(reach->persons, &reach->count, KP_WEIGH_FORMS_MAX, persons[n]) &&
                kp_person_load(txn, persons[n], 0, &state)) {
                total += state.form_count;
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return total <= KP_WEIGH_FORMS_MAX && kp_txn_error(txn) == KP_OK;
}

/* Forms of which it is settled already how they hold together, and those of them that do so with
 * more than may be put together: who reaches one of these does too. */
struct settled {
    uint32_t count, large_count;
    uint64_t forms[SETTLED_MAX], large[SETTLED_MAX];
    struct kp_frozen_work frozen;
};

static void init_settled(struct settled *settled)
{
    settled->count = settled->large_count = 0;
    kp_frozen_work_init(&settled->frozen);
}

/* Each component in which one of them stood, by itself: what is left of it holds together with them
 * or stands elsewhere. */
static void weigh_apart(struct kp_core *core, struct kp_txn *txn, const uint64_t *forms,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        struct kp_person state;
        uint64_t *persons;
        uint32_t person_count;
        uint64_t person = kp_forms_person(txn, forms[i]);
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_person_load(txn, person, 0, &state) && state.component != KP_COMPONENT_FROZEN &&
            kp_component_persons(txn, person, state.component, &persons, &person_count)) {
            kp_weigh_persons(core, txn, persons, person_count, KP_HOLD_SEE);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

/* They hold together with nobody else. Who was frozen and bears others too is parted first. */
static void weigh_few(struct kp_core *core, struct kp_txn *txn, const uint64_t *forms,
                      uint32_t count, struct settled *settled)
{
    uint64_t persons[KP_WEIGH_FORMS_MAX];
    struct kp_reach reach = {.persons = persons};
    const struct kp_ids few = {forms, count};
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        struct kp_person state;
        size_t mark = kp_txn_scratch_mark(txn);
        uint64_t person = kp_forms_person(txn, forms[i]);
        if (kp_person_load(txn, person, 0, &state) && state.component == KP_COMPONENT_FROZEN) {
            kp_frozen_split(core, txn, person, &few, &settled->frozen);
        }
        kp_txn_scratch_restore(txn, mark);
    }
    if (!gather_persons(txn, forms, count, &reach)) {
        weigh_apart(core, txn, forms, count);
        reach.count = 0;
        (void)gather_persons(txn, forms, count, &reach);
    }
    kp_weigh_persons(core, txn, reach.persons, reach.count, KP_HOLD_SEE);
}

/* What holds together with one form does so with all of them: they are settled at once. */
static void weigh_again(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                        struct settled *settled)
{
    uint64_t forms[KP_COMPONENT_FORMS_MAX];
    uint32_t count = 0;
    if (kp_ids_contain(settled->forms, settled->count, form)) {
        return;
    }
    const struct kp_ids large = {settled->large, settled->large_count};
    bool few = kp_holders_all(core, txn, form, &large, forms, &count);
    if (few) {
        weigh_few(core, txn, forms, count, settled);
    }
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        if (!few) {
            kp_frozen_freeze(core, txn, kp_forms_person(txn, forms[i]), &settled->frozen);
            kp_frozen_note(&settled->frozen, forms[i]);
            (void)kp_ids_insert(settled->large, &settled->large_count, SETTLED_MAX, forms[i]);
        }
        (void)kp_ids_insert(settled->forms, &settled->count, SETTLED_MAX, forms[i]);
    }
}

/* What was parted from others on the way, and the cells of who is frozen. */
static void settle_rest(struct kp_core *core, struct kp_txn *txn, struct settled *settled)
{
    struct kp_frozen_work *work = &settled->frozen;
    uint32_t rounds = 0;
    kp_frozen_settle(core, txn, work);
    while (work->left_count > 0 && rounds++ < KP_FROZEN_LIST_MAX && kp_txn_error(txn) == KP_OK) {
        weigh_again(core, txn, work->left[--work->left_count], settled);
        kp_frozen_settle(core, txn, work);
    }
}

/* Who stands under one BSN is a cell, and that has changed. */
static void note_cells(struct kp_txn *txn, const struct kp_block_change *change,
                       struct kp_frozen_work *work)
{
    for (uint32_t i = 0; change->kind == KP_KEY_BSN && i < change->count; i++) {
        struct kp_person state;
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_person_load(txn, kp_forms_person(txn, change->forms[i]), 0, &state) &&
            state.component == KP_COMPONENT_FROZEN) {
            kp_frozen_note(work, change->forms[i]);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

static void follow(struct kp_core *core, struct kp_txn *txn, const struct kp_block_change *changes,
                   struct settled *settled)
{
    for (; changes != NULL; changes = changes->next) {
        uint64_t forms[KP_MEET_FORMS_MAX];
        uint32_t count;
        kp_meet_changed(core, txn, changes, forms, &count);
        for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
            weigh_again(core, txn, forms[i], settled);
        }
        note_cells(txn, changes, &settled->frozen);
    }
    settle_rest(core, txn, settled);
}

static void follow_bearer(struct kp_core *core, struct kp_txn *txn, const struct kp_bearer *bearer)
{
    struct settled settled;
    init_settled(&settled);
    if (bearer->frozen != NULL) {
        settled.frozen = *bearer->frozen;
    }
    follow(core, txn, bearer->changes, &settled);
}

void kp_cluster_follow(struct kp_core *core, struct kp_txn *txn, const struct kp_bearer *bearer)
{
    if (bearer->changes != NULL || bearer->frozen != NULL) { /* seldom: and it takes much room */
        follow_bearer(core, txn, bearer);
    }
}

void kp_cluster_again(struct kp_core *core, struct kp_txn *txn, const uint64_t *forms,
                      uint32_t count)
{
    struct settled settled;
    init_settled(&settled);
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        weigh_again(core, txn, forms[i], &settled);
    }
    settle_rest(core, txn, &settled);
}

enum kp_trial_end kp_cluster_try(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                                 struct kp_trial *ret_trial)
{
    uint64_t forms[KP_COMPONENT_FORMS_MAX];
    uint64_t persons[KP_WEIGH_FORMS_MAX];
    struct kp_reach reach = {.persons = persons};
    uint32_t count;
    if (!kp_holders_all(core, txn, form, NULL, forms, &count) ||
        !gather_persons(txn, forms, count, &reach)) {
        return KP_TRIAL_LARGE;
    }
    struct kp_weighing *set = forms[0] == form ? kp_weigh_open(core, txn) : NULL;
    if (set == NULL) {
        return KP_TRIAL_OTHERS;
    }
    for (uint32_t i = 0; i < reach.count; i++) {
        kp_weigh_take(set, reach.persons[i]);
    }
    kp_weigh_try(set, form, ret_trial);
    return KP_TRIAL_DONE;
}

/* --- a form comes or goes --- */

/* Everybody whom it holds is frozen with it. */
static void add_frozen(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                       const struct kp_match_keys *keys, struct kp_bearer *ret_bearer)
{
    uint64_t *holders;
    uint32_t count;
    ret_bearer->frozen = kp_arena_alloc(txn->scratch, sizeof *ret_bearer->frozen);
    if (ret_bearer->frozen == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for what is frozen");
        return;
    }
    kp_frozen_work_init(ret_bearer->frozen);
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_holders_find(core, txn, form, keys, NULL, &holders, &count)) {
        for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
            kp_frozen_freeze(core, txn, kp_forms_person(txn, holders[i]), ret_bearer->frozen);
        }
        kp_frozen_add(core, txn, form, keys, ret_bearer->frozen, &ret_bearer->person);
    }
    kp_txn_scratch_restore(txn, mark);
    core->effects->components_full++;
    core->effects->crowded_at = core->position;
    ret_bearer->component = KP_COMPONENT_FROZEN;
}

static void add_weighed(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                        const struct kp_match_keys *keys, const struct kp_reach *reach,
                        struct kp_bearer *ret_bearer)
{
    struct kp_weighing *set = kp_weigh_open(core, txn);
    if (set == NULL) {
        return;
    }
    kp_weigh_take_new(set, form, keys);
    for (uint32_t i = 0; i < reach->count; i++) {
        kp_weigh_take(set, reach->persons[i]);
    }
    kp_weigh(set, KP_HOLD_ALL);
    kp_weigh_bearer(set, form->id, &ret_bearer->person, &ret_bearer->component);
}

void kp_cluster_add(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                    const struct kp_match_keys *keys, const struct kp_reach *reach,
                    struct kp_bearer *ret_bearer)
{
    *ret_bearer = (struct kp_bearer){0};
    if (reach->full) {
        add_frozen(core, txn, form, keys, ret_bearer);
    } else {
        add_weighed(core, txn, form, keys, reach, ret_bearer);
    }
    kp_doubts_put(txn, &reach->doubts, ret_bearer->person);
    kp_blocks_add(txn, keys, form->id, &ret_bearer->changes);
}

/* The form stands where one before it was weighed with all that it holds together with, so it was
 * weighed with it. Only somebody who came since could have brought it there otherwise. */
static bool was_weighed(struct kp_txn *txn, uint64_t form, uint64_t until)
{
    struct kp_person state;
    uint64_t *persons;
    uint32_t count;
    bool before = false;
    size_t mark = kp_txn_scratch_mark(txn);
    uint64_t person = kp_forms_person(txn, form);
    bool old = kp_person_load(txn, person, 0, &state) && state.component != KP_COMPONENT_FROZEN &&
               kp_component_persons(txn, person, state.component, &persons, &count);
    for (uint32_t i = 0; old && i < count; i++) {
        size_t inner = kp_txn_scratch_mark(txn);
        old = kp_person_load(txn, persons[i], 0, &state);
        for (uint32_t k = 0; old && k < state.form_count; k++) {
            before = before || state.forms[k].id < form;
            old = state.forms[k].id < until;
        }
        kp_txn_scratch_restore(txn, inner);
    }
    kp_txn_scratch_restore(txn, mark);
    return old && before;
}

/* What was asked of the form: whether it still is a question. */
static void weigh_doubts(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form)
{
    struct kp_doubt doubt = {.form = form->id};
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_doubt_next(txn, form->id, doubt.other, &doubt) && doubt.form == form->id) {
        struct kp_form other;
        struct kp_match_score score;
        if (!kp_forms_shape(txn, core->model.terms, doubt.other, &other)) {
            return; /* the transaction failed */
        }
        kp_match_score(&core->model, &form->form, &other, &score);
        if (score.bits < core->model.possible) {
            kp_doubt_drop(txn, form->id, doubt.other);
        } else if (score.bits != doubt.bits) {
            doubt.bits = score.bits;
            kp_doubt_put(txn, &doubt);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

struct kp_sweep {
    struct settled settled;
};

struct kp_sweep *kp_cluster_sweep(struct kp_txn *txn)
{
    struct kp_sweep *sweep = kp_arena_alloc(txn->scratch, sizeof *sweep);
    if (sweep == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the forms of a sweep");
        return NULL;
    }
    init_settled(&sweep->settled);
    return sweep;
}

void kp_cluster_epoch(struct kp_core *core, struct kp_txn *txn, struct kp_sweep *sweep,
                      uint64_t form, uint64_t until)
{
    struct kp_known_form known;
    struct kp_match_keys keys;
    struct kp_doubts doubts = {.count = 0};
    uint64_t *holders;
    uint32_t count;
    size_t mark = kp_txn_scratch_mark(txn);
    if (!was_weighed(txn, form, until)) {
        weigh_again(core, txn, form, &sweep->settled);
        settle_rest(core, txn, &sweep->settled);
    }
    if (kp_forms_load(txn, core->model.terms, form, &known) &&
        kp_forms_decode(txn, core->model.terms, &known, &keys) &&
        kp_holders_find(core, txn, &known, &keys, &doubts, &holders, &count)) {
        weigh_doubts(core, txn, &known);
        kp_doubts_put(txn, &doubts, known.person);
    }
    kp_txn_scratch_restore(txn, mark);
}

/* Of what held together with too many, what is left may be few enough. */
static void look_at_holders(struct kp_core *core, struct kp_txn *txn,
                            const struct kp_known_form *form, const struct kp_match_keys *keys,
                            struct settled *settled)
{
    uint64_t *holders;
    uint32_t count;
    if (!kp_holders_find(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        weigh_again(core, txn, holders[i], settled);
    }
}

void kp_cluster_remove(struct kp_core *core, struct kp_txn *txn, uint64_t form, uint64_t person,
                       uint64_t component)
{
    struct kp_known_form known;
    struct kp_match_keys keys;
    struct kp_block_change *changes = NULL;
    struct settled settled;
    uint64_t *persons;
    uint32_t count;
    init_settled(&settled);
    if (!kp_forms_load(txn, core->model.terms, form, &known) ||
        !kp_forms_decode(txn, core->model.terms, &known, &keys)) {
        return;
    }
    kp_forms_remove(txn, &known);
    kp_doubt_forget(txn, form);
    kp_blocks_remove(txn, &keys, form, &changes);
    if (component == KP_COMPONENT_FROZEN) {
        look_at_holders(core, txn, &known, &keys, &settled);
    } else if (kp_component_persons(txn, person, component, &persons, &count)) {
        struct kp_weighing *set = kp_weigh_open(core, txn);
        if (set != NULL) {
            kp_weigh_take_component(set, component);
        }
        for (uint32_t i = 0; set != NULL && i < count; i++) {
            kp_weigh_take(set, persons[i]);
        }
        if (set != NULL) {
            kp_weigh(set, KP_HOLD_SEE);
        }
    }
    follow(core, txn, changes, &settled);
}

/* --- whom it would be one person with --- */

/* As add_frozen would find: who stands in a component with one whom it holds is frozen then. */
static void frozen_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                       const struct kp_match_keys *keys, struct kp_kin *ret_kin)
{
    uint64_t frozen[SETTLED_MAX];
    uint32_t frozen_count = 0;
    uint64_t *holders;
    uint32_t count;
    if (!kp_holders_find(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct kp_person state;
        uint64_t *persons;
        uint32_t person_count;
        uint64_t person = kp_forms_person(txn, holders[i]);
        size_t mark = kp_txn_scratch_mark(txn);
        if (!kp_ids_contain(frozen, frozen_count, person) &&
            kp_person_load(txn, person, 0, &state) &&
            kp_component_persons(txn, person, state.component, &persons, &person_count)) {
            for (uint32_t k = 0; k < person_count; k++) {
                (void)kp_ids_insert(frozen, &frozen_count, SETTLED_MAX, persons[k]);
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    const struct kp_ids persons = {frozen, frozen_count};
    kp_frozen_kin(core, txn, form, keys, &persons, ret_kin);
}

bool kp_cluster_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                    const struct kp_match_keys *keys, const struct kp_reach *reach,
                    struct kp_kin *ret_kin)
{
    size_t mark = kp_txn_scratch_mark(txn);
    ret_kin->count = 0;
    struct kp_weighing *set = reach->full ? NULL : kp_weigh_open(core, txn);
    if (reach->full) {
        frozen_kin(core, txn, form, keys, ret_kin);
    } else if (set != NULL) {
        kp_weigh_take_new(set, form, keys);
        for (uint32_t i = 0; i < reach->count; i++) {
            kp_weigh_take(set, reach->persons[i]);
        }
        kp_weigh_kin(set, form->id, KP_HOLD_ALL, ret_kin);
    }
    kp_txn_scratch_restore(txn, mark);
    return kp_txn_error(txn) == KP_OK;
}
