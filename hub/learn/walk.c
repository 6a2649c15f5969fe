/* SPDX-License-Identifier: EUPL-1.2 */
#include "learn/walk.h"

#include "base/limits.h"

#define TXN_US (KP_READ_TXN_US_MAX / 10)
#define REPORT_EVERY 64u

void kp_walk_init(struct kp_walk *walk, struct kp_store *store, kp_report_fn *report, void *context)
{
    *walk = (struct kp_walk){.store = store, .report = report, .context = context, .step = ""};
}

void kp_walk_step(struct kp_walk *walk, const char *step, uint64_t all)
{
    walk->step = step;
    walk->done = 0;
    walk->all = all;
}

/* Keeps what failed, if it did. */
static void close_txn(struct kp_walk *walk)
{
    if (walk->txn != NULL && kp_txn_error(walk->txn) != KP_OK) {
        walk->diag = walk->txn->diag;
        walk->diag.err = kp_txn_error(walk->txn);
    }
    kp_txn_abort(walk->txn);
    walk->txn = NULL;
}

bool kp_walk_next(struct kp_walk *walk)
{
    if (walk->stopped || walk->diag.err != KP_OK) {
        return false;
    }
    if (walk->done++ % REPORT_EVERY == 0 && walk->report != NULL &&
        !walk->report(walk->context, walk->step, walk->done - 1, walk->all)) {
        walk->stopped = true;
        return false;
    }
    if (walk->txn != NULL &&
        (kp_txn_error(walk->txn) != KP_OK || kp_mono_now().us - walk->began.us > TXN_US)) {
        close_txn(walk);
    }
    if (walk->txn == NULL && walk->diag.err == KP_OK) {
        if (kp_txn_begin(walk->store, /* write= */ false, &walk->txn, &walk->diag) != KP_OK) {
            walk->txn = NULL;
            return false;
        }
        walk->began = kp_mono_now();
        walk->mark = kp_txn_scratch_mark(walk->txn);
    }
    if (walk->txn != NULL) {
        kp_txn_scratch_restore(walk->txn, walk->mark);
    }
    return walk->diag.err == KP_OK;
}

enum kp_err kp_walk_end(struct kp_walk *walk, struct kp_diag *reterr_diag)
{
    close_txn(walk);
    if (walk->diag.err != KP_OK) {
        *reterr_diag = walk->diag;
        return walk->diag.err;
    }
    return walk->stopped ? kp_fail(reterr_diag, KP_E_LATER, "stopped before the end") : KP_OK;
}

bool kp_walk_form(struct kp_walk *walk, const struct kp_match_terms *terms, uint64_t id,
                  struct kp_known_form *ret_known)
{
    return kp_forms_next(walk->txn, terms, id - 1, ret_known) && ret_known->id == id;
}
