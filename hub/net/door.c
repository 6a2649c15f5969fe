/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What libzmq 4.3.4 does, and we build on (tests/e2e/zmq_*.c show each):
 *
 * 1. A PAIR socket takes the first connection that passes the handshake. A later one passes its
 *    handshake too but gets no pipe: it stays connected and nothing it sends arrives. Most often
 *    libzmq stops reading it at its first frame, and the heartbeat ends it within 3 s; a frame that
 *    was faster than the refusal is swallowed, and then it stays until it is turned out.
 * 2. The place is free again only when the pipe of the first is fully closed. A newcomer that is
 *    faster than that is turned away although nobody is served. Turned out, it comes back at once.
 * 3. The monitor tells a successful handshake after the pipe was offered, an end before the
 *    descriptor is closed, and both before anything of the next connection. So: receive a frame,
 *    then read the monitor, then judge the frame.
 * 4. A socket has POLLOUT when it has a pipe with room: on a fresh connection that tells whether
 *    somebody is being served.
 */
#include "net/door.h"

#include "base/assert.h"
#include "net/curve.h"
#include "net/monitor.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PORTION_FRAMES 32 /* then the other doors have their turn */
#define BYE_LINGER_MS 200 /* a peer that does not read gets no Bye */
#define TELL_EVERY_US 1000000
#define UNENDED_BYTES_MAX (4u * KP_CURVE_FRAME_BYTES_MAX)
#define IDLE_BYTES_PER_S 1024u /* heartbeats, generously */

struct kp_slice kp_frame_bytes(const struct kp_frame *frame)
{
    zmq_msg_t *message = (zmq_msg_t *)(uintptr_t)&frame->message; /* libzmq knows no const */
    return kp_slice_of(zmq_msg_data(message), zmq_msg_size(message));
}

struct kp_frame *kp_frame_free(struct kp_frame *frame)
{
    if (frame != NULL) {
        (void)zmq_msg_close(&frame->message); /* cannot fail on an initialised message */
        free(frame);
    }
    return NULL;
}

struct kp_door *kp_door_new(const struct kp_door_shared *shared, uint16_t number)
{
    struct kp_door *door = calloc(1, sizeof *door);
    KP_ASSERT(door != NULL);
    door->shared = shared;
    door->number = number;
    door->listen_fd = -1;
    KP_ASSERT(pthread_mutex_init(&door->mutex, NULL) == 0);
    return door;
}

static void lock(struct kp_door *door)
{
    KP_ASSERT(pthread_mutex_lock(&door->mutex) == 0);
}

static void unlock(struct kp_door *door)
{
    KP_ASSERT(pthread_mutex_unlock(&door->mutex) == 0);
}

static void tell(struct kp_door *door, enum kp_door_event event)
{
    door->shared->options.on_event(door->shared->options.context, door->number, event);
}

static void tell_seldom(struct kp_door *door, enum kp_door_event event, struct kp_mono *last)
{
    struct kp_mono now = kp_mono_now();
    if (last->us == 0 || now.us - last->us >= TELL_EVERY_US) {
        *last = now;
        tell(door, event);
    }
}

/* --- outbound --- */

enum kp_err kp_door_enqueue(struct kp_door *door, struct kp_slice bytes, bool *ret_flag)
{
    struct kp_frame *frame = malloc(sizeof *frame);
    KP_ASSERT(frame != NULL && zmq_msg_init_size(&frame->message, bytes.size) == 0);
    if (bytes.size != 0) {
        memcpy(zmq_msg_data(&frame->message), bytes.bytes, bytes.size);
    }
    frame->next = NULL;
    enum kp_err err = KP_OK;
    lock(door);
    if (!door->stat.connected) {
        err = KP_E_STATE;
    } else if (door->stat.queued >= KP_OUTBOUND_QUEUE_FRAMES ||
               door->out_bytes + bytes.size > KP_OUTBOUND_QUEUE_BYTES) {
        err = KP_E_LATER;
    } else {
        *(door->out_first == NULL ? &door->out_first : &door->out_last->next) = frame;
        door->out_last = frame;
        door->out_bytes += bytes.size;
        door->stat.queued++;
        *ret_flag = !door->flagged;
        door->flagged = true;
    }
    unlock(door);
    if (err != KP_OK) {
        kp_frame_free(frame);
    }
    return err;
}

