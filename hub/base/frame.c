/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES 4u

static enum kp_err wait_for(int fd, short events, int timeout_ms, struct kp_diag *reterr_diag)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    int ready;
    do {
        ready = poll(&wanted, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot wait for the peer: %s", strerror(errno));
    }
    if (ready == 0) {
        return kp_fail(reterr_diag, KP_E_TIMEOUT, "the peer was silent for %d ms", timeout_ms);
    }
    return KP_OK;
}

/* @ret_got is less than @size only where the stream ended. */
static enum kp_err read_bytes(int fd, uint8_t *bytes, size_t size, int timeout_ms, size_t *ret_got,
                              struct kp_diag *reterr_diag)
{
    size_t got = 0;
    while (got < size) {
        enum kp_err err = wait_for(fd, POLLIN, timeout_ms, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        ssize_t part = read(fd, bytes + got, size - got);
        if (part < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (part < 0 && errno != ECONNRESET) {
            return kp_fail(reterr_diag, KP_E_IO, "cannot read from the peer: %s", strerror(errno));
        }
        if (part <= 0) {
            break;
        }
        got += (size_t)part;
    }
    *ret_got = got;
    return KP_OK;
}

enum kp_err kp_frame_read(int fd, size_t size_max, int timeout_ms, uint8_t **ret_bytes,
                          size_t *ret_size, bool *ret_ended, struct kp_diag *reterr_diag)
{
    uint8_t head[HEAD_BYTES];
    size_t got = 0;
    enum kp_err err = read_bytes(fd, head, sizeof head, timeout_ms, &got, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (got == 0) {
        *ret_ended = true;
        return KP_OK;
    }
    if (got < sizeof head) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the stream ended inside a frame's length");
    }
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (size > size_max) {
        return kp_fail(reterr_diag, KP_E_FRAME_SIZE, "a frame of %zu bytes where %zu is the most",
                       size, size_max);
    }
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for a frame of %zu bytes", size);
    }
    err = read_bytes(fd, bytes, size, timeout_ms, &got, reterr_diag);
    if (err == KP_OK && got < size) {
        err = kp_fail(reterr_diag, KP_E_MALFORMED, "the stream ended after %zu bytes of %zu", got,
                      size);
    }
    if (err != KP_OK) {
        free(bytes);
        return err;
    }
    *ret_bytes = bytes;
    *ret_size = size;
    *ret_ended = false;
    return KP_OK;
}

static enum kp_err write_bytes(int fd, struct kp_slice bytes, int timeout_ms,
                               struct kp_diag *reterr_diag)
{
    size_t done = 0;
    while (done < bytes.size) {
        ssize_t part = send(fd, bytes.bytes + done, bytes.size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (part >= 0) {
            done += (size_t)part;
        } else if (errno == EAGAIN) {
            enum kp_err err = wait_for(fd, POLLOUT, timeout_ms, reterr_diag);
            if (err != KP_OK) {
                return err;
            }
        } else if (errno != EINTR) {
            return kp_fail(reterr_diag, KP_E_IO, "cannot write to the peer: %s", strerror(errno));
        }
    }
    return KP_OK;
}

enum kp_err kp_frame_write(int fd, struct kp_slice bytes, int timeout_ms,
                           struct kp_diag *reterr_diag)
{
    if (bytes.size > UINT32_MAX) {
        return kp_fail(reterr_diag, KP_E_FRAME_SIZE, "%zu bytes do not fit in one frame",
                       bytes.size);
    }
    uint32_t size = (uint32_t)bytes.size;
    const uint8_t head[HEAD_BYTES] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16),
                                      (uint8_t)(size >> 8), (uint8_t)size};
    enum kp_err err =
        write_bytes(fd, (struct kp_slice){head, sizeof head}, timeout_ms, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    return write_bytes(fd, bytes, timeout_ms, reterr_diag);
}
