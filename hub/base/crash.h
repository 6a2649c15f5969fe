/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Named crash points, for the fault tests only: compiled to nothing unless the build defines
 * KP_CRASH_POINTS (make's fault variant). There, KNOOPPUNT_CRASH="name:count" kills the process
 * with SIGKILL when the point is reached for the count-th time, after writing the line `crash.point
 * name=... count=...` to stderr.
 */
#ifndef KP_BASE_CRASH_H
#define KP_BASE_CRASH_H

#ifdef KP_CRASH_POINTS
void kp_crash_point(const char *name);
#else
#define kp_crash_point(name) ((void)0)
#endif

#endif
