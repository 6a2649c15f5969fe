/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Snapshots while the hub works. The order makes them whole: the state first; then the person keys,
 * which are committed before the rows they seal, so that the copy has every key of the copied
 * state; then the journal, which goes on after it.
 */
#include "hub.h"

#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
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
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", dir, part); /* a cut path fails to be made */
    if (strcmp(part, "state") == 0) {
        return kp_store_copy(&hub->store, path, reterr_diag);
    }
    if (strcmp(part, "persons") == 0) {
        return kp_keyring_copy(hub->ring, path, reterr_diag);
    }
    return kp_journal_copy(hub->journal, path, reterr_diag);
}

enum kp_err kp_snapshot_take(struct kp_hub *hub, const char *dir, uint64_t *ret_position,
                             struct kp_diag *reterr_diag)
{
    static const char *const parts[] = {"state", "persons", "journal"};
    bool running = false;
    if (!atomic_compare_exchange_strong(&hub->snapshot_running, &running, true)) {
        return kp_fail(reterr_diag, KP_E_LATER, "a snapshot is being taken already");
    }
    enum kp_err err = access(dir, F_OK) == 0
                          ? kp_fail(reterr_diag, KP_E_EXISTS, "%s is there already", dir)
                          : kp_dir_make(dir, 0700, reterr_diag);
    /* At least this far: commands applied while it is copied are in the copied journal anyway. */
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t position = hub->progress.applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    for (size_t i = 0; err == KP_OK && i < sizeof parts / sizeof parts[0]; i++) {
        err = copy_part(hub, dir, parts[i], reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_dir_sync(dir, reterr_diag);
    }
    atomic_store(&hub->snapshot_running, false);
    if (err == KP_OK) {
        *ret_position = position;
        kp_hub_count(hub, KP_METRIC_snapshots, 1);
        kp_log(KP_LOG_NOTICE, "snapshot.taken", "position=%" PRIu64, position);
    }
    return err;
}

static void remove_snapshot(const char *snapshots, uint64_t position)
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
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        int size =
            snprintf(path, sizeof path, "%s/%020" PRIu64 "/%s", snapshots, position, files[i]);
        if (size > 0 && (size_t)size < sizeof path) {
            (void)(i < 6 ? unlink(path)
                         : rmdir(path)); /* what stays is seen at the next rotation */
        }
    }
}

/* The newest first; returns how many there are. */
static uint32_t list_snapshots(const char *snapshots, uint64_t *ret_positions, uint32_t count_max)
{
    uint32_t count = 0;
    DIR *dir = opendir(snapshots);
    struct dirent *entry;
    while (dir != NULL && count < count_max && (entry = readdir(dir)) != NULL) {
        char *end;
        uint64_t position = strtoull(entry->d_name, &end, 10);
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
        remove_snapshot(snapshots, there[i]);
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
