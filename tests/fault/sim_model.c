/* SPDX-License-Identifier: EUPL-1.2 */
#include "sim_model.h"

#include "base/time.h"
#include "core/held.h"
#include "core/match/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MENTIONS_MAX 64u
#define PARTNERS_WANTED 2u /* of the example house's theme */
#define PERIOD_DAYS 365

const char *const sim_partners[SIM_PARTNERS] = {"politie", "om", "jeugdzorg"};
const char *const sim_references[SIM_REFERENCES] = {"R0", "R1", "R2", "R3", "R4", "R5"};

/* --- versions --- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct sim_known *find(struct sim_reference *reference, uint64_t version,
                              const char *content)
{
    for (uint32_t i = 0; i < reference->count; i++) {
        const struct told *told = &reference->known[i].signal.told;
        if (told->version == version && same_text(told->content, content)) {
            return &reference->known[i];
        }
    }
    return NULL;
}

static const struct sim_known *newest_usable(const struct sim_reference *reference)
{
    const struct sim_known *newest = NULL;
    for (uint32_t i = 0; i < reference->count; i++) {
        const struct sim_known *known = &reference->known[i];
        if (!known->held &&
            (newest == NULL || known->signal.told.version > newest->signal.told.version)) {
            newest = known;
        }
    }
    return newest;
}

static const struct sim_known *usable_of(const struct sim_reference *reference, uint64_t version)
{
    for (uint32_t i = 0; i < reference->count; i++) {
        if (!reference->known[i].held && reference->known[i].signal.told.version == version) {
            return &reference->known[i];
        }
    }
    return NULL;
}

static void keep(struct sim_reference *reference, const struct sim_signal *signal,
                 uint64_t position, bool held, bool conflict)
{
    assert_true(reference->count < SIM_KNOWN_MAX);
    reference->known[reference->count++] = (struct sim_known){
        .signal = *signal, .position = position, .held = held, .conflict = conflict};
}

/* Held ones that a usable @version makes moot. */
static void let_go(struct sim_reference *reference, uint64_t version)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < reference->count; i++) {
        const struct sim_known *known = &reference->known[i];
        if (!known->held || known->conflict || known->signal.told.version > version) {
            reference->known[kept++] = *known;
        }
    }
    reference->count = kept;
}

static enum sim_outcome take_unusable(struct sim_reference *reference,
                                      const struct sim_signal *signal, uint64_t position,
                                      uint64_t *ret_first)
{
    const struct sim_known *newest = newest_usable(reference);
    if (newest != NULL && signal->told.version <= newest->signal.told.version) {
        *ret_first = newest->position;
        return SIM_SUPERSEDED;
    }
    keep(reference, signal, position, true, false);
    return SIM_HELD;
}

static enum sim_outcome take_usable(struct sim_reference *reference,
                                    const struct sim_signal *signal, uint64_t position,
                                    uint64_t *ret_first)
{
    const struct sim_known *newest = newest_usable(reference);
    const struct sim_known *same = usable_of(reference, signal->told.version);
    bool replaces = newest != NULL && !newest->signal.told.withdraw;
    if (same != NULL) {
        *ret_first = same->position;
        keep(reference, signal, position, true, true);
        return SIM_CONFLICT;
    }
    if (newest != NULL && newest->signal.told.version > signal->told.version) {
        *ret_first = newest->position;
        keep(reference, signal, position, false, false);
        return SIM_SUPERSEDED;
    }
    *ret_first = replaces ? newest->position : 0;
    let_go(reference, signal->told.version);
    keep(reference, signal, position, false, false);
    return signal->told.withdraw ? SIM_WITHDRAWN : replaces ? SIM_REPLACES : SIM_NEW;
}

enum sim_outcome sim_model_take(struct sim_model *model, const struct sim_signal *signal,
                                uint64_t position, uint64_t *ret_first)
{
    struct sim_reference *reference = &model->references[signal->partner][signal->reference];
    const struct sim_known *before = find(reference, signal->told.version, signal->told.content);
    *ret_first = 0;
    if (before != NULL) {
        *ret_first = before->position;
        return SIM_DUPLICATE;
    }
    return signal->told.held_field != NULL ? take_unusable(reference, signal, position, ret_first)
                                           : take_usable(reference, signal, position, ret_first);
}

