/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The one applier: takes the journal in order and applies a group of commands in one transaction on
 * the state, with the position. After the commit, and only then, effects leave: deliveries, doors,
 * counters.
 *
 * Poison: after an unclean end the commands are applied one by one for a while, each with its
 * attempt noted on disk before; one that ended the process three times is held instead of applied.
 */
#include "ahead.h"

#include "base/assert.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/held.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK_RECORDS 16u
#define CHUNK_BYTES (4u << 20)
#define CAREFUL_COMMANDS 64u
#define NICE 5
/* The more positions wait, the less anybody waits for one of them, and the longer a group lasts:
 * larger ones write fewer pages for each command. */
#define GROUP_US_PER_WAITING 12
#define GROUP_US_BACKLOG 250000
/* The disk is the journal's for four fifths of the time: receipts wait behind our commits. */
#define PAUSE_PER_COMMIT 5
#define CROWD_TOLD_MS INT64_C(3600000)

struct applier {
    struct kp_hub *hub;
    struct kp_core *core;
    struct kp_effects effects;
    struct kp_journal_reader *reader;
    struct kp_journal_record records[CHUNK_RECORDS];
    uint64_t applied;
    struct kp_mono began; /* the last group */
    int64_t commit_us;    /* what its commit took */
    uint32_t careful;     /* commands still to be applied one by one */
    uint64_t attempt_position;
    uint32_t attempts;
    bool skipped;     /* a command in this group was set aside */
    bool journal_bad; /* what failed was the reading of it */
    bool crowd_told; /* that spellings hold together with too many: when, and how many came since */
    uint32_t crowded;
    int64_t crowd_told_ms;
    char attempt_path[600];
};

/* --- attempts --- */

static bool note_attempt(struct applier *applier, uint64_t position)
{
    struct kp_diag diag;
    uint8_t bytes[12];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    applier->attempts = position == applier->attempt_position ? applier->attempts + 1 : 1;
    applier->attempt_position = position;
    kp_put_u64(&writer, position);
    kp_put_u32(&writer, applier->attempts);
    if (kp_file_write_alone(applier->attempt_path, kp_writer_slice(&writer), 0600, &diag) !=
        KP_OK) {
        kp_hub_die(applier->hub, "attempt.unwritable", &diag);
        return false;
    }
    return true;
}

/* The disk is to blame, not the command: however often we start on a full disk, the command must
 * not be set aside for it. Removing a file needs no room. */
static void forget_attempt(const struct applier *applier, enum kp_err err)
{
    if (err == KP_E_DISK_FULL || err == KP_E_IO) {
        (void)unlink(applier->attempt_path); /* when it stays, this start counts after all */
    }
}

/* The file is there when the last process did not end in order. */
static void read_attempt(struct applier *applier)
{
    char *bytes = NULL;
    size_t size = 0;
    struct kp_diag diag;
    struct kp_reader reader;
    if (kp_file_read(applier->attempt_path, 64, &bytes, &size, &diag) != KP_OK) {
        return;
    }
    kp_reader_init(&reader, kp_slice_of(bytes, size));
    applier->attempt_position = kp_get_u64(&reader);
    applier->attempts = kp_get_u32(&reader);
    applier->careful = CAREFUL_COMMANDS;
    free(bytes);
}

/* --- the group --- */

static void copy_held_counts(struct applier *applier, struct kp_txn *txn)
{
    for (uint32_t i = 0; i < applier->core->house.partner_count; i++) {
        struct kp_partner_counts counts;
        uint16_t number = applier->core->house.partners[i].number;
        kp_partner_counts_get(txn, number, &counts);
        atomic_store(&applier->hub->held[number], counts.held);
    }
}

struct group {
    uint64_t last;
    struct kp_wall stamp, due;
    bool has_due;
    uint64_t tree_size;
    uint8_t tree_root[KP_SHA256_BYTES];
    uint32_t commands;
};

static void read_group_end(struct applier *applier, struct kp_txn *txn, struct group *ret_group)
{
    size_t mark = kp_txn_scratch_mark(txn);
    ret_group->last = kp_core_position(txn, &ret_group->stamp);
    ret_group->has_due = kp_core_next_due(txn, &ret_group->due);
    kp_audit_head(txn, &ret_group->tree_size, ret_group->tree_root);
    copy_held_counts(applier, txn);
    kp_txn_scratch_restore(txn, mark);
}

