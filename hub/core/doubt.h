/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Forms of two persons that may be one: what a person is asked to look at. A row says that the two
 * forms are so much alike; whether that still is a question follows from whose they are and what
 * was decided. Nothing waits for the answer.
 */
#ifndef KP_CORE_DOUBT_H
#define KP_CORE_DOUBT_H

#include "core/core.h"

struct kp_doubt {
    uint64_t form, other;
    int32_t bits;
};

void kp_doubt_put(struct kp_txn *txn, const struct kp_doubt *doubt);
/* The form is gone, and every doubt with it. */
void kp_doubt_forget(struct kp_txn *txn, uint64_t form);
/* The next one in order of (form, other), each pair both ways. */
bool kp_doubt_next(struct kp_txn *txn, uint64_t form, uint64_t other, struct kp_doubt *ret_doubt);

#endif
