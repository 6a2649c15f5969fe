/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/dossier.h"

#include "base/assert.h"
#include "core/match.h"
#include "core/person.h"
#include "core/ripe.h"

#include <string.h>

#define STORED_VERSION 1
#define STORED_BYTES_EXTRA 64u
#define SIGNAL_FIXED_BYTES 2048u /* more than everything of a stored signal but its bytes */

static struct kp_key part_key(uint64_t position, uint32_t index)
{
    return kp_key_u8(kp_key_u64(kp_key_none(), position), (uint8_t)index);
}

static struct kp_slice cut(struct kp_slice bytes, size_t offset, size_t size)
{
    KP_ASSERT(offset <= bytes.size && size <= bytes.size - offset);
    return kp_slice_of(bytes.bytes + offset, size);
}

bool kp_dossier_load(struct kp_txn *txn, uint64_t position, struct kp_stored_signal *ret_stored)
{
    struct kp_key key = kp_key_u64(kp_key_none(), position);
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_SIGNAL, kp_key_slice(&key), &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_stored->status = (enum kp_signal_status)kp_get_u8(&reader);
    ret_stored->partner = kp_get_u16(&reader);
    ret_stored->stamp.ms = kp_get_i64(&reader);
    ret_stored->batch_position = kp_get_u64(&reader);
    ret_stored->replaced_by = kp_get_u64(&reader);
    kp_command_get_signal(&reader, &ret_stored->signal);
    if (version != STORED_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the stored signal %llu does not decode",
                    (unsigned long long)position);
        return false;
    }
    return true;
}

static void store_row(struct kp_txn *txn, uint64_t position, const struct kp_stored_signal *stored,
                      uint64_t subject)
{
    struct kp_key key = kp_key_u64(kp_key_none(), position);
    size_t size = stored->signal.signal.size + STORED_BYTES_EXTRA + SIGNAL_FIXED_BYTES;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory to store one signal");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_u8(&writer, STORED_VERSION);
    kp_put_u8(&writer, (uint8_t)stored->status);
    kp_put_u16(&writer, stored->partner);
    kp_put_i64(&writer, stored->stamp.ms);
    kp_put_u64(&writer, stored->batch_position);
    kp_put_u64(&writer, stored->replaced_by);
    kp_command_put_signal(&writer, &stored->signal);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_SIGNAL, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){subject});
}

/* One person's part of the signal: the first stands with the head, the others in rows of their own.
 */
static void store_part(struct kp_txn *txn, uint64_t position, uint32_t index, struct kp_slice part,
                       uint64_t subject)
{
    struct kp_key key = part_key(position, index);
    kp_txn_put(txn, KP_TABLE_PART, kp_key_slice(&key), part, (struct kp_subject){subject});
}

/* A mention goes with its person: what is stored of it is sealed under that person's key. */
static void reseal(struct kp_txn *txn, const struct kp_mention *mention, uint64_t subject)
{
    if (mention->index > 0) {
        struct kp_key key = part_key(mention->position, mention->index);
        struct kp_slice part;
        if (kp_txn_get(txn, KP_TABLE_PART, kp_key_slice(&key), &part)) {
            store_part(txn, mention->position, mention->index, part, subject);
        }
        return;
    }
    struct kp_stored_signal stored;
    if (kp_dossier_load(txn, mention->position, &stored)) {
        store_row(txn, mention->position, &stored, subject);
    }
}

/* Rule 2 or 3 changed for a name: its mentions without BSN go from one person to the other. */
static void carry_out(struct kp_core *core, struct kp_txn *txn, const struct kp_match_move *move)
{
    struct kp_person from;
    struct kp_person to;
    if (move->from == 0 || !kp_person_load(txn, move->from, 0, &from) ||
        !kp_person_load(txn, move->to, from.mention_count, &to)) {
        return;
    }
    to.redirect = 0;
    uint16_t form_to = kp_person_form(&to, move->name_tag);
    for (uint32_t i = 0; i < from.mention_count;) {
        struct kp_mention mention = from.mentions[i];
        bool moves = !mention.by_bsn && mention.form != KP_FORM_NONE &&
                     memcmp(from.forms[mention.form].name_tag, move->name_tag, KP_TAG_BYTES) == 0;
        if (!moves) {
            i++;
            continue;
        }
        kp_person_remove(&from, i);
        mention.form = form_to;
        kp_person_insert(&to, &mention);
        size_t mark = kp_txn_scratch_mark(txn);
        reseal(txn, &mention, move->to);
        kp_txn_scratch_restore(txn, mark);
    }
    if (move->to_redirect && from.mention_count == 0) {
        from.redirect = move->to;
    }
    kp_ripe_lost(core, txn, &from);
    kp_person_store(txn, &from);
    kp_ripe_gained(core, txn, &to);
    kp_person_store(txn, &to);
}

