/* SPDX-License-Identifier: EUPL-1.2 */
/* Which files of a drop folder are ready, and in what order: for full lists the order is the truth.
 */
#include "runtime/watch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SETTLE_MS 60000 /* nothing settles by itself while the test runs */

struct folder {
    char path[64];
    struct kp_watch *watch;
    struct kp_watch_name *names;
    uint32_t count;
    bool again;
};

static int setup(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/kp-watch-XXXXXX");
    *state = folder;
    return mkdtemp(folder->path) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct folder *folder = *state;
    char path[128];
    static const char *const names[] = {"a.csv", "b.csv"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder->path, names[i]);
        (void)unlink(path);
    }
    (void)kp_watch_free(folder->watch);
    free(folder->names);
    int failed = rmdir(folder->path);
    free(folder);
    return failed;
}

/* Written @age_s ago, as a partner's system does: under another name, then renamed into place. */
static void put(const struct folder *folder, const char *name, int64_t age_s)
{
    char hidden[128];
    char path[128];
    (void)snprintf(hidden, sizeof hidden, "%s/.%s", folder->path, name);
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    int fd = open(hidden, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    now.tv_sec -= age_s;
    struct timespec times[2] = {now, now};
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(rename(hidden, path), 0);
}

static void watch(struct folder *folder)
{
    struct kp_diag diag;
    assert_int_equal(kp_watch_new(folder->path, ".csv", SETTLE_MS, &folder->watch, &diag), KP_OK);
}

static void scan(struct folder *folder)
{
    struct kp_diag diag;
    free(folder->names);
    folder->names = NULL;
    (void)kp_watch_drain(folder->watch);
    assert_int_equal(
        kp_watch_scan(folder->watch, &folder->names, &folder->count, &folder->again, &diag), KP_OK);
}

static void an_announced_file_is_ready_at_once(void **state)
{
    struct folder *folder = *state;
    watch(folder);
    put(folder, "a.csv", 0);
    scan(folder);
    assert_int_equal(folder->count, 1);
    assert_string_equal(folder->names[0].name, "a.csv");
    assert_false(folder->again);
}

/* The first came just before the adapter started: nobody announced it, and it has not settled. */
static void a_newer_file_does_not_overtake_an_older_one(void **state)
{
    struct folder *folder = *state;
    put(folder, "b.csv", 10);
    watch(folder);
    put(folder, "a.csv", 0);
    scan(folder);
    assert_int_equal(folder->count, 0);
    assert_true(folder->again);
    put(folder, "b.csv", 2 * SETTLE_MS / 1000); /* it has settled */
    put(folder, "a.csv", 3 * SETTLE_MS / 2000);
    scan(folder);
    assert_int_equal(folder->count, 2);
    assert_string_equal(folder->names[0].name, "b.csv");
    assert_string_equal(folder->names[1].name, "a.csv");
    assert_false(folder->again);
}

/* A file that somebody still writes is the newest of all: it keeps nobody waiting. */
static void an_older_file_does_not_wait_for_a_newer_one(void **state)
{
    struct folder *folder = *state;
    put(folder, "b.csv", 0);
    watch(folder);
    put(folder, "a.csv", 10);
    scan(folder);
    assert_int_equal(folder->count, 1);
    assert_string_equal(folder->names[0].name, "a.csv");
    assert_true(folder->again);
}

/* --- files that cannot be read --- */

#define CROWD 5000u /* more than one look takes, and more than are remembered */

/* Everybody's rights are root's: as root the test looks as another user. */
static void as_another_user(const struct folder *folder)
{
    if (geteuid() == 0) {
        assert_int_equal(chown(folder->path, 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
    }
}

static void as_before(void)
{
    assert_int_equal(seteuid(getuid()), 0);
}

static void put_unreadable(const struct folder *folder, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    put(folder, name, 2 * SETTLE_MS / 1000);
    assert_int_equal(chmod(path, 0), 0);
}

static void crowd(const struct folder *folder, void (*act)(const struct folder *, const char *))
{
    for (unsigned i = 0; i < CROWD; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "x%05u.csv", i);
        act(folder, name);
    }
}

static void take_away(const struct folder *folder, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    assert_int_equal(unlink(path), 0);
}

/* Lines that one look logs. */
static unsigned lines_of_scan(struct folder *folder, const char *event)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    scan(folder);
    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(before), 0);
    rewind(file);
    char line[2048];
    unsigned count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        count += strstr(line, event) != NULL ? 1 : 0;
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

static void an_unreadable_file_is_said_once_until_it_changes(void **state)
{
    struct folder *folder = *state;
    as_another_user(folder);
    watch(folder);
    put_unreadable(folder, "a.csv");
    put(folder, "b.csv", 2 * SETTLE_MS / 1000);
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 1);
    assert_int_equal(folder->count, 1);
    assert_string_equal(folder->names[0].name, "b.csv");
    assert_int_equal(kp_watch_unread_count(folder->watch), 1);
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 0);
    put_unreadable(folder, "a.csv"); /* another one under the same name */
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 1);
    put(folder, "a.csv", 2 * SETTLE_MS / 1000);
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 0);
    assert_int_equal(folder->count, 2);
    assert_int_equal(kp_watch_unread_count(folder->watch), 0);
    as_before();
}

static void unreadable_files_take_no_other_files_place(void **state)
{
    struct folder *folder = *state;
    as_another_user(folder);
    crowd(folder, put_unreadable);
    put(folder, "b.csv", 2 * SETTLE_MS / 1000);
    struct kp_diag diag;
    assert_int_equal(kp_watch_new(folder->path, ".csv", 0, &folder->watch, &diag), KP_OK);
    assert_in_range(lines_of_scan(folder, "file.unreadable"), 2, 12);
    assert_int_equal(folder->count, 1);
    assert_string_equal(folder->names[0].name, "b.csv");
    assert_int_equal(kp_watch_unread_count(folder->watch), CROWD);
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 0);
    assert_int_equal(folder->count, 1);
    crowd(folder, take_away);
    as_before();
}

/* It could be opened, and then not be read or moved. */
static void a_file_that_failed_waits_while_others_go_on(void **state)
{
    struct folder *folder = *state;
    struct kp_diag diag;
    watch(folder);
    put(folder, "a.csv", 2 * SETTLE_MS / 1000);
    put(folder, "b.csv", 2 * SETTLE_MS / 1000);
    scan(folder);
    assert_int_equal(folder->count, 2);
    (void)kp_fail(&diag, KP_E_IO, "a bad sector");
    kp_watch_failed(folder->watch, "a.csv", 60000, &diag);
    assert_int_equal(kp_watch_unread_count(folder->watch), 1);
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 0);
    assert_int_equal(folder->count, 1);
    assert_string_equal(folder->names[0].name, "b.csv");
    kp_watch_failed(folder->watch, "a.csv", 0, &diag);
    assert_int_equal(lines_of_scan(folder, "file.unreadable"), 0); /* tried again, not said again */
    assert_int_equal(folder->count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_announced_file_is_ready_at_once),
        TEST(a_newer_file_does_not_overtake_an_older_one),
        TEST(an_older_file_does_not_wait_for_a_newer_one),
        TEST(an_unreadable_file_is_said_once_until_it_changes),
        TEST(unreadable_files_take_no_other_files_place),
        TEST(a_file_that_failed_waits_while_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
