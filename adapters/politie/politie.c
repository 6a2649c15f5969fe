/* SPDX-License-Identifier: EUPL-1.2 */
/* BPS registrations: one XML file with many incidents, each with the persons in it. */
#include "mapped/event_walk.h"
#include "mapped/xml_records.h"
#include "mapped/xml_write.h"
#include "runtime/translator.h"

#include <string.h>

#define BPS_SPACE "urn:voorbeeldstad:politie:bps:3"
#define MANY UINT32_MAX

static const struct kp_xml_rule address_rules[] = {
    {"straat", 1, NULL},   {"huisnummer", 1, NULL}, {"toevoeging", 1, NULL},
    {"postcode", 1, NULL}, {"plaats", 1, NULL},     {NULL, 0, NULL},
};
static const struct kp_xml_rule partner_rules[] = {
    {"voorvoegsel", 1, NULL}, {"geslachtsnaam", 1, NULL}, {NULL, 0, NULL}};
static const struct kp_xml_rule person_rules[] = {
    {"bsn", 1, NULL},
    {"vnummer", 1, NULL},
    {"voornamen", 1, NULL},
    {"voorletters", 1, NULL},
    {"voorvoegsel", 1, NULL},
    {"geslachtsnaam", 1, NULL},
    {"naamgebruik", 1, NULL},
    {"partner", 1, partner_rules},
    {"geboortedatum", 1, NULL},
    {"geboorteplaats", 1, NULL},
    {"geslacht", 1, NULL},
    {"adres", 1, address_rules},
    {NULL, 0, NULL},
};
static const struct kp_xml_rule persons_rules[] = {{"betrokkene", MANY, person_rules},
                                                   {NULL, 0, NULL}};
static const struct kp_xml_rule registration_rules[] = {
    {"klasse", 1, NULL},
    {"document", 1, NULL},
    {"datum", 1, NULL},
    {"tijd", 1, NULL},
    {"geregistreerd", 1, NULL},
    {"ernst", 1, NULL},
    {"thema", 4, NULL},
    {"locatie", 1, address_rules},
    {"toelichting", 1, NULL},
    {"betrokkenen", 1, persons_rules},
    {NULL, 0, NULL},
};
static const struct kp_xml_rule withdrawal_rules[] = {{"reden", 1, NULL}, {NULL, 0, NULL}};

static const struct kp_code roles[] = {
    {"V", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER},
    {"S", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_SLACHTOFFER},
    {"B", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_SLACHTOFFER},
    {"G", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_GETUIGE},
    {"K", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_KIND},
    {"A", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_OVERIG},
    {"O", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_OVERIG},
    {NULL, 0},
};

