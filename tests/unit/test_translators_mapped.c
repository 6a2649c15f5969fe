/* SPDX-License-Identifier: EUPL-1.2 */
/* What the translators share: moments and the Dutch clock, dates, shapes, the scan before XML,
 * rows. */
#include "translated.h"

#include "mapped/csv_rows.h"
#include "mapped/event_walk.h"
#include "mapped/map.h"
#include "mapped/xml_records.h"

static struct kp_arena arena;

static bool no_sink(void *context, const struct kp_record *record)
{
    (void)context;
    (void)record;
    return true;
}

static void begin(struct kp_map *map)
{
    const struct kp_translate_job job = {KP_SLICE_EMPTY, &arena, no_sink, NULL, true};
    kp_arena_reset(&arena);
    kp_map_begin(map, &job, 1, 1, 0, NULL);
}

static void moments_with_and_without_offset(void **state)
{
    (void)state;
    static const struct {
        enum kp_date_form form;
        const char *text;
        int64_t ms; /* -1: held as DATE */
    } rows[] = {
        {KP_DATE_ISO, "2026-09-13T00:15:00+02:00", 1789251300000},
        {KP_DATE_ISO, "2026-09-12T22:15:00Z", 1789251300000},
        {KP_DATE_ISO, "2026-09-12T22:15Z", 1789251300000},
        {KP_DATE_ISO, "2026-09-12T17:15:00.250-0500", 1789251300250},
        {KP_DATE_ISO, "2026-09-13T00:15:00", 1789251300000}, /* summer time */
        {KP_DATE_ISO, "2026-01-13T00:15:00", 1768259700000}, /* winter time */
        {KP_DATE_ISO, "2026-01-13", 1768258800000},
        /* The clock goes from 02:00 to 03:00 on 29 March 2026, 01:00 UTC, */
        {KP_DATE_DIGITS, "20260329015959", 1774745999000},
        {KP_DATE_DIGITS, "20260329030000", 1774746000000},
        /* and from 03:00 back to 02:00 on 25 October 2026, 01:00 UTC. */
        {KP_DATE_DIGITS, "20261025015959", 1792886399000},
        {KP_DATE_DIGITS, "20261025020000", 1792886400000},
        {KP_DATE_DIGITS, "20261025030000", 1792893600000},
        {KP_DATE_DIGITS, "2026100114", 1790856000000},
        {KP_DATE_DIGITS, "20261001143000123", 1790857800123},
        {KP_DATE_DIGITS, "20261001143", -1},
        {KP_DATE_DIGITS, "2026100124", -1},
        {KP_DATE_DIGITS, "20261000", -1},
        {KP_DATE_ISO, "2026-09-13 00:15:00", -1},
        {KP_DATE_ISO, "2026-09-13T", -1},
        {KP_DATE_ISO, "2026-09-13T00", -1},
        {KP_DATE_ISO, "2026-09-13T24:00:00", -1},
        {KP_DATE_ISO, "2026-09-13T00:60:00", -1},
        {KP_DATE_ISO, "2026-09-13T00:00:00.", -1},
        {KP_DATE_ISO, "2026-09-13T00:00:00+15:00", -1},
        {KP_DATE_ISO, "2026-09-13T00:00:00Zx", -1},
        {KP_DATE_ISO, "2026-02-29T00:00:00Z", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kp_map map;
        begin(&map);
        const struct kp_field field = {"tijd", kp_slice_str(rows[i].text), 7};
        int64_t ms = -1;
        bool taken = kp_map_moment(&map, &field, rows[i].form, &ms);
        assert_int_equal(taken, rows[i].ms >= 0);
        if (ms != rows[i].ms) {
            fail_msg("%s: %lld, not %lld", rows[i].text, (long long)ms, (long long)rows[i].ms);
        }
        assert_int_equal(map.record.diag.err, taken ? KP_OK : KP_E_DATE);
        assert_int_equal(map.record.diag.line, taken ? 0 : 7);
    }
}

static void the_dutch_clock_of_a_moment(void **state)
{
    (void)state;
    struct kp_local_time local = kp_local_of_wall((struct kp_wall){1774745999999});
    assert_int_equal(local.date, 20260329);
    assert_int_equal(local.hour * 10000 + local.minute * 100 + local.second, 15959);
    assert_int_equal(local.ms, 999);
    local = kp_local_of_wall((struct kp_wall){1774746000000});
    assert_int_equal(local.hour, 3);
    local = kp_local_of_wall((struct kp_wall){1792889999000});
    assert_int_equal(local.hour, 2); /* for the first time */
    local = kp_local_of_wall((struct kp_wall){1792890000000});
    assert_int_equal(local.hour, 2); /* and again, now in winter time */
    local = kp_local_of_wall((struct kp_wall){1767222000000});
    assert_int_equal(local.date, 20260101);
    assert_int_equal(local.hour, 0);
}

static void dates_of_each_form(void **state)
{
    (void)state;
    static const struct {
        enum kp_date_form form;
        const char *text;
        int32_t date; /* 0: held */
    } rows[] = {
        {KP_DATE_ISO, "2024-02-29", 20240229},
        {KP_DATE_ISO, " 2024-02-00\t", 20240200},
        {KP_DATE_ISO, "2024-00-00", 20240000},
        {KP_DATE_ISO, "2024", 0},
        {KP_DATE_ISO, "2024-02", 0},
        {KP_DATE_ISO, "2024/02/29", 0},
        {KP_DATE_ISO, "-024-02-29", 0},
        {KP_DATE_ISO, "2200-01-01", 0},
        {KP_DATE_ISO_SHORT, "2024", 20240000},
        {KP_DATE_ISO_SHORT, "2024-02", 20240200},
        {KP_DATE_ISO_SHORT, "2024-02-29", 20240229},
        {KP_DATE_ISO_SHORT, "2024-", 0},
        {KP_DATE_ISO_SHORT, "202402", 0},
        {KP_DATE_DUTCH, "29-02-2024", 20240229},
        {KP_DATE_DUTCH, "00-02-2024", 20240200},
        {KP_DATE_DUTCH, "00-00-2024", 20240000},
        {KP_DATE_DUTCH, "01-00-2024", 0},
        {KP_DATE_DUTCH, "2024-02-29", 0},
        {KP_DATE_DIGITS, "20240229", 20240229},
        {KP_DATE_DIGITS, "2024022", 0},
        {KP_DATE_DIGITS, "00000000", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kp_map map;
        begin(&map);
        const struct kp_field field = {"datum", kp_slice_str(rows[i].text), 0};
        const Knooppunt__V1__Date *date = kp_map_date(&map, &field, rows[i].form);
        assert_int_equal(map.record.diag.err, rows[i].date == 0 ? KP_E_DATE : KP_OK);
        assert_int_equal(date == NULL, rows[i].date == 0);
        if (date != NULL) {
            assert_int_equal(date->year * 10000 + date->month * 100 + date->day, rows[i].date);
            assert_int_equal(date->has_month, rows[i].date / 100 % 100 != 0);
            assert_int_equal(date->has_day, rows[i].date % 100 != 0);
        }
    }
}

static void a_shape_shows_no_letter_and_no_digit(void **state)
{
    (void)state;
    char shape[KP_SHAPE_SIZE];
    assert_string_equal(kp_map_shape(kp_slice_str("Jan-7 \xC3\xA9\x01;"), shape), "aaa-9 a?;");
    assert_string_equal(kp_map_shape(KP_SLICE_EMPTY, shape), "");
    assert_string_equal(kp_map_shape(kp_slice_str("123456789012345678901234"), shape),
                        "999999999999999999999999");
    assert_string_equal(kp_map_shape(kp_slice_str("1234567890123456789012345"), shape),
                        "999999999999999999999999..");
}

static void white_space_goes_from_both_ends(void **state)
{
    (void)state;
    assert_int_equal(kp_map_trim(kp_slice_str(" \t\r\n\xC2\xA0")).size, 0);
    struct kp_slice text = kp_map_trim(kp_slice_str("\xC2\xA0 a\xC2\xA0 b \xC2\xA0\n"));
    assert_true(kp_slice_equal(text, kp_slice_str("a\xC2\xA0 b")));
    /* Half of a no-break space is not white space. */
    assert_int_equal(kp_map_trim(kp_slice_str("\xA0")).size, 1);
}

static void the_scan_knows_markup_from_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum kp_err err;
        uint32_t line;
    } rows[] = {
        {"<a b=\"x>y\" c='<'/>", KP_OK, 0},
        {"<a><!-- <!DOCTYPE --><![CDATA[<!DOCTYPE]]><?x <!DOCTYPE ?></a>", KP_OK, 0},
        {"<a>\n\n<!ENTITY b></a>", KP_E_FILE, 3},
        {"<a>\n<b c=\"", KP_E_FILE, 2},
        {"<a>\n<!-- ", KP_E_FILE, 2},
        {"<a>\n<![CDATA[ ", KP_E_FILE, 2},
        {"<?xml version='1.0' encoding='iso-8859-1'?>\n<a>\xE9</a>", KP_OK, 0},
        {"<?xml version='1.0' encoding='utf-8'?>\n<a>\xE9</a>", KP_E_ENCODING, 2},
        {"<?xml version='1.0' encoding='UTF-16'?>\n<a/>", KP_E_ENCODING, 1},
        {"<?xml version='1.0' encoding='UTF-8x'?>\n<a/>", KP_E_ENCODING, 1},
        {"<?xml version='1.0' encoding?>\n<a/>", KP_E_ENCODING, 1},
        {"<a>\xED\xA0\x80</a>", KP_E_ENCODING, 1}, /* half of a surrogate pair */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kp_diag diag = {0};
        assert_int_equal(kp_xml_scan(kp_slice_str(rows[i].text), &diag), rows[i].err);
        assert_int_equal(diag.line, rows[i].line);
    }
}

