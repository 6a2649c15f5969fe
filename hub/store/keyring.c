/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One named database for each kind, so that ascending ids fill their pages: id u64 -> nonce 12 ||
 * sealed key 48. Kind and id are authenticated with the key, so that a wrapped key moved to another
 * id does not open. Row 0 of the database "ring" is a known wrapped secret: another master is found
 * at open.
 */
#include "store/keyring.h"

#include "base/assert.h"
#include "store/env.h"
#include "store/keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WRAPPED_BYTES (KP_NONCE_BYTES + KP_KEY_BYTES + KP_AEAD_TAG_BYTES)
#define KIND_CANARY 0
/* Keys that were used a moment ago: a signal reads and writes the same person's rows. */
#define CACHE_SLOTS_PERSON                                                                         \
    (1u << 18) /* 12 MB when all are used: a key that is not here is two pages away */
#define CACHE_SLOTS 256u
#define MAP_BYTES (UINT64_C(64) << 30) /* sparse; room for hundreds of millions of keys */
#define PENDING_CAPACITY_FIRST 256u

struct key_entry {
    uint64_t id;
    struct kp_secret key;
};

/* New keys of one kind that are not on disk yet, in the order they were made. Changed only by the
 * kind's own thread, with the mutex held; read by that thread without it. */
struct pending {
    struct key_entry *entries;
    uint32_t *index; /* by hash of the id: place in entries + 1, 0 where free; twice the capacity */
    uint32_t count, capacity;
};

struct cache_slot {
    uint64_t id;
    bool used;
    struct kp_secret key;
};

struct kp_keyring {
    MDB_env *env;
    MDB_dbi tables[KP_KEYRING_KIND_END];
    struct kp_secret wrapping;
    pthread_mutex_t mutex; /* guards what follows */
    MDB_txn *reader;       /* reset between uses, so that it holds no pages */
    struct kp_aead *aead;
    struct pending pending[KP_KEYRING_KIND_END];
    struct cache_slot *cache[KP_KEYRING_KIND_END];
};

static const char *const table_names[KP_KEYRING_KIND_END] = {
    [KIND_CANARY] = "ring",
    [KP_KEYRING_PERSON] = "person",
    [KP_KEYRING_JOURNAL] = "journal",
    [KP_KEYRING_HEAD] = "head",
};

