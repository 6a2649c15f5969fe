/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the state knows of a partner's reference: the newest usable version, the older ones (so that
 * their repeats are known for repeats), and which unusable ones are held.
 */
#ifndef KP_CORE_REFERENCE_H
#define KP_CORE_REFERENCE_H

#include "core/core.h"

#define KP_REFERENCE_HELD_MAX 32u /* held ones known of one reference; the oldest is forgotten */

enum kp_reference_state {
    KP_REFERENCE_CURRENT = 1,
    KP_REFERENCE_WITHDRAWN = 2,
    KP_REFERENCE_HELD = 3, /* nothing usable has come yet */
};

struct kp_reference {
    enum kp_reference_state state;
    uint64_t position; /* HELD: of the last held one */
    uint64_t version;  /* HELD: 0 */
    uint8_t content_tag[KP_TAG_BYTES];
    bool has_held; /* some are listed as held; always with HELD */
};

/* A held signal under this reference. */
struct kp_reference_held {
    uint64_t position, version;
    uint8_t content_tag[KP_TAG_BYTES];
    bool conflict; /* held because another content came first: no later version makes it moot */
};

/* The newest usable version, or that only held ones are known. false: nothing is. */
bool kp_reference_get(struct kp_txn *txn, const uint8_t *reference_tag,
                      struct kp_reference *ret_reference);
void kp_reference_put(struct kp_txn *txn, const uint8_t *reference_tag,
                      const struct kp_reference *reference);
/* A version that is not the newest (any more). */
bool kp_reference_get_older(struct kp_txn *txn, const uint8_t *reference_tag, uint64_t version,
                            struct kp_reference *ret_reference);
void kp_reference_put_older(struct kp_txn *txn, const uint8_t *reference_tag,
                            const struct kp_reference *older);

/* The held ones, oldest first; how many. @reference: as kp_reference_get found it, NULL: nothing.
 */
uint32_t kp_reference_held(struct kp_txn *txn, const uint8_t *reference_tag,
                           const struct kp_reference *reference,
                           struct kp_reference_held ret_held[KP_REFERENCE_HELD_MAX]);
/* Now these are the held ones; the row of the reference follows. @reference: as it is otherwise;
 * with state HELD and none left it is forgotten. */
void kp_reference_hold(struct kp_txn *txn, const uint8_t *reference_tag,
                       struct kp_reference *reference, const struct kp_reference_held *held,
                       uint32_t count);

#endif
