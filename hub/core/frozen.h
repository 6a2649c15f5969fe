/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Of forms that hold together with more than may be put together (KP_COMPONENT_FORMS_MAX): their
 * persons are frozen. There only an equal BSN joins, and what persons decided, until they are
 * fewer. The forms that may be one person by that are a cell: those that stand under one BSN key,
 * and those that somebody said are one with one of them. A cell is parted like a component, so who
 * is one person is a function of the forms and the decisions there too, never of who came first.
 * Where decisions bring more together than can be parted, those that join a number with anything
 * else count for nothing: no number is thrown apart by them.
 */
#ifndef KP_CORE_FROZEN_H
#define KP_CORE_FROZEN_H

#include "core/blocks.h"
#include "core/core.h"
#include "core/weigh.h"

/* Of more than fits only what was done already is forgotten, and done again. */
#define KP_FROZEN_LIST_MAX 2048u

/* All lists rising. */
struct kp_frozen_work {
    uint32_t cell_count, settled_count, left_count, full_count;
    uint64_t cells[KP_FROZEN_LIST_MAX];   /* frozen forms whose cells are to be parted */
    uint64_t settled[KP_FROZEN_LIST_MAX]; /* and those whose were */
    uint64_t left[KP_FROZEN_LIST_MAX];    /* forms parted from one, to be looked at by the caller */
    uint64_t full[KP_FROZEN_LIST_MAX];    /* forms of a cell that is more than can be parted */
};
void kp_frozen_work_init(struct kp_frozen_work *work);

/* The person, and all who stand in a component with him, are frozen from now on, and their cells
 * are to be parted. One who is frozen already: nothing is done. */
void kp_frozen_freeze(struct kp_core *core, struct kp_txn *txn, uint64_t person,
                      struct kp_frozen_work *work);
/* The form stands with a frozen person: its cell is to be parted. */
void kp_frozen_note(struct kp_frozen_work *work, uint64_t form);
/* Part them all. */
void kp_frozen_settle(struct kp_core *core, struct kp_txn *txn, struct kp_frozen_work *work);
/* Of a person who bears others too: these forms become a person of their own. The others come into
 * work->left. */
void kp_frozen_split(struct kp_core *core, struct kp_txn *txn, uint64_t person,
                     const struct kp_ids *forms, struct kp_frozen_work *work);
/* A form that is not there yet comes, and all whom it holds are frozen. */
void kp_frozen_add(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                   const struct kp_match_keys *keys, struct kp_frozen_work *work,
                   uint64_t *ret_person);
/* What it would find. @persons: who would be frozen with it, rising */
void kp_frozen_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                   const struct kp_match_keys *keys, const struct kp_ids *persons,
                   struct kp_kin *ret_kin);

#endif
