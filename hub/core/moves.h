/* SPDX-License-Identifier: EUPL-1.2 */
/* Mentions go with their form from one person to another, and what follows from it. */
#ifndef KP_CORE_MOVES_H
#define KP_CORE_MOVES_H

#include "core/person.h"

/* The mentions that have the form, and what is stored of them. Whoever is left without any keeps
 * his row until he is settled. */
void kp_moves_form(struct kp_txn *txn, uint64_t form, uint64_t from, uint64_t to);
/* Mentions came to this person or went from him, and now no more do: he is judged anew and stored.
 * @heir: who goes on for him when nothing is left. */
void kp_moves_settle(struct kp_core *core, struct kp_txn *txn, struct kp_person *person,
                     uint64_t heir);

#endif
