/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Counterparts: every partner and user that the house ever named, by a number that is also the
 * number of his door and mailbox and is never given to another. Keys and certificates that were
 * enrolled for him, and whether they are still good.
 */
#ifndef KP_CORE_COUNTERPART_H
#define KP_CORE_COUNTERPART_H

#include "core/core.h"

#define KP_COUNTERPART_KEYS_MAX                                                                    \
    8u /* the newest; older ones that are no longer active are forgotten */

enum kp_key_state {
    KP_KEY_ACTIVE = 1,
    KP_KEY_REVOKED = 2,
    KP_KEY_REPLACED = 3, /* more than KP_DOOR_KEYS_MAX newer ones were enrolled */
};

struct kp_enrolled_key {
    enum kp_key_state state;
    uint64_t position; /* of its enrolment */
    int64_t not_after_ms;
    uint8_t curve_public[32];
    uint8_t certificate_digest[KP_SHA256_BYTES];
    struct kp_slice certificate; /* DER */
    struct kp_slice chain;       /* as in struct kp_command_enrol */
};

struct kp_counterpart {
    uint16_t number;
    bool is_user;
    char id[KP_ID_BYTES_MAX + 1];
    uint16_t port; /* 0: never enrolled */
    uint32_t key_count;
    struct kp_enrolled_key keys[KP_COUNTERPART_KEYS_MAX]; /* newest last */
};

/* Slices live in the transaction's scratch. false: no such number. */
bool kp_counterpart_get(struct kp_txn *txn, uint16_t number,
                        struct kp_counterpart *ret_counterpart);
/* The first one with a number above @after; false when there is none. */
bool kp_counterpart_next(struct kp_txn *txn, uint16_t after,
                         struct kp_counterpart *ret_counterpart);
bool kp_counterpart_find(struct kp_txn *txn, struct kp_slice id,
                         struct kp_counterpart *ret_counterpart);

/* The house named him: give him a number when he has none. 0: all numbers are used up. */
uint16_t kp_counterpart_name(struct kp_txn *txn, const char *id, bool is_user);

/* What is known of a key or certificate that asks to be enrolled. */
enum kp_key_standing {
    KP_KEY_NEW,      /* nobody has it */
    KP_KEY_PRESENT,  /* he has this key with this certificate already, and it is good */
    KP_KEY_SHUT_OUT, /* one of the two was revoked, or replaced by newer ones: not again */
    KP_KEY_OTHERS,   /* it is another counterpart's key */
};

/* @certificate_digest  SHA-256 of its DER. */
enum kp_key_standing kp_counterpart_standing(struct kp_txn *txn, struct kp_slice id,
                                             struct kp_slice curve_public,
                                             const uint8_t *certificate_digest);

/* Apply KP_COMMAND_ENROL and KP_COMMAND_REVOKE. The intake has checked signature, certificate and
 * port range before; what cannot be done here (an id the house does not name, no port left, a key
 * that is not new) changes nothing. */
void kp_counterpart_enrol(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_command_enrol *enrol);
/* @curve_public empty: every key. */
void kp_counterpart_revoke(struct kp_core *core, struct kp_txn *txn, struct kp_slice id,
                           struct kp_slice curve_public);
/* A deadline of kind KP_DEADLINE_CERTIFICATE is due. */
void kp_counterpart_certificate_due(struct kp_core *core, struct kp_txn *txn, uint16_t number,
                                    uint8_t threshold);

#endif
