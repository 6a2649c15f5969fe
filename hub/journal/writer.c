/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The journal in an LMDB environment of its own, two tables.
 *
 *   record  position u64 of its first command ->
 *           version u8 || segment u64 || positions u32 || nonce 12 || sealed (stamp i64 || body)
 *           authenticated with it: version, segment, positions and the position
 *   head    "head" -> version u8 || first u64 || next u64 || stamp i64 || segment u64 || tag 16
 *
 * A segment is named by the position of its first record; its key is in the keyring and dies when
 * the last of its records is trimmed. Each open starts a segment with its first append. The head
 * carries on where everything is trimmed, and shows when records at either end are missing.
 */
#include "journal/record.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT_POSITIONS_DEFAULT UINT64_C(1000000)
#define SEGMENT_KEYS_DESTROYED_MAX 4096u

/* --- the head --- */

static int head_put(struct kp_journal *journal, MDB_txn *txn, const struct kp_journal_head *head)
{
    uint8_t bytes[HEAD_PLAIN_BYTES + KP_TAG_BYTES];
    size_t size = kp_journal_head_encode(head, journal->head_hmac, bytes);
    MDB_val key = kp_env_val(KP_SLICE_LIT("head"));
    MDB_val value = kp_env_val(kp_slice_of(bytes, size));
    return mdb_put(txn, journal->heads, &key, &value, 0);
}

static void head_publish(struct kp_journal *journal, const struct kp_journal_head *head)
{
    (void)pthread_mutex_lock(&journal->mutex);
    journal->head = *head;
    (void)pthread_mutex_unlock(&journal->mutex);
}

/* --- open and close --- */

static enum kp_err check_ends(const struct kp_journal *journal, MDB_cursor *cursor,
                              struct kp_diag *reterr_diag)
{
    const struct kp_journal_head *head = &journal->head;
    uint64_t position = 0;
    MDB_val key, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (head->first == head->next) {
        return code == MDB_NOTFOUND
                   ? KP_OK
                   : kp_journal_fail_at(reterr_diag, head->next, "records where none should be");
    }
    if (code != MDB_SUCCESS) {
        return code == MDB_NOTFOUND
                   ? kp_journal_fail_at(reterr_diag, head->first, "all records are missing")
                   : kp_env_fail(reterr_diag, code, "cannot read the journal");
    }
    if (!kp_journal_position_of(key, &position) || position != head->first) {
        return kp_journal_fail_at(reterr_diag, head->first, "the first records are missing");
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    enum kp_err err = code == MDB_SUCCESS
                          ? kp_journal_check_end(key, value, head->next, &position, reterr_diag)
                          : kp_env_fail(reterr_diag, code, "cannot read the journal");
    if (err == KP_OK && position != head->first) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
        err = code == MDB_SUCCESS
                  ? kp_journal_check_end(key, value, position, &position, reterr_diag)
                  : kp_env_fail(reterr_diag, code, "cannot read the journal");
    }
    return err;
}

static enum kp_err load_head(struct kp_journal *journal, MDB_txn *txn, struct kp_diag *reterr_diag)
{
    MDB_val key = kp_env_val(KP_SLICE_LIT("head"));
    MDB_val value;
    int code = mdb_get(txn, journal->heads, &key, &value);
    if (code == MDB_SUCCESS) {
        return kp_journal_head_decode(kp_env_slice(value), journal->head_hmac, &journal->head)
                   ? KP_OK
                   : kp_fail(reterr_diag, KP_E_CORRUPT,
                             "the journal's head does not verify: altered, or another keyring");
    }
    if (code != MDB_NOTFOUND) {
        return kp_env_fail(reterr_diag, code, "cannot read the journal's head");
    }
    journal->head = (struct kp_journal_head){.first = 1, .next = 1, .stamp_ms = INT64_MIN};
    code = head_put(journal, txn, &journal->head);
    return code == MDB_SUCCESS ? KP_OK : kp_env_fail(reterr_diag, code, "cannot make the journal");
}

static enum kp_err load(struct kp_journal *journal, MDB_txn *txn, struct kp_diag *reterr_diag)
{
    MDB_cursor *cursor = NULL;
    int code = mdb_dbi_open(txn, "record", MDB_CREATE, &journal->records);
    if (code == MDB_SUCCESS) {
        code = mdb_dbi_open(txn, "head", MDB_CREATE, &journal->heads);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_open(txn, journal->records, &cursor);
    }
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot open the journal's tables");
    }
    enum kp_err err = load_head(journal, txn, reterr_diag);
    if (err == KP_OK) {
        err = check_ends(journal, cursor, reterr_diag);
    }
    mdb_cursor_close(cursor);
    return err;
}

