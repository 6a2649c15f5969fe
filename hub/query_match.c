/* SPDX-License-Identifier: EUPL-1.2 */
/* Matches in doubt: what a person is asked to look at, what he decides, and why a match is what it
 * is. */
#include "explain.h"
#include "queries.h"

#include "base/assert.h"
#include "base/log.h"
#include "core/decision.h"
#include "core/doubt.h"
#include "core/epoch.h"
#include "core/match.h"
#include "core/stored.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 200u
#define FOUND_MAX 4096u
#define PAIRS_MAX 1024u

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

struct two {
    struct kp_person persons[2];
    struct kp_known_form forms[2]; /* of each the one that is most like the other's */
};

static enum kp_err load_person(struct kp_txn *txn, const char *text, struct kp_person *ret_person,
                               struct kp_diag *reterr_diag)
{
    uint64_t id = kp_text_person_id(kp_slice_str(text));
    for (int steps = 0; id != 0 && steps < 64; steps++) {
        if (!kp_person_load(txn, id, 0, ret_person)) {
            *reterr_diag = txn->diag;
            return kp_txn_error(txn);
        }
        if (ret_person->redirect == 0) {
            break;
        }
        id = ret_person->redirect;
    }
    if (id == 0 || ret_person->mention_count == 0) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "\"%.40s\" is no person of this house; `review list` names them", text);
    }
    return KP_OK;
}

static enum kp_err load_two(const struct kp_match_model *model, struct kp_txn *txn,
                            const struct kp_query *query, struct two *ret_two,
                            struct kp_diag *reterr_diag)
{
    int32_t best = INT32_MIN;
    for (uint32_t i = 0; i < 2; i++) {
        enum kp_err err = load_person(txn, query->arguments[i], &ret_two->persons[i], reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    if (ret_two->persons[0].id == ret_two->persons[1].id) {
        return kp_fail(reterr_diag, KP_E_STATE, "they are one person already");
    }
    for (uint32_t a = 0; a < ret_two->persons[0].form_count; a++) {
        for (uint32_t b = 0; b < ret_two->persons[1].form_count; b++) {
            struct kp_known_form one;
            struct kp_known_form other;
            struct kp_match_score score;
            if (!kp_forms_load(txn, model->terms, ret_two->persons[0].forms[a].id, &one) ||
                !kp_forms_load(txn, model->terms, ret_two->persons[1].forms[b].id, &other)) {
                *reterr_diag = txn->diag;
                return kp_txn_error(txn);
            }
            kp_match_score(model, &one.form, &other.form, &score);
            if (score.bits > best) {
                best = score.bits;
                ret_two->forms[0] = one;
                ret_two->forms[1] = other;
            }
        }
    }
    return best > INT32_MIN ? KP_OK
                            : kp_fail(reterr_diag, KP_E_STATE,
                                      "of one of them nothing is known by which to compare");
}

static void person_rows(const struct two *two, struct kp_answer *answer)
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

typedef enum kp_err on_two_fn(struct kp_hub *hub, struct kp_txn *txn, const struct two *two,
                              void *context, struct kp_answer *answer, struct kp_diag *reterr_diag);

static enum kp_err with_two(struct kp_hub *hub, const struct kp_query *query, on_two_fn *on_two,
                            void *context, struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct two two;
    if (query->argument_count != 2) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give two persons, as `review list` names them");
    }
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    err = load_two(&view->core.model, txn, query, &two, reterr_diag);
    if (err == KP_OK) {
        person_rows(&two, answer);
        kp_explain_pair(&view->core.model, &two.forms[0].form, &two.forms[1].form, answer);
        err = on_two == NULL ? KP_OK : on_two(hub, txn, &two, context, answer, reterr_diag);
    }
    kp_view_release(view);
    kp_txn_abort(txn);
    return err;
}

enum kp_err kp_query_review_show(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return with_two(hub, query, NULL, NULL, answer, reterr_diag);
}

/* --- decide --- */

struct pairs {
    enum kp_match_decision decision;
    uint32_t count;
    uint8_t tags[PAIRS_MAX][2][KP_TAG_BYTES];
};

static void add_pair(struct pairs *pairs, const struct kp_known_form *a,
                     const struct kp_known_form *b)
{
    if (pairs->count < PAIRS_MAX) {
        memcpy(pairs->tags[pairs->count][0], a->tag, KP_TAG_BYTES);
        memcpy(pairs->tags[pairs->count++][1], b->tag, KP_TAG_BYTES);
    }
}

/* The two forms that are most alike, and each of them with all forms of the other person: so that
 * none of the one's stays behind with the other's. */
static enum kp_err collect_pairs(struct kp_hub *hub, struct kp_txn *txn, const struct two *two,
                                 void *context, struct kp_answer *answer,
                                 struct kp_diag *reterr_diag)
{
    struct pairs *pairs = context;
    (void)hub;
    (void)answer;
    add_pair(pairs, &two->forms[0], &two->forms[1]);
    for (uint32_t side = 0; side < 2; side++) {
        const struct kp_person *person = &two->persons[side];
        for (uint32_t i = 0; i < person->form_count; i++) {
            struct kp_known_form form;
            if (person->forms[i].id == two->forms[side].id) {
                continue;
            }
            if (!kp_forms_load(txn, NULL, person->forms[i].id, &form)) {
                *reterr_diag = txn->diag;
                return kp_txn_error(txn);
            }
            add_pair(pairs, &form, &two->forms[1 - side]);
        }
    }
    return KP_OK;
}

static enum kp_err submit(struct kp_hub *hub, const struct pairs *pairs, uint64_t *ret_position,
                          struct kp_diag *reterr_diag)
{
    struct kp_command_head head = {.kind = KP_COMMAND_DECIDE};
    size_t size = (size_t)pairs->count * 2 * KP_TAG_BYTES;
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_DECIDE, 256 + size, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_u8(&writer, (uint8_t)pairs->decision);
    kp_put_u16(&writer, (uint16_t)pairs->count);
    kp_put_raw(&writer, kp_slice_of(pairs->tags, size));
    entry->body_size = kp_writer_slice(&writer).size;
    enum kp_err err = kp_writer_submit_and_wait(hub, entry, ret_position);
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "the journal did not take it");
}

