/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/core.h"

#include "core/audit.h"
#include "core/batch.h"
#include "core/counterpart.h"
#include "core/deadline.h"
#include "core/decision.h"
#include "core/elsewhere.h"
#include "core/epoch.h"
#include "core/held.h"
#include "core/known.h"
#include "core/meta.h"
#include "core/outbox.h"
#include "core/ripe.h"
#include "core/text.h"

#include <stddef.h>
#include <string.h>

/* --- the house --- */

enum kp_err kp_core_load(struct kp_core *core, struct kp_txn *txn, struct kp_diag *reterr_diag)
{
    struct kp_slice value;
    struct kp_epoch_state epochs;
    memset(core, 0, offsetof(struct kp_core, terms));
    if (!kp_epoch_state(txn, &epochs) ||
        !kp_epoch_load(txn, epochs.active, &core->terms, &core->model)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the active epoch is missing");
        *reterr_diag = txn->diag;
        return kp_txn_error(txn);
    }
    if (kp_meta_get(txn, KP_META_HOUSE, &value)) {
        struct kp_reader reader;
        kp_reader_init(&reader, value);
        struct kp_slice digest = kp_get_raw(&reader, sizeof core->house_digest);
        struct kp_slice house = kp_get_slice(&reader);
        if (!kp_reader_done(&reader) || kp_house_get(house, &core->house) != KP_OK) {
            return kp_fail(reterr_diag, KP_E_CORRUPT, "the stored house does not decode");
        }
        memcpy(core->house_digest, digest.bytes, digest.size);
    }
    if (kp_txn_error(txn) != KP_OK) {
        *reterr_diag = txn->diag;
    }
    return kp_txn_error(txn);
}

/* Number of the theme in the list of all that the house ever had, adding it; KP_THEMES_MAX when the
 * list is full. */
static uint8_t theme_number(struct kp_writer *themes, const char *id)
{
    struct kp_reader reader;
    uint8_t number = 0;
    kp_reader_init(&reader, kp_writer_slice(themes));
    while (reader.offset < reader.size) {
        if (kp_slice_equal(kp_get_slice(&reader), kp_slice_str(id))) {
            return number;
        }
        number++;
    }
    if (number < KP_THEMES_MAX) {
        kp_put_slice(themes, kp_slice_str(id));
    }
    return number;
}

/* From bits by index to bits by number. */
static uint32_t theme_bits(const struct kp_house *house, uint32_t indexes)
{
    uint32_t numbers = 0;
    for (uint32_t i = 0; i < house->theme_count; i++) {
        numbers |= (indexes >> i & 1) << house->themes[i].number;
    }
    return numbers;
}

/* Give every partner, user and theme its number; false when they are used up: the house stays as it
 * was. */
static bool give_numbers(struct kp_txn *txn, struct kp_house *house)
{
    uint8_t bytes[KP_THEMES_MAX * (KP_ID_BYTES_MAX + 4)];
    struct kp_writer themes;
    struct kp_slice known;
    kp_writer_init(&themes, bytes, sizeof bytes);
    if (kp_meta_get(txn, KP_META_THEMES, &known)) {
        kp_put_raw(&themes, known);
    }
    for (uint32_t i = 0; i < house->theme_count; i++) {
        house->themes[i].number = theme_number(&themes, house->themes[i].id);
        if (house->themes[i].number >= KP_THEMES_MAX) {
            return false;
        }
    }
    kp_meta_put(txn, KP_META_THEMES, kp_writer_slice(&themes));
    for (uint32_t i = 0; i < house->criteria.count; i++) {
        house->criteria.items[i].themes = theme_bits(house, house->criteria.items[i].themes);
    }
    for (uint32_t i = 0; i < house->partner_count; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        house->partners[i].number = kp_counterpart_name(txn, house->partners[i].id, false);
        kp_txn_scratch_restore(txn, mark);
        if (house->partners[i].number == 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < house->user_count; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        house->users[i].number = kp_counterpart_name(txn, house->users[i].id, true);
        kp_txn_scratch_restore(txn, mark);
        if (house->users[i].number == 0) {
            return false;
        }
    }
    return true;
}

static void apply_house(struct kp_core *core, struct kp_txn *txn, struct kp_slice body)
{
    static const size_t size_max = KP_HOUSE_BYTES_MAX;
    bool had_house = core->house.id[0] != '\0';
    struct kp_house *house = kp_arena_alloc(txn->scratch, sizeof *house);
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size_max);
    if (house == NULL || bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the house's configuration");
        return;
    }
    if (kp_house_get(body, house) != KP_OK) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the house's configuration does not decode");
        return;
    }
    if (!give_numbers(txn, house)) {
        return;
    }
    struct kp_writer packed;
    kp_sha256(body, KP_SLICE_EMPTY, KP_SLICE_EMPTY, core->house_digest);
    kp_writer_init(&packed, bytes, size_max);
    kp_put_raw(&packed, kp_slice_of(core->house_digest, sizeof core->house_digest));
    size_t length_at = packed.size;
    kp_put_u32(&packed, 0);
    kp_house_put(&packed, house);
    struct kp_writer length;
    kp_writer_init(&length, bytes + length_at, 4);
    kp_put_u32(&length, (uint32_t)(packed.size - length_at - 4));
    if (!kp_writer_ok(&packed)) {
        kp_txn_fail(txn, KP_E_LIMIT, "the house's configuration is too large");
        return;
    }
    kp_meta_put(txn, KP_META_HOUSE, kp_writer_slice(&packed));
    core->house = *house;
    core->effects->house_changed = true;
    core->effects->doors_changed = true;
    if (had_house) { /* criteria may differ: judge everybody again, some at each tick */
        struct kp_deadline sweep = {.due = core->now, .kind = KP_DEADLINE_CRITERIA};
        kp_deadline_put(txn, &sweep);
    }
}

