/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The frame that every command of `knooppunt` hangs in: one row in a table says its name, options,
 * limits and function; reading the command line, help, errors and exit codes are the same for all.
 */
#ifndef KP_CLI_CLI_H
#define KP_CLI_CLI_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum kp_cli_exit {
    KP_CLI_DONE = 0,
    KP_CLI_NO = 1,     /* a check failed, or what was asked cannot be */
    KP_CLI_USAGE = 2,  /* not given as it should be */
    KP_CLI_LATER = 3,  /* the same may succeed later */
    KP_CLI_BROKEN = 4, /* this machine, its files or this program */
};

#define KP_CLI_OPTIONS_MAX 8u

/* An option of one command: `--out FILE`. Ends with a NULL name. */
struct kp_cli_option {
    const char *name;
    const char *value; /* what it takes, for the help; NULL: a switch */
    bool required;
    const char *help;
};

struct kp_cli_args;

struct kp_cli_command {
    const char *name;      /* "partner enrol" */
    const char *arguments; /* for the help: "REQUEST" */
    int arguments_min, arguments_max;
    const struct kp_cli_option *options; /* NULL: the common ones only */
    const char *help; /* one line; what comes after it stands in the command's own help only */
    /* Does the work and prints its result. What fails leaves through @reterr_diag and is printed by
     * the caller, unless diag.err is KP_OK: then the command told it itself. The exit code follows
     * from what is returned. */
    enum kp_err (*run)(const struct kp_cli_args *args, struct kp_diag *reterr_diag);
    const char *query; /* for commands that ask the hub: the name of the Query; else NULL */
};

struct kp_cli_args {
    const struct kp_cli_command *command;
    const char *values[KP_CLI_OPTIONS_MAX]; /* in the order of its options; "" for a given switch */
    char **arguments;
    int argument_count;
    bool json;
    const char *socket_path;
};

/* Groups of commands, one file each; each array ends with a NULL name. */
extern const struct kp_cli_command kp_cli_house_commands[];
extern const struct kp_cli_command kp_cli_identity_commands[];
extern const struct kp_cli_command kp_cli_demo_ca_commands[];
extern const struct kp_cli_command kp_cli_config_commands[];
extern const struct kp_cli_command kp_cli_hub_commands[];
extern const struct kp_cli_command kp_cli_enrol_commands[];
extern const struct kp_cli_command kp_cli_maintain_commands[];
extern const struct kp_cli_command kp_cli_link_commands[];

/* NULL: not given. @name must be one of the command's options. */
const char *kp_cli_value(const struct kp_cli_args *args, const char *name);
/* A whole number of [min, max] from @text. KP_E_USAGE */
KP_MUST_CHECK enum kp_err kp_cli_number(const char *name, const char *text, long min, long max,
                                        long *ret_number, struct kp_diag *reterr_diag);
/* 20 digits. KP_E_USAGE */
KP_MUST_CHECK enum kp_err kp_cli_oin_check(const char *text, struct kp_diag *reterr_diag);

/* Run the command line over @groups (ends with NULL). Returns the exit code. */
int kp_cli_main(const struct kp_cli_command *const *groups, int argc, char **argv);

enum kp_cli_exit kp_cli_exit_of(enum kp_err err);

#endif
