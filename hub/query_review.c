/* SPDX-License-Identifier: EUPL-1.2 */
/* Matches in doubt: what a person is asked to look at, and two persons side by side. */
#include "explain.h"
#include "find.h"

#include "base/assert.h"
#include "core/decision.h"
#include "core/doubt.h"
#include "core/text.h"
#include "core/weigh.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 200u
#define KEPT_MAX 4096u /* of what was found, to choose from */

/* --- the list --- */

struct item {
    struct kp_doubt doubt;
    uint64_t person, other;
};

static uint64_t came_at(uint64_t form)
{
    return form >> KP_PERSON_INDEX_BITS;
}

/* Of the form it was decided whose it is, when the other one was there to be seen. */
static bool is_settled(struct kp_txn *txn, const struct kp_known_form *form, uint64_t other)
{
    struct kp_decided decided;
    const uint8_t *after = NULL;
    uint8_t last[KP_TAG_BYTES];
    while (kp_decision_next(txn, form->tag, after, &decided)) {
        uint64_t mate;
        uint64_t person;
        if (decided.decision == KP_DECISION_MUST && decided.position > came_at(other) &&
            kp_forms_find(txn, decided.other, &mate, &person)) {
            return true;
        }
        memcpy(last, decided.other, sizeof last);
        after = last;
    }
    return false;
}

/* A doubt that still is a question. */
static bool is_open(struct kp_txn *txn, const struct kp_doubt *doubt, struct item *ret_item)
{
    struct kp_known_form form;
    struct kp_known_form other;
    struct kp_decided decided;
    size_t mark = kp_txn_scratch_mark(txn);
    bool open = doubt->form < doubt->other && kp_forms_load(txn, NULL, doubt->form, &form) &&
                kp_forms_load(txn, NULL, doubt->other, &other) && form.person != other.person &&
                !kp_decision_get(txn, form.tag, other.tag, &decided) &&
                !is_settled(txn, &form, other.id) && !is_settled(txn, &other, form.id);
    if (open) {
        *ret_item = (struct item){.doubt = *doubt, .person = form.person, .other = other.person};
    }
    kp_txn_scratch_restore(txn, mark);
    return open;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *one = a;
    const struct item *other = b;
    if (one->doubt.bits != other->doubt.bits) {
        return one->doubt.bits > other->doubt.bits ? -1 : 1;
    }
    return one->doubt.form != other->doubt.form
               ? (one->doubt.form < other->doubt.form ? -1 : 1)
               : (one->doubt.other > other->doubt.other) - (one->doubt.other < other->doubt.other);
}

struct found {
    struct item *items; /* room for KEPT_MAX; the likeliest first when all is found */
    uint32_t count;
    uint64_t open; /* all of them */
};

/* The likeliest of all. */
static void find_open(struct kp_txn *txn, struct found *found)
{
    struct kp_doubt doubt = {0};
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_doubt_next(txn, doubt.form, doubt.other, &doubt)) {
        if (is_open(txn, &doubt, &found->items[found->count])) {
            found->open++;
            found->count++;
        }
        if (found->count == KEPT_MAX) {
            qsort(found->items, found->count, sizeof *found->items, compare_items);
            found->count /= 2;
        }
        kp_txn_scratch_restore(txn, mark);
    }
    qsort(found->items, found->count, sizeof *found->items, compare_items);
}

