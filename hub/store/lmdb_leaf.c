/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rows of a table with random keys stand many together: a leaf is one row of the table in LMDB that
 * holds the records (run.h) of all rows from its own key up to the next leaf's. A seal for each
 * would be longer than most of these rows, and the sweep writes a leaf once for all of its changes.
 */
#include "store/lmdb_impl.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

/* Three fill a page of LMDB's tree, with its heads and their keys. One that filled a page outside
 * the tree would take an eighth fewer pages, and far longer to look in: who wants one row has the
 * whole leaf to unseal. */
#define LEAF_RAW_BYTES 1336u
/* So much is gathered before it is written, in as many leaves as it takes. */
#define EDIT_BYTES_MAX (64u << 10)

static void make_room(uint8_t **bytes_io, size_t *capacity_io, size_t size)
{
    if (size > *capacity_io) {
        size_t capacity = *capacity_io == 0 ? LEAF_RAW_BYTES : *capacity_io;
        while (capacity < size) {
            capacity *= 2;
        }
        *bytes_io = realloc(*bytes_io, capacity);
        KP_ASSERT(*bytes_io != NULL);
        *capacity_io = capacity;
    }
}

void kp_leaf_done(struct kp_leaf *leaf)
{
    free(leaf->bytes);
    *leaf = (struct kp_leaf){0};
}

void kp_leaf_close(struct kp_leaf *leaf)
{
    leaf->table = KP_TABLE_NONE;
}

/* The rows of the LMDB row @name. false: the transaction failed. */
static bool load(struct kp_lmdb_txn *txn, enum kp_table table, struct kp_slice name,
                 struct kp_slice raw)
{
    struct kp_leaf *leaf = &txn->leaf;
    struct kp_diag diag;
    size_t size = 0;
    if (leaf->table == table && kp_slice_equal(kp_key_slice(&leaf->name), name)) {
        return true;
    }
    kp_leaf_close(leaf);
    if (!kp_row_value_bytes(raw, &size)) {
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "a row of table %s has no valid header",
                    kp_table_name(table));
        return false;
    }
    make_room(&leaf->bytes, &leaf->capacity, size);
    enum kp_err err = kp_row_open(&txn->store->keys, txn->aead, (struct kp_row_place){table, name},
                                  raw, leaf->bytes, &diag);
    if (err != KP_OK) {
        kp_txn_fail(&txn->head, err, "%s", diag.text);
        return false;
    }
    leaf->table = table;
    leaf->name = kp_key_raw(kp_key_none(), name);
    leaf->size = size;
    leaf->at = 0;
    return true;
}

/* The record at @at; 0: there is none, or the transaction failed. */
static size_t record_at(struct kp_lmdb_txn *txn, size_t at, struct kp_run_record *ret_record)
{
    const struct kp_leaf *leaf = &txn->leaf;
    if (at == leaf->size) {
        return 0;
    }
    size_t size = kp_run_decode(kp_slice_of(leaf->bytes + at, leaf->size - at), ret_record);
    if (size == 0 || ret_record->place.table != leaf->table || ret_record->kind == KP_RUN_GONE) {
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "rows of table %s do not decode",
                    kp_table_name(leaf->table));
        return 0;
    }
    return size;
}

/* --- from leaf to leaf --- */

bool kp_leaf_next(struct kp_lmdb_txn *txn, struct kp_row_place name)
{
    struct kp_slice next, raw;
    bool found =
        kp_rows_seek(txn, name, /* after= */ true, &next, &raw) && load(txn, name.table, next, raw);
    txn->leaf.at = 0;
    return found;
}

bool kp_leaf_read(struct kp_lmdb_txn *txn, struct kp_run_record *ret_record)
{
    size_t size = record_at(txn, txn->leaf.at, ret_record);
    txn->leaf.at += size;
    return size > 0;
}

/* --- look-ups --- */

