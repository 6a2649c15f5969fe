/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Snapshots while the hub works. The order makes them whole: the state first; then the person keys,
 * which are committed before the rows they seal, so that the copy has every key of the copied
 * state; then the journal, which goes on after it. It has its name only once it is whole: what a
 * crash left half made is in a folder that ends in ".part", and no one's snapshot.
 */
#include "hub.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SNAPSHOTS_KEPT 2u
#define PATH_BYTES 640

static enum kp_err copy_part(struct kp_hub *hub, const char *dir, const char *part,
                             struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES + 24];
    (void)snprintf(path, sizeof path, "%s/%s", dir, part); /* a cut path fails to be made */
    if (strcmp(part, "state") == 0) {
        return kp_store_copy(&hub->store, path, reterr_diag);
    }
    if (strcmp(part, "persons") == 0) {
        return kp_keyring_copy(hub->ring, path, reterr_diag);
    }
    return kp_journal_copy(hub->journal, path, reterr_diag);
}

static void remove_copy(const char *dir)
{
    static const char *const files[] = {"state/data.mdb",
                                        "state/lock.mdb",
                                        "persons/data.mdb",
                                        "persons/lock.mdb",
                                        "journal/data.mdb",
                                        "journal/lock.mdb",
                                        "state",
                                        "persons",
                                        "journal",
                                        ""};
    char path[PATH_BYTES + 280];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        int size = snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        if (size > 0 && (size_t)size < sizeof path) {
            (void)(i < 6 ? unlink(path) : rmdir(path)); /* what stays is seen at the next one */
        }
    }
}

/* The copy made, synced, and only then given its name. */
static enum kp_err copy_whole(struct kp_hub *hub, const char *dir, struct kp_diag *reterr_diag)
{
    static const char *const parts[] = {"state", "persons", "journal"};
    char part[PATH_BYTES + 8];
    char parent[PATH_BYTES + 8];
    (void)snprintf(part, sizeof part, "%s.part", dir); /* a cut path fails to be made */
    (void)snprintf(parent, sizeof parent, "%s/..", dir);
    remove_copy(part);
    enum kp_err err = kp_dir_make(part, 0700, reterr_diag);
    for (size_t i = 0; err == KP_OK && i < sizeof parts / sizeof parts[0]; i++) {
        err = copy_part(hub, part, parts[i], reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_dir_sync(part, reterr_diag);
    }
    kp_crash_point("snapshot.before_rename");
    if (err == KP_OK && rename(part, dir) != 0) {
        err = kp_fail(reterr_diag, KP_E_IO, "%s cannot be renamed: %s", part, strerror(errno));
    }
    if (err != KP_OK) {
        remove_copy(part);
        return err;
    }
    return kp_dir_sync(parent, reterr_diag);
}

enum kp_err kp_snapshot_take(struct kp_hub *hub, const char *dir, uint64_t *ret_position,
                             struct kp_diag *reterr_diag)
{
    bool running = false;
    if (!atomic_compare_exchange_strong(&hub->snapshot_running, &running, true)) {
        return kp_fail(reterr_diag, KP_E_LATER, "a snapshot is being taken already");
    }
    /* At least this far: commands applied while it is copied are in the copied journal anyway. */
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t position = hub->progress.applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    enum kp_err err = access(dir, F_OK) == 0
                          ? kp_fail(reterr_diag, KP_E_EXISTS, "%s is there already", dir)
                          : copy_whole(hub, dir, reterr_diag);
    atomic_store(&hub->snapshot_running, false);
    if (err == KP_OK) {
        *ret_position = position;
        kp_hub_count(hub, KP_METRIC_snapshots, 1);
        kp_log(KP_LOG_NOTICE, "snapshot.taken", "position=%" PRIu64, position);
    }
    return err;
}

static void remove_snapshot(const char *snapshots, const char *name)
{
    char path[PATH_BYTES + 256];
    int size = snprintf(path, sizeof path, "%s/%s", snapshots, name);
    if (size > 0 && (size_t)size < sizeof path) {
        remove_copy(path);
    }
}

/* The newest first; returns how many there are. Clears what a crash left half made. */
static uint32_t list_snapshots(const char *snapshots, uint64_t *ret_positions, uint32_t count_max)
{
    uint32_t count = 0;
    DIR *dir = opendir(snapshots);
    struct dirent *entry;
    while (dir != NULL && count < count_max && (entry = readdir(dir)) != NULL) {
        char *end;
        uint64_t position = strtoull(entry->d_name, &end, 10);
        if (strcmp(end, ".part") == 0) {
            remove_snapshot(snapshots, entry->d_name); /* a crash left it */
        }
        if (strlen(entry->d_name) != 20 || *end != '\0') {
            continue;
        }
        uint32_t at = count++;
        while (at > 0 && ret_positions[at - 1] < position) {
            ret_positions[at] = ret_positions[at - 1];
            at--;
        }
        ret_positions[at] = position;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

enum kp_err kp_snapshot_rotate(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    char snapshots[PATH_BYTES - 64];
    char dir[PATH_BYTES];
    uint64_t position;
    uint64_t there[16];
    (void)snprintf(snapshots, sizeof snapshots, "%s/snapshots",
                   hub->config->hub.data_dir); /* fits */
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t applied = hub->progress.applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    (void)snprintf(dir, sizeof dir, "%s/%020" PRIu64, snapshots, applied); /* fits */
    enum kp_err err = kp_dir_make(snapshots, 0700, reterr_diag);
    if (err == KP_OK) {
        err = kp_snapshot_take(hub, dir, &position, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    uint32_t count = list_snapshots(snapshots, there, sizeof there / sizeof there[0]);
    for (uint32_t i = SNAPSHOTS_KEPT; i < count; i++) {
        (void)snprintf(dir, sizeof dir, "%020" PRIu64, there[i]); /* fits */
        remove_snapshot(snapshots, dir);
    }
    /* The journal stays from the older of the two on: if the newest is bad, the other still leads
     * to now. */
    uint32_t oldest = count < SNAPSHOTS_KEPT ? count : SNAPSHOTS_KEPT;
    if (oldest == SNAPSHOTS_KEPT) {
        atomic_store(&hub->keep_from, there[oldest - 1] + 1);
    }
    atomic_store(&hub->snapshot_position, position);
    return KP_OK;
}
