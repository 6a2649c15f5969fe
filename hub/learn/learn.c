/* SPDX-License-Identifier: EUPL-1.2 */
#include "learn/learn.h"

#include "base/assert.h"
#include "core/blocks.h"
#include "core/person.h"
#include "train/family.h"
#include "train/terms.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE_FORMS 20000u
#define CHANCE_PAIRS 300000u
#define PAIRS_MAX 10000000u    /* compared; the rest of the sample is left then */
#define FAMILY_PAIRS_MAX 2000u /* of each kind: enough to tell */
#define CONFIRMED_NAME 1u
#define CONFIRMED_DATE 2u

/* A form of the sample: those with the lowest tags. Tags are keyed: it is as good as drawn. */
struct sampled {
    uint64_t order, id;
    uint16_t form_bytes, keys_bytes;
    uint8_t confirmed; /* certainly one person with another form of the same name, or birth date */
    uint8_t bytes[KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX];
};

/* A form of the sample and another one. */
struct family_pairs {
    uint32_t count;
    struct {
        uint32_t at;
        uint64_t other;
    } pairs[FAMILY_PAIRS_MAX];
};

struct learner {
    struct kp_walk walk;
    struct kp_learned *learned;
    struct kp_train *train;
    struct sampled *sample;
    uint32_t sample_count;
    uint32_t used; /* of the sample, in the pairs */
    uint64_t pairs;
    struct family_pairs siblings, parents;
};

/* --- the sample --- */

static bool is_before(const struct sampled *a, const struct sampled *b)
{
    return a->order != b->order ? a->order < b->order : a->id < b->id;
}

/* The last one of the heap stands first. Only order and id: the rest is read later. */
static void sift_down(struct sampled *heap, uint32_t count, uint64_t order, uint64_t id)
{
    const struct sampled moved = {.order = order, .id = id};
    uint32_t at = 0;
    for (uint32_t child = 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && is_before(&heap[child], &heap[child + 1]) ? 1 : 0;
        if (!is_before(&moved, &heap[child])) {
            break;
        }
        heap[at].order = heap[child].order;
        heap[at].id = heap[child].id;
        at = child;
    }
    heap[at].order = order;
    heap[at].id = id;
}

static void sift_up(struct sampled *heap, uint32_t at, uint64_t order, uint64_t id)
{
    const struct sampled moved = {.order = order, .id = id};
    while (at > 0 && is_before(&heap[(at - 1) / 2], &moved)) {
        heap[at].order = heap[(at - 1) / 2].order;
        heap[at].id = heap[(at - 1) / 2].id;
        at = (at - 1) / 2;
    }
    heap[at].order = order;
    heap[at].id = id;
}

static void draw(struct learner *learner, const struct kp_known_form *known)
{
    struct kp_reader reader;
    kp_reader_init(&reader, kp_slice_of(known->tag, KP_TAG_BYTES));
    const struct sampled drawn = {.order = kp_get_u64(&reader), .id = known->id};
    if (learner->sample_count < SAMPLE_FORMS) {
        sift_up(learner->sample, learner->sample_count++, drawn.order, drawn.id);
    } else if (is_before(&drawn, &learner->sample[0])) {
        sift_down(learner->sample, learner->sample_count, drawn.order, drawn.id);
    }
}

static int compare_sampled(const void *a, const void *b)
{
    return is_before(a, b) ? -1 : is_before(b, a) ? 1 : 0;
}

