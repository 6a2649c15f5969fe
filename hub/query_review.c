/* SPDX-License-Identifier: EUPL-1.2 */
/* Matches in doubt: what a person is asked to look at, and two persons side by side. */
#include "explain.h"
#include "find.h"

#include "base/assert.h"
#include "core/decision.h"
#include "core/doubt.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 200u
#define FOUND_MAX 4096u

/* --- the list --- */

struct item {
    struct kp_doubt doubt;
    uint64_t person, other;
};

/* Of the form it was decided whose it is. */
static bool is_settled(struct kp_txn *txn, const struct kp_known_form *form)
{
    struct kp_decided decided;
    const uint8_t *after = NULL;
    uint8_t last[KP_TAG_BYTES];
    while (kp_decision_next(txn, form->tag, after, &decided)) {
        if (decided.decision == KP_DECISION_MUST) {
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
                !kp_decision_get(txn, form.tag, other.tag, &decided) && !is_settled(txn, &form) &&
                !is_settled(txn, &other);
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

static uint32_t find_open(struct kp_txn *txn, struct item *ret_items)
{
    struct kp_doubt doubt = {0};
    uint32_t count = 0;
    size_t mark = kp_txn_scratch_mark(txn);
    while (count < FOUND_MAX && kp_doubt_next(txn, doubt.form, doubt.other, &doubt)) {
        count += is_open(txn, &doubt, &ret_items[count]) ? 1 : 0;
        kp_txn_scratch_restore(txn, mark);
    }
    return count;
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
    struct item *items = calloc(FOUND_MAX, sizeof *items);
    KP_ASSERT(items != NULL);
    uint32_t count = find_open(txn, items);
    qsort(items, count, sizeof *items, compare_items);
    struct kp_view *view = kp_view_hold(hub);
    uint32_t listed = 0;
    kp_answer_section(answer, "review");
    for (uint32_t i = 0; i < count && listed < LISTED_MAX; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (!is_listed(items, i)) {
            item_row(&view->core.model, txn, &items[i], answer);
            listed++;
        }
        kp_txn_scratch_restore(txn, mark);
    }
    kp_view_release(view);
    free(items);
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
