/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/meet.h"

#include "base/assert.h"
#include "core/forms.h"
#include "core/holders.h"
#include "core/person.h"

struct member {
    struct kp_known_form known;
    struct kp_match_keys keys;
    uint64_t component; /* with whom he holds together, as a number that they share */
    bool changed;
};

static bool load(struct kp_core *core, struct kp_txn *txn, uint64_t form, struct member *ret_member)
{
    struct kp_person person;
    ret_member->changed = false;
    if (!kp_forms_load(txn, core->model.terms, form, &ret_member->known) ||
        !kp_forms_decode(txn, core->model.terms, &ret_member->known, &ret_member->keys)) {
        return false;
    }
    size_t mark = kp_txn_scratch_mark(txn);
    bool good = kp_person_load(txn, ret_member->known.person, 0, &person);
    ret_member->component = person.component != 0 ? person.component : ret_member->known.person;
    kp_txn_scratch_restore(txn, mark);
    return good;
}

/* Fewer meet: only who held together can do so no longer. More meet: only who did not can do so
 * now. */
static bool is_changed(struct kp_core *core, struct kp_txn *txn, const struct member *one,
                       const struct member *other, bool narrowed)
{
    return (one->component == other->component) == narrowed &&
           kp_holds(&core->model, &one->known.form, &other->known.form) &&
           kp_blocks_meet(txn, &one->keys, &other->keys) != narrowed;
}

static void compare(struct kp_core *core, struct kp_txn *txn, struct member *members,
                    uint32_t count, bool narrowed)
{
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < a && kp_txn_error(txn) == KP_OK; b++) {
            size_t mark = kp_txn_scratch_mark(txn);
            if (is_changed(core, txn, &members[a], &members[b], narrowed)) {
                members[a].changed = members[b].changed = true;
            }
            kp_txn_scratch_restore(txn, mark);
        }
    }
}

void kp_meet_changed(struct kp_core *core, struct kp_txn *txn, const struct kp_block_change *change,
                     uint64_t ret_forms[KP_MEET_FORMS_MAX], uint32_t *ret_count)
{
    KP_ASSERT(change->count <= KP_MEET_FORMS_MAX);
    *ret_count = 0;
    size_t mark = kp_txn_scratch_mark(txn);
    struct member *members = kp_arena_alloc(txn->scratch, sizeof *members * change->count);
    if (members == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a block of forms");
        return;
    }
    bool good = true;
    for (uint32_t i = 0; i < change->count && good; i++) {
        good = load(core, txn, change->forms[i], &members[i]);
    }
    if (good) {
        compare(core, txn, members, change->count, change->narrowed);
    }
    for (uint32_t i = 0; i < change->count && good; i++) {
        if (members[i].changed) {
            ret_forms[(*ret_count)++] = change->forms[i];
        }
    }
    kp_txn_scratch_restore(txn, mark);
}
