/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/moves.h"

#include "core/ripe.h"
#include "core/stored.h"

void kp_moves_form(struct kp_txn *txn, uint64_t form, uint64_t from_id, uint64_t to_id)
{
    struct kp_person from;
    struct kp_person to;
    size_t mark = kp_txn_scratch_mark(txn);
    if (!kp_person_load(txn, from_id, 0, &from) ||
        !kp_person_load(txn, to_id, from.mention_count, &to)) {
        return;
    }
    for (uint32_t i = 0; i < from.mention_count;) {
        struct kp_mention mention = from.mentions[i];
        if (kp_person_form_of(&from, i) != form) {
            i++;
            continue;
        }
        kp_person_remove(&from, i);
        kp_person_insert(&to, &mention, form);
        kp_stored_reseal(txn, mention.position, mention.index, to_id);
    }
    to.redirect = 0;
    from.redirect = from.mention_count == 0 ? to_id : from.redirect;
    kp_person_store(txn, &from);
    kp_person_store(txn, &to);
    kp_txn_scratch_restore(txn, mark);
}

void kp_moves_settle(struct kp_core *core, struct kp_txn *txn, struct kp_person *person,
                     uint64_t heir)
{
    person->redirect = person->mention_count == 0 ? heir : 0;
    kp_ripe_lost(core, txn, person);
    kp_ripe_gained(core, txn, person);
    kp_person_store(txn, person);
}
