/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/pem.h"

#include "base/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1u << 20)

static enum kp_err add_der(X509 *certificate, struct kp_arena *arena, struct kp_slice *ret_der,
                           struct kp_diag *reterr_diag)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    if (size <= 0) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "a certificate cannot be encoded");
    }
    *ret_der = kp_arena_copy(arena, kp_slice_of(der, (size_t)size));
    OPENSSL_free(der);
    return ret_der->size > 0 ? KP_OK
                             : kp_fail(reterr_diag, KP_E_LIMIT, "no memory for a certificate");
}

enum kp_err kp_pem_certificates(const char *path, struct kp_arena *arena, struct kp_slice *ret_ders,
                                uint32_t count_max, uint32_t *ret_count,
                                struct kp_diag *reterr_diag)
{
    char *text = NULL;
    size_t size = 0;
    uint32_t count = 0;
    enum kp_err err = kp_file_read(path, FILE_BYTES_MAX, &text, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    BIO *pem = BIO_new_mem_buf(text, (int)size);
    X509 *certificate;
    while (err == KP_OK && pem != NULL &&
           (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        err = count == count_max ? kp_fail(reterr_diag, KP_E_LIMIT,
                                           "%s holds more than %u certificates", path, count_max)
                                 : add_der(certificate, arena, &ret_ders[count], reterr_diag);
        X509_free(certificate);
        count++;
    }
    ERR_clear_error(); /* the end of the file is an error to OpenSSL */
    (void)BIO_free(pem);
    free(text);
    if (err == KP_OK && count == 0) {
        err = kp_fail(reterr_diag, KP_E_NOT_FOUND, "%s holds no certificate", path);
    }
    *ret_count = count;
    return err;
}
