/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The operator's Unix socket: one frame, one Envelope with a Query; the hub answers with one or
 * more Answers. Who may connect is decided by the file's mode and, again, by the peer's
 * credentials. A thread for each of a few sessions.
 */
#define _GNU_SOURCE /* ucred, accept4, POLLRDHUP */

#include "queries.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/frame.h"
#include "base/log.h"
#include "core/outbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SESSIONS_MAX 16
#define ARENA_BYTES (16u << 20)
#define WRITE_MS 10000
#define STOP_LOOK_MS 1000   /* how soon a session sees that the hub stops */
#define FRAME_PAUSE_MS 3000 /* within a query; between two he may take his time */
#define ACCEPT_PAUSE_MS 200
#define WATCH_EVENTS_MAX 64u
#define REPORT_US 1000000 /* between two words on how far something is */

static const struct {
    const char *name;
    kp_query_fn *fn;
} queries[] = {
    {"status", kp_query_status},
    {"metrics", kp_query_metrics},
    {"mailbox.list", kp_query_mailbox_list},
    {"review.list", kp_query_review_list},
    {"review.show", kp_query_review_show},
    {"review.decided", kp_query_review_decided},
    {"review.accept", kp_query_review_accept},
    {"review.reject", kp_query_review_reject},
    {"review.undo", kp_query_review_undo},
    {"match.explain", kp_query_match_explain},
    {"match.history", kp_query_match_history},
    {"match.unmerge", kp_query_match_unmerge},
    {"match.train", kp_query_match_train},
    {"match.epoch.list", kp_query_epoch_list},
    {"match.epoch.compare", kp_query_epoch_compare},
    {"match.epoch.activate", kp_query_epoch_activate},
    {"held.list", kp_query_held_list},
    {"held.show", kp_query_held_show},
    {"held.retry", kp_query_held_retry},
    {"held.drop", kp_query_held_drop},
    {"trace", kp_query_trace},
    {"partner.enrol", kp_query_partner_enrol},
    {"partner.revoke", kp_query_partner_revoke},
    {"partner.list", kp_query_partner_list},
    {"user.enrol", kp_query_user_enrol},
    {"user.revoke", kp_query_user_revoke},
    {"user.list", kp_query_user_list},
    {"person.count", kp_query_person_count},
    {"proposal.list", kp_query_proposal_list},
    {"known-check.list", kp_query_known_check_list},
    {"backup", kp_query_backup},
    {"store.digest", kp_query_store_digest},
    {"store.verify", kp_query_store_verify},
};

struct session {
    struct kp_hub *hub;
    int fd;
    atomic_int *count;
    struct kp_arena arena;
    struct kp_mono reported;
    uint8_t query_id[KP_MESSAGE_ID_BYTES];
};

/* --- answers --- */

static bool send_answer(struct session *session, const struct kp_answer *answer, enum kp_err err,
                        const struct kp_diag *diag, bool more)
{
    struct kp_diag write_diag;
    const struct kp_answer_to to = {
        .message_id = kp_slice_of(session->query_id, sizeof session->query_id), .more = more};
    struct kp_slice frame = kp_answer_pack(answer, &to, err, diag, &session->arena);
    return frame.size > 0 && kp_frame_write(session->fd, frame, WRITE_MS, &write_diag) == KP_OK;
}

/* --- watch: events of a mailbox as they come, without touching its cursor --- */

