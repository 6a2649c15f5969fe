/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Configuration from a table: one row per option says its name, type, limits, default, place in the
 * program's struct and what it is for. The table drives reading (YAML), checking, `config dump` and
 * fields.md; a row is the only place to add an option. Used by the hub (config/house.h) and by each
 * adapter for its adapter.yaml.
 *
 * Strict: unknown and duplicate keys, anchors, aliases, tags, tabs, directives and a second
 * document are errors. All errors are reported at once, each as house.yaml:14:9: partner "north":
 * retry_first: "soon" is not a duration (try "2s") Nothing here logs, prints or exits. One thread
 * per report.
 *
 *     static const struct kp_option client_rows[] = {
 *         {"hub", KP_OPTION_PATH, KP_AT(struct conf, bundle_file), .doc = "Bundle of the hub."},
 *         {"retry_first", KP_OPTION_DURATION, KP_AT(struct conf, retry_first_ms), .min = 100,
 *          .max = 3600000, .dflt = "2s", .doc = "Delay before the first retry."},
 *     };
 *     static const struct kp_section client = {"adapter", sizeof(struct conf), client_rows,
 *                                              KP_ROWS(client_rows), "How ... "};
 */
#ifndef KP_CONFIG_SCHEMA_H
#define KP_CONFIG_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The dump of the largest house fits, so that every dump reads again. */
#define KP_CONFIG_FILE_BYTES_MAX (2u << 20)
#define KP_CONFIG_DEPTH_MAX 8u
#define KP_CONFIG_MESSAGES_MAX 100u
#define KP_CONFIG_MESSAGE_BYTES_MAX 500u
#define KP_CONFIG_PATH_BYTES_MAX 255u

enum kp_option_type {
    /* type             field in the struct                 min and max */
    KP_OPTION_TEXT,     /* char[]                           bytes; max 0: what the field holds */
    KP_OPTION_ID,       /* char[], a-z 0-9 and -            as TEXT */
    KP_OPTION_OIN,      /* char[21], 20 digits */
    KP_OPTION_PATH,     /* char[], made absolute from the file's directory */
    KP_OPTION_BOOL,     /* bool, true or false */
    KP_OPTION_NUMBER,   /* (u)int8_t to (u)int64_t          value; both 0: 0 to what the field holds
                         */
    KP_OPTION_DURATION, /* int64_t or uint32_t, ms          ms */
    KP_OPTION_SIZE,     /* uint64_t or uint32_t, bytes      bytes */
    KP_OPTION_CHOICE,   /* an enum or integer */
    KP_OPTION_CHOICES,  /* uint32_t: bit n for each chosen value n; a list in the file   number of
                           items */
    KP_OPTION_IDS,      /* char[][KP_ID_BYTES_MAX + 1]      number of items; count beside it */
    KP_OPTION_SECTION,  /* a struct; a map in the file; absent: all its defaults */
    KP_OPTION_SECTIONS, /* an array of structs              number of items; count beside it */
};

struct kp_choice {
    const char *name;
    int value;
};

struct kp_section;

struct kp_option {
    const char *name;
    enum kp_option_type type;
    size_t offset, size; /* of the field: KP_AT */
    int64_t min, max;
    const char *dflt; /* as written in the file; NULL: required (lists: required when min > 0).
                         "" makes a text, id, OIN or path optional: then it is "" */
    const char *doc;  /* a sentence or two for fields.md */
    const struct kp_choice *choices; /* ends with a NULL name */
    const struct kp_section *section;
    size_t count_offset; /* lists with a count: a uint16_t */
};

struct kp_section {
    const char *name; /* singular: "partner"; in messages with its first option: partner "om" */
    size_t size;      /* of the struct */
    const struct kp_option *options;
    size_t option_count;
    const char *doc;
};

#define KP_AT(type, field) offsetof(type, field), sizeof(((type *)0)->field)
#define KP_COUNT_AT(type, field) .count_offset = offsetof(type, field)
#define KP_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

struct kp_config_message {
    uint32_t line, col; /* 1-based; 0 where the fault has no place (an option that is absent) */
    char text[KP_CONFIG_MESSAGE_BYTES_MAX + 1]; /* the whole line, with file, place and path */
};

struct kp_config_mark;

/* What a load found, and where each value stood. Large: on the heap or static. */
struct kp_config_report {
    char file[KP_CONFIG_PATH_BYTES_MAX + 1]; /* as it was named */
    uint32_t message_count;
    uint32_t dropped; /* messages beyond KP_CONFIG_MESSAGES_MAX */
    struct kp_config_message messages[KP_CONFIG_MESSAGES_MAX];
    struct kp_config_mark *marks;
    struct kp_arena arena;
};

void kp_config_report_init(struct kp_config_report *report);
void kp_config_report_done(struct kp_config_report *report);

/*
 * Read @text (YAML) by @root into @ret_conf.
 *
 * @file      name for the messages
 * @dir       directory that relative paths start from; absolute, so that a dump reads the same
 * anywhere
 * @ret_conf  root->size bytes; cleared first, filled as far as the file is right; use it only on
 * KP_OK
 * @report    initialised; gets the messages
 *
 * KP_E_CONFIG  there are messages
 */
KP_MUST_CHECK enum kp_err kp_config_parse(const struct kp_section *root, const char *file,
                                          const char *dir, struct kp_slice text, void *ret_conf,
                                          struct kp_config_report *report);
/* The same from a file; one that cannot be read is one message. KP_E_CONFIG */
KP_MUST_CHECK enum kp_err kp_config_load(const struct kp_section *root, const char *path,
                                         void *ret_conf, struct kp_config_report *report);

/*
 * For checks across options, after a load: add a message at the place where @at was read.
 * @at     the field in the loaded struct; NULL or never read (a default): no place
 * @label  what the message is about, e.g. `theme "risicojeugd": tell`
 */
void kp_config_complain(struct kp_config_report *report, const void *at, const char *label,
                        const char *format, ...) KP_PRINTF(4, 5);

/* The effective configuration as YAML that reads again as the same. Check kp_writer_ok. */
void kp_config_dump(const struct kp_section *root, const void *conf, struct kp_writer *writer);
/* The reference of all options as Markdown, from the same table. @title is its heading. */
void kp_config_fields(const struct kp_section *root, const char *title, struct kp_writer *writer);

/* Changes of one letter to get from one word to the other; UINT32_MAX: longer than a word. */
uint32_t kp_config_distance(struct kp_slice a, const char *b);

#endif
