/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t written[] = {
    0x01,                                           /* u8 */
    0x02, 0x03,                                     /* u16 */
    0x04, 0x05, 0x06, 0x07,                         /* u32 */
    0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, /* u64 */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, /* i64: -2 */
    'r',  'a',  'w',                                /* raw */
    0x00, 0x00, 0x00, 0x02, 'o',  'k',              /* slice */
};

static void put_all(struct kp_writer *writer)
{
    kp_put_u8(writer, 0x01);
    kp_put_u16(writer, 0x0203);
    kp_put_u32(writer, 0x04050607);
    kp_put_u64(writer, 0x08090a0b0c0d0e0f);
    kp_put_i64(writer, -2);
    kp_put_raw(writer, KP_SLICE_LIT("raw"));
    kp_put_slice(writer, KP_SLICE_LIT("ok"));
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    uint8_t bytes[sizeof written];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    put_all(&writer);
    assert_true(kp_writer_ok(&writer));
    assert_true(kp_slice_equal(kp_writer_slice(&writer), kp_slice_of(written, sizeof written)));
}

static void what_was_put_comes_back(void **state)
{
    (void)state;
    struct kp_reader reader;
    kp_reader_init(&reader, kp_slice_of(written, sizeof written));
    assert_int_equal(kp_get_u8(&reader), 0x01);
    assert_int_equal(kp_get_u16(&reader), 0x0203);
    assert_int_equal(kp_get_u32(&reader), 0x04050607);
    assert_true(kp_get_u64(&reader) == 0x08090a0b0c0d0e0f);
    assert_true(kp_get_i64(&reader) == -2);
    assert_true(kp_slice_equal(kp_get_raw(&reader, 3), KP_SLICE_LIT("raw")));
    assert_false(kp_reader_done(&reader));
    struct kp_slice slice = kp_get_slice(&reader);
    assert_true(kp_slice_equal(slice, KP_SLICE_LIT("ok")));
    assert_ptr_equal(slice.bytes, written + sizeof written - 2); /* borrowed, not copied */
    assert_true(kp_reader_done(&reader));
}

/* For every capacity that is too small: nothing is written beyond it, and the failure sticks. */
static void a_writer_never_passes_its_end(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < sizeof written; capacity++) {
        uint8_t bytes[sizeof written + 1];
        struct kp_writer writer;
        memset(bytes, 0xaa, sizeof bytes);
        kp_writer_init(&writer, bytes, capacity);
        put_all(&writer);
        assert_false(kp_writer_ok(&writer));
        for (size_t i = capacity; i < sizeof bytes; i++) {
            assert_int_equal(bytes[i], 0xaa);
        }
        size_t size = writer.size;
        kp_put_raw(&writer, KP_SLICE_EMPTY);
        kp_put_u8(&writer, 1);
        assert_null(kp_put_space(&writer, 0));
        assert_int_equal(writer.size, size);
        assert_false(kp_writer_ok(&writer));
    }
}

static void a_reader_never_passes_its_end(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof written; size++) {
        struct kp_reader reader;
        kp_reader_init(&reader, kp_slice_of(written, size));
        (void)kp_get_u8(&reader);
        (void)kp_get_u16(&reader);
        (void)kp_get_u32(&reader);
        (void)kp_get_u64(&reader);
        (void)kp_get_i64(&reader);
        (void)kp_get_raw(&reader, 3);
        (void)kp_get_slice(&reader);
        assert_false(kp_reader_ok(&reader));
        assert_false(kp_reader_done(&reader));
        assert_int_equal(kp_get_u32(&reader), 0);
        assert_int_equal(kp_get_raw(&reader, 0).size, 0);
    }
}

static void a_length_beyond_the_end_is_not_believed(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};
    struct kp_reader reader;
    kp_reader_init(&reader, kp_slice_of(bytes, sizeof bytes));
    assert_null(kp_get_slice(&reader).bytes);
    assert_false(kp_reader_ok(&reader));
    kp_reader_init(&reader, kp_slice_of(bytes, sizeof bytes));
    assert_null(kp_get_raw(&reader, SIZE_MAX).bytes);
    assert_false(kp_reader_ok(&reader));
}

static void space_is_filled_by_the_caller(void **state)
{
    (void)state;
    uint8_t bytes[4];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, 7);
    assert_ptr_equal(kp_put_space(&writer, 3), bytes + 1);
    assert_true(kp_writer_ok(&writer));
    assert_null(kp_put_space(&writer, 1));
    kp_writer_init(&writer, bytes, sizeof bytes);
    assert_null(kp_put_space(&writer, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(what_was_put_comes_back),
        cmocka_unit_test(a_writer_never_passes_its_end),
        cmocka_unit_test(a_reader_never_passes_its_end),
        cmocka_unit_test(a_length_beyond_the_end_is_not_believed),
        cmocka_unit_test(space_is_filled_by_the_caller),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
