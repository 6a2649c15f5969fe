/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/frozen.h"

#include "core/component.h"
#include "core/decision.h"
#include "core/person.h"

#define CELL_MAX KP_WEIGH_FORMS_MAX

/* --- whom a frozen form may be one person with --- */

struct cell {
    bool apart; /* no decision joins a number with anything else */
    uint32_t count, queued;
    uint64_t forms[CELL_MAX]; /* rising */
    struct {
        uint64_t form;
        bool by_number; /* with all that stand under its number */
    } queue[CELL_MAX];
    bool full;                    /* they are more */
    bool decided;                 /* something was, of one of them */
    const struct kp_ids *persons; /* who count as frozen too; NULL: nobody */
    uint64_t person;              /* the last one asked for, */
    bool frozen;                  /* and whether he is */
};

static bool is_frozen(struct kp_txn *txn, struct cell *cell, uint64_t form)
{
    struct kp_person state;
    size_t mark = kp_txn_scratch_mark(txn);
    uint64_t person = kp_forms_person(txn, form);
    if (person != cell->person) {
        cell->person = person;
        cell->frozen =
            (cell->persons != NULL &&
             kp_ids_contain(cell->persons->ids, cell->persons->count, person)) ||
            (kp_person_load(txn, person, 0, &state) && state.component == KP_COMPONENT_FROZEN);
    }
    kp_txn_scratch_restore(txn, mark);
    return cell->frozen;
}

static void add_to_cell(struct cell *cell, uint64_t form, bool by_number)
{
    if (kp_ids_insert(cell->forms, &cell->count, CELL_MAX, form)) {
        cell->queue[cell->queued].form = form;
        cell->queue[cell->queued++].by_number = by_number;
    } else {
        cell->full = cell->full || !kp_ids_contain(cell->forms, cell->count, form);
    }
}

static void add_by_number(struct kp_txn *txn, struct cell *cell, const struct kp_match_keys *keys)
{
    uint64_t under[KP_BLOCK_FORMS_MAX];
    uint32_t count = 0;
    bool found = kp_blocks_under(txn, keys, KP_KEY_BSN, under, &count);
    for (uint32_t i = 0; found && i < count && !cell->full; i++) {
        if (is_frozen(txn, cell, under[i])) {
            add_to_cell(cell, under[i], /* by_number= */ true);
        }
    }
}

static bool has_number(const struct kp_form *form)
{
    return form->bsn_class == KP_FORM_BSN_VALID;
}

/* What was decided of the two joins them in this cell. */
static bool may_add(struct kp_txn *txn, const struct cell *cell, const struct kp_form *form,
                    uint64_t other)
{
    struct kp_form shape;
    return !cell->apart ||
           (!has_number(form) && kp_forms_shape(txn, NULL, other, &shape) && !has_number(&shape));
}

/* Those of whom somebody said that they are one with it. */
static void add_decided(struct kp_txn *txn, struct cell *cell, const struct kp_known_form *form)
{
    struct kp_decided decided;
    const uint8_t *after = NULL;
    uint8_t last[KP_TAG_BYTES];
    size_t mark = kp_txn_scratch_mark(txn);
    while (!cell->full && kp_decision_next(txn, form->tag, after, &decided)) {
        uint64_t other;
        uint64_t person;
        cell->decided = true;
        if (decided.decision == KP_DECISION_MUST &&
            kp_forms_find(txn, decided.other, &other, &person) &&
            may_add(txn, cell, &form->form, other)) {
            add_to_cell(cell, other, /* by_number= */ false);
        }
        memcpy(last, decided.other, sizeof last);
        after = last;
        kp_txn_scratch_restore(txn, mark);
    }
}

