/* SPDX-License-Identifier: EUPL-1.2 */
/* The operator's side of enrolment: a request in, a bundle out; and the way back. */
#include "base/crypto.h"
#include "base/file.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/fingerprint.h"
#include "cli/hub_commands.h"
#include "cli/print.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (128u << 10)
#define ANSWER_MS 30000

struct enrolment {
    json_t *result;
    const char *out;
    bool written;
};

/* The bundle goes to its file; everything else is shown. */
static enum kp_err take_answer(void *context, const Knooppunt__V1__Answer *answer,
                               struct kp_diag *reterr_diag)
{
    struct enrolment *enrolment = context;
    kp_ask_add(enrolment->result, answer);
    for (size_t i = 0; answer->code == KP_OK && i < answer->n_sections; i++) {
        const Knooppunt__V1__Section *section = answer->sections[i];
        if (section->name == NULL || strcmp(section->name, "bundle") != 0 || section->n_rows != 1) {
            continue;
        }
        const Knooppunt__V1__Row *row = section->rows[0];
        for (size_t j = 0; j < row->n_values; j++) {
            const Knooppunt__V1__Value *value = row->values[j];
            if (value->name == NULL || strcmp(value->name, "bundle") != 0 ||
                value->value_case != KNOOPPUNT__V1__VALUE__VALUE_BINARY) {
                continue;
            }
            enum kp_err err =
                kp_file_write(enrolment->out, kp_slice_of(value->binary.data, value->binary.len),
                              0644, reterr_diag);
            if (err != KP_OK) {
                return err;
            }
            enrolment->written = true;
        }
    }
    return KP_OK;
}

static void print_enrolment(struct enrolment *enrolment, struct kp_slice request, bool json)
{
    char fingerprint[KP_FINGERPRINT_TEXT_SIZE];
    kp_fingerprint(request, fingerprint);
    json_t *rows = json_object_get(enrolment->result, "bundle");
    json_t *row = json_array_get(rows, 0);
    (void)json_object_del(row, "bundle"); /* it is in the file */
    kp_json_set(row, "file", kp_json_text(enrolment->out));
    kp_json_set(row, "request_fingerprint", kp_json_text(fingerprint));
    kp_json_set(enrolment->result, "code", json_integer(KP_OK));
    kp_json_set(enrolment->result, "name", kp_json_text(kp_err_name(KP_OK)));
    kp_print_result(enrolment->result, json, stdout);
    if (!json) {
        (void)puts("\nThe door is open to this key. Compare the request's fingerprint with its "
                   "sender by telephone;\nif it differs, revoke it at once. If it is the "
                   "same, send him the file:\nit goes beside his adapter.yaml, as `bundle`.");
    }
}

/* Before anything is enrolled: where the bundle goes can be written, and is not somebody's file. */
static enum kp_err check_out(const char *path, struct kp_diag *reterr_diag)
{
    char dir[PATH_MAX];
    if ((size_t)snprintf(dir, sizeof dir, "%s", path) >= sizeof dir) {
        return kp_fail(reterr_diag, KP_E_USAGE, "--out: the path is too long");
    }
    if (access(path, F_OK) == 0) {
        return kp_fail(reterr_diag, KP_E_EXISTS,
                       "%s is there already; give --out another name, or move it away. Nothing was "
                       "enrolled",
                       path);
    }
    if (access(dirname(dir), W_OK | X_OK) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot make a file %s: %s. Nothing was enrolled",
                       path, strerror(errno));
    }
    return KP_OK;
}

static enum kp_err run_enrol(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    char *request = NULL;
    size_t size = 0;
    enum kp_err err = check_out(kp_cli_value(args, "out"), reterr_diag);
    if (err == KP_OK) {
        err = kp_file_read(args->arguments[0], REQUEST_BYTES_MAX, &request, &size, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    struct enrolment enrolment = {.result = json_object(), .out = kp_cli_value(args, "out")};
    struct kp_ask ask = {
        .socket_path = args->socket_path,
        .query = args->command->query,
        .attachment = kp_slice_of(request, size),
        .timeout_ms = ANSWER_MS,
    };
    const struct kp_ask_sink sink = {.on_answer = take_answer, .context = &enrolment};
    err = kp_ask(&ask, &sink, reterr_diag);
    if (err == KP_OK && !enrolment.written) {
        err = kp_fail(reterr_diag, KP_E_UNEXPECTED, "the hub answered without a bundle");
    }
    if (err == KP_OK) {
        print_enrolment(&enrolment, kp_slice_of(request, size), args->json);
    }
    json_decref(enrolment.result);
    free(request);
    return err;
}

static enum kp_err run_revoke(const struct kp_cli_args *args, const char *list,
                              struct kp_diag *reterr_diag)
{
    const char *key = kp_cli_value(args, "key");
    const struct kp_cli_effect effect = {
        .query = list,
        .argument_count = 1,
        .warning = key == NULL ? "revoking closes this door and every key of it at once"
                               : "revoking shuts this key out at once",
    };
    enum kp_err err = kp_cli_confirm(args, &effect, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    char key_copy[128];
    if (key != NULL && (size_t)snprintf(key_copy, sizeof key_copy, "%s", key) >= sizeof key_copy) {
        return kp_fail_field(reterr_diag, KP_E_USAGE, "key",
                             "a transport key has 64 hexadecimal digits");
    }
    char *arguments[] = {args->arguments[0], key_copy};
    struct kp_ask ask = {
        .socket_path = args->socket_path,
        .query = args->command->query,
        .arguments = arguments,
        .argument_count = key == NULL ? 1 : 2,
        .timeout_ms = ANSWER_MS,
    };
    return kp_cli_ask_and_print(&ask, args->json, reterr_diag);
}

static enum kp_err run_partner_revoke(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return run_revoke(args, "partner.list", reterr_diag);
}

static enum kp_err run_user_revoke(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return run_revoke(args, "user.list", reterr_diag);
}

static enum kp_err run_list(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_ask ask = {
        .socket_path = args->socket_path,
        .query = args->command->query,
        .arguments = args->arguments,
        .argument_count = (size_t)args->argument_count,
        .timeout_ms = ANSWER_MS,
    };
    return kp_cli_ask_and_print(&ask, args->json, reterr_diag);
}

static const struct kp_cli_option enrol_options[] = {
    {"out", "BUNDLE", true, "file for what the counterpart needs to reach its door"},
    {0},
};
static const struct kp_cli_option revoke_options[] = {
    {"key", "KEY", false, "this transport key only (64 hexadecimal digits, as listed)"},
    {"yes", NULL, false, "do it; without this the counterpart is only shown"},
    {0},
};

const struct kp_cli_command kp_cli_enrol_commands[] = {
    {"partner enrol", "REQUEST", 1, 1, enrol_options, "give a partner's key a door", run_enrol,
     "partner.enrol"},
    {"partner revoke", "ID", 1, 1, revoke_options, "shut a partner, or one key of it, out",
     run_partner_revoke, "partner.revoke"},
    {"partner list", "[ID]", 0, 1, NULL, "partners with their doors, keys and certificates",
     run_list, "partner.list"},
    {"user enrol", "REQUEST", 1, 1, enrol_options, "give a user's key a door", run_enrol,
     "user.enrol"},
    {"user revoke", "ID", 1, 1, revoke_options, "shut a user, or one key of his, out",
     run_user_revoke, "user.revoke"},
    {"user list", "[ID]", 0, 1, NULL, "users with their roles, doors, keys and certificates",
     run_list, "user.list"},
    {0},
};
