/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/crypto.h"

#include "base/assert.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define RANDOM_BUFFER_BYTES 4096u
#define SECURE_HEAP_BYTES (1u << 20)
#define SECURE_HEAP_PIECE_BYTES 32

/* Fetched once: a fetch costs more than most of the operations themselves. */
static struct {
    EVP_MD *sha256;
    EVP_CIPHER *aes_gcm, *aes_ecb;
    EVP_MAC *hmac;
    EVP_KDF *hkdf;
    pthread_key_t thread_key;
    bool ready;
} crypto;

/* What each thread keeps for itself; freed when the thread ends, or by kp_crypto_done. */
struct thread_state {
    EVP_MD_CTX *sha256;
    size_t random_left;
    unsigned random_generation;
    uint8_t random[RANDOM_BUFFER_BYTES];
};

static __thread struct thread_state *this_thread;

/* Goes up in a forked child: bytes that the parent buffered must not be given out twice. */
static atomic_uint random_generation;

static void child_after_fork(void)
{
    atomic_fetch_add(&random_generation, 1);
}

static void thread_state_free(void *pointer)
{
    struct thread_state *state = pointer;
    EVP_MD_CTX_free(state->sha256);
    OPENSSL_cleanse(state, sizeof *state);
    OPENSSL_free(state);
    this_thread = NULL;
}

static struct thread_state *thread_state(void)
{
    if (this_thread == NULL) {
        KP_ASSERT(crypto.ready);
        struct thread_state *state = OPENSSL_zalloc(sizeof *state);
        KP_ASSERT(state != NULL);
        state->sha256 = EVP_MD_CTX_new();
        KP_ASSERT(state->sha256 != NULL);
        KP_ASSERT(pthread_setspecific(crypto.thread_key, state) == 0);
        this_thread = state;
    }
    return this_thread;
}

/* A core file or a debugger of the same user would read every key of the house. */
static enum kp_err forbid_dumps(struct kp_diag *reterr_diag)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) {
        return kp_fail(reterr_diag, KP_E_PERMISSION, "core dumps cannot be turned off: %s",
                       strerror(errno));
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return kp_fail(reterr_diag, KP_E_PERMISSION,
                       "the process cannot be shielded from being read: %s", strerror(errno));
    }
    return KP_OK;
}

enum kp_err kp_crypto_init(struct kp_diag *reterr_diag)
{
    if (crypto.ready) {
        return KP_OK;
    }
    enum kp_err err = forbid_dumps(reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    /* 2 means: usable, but the lock limit of this user kept it from being locked in memory. */
    if (CRYPTO_secure_malloc_initialized() == 0 &&
        CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_PIECE_BYTES) == 0) {
        return kp_fail(reterr_diag, KP_E_CRYPTO, "the secure heap of %u bytes cannot be made",
                       SECURE_HEAP_BYTES);
    }
    /* Without one, for want of memory, libcrypto would end the process at the first fetch. */
    if (OSSL_LIB_CTX_get0_global_default() == NULL) {
        return kp_fail(reterr_diag, KP_E_CRYPTO, "libcrypto cannot be set up: out of memory?");
    }
    crypto.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    crypto.aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    crypto.aes_ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
    crypto.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    crypto.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (crypto.sha256 == NULL || crypto.aes_gcm == NULL || crypto.aes_ecb == NULL ||
        crypto.hmac == NULL || crypto.hkdf == NULL) {
        return kp_fail(reterr_diag, KP_E_CRYPTO,
                       "libcrypto lacks SHA-256, AES-256, HMAC or HKDF: check its configuration");
    }
    static bool fork_is_watched = false;
    if (!fork_is_watched) {
        KP_ASSERT(pthread_atfork(NULL, NULL, child_after_fork) == 0);
        fork_is_watched = true;
    }
    KP_ASSERT(pthread_key_create(&crypto.thread_key, thread_state_free) == 0);
    crypto.ready = true;
    return KP_OK;
}

