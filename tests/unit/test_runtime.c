/* SPDX-License-Identifier: EUPL-1.2 */
/* The whole adapter with a model hub at the other end of a real connection. */
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
    home_init(home, /* full_list= */ false, hub_is_newer);
    *state = home;
    return 0;
}

static int teardown(void **state)
{
    home_done(*state);
    free(*state);
    return 0;
}

static void file_goes_through_and_its_result_lies_beside_it(void **state)
{
    struct home *home = *state;
    home_drop(home, "a.csv", "A-1;1;x\nA-2;BAD\nA-3;1;y\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 2);
    assert_false(home_has(home, "drop", "a.csv"));
    assert_true(home_has(home, "done", "a.csv"));
    char *result = home_read(home, "done", "a.csv.result.csv");
    assert_string_equal(result, "record,line,reference,status,code,field,reason,position\r\n"
                                "1,1,\"A-1\",accepted,,,,1\r\n"
                                "2,2,\"A-2\",held,\"FIELD\",\"version\",\"no version here\",\r\n"
                                "3,3,\"A-3\",accepted,,,,2\r\n");
    free(result);
    assert_int_equal(home->hub.acked, home->hub.mailbox_count);
}

static void same_file_twice_has_no_effect(void **state)
{
    struct home *home = *state;
    home_drop(home, "a.csv", "A-1;1;x\nA-2;1;y\n");
    home_all_done(home);
    home_drop(home, "a.csv", "A-1;1;x\nA-2;1;y\n");
    home_all_done(home);
    assert_int_equal(home->hub.effects, 2);
    assert_int_equal(home_count(home, "a-000002.csv", "duplicate"), 2);
    assert_int_equal(home_count(home, "a.csv", "accepted"), 2);
}

static void file_that_is_no_export_is_refused_whole(void **state)
{
    struct home *home = *state;
    home_drop(home, "a.csv", "!\nA-1;1;x\n");
    home_drop(home, "b.csv", "B-1;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 1);
    char *result = home_read(home, "done", "a.csv.result.csv");
    assert_string_equal(result, "record,line,reference,status,code,field,reason,position\r\n"
                                ",1,,refused,\"FILE\",,\"not an export\",\r\n");
    free(result);
}

static void too_large_a_file_is_refused_unread(void **state)
{
    struct home *home = *state;
    home->translator.file_bytes_max = 8;
    home_drop(home, "a.csv", "A-1;1;x\nA-2;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 0);
    assert_int_equal(home_count(home, "a.csv", "refused"), 1);
}

static struct home *swapped; /* the home whose b.csv becomes a link while a.csv is read */

static enum kp_err swapping_translate(const struct kp_translate_job *job,
                                      struct kp_diag *reterr_diag)
{
    if (swapped != NULL) {
        assert_int_equal(unlink(home_path(swapped, "drop", "b.csv")), 0);
        assert_int_equal(symlink("../outside.csv", home_path(swapped, "drop", "b.csv")), 0);
        swapped = NULL;
    }
    return plain_translate(job, reterr_diag);
}

/* Both were ordinary files when the folder was looked at. */
static void link_that_was_swapped_in_is_refused_unread(void **state)
{
    struct home *home = *state;
    home->translator.translate = swapping_translate;
    swapped = home;
    const char *outside = home_path(home, "outside.csv", "");
    hub_write(outside, "SECRET;1;x\n", 11, 0600);
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_drop(home, "b.csv", "B-1;1;x\n");
    home_all_done(home);
    assert_null(swapped);
    assert_int_equal(home->hub.journal_count, 1);
    assert_string_equal(home->hub.journal[0].reference, "A-1");
    char *result = home_read(home, "done", "b.csv.result.csv");
    assert_null(strstr(result, "SECRET"));
    assert_non_null(strstr(result, ",,,refused,\"FILE\",,"));
    assert_non_null(strstr(result, "is a link: put the file itself there"));
    free(result);
    assert_false(home_has(home, "drop", "b.csv"));
    home_drop(home, "b.csv", "B-1;1;x\n"); /* the file itself can come at once */
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 2);
}

static void result_runs_no_formula(void **state)
{
    struct home *home = *state;
    home_drop(home, "a.csv", "=HYPERLINK(\"x\");BAD\n");
    home_all_done(home);
    char *result = home_read(home, "done", "a.csv.result.csv");
    assert_non_null(strstr(result, ",\"'=HYPERLINK(\"\"x\"\")\","));
    free(result);
}

static void unusable_names_are_left_alone(void **state)
{
    struct home *home = *state;
    home_drop(home, ".hidden.csv", "A-1;1;x\n");
    home_drop(home, "a.csv.tmp", "A-1;1;x\n");
    home_drop(home, "a.txt", "A-1;1;x\n");
    assert_int_equal(symlink("/etc/passwd", home_path(home, "drop", "link.csv")), 0);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 0);
    assert_true(home_has(home, "drop", ".hidden.csv"));
    assert_true(home_has(home, "drop", "a.csv.tmp"));
    assert_true(home_has(home, "drop", "a.txt"));
}

/* A process that is killed while it writes leaves its temporary file; nothing else is touched. */
static void what_a_killed_one_left_is_taken_over(void **state)
{
    struct home *home = *state;
    hub_write(home_path(home, "done", ".a.csv.result.csv.tmp"), "half", 4, 0600);
    hub_write(home_path(home, "inbox", ".om-000000000001.txt.tmp"), "half", 4, 0600);
    hub_write(home_path(home, "done", "a.csv.result.csv.Xy12Ab"), "theirs", 6, 0600);
    hub_put_known_elsewhere(&home->hub, "R-1");
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_all_done(home);
    assert_int_equal(home_count(home, "a.csv", "accepted"), 1);
    assert_true(home_has(home, "inbox", "om-000000000001.txt"));
    assert_false(home_has(home, "done", ".a.csv.result.csv.tmp"));
    assert_false(home_has(home, "inbox", ".om-000000000001.txt.tmp"));
    assert_true(home_has(home, "done", "a.csv.result.csv.Xy12Ab"));
}

static void second_adapter_on_the_same_spool_is_refused(void **state)
{
    struct home *home = *state;
    struct kp_spool_options options = {.dir = home->conf.spool, .bytes_max = 1u << 20};
    struct kp_spool *spool = NULL;
    enum kp_runtime_end end;
    assert_int_equal(kp_spool_open(&options, &spool, &home->diag), KP_OK);
    home_drop(home, "a.csv", "A-1;1;x\n");
    assert_int_equal(home_once(home, &end), KP_E_STATE);
    assert_non_null(strstr(home->diag.text, "another adapter works on"));
    assert_int_equal(home->hub.hellos, 0);
    assert_true(home_has(home, "drop", "a.csv"));
    (void)kp_spool_close(spool);
    home_all_done(home);
    assert_int_equal(home_count(home, "a.csv", "accepted"), 1);
}

static void put_many(struct home *home, const char *name, uint32_t count)
{
    char *text = malloc(count * 32u);
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, 32, "%s-%u;1;text\n", name, i);
    }
    home_drop(home, name, text);
    free(text);
}

