/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Under which keys a form is looked for: forms that share none are never compared. Every key is of
 * several fields together, so that how often one occurs says nothing about a name or a date, and
 * comes here as an HMAC only. A person is found when one of the keys survives what was misspelt.
 *
 * In a large house many strangers share a key: thousands are called so and born in that year. So a
 * key has witnesses, fields that are not in it: two forms under one key meet only when one of its
 * witnesses is the same for both, or is not known of one. Of a person's other spelling that holds
 * nearly always, of a stranger hardly ever.
 */
#ifndef KP_CORE_MATCH_KEYS_H
#define KP_CORE_MATCH_KEYS_H

#include "base/buf.h"
#include "base/crypto.h"

#define KP_KEYS_MAX 43u /* of a form that says everything, with four surnames */
#define KP_NARROWINGS 4u
/* Forms under one key that are all compared with each other. More: the key is narrowed. */
#define KP_BLOCK_FORMS_MAX 256u

/* Numbers are stored and stand in explanations: never reused (2, 6, 7, 9, 10 and 12 were). A name
 * is its sound; where it says "a name", the given name and each surname have a key of their own, so
 * that names in each other's place are found as well. */
enum kp_key_kind {
    KP_KEY_BSN = 1,             /* valid BSN */
    KP_KEY_BIRTH_INITIAL = 3,   /* birth date, initial */
    KP_KEY_ADDRESS = 4,         /* postcode, house number */
    KP_KEY_YEAR_NAMES = 5,      /* a surname, initial, birth year */
    KP_KEY_DAY_NAMES = 8,       /* a surname, initial, day and month in order */
    KP_KEY_BIRTH_PLACE = 11,    /* birth date with day and month in order, birth place */
    KP_KEY_BIRTH_NAME = 13,     /* birth date with day and month in order, a name */
    KP_KEY_NAME_POSTCODE = 14,  /* a name, postcode */
    KP_KEY_PLACE_NAMES = 15,    /* a surname, initial, birth place */
    KP_KEY_PLACE_POSTCODE = 16, /* birth place, postcode */
    KP_KEY_GIVEN_NUMBER = 17,   /* given name, house number, region */
    KP_KEY_PLACE_NUMBER = 18,   /* birth place, house number, region */
    KP_KEY_GIVEN_STREET = 19,   /* given name, street */
    KP_KEY_NAMES_REGION = 20,   /* given name and a surname, in order, region */
    KP_KEY_GIVEN_PLACE = 21,    /* given name, first letter of a surname, birth place and year */
    KP_KEY_SURNAME_NUMBER = 22, /* a surname, house number, region */
    KP_KEY_BIRTH_POSTCODE = 23, /* birth date with day and month in order, postcode's digits */
};

enum kp_witness {
    KP_WITNESS_YEAR = 1,   /* of birth */
    KP_WITNESS_DAY = 2,    /* and month of birth, in order */
    KP_WITNESS_PLACE = 4,  /* of birth, its sound */
    KP_WITNESS_REGION = 8, /* first two digits of the postcode */
    KP_WITNESS_NUMBER = 16 /* of the house */
};
#define KP_WITNESSES_MAX 4u /* of one key */
/* Which fields witness a key of this kind, enum kp_witness; 0: it needs none. */
uint32_t kp_key_witnesses(uint8_t kind);

/* In place of a witness: the field is not known; the kind has no such witness. */
#define KP_WITNESS_UNKNOWN 0u
#define KP_WITNESS_UNASKED 255u

struct kp_match_key {
    uint8_t kind;
    uint8_t tag[KP_TAG_BYTES];
    /* In the order of enum kp_witness: a byte that is the same for two forms when the field is, and
     * says nothing beside a byte of another key (intake/keys.c). */
    uint8_t witnesses[KP_WITNESSES_MAX];
};
/* Of two forms under one key: they meet there. */
bool kp_witnesses_agree(const uint8_t a[KP_WITNESSES_MAX], const uint8_t b[KP_WITNESSES_MAX]);

struct kp_match_keys {
    uint32_t count;
    struct kp_match_key keys[KP_KEYS_MAX]; /* without repeats */
    /* Of the postcode's digits, of the sound of the given name, of the birth date, of the sound of
     * the first surname. Who agrees with too many in all of it is like them all. */
    uint8_t narrowings[KP_NARROWINGS][KP_TAG_BYTES];
};

/* The key under which the form is looked for when a block under @tag holds too many. */
void kp_match_key_narrow(const uint8_t *tag, const uint8_t *narrowing,
                         uint8_t ret_tag[KP_TAG_BYTES]);

/* As they travel and are stored: tags cut to eight bytes, which is enough to look by; what shares
 * one by chance is compared and found to be another's. */
#define KP_KEY_TAG_BYTES 8u
#define KP_KEYS_BYTES_MAX                                                                          \
    (1u + KP_KEYS_MAX * (1u + KP_KEY_TAG_BYTES + KP_WITNESSES_MAX) +                               \
     KP_NARROWINGS * KP_KEY_TAG_BYTES)
void kp_match_keys_put(struct kp_writer *writer, const struct kp_match_keys *keys);
/* The rest of each tag is zero. What does not decode leaves the reader failed. */
void kp_match_keys_get(struct kp_reader *reader, struct kp_match_keys *ret_keys);
/* Only those that the kind has are written. */
void kp_witnesses_put(struct kp_writer *writer, uint8_t kind,
                      const uint8_t witnesses[KP_WITNESSES_MAX]);
void kp_witnesses_get(struct kp_reader *reader, uint8_t kind,
                      uint8_t ret_witnesses[KP_WITNESSES_MAX]);

#endif
