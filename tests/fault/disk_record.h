/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A recorder of what a program does to the files below one directory. The calls are defined here,
 * in the program itself, so that those of liblmdb come here too; each goes on to the kernel, and
 * what it changed is noted in one list, in order. Syncs are noted, not done: no power is lost.
 *
 * Include once in a program. Only the calls that LMDB and hub/base/file.c make on their data are
 * here; a write through a map is not (the hub never asks LMDB for one, and asserts it).
 */
#ifndef KP_TESTS_FAULT_DISK_RECORD_H
#define KP_TESTS_FAULT_DISK_RECORD_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DISK_NODES_MAX 64u
#define DISK_FILES_OPEN_MAX 1024

enum disk_event_kind {
    DISK_ENTRY, /* the node is now @name in the directory @parent */
    DISK_WRITE,
    DISK_WRITE_DONE, /* the write @since, through an O_DSYNC descriptor, is on disk */
    DISK_SYNC,       /* what was written to the node before the event @since is on disk */
    DISK_MARK        /* the program's own: it knows what @mark and @value mean */
};

struct disk_event {
    enum disk_event_kind kind;
    uint32_t node, parent;
    char name[32];
    bool directory;
    uint64_t offset;
    size_t size;
    uint8_t *bytes;
    uint32_t since;
    int mark;
    uint64_t value;
};

struct disk_log {
    struct disk_event *events;
    uint32_t count, capacity;
    uint32_t node_count; /* node 0: the directory itself */
};

/* What a disk, or a program, does wrong: for the controls. */
struct disk_faults {
    bool sync_ignored, directory_sync_ignored;
};

enum disk_mode { DISK_IDLE, DISK_RECORDING, DISK_SYNCS_SKIPPED };

static struct {
    pthread_mutex_t mutex;
    enum disk_mode mode;
    struct disk_faults faults;
    struct disk_log log;
    ino_t inodes[DISK_NODES_MAX];
    bool synchronous[DISK_FILES_OPEN_MAX]; /* was opened with O_DSYNC */
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- the list --- */

static struct disk_event *disk_note(struct disk_event event)
{
    struct disk_log *log = &disk.log;
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 4096 : 2 * log->capacity;
        log->events = realloc(log->events, log->capacity * sizeof *log->events);
        if (log->events == NULL) {
            abort();
        }
    }
    log->events[log->count] = event;
    return &log->events[log->count++];
}

static int disk_node_of(ino_t inode)
{
    for (uint32_t i = 0; i < disk.log.node_count; i++) {
        if (disk.inodes[i] == inode) {
            return (int)i;
        }
    }
    return -1;
}

static int disk_node_of_fd(int fd)
{
    struct stat stat;
    return disk.mode == DISK_RECORDING && fstat(fd, &stat) == 0 ? disk_node_of(stat.st_ino) : -1;
}

/* With the mutex held: @path is there now, made or moved; ours when its directory is. */
static void disk_note_entry(const char *path)
{
    char parent_path[PATH_MAX];
    struct stat stat_path, stat_parent;
    const char *slash = strrchr(path, '/');
    if (disk.mode != DISK_RECORDING || slash == NULL || stat(path, &stat_path) != 0) {
        return;
    }
    (void)snprintf(parent_path, sizeof parent_path, "%.*s", (int)(slash - path), path); /* fits */
    int parent = stat(parent_path, &stat_parent) == 0 ? disk_node_of(stat_parent.st_ino) : -1;
    if (parent < 0) {
        return;
    }
    int node = disk_node_of(stat_path.st_ino);
    if (node < 0) {
        if (disk.log.node_count == DISK_NODES_MAX) {
            abort();
        }
        node = (int)disk.log.node_count++;
        disk.inodes[node] = stat_path.st_ino;
    }
    struct disk_event event = {.kind = DISK_ENTRY,
                               .node = (uint32_t)node,
                               .parent = (uint32_t)parent,
                               .directory = S_ISDIR(stat_path.st_mode)};
    (void)snprintf(event.name, sizeof event.name, "%s", slash + 1); /* fits: names are short */
    (void)disk_note(event);
}

static uint32_t disk_note_write(int node, const void *bytes, size_t size, off_t offset)
{
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, bytes, size);
    (void)disk_note((struct disk_event){.kind = DISK_WRITE,
                                        .node = (uint32_t)node,
                                        .offset = (uint64_t)offset,
                                        .size = size,
                                        .bytes = copy});
    return disk.log.count - 1;
}