const struct sim_known *sim_model_current(const struct sim_model *model, uint32_t partner,
                                          uint32_t reference)
{
    const struct sim_known *newest = newest_usable(&model->references[partner][reference]);
    return newest == NULL || newest->signal.told.withdraw ? NULL : newest;
}

/* --- persons --- */

struct mention {
    const struct sim_signal *signal;
    uint32_t index;
    char person[48]; /* "f3": whose form is parted with the third one; else nobody else */
};

/* The forms of all mentions, in the order of their contents, each once. */
struct forms {
    struct world_form rooms[MENTIONS_MAX];
    struct kp_slice bytes[MENTIONS_MAX];
    uint32_t count;
};

static uint32_t form_at(const struct forms *forms, struct kp_slice bytes)
{
    uint32_t at = 0;
    while (at < forms->count && kp_slice_compare(forms->bytes[at], bytes) < 0) {
        at++;
    }
    return at;
}

static void keep_form(struct forms *forms, struct kp_slice bytes)
{
    uint32_t at = form_at(forms, bytes);
    if (at < forms->count && kp_slice_equal(forms->bytes[at], bytes)) {
        return;
    }
    memmove(&forms->bytes[at + 1], &forms->bytes[at], sizeof forms->bytes[0] * (forms->count - at));
    forms->bytes[at] = bytes;
    forms->count++;
}

/* Who is one person: all forms parted at once, whichever came first. */
static void name_persons(struct mention *mentions, uint32_t count)
{
    static struct forms forms;
    static struct kp_form decoded[MENTIONS_MAX];
    uint32_t groups[MENTIONS_MAX];
    struct kp_slice of_mention[MENTIONS_MAX];
    struct kp_match_model model;
    struct kp_arena arena;
    forms.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct told *told = &mentions[i].signal->told;
        struct kp_command_mention mention = {0};
        uint32_t index = mentions[i].index;
        world_mention(told->bsn[index], told->name[index], &mention, &forms.rooms[i]);
        of_mention[i] = mention.has_form ? mention.form : KP_SLICE_EMPTY;
        if (mention.has_form) {
            keep_form(&forms, mention.form);
        }
    }
    for (uint32_t i = 0; i < forms.count; i++) {
        struct kp_reader reader;
        kp_reader_init(&reader, forms.bytes[i]);
        kp_form_get(&reader, &decoded[i]);
    }
    kp_match_model_init(&model, KP_HOUSE_SIGNALS_EXPECTED);
    kp_arena_init(&arena, 1u << 20);
    struct kp_partition_in in = {.model = &model, .forms = decoded, .count = forms.count};
    assert_true(kp_partition(&in, &arena, groups));
    kp_arena_done(&arena);
    for (uint32_t i = 0; i < count; i++) {
        const struct told *told = &mentions[i].signal->told;
        if (of_mention[i].size > 0) {
            (void)snprintf(mentions[i].person, sizeof mentions[i].person, "f%u",
                           groups[form_at(&forms, of_mention[i])]);
        } else {
            (void)snprintf(mentions[i].person, sizeof mentions[i].person, "%s/%s/%u", told->partner,
                           told->reference, mentions[i].index);
        }
    }
}

static uint32_t list_mentions(const struct sim_model *model,
                              struct mention ret_mentions[MENTIONS_MAX])
{
    uint32_t count = 0;
    for (uint32_t p = 0; p < SIM_PARTNERS; p++) {
        for (uint32_t r = 0; r < SIM_REFERENCES; r++) {
            const struct sim_known *current = sim_model_current(model, p, r);
            for (uint32_t i = 0; current != NULL && i < current->signal.told.persons; i++) {
                assert_true(count < MENTIONS_MAX);
                ret_mentions[count++] = (struct mention){.signal = &current->signal, .index = i};
            }
        }
    }
    name_persons(ret_mentions, count);
    return count;
}

