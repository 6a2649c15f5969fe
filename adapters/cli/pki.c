/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/pki.h"

#include "base/assert.h"
#include "base/crypto.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#define RSA_BITS 3072
#define SERIAL_BYTES 16
#define CLOCKS_APART_S (-300) /* a certificate made here must be valid on a clock behind ours */
#define DAY_S 86400L

static enum kp_err fail_openssl(struct kp_diag *reterr_diag, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return kp_fail(reterr_diag, KP_E_CRYPTO, "%s failed: %s", what,
                   reason == NULL ? "no reason given" : reason);
}

enum kp_err kp_pki_algorithm(const char *name, enum kp_sign_algorithm *ret_algorithm,
                             struct kp_diag *reterr_diag)
{
    static const struct {
        const char *name;
        enum kp_sign_algorithm algorithm;
    } rows[] = {
        {"ed25519", KP_SIGN_ED25519},
        {"ecdsa-p256", KP_SIGN_ECDSA_P256},
        {"rsa-pss", KP_SIGN_RSA_PSS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *ret_algorithm = rows[i].algorithm;
            return KP_OK;
        }
    }
    return kp_fail_field(reterr_diag, KP_E_USAGE, "algorithm",
                         "\"%s\" is not one of ed25519, ecdsa-p256, rsa-pss", name);
}

enum kp_err kp_pki_key_make(enum kp_sign_algorithm algorithm, EVP_PKEY **ret_key,
                            struct kp_diag *reterr_diag)
{
    EVP_PKEY *key = NULL;
    switch (algorithm) {
    case KP_SIGN_ED25519:
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    case KP_SIGN_ECDSA_P256:
        key = EVP_EC_gen("P-256");
        break;
    case KP_SIGN_RSA_PSS:
        key = EVP_RSA_gen(RSA_BITS);
        break;
    case KP_SIGN_NONE:
        break;
    }
    if (key == NULL) {
        return fail_openssl(reterr_diag, "making a key");
    }
    *ret_key = key;
    return KP_OK;
}

/* EdDSA has its digest in itself. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") == 1 ? NULL : EVP_sha256();
}

static enum kp_err add_name(X509_NAME *name, const char *field, const char *text,
                            struct kp_diag *reterr_diag)
{
    if (text == NULL) {
        return KP_OK;
    }
    if (text[0] == '\0' ||
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                   0) != 1) {
        ERR_clear_error();
        return kp_fail_field(reterr_diag, KP_E_USAGE, field,
                             "\"%.80s\" cannot stand in a certificate (1 to 64 letters, UTF-8)",
                             text);
    }
    return KP_OK;
}

static enum kp_err fill_name(X509_NAME *name, const struct kp_pki_subject *subject,
                             struct kp_diag *reterr_diag)
{
    enum kp_err err = add_name(name, "O", subject->organisation, reterr_diag);
    if (err == KP_OK) {
        err = add_name(name, "CN", subject->common_name, reterr_diag);
    }
    if (err == KP_OK) {
        err = add_name(name, "serialNumber", subject->serial_number, reterr_diag);
    }
    return err;
}

enum kp_err kp_pki_request_make(EVP_PKEY *key, const struct kp_pki_subject *subject,
                                X509_REQ **ret_request, struct kp_diag *reterr_diag)
{
    X509_REQ *request = X509_REQ_new();
    KP_ASSERT(request != NULL);
    enum kp_err err = fill_name(X509_REQ_get_subject_name(request), subject, reterr_diag);
    if (err == KP_OK && (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
                         X509_REQ_set_pubkey(request, key) != 1 ||
                         X509_REQ_sign(request, key, digest_for(key)) <= 0)) {
        err = fail_openssl(reterr_diag, "making a certificate request");
    }
    if (err != KP_OK) {
        X509_REQ_free(request);
        return err;
    }
    *ret_request = request;
    return KP_OK;
}

/* --- certificates --- */

static bool extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/* 127 random bits: never guessed, never twice, and never negative. */
static bool set_serial(ASN1_INTEGER *serial)
{
    uint8_t bytes[SERIAL_BYTES];
    kp_random(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x01);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool done = number != NULL && BN_to_ASN1_INTEGER(number, serial) != NULL;
    BN_free(number);
    return done;
}

struct issue {
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
    EVP_PKEY *key;
    const X509_NAME *subject;
    const char *constraints, *usage;
    long days;
};

