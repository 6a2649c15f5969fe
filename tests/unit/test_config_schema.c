/* SPDX-License-Identifier: EUPL-1.2 */
/* The generic engine: what it reads, what it refuses and how it says so. */
#include "base/limits.h"
#include "config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum colour { RED = 3, BLUE = 7 };

struct wheel {
    char id[KP_ID_BYTES_MAX + 1];
    uint16_t spokes;
};

struct engine {
    int64_t warm_up_ms;
    uint64_t tank_bytes;
};

struct car {
    char name[21];
    char oin[KP_OIN_DIGITS + 1];
    char log[128];
    char note[41];
    bool fast;
    uint8_t doors;
    enum colour colour;
    uint32_t extras;
    char drivers[3][KP_ID_BYTES_MAX + 1];
    uint16_t driver_count;
    struct engine engine;
    struct wheel wheels[4];
    uint16_t wheel_count;
};

static const struct kp_choice colours[] = {{"red", RED}, {"blue", BLUE}, {NULL, 0}};

static const struct kp_option wheel_rows[] = {
    {"id", KP_OPTION_ID, KP_AT(struct wheel, id), .doc = "Which."},
    {"spokes", KP_OPTION_NUMBER, KP_AT(struct wheel, spokes), .min = 3, .max = 90, .dflt = "36",
     .doc = "How many."},
};
static const struct kp_section wheel_section = {"wheel", sizeof(struct wheel), wheel_rows,
                                                KP_ROWS(wheel_rows), "One wheel."};

static const struct kp_option engine_rows[] = {
    {"warm_up", KP_OPTION_DURATION, KP_AT(struct engine, warm_up_ms), .min = 100, .max = 3600000,
     .dflt = "2s", .doc = "Before driving."},
    {"tank", KP_OPTION_SIZE, KP_AT(struct engine, tank_bytes), .min = 1, .max = INT64_C(1) << 40,
     .dflt = "64MiB", .doc = "What it holds."},
};
static const struct kp_section engine_section = {"engine", sizeof(struct engine), engine_rows,
                                                 KP_ROWS(engine_rows), "The engine."};

static const struct kp_option car_rows[] = {
    {"name", KP_OPTION_TEXT, KP_AT(struct car, name), .doc = "What people call it."},
    {"oin", KP_OPTION_OIN, KP_AT(struct car, oin), .dflt = "", .doc = "Number."},
    {"log", KP_OPTION_PATH, KP_AT(struct car, log), .dflt = "car.log", .doc = "Where it writes."},
    {"note", KP_OPTION_TEXT, KP_AT(struct car, note), .dflt = "", .doc = "Anything."},
    {"fast", KP_OPTION_BOOL, KP_AT(struct car, fast), .dflt = "false", .doc = "Or slow."},
    {"doors", KP_OPTION_NUMBER, KP_AT(struct car, doors), .dflt = "4", .doc = "Doors."},
    {"colour", KP_OPTION_CHOICE, KP_AT(struct car, colour), .dflt = "red", .choices = colours,
     .doc = "Paint."},
    {"extras", KP_OPTION_CHOICES, KP_AT(struct car, extras), .choices = colours, .doc = "Stripes."},
    {"drivers", KP_OPTION_IDS, KP_AT(struct car, drivers), .max = 3,
     KP_COUNT_AT(struct car, driver_count), .doc = "Who may."},
    {"engine", KP_OPTION_SECTION, KP_AT(struct car, engine), .section = &engine_section,
     .doc = "The engine."},
    {"wheels", KP_OPTION_SECTIONS, KP_AT(struct car, wheels), .min = 1, .max = 4,
     .section = &wheel_section, KP_COUNT_AT(struct car, wheel_count), .doc = "The wheels."},
};
static const struct kp_section car_section = {"car", sizeof(struct car), car_rows,
                                              KP_ROWS(car_rows), "A car."};

static struct kp_config_report report;
static struct car car;

static int set_up(void **state)
{
    (void)state;
    kp_config_report_init(&report);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kp_config_report_done(&report);
    return 0;
}

static enum kp_err parse(const char *text)
{
    return kp_config_parse(&car_section, "car.yaml", "/etc/car", kp_slice_str(text), &car, &report);
}

/* @text is refused with exactly these messages, ended by NULL. */
static void refuses(const char *text, ...)
{
    kp_config_report_done(&report);
    kp_config_report_init(&report);
    assert_int_equal(parse(text), KP_E_CONFIG);
    va_list args;
    va_start(args, text);
    uint32_t count = 0;
    for (const char *want = va_arg(args, const char *); want != NULL;
         want = va_arg(args, const char *), count++) {
        assert_true(count < report.message_count);
        assert_string_equal(report.messages[count].text, want);
    }
    va_end(args);
    assert_int_equal(report.message_count, count);
}

