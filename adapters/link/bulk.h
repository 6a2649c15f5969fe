/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The matcher over a whole registration at once, without a hub: the same forms, keys, scores and
 * partition; only the order of the work differs. The result depends on the set of rows alone.
 */
#ifndef KP_LINK_BULK_H
#define KP_LINK_BULK_H

#include "base/crypto.h"
#include "core/match/model.h"
#include "intake/form.h"

/* Forms: a smaller registration says too little of names, days and weights; the shipped ones hold.
 */
#define KP_BULK_LEARN_MIN 500u

struct kp_bulk;

/* A pair that was compared and is at least possible. */
struct kp_bulk_pair {
    uint32_t a, b; /* forms */
    int32_t bits;
    uint8_t grade;
    bool related; /* of one family, it seems: not one person, and no question either */
};

struct kp_bulk_figures {
    uint64_t rows, forms, keys, pairs_compared, narrowed_blocks, dropped_blocks, large_components;
    bool learned; /* weights; else the shipped ones were used */
};

/* @step  what is being done, @done of @all. Called from one thread. */
typedef void kp_bulk_progress(void *context, const char *step, uint64_t done, uint64_t all);

struct kp_bulk *kp_bulk_new(void);
struct kp_bulk *kp_bulk_free(struct kp_bulk *bulk);
/* Weigh as the hub of a new house does, by the shipped weights: nothing is learned from these rows.
 */
void kp_bulk_as_hub(struct kp_bulk *bulk);
/* One row; its number is how many came before. */
void kp_bulk_add(struct kp_bulk *bulk, const struct kp_form *form);
/* @ranks  of each row a number of its own that does not depend on the order in which the rows came,
 *         by its name say: the row with the lowest one stands for a form or a person. Borrowed. */
void kp_bulk_run(struct kp_bulk *bulk, const uint32_t *ranks, uint32_t threads,
                 kp_bulk_progress *progress, void *context);

/* After the run. The cluster of a row: the number of the row that stands for its person. */
uint32_t kp_bulk_cluster(const struct kp_bulk *bulk, uint32_t row);
const struct kp_bulk_figures *kp_bulk_figures(const struct kp_bulk *bulk);
/* In any order; the caller may put them in another. */
struct kp_bulk_pair *kp_bulk_pairs(struct kp_bulk *bulk, uint64_t *ret_count);
/* "certain", "probable", "possible"; "related" when it is possible and related */
const char *kp_bulk_grade(const struct kp_bulk_pair *pair);
/* The row that stands for this form. */
uint32_t kp_bulk_row_of(const struct kp_bulk *bulk, uint32_t form);

#endif
