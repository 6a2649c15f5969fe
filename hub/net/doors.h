/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The doors: for each counterpart one bound ZeroMQ PAIR socket on its own TCP port, with its own
 * CURVE domain and list of allowed keys. One thread owns all sockets; a second answers ZAP. Frames
 * go in and out whole; what is in them is not known here. Only this folder knows zmq_*.
 */
#ifndef KP_NET_DOORS_H
#define KP_NET_DOORS_H

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

#define KP_CURVE_KEY_BYTES 32

struct kp_doors;

/* CONNECTED and DISCONNECTED alternate, and a frame comes only between them, all that a peer sent
 * before it left. TURNED_OUT comes just before DISCONNECTED when it is our doing. BUSY and SHUT_OUT
 * are told at most once a second per door; the counts in kp_door_stat are complete. */
enum kp_door_event {
    KP_DOOR_CONNECTED,    /* a peer passed the handshake */
    KP_DOOR_DISCONNECTED, /* that peer is gone: its session is over */
    KP_DOOR_BUSY,         /* a second live program with an allowed key was kept out */
    KP_DOOR_SHUT_OUT,     /* a peer was refused at the handshake: its key is unknown or revoked, or
                             it does not speak CURVE with the hub's key; or the live one was put out
                             because it sent a message without end */
    KP_DOOR_TURNED_OUT,   /* the live peer's connection is ended here: what it sent and nobody has
                             looked at yet counts no more */
};

/* A frame as received, up to twice KP_FRAME_BYTES_MAX (whoever sends a larger one is put out): the
 * gate refuses what is over the limit, with its code. Released by whoever took it, with
 * kp_frame_free. */
struct kp_frame;
struct kp_slice kp_frame_bytes(const struct kp_frame *frame);
struct kp_frame *kp_frame_free(struct kp_frame *frame);

struct kp_doors_options {
    const char *host;              /* address to bind, e.g. "127.0.0.1" */
    const char *curve_secret_file; /* Z85, mode 0400: the hub's transport key */
    void *context;
    /* Both are called from the door thread and must not block. on_frame takes the frame over. */
    void (*on_frame)(void *context, uint16_t door, struct kp_frame *frame);
    void (*on_event)(void *context, uint16_t door, enum kp_door_event event);
    /* The ZAP answerer or the canary failed: the process must end now (called from any thread, does
     * not return). */
    void (*on_fatal)(void *context, const char *reason);
    uint32_t canary_ms; /* how often the canary tries after the start; 0: every minute */
};

/* Starts both threads, with the ZAP handler running before anything is bound; a random key must be
 * refused (canary) or this fails. KP_E_KEY_FILE, KP_E_CRYPTO (the canary was let in), KP_E_IO */
KP_MUST_CHECK enum kp_err kp_doors_start(const struct kp_doors_options *options,
                                         struct kp_doors **ret_doors, struct kp_diag *reterr_diag);
/* Closes every door (a Bye frame first, when @bye is not empty) and ends the threads. */
struct kp_doors *kp_doors_stop(struct kp_doors *doors, struct kp_slice bye);

/* --- any thread but the door thread (so not from the callbacks: asserted); each waits until the
 * door thread has done it --- */

/* Open a door, or change the keys of an open one: a live peer whose key is no longer in @keys is
 * put out at once (the Bye frame @bye first). @keys: KP_CURVE_KEY_BYTES each. @revoked: keys that
 * were allowed once: they get ZAP status 500 instead of 400, so that their owner learns that they
 * are revoked. A peer whose key stays allowed notices nothing.
 * @port 0: a free one when the door is opened, the present one when it is open (kp_doors_stat tells
 * it). A door that is open at another port is closed and opened anew.
 * KP_E_EXISTS  the port is taken by another program · KP_E_LIMIT  more than KP_DOORS_MAX doors, or
 * no descriptor left · KP_E_IO  the host is no address of this machine; after an error the door is
 * as it was, or closed when it had to move. */
struct kp_door_keys {
    uint8_t allowed[KP_DOOR_KEYS_MAX][KP_CURVE_KEY_BYTES];
    uint32_t allowed_count;
    uint8_t revoked[8][KP_CURVE_KEY_BYTES]; /* the most recent ones */
    uint32_t revoked_count;
};
KP_MUST_CHECK enum kp_err kp_doors_set(struct kp_doors *doors, uint16_t door, uint16_t port,
                                       const struct kp_door_keys *keys, struct kp_slice bye,
                                       struct kp_diag *reterr_diag);
/* Close and forget; the live peer gets @bye first. */
void kp_doors_close(struct kp_doors *doors, uint16_t door, struct kp_slice bye);
/* Drop the present peer only (it may come back). */
void kp_doors_drop_peer(struct kp_doors *doors, uint16_t door, struct kp_slice bye);

/* --- any thread; does not wait --- */

/* Queue one frame for the peer of @door; copied. Frames of one door keep their order.
 * What is still queued when the peer goes is dropped. A frame for a peer that is going at this very
 * moment may reach its successor: the session in it tells.
 *
 * KP_E_LATER  the door's queue is full (KP_OUTBOUND_QUEUE_FRAMES, or KP_OUTBOUND_QUEUE_BYTES)
 * KP_E_STATE  no such door or no peer: the frame is dropped
 * KP_E_LIMIT  larger than KP_FRAME_BYTES_MAX: no peer would take it */
KP_MUST_CHECK enum kp_err kp_doors_send(struct kp_doors *doors, uint16_t door,
                                        struct kp_slice frame);

#define KP_OUTBOUND_QUEUE_BYTES (64u << 20)

struct kp_door_stat {
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t busy, shut_out, connects;
    uint32_t queued;
    uint16_t port;
    bool connected;
};
/* false: no such door. */
bool kp_doors_stat(struct kp_doors *doors, uint16_t door, struct kp_door_stat *ret_stat);

#endif
