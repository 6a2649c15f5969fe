/* SPDX-License-Identifier: EUPL-1.2 */
/* StUF-Jeugdzorg messages in, StUF confirmations and faults out; against the official schemas when
 * TEST_DATA_DIR holds them. */
#include "translated.h"

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <unistd.h>

/* The parts of a message that tests replace. */
struct parts {
    const char *stamp, *reference, *role, *person, *others, *processing, *incident, *situation,
        *reported, *report_kind, *reason, *feedback;
};

static const struct parts plain = {
    .stamp = "20261005060000",
    .reference = "<ZKN:identificatie>JZ-2026-0815</ZKN:identificatie>",
    .role = "<ZKN:hoedanigheid>002</ZKN:hoedanigheid>",
    .person =
        "<BG:inp.bsn>900036102</BG:inp.bsn><BG:geslachtsnaam>Gr\xC3\xB6ot</BG:geslachtsnaam>\n"
        "<BG:voorvoegselGeslachtsnaam>de</BG:voorvoegselGeslachtsnaam>\n"
        "<BG:voornamen>Kim</BG:voornamen><BG:geslachtsaanduiding>V</BG:geslachtsaanduiding>\n"
        "<BG:geboortedatum StUF:indOnvolledigeDatum=\"D\">20140600</BG:geboortedatum>\n"
        "<BG:inp.geboorteplaats>Voorbeeldstad</BG:inp.geboorteplaats>\n"
        "<BG:vreemdelingennummer>V77</BG:vreemdelingennummer>\n"
        "<BG:adres><BG:soortadres>09</BG:soortadres><BG:nederlandsadres>"
        "<BG:wpl.woonplaatsNaam>Elders</BG:wpl.woonplaatsNaam>"
        "<BG:aoa.postcode>9999ZZ</BG:aoa.postcode></BG:nederlandsadres></BG:adres>\n"
        "<BG:adres><BG:soortadres>03</BG:soortadres><BG:nederlandsadres>"
        "<BG:wpl.woonplaatsNaam>Voorbeeldstad</BG:wpl.woonplaatsNaam>"
        "<BG:gor.openbareRuimteNaam>Molenwal</BG:gor.openbareRuimteNaam>"
        "<BG:aoa.postcode>9001BC</BG:aoa.postcode><BG:aoa.huisnummer>14</BG:aoa.huisnummer>"
        "<BG:aoa.huisletter>A</BG:aoa.huisletter>"
        "<BG:aoa.huisnummertoevoeging>bis</BG:aoa.huisnummertoevoeging>"
        "</BG:nederlandsadres></BG:adres>\n",
    .others = "<ZKN:heeftAlsOverigBetrokkene StUF:entiteittype=\"ZAKBTROVR\">"
              "<ZKN:gerelateerde StUF:entiteittype=\"BTR\"><ZKN:natuurlijkPersoon "
              "StUF:entiteittype=\"NPS\"><BG:geslachtsaanduiding>M</BG:geslachtsaanduiding>"
              "<BG:naam>Groot</BG:naam></ZKN:natuurlijkPersoon></ZKN:gerelateerde>"
              "<ZKN:betrokkenheidRelatie>015</ZKN:betrokkenheidRelatie>"
              "</ZKN:heeftAlsOverigBetrokkene>\n"
              "<ZKN:heeftAlsOverigBetrokkene StUF:entiteittype=\"ZAKBTROVR\">"
              "<ZKN:gerelateerde StUF:entiteittype=\"BTR\"><ZKN:organisatorischeEenheid "
              "StUF:entiteittype=\"OEH\"><ZKN:identificatie>1</ZKN:identificatie>"
              "<ZKN:naam>School</ZKN:naam></ZKN:organisatorischeEenheid></ZKN:gerelateerde>"
              "<ZKN:betrokkenheidRelatie>004</ZKN:betrokkenheidRelatie>"
              "</ZKN:heeftAlsOverigBetrokkene>\n"
              "<ZKN:heeftAlsOverigBetrokkene StUF:entiteittype=\"ZAKBTROVR\">"
              "<ZKN:gerelateerde StUF:entiteittype=\"BTR\"><ZKN:natuurlijkPersoon "
              "StUF:entiteittype=\"NPS\"><BG:inp.bsn>900075697</BG:inp.bsn>"
              "<BG:geslachtsaanduiding xsi:nil=\"true\" StUF:noValue=\"waardeOnbekend\"/>"
              "<BG:naam xsi:nil=\"true\" StUF:noValue=\"geenWaarde\"/></ZKN:natuurlijkPersoon>"
              "</ZKN:gerelateerde><ZKN:betrokkenheidRelatie>027</ZKN:betrokkenheidRelatie>"
              "</ZKN:heeftAlsOverigBetrokkene>\n",
    .processing = "",
    .incident = "<JZ:kent StUF:entiteittype=\"ZOSINC\"><JZ:gerelateerde StUF:entiteittype=\"INC\">"
                "<JZ:datumTijd>202609120930</JZ:datumTijd><JZ:omschrijving>Ruzie"
                "</JZ:omschrijving><JZ:locatieAanduiding>thuis</JZ:locatieAanduiding>"
                "</JZ:gerelateerde></JZ:kent>",
    .situation =
        "<JZ:omschrijvingZorgelijkeSituatie>Verwaarlozing &amp; ruzie"
        "</JZ:omschrijvingZorgelijkeSituatie>\n"
        "<JZ:vraagAntwoord><JZ:vraagCode>ZVH-001</JZ:vraagCode><JZ:antwoord>Ja</JZ:antwoord>"
        "</JZ:vraagAntwoord><JZ:vraagAntwoord><JZ:vraagCode>ZVH-22</JZ:vraagCode>"
        "<JZ:antwoord xsi:nil=\"true\" StUF:noValue=\"waardeOnbekend\"/></JZ:vraagAntwoord>\n"
        "<JZ:leefgebied><JZ:leefgebiedCode>08</JZ:leefgebiedCode></JZ:leefgebied>"
        "<JZ:leefgebied><JZ:leefgebiedCode>01</JZ:leefgebiedCode></JZ:leefgebied>"
        "<JZ:leefgebied><JZ:leefgebiedCode>08</JZ:leefgebiedCode></JZ:leefgebied>\n",
    .reported = "<JZ:datumTijdMelding>20261001143000</JZ:datumTijdMelding>",
    .report_kind = "<JZ:soortmeldingCode>ZVH</JZ:soortmeldingCode>",
    .reason = "<JZ:redenMelding><JZ:code>KM</JZ:code></JZ:redenMelding>",
    .feedback = "<JZ:indicatieTerugkoppelingGewenst>Ja</JZ:indicatieTerugkoppelingGewenst>",
};

