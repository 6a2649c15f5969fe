/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <string.h>

void kp_rows_fail(struct kp_lmdb_txn *txn, int code, const char *what)
{
    kp_txn_fail(&txn->head, kp_env_err(code), "%s: %s", what, mdb_strerror(code));
}

static int ready_cursor(struct kp_lmdb_txn *txn, enum kp_table table)
{
    MDB_cursor **cursor = &txn->cursors[table];
    int code = MDB_SUCCESS;
    if (!txn->cursor_ready[table]) {
        code = *cursor == NULL ? mdb_cursor_open(txn->mdb, txn->store->tables[table], cursor)
                               : mdb_cursor_renew(txn->mdb, *cursor);
        txn->cursor_ready[table] = code == MDB_SUCCESS;
    }
    return code;
}

static bool find(struct kp_lmdb_txn *txn, struct kp_row_place place, MDB_cursor_op operation,
                 struct kp_slice *ret_key, struct kp_slice *ret_raw)
{
    MDB_val key = kp_env_val(place.key);
    MDB_val value;
    int code = ready_cursor(txn, place.table);
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_get(txn->cursors[place.table], &key, &value, operation);
    }
    if (code == MDB_SUCCESS && (key.mv_size == 0 || key.mv_size > KP_STORE_KEY_BYTES_MAX)) {
        code = MDB_CORRUPTED; /* no row has such a key */
    }
    if (code == MDB_SUCCESS) {
        *ret_key = kp_env_slice(key);
        *ret_raw = kp_env_slice(value);
        return true;
    }
    if (code != MDB_NOTFOUND) {
        kp_rows_fail(txn, code, "cannot read a table");
    }
    return false;
}

/* The largest key of the table, without looking for it each time; empty: no rows. */
static const struct kp_key *last_key(struct kp_lmdb_txn *txn, enum kp_table table)
{
    struct kp_key *last = &txn->last_keys[table];
    if (!txn->last_known[table]) {
        struct kp_slice key, raw;
        *last = kp_key_none();
        struct kp_row_place place = {.table = table};
        if (find(txn, place, MDB_LAST, &key, &raw)) {
            *last = kp_key_raw(*last, key);
        }
        txn->last_known[table] = txn->head.err == KP_OK;
    }
    return last;
}

uint8_t *kp_rows_put(struct kp_lmdb_txn *txn, struct kp_row_place place, size_t raw_bytes)
{
    MDB_val key = kp_env_val(place.key);
    MDB_val value = {.mv_size = raw_bytes};
    const struct kp_key *last = last_key(txn, place.table);
    bool append = kp_slice_compare(place.key, kp_key_slice(last)) > 0;
    int code = ready_cursor(txn, place.table);
    if (code == MDB_SUCCESS && txn->head.err == KP_OK) {
        code = mdb_cursor_put(txn->cursors[place.table], &key, &value,
                              MDB_RESERVE | (append ? MDB_APPEND : 0));
    }
    if (code != MDB_SUCCESS) {
        kp_rows_fail(txn, code, "cannot write a row");
    }
    if (txn->head.err != KP_OK) {
        return NULL;
    }
    if (append) {
        txn->last_keys[place.table] = kp_key_raw(kp_key_none(), place.key);
        txn->bytes_appended += place.key.size + raw_bytes;
    } else {
        txn->pages_touched++;
    }
    return value.mv_data;
}

void kp_rows_del(struct kp_lmdb_txn *txn, struct kp_row_place place)
{
    struct kp_slice key, raw;
    if (!find(txn, place, MDB_SET, &key, &raw)) {
        return;
    }
    int code = mdb_cursor_del(txn->cursors[place.table], 0);
    if (code != MDB_SUCCESS) {
        kp_rows_fail(txn, code, "cannot remove a row");
    }
    txn->last_known[place.table] = false;
    txn->pages_touched++;
}

bool kp_rows_get(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice *ret_raw)
{
    struct kp_slice key;
    return find(txn, place, MDB_SET, &key, ret_raw);
}

bool kp_rows_floor(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice *ret_key,
                   struct kp_slice *ret_raw)
{
    if (place.key.size == 0) {
        return find(txn, place, MDB_FIRST, ret_key, ret_raw);
    }
    if (!find(txn, place, MDB_SET_RANGE, ret_key, ret_raw)) {
        return txn->head.err == KP_OK && find(txn, place, MDB_LAST, ret_key, ret_raw);
    }
    if (kp_slice_equal(*ret_key, place.key) || find(txn, place, MDB_PREV, ret_key, ret_raw)) {
        return true;
    }
    return txn->head.err == KP_OK && find(txn, place, MDB_FIRST, ret_key, ret_raw);
}

static bool next_of(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                    struct kp_slice *ret_key, struct kp_slice *ret_raw)
{
    if (from.key.size == 0) {
        return find(txn, from, MDB_FIRST, ret_key, ret_raw);
    }
    if (!find(txn, from, MDB_SET_RANGE, ret_key, ret_raw)) {
        return false;
    }
    if (after && kp_slice_equal(*ret_key, from.key)) {
        return find(txn, from, MDB_NEXT, ret_key, ret_raw);
    }
    return true;
}

bool kp_rows_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                  struct kp_slice *ret_key, struct kp_slice *ret_raw)
{
    if (!next_of(txn, from, after, ret_key, ret_raw)) {
        return false;
    }
    /* In a damaged tree the way on can lead back, and a walk would never end. */
    int order = kp_slice_compare(*ret_key, from.key);
    if (order < 0 || (order == 0 && after)) {
        kp_rows_fail(txn, MDB_CORRUPTED, "the rows of a table are not in order");
        return false;
    }
    return true;
}
