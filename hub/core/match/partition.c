/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/partition.h"

#include "base/assert.h"

#define UNLIKE_MEAN (-1 * KP_BIT) /* together they must be at least so alike, on the mean */
#define PAIR_MOST (12 * KP_BIT)   /* no pair outvotes the others */
#define NEVER INT16_MIN
#define NEVER_BUT_ALIKE (INT16_MIN + 1) /* two valid BSNs, and the same in all else */

struct link {
    int16_t bits;
    uint16_t a, b;
    bool first; /* by BSN or by decision: before all others */
};

_Static_assert(KP_PARTITION_FORMS_MAX <= UINT16_MAX, "a form's number fits in two bytes");

/* What two forms say of each other beside their bits. */
enum relation {
    RELATION_NAMED = 1,      /* the given names agree */
    RELATION_INITIALLED = 2, /* as far as an initial says */
    RELATION_SIBLING = 4,    /* another given name of the same family */
    RELATION_SAME_BIRTH = 8, /* the birth dates agree */
    RELATION_PARENTAL = 16,  /* the same names and address, another birth date */
};

struct state {
    const struct kp_partition_in *in;
    int16_t *bits;     /* count * count */
    uint8_t *relation; /* the same */
    struct link *links;
    uint32_t link_count;
    uint32_t *groups;
    uint16_t *allowed; /* count * count: a decision that two BSNs are one person's, + 1; 0: none */
    bool *alike;       /* count * count, of groups: find_alike */
    uint32_t joins;    /* so far; of a group after how many it became as it is, */
    uint32_t *changed;
    uint32_t *refused; /* count * count, and of two groups after how many they were refused, + 1 */
};

static int16_t *pair(const struct state *state, uint32_t a, uint32_t b)
{
    return &state->bits[a * state->in->count + b];
}

/* --- pairs --- */

static int16_t short_bits(int32_t bits)
{
    int32_t least = NEVER_BUT_ALIKE + 1;
    return (int16_t)(bits < least ? least : bits > INT16_MAX ? INT16_MAX : bits);
}

static uint8_t relation_of(const struct kp_match_model *model, const struct kp_match_score *score)
{
    uint8_t birth = score->levels[KP_FIELD_BIRTH];
    /* A slip or two away: not a name that contradicts. */
    bool named = score->named || score->levels[KP_FIELD_GIVEN] == KP_LEVEL_GIVEN_LOOSE;
    return (uint8_t)((named ? RELATION_NAMED : 0) | (score->initialled ? RELATION_INITIALLED : 0) |
                     (score->related ? RELATION_SIBLING : 0) |
                     (birth == KP_LEVEL_BIRTH_EQUAL ? RELATION_SAME_BIRTH : 0) |
                     (score->parental && model->generations ? RELATION_PARENTAL : 0));
}

static void score_pairs(struct state *state)
{
    const struct kp_partition_in *in = state->in;
    for (uint32_t a = 0; a < in->count; a++) {
        for (uint32_t b = a + 1; b < in->count; b++) {
            struct kp_match_score score;
            kp_match_score(in->model, &in->forms[a], &in->forms[b], &score);
            bool alike = score.never && score.named && score.sum >= in->model->certain;
            int16_t bits = alike ? NEVER_BUT_ALIKE : score.never ? NEVER : short_bits(score.bits);
            uint8_t relation = relation_of(in->model, &score);
            *pair(state, a, b) = *pair(state, b, a) = bits;
            state->relation[a * in->count + b] = state->relation[b * in->count + a] = relation;
            if (bits >= in->model->certain || (bits >= in->model->joined && !score.doubtful)) {
                state->links[state->link_count++] = (struct link){
                    bits, (uint16_t)a, (uint16_t)b, score.principle == KP_PRINCIPLE_BSN};
            }
        }
    }
}

/* Somebody said that two forms with two BSNs are one person: both numbers are his, and of him it
 * speaks against it no more that they differ. */
