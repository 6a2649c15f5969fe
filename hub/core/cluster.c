/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/cluster.h"

#include "core/component.h"
#include "core/ids.h"
#include "core/meet.h"
#include "core/person.h"
#include "core/weigh.h"

#define SETTLED_MAX 2048u
#define DOUBTS_EACH_MAX 3u /* persons that one new form is asked of */

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

/* --- more than may be put together --- */

/* The component of this person holds together with more: in it only an equal BSN joins from now on.
 */
static void freeze(struct kp_core *core, struct kp_txn *txn, uint64_t person)
{
    struct kp_person state;
    uint64_t *persons;
    uint32_t count;
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_person_load(txn, person, 0, &state) && state.component != KP_COMPONENT_FROZEN &&
        kp_component_persons(txn, person, state.component, &persons, &count)) {
        kp_weigh_persons(core, txn, persons, count, KP_HOLD_FROZEN);
    }
    kp_txn_scratch_restore(txn, mark);
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
};

/* What holds together with one form does so with all of them: they are settled at once. */
static void weigh_again(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                        struct settled *settled)
{
    uint64_t forms[KP_COMPONENT_FORMS_MAX];
    uint64_t persons[KP_WEIGH_FORMS_MAX];
    struct kp_reach reach = {.persons = persons};
    uint32_t count = 0;
    if (kp_ids_contain(settled->forms, settled->count, form)) {
        return;
    }
    const struct kp_ids large = {settled->large, settled->large_count};
    bool all = kp_holders_all(core, txn, form, &large, forms, &count);
    bool few = all && gather_persons(txn, forms, count, &reach);
    if (few) {
        kp_weigh_persons(core, txn, reach.persons, reach.count, KP_HOLD_SEE);
    }
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        if (!few) {
            freeze(core, txn, kp_forms_person(txn, forms[i]));
        }
        (void)kp_ids_insert(settled->forms, &settled->count, SETTLED_MAX, forms[i]);
        if (!all) {
            (void)kp_ids_insert(settled->large, &settled->large_count, SETTLED_MAX, forms[i]);
        }
    }
}

void kp_cluster_follow(struct kp_core *core, struct kp_txn *txn,
                       const struct kp_block_change *changes)
{
    struct settled settled;
    settled.count = settled.large_count = 0;
    for (; changes != NULL; changes = changes->next) {
        uint64_t forms[KP_MEET_FORMS_MAX];
        uint32_t count;
        kp_meet_changed(core, txn, changes, forms, &count);
        for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
            weigh_again(core, txn, forms[i], &settled);
        }
    }
}