#define WHEEL "wheels:\n  - id: front\n"

static void test_reads_every_type(void **state)
{
    (void)state;
    assert_int_equal(parse("name: \"Old \\\"Bess\\\" é\"\n"
                           "oin: 00000001234567890000\n"
                           "log: /var/log/car\n"
                           "fast: true\n"
                           "doors: 255\n"
                           "colour: blue\n"
                           "extras: [blue, red]\n"
                           "drivers: [piet, an-2]\n"
                           "engine:\n"
                           "  warm_up: 1m\n"
                           "  tank: 3KiB\n"
                           "wheels:\n"
                           "  - id: front\n"
                           "    spokes: 3\n"
                           "  - id: rear\n"),
                     KP_OK);
    assert_string_equal(car.name, "Old \"Bess\" é");
    assert_string_equal(car.oin, "00000001234567890000");
    assert_string_equal(car.log, "/var/log/car");
    assert_string_equal(car.note, "");
    assert_true(car.fast);
    assert_int_equal(car.doors, 255);
    assert_int_equal(car.colour, BLUE);
    assert_int_equal(car.extras, 1u << RED | 1u << BLUE);
    assert_int_equal(car.driver_count, 2);
    assert_string_equal(car.drivers[1], "an-2");
    assert_int_equal(car.engine.warm_up_ms, 60000);
    assert_int_equal(car.engine.tank_bytes, 3072);
    assert_int_equal(car.wheel_count, 2);
    assert_int_equal(car.wheels[0].spokes, 3);
    assert_string_equal(car.wheels[1].id, "rear");
    assert_int_equal(car.wheels[1].spokes, 36);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("name: x\n" WHEEL), KP_OK);
    assert_string_equal(car.log, "/etc/car/car.log");
    assert_string_equal(car.oin, "");
    assert_false(car.fast);
    assert_int_equal(car.doors, 4);
    assert_int_equal(car.colour, RED);
    assert_int_equal(car.extras, 0);
    assert_int_equal(car.engine.warm_up_ms, 2000);
    assert_int_equal(car.engine.tank_bytes, 64u << 20);
}

static void test_reports_all_errors_at_once(void **state)
{
    (void)state;
    refuses("nmae: x\n"
            "oin: 123\n"
            "fast: yes\n"
            "doors: 256\n"
            "colour: green\n"
            "extras: [green, green]\n"
            "drivers: [Piet]\n"
            "engine:\n"
            "  warm_up: soon\n"
            "  tank: 0B\n"
            "wheels:\n"
            "  - id: front\n"
            "    spokes: 2\n"
            "  - spokes: many\n",
            "car.yaml:1:1: \"nmae\" is not an option of car (try \"name\")",
            "car.yaml:2:6: oin: \"123\" is not an OIN of 20 digits (try \"00000001234567890000\")",
            "car.yaml:3:7: fast: \"yes\" is not true or false (try \"false\")",
            "car.yaml:4:8: doors: \"256\" is out of range (try 0 to 255)",
            "car.yaml:5:9: colour: \"green\" is not one of red blue",
            "car.yaml:6:10: extras: \"green\" is not one of red blue",
            "car.yaml:6:17: extras: \"green\" stands here twice",
            "car.yaml:6:17: extras: \"green\" is not one of red blue",
            "car.yaml:7:11: drivers: \"Piet\" is not an id of a-z, 0-9 and - (try \"north-2\")",
            "car.yaml:9:12: engine: warm_up: \"soon\" is not a duration (try \"2s\")",
            "car.yaml:10:9: engine: tank: \"0B\" is out of range (try 1B to 1TiB)",
            "car.yaml:13:13: wheel \"front\": spokes: \"2\" is out of range (try 3 to 90)",
            "car.yaml:14:13: wheel 2: spokes: \"many\" is not a number (try \"36\")",
            "car.yaml:14:5: wheel 2: id: is required", "car.yaml:1:1: name: is required", NULL);
}

