/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/link.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#define Z85_TEXT_SIZE 41

#define QUEUE_FRAMES 64
#define HEARTBEAT_MS 1000
#define HEARTBEAT_TIMEOUT_MS 2000
#define HANDSHAKE_MS 3000
#define CONNECT_TIMEOUT_MS 3000
#define END_LINGER_MS 500 /* for the last acknowledgements of a client that ends in order */
#define RECONNECT_MS 100
#define RECONNECT_MS_MAX 1000

/*
 * After a connection that ended: quick at first, because a hub that restarts or drops our half-open
 * predecessor is back within seconds (served again in 4 s), slower when it lasts. A refused key
 * needs a person, so it is tried slowly from the start.
 */
#define BACKOFF_MS_FIRST 100
#define BACKOFF_MS_QUICK 500
#define BACKOFF_QUICK_ATTEMPTS 20u
#define BACKOFF_MS_MAX 5000
#define SHUT_OUT_MS_FIRST 2000
#define SHUT_OUT_MS_MAX 10000

struct kp_link {
    void *context;
    void *socket, *monitor; /* NULL between two connections */
    char endpoint[256];
    uint8_t hub_public[KP_LINK_KEY_BYTES];
    uint8_t own_public[KP_LINK_KEY_BYTES];
    struct kp_secret own_secret;
    zmq_msg_t frame;
    uint32_t opened;   /* sockets so far: names the monitor's endpoint */
    uint32_t attempts; /* since the hub last answered as it should */
    uint32_t shut_outs;
    struct kp_mono reopen_at;
    struct kp_mono wake_at;
    enum kp_err refusal;
    bool up, ended; /* ended: what was received is still to be read, then the socket goes */
    bool look_now;  /* something is there that the socket's descriptor tells no more of */
    int epoll_fd, timer_fd;
};

enum kp_err kp_link_read_keys(const char *path, uint8_t ret_public[KP_LINK_KEY_BYTES],
                              struct kp_secret *ret_secret, struct kp_diag *reterr_diag)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE,
                       "%s: not a file that only its owner can read (chmod 0400)", path);
    }
    char *text = NULL;
    size_t size = 0;
    struct kp_diag diag;
    if (kp_file_read(path, 256, &text, &size, &diag) != KP_OK) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "%s", diag.text);
    }
    char z85[Z85_TEXT_SIZE] = "";
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        size--;
    }
    bool good = size == Z85_TEXT_SIZE - 1;
    if (good) {
        memcpy(z85, text, size);
        char public_z85[Z85_TEXT_SIZE];
        good = zmq_z85_decode(ret_secret->bytes, z85) != NULL &&
               zmq_curve_public(public_z85, z85) == 0 &&
               zmq_z85_decode(ret_public, public_z85) != NULL;
    }
    explicit_bzero(z85, sizeof z85);
    explicit_bzero(text, size);
    free(text);
    return good ? KP_OK
                : kp_fail(reterr_diag, KP_E_KEY_FILE, "%s: not a Z85 key of 40 characters", path);
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* Every option that matters, explicitly: defaults of a library are not ours to keep. */
static bool set_options(const struct kp_link *link, void *socket)
{
    static const struct {
        int option, value;
    } rows[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, QUEUE_FRAMES},
        /* Without a mark: a full pipe stops the input, and when the hub goes then, a heartbeat ends
         * the process (libzmq 4.3.4, its issue 4364). Credit and the window of batches bound it. */
        {ZMQ_RCVHWM, 0},
        {ZMQ_IMMEDIATE, 0},
        {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS},
        {ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX},
        {ZMQ_IPV6, 1},
        {ZMQ_TCP_KEEPALIVE, 0},
        {ZMQ_RCVTIMEO, 0},
        {ZMQ_SNDTIMEO, 0},
        {ZMQ_CURVE_SERVER, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!set_int(socket, rows[i].option, rows[i].value)) {
            return false;
        }
    }
    int64_t bytes_max = KP_FRAME_BYTES_MAX;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, link->hub_public, KP_LINK_KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, link->own_public, KP_LINK_KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, link->own_secret.bytes, KP_LINK_KEY_BYTES) ==
               0;
}

