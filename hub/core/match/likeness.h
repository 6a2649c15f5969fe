/* SPDX-License-Identifier: EUPL-1.2 */
/* How alike two normalised names are (a-z only), in integers. Pure. */
#ifndef KP_CORE_MATCH_LIKENESS_H
#define KP_CORE_MATCH_LIKENESS_H

#include "base/slice.h"

#define KP_SKELETON_BYTES_MAX 6u

/* The sound of a name: its first sound and the consonants after it, by Dutch spelling. */
struct kp_skeleton {
    char text[KP_SKELETON_BYTES_MAX];
    uint8_t size;
};

void kp_skeleton_of(struct kp_slice name, struct kp_skeleton *ret_skeleton);
/* The sound that a name's skeleton begins with; NUL of an empty one. */
char kp_first_sound(struct kp_slice name);
bool kp_skeleton_equal(const struct kp_skeleton *a, const struct kp_skeleton *b);

/* One letter more, less or other, or two neighbours changed about. Equal ones are not one edit
 * apart. */
bool kp_one_edit(struct kp_slice a, struct kp_slice b);

/* Jaro-Winkler (Winkler 1990: prefix of at most 4, weight 0.1), in ten-thousandths. Only the first
 * 64 letters are looked at. */
uint32_t kp_jaro_winkler(struct kp_slice a, struct kp_slice b);

#endif
