/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/cli.h"

#include "base/assert.h"
#include "base/limits.h"
#include "cli/print.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/knooppunt/hub.sock"
#define SOCKET_IN_HOUSE "run/hub.sock"
#define PATH_BYTES_MAX 4096

enum common_option { OPTION_COMMAND = 0, OPTION_JSON, OPTION_SOCKET, OPTION_HOUSE, OPTION_HELP };

static const struct option common_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"house", required_argument, NULL, OPTION_HOUSE},
    {"help", no_argument, NULL, OPTION_HELP},
};
#define COMMON_COUNT (sizeof common_options / sizeof common_options[0])

/* --- help --- */

static void print_usage(const struct kp_cli_command *command, FILE *out)
{
    (void)fprintf(out, "knooppunt %s%s%s", command->name, command->arguments[0] == '\0' ? "" : " ",
                  command->arguments);
    const struct kp_cli_option *option = command->options;
    for (; option != NULL && option->name != NULL; option++) {
        (void)fprintf(out, option->required ? " --%s" : " [--%s", option->name);
        if (option->value != NULL) {
            (void)fprintf(out, " %s", option->value);
        }
        (void)fputs(option->required ? "" : "]", out);
    }
    (void)fputc('\n', out);
}

static void print_command_help(const struct kp_cli_command *command)
{
    (void)printf("%s\n\n  ", command->help);
    print_usage(command, stdout);
    (void)putchar('\n');
    const struct kp_cli_option *option = command->options;
    for (; option != NULL && option->name != NULL; option++) {
        char name[64];
        (void)snprintf(name, sizeof name, "--%s%s%s", option->name,
                       option->value == NULL ? "" : " ",
                       option->value == NULL ? "" : option->value);
        (void)printf("  %-24s%s\n", name, option->help);
    }
    (void)printf("  %-24s%s\n", "--json", "print one JSON object instead of text");
    if (command->query != NULL) {
        (void)printf("  %-24s%s\n", "--house DIR", "the hub of this house: DIR/" SOCKET_IN_HOUSE);
        (void)printf("  %-24s%s\n", "--socket PATH", "the hub's socket (" DEFAULT_SOCKET ")");
    }
}

static void print_help(const struct kp_cli_command *const *groups)
{
    (void)puts("knooppunt: the operator's and the counterpart's own commands (" KP_VERSION ")\n");
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            (void)printf("  %-20s%s\n", command->name, command->help);
        }
        (void)putchar('\n');
    }
    (void)puts("knooppunt COMMAND --help tells more. "
               "Exit: 0 done, 1 no, 2 usage, 3 try later, 4 broken.");
}

/* --- reading the command line --- */

/* A name of one or two words at the start of @argv; *ret_words of them. NULL: no such command. */
static const struct kp_cli_command *find_command(const struct kp_cli_command *const *groups,
                                                 int argc, char **argv, int *ret_words)
{
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            const char *space = strchr(command->name, ' ');
            size_t first = space == NULL ? strlen(command->name) : (size_t)(space - command->name);
            if (argc < 1 || strlen(argv[0]) != first ||
                memcmp(argv[0], command->name, first) != 0) {
                continue;
            }
            if (space == NULL || (argc > 1 && strcmp(argv[1], space + 1) == 0)) {
                *ret_words = space == NULL ? 1 : 2;
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

/* @argv[0] is the last word of the command's name. */
static enum kp_err read_args(struct kp_cli_args *args, int argc, char **argv, char *house_socket,
                             bool *ret_help, struct kp_diag *reterr_diag)
{
    struct option options[KP_CLI_OPTIONS_MAX + COMMON_COUNT + 1];
    make_options(args->command, options);
    opterr = 0;
    optind = 1;
    for (;;) {
        int index = 0;
        int found = getopt_long(argc, argv, "", options, &index);
        if (found == -1) {
            break;
        }
        if (found == '?') {
            return kp_fail(reterr_diag, KP_E_USAGE,
                           "\"%s\" is not an option of \"%s\", or lacks its value",
                           argv[optind - 1], args->command->name);
        }
        if (found == OPTION_COMMAND) {
            args->values[index] = optarg == NULL ? "" : optarg;
        } else if (found == OPTION_JSON) {
            args->json = true;
        } else if (found == OPTION_SOCKET) {
            args->socket_path = optarg;
        } else if (found == OPTION_HELP) {
            *ret_help = true;
        } else {
            int size = snprintf(house_socket, PATH_BYTES_MAX, "%s/" SOCKET_IN_HOUSE, optarg);
            if (size < 0 || size >= PATH_BYTES_MAX) {
                return kp_fail(reterr_diag, KP_E_USAGE, "--house: the path is too long");
            }
            args->socket_path = house_socket;
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

static int run(const struct kp_cli_command *command, int argc, char **argv)
{
    char house_socket[PATH_BYTES_MAX];
    bool help = false;
    struct kp_diag diag = {0};
    struct kp_cli_args args = {.command = command, .socket_path = DEFAULT_SOCKET};
    enum kp_err err = read_args(&args, argc, argv, house_socket, &help, &diag);
    if (err == KP_OK && help) {
        print_command_help(command);
        return KP_CLI_DONE;
    }
    if (err == KP_OK) {
        err = command->run(&args, &diag);
    }
    if (err != KP_OK && diag.err != KP_OK) {
        kp_print_error(&diag, args.json);
    }
    if (err == KP_E_USAGE && !args.json) {
        (void)fputs("usage: ", stderr);
        print_usage(command, stderr);
    }
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && err == KP_OK) {
        err = kp_fail(&diag, KP_E_IO, "the output cannot be written: %s", strerror(errno));
        kp_print_error(&diag, /* json= */ false);
    }
    return (int)kp_cli_exit_of(err);
}

int kp_cli_main(const struct kp_cli_command *const *groups, int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help(groups);
        return KP_CLI_DONE;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void)puts("knooppunt " KP_VERSION);
        return KP_CLI_DONE;
    }
    int words = 0;
    const struct kp_cli_command *command = find_command(groups, argc - 1, argv + 1, &words);
    if (command == NULL) {
        (void)fprintf(stderr,
                      "knooppunt: \"%s%s%s\" is not a command; knooppunt --help lists them\n",
                      argc > 1 ? argv[1] : "", argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
        return KP_CLI_USAGE;
    }
    return run(command, argc - words, argv + words);
}
