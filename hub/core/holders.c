/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/holders.h"

#include "core/blocks.h"
#include "core/decision.h"
#include "core/ids.h"

/* Alike enough that what one of the two is matters to the other. Two who are never one do not hold
 * each other: how they are parted hangs on others only. */
static bool is_hold(const struct kp_match_model *model, bool never, int32_t bits)
{
    return !never && bits >= model->joined - model->margin;
}

bool kp_holds(const struct kp_match_model *model, const struct kp_form *a, const struct kp_form *b)
{
    struct kp_match_score score;
    kp_match_score(model, a, b, &score);
    return is_hold(model, score.never, score.bits);
}

/* Somebody said that the two are one. */
bool kp_holders_decided(struct kp_txn *txn, const struct kp_known_form *a,
                        const struct kp_known_form *b)
{
    struct kp_decided decided;
    size_t mark = kp_txn_scratch_mark(txn);
    bool found = kp_decision_get(txn, a->tag, b->tag, &decided);
    kp_txn_scratch_restore(txn, mark);
    return found && decided.decision == KP_DECISION_MUST;
}

/* Forms of which somebody said that they are one with this one. */
static uint32_t add_decided(struct kp_txn *txn, const struct kp_known_form *form, uint64_t *forms,
                            uint32_t count, uint32_t count_max)
{
    struct kp_decided decided;
    const uint8_t *after = NULL;
    uint8_t last[KP_TAG_BYTES];
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_decision_next(txn, form->tag, after, &decided)) {
        uint64_t other;
        uint64_t person;
        if (decided.decision == KP_DECISION_MUST &&
            kp_forms_find(txn, decided.other, &other, &person)) {
            (void)kp_ids_insert(forms, &count, count_max, other);
        }
        memcpy(last, decided.other, sizeof last);
        after = last;
        kp_txn_scratch_restore(txn, mark);
    }
    return count;
}

/* false: the transaction failed. */
static bool weigh(const struct kp_match_model *model, struct kp_txn *txn,
                  const struct kp_known_form *form, uint64_t other, struct kp_hint *ret_hint)
{
    struct kp_form known;
    struct kp_match_score score;
    size_t mark = kp_txn_scratch_mark(txn);
    bool good = kp_forms_shape(txn, model->terms, other, &known);
    if (good) {
        kp_match_score(model, &form->form, &known, &score);
        *ret_hint = (struct kp_hint){other, score.bits, score.never};
    }
    kp_txn_scratch_restore(txn, mark);
    return good;
}

bool kp_holders_foresee(const struct kp_match_model *model, struct kp_txn *txn,
                        const struct kp_known_form *form, const struct kp_match_keys *keys,
                        struct kp_hint *ret_hints, uint32_t count_max, uint32_t *ret_count)
{
    uint64_t *forms;
    uint32_t count;
    *ret_count = 0;
    if (!kp_blocks_candidates(txn, keys, &forms, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count && *ret_count < count_max; i++) {
        if (!weigh(model, txn, form, forms[i], &ret_hints[*ret_count])) {
            return false;
        }
        ++*ret_count;
    }
    return true;
}

static const struct kp_hints *hints_of(struct kp_core *core, const struct kp_known_form *form)
{
    const struct kp_hints *hints =
        core->hints == NULL ? NULL : core->hints(core->hints_context, form->tag);
    if (hints == NULL || hints->epoch != core->model.epoch) {
        return NULL;
    }
    core->effects->weighed_ahead++;
    return hints;
}

/* Asked for rising ids. */
static bool find_hint(const struct kp_hints *hints, uint32_t *at_io, uint64_t other,
                      struct kp_hint *ret_hint)
{
    while (hints != NULL && *at_io < hints->count && hints->hints[*at_io].other < other) {
        ++*at_io;
    }
    if (hints == NULL || *at_io == hints->count || hints->hints[*at_io].other != other) {
        return false;
    }
    *ret_hint = hints->hints[*at_io];
    return true;
}

/* The forms that meet this one and hold it, in scratch, rising. @doubts: not NULL: note there what
 * is possible. false: the transaction failed. */
bool kp_holders_find(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                     const struct kp_match_keys *keys, struct kp_doubts *doubts,
                     uint64_t **ret_forms, uint32_t *ret_count)
{
    uint64_t *forms;
    uint32_t count;
    uint32_t kept = 0;
    uint32_t at = 0;
    if (!kp_blocks_candidates(txn, keys, &forms, &count)) {
        return false;
    }
    const struct kp_hints *hints = hints_of(core, form);
    for (uint32_t i = 0; i < count; i++) {
        struct kp_hint hint;
        if (forms[i] == form->id || (!find_hint(hints, &at, forms[i], &hint) &&
                                     !weigh(&core->model, txn, form, forms[i], &hint))) {
            continue; /* itself; or the transaction failed, which is seen below */
        }
        if (doubts != NULL && hint.bits >= core->model.possible) {
            kp_doubts_note(doubts, &(struct kp_doubt){form->id, forms[i], hint.bits});
        }
        if (is_hold(&core->model, hint.never, hint.bits)) {
            forms[kept++] = forms[i];
        }
    }
    *ret_forms = forms;
    *ret_count = kp_decision_any(txn)
                     ? add_decided(txn, form, forms, kept, count + KP_CANDIDATES_MORE)
                     : kept;
    return kp_txn_error(txn) == KP_OK;
}

bool kp_holders_all(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                    const struct kp_ids *large, uint64_t ret_forms[KP_COMPONENT_FORMS_MAX],
                    uint32_t *ret_count)
{
    uint64_t queue[KP_COMPONENT_FORMS_MAX] = {form};
    uint32_t queued = 1;
    bool few = true;
    *ret_count = 0;
    (void)kp_ids_insert(ret_forms, ret_count, KP_COMPONENT_FORMS_MAX, form);
    for (uint32_t at = 0; at < queued && few && kp_txn_error(txn) == KP_OK; at++) {
        struct kp_known_form known;
        struct kp_match_keys keys;
        uint64_t *holders;
        uint32_t count = 0;
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_forms_load(txn, core->model.terms, queue[at], &known) &&
            kp_forms_decode(txn, core->model.terms, &known, &keys) &&
            kp_holders_find(core, txn, &known, &keys, NULL, &holders, &count)) {
            for (uint32_t i = 0; i < count && few; i++) {
                if (kp_ids_insert(ret_forms, ret_count, KP_COMPONENT_FORMS_MAX, holders[i])) {
                    queue[queued++] = holders[i];
                } else {
                    few = kp_ids_contain(ret_forms, *ret_count, holders[i]);
                }
                few =
                    few && (large == NULL || !kp_ids_contain(large->ids, large->count, holders[i]));
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return few && kp_txn_error(txn) == KP_OK;
}
