/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A backup put in the place of data that is gone. It is copied into a folder within the data folder
 * (which may be a disk of its own), verified there, and only then gets its names. One that fails
 * takes away what it made: nothing of it stands in the way of the right one.
 */
#include "maintain.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 700
#define PARTS 3
#define CHUNK_RECORDS 64u
#define CHUNK_BYTES (8u << 20)

/* In the order in which they get their names: a state without its journal is never started on. */
static const char *const parts[PARTS] = {"state", "persons", "journal"};

static void close_backup(FILE *files[PARTS])
{
    for (size_t i = 0; i < PARTS; i++) {
        if (files[i] != NULL) {
            (void)fclose(files[i]); /* only read */
        }
    }
}

/* All of it, before anything is made; and as who was called, who may read it. */
static enum kp_err open_backup(const char *backup, FILE *ret_files[PARTS],
                               struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES];
    for (size_t i = 0; i < PARTS; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/data.mdb", backup, parts[i]); /* cut: not found */
        ret_files[i] = fopen(path, "rbe");
        if (ret_files[i] == NULL) {
            return kp_fail(reterr_diag, errno == ENOENT ? KP_E_NOT_FOUND : KP_E_IO,
                           "%s is not a backup that can be read: %s: %s. Nothing was done", backup,
                           path, strerror(errno));
        }
    }
    return KP_OK;
}

/* Snapshots of what was there would be newer than what is restored, and of other keys. */
static enum kp_err check_free(const char *data, struct kp_diag *reterr_diag)
{
    static const char *const names[] = {"state", "persons", "journal", "snapshots"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", data, names[i]); /* fits */
        if (access(path, F_OK) == 0) {
            return kp_fail(
                reterr_diag, KP_E_EXISTS,
                "%s is there, and a restore never overwrites what may be newer: if it is "
                "really to be replaced, move state, persons, journal and snapshots out of "
                "%s first, and keep them until the hub runs well",
                path, data);
        }
    }
    return KP_OK;
}

/* --- the data folder itself --- */

/* The one that the hub will find: of the same owner as the house's folder. */
static enum kp_err make_data_dir(const char *data, const char *house_file, bool *ret_made,
                                 struct kp_diag *reterr_diag)
{
    char house[PATH_BYTES];
    struct stat owner;
    const char *slash = strrchr(house_file, '/');
    (void)snprintf(house, sizeof house, "%.*s", slash == NULL ? 1 : (int)(slash - house_file + 1),
                   slash == NULL ? "." : house_file); /* cut: not found */
    *ret_made = mkdir(data, 0700) == 0;
    if (!*ret_made) {
        return errno == EEXIST ? KP_OK
                               : kp_fail(reterr_diag, errno == ENOENT ? KP_E_NOT_FOUND : KP_E_IO,
                                         "cannot make the data folder %s: %s; is its disk mounted?",
                                         data, strerror(errno));
    }
    if (stat(house, &owner) != 0 ||
        (geteuid() == 0 && chown(data, owner.st_uid, owner.st_gid) != 0)) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot give %s the owner of %s: %s", data, house,
                       strerror(errno));
    }
    return KP_OK;
}

static void remove_copy(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", ""};
    char path[PATH_BYTES + 64];
    for (size_t i = 0; i < PARTS; i++) {
        for (size_t j = 0; j < sizeof files / sizeof files[0]; j++) {
            (void)snprintf(path, sizeof path, "%s/%s/%s", dir, parts[i], files[j]); /* fits */
            (void)(files[j][0] == '\0' ? rmdir(path) : unlink(path)); /* absent is fine */
        }
    }
    (void)rmdir(dir); /* absent is fine */
}

static void remove_data_dir(const char *data)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/lock", data); /* fits */
    (void)unlink(path);                                 /* absent is fine */
    (void)kp_maintain_act_as_caller();                  /* the folder around it may be root's */
    (void)rmdir(data); /* what cannot be taken away is an empty folder: in nobody's way */
}

/* --- copy, verify, name --- */

static enum kp_err copy_file(FILE *in, const char *to, struct kp_diag *reterr_diag)
{
    static char buffer[1 << 20];
    FILE *out = fopen(to, "wxe");
    size_t size;
    bool good = out != NULL && fchmod(fileno(out), 0600) == 0;
    while (good && (size = fread(buffer, 1, sizeof buffer, in)) > 0) {
        good = fwrite(buffer, 1, size, out) == size;
    }
    good = good && ferror(in) == 0 && fflush(out) == 0 && fsync(fileno(out)) == 0;
    int error = errno;
    if (out != NULL) {
        (void)fclose(out); /* synced above */
    }
    return good ? KP_OK
                : kp_fail(reterr_diag, error == ENOSPC ? KP_E_DISK_FULL : KP_E_IO,
                          "copying the backup to %s: %s", to, strerror(error));
}

