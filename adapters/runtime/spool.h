/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What an adapter may not forget, in an LMDB environment of its own with the default, durable sync:
 * signals that have no outcome yet, the batches they were signed in, what became of each record of
 * a file, the rows of a full list as they were last sent, and how far each mailbox was stored.
 *
 * Work goes in transactions, one at a time: begin, any of the functions below, commit. After a
 * failure every function does nothing and commit gives the first error; then nothing has changed.
 * One thread, one process that writes (others may read: `status`). Nothing here logs.
 *
 * It holds what the partner's own export holds, so it lies with the partner, in a folder of mode
 * 0700; it is a spool and not an archive: what has its outcome is dropped.
 */
#ifndef KP_ADAPTER_SPOOL_H
#define KP_ADAPTER_SPOOL_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/time.h"

#include <stdbool.h>

#define KP_FILE_NAME_BYTES_MAX 200u
#define KP_DROPPED_NAME_BYTES_MAX                                                                  \
    180u                             /* leaves room for a number when the name was used before     \
                                      */
#define KP_SPOOL_RECEIPTS_MAX 10000u /* the newest are kept as proof */
#define KP_SPOOL_FILES_MAX 1000u     /* finished files that `status` can still tell about */

struct kp_spool;

struct kp_spool_options {
    const char *dir;    /* made where absent */
    uint64_t bytes_max; /* of signals that wait; what else is kept is far smaller and has only the
                           disk as its limit, so that outcomes can always be taken in */
    bool read_only;
};

/* KP_E_STATE (another process has it open to write), KP_E_IO, KP_E_CORRUPT (not a spool, or of a
 * newer version), KP_E_NOT_FOUND (read_only, none) */
KP_MUST_CHECK enum kp_err kp_spool_open(const struct kp_spool_options *options,
                                        struct kp_spool **ret_spool, struct kp_diag *reterr_diag);
struct kp_spool *kp_spool_close(struct kp_spool *spool);

void kp_spool_begin(struct kp_spool *spool);
void kp_spool_begin_read(struct kp_spool *spool);
bool kp_spool_in_transaction(const struct kp_spool *spool);
bool kp_spool_ok(const struct kp_spool *spool);
/* KP_E_DISK_FULL  may succeed later · KP_E_STORE, KP_E_CORRUPT  end the program, open it again */
KP_MUST_CHECK enum kp_err kp_spool_commit(struct kp_spool *spool, struct kp_diag *reterr_diag);
void kp_spool_abort(struct kp_spool *spool);

/* --- counters --- */

enum kp_spool_counter {
    KP_COUNTER_VERSION = 1,   /* of the spool's own format */
    KP_COUNTER_NEXT_SIGNAL,   /* next sequence number, from 1 */
    KP_COUNTER_NEXT_FILE,     /* from 1 */
    KP_COUNTER_NEXT_BATCH,    /* from 1 */
    KP_COUNTER_BATCHED,       /* signals before this sequence number are in a batch, or were */
    KP_COUNTER_LAST_POSITION, /* highest position in a receipt */
    KP_COUNTER_USED,          /* bytes of signals that wait */
    KP_COUNTER_LIST_BASE,     /* versions of a full list's rows start above this */
    KP_COUNTER_RECOVERED,     /* 1: what lay in done/ when the spool was made is dealt with */
};
uint64_t kp_spool_counter(struct kp_spool *spool, enum kp_spool_counter counter);
void kp_spool_set_counter(struct kp_spool *spool, enum kp_spool_counter counter, uint64_t value);
/* More than bytes_max waits: read no further file until outcomes made room. */
bool kp_spool_is_full(struct kp_spool *spool);

/* --- files --- */

enum kp_file_state {
    KP_FILE_READING = 1, /* being spooled, record by record; goes on at @spooled after a crash */
    KP_FILE_SPOOLED,     /* all of it is here; still to be moved to done/ */
    KP_FILE_MOVED,       /* records wait for their outcome */
    KP_FILE_COMPLETE,    /* the result is written; the records are dropped */
    KP_FILE_WAITING,     /* LIST_SHRUNK: waits for a person */
};

enum kp_record_status {
    KP_RECORD_PENDING = 0, /* spooled */
    KP_RECORD_RECEIPTED,   /* in the hub's journal */
    KP_RECORD_ACCEPTED,    /* from here on: final */
    KP_RECORD_DUPLICATE,
    KP_RECORD_REPLACES,
    KP_RECORD_SUPERSEDED,
    KP_RECORD_WITHDRAWN,
    KP_RECORD_HELD,
    KP_RECORD_REFUSED,
    KP_RECORD_STATUS_COUNT,
};
const char *kp_record_status_name(enum kp_record_status status);

