/* SPDX-License-Identifier: EUPL-1.2 */
#include "find.h"

#include "core/match.h"
#include "core/stored.h"
#include "core/text.h"

enum kp_err kp_find_person(struct kp_txn *txn, const char *text, struct kp_person *ret_person,
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

/* Of each the form that is most like the other's. */
static enum kp_err find_most_alike(const struct kp_match_model *model, struct kp_txn *txn,
                                   struct kp_two *two, struct kp_diag *reterr_diag)
{
    int32_t best = INT32_MIN;
    uint64_t found[2] = {0};
    size_t mark = kp_txn_scratch_mark(txn);
    for (uint32_t a = 0; a < two->persons[0].form_count; a++) {
        struct kp_form one;
        bool loaded = kp_forms_shape(txn, model->terms, two->persons[0].forms[a].id, &one);
        size_t inner = kp_txn_scratch_mark(txn);
        for (uint32_t b = 0; loaded && b < two->persons[1].form_count; b++) {
            struct kp_form other;
            struct kp_match_score score;
            if (kp_forms_shape(txn, model->terms, two->persons[1].forms[b].id, &other)) {
                kp_match_score(model, &one, &other, &score);
                if (score.bits > best) {
                    best = score.bits;
                    found[0] = two->persons[0].forms[a].id;
                    found[1] = two->persons[1].forms[b].id;
                }
            }
            kp_txn_scratch_restore(txn, inner);
        }
        kp_txn_scratch_restore(txn, mark);
    }
    if (kp_txn_error(txn) == KP_OK && best == INT32_MIN) {
        return kp_fail(reterr_diag, KP_E_STATE,
                       "of one of them nothing is known by which to compare");
    }
    for (uint32_t side = 0; side < 2; side++) {
        (void)kp_forms_load(txn, model->terms, found[side], &two->forms[side]);
    }
    *reterr_diag = txn->diag;
    return kp_txn_error(txn);
}

enum kp_err kp_find_two(const struct kp_match_model *model, struct kp_txn *txn,
                        const struct kp_query *query, struct kp_two *ret_two,
                        struct kp_diag *reterr_diag)
{
    for (uint32_t i = 0; i < 2; i++) {
        enum kp_err err =
            kp_find_person(txn, query->arguments[i], &ret_two->persons[i], reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    if (ret_two->persons[0].id == ret_two->persons[1].id) {
        return kp_fail(
            reterr_diag, KP_E_STATE,
            "%.40s and %.40s are one person already; `match history` of each shows since "
            "when",
            query->arguments[0], query->arguments[1]);
    }
    return find_most_alike(model, txn, ret_two, reterr_diag);
}

enum kp_err kp_find_mention(struct kp_txn *txn, const struct kp_query *query, uint64_t *ret_form,
                            uint64_t *ret_person, struct kp_diag *reterr_diag)
{
    struct kp_stored_signal stored;
    uint64_t position = query->argument_count > 0 ? kp_query_number(query->arguments[0]) : 0;
    uint64_t number = query->argument_count > 1 ? kp_query_number(query->arguments[1]) : 1;
    if (!kp_stored_load(txn, position, &stored)) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "no signal is kept at position %llu",
                       (unsigned long long)position);
    }
    uint32_t count = stored.status == KP_SIGNAL_CURRENT ? stored.signal.mention_count : 0;
    if (count == 0) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "signal %llu names nobody now: it was withdrawn or replaced, or is about an "
                       "area; `trace %llu` tells",
                       (unsigned long long)position, (unsigned long long)position);
    }
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

const char *kp_find_person_text(struct kp_arena *arena, uint64_t person)
{
    return person == 0 ? "" : kp_text_person(arena, person);
}

const char *kp_find_author(const struct kp_view *view, uint32_t author)
{
    const struct kp_view_counterpart *user =
        author < KP_COUNTERPART_NUMBERS ? view->by_number[author] : NULL;
    return user == NULL ? "operator" : user->row.id;
}
