/* SPDX-License-Identifier: EUPL-1.2 */
/* The walk: a tree of YAML against a tree of tables. */
#include "config/schema.h"

#include "base/assert.h"
#include "base/limits.h"
#include "config/value.h"
#include "config/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Nodes take about 100 bytes each: room for the largest file we read. */
#define ARENA_BYTES ((size_t)32 << 20)
#define LABEL_BYTES 300
#define SHOWN_BYTES 80 /* of a wrong value in a message */

struct kp_config_mark {
    const void *at;
    uint32_t line, col;
    struct kp_config_mark *next;
};

struct walk {
    struct kp_config_report *report;
    const char *dir;
};

void kp_config_report_init(struct kp_config_report *report)
{
    report->file[0] = '\0';
    report->message_count = 0;
    report->dropped = 0;
    report->marks = NULL;
    kp_arena_init(&report->arena, ARENA_BYTES);
}

void kp_config_report_done(struct kp_config_report *report)
{
    kp_arena_done(&report->arena);
    report->marks = NULL;
}

void kp_config_complain(struct kp_config_report *report, const void *at, const char *label,
                        const char *format, ...)
{
    char why[KP_CONFIG_MESSAGE_BYTES_MAX + 1];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args); /* a message may be cut */
    va_end(args);
    const struct kp_config_mark *mark = report->marks;
    while (mark != NULL && (at == NULL || mark->at != at)) {
        mark = mark->next;
    }
    kp_config_message_add(report, mark == NULL ? 0 : mark->line, mark == NULL ? 0 : mark->col,
                          label, "%s", why);
}

static void set_mark(const struct walk *walk, const void *at, const struct kp_node *node)
{
    struct kp_config_mark *mark = kp_arena_alloc(&walk->report->arena, sizeof *mark);
    if (mark != NULL) { /* without one a later message has no place: no harm */
        *mark = (struct kp_config_mark){at, node->line, node->col, walk->report->marks};
        walk->report->marks = mark;
    }
}

static void *field_of(const struct kp_option *option, void *conf)
{
    return (uint8_t *)conf + option->offset;
}

static void join(char label[LABEL_BYTES], const char *path, const char *name)
{
    kp_config_format(label, LABEL_BYTES, "%s%s%s", path, path[0] == '\0' ? "" : ": ", name);
}

static void complain_value(const struct walk *walk, const struct kp_node *node, const char *label,
                           const char *why)
{
    bool cut = node->text.size > SHOWN_BYTES;
    char shown[SHOWN_BYTES + 1];
    size_t size = cut ? SHOWN_BYTES : node->text.size;
    for (size_t i = 0; i < size; i++) { /* one line, printable */
        uint8_t byte = node->text.bytes[i];
        shown[i] = byte < 0x20 || byte == 0x7f ? '?' : (char)byte;
    }
    shown[size] = '\0';
    kp_config_message_add(walk->report, node->line, node->col, label, "\"%s%s\" %s", shown,
                          cut ? "..." : "", why);
}

static bool read_scalar(const struct walk *walk, const struct kp_option *option,
                        const struct kp_node *node, const char *label, void *field)
{
    if (node->kind != KP_NODE_SCALAR) {
        kp_config_message_add(walk->report, node->line, node->col, label, "is not %s but a %s",
                              kp_value_is_list(option->type) ? "one value"
                                                             : kp_value_type_name(option->type),
                              node->kind == KP_NODE_LIST ? "list" : "section");
        return false;
    }
    if (node->text.size == 0 && !node->quoted) {
        kp_config_message_add(walk->report, node->line, node->col, label,
                              "has no value (leave the line out for the default)");
        return false;
    }
    char why[KP_VALUE_WHY_BYTES];
    if (!kp_value_read(option, node->text, walk->dir, field, why)) {
        complain_value(walk, node, label, why);
        return false;
    }
    set_mark(walk, field, node);
    return true;
}

/* --- lists of scalars --- */

/* Every list has a limit: the table's, or as many items as there are choices. */
static uint64_t count_max(const struct kp_option *option)
{
    uint64_t max = (uint64_t)option->max;
    if (option->type == KP_OPTION_CHOICES && max == 0) {
        while (option->choices[max].name != NULL) {
            max++;
        }
    }
    return max;
}

