/* SPDX-License-Identifier: EUPL-1.2 */
/* house.yaml: what it becomes, the rules across its sections, and that the example and fields.md
 * are right. Run from the project's root; KP_UPDATE=1 writes fields.md and the .ok files anew (read
 * them). */
#include "base/area.h"
#include "base/file.h"
#include "config/house.h"
#include "proto/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXAMPLE "config/voorbeeldstad/house.yaml"
#define FIELDS "config/fields.md"

#define HOUSE                                                                                      \
    "house:\n  id: noord\n  name: Noord\n  oin: \"00000001000000000001\"\n" /* lines 1 to 4 */
#define PARTNERS                                                                                   \
    "partners:\n"                                                                                  \
    "  - {id: politie, name: P, oin: 00000001000000000002, chain: justitie}\n"                     \
    "  - {id: om, name: O, oin: 00000001000000000003, chain: justitie, known_elsewhere: true}\n"
#define USERS "users:\n  - {id: baas, name: B, role: ketenmanager}\n"
#define CRITERIA                                                                                   \
    "criteria:\n"                                                                                  \
    "  - {id: bekend, name: B, partners_min: 2, within_months: 12, kinds: [overlast]}\n"
#define THEMES CRITERIA "themes:\n  - {id: jeugd, name: J, criterion: bekend, tell: [om]}\n"

static struct kp_config_report report;
static struct kp_house_config *config;

static int set_up(void **state)
{
    (void)state;
    kp_config_report_init(&report);
    config = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    config = kp_house_config_free(config);
    kp_config_report_done(&report);
    return 0;
}

/* With an empty report. */
static enum kp_err parse(const char *text)
{
    kp_config_report_done(&report);
    kp_config_report_init(&report);
    return kp_house_parse("house.yaml", "/etc/kp", kp_slice_str(text), &config, &report);
}