static const char *write_message(const struct parts *parts)
{
    static char text[400000];
    (void)snprintf(
        text, sizeof text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<JZ:meldingGeneriekDi01 xmlns:JZ=\"http://www.stufstandaarden.nl/koppelvlak/jz0100\"\n"
        "  xmlns:StUF=\"http://www.egem.nl/StUF/StUF0301\"\n"
        "  xmlns:BG=\"http://www.egem.nl/StUF/sector/bg/0310\"\n"
        "  xmlns:ZKN=\"http://www.egem.nl/StUF/sector/zkn/0310\"\n"
        "  xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
        "<JZ:stuurgegevens><StUF:berichtcode>Di01</StUF:berichtcode>\n"
        "<StUF:zender><StUF:organisatie>BJZ</StUF:organisatie>"
        "<StUF:applicatie>JeugdSys</StUF:applicatie></StUF:zender>\n"
        "<StUF:ontvanger><StUF:organisatie>VH</StUF:organisatie>"
        "<StUF:applicatie>Knooppunt</StUF:applicatie></StUF:ontvanger>\n"
        "<StUF:referentienummer>M-1</StUF:referentienummer>"
        "<StUF:tijdstipBericht>%s</StUF:tijdstipBericht>\n"
        "<StUF:functie>meldingGeneriekDi01</StUF:functie></JZ:stuurgegevens>\n"
        "<JZ:object StUF:entiteittype=\"ZAK\">\n%s\n" /* line 13: identificatie */
        "<ZKN:heeftBetrekkingOp StUF:entiteittype=\"ZAKOBJ\"><ZKN:gerelateerde "
        "StUF:entiteittype=\"OBJ\"><ZKN:natuurlijkPersoon StUF:entiteittype=\"NPS\">\n"
        "%s</ZKN:natuurlijkPersoon></ZKN:gerelateerde>%s</ZKN:heeftBetrekkingOp>\n"
        "<ZKN:heeftAlsInitiator StUF:entiteittype=\"ZAKBTRINI\"><ZKN:gerelateerde "
        "StUF:entiteittype=\"BTR\"/></ZKN:heeftAlsInitiator>\n"
        "<ZKN:heeftAlsUitvoerende StUF:entiteittype=\"ZAKBTRUTV\"><ZKN:gerelateerde "
        "StUF:entiteittype=\"BTR\"/></ZKN:heeftAlsUitvoerende>\n%s"
        "<ZKN:betreft StUF:entiteittype=\"ZAKZOS\"><ZKN:gerelateerde StUF:entiteittype=\"ZOS\"%s>\n"
        "%s%s</ZKN:gerelateerde></ZKN:betreft>\n%s\n%s\n%s\n%s\n"
        "<JZ:verzoekOmschrijving>Graag bespreken</JZ:verzoekOmschrijving>\n"
        "</JZ:object></JZ:meldingGeneriekDi01>",
        parts->stamp, parts->reference, parts->person, parts->role, parts->others,
        parts->processing, parts->situation, parts->incident, parts->reported, parts->report_kind,
        parts->reason, parts->feedback);
    return text;
}

