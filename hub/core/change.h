/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * That what was known of one person is another's from now on: a row of it under both, and an event
 * to the ketenmanager when he was told of a proposal about either.
 */
#ifndef KP_CORE_CHANGE_H
#define KP_CORE_CHANGE_H

#include "core/core.h"

struct kp_change {
    uint64_t person, position, other;
    bool came;        /* @other's came to @person; else they went from him */
    bool gone;        /* the one from whom they went has nothing left: the other goes on for him */
    uint32_t signals; /* mentions */
    struct kp_cause cause;
    struct kp_wall at;
};

/* Called when the mentions have moved, and before what follows from it is judged. @gone as above.
 */
void kp_change_put(struct kp_core *core, struct kp_txn *txn, uint64_t before, uint64_t after,
                   uint32_t signals, bool gone);
/* The next one of the person, after that in *change_io (all zero but person: the first). */
bool kp_change_next(struct kp_txn *txn, struct kp_change *change_io);

#endif
