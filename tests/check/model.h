/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What an analyser that reads one file at a time must know of another: kp_fail gives back the error
 * it was given. Included before each source by tests/check/analyze; never compiled into anything.
 */
#ifndef KP_CHECK_MODEL_H
#define KP_CHECK_MODEL_H

#include "base/err.h"

#define kp_fail(diag, err, ...) ((void)kp_fail(diag, err, __VA_ARGS__), (err))
#define kp_fail_field(diag, err, ...) ((void)kp_fail_field(diag, err, __VA_ARGS__), (err))

#endif
