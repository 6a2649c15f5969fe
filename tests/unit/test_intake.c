/* SPDX-License-Identifier: EUPL-1.2 */
/* What criteria count by goes from a partner's signal into the command, and out of it again. */
#include "base/area.h"
#include "core/command.h"
#include "intake/intake.h"
#include "proto/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PARTNER 7u

static struct kp_intake *intake;
static struct kp_house house;
static struct kp_arena arena;

static int set_up(void **state)
{
    static const struct kp_secret key = {{9}};
    (void)state;
    intake = kp_intake_new(&key);
    kp_arena_init(&arena, 1 << 20);
    house = (struct kp_house){.id = "huis", .test_mode = true};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    intake = kp_intake_free(intake);
    kp_arena_done(&arena);
    return 0;
}

/* Taken in, put into a command, and read from it. */
static void take(Knooppunt__V1__Signal *signal, struct kp_command_signal *ret_signal)
{
    static const uint8_t salt[KP_SALT_BYTES] = {1};
    static uint8_t body[1 << 16];
    const struct kp_intake_signal received = {kp_slice_of(salt, sizeof salt),
                                              kp_codec_pack(&arena, &signal->base)};
    struct kp_command_signal taken;
    struct kp_writer writer;
    struct kp_reader reader;
    kp_intake_take(intake, &house, PARTNER, &received, &arena, &taken);
    kp_writer_init(&writer, body, sizeof body);
    kp_command_put_signal(&writer, &taken);
    assert_true(kp_writer_ok(&writer));
    kp_reader_init(&reader, kp_writer_slice(&writer));
    kp_command_get_signal(&reader, ret_signal);
    assert_true(kp_reader_done(&reader));
    assert_int_equal(ret_signal->held_code, KP_OK);
}

static Knooppunt__V1__Signal report(Knooppunt__V1__PersonMention **persons)
{
    static Knooppunt__V1__Date incident = KNOOPPUNT__V1__DATE__INIT;
    Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
    incident.has_year = incident.has_month = incident.has_day = 1;
    incident.year = 2026;
    incident.month = 11;
    incident.day = 3;
    static char reference[] = "R-1";
    signal.reference = reference;
    signal.has_version = 1;
    signal.version = 1;
    signal.has_action = 1;
    signal.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    signal.has_kind = 1;
    signal.kind = KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_OVERLAST;
    signal.incident_date = &incident;
    signal.has_registered_at_ms = 1;
    signal.registered_at_ms = INT64_C(1793700000000);
    signal.n_persons = 1;
    signal.persons = persons;
    return signal;
}

static Knooppunt__V1__PersonMention person_born(Knooppunt__V1__Date *birth_date)
{
    Knooppunt__V1__PersonMention person = KNOOPPUNT__V1__PERSON_MENTION__INIT;
    person.has_role = 1;
    person.role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER;
    static char surname[] = "Verzonnen";
    static char given_names[] = "Anna";
    person.surname = surname;
    person.given_names = given_names;
    person.birth_date = birth_date;
    return person;
}

static void what_criteria_count_by_is_in_the_command(void **state)
{
    Knooppunt__V1__Date birth_date = KNOOPPUNT__V1__DATE__INIT;
    birth_date.has_year = birth_date.has_month = 1;
    birth_date.year = 2008;
    birth_date.month = 2;
    Knooppunt__V1__PersonMention person = person_born(&birth_date);
    Knooppunt__V1__PersonMention *persons[] = {&person};
    Knooppunt__V1__Signal signal = report(persons);
    struct kp_command_signal taken;
    (void)state;
    take(&signal, &taken);
    assert_int_equal(taken.severity, 0);
    assert_int_equal(taken.area, 0);
    assert_int_equal(taken.mentions[0].birth_date, 20080200);
    signal.has_severity = 1;
    signal.severity = 4;
    static char area_code[] = "BU90010112";
    signal.area_code = area_code;
    take(&signal, &taken);
    assert_int_equal(taken.severity, 4);
    assert_int_equal(taken.area, kp_area_of(KP_SLICE_LIT("BU90010112")));
    assert_int_not_equal(taken.area, 0);
}

/* One that is written when none is known is none. */
static void a_placeholder_is_no_birth_date(void **state)
{
    Knooppunt__V1__Date birth_date = KNOOPPUNT__V1__DATE__INIT;
    birth_date.has_year = birth_date.has_month = birth_date.has_day = 1;
    birth_date.year = 1900;
    birth_date.month = 1;
    birth_date.day = 1;
    Knooppunt__V1__PersonMention person = person_born(&birth_date);
    Knooppunt__V1__PersonMention *persons[] = {&person};
    Knooppunt__V1__Signal signal = report(persons);
    struct kp_command_signal taken;
    (void)state;
    take(&signal, &taken);
    assert_int_equal(taken.mentions[0].birth_date, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(what_criteria_count_by_is_in_the_command),
        TEST(a_placeholder_is_no_birth_date),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("intake", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
