/* SPDX-License-Identifier: EUPL-1.2 */
/* The YAML we allow, as a tree with the place of everything; inside config/ only. */
#ifndef KP_CONFIG_YAML_H
#define KP_CONFIG_YAML_H

#include "config/schema.h"

enum kp_node_kind { KP_NODE_SCALAR, KP_NODE_LIST, KP_NODE_MAP };

struct kp_node {
    enum kp_node_kind kind;
    bool quoted; /* a scalar in quotes or a block: its text is meant as it is */
    uint32_t line, col;
    struct kp_slice text;         /* of a scalar; NUL after the end */
    struct kp_node *key;          /* in a map: this node is the value of this scalar */
    struct kp_node *first, *last; /* items of a list or map, in order */
    struct kp_node *next, *parent;
    uint32_t count; /* of items */
};

/* Reads the one document of @text into the report's arena. NULL when the text cannot be read as
 * YAML; the report has messages then, and may have some too when a tree came back. */
struct kp_node *kp_yaml_read(struct kp_slice text, struct kp_config_report *report);

/* As snprintf, but what does not fit is cut on purpose. Returns the bytes written. */
size_t kp_config_format(char *ret_text, size_t size, const char *format, ...) KP_PRINTF(3, 4);

/* Add a message; @line 0: no place. @path  may be empty. */
void kp_config_message_add(struct kp_config_report *report, uint32_t line, uint32_t col,
                           const char *path, const char *format, ...) KP_PRINTF(5, 6);

#endif
