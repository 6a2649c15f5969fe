/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The deterministic core: (transaction, house, command with its position and time) -> changes in
 * the transaction. No clock, socket, file, random number, log, locale, float or heap: the same
 * commands give the same logical state on every store. Which file does what: hub/core/README.md.
 */
#ifndef KP_CORE_CORE_H
#define KP_CORE_CORE_H

#include "base/err.h"
#include "base/time.h"
#include "core/command.h"
#include "core/hint.h"
#include "core/house.h"
#include "core/match/terms.h"
#include "store/keys.h"
#include "store/store.h"

/* Numbers of counterparts (and so of mailboxes and doors) stay below this for the life of a house.
 */
#define KP_COUNTERPART_NUMBERS 4096u

/* Why persons change: what is being applied. */
enum kp_change_reason {
    KP_CHANGE_SIGNAL = 1,  /* a signal came, in a first or another version */
    KP_CHANGE_GONE = 2,    /* a signal went */
    KP_CHANGE_DECIDED = 3, /* somebody decided; detail: his counterpart number, 0: at the hub */
    KP_CHANGE_EPOCH = 4,   /* all are weighed anew; detail: by which epoch */
};
struct kp_cause {
    enum kp_change_reason reason;
    uint32_t detail;
};

/* A partner is to be told that the person of his mention is known elsewhere, or no longer is
 * (core/elsewhere.h). */
struct kp_telling {
    uint16_t partner; /* counterpart number */
    uint8_t theme, index;
    uint64_t position;
    bool ended;
};
#define KP_TELLING_MAX 256u

/* What the shell must do after the commit; it never changes the state. */
struct kp_effects {
    bool house_changed; /* load the house again */
    bool doors_changed; /* keys or doors differ */
    uint64_t mailboxes[KP_COUNTERPART_NUMBERS /
                       64]; /* bit: something new is in it, or it was acknowledged */
    uint32_t outcomes[9];   /* by OutcomeKind */
    uint32_t persons_made, persons_changed, casus_ready, casus_changed, casus_lapsed;
    uint32_t known_elsewhere, known_elsewhere_ended;
    uint32_t known_checks, known_checks_refused; /* the latter: beyond the quota */
    uint32_t weighed_ahead;                      /* forms of which hints were there */
    uint64_t crowded_at;                         /* the last position at which one did */
    uint32_t components_full; /* a form that would have made one too large stands by itself */
};

/* Lives in the caller's memory; all of it is derived from the state. */
struct kp_core {
    struct kp_house house; /* empty (id "") until the first KP_COMMAND_HOUSE */
    uint8_t house_digest[KP_SHA256_BYTES];
    struct kp_match_model model; /* of the epoch in force; may borrow the terms below */
    /* of the command being applied */
    uint64_t position;
    struct kp_wall now;
    struct kp_slice traceparent;
    struct kp_effects *effects;
    struct kp_cause cause;
    uint32_t telling_count;
    struct kp_telling telling[KP_TELLING_MAX];
    kp_hints_fn *hints; /* NULL: none; set by who applies, after kp_core_load */
    void *hints_context;
    uint64_t fresh_position; /* where persons were made last by parting, and how many */
    uint32_t fresh_count;
    struct kp_match_terms
        terms; /* of that epoch; large, and last: only what is counted is filled */
};

/* Fill @core from the state; it borrows from itself, so it stays where it is. KP_E_CORRUPT and
 * store errors. */
KP_MUST_CHECK enum kp_err kp_core_load(struct kp_core *core, struct kp_txn *txn,
                                       struct kp_diag *reterr_diag);

/* One record of the journal, as its reader gave it. */
struct kp_core_command {
    uint64_t position;
    uint32_t positions;
    struct kp_wall stamp;
    struct kp_slice body;
};

/* Apply one command, and set the position reached. Commands at or before that position are skipped
 * (KP_OK, nothing changed), a gap is KP_E_CORRUPT. A command that decodes always succeeds: what it
 * cannot do becomes an outcome.
 * @effects is added to. Errors are the store's, or KP_E_CORRUPT for a body that does not decode;
 * they stick in @txn. */
KP_MUST_CHECK enum kp_err kp_core_apply(struct kp_core *core, struct kp_txn *txn,
                                        const struct kp_core_command *command,
                                        struct kp_effects *effects, struct kp_diag *reterr_diag);

/* Last position applied (0: none) and the stamp of that command. */
uint64_t kp_core_position(struct kp_txn *txn, struct kp_wall *ret_stamp);
/* The earliest deadline; false when there is none. */
bool kp_core_next_due(struct kp_txn *txn, struct kp_wall *ret_due);
/* Skip a command that kept failing (poison): its position counts as done and the row says so. */
void kp_core_skip_poison(struct kp_core *core, struct kp_txn *txn,
                         const struct kp_core_command *command, struct kp_effects *effects);

#endif
