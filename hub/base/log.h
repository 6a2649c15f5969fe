/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One line per event on stderr: `<priority>event.name key=value key="quoted value"`, for the
 * service manager's journal. Event names are stable: tests and the runbook wait for them. Only
 * programs and the shell around the core log; libraries and the core return errors instead. Never a
 * payload, a person or a secret: ids and codes. Any thread; a line is written whole.
 */
#ifndef KP_BASE_LOG_H
#define KP_BASE_LOG_H

#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum kp_log_level {
    KP_LOG_ERROR,   /* someone must act */
    KP_LOG_WARNING, /* we went on; say so */
    KP_LOG_NOTICE,  /* a state changed */
    KP_LOG_INFO,    /* off the hot path */
    KP_LOG_DEBUG,
};

/* Levels above @level are dropped (start: KP_LOG_INFO). @process is put on every line, e.g. "hub";
 * borrowed. */
void kp_log_init(const char *process, enum kp_log_level level);

/* @format makes the `key=value` part; a value with spaces is quoted by the caller through "%s" in
 * quotes. */
void kp_log(enum kp_log_level level, const char *event, const char *format, ...) KP_PRINTF(3, 4);
/* The event with err=NAME and the diagnosis's place and text. */
void kp_log_diag(enum kp_log_level level, const char *event, const struct kp_diag *diag);

/* For an event that somebody outside can cause as often as he likes: so many lines in so long a
 * time, and the next one tells how many were left out. Starts as zeros; one thread each. */
#define KP_LOG_LIMIT_LINES 10u
#define KP_LOG_LIMIT_MS INT64_C(10000)
struct kp_log_limit {
    int64_t since_us; /* monotonic; 0: nothing was said yet */
    uint32_t lines;
    uint64_t left_out;
};
/* true: log it, and *ret_left_out events before it were not. */
bool kp_log_may(struct kp_log_limit *limit, struct kp_mono now, uint64_t *ret_left_out);

#endif
