/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One ZeroMQ PAIR socket with CURVE towards the hub, kept going: connect, notice what happens to
 * the handshake and the connection, and begin again with back-off and jitter. The only file of the
 * adapters that knows zmq_*. A socket serves one connection: after that it is closed, so nothing
 * that was queued for an earlier session can reach a later one. One thread.
 */
#ifndef KP_ADAPTER_LINK_H
#define KP_ADAPTER_LINK_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"

#define KP_LINK_KEY_BYTES 32

struct kp_link;

struct kp_link_options {
    const char *endpoint; /* tcp://host:port; copied */
    uint8_t hub_public[KP_LINK_KEY_BYTES];
    uint8_t own_public[KP_LINK_KEY_BYTES];
    struct kp_secret own_secret; /* the caller ends its copy */
};

/* Connects in the background. KP_E_MALFORMED  the endpoint cannot be used · KP_E_IO */
KP_MUST_CHECK enum kp_err kp_link_new(const struct kp_link_options *options,
                                      struct kp_link **ret_link, struct kp_diag *reterr_diag);
struct kp_link *kp_link_free(struct kp_link *link);

/* Read a CURVE secret key: a Z85 text of 40 characters in a file that only its owner can read.
 * KP_E_KEY_FILE */
KP_MUST_CHECK enum kp_err kp_link_read_keys(const char *path, uint8_t ret_public[KP_LINK_KEY_BYTES],
                                            struct kp_secret *ret_secret,
                                            struct kp_diag *reterr_diag);

enum kp_link_event {
    KP_LINK_NOTHING,  /* the wait ended */
    KP_LINK_UP,       /* the handshake succeeded: say Hello */
    KP_LINK_FRAME,    /* see kp_link_frame */
    KP_LINK_DOWN,     /* the connection, or an attempt, ended; another follows by itself */
    KP_LINK_SHUT_OUT, /* the hub's ZAP handler refused the key; see kp_link_refusal */
};

/* Wait until something happens or @until passes; a moment that is past does not wait. */
enum kp_link_event kp_link_next(struct kp_link *link, struct kp_mono until);
/* The frame of the last KP_LINK_FRAME; lives until the next kp_link_next. */
struct kp_slice kp_link_frame(const struct kp_link *link);
/* KP_E_KEY_UNKNOWN, KP_E_KEY_REVOKED or KP_E_LATER: of the last KP_LINK_SHUT_OUT. */
enum kp_err kp_link_refusal(const struct kp_link *link);

/* Queue one frame; copied. KP_E_LATER  the queue is full · KP_E_STATE  no connection */
KP_MUST_CHECK enum kp_err kp_link_send(struct kp_link *link, struct kp_slice frame);
/* End the present connection; the next attempt follows after the back-off. No event is given. */
void kp_link_drop(struct kp_link *link);
/* The hub answered as it should: the back-off starts from its shortest step again. */
void kp_link_settled(struct kp_link *link);

/* Readable when kp_link_next should be called, or when the time of kp_link_wake_at has come. */
int kp_link_fd(const struct kp_link *link);
void kp_link_wake_at(struct kp_link *link, struct kp_mono at);

#endif
