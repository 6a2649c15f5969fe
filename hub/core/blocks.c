/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * INDEX rows. kind ‖ tag: how many forms there are, and each with its witnesses if they are
 * KP_BLOCK_FORMS_MAX at most. More: kind ‖ tag ‖ form, its witnesses, is a row for each, so that
 * the next one does not write them all again; and the block is narrowed.
 */
#include "core/blocks.h"

#include "base/assert.h"

#include <string.h>

/* A form in a block. */
struct entry {
    uint64_t form;
    uint8_t witnesses[KP_WITNESSES_MAX];
};

struct block {
    uint32_t count, listed;
    struct entry entries[KP_BLOCK_FORMS_MAX];
};

/* One key of a form, at a level of narrowing. */
struct place {
    uint8_t kind;
    uint8_t tag[KP_TAG_BYTES];
    uint8_t witnesses[KP_WITNESSES_MAX]; /* of the form */
    uint32_t level;
};

static struct place place_of(const struct kp_match_key *key)
{
    struct place place = {.kind = key->kind};
    memcpy(place.tag, key->tag, KP_KEY_TAG_BYTES);
    memcpy(place.witnesses, key->witnesses, KP_WITNESSES_MAX);
    return place;
}

static bool narrow(const struct place *place, const struct kp_match_keys *keys,
                   struct place *ret_narrower)
{
    uint8_t tag[KP_TAG_BYTES];
    if (place->level == KP_NARROWINGS) {
        return false; /* more agree in all of it than may be put together (cluster.h) */
    }
    *ret_narrower = (struct place){.kind = place->kind, .level = place->level + 1};
    kp_match_key_narrow(place->tag, keys->narrowings[place->level], tag);
    memcpy(ret_narrower->tag, tag, KP_KEY_TAG_BYTES);
    memcpy(ret_narrower->witnesses, place->witnesses, KP_WITNESSES_MAX);
    return true;
}

static bool same_place(const struct place *a, const struct place *b)
{
    return a->kind == b->kind && a->level == b->level &&
           memcmp(a->tag, b->tag, KP_KEY_TAG_BYTES) == 0;
}

static struct kp_key block_key(const struct place *place)
{
    return kp_key_raw(kp_key_u8(kp_key_none(), place->kind),
                      kp_slice_of(place->tag, KP_KEY_TAG_BYTES));
}

static void load(struct kp_txn *txn, const struct place *place, struct block *ret_block)
{
    struct kp_key key = block_key(place);
    struct kp_slice value;
    size_t mark = kp_txn_scratch_mark(txn);
    ret_block->count = ret_block->listed = 0;
    if (!kp_txn_get(txn, KP_TABLE_INDEX, kp_key_slice(&key), &value)) {
        return;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    ret_block->count = kp_get_u32(&reader);
    while (kp_reader_ok(&reader) && reader.offset < reader.size &&
           ret_block->listed < KP_BLOCK_FORMS_MAX) {
        struct entry *entry = &ret_block->entries[ret_block->listed++];
        entry->form = kp_get_u64(&reader);
        kp_witnesses_get(&reader, place->kind, entry->witnesses);
    }
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a key does not decode");
    }
    kp_txn_scratch_restore(txn, mark);
}

