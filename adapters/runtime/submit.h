/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * From the spool to the hub: signals are put into batches (once: a batch keeps its message id and
 * its signals at every resend), batches are sent within the hub's window, and sent again after each
 * Welcome until their receipt is in the spool. One thread; the functions say whether they need a
 * transaction or make their own.
 */
#ifndef KP_ADAPTER_SUBMIT_H
#define KP_ADAPTER_SUBMIT_H

#include "knooppunt/client.h"
#include "runtime/conf.h"
#include "runtime/spool.h"

struct kp_submit {
    const struct kp_adapter_conf *conf;
    struct kp_spool *spool;
    struct kp_client *client;
    bool in_session;
    uint32_t batch_signals_max, in_flight_max;
    uint32_t failures; /* since the last receipt: the back-off's exponent */
    struct kp_mono resume_at;
    uint64_t sent_to; /* batches up to this id were looked at in this session */
    uint32_t sent_count;
    struct kp_submit_sent {
        uint8_t message_id[KP_MESSAGE_ID_BYTES];
        struct kp_mono at;
    } sent[KP_DOOR_BATCHES_IN_FLIGHT_MAX]; /* and not answered: the window */
};

void kp_submit_init(struct kp_submit *submit, const struct kp_adapter_conf *conf,
                    struct kp_spool *spool, struct kp_client *client);
void kp_submit_on_welcome(struct kp_submit *submit, const Knooppunt__V1__Welcome *welcome);
void kp_submit_on_lost(struct kp_submit *submit);
/* In a write transaction. A receipt for a batch that is not ours, or with other digests, changes
 * nothing: KP_E_CORRUPT, to be told to the operator. */
KP_MUST_CHECK enum kp_err kp_submit_on_receipt(struct kp_submit *submit,
                                               const struct kp_client_event *event,
                                               struct kp_diag *reterr_diag);
/* In a write transaction. */
void kp_submit_on_refusal(struct kp_submit *submit, const Knooppunt__V1__Refusal *refusal);
/* The outcomes of one batch; in a write transaction. What is not in the spool (any more) is passed
 * over: that is how a repeated delivery has no effect. *ret_known: signals that were. */
void kp_submit_on_outcomes(struct kp_spool *spool, const Knooppunt__V1__Outcomes *outcomes,
                           uint32_t *ret_known);
/* Make batches and send what may be sent now; in no transaction. KP_E_DISK_FULL, KP_E_STORE, ... */
KP_MUST_CHECK enum kp_err kp_submit_run(struct kp_submit *submit, struct kp_diag *reterr_diag);
/* When kp_submit_run should be called again at the latest. */
struct kp_mono kp_submit_next(const struct kp_submit *submit);

#endif
