/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a house's own signals say of the weights: learning without anybody's judgement
 * (Fellegi-Sunter by expectation and maximisation, Winkler 1988). The numbers that come out are the
 * integers of a model; only in here is counted with fractions.
 */
#ifndef KP_TRAIN_TRAIN_H
#define KP_TRAIN_TRAIN_H

#include "core/match/score.h"

struct kp_train;

struct kp_train *kp_train_new(void);
struct kp_train *kp_train_free(struct kp_train *train);

/* Levels of two forms drawn at random: how often what agrees does so by chance. */
void kp_train_add_chance(struct kp_train *train, const uint8_t levels[KP_FIELD_END]);
/* Every two forms that agree so share a key, so that all pairs that do are told: how often they
 * agree so by chance is counted among those, as a sample at random hardly holds one. */
void kp_train_tells_all(struct kp_train *train, enum kp_match_level level);
/* Levels of two forms that share a key. */
void kp_train_add_pair(struct kp_train *train, const uint8_t levels[KP_FIELD_END]);

/* All that @from was told. */
void kp_train_take(struct kp_train *train, const struct kp_train *from);

/* @pairs_all  all pairs there could be. Changes weights, rarity means and prior of @model; where
 * there is too little to learn from, what is there stays. */
void kp_train_finish(struct kp_train *train, double pairs_all, struct kp_match_model *model);

#endif
