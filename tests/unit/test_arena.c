/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    struct kp_arena arena;
    uint8_t *pieces[20];
    kp_arena_init(&arena, 4096);
    for (int round = 0; round < 2; round++) { /* the second finds what the first left behind */
        for (size_t i = 0; i < 20; i++) {
            pieces[i] = kp_arena_alloc(&arena, i + 1);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            for (size_t j = 0; j <= i; j++) {
                assert_int_equal(pieces[i][j], 0);
            }
            memset(pieces[i], (int)i + 1, i + 1);
        }
        for (size_t i = 0; i < 20; i++) {
            for (size_t j = 0; j <= i; j++) {
                assert_int_equal(pieces[i][j], i + 1);
            }
        }
        kp_arena_reset(&arena);
    }
    kp_arena_done(&arena);
}

static void the_last_byte_fits_and_the_next_does_not(void **state)
{
    (void)state;
    struct kp_arena arena;
    kp_arena_init(&arena, 64);
    assert_non_null(kp_arena_alloc(&arena, 33)); /* takes 48 */
    assert_non_null(kp_arena_alloc(&arena, 16));
    assert_true(kp_arena_ok(&arena));
    assert_null(kp_arena_alloc(&arena, 1));
    assert_false(kp_arena_ok(&arena));
    assert_null(kp_arena_alloc(&arena, 0)); /* sticky */
    assert_int_equal(kp_arena_copy(&arena, KP_SLICE_LIT("x")).size, 0);
    kp_arena_reset(&arena);
    assert_true(kp_arena_ok(&arena));
    assert_non_null(kp_arena_alloc(&arena, 64));
    assert_int_equal(arena.used_max, 64);
    kp_arena_done(&arena);
}

static void a_size_that_would_wrap_is_refused(void **state)
{
    (void)state;
    struct kp_arena arena;
    for (size_t less = 0; less < 40; less++) {
        kp_arena_init(&arena, 64);
        assert_null(kp_arena_alloc(&arena, SIZE_MAX - less));
        assert_false(kp_arena_ok(&arena));
        kp_arena_done(&arena);
    }
}

static void a_restore_gives_back_what_came_after_the_mark(void **state)
{
    (void)state;
    struct kp_arena arena;
    kp_arena_init(&arena, 64);
    struct kp_slice kept = kp_arena_copy(&arena, KP_SLICE_LIT("blijft"));
    size_t mark = kp_arena_mark(&arena);
    for (int i = 0; i < 100; i++) { /* would not fit without giving back */
        assert_non_null(kp_arena_alloc(&arena, 48));
        kp_arena_restore(&arena, mark);
    }
    assert_true(kp_arena_ok(&arena));
    assert_true(kp_slice_equal(kept, KP_SLICE_LIT("blijft")));
    assert_null(kp_arena_alloc(&arena, 49));
    kp_arena_restore(&arena, mark);
    assert_false(kp_arena_ok(&arena)); /* giving back does not unsay that something was lost */
    kp_arena_done(&arena);
}

static void a_copy_is_ones_own(void **state)
{
    (void)state;
    struct kp_arena arena;
    char text[] = "origineel";
    kp_arena_init(&arena, 64);
    struct kp_slice copy = kp_arena_copy(&arena, kp_slice_str(text));
    text[0] = 'X';
    assert_true(kp_slice_equal(copy, KP_SLICE_LIT("origineel")));
    assert_int_equal(kp_arena_copy(&arena, KP_SLICE_EMPTY).size, 0);
    assert_true(kp_arena_ok(&arena));
    kp_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(the_last_byte_fits_and_the_next_does_not),
        cmocka_unit_test(a_size_that_would_wrap_is_refused),
        cmocka_unit_test(a_restore_gives_back_what_came_after_the_mark),
        cmocka_unit_test(a_copy_is_ones_own),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