/* @person: loaded with room for one more. */
static void add_mention(struct kp_core *core, struct kp_txn *txn,
                        const struct kp_stored_signal *stored, uint32_t index,
                        struct kp_person *person)
{
    const struct kp_command_mention *placed = &stored->signal.mentions[index];
    struct kp_mention mention = {
        .position = core->position,
        .index = (uint8_t)index,
        .partner = stored->partner,
        .role = placed->role,
        .kind = stored->signal.kind,
        .incident_date = stored->signal.incident_date,
        .themes = stored->signal.themes,
        .leefgebieden = stored->signal.leefgebieden,
        .form = placed->has_name ? kp_person_form(person, placed->name_tag) : KP_FORM_NONE,
        .by_bsn = placed->has_bsn,
    };
    person->redirect = 0;
    if (placed->has_bsn) {
        person->has_bsn = true;
        memcpy(person->bsn_tag, placed->bsn_tag, KP_TAG_BYTES);
    }
    bool gained = false;
    if (placed->has_bsn && mention.form != KP_FORM_NONE) {
        gained = person->forms[mention.form].bsn_mentions++ == 0;
    }
    kp_person_insert(person, &mention);
    kp_ripe_gained(core, txn, person);
    kp_person_store(txn, person);
    if (gained) {
        struct kp_match_move move;
        uint64_t fresh = KP_PERSON_SPLIT_GAINED | (core->position * 32 + index);
        kp_match_name_gained(txn, placed->name_tag, person->id, fresh, &move);
        carry_out(core, txn, &move);
    }
}

/* The row of the signal with its first person, and the rows of the further ones. */
static void store_signal(struct kp_core *core, struct kp_txn *txn,
                         const struct kp_stored_signal *stored, const uint64_t *persons)
{
    const struct kp_command_signal *signal = &stored->signal;
    struct kp_stored_signal row = *stored;
    size_t kept = signal->head_bytes;
    size_t offset = signal->head_bytes;
    for (uint32_t i = 0; i < signal->mention_count; i++) {
        size_t size = signal->mentions[i].part_bytes;
        if (i == 0) {
            kept += size;
        } else {
            store_part(txn, core->position, i, cut(signal->signal, offset, size), persons[i]);
        }
        offset += size;
    }
    row.signal.signal = cut(signal->signal, 0, kept);
    store_row(txn, core->position, &row, persons[0]);
}

/* How many mentions of the signal are counted with this one. */
static uint32_t counted_together(const struct kp_command_signal *signal,
                                 const struct kp_command_mention *mention)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < signal->mention_count; i++) {
        const struct kp_command_mention *other = &signal->mentions[i];
        bool same_bsn = mention->has_bsn && other->has_bsn &&
                        memcmp(mention->bsn_tag, other->bsn_tag, KP_TAG_BYTES) == 0;
        bool same_name = !mention->has_bsn && !other->has_bsn && other->has_name &&
                         memcmp(mention->name_tag, other->name_tag, KP_TAG_BYTES) == 0;
        count += same_bsn || same_name ? 1 : 0;
    }
    return count;
}

/* There is room for the mention and those counted with it. What can come together later through
 * moves fits by the limits themselves (person.c). */
static bool has_room(const struct kp_person *person, const struct kp_stored_signal *stored,
                     const struct kp_command_mention *mention)
{
    struct kp_person_counts counts;
    uint32_t more = counted_together(&stored->signal, mention);
    if (!mention->has_bsn && !mention->has_name) {
        return true; /* a person of its own */
    }
    kp_person_count(person, stored->partner, mention->has_bsn ? NULL : mention->name_tag, &counts);
    uint32_t most = mention->has_bsn ? KP_PERSON_BSN_MAX : KP_PERSON_NAME_MAX;
    uint32_t share = mention->has_bsn ? KP_PERSON_BSN_SHARE : KP_PERSON_NAME_SHARE;
    return counts.all + more <= most && counts.partner + more <= share;
}

