/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A set of persons and forms is weighed: its components are found, each is parted into persons
 * (core/match/partition.h), and what changed is carried out, with ids, rows, mentions and what
 * follows from them.
 *
 * Ids. A person is made by a form: position * 32 + index of its mention. When persons come
 * together the oldest id stays and the others redirect to it; when one is parted, the part with
 * most mentions keeps the id. The others are called as the person whom a form of theirs made, when
 * that id is retired: who had heard of him finds him again. Else they get one of KP_PERSON_SPLIT,
 * so that no id ever stands for somebody new.
 */
#ifndef KP_CORE_WEIGH_H
#define KP_CORE_WEIGH_H

#include "core/core.h"
#include "core/forms.h"
#include "core/ids.h"
#include "core/match/partition.h"

#define KP_PERSON_SPLIT (UINT64_C(1) << 63)
#define KP_PERSON_SPLIT_BITS 16u /* of the number of the person; above them the position */
#define KP_PERSON_INDEX_BITS 5u  /* the same of a person made by a mention */

/* Forms that a set takes: what holds together now, and what did before. */
#define KP_WEIGH_FORMS_MAX KP_PARTITION_FORMS_MAX

/* How the members of a set hold together. */
enum kp_hold {
    KP_HOLD_ALL,    /* all do: it is known */
    KP_HOLD_SEE,    /* it must be looked at */
    KP_HOLD_FROZEN, /* with more than may be put together: only an equal BSN joins, and decisions */
    KP_HOLD_DECIDED, /* the same: only decisions join */
};

struct kp_weighing;

/* So many persons were made by parting at this position that no more should be. */
bool kp_weigh_is_full(const struct kp_core *core);

/* In scratch. NULL: the transaction failed. */
struct kp_weighing *kp_weigh_open(struct kp_core *core, struct kp_txn *txn);
/* A person's forms, as they are now. */
void kp_weigh_take(struct kp_weighing *set, uint64_t person);
/* A form that is not there yet. */
void kp_weigh_take_new(struct kp_weighing *set, const struct kp_known_form *form,
                       const struct kp_match_keys *keys);
/* A component of which nobody who is taken may say any more that he stands in it; 0: none. */
void kp_weigh_take_component(struct kp_weighing *set, uint64_t component);
/* A form alone, whoever bears it: for kp_weigh_kin. */
void kp_weigh_take_form(struct kp_weighing *set, uint64_t form);
void kp_weigh(struct kp_weighing *set, enum kp_hold hold);
/* In place of it: of the one person who is taken, these forms and the others are two from now on,
 * frozen both. */
void kp_weigh_split(struct kp_weighing *set, const struct kp_ids *forms);
/* The forms that would be one person with another one. */
struct kp_kin {
    uint32_t count;
    uint64_t forms[KP_WEIGH_FORMS_MAX];
    uint64_t persons[KP_WEIGH_FORMS_MAX]; /* who bears each of them now */
};
/* In place of kp_weigh, for a set that holds together as a whole (not KP_HOLD_SEE): who would be
 * one person with this form of it. Nothing is carried out. */
void kp_weigh_kin(struct kp_weighing *set, uint64_t form, enum kp_hold hold,
                  struct kp_kin *ret_kin);
/* Afterwards: who bears a form of the set. */
void kp_weigh_bearer(struct kp_weighing *set, uint64_t form, uint64_t *ret_person,
                     uint64_t *ret_component);

/* In place of weighing: what would come of the component in which a form of the set stands. */
struct kp_trial_form {
    uint64_t form, person; /* as it is now */
    uint32_t group;        /* those with one number would be one person */
};
struct kp_trial {
    uint32_t count;
    struct kp_trial_form forms[KP_COMPONENT_FORMS_MAX];
};
void kp_weigh_try(struct kp_weighing *set, uint64_t form, struct kp_trial *ret_trial);

void kp_weigh_persons(struct kp_core *core, struct kp_txn *txn, const uint64_t *persons,
                      uint32_t count, enum kp_hold hold);

#endif
