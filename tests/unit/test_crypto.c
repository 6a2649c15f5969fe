/* SPDX-License-Identifier: EUPL-1.2 */
/* Published vectors for every algorithm, and the promises around them: threads, forks, tampering.
 */
#include "base/crypto.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void from_hex(const char *hex, uint8_t *ret_bytes)
{
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        ret_bytes[i] = (uint8_t)byte;
    }
}

static void assert_hex(const uint8_t *bytes, size_t size, const char *hex)
{
    uint8_t expected[256];
    assert_true(strlen(hex) == 2 * size && size <= sizeof expected);
    from_hex(hex, expected);
    assert_memory_equal(bytes, expected, size);
}

static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(KP_SLICE_EMPTY, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    assert_hex(digest, sizeof digest,
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    kp_sha256(KP_SLICE_LIT("a"), KP_SLICE_EMPTY, KP_SLICE_LIT("bc"), digest);
    assert_hex(digest, sizeof digest,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void sha256_in_pieces_equals_sha256_at_once(void **state)
{
    (void)state;
    uint8_t bytes[300];
    uint8_t at_once[KP_SHA256_BYTES];
    uint8_t in_pieces[KP_SHA256_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    kp_sha256(kp_slice_of(bytes, sizeof bytes), KP_SLICE_EMPTY, KP_SLICE_EMPTY, at_once);
    struct kp_sha256 *hash = kp_sha256_new();
    for (int round = 0; round < 2; round++) { /* the second shows that begin starts afresh */
        kp_sha256_begin(hash);
        for (size_t i = 0; i < sizeof bytes; i += 7) {
            size_t size = sizeof bytes - i < 7 ? sizeof bytes - i : 7;
            kp_sha256_add(hash, kp_slice_of(bytes + i, size));
        }
        kp_sha256_end(hash, in_pieces);
        assert_memory_equal(at_once, in_pieces, sizeof at_once);
    }
    assert_null(kp_sha256_free(hash));
    assert_null(kp_sha256_free(NULL));
}

/* HMAC-SHA-256 as defined (RFC 2104), from the hash alone: an independent second computation. */
static void hmac_by_definition(const struct kp_secret *key, struct kp_slice message,
                               uint8_t ret_digest[KP_SHA256_BYTES])
{
    uint8_t pad[64];
    uint8_t inner[KP_SHA256_BYTES];
    for (size_t i = 0; i < sizeof pad; i++) {
        pad[i] = (uint8_t)((i < sizeof key->bytes ? key->bytes[i] : 0) ^ 0x36);
    }
    kp_sha256(kp_slice_of(pad, sizeof pad), message, KP_SLICE_EMPTY, inner);
    for (size_t i = 0; i < sizeof pad; i++) {
        pad[i] = (uint8_t)(pad[i] ^ 0x36 ^ 0x5c);
    }
    kp_sha256(kp_slice_of(pad, sizeof pad), kp_slice_of(inner, sizeof inner), KP_SLICE_EMPTY,
              ret_digest);
}

static void hmac_tag_covers_domain_and_both_parts(void **state)
{
    (void)state;
    struct kp_secret key;
    uint8_t digest[KP_SHA256_BYTES];
    uint8_t tag[KP_TAG_BYTES];
    memset(key.bytes, 0x0b, sizeof key.bytes);
    struct kp_hmac *hmac = kp_hmac_new(&key);
    static const char message[] = "K1\0parts"; /* its NUL is the separator */
    hmac_by_definition(&key, kp_slice_of(message, sizeof message - 1), digest);
    for (int round = 0; round < 3; round++) { /* the key stays for the next message */
        kp_hmac_tag(hmac, "K1", KP_SLICE_LIT("par"), KP_SLICE_LIT("ts"), tag);
        assert_memory_equal(tag, digest, sizeof tag);
    }
    kp_hmac_tag(hmac, "K2", KP_SLICE_LIT("par"), KP_SLICE_LIT("ts"), tag);
    assert_memory_not_equal(tag, digest, sizeof tag);
    kp_hmac_tag(hmac, "K", KP_SLICE_LIT("1"), KP_SLICE_LIT("parts"), tag);
    assert_memory_not_equal(tag, digest, sizeof tag);
    kp_hmac_tag(hmac, "", KP_SLICE_EMPTY, KP_SLICE_EMPTY, tag);
    hmac_by_definition(&key, kp_slice_of("", 1), digest);
    assert_memory_equal(tag, digest, sizeof tag);
    assert_null(kp_hmac_free(hmac));
    assert_null(kp_hmac_free(NULL));
}

static void hkdf_is_extract_and_expand(void **state)
{
    (void)state;
    /* RFC 5869 by its definition: PRK = HMAC(salt, key), T(1) = HMAC(PRK, info || 0x01). */
    struct kp_secret key;
    struct kp_secret salt;
    struct kp_secret derived;
    struct kp_secret pseudorandom;
    uint8_t expected[KP_SHA256_BYTES];
    memset(key.bytes, 0x17, sizeof key.bytes);
    memset(salt.bytes, 0x42, sizeof salt.bytes);
    hmac_by_definition(&salt, kp_slice_of(key.bytes, sizeof key.bytes), pseudorandom.bytes);
    hmac_by_definition(&pseudorandom, KP_SLICE_LIT("journal\x01"), expected);
    kp_hkdf(&key, kp_slice_of(salt.bytes, sizeof salt.bytes), "journal", &derived);
    assert_memory_equal(derived.bytes, expected, sizeof expected);
    /* Without salt: a key of zeros. */
    memset(salt.bytes, 0, sizeof salt.bytes);
    hmac_by_definition(&salt, kp_slice_of(key.bytes, sizeof key.bytes), pseudorandom.bytes);
    hmac_by_definition(&pseudorandom, KP_SLICE_LIT("\x01"), expected);
    kp_hkdf(&key, KP_SLICE_EMPTY, "", &derived);
    assert_memory_equal(derived.bytes, expected, sizeof expected);
    kp_secret_done(&derived);
    memset(expected, 0, sizeof expected);
    assert_memory_equal(derived.bytes, expected, sizeof expected);
}

/* Test case 16 of the GCM specification. */
static void aead_gives_the_published_ciphertext(void **state)
{
    (void)state;
    struct kp_secret key;
    uint8_t nonce[KP_NONCE_BYTES];
    uint8_t plain[60];
    uint8_t associated[20];
    uint8_t sealed[sizeof plain + KP_AEAD_TAG_BYTES];
    from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key.bytes);
    from_hex("cafebabefacedbaddecaf888", nonce);
    from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
             plain);
    from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", associated);
    struct kp_aead *aead = kp_aead_new();
    for (int round = 0; round < 2; round++) {
        kp_aead_seal(aead, &key, nonce, kp_slice_of(associated, sizeof associated),
                     kp_slice_of(plain, sizeof plain), sealed);
        assert_hex(sealed, sizeof sealed,
                   "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                   "76fc6ece0f4e1768cddf8853bb2d551b");
        uint8_t opened[sizeof plain];
        assert_int_equal(kp_aead_open(aead, &key, nonce, kp_slice_of(associated, sizeof associated),
                                      kp_slice_of(sealed, sizeof sealed), opened),
                         KP_OK);
        assert_memory_equal(opened, plain, sizeof plain);
    }
    assert_null(kp_aead_free(aead));
    assert_null(kp_aead_free(NULL));
}

static void aead_refuses_every_flipped_bit(void **state)
{
    (void)state;
    struct kp_secret key;
    uint8_t nonce[KP_NONCE_BYTES] = {1, 2, 3};
    static const char plain[] = "een gesloten regel";
    uint8_t sealed[sizeof plain + KP_AEAD_TAG_BYTES];
    uint8_t opened[sizeof plain];
    static const uint8_t cleared[sizeof plain];
    struct kp_slice associated = KP_SLICE_LIT("table 7 key 1");
    kp_random(key.bytes, sizeof key.bytes);
    struct kp_aead *aead = kp_aead_new();
    kp_aead_seal(aead, &key, nonce, associated, kp_slice_of(plain, sizeof plain), sealed);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memset(opened, 'x', sizeof opened);
        assert_int_equal(
            kp_aead_open(aead, &key, nonce, associated, kp_slice_of(sealed, sizeof sealed), opened),
            KP_E_CORRUPT);
        assert_memory_equal(opened, cleared, sizeof opened); /* nothing unauthenticated is left */
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(kp_aead_open(aead, &key, nonce, KP_SLICE_LIT("table 7 key 2"),
                                  kp_slice_of(sealed, sizeof sealed), opened),
                     KP_E_CORRUPT); /* a swapped row */
    for (size_t size = 0; size < sizeof sealed; size++) {
        assert_int_equal(
            kp_aead_open(aead, &key, nonce, associated, kp_slice_of(sealed, size), opened),
            KP_E_CORRUPT);
    }
    assert_int_equal(
        kp_aead_open(aead, &key, nonce, associated, kp_slice_of(sealed, sizeof sealed), opened),
        KP_OK);
    (void)kp_aead_free(aead);
}

static void aead_seals_nothing_at_all(void **state)
{
    (void)state;
    struct kp_secret key = {{0}};
    uint8_t nonce[KP_NONCE_BYTES] = {0};
    uint8_t sealed[KP_AEAD_TAG_BYTES];
    uint8_t opened[1] = {9};
    struct kp_aead *aead = kp_aead_new();
    kp_aead_seal(aead, &key, nonce, KP_SLICE_EMPTY, KP_SLICE_EMPTY, sealed);
    assert_hex(sealed, sizeof sealed, "530f8afbc74536b9a963b4f1c4cb738b"); /* test case 13 */
    assert_int_equal(
        kp_aead_open(aead, &key, nonce, KP_SLICE_EMPTY, kp_slice_of(sealed, sizeof sealed), opened),
        KP_OK);
    assert_int_equal(opened[0], 9);
    (void)kp_aead_free(aead);
}

/* FIPS 197, appendix C.3. */
static void block_cipher_gives_the_published_block(void **state)
{
    (void)state;
    struct kp_secret key;
    uint8_t block[16];
    uint8_t encrypted[16];
    from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", key.bytes);
    from_hex("00112233445566778899aabbccddeeff", block);
    struct kp_block_cipher *cipher = kp_block_cipher_new(&key);
    kp_block_encrypt(cipher, block, encrypted);
    kp_block_encrypt(cipher, block, encrypted); /* no chaining from block to block */
    assert_hex(encrypted, sizeof encrypted, "8ea2b7ca516745bfeafc49904b496089");
    assert_null(kp_block_cipher_free(cipher));
    assert_null(kp_block_cipher_free(NULL));
}

static int compare_draws(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void *draw_in_thread(void *draws)
{
    for (size_t i = 0; i < 2000; i++) {
        kp_random((uint8_t *)draws + 16 * i, 16);
    }
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(KP_SLICE_LIT("x"), KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    return NULL;
}

static void random_bytes_never_repeat_over_threads(void **state)
{
    (void)state;
    enum { THREADS = 4, BYTES = 2000 * 16 };
    uint8_t *draws = malloc(THREADS * BYTES);
    assert_non_null(draws);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw_in_thread, draws + i * BYTES), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    qsort(draws, THREADS * 2000, 16, compare_draws);
    for (size_t i = 1; i < THREADS * 2000; i++) {
        assert_memory_not_equal(draws + 16 * (i - 1), draws + 16 * i, 16);
    }
    free(draws);
    uint8_t large[10000] = {0};
    static const uint8_t zeros[100];
    kp_random(large, sizeof large); /* larger than the buffer */
    for (size_t i = 0; i < sizeof large; i += sizeof zeros) {
        assert_memory_not_equal(large + i, zeros, sizeof zeros);
    }
}

static void random_bytes_differ_after_a_fork(void **state)
{
    (void)state;
    int ends[2];
    uint8_t here[16];
    uint8_t there[16];
    kp_random(here, sizeof here); /* the buffer is filled before the fork */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        kp_random(there, sizeof there);
        _exit(write(ends[1], there, sizeof there) == (ssize_t)sizeof there ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], there, sizeof there), sizeof there);
    kp_random(here, sizeof here);
    assert_memory_not_equal(here, there, sizeof here);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void the_process_cannot_be_dumped(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_max, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

static int start(void **state)
{
    (void)state;
    struct kp_diag diag;
    return kp_crypto_init(&diag) == KP_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    kp_crypto_done();
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) { /* a program may start again after it stopped */
        return -1;
    }
    kp_crypto_done();
    kp_crypto_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(sha256_in_pieces_equals_sha256_at_once),
        cmocka_unit_test(hmac_tag_covers_domain_and_both_parts),
        cmocka_unit_test(hkdf_is_extract_and_expand),
        cmocka_unit_test(aead_gives_the_published_ciphertext),
        cmocka_unit_test(aead_refuses_every_flipped_bit),
        cmocka_unit_test(aead_seals_nothing_at_all),
        cmocka_unit_test(block_cipher_gives_the_published_block),
        cmocka_unit_test(random_bytes_never_repeat_over_threads),
        cmocka_unit_test(random_bytes_differ_after_a_fork),
        cmocka_unit_test(the_process_cannot_be_dumped),
    };
    return cmocka_run_group_tests_name("crypto", tests, start, stop);
}
