/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * INDEX rows: a BSN tag holds {1, person}; a name tag holds {2, own, count, mixed}: own is the
 * person made of mentions without BSN under this name (0: there was none yet), count is how many
 * carry it with a BSN, and mixed all their ids, exclusively or-ed: of one that is left, his id. So
 * a row is small however common the name, and what it says does not depend on who came first.
 */
#include "core/match.h"

#include "base/assert.h"

#include <string.h>

#define ROW_BSN 1
#define ROW_NAME 2
#define NAME_ROW_BYTES (1u + 8u + 4u + 8u)

struct name_row {
    uint64_t own;
    uint32_t count;
    uint64_t mixed;
};

static struct kp_slice tag_slice(const uint8_t *tag)
{
    return kp_slice_of(tag, KP_TAG_BYTES);
}

static uint64_t get_bsn_row(struct kp_txn *txn, const uint8_t *bsn_tag)
{
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_INDEX, tag_slice(bsn_tag), &value)) {
        return 0;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t type = kp_get_u8(&reader);
    uint64_t person = kp_get_u64(&reader);
    if (type != ROW_BSN || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a BSN does not decode");
        return 0;
    }
    return person;
}

static void put_bsn_row(struct kp_txn *txn, const uint8_t *bsn_tag, uint64_t person)
{
    uint8_t bytes[9];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_BSN);
    kp_put_u64(&writer, person);
    kp_txn_put(txn, KP_TABLE_INDEX, tag_slice(bsn_tag), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

static bool get_name_row(struct kp_txn *txn, const uint8_t *name_tag, struct name_row *ret_row)
{
    struct kp_slice value;
    *ret_row = (struct name_row){0};
    if (!kp_txn_get(txn, KP_TABLE_INDEX, tag_slice(name_tag), &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t type = kp_get_u8(&reader);
    ret_row->own = kp_get_u64(&reader);
    ret_row->count = kp_get_u32(&reader);
    ret_row->mixed = kp_get_u64(&reader);
    if (type != ROW_NAME || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a name does not decode");
        return false;
    }
    return true;
}

static void put_name_row(struct kp_txn *txn, const uint8_t *name_tag, const struct name_row *row)
{
    uint8_t bytes[NAME_ROW_BYTES];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_NAME);
    kp_put_u64(&writer, row->own);
    kp_put_u32(&writer, row->count);
    kp_put_u64(&writer, row->mixed);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_INDEX, tag_slice(name_tag), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

/* Rules 2 and 3: who holds the mentions without BSN under this name. */
static uint64_t holder(const struct name_row *row)
{
    return row->count == 1 ? row->mixed : row->own;
}

uint64_t kp_match_find(struct kp_txn *txn, const struct kp_command_mention *mention,
                       uint64_t position, uint8_t index, enum kp_match_reason *ret_reason)
{
    if (mention->has_bsn) {
        *ret_reason = KP_MATCH_BSN;
        return get_bsn_row(txn, mention->bsn_tag);
    }
    if (mention->has_name) {
        struct name_row row;
        (void)get_name_row(txn, mention->name_tag, &row); /* an absent row is an empty one */
        uint64_t person = holder(&row);
        *ret_reason = person != row.own ? KP_MATCH_NAME_BSN : KP_MATCH_NAME;
        return person;
    }
    *ret_reason = KP_MATCH_NONE;
    return position * 32 + index;
}

uint64_t kp_match_make(struct kp_txn *txn, const struct kp_command_mention *mention,
                       uint64_t position, uint8_t index)
{
    uint64_t person = position * 32 + index;
    if (mention->has_bsn) {
        put_bsn_row(txn, mention->bsn_tag, person);
    } else {
        struct name_row row;
        (void)get_name_row(txn, mention->name_tag, &row); /* an absent row is an empty one */
        row.own = person;
        put_name_row(txn, mention->name_tag, &row);
    }
    return person;
}

/* Store the row as it is now and say what moves because of it. */
static void put_changed_row(struct kp_txn *txn, const uint8_t *name_tag, struct name_row *row,
                            uint64_t holder_before, uint64_t fresh_id,
                            struct kp_match_move *ret_move)
{
    uint64_t own_before = row->own;
    if (holder(row) == 0 && holder_before != 0) {
        row->own = fresh_id; /* the mentions leave a BSN person and never had one of their own */
    }
    uint64_t holder_after = holder(row);
    if (row->own == 0 && row->count == 0) {
        (void)kp_txn_del(txn, KP_TABLE_INDEX, tag_slice(name_tag)); /* nothing is left of it */
    } else {
        put_name_row(txn, name_tag, row);
    }
    *ret_move = (struct kp_match_move){0};
    if (holder_before != 0 && holder_before != holder_after) {
        memcpy(ret_move->name_tag, name_tag, KP_TAG_BYTES);
        ret_move->from = holder_before;
        ret_move->to = holder_after;
        ret_move->to_redirect = holder_before == own_before;
    }
}

void kp_match_name_gained(struct kp_txn *txn, const uint8_t *name_tag, uint64_t person,
                          uint64_t fresh_id, struct kp_match_move *ret_move)
{
    struct name_row row;
    (void)get_name_row(txn, name_tag, &row); /* an absent row is an empty one */
    uint64_t before = holder(&row);
    row.count++;
    row.mixed ^= person;
    put_changed_row(txn, name_tag, &row, before, fresh_id, ret_move);
}

void kp_match_name_lost(struct kp_txn *txn, const uint8_t *name_tag, uint64_t person,
                        uint64_t fresh_id, struct kp_match_move *ret_move)
{
    struct name_row row;
    (void)get_name_row(txn, name_tag, &row); /* an absent row is an empty one */
    uint64_t before = holder(&row);
    *ret_move = (struct kp_match_move){0};
    if (row.count == 0) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a name is carried by nobody whom it could lose");
        return;
    }
    row.count--;
    row.mixed ^= person;
    put_changed_row(txn, name_tag, &row, before, fresh_id, ret_move);
}

void kp_match_bsn_lost(struct kp_txn *txn, const uint8_t *bsn_tag)
{
    (void)kp_txn_del(txn, KP_TABLE_INDEX, tag_slice(bsn_tag)); /* absent is fine too */
}