struct kp_spool_file {
    uint64_t id;
    char name[KP_FILE_NAME_BYTES_MAX + 1];   /* as dropped */
    char stored[KP_FILE_NAME_BYTES_MAX + 1]; /* as kept in done/ */
    uint8_t digest[KP_SHA256_BYTES];         /* of its content */
    enum kp_file_state state;
    struct kp_wall at;   /* when it was first seen */
    bool checked;        /* read through once: an export of this kind, that may be spooled */
    bool aside;          /* full list: lies in waiting/ under @stored, not in drop/ */
    bool list_withdraws; /* full list: rows that left may be withdrawn */
    uint32_t read;       /* records in the file */
    uint32_t spooled;    /* records of it that are in the spool */
    uint32_t counts[KP_RECORD_STATUS_COUNT]; /* records by status */
};
/* Id 0 is given the next one. */
void kp_spool_put_file(struct kp_spool *spool, struct kp_spool_file *file);
bool kp_spool_get_file(struct kp_spool *spool, uint64_t id, struct kp_spool_file *ret_file);
/* The first file with an id above @after. */
bool kp_spool_next_file(struct kp_spool *spool, uint64_t after, struct kp_spool_file *ret_file);
void kp_spool_drop_file(struct kp_spool *spool, uint64_t id);
/* Records without a final status. */
uint32_t kp_file_open_count(const struct kp_spool_file *file);

/* --- records --- */

struct kp_spool_record {
    uint64_t file;
    uint32_t number; /* above file.read: a withdrawal that the runtime made of a row that left */
    uint32_t line;   /* 0 for such a withdrawal */
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    enum kp_record_status status;
    uint32_t code;
    char field[64];
    char reason[240];
    uint64_t position;
};
/* Also counts it in @file, which the caller puts. A record that was there is replaced. */
void kp_spool_put_record(struct kp_spool *spool, struct kp_spool_file *file,
                         const struct kp_spool_record *record);
bool kp_spool_get_record(struct kp_spool *spool, uint64_t file, uint32_t number,
                         struct kp_spool_record *ret_record);
bool kp_spool_next_record(struct kp_spool *spool, uint64_t file, uint32_t after,
                          struct kp_spool_record *ret_record);
/* At most @count_max; false: there were no more. */
bool kp_spool_drop_records(struct kp_spool *spool, uint64_t file, uint32_t count_max);

/* --- signals without an outcome --- */

struct kp_spool_signal {
    uint64_t seq; /* given by add */
    uint64_t file;
    uint32_t record;
    uint64_t version;
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    uint8_t salt[KP_SALT_BYTES]; /* given by add: random */
    struct kp_slice bytes;       /* encoded Signal; borrowed from the transaction when read */
};
void kp_spool_add_signal(struct kp_spool *spool, struct kp_spool_signal *signal);
bool kp_spool_get_signal(struct kp_spool *spool, uint64_t seq, struct kp_spool_signal *ret_signal);
/* The first with a sequence number above @after. */
bool kp_spool_next_signal(struct kp_spool *spool, uint64_t after,
                          struct kp_spool_signal *ret_signal);
void kp_spool_drop_signal(struct kp_spool *spool, uint64_t seq);
uint64_t kp_spool_signal_count(struct kp_spool *spool);

/* --- batches: a run of consecutive signals under one message id --- */

struct kp_spool_batch {
    uint64_t id; /* given by the first put */
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    char traceparent[56];
    uint64_t first;
    uint32_t count;
    uint32_t open; /* signals of it without an outcome */
    bool receipted;
};
void kp_spool_put_batch(struct kp_spool *spool, struct kp_spool_batch *batch);
bool kp_spool_next_batch(struct kp_spool *spool, uint64_t after, struct kp_spool_batch *ret_batch);
bool kp_spool_find_batch(struct kp_spool *spool, struct kp_slice message_id,
                         struct kp_spool_batch *ret_batch);
void kp_spool_drop_batch(struct kp_spool *spool, const struct kp_spool_batch *batch);
uint64_t kp_spool_batch_count(struct kp_spool *spool);

/* --- rows of a full list as last sent --- */

struct kp_spool_row {
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    uint8_t digest[KP_SHA256_BYTES]; /* of the Signal without its version; zeros: not known */
    uint64_t version;
    uint64_t file; /* the last list that had it */
    bool listed;   /* false: left, and withdrawn under @version */
};
void kp_spool_put_row(struct kp_spool *spool, const struct kp_spool_row *row);
bool kp_spool_get_row(struct kp_spool *spool, const char *reference, struct kp_spool_row *ret_row);
/* The first with a reference after @after ("" for the first of all). */
bool kp_spool_next_row(struct kp_spool *spool, const char *after, struct kp_spool_row *ret_row);

/* --- mailboxes and proofs --- */

/* Events up to and including this one are stored. */
uint64_t kp_spool_cursor(struct kp_spool *spool, const char *mailbox);
void kp_spool_set_cursor(struct kp_spool *spool, const char *mailbox, uint64_t seq);
bool kp_spool_next_cursor(struct kp_spool *spool, const char *after,
                          char ret_mailbox[KP_ID_BYTES_MAX + 1], uint64_t *ret_seq);
/* An encoded Receipt by its highest position; the oldest beyond KP_SPOOL_RECEIPTS_MAX goes. */
void kp_spool_put_receipt(struct kp_spool *spool, uint64_t position, struct kp_slice receipt);
bool kp_spool_next_receipt(struct kp_spool *spool, uint64_t after, uint64_t *ret_position,
                           struct kp_slice *ret_receipt);

#endif
