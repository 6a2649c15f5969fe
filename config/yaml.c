/* SPDX-License-Identifier: EUPL-1.2 */
#include "config/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

size_t kp_config_format(char *ret_text, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(ret_text, size, format, args);
    va_end(args);
    return wanted < 0 ? 0 : (size_t)wanted < size ? (size_t)wanted : size - 1;
}

void kp_config_message_add(struct kp_config_report *report, uint32_t line, uint32_t col,
                           const char *path, const char *format, ...)
{
    if (report->message_count == KP_CONFIG_MESSAGES_MAX) {
        report->dropped++;
        return;
    }
    struct kp_config_message *message = &report->messages[report->message_count++];
    message->line = line;
    message->col = col;
    const char *colon = path[0] == '\0' ? "" : ": ";
    char *text = message->text;
    size_t size = sizeof message->text;
    size_t used = line == 0 ? kp_config_format(text, size, "%s: %s%s", report->file, path, colon)
                            : kp_config_format(text, size, "%s:%u:%u: %s%s", report->file, line,
                                               col, path, colon);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, size - used, format, args); /* a message may be cut */
    va_end(args);
}

/* Tabs look like spaces and are not; refused wherever they stand. */
static void check_tabs(struct kp_slice text, struct kp_config_report *report)
{
    uint32_t line = 1;
    uint32_t col = 1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] == '\t') {
            kp_config_message_add(report, line, col, "",
                                  "a tab is not allowed (use spaces; in a quoted text \\t)");
        }
        col++;
        if (text.bytes[i] == '\n') {
            line++;
            col = 1;
        }
    }
}

struct builder {
    struct kp_config_report *report;
    struct kp_node *root, *parent, *key;
    uint32_t depth, documents;
    bool stop;
};

static void complain_mark(struct builder *builder, yaml_mark_t mark, const char *why)
{
    kp_config_message_add(builder->report, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, "",
                          "%s", why);
}

static struct kp_node *new_node(struct builder *builder, enum kp_node_kind kind, yaml_mark_t mark)
{
    struct kp_node *node = kp_arena_alloc(&builder->report->arena, sizeof *node);
    if (node == NULL) {
        complain_mark(builder, mark, "too large to be a configuration");
        builder->stop = true;
        return NULL;
    }
    node->kind = kind;
    node->line = (uint32_t)mark.line + 1;
    node->col = (uint32_t)mark.column + 1;
    return node;
}

/* Hang @node below the open list or map: as a key when the map waits for one. */
static void place(struct builder *builder, struct kp_node *node, yaml_mark_t mark)
{
    struct kp_node *parent = builder->parent;
    node->parent = parent;
    if (parent == NULL) {
        builder->root = node;
        return;
    }
    if (parent->kind == KP_NODE_MAP && builder->key == NULL) {
        if (node->kind != KP_NODE_SCALAR) {
            complain_mark(builder, mark, "the name of an option must be a plain word");
            builder->stop = true;
        }
        builder->key = node;
        return;
    }
    node->key = builder->key;
    builder->key = NULL;
    if (parent->last == NULL) {
        parent->first = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    parent->count++;
}

static void check_properties(struct builder *builder, yaml_mark_t mark, const yaml_char_t *anchor,
                             const yaml_char_t *tag)
{
    if (anchor != NULL) {
        complain_mark(builder, mark,
                      "an anchor (&) is not allowed: write the value where it is meant");
    }
    if (tag != NULL) {
        complain_mark(builder, mark, "a tag (!) is not allowed: the option decides the type");
    }
}

static void on_scalar(struct builder *builder, const yaml_event_t *event)
{
    check_properties(builder, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
    struct kp_node *node = new_node(builder, KP_NODE_SCALAR, event->start_mark);
    if (node == NULL) {
        return;
    }
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    /* With its NUL, so that the text can be printed; one inside is refused by the value's type. */
    node->text = kp_arena_copy(&builder->report->arena, kp_slice_of(event->data.scalar.value,
                                                                    event->data.scalar.length + 1));
    if (node->text.size == 0) {
        builder->stop = true;
        complain_mark(builder, event->start_mark, "too large to be a configuration");
        return;
    }
    node->text.size--;
    place(builder, node, event->start_mark);
}

static void on_open(struct builder *builder, enum kp_node_kind kind, yaml_mark_t mark)
{
    if (builder->depth == KP_CONFIG_DEPTH_MAX) {
        complain_mark(builder, mark, "nested deeper than any option is");
        builder->stop = true;
        return;
    }
    struct kp_node *node = new_node(builder, kind, mark);
    if (node == NULL) {
        return;
    }
    place(builder, node, mark);
    builder->parent = node;
    builder->depth++;
}

static void on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++builder->documents > 1) {
            complain_mark(builder, event->start_mark, "a second document is not allowed");
            builder->stop = true;
        }
        if (event->data.document_start.version_directive != NULL ||
            event->data.document_start.tag_directives.start !=
                event->data.document_start.tag_directives.end) {
            complain_mark(builder, event->start_mark, "a directive (%) is not allowed");
        }
        break;
    case YAML_ALIAS_EVENT:
        complain_mark(builder, event->start_mark,
                      "an alias (*) is not allowed: write the value where it is meant");
        builder->stop = true;
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(builder, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        check_properties(builder, event->start_mark, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag);
        on_open(builder, KP_NODE_LIST, event->start_mark);
        break;
    case YAML_MAPPING_START_EVENT:
        check_properties(builder, event->start_mark, event->data.mapping_start.anchor,
                         event->data.mapping_start.tag);
        on_open(builder, KP_NODE_MAP, event->start_mark);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->parent = builder->parent->parent;
        builder->depth--;
        break;
    case YAML_STREAM_END_EVENT:
        builder->stop = true;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void on_syntax(struct builder *builder, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        kp_config_message_add(builder->report, 1, 1, "", "not enough memory to read this");
        return;
    }
    const char *problem = parser->problem == NULL ? "cannot be read" : parser->problem;
    uint32_t line = (uint32_t)parser->problem_mark.line + 1;
    uint32_t col = (uint32_t)parser->problem_mark.column + 1;
    kp_config_message_add(builder->report, line, col, "", "not YAML: %s%s%s",
                          parser->context == NULL ? "" : parser->context,
                          parser->context == NULL ? "" : ": ", problem);
}

struct kp_node *kp_yaml_read(struct kp_slice text, struct kp_config_report *report)
{
    check_tabs(text, report);
    uint32_t faults = report->message_count;
    yaml_parser_t parser;
    if (text.size > KP_CONFIG_FILE_BYTES_MAX || yaml_parser_initialize(&parser) == 0) {
        kp_config_message_add(report, 0, 0, "", "too large to be a configuration");
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text.bytes, text.size);
    struct builder builder = {.report = report};
    bool broken = false;
    while (!builder.stop && !broken) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            on_syntax(&builder, &parser);
            broken = true;
        } else {
            on_event(&builder, &event);
            yaml_event_delete(&event);
        }
    }
    yaml_parser_delete(&parser);
    if (builder.root == NULL && report->message_count == faults) {
        kp_config_message_add(report, 0, 0, "", "is empty");
    }
    /* A tree that was broken off would only give complaints about what did not arrive. */
    return broken || builder.depth > 0 || builder.documents > 1 ? NULL : builder.root;
}
