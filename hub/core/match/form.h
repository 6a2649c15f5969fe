/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A form: one way in which a person was written down, normalised. Made by the intake, a pure
 * function of what came in and of the normaliser's version; travels with the command, is stored
 * sealed, and is all that the matcher ever compares. Names are of a-z only.
 */
#ifndef KP_CORE_MATCH_FORM_H
#define KP_CORE_MATCH_FORM_H

#include "base/buf.h"

#define KP_FORM_VERSION 2 /* 2: with the street */
#define KP_FORM_GIVEN_MAX 4u
#define KP_FORM_SURNAMES_MAX 4u
#define KP_FORM_NAME_BYTES_MAX 31u /* a longer name is cut; what is left is compared */
#define KP_FORM_INITIALS_MAX 8u
#define KP_FORM_POSTCODE_BYTES_MAX 8u
#define KP_FORM_BYTES_MAX 400u

enum kp_form_bsn {
    KP_FORM_BSN_NONE = 0,
    KP_FORM_BSN_VALID = 1,  /* passes the 11-test, and is one that people have */
    KP_FORM_BSN_FAILING = 2 /* does not pass: a hint, never an identity */
};

enum kp_form_gender { KP_FORM_GENDER_UNKNOWN = 0, KP_FORM_MAN = 1, KP_FORM_WOMAN = 2 };

enum kp_form_use {
    KP_FORM_OWN = 1,     /* the name of birth */
    KP_FORM_PARTNER = 2, /* a partner's name */
    KP_FORM_PART = 3,    /* one of a double name: own or partner's, it was not said which */
};

/* How rare a value is: -log2 of its share, in quarters of a bit; 0: not known. */
typedef uint8_t kp_form_rarity;

struct kp_form_name {
    struct kp_slice text;
    uint8_t use;           /* of a surname: enum kp_form_use */
    kp_form_rarity rarity; /* as counted in the epoch */
};

/* Slices borrow from the bytes that were decoded. */
struct kp_form {
    uint32_t bsn; /* its digits as a number */
    uint8_t bsn_class, gender;
    int32_t birth_date; /* yyyymmdd, zeros for what is not known; 0: nothing is */
    bool placeholder;   /* day and month stand for "not known": absent, or a day that far too many
                           are said to be born on; which those are is the epoch's */
    uint8_t given_count, surname_count;
    struct kp_form_name given[KP_FORM_GIVEN_MAX]; /* the first name first */
    struct kp_form_name surnames[KP_FORM_SURNAMES_MAX];
    struct kp_slice initials; /* of all given names, in order */
    struct kp_slice postcode; /* as written, upper case; Dutch: 4 digits and 2 letters */
    uint32_t house_number;    /* 0: not known */
    struct kp_slice street;   /* its letters */
    struct kp_form_name birth_place;
};

void kp_form_put(struct kp_writer *writer, const struct kp_form *form);
/* A form that does not decode leaves the reader failed. Accepts every version up to ours. */
void kp_form_get(struct kp_reader *reader, struct kp_form *ret_form);

#endif
