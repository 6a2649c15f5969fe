/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What persons decided of two forms: one person, or two. By the forms' tags, so that a decision
 * holds when a form goes and comes back. It goes before all that the matcher weighs. Of two forms
 * the last one counts; when it is taken back, what was decided before it holds again.
 */
#ifndef KP_CORE_DECISION_H
#define KP_CORE_DECISION_H

#include "core/core.h"
#include "core/match/partition.h"

/* What he had it from. Numbers are stored: never reused. */
enum kp_decision_reason {
    KP_DECISION_IDENTITY = 1, /* his identity was established: a document, the BRP */
    KP_DECISION_PARTNER = 2,  /* the partner who reported confirms it */
    KP_DECISION_DOSSIER = 3,  /* the dossier shows it */
    KP_DECISION_MISTAKE = 4,  /* what was decided or matched before is a mistake */
    KP_DECISION_OTHER = 5,    /* noted outside the hub */
    KP_DECISION_REASON_END
};

/* The words for them; 0: no such word. */
#define KP_DECISION_REASONS "identiteit, partner, dossier, vergissing, anders"
enum kp_decision_reason kp_decision_reason_of(const char *word);
const char *kp_decision_reason_word(uint8_t reason); /* "" for none */

struct kp_decided {
    uint8_t other[KP_TAG_BYTES];
    uint8_t decision;  /* enum kp_match_decision */
    uint8_t reason;    /* enum kp_decision_reason */
    uint16_t author;   /* counterpart number; 0: the operator at the hub */
    uint32_t epoch;    /* in force then: what he saw was weighed by it */
    uint64_t position; /* at which it was decided */
    struct kp_wall at;
};

void kp_decision_put(struct kp_txn *txn, const uint8_t *tag, const struct kp_decided *decided);
/* What counts. false: nobody decided anything of the two. */
bool kp_decision_get(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                     struct kp_decided *ret_decided);
/* What counts of a form and the next one after that with @after (NULL: the first). */
bool kp_decision_next(struct kp_txn *txn, const uint8_t *tag, const uint8_t *after,
                      struct kp_decided *ret_decided);
/* Every decision that stands, of each pair in both ways, also those that do not count. @key_io:
 * empty for the first. */
bool kp_decision_walk(struct kp_txn *txn, struct kp_key *key_io, uint8_t ret_tag[KP_TAG_BYTES],
                      struct kp_decided *ret_decided);
/* Whether the house has any. */
bool kp_decision_any(struct kp_txn *txn);

#define KP_DECISION_PROOF_BYTES_MAX 2048u
/* What a user signed over the wire; all empty when the operator decided at the hub. */
struct kp_decision_proof {
    struct kp_slice certificate_digest;
    uint8_t algorithm; /* enum kp_sign_algorithm */
    struct kp_slice signature, signed_body;
};
void kp_decision_put_proof(struct kp_writer *writer, const struct kp_decision_proof *proof);

/* KP_COMMAND_DECIDE: decision u8, reason u8, position u64 of what is taken back (KP_DECISION_NONE;
 * else 0), how many pairs u16, for each two tags, the proof. Persons come together and part as
 * follows from it. The same message of the same author again changes nothing. */
void kp_decision_apply(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                       struct kp_reader *body);

/* What became of a message of his: its position, the first pair, and what he signed (in scratch).
 * false: it was not applied. */
struct kp_decision_done {
    uint64_t position;
    uint8_t decision;
    struct kp_slice signed_body;
    uint8_t tags[2][KP_TAG_BYTES];
};
bool kp_decision_done(struct kp_txn *txn, uint16_t author, const uint8_t *message_id,
                      struct kp_decision_done *ret_done);

#endif