static int64_t group_us_max(uint64_t waiting)
{
    uint64_t us = KP_GROUP_US_MAX + waiting * GROUP_US_PER_WAITING;
    return us < GROUP_US_BACKLOG ? (int64_t)us : GROUP_US_BACKLOG;
}

static enum kp_err apply_record(struct applier *applier, struct kp_txn *txn,
                                const struct kp_journal_record *record, struct kp_diag *reterr_diag)
{
    struct kp_core_command command = {.position = record->position,
                                      .positions = record->positions,
                                      .stamp = record->stamp,
                                      .body = record->body};
    kp_ahead_pass(applier->hub->ahead, record->position);
    if (applier->careful > 0) {
        applier->careful--;
        if (!note_attempt(applier, record->position)) {
            return KP_E_IO;
        }
        if (applier->attempts > KP_POISON_ATTEMPTS_MAX) {
            kp_log(KP_LOG_ERROR, "command.poison", "position=%llu",
                   (unsigned long long)record->position);
            kp_hub_count(applier->hub, KP_METRIC_poison, 1);
            kp_core_skip_poison(applier->core, txn, &command, &applier->effects);
            if (kp_txn_error(txn) != KP_OK) {
                *reterr_diag = txn->diag;
            }
            applier->skipped = true;
            return kp_txn_error(txn);
        }
    }
    return kp_core_apply(applier->core, txn, &command, &applier->effects, reterr_diag);
}

/* Apply from the journal until the group is full or nothing is left. */
static enum kp_err fill_group(struct applier *applier, struct kp_txn *txn, uint64_t waiting,
                              struct group *group, struct kp_diag *reterr_diag)
{
    uint64_t next = applier->applied + 1;
    int64_t until_us = applier->began.us + group_us_max(waiting);
    for (;;) {
        uint32_t count = 0;
        uint32_t wanted = applier->careful > 0 ? 1 : CHUNK_RECORDS;
        enum kp_err err = kp_journal_read(applier->reader, next, applier->records, wanted,
                                          CHUNK_BYTES, &count, reterr_diag);
        applier->journal_bad = err != KP_OK;
        for (uint32_t i = 0; err == KP_OK && i < count; i++) {
            bool alone = applier->careful > 0;
            err = apply_record(applier, txn, &applier->records[i], reterr_diag);
            next = applier->records[i].position + applier->records[i].positions;
            group->commands++;
            bool full = alone || kp_mono_now().us >= until_us ||
                        kp_txn_dirty_pages(txn) >= KP_GROUP_PAGES_MAX;
            if (err == KP_OK && full) {
                return KP_OK;
            }
        }
        if (err != KP_OK || count == 0) {
            return err;
        }
    }
}

/* One alert, not one for each form of the crowd. */
static void tell_crowd(struct applier *applier)
{
    const struct kp_effects *effects = &applier->effects;
    int64_t now_ms = kp_clock_now(applier->hub).ms;
    kp_hub_count(applier->hub, KP_METRIC_crowded, effects->components_full);
    applier->crowded += effects->components_full;
    if (effects->components_full > 0 &&
        (!applier->crowd_told || now_ms - applier->crowd_told_ms >= CROWD_TOLD_MS)) {
        kp_log(KP_LOG_WARNING, "match.crowded", "count=%u last_position=%llu", applier->crowded,
               (unsigned long long)effects->crowded_at);
        applier->crowd_told = true;
        applier->crowd_told_ms = now_ms;
        applier->crowded = 0;
    }
}

