/* SPDX-License-Identifier: EUPL-1.2 */
/* Why a match is what it is, and what became of a person. */
#include "explain.h"
#include "find.h"

#include "base/assert.h"
#include "core/change.h"
#include "core/decision.h"
#include "core/doubt.h"
#include "core/epoch.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

/* --- why --- */

/* The person outside whose form is most like this one. */
static bool find_rival(const struct kp_match_model *model, struct kp_txn *txn,
                       const struct kp_known_form *form, struct kp_known_form *ret_rival)
{
    struct kp_doubt doubt = {.form = form->id};
    int32_t best = INT32_MIN;
    while (kp_doubt_next(txn, form->id, doubt.other, &doubt) && doubt.form == form->id) {
        struct kp_known_form other;
        if (doubt.bits > best && kp_forms_load(txn, model->terms, doubt.other, &other) &&
            other.person != form->person) {
            best = doubt.bits;
            *ret_rival = other;
        }
    }
    return best > INT32_MIN;
}

/* One decision is of many spellings of a person: told once. */
struct told {
    uint64_t position, person;
};

static bool is_told(const struct told *told, uint32_t count, uint64_t position, uint64_t person)
{
    for (uint32_t i = 0; i < count; i++) {
        if (told[i].position == position && told[i].person == person) {
            return true;
        }
    }
    return false;
}

static void decision_row(const struct kp_view *view, const struct kp_decided *decided,
                         uint64_t person, struct kp_answer *answer)
{
    kp_answer_row(answer);
    kp_answer_text(answer, "decision", kp_explain_decision(decided->decision));
    kp_answer_text(answer, "other", kp_find_person_text(answer->arena, person));
    kp_answer_text(answer, "reason", kp_decision_reason_word(decided->reason));
    kp_answer_text(answer, "by", kp_find_author(view, decided->author));
    kp_answer_number(answer, "epoch", decided->epoch);
    kp_answer_number(answer, "position", decided->position);
    kp_answer_time(answer, "at", decided->at);
}

/* What persons decided of the form, and under which epoch they saw it. */
static void decision_rows(const struct kp_view *view, struct kp_txn *txn,
                          const struct kp_known_form *form, struct kp_answer *answer)
{
    struct kp_decided decided;
    const uint8_t *after = NULL;
    uint8_t last[KP_TAG_BYTES];
    uint32_t count = 0;
    struct told *told = kp_arena_alloc(answer->arena, KP_ANSWER_ROWS_MAX * sizeof *told);
    while (told != NULL && count < KP_ANSWER_ROWS_MAX && !answer->cut &&
           kp_decision_next(txn, form->tag, after, &decided)) {
        uint64_t other;
        uint64_t person = 0;
        (void)kp_forms_find(txn, decided.other, &other, &person); /* gone: 0 */
        if (after == NULL) {
            kp_answer_section(answer, "decided");
        }
        if (!is_told(told, count, decided.position, person)) {
            told[count++] = (struct told){.position = decided.position, .person = person};
            decision_row(view, &decided, person, answer);
        }
        memcpy(last, decided.other, sizeof last);
        after = last;
    }
}

static void explain_form(const struct kp_view *view, const struct kp_match_model *model,
                         struct kp_txn *txn, uint64_t form_id, struct kp_answer *answer)
{
    struct kp_known_form form;
    struct kp_known_form other;
    struct kp_person person;
    struct kp_known_form rival;
    struct kp_match_score score = {0};
    struct kp_match_score rival_score;
    if (!kp_forms_load(txn, model->terms, form_id, &form) ||
        !kp_person_load(txn, form.person, 0, &person)) {
        return;
    }
    bool has_rival = find_rival(model, txn, &form, &rival);
    if (has_rival) {
        kp_match_score(model, &form.form, &rival.form, &rival_score);
    }
    kp_answer_section(answer, "match");
    kp_answer_row(answer);
    kp_answer_text(answer, "person", kp_text_person(answer->arena, form.person));
    kp_answer_number(answer, "signals", person.mention_count);
    kp_answer_number(answer, "spellings", person.form_count);
    kp_answer_number(answer, "epoch", model->epoch);
    bool best = kp_explain_best(model, txn, &person, &form, &other, &score);
    kp_answer_text(answer, "margin",
                   best && has_rival ? kp_explain_bits(answer->arena, score.bits - rival_score.bits)
                                     : "");
    kp_answer_text(answer, "because",
                   best ? "weegt het zwaarst met deze schrijfwijze van dezelfde persoon"
                        : "de enige schrijfwijze van deze persoon");
    if (best) {
        kp_explain_pair(model, txn, &form, &other, /* rival= */ false, answer);
    }
    decision_rows(view, txn, &form, answer);
    if (has_rival) {
        kp_answer_section(answer, "not");
        kp_answer_row(answer);
        kp_answer_text(answer, "person", kp_text_person(answer->arena, rival.person));
        kp_answer_text(answer, "because", "lijkt er het meest op en is een ander");
        kp_explain_pair(model, txn, &form, &rival, /* rival= */ true, answer);
    }
}

