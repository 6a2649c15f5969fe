/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A relay between a client and a door, one connection at a time in each direction it is asked for:
 * it can stop relaying without closing anything (a half-open connection), and it keeps what it saw
 * (the wire).
 */
#ifndef KP_TESTS_RELAY_KIT_H
#define KP_TESTS_RELAY_KIT_H

#include "door_kit.h"

#include "net/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define RELAY_PAIRS_MAX 16
#define RELAY_SEEN_MAX (1u << 20)

struct relay {
    pthread_t thread;
    int listen_fd;
    uint16_t port, target_port;
    atomic_bool frozen, ending;
    int fds[2 * RELAY_PAIRS_MAX]; /* 2n: client, 2n + 1: door; the relay thread's own */
    uint32_t fd_count;
    uint8_t *seen; /* both directions; read after relay_stop only */
    size_t seen_size;
};

KIT int relay_dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fail_msg("cannot connect to port %u: %s", port, strerror(errno));
    }
    return fd;
}

KIT void relay_pass(struct relay *relay, uint32_t from)
{
    uint8_t bytes[16384];
    uint32_t to = from ^ 1u;
    ssize_t size = recv(relay->fds[from], bytes, sizeof bytes, 0);
    if (size <= 0) {
        (void)shutdown(relay->fds[to], SHUT_WR);
        close(relay->fds[from]);
        relay->fds[from] = -1;
        return;
    }
    for (ssize_t i = 0; i < size && relay->seen_size < RELAY_SEEN_MAX; i++) {
        relay->seen[relay->seen_size++] = bytes[i];
    }
    for (ssize_t sent = 0; sent < size;) {
        ssize_t part = relay->fds[to] < 0 ? -1
                                          : send(relay->fds[to], bytes + sent,
                                                 (size_t)(size - sent), MSG_NOSIGNAL);
        if (part < 0) {
            return;
        }
        sent += part;
    }
}

KIT void *relay_main(void *context)
{
    struct relay *relay = context;
    while (!atomic_load(&relay->ending)) {
        struct pollfd polls[2 * RELAY_PAIRS_MAX + 1] = {{.fd = relay->listen_fd, .events = POLLIN}};
        bool frozen = atomic_load(&relay->frozen);
        for (uint32_t i = 0; i < relay->fd_count; i++) {
            polls[i + 1] = (struct pollfd){.fd = frozen ? -1 : relay->fds[i], .events = POLLIN};
        }
        if (frozen || relay->fd_count == 2 * RELAY_PAIRS_MAX) {
            polls[0].fd = -1;
        }
        (void)poll(polls, relay->fd_count + 1, 5);
        if (atomic_load(&relay->frozen)) {
            continue;
        }
        for (uint32_t i = 0; i < relay->fd_count; i++) {
            if (polls[i + 1].revents != 0 && relay->fds[i] >= 0) {
                relay_pass(relay, i);
            }
        }
        if (polls[0].revents != 0) {
            int fd = accept(relay->listen_fd, NULL, NULL);
            if (fd >= 0) {
                relay->fds[relay->fd_count++] = fd;
                relay->fds[relay->fd_count++] = relay_dial(relay->target_port);
            }
        }
    }
    return NULL;
}

KIT struct relay *relay_start(uint16_t target_port)
{
    struct relay *relay = calloc(1, sizeof *relay);
    assert_non_null(relay);
    relay->target_port = target_port;
    relay->seen = malloc(RELAY_SEEN_MAX);
    assert_non_null(relay->seen);
    struct kp_diag diag;
    assert_int_equal(kp_tcp_listen("127.0.0.1", 0, &relay->listen_fd, &relay->port, &diag), KP_OK);
    assert_int_equal(pthread_create(&relay->thread, NULL, relay_main, relay), 0);
    return relay;
}

/* From here on nothing passes and nothing is closed. */
KIT void relay_freeze(struct relay *relay)
{
    atomic_store(&relay->frozen, true);
}

/* Ends the thread and all connections; @relay->seen can be read. */
KIT void relay_stop(struct relay *relay)
{
    atomic_store(&relay->ending, true);
    assert_int_equal(pthread_join(relay->thread, NULL), 0);
    close(relay->listen_fd);
    for (uint32_t i = 0; i < relay->fd_count; i++) {
        if (relay->fds[i] >= 0) {
            close(relay->fds[i]);
        }
    }
}

KIT void relay_free(struct relay *relay)
{
    free(relay->seen);
    free(relay);
}

#endif
