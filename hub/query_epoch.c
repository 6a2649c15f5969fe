/* SPDX-License-Identifier: EUPL-1.2 */
/* Epochs: learn one, list them, see what one would change, and put it in force. */
#define _GNU_SOURCE /* SYS_gettid */

#include "queries.h"

#include "base/assert.h"
#include "base/log.h"
#include "core/epoch.h"
#include "core/ids.h"
#include "core/text.h"
#include "learn/compare.h"
#include "learn/learn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 10
#define EPOCHS_LISTED_MAX 100u
#define CHANGES_LISTED_MAX 100u

/* --- what takes long --- */

struct work {
    struct kp_hub *hub;
    const struct kp_query *query;
    struct kp_learning *learning; /* NULL: others cannot see how far it is */
};

static bool report(void *context, const char *step, uint64_t done, uint64_t all)
{
    struct work *work = context;
    if (work->learning != NULL) {
        atomic_store(&work->learning->step, step);
        atomic_store(&work->learning->done, done);
        atomic_store(&work->learning->all, all);
    }
    if (work->query->report != NULL) {
        work->query->report(work->query->session, step, done, all);
    }
    return !atomic_load(&work->hub->stopping) && !atomic_load(&work->hub->fatal);
}

/* The session's thread, from here to its end: partners and receivers first. */
static void give_way(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* a wish, not a need */
}

/* --- learn --- */

static enum kp_err submit_learned(struct kp_hub *hub, const struct kp_learned *learned,
                                  uint64_t *ret_position, struct kp_diag *reterr_diag)
{
    struct kp_command_head head = {.kind = KP_COMMAND_EPOCH};
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_EPOCH, 256u + KP_EPOCH_BYTES_MAX, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_epoch_put(&writer, learned->forms, &learned->model, &learned->terms);
    KP_ASSERT(kp_writer_ok(&writer));
    entry->body_size = writer.size;
    enum kp_err err = kp_writer_submit_and_wait(hub, entry, ret_position);
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "the journal did not take it");
}

static void learned_rows(const struct kp_learned *learned, struct kp_answer *answer)
{
    kp_answer_section(answer, "learned");
    kp_answer_row(answer);
    kp_answer_number(answer, "forms", learned->forms);
    kp_answer_number(answer, "terms", learned->terms.count);
    kp_answer_truth(answer, "siblings", learned->model.siblings);
    kp_answer_truth(answer, "generations", learned->model.generations);
}

