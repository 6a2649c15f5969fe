/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One adapter or one user's receiver: its folders, spool and connection in one loop on one thread.
 * The only part of the runtime that logs what happens to it and decides what an error means.
 */
#ifndef KP_ADAPTER_RUNTIME_H
#define KP_ADAPTER_RUNTIME_H

#include "runtime/conf.h"
#include "runtime/translator.h"

#include <signal.h>

struct kp_runtime_options {
    const struct kp_adapter_conf *conf;
    const struct kp_translator *translator; /* NULL: a user's receiver */
    /* Every translator of this program: a bundle of one of them is not for another. */
    const struct kp_translator *const *translators;
    size_t translator_count;
    const volatile sig_atomic_t *stop; /* set by a signal handler: finish and return */
    bool once;       /* take what is there, wait until all of it has an outcome, return */
    int64_t once_ms; /* wait no longer than this */
};

enum kp_runtime_end {
    KP_RUNTIME_STOPPED,
    KP_RUNTIME_ALL_DONE, /* once: every record has an outcome */
    KP_RUNTIME_NOT_DONE, /* once: something waits for the hub or a person */
};
/* Runs until stopped. Any error ends the program; everything is on disk.
 * KP_E_CONFIG, KP_E_KEY_FILE, ...  cannot start · KP_E_STORE, KP_E_CORRUPT, KP_E_IO  broken ·
 * KP_E_STATE  the hub was restored from an older backup than our receipts: a person must decide */
KP_MUST_CHECK enum kp_err kp_runtime_run(const struct kp_runtime_options *options,
                                         enum kp_runtime_end *ret_end, struct kp_diag *reterr_diag);

/* After a hub was restored: the operator knows. Forget the highest position and the cursors, and
 * have everything without an outcome sent again. The adapter must not be running. */
KP_MUST_CHECK enum kp_err kp_runtime_resume(const struct kp_adapter_conf *conf,
                                            struct kp_diag *reterr_diag);

/* What the spool knows, to stdout. Beside a running adapter. */
KP_MUST_CHECK enum kp_err kp_runtime_status(const struct kp_adapter_conf *conf, bool json,
                                            struct kp_diag *reterr_diag);

#endif
