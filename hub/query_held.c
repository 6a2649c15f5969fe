/* SPDX-License-Identifier: EUPL-1.2 */
#include "queries.h"

#include "base/log.h"
#include "core/held.h"
#include "intake/intake.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_ARENA_BYTES (2u << 20)
#define RETRY_BYTES_EXTRA (32u << 10) /* the forms of 31 persons */

static const char *partner_id(const struct kp_view *view, uint16_t number)
{
    const struct kp_view_counterpart *counterpart =
        number < KP_COUNTERPART_NUMBERS ? view->by_number[number] : NULL;
    return counterpart == NULL ? "?" : counterpart->row.id;
}

static void held_row(const struct kp_view *view, const struct kp_held *held,
                     struct kp_answer *answer)
{
    enum kp_err code = (enum kp_err)held->code;
    kp_answer_row(answer);
    kp_answer_number(answer, "position", held->position);
    kp_answer_text(answer, "partner", partner_id(view, held->partner));
    kp_answer_slice(answer, "reference", held->signal.reference);
    kp_answer_number(answer, "version", held->signal.version);
    kp_answer_text(answer, "code", kp_err_name(code));
    kp_answer_slice(answer, "field", held->field);
    kp_answer_time(answer, "since", held->since);
    kp_answer_number(answer, "retries", held->retries);
}

enum kp_err kp_query_held_list(struct kp_hub *hub, const struct kp_query *query,
                               struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_held held;
    uint64_t after = 0;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    const char *only = query->argument_count > 0 ? query->arguments[0] : NULL;
    if (only != NULL &&
        kp_house_partner(&view->core.house, kp_slice_str(only)) == KP_PARTNER_NONE) {
        err = kp_fail(reterr_diag, KP_E_NOT_FOUND,
                      "house.yaml names no partner \"%.40s\"; see `knooppunt partner list`", only);
        kp_view_release(view);
        kp_txn_abort(txn);
        return err;
    }
    kp_answer_section(answer, "held");
    for (;;) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (answer->cut || !kp_held_next(txn, after, &held)) {
            break;
        }
        after = held.position;
        if (only == NULL || strcmp(only, partner_id(view, held.partner)) == 0) {
            held_row(view, &held, answer);
        }
        kp_txn_scratch_restore(txn, mark);
    }
    kp_view_release(view);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}

enum kp_err kp_query_held_show(struct kp_hub *hub, const struct kp_query *query,
                               struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_held held;
    uint64_t position = query->argument_count > 0 ? kp_query_number(query->arguments[0]) : 0;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (kp_held_get(txn, position, &held)) {
        struct kp_view *view = kp_view_hold(hub);
        enum kp_err code = (enum kp_err)held.code;
        kp_answer_section(answer, "held");
        held_row(view, &held, answer);
        kp_answer_text(answer, "why", kp_err_text(code));
        kp_answer_text(answer, "who_acts", kp_err_category_name(kp_err_category(code)));
        kp_answer_number(answer, "bytes", held.signal.signal.size);
        kp_answer_hex(answer, "digest", kp_slice_of(held.signal.digest, KP_SHA256_BYTES));
        kp_view_release(view);
    } else {
        err = kp_txn_error(txn) != KP_OK
                  ? kp_txn_error(txn)
                  : kp_fail(reterr_diag, KP_E_NOT_FOUND,
                            "no signal is held at this position; see `knooppunt held list`");
    }
    kp_txn_abort(txn);
    return err;
}

/* The held signal taken in again, with the house and the rules of now. */
static enum kp_err make_retry(struct kp_hub *hub, struct kp_txn *txn, uint64_t position,
                              struct kp_entry **ret_entry, struct kp_diag *reterr_diag)
{
    struct kp_held held;
    struct kp_command_signal signal;
    struct kp_command_head head = {.kind = KP_COMMAND_HELD_RETRY};
    struct kp_arena arena;
    if (!kp_held_get(txn, position, &held)) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "no signal is held at position %llu",
                       (unsigned long long)position);
    }
    if (held.code == KP_E_POISON) {
        return kp_fail(reterr_diag, KP_E_STATE,
                       "position %llu is a command that ended the hub three times; keep it for the "
                       "makers and drop it",
                       (unsigned long long)position);
    }
    struct kp_intake *intake = kp_intake_new(&hub->index_key);
    struct kp_view *view = kp_view_hold(hub);
    struct kp_intake_signal received = {.salt = held.signal.salt, .signal = held.signal.signal};
    kp_arena_init(&arena, RETRY_ARENA_BYTES);
    kp_intake_take(intake, &view->core.house, held.partner, &received, &arena, &signal);
    kp_view_release(view);
    struct kp_entry *entry =
        kp_entry_new(KP_COMMAND_HELD_RETRY, held.signal.signal.size + RETRY_BYTES_EXTRA, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_u64(&writer, position);
    kp_command_put_signal(&writer, &signal);
    entry->body_size = kp_writer_slice(&writer).size;
    kp_arena_done(&arena);
    (void)kp_intake_free(intake);
    *ret_entry = entry;
    return KP_OK;
}

/* What became of it: still held, or in the state. */
static void retry_row(struct kp_hub *hub, uint64_t held_position, uint64_t position,
                      struct kp_answer *answer)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_held held;
    kp_answer_row(answer);
    kp_answer_number(answer, "held_position", held_position);
    kp_answer_number(answer, "position", position);
    if (kp_txn_begin(&hub->store, /* write= */ false, &txn, &diag) != KP_OK) {
        return;
    }
    bool still = kp_held_get(txn, held_position, &held) || kp_held_get(txn, position, &held);
    kp_answer_text(answer, "state", still ? "held" : "applied");
    kp_answer_text(answer, "code", still ? kp_err_name((enum kp_err)held.code) : "OK");
    kp_txn_abort(txn);
}

enum kp_err kp_query_held_retry(struct kp_hub *hub, const struct kp_query *query,
                                struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    kp_answer_section(answer, "retried");
    for (uint32_t i = 0; i < query->argument_count; i++) {
        struct kp_txn *txn;
        struct kp_entry *entry;
        uint64_t position = 0;
        uint64_t held_position = kp_query_number(query->arguments[i]);
        enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
        if (err == KP_OK) {
            err = make_retry(hub, txn, held_position, &entry, reterr_diag);
            kp_txn_abort(txn);
        }
        if (err == KP_OK) {
            err = kp_writer_submit_and_wait(hub, entry, &position);
            (void)kp_fail(reterr_diag, err, "the journal did not take it");
        }
        if (err != KP_OK) {
            return err;
        }
        retry_row(hub, held_position, position, answer);
    }
    return KP_OK;
}

enum kp_err kp_query_held_drop(struct kp_hub *hub, const struct kp_query *query,
                               struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_command_head head = {.kind = KP_COMMAND_HELD_DROP};
    uint64_t held_position = query->argument_count > 0 ? kp_query_number(query->arguments[0]) : 0;
    uint64_t position;
    enum kp_err err = kp_query_held_show(hub, query, answer, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_HELD_DROP, 256, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_u64(&writer, held_position);
    entry->body_size = kp_writer_slice(&writer).size;
    err = kp_writer_submit_and_wait(hub, entry, &position);
    if (err != KP_OK) {
        return kp_fail(reterr_diag, err, "the journal did not take it");
    }
    kp_log(KP_LOG_NOTICE, "held.dropped", "position=%llu", (unsigned long long)held_position);
    return KP_OK;
}
