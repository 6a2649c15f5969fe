/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/row.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"

#include <string.h>

#define ROW_VERSION 1u
#define KIND_NOBODY 1u
#define KIND_PERSON 2u
#define HEADER_NOBODY_BYTES (2u + KP_NONCE_BYTES)
#define HEADER_PERSON_BYTES (2u + 8u + KP_NONCE_BYTES)

_Static_assert(HEADER_PERSON_BYTES + KP_AEAD_TAG_BYTES == KP_ROW_OVERHEAD_MAX, "the larger header");

struct associated {
    uint8_t bytes[1 + KP_STORE_KEY_BYTES_MAX + 1];
    size_t size;
};

static void associate(struct kp_row_place place, struct associated *ret_associated)
{
    KP_ASSERT(place.key.size <= KP_STORE_KEY_BYTES_MAX);
    ret_associated->bytes[0] = (uint8_t)place.table;
    memcpy(ret_associated->bytes + 1, place.key.bytes, place.key.size);
    ret_associated->bytes[1 + place.key.size] = ROW_VERSION;
    ret_associated->size = place.key.size + 2;
}

size_t kp_row_bytes(size_t value_bytes, struct kp_subject subject)
{
    return (subject.id == 0 ? HEADER_NOBODY_BYTES : HEADER_PERSON_BYTES) + value_bytes +
           KP_AEAD_TAG_BYTES;
}

enum kp_err kp_row_seal(struct kp_row_keys *keys, struct kp_aead *aead, struct kp_row_place place,
                        struct kp_slice value, struct kp_subject subject, uint8_t *ret_raw,
                        struct kp_diag *reterr_diag)
{
    struct kp_secret person_key;
    const struct kp_secret *key = &keys->subkeys[keys->start_count - 1];
    struct associated associated;
    struct kp_writer writer;
    kp_writer_init(&writer, ret_raw, kp_row_bytes(value.size, subject));
    kp_put_u8(&writer, ROW_VERSION);
    uint8_t *nonce;
    if (subject.id == 0) {
        kp_put_u8(&writer, KIND_NOBODY);
        nonce = ret_raw + writer.size;
        kp_put_u32(&writer, keys->start_count);
        kp_put_u64(&writer, ++keys->counter);
    } else {
        enum kp_err err =
            kp_keyring_make(keys->ring, KP_KEYRING_PERSON, subject.id, &person_key, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        key = &person_key;
        kp_put_u8(&writer, KIND_PERSON);
        kp_put_u64(&writer, subject.id);
        nonce = kp_put_space(&writer, KP_NONCE_BYTES);
        kp_random(nonce, KP_NONCE_BYTES);
    }
    uint8_t *sealed = kp_put_space(&writer, value.size + KP_AEAD_TAG_BYTES);
    KP_ASSERT(kp_writer_ok(&writer));
    associate(place, &associated);
    kp_aead_seal(aead, key, nonce, kp_slice_of(associated.bytes, associated.size), value, sealed);
    if (subject.id != 0) {
        kp_secret_done(&person_key);
    }
    return KP_OK;
}

static size_t header_bytes(struct kp_slice raw)
{
    size_t header = 0;
    if (raw.size >= 2 && raw.bytes[0] == ROW_VERSION) {
        header = raw.bytes[1] == KIND_NOBODY   ? HEADER_NOBODY_BYTES
                 : raw.bytes[1] == KIND_PERSON ? HEADER_PERSON_BYTES
                                               : 0;
    }
    return raw.size >= header + KP_AEAD_TAG_BYTES ? header : 0;
}

bool kp_row_value_bytes(struct kp_slice raw, size_t *ret_bytes)
{
    size_t header = header_bytes(raw);
    if (header == 0) {
        return false;
    }
    *ret_bytes = raw.size - header - KP_AEAD_TAG_BYTES;
    return true;
}

static enum kp_err fail_open(struct kp_row_place place, struct kp_diag *reterr_diag)
{
    return kp_fail(reterr_diag, KP_E_CORRUPT, "a row of table %s does not authenticate",
                   kp_table_name(place.table));
}

enum kp_err kp_row_open(const struct kp_row_keys *keys, struct kp_aead *aead,
                        struct kp_row_place place, struct kp_slice raw, uint8_t *ret_value,
                        struct kp_diag *reterr_diag)
{
    struct kp_secret person_key;
    const struct kp_secret *key = &person_key;
    struct associated associated;
    struct kp_reader reader;
    size_t header = header_bytes(raw);
    if (header == 0) {
        return fail_open(place, reterr_diag);
    }
    kp_reader_init(&reader, raw);
    (void)kp_get_u8(&reader);
    const uint8_t *nonce = raw.bytes + header - KP_NONCE_BYTES;
    if (kp_get_u8(&reader) == KIND_NOBODY) {
        uint32_t start = kp_get_u32(&reader);
        if (start == 0 || start > keys->start_count) {
            return fail_open(place, reterr_diag);
        }
        key = &keys->subkeys[start - 1];
    } else {
        enum kp_err err = kp_keyring_find(keys->ring, KP_KEYRING_PERSON, kp_get_u64(&reader),
                                          &person_key, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    associate(place, &associated);
    enum kp_err err = kp_aead_open(aead, key, nonce, kp_slice_of(associated.bytes, associated.size),
                                   kp_slice_of(raw.bytes + header, raw.size - header), ret_value);
    if (key == &person_key) {
        kp_secret_done(&person_key);
    }
    return err == KP_OK ? KP_OK : fail_open(place, reterr_diag);
}

const uint8_t *kp_row_tag(struct kp_slice raw)
{
    return header_bytes(raw) == 0 ? NULL : raw.bytes + raw.size - KP_AEAD_TAG_BYTES;
}

static void element_of(struct kp_block_cipher *cipher, const uint8_t tag[KP_AEAD_TAG_BYTES],
                       uint64_t ret_parts[2])
{
    uint8_t block[KP_AEAD_TAG_BYTES];
    kp_block_encrypt(cipher, tag, block);
    memcpy(ret_parts, block, sizeof block);
}

void kp_set_hash_add(struct kp_set_hash *hash, struct kp_block_cipher *cipher,
                     const uint8_t tag[KP_AEAD_TAG_BYTES])
{
    uint64_t element[2];
    element_of(cipher, tag, element);
    hash->low += element[0];
    hash->high += element[1] + (hash->low < element[0]);
    hash->rows++;
}

void kp_set_hash_remove(struct kp_set_hash *hash, struct kp_block_cipher *cipher,
                        const uint8_t tag[KP_AEAD_TAG_BYTES])
{
    uint64_t element[2];
    element_of(cipher, tag, element);
    hash->high -= element[1] + (hash->low < element[0]);
    hash->low -= element[0];
    hash->rows--;
}