static enum kp_err copy_all(FILE *const files[PARTS], const char *dir, struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES + 64];
    enum kp_err err = kp_dir_make(dir, 0700, reterr_diag);
    for (size_t i = 0; err == KP_OK && i < PARTS; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, parts[i]); /* fits */
        err = kp_dir_make(path, 0700, reterr_diag);
        (void)snprintf(path, sizeof path, "%s/%s/data.mdb", dir, parts[i]); /* fits */
        if (err == KP_OK) {
            err = copy_file(files[i], path, reterr_diag);
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir, parts[i]); /* fits */
        if (err == KP_OK) {
            err = kp_dir_sync(path, reterr_diag);
        }
    }
    return err == KP_OK ? kp_dir_sync(dir, reterr_diag) : err;
}

/* Every record opens: its seal is checked as it is read. */
static enum kp_err read_journal(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    struct kp_journal_record records[CHUNK_RECORDS];
    struct kp_journal_reader *reader = kp_journal_reader_new(hub->journal);
    uint64_t from = 1;
    uint32_t count;
    enum kp_err err;
    do {
        err =
            kp_journal_read(reader, from, records, CHUNK_RECORDS, CHUNK_BYTES, &count, reterr_diag);
        if (err == KP_OK && count > 0) {
            from = records[count - 1].position + records[count - 1].positions;
        }
    } while (err == KP_OK && count > 0);
    (void)kp_journal_reader_free(reader);
    return err;
}

static enum kp_err verify_copy(struct kp_hub *hub, const struct kp_secret *master, const char *dir,
                               struct kp_diag *reterr_diag)
{
    uint64_t applied;
    uint64_t journalled;
    enum kp_err err = kp_open_data(hub, dir, master, reterr_diag);
    if (err == KP_OK) {
        err = kp_maintain_verify(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = read_journal(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_open_position(hub, &applied, &journalled, reterr_diag);
    }
    kp_close_data(hub); /* before it gets another name */
    return err;
}

static enum kp_err name_all(const char *dir, const char *data, struct kp_diag *reterr_diag)
{
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    for (size_t i = 0; i < PARTS; i++) {
        (void)snprintf(from, sizeof from, "%s/%s", dir, parts[i]); /* fits */
        (void)snprintf(to, sizeof to, "%s/%s", data, parts[i]);    /* fits */
        if (rename(from, to) != 0) {
            return kp_fail(reterr_diag, KP_E_IO, "cannot name %s %s: %s", from, to,
                           strerror(errno));
        }
    }
    (void)rmdir(dir); /* empty now */
    return kp_dir_sync(data, reterr_diag);
}

static enum kp_err restore_into(struct kp_hub *hub, const struct kp_secret *master,
                                FILE *const files[PARTS], struct kp_diag *reterr_diag)
{
    char dir[PATH_BYTES - 64];
    struct kp_diag why;
    const char *data = hub->config->hub.data_dir;
    (void)snprintf(dir, sizeof dir, "%s/restoring", data); /* fits */
    enum kp_err err = kp_maintain_act_as_owner(data, reterr_diag);
    if (err == KP_OK) {
        err = kp_open_lock(hub, reterr_diag);
    }
    if (err == KP_OK) {
        err = check_free(data, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    remove_copy(dir); /* of one that was cut off */
    err = copy_all(files, dir, reterr_diag);
    if (err == KP_OK) {
        err = verify_copy(hub, master, dir, &why);
        if (err != KP_OK) {
            (void)kp_fail(reterr_diag, err,
                          "this backup is not good, or not of these keys: %s. Nothing was put in "
                          "place; restore another",
                          why.text);
        }
    }
    if (err == KP_OK) {
        err = name_all(dir, data, reterr_diag);
    }
    if (err != KP_OK) {
        remove_copy(dir);
        return err;
    }
    kp_told_row("restored", data);
    kp_told_row_end();
    return KP_OK;
}

enum kp_err kp_restore(struct kp_hub *hub, const char *house_file, const char *backup,
                       struct kp_diag *reterr_diag)
{
    FILE *files[PARTS] = {NULL};
    struct kp_secret master = {{0}};
    bool made = false;
    const char *data = hub->config->hub.data_dir;
    enum kp_err err = open_backup(backup, files, reterr_diag);
    if (err == KP_OK) {
        err = kp_open_keys(hub, &master, reterr_diag);
    }
    if (err == KP_OK) {
        err = make_data_dir(data, house_file, &made, reterr_diag);
    }
    if (err == KP_OK) {
        err = restore_into(hub, &master, files, reterr_diag);
    }
    if (err != KP_OK && made) {
        remove_data_dir(data);
    }
    kp_secret_done(&master);
    close_backup(files);
    return err;
}
