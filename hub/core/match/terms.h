/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * How often each name and birth day is found, as counted in an epoch. Counts are rounded to powers
 * of 2^(1/4), and a value that few have counts as one that KP_TERM_COUNT_MIN have: one signal more
 * or less does not show. Values stand as hashes without a key: the core has none, and the rows are
 * sealed.
 */
#ifndef KP_CORE_MATCH_TERMS_H
#define KP_CORE_MATCH_TERMS_H

#include "core/match/form.h"
#include "core/match/model.h"

#define KP_TERMS_MAX 200000u /* the most frequent ones; the others count as the least of these */
#define KP_TERM_COUNT_MIN 4u
#define KP_TERM_DAYS 1300u /* month * 100 + day */

enum kp_term_day {
    KP_DAY_PLAIN = 0,
    KP_DAY_FULL = 1,    /* twice as many as are born on a day: for one that often means "unknown" */
    KP_DAY_CROWDED = 2, /* more than are ever born on one day */
};

/* Large: in memory that is there already. */
struct kp_match_terms {
    uint8_t totals[KP_FIELD_END]; /* rounded: forms that have the field; 0: not counted */
    uint8_t least;                /* rounded: what a value that is not listed counts as */
    bool days_counted;
    uint8_t days[KP_TERM_DAYS]; /* enum kp_term_day */
    uint32_t count;
    uint64_t hashes[KP_TERMS_MAX]; /* rising */
    uint8_t counts[KP_TERMS_MAX];  /* rounded */
};

uint64_t kp_term_hash(enum kp_match_field field, struct kp_slice text);
/* log2 in quarters, rounded down: what is kept of a count. @count > 0. */
uint8_t kp_term_round(uint64_t count);
/* 0: the form does not say the day. */
uint32_t kp_term_day(const struct kp_form *form);

/* The form as the epoch sees it: how rare its names are, and whether its birth day is one. NULL:
 * as it was written. */
void kp_terms_rate(const struct kp_match_terms *terms, struct kp_form *form);

#endif
