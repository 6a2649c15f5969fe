/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Preloaded into the hub: makes the disk (or the allocator) fail as the control file says, which
 * the test and this process map together (KNOOPPUNT_FAULT). disk.py has the other side of struct
 * control. A call counts when its kind and the path of its file match; from the nth on, @count of
 * them fail.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { KIND_DATA = 1, KIND_META, KIND_SYNC, KIND_OPEN, KIND_MALLOC };

struct control {
    _Atomic int32_t armed, kind, error;
    _Atomic int64_t nth, count; /* count 0: every one from the nth on */
    _Atomic int64_t seen, fired;
    char target[64]; /* part of the path; empty: any file of which we know the path */
};

static struct control *control;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("KNOOPPUNT_FAULT");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        (void)fprintf(stderr, "disk_shim: no control file\n");
        abort();
    }
    (void)close(fd);
    control = map;
}

static bool is_target(const char *path)
{
    return path[0] == '/' && strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/sys/", 5) != 0 &&
           strstr(path, control->target) != NULL;
}

static bool fires(enum kind kind)
{
    if (atomic_load(&control->kind) != (int32_t)kind) {
        return false;
    }
    int64_t seen = atomic_fetch_add(&control->seen, 1) + 1;
    int64_t nth = atomic_load(&control->nth);
    int64_t count = atomic_load(&control->count);
    if (seen < nth || (count > 0 && seen >= nth + count)) {
        return false;
    }
    atomic_fetch_add(&control->fired, 1);
    errno = atomic_load(&control->error);
    return true;
}

static bool fd_fires(int fd, enum kind kind)
{
    char link[64];
    char path[512];
    if (control == NULL || !atomic_load(&control->armed)) {
        return false;
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = '\0';
    return is_target(path) && fires(kind);
}

/* LMDB writes its meta pages through a descriptor of their own, which syncs each write. */
static bool write_fires(int fd)
{
    int flags = control != NULL && atomic_load(&control->armed) ? fcntl(fd, F_GETFL) : 0;
    return fd_fires(fd, (flags & O_DSYNC) != 0 ? KIND_META : KIND_DATA);
}

/* dlsym gives an object pointer for a function. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (real == NULL) {                                                                            \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                                 \
    }

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write)
    return write_fires(fd) ? -1 : real(fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    REAL(pwrite)
    return write_fires(fd) ? -1 : real(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    REAL(pwrite64)
    return write_fires(fd) ? -1 : real(fd, bytes, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev)
    return write_fires(fd) ? -1 : real(fd, parts, count);
}

int fdatasync(int fd)
{
    REAL(fdatasync)
    return fd_fires(fd, KIND_SYNC) ? -1 : real(fd);
}

int fsync(int fd)
{
    REAL(fsync)
    return fd_fires(fd, KIND_SYNC) ? -1 : real(fd);
}

static bool open_fires(const char *path)
{
    return control != NULL && atomic_load(&control->armed) && is_target(path) && fires(KIND_OPEN);
}

static mode_t mode_of(int flags, va_list list)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    REAL(open)
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_fires(path) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64)
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_fires(path) ? -1 : real(path, flags, mode);
}

/* The allocator by its inner names: dlsym itself allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool malloc_fires(void)
{
    return control != NULL && atomic_load(&control->armed) && fires(KIND_MALLOC);
}

void *malloc(size_t size)
{
    return malloc_fires() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return malloc_fires() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return malloc_fires() ? NULL : __libc_realloc(old, size);
}
