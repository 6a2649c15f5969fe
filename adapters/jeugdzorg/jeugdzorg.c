/* SPDX-License-Identifier: EUPL-1.2 */
/* StUF-Jeugdzorg 1.0.9, meldingGeneriekDi01: one message a file. */
#include "jeugdzorg/stuf_event.h"
#include "mapped/xml_records.h"
#include "runtime/translator.h"

#include <stdio.h>
#include <string.h>

#define JZ_SPACE "http://www.stufstandaarden.nl/koppelvlak/jz0100"
#define MESSAGE "meldingGeneriekDi01"

static const struct kp_code kinds[] = {
    {"KM", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_KINDERMISHANDELING},
    {"ZM", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_ZORGMELDING},
    {"JR", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_JEUGDRECLASSERING},
    {"HG", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_HUISELIJK_GEWELD},
    {"VZ", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_VERZUIM},
    {"AM", KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_AANMELDING},
    {NULL, 0},
};

/* hoedanigheid of the person the report is about */
static const struct kp_code roles[] = {
    {"001", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER},
    {"002", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_SLACHTOFFER},
    {"003", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_SLACHTOFFER},
    {"004", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_GETUIGE},
    {"005", KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_OVERIG},
    {NULL, 0},
};
#define RELATION_CHILD "015" /* betrokkenheidRelatie: kind */

static const struct kp_code fields_of_life[] = {
    {"01", 1}, {"02", 2}, {"03", 3},  {"04", 4},  {"05", 5},  {"06", 6}, {"07", 7},
    {"08", 8}, {"09", 9}, {"10", 10}, {"11", 11}, {"12", 12}, {NULL, 0},
};

/* xsi:nil or a StUF:noValue: it is there to say that it is not there. */
static bool is_absent(const struct kp_xml_element *element)
{
    struct kp_field no_value = kp_xml_attribute(element, "noValue");
    struct kp_field nil = kp_xml_attribute(element, "nil");
    return kp_field_given(&no_value) || kp_slice_equal(nil.text, KP_SLICE_LIT("true")) ||
           kp_slice_equal(nil.text, KP_SLICE_LIT("1"));
}

/* Along a path; NULL when an element on it is absent in either way. */
static const struct kp_xml_element *find(const struct kp_xml_element *element, const char *path)
{
    const struct kp_xml_element *found = kp_xml_find(element, path);
    for (const struct kp_xml_element *at = found; at != NULL && at != element; at = at->parent) {
        if (is_absent(at)) {
            return NULL;
        }
    }
    return found;
}

static struct kp_field text_at(const struct kp_xml_element *element, const char *path)
{
    struct kp_field field = kp_xml_text(element, path);
    if (find(element, path) == NULL) {
        field.text = KP_SLICE_EMPTY;
    }
    return field;
}

static enum kp_err read_root(void *context, const struct kp_xml_element *root,
                             struct kp_diag *reterr_diag)
{
    (void)context;
    if (strcmp(root->name, MESSAGE) != 0 || strcmp(root->space, JZ_SPACE) != 0) {
        return kp_fail(reterr_diag, KP_E_FILE,
                       "the file is not a StUF message: its root is not " MESSAGE " of " JZ_SPACE);
    }
    return KP_OK;
}

static bool all_digits(struct kp_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
    }
    return true;
}

/* The moment of the message, filled up to 17 digits: the later one is the higher version. */
static void map_version(struct kp_map *map, const struct kp_xml_element *message)
{
    struct kp_field moment = text_at(message, "stuurgegevens/tijdstipBericht");
    struct kp_slice digits = kp_map_trim(moment.text);
    char filled[18] = "00000000000000000";
    if (digits.size < 8 || digits.size > 17 || !all_digits(digits)) {
        char shape[KP_SHAPE_SIZE];
        kp_map_fail(map, KP_E_VERSION, &moment,
                    "a moment is 8 to 17 digits; this looks like \"%s\"",
                    kp_map_shape(digits, shape));
        return;
    }
    memcpy(filled, digits.bytes, digits.size);
    moment.text = kp_slice_of(filled, 17);
    kp_map_version(map, &moment);
}

