/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The hub as a process: what its threads share. The way of a frame: net/doors -> frames.c (intake
 * workers) -> writer.c (journal, receipt) -> applier.c (core, state) -> deliver/ -> net/doors.
 * operator.c answers the CLI, keeper.c does what time asks for.
 */
#ifndef KP_HUB_HUB_H
#define KP_HUB_HUB_H

#include "base/crypto.h"
#include "base/queue.h"
#include "base/sign.h"
#include "config/house.h"
#include "core/core.h"
#include "core/counterpart.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include "net/doors.h"
#include "proto/codec.h"
#include "store/lmdb.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- the view: who may do what now; replaced whole when the house, an enrolment or a revocation
 * list changes --- */

struct kp_view_certificate {
    struct kp_certificate *certificate;
    enum kp_err
        err; /* of its chain and revocation, when the view was made; expiry is judged at use */
};

struct kp_view_counterpart {
    struct kp_counterpart row; /* the certificates' slices are not to be used */
    bool named;                /* in the present configuration */
    uint16_t partner;          /* index in the house, or KP_PARTNER_NONE */
    int user;                  /* index in the house, or -1 */
    struct kp_view_certificate certificates[KP_COUNTERPART_KEYS_MAX];
};

struct kp_view {
    atomic_uint holders;
    struct kp_core core; /* house with numbers and its digest */
    uint32_t counterpart_count;
    struct kp_view_counterpart *by_number[KP_COUNTERPART_NUMBERS]; /* NULL: no such number */
};

/* --- what waits for the journal --- */

struct kp_entry_signal {
    uint32_t held_code;
    char held_field[64];
    uint8_t digest[KP_SHA256_BYTES];
};

/* Somebody waits until his command is in the journal. */
struct kp_waiter {
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
    bool done;
    enum kp_err err;
    uint64_t position; /* last one it covers */
};

struct kp_entry {
    enum kp_command_kind kind;
    uint16_t door; /* 0: no receipt to send */
    uint8_t session[KP_SESSION_BYTES];
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    char partner_oin[KP_OIN_DIGITS + 1];
    uint32_t positions;
    uint16_t ack_mailbox; /* KP_COMMAND_ACK: only the last of a group goes to the journal */
    uint64_t ack_seq;
    struct kp_mono arrived;          /* KP_COMMAND_KNOWN_CHECK: its answer leaves by it */
    struct kp_waiter *waiter;        /* NULL: nobody waits */
    struct kp_entry_signal *signals; /* positions of them, for the receipt of a batch */
    size_t body_size, body_capacity;
    uint8_t body[]; /* the command */
};

/* --- counters: each has a name and a meaning in metrics.def --- */

enum kp_metric {
#define X(name, unit, doc) KP_METRIC_##name,
#include "metrics.def"
#undef X
    KP_METRIC_END
};

struct kp_progress {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t journalled; /* last position on disk */
    uint64_t applied;    /* last position in the state */
    uint64_t tree_size;
    uint8_t tree_root[KP_SHA256_BYTES];
    struct kp_wall applied_stamp;
    bool has_due;
    struct kp_wall due; /* earliest deadline */
};

/* Revocations that are journalled and wait behind the backlog: the doors obey them already. */
#define KP_REVOKING_MAX 64u
struct kp_revocation {
    uint64_t position; /* of its command; a key enrolled after it is not meant */
    char id[KP_ID_BYTES_MAX + 1];
    bool one_key; /* false: every key */
    uint8_t key[KP_CURVE_KEY_BYTES];
};
struct kp_revoking {
    pthread_mutex_t lock;
    uint32_t count;
    struct kp_revocation list[KP_REVOKING_MAX];
};

/* Checks that wait for their answer (known.c); under the progress lock. */
struct kp_known_waiting {
    uint64_t position;
    uint16_t door;
    uint8_t session[KP_SESSION_BYTES];
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    struct kp_mono due;
    uint8_t *frame; /* the answer, once the check is applied */
    size_t frame_bytes;
};
struct kp_known {
    atomic_uint admitted; /* those on their way through the journal too */
    uint32_t count;
    struct kp_known_waiting *list; /* KP_KNOWN_WAITING_MAX, in no order */
};

/* The hub's time: the wall clock, as long as it goes with the monotonic one since then. */
struct kp_clock_base {
    pthread_mutex_t lock;
    struct kp_mono mono;
    struct kp_wall wall;
};

/* How far the learning of an epoch is; one at a time. */
struct kp_learning {
    atomic_bool running;
    const char *_Atomic step;
    _Atomic uint64_t done, all; /* all 0: not known */
};