static bool count_fits(const struct walk *walk, const struct kp_option *option,
                       const struct kp_node *node, const char *label)
{
    uint64_t max = count_max(option);
    if (node->count < (uint64_t)option->min) {
        kp_config_message_add(walk->report, node->line, node->col, label,
                              "has %u items, fewer than %lld", node->count, (long long)option->min);
        return false;
    }
    if (node->count > max) {
        kp_config_message_add(walk->report, node->line, node->col, label,
                              "has %u items, more than %llu", node->count, (unsigned long long)max);
        return false;
    }
    return true;
}

static bool expect_list(const struct walk *walk, const struct kp_option *option,
                        const struct kp_node *node, const char *label)
{
    if (node->kind != KP_NODE_LIST) {
        kp_config_message_add(walk->report, node->line, node->col, label, "is not %s",
                              kp_value_type_name(option->type));
        return false;
    }
    return count_fits(walk, option, node, label);
}

static void set_count(const struct kp_option *option, void *conf, uint32_t count)
{
    *(uint16_t *)((uint8_t *)conf + option->count_offset) = (uint16_t)count;
}

static bool is_twice(const struct kp_node *list, const struct kp_node *item)
{
    for (const struct kp_node *other = list->first; other != item; other = other->next) {
        if (other->kind == KP_NODE_SCALAR && kp_slice_equal(other->text, item->text)) {
            return true;
        }
    }
    return false;
}

static void read_list(const struct walk *walk, const struct kp_option *option,
                      const struct kp_node *node, const char *label, void *conf)
{
    if (!expect_list(walk, option, node, label)) {
        return;
    }
    uint8_t *field = field_of(option, conf);
    set_mark(walk, field, node);
    uint32_t count = 0;
    for (const struct kp_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind == KP_NODE_SCALAR && is_twice(node, item)) {
            complain_value(walk, item, label, "stands here twice");
        }
        uint8_t *place =
            option->type == KP_OPTION_IDS ? field + count * (KP_ID_BYTES_MAX + 1) : field;
        if (read_scalar(walk, option, item, label, place)) {
            count++;
        }
    }
    if (option->type == KP_OPTION_IDS) {
        set_count(option, conf, count);
    }
}

/* --- sections --- */

static void read_section(const struct walk *walk, const struct kp_section *section,
                         const struct kp_node *node, const char *path, void *conf);

/* The first option of an item is its name in messages: `partner "om"`, else `partner 3`. */
static void item_label(const struct kp_section *section, const struct kp_node *item, uint32_t index,
                       const char *path, char label[LABEL_BYTES])
{
    char name[120];
    kp_config_format(name, sizeof name, "%s %u", section->name, index + 1);
    for (const struct kp_node *value = item->first; value != NULL; value = value->next) {
        if (item->kind == KP_NODE_MAP && value->kind == KP_NODE_SCALAR && value->text.size > 0 &&
            kp_slice_equal(value->key->text, kp_slice_str(section->options[0].name))) {
            kp_config_format(name, sizeof name, "%s \"%.*s\"", section->name,
                             (int)(value->text.size > 60 ? 60 : value->text.size),
                             (const char *)value->text.bytes);
        }
    }
    join(label, path, name);
}

static void read_sections(const struct walk *walk, const struct kp_option *option,
                          const struct kp_node *node, const char *label, const char *path,
                          void *conf)
{
    if (!expect_list(walk, option, node, label)) {
        return;
    }
    uint8_t *items = field_of(option, conf);
    set_mark(walk, items, node);
    uint32_t index = 0;
    for (const struct kp_node *item = node->first; item != NULL; item = item->next, index++) {
        char item_path[LABEL_BYTES];
        item_label(option->section, item, index, path, item_path);
        read_section(walk, option->section, item, item_path, items + index * option->section->size);
    }
    set_count(option, conf, index);
}

/* An option that the file does not have. @node: the section it is missing from; NULL: that is
 * absent too. */
static void set_default(const struct walk *walk, const struct kp_option *option,
                        const struct kp_node *node, const char *path, void *conf)
{
    char label[LABEL_BYTES];
    join(label, path, option->name);
    bool list = kp_value_is_list(option->type) || option->type == KP_OPTION_SECTIONS;
    if (option->type == KP_OPTION_SECTION) {
        read_section(walk, option->section, NULL, label, field_of(option, conf));
    } else if (list ? option->min > 0 : option->dflt == NULL) {
        kp_config_message_add(walk->report, node == NULL ? 0 : node->line,
                              node == NULL ? 0 : node->col, label, "is required");
    } else if (!list && option->dflt[0] != '\0') {
        char why[KP_VALUE_WHY_BYTES];
        bool fits = kp_value_read(option, kp_slice_str(option->dflt), walk->dir,
                                  field_of(option, conf), why);
        if (!fits) { /* only a path can be: too long once it is absolute */
            kp_config_message_add(walk->report, 0, 0, label, "the default \"%s\" %s", option->dflt,
                                  why);
        }
    }
}

