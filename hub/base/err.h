/* SPDX-License-Identifier: EUPL-1.2 */
/* Error codes, who must act on them, and the detail that travels with one. */
#ifndef KP_BASE_ERR_H
#define KP_BASE_ERR_H

#include <stdint.h>

#define KP_MUST_CHECK __attribute__((warn_unused_result))
#define KP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum kp_err {
#define X(name, number, category, text) name = (number),
#include "errors.def"
#undef X
};

enum kp_err_category {
    KP_ERR_RETRY,
    KP_ERR_PARTNER,
    KP_ERR_OPERATOR,
    KP_ERR_BUG,
};

/* Where and why, for a person. @text never holds personal data or a secret. */
struct kp_diag {
    enum kp_err err;
    uint32_t line, col; /* 1-based; 0 where there is no place */
    char field[64];     /* name of the field or option; empty where there is none */
    char text[240];
};

/* "KP_E_LIMIT" -> "LIMIT": the stable name on the wire, in logs and results. */
const char *kp_err_name(enum kp_err err);
const char *kp_err_text(enum kp_err err);
enum kp_err_category kp_err_category(enum kp_err err);
const char *kp_err_category_name(enum kp_err_category category);

/* Fill @reterr_diag (may be NULL) and return @err. The caller of a failing leaf writes `return
 * kp_fail(...)`. */
enum kp_err kp_fail(struct kp_diag *reterr_diag, enum kp_err err, const char *format, ...)
    KP_PRINTF(3, 4);
enum kp_err kp_fail_field(struct kp_diag *reterr_diag, enum kp_err err, const char *field,
                          const char *format, ...) KP_PRINTF(4, 5);

#endif
