/* SPDX-License-Identifier: EUPL-1.2 */
/* The demonstration CA of a test house. */
#ifndef KP_CLI_DEMO_CA_H
#define KP_CLI_DEMO_CA_H

#include "base/err.h"
#include "cli/new_dir.h"
#include "cli/pki.h"

#define KP_DEMO_CA_DIR "demo-ca"
#define KP_DEMO_CRL_DAYS 365

/* A new CA in @dir/demo-ca, with trust/anchors.pem and trust/crl.pem (both folders are there). Free
 * with kp_pki_ca_done. */
KP_MUST_CHECK enum kp_err kp_demo_ca_make(const struct kp_new_dir *dir, struct kp_pki_ca *ret_ca,
                                          struct kp_diag *reterr_diag);

#endif
