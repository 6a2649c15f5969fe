/* SPDX-License-Identifier: EUPL-1.2 */
/* What commands there are, as told to who asks, and to who mistyped one. */
#ifndef KP_CLI_HELP_H
#define KP_CLI_HELP_H

#include "cli/cli.h"

#include <stdio.h>

#define KP_CLI_SOCKET_DEFAULT "/run/knooppunt/hub.sock"
#define KP_CLI_SOCKET_IN_HOUSE "run/hub.sock"
#define KP_CLI_SOCKET_VARIABLE "KNOOPPUNT_SOCKET"

/* One line, with every option that it takes. */
void kp_cli_help_usage(const struct kp_cli_command *command, FILE *out);
void kp_cli_help_command(const struct kp_cli_command *command);
void kp_cli_help_all(const struct kp_cli_command *const *groups, FILE *out);
/* The commands of two words that start with @word; false: there are none. */
bool kp_cli_help_group(const struct kp_cli_command *const *groups, const char *word, FILE *out);
/* The name that was probably meant by @first and @second (NULL: one word); NULL: none is near. */
const char *kp_cli_help_nearest(const struct kp_cli_command *const *groups, const char *first,
                                const char *second);

#endif
