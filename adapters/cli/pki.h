/* SPDX-License-Identifier: EUPL-1.2 */
/* Making keys, certificate requests and, for the demonstration CA, certificates and revocation
 * lists. Judging them is base/sign.h's. */
#ifndef KP_CLI_PKI_H
#define KP_CLI_PKI_H

#include "base/err.h"
#include "base/sign.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/types.h>

/* Subject of a certificate. Texts are borrowed. */
struct kp_pki_subject {
    const char *common_name;
    const char *organisation;  /* NULL: none */
    const char *serial_number; /* OIN, or the id of a user; NULL: none */
};

struct kp_pki_ca {
    EVP_PKEY *key;
    X509 *certificate;
};

/* "ed25519", "ecdsa-p256", "rsa-pss". KP_E_ALGORITHM */
KP_MUST_CHECK enum kp_err kp_pki_algorithm(const char *name, enum kp_sign_algorithm *ret_algorithm,
                                           struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_key_make(enum kp_sign_algorithm algorithm, EVP_PKEY **ret_key,
                                          struct kp_diag *reterr_diag);
/* KP_E_VALUE  a name that X.509 cannot hold. */
KP_MUST_CHECK enum kp_err kp_pki_request_make(EVP_PKEY *key, const struct kp_pki_subject *subject,
                                              X509_REQ **ret_request, struct kp_diag *reterr_diag);

/* A new authority that certifies itself. */
KP_MUST_CHECK enum kp_err kp_pki_ca_make(const char *common_name, long days,
                                         struct kp_pki_ca *ret_ca, struct kp_diag *reterr_diag);
void kp_pki_ca_done(struct kp_pki_ca *ca);
/* A certificate for the key and subject of @request, for digital signatures only.
 * KP_E_SIGNATURE  the request is not signed by its own key. */
KP_MUST_CHECK enum kp_err kp_pki_certify(const struct kp_pki_ca *ca, X509_REQ *request, long days,
                                         X509 **ret_certificate, struct kp_diag *reterr_diag);
/* The next revocation list: what @previous holds (NULL: nothing), and @revoked (NULL: nobody new).
 * KP_E_EXISTS  @revoked is on it already. */
KP_MUST_CHECK enum kp_err kp_pki_crl_make(const struct kp_pki_ca *ca, const X509_CRL *previous,
                                          X509 *revoked, long days, X509_CRL **ret_crl,
                                          struct kp_diag *reterr_diag);

/* PEM files. Reading: KP_E_MALFORMED, KP_E_KEY_FILE, or what kp_file_read gives. */
KP_MUST_CHECK enum kp_err kp_pki_write_key(const char *path, EVP_PKEY *key,
                                           struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_write_certificate(const char *path, X509 *certificate,
                                                   struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_write_request(const char *path, X509_REQ *request,
                                               struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_write_crl(const char *path, X509_CRL *crl,
                                           struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_read_key(const char *path, EVP_PKEY **ret_key,
                                          struct kp_diag *reterr_diag);
/* All certificates of the file, 1 to @count_max. *ret_count of them, each to be freed. */
KP_MUST_CHECK enum kp_err kp_pki_read_certificates(const char *path, X509 **ret_certificates,
                                                   size_t count_max, size_t *ret_count,
                                                   struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_read_request(const char *path, X509_REQ **ret_request,
                                              struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_pki_read_crl(const char *path, X509_CRL **ret_crl,
                                          struct kp_diag *reterr_diag);
/* Every list of the file is current. KP_E_CRL  names the first that is not */
KP_MUST_CHECK enum kp_err kp_pki_check_crls(const char *path, struct kp_diag *reterr_diag);

/* The DER in @ret_der, which holds KP_CERTIFICATE_BYTES_MAX. KP_E_LENGTH */
KP_MUST_CHECK enum kp_err kp_pki_der(X509 *certificate, uint8_t *ret_der, size_t *ret_size,
                                     struct kp_diag *reterr_diag);

#endif
