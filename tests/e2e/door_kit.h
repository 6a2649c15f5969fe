/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * For the tests of the doors: a hub's side that remembers what its callbacks heard, and clients on
 * plain libzmq that know nothing of ours. Every wait is for an event, with a time after which the
 * test fails.
 */
#ifndef KP_TESTS_DOOR_KIT_H
#define KP_TESTS_DOOR_KIT_H

#include "base/time.h"
#include "net/curve.h"
#include "net/doors.h"
#include "net/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#define KIT __attribute__((unused)) static
#define KIT_WAIT_MS                                                                                \
    20000 /* generous: a sanitizer on a busy machine; never waited out when green                  \
           */
#define KIT_DOORS KP_DOORS_MAX
#define KIT_FRAMES_MAX 8192
#define KIT_TEXT_MAX 64

struct kit_key {
    uint8_t public[KP_KEY_BYTES];
    struct kp_secret secret;
};

KIT struct kit_key kit_key(void)
{
    struct kit_key key;
    kp_curve_new_pair(key.public, &key.secret);
    return key;
}

KIT struct kp_door_keys kit_allow(const struct kit_key *first, const struct kit_key *second)
{
    struct kp_door_keys keys = {0};
    const struct kit_key *const all[] = {first, second};
    for (int i = 0; i < 2; i++) {
        if (all[i] != NULL) {
            memcpy(keys.allowed[keys.allowed_count++], all[i]->public, KP_KEY_BYTES);
        }
    }
    return keys;
}

KIT int64_t kit_ms(void)
{
    return kp_mono_now().us / 1000;
}

/* --- the hub's side --- */

struct kit_hub {
    struct kp_doors *doors;
    struct kit_key key;
    char dir[128];
    char key_file[160];
    atomic_bool echo; /* answer each frame with itself, from the callback */
    pthread_mutex_t mutex;
    pthread_cond_t heard;
    uint32_t events[KIT_DOORS][KP_DOOR_TURNED_OUT + 1]; /* door number, event */
    uint32_t frame_count;
    struct {
        uint16_t door;
        char text[KIT_TEXT_MAX]; /* the first bytes */
    } frames[KIT_FRAMES_MAX];
    uint32_t fatal_count;
};

KIT void kit_on_frame(void *context, uint16_t door, struct kp_frame *frame)
{
    struct kit_hub *hub = context;
    struct kp_slice bytes = kp_frame_bytes(frame);
    pthread_mutex_lock(&hub->mutex);
    if (hub->frame_count < KIT_FRAMES_MAX) {
        hub->frames[hub->frame_count].door = door;
        (void)snprintf(hub->frames[hub->frame_count].text, KIT_TEXT_MAX, "%.*s", (int)bytes.size,
                       (const char *)bytes.bytes);
    }
    hub->frame_count++;
    pthread_cond_broadcast(&hub->heard);
    pthread_mutex_unlock(&hub->mutex);
    if (hub->echo) {
        enum kp_err err = kp_doors_send(hub->doors, door, bytes);
        assert_true(err == KP_OK || err == KP_E_STATE); /* STATE: its sender has left */
    }
    kp_frame_free(frame);
}

KIT void kit_on_event(void *context, uint16_t door, enum kp_door_event event)
{
    struct kit_hub *hub = context;
    pthread_mutex_lock(&hub->mutex);
    if (door < KIT_DOORS) {
        hub->events[door][event]++;
    }
    pthread_cond_broadcast(&hub->heard);
    pthread_mutex_unlock(&hub->mutex);
}

KIT void kit_on_fatal(void *context, const char *reason)
{
    struct kit_hub *hub = context;
    (void)reason;
    pthread_mutex_lock(&hub->mutex);
    hub->fatal_count++;
    pthread_cond_broadcast(&hub->heard);
    pthread_mutex_unlock(&hub->mutex);
}