static void many_records_go_in_batches(void **state)
{
    struct home *home = *state;
    put_many(home, "many.csv", 1234);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 1234);
    assert_int_equal(home->hub.effects, 1234);
    assert_int_equal(home->hub.bad_batches, 0);
    assert_int_equal(home_count(home, "many.csv", "accepted"), 1234);
    for (uint32_t i = 0; i < 1234; i++) { /* in the order of the file */
        char reference[32];
        (void)snprintf(reference, sizeof reference, "many.csv-%u", i);
        assert_string_equal(home->hub.journal[i].reference, reference);
    }
}

static bool count_pump(void *context)
{
    uint32_t *left = context;
    if (*left == 0) {
        return false;
    }
    --*left;
    return true;
}

static enum kp_err never_an_export(const struct kp_translate_job *job, struct kp_diag *reterr_diag)
{
    (void)plain_translate(job, reterr_diag);
    return kp_fail(reterr_diag, KP_E_FILE, "not an export after all");
}

/* Minutes may pass before the first record is spooled, and the service manager waits 30 seconds. */
static void first_reading_keeps_the_watchdog_fed(void **state)
{
    struct home *home = *state;
    struct kp_spool_options options = {.dir = home->conf.spool, .bytes_max = 16u << 20};
    struct kp_spool *spool = NULL;
    struct kp_jobs jobs;
    enum kp_job_end end = KP_JOB_SPOOLED;
    uint32_t left = 3;
    home->translator.translate = never_an_export;
    put_many(home, "many.csv", 5000);
    assert_int_equal(kp_spool_open(&options, &spool, &home->diag), KP_OK);
    kp_jobs_init(&jobs, &home->conf, &home->translator, spool);
    jobs.pump = count_pump;
    jobs.context = &left;
    assert_int_equal(kp_jobs_take(&jobs, "many.csv", &end, &home->diag), KP_OK);
    assert_int_equal(end, KP_JOB_STOPPED);
    assert_true(home_has(home, "drop", "many.csv"));
    left = 1000;
    assert_int_equal(kp_jobs_take(&jobs, "many.csv", &end, &home->diag), KP_OK);
    assert_int_equal(end, KP_JOB_SPOOLED); /* refused: there was no second reading */
    assert_true(home_has(home, "done", "many.csv"));
    assert_in_range(left, 900, 980);
    kp_jobs_done(&jobs);
    (void)kp_spool_close(spool);
}

