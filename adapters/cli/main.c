/* SPDX-License-Identifier: EUPL-1.2 */
/* `knooppunt`: what a person types. The commands stand in the tables of the other files here. */
#include "base/crypto.h"
#include "cli/cli.h"
#include "cli/print.h"

#include <signal.h>

static const struct kp_cli_command *const groups[] = {
    kp_cli_hub_commands,      kp_cli_enrol_commands,    kp_cli_house_commands,
    kp_cli_config_commands,   kp_cli_identity_commands, kp_cli_demo_ca_commands,
    kp_cli_maintain_commands, kp_cli_link_commands,     NULL,
};

int main(int argc, char **argv)
{
    struct kp_diag diag;
    (void)signal(SIGPIPE, SIG_DFL); /* `| head`: who read enough ends it, whoever started us */
    if (kp_crypto_init(&diag) != KP_OK) {
        kp_print_error(&diag, /* json= */ false);
        return KP_CLI_BROKEN;
    }
    int code = kp_cli_main(groups, argc, argv);
    kp_crypto_done();
    return code;
}