/* The key of the head is made once, with the house. */
static enum kp_err open_head_key(struct kp_journal *journal, struct kp_diag *reterr_diag)
{
    enum kp_err err =
        kp_keyring_make(journal->ring, KP_KEYRING_HEAD, 0, &journal->head_key, reterr_diag);
    if (err == KP_OK) {
        err = kp_keyring_commit(journal->ring, KP_KEYRING_HEAD, reterr_diag);
    }
    if (err == KP_OK) {
        journal->head_hmac = kp_hmac_new(&journal->head_key);
    }
    return err;
}

/* The last record must open, not only be there. */
static enum kp_err check_last_opens(struct kp_journal *journal, struct kp_diag *reterr_diag)
{
    if (journal->head.first == journal->head.next) {
        return KP_OK;
    }
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint64_t position = 0;
    int code = kp_env_begin(journal->env, MDB_RDONLY, &txn);
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_open(txn, journal->records, &cursor);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    }
    bool readable = code == MDB_SUCCESS && kp_journal_position_of(key, &position);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    if (!readable) {
        return kp_env_fail(reterr_diag, code, "cannot read the journal's last record");
    }
    struct kp_journal_reader *reader = kp_journal_reader_new(journal);
    struct kp_journal_record record;
    uint32_t count = 0;
    enum kp_err err = kp_journal_read(reader, position, &record, 1, 0, &count, reterr_diag);
    kp_journal_reader_free(reader);
    return err;
}

enum kp_err kp_journal_open(const struct kp_journal_options *options,
                            struct kp_journal **ret_journal, struct kp_diag *reterr_diag)
{
    struct kp_env_options env_options = {
        .dir = options->dir, .map_bytes = options->map_bytes, .tables_max = 2};
    struct kp_journal *journal = calloc(1, sizeof *journal);
    KP_ASSERT(journal != NULL);
    journal->ring = options->ring;
    journal->segment_positions =
        options->segment_positions == 0 ? SEGMENT_POSITIONS_DEFAULT : options->segment_positions;
    journal->aead = kp_aead_new();
    (void)pthread_mutex_init(&journal->mutex, NULL);
    MDB_txn *txn = NULL;
    enum kp_err err = kp_env_open(&env_options, &journal->env, reterr_diag);
    if (err == KP_OK) {
        err = open_head_key(journal, reterr_diag);
    }
    if (err == KP_OK) {
        int code = kp_env_begin(journal->env, 0, &txn);
        err = code == MDB_SUCCESS ? load(journal, txn, reterr_diag)
                                  : kp_env_fail(reterr_diag, code, "cannot begin on the journal");
    }
    if (err == KP_OK) {
        int code = kp_env_commit(txn);
        txn = NULL;
        err = code == MDB_SUCCESS ? check_last_opens(journal, reterr_diag)
                                  : kp_env_fail(reterr_diag, code, "cannot make the journal");
    }
    if (err != KP_OK) {
        if (txn != NULL) {
            mdb_txn_abort(txn);
        }
        (void)kp_journal_close(journal);
        return err;
    }
    *ret_journal = journal;
    return KP_OK;
}

struct kp_journal *kp_journal_close(struct kp_journal *journal)
{
    if (journal == NULL) {
        return NULL;
    }
    if (journal->plain != NULL) {
        memset(journal->plain, 0, journal->plain_capacity);
        free(journal->plain);
    }
    kp_aead_free(journal->aead);
    kp_hmac_free(journal->head_hmac);
    kp_secret_done(&journal->segment_key);
    kp_secret_done(&journal->head_key);
    (void)kp_env_close(journal->env);
    (void)pthread_mutex_destroy(&journal->mutex);
    free(journal);
    return NULL;
}

/* --- append --- */

/* A key for @position's segment; a new one where this process has none or the segment is full. */
static enum kp_err open_segment(struct kp_journal *journal, struct kp_journal_head *head,
                                struct kp_diag *reterr_diag)
{
    if (journal->segment_open && head->next - head->segment < journal->segment_positions) {
        return KP_OK;
    }
    enum kp_err err = kp_keyring_make(journal->ring, KP_KEYRING_JOURNAL, head->next,
                                      &journal->segment_key, reterr_diag);
    if (err == KP_OK) {
        /* Before the records: a record without its key would be accepted and lost (P1). */
        err = kp_keyring_commit(journal->ring, KP_KEYRING_JOURNAL, reterr_diag);
    }
    if (err == KP_OK) {
        head->segment = head->next;
        journal->segment_open = true;
    }
    return err;
}

