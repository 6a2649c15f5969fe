/* SPDX-License-Identifier: EUPL-1.2 */
/* The dossier: which signals are about which person, and the stored signals themselves. */
#ifndef KP_CORE_DOSSIER_H
#define KP_CORE_DOSSIER_H

#include "core/core.h"

enum kp_signal_status {
    KP_SIGNAL_CURRENT = 1,
    KP_SIGNAL_REPLACED = 2, /* by a higher version */
    KP_SIGNAL_WITHDRAWN = 3,
};

/* A signal as it is stored (KP_TABLE_SIGNAL, further persons in KP_TABLE_PART). */
struct kp_stored_signal {
    enum kp_signal_status status;
    uint16_t partner;                /* counterpart number */
    struct kp_wall stamp;            /* of its command */
    uint64_t batch_position;         /* key of its batch */
    uint64_t replaced_by;            /* position; 0: none */
    struct kp_command_signal signal; /* signal.signal is cut to the head and the first person */
};

/* false: no such signal, or the transaction failed. Slices live in the transaction's scratch. */
bool kp_dossier_load(struct kp_txn *txn, uint64_t position, struct kp_stored_signal *ret_stored);

/* Store a new signal and add its mentions to their persons; persons move and become ripe as follows
 * from that. false: a person has no room for one more mention; nothing is changed. */
bool kp_dossier_add(struct kp_core *core, struct kp_txn *txn,
                    const struct kp_stored_signal *stored);
/* Take the mentions of the stored signal out of their persons; its row stays, with @status. */
void kp_dossier_remove(struct kp_core *core, struct kp_txn *txn, uint64_t position,
                       enum kp_signal_status status);
#endif