static uint64_t mix(uint64_t id)
{
    id = (id ^ (id >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    return id ^ (id >> 29);
}

/* --- wrapping --- */

static struct kp_key associated_of(enum kp_keyring_kind kind, uint64_t id)
{
    return kp_key_u64(kp_key_u8(kp_key_none(), (uint8_t)kind), id);
}

static void wrap(const struct kp_keyring *ring, struct kp_aead *aead, enum kp_keyring_kind kind,
                 const struct key_entry *entry, uint8_t ret_wrapped[WRAPPED_BYTES])
{
    struct kp_key associated = associated_of(kind, entry->id);
    kp_random(ret_wrapped, KP_NONCE_BYTES);
    kp_aead_seal(aead, &ring->wrapping, ret_wrapped, kp_key_slice(&associated),
                 kp_slice_of(entry->key.bytes, KP_KEY_BYTES), ret_wrapped + KP_NONCE_BYTES);
}

static enum kp_err unwrap(const struct kp_keyring *ring, struct kp_aead *aead,
                          enum kp_keyring_kind kind, uint64_t id, MDB_val wrapped,
                          struct kp_secret *ret_key, struct kp_diag *reterr_diag)
{
    struct kp_key associated = associated_of(kind, id);
    const uint8_t *bytes = wrapped.mv_data;
    if (wrapped.mv_size != WRAPPED_BYTES ||
        kp_aead_open(aead, &ring->wrapping, bytes, kp_key_slice(&associated),
                     kp_slice_of(bytes + KP_NONCE_BYTES, WRAPPED_BYTES - KP_NONCE_BYTES),
                     ret_key->bytes) != KP_OK) {
        return kp_fail(reterr_diag, KP_E_CORRUPT,
                       "a key of kind %u in the keyring does not open: altered, or another master "
                       "secret",
                       (unsigned)kind);
    }
    return KP_OK;
}

/* --- keys that wait --- */

static struct key_entry *pending_find(const struct pending *pending, uint64_t id)
{
    if (pending->count == 0) {
        return NULL;
    }
    uint32_t mask = 2 * pending->capacity - 1;
    for (uint32_t slot = (uint32_t)mix(id) & mask; pending->index[slot] != 0;
         slot = (slot + 1) & mask) {
        struct key_entry *entry = &pending->entries[pending->index[slot] - 1];
        if (entry->id == id) {
            return entry;
        }
    }
    return NULL;
}

static void pending_index(struct pending *pending, uint32_t place)
{
    uint32_t mask = 2 * pending->capacity - 1;
    uint32_t slot = (uint32_t)mix(pending->entries[place].id) & mask;
    while (pending->index[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    pending->index[slot] = place + 1;
}

static void entries_free(struct key_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        kp_secret_done(&entries[i].key);
    }
    free(entries);
}

static void pending_grow(struct pending *pending)
{
    uint32_t capacity = pending->capacity == 0 ? PENDING_CAPACITY_FIRST : 2 * pending->capacity;
    KP_ASSERT(capacity > pending->capacity);
    /* Not realloc: the old place would keep the keys. */
    struct key_entry *entries = malloc(capacity * sizeof *entries);
    uint32_t *index = calloc((size_t)2 * capacity, sizeof *index);
    KP_ASSERT(entries != NULL && index != NULL);
    if (pending->count > 0) {
        memcpy(entries, pending->entries, pending->count * sizeof *entries);
    }
    entries_free(pending->entries, pending->count);
    free(pending->index);
    pending->entries = entries;
    pending->index = index;
    pending->capacity = capacity;
    for (uint32_t place = 0; place < pending->count; place++) {
        pending_index(pending, place);
    }
}

static void pending_add(struct pending *pending, const struct key_entry *entry)
{
    if (pending->count == pending->capacity) {
        pending_grow(pending);
    }
    pending->entries[pending->count] = *entry;
    pending_index(pending, pending->count);
    pending->count++;
}

static void pending_clear(struct pending *pending)
{
    for (uint32_t i = 0; i < pending->count; i++) {
        kp_secret_done(&pending->entries[i].key);
    }
    if (pending->count > 0) {
        memset(pending->index, 0, (size_t)2 * pending->capacity * sizeof *pending->index);
    }
    pending->count = 0;
}

/* --- open and close --- */

static uint32_t cache_slots(enum kp_keyring_kind kind)
{
    return kind == KP_KEYRING_PERSON ? CACHE_SLOTS_PERSON : CACHE_SLOTS;
}

static struct cache_slot *cache_slot_of(struct kp_keyring *ring, enum kp_keyring_kind kind,
                                        uint64_t id)
{
    return &ring->cache[kind][mix(id) % cache_slots(kind)];
}

static void cache_forget_below(struct kp_keyring *ring, enum kp_keyring_kind kind, uint64_t below)
{
    (void)pthread_mutex_lock(&ring->mutex);
    for (uint32_t i = 0; i < cache_slots(kind); i++) {
        struct cache_slot *slot = &ring->cache[kind][i];
        if (slot->used && slot->id < below) {
            kp_secret_done(&slot->key);
            slot->used = false;
        }
    }
    (void)pthread_mutex_unlock(&ring->mutex);
}

/* A new ring gets its canary; an old one must open it. */
static enum kp_err check_canary(struct kp_keyring *ring, MDB_txn *txn, struct kp_diag *reterr_diag)
{
    struct key_entry canary = {.id = 0};
    struct kp_key name = kp_key_u64(kp_key_none(), canary.id);
    MDB_val key = kp_env_val(kp_key_slice(&name));
    MDB_val value;
    int code = mdb_get(txn, ring->tables[KIND_CANARY], &key, &value);
    if (code == MDB_SUCCESS) {
        return unwrap(ring, ring->aead, KIND_CANARY, canary.id, value, &canary.key, reterr_diag);
    }
    if (code != MDB_NOTFOUND) {
        return kp_env_fail(reterr_diag, code, "cannot read the keyring");
    }
    uint8_t wrapped[WRAPPED_BYTES];
    wrap(ring, ring->aead, KIND_CANARY, &canary, wrapped);
    value = kp_env_val(kp_slice_of(wrapped, sizeof wrapped));
    code = mdb_put(txn, ring->tables[KIND_CANARY], &key, &value, MDB_NOOVERWRITE);
    return code == MDB_SUCCESS ? KP_OK : kp_env_fail(reterr_diag, code, "cannot make the keyring");
}

static enum kp_err open_tables(struct kp_keyring *ring, struct kp_diag *reterr_diag)
{
    MDB_txn *txn = NULL;
    int code = kp_env_begin(ring->env, 0, &txn);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin on the keyring");
    }
    for (int kind = 0; kind < KP_KEYRING_KIND_END && code == MDB_SUCCESS; kind++) {
        code = mdb_dbi_open(txn, table_names[kind], MDB_CREATE, &ring->tables[kind]);
    }
    enum kp_err err = code == MDB_SUCCESS
                          ? check_canary(ring, txn, reterr_diag)
                          : kp_env_fail(reterr_diag, code, "cannot open the keyring's tables");
    if (err != KP_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    code = kp_env_commit(txn);
    if (code == MDB_SUCCESS) {
        code = kp_env_begin(ring->env, MDB_RDONLY, &ring->reader);
    }
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot open the keyring");
    }
    mdb_txn_reset(ring->reader);
    return KP_OK;
}

enum kp_err kp_keyring_open(const char *dir, const struct kp_secret *master,
                            struct kp_keyring **ret_ring, struct kp_diag *reterr_diag)
{
    struct kp_env_options options = {
        .dir = dir, .map_bytes = MAP_BYTES, .tables_max = KP_KEYRING_KIND_END};
    MDB_env *env = NULL;
    enum kp_err err = kp_env_open(&options, &env, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_keyring *ring = calloc(1, sizeof *ring);
    KP_ASSERT(ring != NULL);
    ring->env = env;
    ring->aead = kp_aead_new();
    for (int kind = 0; kind < KP_KEYRING_KIND_END; kind++) {
        ring->cache[kind] =
            calloc(cache_slots((enum kp_keyring_kind)kind), sizeof *ring->cache[kind]);
        KP_ASSERT(ring->cache[kind] != NULL);
    }
    kp_hkdf(master, KP_SLICE_EMPTY, "knooppunt.keyring.v1", &ring->wrapping);
    pthread_mutexattr_t brief;
    KP_ASSERT(pthread_mutexattr_init(&brief) == 0);
    /* Held for a microsecond or two: to sleep for it takes longer. */
    KP_ASSERT(pthread_mutexattr_settype(&brief, PTHREAD_MUTEX_ADAPTIVE_NP) == 0);
    KP_ASSERT(pthread_mutex_init(&ring->mutex, &brief) == 0);
    (void)pthread_mutexattr_destroy(&brief);
    err = open_tables(ring, reterr_diag);
    if (err != KP_OK) {
        (void)kp_keyring_close(ring);
        return err;
    }
    *ret_ring = ring;
    return KP_OK;
}

struct kp_keyring *kp_keyring_close(struct kp_keyring *ring)
{
    if (ring == NULL) {
        return NULL;
    }
    if (ring->reader != NULL) {
        mdb_txn_abort(ring->reader);
    }
    for (int kind = 0; kind < KP_KEYRING_KIND_END; kind++) {
        entries_free(ring->pending[kind].entries, ring->pending[kind].count);
        free(ring->pending[kind].index);
        cache_forget_below(ring, (enum kp_keyring_kind)kind, UINT64_MAX);
        free(ring->cache[kind]);
    }
    kp_aead_free(ring->aead);
    kp_secret_done(&ring->wrapping);
    (void)pthread_mutex_destroy(&ring->mutex);
    (void)kp_env_close(ring->env);
    free(ring);
    return NULL;
}

/* --- find, make, commit --- */

static enum kp_err read_key(struct kp_keyring *ring, enum kp_keyring_kind kind, uint64_t id,
                            struct kp_secret *ret_key, struct kp_diag *reterr_diag)
{
    int code = kp_env_begin(ring->env, MDB_RDONLY, &ring->reader);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot read the keyring");
    }
    struct kp_key name = kp_key_u64(kp_key_none(), id);
    MDB_val key = kp_env_val(kp_key_slice(&name));
    MDB_val value;
    enum kp_err err;
    code = mdb_get(ring->reader, ring->tables[kind], &key, &value);
    if (code == MDB_NOTFOUND) {
        err =
            kp_fail(reterr_diag, KP_E_NOT_FOUND, "no key of kind %u with this id", (unsigned)kind);
    } else if (code != MDB_SUCCESS) {
        err = kp_env_fail(reterr_diag, code, "cannot read the keyring");
    } else {
        err = unwrap(ring, ring->aead, kind, id, value, ret_key, reterr_diag);
    }
    mdb_txn_reset(ring->reader);
    return err;
}

/* With the mutex held. */
static enum kp_err find_locked(struct kp_keyring *ring, enum kp_keyring_kind kind, uint64_t id,
                               struct kp_secret *ret_key, struct kp_diag *reterr_diag)
{
    struct cache_slot *slot = cache_slot_of(ring, kind, id);
    if (slot->used && slot->id == id) {
        *ret_key = slot->key;
        return KP_OK;
    }
    const struct key_entry *entry = pending_find(&ring->pending[kind], id);
    if (entry != NULL) {
        *ret_key = entry->key;
        return KP_OK;
    }
    enum kp_err err = read_key(ring, kind, id, ret_key, reterr_diag);
    if (err == KP_OK) {
        *slot = (struct cache_slot){.id = id, .used = true, .key = *ret_key};
    }
    return err;
}

enum kp_err kp_keyring_find(struct kp_keyring *ring, enum kp_keyring_kind kind, uint64_t id,
                            struct kp_secret *ret_key, struct kp_diag *reterr_diag)
{
    (void)pthread_mutex_lock(&ring->mutex);
    enum kp_err err = find_locked(ring, kind, id, ret_key, reterr_diag);
    (void)pthread_mutex_unlock(&ring->mutex);
    return err;
}

enum kp_err kp_keyring_make(struct kp_keyring *ring, enum kp_keyring_kind kind, uint64_t id,
                            struct kp_secret *ret_key, struct kp_diag *reterr_diag)
{
    (void)pthread_mutex_lock(&ring->mutex);
    enum kp_err err = find_locked(ring, kind, id, ret_key, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        struct key_entry entry = {.id = id};
        kp_random(entry.key.bytes, sizeof entry.key.bytes);
        pending_add(&ring->pending[kind], &entry);
        *ret_key = entry.key;
        kp_secret_done(&entry.key);
        err = KP_OK;
    }
    (void)pthread_mutex_unlock(&ring->mutex);
    return err;
}

static int write_pending(struct kp_keyring *ring, enum kp_keyring_kind kind, MDB_txn *txn,
                         struct kp_aead *aead)
{
    const struct pending *pending = &ring->pending[kind];
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int code = mdb_cursor_open(txn, ring->tables[kind], &cursor);
    if (code != MDB_SUCCESS) {
        return code;
    }
    struct kp_key last = kp_key_none(); /* the empty key comes before every other */
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code == MDB_SUCCESS && key.mv_size != sizeof(uint64_t)) {
        code = MDB_CORRUPTED;
    }
    if (code == MDB_SUCCESS) {
        last = kp_key_raw(last, kp_slice_of(key.mv_data, key.mv_size));
    }
    code = code == MDB_NOTFOUND ? MDB_SUCCESS : code;
    for (uint32_t i = 0; i < pending->count && code == MDB_SUCCESS; i++) {
        uint8_t wrapped[WRAPPED_BYTES];
        wrap(ring, aead, kind, &pending->entries[i], wrapped);
        struct kp_key name = kp_key_u64(kp_key_none(), pending->entries[i].id);
        key = kp_env_val(kp_key_slice(&name));
        value = kp_env_val(kp_slice_of(wrapped, sizeof wrapped));
        bool append = kp_slice_compare(kp_key_slice(&name), kp_key_slice(&last)) > 0;
        code = mdb_cursor_put(cursor, &key, &value, append ? MDB_APPEND : MDB_NOOVERWRITE);
        last = append ? name : last;
    }
    mdb_cursor_close(cursor);
    return code;
}

enum kp_err kp_keyring_commit(struct kp_keyring *ring, enum kp_keyring_kind kind,
                              struct kp_diag *reterr_diag)
{
    struct pending *pending = &ring->pending[kind];
    if (pending->count == 0) {
        return KP_OK;
    }
    MDB_txn *txn = NULL;
    int code = kp_env_begin(ring->env, 0, &txn);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin on the keyring");
    }
    struct kp_aead *aead = kp_aead_new(); /* the ring's own is for who holds the mutex */
    code = write_pending(ring, kind, txn, aead);
    kp_aead_free(aead);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
    } else {
        code = kp_env_commit(txn);
    }
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot write new keys to the keyring");
    }
    (void)pthread_mutex_lock(&ring->mutex);
    pending_clear(pending);
    (void)pthread_mutex_unlock(&ring->mutex);
    return KP_OK;
}

