/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/weigh.h"

#include "base/assert.h"
#include "core/blocks.h"
#include "core/change.h"
#include "core/component.h"
#include "core/decision.h"
#include "core/doubt.h"
#include "core/holders.h"
#include "core/ids.h"
#include "core/match/partition.h"
#include "core/moves.h"

#include <string.h>

#define SET_MAX KP_WEIGH_FORMS_MAX
#define DECISIONS_MAX 4096u
#define MEMBERS_FIRST 8u  /* nearly always enough; a member is a kilobyte and more */
#define BEARERS_FIRST 16u /* the same */
#define FROZEN_BITS 30000 /* more than any sum: only an equal BSN joins */

/* A form of the set that is weighed, where it stood and where it comes. */
struct member {
    struct kp_known_form known; /* person: 0 for a form that is new */
    struct kp_match_keys keys;
    uint32_t mentions;
    uint32_t component, group; /* the first member of it */
    uint64_t before, person;   /* who bore it, and who does from now on */
    uint64_t id;               /* of the person whom its group is; of a group's first member */
};

/* A person before or after. */
struct bearer {
    uint64_t id;
    uint64_t heir;      /* who has most of his mentions now */
    uint64_t component; /* from now on */
    bool changed;
};

struct kp_weighing {
    struct kp_core *core;
    struct kp_txn *txn;
    struct member *members;
    uint32_t count, capacity;
    struct bearer *bearers; /* 2 * SET_MAX at most */
    uint32_t bearer_count, bearer_capacity;
    uint64_t *components; /* rows that were; NULL: none */
    uint32_t component_count;
    bool decided; /* persons have decided something in this house */
};

static bool failed(const struct kp_weighing *set)
{
    return kp_txn_error(set->txn) != KP_OK;
}

static struct bearer *find_bearer(struct kp_weighing *set, uint64_t id)
{
    for (uint32_t i = 0; i < set->bearer_count; i++) {
        if (set->bearers[i].id == id) {
            return &set->bearers[i];
        }
    }
    return NULL;
}

static struct bearer *bearer_of(struct kp_weighing *set, uint64_t id)
{
    struct bearer *bearer = find_bearer(set, id);
    KP_ASSERT(bearer != NULL);
    return bearer;
}

/* Room for so many more; false: no memory, and the transaction failed. */
static bool reserve_bearers(struct kp_weighing *set, uint32_t more)
{
    uint32_t wanted = set->bearer_count + more;
    if (wanted <= set->bearer_capacity) {
        return true;
    }
    uint32_t capacity = wanted < BEARERS_FIRST ? BEARERS_FIRST : 2 * wanted;
    struct bearer *bearers = kp_arena_alloc(set->txn->scratch, sizeof *bearers * capacity);
    if (bearers == NULL) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory for the persons of a component");
        return false;
    }
    if (set->bearer_count > 0) {
        memcpy(bearers, set->bearers, sizeof *bearers * set->bearer_count);
    }
    set->bearers = bearers;
    set->bearer_capacity = capacity;
    return true;
}

/* With room for him. */
static void add_bearer(struct kp_weighing *set, uint64_t id)
{
    if (find_bearer(set, id) == NULL) {
        KP_ASSERT(set->bearer_count < set->bearer_capacity);
        set->bearers[set->bearer_count++] = (struct bearer){.id = id};
    }
}

static void add_component(struct kp_weighing *set, uint64_t component)
{
    if (set->components == NULL) {
        set->components = kp_arena_alloc(set->txn->scratch, sizeof *set->components * SET_MAX);
    }
    if (set->components == NULL) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory for the persons of a component");
        return;
    }
    (void)kp_ids_insert(set->components, &set->component_count, SET_MAX, component);
}

/* Room for one more; NULL: no memory, and the transaction failed. */
static struct member *next_member(struct kp_weighing *set)
{
    KP_ASSERT(set->count < SET_MAX);
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? MEMBERS_FIRST : set->capacity * 2;
        struct member *members = kp_arena_alloc(set->txn->scratch, sizeof *members * capacity);
        if (members == NULL) {
            kp_txn_fail(set->txn, KP_E_LIMIT, "no memory for a component of forms");
            return NULL;
        }
        if (set->count > 0) {
            memcpy(members, set->members, sizeof *members * set->count);
        }
        set->members = members;
        set->capacity = capacity;
    }
    return &set->members[set->count];
}