static void test_refuses_what_yaml_allows(void **state)
{
    (void)state;
    refuses("name: x\nname: y\n" WHEEL, "car.yaml:2:1: \"name\" stands here twice", NULL);
    refuses("name: &a x\n" WHEEL,
            "car.yaml:1:7: an anchor (&) is not allowed: write the value where it is meant", NULL);
    refuses("name: &a x\nnote: *a\n" WHEEL,
            "car.yaml:1:7: an anchor (&) is not allowed: write the value where it is meant",
            "car.yaml:2:7: an alias (*) is not allowed: write the value where it is meant", NULL);
    refuses("name: !!str x\n" WHEEL,
            "car.yaml:1:7: a tag (!) is not allowed: the option decides the type", NULL);
    refuses("name: \"x\ty\"\n" WHEEL,
            "car.yaml:1:9: a tab is not allowed (use spaces; in a quoted text \\t)",
            "car.yaml:1:7: name: \"x?y\" holds a control character", NULL);
    refuses("name: x\n" WHEEL "---\nname: y\n", "car.yaml:4:1: a second document is not allowed",
            NULL);
    refuses("%YAML 1.1\n---\nname: x\n" WHEEL, "car.yaml:1:1: a directive (%) is not allowed",
            NULL);
    refuses("? [name]\n: x\n", "car.yaml:1:3: the name of an option must be a plain word", NULL);
    refuses("", "car.yaml: is empty", NULL);
    refuses("name: x\nname: [",
            "car.yaml:3:1: not YAML: while parsing a flow node: did not find "
            "expected node content",
            NULL);
}

static void test_refuses_wrong_shapes(void **state)
{
    (void)state;
    refuses("- name\n", "car.yaml:1:1: is not a section of options (name: value)", NULL);
    refuses("name: [x]\n" WHEEL, "car.yaml:1:7: name: is not a text but a list", NULL);
    refuses("name:\n" WHEEL,
            "car.yaml:1:6: name: has no value (leave the line out for the default)", NULL);
    refuses("name: \"\"\n" WHEEL, "car.yaml:1:7: name: \"\" is empty", NULL);
    refuses("name: twenty-two characters\n" WHEEL,
            "car.yaml:1:7: name: \"twenty-two characters\" is longer than 20 bytes", NULL);
    refuses("name: x\nwheels: none\n", "car.yaml:2:9: wheels: is not a list of sections", NULL);
    refuses("name: x\nwheels: []\n", "car.yaml:2:9: wheels: has 0 items, fewer than 1", NULL);
    refuses("name: x\ndrivers: [a, b, c, d]\n" WHEEL,
            "car.yaml:2:10: drivers: has 4 items, more than 3", NULL);
    refuses("name: x\nextras: [red, blue, red]\n" WHEEL,
            "car.yaml:2:9: extras: has 3 items, more than 2", NULL);
    refuses("name: x\nengine: fast\n" WHEEL,
            "car.yaml:2:9: engine: is not a section of options (name: value)", NULL);
    refuses("name: x\ndoors: -1\n" WHEEL, "car.yaml:2:8: doors: \"-1\" is not a number (try \"4\")",
            NULL);
    refuses("name: x\nengine: {warm_up: 9999999999999999d}\n" WHEEL,
            "car.yaml:2:19: engine: warm_up: \"9999999999999999d\" is out of range (try 100ms to "
            "1h)",
            NULL);
    refuses("name: x\n", "car.yaml:1:1: wheels: is required", NULL);
}

static void test_bounds(void **state)
{
    (void)state;
    char deep[200] = "name: ";
    for (size_t i = strlen(deep), n = 0; n < 20; n++, i++) {
        deep[i] = '[';
    }
    refuses(deep, "car.yaml:1:14: nested deeper than any option is", NULL);

    /* Messages stop at their limit and the rest is counted. */
    size_t size = 8u * (KP_CONFIG_MESSAGES_MAX + 50);
    char *many = test_calloc(1, size + 1);
    for (size_t i = 0; i < KP_CONFIG_MESSAGES_MAX + 50; i++) {
        (void)snprintf(many + 8 * i, 9, "x%05zu:\n", i);
    }
    kp_config_report_done(&report);
    kp_config_report_init(&report);
    assert_int_equal(parse(many), KP_E_CONFIG);
    assert_int_equal(report.message_count, KP_CONFIG_MESSAGES_MAX);
    assert_int_equal(report.dropped, 52); /* and two required options */
    test_free(many);

    char *large = test_calloc(1, KP_CONFIG_FILE_BYTES_MAX + 2);
    (void)memset(large, '\n', KP_CONFIG_FILE_BYTES_MAX + 1);
    refuses(large, "car.yaml: too large to be a configuration", NULL);
    test_free(large);

    /* The largest file of the smallest nodes fits or is refused, but never more than that. */
    char *nodes = test_calloc(1, KP_CONFIG_FILE_BYTES_MAX + 1);
    (void)snprintf(nodes, KP_CONFIG_FILE_BYTES_MAX, "drivers: [");
    for (size_t i = 10; i < KP_CONFIG_FILE_BYTES_MAX; i++) {
        nodes[i] = i % 2 == 0 ? 'a' : ',';
    }
    kp_config_report_done(&report);
    kp_config_report_init(&report);
    assert_int_equal(parse(nodes), KP_E_CONFIG);
    test_free(nodes);
}

