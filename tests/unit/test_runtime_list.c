/* SPDX-License-Identifier: EUPL-1.2 */
/* Full lists: what joined, changed and left, and the list that waits for a person. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime_fixture.h"

static bool hub_is_newer; /* all tests hold with a hub of a later version too */

static int setup(void **state)
{
    struct home *home = malloc(sizeof *home);
    home_init(home, /* full_list= */ true, hub_is_newer);
    *state = home;
    return 0;
}

static int teardown(void **state)
{
    home_done(*state);
    free(*state);
    return 0;
}

static const struct hub_signal *last(const struct home *home)
{
    assert_true(home->hub.journal_count > 0);
    return &home->hub.journal[home->hub.journal_count - 1];
}

static void changes_are_sent_and_the_rest_is_not(void **state)
{
    struct home *home = *state;
    home->conf.list_shrink_percent = 50;
    home_drop(home, "l1.csv", "A;1;x\nB;1;x\nC;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 3);
    home_drop(home, "l2.csv", "A;1;x\nB;1;changed\nD;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 6);
    assert_int_equal(home_count(home, "l2.csv", "duplicate"), 1);
    assert_int_equal(home_count(home, "l2.csv", "replaces"), 1);
    assert_int_equal(home_count(home, "l2.csv", "accepted"), 1);
    assert_int_equal(home_count(home, "l2.csv", "withdrawn"), 1);
    assert_string_equal(last(home)->reference, "C");
    assert_int_equal(last(home)->version, 2);
    home_drop(home, "l3.csv", "A;1;x\nB;1;changed\nC;1;x\nD;1;x\n");
    home_all_done(home);
    assert_string_equal(last(home)->reference, "C");
    assert_int_equal(last(home)->version, 3); /* goes on counting */
    assert_int_equal(home_count(home, "l3.csv", "duplicate"), 3);
}

/* Its first reading comes up for air several times. */
static void long_list_is_compared_whole(void **state)
{
    struct home *home = *state;
    char text[1000 * 12 + 1];
    size_t size = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "R-%u;1;x\n", i);
    }
    home_drop(home, "l1.csv", text);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 1000);
    text[size - 2] = 'y';
    home_drop(home, "l2.csv", text);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 1001);
    assert_int_equal(home_count(home, "l2.csv", "duplicate"), 999);
    assert_int_equal(home_count(home, "l2.csv", "replaces"), 1);
}

static void unusable_row_has_not_left(void **state)
{
    struct home *home = *state;
    home_drop(home, "l1.csv", "A;1;x\nB;1;x\n");
    home_all_done(home);
    home_drop(home, "l2.csv", "A;1;x\nB;BAD\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 2);
    assert_int_equal(home_count(home, "l2.csv", "held"), 1);
    /* Nobody can say whose row this is: nobody is withdrawn. */
    home_drop(home, "l3.csv", "A;1;x\n;BAD\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 2);
}

static void drop_shrunk(struct home *home, const char *text)
{
    enum kp_runtime_end end = KP_RUNTIME_STOPPED;
    home_drop(home, "l1.csv", "A;1;x\nB;1;x\nC;1;x\n");
    home_all_done(home);
    home_drop(home, "l2.csv", text);
    assert_int_equal(home_once(home, &end), KP_OK);
    assert_int_equal(end, KP_RUNTIME_NOT_DONE);
    assert_true(home_has(home, "waiting", "l2.csv"));
    assert_int_equal(home->hub.journal_count, 3);
}

static void shrunk_list_waits_and_is_confirmed(void **state)
{
    struct home *home = *state;
    drop_shrunk(home, "A;1;x\nD;1;x\n");
    assert_int_equal(kp_jobs_decide(&home->conf, "l2.csv", true, &home->diag), KP_OK);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 6);
    assert_int_equal(home_count(home, "l2.csv", "withdrawn"), 2);
    assert_int_equal(home_count(home, "l2.csv", "accepted"), 1);
    assert_false(home_has(home, "waiting", "l2.csv.confirmed"));
}

static void empty_list_waits_and_is_rejected(void **state)
{
    struct home *home = *state;
    drop_shrunk(home, "");
    assert_int_equal(kp_jobs_decide(&home->conf, "none.csv", false, &home->diag), KP_E_NOT_FOUND);
    assert_int_equal(kp_jobs_decide(&home->conf, "../x.csv", false, &home->diag), KP_E_USAGE);
    assert_int_equal(kp_jobs_decide(&home->conf, "l2.csv", false, &home->diag), KP_OK);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 3);
    assert_int_equal(home_count(home, "l2.csv", "refused"), 1);
}

