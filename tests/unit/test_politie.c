/* SPDX-License-Identifier: EUPL-1.2 */
/* BPS exports: what becomes of good, broken and hostile ones. */
#include "translated.h"

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<bps:registraties xmlns:bps=\"urn:voorbeeldstad:politie:bps:3\" korps=\"V\" aantal=\"%u\">\n"
#define TAIL "</bps:registraties>\n"
#define PERSON                                                                                     \
    "<bps:betrokkenen><bps:betrokkene rol=\"V\"><bps:geslachtsnaam>Berg</bps:geslachtsnaam>"       \
    "</bps:betrokkene></bps:betrokkenen>"

/* @records between head and tail; the first of them starts on line 3. */
static const struct translated *translate(unsigned count, const char *records)
{
    static char text[200000];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, count, records);
    return translate_text(&kp_translator_politie, text);
}

/* One registration whose inner lines start on line 4. */
static const struct translated *translate_inner(const char *inner)
{
    static char text[100000];
    (void)snprintf(text, sizeof text,
                   "<bps:registratie nummer=\"PL-1\" mutatie=\"1\">\n%s</bps:registratie>\n",
                   inner);
    return translate(1, text);
}

static const char rich[] =
    "<bps:registratie nummer=\"PL90VB-2026041873\" mutatie=\"2\">\n"
    "  <bps:klasse code=\"HG1\">Huiselijk geweld: lichamelijk</bps:klasse>\n"
    "  <bps:document>PV</bps:document>\n"
    "  <bps:datum>2026-09-12</bps:datum><bps:tijd>22:40</bps:tijd>\n"
    "  <bps:geregistreerd>2026-09-13T00:15:00+02:00</bps:geregistreerd>\n"
    "  <bps:ernst>3</bps:ernst>\n"
    "  <bps:thema>huiselijk-geweld</bps:thema><bps:thema>risicojeugd</bps:thema>\n"
    "  <bps:locatie gebied=\"WK900102\"><bps:straat>Molenwal</bps:straat>\n"
    "    <bps:huisnummer>14</bps:huisnummer><bps:toevoeging>A</bps:toevoeging>\n"
    "    <bps:postcode>9001 BC</bps:postcode><bps:plaats>Voorbeeldstad</bps:plaats></bps:locatie>\n"
    "  <bps:toelichting> Melding door buren &amp; kind\xC3\xA9r; <![CDATA[<niet> ]]>\n"
    "    tweede regel. </bps:toelichting>\n"
    "  <bps:betrokkenen>\n"
    "    <bps:betrokkene rol=\"V\">\n"
    "      <bps:bsn>900036102</bps:bsn><bps:vnummer>V123</bps:vnummer>\n"
    "      <bps:voornamen>Johannes Petrus</bps:voornamen><bps:voorletters>J.P.</bps:voorletters>\n"
    "      <bps:voorvoegsel>van den</bps:voorvoegsel><bps:geslachtsnaam>Berg</bps:geslachtsnaam>\n"
    "      <bps:partner><bps:voorvoegsel>de</bps:voorvoegsel>\n"
    "        <bps:geslachtsnaam>Wit</bps:geslachtsnaam></bps:partner>\n"
    "      <bps:naamgebruik>V</bps:naamgebruik>\n"
    "      <bps:geboortedatum>1987-04-00</bps:geboortedatum>\n"
    "      <bps:geboorteplaats>Voorbeeldstad</bps:geboorteplaats><bps:geslacht>M</bps:geslacht>\n"
    "      <bps:adres><bps:straat>Kade</bps:straat><bps:huisnummer>3</bps:huisnummer></bps:adres>\n"
    "    </bps:betrokkene>\n"
    "    <bps:betrokkene rol=\"S\"><bps:bsn>900036103</bps:bsn><bps:geslachtsnaam/>\n"
    "      <bps:geboortedatum>1990-00-00</bps:geboortedatum></bps:betrokkene>\n"
    "  </bps:betrokkenen>\n"
    "</bps:registratie>\n"
    "<bps:registratie nummer=\"PL-2\" mutatie=\"1\"><bps:klasse code=\"OV2\"/>"
    "<bps:datum>2026-09-00</bps:datum><bps:locatie gebied=\"BU90010203\"/></bps:registratie>\n"
    "<bps:intrekking nummer=\"PL-3\" "
    "mutatie=\"4\"><bps:reden>Dubbel</bps:reden></bps:intrekking>\n";

