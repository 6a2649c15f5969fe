/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A row as it is on disk, and what it adds to its table's set hash.
 *
 *   version u8 || 1 || start u32 || counter u64             || sealed   nobody's row
 *   version u8 || 2 || subject u64 || nonce 12 (random)      || sealed   a row about a person
 *
 * A row about nobody is sealed under the subkey of the start (of this program) that wrote it; start
 * and counter are its nonce. A row about a person is sealed under his own key, from the keyring.
 * Table, key and version are authenticated with it, so that a row in another place does not open.
 */
#ifndef KP_STORE_ROW_H
#define KP_STORE_ROW_H

#include "base/crypto.h"
#include "store/keyring.h"
#include "store/store.h"

#define KP_ROW_OVERHEAD_MAX 38u

struct kp_row_keys {
    struct kp_keyring *ring;   /* borrowed */
    struct kp_secret *subkeys; /* of start i + 1; fixed once the store is open */
    uint32_t start_count;
    uint64_t counter; /* nonces given out by this start; the writer's */
};

/* Where a row is. Table 0 with a name as key: a row of the store itself. */
struct kp_row_place {
    enum kp_table table;
    struct kp_slice key;
};

/* Size on disk of a value of @value_bytes. */
size_t kp_row_bytes(size_t value_bytes, struct kp_subject subject);
/* @ret_raw holds kp_row_bytes. Makes the subject's key when he has none. Writer only. Errors: those
 * of kp_keyring_make. */
KP_MUST_CHECK enum kp_err kp_row_seal(struct kp_row_keys *keys, struct kp_aead *aead,
                                      struct kp_row_place place, struct kp_slice value,
                                      struct kp_subject subject, uint8_t *ret_raw,
                                      struct kp_diag *reterr_diag);
/* Size of the plaintext; false: this cannot be a row. */
bool kp_row_value_bytes(struct kp_slice raw, size_t *ret_bytes);
/* @ret_value holds kp_row_value_bytes.
 * KP_E_CORRUPT  does not authenticate · KP_E_NOT_FOUND  its subject's key is gone · errors of
 * kp_keyring_find */
KP_MUST_CHECK enum kp_err kp_row_open(const struct kp_row_keys *keys, struct kp_aead *aead,
                                      struct kp_row_place place, struct kp_slice raw,
                                      uint8_t *ret_value, struct kp_diag *reterr_diag);

/* The sum, modulo 2^128, of one element for each row: a keyed permutation of its GCM tag. Equal
 * sets of rows have equal sums, whatever the order in which they came and went. */
struct kp_set_hash {
    uint64_t high, low;
    uint64_t rows;
};
void kp_set_hash_add(struct kp_set_hash *hash, struct kp_block_cipher *cipher,
                     const uint8_t tag[KP_AEAD_TAG_BYTES]);
void kp_set_hash_remove(struct kp_set_hash *hash, struct kp_block_cipher *cipher,
                        const uint8_t tag[KP_AEAD_TAG_BYTES]);
/* The last bytes of @raw; NULL: this cannot be a row. */
const uint8_t *kp_row_tag(struct kp_slice raw);

#endif
