/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a person decides of who is who: that two are one, that they are not, that one in a signal is
 * another; and that taken back. The last argument of each says what he had it from. An operator
 * decides at the hub's socket, a user by a message that he signed: the same message again is
 * answered as the first time.
 */
#include "find.h"

#include "base/assert.h"
#include "base/log.h"
#include "core/decision.h"
#include "core/ids.h"
#include "core/text.h"
#include "core/weigh.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 1024u
#define NUMBERS_MAX KP_WEIGH_FORMS_MAX
#define TWO_NUMBERS "twee-bsn" /* that the one who decides has seen it */

/* Pairs of forms of which the same is decided. */
struct pairs {
    enum kp_match_decision decision;
    enum kp_decision_reason reason;
    uint64_t back; /* KP_DECISION_NONE: the position of what is taken back; else 0 */
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

/* --- of what is decided --- */

typedef enum kp_err collect_fn(const struct kp_match_model *model, struct kp_txn *txn,
                               const struct kp_query *query, struct pairs *pairs,
                               struct kp_diag *reterr_diag);

/* The valid BSNs of one person. @numbers, *count_io: added to, each once */
static void add_numbers(struct kp_txn *txn, const struct kp_person *person, uint64_t *numbers,
                        uint32_t *count_io)
{
    for (uint32_t i = 0; i < person->form_count; i++) {
        struct kp_form form;
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_forms_shape(txn, NULL, person->forms[i].id, &form) &&
            form.bsn_class == KP_FORM_BSN_VALID) {
            (void)kp_ids_insert(numbers, count_io, NUMBERS_MAX, form.bsn);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

/* One person would have more numbers than either has now, and not for want of one. */
static bool have_two_numbers(struct kp_txn *txn, const struct kp_two *two)
{
    uint64_t numbers[NUMBERS_MAX];
    uint32_t counts[2] = {0};
    uint32_t both = 0;
    for (uint32_t side = 0; side < 2; side++) {
        add_numbers(txn, &two->persons[side], numbers, &counts[side]);
    }
    add_numbers(txn, &two->persons[0], numbers, &both);
    add_numbers(txn, &two->persons[1], numbers, &both);
    return counts[0] > 0 && counts[1] > 0 && both > counts[0] && both > counts[1];
}

static enum kp_err check_size(const struct kp_two *two, struct kp_diag *reterr_diag)
{
    uint32_t forms = two->persons[0].form_count + two->persons[1].form_count;
    return forms <= KP_WEIGH_FORMS_MAX
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_STATE,
                         "together they are written in %u ways, and more than %u are not put "
                         "together: have what is wrong corrected at its partner",
                         forms, KP_WEIGH_FORMS_MAX);
}

static enum kp_err check_numbers(struct kp_txn *txn, const struct kp_query *query,
                                 const struct kp_two *two, struct kp_diag *reterr_diag)
{
    if (query->argument_count == 3 && strcmp(query->arguments[2], TWO_NUMBERS) != 0) {
        return kp_fail(reterr_diag, KP_E_USAGE, "\"%.40s\" is no \"" TWO_NUMBERS "\"",
                       query->arguments[2]);
    }
    return query->argument_count == 3 || !have_two_numbers(txn, two)
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_STATE,
                         "they have two valid BSNs, so one of the numbers would be another's: if "
                         "they are one person nevertheless, say " TWO_NUMBERS);
}

/* The two forms that are most alike, and each of them with all forms of the other person: so that
 * none of the one's stays behind with the other's. */
static enum kp_err collect_two(const struct kp_match_model *model, struct kp_txn *txn,
                               const struct kp_query *query, struct pairs *pairs,
                               struct kp_diag *reterr_diag)
{
    struct kp_two two;
    enum kp_err err = kp_find_two(model, txn, query, &two, reterr_diag);
    if (err == KP_OK && pairs->decision == KP_DECISION_MUST) {
        err = check_size(&two, reterr_diag);
    }
    if (err == KP_OK && pairs->decision == KP_DECISION_MUST) {
        err = check_numbers(txn, query, &two, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    add_pair(pairs, &two.forms[0], &two.forms[1]);
    for (uint32_t side = 0; side < 2; side++) {
        const struct kp_person *person = &two.persons[side];
        for (uint32_t i = 0; i < person->form_count; i++) {
            struct kp_known_form form;
            if (person->forms[i].id != two.forms[side].id &&
                kp_forms_load(txn, NULL, person->forms[i].id, &form)) {
                add_pair(pairs, &form, &two.forms[1 - side]);
            }
        }
    }
    *reterr_diag = txn->diag;
    return kp_txn_error(txn);
}

/* All that was decided at a position. */
static enum kp_err collect_decided(const struct kp_match_model *model, struct kp_txn *txn,
                                   const struct kp_query *query, struct pairs *pairs,
                                   struct kp_diag *reterr_diag)
{
    uint64_t position = kp_query_number(query->arguments[0]);
    struct kp_key key = kp_key_none();
    struct kp_decided decided;
    uint8_t tag[KP_TAG_BYTES];
    (void)model;
    pairs->back = position;
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_decision_walk(txn, &key, tag, &decided)) {
        kp_txn_scratch_restore(txn, mark);
        if (decided.position == position && memcmp(tag, decided.other, KP_TAG_BYTES) < 0 &&
            pairs->count < PAIRS_MAX) {
            memcpy(pairs->tags[pairs->count][0], tag, KP_TAG_BYTES);
            memcpy(pairs->tags[pairs->count++][1], decided.other, KP_TAG_BYTES);
        }
    }
    if (pairs->count == 0) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "nothing that still stands was decided at position %llu",
                       (unsigned long long)position);
    }
    *reterr_diag = txn->diag;
    return kp_txn_error(txn);
}

