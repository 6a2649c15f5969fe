/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/crash.h"

#ifdef KP_CRASH_POINTS

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t crash_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long crash_reached;

void kp_crash_point(const char *name)
{
    const char *wanted = getenv("KNOOPPUNT_CRASH");
    size_t size = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, size) != 0 || wanted[size] != ':') {
        return;
    }
    unsigned long count = strtoul(wanted + size + 1, NULL, 10);
    (void)pthread_mutex_lock(&crash_mutex);
    crash_reached++;
    if (crash_reached == count) {
        char line[128];
        int line_size =
            snprintf(line, sizeof line, "<5>crash.point name=%s count=%lu\n", name, count);
        ssize_t written = write(STDERR_FILENO, line, (size_t)line_size);
        (void)written; /* we are about to die */
        (void)kill(getpid(), SIGKILL);
    }
    (void)pthread_mutex_unlock(&crash_mutex);
}

#endif