/* What happened, and what it is called when a proces-verbaal was made and when not. */
struct incident_class {
    const char *code;
    Knooppunt__V1__SignalKind with_pv, without_pv;
    Knooppunt__V1__Leefgebied leefgebied; /* besides justitie en politie */
};
#define KIND(name) KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_##name
#define FIELD_OF_LIFE(name) KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_##name
static const struct incident_class classes[] = {
    {"HG1", KIND(HUISELIJK_GEWELD), KIND(HUISELIJK_GEWELD), FIELD_OF_LIFE(RELATIES)},
    {"HG2", KIND(HUISELIJK_GEWELD), KIND(HUISELIJK_GEWELD), FIELD_OF_LIFE(RELATIES)},
    {"HG3", KIND(HUISELIJK_GEWELD), KIND(HUISELIJK_GEWELD), FIELD_OF_LIFE(RELATIES)},
    {"KM1", KIND(KINDERMISHANDELING), KIND(KINDERMISHANDELING), FIELD_OF_LIFE(RELATIES)},
    {"OV1", KIND(OVERLAST), KIND(OVERLAST), FIELD_OF_LIFE(SOCIAAL_NETWERK)},
    {"OV2", KIND(OVERLAST), KIND(OVERLAST), FIELD_OF_LIFE(SOCIAAL_NETWERK)},
    {"WO1", KIND(WOONOVERLAST), KIND(WOONOVERLAST), FIELD_OF_LIFE(HUISVESTING)},
    {"DR1", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(MIDDELENGEBRUIK_VERSLAVING)},
    {"VM1", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"VM2", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"VM3", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"GW1", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"GW2", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"VN1", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"VK1", KIND(PROCES_VERBAAL), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
    {"IN9", KIND(INCIDENT), KIND(INCIDENT), FIELD_OF_LIFE(JUSTITIE_POLITIE)},
};
#undef KIND
#undef FIELD_OF_LIFE

enum document { DOCUMENT_MUTATION = 1, DOCUMENT_PROCES_VERBAAL = 2 };
static const struct kp_code documents[] = {
    {"MUT", DOCUMENT_MUTATION}, {"PV", DOCUMENT_PROCES_VERBAAL}, {NULL, 0}};

struct reading {
    const struct kp_translate_job *job;
    uint32_t announced; /* @aantal */
    uint32_t counted;
    uint32_t number; /* of the record in the file */
    bool stopped;
};

static enum kp_err read_root(void *context, const struct kp_xml_element *root,
                             struct kp_diag *reterr_diag)
{
    struct reading *reading = context;
    if (strcmp(root->name, "registraties") != 0 || strcmp(root->space, BPS_SPACE) != 0) {
        return kp_fail(reterr_diag, KP_E_FILE,
                       "the file is not a BPS export: its root is not "
                       "\"registraties\" of " BPS_SPACE);
    }
    /* The same reader of numbers as for the fields of records. */
    struct kp_map map;
    kp_map_begin(&map, reading->job, 0, root->line, 0, NULL);
    struct kp_field count = kp_xml_attribute(root, "aantal");
    if (!kp_map_number(&map, &count, 0, UINT32_MAX, &reading->announced)) {
        return kp_fail(reterr_diag, KP_E_FILE,
                       "the root does not say in \"aantal\" how many records the file has");
    }
    return KP_OK;
}

static const struct incident_class *find_class(const struct kp_field *code)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (kp_slice_equal(kp_slice_str(classes[i].code), kp_map_trim(code->text))) {
            return &classes[i];
        }
    }
    return NULL;
}

/* The document's own fault comes last, with everything else; for the kind it only matters whether
 * it says PV. */
static void map_class(struct kp_map *map, const struct kp_xml_element *record)
{
    const struct kp_xml_element *element = kp_xml_child(record, "klasse");
    struct kp_field code = kp_xml_attribute(element, "code");
    code.name = "klasse";
    const struct incident_class *class = find_class(&code);
    if (class == NULL) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_KIND, &code,
                    "this class is not in the agreed list (it looks like \"%s\")",
                    kp_map_shape(kp_map_trim(code.text), shape));
        return;
    }
    struct kp_field document = kp_xml_text(record, "document");
    bool pv = kp_slice_equal(kp_map_trim(document.text), kp_slice_str("PV"));
    map->signal.has_kind = 1;
    map->signal.kind = pv ? class->with_pv : class->without_pv;
    kp_map_leefgebied(map, class->leefgebied);
    kp_map_leefgebied(map, KNOOPPUNT__V1__LEEFGEBIED__LEEFGEBIED_JUSTITIE_POLITIE);
}

static struct kp_address_fields address_fields(const struct kp_xml_element *element)
{
    return (struct kp_address_fields){
        .street = kp_xml_text(element, "straat"),
        .number = kp_xml_text(element, "huisnummer"),
        .addition = kp_xml_text(element, "toevoeging"),
        .postcode = kp_xml_text(element, "postcode"),
        .place = kp_xml_text(element, "plaats"),
    };
}

