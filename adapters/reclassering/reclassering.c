/* SPDX-License-Identifier: EUPL-1.2 */
/* RISc assessments and supervision: JSON lines, one record a line. */
#include "mapped/event_walk.h"
#include "mapped/map.h"
#include "reclassering/json_line.h"
#include "runtime/translator.h"

#include <jansson.h>
#include <string.h>

static const struct kp_json_rule address_rules[] = {
    {"straat", JSON_STRING, NULL},     {"huisnummer", JSON_INTEGER, NULL},
    {"toevoeging", JSON_STRING, NULL}, {"postcode", JSON_STRING, NULL},
    {"plaats", JSON_STRING, NULL},     {NULL, 0, NULL},
};
static const struct kp_json_rule client_rules[] = {
    {"bsn", JSON_STRING, NULL},
    {"voornamen", JSON_STRING, NULL},
    {"voorletters", JSON_STRING, NULL},
    {"tussenvoegsel", JSON_STRING, NULL},
    {"achternaam", JSON_STRING, NULL},
    {"partner_tussenvoegsel", JSON_STRING, NULL},
    {"partner_achternaam", JSON_STRING, NULL},
    {"naamgebruik", JSON_STRING, NULL},
    {"geboortedatum", JSON_STRING, NULL},
    {"geboorteplaats", JSON_STRING, NULL},
    {"geslacht", JSON_STRING, NULL},
    {"adres", JSON_OBJECT, address_rules},
    {NULL, 0, NULL},
};
static const struct kp_json_rule record_rules[] = {
    {"id", JSON_STRING, NULL},
    {"versie", JSON_INTEGER, NULL},
    {"soort", JSON_STRING, NULL},
    {"datum", JSON_STRING, NULL},
    {"geregistreerd", JSON_STRING, NULL},
    {"organisatie", JSON_STRING, NULL},
    {"client", JSON_OBJECT, client_rules},
    {"risico", JSON_STRING, NULL},
    {"leefgebieden", JSON_ARRAY, NULL},
    {"toelichting", JSON_STRING, NULL},
    {NULL, 0, NULL},
};

#define WITHDRAWAL "INTREKKING"
static const struct kp_code kinds[] = {
    {"RISC", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_RISC},
    {"TOEZICHT_START", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_TOEZICHT_START},
    {"OVERTREDING", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_TOEZICHT_OVERTREDING},
    {"EINDE", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_TOEZICHT_EINDE},
    {NULL, 0},
};
static const struct kp_code risks[] = {{"laag", 1}, {"gemiddeld", 3}, {"hoog", 5}, {NULL, 0}};
static const struct kp_code fields_of_life[] = {
    {"financien", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_FINANCIEN},
    {"identiteit", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_IDENTITEIT},
    {"gedrag", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_HOUDING_GEDRAG_VAARDIGHEDEN},
    {"werk", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_WERK_OPLEIDING},
    {"tijdsbesteding", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_TIJDSBESTEDING},
    {"huisvesting", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_HUISVESTING},
    {"relaties", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_RELATIES},
    {"geestelijk", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_GEESTELIJKE_GEZONDHEID},
    {"lichamelijk", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_LICHAMELIJKE_GEZONDHEID},
    {"middelengebruik", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_MIDDELENGEBRUIK_VERSLAVING},
    {"netwerk", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_SOCIAAL_NETWERK},
    {"justitie", KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_JUSTITIE_POLITIE},
    {NULL, 0},
};

static void map_client(struct kp_map *map, const json_t *record)
{
    const json_t *client = json_object_get(record, "client");
    if (!json_is_object(client)) {
        static const struct kp_field field = {.name = "client"};
        kp_map_fail(map, KP_E_PERSON, &field, "the client is absent");
        return;
    }
    const struct kp_person_fields person = {
        .role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER,
        .bsn = kp_json_field(client, "bsn"),
        .given_names = kp_json_field(client, "voornamen"),
        .initials = kp_json_field(client, "voorletters"),
        .prefix = kp_json_field(client, "tussenvoegsel"),
        .surname = kp_json_field(client, "achternaam"),
        .partner_prefix = kp_json_field(client, "partner_tussenvoegsel"),
        .partner_surname = kp_json_field(client, "partner_achternaam"),
        .name_usage = kp_json_field(client, "naamgebruik"),
        .birth_date = kp_json_field(client, "geboortedatum"),
        .birth_date_form = KP_DATE_ISO_SHORT,
        .birth_place = kp_json_field(client, "geboorteplaats"),
        .gender = kp_json_field(client, "geslacht"),
        .name = "client",
    };
    const json_t *home = json_object_get(client, "adres");
    char number[KP_JSON_NUMBER_SIZE];
    const struct kp_address_fields address = {
        .street = kp_json_field(home, "straat"),
        .number = kp_json_number(home, "huisnummer", number),
        .addition = kp_json_field(home, "toevoeging"),
        .postcode = kp_json_field(home, "postcode"),
        .place = kp_json_field(home, "plaats"),
    };
    kp_map_person(map, &person, &address);
}

static void map_fields_of_life(struct kp_map *map, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const struct kp_field field = {
            .name = "leefgebieden",
            .text = kp_slice_of(json_string_value(item), json_string_length(item)),
        };
        kp_map_leefgebied(
            map, (Knooppunt__V1__Leefgebied)kp_map_code(map, &field, fields_of_life, KP_E_FIELD));
    }
}