/* In order, with what they say; who went away meanwhile is left out. */
static void read_sample(struct learner *learner)
{
    uint32_t kept = 0;
    qsort(learner->sample, learner->sample_count, sizeof *learner->sample, compare_sampled);
    kp_walk_step(&learner->walk, "sample", learner->sample_count);
    for (uint32_t i = 0; i < learner->sample_count && kp_walk_next(&learner->walk); i++) {
        struct kp_known_form known;
        struct sampled *to = &learner->sample[kept];
        const struct sampled from = learner->sample[i];
        if (!kp_walk_form(&learner->walk, NULL, from.id, &known) ||
            known.bytes.size > KP_FORM_BYTES_MAX || known.keys.size > KP_KEYS_BYTES_MAX) {
            continue;
        }
        *to = (struct sampled){.order = from.order,
                               .id = from.id,
                               .form_bytes = (uint16_t)known.bytes.size,
                               .keys_bytes = (uint16_t)known.keys.size};
        memcpy(to->bytes, known.bytes.bytes, known.bytes.size);
        memcpy(to->bytes + known.bytes.size, known.keys.bytes, known.keys.size);
        kept++;
    }
    learner->sample_count = kept;
}

static void decode(struct learner *learner, const struct sampled *sampled,
                   struct kp_known_form *ret_known, struct kp_match_keys *ret_keys)
{
    *ret_known = (struct kp_known_form){
        .id = sampled->id,
        .bytes = kp_slice_of(sampled->bytes, sampled->form_bytes),
        .keys = kp_slice_of(sampled->bytes + sampled->form_bytes, sampled->keys_bytes)};
    (void)kp_forms_decode(learner->walk.txn, &learner->learned->terms, ret_known,
                          ret_keys); /* a failure sticks in the transaction */
}

/* It decoded when it was read. */
static void decode_form(const struct learner *learner, const struct sampled *sampled,
                        struct kp_form *ret_form)
{
    struct kp_reader reader;
    kp_reader_init(&reader, kp_slice_of(sampled->bytes, sampled->form_bytes));
    kp_form_get(&reader, ret_form);
    kp_terms_rate(&learner->learned->terms, ret_form);
}

/* --- one pass over all forms --- */

/* Who bears the form, when it is his oldest one: each person once. */
static void count_person(struct learner *learner, struct kp_term_counter *counter,
                         const struct kp_known_form *known)
{
    struct kp_txn *txn = learner->walk.txn;
    struct kp_person person;
    size_t mark = kp_txn_scratch_mark(txn);
    bool oldest = kp_person_load(txn, known->person, 0, &person);
    for (uint32_t i = 0; oldest && i < person.form_count; i++) {
        oldest = person.forms[i].id >= known->id;
    }
    struct kp_form *forms =
        oldest ? kp_arena_alloc(txn->scratch, sizeof *forms * (person.form_count + 1u)) : NULL;
    if (forms != NULL) {
        uint32_t count = 0;
        while (count < person.form_count &&
               kp_forms_shape(txn, NULL, person.forms[count].id, &forms[count])) {
            count++;
        }
        kp_term_counter_add(counter, forms, count);
    }
    kp_txn_scratch_restore(txn, mark);
}

static void count_forms(struct learner *learner)
{
    struct kp_term_counter *counter = kp_term_counter_new();
    struct kp_known_form known = {.id = 0};
    kp_walk_step(&learner->walk, "count", 0);
    while (kp_walk_next(&learner->walk) &&
           kp_forms_next(learner->walk.txn, NULL, known.id, &known)) {
        count_person(learner, counter, &known);
        draw(learner, &known);
        learner->learned->forms++;
    }
    kp_term_counter_finish(counter, &learner->learned->terms);
    counter = kp_term_counter_free(counter);
}

/* --- by chance --- */

static uint32_t draw_number(uint64_t *random_io, uint32_t below)
{
    *random_io ^= *random_io << 13; /* xorshift64: the same numbers each time */
    *random_io ^= *random_io >> 7;
    *random_io ^= *random_io << 17;
    return (uint32_t)(*random_io % below);
}

