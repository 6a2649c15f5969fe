/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* ppoll */
#include "runtime/runtime.h"

#include "base/assert.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/events.h"
#include "runtime/identity.h"
#include "runtime/inbox.h"
#include "runtime/job.h"
#include "runtime/lines.h"
#include "runtime/notify.h"
#include "runtime/results.h"
#include "runtime/submit.h"
#include "runtime/watch.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_PER_COMMIT 64u
#define WAKE_MS_MAX 5000    /* well within the service manager's watchdog */
#define UNREACHABLE_MS 5000 /* a hub that starts again is back sooner */
#define MS INT64_C(1000)

struct runtime {
    const struct kp_runtime_options *options;
    const struct kp_adapter_conf *conf;
    struct kp_identity identity;
    struct kp_spool *spool;
    struct kp_client *client;
    struct kp_submit submit;
    struct kp_events events;
    struct kp_inbox inbox;  /* a partner's */
    struct kp_lines *lines; /* a user's */
    struct kp_jobs jobs;    /* a partner's */
    struct kp_watch *drop;
    struct kp_watch *waiting; /* only as a hint that a person decided */
    struct kp_mono scan_at;   /* look at the folders then */
    bool results_due;
    bool connected, shut_out, unreachable; /* as last logged */
    struct kp_mono away_since;             /* not connected from then on */
    bool folder_lost;                      /* as last logged */
    bool waiting_lost;                     /* a waiting list cannot be read, as last logged */
    bool idle;                             /* the last look at the folders left nothing to do */
    enum kp_err err;                       /* of the connection's side; ends the program */
    struct kp_diag diag;
};

/* --- the connection --- */

static void set_fatal(struct runtime *runtime, enum kp_err err)
{
    if (runtime->err == KP_OK) {
        runtime->err = err;
    }
}

static void set_away(struct runtime *runtime)
{
    runtime->connected = false;
    runtime->away_since = kp_mono_now();
}

/* Once for each absence that lasts @after_ms: who is not there tells nothing by himself. */
static void say_if_unreachable(struct runtime *runtime, int64_t after_ms)
{
    bool said = runtime->connected || runtime->shut_out || runtime->unreachable;
    if (said || kp_mono_now().us < runtime->away_since.us + after_ms * MS) {
        return;
    }
    const char *endpoint = kp_client_bundle(runtime->client)->endpoint;
    kp_log(KP_LOG_WARNING, "hub.unreachable",
           "endpoint=%s text=\"no hub answers at %s; what is to be sent waits in the spool\"",
           endpoint, endpoint);
    runtime->unreachable = true;
}

/* The disk is full or an event cannot be stored: nothing was acknowledged, so it all comes again.
 */
static void start_over(struct runtime *runtime, enum kp_err err)
{
    kp_spool_abort(runtime->spool);
    kp_submit_on_lost(&runtime->submit);
    if (err == KP_E_DISK_FULL) {
        kp_log_diag(KP_LOG_ERROR, "spool.full", &runtime->diag);
        kp_client_restart(runtime->client);
        set_away(runtime);
    } else {
        set_fatal(runtime, err);
    }
}

static enum kp_err on_welcome(struct runtime *runtime, const Knooppunt__V1__Welcome *welcome)
{
    uint64_t position = kp_spool_counter(runtime->spool, KP_COUNTER_LAST_POSITION);
    if (welcome->has_journal_position && welcome->journal_position < position) {
        return kp_fail(&runtime->diag, KP_E_STATE,
                       "the hub is at position %" PRIu64 " and signed a receipt for %" PRIu64
                       ": it was restored from an older backup; ask its operator, then `resume`",
                       welcome->journal_position, position);
    }
    enum kp_err err = kp_events_on_welcome(&runtime->events, welcome, &runtime->diag);
    if (err == KP_OK) {
        kp_submit_on_welcome(&runtime->submit, welcome);
        kp_log(KP_LOG_NOTICE, "hub.welcome", "house=%s position=%" PRIu64 " test_mode=%s",
               welcome->house, welcome->journal_position, welcome->test_mode ? "true" : "false");
        runtime->connected = true;
        runtime->shut_out = false;
        runtime->unreachable = false;
    }
    return err;
}

static void on_receipt(struct runtime *runtime, const struct kp_client_event *event)
{
    struct kp_diag diag;
    if (kp_submit_on_receipt(&runtime->submit, event, &diag) != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "receipt.unverified", &diag); /* the batch stays unreceipted */
    }
}