static void a_registration_becomes_exactly_this_signal(void **state)
{
    (void)state;
    const struct translated *translated = translate(3, rich);
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 3);
    assert_int_equal(translated->records[0].line, 3);
    assert_string_equal(translated->records[0].reference, "PL90VB-2026041873");
    assert_signal(translated, 0,
                  "reference=PL90VB-2026041873\nversion=2\naction=SIGNAL_ACTION_REPORT\n"
                  "kind=SIGNAL_KIND_HUISELIJK_GEWELD\n"
                  "incident_date.year=2026\nincident_date.month=9\nincident_date.day=12\n"
                  "registered_at_ms=1789251300000\narea_code=WK900102\n"
                  "place.street=Molenwal\nplace.house_number=14\nplace.house_number_addition=A\n"
                  "place.postcode=9001BC\nplace.place=Voorbeeldstad\n"
                  "themes.0=huiselijk-geweld\nthemes.1=risicojeugd\n"
                  "leefgebieden.0=LEEFGEBIED_RELATIES\nleefgebieden.1=LEEFGEBIED_JUSTITIE_POLITIE\n"
                  "severity=3\nsource_class=SOURCE_CLASS_WPG\nsource_system=BPS\n"
                  "summary=Melding door buren & kind\xC3\xA9r; <niet> \n    tweede regel.\n"
                  "persons.0.role=CASUS_ROLE_PLEGER\npersons.0.bsn=900036102\n"
                  "persons.0.v_nummer=V123\npersons.0.given_names=Johannes Petrus\n"
                  "persons.0.initials=J.P.\npersons.0.prefix=van den\npersons.0.surname=Berg\n"
                  "persons.0.partner_prefix=de\npersons.0.partner_surname=Wit\n"
                  "persons.0.name_usage=NAME_USAGE_PARTNER_EIGEN\n"
                  "persons.0.birth_date.year=1987\npersons.0.birth_date.month=4\n"
                  "persons.0.birth_place=Voorbeeldstad\npersons.0.gender=GENDER_MAN\n"
                  "persons.0.address.street=Kade\npersons.0.address.house_number=3\n"
                  "persons.1.role=CASUS_ROLE_SLACHTOFFER\npersons.1.bsn=900036103\n"
                  "persons.1.birth_date.year=1990\n");
}

static void an_area_without_persons_and_a_withdrawal(void **state)
{
    (void)state;
    const struct translated *translated = translate(3, rich);
    assert_signal(translated, 1,
                  "reference=PL-2\nversion=1\naction=SIGNAL_ACTION_REPORT\n"
                  "kind=SIGNAL_KIND_OVERLAST\nincident_date.year=2026\nincident_date.month=9\n"
                  "area_code=BU90010203\nleefgebieden.0=LEEFGEBIED_SOCIAAL_NETWERK\n"
                  "leefgebieden.1=LEEFGEBIED_JUSTITIE_POLITIE\nsource_class=SOURCE_CLASS_WPG\n"
                  "source_system=BPS\n");
    assert_signal(translated, 2, "reference=PL-3\nversion=4\naction=SIGNAL_ACTION_WITHDRAW\n");
    assert_int_equal(translated->records[1].line, 31);
}

