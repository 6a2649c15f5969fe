/* SPDX-License-Identifier: EUPL-1.2 */
/* Certificates in a PEM file, as DER. */
#ifndef KP_BASE_PEM_H
#define KP_BASE_PEM_H

#include "base/arena.h"
#include "base/err.h"

/* Every certificate of the file, in its order; other blocks are passed over. @ret_ders in @arena.
 * KP_E_NOT_FOUND  no such file, or no certificate in it · KP_E_LIMIT  more than @count_max ·
 * KP_E_MALFORMED · KP_E_IO */
KP_MUST_CHECK enum kp_err kp_pem_certificates(const char *path, struct kp_arena *arena,
                                              struct kp_slice *ret_ders, uint32_t count_max,
                                              uint32_t *ret_count, struct kp_diag *reterr_diag);

#endif
