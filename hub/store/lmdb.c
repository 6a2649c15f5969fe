/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/lmdb.h"

#include "base/assert.h"
#include "base/crash.h"
#include "base/limits.h"
#include "store/lmdb_impl.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u

/* --- transactions --- */

struct kp_lmdb_txn *kp_lmdb_txn_new(struct kp_lmdb *store)
{
    struct kp_lmdb_txn *txn = calloc(1, sizeof *txn);
    KP_ASSERT(txn != NULL);
    txn->store = store;
    txn->aead = kp_aead_new();
    kp_arena_init(&txn->scratch, store->scratch_bytes);
    return txn;
}

struct kp_lmdb_txn *kp_lmdb_txn_free(struct kp_lmdb_txn *txn)
{
    if (txn != NULL) {
        for (int table = 0; table < KP_TABLE_END; table++) {
            if (txn->cursors[table] != NULL) {
                mdb_cursor_close(txn->cursors[table]);
            }
        }
        if (txn->mdb != NULL) {
            mdb_txn_abort(txn->mdb);
        }
        kp_draft_done(&txn->draft);
        kp_leaf_done(&txn->leaf);
        txn->recent = kp_recent_free(txn->recent);
        kp_block_cipher_free(txn->set_cipher);
        kp_aead_free(txn->aead);
        kp_arena_done(&txn->scratch);
        free(txn);
    }
    return NULL;
}

static void start(struct kp_lmdb_txn *txn, bool write, struct kp_txn **ret_txn)
{
    txn->head = (struct kp_txn){.ops = &kp_lmdb_ops, .scratch = &txn->scratch, .write = write};
    memset(txn->cursor_ready, 0, sizeof txn->cursor_ready);
    kp_leaf_close(&txn->leaf);
    *ret_txn = &txn->head;
}

static enum kp_err begin_reader(struct kp_lmdb *store, struct kp_txn **ret_txn,
                                struct kp_diag *reterr_diag)
{
    (void)pthread_mutex_lock(&store->mutex);
    struct kp_lmdb_txn *txn = store->spare;
    if (txn != NULL) {
        store->spare = txn->next;
    } else {
        txn = kp_lmdb_txn_new(store);
    }
    int code = kp_env_begin(store->env, MDB_RDONLY, &txn->mdb);
    txn->view = code == MDB_SUCCESS ? kp_delta_view_hold(store, txn->mdb) : NULL;
    if (txn->view == NULL) {
        if (code == MDB_SUCCESS) {
            mdb_txn_reset(txn->mdb);
        }
        txn->next = store->spare;
        store->spare = txn;
    }
    (void)pthread_mutex_unlock(&store->mutex);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin to read the store");
    }
    if (txn->view == NULL) {
        return kp_fail(reterr_diag, KP_E_STATE,
                       "the store was opened to be read only, and was written since");
    }
    start(txn, /* write= */ false, ret_txn);
    return KP_OK;
}

static enum kp_err begin_writer(struct kp_lmdb *store, struct kp_txn **ret_txn,
                                struct kp_diag *reterr_diag)
{
    struct kp_lmdb_txn *txn = store->writer;
    KP_ASSERT(!store->writing);
    if (store->read_only) {
        return kp_fail(reterr_diag, KP_E_STATE, "the store was opened to be read only");
    }
    if (store->failed) {
        return kp_fail(reterr_diag, KP_E_STORE,
                       "a commit of the store failed before; it must be opened anew");
    }
    int code = kp_env_begin(store->env, 0, &txn->mdb);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin to write the store");
    }
    store->writing = true;
    txn->sums = store->sums;
    txn->sweep = store->sweep;
    txn->census_walk = store->census_walk;
    txn->view = store->view;
    memset(txn->last_known, 0, sizeof txn->last_known);
    for (int table = 0; table < KP_TABLE_END; table++) {
        txn->memos[table].known = false;
    }
    if (txn->recent == NULL) {
        txn->recent = kp_recent_new();
    }
    kp_recent_clear(txn->recent);
    txn->changed = false;
    txn->pages_touched = 0;
    txn->bytes_appended = 0;
    start(txn, /* write= */ true, ret_txn);
    return KP_OK;
}

