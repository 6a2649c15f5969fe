/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/err.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const enum kp_err all[] = {
#define X(name, number, category, text) name,
#include "base/errors.def"
#undef X
};
#define ALL_COUNT (sizeof all / sizeof all[0])

static void numbers_and_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        const char *name = kp_err_name(all[i]);
        assert_true(name[0] != '\0');
        for (const char *at = name; *at != '\0'; at++) {
            assert_true(isupper((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
        }
        assert_true(kp_err_text(all[i])[0] != '\0');
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(name, kp_err_name(all[j]));
        }
    }
}

/* Some that partners' programs know by number: they never change. */
static void numbers_on_the_wire_stay(void **state)
{
    (void)state;
    static const struct {
        enum kp_err err;
        int number;
        const char *name;
        enum kp_err_category category;
    } rows[] = {
        {KP_OK, 0, "OK", KP_ERR_RETRY},
        {KP_E_LATER, 2, "LATER", KP_ERR_RETRY},
        {KP_E_DISK_FULL, 10, "DISK_FULL", KP_ERR_OPERATOR},
        {KP_E_INTERNAL, 15, "INTERNAL", KP_ERR_BUG},
        {KP_E_FRAME_SIZE, 20, "FRAME_SIZE", KP_ERR_PARTNER},
        {KP_E_KEY_REVOKED, 41, "KEY_REVOKED", KP_ERR_PARTNER},
        {KP_E_CERT_REVOKED, 44, "CERT_REVOKED", KP_ERR_PARTNER},
        {KP_E_SIGNATURE, 46, "SIGNATURE", KP_ERR_PARTNER},
        {KP_E_BSN, 64, "BSN", KP_ERR_PARTNER},
        {KP_E_LIST_SHRUNK, 94, "LIST_SHRUNK", KP_ERR_PARTNER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rows[i].err, rows[i].number);
        assert_string_equal(kp_err_name(rows[i].err), rows[i].name);
        assert_int_equal(kp_err_category(rows[i].err), rows[i].category);
    }
}

static void an_unknown_number_has_a_name_too(void **state)
{
    (void)state;
    static const int numbers[] = {-1, 999999, INT32_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        enum kp_err err = (enum kp_err)numbers[i];
        assert_string_equal(kp_err_name(err), "UNKNOWN");
        assert_true(kp_err_text(err)[0] != '\0');
        assert_int_equal(kp_err_category(err), KP_ERR_BUG);
    }
    assert_string_equal(kp_err_category_name(KP_ERR_RETRY), "retry");
    assert_string_equal(kp_err_category_name(KP_ERR_PARTNER), "partner");
    assert_string_equal(kp_err_category_name(KP_ERR_OPERATOR), "operator");
    assert_string_equal(kp_err_category_name(KP_ERR_BUG), "bug");
}

static void a_failure_is_filled_and_cut(void **state)
{
    (void)state;
    struct kp_diag diag;
    char long_text[1000];
    memset(&diag, 'x', sizeof diag);
    assert_int_equal(kp_fail(&diag, KP_E_IO, "file %s, line %d", "a", 3), KP_E_IO);
    assert_int_equal(diag.err, KP_E_IO);
    assert_int_equal(diag.line, 0);
    assert_int_equal(diag.col, 0);
    assert_string_equal(diag.field, "");
    assert_string_equal(diag.text, "file a, line 3");
    assert_int_equal(kp_fail_field(&diag, KP_E_DATE, "birth_date", "day %d", 32), KP_E_DATE);
    assert_string_equal(diag.field, "birth_date");
    assert_string_equal(diag.text, "day 32");
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(kp_fail_field(&diag, KP_E_VALUE, long_text, "%s", long_text), KP_E_VALUE);
    assert_int_equal(strlen(diag.field), sizeof diag.field - 1);
    assert_int_equal(strlen(diag.text), sizeof diag.text - 1);
    assert_int_equal(kp_fail(NULL, KP_E_IO, "nobody asked"), KP_E_IO);
    assert_int_equal(kp_fail_field(NULL, KP_E_IO, "f", "nobody asked"), KP_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_names_are_unique),
        cmocka_unit_test(numbers_on_the_wire_stay),
        cmocka_unit_test(an_unknown_number_has_a_name_too),
        cmocka_unit_test(a_failure_is_filled_and_cut),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