static void allow_both_numbers(struct state *state, uint32_t decision)
{
    const struct kp_form *forms = state->in->forms;
    const struct kp_form *one = &forms[state->in->decisions[decision].a];
    const struct kp_form *other = &forms[state->in->decisions[decision].b];
    for (uint32_t a = 0; a < state->in->count; a++) {
        for (uint32_t b = 0; b < state->in->count; b++) {
            if (forms[a].bsn_class == KP_FORM_BSN_VALID && forms[a].bsn == one->bsn &&
                forms[b].bsn_class == KP_FORM_BSN_VALID && forms[b].bsn == other->bsn) {
                state->allowed[a * state->in->count + b] = (uint16_t)(decision + 1);
                state->allowed[b * state->in->count + a] = (uint16_t)(decision + 1);
            }
        }
    }
}

static void take_numbers(struct state *state)
{
    for (uint32_t i = 0; i < state->in->decision_count; i++) {
        const struct kp_partition_decision *decision = &state->in->decisions[i];
        const struct kp_form *one = &state->in->forms[decision->a];
        const struct kp_form *other = &state->in->forms[decision->b];
        if (decision->decision == KP_DECISION_MUST && one->bsn_class == KP_FORM_BSN_VALID &&
            other->bsn_class == KP_FORM_BSN_VALID && one->bsn != other->bsn) {
            allow_both_numbers(state, i);
        }
    }
}

static void take_decisions(struct state *state)
{
    for (uint32_t i = 0; i < state->in->decision_count; i++) {
        const struct kp_partition_decision *decision = &state->in->decisions[i];
        bool must = decision->decision == KP_DECISION_MUST;
        int16_t bits = must ? INT16_MAX : NEVER;
        *pair(state, decision->a, decision->b) = *pair(state, decision->b, decision->a) = bits;
        state->allowed[decision->a * state->in->count + decision->b] = 0;
        state->allowed[decision->b * state->in->count + decision->a] = 0;
        if (must) {
            state->links[state->link_count++] =
                (struct link){bits, (uint16_t)decision->a, (uint16_t)decision->b, true};
        }
    }
}

/* --- the order of joining: a total one --- */

static bool is_before(const struct link *x, const struct link *y)
{
    if (x->first != y->first) {
        return x->first;
    }
    if (x->bits != y->bits) {
        return x->bits > y->bits;
    }
    return x->a != y->a ? x->a < y->a : x->b < y->b;
}

static void sift_down(struct link *links, uint32_t from, uint32_t count)
{
    struct link link = links[from];
    for (uint32_t child = 2 * from + 1; child < count; child = 2 * from + 1) {
        if (child + 1 < count && is_before(&links[child], &links[child + 1])) {
            child++;
        }
        if (!is_before(&link, &links[child])) {
            break;
        }
        links[from] = links[child];
        from = child;
    }
    links[from] = link;
}

static void sort_links(struct link *links, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        sift_down(links, i, count);
    }
    for (uint32_t rest = count; rest-- > 1;) {
        struct link last = links[rest];
        links[rest] = links[0];
        links[0] = last;
        sift_down(links, 0, rest);
    }
}

/* --- joining --- */

static bool is_related(const struct state *state, uint32_t a, uint32_t b, uint32_t relation)
{
    return (state->relation[a * state->in->count + b] & relation) != 0;
}

/* Somebody of the group stands in the relation to the form. */
static bool has(const struct state *state, uint32_t form, uint32_t group, uint32_t relation)
{
    for (uint32_t i = 0; i < state->in->count; i++) {
        if (i != form && state->groups[i] == group && is_related(state, form, i, relation)) {
            return true;
        }
    }
    return false;
}

/* Somebody of the group goes by the form's given name, or by its initial when it has no more. */
static bool is_named(const struct state *state, uint32_t form, uint32_t group)
{
    bool initial = state->in->forms[form].given_count == 0;
    return has(state, form, group, RELATION_NAMED | (initial ? RELATION_INITIALLED : 0));
}

/* The form contradicts the other one, of that group: another name of the family, or another birth
 * date at the address; and nobody in the group bears its name, or its birth date. */
static bool contradicts(const struct state *state, uint32_t form, uint32_t other, uint32_t group)
{
    return (is_related(state, form, other, RELATION_SIBLING) && !is_named(state, form, group)) ||
           (is_related(state, form, other, RELATION_PARENTAL) &&
            !has(state, form, group, RELATION_SAME_BIRTH));
}

