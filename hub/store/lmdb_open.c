/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The store's own rows, in the table "own":
 *
 *   "start" u32  nonce 12 || sealed salt 32: each start of the program makes a subkey of the epoch
 *                key with its own salt, so that a counter can be its nonce
 *   "sums"       a row as any other: what kp_lmdb_sums holds. First 255, by which an earlier
 *                program knows that it does not know it; or, written by an earlier program, the
 *                number of tables and their set hashes alone
 */
#include "store/lmdb_impl.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCRATCH_BYTES_DEFAULT ((uint64_t)32 << 20)
#define SALT_BYTES 32u
#define START_BYTES (KP_NONCE_BYTES + SALT_BYTES + KP_AEAD_TAG_BYTES)
#define STARTS_MAX 1000000u
/* First byte of the row "sums". Before it: 252, persons without birth dates; 253, one decision of
 * two forms; 254, keys with other witnesses; 255, rows each by itself; the number of tables, no
 * log. */
#define SUMS_FORMAT 251u
#define SUMS_LOG_BYTES (24u + 3u * 8u + 2u + KP_STORE_KEY_BYTES_MAX)
#define SUMS_BYTES (2u + KP_TABLE_END * 32u + SUMS_LOG_BYTES)
#define SUMS_BYTES_MAX (2u + SUMS_FORMAT * 32u + SUMS_LOG_BYTES)
/* More rows share more pages when they are swept. All that waits takes about twice this memory, of
 * the 256 MiB that the hub's heap may have. */
#define DELTA_ROWS_DEFAULT 1400000u
#define DELTA_BYTES_DEFAULT ((uint64_t)96 << 20)

_Static_assert(KP_TABLE_END < SUMS_FORMAT, "a table's number is one byte on disk");

/* Derived from the master secret, wanted only while opening. */
struct open_keys {
    struct kp_secret epoch, start;
};

static struct kp_slice sums_name(void)
{
    return KP_SLICE_LIT("sums");
}

static struct kp_key start_name(uint32_t number)
{
    struct kp_key key = kp_key_raw(kp_key_none(), KP_SLICE_LIT("start"));
    return kp_key_u16(kp_key_u16(key, (uint16_t)(number >> 16)), (uint16_t)number);
}

/* --- starts --- */

static void derive_subkey(const struct open_keys *keys, const uint8_t salt[SALT_BYTES],
                          struct kp_secret *ret_subkey)
{
    kp_hkdf(&keys->epoch, kp_slice_of(salt, SALT_BYTES), "knooppunt.store.start.v1", ret_subkey);
}

static enum kp_err load_start(struct kp_lmdb *store, const struct open_keys *keys,
                              struct kp_aead *aead, uint32_t number, MDB_val value,
                              struct kp_diag *reterr_diag)
{
    uint8_t salt[SALT_BYTES];
    struct kp_key name = start_name(number);
    const uint8_t *bytes = value.mv_data;
    if (value.mv_size != START_BYTES ||
        kp_aead_open(aead, &keys->start, bytes, kp_key_slice(&name),
                     kp_slice_of(bytes + KP_NONCE_BYTES, START_BYTES - KP_NONCE_BYTES),
                     salt) != KP_OK) {
        return kp_fail(reterr_diag, KP_E_CORRUPT,
                       "the store does not open: altered, or another master secret");
    }
    derive_subkey(keys, salt, &store->keys.subkeys[number - 1]);
    return KP_OK;
}

static void grow_subkeys(struct kp_lmdb *store, uint32_t capacity)
{
    struct kp_secret *subkeys = calloc(capacity, sizeof *subkeys);
    KP_ASSERT(subkeys != NULL);
    for (uint32_t i = 0; i < store->keys.start_count; i++) {
        subkeys[i] = store->keys.subkeys[i];
        kp_secret_done(&store->keys.subkeys[i]);
    }
    free(store->keys.subkeys);
    store->keys.subkeys = subkeys;
}