/* Who they are now. */
static void result_rows(struct kp_hub *hub, const struct pairs *pairs, uint64_t position,
                        struct kp_answer *answer)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    kp_answer_section(answer, "decided");
    if (kp_txn_begin(&hub->store, /* write= */ false, &txn, &diag) != KP_OK) {
        return;
    }
    uint64_t form;
    uint64_t persons[2] = {0};
    for (uint32_t side = 0; side < 2; side++) {
        (void)kp_forms_find(txn, pairs->tags[0][side], &form, &persons[side]); /* gone: 0 */
    }
    kp_txn_abort(txn);
    kp_answer_row(answer);
    kp_answer_number(answer, "position", position);
    kp_answer_text(answer, "one", kp_text_person(answer->arena, persons[0]));
    kp_answer_text(answer, "other", kp_text_person(answer->arena, persons[1]));
    kp_answer_text(answer, "result", persons[0] == persons[1] ? "one person" : "two persons");
}

static enum kp_err decide(struct kp_hub *hub, const struct kp_query *query,
                          enum kp_match_decision decision, struct kp_answer *answer,
                          struct kp_diag *reterr_diag)
{
    struct pairs *pairs = calloc(1, sizeof *pairs);
    uint64_t position;
    KP_ASSERT(pairs != NULL);
    pairs->decision = decision;
    enum kp_err err = with_two(hub, query, collect_pairs, pairs, answer, reterr_diag);
    if (err == KP_OK) {
        err = submit(hub, pairs, &position, reterr_diag);
    }
    if (err == KP_OK) {
        kp_log(KP_LOG_NOTICE, "match.decided", "position=%llu decision=%d",
               (unsigned long long)position, (int)decision);
        result_rows(hub, pairs, position, answer);
    }
    free(pairs);
    return err;
}

