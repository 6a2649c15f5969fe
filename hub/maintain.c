/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What is done to the data while no hub runs on it: verify, rebuild the state from snapshot and
 * journal; restore.c puts a backup in place. Where there is no data nothing is made.
 */
#define _GNU_SOURCE /* setgroups */
#include "maintain.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 700
#define CHUNK_RECORDS 64u
#define CHUNK_BYTES (8u << 20)
#define GROUP_PAGES 50000u

enum { EXIT_DONE = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_BROKEN = 4 };

static void print_progress(void *context, uint64_t rows)
{
    (void)context;
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%" PRIu64 " rows", rows); /* a person sees that it goes on */
    }
}

enum kp_err kp_maintain_verify(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    struct kp_verify_report report = {0};
    enum kp_err err = kp_store_verify(&hub->store, print_progress, NULL, &report, reterr_diag);
    kp_told_row("verify", err == KP_OK ? "good" : "bad");
    kp_told_number("rows", report.rows);
    kp_told_number("bad_rows", report.bad_rows);
    kp_told_number("lost_keys", report.lost_keys);
    kp_told_number("bad_tables", report.bad_tables);
    kp_told_text("first_bad", report.first_bad);
    kp_told_row_end();
    return err;
}

/* --- rebuild --- */

struct digest {
    uint64_t position, rows;
    uint8_t bytes[KP_SHA256_BYTES];
};

static enum kp_err take_digest(struct kp_store *store, struct digest *ret_digest,
                               struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_wall stamp;
    enum kp_err err = kp_txn_begin(store, /* write= */ false, &txn, reterr_diag);
    if (err == KP_OK) {
        ret_digest->position = kp_core_position(txn, &stamp);
        kp_store_digest(txn, ret_digest->bytes, &ret_digest->rows);
        err = kp_txn_error(txn);
        *reterr_diag = txn->diag;
        kp_txn_abort(txn);
    }
    return err;
}

static void tell_digest(const char *what, const struct digest *digest)
{
    kp_told_row(what, NULL);
    kp_told_number("position", digest->position);
    kp_told_number("rows", digest->rows);
    kp_told_hex("digest", kp_slice_of(digest->bytes, sizeof digest->bytes));
    kp_told_row_end();
}