/* Starts are numbered from 1 without gaps. */
static enum kp_err load_starts(struct kp_lmdb *store, const struct open_keys *keys,
                               struct kp_aead *aead, MDB_txn *txn, struct kp_diag *reterr_diag)
{
    uint32_t capacity = 0;
    for (uint32_t number = 1; number < STARTS_MAX; number++) {
        struct kp_key name = start_name(number);
        MDB_val key = kp_env_val(kp_key_slice(&name));
        MDB_val value;
        int code = mdb_get(txn, store->own, &key, &value);
        if (code == MDB_NOTFOUND) {
            return KP_OK;
        }
        if (code != MDB_SUCCESS) {
            return kp_env_fail(reterr_diag, code, "cannot read the starts");
        }
        if (number > capacity) {
            capacity = 2 * capacity + 16;
            grow_subkeys(store, capacity);
        }
        enum kp_err err = load_start(store, keys, aead, number, value, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
        store->keys.start_count = number;
    }
    return kp_fail(reterr_diag, KP_E_LIMIT, "the store was started %u times; rebuild it",
                   STARTS_MAX);
}

static int add_start(struct kp_lmdb *store, const struct open_keys *keys, struct kp_aead *aead,
                     MDB_txn *txn)
{
    uint8_t salt[SALT_BYTES];
    uint8_t bytes[START_BYTES];
    uint32_t number = store->keys.start_count + 1;
    struct kp_key name = start_name(number);
    kp_random(salt, sizeof salt);
    kp_random(bytes, KP_NONCE_BYTES);
    kp_aead_seal(aead, &keys->start, bytes, kp_key_slice(&name), kp_slice_of(salt, sizeof salt),
                 bytes + KP_NONCE_BYTES);
    grow_subkeys(store, number);
    derive_subkey(keys, salt, &store->keys.subkeys[number - 1]);
    store->keys.start_count = number;
    MDB_val key = kp_env_val(kp_key_slice(&name));
    MDB_val value = kp_env_val(kp_slice_of(bytes, sizeof bytes));
    return mdb_put(txn, store->own, &key, &value, MDB_NOOVERWRITE);
}

/* --- sums --- */

static void put_hash(struct kp_writer *writer, const struct kp_set_hash *hash)
{
    kp_put_u64(writer, hash->high);
    kp_put_u64(writer, hash->low);
    kp_put_u64(writer, hash->rows);
}

static int put_sums(struct kp_lmdb *store, struct kp_aead *aead, MDB_txn *txn,
                    const struct kp_lmdb_sums *sums)
{
    uint8_t plain[SUMS_BYTES];
    uint8_t raw[SUMS_BYTES + KP_ROW_OVERHEAD_MAX];
    struct kp_diag diag;
    struct kp_writer writer;
    struct kp_row_place place = {.table = KP_TABLE_NONE, .key = sums_name()};
    kp_writer_init(&writer, plain, sizeof plain);
    kp_put_u8(&writer, SUMS_FORMAT);
    kp_put_u8(&writer, KP_TABLE_END);
    for (int table = 0; table < KP_TABLE_END; table++) {
        put_hash(&writer, &sums->tables[table]);
        kp_put_u64(&writer, sums->rows[table]);
    }
    put_hash(&writer, &sums->log);
    kp_put_u64(&writer, sums->log_next);
    kp_put_u64(&writer, sums->log_dead);
    kp_put_u64(&writer, sums->sweep_end);
    kp_put_u8(&writer, (uint8_t)sums->swept_table);
    kp_put_u8(&writer, (uint8_t)sums->swept.size);
    kp_put_raw(&writer, kp_key_slice(&sums->swept));
    KP_ASSERT(kp_writer_ok(&writer));
    enum kp_err err = kp_row_seal(&store->keys, aead, place, kp_writer_slice(&writer),
                                  KP_SUBJECT_NONE, raw, &diag);
    KP_ASSERT(err == KP_OK); /* a row about nobody needs nothing from the keyring */
    MDB_val key = kp_env_val(place.key);
    MDB_val value =
        kp_env_val(kp_slice_of(raw, kp_row_bytes(kp_writer_slice(&writer).size, KP_SUBJECT_NONE)));
    return mdb_put(txn, store->own, &key, &value, 0);
}

int kp_lmdb_write_sums(struct kp_lmdb_txn *txn)
{
    return put_sums(txn->store, txn->aead, txn->mdb, &txn->sums);
}

static enum kp_err fail_sums(struct kp_diag *reterr_diag)
{
    return kp_fail(reterr_diag, KP_E_CORRUPT, "the sums of the tables are missing or altered");
}

static void get_hash(struct kp_reader *reader, struct kp_set_hash *ret_hash)
{
    ret_hash->high = kp_get_u64(reader);
    ret_hash->low = kp_get_u64(reader);
    ret_hash->rows = kp_get_u64(reader);
}

static void get_log(struct kp_reader *reader, struct kp_lmdb_sums *ret_sums)
{
    get_hash(reader, &ret_sums->log);
    ret_sums->log_next = kp_get_u64(reader);
    ret_sums->log_dead = kp_get_u64(reader);
    ret_sums->sweep_end = kp_get_u64(reader);
    ret_sums->swept_table = (enum kp_table)kp_get_u8(reader);
    size_t key_bytes = kp_get_u8(reader);
    if (key_bytes <= KP_STORE_KEY_BYTES_MAX) { /* else bytes are left, which is an error */
        ret_sums->swept = kp_key_raw(kp_key_none(), kp_get_raw(reader, key_bytes));
    }
}

static enum kp_err decode_sums(struct kp_slice plain, struct kp_lmdb_sums *ret_sums,
                               struct kp_diag *reterr_diag)
{
    struct kp_reader reader;
    kp_reader_init(&reader, plain);
    if (kp_get_u8(&reader) != SUMS_FORMAT) {
        return kp_fail(
            reterr_diag, KP_E_STATE,
            "the store is of a development version before 0.1.0, or of a later one: this "
            "program cannot read it");
    }
    uint8_t count = kp_get_u8(&reader);
    if (count > KP_TABLE_END) {
        return kp_fail(reterr_diag, KP_E_CORRUPT, "the store has tables of a later version");
    }
    *ret_sums = (struct kp_lmdb_sums){.log_next = 1};
    for (uint8_t table = 0; table < count; table++) {
        get_hash(&reader, &ret_sums->tables[table]);
        ret_sums->rows[table] = kp_get_u64(&reader);
    }
    get_log(&reader, ret_sums);
    return kp_reader_done(&reader) ? KP_OK : fail_sums(reterr_diag);
}

enum kp_err kp_lmdb_read_sums(const struct kp_lmdb *store, struct kp_aead *aead, MDB_txn *txn,
                              struct kp_lmdb_sums *ret_sums, struct kp_diag *reterr_diag)
{
    uint8_t plain[SUMS_BYTES_MAX];
    struct kp_row_place place = {.table = KP_TABLE_NONE, .key = sums_name()};
    MDB_val key = kp_env_val(place.key);
    MDB_val value;
    size_t size = 0;
    int code = mdb_get(txn, store->own, &key, &value);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) {
        return kp_env_fail(reterr_diag, code, "cannot read the sums");
    }
    if (code == MDB_NOTFOUND || !kp_row_value_bytes(kp_env_slice(value), &size) ||
        size > sizeof plain ||
        kp_row_open(&store->keys, aead, place, kp_env_slice(value), plain, reterr_diag) != KP_OK) {
        return fail_sums(reterr_diag);
    }
    return decode_sums(kp_slice_of(plain, size), ret_sums, reterr_diag);
}