static void on_lost(struct runtime *runtime, enum kp_err err)
{
    kp_submit_on_lost(&runtime->submit);
    if (runtime->connected) {
        kp_log(KP_LOG_WARNING, "hub.lost", "err=%s", kp_err_name(err));
        set_away(runtime);
    }
}

static void on_shut_out(struct runtime *runtime, enum kp_err err)
{
    on_lost(runtime, err);
    if (!runtime->shut_out) {
        kp_log(KP_LOG_ERROR, "hub.shut_out", "err=%s text=\"%s\"", kp_err_name(err),
               kp_err_text(err));
        runtime->shut_out = true;
    }
}

static enum kp_err on_event(struct runtime *runtime, const struct kp_client_event *event)
{
    bool stores = event->kind == KP_CLIENT_WELCOME || event->kind == KP_CLIENT_RECEIPT ||
                  event->kind == KP_CLIENT_REFUSAL || event->kind == KP_CLIENT_DELIVER;
    if (stores && !kp_spool_in_transaction(runtime->spool)) {
        kp_spool_begin(runtime->spool);
    }
    switch (event->kind) {
    case KP_CLIENT_WELCOME:
        return on_welcome(runtime, event->welcome);
    case KP_CLIENT_RECEIPT:
        on_receipt(runtime, event);
        return KP_OK;
    case KP_CLIENT_REFUSAL:
        kp_submit_on_refusal(&runtime->submit, event->refusal);
        return KP_OK;
    case KP_CLIENT_DELIVER:
        return kp_events_on_deliver(&runtime->events, event->deliver, &runtime->diag);
    case KP_CLIENT_LOST:
        on_lost(runtime, event->err);
        return KP_OK;
    case KP_CLIENT_SHUT_OUT:
        on_shut_out(runtime, event->err);
        return KP_OK;
    case KP_CLIENT_ANSWER:
    case KP_CLIENT_KNOWN:
    case KP_CLIENT_NOTHING:
    default:
        return KP_OK;
    }
}

/* Take in what has come, in one transaction. *ret_more: there may be more. */
static enum kp_err take_events(struct runtime *runtime, bool *ret_more)
{
    *ret_more = false;
    for (uint32_t i = 0; i < EVENTS_PER_COMMIT; i++) {
        struct kp_client_event event;
        enum kp_err err = kp_client_wait(runtime->client, 0, &event, &runtime->diag);
        if (err != KP_OK) {
            /* What cannot be the hub's: the client dropped the connection and tries again. */
            kp_log_diag(KP_LOG_ERROR,
                        err == KP_E_SIGNATURE ? "receipt.unverified" : "hub.bad_frame",
                        &runtime->diag);
            on_lost(runtime, err);
            break;
        }
        if (event.kind == KP_CLIENT_NOTHING) {
            break;
        }
        *ret_more = true;
        err = on_event(runtime, &event);
        if (err != KP_OK) {
            return err;
        }
    }
    if (!kp_spool_in_transaction(runtime->spool)) {
        return KP_OK;
    }
    kp_crash_point("events.before_commit");
    enum kp_err err = kp_spool_commit(runtime->spool, &runtime->diag);
    if (err == KP_OK) {
        kp_crash_point("events.before_ack");
        kp_events_after_commit(&runtime->events);
        runtime->results_due = true;
    }
    return err;
}

static void write_results(struct runtime *runtime)
{
    uint32_t count = 0;
    struct kp_diag diag;
    runtime->results_due = false;
    if (runtime->options->translator == NULL) {
        return;
    }
    enum kp_err err = kp_results_write(runtime->conf, runtime->spool, &count, &diag);
    if (err == KP_E_STORE || err == KP_E_CORRUPT) {
        runtime->diag = diag;
        set_fatal(runtime, err);
    } else if (err != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "result.unwritten", &diag); /* tried again at the next look */
    }
}

/* Everything that can be done on the connection now; never waits. In no transaction. */
static void turn(struct runtime *runtime)
{
    bool more = true;
    while (more && runtime->err == KP_OK) {
        enum kp_err err = take_events(runtime, &more);
        if (err == KP_OK) {
            err = kp_submit_run(&runtime->submit, &runtime->diag);
        }
        if (err != KP_OK) {
            start_over(runtime, err);
            more = false;
        }
    }
}

static bool pump(void *context)
{
    struct runtime *runtime = context;
    turn(runtime);
    kp_notify("WATCHDOG=1");
    return runtime->err == KP_OK && *runtime->options->stop == 0;
}

/* --- the folders --- */