static const struct translated *translate(const struct parts *parts)
{
    return translate_text(&kp_translator_jeugdzorg, write_message(parts));
}

static void a_message_becomes_exactly_this_signal(void **state)
{
    (void)state;
    const struct translated *translated = translate(&plain);
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 1);
    assert_signal(
        translated, 0,
        "reference=JZ-2026-0815\nversion=20261005060000000\naction=SIGNAL_ACTION_REPORT\n"
        "kind=SIGNAL_KIND_KINDERMISHANDELING\n"
        "incident_date.year=2026\nincident_date.month=9\nincident_date.day=12\n"
        "registered_at_ms=1790857800000\n"
        "leefgebieden.0=LEEFGEBIED_FINANCIEN\nleefgebieden.1=LEEFGEBIED_GEESTELIJKE_GEZONDHEID\n"
        "source_class=SOURCE_CLASS_MEDICAL\nsource_system=JeugdSys\n"
        "summary=Verwaarlozing & ruzie\nrequest=Graag bespreken\nfeedback_requested=1\n"
        "answers.0.question=ZVH-001\nanswers.0.answer=Ja\n"
        "persons.0.role=CASUS_ROLE_SLACHTOFFER\npersons.0.bsn=900036102\npersons.0.v_nummer=V77\n"
        "persons.0.given_names=Kim\npersons.0.prefix=de\npersons.0.surname=Gr\xC3\xB6ot\n"
        "persons.0.birth_date.year=2014\npersons.0.birth_date.month=6\n"
        "persons.0.birth_place=Voorbeeldstad\npersons.0.gender=GENDER_VROUW\n"
        "persons.0.address.street=Molenwal\npersons.0.address.house_number=14\n"
        "persons.0.address.house_number_addition=Abis\npersons.0.address.postcode=9001BC\n"
        "persons.0.address.place=Voorbeeldstad\n"
        "persons.1.role=CASUS_ROLE_KIND\npersons.1.surname=Groot\npersons.1.gender=GENDER_MAN\n"
        "persons.2.role=CASUS_ROLE_OVERIG\npersons.2.bsn=900075697\n");
    assert_int_equal(translated->records[0].line, 6); /* where its tag ends */
}