/* In the order in which faults count. */
static void map_record(struct kp_map *map, const json_t *record)
{
    struct kp_field kind = kp_json_field(record, "soort");
    struct kp_field date = kp_json_field(record, "datum");
    struct kp_field registered = kp_json_field(record, "geregistreerd");
    struct kp_field risk = kp_json_field(record, "risico");
    struct kp_field summary = kp_json_field(record, "toelichting");
    kp_map_kind(map, &kind, kinds);
    kp_map_incident_date(map, &date, KP_DATE_ISO_SHORT);
    map_client(map, record);
    kp_map_registered(map, &registered, KP_DATE_ISO);
    map->signal.severity = (uint32_t)kp_map_code(map, &risk, risks, KP_E_FIELD);
    map->signal.has_severity = map->signal.severity != 0;
    map_fields_of_life(map, json_object_get(record, "leefgebieden"));
    map->signal.summary = kp_map_text(map, &summary);
}

/* Of a withdrawal only three keys are read; of the others just the names have to be known. */
static void check_form(struct kp_map *map, const json_t *record, bool withdrawal)
{
    const char *key = NULL;
    enum kp_json_fault fault =
        kp_json_check(record, record_rules, /* names_only= */ withdrawal, &key);
    const json_t *list = json_object_get(record, "leefgebieden");
    for (size_t i = 0; fault == KP_JSON_GOOD && !withdrawal && i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i))) {
            fault = KP_JSON_TYPE;
            key = "leefgebieden";
        }
    }
    if (fault != KP_JSON_GOOD) {
        const struct kp_field field = {.name = key};
        kp_map_fail(map, KP_E_RECORD, &field, "%s",
                    fault == KP_JSON_KEY ? "this key has no place here"
                                         : "this key has a value of another type than agreed");
    }
}

static void map_line(struct kp_map *map, const json_t *record)
{
    struct kp_field reference = kp_json_field(record, "id");
    kp_map_peek_reference(map, &reference);
    struct kp_field kind = kp_json_field(record, "soort");
    bool withdrawal = kp_slice_equal(kp_map_trim(kind.text), KP_SLICE_LIT(WITHDRAWAL));
    check_form(map, record, withdrawal);
    char number[KP_JSON_NUMBER_SIZE];
    struct kp_field version = kp_json_number(record, "versie", number);
    kp_map_reference(map, &reference);
    kp_map_version(map, &version);
    if (withdrawal) {
        kp_map_withdraw(map);
    } else if (kp_map_ok(map)) {
        map_record(map, record);
    }
}

static enum kp_err translate(const struct kp_translate_job *job, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_json_check_file(job->file, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_json_lines lines;
    kp_json_lines_begin(&lines, job->file);
    uint32_t number = 0;
    for (bool go_on = true; go_on && kp_json_lines_next(&lines);) {
        kp_arena_reset(job->arena);
        struct kp_map map;
        kp_map_begin(&map, job, ++number, lines.line,
                     KNOOPPUNT__V1__SOURCE_CLASS__SOURCE_CLASS_WJSG, "RISc");
        map.record.diag = lines.fault;
        if (lines.record != NULL) {
            map_line(&map, lines.record);
        }
        go_on = kp_map_emit(&map, job);
    }
    kp_json_lines_done(&lines);
    return KP_OK;
}

/* --- events ----------------------------------------------------------------------------------- */

/* An object; the rows of one name become a list of objects under that name, a value that comes more
 * than once a list of texts. */
struct event_object {
    json_t *top, *row;
};

static void put_field(void *context, const char *name, const char *value)
{
    struct event_object *object = context;
    json_t *target = object->row != NULL ? object->row : object->top;
    json_t *text = json_string(value);
    if (text == NULL) {
        text = json_string("?"); /* not UTF-8 */
    }
    json_t *before = json_object_get(target, name);
    if (strcmp(name, "partner") == 0 && object->row == NULL) {
        if (before == NULL) {
            (void)json_object_set_new(target, name, json_array());
        }
        (void)json_array_append_new(json_object_get(target, name), text);
    } else {
        (void)json_object_set_new(target, name, text);
    }
}

static void put_begin(void *context, const struct kp_event_head *head)
{
    put_field(context, "bericht", head->name);
    put_field(context, "berichtkenmerk", head->id);
    put_field(context, "tijdstip", head->at_iso);
}

static void put_open_row(void *context, const char *name)
{
    struct event_object *object = context;
    if (json_object_get(object->top, name) == NULL) {
        (void)json_object_set_new(object->top, name, json_array());
    }
    object->row = json_object();
}

static void put_close_row(void *context, const char *name)
{
    struct event_object *object = context;
    (void)json_array_append_new(json_object_get(object->top, name), object->row);
    object->row = NULL;
}

static enum kp_err render_event(const Knooppunt__V1__Event *event, struct kp_writer *writer)
{
    struct event_object object = {.top = json_object()};
    const struct kp_event_visitor visitor = {&object, put_begin, put_field, put_open_row,
                                             put_close_row};
    kp_event_walk(event, &visitor);
    size_t room = writer->capacity - writer->size;
    size_t size = json_dumpb(object.top, NULL, 0, JSON_COMPACT);
    uint8_t *space = size > 0 && size < room ? kp_put_space(writer, size) : NULL;
    if (space != NULL) {
        (void)json_dumpb(object.top, (char *)space, size, JSON_COMPACT);
        kp_put_u8(writer, '\n');
    }
    json_decref(object.top);
    return space != NULL && kp_writer_ok(writer) ? KP_OK : KP_E_LIMIT;
}

const struct kp_translator kp_translator_reclassering = {
    .name = "reclassering",
    .extension = ".jsonl",
    .event_extension = ".jsonl",
    .file_bytes_max = UINT64_C(256) << 20,
    .translate = translate,
    .render_event = render_event,
};
