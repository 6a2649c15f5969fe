/* SPDX-License-Identifier: EUPL-1.2 */
/* Why two forms are one person, or are not: in words for who reads it, without a name or a date. */
#include "queries.h"

#include "core/forms.h"
#include "core/match/score.h"
#include "core/person.h"

#include <string.h>

/* "12,25" */
static void put_bits(struct kp_writer *writer, int32_t bits)
{
    uint32_t size = (uint32_t)(bits < 0 ? -bits : bits);
    kp_put_text(writer, bits < 0 ? "-" : "");
    kp_put_decimal(writer, size / KP_BIT);
    kp_put_text(writer, size % KP_BIT < 10 ? ",0" : ",");
    kp_put_decimal(writer, size % KP_BIT);
}

static void put_score(struct kp_writer *writer, const struct kp_match_score *score)
{
    put_bits(writer, score->bits);
    kp_put_text(writer, " bits: ");
    const char *between = "";
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

/* The form of his that is most like this one. */
static bool best_of(const struct kp_match_model *model, struct kp_txn *txn,
                    const struct kp_person *person, uint64_t form_id,
                    struct kp_match_score *ret_score)
{
    struct kp_known_form form;
    bool found = false;
    if (!kp_forms_load(txn, form_id, &form)) {
        return false;
    }
    for (uint32_t i = 0; i < person->form_count; i++) {
        struct kp_known_form other;
        struct kp_match_score score;
        if (person->forms[i].id != form_id && kp_forms_load(txn, person->forms[i].id, &other)) {
            kp_match_score(model, &form.form, &other.form, &score);
            if (!found || score.bits > ret_score->bits) {
                *ret_score = score;
            }
            found = true;
        }
    }
    return found;
}

void kp_explain_mention(const struct kp_match_model *model, struct kp_txn *txn,
                        const struct kp_command_mention *mention, uint64_t person_id,
                        struct kp_answer *answer)
{
    char text[1024];
    struct kp_writer writer;
    struct kp_person person;
    struct kp_match_score score = {0};
    uint64_t form;
    uint64_t bearer;
    kp_writer_init(&writer, text, sizeof text);
    if (!mention->has_form) {
        kp_put_text(&writer, "niets om hem op te zoeken: een persoon op zichzelf");
    } else if (!kp_forms_find(txn, mention->form_tag, &form, &bearer) ||
               !kp_person_load(txn, person_id, 0, &person)) {
        return;
    } else if (best_of(model, txn, &person, form, &score)) {
        kp_put_text(&writer, "met een andere schrijfwijze van deze persoon ");
        put_score(&writer, &score);
    } else {
        kp_put_text(&writer, "de enige schrijfwijze van deze persoon");
    }
    kp_answer_slice(answer, "because", kp_writer_slice(&writer));
}