/* Only the door thread takes from the queue, so its first frame stays first without the lock. */
static struct kp_frame *first_out(struct kp_door *door)
{
    lock(door);
    struct kp_frame *frame = door->out_first;
    unlock(door);
    return frame;
}

static void take_first_out(struct kp_door *door, size_t size, bool sent)
{
    lock(door);
    struct kp_frame *frame = door->out_first;
    door->out_first = frame->next;
    door->out_bytes -= size;
    door->stat.queued--;
    if (sent) {
        door->stat.frames_out++;
        door->stat.bytes_out += size;
    }
    unlock(door);
    kp_frame_free(frame);
}

/* false: the socket takes no more now. */
static bool send_queued(struct kp_door *door)
{
    for (struct kp_frame *frame = first_out(door); frame != NULL; frame = first_out(door)) {
        size_t size = zmq_msg_size(&frame->message);
        if (zmq_msg_send(&frame->message, door->socket, ZMQ_DONTWAIT) < 0) {
            KP_ASSERT(errno == EAGAIN || errno == EINTR);
            return false;
        }
        take_first_out(door, size, /* sent= */ true);
    }
    return true;
}

static void drop_queued(struct kp_door *door)
{
    for (struct kp_frame *frame = first_out(door); frame != NULL; frame = first_out(door)) {
        take_first_out(door, zmq_msg_size(&frame->message), /* sent= */ false);
    }
}

/* --- who is there --- */

static int socket_events(struct kp_door *door)
{
    int events = 0;
    size_t size = sizeof events;
    while (zmq_getsockopt(door->socket, ZMQ_EVENTS, &events, &size) != 0) {
        KP_ASSERT(errno == EINTR);
    }
    return events;
}

static void peer_came(struct kp_door *door)
{
    door->peer = KP_PEER_LIVE;
    door->peer_fd = -1;
    door->peer_user[0] = '\0';
    door->peer_doubted = false;
    door->pace.known = false;
    lock(door);
    door->stat.connected = true;
    door->stat.connects++;
    unlock(door);
    tell(door, KP_DOOR_CONNECTED);
}

static void peer_went(struct kp_door *door)
{
    if (door->peer == KP_PEER_NONE) {
        return;
    }
    door->peer = KP_PEER_NONE;
    door->peer_doubted = false;
    lock(door);
    door->stat.connected = false;
    unlock(door);
    drop_queued(door);
    tell(door, KP_DOOR_DISCONNECTED);
}

static void on_handshake(struct kp_door *door)
{
    if (door->peer == KP_PEER_LIVE && !door->peer_doubted) {
        door->somebody_waits = true;
        lock(door);
        door->stat.busy++;
        unlock(door);
        tell_seldom(door, KP_DOOR_BUSY, &door->busy_told);
        return;
    }
    peer_went(door); /* if it was leaving: with a newcomer here its end cannot wait */
    if ((socket_events(door) & ZMQ_POLLOUT) != 0) {
        peer_came(door);
    } else {
        kp_door_turn_out(door, KP_SLICE_EMPTY);
    }
}

static void on_accept(struct kp_door *door, int fd)
{
    if (door->connection_count == KP_DOOR_CONNECTIONS) { /* the oldest one makes room */
        door->connection_count--;
        memmove(door->connections, door->connections + 1,
                door->connection_count * sizeof door->connections[0]);
    }
    door->connections[door->connection_count++] = fd;
}

static void on_disconnect(struct kp_door *door, int fd)
{
    for (uint32_t i = 0; i < door->connection_count; i++) {
        if (door->connections[i] == fd) {
            door->connections[i] = door->connections[--door->connection_count];
            break;
        }
    }
    if (door->peer == KP_PEER_LIVE && fd == door->peer_fd) {
        door->peer = KP_PEER_LEAVING;
    } else if (door->peer == KP_PEER_LIVE && door->peer_fd == -1) {
        door->peer_doubted = true; /* it, or another: its pipe will tell, once it is closed */
    }
}

