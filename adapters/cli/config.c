/* SPDX-License-Identifier: EUPL-1.2 */
/* `knooppunt config`: is house.yaml right, what does it say in full, and which options are there?
 */
#include "base/assert.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/start_check.h"
#include "config/house.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEFAULT_FILE "/etc/knooppunt/house.yaml"

/* The house may be named by its folder, as everywhere. */
static const char *file_of(const struct kp_cli_args *args, char ret_path[PATH_MAX])
{
    struct stat found;
    const char *given = args->argument_count > 0 ? args->arguments[0] : DEFAULT_FILE;
    bool is_dir = stat(given, &found) == 0 && S_ISDIR(found.st_mode);
    (void)snprintf(ret_path, PATH_MAX, "%s%s", given,
                   is_dir ? "/house.yaml" : ""); /* a cut one is not found */
    return ret_path;
}

static enum kp_err fail_faults(const struct kp_cli_args *args, enum kp_err err, const char *what,
                               size_t count, struct kp_diag *reterr_diag)
{
    /* Under --json the object told it. */
    return kp_fail(reterr_diag, args->json ? KP_OK : err, "%s has %zu %s", what, count,
                   count == 1 ? "fault" : "faults");
}

static void print_messages(const struct kp_config_report *report, enum kp_err err, bool json)
{
    if (!json) {
        for (uint32_t i = 0; i < report->message_count; i++) {
            (void)fprintf(stderr, "%s\n", report->messages[i].text);
        }
        if (report->dropped > 0) {
            (void)fprintf(stderr, "and %u more\n", report->dropped);
        }
        return;
    }
    json_t *result = json_object();
    json_t *rows = json_array();
    kp_json_set(result, "code", json_integer((json_int_t)err));
    kp_json_set(result, "name", kp_json_text(kp_err_name(err)));
    for (uint32_t i = 0; i < report->message_count; i++) {
        json_t *row = json_object();
        kp_json_set(row, "line", json_integer(report->messages[i].line));
        kp_json_set(row, "col", json_integer(report->messages[i].col));
        kp_json_set(row, "text", kp_json_text(report->messages[i].text));
        KP_ASSERT(json_array_append_new(rows, row) == 0);
    }
    kp_json_set(result, "messages", rows);
    kp_print_result(result, /* json= */ true, stdout);
    json_decref(result);
}

/* Load, and say what is wrong. */
static enum kp_err load(const struct kp_cli_args *args, struct kp_house_config **ret_config,
                        struct kp_diag *reterr_diag)
{
    struct kp_config_report *report = calloc(1, sizeof *report);
    KP_ASSERT(report != NULL);
    char path[PATH_MAX];
    kp_config_report_init(report);
    enum kp_err err = kp_house_load(file_of(args, path), ret_config, report);
    if (err != KP_OK) {
        print_messages(report, err, args->json);
        (void)fail_faults(args, err, path, (size_t)report->message_count + report->dropped,
                          reterr_diag);
    }
    kp_config_report_done(report);
    free(report);
    return err;
}

/* What house.yaml leads to. Its faults are told as those of the file are. */
static enum kp_err check_start(const struct kp_cli_args *args, const struct kp_house_config *config,
                               struct kp_diag *reterr_diag)
{
    size_t i;
    json_t *row;
    json_t *result = json_object();
    json_t *rows = json_array();
    kp_json_set(result, "code", json_integer(KP_E_CONFIG));
    kp_json_set(result, "name", kp_json_text(kp_err_name(KP_E_CONFIG)));
    kp_json_set(result, "messages", rows);
    kp_start_check(config, kp_cli_value(args, "keys"), rows);
    size_t count = json_array_size(rows);
    if (args->json && count > 0) {
        kp_print_result(result, /* json= */ true, stdout);
    }
    json_array_foreach(rows, i, row)
    {
        if (!args->json) {
            (void)fprintf(stderr, "%s\n", json_string_value(json_object_get(row, "text")));
        }
    }
    json_decref(result);
    if (count == 0) {
        return KP_OK;
    }
    (void)fail_faults(args, KP_E_CONFIG, "what the hub needs to start", count, reterr_diag);
    return KP_E_CONFIG;
}

