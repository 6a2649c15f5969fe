/* SPDX-License-Identifier: EUPL-1.2 */
/* UUID version 7 (RFC 9562): sorts by the millisecond it was made. Pure: time and chance come from
 * the caller. */
#ifndef KP_BASE_UUID_H
#define KP_BASE_UUID_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define KP_UUID_BYTES 16
#define KP_UUID_RANDOM_BYTES 10
#define KP_UUID_TEXT_SIZE 37 /* 36 characters and a NUL */

/* @now  0 up to the year 10889; the low 48 bits are used. */
void kp_uuid7(struct kp_wall now, const uint8_t random[KP_UUID_RANDOM_BYTES],
              uint8_t ret_id[KP_UUID_BYTES]);
/* "01932f7a-5c00-7abc-9def-0123456789ab", lower case. */
void kp_uuid_text(const uint8_t id[KP_UUID_BYTES], char ret_text[KP_UUID_TEXT_SIZE]);
/* The other way, either case, any version; false: not a UUID in text, and @ret_id is untouched. */
bool kp_uuid_parse(const char *text, uint8_t ret_id[KP_UUID_BYTES]);

#endif
