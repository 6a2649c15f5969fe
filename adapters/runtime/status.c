/* SPDX-License-Identifier: EUPL-1.2 */
/* What a spool can tell without its adapter: for the operator, and after a hub was restored. */
#include "base/assert.h"
#include "runtime/runtime.h"
#include "runtime/spool.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum kp_err kp_runtime_resume(const struct kp_adapter_conf *conf, struct kp_diag *reterr_diag)
{
    struct kp_spool_options options = {.dir = conf->spool, .bytes_max = conf->spool_bytes_max};
    struct kp_spool *spool = NULL;
    enum kp_err err = kp_spool_open(&options, &spool, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    kp_spool_begin(spool);
    kp_spool_set_counter(spool, KP_COUNTER_LAST_POSITION, 0);
    struct kp_spool_batch batch = {.id = 0};
    while (kp_spool_next_batch(spool, batch.id, &batch)) {
        batch.receipted = false;
        kp_spool_put_batch(spool, &batch);
    }
    char mailbox[KP_ID_BYTES_MAX + 1] = "";
    uint64_t seq = 0;
    while (kp_spool_next_cursor(spool, mailbox, mailbox, &seq)) {
        kp_spool_set_cursor(spool, mailbox, 0);
    }
    err = kp_spool_commit(spool, reterr_diag);
    (void)kp_spool_close(spool);
    return err;
}

static const char *state_name(enum kp_file_state state)
{
    switch (state) {
    case KP_FILE_READING:
        return "reading";
    case KP_FILE_SPOOLED:
        return "spooled";
    case KP_FILE_MOVED:
        return "sent";
    case KP_FILE_COMPLETE:
        return "complete";
    case KP_FILE_WAITING:
        return "waiting";
    default:
        return "unknown";
    }
}

static json_t *file_json(const struct kp_spool_file *file)
{
    json_t *json = json_object();
    (void)json_object_set_new(json, "file", json_string(file->stored));
    (void)json_object_set_new(json, "state", json_string(state_name(file->state)));
    (void)json_object_set_new(json, "read", json_integer(file->read));
    for (int i = 0; i < KP_RECORD_STATUS_COUNT; i++) {
        (void)json_object_set_new(json, kp_record_status_name((enum kp_record_status)i),
                                  json_integer(file->counts[i]));
    }
    return json;
}

/* One read transaction: all of it is of one moment. */
static json_t *collect(struct kp_spool *spool)
{
    json_t *root = json_object();
    json_t *files = json_array();
    json_t *mailboxes = json_object();
    struct kp_spool_file file = {.id = 0};
    while (kp_spool_next_file(spool, file.id, &file)) {
        (void)json_array_append_new(files, file_json(&file));
    }
    char mailbox[KP_ID_BYTES_MAX + 1] = "";
    uint64_t seq = 0;
    while (kp_spool_next_cursor(spool, mailbox, mailbox, &seq)) {
        (void)json_object_set_new(mailboxes, mailbox, json_integer((json_int_t)seq));
    }
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"signals_without_outcome", kp_spool_signal_count(spool)},
        {"batches", kp_spool_batch_count(spool)},
        {"bytes", kp_spool_counter(spool, KP_COUNTER_USED)},
        {"last_position", kp_spool_counter(spool, KP_COUNTER_LAST_POSITION)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)json_object_set_new(root, rows[i].name, json_integer((json_int_t)rows[i].value));
    }
    (void)json_object_set_new(root, "mailboxes", mailboxes);
    (void)json_object_set_new(root, "files", files);
    return root;
}

static void print_text(json_t *root)
{
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        if (json_is_integer(value)) {
            (void)printf("%-24s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
        }
    }
    json_object_foreach(json_object_get(root, "mailboxes"), key, value)
    {
        (void)printf("mailbox %-16s stored up to %" JSON_INTEGER_FORMAT "\n", key,
                     json_integer_value(value));
    }
    size_t i;
    json_array_foreach(json_object_get(root, "files"), i, value)
    {
        (void)printf("%-9s %s", json_string_value(json_object_get(value, "state")),
                     json_string_value(json_object_get(value, "file")));
        json_t *count;
        json_object_foreach(value, key, count)
        {
            if (json_integer_value(count) > 0) {
                (void)printf(" %s=%" JSON_INTEGER_FORMAT, key, json_integer_value(count));
            }
        }
        (void)putchar('\n');
    }
}

enum kp_err kp_runtime_status(const struct kp_adapter_conf *conf, bool json,
                              struct kp_diag *reterr_diag)
{
    struct kp_spool_options options = {
        .dir = conf->spool, .bytes_max = conf->spool_bytes_max, .read_only = true};
    struct kp_spool *spool = NULL;
    enum kp_err err = kp_spool_open(&options, &spool, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    kp_spool_begin_read(spool);
    json_t *root = collect(spool);
    err = kp_spool_commit(spool, reterr_diag);
    (void)kp_spool_close(spool);
    if (err == KP_OK && json) {
        (void)json_dumpf(root, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    } else if (err == KP_OK) {
        print_text(root);
    }
    json_decref(root);
    return err;
}
