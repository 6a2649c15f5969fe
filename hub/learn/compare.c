/* SPDX-License-Identifier: EUPL-1.2 */
#include "learn/compare.h"

#include "base/assert.h"
#include "core/epoch.h"
#include "core/person.h"

#include <stdlib.h>

/* Of one person in a trial. */
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

static bool is_change(struct kp_txn *txn, const struct kp_trial *trial,
                      struct kp_comparison *comparison)
{
    bool changed = false;
    for (uint32_t i = 0; i < trial->count; i++) {
        struct kp_person person;
        size_t mark = kp_txn_scratch_mark(txn);
        if (!is_listed(trial, i) && kp_person_load(txn, trial->forms[i].person, 0, &person) &&
            !is_whole(trial, &person)) {
            changed = true;
            comparison->persons += is_first_here(trial, &person) ? 1 : 0;
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return changed;
}

static void compare_form(struct kp_walk *walk, struct kp_core *core, uint64_t form,
                         kp_change_fn *on_change, void *context, struct kp_comparison *comparison)
{
    struct kp_trial trial;
    enum kp_trial_end end = kp_cluster_try(core, walk->txn, form, &trial);
    comparison->forms++;
    comparison->large += end == KP_TRIAL_LARGE ? 1 : 0;
    if (end == KP_TRIAL_DONE && is_change(walk->txn, &trial, comparison)) {
        comparison->changes++;
        on_change(context, walk->txn, &trial);
    }
}

enum kp_err kp_compare(struct kp_walk *walk, uint32_t epoch, kp_change_fn *on_change, void *context,
                       struct kp_comparison *ret_comparison, struct kp_diag *reterr_diag)
{
    struct kp_core *core = calloc(1, sizeof *core); /* of it only the model is used */
    KP_ASSERT(core != NULL);
    struct kp_known_form known = {.id = 0};
    *ret_comparison = (struct kp_comparison){0};
    kp_walk_step(walk, "compare", 0);
    bool found = kp_walk_next(walk) && kp_epoch_load(walk->txn, epoch, &core->terms, &core->model);
    while (found && kp_walk_next(walk) && kp_forms_next(walk->txn, NULL, known.id, &known)) {
        compare_form(walk, core, known.id, on_change, context, ret_comparison);
    }
    free(core);
    enum kp_err err = kp_walk_end(walk, reterr_diag);
    return err == KP_OK && !found
               ? kp_fail(reterr_diag, KP_E_NOT_FOUND,
                         "there is no epoch %u; `match epoch list` names them", epoch)
               : err;
}
