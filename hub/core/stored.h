/* SPDX-License-Identifier: EUPL-1.2 */
/* The signals themselves, as stored: KP_TABLE_SIGNAL, and KP_TABLE_PART for further persons. What
 * is stored of a person is sealed under that person's key. */
#ifndef KP_CORE_STORED_H
#define KP_CORE_STORED_H

#include "core/core.h"

enum kp_signal_status {
    KP_SIGNAL_CURRENT = 1,
    KP_SIGNAL_REPLACED = 2, /* by a higher version */
    KP_SIGNAL_WITHDRAWN = 3,
};

struct kp_stored_signal {
    enum kp_signal_status status;
    uint16_t partner;        /* counterpart number */
    struct kp_wall stamp;    /* of its command */
    uint64_t batch_position; /* key of its batch */
    uint64_t replaced_by;    /* position; 0: none */
    struct kp_command_signal
        signal; /* signal.signal is cut to the head and the first person; its
                   mentions have tags only: their forms are rows of their own */
};

/* false: no such signal, or the transaction failed. Slices live in the transaction's scratch. */
bool kp_stored_load(struct kp_txn *txn, uint64_t position, struct kp_stored_signal *ret_stored);
/* The row of the signal with its first person, who is @subject (0: it names nobody). */
void kp_stored_put(struct kp_txn *txn, uint64_t position, const struct kp_stored_signal *stored,
                   uint64_t subject);
/* The row of a further one. */
void kp_stored_put_part(struct kp_txn *txn, uint64_t position,
                        const struct kp_stored_signal *stored, uint32_t index, uint64_t subject);
/* As loaded, with another status. @subject: whose key seals it. */
void kp_stored_update(struct kp_txn *txn, uint64_t position, const struct kp_stored_signal *stored,
                      uint64_t subject);
/* The mention is of another person now: what is stored of it is sealed under that person's key. */
void kp_stored_reseal(struct kp_txn *txn, uint64_t position, uint32_t index, uint64_t subject);

#endif