/* Each a change of one part, and a line that the signal then has. */
static void parts_of_a_message_and_what_they_give(void **state)
{
    (void)state;
    const char *none = "";
    static const char period[] =
        "<JZ:kent StUF:entiteittype=\"ZOSINC\"><JZ:gerelateerde StUF:entiteittype=\"INC\">"
        "<JZ:periodeVanTot><JZ:datumtijdBegin>20260801</JZ:datumtijdBegin><JZ:datumtijdEinde>"
        "20260831120000</JZ:datumtijdEinde></JZ:periodeVanTot></JZ:gerelateerde></JZ:kent>";
    static const char name[] = "<BG:geslachtsnaam>Groot</BG:geslachtsnaam>";
    char month[200];
    (void)snprintf(month, sizeof month,
                   "%s<BG:geboortedatum StUF:indOnvolledigeDatum=\"M\">20141399</BG:geboortedatum>",
                   name);
    char nothing[200];
    (void)snprintf(nothing, sizeof nothing,
                   "%s<BG:geboortedatum StUF:indOnvolledigeDatum=\"J\">00000000</BG:geboortedatum>",
                   name);
    char abroad[200];
    (void)snprintf(abroad, sizeof abroad,
                   "%s<BG:geboortplaatsnaamBuitenland>Ankara</BG:geboortplaatsnaamBuitenland>",
                   name);
    struct {
        struct parts parts;
        const char *expected;
    } rows[] = {
        {plain, "incident_date.month=9\n"},
        {plain, "incident_date.month=8\nincident_date.day=31\n"},
        {plain, "incident_date.month=10\nincident_date.day=1\n"},
        {plain, "registered_at_ms=1767222000000\n"},
        {plain, "version=20261005000000000\n"},
        {plain, "surname=Groot\npersons.0.birth_date.year=2014\npersons.1"},
        {plain, "surname=Groot\npersons.1"},
        {plain, "surname=Groot\npersons.0.birth_place=Ankara\n"},
        {plain, "kind=SIGNAL_KIND_AANMELDING\n"},
        {plain, "feedback_requested=0\n"},
    };
    rows[1].parts.incident = period;
    rows[2].parts.incident = none;
    rows[3].parts.reported = "<JZ:datumTijdMelding>20260101</JZ:datumTijdMelding>";
    rows[4].parts.stamp = "20261005";
    rows[5].parts.person = month;
    rows[6].parts.person = nothing;
    rows[7].parts.person = abroad;
    rows[8].parts.reason = "<JZ:redenMelding><JZ:code>AM</JZ:code></JZ:redenMelding>";
    rows[9].parts.feedback =
        "<JZ:indicatieTerugkoppelingGewenst>Nee</JZ:indicatieTerugkoppelingGewenst>";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct translated *translated = translate(&rows[i].parts);
        assert_int_equal(translated->records[0].diag.err, KP_OK);
        if (strstr(translated->records[0].signal, rows[i].expected) == NULL) {
            fail_msg("row %zu: no \"%s\" in\n%s", i, rows[i].expected,
                     translated->records[0].signal);
        }
    }
}

static void a_report_that_is_taken_back(void **state)
{
    (void)state;
    struct parts parts = plain;
    parts.processing = " StUF:verwerkingssoort=\"V\"";
    assert_signal(translate(&parts), 0,
                  "reference=JZ-2026-0815\nversion=20261005060000000\n"
                  "action=SIGNAL_ACTION_WITHDRAW\n");
    parts.processing = " verwerkingssoort=\"V\"";
    parts.report_kind = "";
    assert_int_equal(translate(&parts)->good, 1);
}

static void a_broken_message_is_held_with_code_line_and_field(void **state)
{
    (void)state;
    struct {
        struct parts parts;
        enum kp_err err;
        uint32_t line;
        const char *field;
    } rows[15];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rows[i].parts = plain;
    }
