/* SPDX-License-Identifier: EUPL-1.2 */
/* The transport's key pair as files: Z85 text of 40 characters. */
#ifndef KP_CLI_CURVE_H
#define KP_CLI_CURVE_H

#include "base/err.h"
#include "cli/new_dir.h"

#include <stdint.h>

#define KP_CURVE_BYTES 32
#define KP_CURVE_TEXT_SIZE 41

/* `NAMEcurve.secret` (0400) and `NAMEcurve.public` in @dir; @prefix is "" or "keys/". */
KP_MUST_CHECK enum kp_err kp_curve_make(const struct kp_new_dir *dir, const char *prefix,
                                        struct kp_diag *reterr_diag);
/* KP_E_MALFORMED  not a key in Z85 */
KP_MUST_CHECK enum kp_err kp_curve_read_public(const char *path, uint8_t ret_key[KP_CURVE_BYTES],
                                               struct kp_diag *reterr_diag);

#endif