enum kp_err kp_query_review_accept(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return decide(hub, query, KP_DECISION_MUST, answer, reterr_diag);
}

enum kp_err kp_query_review_reject(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return decide(hub, query, KP_DECISION_CANNOT, answer, reterr_diag);
}

/* --- take back --- */

/* All that was decided at a position. */
static void find_decided(struct kp_txn *txn, uint64_t position, struct pairs *pairs)
{
    struct kp_slice key;
    struct kp_slice value;
    struct kp_key from = kp_key_none();
    while (kp_txn_seek(txn, KP_TABLE_DECISION, kp_key_slice(&from), from.size > 0, &key, &value) &&
           key.size == 2 * KP_TAG_BYTES) {
        struct kp_decided decided;
        from = kp_key_raw(kp_key_none(), key);
        if (memcmp(from.bytes, from.bytes + KP_TAG_BYTES, KP_TAG_BYTES) < 0 &&
            kp_decision_get(txn, from.bytes, from.bytes + KP_TAG_BYTES, &decided) &&
            decided.position == position && pairs->count < PAIRS_MAX) {
            memcpy(pairs->tags[pairs->count++], from.bytes, 2 * KP_TAG_BYTES);
        }
    }
}

enum kp_err kp_query_review_undo(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    uint64_t position = query->argument_count == 1 ? kp_query_number(query->arguments[0]) : 0;
    struct kp_txn *txn;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct pairs *pairs = calloc(1, sizeof *pairs);
    KP_ASSERT(pairs != NULL);
    find_decided(txn, position, pairs);
    kp_txn_abort(txn);
    if (pairs->count == 0) {
        err = kp_fail(reterr_diag, KP_E_NOT_FOUND,
                      "nothing that still stands was decided at position %llu",
                      (unsigned long long)position);
    } else {
        err = submit(hub, pairs, &position, reterr_diag);
    }
    if (err == KP_OK) {
        result_rows(hub, pairs, position, answer);
    }
    free(pairs);
    return err;
}

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

static void explain_form(const struct kp_match_model *model, struct kp_txn *txn, uint64_t form_id,
                         struct kp_answer *answer)
{
    struct kp_known_form form;
    struct kp_known_form other;
    struct kp_person person;
    struct kp_match_score score = {0};
    if (!kp_forms_load(txn, model->terms, form_id, &form) ||
        !kp_person_load(txn, form.person, 0, &person)) {
        return;
    }
    kp_answer_section(answer, "match");
    kp_answer_row(answer);
    kp_answer_text(answer, "person", kp_text_person(answer->arena, form.person));
    kp_answer_number(answer, "signals", person.mention_count);
    kp_answer_number(answer, "spellings", person.form_count);
    kp_answer_number(answer, "epoch", model->epoch);
    bool best = kp_explain_best(model, txn, &person, &form, &other, &score);
    kp_answer_text(answer, "because",
                   best ? "weegt het zwaarst met deze schrijfwijze van dezelfde persoon"
                        : "de enige schrijfwijze van deze persoon");
    if (best) {
        kp_explain_pair(model, &form.form, &other.form, answer);
    }
    if (find_rival(model, txn, &form, &other)) {
        kp_answer_section(answer, "not");
        kp_answer_row(answer);
        kp_answer_text(answer, "person", kp_text_person(answer->arena, other.person));
        kp_answer_text(answer, "because", "lijkt er het meest op en is een ander");
        kp_explain_pair(model, &form.form, &other.form, answer);
    }
}

