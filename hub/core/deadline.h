/* SPDX-License-Identifier: EUPL-1.2 */
/* What is due when, as rows in order of time. */
#ifndef KP_CORE_DEADLINE_H
#define KP_CORE_DEADLINE_H

#include "core/core.h"

enum kp_deadline_kind {
    KP_DEADLINE_RIPE = 1,        /* subject: person, detail: theme number */
    KP_DEADLINE_CERTIFICATE = 2, /* subject: counterpart number, detail: threshold */
    KP_DEADLINE_CRITERIA = 3,    /* subject: last person judged by the changed criteria */
    KP_DEADLINE_EPOCH = 4,       /* forms are weighed again by the epoch in force */
};

struct kp_deadline {
    struct kp_wall due;
    enum kp_deadline_kind kind;
    uint64_t subject;
    uint8_t detail;
};

void kp_deadline_put(struct kp_txn *txn, const struct kp_deadline *deadline);
void kp_deadline_del(struct kp_txn *txn, const struct kp_deadline *deadline);
/* The first one; false when there is none. */
bool kp_deadline_first(struct kp_txn *txn, struct kp_deadline *ret_deadline);

#endif
