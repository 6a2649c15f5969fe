/* SPDX-License-Identifier: EUPL-1.2 */
/* The citizen service number: nine digits that satisfy the 11-test. */
#ifndef KP_BASE_BSN_H
#define KP_BASE_BSN_H

#include "base/slice.h"

enum kp_bsn_class {
    KP_BSN_SHAPE,   /* not 8 or 9 digits */
    KP_BSN_FILLER,  /* what systems write when there is none: all zero, 111222333, 123456782 */
    KP_BSN_INVALID, /* fails the 11-test */
    KP_BSN_TEST,    /* of the series that starts with 9, which is never issued */
    KP_BSN_VALID,
};

/* @ret_digits  nine digits and a NUL (eight get a zero in front), for every class but KP_BSN_SHAPE.
 */
enum kp_bsn_class kp_bsn_classify(struct kp_slice text, char ret_digits[10]);

#endif