static const struct kp_option *find_option(const struct kp_section *section, struct kp_slice name)
{
    for (size_t i = 0; i < section->option_count; i++) {
        if (kp_slice_equal(name, kp_slice_str(section->options[i].name))) {
            return &section->options[i];
        }
    }
    return NULL;
}

uint32_t kp_config_distance(struct kp_slice a, const char *b)
{
    uint32_t row[64];
    size_t b_size = strlen(b);
    if (a.size > 60 || b_size > 60) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= a.size; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t change = diagonal + (a.bytes[i - 1] == (uint8_t)b[j - 1] ? 0 : 1);
            uint32_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < best ? change : best;
        }
    }
    return row[b_size];
}

static void complain_unknown(const struct walk *walk, const struct kp_section *section,
                             const struct kp_node *key, const char *path)
{
    const char *nearest = NULL;
    uint32_t best = 3; /* more than two letters apart is another word */
    for (size_t i = 0; i < section->option_count; i++) {
        uint32_t apart = kp_config_distance(key->text, section->options[i].name);
        if (apart < best) {
            best = apart;
            nearest = section->options[i].name;
        }
    }
    char why[KP_VALUE_WHY_BYTES];
    kp_config_format(why, sizeof why, "is not an option of %s%s%s%s", section->name,
                     nearest == NULL ? "" : " (try \"", nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "\")");
    complain_value(walk, key, path, why);
}

static void read_option(const struct walk *walk, const struct kp_option *option,
                        const struct kp_node *node, const char *path, void *conf)
{
    char label[LABEL_BYTES];
    join(label, path, option->name);
    if (option->type == KP_OPTION_SECTION) {
        read_section(walk, option->section, node, label, field_of(option, conf));
    } else if (option->type == KP_OPTION_SECTIONS) {
        read_sections(walk, option, node, label, path, conf);
    } else if (kp_value_is_list(option->type)) {
        read_list(walk, option, node, label, conf);
    } else {
        (void)read_scalar(walk, option, node, label, field_of(option, conf)); /* message is added */
    }
}

static bool has_key(const struct kp_node *map, const struct kp_node *end, struct kp_slice name)
{
    for (const struct kp_node *value = map->first; value != end; value = value->next) {
        if (kp_slice_equal(value->key->text, name)) {
            return true;
        }
    }
    return false;
}

static void read_section(const struct walk *walk, const struct kp_section *section,
                         const struct kp_node *node, const char *path, void *conf)
{
    if (node != NULL && node->kind != KP_NODE_MAP) {
        kp_config_message_add(walk->report, node->line, node->col, path,
                              "is not a section of options (name: value)");
        return;
    }
    if (node != NULL) {
        set_mark(walk, conf, node);
    }
    for (const struct kp_node *value = node == NULL ? NULL : node->first; value != NULL;
         value = value->next) {
        const struct kp_option *option = find_option(section, value->key->text);
        if (option == NULL) {
            complain_unknown(walk, section, value->key, path);
        } else if (has_key(node, value, value->key->text)) {
            complain_value(walk, value->key, path, "stands here twice");
        } else {
            read_option(walk, option, value, path, conf);
        }
    }
    for (size_t i = 0; i < section->option_count; i++) {
        const struct kp_option *option = &section->options[i];
        if (node == NULL || !has_key(node, NULL, kp_slice_str(option->name))) {
            set_default(walk, option, node, path, conf);
        }
    }
}

enum kp_err kp_config_parse(const struct kp_section *root, const char *file, const char *dir,
                            struct kp_slice text, void *ret_conf, struct kp_config_report *report)
{
    KP_ASSERT(dir[0] == '/');
    memset(ret_conf, 0, root->size);
    kp_config_format(report->file, sizeof report->file, "%s", file); /* a long name is cut */
    struct kp_node *node = kp_yaml_read(text, report);
    if (node != NULL) {
        const struct walk walk = {report, dir};
        read_section(&walk, root, node, "", ret_conf);
    }
    return report->message_count == 0 ? KP_OK : KP_E_CONFIG;
}
