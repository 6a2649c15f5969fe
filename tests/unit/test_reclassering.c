/* SPDX-License-Identifier: EUPL-1.2 */
/* Supervision and RISc: JSON lines, where a bad line costs only itself. */
#include "translated.h"

static const char rich[] =
    "{\"id\":\"RN-2026-00417\",\"versie\":3,\"soort\":\"RISC\",\"datum\":\"2026-06\","
    "\"geregistreerd\":\"2026-06-12T09:30:00+02:00\",\"organisatie\":\"RN\",\"client\":{"
    "\"bsn\":\"900036102\",\"voornamen\":\"Dennis\",\"voorletters\":\"D.\","
    "\"tussenvoegsel\":\"de\",\"achternaam\":\"Gr\xC3\xB6\\u006ft\",\"partner_tussenvoegsel\":null,"
    "\"partner_achternaam\":\"Wit\",\"naamgebruik\":\"P\",\"geboortedatum\":\"1987-00-00\","
    "\"geboorteplaats\":\"Voorbeeldstad\",\"geslacht\":\"V\",\"adres\":{\"straat\":\"Molenwal\","
    "\"huisnummer\":14,\"toevoeging\":\"A\",\"postcode\":\"9001 bc\",\"plaats\":\"V\"}},"
    "\"risico\":\"hoog\",\"leefgebieden\":[\"middelengebruik\",\"financien\",\"financien\"],"
    "\"toelichting\":\"eerste\\r\\ntweede\"}\n"
    "\r\n"
    "{\"soort\":\"INTREKKING\",\"id\":\"RN-1\",\"versie\":2,\"datum\":null,\"client\":5}\n"
    "{\"id\":\"X\",\"versie\":1,\"soort\":\"EINDE\",\"datum\":\"2026\",\"client\":"
    "{\"achternaam\":\"Berg\",\"geboortedatum\":\"1990-12\"},\"geregistreerd\":"
    "\"2026-01-01T00:00:00.250Z\"}";

static const struct translated *translate(const char *text)
{
    return translate_text(&kp_translator_reclassering, text);
}

static void lines_become_exactly_these_signals(void **state)
{
    (void)state;
    const struct translated *translated = translate(rich);
    assert_int_equal(translated->err, KP_OK);
    assert_int_equal(translated->count, 3);
    assert_signal(
        translated, 0,
        "reference=RN-2026-00417\nversion=3\naction=SIGNAL_ACTION_REPORT\nkind=SIGNAL_KIND_RISC\n"
        "incident_date.year=2026\nincident_date.month=6\nregistered_at_ms=1781249400000\n"
        "leefgebieden.0=LEEFGEBIED_FINANCIEN\nleefgebieden.1=LEEFGEBIED_MIDDELENGEBRUIK_"
        "VERSLAVING\n"
        "severity=5\nsource_class=SOURCE_CLASS_WJSG\nsource_system=RISc\n"
        "summary=eerste\ntweede\npersons.0.role=CASUS_ROLE_PLEGER\npersons.0.bsn=900036102\n"
        "persons.0.given_names=Dennis\npersons.0.initials=D.\npersons.0.prefix=de\n"
        "persons.0.surname=Gr\xC3\xB6ot\npersons.0.partner_surname=Wit\n"
        "persons.0.name_usage=NAME_USAGE_PARTNER\npersons.0.birth_date.year=1987\n"
        "persons.0.birth_place=Voorbeeldstad\npersons.0.gender=GENDER_VROUW\n"
        "persons.0.address.street=Molenwal\npersons.0.address.house_number=14\n"
        "persons.0.address.house_number_addition=A\npersons.0.address.postcode=9001BC\n"
        "persons.0.address.place=V\n");
    assert_signal(translated, 1, "reference=RN-1\nversion=2\naction=SIGNAL_ACTION_WITHDRAW\n");
    assert_int_equal(translated->records[1].line, 3);
    assert_signal(
        translated, 2,
        "reference=X\nversion=1\naction=SIGNAL_ACTION_REPORT\nkind=SIGNAL_KIND_TOEZICHT_EINDE\n"
        "incident_date.year=2026\nregistered_at_ms=1767225600250\nsource_class=SOURCE_CLASS_WJSG\n"
        "source_system=RISc\npersons.0.role=CASUS_ROLE_PLEGER\npersons.0.surname=Berg\n"
        "persons.0.birth_date.year=1990\npersons.0.birth_date.month=12\n");
}

