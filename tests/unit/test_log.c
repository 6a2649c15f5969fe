/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_flood_is_counted_and_the_count_is_told(void **state)
{
    (void)state;
    struct kp_log_limit limit = {0};
    struct kp_mono now = {5};
    uint64_t left_out = 99;
    for (uint32_t i = 0; i < KP_LOG_LIMIT_LINES; i++) {
        assert_true(kp_log_may(&limit, now, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_false(kp_log_may(&limit, now, &left_out));
    }
    now.us += KP_LOG_LIMIT_MS * 1000 - 1;
    assert_false(kp_log_may(&limit, now, &left_out));
    now.us++;
    assert_true(kp_log_may(&limit, now, &left_out));
    assert_int_equal(left_out, 1001);
    assert_true(kp_log_may(&limit, now, &left_out));
    assert_int_equal(left_out, 0);
}

static void what_comes_seldom_is_all_logged(void **state)
{
    (void)state;
    struct kp_log_limit limit = {0};
    struct kp_mono now = {1};
    uint64_t left_out = 99;
    for (uint32_t i = 0; i < 100; i++) {
        now.us += KP_LOG_LIMIT_MS * 1000 / KP_LOG_LIMIT_LINES;
        assert_true(kp_log_may(&limit, now, &left_out));
        assert_int_equal(left_out, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_counted_and_the_count_is_told),
        cmocka_unit_test(what_comes_seldom_is_all_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
