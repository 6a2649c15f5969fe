/* SPDX-License-Identifier: EUPL-1.2 */
#include "learn/compare.h"

#include "base/assert.h"
#include "core/epoch.h"
#include "core/holders.h"
#include "core/person.h"

#include <stdlib.h>

/* --- whether a person is the same in a trial --- */

static bool is_whole(const struct kp_trial *trial, const struct kp_person *person)
{
    uint32_t here = 0;
    uint32_t group = UINT32_MAX;
    for (uint32_t i = 0; i < trial->count; i++) {
        if (trial->forms[i].person != person->id) {
            continue;
        }
        here++;
        group = group == UINT32_MAX ? trial->forms[i].group : group;
        if (trial->forms[i].group != group) {
            return false; /* parted */
        }
    }
    for (uint32_t i = 0; i < trial->count; i++) {
        if (trial->forms[i].group == group && trial->forms[i].person != person->id) {
            return false; /* with somebody else */
        }
    }
    return here == person->form_count; /* the others stand elsewhere */
}

/* He is counted where his first form is. */
static bool is_first_here(const struct kp_trial *trial, const struct kp_person *person)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < person->form_count; i++) {
        first = person->forms[i].id < first ? person->forms[i].id : first;
    }
    for (uint32_t i = 0; i < trial->count; i++) {
        if (trial->forms[i].form == first) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct kp_trial *trial, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (trial->forms[i].person == trial->forms[at].person) {
            return true;
        }
    }
    return false;
}

/* --- what becomes of one person --- */

static int compare_forms(const void *a, const void *b)
{
    const struct kp_change_form *one = a;
    const struct kp_change_form *other = b;
    if (one->group != other->group) {
        return one->group < other->group ? -1 : 1;
    }
    return (one->form > other->form) - (one->form < other->form);
}

static bool is_told(const struct kp_change *change, uint64_t form)
{
    uint32_t at = 0;
    while (at < change->count && change->forms[at].form != form) {
        at++;
    }
    return at < change->count;
}

static void add_form(struct kp_change *change, uint64_t form, uint64_t person, uint64_t group)
{
    if (change->count == KP_CHANGE_FORMS_MAX) {
        change->cut = true;
        return;
    }
    change->forms[change->count++] = (struct kp_change_form){form, person, group};
}

/* All forms that would be one person with this one. */
static void add_group(struct kp_change *change, const struct kp_trial *trial, uint64_t form)
{
    uint32_t group = UINT32_MAX;
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < trial->count; i++) {
        group = trial->forms[i].form == form ? trial->forms[i].group : group;
    }
    for (uint32_t i = 0; i < trial->count; i++) {
        if (trial->forms[i].group == group && trial->forms[i].form < lowest) {
            lowest = trial->forms[i].form;
        }
    }
    for (uint32_t i = 0; i < trial->count; i++) {
        if (trial->forms[i].group == group) {
            add_form(change, trial->forms[i].form, trial->forms[i].person, lowest);
        }
    }
}

/* The forms of one person stand in several components when they no longer hold each other. */
static void describe(struct kp_core *core, struct kp_txn *txn, const struct kp_person *person,
                     struct kp_trial *trial, struct kp_change *change)
{
    change->person = person->id;
    change->count = 0;
    change->cut = false;
    for (uint32_t i = 0; i < person->form_count; i++) {
        uint64_t forms[KP_COMPONENT_FORMS_MAX];
        uint64_t form = person->forms[i].id;
        size_t mark = kp_txn_scratch_mark(txn);
        uint32_t count;
        if (is_told(change, form)) {
            continue;
        }
        if (kp_holders_all(core, txn, form, NULL, forms, &count) &&
            kp_cluster_try(core, txn, forms[0], trial) == KP_TRIAL_DONE) {
            add_group(change, trial, form);
        } else {
            add_form(change, form, person->id, form); /* not to be said */
        }
        kp_txn_scratch_restore(txn, mark);
    }
    qsort(change->forms, change->count, sizeof *change->forms, compare_forms);
}

/* --- all of them --- */

struct comparing {
    struct kp_core *core; /* of it only the model is used */
    struct kp_comparison *comparison;
    uint32_t listed_max;
    kp_change_fn *on_change;
    void *context;
    struct kp_trial trial, other;
    struct kp_change change;
};

static void take_person(struct comparing *comparing, struct kp_txn *txn,
                        const struct kp_person *person)
{
    comparing->comparison->persons++;
    if (comparing->comparison->listed < comparing->listed_max) {
        describe(comparing->core, txn, person, &comparing->other, &comparing->change);
        comparing->comparison->listed++;
        comparing->on_change(comparing->context, &comparing->change);
    }
}

static void compare_form(struct comparing *comparing, struct kp_txn *txn, uint64_t form)
{
    const struct kp_trial *trial = &comparing->trial;
    enum kp_trial_end end = kp_cluster_try(comparing->core, txn, form, &comparing->trial);
    comparing->comparison->forms++;
    comparing->comparison->large += end == KP_TRIAL_LARGE ? 1 : 0;
    for (uint32_t i = 0; end == KP_TRIAL_DONE && i < trial->count; i++) {
        struct kp_person person;
        size_t mark = kp_txn_scratch_mark(txn);
        if (!is_listed(trial, i) && kp_person_load(txn, trial->forms[i].person, 0, &person) &&
            !is_whole(trial, &person) && is_first_here(trial, &person)) {
            take_person(comparing, txn, &person);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

enum kp_err kp_compare(struct kp_walk *walk, uint32_t epoch, uint32_t listed_max,
                       kp_change_fn *on_change, void *context, struct kp_comparison *ret_comparison,
                       struct kp_diag *reterr_diag)
{
    struct kp_core *core = calloc(1, sizeof *core);
    struct comparing *comparing = calloc(1, sizeof *comparing);
    KP_ASSERT(core != NULL && comparing != NULL);
    struct kp_known_form known = {.id = 0};
    *ret_comparison = (struct kp_comparison){0};
    comparing->core = core;
    comparing->comparison = ret_comparison;
    comparing->listed_max = listed_max;
    comparing->on_change = on_change;
    comparing->context = context;
    kp_walk_step(walk, "compare", 0);
    bool found = kp_walk_next(walk) && kp_epoch_load(walk->txn, epoch, &core->terms, &core->model);
    while (found && kp_walk_next(walk) && kp_forms_next(walk->txn, NULL, known.id, &known)) {
        compare_form(comparing, walk->txn, known.id);
    }
    free(comparing);
    free(core);
    enum kp_err err = kp_walk_end(walk, reterr_diag);
    return err == KP_OK && !found
               ? kp_fail(reterr_diag, KP_E_NOT_FOUND,
                         "there is no epoch %u; `match epoch list` names them", epoch)
               : err;
}
