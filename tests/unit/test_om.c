/* SPDX-License-Identifier: EUPL-1.2 */
/* The Compas list: rows, the trailer that guards them, and what a bad quote may not do. */
#include "translated.h"

#define HEADER                                                                                     \
    "VOLGNUMMER;SOORT;PARKETNUMMER;DATUM;BSN;NAAM;VOORVOEGSEL;VOORNAMEN;VOORLETTERS;PARTNERNAAM;"  \
    "PARTNERVOORVOEGSEL;NAAMGEBRUIK;GEBDATUM;GEBPLAATS;GESLACHT;STRAAT;HUISNR;TOEV;POSTCODE;"      \
    "PLAATS;OMSCHRIJVING\r\n"
#define EINDE(n) "EINDE;" #n "\r\n"

/* In ISO-8859-1. */
static const char rich[] = HEADER
    "C2026-001;BRUTO;13/123456-26;03-09-2026;900036102;Bj\xF6rk;van den;Ren\xE9 J;R.J.;Wit;de;N;"
    "00-04-1987;\x27s-Gravenhage;M;Molenwal;14;A;9001 BC;Voorbeeldstad;\"zei \"\"nee\"\"; en\r\n"
    "vertrok\"\r\n"
    "C2026-002;TOM;;01-10-2026;;Jansen;;;;;;;;;;;;;;;\r\n" EINDE(2);

static const struct translated *translate(const char *text)
{
    return translate_text(&kp_translator_om, text);
}

static void a_row_becomes_exactly_this_signal(void **state)
{
    (void)state;
    const struct translated *translated = translate(rich);
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 2);
    assert_signal(
        translated, 0,
        "reference=C2026-001\naction=SIGNAL_ACTION_REPORT\nkind=SIGNAL_KIND_RECIDIVELIJST\n"
        "incident_date.year=2026\nincident_date.month=9\nincident_date.day=3\n"
        "leefgebieden.0=LEEFGEBIED_JUSTITIE_POLITIE\nsource_class=SOURCE_CLASS_WJSG\n"
        "source_system=Compas\nsummary=zei \"nee\"; en\nvertrok\n"
        "persons.0.role=CASUS_ROLE_PLEGER\npersons.0.bsn=900036102\n"
        "persons.0.given_names=Ren\xC3\xA9 J\npersons.0.initials=R.J.\n"
        "persons.0.prefix=van den\npersons.0.surname=Bj\xC3\xB6rk\n"
        "persons.0.partner_prefix=de\npersons.0.partner_surname=Wit\n"
        "persons.0.name_usage=NAME_USAGE_EIGEN_PARTNER\n"
        "persons.0.birth_date.year=1987\npersons.0.birth_date.month=4\n"
        "persons.0.birth_place='s-Gravenhage\npersons.0.gender=GENDER_MAN\n"
        "persons.0.address.street=Molenwal\npersons.0.address.house_number=14\n"
        "persons.0.address.house_number_addition=A\n"
        "persons.0.address.postcode=9001BC\npersons.0.address.place=Voorbeeldstad\n");
    assert_signal(translated, 1,
                  "reference=C2026-002\naction=SIGNAL_ACTION_REPORT\nkind=SIGNAL_KIND_BESLISSING\n"
                  "incident_date.year=2026\nincident_date.month=10\nincident_date.day=1\n"
                  "leefgebieden.0=LEEFGEBIED_JUSTITIE_POLITIE\nsource_class=SOURCE_CLASS_WJSG\n"
                  "source_system=Compas\npersons.0.role=CASUS_ROLE_PLEGER\n"
                  "persons.0.surname=Jansen\n");
    assert_int_equal(translated->records[0].line, 2);
    assert_int_equal(translated->records[1].line, 4); /* a row of two lines came before */
    assert_string_equal(translated->records[1].reference, "C2026-002");
    assert_true(kp_translator_om.full_list);
}

