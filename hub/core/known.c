/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/known.h"

#include "base/assert.h"
#include "core/audit.h"
#include "core/match.h"
#include "core/person.h"

#include <string.h>

#define CHECK_VERSION 1
#define QUOTA_VERSION 1
#define CHECK_BYTES_MAX                                                                            \
    (1u + 8u + 2u + KP_MESSAGE_ID_BYTES + 2u + 1u + KP_TAG_BYTES + 1u + 2u + 2u * KP_PARTNERS_MAX)

/* What the house knows of who is asked for. */
struct acquaintance {
    bool doubt;                        /* somebody is like him, and nobody is certainly he */
    bool other;                        /* a partner other than the asker reported him */
    uint8_t told[KP_PARTNERS_MAX / 8]; /* bit n: partner n of the house, may be told of */
};

const char *kp_known_outcome_name(uint8_t outcome)
{
    static const char *const names[] = {
        [KP_KNOWN_HIT] = "HIT",     [KP_KNOWN_UNKNOWN] = "UNKNOWN",
        [KP_KNOWN_DOUBT] = "DOUBT", [KP_KNOWN_FORBIDDEN] = "FORBIDDEN",
        [KP_KNOWN_QUOTA] = "QUOTA", [KP_KNOWN_NOT_ENTITLED] = "NOT_ENTITLED",
    };
    bool named = outcome < sizeof names / sizeof names[0] && names[outcome] != NULL;
    return named ? names[outcome] : "?";
}

static uint16_t partner_index(const struct kp_house *house, uint16_t number)
{
    for (uint16_t i = 0; i < house->partner_count; i++) {
        if (house->partners[i].number == number) {
            return i;
        }
    }
    return KP_PARTNER_NONE;
}

/* --- who knows him --- */

static void take_mention(const struct kp_house *house, const struct kp_mention *mention,
                         uint16_t asker, struct acquaintance *known)
{
    uint16_t index = partner_index(house, mention->partner);
    bool other = mention->partner != asker && index != KP_PARTNER_NONE;
    known->other = known->other || other;
    if (other && (house->partners[index].told_roles >> mention->role & 1) != 0) {
        known->told[index / 8] = (uint8_t)(known->told[index / 8] | 1u << index % 8);
    }
}

static bool is_kin(const struct kp_kin *kin, uint64_t form)
{
    for (uint32_t i = 0; i < kin->count; i++) {
        if (kin->forms[i] == form) {
            return true;
        }
    }
    return false;
}

/* The mentions of this person, or of @kin among them. */
static void take_person(struct kp_core *core, struct kp_txn *txn, uint64_t id,
                        const struct kp_kin *kin, uint16_t asker, struct acquaintance *known)
{
    struct kp_person person;
    size_t mark = kp_txn_scratch_mark(txn);
    if (!kp_person_load(txn, id, 0, &person)) {
        return;
    }
    for (uint32_t i = 0; i < person.mention_count; i++) {
        if (kin == NULL || is_kin(kin, kp_person_form_of(&person, i))) {
            take_mention(&core->house, &person.mentions[i], asker, known);
        }
    }
    kp_txn_scratch_restore(txn, mark);
}

static void take_kin(struct kp_core *core, struct kp_txn *txn, const struct kp_kin *kin,
                     uint16_t asker, struct acquaintance *known)
{
    for (uint32_t i = 0; i < kin->count; i++) {
        bool seen = false;
        for (uint32_t before = 0; before < i; before++) {
            seen = seen || kin->persons[before] == kin->persons[i];
        }
        if (!seen) {
            take_person(core, txn, kin->persons[i], kin, asker, known);
        }
    }
}

