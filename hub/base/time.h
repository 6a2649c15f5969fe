/* SPDX-License-Identifier: EUPL-1.2 */
/* Kinds of time that cannot be mixed, and calendar days. */
#ifndef KP_BASE_TIME_H
#define KP_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct kp_mono {
    int64_t us;
}; /* since some fixed moment of this boot; for waits and durations */
struct kp_wall {
    int64_t ms;
}; /* since 1970-01-01 UTC; for stamps, terms and people */

/* The two clocks of the machine. Any thread. The core never calls these: it gets its time in the
 * command. */
struct kp_mono kp_mono_now(void);
struct kp_wall kp_wall_now(void);

#define KP_DAY_MS INT64_C(86400000)

/*
 * A calendar date is an int32_t yyyymmdd, which sorts and prints as it is. Month and day may be 00
 * for unknown (BRP, incomplete dates); 0 is no date at all.
 */

bool kp_date_is_possible(int32_t yyyymmdd); /* full or incomplete, a day that exists, 1850-2199 */
bool kp_date_is_full(int32_t yyyymmdd);
/* Days since 1970-01-01 of a possible date; an unknown month counts as January, an unknown day as
 * the 1st. */
int32_t kp_date_to_days(int32_t yyyymmdd);
int32_t kp_date_of_days(int32_t days);
int32_t kp_date_of_wall(struct kp_wall wall); /* UTC */

#define KP_TIME_TEXT_SIZE 25
/* "2026-11-24T09:30:00.123Z"; @ret_text holds KP_TIME_TEXT_SIZE bytes. */
void kp_wall_text(struct kp_wall wall, char ret_text[KP_TIME_TEXT_SIZE]);

#endif