void kp_cluster_again(struct kp_core *core, struct kp_txn *txn, uint64_t form)
{
    struct settled settled;
    settled.count = settled.large_count = 0;
    weigh_again(core, txn, form, &settled);
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

/* What it is like, and is not one with: for a person to look at. */
static void put_doubts(struct kp_txn *txn, const struct kp_reach *reach, uint64_t person)
{
    uint64_t asked[DOUBTS_EACH_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < reach->doubts.count && count < DOUBTS_EACH_MAX; i++) {
        uint64_t other = kp_forms_person(txn, reach->doubts.doubts[i].other);
        if (other != person && kp_ids_insert(asked, &count, DOUBTS_EACH_MAX, other)) {
            kp_doubt_put(txn, &reach->doubts.doubts[i]);
        }
    }
}

/* Everybody whom it holds is frozen with it; who has its BSN bears it. */
static void add_frozen(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                       const struct kp_match_keys *keys, struct kp_bearer *ret_bearer)
{
    struct kp_known_form stored = *form;
    uint64_t *holders;
    uint32_t count;
    stored.person = form->id;
    if (!kp_holders_find(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        freeze(core, txn, kp_forms_person(txn, holders[i]));
    }
    for (uint32_t i = 0; i < count && stored.person == form->id; i++) {
        struct kp_known_form other;
        struct kp_match_score score;
        if (kp_forms_load(txn, core->model.terms, holders[i], &other)) {
            kp_match_score(&core->model, &form->form, &other.form, &score);
            stored.person = score.principle == KP_PRINCIPLE_BSN ? other.person : stored.person;
        }
    }
    core->effects->components_full++;
    core->effects->persons_made += stored.person == form->id ? 1 : 0;
    kp_forms_store(txn, &stored);
    ret_bearer->person = stored.person;
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
    put_doubts(txn, reach, ret_bearer->person);
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

void kp_cluster_epoch(struct kp_core *core, struct kp_txn *txn, uint64_t form, uint64_t until)
{
    struct kp_known_form known;
    struct kp_match_keys keys;
    struct kp_reach reach = {0};
    uint64_t *holders;
    uint32_t count;
    size_t mark = kp_txn_scratch_mark(txn);
    if (!was_weighed(txn, form, until)) {
        kp_cluster_again(core, txn, form);
    }
    if (kp_forms_load(txn, core->model.terms, form, &known) &&
        kp_forms_decode(txn, core->model.terms, &known, &keys) &&
        kp_holders_find(core, txn, &known, &keys, &reach.doubts, &holders, &count)) {
        kp_doubt_forget(txn, form);
        put_doubts(txn, &reach, known.person);
    }
    kp_txn_scratch_restore(txn, mark);
}

/* Of what held together with too many, what is left may be few enough. */
static void remove_frozen(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_known_form *form, const struct kp_match_keys *keys)
{
    struct settled settled;
    settled.count = settled.large_count = 0;
    uint64_t *holders;
    uint32_t count;
    if (!kp_holders_find(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        weigh_again(core, txn, holders[i], &settled);
    }
}

void kp_cluster_remove(struct kp_core *core, struct kp_txn *txn, uint64_t form, uint64_t person,
                       uint64_t component)
{
    struct kp_known_form known;
    struct kp_match_keys keys;
    struct kp_block_change *changes = NULL;
    uint64_t *persons;
    uint32_t count;
    if (!kp_forms_load(txn, core->model.terms, form, &known) ||
        !kp_forms_decode(txn, core->model.terms, &known, &keys)) {
        return;
    }
    kp_forms_remove(txn, &known);
    kp_doubt_forget(txn, form);
    kp_blocks_remove(txn, &keys, form, &changes);
    if (component == KP_COMPONENT_FROZEN) {
        remove_frozen(core, txn, &known, &keys);
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
    kp_cluster_follow(core, txn, changes);
}

/* --- whom it would be one person with --- */

static bool same_bsn(const struct kp_core *core, const struct kp_form *a, const struct kp_form *b)
{
    struct kp_match_score score;
    kp_match_score(&core->model, a, b, &score);
    return score.principle == KP_PRINCIPLE_BSN;
}

/* Of a person who bears the form by its BSN alone: all his forms, once he is frozen; else those
 * that would be left to him then. */
static void take_frozen(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                        uint64_t id, struct kp_kin *ret_kin)
{
    struct kp_person person;
    size_t mark = kp_txn_scratch_mark(txn);
    bool loaded = kp_person_load(txn, id, 0, &person);
    for (uint32_t i = 0; loaded && i < person.form_count && i < KP_COMPONENT_FORMS_MAX; i++) {
        struct kp_known_form other;
        size_t inner = kp_txn_scratch_mark(txn);
        if (person.component == KP_COMPONENT_FROZEN ||
            (kp_forms_load(txn, core->model.terms, person.forms[i].id, &other) &&
             same_bsn(core, &form->form, &other.form))) {
            ret_kin->forms[ret_kin->count] = person.forms[i].id;
            ret_kin->persons[ret_kin->count++] = id;
        }
        kp_txn_scratch_restore(txn, inner);
    }
    kp_txn_scratch_restore(txn, mark);
}

/* As add_frozen would find. */
static void frozen_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                       const struct kp_match_keys *keys, struct kp_kin *ret_kin)
{
    uint64_t *holders;
    uint32_t count;
    if (!kp_holders_find(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count && ret_kin->count == 0; i++) {
        struct kp_known_form other;
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_forms_load(txn, core->model.terms, holders[i], &other) &&
            same_bsn(core, &form->form, &other.form)) {
            take_frozen(core, txn, form, other.person, ret_kin);
        }
        kp_txn_scratch_restore(txn, mark);
    }
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
        kp_weigh_kin(set, form->id, ret_kin);
    }
    kp_txn_scratch_restore(txn, mark);
    return kp_txn_error(txn) == KP_OK;
}