static void store(struct kp_txn *txn, const struct place *place, const struct block *block)
{
    uint8_t bytes[4 + (8 + KP_WITNESSES_MAX) * KP_BLOCK_FORMS_MAX];
    struct kp_key key = block_key(place);
    struct kp_writer writer;
    if (block->count == 0) {
        (void)kp_txn_del(txn, KP_TABLE_INDEX, kp_key_slice(&key));
        return;
    }
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u32(&writer, block->count);
    for (uint32_t i = 0; i < block->listed && block->count <= KP_BLOCK_FORMS_MAX; i++) {
        kp_put_u64(&writer, block->entries[i].form);
        kp_witnesses_put(&writer, place->kind, block->entries[i].witnesses);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_INDEX, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

/* --- rows of the forms of a block that are too many for one --- */

static struct kp_key further_key(const struct place *place, uint64_t form)
{
    return kp_key_u64(block_key(place), form);
}

static void put_further(struct kp_txn *txn, const struct place *place, const struct entry *entry)
{
    struct kp_key key = further_key(place, entry->form);
    kp_txn_put(txn, KP_TABLE_INDEX, kp_key_slice(&key),
               kp_slice_of(entry->witnesses, KP_WITNESSES_MAX), KP_SUBJECT_NONE);
}

/* Take the first one of them. false: there is none, or the transaction failed. */
static bool take_further(struct kp_txn *txn, const struct place *place, struct entry *ret_entry)
{
    struct kp_key from = further_key(place, 0);
    struct kp_slice key;
    struct kp_slice value;
    size_t prefix = from.size - 8;
    size_t mark = kp_txn_scratch_mark(txn);
    if (!kp_txn_seek(txn, KP_TABLE_INDEX, kp_key_slice(&from), /* after= */ false, &key, &value) ||
        key.size != from.size || memcmp(key.bytes, from.bytes, prefix) != 0) {
        return false;
    }
    if (value.size != KP_WITNESSES_MAX) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a key does not decode");
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, kp_slice_of(key.bytes + prefix, 8));
    ret_entry->form = kp_get_u64(&reader);
    memcpy(ret_entry->witnesses, value.bytes, KP_WITNESSES_MAX);
    struct kp_key taken = further_key(place, ret_entry->form);
    (void)kp_txn_del(txn, KP_TABLE_INDEX, kp_key_slice(&taken));
    kp_txn_scratch_restore(txn, mark);
    return true;
}

/* They have room in the block's row again, or not any more. */
static void list_all(struct kp_txn *txn, const struct place *place, struct block *block)
{
    while (block->listed < KP_BLOCK_FORMS_MAX &&
           take_further(txn, place, &block->entries[block->listed])) {
        block->listed++;
    }
    if (block->listed != block->count) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a form is missing under one of its keys");
    }
}

static void list_none(struct kp_txn *txn, const struct place *place, const struct block *block)
{
    for (uint32_t i = 0; i < block->listed; i++) {
        put_further(txn, place, &block->entries[i]);
    }
}

/* --- add and remove --- */

static void add(struct kp_txn *txn, const struct place *place, const struct kp_match_keys *keys,
                uint64_t form, struct kp_block_change **changes_io);
static void drop(struct kp_txn *txn, const struct place *place, const struct kp_match_keys *keys,
                 uint64_t form, struct kp_block_change **changes_io);

/* @form: the one that made the block too large, which is not listed; 0: it is no more. */
static void note_change(struct kp_txn *txn, const struct block *block, uint8_t kind, uint64_t form,
                        struct kp_block_change **changes_io)
{
    uint32_t count = block->listed + (form != 0 ? 1 : 0);
    struct kp_block_change *change =
        kp_arena_alloc(txn->scratch, sizeof *change + sizeof change->forms[0] * count);
    if (change == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a block of forms");
        return;
    }
    change->count = count;
    change->narrowed = form != 0;
    change->kind = kind;
    for (uint32_t i = 0; i < block->listed; i++) {
        change->forms[i] = block->entries[i].form;
    }
    if (form != 0) {
        change->forms[block->listed] = form;
    }
    change->next = *changes_io;
    *changes_io = change;
}

/* The forms of the block come under the narrower keys, since @form came; or they leave them: 0. */
static void move_all(struct kp_txn *txn, const struct place *place, const struct block *block,
                     uint64_t form, struct kp_block_change **changes_io)
{
    note_change(txn, block, place->kind, form, changes_io);
    for (uint32_t i = 0; i < block->listed && kp_txn_error(txn) == KP_OK; i++) {
        struct kp_known_form known;
        struct kp_match_keys keys;
        struct place to;
        uint64_t moved = block->entries[i].form;
        if (!kp_forms_load(txn, NULL, moved, &known) ||
            !kp_forms_decode(txn, NULL, &known, &keys) || !narrow(place, &keys, &to)) {
            return;
        }
        memcpy(to.witnesses, block->entries[i].witnesses, KP_WITNESSES_MAX);
        if (form != 0) {
            add(txn, &to, &keys, moved, changes_io);
        } else {
            drop(txn, &to, &keys, moved, changes_io);
        }
    }
}

