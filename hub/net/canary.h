/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The canary: a stranger with a random key who must not get in. It proves that a CURVE socket of
 * this context is really guarded, at start and every minute.
 */
#ifndef KP_NET_CANARY_H
#define KP_NET_CANARY_H

#include "base/err.h"

/*
 * Binds a door for nobody on a free port of the loopback, set up as every other door, but with a
 * key pair of its own: the port may be that of a door that is closed, and whoever looks for that
 * one must not be judged here. Knocks with a key made for the occasion. Blocks for a millisecond
 * when all is well.
 *
 * KP_OK         refused by the answerer with status 400, as it should be
 * KP_E_CRYPTO   let in
 * KP_E_TIMEOUT  no verdict within @timeout_ms: nobody answers
 * KP_E_STATE    the context is ending
 * KP_E_IO       the canary's own sockets failed
 */
KP_MUST_CHECK enum kp_err kp_canary_try(void *zmq_context, uint32_t timeout_ms,
                                        struct kp_diag *reterr_diag);

/* The same at every interval, on a thread of its own; up to three tries without a verdict (a
 * machine that stands still for seconds is no breach), one with a wrong verdict. */
struct kp_canary;
struct kp_canary_options {
    void *zmq_context;
    uint32_t interval_ms;
    void *context;
    void (*on_fatal)(void *context, const char *reason); /* does not return */
};
KP_MUST_CHECK enum kp_err kp_canary_start(const struct kp_canary_options *options,
                                          struct kp_canary **ret_canary,
                                          struct kp_diag *reterr_diag);
/* Ask it to end; it does so at once when the context is shut down. */
void kp_canary_end(struct kp_canary *canary);
struct kp_canary *kp_canary_join(struct kp_canary *canary);

#endif