void kp_crypto_done(void)
{
    if (!crypto.ready) {
        return;
    }
    if (this_thread != NULL) {
        thread_state_free(this_thread);
    }
    KP_ASSERT(pthread_key_delete(crypto.thread_key) == 0);
    EVP_MD_free(crypto.sha256);
    EVP_CIPHER_free(crypto.aes_gcm);
    EVP_CIPHER_free(crypto.aes_ecb);
    EVP_MAC_free(crypto.hmac);
    EVP_KDF_free(crypto.hkdf);
    memset(&crypto, 0, sizeof crypto);
}

void kp_secret_done(struct kp_secret *secret)
{
    OPENSSL_cleanse(secret->bytes, sizeof secret->bytes);
}

static void random_fill(uint8_t *bytes, size_t size)
{
    KP_ASSERT(size <= INT_MAX);
    KP_ASSERT(RAND_bytes(bytes, (int)size) == 1);
}

void kp_random(void *ret_bytes, size_t size)
{
    struct thread_state *state = thread_state();
    if (size > RANDOM_BUFFER_BYTES / 4) {
        random_fill(ret_bytes, size);
        return;
    }
    unsigned generation = atomic_load(&random_generation);
    if (state->random_left < size || state->random_generation != generation) {
        random_fill(state->random, RANDOM_BUFFER_BYTES);
        state->random_left = RANDOM_BUFFER_BYTES;
        state->random_generation = generation;
    }
    state->random_left -= size;
    uint8_t *taken = state->random + state->random_left;
    memcpy(ret_bytes, taken, size);
    OPENSSL_cleanse(taken, size); /* what was given out cannot be read back later */
}

/* --- SHA-256 --- */

struct kp_sha256 {
    EVP_MD_CTX *context;
};

static void digest_begin(EVP_MD_CTX *context)
{
    KP_ASSERT(EVP_DigestInit_ex2(context, crypto.sha256, NULL) == 1);
}

static void digest_add(EVP_MD_CTX *context, struct kp_slice bytes)
{
    if (bytes.size > 0) {
        KP_ASSERT(EVP_DigestUpdate(context, bytes.bytes, bytes.size) == 1);
    }
}

static void digest_end(EVP_MD_CTX *context, uint8_t *ret_digest)
{
    unsigned size = 0;
    KP_ASSERT(EVP_DigestFinal_ex(context, ret_digest, &size) == 1);
    KP_ASSERT(size == KP_SHA256_BYTES);
}

struct kp_sha256 *kp_sha256_new(void)
{
    KP_ASSERT(crypto.ready);
    struct kp_sha256 *hash = OPENSSL_zalloc(sizeof *hash);
    KP_ASSERT(hash != NULL);
    hash->context = EVP_MD_CTX_new();
    KP_ASSERT(hash->context != NULL);
    return hash;
}

struct kp_sha256 *kp_sha256_free(struct kp_sha256 *hash)
{
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->context);
        OPENSSL_free(hash);
    }
    return NULL;
}

void kp_sha256_begin(struct kp_sha256 *hash)
{
    digest_begin(hash->context);
}

void kp_sha256_add(struct kp_sha256 *hash, struct kp_slice bytes)
{
    digest_add(hash->context, bytes);
}

void kp_sha256_end(struct kp_sha256 *hash, uint8_t ret_digest[KP_SHA256_BYTES])
{
    digest_end(hash->context, ret_digest);
}

void kp_sha256(struct kp_slice a, struct kp_slice b, struct kp_slice c,
               uint8_t ret_digest[KP_SHA256_BYTES])
{
    EVP_MD_CTX *context = thread_state()->sha256;
    digest_begin(context);
    digest_add(context, a);
    digest_add(context, b);
    digest_add(context, c);
    digest_end(context, ret_digest);
}

/* --- HMAC-SHA-256 --- */

struct kp_hmac {
    EVP_MAC_CTX *context; /* keyed; an init without a key starts the next message */
};

struct kp_hmac *kp_hmac_new(const struct kp_secret *key)
{
    KP_ASSERT(crypto.ready);
    struct kp_hmac *hmac = OPENSSL_zalloc(sizeof *hmac);
    KP_ASSERT(hmac != NULL);
    hmac->context = EVP_MAC_CTX_new(crypto.hmac);
    KP_ASSERT(hmac->context != NULL);
    char digest_name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    KP_ASSERT(EVP_MAC_init(hmac->context, key->bytes, sizeof key->bytes, params) == 1);
    return hmac;
}

