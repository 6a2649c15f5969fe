/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/area.h"

/* An area is its eight digits and how many of them are given. */
#define AREA_DIGITS 8u
#define AREA_LEVELS 16u

uint32_t kp_area_of(struct kp_slice code)
{
    size_t at = 0;
    while (at < code.size && at < 2 && (code.bytes[at] | 0x20) >= 'a' &&
           (code.bytes[at] | 0x20) <= 'z') {
        at++;
    }
    size_t digits = code.size - at;
    uint32_t number = 0;
    if (at == 1 || digits < 4 || digits > AREA_DIGITS || digits % 2 != 0) {
        return 0;
    }
    for (size_t i = at; i < code.size; i++) {
        if (code.bytes[i] < '0' || code.bytes[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint32_t)(code.bytes[i] - '0');
    }
    for (size_t i = digits; i < AREA_DIGITS; i++) {
        number *= 10;
    }
    return number * AREA_LEVELS + (uint32_t)digits;
}

bool kp_area_contains(uint32_t area, uint32_t other)
{
    uint32_t digits = area % AREA_LEVELS;
    uint32_t unit = 1;
    for (uint32_t i = digits; i < AREA_DIGITS; i++) {
        unit *= 10;
    }
    return area != 0 && other % AREA_LEVELS >= digits &&
           area / AREA_LEVELS / unit == other / AREA_LEVELS / unit;
}