/* The first record of the open leaf at @from, or behind it. */
static bool find_in(struct kp_lmdb_txn *txn, struct kp_slice from, bool after,
                    struct kp_run_record *ret_record)
{
    struct kp_leaf *leaf = &txn->leaf;
    size_t at = leaf->at;
    size_t size = record_at(txn, at, ret_record);
    if (size == 0 || kp_slice_compare(ret_record->place.key, from) > 0) {
        at = 0; /* a walk goes on where it was; this is none */
        size = record_at(txn, at, ret_record);
    }
    while (size > 0) {
        int order = kp_slice_compare(ret_record->place.key, from);
        if (order > 0 || (order == 0 && !after)) {
            leaf->at = at;
            return true;
        }
        at += size;
        size = record_at(txn, at, ret_record);
    }
    return false;
}

bool kp_leaf_get(struct kp_lmdb_txn *txn, struct kp_row_place place,
                 struct kp_run_record *ret_record)
{
    struct kp_slice name, raw;
    return kp_rows_floor(txn, place, &name, &raw) && load(txn, place.table, name, raw) &&
           find_in(txn, place.key, /* after= */ false, ret_record) &&
           kp_slice_equal(ret_record->place.key, place.key);
}

bool kp_leaf_seek(struct kp_lmdb_txn *txn, struct kp_row_place from, bool after,
                  struct kp_run_record *ret_record)
{
    struct kp_slice name, raw;
    if (!kp_rows_floor(txn, from, &name, &raw) || !load(txn, from.table, name, raw)) {
        return false;
    }
    if (find_in(txn, from.key, after, ret_record)) {
        return true;
    }
    struct kp_row_place here = {from.table, kp_key_slice(&txn->leaf.name)};
    if (txn->head.err != KP_OK || !kp_rows_seek(txn, here, /* after= */ true, &name, &raw) ||
        !load(txn, from.table, name, raw)) {
        return false;
    }
    bool found = record_at(txn, 0, ret_record) > 0;
    if (found && kp_slice_compare(ret_record->place.key, from.key) <= 0) {
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "the rows of a table are not in order");
        return false;
    }
    return found;
}

/* --- changes --- */

bool kp_leaf_edit_takes(const struct kp_leaf_edit *edit, struct kp_row_place place)
{
    return place.table == edit->table && edit->size < EDIT_BYTES_MAX &&
           (edit->next.size == 0 || kp_slice_compare(place.key, kp_key_slice(&edit->next)) < 0);
}

void kp_leaf_edit_begin(struct kp_lmdb_txn *txn, struct kp_leaf_edit *edit,
                        struct kp_row_place place)
{
    struct kp_slice name, raw;
    edit->txn = txn;
    edit->table = place.table;
    edit->size = edit->read = 0;
    edit->next = kp_key_none();
    edit->exists = kp_rows_floor(txn, place, &name, &raw) && load(txn, place.table, name, raw);
    if (!edit->exists) {
        return;
    }
    const uint8_t *tag = kp_row_tag(raw);
    KP_ASSERT(tag != NULL); /* it was opened */
    memcpy(edit->tag, tag, sizeof edit->tag);
    struct kp_row_place here = {place.table, kp_key_slice(&txn->leaf.name)};
    if (kp_rows_seek(txn, here, /* after= */ true, &name, &raw)) {
        edit->next = kp_key_raw(kp_key_none(), name);
    }
    if (!kp_leaf_edit_takes(edit, place)) { /* or who sweeps would never end */
        kp_txn_fail(&txn->head, KP_E_CORRUPT, "the rows of a table are not in order");
    }
}

static void append(struct kp_leaf_edit *edit, const struct kp_run_record *record)
{
    size_t size = kp_run_record_bytes(record);
    make_room(&edit->bytes, &edit->capacity, edit->size + size);
    kp_run_encode(record, edit->bytes + edit->size);
    edit->size += size;
}

/* The old ones before @until; NULL: all that are left. One at it is left out. */
static void take_old(struct kp_leaf_edit *edit, const struct kp_slice *until)
{
    struct kp_run_record record;
    size_t size = edit->exists ? record_at(edit->txn, edit->read, &record) : 0;
    while (size > 0) {
        int order = until == NULL ? -1 : kp_slice_compare(record.place.key, *until);
        if (order > 0) {
            return;
        }
        edit->read += size;
        if (order < 0) {
            append(edit, &record);
        }
        size = record_at(edit->txn, edit->read, &record);
    }
}