struct kp_hmac *kp_hmac_free(struct kp_hmac *hmac)
{
    if (hmac != NULL) {
        EVP_MAC_CTX_free(hmac->context);
        OPENSSL_free(hmac);
    }
    return NULL;
}

static void hmac_add(struct kp_hmac *hmac, struct kp_slice bytes)
{
    if (bytes.size > 0) {
        KP_ASSERT(EVP_MAC_update(hmac->context, bytes.bytes, bytes.size) == 1);
    }
}

void kp_hmac_digest(struct kp_hmac *hmac, const char *domain, struct kp_slice a, struct kp_slice b,
                    uint8_t ret_digest[KP_SHA256_BYTES])
{
    size_t size = 0;
    KP_ASSERT(EVP_MAC_init(hmac->context, NULL, 0, NULL) == 1);
    hmac_add(hmac, kp_slice_of(domain, strlen(domain) + 1)); /* with its NUL: the separator */
    hmac_add(hmac, a);
    hmac_add(hmac, b);
    KP_ASSERT(EVP_MAC_final(hmac->context, ret_digest, &size, KP_SHA256_BYTES) == 1);
    KP_ASSERT(size == KP_SHA256_BYTES);
}

void kp_hmac_tag(struct kp_hmac *hmac, const char *domain, struct kp_slice a, struct kp_slice b,
                 uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_hmac_digest(hmac, domain, a, b, digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

/* --- HKDF-SHA-256 --- */

void kp_hkdf(const struct kp_secret *key, struct kp_slice salt, const char *info,
             struct kp_secret *ret_key)
{
    KP_ASSERT(crypto.ready);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(crypto.hkdf);
    KP_ASSERT(context != NULL);
    /* The parameters are read only, but their constructors take them without const. */
    struct kp_secret key_copy = *key;
    char digest_name[] = "SHA256";
    size_t info_size = strlen(info);
    char *info_copy = OPENSSL_strdup(info);
    void *salt_copy = salt.size == 0 ? NULL : OPENSSL_memdup(salt.bytes, salt.size);
    KP_ASSERT(info_copy != NULL);
    KP_ASSERT(salt.size == 0 || salt_copy != NULL);
    OSSL_PARAM params[5];
    size_t count = 0;
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0);
    params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_copy.bytes,
                                                        sizeof key_copy.bytes);
    params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_copy, info_size);
    if (salt.size > 0) {
        params[count++] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy, salt.size);
    }
    params[count] = OSSL_PARAM_construct_end();
    KP_ASSERT(EVP_KDF_derive(context, ret_key->bytes, sizeof ret_key->bytes, params) == 1);
    EVP_KDF_CTX_free(context);
    OPENSSL_free(info_copy);
    OPENSSL_free(salt_copy);
    kp_secret_done(&key_copy);
}

/* --- AES-256-GCM --- */

struct kp_aead {
    EVP_CIPHER_CTX *context;
    struct kp_secret key; /* the context's */
    bool keyed;
};

struct kp_aead *kp_aead_new(void)
{
    KP_ASSERT(crypto.ready);
    struct kp_aead *aead = OPENSSL_zalloc(sizeof *aead);
    KP_ASSERT(aead != NULL);
    aead->context = EVP_CIPHER_CTX_new();
    KP_ASSERT(aead->context != NULL);
    /* The algorithm once; each call then brings its key and nonce only. */
    KP_ASSERT(EVP_CipherInit_ex2(aead->context, crypto.aes_gcm, NULL, NULL, 1, NULL) == 1);
    return aead;
}

struct kp_aead *kp_aead_free(struct kp_aead *aead)
{
    if (aead != NULL) {
        EVP_CIPHER_CTX_free(aead->context);
        kp_secret_done(&aead->key);
        OPENSSL_free(aead);
    }
    return NULL;
}

/* Rows of one table come one after the other: the key's schedule is made when it is another. */
static void aead_init(struct kp_aead *aead, const struct kp_secret *key, const uint8_t *nonce,
                      int seals)
{
    bool same = aead->keyed && CRYPTO_memcmp(&aead->key, key, sizeof *key) == 0;
    KP_ASSERT(
        EVP_CipherInit_ex2(aead->context, NULL, same ? NULL : key->bytes, nonce, seals, NULL) == 1);
    aead->key = *key;
    aead->keyed = true;
}

