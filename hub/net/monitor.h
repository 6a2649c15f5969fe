/* SPDX-License-Identifier: EUPL-1.2 */
/* What libzmq tells about the connections of a socket: handshakes that succeed or fail, and ends.
 * The thread that owns the socket owns its monitor. */
#ifndef KP_NET_MONITOR_H
#define KP_NET_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

struct kp_monitor_event {
    uint16_t event; /* ZMQ_EVENT_* */
    uint32_t
        value; /* ACCEPTED, DISCONNECTED: the descriptor; HANDSHAKE_FAILED_AUTH: the ZAP status */
};

/* NULL: no socket or descriptor left. */
void *kp_monitor_open(void *zmq_context, void *socket);
/* Before the socket itself is closed. Either may be NULL. */
void kp_monitor_close(void *socket, void *monitor);
/* Does not wait. false: nothing (more) has happened, or the context is ending. */
bool kp_monitor_next(void *monitor, struct kp_monitor_event *ret_event);

#endif
