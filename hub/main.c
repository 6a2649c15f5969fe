/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * knooppunt-hub HOUSE: start in the order that keeps every promise, wait for the end, stop in the
 * opposite order.
 */
#include "maintain.h"

#include "ahead.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PATH_BYTES 640
#define OWN_MAP_BYTES (1 << 20) /* of a block that goes back when it is freed */
#define WRITER_QUEUE KP_JOURNAL_QUEUE_COMMANDS

enum { EXIT_DONE = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_LATER = 3, EXIT_BROKEN = 4 };

void kp_hub_die(struct kp_hub *hub, const char *event, const struct kp_diag *diag)
{
    static const uint64_t one = 1;
    if (!atomic_exchange(&hub->fatal, true)) {
        kp_log_diag(KP_LOG_ERROR, event, diag);
    }
    ssize_t written = write(hub->stop_fd, &one, sizeof one);
    (void)written; /* readable already is as good */
    (void)pthread_mutex_lock(&hub->progress.lock);
    (void)pthread_cond_broadcast(&hub->progress.changed);
    (void)pthread_mutex_unlock(&hub->progress.lock);
}

static void on_doors_fatal(void *context, const char *reason)
{
    struct kp_diag diag;
    (void)kp_fail(&diag, KP_E_CRYPTO, "%s", reason);
    kp_hub_die(context, "doors.fatal", &diag);
    _exit(EXIT_BROKEN); /* nobody judges keys any more: not one frame later */
}

/* --- start --- */

/* Where the journal and the state stand; the state can never be ahead of the truth. */
static enum kp_err read_positions(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_wall stamp;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    hub->progress.applied = kp_core_position(txn, &stamp);
    hub->progress.has_due = kp_core_next_due(txn, &hub->progress.due);
    hub->progress.applied_stamp = stamp;
    kp_txn_abort(txn);
    return kp_open_position(hub, &hub->progress.applied, &hub->progress.journalled, reterr_diag);
}

/* The configuration as a command, when it is not the one in force. */
static enum kp_err submit_house(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    uint8_t digest[KP_SHA256_BYTES];
    uint64_t position;
    size_t size_max = KP_HOUSE_BYTES_MAX;
    struct kp_command_head head = {.kind = KP_COMMAND_HOUSE};
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_HOUSE, size_max, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    size_t length_at = writer.size;
    kp_put_u32(&writer, 0);
    kp_house_put(&writer, &hub->config->house);
    if (!kp_writer_ok(&writer)) {
        (void)kp_entry_free(entry);
        return kp_fail(reterr_diag, KP_E_LIMIT, "the configuration is too large");
    }
    struct kp_writer length;
    kp_writer_init(&length, entry->body + length_at, 4);
    kp_put_u32(&length, (uint32_t)(writer.size - length_at - 4));
    kp_sha256(kp_slice_of(entry->body + length_at + 4, writer.size - length_at - 4), KP_SLICE_EMPTY,
              KP_SLICE_EMPTY, digest);
    struct kp_view *view = kp_view_hold(hub);
    bool same = memcmp(digest, view->core.house_digest, sizeof digest) == 0;
    kp_view_release(view);
    if (same) {
        (void)kp_entry_free(entry);
        return KP_OK;
    }
    entry->body_size = writer.size;
    enum kp_err err = kp_writer_submit_and_wait(hub, entry, &position);
    if (err == KP_OK) {
        kp_log(KP_LOG_NOTICE, "house.changed", "position=%" PRIu64, position);
        return KP_OK;
    }
    return kp_fail(reterr_diag, err, "the configuration could not be journalled");
}

/* A door keeps the port that stands in its owner's bundle, also when the house's range moves on. */
static void tell_doors_outside(struct kp_hub *hub)
{
    struct kp_view *view = kp_view_hold(hub);
    for (uint32_t number = 0; number < KP_COUNTERPART_NUMBERS; number++) {
        const struct kp_view_counterpart *one = view->by_number[number];
        if (one != NULL && one->named && one->row.port != 0 &&
            (one->row.port < view->core.house.port_first ||
             one->row.port > view->core.house.port_last)) {
            kp_log(KP_LOG_WARNING, "door.outside", "counterpart=%s port=%u first=%u last=%u",
                   one->row.id, one->row.port, view->core.house.port_first,
                   view->core.house.port_last);
        }
    }
    kp_view_release(view);
}