static int socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

static void epoll_change(const struct kp_link *link, int operation, void *socket)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (socket != NULL) {
        /* A failure costs promptness in a foreign loop, which also has its own timeout. */
        (void)epoll_ctl(link->epoll_fd, operation, socket_fd(socket), &event);
    }
}

static void close_socket(struct kp_link *link)
{
    if (link->socket != NULL) {
        (void)zmq_socket_monitor(link->socket, NULL, 0);
        epoll_change(link, EPOLL_CTL_DEL, link->socket);
        (void)zmq_close(link->socket);
    }
    if (link->monitor != NULL) {
        epoll_change(link, EPOLL_CTL_DEL, link->monitor);
        (void)zmq_close(link->monitor);
    }
    link->socket = NULL;
    link->monitor = NULL;
    link->up = false;
    link->ended = false;
}

/* Once more with a fresh socket, whose monitor is listening before it connects. */
static bool open_socket(struct kp_link *link)
{
    char name[64];
    (void)snprintf(name, sizeof name, "inproc://knooppunt-monitor-%" PRIu32, link->opened++);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                 ZMQ_EVENT_DISCONNECTED;
    link->socket = zmq_socket(link->context, ZMQ_PAIR);
    link->monitor = zmq_socket(link->context, ZMQ_PAIR);
    bool good = link->socket != NULL && link->monitor != NULL && set_options(link, link->socket) &&
                set_int(link->monitor, ZMQ_LINGER, 0) &&
                zmq_socket_monitor(link->socket, name, events) == 0 &&
                zmq_connect(link->monitor, name) == 0 &&
                zmq_connect(link->socket, link->endpoint) == 0;
    if (!good) {
        int fault = errno;
        close_socket(link);
        errno = fault;
        return false;
    }
    epoll_change(link, EPOLL_CTL_ADD, link->socket);
    epoll_change(link, EPOLL_CTL_ADD, link->monitor);
    return true;
}

static int64_t jittered_ms(int64_t ms)
{
    uint32_t chance;
    kp_random(&chance, sizeof chance);
    return ms * 3 / 4 + (int64_t)(chance % (uint64_t)(ms / 2 + 1));
}

static void schedule(struct kp_link *link, int64_t ms)
{
    link->reopen_at = (struct kp_mono){kp_mono_now().us + jittered_ms(ms) * 1000};
}

static int64_t doubled_ms(int64_t first_ms, uint32_t times, int64_t max_ms)
{
    int64_t ms = first_ms;
    for (uint32_t i = 0; i < times && ms < max_ms; i++) {
        ms *= 2;
    }
    return ms < max_ms ? ms : max_ms;
}

void kp_link_drop(struct kp_link *link)
{
    close_socket(link);
    int64_t ms =
        link->attempts < BACKOFF_QUICK_ATTEMPTS
            ? doubled_ms(BACKOFF_MS_FIRST, link->attempts, BACKOFF_MS_QUICK)
            : doubled_ms(BACKOFF_MS_QUICK, link->attempts - BACKOFF_QUICK_ATTEMPTS, BACKOFF_MS_MAX);
    link->attempts++;
    schedule(link, ms);
}

void kp_link_settled(struct kp_link *link)
{
    link->attempts = 0;
    link->shut_outs = 0;
}

