/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* mkostemp */
#include "base/file.h"

#include "base/crash.h"
#include "base/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No key or anchor is a device or a pipe: waiting on one would hang the program. */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static enum kp_err fail_errno(struct kp_diag *reterr_diag, const char *what, const char *path)
{
    int cause = errno;
    enum kp_err err = KP_E_IO;
    if (cause == ENOENT) {
        err = KP_E_NOT_FOUND;
    } else if (cause == ENOSPC || cause == EDQUOT) {
        err = KP_E_DISK_FULL;
    }
    return kp_fail(reterr_diag, err, "%s %s: %s", what, path, strerror(cause));
}

/* @flags beside READ_FLAGS; O_NOFOLLOW: others write into the folder, and what is no ordinary file
 * there is their fault (KP_E_FILE). */
static enum kp_err open_regular(const char *path, int flags, int *ret_fd, struct stat *ret_stat,
                                struct kp_diag *reterr_diag)
{
    int fd = open(path, READ_FLAGS | flags);
    if (fd < 0 && errno == ELOOP && (flags & O_NOFOLLOW) != 0) {
        return kp_fail(reterr_diag, KP_E_FILE, "%s is a link: put the file itself there", path);
    }
    if (fd < 0) {
        return fail_errno(reterr_diag, "cannot open", path);
    }
    struct stat stat;
    if (fstat(fd, &stat) != 0) {
        enum kp_err err = fail_errno(reterr_diag, "cannot look at", path);
        (void)close(fd); /* nothing was written */
        return err;
    }
    if (!S_ISREG(stat.st_mode)) {
        (void)close(fd); /* nothing was written */
        return kp_fail(reterr_diag, (flags & O_NOFOLLOW) != 0 ? KP_E_FILE : KP_E_IO,
                       "%s is not an ordinary file", path);
    }
    *ret_fd = fd;
    *ret_stat = stat;
    return KP_OK;
}

/* Up to @capacity bytes; fewer only at the end of the file. -1: errno is set. */
static ssize_t read_full(int fd, char *bytes, size_t capacity)
{
    size_t used = 0;
    while (used < capacity) {
        ssize_t got = read(fd, bytes + used, capacity - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    return (ssize_t)used;
}

/* The size of a file can change while it is read: what counts is what comes out, never more than
 * @size_max. */
static enum kp_err read_all(int fd, const char *path, size_t size_expected, size_t size_max,
                            char **ret_bytes, size_t *ret_size, struct kp_diag *reterr_diag)
{
    size_t capacity = size_expected < size_max ? size_expected + 1 : size_max + 1;
    size_t used = 0;
    char *bytes = NULL;
    for (;;) {
        char *grown = realloc(bytes, capacity + 1);
        if (grown == NULL) {
            free(bytes);
            return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for %zu bytes of %s", capacity,
                           path);
        }
        bytes = grown;
        ssize_t got = read_full(fd, bytes + used, capacity - used);
        if (got < 0) {
            enum kp_err err = fail_errno(reterr_diag, "cannot read", path);
            free(bytes);
            return err;
        }
        used += (size_t)got;
        if (used < capacity) {
            break;
        }
        if (used > size_max) {
            free(bytes);
            return kp_fail(reterr_diag, KP_E_LIMIT, "%s is larger than %zu bytes", path, size_max);
        }
        capacity = capacity > size_max / 2 ? size_max + 1 : capacity * 2;
    }
    bytes[used] = '\0';
    *ret_bytes = bytes;
    *ret_size = used;
    return KP_OK;
}

static enum kp_err read_file(const char *path, int flags, size_t size_max, char **ret_bytes,
                             size_t *ret_size, struct kp_diag *reterr_diag)
{
    int fd = -1;
    struct stat stat;
    enum kp_err err = open_regular(path, flags, &fd, &stat, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (stat.st_size > 0 && (uintmax_t)stat.st_size > size_max) {
        err = kp_fail(reterr_diag, KP_E_LIMIT, "%s is larger than %zu bytes", path, size_max);
    } else {
        err = read_all(fd, path, (size_t)stat.st_size, size_max, ret_bytes, ret_size, reterr_diag);
    }
    (void)close(fd); /* read only: nothing can be lost */
    return err;
}

enum kp_err kp_file_read(const char *path, size_t size_max, char **ret_bytes, size_t *ret_size,
                         struct kp_diag *reterr_diag)
{
    return read_file(path, /* flags= */ 0, size_max, ret_bytes, ret_size, reterr_diag);
}

enum kp_err kp_file_read_no_link(const char *path, size_t size_max, char **ret_bytes,
                                 size_t *ret_size, struct kp_diag *reterr_diag)
{
    return read_file(path, O_NOFOLLOW, size_max, ret_bytes, ret_size, reterr_diag);
}

static bool write_all(int fd, struct kp_slice bytes)
{
    size_t done = 0;
    while (done < bytes.size) {
        ssize_t put = write(fd, bytes.bytes + done, bytes.size - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return false;
        }
        done += (size_t)put;
    }
    return true;
}

/* "a/b/c" -> "a/b", "c" -> ".", "/c" -> "/". */
static void parent_of(const char *path, char ret_parent[PATH_MAX])
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    while (size > 0 && path[size - 1] != '/') {
        size--;
    }
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    if (size == 0) {
        ret_parent[0] = '.';
        ret_parent[1] = '\0';
        return;
    }
    memcpy(ret_parent, path, size);
    ret_parent[size] = '\0';
}

enum kp_err kp_dir_sync(const char *path, struct kp_diag *reterr_diag)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(reterr_diag, "cannot open the directory", path);
    }
    enum kp_err err = KP_OK;
    if (fsync(fd) != 0) {
        err = fail_errno(reterr_diag, "cannot sync the directory", path);
    }
    (void)close(fd); /* the sync before it told what there is to tell */
    return err;
}

