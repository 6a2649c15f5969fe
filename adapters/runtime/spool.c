/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/spool.h"

#include "base/assert.h"
#include "base/file.h"
#include "runtime/spool_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_VERSION 1u
#define MAP_SLACK_BYTES (UINT64_C(16) << 30) /* address space, not disk */
#define MAGIC UINT32_C(0x4b505350)
#define READERS_MAX 16

struct kp_spool {
    uint32_t magic;
    MDB_env *env;
    MDB_dbi tables[KP_TABLE_COUNT];
    MDB_txn *txn;
    int lock_fd;
    bool writing, is_new;
    uint64_t bytes_max;
    enum kp_err err; /* first failure of this transaction */
    char what[160];
};

static const char *const table_names[KP_TABLE_COUNT] = {
    [KP_TABLE_COUNTERS] = "counters", [KP_TABLE_FILES] = "files",
    [KP_TABLE_RECORDS] = "records",   [KP_TABLE_SIGNALS] = "signals",
    [KP_TABLE_BATCHES] = "batches",   [KP_TABLE_BATCH_IDS] = "batch_ids",
    [KP_TABLE_ROWS] = "rows",         [KP_TABLE_CURSORS] = "cursors",
    [KP_TABLE_RECEIPTS] = "receipts",
};

static enum kp_err err_of_mdb(int code)
{
    switch (code) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return KP_E_DISK_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
        return KP_E_CORRUPT;
    default:
        return KP_E_STORE;
    }
}

void kp_spool_fail(struct kp_spool *spool, enum kp_err err, const char *what)
{
    if (spool->err == KP_OK) {
        spool->err = err;
        (void)snprintf(spool->what, sizeof spool->what, "%s", what);
    }
}

static void fail_mdb(struct kp_spool *spool, int code, const char *what)
{
    char text[160];
    (void)snprintf(text, sizeof text, "%s: %s", what, mdb_strerror(code));
    kp_spool_fail(spool, err_of_mdb(code), text);
}

static MDB_val val_of(struct kp_slice bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.bytes};
}

static struct kp_slice slice_of(MDB_val val)
{
    return kp_slice_of(val.mv_data, val.mv_size);
}

/* --- open and close --- */

static enum kp_err open_tables(struct kp_spool *spool, bool read_only, struct kp_diag *reterr_diag)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(spool->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    for (int i = 0; code == 0 && i < KP_TABLE_COUNT; i++) {
        code = mdb_dbi_open(txn, table_names[i], read_only ? 0 : MDB_CREATE, &spool->tables[i]);
    }
    if (code == 0) {
        code = mdb_txn_commit(txn);
    } else if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    if (code == MDB_NOTFOUND) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "the spool is empty");
    }
    return code == 0 ? KP_OK
                     : kp_fail(reterr_diag, err_of_mdb(code), "the spool's tables: %s",
                               mdb_strerror(code));
}

static enum kp_err check_version(struct kp_spool *spool, bool read_only,
                                 struct kp_diag *reterr_diag)
{
    if (read_only) {
        kp_spool_begin_read(spool);
    } else {
        kp_spool_begin(spool);
    }
    uint64_t version = kp_spool_counter(spool, KP_COUNTER_VERSION);
    if (version == 0 && !read_only) {
        spool->is_new = true;
        kp_spool_set_counter(spool, KP_COUNTER_VERSION, FORMAT_VERSION);
        kp_spool_set_counter(spool, KP_COUNTER_NEXT_SIGNAL, 1);
        kp_spool_set_counter(spool, KP_COUNTER_BATCHED, 1);
        kp_spool_set_counter(spool, KP_COUNTER_NEXT_FILE, 1);
        kp_spool_set_counter(spool, KP_COUNTER_NEXT_BATCH, 1);
    } else if (version != FORMAT_VERSION) {
        kp_spool_fail(spool, KP_E_CORRUPT, "not a spool of this version");
    }
    return kp_spool_commit(spool, reterr_diag);
}

