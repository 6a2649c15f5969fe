/* SPDX-License-Identifier: EUPL-1.2 */
/* Frames on a stream (the operator's Unix socket): a big-endian u32 length, then that many bytes.
 */
#ifndef KP_BASE_FRAME_H
#define KP_BASE_FRAME_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>

/* Both wait at most @timeout_ms for the peer at any one point (-1: for ever) and work on blocking
 * and non-blocking descriptors alike. One thread for each direction of a descriptor. */

/* @ret_bytes  malloc'ed, the caller frees; set on success only.
 * *ret_ended  the peer closed between two frames: KP_OK with no bytes.
 * KP_E_FRAME_SIZE  longer than @size_max: the stream cannot be used further · KP_E_MALFORMED  it
 * ended inside a frame · KP_E_TIMEOUT · KP_E_IO */
KP_MUST_CHECK enum kp_err kp_frame_read(int fd, size_t size_max, int timeout_ms,
                                        uint8_t **ret_bytes, size_t *ret_size, bool *ret_ended,
                                        struct kp_diag *reterr_diag);
/* KP_E_FRAME_SIZE  longer than the length can say · KP_E_TIMEOUT · KP_E_IO  the peer is gone (no
 * SIGPIPE on a socket) */
KP_MUST_CHECK enum kp_err kp_frame_write(int fd, struct kp_slice bytes, int timeout_ms,
                                         struct kp_diag *reterr_diag);

#endif