#define START "{\"id\":\"C\",\"versie\":1,\"soort\":\"RISC\",\"datum\":\"2026-06-11\""
#define CLIENT ",\"client\":{\"achternaam\":\"Berg\"}"
#define WITH(client) START ",\"client\":{\"achternaam\":\"Berg\"," client "}}"

static const struct {
    const char *line;
    enum kp_err err;
    const char *field;
} broken[] = {
    {"{\"versie\":1,\"soort\":\"RISC\"}", KP_E_REFERENCE, "id"},
    {"{\"id\":\" \",\"versie\":1,\"soort\":\"RISC\"}", KP_E_REFERENCE, "id"},
    {"{\"id\":\"C\",\"soort\":\"RISC\"}", KP_E_VERSION, "versie"},
    {"{\"id\":\"C\",\"versie\":0,\"soort\":\"RISC\"}", KP_E_VERSION, "versie"},
    {"{\"id\":\"C\",\"versie\":-1,\"soort\":\"RISC\"}", KP_E_VERSION, "versie"},
    {"{\"id\":\"C\",\"versie\":1.0,\"soort\":\"RISC\"}", KP_E_RECORD, "versie"},
    {"{\"id\":\"C\",\"versie\":\"1\",\"soort\":\"RISC\"}", KP_E_RECORD, "versie"},
    {"{\"id\":\"C\",\"versie\":1}", KP_E_KIND, "soort"},
    {"{\"id\":\"C\",\"versie\":1,\"soort\":\"risc\"}", KP_E_KIND, "soort"},
    {"{\"id\":\"C\",\"versie\":1,\"soort\":\"RISC\"" CLIENT "}", KP_E_DATE, "datum"},
    {"{\"id\":\"C\",\"versie\":1,\"soort\":\"RISC\",\"datum\":\"2026-6-1\"" CLIENT "}", KP_E_DATE,
     "datum"},
    {"{\"id\":\"C\",\"versie\":1,\"soort\":\"RISC\",\"datum\":\"26\"" CLIENT "}", KP_E_DATE,
     "datum"},
    {START "}", KP_E_PERSON, "client"},
    {START ",\"client\":null}", KP_E_PERSON, "client"},
    {START ",\"client\":{}}", KP_E_PERSON, "client"},
    {START ",\"client\":[]}", KP_E_RECORD, "client"},
    {WITH("\"bsn\":\"90003610\""), KP_E_BSN, "bsn"},
    {WITH("\"bsn\":900036102"), KP_E_RECORD, "bsn"},
    {WITH("\"geboortedatum\":\"1990-02-30\""), KP_E_DATE, "geboortedatum"},
    {WITH("\"naamgebruik\":\"X\""), KP_E_FIELD, "naamgebruik"},
    {WITH("\"geslacht\":\"m\""), KP_E_FIELD, "geslacht"},
    {WITH("\"lengte\":\"1.80\""), KP_E_RECORD, "lengte"},
    {WITH("\"Jan Jansen\":\"1.80\""), KP_E_RECORD, "Jan?Jansen"},
    {WITH("\"adres\":{\"huisnummer\":0}"), KP_E_FIELD, "huisnummer"},
    {WITH("\"adres\":{\"huisnummer\":100000}"), KP_E_FIELD, "huisnummer"},
    {WITH("\"adres\":{\"huisnummer\":\"14\"}"), KP_E_RECORD, "huisnummer"},
    {WITH("\"adres\":{\"postcode\":\"9001\"}"), KP_E_FIELD, "postcode"},
    {WITH("\"adres\":{\"land\":\"NL\"}"), KP_E_RECORD, "land"},
    {START CLIENT ",\"geregistreerd\":\"2026-06-00T00:00:00Z\"}", KP_E_DATE, "geregistreerd"},
    {START CLIENT ",\"geregistreerd\":\"2026-06-12T09:30:00+2:00\"}", KP_E_DATE, "geregistreerd"},
    {START CLIENT ",\"risico\":\"enorm\"}", KP_E_FIELD, "risico"},
    {START CLIENT ",\"risico\":5}", KP_E_RECORD, "risico"},
    {START CLIENT ",\"leefgebieden\":[\"wonen\"]}", KP_E_FIELD, "leefgebieden"},
    {START CLIENT ",\"leefgebieden\":[1]}", KP_E_RECORD, "leefgebieden"},
    {START CLIENT ",\"leefgebieden\":\"werk\"}", KP_E_RECORD, "leefgebieden"},
    {START CLIENT ",\"toelichting\":\"a\\u0007b\"}", KP_E_FIELD, "toelichting"},
    {START CLIENT ",\"toelichting\":\"a\\u0000b\"}", KP_E_RECORD, ""},
    {START CLIENT ",\"toelichting\":\"a\xE9\"}", KP_E_FIELD, ""},
    {START CLIENT ",\"extra\":1}", KP_E_RECORD, "extra"},
    {START CLIENT ",\"id\":\"D\"}", KP_E_RECORD, ""},
    {START CLIENT, KP_E_RECORD, ""},
    {START CLIENT "} {}", KP_E_RECORD, ""},
    {"[]", KP_E_RECORD, ""},
    {"null", KP_E_RECORD, ""},
    {"\"tekst\"", KP_E_RECORD, ""},
    {"geen json", KP_E_RECORD, ""},
    {"{\"id\":\"C\",\"versie\":1,\"soort\":\"INTREKKING\",\"reden\":\"\"}", KP_E_RECORD, "reden"},
    {"{\"versie\":1,\"soort\":\"INTREKKING\"}", KP_E_REFERENCE, "id"},
};