static void later_is_tried_again(void **state)
{
    struct home *home = *state;
    home->hub.refuse_code = KP_E_LATER;
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.batches, 2);
    assert_int_equal(home->hub.effects, 1);
}

/* The journal has it, the receipt was lost: the same batch goes again, and has one effect. */
static void lost_receipt_doubles_nothing(void **state)
{
    struct home *home = *state;
    home->hub.drop_after_journal = true;
    home->hub.no_outcomes = false;
    home_drop(home, "a.csv", "A-1;1;x\nA-2;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.effects, 2);
    assert_int_equal(home_count(home, "a.csv", "accepted"), 2);
}

/* After a lost receipt the outcomes come before the receipt of the same batch sent again. They
 * close it in the spool; the receipt must still free its place, or the window stays shut until a
 * timeout as long as this whole run. */
static void receipt_after_the_outcomes_opens_the_window(void **state)
{
    struct home *home = *state;
    home->conf.batch_signals_max = 1;
    home->hub.in_flight_max = 1;
    home->hub.drop_after_journal = true;
    home_drop(home, "a.csv", "A-1;1;x\nA-2;1;x\n");
    home_all_done(home);
    assert_int_equal(home->hub.batches, 3);
    assert_int_equal(home->hub.effects, 2);
    assert_int_equal(home_count(home, "a.csv", "accepted"), 2);
}

/* One signal that the hub's gate refuses must not hold up the others of its batch. */
static void fault_of_one_signal_is_found_by_halving(void **state)
{
    struct home *home = *state;
    put_many(home, "m.csv", 9);
    home->hub.refuse_code = KP_E_NOT_CANONICAL; /* the whole batch, once: then the halves pass */
    home_all_done(home);
    assert_int_equal(home->hub.batches, 3);
    assert_int_equal(home->hub.effects, 9);
    home_drop(home, "one.csv", "ONE;1;x\n");
    home->hub.refuse_code = KP_E_NOT_CANONICAL;
    home_all_done(home);
    assert_int_equal(home->hub.effects, 9);
    char *result = home_read(home, "done", "one.csv.result.csv");
    assert_non_null(strstr(result, "1,1,\"ONE\",refused,\"NOT_CANONICAL\","));
    free(result);
}

static void events_become_files_before_they_are_acknowledged(void **state)
{
    struct home *home = *state;
    hub_put_known_elsewhere(&home->hub, "A-1");
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_all_done(home);
    char *event = home_read(home, "inbox", "om-000000000001.txt");
    assert_string_equal(event, "A-1");
    free(event);
    assert_int_equal(home->hub.acked, home->hub.mailbox_count);
    /* Delivered once more (the acknowledgement was lost): stored no second time. */
    assert_int_equal(unlink(home_path(home, "inbox", "om-000000000001.txt")), 0);
    home->hub.acked = 0;
    home_drop(home, "b.csv", "B-1;1;x\n");
    home_all_done(home);
    assert_false(home_has(home, "inbox", "om-000000000001.txt"));
    assert_int_equal(home->hub.acked, home->hub.mailbox_count);
}

static void event_that_cannot_be_rendered_is_kept_as_it_came(void **state)
{
    struct home *home = *state;
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__HeldOpened held = KNOOPPUNT__V1__HELD_OPENED__INIT;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_HELD_OPENED;
    event.held_opened = &held;
    hub_put_event(&home->hub, &event);
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_all_done(home);
    assert_true(home_has(home, "inbox", "om-000000000001.event.pb"));
}

/* A kind of event that this version does not have is kept, acknowledged, and stops nothing; a kind
 * of outcome is not taken for an effect. */
static void event_of_a_newer_hub_is_kept_as_it_came(void **state)
{
    struct home *home = *state;
    static uint8_t body[] = {2, 0x08, 0x01};
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    ProtobufCMessageUnknownField later = {99, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, sizeof body,
                                          body};
    event.base.n_unknown_fields = 1;
    event.base.unknown_fields = &later;
    home->hub.newer = false; /* it would put its own in place of this one */
    hub_put_event(&home->hub, &event);
    home->hub.newer = hub_is_newer;
    hub_put_known_elsewhere(&home->hub, "R-1");
    home->hub.outcome_kind = 99;
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_all_done(home);
    assert_int_equal(home_count(home, "a.csv", "held"), 1);
    char *kept = home_read(home, "inbox", "om-000000000001.event.pb");
    assert_memory_equal(kept, "\x9a\x06\x02\x08\x01", 5);
    free(kept);
    assert_true(home_has(home, "inbox", "om-000000000002.txt"));
    assert_int_equal(home->hub.acked, home->hub.mailbox_count);
}

static void restored_hub_stops_the_adapter_until_a_person_resumes(void **state)
{
    struct home *home = *state;
    enum kp_runtime_end end;
    home_drop(home, "a.csv", "A-1;1;x\nA-2;1;x\n");
    home_all_done(home);
    /* The hub comes back from a backup of before. */
    home->hub.journal_count = 0;
    while (home->hub.mailbox_count > 0) {
        free(home->hub.mailbox[--home->hub.mailbox_count].bytes);
    }
    home->hub.acked = home->hub.delivered = 0;
    home_drop(home, "b.csv", "B-1;1;x\n");
    assert_int_equal(home_once(home, &end), KP_E_STATE);
    assert_int_equal(home->hub.journal_count, 0);
    assert_int_equal(kp_runtime_resume(&home->conf, &home->diag), KP_OK);
    home_all_done(home);
    assert_int_equal(home->hub.journal_count, 1);
}

/* Lost with everything that was not receipted: the files in done/ without a result come again. */
static void lost_spool_is_made_good_from_done(void **state)
{
    struct home *home = *state;
    enum kp_runtime_end end = KP_RUNTIME_STOPPED;
    home_drop(home, "a.csv", "A-1;1;x\n");
    home_all_done(home);
    home->hub.zap_status = "400"; /* nothing gets through */
    hub_restart(&home->hub);
    home_drop(home, "b.csv", "B-1;1;x\n");
    assert_int_equal(home_once(home, &end), KP_OK);
    assert_int_equal(end, KP_RUNTIME_NOT_DONE);
    assert_true(home_has(home, "done", "b.csv"));
    assert_int_equal(home->hub.journal_count, 1);
    assert_int_equal(unlink(home_path(home, "spool", "data.mdb")), 0);
    assert_int_equal(unlink(home_path(home, "spool", "lock.mdb")), 0);
    home->hub.zap_status = "200";
    home_all_done(home);
    assert_int_equal(home->hub.effects, 2);
    assert_int_equal(home->hub.journal_count, 2);
    assert_int_equal(home_count(home, "b.csv", "accepted"), 1);
}

static void full_spool_waits_for_outcomes(void **state)
{
    struct home *home = *state;
    home->conf.spool_bytes_max = 100000; /* some 300 signals with their records */
    put_many(home, "many.csv", 1500);
    home_all_done(home);
    assert_int_equal(home->hub.effects, 1500);
    assert_int_equal(home_count(home, "many.csv", "accepted"), 1500);
}

/* --- killed at any moment --- */

static pid_t start_child(struct home *home)
{
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)open("/dev/null", O_WRONLY);
        struct home_run run = {.home = home};
        (void)home_thread(&run);
        _exit(0);
    }
    assert_true(child > 0);
    return child;
}

