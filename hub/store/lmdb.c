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
    if (code != MDB_SUCCESS) {
        txn->next = store->spare;
        store->spare = txn;
    }
    (void)pthread_mutex_unlock(&store->mutex);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin to read the store");
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
    memcpy(txn->sums, store->sums, sizeof txn->sums);
    memset(txn->last_known, 0, sizeof txn->last_known);
    for (int table = 0; table < KP_TABLE_END; table++) {
        txn->memos[table].known = false;
    }
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
    kp_rows_after(txn, committed);
    if (committed) {
        memcpy(store->sums, txn->sums, sizeof store->sums);
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
    kp_rows_before_commit(txn);
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

static void memorise(struct kp_lmdb_txn *txn, struct kp_row_place place, const uint8_t *tag)
{
    struct kp_row_memo *memo = &txn->memos[place.table];
    memo->key = kp_key_raw(kp_key_none(), place.key);
    memo->known = true;
    memo->found = tag != NULL;
    if (tag != NULL) {
        memcpy(memo->tag, tag, sizeof memo->tag);
    }
}

static bool lmdb_get(struct kp_txn *head, enum kp_table table, struct kp_slice key,
                     struct kp_slice *ret_value)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = key};
    struct kp_slice raw = KP_SLICE_EMPTY;
    bool found = kp_rows_get(txn, place, &raw);
    if (head->write && head->err == KP_OK) {
        memorise(txn, place, found ? kp_row_tag(raw) : NULL);
    }
    return found && kp_lmdb_open_row(txn, place, raw, ret_value);
}

/* Fills the table's memo with the row that is there now; false: the transaction failed. */
static bool look_up(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    const struct kp_row_memo *memo = &txn->memos[place.table];
    if (memo->known && kp_slice_equal(kp_key_slice(&memo->key), place.key)) {
        return true;
    }
    struct kp_slice raw = KP_SLICE_EMPTY;
    bool found = kp_rows_get(txn, place, &raw);
    const uint8_t *tag = found ? kp_row_tag(raw) : NULL;
    if (found && tag == NULL) {
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "a row of table %s has no valid header",
                    kp_table_name(place.table));
    }
    memorise(txn, place, tag);
    return txn->head.err == KP_OK;
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
    size_t raw_bytes = kp_row_bytes(value.size, subject);
    uint8_t *raw = kp_rows_put(txn, place, raw_bytes, memo->found);
    if (raw == NULL) {
        return;
    }
    txn->changed = true;
    enum kp_err err = kp_row_seal(&txn->store->keys, txn->aead, place, value, subject, raw, &diag);
    if (err != KP_OK) {
        kp_txn_fail(head, err, "%s", diag.text);
        return;
    }
    if (memo->found) {
        kp_set_hash_remove(&txn->sums[table], txn->set_cipher, memo->tag);
    }
    memcpy(memo->tag, raw + raw_bytes - sizeof memo->tag, sizeof memo->tag);
    memo->found = true;
    kp_set_hash_add(&txn->sums[table], txn->set_cipher, memo->tag);
}

static bool lmdb_del(struct kp_txn *head, enum kp_table table, struct kp_slice key)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = key};
    struct kp_row_memo *memo = &txn->memos[table];
    if (!look_up(txn, place) || !memo->found) {
        return false;
    }
    txn->changed = true;
    kp_rows_del(txn, place);
    kp_set_hash_remove(&txn->sums[table], txn->set_cipher, memo->tag);
    memo->found = false;
    return head->err == KP_OK;
}

static bool lmdb_seek(struct kp_txn *head, enum kp_table table, struct kp_slice from, bool after,
                      struct kp_slice *ret_key, struct kp_slice *ret_value)
{
    struct kp_lmdb_txn *txn = kp_lmdb_txn_of(head);
    struct kp_row_place place = {.table = table, .key = from};
    struct kp_slice raw;
    if (!kp_rows_seek(txn, place, after, &place.key, &raw)) {
        return false;
    }
    struct kp_slice key = kp_arena_copy(&txn->scratch, place.key);
    if (key.size != place.key.size) {
        kp_txn_fail(head, KP_E_LIMIT, "a transaction read more than %zu bytes",
                    txn->scratch.capacity);
        return false;
    }
    if (!kp_lmdb_open_row(txn, place, raw, ret_value)) {
        return false;
    }
    *ret_key = key;
    return true;
}

static uint32_t lmdb_dirty_pages(const struct kp_txn *head)
{
    const struct kp_lmdb_txn *txn = (const struct kp_lmdb_txn *)head;
    uint64_t pages = 1 + txn->pages_touched + txn->bytes_appended / PAGE_BYTES;
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
    .dirty_pages = lmdb_dirty_pages,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .close = lmdb_close,
};