void kp_query_event_row(struct kp_answer *answer, struct kp_slice event, struct kp_arena *arena)
{
    static const struct kp_gate gate = {
        .bytes_max = KP_FRAME_BYTES_MAX, .depth_max = 8, .fields_max = 40000};
    ProtobufCMessage *message;
    struct kp_diag diag;
    if (kp_codec_open_tolerant(&knooppunt__v1__event__descriptor, &gate, event, arena, &message,
                               &diag) != KP_OK) {
        kp_answer_text(answer, "event", "unreadable");
        return;
    }
    const Knooppunt__V1__Event *opened = (const Knooppunt__V1__Event *)message;
    kp_answer_time(answer, "at", (struct kp_wall){opened->at_ms});
    switch ((int)opened->body_case) {
    case KNOOPPUNT__V1__EVENT__BODY_OUTCOMES:
        kp_answer_text(answer, "event", "outcomes");
        kp_answer_number(answer, "signals", opened->outcomes->n_outcomes);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_CASUS_READY:
        kp_answer_text(answer, "event",
                       opened->casus_ready->again ? "casus_changed" : "casus_ready");
        kp_answer_text(answer, "casus", opened->casus_ready->casus_id);
        kp_answer_text(answer, "rule", opened->casus_ready->rule);
        kp_answer_number(answer, "partners", opened->casus_ready->n_partners);
        kp_answer_number(answer, "counted", opened->casus_ready->n_counted);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED:
        kp_answer_text(answer, "event", "casus_lapsed");
        kp_answer_text(answer, "casus", opened->casus_lapsed->casus_id);
        kp_answer_text(answer, "reason",
                       kp_query_enum_name(&knooppunt__v1__lapse_reason__descriptor,
                                          (int)opened->casus_lapsed->reason));
        break;
    case KNOOPPUNT__V1__EVENT__BODY_PERSON_CHANGED:
        kp_answer_text(answer, "event", "person_changed");
        kp_answer_text(answer, "before", opened->person_changed->before_person_id);
        kp_answer_text(answer, "after", opened->person_changed->after_person_id);
        kp_answer_text(answer, "reason",
                       kp_query_enum_name(&knooppunt__v1__change_reason__descriptor,
                                          (int)opened->person_changed->reason));
        break;
    case KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE:
        kp_answer_text(answer, "event", "known_elsewhere");
        kp_answer_text(answer, "theme", opened->known_elsewhere->theme);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE_ENDED:
        kp_answer_text(answer, "event", "known_elsewhere_ended");
        kp_answer_text(answer, "theme", opened->known_elsewhere_ended->theme);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_HELD_OPENED:
        kp_answer_text(answer, "event", "held_opened");
        kp_answer_text(answer, "partner", opened->held_opened->partner);
        kp_answer_text(answer, "code", kp_err_name((enum kp_err)opened->held_opened->code));
        break;
    case KNOOPPUNT__V1__EVENT__BODY_CERTIFICATE_EXPIRING:
        kp_answer_text(answer, "event", "certificate_expiring");
        kp_answer_text(answer, "owner", opened->certificate_expiring->owner);
        kp_answer_number(answer, "days_left", opened->certificate_expiring->days_left);
        break;
    default:
        kp_answer_text(answer, "event", "unknown");
        break;
    }
}

/* What came after @seq: one answer. Returns the new last sequence. */
static uint64_t watch_step(struct session *session, uint16_t mailbox, uint64_t seq, bool *ret_alive,
                           bool *ret_quiet)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_answer answer;
    struct kp_slice key;
    struct kp_slice value;
    kp_arena_reset(&session->arena);
    kp_answer_init(&answer, &session->arena);
    kp_answer_section(&answer, "events");
    *ret_alive = true;
    *ret_quiet = true;
    if (kp_txn_begin(&session->hub->store, /* write= */ false, &txn, &diag) != KP_OK) {
        return seq;
    }
    for (uint32_t i = 0; i < WATCH_EVENTS_MAX; i++) {
        struct kp_key from = kp_key_u64(kp_key_u16(kp_key_none(), mailbox), seq);
        struct kp_reader reader;
        if (!kp_txn_seek(txn, KP_TABLE_OUTBOX, kp_key_slice(&from), /* after= */ true, &key,
                         &value)) {
            break;
        }
        kp_reader_init(&reader, key);
        if (kp_get_u16(&reader) != mailbox) {
            break;
        }
        seq = kp_get_u64(&reader);
        *ret_quiet = false;
        kp_answer_row(&answer);
        kp_answer_number(&answer, "seq", seq);
        kp_query_event_row(&answer, value, &session->arena);
    }
    kp_txn_abort(txn);
    if (!*ret_quiet) {
        *ret_alive = send_answer(session, &answer, KP_OK, NULL, /* more= */ true);
    }
    return seq;
}