/* --- begin, mark, end --- */

static void disk_begin(const char *dir, struct disk_faults faults)
{
    struct stat stat_dir;
    if (stat(dir, &stat_dir) != 0) {
        abort();
    }
    disk.inodes[0] = stat_dir.st_ino;
    disk.log = (struct disk_log){.node_count = 1};
    disk.faults = faults;
    disk.mode = DISK_RECORDING;
}

static void disk_mark(int mark, uint64_t value)
{
    (void)pthread_mutex_lock(&disk.mutex);
    (void)disk_note((struct disk_event){.kind = DISK_MARK, .mark = mark, .value = value});
    (void)pthread_mutex_unlock(&disk.mutex);
}

static struct disk_log disk_end(void)
{
    disk.mode = DISK_IDLE;
    return disk.log;
}

static void disk_log_free(struct disk_log *log)
{
    for (uint32_t i = 0; i < log->count; i++) {
        free(log->events[i].bytes);
    }
    free(log->events);
}

/* --- the calls --- */

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    bool strip = disk.mode != DISK_IDLE;
    (void)pthread_mutex_lock(&disk.mutex);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, strip ? flags & ~O_DSYNC : flags, mode);
    if (fd >= 0 && fd < DISK_FILES_OPEN_MAX) {
        disk.synchronous[fd] = (flags & O_DSYNC) != 0;
    }
    if (fd >= 0 && (flags & O_CREAT) != 0 && disk_node_of_fd(fd) < 0) {
        disk_note_entry(path);
    }
    (void)pthread_mutex_unlock(&disk.mutex);
    return fd;
}

int mkdir(const char *path, mode_t mode)
{
    (void)pthread_mutex_lock(&disk.mutex);
    int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (result == 0) {
        disk_note_entry(path);
    }
    (void)pthread_mutex_unlock(&disk.mutex);
    return result;
}

int rename(const char *from, const char *to)
{
    (void)pthread_mutex_lock(&disk.mutex);
    int result = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (result == 0) {
        disk_note_entry(to);
    }
    (void)pthread_mutex_unlock(&disk.mutex);
    return result;
}

/* Noted before it happens: a crash within the call may find any of it. */
static ssize_t disk_write(int fd, const void *bytes, size_t size, off_t offset)
{
    (void)pthread_mutex_lock(&disk.mutex);
    int node = disk_node_of_fd(fd);
    uint32_t event = node < 0 ? 0 : disk_note_write(node, bytes, size, offset);
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, size, offset);
    if (node >= 0 && fd < DISK_FILES_OPEN_MAX && disk.synchronous[fd]) {
        (void)disk_note(
            (struct disk_event){.kind = DISK_WRITE_DONE, .node = (uint32_t)node, .since = event});
    }
    (void)pthread_mutex_unlock(&disk.mutex);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return disk_write(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    off_t offset = disk_node_of_fd(fd) < 0 ? -1 : lseek(fd, 0, SEEK_CUR);
    if (offset < 0) {
        return syscall(SYS_write, fd, bytes, size);
    }
    ssize_t written = disk_write(fd, bytes, size, offset);
    return written > 0 && lseek(fd, written, SEEK_CUR) < 0 ? -1 : written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (disk_node_of_fd(fd) < 0) {
        return syscall(SYS_writev, fd, parts, count);
    }
    ssize_t total = 0;
    for (int i = 0; i < count; i++) { /* a crash within it may find each part or not */
        ssize_t written = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (written < 0) {
            return -1;
        }
        total += written;
    }
    return total;
}

static int disk_sync(int fd, long call)
{
    if (disk.mode == DISK_IDLE) {
        return (int)syscall(call, fd);
    }
    (void)pthread_mutex_lock(&disk.mutex);
    int node = disk_node_of_fd(fd);
    struct stat stat_fd;
    bool directory = fstat(fd, &stat_fd) == 0 && S_ISDIR(stat_fd.st_mode);
    bool ignored = directory ? disk.faults.directory_sync_ignored : disk.faults.sync_ignored;
    if (node >= 0 && !ignored) {
        (void)disk_note((struct disk_event){
            .kind = DISK_SYNC, .node = (uint32_t)node, .since = disk.log.count});
    }
    (void)pthread_mutex_unlock(&disk.mutex);
    return 0;
}

int fsync(int fd)
{
    return disk_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return disk_sync(fd, SYS_fdatasync);
}

#endif