static enum kp_err learn(struct kp_hub *hub, const struct kp_query *query, struct kp_answer *answer,
                         struct kp_diag *reterr_diag)
{
    struct work work = {.hub = hub, .query = query, .learning = &hub->learning};
    struct kp_learned *learned = calloc(1, sizeof *learned);
    struct kp_epoch_state state = {0};
    struct kp_txn *txn;
    uint64_t position;
    KP_ASSERT(learned != NULL);
    enum kp_err err = kp_learn(&hub->store, report, &work, learned, reterr_diag);
    if (err == KP_OK) {
        err = submit_learned(hub, learned, &position, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    }
    if (err == KP_OK) {
        (void)kp_epoch_state(txn, &state); /* one is learned at a time: the last is this one */
        kp_txn_abort(txn);
        kp_log(KP_LOG_NOTICE, "epoch.learned", "epoch=%u forms=%llu", state.last,
               (unsigned long long)learned->forms);
        learned_rows(learned, answer);
        kp_answer_number(answer, "epoch", state.last);
        kp_answer_number(answer, "position", position);
    }
    free(learned);
    return err;
}

enum kp_err kp_query_match_train(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    bool running = false;
    if (!atomic_compare_exchange_strong(&hub->learning.running, &running, true)) {
        return kp_fail(reterr_diag, KP_E_LATER,
                       "an epoch is being learned already; `match epoch list` shows how far it is");
    }
    give_way();
    enum kp_err err = learn(hub, query, answer, reterr_diag);
    atomic_store(&hub->learning.running, false);
    return err;
}

/* --- list --- */

static void epoch_row(const struct kp_epoch_state *state, const struct kp_epoch *epoch,
                      struct kp_answer *answer)
{
    kp_answer_row(answer);
    kp_answer_number(answer, "epoch", epoch->number);
    kp_answer_truth(answer, "active", epoch->number == state->active);
    kp_answer_time(answer, "learned", epoch->made);
    kp_answer_number(answer, "forms", epoch->forms);
    kp_answer_number(answer, "position", epoch->position);
}

/* The newest ones, and always those that count. */
static void epoch_rows(struct kp_txn *txn, const struct kp_epoch_state *state,
                       struct kp_answer *answer)
{
    kp_answer_section(answer, "epochs");
    for (uint32_t number = 0; number <= state->last; number++) {
        struct kp_epoch epoch = {.number = number};
        bool listed =
            number == 0 || number == state->active || state->last - number < EPOCHS_LISTED_MAX;
        size_t mark = kp_txn_scratch_mark(txn);
        if (listed && (number == 0 || kp_epoch_get(txn, number, &epoch))) {
            epoch_row(state, &epoch, answer);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

static void under_way_rows(struct kp_hub *hub, const struct kp_epoch_state *state,
                           struct kp_answer *answer)
{
    if (state->until != 0) {
        kp_answer_section(answer, "weighing");
        kp_answer_row(answer);
        kp_answer_number(answer, "epoch", state->active);
        kp_answer_number(answer, "before", state->before);
        kp_answer_number(answer, "to_position", state->after >> KP_PERSON_INDEX_BITS);
        kp_answer_number(answer, "of_position", state->until >> KP_PERSON_INDEX_BITS);
    }
    const char *step = atomic_load(&hub->learning.step);
    if (atomic_load(&hub->learning.running) && step != NULL) {
        kp_answer_section(answer, "learning");
        kp_answer_row(answer);
        kp_answer_text(answer, "step", step);
        kp_answer_number(answer, "done", atomic_load(&hub->learning.done));
        kp_answer_number(answer, "all", atomic_load(&hub->learning.all));
    }
}

enum kp_err kp_query_epoch_list(struct kp_hub *hub, const struct kp_query *query,
                                struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_epoch_state state;
    struct kp_txn *txn;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (kp_epoch_state(txn, &state)) {
        epoch_rows(txn, &state, answer);
        under_way_rows(hub, &state, answer);
    }
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}

/* --- compare --- */

/* The one argument. KP_E_USAGE  it is no number */
static enum kp_err read_epoch(const struct kp_query *query, uint32_t *ret_number,
                              struct kp_diag *reterr_diag)
{
    const char *text = query->argument_count == 1 ? query->arguments[0] : "";
    uint64_t number = kp_query_number(text);
    if ((number == 0 && strcmp(text, "0") != 0) || number > UINT32_MAX) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give an epoch, as `match epoch list` names it");
    }
    *ret_number = (uint32_t)number;
    return KP_OK;
}

/* A spelling is called by where it was first written: the signal's position, and which person in
 * it.
 */
static void put_spelling(struct kp_writer *writer, uint64_t form)
{
    kp_put_decimal(writer, form >> KP_PERSON_INDEX_BITS);
    kp_put_text(writer, ".");
    kp_put_decimal(writer, (form & ((UINT64_C(1) << KP_PERSON_INDEX_BITS) - 1)) + 1);
}

static void put_now(struct kp_writer *writer, struct kp_arena *arena,
                    const struct kp_change *change)
{
    (void)arena;
    for (uint32_t i = 0; i < change->count; i++) {
        if (change->forms[i].person == change->person) {
            kp_put_text(writer, writer->size > 0 ? " " : "");
            put_spelling(writer, change->forms[i].form);
        }
    }
}

/* With "/" between persons. */
static void put_then(struct kp_writer *writer, struct kp_arena *arena,
                     const struct kp_change *change)
{
    (void)arena;
    for (uint32_t i = 0; i < change->count; i++) {
        const struct kp_change_form *form = &change->forms[i];
        bool same = i > 0 && form->group == form[-1].group;
        kp_put_text(writer, same ? " " : i > 0 ? " / " : "");
        put_spelling(writer, form->form);
    }
    kp_put_text(writer, change->cut ? " ..." : "");
}

/* "parted into 2, joined with P-9.1" */
static void put_becomes(struct kp_writer *writer, struct kp_arena *arena,
                        const struct kp_change *change)
{
    uint64_t others[KP_CHANGE_FORMS_MAX];
    uint32_t count = 0;
    uint32_t parts = 0;
    for (uint32_t i = 0; i < change->count; i++) {
        const struct kp_change_form *form = &change->forms[i];
        parts += i == 0 || form->group != form[-1].group ? 1 : 0;
        if (form->person != change->person) {
            (void)kp_ids_insert(others, &count, KP_CHANGE_FORMS_MAX, form->person);
        }
    }
    if (parts > 1) {
        kp_put_text(writer, "parted into ");
        kp_put_decimal(writer, parts);
    }
    for (uint32_t i = 0; i < count; i++) {
        kp_put_text(writer, i > 0 ? " " : parts > 1 ? ", joined with " : "joined with ");
        kp_put_text(writer, kp_text_person(arena, others[i]));
    }
}

typedef void put_fn(struct kp_writer *writer, struct kp_arena *arena,
                    const struct kp_change *change);

static void change_field(struct kp_answer *answer, const char *name, put_fn *put,
                         const struct kp_change *change)
{
    char bytes[16384]; /* of KP_CHANGE_FORMS_MAX spellings */
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    put(&writer, answer->arena, change);
    kp_answer_slice(answer, name, kp_writer_slice(&writer));
}

static void change_row(void *context, const struct kp_change *change)
{
    struct kp_answer *answer = context;
    kp_answer_row(answer);
    kp_answer_text(answer, "person", kp_text_person(answer->arena, change->person));
    change_field(answer, "becomes", put_becomes, change);
    change_field(answer, "spellings_now", put_now, change);
    change_field(answer, "spellings_then", put_then, change);
}

enum kp_err kp_query_epoch_compare(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct work work = {.hub = hub, .query = query};
    struct kp_comparison comparison;
    struct kp_walk walk;
    uint32_t number;
    enum kp_err err = read_epoch(query, &number, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    give_way();
    kp_walk_init(&walk, &hub->store, report, &work);
    kp_answer_section(answer, "changes");
    err =
        kp_compare(&walk, number, CHANGES_LISTED_MAX, change_row, answer, &comparison, reterr_diag);
    if (err == KP_OK) {
        kp_answer_section(answer, "compared");
        kp_answer_row(answer);
        kp_answer_number(answer, "forms", comparison.forms);
        kp_answer_number(answer, "persons_changed", comparison.persons);
        kp_answer_number(answer, "listed", comparison.listed);
        kp_answer_number(answer, "too_large", comparison.large);
    }
    return err;
}

/* --- activate --- */

static enum kp_err check_epoch(struct kp_hub *hub, uint32_t number, uint32_t *ret_before,
                               struct kp_diag *reterr_diag)
{
    struct kp_epoch_state state;
    struct kp_txn *txn;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (!kp_epoch_state(txn, &state)) {
        *reterr_diag = txn->diag;
        err = kp_txn_error(txn);
    } else if (number > state.last) {
        err = kp_fail(reterr_diag, KP_E_NOT_FOUND,
                      "there is no epoch %u; `match epoch list` names them", number);
    } else if (number == state.active) {
        err = kp_fail(reterr_diag, KP_E_STATE, "epoch %u is active already", number);
    } else {
        *ret_before = state.active;
    }
    kp_txn_abort(txn);
    return err;
}

enum kp_err kp_query_epoch_activate(struct kp_hub *hub, const struct kp_query *query,
                                    struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    uint32_t before = 0;
    uint64_t position;
    uint32_t number = 0;
    enum kp_err err = read_epoch(query, &number, reterr_diag);
    if (err == KP_OK) {
        err = check_epoch(hub, number, &before, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    struct kp_command_head head = {.kind = KP_COMMAND_ACTIVATE};
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_ACTIVATE, 128, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_u32(&writer, number);
    entry->body_size = kp_writer_slice(&writer).size;
    err = kp_writer_submit_and_wait(hub, entry, &position);
    if (err != KP_OK) {
        return kp_fail(reterr_diag, err, "the journal did not take it");
    }
    kp_log(KP_LOG_NOTICE, "epoch.activated", "epoch=%u before=%u position=%llu", number, before,
           (unsigned long long)position);
    kp_answer_section(answer, "activated");
    kp_answer_row(answer);
    kp_answer_number(answer, "epoch", number);
    kp_answer_number(answer, "before", before);
    kp_answer_number(answer, "position", position);
    return KP_OK;
}
