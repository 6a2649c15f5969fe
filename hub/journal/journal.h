/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The journal: the ordered, synced list of commands. What is in it is the truth; the state follows.
 * A record covers one or more positions (a batch of n signals covers n). Positions start at 1 and
 * have no gaps. Behind a table of functions, so that another engine can take its place; the default
 * is an LMDB environment of its own (journal/lmdb.c): MDB_APPEND, records sealed under segment keys
 * that die with the trimmed part.
 */
#ifndef KP_JOURNAL_JOURNAL_H
#define KP_JOURNAL_JOURNAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"
#include "store/keyring.h"

struct kp_journal_record {
    uint64_t position;    /* of its first signal or command */
    uint32_t positions;   /* how many it covers, >= 1 */
    struct kp_wall stamp; /* never goes back */
    struct kp_slice body; /* kp_command encoding, core/command.h */
};

struct kp_journal;

struct kp_journal_options {
    const char *dir;            /* made when absent */
    struct kp_keyring *ring;    /* borrowed; outlives the journal */
    uint64_t map_bytes;         /* 0: 1 TiB */
    uint64_t segment_positions; /* a new sealing key each so many positions; 0: 1,000,000 */
};

/* Verifies that the last record opens and that positions have no gap at the end.
 * KP_E_CORRUPT, KP_E_STORE, KP_E_IO */
KP_MUST_CHECK enum kp_err kp_journal_open(const struct kp_journal_options *options,
                                          struct kp_journal **ret_journal,
                                          struct kp_diag *reterr_diag);
struct kp_journal *kp_journal_close(struct kp_journal *journal);

/* --- the journal writer's thread --- */

/* Append @count records and sync. Fills position (continuing from the last) and stamp = max(last,
 * @now) of each. On KP_OK everything is on disk. Any other result: nothing was appended as far as
 * anyone may be told; the process must end (a commit that failed may or may not be on disk; the
 * next open tells). Crash points: journal.before_sync, journal.after_sync. */
KP_MUST_CHECK enum kp_err kp_journal_append(struct kp_journal *journal, struct kp_wall now,
                                            struct kp_journal_record *records, uint32_t count,
                                            struct kp_diag *reterr_diag);
/* Drop records that end before @keep_from, at most @records_max of them, and the segment keys that
 * only they used. Crash point: journal.trim. */
KP_MUST_CHECK enum kp_err kp_journal_trim(struct kp_journal *journal, uint64_t keep_from,
                                          uint32_t records_max, uint32_t *ret_dropped,
                                          struct kp_diag *reterr_diag);

/* --- any thread --- */

struct kp_journal_state {
    uint64_t first, last; /* positions; 0 and 0 when empty and never used; first = last + 1 when
                             trimmed empty */
    struct kp_wall last_stamp;
};
void kp_journal_state(struct kp_journal *journal, struct kp_journal_state *ret_state);

/* Read forward. A reader holds no transaction between calls. One thread each. */
struct kp_journal_reader;
struct kp_journal_reader *kp_journal_reader_new(struct kp_journal *journal);
struct kp_journal_reader *kp_journal_reader_free(struct kp_journal_reader *reader);
/* Fill up to @records_max records that start at or after @from, in order, within @bytes_max of
 * bodies (at least one record when there is one). Bodies live in the reader until its next call.
 * *ret_count 0: nothing there yet. KP_E_CORRUPT  a record does not authenticate · KP_E_NOT_FOUND
 * @from was trimmed away. */
KP_MUST_CHECK enum kp_err kp_journal_read(struct kp_journal_reader *reader, uint64_t from,
                                          struct kp_journal_record *ret_records,
                                          uint32_t records_max, size_t bytes_max,
                                          uint32_t *ret_count, struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_journal_copy(struct kp_journal *journal, const char *dir,
                                          struct kp_diag *reterr_diag);

#endif