/* Whatever a link shows is not what a person saw, even where it is the same today. */
static void waiting_list_is_not_read_through_a_link(void **state)
{
    struct home *home = *state;
    enum kp_runtime_end end = KP_RUNTIME_STOPPED;
    drop_shrunk(home, "A;1;x\nD;1;x\n");
    assert_int_equal(
        rename(home_path(home, "waiting", "l2.csv"), home_path(home, "outside.csv", "")), 0);
    assert_int_equal(symlink("../outside.csv", home_path(home, "waiting", "l2.csv")), 0);
    assert_int_equal(kp_jobs_decide(&home->conf, "l2.csv", true, &home->diag), KP_E_FILE);
    assert_int_equal(unlink(home_path(home, "waiting", "l2.csv")), 0);
    assert_int_equal(
        rename(home_path(home, "outside.csv", ""), home_path(home, "waiting", "l2.csv")), 0);
    assert_int_equal(kp_jobs_decide(&home->conf, "l2.csv", true, &home->diag), KP_OK);
    assert_int_equal(
        rename(home_path(home, "waiting", "l2.csv"), home_path(home, "outside.csv", "")), 0);
    assert_int_equal(symlink("../outside.csv", home_path(home, "waiting", "l2.csv")), 0);
    assert_int_equal(home_once(home, &end), KP_OK);
    assert_int_equal(end, KP_RUNTIME_NOT_DONE);
    assert_int_equal(home->hub.journal_count, 3);
    assert_int_equal(
        rename(home_path(home, "outside.csv", ""), home_path(home, "waiting", "l2.csv")), 0);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 6);
}

static void newer_list_makes_a_waiting_one_pointless(void **state)
{
    struct home *home = *state;
    drop_shrunk(home, "A;1;x\n");
    home_drop(home, "l3.csv", "A;1;x\nB;1;x\nC;1;y\n");
    home_all_done(home);
    assert_int_equal(home_count(home, "l2.csv", "refused"), 1);
    assert_int_equal(home_count(home, "l3.csv", "replaces"), 1);
    assert_int_equal(home->hub.journal_count, 4);
}

static void link_in_done_is_no_list(void **state)
{
    struct home *home = *state;
    home_drop(home, "l1.csv", "A;1;x\nB;1;x\n");
    home_all_done(home);
    assert_int_equal(rename(home_path(home, "done", "l1.csv"), home_path(home, "outside.csv", "")),
                     0);
    assert_int_equal(symlink("../outside.csv", home_path(home, "done", "l1.csv")), 0);
    assert_int_equal(unlink(home_path(home, "spool", "data.mdb")), 0);
    assert_int_equal(unlink(home_path(home, "spool", "lock.mdb")), 0);
    home_drop(home, "l2.csv", "A;1;y\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 3); /* B was not read out of it */
}

static void versions_go_on_after_the_spool_was_lost(void **state)
{
    struct home *home = *state;
    home->conf.list_shrink_percent = 50;
    home_drop(home, "l1.csv", "A;1;x\nB;1;x\n");
    home_all_done(home);
    assert_int_equal(unlink(home_path(home, "spool", "data.mdb")), 0);
    assert_int_equal(unlink(home_path(home, "spool", "lock.mdb")), 0);
    home_drop(home, "l2.csv", "A;1;y\n");
    home_all_done(home);
    assert_int_equal(home_count(home, "l2.csv", "replaces"), 1);
    assert_int_equal(home_count(home, "l2.csv", "withdrawn"), 1); /* B, known from done/ */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_are_sent_and_the_rest_is_not),
        TEST(long_list_is_compared_whole),
        TEST(unusable_row_has_not_left),
        TEST(shrunk_list_waits_and_is_confirmed),
        TEST(empty_list_waits_and_is_rejected),
        TEST(newer_list_makes_a_waiting_one_pointless),
        TEST(waiting_list_is_not_read_through_a_link),
        TEST(versions_go_on_after_the_spool_was_lost),
        TEST(link_in_done_is_no_list),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("a hub of this version", tests, NULL, NULL);
    hub_is_newer = true;
    failed += cmocka_run_group_tests_name("a newer hub", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
