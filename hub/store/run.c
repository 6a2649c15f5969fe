/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/run.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 6u
#define VALUE_BITS 30u
#define ROWS_CAPACITY_FIRST 64u
#define BYTES_CAPACITY_FIRST 4096u
/* A place sets four bits of one word; with this many bits a row one place in a hundred that is not
 * there is looked for in vain. */
#define FILTER_ROWS_PER_WORD 5u

_Static_assert(KP_STORE_KEY_BYTES_MAX <= UINT8_MAX, "a key's size is one byte");
_Static_assert(KP_STORE_VALUE_BYTES_MAX + KP_ROW_OVERHEAD_MAX < 1u << VALUE_BITS,
               "a value's size has 30 bits");

/* --- records --- */

size_t kp_run_record_bytes(const struct kp_run_record *record)
{
    return HEADER_BYTES + record->place.key.size + record->value.size;
}

void kp_run_encode(const struct kp_run_record *record, uint8_t *ret_bytes)
{
    KP_ASSERT(record->place.key.size <= KP_STORE_KEY_BYTES_MAX);
    KP_ASSERT(record->value.size < 1u << VALUE_BITS);
    uint32_t shape = (uint32_t)record->kind << VALUE_BITS | (uint32_t)record->value.size;
    ret_bytes[0] = (uint8_t)record->place.table;
    ret_bytes[1] = (uint8_t)record->place.key.size;
    for (unsigned i = 0; i < sizeof shape; i++) {
        ret_bytes[2 + i] = (uint8_t)(shape >> (8 * (sizeof shape - 1 - i)));
    }
    memcpy(ret_bytes + HEADER_BYTES, record->place.key.bytes, record->place.key.size);
    if (record->value.size > 0) {
        memcpy(ret_bytes + HEADER_BYTES + record->place.key.size, record->value.bytes,
               record->value.size);
    }
}

/* What was encoded here, so that nothing need be looked at twice. */
static struct kp_run_record record_at(const uint8_t *bytes)
{
    uint32_t shape = (uint32_t)bytes[2] << 24 | (uint32_t)bytes[3] << 16 | (uint32_t)bytes[4] << 8 |
                     (uint32_t)bytes[5];
    size_t key_bytes = bytes[1];
    return (struct kp_run_record){
        .place = {.table = (enum kp_table)bytes[0],
                  .key = kp_slice_of(bytes + HEADER_BYTES, key_bytes)},
        .kind = (enum kp_run_kind)(shape >> VALUE_BITS),
        .value = kp_slice_of(bytes + HEADER_BYTES + key_bytes, shape & ((1u << VALUE_BITS) - 1))};
}

size_t kp_run_decode(struct kp_slice bytes, struct kp_run_record *ret_record)
{
    if (bytes.size < HEADER_BYTES) {
        return 0;
    }
    struct kp_run_record record = record_at(bytes.bytes);
    size_t size = kp_run_record_bytes(&record);
    bool valid = size <= bytes.size && record.place.key.size > 0 &&
                 record.place.key.size <= KP_STORE_KEY_BYTES_MAX && record.kind >= KP_RUN_GONE &&
                 (record.kind != KP_RUN_GONE || record.value.size == 0);
    if (!valid) {
        return 0;
    }
    *ret_record = record;
    return size;
}

int kp_place_compare(struct kp_row_place a, struct kp_row_place b)
{
    return a.table != b.table ? (a.table < b.table ? -1 : 1) : kp_slice_compare(a.key, b.key);
}

static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ (hash >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ (hash >> 32);
}

uint64_t kp_place_hash(struct kp_row_place place)
{
    uint64_t hash = (uint64_t)place.table << 8 | place.key.size;
    size_t at = 0;
    for (; at + sizeof hash <= place.key.size; at += sizeof hash) {
        uint64_t part;
        memcpy(&part, place.key.bytes + at, sizeof part);
        hash = mix(hash ^ part);
    }
    for (; at < place.key.size; at++) {
        hash = mix(hash ^ place.key.bytes[at]);
    }
    return mix(hash);
}

/* --- filter --- */

uint64_t kp_filter_bits(uint64_t hash)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        bits |= UINT64_C(1) << (hash >> (6 * i) & 63);
    }
    return bits;
}

/* By the high half of the hash: the low one chooses the bits. */
static size_t filter_word(const struct kp_run *run, uint64_t hash)
{
    return (size_t)((hash >> 32) * run->filter_words >> 32);
}

static void fill_filter(struct kp_run *run)
{
    run->filter_words = run->rows / FILTER_ROWS_PER_WORD + 1;
    run->filter = calloc(run->filter_words, sizeof *run->filter);
    KP_ASSERT(run->filter != NULL);
    for (uint32_t i = 0; i < run->rows; i++) {
        uint64_t hash = kp_place_hash(kp_run_at(run, i).place);
        run->filter[filter_word(run, hash)] |= kp_filter_bits(hash);
    }
}

/* --- runs --- */

struct kp_run *kp_run_new(void)
{
    struct kp_run *run = calloc(1, sizeof *run);
    KP_ASSERT(run != NULL);
    atomic_init(&run->references, 1);
    return run;
}

static void resize(struct kp_run *run, uint32_t rows, size_t size)
{
    if (rows != run->rows_capacity) {
        run->offsets = realloc(run->offsets, rows * sizeof *run->offsets);
        KP_ASSERT(run->offsets != NULL);
        run->rows_capacity = rows;
    }
    if (size != run->capacity) {
        run->bytes = realloc(run->bytes, size);
        KP_ASSERT(run->bytes != NULL);
        run->capacity = size;
    }
}

