/* SPDX-License-Identifier: EUPL-1.2 */
/* Where a user's events end: one JSON line each in events.jsonl, and on stdout once they are safe.
 */
#ifndef KP_ADAPTER_LINES_H
#define KP_ADAPTER_LINES_H

#include "runtime/events.h"

struct kp_lines;

/* Opens dir/events.jsonl; a line that a crash cut off is taken away. Events that it has already are
 * not added again, whatever the spool says. KP_E_IO */
KP_MUST_CHECK enum kp_err kp_lines_open(const char *dir, struct kp_lines **ret_lines,
                                        struct kp_diag *reterr_diag);
struct kp_lines *kp_lines_close(struct kp_lines *lines);
struct kp_event_store kp_lines_store(struct kp_lines *lines);

#endif