/* @text is refused as @err with exactly these messages, ended by NULL. */
static void refuses(enum kp_err err, const char *text, ...)
{
    assert_int_equal(parse(text), err);
    assert_null(config);
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

static void assert_criteria(const struct kp_criteria *criteria)
{
    const struct kp_criterion *known = &criteria->items[0];
    assert_int_equal(criteria->count, 4);
    assert_string_equal(known->id, "bekend");
    assert_string_equal(known->name, "bekend bij twee");
    assert_int_equal(known->kind, KP_CRITERION_PARTNERS);
    assert_int_equal(known->least, 2);
    assert_int_equal(known->most, KP_CRITERION_MOST_MAX);
    assert_int_equal(known->kinds, 1u << KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_OVERLAST |
                                       1u << KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_VERZUIM);
    assert_int_equal(known->roles, 1u << KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER);
    assert_int_equal(known->themes, 1u << 0);
    assert_int_equal(known->severity_min, 2);
    assert_int_equal(known->within.months, 12);
    assert_int_equal(known->within.days, 3);
    assert_int_equal(known->area_count, 2);
    assert_int_equal(known->areas[1], kp_area_of(KP_SLICE_LIT("WK900102")));
    const struct kp_criterion *child = &criteria->items[1];
    assert_int_equal(child->kind, KP_CRITERION_AGE);
    assert_int_equal(child->least, 0);
    assert_int_equal(child->most, 17);
    const struct kp_criterion *ripe = &criteria->items[2];
    assert_int_equal(ripe->kind, KP_CRITERION_ALL);
    assert_int_equal(ripe->part_count, 2);
    assert_int_equal(ripe->parts[0], 1);
    assert_int_equal(ripe->parts[1], 0);
    const struct kp_criterion *heavy = &criteria->items[3];
    assert_int_equal(heavy->kind, KP_CRITERION_POINTS);
    assert_int_equal(heavy->least, 2);
    assert_int_equal(heavy->parts[0], 2);
    assert_int_equal(heavy->points[0], 3);
    assert_int_equal(heavy->parts[1], 1);
    assert_int_equal(heavy->points[1], -1);
}

static void test_becomes_a_house(void **state)
{
    (void)state;
    assert_int_equal(parse(HOUSE PARTNERS "users:\n"
                                          "  - {id: baas, name: B, role: ketenmanager}\n"
                                          "  - {id: jan, name: J, role: liaison, partner: om}\n"
                                          "criteria:\n"
                                          "  - id: bekend\n"
                                          "    name: bekend bij twee\n"
                                          "    partners_min: 2\n"
                                          "    within_months: 12\n"
                                          "    within_days: 3\n"
                                          "    kinds: [overlast, verzuim]\n"
                                          "    roles: [pleger]\n"
                                          "    hints: [jeugd]\n"
                                          "    severity_min: 2\n"
                                          "    areas: [gm9001, wk900102]\n"
                                          "  - {id: kind, name: K, age_max: 17}\n"
                                          "  - {id: rijp, name: R, all: [kind, bekend]}\n"
                                          "  - id: zwaar\n"
                                          "    name: Z\n"
                                          "    points:\n"
                                          "      - {criterion: rijp, points: 3}\n"
                                          "      - {criterion: kind, minus: 1}\n"
                                          "    points_min: 2\n"
                                          "themes:\n"
                                          "  - id: jeugd\n"
                                          "    name: J\n"
                                          "    criterion: rijp\n"
                                          "    tell: [om]\n"
                                          "overleggen:\n"
                                          "  - id: jco\n"
                                          "    name: JCO\n"
                                          "    theme: jeugd\n"
                                          "    rhythm: week\n"
                                          "    day: vrijdag\n"
                                          "    capacity: 9\n"
                                          "    chair: baas\n"
                                          "    partners: [om]\n"),
                     KP_OK);
    const struct kp_house *house = &config->house;
    assert_string_equal(house->id, "noord");
    assert_string_equal(house->oin, "00000001000000000001");
    assert_false(house->test_mode);
    assert_int_equal(house->port_first, 17000);
    assert_int_equal(house->port_last, 17511);
    assert_int_equal(house->held_per_partner_max, 1000);
    assert_int_equal(house->partner_count, 2);
    assert_false(house->partners[0].known_elsewhere);
    assert_true(house->partners[1].known_elsewhere);
    assert_int_equal(house->users[0].role, KP_ROLE_KETENMANAGER);
    assert_int_equal(house->users[0].partner, KP_PARTNER_NONE);
    assert_int_equal(house->users[1].partner, 1);
    const struct kp_theme *theme = &house->themes[0];
    assert_int_equal(theme->criterion, 2);
    assert_criteria(&house->criteria);
    assert_int_equal(theme->tell[0], 1u << 1);
    assert_int_equal(config->overleg_count, 1);
    assert_int_equal(config->overleggen[0].theme, 0);
    assert_int_equal(config->overleggen[0].day, KP_VRIJDAG);
    assert_int_equal(config->overleggen[0].level, KP_LEVEL_LOKAAL);
    assert_int_equal(config->overleggen[0].partners[0], 1u << 1);
    assert_int_equal(config->profile.chains[0], KP_CHAIN_JUSTITIE);
    assert_string_equal(config->hub.listen_host, "127.0.0.1");
    assert_string_equal(config->hub.data_dir, "/etc/kp/data");
    assert_string_equal(config->hub.demo_ca_dir, "");
    assert_int_equal(config->hub.log_level, KP_LOG_INFO);
    assert_int_equal(config->hub.store_map_bytes, UINT64_C(1) << 40);
}

/* The name of a kind or role in house.yaml is that of the wire, in lower case and with dashes. */
static void file_name_of(const char *prefix, const char *wire_name, char ret_name[64])
{
    const char *from = wire_name + strlen(prefix);
    size_t size = strlen(from);
    assert_true(size < 64);
    for (size_t i = 0; i <= size; i++) {
        ret_name[i] = (char)(from[i] == '_'                     ? '-'
                             : from[i] >= 'A' && from[i] <= 'Z' ? from[i] + 32
                                                                : from[i]);
    }
}

static uint32_t bits_of(const char *option, const char *prefix, const char *wire_name)
{
    char name[64];
    char text[1024];
    file_name_of(prefix, wire_name, name);
    (void)snprintf(text, sizeof text,
                   HOUSE PARTNERS USERS
                   "criteria:\n  - {id: c, name: C, signals_min: 1, %s: [%s]}\n"
                   "themes:\n  - {id: t, name: T, criterion: c}\n",
                   option, name);
    config = kp_house_config_free(config);
    assert_int_equal(parse(text), KP_OK);
    const struct kp_criterion *criterion = &config->house.criteria.items[0];
    return strcmp(option, "kinds") == 0 ? criterion->kinds : criterion->roles;
}

/* The same for an option of a partner. */
static uint32_t partner_bits_of(const char *option, const char *prefix, const char *wire_name)
{
    char name[64];
    char text[1024];
    file_name_of(prefix, wire_name, name);
    (void)snprintf(text, sizeof text,
                   HOUSE PARTNERS "  - {id: halt, name: H, oin: \"00000001000000000004\", chain: "
                                  "justitie, contact: C, %s: [%s]}\n" USERS THEMES,
                   option, name);
    config = kp_house_config_free(config);
    assert_int_equal(parse(text), KP_OK);
    const struct kp_partner *partner = &config->house.partners[2];
    return strcmp(option, "check_as") == 0    ? partner->check_as
           : strcmp(option, "check_for") == 0 ? partner->check_for
                                              : partner->told_roles;
}

static void test_checks_are_those_of_the_wire(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCEnumDescriptor *type;
        const char *option, *prefix;
        unsigned count;
    } options[] = {
        {&knooppunt__v1__requester_type__descriptor, "check_as", "REQUESTER_TYPE_", 8},
        {&knooppunt__v1__check_reason__descriptor, "check_for", "CHECK_REASON_", 7},
        {&knooppunt__v1__casus_role__descriptor, "told_roles", "CASUS_ROLE_", 6},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        assert_int_equal(options[i].type->n_values, options[i].count);
        for (unsigned n = 0; n < options[i].type->n_values; n++) {
            const ProtobufCEnumValue *value = &options[i].type->values[n];
            if (value->value != 0) {
                assert_int_equal(partner_bits_of(options[i].option, options[i].prefix, value->name),
                                 1u << value->value);
            }
        }
    }
}

