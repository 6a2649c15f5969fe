/* SPDX-License-Identifier: EUPL-1.2 */
/* What every store has in common: the sticky error, the checks on arguments and the digest. */
#include "store/store.h"

#include "base/assert.h"
#include "base/crypto.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>

struct table_row {
    const char *name;
    unsigned flags;
};

static const struct table_row tables[KP_TABLE_END] = {
#define X(name, number, flags, key_layout) [name] = {&#name[sizeof "KP_TABLE_" - 1], flags},
#include "store/tables.def"
#undef X
};

static bool is_table(enum kp_table table)
{
    return (unsigned)table < KP_TABLE_END && tables[table].name != NULL;
}

const char *kp_table_name(enum kp_table table)
{
    return is_table(table) ? tables[table].name : "NONE";
}

unsigned kp_table_flags(enum kp_table table)
{
    KP_ASSERT(is_table(table));
    return tables[table].flags;
}

static bool is_key(struct kp_slice key)
{
    return key.size > 0 && key.size <= KP_STORE_KEY_BYTES_MAX;
}

enum kp_err kp_txn_begin(struct kp_store *store, bool write, struct kp_txn **ret_txn,
                         struct kp_diag *reterr_diag)
{
    KP_ASSERT(store->ops != NULL);
    enum kp_err err = store->ops->begin(store->impl, write, ret_txn, reterr_diag);
    if (err == KP_OK) {
        (*ret_txn)->memo = store->memo;
    }
    return err;
}

bool kp_txn_recall(struct kp_txn *txn, uint64_t id, uint8_t *ret_bytes, size_t *ret_size)
{
    return txn->err == KP_OK && txn->memo != NULL &&
           kp_memo_get(txn->memo, id, ret_bytes, ret_size);
}

void kp_txn_remember(struct kp_txn *txn, uint64_t id, struct kp_slice value)
{
    if (txn->err == KP_OK && txn->memo != NULL) {
        kp_memo_put(txn->memo, id, value);
    }
}

void kp_txn_read_ahead(struct kp_txn *txn)
{
    KP_ASSERT(!txn->write);
    txn->ahead = true;
}

void kp_txn_forget(struct kp_txn *txn, uint64_t id)
{
    if (txn->memo != NULL) {
        kp_memo_forget(txn->memo, id);
    }
}

bool kp_txn_get(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                struct kp_slice *ret_value)
{
    KP_ASSERT(is_table(table));
    KP_ASSERT(is_key(key));
    return txn->err == KP_OK && txn->ops->get(txn, table, key, ret_value);
}

void kp_txn_expect(struct kp_txn *txn, enum kp_table table, struct kp_slice key)
{
    KP_ASSERT(is_table(table));
    KP_ASSERT(is_key(key));
    if (txn->ops->expect != NULL) {
        txn->ops->expect(txn, table, key);
    }
}

bool kp_txn_is_short(struct kp_txn *txn, enum kp_table table, struct kp_slice key)
{
    KP_ASSERT(is_table(table));
    KP_ASSERT(is_key(key));
    return txn->ops->is_short != NULL && txn->err == KP_OK && txn->ops->is_short(txn, table, key);
}

void kp_txn_infer(struct kp_txn *txn, enum kp_table table, struct kp_slice key,
                  struct kp_slice value)
{
    KP_ASSERT(is_table(table));
    KP_ASSERT(is_key(key));
    if (txn->ops->infer != NULL && txn->err == KP_OK) {
        txn->ops->infer(txn, table, key, value);
    }
}

void kp_txn_put(struct kp_txn *txn, enum kp_table table, struct kp_slice key, struct kp_slice value,
                struct kp_subject subject)
{
    KP_ASSERT(txn->write);
    KP_ASSERT(is_table(table));
    KP_ASSERT(is_key(key));
    if (txn->err != KP_OK) {
        return;
    }
    if (value.size > KP_STORE_VALUE_BYTES_MAX) {
        kp_txn_fail(txn, KP_E_LIMIT, "a value of %zu bytes for table %s; at most %u", value.size,
                    kp_table_name(table), KP_STORE_VALUE_BYTES_MAX);
        return;
    }
    txn->ops->put(txn, table, key, value, subject);
}

