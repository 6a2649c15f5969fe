/* SPDX-License-Identifier: EUPL-1.2 */
#include "net/zap.h"

#include "base/assert.h"
#include "net/curve.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ZAP_MAGIC 0x6b707a61u /* "kpza" */
#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

struct zap_row {
    bool used;
    uint16_t door;
    struct kp_door_keys keys;
};

struct kp_zap {
    uint32_t magic;
    struct kp_zap_options options;
    void *socket; /* the thread's own once it runs */
    pthread_t thread;
    atomic_bool may_end;
    pthread_mutex_t mutex; /* guards rows */
    struct zap_row rows[KP_DOORS_MAX];
};

enum zap_part { /* the frames of a request, RFC 27 */
                PART_VERSION,
                PART_REQUEST_ID,
                PART_DOMAIN,
                PART_ADDRESS,
                PART_IDENTITY,
                PART_MECHANISM,
                PART_KEY,
                PART_COUNT,
};

struct zap_request {
    zmq_msg_t parts[PART_COUNT];
    uint32_t part_count; /* received, may be more than are kept */
};

static bool has_key(const uint8_t keys[][KP_CURVE_KEY_BYTES], uint32_t count,
                    const uint8_t key[KP_CURVE_KEY_BYTES])
{
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(keys[i], key, KP_CURVE_KEY_BYTES) == 0) { /* public keys: no secret to leak */
            return true;
        }
    }
    return false;
}

static struct zap_row *find_row(struct kp_zap *zap, uint16_t door)
{
    for (uint32_t i = 0; i < KP_DOORS_MAX; i++) {
        if (zap->rows[i].used && zap->rows[i].door == door) {
            return &zap->rows[i];
        }
    }
    return NULL;
}

/* A domain is a door's number in decimal; anything else (the canary's) has no keys at all. */
static bool door_of_domain(const zmq_msg_t *domain, uint16_t *ret_door)
{
    char text[8] = {0};
    size_t size = zmq_msg_size(domain);
    if (size == 0 || size > 5) {
        return false;
    }
    memcpy(text, zmq_msg_data((zmq_msg_t *)(uintptr_t)domain), size);
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number > UINT16_MAX) {
        return false;
    }
    *ret_door = (uint16_t)number;
    return true;
}

static const char *judge(struct kp_zap *zap, const zmq_msg_t *domain,
                         const uint8_t key[KP_CURVE_KEY_BYTES])
{
    uint16_t door = 0;
    const char *status = "400";
    if (!door_of_domain(domain, &door)) {
        return status;
    }
    KP_ASSERT(pthread_mutex_lock(&zap->mutex) == 0);
    const struct zap_row *row = find_row(zap, door);
    if (row == NULL) {
        status = "300"; /* it is closing, and libzmq not done with it: no verdict, he tries again */
    } else if (has_key(row->keys.allowed, row->keys.allowed_count, key)) {
        status = "200";
    } else if (has_key(row->keys.revoked, row->keys.revoked_count, key)) {
        status = "500";
    }
    KP_ASSERT(pthread_mutex_unlock(&zap->mutex) == 0);
    return status;
}

static bool part_is(zmq_msg_t *part, const char *text)
{
    return zmq_msg_size(part) == strlen(text) &&
           memcmp(zmq_msg_data(part), text, zmq_msg_size(part)) == 0;
}

/* false: the context is ending (or libzmq failed: errno tells). */
static bool receive_request(void *socket, struct zap_request *request)
{
    request->part_count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t surplus;
        bool kept = request->part_count < PART_COUNT;
        zmq_msg_t *part = kept ? &request->parts[request->part_count] : &surplus;
        KP_ASSERT(zmq_msg_init(part) == 0);
        if (zmq_msg_recv(part, socket, 0) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        more = zmq_msg_more(part) != 0;
        if (!kept) {
            (void)zmq_msg_close(part); /* dropped: a request has no such part */
        }
        request->part_count++;
    }
    return true;
}

static void release_request(struct zap_request *request)
{
    for (uint32_t i = 0; i < request->part_count && i < PART_COUNT; i++) {
        (void)zmq_msg_close(&request->parts[i]); /* cannot fail on an initialised message */
    }
}

