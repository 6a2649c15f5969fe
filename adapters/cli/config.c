/* SPDX-License-Identifier: EUPL-1.2 */
/* `knooppunt config`: is house.yaml right, what does it say in full, and which options are there?
 */
#include "base/assert.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "config/house.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_FILE "/etc/knooppunt/house.yaml"

static const char *file_of(const struct kp_cli_args *args)
{
    return args->argument_count > 0 ? args->arguments[0] : DEFAULT_FILE;
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
    kp_config_report_init(report);
    enum kp_err err = kp_house_load(file_of(args), ret_config, report);
    if (err != KP_OK) {
        print_messages(report, err, args->json);
        (void)kp_fail(reterr_diag, args->json ? KP_OK : err, "%s has %u faults", file_of(args),
                      report->message_count + report->dropped);
    }
    kp_config_report_done(report);
    free(report);
    return err;
}

static enum kp_err run_check(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_house_config *config = NULL;
    enum kp_err err = load(args, &config, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    json_t *result = json_object();
    json_t *rows = json_array();
    json_t *row = json_object();
    kp_json_set(result, "code", json_integer(KP_OK));
    kp_json_set(result, "name", kp_json_text(kp_err_name(KP_OK)));
    kp_json_set(result, "house", rows);
    KP_ASSERT(json_array_append_new(rows, row) == 0);
    kp_json_set(row, "file", kp_json_text(file_of(args)));
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

const struct kp_cli_command kp_cli_config_commands[] = {
    {"config check", "[FILE]", 0, 1, NULL, "every fault in house.yaml, with its place", run_check,
     NULL},
    {"config dump", "[FILE]", 0, 1, NULL, "house.yaml in full, defaults too", run_dump, NULL},
    {"config fields", "", 0, 0, NULL, "the reference of all options, as Markdown", run_fields,
     NULL},
    {0},
};
