/* SPDX-License-Identifier: EUPL-1.2 */
/* Signatures and certificates: which keys are allowed, and that nothing altered passes. */
#include "base/sign.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pki.h"

static char dir[200];
static char path[256];
static struct kp_diag diag;

static const char *in_dir(const char *name)
{
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) > 0);
    return path;
}

struct pair {
    struct kp_signer *signer;
    struct kp_certificate *certificate;
};

static const struct pki_request plain_request = {.name = "Politie Voorbeeldstad",
                                                 .serial_number = "00000001000000000001",
                                                 .from_days = -1,
                                                 .to_days = 365,
                                                 .key_usage = "critical,digitalSignature",
                                                 .serial = 7};

static struct pair make_pair(EVP_PKEY *key)
{
    struct pair pair = {0};
    X509 *x509 = pki_certificate(&plain_request, key, NULL);
    struct kp_slice der = pki_der(x509);
    pki_write_key(in_dir("key.pem"), key, 0400);
    assert_int_equal(kp_signer_load(in_dir("key.pem"), &pair.signer, &diag), KP_OK);
    assert_int_equal(kp_certificate_parse(der, &pair.certificate, &diag), KP_OK);
    pki_der_free(der);
    X509_free(x509);
    EVP_PKEY_free(key);
    return pair;
}

static void pair_done(struct pair *pair)
{
    assert_null(kp_signer_free(pair->signer));
    assert_null(kp_certificate_free(pair->certificate));
}

struct algorithm_row {
    const char *key_type;
    enum kp_sign_algorithm algorithm;
    size_t signature_max;
};

static const struct algorithm_row allowed[] = {
    {"ED25519", KP_SIGN_ED25519, 64},
    {"ECP-256", KP_SIGN_ECDSA_P256, 72},
    {"RSA2048", KP_SIGN_RSA_PSS, 256},
    {"RSA4096", KP_SIGN_RSA_PSS, 512},
};
/* Making the last one's primes takes minutes under valgrind, which sees the same code with the one
 * before it. */
static size_t allowed_count(void)
{
    const char *variant = getenv("KNOOPPUNT_VARIANT");
    bool slow = variant != NULL && strcmp(variant, "valgrind") == 0;
    return sizeof allowed / sizeof allowed[0] - (slow ? 1 : 0);
}

/* A counterpart chooses his key: one that may sign with SHA-512 alone never fits our algorithm, and
 * must be no more than a signature that does not verify. */
static void a_key_that_allows_another_digest_verifies_nothing(void **state)
{
    (void)state;
    static const uint8_t signature[256] = {1};
    struct pki_request request = plain_request;
    struct kp_certificate *certificate = NULL;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_md(context, EVP_sha512()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context, EVP_sha512()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, 64), 1);
    assert_int_equal(EVP_PKEY_generate(context, &key), 1);
    request.digest = "SHA512";
    X509 *x509 = pki_certificate(&request, key, NULL);
    struct kp_slice der = pki_der(x509);
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    assert_int_equal(kp_verify(certificate, KP_SIGN_RSA_PSS, KP_LABEL_ENROL, KP_SLICE_LIT("words"),
                               kp_slice_of(signature, sizeof signature), &diag),
                     KP_E_SIGNATURE);
    assert_null(kp_certificate_free(certificate));
    pki_der_free(der);
    X509_free(x509);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(context);
}

static void what_is_signed_verifies(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2000, 2048, 20000};
    static uint8_t message[20000];
    kp_random(message, sizeof message);
    for (size_t i = 0; i < allowed_count(); i++) {
        struct pair pair = make_pair(pki_key(allowed[i].key_type));
        assert_int_equal(kp_signer_algorithm(pair.signer), allowed[i].algorithm);
        assert_int_equal(kp_certificate_algorithm(pair.certificate), allowed[i].algorithm);
        assert_true(kp_certificate_is_of(pair.certificate, pair.signer));
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            uint8_t signature[KP_SIGNATURE_BYTES_MAX];
            size_t size = 0;
            struct kp_slice bytes = kp_slice_of(message, sizes[j]);
            assert_int_equal(kp_sign(pair.signer, KP_LABEL_BATCH, bytes, signature, &size, &diag),
                             KP_OK);
            assert_true(size > 0 && size <= allowed[i].signature_max);
            assert_int_equal(kp_verify(pair.certificate, allowed[i].algorithm, KP_LABEL_BATCH,
                                       bytes, kp_slice_of(signature, size), &diag),
                             KP_OK);
        }
        pair_done(&pair);
    }
}