static enum kp_err lmdb_begin(void *impl, bool write, struct kp_txn **ret_txn,
                              struct kp_diag *reterr_diag)
{
    struct kp_lmdb *store = impl;
    return write ? begin_writer(store, ret_txn, reterr_diag)
                 : begin_reader(store, ret_txn, reterr_diag);
}

static void end_reader(struct kp_lmdb_txn *txn)
{
    struct kp_lmdb *store = txn->store;
    kp_arena_reset(&txn->scratch);
    mdb_txn_reset(txn->mdb);
    kp_delta_view_release(store, txn->view);
    txn->view = NULL;
    (void)pthread_mutex_lock(&store->mutex);
    txn->next = store->spare;
    store->spare = txn;
    (void)pthread_mutex_unlock(&store->mutex);
}

/* LMDB has ended the transaction and freed its cursors. */
static void end_writer(struct kp_lmdb_txn *txn, bool committed)
{
    struct kp_lmdb *store = txn->store;
    txn->mdb = NULL;
    memset(txn->cursors, 0, sizeof txn->cursors);
    kp_delta_after(txn, committed);
    if (committed) {
        store->sums = txn->sums;
    }
    kp_arena_reset(&txn->scratch);
    store->writing = false;
}

static void lmdb_abort(struct kp_txn *head)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    if (!head->write) {
        end_reader(txn);
        return;
    }
    mdb_txn_abort(txn->mdb);
    kp_keyring_rollback(txn->store->keys.ring, KP_KEYRING_PERSON);
    end_writer(txn, /* committed= */ false);
}

static enum kp_err commit_writer(struct kp_lmdb_txn *txn, struct kp_diag *reterr_diag)
{
    struct kp_lmdb *store = txn->store;
    kp_delta_before_commit(txn);
    int code = txn->head.err == KP_OK ? kp_lmdb_write_sums(txn) : MDB_SUCCESS;
    if (code != MDB_SUCCESS) {
        kp_rows_fail(txn, code, "cannot write the sums");
    }
    if (txn->head.err == KP_OK) {
        /* Before the rows: a row whose key is lost could never be read again. */
        enum kp_err err = kp_keyring_commit(store->keys.ring, KP_KEYRING_PERSON, &txn->head.diag);
        txn->head.err = err;
    }
    if (txn->head.err != KP_OK) {
        enum kp_err err = txn->head.err;
        if (reterr_diag != NULL) {
            *reterr_diag = txn->head.diag;
        }
        store->failed = true;
        lmdb_abort(&txn->head);
        return err;
    }
    kp_delta_offer(txn);
    kp_crash_point("store.before_commit");
    code = kp_env_commit(txn->mdb);
    if (code != MDB_SUCCESS) {
        store->failed = true;
        end_writer(txn, /* committed= */ false);
        return kp_env_fail(reterr_diag, code, "cannot commit the state");
    }
    kp_crash_point("store.after_commit");
    end_writer(txn, /* committed= */ true);
    return KP_OK;
}

static enum kp_err lmdb_commit(struct kp_txn *head, struct kp_diag *reterr_diag)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    if (head->write && txn->changed) {
        return commit_writer(txn, reterr_diag);
    }
    lmdb_abort(head); /* nothing to keep */
    return KP_OK;
}

/* --- rows --- */