static void test_dump_reads_again_as_the_same(void **state)
{
    (void)state;
    assert_int_equal(parse("name: 'a: \"b\" \\ #c'\nfast: true\nextras: [blue]\n"
                           "drivers: [a, b]\nengine: {warm_up: 90s, tank: 1TiB}\n"
                           "wheels: [{id: f}, {id: r, spokes: 12}]\n"),
                     KP_OK);
    static uint8_t text[4096];
    struct kp_writer writer;
    kp_writer_init(&writer, text, sizeof text);
    kp_config_dump(&car_section, &car, &writer);
    assert_true(kp_writer_ok(&writer));
    struct car first = car;
    struct car second;
    assert_int_equal(kp_config_parse(&car_section, "dump", "/elsewhere", kp_writer_slice(&writer),
                                     &second, &report),
                     KP_OK);
    assert_memory_equal(&first, &second, sizeof first);
    const char *want = "name: \"a: \\\"b\\\" \\\\ #c\"\n"
                       "oin: \"\"\n"
                       "log: \"/etc/car/car.log\"\n"
                       "note: \"\"\n"
                       "fast: true\n"
                       "doors: 4\n"
                       "colour: red\n"
                       "extras: [blue]\n"
                       "drivers: [a, b]\n"
                       "engine:\n"
                       "  warm_up: 90s\n"
                       "  tank: 1TiB\n"
                       "wheels:\n"
                       "  - id: \"f\"\n"
                       "    spokes: 36\n"
                       "  - id: \"r\"\n"
                       "    spokes: 12\n";
    assert_int_equal(writer.size, strlen(want));
    assert_memory_equal(text, want, writer.size);
}

static void test_complaint_finds_its_place(void **state)
{
    (void)state;
    assert_int_equal(parse("name: x\ndrivers: [piet,\n  an]\n" WHEEL), KP_OK);
    kp_config_complain(&report, car.drivers[1], "drivers", "\"%s\" has no licence", car.drivers[1]);
    kp_config_complain(&report, &car.doors, "doors", "are too many");
    assert_int_equal(report.message_count, 2);
    assert_string_equal(report.messages[0].text, "car.yaml:3:3: drivers: \"an\" has no licence");
    assert_int_equal(report.messages[0].line, 3);
    assert_string_equal(report.messages[1].text, "car.yaml: doors: are too many");
}

static void test_load_from_file(void **state)
{
    (void)state;
    assert_int_equal(kp_config_load(&car_section, "/nonexistent/car.yaml", &car, &report),
                     KP_E_CONFIG);
    assert_int_equal(report.message_count, 1);

    const char *base = getenv("TMPDIR");
    char dir[200];
    (void)snprintf(dir, sizeof dir, "%s/kp-config-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(dir));
    char path[256];
    (void)snprintf(path, sizeof path, "%s/car.yaml", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("name: x\nlog: logs/car\n" WHEEL, file) >= 0);
    assert_int_equal(fclose(file), 0);
    kp_config_report_done(&report);
    kp_config_report_init(&report);
    assert_int_equal(kp_config_load(&car_section, path, &car, &report), KP_OK);
    char *real = realpath(dir, NULL);
    char want[300];
    (void)snprintf(want, sizeof want, "%s/logs/car", real);
    assert_string_equal(car.log, want);
    free(real);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(dir), 0);
}

static void test_fields_name_every_option(void **state)
{
    (void)state;
    static uint8_t text[8192];
    struct kp_writer writer;
    kp_writer_init(&writer, text, sizeof text - 1);
    kp_config_fields(&car_section, "Car", &writer);
    assert_true(kp_writer_ok(&writer));
    text[writer.size] = 0;
    assert_non_null(strstr((char *)text, "| `warm_up` | a duration | `2s` | 100ms to 1h | Before "
                                         "driving. |\n"));
    assert_non_null(strstr((char *)text, "| `wheels` | a list of sections | required | 1 to 4 "
                                         "items | The wheels. |\n"));
    assert_non_null(
        strstr((char *)text, "| `colour` | a choice | `red` | `red` `blue` | Paint. |\n"));
    assert_non_null(strstr((char *)text, "| `name` | a text | required | at most 20 bytes |"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_every_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reports_all_errors_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_yaml_allows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_wrong_shapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dump_reads_again_as_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_complaint_finds_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load_from_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_name_every_option, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