#define ROW(i, part, text, code, at, name)                                                         \
    rows[i].parts.part = text;                                                                     \
    rows[i].err = code;                                                                            \
    rows[i].line = at;                                                                             \
    rows[i].field = name
    ROW(0, reference, "", KP_E_REFERENCE, 6, "identificatie");
    ROW(1, reference, "<ZKN:identificatie xsi:nil=\"true\">A-1</ZKN:identificatie>", KP_E_REFERENCE,
        13, "identificatie");
    ROW(2, stamp, "2026", KP_E_VERSION, 10, "tijdstipBericht");
    ROW(3, stamp, "2026100506000x", KP_E_VERSION, 10, "tijdstipBericht");
    ROW(4, report_kind, "<JZ:soortmeldingCode>VT</JZ:soortmeldingCode>", KP_E_KIND, 35,
        "soortmeldingCode");
    ROW(5, reason, "<JZ:redenMelding/>", KP_E_KIND, 12, "code");
    ROW(6, reason, "<JZ:redenMelding><JZ:code>XX</JZ:code></JZ:redenMelding>", KP_E_KIND, 36,
        "code");
    ROW(7, reported, "<JZ:datumTijdMelding>20260230</JZ:datumTijdMelding>", KP_E_DATE, 34,
        "datumTijdMelding");
    ROW(8, role, "<ZKN:hoedanigheid>009</ZKN:hoedanigheid>", KP_E_ROLE, 23, "hoedanigheid");
    ROW(9, person, "<BG:inp.bsn>9000361</BG:inp.bsn>", KP_E_BSN, 15, "inp.bsn");
    ROW(10, person, "<BG:voornamen>Kim</BG:voornamen>", KP_E_PERSON, 14, "heeftBetrekkingOp");
    ROW(11, person,
        "<BG:geslachtsnaam>G</BG:geslachtsnaam>\n<BG:geboortedatum>20140631</BG:geboortedatum>",
        KP_E_DATE, 16, "geboortedatum");
    ROW(12, feedback, "<JZ:indicatieTerugkoppelingGewenst>J</JZ:indicatieTerugkoppelingGewenst>",
        KP_E_FIELD, 37, "indicatieTerugkoppelingGewenst");
    ROW(13, situation, "<JZ:leefgebied><JZ:leefgebiedCode>13</JZ:leefgebiedCode></JZ:leefgebied>",
        KP_E_FIELD, 30, "leefgebiedCode");
    ROW(14, reference, "<ZKN:identificatie StUF:noValue=\"geenWaarde\">A-1</ZKN:identificatie>",
        KP_E_REFERENCE, 13, "identificatie");
#undef ROW
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct translated *translated = translate(&rows[i].parts);
        assert_int_equal(translated->err, KP_OK);
        assert_int_equal(translated->count, 1);
        assert_held(translated, 0, rows[i].err, rows[i].line, rows[i].field);
    }
}

static void another_document_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum kp_err err;
        uint32_t line;
    } files[] = {
        {"", KP_E_FILE, 1},
        {"<meldingGeneriekDi01/>", KP_E_FILE, 1},
        {"<a:vcobDi01 xmlns:a=\"http://www.stufstandaarden.nl/koppelvlak/jz0100\"/>", KP_E_FILE, 1},
        {"<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>", KP_E_FILE, 1},
        {"<?xml version=\"1.0\" encoding=\"UTF-16\"?><x/>", KP_E_ENCODING, 1},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct kp_mono begin = kp_mono_now();
        assert_refused(translate_text(&kp_translator_jeugdzorg, files[i].text), files[i].err,
                       files[i].line);
        assert_true(elapsed_ms(begin) < 100);
    }
    /* An empty message is a message: what it lacks first is its number. */
    assert_held(translate_text(&kp_translator_jeugdzorg,
                               "<a:meldingGeneriekDi01 "
                               "xmlns:a=\"http://www.stufstandaarden.nl/koppelvlak/jz0100\"/>"),
                0, KP_E_REFERENCE, 1, "identificatie");
}

