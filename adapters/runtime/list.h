/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A partner that exports its full list each time: what changed since the last one. Rows that joined
 * are new signals, changed rows get the next version, rows that left are withdrawn, unchanged rows
 * are not sent. Everything here works in the caller's write transaction.
 */
#ifndef KP_ADAPTER_LIST_H
#define KP_ADAPTER_LIST_H

#include "runtime/job.h"

/* Collected while a list is read through. */
struct kp_list_check {
    uint32_t rows;       /* records of the file, usable or not */
    uint32_t unreadable; /* without a reference: nobody can say whose row it is */
    uint32_t shared;     /* references that the last list had too */
};
void kp_list_count(struct kp_spool *spool, struct kp_list_check *check,
                   const struct kp_record *record);
/* KP_OK: compare it. KP_E_LIST_SHRUNK: it waits for a person; the diag says why. */
KP_MUST_CHECK enum kp_err kp_list_judge(struct kp_spool *spool, const struct kp_list_check *check,
                                        uint32_t shrink_percent, struct kp_diag *reterr_diag);

enum kp_list_change {
    KP_LIST_SEND, /* joined or changed: *ret_version is set */
    KP_LIST_SAME, /* sent before */
    KP_LIST_TWICE /* the reference was in this list already, with another content */
};
/* A usable row: compares and remembers it. */
enum kp_list_change kp_list_take(struct kp_spool *spool, uint64_t file,
                                 const Knooppunt__V1__Signal *signal, uint64_t *ret_version);
/* A row that cannot be used: what was sent of it before stays. */
void kp_list_keep(struct kp_spool *spool, uint64_t file, const char *reference);

/* The next row that was listed and is not in list @file, from reference @after on: it is marked as
 * left, and @ret_row has the version of its withdrawal. false: no more. */
bool kp_list_leave(struct kp_spool *spool, uint64_t file, const char *after,
                   struct kp_spool_row *ret_row);

#endif
