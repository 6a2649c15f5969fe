/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* In ascending order. */
static const struct kp_slice ordered[] = {
    {(const uint8_t *)"", 0},         {(const uint8_t *)"\0", 1},   {(const uint8_t *)"\0\0", 2},
    {(const uint8_t *)"a", 1},        {(const uint8_t *)"a\0", 2},  {(const uint8_t *)"ab", 2},
    {(const uint8_t *)"b", 1},        {(const uint8_t *)"\x7f", 1}, {(const uint8_t *)"\x80", 1},
    {(const uint8_t *)"\xff\x01", 2},
};
#define ORDERED_COUNT (sizeof ordered / sizeof ordered[0])

static void bytes_have_one_total_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORDERED_COUNT; i++) {
        for (size_t j = 0; j < ORDERED_COUNT; j++) {
            int order = kp_slice_compare(ordered[i], ordered[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(kp_slice_equal(ordered[i], ordered[j]), i == j);
            assert_int_equal(kp_slice_equal_secret(ordered[i], ordered[j]), i == j);
        }
    }
}

static void nothing_is_equal_to_nothing(void **state)
{
    (void)state;
    assert_true(kp_slice_equal(KP_SLICE_EMPTY, kp_slice_of("x", 0)));
    assert_true(kp_slice_equal_secret(KP_SLICE_EMPTY, kp_slice_of("x", 0)));
    assert_int_equal(kp_slice_compare(KP_SLICE_EMPTY, kp_slice_of("x", 0)), 0);
    assert_int_equal(kp_slice_str(NULL).size, 0);
    assert_int_equal(kp_slice_str("drie").size, 4);
    assert_int_equal(KP_SLICE_LIT("a\0b").size, 3);
}

static void every_byte_of_a_secret_counts(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(kp_slice_equal_secret(kp_slice_of(a, sizeof a), kp_slice_of(b, sizeof b)));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(kp_slice_equal_secret(kp_slice_of(a, sizeof a), kp_slice_of(b, sizeof b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_one_total_order),
        cmocka_unit_test(nothing_is_equal_to_nothing),
        cmocka_unit_test(every_byte_of_a_secret_counts),
    };
    return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