/* A child is killed again and again while it works three files off; then one is left alone until it
 * is done. Every record has its one effect and its one line in a result, and each event is there.
 */
static void killed_at_any_moment_loses_and_doubles_nothing(void **state)
{
    struct home *home = *state;
    home->conf.batch_signals_max = 20;
    uint32_t seed = 20261124;
    put_many(home, "a.csv", 400);
    put_many(home, "b.csv", 300);
    put_many(home, "c.csv", 700);
    hub_put_known_elsewhere(&home->hub, "E-1");
    uint32_t kills = 0;
    for (; kills < 25 && home->hub.journal_count < 1400; kills++) {
        pid_t child = start_child(home);
        seed = seed * 1664525u + 1013904223u;
        uint32_t steps = 1 + (seed >> 16) % 12;
        for (uint32_t i = 0; i < steps; i++) {
            (void)hub_step(&home->hub, 20);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    home_all_done(home);
    assert_true(kills >= 5);
    assert_int_equal(home->hub.effects, 1400);
    const char *files[] = {"a.csv", "b.csv", "c.csv"};
    const uint32_t counts[] = {400, 300, 700};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(home_count(home, files[i], "accepted") +
                             home_count(home, files[i], "duplicate"),
                         counts[i]);
        assert_true(home_has(home, "done", files[i]));
    }
    assert_true(home_has(home, "inbox", "om-000000000001.txt"));
    assert_int_equal(home->hub.acked, home->hub.mailbox_count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(file_goes_through_and_its_result_lies_beside_it),
        TEST(same_file_twice_has_no_effect),
        TEST(file_that_is_no_export_is_refused_whole),
        TEST(too_large_a_file_is_refused_unread),
        TEST(link_that_was_swapped_in_is_refused_unread),
        TEST(result_runs_no_formula),
        TEST(unusable_names_are_left_alone),
        TEST(what_a_killed_one_left_is_taken_over),
        TEST(second_adapter_on_the_same_spool_is_refused),
        TEST(many_records_go_in_batches),
        TEST(first_reading_keeps_the_watchdog_fed),
        TEST(later_is_tried_again),
        TEST(lost_receipt_doubles_nothing),
        TEST(receipt_after_the_outcomes_opens_the_window),
        TEST(fault_of_one_signal_is_found_by_halving),
        TEST(events_become_files_before_they_are_acknowledged),
        TEST(event_that_cannot_be_rendered_is_kept_as_it_came),
        TEST(event_of_a_newer_hub_is_kept_as_it_came),
        TEST(restored_hub_stops_the_adapter_until_a_person_resumes),
        TEST(lost_spool_is_made_good_from_done),
        TEST(full_spool_waits_for_outcomes),
        TEST(killed_at_any_moment_loses_and_doubles_nothing),
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
