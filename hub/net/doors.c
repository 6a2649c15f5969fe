/* SPDX-License-Identifier: EUPL-1.2 */
#include "net/doors.h"

#include "base/assert.h"
#include "net/canary.h"
#include "net/curve.h"
#include "net/door.h"
#include "net/zap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DOORS_MAGIC 0x6b70646fu /* "kpdo" */
#define IO_THREADS 1
#define EVENTS_PER_WAIT 64
#define TICK_MS 250
#define PORT_TRIES 50
#define PORT_TRY_MS 10
#define CANARY_START_MS 5000
#define CANARY_EVERY_MS 60000
/* Per door a socket, the library's end of its monitor and ours, and the same of one that is
 * closing; besides the answerer's, the canary's and the library's own. */
#define SOCKETS_MAX (6 * (int)KP_DOORS_MAX + 64)

enum request_kind {
    REQUEST_SET,
    REQUEST_CLOSE,
    REQUEST_DROP_PEER,
    REQUEST_STOP,
};

/* On the stack of the thread that waits for it. */
struct request {
    enum request_kind kind;
    uint16_t door, port;
    const struct kp_door_keys *keys;
    struct kp_slice bye;
    struct kp_diag *diag;
    enum kp_err err;
    bool done;
    struct request *next;
};

struct kp_doors {
    uint32_t magic;
    struct kp_door_shared shared;
    struct kp_secret secret;
    struct kp_zap *zap;
    struct kp_canary *canary;
    pthread_t thread;
    int wake_fd;

    /* The door thread's own */
    struct kp_door *ready_first, *ready_last;
    struct kp_door *open[KP_DOORS_MAX];
    uint32_t open_count;
    bool stopping;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t request_done;
    struct request *request_first, *request_last;
    struct kp_door *flagged_first;
    bool woken; /* wake_fd is readable */

    /* A door that was opened once stays in memory until the end: whoever sends needs no lock to
     * find it, and a closed one refuses. */
    _Atomic(struct kp_door *) by_number[UINT16_MAX + 1];
};

static void lock(struct kp_doors *doors)
{
    KP_ASSERT(doors->magic == DOORS_MAGIC);
    KP_ASSERT(pthread_mutex_lock(&doors->mutex) == 0);
}

static void unlock(struct kp_doors *doors)
{
    KP_ASSERT(pthread_mutex_unlock(&doors->mutex) == 0);
}

/* --- from any thread to the door thread --- */

/* Locked. One write for any number of requests and doors until the door thread has looked. */
static void wake(struct kp_doors *doors)
{
    if (!doors->woken) {
        const uint64_t one = 1;
        doors->woken = true;
        KP_ASSERT(write(doors->wake_fd, &one, sizeof one) == sizeof one);
    }
}

static enum kp_err ask(struct kp_doors *doors, struct request *request)
{
    KP_ASSERT(!pthread_equal(pthread_self(), doors->thread)); /* it would wait for itself */
    lock(doors);
    *(doors->request_first == NULL ? &doors->request_first : &doors->request_last->next) = request;
    doors->request_last = request;
    wake(doors);
    while (!request->done) {
        KP_ASSERT(pthread_cond_wait(&doors->request_done, &doors->mutex) == 0);
    }
    unlock(doors);
    return request->err;
}

enum kp_err kp_doors_set(struct kp_doors *doors, uint16_t door, uint16_t port,
                         const struct kp_door_keys *keys, struct kp_slice bye,
                         struct kp_diag *reterr_diag)
{
    /* libzmq gives its copy of a listening descriptor back in its own time, so a port that we have
     * just closed ourselves may seem taken for a moment. The caller waits, not the door thread. */
    enum kp_err err = KP_E_EXISTS;
    for (uint32_t i = 0; i < PORT_TRIES && err == KP_E_EXISTS; i++) {
        struct request request = {.kind = REQUEST_SET,
                                  .door = door,
                                  .port = port,
                                  .keys = keys,
                                  .bye = bye,
                                  .diag = reterr_diag};
        if (i > 0) {
            (void)poll(NULL, 0, PORT_TRY_MS); /* cut short by a signal: tried a little earlier */
        }
        err = ask(doors, &request);
    }
    return err;
}