static void learn_chance(struct learner *learner)
{
    uint64_t random = 88172645463325252u;
    kp_walk_step(&learner->walk, "chance", CHANCE_PAIRS);
    for (uint32_t i = 0; i < CHANCE_PAIRS && kp_walk_next(&learner->walk); i++) {
        struct kp_form one;
        struct kp_form other;
        struct kp_match_score score;
        uint32_t a = draw_number(&random, learner->sample_count);
        uint32_t b = draw_number(&random, learner->sample_count);
        if (a != b) {
            decode_form(learner, &learner->sample[a], &one);
            decode_form(learner, &learner->sample[b], &other);
            kp_match_score(&learner->learned->model, &one, &other, &score);
            kp_train_add_chance(learner->train, score.levels);
        }
    }
}

/* --- pairs that share a key --- */

typedef void on_pair_fn(struct learner *learner, void *context, uint64_t other,
                        const struct kp_match_score *score);

static uint32_t each_pair(struct learner *learner, const struct kp_known_form *form,
                          const struct kp_match_keys *keys, on_pair_fn *on_pair, void *context)
{
    struct kp_txn *txn = learner->walk.txn;
    uint64_t *forms;
    uint32_t count;
    if (!kp_blocks_candidates(txn, keys, &forms, &count)) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct kp_known_form other;
        struct kp_match_score score;
        size_t mark = kp_txn_scratch_mark(txn);
        if (forms[i] != form->id &&
            kp_forms_load(txn, &learner->learned->terms, forms[i], &other)) {
            kp_match_score(&learner->learned->model, &form->form, &other.form, &score);
            on_pair(learner, context, forms[i], &score);
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return count;
}

static void add_pair(struct learner *learner, void *context, uint64_t other,
                     const struct kp_match_score *score)
{
    (void)context;
    (void)other;
    kp_train_add_pair(learner->train, score->levels);
}

static void learn_pairs(struct learner *learner)
{
    kp_walk_step(&learner->walk, "compare", learner->sample_count);
    while (learner->used < learner->sample_count && learner->pairs < PAIRS_MAX &&
           kp_walk_next(&learner->walk)) {
        struct kp_known_form form;
        struct kp_match_keys keys;
        decode(learner, &learner->sample[learner->used++], &form, &keys);
        learner->pairs += each_pair(learner, &form, &keys, add_pair, NULL);
    }
}

/* --- families --- */

static uint8_t confirms(const struct kp_match_score *score)
{
    if (!score->named || score->grade != KP_GRADE_CERTAIN) {
        return 0;
    }
    bool dated = score->levels[KP_FIELD_BIRTH] == KP_LEVEL_BIRTH_EQUAL;
    return (uint8_t)(CONFIRMED_NAME | (dated ? CONFIRMED_DATE : 0));
}

static void confirm(struct learner *learner, void *context, uint64_t other,
                    const struct kp_match_score *score)
{
    uint8_t *confirmed = context;
    (void)learner;
    (void)other;
    *confirmed |= confirms(score);
}

static void note(struct family_pairs *pairs, uint32_t at, uint64_t other)
{
    if (pairs->count < FAMILY_PAIRS_MAX) {
        pairs->pairs[pairs->count].at = at;
        pairs->pairs[pairs->count++].other = other;
    }
}

static void look(struct learner *learner, void *context, uint64_t other,
                 const struct kp_match_score *score)
{
    uint32_t at = *(const uint32_t *)context;
    learner->sample[at].confirmed |= confirms(score);
    if (score->related && score->levels[KP_FIELD_BIRTH] == KP_LEVEL_BIRTH_EQUAL) {
        note(&learner->siblings, at, other);
    }
    if (score->parental && score->named) {
        note(&learner->parents, at, other);
    }
}

static bool are_two(struct learner *learner, const struct family_pairs *pairs, uint8_t bit)
{
    struct kp_family family = {.forms = learner->used};
    for (uint32_t i = 0; i < learner->used; i++) {
        family.confirmed += (learner->sample[i].confirmed & bit) != 0 ? 1 : 0;
    }
    for (uint32_t i = 0; i < pairs->count && kp_walk_next(&learner->walk); i++) {
        struct kp_known_form form;
        struct kp_match_keys keys;
        uint8_t other = 0;
        const struct kp_match_terms *terms = &learner->learned->terms;
        if (kp_walk_form(&learner->walk, terms, pairs->pairs[i].other, &form) &&
            kp_forms_decode(learner->walk.txn, terms, &form, &keys)) {
            (void)each_pair(learner, &form, &keys, confirm, &other);
            kp_family_add_pair(&family, (learner->sample[pairs->pairs[i].at].confirmed & bit) != 0,
                               (other & bit) != 0);
        }
    }
    return kp_family_are_two(&family);
}

static void learn_family(struct learner *learner)
{
    kp_walk_step(&learner->walk, "families", learner->used);
    for (uint32_t i = 0; i < learner->used && kp_walk_next(&learner->walk); i++) {
        struct kp_known_form form;
        struct kp_match_keys keys;
        decode(learner, &learner->sample[i], &form, &keys);
        (void)each_pair(learner, &form, &keys, look, &i);
    }
    kp_walk_step(&learner->walk, "relatives", learner->siblings.count + learner->parents.count);
    bool siblings = are_two(learner, &learner->siblings, CONFIRMED_NAME);
    bool generations = are_two(learner, &learner->parents, CONFIRMED_DATE);
    learner->learned->model.siblings = siblings;
    learner->learned->model.generations = generations;
    if (!siblings && !generations) { /* nobody's family to fear: as in adapters/link/learn.c */
        learner->learned->model.joined = KP_JOINED_WITHOUT_FAMILY;
    }
}

/* --- all of it --- */

/* Or so many went away meanwhile. */
static bool is_too_small(const struct learner *learner)
{
    return learner->learned->forms < KP_LEARN_FORMS_MIN ||
           learner->sample_count < KP_LEARN_FORMS_MIN;
}

static void learn(struct learner *learner)
{
    struct kp_learned *learned = learner->learned;
    count_forms(learner);
    read_sample(learner);
    if (is_too_small(learner)) {
        return;
    }
    kp_match_model_init(&learned->model, learned->forms);
    learner->train = kp_train_new();
    learn_chance(learner);
    learn_pairs(learner);
    if (!kp_walk_next(&learner->walk)) { /* stopped half way: nothing follows from it */
        learner->train = kp_train_free(learner->train);
        return;
    }
    kp_train_tells_all(learner->train, KP_LEVEL_ADDRESS_FULL); /* by KP_KEY_ADDRESS */
    kp_train_tells_all(learner->train, KP_LEVEL_ADDRESS_EQUAL);
    /* Each form of the sample with every other one: of both in the sample twice, on both sides. */
    kp_train_finish(learner->train, (double)learner->used * (double)(learned->forms - 1),
                    &learned->model);
    learner->train = kp_train_free(learner->train);
    learn_family(learner);
}

enum kp_err kp_learn(struct kp_store *store, kp_report_fn *report, void *context,
                     struct kp_learned *ret_learned, struct kp_diag *reterr_diag)
{
    struct learner *learner = calloc(1, sizeof *learner);
    KP_ASSERT(learner != NULL);
    learner->sample = calloc(SAMPLE_FORMS, sizeof *learner->sample);
    KP_ASSERT(learner->sample != NULL);
    kp_walk_init(&learner->walk, store, report, context);
    learner->learned = ret_learned;
    ret_learned->forms = 0;
    learn(learner);
    enum kp_err err = kp_walk_end(&learner->walk, reterr_diag);
    if (err == KP_OK && is_too_small(learner)) {
        err = kp_fail(reterr_diag, KP_E_STATE,
                      "the house knows %llu ways in which persons were written down; there is "
                      "something to learn from %u on, and until then the shipped weights hold",
                      (unsigned long long)ret_learned->forms, KP_LEARN_FORMS_MIN);
    }
    free(learner->sample);
    free(learner);
    return err;
}
