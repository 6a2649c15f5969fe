/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Forms that share a key are a block: only they are compared. A block of more than
 * KP_BLOCK_FORMS_MAX is narrowed: its forms are looked for under the key and one field more, and if
 * that holds too many, one more, four in all (core/match/keys.h); when it is smaller again, under
 * the key alone. Who agrees with so many in the key and all four fields is not found by this key:
 * they hold each other, and are more than may be put together (KP_COMPONENT_FORMS_MAX). Of a block
 * those meet whose witnesses agree. So which forms meet follows from which there are, not from the
 * order in which they came.
 */
#ifndef KP_CORE_BLOCKS_H
#define KP_CORE_BLOCKS_H

#include "base/limits.h"
#include "core/forms.h"

/* The forms of a block that was narrowed or is so no more: who meets whom has changed among them.
 */
struct kp_block_change {
    struct kp_block_change *next;
    bool narrowed; /* fewer meet; else more */
    uint8_t kind;  /* of the key */
    uint32_t count;
    uint64_t forms[];
};

/* The form stands under its keys from now on, or no longer. Changes are prepended to
 * *changes_io, in the transaction's scratch. */
void kp_blocks_add(struct kp_txn *txn, const struct kp_match_keys *keys, uint64_t form,
                   struct kp_block_change **changes_io);
void kp_blocks_remove(struct kp_txn *txn, const struct kp_match_keys *keys, uint64_t form,
                      struct kp_block_change **changes_io);

/* Whom a form with these keys meets: ids rising, each once, in scratch, with room for
 * KP_CANDIDATES_MORE. false: the transaction failed. */
#define KP_CANDIDATES_MORE KP_COMPONENT_FORMS_MAX
bool kp_blocks_candidates(struct kp_txn *txn, const struct kp_match_keys *keys,
                          uint64_t **ret_forms, uint32_t *ret_count);
/* The forms that stand with one under its key of this kind, itself too if it is there; false: it
 * has none, it is too common, or the transaction failed. */
bool kp_blocks_under(struct kp_txn *txn, const struct kp_match_keys *keys, uint8_t kind,
                     uint64_t ret_forms[KP_BLOCK_FORMS_MAX], uint32_t *ret_count);
/* The kinds of the keys under which two forms that are in their blocks meet: bit 1 << kind; 0: they
 * do not. */
uint32_t kp_blocks_kinds(struct kp_txn *txn, const struct kp_match_keys *a,
                         const struct kp_match_keys *b);
/* The blocks in which a form with these keys is compared, found once for many others. */
struct kp_open_key {
    uint8_t kind, level, tag[KP_KEY_TAG_BYTES], witnesses[KP_WITNESSES_MAX];
};
struct kp_open_keys {
    uint32_t count;
    struct kp_open_key keys[KP_KEYS_MAX];
};
void kp_blocks_open(struct kp_txn *txn, const struct kp_match_keys *keys,
                    struct kp_open_keys *ret_open);
bool kp_open_keys_meet(const struct kp_open_keys *a, const struct kp_open_keys *b);

#endif