bool kp_dossier_add(struct kp_core *core, struct kp_txn *txn, const struct kp_stored_signal *stored)
{
    const struct kp_command_signal *signal = &stored->signal;
    uint64_t persons[KP_SIGNAL_PERSONS_MAX] = {0};
    enum kp_match_reason reason;
    struct kp_person person = {0};
    /* Check first: the hot path, one person, loads him once for the check and for the change. */
    size_t mark = kp_txn_scratch_mark(txn);
    for (uint32_t i = signal->mention_count; i-- > 0;) {
        kp_txn_scratch_restore(txn, mark); /* a person can be large: one at a time */
        person = (struct kp_person){0};
        persons[i] = kp_match_find(txn, &signal->mentions[i], core->position, (uint8_t)i, &reason);
        if (persons[i] != 0) {
            if (!kp_person_load(txn, persons[i], 1, &person)) {
                return true; /* the transaction failed */
            }
            if (!has_room(&person, stored, &signal->mentions[i])) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < signal->mention_count; i++) {
        if (persons[i] == 0 && i > 0) { /* an earlier person of this signal may be the same one */
            persons[i] =
                kp_match_find(txn, &signal->mentions[i], core->position, (uint8_t)i, &reason);
        }
        if (persons[i] == 0) {
            persons[i] = kp_match_make(txn, &signal->mentions[i], core->position, (uint8_t)i);
        }
        core->effects->persons_made += persons[i] == core->position * 32 + i ? 1 : 0;
    }
    store_signal(core, txn, stored, persons);
    /* Rows first: a move that follows from a mention finds them and seals them anew. */
    for (uint32_t i = 0; i < signal->mention_count; i++) {
        size_t before = kp_txn_scratch_mark(txn);
        uint64_t id = persons[i];
        if (i > 0) { /* an earlier person of this signal may have changed where this one belongs */
            id = kp_match_find(txn, &signal->mentions[i], core->position, (uint8_t)i, &reason);
            id = id != 0 ? id : persons[i];
            if (id != persons[i]) {
                struct kp_mention moved = {.position = core->position, .index = (uint8_t)i};
                reseal(txn, &moved, id);
            }
        }
        if ((i > 0 || person.id != id) && !kp_person_load(txn, id, 1, &person)) {
            return true; /* the transaction failed */
        }
        add_mention(core, txn, stored, i, &person);
        kp_txn_scratch_restore(txn, before);
    }
    return true;
}

static void remove_mention(struct kp_core *core, struct kp_txn *txn,
                           const struct kp_command_mention *placed, uint64_t position,
                           uint32_t index)
{
    enum kp_match_reason reason;
    struct kp_person person;
    uint64_t person_id = kp_match_find(txn, placed, position, (uint8_t)index, &reason);
    if (!kp_person_load(txn, person_id, 0, &person)) {
        return;
    }
    int64_t at = kp_person_find(&person, position, (uint8_t)index);
    if (at < 0) {
        kp_txn_fail(txn, KP_E_CORRUPT, "person %llu does not hold signal %llu",
                    (unsigned long long)person_id, (unsigned long long)position);
        return;
    }
    struct kp_mention mention = person.mentions[at];
    bool lost = mention.by_bsn && mention.form != KP_FORM_NONE &&
                --person.forms[mention.form].bsn_mentions == 0;
    kp_person_remove(&person, (uint32_t)at);
    bool bsn_left = false;
    for (uint32_t i = 0; i < person.mention_count; i++) {
        bsn_left = bsn_left || person.mentions[i].by_bsn;
    }
    if (mention.by_bsn && !bsn_left) {
        kp_match_bsn_lost(txn, placed->bsn_tag);
    }
    kp_ripe_lost(core, txn, &person);
    kp_person_store(txn, &person);
    if (lost) {
        struct kp_match_move move;
        uint64_t fresh = KP_PERSON_SPLIT_LOST | (core->position * 32 + index);
        kp_match_name_lost(txn, placed->name_tag, person_id, fresh, &move);
        carry_out(core, txn, &move);
    }
}

void kp_dossier_remove(struct kp_core *core, struct kp_txn *txn, uint64_t position,
                       enum kp_signal_status status)
{
    struct kp_stored_signal stored;
    if (!kp_dossier_load(txn, position, &stored)) {
        return;
    }
    for (uint32_t i = 0; i < stored.signal.mention_count; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        remove_mention(core, txn, &stored.signal.mentions[i], position, i);
        kp_txn_scratch_restore(txn, mark);
    }
    uint64_t subject = 0;
    if (stored.signal.mention_count > 0) {
        enum kp_match_reason reason;
        uint64_t person = kp_match_find(txn, &stored.signal.mentions[0], position, 0, &reason);
        subject = person != 0 ? person : position * 32;
    }
    stored.status = status;
    stored.replaced_by = core->position;
    store_row(txn, position, &stored, subject);
}