/* The form and every other one of its person: two persons. */
static enum kp_err collect_others(const struct kp_match_model *model, struct kp_txn *txn,
                                  const struct kp_query *query, struct pairs *pairs,
                                  struct kp_diag *reterr_diag)
{
    struct kp_known_form form;
    struct kp_person person;
    uint64_t form_id;
    uint64_t person_id;
    (void)model;
    enum kp_err err = kp_find_mention(txn, query, &form_id, &person_id, reterr_diag);
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

/* --- the command --- */

static enum kp_err submit(struct kp_hub *hub, const struct kp_query *query,
                          const struct pairs *pairs, uint64_t *ret_position,
                          struct kp_diag *reterr_diag)
{
    static const struct kp_decision_proof none;
    struct kp_command_head head = {.kind = KP_COMMAND_DECIDE, .actor = query->author};
    size_t size = (size_t)pairs->count * 2 * KP_TAG_BYTES;
    struct kp_entry *entry =
        kp_entry_new(KP_COMMAND_DECIDE, 256 + KP_DECISION_PROOF_BYTES_MAX + size, 1);
    struct kp_writer writer;
    if (query->message_id != NULL) {
        memcpy(head.message_id, query->message_id, sizeof head.message_id);
    } else {
        kp_random(head.message_id, sizeof head.message_id);
    }
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_u8(&writer, (uint8_t)pairs->decision);
    kp_put_u8(&writer, (uint8_t)pairs->reason);
    kp_put_u64(&writer, pairs->back);
    kp_put_u16(&writer, (uint16_t)pairs->count);
    kp_put_raw(&writer, kp_slice_of(pairs->tags, size));
    kp_decision_put_proof(&writer, query->proof == NULL ? &none : query->proof);
    KP_ASSERT(kp_writer_ok(&writer));
    entry->body_size = writer.size;
    enum kp_err err = kp_writer_submit_and_wait(hub, entry, ret_position);
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "the journal did not take it");
}

/* Who they are now. */
static void result_rows(struct kp_hub *hub, const uint8_t tags[2][KP_TAG_BYTES], uint64_t position,
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
        (void)kp_forms_find(txn, tags[side], &form, &persons[side]); /* gone: 0 */
    }
    kp_txn_abort(txn);
    kp_answer_row(answer);
    kp_answer_number(answer, "position", position);
    kp_answer_text(answer, "one", kp_text_person(answer->arena, persons[0]));
    kp_answer_text(answer, "other", kp_text_person(answer->arena, persons[1]));
    kp_answer_text(answer, "result", persons[0] == persons[1] ? "one person" : "two persons");
}

