/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Keys that can die: the person keys and the journal's segment keys, wrapped (AES-256-GCM under a
 * key derived from the house's master secret) in an LMDB environment of their own, so that
 * destroying a key destroys what it sealed, in backups too. Committed before the transaction that
 * uses them.
 */
#ifndef KP_STORE_KEYRING_H
#define KP_STORE_KEYRING_H

#include "base/crypto.h"
#include "base/err.h"

struct kp_keyring;

enum kp_keyring_kind {
    KP_KEYRING_PERSON = 1,  /* id: person */
    KP_KEYRING_JOURNAL = 2, /* id: first position of the journal segment */
    KP_KEYRING_HEAD = 3,    /* id 0: authenticates the journal's head; lives as long as the house */
    KP_KEYRING_KIND_END
};

/* @dir is made when absent. KP_E_CORRUPT  the master secret does not open this ring. */
KP_MUST_CHECK enum kp_err kp_keyring_open(const char *dir, const struct kp_secret *master,
                                          struct kp_keyring **ret_ring,
                                          struct kp_diag *reterr_diag);
struct kp_keyring *kp_keyring_close(struct kp_keyring *ring);

/* Any thread. KP_E_NOT_FOUND  no such key (never made, or destroyed). */
KP_MUST_CHECK enum kp_err kp_keyring_find(struct kp_keyring *ring, enum kp_keyring_kind kind,
                                          uint64_t id, struct kp_secret *ret_key,
                                          struct kp_diag *reterr_diag);
/* The key, made now when absent; a new one is usable at once but safe only after kp_keyring_commit.
 * New keys wait per kind: the applier's (PERSON) and the journal writer's (JOURNAL) do not meet. */
KP_MUST_CHECK enum kp_err kp_keyring_make(struct kp_keyring *ring, enum kp_keyring_kind kind,
                                          uint64_t id, struct kp_secret *ret_key,
                                          struct kp_diag *reterr_diag);
/* Sync the new keys of @kind to disk; does nothing when there are none. */
KP_MUST_CHECK enum kp_err kp_keyring_commit(struct kp_keyring *ring, enum kp_keyring_kind kind,
                                            struct kp_diag *reterr_diag);
/* Forget the new keys of @kind that were not committed. */
void kp_keyring_rollback(struct kp_keyring *ring, enum kp_keyring_kind kind);
/* Destroy all keys of @kind with id < @below (the journal's trimmed part), at most @count_max;
 * synced. */
KP_MUST_CHECK enum kp_err kp_keyring_destroy_below(struct kp_keyring *ring,
                                                   enum kp_keyring_kind kind, uint64_t below,
                                                   uint32_t count_max, struct kp_diag *reterr_diag);
/* Copy the environment to @dir (which is made), while in use. */
KP_MUST_CHECK enum kp_err kp_keyring_copy(struct kp_keyring *ring, const char *dir,
                                          struct kp_diag *reterr_diag);

#endif