/* The broken line is the second of three: the others go through. */
static void a_broken_line_is_held_and_the_rest_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char text[2000];
        (void)snprintf(text, sizeof text, START CLIENT "}\n\n%s\n" START CLIENT "}\n",
                       broken[i].line);
        const struct translated *translated = translate(text);
        assert_int_equal(translated->err, KP_OK);
        assert_int_equal(translated->count, 3);
        assert_int_equal(translated->good, 2);
        assert_held(translated, 1, broken[i].err, 3, broken[i].field);
        assert_int_equal(translated->records[2].line, 4);
    }
}

static void the_reason_quotes_nothing_of_the_line(void **state)
{
    (void)state;
    const struct translated *translated =
        translate("{\"id\":\"C\",\"achternaam\":\"Jansen\",\"achternaam\":\"Geheim\"}\n"
                  "{\"achternaam\":\"Geheim\n");
    assert_int_equal(translated->count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_null(strstr(translated->records[i].diag.text, "Geheim"));
        assert_null(strstr(translated->records[i].diag.text, "naam"));
    }
}

static void hostile_lines_are_bounded(void **state)
{
    (void)state;
    size_t size = 3u << 20;
    char *text = malloc(size);
    memset(text, '[', size);
    text[200000] = '\n'; /* longer than a line can be */
    text[300000] = '\n'; /* deeper than JSON can be */
    static const char good[] = START CLIENT "}\n";
    memcpy(text + 300001, good, sizeof good - 1);
    static struct translated translated;
    struct kp_mono begin = kp_mono_now();
    translate_slice(&kp_translator_reclassering, kp_slice_of(text, size), true, &translated);
    assert_true(elapsed_ms(begin) < 1000);
    assert_int_equal(translated.count, 4);
    assert_held(&translated, 0, KP_E_LENGTH, 1, "");
    assert_held(&translated, 1, KP_E_RECORD, 2, "");
    assert_int_equal(translated.records[2].diag.err, KP_OK);
    assert_held(&translated, 3, KP_E_LENGTH, 4, "");
    free(text);
}

static void names_and_texts_have_limits(void **state)
{
    (void)state;
    static char text[20000], filler[9000];
    for (int bytes = 200; bytes <= 201; bytes++) {
        memset(filler, 'a', (size_t)bytes);
        filler[bytes] = '\0';
        (void)snprintf(text, sizeof text, START ",\"client\":{\"achternaam\":\"%s\"}}", filler);
        const struct translated *translated = translate(text);
        assert_int_equal(translated->good, bytes == 200 ? 1 : 0);
        if (bytes > 200) {
            assert_held(translated, 0, KP_E_LENGTH, 1, "achternaam");
        }
    }
    for (int bytes = 64; bytes <= 65; bytes++) {
        memset(filler, 'a', (size_t)bytes);
        filler[bytes] = '\0';
        (void)snprintf(text, sizeof text, "{\"id\":\"%s\",\"versie\":1,\"soort\":\"INTREKKING\"}",
                       filler);
        const struct translated *translated = translate(text);
        assert_int_equal(translated->good, bytes == 64 ? 1 : 0);
        if (bytes > 64) {
            assert_held(translated, 0, KP_E_REFERENCE, 1, "id");
        }
    }
}

