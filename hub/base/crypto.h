/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The cryptography the hub uses, over OpenSSL's libcrypto: algorithms are fetched once
 * (kp_crypto_init) and every thread keeps one context for each use (a fetch a call costs 3 to 6
 * times as much). A failure inside libcrypto with valid arguments is a fault of the program or the
 * machine: asserted, except where an error is named. Signatures and certificates: base/sign.h.
 */
#ifndef KP_BASE_CRYPTO_H
#define KP_BASE_CRYPTO_H

#include "base/err.h"
#include "base/slice.h"

#define KP_SHA256_BYTES 32
#define KP_KEY_BYTES 32
#define KP_TAG_BYTES 16   /* keyed tags used as index keys: HMAC-SHA-256 cut to 16 bytes */
#define KP_NONCE_BYTES 12 /* AES-256-GCM */
#define KP_AEAD_TAG_BYTES 16

/* A 32-byte secret. Cleared by kp_secret_done; never copied into a diag, a log or a slice that is
 * printed. */
struct kp_secret {
    uint8_t bytes[KP_KEY_BYTES];
};

/* Once, before threads start. Also sets up the secure heap and turns core dumps off. */
KP_MUST_CHECK enum kp_err kp_crypto_init(struct kp_diag *reterr_diag);
void kp_crypto_done(void);

void kp_secret_done(struct kp_secret *secret);
void kp_random(void *ret_bytes, size_t size); /* cryptographic; buffered per thread */

struct kp_sha256;
struct kp_sha256 *kp_sha256_new(void);
struct kp_sha256 *kp_sha256_free(struct kp_sha256 *hash);
void kp_sha256_begin(struct kp_sha256 *hash);
void kp_sha256_add(struct kp_sha256 *hash, struct kp_slice bytes);
void kp_sha256_end(struct kp_sha256 *hash, uint8_t ret_digest[KP_SHA256_BYTES]);
/* One call over up to three pieces (empty slices are skipped), with this thread's own context. */
void kp_sha256(struct kp_slice a, struct kp_slice b, struct kp_slice c,
               uint8_t ret_digest[KP_SHA256_BYTES]);

/* HMAC-SHA-256 with the key prepared once. One thread each. */
struct kp_hmac;
struct kp_hmac *kp_hmac_new(const struct kp_secret *key);
struct kp_hmac *kp_hmac_free(struct kp_hmac *hmac);
/* tag = HMAC(key, domain || 0x00 || a || b)[0..15]. @domain separates uses of one key, e.g. "K1".
 */
void kp_hmac_tag(struct kp_hmac *hmac, const char *domain, struct kp_slice a, struct kp_slice b,
                 uint8_t ret_tag[KP_TAG_BYTES]);
/* The whole of it. */
void kp_hmac_digest(struct kp_hmac *hmac, const char *domain, struct kp_slice a, struct kp_slice b,
                    uint8_t ret_digest[KP_SHA256_BYTES]);

/* HKDF-SHA-256 (RFC 5869). */
void kp_hkdf(const struct kp_secret *key, struct kp_slice salt, const char *info,
             struct kp_secret *ret_key);

/* AES-256-GCM. One context, re-initialised for each call; one thread each. */
struct kp_aead;
struct kp_aead *kp_aead_new(void);
struct kp_aead *kp_aead_free(struct kp_aead *aead);
/* @ret_sealed holds plain.size + KP_AEAD_TAG_BYTES bytes: ciphertext, then tag. A nonce is used
 * once per key. */
void kp_aead_seal(struct kp_aead *aead, const struct kp_secret *key,
                  const uint8_t nonce[KP_NONCE_BYTES], struct kp_slice associated,
                  struct kp_slice plain, uint8_t *ret_sealed);
/* @ret_plain holds sealed.size - KP_AEAD_TAG_BYTES bytes.
 * KP_E_CORRUPT  does not authenticate; @ret_plain is cleared. */
KP_MUST_CHECK enum kp_err kp_aead_open(struct kp_aead *aead, const struct kp_secret *key,
                                       const uint8_t nonce[KP_NONCE_BYTES],
                                       struct kp_slice associated, struct kp_slice sealed,
                                       uint8_t *ret_plain);

/* One block of AES-256 as a keyed permutation (for set hashes over tags that are unforgeable
 * already). */
struct kp_block_cipher;
struct kp_block_cipher *kp_block_cipher_new(const struct kp_secret *key);
struct kp_block_cipher *kp_block_cipher_free(struct kp_block_cipher *cipher);
void kp_block_encrypt(struct kp_block_cipher *cipher, const uint8_t block[16],
                      uint8_t ret_block[16]);

#endif
