/* SPDX-License-Identifier: EUPL-1.2 */
/* Inside the spool: bytes under keys, below the rows of spool.h. Only spool.c knows LMDB. */
#ifndef KP_ADAPTER_SPOOL_TABLE_H
#define KP_ADAPTER_SPOOL_TABLE_H

#include "runtime/spool.h"

/*
 * table      key                                    value (after a version byte)
 * counters   u8 counter                             u64
 * files      u64 id                                 struct kp_spool_file
 * records    u64 file, u32 number                   struct kp_spool_record
 * signals    u64 seq                                struct kp_spool_signal
 * batches    u64 id                                 struct kp_spool_batch
 * batch_ids  16 bytes of message id                 u64 id
 * rows       reference                              struct kp_spool_row
 * cursors    mailbox                                u64
 * receipts   u64 highest position                   encoded Receipt
 */
enum kp_spool_table {
    KP_TABLE_COUNTERS,
    KP_TABLE_FILES,
    KP_TABLE_RECORDS,
    KP_TABLE_SIGNALS,
    KP_TABLE_BATCHES,
    KP_TABLE_BATCH_IDS,
    KP_TABLE_ROWS,
    KP_TABLE_CURSORS,
    KP_TABLE_RECEIPTS,
    KP_TABLE_COUNT,
};

/* Sticky, as everything in a transaction: false and nothing after a failure. Slices that are given
 * back live until the next change or the end of the transaction. */
bool kp_spool_get(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key,
                  struct kp_slice *ret_value);
void kp_spool_put(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key,
                  struct kp_slice value);
void kp_spool_delete(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key);
/* The first key that sorts after @key. */
bool kp_spool_after(struct kp_spool *spool, enum kp_spool_table table, struct kp_slice key,
                    struct kp_slice *ret_key, struct kp_slice *ret_value);
uint64_t kp_spool_count(struct kp_spool *spool, enum kp_spool_table table);
/* A stored value cannot be read: the transaction fails with KP_E_CORRUPT. */
void kp_spool_fail(struct kp_spool *spool, enum kp_err err, const char *what);

#endif