static void the_kind_follows_class_and_document(void **state)
{
    (void)state;
    static const struct {
        const char *code, *document, *kind;
    } rows[] = {
        {"HG3", "MUT", "SIGNAL_KIND_HUISELIJK_GEWELD"},
        {"KM1", "", "SIGNAL_KIND_KINDERMISHANDELING"},
        {"WO1", "PV", "SIGNAL_KIND_WOONOVERLAST"},
        {"DR1", "PV", "SIGNAL_KIND_PROCES_VERBAAL"},
        {"DR1", "", "SIGNAL_KIND_INCIDENT"},
        {"VM2", "PV", "SIGNAL_KIND_PROCES_VERBAAL"},
        {"VK1", "MUT", "SIGNAL_KIND_INCIDENT"},
        {"IN9", "PV", "SIGNAL_KIND_INCIDENT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char inner[600];
        (void)snprintf(inner, sizeof inner,
                       "<bps:klasse code=\"%s\"/><bps:document>%s</bps:document>"
                       "<bps:datum>2026-01-02</bps:datum>" PERSON,
                       rows[i].code, rows[i].document);
        const struct translated *translated = translate_inner(inner);
        assert_int_equal(translated->good, 1);
        char kind[80];
        (void)snprintf(kind, sizeof kind, "\nkind=%s\n", rows[i].kind);
        assert_non_null(strstr(translated->records[0].signal, kind));
    }
}

#define GOOD "<bps:klasse code=\"IN9\"/>\n<bps:datum>2026-01-02</bps:datum>\n"
#define ONE(person) "<bps:betrokkenen>" person "</bps:betrokkenen>\n"
#define NAME "<bps:geslachtsnaam>Berg</bps:geslachtsnaam>"

/* What is wrong with the record, and the code, line and field that a clerk gets to see. */
static const struct {
    const char *inner;
    enum kp_err err;
    uint32_t line;
    const char *field;
} broken[] = {
    {"<bps:klasse code=\"XX1\"/><bps:datum>2026-01-02</bps:datum>" PERSON, KP_E_KIND, 4, "klasse"},
    {"\n<bps:klasse>HG1</bps:klasse><bps:datum>2026-01-02</bps:datum>" PERSON, KP_E_KIND, 5,
     "klasse"},
    {"<bps:datum>2026-01-02</bps:datum>" PERSON, KP_E_KIND, 0, "klasse"},
    {"<bps:klasse code=\"IN9\"/>\n<bps:datum>2026-02-30</bps:datum>" PERSON, KP_E_DATE, 5, "datum"},
    {"<bps:klasse code=\"IN9\"/>\n<bps:datum>2026-13-01</bps:datum>" PERSON, KP_E_DATE, 5, "datum"},
    {"<bps:klasse code=\"IN9\"/>\n<bps:datum>2026-00-01</bps:datum>" PERSON, KP_E_DATE, 5, "datum"},
    {"<bps:klasse code=\"IN9\"/>\n<bps:datum>02-01-2026</bps:datum>" PERSON, KP_E_DATE, 5, "datum"},
    {"<bps:klasse code=\"IN9\"/>\n<bps:datum>1849-01-01</bps:datum>" PERSON, KP_E_DATE, 5, "datum"},
    {"<bps:klasse code=\"IN9\"/>\n<bps:datum>gisteren</bps:datum>" PERSON, KP_E_DATE, 5, "datum"},
    {"<bps:klasse code=\"IN9\"/>" PERSON, KP_E_DATE, 3, "datum"},
    {GOOD ONE("<bps:betrokkene rol=\"Q\">" NAME "</bps:betrokkene>"), KP_E_ROLE, 6, "rol"},
    {GOOD ONE("<bps:betrokkene>" NAME "</bps:betrokkene>"), KP_E_ROLE, 6, "rol"},
    {GOOD ONE("<bps:betrokkene rol=\"V\">\n<bps:bsn>90003610</bps:bsn></bps:betrokkene>"), KP_E_BSN,
     7, "bsn"},
    {GOOD ONE("<bps:betrokkene rol=\"V\"><bps:bsn>9000361O2</bps:bsn></bps:betrokkene>"), KP_E_BSN,
     6, "bsn"},
    {GOOD ONE("<bps:betrokkene rol=\"V\"><bps:bsn>9000.36.102</bps:bsn></bps:betrokkene>"),
     KP_E_BSN, 6, "bsn"},
    {GOOD ONE("<bps:betrokkene rol=\"V\"><bps:voornamen>Jan</bps:voornamen></bps:betrokkene>"),
     KP_E_PERSON, 6, "betrokkene"},
    {GOOD ONE("<bps:betrokkene rol=\"V\">" NAME "</bps:betrokkene>\n"
              "<bps:betrokkene rol=\"V\">" NAME
              "<bps:geboortedatum>1990-02-29</bps:geboortedatum></bps:betrokkene>"),
     KP_E_DATE, 7, "geboortedatum"},
    {GOOD ONE("<bps:betrokkene rol=\"V\">" NAME "<bps:geslacht>X</bps:geslacht></bps:betrokkene>"),
     KP_E_FIELD, 6, "geslacht"},
    {GOOD ONE("<bps:betrokkene rol=\"V\">" NAME
              "<bps:naamgebruik>e</bps:naamgebruik></bps:betrokkene>"),
     KP_E_FIELD, 6, "naamgebruik"},
    {GOOD ONE("<bps:betrokkene rol=\"V\">" NAME
              "<bps:adres><bps:huisnummer>0</bps:huisnummer></bps:adres></bps:betrokkene>"),
     KP_E_FIELD, 6, "huisnummer"},
    {GOOD ONE("<bps:betrokkene rol=\"V\">" NAME
              "<bps:adres><bps:postcode>0001AB</bps:postcode></bps:adres></bps:betrokkene>"),
     KP_E_FIELD, 6, "postcode"},
    {GOOD, KP_E_AREA, 3, "gebied"},
    {GOOD "<bps:locatie gebied=\"WK90010\"/>", KP_E_AREA, 6, "gebied"},
    {GOOD "<bps:locatie gebied=\"XX900102\"/>" PERSON, KP_E_AREA, 6, "gebied"},
    {GOOD "<bps:document>XYZ</bps:document>" PERSON, KP_E_FIELD, 6, "document"},
    {GOOD "<bps:ernst>6</bps:ernst>" PERSON, KP_E_FIELD, 6, "ernst"},
    {GOOD "<bps:geregistreerd>2026-09-13T25:15:00+02:00</bps:geregistreerd>" PERSON, KP_E_DATE, 6,
     "geregistreerd"},
    {GOOD "<bps:thema>Huiselijk Geweld</bps:thema>" PERSON, KP_E_THEME, 6, "thema"},
    {GOOD "<bps:onbekend/>" PERSON, KP_E_RECORD, 6, "onbekend"},
    {GOOD "<x:ernst xmlns:x=\"urn:x\">3</x:ernst>" PERSON, KP_E_RECORD, 6, "ernst"},
    {GOOD "<bps:datum>2026-01-02</bps:datum>" PERSON, KP_E_RECORD, 6, "datum"},
    {GOOD "<bps:ernst><bps:ernst>3</bps:ernst></bps:ernst>" PERSON, KP_E_RECORD, 6, "ernst"},
    {GOOD "<bps:toelichting>bel \xC2\x85 terug</bps:toelichting>" PERSON, KP_E_FIELD, 6,
     "toelichting"},
};

static void a_broken_record_is_held_with_code_line_and_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        const struct translated *translated = translate_inner(broken[i].inner);
        assert_int_equal(translated->err, KP_OK);
        assert_int_equal(translated->count, 1);
        assert_string_equal(translated->records[0].reference, "PL-1");
        uint32_t line = broken[i].line == 0 ? 3 : broken[i].line;
        assert_held(translated, 0, broken[i].err, line, broken[i].field);
    }
}

