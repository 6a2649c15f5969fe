/* SPDX-License-Identifier: EUPL-1.2 */
/* How rare a name is, and which days stand for "not known": counted over the distinct forms. */
#include "link/bulk_impl.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

/* A value is never counted as rarer: a count tells of a few otherwise. */
#define TERM_COUNT_MIN 4u
#define CROWDED_TIMES 5u
#define PLACEHOLDER_TIMES 2u

struct term {
    uint64_t hash;
    uint32_t count;
};

struct terms {
    struct term *terms;
    uint64_t mask, total[KP_FIELD_END];
};

static uint64_t hash_of(enum kp_match_field field, struct kp_slice text)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)field; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.bytes[i]) * UINT64_C(1099511628211);
    }
    return hash == 0 ? 1 : hash;
}

static struct term *term_of(const struct terms *terms, enum kp_match_field field,
                            struct kp_slice text)
{
    uint64_t hash = hash_of(field, text);
    for (uint64_t at = hash & terms->mask;; at = (at + 1) & terms->mask) {
        struct term *term = &terms->terms[at];
        if (term->hash == hash || term->hash == 0) {
            term->hash = hash;
            return term;
        }
    }
}

typedef void name_visitor(struct terms *terms, enum kp_match_field field,
                          struct kp_form_name *name);

static void visit(struct terms *terms, struct kp_form *form, name_visitor *visitor)
{
    if (form->given_count > 0) {
        visitor(terms, KP_FIELD_GIVEN, &form->given[0]);
    }
    for (uint32_t i = 0; i < form->surname_count; i++) {
        visitor(terms, KP_FIELD_SURNAME, &form->surnames[i]);
    }
    if (form->birth_place.text.size > 0) {
        visitor(terms, KP_FIELD_PLACE, &form->birth_place);
    }
}

static void count_term(struct terms *terms, enum kp_match_field field, struct kp_form_name *name)
{
    term_of(terms, field, name->text)->count++;
    terms->total[field]++;
}

static void rate_term(struct terms *terms, enum kp_match_field field, struct kp_form_name *name)
{
    uint32_t count = term_of(terms, field, name->text)->count;
    count = count < TERM_COUNT_MIN ? TERM_COUNT_MIN : count;
    int32_t bits = kp_match_log2(terms->total[field] > count ? terms->total[field] : count, count);
    int32_t quarters = bits / (KP_BIT / 4);
    name->rarity = (kp_form_rarity)(quarters < 1 ? 1 : quarters > 250 ? 250 : quarters);
}

/* Days of the year, and how many forms are said to be born on each. */
struct days {
    uint32_t counts[1300]; /* by month * 100 + day */
    uint64_t total;
};

static uint32_t day_of(const struct kp_form *form)
{
    uint32_t day = (uint32_t)form->birth_date % 10000;
    return day % 100 == 0 || day / 100 == 0 || day >= 1300 ? 0 : day;
}

/* Too many are born on it for it to be theirs. On the days that systems write for "not known", half
 * of those there are suffice. */
static bool is_crowded(const struct days *days, const struct kp_form *form)
{
    uint32_t times = form->placeholder ? PLACEHOLDER_TIMES : CROWDED_TIMES;
    return (uint64_t)days->counts[day_of(form)] * 365 > days->total * times;
}

void kp_bulk_rate(struct kp_bulk *bulk)
{
    if (bulk->form_count < KP_BULK_LEARN_MIN) {
        return;
    }
    struct days days = {.total = 0};
    struct terms terms = {.mask = 1023};
    while (terms.mask < bulk->form_count * UINT64_C(6)) {
        terms.mask = terms.mask * 2 + 1;
    }
    terms.terms = calloc(terms.mask + 1, sizeof *terms.terms);
    KP_ASSERT(terms.terms != NULL);
    struct kp_form form;
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        kp_bulk_load(bulk, i, &form);
        visit(&terms, &form, count_term);
        if (day_of(&form) != 0) {
            days.counts[day_of(&form)]++;
            days.total++;
        }
    }
    uint8_t rated[KP_FORM_BYTES_MAX];
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        struct kp_writer writer;
        kp_bulk_load(bulk, i, &form);
        visit(&terms, &form, rate_term);
        if (days.total >= KP_BULK_LEARN_MIN) {
            form.placeholder = form.birth_date != 0 &&
                               (form.birth_date % 100 == 0 || form.birth_date / 100 % 100 == 0 ||
                                is_crowded(&days, &form));
        }
        kp_writer_init(&writer, rated, sizeof rated);
        kp_form_put(&writer, &form);
        KP_ASSERT(kp_writer_ok(&writer));
        memcpy(bulk->bytes + bulk->forms[i], rated, writer.size); /* the same size: only numbers */
    }
    free(terms.terms);
}
