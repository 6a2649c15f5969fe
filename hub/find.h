/* SPDX-License-Identifier: EUPL-1.2 */
/* What who asks names by text: a person, two persons, a person in a signal. */
#ifndef KP_HUB_FIND_H
#define KP_HUB_FIND_H

#include "core/forms.h"
#include "core/person.h"
#include "queries.h"

/* Where he is now, when he was merged into another. KP_E_NOT_FOUND */
KP_MUST_CHECK enum kp_err kp_find_person(struct kp_txn *txn, const char *text,
                                         struct kp_person *ret_person, struct kp_diag *reterr_diag);

struct kp_two {
    struct kp_person persons[2];
    struct kp_known_form forms[2]; /* of each the one that is most like the other's */
};
/* By the first two arguments. KP_E_NOT_FOUND; KP_E_STATE: they are one already, or cannot be
 * compared */
KP_MUST_CHECK enum kp_err kp_find_two(const struct kp_match_model *model, struct kp_txn *txn,
                                      const struct kp_query *query, struct kp_two *ret_two,
                                      struct kp_diag *reterr_diag);

/* "POSITION [NUMBER]": a person in a signal that stands. *ret_form 0: he cannot be looked for.
 * KP_E_NOT_FOUND */
KP_MUST_CHECK enum kp_err kp_find_mention(struct kp_txn *txn, const struct kp_query *query,
                                          uint64_t *ret_form, uint64_t *ret_person,
                                          struct kp_diag *reterr_diag);

/* "P-1234.1"; "" when @person is 0: gone. */
const char *kp_find_person_text(struct kp_arena *arena, uint64_t person);
/* Who decided: a user's id, or "operator". */
const char *kp_find_author(const struct kp_view *view, uint32_t author);

#endif