static bool send_part(void *socket, const void *bytes, size_t size, int flags)
{
    int sent;
    do {
        sent = zmq_send(socket, bytes, size, flags);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* User-Id is the key in hex: a door compares it with each frame's. */
static bool answer(struct kp_zap *zap, struct zap_request *request)
{
    static const char hex[] = "0123456789abcdef";
    char user_id[2 * KP_CURVE_KEY_BYTES + 1] = {0};
    const char *status = "400";
    bool well_formed = request->part_count == PART_COUNT &&
                       part_is(&request->parts[PART_VERSION], "1.0") &&
                       part_is(&request->parts[PART_MECHANISM], "CURVE") &&
                       zmq_msg_size(&request->parts[PART_KEY]) == KP_CURVE_KEY_BYTES;
    if (well_formed) {
        const uint8_t *key = zmq_msg_data(&request->parts[PART_KEY]);
        status = judge(zap, &request->parts[PART_DOMAIN], key);
        for (uint32_t i = 0; i < KP_CURVE_KEY_BYTES; i++) {
            user_id[2 * i] = hex[key[i] >> 4];
            user_id[2 * i + 1] = hex[key[i] & 15];
        }
    }
    bool let_in = status[0] == '2';
    const char *reason = let_in             ? "OK"
                         : status[0] == '5' ? "revoked"
                         : status[0] == '3' ? "closing"
                                            : "unknown";
    zmq_msg_t *id = &request->parts[PART_REQUEST_ID];
    bool has_id = request->part_count > PART_REQUEST_ID;
    return send_part(zap->socket, "1.0", 3, ZMQ_SNDMORE) &&
           send_part(zap->socket, has_id ? zmq_msg_data(id) : "", has_id ? zmq_msg_size(id) : 0,
                     ZMQ_SNDMORE) &&
           send_part(zap->socket, status, 3, ZMQ_SNDMORE) &&
           send_part(zap->socket, reason, strlen(reason), ZMQ_SNDMORE) &&
           send_part(zap->socket, user_id, let_in ? strlen(user_id) : 0, ZMQ_SNDMORE) &&
           send_part(zap->socket, "", 0, 0);
}

static void *zap_main(void *context)
{
    struct kp_zap *zap = context;
    bool going = true;
    while (going) {
        struct zap_request request;
        going = receive_request(zap->socket, &request) && answer(zap, &request);
        release_request(&request);
    }
    (void)zmq_close(zap->socket); /* valid and ours: cannot fail */
    if (!atomic_load(&zap->may_end)) {
        zap->options.on_fatal(zap->options.context, "the answerer of key checks ended");
    }
    return NULL;
}

enum kp_err kp_zap_start(const struct kp_zap_options *options, struct kp_zap **ret_zap,
                         struct kp_diag *reterr_diag)
{
    struct kp_zap *zap = calloc(1, sizeof *zap);
    KP_ASSERT(zap != NULL);
    zap->magic = ZAP_MAGIC;
    zap->options = *options;
    KP_ASSERT(pthread_mutex_init(&zap->mutex, NULL) == 0);
    zap->socket = zmq_socket(options->zmq_context, ZMQ_REP);
    if (zap->socket != NULL) {
        kp_curve_set_int(zap->socket, ZMQ_LINGER, 0);
        kp_curve_set_int(zap->socket, ZMQ_SNDHWM, 0); /* an answer per request: never more */
        kp_curve_set_int(zap->socket, ZMQ_RCVHWM, 0); /* one per connection in its handshake */
    }
    if (zap->socket == NULL || zmq_bind(zap->socket, ZAP_ENDPOINT) != 0 ||
        pthread_create(&zap->thread, NULL, zap_main, zap) != 0) {
        enum kp_err err = kp_fail(reterr_diag, KP_E_IO, "cannot start the answerer of key checks");
        if (zap->socket != NULL) {
            (void)zmq_close(zap->socket); /* valid and ours: cannot fail */
        }
        KP_ASSERT(pthread_mutex_destroy(&zap->mutex) == 0);
        free(zap);
        return err;
    }
    *ret_zap = zap;
    return KP_OK;
}

void kp_zap_expect_end(struct kp_zap *zap)
{
    KP_ASSERT(zap->magic == ZAP_MAGIC);
    atomic_store(&zap->may_end, true);
}

struct kp_zap *kp_zap_join(struct kp_zap *zap)
{
    if (zap != NULL) {
        KP_ASSERT(zap->magic == ZAP_MAGIC);
        KP_ASSERT(pthread_join(zap->thread, NULL) == 0);
        KP_ASSERT(pthread_mutex_destroy(&zap->mutex) == 0);
        zap->magic = 0;
        free(zap);
    }
    return NULL;
}

enum kp_err kp_zap_set(struct kp_zap *zap, uint16_t door, const struct kp_door_keys *keys)
{
    KP_ASSERT(zap->magic == ZAP_MAGIC);
    KP_ASSERT(pthread_mutex_lock(&zap->mutex) == 0);
    struct zap_row *row = find_row(zap, door);
    for (uint32_t i = 0; row == NULL && i < KP_DOORS_MAX; i++) {
        row = zap->rows[i].used ? NULL : &zap->rows[i];
    }
    if (row != NULL) {
        *row = (struct zap_row){.used = true, .door = door, .keys = *keys};
    }
    KP_ASSERT(pthread_mutex_unlock(&zap->mutex) == 0);
    return row == NULL ? KP_E_LIMIT : KP_OK;
}

void kp_zap_remove(struct kp_zap *zap, uint16_t door)
{
    KP_ASSERT(zap->magic == ZAP_MAGIC);
    KP_ASSERT(pthread_mutex_lock(&zap->mutex) == 0);
    struct zap_row *row = find_row(zap, door);
    if (row != NULL) {
        row->used = false;
    }
    KP_ASSERT(pthread_mutex_unlock(&zap->mutex) == 0);
}
