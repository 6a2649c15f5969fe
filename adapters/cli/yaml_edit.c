/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/yaml_edit.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT "  "

static size_t line_size(const char *line)
{
    size_t size = strcspn(line, "\n");
    return size + (line[size] == '\n' ? 1 : 0);
}

/* "house:" alone on its line, but for a comment. */
static bool is_section(const char *line, const char *section)
{
    size_t size = strlen(section);
    if (strncmp(line, section, size) != 0 || line[size] != ':') {
        return false;
    }
    const char *rest = line + size + 1 + strspn(line + size + 1, " ");
    return *rest == '\n' || *rest == '\0' || *rest == '#';
}

static bool is_option(const char *line, const char *name)
{
    size_t size = strlen(name);
    return strncmp(line, INDENT, 2) == 0 && strncmp(line + 2, name, size) == 0 &&
           line[2 + size] == ':' && (line[3 + size] == ' ' || line[3 + size] == '\n');
}

/* Ends the section: something at the start of a line that is no comment. */
static bool is_top(const char *line)
{
    return *line != ' ' && *line != '\n' && *line != '#' && *line != '\0';
}

enum kp_err kp_yaml_edit(const char *text, const struct kp_yaml_edit *edit, char **ret_text,
                         struct kp_diag *reterr_diag)
{
    const char *line = text;
    while (*line != '\0' && !is_section(line, edit->section)) {
        line += line_size(line);
    }
    if (*line == '\0') {
        return kp_fail(reterr_diag, KP_E_CONFIG, "the template has no section \"%s:\"",
                       edit->section);
    }
    line += line_size(line);
    const char *first = line; /* where a new option goes */
    while (*line != '\0' && !is_top(line) && !is_option(line, edit->name)) {
        line += line_size(line);
    }
    bool found = *line != '\0' && is_option(line, edit->name);
    const char *from = found ? line : first;
    const char *to = found ? line + line_size(line) : first;
    size_t value_size = edit->value == NULL ? 0 : strlen(edit->value);
    size_t size_max = strlen(text) + strlen(edit->name) + value_size + sizeof INDENT ": \n";
    char *edited = malloc(size_max);
    KP_ASSERT(edited != NULL);
    int size = snprintf(edited, size_max, "%.*s", (int)(from - text), text);
    if (edit->value != NULL) {
        size += snprintf(edited + size, size_max - (size_t)size, INDENT "%s: %s\n", edit->name,
                         edit->value);
    }
    (void)snprintf(edited + size, size_max - (size_t)size, "%s", to);
    *ret_text = edited;
    return KP_OK;
}
