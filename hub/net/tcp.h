/* SPDX-License-Identifier: EUPL-1.2 */
#ifndef KP_NET_TCP_H
#define KP_NET_TCP_H

#include "base/err.h"

#include <stdbool.h>

/*
 * A listening TCP descriptor, not blocking. The door keeps it and gives copies to its sockets, so
 * that a socket can be replaced without ever giving up the port.
 *
 * @host  a numeric address of this machine · @port 0: any free one
 * KP_E_EXISTS  the port is taken · KP_E_LIMIT  no descriptor left · KP_E_IO  everything else
 */
KP_MUST_CHECK enum kp_err kp_tcp_listen(const char *host, uint16_t port, int *ret_fd,
                                        uint16_t *ret_port, struct kp_diag *reterr_diag);

/*
 * What the connection behind @fd has received since it began. The descriptor is libzmq's: it is
 * only asked, and since it may be another's by now, @port must be its local port. false: it is
 * closed, or another's.
 */
bool kp_tcp_received(int fd, uint16_t port, uint64_t *ret_bytes);

#endif