static bool should_stop(const struct runtime *runtime)
{
    return runtime->err != KP_OK || *runtime->options->stop != 0;
}

static void look_again_in(struct runtime *runtime, int64_t ms)
{
    int64_t at_us = kp_mono_now().us + ms * MS;
    if (at_us < runtime->scan_at.us) {
        runtime->scan_at.us = at_us;
    }
}

static enum kp_err take_files(struct runtime *runtime, struct kp_watch_name *names, uint32_t count,
                              struct kp_diag *reterr_diag)
{
    for (uint32_t i = 0; i < count && !should_stop(runtime); i++) {
        enum kp_job_end end = KP_JOB_SPOOLED;
        enum kp_err err = kp_jobs_take(&runtime->jobs, names[i].name, &end, reterr_diag);
        if (err == KP_E_IO) { /* this file cannot be read; others can */
            kp_watch_failed(runtime->drop, names[i].name, runtime->conf->poll_ms, reterr_diag);
            runtime->idle = false;
            continue;
        }
        if (err != KP_OK) {
            return err;
        }
        if (end == KP_JOB_LATER) {
            runtime->idle = false;
            look_again_in(runtime, runtime->conf->retry_first_ms);
            return KP_OK;
        }
        (void)pump(runtime);
    }
    return KP_OK;
}

static enum kp_err look(struct runtime *runtime, struct kp_diag *reterr_diag)
{
    runtime->scan_at.us = kp_mono_now().us + runtime->conf->poll_ms * MS;
    runtime->idle = true;
    enum kp_job_end end = KP_JOB_SPOOLED;
    enum kp_err err = kp_jobs_take_waiting(&runtime->jobs, &end, reterr_diag);
    if (err == KP_E_IO || err == KP_E_NOT_FOUND ||
        (err == KP_E_CORRUPT && kp_spool_ok(runtime->spool))) {
        if (!runtime->waiting_lost) {
            kp_log_diag(KP_LOG_ERROR, "file.unreadable", reterr_diag);
        }
        runtime->waiting_lost = true;
    } else if (err != KP_OK) {
        return err;
    } else {
        runtime->waiting_lost = false;
    }
    struct kp_watch_name *names = NULL;
    uint32_t count = 0;
    bool again = false;
    err = kp_watch_scan(runtime->drop, &names, &count, &again, reterr_diag);
    if (err != KP_OK) {
        if (!runtime->folder_lost) {
            kp_log_diag(KP_LOG_ERROR, "folder.unreadable", reterr_diag);
        }
        runtime->folder_lost = true;
        runtime->idle = false;
        return KP_OK;
    }
    runtime->folder_lost = false;
    if (kp_watch_unread_count(runtime->drop) > 0) { /* the slow poll sees when that changes */
        runtime->idle = false;
    }
    if (again) {
        runtime->idle = false;
        look_again_in(runtime, runtime->conf->settle_ms / 2 + 50);
    }
    err = take_files(runtime, names, count, reterr_diag);
    free(names);
    runtime->results_due = true; /* a file may have no record to wait for */
    return err;
}

/* --- the loop --- */

static int64_t wait_ms(const struct runtime *runtime)
{
    int64_t at_us = kp_mono_now().us + WAKE_MS_MAX * MS;
    int64_t submit_us = kp_submit_next(&runtime->submit).us;
    at_us = submit_us < at_us ? submit_us : at_us;
    if (runtime->drop != NULL && runtime->scan_at.us < at_us) {
        at_us = runtime->scan_at.us;
    }
    int64_t unreachable_us = runtime->away_since.us + UNREACHABLE_MS * MS;
    if (!runtime->connected && !runtime->unreachable && unreachable_us < at_us) {
        at_us = unreachable_us;
    }
    int64_t left_us = at_us - kp_mono_now().us;
    return left_us <= 0 ? 0 : (left_us + MS - 1) / MS;
}

static void wait_for_something(struct runtime *runtime, const sigset_t *signals)
{
    struct pollfd fds[3] = {
        {.fd = kp_client_fd(runtime->client), .events = POLLIN},
        {.fd = runtime->drop == NULL ? -1 : kp_watch_fd(runtime->drop), .events = POLLIN},
        {.fd = runtime->waiting == NULL ? -1 : kp_watch_fd(runtime->waiting), .events = POLLIN},
    };
    int64_t ms = wait_ms(runtime);
    struct timespec limit = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};
    /* Signals come in only here, so that none is missed between the question and the wait. */
    (void)ppoll(fds, 3, &limit, signals);
    bool hint = runtime->drop != NULL && kp_watch_drain(runtime->drop);
    hint = (runtime->waiting != NULL && kp_watch_drain(runtime->waiting)) || hint;
    if (hint) {
        look_again_in(runtime, 0);
    }
}

