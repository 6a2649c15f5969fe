/* SPDX-License-Identifier: EUPL-1.2 */
/* Keys, certificates, requests and lists in PEM files. */
#include "base/assert.h"
#include "base/file.h"
#include "cli/pki.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILE_BYTES_MAX (32u << 20) /* a CA's revocation list is the largest */
#define KEY_MODE 0400
#define PUBLIC_MODE 0644

/* Write what @pem holds, and free it. */
static enum kp_err write_pem(const char *path, BIO *pem, mode_t mode, bool made,
                             struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    long size = BIO_get_mem_data(pem, &bytes);
    enum kp_err err = KP_OK;
    if (!made || size <= 0) {
        ERR_clear_error();
        err = kp_fail(reterr_diag, KP_E_CRYPTO, "cannot write %s as PEM", path);
    } else {
        err = kp_file_write(path, kp_slice_of(bytes, (size_t)size), mode, reterr_diag);
    }
    (void)BIO_free(pem); /* memory only */
    return err;
}

static BIO *memory(bool secret)
{
    BIO *pem = BIO_new(secret ? BIO_s_secmem() : BIO_s_mem());
    KP_ASSERT(pem != NULL);
    return pem;
}

enum kp_err kp_pki_write_key(const char *path, EVP_PKEY *key, struct kp_diag *reterr_diag)
{
    BIO *pem = memory(/* secret= */ true);
    bool made = PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1;
    return write_pem(path, pem, KEY_MODE, made, reterr_diag);
}

enum kp_err kp_pki_write_certificate(const char *path, X509 *certificate,
                                     struct kp_diag *reterr_diag)
{
    BIO *pem = memory(/* secret= */ false);
    bool made = PEM_write_bio_X509(pem, certificate) == 1;
    return write_pem(path, pem, PUBLIC_MODE, made, reterr_diag);
}

enum kp_err kp_pki_write_request(const char *path, X509_REQ *request, struct kp_diag *reterr_diag)
{
    BIO *pem = memory(/* secret= */ false);
    bool made = PEM_write_bio_X509_REQ(pem, request) == 1;
    return write_pem(path, pem, PUBLIC_MODE, made, reterr_diag);
}

enum kp_err kp_pki_write_crl(const char *path, X509_CRL *crl, struct kp_diag *reterr_diag)
{
    BIO *pem = memory(/* secret= */ false);
    bool made = PEM_write_bio_X509_CRL(pem, crl) == 1;
    return write_pem(path, pem, PUBLIC_MODE, made, reterr_diag);
}

static enum kp_err open_pem(const char *path, char **ret_bytes, BIO **ret_pem,
                            struct kp_diag *reterr_diag)
{
    size_t size = 0;
    enum kp_err err = kp_file_read(path, FILE_BYTES_MAX, ret_bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    *ret_pem = BIO_new_mem_buf(*ret_bytes, (int)size);
    KP_ASSERT(*ret_pem != NULL);
    return KP_OK;
}

static void close_pem(char *bytes, BIO *pem)
{
    (void)BIO_free(pem); /* memory only */
    free(bytes);
    ERR_clear_error();
}

static enum kp_err fail_pem(struct kp_diag *reterr_diag, const char *path, const char *what)
{
    return kp_fail(reterr_diag, KP_E_MALFORMED, "%s does not hold %s in PEM", path, what);
}

/* Never ask at a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

enum kp_err kp_pki_read_key(const char *path, EVP_PKEY **ret_key, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err = kp_file_read_private(path, FILE_BYTES_MAX, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    BIO *pem = BIO_new_mem_buf(bytes, (int)size);
    KP_ASSERT(pem != NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
    (void)BIO_free(pem); /* memory only */
    kp_file_clear(bytes, size);
    ERR_clear_error();
    if (key == NULL) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "%s does not hold a private key in PEM", path);
    }
    *ret_key = key;
    return KP_OK;
}

enum kp_err kp_pki_read_certificates(const char *path, X509 **ret_certificates, size_t count_max,
                                     size_t *ret_count, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    BIO *pem = NULL;
    size_t count = 0;
    enum kp_err err = open_pem(path, &bytes, &pem, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    while (certificate != NULL && count < count_max) {
        ret_certificates[count++] = certificate;
        certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    }
    unsigned long code = ERR_peek_last_error();
    bool ended = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (certificate != NULL) {
        err = kp_fail(reterr_diag, KP_E_LIMIT, "%s holds more than %zu certificates", path,
                      count_max);
        X509_free(certificate);
    } else if (count == 0 || !ended) {
        err = fail_pem(reterr_diag, path, "a certificate");
    }
    close_pem(bytes, pem);
    if (err != KP_OK) {
        while (count > 0) {
            X509_free(ret_certificates[--count]);
        }
        return err;
    }
    *ret_count = count;
    return KP_OK;
}

enum kp_err kp_pki_read_request(const char *path, X509_REQ **ret_request,
                                struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    BIO *pem = NULL;
    enum kp_err err = open_pem(path, &bytes, &pem, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    X509_REQ *request = PEM_read_bio_X509_REQ(pem, NULL, NULL, NULL);
    close_pem(bytes, pem);
    if (request == NULL) {
        return fail_pem(reterr_diag, path, "a certificate request");
    }
    *ret_request = request;
    return KP_OK;
}

enum kp_err kp_pki_read_crl(const char *path, X509_CRL **ret_crl, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    BIO *pem = NULL;
    enum kp_err err = open_pem(path, &bytes, &pem, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    X509_CRL *crl = PEM_read_bio_X509_CRL(pem, NULL, NULL, NULL);
    close_pem(bytes, pem);
    if (crl == NULL) {
        return fail_pem(reterr_diag, path, "a revocation list");
    }
    *ret_crl = crl;
    return KP_OK;
}

enum kp_err kp_pki_der(X509 *certificate, uint8_t *ret_der, size_t *ret_size,
                       struct kp_diag *reterr_diag)
{
    unsigned char *end = ret_der;
    int size = i2d_X509(certificate, NULL);
    if (size <= 0 || (size_t)size > KP_CERTIFICATE_BYTES_MAX) {
        ERR_clear_error();
        return kp_fail(reterr_diag, KP_E_LENGTH,
                       "the certificate has %d bytes where %u is the most", size,
                       KP_CERTIFICATE_BYTES_MAX);
    }
    size = i2d_X509(certificate, &end);
    KP_ASSERT(size > 0);
    *ret_size = (size_t)size;
    return KP_OK;
}

/* "2026-11-01T00:00:00Z" */
static void moment_text(const ASN1_TIME *moment, char ret_text[32])
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(moment, &tm) != 1 ||
        strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        (void)snprintf(ret_text, 32, "an unreadable moment");
    }
}

enum kp_err kp_pki_check_crls(const char *path, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    BIO *pem = NULL;
    X509_CRL *crl;
    unsigned number = 0;
    char since[32];
    enum kp_err err = open_pem(path, &bytes, &pem, reterr_diag);
    while (err == KP_OK && (crl = PEM_read_bio_X509_CRL(pem, NULL, NULL, NULL)) != NULL) {
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
        number++;
        if (next != NULL && X509_cmp_current_time(next) < 0) {
            moment_text(next, since);
            err = kp_fail(reterr_diag, KP_E_CRL,
                          "revocation list %u in %s is stale since %s: whoever that CA certified "
                          "is refused; fetch the newest from it",
                          number, path, since);
        }
        X509_CRL_free(crl);
    }
    ERR_clear_error(); /* the end of the file is an error to OpenSSL */
    (void)BIO_free(pem);
    free(bytes);
    return err;
}
