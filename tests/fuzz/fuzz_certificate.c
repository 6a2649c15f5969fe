/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A certificate as a counterpart sends it, DER. Of all bytes only the three that the anchor in
 * trust/ signed (the samples in corpus/) may be trusted, its key is nobody's any more; and no
 * signature that is made up verifies.
 */
#include "base/assert.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/sign.h"
#include "base/time.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define NOW ((struct kp_wall){INT64_C(1800000000) * 1000}) /* in 2027 */

static const char *const samples[] = {"tests/fuzz/corpus/certificate/ed25519.der",
                                      "tests/fuzz/corpus/certificate/ec.der",
                                      "tests/fuzz/corpus/certificate/rsa.der"};
static struct kp_slice signed_by_anchor[sizeof samples / sizeof samples[0]];
static struct kp_trust *trust;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct kp_trust_options options = {.anchors_file = "tests/fuzz/trust/anchor.pem",
                                       .crl_file = "tests/fuzz/trust/crl.pem"};
    struct kp_diag diag;
    (void)argc;
    (void)argv;
    KP_ASSERT(kp_crypto_init(&diag) == KP_OK);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char *bytes = NULL;
        size_t size = 0;
        KP_ASSERT(kp_file_read(samples[i], KP_CERTIFICATE_BYTES_MAX, &bytes, &size, &diag) ==
                  KP_OK);
        signed_by_anchor[i] = kp_slice_of(bytes, size);
    }
    KP_ASSERT(kp_trust_open(&options, &trust, &diag) == KP_OK);
    return 0;
}

static bool is_signed_by_anchor(struct kp_slice der)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        if (kp_slice_equal(der, signed_by_anchor[i])) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct kp_slice der = {bytes, size};
    struct kp_certificate *certificate = NULL;
    struct kp_diag diag;
    enum kp_err err = kp_certificate_parse(der, &certificate, &diag);
    if (err != KP_OK) {
        KP_ASSERT(certificate == NULL && diag.text[0] != '\0');
        return 0;
    }
    KP_ASSERT(kp_slice_equal(kp_certificate_der(certificate), der));
    KP_ASSERT(strlen(kp_certificate_serial_number(certificate)) < size);
    struct kp_slice made_up = {bytes, size < 64 ? size : 64};
    KP_ASSERT(kp_verify(certificate, kp_certificate_algorithm(certificate), KP_LABEL_BATCH, der,
                        made_up, &diag) == KP_E_SIGNATURE);
    err = kp_trust_check(trust, certificate, &der, 1, NOW, &diag);
    KP_ASSERT((err == KP_OK) == is_signed_by_anchor(der));
    (void)kp_certificate_free(certificate);
    return 0;
}
