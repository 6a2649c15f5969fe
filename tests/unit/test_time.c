/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void known_days(void **state)
{
    (void)state;
    static const struct {
        int32_t date, days;
    } rows[] = {
        {19700101, 0},     {19700102, 1},      {19691231, -1},     {19720229, 789},
        {20000229, 11016}, {20000301, 11017},  {19000228, -25509}, {19000301, -25508},
        {20261124, 20781}, {18500101, -43829}, {21991231, 84005},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(kp_date_to_days(rows[i].date), rows[i].days);
        assert_int_equal(kp_date_of_days(rows[i].days), rows[i].date);
    }
}

/* Every day of 350 years: counted on by hand, month by month. */
static void days_and_dates_agree_throughout(void **state)
{
    (void)state;
    static const int32_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t days = -43829;
    for (int32_t year = 1850; year <= 2199; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int32_t month = 1; month <= 12; month++) {
            int32_t last = month_days[month - 1] + (month == 2 && leap ? 1 : 0);
            for (int32_t day = 1; day <= last; day++, days++) {
                int32_t date = year * 10000 + month * 100 + day;
                assert_int_equal(kp_date_to_days(date), days);
                assert_int_equal(kp_date_of_days(days), date);
                assert_true(kp_date_is_possible(date));
                assert_true(kp_date_is_full(date));
            }
            assert_false(kp_date_is_possible(year * 10000 + month * 100 + last + 1));
        }
    }
}

static void incomplete_dates_are_possible_and_not_full(void **state)
{
    (void)state;
    static const int32_t incomplete[] = {19800000, 19801200, 18500000, 21991200};
    for (size_t i = 0; i < sizeof incomplete / sizeof incomplete[0]; i++) {
        assert_true(kp_date_is_possible(incomplete[i]));
        assert_false(kp_date_is_full(incomplete[i]));
    }
    assert_int_equal(kp_date_to_days(19800000), kp_date_to_days(19800101));
    assert_int_equal(kp_date_to_days(19801200), kp_date_to_days(19801201));
}

static void impossible_dates(void **state)
{
    (void)state;
    static const int32_t impossible[] = {0,        -1,        -19800101, 18491231, 22000101,
                                         19801300, 19800001,  19800132,  19800230, 19000229,
                                         20010229, INT32_MAX, INT32_MIN, 19809999};
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        assert_false(kp_date_is_possible(impossible[i]));
        assert_false(kp_date_is_full(impossible[i]));
    }
}

static void a_moment_has_its_day_and_text(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        int32_t date;
        const char *text;
    } rows[] = {
        {0, 19700101, "1970-01-01T00:00:00.000Z"},
        {-1, 19691231, "1969-12-31T23:59:59.999Z"},
        {-86400000, 19691231, "1969-12-31T00:00:00.000Z"},
        {86399999, 19700101, "1970-01-01T23:59:59.999Z"},
        {INT64_C(1780315200123), 20260601, "2026-06-01T12:00:00.123Z"},
        {INT64_C(4102444799999), 20991231, "2099-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[KP_TIME_TEXT_SIZE];
        struct kp_wall wall = {rows[i].ms};
        assert_int_equal(kp_date_of_wall(wall), rows[i].date);
        kp_wall_text(wall, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void clocks_go_on(void **state)
{
    (void)state;
    struct kp_mono before = kp_mono_now();
    struct kp_wall wall = kp_wall_now();
    for (int i = 0; i < 1000; i++) {
        struct kp_mono after = kp_mono_now();
        assert_true(after.us >= before.us);
        before = after;
    }
    assert_in_range(kp_date_of_wall(wall), 20260101, 21991231);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_days),
        cmocka_unit_test(days_and_dates_agree_throughout),
        cmocka_unit_test(incomplete_dates_are_possible_and_not_full),
        cmocka_unit_test(impossible_dates),
        cmocka_unit_test(a_moment_has_its_day_and_text),
        cmocka_unit_test(clocks_go_on),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
