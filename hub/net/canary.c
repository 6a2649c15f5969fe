/* SPDX-License-Identifier: EUPL-1.2 */
#include "net/canary.h"

#include "base/assert.h"
#include "base/time.h"
#include "net/curve.h"
#include "net/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define CANARY_DOMAIN "canary" /* not a number, so no door: no key is on its list */
#define CANARY_TRIES 3
#define CANARY_TRY_MS 5000

struct canary_sockets {
    void *server, *client, *monitor;
};

static bool open_sockets(void *zmq_context, struct canary_sockets *sockets)
{
    char endpoint[64] = {0};
    size_t endpoint_size = sizeof endpoint;
    uint8_t server_public[KP_KEY_BYTES];
    uint8_t client_public[KP_KEY_BYTES];
    struct kp_secret server_secret;
    struct kp_secret client_secret;
    kp_curve_new_pair(server_public, &server_secret);
    kp_curve_new_pair(client_public, &client_secret);
    sockets->server = kp_curve_server(zmq_context, &server_secret, CANARY_DOMAIN);
    sockets->client = zmq_socket(zmq_context, ZMQ_PAIR);
    bool open = sockets->server != NULL && sockets->client != NULL;
    if (open) {
        kp_curve_set_int(sockets->client, ZMQ_LINGER, 0);
        open = zmq_setsockopt(sockets->client, ZMQ_CURVE_SERVERKEY, server_public, KP_KEY_BYTES) ==
                   0 &&
               zmq_setsockopt(sockets->client, ZMQ_CURVE_PUBLICKEY, client_public, KP_KEY_BYTES) ==
                   0 &&
               zmq_setsockopt(sockets->client, ZMQ_CURVE_SECRETKEY, client_secret.bytes,
                              KP_KEY_BYTES) == 0 &&
               zmq_bind(sockets->server, "tcp://127.0.0.1:*") == 0 &&
               zmq_getsockopt(sockets->server, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size) == 0 &&
               (sockets->monitor = kp_monitor_open(zmq_context, sockets->client)) != NULL &&
               zmq_connect(sockets->client, endpoint) == 0;
    }
    kp_secret_done(&server_secret);
    kp_secret_done(&client_secret);
    return open;
}

static void close_sockets(struct canary_sockets *sockets)
{
    kp_monitor_close(sockets->client, sockets->monitor);
    void *const all[] = {sockets->client, sockets->server};
    for (size_t i = 0; i < 2; i++) {
        if (all[i] != NULL) {
            (void)zmq_close(all[i]); /* valid and ours: cannot fail */
        }
    }
}

/* Until a verdict comes; the client knocks again by itself when the connection broke. */
static enum kp_err await_verdict(void *monitor, uint32_t timeout_ms)
{
    int64_t until_us = kp_mono_now().us + (int64_t)timeout_ms * 1000;
    for (;;) {
        int64_t left_ms = (until_us - kp_mono_now().us) / 1000;
        if (left_ms <= 0) {
            return KP_E_TIMEOUT;
        }
        zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)left_ms) < 0 && errno != EINTR) {
            return errno == ETERM ? KP_E_STATE : KP_E_IO;
        }
        struct kp_monitor_event event;
        while (kp_monitor_next(monitor, &event)) {
            if (event.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
                return KP_E_CRYPTO;
            }
            if (event.event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && event.value == 400) {
                return KP_OK;
            }
        }
    }
}

enum kp_err kp_canary_try(void *zmq_context, uint32_t timeout_ms, struct kp_diag *reterr_diag)
{
    struct canary_sockets sockets = {0};
    enum kp_err err = KP_E_IO;
    if (open_sockets(zmq_context, &sockets)) {
        err = await_verdict(sockets.monitor, timeout_ms);
    } else if (errno == ETERM) {
        err = KP_E_STATE;
    }
    close_sockets(&sockets);
    switch ((int)err) {
    case KP_OK:
        return KP_OK;
    case KP_E_CRYPTO:
        return kp_fail(reterr_diag, err, "a stranger's key was let in: the doors are not guarded");
    case KP_E_TIMEOUT:
        return kp_fail(reterr_diag, err, "nobody judged a stranger's key in time");
    default:
        return kp_fail(reterr_diag, err, "the check with a stranger's key could not be made");
    }
}

#define CANARY_MAGIC 0x6b706361u /* "kpca" */

struct kp_canary {
    uint32_t magic;
    struct kp_canary_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool ending; /* under mutex */
};

/* true: it is time; false: we are ending. */
static bool await_turn(struct kp_canary *canary)
{
    int64_t us = kp_mono_now().us + (int64_t)canary->options.interval_ms * 1000;
    struct timespec until = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    KP_ASSERT(pthread_mutex_lock(&canary->mutex) == 0);
    int waited = 0;
    while (!canary->ending && waited == 0) {
        waited = pthread_cond_timedwait(&canary->changed, &canary->mutex, &until);
        KP_ASSERT(waited == 0 || waited == ETIMEDOUT);
    }
    bool turn = !canary->ending;
    KP_ASSERT(pthread_mutex_unlock(&canary->mutex) == 0);
    return turn;
}

static void *canary_main(void *context)
{
    struct kp_canary *canary = context;
    const struct kp_canary_options *options = &canary->options;
    while (await_turn(canary)) {
        struct kp_diag diag = {0};
        enum kp_err err = KP_E_TIMEOUT;
        for (int i = 0; i < CANARY_TRIES && (err == KP_E_TIMEOUT || err == KP_E_IO); i++) {
            err = kp_canary_try(options->zmq_context, CANARY_TRY_MS, &diag);
        }
        if (err == KP_E_STATE) {
            break;
        }
        if (err != KP_OK) {
            options->on_fatal(options->context, diag.text);
        }
    }
    return NULL;
}

enum kp_err kp_canary_start(const struct kp_canary_options *options, struct kp_canary **ret_canary,
                            struct kp_diag *reterr_diag)
{
    struct kp_canary *canary = calloc(1, sizeof *canary);
    KP_ASSERT(canary != NULL);
    canary->magic = CANARY_MAGIC;
    canary->options = *options;
    pthread_condattr_t attributes;
    KP_ASSERT(pthread_mutex_init(&canary->mutex, NULL) == 0);
    KP_ASSERT(pthread_condattr_init(&attributes) == 0);
    KP_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    KP_ASSERT(pthread_cond_init(&canary->changed, &attributes) == 0);
    KP_ASSERT(pthread_condattr_destroy(&attributes) == 0);
    if (pthread_create(&canary->thread, NULL, canary_main, canary) != 0) {
        free(canary);
        return kp_fail(reterr_diag, KP_E_IO, "cannot start the canary's thread");
    }
    *ret_canary = canary;
    return KP_OK;
}

void kp_canary_end(struct kp_canary *canary)
{
    KP_ASSERT(canary->magic == CANARY_MAGIC);
    KP_ASSERT(pthread_mutex_lock(&canary->mutex) == 0);
    canary->ending = true;
    KP_ASSERT(pthread_cond_signal(&canary->changed) == 0);
    KP_ASSERT(pthread_mutex_unlock(&canary->mutex) == 0);
}

struct kp_canary *kp_canary_join(struct kp_canary *canary)
{
    if (canary != NULL) {
        KP_ASSERT(canary->magic == CANARY_MAGIC);
        KP_ASSERT(pthread_join(canary->thread, NULL) == 0);
        KP_ASSERT(pthread_cond_destroy(&canary->changed) == 0);
        KP_ASSERT(pthread_mutex_destroy(&canary->mutex) == 0);
        canary->magic = 0;
        free(canary);
    }
    return NULL;
}