static const struct {
    const char *row;
    enum kp_err err;
    const char *field;
} broken[] = {
    {";BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;", KP_E_REFERENCE, "VOLGNUMMER"},
    {"a b;BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;", KP_E_REFERENCE, "VOLGNUMMER"},
    {"C;;;01-10-2026;;J;;;;;;;;;;;;;;;", KP_E_KIND, "SOORT"},
    {"C;LIJST;;01-10-2026;;J;;;;;;;;;;;;;;;", KP_E_KIND, "SOORT"},
    {"C;NETTO;;;;J;;;;;;;;;;;;;;;", KP_E_DATE, "DATUM"},
    {"C;NETTO;;2026-10-01;;J;;;;;;;;;;;;;;;", KP_E_DATE, "DATUM"},
    {"C;NETTO;;31-02-2026;;J;;;;;;;;;;;;;;;", KP_E_DATE, "DATUM"},
    {"C;NETTO;;1-10-2026;;J;;;;;;;;;;;;;;;", KP_E_DATE, "DATUM"},
    {"C;NETTO;;01-10-2026;90003610;J;;;;;;;;;;;;;;;", KP_E_BSN, "BSN"},
    {"C;NETTO;;01-10-2026;90003610x;J;;;;;;;;;;;;;;;", KP_E_BSN, "BSN"},
    {"C;NETTO;;01-10-2026;;;;Jan;;;;;;;;;;;;;", KP_E_PERSON, "NAAM"},
    {"C;NETTO;;01-10-2026;;J;;;;;;Q;;;;;;;;;", KP_E_FIELD, "NAAMGEBRUIK"},
    {"C;NETTO;;01-10-2026;;J;;;;;;;01-00-1980;;;;;;;;", KP_E_DATE, "GEBDATUM"},
    {"C;NETTO;;01-10-2026;;J;;;;;;;;;X;;;;;;", KP_E_FIELD, "GESLACHT"},
    {"C;NETTO;;01-10-2026;;J;;;;;;;;;;;12a;;;;", KP_E_FIELD, "HUISNR"},
    {"C;NETTO;;01-10-2026;;J;;;;;;;;;;;;;900 1BC;;", KP_E_FIELD, "POSTCODE"},
    {"C;NETTO;;01-10-2026;;J\x92s;;;;;;;;;;;;;;;", KP_E_FIELD, "NAAM"},
    {"C;NETTO;;01-10-2026;;J\x01;;;;;;;;;;;;;;;", KP_E_FIELD, "NAAM"},
    {"C;NETTO;;01-10-2026;;J;;;;;;;;;;;;;;", KP_E_RECORD, ""},
    {"C;NETTO;;01-10-2026;;J;;;;;;;;;;;;;;;;", KP_E_RECORD, ""},
    {"C;NETTO;;01-10-2026;;\"J\"x;;;;;;;;;;;;;;;", KP_E_RECORD, ""},
    {"C;NETTO;;01-10-2026;;J\"x;;;;;;;;;;;;;;;", KP_E_RECORD, ""},
    {"C;NETTO;;01-10-2026;;\"J;;;;;;;;;;;;;;;", KP_E_RECORD, ""},
};

/* The broken row is the second of three: the others go through. */
static void a_broken_row_is_held_and_the_rest_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char text[3000];
        (void)snprintf(text, sizeof text,
                       HEADER "A;BRUTO;;01-10-2026;;J\xEB;;;;;;;;;;;;;;;\r\n\r\n"
                              "%s\r\nB;BRUTO;;01-10-2026;;\"J;\";;;;;;;;;;;;;;;\r\n" EINDE(3),
                       broken[i].row);
        const struct translated *translated = translate(text);
        assert_refused(translated, KP_OK, 0);
        assert_int_equal(translated->count, 3);
        assert_int_equal(translated->good, 2);
        assert_held(translated, 1, broken[i].err, 4, broken[i].field);
        assert_string_equal(translated->records[2].reference, "B");
        assert_int_equal(translated->records[2].line, 5);
    }
}

