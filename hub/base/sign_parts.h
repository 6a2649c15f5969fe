/* SPDX-License-Identifier: EUPL-1.2 */
/* What sign.c and trust.c share and nobody else sees: OpenSSL's own types. */
#ifndef KP_BASE_SIGN_PARTS_H
#define KP_BASE_SIGN_PARTS_H

#include "base/crypto.h"
#include "base/sign.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define KP_SERIAL_NUMBER_BYTES_MAX 64u /* ub-serial-number of X.520 */

struct kp_certificate {
    X509 *x509;
    EVP_PKEY *key; /* borrowed from x509 */
    enum kp_sign_algorithm algorithm;
    struct kp_wall not_before, not_after;
    uint8_t digest[KP_SHA256_BYTES];
    char serial_number[KP_SERIAL_NUMBER_BYTES_MAX + 1];
    size_t der_size;
    uint8_t der[];
};

/* Why libcrypto's last call failed, for a person; empties its list of errors. */
const char *kp_sign_openssl_reason(void);

#endif
