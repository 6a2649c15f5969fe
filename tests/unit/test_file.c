/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/file.h"

#include "base/crypto.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[PATH_MAX];
static char path[PATH_MAX + 64];
static struct kp_diag diag;

static const char *in_dir(const char *name)
{
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) > 0);
    return path;
}

static mode_t mode_of(const char *name)
{
    struct stat found;
    assert_int_equal(stat(in_dir(name), &found), 0);
    return found.st_mode & 07777;
}

static unsigned entries(void)
{
    unsigned count = 0;
    DIR *open = opendir(dir);
    assert_non_null(open);
    while (readdir(open) != NULL) {
        count++;
    }
    assert_int_equal(closedir(open), 0);
    return count - 2;
}

static void assert_content(const char *name, struct kp_slice expected)
{
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(kp_file_read(in_dir(name), 1 << 20, &bytes, &size, &diag), KP_OK);
    assert_true(kp_slice_equal(kp_slice_of(bytes, size), expected));
    assert_int_equal(bytes[size], '\0');
    free(bytes);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t large[10000];
    kp_random(large, sizeof large);
    assert_int_equal(kp_file_write(in_dir("a"), KP_SLICE_LIT("een\0twee"), 0640, &diag), KP_OK);
    assert_content("a", KP_SLICE_LIT("een\0twee"));
    assert_int_equal(mode_of("a"), 0640);
    assert_int_equal(kp_file_write(in_dir("a"), kp_slice_of(large, sizeof large), 0400, &diag),
                     KP_OK);
    assert_content("a", kp_slice_of(large, sizeof large));
    assert_int_equal(mode_of("a"), 0400); /* the new one's, also over a file that was another's */
    assert_int_equal(kp_file_write(in_dir("a"), KP_SLICE_EMPTY, 0600, &diag), KP_OK);
    assert_content("a", KP_SLICE_EMPTY);
    assert_int_equal(entries(), 1); /* no temporary file is left */
}

static void the_only_writer_takes_over_what_a_killed_one_left(void **state)
{
    (void)state;
    assert_int_equal(kp_file_write(in_dir("a"), KP_SLICE_LIT("een"), 0600, &diag), KP_OK);
    assert_int_equal(kp_file_write(in_dir(".a.tmp"), KP_SLICE_LIT("half of more"), 0644, &diag),
                     KP_OK);
    assert_int_equal(kp_file_write_alone(in_dir("a"), KP_SLICE_LIT("twee"), 0640, &diag), KP_OK);
    assert_content("a", KP_SLICE_LIT("twee"));
    assert_int_equal(mode_of("a"), 0640);
    assert_int_equal(entries(), 1);
    /* Not through a link, and over nothing that is no file. */
    assert_int_equal(kp_file_write(in_dir("theirs"), KP_SLICE_LIT("x"), 0600, &diag), KP_OK);
    assert_int_equal(symlink("theirs", in_dir(".a.tmp")), 0);
    assert_int_equal(kp_file_write_alone(in_dir("a"), KP_SLICE_LIT("drie"), 0640, &diag), KP_OK);
    assert_content("a", KP_SLICE_LIT("drie"));
    assert_content("theirs", KP_SLICE_LIT("x"));
    assert_int_equal(entries(), 2);
    assert_int_equal(mkdir(in_dir(".a.tmp"), 0700), 0);
    assert_int_equal(kp_file_write_alone(in_dir("a"), KP_SLICE_LIT("x"), 0640, &diag), KP_E_IO);
    assert_content("a", KP_SLICE_LIT("drie"));
    assert_int_equal(entries(), 3);
}

static void reading_is_bounded(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(kp_file_write(in_dir("a"), KP_SLICE_LIT("12345678"), 0600, &diag), KP_OK);
    assert_int_equal(kp_file_read(in_dir("a"), 7, &bytes, &size, &diag), KP_E_LIMIT);
    assert_null(bytes);
    assert_int_equal(kp_file_read(in_dir("a"), 8, &bytes, &size, &diag), KP_OK);
    assert_int_equal(size, 8);
    free(bytes);
    bytes = NULL;
    /* A file that says it is empty and is not. */
    assert_int_equal(kp_file_read("/proc/self/cmdline", 3, &bytes, &size, &diag), KP_E_LIMIT);
    assert_int_equal(kp_file_read("/proc/self/status", 1 << 16, &bytes, &size, &diag), KP_OK);
    assert_true(size > 100);
    free(bytes);
}

static void what_others_put_there_is_not_read_through_a_link(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(kp_file_write(in_dir("a"), KP_SLICE_LIT("12345678"), 0600, &diag), KP_OK);
    assert_int_equal(symlink("a", in_dir("link")), 0);
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    assert_int_equal(kp_file_read_no_link(in_dir("link"), 10, &bytes, &size, &diag), KP_E_FILE);
    assert_non_null(strstr(diag.text, "is a link"));
    assert_int_equal(kp_file_read_no_link(in_dir("pipe"), 10, &bytes, &size, &diag), KP_E_FILE);
    assert_int_equal(kp_file_read_no_link(dir, 10, &bytes, &size, &diag), KP_E_FILE);
    assert_int_equal(kp_file_read_no_link(in_dir("absent"), 10, &bytes, &size, &diag),
                     KP_E_NOT_FOUND);
    assert_null(bytes);
    assert_int_equal(kp_file_read_no_link(in_dir("a"), 10, &bytes, &size, &diag), KP_OK);
    assert_int_equal(size, 8);
    free(bytes);
    bytes = NULL;
    assert_int_equal(kp_file_read(in_dir("link"), 10, &bytes, &size, &diag), KP_OK); /* our own */
    free(bytes);
}