static void map_person(struct kp_map *map, const struct kp_xml_element *element)
{
    struct kp_field role = kp_xml_attribute(element, "rol");
    if (!kp_field_given(&role)) {
        kp_map_fail(map, KP_E_ROLE, &role, "the role of this person is absent");
    }
    const struct kp_person_fields person = {
        .role = (Knooppunt__V1__CasusRole)kp_map_code(map, &role, roles, KP_E_ROLE),
        .bsn = kp_xml_text(element, "bsn"),
        .v_nummer = kp_xml_text(element, "vnummer"),
        .given_names = kp_xml_text(element, "voornamen"),
        .initials = kp_xml_text(element, "voorletters"),
        .prefix = kp_xml_text(element, "voorvoegsel"),
        .surname = kp_xml_text(element, "geslachtsnaam"),
        .partner_prefix = kp_xml_text(element, "partner/voorvoegsel"),
        .partner_surname = kp_xml_text(element, "partner/geslachtsnaam"),
        .name_usage = kp_xml_text(element, "naamgebruik"),
        .birth_date = kp_xml_text(element, "geboortedatum"),
        .birth_date_form = KP_DATE_ISO,
        .birth_place = kp_xml_text(element, "geboorteplaats"),
        .gender = kp_xml_text(element, "geslacht"),
        .name = "betrokkene",
        .line = element->line,
    };
    struct kp_address_fields address = address_fields(kp_xml_child(element, "adres"));
    kp_map_person(map, &person, &address);
}

static void map_place(struct kp_map *map, const struct kp_xml_element *record)
{
    const struct kp_xml_element *element = kp_xml_child(record, "locatie");
    struct kp_field area = kp_xml_attribute(element, "gebied");
    kp_map_area(map, &area);
    if (kp_map_ok(map) && map->signal.n_persons == 0 && map->signal.area_code == NULL) {
        kp_map_fail(map, KP_E_AREA, &area, "the record names neither a person nor an area");
    }
    struct kp_address_fields place = address_fields(element);
    map->signal.place = kp_map_address(map, &place);
}

static void map_rest(struct kp_map *map, const struct kp_xml_element *record)
{
    struct kp_field document = kp_xml_text(record, "document");
    (void)kp_map_code(map, &document, documents, KP_E_FIELD); /* its value went into the kind */
    struct kp_field registered = kp_xml_text(record, "geregistreerd");
    kp_map_registered(map, &registered, KP_DATE_ISO);
    struct kp_field severity = kp_xml_text(record, "ernst");
    kp_map_severity(map, &severity);
    for (const struct kp_xml_element *child = record->first; child != NULL; child = child->next) {
        if (strcmp(child->name, "thema") == 0) {
            const struct kp_field theme = {"thema", child->text, child->line};
            kp_map_theme(map, &theme);
        }
    }
    struct kp_field summary = kp_xml_text(record, "toelichting");
    map->signal.summary = kp_map_text(map, &summary);
}

/* In the order in which faults count. */
static void map_registration(struct kp_map *map, const struct kp_xml_element *record)
{
    map_class(map, record);
    struct kp_field date = kp_xml_text(record, "datum");
    kp_map_incident_date(map, &date, KP_DATE_ISO);
    const struct kp_xml_element *persons = kp_xml_child(record, "betrokkenen");
    for (const struct kp_xml_element *person = persons == NULL ? NULL : persons->first;
         person != NULL; person = person->next) {
        map_person(map, person);
    }
    map_place(map, record);
    map_rest(map, record);
}

static void check_form(struct kp_map *map, const struct kp_xml_element *record, bool registration,
                       bool withdrawal)
{
    bool often = false;
    const struct kp_xml_element *wrong =
        !registration && !withdrawal
            ? record
            : kp_xml_check(record, registration ? registration_rules : withdrawal_rules, &often);
    if (wrong != NULL) {
        const struct kp_field field = {.name = wrong->name, .line = wrong->line};
        kp_map_fail(map, KP_E_RECORD, &field,
                    often ? "this element comes more often than it can"
                          : "this element has no place here");
    }
}