static struct kp_slice plain_of(struct kp_journal *journal, int64_t stamp_ms, struct kp_slice body)
{
    size_t size = STAMP_BYTES + body.size;
    if (size > journal->plain_capacity) {
        free(journal->plain);
        journal->plain = malloc(size);
        KP_ASSERT(journal->plain != NULL);
        journal->plain_capacity = size;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, journal->plain, journal->plain_capacity);
    kp_put_i64(&writer, stamp_ms);
    kp_put_raw(&writer, body);
    KP_ASSERT(kp_writer_ok(&writer));
    return kp_slice_of(journal->plain, size);
}

/* Sealed straight into LMDB's page. */
static int put_record(struct kp_journal *journal, MDB_cursor *cursor,
                      const struct kp_journal_head *head, const struct kp_journal_record *record)
{
    struct kp_key name = kp_key_u64(kp_key_none(), record->position);
    struct kp_key associated =
        kp_journal_associated_of(record->position, head->segment, record->positions);
    struct kp_slice plain = plain_of(journal, record->stamp.ms, record->body);
    MDB_val key = kp_env_val(kp_key_slice(&name));
    MDB_val value = {.mv_size = OVERHEAD_BYTES + record->body.size};
    int code = mdb_cursor_put(cursor, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (code != MDB_SUCCESS) {
        return code;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, value.mv_data, value.mv_size);
    kp_put_u8(&writer, RECORD_VERSION);
    kp_put_u64(&writer, head->segment);
    kp_put_u32(&writer, record->positions);
    uint8_t *nonce = kp_put_space(&writer, KP_NONCE_BYTES);
    uint8_t *sealed = kp_put_space(&writer, plain.size + KP_AEAD_TAG_BYTES);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_random(nonce, KP_NONCE_BYTES);
    kp_aead_seal(journal->aead, &journal->segment_key, nonce, kp_key_slice(&associated), plain,
                 sealed);
    return MDB_SUCCESS;
}

static int put_group(struct kp_journal *journal, MDB_txn *txn, struct kp_journal_head *head,
                     struct kp_journal_record *records, uint32_t count)
{
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(txn, journal->records, &cursor);
    for (uint32_t i = 0; i < count && code == MDB_SUCCESS; i++) {
        records[i].position = head->next;
        records[i].stamp = (struct kp_wall){.ms = head->stamp_ms};
        code = put_record(journal, cursor, head, &records[i]);
        head->next += records[i].positions;
    }
    mdb_cursor_close(cursor);
    return code == MDB_SUCCESS ? head_put(journal, txn, head) : code;
}

static enum kp_err check_group(const struct kp_journal *journal,
                               const struct kp_journal_record *records, uint32_t count,
                               struct kp_diag *reterr_diag)
{
    if (journal->failed) {
        return kp_fail(reterr_diag, KP_E_STORE,
                       "a commit of the journal failed before; it must be opened anew");
    }
    for (uint32_t i = 0; i < count; i++) {
        KP_ASSERT(records[i].positions > 0);
        if (records[i].body.size > KP_JOURNAL_RECORD_BYTES_MAX) {
            return kp_fail(reterr_diag, KP_E_LIMIT, "a journal record of %zu bytes; at most %u",
                           records[i].body.size, KP_JOURNAL_RECORD_BYTES_MAX);
        }
    }
    return KP_OK;
}

/* Commit @txn, or abort it when @code says that it failed already. Either way a failure closes the
 * journal for this process: only the next open tells what is on disk. */
static enum kp_err finish(struct kp_journal *journal, MDB_txn *txn, int code, const char *what,
                          struct kp_diag *reterr_diag)
{
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
    } else {
        code = kp_env_commit(txn);
    }
    if (code != MDB_SUCCESS) {
        journal->failed = true;
        return kp_env_fail(reterr_diag, code, what);
    }
    return KP_OK;
}