static bool is_peer_gone(int fd)
{
    struct pollfd peer = {.fd = fd, .events = POLLIN | POLLRDHUP};
    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

static bool watch(struct session *session, const struct kp_query *query)
{
    struct kp_hub *hub = session->hub;
    struct kp_diag diag;
    uint16_t mailbox = 0;
    struct kp_view *view = kp_view_hold(hub);
    for (uint16_t i = 1; i < KP_COUNTERPART_NUMBERS && query->argument_count == 1; i++) {
        if (view->by_number[i] != NULL &&
            strcmp(view->by_number[i]->row.id, query->arguments[0]) == 0) {
            mailbox = i;
        }
    }
    kp_view_release(view);
    if (mailbox == 0) {
        (void)kp_fail(&diag, KP_E_NOT_FOUND,
                      "no such mailbox; `knooppunt mailbox list` names them");
        return send_answer(session, NULL, KP_E_NOT_FOUND, &diag, /* more= */ false);
    }
    struct kp_answer empty;
    kp_answer_init(&empty, &session->arena);
    bool alive = send_answer(session, &empty, KP_OK, NULL, /* more= */ true);
    bool quiet = false;
    uint64_t seq = 0;
    while (alive && !atomic_load(&hub->stopping) && !is_peer_gone(session->fd)) {
        (void)pthread_mutex_lock(&hub->progress.lock);
        if (quiet) { /* wait for the next commit, and look now and then whether the watcher is still
                        there */
            struct timespec until;
            (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail with this clock */
            until.tv_sec += 1;
            (void)pthread_cond_timedwait(&hub->progress.changed, &hub->progress.lock, &until);
        }
        (void)pthread_mutex_unlock(&hub->progress.lock);
        seq = watch_step(session, mailbox, seq, &alive, &quiet);
    }
    return false;
}

/* --- one query --- */

/* Nobody has to listen: who went away finds what came of it by asking again. */
static void report(void *context, const char *step, uint64_t done, uint64_t all)
{
    struct session *session = context;
    struct kp_answer answer;
    struct kp_mono now = kp_mono_now();
    if (now.us - session->reported.us < REPORT_US) {
        return;
    }
    session->reported = now;
    size_t mark = kp_arena_mark(&session->arena);
    kp_answer_init(&answer, &session->arena);
    kp_answer_section(&answer, "progress");
    kp_answer_row(&answer);
    kp_answer_text(&answer, "step", step);
    kp_answer_number(&answer, "done", done);
    kp_answer_number(&answer, "all", all);
    (void)send_answer(session, &answer, KP_OK, NULL, /* more= */ true);
    kp_arena_restore(&session->arena, mark);
}

static bool run_query(struct session *session, const Knooppunt__V1__Query *wire)
{
    struct kp_diag diag = {0};
    struct kp_answer answer;
    struct kp_query query = {.name = wire->name == NULL ? "" : wire->name,
                             .arguments = (const char *const *)wire->arguments,
                             .argument_count = (uint32_t)wire->n_arguments,
                             .attachment = kp_slice_of(wire->attachment.data, wire->attachment.len),
                             .report = report,
                             .session = session};
    session->reported = kp_mono_now();
    kp_answer_init(&answer, &session->arena);
    if (strcmp(query.name, "watch") == 0) {
        return watch(session, &query);
    }
    if (strcmp(query.name, "clock.confirm") == 0) {
        atomic_store(&session->hub->clock_confirmed, true);
        return send_answer(session, &answer, KP_OK, &diag, /* more= */ false);
    }
    enum kp_err err =
        kp_fail(&diag, KP_E_USAGE, "this hub does not know the query \"%.40s\"", query.name);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        if (strcmp(queries[i].name, query.name) == 0) {
            err = queries[i].fn(session->hub, &query, &answer, &diag);
        }
    }
    diag.err = err;
    return send_answer(session, &answer, err, &diag, /* more= */ false);
}

static bool serve_frame(struct session *session, struct kp_slice frame)
{
    ProtobufCMessage *message;
    struct kp_diag diag = {0};
    kp_arena_reset(&session->arena);
    memset(session->query_id, 0, sizeof session->query_id);
    enum kp_err err = kp_codec_open(&knooppunt__v1__envelope__descriptor, &kp_gate_frame, frame,
                                    &session->arena, &message, NULL, &diag);
    if (err != KP_OK) {
        diag.err = err;
        return send_answer(session, NULL, err, &diag, /* more= */ false);
    }
    const Knooppunt__V1__Envelope *envelope = (const Knooppunt__V1__Envelope *)message;
    if (envelope->has_message_id && envelope->message_id.len == sizeof session->query_id) {
        memcpy(session->query_id, envelope->message_id.data, sizeof session->query_id);
    }
    if (envelope->body_case != KNOOPPUNT__V1__ENVELOPE__BODY_QUERY) {
        err = kp_fail(&diag, KP_E_UNEXPECTED, "only queries are answered here");
        return send_answer(session, NULL, err, &diag, /* more= */ false);
    }
    return run_query(session, envelope->query);
}

/* Any failure ends the session, a pause within a frame too: what was read of it is gone, and the
 * rest would be taken for the start of another. */
static bool serve_next(struct session *session)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool ended = false;
    struct kp_diag diag;
    enum kp_err err = kp_frame_read(session->fd, KP_FRAME_BYTES_MAX, FRAME_PAUSE_MS, &bytes, &size,
                                    &ended, &diag);
    bool more = err == KP_OK && !ended && serve_frame(session, kp_slice_of(bytes, size));
    free(bytes);
    return more;
}

