/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * How much forms that meet are like one that is still to come, worked out before its turn
 * (hub/ahead.c). A function of two forms and the epoch alone: it may be missing, it cannot be out
 * of date, and whether it is there changes nothing but the time.
 */
#ifndef KP_CORE_HINT_H
#define KP_CORE_HINT_H

#include "base/crypto.h"

#include <stdbool.h>
#include <stdint.h>

struct kp_hint {
    uint64_t other; /* id of a form */
    int32_t bits;
    bool never; /* these two are never one */
};

struct kp_hints {
    uint8_t tag[KP_TAG_BYTES]; /* of the form */
    uint32_t epoch;
    uint32_t count;
    struct kp_hint hints[]; /* by rising other */
};

/* What is known ahead of the form with this tag; NULL: nothing. It lives until the next command. */
typedef const struct kp_hints *kp_hints_fn(void *context, const uint8_t tag[KP_TAG_BYTES]);

#endif
