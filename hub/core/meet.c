/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/meet.h"

#include "base/assert.h"
#include "core/forms.h"
#include "core/holders.h"
#include "core/person.h"

struct member {
    struct kp_known_form known;
    struct kp_open_keys keys;
    uint64_t component; /* with whom he holds together, as a number that they share */
    bool changed;
};

static bool load(struct kp_core *core, struct kp_txn *txn, uint64_t form, struct member *ret_member)
{
    struct kp_person person;
    struct kp_match_keys keys;
    ret_member->changed = false;
    if (!kp_forms_load(txn, core->model.terms, form, &ret_member->known) ||
        !kp_forms_decode(txn, core->model.terms, &ret_member->known, &keys)) {
        return false;
    }
    kp_blocks_open(txn, &keys, &ret_member->keys);
    size_t mark = kp_txn_scratch_mark(txn);
    bool good = kp_person_load(txn, ret_member->known.person, 0, &person);
    ret_member->component = person.component != 0 ? person.component : ret_member->known.person;
    kp_txn_scratch_restore(txn, mark);
    return good;
}

/* Fewer meet: only who held together can do so no longer. More meet: only who did not can do so
 * now. */
static bool is_changed(const struct kp_core *core, const struct member *one,
                       const struct member *other, bool narrowed)
{
    return (one->component == other->component) == narrowed &&
           kp_open_keys_meet(&one->keys, &other->keys) != narrowed &&
           kp_holds(&core->model, &one->known.form, &other->known.form);
}

static void compare(const struct kp_core *core, struct member *members, uint32_t count,
                    bool narrowed)
{
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (is_changed(core, &members[a], &members[b], narrowed)) {
                members[a].changed = members[b].changed = true;
            }
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
        compare(core, members, change->count, change->narrowed);
    }
    for (uint32_t i = 0; i < change->count && good; i++) {
        if (members[i].changed) {
            ret_forms[(*ret_count)++] = change->forms[i];
        }
    }
    kp_txn_scratch_restore(txn, mark);
}
