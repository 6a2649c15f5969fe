/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Preloaded into the hub: its wall clock is as many seconds ahead as the file named by
 * KNOOPPUNT_CLOCK says, eight bytes that the test changes while the hub runs. The monotonic clock
 * goes on as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static volatile const int64_t *ahead_s;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("KNOOPPUNT_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, fd, 0);
        ahead_s = map == MAP_FAILED ? NULL : map;
        (void)close(fd);
    }
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (real_gettime == NULL) {
        start();
    }
    int result = real_gettime(clock, ret_time);
    if (result == 0 && clock == CLOCK_REALTIME && ahead_s != NULL) {
        ret_time->tv_sec += (time_t)*ahead_s;
    }
    return result;
}
