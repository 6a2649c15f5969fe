/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/dossier.h"

#include "core/component.h"
#include "core/match.h"
#include "core/person.h"
#include "core/ripe.h"

#include <string.h>

/* --- room --- */

struct room {
    uint32_t all, partner;
};

static void count_person(struct kp_txn *txn, uint64_t id, uint16_t partner, struct room *room)
{
    struct kp_person person;
    size_t mark = kp_txn_scratch_mark(txn);
    if (kp_person_load(txn, id, 0, &person)) {
        room->all += person.mention_count;
        room->partner += kp_person_count(&person, partner);
    }
    kp_txn_scratch_restore(txn, mark);
}

/* Everybody with whom the mention may come together. */
static void count_place(struct kp_txn *txn, const struct kp_place *place, uint16_t partner,
                        struct room *room)
{
    const struct kp_reach *reach = &place->reach;
    uint64_t *persons = reach->persons;
    uint32_t count = reach->count;
    struct kp_person person;
    if (place->person != 0) {
        size_t mark = kp_txn_scratch_mark(txn);
        bool good = kp_person_load(txn, place->person, 0, &person);
        kp_txn_scratch_restore(txn, mark);
        if (!good ||
            !kp_component_persons(txn, place->person, person.component, &persons, &count)) {
            return;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        count_person(txn, persons[i], partner, room);
    }
}

/* Where each mention would go, and whether there is room for them all, even if they were about one.
 * What can come together later fits by the limits themselves (person.c). */
static bool has_room(struct kp_core *core, struct kp_txn *txn, struct kp_stored_signal *stored,
                     struct kp_place *ret_places)
{
    uint32_t more = stored->signal.mention_count;
    struct room room = {.all = more, .partner = more};
    for (uint32_t i = 0; i < more; i++) {
        if (!kp_match_look(core, txn, &stored->signal, (uint8_t)i, &ret_places[i])) {
            return true; /* the transaction failed */
        }
        memcpy(stored->signal.mentions[i].form_tag, ret_places[i].form.tag, KP_TAG_BYTES);
        count_place(txn, &ret_places[i], stored->partner, &room);
    }
    return room.all <= KP_COMPONENT_MENTIONS_MAX && room.partner <= KP_COMPONENT_SHARE;
}

/* --- add --- */

/* @person: loaded with room for one more. */
static void add_mention(struct kp_core *core, struct kp_txn *txn,
                        const struct kp_stored_signal *stored, uint32_t index,
                        const struct kp_place *place, struct kp_person *person)
{
    const struct kp_mention mention = {
        .position = core->position,
        .index = (uint8_t)index,
        .partner = stored->partner,
        .role = stored->signal.mentions[index].role,
        .kind = stored->signal.kind,
        .incident_date = stored->signal.incident_date,
        .themes = stored->signal.themes,
        .leefgebieden = stored->signal.leefgebieden,
        .severity = stored->signal.severity,
        .area = stored->signal.area,
        .birth_date = stored->signal.mentions[index].birth_date,
        .by_bsn = place->by_bsn,
    };
    person->redirect = 0;
    kp_person_insert(person, &mention, place->form.id);
    kp_ripe_gained(core, txn, person);
    kp_person_store(txn, person);
}

/* Rows first: what follows from a mention finds them and seals them anew. */
static void place_mention(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_stored_signal *stored, uint32_t index,
                          const struct kp_place *place)
{
    struct kp_bearer bearer;
    struct kp_person person;
    kp_match_place(core, txn, place, &bearer);
    if (index == 0) {
        kp_stored_put(txn, core->position, stored, bearer.person);
    } else {
        kp_stored_put_part(txn, core->position, stored, index, bearer.person);
    }
    if (!kp_person_load(txn, bearer.person, 1, &person)) {
        return;
    }
    if (place->person == 0) {
        person.component = bearer.component;
    }
    add_mention(core, txn, stored, index, place, &person);
    kp_cluster_follow(core, txn, &bearer);
}

bool kp_dossier_add(struct kp_core *core, struct kp_txn *txn, const struct kp_stored_signal *stored)
{
    struct kp_stored_signal row = *stored;
    struct kp_place places[KP_SIGNAL_PERSONS_MAX];
    if (!has_room(core, txn, &row, places)) {
        return false;
    }
    if (row.signal.mention_count == 0) {
        kp_stored_put(txn, core->position, &row, 0);
    }
    for (uint32_t i = 0; i < row.signal.mention_count; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        /* An earlier one of this signal may have changed where this one belongs. */
        if (i > 0 && !kp_match_look(core, txn, &row.signal, (uint8_t)i, &places[i])) {
            return true; /* the transaction failed */
        }
        place_mention(core, txn, &row, i, &places[i]);
        kp_txn_scratch_restore(txn, mark);
    }
    return true;
}

/* --- remove --- */

static void remove_mention(struct kp_core *core, struct kp_txn *txn,
                           const struct kp_command_mention *placed, uint64_t position,
                           uint32_t index)
{
    struct kp_person person;
    uint64_t person_id = kp_match_find(txn, placed, position, (uint8_t)index);
    if (!kp_person_load(txn, person_id, 0, &person)) {
        return;
    }
    int64_t at = kp_person_find(&person, position, (uint8_t)index);
    if (at < 0) {
        kp_txn_fail(txn, KP_E_CORRUPT, "person %llu does not hold signal %llu",
                    (unsigned long long)person_id, (unsigned long long)position);
        return;
    }
    uint64_t form = kp_person_form_of(&person, (uint32_t)at);
    kp_person_remove(&person, (uint32_t)at);
    bool form_left = form == 0 || kp_person_has_form(&person, form);
    kp_ripe_lost(core, txn, &person);
    kp_person_store(txn, &person);
    if (!form_left) {
        kp_cluster_remove(core, txn, form, person_id, person.component);
    }
}

void kp_dossier_remove(struct kp_core *core, struct kp_txn *txn, uint64_t position,
                       enum kp_signal_status status)
{
    struct kp_stored_signal stored;
    uint64_t subject = 0;
    struct kp_cause cause = core->cause;
    if (!kp_stored_load(txn, position, &stored)) {
        return;
    }
    core->cause.reason = KP_CHANGE_GONE;
    for (uint32_t i = 0; i < stored.signal.mention_count; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        const struct kp_command_mention *mention = &stored.signal.mentions[i];
        if (i == 0) {
            subject = kp_match_find(txn, mention, position, 0);
        }
        remove_mention(core, txn, mention, position, i);
        kp_txn_scratch_restore(txn, mark);
    }
    core->cause = cause;
    stored.status = status;
    stored.replaced_by = core->position;
    kp_stored_update(txn, position, &stored, subject);
}