static void map_kind(struct kp_map *map, const struct kp_xml_element *object)
{
    struct kp_field report = text_at(object, "soortmeldingCode");
    if (!kp_slice_equal(kp_map_trim(report.text), KP_SLICE_LIT("ZVH"))) {
        kp_map_fail(map, KP_E_KIND, &report, "only reports to a veiligheidshuis (ZVH) belong here");
    }
    struct kp_field reason = text_at(object, "redenMelding/code");
    kp_map_kind(map, &reason, kinds);
}

/* Of a moment its day; of the incident, else of its period, else of the report. */
static void map_incident_date(struct kp_map *map, const struct kp_xml_element *object)
{
    static const char *const paths[] = {
        "betreft/gerelateerde/kent/gerelateerde/datumTijd",
        "betreft/gerelateerde/kent/gerelateerde/periodeVanTot/datumtijdEinde",
        "datumTijdMelding",
    };
    struct kp_field moment = {0};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && !kp_field_given(&moment); i++) {
        moment = text_at(object, paths[i]);
    }
    struct kp_slice digits = kp_map_trim(moment.text);
    if (digits.size >= 8 && digits.size <= 17 && all_digits(digits)) {
        moment.text = kp_slice_of(digits.bytes, 8);
    }
    kp_map_incident_date(map, &moment, KP_DATE_DIGITS);
}

/* The digits that StUF:indOnvolledigeDatum calls unknown are not looked at. @buffer holds 9. */
static struct kp_field birth_date(const struct kp_xml_element *person, char buffer[9])
{
    struct kp_field date = text_at(person, "geboortedatum");
    struct kp_field known =
        kp_xml_attribute(kp_xml_child(person, "geboortedatum"), "indOnvolledigeDatum");
    struct kp_slice digits = kp_map_trim(date.text);
    uint8_t mark = known.text.size == 1 ? known.text.bytes[0] : 'V';
    if (mark == 'J') {
        date.text = KP_SLICE_EMPTY;
    } else if (digits.size == 8 && (mark == 'M' || mark == 'D')) {
        (void)snprintf(buffer, 9, "%.*s%s", mark == 'M' ? 4 : 6, (const char *)digits.bytes,
                       mark == 'M' ? "0000" : "00");
        date.text = kp_slice_of(buffer, 8);
    }
    return date;
}

/* Where the person lives by the kind of address: registered first. */
static const struct kp_xml_element *pick_address(const struct kp_xml_element *person)
{
    static const char *const wanted[] = {"51", "03", "02"};
    const struct kp_xml_element *picked = NULL;
    size_t picked_rank = SIZE_MAX;
    for (const struct kp_xml_element *child = person->first; child != NULL; child = child->next) {
        if (strcmp(child->name, "adres") != 0 || is_absent(child) ||
            find(child, "nederlandsadres") == NULL) {
            continue;
        }
        struct kp_field kind = text_at(child, "soortadres");
        size_t rank = 0;
        while (rank < sizeof wanted / sizeof wanted[0] &&
               !kp_slice_equal(kp_map_trim(kind.text), kp_slice_str(wanted[rank]))) {
            rank++;
        }
        if (rank < picked_rank) {
            picked = child;
            picked_rank = rank;
        }
    }
    return picked;
}