bool kp_lmdb_open_row(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice raw,
                      struct kp_slice *ret_value)
{
    size_t size = 0;
    if (!kp_row_value_bytes(raw, &size)) {
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "a row of table %s has no valid header",
                    kp_table_name(place.table));
        return false;
    }
    uint8_t *value = kp_arena_alloc(&txn->scratch, size);
    if (value == NULL) {
        kp_txn_fail(&txn->head, KP_E_LIMIT, "a transaction read more than %zu bytes",
                    txn->scratch.capacity);
        return false;
    }
    struct kp_diag diag;
    enum kp_err err = kp_row_open(&txn->store->keys, txn->aead, place, raw, value, &diag);
    if (err != KP_OK) {
        kp_txn_fail(&txn->head, err, "%s", diag.text);
        return false;
    }
    *ret_value = kp_slice_of(value, size);
    return true;
}

/* @tag  of the row that was found in its table; NULL for one of a table with runs. */
static void memorise(struct kp_lmdb_txn *txn, struct kp_row_place place, bool found,
                     const uint8_t *tag)
{
    struct kp_row_memo *memo = &txn->memos[place.table];
    memo->key = kp_key_raw(kp_key_none(), place.key);
    memo->known = true;
    memo->found = found;
    if (tag != NULL) {
        memcpy(memo->tag, tag, sizeof memo->tag);
    }
}

static bool fail_scratch(struct kp_lmdb_txn *txn)
{
    kp_txn_fail(&txn->head, KP_E_LIMIT, "a transaction read more than %zu bytes",
                txn->scratch.capacity);
    return false;
}

/* The value of a row that may wait for its table, in scratch memory; false: the transaction
 * failed. */
static bool open_record(struct kp_lmdb_txn *txn, const struct kp_run_record *record,
                        struct kp_slice *ret_value)
{
    if (record->kind != KP_RUN_PLAIN) {
        return kp_lmdb_open_row(txn, record->place, record->value, ret_value);
    }
    struct kp_slice value = kp_arena_copy(&txn->scratch, record->value);
    if (value.size != record->value.size) {
        return fail_scratch(txn);
    }
    *ret_value = value;
    return true;
}

/* For the writer, who comes after this reader. What is a person's is not kept: his key may die. */
static void foresee(struct kp_lmdb_txn *txn, struct kp_row_place place, bool found,
                    const struct kp_run_record *record)
{
    struct kp_slice value = found ? record->value : KP_SLICE_EMPTY;
    if (txn->store->foreseen != NULL && txn->head.err == KP_OK &&
        (!found || record->kind == KP_RUN_PLAIN)) {
        kp_foreseen_put(txn->store->foreseen, place, kp_place_hash(place), mdb_txn_id(txn->mdb),
                        found, value);
    }
}

static bool delta_get(struct kp_lmdb_txn *txn, struct kp_row_place place,
                      struct kp_slice *ret_value)
{
    struct kp_run_record record;
    bool found = kp_delta_get(txn, place, &record);
    if (txn->head.ahead) {
        foresee(txn, place, found, &record);
    }
    return found && open_record(txn, &record, ret_value);
}

/* What somebody read ahead of this writer, as if he had read it himself. */
static const struct kp_recent_row *take_foreseen(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    struct kp_foreseen_row row;
    if (!kp_table_is_delta(place.table) ||
        !kp_foreseen_take(txn->store->foreseen, place, kp_place_hash(place), &row)) {
        return NULL;
    }
    kp_recent_keep(txn->recent, place, row.found, NULL, row.value);
    free(row.memory);
    return kp_recent_find(txn->recent, place);
}

/* Read before, in this transaction or ahead of it, and not written since; NULL: it was not. */
static const struct kp_recent_row *find_read(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    const struct kp_recent_row *row = kp_recent_find(txn->recent, place);
    return row != NULL ? row : take_foreseen(txn, place);
}

/* Read before, and not written since. */
static bool get_again(struct kp_lmdb_txn *txn, struct kp_row_place place,
                      const struct kp_recent_row *row, struct kp_slice *ret_value)
{
    memorise(txn, place, row->found, row->tag);
    if (row->found) {
        *ret_value = kp_arena_copy(&txn->scratch, kp_slice_of(row->value, row->size));
    }
    return row->found && (ret_value->size == row->size || fail_scratch(txn));
}