/* One transaction's worth of the journal. *ret_more: there is more to come. */
static enum kp_err replay_group(struct kp_store *store, struct kp_journal_reader *reader,
                                struct kp_core *core, uint64_t *position, bool *ret_more,
                                struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_effects effects;
    struct kp_journal_record records[CHUNK_RECORDS];
    uint32_t count = 0;
    enum kp_err err = kp_txn_begin(store, /* write= */ true, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    do {
        err = kp_journal_read(reader, *position + 1, records, CHUNK_RECORDS, CHUNK_BYTES, &count,
                              reterr_diag);
        for (uint32_t i = 0; err == KP_OK && i < count; i++) {
            struct kp_core_command command = {.position = records[i].position,
                                              .positions = records[i].positions,
                                              .stamp = records[i].stamp,
                                              .body = records[i].body};
            memset(&effects, 0, sizeof effects);
            err = kp_core_apply(core, txn, &command, &effects, reterr_diag);
            *position = records[i].position + records[i].positions - 1;
        }
    } while (err == KP_OK && count > 0 && kp_txn_dirty_pages(txn) < GROUP_PAGES);
    if (err != KP_OK) {
        kp_txn_abort(txn);
        return err;
    }
    *ret_more = count > 0;
    return kp_txn_commit(txn, reterr_diag);
}

static enum kp_err replay(struct kp_hub *hub, struct kp_store *store, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_wall stamp;
    struct kp_core *core = calloc(1, sizeof *core);
    KP_ASSERT(core != NULL);
    uint64_t position = 0;
    bool more = true;
    enum kp_err err = kp_txn_begin(store, /* write= */ false, &txn, reterr_diag);
    if (err == KP_OK) {
        err = kp_core_load(core, txn, reterr_diag);
        position = kp_core_position(txn, &stamp);
        kp_txn_abort(txn);
    }
    struct kp_journal_reader *reader = kp_journal_reader_new(hub->journal);
    while (err == KP_OK && more) {
        err = replay_group(store, reader, core, &position, &more, reterr_diag);
        if (isatty(STDERR_FILENO)) {
            (void)fprintf(stderr, "\rposition %" PRIu64, position);
        }
    }
    (void)kp_journal_reader_free(reader);
    free(core);
    return err;
}

/* The snapshot with the highest position; false when there is none. */
static bool newest_snapshot(const struct kp_hub *hub, char *ret_path, size_t size)
{
    char dir_path[PATH_BYTES];
    char newest[32] = "";
    (void)snprintf(dir_path, sizeof dir_path, "%s/snapshots", hub->config->hub.data_dir); /* fits */
    DIR *dir = opendir(dir_path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) == 20 && strcmp(entry->d_name, newest) > 0) {
            memcpy(newest, entry->d_name, 21);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    int used = snprintf(ret_path, size, "%s/%s/state", dir_path, newest);
    return newest[0] != '\0' && used > 0 && (size_t)used < size;
}

/* A copy of the newest snapshot's state, or an empty one when the journal is whole. */
static enum kp_err begin_rebuild(struct kp_hub *hub, const struct kp_secret *master,
                                 const char *rebuilt, struct kp_store *ret_store,
                                 struct kp_diag *reterr_diag)
{
    char snapshot[PATH_BYTES];
    struct kp_store_options options = {
        .master = master, .ring = hub->ring, .map_bytes = hub->config->hub.store_map_bytes};
    struct kp_store source;
    enum kp_err err;
    if (newest_snapshot(hub, snapshot, sizeof snapshot)) {
        options.dir = snapshot;
        options.read_only = true;
        err = kp_store_open_lmdb(&options, &source, reterr_diag);
        if (err == KP_OK) {
            err = kp_store_copy(&source, rebuilt, reterr_diag);
            kp_store_close(&source);
        }
        if (err != KP_OK) {
            return err;
        }
        kp_told_row("from", snapshot);
    } else {
        kp_told_row("from", "the journal alone");
    }
    kp_told_row_end();
    options.dir = rebuilt;
    options.read_only = false;
    return kp_store_open_lmdb(&options, ret_store, reterr_diag);
}

static void remove_env(const char *dir)
{
    char path[PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/data.mdb", dir); /* fits */
    (void)unlink(path);                                    /* absent is fine */
    (void)snprintf(path, sizeof path, "%s/lock.mdb", dir); /* fits */
    (void)unlink(path);                                    /* absent is fine */
    (void)rmdir(dir);                                      /* absent is fine */
}

static enum kp_err replace_state(struct kp_hub *hub, const char *rebuilt,
                                 struct kp_diag *reterr_diag)
{
    char state[PATH_BYTES];
    char old[PATH_BYTES];
    (void)snprintf(state, sizeof state, "%s/state", hub->config->hub.data_dir);    /* fits */
    (void)snprintf(old, sizeof old, "%s/state.before", hub->config->hub.data_dir); /* fits */
    remove_env(old);
    if (rename(state, old) != 0 || rename(rebuilt, state) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot put %s in place: %s", rebuilt,
                       strerror(errno));
    }
    kp_told_row("replaced", state);
    kp_told_text("before", old);
    kp_told_row_end();
    return kp_dir_sync(hub->config->hub.data_dir, reterr_diag);
}

static enum kp_err rebuild(struct kp_hub *hub, const struct kp_secret *master, bool replace,
                           struct kp_diag *reterr_diag)
{
    char rebuilt[PATH_BYTES];
    struct kp_store store;
    struct digest live;
    struct digest made;
    struct kp_journal_state journal;
    (void)snprintf(rebuilt, sizeof rebuilt, "%s/rebuilt", hub->config->hub.data_dir); /* fits */
    remove_env(rebuilt);
    enum kp_err err = begin_rebuild(hub, master, rebuilt, &store, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = replay(hub, &store, reterr_diag);
    if (err == KP_OK) {
        err = take_digest(&store, &made, reterr_diag);
    }
    kp_store_close(&store);
    if (err != KP_OK) {
        return err;
    }
    tell_digest("rebuilt", &made);
    kp_journal_state(hub->journal, &journal);
    if (replace) {
        kp_store_close(&hub->store);
        return replace_state(hub, rebuilt, reterr_diag);
    }
    err = take_digest(&hub->store, &live, reterr_diag);
    remove_env(rebuilt);
    if (err != KP_OK) {
        return err;
    }
    tell_digest("present", &live);
    if (live.position != made.position) {
        return kp_fail(reterr_diag, KP_E_STATE,
                       "the present state is at %" PRIu64 " and the journal ends at %" PRIu64
                       ": start the hub once so that it catches up, then compare",
                       live.position, journal.last);
    }
    if (memcmp(live.bytes, made.bytes, sizeof live.bytes) != 0) {
        return kp_fail(
            reterr_diag, KP_E_CORRUPT,
            "the present state is not what the journal says; `knooppunt store rebuild HOUSE "
            "--replace` mends it");
    }
    kp_told_row("same", "yes");
    kp_told_row_end();
    return KP_OK;
}

/* --- which --- */

/* The hub makes an empty house of no data: a command that looks at it must not. */
static enum kp_err check_there(const char *data, bool state_too, struct kp_diag *reterr_diag)
{
    static const char *const parts[] = {"persons", "journal", "state"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < (state_too ? 3 : 2); i++) {
        (void)snprintf(path, sizeof path, "%s/%s/data.mdb", data, parts[i]); /* fits */
        if (access(path, F_OK) == 0) {
            continue;
        }
        if (errno != ENOENT && errno != ENOTDIR) {
            return kp_fail(reterr_diag, KP_E_IO, "cannot look at %s: %s", path, strerror(errno));
        }
        return strcmp(parts[i], "state") == 0
                   ? kp_fail(reterr_diag, KP_E_NOT_FOUND,
                             "there is no state at %s: `knooppunt store rebuild HOUSE --replace` "
                             "makes it from snapshot and journal",
                             data)
                   : kp_fail(reterr_diag, KP_E_NOT_FOUND,
                             "there is no data at %s (no %s): if it was lost, restore a backup "
                             "(`knooppunt restore BACKUP HOUSE`)",
                             data, parts[i]);
    }
    return KP_OK;
}

enum kp_err kp_maintain_act_as_owner(const char *dir, struct kp_diag *reterr_diag)
{
    struct stat owner;
    if (stat(dir, &owner) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot look at %s: %s", dir, strerror(errno));
    }
    if (geteuid() != 0 || owner.st_uid == 0) {
        return KP_OK;
    }
    if (setgroups(0, NULL) != 0 || setegid(owner.st_gid) != 0 || seteuid(owner.st_uid) != 0) {
        return kp_fail(reterr_diag, KP_E_PERMISSION, "cannot act as user %u, the owner of %s: %s",
                       (unsigned)owner.st_uid, dir, strerror(errno));
    }
    return KP_OK;
}

bool kp_maintain_act_as_caller(void)
{
    return seteuid(getuid()) == 0 && setegid(getgid()) == 0;
}

static enum kp_err work_on_data(struct kp_hub *hub, bool is_rebuild, bool replace,
                                struct kp_diag *reterr_diag)
{
    struct kp_secret master = {{0}};
    const char *data = hub->config->hub.data_dir;
    enum kp_err err = check_there(data, !replace, reterr_diag);
    if (err == KP_OK) {
        err = kp_open_keys(hub, &master, reterr_diag); /* as who was called: they may be root's */
    }
    if (err == KP_OK) {
        err = kp_maintain_act_as_owner(data, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_lock(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_data(hub, data, &master, reterr_diag);
    }
    if (err == KP_OK) {
        err = is_rebuild ? rebuild(hub, &master, replace, reterr_diag)
                         : kp_maintain_verify(hub, reterr_diag);
    }
    kp_secret_done(&master);
    return err;
}

/* With credentials of a service manager the keys are there only while the hub runs. */
static enum kp_err choose_keys(struct kp_hub *hub, const char *given, struct kp_diag *reterr_diag)
{
    char *dir = hub->config->hub.keys_dir;
    size_t size = given == NULL ? 0 : strlen(given);
    if (size >= sizeof hub->config->hub.keys_dir) {
        return kp_fail(reterr_diag, KP_E_USAGE, "the path of --keys is too long");
    }
    if (given != NULL) {
        memcpy(dir, given, size + 1);
    }
    return access(dir, F_OK) == 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_KEY_FILE,
                         "there are no keys at %s: %s. A service manager shows its hub's keys only "
                         "while that runs: give the folder they come from with --keys DIR (as "
                         "root: /etc/knooppunt/keys)",
                         dir, strerror(errno));
}

static enum kp_err run_command(struct kp_hub *hub, const char *house_file, const char *keys_dir,
                               int count, char **arguments, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_crypto_init(reterr_diag);
    if (err == KP_OK) {
        err = choose_keys(hub, keys_dir, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    if (strcmp(arguments[0], "restore") == 0) {
        return kp_restore(hub, house_file, arguments[1], reterr_diag);
    }
    return work_on_data(hub, strcmp(arguments[0], "rebuild") == 0, count == 2, reterr_diag);
}

static bool is_command(int count, char **arguments)
{
    bool replace = count == 2 && strcmp(arguments[1], "replace") == 0;
    return (strcmp(arguments[0], "verify") == 0 && count == 1) ||
           (strcmp(arguments[0], "rebuild") == 0 && (count == 1 || replace)) ||
           (strcmp(arguments[0], "restore") == 0 && count == 2);
}

int kp_maintain(struct kp_hub *hub, const char *house_file,
                const struct kp_maintain_options *options, int count, char **arguments)
{
    struct kp_diag diag = {0};
    if (!is_command(count, arguments)) {
        (void)fprintf(stderr, "knooppunt-hub: not a command: %s; see --help\n", arguments[0]);
        return EXIT_USAGE;
    }
    kp_told_begin(options->json);
    enum kp_err err = kp_open_config(hub, house_file);
    if (err != KP_OK) { /* each fault is told already */
        (void)kp_fail(&diag, err, "%s is not as it should be", house_file);
        kp_told_end(err, &diag);
        return EXIT_USAGE;
    }
    err = run_command(hub, house_file, options->keys_dir, count, arguments, &diag);
    kp_told_end(err, &diag);
    kp_close_all(hub);
    (void)kp_maintain_act_as_caller(); /* the end of a program is its caller's: its reports too */
    return err == KP_OK                                                       ? EXIT_DONE
           : err == KP_E_STATE || err == KP_E_EXISTS || err == KP_E_NOT_FOUND ? EXIT_NO
                                                                              : EXIT_BROKEN;
}