/* once: every file is worked off and every record has its outcome. */
static bool is_all_done(struct runtime *runtime, bool *ret_waits_for_person)
{
    struct kp_spool_file file = {.id = 0};
    bool done = true;
    *ret_waits_for_person = false;
    kp_spool_begin_read(runtime->spool);
    while (kp_spool_next_file(runtime->spool, file.id, &file)) {
        *ret_waits_for_person = *ret_waits_for_person || file.state == KP_FILE_WAITING;
        done = done && (file.state == KP_FILE_COMPLETE || file.state == KP_FILE_WAITING);
    }
    done = done && kp_spool_signal_count(runtime->spool) == 0 && kp_spool_ok(runtime->spool);
    kp_spool_abort(runtime->spool);
    return done;
}

/* once: whether it may end, and how. */
static bool may_end(struct runtime *runtime, struct kp_mono until, enum kp_runtime_end *ret_end)
{
    bool waits_for_person = false;
    bool done = runtime->idle && is_all_done(runtime, &waits_for_person);
    *ret_end = done && !waits_for_person ? KP_RUNTIME_ALL_DONE : KP_RUNTIME_NOT_DONE;
    bool late = kp_mono_now().us >= until.us;
    if (!done && late) {
        say_if_unreachable(runtime, 0);
    }
    return done || runtime->shut_out || late;
}

static enum kp_err loop(struct runtime *runtime, enum kp_runtime_end *ret_end,
                        struct kp_diag *reterr_diag)
{
    sigset_t signals;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &signals);
    (void)sigdelset(&signals, SIGTERM);
    (void)sigdelset(&signals, SIGINT);
    struct kp_mono until = {kp_mono_now().us + runtime->options->once_ms * MS};
    *ret_end = KP_RUNTIME_STOPPED;
    while (!should_stop(runtime)) {
        kp_notify("WATCHDOG=1");
        if (runtime->drop != NULL && kp_mono_now().us >= runtime->scan_at.us) {
            enum kp_err err = look(runtime, reterr_diag);
            if (err != KP_OK) {
                return err;
            }
        }
        turn(runtime);
        say_if_unreachable(runtime, UNREACHABLE_MS);
        if (runtime->results_due && runtime->err == KP_OK) {
            write_results(runtime);
        }
        if (runtime->options->once && runtime->err == KP_OK && may_end(runtime, until, ret_end)) {
            return KP_OK;
        }
        if (!should_stop(runtime)) {
            wait_for_something(runtime, &signals);
        }
    }
    if (runtime->err != KP_OK) {
        *reterr_diag = runtime->diag;
    }
    return runtime->err;
}

/* --- start and end --- */

static enum kp_err make_folders(const struct kp_runtime_options *options,
                                struct kp_diag *reterr_diag)
{
    const struct kp_adapter_conf *conf = options->conf;
    const char *partner_dirs[] = {conf->drop, conf->done, conf->results, conf->waiting};
    enum kp_err err = kp_dir_make(conf->inbox, 0750, reterr_diag);
    for (size_t i = 0; options->translator != NULL && err == KP_OK && i < 4; i++) {
        err = kp_dir_make(partner_dirs[i], 0750, reterr_diag);
    }
    return err;
}

/* One translator's rows under another partner's name would be signed, and believed. */
static enum kp_err check_owner(struct runtime *runtime, struct kp_diag *reterr_diag)
{
    const struct kp_runtime_options *options = runtime->options;
    const char *name = options->translator == NULL ? "user" : options->translator->name;
    const char *counterpart = kp_client_bundle(runtime->client)->counterpart;
    for (size_t i = 0; i < options->translator_count; i++) {
        const char *other = options->translators[i]->name;
        if (strcmp(other, counterpart) == 0 && strcmp(other, name) != 0) {
            return kp_fail(reterr_diag, KP_E_CONFIG,
                           "%.100s is the bundle of %s, and this is the adapter %s: start `%s` in "
                           "this home, or `%s` in another",
                           runtime->conf->bundle, counterpart, name, other, name);
        }
    }
    return kp_identity_check_owner(runtime->conf, name, counterpart, reterr_diag);
}

