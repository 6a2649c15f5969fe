/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/watch.h"

#include "base/assert.h"
#include "base/log.h"
#include "runtime/unread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1024u   /* looked at in one scan; the rest comes in the next */
#define HINTS_MAX 1024u   /* beyond it files wait until they settle */
#define IGNORED_MAX 1024u /* names that were logged once */
#define NAMED_MAX 10u     /* of what cannot be read, in each NAMED_EVERY_US */
#define NAMED_EVERY_US INT64_C(10000000)
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)

/* What was seen of a file at the last scan. */
struct seen {
    char name[KP_FILE_NAME_BYTES_MAX + 1];
    ino_t inode;
    off_t size;
    struct timespec changed;
    struct kp_mono since; /* unchanged since */
};

/* What was said of files that cannot be read, since then. */
struct naming {
    struct kp_mono since;
    uint32_t count;
    bool counted; /* and how many more there are */
};

struct kp_watch {
    char dir[PATH_MAX];
    char extension[32];
    int64_t settle_ms;
    int fd;
    struct seen *seen;
    uint32_t seen_count;
    struct kp_watch_name *hints;
    uint32_t hint_count;
    uint64_t ignored[IGNORED_MAX]; /* hashes */
    uint32_t ignored_count;
    struct kp_unread *unread;
    uint32_t unread_count; /* files that the last look passed over */
    struct naming naming;
    bool too_many_said;
};

struct candidate {
    char name[KP_FILE_NAME_BYTES_MAX + 1];
    struct stat status;
};

enum kp_err kp_watch_new(const char *dir, const char *extension, int64_t settle_ms,
                         struct kp_watch **ret_watch, struct kp_diag *reterr_diag)
{
    if (access(dir, R_OK | W_OK | X_OK) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "%s: %s", dir, strerror(errno));
    }
    struct kp_watch *watch = calloc(1, sizeof *watch);
    KP_ASSERT(watch != NULL);
    watch->seen = calloc(FILES_MAX, sizeof *watch->seen);
    watch->hints = calloc(HINTS_MAX, sizeof *watch->hints);
    KP_ASSERT(watch->seen != NULL && watch->hints != NULL);
    watch->unread = kp_unread_new();
    watch->settle_ms = settle_ms;
    (void)snprintf(watch->dir, sizeof watch->dir, "%s", dir);
    (void)snprintf(watch->extension, sizeof watch->extension, "%s%s",
                   extension[0] == '.' ? "" : ".", extension);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0 && inotify_add_watch(watch->fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
        (void)close(watch->fd);
        watch->fd = -1;
    }
    *ret_watch = watch;
    return KP_OK;
}

struct kp_watch *kp_watch_free(struct kp_watch *watch)
{
    if (watch != NULL) {
        if (watch->fd >= 0) {
            (void)close(watch->fd);
        }
        free(watch->seen);
        free(watch->hints);
        free(watch->unread);
        free(watch);
    }
    return NULL;
}

int kp_watch_fd(const struct kp_watch *watch)
{
    return watch->fd;
}

