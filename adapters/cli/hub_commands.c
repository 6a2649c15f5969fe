/* SPDX-License-Identifier: EUPL-1.2 */
/* Commands that ask the running hub. Each is a row: what to ask and how to show it. */
#include "cli/hub_commands.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/print.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUICK_MS 30000
#define PATIENT                                                                                    \
    (-1) /* a hub that works on it for long is not one that hangs: the stream would end */

static struct kp_ask ask_of(const struct kp_cli_args *args, int timeout_ms)
{
    return (struct kp_ask){
        .socket_path = args->socket_path,
        .query = args->command->query,
        .arguments = args->arguments,
        .argument_count = (size_t)args->argument_count,
        .timeout_ms = timeout_ms,
    };
}

enum kp_err kp_cli_ask_and_print(const struct kp_ask *ask, bool json, struct kp_diag *reterr_diag)
{
    json_t *result = json_object();
    enum kp_err err = kp_ask_json(ask, result, reterr_diag);
    bool answered = json_object_size(result) > 0;
    if (err != KP_OK && answered && !json) {
        (void)json_object_del(result, "text"); /* it is told as the error */
    }
    if (answered) {
        kp_print_result(result, json, stdout);
    }
    if (err != KP_OK && answered && json && reterr_diag != NULL) {
        reterr_diag->err = KP_OK; /* told: the object has the code */
    }
    json_decref(result);
    return err;
}

static enum kp_err run_quick(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_ask ask = ask_of(args, QUICK_MS);
    return kp_cli_ask_and_print(&ask, args->json, reterr_diag);
}

static enum kp_err run_patient(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_ask ask = ask_of(args, PATIENT);
    return kp_cli_ask_and_print(&ask, args->json, reterr_diag);
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* What positions a command takes, and where the one who types finds them. */
#define HELD_POSITION "the number that `knooppunt held list` shows"
#define CHECK_POSITION "the position of a check, as `knooppunt known-check list` shows it"
#define DECISION_POSITION                                                                          \
    "the position of a decision, as `knooppunt review accept` or `review reject` printed it"
#define SIGNAL_POSITION                                                                            \
    "the position of a signal, as `knooppunt trace PARTNER REFERENCE` shows it and `knooppunt "    \
    "proposal list` at the end of a casus"

/* The first @count arguments. */
static enum kp_err check_positions(const struct kp_cli_args *args, int count, const char *wanted,
                                   struct kp_diag *reterr_diag)
{
    for (int i = 0; i < count && i < args->argument_count; i++) {
        if (!is_number(args->arguments[i])) {
            return kp_fail(reterr_diag, KP_E_USAGE, "\"%.40s\" is not a position; give %s",
                           args->arguments[i], wanted);
        }
    }
    return KP_OK;
}

/* POSITION [NUMBER] */
static enum kp_err check_mention(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_positions(args, 1, SIGNAL_POSITION, reterr_diag);
    if (err != KP_OK || args->argument_count < 2 || is_number(args->arguments[1])) {
        return err;
    }
    return kp_fail(reterr_diag, KP_E_USAGE,
                   "\"%.40s\" is not the number of a person in a signal; give 1 for the first",
                   args->arguments[1]);
}

static enum kp_err check_epoch(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return is_number(args->arguments[0])
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_USAGE,
                         "\"%s\" is not an epoch; give the number that `knooppunt match epoch "
                         "list` shows",
                         args->arguments[0]);
}

static enum kp_err run_held(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_positions(args, args->argument_count, HELD_POSITION, reterr_diag);
    return err == KP_OK ? run_quick(args, reterr_diag) : err;
}

static enum kp_err run_checks(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_positions(args, 1, CHECK_POSITION, reterr_diag);
    return err == KP_OK ? run_quick(args, reterr_diag) : err;
}

static enum kp_err run_mention(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_mention(args, reterr_diag);
    return err == KP_OK ? run_quick(args, reterr_diag) : err;
}

static enum kp_err run_trace(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    if (args->argument_count == 1 && !is_number(args->arguments[0])) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "\"%s\" is not a position; give a number, or a partner and behind it the "
                       "reference of his signal",
                       args->arguments[0]);
    }
    return run_quick(args, reterr_diag);
}