static void take_member(struct kp_weighing *set, uint64_t form, uint32_t mentions)
{
    struct member *member = next_member(set);
    const struct kp_match_terms *terms = set->core->model.terms;
    if (member != NULL && kp_forms_load(set->txn, terms, form, &member->known) &&
        kp_forms_decode(set->txn, terms, &member->known, &member->keys)) {
        member->mentions = mentions;
        set->count++;
    }
}

/* His forms, as they are now. */
void kp_weigh_take(struct kp_weighing *set, uint64_t id)
{
    struct kp_person state;
    struct kp_person_form forms[SET_MAX];
    size_t mark = kp_txn_scratch_mark(set->txn);
    if (!kp_person_load(set->txn, id, 0, &state)) {
        return;
    }
    uint32_t count = state.form_count;
    KP_ASSERT(count <= SET_MAX);
    memcpy(forms, state.forms, sizeof *forms * count);
    uint64_t component = state.component;
    kp_txn_scratch_restore(set->txn, mark);
    if (!reserve_bearers(set, 1)) {
        return;
    }
    add_bearer(set, id);
    if (component != 0 && component != KP_COMPONENT_FROZEN) {
        add_component(set, component);
    }
    for (uint32_t i = 0; i < count && !failed(set); i++) {
        take_member(set, forms[i].id, forms[i].mentions);
    }
}

struct kp_weighing *kp_weigh_open(struct kp_core *core, struct kp_txn *txn)
{
    struct kp_weighing *set = kp_arena_alloc(txn->scratch, sizeof *set);
    if (set == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a component of forms");
        return NULL;
    }
    *set = (struct kp_weighing){.core = core, .txn = txn, .decided = kp_decision_any(txn)};
    return set;
}

/* By content: the order in which they came says nothing. */
static int compare(const struct member *a, const struct member *b)
{
    int order = kp_slice_compare(a->known.bytes, b->known.bytes);
    return order != 0 ? order : memcmp(a->known.tag, b->known.tag, KP_TAG_BYTES);
}

static void sort_members(struct kp_weighing *set)
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

static void join_components(struct kp_weighing *set, uint32_t a, uint32_t b)
{
    uint32_t first = set->members[a].component;
    uint32_t other = set->members[b].component;
    uint32_t least = first < other ? first : other;
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t at = set->members[i].component;
        set->members[i].component = at == first || at == other ? least : at;
    }
}

/* Of each member; NULL: no memory, and the transaction failed. */
static struct kp_open_keys *open_keys(struct kp_weighing *set)
{
    struct kp_open_keys *keys = kp_arena_alloc(set->txn->scratch, sizeof *keys * (set->count + 1u));
    if (keys == NULL) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory for a component of forms");
        return NULL;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        kp_blocks_open(set->txn, &set->members[i].keys, &keys[i]);
    }
    return keys;
}

static void see_components(struct kp_weighing *set)
{
    const struct kp_match_model *model = &set->core->model;
    size_t mark = kp_txn_scratch_mark(set->txn);
    const struct kp_open_keys *keys = open_keys(set);
    for (uint32_t a = 0; a < set->count && keys != NULL; a++) {
        for (uint32_t b = a + 1; b < set->count; b++) {
            const struct member *one = &set->members[a];
            const struct member *other = &set->members[b];
            if (one->component != other->component &&
                ((kp_open_keys_meet(&keys[a], &keys[b]) &&
                  kp_holds(model, &one->known.form, &other->known.form)) ||
                 (set->decided && kp_holders_decided(set->txn, &one->known, &other->known)))) {
                join_components(set, a, b);
            }
        }
    }
    kp_txn_scratch_restore(set->txn, mark);
}

static void find_components(struct kp_weighing *set, enum kp_hold hold)
{
    for (uint32_t i = 0; i < set->count; i++) {
        set->members[i].component = hold == KP_HOLD_SEE ? i : 0;
    }
    if (hold == KP_HOLD_SEE) {
        see_components(set);
    }
}