static void on_refused(struct kp_door *door)
{
    lock(door);
    door->stat.shut_out++;
    unlock(door);
    tell_seldom(door, KP_DOOR_SHUT_OUT, &door->shut_out_told);
}

static void read_monitor(struct kp_door *door)
{
    struct kp_monitor_event event;
    while (door->monitor != NULL && kp_monitor_next(door->monitor, &event)) {
        switch (event.event) {
        case ZMQ_EVENT_ACCEPTED:
            on_accept(door, (int)event.value);
            break;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            on_handshake(door);
            break;
        case ZMQ_EVENT_DISCONNECTED:
            on_disconnect(door, (int)event.value);
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            on_refused(door);
            break;
        default:
            break; /* none that was asked for */
        }
    }
}

/* --- inbound --- */

static bool is_allowed(const struct kp_door_keys *keys, const char *user)
{
    for (uint32_t i = 0; i < keys->allowed_count; i++) {
        char text[KP_USER_ID_CHARS + 1];
        for (uint32_t n = 0; n < KP_CURVE_KEY_BYTES; n++) {
            (void)snprintf(text + 2 * n, 3, "%02x", keys->allowed[i][n]); /* fits */
        }
        if (strcmp(text, user) == 0) {
            return true;
        }
    }
    return false;
}

/* Identity comes from the key of the connection that carried the frame, never from the frame. A
 * handshake that began before the keys changed may have been let in by the old list. */
static bool is_from_peer(struct kp_door *door, struct kp_frame *frame)
{
    const char *user = zmq_msg_gets(&frame->message, "User-Id");
    if (user == NULL) {
        return false;
    }
    int fd = zmq_msg_get(&frame->message, ZMQ_SRCFD);
    if (fd != door->peer_fd || strcmp(user, door->peer_user) != 0) {
        if (!is_allowed(&door->keys, user)) {
            return false;
        }
        if (door->peer_fd != -1) { /* another connection, though no end was told (fact 3) */
            peer_went(door);
            peer_came(door);
        }
        (void)snprintf(door->peer_user, sizeof door->peer_user, "%s", user); /* fits: it is ours */
        door->peer_fd = fd;
        door->peer_doubted = false;
    }
    return true;
}

/* false: it went no further and its sender is turned out. Takes @frame over. */
static bool hand_over(struct kp_door *door, struct kp_frame *frame)
{
    if (door->peer == KP_PEER_NONE) {
        peer_came(door); /* its handshake was not told to us, or not yet */
    }
    if (!is_from_peer(door, frame)) {
        kp_frame_free(frame);
        kp_door_turn_out(door, KP_SLICE_EMPTY);
        return false;
    }
    lock(door);
    door->stat.frames_in++;
    door->stat.bytes_in += zmq_msg_size(&frame->message);
    unlock(door);
    door->shared->options.on_frame(door->shared->options.context, door->number, frame);
    return true;
}