static void the_first_fault_counts_and_names_no_person(void **state)
{
    (void)state;
    const struct translated *translated = translate_inner(
        ONE("<bps:betrokkene rol=\"V\"><bps:bsn>Janssen12</bps:bsn></bps:betrokkene>") GOOD);
    assert_held(translated, 0, KP_E_BSN, 4, "bsn");
    assert_string_equal(translated->records[0].diag.text,
                        "a BSN is 9 digits; this one looks like \"aaaaaaa99\"");
    translated = translate(1, "<bps:registratie mutatie=\"0\"/>");
    assert_held(translated, 0, KP_E_REFERENCE, 3, "nummer");
    translated = translate(1, "<bps:registratie nummer=\"a b\" mutatie=\"1\"/>");
    assert_held(translated, 0, KP_E_REFERENCE, 3, "nummer");
    translated = translate(1, "<bps:intrekking nummer=\"a\" mutatie=\"0\"/>");
    assert_held(translated, 0, KP_E_VERSION, 3, "mutatie");
    translated = translate(1, "<bps:intrekking nummer=\"a\"/>");
    assert_held(translated, 0, KP_E_VERSION, 3, "mutatie");
}

static void a_bad_record_does_not_stop_the_next(void **state)
{
    (void)state;
    const struct translated *translated = translate(
        2, "<bps:registratie nummer=\"A\" mutatie=\"1\">" GOOD "</bps:registratie>\n"
           "<bps:anders/>\n"
           "<bps:registratie nummer=\"B\" mutatie=\"1\">" GOOD PERSON "</bps:registratie>\n");
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 3);
    assert_held(translated, 0, KP_E_AREA, 3, "gebied");
    assert_held(translated, 1, KP_E_RECORD, 6, "anders");
    assert_non_null(strstr(translated->records[2].signal, "reference=B\n"));
}

