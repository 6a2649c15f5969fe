/* SPDX-License-Identifier: EUPL-1.2 */
#include "net/monitor.h"

#include "base/assert.h"
#include "net/curve.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define EVENTS                                                                                     \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |                 \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

void *kp_monitor_open(void *zmq_context, void *socket)
{
    /* A name of its own: the monitor of the socket that is closing may still exist. */
    static atomic_uint_fast64_t serial;
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "inproc://monitor-%ju",
                   (uintmax_t)atomic_fetch_add(&serial, 1)); /* fits */
    if (zmq_socket_monitor(socket, endpoint, EVENTS) != 0) {
        return NULL;
    }
    void *monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (monitor != NULL) {
        kp_curve_set_int(monitor, ZMQ_LINGER, 0);
        /* The I/O thread waits for us when the queue of events is full (P9); we never wait for it,
         * and it tells nothing from our own thread. */
        kp_curve_set_int(monitor, ZMQ_RCVHWM, 1000);
        if (zmq_connect(monitor, endpoint) == 0) {
            return monitor;
        }
    }
    kp_monitor_close(socket, monitor);
    return NULL;
}

void kp_monitor_close(void *socket, void *monitor)
{
    if (socket != NULL) {
        (void)zmq_socket_monitor(socket, NULL, 0); /* fails when the context is ending: no matter */
    }
    if (monitor != NULL) {
        (void)zmq_close(monitor); /* valid and ours: cannot fail */
    }
}

bool kp_monitor_next(void *monitor, struct kp_monitor_event *ret_event)
{
    uint8_t bytes[6];
    int size;
    do {
        size = zmq_recv(monitor, bytes, sizeof bytes, ZMQ_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return false;
    }
    KP_ASSERT(size == (int)sizeof bytes);
    memcpy(&ret_event->event, bytes, 2);
    memcpy(&ret_event->value, bytes + 2, 4);
    char address[8]; /* the door's own endpoint: known */
    /* It is there already: only the end of the context makes this fail. */
    return zmq_recv(monitor, address, sizeof address, 0) >= 0;
}
