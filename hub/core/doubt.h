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
/* It is so much alike no more. */
void kp_doubt_drop(struct kp_txn *txn, uint64_t form, uint64_t other);
/* The form is gone, and every doubt with it. */
void kp_doubt_forget(struct kp_txn *txn, uint64_t form);
/* The next one in order of (form, other), each pair both ways. */
bool kp_doubt_next(struct kp_txn *txn, uint64_t form, uint64_t other, struct kp_doubt *ret_doubt);

/* The forms most like one, the best first. */
#define KP_DOUBTS_MAX 16u
struct kp_doubts {
    uint32_t count;
    struct kp_doubt doubts[KP_DOUBTS_MAX];
};
/* Keep it if it is one of the best; of equals the older form. */
void kp_doubts_note(struct kp_doubts *doubts, const struct kp_doubt *doubt);
/* Of so many other persons the form is asked at once. */
#define KP_DOUBTS_ASKED_MAX 3u
/* A row for the best one of each other person than @person, who bears the form. */
void kp_doubts_put(struct kp_txn *txn, const struct kp_doubts *doubts, uint64_t person);

#endif