static enum kp_err open_env(struct kp_spool *spool, const struct kp_spool_options *options,
                            struct kp_diag *reterr_diag)
{
    int code = mdb_env_create(&spool->env);
    if (code == 0) {
        code = mdb_env_set_maxdbs(spool->env, KP_TABLE_COUNT);
    }
    if (code == 0) {
        code = mdb_env_set_maxreaders(spool->env, READERS_MAX);
    }
    if (code == 0) {
        code = mdb_env_set_mapsize(spool->env, options->bytes_max * 4 + MAP_SLACK_BYTES);
    }
    if (code == 0) {
        unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0u);
        code = mdb_env_open(spool->env, options->dir, flags, 0600);
    }
    int dead = 0;
    if (code == 0 && !options->read_only) {
        code = mdb_reader_check(spool->env, &dead);
    }
    if (code == ENOENT) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "%s: no spool here", options->dir);
    }
    return code == 0
               ? KP_OK
               : kp_fail(reterr_diag, err_of_mdb(code), "%s: %s", options->dir, mdb_strerror(code));
}

/* A second adapter on the same spool would send, write and remove what the first is at. Held until
 * the process ends, however it ends. */
static enum kp_err lock_spool(struct kp_spool *spool, const char *dir, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/lock", dir);
    KP_ASSERT(size > 0 && (size_t)size < sizeof path); /* a bounded option */
    spool->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->lock_fd < 0) {
        return kp_fail(reterr_diag, KP_E_IO, "%s: %s", path, strerror(errno));
    }
    return flock(spool->lock_fd, LOCK_EX | LOCK_NB) == 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_STATE, "another adapter works on %s", dir);
}

enum kp_err kp_spool_open(const struct kp_spool_options *options, struct kp_spool **ret_spool,
                          struct kp_diag *reterr_diag)
{
    struct kp_spool *spool = calloc(1, sizeof *spool);
    KP_ASSERT(spool != NULL);
    spool->magic = MAGIC;
    spool->bytes_max = options->bytes_max;
    spool->lock_fd = -1;
    enum kp_err err = options->read_only ? KP_OK : kp_dir_make(options->dir, 0700, reterr_diag);
    if (err == KP_OK && !options->read_only) {
        err = lock_spool(spool, options->dir, reterr_diag);
    }
    if (err == KP_OK) {
        err = open_env(spool, options, reterr_diag);
    }
    if (err == KP_OK) {
        err = open_tables(spool, options->read_only, reterr_diag);
    }
    if (err == KP_OK) {
        err = check_version(spool, options->read_only, reterr_diag);
    }
    if (err == KP_OK && spool->is_new) {
        err = kp_dir_sync(options->dir, reterr_diag);
    }
    if (err != KP_OK) {
        (void)kp_spool_close(spool);
        return err;
    }
    *ret_spool = spool;
    return KP_OK;
}

struct kp_spool *kp_spool_close(struct kp_spool *spool)
{
    if (spool == NULL) {
        return NULL;
    }
    KP_ASSERT(spool->magic == MAGIC);
    kp_spool_abort(spool);
    if (spool->env != NULL) {
        mdb_env_close(spool->env);
    }
    if (spool->lock_fd >= 0) {
        (void)close(spool->lock_fd);
    }
    spool->magic = 0;
    free(spool);
    return NULL;
}

/* --- transactions --- */

static void begin(struct kp_spool *spool, bool writing)
{
    KP_ASSERT(spool->magic == MAGIC && spool->txn == NULL);
    spool->err = KP_OK;
    spool->writing = writing;
    int code = mdb_txn_begin(spool->env, NULL, writing ? 0 : MDB_RDONLY, &spool->txn);
    if (code != 0) {
        spool->txn = NULL;
        fail_mdb(spool, code, "begin");
    }
}

void kp_spool_begin(struct kp_spool *spool)
{
    begin(spool, true);
}