/* --- open and close --- */

static int open_tables(struct kp_lmdb *store, MDB_txn *txn)
{
    unsigned flags = store->read_only ? 0 : MDB_CREATE;
    int code = mdb_dbi_open(txn, "own", flags, &store->own);
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END && code == MDB_SUCCESS; table++) {
        code = mdb_dbi_open(txn, kp_table_name((enum kp_table)table), flags, &store->tables[table]);
    }
    return code;
}

static bool is_empty(const struct kp_lmdb *store, MDB_txn *txn)
{
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        MDB_stat stat;
        if (mdb_stat(txn, store->tables[table], &stat) != MDB_SUCCESS || stat.ms_entries > 0) {
            return false;
        }
    }
    return true;
}

static enum kp_err load(struct kp_lmdb *store, const struct open_keys *keys, struct kp_aead *aead,
                        MDB_txn *txn, struct kp_diag *reterr_diag)
{
    int code = open_tables(store, txn);
    if (code == MDB_SUCCESS) {
        code = mdb_dbi_open(txn, "log", store->read_only ? 0 : MDB_CREATE, &store->log);
    }
    if (code == MDB_NOTFOUND) {
        return kp_fail(
            reterr_diag, KP_E_STATE,
            "the store is of an earlier version and has not all tables yet: the hub makes "
            "them when it starts");
    }
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot open the tables");
    }
    enum kp_err err = load_starts(store, keys, aead, txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (store->keys.start_count > 0) {
        err = kp_lmdb_read_sums(store, aead, txn, &store->sums, reterr_diag);
    } else if (store->read_only || !is_empty(store, txn)) {
        err = kp_fail(reterr_diag, KP_E_CORRUPT, "the store's own rows are missing");
    }
    if (err == KP_OK) {
        err = kp_delta_log_load(store, aead, txn, reterr_diag);
    }
    if (err != KP_OK || store->read_only) {
        return err;
    }
    code = add_start(store, keys, aead, txn);
    if (code == MDB_SUCCESS) {
        code = put_sums(store, aead, txn, &store->sums);
    }
    return code == MDB_SUCCESS ? KP_OK : kp_env_fail(reterr_diag, code, "cannot start the store");
}

