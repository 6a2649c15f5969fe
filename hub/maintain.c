/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What is done to the data while no hub runs on it: verify, rebuild the state from snapshot and
 * journal, restore a backup. The results go to standard output, one key=value line.
 */
#include "hub.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
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

static enum kp_err verify(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    struct kp_verify_report report = {0};
    enum kp_err err = kp_store_verify(&hub->store, print_progress, NULL, &report, reterr_diag);
    (void)printf("verify=%s rows=%" PRIu64 " bad_rows=%" PRIu64 " lost_keys=%" PRIu64
                 " bad_tables=%u first_bad=\"%s\"\n",
                 err == KP_OK ? "good" : "bad", report.rows, report.bad_rows, report.lost_keys,
                 report.bad_tables, report.first_bad);
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

static void print_digest(const char *what, const struct digest *digest)
{
    (void)printf("%s position=%" PRIu64 " rows=%" PRIu64 " digest=", what, digest->position,
                 digest->rows);
    for (size_t i = 0; i < sizeof digest->bytes; i++) {
        (void)printf("%02x", digest->bytes[i]);
    }
    (void)printf("\n");
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
        (void)printf("from=%s\n", snapshot);
    } else {
        (void)printf("from=the journal alone\n");
    }
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
    (void)printf("replaced=%s before=%s\n", state, old);
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
    print_digest("rebuilt", &made);
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
    print_digest("present", &live);
    if (live.position != made.position) {
        return kp_fail(reterr_diag, KP_E_STATE,
                       "the present state is at %" PRIu64 " and the journal ends at %" PRIu64
                       ": start the hub once so that it catches up, then compare",
                       live.position, journal.last);
    }
    if (memcmp(live.bytes, made.bytes, sizeof live.bytes) != 0) {
        return kp_fail(
            reterr_diag, KP_E_CORRUPT,
            "the present state is not what the journal says; `rebuild replace` mends it");
    }
    (void)printf("same=yes\n");
    return KP_OK;
}

/* --- restore --- */

static enum kp_err copy_file(const char *from, const char *to, struct kp_diag *reterr_diag)
{
    static char buffer[1 << 20];
    FILE *in = fopen(from, "rbe");
    FILE *out = fopen(to, "wxe");
    size_t size;
    bool good = in != NULL && out != NULL && fchmod(fileno(out), 0600) == 0;
    while (good && (size = fread(buffer, 1, sizeof buffer, in)) > 0) {
        good = fwrite(buffer, 1, size, out) == size;
    }
    good = good && ferror(in) == 0 && fflush(out) == 0 && fsync(fileno(out)) == 0;
    int error = errno;
    if (in != NULL) {
        (void)fclose(in);
    }
    if (out != NULL) {
        (void)fclose(out); /* synced above */
    }
    return good ? KP_OK : kp_fail(reterr_diag, KP_E_IO, "copying %s: %s", from, strerror(error));
}

/* Only into a house without data: a restore never overwrites what may be newer. */
static enum kp_err restore(struct kp_hub *hub, const char *backup, struct kp_diag *reterr_diag)
{
    static const char *const parts[] = {"state", "persons", "journal"};
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(to, sizeof to, "%s/%s", hub->config->hub.data_dir, parts[i]); /* fits */
        if (access(to, F_OK) == 0) {
            return kp_fail(reterr_diag, KP_E_EXISTS,
                           "%s is there; move it away first if it is really to be replaced", to);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(to, sizeof to, "%s/%s", hub->config->hub.data_dir, parts[i]); /* fits */
        enum kp_err err = kp_dir_make(to, 0700, reterr_diag);
        (void)snprintf(from, sizeof from, "%s/%s/data.mdb", backup, parts[i]); /* cut: not found */
        (void)snprintf(to, sizeof to, "%s/%s/data.mdb", hub->config->hub.data_dir,
                       parts[i]); /* fits */
        if (err == KP_OK) {
            err = copy_file(from, to, reterr_diag);
        }
        if (err != KP_OK) {
            return err;
        }
    }
    (void)printf("restored=%s\n", hub->config->hub.data_dir);
    return kp_dir_sync(hub->config->hub.data_dir, reterr_diag);
}

/* --- which --- */

static enum kp_err run_command(struct kp_hub *hub, int count, char **arguments,
                               struct kp_diag *reterr_diag)
{
    struct kp_secret master = {{0}};
    const char *name = arguments[0];
    enum kp_err err = kp_open_lock(hub, reterr_diag);
    if (err == KP_OK && strcmp(name, "restore") == 0 && count == 2) {
        err = restore(hub, arguments[1], reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_keys(hub, &master, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_data(hub, &master, reterr_diag);
    }
    if (err == KP_OK) {
        err = strcmp(name, "rebuild") == 0 ? rebuild(hub, &master, count == 2, reterr_diag)
                                           : verify(hub, reterr_diag);
    }
    kp_secret_done(&master);
    return err;
}

static bool is_command(int count, char **arguments)
{
    bool replace = count == 2 && strcmp(arguments[1], "replace") == 0;
    return (strcmp(arguments[0], "verify") == 0 && count == 1) ||
           (strcmp(arguments[0], "rebuild") == 0 && (count == 1 || replace)) ||
           (strcmp(arguments[0], "restore") == 0 && count == 2);
}

int kp_maintain(struct kp_hub *hub, const char *house_file, int count, char **arguments)
{
    struct kp_diag diag = {0};
    if (!is_command(count, arguments)) {
        (void)fprintf(stderr, "knooppunt-hub: not a command: %s; see --help\n", arguments[0]);
        return EXIT_USAGE;
    }
    if (kp_open_config(hub, house_file) != KP_OK) {
        return EXIT_USAGE;
    }
    enum kp_err err = kp_crypto_init(&diag);
    if (err == KP_OK) {
        err = run_command(hub, count, arguments, &diag);
    }
    if (err != KP_OK) {
        (void)fprintf(stderr, "knooppunt-hub: %s [%s]\n", diag.text, kp_err_name(err));
    }
    (void)fflush(stdout);
    kp_close_all(hub);
    return err == KP_OK                              ? EXIT_DONE
           : err == KP_E_STATE || err == KP_E_EXISTS ? EXIT_NO
                                                     : EXIT_BROKEN;
}