/* Nobody asks, nobody is told of, until it is written down; and whom to call with it. */
static void test_checks_are_granted_one_by_one(void **state)
{
    (void)state;
    assert_int_equal(parse(HOUSE PARTNERS USERS THEMES), KP_OK);
    const struct kp_partner *om = &config->house.partners[1];
    assert_int_equal(om->check_as | om->check_for | om->told_roles, 0);
    assert_int_equal(om->checks_max, 100);
    assert_string_equal(om->contact, "");
    assert_int_equal(config->hub.check_delay_ms, 100);
    config = kp_house_config_free(config);
    refuses(KP_E_CONFIG,
            HOUSE PARTNERS "  - {id: halt, name: H, oin: \"00000001000000000004\", chain: "
                           "justitie, told_roles: [pleger]}\n" USERS THEMES,
            "house.yaml:8:10: partner \"halt\": contact: is required with told_roles", NULL);
}

/* What an answer holds is what a house may fill it with. */
static void test_contacts_fit_in_an_answer(void **state)
{
    (void)state;
    char text[32768];
    char contact[KP_NAME_BYTES_MAX + 1];
    memset(contact, 'c', KP_NAME_BYTES_MAX);
    contact[KP_NAME_BYTES_MAX] = '\0';
    for (int last = 199; last <= 200; last++) { /* 38 * 210 is 7980; of the 39th, 11 are left */
        struct kp_writer writer;
        kp_writer_init(&writer, text, sizeof text - 1);
        kp_put_text(&writer, HOUSE "partners:\n");
        for (unsigned i = 0; i < 39; i++) {
            char line[512];
            (void)snprintf(line, sizeof line,
                           "  - {id: p%u, name: N, oin: \"000000010000000001%02u\", chain: zorg, "
                           "told_roles: [kind], contact: \"%.*s\"}\n",
                           i, i, i < 38 ? 200 : last - 189, contact);
            kp_put_text(&writer, line);
        }
        kp_put_text(&writer, USERS THEMES);
        kp_put_u8(&writer, 0);
        assert_true(kp_writer_ok(&writer));
        char *tell = strstr(text, "tell: [om]");
        memcpy(tell, "tell: [p1]", strlen("tell: [p1]"));
        assert_int_equal(parse(text), last == 199 ? KP_OK : KP_E_CONFIG);
        assert_int_equal(report.message_count, last == 199 ? 0 : 1);
        config = kp_house_config_free(config);
    }
}

static void test_kinds_and_roles_are_those_of_the_wire(void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *kinds = &knooppunt__v1__signal_kind__descriptor;
    const ProtobufCEnumDescriptor *roles = &knooppunt__v1__casus_role__descriptor;
    assert_true(kinds->n_values > 20 && roles->n_values > 5);
    for (unsigned i = 0; i < kinds->n_values; i++) {
        const ProtobufCEnumValue *value = &kinds->values[i];
        if (value->value != 0) {
            assert_int_equal(bits_of("kinds", "SIGNAL_KIND_", value->name), 1u << value->value);
        }
    }
    for (unsigned i = 0; i < roles->n_values; i++) {
        const ProtobufCEnumValue *value = &roles->values[i];
        if (value->value != 0) {
            assert_int_equal(bits_of("roles", "CASUS_ROLE_", value->name), 1u << value->value);
        }
    }
}

