/* SPDX-License-Identifier: EUPL-1.2 */
#include "explain.h"

#include "core/blocks.h"
#include "core/match/partition.h"

#include <string.h>

#define TEXT_BYTES_MAX 1024u

/* --- words --- */

static void put_bits(struct kp_writer *writer, int32_t bits)
{
    uint32_t size = (uint32_t)(bits < 0 ? -bits : bits);
    kp_put_text(writer, bits < 0 ? "-" : "");
    kp_put_decimal(writer, size / KP_BIT);
    kp_put_text(writer, size % KP_BIT < 10 ? ".0" : ".");
    kp_put_decimal(writer, size % KP_BIT);
}

static const char *text_of(struct kp_arena *arena, const struct kp_writer *writer)
{
    struct kp_slice text = kp_writer_slice(writer);
    char *copy = kp_arena_alloc(arena, text.size + 1);
    if (copy == NULL) {
        return "";
    }
    if (text.size > 0) {
        memcpy(copy, text.bytes, text.size);
    }
    copy[text.size] = '\0';
    return copy;
}

const char *kp_explain_bits(struct kp_arena *arena, int32_t bits)
{
    uint8_t bytes[24];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    put_bits(&writer, bits);
    return text_of(arena, &writer);
}

const char *kp_explain_grade(uint8_t grade)
{
    static const char *const words[] = {
        [KP_GRADE_CERTAINLY_NOT] = "zeker niet",
        [KP_GRADE_POSSIBLE] = "mogelijk",
        [KP_GRADE_PROBABLE] = "waarschijnlijk",
        [KP_GRADE_CERTAIN] = "zeker",
    };
    return grade < sizeof words / sizeof words[0] ? words[grade] : "";
}

const char *kp_explain_decision(uint8_t decision)
{
    return decision == KP_DECISION_MUST ? "een persoon" : "twee personen";
}

const char *kp_explain_principle(uint8_t principle)
{
    static const char *const words[] = {
        [KP_PRINCIPLE_NONE] = "",
        [KP_PRINCIPLE_BSN] = "een geldig BSN is van één persoon",
        [KP_PRINCIPLE_BSN_TAKEN] = "zelfde BSN, maar de rest spreekt het tegen: van een ander?",
        [KP_PRINCIPLE_TWO_BSNS] =
            "twee geldige BSN's zijn twee personen, tot iemand anders beslist",
        [KP_PRINCIPLE_SIBLING] =
            "andere voornaam bij (bijna) dezelfde achternaam: een broer of zus?",
        [KP_PRINCIPLE_INITIALS] = "alleen een voorletter, en de rest komt te weinig overeen",
        [KP_PRINCIPLE_GENERATION] =
            "achternaam en adres lijken op elkaar, de geboortedatum niet: ouder en kind?",
        [KP_PRINCIPLE_PLACEHOLDER] = "de geboortedatum is niet of niet helemaal bekend",
        [KP_PRINCIPLE_OTHER_NAMES] = "voornaam en achternaam verschillen beide",
        [KP_PRINCIPLE_HOUSEHOLD] = "geen voornaam en geen geboortedatum: misschien een huisgenoot",
    };
    return principle < sizeof words / sizeof words[0] ? words[principle] : "";
}

/* --- what a form says of a field --- */

static void put_names(struct kp_writer *writer, const struct kp_form_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        kp_put_text(writer, i > 0 ? " " : "");
        kp_put_raw(writer, names[i].text);
    }
}

static void put_date(struct kp_writer *writer, const struct kp_form *form)
{
    if (form->birth_date == 0) {
        return;
    }
    kp_put_decimal(writer, (uint64_t)form->birth_date / 10000);
    uint32_t day = (uint32_t)form->birth_date % 10000;
    kp_put_text(writer, day / 100 < 10 ? "-0" : "-");
    kp_put_decimal(writer, day / 100);
    kp_put_text(writer, day % 100 < 10 ? "-0" : "-");
    kp_put_decimal(writer, day % 100);
    kp_put_text(writer, form->placeholder ? " (dag onzeker)" : "");
}

static void put_bsn(struct kp_writer *writer, const struct kp_form *form)
{
    if (form->bsn_class != KP_FORM_BSN_NONE) { /* the last digits are enough to compare by eye */
        kp_put_text(writer, "*****");
        for (uint32_t digit = 1000; digit > 0; digit /= 10) {
            kp_put_decimal(writer, form->bsn / digit % 10);
        }
        kp_put_text(writer, form->bsn_class == KP_FORM_BSN_FAILING ? " (ongeldig)" : "");
    }
}

