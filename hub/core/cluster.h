/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which forms are one person, kept right as forms come and go. Forms that meet (core/blocks.h) and
 * are alike hold each other: such a component, and no more, is parted into persons anew
 * (core/match/partition.h) when one of its forms comes or goes. What comes out is a function of the
 * set of forms, so arrival order cannot change it.
 */
#ifndef KP_CORE_CLUSTER_H
#define KP_CORE_CLUSTER_H

#include "core/blocks.h"
#include "core/core.h"
#include "core/frozen.h"
#include "core/holders.h"
#include "core/weigh.h"

/* Whom a form is weighed with. */
struct kp_reach {
    uint32_t count;
    uint64_t *persons;       /* rising; of every component that the form is like, all persons */
    bool full;               /* they are too many */
    struct kp_doubts doubts; /* the forms most like it */
};

/* Of a form that is not there yet. In scratch. false: the transaction failed. */
bool kp_cluster_reach(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                      const struct kp_match_keys *keys, struct kp_reach *ret_reach);
/* Who bears a form that came. */
struct kp_bearer {
    uint64_t person, component; /* for his state */
    struct kp_block_change *changes;
    struct kp_frozen_work *frozen; /* NULL: nobody was frozen by it */
};
/* The form comes: persons come together or part as follows from it, with their mentions. The caller
 * gives its person the mention that brought it, and then calls kp_cluster_follow. */
void kp_cluster_add(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                    const struct kp_match_keys *keys, const struct kp_reach *reach,
                    struct kp_bearer *ret_bearer);
/* What follows where the form made a block, or what holds together, too large. */
void kp_cluster_follow(struct kp_core *core, struct kp_txn *txn, const struct kp_bearer *bearer);
/* Who would be one person with a form that is not there, if it came: what kp_cluster_add would
 * find, and nothing is changed. false: the transaction failed. */
bool kp_cluster_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                    const struct kp_match_keys *keys, const struct kp_reach *reach,
                    struct kp_kin *ret_kin);
/* No mention of @person has the form any more. @component: what his state says (it may be gone). */
void kp_cluster_remove(struct kp_core *core, struct kp_txn *txn, uint64_t form, uint64_t person,
                       uint64_t component);
/* What a person decided of the forms has changed: what follows for whom they stand with. */
void kp_cluster_again(struct kp_core *core, struct kp_txn *txn, const uint64_t *forms,
                      uint32_t count);
/* Another epoch is in force, and all forms below @until are weighed again in rising order: the turn
 * of this one. Whom it may be is asked anew. @sweep: of this tick, in scratch; it remembers what
 * was weighed in it already. NULL: the transaction failed. */
struct kp_sweep;
struct kp_sweep *kp_cluster_sweep(struct kp_txn *txn);
void kp_cluster_epoch(struct kp_core *core, struct kp_txn *txn, struct kp_sweep *sweep,
                      uint64_t form, uint64_t until);

/* What weighing a form again would make of it and of those it holds together with; changes nothing.
 */
enum kp_trial_end {
    KP_TRIAL_DONE,
    KP_TRIAL_OTHERS, /* told of the form with the lowest id among them: this is another */
    KP_TRIAL_LARGE,  /* they are too many to be put together, or the transaction failed */
};
enum kp_trial_end kp_cluster_try(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                                 struct kp_trial *ret_trial);

#endif
