/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which forms are one person, kept right as forms come and go. Forms that meet (core/blocks.h) and
 * are alike hold each other: such a component, and no more, is parted into persons anew
 * (core/match/partition.h) when one of its forms comes or goes. What comes out is a function of the
 * set of forms, so arrival order cannot change it.
 *
 * A component of one person needs no row. Of several, each says in which it stands, and the row
 * lists them.
 *
 * Ids. A person is made by a form: position * 32 + index of its mention. When persons come
 * together the oldest id stays and the others redirect to it; when one is parted, the part with
 * most mentions keeps the id, and the others get one of KP_PERSON_SPLIT, so that none is ever used
 * twice.
 */
#ifndef KP_CORE_CLUSTER_H
#define KP_CORE_CLUSTER_H

#include "core/blocks.h"
#include "core/core.h"
#include "core/doubt.h"

/* Component of a person whose forms hold together with more than KP_COMPONENT_FORMS_MAX: there only
 * an equal BSN joins, until they are fewer. */
#define KP_COMPONENT_FROZEN UINT64_MAX
#define KP_PERSON_SPLIT (UINT64_C(1) << 63)
#define KP_PERSON_SPLIT_BITS 16u /* of the number of the person; above them the position */
#define KP_PERSON_INDEX_BITS                                                                       \
    5u /* the same of a person made by a mention: KP_SIGNAL_PERSONS_MAX                            \
        */

/* Whom a form is weighed with. */
#define KP_REACH_DOUBTS_MAX 16u
struct kp_reach {
    uint32_t count;
    uint64_t *persons; /* rising; of every component that the form is like, all persons */
    bool full;         /* they are too many */
    uint32_t doubt_count;
    struct kp_doubt doubts[KP_REACH_DOUBTS_MAX]; /* the forms most like it, that best one first */
};

/* Of a form that is not there yet. In scratch. false: the transaction failed. */
bool kp_cluster_reach(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                      const struct kp_match_keys *keys, struct kp_reach *ret_reach);
/* Who bears a form that came. */
struct kp_bearer {
    uint64_t person, component; /* for his state */
    struct kp_block_change *changes;
};
/* The form comes: persons come together or part as follows from it, with their mentions. The caller
 * gives its person the mention that brought it, and then calls kp_cluster_follow. */
void kp_cluster_add(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                    const struct kp_match_keys *keys, const struct kp_reach *reach,
                    struct kp_bearer *ret_bearer);
/* What follows where the form made a block too large. */
void kp_cluster_follow(struct kp_core *core, struct kp_txn *txn,
                       const struct kp_block_change *changes);
/* No mention of @person has the form any more. @component: what his state says (it may be gone). */
void kp_cluster_remove(struct kp_core *core, struct kp_txn *txn, uint64_t form, uint64_t person,
                       uint64_t component);
/* What a person decided of the form has changed: what follows for whom it stands with. */
void kp_cluster_again(struct kp_core *core, struct kp_txn *txn, uint64_t form);
/* The persons of the component in which this one stands, rising; himself alone when in none. In
 * scratch. false: the transaction failed. */
bool kp_cluster_persons(struct kp_txn *txn, uint64_t person, uint64_t component,
                        uint64_t **ret_persons, uint32_t *ret_count);

#endif