/* "POSITION [NUMBER]": a person in a signal that stands. *ret_form 0: he cannot be looked for. */
static enum kp_err find_mention(struct kp_txn *txn, const struct kp_query *query,
                                uint64_t *ret_form, uint64_t *ret_person,
                                struct kp_diag *reterr_diag)
{
    struct kp_stored_signal stored;
    uint64_t position = query->argument_count > 0 ? kp_query_number(query->arguments[0]) : 0;
    uint64_t number = query->argument_count > 1 ? kp_query_number(query->arguments[1]) : 1;
    if (!kp_stored_load(txn, position, &stored)) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "no signal is kept at position %llu",
                       (unsigned long long)position);
    }
    uint32_t count = stored.status == KP_SIGNAL_CURRENT ? stored.signal.mention_count : 0;
    if (number == 0 || number > count) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "signal %llu names %u persons now; give 1 for the first",
                       (unsigned long long)position, count);
    }
    const struct kp_command_mention *mention = &stored.signal.mentions[number - 1];
    *ret_form = 0;
    *ret_person = kp_match_find(txn, mention, position, (uint8_t)(number - 1));
    if (mention->has_form) {
        (void)kp_forms_find(txn, mention->form_tag, ret_form, ret_person); /* it stands */
    }
    *reterr_diag = txn->diag;
    return kp_txn_error(txn);
}

/* By the epoch under which it was weighed: while another one comes into force, that is the one
 * before for what waits. */
static void explain_weighed(const struct kp_match_model *active, struct kp_txn *txn, uint64_t form,
                            struct kp_answer *answer)
{
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
        explain_form(&model, txn, form, answer);
    }
    free(terms);
}

static enum kp_err explain(const struct kp_match_model *model, struct kp_txn *txn,
                           const struct kp_query *query, struct kp_answer *answer,
                           struct kp_diag *reterr_diag)
{
    uint64_t form;
    uint64_t person;
    enum kp_err err = find_mention(txn, query, &form, &person, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (form != 0) {
        explain_weighed(model, txn, form, answer);
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
    err = explain(&view->core.model, txn, query, answer, reterr_diag);
    kp_view_release(view);
    kp_txn_abort(txn);
    return err;
}

/* --- unmerge --- */

/* The form and every other one of its person: two persons. */
static enum kp_err collect_others(struct kp_txn *txn, const struct kp_query *query,
                                  struct pairs *pairs, struct kp_diag *reterr_diag)
{
    struct kp_known_form form;
    struct kp_person person;
    uint64_t form_id;
    uint64_t person_id;
    enum kp_err err = find_mention(txn, query, &form_id, &person_id, reterr_diag);
    if (err == KP_OK && form_id != 0 && kp_forms_load(txn, NULL, form_id, &form) &&
        kp_person_load(txn, person_id, 0, &person)) {
        for (uint32_t i = 0; i < person.form_count; i++) {
            struct kp_known_form other;
            if (person.forms[i].id != form_id &&
                kp_forms_load(txn, NULL, person.forms[i].id, &other)) {
                add_pair(pairs, &form, &other);
            }
        }
    }
    if (err == KP_OK && pairs->count == 0) {
        err = kp_fail(reterr_diag, KP_E_STATE,
                      "this spelling is the only one of its person; signals that say the same word "
                      "for word cannot be told apart");
    }
    return err;
}

enum kp_err kp_query_match_unmerge(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    uint64_t position;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct pairs *pairs = calloc(1, sizeof *pairs);
    KP_ASSERT(pairs != NULL);
    pairs->decision = KP_DECISION_CANNOT;
    err = collect_others(txn, query, pairs, reterr_diag);
    kp_txn_abort(txn);
    if (err == KP_OK) {
        err = submit(hub, pairs, &position, reterr_diag);
    }
    if (err == KP_OK) {
        kp_log(KP_LOG_NOTICE, "match.decided", "position=%llu decision=%d",
               (unsigned long long)position, (int)pairs->decision);
        result_rows(hub, pairs, position, answer);
    }
    free(pairs);
    return err;
}
