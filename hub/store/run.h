/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Runs: changes of rows in the order of their places, in memory, immutable and counted once
 * finished. A record is one change, the same bytes in memory and in the log (delta.h):
 *
 *   table u8 || key size u8 || kind (2 bits) and value size (30 bits) u32 || key || value
 */
#ifndef KP_STORE_RUN_H
#define KP_STORE_RUN_H

#include "base/limits.h"
#include "store/row.h"

#include <stdatomic.h>

enum kp_run_kind {
    KP_RUN_NONE = 0,   /* no record of a run: a row as it is in its table */
    KP_RUN_GONE = 1,   /* the row was removed: hides whatever lies below; no value */
    KP_RUN_PLAIN = 2,  /* nobody's row: its value */
    KP_RUN_SEALED = 3, /* a row about a person: as it will be on disk, under his own key */
};

struct kp_run_record {
    struct kp_row_place place;
    enum kp_run_kind kind;
    struct kp_slice value;
};

#define KP_RUN_RECORD_BYTES_MAX (6u + KP_STORE_KEY_BYTES_MAX + KP_STORE_VALUE_BYTES_MAX)

size_t kp_run_record_bytes(const struct kp_run_record *record);
/* @ret_bytes holds kp_run_record_bytes. */
void kp_run_encode(const struct kp_run_record *record, uint8_t *ret_bytes);
/* The record at the start of @bytes, borrowed. Its size; 0: these bytes are no record. */
size_t kp_run_decode(struct kp_slice bytes, struct kp_run_record *ret_record);

int kp_place_compare(struct kp_row_place a, struct kp_row_place b);
/* For kp_run_find; the same for all runs. */
uint64_t kp_place_hash(struct kp_row_place place);
/* The bits of a word of a filter that stand for a row with this hash. */
uint64_t kp_filter_bits(uint64_t hash);

struct kp_run {
    atomic_uint references;
    uint32_t rows, rows_capacity;
    size_t size, capacity; /* of bytes */
    uint8_t *bytes;
    uint32_t *offsets; /* of each record */
    uint64_t *filter;  /* by hash: most places that are not in the run are not looked for */
    size_t filter_words;
};

/* Never fails (aborts when memory cannot be had). The caller's own until kp_run_finish. */
struct kp_run *kp_run_new(void);
/* After the last one: places only grow (asserted). */
void kp_run_add(struct kp_run *run, const struct kp_run_record *record);
/* Gives back what was taken too much; from here on any thread may read it. */
void kp_run_finish(struct kp_run *run);
struct kp_run *kp_run_hold(struct kp_run *run);
void kp_run_release(struct kp_run *run); /* frees the last one; NULL: nothing */

size_t kp_run_heap_bytes(const struct kp_run *run);
struct kp_run_record kp_run_at(const struct kp_run *run, uint32_t index);
/* @hash  kp_place_hash of @place. @ret_record is borrowed from the run. */
bool kp_run_find(const struct kp_run *run, struct kp_row_place place, uint64_t hash,
                 struct kp_run_record *ret_record);
/* The first record at or, with @after, behind @place; rows: none. @hint_io is where the last one
 * was found, and remembers this one: a walk does not search. */
uint32_t kp_run_seek(const struct kp_run *run, struct kp_row_place place, bool after,
                     uint32_t *hint_io);

/* The next record of several runs in the order of places: of equal places the one in the last run
 * that has it, past all of which @at_io moves. false: there is no more. */
bool kp_runs_next(struct kp_run *const *runs, uint32_t run_count, uint32_t *at_io,
                  struct kp_run_record *ret_record);
/* Both in one, @newer above @older; new and finished. */
struct kp_run *kp_run_merge(const struct kp_run *older, const struct kp_run *newer);

#endif
