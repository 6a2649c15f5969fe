/* SPDX-License-Identifier: EUPL-1.2 */
/* Whether a well-formed signal can be used, field by field. */
#ifndef KP_INTAKE_VALIDATE_H
#define KP_INTAKE_VALIDATE_H

#include "core/house.h"
#include "proto/codec.h"

/* KP_OK, or why it must be held: reterr_diag->field names the place, e.g. "persons[2].birth_date".
 */
KP_MUST_CHECK enum kp_err kp_validate_signal(const struct kp_house *house,
                                             const Knooppunt__V1__Signal *signal,
                                             struct kp_diag *reterr_diag);

/* The same for a check; a fault refuses it. */
KP_MUST_CHECK enum kp_err kp_validate_check(const struct kp_house *house,
                                            const Knooppunt__V1__KnownCheck *check,
                                            struct kp_diag *reterr_diag);

/* yyyymmdd of a valid date; 0 for NULL. */
int32_t kp_validate_date(const Knooppunt__V1__Date *date);

#endif