static void test_ids_and_oins_are_unique(void **state)
{
    (void)state;
    refuses(KP_E_CONFIG,
            HOUSE "partners:\n"
                  "  - {id: om, name: O, oin: 00000001000000000002, chain: justitie}\n"
                  "  - {id: om, name: P, oin: 00000001000000000002, chain: justitie}\n"
                  "  - {id: rvdk, name: R, oin: 00000001000000000001, chain: justitie}\n"
                  "users:\n"
                  "  - {id: baas, name: B, role: ketenmanager}\n"
                  "  - {id: baas, name: C, role: fg}\n"
                  "  - {id: rvdk, name: D, role: fg}\n"
                  "criteria:\n"
                  "  - {id: c, name: C, signals_min: 1}\n"
                  "  - {id: c, name: D, signals_min: 2}\n"
                  "themes:\n"
                  "  - {id: t, name: T, criterion: c}\n"
                  "  - {id: t, name: U, criterion: c}\n",
            "house.yaml:7:10: partner \"om\": id: \"om\" is another partner's already",
            "house.yaml:11:10: user \"baas\": id: \"baas\" is another user's already",
            "house.yaml:12:10: user \"rvdk\": id: \"rvdk\" is another partner's already",
            "house.yaml:18:10: theme \"t\": id: \"t\" is another theme's already",
            "house.yaml:7:28: partner \"om\": oin: \"00000001000000000002\" is that of partner "
            "\"om\" already",
            "house.yaml:8:30: partner \"rvdk\": oin: \"00000001000000000001\" is the house's own",
            "house.yaml:15:10: criterion \"c\": id: \"c\" is another criterion's already", NULL);
}

static void test_names_refer_to_what_exists(void **state)
{
    (void)state;
    refuses(KP_E_CONFIG,
            HOUSE PARTNERS "users:\n"
                           "  - {id: jan, name: J, role: liaison}\n"
                           "  - {id: piet, name: P, role: liaison, partner: halt}\n"
                           "  - {id: fg, name: F, role: fg, partner: om}\n"
                           "criteria: [{id: c, name: C, signals_min: 1}]\n"
                           "themes:\n"
                           "  - id: t\n"
                           "    name: T\n"
                           "    criterion: d\n"
                           "    tell: [om, halt]\n"
                           "overleggen:\n"
                           "  - {id: o, name: O, theme: u, rhythm: maand, day: maandag, capacity: "
                           "1, chair: piet, partners: [ggd]}\n",
            "house.yaml:9:10: user \"jan\": partner: is required for a liaison",
            "house.yaml:10:49: user \"piet\": partner: \"halt\" is not a partner of this house",
            "house.yaml:11:42: user \"fg\": partner: is for a liaison only",
            "house.yaml:9:10: users: have no ketenmanager: nobody would hear of a ripe case",
            "house.yaml:17:16: theme \"t\": tell: \"halt\" is not a partner of this house",
            "house.yaml:16:16: theme \"t\": criterion: \"d\" is not a criterion of this house",
            "house.yaml:19:98: overleg \"o\": partners: \"ggd\" is not a partner of this house",
            "house.yaml:19:29: overleg \"o\": theme: \"u\" is not a theme of this house",
            "house.yaml:19:81: overleg \"o\": chair: \"piet\" is neither a ketenmanager nor a "
            "partner of this house",
            NULL);
}