static void make_room(struct kp_run *run, size_t record_bytes)
{
    uint32_t rows = run->rows_capacity == 0 ? ROWS_CAPACITY_FIRST : run->rows_capacity;
    size_t size = run->capacity == 0 ? BYTES_CAPACITY_FIRST : run->capacity;
    if (run->rows == run->rows_capacity && run->rows > 0) {
        KP_ASSERT(rows <= UINT32_MAX / 2);
        rows *= 2;
    }
    while (size - run->size < record_bytes) {
        size *= 2;
    }
    resize(run, rows, size);
}

void kp_run_add(struct kp_run *run, const struct kp_run_record *record)
{
    size_t record_bytes = kp_run_record_bytes(record);
    KP_ASSERT(run->filter == NULL);
    KP_ASSERT(run->rows == 0 ||
              kp_place_compare(kp_run_at(run, run->rows - 1).place, record->place) < 0);
    KP_ASSERT(run->size + record_bytes <= UINT32_MAX); /* offsets */
    if (run->rows == run->rows_capacity || run->capacity - run->size < record_bytes) {
        make_room(run, record_bytes);
    }
    kp_run_encode(record, run->bytes + run->size);
    run->offsets[run->rows++] = (uint32_t)run->size;
    run->size += record_bytes;
}

void kp_run_finish(struct kp_run *run)
{
    if (run->rows > 0) {
        resize(run, run->rows, run->size);
    }
    fill_filter(run);
}

struct kp_run *kp_run_hold(struct kp_run *run)
{
    (void)atomic_fetch_add(&run->references, 1);
    return run;
}

void kp_run_release(struct kp_run *run)
{
    if (run != NULL && atomic_fetch_sub(&run->references, 1) == 1) {
        free(run->bytes);
        free(run->offsets);
        free(run->filter);
        free(run);
    }
}

size_t kp_run_heap_bytes(const struct kp_run *run)
{
    return sizeof *run + run->capacity + run->rows_capacity * sizeof *run->offsets +
           run->filter_words * sizeof *run->filter;
}

struct kp_run_record kp_run_at(const struct kp_run *run, uint32_t index)
{
    KP_ASSERT(index < run->rows);
    return record_at(run->bytes + run->offsets[index]);
}

/* The first index from @low on whose record is not before (with @after: is behind) @place. */
static uint32_t search(const struct kp_run *run, uint32_t low, struct kp_row_place place,
                       bool after)
{
    uint32_t high = run->rows;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = kp_place_compare(kp_run_at(run, middle).place, place);
        if (order < 0 || (order == 0 && after)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool kp_run_find(const struct kp_run *run, struct kp_row_place place, uint64_t hash,
                 struct kp_run_record *ret_record)
{
    uint64_t bits = kp_filter_bits(hash);
    if ((run->filter[filter_word(run, hash)] & bits) != bits) {
        return false;
    }
    uint32_t index = search(run, 0, place, /* after= */ false);
    if (index == run->rows) {
        return false;
    }
    struct kp_run_record record = kp_run_at(run, index);
    if (kp_place_compare(record.place, place) != 0) {
        return false;
    }
    *ret_record = record;
    return true;
}

static bool is_before(const struct kp_run *run, uint32_t index, struct kp_row_place place,
                      bool after)
{
    int order = kp_place_compare(kp_run_at(run, index).place, place);
    return order < 0 || (order == 0 && after);
}

uint32_t kp_run_seek(const struct kp_run *run, struct kp_row_place place, bool after,
                     uint32_t *hint_io)
{
    uint32_t at = *hint_io;
    bool known = at <= run->rows && (at == 0 || is_before(run, at - 1, place, after));
    if (known && at < run->rows && is_before(run, at, place, after)) {
        at++;
        known = at == run->rows || !is_before(run, at, place, after);
    }
    *hint_io = known ? at : search(run, 0, place, after);
    return *hint_io;
}

/* --- several runs --- */

bool kp_runs_next(struct kp_run *const *runs, uint32_t run_count, uint32_t *at_io,
                  struct kp_run_record *ret_record)
{
    bool found = false;
    for (uint32_t i = 0; i < run_count; i++) {
        if (at_io[i] < runs[i]->rows) {
            struct kp_run_record record = kp_run_at(runs[i], at_io[i]);
            if (!found || kp_place_compare(record.place, ret_record->place) <= 0) {
                *ret_record = record;
                found = true;
            }
        }
    }
    for (uint32_t i = 0; found && i < run_count; i++) {
        if (at_io[i] < runs[i]->rows &&
            kp_place_compare(kp_run_at(runs[i], at_io[i]).place, ret_record->place) == 0) {
            at_io[i]++;
        }
    }
    return found;
}

struct kp_run *kp_run_merge(const struct kp_run *older, const struct kp_run *newer)
{
    struct kp_run *merged = kp_run_new();
    struct kp_run_record record;
    uint32_t left = 0, right = 0;
    resize(merged, older->rows + newer->rows, older->size + newer->size);
    while (left < older->rows || right < newer->rows) {
        int order = left == older->rows    ? 1
                    : right == newer->rows ? -1
                                           : kp_place_compare(kp_run_at(older, left).place,
                                                              kp_run_at(newer, right).place);
        record = order < 0 ? kp_run_at(older, left) : kp_run_at(newer, right);
        kp_run_add(merged, &record);
        left += order <= 0;
        right += order >= 0;
    }
    kp_run_finish(merged);
    return merged;
}
