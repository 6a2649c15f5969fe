/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/keys.h"

#include <string.h>

#define YEAR KP_WITNESS_YEAR
#define DAY KP_WITNESS_DAY
#define PLACE KP_WITNESS_PLACE
#define REGION KP_WITNESS_REGION
#define NUMBER KP_WITNESS_NUMBER

/* Those that are not in the key: one that is would agree for everybody there. Keys of a whole
 * address, of a name or birth place with a whole postcode, of a surname with a house number and of
 * a birth date with the postcode's digits are shared by few, and find who differs in everything
 * else: they need none. */
static const uint8_t witnesses_of[] = {
    [KP_KEY_BIRTH_INITIAL] = PLACE | REGION | NUMBER,
    [KP_KEY_YEAR_NAMES] = DAY | PLACE | REGION | NUMBER,
    [KP_KEY_DAY_NAMES] = YEAR | PLACE | REGION | NUMBER,
    [KP_KEY_BIRTH_PLACE] = REGION | NUMBER,
    [KP_KEY_BIRTH_NAME] = PLACE | REGION | NUMBER,
    [KP_KEY_PLACE_NAMES] = YEAR | DAY | REGION | NUMBER,
    [KP_KEY_GIVEN_NUMBER] = YEAR | DAY | PLACE,
    [KP_KEY_PLACE_NUMBER] = YEAR | DAY,
    [KP_KEY_GIVEN_STREET] = YEAR | DAY | REGION | NUMBER,
    [KP_KEY_NAMES_REGION] = YEAR | DAY | PLACE | NUMBER,
    [KP_KEY_GIVEN_PLACE] = DAY | REGION | NUMBER,
};

uint32_t kp_key_witnesses(uint8_t kind)
{
    return kind < sizeof witnesses_of ? witnesses_of[kind] : 0;
}

bool kp_witnesses_agree(const uint8_t a[KP_WITNESSES_MAX], const uint8_t b[KP_WITNESSES_MAX])
{
    bool asked = false;
    for (uint32_t i = 0; i < KP_WITNESSES_MAX && a[i] != KP_WITNESS_UNASKED; i++) {
        asked = true;
        if (a[i] == KP_WITNESS_UNKNOWN || b[i] == KP_WITNESS_UNKNOWN || a[i] == b[i]) {
            return true;
        }
    }
    return !asked;
}

static uint32_t witness_count(uint8_t kind)
{
    uint32_t count = 0;
    for (uint32_t rest = kp_key_witnesses(kind); rest != 0; rest &= rest - 1) {
        count++;
    }
    return count;
}

void kp_witnesses_put(struct kp_writer *writer, uint8_t kind,
                      const uint8_t witnesses[KP_WITNESSES_MAX])
{
    kp_put_raw(writer, kp_slice_of(witnesses, witness_count(kind)));
}

void kp_witnesses_get(struct kp_reader *reader, uint8_t kind,
                      uint8_t ret_witnesses[KP_WITNESSES_MAX])
{
    struct kp_slice bytes = kp_get_raw(reader, witness_count(kind));
    memset(ret_witnesses, KP_WITNESS_UNASKED, KP_WITNESSES_MAX);
    if (bytes.size > 0) {
        memcpy(ret_witnesses, bytes.bytes, bytes.size);
    }
}

void kp_match_key_narrow(const uint8_t *tag, const uint8_t *narrowing,
                         uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(kp_slice_of(tag, KP_TAG_BYTES), kp_slice_of(narrowing, KP_TAG_BYTES), KP_SLICE_EMPTY,
              digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

static void get_tag(struct kp_reader *reader, uint8_t ret_tag[KP_TAG_BYTES])
{
    struct kp_slice bytes = kp_get_raw(reader, KP_KEY_TAG_BYTES);
    memset(ret_tag, 0, KP_TAG_BYTES);
    if (bytes.size > 0) {
        memcpy(ret_tag, bytes.bytes, bytes.size);
    }
}

void kp_match_keys_put(struct kp_writer *writer, const struct kp_match_keys *keys)
{
    kp_put_u8(writer, (uint8_t)keys->count);
    for (uint32_t i = 0; i < keys->count; i++) {
        kp_put_u8(writer, keys->keys[i].kind);
        kp_put_raw(writer, kp_slice_of(keys->keys[i].tag, KP_KEY_TAG_BYTES));
        kp_witnesses_put(writer, keys->keys[i].kind, keys->keys[i].witnesses);
    }
    for (uint32_t i = 0; i < KP_NARROWINGS; i++) {
        kp_put_raw(writer, kp_slice_of(keys->narrowings[i], KP_KEY_TAG_BYTES));
    }
}

void kp_match_keys_get(struct kp_reader *reader, struct kp_match_keys *ret_keys)
{
    uint32_t count = kp_get_u8(reader);
    ret_keys->count = count > KP_KEYS_MAX ? 0 : count;
    if (count > KP_KEYS_MAX) {
        reader->underflow = true;
    }
    for (uint32_t i = 0; i < ret_keys->count; i++) {
        ret_keys->keys[i].kind = kp_get_u8(reader);
        get_tag(reader, ret_keys->keys[i].tag);
        kp_witnesses_get(reader, ret_keys->keys[i].kind, ret_keys->keys[i].witnesses);
    }
    for (uint32_t i = 0; i < KP_NARROWINGS; i++) {
        get_tag(reader, ret_keys->narrowings[i]);
    }
}
