/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which person a mention belongs to. The rule today, a pure function of the set of mentions (so
 * arrival order cannot change it):
 *   1. Mentions with the same valid BSN are one person.
 *   2. A mention without one, but with surname, initial and full birth date (its name key), joins
 * the person with a BSN who carries the same name key, when exactly one person does.
 *   3. Otherwise all mentions without BSN under one name key are one person.
 *   4. A mention with neither is a person of its own.
 * When the number of BSN persons under a name key becomes or stops being one, the mentions of rule
 * 2 and 3 move: the caller carries that out (struct kp_match_move), and everything downstream
 * follows from the persons' states.
 */
#ifndef KP_CORE_MATCH_H
#define KP_CORE_MATCH_H

#include "core/core.h"
#include "core/person.h"

/* All mentions without BSN under @name_tag go from one person to another. from == 0: nothing moves.
 */
struct kp_match_move {
    uint8_t name_tag[KP_TAG_BYTES];
    uint64_t from, to;
    bool to_redirect; /* @from was only these mentions: its id redirects to @to from now on */
};

/* Why a mention is with its person; kept with the signal and shown. */
enum kp_match_reason {
    KP_MATCH_BSN = 1,      /* rule 1 */
    KP_MATCH_NAME_BSN = 2, /* rule 2 */
    KP_MATCH_NAME = 3,     /* rule 3 */
    KP_MATCH_NONE = 4,     /* rule 4 */
};

/* The person a mention belongs to now; 0 when none has it (it was never placed). */
uint64_t kp_match_find(struct kp_txn *txn, const struct kp_command_mention *mention,
                       uint64_t position, uint8_t index, enum kp_match_reason *ret_reason);

/* Ids of persons. Made by a mention: position * 32 + index. Made when mentions without BSN leave a
 * person with one: the same of the mention that caused it, with a bit that tells joining from
 * leaving, so that no id is ever used twice. */
#define KP_PERSON_SPLIT_GAINED (UINT64_C(1) << 62)
#define KP_PERSON_SPLIT_LOST (UINT64_C(1) << 63)

/* A person for a mention that kp_match_find knows none for: makes the index row, returns the new
 * id. The caller puts the mention into the person's state and, when it is the first one with BSN
 * under its name, tells the matcher so. */
uint64_t kp_match_make(struct kp_txn *txn, const struct kp_command_mention *mention,
                       uint64_t position, uint8_t index);
/* The person has a first mention with BSN under this name. @fresh_id: for a person that must be
 * made because of it. */
void kp_match_name_gained(struct kp_txn *txn, const uint8_t *name_tag, uint64_t person,
                          uint64_t fresh_id, struct kp_match_move *ret_move);
/* The person has no mention with BSN under this name any more. */
void kp_match_name_lost(struct kp_txn *txn, const uint8_t *name_tag, uint64_t person,
                        uint64_t fresh_id, struct kp_match_move *ret_move);
/* The person's last mention with this BSN is gone. */
void kp_match_bsn_lost(struct kp_txn *txn, const uint8_t *bsn_tag);

#endif