static const char *value_of(struct kp_arena *arena, const struct kp_form *form,
                            enum kp_match_field field)
{
    uint8_t bytes[256];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    switch (field) {
    case KP_FIELD_GIVEN:
        put_names(&writer, form->given, form->given_count);
        if (form->given_count == 0) {
            kp_put_raw(&writer, form->initials);
        }
        break;
    case KP_FIELD_SURNAME:
        put_names(&writer, form->surnames, form->surname_count);
        break;
    case KP_FIELD_BIRTH:
        put_date(&writer, form);
        break;
    case KP_FIELD_GENDER:
        kp_put_text(&writer, form->gender == KP_FORM_MAN     ? "man"
                             : form->gender == KP_FORM_WOMAN ? "vrouw"
                                                             : "");
        break;
    case KP_FIELD_ADDRESS:
        kp_put_raw(&writer, form->postcode);
        if (form->house_number > 0) {
            kp_put_text(&writer, " ");
            kp_put_decimal(&writer, form->house_number);
        }
        kp_put_text(&writer, form->street.size > 0 ? " " : ""); /* it may be what agrees */
        kp_put_raw(&writer, form->street);
        break;
    case KP_FIELD_PLACE:
        kp_put_raw(&writer, form->birth_place.text);
        break;
    case KP_FIELD_BSN:
        put_bsn(&writer, form);
        break;
    case KP_FIELD_END:
        break;
    }
    return text_of(arena, &writer);
}

/* --- two forms --- */

static void total_row(struct kp_answer *answer, const char *what, const char *why, int32_t bits)
{
    kp_answer_row(answer);
    kp_answer_text(answer, "field", what);
    kp_answer_text(answer, "one", "");
    kp_answer_text(answer, "other", "");
    kp_answer_text(answer, "agrees", why);
    kp_answer_text(answer, "bits", kp_explain_bits(answer->arena, bits));
}

/* A principle, and the bound that it set when it changed the sum. */
static const char *principle_bound(struct kp_arena *arena, const struct kp_match_score *score)
{
    uint8_t bytes[256];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_text(&writer, kp_explain_principle(score->principle));
    if (score->bits != score->sum) {
        kp_put_text(&writer, score->bits < score->sum ? " (hoogstens " : " (ten minste ");
        put_bits(&writer, score->bits);
        kp_put_text(&writer, " bits)");
    }
    return text_of(arena, &writer);
}

static const char *key_words(uint32_t kind)
{
    static const char *const words[] = {
        [KP_KEY_BSN] = "BSN",
        [KP_KEY_BIRTH_INITIAL] = "geboortedatum en voorletter",
        [KP_KEY_ADDRESS] = "adres",
        [KP_KEY_YEAR_NAMES] = "achternaam, voorletter en geboortejaar",
        [KP_KEY_DAY_NAMES] = "achternaam, voorletter en geboortedag",
        [KP_KEY_BIRTH_PLACE] = "geboortedatum en geboorteplaats",
        [KP_KEY_BIRTH_NAME] = "geboortedatum en een naam",
        [KP_KEY_NAME_POSTCODE] = "een naam en postcode",
        [KP_KEY_PLACE_NAMES] = "achternaam, voorletter en geboorteplaats",
        [KP_KEY_PLACE_POSTCODE] = "geboorteplaats en postcode",
        [KP_KEY_GIVEN_NUMBER] = "voornaam, huisnummer en regio",
        [KP_KEY_PLACE_NUMBER] = "geboorteplaats, huisnummer en regio",
        [KP_KEY_GIVEN_STREET] = "voornaam en straat",
        [KP_KEY_NAMES_REGION] = "voornaam, achternaam en regio",
        [KP_KEY_GIVEN_PLACE] = "voornaam, geboorteplaats en geboortejaar",
        [KP_KEY_SURNAME_NUMBER] = "achternaam, huisnummer en regio",
        [KP_KEY_BIRTH_POSTCODE] = "geboortedatum en postcodecijfers",
    };
    return kind < sizeof words / sizeof words[0] ? words[kind] : NULL;
}

static void key_rows(struct kp_txn *txn, const struct kp_known_form *a,
                     const struct kp_known_form *b, struct kp_answer *answer)
{
    struct kp_known_form forms[2] = {*a, *b};
    struct kp_match_keys keys[2];
    if (!kp_forms_decode(txn, NULL, &forms[0], &keys[0]) ||
        !kp_forms_decode(txn, NULL, &forms[1], &keys[1])) {
        return;
    }
    uint32_t kinds = kp_blocks_kinds(txn, &keys[0], &keys[1]);
    if (kinds == 0) {
        kp_answer_row(answer);
        kp_answer_text(answer, "by", "geen sleutel: alleen via andere schrijfwijzen");
    }
    for (uint32_t kind = 0; kind < 32; kind++) {
        const char *words = (kinds >> kind & 1u) != 0 ? key_words(kind) : NULL;
        if (words != NULL) {
            kp_answer_row(answer);
            kp_answer_text(answer, "by", words);
        }
    }
}

