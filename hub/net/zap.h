/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who may come in: the answerer of ZAP requests (ZeroMQ RFC 27) on a thread of its own, with a list
 * of keys per door. Without an answerer CURVE lets everybody in, so it runs before anything is
 * bound and its end is the end of the process.
 */
#ifndef KP_NET_ZAP_H
#define KP_NET_ZAP_H

#include "net/doors.h"

struct kp_zap;

struct kp_zap_options {
    void *zmq_context;
    void *context;
    /* The answerer ended while it should run; called from its thread, does not return. */
    void (*on_fatal)(void *context, const char *reason);
};

/* Bound and answering when this returns. KP_E_IO */
KP_MUST_CHECK enum kp_err kp_zap_start(const struct kp_zap_options *options,
                                       struct kp_zap **ret_zap, struct kp_diag *reterr_diag);
/* Call before the context is shut down: from here on the answerer may end. */
void kp_zap_expect_end(struct kp_zap *zap);
/* After the context was shut down. NULL is fine. */
struct kp_zap *kp_zap_join(struct kp_zap *zap);

/* Any thread; the next handshake is judged by the new list. @keys is copied. KP_E_LIMIT */
KP_MUST_CHECK enum kp_err kp_zap_set(struct kp_zap *zap, uint16_t door,
                                     const struct kp_door_keys *keys);
void kp_zap_remove(struct kp_zap *zap, uint16_t door);

#endif