static void what_cannot_be_read_has_its_own_code(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(kp_file_read(in_dir("absent"), 10, &bytes, &size, &diag), KP_E_NOT_FOUND);
    assert_non_null(strstr(diag.text, "absent"));
    assert_int_equal(kp_file_read(dir, 10, &bytes, &size, &diag), KP_E_IO);
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    assert_int_equal(kp_file_read(in_dir("pipe"), 10, &bytes, &size, &diag), KP_E_IO); /* no wait */
    assert_int_equal(kp_file_write(in_dir("no/where"), KP_SLICE_LIT("x"), 0600, &diag),
                     KP_E_NOT_FOUND);
    assert_int_equal(mkdir(in_dir("taken"), 0700), 0);
    assert_int_equal(kp_file_write(in_dir("taken"), KP_SLICE_LIT("x"), 0600, &diag), KP_E_IO);
    assert_int_equal(entries(), 2); /* the failed writes left nothing */
    assert_int_equal(kp_file_write("/dev/full/x", KP_SLICE_LIT("x"), 0600, &diag), KP_E_IO);
}

static void a_secret_is_32_bytes_that_nobody_else_reads(void **state)
{
    (void)state;
    struct kp_secret secret;
    struct kp_secret expected;
    kp_random(expected.bytes, sizeof expected.bytes);
    struct kp_slice bytes = kp_slice_of(expected.bytes, sizeof expected.bytes);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_E_KEY_FILE);
    assert_int_equal(kp_file_write(in_dir("key"), bytes, 0400, &diag), KP_OK);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_OK);
    assert_memory_equal(secret.bytes, expected.bytes, sizeof secret.bytes);
    static const mode_t open_modes[] = {0404, 0402, 0401, 0420, 0410, 0460, 0444};
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        assert_int_equal(chmod(in_dir("key"), open_modes[i]), 0);
        assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_E_KEY_FILE);
        assert_non_null(strstr(diag.text, "chmod 0400"));
    }
    bytes.size = 31;
    assert_int_equal(kp_file_write(in_dir("key"), bytes, 0400, &diag), KP_OK);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_E_KEY_FILE);
    uint8_t longer[33] = {0};
    assert_int_equal(kp_file_write(in_dir("key"), kp_slice_of(longer, sizeof longer), 0400, &diag),
                     KP_OK);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_E_KEY_FILE);
}

static void only_the_credential_of_a_service_may_show_a_group(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip(); /* needs to give a file away */
    }
    struct kp_secret secret;
    uint8_t zeros[32] = {0};
    assert_int_equal(kp_file_write(in_dir("key"), kp_slice_of(zeros, sizeof zeros), 0440, &diag),
                     KP_OK);
    assert_int_equal(chown(in_dir("key"), 0, 0), 0);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_OK);
    assert_int_equal(chown(in_dir("key"), 0, 12345), 0);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_E_KEY_FILE);
    assert_int_equal(chown(in_dir("key"), 12345, 0), 0);
    assert_int_equal(kp_file_read_secret(in_dir("key"), &secret, &diag), KP_E_KEY_FILE);
}

static void a_directory_is_made_with_its_parents(void **state)
{
    (void)state;
    struct stat found;
    char deep[PATH_MAX + 128];
    assert_true(snprintf(deep, sizeof deep, "%s//a/b///c/", dir) > 0);
    assert_int_equal(kp_dir_make(deep, 0700, &diag), KP_OK);
    assert_int_equal(kp_dir_make(deep, 0700, &diag), KP_OK);
    assert_int_equal(stat(in_dir("a/b/c"), &found), 0);
    assert_true(S_ISDIR(found.st_mode));
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(kp_file_write(in_dir("a/file"), KP_SLICE_LIT("x"), 0600, &diag), KP_OK);
    assert_int_equal(kp_dir_make(in_dir("a/file"), 0700, &diag), KP_E_EXISTS);
    assert_int_not_equal(kp_dir_make(in_dir("a/file/under"), 0700, &diag), KP_OK);
    assert_int_equal(kp_dir_make("", 0700, &diag), KP_E_LIMIT);
    assert_int_equal(kp_dir_sync(in_dir("a"), &diag), KP_OK);
    assert_int_equal(kp_dir_sync(in_dir("absent"), &diag), KP_E_NOT_FOUND);
}

static int make_dir(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    int size = snprintf(dir, sizeof dir, "%s/kp-file-XXXXXX", base == NULL ? "/tmp" : base);
    return size > 0 && (size_t)size < sizeof dir && mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const names[] = {"a/b/c", "a/b", "a/file", "a",      "pipe",
                                        "taken", "key", ".a.tmp", "theirs", "link"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)remove(in_dir(names[i])); /* not every test made each */
    }
    return rmdir(dir);
}

static int start(void **state)
{
    (void)state;
    return kp_crypto_init(&diag) == KP_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    kp_crypto_done();
    return 0;
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(what_is_written_is_read),
        IN_DIR(the_only_writer_takes_over_what_a_killed_one_left),
        IN_DIR(reading_is_bounded),
        IN_DIR(what_others_put_there_is_not_read_through_a_link),
        IN_DIR(what_cannot_be_read_has_its_own_code),
        IN_DIR(a_secret_is_32_bytes_that_nobody_else_reads),
        IN_DIR(only_the_credential_of_a_service_may_show_a_group),
        IN_DIR(a_directory_is_made_with_its_parents),
    };
    return cmocka_run_group_tests_name("file", tests, start, stop);
}