KIT void kit_write_key(const char *path, const struct kp_secret *secret, mode_t mode)
{
    char z85[KP_CURVE_Z85_CHARS + 1];
    assert_non_null(zmq_z85_encode(z85, secret->bytes, KP_KEY_BYTES));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(z85, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Everything but the doors themselves. */
KIT struct kit_hub *kit_hub_prepare(void)
{
    struct kit_hub *hub = calloc(1, sizeof *hub);
    assert_non_null(hub);
    const char *base = getenv("TMPDIR");
    (void)snprintf(hub->dir, sizeof hub->dir, "%s/doors-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(hub->dir));
    (void)snprintf(hub->key_file, sizeof hub->key_file, "%s/hub.key", hub->dir);
    hub->key = kit_key();
    kit_write_key(hub->key_file, &hub->key.secret, 0400);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hub->heard, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&hub->mutex, NULL);
    return hub;
}

KIT enum kp_err kit_hub_open(struct kit_hub *hub, uint32_t canary_ms, struct kp_diag *diag)
{
    const struct kp_doors_options options = {.host = "127.0.0.1",
                                             .curve_secret_file = hub->key_file,
                                             .context = hub,
                                             .on_frame = kit_on_frame,
                                             .on_event = kit_on_event,
                                             .on_fatal = kit_on_fatal,
                                             .canary_ms = canary_ms};
    return kp_doors_start(&options, &hub->doors, diag);
}

KIT struct kit_hub *kit_hub_start(void)
{
    struct kit_hub *hub = kit_hub_prepare();
    struct kp_diag diag = {0};
    if (kit_hub_open(hub, 0, &diag) != KP_OK) {
        fail_msg("%s", diag.text);
    }
    return hub;
}

KIT void kit_hub_stop(struct kit_hub *hub)
{
    hub->doors = kp_doors_stop(hub->doors, KP_SLICE_EMPTY);
    assert_int_equal(hub->fatal_count, 0);
    assert_int_equal(unlink(hub->key_file), 0);
    assert_int_equal(rmdir(hub->dir), 0);
    pthread_cond_destroy(&hub->heard);
    pthread_mutex_destroy(&hub->mutex);
    free(hub);
}

/* Open (or change) a door on a free port; the port. */
KIT uint16_t kit_door(struct kit_hub *hub, uint16_t door, struct kp_door_keys keys)
{
    struct kp_diag diag = {0};
    struct kp_door_stat stat;
    if (kp_doors_set(hub->doors, door, 0, &keys, KP_SLICE_LIT("bye"), &diag) != KP_OK) {
        fail_msg("%s", diag.text);
    }
    assert_true(kp_doors_stat(hub->doors, door, &stat));
    return stat.port;
}

/* Wait until *@counter is at least @count; false when @timeout_ms went by. */
KIT bool kit_await_count(struct kit_hub *hub, const uint32_t *counter, uint32_t count,
                         int64_t timeout_ms)
{
    int64_t until_us = kp_mono_now().us + timeout_ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int failed = 0;
    pthread_mutex_lock(&hub->mutex);
    while (*counter < count && failed == 0) {
        failed = pthread_cond_timedwait(&hub->heard, &hub->mutex, &until);
    }
    bool reached = *counter >= count;
    pthread_mutex_unlock(&hub->mutex);
    return reached;
}

KIT uint32_t kit_frame_count(struct kit_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    uint32_t count = hub->frame_count;
    pthread_mutex_unlock(&hub->mutex);
    return count;
}

/* The @index-th frame came through @door and begins with @text. */
KIT void kit_assert_frame(struct kit_hub *hub, uint32_t index, uint16_t door, const char *text)
{
    pthread_mutex_lock(&hub->mutex);
    uint16_t came_through = hub->frames[index].door;
    char came[KIT_TEXT_MAX];
    memcpy(came, hub->frames[index].text, sizeof came);
    pthread_mutex_unlock(&hub->mutex);
    assert_string_equal(came, text);
    assert_int_equal(came_through, door);
}

KIT void kit_await_event(struct kit_hub *hub, uint16_t door, enum kp_door_event event,
                         uint32_t count)
{
    if (!kit_await_count(hub, &hub->events[door][event], count, KIT_WAIT_MS)) {
        fail_msg("door %u: event %d came %u times, not %u", door, (int)event,
                 hub->events[door][event], count);
    }
}

KIT void kit_await_frames(struct kit_hub *hub, uint32_t count)
{
    if (!kit_await_count(hub, &hub->frame_count, count, KIT_WAIT_MS)) {
        fail_msg("%u frames came, not %u", hub->frame_count, count);
    }
}

/* So often so far. */
KIT uint32_t kit_heard(struct kit_hub *hub, uint16_t door, enum kp_door_event event)
{
    pthread_mutex_lock(&hub->mutex);
    uint32_t count = hub->events[door][event];
    pthread_mutex_unlock(&hub->mutex);
    return count;
}

/* --- a counterpart's side --- */

struct kit_client {
    void *context;
    void *socket;
    void *monitor;
};

/* @key NULL: no CURVE at all. @id empty: nameless. Of its own context: another program. */
KIT struct kit_client kit_connect_named(int type, const struct kit_key *key,
                                        const uint8_t server_public[KP_KEY_BYTES], uint16_t port,
                                        struct kp_slice id)
{
    struct kit_client client = {.context = zmq_ctx_new()};
    client.socket = zmq_socket(client.context, type);
    assert_non_null(client.socket);
    const int settings[][2] = {{ZMQ_LINGER, 0},
                               {ZMQ_HEARTBEAT_IVL, KP_CURVE_HEARTBEAT_MS},
                               {ZMQ_HEARTBEAT_TIMEOUT, KP_CURVE_HEARTBEAT_TIMEOUT_MS},
                               {ZMQ_HEARTBEAT_TTL, KP_CURVE_HEARTBEAT_TIMEOUT_MS},
                               {ZMQ_HANDSHAKE_IVL, KP_CURVE_HANDSHAKE_MS},
                               {ZMQ_RECONNECT_IVL, 50},
                               {ZMQ_SNDHWM, 100000},
                               {ZMQ_RCVHWM, 100}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        kp_curve_set_int(client.socket, settings[i][0], settings[i][1]);
    }
    if (key != NULL) {
        zmq_setsockopt(client.socket, ZMQ_CURVE_SERVERKEY, server_public, KP_KEY_BYTES);
        zmq_setsockopt(client.socket, ZMQ_CURVE_PUBLICKEY, key->public, KP_KEY_BYTES);
        zmq_setsockopt(client.socket, ZMQ_CURVE_SECRETKEY, key->secret.bytes, KP_KEY_BYTES);
    }
    if (id.size != 0) {
        assert_int_equal(zmq_setsockopt(client.socket, ZMQ_ROUTING_ID, id.bytes, id.size), 0);
    }
    client.monitor = kp_monitor_open(client.context, client.socket);
    assert_non_null(client.monitor);
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", port);
    assert_int_equal(zmq_connect(client.socket, endpoint), 0);
    return client;
}

KIT struct kit_client kit_connect_as(int type, const struct kit_key *key,
                                     const uint8_t server_public[KP_KEY_BYTES], uint16_t port)
{
    return kit_connect_named(type, key, server_public, port, KP_SLICE_EMPTY);
}

KIT struct kit_client kit_connect(struct kit_hub *hub, const struct kit_key *key, uint16_t port)
{
    return kit_connect_as(ZMQ_PAIR, key, hub->key.public, port);
}

KIT void kit_leave(struct kit_client *client)
{
    kp_monitor_close(client->socket, client->monitor);
    zmq_close(client->socket);
    zmq_ctx_term(client->context);
    *client = (struct kit_client){0};
}

KIT void kit_say(struct kit_client *client, const char *text)
{
    assert_int_equal(zmq_send(client->socket, text, strlen(text), ZMQ_DONTWAIT), strlen(text));
}

/* For one who is not to be let in: he can be shut out before he has said anything, and then there
 * is nobody to say it to. true: it was said. */
KIT bool kit_try_to_say(struct kit_client *client, const char *text)
{
    int size = zmq_send(client->socket, text, strlen(text), ZMQ_DONTWAIT);
    assert_true(size == (int)strlen(text) || (size < 0 && zmq_errno() == EAGAIN));
    return size >= 0;
}

/* The next frame as text; "" when none came within @timeout_ms. */
KIT const char *kit_hear(struct kit_client *client, int timeout_ms, char text[KIT_TEXT_MAX])
{
    zmq_pollitem_t item = {.socket = client->socket, .events = ZMQ_POLLIN};
    int64_t until_ms = kit_ms() + timeout_ms;
    text[0] = '\0';
    while (zmq_poll(&item, 1, timeout_ms) < 1 && kit_ms() < until_ms) {
    }
    int size = zmq_recv(client->socket, text, KIT_TEXT_MAX - 1, ZMQ_DONTWAIT);
    text[size < 0 ? 0 : (size < KIT_TEXT_MAX ? size : KIT_TEXT_MAX - 1)] = '\0';
    return text;
}

#define KIT_ASSERT_HEARS(client, expected)                                                         \
    do {                                                                                           \
        char heard_text[KIT_TEXT_MAX];                                                             \
        assert_string_equal(kit_hear(client, KIT_WAIT_MS, heard_text), expected);                  \
    } while (0)

/* Until @event happens at the client; its value. -1 when @timeout_ms went by. */
KIT int64_t kit_await_monitor(struct kit_client *client, uint16_t event, int64_t timeout_ms)
{
    int64_t until_ms = kit_ms() + timeout_ms;
    struct kp_monitor_event found;
    do {
        zmq_pollitem_t item = {.socket = client->monitor, .events = ZMQ_POLLIN};
        (void)zmq_poll(&item, 1, 20); /* cut short by a signal: looked again */
        while (kp_monitor_next(client->monitor, &found)) {
            if (found.event == event) {
                return found.value;
            }
        }
    } while (kit_ms() < until_ms);
    return -1;
}

#endif
