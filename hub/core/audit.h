/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The audit log: an append-only Merkle tree (hashing of RFC 6962) over entries without personal
 * data, one for each signal or command applied. The state keeps the entries and the tree's right
 * edge; its root goes into every receipt.
 */
#ifndef KP_CORE_AUDIT_H
#define KP_CORE_AUDIT_H

#include "core/core.h"

#define KP_AUDIT_ENTRY_BYTES 53u

struct kp_audit_entry {
    uint64_t position;
    uint8_t kind; /* enum kp_command_kind */
    uint16_t actor;
    uint8_t
        outcome; /* OutcomeKind of a signal, enum kp_known_outcome of a check; 0 for other commands
                  */
    struct kp_wall stamp;
    uint8_t digest[KP_SHA256_BYTES]; /* salted digest of the signal, digest of the row of a check,
                                        or of the command's body */
};

#define KP_AUDIT_PEAKS_MAX 64

/* Entries of one command, collected and then written in one row. */
struct kp_audit {
    uint64_t size; /* leaves in the tree */
    uint32_t peak_count;
    uint8_t peaks[KP_AUDIT_PEAKS_MAX][KP_SHA256_BYTES]; /* of the full subtrees, largest first */
    uint64_t first;
    struct kp_writer entries;
};

/* @entries_max: how many will be added. */
void kp_audit_begin(struct kp_txn *txn, uint32_t entries_max, struct kp_audit *ret_audit);
void kp_audit_add(struct kp_audit *audit, const struct kp_audit_entry *entry);
void kp_audit_end(struct kp_txn *txn, const struct kp_audit *audit);

/* Tree head as of now; the root of an empty tree is SHA-256 of nothing. */
void kp_audit_head(struct kp_txn *txn, uint64_t *ret_size, uint8_t ret_root[KP_SHA256_BYTES]);

#endif