void kp_doors_close(struct kp_doors *doors, uint16_t door, struct kp_slice bye)
{
    struct request request = {.kind = REQUEST_CLOSE, .door = door, .bye = bye};
    (void)ask(doors, &request); /* closing cannot fail */
}

void kp_doors_drop_peer(struct kp_doors *doors, uint16_t door, struct kp_slice bye)
{
    struct request request = {.kind = REQUEST_DROP_PEER, .door = door, .bye = bye};
    (void)ask(doors, &request); /* dropping cannot fail */
}

enum kp_err kp_doors_send(struct kp_doors *doors, uint16_t door, struct kp_slice frame)
{
    KP_ASSERT(doors->magic == DOORS_MAGIC);
    struct kp_door *found = atomic_load_explicit(&doors->by_number[door], memory_order_acquire);
    if (frame.size > KP_FRAME_BYTES_MAX) {
        return KP_E_LIMIT;
    }
    bool flag = false;
    enum kp_err err = found == NULL ? KP_E_STATE : kp_door_enqueue(found, frame, &flag);
    if (flag) {
        lock(doors);
        found->flagged_next = doors->flagged_first;
        doors->flagged_first = found;
        if (!pthread_equal(pthread_self(), doors->thread)) { /* which looks before it sleeps */
            wake(doors);
        }
        unlock(doors);
    }
    return err;
}

bool kp_doors_stat(struct kp_doors *doors, uint16_t door, struct kp_door_stat *ret_stat)
{
    KP_ASSERT(doors->magic == DOORS_MAGIC);
    struct kp_door *found = atomic_load_explicit(&doors->by_number[door], memory_order_acquire);
    if (found == NULL) {
        return false;
    }
    KP_ASSERT(pthread_mutex_lock(&found->mutex) == 0);
    *ret_stat = found->stat;
    KP_ASSERT(pthread_mutex_unlock(&found->mutex) == 0);
    return ret_stat->port != 0;
}

/* --- the door thread --- */

static void make_ready(struct kp_doors *doors, struct kp_door *door)
{
    if (!door->ready) {
        door->ready = true;
        door->ready_next = NULL;
        *(doors->ready_first == NULL ? &doors->ready_first : &doors->ready_last->ready_next) = door;
        doors->ready_last = door;
    }
}

static struct kp_door *find_or_make(struct kp_doors *doors, uint16_t number)
{
    struct kp_door *door = atomic_load_explicit(&doors->by_number[number], memory_order_relaxed);
    if (door == NULL) {
        door = kp_door_new(&doors->shared, number);
        atomic_store_explicit(&doors->by_number[number], door, memory_order_release);
    }
    return door;
}

static void close_door(struct kp_doors *doors, struct kp_door *door, struct kp_slice bye)
{
    if (door->open) {
        kp_door_close(door, bye);
        struct kp_door *last = doors->open[--doors->open_count];
        doors->open[door->open_index] = last;
        last->open_index = door->open_index;
        kp_zap_remove(doors->zap, door->number);
    }
}

static enum kp_err open_door(struct kp_doors *doors, struct kp_door *door,
                             const struct request *request)
{
    if (doors->open_count == KP_DOORS_MAX) {
        return kp_fail(request->diag, KP_E_LIMIT, "more than %u doors", KP_DOORS_MAX);
    }
    /* The list first: from the moment that the port listens somebody may knock. */
    enum kp_err err = kp_zap_set(doors->zap, door->number, request->keys);
    KP_ASSERT(err == KP_OK); /* as many rows as doors */
    err = kp_door_open(door, request->port, request->keys, request->diag);
    if (err == KP_OK) {
        door->open_index = doors->open_count;
        doors->open[doors->open_count++] = door;
    } else {
        kp_zap_remove(doors->zap, door->number);
    }
    return err;
}

static enum kp_err set_door(struct kp_doors *doors, const struct request *request)
{
    const struct kp_door_keys *keys = request->keys;
    KP_ASSERT(keys->allowed_count <= KP_DOOR_KEYS_MAX);
    KP_ASSERT(keys->revoked_count <= sizeof keys->revoked / sizeof keys->revoked[0]);
    struct kp_door *door = find_or_make(doors, request->door);
    if (door->open && request->port != 0 && request->port != door->stat.port) {
        close_door(doors, door, request->bye);
    }
    if (!door->open) {
        return open_door(doors, door, request);
    }
    enum kp_err err = kp_zap_set(doors->zap, door->number, keys);
    KP_ASSERT(err == KP_OK); /* it has a row */
    kp_door_change_keys(door, keys, request->bye);
    return KP_OK;
}