static void limits_of_persons_texts_and_nesting(void **state)
{
    (void)state;
    static char inner[90000];
    size_t used = (size_t)snprintf(inner, sizeof inner, GOOD "<bps:betrokkenen>");
    for (int i = 0; i < 31; i++) {
        used += (size_t)snprintf(inner + used, sizeof inner - used,
                                 "<bps:betrokkene rol=\"G\">" NAME "</bps:betrokkene>");
    }
    size_t full = used;
    (void)snprintf(inner + used, sizeof inner - used, "</bps:betrokkenen>");
    assert_int_equal(translate_inner(inner)->good, 1);
    (void)snprintf(inner + full, sizeof inner - full,
                   "\n<bps:betrokkene rol=\"G\">" NAME "</bps:betrokkene></bps:betrokkenen>");
    assert_held(translate_inner(inner), 0, KP_E_TOO_MANY_PERSONS, 7, "betrokkene");

    static char text[60000];
    for (int bytes = 8000; bytes <= 8001; bytes++) {
        memset(text, 'a', (size_t)bytes);
        text[bytes] = '\0';
        (void)snprintf(inner, sizeof inner, GOOD PERSON "<bps:toelichting>%s</bps:toelichting>",
                       text);
        const struct translated *translated = translate_inner(inner);
        assert_int_equal(translated->good, bytes == 8000 ? 1 : 0);
        if (bytes > 8000) {
            assert_held(translated, 0, KP_E_LENGTH, 6, "toelichting");
        }
    }
    memset(text, ' ', 20000);
    (void)snprintf(text + 20000, sizeof text - 20000,
                   "x"); /* what is cut off is never lost unseen */
    (void)snprintf(inner, sizeof inner, GOOD PERSON "<bps:toelichting>%s</bps:toelichting>", text);
    assert_held(translate_inner(inner), 0, KP_E_LENGTH, 6, "toelichting");
    memset(text, 'a', sizeof text - 1);
    (void)snprintf(inner, sizeof inner, GOOD PERSON "<bps:toelichting>%s</bps:toelichting>", text);
    assert_held(translate_inner(inner), 0, KP_E_LENGTH, 6, "toelichting");
    text[201] = '\0';
    (void)snprintf(inner, sizeof inner,
                   GOOD ONE("<bps:betrokkene rol=\"G\"><bps:geslachtsnaam>%s</bps:geslachtsnaam>"
                            "</bps:betrokkene>"),
                   text);
    assert_held(translate_inner(inner), 0, KP_E_LENGTH, 6, "geslachtsnaam");

    used = (size_t)snprintf(inner, sizeof inner, GOOD);
    for (int i = 0; i < 100; i++) {
        used += (size_t)snprintf(inner + used, sizeof inner - used, "<bps:d>");
    }
    for (int i = 0; i < 100; i++) {
        used += (size_t)snprintf(inner + used, sizeof inner - used, "</bps:d>");
    }
    assert_held(translate_inner(inner), 0, KP_E_RECORD, 6, "d");
}

/* Each refused as a whole, quickly. */
static void hostile_and_foreign_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum kp_err err;
        uint32_t line;
    } files[] = {
        {"", KP_E_FILE, 1},
        {"geen xml", KP_E_FILE, 1},
        {"<?xml version=\"1.0\"?>\n<a/>", KP_E_FILE, 2},
        {"<registraties aantal=\"0\"/>", KP_E_FILE, 1},
        {"<registraties xmlns=\"urn:voorbeeldstad:politie:bps:3\"/>", KP_E_FILE, 1},
        {"<registraties xmlns=\"urn:voorbeeldstad:politie:bps:3\" aantal=\"x\"/>", KP_E_FILE, 1},
        {"<registraties xmlns=\"urn:voorbeeldstad:politie:bps:3\" aantal=\"1\"/>", KP_E_FILE, 0},
        {"<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM \"file:///etc/passwd\">\n<a/>", KP_E_FILE, 2},
        {"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", KP_E_FILE, 1},
        {"<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
         "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">]>"
         "<l>&d;</l>",
         KP_E_FILE, 1},
        {"<registraties xmlns=\"urn:voorbeeldstad:politie:bps:3\" aantal=\"1\">\n"
         "<registratie nummer=\"&onbekend;\" mutatie=\"1\"/></registraties>",
         KP_E_FILE, 2},
        {"<?xml version=\"1.0\" encoding=\"UTF-7\"?><a/>", KP_E_ENCODING, 1},
        {"<?xml version=\"1.0\" encoding=\"EBCDIC-US\"?><a/>", KP_E_ENCODING, 1},
        {"\xFE\xFF<a/>", KP_E_ENCODING, 1},
        {"<registraties xmlns=\"urn:voorbeeldstad:politie:bps:3\" aantal=\"1\">\n\n<x a=\"\xE9\"/>"
         "</registraties>",
         KP_E_ENCODING, 3},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct kp_mono begin = kp_mono_now();
        const struct translated *translated = translate_text(&kp_translator_politie, files[i].text);
        assert_refused(translated, files[i].err, files[i].line);
        assert_true(elapsed_ms(begin) < 100);
    }
}

