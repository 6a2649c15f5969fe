/* SPDX-License-Identifier: EUPL-1.2 */
#include "queries.h"

#include "base/log.h"
#include "core/dossier.h"
#include "core/person.h"
#include "core/ripe.h"
#include "core/text.h"

enum kp_err kp_query_person_count(struct kp_hub *hub, const struct kp_query *query,
                                  struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_person person;
    struct kp_slice key;
    struct kp_slice value;
    uint64_t id = 0;
    uint64_t with_bsn = 0;
    uint64_t without_bsn = 0;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    for (;;) {
        size_t mark = kp_txn_scratch_mark(txn);
        struct kp_key from = kp_key_u64(kp_key_none(), id);
        if (!kp_txn_seek(txn, KP_TABLE_PERSON, kp_key_slice(&from), /* after= */ true, &key,
                         &value)) {
            break;
        }
        struct kp_reader reader;
        kp_reader_init(&reader, key);
        id = kp_get_u64(&reader);
        if (!kp_person_load(txn, id, 0, &person)) {
            break;
        }
        if (person.mention_count > 0) { /* the others only redirect */
            *(kp_person_has_bsn(&person) ? &with_bsn : &without_bsn) += 1;
        }
        kp_txn_scratch_restore(txn, mark);
    }
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    kp_answer_section(answer, "persons");
    kp_answer_row(answer);
    kp_answer_number(answer, "all", with_bsn + without_bsn);
    kp_answer_number(answer, "with_bsn", with_bsn);
    kp_answer_number(answer, "without_bsn", without_bsn);
    return err;
}

static const struct kp_theme *theme_of(const struct kp_view *view, uint8_t number)
{
    for (uint32_t i = 0; i < view->core.house.theme_count; i++) {
        if (view->core.house.themes[i].number == number) {
            return &view->core.house.themes[i];
        }
    }
    return NULL;
}

/* "politie:R-1 om:R-2": the signals that are counted now. */
static void counted_text(const struct kp_view *view, struct kp_txn *txn,
                         const struct kp_theme *theme, const struct kp_person *person,
                         struct kp_answer *answer)
{
    char text[4096];
    struct kp_writer writer;
    struct kp_counting counting;
    kp_criteria_counting(&view->core.house.criteria, theme->criterion, person,
                         (int32_t)(kp_wall_now().ms / KP_DAY_MS), &counting);
    kp_writer_init(&writer, text, sizeof text);
    for (uint32_t i = 0; i < person->mention_count; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        const struct kp_view_counterpart *partner = view->by_number[mention->partner];
        struct kp_stored_signal stored;
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_counting_counts(&counting, mention) && partner != NULL &&
            kp_stored_load(txn, mention->position, &stored)) {
            kp_put_text(&writer, writer.size > 0 ? " " : "");
            kp_put_text(&writer, partner->row.id);
            kp_put_text(&writer, ":");
            kp_put_raw(&writer, stored.signal.reference);
        }
        kp_txn_scratch_restore(txn, mark);
    }
    kp_answer_slice(answer, "counted", kp_writer_slice(&writer));
}

static void proposal_row(const struct kp_view *view, struct kp_txn *txn, uint64_t person_id,
                         uint8_t theme_number, struct kp_answer *answer)
{
    const struct kp_theme *theme = theme_of(view, theme_number);
    struct kp_proposal proposal;
    struct kp_person person;
    if (theme == NULL || !kp_ripe_get(txn, person_id, theme_number, &proposal) ||
        !kp_person_load(txn, person_id, 0, &person)) {
        return;
    }
    kp_answer_row(answer);
    kp_answer_text(answer, "casus",
                   kp_text_casus(answer->arena, theme->id, person_id, proposal.position));
    kp_answer_text(answer, "theme", theme->id);
    kp_answer_text(answer, "person", kp_text_person(answer->arena, person_id));
    kp_answer_time(answer, "since", proposal.since);
    if (proposal.lapses.ms != KP_RIPE_NEVER.ms) {
        kp_answer_time(answer, "lapses", proposal.lapses);
    }
    counted_text(view, txn, theme, &person, answer);
}

enum kp_err kp_query_proposal_list(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_key from = kp_key_none();
    struct kp_slice key;
    struct kp_slice value;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    kp_answer_section(answer, "proposals");
    for (;;) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (answer->cut ||
            !kp_txn_seek(txn, KP_TABLE_RIPE, kp_key_slice(&from), from.size > 0, &key, &value)) {
            break;
        }
        struct kp_reader reader;
        kp_reader_init(&reader, key);
        uint64_t person = kp_get_u64(&reader);
        uint8_t theme = kp_get_u8(&reader);
        from = kp_key_u8(kp_key_u64(kp_key_none(), person), theme);
        proposal_row(view, txn, person, theme, answer);
        kp_txn_scratch_restore(txn, mark);
    }
    kp_view_release(view);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}