static void start_threads(struct kp_hub *hub)
{
    hub->ahead = kp_ahead_start(hub);
    KP_ASSERT(pthread_create(&hub->writer, NULL, kp_writer_run, hub) == 0);
    KP_ASSERT(pthread_create(&hub->applier, NULL, kp_applier_run, hub) == 0);
    KP_ASSERT(pthread_create(&hub->request_thread, NULL, kp_request_run, hub) == 0);
}

static enum kp_err open_doors(struct kp_hub *hub, struct kp_worker *workers,
                              struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/curve.secret", hub->config->hub.keys_dir); /* fits */
    struct kp_doors_options options = {.host = hub->config->hub.listen_host,
                                       .curve_secret_file = path,
                                       .context = hub,
                                       .on_frame = kp_frames_on_frame,
                                       .on_event = kp_frames_on_event,
                                       .on_fatal = on_doors_fatal};
    for (uint32_t i = 0; i < hub->worker_count; i++) {
        workers[i] = (struct kp_worker){.hub = hub, .index = i};
        KP_ASSERT(pthread_create(&hub->workers[i], NULL, kp_frames_run, &workers[i]) == 0);
    }
    struct kp_doors *doors;
    enum kp_err err = kp_doors_start(&options, &doors, reterr_diag);
    if (err == KP_OK) {
        hub->deliver = kp_deliver_start(&hub->store, doors);
        hub->doors = doors;
        err = kp_view_renew(hub, reterr_diag); /* from now on it sets the doors too */
    }
    if (err == KP_OK) {
        tell_doors_outside(hub);
    }
    return err;
}

static void init_shared(struct kp_hub *hub)
{
    pthread_condattr_t monotonic;
    KP_ASSERT(pthread_condattr_init(&monotonic) == 0);
    KP_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    KP_ASSERT(pthread_mutex_init(&hub->view_lock, NULL) == 0);
    KP_ASSERT(pthread_mutex_init(&hub->renew_lock, NULL) == 0);
    KP_ASSERT(pthread_mutex_init(&hub->progress.lock, NULL) == 0);
    KP_ASSERT(pthread_mutex_init(&hub->revoking.lock, NULL) == 0);
    KP_ASSERT(pthread_mutex_init(&hub->clock.lock, NULL) == 0);
    KP_ASSERT(pthread_cond_init(&hub->progress.changed, &monotonic) == 0);
    (void)pthread_condattr_destroy(&monotonic);
    kp_known_init(hub);
    kp_request_init(hub);
    hub->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    KP_ASSERT(hub->stop_fd >= 0);
    hub->writer_queue = kp_queue_new(WRITER_QUEUE);
    hub->worker_count = hub->config->hub.intake_workers;
    for (uint32_t i = 0; i < hub->worker_count; i++) {
        hub->worker_queues[i] = kp_queue_new(KP_INTAKE_QUEUE_FRAMES);
    }
}

/* An empty house in the place of one that is being restored would keep the restore out. */
static enum kp_err check_restored(const struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/restoring", hub->config->hub.data_dir); /* fits */
    return access(path, F_OK) != 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_STATE,
                         "%s is of a restore that was cut off: run that again, or take the folder "
                         "away",
                         path);
}