/* As if a signal with this one person came, of which nothing is carried out. */
static void look(struct kp_core *core, struct kp_txn *txn, const struct kp_command_mention *person,
                 uint16_t asker, struct acquaintance *ret_known)
{
    struct kp_command_signal *signal = kp_arena_alloc(txn->scratch, sizeof *signal);
    struct kp_place place;
    struct kp_kin kin;
    *ret_known = (struct acquaintance){0};
    if (signal == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a check");
        return;
    }
    memcpy(signal->content_tag, person->form_tag, KP_TAG_BYTES);
    signal->mentions[0] = *person;
    if (!person->has_form || !kp_match_look(core, txn, signal, 0, &place)) {
        return;
    }
    if (place.person != 0) {
        take_person(core, txn, place.person, /* kin= */ NULL, asker, ret_known);
    } else if (kp_cluster_kin(core, txn, &place.form, &place.keys, &place.reach, &kin)) {
        ret_known->doubt = kin.count == 0 && (place.reach.full || place.reach.count > 0);
        take_kin(core, txn, &kin, asker, ret_known);
    }
}

/* --- the quota --- */

/* Counts this check; false: there are none left today. */
static bool count_check(struct kp_core *core, struct kp_txn *txn, uint16_t partner,
                        uint32_t checks_max)
{
    uint8_t bytes[9];
    struct kp_writer writer;
    struct kp_reader reader;
    struct kp_slice value;
    struct kp_key key = kp_key_u16(kp_key_none(), partner);
    uint32_t today = (uint32_t)(core->now.ms / KP_DAY_MS);
    uint32_t count = 0;
    if (kp_txn_get(txn, KP_TABLE_QUOTA, kp_key_slice(&key), &value)) {
        kp_reader_init(&reader, value);
        uint8_t version = kp_get_u8(&reader);
        uint32_t day = kp_get_u32(&reader);
        uint32_t counted = kp_get_u32(&reader);
        if (version != QUOTA_VERSION || !kp_reader_done(&reader)) {
            kp_txn_fail(txn, KP_E_CORRUPT, "the quota of partner %u does not decode", partner);
            return false;
        }
        count = day == today ? counted : 0;
    }
    bool left = count < checks_max;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, QUOTA_VERSION);
    kp_put_u32(&writer, today);
    kp_put_u32(&writer, count + (left ? 1 : 0));
    kp_txn_put(txn, KP_TABLE_QUOTA, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
    return left;
}

/* --- the row --- */

static struct kp_key check_key(uint64_t position)
{
    return kp_key_u64(kp_key_none(), position);
}

/* The row, and the audit entry that proves it. */
static void put_check(struct kp_core *core, struct kp_txn *txn, const struct kp_stored_check *check)
{
    uint8_t bytes[CHECK_BYTES_MAX];
    struct kp_writer writer;
    struct kp_key key = check_key(check->position);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, CHECK_VERSION);
    kp_put_i64(&writer, check->stamp.ms);
    kp_put_u16(&writer, check->partner);
    kp_put_raw(&writer, kp_slice_of(check->message_id, sizeof check->message_id));
    kp_put_u8(&writer, check->requester_type);
    kp_put_u8(&writer, check->reason);
    kp_put_u8(&writer, check->has_form ? 1 : 0);
    kp_put_raw(&writer, kp_slice_of(check->form_tag, sizeof check->form_tag));
    kp_put_u8(&writer, check->outcome);
    kp_put_u16(&writer, check->told_count);
    for (uint32_t i = 0; i < check->told_count; i++) {
        kp_put_u16(&writer, check->told[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_CHECK, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);

    struct kp_audit audit;
    struct kp_audit_entry entry = {.position = check->position,
                                   .kind = KP_COMMAND_KNOWN_CHECK,
                                   .actor = check->partner,
                                   .outcome = check->outcome,
                                   .stamp = core->now};
    kp_sha256(kp_writer_slice(&writer), KP_SLICE_EMPTY, KP_SLICE_EMPTY, entry.digest);
    kp_audit_begin(txn, 1, &audit);
    kp_audit_add(&audit, &entry);
    kp_audit_end(txn, &audit);
}

static bool decode(struct kp_txn *txn, uint64_t position, struct kp_slice value,
                   struct kp_stored_check *ret_check)
{
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    *ret_check = (struct kp_stored_check){.position = position};
    uint8_t version = kp_get_u8(&reader);
    ret_check->stamp.ms = kp_get_i64(&reader);
    ret_check->partner = kp_get_u16(&reader);
    struct kp_slice message_id = kp_get_raw(&reader, KP_MESSAGE_ID_BYTES);
    ret_check->requester_type = kp_get_u8(&reader);
    ret_check->reason = kp_get_u8(&reader);
    ret_check->has_form = kp_get_u8(&reader) != 0;
    struct kp_slice form_tag = kp_get_raw(&reader, KP_TAG_BYTES);
    ret_check->outcome = kp_get_u8(&reader);
    uint16_t count = kp_get_u16(&reader);
    for (uint32_t i = 0; i < count && i < KP_PARTNERS_MAX; i++) {
        ret_check->told[i] = kp_get_u16(&reader);
    }
    if (version != CHECK_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the check at %llu does not decode",
                    (unsigned long long)position);
        return false;
    }
    ret_check->told_count = count;
    memcpy(ret_check->message_id, message_id.bytes, message_id.size);
    memcpy(ret_check->form_tag, form_tag.bytes, form_tag.size);
    return true;
}

