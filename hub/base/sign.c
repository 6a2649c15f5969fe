/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/sign.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/sign_parts.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_BYTES_MAX (64u << 10)
#define ED25519_SIGNATURE_BYTES 64u
#define PSS_SALT_BYTES 32
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
/* Messages up to this size are labelled on the stack. A batch's is at most 16 kB of digests. */
#define LABELLED_STACK_BYTES 2048u

const char *kp_sign_openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == NULL ? "no reason given" : reason;
}

/* --- which keys are allowed --- */

static bool rsa_is_allowed(const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) {
        return false;
    }
    /* A tiny exponent weakens the padding, a huge one makes each verification cost seconds. */
    bool allowed = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && BN_is_odd(exponent) &&
                   BN_num_bits(exponent) >= 17 && BN_num_bits(exponent) <= 64;
    BN_free(exponent);
    return allowed;
}

static bool ec_is_p256(const EVP_PKEY *key)
{
    char group[32] = "";
    int is_explicit = 0;
    size_t size = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1 ||
        strcmp(group, "prime256v1") != 0) {
        return false;
    }
    /* Parameters written out in the key, instead of the curve's name, can differ in one of them. */
    return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                  &is_explicit) != 1 ||
           is_explicit == 0;
}

/* KP_SIGN_NONE: not an allowed key. */
static enum kp_sign_algorithm algorithm_of(const EVP_PKEY *key)
{
    enum kp_sign_algorithm algorithm = KP_SIGN_NONE;
    if (EVP_PKEY_is_a(key, "ED25519") == 1) {
        algorithm = KP_SIGN_ED25519;
    } else if (EVP_PKEY_is_a(key, "EC") == 1 && ec_is_p256(key)) {
        algorithm = KP_SIGN_ECDSA_P256;
    } else if ((EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) &&
               rsa_is_allowed(key)) {
        algorithm = KP_SIGN_RSA_PSS;
    }
    ERR_clear_error();
    return algorithm;
}

static enum kp_err fail_key(struct kp_diag *reterr_diag, const char *what, const EVP_PKEY *key)
{
    const char *type = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
    return kp_fail(reterr_diag, KP_E_ALGORITHM,
                   "%s is a %s key of %d bits; allowed are Ed25519, ECDSA on P-256 and RSA of %d "
                   "to %d bits",
                   what, type == NULL ? "unknown" : type, key == NULL ? 0 : EVP_PKEY_get_bits(key),
                   RSA_BITS_MIN, RSA_BITS_MAX);
}

/* --- what is signed: label || 0x00 || message --- */

struct labelled {
    uint8_t on_stack[LABELLED_STACK_BYTES];
    uint8_t *bytes; /* on_stack, or allocated */
    size_t size;
};

static void labelled_init(struct labelled *labelled, const char *label, struct kp_slice message)
{
    size_t label_size = strlen(label) + 1;
    labelled->size = label_size + message.size;
    labelled->bytes = labelled->on_stack;
    if (labelled->size > sizeof labelled->on_stack) {
        labelled->bytes = OPENSSL_malloc(labelled->size);
        KP_ASSERT(labelled->bytes != NULL);
    }
    memcpy(labelled->bytes, label, label_size);
    if (message.size > 0) {
        memcpy(labelled->bytes + label_size, message.bytes, message.size);
    }
}

static void labelled_done(struct labelled *labelled)
{
    if (labelled->bytes != labelled->on_stack) {
        OPENSSL_free(labelled->bytes);
    }
}

static bool set_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, PSS_SALT_BYTES) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, "SHA256", NULL) == 1;
}

/* --- signing --- */

struct kp_signer {
    EVP_PKEY *key;
    EVP_MD_CTX *context;
    enum kp_sign_algorithm algorithm;
};

/* Never ask at a terminal: a service would hang. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static enum kp_err read_key(const char *path, EVP_PKEY **ret_key, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err = kp_file_read_private(path, KEY_FILE_BYTES_MAX, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    BIO *pem = BIO_new_mem_buf(bytes, (int)size);
    KP_ASSERT(pem != NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
    (void)BIO_free(pem); /* memory only */
    kp_file_clear(bytes, size);
    if (key == NULL) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE,
                       "%s does not hold a private key in PEM without a passphrase (%s)", path,
                       kp_sign_openssl_reason());
    }
    *ret_key = key;
    return KP_OK;
}