static void bombs_of_depth_attributes_and_names_cost_little(void **state)
{
    (void)state;
    size_t size = 4u << 20;
    char *text = malloc(size);
    int used = snprintf(text, size, HEAD, 1u);
    for (size_t i = (size_t)used; i + 3 <= size; i += 3) {
        memcpy(text + i, "<a>", 3);
    }
    static struct translated translated;
    struct kp_mono begin = kp_mono_now();
    translate_slice(&kp_translator_politie, kp_slice_of(text, size - 3), true, &translated);
    assert_int_equal(translated.err, KP_E_FILE);
    assert_true(elapsed_ms(begin) < 1000);
    used = snprintf(text, size, HEAD "<bps:registratie ", 1u);
    memset(text + used, ' ', size - (size_t)used);
    for (size_t i = 0; (size_t)used + 12 * i + 40 < size; i++) {
        char attribute[16];
        (void)snprintf(attribute, sizeof attribute, "a%07zu=\"\"", i % 10000000);
        memcpy(text + (size_t)used + 12 * i, attribute, 11);
    }
    static const char end[] = "/></bps:registraties>";
    memcpy(text + size - (sizeof end - 1), end, sizeof end - 1); /* well-formed all the same */
    begin = kp_mono_now();
    translate_slice(&kp_translator_politie, kp_slice_of(text, size), true, &translated);
    assert_refused(&translated, KP_E_FILE, 3);
    assert_true(elapsed_ms(begin) < 1000);
    size_t end_of_names = (size_t)snprintf(text, size, HEAD, 1u);
    for (unsigned i = 0; end_of_names + 40 < size; i++) {
        end_of_names += (size_t)snprintf(text + end_of_names, 40, "<e%u/>", i);
    }
    begin = kp_mono_now();
    translate_slice(&kp_translator_politie, kp_slice_of(text, end_of_names), true, &translated);
    assert_refused(&translated, KP_E_FILE, 3);
    assert_true(elapsed_ms(begin) < 1000);
    free(text);
}

static void cut_off_anywhere_it_is_refused(void **state)
{
    (void)state;
    static char text[20000];
    int size = snprintf(text, sizeof text, HEAD "%s</bps:registraties>", 3u, rich);
    uint32_t accepted = 0;
    cut_everywhere(&kp_translator_politie, kp_slice_of(text, (size_t)size), &accepted);
    assert_int_equal(accepted, 0);
}

static void a_mark_and_windows_line_ends_change_nothing(void **state)
{
    (void)state;
    static char plain[16384], other[32768];
    (void)snprintf(plain, sizeof plain, HEAD "%s" TAIL, 3u, rich);
    size_t used = (size_t)snprintf(other, sizeof other, "\xEF\xBB\xBF");
    for (size_t i = 0; plain[i] != '\0'; i++) {
        if (plain[i] == '\n') {
            other[used++] = '\r';
        }
        other[used++] = plain[i];
    }
    static struct translated expected;
    expected = *translate_text(&kp_translator_politie, plain);
    const struct translated *translated = translate_text(&kp_translator_politie, other);
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(translated->records[i].signal, expected.records[i].signal);
        assert_int_equal(translated->records[i].line, expected.records[i].line);
    }
}