static void every_flipped_bit_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < allowed_count() - 1; i++) {
        struct pair pair = make_pair(pki_key(allowed[i].key_type));
        uint8_t message[40];
        uint8_t signature[KP_SIGNATURE_BYTES_MAX];
        size_t size = 0;
        kp_random(message, sizeof message);
        struct kp_slice bytes = kp_slice_of(message, sizeof message);
        assert_int_equal(kp_sign(pair.signer, KP_LABEL_BATCH, bytes, signature, &size, &diag),
                         KP_OK);
        struct kp_slice signed_bytes = kp_slice_of(signature, size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(kp_verify(pair.certificate, allowed[i].algorithm, KP_LABEL_BATCH,
                                       bytes, signed_bytes, &diag),
                             KP_E_SIGNATURE);
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * sizeof message; bit++) {
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(kp_verify(pair.certificate, allowed[i].algorithm, KP_LABEL_BATCH,
                                       bytes, signed_bytes, &diag),
                             KP_E_SIGNATURE);
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t shorter = 0; shorter < size; shorter++) {
            assert_int_equal(kp_verify(pair.certificate, allowed[i].algorithm, KP_LABEL_BATCH,
                                       bytes, kp_slice_of(signature, shorter), &diag),
                             KP_E_SIGNATURE);
        }
        pair_done(&pair);
    }
}

static void a_signature_serves_one_label_and_one_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < allowed_count() - 1; i++) {
        struct pair pair = make_pair(pki_key(allowed[i].key_type));
        struct pair other = make_pair(pki_key(allowed[i].key_type));
        uint8_t signature[KP_SIGNATURE_BYTES_MAX];
        size_t size = 0;
        struct kp_slice message = KP_SLICE_LIT("inhoud");
        assert_int_equal(kp_sign(pair.signer, KP_LABEL_BATCH, message, signature, &size, &diag),
                         KP_OK);
        struct kp_slice bytes = kp_slice_of(signature, size);
        assert_int_equal(kp_verify(pair.certificate, allowed[i].algorithm, KP_LABEL_RECEIPT,
                                   message, bytes, &diag),
                         KP_E_SIGNATURE);
        assert_int_equal(kp_verify(other.certificate, allowed[i].algorithm, KP_LABEL_BATCH, message,
                                   bytes, &diag),
                         KP_E_SIGNATURE);
        assert_false(kp_certificate_is_of(other.certificate, pair.signer));
        /* The NUL parts label and message: what moves over it is another message. */
        assert_int_equal(kp_verify(pair.certificate, allowed[i].algorithm, "knooppunt.batch.v",
                                   KP_SLICE_LIT("1\0inhoud"), bytes, &diag),
                         KP_E_SIGNATURE);
        pair_done(&pair);
        pair_done(&other);
    }
}

static void an_algorithm_other_than_the_keys_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < allowed_count() - 1; i++) {
        struct pair pair = make_pair(pki_key(allowed[i].key_type));
        uint8_t signature[KP_SIGNATURE_BYTES_MAX];
        size_t size = 0;
        struct kp_slice message = KP_SLICE_LIT("inhoud");
        assert_int_equal(kp_sign(pair.signer, KP_LABEL_BATCH, message, signature, &size, &diag),
                         KP_OK);
        for (int offered = -1; offered < 9; offered++) {
            if (offered == (int)allowed[i].algorithm) {
                continue;
            }
            assert_int_equal(kp_verify(pair.certificate, (enum kp_sign_algorithm)offered,
                                       KP_LABEL_BATCH, message, kp_slice_of(signature, size),
                                       &diag),
                             KP_E_ALGORITHM);
        }
        pair_done(&pair);
    }
}

