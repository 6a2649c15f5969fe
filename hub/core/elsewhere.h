/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What partners are told unasked: that the person of their signal is also known elsewhere, and when
 * that is so no longer. Without content, by the reference of a signal of their own, and only to
 * those whom the theme tells and the house grants it. Whom was told what stands with the proposal.
 */
#ifndef KP_CORE_ELSEWHERE_H
#define KP_CORE_ELSEWHERE_H

#include "core/core.h"
#include "core/person.h"

/* By which mention of his own each partner was told; at most one each. */
struct kp_told_by {
    uint16_t partner; /* counterpart number */
    uint64_t position;
    uint8_t index;
};
struct kp_told {
    uint32_t count;
    struct kp_told_by by[KP_PARTNERS_MAX];
};

#define KP_TOLD_BYTES_MAX (1u + KP_PARTNERS_MAX * (2u + 8u + 1u))
void kp_told_put(struct kp_writer *writer, const struct kp_told *told);
/* What does not decode leaves the reader failed. */
void kp_told_get(struct kp_reader *reader, struct kp_told *ret_told);

/* The proposal is open: who is to be told now, and whose mention has left the person. Returns
 * whether *told_io changed. */
bool kp_elsewhere_open(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                       const struct kp_person *person, struct kp_told *told_io);
/* The proposal is closed. */
void kp_elsewhere_close(struct kp_core *core, struct kp_txn *txn, uint8_t theme_number,
                        const struct kp_told *told);
/* Put the events: when all of a signal, or of a decision, has been followed. What ended and began
 * again by then, in another version of the signal or with another person, nobody is told. */
void kp_elsewhere_tell(struct kp_core *core, struct kp_txn *txn);

#endif
