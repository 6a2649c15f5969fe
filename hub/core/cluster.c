/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/cluster.h"

#include "base/assert.h"
#include "core/decision.h"
#include "core/moves.h"
#include "core/person.h"

#include <string.h>

#define FORMS_MAX KP_COMPONENT_FORMS_MAX
#define SET_MAX (2 * FORMS_MAX) /* what holds together now, and what did before */
#define DECISIONS_MAX 4096u
#define DOUBTS_EACH_MAX 3u /* persons that one new form is asked of */
#define FROZEN_BITS 30000  /* more than any sum: only an equal BSN joins */

/* A form of the set that is weighed, where it stood and where it comes. */
struct member {
    struct kp_known_form known; /* person: 0 for a form that is new */
    struct kp_match_keys keys;
    uint32_t mentions;
    uint32_t component, group; /* the first member of it */
    uint64_t person;           /* from now on */
};

/* A person before or after. */
struct bearer {
    uint64_t id;
    uint64_t heir;      /* who has most of his mentions now */
    uint64_t component; /* from now on */
    bool changed;
};

struct set {
    struct kp_core *core;
    struct kp_txn *txn;
    struct member *members;
    uint32_t count;
    struct bearer bearers[2 * SET_MAX];
    uint32_t bearer_count;
    uint64_t components[SET_MAX]; /* rows that were */
    uint32_t component_count;
    bool decided; /* persons have decided something in this house */
};

static bool failed(const struct set *set)
{
    return kp_txn_error(set->txn) != KP_OK;
}

/* --- lists of ids, rising --- */

static bool contains(const uint64_t *ids, uint32_t count, uint64_t id)
{
    uint32_t at = 0;
    while (at < count && ids[at] != id) {
        at++;
    }
    return at < count;
}

/* false: it was there already, or there is no room. */
static bool insert(uint64_t *ids, uint32_t *count_io, uint32_t count_max, uint64_t id)
{
    uint32_t at = *count_io;
    while (at > 0 && ids[at - 1] > id) {
        at--;
    }
    if ((at > 0 && ids[at - 1] == id) || *count_io == count_max) {
        return false;
    }
    memmove(ids + at + 1, ids + at, sizeof *ids * (*count_io - at));
    ids[at] = id;
    (*count_io)++;
    return true;
}

/* --- rows of components --- */

static struct kp_key component_key(uint64_t component)
{
    return kp_key_u64(kp_key_none(), component);
}

bool kp_cluster_persons(struct kp_txn *txn, uint64_t person, uint64_t component,
                        uint64_t **ret_persons, uint32_t *ret_count)
{
    component = component == KP_COMPONENT_FROZEN ? 0 : component;
    struct kp_key key = component_key(component);
    struct kp_slice value = KP_SLICE_EMPTY;
    if (component != 0 && !kp_txn_get(txn, KP_TABLE_COMPONENT, kp_key_slice(&key), &value)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "component %llu is missing", (unsigned long long)component);
    }
    uint32_t count = component == 0 ? 1 : (uint32_t)(value.size / sizeof(uint64_t));
    uint64_t *persons = kp_arena_alloc(txn->scratch, sizeof *persons * (count + 1u));
    if (persons == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a component of persons");
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    persons[0] = person;
    for (uint32_t i = 0; component != 0 && i < count; i++) {
        persons[i] = kp_get_u64(&reader);
    }
    *ret_persons = persons;
    *ret_count = count;
    return kp_txn_error(txn) == KP_OK;
}