enum kp_err kp_signer_load(const char *path, struct kp_signer **ret_signer,
                           struct kp_diag *reterr_diag)
{
    EVP_PKEY *key = NULL;
    enum kp_err err = read_key(path, &key, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    enum kp_sign_algorithm algorithm = algorithm_of(key);
    if (algorithm == KP_SIGN_NONE) {
        err = fail_key(reterr_diag, path, key);
        EVP_PKEY_free(key);
        return err;
    }
    struct kp_signer *signer = OPENSSL_zalloc(sizeof *signer);
    KP_ASSERT(signer != NULL);
    signer->key = key;
    signer->algorithm = algorithm;
    signer->context = EVP_MD_CTX_new();
    KP_ASSERT(signer->context != NULL);
    *ret_signer = signer;
    return KP_OK;
}

struct kp_signer *kp_signer_free(struct kp_signer *signer)
{
    if (signer != NULL) {
        EVP_MD_CTX_free(signer->context);
        EVP_PKEY_free(signer->key);
        OPENSSL_free(signer);
    }
    return NULL;
}

enum kp_sign_algorithm kp_signer_algorithm(const struct kp_signer *signer)
{
    return signer->algorithm;
}

static bool sign_labelled(struct kp_signer *signer, const struct labelled *labelled,
                          uint8_t *ret_signature, size_t *ret_size)
{
    EVP_PKEY_CTX *key_context = NULL; /* owned by the digest's context */
    const char *digest = signer->algorithm == KP_SIGN_ED25519 ? NULL : "SHA256";
    size_t size = KP_SIGNATURE_BYTES_MAX;
    (void)EVP_MD_CTX_reset(signer->context); /* cannot fail */
    if (EVP_DigestSignInit_ex(signer->context, &key_context, digest, NULL, NULL, signer->key,
                              NULL) != 1) {
        return false;
    }
    if (signer->algorithm == KP_SIGN_RSA_PSS && !set_pss(key_context)) {
        return false;
    }
    if (EVP_DigestSign(signer->context, ret_signature, &size, labelled->bytes, labelled->size) !=
        1) {
        return false;
    }
    KP_ASSERT(size <= KP_SIGNATURE_BYTES_MAX);
    *ret_size = size;
    return true;
}

enum kp_err kp_sign(struct kp_signer *signer, const char *label, struct kp_slice message,
                    uint8_t *ret_signature, size_t *ret_size, struct kp_diag *reterr_diag)
{
    struct labelled labelled;
    labelled_init(&labelled, label, message);
    bool done = sign_labelled(signer, &labelled, ret_signature, ret_size);
    labelled_done(&labelled);
    if (!done) {
        return kp_fail(reterr_diag, KP_E_CRYPTO, "signing failed: %s", kp_sign_openssl_reason());
    }
    return KP_OK;
}

/* --- certificates --- */

static bool read_time(const ASN1_TIME *time, struct kp_wall *ret_wall)
{
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    int32_t date = (parts.tm_year + 1900) * 10000 + (parts.tm_mon + 1) * 100 + parts.tm_mday;
    int64_t seconds = parts.tm_hour * 3600 + parts.tm_min * 60 + parts.tm_sec;
    ret_wall->ms = kp_date_to_days(date) * KP_DAY_MS + seconds * 1000;
    return true;
}

static bool is_printable(const unsigned char *text, int size)
{
    for (int i = 0; i < size; i++) {
        if (text[i] < ' ' || text[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The subject's serialNumber is the identity: two of them would be two identities. */
static enum kp_err read_serial_number(struct kp_certificate *certificate,
                                      struct kp_diag *reterr_diag)
{
    const X509_NAME *subject = X509_get_subject_name(certificate->x509);
    int first = X509_NAME_get_index_by_NID(subject, NID_serialNumber, -1);
    if (first < 0) {
        return KP_OK;
    }
    if (X509_NAME_get_index_by_NID(subject, NID_serialNumber, first) >= 0) {
        return kp_fail_field(reterr_diag, KP_E_MALFORMED, "serialNumber",
                             "the certificate's subject has more than one serialNumber");
    }
    unsigned char *text = NULL;
    int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
    enum kp_err err = KP_OK;
    if (size < 0 || size > (int)KP_SERIAL_NUMBER_BYTES_MAX || !is_printable(text, size)) {
        err = kp_fail_field(reterr_diag, KP_E_MALFORMED, "serialNumber",
                            "the serialNumber of the certificate's subject is not a text of at "
                            "most %u bytes",
                            KP_SERIAL_NUMBER_BYTES_MAX);
    } else {
        memcpy(certificate->serial_number, text, (size_t)size);
    }
    if (size >= 0) {
        OPENSSL_free(text);
    }
    return err;
}

static enum kp_err read_certificate(struct kp_certificate *certificate, struct kp_diag *reterr_diag)
{
    if (!read_time(X509_get0_notBefore(certificate->x509), &certificate->not_before) ||
        !read_time(X509_get0_notAfter(certificate->x509), &certificate->not_after)) {
        ERR_clear_error();
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the certificate's validity is not readable");
    }
    enum kp_err err = read_serial_number(certificate, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    certificate->key = X509_get0_pubkey(certificate->x509);
    ERR_clear_error();
    if (certificate->key != NULL) {
        certificate->algorithm = algorithm_of(certificate->key);
    }
    if (certificate->algorithm == KP_SIGN_NONE) {
        return fail_key(reterr_diag, "the certificate's", certificate->key);
    }
    return KP_OK;
}

enum kp_err kp_certificate_parse(struct kp_slice der, struct kp_certificate **ret_certificate,
                                 struct kp_diag *reterr_diag)
{
    if (der.size == 0 || der.size > KP_CERTIFICATE_BYTES_MAX) {
        return kp_fail(reterr_diag, KP_E_MALFORMED,
                       "a certificate has 1 to %u bytes of DER; this has %zu",
                       KP_CERTIFICATE_BYTES_MAX, der.size);
    }
    const unsigned char *end = der.bytes;
    X509 *x509 = d2i_X509(NULL, &end, (long)der.size);
    if (x509 == NULL || end != der.bytes + der.size) {
        X509_free(x509);
        return kp_fail(reterr_diag, KP_E_MALFORMED, "not a certificate in DER (%s)",
                       kp_sign_openssl_reason());
    }
    struct kp_certificate *certificate = OPENSSL_zalloc(sizeof *certificate + der.size);
    KP_ASSERT(certificate != NULL);
    certificate->x509 = x509;
    certificate->der_size = der.size;
    memcpy(certificate->der, der.bytes, der.size);
    kp_sha256(der, KP_SLICE_EMPTY, KP_SLICE_EMPTY, certificate->digest);
    enum kp_err err = read_certificate(certificate, reterr_diag);
    if (err != KP_OK) {
        (void)kp_certificate_free(certificate);
        return err;
    }
    *ret_certificate = certificate;
    return KP_OK;
}

struct kp_certificate *kp_certificate_free(struct kp_certificate *certificate)
{
    if (certificate != NULL) {
        X509_free(certificate->x509);
        OPENSSL_free(certificate);
    }
    return NULL;
}

struct kp_slice kp_certificate_der(const struct kp_certificate *certificate)
{
    return kp_slice_of(certificate->der, certificate->der_size);
}

const char *kp_certificate_serial_number(const struct kp_certificate *certificate)
{
    return certificate->serial_number;
}

enum kp_sign_algorithm kp_certificate_algorithm(const struct kp_certificate *certificate)
{
    return certificate->algorithm;
}

struct kp_wall kp_certificate_not_before(const struct kp_certificate *certificate)
{
    return certificate->not_before;
}

struct kp_wall kp_certificate_not_after(const struct kp_certificate *certificate)
{
    return certificate->not_after;
}

const uint8_t *kp_certificate_digest(const struct kp_certificate *certificate)
{
    return certificate->digest;
}

bool kp_certificate_is_of(const struct kp_certificate *certificate, const struct kp_signer *signer)
{
    bool same = EVP_PKEY_eq(certificate->key, signer->key) == 1;
    ERR_clear_error();
    return same;
}

/* --- verifying --- */

static bool verify_labelled(const struct kp_certificate *certificate,
                            const struct labelled *labelled, struct kp_slice signature)
{
    EVP_PKEY_CTX *key_context = NULL; /* owned by the digest's context */
    const char *digest = certificate->algorithm == KP_SIGN_ED25519 ? NULL : "SHA256";
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    KP_ASSERT(context != NULL);
    bool good = EVP_DigestVerifyInit_ex(context, &key_context, digest, NULL, NULL, certificate->key,
                                        NULL) == 1 &&
                (certificate->algorithm != KP_SIGN_RSA_PSS || set_pss(key_context)) &&
                EVP_DigestVerify(context, signature.bytes, signature.size, labelled->bytes,
                                 labelled->size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

enum kp_err kp_verify(const struct kp_certificate *certificate, enum kp_sign_algorithm algorithm,
                      const char *label, struct kp_slice message, struct kp_slice signature,
                      struct kp_diag *reterr_diag)
{
    if (algorithm != certificate->algorithm) {
        return kp_fail_field(reterr_diag, KP_E_ALGORITHM, "algorithm",
                             "signed with algorithm %d; the certificate's key is for %d",
                             (int)algorithm, (int)certificate->algorithm);
    }
    if (signature.size == 0 || signature.size > KP_SIGNATURE_BYTES_MAX ||
        (algorithm == KP_SIGN_ED25519 && signature.size != ED25519_SIGNATURE_BYTES)) {
        return kp_fail_field(reterr_diag, KP_E_SIGNATURE, "signature",
                             "a signature of %zu bytes is not one of this algorithm",
                             signature.size);
    }
    struct labelled labelled;
    labelled_init(&labelled, label, message);
    /* For want of memory libcrypto says no as well, and not always why. Nobody is refused for good
     * because of that: a no is asked twice. */
    bool good = verify_labelled(certificate, &labelled, signature) ||
                verify_labelled(certificate, &labelled, signature);
    labelled_done(&labelled);
    if (!good) {
        return kp_fail_field(reterr_diag, KP_E_SIGNATURE, "signature",
                             "the signature is not of this content by this certificate's key");
    }
    return KP_OK;
}
