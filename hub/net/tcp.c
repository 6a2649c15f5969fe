/* SPDX-License-Identifier: EUPL-1.2 */
#include "net/tcp.h"

#include "net/curve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h> /* the C library's tcp_info is older */
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum kp_err fail(struct kp_diag *reterr_diag, const char *host, uint16_t port)
{
    enum kp_err err = KP_E_IO;
    if (errno == EADDRINUSE) {
        err = KP_E_EXISTS;
    } else if (errno == EMFILE || errno == ENFILE) {
        err = KP_E_LIMIT;
    }
    return kp_fail(reterr_diag, err, "cannot listen at %s port %u: %s", host, port,
                   strerror(errno));
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    in_port_t port = address.ss_family == AF_INET6
                         ? ((const struct sockaddr_in6 *)&address)->sin6_port
                         : ((const struct sockaddr_in *)&address)->sin_port;
    return ntohs(port);
}

enum kp_err kp_tcp_listen(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port,
                          struct kp_diag *reterr_diag)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port); /* fits */
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    int failed = getaddrinfo(host, service, &hints, &address);
    if (failed != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "%s is not an address: %s", host,
                       gai_strerror(failed));
    }
    /* A restarted hub must not wait for the connections of the last one to be forgotten. Linux lets
     * no second listener in by this. */
    const int on = 1;
    enum kp_err err = KP_OK;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, KP_CURVE_BACKLOG) != 0) {
        err = fail(reterr_diag, host, port);
        if (fd >= 0) {
            (void)close(fd); /* nothing was written */
        }
    } else {
        *ret_fd = fd;
        *ret_port = bound_port(fd);
    }
    freeaddrinfo(address);
    return err;
}

bool kp_tcp_received(int fd, uint16_t port, uint64_t *ret_bytes)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (bound_port(fd) != port || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) {
        return false;
    }
    *ret_bytes = info.tcpi_bytes_received;
    return true;
}
