/* SPDX-License-Identifier: EUPL-1.2 */
/* What the steps of the bulk matcher share. Each step fills what the next one reads. */
#ifndef KP_LINK_BULK_IMPL_H
#define KP_LINK_BULK_IMPL_H

#include "core/match/keys.h"
#include "core/match/score.h"
#include "link/bulk.h"
#include "link/list.h"

#define KP_BULK_THREADS_MAX 16u

struct kp_bulk_row {
    uint64_t at; /* where its form stands in the bytes */
    uint16_t size;
};

/* A form in a block: those of one block stand together, and are compared with each other. */
struct kp_bulk_member {
    uint32_t block, form;
    uint8_t witnesses[KP_WITNESSES_MAX]; /* of the form under the block's key */
};

/* Seen from the form. */
struct kp_bulk_place {
    uint32_t block;
    uint8_t witnesses[KP_WITNESSES_MAX];
};

struct kp_bulk {
    uint8_t *bytes; /* of all forms */
    uint64_t byte_count, byte_capacity;
    struct kp_list rows; /* struct kp_bulk_row */
    uint64_t *forms;     /* where each distinct form stands, in the order of contents */
    uint32_t form_count;
    const uint32_t *ranks;  /* of a row */
    uint32_t *first_rows;   /* of a form: the row that ranks first */
    struct kp_list members; /* struct kp_bulk_member */
    uint64_t *places_at;    /* of a form: where its blocks stand in places, rising */
    struct kp_bulk_place *places;
    struct kp_list pairs; /* struct kp_bulk_pair */
    uint32_t *groups;     /* of a form: the first form of its person */
    uint32_t *clusters;   /* of a row */
    struct kp_match_model model;
    struct kp_bulk_figures figures;
    uint32_t threads;
    bool as_hub;
    kp_bulk_progress *progress;
    void *context;
};

void kp_bulk_load(const struct kp_bulk *bulk, uint32_t number, struct kp_form *ret_form);
void kp_bulk_report(const struct kp_bulk *bulk, const char *step, uint64_t done, uint64_t all);

void kp_bulk_rate(struct kp_bulk *bulk);    /* terms.c */
void kp_bulk_block(struct kp_bulk *bulk);   /* blocks.c */
void kp_bulk_learn(struct kp_bulk *bulk);   /* learn.c */
void kp_bulk_compare(struct kp_bulk *bulk); /* pairs.c */
void kp_bulk_part(struct kp_bulk *bulk);    /* persons.c */

/* pairs.c: every two forms that share a key, once, spread over the threads. @contexts: one for each
 * thread. */
typedef void kp_bulk_visitor(const struct kp_bulk *bulk, void *context, uint32_t form_a,
                             uint32_t form_b);
void kp_bulk_visit(const struct kp_bulk *bulk, const char *step, kp_bulk_visitor *visitor,
                   void *const *contexts);
void kp_bulk_score(const struct kp_bulk *bulk, uint32_t form_a, uint32_t form_b,
                   struct kp_match_score *ret_score);

#endif