void kp_keyring_rollback(struct kp_keyring *ring, enum kp_keyring_kind kind)
{
    (void)pthread_mutex_lock(&ring->mutex);
    pending_clear(&ring->pending[kind]);
    (void)pthread_mutex_unlock(&ring->mutex);
}

/* --- destroy, copy --- */

static int delete_below(struct kp_keyring *ring, enum kp_keyring_kind kind, MDB_txn *txn,
                        uint64_t below, uint32_t count_max, uint32_t *ret_count)
{
    struct kp_key end = kp_key_u64(kp_key_none(), below);
    MDB_cursor *cursor = NULL;
    uint32_t count = 0;
    int code = mdb_cursor_open(txn, ring->tables[kind], &cursor);
    while (code == MDB_SUCCESS && count < count_max) {
        MDB_val key, value;
        code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (code != MDB_SUCCESS ||
            kp_slice_compare(kp_slice_of(key.mv_data, key.mv_size), kp_key_slice(&end)) >= 0) {
            break;
        }
        code = mdb_cursor_del(cursor, 0);
        count++;
    }
    mdb_cursor_close(cursor);
    *ret_count = count;
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

enum kp_err kp_keyring_destroy_below(struct kp_keyring *ring, enum kp_keyring_kind kind,
                                     uint64_t below, uint32_t count_max,
                                     struct kp_diag *reterr_diag)
{
    MDB_txn *txn = NULL;
    int code = kp_env_begin(ring->env, 0, &txn);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot begin on the keyring");
    }
    uint32_t count = 0;
    code = delete_below(ring, kind, txn, below, count_max, &count);
    if (code != MDB_SUCCESS || count == 0) {
        mdb_txn_abort(txn);
    } else {
        code = kp_env_commit(txn);
        /* Keys that are left because of @count_max are found on disk again. */
        cache_forget_below(ring, kind, below);
    }
    return code == MDB_SUCCESS ? KP_OK
                               : kp_env_fail(reterr_diag, code, "cannot destroy keys of the ring");
}

enum kp_err kp_keyring_copy(struct kp_keyring *ring, const char *dir, struct kp_diag *reterr_diag)
{
    return kp_env_copy(ring->env, dir, /* compact= */ true, reterr_diag);
}
