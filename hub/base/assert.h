/* SPDX-License-Identifier: EUPL-1.2 */
/* For our own bugs, never for input. On in every build; a failure logs the expression and aborts.
 */
#ifndef KP_BASE_ASSERT_H
#define KP_BASE_ASSERT_H

void kp_assert_failed(const char *expression, const char *file, int line) __attribute__((noreturn));

#define KP_ASSERT(expression)                                                                      \
    ((expression) ? (void)0 : kp_assert_failed(#expression, __FILE__, __LINE__))

#endif
