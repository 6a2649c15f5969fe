/* SPDX-License-Identifier: EUPL-1.2 */
#include "train/terms.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 4096u
#define CAPACITY_MAX (UINT64_C(1) << 23) /* what does not fit counts as rare */
#define DAYS_MIN 500u                    /* forms with a birth day; fewer say nothing of one day */
#define TIMES_FULL 2u
#define TIMES_CROWDED 5u

struct term {
    uint64_t hash; /* 0: free */
    uint32_t count;
};

#define SEEN_MAX 4096u /* values of one person; what is more is not counted */

struct kp_term_counter {
    uint64_t seen[SEEN_MAX]; /* of the person being counted */
    uint32_t seen_count;
    struct term *terms; /* open addressing */
    uint64_t used, capacity;
    uint64_t totals[KP_FIELD_END];
    uint64_t days[KP_TERM_DAYS], days_total;
};

struct kp_term_counter *kp_term_counter_new(void)
{
    struct kp_term_counter *counter = calloc(1, sizeof *counter);
    KP_ASSERT(counter != NULL);
    counter->capacity = CAPACITY_FIRST;
    counter->terms = calloc(counter->capacity, sizeof *counter->terms);
    KP_ASSERT(counter->terms != NULL);
    return counter;
}

struct kp_term_counter *kp_term_counter_free(struct kp_term_counter *counter)
{
    if (counter != NULL) {
        free(counter->terms);
        free(counter);
    }
    return NULL;
}

static struct term *find(struct term *terms, uint64_t capacity, uint64_t hash)
{
    uint64_t at = (hash ^ hash >> 32) & (capacity - 1);
    while (terms[at].hash != 0 && terms[at].hash != hash) {
        at = (at + 1) & (capacity - 1);
    }
    return &terms[at];
}

static void grow(struct kp_term_counter *counter)
{
    uint64_t capacity = counter->capacity * 2;
    struct term *terms = calloc(capacity, sizeof *terms);
    KP_ASSERT(terms != NULL);
    for (uint64_t i = 0; i < counter->capacity; i++) {
        if (counter->terms[i].hash != 0) {
            *find(terms, capacity, counter->terms[i].hash) = counter->terms[i];
        }
    }
    free(counter->terms);
    counter->terms = terms;
    counter->capacity = capacity;
}

/* false: another form of this person says so too. */
static bool is_first(struct kp_term_counter *counter, uint64_t hash)
{
    for (uint32_t i = 0; i < counter->seen_count; i++) {
        if (counter->seen[i] == hash) {
            return false;
        }
    }
    if (counter->seen_count == SEEN_MAX) {
        return false;
    }
    counter->seen[counter->seen_count++] = hash;
    return true;
}

static void count_term(struct kp_term_counter *counter, enum kp_match_field field,
                       struct kp_slice text)
{
    uint64_t hash = kp_term_hash(field, text);
    if (!is_first(counter, hash)) {
        return;
    }
    counter->totals[field]++;
    if (counter->used * 2 >= counter->capacity && counter->capacity < CAPACITY_MAX) {
        grow(counter);
    }
    struct term *term = find(counter->terms, counter->capacity, hash);
    if (term->hash == 0) {
        if (counter->used * 4 >= counter->capacity * 3) {
            return; /* as large as it may be */
        }
        counter->used++;
    }
    term->hash = hash;
    term->count += term->count < UINT32_MAX ? 1 : 0;
}

static void count_form(struct kp_term_counter *counter, const struct kp_form *form)
{
    uint32_t day = kp_term_day(form);
    if (form->given_count > 0) {
        count_term(counter, KP_FIELD_GIVEN, form->given[0].text);
    }
    for (uint32_t i = 0; i < form->surname_count; i++) {
        count_term(counter, KP_FIELD_SURNAME, form->surnames[i].text);
    }
    if (form->birth_place.text.size > 0) {
        count_term(counter, KP_FIELD_PLACE, form->birth_place.text);
    }
    if (day != 0 &&
        is_first(counter, kp_term_hash(KP_FIELD_BIRTH, kp_slice_of(&day, sizeof day)))) {
        counter->days[day]++;
        counter->days_total++;
    }
}

void kp_term_counter_add(struct kp_term_counter *counter, const struct kp_form *forms,
                         uint32_t count)
{
    counter->seen_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        count_form(counter, &forms[i]);
    }
}

/* --- what is kept --- */

static uint64_t count_above(const struct kp_term_counter *counter, uint8_t least)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < counter->capacity; i++) {
        const struct term *term = &counter->terms[i];
        count += term->hash != 0 && kp_term_round(term->count) > least ? 1 : 0;
    }
    return count;
}

static int compare_hashes(const void *a, const void *b)
{
    const struct term *one = a;
    const struct term *other = b;
    return (one->hash > other->hash) - (one->hash < other->hash);
}

static void list_terms(const struct kp_term_counter *counter, struct kp_match_terms *terms)
{
    struct term *listed = calloc(KP_TERMS_MAX, sizeof *listed);
    KP_ASSERT(listed != NULL);
    terms->count = 0;
    for (uint64_t i = 0; i < counter->capacity; i++) {
        const struct term *term = &counter->terms[i];
        if (term->hash != 0 && kp_term_round(term->count) > terms->least) {
            listed[terms->count++] = *term;
        }
    }
    qsort(listed, terms->count, sizeof *listed, compare_hashes);
    for (uint32_t i = 0; i < terms->count; i++) {
        terms->hashes[i] = listed[i].hash;
        terms->counts[i] = kp_term_round(listed[i].count);
    }
    free(listed);
}

static uint8_t day_of(const struct kp_term_counter *counter, uint32_t day)
{
    uint64_t year = counter->days[day] * 365;
    return year > counter->days_total * TIMES_CROWDED ? KP_DAY_CROWDED
           : year > counter->days_total * TIMES_FULL  ? KP_DAY_FULL
                                                      : KP_DAY_PLAIN;
}

void kp_term_counter_finish(const struct kp_term_counter *counter, struct kp_match_terms *ret_terms)
{
    for (int field = 0; field < KP_FIELD_END; field++) {
        uint64_t total = counter->totals[field];
        ret_terms->totals[field] = total < KP_TERM_COUNT_MIN ? 0 : kp_term_round(total);
    }
    ret_terms->least = kp_term_round(KP_TERM_COUNT_MIN);
    while (count_above(counter, ret_terms->least) > KP_TERMS_MAX) {
        ret_terms->least++;
    }
    list_terms(counter, ret_terms);
    ret_terms->days_counted = counter->days_total >= DAYS_MIN;
    for (uint32_t day = 0; day < KP_TERM_DAYS; day++) {
        ret_terms->days[day] = ret_terms->days_counted ? day_of(counter, day) : KP_DAY_PLAIN;
    }
}
