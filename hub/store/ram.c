/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Each table is a treap whose nodes are counted references and are copied before they change when
 * somebody else holds them too. A transaction holds the roots it began with: a reader sees one
 * state however long it reads and blocks nobody, and an abort lets go of the writer's roots. A
 * node's priority follows from its key, so that the same rows always make the same tree.
 */
#include "store/ram.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES ((size_t)32 << 20)
#define PAGE_BYTES 4096u

struct row {
    atomic_uint references;
    size_t key_bytes, value_bytes;
    uint8_t bytes[]; /* key, then value */
};

struct node {
    atomic_uint references;
    uint64_t priority;
    struct row *row;
    struct node *left, *right;
};

struct ram {
    pthread_mutex_t mutex; /* guards roots, writing and spare */
    struct node *roots[KP_TABLE_END];
    bool writing;
    struct ram_txn *spare; /* ended transactions, kept for their scratch memory */
};

struct ram_txn {
    struct kp_txn head;
    struct kp_arena scratch;
    struct ram *ram;
    struct ram_txn *next;
    struct node *roots[KP_TABLE_END];
    uint64_t put_bytes;
};

static struct ram_txn *of_txn(struct kp_txn *txn)
{
    return (struct ram_txn *)txn;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    KP_ASSERT(memory != NULL);
    return memory;
}

/* --- rows and nodes --- */

static struct row *row_new(struct kp_slice key, struct kp_slice value)
{
    struct row *row = allocate(sizeof *row + key.size + value.size);
    atomic_init(&row->references, 1);
    row->key_bytes = key.size;
    row->value_bytes = value.size;
    memcpy(row->bytes, key.bytes, key.size);
    if (value.size > 0) {
        memcpy(row->bytes + key.size, value.bytes, value.size);
    }
    return row;
}

static struct row *row_hold(struct row *row)
{
    (void)atomic_fetch_add(&row->references, 1);
    return row;
}

static void row_release(struct row *row)
{
    if (atomic_fetch_sub(&row->references, 1) == 1) {
        free(row);
    }
}

static struct kp_slice row_key(const struct row *row)
{
    return kp_slice_of(row->bytes, row->key_bytes);
}

static struct kp_slice row_value(const struct row *row)
{
    return kp_slice_of(row->bytes + row->key_bytes, row->value_bytes);
}

static uint64_t priority_of(struct kp_slice key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++) {
        hash = (hash ^ key.bytes[i]) * UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 31; /* the low bits of such a hash follow the last byte too closely */
    hash *= UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 29);
}

static struct node *node_new(struct row *row, uint64_t priority, struct node *left,
                             struct node *right)
{
    struct node *node = allocate(sizeof *node);
    *node = (struct node){.priority = priority, .row = row, .left = left, .right = right};
    atomic_init(&node->references, 1);
    return node;
}

static struct node *node_hold(struct node *node)
{
    if (node != NULL) {
        (void)atomic_fetch_add(&node->references, 1);
    }
    return node;
}

static void node_release(struct node *node)
{
    while (node != NULL && atomic_fetch_sub(&node->references, 1) == 1) {
        struct node *right = node->right;
        node_release(node->left);
        row_release(node->row);
        free(node);
        node = right;
    }
}

/* The node for this writer alone: itself, or a copy in the place of the reference given. */
static struct node *node_own(struct node *node)
{
    if (atomic_load(&node->references) == 1) {
        return node;
    }
    struct node *copy = node_new(row_hold(node->row), node->priority, node_hold(node->left),
                                 node_hold(node->right));
    node_release(node);
    return copy;
}

/* Join two trees, all keys of @left before all keys of @right. */
static struct node *tree_join(struct node *left, struct node *right)
{
    if (left == NULL || right == NULL) {
        return left == NULL ? right : left;
    }
    if (left->priority >= right->priority) {
        left = node_own(left);
        left->right = tree_join(left->right, right);
        return left;
    }
    right = node_own(right);
    right->left = tree_join(left, right->left);
    return right;
}