/* PKCS#1 v1.5 and another salt are RSA signatures too, and not ours. */
static void rsa_is_pss_with_its_salt_only(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key("RSA2048");
    assert_int_equal(EVP_PKEY_up_ref(key), 1);
    struct pair pair = make_pair(key);
    struct kp_slice message = KP_SLICE_LIT("inhoud");
    static const char labelled[] = KP_LABEL_BATCH "\0inhoud";
    static const struct {
        int padding, salt_bytes;
        enum kp_err expected;
    } rows[] = {
        {RSA_PKCS1_PSS_PADDING, 32, KP_OK},
        {RSA_PKCS1_PSS_PADDING, 31, KP_E_SIGNATURE},
        {RSA_PKCS1_PSS_PADDING, 0, KP_E_SIGNATURE},
        {RSA_PKCS1_PADDING, -1, KP_E_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *options = NULL;
        uint8_t signature[KP_SIGNATURE_BYTES_MAX];
        size_t size = sizeof signature;
        assert_int_equal(EVP_DigestSignInit(context, &options, EVP_sha256(), NULL, key), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, rows[i].padding), 1);
        if (rows[i].salt_bytes >= 0) {
            assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, rows[i].salt_bytes), 1);
        }
        assert_int_equal(EVP_DigestSign(context, signature, &size, (const uint8_t *)labelled,
                                        sizeof labelled - 1),
                         1);
        assert_int_equal(kp_verify(pair.certificate, KP_SIGN_RSA_PSS, KP_LABEL_BATCH, message,
                                   kp_slice_of(signature, size), &diag),
                         rows[i].expected);
        EVP_MD_CTX_free(context);
    }
    EVP_PKEY_free(key);
    pair_done(&pair);
}

static EVP_PKEY *rsa_with_exponent_3(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *exponent = BN_new();
    assert_int_equal(BN_set_word(exponent, 3), 1);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent), 1);
    assert_int_equal(EVP_PKEY_generate(context, &key), 1);
    BN_free(exponent);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *ec_with_explicit_parameters(void)
{
    EVP_PKEY *key = pki_key("ECP-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    return key;
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {pki_key("RSA1024"),    pki_key("RSA2047"),           pki_key("ECP-384"),
                        pki_key("ECP-521"),    pki_key("ECsecp256k1"),       pki_key("ED448"),
                        rsa_with_exponent_3(), ec_with_explicit_parameters()};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct kp_signer *signer = NULL;
        struct kp_certificate *certificate = NULL;
        pki_write_key(in_dir("key.pem"), keys[i], 0400);
        assert_int_equal(kp_signer_load(in_dir("key.pem"), &signer, &diag), KP_E_ALGORITHM);
        assert_null(signer);
        struct pki_ca ca = pki_make_ca("CA", "ED25519", 1, NULL);
        X509 *x509 = pki_certificate(&plain_request, keys[i], &ca);
        struct kp_slice der = pki_der(x509);
        assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_E_ALGORITHM);
        assert_null(certificate);
        pki_der_free(der);
        X509_free(x509);
        pki_ca_done(&ca);
        EVP_PKEY_free(keys[i]);
    }
}

static void a_key_file_is_private_and_holds_a_key(void **state)
{
    (void)state;
    struct kp_signer *signer = NULL;
    EVP_PKEY *key = pki_key("ED25519");
    assert_int_equal(kp_signer_load(in_dir("absent.pem"), &signer, &diag), KP_E_KEY_FILE);
    pki_write_key(in_dir("key.pem"), key, 0444);
    assert_int_equal(kp_signer_load(in_dir("key.pem"), &signer, &diag), KP_E_KEY_FILE);
    assert_int_equal(kp_file_write(in_dir("key.pem"), KP_SLICE_LIT("geen sleutel"), 0400, &diag),
                     KP_OK);
    assert_int_equal(kp_signer_load(in_dir("key.pem"), &signer, &diag), KP_E_KEY_FILE);
    /* One with a passphrase is not asked for at a terminal. */
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(pem, key, EVP_aes_256_cbc(),
                                              (const unsigned char *)"geheim", 6, NULL, NULL),
                     1);
    pki_write(in_dir("key.pem"), pem, 0400);
    assert_int_equal(kp_signer_load(in_dir("key.pem"), &signer, &diag), KP_E_KEY_FILE);
    assert_null(signer);
    assert_null(kp_signer_free(NULL));
    EVP_PKEY_free(key);
}