static void cut_off_anywhere_it_is_refused(void **state)
{
    (void)state;
    const char *text = write_message(&plain);
    uint32_t accepted = 0;
    cut_everywhere(&kp_translator_jeugdzorg, kp_slice_str(text), &accepted);
    assert_int_equal(accepted, 0);
}

static void too_many_persons_and_elements_are_held(void **state)
{
    (void)state;
    static char many[350000];
    size_t used = 0;
    for (int i = 0; i < 31; i++) {
        used += (size_t)snprintf(
            many + used, sizeof many - used,
            "<ZKN:heeftAlsOverigBetrokkene><ZKN:gerelateerde><ZKN:natuurlijkPersoon>"
            "<BG:naam>Groot</BG:naam></ZKN:natuurlijkPersoon></ZKN:gerelateerde>"
            "</ZKN:heeftAlsOverigBetrokkene>");
    }
    struct parts parts = plain;
    parts.others = many;
    assert_int_equal(translate(&parts)->records[0].diag.err, KP_E_TOO_MANY_PERSONS);
    used = 0;
    for (int i = 0; i < 5000; i++) {
        used +=
            (size_t)snprintf(many + used, sizeof many - used, "<ZKN:heeftAlsOverigBetrokkene/>");
    }
    const struct translated *translated = translate(&parts);
    assert_int_equal(translated->records[0].diag.err, KP_E_RECORD);
    assert_string_equal(translated->records[0].reference, "JZ-2026-0815");
}

static void ignore_schema_error(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

/* How many faults the official schema finds; -1 when the document cannot be read. */
static int schema_faults(xmlSchemaPtr schema, const char *text)
{
    xmlDocPtr document = xmlReadMemory(text, (int)strlen(text), "message.xml", NULL,
                                       XML_PARSE_NONET | XML_PARSE_NOERROR);
    if (document == NULL) {
        return -1;
    }
    xmlSchemaValidCtxtPtr context = xmlSchemaNewValidCtxt(schema);
    xmlSchemaSetValidErrors(context, ignore_schema_error, ignore_schema_error, NULL);
    int faults = xmlSchemaValidateDoc(context, document);
    xmlSchemaFreeValidCtxt(context);
    xmlFreeDoc(document);
    return faults;
}

static xmlSchemaPtr official_schema(void)
{
    const char *folder = getenv("TEST_DATA_DIR");
    char path[1024];
    (void)snprintf(path, sizeof path,
                   "%s/stuf-jeugdzorg-1.0.9/gm/jz0100_msg_gmberichten_resolved2025.xsd",
                   folder == NULL ? "" : folder);
    if (folder == NULL || access(path, R_OK) != 0) {
        print_message("skipped: TEST_DATA_DIR does not hold the StUF-Jeugdzorg schemas\n");
        return NULL;
    }
    xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(path);
    xmlSchemaSetParserErrors(parser, ignore_schema_error, ignore_schema_error, NULL);
    xmlSchemaPtr schema = xmlSchemaParse(parser);
    xmlSchemaFreeParserCtxt(parser);
    assert_non_null(schema);
    return schema;
}

static void messages_validate_against_the_official_schemas(void **state)
{
    (void)state;
    xmlSchemaPtr schema = official_schema();
    if (schema == NULL) {
        skip();
    }
    assert_int_equal(schema_faults(schema, write_message(&plain)), 0);
    struct parts parts = plain;
    parts.role = "";
    assert_true(schema_faults(schema, write_message(&parts)) > 0); /* it can see a fault */
    static struct sample_events events;
    make_events(&events);
    const Knooppunt__V1__Event *const all[] = {&events.outcomes_event, &events.known_event,
                                               &events.ready_event};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(schema_faults(schema, rendered(&kp_translator_jeugdzorg, all[i])), 0);
    }
    xmlSchemaFree(schema);
    xmlCleanupParser();
}

