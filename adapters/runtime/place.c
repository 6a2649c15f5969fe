/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/place.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/list.h"
#include "runtime/results.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_CONFIRMED ".confirmed"
#define MARK_REJECTED ".rejected"
#define DIGEST_TEXT_SIZE (2 * KP_SHA256_BYTES + 1)

struct path {
    char text[PATH_MAX];
};

static struct path path_of(const char *dir, const char *name, const char *end)
{
    struct path path;
    int size = snprintf(path.text, sizeof path.text, "%s/%s%s", dir, name, end);
    KP_ASSERT(size > 0 && (size_t)size < sizeof path.text); /* both parts are bounded */
    return path;
}

static bool exists(const char *dir, const char *name, const char *end)
{
    struct stat status;
    struct path path = path_of(dir, name, end);
    return lstat(path.text, &status) == 0;
}

static enum kp_err rename_synced(const char *from_dir, const char *from, const char *to_dir,
                                 const char *to, struct kp_diag *reterr_diag)
{
    struct path source = path_of(from_dir, from, "");
    struct path target = path_of(to_dir, to, "");
    if (rename(source.text, target.text) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "%s to %s: %s", source.text, to_dir, strerror(errno));
    }
    enum kp_err err = kp_dir_sync(to_dir, reterr_diag);
    return err == KP_OK ? kp_dir_sync(from_dir, reterr_diag) : err;
}

enum kp_err kp_place_read(struct kp_jobs *jobs, const char *name, char **ret_bytes,
                          size_t *ret_size, struct kp_diag *reterr_diag)
{
    struct path path = path_of(jobs->conf->drop, name, "");
    struct stat before;
    struct stat after;
    /* Who may write to the folder may put anything under this name since it was looked at. */
    if (lstat(path.text, &before) != 0 || S_ISDIR(before.st_mode)) {
        return KP_E_LATER;
    }
    enum kp_err err = kp_file_read_no_link(path.text, jobs->translator->file_bytes_max, ret_bytes,
                                           ret_size, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        return KP_E_LATER;
    }
    if (err != KP_OK) {
        return err;
    }
    if (lstat(path.text, &after) != 0 || after.st_size != before.st_size ||
        after.st_ino != before.st_ino || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
        free(*ret_bytes);
        *ret_bytes = NULL;
        return KP_E_LATER;
    }
    return KP_OK;
}

/* @name itself, or with a number before its extension when it was used before. */
static void choose_stored(struct kp_jobs *jobs, struct kp_spool_file *file, bool numbered)
{
    const char *dot = strrchr(file->name, '.');
    size_t stem = dot == NULL ? strlen(file->name) : (size_t)(dot - file->name);
    (void)snprintf(file->stored, sizeof file->stored, "%s", file->name);
    for (uint64_t number = file->id; numbered || exists(jobs->conf->done, file->stored, "") ||
                                     exists(jobs->conf->waiting, file->stored, "") ||
                                     exists(jobs->conf->results, file->stored, ".result.csv");
         number++) {
        numbered = false;
        (void)snprintf(file->stored, sizeof file->stored, "%.*s-%06" PRIu64 "%s", (int)stem,
                       file->name, number, dot == NULL ? "" : dot);
    }
}

/* The partner put another content under the name of a file that was half spooled: what was spooled
 * of that one stays valid, and it gets its result under a name of its own. */
static void abandon(struct kp_jobs *jobs, struct kp_spool_file *file)
{
    kp_log(KP_LOG_WARNING, "file.replaced", "file=\"%s\" spooled=%u", file->name, file->spooled);
    file->state = KP_FILE_MOVED;
    file->read = file->spooled;
    choose_stored(jobs, file, /* numbered= */ true);
    kp_spool_put_file(jobs->spool, file);
}

enum kp_err kp_place_enter(struct kp_jobs *jobs, const char *name, struct kp_slice bytes,
                           struct kp_spool_file *ret_file, struct kp_diag *reterr_diag)
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(bytes, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    struct kp_spool_file file = {.id = 0};
    bool known = false;
    kp_spool_begin(jobs->spool);
    while (!known && kp_spool_next_file(jobs->spool, file.id, &file)) {
        if (file.aside || strcmp(file.name, name) != 0 ||
            (file.state != KP_FILE_READING && file.state != KP_FILE_SPOOLED)) {
            continue;
        }
        known = memcmp(file.digest, digest, sizeof digest) == 0;
        if (!known && file.state == KP_FILE_READING) {
            abandon(jobs, &file);
        }
    }
    if (!known) {
        file = (struct kp_spool_file){.state = KP_FILE_READING, .at = kp_wall_now()};
        (void)snprintf(file.name, sizeof file.name, "%s", name);
        memcpy(file.digest, digest, sizeof digest);
        kp_spool_put_file(jobs->spool, &file);
        choose_stored(jobs, &file, /* numbered= */ false);
        kp_spool_put_file(jobs->spool, &file);
    }
    *ret_file = file;
    return kp_spool_commit(jobs->spool, reterr_diag);
}