/* By the epoch under which it was weighed: while another one comes into force, that is the one
 * before for what waits. */
static void explain_weighed(const struct kp_view *view, struct kp_txn *txn, uint64_t form,
                            struct kp_answer *answer)
{
    const struct kp_match_model *active = &view->core.model;
    struct kp_epoch_state state;
    struct kp_match_model model = *active;
    struct kp_match_terms *terms = NULL;
    if (!kp_epoch_state(txn, &state)) {
        return;
    }
    uint32_t number = kp_epoch_of_form(&state, form);
    if (number != active->epoch) {
        terms = malloc(sizeof *terms);
        KP_ASSERT(terms != NULL);
    }
    if (terms == NULL || kp_epoch_load(txn, number, terms, &model)) {
        explain_form(view, &model, txn, form, answer);
    }
    free(terms);
}

static enum kp_err explain(const struct kp_view *view, struct kp_txn *txn,
                           const struct kp_query *query, struct kp_answer *answer,
                           struct kp_diag *reterr_diag)
{
    uint64_t form;
    uint64_t person;
    enum kp_err err = kp_find_mention(txn, query, &form, &person, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (form != 0) {
        explain_weighed(view, txn, form, answer);
    } else {
        kp_answer_section(answer, "match");
        kp_answer_row(answer);
        kp_answer_text(answer, "person", kp_text_person(answer->arena, person));
        kp_answer_text(answer, "because", "niets om hem op te zoeken: een persoon op zichzelf");
    }
    *reterr_diag = txn->diag;
    return kp_txn_error(txn);
}

enum kp_err kp_query_match_explain(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    err = explain(view, txn, query, answer, reterr_diag);
    kp_view_release(view);
    kp_txn_abort(txn);
    return err;
}

/* --- what became of a person --- */

static const char *reason_text(enum kp_change_reason reason)
{
    switch (reason) {
    case KP_CHANGE_SIGNAL:
        return "een signaal kwam";
    case KP_CHANGE_GONE:
        return "een signaal ging";
    case KP_CHANGE_DECIDED:
        return "iemand besliste";
    case KP_CHANGE_EPOCH:
        return "andere gewichten";
    default:
        return "";
    }
}

/* Who decided, or by which epoch is weighed. */
static void detail_text(const struct kp_view *view, const struct kp_cause *cause,
                        struct kp_answer *answer)
{
    kp_answer_text(answer, "by",
                   cause->reason == KP_CHANGE_DECIDED ? kp_find_author(view, cause->detail) : "");
    if (cause->reason == KP_CHANGE_EPOCH) {
        kp_answer_number(answer, "epoch", cause->detail);
    } else {
        kp_answer_text(answer, "epoch", "");
    }
}

static void change_row(const struct kp_view *view, const struct kp_change *change,
                       struct kp_answer *answer)
{
    kp_answer_row(answer);
    kp_answer_number(answer, "position", change->position);
    kp_answer_time(answer, "at", change->at);
    kp_answer_text(answer, "what", change->came ? "kwam van" : "ging naar");
    kp_answer_text(answer, "person", kp_text_person(answer->arena, change->other));
    kp_answer_number(answer, "mentions", change->signals);
    kp_answer_truth(answer, "whole", change->gone);
    kp_answer_text(answer, "because", reason_text(change->cause.reason));
    detail_text(view, &change->cause, answer);
}

static void history_rows(const struct kp_view *view, struct kp_txn *txn, uint64_t person,
                         struct kp_answer *answer)
{
    struct kp_change change = {.person = person};
    size_t mark = kp_txn_scratch_mark(txn);
    kp_answer_section(answer, "history");
    while (!answer->cut && kp_change_next(txn, &change)) {
        change_row(view, &change, answer);
        kp_txn_scratch_restore(txn, mark);
    }
}

enum kp_err kp_query_match_history(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_person person;
    uint64_t id =
        query->argument_count == 1 ? kp_text_person_id(kp_slice_str(query->arguments[0])) : 0;
    if (id == 0) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give a person, as other commands name him");
    }
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    kp_answer_section(answer, "person");
    kp_answer_row(answer);
    kp_answer_text(answer, "asked", query->arguments[0]);
    bool is_now = kp_find_person(txn, query->arguments[0], &person, reterr_diag) == KP_OK;
    kp_answer_text(answer, "now", is_now ? kp_text_person(answer->arena, person.id) : "");
    history_rows(view, txn, id, answer);
    kp_view_release(view);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}
