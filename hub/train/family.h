/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Are another given name and another birth date other people's (twins; parents and children), or
 * were they changed? Two persons have records of their own: of a pair of twins, or of parent and
 * child, both are known elsewhere by that name or date as often as each is by itself, and as
 * anybody is. Where hardly any pair is, what differs was changed: the same slip is not made twice.
 */
#ifndef KP_TRAIN_FAMILY_H
#define KP_TRAIN_FAMILY_H

#include "base/slice.h"

struct kp_family {
    uint64_t forms, confirmed;    /* looked at; certainly one person with another form like it */
    uint64_t pairs, either, both; /* that differ so; how many of their forms are confirmed, twice */
};

/* One of the pairs. */
void kp_family_add_pair(struct kp_family *family, bool one_confirmed, bool other_confirmed);
bool kp_family_are_two(const struct kp_family *family);

#endif