static void add(struct kp_txn *txn, const struct place *place, const struct kp_match_keys *keys,
                uint64_t form, struct kp_block_change **changes_io)
{
    struct block block;
    struct place narrower;
    load(txn, place, &block);
    struct entry entry = {.form = form};
    memcpy(entry.witnesses, place->witnesses, KP_WITNESSES_MAX);
    block.count++;
    if (block.count <= KP_BLOCK_FORMS_MAX) {
        block.entries[block.listed++] = entry;
    } else {
        put_further(txn, place, &entry);
    }
    store(txn, place, &block);
    if (block.count == KP_BLOCK_FORMS_MAX + 1) {
        list_none(txn, place, &block);
        move_all(txn, place, &block, form, changes_io);
    }
    if (block.count > KP_BLOCK_FORMS_MAX && narrow(place, keys, &narrower)) {
        add(txn, &narrower, keys, form, changes_io);
    }
}

static bool drop_further(struct kp_txn *txn, const struct place *place, uint64_t form)
{
    struct kp_key key = further_key(place, form);
    return kp_txn_del(txn, KP_TABLE_INDEX, kp_key_slice(&key));
}

static bool drop_listed(struct block *block, uint64_t form)
{
    uint32_t at = 0;
    while (at < block->listed && block->entries[at].form != form) {
        at++;
    }
    bool found = at < block->listed;
    if (found) {
        block->entries[at] = block->entries[--block->listed];
    }
    return found;
}

static void drop(struct kp_txn *txn, const struct place *place, const struct kp_match_keys *keys,
                 uint64_t form, struct kp_block_change **changes_io)
{
    struct block block;
    struct place narrower;
    load(txn, place, &block);
    if (block.count == 0) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a form is missing under one of its keys");
        return;
    }
    bool was_narrow = block.count > KP_BLOCK_FORMS_MAX;
    if (was_narrow && narrow(place, keys, &narrower)) {
        drop(txn, &narrower, keys, form, changes_io);
    }
    block.count--;
    bool found = was_narrow ? drop_further(txn, place, form) : drop_listed(&block, form);
    bool was_last_narrow = was_narrow && block.count == KP_BLOCK_FORMS_MAX;
    if (!found) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a form is missing under one of its keys");
    }
    if (was_last_narrow) {
        list_all(txn, place, &block);
    }
    store(txn, place, &block);
    if (was_last_narrow) {
        move_all(txn, place, &block, /* form= */ 0, changes_io);
    }
}

void kp_blocks_add(struct kp_txn *txn, const struct kp_match_keys *keys, uint64_t form,
                   struct kp_block_change **changes_io)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        add(txn, &place, keys, form, changes_io);
    }
}

void kp_blocks_remove(struct kp_txn *txn, const struct kp_match_keys *keys, uint64_t form,
                      struct kp_block_change **changes_io)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        drop(txn, &place, keys, form, changes_io);
    }
}

/* --- who meets --- */

static void sift_down(uint64_t *ids, uint32_t from, uint32_t count)
{
    uint64_t id = ids[from];
    for (uint32_t child = 2 * from + 1; child < count; child = 2 * from + 1) {
        child += child + 1 < count && ids[child] < ids[child + 1] ? 1 : 0;
        if (id >= ids[child]) {
            break;
        }
        ids[from] = ids[child];
        from = child;
    }
    ids[from] = id;
}

static uint32_t sort_unique(uint64_t *ids, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        sift_down(ids, i, count);
    }
    for (uint32_t rest = count; rest-- > 1;) {
        uint64_t last = ids[rest];
        ids[rest] = ids[0];
        ids[0] = last;
        sift_down(ids, 0, rest);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i]) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

/* How many stand in the block, without who. */
static uint32_t count_of(struct kp_txn *txn, const struct place *place)
{
    struct kp_key key = block_key(place);
    struct kp_slice value;
    struct kp_reader reader;
    size_t mark = kp_txn_scratch_mark(txn);
    bool found = kp_txn_get(txn, KP_TABLE_INDEX, kp_key_slice(&key), &value);
    kp_reader_init(&reader, found ? value : KP_SLICE_EMPTY);
    uint32_t count = found ? kp_get_u32(&reader) : 0;
    kp_txn_scratch_restore(txn, mark);
    return count;
}

/* The block in which a form with these keys is compared; false: none, it is too common. */
static bool find_open_place(struct kp_txn *txn, const struct kp_match_keys *keys,
                            struct place *place_io)
{
    while (count_of(txn, place_io) > KP_BLOCK_FORMS_MAX) {
        struct place narrower;
        if (!narrow(place_io, keys, &narrower)) {
            return false;
        }
        *place_io = narrower;
    }
    return true;
}

