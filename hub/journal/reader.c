/* SPDX-License-Identifier: EUPL-1.2 */
#include "journal/record.h"

#include "base/assert.h"
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

struct kp_journal_reader {
    struct kp_journal *journal;
    MDB_txn *txn; /* reset between calls */
    struct kp_aead *aead;
    struct kp_hmac *head_hmac;
    uint64_t segment; /* whose key is kept; 0: none */
    struct kp_secret segment_key;
    uint8_t *plain; /* stamps and bodies of the last call, one after the other */
    size_t plain_capacity;
};

struct kp_journal_reader *kp_journal_reader_new(struct kp_journal *journal)
{
    struct kp_journal_reader *reader = calloc(1, sizeof *reader);
    KP_ASSERT(reader != NULL);
    reader->journal = journal;
    reader->aead = kp_aead_new();
    reader->head_hmac = kp_hmac_new(&journal->head_key);
    return reader;
}

struct kp_journal_reader *kp_journal_reader_free(struct kp_journal_reader *reader)
{
    if (reader != NULL) {
        if (reader->txn != NULL) {
            mdb_txn_abort(reader->txn);
        }
        if (reader->plain != NULL) {
            memset(reader->plain, 0, reader->plain_capacity);
            free(reader->plain);
        }
        kp_aead_free(reader->aead);
        kp_hmac_free(reader->head_hmac);
        kp_secret_done(&reader->segment_key);
        free(reader);
    }
    return NULL;
}

static void reserve_plain(struct kp_journal_reader *reader, size_t size)
{
    if (size <= reader->plain_capacity) {
        return;
    }
    size_t capacity = size > 2 * reader->plain_capacity ? size : 2 * reader->plain_capacity;
    reader->plain = realloc(reader->plain, capacity);
    KP_ASSERT(reader->plain != NULL);
    reader->plain_capacity = capacity;
}

static bool is_trimmed(struct kp_journal *journal, uint64_t position)
{
    (void)pthread_mutex_lock(&journal->mutex);
    bool trimmed = position < journal->head.first;
    (void)pthread_mutex_unlock(&journal->mutex);
    return trimmed;
}

static enum kp_err open_record(struct kp_journal_reader *reader, uint64_t position,
                               const struct kp_journal_header *header, uint8_t *ret_plain,
                               struct kp_diag *reterr_diag)
{
    if (reader->segment != header->segment) {
        reader->segment = 0;
        enum kp_err err = kp_keyring_find(reader->journal->ring, KP_KEYRING_JOURNAL,
                                          header->segment, &reader->segment_key, reterr_diag);
        if (err == KP_E_NOT_FOUND && is_trimmed(reader->journal, position)) {
            return kp_fail(reterr_diag, KP_E_NOT_FOUND, "position %llu was trimmed",
                           (unsigned long long)position);
        }
        if (err != KP_OK) {
            return err == KP_E_NOT_FOUND
                       ? kp_journal_fail_at(reterr_diag, position, "its segment's key is gone")
                       : err;
        }
        reader->segment = header->segment;
    }
    struct kp_key associated =
        kp_journal_associated_of(position, header->segment, header->positions);
    if (kp_aead_open(reader->aead, &reader->segment_key, header->nonce, kp_key_slice(&associated),
                     header->sealed, ret_plain) != KP_OK) {
        return kp_journal_fail_at(reterr_diag, position, "the record does not authenticate");
    }
    return KP_OK;
}

/* Place the cursor on the first record at or after @from and check that nothing between is missing.
 * *ret_expected: where that record must begin; the head's next when there is none yet. */
static enum kp_err find_first(MDB_cursor *cursor, const struct kp_journal_head *head, uint64_t from,
                              uint64_t *ret_expected, struct kp_diag *reterr_diag)
{
    struct kp_key name = kp_key_u64(kp_key_none(), from);
    MDB_val key = kp_env_val(kp_key_slice(&name));
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    *ret_expected = from;
    if (code == MDB_SUCCESS && kp_slice_equal(kp_env_slice(key), kp_key_slice(&name))) {
        return KP_OK;
    }
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) {
        return kp_env_fail(reterr_diag, code, "cannot read the journal");
    }
    uint64_t end = head->next;
    if (code == MDB_SUCCESS && !kp_journal_position_of(key, &end)) {
        return kp_journal_fail_at(reterr_diag, from, "the record after it is not readable");
    }
    *ret_expected = end;
    if (from == end) {
        return KP_OK;
    }
    if (from > end) { /* in a damaged tree a look ahead can lead back */
        return kp_journal_fail_at(reterr_diag, from, "records are not in order");
    }
    /* @from is inside a record: the one before must end where this one begins. */
    code = mdb_cursor_get(cursor, &key, &value, code == MDB_SUCCESS ? MDB_PREV : MDB_LAST);
    uint64_t position = 0;
    enum kp_err err = code == MDB_SUCCESS
                          ? kp_journal_check_end(key, value, end, &position, reterr_diag)
                          : kp_journal_fail_at(reterr_diag, from, "records are missing");
    if (err == KP_OK && position >= from) { /* it is there, and the look for it missed it */
        err = kp_journal_fail_at(reterr_diag, from, "the record is not found by its position");
    }
    if (err == KP_OK && end < head->next) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        err =
            code == MDB_SUCCESS ? KP_OK : kp_env_fail(reterr_diag, code, "cannot read the journal");
    }
    return err;
}

