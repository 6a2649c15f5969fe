/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A long read of the state in short read transactions, so that the hub's pages are not held: each
 * step may see a later state than the one before.
 */
#ifndef KP_LEARN_WALK_H
#define KP_LEARN_WALK_H

#include "base/time.h"
#include "core/forms.h"

/* What is being done, @done of @all (0: not known). false: stop. From the thread that works. */
typedef bool kp_report_fn(void *context, const char *step, uint64_t done, uint64_t all);

struct kp_walk {
    struct kp_store *store;
    kp_report_fn *report;
    void *context;
    const char *step;
    uint64_t done, all; /* of the step */
    struct kp_txn *txn; /* the present one, between kp_walk_next and the following */
    struct kp_mono began;
    size_t mark;
    bool stopped;
    struct kp_diag diag;
};

void kp_walk_init(struct kp_walk *walk, struct kp_store *store, kp_report_fn *report,
                  void *context);
void kp_walk_step(struct kp_walk *walk, const char *step, uint64_t all);
/* To be called before each piece of work: what was read before is gone. false: stop, because of a
 * failure or because the reporter said so; kp_walk_end tells. */
bool kp_walk_next(struct kp_walk *walk);
/* KP_E_LATER  it was stopped · errors of the store */
KP_MUST_CHECK enum kp_err kp_walk_end(struct kp_walk *walk, struct kp_diag *reterr_diag);

/* The form, if it is there still. */
bool kp_walk_form(struct kp_walk *walk, const struct kp_match_terms *terms, uint64_t id,
                  struct kp_known_form *ret_known);

#endif
