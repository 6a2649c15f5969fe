/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Signatures and certificates (X.509), over OpenSSL. The numbers of enum kp_sign_algorithm are
 * those of SignatureAlgorithm in proto/. Allowed: Ed25519; ECDSA on P-256 with SHA-256; RSA
 * 2048-4096 with PSS, SHA-256, salt 32. Everything that is signed starts with a domain label and a
 * NUL, so that no signature serves elsewhere.
 */
#ifndef KP_BASE_SIGN_H
#define KP_BASE_SIGN_H

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/time.h"

#include <stdbool.h>

enum kp_sign_algorithm {
    KP_SIGN_NONE = 0,
    KP_SIGN_ED25519 = 1,
    KP_SIGN_ECDSA_P256 = 2,
    KP_SIGN_RSA_PSS = 3,
};

#define KP_LABEL_ENROL "knooppunt.enrol.v1"
#define KP_LABEL_BUNDLE "knooppunt.bundle.v1"
#define KP_LABEL_BATCH "knooppunt.batch.v1"
#define KP_LABEL_COMMAND "knooppunt.command.v1"
#define KP_LABEL_RECEIPT "knooppunt.receipt.v1"

/* A private key. One thread each. */
struct kp_signer;
/* PEM file, refused when open to others. KP_E_KEY_FILE, KP_E_ALGORITHM */
KP_MUST_CHECK enum kp_err kp_signer_load(const char *path, struct kp_signer **ret_signer,
                                         struct kp_diag *reterr_diag);
struct kp_signer *kp_signer_free(struct kp_signer *signer);
enum kp_sign_algorithm kp_signer_algorithm(const struct kp_signer *signer);
/* Sign label || 0x00 || message. @ret_signature holds KP_SIGNATURE_BYTES_MAX. */
KP_MUST_CHECK enum kp_err kp_sign(struct kp_signer *signer, const char *label,
                                  struct kp_slice message, uint8_t *ret_signature, size_t *ret_size,
                                  struct kp_diag *reterr_diag);

/* A certificate: public key, OIN and validity; parsed once, then read only: any thread. */
struct kp_certificate;
/* Says nothing about trust. KP_E_MALFORMED (also when the subject has two serialNumbers),
 * KP_E_ALGORITHM  its key is not allowed */
KP_MUST_CHECK enum kp_err kp_certificate_parse(struct kp_slice der,
                                               struct kp_certificate **ret_certificate,
                                               struct kp_diag *reterr_diag);
struct kp_certificate *kp_certificate_free(struct kp_certificate *certificate);
struct kp_slice kp_certificate_der(const struct kp_certificate *certificate);
/* subject serialNumber: 20 digits for an organisation (OIN), free text for a user; "" when absent.
 */
const char *kp_certificate_serial_number(const struct kp_certificate *certificate);
struct kp_wall kp_certificate_not_before(const struct kp_certificate *certificate);
struct kp_wall kp_certificate_not_after(const struct kp_certificate *certificate);
const uint8_t *
kp_certificate_digest(const struct kp_certificate *certificate); /* SHA-256 of the DER, 32 bytes */
/* The algorithm its key signs with. */
enum kp_sign_algorithm kp_certificate_algorithm(const struct kp_certificate *certificate);
/* The certificate's public key belongs to the signer's private key. */
bool kp_certificate_is_of(const struct kp_certificate *certificate, const struct kp_signer *signer);
/* KP_E_SIGNATURE, KP_E_ALGORITHM (not this key's algorithm, or not allowed). Any thread. */
KP_MUST_CHECK enum kp_err kp_verify(const struct kp_certificate *certificate,
                                    enum kp_sign_algorithm algorithm, const char *label,
                                    struct kp_slice message, struct kp_slice signature,
                                    struct kp_diag *reterr_diag);

/* The house's trust anchors and revocation lists; read from files and read again when these change.
 */
struct kp_trust;
struct kp_trust_options {
    const char *anchors_file; /* PEM, one or more CA certificates */
    const char *crl_file;     /* PEM, one or more CRLs, one for each CA */
};
/* KP_E_CERT_UNTRUSTED  no anchors, or one that is no CA · KP_E_CRL  no list, an unreadable one, or
 * one without nextUpdate · KP_E_IO */
KP_MUST_CHECK enum kp_err kp_trust_open(const struct kp_trust_options *options,
                                        struct kp_trust **ret_trust, struct kp_diag *reterr_diag);
struct kp_trust *kp_trust_free(struct kp_trust *trust);
/* Read the files again when they changed; on failure the lists read last stay in force.
 * *ret_changed. One thread. */
KP_MUST_CHECK enum kp_err kp_trust_refresh(struct kp_trust *trust, bool *ret_changed,
                                           struct kp_diag *reterr_diag);
/* Chain to an anchor, validity at @now, CRL of every CA in the chain (a missing or stale CRL fails
 * closed), key usage digitalSignature when stated, not itself a CA, 112 bits of security
 * throughout. @chain: DER intermediates. Of several faults the gravest: untrusted, algorithm,
 * revoked, expired, CRL. Costs a signature check for each certificate and CRL: for enrolment, Hello
 * and a change of the lists, not for each batch. Any thread. KP_E_CERT_UNTRUSTED,
 * KP_E_CERT_EXPIRED, KP_E_CERT_REVOKED, KP_E_CRL, KP_E_ALGORITHM */
KP_MUST_CHECK enum kp_err kp_trust_check(struct kp_trust *trust,
                                         const struct kp_certificate *certificate,
                                         const struct kp_slice *chain, uint32_t chain_count,
                                         struct kp_wall now, struct kp_diag *reterr_diag);

#endif