static void publish_counters(struct applier *applier)
{
    static const enum kp_metric metrics[9] = {
        [1] = KP_METRIC_outcomes_new,       [2] = KP_METRIC_outcomes_duplicate,
        [3] = KP_METRIC_outcomes_replaces,  [4] = KP_METRIC_outcomes_superseded,
        [5] = KP_METRIC_outcomes_withdrawn, [6] = KP_METRIC_outcomes_held,
        [7] = KP_METRIC_conflicts,
    };
    const struct kp_effects *effects = &applier->effects;
    for (uint32_t i = 1; i <= 7; i++) {
        kp_hub_count(applier->hub, metrics[i], effects->outcomes[i]);
    }
    kp_hub_count(applier->hub, KP_METRIC_weighed_ahead, effects->weighed_ahead);
    kp_hub_count(applier->hub, KP_METRIC_persons_made, effects->persons_made);
    kp_hub_count(applier->hub, KP_METRIC_persons_changed, effects->persons_changed);
    kp_hub_count(applier->hub, KP_METRIC_casus_ready, effects->casus_ready);
    kp_hub_count(applier->hub, KP_METRIC_casus_changed, effects->casus_changed);
    kp_hub_count(applier->hub, KP_METRIC_casus_lapsed, effects->casus_lapsed);
    kp_hub_count(applier->hub, KP_METRIC_known_elsewhere, effects->known_elsewhere);
    kp_hub_count(applier->hub, KP_METRIC_known_elsewhere_ended, effects->known_elsewhere_ended);
    kp_hub_count(applier->hub, KP_METRIC_known_checks, effects->known_checks);
    kp_hub_count(applier->hub, KP_METRIC_known_checks_refused, effects->known_checks_refused);
    tell_crowd(applier);
    if (effects->outcomes[7] > 0) {
        kp_log(KP_LOG_WARNING, "signal.conflict", "count=%u", effects->outcomes[7]);
    }
}

/* After the commit: what was caused may leave. */
static void publish(struct applier *applier, const struct group *group)
{
    struct kp_hub *hub = applier->hub;
    struct kp_diag diag;
    publish_counters(applier);
    kp_hub_count(hub, KP_METRIC_applied_commands, group->commands);
    kp_hub_count(hub, KP_METRIC_applied_groups, 1);
    if ((applier->effects.house_changed || applier->effects.doors_changed) &&
        kp_view_renew(hub, &diag) != KP_OK) {
        kp_hub_die(hub, "view.failed", &diag);
        return;
    }
    applier->applied = group->last;
    (void)pthread_mutex_lock(&hub->progress.lock);
    hub->progress.applied = group->last;
    if (hub->progress.journalled < group->last) { /* the writer is still sending the receipts */
        hub->progress.journalled = group->last;
    }
    hub->progress.applied_stamp = group->stamp;
    hub->progress.has_due = group->has_due;
    hub->progress.due = group->due;
    hub->progress.tree_size = group->tree_size;
    memcpy(hub->progress.tree_root, group->tree_root, sizeof group->tree_root);
    (void)pthread_cond_broadcast(&hub->progress.changed);
    (void)pthread_mutex_unlock(&hub->progress.lock);
    if (hub->deliver != NULL) {
        kp_deliver_wake(hub->deliver, applier->effects.mailboxes);
    }
}

static bool apply_group(struct applier *applier, uint64_t waiting)
{
    struct kp_hub *hub = applier->hub;
    struct kp_txn *txn;
    struct kp_diag diag = {0};
    struct group group = {0};
    memset(&applier->effects, 0, sizeof applier->effects);
    applier->began = kp_mono_now();
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ true, &txn, &diag);
    if (err == KP_OK) {
        err = fill_group(applier, txn, waiting, &group, &diag);
        if (err == KP_OK) {
            read_group_end(applier, txn, &group);
            kp_crash_point("apply.before_commit");
            struct kp_mono before = kp_mono_now();
            err = kp_txn_commit(txn, &diag);
            applier->commit_us = kp_mono_now().us - before.us;
            kp_crash_point("apply.after_commit");
        } else {
            kp_txn_abort(txn);
        }
    }
    if (err != KP_OK) {
        forget_attempt(applier, err);
        kp_hub_die(hub, applier->journal_bad ? "journal.failed" : "state.failed", &diag);
        return false;
    }
    publish(applier, &group);
    if (applier->skipped) { /* committed: the journal still has it, a rebuild begins after it */
        applier->skipped = false;
        atomic_store(&hub->snapshot_wanted, true);
    }
    return !atomic_load(&hub->fatal);
}

/* --- the thread --- */

