/* SPDX-License-Identifier: EUPL-1.2 */
/* What commands that ask the hub share. */
#ifndef KP_CLI_HUB_COMMANDS_H
#define KP_CLI_HUB_COMMANDS_H

#include "cli/ask.h"
#include "cli/cli.h"

/* Ask and print everything, sections also when the hub's code is not KP_OK. */
KP_MUST_CHECK enum kp_err kp_cli_ask_and_print(const struct kp_ask *ask, bool json,
                                               struct kp_diag *reterr_diag);

/* What a command would take away: the question that shows it, and a warning. */
struct kp_cli_effect {
    const char *query;
    size_t argument_count; /* of the command's own arguments, passed on */
    const char *warning;
};
/* KP_OK  --yes was given · KP_E_STATE  it was not: the effect was printed, nothing is to be done.
 */
KP_MUST_CHECK enum kp_err kp_cli_confirm(const struct kp_cli_args *args,
                                         const struct kp_cli_effect *effect,
                                         struct kp_diag *reterr_diag);

#endif