enum kp_err kp_link_new(const struct kp_link_options *options, struct kp_link **ret_link,
                        struct kp_diag *reterr_diag)
{
    struct kp_link *link = calloc(1, sizeof *link);
    KP_ASSERT(link != NULL);
    link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    link->context = zmq_ctx_new();
    link->wake_at.us = INT64_MAX;
    (void)zmq_msg_init(&link->frame);
    link->own_secret = options->own_secret;
    memcpy(link->own_public, options->own_public, KP_LINK_KEY_BYTES);
    memcpy(link->hub_public, options->hub_public, KP_LINK_KEY_BYTES);
    int size = snprintf(link->endpoint, sizeof link->endpoint, "%s", options->endpoint);
    struct epoll_event event = {.events = EPOLLIN};
    enum kp_err err = KP_OK;
    if (link->epoll_fd < 0 || link->timer_fd < 0 || link->context == NULL ||
        epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, link->timer_fd, &event) != 0) {
        err = kp_fail(reterr_diag, KP_E_IO, "no socket context: %s", strerror(errno));
    } else if ((size_t)size >= sizeof link->endpoint || strncmp(link->endpoint, "tcp://", 6) != 0 ||
               !open_socket(link)) {
        err = kp_fail(reterr_diag, KP_E_MALFORMED, "%s: not an endpoint to connect to: %s",
                      link->endpoint, zmq_strerror(errno));
    }
    if (err != KP_OK) {
        (void)kp_link_free(link);
        return err;
    }
    *ret_link = link;
    return KP_OK;
}

struct kp_link *kp_link_free(struct kp_link *link)
{
    if (link == NULL) {
        return NULL;
    }
    if (link->socket != NULL && link->up && !link->ended) {
        (void)set_int(link->socket, ZMQ_LINGER, END_LINGER_MS); /* else they are given again */
    }
    close_socket(link);
    (void)zmq_msg_close(&link->frame);
    if (link->context != NULL) {
        (void)zmq_ctx_term(link->context);
    }
    if (link->epoll_fd >= 0) {
        (void)close(link->epoll_fd);
    }
    if (link->timer_fd >= 0) {
        (void)close(link->timer_fd);
    }
    kp_secret_done(&link->own_secret);
    free(link);
    return NULL;
}

/* One event of the monitor: u16 event, u32 value in host order; its second frame is the address. */
static bool read_monitor(struct kp_link *link, uint16_t *ret_event, uint32_t *ret_value)
{
    uint8_t bytes[6] = {0};
    if (zmq_recv(link->monitor, bytes, sizeof bytes, ZMQ_DONTWAIT) != (int)sizeof bytes) {
        return false;
    }
    int more = 1;
    size_t size = sizeof more;
    char address[512];
    while (zmq_getsockopt(link->monitor, ZMQ_RCVMORE, &more, &size) == 0 && more != 0) {
        if (zmq_recv(link->monitor, address, sizeof address, 0) < 0) {
            break;
        }
    }
    memcpy(ret_event, bytes, sizeof *ret_event);
    memcpy(ret_value, bytes + sizeof *ret_event, sizeof *ret_value);
    return true;
}

static enum kp_link_event shut_out(struct kp_link *link, uint32_t zap_status)
{
    link->refusal = zap_status == 500   ? KP_E_KEY_REVOKED
                    : zap_status == 400 ? KP_E_KEY_UNKNOWN
                                        : KP_E_LATER;
    close_socket(link);
    schedule(link, doubled_ms(SHUT_OUT_MS_FIRST, link->shut_outs, SHUT_OUT_MS_MAX));
    link->shut_outs++;
    return KP_LINK_SHUT_OUT;
}

static enum kp_link_event on_monitor(struct kp_link *link, uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link->up = true;
        return KP_LINK_UP;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return shut_out(link, value);
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_DISCONNECTED:
        link->ended = true; /* the socket is closed once everything received is read */
        return KP_LINK_NOTHING;
    default:
        return KP_LINK_NOTHING;
    }
}

/* What is there now, without waiting. Received frames come before the news that the line is gone.
 */