/* The same, with who stands in it: nearly always the first one. */
static bool find_open(struct kp_txn *txn, const struct kp_match_keys *keys, struct place *place_io,
                      struct block *ret_block)
{
    load(txn, place_io, ret_block);
    if (ret_block->count <= KP_BLOCK_FORMS_MAX) {
        return true;
    }
    bool found = find_open_place(txn, keys, place_io);
    if (found) {
        load(txn, place_io, ret_block);
    }
    return found;
}

bool kp_blocks_under(struct kp_txn *txn, const struct kp_match_keys *keys, uint8_t kind,
                     uint64_t ret_forms[KP_BLOCK_FORMS_MAX], uint32_t *ret_count)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        struct block block;
        if (place.kind != kind || !find_open(txn, keys, &place, &block)) {
            continue;
        }
        for (uint32_t k = 0; k < block.listed; k++) {
            ret_forms[k] = block.entries[k].form;
        }
        *ret_count = block.listed;
        return kp_txn_error(txn) == KP_OK;
    }
    return false;
}

bool kp_blocks_candidates(struct kp_txn *txn, const struct kp_match_keys *keys,
                          uint64_t **ret_forms, uint32_t *ret_count)
{
    uint64_t found[KP_KEYS_MAX * KP_BLOCK_FORMS_MAX]; /* mostly not touched */
    uint32_t count = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        struct block block;
        if (!find_open(txn, keys, &place, &block)) {
            continue;
        }
        for (uint32_t k = 0; k < block.listed; k++) {
            if (kp_witnesses_agree(place.witnesses, block.entries[k].witnesses)) {
                found[count++] = block.entries[k].form;
            }
        }
    }
    count = sort_unique(found, count);
    *ret_forms = kp_arena_alloc(txn->scratch, sizeof *found * (count + KP_CANDIDATES_MORE));
    if (*ret_forms == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the forms that share a key");
        return false;
    }
    memcpy(*ret_forms, found, sizeof *found * count);
    *ret_count = count;
    return kp_txn_error(txn) == KP_OK;
}

static bool meet_under(struct kp_txn *txn, const struct kp_match_keys *a,
                       const struct kp_match_key *key_a, const struct kp_match_keys *b,
                       const struct kp_match_key *key_b)
{
    struct place place_a = place_of(key_a);
    struct place place_b = place_of(key_b);
    return same_place(&place_a, &place_b) &&
           kp_witnesses_agree(place_a.witnesses, place_b.witnesses) &&
           find_open_place(txn, a, &place_a) && find_open_place(txn, b, &place_b) &&
           same_place(&place_a, &place_b);
}

uint32_t kp_blocks_kinds(struct kp_txn *txn, const struct kp_match_keys *a,
                         const struct kp_match_keys *b)
{
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            bool meet = meet_under(txn, a, &a->keys[i], b, &b->keys[j]);
            kinds |= meet && a->keys[i].kind < 32 ? 1u << a->keys[i].kind : 0;
        }
    }
    return kinds;
}

void kp_blocks_open(struct kp_txn *txn, const struct kp_match_keys *keys,
                    struct kp_open_keys *ret_open)
{
    ret_open->count = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        if (find_open_place(txn, keys, &place)) {
            uint32_t at = ret_open->count++;
            ret_open->keys[at].kind = place.kind;
            ret_open->keys[at].level = (uint8_t)place.level;
            memcpy(ret_open->keys[at].tag, place.tag, KP_KEY_TAG_BYTES);
            memcpy(ret_open->keys[at].witnesses, place.witnesses, KP_WITNESSES_MAX);
        }
    }
}

bool kp_open_keys_meet(const struct kp_open_keys *a, const struct kp_open_keys *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            if (a->keys[i].kind == b->keys[j].kind && a->keys[i].level == b->keys[j].level &&
                memcmp(a->keys[i].tag, b->keys[j].tag, KP_KEY_TAG_BYTES) == 0 &&
                kp_witnesses_agree(a->keys[i].witnesses, b->keys[j].witnesses)) {
                return true;
            }
        }
    }
    return false;
}

bool kp_blocks_meet(struct kp_txn *txn, const struct kp_match_keys *a,
                    const struct kp_match_keys *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            if (meet_under(txn, a, &a->keys[i], b, &b->keys[j])) {
                return true;
            }
        }
    }
    return false;
}