/* Bodies lie one after the other in the reader's memory, which may move while it grows: point to
 * them when all are there. */
static void point_to_bodies(const struct kp_journal_reader *reader,
                            struct kp_journal_record *records, uint32_t count)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct kp_reader stamp;
        kp_reader_init(&stamp, kp_slice_of(reader->plain + offset, STAMP_BYTES));
        records[i].stamp.ms = kp_get_i64(&stamp);
        records[i].body.bytes = reader->plain + offset + STAMP_BYTES;
        offset += STAMP_BYTES + records[i].body.size;
    }
}

struct read_limits {
    uint32_t records;
    size_t bytes;
};

/* From the cursor's record on, which must be at @expected. */
static enum kp_err read_records(struct kp_journal_reader *reader, MDB_cursor *cursor,
                                const struct kp_journal_head *head, uint64_t expected,
                                struct kp_journal_record *ret_records, struct read_limits limits,
                                uint32_t *ret_count, struct kp_diag *reterr_diag)
{
    uint32_t count = 0;
    size_t bodies = 0, offset = 0;
    while (expected < head->next && count < limits.records) {
        MDB_val key, value;
        uint64_t position = 0;
        struct kp_journal_header header;
        int code = mdb_cursor_get(cursor, &key, &value, count == 0 ? MDB_GET_CURRENT : MDB_NEXT);
        if (code != MDB_SUCCESS && code != MDB_NOTFOUND) {
            return kp_env_fail(reterr_diag, code, "cannot read the journal");
        }
        if (code == MDB_NOTFOUND || !kp_journal_position_of(key, &position) ||
            position != expected || !kp_journal_header_of(value, &header)) {
            return kp_journal_fail_at(reterr_diag, expected,
                                      "the record is missing or not readable");
        }
        size_t plain_bytes = header.sealed.size - KP_AEAD_TAG_BYTES;
        if (count > 0 && bodies + plain_bytes - STAMP_BYTES > limits.bytes) {
            break;
        }
        reserve_plain(reader, offset + plain_bytes);
        enum kp_err err =
            open_record(reader, position, &header, reader->plain + offset, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        ret_records[count++] = (struct kp_journal_record){
            .position = position,
            .positions = header.positions,
            .body = {.size = plain_bytes - STAMP_BYTES},
        };
        bodies += plain_bytes - STAMP_BYTES;
        offset += plain_bytes;
        expected += header.positions;
    }
    point_to_bodies(reader, ret_records, count);
    *ret_count = count;
    return KP_OK;
}

/* With the reader's transaction begun. The head comes from the same state as the records. */
static enum kp_err read_in_txn(struct kp_journal_reader *reader, uint64_t from,
                               struct kp_journal_record *ret_records, struct read_limits limits,
                               uint32_t *ret_count, struct kp_diag *reterr_diag)
{
    struct kp_journal_head head;
    MDB_val key = kp_env_val(KP_SLICE_LIT("head"));
    MDB_val value;
    MDB_cursor *cursor = NULL;
    int code = mdb_get(reader->txn, reader->journal->heads, &key, &value);
    if (code != MDB_SUCCESS ||
        !kp_journal_head_decode(kp_env_slice(value), reader->head_hmac, &head)) {
        return kp_fail(reterr_diag, KP_E_CORRUPT, "the journal's head does not verify");
    }
    if (from < head.first) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "position %llu was trimmed",
                       (unsigned long long)from);
    }
    if (from >= head.next) {
        *ret_count = 0;
        return KP_OK;
    }
    code = mdb_cursor_open(reader->txn, reader->journal->records, &cursor);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot read the journal");
    }
    uint64_t expected = from;
    enum kp_err err = find_first(cursor, &head, from, &expected, reterr_diag);
    if (err == KP_OK) {
        err = read_records(reader, cursor, &head, expected, ret_records, limits, ret_count,
                           reterr_diag);
    }
    mdb_cursor_close(cursor);
    return err;
}

enum kp_err kp_journal_read(struct kp_journal_reader *reader, uint64_t from,
                            struct kp_journal_record *ret_records, uint32_t records_max,
                            size_t bytes_max, uint32_t *ret_count, struct kp_diag *reterr_diag)
{
    int code = kp_env_begin(reader->journal->env, MDB_RDONLY, &reader->txn);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot read the journal");
    }
    struct read_limits limits = {.records = records_max, .bytes = bytes_max};
    enum kp_err err = read_in_txn(reader, from, ret_records, limits, ret_count, reterr_diag);
    mdb_txn_reset(reader->txn); /* a reader that waits must not keep pages from being reused */
    return err;
}