static enum kp_err check_options(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return kp_cli_value(args, "keys") == NULL || kp_cli_value(args, "start") != NULL
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_USAGE, "--keys goes with --start");
}

static enum kp_err run_check(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_house_config *config = NULL;
    char path[PATH_MAX];
    enum kp_err err = check_options(args, reterr_diag);
    if (err == KP_OK) {
        err = load(args, &config, reterr_diag);
    }
    if (err == KP_OK && kp_cli_value(args, "start") != NULL) {
        err = check_start(args, config, reterr_diag);
    }
    if (err != KP_OK) {
        (void)kp_house_config_free(config);
        return err;
    }
    json_t *result = json_object();
    json_t *rows = json_array();
    json_t *row = json_object();
    kp_json_set(result, "code", json_integer(KP_OK));
    kp_json_set(result, "name", kp_json_text(kp_err_name(KP_OK)));
    kp_json_set(result, "house", rows);
    KP_ASSERT(json_array_append_new(rows, row) == 0);
    kp_json_set(row, "file", kp_json_text(file_of(args, path)));
    kp_json_set(row, "id", kp_json_text(config->house.id));
    kp_json_set(row, "oin", kp_json_text(config->house.oin));
    kp_json_set(row, "test_mode", json_boolean(config->house.test_mode));
    kp_json_set(row, "partners", json_integer(config->house.partner_count));
    kp_json_set(row, "users", json_integer(config->house.user_count));
    kp_json_set(row, "themes", json_integer(config->house.theme_count));
    kp_print_result(result, args->json, stdout);
    json_decref(result);
    (void)kp_house_config_free(config);
    return KP_OK;
}

static enum kp_err print_written(const struct kp_writer *writer, struct kp_diag *reterr_diag)
{
    if (!kp_writer_ok(writer)) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "the text is larger than %zu bytes",
                       KP_HOUSE_DUMP_BYTES_MAX);
    }
    struct kp_slice text = kp_writer_slice(writer);
    (void)fwrite(text.bytes, 1, text.size, stdout); /* a failure shows when stdout is flushed */
    return KP_OK;
}

static enum kp_err run_dump(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_house_config *config = NULL;
    struct kp_writer writer;
    enum kp_err err = load(args, &config, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    uint8_t *bytes = malloc(KP_HOUSE_DUMP_BYTES_MAX);
    KP_ASSERT(bytes != NULL);
    kp_writer_init(&writer, bytes, KP_HOUSE_DUMP_BYTES_MAX);
    kp_house_dump(config, &writer);
    err = print_written(&writer, reterr_diag);
    free(bytes);
    (void)kp_house_config_free(config);
    return err;
}

static enum kp_err run_fields(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    (void)args;
    struct kp_writer writer;
    uint8_t *bytes = malloc(KP_HOUSE_DUMP_BYTES_MAX);
    KP_ASSERT(bytes != NULL);
    kp_writer_init(&writer, bytes, KP_HOUSE_DUMP_BYTES_MAX);
    kp_house_fields(&writer);
    enum kp_err err = print_written(&writer, reterr_diag);
    free(bytes);
    return err;
}

static const struct kp_cli_option check_options_table[] = {
    {"start", NULL, false, "also what the hub needs to start: keys, certificate, anchors, CRLs"},
    {"keys", "DIR", false, "with --start: the keys are here (a stopped service shows none)"},
    {0},
};

const struct kp_cli_command kp_cli_config_commands[] = {
    {"config check", "[HOUSE]", 0, 1, check_options_table,
     "every fault in house.yaml, with its place", run_check, NULL},
    {"config dump", "[HOUSE]", 0, 1, NULL, "house.yaml in full, defaults too", run_dump, NULL},
    {"config fields", "", 0, 0, NULL, "the reference of all options, as Markdown", run_fields,
     NULL},
    {0},
};