/* --- what is due --- */

static void criteria_due(struct kp_core *core, struct kp_txn *txn, uint64_t after)
{
    for (uint32_t i = 0; i < KP_TICK_DEADLINES_MAX; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        struct kp_key from = kp_key_u64(kp_key_none(), after);
        struct kp_slice key;
        struct kp_slice value;
        if (!kp_txn_seek(txn, KP_TABLE_PERSON, kp_key_slice(&from), /* after= */ true, &key,
                         &value)) {
            return;
        }
        struct kp_reader reader;
        kp_reader_init(&reader, key);
        after = kp_get_u64(&reader);
        kp_ripe_criteria_changed(core, txn, after);
        kp_txn_scratch_restore(txn, mark);
    }
    struct kp_deadline rest = {.due = core->now, .kind = KP_DEADLINE_CRITERIA, .subject = after};
    kp_deadline_put(txn, &rest);
}

static void apply_tick(struct kp_core *core, struct kp_txn *txn)
{
    for (uint32_t i = 0; i < KP_TICK_DEADLINES_MAX; i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        struct kp_deadline deadline;
        if (!kp_deadline_first(txn, &deadline) || deadline.due.ms > core->now.ms) {
            return;
        }
        kp_deadline_del(txn, &deadline);
        switch (deadline.kind) {
        case KP_DEADLINE_RIPE:
            kp_ripe_due(core, txn, deadline.subject, deadline.detail);
            break;
        case KP_DEADLINE_CERTIFICATE:
            kp_counterpart_certificate_due(core, txn, (uint16_t)deadline.subject, deadline.detail);
            break;
        case KP_DEADLINE_CRITERIA:
            criteria_due(core, txn, deadline.subject);
            return; /* one slice of the sweep is enough for one tick */
        case KP_DEADLINE_EPOCH:
            kp_epoch_due(core, txn);
            return; /* likewise */
        default:
            kp_txn_fail(txn, KP_E_CORRUPT, "a deadline of unknown kind %d", (int)deadline.kind);
            return;
        }
        kp_txn_scratch_restore(txn, mark);
    }
}

/* --- one command --- */

static void audit_command(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_command_head *head, struct kp_slice body)
{
    struct kp_audit audit;
    struct kp_audit_entry entry = {.position = core->position,
                                   .kind = (uint8_t)head->kind,
                                   .actor = head->actor,
                                   .stamp = core->now};
    kp_sha256(body, KP_SLICE_EMPTY, KP_SLICE_EMPTY, entry.digest);
    kp_audit_begin(txn, 1, &audit);
    kp_audit_add(&audit, &entry);
    kp_audit_end(txn, &audit);
}