static enum kp_err load_in_txn(struct kp_lmdb *store, const struct kp_secret *master,
                               struct kp_diag *reterr_diag)
{
    struct open_keys keys;
    MDB_txn *txn = NULL;
    int code = kp_env_begin(store->env, store->read_only ? MDB_RDONLY : 0, &txn);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin on the store");
    }
    kp_hkdf(master, KP_SLICE_EMPTY, "knooppunt.store.epoch.v1", &keys.epoch);
    kp_hkdf(master, KP_SLICE_EMPTY, "knooppunt.store.salt.v1", &keys.start);
    kp_hkdf(master, KP_SLICE_EMPTY, "knooppunt.store.set.v1", &store->set_key);
    struct kp_aead *aead = kp_aead_new();
    enum kp_err err = load(store, &keys, aead, txn, reterr_diag);
    kp_aead_free(aead);
    kp_secret_done(&keys.epoch);
    kp_secret_done(&keys.start);
    if (err != KP_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    code = kp_env_commit(txn);
    return code == MDB_SUCCESS ? KP_OK : kp_env_fail(reterr_diag, code, "cannot start the store");
}

void kp_lmdb_free(struct kp_lmdb *store)
{
    (void)kp_lmdb_txn_free(store->writer);
    while (store->spare != NULL) {
        struct kp_lmdb_txn *txn = store->spare;
        store->spare = txn->next;
        (void)kp_lmdb_txn_free(txn);
    }
    for (uint32_t i = 0; i < store->keys.start_count; i++) {
        kp_secret_done(&store->keys.subkeys[i]);
    }
    free(store->keys.subkeys);
    kp_secret_done(&store->set_key);
    kp_delta_view_free(store->view);
    store->foreseen = kp_foreseen_free(store->foreseen);
    kp_census_done(&store->census);
    (void)pthread_mutex_destroy(&store->mutex);
    (void)kp_env_close(store->env);
    free(store);
}

static uint64_t delta_rows(const struct kp_lmdb *store)
{
    uint64_t rows = 0;
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        rows += kp_table_is_delta((enum kp_table)table) ? store->sums.rows[table] : 0;
    }
    return rows;
}

