/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct err_row {
    enum kp_err err;
    enum kp_err_category category;
    const char *name;
    const char *text;
};

static const struct err_row rows[] = {
#define X(name, number, category, text) {name, KP_ERR_##category, #name, text},
#include "base/errors.def"
#undef X
};

static const struct err_row *find_row(enum kp_err err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].err == err) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *kp_err_name(enum kp_err err)
{
    const struct err_row *row = find_row(err);
    if (row == NULL) {
        return "UNKNOWN";
    }
    return err == KP_OK ? "OK" : row->name + sizeof "KP_E_" - 1;
}

const char *kp_err_text(enum kp_err err)
{
    const struct err_row *row = find_row(err);
    return row == NULL ? "an error this version does not know" : row->text;
}

enum kp_err_category kp_err_category(enum kp_err err)
{
    const struct err_row *row = find_row(err);
    return row == NULL ? KP_ERR_BUG : row->category;
}

const char *kp_err_category_name(enum kp_err_category category)
{
    static const char *const names[] = {
        [KP_ERR_RETRY] = "retry",
        [KP_ERR_PARTNER] = "partner",
        [KP_ERR_OPERATOR] = "operator",
        [KP_ERR_BUG] = "bug",
    };
    return names[category];
}

static void fill(struct kp_diag *diag, enum kp_err err, const char *field, const char *format,
                 va_list args) KP_PRINTF(4, 0);

static void fill(struct kp_diag *diag, enum kp_err err, const char *field, const char *format,
                 va_list args)
{
    diag->err = err;
    diag->line = 0;
    diag->col = 0;
    (void)snprintf(diag->field, sizeof diag->field, "%s", field); /* cut is fine: a label */
    (void)vsnprintf(diag->text, sizeof diag->text, format, args); /* cut is fine: for a person */
}

enum kp_err kp_fail(struct kp_diag *reterr_diag, enum kp_err err, const char *format, ...)
{
    if (reterr_diag != NULL) {
        va_list args;
        va_start(args, format);
        fill(reterr_diag, err, "", format, args);
        va_end(args);
    }
    return err;
}

enum kp_err kp_fail_field(struct kp_diag *reterr_diag, enum kp_err err, const char *field,
                          const char *format, ...)
{
    if (reterr_diag != NULL) {
        va_list args;
        va_start(args, format);
        fill(reterr_diag, err, field, format, args);
        va_end(args);
    }
    return err;
}