void kp_spool_begin_read(struct kp_spool *spool)
{
    begin(spool, false);
}

bool kp_spool_in_transaction(const struct kp_spool *spool)
{
    return spool->txn != NULL;
}

bool kp_spool_ok(const struct kp_spool *spool)
{
    return spool->err == KP_OK;
}

enum kp_err kp_spool_commit(struct kp_spool *spool, struct kp_diag *reterr_diag)
{
    if (spool->err == KP_OK) {
        KP_ASSERT(spool->txn != NULL);
        int code = mdb_txn_commit(spool->txn);
        spool->txn = NULL;
        if (code != 0) {
            fail_mdb(spool, code, "commit");
        }
    }
    enum kp_err err = spool->err;
    if (err != KP_OK) {
        (void)kp_fail(reterr_diag, err, "the spool: %s", spool->what);
    }
    kp_spool_abort(spool);
    return err;
}

void kp_spool_abort(struct kp_spool *spool)
{
    if (spool->txn != NULL) {
        mdb_txn_abort(spool->txn);
        spool->txn = NULL;
    }
    spool->err = KP_OK;
}

/* --- bytes under keys --- */

bool kp_spool_get(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key,
                  struct kp_slice *ret_value)
{
    if (spool->err != KP_OK) {
        return false;
    }
    MDB_val mdb_key = val_of(key);
    MDB_val value;
    int code = mdb_get(spool->txn, spool->tables[table], &mdb_key, &value);
    if (code == MDB_NOTFOUND) {
        return false;
    }
    if (code != 0) {
        fail_mdb(spool, code, table_names[table]);
        return false;
    }
    *ret_value = slice_of(value);
    return true;
}

void kp_spool_put(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key,
                  struct kp_slice value)
{
    if (spool->err != KP_OK) {
        return;
    }
    KP_ASSERT(spool->writing);
    MDB_val mdb_key = val_of(key);
    MDB_val mdb_value = val_of(value);
    int code = mdb_put(spool->txn, spool->tables[table], &mdb_key, &mdb_value, 0);
    if (code != 0) {
        fail_mdb(spool, code, table_names[table]);
    }
}

void kp_spool_delete(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key)
{
    if (spool->err != KP_OK) {
        return;
    }
    KP_ASSERT(spool->writing);
    MDB_val mdb_key = val_of(key);
    int code = mdb_del(spool->txn, spool->tables[table], &mdb_key, NULL);
    if (code != 0 && code != MDB_NOTFOUND) {
        fail_mdb(spool, code, table_names[table]);
    }
}

bool kp_spool_after(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key,
                    struct kp_slice *ret_key, struct kp_slice *ret_value)
{
    if (spool->err != KP_OK) {
        return false;
    }
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(spool->txn, spool->tables[table], &cursor);
    if (code != 0) {
        fail_mdb(spool, code, table_names[table]);
        return false;
    }
    MDB_val mdb_key = val_of(key);
    MDB_val value;
    code = mdb_cursor_get(cursor, &mdb_key, &value, key.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    if (code == 0 && kp_slice_equal(slice_of(mdb_key), key)) {
        code = mdb_cursor_get(cursor, &mdb_key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) {
        return false;
    }
    if (code != 0) {
        fail_mdb(spool, code, table_names[table]);
        return false;
    }
    *ret_key = slice_of(mdb_key);
    *ret_value = slice_of(value);
    return true;
}

uint64_t kp_spool_count(struct kp_spool *spool, enum kp_spool_table table)
{
    MDB_stat stat;
    if (spool->err != KP_OK) {
        return 0;
    }
    int code = mdb_stat(spool->txn, spool->tables[table], &stat);
    if (code != 0) {
        fail_mdb(spool, code, table_names[table]);
        return 0;
    }
    return stat.ms_entries;
}

bool kp_spool_is_full(struct kp_spool *spool)
{
    return kp_spool_counter(spool, KP_COUNTER_USED) >= spool->bytes_max;
}