static void a_row_with_a_missing_field_still_tells_its_number(void **state)
{
    (void)state;
    const struct translated *translated = translate(HEADER "C77;NETTO\r\n" EINDE(1));
    assert_held(translated, 0, KP_E_RECORD, 2, "");
    assert_string_equal(translated->records[0].reference, "C77");
}

static void a_list_that_is_not_whole_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum kp_err err;
        uint32_t line;
    } files[] = {
        {"", KP_E_FILE, 1},
        {"\r\n\r\n", KP_E_FILE, 1},
        {"NAAM;BSN\r\nEINDE;0\r\n", KP_E_FILE, 1},
        {HEADER, KP_E_FILE, 0},
        {HEADER "A;BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;\r\n", KP_E_FILE, 0},
        {HEADER "A;BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;\r\n" EINDE(2), KP_E_FILE, 0},
        {HEADER EINDE(0) "A;BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;\r\n", KP_E_FILE, 3},
        {HEADER EINDE(x), KP_E_FILE, 2},
        {HEADER "A;\"", KP_E_FILE, 0},
        {"\xEF\xBB\xBF" HEADER EINDE(0), KP_E_ENCODING, 1},
        {HEADER "A;BRUTO;;01-10-2026;;J\xC3\xAB;;;;;;;;;;;;;;;\r\n" EINDE(1), KP_E_ENCODING, 2},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_refused(translate(files[i].text), files[i].err, files[i].line);
    }
    static struct translated translated;
    translate_slice(&kp_translator_om, kp_slice_of("V\0O\0L\0", 6), true, &translated);
    assert_refused(&translated, KP_E_ENCODING, 1);
    assert_refused(translate(HEADER EINDE(0)), KP_OK, 0);
}

static void plain_line_ends_and_no_last_one_are_taken(void **state)
{
    (void)state;
    const struct translated *translated = translate(rich);
    static struct translated expected;
    expected = *translated;
    static char text[sizeof rich];
    size_t used = 0;
    for (size_t i = 0; i < sizeof rich - 1; i++) {
        if (rich[i] != '\r') {
            text[used++] = rich[i];
        }
    }
    text[used - 1] = '\0';
    translated = translate(text);
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 2);
    assert_string_equal(translated->records[0].signal, expected.records[0].signal);
    assert_string_equal(translated->records[1].signal, expected.records[1].signal);
}

static void cut_off_anywhere_it_is_refused(void **state)
{
    (void)state;
    uint32_t accepted = 0;
    /* Without its last line end, or half of it, the list is still whole. */
    cut_everywhere(&kp_translator_om, kp_slice_of(rich, sizeof rich - 1 - 2), &accepted);
    assert_int_equal(accepted, 0);
}

static void a_row_without_end_costs_one_row(void **state)
{
    (void)state;
    size_t size = 300000;
    char *text = malloc(size);
    int used = snprintf(text, size, HEADER "A;BRUTO;;01-10-2026;;\"J\r\n");
    memset(text + used, 'x', 200000);
    used += 200000;
    (void)snprintf(text + used, size - (size_t)used,
                   "\r\nB;BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;\r\n" EINDE(3));
    const struct translated *translated = translate(text);
    assert_refused(translated, KP_OK, 0);
    assert_int_equal(translated->count, 3);
    assert_held(translated, 0, KP_E_LENGTH, 2, "");
    assert_held(translated, 1, KP_E_LENGTH, 3, "");
    assert_string_equal(translated->records[2].reference, "B");
    free(text);
}

static void many_open_quotes_cost_little(void **state)
{
    (void)state;
    static const char *const lines[] = {"\"\n", "a;\"b\n", "\"\"\"\n", "\"\" \"\"\n",
                                        "a;\"\"\"\"\"\n"};
    size_t size = 2u << 20;
    char *text = malloc(size);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        size_t used = (size_t)snprintf(text, size, HEADER);
        size_t length = strlen(lines[i]);
        for (; used + length <= size; used += length) {
            memcpy(text + used, lines[i], length);
        }
        static struct translated translated;
        struct kp_mono begin = kp_mono_now();
        translate_slice(&kp_translator_om, kp_slice_of(text, used), true, &translated);
        assert_int_equal(translated.err, KP_E_FILE);
        assert_true(elapsed_ms(begin) < 5000);
    }
    free(text);
}

