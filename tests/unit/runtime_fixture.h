/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One adapter's home beside a model hub, and a small partner with two kinds of export, so that the
 * tests are about the runtime and not about a format. A line is `reference;version;text`;
 * `reference;BAD` cannot be used, `;BAD` has not even a reference, a file that starts with `!` is
 * no export at all. Include after cmocka.h, with _GNU_SOURCE.
 */
#ifndef KP_TESTS_RUNTIME_FIXTURE_H
#define KP_TESTS_RUNTIME_FIXTURE_H

#include "model_hub.h"
#include "runtime/job.h"
#include "runtime/runtime.h"
#include "runtime/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct home {
    struct model_hub hub;
    struct kp_adapter_conf conf;
    volatile sig_atomic_t stop;
    struct kp_translator translator;
    struct kp_diag diag;
};

static inline void plain_record(struct kp_record *record, struct kp_arena *arena, char *line)
{
    Knooppunt__V1__Signal *signal = kp_arena_alloc(arena, sizeof *signal);
    char *version = strchr(line, ';');
    char *text = version == NULL ? NULL : strchr(version + 1, ';');
    if (version != NULL) {
        *version++ = '\0';
    }
    (void)snprintf(record->reference, sizeof record->reference, "%.60s", line);
    if (version == NULL || text == NULL) {
        (void)kp_fail_field(&record->diag, KP_E_FIELD, "version", "no version here");
        return;
    }
    *text++ = '\0';
    knooppunt__v1__signal__init(signal);
    signal->reference = line;
    signal->has_version = 1;
    signal->version = strtoull(version, NULL, 10);
    signal->has_action = 1;
    signal->action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    signal->summary = text;
    record->signal = signal;
}

static inline enum kp_err plain_translate(const struct kp_translate_job *job,
                                          struct kp_diag *reterr_diag)
{
    if (job->file.size > 0 && job->file.bytes[0] == '!') {
        (void)kp_fail(reterr_diag, KP_E_FILE, "not an export");
        reterr_diag->line = 1;
        return KP_E_FILE;
    }
    uint32_t number = 0;
    for (size_t at = 0; at < job->file.size;) {
        const uint8_t *start = job->file.bytes + at;
        const uint8_t *end = memchr(start, '\n', job->file.size - at);
        size_t size = end == NULL ? job->file.size - at : (size_t)(end - start);
        kp_arena_reset(job->arena);
        char *line = kp_arena_alloc(job->arena, size + 1);
        memcpy(line, start, size);
        number++;
        struct kp_record record = {.number = number, .line = number};
        plain_record(&record, job->arena, line);
        if (!job->sink(job->context, &record)) {
            return KP_OK;
        }
        at += size + 1;
    }
    return KP_OK;
}

static inline enum kp_err plain_render(const Knooppunt__V1__Event *event, struct kp_writer *writer)
{
    if (event->body_case != KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE) {
        return KP_E_UNEXPECTED;
    }
    kp_put_raw(writer, kp_slice_str(event->known_elsewhere->reference));
    return KP_OK;
}

static inline const char *home_path(const struct home *home, const char *dir, const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, 512, "%s/%s%s%s", home->hub.dir, dir, name[0] == '\0' ? "" : "/", name);
    return path;
}

static inline void home_set(const struct home *home, char *field, const char *name)
{
    (void)snprintf(field, KP_CONFIG_PATH_BYTES_MAX + 1, "%s/%s", home->hub.dir, name);
}

static inline void home_init(struct home *home, bool full_list, bool newer_hub)
{
    memset(home, 0, sizeof *home);
    hub_init(&home->hub, newer_hub);
    struct kp_adapter_conf *conf = &home->conf;
    home_set(home, conf->bundle, "bundle");
    home_set(home, conf->curve_key, "curve.secret");
    home_set(home, conf->sign_key, "signing.key");
    home_set(home, conf->certificate, "signing.pem");
    home_set(home, conf->drop, "drop");
    home_set(home, conf->done, "done");
    home_set(home, conf->results, "done");
    home_set(home, conf->waiting, "waiting");
    home_set(home, conf->inbox, "inbox");
    home_set(home, conf->spool, "spool");
    home_set(home, conf->list_version, "list-version");
    conf->spool_bytes_max = 16u << 20;
    conf->batch_signals_max = 100;
    conf->retry_first_ms = 20;
    conf->retry_max_ms = 200;
    conf->receipt_ms = 30000;
    conf->settle_ms = 0;
    conf->poll_ms = 50;
    conf->list_shrink_percent = 10;
    home->translator = (struct kp_translator){
        .name = "om",
        .extension = ".csv",
        .event_extension = ".txt",
        .full_list = full_list,
        .file_bytes_max = 1u << 20,
        .translate = plain_translate,
        .render_event = plain_render,
    };
    const char *dirs[] = {conf->drop, conf->done, conf->waiting, conf->inbox};
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        assert_int_equal(kp_dir_make(dirs[i], 0700, &home->diag), KP_OK);
    }
}

static inline void home_done(struct home *home)
{
    hub_done(&home->hub);
}

static inline void home_drop(struct home *home, const char *name, const char *text)
{
    const char *path = home_path(home, "drop", name);
    hub_write(path, text, strlen(text), 0644);
}

static inline bool home_has(struct home *home, const char *dir, const char *name)
{
    return access(home_path(home, dir, name), F_OK) == 0;
}

/* The caller frees it. */
static inline char *home_read(struct home *home, const char *dir, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(kp_file_read(home_path(home, dir, name), 1u << 20, &text, &size, &home->diag),
                     KP_OK);
    return text;
}

struct home_run {
    struct home *home;
    bool once;
    enum kp_runtime_end end;
    enum kp_err err;
    struct kp_diag diag;
    volatile int over;
};

static inline void *home_thread(void *argument)
{
    struct home_run *run = argument;
    struct kp_runtime_options options = {.conf = &run->home->conf,
                                         .translator = &run->home->translator,
                                         .stop = &run->home->stop,
                                         .once = run->once,
                                         .once_ms = 30000};
    run->err = kp_runtime_run(&options, &run->end, &run->diag);
    __atomic_store_n(&run->over, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* `once` in a thread of its own while the hub answers here. */
static inline enum kp_err home_once(struct home *home, enum kp_runtime_end *ret_end)
{
    struct home_run run = {.home = home, .once = true};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, home_thread, &run), 0);
    while (__atomic_load_n(&run.over, __ATOMIC_SEQ_CST) == 0) {
        (void)hub_step(&home->hub, 2);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    while (hub_step(&home->hub, 0)) { /* the last acknowledgement */
    }
    home->diag = run.diag;
    *ret_end = run.end;
    return run.err;
}

static inline void home_all_done(struct home *home)
{
    enum kp_runtime_end end = KP_RUNTIME_STOPPED;
    assert_int_equal(home_once(home, &end), KP_OK);
    assert_int_equal(end, KP_RUNTIME_ALL_DONE);
}

/* Lines of the result with @status. */
static inline uint32_t home_count(struct home *home, const char *file, const char *status)
{
    char name[256];
    char wanted[64];
    (void)snprintf(name, sizeof name, "%s.result.csv", file);
    (void)snprintf(wanted, sizeof wanted, ",%s,", status);
    char *text = home_read(home, "done", name);
    uint32_t count = 0;
    for (char *at = text; (at = strstr(at, wanted)) != NULL; at++) {
        count++;
    }
    free(text);
    return count;
}

#endif
