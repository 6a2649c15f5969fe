/* SPDX-License-Identifier: EUPL-1.2 */
/* What commands there are, as told to who asks, and to who mistyped one. */
#ifndef KP_CLI_HELP_H
#define KP_CLI_HELP_H

#include "cli/cli.h"

#include <stdio.h>

#define KP_CLI_SOCKET_DEFAULT "/run/knooppunt/hub.sock"
#define KP_CLI_SOCKET_IN_HOUSE "run/hub.sock"
#define KP_CLI_SOCKET_VARIABLE "KNOOPPUNT_SOCKET"
#define KP_CLI_NAME_BYTES 64 /* of a command's name, however it was typed */

/* One line, with every option that it takes. */
void kp_cli_help_usage(const struct kp_cli_command *command, FILE *out);
void kp_cli_help_command(const struct kp_cli_command *command);
void kp_cli_help_all(const struct kp_cli_command *const *groups, FILE *out);
/* Of the words @typed, those at the start with which longer commands begin: 2 of "match epoch
 * lsit", 0 of "statsu". */
int kp_cli_help_begun(const struct kp_cli_command *const *groups, int count, char **typed);
/* The commands that begin with these words. */
void kp_cli_help_group(const struct kp_cli_command *const *groups, int count, char **typed,
                       FILE *out);
/* The name that was probably meant, of those that begin with the first @begun words; NULL: none is
 * near. */
const char *kp_cli_help_nearest(const struct kp_cli_command *const *groups, int begun, int count,
                                char **typed);
/* The words with a space between, as far as they fit. */
void kp_cli_help_join(int count, char **typed, char ret_text[KP_CLI_NAME_BYTES]);

#endif