static enum kp_err write_temporary(int fd, const char *path, struct kp_slice bytes, mode_t mode,
                                   struct kp_diag *reterr_diag)
{
    if (!write_all(fd, bytes)) {
        return fail_errno(reterr_diag, "cannot write", path);
    }
    if (fchmod(fd, mode) != 0) {
        return fail_errno(reterr_diag, "cannot set the mode of", path);
    }
    if (fsync(fd) != 0) {
        return fail_errno(reterr_diag, "cannot sync", path);
    }
    return KP_OK;
}

/* What is in @fd, the file @temporary, becomes @path; closes @fd. */
static enum kp_err write_through(int fd, const char *temporary, const char *path,
                                 struct kp_slice bytes, mode_t mode, struct kp_diag *reterr_diag)
{
    char parent[PATH_MAX];
    parent_of(path, parent);
    enum kp_err err = write_temporary(fd, path, bytes, mode, reterr_diag);
    if (close(fd) != 0 && err == KP_OK) {
        err = fail_errno(reterr_diag, "cannot close", path);
    }
    kp_crash_point("write.before_rename");
    if (err == KP_OK && rename(temporary, path) != 0) {
        err = fail_errno(reterr_diag, "cannot replace", path);
    }
    if (err != KP_OK) {
        (void)unlink(temporary); /* the failure above is the one to report */
        return err;
    }
    return kp_dir_sync(parent, reterr_diag);
}

static enum kp_err fail_long(struct kp_diag *reterr_diag, const char *path)
{
    return kp_fail(reterr_diag, KP_E_LIMIT, "the path is longer than %d bytes: %.100s...", PATH_MAX,
                   path);
}

