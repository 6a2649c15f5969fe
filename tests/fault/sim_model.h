/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What must be true after signals came in, from the rules in proto/README.md: no function of the
 * core takes part in an expectation but one, kp_partition over all forms at once: the core itself
 * only ever parts what one change touches. Small numbers, plain loops.
 */
#ifndef KP_TESTS_SIM_MODEL_H
#define KP_TESTS_SIM_MODEL_H

#include "../core/world.h"

#define SIM_PARTNERS 3
#define SIM_REFERENCES 6
#define SIM_KNOWN_MAX 64

enum sim_outcome {
    SIM_NEW = 1,
    SIM_DUPLICATE,
    SIM_REPLACES,
    SIM_SUPERSEDED,
    SIM_WITHDRAWN,
    SIM_HELD,
    SIM_CONFLICT,
};

/* A signal that a partner can send. told.content tells contents under one version apart. */
struct sim_signal {
    uint8_t partner, reference;
    struct told told;
};

/* A version that came. */
struct sim_known {
    struct sim_signal signal;
    uint64_t position;
    bool held, conflict; /* else usable */
};

struct sim_reference {
    struct sim_known known[SIM_KNOWN_MAX]; /* in order of coming; each content once */
    uint32_t count;
};

struct sim_model {
    struct sim_reference references[SIM_PARTNERS][SIM_REFERENCES];
};

extern const char *const sim_partners[SIM_PARTNERS];
extern const char *const sim_references[SIM_REFERENCES];

/* The signal came at @position: what must be said of it. */
enum sim_outcome sim_model_take(struct sim_model *model, const struct sim_signal *signal,
                                uint64_t position, uint64_t *ret_first);
/* The newest usable version; NULL: none, or it is withdrawn. */
const struct sim_known *sim_model_current(const struct sim_model *model, uint32_t partner,
                                          uint32_t reference);
/* Whether the state says the same: which signals stand, which persons they are about, who is ripe
 * on
 * @day, what is held and why. What differs goes into @ret_why. */
bool sim_model_agrees(const struct sim_model *model, struct kp_txn *txn, int32_t day, char *ret_why,
                      size_t size);
/* Casussen that must be open on @day. */
uint32_t sim_model_ripe(const struct sim_model *model, int32_t day);

#endif