/* One of each contradict each other both ways: of one family, not one person. */
static bool are_family(const struct state *state, uint32_t group_a, uint32_t group_b)
{
    for (uint32_t a = 0; a < state->in->count; a++) {
        for (uint32_t b = 0; state->groups[a] == group_a && b < state->in->count; b++) {
            if (state->groups[b] == group_b && contradicts(state, a, b, group_b) &&
                contradicts(state, b, a, group_a)) {
                return true;
            }
        }
    }
    return false;
}

/* The form contradicts somebody of the group. */
static bool is_family(const struct state *state, uint32_t form, uint32_t group)
{
    for (uint32_t i = 0; i < state->in->count; i++) {
        if (i != form && state->groups[i] == group && contradicts(state, form, i, group)) {
            return true;
        }
    }
    return false;
}

/* Both numbers of the two forms are the person's of whom one of the groups is. */
static bool is_allowed(const struct state *state, uint32_t a, uint32_t b)
{
    uint16_t allowed = state->allowed[a * state->in->count + b];
    if (allowed == 0) {
        return false;
    }
    const struct kp_partition_decision *decision = &state->in->decisions[allowed - 1u];
    uint32_t group = state->groups[decision->a];
    return group == state->groups[decision->b] &&
           (group == state->groups[a] || group == state->groups[b]);
}

/* They may be one person: nothing between them forbids it, and on the mean they are alike. */
static bool may_join(const struct state *state, uint32_t group_a, uint32_t group_b, bool decided)
{
    int64_t sum = 0;
    int64_t pairs = 0;
    for (uint32_t a = 0; a < state->in->count; a++) {
        if (state->groups[a] != group_a) {
            continue;
        }
        for (uint32_t b = 0; b < state->in->count; b++) {
            if (state->groups[b] == group_b) {
                int16_t bits = *pair(state, a, b);
                if (bits <= NEVER_BUT_ALIKE && !decided) {
                    if (!is_allowed(state, a, b)) {
                        return false;
                    }
                    bits = 0;
                }
                sum += bits > PAIR_MOST ? PAIR_MOST : bits < -PAIR_MOST ? -PAIR_MOST : bits;
                pairs++;
            }
        }
    }
    return decided || sum >= UNLIKE_MEAN * pairs;
}

static void join(struct state *state, uint32_t group_a, uint32_t group_b)
{
    uint32_t first = group_a < group_b ? group_a : group_b;
    uint32_t other = group_a < group_b ? group_b : group_a;
    state->changed[first] = ++state->joins;
    for (uint32_t i = 0; i < state->in->count; i++) {
        if (state->groups[i] == other) {
            state->groups[i] = first;
        }
    }
}

/* Nothing about the two groups has changed since. */
static bool was_refused(const struct state *state, uint32_t group_a, uint32_t group_b)
{
    uint32_t refused = state->refused[group_a * state->in->count + group_b];
    return refused > state->changed[group_a] && refused > state->changed[group_b];
}

/* By what is weighed: not for a link that goes before it. */
static bool may_join_weighed(struct state *state, uint32_t group_a, uint32_t group_b)
{
    if (was_refused(state, group_a, group_b)) {
        return false;
    }
    bool may = may_join(state, group_a, group_b, /* decided= */ false) &&
               !are_family(state, group_a, group_b);
    if (!may) {
        state->refused[group_a * state->in->count + group_b] = state->joins + 1;
        state->refused[group_b * state->in->count + group_a] = state->joins + 1;
    }
    return may;
}

static void join_all(struct state *state)
{
    for (uint32_t i = 0; i < state->link_count; i++) {
        const struct link *link = &state->links[i];
        uint32_t group_a = state->groups[link->a];
        uint32_t group_b = state->groups[link->b];
        if (group_a != group_b &&
            (link->first ? may_join(state, group_a, group_b, link->bits == INT16_MAX)
                         : may_join_weighed(state, group_a, group_b))) {
            join(state, group_a, group_b);
        }
    }
}

/* --- the margin --- */

/* Which groups are one person again under another BSN, it seems: of each two forms of theirs. */
static void find_alike(struct state *state)
{
    uint32_t count = state->in->count;
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < count; b++) {
            if (a != b && *pair(state, a, b) == NEVER_BUT_ALIKE) {
                state->alike[state->groups[a] * count + state->groups[b]] = true;
            }
        }
    }
}

/* The form may be that other person too: nothing between them forbids it, and he is not his own
 * person again under another BSN. */
