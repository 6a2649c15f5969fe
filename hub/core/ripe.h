/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Ripeness: whether a person meets the criterion of a theme (core/criteria.h), as of the command's
 * time. It begins and ends when a mention comes or goes, or with the days that pass; the last is a
 * deadline, so nothing is ever scanned for it.
 */
#ifndef KP_CORE_RIPE_H
#define KP_CORE_RIPE_H

#include "core/core.h"
#include "core/criteria.h"
#include "core/elsewhere.h"
#include "core/person.h"

/* Mentions came to this person, or went from him: judge every theme and write what changed:
 * proposal rows, deadlines, events to the ketenmanager and to the partners the theme tells. Updates
 * person->ripe; the caller stores the person. */
void kp_ripe_gained(struct kp_core *core, struct kp_txn *txn, struct kp_person *person);
void kp_ripe_lost(struct kp_core *core, struct kp_txn *txn, struct kp_person *person);

/* An open proposal. */
struct kp_proposal {
    uint64_t position; /* of the command that made it ripe */
    struct kp_wall since;
    struct kp_wall lapses;  /* if nothing comes; KP_RIPE_NEVER */
    uint64_t said_at, said; /* position at which it was told last, and a digest of what counted */
    struct kp_told told;
};
#define KP_RIPE_NEVER ((struct kp_wall){INT64_MAX})
/* Which of his signals make him ripe for the theme, today. */
struct kp_counting kp_ripe_counting(const struct kp_core *core, const struct kp_theme *theme,
                                    const struct kp_person *person);
bool kp_ripe_get(struct kp_txn *txn, uint64_t person, uint8_t theme_number,
                 struct kp_proposal *ret_proposal);

/* The house changed its criteria: judge this person again. */
void kp_ripe_criteria_changed(struct kp_core *core, struct kp_txn *txn, uint64_t person_id);
/* A deadline of kind KP_DEADLINE_RIPE is due. */
void kp_ripe_due(struct kp_core *core, struct kp_txn *txn, uint64_t person_id,
                 uint8_t theme_number);

#endif