/* What was decided of the forms, by their places in @members. */
static uint32_t list_decisions(struct kp_weighing *set, const uint32_t *members, uint32_t count,
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

static void part_component(struct kp_weighing *set, uint32_t component, enum kp_hold hold)
{
    struct kp_match_model model = set->core->model;
    uint32_t count = 0;
    if (hold == KP_HOLD_FROZEN) {
        model.certain = model.joined = FROZEN_BITS;
    }
    size_t mark = kp_txn_scratch_mark(set->txn);
    struct kp_arena *scratch = set->txn->scratch;
    struct kp_form *forms = kp_arena_alloc(scratch, sizeof *forms * (set->count + 1u));
    uint32_t *members = kp_arena_alloc(scratch, sizeof *members * (set->count + 1u));
    uint32_t *groups = kp_arena_alloc(scratch, sizeof *groups * (set->count + 1u));
    if (forms == NULL || members == NULL || groups == NULL) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory to part a component");
        return;
    }
    for (uint32_t i = component; i < set->count; i++) {
        if (set->members[i].component == component) {
            forms[count] = set->members[i].known.form;
            members[count++] = i;
        }
    }
    struct kp_partition_in in = {.model = &model, .forms = forms, .count = count};
    struct kp_partition_decision *decisions =
        set->decided ? kp_arena_alloc(scratch, sizeof *decisions * DECISIONS_MAX) : NULL;
    if (decisions != NULL) {
        in.decisions = decisions;
        in.decision_count = list_decisions(set, members, count, decisions);
    }
    if (count > 1 && !kp_partition(&in, scratch, groups)) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory to part a component");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        set->members[members[i]].group = members[count > 1 ? groups[i] : 0];
    }
    kp_txn_scratch_restore(set->txn, mark);
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

bool kp_weigh_is_full(const struct kp_core *core)
{
    return core->fresh_position == core->position &&
           core->fresh_count >= 1u << (KP_PERSON_SPLIT_BITS - 1);
}

/* The group that has most of his mentions; of equals the one with the oldest form. */
static uint32_t largest_part(const struct kp_weighing *set, uint64_t person)
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

/* The person whom a form of the group made, if he went into another and nothing is his now: he is
 * called as before. Of several the oldest; 0: there is none. */
static uint64_t retired_id(struct kp_weighing *set, uint32_t group)
{
    uint64_t oldest = 0;
    for (uint32_t i = group; i < set->count; i++) {
        const struct member *member = &set->members[i];
        struct kp_person state;
        size_t mark = kp_txn_scratch_mark(set->txn);
        if (member->group == group && (oldest == 0 || member->known.id < oldest) &&
            kp_person_load(set->txn, member->known.id, 0, &state) && state.redirect != 0 &&
            state.mention_count == 0) {
            oldest = member->known.id;
        }
        kp_txn_scratch_restore(set->txn, mark);
    }
    return oldest;
}

static uint64_t new_id(struct kp_weighing *set, uint32_t group)
{
    uint64_t retired = retired_id(set, group);
    return retired != 0 ? retired : fresh_id(set->core);
}

static void assign(struct kp_weighing *set)
{
    uint32_t before = set->bearer_count;
    for (uint32_t i = 0; i < before; i++) {
        uint32_t group = largest_part(set, set->bearers[i].id);
        uint64_t *id = group == UINT32_MAX ? NULL : &set->members[group].id;
        if (id != NULL && (*id == 0 || set->bearers[i].id < *id)) {
            *id = set->bearers[i].id;
        }
    }
    for (uint32_t i = 0; i < set->count; i++) {
        struct member *member = &set->members[i];
        struct member *first = &set->members[member->group];
        if (first->id == 0) {
            bool is_new = member->known.person == 0;
            first->id = is_new ? member->known.id : new_id(set, member->group);
            set->core->effects->persons_made += is_new ? 1 : 0;
        }
        member->person = first->id;
        add_bearer(set, member->person);
    }
    for (uint32_t i = 0; i < before; i++) {
        uint32_t group = largest_part(set, set->bearers[i].id);
        set->bearers[i].heir = group == UINT32_MAX ? 0 : set->members[group].id;
    }
}

/* --- what follows --- */

