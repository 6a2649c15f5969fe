/* SPDX-License-Identifier: EUPL-1.2 */
/* One scalar of the configuration: from text to its field and back; inside config/ only. */
#ifndef KP_CONFIG_VALUE_H
#define KP_CONFIG_VALUE_H

#include "config/schema.h"

#define KP_VALUE_WHY_BYTES 320

/* "a duration" */
const char *kp_value_type_name(enum kp_option_type type);
/* A scalar type, or a list of scalars; false: sections. */
bool kp_value_is_list(enum kp_option_type type);

/*
 * Read @text into @field (one item of the field for a list type).
 * @dir      for paths
 * @ret_why  KP_VALUE_WHY_BYTES: on failure what is wrong with it, as `is not a duration (try "2s")`
 * false: @field is as it was.
 */
bool kp_value_read(const struct kp_option *option, struct kp_slice text, const char *dir,
                   void *field, char *ret_why);
/* Text as it would be written in a file. For KP_OPTION_CHOICES: the choice with value @item. */
void kp_value_write(const struct kp_option *option, const void *field, struct kp_writer *writer);
/* An amount with its unit, the largest that fits: "90s", "64MiB", "12". */
void kp_value_write_amount(enum kp_option_type type, int64_t amount, struct kp_writer *writer);
void kp_value_write_quoted(struct kp_slice text, struct kp_writer *writer);
void kp_value_write_text(const char *text, struct kp_writer *writer);

/* Numbers by the width of their field. */
int64_t kp_value_number(const void *field, size_t size);
void kp_value_set_number(void *field, size_t size, int64_t number);
/* Largest number the field of @option holds or its max allows. */
int64_t kp_value_max(const struct kp_option *option);

#endif