static void a_file_in_another_encoding_is_refused(void **state)
{
    (void)state;
    static struct translated translated;
    translate_slice(&kp_translator_reclassering, kp_slice_of("\xFF\xFE{\0}\0", 6), true,
                    &translated);
    assert_refused(&translated, KP_E_ENCODING, 1);
    translate_slice(&kp_translator_reclassering, kp_slice_of("\n\n{\0}\0", 6), true, &translated);
    assert_refused(&translated, KP_E_ENCODING, 3);
    assert_int_equal(translate("")->count, 0);
    assert_int_equal(translate("\xEF\xBB\xBF" START CLIENT "}")->good, 1);
}

/* A cut can only hit the last line; those before it are whole. */
static void cut_off_anywhere_whole_lines_remain(void **state)
{
    (void)state;
    uint32_t accepted = 0;
    cut_everywhere(&kp_translator_reclassering, kp_slice_of(rich, sizeof rich - 1), &accepted);
    assert_int_equal(accepted, sizeof rich - 1);
    static struct translated translated;
    const char *second = strchr(rich, '\n');
    for (size_t size = (size_t)(second - rich) + 5; size < sizeof rich - 1; size += 3) {
        translate_slice(&kp_translator_reclassering, kp_slice_of(rich, size), true, &translated);
        assert_true(translated.good >= 1);
        assert_true(translated.count - translated.good <= 1);
    }
}

static void ten_thousand_lines_take_the_memory_of_one(void **state)
{
    (void)state;
    size_t size = 10000 * sizeof rich + 1;
    char *text = malloc(size);
    for (size_t i = 0; i < 10000; i++) {
        memcpy(text + i * sizeof rich, rich, sizeof rich - 1);
        text[i * sizeof rich + sizeof rich - 1] = '\n';
    }
    static struct translated one, many;
    one = *translate(rich);
    translate_slice(&kp_translator_reclassering, kp_slice_of(text, 10000 * sizeof rich), true,
                    &many);
    assert_int_equal(many.good, 30000);
    assert_true(many.arena_used_max <= one.arena_used_max);
    free(text);
}

static void events_are_one_object_a_line(void **state)
{
    (void)state;
    static struct sample_events events;
    make_events(&events);
    assert_string_equal(
        rendered(&kp_translator_reclassering, &events.outcomes_event),
        "{\"bericht\":\"verwerking\",\"berichtkenmerk\":\"00112233445566778899aabbccddeeff\","
        "\"tijdstip\":\"2026-09-21T14:13:20.123Z\",\"melding\":[{\"kenmerk\":\"R-1\","
        "\"versie\":\"3\",\"resultaat\":\"nieuw\",\"positie\":\"77\"},"
        "{\"kenmerk\":\"=2+5;\\\"<&>'\",\"versie\":\"1\",\"resultaat\":\"vastgehouden\","
        "\"code\":\"BSN\",\"codenummer\":\"64\",\"reden\":\"not a valid "
        "BSN\",\"veld\":\"bsn\"}]}\n");
    assert_string_equal(
        rendered(&kp_translator_reclassering, &events.ready_event),
        "{\"bericht\":\"casus-rijp\",\"berichtkenmerk\":\"00112233445566778899aabbccddeeff\","
        "\"tijdstip\":\"2026-09-21T14:13:20.123Z\",\"casus\":\"c1\",\"thema\":\"huiselijk-geweld\","
        "\"regel\":\"partners>=2 in 365 days\",\"partner\":[\"om\",\"politie\"],"
        "\"meegeteld\":[{\"partner\":\"om\",\"soort\":\"recidivelijst\",\"rol\":\"pleger\","
        "\"datum\":\"2026-00-00\"}]}\n");
    (void)snprintf(events.theme, sizeof events.theme, "%s", "\n\xFF");
    assert_non_null(
        strstr(rendered(&kp_translator_reclassering, &events.known_event), "\"thema\":\"?\"}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_exactly_these_signals),
        cmocka_unit_test(a_broken_line_is_held_and_the_rest_goes_on),
        cmocka_unit_test(the_reason_quotes_nothing_of_the_line),
        cmocka_unit_test(hostile_lines_are_bounded),
        cmocka_unit_test(names_and_texts_have_limits),
        cmocka_unit_test(a_file_in_another_encoding_is_refused),
        cmocka_unit_test(cut_off_anywhere_whole_lines_remain),
        cmocka_unit_test(ten_thousand_lines_take_the_memory_of_one),
        cmocka_unit_test(events_are_one_object_a_line),
    };
    return cmocka_run_group_tests_name("reclassering", tests, NULL, NULL);
}