struct rows_seen {
    char text[512];
};

static bool see_row(void *context, const struct kp_csv_row *row)
{
    struct rows_seen *seen = context;
    size_t used = strlen(seen->text);
    used += (size_t)snprintf(seen->text + used, sizeof seen->text - used, "%u%s", row->line,
                             row->fault.err == KP_OK ? "" : "!");
    for (uint32_t i = 0; i < row->count; i++) {
        used += (size_t)snprintf(seen->text + used, sizeof seen->text - used, "|%.*s",
                                 (int)row->fields[i].size, (const char *)row->fields[i].bytes);
    }
    (void)snprintf(seen->text + used, sizeof seen->text - used, "\n");
    return true;
}

static void rows_and_their_lines(void **state)
{
    (void)state;
    static const struct {
        const char *file, *rows;
    } rows[] = {
        {"", ""},
        {"a;b", "1|a|b\n"},
        {"a;b\n\n \r\nc;d\r\n", "1|a|b\n4|c|d\n"},
        {"a;\"b\n\nc\"\nd;e\n", "1|a|b\n\nc\n4|d|e\n"},
        {"\"a;b\"\"\";c\n", "1|a;b\"|c\n"},
        {"a;\"b\nc;d\n\"e\";f\n", "1!\n2|c|d\n3|e|f\n"},
        {"a;\"b\nc;d\n", "1!\n2|c|d\n"},
        {"a\"b;c\nd;e\n", "1!\n2|d|e\n"},
        {"a;b\rc;d\ne;f\n", "1!\n2|e|f\n"}, /* a line within the line */
        {";\n", "1||\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rows_seen seen = {""};
        kp_csv_read(kp_slice_str(rows[i].file), ';', 2, &arena, see_row, &seen);
        assert_string_equal(seen.text, rows[i].rows);
    }
}

static void see_begin(void *context, const struct kp_event_head *head)
{
    (void)snprintf(context, 200, "%s %s", head->name, head->at_iso);
}

static void see_field(void *context, const char *name, const char *value)
{
    size_t used = strlen(context);
    (void)snprintf((char *)context + used, 200 - used, " %s=%s", name, value);
}

static void see_edge_of_row(void *context, const char *name)
{
    (void)context;
    (void)name;
}

static void an_event_of_a_newer_hub_or_an_impossible_moment(void **state)
{
    (void)state;
    char seen[200] = "";
    const struct kp_event_visitor visitor = {seen, see_begin, see_field, see_edge_of_row,
                                             see_edge_of_row};
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    event.has_at_ms = 1;
    event.at_ms = INT64_MAX;
    kp_event_walk(&event, &visitor);
    assert_string_equal(seen, "onbekend 1970-01-01T00:00:00.000Z");
    Knooppunt__V1__CertificateExpiring expiring = KNOOPPUNT__V1__CERTIFICATE_EXPIRING__INIT;
    expiring.has_not_after_ms = 1;
    expiring.not_after_ms = INT64_MIN;
    expiring.has_days_left = 1;
    expiring.days_left = 7;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_CERTIFICATE_EXPIRING;
    event.certificate_expiring = &expiring;
    event.at_ms = 1000;
    kp_event_walk(&event, &visitor);
    assert_string_equal(seen, "certificaat-verloopt 1970-01-01T00:00:01.000Z dagen=7");
}

static int make_arena(void **state)
{
    (void)state;
    kp_arena_init(&arena, TRANSLATED_ARENA_BYTES);
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_with_and_without_offset),
        cmocka_unit_test(the_dutch_clock_of_a_moment),
        cmocka_unit_test(dates_of_each_form),
        cmocka_unit_test(a_shape_shows_no_letter_and_no_digit),
        cmocka_unit_test(white_space_goes_from_both_ends),
        cmocka_unit_test(the_scan_knows_markup_from_text),
        cmocka_unit_test(rows_and_their_lines),
        cmocka_unit_test(an_event_of_a_newer_hub_or_an_impossible_moment),
    };
    return cmocka_run_group_tests_name("what translators share", tests, make_arena, drop_arena);
}