static void *run_session(void *context)
{
    struct session *session = context;
    bool more = true;
    kp_arena_init(&session->arena, ARENA_BYTES);
    while (more && !atomic_load(&session->hub->stopping)) {
        struct pollfd peer = {.fd = session->fd, .events = POLLIN};
        if (poll(&peer, 1, STOP_LOOK_MS) > 0) {
            more = serve_next(session);
        }
    }
    (void)close(session->fd);
    kp_arena_done(&session->arena);
    atomic_fetch_sub(session->count, 1);
    free(session);
    return NULL;
}

/* --- the socket --- */

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void wait_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static void accept_one(struct kp_hub *hub, int listener, atomic_int *count)
{
    pthread_t thread;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) { /* no descriptor is free: he goes on waiting, and poll would answer at once */
        wait_ms(ACCEPT_PAUSE_MS);
        return;
    }
    struct session *session = calloc(1, sizeof *session);
    KP_ASSERT(session != NULL);
    *session = (struct session){.hub = hub, .fd = fd, .count = count};
    bool room = atomic_fetch_add(count, 1) < SESSIONS_MAX;
    if (!is_allowed(fd) || !room || pthread_create(&thread, NULL, run_session, session) != 0) {
        kp_log(KP_LOG_WARNING, "operator.refused", "room=%d", room);
        atomic_fetch_sub(count, 1);
        free(session);
        (void)close(fd);
        return;
    }
    (void)pthread_detach(thread); /* the count tells when all are gone */
}

int kp_operator_listen(const char *path, struct kp_diag *reterr_diag)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
        (void)kp_fail(reterr_diag, KP_E_IO, "no socket for %s", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    (void)unlink(
        path); /* of a hub that is gone: the data directory's lock keeps a second one out */
    mode_t mask = umask(0177);
    int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
    (void)umask(mask);
    if (bound != 0 || listen(fd, SESSIONS_MAX) != 0) {
        (void)kp_fail(reterr_diag, KP_E_IO, "cannot listen on %s: %s", path, strerror(errno));
        (void)close(fd);
        return -1;
    }
    return fd;
}

void *kp_operator_run(void *context)
{
    struct kp_hub *hub = context;
    static atomic_int count; /* sessions; outlives their threads */
    while (!atomic_load(&hub->stopping) && !atomic_load(&hub->fatal)) {
        struct pollfd listener = {.fd = hub->operator_fd, .events = POLLIN};
        if (poll(&listener, 1, 200) > 0) {
            accept_one(hub, hub->operator_fd, &count);
        }
    }
    while (atomic_load(&count) > 0 && !atomic_load(&hub->fatal)) {
        wait_ms(20); /* each sees the stop within a second */
    }
    return NULL;
}