void kp_explain_pair(const struct kp_match_model *model, struct kp_txn *txn,
                     const struct kp_known_form *a, const struct kp_known_form *b, bool rival,
                     struct kp_answer *answer)
{
    static const char *const names[KP_FIELD_END] = {
        [KP_FIELD_GIVEN] = "voornaam", [KP_FIELD_SURNAME] = "achternaam",
        [KP_FIELD_BIRTH] = "geboren",  [KP_FIELD_GENDER] = "geslacht",
        [KP_FIELD_ADDRESS] = "adres",  [KP_FIELD_PLACE] = "geboorteplaats",
        [KP_FIELD_BSN] = "BSN",
    };
    struct kp_match_score score;
    kp_answer_section(answer, rival ? "not_found" : "found");
    key_rows(txn, a, b, answer);
    kp_match_score(model, &a->form, &b->form, &score);
    kp_answer_section(answer, rival ? "not_weighed" : "weighed");
    total_row(answer, "vooraf", "twee willekeurige personen zijn zelden dezelfde", model->prior);
    for (int field = 0; field < KP_FIELD_END; field++) {
        kp_answer_row(answer);
        kp_answer_text(answer, "field", names[field]);
        kp_answer_text(answer, "one",
                       value_of(answer->arena, &a->form, (enum kp_match_field)field));
        kp_answer_text(answer, "other",
                       value_of(answer->arena, &b->form, (enum kp_match_field)field));
        kp_answer_text(answer, "agrees", kp_match_level_words(score.levels[field]));
        kp_answer_text(answer, "bits", kp_explain_bits(answer->arena, score.fields[field]));
    }
    if (score.bits != score.sum || score.principle != KP_PRINCIPLE_NONE) {
        total_row(answer, "regel", principle_bound(answer->arena, &score), score.bits - score.sum);
    }
    total_row(answer, "samen", kp_explain_grade(score.grade), score.bits);
}

bool kp_explain_best(const struct kp_match_model *model, struct kp_txn *txn,
                     const struct kp_person *person, const struct kp_known_form *form,
                     struct kp_known_form *ret_best, struct kp_match_score *ret_score)
{
    bool found = false;
    for (uint32_t i = 0; i < person->form_count; i++) {
        struct kp_known_form other;
        struct kp_match_score score;
        if (person->forms[i].id == form->id ||
            !kp_forms_load(txn, model->terms, person->forms[i].id, &other)) {
            continue;
        }
        kp_match_score(model, &form->form, &other.form, &score);
        if (!found || score.bits > ret_score->bits) {
            *ret_score = score;
            *ret_best = other;
        }
        found = true;
    }
    return found;
}

/* --- a mention --- */

static void put_score(struct kp_writer *writer, const struct kp_match_score *score)
{
    const char *between = "";
    put_bits(writer, score->bits);
    kp_put_text(writer, " bits: ");
    for (int field = 0; field < KP_FIELD_END; field++) {
        if (score->levels[field] != KP_LEVEL_MISSING) {
            kp_put_text(writer, between);
            kp_put_text(writer, kp_match_level_words(score->levels[field]));
            kp_put_text(writer, score->fields[field] < 0 ? " (" : " (+");
            put_bits(writer, score->fields[field]);
            kp_put_text(writer, ")");
            between = ", ";
        }
    }
}

void kp_explain_mention(const struct kp_match_model *model, struct kp_txn *txn,
                        const struct kp_command_mention *mention, uint64_t person_id,
                        struct kp_answer *answer)
{
    uint8_t bytes[TEXT_BYTES_MAX];
    struct kp_writer writer;
    struct kp_person person;
    struct kp_known_form form;
    struct kp_known_form best;
    struct kp_match_score score = {0};
    uint64_t form_id;
    uint64_t bearer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    if (!mention->has_form) {
        kp_put_text(&writer, "niets om hem op te zoeken: een persoon op zichzelf");
    } else if (kp_forms_find(txn, mention->form_tag, &form_id, &bearer) &&
               kp_forms_load(txn, model->terms, form_id, &form) &&
               kp_person_load(txn, person_id, 0, &person)) {
        if (kp_explain_best(model, txn, &person, &form, &best, &score)) {
            kp_put_text(&writer, "met een andere schrijfwijze van deze persoon ");
            put_score(&writer, &score);
        } else {
            kp_put_text(&writer, "de enige schrijfwijze van deze persoon");
        }
    }
    kp_answer_slice(answer, "because", kp_writer_slice(&writer));
}