#define ADDITION_SIZE 64
static struct kp_address_fields address_fields(const struct kp_xml_element *person,
                                               char addition[ADDITION_SIZE])
{
    const struct kp_xml_element *address = pick_address(person);
    struct kp_field letter = text_at(address, "nederlandsadres/aoa.huisletter");
    struct kp_field rest = text_at(address, "nederlandsadres/aoa.huisnummertoevoeging");
    struct kp_slice first = kp_map_trim(letter.text);
    struct kp_slice second = kp_map_trim(rest.text);
    if (first.size + second.size < ADDITION_SIZE) { /* longer is not for us to weigh: one of them */
        (void)snprintf(addition, ADDITION_SIZE, "%.*s%.*s", (int)first.size,
                       (const char *)first.bytes, (int)second.size, (const char *)second.bytes);
        rest.text = kp_slice_str(addition);
    }
    return (struct kp_address_fields){
        .street = text_at(address, "nederlandsadres/gor.openbareRuimteNaam"),
        .number = text_at(address, "nederlandsadres/aoa.huisnummer"),
        .addition = rest,
        .postcode = text_at(address, "nederlandsadres/aoa.postcode"),
        .place = text_at(address, "nederlandsadres/wpl.woonplaatsNaam"),
    };
}

static void map_person(struct kp_map *map, const struct kp_xml_element *element,
                       Knooppunt__V1__CasusRole role, const char *surname, const char *name)
{
    char date[9];
    char addition[ADDITION_SIZE];
    struct kp_field birth_place = text_at(element, "inp.geboorteplaats");
    if (!kp_field_given(&birth_place)) {
        birth_place = text_at(element, "geboortplaatsnaamBuitenland");
    }
    const struct kp_person_fields person = {
        .role = role,
        .bsn = text_at(element, "inp.bsn"),
        .v_nummer = text_at(element, "vreemdelingennummer"),
        .given_names = text_at(element, "voornamen"),
        .prefix = text_at(element, "voorvoegselGeslachtsnaam"),
        .surname = text_at(element, surname),
        .birth_date = birth_date(element, date),
        .birth_date_form = KP_DATE_DIGITS,
        .birth_place = birth_place,
        .gender = text_at(element, "geslachtsaanduiding"),
        .name = name,
        .line = element->line,
    };
    struct kp_address_fields address = address_fields(element, addition);
    kp_map_person(map, &person, &address);
}

static void map_subject(struct kp_map *map, const struct kp_xml_element *object)
{
    const struct kp_xml_element *subject = find(object, "heeftBetrekkingOp");
    const struct kp_xml_element *person = find(subject, "gerelateerde/natuurlijkPersoon");
    struct kp_field role = text_at(subject, "hoedanigheid");
    if (person == NULL) {
        const struct kp_field field = {
            .name = "heeftBetrekkingOp",
            .line = subject == NULL ? (object == NULL ? 0 : object->line) : subject->line,
        };
        kp_map_fail(map, KP_E_PERSON, &field, "the person whom the report is about is absent");
        return;
    }
    if (!kp_field_given(&role)) {
        kp_map_fail(map, KP_E_ROLE, &role, "the role of this person is absent");
    }
    map_person(map, person, (Knooppunt__V1__CasusRole)kp_map_code(map, &role, roles, KP_E_ROLE),
               "geslachtsnaam", "heeftBetrekkingOp");
}

/* Organisations are no persons and are passed over. */
static void map_others(struct kp_map *map, const struct kp_xml_element *object)
{
    for (const struct kp_xml_element *child = object == NULL ? NULL : object->first; child != NULL;
         child = child->next) {
        const struct kp_xml_element *person =
            strcmp(child->name, "heeftAlsOverigBetrokkene") == 0 && !is_absent(child)
                ? find(child, "gerelateerde/natuurlijkPersoon")
                : NULL;
        if (person == NULL) {
            continue;
        }
        struct kp_field relation = text_at(child, "betrokkenheidRelatie");
        bool is_child = kp_slice_equal(kp_map_trim(relation.text), KP_SLICE_LIT(RELATION_CHILD));
        map_person(map, person,
                   is_child ? KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_KIND
                            : KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_OVERIG,
                   "naam", "heeftAlsOverigBetrokkene");
    }
}