/* A user's message that was applied before: what became of it. KP_E_CONFLICT: another one went by
 * this message_id, and this one is not done. */
static enum kp_err answer_again(struct kp_hub *hub, const struct kp_query *query,
                                struct kp_answer *answer, bool *ret_again,
                                struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_decision_done done;
    *ret_again = false;
    if (query->message_id == NULL) {
        return KP_OK;
    }
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    *ret_again = kp_decision_done(txn, query->author, query->message_id, &done);
    bool same = *ret_again && kp_slice_equal(done.signed_body, query->proof->signed_body);
    kp_txn_abort(txn);
    if (same) {
        result_rows(hub, done.tags, done.position, answer);
    }
    return same == *ret_again
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_CONFLICT,
                         "another command went by this message_id, at position %llu; this one is "
                         "not done",
                         (unsigned long long)done.position);
}

static enum kp_err collect(struct kp_hub *hub, const struct kp_query *query, collect_fn *fn,
                           struct pairs *pairs, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    err = fn(&view->core.model, txn, query, pairs, reterr_diag);
    kp_view_release(view);
    kp_txn_abort(txn);
    return err;
}

/* @usage: how many arguments come before the reason, and what they are. */
struct usage {
    uint32_t count_min, count_max;
    const char *text;
};

static enum kp_err check_usage(const struct kp_query *query, const struct usage *usage,
                               enum kp_decision_reason *ret_reason, struct kp_diag *reterr_diag)
{
    uint32_t count = query->argument_count;
    if (count < usage->count_min + 1 || count > usage->count_max + 1) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give %s, and a reason", usage->text);
    }
    *ret_reason = kp_decision_reason_of(query->arguments[count - 1]);
    if (*ret_reason == 0) {
        return kp_fail(reterr_diag, KP_E_USAGE, "\"%.40s\" is no reason: give one of %s",
                       query->arguments[count - 1], KP_DECISION_REASONS);
    }
    return KP_OK;
}

static enum kp_err decide(struct kp_hub *hub, const struct kp_query *query,
                          enum kp_match_decision decision, const struct usage *usage,
                          collect_fn *fn, struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_query asked = *query;
    enum kp_decision_reason reason;
    uint64_t position;
    enum kp_err err = check_usage(query, usage, &reason, reterr_diag);
    bool again = false;
    if (err == KP_OK) {
        err = answer_again(hub, query, answer, &again, reterr_diag);
    }
    if (err != KP_OK || again) {
        return err;
    }
    struct pairs *pairs = calloc(1, sizeof *pairs);
    KP_ASSERT(pairs != NULL);
    pairs->decision = decision;
    pairs->reason = reason;
    asked.argument_count--; /* without the reason */
    err = collect(hub, &asked, fn, pairs, reterr_diag);
    if (err == KP_OK) {
        err = submit(hub, query, pairs, &position, reterr_diag);
    }
    if (err == KP_OK) {
        kp_log(KP_LOG_NOTICE, "match.decided", "position=%llu decision=%d author=%u",
               (unsigned long long)position, (int)decision, query->author);
        result_rows(hub, pairs->tags[0], position, answer);
    }
    free(pairs);
    return err;
}

static const struct usage two_persons = {2, 2, "two persons, as `review list` names them"};
static const struct usage one_person = {2, 3, "two persons, as `review list` names them"};
static const struct usage one_position = {1, 1, "the position at which it was decided"};
static const struct usage one_mention = {
    1, 2, "the position of a signal and, unless it is the first, the number of the person in it"};

enum kp_err kp_query_review_accept(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return decide(hub, query, KP_DECISION_MUST, &one_person, collect_two, answer, reterr_diag);
}

enum kp_err kp_query_review_reject(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return decide(hub, query, KP_DECISION_CANNOT, &two_persons, collect_two, answer, reterr_diag);
}

enum kp_err kp_query_review_undo(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return decide(hub, query, KP_DECISION_NONE, &one_position, collect_decided, answer,
                  reterr_diag);
}

enum kp_err kp_query_match_unmerge(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return decide(hub, query, KP_DECISION_CANNOT, &one_mention, collect_others, answer,
                  reterr_diag);
}
