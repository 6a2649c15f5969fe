/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/cli.h"

#include "base/assert.h"
#include "base/limits.h"
#include "cli/help.h"
#include "cli/print.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX 4096

enum common_option { OPTION_COMMAND = 0, OPTION_JSON, OPTION_SOCKET, OPTION_HOUSE, OPTION_HELP };

static const struct option common_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"house", required_argument, NULL, OPTION_HOUSE},
    {"help", no_argument, NULL, OPTION_HELP},
};
#define COMMON_COUNT (sizeof common_options / sizeof common_options[0])

/* --- reading the command line --- */

/* How many words the name has, if @argv begins with them; 0: it does not. */
static int count_words(const char *name, int argc, char **argv)
{
    for (int words = 0;; words++) {
        size_t size = strcspn(name, " ");
        if (words == argc || strlen(argv[words]) != size || memcmp(argv[words], name, size) != 0) {
            return 0;
        }
        if (name[size] == '\0') {
            return words + 1;
        }
        name += size + 1;
    }
}

/* A name of some words at the start of @argv; *ret_words of them. NULL: no such command. */
static const struct kp_cli_command *find_command(const struct kp_cli_command *const *groups,
                                                 int argc, char **argv, int *ret_words)
{
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            *ret_words = count_words(command->name, argc, argv);
            if (*ret_words > 0) {
                return command;
            }
        }
    }
    return NULL;
}

static size_t option_count(const struct kp_cli_command *command)
{
    size_t count = 0;
    while (command->options != NULL && command->options[count].name != NULL) {
        count++;
    }
    KP_ASSERT(count <= KP_CLI_OPTIONS_MAX);
    return count;
}

static void make_options(const struct kp_cli_command *command, struct option *ret_options)
{
    size_t count = option_count(command);
    for (size_t i = 0; i < count; i++) {
        ret_options[i] = (struct option){
            .name = command->options[i].name,
            .has_arg = command->options[i].value == NULL ? no_argument : required_argument,
        };
    }
    memcpy(ret_options + count, common_options, sizeof common_options);
    ret_options[count + COMMON_COUNT] = (struct option){0};
}

static enum kp_err check_args(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const struct kp_cli_command *command = args->command;
    if (args->argument_count < command->arguments_min) {
        return kp_fail(reterr_diag, KP_E_USAGE, "\"%s\" needs %s", command->name,
                       command->arguments);
    }
    if (args->argument_count > command->arguments_max) {
        return kp_fail(reterr_diag, KP_E_USAGE, "\"%s\" is one argument too many for \"%s\"",
                       args->arguments[command->arguments_max], command->name);
    }
    for (size_t i = 0; i < option_count(command); i++) {
        if (command->options[i].required && args->values[i] == NULL) {
            return kp_fail(reterr_diag, KP_E_USAGE, "\"%s\" needs --%s %s (%s)", command->name,
                           command->options[i].name, command->options[i].value,
                           command->options[i].help);
        }
    }
    return KP_OK;
}

/* An option that every command has; @house_socket keeps what --house makes. */
static enum kp_err take_common(struct kp_cli_args *args, int found, char *house_socket,
                               bool *ret_help, struct kp_diag *reterr_diag)
{
    switch (found) {
    case OPTION_JSON:
        args->json = true;
        return KP_OK;
    case OPTION_SOCKET:
        args->socket_path = optarg;
        return KP_OK;
    case OPTION_HOUSE:
        if (snprintf(house_socket, PATH_BYTES_MAX, "%s/" KP_CLI_SOCKET_IN_HOUSE, optarg) >=
            PATH_BYTES_MAX) {
            return kp_fail(reterr_diag, KP_E_USAGE, "--house: the path is too long");
        }
        args->socket_path = house_socket;
        return KP_OK;
    default:
        *ret_help = true;
        return KP_OK;
    }
}