static void ten_thousand_records_take_the_memory_of_one(void **state)
{
    (void)state;
    size_t size = 10000 * sizeof rich + 1000;
    char *text = malloc(size);
    size_t used = (size_t)snprintf(text, size, HEAD, 10000u * 3);
    for (int i = 0; i < 10000; i++) {
        memcpy(text + used, rich, sizeof rich - 1);
        used += sizeof rich - 1;
    }
    used += (size_t)snprintf(text + used, size - used, TAIL);
    static struct translated one, many;
    one = *translate(3, rich);
    translate_slice(&kp_translator_politie, kp_slice_of(text, used), true, &many);
    assert_int_equal(many.err, KP_OK);
    assert_int_equal(many.good, 30000);
    assert_true(many.arena_used_max <= one.arena_used_max + 64);
    free(text);
}

static void stops_when_the_sink_says_so(void **state)
{
    (void)state;
    static char text[16384];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, 3u, rich);
    static struct translated translated;
    translated.stop_after = 1;
    translate_slice(&kp_translator_politie, kp_slice_str(text), true, &translated);
    assert_int_equal(translated.err, KP_OK);
    assert_int_equal(translated.count, 1);
}

static void test_numbers_are_held_outside_test_mode(void **state)
{
    (void)state;
    static char text[16384];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, 3u, rich);
    static struct translated translated;
    translate_slice(&kp_translator_politie, kp_slice_str(text), /* test_mode= */ false,
                    &translated);
    assert_held(&translated, 0, KP_E_TEST_BSN, 17, "bsn");
}

static void events_are_written_as_bps_messages(void **state)
{
    (void)state;
    static struct sample_events events;
    make_events(&events);
    assert_string_equal(
        rendered(&kp_translator_politie, &events.outcomes_event),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<bps:bericht xmlns:bps=\"urn:voorbeeldstad:politie:bps:3\" soort=\"verwerking\" "
        "kenmerk=\"00112233445566778899aabbccddeeff\" tijdstip=\"2026-09-21T14:13:20.123Z\">\n"
        "  <bps:melding>\n"
        "    <bps:kenmerk>R-1</bps:kenmerk>\n"
        "    <bps:versie>3</bps:versie>\n"
        "    <bps:resultaat>nieuw</bps:resultaat>\n"
        "    <bps:positie>77</bps:positie>\n"
        "  </bps:melding>\n"
        "  <bps:melding>\n"
        "    <bps:kenmerk>=2+5;&quot;&lt;&amp;&gt;&apos;</bps:kenmerk>\n"
        "    <bps:versie>1</bps:versie>\n"
        "    <bps:resultaat>vastgehouden</bps:resultaat>\n"
        "    <bps:code>BSN</bps:code>\n"
        "    <bps:codenummer>64</bps:codenummer>\n"
        "    <bps:reden>not a valid BSN</bps:reden>\n"
        "    <bps:veld>bsn</bps:veld>\n"
        "  </bps:melding>\n"
        "</bps:bericht>\n");
    assert_non_null(strstr(rendered(&kp_translator_politie, &events.known_event),
                           "soort=\"ook-elders-bekend\""));
    assert_non_null(strstr(rendered(&kp_translator_politie, &events.ready_event),
                           "<bps:partner>politie</bps:partner>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registration_becomes_exactly_this_signal),
        cmocka_unit_test(an_area_without_persons_and_a_withdrawal),
        cmocka_unit_test(the_kind_follows_class_and_document),
        cmocka_unit_test(a_broken_record_is_held_with_code_line_and_field),
        cmocka_unit_test(the_first_fault_counts_and_names_no_person),
        cmocka_unit_test(a_bad_record_does_not_stop_the_next),
        cmocka_unit_test(limits_of_persons_texts_and_nesting),
        cmocka_unit_test(hostile_and_foreign_files_are_refused),
        cmocka_unit_test(bombs_of_depth_attributes_and_names_cost_little),
        cmocka_unit_test(cut_off_anywhere_it_is_refused),
        cmocka_unit_test(a_mark_and_windows_line_ends_change_nothing),
        cmocka_unit_test(ten_thousand_records_take_the_memory_of_one),
        cmocka_unit_test(stops_when_the_sink_says_so),
        cmocka_unit_test(test_numbers_are_held_outside_test_mode),
        cmocka_unit_test(events_are_written_as_bps_messages),
    };
    return cmocka_run_group_tests_name("politie", tests, NULL, NULL);
}
