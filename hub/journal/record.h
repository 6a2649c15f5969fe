/* SPDX-License-Identifier: EUPL-1.2 */
/* What the writing and the reading half of the journal share; nobody else includes this. */
#ifndef KP_JOURNAL_RECORD_H
#define KP_JOURNAL_RECORD_H

#include "base/crypto.h"
#include "journal/journal.h"
#include "store/env.h"
#include "store/keys.h"

#include <pthread.h>

#define RECORD_VERSION 1u
#define HEAD_VERSION 1u
#define HEADER_BYTES (1 + 8 + 4 + KP_NONCE_BYTES)
#define STAMP_BYTES 8u
#define OVERHEAD_BYTES (HEADER_BYTES + STAMP_BYTES + KP_AEAD_TAG_BYTES)
#define HEAD_PLAIN_BYTES (1 + 8 + 8 + 8 + 8)

struct kp_journal_head {
    uint64_t first, next; /* next position to give; first == next: empty */
    int64_t stamp_ms;
    uint64_t segment; /* of the last record; 0: none yet */
};

struct kp_journal {
    MDB_env *env;
    MDB_dbi records, heads;
    struct kp_keyring *ring;
    uint64_t segment_positions;
    struct kp_secret head_key;
    pthread_mutex_t mutex; /* guards head for the threads that do not write */
    struct kp_journal_head head;
    /* The writer's own. */
    struct kp_aead *aead;
    struct kp_hmac *head_hmac;
    struct kp_secret segment_key;
    uint64_t destroyed_below; /* segment keys before it are gone already */
    bool segment_open;        /* this process has begun a segment */
    bool failed;    /* a commit failed: what is on disk is not known until the next open */
    uint8_t *plain; /* stamp and body side by side, to be sealed in one piece */
    size_t plain_capacity;
};

struct kp_journal_header {
    uint64_t segment;
    uint32_t positions;
    const uint8_t *nonce;
    struct kp_slice sealed;
};

/* false: not of the form that this version writes. */
bool kp_journal_position_of(MDB_val key, uint64_t *ret_position);
bool kp_journal_header_of(MDB_val value, struct kp_journal_header *ret_header);
/* What is authenticated with a record. */
struct kp_key kp_journal_associated_of(uint64_t position, uint64_t segment, uint32_t positions);
enum kp_err kp_journal_fail_at(struct kp_diag *reterr_diag, uint64_t position, const char *what);
/* The head with its tag; returns its size. */
size_t kp_journal_head_encode(const struct kp_journal_head *head, struct kp_hmac *hmac,
                              uint8_t ret_bytes[HEAD_PLAIN_BYTES + KP_TAG_BYTES]);
bool kp_journal_head_decode(struct kp_slice bytes, struct kp_hmac *hmac,
                            struct kp_journal_head *ret_head);
/* KP_E_CORRUPT unless the record begins somewhere and ends just before @end_expected. */
enum kp_err kp_journal_check_end(MDB_val key, MDB_val value, uint64_t end_expected,
                                 uint64_t *ret_position, struct kp_diag *reterr_diag);

#endif