static void remove_marks(struct kp_jobs *jobs, const struct kp_spool_file *file)
{
    struct path confirmed = path_of(jobs->conf->waiting, file->stored, MARK_CONFIRMED);
    struct path rejected = path_of(jobs->conf->waiting, file->stored, MARK_REJECTED);
    (void)unlink(confirmed.text); /* at most one of them is there */
    (void)unlink(rejected.text);
}

static enum kp_err set_moved(struct kp_jobs *jobs, struct kp_spool_file *file,
                             struct kp_diag *reterr_diag)
{
    kp_spool_begin(jobs->spool);
    (void)kp_spool_get_file(jobs->spool, file->id, file); /* outcomes may have come in between */
    file->state = KP_FILE_MOVED;
    kp_spool_put_file(jobs->spool, file);
    return kp_spool_commit(jobs->spool, reterr_diag);
}

enum kp_err kp_place_move(struct kp_jobs *jobs, struct kp_spool_file *file,
                          struct kp_diag *reterr_diag)
{
    const char *from_dir = file->aside ? jobs->conf->waiting : jobs->conf->drop;
    const char *from = file->aside ? file->stored : file->name;
    /* The name in done/ was free when it was chosen: if it is taken, the move was made already. */
    if (!exists(jobs->conf->done, file->stored, "") && exists(from_dir, from, "")) {
        enum kp_err err =
            rename_synced(from_dir, from, jobs->conf->done, file->stored, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    if (file->aside) {
        remove_marks(jobs, file);
    }
    enum kp_err err = set_moved(jobs, file, reterr_diag);
    if (err == KP_OK) {
        kp_log(KP_LOG_INFO, "file.spooled", "file=\"%s\" read=%u", file->stored, file->read);
    }
    return err;
}

enum kp_err kp_place_set_aside(struct kp_jobs *jobs, const struct kp_spool_file *file,
                               struct kp_diag *reterr_diag)
{
    if (exists(jobs->conf->waiting, file->stored, "") ||
        !exists(jobs->conf->drop, file->name, "")) {
        return KP_OK; /* done before a crash */
    }
    return rename_synced(jobs->conf->drop, file->name, jobs->conf->waiting, file->stored,
                         reterr_diag);
}

enum kp_err kp_place_read_aside(struct kp_jobs *jobs, const struct kp_spool_file *file,
                                char **ret_bytes, size_t *ret_size, struct kp_diag *reterr_diag)
{
    struct path path = path_of(jobs->conf->waiting, file->stored, "");
    enum kp_err err = kp_file_read_no_link(path.text, jobs->translator->file_bytes_max, ret_bytes,
                                           ret_size, reterr_diag);
    if (err == KP_E_FILE) {
        return kp_fail(reterr_diag, KP_E_CORRUPT,
                       "%s is not the file that was set aside: put that one back", path.text);
    }
    if (err != KP_OK) {
        return err;
    }
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(kp_slice_of(*ret_bytes, *ret_size), KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    if (memcmp(digest, file->digest, sizeof digest) != 0) {
        free(*ret_bytes);
        *ret_bytes = NULL;
        return kp_fail(reterr_diag, KP_E_CORRUPT, "%s was changed while it waited", path.text);
    }
    return KP_OK;
}

/* --- a person's word about a waiting list --- */

static void digest_text(const uint8_t digest[KP_SHA256_BYTES], char ret_text[DIGEST_TEXT_SIZE])
{
    for (size_t i = 0; i < KP_SHA256_BYTES; i++) {
        (void)snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
    }
}

static bool has_mark(struct kp_jobs *jobs, const struct kp_spool_file *file, const char *mark)
{
    struct path path = path_of(jobs->conf->waiting, file->stored, mark);
    char wanted[DIGEST_TEXT_SIZE];
    char *text = NULL;
    size_t size = 0;
    struct kp_diag diag;
    if (kp_file_read_no_link(path.text, 256, &text, &size, &diag) != KP_OK) {
        return false;
    }
    digest_text(file->digest, wanted);
    bool same = size >= DIGEST_TEXT_SIZE - 1 && memcmp(text, wanted, DIGEST_TEXT_SIZE - 1) == 0;
    free(text);
    return same;
}

enum kp_place_decision kp_place_decision(struct kp_jobs *jobs, const struct kp_spool_file *file)
{
    if (has_mark(jobs, file, MARK_REJECTED)) {
        return KP_PLACE_REJECTED;
    }
    return has_mark(jobs, file, MARK_CONFIRMED) ? KP_PLACE_CONFIRMED : KP_PLACE_UNDECIDED;
}

enum kp_err kp_jobs_decide(const struct kp_adapter_conf *conf, const char *name, bool confirmed,
                           struct kp_diag *reterr_diag)
{
    if (strchr(name, '/') != NULL || name[0] == '.' || strlen(name) > KP_FILE_NAME_BYTES_MAX) {
        return kp_fail(reterr_diag, KP_E_USAGE, "%s: give the name of a file in waiting", name);
    }
    struct path path = path_of(conf->waiting, name, "");
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err = kp_file_read_no_link(path.text, SIZE_MAX / 2, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    uint8_t digest[KP_SHA256_BYTES];
    char text[DIGEST_TEXT_SIZE + 1];
    kp_sha256(kp_slice_of(bytes, size), KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    free(bytes);
    digest_text(digest, text);
    text[DIGEST_TEXT_SIZE - 1] = '\n';
    struct path other = path_of(conf->waiting, name, confirmed ? MARK_REJECTED : MARK_CONFIRMED);
    struct path mark = path_of(conf->waiting, name, confirmed ? MARK_CONFIRMED : MARK_REJECTED);
    (void)unlink(other.text); /* the last word counts */
    return kp_file_write(mark.text, kp_slice_of(text, DIGEST_TEXT_SIZE), 0640, reterr_diag);
}

/* --- after a crash, and after the loss of the spool --- */

static enum kp_err recover_file(struct kp_jobs *jobs, struct kp_spool_file *file,
                                struct kp_diag *reterr_diag)
{
    switch (file->state) {
    case KP_FILE_SPOOLED:
        return kp_place_move(jobs, file, reterr_diag);
    case KP_FILE_WAITING:
        return kp_place_set_aside(jobs, file, reterr_diag);
    case KP_FILE_READING:
        if (file->aside || exists(jobs->conf->drop, file->name, "")) {
            return KP_OK; /* taken up again when the folder is looked at */
        }
        kp_spool_begin(jobs->spool);
        abandon(jobs, file);
        return kp_spool_commit(jobs->spool, reterr_diag);
    case KP_FILE_COMPLETE: {
        enum kp_err err = KP_OK;
        for (bool more = true; err == KP_OK && more;) {
            kp_spool_begin(jobs->spool);
            more = kp_spool_drop_records(jobs->spool, file->id, 1000);
            err = kp_spool_commit(jobs->spool, reterr_diag);
        }
        return err;
    }
    case KP_FILE_MOVED:
    default:
        return KP_OK;
    }
}

static bool is_export(const struct kp_jobs *jobs, const char *name)
{
    const char *extension = jobs->translator->extension;
    size_t size = strlen(name);
    size_t end = strlen(extension);
    return name[0] != '.' && size > end && size <= KP_FILE_NAME_BYTES_MAX &&
           strcasecmp(name + size - end, extension) == 0 &&
           (size < 11 || strcmp(name + size - 11, ".result.csv") != 0);
}

/* Rows of the last list that was worked off, as "sent, with a content we do not know any more": the
 * next list then withdraws who left, and sends everybody else again with a higher version. */
static bool prime_row(void *context, const struct kp_record *record)
{
    struct kp_jobs *jobs = context;
    struct kp_spool_row row = {.listed = true, .version = jobs->list_version};
    (void)snprintf(row.reference, sizeof row.reference, "%s", record->reference);
    if (row.reference[0] != '\0') {
        kp_spool_put_row(jobs->spool, &row);
    }
    return kp_spool_ok(jobs->spool);
}

static enum kp_err prime_list(struct kp_jobs *jobs, const char *name, struct kp_diag *reterr_diag)
{
    struct path path = path_of(jobs->conf->done, name, "");
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err = kp_file_read_no_link(path.text, jobs->translator->file_bytes_max, &bytes,
                                           &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_translate_job job = {.file = kp_slice_of(bytes, size),
                                   .arena = &jobs->arena,
                                   .sink = prime_row,
                                   .context = jobs,
                                   .test_mode = jobs->test_mode};
    struct kp_diag unused; /* a list that was refused has no rows to prime with */
    kp_spool_begin(jobs->spool);
    if (jobs->translator->translate(&job, &unused) != KP_OK) {
        kp_spool_abort(jobs->spool);
    } else {
        err = kp_spool_commit(jobs->spool, reterr_diag);
    }
    free(bytes);
    return err;
}

/* The spool is gone. Files in done/ without a result have signals that nobody may have received:
 * they are read once more, and the hub answers "duplicate" to what it has. */
static enum kp_err read_again(struct kp_jobs *jobs, struct kp_diag *reterr_diag)
{
    DIR *dir = opendir(jobs->conf->done);
    if (dir == NULL) {
        return kp_fail(reterr_diag, KP_E_IO, "%s: %s", jobs->conf->done, strerror(errno));
    }
    char newest[KP_FILE_NAME_BYTES_MAX + 1] = "";
    struct timespec newest_at = {0};
    uint32_t count = 0;
    enum kp_err err = KP_OK;
    const struct dirent *entry;
    while (err == KP_OK && (entry = readdir(dir)) != NULL) {
        struct stat status;
        struct path path = path_of(jobs->conf->done, entry->d_name, "");
        if (!is_export(jobs, entry->d_name) || lstat(path.text, &status) != 0 ||
            !S_ISREG(status.st_mode)) { /* a link that was refused stays where it is */
            continue;
        }
        if (!exists(jobs->conf->results, entry->d_name, ".result.csv") &&
            !exists(jobs->conf->drop, entry->d_name, "")) {
            err = rename_synced(jobs->conf->done, entry->d_name, jobs->conf->drop, entry->d_name,
                                reterr_diag);
            count++;
        } else if (status.st_mtim.tv_sec > newest_at.tv_sec ||
                   (status.st_mtim.tv_sec == newest_at.tv_sec &&
                    strcmp(entry->d_name, newest) > 0)) {
            newest_at = status.st_mtim;
            (void)snprintf(newest, sizeof newest, "%.*s", (int)sizeof newest - 1, entry->d_name);
        }
    }
    (void)closedir(dir);
    if (err == KP_OK && jobs->translator->full_list && newest[0] != '\0') {
        err = prime_list(jobs, newest, reterr_diag);
    }
    if (err == KP_OK && (count > 0 || newest[0] != '\0')) {
        kp_log(KP_LOG_WARNING, "spool.lost", "read_again=%u", count);
    }
    return err;
}

static enum kp_err load_list_version(struct kp_jobs *jobs, struct kp_diag *reterr_diag)
{
    char *text = NULL;
    size_t size = 0;
    enum kp_err err = kp_file_read(jobs->conf->list_version, 64, &text, &size, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        return KP_OK;
    }
    if (err == KP_OK) {
        errno = 0;
        jobs->list_version = strtoull(text, NULL, 10);
        if (errno != 0 || jobs->list_version == 0) {
            err = kp_fail(reterr_diag, KP_E_CORRUPT, "%s: not a version", jobs->conf->list_version);
        }
    }
    free(text);
    return err;
}

/* Once for each spool: nothing is in it yet, and done/ may know more. */
static enum kp_err recover_spool(struct kp_jobs *jobs, struct kp_diag *reterr_diag)
{
    kp_spool_begin(jobs->spool);
    bool done = kp_spool_counter(jobs->spool, KP_COUNTER_RECOVERED) != 0;
    kp_spool_set_counter(jobs->spool, KP_COUNTER_LIST_BASE, jobs->list_version);
    if (done) {
        kp_spool_abort(jobs->spool);
        return KP_OK;
    }
    enum kp_err err = kp_spool_commit(jobs->spool, reterr_diag);
    if (err == KP_OK) {
        err = read_again(jobs, reterr_diag);
    }
    if (err == KP_OK) {
        kp_spool_begin(jobs->spool);
        kp_spool_set_counter(jobs->spool, KP_COUNTER_RECOVERED, 1);
        err = kp_spool_commit(jobs->spool, reterr_diag);
    }
    return err;
}

enum kp_err kp_jobs_recover(struct kp_jobs *jobs, struct kp_diag *reterr_diag)
{
    enum kp_err err = jobs->translator->full_list ? load_list_version(jobs, reterr_diag) : KP_OK;
    if (err == KP_OK) {
        err = recover_spool(jobs, reterr_diag);
    }
    struct kp_spool_file file = {.id = 0};
    while (err == KP_OK) {
        kp_spool_begin_read(jobs->spool);
        bool found = kp_spool_next_file(jobs->spool, file.id, &file);
        err = kp_spool_commit(jobs->spool, reterr_diag);
        if (err != KP_OK || !found) {
            break;
        }
        err = recover_file(jobs, &file, reterr_diag);
    }
    return err;
}