static enum kp_err start(struct kp_hub *hub, struct kp_worker *workers, struct kp_diag *reterr_diag)
{
    struct kp_secret master = {{0}};
    struct kp_trust_options trust = {.anchors_file = hub->config->hub.anchors_file,
                                     .crl_file = hub->config->hub.crl_file};
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
    (void)setrlimit(RLIMIT_NOFILE,
                    &files); /* the service manager sets it; by hand it may not be allowed */
    init_shared(hub);
    kp_clock_rebase(hub);
    enum kp_err err = kp_open_lock(hub, reterr_diag);
    if (err == KP_OK) {
        err = check_restored(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_keys(hub, &master, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_data(hub, hub->config->hub.data_dir, &master, reterr_diag);
    }
    kp_secret_done(&master);
    if (err == KP_OK) {
        err = kp_trust_open(&trust, &hub->trust, reterr_diag);
    }
    if (err == KP_OK) {
        err = read_positions(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_revoking_load(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_view_renew(hub, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    start_threads(hub);
    err = submit_house(hub, reterr_diag);
    if (err == KP_OK) {
        err = open_doors(hub, workers, reterr_diag);
    }
    if (err == KP_OK) {
        char run_dir[KP_SOCKET_PATH_BYTES_MAX + 1];
        memcpy(run_dir, hub->config->hub.socket_path, sizeof run_dir);
        char *slash = strrchr(run_dir, '/');
        if (slash != NULL && slash != run_dir) {
            *slash = '\0';
            err = kp_dir_make(run_dir, 0700, reterr_diag);
        }
    }
    if (err == KP_OK) {
        hub->operator_fd = kp_operator_listen(hub->config->hub.socket_path, reterr_diag);
        err = hub->operator_fd >= 0 ? KP_OK : KP_E_IO;
    }
    if (err == KP_OK) {
        KP_ASSERT(pthread_create(&hub->operator_thread, NULL, kp_operator_run, hub) == 0);
        KP_ASSERT(pthread_create(&hub->keeper, NULL, kp_keeper_run, hub) == 0);
        KP_ASSERT(pthread_create(&hub->known_thread, NULL, kp_known_run, hub) == 0);
    }
    return err;
}

/* --- stop: no new frames, then what was taken in is journalled and applied, then the rest --- */

static void stop(struct kp_hub *hub)
{
    struct kp_arena arena;
    kp_arena_init(&arena, 4096);
    for (uint32_t i = 0; i < hub->worker_count; i++) {
        kp_queue_close(hub->worker_queues[i]);
        (void)pthread_join(hub->workers[i], NULL);
    }
    kp_request_stop(hub);
    kp_queue_close(hub->writer_queue);
    (void)pthread_join(hub->writer, NULL);
    (void)pthread_mutex_lock(&hub->progress.lock);
    atomic_store(&hub->stopping, true);
    (void)pthread_cond_broadcast(&hub->progress.changed);
    (void)pthread_mutex_unlock(&hub->progress.lock);
    (void)pthread_join(hub->applier, NULL);
    hub->ahead = kp_ahead_stop(hub->ahead);
    (void)pthread_join(hub->keeper, NULL);
    (void)pthread_join(hub->operator_thread, NULL);
    (void)pthread_join(hub->known_thread, NULL);
    kp_known_done(hub);
    hub->doors = kp_doors_stop(hub->doors, kp_frames_bye(&arena, KP_E_LATER, "the hub stops"));
    hub->deliver = kp_deliver_stop(hub->deliver);
    (void)close(hub->operator_fd);
    (void)unlink(hub->config->hub.socket_path); /* a new hub would remove it too */
    kp_view_release(hub->view);
    kp_arena_done(&arena);
    for (uint32_t i = 0; i < hub->worker_count; i++) {
        hub->worker_queues[i] = kp_queue_free(hub->worker_queues[i]);
    }
    hub->writer_queue = kp_queue_free(hub->writer_queue);
    kp_close_all(hub);
    (void)close(hub->stop_fd);
}

/* Until a signal of the service manager, or a fatal fault. */
static void wait_for_end(struct kp_hub *hub, int signal_fd)
{
    struct pollfd ends[2] = {{.fd = signal_fd, .events = POLLIN},
                             {.fd = hub->stop_fd, .events = POLLIN}};
    while (poll(ends, 2, -1) < 0 && errno == EINTR) {
    }
}

static int catch_signals(void)
{
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write, not the end */
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

static int run(struct kp_hub *hub, const char *house_file)
{
    struct kp_diag diag = {0};
    struct kp_worker workers[KP_INTAKE_WORKERS_MAX];
    int signal_fd = catch_signals();
    struct kp_mono began = kp_mono_now();
    if (kp_open_config(hub, house_file) != KP_OK) {
        return EXIT_USAGE;
    }
    kp_log_init("hub", hub->config->hub.log_level);
    /* Else what was freed of the large blocks, half as much again, stays with the heap. */
    (void)mallopt(M_MMAP_THRESHOLD, OWN_MAP_BYTES);
    enum kp_err err = kp_crypto_init(&diag);
    if (err == KP_OK) {
        err = start(hub, workers, &diag);
    }
    if (err != KP_OK) {
        diag.err = err;
        kp_log_diag(KP_LOG_ERROR, "hub.not_started", &diag);
        _exit(EXIT_BROKEN); /* threads may be at work; nothing was promised to anybody */
    }
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t journalled = hub->progress.journalled;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    kp_log(KP_LOG_NOTICE, "hub.ready", "house=%s mode=%s start_ms=%" PRId64 " journal=%" PRIu64,
           hub->config->house.id, hub->config->house.test_mode ? "test" : "production",
           (kp_mono_now().us - began.us) / 1000, journalled);
    kp_keeper_notify("READY=1");
    wait_for_end(hub, signal_fd);
    kp_keeper_notify("STOPPING=1");
    if (atomic_load(&hub->fatal)) {
        _exit(EXIT_BROKEN); /* nothing may leave any more, not even a goodbye */
    }
    stop(hub);
    kp_crypto_done();
    (void)close(signal_fd);
    kp_log(KP_LOG_NOTICE, "hub.stopped", "%s", "");
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"keys", required_argument, NULL, 'k'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    static const char usage[] =
        "usage: knooppunt-hub HOUSE [COMMAND]\n"
        "  HOUSE  the house's directory, or its house.yaml\n"
        "Without a command it serves until SIGTERM. With one, on the data of a hub that does not "
        "run:\n"
        "  verify            read every row and compare the set hash of every table\n"
        "  rebuild           make the state anew from the newest snapshot and the journal, and "
        "compare\n"
        "  rebuild replace   the same, and put it in the place of the present one\n"
        "  restore BACKUP    put a backup in the place of data that is gone\n"
        "With a command:\n"
        "  --keys DIR        the hub's keys are in DIR, not where house.yaml says\n"
        "  --json            what was found as one JSON object\n";
    struct kp_maintain_options maintain = {0};
    char path[PATH_BYTES];
    for (int option; (option = getopt_long(argc, argv, "hv", options, NULL)) != -1;) {
        if (option == 'v') {
            (void)puts("knooppunt-hub " KP_VERSION);
            return EXIT_DONE;
        }
        if (option == 'k' || option == 'j') {
            maintain.keys_dir = option == 'k' ? optarg : maintain.keys_dir;
            maintain.json = maintain.json || option == 'j';
            continue;
        }
        (void)fputs(usage, option == 'h' ? stdout : stderr);
        return option == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
    bool serve = optind + 1 == argc;
    if (optind >= argc || argc - optind > 3 ||
        (serve && (maintain.keys_dir != NULL || maintain.json))) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    const char *given = argv[optind];
    size_t size = strlen(given);
    bool is_file = size > 5 && strcmp(given + size - 5, ".yaml") == 0;
    (void)snprintf(path, sizeof path, "%s%s", given,
                   is_file ? "" : "/house.yaml"); /* cut: not found */
    kp_log_init("hub", KP_LOG_INFO);
    struct kp_hub *hub = calloc(1, sizeof *hub);
    KP_ASSERT(hub != NULL);
    int status = serve ? run(hub, path)
                       : kp_maintain(hub, path, &maintain, argc - optind - 1, argv + optind + 1);
    free(hub);
    return status;
}
