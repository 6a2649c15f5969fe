/* SPDX-License-Identifier: EUPL-1.2 */
/* SHA-256 in a form that two people can read to each other by telephone. */
#ifndef KP_CLI_FINGERPRINT_H
#define KP_CLI_FINGERPRINT_H

#include "base/slice.h"

#define KP_FINGERPRINT_TEXT_SIZE 80 /* 16 groups of 4, a space between, a NUL */

void kp_fingerprint(struct kp_slice bytes, char ret_text[KP_FINGERPRINT_TEXT_SIZE]);

#endif