bool kp_known_get(struct kp_txn *txn, uint64_t position, struct kp_stored_check *ret_check)
{
    struct kp_key key = check_key(position);
    struct kp_slice value;
    return kp_txn_get(txn, KP_TABLE_CHECK, kp_key_slice(&key), &value) &&
           decode(txn, position, value, ret_check);
}

bool kp_known_next(struct kp_txn *txn, uint64_t position, struct kp_stored_check *ret_check)
{
    struct kp_key from = check_key(position);
    struct kp_slice key;
    struct kp_slice value;
    struct kp_reader reader;
    if (!kp_txn_seek(txn, KP_TABLE_CHECK, kp_key_slice(&from), /* after= */ true, &key, &value)) {
        return false;
    }
    kp_reader_init(&reader, key);
    return decode(txn, kp_get_u64(&reader), value, ret_check);
}

/* --- the command --- */

static bool is_entitled(const struct kp_partner *partner, const struct kp_command_check *check)
{
    return partner->known_elsewhere && (partner->check_as >> check->requester_type & 1) != 0 &&
           (partner->check_for >> check->reason & 1) != 0;
}

static enum kp_known_outcome judge(const struct acquaintance *known, bool left, bool entitled,
                                   uint16_t told_count)
{
    return !left            ? KP_KNOWN_QUOTA
           : !entitled      ? KP_KNOWN_NOT_ENTITLED
           : told_count > 0 ? KP_KNOWN_HIT
           : known->other   ? KP_KNOWN_FORBIDDEN
           : known->doubt   ? KP_KNOWN_DOUBT
                            : KP_KNOWN_UNKNOWN;
}

void kp_known_apply(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                    struct kp_reader *reader)
{
    static const struct kp_partner nobody;
    struct kp_command_check check;
    struct acquaintance known;
    kp_command_get_check(reader, &check);
    if (!kp_reader_done(reader) || check.requester_type >= 32 || check.reason >= 32) {
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode",
                    (unsigned long long)core->position);
        return;
    }
    uint16_t index = partner_index(&core->house, head->actor);
    const struct kp_partner *asker =
        index == KP_PARTNER_NONE ? &nobody : &core->house.partners[index];
    struct kp_stored_check row = {.position = core->position,
                                  .stamp = core->now,
                                  .partner = head->actor,
                                  .requester_type = check.requester_type,
                                  .reason = check.reason,
                                  .has_form = check.person.has_form};
    memcpy(row.message_id, head->message_id, sizeof row.message_id);
    if (check.person.has_form) {
        memcpy(row.form_tag, check.person.form_tag, sizeof row.form_tag);
    }
    look(core, txn, &check.person, head->actor, &known);
    for (uint16_t i = 0; i < core->house.partner_count; i++) {
        if ((known.told[i / 8] >> i % 8 & 1) != 0) {
            row.told[row.told_count++] = core->house.partners[i].number;
        }
    }
    bool left = count_check(core, txn, head->actor, asker->checks_max);
    row.outcome = (uint8_t)judge(&known, left, is_entitled(asker, &check), row.told_count);
    row.told_count = row.outcome == KP_KNOWN_HIT ? row.told_count : 0;
    put_check(core, txn, &row);
    core->effects->known_checks++;
    core->effects->known_checks_refused += left ? 0 : 1;
}
