/* SPDX-License-Identifier: EUPL-1.2 */
/* A core on a store in memory, with virtual time, and commands made from a few words. For tests
 * only. */
#ifndef KP_TESTS_CORE_WORLD_H
#define KP_TESTS_CORE_WORLD_H

#include "base/crypto.h"
#include "core/batch.h"
#include "core/core.h"
#include "core/decision.h"
#include "core/dossier.h"
#include "core/epoch.h"
#include "core/known.h"
#include "core/match.h"
#include "core/outbox.h"
#include "core/person.h"
#include "core/reference.h"
#include "core/signal.h"
#include "core/text.h"
#include "core/weigh.h"
#include "intake/form.h"
#include "intake/keys.h"
#include "store/ram.h"

#define WORLD_SCRATCH (16u << 20) /* bytes of an arena that is enough for any command here */

struct world {
    struct kp_store store;
    struct kp_core core;
    struct kp_effects effects; /* of the last command */
    uint64_t position;         /* last one used */
    struct kp_wall now;
    uint8_t body[2 << 20];
};

/* What a test says of a signal; tags are made from the labels. NULL: absent. */
struct told {
    const char *partner, *reference;
    uint64_t version;
    bool withdraw;
    uint8_t kind, role;
    int32_t date;
    uint32_t themes;
    const char *bsn[3], *name[3]; /* up to three persons */
    uint32_t persons;
    int32_t birth_date;                        /* of all of them; 0: not known */
    const struct kp_reported_person *reported; /* not NULL: the first one, as the real intake takes
                                                  him, in place of bsn and name */
    const char *held_field;                    /* not NULL: the intake could not use it */
    const char *content;                       /* NULL: follows from the rest */
};

/* A number of the 9-series that passes the 11-test; another one for another @number. */
void world_bsn(char ret_bsn[12], uint32_t number);

/* A mention of a person with that BSN and that name; either may be NULL. The same name is the same
 * form, another one is like none. "n1:anna" and "n1:alma" have one surname, and "n1:" has it too
 * and says no more than the initial a. All were born on one day. */
struct world_form {
    uint8_t bytes[KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX];
};
void world_mention(const char *bsn, const char *name, struct kp_command_mention *mention,
                   struct world_form *room);

void world_mention_of(const struct kp_reported_person *reported, struct kp_command_mention *mention,
                      struct world_form *room);

/* Aborts the test when anything fails: here only outcomes are in question. */
void world_open(struct world *world);
void world_open_on(struct world *world, struct kp_store store);
/* For tests that apply other commands at the same positions, which a journal never has. */
void world_forget(struct world *world);
void world_close(struct world *world);
void world_house(struct world *world, const struct kp_house *house);
/* One batch of one signal; returns OutcomeKind. */
uint8_t world_signal(struct world *world, const struct told *told);
/* The commands as bytes in world->body, for who applies them himself; their size. */
size_t world_encode_batch(struct world *world, const struct told *signals, uint32_t count);
size_t world_encode_tick(struct world *world);
size_t world_encode_ack(struct world *world, const char *counterpart, uint64_t seq);
/* Apply such bytes as the next command. */
void world_apply(struct world *world, size_t size);
void world_tick(struct world *world);
void world_ack(struct world *world, const char *counterpart, uint64_t seq);
void world_drop(struct world *world, uint64_t held_position);
void world_retry(struct world *world, uint64_t held_position, const struct told *told);
/* Somebody decides of the forms of two mentions; KP_DECISION_NONE takes the last decision back. */
void world_decide(struct world *world, enum kp_match_decision decision, const struct told *a,
                  const struct told *b);
/* What the house learned of itself; and by which epoch it weighs from now on. */
void world_epoch(struct world *world, uint64_t forms, const struct kp_match_model *model,
                 const struct kp_match_terms *terms);
void world_activate(struct world *world, uint32_t epoch);
/* As if the hub started again. */
void world_restart(struct world *world);
/* Doubts that stand: pairs of forms that are two persons' and that nobody has decided. */
uint32_t world_count_doubts(struct world *world);
/* A partner checks whether a person is known, as RequesterType 6 and for CheckReason 3 unless it is
 * said otherwise; what is kept of it. */
struct asked {
    const char *partner;
    uint8_t as, why;
    const char *bsn, *name; /* as of a mention; both NULL: nobody can be looked for */
};
void world_check(struct world *world, const struct asked *asked, struct kp_stored_check *ret_check);
/* Person of the mention in the signal that stands for the reference now; 0: none. */
uint64_t world_person(struct world *world, const char *partner, const char *reference,
                      uint32_t index);
uint64_t world_position_of(struct world *world, const char *partner, const char *reference);
/* The same within a transaction. */
uint64_t world_person_in(struct kp_txn *txn, const char *partner, const char *reference,
                         uint32_t index);
void world_digest(struct world *world, uint8_t ret_digest[32], uint64_t *ret_rows);
/* Persons with at least one mention. */
uint32_t world_count_persons(struct world *world);
/* The events of a mailbox after @after: bodies opened one by one. false: no more. */
bool world_event(struct world *world, const char *counterpart, uint64_t seq, struct kp_arena *arena,
                 const Knooppunt__V1__Event **ret_event);
uint16_t world_number(const struct world *world, const char *id);

/* politie, om, jeugdzorg; ketenmanager, beheerder; theme "hg": 2 partners in 365 days, kinds 4 and
 * 13, or hinted. */
void world_example_house(struct kp_house *ret_house);

#endif
