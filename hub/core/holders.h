/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which forms hold each other: they share a key (core/blocks.h) and are so much alike that what one
 * of the two is matters to the other; or somebody said that they are one. Components follow from
 * that.
 */
#ifndef KP_CORE_HOLDERS_H
#define KP_CORE_HOLDERS_H

#include "core/core.h"
#include "core/doubt.h"
#include "core/forms.h"
#include "core/ids.h"
#include "core/match/score.h"

/* Alike enough, whether or not they meet. */
bool kp_holds(const struct kp_match_model *model, const struct kp_form *a, const struct kp_form *b);
/* Somebody said that the two are one. */
bool kp_holders_decided(struct kp_txn *txn, const struct kp_known_form *a,
                        const struct kp_known_form *b);
/* How much the forms that meet this one are like it: @count_max of them at most, rising. false: the
 * transaction failed. */
bool kp_holders_foresee(const struct kp_match_model *model, struct kp_txn *txn,
                        const struct kp_known_form *form, const struct kp_match_keys *keys,
                        struct kp_hint *ret_hints, uint32_t count_max, uint32_t *ret_count);
/* The forms that meet this one and hold it, in scratch, rising. @doubts: not NULL: note there what
 * is possible. false: the transaction failed. */
bool kp_holders_find(struct kp_core *core, struct kp_txn *txn, const struct kp_known_form *form,
                     const struct kp_match_keys *keys, struct kp_doubts *doubts,
                     uint64_t **ret_forms, uint32_t *ret_count);
/* All forms that hold together with this one, rising; false: they are too many, or the transaction
 * failed. @large: forms of which it is known that they do so with too many; NULL: none. */
bool kp_holders_all(struct kp_core *core, struct kp_txn *txn, uint64_t form,
                    const struct kp_ids *large, uint64_t ret_forms[KP_COMPONENT_FORMS_MAX],
                    uint32_t *ret_count);

#endif