bool kp_txn_del(struct kp_txn *txn, enum kp_table table, struct kp_slice key)
{
    KP_ASSERT(txn->write);
    KP_ASSERT(is_table(table));
    KP_ASSERT(is_key(key));
    return txn->err == KP_OK && txn->ops->del(txn, table, key);
}

bool kp_txn_seek(struct kp_txn *txn, enum kp_table table, struct kp_slice from, bool after,
                 struct kp_slice *ret_key, struct kp_slice *ret_value)
{
    KP_ASSERT(is_table(table));
    KP_ASSERT(from.size <= KP_STORE_KEY_BYTES_MAX);
    return txn->err == KP_OK && txn->ops->seek(txn, table, from, after, ret_key, ret_value);
}

size_t kp_txn_scratch_mark(struct kp_txn *txn)
{
    return kp_arena_mark(txn->scratch);
}

void kp_txn_scratch_restore(struct kp_txn *txn, size_t mark)
{
    kp_arena_restore(txn->scratch, mark);
}

void kp_txn_fail(struct kp_txn *txn, enum kp_err err, const char *format, ...)
{
    KP_ASSERT(err != KP_OK);
    if (txn->err != KP_OK) {
        return; /* the first failure is the cause; what follows is its consequence */
    }
    char text[sizeof txn->diag.text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* cut is fine: for a person */
    va_end(args);
    txn->err = kp_fail(&txn->diag, err, "%s", text);
}

enum kp_err kp_txn_error(const struct kp_txn *txn)
{
    return txn->err;
}

uint32_t kp_txn_dirty_pages(const struct kp_txn *txn)
{
    return txn->ops->dirty_pages(txn);
}

enum kp_err kp_txn_commit(struct kp_txn *txn, struct kp_diag *reterr_diag)
{
    if (txn->err != KP_OK) {
        enum kp_err err = txn->err;
        if (reterr_diag != NULL) {
            *reterr_diag = txn->diag;
        }
        txn->ops->abort(txn);
        return err;
    }
    return txn->ops->commit(txn, reterr_diag);
}

void kp_txn_abort(struct kp_txn *txn)
{
    if (txn != NULL) {
        txn->ops->abort(txn);
    }
}

void kp_store_close(struct kp_store *store)
{
    if (store->ops != NULL) {
        store->ops->close(store->impl);
        *store = (struct kp_store){0};
    }
}

static void add_with_size(struct kp_sha256 *hash, struct kp_slice bytes)
{
    uint8_t size[4] = {(uint8_t)(bytes.size >> 24), (uint8_t)(bytes.size >> 16),
                       (uint8_t)(bytes.size >> 8), (uint8_t)bytes.size};
    kp_sha256_add(hash, kp_slice_of(size, sizeof size));
    kp_sha256_add(hash, bytes);
}

static uint64_t digest_table(struct kp_txn *txn, enum kp_table table, struct kp_sha256 *hash)
{
    uint8_t number = (uint8_t)table;
    uint8_t last[KP_STORE_KEY_BYTES_MAX];
    struct kp_slice from = KP_SLICE_EMPTY;
    struct kp_slice key, value;
    uint64_t rows = 0;
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_txn_seek(txn, table, from, /* after= */ rows > 0, &key, &value)) {
        kp_sha256_add(hash, kp_slice_of(&number, 1));
        add_with_size(hash, key);
        add_with_size(hash, value);
        for (size_t i = 0; i < key.size; i++) {
            last[i] = key.bytes[i];
        }
        from = kp_slice_of(last, key.size);
        rows++;
        kp_txn_scratch_restore(txn, mark);
    }
    return rows;
}

void kp_store_digest(struct kp_txn *txn, uint8_t ret_digest[32], uint64_t *ret_rows)
{
    struct kp_sha256 *hash = kp_sha256_new();
    uint64_t rows = 0;
    kp_sha256_begin(hash);
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        if (is_table((enum kp_table)table)) {
            rows += digest_table(txn, (enum kp_table)table, hash);
        }
    }
    kp_sha256_end(hash, ret_digest);
    kp_sha256_free(hash);
    *ret_rows = rows;
}