static struct node *rotate_right(struct node *node)
{
    struct node *top = node->left;
    node->left = top->right;
    top->right = node;
    return top;
}

static struct node *rotate_left(struct node *node)
{
    struct node *top = node->right;
    node->right = top->left;
    top->left = node;
    return top;
}

/* Takes over the references to @node and @row. */
static struct node *tree_put(struct node *node, struct row *row)
{
    struct kp_slice key = row_key(row);
    if (node == NULL) {
        return node_new(row, priority_of(key), NULL, NULL);
    }
    node = node_own(node);
    int order = kp_slice_compare(key, row_key(node->row));
    if (order == 0) {
        row_release(node->row);
        node->row = row;
    } else if (order < 0) {
        node->left = tree_put(node->left, row);
        if (node->left->priority > node->priority) {
            node = rotate_right(node);
        }
    } else {
        node->right = tree_put(node->right, row);
        if (node->right->priority > node->priority) {
            node = rotate_left(node);
        }
    }
    return node;
}

/* The key must be there. */
static struct node *tree_del(struct node *node, struct kp_slice key)
{
    node = node_own(node);
    int order = kp_slice_compare(key, row_key(node->row));
    if (order < 0) {
        node->left = tree_del(node->left, key);
        return node;
    }
    if (order > 0) {
        node->right = tree_del(node->right, key);
        return node;
    }
    struct node *joined = tree_join(node->left, node->right);
    node->left = node->right = NULL;
    node_release(node);
    return joined;
}