static bool is_hinted(const struct kp_watch *watch, const char *name)
{
    for (uint32_t i = 0; i < watch->hint_count; i++) {
        if (strcmp(watch->hints[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_hint(struct kp_watch *watch, const char *name)
{
    if (watch->hint_count < HINTS_MAX && strlen(name) <= KP_FILE_NAME_BYTES_MAX &&
        !is_hinted(watch, name)) {
        (void)snprintf(watch->hints[watch->hint_count].name, sizeof watch->hints[0].name, "%s",
                       name);
        watch->hint_count++;
    }
}

bool kp_watch_drain(struct kp_watch *watch)
{
    _Alignas(struct inotify_event) char bytes[16384];
    bool look = false;
    for (;;) {
        ssize_t size = watch->fd < 0 ? -1 : read(watch->fd, bytes, sizeof bytes);
        if (size <= 0) {
            return look;
        }
        look = true; /* also for an overflow, which has no name */
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
            if (event->len > 0) {
                add_hint(watch, event->name);
            }
            at += (ssize_t)sizeof *event + (ssize_t)event->len;
        }
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);
    return size >= end_size && strcasecmp(name + size - end_size, end) == 0;
}

/* Say once that a file will not be read, so that nobody waits for it in vain. */
static void say_ignored(struct kp_watch *watch, const char *name, const char *reason)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
    }
    for (uint32_t i = 0; i < watch->ignored_count; i++) {
        if (watch->ignored[i] == hash) {
            return;
        }
    }
    if (watch->ignored_count < IGNORED_MAX) {
        watch->ignored[watch->ignored_count++] = hash;
        kp_log(KP_LOG_WARNING, "file.ignored", "file=\"%.100s\" reason=\"%s\"", name, reason);
    }
}

static bool is_wanted(struct kp_watch *watch, const char *name)
{
    if (name[0] == '.' || ends_with(name, ".tmp") || ends_with(name, ".part")) {
        return false;
    }
    if (ends_with(name, ".result.csv")) {
        return false; /* ours, when results lie in the same folder */
    }
    if (!ends_with(name, watch->extension)) {
        say_ignored(watch, name, "not the extension of this partner's exports");
        return false;
    }
    if (strlen(name) > KP_DROPPED_NAME_BYTES_MAX) {
        say_ignored(watch, name, "the name is too long");
        return false;
    }
    return true;
}

static bool is_settled(const struct kp_watch *watch, const struct stat *status,
                       const struct seen *seen)
{
    struct kp_wall now = kp_wall_now();
    int64_t age_ms =
        now.ms - ((int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000);
    bool same = seen != NULL && seen->inode == status->st_ino && seen->size == status->st_size &&
                seen->changed.tv_sec == status->st_mtim.tv_sec &&
                seen->changed.tv_nsec == status->st_mtim.tv_nsec;
    return age_ms >= watch->settle_ms ||
           (same && kp_mono_now().us - seen->since.us >= watch->settle_ms * 1000);
}

static const struct seen *find_seen(const struct kp_watch *watch, const char *name)
{
    for (uint32_t i = 0; i < watch->seen_count; i++) {
        if (strcmp(watch->seen[i].name, name) == 0) {
            return &watch->seen[i];
        }
    }
    return NULL;
}

static void remember(struct seen *rows, uint32_t *count, const char *name,
                     const struct stat *status, const struct seen *before)
{
    struct seen *row = &rows[(*count)++];
    (void)snprintf(row->name, sizeof row->name, "%.*s", (int)sizeof row->name - 1, name);
    row->inode = status->st_ino;
    row->size = status->st_size;
    row->changed = status->st_mtim;
    bool same = before != NULL && before->inode == row->inode && before->size == row->size &&
                before->changed.tv_sec == row->changed.tv_sec &&
                before->changed.tv_nsec == row->changed.tv_nsec;
    row->since = same ? before->since : kp_mono_now();
}

/* By second, then by name: files that come together are named in the order of their writing. */
static int compare_age(time_t left_s, const char *left_name, time_t right_s, const char *right_name)
{
    if (left_s != right_s) {
        return left_s < right_s ? -1 : 1;
    }
    return strcmp(left_name, right_name);
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    return compare_age(left->status.st_mtim.tv_sec, left->name, right->status.st_mtim.tv_sec,
                       right->name);
}

struct scan {
    struct kp_watch *watch;
    struct candidate *ready;
    uint32_t ready_count;
    struct seen *waiting;
    uint32_t waiting_count;
    struct kp_unread *unread;
    uint32_t unread_count;
    uint32_t unnamed; /* of them, that the log only counts */
    bool too_many;    /* more than the table takes */
};

/* --- what cannot be read: passed over, so that it takes no other file's place --- */

/* A file that changes all the time must not fill the log: some are named, the rest is counted. */
static struct naming *naming_now(struct kp_watch *watch)
{
    struct kp_mono now = kp_mono_now();
    if (watch->naming.since.us == 0 || now.us - watch->naming.since.us >= NAMED_EVERY_US) {
        watch->naming = (struct naming){.since = now};
    }
    return &watch->naming;
}

/* false: with the reason. A file that went away, or became a link, is left to who opens it. */
static bool can_open(const struct kp_watch *watch, int dir_fd, const char *name,
                     struct kp_diag *reterr_diag)
{
    int fd = openat(dir_fd, name, OPEN_FLAGS);
    if (fd >= 0) {
        (void)close(fd); /* nothing was written */
        return true;
    }
    if (errno == ENOENT || errno == ELOOP || errno == EMFILE || errno == ENFILE) {
        return true;
    }
    (void)kp_fail(reterr_diag, KP_E_IO, "cannot open %s/%s: %s", watch->dir, name, strerror(errno));
    return false;
}

/* Its row stays unsaid where nothing more may be said now. */
static void say_unread(struct kp_watch *watch, struct kp_unread_row *row, uint32_t *ret_unnamed,
                       const struct kp_diag *why)
{
    struct naming *naming = naming_now(watch);
    if (naming->count < NAMED_MAX) {
        naming->count++;
        row->said = true;
        kp_log_diag(KP_LOG_ERROR, "file.unreadable", why);
    } else if (!naming->counted) {
        row->said = true;
        (*ret_unnamed)++;
    }
}

static void say_unnamed(struct kp_watch *watch, uint32_t unnamed)
{
    if (unnamed > 0) {
        naming_now(watch)->counted = true;
        kp_log(KP_LOG_ERROR, "file.unreadable",
               "err=IO text=\"%u more files in %s cannot be read\"", unnamed, watch->dir);
    }
}

static void pass_over(struct scan *scan, const char *name, const struct stat *status,
                      const struct kp_unread_row *before, const struct kp_diag *why)
{
    struct kp_wall now = kp_wall_now();
    int64_t changed_ms = (int64_t)status->st_ctim.tv_sec * 1000;
    scan->unread_count++;
    /* Its owner may be about to give it its rights. */
    if (before == NULL && !is_hinted(scan->watch, name) &&
        now.ms - changed_ms < scan->watch->settle_ms) {
        return;
    }
    struct kp_unread_row *row = kp_unread_put(scan->unread, kp_unread_key(name, status));
    if (row == NULL) {
        scan->too_many = true;
        return;
    }
    if (before != NULL) {
        *row = *before;
    }
    if (!row->said) {
        say_unread(scan->watch, row, &scan->unnamed, why);
    }
}

static void end_unread(struct scan *scan, bool whole)
{
    struct kp_watch *watch = scan->watch;
    if (scan->too_many && !watch->too_many_said && !naming_now(watch)->counted) {
        kp_log(KP_LOG_ERROR, "file.unreadable",
               "err=LIMIT text=\"%u files in %s cannot be read; what is beyond %u of them is not "
               "named\"",
               scan->unread_count, watch->dir, KP_UNREAD_FILES_MAX);
        watch->too_many_said = true;
    }
    say_unnamed(watch, scan->unnamed);
    if (!whole) {
        kp_unread_keep(scan->unread, watch->unread);
    } else if (!scan->too_many) {
        watch->too_many_said = false;
    }
    free(watch->unread);
    watch->unread = scan->unread;
    watch->unread_count = scan->unread_count;
}

void kp_watch_failed(struct kp_watch *watch, const char *name, int64_t retry_ms,
                     const struct kp_diag *why)
{
    char path[PATH_MAX + KP_FILE_NAME_BYTES_MAX + 2];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/%s", watch->dir, name);
    if (lstat(path, &status) != 0) {
        return; /* gone meanwhile */
    }
    struct kp_unread_row *row = kp_unread_put(watch->unread, kp_unread_key(name, &status));
    if (row == NULL) {
        return;
    }
    row->retry_us = kp_mono_now().us + retry_ms * 1000;
    watch->unread_count++;
    uint32_t unnamed = 0;
    if (!row->said) {
        say_unread(watch, row, &unnamed, why);
    }
    say_unnamed(watch, unnamed);
}

uint32_t kp_watch_unread_count(const struct kp_watch *watch)
{
    return watch->unread_count;
}

/* --- one look --- */

static void look_at(struct scan *scan, int dir_fd, const char *name)
{
    struct stat status;
    if (!is_wanted(scan->watch, name) || fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
        return; /* a directory, a link out of the folder, or gone again */
    }
    struct kp_diag why;
    struct kp_unread_row *before =
        kp_unread_find(scan->watch->unread, kp_unread_key(name, &status));
    (void)kp_fail(&why, KP_E_IO, "%s/%s could not be read or moved", scan->watch->dir, name);
    if ((before != NULL && kp_mono_now().us < before->retry_us) ||
        !can_open(scan->watch, dir_fd, name, &why)) {
        pass_over(scan, name, &status, before, &why);
        return;
    }
    if (before != NULL) { /* tried again; when it fails again nobody needs to hear of it */
        struct kp_unread_row *row = kp_unread_put(scan->unread, before->key);
        if (row != NULL) {
            *row = *before;
        }
    }
    const struct seen *seen = find_seen(scan->watch, name);
    if (is_hinted(scan->watch, name) || is_settled(scan->watch, &status, seen)) {
        struct candidate *candidate = &scan->ready[scan->ready_count++];
        (void)snprintf(candidate->name, sizeof candidate->name, "%.*s",
                       (int)sizeof candidate->name - 1, name);
        candidate->status = status;
    } else {
        remember(scan->waiting, &scan->waiting_count, name, &status, seen);
    }
}

/* Of full lists the last one counts, so a file that is ready waits for an older one that is not.
 * One that is still being written is newer than all others, and holds up nobody. */
static void hold_back(struct scan *scan)
{
    uint32_t unsettled = scan->waiting_count;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scan->ready_count; i++) {
        const struct candidate *candidate = &scan->ready[i];
        bool first = true;
        for (uint32_t j = 0; j < unsettled && first; j++) {
            first = compare_age(candidate->status.st_mtim.tv_sec, candidate->name,
                                scan->waiting[j].changed.tv_sec, scan->waiting[j].name) < 0;
        }
        if (first) {
            scan->ready[kept++] = *candidate;
        } else {
            remember(scan->waiting, &scan->waiting_count, candidate->name, &candidate->status,
                     find_seen(scan->watch, candidate->name));
        }
    }
    scan->ready_count = kept;
}

enum kp_err kp_watch_scan(struct kp_watch *watch, struct kp_watch_name **ret_names,
                          uint32_t *ret_count, bool *ret_again, struct kp_diag *reterr_diag)
{
    DIR *dir = opendir(watch->dir);
    if (dir == NULL) {
        return kp_fail(reterr_diag, KP_E_IO, "%s: %s", watch->dir, strerror(errno));
    }
    struct scan scan = {.watch = watch,
                        .ready = calloc(FILES_MAX, sizeof(struct candidate)),
                        .waiting = calloc(FILES_MAX, sizeof(struct seen)),
                        .unread = kp_unread_new()};
    KP_ASSERT(scan.ready != NULL && scan.waiting != NULL);
    const struct dirent *entry = NULL;
    uint32_t looked = 0;
    while (looked < FILES_MAX && (entry = readdir(dir)) != NULL) {
        look_at(&scan, dirfd(dir), entry->d_name);
        looked = scan.ready_count + scan.waiting_count;
    }
    (void)closedir(dir);
    end_unread(&scan, /* whole= */ looked < FILES_MAX);
    hold_back(&scan);
    qsort(scan.ready, scan.ready_count, sizeof scan.ready[0], compare_candidates);
    struct kp_watch_name *names = calloc(scan.ready_count + 1, sizeof *names);
    KP_ASSERT(names != NULL);
    for (uint32_t i = 0; i < scan.ready_count; i++) {
        memcpy(names[i].name, scan.ready[i].name, sizeof names[i].name);
    }
    *ret_names = names;
    *ret_count = scan.ready_count;
    *ret_again = scan.waiting_count > 0 || looked == FILES_MAX;
    free(watch->seen);
    free(scan.ready);
    watch->seen = scan.waiting;
    watch->seen_count = scan.waiting_count;
    watch->hint_count = 0;
    return KP_OK;
}