static void do_request(struct kp_doors *doors, struct request *request)
{
    struct kp_door *door =
        atomic_load_explicit(&doors->by_number[request->door], memory_order_relaxed);
    switch (request->kind) {
    case REQUEST_SET:
        request->err = set_door(doors, request);
        break;
    case REQUEST_CLOSE:
        if (door != NULL) {
            close_door(doors, door, request->bye);
        }
        break;
    case REQUEST_DROP_PEER:
        if (door != NULL && door->peer != KP_PEER_NONE) {
            kp_door_turn_out(door, request->bye);
        }
        break;
    case REQUEST_STOP:
        while (doors->open_count > 0) {
            close_door(doors, doors->open[doors->open_count - 1], request->bye);
        }
        doors->stopping = true;
        break;
    }
}

static void take_requests(struct kp_doors *doors)
{
    for (;;) {
        lock(doors);
        struct request *request = doors->request_first;
        unlock(doors);
        if (request == NULL) {
            return;
        }
        do_request(doors, request);
        lock(doors);
        doors->request_first = request->next;
        request->done = true;
        KP_ASSERT(pthread_cond_broadcast(&doors->request_done) == 0);
        unlock(doors);
    }
}

static void take_flagged(struct kp_doors *doors)
{
    lock(doors);
    if (doors->woken) {
        uint64_t count;
        KP_ASSERT(read(doors->wake_fd, &count, sizeof count) == sizeof count);
        doors->woken = false;
    }
    struct kp_door *door = doors->flagged_first;
    doors->flagged_first = NULL;
    unlock(doors);
    while (door != NULL) {
        struct kp_door *next = door->flagged_next;
        KP_ASSERT(pthread_mutex_lock(&door->mutex) == 0);
        door->flagged = false;
        KP_ASSERT(pthread_mutex_unlock(&door->mutex) == 0);
        make_ready(doors, door);
        door = next;
    }
}

/* One turn for each door that had something to do when the round began. */
static void serve_ready(struct kp_doors *doors)
{
    struct kp_door *last = doors->ready_last;
    struct kp_door *door = doors->ready_first;
    while (door != NULL) {
        struct kp_door *next = door == last ? NULL : door->ready_next;
        doors->ready_first = door->ready_next;
        door->ready = false;
        if (kp_door_serve(door)) {
            make_ready(doors, door);
        }
        door = next;
    }
}

static void *doors_main(void *context)
{
    struct kp_doors *doors = context;
    struct epoll_event events[EVENTS_PER_WAIT];
    struct kp_mono ticked = kp_mono_now();
    while (!doors->stopping) {
        int wait_ms = doors->ready_first == NULL ? TICK_MS : 0;
        int count = epoll_wait(doors->shared.epoll_fd, events, EVENTS_PER_WAIT, wait_ms);
        KP_ASSERT(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL) { /* NULL: wake_fd */
                make_ready(doors, events[i].data.ptr);
            }
        }
        take_flagged(doors);
        take_requests(doors);
        serve_ready(doors);
        take_flagged(doors); /* what the callbacks sent: they do not wake us */
        struct kp_mono now = kp_mono_now();
        if (now.us - ticked.us >= TICK_MS * 1000) {
            ticked = now;
            for (uint32_t i = 0; i < doors->open_count; i++) {
                kp_door_tick(doors->open[i]);
            }
        }
    }
    return NULL;
}

/* --- start and stop --- */

static void on_guard_failed(void *context, const char *reason)
{
    struct kp_doors *doors = context;
    doors->shared.options.on_fatal(doors->shared.options.context, reason);
}

