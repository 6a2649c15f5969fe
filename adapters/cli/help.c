/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/help.h"

#include "config/schema.h"

#include <string.h>

void kp_cli_help_usage(const struct kp_cli_command *command, FILE *out)
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
    (void)fprintf(out, " [--json]%s\n",
                  command->query == NULL ? "" : " [--house DIR | --socket PATH]");
}

static void print_row(const char *name, const char *help, FILE *out)
{
    (void)fprintf(out, "  %-24s%s\n", name, help);
}

static int line_size(const char *text)
{
    return (int)strcspn(text, "\n");
}

void kp_cli_help_command(const struct kp_cli_command *command)
{
    int size = line_size(command->help);
    (void)printf("%.*s\n\n  ", size, command->help);
    kp_cli_help_usage(command, stdout);
    (void)putchar('\n');
    const struct kp_cli_option *option = command->options;
    for (; option != NULL && option->name != NULL; option++) {
        char name[64];
        (void)snprintf(name, sizeof name, "--%s%s%s", option->name,
                       option->value == NULL ? "" : " ",
                       option->value == NULL ? "" : option->value);
        print_row(name, option->help, stdout);
    }
    print_row("--json", "print one JSON object instead of text", stdout);
    if (command->query != NULL) {
        print_row("--house DIR", "the hub of this house: DIR/" KP_CLI_SOCKET_IN_HOUSE, stdout);
        print_row("--socket PATH",
                  "the hub's socket (else $" KP_CLI_SOCKET_VARIABLE ", else " KP_CLI_SOCKET_DEFAULT
                  ")",
                  stdout);
    }
    if (command->help[size] != '\0') {
        (void)printf("%s\n", command->help + size);
    }
}

static void print_command(const struct kp_cli_command *command, FILE *out)
{
    (void)fprintf(out, "  %-22s%.*s\n", command->name, line_size(command->help), command->help);
}

void kp_cli_help_all(const struct kp_cli_command *const *groups, FILE *out)
{
    (void)fputs("knooppunt: the operator's and the counterpart's own commands (" KP_VERSION ")\n\n",
                out);
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            print_command(command, out);
        }
        (void)fputc('\n', out);
    }
    (void)fputs("knooppunt COMMAND --help tells more. "
                "Exit: 0 done, 1 no, 2 usage, 3 try later, 4 broken.\n",
                out);
}

/* Whether the name has these words before its last one. */
static bool begins_with(const char *name, int count, char **typed)
{
    for (int i = 0; i < count; i++) {
        size_t size = strlen(typed[i]);
        if (strncmp(name, typed[i], size) != 0 || name[size] != ' ') {
            return false;
        }
        name += size + 1;
    }
    return true;
}

static bool is_begun(const struct kp_cli_command *const *groups, int count, char **typed)
{
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            if (begins_with(command->name, count, typed)) {
                return true;
            }
        }
    }
    return false;
}

int kp_cli_help_begun(const struct kp_cli_command *const *groups, int count, char **typed)
{
    int begun = 0;
    while (begun < count && is_begun(groups, begun + 1, typed)) {
        begun++;
    }
    return begun;
}

void kp_cli_help_group(const struct kp_cli_command *const *groups, int count, char **typed,
                       FILE *out)
{
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            if (begins_with(command->name, count, typed)) {
                print_command(command, out);
            }
        }
    }
}

void kp_cli_help_join(int count, char **typed, char ret_text[KP_CLI_NAME_BYTES])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (int i = 0; i < count && used < KP_CLI_NAME_BYTES; i++) {
        used += (size_t)snprintf(ret_text + used, KP_CLI_NAME_BYTES - used, "%s%s",
                                 i == 0 ? "" : " ", typed[i]);
    }
}

/* More than two letters apart is another word; in a short one already fewer. */
static uint32_t letters_apart(const char *typed, const char *name)
{
    size_t size = strlen(typed);
    uint32_t apart = kp_config_distance(kp_slice_str(typed), name);
    return apart <= 2 && 2 * apart < size ? apart : UINT32_MAX;
}

static int count_words(const char *name)
{
    int words = 1;
    while ((name = strchr(name, ' ')) != NULL) {
        name++;
        words++;
    }
    return words;
}

const char *kp_cli_help_nearest(const struct kp_cli_command *const *groups, int begun, int count,
                                char **typed)
{
    const char *nearest = NULL;
    uint32_t best = UINT32_MAX;
    for (; *groups != NULL; groups++) {
        for (const struct kp_cli_command *command = *groups; command->name != NULL; command++) {
            char text[KP_CLI_NAME_BYTES];
            int words = count_words(command->name);
            kp_cli_help_join(words < count ? words : count, typed, text);
            uint32_t apart = letters_apart(text, command->name);
            if (begins_with(command->name, begun, typed) && apart < best) {
                best = apart;
                nearest = command->name;
            }
        }
    }
    return nearest;
}
