/* SPDX-License-Identifier: EUPL-1.2 */
/* Change one value of a house.yaml and keep everything else, comments too, as a person wrote it. */
#ifndef KP_CLI_YAML_EDIT_H
#define KP_CLI_YAML_EDIT_H

#include "base/err.h"

#include <stddef.h>

struct kp_yaml_edit {
    const char *section; /* at the start of a line: "house" */
    const char *name;    /* below it, indented by two */
    const char *value;   /* as it will stand there; NULL: take the option out */
};

/*
 * @text      NUL-terminated
 * @ret_text  malloc'ed
 * KP_E_CONFIG  there is no such section written that way. The result is to be read by config/ after
 * this: here only lines are known.
 */
KP_MUST_CHECK enum kp_err kp_yaml_edit(const char *text, const struct kp_yaml_edit *edit,
                                       char **ret_text, struct kp_diag *reterr_diag);

#endif
