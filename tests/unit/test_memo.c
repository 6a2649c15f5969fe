/* SPDX-License-Identifier: EUPL-1.2 */
/* A memory of small values: what is found is what was put, what is forgotten stays away. */
#include "base/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 512u /* the least */

static struct kp_slice value_of(uint64_t id, uint8_t bytes[KP_MEMO_BYTES_MAX])
{
    size_t size = id % (KP_MEMO_BYTES_MAX + 1);
    memset(bytes, (int)(id % 251), KP_MEMO_BYTES_MAX);
    return kp_slice_of(bytes, size);
}

static bool is_there(struct kp_memo *memo, uint64_t id)
{
    uint8_t expected[KP_MEMO_BYTES_MAX];
    uint8_t found[KP_MEMO_BYTES_MAX];
    size_t size;
    if (!kp_memo_get(memo, id, found, &size)) {
        return false;
    }
    assert_true(kp_slice_equal(kp_slice_of(found, size), value_of(id, expected)));
    return true;
}

static void what_is_found_is_what_was_put(void **state)
{
    struct kp_memo *memo = kp_memo_new(SLOTS);
    uint8_t bytes[KP_MEMO_BYTES_MAX];
    uint32_t found = 0;
    (void)state;
    assert_false(is_there(memo, 1));
    for (uint64_t id = 1; id <= 8 * SLOTS; id++) {
        kp_memo_put(memo, id * 32, value_of(id * 32, bytes));
        assert_true(is_there(memo, id * 32));
    }
    for (uint64_t id = 1; id <= 8 * SLOTS; id++) {
        found += is_there(memo, id * 32) ? 1 : 0;
    }
    assert_in_range(found, SLOTS / 2, SLOTS); /* it is bounded, and hardly empty */
    assert_null(kp_memo_free(memo));
}

static void while_it_may_grow_little_has_to_go(void **state)
{
    struct kp_memo *memo = kp_memo_new(16 * SLOTS);
    uint8_t bytes[KP_MEMO_BYTES_MAX];
    uint32_t found = 0;
    (void)state;
    kp_memo_forget(memo, 3);
    for (uint64_t id = 1; id <= 4 * SLOTS; id++) {
        kp_memo_put(memo, id, value_of(id, bytes));
    }
    for (uint64_t id = 1; id <= 4 * SLOTS; id++) {
        found += is_there(memo, id) ? 1 : 0;
    }
    assert_true(found >= 4 * SLOTS * 8 / 10);
    assert_false(is_there(memo, 3));
    assert_null(kp_memo_free(memo));
}

static void what_is_used_stays_longest(void **state)
{
    struct kp_memo *memo = kp_memo_new(SLOTS);
    uint8_t bytes[KP_MEMO_BYTES_MAX];
    (void)state;
    for (uint64_t id = 1; id <= 8 * SLOTS; id++) {
        kp_memo_put(memo, id, value_of(id, bytes));
        kp_memo_put(memo, 7, value_of(7, bytes));
        assert_true(is_there(memo, 7));
    }
    assert_null(kp_memo_free(memo));
}

static void what_is_forgotten_is_not_brought_back(void **state)
{
    struct kp_memo *memo = kp_memo_new(SLOTS);
    uint8_t bytes[KP_MEMO_BYTES_MAX];
    (void)state;
    kp_memo_put(memo, 5, value_of(5, bytes));
    kp_memo_forget(memo, 5);
    assert_false(is_there(memo, 5));
    kp_memo_put(memo, 5, value_of(5, bytes)); /* by one who saw it before */
    assert_false(is_there(memo, 5));
    kp_memo_forget(memo, 9); /* never there */
    kp_memo_put(memo, 9, value_of(9, bytes));
    assert_false(is_there(memo, 9));
    assert_null(kp_memo_free(memo));
    assert_null(kp_memo_free(NULL));
}

static void of_too_large_a_value_nothing_is_kept(void **state)
{
    struct kp_memo *memo = kp_memo_new(SLOTS);
    uint8_t bytes[KP_MEMO_BYTES_MAX + 1] = {0};
    size_t size;
    (void)state;
    kp_memo_put(memo, 3, kp_slice_of(bytes, sizeof bytes));
    assert_false(kp_memo_get(memo, 3, bytes, &size));
    kp_memo_put(memo, 0, kp_slice_of(bytes, 4)); /* no number */
    assert_false(kp_memo_get(memo, 0, bytes, &size));
    assert_null(kp_memo_free(memo));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_is_what_was_put),
        cmocka_unit_test(while_it_may_grow_little_has_to_go),
        cmocka_unit_test(what_is_used_stays_longest),
        cmocka_unit_test(what_is_forgotten_is_not_brought_back),
        cmocka_unit_test(of_too_large_a_value_nothing_is_kept),
    };
    return cmocka_run_group_tests_name("memo", tests, NULL, NULL);
}