static bool lmdb_get(struct kp_txn *head, enum kp_table table, struct kp_slice key,
                     struct kp_slice *ret_value)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = key};
    const struct kp_recent_row *row = head->write ? find_read(txn, place) : NULL;
    const uint8_t *tag = NULL;
    struct kp_slice raw = KP_SLICE_EMPTY;
    bool found;
    *ret_value = KP_SLICE_EMPTY;
    if (row != NULL && head->err == KP_OK) {
        return get_again(txn, place, row, ret_value);
    }
    if (kp_table_is_delta(table)) {
        found = delta_get(txn, place, ret_value);
    } else {
        found = kp_rows_get(txn, place, &raw);
        tag = found ? kp_row_tag(raw) : NULL;
        found = found && kp_lmdb_open_row(txn, place, raw, ret_value);
    }
    if (head->write && head->err == KP_OK) {
        memorise(txn, place, found, tag);
        kp_recent_keep(txn->recent, place, found, tag, *ret_value);
    }
    return found;
}

static void lmdb_expect(struct kp_txn *head, enum kp_table table, struct kp_slice key)
{
    if (kp_table_is_delta(table)) {
        kp_delta_expect(kp_lmdb_txn_of(head), (struct kp_row_place){table, key});
    }
}

static bool lmdb_is_short(struct kp_txn *head, enum kp_table table, struct kp_slice key)
{
    return kp_table_is_delta(table) &&
           kp_delta_is_short(kp_lmdb_txn_of(head), (struct kp_row_place){table, key});
}

static void lmdb_infer(struct kp_txn *head, enum kp_table table, struct kp_slice key,
                       struct kp_slice value)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = key};
    if (head->write) {
        kp_recent_keep(txn->recent, place, /* found= */ true, NULL, value);
    } else if (head->ahead) {
        foresee(txn, place, /* found= */ true,
                &(struct kp_run_record){.kind = KP_RUN_PLAIN, .value = value});
    }
}

/* Fills the table's memo with the row that is there now; false: the transaction failed. */
static bool look_up(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    const struct kp_row_memo *memo = &txn->memos[place.table];
    if (memo->known && kp_slice_equal(kp_key_slice(&memo->key), place.key)) {
        return true;
    }
    const struct kp_recent_row *row = find_read(txn, place);
    if (row != NULL) {
        memorise(txn, place, row->found, row->tag);
        return true;
    }
    if (kp_table_is_delta(place.table)) {
        struct kp_run_record record;
        memorise(txn, place, kp_delta_get(txn, place, &record), NULL);
        return txn->head.err == KP_OK;
    }
    struct kp_slice raw = KP_SLICE_EMPTY;
    bool found = kp_rows_get(txn, place, &raw);
    const uint8_t *tag = found ? kp_row_tag(raw) : NULL;
    if (found && tag == NULL) {
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "a row of table %s has no valid header",
                    kp_table_name(place.table));
    }
    memorise(txn, place, tag != NULL, tag);
    return txn->head.err == KP_OK;
}

/* Nobody's rows wait as they are, and are sealed with the rest of their log row. A row about a
 * person waits under his key, so that it dies with it. */
static void delta_put(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice value,
                      struct kp_subject subject)
{
    struct kp_run_record record = {.place = place, .kind = KP_RUN_PLAIN, .value = value};
    size_t mark = kp_arena_mark(&txn->scratch);
    if (subject.id != 0) {
        struct kp_diag diag;
        size_t raw_bytes = kp_row_bytes(value.size, subject);
        uint8_t *raw = kp_arena_alloc(&txn->scratch, raw_bytes);
        if (raw == NULL) {
            (void)fail_scratch(txn);
            return;
        }
        enum kp_err err =
            kp_row_seal(&txn->store->keys, txn->aead, place, value, subject, raw, &diag);
        if (err != KP_OK) {
            kp_txn_fail(&txn->head, err, "%s", diag.text);
            return;
        }
        record.kind = KP_RUN_SEALED;
        record.value = kp_slice_of(raw, raw_bytes);
    }
    kp_delta_put(txn, &record);
    kp_arena_restore(&txn->scratch, mark);
}