/* Somebody said that the two are two: of no other spelling of theirs it is asked again. */
static bool are_two(struct kp_txn *txn, uint64_t one, uint64_t other)
{
    struct kp_person person;
    if (!kp_person_load(txn, one, 0, &person)) {
        return false;
    }
    for (uint32_t i = 0; i < person.form_count; i++) {
        struct kp_known_form form;
        struct kp_decided decided;
        const uint8_t *after = NULL;
        uint8_t last[KP_TAG_BYTES];
        size_t mark = kp_txn_scratch_mark(txn);
        bool loaded = kp_forms_load(txn, NULL, person.forms[i].id, &form);
        while (loaded && kp_decision_next(txn, form.tag, after, &decided)) {
            uint64_t mate;
            uint64_t bearer;
            if (decided.decision == KP_DECISION_CANNOT &&
                kp_forms_find(txn, decided.other, &mate, &bearer) && bearer == other) {
                return true;
            }
            memcpy(last, decided.other, sizeof last);
            after = last;
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return false;
}

/* Two persons are one question, however many of their forms are alike. */
static bool is_listed(const struct item *items, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if ((items[i].person == items[at].person && items[i].other == items[at].other) ||
            (items[i].person == items[at].other && items[i].other == items[at].person)) {
            return true;
        }
    }
    return false;
}

static void item_row(const struct kp_match_model *model, struct kp_txn *txn,
                     const struct item *item, struct kp_answer *answer)
{
    struct kp_known_form form;
    struct kp_known_form other;
    struct kp_match_score score;
    if (!kp_forms_load(txn, model->terms, item->doubt.form, &form) ||
        !kp_forms_load(txn, model->terms, item->doubt.other, &other)) {
        return;
    }
    kp_match_score(model, &form.form, &other.form, &score);
    kp_answer_row(answer);
    kp_answer_text(answer, "person", kp_text_person(answer->arena, item->person));
    kp_answer_text(answer, "other", kp_text_person(answer->arena, item->other));
    kp_answer_text(answer, "grade", kp_explain_grade(score.grade));
    kp_answer_text(answer, "bits", kp_explain_bits(answer->arena, score.bits));
    kp_answer_text(answer, "why_not",
                   score.grade == KP_GRADE_CERTAIN ? "een ander past ook"
                   : score.principle != 0          ? kp_explain_principle(score.principle)
                                                   : "te weinig dat overeenkomt");
}

enum kp_err kp_query_review_list(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct found found = {.items = calloc(KEPT_MAX, sizeof *found.items)};
    KP_ASSERT(found.items != NULL);
    find_open(txn, &found);
    struct kp_view *view = kp_view_hold(hub);
    uint32_t listed = 0;
    kp_answer_section(answer, "review");
    for (uint32_t i = 0; i < found.count && listed < LISTED_MAX; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (!is_listed(found.items, i) &&
            !are_two(txn, found.items[i].person, found.items[i].other)) {
            item_row(&view->core.model, txn, &found.items[i], answer);
            listed++;
        }
        kp_txn_scratch_restore(txn, mark);
    }
    kp_view_release(view);
    free(found.items);
    kp_answer_section(answer, "counted");
    kp_answer_row(answer);
    kp_answer_number(answer, "listed", listed);
    kp_answer_number(answer, "spellings_in_doubt", found.open);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}

/* --- two persons --- */

static void person_rows(const struct kp_two *two, struct kp_answer *answer)
{
    kp_answer_section(answer, "persons");
    for (uint32_t i = 0; i < 2; i++) {
        kp_answer_row(answer);
        kp_answer_text(answer, "side", i == 0 ? "one" : "other");
        kp_answer_text(answer, "person", kp_text_person(answer->arena, two->persons[i].id));
        kp_answer_number(answer, "signals", two->persons[i].mention_count);
        kp_answer_number(answer, "spellings", two->persons[i].form_count);
    }
}

enum kp_err kp_query_review_show(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_two two;
    if (query->argument_count != 2) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give two persons, as `review list` names them");
    }
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    const struct kp_match_model *model = &view->core.model;
    err = kp_find_two(model, txn, query, &two, reterr_diag);
    if (err == KP_OK) {
        person_rows(&two, answer);
        kp_explain_pair(model, txn, &two.forms[0], &two.forms[1], /* rival= */ false, answer);
    }
    kp_view_release(view);
    kp_txn_abort(txn);
    return err;
}

/* --- what was decided --- */

/* What was decided at one position, of whom. */
struct decision {
    struct kp_decided decided;
    uint8_t tag[KP_TAG_BYTES];
};

static int newest_first(const void *a, const void *b)
{
    const struct decision *one = a;
    const struct decision *other = b;
    return (one->decided.position < other->decided.position) -
           (one->decided.position > other->decided.position);
}

static bool is_noted(const struct decision *decisions, uint32_t count, uint64_t position)
{
    for (uint32_t i = 0; i < count; i++) {
        if (decisions[i].decided.position == position) {
            return true;
        }
    }
    return false;
}

/* One of each position; the newest ones. */
static uint32_t find_decisions(struct kp_txn *txn, struct decision *ret_decisions)
{
    struct kp_key key = kp_key_none();
    struct decision decision;
    uint32_t count = 0;
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_decision_walk(txn, &key, decision.tag, &decision.decided)) {
        kp_txn_scratch_restore(txn, mark);
        if (!is_noted(ret_decisions, count, decision.decided.position)) {
            ret_decisions[count++] = decision;
        }
        if (count == KEPT_MAX) {
            qsort(ret_decisions, count, sizeof *ret_decisions, newest_first);
            count /= 2;
        }
    }
    qsort(ret_decisions, count, sizeof *ret_decisions, newest_first);
    return count;
}

static void decision_row(const struct kp_view *view, struct kp_txn *txn,
                         const struct decision *decision, struct kp_answer *answer)
{
    uint64_t form;
    uint64_t persons[2] = {0};
    (void)kp_forms_find(txn, decision->tag, &form, &persons[0]); /* gone: 0 */
    (void)kp_forms_find(txn, decision->decided.other, &form, &persons[1]);
    kp_answer_row(answer);
    kp_answer_number(answer, "position", decision->decided.position);
    kp_answer_text(answer, "decision", kp_explain_decision(decision->decided.decision));
    kp_answer_text(answer, "one", kp_find_person_text(answer->arena, persons[0]));
    kp_answer_text(answer, "other", kp_find_person_text(answer->arena, persons[1]));
    kp_answer_text(answer, "reason", kp_decision_reason_word(decision->decided.reason));
    kp_answer_text(answer, "by", kp_find_author(view, decision->decided.author));
    kp_answer_time(answer, "at", decision->decided.at);
}

enum kp_err kp_query_review_decided(struct kp_hub *hub, const struct kp_query *query,
                                    struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct decision *decisions = calloc(KEPT_MAX, sizeof *decisions);
    KP_ASSERT(decisions != NULL);
    uint32_t count = find_decisions(txn, decisions);
    struct kp_view *view = kp_view_hold(hub);
    kp_answer_section(answer, "decided");
    for (uint32_t i = 0; i < count && i < LISTED_MAX; i++) {
        decision_row(view, txn, &decisions[i], answer);
    }
    kp_view_release(view);
    free(decisions);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}