struct kp_hub {
    struct kp_house_config *config;
    struct kp_secret index_key;
    struct kp_keyring *ring;
    struct kp_store store;
    struct kp_memo *forms; /* the store's: what is weighed of persons */
    struct kp_journal *journal;
    struct kp_trust *trust;
    struct kp_signer *signer;           /* the writer's */
    struct kp_certificate *certificate; /* of the hub */
    /* Set once the doors are open, while writer and applier work already. */
    struct kp_doors *_Atomic doors;
    struct kp_deliver *_Atomic deliver;
    struct kp_ahead *ahead;
    struct kp_queue *writer_queue;
    struct kp_queue *requests; /* of users */
    struct kp_queue *worker_queues[KP_INTAKE_WORKERS_MAX];
    uint32_t worker_count;
    atomic_size_t worker_bytes; /* of frames that wait for a worker */
    pthread_t workers[KP_INTAKE_WORKERS_MAX], writer, applier, keeper, operator_thread,
        known_thread, request_thread;

    pthread_mutex_t renew_lock; /* one renewal of the view at a time */
    pthread_mutex_t view_lock;
    struct kp_view *view;
    struct kp_revoking revoking;
    struct kp_clock_base clock;
    _Atomic uint32_t held[KP_COUNTERPART_NUMBERS]; /* held signals of each partner, as applied */
    struct kp_progress progress;
    struct kp_known known;
    _Atomic uint64_t keep_from; /* the journal may be trimmed below this */
    atomic_bool disk_full, clock_parted, clock_confirmed, snapshot_running, snapshot_wanted;
    _Atomic uint64_t snapshot_position;
    struct kp_learning learning;
    _Atomic uint64_t metrics[KP_METRIC_END];

    int operator_fd;
    int stop_fd;          /* eventfd: readable when main must end */
    atomic_bool stopping; /* threads end when they see it */
    atomic_bool fatal;    /* nothing may leave any more */
};

static inline void kp_hub_count(struct kp_hub *hub, enum kp_metric metric, uint64_t more)
{
    atomic_fetch_add_explicit(&hub->metrics[metric], more, memory_order_relaxed);
}

/* One frame to the peer of a door. Who is gone, or too slow to take it, starts a new session and
 * gets what he missed. */
static inline void kp_hub_send(struct kp_hub *hub, uint16_t door, struct kp_slice frame)
{
    if (kp_doors_send(hub->doors, door, frame) != KP_OK) {
        kp_hub_count(hub, KP_METRIC_frames_dropped, 1);
    }
}

/* The process must end: a commit failed, a thread found what must not be. Logged; main returns 4.
 * Any thread. */
void kp_hub_die(struct kp_hub *hub, const char *event, const struct kp_diag *diag);