static void fill_cell(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                      const struct kp_match_keys *keys, struct cell *cell)
{
    bool any = kp_decision_any(txn);
    cell->count = cell->queued = 0;
    cell->full = cell->decided = false;
    add_to_cell(cell, form->id, /* by_number= */ false);
    for (uint32_t at = 0; at < cell->queued && !cell->full; at++) {
        bool number = !cell->queue[at].by_number;
        struct kp_known_form known = *form;
        struct kp_match_keys known_keys = *keys;
        size_t mark = kp_txn_scratch_mark(txn);
        if ((any || number) &&
            (at == 0 || (kp_forms_load(txn, core->model.terms, cell->queue[at].form, &known) &&
                         kp_forms_decode(txn, core->model.terms, &known, &known_keys)))) {
            if (number) {
                add_by_number(txn, cell, &known_keys);
            }
            if (any) {
                add_decided(txn, cell, &known);
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

void kp_frozen_work_init(struct kp_frozen_work *work)
{
    work->cell_count = work->settled_count = work->left_count = work->full_count = 0;
}

void kp_frozen_note(struct kp_frozen_work *work, uint64_t form)
{
    if (!kp_ids_contain(work->settled, work->settled_count, form)) {
        (void)kp_ids_insert(work->cells, &work->cell_count, KP_FROZEN_LIST_MAX, form);
    }
}

/* They are more than can be parted: each finds that out once, and may have been put together. */
static void note_full(struct kp_frozen_work *work, const struct cell *cell)
{
    for (uint32_t i = 0; i < cell->count; i++) {
        (void)kp_ids_insert(work->full, &work->full_count, KP_FROZEN_LIST_MAX, cell->forms[i]);
        kp_frozen_note(work, cell->forms[i]);
    }
}

/* @work NULL: only looked for. */
static void find_cell(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                      const struct kp_match_keys *keys, const struct kp_ids *persons,
                      struct kp_frozen_work *work, struct cell *ret_cell)
{
    ret_cell->persons = persons;
    ret_cell->person = 0;
    ret_cell->apart = work != NULL && kp_ids_contain(work->full, work->full_count, form->id);
    fill_cell(core, txn, form, keys, ret_cell);
    if (ret_cell->full && !ret_cell->apart) {
        if (work != NULL) {
            note_full(work, ret_cell);
        }
        ret_cell->apart = true;
        fill_cell(core, txn, form, keys, ret_cell);
    }
    if (ret_cell->full) { /* of no number, and joined by decisions alone: each by itself */
        ret_cell->count = 0;
        (void)kp_ids_insert(ret_cell->forms, &ret_cell->count, CELL_MAX, form->id);
    }
}

/* --- part it --- */

void kp_frozen_split(struct kp_core *core, struct kp_txn *txn, uint64_t person,
                     const struct kp_ids *forms, struct kp_frozen_work *work)
{
    struct kp_person state;
    uint32_t among = 0;
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_person_load(txn, person, 0, &state)) {
        for (uint32_t i = 0; i < state.form_count; i++) {
            among += kp_ids_contain(forms->ids, forms->count, state.forms[i].id) ? 1 : 0;
        }
        for (uint32_t i = 0; among < state.form_count && i < state.form_count; i++) {
            if (!kp_ids_contain(forms->ids, forms->count, state.forms[i].id)) {
                (void)kp_ids_insert(work->left, &work->left_count, KP_FROZEN_LIST_MAX,
                                    state.forms[i].id);
            }
        }
        struct kp_weighing *set =
            among > 0 && among < state.form_count ? kp_weigh_open(core, txn) : NULL;
        if (set != NULL) {
            kp_weigh_take(set, person);
            kp_weigh_split(set, forms);
        }
    }
    kp_txn_scratch_restore(txn, mark);
}

/* Who bears the forms of the cell, and nothing else. @new: one of them that is not there yet; 0 */
static void gather(struct kp_core *core, struct kp_txn *txn, const struct cell *cell, uint64_t new,
                   struct kp_frozen_work *work, uint64_t persons[CELL_MAX], uint32_t *ret_count)
{
    const struct kp_ids forms = {cell->forms, cell->count};
    *ret_count = 0;
    for (uint32_t i = 0; i < cell->count && kp_txn_error(txn) == KP_OK; i++) {
        uint64_t person = cell->forms[i] == new ? 0 : kp_forms_person(txn, cell->forms[i]);
        if (person != 0 && !kp_ids_contain(persons, *ret_count, person)) {
            kp_frozen_split(core, txn, person, &forms, work);
            (void)kp_ids_insert(persons, ret_count, CELL_MAX, kp_forms_person(txn, cell->forms[i]));
        }
    }
}

/* It is alone, and stands alone. */
static bool stands(struct kp_txn *txn, const struct cell *cell, uint64_t person)
{
    struct kp_person state;
    size_t mark = kp_txn_scratch_mark(txn);
    bool alone = cell->count == 1 && kp_person_load(txn, person, 0, &state) &&
                 state.form_count == 1 && state.component == KP_COMPONENT_FROZEN;
    kp_txn_scratch_restore(txn, mark);
    return alone;
}

static void settle(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                   struct kp_frozen_work *work)
{
    struct cell cell;
    struct kp_known_form known;
    struct kp_match_keys keys;
    uint64_t persons[CELL_MAX];
    uint32_t count;
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_forms_load(txn, core->model.terms, form, &known) &&
        kp_forms_decode(txn, core->model.terms, &known, &keys)) {
        find_cell(core, txn, &known, &keys, NULL, work, &cell);
        if (!stands(txn, &cell, known.person)) {
            gather(core, txn, &cell, 0, work, persons, &count);
            kp_weigh_persons(core, txn, persons, count, KP_HOLD_FROZEN);
        }
        for (uint32_t i = 0; i < cell.count; i++) {
            (void)kp_ids_insert(work->settled, &work->settled_count, KP_FROZEN_LIST_MAX,
                                cell.forms[i]);
        }
    }
    kp_txn_scratch_restore(txn, mark);
}

void kp_frozen_settle(struct kp_core *core, struct kp_txn *txn, struct kp_frozen_work *work)
{
    while (work->cell_count > 0 && kp_txn_error(txn) == KP_OK) {
        uint64_t form = work->cells[--work->cell_count];
        if (!kp_ids_contain(work->settled, work->settled_count, form)) {
            settle(core, txn, form, work);
        }
    }
}

void kp_frozen_freeze(struct kp_core *core, struct kp_txn *txn, uint64_t person,
                      struct kp_frozen_work *work)
{
    struct kp_person state;
    uint64_t *persons;
    uint32_t count;
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_person_load(txn, person, 0, &state) && state.component != KP_COMPONENT_FROZEN &&
        kp_component_persons(txn, person, state.component, &persons, &count)) {
        for (uint32_t i = 0; i < count; i++) {
            size_t inner = kp_txn_scratch_mark(txn);
            bool loaded = kp_person_load(txn, persons[i], 0, &state);
            for (uint32_t k = 0; loaded && k < state.form_count; k++) {
                kp_frozen_note(work, state.forms[k].id);
            }
            kp_txn_scratch_restore(txn, inner);
        }
        kp_weigh_persons(core, txn, persons, count, KP_HOLD_FROZEN);
    }
    kp_txn_scratch_restore(txn, mark);
}

/* --- a form comes --- */

/* It has the number of all of them, who are one person, and nobody decided anything: then it is
 * his, as parting them all would find. */
static bool joins_plainly(struct kp_core *core, struct kp_txn *txn, const struct cell *cell,
                          const struct kp_known_form *form, uint32_t person_count)
{
    bool joins = !cell->decided && person_count == 1;
    for (uint32_t i = 0; joins && i < cell->count; i++) {
        struct kp_form other;
        struct kp_match_score score;
        size_t mark = kp_txn_scratch_mark(txn);
        if (cell->forms[i] != form->id) {
            joins = kp_forms_shape(txn, core->model.terms, cell->forms[i], &other);
            if (joins) {
                kp_match_score(&core->model, &form->form, &other, &score);
                joins = score.principle == KP_PRINCIPLE_BSN;
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return joins;
}

void kp_frozen_add(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                   const struct kp_match_keys *keys, struct kp_frozen_work *work,
                   uint64_t *ret_person)
{
    struct cell cell;
    uint64_t persons[CELL_MAX];
    uint64_t component;
    uint32_t count;
    size_t mark = kp_txn_scratch_mark(txn);
    find_cell(core, txn, form, keys, NULL, work, &cell);
    gather(core, txn, &cell, form->id, work, persons, &count);
    bool plainly = joins_plainly(core, txn, &cell, form, count);
    if (plainly) {
        struct kp_known_form stored = *form;
        stored.person = *ret_person = persons[0];
        kp_forms_store(txn, &stored);
    }
    struct kp_weighing *set = plainly ? NULL : kp_weigh_open(core, txn);
    if (set != NULL) {
        kp_weigh_take_new(set, form, keys);
        for (uint32_t i = 0; i < count; i++) {
            kp_weigh_take(set, persons[i]);
        }
        kp_weigh(set, KP_HOLD_FROZEN);
        kp_weigh_bearer(set, form->id, ret_person, &component);
    }
    kp_txn_scratch_restore(txn, mark);
}

void kp_frozen_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                   const struct kp_match_keys *keys, const struct kp_ids *persons,
                   struct kp_kin *ret_kin)
{
    struct cell cell;
    size_t mark = kp_txn_scratch_mark(txn);
    find_cell(core, txn, form, keys, persons, NULL, &cell);
    struct kp_weighing *set = kp_weigh_open(core, txn);
    if (set != NULL) {
        kp_weigh_take_new(set, form, keys);
        for (uint32_t i = 0; i < cell.count; i++) {
            if (cell.forms[i] != form->id) {
                kp_weigh_take_form(set, cell.forms[i]);
            }
        }
        kp_weigh_kin(set, form->id, KP_HOLD_FROZEN, ret_kin);
    }
    kp_txn_scratch_restore(txn, mark);
}
