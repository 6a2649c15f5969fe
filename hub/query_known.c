/* SPDX-License-Identifier: EUPL-1.2 */
/* What was disclosed to partners who checked whether a person is known: for the privacy officer. */
#include "queries.h"

#include "core/known.h"

#define ROWS_MAX 1000u /* of eight values: the asker's gate takes no more of them in one answer */

static const char *partner_id(const struct kp_view *view, uint16_t number)
{
    const struct kp_view_counterpart *counterpart =
        number < KP_COUNTERPART_NUMBERS ? view->by_number[number] : NULL;
    return counterpart == NULL ? "?" : counterpart->row.id;
}

static void check_row(const struct kp_view *view, const struct kp_stored_check *check,
                      struct kp_answer *answer)
{
    char told[KP_PARTNERS_MAX * (KP_ID_BYTES_MAX + 1)];
    struct kp_writer writer;
    kp_writer_init(&writer, told, sizeof told);
    for (uint32_t i = 0; i < check->told_count; i++) {
        kp_put_text(&writer, i > 0 ? " " : "");
        kp_put_text(&writer, partner_id(view, check->told[i]));
    }
    kp_answer_row(answer);
    kp_answer_number(answer, "position", check->position);
    kp_answer_time(answer, "at", check->stamp);
    kp_answer_text(answer, "partner", partner_id(view, check->partner));
    kp_answer_text(
        answer, "as",
        kp_query_enum_name(&knooppunt__v1__requester_type__descriptor, check->requester_type));
    kp_answer_text(answer, "for",
                   kp_query_enum_name(&knooppunt__v1__check_reason__descriptor, check->reason));
    kp_answer_text(answer, "outcome", kp_known_outcome_name(check->outcome));
    kp_answer_slice(answer, "told", kp_writer_slice(&writer));
    kp_answer_hex(answer, "form", kp_slice_of(check->form_tag, check->has_form ? KP_TAG_BYTES : 0));
}

enum kp_err kp_query_known_check_list(struct kp_hub *hub, const struct kp_query *query,
                                      struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_stored_check check;
    uint64_t after = query->argument_count > 0 ? kp_query_number(query->arguments[0]) : 0;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    kp_answer_section(answer, "checks");
    for (uint32_t rows = 0; !answer->cut; rows++) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (!kp_known_next(txn, after, &check)) {
            break;
        }
        answer->cut = rows == ROWS_MAX;
        if (answer->cut) {
            break;
        }
        after = check.position;
        check_row(view, &check, answer);
        kp_txn_scratch_restore(txn, mark);
    }
    kp_view_release(view);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}