static bool fill_certificate(X509 *certificate, const struct issue *issue)
{
    X509 *issuer = issue->issuer == NULL ? certificate : issue->issuer;
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           set_serial(X509_get_serialNumber(certificate)) &&
           X509_set_subject_name(certificate, issue->subject) == 1 &&
           X509_set_issuer_name(certificate, issue->issuer == NULL
                                                 ? issue->subject
                                                 : X509_get_subject_name(issue->issuer)) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), CLOCKS_APART_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), issue->days * DAY_S) != NULL &&
           X509_set_pubkey(certificate, issue->key) == 1 &&
           extend(certificate, issuer, NID_basic_constraints, issue->constraints) &&
           extend(certificate, issuer, NID_key_usage, issue->usage) &&
           extend(certificate, issuer, NID_subject_key_identifier, "hash") &&
           (issue->issuer == NULL ||
            extend(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
           X509_sign(certificate, issue->issuer_key, digest_for(issue->issuer_key)) > 0;
}

static enum kp_err make_certificate(const struct issue *issue, X509 **ret_certificate,
                                    struct kp_diag *reterr_diag)
{
    X509 *certificate = X509_new();
    KP_ASSERT(certificate != NULL);
    if (!fill_certificate(certificate, issue)) {
        X509_free(certificate);
        return fail_openssl(reterr_diag, "making a certificate");
    }
    *ret_certificate = certificate;
    return KP_OK;
}

enum kp_err kp_pki_ca_make(const char *common_name, long days, struct kp_pki_ca *ret_ca,
                           struct kp_diag *reterr_diag)
{
    const struct kp_pki_subject subject = {.common_name = common_name};
    struct kp_pki_ca ca = {0};
    X509_NAME *name = X509_NAME_new();
    KP_ASSERT(name != NULL);
    enum kp_err err = fill_name(name, &subject, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_key_make(KP_SIGN_ED25519, &ca.key, reterr_diag);
    }
    if (err == KP_OK) {
        const struct issue issue = {.issuer_key = ca.key,
                                    .key = ca.key,
                                    .subject = name,
                                    .constraints = "critical,CA:TRUE",
                                    .usage = "critical,keyCertSign,cRLSign",
                                    .days = days};
        err = make_certificate(&issue, &ca.certificate, reterr_diag);
    }
    X509_NAME_free(name);
    if (err != KP_OK) {
        kp_pki_ca_done(&ca);
        return err;
    }
    *ret_ca = ca;
    return KP_OK;
}

void kp_pki_ca_done(struct kp_pki_ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    *ca = (struct kp_pki_ca){0};
}

enum kp_err kp_pki_certify(const struct kp_pki_ca *ca, X509_REQ *request, long days,
                           X509 **ret_certificate, struct kp_diag *reterr_diag)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (key == NULL || X509_REQ_verify(request, key) != 1) {
        ERR_clear_error();
        return kp_fail(reterr_diag, KP_E_SIGNATURE,
                       "the certificate request is not signed by its own key");
    }
    const struct issue issue = {.issuer = ca->certificate,
                                .issuer_key = ca->key,
                                .key = key,
                                .subject = X509_REQ_get_subject_name(request),
                                .constraints = "critical,CA:FALSE",
                                .usage = "critical,digitalSignature",
                                .days = days};
    X509 *certificate = NULL;
    enum kp_err err = make_certificate(&issue, &certificate, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    *ret_certificate = certificate;
    return KP_OK;
}

/* --- revocation lists --- */

static bool copy_revoked(X509_CRL *crl, const X509_CRL *previous)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED((X509_CRL *)(uintptr_t)previous);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        X509_REVOKED *entry = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));
        if (entry == NULL || X509_CRL_add0_revoked(crl, entry) != 1) {
            X509_REVOKED_free(entry);
            return false;
        }
    }
    return true;
}

static bool add_revoked(X509_CRL *crl, X509 *revoked)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *at = X509_gmtime_adj(NULL, 0);
    bool done = entry != NULL && at != NULL &&
                X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)) == 1 &&
                X509_REVOKED_set_revocationDate(entry, at) == 1 &&
                X509_CRL_add0_revoked(crl, entry) == 1;
    if (!done) {
        X509_REVOKED_free(entry);
    }
    ASN1_TIME_free(at);
    return done;
}

/* The number of a list goes up, so that everyone can tell the newer of two. */
static bool set_number(X509_CRL *crl, const X509_CRL *previous)
{
    ASN1_INTEGER *number =
        previous == NULL ? NULL : X509_CRL_get_ext_d2i(previous, NID_crl_number, NULL, NULL);
    int64_t last = 0;
    bool known = number != NULL && ASN1_INTEGER_get_int64(&last, number) == 1;
    ASN1_INTEGER *next = ASN1_INTEGER_new();
    bool done = next != NULL && ASN1_INTEGER_set_int64(next, known ? last + 1 : 1) == 1 &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, next, 0, 0) == 1;
    ASN1_INTEGER_free(number);
    ASN1_INTEGER_free(next);
    return done;
}

static bool set_authority(X509_CRL *crl, const struct kp_pki_ca *ca)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, ca->certificate, NULL, NULL, crl, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    bool done = extension != NULL && X509_CRL_add_ext(crl, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool fill_crl(X509_CRL *crl, const struct kp_pki_ca *ca, const X509_CRL *previous,
                     X509 *revoked, long days)
{
    ASN1_TIME *from = X509_gmtime_adj(NULL, CLOCKS_APART_S);
    ASN1_TIME *to = X509_gmtime_adj(NULL, days * DAY_S);
    bool done = from != NULL && to != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) == 1 &&
                X509_CRL_set1_lastUpdate(crl, from) == 1 &&
                X509_CRL_set1_nextUpdate(crl, to) == 1 &&
                (previous == NULL || copy_revoked(crl, previous)) &&
                (revoked == NULL || add_revoked(crl, revoked)) && set_authority(crl, ca) &&
                set_number(crl, previous) && X509_CRL_sort(crl) == 1 &&
                X509_CRL_sign(crl, ca->key, digest_for(ca->key)) > 0;
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return done;
}

enum kp_err kp_pki_crl_make(const struct kp_pki_ca *ca, const X509_CRL *previous, X509 *revoked,
                            long days, X509_CRL **ret_crl, struct kp_diag *reterr_diag)
{
    X509_REVOKED *found = NULL;
    if (previous != NULL && revoked != NULL &&
        X509_CRL_get0_by_serial((X509_CRL *)(uintptr_t)previous, &found,
                                X509_get_serialNumber(revoked)) != 0) {
        return kp_fail(reterr_diag, KP_E_EXISTS, "this certificate is revoked already");
    }
    X509_CRL *crl = X509_CRL_new();
    KP_ASSERT(crl != NULL);
    if (!fill_crl(crl, ca, previous, revoked, days)) {
        X509_CRL_free(crl);
        return fail_openssl(reterr_diag, "making a revocation list");
    }
    *ret_crl = crl;
    return KP_OK;
}
