/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Transport keys, and the options that every CURVE socket of the hub gets, each one stated: a
 * default of libzmq is not a decision of ours.
 */
#ifndef KP_NET_CURVE_H
#define KP_NET_CURVE_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/limits.h"

#define KP_CURVE_Z85_CHARS 40 /* a key as text */

/*
 * The secret key in a file of 40 Z85 characters, with or without a newline after them.
 * Any thread. Nothing of it stays behind in a buffer; the caller ends it with kp_secret_done.
 *
 * KP_E_KEY_FILE  absent, unreadable, readable by others than its owner, or no Z85 key
 */
KP_MUST_CHECK enum kp_err kp_curve_read_secret(const char *path, struct kp_secret *ret_secret,
                                               struct kp_diag *reterr_diag);
/* The public key that belongs to @secret. Any thread. */
void kp_curve_public(const struct kp_secret *secret, uint8_t ret_public[KP_KEY_BYTES]);
/* A fresh pair. Any thread. */
void kp_curve_new_pair(uint8_t ret_public[KP_KEY_BYTES], struct kp_secret *ret_secret);

/* A PAIR socket that serves CURVE under the ZAP domain @domain: limits, heartbeat, handshake
 * interval, keepalive, key; not bound yet. NULL: the context has no socket or descriptor left. */
void *kp_curve_server(void *zmq_context, const struct kp_secret *secret, const char *domain);

/* Whole milliseconds, see reliability in README.md. */
enum {
    KP_CURVE_HANDSHAKE_MS = 3000, /* a silent connection holds a descriptor this long */
    KP_CURVE_HEARTBEAT_MS = 1000,
    KP_CURVE_HEARTBEAT_TIMEOUT_MS = 2000, /* a half-open peer is gone after 3 s at most */
    KP_CURVE_FRAMES_IN_LIBRARY = 64,      /* on their way out, on top of the door's own queue */
    KP_CURVE_BACKLOG = 128,
    KP_CURVE_FRAME_BYTES_MAX = 2 * (int)KP_FRAME_BYTES_MAX,
};

void kp_curve_set_int(void *socket, int option, int value);

#endif
