/* SPDX-License-Identifier: EUPL-1.2 */
/* Who this side is and whom it trusts, from the files that adapter.yaml names. */
#ifndef KP_ADAPTER_IDENTITY_H
#define KP_ADAPTER_IDENTITY_H

#include "knooppunt/client.h"
#include "runtime/conf.h"

struct kp_identity {
    struct kp_signer *signer; /* NULL for a user */
    uint8_t certificate[KP_CERTIFICATE_BYTES_MAX];
    size_t certificate_size; /* DER; 0 for a user */
    char *bundle;
    size_t bundle_size;
};

/* @signs: a partner's adapter, which needs key and certificate; they must belong together.
 * KP_E_KEY_FILE, KP_E_CERT_MISMATCH, KP_E_MALFORMED, KP_E_NOT_FOUND, KP_E_CERT_UNTRUSTED, ... */
KP_MUST_CHECK enum kp_err kp_identity_load(struct kp_identity *identity,
                                           const struct kp_adapter_conf *conf, bool signs,
                                           struct kp_diag *reterr_diag);
void kp_identity_done(struct kp_identity *identity);
/* The hub's certificate in the bundle chains to the anchors of adapter.yaml, where it names any. */
KP_MUST_CHECK enum kp_err kp_identity_check_hub(const struct kp_adapter_conf *conf,
                                                const struct kp_client *client,
                                                struct kp_diag *reterr_diag);
/* The first run notes beside the spool which adapter works here for whom; later ones must be the
 * same, for what is in the spool is in that name. KP_E_CONFIG  another · KP_E_IO */
KP_MUST_CHECK enum kp_err kp_identity_check_owner(const struct kp_adapter_conf *conf,
                                                  const char *adapter, const char *counterpart,
                                                  struct kp_diag *reterr_diag);

#endif