static bool may_be(const struct state *state, uint32_t form, uint32_t group)
{
    if (state->alike[state->groups[form] * state->in->count + group]) {
        return false;
    }
    for (uint32_t i = 0; i < state->in->count; i++) {
        if (state->groups[i] == group && *pair(state, i, form) == NEVER) {
            return false;
        }
    }
    return !is_family(state, form, group);
}

/* The two groups are probably one person that nothing joined for certain: to be of the one is to be
 * of the other. */
static bool is_probably_one(const struct state *state, uint32_t form, uint32_t group)
{
    uint32_t own = state->groups[form];
    bool probable = false;
    for (uint32_t a = 0; a < state->in->count; a++) {
        for (uint32_t b = 0; state->groups[a] == own && a != form && b < state->in->count; b++) {
            if (state->groups[b] != group) {
                continue;
            }
            int16_t bits = *pair(state, a, b);
            if (bits <= NEVER_BUT_ALIKE ||
                is_related(state, a, b, RELATION_SIBLING | RELATION_PARENTAL)) {
                return false;
            }
            probable = probable || bits >= state->in->model->probable;
        }
    }
    return probable;
}

/* A form that is nearly as much like another person as like its own is not certain of either. A
 * valid BSN or a decision needs no margin. */
static bool lacks_margin(const struct state *state, uint32_t form)
{
    const struct kp_form *forms = state->in->forms;
    int32_t own = NEVER;
    int32_t other = NEVER;
    for (uint32_t i = 0; i < state->in->count; i++) {
        bool same = state->groups[i] == state->groups[form];
        int32_t bits = i == form ? NEVER : *pair(state, form, i);
        if (same && i != form && forms[form].bsn_class == KP_FORM_BSN_VALID &&
            forms[i].bsn_class == KP_FORM_BSN_VALID) {
            return false;
        }
        own = same && bits > own ? bits : own;
        if (!same && bits > other && may_be(state, form, state->groups[i]) &&
            !is_probably_one(state, form, state->groups[i])) {
            other = bits;
        }
    }
    return own != NEVER && own != INT16_MAX && own - other < state->in->model->margin;
}

static void part_uncertain(struct state *state, uint32_t *uncertain)
{
    uint32_t count = state->in->count;
    find_alike(state);
    for (uint32_t i = 0; i < count; i++) {
        uncertain[i] = lacks_margin(state, i) ? 1 : 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (uncertain[i] == 0) {
            continue;
        }
        uint32_t heir = count; /* the group goes on under its next form */
        for (uint32_t j = 0; j < count && heir == count; j++) {
            heir = j != i && state->groups[j] == state->groups[i] ? j : heir;
        }
        if (heir < count && state->groups[i] == i) {
            for (uint32_t j = heir; j < count; j++) {
                state->groups[j] = j != i && state->groups[j] == i ? heir : state->groups[j];
            }
        }
        state->groups[i] = i;
    }
}

bool kp_partition(const struct kp_partition_in *in, struct kp_arena *arena, uint32_t *ret_groups)
{
    KP_ASSERT(in->count <= KP_PARTITION_FORMS_MAX);
    size_t pairs = (size_t)in->count * in->count;
    struct state state = {.in = in, .groups = ret_groups};
    state.bits = kp_arena_alloc(arena, sizeof *state.bits * (pairs + 1));
    state.relation = kp_arena_alloc(arena, pairs + 1);
    state.links = kp_arena_alloc(arena, sizeof *state.links * (pairs / 2 + in->decision_count + 1));
    state.refused = kp_arena_alloc(arena, sizeof *state.refused * (pairs + 1));
    state.allowed = kp_arena_alloc(arena, sizeof *state.allowed * (pairs + 1));
    state.alike = kp_arena_alloc(arena, sizeof *state.alike * (pairs + 1));
    state.changed = kp_arena_alloc(arena, sizeof *state.changed * (in->count + 1));
    uint32_t *uncertain = kp_arena_alloc(arena, sizeof *uncertain * (in->count + 1));
    if (!kp_arena_ok(arena)) {
        return false;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        ret_groups[i] = i;
    }
    score_pairs(&state);
    take_numbers(&state);
    take_decisions(&state);
    sort_links(state.links, state.link_count);
    join_all(&state);
    part_uncertain(&state, uncertain);
    return true;
}
