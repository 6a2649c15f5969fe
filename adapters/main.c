/* SPDX-License-Identifier: EUPL-1.2 */
/* knooppunt-adapter: a partner's adapter, or a user's receiver. */
#include "base/crypto.h"
#include "base/log.h"
#include "runtime/job.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum exit_code { EXIT_DONE, EXIT_NO, EXIT_USAGE, EXIT_LATER, EXIT_BROKEN };

#define ONCE_SECONDS 300

struct arguments {
    const char *name, *command, *file;
    const char *home, *config;
    bool json;
    long wait_seconds;
    char path[PATH_MAX]; /* of adapter.yaml */
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static const struct kp_translator *const translators[] = {
    &kp_translator_politie,
    &kp_translator_om,
    &kp_translator_reclassering,
    &kp_translator_jeugdzorg,
};

static void print_usage(FILE *out)
{
    (void)fputs(
        "usage: knooppunt-adapter NAME --home DIR [COMMAND]\n"
        "\n"
        "NAME  politie, om, reclassering, jeugdzorg, or user (a receiver: events as JSON lines)\n"
        "      DIR holds adapter.yaml; --config FILE names it otherwise\n"
        "\n"
        "commands\n"
        "  run             (also without a command) until SIGTERM\n"
        "  once            take what is in the drop folder, wait for every outcome, end:\n"
        "                  0 all have one, 1 not all; --wait SECONDS at most (300)\n"
        "  status          what the spool holds; --json\n"
        "  confirm FILE    a full list in waiting/ is right: work it off\n"
        "  reject FILE     it is not: withdraw nobody, put it away\n"
        "  resume          the hub was restored from an older backup and its operator knows\n"
        "  fields          every option of adapter.yaml\n",
        out);
}

static bool parse(int argc, char **argv, struct arguments *ret_arguments)
{
    static const struct option rows[] = {
        {"home", required_argument, NULL, 'h'}, {"config", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},       {"wait", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, '?'},       {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.command = "run", .wait_seconds = ONCE_SECONDS};
    int option;
    while ((option = getopt_long(argc, argv, "", rows, NULL)) != -1) {
        char *end = NULL;
        switch (option) {
        case 'h':
            arguments.home = optarg;
            break;
        case 'c':
            arguments.config = optarg;
            break;
        case 'j':
            arguments.json = true;
            break;
        case 'w':
            arguments.wait_seconds = strtol(optarg, &end, 10);
            if (*optarg == '\0' || *end != '\0' || arguments.wait_seconds < 0 ||
                arguments.wait_seconds > 86400) {
                return false;
            }
            break;
        default:
            return false;
        }
    }
    int count = argc - optind;
    if (count < 1 || count > 3) {
        return false;
    }
    arguments.name = argv[optind];
    arguments.command = count > 1 ? argv[optind + 1] : arguments.command;
    arguments.file = count > 2 ? argv[optind + 2] : NULL;
    *ret_arguments = arguments;
    return true;
}

static int exit_of(enum kp_err err)
{
    switch (kp_err_category(err)) {
    case KP_ERR_RETRY:
        return err == KP_OK ? EXIT_DONE : EXIT_LATER;
    case KP_ERR_PARTNER:
    case KP_ERR_OPERATOR:
    case KP_ERR_BUG:
    default:
        return err == KP_E_USAGE ? EXIT_USAGE : EXIT_BROKEN;
    }
}

static int fail(const struct kp_diag *diag, enum kp_err err)
{
    kp_log_diag(KP_LOG_ERROR, "adapter.failed", diag);
    return exit_of(err);
}

static int print_fields(void)
{
    static char text[64 << 10];
    struct kp_writer writer;
    kp_writer_init(&writer, text, sizeof text);
    kp_config_fields(&kp_adapter_section, "adapter.yaml", &writer);
    (void)fwrite(text, 1, writer.size, stdout);
    return kp_writer_ok(&writer) ? EXIT_DONE : EXIT_BROKEN;
}

static bool load_conf(struct arguments *arguments, struct kp_adapter_conf *ret_conf)
{
    if (arguments->config != NULL) {
        (void)snprintf(arguments->path, sizeof arguments->path, "%s", arguments->config);
    } else {
        (void)snprintf(arguments->path, sizeof arguments->path, "%s/%s",
                       arguments->home == NULL ? "." : arguments->home, KP_ADAPTER_CONF_NAME);
    }
    if (access(arguments->path, F_OK) != 0 && errno == ENOENT) {
        (void)fprintf(stderr,
                      "%s: there is no such file; write {} into it to take every default, and "
                      "`knooppunt-adapter %s fields` lists them\n",
                      arguments->path, arguments->name);
        return false;
    }
    static struct kp_config_report report; /* large */
    kp_config_report_init(&report);
    enum kp_err err = kp_config_load(&kp_adapter_section, arguments->path, ret_conf, &report);
    if (err == KP_OK && ret_conf->anchors[0] != '\0' && ret_conf->crl[0] == '\0') {
        kp_config_complain(&report, ret_conf->anchors, "anchors",
                           "a revocation list (crl) is needed with anchors");
    }
    for (uint32_t i = 0; i < report.message_count; i++) {
        (void)fprintf(stderr, "%s\n", report.messages[i].text);
    }
    bool good = err == KP_OK && report.message_count == 0;
    kp_config_report_done(&report);
    return good;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    /* Blocked except while the loop waits; threads that libraries start inherit it. */
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run(const struct arguments *arguments, const struct kp_adapter_conf *conf,
               const struct kp_translator *translator)
{
    struct kp_diag diag = {.err = KP_OK};
    struct kp_runtime_options options = {
        .conf = conf,
        .translator = translator,
        .translators = translators,
        .translator_count = sizeof translators / sizeof translators[0],
        .stop = &stop_asked,
        .once = strcmp(arguments->command, "once") == 0,
        .once_ms = arguments->wait_seconds * 1000,
    };
    enum kp_runtime_end end = KP_RUNTIME_STOPPED;
    catch_signals();
    enum kp_err err = kp_runtime_run(&options, &end, &diag);
    if (err != KP_OK) {
        return fail(&diag, err);
    }
    kp_log(KP_LOG_NOTICE, "adapter.stopped", "end=%s",
           end == KP_RUNTIME_ALL_DONE ? "all_done"
                                      : (end == KP_RUNTIME_NOT_DONE ? "not_done" : "asked"));
    return end == KP_RUNTIME_NOT_DONE ? EXIT_NO : EXIT_DONE;
}

static int decide(const struct arguments *arguments, const struct kp_adapter_conf *conf)
{
    struct kp_diag diag = {.err = KP_OK};
    if (arguments->file == NULL) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    bool confirmed = strcmp(arguments->command, "confirm") == 0;
    enum kp_err err = kp_jobs_decide(conf, arguments->file, confirmed, &diag);
    if (err != KP_OK) {
        return fail(&diag, err);
    }
    (void)printf("%s: %s; the adapter acts on it at once when it runs, else at its next start\n",
                 arguments->file, confirmed ? "confirmed" : "rejected");
    return EXIT_DONE;
}

static int dispatch(const struct arguments *arguments, const struct kp_adapter_conf *conf,
                    const struct kp_translator *translator)
{
    const char *command = arguments->command;
    struct kp_diag diag = {.err = KP_OK};
    if (strcmp(command, "run") == 0 || strcmp(command, "once") == 0) {
        return run(arguments, conf, translator);
    }
    if (strcmp(command, "confirm") == 0 || strcmp(command, "reject") == 0) {
        return decide(arguments, conf);
    }
    enum kp_err err = KP_E_USAGE;
    if (strcmp(command, "status") == 0) {
        err = kp_runtime_status(conf, arguments->json, &diag);
    } else if (strcmp(command, "resume") == 0) {
        err = kp_runtime_resume(conf, &diag);
    } else {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    return err == KP_OK ? EXIT_DONE : fail(&diag, err);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    static struct kp_adapter_conf conf;
    if (!parse(argc, argv, &arguments)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    kp_log_init(arguments.name, KP_LOG_INFO);
    if (strcmp(arguments.command, "fields") == 0) {
        return print_fields();
    }
    const struct kp_translator *translator = NULL;
    for (size_t i = 0; i < sizeof translators / sizeof translators[0]; i++) {
        if (strcmp(translators[i]->name, arguments.name) == 0) {
            translator = translators[i];
        }
    }
    if (translator == NULL && strcmp(arguments.name, "user") != 0) {
        (void)fprintf(stderr, "%s: no such adapter\n", arguments.name);
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (!load_conf(&arguments, &conf)) {
        return EXIT_USAGE;
    }
    struct kp_diag diag;
    enum kp_err err = kp_crypto_init(&diag); /* for every command: a mark has a digest too */
    if (err != KP_OK) {
        return fail(&diag, err);
    }
    int code = dispatch(&arguments, &conf, translator);
    kp_crypto_done();
    return code;
}
