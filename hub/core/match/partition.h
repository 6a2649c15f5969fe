/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which of some forms are one person. A pure function of the set: of the forms in their order and
 * of what persons decided, never of who came first. Forms are joined from the strongest match
 * down, unless what would come together contradicts itself as a whole, so that no chain of
 * look-alikes joins strangers (matching.md 4.8; compare Bansal, Blum and Chawla 2004).
 */
#ifndef KP_CORE_MATCH_PARTITION_H
#define KP_CORE_MATCH_PARTITION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "core/match/score.h"

#define KP_PARTITION_FORMS_MAX (2 * KP_COMPONENT_FORMS_MAX)

enum kp_match_decision { KP_DECISION_NONE = 0, KP_DECISION_MUST = 1, KP_DECISION_CANNOT = 2 };

/* What a person decided of two forms. */
struct kp_partition_decision {
    uint32_t a, b;
    enum kp_match_decision decision;
};

struct kp_partition_in {
    const struct kp_match_model *model;
    const struct kp_form *forms; /* in the order of their contents */
    uint32_t count;              /* at most KP_PARTITION_FORMS_MAX */
    const struct kp_partition_decision *decisions;
    uint32_t decision_count;
};

/* @ret_groups  for each form the first one of its person. false: the arena is full. */
KP_MUST_CHECK bool kp_partition(const struct kp_partition_in *in, struct kp_arena *arena,
                                uint32_t *ret_groups);

#endif