static void test_a_criterion_asks_one_thing_of_what_is_there(void **state)
{
    (void)state;
    refuses(
        KP_E_CONFIG,
        HOUSE PARTNERS USERS
        "criteria:\n"
        "  - {id: a, name: A, signals_min: 3, signals_max: 2, hints: [drugs], areas: [utrecht]}\n"
        "  - {id: b, name: B, age_min: 18, kinds: [overlast]}\n"
        "  - {id: c, name: C, age_min: 18, partners_min: 2}\n"
        "  - {id: d, name: D}\n"
        "  - {id: e, name: E, all: [a, f]}\n"
        "  - {id: f, name: F, any: [f]}\n"
        "  - {id: g, name: G, points: [{criterion: x, points: 2}]}\n"
        "themes:\n  - {id: t, name: T, criterion: a}\n",
        "house.yaml:11:51: criterion \"a\": signals_max: \"2\" is below the least (3): nobody "
        "would ever meet it",
        "house.yaml:11:62: criterion \"a\": hints: \"drugs\" is not a theme of this house",
        "house.yaml:11:78: criterion \"a\": areas: \"utrecht\" is not a CBS code (try "
        "\"gm9001\")",
        "house.yaml:12:10: criterion \"b\": counts no signals: kinds, roles, hints, severity_min, "
        "areas and within_ say nothing here",
        "house.yaml:13:10: criterion \"c\": asks nothing, or several things: give one of "
        "signals_min or _max, partners_, leefgebieden_, age_, all, any, none and points",
        "house.yaml:14:10: criterion \"d\": asks nothing, or several things: give one of "
        "signals_min or _max, partners_, leefgebieden_, age_, all, any, none and points",
        "house.yaml:15:31: criterion \"e\": all: \"f\" is not a criterion that stands before "
        "this one",
        "house.yaml:16:28: criterion \"f\": any: \"f\" is not a criterion that stands before "
        "this one",
        "house.yaml:17:10: criterion \"g\": points_min: is required with points",
        "house.yaml:17:43: criterion \"g\": points: \"x\" is not a criterion that stands before "
        "this one",
        NULL);
}

static void test_ports_are_enough(void **state)
{
    (void)state;
    refuses(KP_E_CONFIG, HOUSE PARTNERS USERS THEMES "hub: {port_first: 5000, port_last: 5001}\n",
            "house.yaml:14:36: hub: port_last: leaves 2 ports for 3 partners and users", NULL);
    refuses(KP_E_CONFIG, HOUSE PARTNERS USERS THEMES "hub: {port_first: 5001, port_last: 5000}\n",
            "house.yaml:14:36: hub: port_last: \"5000\" is before port_first (5001)", NULL);
    assert_int_equal(
        parse(HOUSE PARTNERS USERS THEMES "hub: {port_first: 5000, port_last: 5002}\n"), KP_OK);
}

/* The example of a wrong value is one that would be taken. */
static void test_examples_can_be_used(void **state)
{
    (void)state;
    refuses(KP_E_CONFIG,
            HOUSE PARTNERS USERS "criteria:\n  - {id: c, name: C, age_min: 200}\n"
                                 "themes:\n  - {id: t, name: T, criterion: c}\n",
            "house.yaml:11:31: criterion \"c\": age_min: \"200\" is out of range (try 0 to 150)",
            NULL);
}

static void test_production_has_nothing_of_the_example(void **state)
{
    (void)state;
    refuses(KP_E_TEST_MODE,
            "house:\n  id: voorbeeldstad\n  name: Veiligheidshuis Voorbeeldstad\n"
            "  oin: \"00000001000000000001\"\n  municipality: Gemeente Voorbeeldstad\n"
            "  contact: beheer@veiligheidshuis.voorbeeldstad.example\n" PARTNERS USERS THEMES,
            "house.yaml:2:7: house: id: \"voorbeeldstad\" is the example's; a production house has "
            "its own",
            "house.yaml:3:9: house: name: \"Veiligheidshuis Voorbeeldstad\" is the example's; a "
            "production house has its own",
            "house.yaml:5:17: house: municipality: \"Gemeente Voorbeeldstad\" is the example's; a "
            "production house has its own",
            "house.yaml:6:12: house: contact: \"beheer@veiligheidshuis.voorbeeldstad.example\" is "
            "the example's; a production house has its own",
            NULL);
}

static void test_production_refuses_test_options(void **state)
{
    (void)state;
    refuses(KP_E_TEST_MODE,
            "house: {id: a, name: A, oin: 00000099000000000001}\n"
            "partners:\n"
            "  - {id: om, name: O, oin: 00000099000000000002, chain: justitie}\n" USERS CRITERIA
            "themes: [{id: t, name: T, criterion: bekend}]\n"
            "hub: {demo_ca: ca}\n",
            "house.yaml:1:30: house: oin: \"00000099000000000001\" is a test number; a production "
            "house has none",
            "house.yaml:3:28: partner \"om\": oin: \"00000099000000000002\" is a test number; a "
            "production house has none",
            "house.yaml:9:16: hub: demo_ca: is for a test house only (house: mode: test)", NULL);
    assert_int_equal(
        parse("house: {id: a, name: A, oin: 00000099000000000001, mode: test}\n"
              "partners:\n"
              "  - {id: om, name: O, oin: 00000099000000000002, chain: justitie}\n" USERS CRITERIA
              "themes: [{id: t, name: T, criterion: bekend}]\n"
              "hub: {demo_ca: ca}\n"),
        KP_OK);
    assert_true(config->house.test_mode);
}

