/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/elsewhere.h"

#include "core/outbox.h"
#include "core/ripe.h"
#include "core/stored.h"
#include "core/text.h"

#include <string.h>

/* --- as it is kept --- */

void kp_told_put(struct kp_writer *writer, const struct kp_told *told)
{
    kp_put_u8(writer, (uint8_t)told->count);
    for (uint32_t i = 0; i < told->count; i++) {
        kp_put_u16(writer, told->by[i].partner);
        kp_put_u64(writer, told->by[i].position);
        kp_put_u8(writer, told->by[i].index);
    }
}

void kp_told_get(struct kp_reader *reader, struct kp_told *ret_told)
{
    uint32_t count = kp_get_u8(reader);
    ret_told->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct kp_told_by by = {.partner = kp_get_u16(reader), .position = kp_get_u64(reader)};
        by.index = kp_get_u8(reader);
        if (ret_told->count < KP_PARTNERS_MAX) {
            ret_told->by[ret_told->count++] = by;
        }
    }
}

/* --- what changes --- */

static void note(struct kp_core *core, struct kp_txn *txn, uint8_t theme_number,
                 const struct kp_told_by *by, bool ended)
{
    if (core->telling_count == KP_TELLING_MAX) {
        kp_elsewhere_tell(core, txn);
    }
    core->telling[core->telling_count++] = (struct kp_telling){.partner = by->partner,
                                                               .theme = theme_number,
                                                               .position = by->position,
                                                               .index = by->index,
                                                               .ended = ended};
}

/* The partner's own latest counted signal, by whose reference he is told. */
static const struct kp_mention *latest_of(const struct kp_counting *counting,
                                          const struct kp_person *person, uint16_t partner)
{
    for (uint32_t i = person->mention_count; i-- > 0;) {
        const struct kp_mention *mention = &person->mentions[i];
        if (mention->partner == partner && kp_counting_counts(counting, mention)) {
            return mention;
        }
    }
    return NULL;
}

static bool is_told(const struct kp_told *told, uint16_t partner)
{
    for (uint32_t i = 0; i < told->count; i++) {
        if (told->by[i].partner == partner) {
            return true;
        }
    }
    return false;
}

bool kp_elsewhere_open(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                       const struct kp_person *person, struct kp_told *told_io)
{
    bool changed = false;
    struct kp_counting counting = kp_ripe_counting(core, theme, person);
    for (uint32_t i = 0; i < told_io->count;) {
        const struct kp_told_by by = told_io->by[i];
        if (kp_person_find(person, by.position, by.index) >= 0) {
            i++;
            continue;
        }
        told_io->by[i] = told_io->by[--told_io->count];
        note(core, txn, theme->number, &by, /* ended= */ true);
        changed = true;
    }
    for (uint32_t i = 0; i < core->house.partner_count; i++) {
        const struct kp_partner *partner = &core->house.partners[i];
        bool tells = (theme->tell[i / 8] >> (i % 8) & 1) != 0 && partner->known_elsewhere;
        const struct kp_mention *own = tells && !is_told(told_io, partner->number)
                                           ? latest_of(&counting, person, partner->number)
                                           : NULL;
        if (own == NULL || told_io->count == KP_PARTNERS_MAX) {
            continue;
        }
        struct kp_told_by by = {partner->number, own->position, own->index};
        told_io->by[told_io->count++] = by;
        note(core, txn, theme->number, &by, /* ended= */ false);
        changed = true;
    }
    return changed;
}

void kp_elsewhere_close(struct kp_core *core, struct kp_txn *txn, uint8_t theme_number,
                        const struct kp_told *told)
{
    for (uint32_t i = 0; i < told->count; i++) {
        note(core, txn, theme_number, &told->by[i], /* ended= */ true);
    }
}

/* --- tell it --- */

/* He who lost the grant hears nothing more. */
static bool may_hear(const struct kp_core *core, uint16_t number)
{
    for (uint32_t i = 0; i < core->house.partner_count; i++) {
        if (core->house.partners[i].number == number) {
            return core->house.partners[i].known_elsewhere;
        }
    }
    return false;
}

/* NULL: the house has it no longer. */
static char *theme_id(const struct kp_core *core, struct kp_arena *arena, uint8_t number)
{
    for (uint32_t i = 0; i < core->house.theme_count; i++) {
        if (core->house.themes[i].number == number) {
            return kp_text(arena, core->house.themes[i].id);
        }
    }
    return NULL;
}

static void put_event(struct kp_core *core, struct kp_txn *txn, const struct kp_telling *telling,
                      char *reference)
{
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__KnownElsewhere known = KNOOPPUNT__V1__KNOWN_ELSEWHERE__INIT;
    Knooppunt__V1__KnownElsewhereEnded ended = KNOOPPUNT__V1__KNOWN_ELSEWHERE_ENDED__INIT;
    known.reference = ended.reference = reference;
    known.theme = ended.theme = theme_id(core, txn->scratch, telling->theme);
    known.has_person = ended.has_person = 1;
    known.person = ended.person = telling->index + 1u;
    if (telling->ended) {
        event.body_case = KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE_ENDED;
        event.known_elsewhere_ended = &ended;
    } else {
        event.body_case = KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE;
        event.known_elsewhere = &known;
    }
    uint64_t seq = kp_outbox_put(core, txn, telling->partner, &event);
    kp_outbox_caused(txn, core->position, telling->partner, seq);
    core->effects->known_elsewhere += telling->ended ? 0 : 1;
    core->effects->known_elsewhere_ended += telling->ended ? 1 : 0;
}

/* One that ended and one that began, of the same person of the same signal in any version. */
static bool is_undone(const struct kp_telling *a, const char *reference_a,
                      const struct kp_telling *b, const char *reference_b)
{
    return a->ended != b->ended && a->partner == b->partner && a->theme == b->theme &&
           a->index == b->index && reference_a != NULL && reference_b != NULL &&
           strcmp(reference_a, reference_b) == 0;
}

/* The references of those that are told; NULL: of one that is not. */
static void find_references(struct kp_core *core, struct kp_txn *txn, char **ret_references)
{
    for (uint32_t i = 0; i < core->telling_count; i++) {
        struct kp_stored_signal stored;
        bool found = may_hear(core, core->telling[i].partner) &&
                     kp_stored_load(txn, core->telling[i].position, &stored);
        ret_references[i] = found ? kp_text_of(txn->scratch, stored.signal.reference) : NULL;
    }
    for (uint32_t a = 0; a < core->telling_count; a++) {
        for (uint32_t b = 0; b < a && ret_references[a] != NULL; b++) {
            if (is_undone(&core->telling[a], ret_references[a], &core->telling[b],
                          ret_references[b])) {
                ret_references[a] = ret_references[b] = NULL;
            }
        }
    }
}

void kp_elsewhere_tell(struct kp_core *core, struct kp_txn *txn)
{
    char *references[KP_TELLING_MAX];
    size_t mark = kp_txn_scratch_mark(txn);
    find_references(core, txn, references);
    for (uint32_t i = 0; i < core->telling_count; i++) {
        if (references[i] != NULL) {
            put_event(core, txn, &core->telling[i], references[i]);
        }
    }
    core->telling_count = 0;
    kp_txn_scratch_restore(txn, mark);
}