enum kp_err kp_journal_append(struct kp_journal *journal, struct kp_wall now,
                              struct kp_journal_record *records, uint32_t count,
                              struct kp_diag *reterr_diag)
{
    enum kp_err err = check_group(journal, records, count, reterr_diag);
    if (err != KP_OK || count == 0) {
        return err;
    }
    struct kp_journal_head head = journal->head;
    head.stamp_ms = now.ms > head.stamp_ms ? now.ms : head.stamp_ms;
    err = open_segment(journal, &head, reterr_diag);
    if (err != KP_OK) {
        journal->failed = true;
        return err;
    }
    MDB_txn *txn = NULL;
    int code = kp_env_begin(journal->env, 0, &txn);
    if (code != MDB_SUCCESS) {
        journal->failed = true;
        return kp_env_fail(reterr_diag, code, "cannot begin on the journal");
    }
    code = put_group(journal, txn, &head, records, count);
    kp_crash_point("journal.before_sync");
    err = finish(journal, txn, code, "cannot append to the journal", reterr_diag);
    if (err == KP_OK) {
        kp_crash_point("journal.after_sync");
        head_publish(journal, &head);
    }
    return err;
}

/* --- trim --- */

/* Remove records from the front; afterwards head->first is where the rest begins and
 * *ret_segment the segment of the record there (that of the head when none is left). */
static int trim_front(const struct kp_journal *journal, MDB_txn *txn, uint64_t keep_from,
                      uint32_t records_max, struct kp_journal_head *head, uint32_t *ret_dropped,
                      uint64_t *ret_segment)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    struct kp_journal_header header;
    uint64_t position = 0;
    *ret_dropped = 0;
    *ret_segment = head->segment;
    int code = mdb_cursor_open(txn, journal->records, &cursor);
    while (code == MDB_SUCCESS) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (code != MDB_SUCCESS) {
            break;
        }
        if (!kp_journal_position_of(key, &position) || position != head->first ||
            !kp_journal_header_of(value, &header)) {
            code = MDB_CORRUPTED;
            break;
        }
        *ret_segment = header.segment;
        if (position + header.positions > keep_from || *ret_dropped == records_max) {
            break;
        }
        code = mdb_cursor_del(cursor, 0);
        head->first = position + header.positions;
        (*ret_dropped)++;
    }
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) {
        *ret_segment = head->segment;
        code = head->first == head->next ? MDB_SUCCESS : MDB_CORRUPTED;
    }
    return code;
}

enum kp_err kp_journal_trim(struct kp_journal *journal, uint64_t keep_from, uint32_t records_max,
                            uint32_t *ret_dropped, struct kp_diag *reterr_diag)
{
    struct kp_journal_head head = journal->head;
    uint32_t dropped = 0;
    uint64_t segment = 0;
    MDB_txn *txn = NULL;
    enum kp_err err = check_group(journal, NULL, 0, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    int code = kp_env_begin(journal->env, 0, &txn);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin on the journal");
    }
    code = trim_front(journal, txn, keep_from, records_max, &head, &dropped, &segment);
    if (code == MDB_SUCCESS && dropped == 0) {
        mdb_txn_abort(txn);
        *ret_dropped = 0;
        return KP_OK;
    }
    if (code == MDB_SUCCESS) {
        code = head_put(journal, txn, &head);
    }
    kp_crash_point("journal.trim");
    err = finish(journal, txn, code, "cannot trim the journal", reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    head_publish(journal, &head); /* before the keys go: a reader looks here when one is gone */
    *ret_dropped = dropped;
    if (segment > journal->destroyed_below) {
        err = kp_keyring_destroy_below(journal->ring, KP_KEYRING_JOURNAL, segment,
                                       SEGMENT_KEYS_DESTROYED_MAX, reterr_diag);
        journal->destroyed_below = err == KP_OK ? segment : journal->destroyed_below;
    }
    return err;
}

/* --- any thread --- */

void kp_journal_state(struct kp_journal *journal, struct kp_journal_state *ret_state)
{
    (void)pthread_mutex_lock(&journal->mutex);
    struct kp_journal_head head = journal->head;
    (void)pthread_mutex_unlock(&journal->mutex);
    bool unused = head.next == 1;
    *ret_state = (struct kp_journal_state){
        .first = unused ? 0 : head.first,
        .last = head.next - 1,
        .last_stamp = {.ms = unused ? 0 : head.stamp_ms},
    };
}

enum kp_err kp_journal_copy(struct kp_journal *journal, const char *dir,
                            struct kp_diag *reterr_diag)
{
    return kp_env_copy(journal->env, dir, /* compact= */ false, reterr_diag);
}