static enum kp_link_event step(struct kp_link *link)
{
    if (link->socket == NULL) {
        if (kp_mono_now().us < link->reopen_at.us) {
            return KP_LINK_NOTHING;
        }
        if (!open_socket(link)) {
            kp_link_drop(link);
            return KP_LINK_NOTHING;
        }
    }
    (void)zmq_msg_close(&link->frame);
    (void)zmq_msg_init(&link->frame);
    if (zmq_msg_recv(&link->frame, link->socket, ZMQ_DONTWAIT) >= 0) {
        return KP_LINK_FRAME;
    }
    uint16_t event;
    uint32_t value;
    while (!link->ended && read_monitor(link, &event, &value)) {
        enum kp_link_event what = on_monitor(link, event, value);
        if (what != KP_LINK_NOTHING) {
            return what;
        }
    }
    if (!link->ended) {
        return KP_LINK_NOTHING;
    }
    if (zmq_msg_recv(&link->frame, link->socket, ZMQ_DONTWAIT) >= 0) {
        return KP_LINK_FRAME;
    }
    kp_link_drop(link);
    return KP_LINK_DOWN;
}

static void arm_timer(struct kp_link *link)
{
    int64_t at_us = link->wake_at.us;
    if (link->socket == NULL && link->reopen_at.us < at_us) {
        at_us = link->reopen_at.us;
    }
    struct itimerspec spec = {0};
    at_us = link->look_now || at_us < 1 ? 1 : at_us;
    if (at_us != INT64_MAX) {
        spec.it_value.tv_sec = (time_t)(at_us / 1000000);
        spec.it_value.tv_nsec = (long)(at_us % 1000000 * 1000);
    }
    /* Cannot fail with these arguments. */
    (void)timerfd_settime(link->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* false: a signal came, and a program that is asked to stop needs to know. */
static bool wait_ms(struct kp_link *link, int64_t ms)
{
    zmq_pollitem_t items[2] = {
        {.socket = link->socket, .events = ZMQ_POLLIN},
        {.socket = link->monitor, .events = ZMQ_POLLIN},
    };
    return zmq_poll(items, link->socket == NULL ? 0 : 2, (long)ms) >= 0 || errno != EINTR;
}

enum kp_link_event kp_link_next(struct kp_link *link, struct kp_mono until)
{
    link->look_now = false;
    for (;;) {
        enum kp_link_event event = step(link);
        int64_t now_us = kp_mono_now().us;
        if (event != KP_LINK_NOTHING || now_us >= until.us) {
            arm_timer(link);
            return event;
        }
        int64_t end_us = until.us;
        if (link->socket == NULL && link->reopen_at.us < end_us) {
            end_us = link->reopen_at.us;
        }
        int64_t ms = end_us <= now_us ? 0 : (end_us - now_us + 999) / 1000;
        if (!wait_ms(link, ms)) {
            return KP_LINK_NOTHING;
        }
    }
}

struct kp_slice kp_link_frame(const struct kp_link *link)
{
    return kp_slice_of(zmq_msg_data((zmq_msg_t *)(uintptr_t)&link->frame),
                       zmq_msg_size(&link->frame));
}

enum kp_err kp_link_refusal(const struct kp_link *link)
{
    return link->refusal;
}

/* Sending makes libzmq take note of what came in meanwhile, and its descriptor, which tells only of
 * news, then stays silent about it. Whoever waits on ours must be told all the same. */
static void keep_awake(struct kp_link *link, int wanted)
{
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & wanted) != 0) {
        link->look_now = true;
        arm_timer(link);
    }
}

enum kp_err kp_link_send(struct kp_link *link, struct kp_slice frame)
{
    if (link->socket == NULL || !link->up) {
        return KP_E_STATE;
    }
    bool sent = zmq_send(link->socket, frame.bytes, frame.size, ZMQ_DONTWAIT) >= 0;
    keep_awake(link, sent ? ZMQ_POLLIN : ZMQ_POLLIN | ZMQ_POLLOUT);
    return sent ? KP_OK : KP_E_LATER;
}

int kp_link_fd(const struct kp_link *link)
{
    return link->epoll_fd;
}

void kp_link_wake_at(struct kp_link *link, struct kp_mono at)
{
    link->wake_at = at;
    arm_timer(link);
}