void kp_leaf_edit_put(struct kp_leaf_edit *edit, const struct kp_run_record *record)
{
    kp_census_note(&edit->txn->store->census, record);
    take_old(edit, &record->place.key);
    if (record->kind != KP_RUN_GONE) {
        append(edit, record);
    }
}

static void write_leaf(struct kp_lmdb_txn *txn, struct kp_row_place place, struct kp_slice records)
{
    struct kp_diag diag;
    size_t raw_bytes = kp_row_bytes(records.size, KP_SUBJECT_NONE);
    uint8_t *raw = kp_rows_put(txn, place, raw_bytes);
    if (raw == NULL) {
        return;
    }
    enum kp_err err =
        kp_row_seal(&txn->store->keys, txn->aead, place, records, KP_SUBJECT_NONE, raw, &diag);
    KP_ASSERT(err == KP_OK); /* a row about nobody needs nothing from the keyring */
    kp_set_hash_add(&txn->sums.tables[place.table], txn->set_cipher,
                    kp_row_tag(kp_slice_of(raw, raw_bytes)));
}

/* As many records from @at on as one leaf takes, about @wanted bytes; the size. */
static size_t piece_at(const struct kp_leaf_edit *edit, size_t at, size_t wanted,
                       struct kp_key *ret_first)
{
    size_t size = 0;
    while (at + size < edit->size && size < wanted) {
        struct kp_run_record record;
        size_t more =
            kp_run_decode(kp_slice_of(edit->bytes + at + size, edit->size - at - size), &record);
        KP_ASSERT(more > 0); /* encoded here */
        if (size > 0 && size + more > LEAF_RAW_BYTES - kp_row_bytes(0, KP_SUBJECT_NONE)) {
            break;
        }
        if (size == 0) {
            *ret_first = kp_key_raw(kp_key_none(), record.place.key);
        }
        size += more;
    }
    return size;
}

/* The old leaf goes, unless the first new one has its name. */
static void remove_old(struct kp_leaf_edit *edit, const struct kp_key *first)
{
    struct kp_lmdb_txn *txn = edit->txn;
    struct kp_slice name = kp_key_slice(&txn->leaf.name);
    kp_set_hash_remove(&txn->sums.tables[edit->table], txn->set_cipher, edit->tag);
    if (first == NULL || !kp_slice_equal(kp_key_slice(first), name)) {
        kp_rows_del(txn, (struct kp_row_place){edit->table, name});
    }
}

void kp_leaf_edit_end(struct kp_leaf_edit *edit)
{
    struct kp_lmdb_txn *txn = edit->txn;
    size_t room = LEAF_RAW_BYTES - kp_row_bytes(0, KP_SUBJECT_NONE);
    take_old(edit, NULL);
    size_t pieces = (edit->size + room - 1) / room;
    for (size_t at = 0; at < edit->size && txn->head.err == KP_OK;) {
        struct kp_key first;
        size_t size = piece_at(edit, at, (edit->size + pieces - 1) / pieces, &first);
        /* A leaf keeps its name when its first row goes: what lies between belongs to it. */
        if (at == 0 && edit->exists &&
            kp_slice_compare(kp_key_slice(&txn->leaf.name), kp_key_slice(&first)) < 0) {
            first = txn->leaf.name;
        }
        if (at == 0 && edit->exists) {
            remove_old(edit, &first);
        }
        write_leaf(txn, (struct kp_row_place){edit->table, kp_key_slice(&first)},
                   kp_slice_of(edit->bytes + at, size));
        at += size;
    }
    if (edit->size == 0 && edit->exists && txn->head.err == KP_OK) {
        remove_old(edit, NULL);
    }
    kp_leaf_close(&txn->leaf);
}

void kp_leaf_edit_done(struct kp_leaf_edit *edit)
{
    free(edit->bytes);
    *edit = (struct kp_leaf_edit){0};
}