/* Options that stand before the command. *ret_words: how many words of @argv they were. */
static enum kp_err read_leading(struct kp_cli_args *args, int argc, char **argv, char *house_socket,
                                bool *ret_help, int *ret_words, struct kp_diag *reterr_diag)
{
    struct option options[COMMON_COUNT + 1];
    memcpy(options, common_options, sizeof common_options);
    options[COMMON_COUNT] = (struct option){0};
    opterr = 0;
    optind = 0; /* start anew, and with another order of words than the last time */
    int found;
    while ((found = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        enum kp_err err =
            found != '?' ? take_common(args, found, house_socket, ret_help, reterr_diag)
                         : kp_fail(reterr_diag, KP_E_USAGE,
                                   "\"%s\" is not an option that every command has, or lacks its "
                                   "value; an option of one command stands behind it",
                                   argv[optind - 1]);
        if (err != KP_OK) {
            return err;
        }
    }
    *ret_words = optind - 1;
    return KP_OK;
}

/* @argv[0] is the last word of the command's name. */
static enum kp_err read_args(struct kp_cli_args *args, int argc, char **argv, char *house_socket,
                             bool *ret_help, struct kp_diag *reterr_diag)
{
    struct option options[KP_CLI_OPTIONS_MAX + COMMON_COUNT + 1];
    make_options(args->command, options);
    opterr = 0;
    optind = 0;
    int found;
    int index = 0;
    while ((found = getopt_long(argc, argv, "h", options, &index)) != -1) {
        if (found == '?') {
            return kp_fail(reterr_diag, KP_E_USAGE,
                           "\"%s\" is not an option of \"%s\", or lacks its value",
                           argv[optind - 1], args->command->name);
        }
        if (found == OPTION_COMMAND) {
            args->values[index] = optarg == NULL ? "" : optarg;
            continue;
        }
        enum kp_err err = take_common(args, found, house_socket, ret_help, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    args->arguments = argv + optind;
    args->argument_count = argc - optind;
    return *ret_help ? KP_OK : check_args(args, reterr_diag);
}

const char *kp_cli_value(const struct kp_cli_args *args, const char *name)
{
    size_t count = option_count(args->command);
    size_t i = 0;
    while (i < count && strcmp(args->command->options[i].name, name) != 0) {
        i++;
    }
    KP_ASSERT(i < count);
    return args->values[i];
}

enum kp_err kp_cli_number(const char *name, const char *text, long min, long max, long *ret_number,
                          struct kp_diag *reterr_diag)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (text[0] == '\0' || *end != '\0' || errno != 0 || number < min || number > max) {
        return kp_fail_field(reterr_diag, KP_E_USAGE, name,
                             "\"%s\" is not a whole number from %ld to %ld", text, min, max);
    }
    *ret_number = number;
    return KP_OK;
}

enum kp_err kp_cli_oin_check(const char *text, struct kp_diag *reterr_diag)
{
    size_t digits = strspn(text, "0123456789");
    if (digits != KP_OIN_DIGITS || text[digits] != '\0') {
        return kp_fail_field(reterr_diag, KP_E_USAGE, "oin", "\"%s\" is not an OIN of %u digits",
                             text, KP_OIN_DIGITS);
    }
    return KP_OK;
}

/* --- running --- */

enum kp_cli_exit kp_cli_exit_of(enum kp_err err)
{
    switch ((int)err) {
    case KP_OK:
        return KP_CLI_DONE;
    case KP_E_USAGE:
        return KP_CLI_USAGE;
    case KP_E_NOT_FOUND:
    case KP_E_EXISTS:
    case KP_E_STATE:
    case KP_E_PERMISSION:
    case KP_E_CONFIG:
    case KP_E_TEST_MODE:
        return KP_CLI_NO;
    default:
        break;
    }
    switch (kp_err_category(err)) {
    case KP_ERR_RETRY:
        return KP_CLI_LATER;
    case KP_ERR_PARTNER:
        return KP_CLI_NO;
    case KP_ERR_OPERATOR:
    case KP_ERR_BUG:
        break;
    }
    return KP_CLI_BROKEN;
}

static int run(struct kp_cli_args *args, int argc, char **argv, char *house_socket, bool help)
{
    struct kp_diag diag = {0};
    enum kp_err err = read_args(args, argc, argv, house_socket, &help, &diag);
    if (err == KP_OK && help) {
        kp_cli_help_command(args->command);
        return KP_CLI_DONE;
    }
    if (err == KP_OK) {
        err = args->command->run(args, &diag);
    }
    if (err != KP_OK && diag.err != KP_OK) {
        kp_print_error(&diag, args->json);
    }
    if (err == KP_E_USAGE && !args->json) {
        (void)fputs("usage: ", stderr);
        kp_cli_help_usage(args->command, stderr);
    }
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && err == KP_OK) {
        err = kp_fail(&diag, KP_E_IO, "the output cannot be written: %s", strerror(errno));
        kp_print_error(&diag, /* json= */ false);
    }
    return (int)kp_cli_exit_of(err);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* Words before the options. */
static int count_typed(int argc, char **argv)
{
    int count = 0;
    while (count < argc && argv[count][0] != '-' && !is_help(argv[count])) {
        count++;
    }
    return count;
}

static void tell_mistyped(const struct kp_cli_command *const *groups, int begun, int count,
                          char **typed)
{
    char text[KP_CLI_NAME_BYTES];
    kp_cli_help_join(begun < count ? begun + 1 : count, typed, text);
    (void)fprintf(stderr, "knooppunt: \"%s\" is not a%s command", text,
                  begun == count ? " whole" : "");
    const char *nearest = begun == count ? NULL : kp_cli_help_nearest(groups, begun, count, typed);
    if (nearest != NULL) {
        (void)fprintf(stderr, "; did you mean \"knooppunt %s\"?\n", nearest);
        return;
    }
    (void)fputs("; there is:\n", stderr);
    if (begun > 0) {
        kp_cli_help_group(groups, begun, typed, stderr);
    } else {
        kp_cli_help_all(groups, stderr);
    }
}

/* What was typed is no command: nothing, the beginning of some, or a mistake. */
static int tell_unknown(const struct kp_cli_command *const *groups, int argc, char **argv,
                        bool help)
{
    int count = count_typed(argc, argv);
    int begun = kp_cli_help_begun(groups, count, argv);
    if (begun == count && (help || (count < argc && is_help(argv[count])))) {
        if (count == 0) {
            kp_cli_help_all(groups, stdout);
        } else {
            kp_cli_help_group(groups, count, argv, stdout);
        }
        return KP_CLI_DONE;
    }
    if (count == 0) {
        (void)fputs("knooppunt: no command was given\n\n", stderr);
        kp_cli_help_all(groups, stderr);
    } else {
        tell_mistyped(groups, begun, count, argv);
    }
    return KP_CLI_USAGE;
}

int kp_cli_main(const struct kp_cli_command *const *groups, int argc, char **argv)
{
    char house_socket[PATH_BYTES_MAX];
    const char *socket_path = getenv(KP_CLI_SOCKET_VARIABLE);
    bool given = socket_path != NULL && socket_path[0] != '\0';
    struct kp_cli_args args = {.socket_path = given ? socket_path : KP_CLI_SOCKET_DEFAULT};
    struct kp_diag diag;
    bool help = false;
    int words = 0;
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void)puts("knooppunt " KP_VERSION);
        return KP_CLI_DONE;
    }
    if (read_leading(&args, argc, argv, house_socket, &help, &words, &diag) != KP_OK) {
        kp_print_error(&diag, args.json);
        return KP_CLI_USAGE;
    }
    argc -= 1 + words;
    argv += 1 + words;
    if (argc > 0 && strcmp(argv[0], "help") == 0) {
        help = true;
        argc--;
        argv++;
    }
    args.command = find_command(groups, argc, argv, &words);
    if (args.command == NULL) {
        return tell_unknown(groups, argc, argv, help);
    }
    return run(&args, argc - words + 1, argv + words - 1, house_socket, help);
}