static enum kp_err run_metrics(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_ask ask = ask_of(args, QUICK_MS);
    if (args->json) {
        return kp_cli_ask_and_print(&ask, /* json= */ true, reterr_diag);
    }
    json_t *result = json_object();
    enum kp_err err = kp_ask_json(&ask, result, reterr_diag);
    if (err == KP_OK) {
        kp_print_metrics(result, stdout);
    }
    json_decref(result);
    return err;
}

static enum kp_err print_events(void *context, const Knooppunt__V1__Answer *answer,
                                struct kp_diag *reterr_diag)
{
    const struct kp_cli_args *args = context;
    json_t *result = json_object();
    kp_ask_add(result, answer);
    kp_print_lines(result, args->json, stdout);
    json_decref(result);
    return ferror(stdout) == 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_IO, "the output cannot be written any more");
}

static enum kp_err run_watch(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_cli_args shared = *args;
    struct kp_ask ask = ask_of(args, PATIENT);
    const struct kp_ask_sink sink = {.on_answer = print_events, .context = &shared};
    return kp_ask(&ask, &sink, reterr_diag);
}

/* --- what takes long: how far it is goes to stderr --- */

static enum kp_err take_answer(void *context, const Knooppunt__V1__Answer *answer,
                               struct kp_diag *reterr_diag)
{
    json_t *result = context;
    (void)reterr_diag;
    kp_ask_add(result, answer);
    json_t *progress = json_object_get(result, "progress");
    if (progress != NULL) {
        json_t *row = json_array_get(progress, 0);
        json_int_t all = json_integer_value(json_object_get(row, "all"));
        (void)fprintf(stderr, "%s: %lld", json_string_value(json_object_get(row, "step")),
                      (long long)json_integer_value(json_object_get(row, "done")));
        (void)fprintf(stderr, all > 0 ? " of %lld\n" : "\n", (long long)all);
        (void)json_object_del(result, "progress");
    }
    return KP_OK;
}

/* @next: printed for a person with the epoch of the first row of @section, as what he may do now;
 * NULL: nothing */
static enum kp_err ask_long(const struct kp_cli_args *args, const char *section, const char *next,
                            struct kp_diag *reterr_diag)
{
    json_t *result = json_object();
    const struct kp_ask_sink sink = {.on_answer = take_answer, .context = result};
    struct kp_ask ask = ask_of(args, PATIENT);
    enum kp_err err = kp_ask(&ask, &sink, reterr_diag);
    if (err == KP_OK) {
        kp_print_result(result, args->json, stdout);
    }
    if (err == KP_OK && next != NULL && !args->json) {
        json_t *row = json_array_get(json_object_get(result, section), 0);
        (void)printf("\n%s %" JSON_INTEGER_FORMAT "\n", next,
                     json_integer_value(json_object_get(row, "epoch")));
    }
    json_decref(result);
    return err;
}

static enum kp_err run_train(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return ask_long(args, "learned",
                    "Nothing has changed yet. Who would be another under it: knooppunt match epoch "
                    "compare",
                    reterr_diag);
}

static enum kp_err run_long_epoch(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_epoch(args, reterr_diag);
    return err == KP_OK ? ask_long(args, NULL, NULL, reterr_diag) : err;
}

static enum kp_err run_activate(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_epoch(args, reterr_diag);
    if (err == KP_OK) {
        err = run_quick(args, reterr_diag);
    }
    if (err == KP_OK && !args->json) {
        (void)printf("\nEverybody is weighed again meanwhile: knooppunt match epoch list shows how "
                     "far\n");
    }
    return err;
}

/* The hub has another working directory than the one who types. */
static enum kp_err run_backup(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    char here[PATH_MAX];
    char path[2 * PATH_MAX];
    const char *dir = args->arguments[0];
    if (dir[0] != '/' && getcwd(here, sizeof here) == NULL) {
        return kp_fail(reterr_diag, KP_E_IO, "the working directory is gone; give a whole path");
    }
    (void)snprintf(path, sizeof path, "%s%s%s", dir[0] == '/' ? "" : here, dir[0] == '/' ? "" : "/",
                   dir); /* longer than any path: the hub refuses it */
    char *arguments[] = {path};
    struct kp_ask ask = ask_of(args, PATIENT);
    ask.arguments = arguments;
    return kp_cli_ask_and_print(&ask, args->json, reterr_diag);
}