static void update(const char *path, struct kp_slice bytes)
{
    struct kp_diag diag;
    if (getenv("KP_UPDATE") != NULL) {
        assert_int_equal(kp_file_write(path, bytes, 0644, &diag), KP_OK);
    }
}

/* tests/data/config/NAME.in.yaml is refused with the lines of NAME.ok. */
static void check_pair(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "tests/data/config/%s.in.yaml", name);
    kp_config_report_done(&report);
    kp_config_report_init(&report);
    assert_int_not_equal(kp_config_check(path, &report), KP_OK);
    char have[8192];
    size_t used = 0;
    for (uint32_t i = 0; i < report.message_count; i++) {
        used += (size_t)snprintf(have + used, sizeof have - used, "%s\n", report.messages[i].text);
        assert_true(used < sizeof have);
    }
    (void)snprintf(path, sizeof path, "tests/data/config/%s.ok", name);
    update(path, kp_slice_of(have, used));
    char *want = NULL;
    size_t size = 0;
    struct kp_diag diag;
    assert_int_equal(kp_file_read(path, 1 << 16, &want, &size, &diag), KP_OK);
    assert_string_equal(have, want);
    free(want);
}

static void test_broken_files(void **state)
{
    (void)state;
    check_pair("broken");
    check_pair("hostile");
    check_pair("cut-off");
}

static void test_example_is_right(void **state)
{
    (void)state;
    enum kp_err err = kp_house_load(EXAMPLE, &config, &report);
    for (uint32_t i = 0; i < report.message_count; i++) {
        print_message("%s\n", report.messages[i].text);
    }
    assert_int_equal(err, KP_OK);
    assert_true(config->house.test_mode);
    assert_true(config->house.partner_count >= 6);
    assert_int_equal(config->house.theme_count, 3);
    assert_int_equal(config->overleg_count, 3);
}

static void test_dump_of_example_reads_again_as_the_same(void **state)
{
    (void)state;
    assert_int_equal(kp_house_load(EXAMPLE, &config, &report), KP_OK);
    uint8_t *text = test_malloc(KP_HOUSE_DUMP_BYTES_MAX);
    struct kp_writer writer;
    kp_writer_init(&writer, text, KP_HOUSE_DUMP_BYTES_MAX);
    kp_house_dump(config, &writer);
    assert_true(kp_writer_ok(&writer));
    struct kp_house_config *again = NULL;
    assert_int_equal(
        kp_house_parse("dump", "/elsewhere", kp_writer_slice(&writer), &again, &report), KP_OK);
    assert_memory_equal(&again->house, &config->house, sizeof again->house);
    assert_memory_equal(&again->hub, &config->hub, sizeof again->hub);
    assert_memory_equal(&again->profile, &config->profile, sizeof again->profile);
    assert_memory_equal(again->overleggen, config->overleggen, sizeof again->overleggen);
    (void)kp_house_config_free(again);
    test_free(text);
}

static void test_fields_are_current(void **state)
{
    (void)state;
    static uint8_t text[64 << 10];
    struct kp_writer writer;
    kp_writer_init(&writer, text, sizeof text);
    kp_house_fields(&writer);
    assert_true(kp_writer_ok(&writer));
    update(FIELDS, kp_writer_slice(&writer));
    char *have = NULL;
    size_t size = 0;
    struct kp_diag diag;
    assert_int_equal(kp_file_read(FIELDS, sizeof text, &have, &size, &diag), KP_OK);
    assert_int_equal(size, writer.size);
    assert_memory_equal(have, text, size);
    free(have);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_becomes_a_house, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds_and_roles_are_those_of_the_wire, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_checks_are_those_of_the_wire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checks_are_granted_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_contacts_fit_in_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids_and_oins_are_unique, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_refer_to_what_exists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_criterion_asks_one_thing_of_what_is_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ports_are_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_examples_can_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_production_has_nothing_of_the_example, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_production_refuses_test_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_example_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dump_of_example_reads_again_as_the_same, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_fields_are_current, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