static void put_component(struct kp_txn *txn, uint64_t component, const uint64_t *persons,
                          uint32_t count)
{
    uint8_t bytes[sizeof *persons * FORMS_MAX];
    struct kp_key key = component_key(component);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    for (uint32_t i = 0; i < count; i++) {
        kp_put_u64(&writer, persons[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_COMPONENT, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

/* --- whom a form is weighed with --- */

/* Alike enough that what one of the two is matters to the other. Two who are never one do not hold
 * each other: how they are parted hangs on others only. */
static bool is_hold(const struct kp_match_model *model, const struct kp_match_score *score)
{
    return !score->never && score->bits >= model->joined - model->margin;
}

static bool holds(const struct kp_match_model *model, const struct kp_form *a,
                  const struct kp_form *b)
{
    struct kp_match_score score;
    kp_match_score(model, a, b, &score);
    return is_hold(model, &score);
}

/* Somebody said that the two are one. */
static bool is_decided(struct kp_txn *txn, const struct kp_known_form *a,
                       const struct kp_known_form *b)
{
    struct kp_decided decided;
    size_t mark = kp_txn_scratch_mark(txn);
    bool found = kp_decision_get(txn, a->tag, b->tag, &decided);
    kp_txn_scratch_restore(txn, mark);
    return found && decided.decision == KP_DECISION_MUST;
}

/* Keep the best ones, the best first; of equals the older form. */
static void note_doubt(struct kp_reach *reach, const struct kp_doubt *doubt)
{
    uint32_t at = reach->doubt_count;
    while (at > 0 && reach->doubts[at - 1].bits < doubt->bits) {
        at--;
    }
    if (at == KP_REACH_DOUBTS_MAX) {
        return;
    }
    reach->doubt_count += reach->doubt_count < KP_REACH_DOUBTS_MAX ? 1 : 0;
    memmove(&reach->doubts[at + 1], &reach->doubts[at],
            sizeof reach->doubts[0] * (reach->doubt_count - at - 1));
    reach->doubts[at] = *doubt;
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
            (void)insert(forms, &count, count_max, other);
        }
        memcpy(last, decided.other, sizeof last);
        after = last;
        kp_txn_scratch_restore(txn, mark);
    }
    return count;
}

/* The forms that meet this one and hold it, in scratch, rising. @doubts: not NULL: note there what
 * is possible. false: the transaction failed. */
static bool find_holders(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                         const struct kp_match_keys *keys, struct kp_reach *doubts,
                         uint64_t **ret_forms, uint32_t *ret_count)
{
    uint64_t *forms;
    uint32_t count;
    uint32_t kept = 0;
    if (!kp_blocks_candidates(txn, keys, &forms, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct kp_known_form other;
        struct kp_match_score score;
        size_t mark = kp_txn_scratch_mark(txn);
        if (forms[i] != form->id && kp_forms_load(txn, forms[i], &other)) {
            kp_match_score(&core->model, &form->form, &other.form, &score);
            if (doubts != NULL && score.bits >= core->model.possible) {
                note_doubt(doubts, &(struct kp_doubt){form->id, forms[i], score.bits});
            }
            if (is_hold(&core->model, &score)) {
                forms[kept++] = forms[i];
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    *ret_forms = forms;
    *ret_count =
        kp_decision_any(txn) ? add_decided(txn, form, forms, kept, KP_CANDIDATES_MAX) : kept;
    return kp_txn_error(txn) == KP_OK;
}

/* Add the persons of the component of @person; false: it is frozen or that makes too many, or the
 * transaction failed. */
static bool reach_person(struct kp_txn *txn, uint64_t person, struct kp_reach *reach,
                         uint32_t *forms_io)
{
    struct kp_person state;
    uint64_t *persons;
    uint32_t count;
    if (contains(reach->persons, reach->count, person)) {
        return true;
    }
    size_t mark = kp_txn_scratch_mark(txn);
    bool good = kp_person_load(txn, person, 0, &state) && state.component != KP_COMPONENT_FROZEN &&
                kp_cluster_persons(txn, person, state.component, &persons, &count);
    for (uint32_t i = 0; good && i < count; i++) {
        size_t inner = kp_txn_scratch_mark(txn);
        good = kp_person_load(txn, persons[i], 0, &state) &&
               insert(reach->persons, &reach->count, FORMS_MAX, persons[i]);
        *forms_io += good ? state.form_count : 0;
        kp_txn_scratch_restore(txn, inner);
    }
    kp_txn_scratch_restore(txn, mark);
    return good && *forms_io < FORMS_MAX;
}

static uint64_t person_of(struct kp_txn *txn, uint64_t form)
{
    struct kp_known_form known = {0};
    size_t mark = kp_txn_scratch_mark(txn);
    (void)kp_forms_load(txn, form, &known); /* 0 when the transaction failed */
    kp_txn_scratch_restore(txn, mark);
    return known.person;
}

bool kp_cluster_reach(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                      const struct kp_match_keys *keys, struct kp_reach *ret_reach)
{
    uint32_t forms = 0;
    *ret_reach = (struct kp_reach){0};
    ret_reach->persons = kp_arena_alloc(txn->scratch, sizeof *ret_reach->persons * FORMS_MAX);
    if (ret_reach->persons == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the persons of a component");
        return false;
    }
    size_t mark = kp_txn_scratch_mark(txn);
    uint64_t *holders;
    uint32_t count;
    if (!find_holders(core, txn, form, keys, ret_reach, &holders, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count && !ret_reach->full; i++) {
        ret_reach->full = !reach_person(txn, person_of(txn, holders[i]), ret_reach, &forms);
    }
    kp_txn_scratch_restore(txn, mark);
    if (ret_reach->full) {
        ret_reach->count = 0;
    }
    return kp_txn_error(txn) == KP_OK;
}

/* --- the set --- */

static struct bearer *bearer_of(struct set *set, uint64_t id)
{
    for (uint32_t i = 0; i < set->bearer_count; i++) {
        if (set->bearers[i].id == id) {
            return &set->bearers[i];
        }
    }
    KP_ASSERT(set->bearer_count < 2 * SET_MAX);
    struct bearer *bearer = &set->bearers[set->bearer_count++];
    *bearer = (struct bearer){.id = id};
    return bearer;
}

static void take_member(struct set *set, uint64_t form, uint32_t mentions)
{
    KP_ASSERT(set->count < SET_MAX);
    struct member *member = &set->members[set->count];
    if (kp_forms_load(set->txn, form, &member->known) &&
        kp_forms_decode(set->txn, &member->known, &member->keys)) {
        member->mentions = mentions;
        set->count++;
    }
}

/* His forms, as they are now. */
static void take_person(struct set *set, uint64_t id)
{
    struct kp_person state;
    struct kp_person_form forms[FORMS_MAX];
    size_t mark = kp_txn_scratch_mark(set->txn);
    if (!kp_person_load(set->txn, id, 0, &state)) {
        return;
    }
    uint32_t count = state.form_count;
    KP_ASSERT(count <= FORMS_MAX);
    memcpy(forms, state.forms, sizeof *forms * count);
    (void)bearer_of(set, id);
    if (state.component != 0 && state.component != KP_COMPONENT_FROZEN) {
        (void)insert(set->components, &set->component_count, SET_MAX, state.component);
    }
    kp_txn_scratch_restore(set->txn, mark);
    for (uint32_t i = 0; i < count && !failed(set); i++) {
        take_member(set, forms[i].id, forms[i].mentions);
    }
}

static struct set *open_set(struct kp_core *core, struct kp_txn *txn)
{
    struct set *set = kp_arena_alloc(txn->scratch, sizeof *set);
    struct member *members = kp_arena_alloc(txn->scratch, sizeof *members * SET_MAX);
    if (members == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a component of forms");
        return NULL;
    }
    set->core = core;
    set->txn = txn;
    set->members = members;
    set->count = set->bearer_count = set->component_count = 0;
    set->decided = kp_decision_any(txn);
    return set;
}

/* By content: the order in which they came says nothing. */
static int compare(const struct member *a, const struct member *b)
{
    int order = kp_slice_compare(a->known.bytes, b->known.bytes);
    return order != 0 ? order : memcmp(a->known.tag, b->known.tag, KP_TAG_BYTES);
}

static void sort_members(struct set *set)
{
    for (uint32_t i = 1; i < set->count; i++) {
        struct member member = set->members[i];
        uint32_t at = i;
        while (at > 0 && compare(&member, &set->members[at - 1]) < 0) {
            set->members[at] = set->members[at - 1];
            at--;
        }
        set->members[at] = member;
    }
}

/* --- components of it --- */

static void join_components(struct set *set, uint32_t a, uint32_t b)
{
    uint32_t first = set->members[a].component;
    uint32_t other = set->members[b].component;
    uint32_t least = first < other ? first : other;
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t at = set->members[i].component;
        set->members[i].component = at == first || at == other ? least : at;
    }
}

/* How the members of a set hold together. */
enum hold {
    HOLD_ALL,    /* all do: it is known */
    HOLD_SEE,    /* it must be looked at */
    HOLD_FROZEN, /* with more than may be put together */
};

static void find_components(struct set *set, enum hold hold)
{
    const struct kp_match_model *model = &set->core->model;
    for (uint32_t i = 0; i < set->count; i++) {
        set->members[i].component = hold == HOLD_SEE ? i : 0;
    }
    for (uint32_t a = 0; a < set->count && hold == HOLD_SEE; a++) {
        for (uint32_t b = a + 1; b < set->count; b++) {
            const struct member *one = &set->members[a];
            const struct member *other = &set->members[b];
            bool apart = one->component != other->component;
            if (apart && ((holds(model, &one->known.form, &other->known.form) &&
                           kp_blocks_meet(set->txn, &one->keys, &other->keys)) ||
                          (set->decided && is_decided(set->txn, &one->known, &other->known)))) {
                join_components(set, a, b);
            }
        }
    }
}

/* What was decided of the forms, by their places in @members. */
static uint32_t list_decisions(struct set *set, const uint32_t *members, uint32_t count,
                               struct kp_partition_decision *ret_decisions)
{
    uint32_t found = 0;
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = a + 1; b < count && found < DECISIONS_MAX; b++) {
            struct kp_decided decided;
            size_t mark = kp_txn_scratch_mark(set->txn);
            if (kp_decision_get(set->txn, set->members[members[a]].known.tag,
                                set->members[members[b]].known.tag, &decided)) {
                ret_decisions[found++] =
                    (struct kp_partition_decision){a, b, (enum kp_match_decision)decided.decision};
            }
            kp_txn_scratch_restore(set->txn, mark);
        }
    }
    return found;
}

static void part_component(struct set *set, uint32_t component, enum hold hold)
{
    struct kp_form forms[FORMS_MAX];
    uint32_t members[FORMS_MAX];
    uint32_t groups[FORMS_MAX];
    struct kp_match_model model = set->core->model;
    uint32_t count = 0;
    if (hold == HOLD_FROZEN) {
        model.certain = model.joined = FROZEN_BITS;
    }
    for (uint32_t i = component; i < set->count; i++) {
        if (set->members[i].component == component) {
            KP_ASSERT(count < FORMS_MAX);
            forms[count] = set->members[i].known.form;
            members[count++] = i;
        }
    }
    struct kp_partition_in in = {.model = &model, .forms = forms, .count = count};
    size_t mark = kp_txn_scratch_mark(set->txn);
    struct kp_partition_decision *decisions =
        set->decided ? kp_arena_alloc(set->txn->scratch, sizeof *decisions * DECISIONS_MAX) : NULL;
    if (decisions != NULL) {
        in.decisions = decisions;
        in.decision_count = list_decisions(set, members, count, decisions);
    }
    if (count > 1 && !kp_partition(&in, set->txn->scratch, groups)) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory to part a component");
        return;
    }
    kp_txn_scratch_restore(set->txn, mark);
    for (uint32_t i = 0; i < count; i++) {
        set->members[members[i]].group = members[count > 1 ? groups[i] : 0];
    }
}

/* --- who keeps which id --- */

static uint64_t fresh_id(struct kp_core *core)
{
    if (core->fresh_position != core->position) {
        core->fresh_position = core->position;
        core->fresh_count = 0;
    }
    KP_ASSERT(core->fresh_count < 1u << KP_PERSON_SPLIT_BITS);
    return KP_PERSON_SPLIT | core->position << KP_PERSON_SPLIT_BITS | core->fresh_count++;
}

/* The group that has most of his mentions; of equals the one with the oldest form. */
static uint32_t largest_part(const struct set *set, uint64_t person)
{
    uint32_t best = UINT32_MAX;
    uint64_t most = 0;
    uint64_t oldest = UINT64_MAX;
    for (uint32_t group = 0; group < set->count; group++) {
        uint64_t mentions = 0;
        uint64_t first = UINT64_MAX;
        for (uint32_t i = group; i < set->count; i++) {
            const struct member *member = &set->members[i];
            if (member->group == group && member->known.person == person) {
                mentions += member->mentions;
                first = member->known.id < first ? member->known.id : first;
            }
        }
        if (mentions > most || (mentions == most && first < oldest)) {
            best = group;
            most = mentions;
            oldest = first;
        }
    }
    return best;
}

static void assign(struct set *set)
{
    uint64_t ids[SET_MAX] = {0}; /* by group */
    uint32_t before = set->bearer_count;
    for (uint32_t i = 0; i < before; i++) {
        uint32_t group = largest_part(set, set->bearers[i].id);
        if (group != UINT32_MAX && (ids[group] == 0 || set->bearers[i].id < ids[group])) {
            ids[group] = set->bearers[i].id;
        }
    }
    for (uint32_t i = 0; i < set->count; i++) {
        struct member *member = &set->members[i];
        if (ids[member->group] == 0) {
            bool is_new = member->known.person == 0;
            ids[member->group] = is_new ? member->known.id : fresh_id(set->core);
            set->core->effects->persons_made += is_new ? 1 : 0;
        }
        member->person = ids[member->group];
        (void)bearer_of(set, member->person);
    }
    for (uint32_t i = 0; i < before; i++) {
        uint32_t group = largest_part(set, set->bearers[i].id);
        set->bearers[i].heir = group == UINT32_MAX ? 0 : ids[group];
    }
}

/* --- what follows --- */

/* The persons of each component, in a row when they are several. */
static void store_components(struct set *set, enum hold hold)
{
    for (uint32_t i = 0; i < set->component_count; i++) {
        struct kp_key key = component_key(set->components[i]);
        (void)kp_txn_del(set->txn, KP_TABLE_COMPONENT, kp_key_slice(&key)); /* put anew below */
    }
    for (uint32_t i = 0; i < set->bearer_count && hold == HOLD_FROZEN; i++) {
        set->bearers[i].component = KP_COMPONENT_FROZEN;
    }
    for (uint32_t component = 0; component < set->count && hold != HOLD_FROZEN; component++) {
        uint64_t persons[FORMS_MAX];
        uint32_t count = 0;
        for (uint32_t i = component; i < set->count; i++) {
            if (set->members[i].component == component) {
                (void)insert(persons, &count, FORMS_MAX, set->members[i].person);
            }
        }
        for (uint32_t i = 0; count > 1 && i < count; i++) {
            bearer_of(set, persons[i])->component = persons[0];
        }
        if (count > 1) {
            put_component(set->txn, persons[0], persons, count);
        }
    }
}

static void move_members(struct set *set)
{
    for (uint32_t i = 0; i < set->count && !failed(set); i++) {
        struct member *member = &set->members[i];
        uint64_t from = member->known.person;
        if (from == member->person) {
            continue;
        }
        if (from != 0) {
            kp_moves_form(set->txn, member->known.id, from, member->person);
            bearer_of(set, from)->changed = true;
            bearer_of(set, member->person)->changed = true;
        }
        member->known.person = member->person;
        kp_forms_store(set->txn, &member->known);
    }
}

static void settle_bearers(struct set *set)
{
    for (uint32_t i = 0; i < set->bearer_count && !failed(set); i++) {
        const struct bearer *bearer = &set->bearers[i];
        size_t mark = kp_txn_scratch_mark(set->txn);
        struct kp_person state;
        if (!kp_person_load(set->txn, bearer->id, 0, &state)) {
            return;
        }
        bool changed = bearer->changed || state.component != bearer->component;
        state.component = bearer->component;
        if (changed && (state.mention_count > 0 || state.redirect != 0)) {
            kp_moves_settle(set->core, set->txn, &state, bearer->changed ? bearer->heir : 0);
        }
        kp_txn_scratch_restore(set->txn, mark);
    }
}

static void weigh(struct set *set, enum hold hold)
{
    if (failed(set)) {
        return;
    }
    sort_members(set);
    find_components(set, hold);
    for (uint32_t i = 0; i < set->count && !failed(set); i++) {
        if (set->members[i].component == i) {
            part_component(set, i, hold);
        }
    }
    assign(set);
    store_components(set, hold);
    move_members(set);
    settle_bearers(set);
}

static void weigh_persons(struct kp_core *core, struct kp_txn *txn, const uint64_t *persons,
                          uint32_t count, enum hold hold)
{
    size_t mark = kp_txn_scratch_mark(txn);
    struct set *set = open_set(core, txn);
    for (uint32_t i = 0; set != NULL && i < count; i++) {
        take_person(set, persons[i]);
    }
    if (set != NULL) {
        weigh(set, hold);
    }
    kp_txn_scratch_restore(txn, mark);
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
        kp_cluster_persons(txn, person, state.component, &persons, &count)) {
        weigh_persons(core, txn, persons, count, HOLD_FROZEN);
    }
    kp_txn_scratch_restore(txn, mark);
}

/* All forms that hold together with this one, rising; false: they are too many, or the transaction
 * failed. */
static bool hold_together(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                          uint64_t ret_forms[FORMS_MAX], uint32_t *ret_count)
{
    uint64_t queue[FORMS_MAX] = {form};
    uint32_t queued = 1;
    bool few = true;
    *ret_count = 0;
    (void)insert(ret_forms, ret_count, FORMS_MAX, form);
    for (uint32_t at = 0; at < queued && few && kp_txn_error(txn) == KP_OK; at++) {
        struct kp_known_form known;
        struct kp_match_keys keys;
        uint64_t *holders;
        uint32_t count = 0;
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_forms_load(txn, queue[at], &known) && kp_forms_decode(txn, &known, &keys) &&
            find_holders(core, txn, &known, &keys, NULL, &holders, &count)) {
            for (uint32_t i = 0; i < count && few; i++) {
                if (insert(ret_forms, ret_count, FORMS_MAX, holders[i])) {
                    queue[queued++] = holders[i];
                } else {
                    few = contains(ret_forms, *ret_count, holders[i]);
                }
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return few && kp_txn_error(txn) == KP_OK;
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
        uint64_t person = person_of(txn, forms[i]);
        size_t mark = kp_txn_scratch_mark(txn);
        if (!kp_person_load(txn, person, 0, &state) ||
            !kp_cluster_persons(txn, person, state.component, &persons, &person_count)) {
            return false;
        }
        for (uint32_t n = 0; n < person_count; n++) {
            if (insert(reach->persons, &reach->count, SET_MAX, persons[n]) &&
                kp_person_load(txn, persons[n], 0, &state)) {
                total += state.form_count;
            }
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return total <= SET_MAX && kp_txn_error(txn) == KP_OK;
}

static void weigh_again(struct kp_core *core, struct kp_txn *txn, uint64_t form)
{
    uint64_t forms[FORMS_MAX];
    uint64_t persons[SET_MAX];
    struct kp_reach reach = {.persons = persons};
    uint32_t count;
    if (hold_together(core, txn, form, forms, &count) &&
        gather_persons(txn, forms, count, &reach)) {
        weigh_persons(core, txn, reach.persons, reach.count, HOLD_SEE);
    } else if (kp_txn_error(txn) == KP_OK) {
        freeze(core, txn, person_of(txn, form));
    }
}

void kp_cluster_follow(struct kp_core *core, struct kp_txn *txn,
                       const struct kp_block_change *changes)
{
    for (; changes != NULL; changes = changes->next) {
        for (uint32_t i = 0; i < changes->count && kp_txn_error(txn) == KP_OK; i++) {
            weigh_again(core, txn, changes->forms[i]);
        }
    }
}

void kp_cluster_again(struct kp_core *core, struct kp_txn *txn, uint64_t form)
{
    weigh_again(core, txn, form);
}

/* --- a form comes or goes --- */

/* What it is like, and is not one with: for a person to look at. */
static void put_doubts(struct kp_txn *txn, const struct kp_reach *reach, uint64_t person)
{
    uint64_t asked[DOUBTS_EACH_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < reach->doubt_count && count < DOUBTS_EACH_MAX; i++) {
        uint64_t other = person_of(txn, reach->doubts[i].other);
        if (other != person && insert(asked, &count, DOUBTS_EACH_MAX, other)) {
            kp_doubt_put(txn, &reach->doubts[i]);
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
    if (!find_holders(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        freeze(core, txn, person_of(txn, holders[i]));
    }
    for (uint32_t i = 0; i < count && stored.person == form->id; i++) {
        struct kp_known_form other;
        struct kp_match_score score;
        if (kp_forms_load(txn, holders[i], &other)) {
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
    struct set *set = open_set(core, txn);
    if (set == NULL) {
        return;
    }
    set->members[set->count++] = (struct member){.known = *form, .keys = *keys};
    set->members[0].known.person = 0;
    for (uint32_t i = 0; i < reach->count; i++) {
        take_person(set, reach->persons[i]);
    }
    weigh(set, HOLD_ALL);
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->members[i].known.id == form->id) {
            ret_bearer->person = set->members[i].person;
            ret_bearer->component = bearer_of(set, ret_bearer->person)->component;
        }
    }
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

/* Of what held together with too many, what is left may be few enough. */
static void remove_frozen(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_known_form *form, const struct kp_match_keys *keys)
{
    uint64_t *holders;
    uint32_t count;
    if (!find_holders(core, txn, form, keys, NULL, &holders, &count)) {
        return;
    }
    for (uint32_t i = 0; i < count && kp_txn_error(txn) == KP_OK; i++) {
        weigh_again(core, txn, holders[i]);
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
    if (!kp_forms_load(txn, form, &known) || !kp_forms_decode(txn, &known, &keys)) {
        return;
    }
    kp_forms_remove(txn, &known);
    kp_doubt_forget(txn, form);
    kp_blocks_remove(txn, &keys, form, &changes);
    if (component == KP_COMPONENT_FROZEN) {
        remove_frozen(core, txn, &known, &keys);
    } else if (kp_cluster_persons(txn, person, component, &persons, &count)) {
        struct set *set = open_set(core, txn);
        if (set != NULL && component != 0) {
            (void)insert(set->components, &set->component_count, SET_MAX, component);
        }
        for (uint32_t i = 0; set != NULL && i < count; i++) {
            take_person(set, persons[i]);
        }
        if (set != NULL) {
            weigh(set, HOLD_SEE);
        }
    }
    kp_cluster_follow(core, txn, changes);
}