static void dispatch(struct kp_core *core, struct kp_txn *txn,
                     const struct kp_core_command *command, const struct kp_command_head *head,
                     struct kp_reader *reader)
{
    struct kp_command_enrol enrol;
    switch (head->kind) {
    case KP_COMMAND_BATCH:
        kp_batch_apply(core, txn, head, command->positions, reader);
        return;
    case KP_COMMAND_HELD_RETRY:
        kp_batch_held_retry(core, txn, head, reader);
        return;
    case KP_COMMAND_EPOCH:
        kp_epoch_apply(core, txn, reader);
        break;
    case KP_COMMAND_ACTIVATE:
        kp_epoch_activate(core, txn, reader);
        break;
    case KP_COMMAND_DECIDE:
        kp_decision_apply(core, txn, head, reader);
        break;
    case KP_COMMAND_DISCLOSE: /* audited below, which is all it is for */
        (void)kp_get_raw(reader, reader->size - reader->offset);
        break;
    case KP_COMMAND_HELD_DROP:
        kp_batch_held_drop(core, txn, head, reader);
        return;
    case KP_COMMAND_ACK: {
        uint16_t mailbox = kp_get_u16(reader);
        uint64_t seq = kp_get_u64(reader);
        if (kp_reader_done(reader)) {
            kp_outbox_ack(core, txn, mailbox, seq);
            return; /* not audited: it discloses nothing and decides nothing */
        }
        break;
    }
    case KP_COMMAND_HOUSE:
        apply_house(core, txn, kp_get_slice(reader));
        break;
    case KP_COMMAND_ENROL:
        kp_command_get_enrol(reader, &enrol);
        if (kp_reader_done(reader)) {
            kp_counterpart_enrol(core, txn, &enrol);
        }
        break;
    case KP_COMMAND_REVOKE: {
        struct kp_slice id = kp_get_slice(reader);
        struct kp_slice key = kp_get_slice(reader);
        if (kp_reader_done(reader)) {
            kp_counterpart_revoke(core, txn, id, key);
        }
        break;
    }
    case KP_COMMAND_KNOWN_CHECK:
        kp_known_apply(core, txn, head, reader);
        return; /* audited there: what was told, and nothing of whom */
    case KP_COMMAND_TICK:
        apply_tick(core, txn);
        return; /* not audited: what it causes is in events */
    default:
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu is of unknown kind %d",
                    (unsigned long long)command->position, (int)head->kind);
        return;
    }
    if (!kp_reader_done(reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode",
                    (unsigned long long)command->position);
        return;
    }
    audit_command(core, txn, head, command->body);
}

static void put_position(struct kp_txn *txn, uint64_t position, struct kp_wall stamp)
{
    uint8_t bytes[16];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u64(&writer, position);
    kp_put_i64(&writer, stamp.ms);
    kp_meta_put(txn, KP_META_POSITION, kp_writer_slice(&writer));
}

uint64_t kp_core_position(struct kp_txn *txn, struct kp_wall *ret_stamp)
{
    struct kp_slice value;
    ret_stamp->ms = 0;
    if (!kp_meta_get(txn, KP_META_POSITION, &value)) {
        return 0;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint64_t position = kp_get_u64(&reader);
    ret_stamp->ms = kp_get_i64(&reader);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the position does not decode");
    }
    return position;
}

bool kp_core_next_due(struct kp_txn *txn, struct kp_wall *ret_due)
{
    struct kp_deadline deadline;
    if (!kp_deadline_first(txn, &deadline)) {
        return false;
    }
    *ret_due = deadline.due;
    return true;
}

/* true when the command is next; false when it was applied before or the transaction failed. */
static bool is_next(struct kp_txn *txn, const struct kp_core_command *command)
{
    struct kp_wall stamp;
    uint64_t done = kp_core_position(txn, &stamp);
    if (kp_txn_error(txn) != KP_OK || command->position <= done) {
        return false;
    }
    if (command->position != done + 1) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the journal goes on at %llu, the state ends at %llu",
                    (unsigned long long)command->position, (unsigned long long)done);
        return false;
    }
    return true;
}

enum kp_err kp_core_apply(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_core_command *command, struct kp_effects *effects,
                          struct kp_diag *reterr_diag)
{
    struct kp_reader reader;
    struct kp_command_head head = {0};
    size_t mark = kp_txn_scratch_mark(txn);
    if (is_next(txn, command)) {
        kp_reader_init(&reader, command->body);
        kp_command_get_head(&reader, &head);
        core->position = command->position;
        core->now = command->stamp;
        core->traceparent = head.traceparent;
        core->effects = effects;
        core->cause = (struct kp_cause){.reason = KP_CHANGE_SIGNAL};
        core->telling_count = 0;
        if (!kp_reader_ok(&reader) || head.actor >= KP_COUNTERPART_NUMBERS) {
            kp_txn_fail(txn, KP_E_CORRUPT, "command %llu does not decode",
                        (unsigned long long)command->position);
        } else {
            dispatch(core, txn, command, &head, &reader);
            kp_elsewhere_tell(core, txn);
        }
        put_position(txn, command->position + command->positions - 1, command->stamp);
    }
    kp_txn_scratch_restore(txn, mark);
    if (kp_txn_error(txn) != KP_OK) {
        *reterr_diag = txn->diag;
    }
    return kp_txn_error(txn);
}

void kp_core_skip_poison(struct kp_core *core, struct kp_txn *txn,
                         const struct kp_core_command *command, struct kp_effects *effects)
{
    struct kp_reader reader;
    struct kp_command_head head = {0};
    kp_reader_init(&reader, command->body);
    kp_command_get_head(&reader, &head);
    core->position = command->position;
    core->now = command->stamp;
    core->traceparent = KP_SLICE_EMPTY;
    core->effects = effects;
    struct kp_held held = {.position = command->position,
                           .partner = head.actor,
                           .code = KP_E_POISON,
                           .since = command->stamp,
                           .signal = {.held_code = KP_E_POISON, .signal = command->body}};
    kp_held_put(core, txn, &held);
    put_position(txn, command->position + command->positions - 1, command->stamp);
}
