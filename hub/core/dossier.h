/* SPDX-License-Identifier: EUPL-1.2 */
/* The dossier: which signals are about which person. */
#ifndef KP_CORE_DOSSIER_H
#define KP_CORE_DOSSIER_H

#include "core/stored.h"

/* Store a new signal and add its mentions to their persons; persons move and become ripe as follows
 * from that. false: a person has no room for one more mention; nothing is changed. */
bool kp_dossier_add(struct kp_core *core, struct kp_txn *txn,
                    const struct kp_stored_signal *stored);
/* Take the mentions of the stored signal out of their persons; its row stays, with @status. */
void kp_dossier_remove(struct kp_core *core, struct kp_txn *txn, uint64_t position,
                       enum kp_signal_status status);
#endif
