/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* nftw's FTW_PHYS and FTW_DEPTH */
#include "cli/new_dir.h"

#include "base/assert.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MAX_DEPTH 8

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    unsigned count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir); /* only looked at */
    return count <= 2;   /* "." and ".." */
}

enum kp_err kp_new_dir_begin(struct kp_new_dir *dir, const char *path, mode_t mode,
                             struct kp_diag *reterr_diag)
{
    struct stat found;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    if (size == 0 || size + sizeof ".XXXXXX" > sizeof dir->path) {
        return kp_fail(reterr_diag, KP_E_USAGE, "\"%.100s\" is not the path of a directory", path);
    }
    memcpy(dir->path, path, size);
    dir->path[size] = '\0';
    if (lstat(dir->path, &found) == 0 && !is_empty(dir->path)) {
        return kp_fail(reterr_diag, KP_E_EXISTS,
                       "%s exists already, and nothing is overwritten: choose another directory",
                       dir->path);
    }
    int written = snprintf(dir->temporary, sizeof dir->temporary, "%s.XXXXXX", dir->path);
    KP_ASSERT(written > 0 && (size_t)written < sizeof dir->temporary);
    if (mkdtemp(dir->temporary) == NULL || chmod(dir->temporary, mode) != 0) {
        enum kp_err err =
            kp_fail(reterr_diag, errno == ENOENT ? KP_E_NOT_FOUND : KP_E_IO,
                    "cannot make a directory beside %s: %s", dir->path, strerror(errno));
        kp_new_dir_abort(dir);
        return err;
    }
    return KP_OK;
}

const char *kp_new_dir_path(const struct kp_new_dir *dir, const char *name, char ret_path[PATH_MAX])
{
    int size = snprintf(ret_path, PATH_MAX, "%s/%s", dir->temporary, name);
    if (size < 0 || size >= PATH_MAX) {
        ret_path[0] = '\0';
    }
    return ret_path;
}

enum kp_err kp_new_dir_make(const struct kp_new_dir *dir, const char *name, mode_t mode,
                            struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    if (mkdir(kp_new_dir_path(dir, name, path), mode) != 0 || chmod(path, mode) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot make %s: %s", path, strerror(errno));
    }
    return KP_OK;
}

enum kp_err kp_new_dir_write(const struct kp_new_dir *dir, const char *name, struct kp_slice bytes,
                             mode_t mode, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    return kp_file_write(kp_new_dir_path(dir, name, path), bytes, mode, reterr_diag);
}

enum kp_err kp_new_dir_commit(struct kp_new_dir *dir, struct kp_diag *reterr_diag)
{
    char parent[PATH_MAX];
    enum kp_err err = kp_dir_sync(dir->temporary, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    /* Over an empty directory this works, over one with something in it it does not: no race. */
    if (rename(dir->temporary, dir->path) != 0) {
        bool there = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR;
        return kp_fail(reterr_diag, there ? KP_E_EXISTS : KP_E_IO, "cannot make %s: %s", dir->path,
                       strerror(errno));
    }
    dir->temporary[0] = '\0';
    (void)snprintf(parent, sizeof parent, "%s", dir->path); /* the same size */
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return kp_dir_sync(".", reterr_diag);
    }
    slash[slash == parent ? 1 : 0] = '\0';
    return kp_dir_sync(parent, reterr_diag);
}

static int remove_entry(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)type;
    (void)place;
    (void)remove(path); /* what cannot be removed stays, under a name that says what it is */
    return 0;
}

void kp_new_dir_abort(struct kp_new_dir *dir)
{
    if (dir->temporary[0] != '\0') {
        (void)nftw(dir->temporary, remove_entry, OPEN_MAX_DEPTH, FTW_DEPTH | FTW_PHYS);
        dir->temporary[0] = '\0';
    }
}