/* NULL: nothing there now. */
static struct kp_frame *receive(struct kp_door *door)
{
    zmq_msg_t message;
    KP_ASSERT(zmq_msg_init(&message) == 0);
    int size;
    do {
        size = zmq_msg_recv(&message, door->socket, ZMQ_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        KP_ASSERT(errno == EAGAIN);
        return NULL;
    }
    struct kp_frame *frame = malloc(sizeof *frame);
    KP_ASSERT(frame != NULL && zmq_msg_init(&frame->message) == 0);
    KP_ASSERT(zmq_msg_move(&frame->message, &message) == 0);
    frame->next = NULL;
    return frame;
}

/* All that the one who left has sent is read: now its end can be told. */
static void settle(struct kp_door *door)
{
    if (door->peer_doubted && (socket_events(door) & ZMQ_POLLOUT) == 0) {
        door->peer_doubted = false;
        door->peer = KP_PEER_LEAVING;
    }
    if (door->peer != KP_PEER_LEAVING) {
        return;
    }
    peer_went(door);
    if (door->somebody_waits) {
        kp_door_turn_out(door, KP_SLICE_EMPTY); /* it comes back at once, now to be served */
    }
}

bool kp_door_serve(struct kp_door *door)
{
    for (uint32_t i = 0; i < PORTION_FRAMES; i++) {
        if (door->socket == NULL) {
            return false;
        }
        void *socket = door->socket;
        struct kp_frame *frame = receive(door);
        read_monitor(door);
        if (door->socket != socket) {
            kp_frame_free(frame); /* of a connection that was turned out */
            continue;
        }
        bool all_sent = door->peer != KP_PEER_LIVE || send_queued(door);
        if (frame != NULL) {
            (void)hand_over(door, frame); /* false: the next round sees the new socket */
            continue;
        }
        settle(door);
        if (door->socket == socket) {
            int events = socket_events(door);
            if ((events & ZMQ_POLLIN) == 0 && (all_sent || (events & ZMQ_POLLOUT) == 0)) {
                return false;
            }
        }
    }
    return true;
}

/* --- sockets --- */

static void watch(struct kp_door *door, int operation, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = door};
    KP_ASSERT(epoll_ctl(door->shared->epoll_fd, operation, fd, &event) == 0);
}

