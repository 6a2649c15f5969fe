/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Names in the form they are compared in: NFKD, marks dropped, lower case, only a-z and digits,
 * tussenvoegsels off the front of the surname. A pure function; its version travels with what is
 * made from it.
 */
#ifndef KP_INTAKE_NORMALISE_H
#define KP_INTAKE_NORMALISE_H

#include "base/slice.h"

#define KP_NORMALISE_VERSION 1
#define KP_NORMALISED_BYTES_MAX 512

struct kp_normalised {
    char text[KP_NORMALISED_BYTES_MAX];
    size_t size;
};

/* Words of a-z and 0-9 with one space between them. @text: valid UTF-8. What does not fit is cut at
 * a word. */
void kp_normalise_words(struct kp_slice text, struct kp_normalised *ret_words);
/* A surname: the words without tussenvoegsels before them, written together. */
void kp_normalise_surname(struct kp_slice text, struct kp_normalised *ret_surname);
/* The first letter of @given_names, else of @initials; 0 when there is none. */
char kp_normalise_initial(struct kp_slice given_names, struct kp_slice initials);

#endif