static enum kp_err connect_hub(struct runtime *runtime, struct kp_diag *reterr_diag)
{
    bool signs = runtime->options->translator != NULL;
    enum kp_err err = kp_identity_load(&runtime->identity, runtime->conf, signs, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    kp_spool_begin_read(runtime->spool);
    uint64_t position = kp_spool_counter(runtime->spool, KP_COUNTER_LAST_POSITION);
    err = kp_spool_commit(runtime->spool, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_client_options options = {
        .bundle = kp_slice_of(runtime->identity.bundle, runtime->identity.bundle_size),
        .bundle_file = runtime->conf->bundle,
        .curve_secret_file = runtime->conf->curve_key,
        .signer = runtime->identity.signer,
        .certificate =
            kp_slice_of(runtime->identity.certificate, runtime->identity.certificate_size),
        .program = "knooppunt-adapter " KP_VERSION,
        .last_position = position,
    };
    err = kp_client_new(&options, &runtime->client, reterr_diag);
    if (err == KP_OK) {
        err = check_owner(runtime, reterr_diag);
    }
    return err == KP_OK ? kp_identity_check_hub(runtime->conf, runtime->client, reterr_diag) : err;
}

static enum kp_err start_partner(struct runtime *runtime, struct kp_diag *reterr_diag)
{
    const struct kp_translator *translator = runtime->options->translator;
    runtime->jobs.test_mode = kp_client_bundle(runtime->client)->test_mode != 0;
    runtime->jobs.pump = pump;
    runtime->jobs.context = runtime;
    enum kp_err err = kp_jobs_recover(&runtime->jobs, reterr_diag);
    if (err == KP_OK) {
        int64_t settle_ms = runtime->options->once ? 0 : runtime->conf->settle_ms;
        err = kp_watch_new(runtime->conf->drop, translator->extension, settle_ms, &runtime->drop,
                           reterr_diag);
    }
    if (err == KP_OK && translator->full_list) {
        err = kp_watch_new(runtime->conf->waiting, translator->extension, 0, &runtime->waiting,
                           reterr_diag);
    }
    runtime->results_due = true;
    return err;
}

static enum kp_err start(struct runtime *runtime, struct kp_diag *reterr_diag)
{
    const struct kp_adapter_conf *conf = runtime->conf;
    const struct kp_translator *translator = runtime->options->translator;
    struct kp_spool_options spool = {.dir = conf->spool, .bytes_max = conf->spool_bytes_max};
    enum kp_err err = make_folders(runtime->options, reterr_diag);
    if (err == KP_OK) {
        err = kp_spool_open(&spool, &runtime->spool, reterr_diag);
    }
    if (err == KP_OK) {
        err = connect_hub(runtime, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    kp_submit_init(&runtime->submit, conf, runtime->spool, runtime->client);
    struct kp_event_store store;
    if (translator == NULL) {
        err = kp_lines_open(conf->inbox, &runtime->lines, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        store = kp_lines_store(runtime->lines);
    } else {
        kp_inbox_init(&runtime->inbox, conf->inbox, translator);
        store = kp_inbox_store(&runtime->inbox);
        kp_jobs_init(&runtime->jobs, conf, translator, runtime->spool);
    }
    kp_events_init(&runtime->events, runtime->spool, runtime->client, &store);
    return translator == NULL ? KP_OK : start_partner(runtime, reterr_diag);
}

static void end(struct runtime *runtime)
{
    runtime->drop = kp_watch_free(runtime->drop);
    runtime->waiting = kp_watch_free(runtime->waiting);
    kp_jobs_done(&runtime->jobs);
    kp_events_done(&runtime->events);
    kp_inbox_done(&runtime->inbox);
    runtime->lines = kp_lines_close(runtime->lines);
    runtime->client = kp_client_free(runtime->client);
    kp_identity_done(&runtime->identity);
    runtime->spool = kp_spool_close(runtime->spool);
}

enum kp_err kp_runtime_run(const struct kp_runtime_options *options, enum kp_runtime_end *ret_end,
                           struct kp_diag *reterr_diag)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    KP_ASSERT(runtime != NULL);
    runtime->options = options;
    runtime->conf = options->conf;
    enum kp_err err = start(runtime, reterr_diag);
    if (err == KP_OK) {
        const Knooppunt__V1__BundleBody *bundle = kp_client_bundle(runtime->client);
        kp_log(KP_LOG_NOTICE, "adapter.started", "counterpart=%s house=%s endpoint=%s",
               bundle->counterpart, bundle->house, bundle->endpoint);
        set_away(runtime);
        kp_notify("READY=1");
        err = loop(runtime, ret_end, reterr_diag);
        kp_notify("STOPPING=1");
    }
    end(runtime);
    free(runtime);
    return err;
}