static int socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    KP_ASSERT(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

static enum kp_err make_socket(struct kp_door *door, struct kp_diag *reterr_diag)
{
    const struct kp_door_shared *shared = door->shared;
    char domain[8];
    (void)snprintf(domain, sizeof domain, "%u", door->number); /* fits */
    void *socket = kp_curve_server(shared->zmq_context, shared->secret, domain);
    void *monitor = socket == NULL ? NULL : kp_monitor_open(shared->zmq_context, socket);
    int fd = monitor == NULL ? -1 : dup(door->listen_fd);
    if (fd >= 0) {
        /* The address is only a form: the copy of our listening descriptor is what counts. */
        kp_curve_set_int(socket, ZMQ_USE_FD, fd);
        if (zmq_bind(socket, "tcp://127.0.0.1:*") == 0) {
            door->socket = socket;
            door->monitor = monitor;
            door->socket_fd = socket_fd(socket);
            door->monitor_fd = socket_fd(monitor);
            watch(door, EPOLL_CTL_ADD, door->socket_fd);
            watch(door, EPOLL_CTL_ADD, door->monitor_fd);
            return KP_OK;
        }
    }
    enum kp_err err = kp_fail(reterr_diag, KP_E_LIMIT, "no socket for door %u: %s", door->number,
                              zmq_strerror(errno));
    if (fd >= 0) {
        (void)close(fd); /* libzmq did not take it over */
    }
    kp_monitor_close(socket, monitor);
    if (socket != NULL) {
        (void)zmq_close(socket); /* valid and ours: cannot fail */
    }
    return err;
}

/* The live peer is told @bye and then all connections of this socket end. */
static void drop_socket(struct kp_door *door, struct kp_slice bye)
{
    if (door->socket == NULL) {
        return;
    }
    if (door->peer == KP_PEER_LIVE && bye.size != 0 &&
        zmq_send(door->socket, bye.bytes, bye.size, ZMQ_DONTWAIT) >= 0) {
        kp_curve_set_int(door->socket, ZMQ_LINGER, BYE_LINGER_MS);
    }
    watch(door, EPOLL_CTL_DEL, door->socket_fd);
    watch(door, EPOLL_CTL_DEL, door->monitor_fd);
    kp_monitor_close(door->socket, door->monitor);
    (void)zmq_close(door->socket); /* valid and ours: cannot fail */
    door->socket = NULL;
    door->monitor = NULL;
    door->somebody_waits = false;
    door->connection_count = 0;
    if (door->peer != KP_PEER_NONE) {
        tell(door, KP_DOOR_TURNED_OUT);
    }
    peer_went(door);
}

void kp_door_turn_out(struct kp_door *door, struct kp_slice bye)
{
    drop_socket(door, bye);
    (void)make_socket(door, NULL); /* without descriptors: again at the next tick */
}

/* A peer that has completed no frame yet is any of the connections. */
static bool is_endless_beginner(struct kp_door *door)
{
    for (uint32_t i = 0; i < door->connection_count; i++) {
        uint64_t received = 0;
        if (kp_tcp_received(door->connections[i], door->stat.port, &received) &&
            received > UNENDED_BYTES_MAX) {
            return true;
        }
    }
    return false;
}

static bool is_endless(struct kp_door *door)
{
    uint64_t received = 0;
    if (!kp_tcp_received(door->peer_fd, door->stat.port, &received)) {
        return false; /* it has just gone */
    }
    struct kp_pace *pace = &door->pace;
    struct kp_mono now = kp_mono_now();
    if (!pace->known || pace->frames_in != door->stat.frames_in) {
        *pace = (struct kp_pace){
            .known = true, .frames_in = door->stat.frames_in, .received = received, .when = now};
        return false;
    }
    uint64_t idle_bytes = (uint64_t)(now.us - pace->when.us) / 1000000 * IDLE_BYTES_PER_S;
    return received > pace->received + UNENDED_BYTES_MAX + idle_bytes;
}

void kp_door_tick(struct kp_door *door)
{
    if (door->socket == NULL) {
        (void)make_socket(door, NULL); /* again at the next tick */
    } else if (door->peer == KP_PEER_LIVE &&
               (door->peer_fd == -1 ? is_endless_beginner(door) : is_endless(door))) {
        on_refused(door);
        kp_door_turn_out(door, KP_SLICE_EMPTY);
    }
}

void kp_door_change_keys(struct kp_door *door, const struct kp_door_keys *keys, struct kp_slice bye)
{
    bool known = door->peer_user[0] != '\0';
    bool removed = false; /* a peer that has said nothing yet may have any of the old keys */
    for (uint32_t i = 0; i < door->keys.allowed_count; i++) {
        bool kept = false;
        for (uint32_t n = 0; n < keys->allowed_count; n++) {
            kept |= memcmp(door->keys.allowed[i], keys->allowed[n], KP_CURVE_KEY_BYTES) == 0;
        }
        removed |= !kept;
    }
    door->keys = *keys;
    if (door->peer != KP_PEER_NONE && (known ? !is_allowed(keys, door->peer_user) : removed)) {
        kp_door_turn_out(door, bye);
    }
}

enum kp_err kp_door_open(struct kp_door *door, uint16_t port, const struct kp_door_keys *keys,
                         struct kp_diag *reterr_diag)
{
    KP_ASSERT(!door->open);
    uint16_t bound_port = 0;
    enum kp_err err =
        kp_tcp_listen(door->shared->options.host, port, &door->listen_fd, &bound_port, reterr_diag);
    if (err == KP_OK) {
        err = make_socket(door, reterr_diag);
    }
    if (err != KP_OK) {
        kp_door_close(door, KP_SLICE_EMPTY);
        return err;
    }
    door->open = true;
    door->keys = *keys;
    door->busy_told = door->shut_out_told = (struct kp_mono){0};
    lock(door);
    door->stat = (struct kp_door_stat){.port = bound_port};
    unlock(door);
    return KP_OK;
}

void kp_door_close(struct kp_door *door, struct kp_slice bye)
{
    drop_socket(door, bye);
    if (door->listen_fd >= 0) {
        (void)close(door->listen_fd); /* nothing was written */
        door->listen_fd = -1;
    }
    door->open = false;
    lock(door);
    door->stat.port = 0;
    unlock(door);
}

struct kp_door *kp_door_free(struct kp_door *door)
{
    if (door != NULL) {
        KP_ASSERT(!door->open);
        drop_queued(door);
        KP_ASSERT(pthread_mutex_destroy(&door->mutex) == 0);
        free(door);
    }
    return NULL;
}
