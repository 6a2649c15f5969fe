/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The example of RFC 9562, appendix A.6. */
static void the_example_of_the_standard(void **state)
{
    (void)state;
    static const uint8_t random[KP_UUID_RANDOM_BYTES] = {0x0c, 0xc3, 0x18, 0xc4, 0xdc,
                                                         0x0c, 0x0c, 0x07, 0x39, 0x8f};
    uint8_t id[KP_UUID_BYTES];
    char text[KP_UUID_TEXT_SIZE];
    kp_uuid7((struct kp_wall){INT64_C(0x017f22e279b0)}, random, id);
    kp_uuid_text(id, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void version_and_variant_stand_whatever_chance_gives(void **state)
{
    (void)state;
    uint8_t random[KP_UUID_RANDOM_BYTES];
    uint8_t id[KP_UUID_BYTES];
    for (int fill = 0; fill < 256; fill++) {
        memset(random, fill, sizeof random);
        kp_uuid7((struct kp_wall){1}, random, id);
        assert_int_equal(id[6] >> 4, 7);
        assert_int_equal(id[8] >> 6, 2);
        assert_int_equal(id[6] & 0x0f, fill & 0x0f);
        assert_int_equal(id[8] & 0x3f, fill & 0x3f);
        assert_int_equal(id[15], fill);
    }
}

static void later_sorts_after_earlier(void **state)
{
    (void)state;
    static const uint8_t high[KP_UUID_RANDOM_BYTES] = {255, 255, 255, 255, 255};
    static const uint8_t low[KP_UUID_RANDOM_BYTES] = {0};
    uint8_t before[KP_UUID_BYTES];
    uint8_t after[KP_UUID_BYTES];
    for (int64_t ms = 1; ms < INT64_C(1) << 47; ms *= 3) {
        kp_uuid7((struct kp_wall){ms}, high, before);
        kp_uuid7((struct kp_wall){ms + 1}, low, after);
        assert_true(memcmp(before, after, sizeof after) < 0);
    }
}

static void text_and_bytes_are_the_same_id(void **state)
{
    (void)state;
    uint8_t id[KP_UUID_BYTES];
    uint8_t parsed[KP_UUID_BYTES];
    char text[KP_UUID_TEXT_SIZE];
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)(i * 17 + 3);
    }
    kp_uuid_text(id, text);
    assert_true(kp_uuid_parse(text, parsed));
    assert_memory_equal(parsed, id, sizeof id);
    assert_true(kp_uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", parsed));
    assert_int_equal(parsed[1], 0x7f);
    static const char *const wrong[] = {
        "",
        "017f22e2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        parsed[0] = 99;
        assert_false(kp_uuid_parse(wrong[i], parsed));
        assert_int_equal(parsed[0], 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_standard),
        cmocka_unit_test(version_and_variant_stand_whatever_chance_gives),
        cmocka_unit_test(later_sorts_after_earlier),
        cmocka_unit_test(text_and_bytes_are_the_same_id),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
