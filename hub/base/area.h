/* SPDX-License-Identifier: EUPL-1.2 */
/* Municipalities (gemeenten), wards (wijken) and neighbourhoods (buurten), by the codes of the CBS.
 * Pure. */
#ifndef KP_BASE_AREA_H
#define KP_BASE_AREA_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* A CBS code (GM1234, WK123456, BU12345678; or four to eight digits of it) as a number; 0: none.
 * A ward lies in its municipality. */
uint32_t kp_area_of(struct kp_slice code);
bool kp_area_contains(uint32_t area, uint32_t other);

#endif