static bool read_record(void *context, const struct kp_xml_element *record,
                        const struct kp_diag *fault)
{
    struct reading *reading = context;
    bool own = strcmp(record->space, BPS_SPACE) == 0;
    bool registration = own && strcmp(record->name, "registratie") == 0;
    bool withdrawal = own && strcmp(record->name, "intrekking") == 0;
    reading->counted += registration || withdrawal ? 1 : 0;
    struct kp_map map;
    kp_map_begin(&map, reading->job, ++reading->number, record->line,
                 KNOOPPUNT__V1__SOURCE_CLASS__SOURCE_CLASS_WPG, "BPS");
    struct kp_field reference = kp_xml_attribute(record, "nummer");
    struct kp_field version = kp_xml_attribute(record, "mutatie");
    kp_map_peek_reference(&map, &reference);
    map.record.diag = *fault;
    check_form(&map, record, registration, withdrawal);
    kp_map_reference(&map, &reference);
    kp_map_version(&map, &version);
    if (withdrawal) {
        kp_map_withdraw(&map);
    } else if (kp_map_ok(&map)) {
        map_registration(&map, record);
    }
    reading->stopped = !kp_map_emit(&map, reading->job);
    return !reading->stopped;
}

static enum kp_err translate(const struct kp_translate_job *job, struct kp_diag *reterr_diag)
{
    struct reading reading = {.job = job};
    const struct kp_xml_handler handler = {&reading, read_root, read_record};
    enum kp_err err =
        kp_xml_read(job->file, job->arena, /* root_is_record= */ false, &handler, reterr_diag);
    if (err == KP_OK && !reading.stopped && reading.counted != reading.announced) {
        return kp_fail_field(reterr_diag, KP_E_FILE, "aantal",
                             "the file announces %u records and holds %u: was it cut off?",
                             reading.announced, reading.counted);
    }
    return err;
}

static void put_begin(void *context, const struct kp_event_head *head)
{
    struct kp_xml_writer *xml = context;
    kp_xml_put_declaration(xml);
    kp_xml_put_open(xml, "bps:bericht",
                    (const struct kp_xml_pair[]){{"xmlns:bps", BPS_SPACE},
                                                 {"soort", head->name},
                                                 {"kenmerk", head->id},
                                                 {"tijdstip", head->at_iso},
                                                 {NULL, NULL}});
}

static void put_field(void *context, const char *name, const char *value)
{
    struct kp_xml_writer *xml = context;
    char element[80];
    kp_xml_put_element(xml, kp_xml_prefixed("bps", name, element, sizeof element), value);
}

static void put_open_row(void *context, const char *name)
{
    struct kp_xml_writer *xml = context;
    char element[80];
    kp_xml_put_open(xml, kp_xml_prefixed("bps", name, element, sizeof element), NULL);
}

static void put_close_row(void *context, const char *name)
{
    struct kp_xml_writer *xml = context;
    char element[80];
    kp_xml_put_close(xml, kp_xml_prefixed("bps", name, element, sizeof element));
}

static enum kp_err render_event(const Knooppunt__V1__Event *event, struct kp_writer *writer)
{
    struct kp_xml_writer xml = {.writer = writer};
    const struct kp_event_visitor visitor = {&xml, put_begin, put_field, put_open_row,
                                             put_close_row};
    kp_event_walk(event, &visitor);
    kp_xml_put_close(&xml, "bps:bericht");
    return kp_writer_ok(writer) ? KP_OK : KP_E_LIMIT;
}

const struct kp_translator kp_translator_politie = {
    .name = "politie",
    .extension = ".xml",
    .event_extension = ".xml",
    .file_bytes_max = UINT64_C(256) << 20,
    .translate = translate,
    .render_event = render_event,
};