static void a_certificate_tells_who_and_how_long(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key("ED25519");
    X509 *x509 = pki_certificate(&plain_request, key, NULL);
    struct kp_slice der = pki_der(x509);
    struct kp_certificate *certificate = NULL;
    uint8_t digest[KP_SHA256_BYTES];
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    assert_string_equal(kp_certificate_serial_number(certificate), "00000001000000000001");
    assert_int_equal(kp_certificate_not_before(certificate).ms, (PKI_NOW_S - 86400) * 1000);
    assert_int_equal(kp_certificate_not_after(certificate).ms, (PKI_NOW_S + 365 * 86400) * 1000);
    assert_true(kp_slice_equal(kp_certificate_der(certificate), der));
    kp_sha256(der, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    assert_memory_equal(kp_certificate_digest(certificate), digest, sizeof digest);
    certificate = kp_certificate_free(certificate);
    assert_null(certificate);
    pki_der_free(der);
    X509_free(x509);

    struct pki_request request = plain_request;
    request.serial_number = NULL;
    x509 = pki_certificate(&request, key, NULL);
    der = pki_der(x509);
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    assert_string_equal(kp_certificate_serial_number(certificate), "");
    certificate = kp_certificate_free(certificate);
    pki_der_free(der);
    X509_free(x509);

    request.serial_number = "00000001000000000001";
    request.serial_number_twice = true; /* two identities in one certificate */
    x509 = pki_certificate(&request, key, NULL);
    der = pki_der(x509);
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_E_MALFORMED);
    assert_string_equal(diag.field, "serialNumber");
    pki_der_free(der);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void any_bytes_may_be_offered_as_a_certificate(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key("ED25519");
    X509 *x509 = pki_certificate(&plain_request, key, NULL);
    struct kp_slice der = pki_der(x509);
    struct kp_certificate *certificate = NULL;
    uint8_t bytes[KP_CERTIFICATE_BYTES_MAX + 1] = {0};
    for (size_t size = 0; size < der.size; size++) {
        assert_int_equal(kp_certificate_parse(kp_slice_of(der.bytes, size), &certificate, &diag),
                         KP_E_MALFORMED);
    }
    memcpy(bytes, der.bytes, der.size);
    assert_int_equal(kp_certificate_parse(kp_slice_of(bytes, der.size + 1), &certificate, &diag),
                     KP_E_MALFORMED); /* something behind it */
    assert_int_equal(kp_certificate_parse(kp_slice_of(bytes, sizeof bytes), &certificate, &diag),
                     KP_E_MALFORMED);
    assert_null(certificate);
    for (size_t i = 0; i < der.size; i++) { /* no abort, and no leak where it still parses */
        bytes[i] ^= 0xff;
        if (kp_certificate_parse(kp_slice_of(bytes, der.size), &certificate, &diag) == KP_OK) {
            certificate = kp_certificate_free(certificate);
        }
        bytes[i] ^= 0xff;
    }
    pki_der_free(der);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static struct pair shared;
static uint8_t shared_signature[KP_SIGNATURE_BYTES_MAX];
static size_t shared_size;

static void *verify_often(void *failures)
{
    for (int i = 0; i < 50; i++) {
        enum kp_err expected = i % 2 == 0 ? KP_OK : KP_E_SIGNATURE;
        struct kp_slice message = i % 2 == 0 ? KP_SLICE_LIT("inhoud") : KP_SLICE_LIT("anders");
        if (kp_verify(shared.certificate, KP_SIGN_ECDSA_P256, KP_LABEL_BATCH, message,
                      kp_slice_of(shared_signature, shared_size), NULL) != expected) {
            ++*(int *)failures;
        }
    }
    return NULL;
}

static void one_certificate_serves_many_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    int failures[4] = {0};
    shared = make_pair(pki_key("ECP-256"));
    assert_int_equal(kp_sign(shared.signer, KP_LABEL_BATCH, KP_SLICE_LIT("inhoud"),
                             shared_signature, &shared_size, &diag),
                     KP_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &failures[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(failures[i], 0);
    }
    pair_done(&shared);
}

static int start(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    int size = snprintf(dir, sizeof dir, "%s/kp-sign-XXXXXX", base == NULL ? "/tmp" : base);
    if (size < 0 || (size_t)size >= sizeof dir || mkdtemp(dir) == NULL) {
        return -1;
    }
    return kp_crypto_init(&diag) == KP_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    (void)unlink(in_dir("key.pem")); /* every test replaces it */
    kp_crypto_done();
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(a_key_that_allows_another_digest_verifies_nothing),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(a_signature_serves_one_label_and_one_key),
        cmocka_unit_test(an_algorithm_other_than_the_keys_is_refused),
        cmocka_unit_test(rsa_is_pss_with_its_salt_only),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(a_key_file_is_private_and_holds_a_key),
        cmocka_unit_test(a_certificate_tells_who_and_how_long),
        cmocka_unit_test(any_bytes_may_be_offered_as_a_certificate),
        cmocka_unit_test(one_certificate_serves_many_threads),
    };
    return cmocka_run_group_tests_name("sign", tests, start, stop);
}