static void aead_associate(EVP_CIPHER_CTX *context, struct kp_slice associated)
{
    KP_ASSERT(associated.size <= INT_MAX);
    int size = 0;
    if (associated.size > 0) {
        KP_ASSERT(EVP_CipherUpdate(context, NULL, &size, associated.bytes, (int)associated.size) ==
                  1);
    }
}

void kp_aead_seal(struct kp_aead *aead, const struct kp_secret *key,
                  const uint8_t nonce[KP_NONCE_BYTES], struct kp_slice associated,
                  struct kp_slice plain, uint8_t *ret_sealed)
{
    EVP_CIPHER_CTX *context = aead->context;
    KP_ASSERT(plain.size <= INT_MAX);
    aead_init(aead, key, nonce, 1);
    aead_associate(context, associated);
    int size = 0;
    if (plain.size > 0) {
        KP_ASSERT(EVP_EncryptUpdate(context, ret_sealed, &size, plain.bytes, (int)plain.size) == 1);
    }
    KP_ASSERT((size_t)size == plain.size);
    int rest = 0;
    KP_ASSERT(EVP_EncryptFinal_ex(context, ret_sealed + size, &rest) == 1);
    KP_ASSERT(rest == 0);
    KP_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KP_AEAD_TAG_BYTES,
                                  ret_sealed + plain.size) == 1);
}

enum kp_err kp_aead_open(struct kp_aead *aead, const struct kp_secret *key,
                         const uint8_t nonce[KP_NONCE_BYTES], struct kp_slice associated,
                         struct kp_slice sealed, uint8_t *ret_plain)
{
    if (sealed.size < KP_AEAD_TAG_BYTES || sealed.size > INT_MAX) {
        return KP_E_CORRUPT;
    }
    EVP_CIPHER_CTX *context = aead->context;
    size_t plain_size = sealed.size - KP_AEAD_TAG_BYTES;
    uint8_t tag[KP_AEAD_TAG_BYTES];
    memcpy(tag, sealed.bytes + plain_size, sizeof tag);
    aead_init(aead, key, nonce, 0);
    KP_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1);
    aead_associate(context, associated);
    int size = 0;
    if (plain_size > 0) {
        KP_ASSERT(EVP_DecryptUpdate(context, ret_plain, &size, sealed.bytes, (int)plain_size) == 1);
    }
    KP_ASSERT((size_t)size == plain_size);
    int rest = 0;
    uint8_t nothing[16]; /* GCM has no last block, but the interface wants room for one */
    if (EVP_DecryptFinal_ex(context, nothing, &rest) != 1) {
        OPENSSL_cleanse(ret_plain, plain_size);
        return KP_E_CORRUPT;
    }
    return KP_OK;
}

/* --- one block of AES-256 --- */

struct kp_block_cipher {
    EVP_CIPHER_CTX *context;
};

struct kp_block_cipher *kp_block_cipher_new(const struct kp_secret *key)
{
    KP_ASSERT(crypto.ready);
    struct kp_block_cipher *cipher = OPENSSL_zalloc(sizeof *cipher);
    KP_ASSERT(cipher != NULL);
    cipher->context = EVP_CIPHER_CTX_new();
    KP_ASSERT(cipher->context != NULL);
    KP_ASSERT(EVP_EncryptInit_ex2(cipher->context, crypto.aes_ecb, key->bytes, NULL, NULL) == 1);
    KP_ASSERT(EVP_CIPHER_CTX_set_padding(cipher->context, 0) == 1);
    return cipher;
}

struct kp_block_cipher *kp_block_cipher_free(struct kp_block_cipher *cipher)
{
    if (cipher != NULL) {
        EVP_CIPHER_CTX_free(cipher->context);
        OPENSSL_free(cipher);
    }
    return NULL;
}

void kp_block_encrypt(struct kp_block_cipher *cipher, const uint8_t block[16],
                      uint8_t ret_block[16])
{
    int size = 0;
    KP_ASSERT(EVP_EncryptUpdate(cipher->context, ret_block, &size, block, 16) == 1);
    KP_ASSERT(size == 16);
}