/* The persons of each component, in a row when they are several. */
static void store_components(struct kp_weighing *set, enum kp_hold hold)
{
    for (uint32_t i = 0; i < set->component_count; i++) {
        kp_component_drop(set->txn, set->components[i]); /* put anew below */
    }
    for (uint32_t i = 0; i < set->bearer_count && hold == KP_HOLD_FROZEN; i++) {
        set->bearers[i].component = KP_COMPONENT_FROZEN;
    }
    for (uint32_t component = 0; component < set->count && hold != KP_HOLD_FROZEN; component++) {
        uint64_t persons[KP_COMPONENT_FORMS_MAX];
        uint32_t count = 0;
        for (uint32_t i = component; i < set->count; i++) {
            if (set->members[i].component == component) {
                (void)kp_ids_insert(persons, &count, KP_COMPONENT_FORMS_MAX,
                                    set->members[i].person);
            }
        }
        for (uint32_t i = 0; count > 1 && i < count; i++) {
            bearer_of(set, persons[i])->component = persons[0];
        }
        if (count > 1) {
            kp_component_put(set->txn, persons, count);
        }
    }
}

/* Mentions that went between two persons. */
struct went {
    uint64_t before, after;
    uint32_t mentions;
};

static bool has_some(const struct kp_weighing *set, uint64_t person)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->members[i].person == person) {
            return true;
        }
    }
    return false;
}

static void tell_changes(struct kp_weighing *set, const struct went *went, uint32_t count)
{
    for (uint32_t i = 0; i < count && !failed(set); i++) {
        kp_change_put(set->core, set->txn, went[i].before, went[i].after, went[i].mentions,
                      !has_some(set, went[i].before));
    }
}

static void note_went(struct went *went, uint32_t *count_io, const struct member *member,
                      uint64_t before)
{
    uint32_t at = 0;
    while (at < *count_io && (went[at].before != before || went[at].after != member->person)) {
        at++;
    }
    if (at == *count_io) {
        went[(*count_io)++] = (struct went){before, member->person, 0};
    }
    went[at].mentions += member->mentions;
}

/* Two forms of it were one person's and are so no more: whom it may be is asked. */
static void ask_of(struct kp_weighing *set, const struct member *member)
{
    const struct kp_match_model *model = &set->core->model;
    struct kp_doubts doubts = {.count = 0};
    for (uint32_t i = 0; i < set->count; i++) {
        const struct member *other = &set->members[i];
        struct kp_match_score score;
        if (other->before != member->before || other->person == member->person) {
            continue;
        }
        kp_match_score(model, &member->known.form, &other->known.form, &score);
        if (score.bits >= model->possible &&
            kp_blocks_kinds(set->txn, &member->keys, &other->keys) != 0) {
            kp_doubts_note(&doubts,
                           &(struct kp_doubt){member->known.id, other->known.id, score.bits});
        }
    }
    kp_doubts_put(set->txn, &doubts, member->person);
}

/* Of a crowd (core/frozen.h) nobody is asked: it would be of each with all others. */
static void ask_parted(struct kp_weighing *set, enum kp_hold hold)
{
    for (uint32_t i = 0; i < set->count && hold != KP_HOLD_FROZEN && !failed(set); i++) {
        const struct member *member = &set->members[i];
        if (member->before != 0 && member->before != member->person) {
            ask_of(set, member);
        }
    }
}

/* Whoever may go from one person to another; NULL: no memory, and the transaction failed. */
static struct went *room_for_went(struct kp_weighing *set)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < set->count; i++) {
        count += set->members[i].known.person != set->members[i].person ? 1 : 0;
    }
    struct went *went = kp_arena_alloc(set->txn->scratch, sizeof *went * count);
    if (went == NULL) {
        kp_txn_fail(set->txn, KP_E_LIMIT, "no memory for what goes between persons");
    }
    return went;
}

static void move_members(struct kp_weighing *set)
{
    struct went *went = room_for_went(set);
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count && !failed(set); i++) {
        struct member *member = &set->members[i];
        uint64_t from = member->before = member->known.person;
        if (from == member->person) {
            continue;
        }
        if (from != 0) {
            kp_moves_form(set->txn, member->known.id, from, member->person);
            note_went(went, &count, member, from);
            bearer_of(set, from)->changed = true;
            bearer_of(set, member->person)->changed = true;
        }
        member->known.person = member->person;
        kp_forms_store(set->txn, &member->known);
    }
    tell_changes(set, went, count);
}