/* --- commands that take something away: they show what, and need --yes --- */

enum kp_err kp_cli_confirm(const struct kp_cli_args *args, const struct kp_cli_effect *effect,
                           struct kp_diag *reterr_diag)
{
    if (kp_cli_value(args, "yes") != NULL) {
        return KP_OK;
    }
    struct kp_ask ask = ask_of(args, QUICK_MS);
    ask.query = effect->query;
    ask.argument_count = effect->argument_count;
    enum kp_err err = kp_cli_ask_and_print(&ask, args->json, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    return kp_fail(reterr_diag, KP_E_STATE, "nothing was done; %s. Give --yes to do it",
                   effect->warning);
}

static enum kp_err run_held_drop(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const struct kp_cli_effect effect = {
        .query = "held.show",
        .argument_count = 1,
        .warning = "dropping takes this signal off the list for good, and tells its partner",
    };
    enum kp_err err = check_positions(args, 1, HELD_POSITION, reterr_diag);
    if (err == KP_OK) {
        err = kp_cli_confirm(args, &effect, reterr_diag);
    }
    return err == KP_OK ? run_quick(args, reterr_diag) : err;
}

#define REASONS "what it is decided by: identiteit, partner, dossier, vergissing or anders"

static const struct kp_cli_option decide_options[] = {
    {"reason", "WORD", true, REASONS},
    {0},
};

/* The reason goes last. @also: before it; NULL: nothing */
static enum kp_err ask_decision(const struct kp_cli_args *args, const char *also,
                                json_t *ret_result, struct kp_diag *reterr_diag)
{
    const struct kp_ask_sink sink = {.on_answer = take_answer, .context = ret_result};
    char *arguments[4];
    struct kp_ask ask = ask_of(args, QUICK_MS);
    size_t count = ask.argument_count;
    for (size_t i = 0; i < count; i++) {
        arguments[i] = args->arguments[i];
    }
    if (also != NULL) {
        arguments[count++] = (char *)(uintptr_t)also; /* only read */
    }
    arguments[count++] =
        (char *)(uintptr_t)kp_cli_value(args, "reason"); /* required: it is there */
    ask.arguments = arguments;
    ask.argument_count = count;
    return kp_ask(&ask, &sink, reterr_diag);
}

static void print_decision(const struct kp_cli_args *args, json_t *result)
{
    json_t *row = json_array_get(json_object_get(result, "decided"), 0);
    kp_print_result(result, args->json, stdout);
    if (!args->json && strcmp(args->command->query, "review.undo") != 0) {
        (void)printf("\nTo take it back: knooppunt review undo %" JSON_INTEGER_FORMAT
                     " --reason WORD\n",
                     json_integer_value(json_object_get(row, "position")));
    }
}

static enum kp_err decide(const struct kp_cli_args *args, const char *also,
                          struct kp_diag *reterr_diag)
{
    json_t *result = json_object();
    enum kp_err err = ask_decision(args, also, result, reterr_diag);
    if (err == KP_OK) {
        print_decision(args, result);
    }
    json_decref(result);
    return err;
}

static enum kp_err run_decide(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return decide(args, NULL, reterr_diag);
}

static const struct kp_cli_option accept_options[] = {
    {"reason", "WORD", true, REASONS},
    {"twee-bsn", NULL, false, "they are one although they have two BSNs, both valid"},
    {0},
};

static enum kp_err run_accept(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    return decide(args, kp_cli_value(args, "twee-bsn") == NULL ? NULL : "twee-bsn", reterr_diag);
}

static enum kp_err run_undo(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_positions(args, 1, DECISION_POSITION, reterr_diag);
    return err == KP_OK ? run_decide(args, reterr_diag) : err;
}

static enum kp_err run_unmerge(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    enum kp_err err = check_mention(args, reterr_diag);
    return err == KP_OK ? run_decide(args, reterr_diag) : err;
}

static const struct kp_cli_option drop_options[] = {
    {"yes", NULL, false, "do it; without this the signal is only shown"},
    {0},
};

const struct kp_cli_command kp_cli_hub_commands[] = {
    {"status", "", 0, 0, NULL, "how the hub is: doors, mailboxes, held, store, certificates",
     run_quick, "status"},
    {"watch", "MAILBOX", 1, 1, NULL, "live events of one mailbox; nothing is acknowledged",
     run_watch, "watch"},
    {"mailbox list", "", 0, 0, NULL, "every mailbox with its cursor and how far it lags", run_quick,
     "mailbox.list"},
    {"person count", "", 0, 0, NULL, "how many persons the house knows, with and without a BSN",
     run_patient, "person.count"},
    {"proposal list", "", 0, 0, NULL, "every casus that is ripe now, with the signals that count",
     run_patient, "proposal.list"},
    {"known-check list", "[AFTER]", 0, 1, NULL,
     "who checked whether a person is known, why, and what he was told (AFTER: a position)",
     run_checks, "known-check.list"},
    {"clock confirm", "", 0, 0, NULL, "the hub's clock is right after a jump: periods run again",
     run_quick, "clock.confirm"},
    {"trace", "ID | PARTNER REFERENCE", 1, 2, NULL,
     "the whole path of one signal, with times (ID: its position)", run_trace, "trace"},
    {"review list", "", 0, 0, NULL, "persons who may be one: what the house is asked to look at",
     run_quick, "review.list"},
    {"review show", "PERSON OTHER", 2, 2, NULL,
     "two persons side by side: what agrees, what it weighs, and why it was left", run_quick,
     "review.show"},
    {"review decided", "", 0, 0, NULL, "what persons decided that still stands, the last first",
     run_patient, "review.decided"},
    {"review accept", "PERSON OTHER", 2, 2, accept_options, "they are one person", run_accept,
     "review.accept"},
    {"review reject", "PERSON OTHER", 2, 2, decide_options, "they are two persons", run_decide,
     "review.reject"},
    {"review undo", "POSITION", 1, 1, decide_options, "take back what was decided at a position",
     run_undo, "review.undo"},
    {"match explain", "POSITION [NUMBER]", 1, 2, NULL,
     "why a person in a signal is who he is, and who he is not (NUMBER: 1 for the first)",
     run_mention, "match.explain"},
    {"match history", "PERSON", 1, 1, NULL,
     "what became of a person: what came to him or went from him, when and why", run_quick,
     "match.history"},
    {"match unmerge", "POSITION [NUMBER]", 1, 2, decide_options,
     "that person in that signal is another than those he was put together with", run_unmerge,
     "match.unmerge"},
    {"match train", "", 0, 0, NULL,
     "learn from the house's own index how much what agrees is worth: a new epoch, not yet active",
     run_train, "match.train"},
    {"match epoch list", "", 0, 0, NULL, "what was learned, when, and which epoch is active",
     run_quick, "match.epoch.list"},
    {"match epoch compare", "EPOCH", 1, 1, NULL,
     "which persons would be others under an epoch (0: the shipped weights)\n"
     "\n"
     "A spelling is called by where it was first written: 1234.1 is the first person in the "
     "signal\n"
     "at position 1234, which `match explain 1234` shows. A / stands between persons.",
     run_long_epoch, "match.epoch.compare"},
    {"match epoch activate", "EPOCH", 1, 1, NULL,
     "weigh by an epoch from now on, and all persons again", run_activate, "match.epoch.activate"},
    {"held list", "[PARTNER]", 0, 1, NULL, "signals that cannot be used until they are repaired",
     run_quick, "held.list"},
    {"held show", "POSITION", 1, 1, NULL, "one held signal: code, field and why", run_held,
     "held.show"},
    {"held retry", "POSITION...", 1, 100, NULL, "try held signals again", run_held, "held.retry"},
    {"held drop", "POSITION", 1, 1, drop_options, "give one held signal up; its partner is told",
     run_held_drop, "held.drop"},
    {"metrics", "", 0, 0, NULL, "every counter and gauge as OpenMetrics", run_metrics, "metrics"},
    {"backup", "DIR", 1, 1, NULL, "copy journal, state and person keys to DIR while the hub runs",
     run_backup, "backup"},
    {"store digest", "", 0, 0, NULL, "SHA-256 of the whole state and its number of rows",
     run_patient, "store.digest"},
    {"store verify", "", 0, 0, NULL, "read every row and look for altered, missing and old ones",
     run_patient, "store.verify"},
    {0},
};