static enum kp_err start_guard(struct kp_doors *doors, struct kp_diag *reterr_diag)
{
    void *zmq_context = doors->shared.zmq_context;
    const struct kp_zap_options zap = {
        .zmq_context = zmq_context, .context = doors, .on_fatal = on_guard_failed};
    uint32_t every_ms = doors->shared.options.canary_ms;
    const struct kp_canary_options canary = {.zmq_context = zmq_context,
                                             .interval_ms =
                                                 every_ms == 0 ? CANARY_EVERY_MS : every_ms,
                                             .context = doors,
                                             .on_fatal = on_guard_failed};
    enum kp_err err = kp_zap_start(&zap, &doors->zap, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = kp_canary_try(zmq_context, CANARY_START_MS, reterr_diag);
    if (err == KP_E_TIMEOUT) {
        return KP_E_CRYPTO; /* unjudged is as unguarded; the diag says which */
    }
    return err == KP_OK ? kp_canary_start(&canary, &doors->canary, reterr_diag) : err;
}

static enum kp_err start(struct kp_doors *doors, struct kp_diag *reterr_diag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    doors->shared.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    doors->wake_fd = eventfd(0, EFD_CLOEXEC);
    doors->shared.zmq_context = zmq_ctx_new();
    if (doors->shared.epoll_fd < 0 || doors->wake_fd < 0 || doors->shared.zmq_context == NULL ||
        epoll_ctl(doors->shared.epoll_fd, EPOLL_CTL_ADD, doors->wake_fd, &event) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot start: %s", strerror(errno));
    }
    KP_ASSERT(zmq_ctx_set(doors->shared.zmq_context, ZMQ_IO_THREADS, IO_THREADS) == 0);
    KP_ASSERT(zmq_ctx_set(doors->shared.zmq_context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) == 0);
    enum kp_err err = start_guard(doors, reterr_diag);
    if (err == KP_OK && pthread_create(&doors->thread, NULL, doors_main, doors) != 0) {
        err = kp_fail(reterr_diag, KP_E_IO, "cannot start the door thread");
    }
    return err;
}

/* The door thread is not running (any more). */
static void release(struct kp_doors *doors)
{
    if (doors->zap != NULL) {
        kp_zap_expect_end(doors->zap);
    }
    if (doors->canary != NULL) {
        kp_canary_end(doors->canary);
    }
    if (doors->shared.zmq_context != NULL) {
        (void)zmq_ctx_shutdown(doors->shared.zmq_context); /* valid and ours: cannot fail */
        doors->canary = kp_canary_join(doors->canary);
        doors->zap = kp_zap_join(doors->zap);
        while (zmq_ctx_term(doors->shared.zmq_context) != 0) {
            KP_ASSERT(errno == EINTR);
        }
    }
    for (uint32_t i = 0; i <= UINT16_MAX; i++) {
        kp_door_free(atomic_load_explicit(&doors->by_number[i], memory_order_relaxed));
    }
    const int fds[] = {doors->wake_fd, doors->shared.epoll_fd};
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]); /* nothing was written */
        }
    }
    kp_secret_done(&doors->secret);
    KP_ASSERT(pthread_cond_destroy(&doors->request_done) == 0);
    KP_ASSERT(pthread_mutex_destroy(&doors->mutex) == 0);
    doors->magic = 0;
    free(doors);
}

enum kp_err kp_doors_start(const struct kp_doors_options *options, struct kp_doors **ret_doors,
                           struct kp_diag *reterr_diag)
{
    struct kp_doors *doors = calloc(1, sizeof *doors);
    KP_ASSERT(doors != NULL);
    doors->magic = DOORS_MAGIC;
    doors->shared.options = *options;
    doors->shared.secret = &doors->secret;
    doors->shared.epoll_fd = -1;
    doors->wake_fd = -1;
    KP_ASSERT(pthread_mutex_init(&doors->mutex, NULL) == 0);
    KP_ASSERT(pthread_cond_init(&doors->request_done, NULL) == 0);
    enum kp_err err = kp_curve_read_secret(options->curve_secret_file, &doors->secret, reterr_diag);
    if (err == KP_OK) {
        err = start(doors, reterr_diag);
    }
    if (err != KP_OK) {
        release(doors);
        return err;
    }
    *ret_doors = doors;
    return KP_OK;
}

struct kp_doors *kp_doors_stop(struct kp_doors *doors, struct kp_slice bye)
{
    if (doors != NULL) {
        struct request request = {.kind = REQUEST_STOP, .bye = bye};
        (void)ask(doors, &request); /* closing cannot fail */
        KP_ASSERT(pthread_join(doors->thread, NULL) == 0);
        release(doors);
    }
    return NULL;
}