static void lmdb_put(struct kp_txn *head, enum kp_table table, struct kp_slice key,
                     struct kp_slice value, struct kp_subject subject)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = key};
    struct kp_row_memo *memo = &txn->memos[table];
    struct kp_diag diag;
    if (!look_up(txn, place)) {
        return;
    }
    kp_recent_forget(txn->recent, place);
    txn->changed = true;
    txn->sums.rows[table] += memo->found ? 0 : 1;
    if (kp_table_is_delta(table)) {
        delta_put(txn, place, value, subject);
        memo->found = true;
        return;
    }
    size_t raw_bytes = kp_row_bytes(value.size, subject);
    uint8_t *raw = kp_rows_put(txn, place, raw_bytes);
    if (raw == NULL) {
        return;
    }
    enum kp_err err = kp_row_seal(&txn->store->keys, txn->aead, place, value, subject, raw, &diag);
    if (err != KP_OK) {
        kp_txn_fail(head, err, "%s", diag.text);
        return;
    }
    if (memo->found) {
        kp_set_hash_remove(&txn->sums.tables[table], txn->set_cipher, memo->tag);
    }
    memcpy(memo->tag, raw + raw_bytes - sizeof memo->tag, sizeof memo->tag);
    memo->found = true;
    kp_set_hash_add(&txn->sums.tables[table], txn->set_cipher, memo->tag);
}

static bool lmdb_del(struct kp_txn *head, enum kp_table table, struct kp_slice key)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = key};
    struct kp_row_memo *memo = &txn->memos[table];
    if (!look_up(txn, place) || !memo->found) {
        return false;
    }
    kp_recent_forget(txn->recent, place);
    txn->changed = true;
    txn->sums.rows[table]--;
    if (kp_table_is_delta(table)) {
        kp_delta_put(txn, &(struct kp_run_record){.place = place, .kind = KP_RUN_GONE});
    } else {
        kp_rows_del(txn, place);
        kp_set_hash_remove(&txn->sums.tables[table], txn->set_cipher, memo->tag);
    }
    memo->found = false;
    return head->err == KP_OK;
}

static bool lmdb_seek(struct kp_txn *head, enum kp_table table, struct kp_slice from, bool after,
                      struct kp_slice *ret_key, struct kp_slice *ret_value)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = from};
    struct kp_run_record record = {.place = place, .kind = KP_RUN_NONE};
    bool found = kp_table_is_delta(table)
                     ? kp_delta_seek(txn, place, after, &record)
                     : kp_rows_seek(txn, place, after, &record.place.key, &record.value);
    if (!found) {
        return false;
    }
    struct kp_slice key = kp_arena_copy(&txn->scratch, record.place.key);
    if (key.size != record.place.key.size) {
        return fail_scratch(txn);
    }
    if (!open_record(txn, &record, ret_value)) {
        return false;
    }
    *ret_key = key;
    return true;
}

static uint32_t lmdb_dirty_pages(const struct kp_txn *head)
{
    const struct kp_lmdb_txn *txn = (const struct kp_lmdb_txn *)head;
    uint64_t pages = 1 + txn->pages_touched + txn->bytes_appended / PAGE_BYTES;
    pages += head->write ? kp_delta_pages(txn) : 0;
    return pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

static void lmdb_close(void *impl)
{
    struct kp_lmdb *store = impl;
    KP_ASSERT(!store->writing);
    kp_lmdb_free(store);
}

const struct kp_store_ops kp_lmdb_ops = {
    .begin = lmdb_begin,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .seek = lmdb_seek,
    .expect = lmdb_expect,
    .is_short = lmdb_is_short,
    .infer = lmdb_infer,
    .dirty_pages = lmdb_dirty_pages,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .close = lmdb_close,
};