static void settle_bearers(struct kp_weighing *set)
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

static void carry_out(struct kp_weighing *set, enum kp_hold hold)
{
    if (!reserve_bearers(set, set->count)) {
        return;
    }
    assign(set);
    store_components(set, hold);
    move_members(set);
    ask_parted(set, hold);
    settle_bearers(set);
}

void kp_weigh_split(struct kp_weighing *set, const struct kp_ids *forms)
{
    uint32_t first[2] = {UINT32_MAX, UINT32_MAX};
    if (failed(set)) {
        return;
    }
    sort_members(set);
    for (uint32_t i = 0; i < set->count; i++) {
        struct member *member = &set->members[i];
        bool among = kp_ids_contain(forms->ids, forms->count, member->known.id);
        first[among] = first[among] == UINT32_MAX ? i : first[among];
        member->component = 0;
        member->group = first[among];
    }
    carry_out(set, KP_HOLD_FROZEN);
}

void kp_weigh(struct kp_weighing *set, enum kp_hold hold)
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
    carry_out(set, hold);
}

void kp_weigh_try(struct kp_weighing *set, uint64_t form, struct kp_trial *ret_trial)
{
    uint32_t component = 0;
    ret_trial->count = 0;
    sort_members(set);
    find_components(set, KP_HOLD_SEE);
    for (uint32_t i = 0; i < set->count; i++) {
        component = set->members[i].known.id == form ? set->members[i].component : component;
    }
    if (!failed(set)) {
        part_component(set, component, KP_HOLD_SEE);
    }
    for (uint32_t i = component; i < set->count && !failed(set); i++) {
        const struct member *member = &set->members[i];
        if (member->component == component) {
            ret_trial->forms[ret_trial->count++] =
                (struct kp_trial_form){member->known.id, member->known.person, member->group};
        }
    }
}

void kp_weigh_persons(struct kp_core *core, struct kp_txn *txn, const uint64_t *persons,
                      uint32_t count, enum kp_hold hold)
{
    size_t mark = kp_txn_scratch_mark(txn);
    struct kp_weighing *set = kp_weigh_open(core, txn);
    for (uint32_t i = 0; set != NULL && i < count; i++) {
        kp_weigh_take(set, persons[i]);
    }
    if (set != NULL) {
        kp_weigh(set, hold);
    }
    kp_txn_scratch_restore(txn, mark);
}

void kp_weigh_take_new(struct kp_weighing *set, const struct kp_known_form *form,
                       const struct kp_match_keys *keys)
{
    struct member *member = next_member(set);
    if (member == NULL) {
        return;
    }
    set->count++;
    *member = (struct member){.known = *form, .keys = *keys};
    member->known.person = 0;
}

void kp_weigh_take_form(struct kp_weighing *set, uint64_t form)
{
    take_member(set, form, 0);
}

void kp_weigh_take_component(struct kp_weighing *set, uint64_t component)
{
    if (component != 0) {
        add_component(set, component);
    }
}

void kp_weigh_bearer(struct kp_weighing *set, uint64_t form, uint64_t *ret_person,
                     uint64_t *ret_component)
{
    *ret_person = *ret_component = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->members[i].known.id == form) {
            *ret_person = set->members[i].person;
            *ret_component = bearer_of(set, *ret_person)->component;
        }
    }
}

void kp_weigh_kin(struct kp_weighing *set, uint64_t form, enum kp_hold hold, struct kp_kin *ret_kin)
{
    uint32_t group = UINT32_MAX;
    ret_kin->count = 0;
    if (failed(set)) {
        return;
    }
    sort_members(set);
    find_components(set, hold);
    part_component(set, 0, hold);
    for (uint32_t i = 0; i < set->count && !failed(set); i++) {
        group = set->members[i].known.id == form ? set->members[i].group : group;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        const struct member *member = &set->members[i];
        if (member->group == group && member->known.id != form) {
            ret_kin->forms[ret_kin->count] = member->known.id;
            ret_kin->persons[ret_kin->count++] = member->known.person;
        }
    }
}