static void map_situation(struct kp_map *map, const struct kp_xml_element *situation)
{
    for (const struct kp_xml_element *child = situation == NULL ? NULL : situation->first;
         child != NULL; child = child->next) {
        if (strcmp(child->name, "vraagAntwoord") == 0) {
            struct kp_field question = text_at(child, "vraagCode");
            struct kp_field answer = text_at(child, "antwoord");
            kp_map_answer(map, &question, &answer);
        } else if (strcmp(child->name, "leefgebied") == 0) {
            struct kp_field code = text_at(child, "leefgebiedCode");
            kp_map_leefgebied(map, (Knooppunt__V1__Leefgebied)kp_map_code(
                                       map, &code, fields_of_life, KP_E_FIELD));
        }
    }
    struct kp_field summary = text_at(situation, "omschrijvingZorgelijkeSituatie");
    map->signal.summary = kp_map_text(map, &summary);
}

static void map_rest(struct kp_map *map, const struct kp_xml_element *object)
{
    static const struct kp_code yes_or_no[] = {{"Ja", 1}, {"Nee", 2}, {NULL, 0}};
    struct kp_field registered = text_at(object, "datumTijdMelding");
    kp_map_registered(map, &registered, KP_DATE_DIGITS);
    struct kp_field feedback = text_at(object, "indicatieTerugkoppelingGewenst");
    int wanted = kp_map_code(map, &feedback, yes_or_no, KP_E_FIELD);
    map->signal.has_feedback_requested = wanted != 0;
    map->signal.feedback_requested = wanted == 1;
    struct kp_field request = text_at(object, "verzoekOmschrijving");
    map->signal.request = kp_map_text(map, &request);
    map_situation(map, find(object, "betreft/gerelateerde"));
}

/* In the order in which faults count. */
static void map_message(struct kp_map *map, const struct kp_xml_element *message)
{
    const struct kp_xml_element *object = find(message, "object");
    struct kp_field reference = text_at(message, "object/identificatie");
    kp_map_reference(map, &reference);
    map_version(map, message);
    struct kp_field processing =
        kp_xml_attribute(kp_xml_find(object, "betreft/gerelateerde"), "verwerkingssoort");
    if (kp_slice_equal(processing.text, KP_SLICE_LIT("V"))) {
        kp_map_withdraw(map);
        return;
    }
    map_kind(map, object);
    map_incident_date(map, object);
    map_subject(map, object);
    map_others(map, object);
    map_rest(map, object);
}

static bool read_message(void *context, const struct kp_xml_element *message,
                         const struct kp_diag *fault)
{
    const struct kp_translate_job *job = context;
    struct kp_map map;
    kp_map_begin(&map, job, 1, message->line, KNOOPPUNT__V1__SOURCE_CLASS__SOURCE_CLASS_MEDICAL,
                 NULL);
    struct kp_field system = text_at(message, "stuurgegevens/zender/applicatie");
    struct kp_field reference = text_at(message, "object/identificatie");
    kp_map_peek_reference(&map, &reference);
    map.record.diag = *fault;
    if (kp_map_ok(&map)) {
        map_message(&map, message);
    }
    if (map.signal.action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT) {
        map.signal.source_system = kp_map_name(&map, &system);
    }
    return kp_map_emit(&map, job);
}

static enum kp_err translate(const struct kp_translate_job *job, struct kp_diag *reterr_diag)
{
    union {
        const struct kp_translate_job *in;
        void *out;
    } context = {.in = job}; /* the handler's context is not const; nobody writes through it */
    const struct kp_xml_handler handler = {context.out, read_root, read_message};
    return kp_xml_read(job->file, job->arena, /* root_is_record= */ true, &handler, reterr_diag);
}

const struct kp_translator kp_translator_jeugdzorg = {
    .name = "jeugdzorg",
    .extension = ".xml",
    .event_extension = ".xml",
    .file_bytes_max = UINT64_C(256) << 20,
    .translate = translate,
    .render_event = kp_stuf_render_event,
};