enum kp_err kp_file_write(const char *path, struct kp_slice bytes, mode_t mode,
                          struct kp_diag *reterr_diag)
{
    char temporary[PATH_MAX];
    int size = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof temporary) {
        return fail_long(reterr_diag, path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 until it is whole */
    if (fd < 0) {
        return fail_errno(reterr_diag, "cannot make a file beside", path);
    }
    return write_through(fd, temporary, path, bytes, mode, reterr_diag);
}

enum kp_err kp_file_write_alone(const char *path, struct kp_slice bytes, mode_t mode,
                                struct kp_diag *reterr_diag)
{
    char temporary[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    int size = snprintf(temporary, sizeof temporary, "%.*s.%s.tmp", (int)(name - path), path, name);
    if (size < 0 || (size_t)size >= sizeof temporary) {
        return fail_long(reterr_diag, path);
    }
    /* Never through a link that somebody put there: what has this name goes, and a new file comes.
     */
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_errno(reterr_diag, "cannot make a file beside", path);
    }
    return write_through(fd, temporary, path, bytes, mode, reterr_diag);
}

/* A service credential is root's with an access list for the service's user: the mask of that list
 * shows as the group's read bit, of a group that holds root alone. */
static bool is_private(const struct stat *stat)
{
    mode_t others = stat->st_mode & (S_IRWXG | S_IRWXO);
    return others == 0 || (others == S_IRGRP && stat->st_uid == 0 && stat->st_gid == 0);
}

enum kp_err kp_file_read_private(const char *path, size_t size_max, char **ret_bytes,
                                 size_t *ret_size, struct kp_diag *reterr_diag)
{
    int fd = -1;
    struct stat stat;
    struct kp_diag diag;
    if (open_regular(path, /* flags= */ 0, &fd, &stat, &diag) != KP_OK) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "%s", diag.text);
    }
    enum kp_err err;
    if (!is_private(&stat)) {
        err = kp_fail(reterr_diag, KP_E_KEY_FILE,
                      "%s can be read by others (mode %04o): run chmod 0400 on it, and replace the "
                      "key if others used this machine",
                      path, (unsigned)(stat.st_mode & 07777));
    } else if (read_all(fd, path, (size_t)stat.st_size, size_max, ret_bytes, ret_size, &diag) !=
               KP_OK) {
        err = kp_fail(reterr_diag, KP_E_KEY_FILE, "%s", diag.text);
    } else {
        err = KP_OK;
    }
    (void)close(fd); /* read only: nothing can be lost */
    return err;
}

enum kp_err kp_file_read_secret(const char *path, struct kp_secret *ret_secret,
                                struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err =
        kp_file_read_private(path, sizeof ret_secret->bytes, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (size == sizeof ret_secret->bytes) {
        memcpy(ret_secret->bytes, bytes, size);
    } else {
        err = kp_fail(reterr_diag, KP_E_KEY_FILE, "%s holds %zu bytes where a key is %zu", path,
                      size, sizeof ret_secret->bytes);
    }
    kp_file_clear(bytes, size);
    return err;
}

void kp_file_clear(char *bytes, size_t size)
{
    if (bytes != NULL) {
        explicit_bzero(bytes, size);
        free(bytes);
    }
}

static enum kp_err make_one(const char *path, mode_t mode, struct kp_diag *reterr_diag)
{
    if (mkdir(path, mode) == 0) {
        char parent[PATH_MAX];
        parent_of(path, parent);
        return kp_dir_sync(parent, reterr_diag);
    }
    struct stat found;
    if (errno != EEXIST) {
        return fail_errno(reterr_diag, "cannot make the directory", path);
    }
    if (stat(path, &found) != 0) {
        return fail_errno(reterr_diag, "cannot look at", path);
    }
    if (!S_ISDIR(found.st_mode)) {
        return kp_fail(reterr_diag, KP_E_EXISTS, "%s exists and is not a directory", path);
    }
    return KP_OK;
}

enum kp_err kp_dir_make(const char *path, mode_t mode, struct kp_diag *reterr_diag)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof part) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "a path has 1 to %d bytes: %.100s", PATH_MAX - 1,
                       path);
    }
    for (size_t i = 1; i <= size; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        enum kp_err err = make_one(part, mode, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    return KP_OK;
}