enum kp_err kp_store_open_lmdb(const struct kp_store_options *options, struct kp_store *ret_store,
                               struct kp_diag *reterr_diag)
{
    struct kp_env_options env_options = {.dir = options->dir,
                                         .map_bytes = options->map_bytes,
                                         .tables_max = KP_TABLE_END + 4,
                                         .read_only = options->read_only};
    struct kp_lmdb *store = calloc(1, sizeof *store);
    KP_ASSERT(store != NULL);
    store->keys.ring = options->ring;
    store->read_only = options->read_only;
    store->sums.log_next = 1;
    store->delta_rows_max =
        options->delta_rows_max == 0 ? DELTA_ROWS_DEFAULT : options->delta_rows_max;
    store->delta_bytes_max =
        options->delta_bytes_max == 0 ? DELTA_BYTES_DEFAULT : options->delta_bytes_max;
    store->scratch_bytes =
        options->scratch_bytes == 0 ? SCRATCH_BYTES_DEFAULT : options->scratch_bytes;
    (void)pthread_mutex_init(&store->mutex, NULL);
    enum kp_err err = kp_env_open(&env_options, &store->env, reterr_diag);
    if (err == KP_OK) {
        err = load_in_txn(store, options->master, reterr_diag);
    }
    if (err != KP_OK) {
        kp_lmdb_free(store);
        return err;
    }
    if (!store->read_only) {
        store->writer = kp_lmdb_txn_new(store);
        store->writer->set_cipher = kp_block_cipher_new(&store->set_key);
        store->foreseen = kp_foreseen_new();
        kp_census_init(&store->census, delta_rows(store));
    }
    struct kp_store opened = {.ops = &kp_lmdb_ops, .impl = store};
    err = kp_lmdb_verify_meta(&opened, reterr_diag);
    if (err != KP_OK) {
        kp_lmdb_free(store);
        return err;
    }
    *ret_store = opened;
    return KP_OK;
}

/* --- figures and copies --- */

/* Pages that LMDB keeps for use again: each row of its table 0 begins with how many it lists. */
static int count_free_pages(MDB_txn *txn, uint64_t *ret_pages)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    uint64_t pages = 0;
    int code = mdb_cursor_open(txn, /* LMDB's own list of free pages */ 0, &cursor);
    while (code == MDB_SUCCESS) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (code == MDB_SUCCESS) {
            size_t count = 0;
            memcpy(&count, value.mv_data, sizeof count);
            pages += count;
        }
    }
    mdb_cursor_close(cursor);
    *ret_pages = pages;
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

static enum kp_err fill_stat(struct kp_lmdb *store, struct kp_lmdb_txn *txn,
                             struct kp_store_stat *ret_stat, struct kp_diag *reterr_diag)
{
    struct kp_lmdb_sums sums = {.log_next = 0};
    MDB_envinfo info;
    MDB_stat env_stat;
    struct stat file_stat;
    mdb_filehandle_t file;
    uint64_t free_pages = 0;
    int dead = 0;
    int code = mdb_reader_check(store->env, &dead);
    if (code == MDB_SUCCESS) {
        code = mdb_env_info(store->env, &info);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_env_stat(store->env, &env_stat);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_env_get_fd(store->env, &file);
    }
    if (code == MDB_SUCCESS) {
        code = count_free_pages(txn->mdb, &free_pages);
    }
    if (code == MDB_SUCCESS && fstat(file, &file_stat) != 0) {
        code = errno;
    }
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot read the store's figures");
    }
    enum kp_err err = kp_lmdb_read_sums(store, txn->aead, txn->mdb, &sums, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    *ret_stat = (struct kp_store_stat){
        .file_bytes = (uint64_t)file_stat.st_size,
        .used_bytes = (info.me_last_pgno + 1 - free_pages) * env_stat.ms_psize,
        .map_bytes = info.me_mapsize,
        .readers = info.me_numreaders,
        .stale_readers_cleared = (uint32_t)dead,
    };
    for (int table = 0; table < KP_TABLE_END; table++) {
        ret_stat->rows += sums.rows[table];
    }
    kp_delta_view_figures(txn->view, 0, &ret_stat->waiting_rows, &ret_stat->waiting_bytes);
    return KP_OK;
}

enum kp_err kp_store_stat(struct kp_store *store, struct kp_store_stat *ret_stat,
                          struct kp_diag *reterr_diag)
{
    struct kp_txn *txn = NULL;
    KP_ASSERT(store->ops == &kp_lmdb_ops);
    enum kp_err err = kp_txn_begin(store, /* write= */ false, &txn, reterr_diag);
    if (err == KP_OK) {
        err = fill_stat(store->impl, kp_lmdb_txn_of(txn), ret_stat, reterr_diag);
        kp_txn_abort(txn);
    }
    return err;
}

enum kp_err kp_store_copy(struct kp_store *store, const char *dir, struct kp_diag *reterr_diag)
{
    KP_ASSERT(store->ops == &kp_lmdb_ops);
    const struct kp_lmdb *lmdb = store->impl;
    return kp_env_copy(lmdb->env, dir, /* compact= */ false, reterr_diag);
}
