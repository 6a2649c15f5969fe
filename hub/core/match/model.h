/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the matcher believes: weights, prior and thresholds of one epoch. Plain numbers, so that a
 * decision can be made again from what is stored with it.
 */
#ifndef KP_CORE_MATCH_MODEL_H
#define KP_CORE_MATCH_MODEL_H

#include "base/buf.h"

/* Weights and scores are in hundredths of a bit. */
#define KP_BIT 100

enum kp_match_field {
    KP_FIELD_GIVEN,
    KP_FIELD_SURNAME,
    KP_FIELD_BIRTH,
    KP_FIELD_GENDER,
    KP_FIELD_ADDRESS,
    KP_FIELD_PLACE,
    KP_FIELD_BSN,
    KP_FIELD_END
};

enum kp_match_level {
    KP_LEVEL_MISSING = 0, /* one of the two does not say it: no evidence either way */
#define X(level, field, weight, words) level,
#include "core/match/levels.def"
#undef X
    KP_LEVEL_END
};

/* Where nothing shows twins, or parents and children with one name, two forms are put together from
 * this on: more than five to one. The fields err one by one there, between brothers they do not. */
#define KP_JOINED_WITHOUT_FAMILY 250

struct kp_match_terms;

struct kp_match_model {
    uint32_t epoch;
    const struct kp_match_terms *terms; /* borrowed; NULL: no name and no day was counted */
    int32_t prior;
    int32_t weights[KP_LEVEL_END];
    int32_t
        rarity_means[KP_FIELD_END]; /* the rarity that the weight of an equal value stands for */
    int32_t certain, probable, possible; /* from how much on; below the last: certainly not */
    int32_t joined;                      /* from how much on two forms are put together */
    /* Another given name means another one of the family. False where a registration shows that
     * given names are changed in it, rather than that it holds twins. */
    bool siblings;
    /* Another birth date under the same names and address means a parent or child; likewise. */
    bool generations;
    int32_t margin; /* a certain one must be that much ahead of the second-best person */
};

/* The model of a house that has not learned yet. @signal_count: how many it expects to hold. */
void kp_match_model_init(struct kp_match_model *model, uint64_t signal_count);

/* All but the epoch's number and terms. What does not decode leaves the reader failed; levels that
 * the writer did not know keep the shipped weight. */
void kp_match_model_put(struct kp_writer *writer, const struct kp_match_model *model);
void kp_match_model_get(struct kp_reader *reader, struct kp_match_model *ret_model);

/* log2(@numerator / @denominator) in hundredths, rounded down to a quarter of a bit. Both > 0. */
int32_t kp_match_log2(uint64_t numerator, uint64_t denominator);

enum kp_match_field kp_match_level_field(enum kp_match_level level);
const char *kp_match_level_words(enum kp_match_level level); /* Dutch */

#endif