static void events_are_stuf_confirmations_and_faults(void **state)
{
    (void)state;
    static struct sample_events events;
    make_events(&events);
#define SYSTEMS                                                                                    \
    "      <StUF:zender>\n        <StUF:organisatie>Veiligheidshuis</StUF:organisatie>\n"          \
    "        <StUF:applicatie>Knooppunt</StUF:applicatie>\n      </StUF:zender>\n"                 \
    "      <StUF:ontvanger>\n        <StUF:organisatie>Jeugdzorg</StUF:organisatie>\n"             \
    "        <StUF:applicatie>Jeugdzorg</StUF:applicatie>\n      </StUF:ontvanger>\n"
#define NUMBERS(row, cross)                                                                        \
    "      <StUF:referentienummer>00112233445566778899aabbccddeeff-" row                           \
    "</StUF:referentienummer>\n"                                                                   \
    "      <StUF:tijdstipBericht>20260921161320123</StUF:tijdstipBericht>\n"                       \
    "      <StUF:crossRefnummer>" cross "</StUF:crossRefnummer>\n"
    assert_string_equal(
        rendered(&kp_translator_jeugdzorg, &events.outcomes_event),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<StUF:StUF-berichtenSet xmlns:StUF=\"http://www.egem.nl/StUF/StUF0301\">\n"
        "  <StUF:Bv01Bericht>\n    <StUF:stuurgegevens>\n"
        "      <StUF:berichtcode>Bv01</StUF:berichtcode>\n" SYSTEMS NUMBERS(
            "1",
            "R-1") "    </StUF:stuurgegevens>\n"
                   "    <StUF:melding>bericht: verwerking</StUF:melding>\n"
                   "    <StUF:melding>kenmerk: R-1</StUF:melding>\n"
                   "    <StUF:melding>versie: 3</StUF:melding>\n"
                   "    <StUF:melding>resultaat: nieuw</StUF:melding>\n"
                   "    <StUF:melding>positie: 77</StUF:melding>\n"
                   "  </StUF:Bv01Bericht>\n"
                   "  <StUF:Fo01Bericht>\n    <StUF:stuurgegevens>\n"
                   "      <StUF:berichtcode>Fo01</StUF:berichtcode>\n" SYSTEMS NUMBERS(
                       "2",
                       "=2+5;&quot;&lt;&amp;&gt;&apos;") "    </StUF:stuurgegevens>\n    "
                                                         "<StUF:body>\n"
                                                         "      <StUF:code>KP64</StUF:code>\n      "
                                                         "<StUF:plek>client</StUF:plek>\n"
                                                         "      <StUF:omschrijving>not a valid "
                                                         "BSN</StUF:omschrijving>\n"
                                                         "      <StUF:details>bericht: verwerking; "
                                                         "kenmerk: =2+5;&quot;&lt;&amp;&gt;&apos;; "
                                                         "versie: 1; resultaat: vastgehouden; "
                                                         "code: BSN; codenummer: 64; reden: not a "
                                                         "valid BSN; "
                                                         "veld: bsn</StUF:details>\n    "
                                                         "</StUF:body>\n"
                                                         "  "
                                                         "</StUF:Fo01Bericht>\n</"
                                                         "StUF:StUF-berichtenSet>\n");
    assert_non_null(strstr(rendered(&kp_translator_jeugdzorg, &events.known_event),
                           "<StUF:melding>thema: huiselijk-geweld</StUF:melding>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_becomes_exactly_this_signal),
        cmocka_unit_test(parts_of_a_message_and_what_they_give),
        cmocka_unit_test(a_report_that_is_taken_back),
        cmocka_unit_test(a_broken_message_is_held_with_code_line_and_field),
        cmocka_unit_test(another_document_is_refused),
        cmocka_unit_test(cut_off_anywhere_it_is_refused),
        cmocka_unit_test(too_many_persons_and_elements_are_held),
        cmocka_unit_test(events_are_stuf_confirmations_and_faults),
        cmocka_unit_test(messages_validate_against_the_official_schemas),
    };
    return cmocka_run_group_tests_name("jeugdzorg", tests, NULL, NULL);
}