bool kp_applier_wait(struct kp_hub *hub, uint64_t position)
{
    (void)pthread_mutex_lock(&hub->progress.lock);
    while (hub->progress.applied < position && !atomic_load(&hub->stopping) &&
           !atomic_load(&hub->fatal)) {
        (void)pthread_cond_wait(&hub->progress.changed, &hub->progress.lock);
    }
    bool reached = hub->progress.applied >= position;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    return reached;
}

static int64_t pause_us(const struct applier *applier)
{
    int64_t us = applier->commit_us * PAUSE_PER_COMMIT;
    return us < KP_GROUP_PAUSE_US_MIN   ? KP_GROUP_PAUSE_US_MIN
           : us > KP_GROUP_PAUSE_US_MAX ? KP_GROUP_PAUSE_US_MAX
                                        : us;
}

/* A commit costs the disk the same for one command as for ten, and the journal's sync waits behind
 * it: after a group the next one gathers first. Locked. */
static void pause_between_groups(struct applier *applier)
{
    struct kp_hub *hub = applier->hub;
    int64_t us = applier->began.us + pause_us(applier);
    struct timespec until = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (applier->careful == 0 && kp_mono_now().us < us && !atomic_load(&hub->stopping)) {
        (void)pthread_cond_timedwait(&hub->progress.changed, &hub->progress.lock, &until);
    }
}

/* How many positions wait; false: the hub stops. */
static bool wait_for_work(struct applier *applier, uint64_t *ret_waiting)
{
    struct kp_hub *hub = applier->hub;
    (void)pthread_mutex_lock(&hub->progress.lock);
    while (hub->progress.journalled <= applier->applied && !atomic_load(&hub->stopping)) {
        (void)pthread_cond_wait(&hub->progress.changed, &hub->progress.lock);
    }
    pause_between_groups(applier);
    *ret_waiting = hub->progress.journalled - applier->applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    return *ret_waiting > 0 && !atomic_load(&hub->stopping);
}

static bool load_core(struct applier *applier)
{
    struct kp_txn *txn;
    struct kp_diag diag = {0};
    struct kp_wall stamp;
    enum kp_err err = kp_txn_begin(&applier->hub->store, /* write= */ false, &txn, &diag);
    if (err == KP_OK) {
        err = kp_core_load(applier->core, txn, &diag);
        applier->applied = kp_core_position(txn, &stamp);
        kp_txn_abort(txn);
    }
    if (err != KP_OK) {
        kp_hub_die(applier->hub, "state.failed", &diag);
        return false;
    }
    applier->core->hints = kp_ahead_hints;
    applier->core->hints_context = applier->hub->ahead;
    return true;
}

/* After an unclean end not before what stood in the journal then. */
static void begin_ahead(struct applier *applier)
{
    struct kp_hub *hub = applier->hub;
    (void)pthread_mutex_lock(&hub->progress.lock);
    kp_ahead_begin(hub->ahead,
                   1 + (applier->careful > 0 ? hub->progress.journalled : applier->applied));
    (void)pthread_cond_broadcast(&hub->progress.changed);
    (void)pthread_mutex_unlock(&hub->progress.lock);
}

void *kp_applier_run(void *context)
{
    struct applier *applier = calloc(1, sizeof *applier);
    KP_ASSERT(applier != NULL);
    applier->hub = context;
    applier->core = calloc(1, sizeof *applier->core);
    KP_ASSERT(applier->core != NULL);
    applier->reader = kp_journal_reader_new(applier->hub->journal);
    (void)snprintf(applier->attempt_path, sizeof applier->attempt_path, "%s/attempt",
                   applier->hub->config->hub.data_dir); /* fits: checked by the configuration */
    read_attempt(applier);
    /* Receipts first: on a full machine the backlog grows before a partner waits. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* a wish, not a need */
    uint64_t waiting = 0;
    bool good = load_core(applier);
    if (good && applier->careful == 0) {
        good = note_attempt(applier, 0); /* gone again when we end in order */
    }
    if (good) {
        begin_ahead(applier);
    }
    while (good && wait_for_work(applier, &waiting)) {
        good = apply_group(applier, waiting);
    }
    if (good) {
        (void)unlink(
            applier->attempt_path); /* when it stays, the next start is only more careful */
    }
    applier->reader = kp_journal_reader_free(applier->reader);
    free(applier->core);
    free(applier);
    return NULL;
}
