/* SPDX-License-Identifier: EUPL-1.2 */
/* One door, as the door thread sees it. Inside hub/net only; the public face is net/doors.h. */
#ifndef KP_NET_DOOR_H
#define KP_NET_DOOR_H

#include "base/crypto.h"
#include "base/time.h"
#include "net/doors.h"

#include <pthread.h>
#include <zmq.h>

struct kp_frame {
    zmq_msg_t message;
    struct kp_frame *next; /* while in a door's queue */
};

/* Borrowed by every door; constant while doors exist. */
struct kp_door_shared {
    void *zmq_context;
    const struct kp_secret *secret;
    int epoll_fd;
    struct kp_doors_options options;
};

enum kp_peer_state {
    KP_PEER_NONE,
    KP_PEER_LIVE,    /* told as CONNECTED */
    KP_PEER_LEAVING, /* gone, but frames it sent are still to be read before that is told */
};

#define KP_DOOR_CONNECTIONS 64 /* open at one door, that are watched */

/* Whether the peer ever ends what it begins: bytes received since it last completed a frame. */
struct kp_pace {
    bool known;
    uint64_t frames_in, received; /* when it was last seen to complete one */
    struct kp_mono when;
};

#define KP_USER_ID_CHARS (2 * KP_CURVE_KEY_BYTES)

struct kp_door {
    const struct kp_door_shared *shared;
    uint16_t number;

    /* The door thread's own */
    bool open;
    uint32_t open_index; /* in the list of open doors */
    struct kp_door_keys keys;
    int listen_fd; /* ours for as long as the door is open; each socket gets a copy */
    void *socket;  /* NULL when it could not be made anew: tried again at each tick */
    void *monitor;
    int socket_fd, monitor_fd; /* libzmq's, in the epoll set */
    enum kp_peer_state peer;
    int peer_fd;                          /* -1 until its first frame */
    char peer_user[KP_USER_ID_CHARS + 1]; /* empty until its first frame */
    bool peer_doubted;   /* a connection ended before its first frame: perhaps this one */
    bool somebody_waits; /* a connection was kept out by the live one (it may have gone since) */
    struct kp_mono busy_told, shut_out_told;
    int connections[KP_DOOR_CONNECTIONS]; /* descriptors, the newest ones */
    uint32_t connection_count;
    struct kp_pace pace;
    bool ready; /* in the list of doors that have more to do */
    struct kp_door *ready_next;

    pthread_mutex_t mutex; /* guards what follows; never held during a callback or a zmq_ call */
    struct kp_frame *out_first, *out_last;
    size_t out_bytes;
    bool flagged; /* in the list of doors with something new to send */
    struct kp_door *flagged_next;
    struct kp_door_stat stat;
};

struct kp_door *kp_door_new(const struct kp_door_shared *shared, uint16_t number);
struct kp_door *kp_door_free(struct kp_door *door);

/* All below: the door thread only. */

/* KP_E_EXISTS, KP_E_LIMIT, KP_E_IO: the door stays closed. */
KP_MUST_CHECK enum kp_err kp_door_open(struct kp_door *door, uint16_t port,
                                       const struct kp_door_keys *keys,
                                       struct kp_diag *reterr_diag);
void kp_door_close(struct kp_door *door, struct kp_slice bye);
/* The present connections are ended, the live one with @bye first; the port stays ours throughout.
 */
void kp_door_turn_out(struct kp_door *door, struct kp_slice bye);
/* The live peer is turned out when its key is not in @keys (the ZAP list has changed already). */
void kp_door_change_keys(struct kp_door *door, const struct kp_door_keys *keys,
                         struct kp_slice bye);
/* Read, judge, hand over and send, in bounded portions. true: there is more to do. */
bool kp_door_serve(struct kp_door *door);
/* A few times a second: make the socket that could not be made; put out a peer that sends a message
 * without end (of many parts: libzmq keeps all until the last, and no option limits that). */
void kp_door_tick(struct kp_door *door);

/* Any thread. */
KP_MUST_CHECK enum kp_err kp_door_enqueue(struct kp_door *door, struct kp_slice bytes,
                                          bool *ret_flag);

#endif
