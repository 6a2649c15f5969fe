/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * From what a partner sent to a command for the journal: everything stateless and costly. The
 * signals of a batch are opened (gate), validated and normalised, their keyed tags made; a signal
 * that cannot be used becomes a held one with its code and field. One per worker thread.
 */
#ifndef KP_INTAKE_INTAKE_H
#define KP_INTAKE_INTAKE_H

#include "base/arena.h"
#include "base/crypto.h"
#include "base/time.h"
#include "core/command.h"
#include "core/house.h"
#include "proto/codec.h"

struct kp_intake;

/* @index_key  HMAC key of all tags; copied. Aborts when memory cannot be had. */
struct kp_intake *kp_intake_new(const struct kp_secret *index_key);
struct kp_intake *kp_intake_free(struct kp_intake *intake);

/* One signal of a batch as received. */
struct kp_intake_signal {
    struct kp_slice salt;
    struct kp_slice signal;
};

/*
 * Take in one signal of the partner @partner (counterpart number). Always gives a command signal:
 * usable, or held with code and field.
 *
 * @house   in force now
 * @arena   what the message needs while it is read; what ret_signal borrows lives as long as it
 * @ret_signal  slices borrow from @received and @arena
 */
void kp_intake_take(struct kp_intake *intake, const struct kp_house *house, uint16_t partner,
                    const struct kp_intake_signal *received, struct kp_arena *arena,
                    struct kp_command_signal *ret_signal);

/* A check, as far as the core needs it. @ret_check borrows from @arena. Why it must be refused: as
 * kp_validate_check. */
KP_MUST_CHECK enum kp_err kp_intake_check(struct kp_intake *intake, const struct kp_house *house,
                                          const Knooppunt__V1__KnownCheck *check,
                                          struct kp_arena *arena,
                                          struct kp_command_check *ret_check,
                                          struct kp_diag *reterr_diag);

/* The tag under which (partner, reference) is kept: for looking up by hand. */
void kp_intake_reference_tag(struct kp_intake *intake, uint16_t partner, struct kp_slice reference,
                             uint8_t ret_tag[KP_TAG_BYTES]);

#endif
