/* SPDX-License-Identifier: EUPL-1.2 */
/* Given names that one person goes by: calling names, and the ways one name is written in our
 * letters. */
#ifndef KP_CORE_MATCH_ALIAS_H
#define KP_CORE_MATCH_ALIAS_H

#include "base/slice.h"

bool kp_names_are_aliases(struct kp_slice a, struct kp_slice b);

#endif