/* The first row with key >= @from, or > @from. */
static const struct row *tree_seek(const struct node *node, struct kp_slice from, bool after)
{
    const struct row *best = NULL;
    while (node != NULL) {
        int order = kp_slice_compare(row_key(node->row), from);
        if (order > 0 || (order == 0 && !after)) {
            best = node->row;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

/* --- the table of functions --- */

static const struct kp_store_ops ram_ops;

static struct ram_txn *spare_or_new(struct ram *ram)
{
    struct ram_txn *txn = ram->spare;
    if (txn != NULL) {
        ram->spare = txn->next;
        return txn;
    }
    txn = allocate(sizeof *txn);
    *txn = (struct ram_txn){.ram = ram};
    kp_arena_init(&txn->scratch, SCRATCH_BYTES);
    return txn;
}

static enum kp_err ram_begin(void *store, bool write, struct kp_txn **ret_txn,
                             struct kp_diag *reterr_diag)
{
    (void)reterr_diag; /* nothing fails here */
    struct ram *ram = store;
    (void)pthread_mutex_lock(&ram->mutex);
    KP_ASSERT(!(write && ram->writing));
    struct ram_txn *txn = spare_or_new(ram);
    txn->head = (struct kp_txn){.ops = &ram_ops, .scratch = &txn->scratch, .write = write};
    txn->put_bytes = 0;
    for (int table = 0; table < KP_TABLE_END; table++) {
        txn->roots[table] = node_hold(ram->roots[table]);
    }
    ram->writing = ram->writing || write;
    (void)pthread_mutex_unlock(&ram->mutex);
    *ret_txn = &txn->head;
    return KP_OK;
}

/* A copy in the scratch memory; false (and the transaction failed) when that is full. */
static bool to_scratch(struct ram_txn *txn, struct kp_slice bytes, struct kp_slice *ret_copy)
{
    *ret_copy = kp_arena_copy(&txn->scratch, bytes);
    if (!kp_arena_ok(&txn->scratch)) {
        kp_txn_fail(&txn->head, KP_E_LIMIT, "a transaction read more than %zu bytes",
                    txn->scratch.capacity);
        return false;
    }
    return true;
}

static bool ram_get(struct kp_txn *head, enum kp_table table, struct kp_slice key,
                    struct kp_slice *ret_value)
{
    struct ram_txn *txn = of_txn(head);
    const struct row *row = tree_seek(txn->roots[table], key, /* after= */ false);
    if (row == NULL || !kp_slice_equal(row_key(row), key)) {
        return false;
    }
    return to_scratch(txn, row_value(row), ret_value);
}

static void ram_put(struct kp_txn *head, enum kp_table table, struct kp_slice key,
                    struct kp_slice value, struct kp_subject subject)
{
    (void)subject; /* nothing is sealed here */
    struct ram_txn *txn = of_txn(head);
    txn->roots[table] = tree_put(txn->roots[table], row_new(key, value));
    txn->put_bytes += key.size + value.size;
}

static bool ram_del(struct kp_txn *head, enum kp_table table, struct kp_slice key)
{
    struct ram_txn *txn = of_txn(head);
    const struct row *row = tree_seek(txn->roots[table], key, /* after= */ false);
    if (row == NULL || !kp_slice_equal(row_key(row), key)) {
        return false;
    }
    txn->put_bytes += key.size;
    txn->roots[table] = tree_del(txn->roots[table], key);
    return true;
}

static bool ram_seek(struct kp_txn *head, enum kp_table table, struct kp_slice from, bool after,
                     struct kp_slice *ret_key, struct kp_slice *ret_value)
{
    struct ram_txn *txn = of_txn(head);
    const struct row *row = tree_seek(txn->roots[table], from, after);
    struct kp_slice key;
    if (row == NULL || !to_scratch(txn, row_key(row), &key) ||
        !to_scratch(txn, row_value(row), ret_value)) {
        return false;
    }
    *ret_key = key;
    return true;
}

static uint32_t ram_dirty_pages(const struct kp_txn *head)
{
    const struct ram_txn *txn = (const struct ram_txn *)head;
    uint64_t pages = 1 + txn->put_bytes / PAGE_BYTES;
    return pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

/* End @txn; a commit leaves its roots to the store first. */
static void ram_end(struct ram_txn *txn, bool publish)
{
    struct ram *ram = txn->ram;
    struct node *old[KP_TABLE_END];
    kp_arena_reset(&txn->scratch);
    (void)pthread_mutex_lock(&ram->mutex);
    for (int table = 0; table < KP_TABLE_END; table++) {
        old[table] = publish ? ram->roots[table] : txn->roots[table];
        if (publish) {
            ram->roots[table] = txn->roots[table];
        }
        txn->roots[table] = NULL;
    }
    ram->writing = ram->writing && !txn->head.write;
    txn->next = ram->spare;
    ram->spare = txn;
    (void)pthread_mutex_unlock(&ram->mutex);
    for (int table = 0; table < KP_TABLE_END; table++) {
        node_release(old[table]);
    }
}

static enum kp_err ram_commit(struct kp_txn *head, struct kp_diag *reterr_diag)
{
    (void)reterr_diag;
    ram_end(of_txn(head), /* publish= */ head->write);
    return KP_OK;
}

static void ram_abort(struct kp_txn *head)
{
    ram_end(of_txn(head), /* publish= */ false);
}

static void ram_close(void *store)
{
    struct ram *ram = store;
    KP_ASSERT(!ram->writing);
    while (ram->spare != NULL) {
        struct ram_txn *txn = ram->spare;
        ram->spare = txn->next;
        kp_arena_done(&txn->scratch);
        free(txn);
    }
    for (int table = 0; table < KP_TABLE_END; table++) {
        node_release(ram->roots[table]);
    }
    (void)pthread_mutex_destroy(&ram->mutex);
    free(ram);
}

static const struct kp_store_ops ram_ops = {
    .begin = ram_begin,
    .get = ram_get,
    .put = ram_put,
    .del = ram_del,
    .seek = ram_seek,
    .dirty_pages = ram_dirty_pages,
    .commit = ram_commit,
    .abort = ram_abort,
    .close = ram_close,
};

void kp_store_open_ram(struct kp_store *ret_store)
{
    struct ram *ram = allocate(sizeof *ram);
    *ram = (struct ram){.writing = false};
    (void)pthread_mutex_init(&ram->mutex, NULL);
    *ret_store = (struct kp_store){.ops = &ram_ops, .impl = ram};
}