static bool counts(const struct told *told, int32_t day)
{
    bool of_theme = told->kind == 4 || told->kind == 13 || (told->themes & 1) != 0;
    return of_theme && kp_date_to_days(told->date) > day - PERIOD_DAYS;
}

static bool is_ripe(const struct mention *mentions, uint32_t count, const char *person, int32_t day)
{
    bool known_to[SIM_PARTNERS] = {false};
    uint32_t partners = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_signal *signal = mentions[i].signal;
        if (strcmp(mentions[i].person, person) == 0 && counts(&signal->told, day) &&
            !known_to[signal->partner]) {
            known_to[signal->partner] = true;
            partners++;
        }
    }
    return partners >= PARTNERS_WANTED;
}

uint32_t sim_model_ripe(const struct sim_model *model, int32_t day)
{
    struct mention mentions[MENTIONS_MAX];
    uint32_t count = list_mentions(model, mentions);
    uint32_t ripe = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = 0;
        while (strcmp(mentions[first].person, mentions[i].person) != 0) {
            first++;
        }
        ripe += first == i && is_ripe(mentions, count, mentions[i].person, day) ? 1 : 0;
    }
    return ripe;
}

/* --- the state beside it --- */

static bool persons_agree(const struct mention *mentions, uint32_t count, struct kp_txn *txn,
                          int32_t day, char *ret_why, size_t size)
{
    uint64_t ids[MENTIONS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const struct told *told = &mentions[i].signal->told;
        struct kp_person person;
        ids[i] = world_person_in(txn, told->partner, told->reference, mentions[i].index);
        assert_true(kp_person_load(txn, ids[i], 0, &person));
        bool ripe = is_ripe(mentions, count, mentions[i].person, day);
        if (ripe != (person.ripe != 0)) {
            (void)snprintf(ret_why, size, "%s (%s %s) is %sripe on day %d", mentions[i].person,
                           told->partner, told->reference, ripe ? "not " : "", day);
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            bool same = strcmp(mentions[k].person, mentions[i].person) == 0;
            if (same != (ids[k] == ids[i])) {
                (void)snprintf(ret_why, size, "%s and %s are %s person", mentions[k].person,
                               mentions[i].person, same ? "not one" : "one");
                return false;
            }
        }
    }
    return true;
}

/* Each that must be held is, with its code; and no other is. */
static bool held_agree(const struct sim_model *model, struct kp_txn *txn, char *ret_why,
                       size_t size)
{
    uint32_t expected = 0;
    uint32_t found = 0;
    struct kp_held held;
    for (uint32_t p = 0; p < SIM_PARTNERS; p++) {
        for (uint32_t r = 0; r < SIM_REFERENCES; r++) {
            const struct sim_reference *reference = &model->references[p][r];
            for (uint32_t i = 0; i < reference->count; i++) {
                const struct sim_known *known = &reference->known[i];
                enum kp_err code = known->conflict ? KP_E_CONFLICT : KP_E_DATE;
                if (!known->held) {
                    continue;
                }
                expected++;
                if (!kp_held_get(txn, known->position, &held) || held.code != (uint32_t)code) {
                    (void)snprintf(ret_why, size, "%s %s: position %llu is not held with code %d",
                                   sim_partners[p], sim_references[r],
                                   (unsigned long long)known->position, (int)code);
                    return false;
                }
            }
        }
    }
    for (uint64_t position = 0; kp_held_next(txn, position, &held); position = held.position) {
        found++;
    }
    if (found != expected) {
        (void)snprintf(ret_why, size, "%u held, not %u", found, expected);
    }
    return found == expected;
}

bool sim_model_agrees(const struct sim_model *model, struct kp_txn *txn, int32_t day, char *ret_why,
                      size_t size)
{
    struct mention mentions[MENTIONS_MAX];
    size_t mark = kp_txn_scratch_mark(txn);
    uint32_t count = list_mentions(model, mentions);
    bool agree = persons_agree(mentions, count, txn, day, ret_why, size) &&
                 held_agree(model, txn, ret_why, size);
    kp_txn_scratch_restore(txn, mark);
    return agree;
}
