/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * INDEX rows. kind ‖ tag: how many forms there are, and each with its witnesses if they are
 * KP_BLOCK_FORMS_MAX at most. More: kind ‖ tag ‖ form, its witnesses, is a row for each, so that
 * the next one does not write them all again; and the block is narrowed.
 */
#include "core/blocks.h"

#include "base/assert.h"

#include <string.h>

/* Keys of another form are read when so many rows may be known by them. */
#define INFER_ROWS_MIN 2u

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

static struct kp_key block_key(const struct place *place)
{
    return kp_key_raw(kp_key_u8(kp_key_none(), place->kind),
                      kp_slice_of(place->tag, KP_KEY_TAG_BYTES));
}

/* The block's row in scratch, and how many stand in it; 0: none, or the transaction failed. */
static uint32_t get_row(struct kp_txn *txn, const struct place *place, struct kp_slice *ret_row)
{
    struct kp_key key = block_key(place);
    struct kp_reader reader;
    if (!kp_txn_get(txn, KP_TABLE_INDEX, kp_key_slice(&key), ret_row)) {
        *ret_row = KP_SLICE_EMPTY;
        return 0;
    }
    kp_reader_init(&reader, *ret_row);
    uint32_t count = kp_get_u32(&reader);
    if (!kp_reader_ok(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a key does not decode");
        *ret_row = KP_SLICE_EMPTY;
    }
    return count;
}

/* The entries of a row, one after the other; false: that was all. */
static bool next_entry(struct kp_reader *reader, uint8_t kind, struct entry *ret_entry)
{
    if (!kp_reader_ok(reader) || reader->offset == reader->size) {
        return false;
    }
    ret_entry->form = kp_get_u64(reader);
    kp_witnesses_get(reader, kind, ret_entry->witnesses);
    return kp_reader_ok(reader);
}

static void open_row(struct kp_slice row, struct kp_reader *ret_reader)
{
    kp_reader_init(ret_reader, row);
    (void)kp_get_u32(ret_reader);
}

static void end_row(struct kp_txn *txn, const struct kp_reader *reader)
{
    if (!kp_reader_done(reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a key does not decode");
    }
}

static void load(struct kp_txn *txn, const struct place *place, struct block *ret_block)
{
    struct kp_slice row;
    struct kp_reader reader;
    size_t mark = kp_txn_scratch_mark(txn);
    ret_block->count = get_row(txn, place, &row);
    ret_block->listed = 0;
    open_row(row, &reader);
    while (ret_block->listed < KP_BLOCK_FORMS_MAX &&
           next_entry(&reader, place->kind, &ret_block->entries[ret_block->listed])) {
        ret_block->listed++;
    }
    if (row.size > 0) {
        end_row(txn, &reader);
    }
    kp_txn_scratch_restore(txn, mark);
}

static void put_entry(struct kp_writer *writer, uint8_t kind, const struct entry *entry)
{
    kp_put_u64(writer, entry->form);
    kp_witnesses_put(writer, kind, entry->witnesses);
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
        put_entry(&writer, place->kind, &block->entries[i]);
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

/* It is listed in the block's row, behind the others. */
static void append(struct kp_txn *txn, const struct place *place, struct kp_slice row,
                   uint32_t count, const struct entry *entry)
{
    size_t size = sizeof count + row.size + sizeof entry->form + KP_WITNESSES_MAX;
    struct kp_key key = block_key(place);
    struct kp_writer writer;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a block of forms");
        return;
    }
    kp_writer_init(&writer, bytes, size);
    kp_put_u32(&writer, count + 1);
    if (row.size > 0) {
        kp_put_raw(&writer, kp_slice_of(row.bytes + sizeof count, row.size - sizeof count));
    }
    put_entry(&writer, place->kind, entry);
    kp_txn_put(txn, KP_TABLE_INDEX, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

/* The block has no room for it: it gets a row of its own, and narrower keys. */
static void add_further(struct kp_txn *txn, const struct place *place,
                        const struct kp_match_keys *keys, const struct entry *entry,
                        struct kp_block_change **changes_io)
{
    struct block block;
    struct place narrower;
    load(txn, place, &block);
    block.count++;
    put_further(txn, place, entry);
    store(txn, place, &block);
    if (block.count == KP_BLOCK_FORMS_MAX + 1) {
        list_none(txn, place, &block);
        move_all(txn, place, &block, entry->form, changes_io);
    }
    if (narrow(place, keys, &narrower)) {
        add(txn, &narrower, keys, entry->form, changes_io);
    }
}

static void add(struct kp_txn *txn, const struct place *place, const struct kp_match_keys *keys,
                uint64_t form, struct kp_block_change **changes_io)
{
    struct kp_slice row;
    struct entry entry = {.form = form};
    memcpy(entry.witnesses, place->witnesses, KP_WITNESSES_MAX);
    size_t mark = kp_txn_scratch_mark(txn);
    uint32_t count = get_row(txn, place, &row);
    if (count < KP_BLOCK_FORMS_MAX) {
        append(txn, place, row, count, &entry);
    }
    kp_txn_scratch_restore(txn, mark);
    if (count >= KP_BLOCK_FORMS_MAX) {
        add_further(txn, place, keys, &entry, changes_io);
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

/* The block in which a form with these keys is compared, nearly always the first one, and its row,
 * in scratch. false: none, it is too common. */
static bool find_open(struct kp_txn *txn, const struct kp_match_keys *keys, struct place *place_io,
                      struct kp_slice *ret_row)
{
    while (get_row(txn, place_io, ret_row) > KP_BLOCK_FORMS_MAX) {
        struct place narrower;
        if (!narrow(place_io, keys, &narrower)) {
            *ret_row = KP_SLICE_EMPTY;
            return false;
        }
        *place_io = narrower;
    }
    return true;
}

/* The same, without who stands in it. */
static bool find_open_place(struct kp_txn *txn, const struct kp_match_keys *keys,
                            struct place *place_io)
{
    struct kp_slice row;
    size_t mark = kp_txn_scratch_mark(txn);
    bool found = find_open(txn, keys, place_io, &row);
    kp_txn_scratch_restore(txn, mark);
    return found;
}

bool kp_blocks_under(struct kp_txn *txn, const struct kp_match_keys *keys, uint8_t kind,
                     uint64_t ret_forms[KP_BLOCK_FORMS_MAX], uint32_t *ret_count)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        struct kp_slice row;
        struct kp_reader reader;
        struct entry entry;
        if (place.kind != kind || !find_open(txn, keys, &place, &row)) {
            continue;
        }
        *ret_count = 0;
        open_row(row, &reader);
        while (*ret_count < KP_BLOCK_FORMS_MAX && next_entry(&reader, kind, &entry)) {
            ret_forms[(*ret_count)++] = entry.form;
        }
        if (row.size > 0) {
            end_row(txn, &reader);
        }
        return kp_txn_error(txn) == KP_OK;
    }
    return false;
}

/* Add those in the row whose witnesses agree with the key's. */
static uint32_t add_met(struct kp_txn *txn, struct kp_slice row, const struct kp_match_key *key,
                        uint64_t *forms, uint32_t count)
{
    struct entry entry;
    struct kp_reader reader;
    if (row.size == 0) {
        return count;
    }
    open_row(row, &reader);
    while (next_entry(&reader, key->kind, &entry)) {
        if (kp_witnesses_agree(key->witnesses, entry.witnesses)) {
            forms[count++] = entry.form;
        }
    }
    end_row(txn, &reader);
    return count;
}

/*
 * Under many keys of a new spelling stands another of the same person's, alone. Of a row of the
 * table the store knows that it has one entry only, without reading it (a short one). When that
 * form was met under another key already and has this one too, the entry is its own.
 */
_Static_assert(sizeof(uint32_t) + sizeof(uint64_t) >= KP_ROW_SHORT_BYTES_MIN &&
                   sizeof(uint32_t) + sizeof(uint64_t) + KP_WITNESSES_MAX <= KP_ROW_SHORT_BYTES_MAX,
               "a row with one entry is short");
_Static_assert(sizeof(uint32_t) < KP_ROW_SHORT_BYTES_MIN &&
                   sizeof(uint32_t) + 2 * sizeof(uint64_t) > KP_ROW_SHORT_BYTES_MAX,
               "a row with none or two is not");

struct rows {
    struct kp_slice rows[KP_KEYS_MAX];
    bool known[KP_KEYS_MAX];    /* it was inferred */
    bool is_short[KP_KEYS_MAX]; /* if it is there */
};

static void expect_all(struct kp_txn *txn, const struct kp_match_keys *keys, struct rows *ret_rows)
{
    struct kp_key block_keys[KP_KEYS_MAX];
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        block_keys[i] = block_key(&place);
        kp_txn_expect(txn, KP_TABLE_INDEX, kp_key_slice(&block_keys[i]));
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        ret_rows->known[i] = false;
        ret_rows->is_short[i] = kp_txn_is_short(txn, KP_TABLE_INDEX, kp_key_slice(&block_keys[i]));
    }
}

/* The row of a block in which @form stands alone. */
static void infer_row(struct kp_txn *txn, const struct kp_match_key *key, uint64_t form,
                      struct kp_slice *ret_row)
{
    size_t size = KP_ROW_SHORT_BYTES_MAX;
    struct place place = place_of(key);
    struct entry entry = {.form = form};
    struct kp_key row_key = block_key(&place);
    struct kp_writer writer;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a block of forms");
        return;
    }
    memcpy(entry.witnesses, key->witnesses, KP_WITNESSES_MAX);
    kp_writer_init(&writer, bytes, size);
    kp_put_u32(&writer, 1);
    put_entry(&writer, key->kind, &entry);
    *ret_row = kp_writer_slice(&writer);
    kp_txn_infer(txn, KP_TABLE_INDEX, kp_key_slice(&row_key), *ret_row);
}

/* @form stands alone in a row: of the short ones behind it those are known that are of its keys. */
static void infer_rows(struct kp_txn *txn, const struct kp_match_keys *keys, uint32_t after,
                       uint64_t form, struct rows *rows_io)
{
    struct kp_match_keys theirs;
    if (!kp_forms_keys(txn, form, &theirs)) {
        return;
    }
    for (uint32_t i = after + 1; i < keys->count; i++) {
        const struct kp_match_key *mine = &keys->keys[i];
        for (uint32_t j = 0; j < theirs.count && rows_io->is_short[i]; j++) {
            if (theirs.keys[j].kind == mine->kind &&
                memcmp(theirs.keys[j].tag, mine->tag, KP_KEY_TAG_BYTES) == 0) {
                infer_row(txn, &theirs.keys[j], form, &rows_io->rows[i]);
                rows_io->known[i] = true;
                rows_io->is_short[i] = false;
            }
        }
    }
}

/* Whether it pays to read the keys of the form in the row: it is met, and several rows are left. */
static bool is_telling(const struct rows *rows, const struct kp_match_keys *keys, uint32_t at,
                       uint64_t *ret_form)
{
    struct kp_reader reader;
    struct entry entry;
    uint32_t left = 0;
    for (uint32_t i = at + 1; i < keys->count; i++) {
        left += rows->is_short[i] ? 1 : 0;
    }
    if (!rows->is_short[at] || rows->rows[at].size == 0 || left < INFER_ROWS_MIN) {
        return false;
    }
    open_row(rows->rows[at], &reader);
    if (!next_entry(&reader, keys->keys[at].kind, &entry)) {
        return false;
    }
    *ret_form = entry.form;
    return kp_witnesses_agree(keys->keys[at].witnesses, entry.witnesses);
}

static void find_rows(struct kp_txn *txn, const struct kp_match_keys *keys, struct rows *ret_rows)
{
    expect_all(txn, keys, ret_rows);
    for (uint32_t i = 0; i < keys->count; i++) {
        struct place place = place_of(&keys->keys[i]);
        uint64_t form;
        if (ret_rows->known[i]) {
            continue;
        }
        (void)find_open(txn, keys, &place, &ret_rows->rows[i]); /* false: the row is empty */
        if (is_telling(ret_rows, keys, i, &form)) {
            infer_rows(txn, keys, i, form, ret_rows);
        }
    }
}

bool kp_blocks_candidates(struct kp_txn *txn, const struct kp_match_keys *keys,
                          uint64_t **ret_forms, uint32_t *ret_count)
{
    struct rows rows;
    size_t bytes = 0;
    uint32_t count = 0;
    find_rows(txn, keys, &rows);
    for (uint32_t i = 0; i < keys->count; i++) {
        bytes += rows.rows[i].size;
    }
    size_t forms_max = bytes / sizeof(uint64_t) + KP_CANDIDATES_MORE; /* an entry begins with one */
    uint64_t *forms = kp_arena_alloc(txn->scratch, sizeof *forms * forms_max);
    if (forms == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the forms that share a key");
        return false;
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        count = add_met(txn, rows.rows[i], &keys->keys[i], forms, count);
    }
    *ret_forms = forms;
    *ret_count = sort_unique(forms, count);
    return kp_txn_error(txn) == KP_OK;
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

static bool meet_under(const struct kp_open_key *a, const struct kp_open_key *b)
{
    return a->kind == b->kind && a->level == b->level &&
           memcmp(a->tag, b->tag, KP_KEY_TAG_BYTES) == 0 &&
           kp_witnesses_agree(a->witnesses, b->witnesses);
}

bool kp_open_keys_meet(const struct kp_open_keys *a, const struct kp_open_keys *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            if (meet_under(&a->keys[i], &b->keys[j])) {
                return true;
            }
        }
    }
    return false;
}

uint32_t kp_blocks_kinds(struct kp_txn *txn, const struct kp_match_keys *a,
                         const struct kp_match_keys *b)
{
    struct kp_open_keys open_a, open_b;
    uint32_t kinds = 0;
    kp_blocks_open(txn, a, &open_a);
    kp_blocks_open(txn, b, &open_b);
    for (uint32_t i = 0; i < open_a.count; i++) {
        for (uint32_t j = 0; j < open_b.count; j++) {
            bool meet = meet_under(&open_a.keys[i], &open_b.keys[j]);
            kinds |= meet && open_a.keys[i].kind < 32 ? 1u << open_a.keys[i].kind : 0;
        }
    }
    return kinds;
}
