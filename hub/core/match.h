/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which person a mention is about. What was said of him is a form; mentions with the same form are
 * about the same person when it says enough (kp_match_is_telling), and else each is a form of its
 * own. Forms are weighed against each other (core/cluster.h). A mention by which nobody can be
 * looked for is about a person of its own.
 */
#ifndef KP_CORE_MATCH_H
#define KP_CORE_MATCH_H

#include "core/cluster.h"

/* Where a mention would go. Slices borrow from the command and from the transaction's scratch. */
struct kp_place {
    uint64_t person;           /* 0: its form is not known yet */
    struct kp_known_form form; /* id 0: it has none */
    struct kp_match_keys keys; /* of a form that is not known yet */
    struct kp_reach reach;     /* the same */
    bool by_bsn;
};

/* false: the transaction failed. */
bool kp_match_look(struct kp_core *core, struct kp_txn *txn, const struct kp_command_signal *signal,
                   uint8_t index, struct kp_place *ret_place);
/* What kp_holders_find will ask of a mention whose turn has not come, as far as it can be known
 * now: nothing (false) when its form is known, or the transaction failed. @ret_hints: room for
 * @count_max. */
bool kp_match_foresee(const struct kp_match_model *model, struct kp_txn *txn,
                      const struct kp_command_signal *signal, uint8_t index, uint32_t count_max,
                      struct kp_hints *ret_hints);
/* Carries out what follows from it; the caller adds the mention, then follows the changes. */
void kp_match_place(struct kp_core *core, struct kp_txn *txn, const struct kp_place *place,
                    struct kp_bearer *ret_bearer);

/* The person whom a mention in the dossier is about; 0: none has it. @mention: as stored, with the
 * tag of kp_place. */
uint64_t kp_match_find(struct kp_txn *txn, const struct kp_command_mention *mention,
                       uint64_t position, uint8_t index);

#endif
