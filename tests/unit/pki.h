/* SPDX-License-Identifier: EUPL-1.2 */
/* Certificates of every kind, good and bad, made through OpenSSL itself: independent of what the
 * project makes them with. Include after cmocka.h. */
#ifndef KP_TESTS_PKI_H
#define KP_TESTS_PKI_H

#include "base/crypto.h"
#include "base/file.h"
#include "base/slice.h"
#include "base/time.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PKI_NOW_S INT64_C(1780315200) /* 2026-06-01 12:00 UTC */
#define PKI_NOW ((struct kp_wall){PKI_NOW_S * 1000})

struct pki_ca {
    X509 *x509;
    EVP_PKEY *key;
};

struct pki_request {
    const char *name, *serial_number; /* serial_number may be NULL */
    int64_t from_days, to_days;       /* from now */
    const char *key_usage;            /* NULL: none stated */
    const char *constraints;          /* NULL: none stated */
    const char *digest;               /* NULL: what fits the issuer's key */
    long serial;
    bool serial_number_twice;
};

static inline EVP_PKEY *pki_key(const char *type)
{
    EVP_PKEY *key = NULL;
    if (strncmp(type, "RSA", 3) == 0) {
        key = EVP_RSA_gen(strtoul(type + 3, NULL, 10));
    } else if (strncmp(type, "EC", 2) == 0) {
        key = EVP_EC_gen(type + 2);
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    }
    assert_non_null(key);
    return key;
}

static inline const EVP_MD *pki_digest(const EVP_PKEY *key, const char *name)
{
    if (EVP_PKEY_is_a(key, "ED25519") == 1) {
        return NULL;
    }
    return EVP_get_digestbyname(name == NULL ? "SHA256" : name);
}

static inline void pki_extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
    if (value == NULL) {
        return;
    }
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void pki_name_add(X509_NAME *name, const char *field, const char *value)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                (const unsigned char *)value, -1, -1, 0),
                     1);
}

static inline ASN1_TIME *pki_time(int64_t days)
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(PKI_NOW_S + days * 86400));
    assert_non_null(time);
    return time;
}

/* @issuer NULL: signed by itself. */
static inline X509 *pki_certificate(const struct pki_request *request, EVP_PKEY *key,
                                    const struct pki_ca *issuer)
{
    X509 *x509 = X509_new();
    assert_non_null(x509);
    assert_int_equal(X509_set_version(x509, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), request->serial), 1);
    X509_NAME *subject = X509_get_subject_name(x509);
    pki_name_add(subject, "O", "Proef");
    pki_name_add(subject, "CN", request->name);
    for (int i = 0; request->serial_number != NULL && i <= (request->serial_number_twice ? 1 : 0);
         i++) {
        pki_name_add(subject, "serialNumber", request->serial_number);
    }
    X509 *issuer_x509 = issuer == NULL ? x509 : issuer->x509;
    assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(issuer_x509)), 1);
    ASN1_TIME *from = pki_time(request->from_days);
    ASN1_TIME *to = pki_time(request->to_days);
    assert_int_equal(X509_set1_notBefore(x509, from), 1);
    assert_int_equal(X509_set1_notAfter(x509, to), 1);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    assert_int_equal(X509_set_pubkey(x509, key), 1);
    pki_extend(x509, issuer_x509, NID_basic_constraints, request->constraints);
    pki_extend(x509, issuer_x509, NID_key_usage, request->key_usage);
    pki_extend(x509, issuer_x509, NID_subject_key_identifier, "hash");
    pki_extend(x509, issuer_x509, NID_authority_key_identifier,
               issuer == NULL ? NULL : "keyid:always");
    EVP_PKEY *issuer_key = issuer == NULL ? key : issuer->key;
    assert_true(X509_sign(x509, issuer_key, pki_digest(issuer_key, request->digest)) > 0);
    return x509;
}

static inline struct pki_ca pki_make_ca(const char *name, const char *key_type, long serial,
                                        const struct pki_ca *issuer)
{
    struct pki_request request = {.name = name,
                                  .from_days = -1000,
                                  .to_days = 1000,
                                  .key_usage = "critical,keyCertSign,cRLSign",
                                  .constraints = "critical,CA:TRUE",
                                  .serial = serial};
    struct pki_ca ca = {.key = pki_key(key_type)};
    ca.x509 = pki_certificate(&request, ca.key, issuer);
    return ca;
}

static inline void pki_ca_done(struct pki_ca *ca)
{
    X509_free(ca->x509);
    EVP_PKEY_free(ca->key);
}

/* @revoked  0: no entry. @to_days INT64_MIN: no nextUpdate. */
static inline X509_CRL *pki_crl(const struct pki_ca *ca, int64_t from_days, int64_t to_days,
                                long revoked)
{
    X509_CRL *crl = X509_CRL_new();
    assert_non_null(crl);
    assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x509)), 1);
    ASN1_TIME *from = pki_time(from_days);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, from), 1);
    if (to_days != INT64_MIN) {
        ASN1_TIME *to = pki_time(to_days);
        assert_int_equal(X509_CRL_set1_nextUpdate(crl, to), 1);
        ASN1_TIME_free(to);
    }
    if (revoked != 0) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        assert_int_equal(ASN1_INTEGER_set(serial, revoked), 1);
        assert_int_equal(X509_REVOKED_set_serialNumber(entry, serial), 1);
        assert_int_equal(X509_REVOKED_set_revocationDate(entry, from), 1);
        assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
        ASN1_INTEGER_free(serial);
    }
    ASN1_TIME_free(from);
    X509V3_CTX context;
    X509V3_set_ctx(&context, ca->x509, NULL, NULL, crl, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
    X509_EXTENSION_free(extension);
    assert_true(X509_CRL_sign(crl, ca->key, pki_digest(ca->key, NULL)) > 0);
    return crl;
}

/* The caller frees ->bytes with pki_der_free. */
static inline struct kp_slice pki_der(X509 *x509)
{
    unsigned char *bytes = NULL;
    int size = i2d_X509(x509, &bytes);
    assert_true(size > 0);
    return kp_slice_of(bytes, (size_t)size);
}

static inline void pki_der_free(struct kp_slice der)
{
    union {
        const uint8_t *borrowed;
        void *owned;
    } bytes = {.borrowed = der.bytes};
    OPENSSL_free(bytes.owned);
}

static inline void pki_write(const char *path, BIO *pem, mode_t mode)
{
    char *bytes = NULL;
    struct kp_diag diag;
    long size = BIO_get_mem_data(pem, &bytes);
    assert_int_equal(kp_file_write(path, kp_slice_of(bytes, (size_t)size), mode, &diag), KP_OK);
    assert_int_equal(BIO_free(pem), 1);
}

static inline void pki_write_key(const char *path, EVP_PKEY *key, mode_t mode)
{
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL), 1);
    pki_write(path, pem, mode);
}

#endif