/* open.c: in this order. Faults in the configuration are printed, all of them. */
KP_MUST_CHECK enum kp_err kp_open_config(struct kp_hub *hub, const char *path);
KP_MUST_CHECK enum kp_err kp_open_lock(const struct kp_hub *hub, struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_open_keys(struct kp_hub *hub, struct kp_secret *ret_master,
                                       struct kp_diag *reterr_diag);
/* @dir: the data folder. */
KP_MUST_CHECK enum kp_err kp_open_data(struct kp_hub *hub, const char *dir,
                                       const struct kp_secret *master, struct kp_diag *reterr_diag);
/* Where state and journal stand; the state can never be ahead of the truth. KP_E_CORRUPT */
KP_MUST_CHECK enum kp_err kp_open_position(struct kp_hub *hub, uint64_t *ret_applied,
                                           uint64_t *ret_journalled, struct kp_diag *reterr_diag);
void kp_close_data(struct kp_hub *hub);
/* Close and free what was opened, also after a failure half way; no thread uses it any more. */
void kp_close_all(struct kp_hub *hub);

/* view.c */
struct kp_view *
kp_view_hold(struct kp_hub *hub); /* never NULL after start; give back with kp_view_release */
void kp_view_release(struct kp_view *view);
/* Read the house, counterparts and certificates again, replace the view, and set the doors by it.
 */
KP_MUST_CHECK enum kp_err kp_view_renew(struct kp_hub *hub, struct kp_diag *reterr_diag);
/* The enrolled certificate of this digest, and whether it is good at @now: KP_OK,
 * KP_E_CERT_MISMATCH (not enrolled), KP_E_CERT_REVOKED, KP_E_CERT_EXPIRED, ... */
KP_MUST_CHECK enum kp_err kp_view_certificate(const struct kp_view_counterpart *counterpart,
                                              struct kp_slice digest, struct kp_wall now,
                                              const struct kp_certificate **ret_certificate);
/* Whether any enrolled certificate is good: KP_OK, or why the newest is not. */
enum kp_err kp_view_standing(const struct kp_view_counterpart *counterpart, struct kp_wall now);

/* frames.c */
void kp_frames_on_frame(void *context, uint16_t door, struct kp_frame *frame);
void kp_frames_on_event(void *context, uint16_t door, enum kp_door_event event);
void *kp_frames_run(void *worker); /* struct kp_worker */
struct kp_worker {
    struct kp_hub *hub;
    uint32_t index;
};
/* What speaks against more of this door, or of any; else one more of it is under way, until
 * kp_deliver_land. KP_E_LATER */
KP_MUST_CHECK enum kp_err kp_frames_admit(struct kp_hub *hub, uint16_t door,
                                          struct kp_diag *reterr_diag);
/* A Bye envelope in @arena, for a door that closes. */
struct kp_slice kp_frames_bye(struct kp_arena *arena, enum kp_err err, const char *text);

/* writer.c */
struct kp_entry *kp_entry_new(enum kp_command_kind kind, size_t body_capacity, uint32_t positions);
struct kp_entry *kp_entry_free(struct kp_entry *entry);
/* Append @entry to the journal and wait until it is applied. Takes the entry. KP_E_LATER,
 * KP_E_STORE. Not from the writer's or applier's thread. */
KP_MUST_CHECK enum kp_err kp_writer_submit_and_wait(struct kp_hub *hub, struct kp_entry *entry,
                                                    uint64_t *ret_position);
/* The same, until it is in the journal only. */
KP_MUST_CHECK enum kp_err kp_writer_journal(struct kp_hub *hub, struct kp_entry *entry,
                                            uint64_t *ret_position);
void *kp_writer_run(void *hub);

/* applier.c */
void *kp_applier_run(void *hub);
/* Wait until @position is applied; false when the hub stops first. */
bool kp_applier_wait(struct kp_hub *hub, uint64_t position);

/* known.c: the answers to checks whether a person is known. From its arrival a check is admitted
 * (false: too many wait), then either given up, or put on the list with its position. */
void kp_known_init(struct kp_hub *hub);
void kp_known_done(struct kp_hub *hub);
bool kp_known_admit(struct kp_hub *hub);
void kp_known_give_up(struct kp_hub *hub);
void kp_known_put(struct kp_hub *hub, const struct kp_entry *entry, uint64_t position);
void *kp_known_run(void *hub);

/* request.c: what a ketenmanager asks and decides over his door. An envelope with a Query or a
 * Command, of the present session; @arena for what it is decoded into. Afterwards he gets an
 * Answer. Errors are for a Refusal: KP_E_NOT_ENTITLED, KP_E_LATER, of the message and its
 * signature. */
void kp_request_init(struct kp_hub *hub);
KP_MUST_CHECK enum kp_err kp_request_take(struct kp_hub *hub, const struct kp_view *view,
                                          uint16_t door, const Knooppunt__V1__Envelope *envelope,
                                          struct kp_arena *arena, struct kp_diag *reterr_diag);
void *kp_request_run(void *hub);
/* Those that wait are still served: before the writer ends. */
void kp_request_stop(struct kp_hub *hub);

/* operator.c: the socket, -1 and a diagnosis on failure; then the thread that serves it */
int kp_operator_listen(const char *path, struct kp_diag *reterr_diag);
void *kp_operator_run(void *hub);
/* revoking.c. What the last process left: before the first view. */
KP_MUST_CHECK enum kp_err kp_revoking_load(struct kp_hub *hub, struct kp_diag *reterr_diag);
/* A journalled revocation: on disk, then obeyed by every view made from now on. KP_E_LATER: too
 * many wait; it takes effect when it is applied. */
KP_MUST_CHECK enum kp_err kp_revoking_add(struct kp_hub *hub,
                                          const struct kp_revocation *revocation,
                                          struct kp_diag *reterr_diag);
/* Marks the keys of @row that are meant. */
void kp_revoking_mark(struct kp_hub *hub, struct kp_counterpart *row);

/* keeper.c */
/* From here the two clocks are compared. */
void kp_clock_rebase(struct kp_hub *hub);
/* What a command is stamped with: never a wall clock that jumped. Any thread. */
struct kp_wall kp_clock_now(struct kp_hub *hub);
void *kp_keeper_run(void *hub);
void kp_keeper_notify(const char *state);
/* snapshot.c: copies state, keys and journal to @dir while the hub works. */
KP_MUST_CHECK enum kp_err kp_snapshot_take(struct kp_hub *hub, const char *dir,
                                           uint64_t *ret_position, struct kp_diag *reterr_diag);
/* Into data/snapshots/<position>, the newest two kept; moves hub->keep_from. */
KP_MUST_CHECK enum kp_err kp_snapshot_rotate(struct kp_hub *hub, struct kp_diag *reterr_diag);

#endif
