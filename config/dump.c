/* SPDX-License-Identifier: EUPL-1.2 */
/* From the table and a loaded struct back to text: YAML, and the reference of options. */
#include "base/limits.h"
#include "config/schema.h"
#include "config/value.h"

#include <string.h>

static void indent(struct kp_writer *writer, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        kp_value_write_text("  ", writer);
    }
}

static const void *field_of(const struct kp_option *option, const void *conf)
{
    return (const uint8_t *)conf + option->offset;
}

static uint16_t count_of(const struct kp_option *option, const void *conf)
{
    return *(const uint16_t *)((const uint8_t *)conf + option->count_offset);
}

static void dump_ids(const struct kp_option *option, const void *conf, struct kp_writer *writer)
{
    const uint8_t *ids = field_of(option, conf);
    for (uint16_t i = 0; i < count_of(option, conf); i++) {
        kp_value_write_text(i == 0 ? "" : ", ", writer);
        kp_value_write_text((const char *)ids + i * (KP_ID_BYTES_MAX + 1), writer);
    }
}

static void dump_choices(const struct kp_option *option, const void *conf, struct kp_writer *writer)
{
    uint32_t chosen = *(const uint32_t *)field_of(option, conf);
    const char *comma = "";
    for (const struct kp_choice *choice = option->choices; choice->name != NULL; choice++) {
        if (chosen >> choice->value & 1u) {
            kp_value_write_text(comma, writer);
            kp_value_write_text(choice->name, writer);
            comma = ", ";
        }
    }
}

static void dump_section(const struct kp_section *section, const void *conf, uint32_t depth,
                         bool item, struct kp_writer *writer);

static void dump_sections(const struct kp_option *option, const void *conf, uint32_t depth,
                          struct kp_writer *writer)
{
    const uint8_t *items = field_of(option, conf);
    uint16_t count = count_of(option, conf);
    kp_value_write_text(count == 0 ? " []\n" : "\n", writer);
    for (uint16_t i = 0; i < count; i++) {
        dump_section(option->section, items + i * option->section->size, depth + 2, true, writer);
    }
}

static void dump_option(const struct kp_option *option, const void *conf, uint32_t depth,
                        struct kp_writer *writer)
{
    kp_value_write_text(option->name, writer);
    kp_value_write_text(":", writer);
    if (option->type == KP_OPTION_SECTION) {
        kp_value_write_text("\n", writer);
        dump_section(option->section, field_of(option, conf), depth + 1, false, writer);
    } else if (option->type == KP_OPTION_SECTIONS) {
        dump_sections(option, conf, depth, writer);
    } else if (kp_value_is_list(option->type)) {
        kp_value_write_text(" [", writer);
        if (option->type == KP_OPTION_IDS) {
            dump_ids(option, conf, writer);
        } else {
            dump_choices(option, conf, writer);
        }
        kp_value_write_text("]\n", writer);
    } else {
        kp_value_write_text(" ", writer);
        kp_value_write(option, field_of(option, conf), writer);
        kp_value_write_text("\n", writer);
    }
}

/* @item: of a list, so its first line starts with a dash, two columns before the others. */
static void dump_section(const struct kp_section *section, const void *conf, uint32_t depth,
                         bool item, struct kp_writer *writer)
{
    for (size_t i = 0; i < section->option_count; i++) {
        bool dash = item && i == 0;
        indent(writer, dash ? depth - 1 : depth);
        kp_value_write_text(dash ? "- " : "", writer);
        dump_option(&section->options[i], conf, depth, writer);
    }
}

void kp_config_dump(const struct kp_section *root, const void *conf, struct kp_writer *writer)
{
    dump_section(root, conf, 0, false, writer);
}

/* --- fields.md --- */

static void fields_choices(const struct kp_option *option, struct kp_writer *writer)
{
    const char *space = "";
    for (const struct kp_choice *choice = option->choices; choice->name != NULL; choice++) {
        kp_value_write_text(space, writer);
        kp_value_write_text("`", writer);
        kp_value_write_text(choice->name, writer);
        kp_value_write_text("`", writer);
        space = " ";
    }
}

static void fields_range(const struct kp_option *option, struct kp_writer *writer)
{
    bool amount = option->type == KP_OPTION_NUMBER || option->type == KP_OPTION_DURATION ||
                  option->type == KP_OPTION_SIZE;
    if (option->choices != NULL) {
        fields_choices(option, writer);
    } else if (amount) {
        kp_value_write_amount(option->type, option->min, writer);
        kp_value_write_text(" to ", writer);
        int64_t max = kp_value_max(option);
        if (max == INT64_MAX) {
            kp_value_write_text("any", writer);
        } else {
            kp_value_write_amount(option->type, max, writer);
        }
    } else if (option->type == KP_OPTION_IDS || option->type == KP_OPTION_SECTIONS) {
        kp_value_write_amount(KP_OPTION_NUMBER, option->min, writer);
        kp_value_write_text(" to ", writer);
        kp_value_write_amount(KP_OPTION_NUMBER, option->max, writer);
        kp_value_write_text(" items", writer);
    } else if (option->type == KP_OPTION_TEXT || option->type == KP_OPTION_ID) {
        kp_value_write_text("at most ", writer);
        kp_value_write_amount(KP_OPTION_NUMBER,
                              option->max != 0 ? option->max : (int64_t)option->size - 1, writer);
        kp_value_write_text(" bytes", writer);
    }
}

static void fields_default(const struct kp_option *option, struct kp_writer *writer)
{
    bool list = kp_value_is_list(option->type) || option->type == KP_OPTION_SECTIONS;
    if (option->type == KP_OPTION_SECTION) {
        return;
    }
    if (list ? option->min > 0 : option->dflt == NULL) {
        kp_value_write_text("required", writer);
    } else if (list || option->dflt[0] == '\0') {
        kp_value_write_text("none", writer);
    } else {
        kp_value_write_text("`", writer);
        kp_value_write_text(option->dflt, writer);
        kp_value_write_text("`", writer);
    }
}

static void fields_section(const struct kp_section *section, const char *title,
                           struct kp_writer *writer)
{
    kp_value_write_text("\n## ", writer);
    kp_value_write_text(title, writer);
    kp_value_write_text("\n", writer);
    kp_value_write_text(section->doc, writer);
    kp_value_write_text(
        "\n\n| option | is | default | allowed | meaning |\n|---|---|---|---|---|\n", writer);
    for (size_t i = 0; i < section->option_count; i++) {
        const struct kp_option *option = &section->options[i];
        kp_value_write_text("| `", writer);
        kp_value_write_text(option->name, writer);
        kp_value_write_text("` | ", writer);
        kp_value_write_text(kp_value_type_name(option->type), writer);
        kp_value_write_text(" | ", writer);
        fields_default(option, writer);
        kp_value_write_text(" | ", writer);
        fields_range(option, writer);
        kp_value_write_text(" | ", writer);
        kp_value_write_text(option->doc, writer);
        kp_value_write_text(" |\n", writer);
    }
    for (size_t i = 0; i < section->option_count; i++) {
        const struct kp_option *option = &section->options[i];
        if (option->section != NULL) {
            fields_section(option->section, option->name, writer);
        }
    }
}

void kp_config_fields(const struct kp_section *root, const char *title, struct kp_writer *writer)
{
    kp_value_write_text("# ", writer);
    kp_value_write_text(title, writer);
    kp_value_write_text("\n\nMade from the table in the source; do not edit.\n", writer);
    fields_section(root, root->name, writer);
}