static void ten_thousand_rows_take_the_memory_of_one(void **state)
{
    (void)state;
    size_t size = 10000 * 64 + 2000;
    char *text = malloc(size);
    size_t used = (size_t)snprintf(text, size, HEADER);
    for (int i = 0; i < 10000; i++) {
        used += (size_t)snprintf(text + used, size - used,
                                 "C%05d;BRUTO;;01-10-2026;;J;;;;;;;;;;;;;;;\r\n", i);
    }
    used += (size_t)snprintf(text + used, size - used, EINDE(10000));
    static struct translated translated;
    translate_slice(&kp_translator_om, kp_slice_of(text, used), true, &translated);
    assert_int_equal(translated.err, KP_OK);
    assert_int_equal(translated.good, 10000);
    assert_true(translated.arena_used_max < 4096);
    free(text);
}

static void events_are_lists_that_no_spreadsheet_can_run(void **state)
{
    (void)state;
    static struct sample_events events;
    make_events(&events);
    assert_string_equal(
        rendered(&kp_translator_om, &events.outcomes_event),
        "BERICHT;BERICHTKENMERK;TIJDSTIP;VOLGNUMMER;VERSIE;RESULTAAT;CODE;CODENUMMER;VELD;REDEN;"
        "THEMA;CASUS;"
        "PERSOON;REGEL;PARTNER;SOORT;ROL;DATUM;POSITIE;OORZAAK;VERVALT;EIGENAAR;VERLOOPT;DAGEN\r\n"
        "verwerking;00112233445566778899aabbccddeeff;2026-09-21T14:13:20.123Z;R-1;3;nieuw;;;;;;;;;;"
        ";"
        ";;77;;;;;\r\n"
        "verwerking;00112233445566778899aabbccddeeff;2026-09-21T14:13:20.123Z;"
        "\"'=2+5;\"\"<&>'\";1;vastgehouden;BSN;64;bsn;not a valid BSN;;;;;;;;;;;;;;\r\n"
        "EINDE;2\r\n");
    assert_non_null(strstr(rendered(&kp_translator_om, &events.known_event),
                           ";R-1;;;;;;;huiselijk-geweld;;;;;;;;;;;;;\r\nEINDE;1\r\n"));
    (void)snprintf(events.theme, sizeof events.theme, "%s", "caf\xC3\xA9 \xE2\x82\xAC \xFF");
    assert_non_null(strstr(rendered(&kp_translator_om, &events.known_event), ";caf\xE9 ? ?;"));
    static const char *const formulas[] = {"=1", "+1", "-1", "@x", "\t=1"};
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        char cell[16];
        (void)snprintf(cell, sizeof cell, ";'%s;", formulas[i]);
        (void)snprintf(events.theme, sizeof events.theme, "%s", formulas[i]);
        assert_non_null(strstr(rendered(&kp_translator_om, &events.known_event), cell));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_becomes_exactly_this_signal),
        cmocka_unit_test(a_broken_row_is_held_and_the_rest_goes_on),
        cmocka_unit_test(a_row_with_a_missing_field_still_tells_its_number),
        cmocka_unit_test(a_list_that_is_not_whole_is_refused),
        cmocka_unit_test(plain_line_ends_and_no_last_one_are_taken),
        cmocka_unit_test(cut_off_anywhere_it_is_refused),
        cmocka_unit_test(a_row_without_end_costs_one_row),
        cmocka_unit_test(many_open_quotes_cost_little),
        cmocka_unit_test(ten_thousand_rows_take_the_memory_of_one),
        cmocka_unit_test(events_are_lists_that_no_spreadsheet_can_run),
    };
    return cmocka_run_group_tests_name("om", tests, NULL, NULL);
}
