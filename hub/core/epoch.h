/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Epochs: what the house learned of itself at a moment, and by which of them it weighs. Epoch 0 are
 * the shipped defaults. An epoch that was learned changes nothing until a person activates it; from
 * then on everything is weighed by it, and all forms of before are weighed again, some at each
 * tick, so that persons follow from the epoch and not from when it came. What persons decided
 * holds.
 */
#ifndef KP_CORE_EPOCH_H
#define KP_CORE_EPOCH_H

#include "core/core.h"
#include "core/match/terms.h"

/* Which epochs there are, and how far the active one has come. */
struct kp_epoch_state {
    uint32_t last; /* epochs 1 to here were learned */
    uint32_t active;
    uint32_t before;       /* the one that was active before */
    uint64_t after, until; /* forms above the one, and below the other, wait to be weighed again */
};

struct kp_epoch {
    uint32_t number;
    struct kp_wall made;
    uint64_t position; /* of the command that brought it */
    uint64_t forms;    /* it was learned from so many */
};

/* false: the transaction failed. */
bool kp_epoch_state(struct kp_txn *txn, struct kp_epoch_state *ret_state);
/* Under which epoch the form was weighed last. */
uint32_t kp_epoch_of_form(const struct kp_epoch_state *state, uint64_t form);

/* What is known of an epoch that was learned; not of epoch 0. false: no such, or the transaction
 * failed. */
bool kp_epoch_get(struct kp_txn *txn, uint32_t number, struct kp_epoch *ret_epoch);
/* The model of an epoch, also of epoch 0; it borrows @terms, which is filled. false: no such epoch,
 * or the transaction failed. */
bool kp_epoch_load(struct kp_txn *txn, uint32_t number, struct kp_match_terms *terms,
                   struct kp_match_model *ret_model);

/* What was learned, as the body of KP_COMMAND_EPOCH behind its head. */
#define KP_EPOCH_BYTES_MAX (4096u + KP_TERMS_MAX * 9u)
void kp_epoch_put(struct kp_writer *writer, uint64_t forms, const struct kp_match_model *model,
                  const struct kp_match_terms *terms);

/* KP_COMMAND_EPOCH: the next epoch. */
void kp_epoch_apply(struct kp_core *core, struct kp_txn *txn, struct kp_reader *body);
/* KP_COMMAND_ACTIVATE: the epoch's number u32. One that there is not, or that is active, changes
 * nothing. */
void kp_epoch_activate(struct kp_core *core, struct kp_txn *txn, struct kp_reader *body);
/* KP_DEADLINE_EPOCH: some more forms are weighed again. */
void kp_epoch_due(struct kp_core *core, struct kp_txn *txn);

#endif
