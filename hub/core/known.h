/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The check whether a person is known in the house (check op bekendheid): a partner asks, and hears
 * hit or no hit, and of a hit which other partners know the person. Rules, in this order:
 *   1. Each check counts for the partner's quota of the day (of the command's stamp, UTC); beyond
 *      it: QUOTA.
 *   2. He must have the grant to hear (known_elsewhere), ask as one of check_as and for a reason of
 *      check_for; else NOT_ENTITLED.
 *   3. The person is who a signal with this form would certainly be about: the bearer of the form,
 *      or those with whom it would be put together. Nobody is like him: UNKNOWN; somebody is, but
 *      is not certainly the same: DOUBT.
 *   4. Of him are told the other partners who reported him in one of their told_roles. Others know
 *      him, but none of them is told: FORBIDDEN; nobody but the asker knows him: UNKNOWN.
 *   5. Else HIT.
 * Only HIT and QUOTA are told apart on the wire. Everything is looked up whatever the outcome, and
 * the command writes one row, one audit entry and the quota; nothing of a person changes.
 */
#ifndef KP_CORE_KNOWN_H
#define KP_CORE_KNOWN_H

#include "core/core.h"

/* Numbers are stored. */
enum kp_known_outcome {
    KP_KNOWN_HIT = 1,
    KP_KNOWN_UNKNOWN = 2,
    KP_KNOWN_DOUBT = 3,
    KP_KNOWN_FORBIDDEN = 4,
    KP_KNOWN_NOT_ENTITLED = 5,
    KP_KNOWN_QUOTA = 6,
};
/* "HIT"; "?" for another number. */
const char *kp_known_outcome_name(uint8_t outcome);

/* KP_TABLE_CHECK: what was disclosed to whom, and why. Whom it was about only the form's keyed tag
 * says. */
struct kp_stored_check {
    uint64_t position;
    struct kp_wall stamp;
    uint16_t partner;
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    uint8_t requester_type, reason; /* RequesterType and CheckReason of the wire */
    bool has_form;
    uint8_t form_tag[KP_TAG_BYTES]; /* all zero without a form */
    uint8_t outcome;                /* enum kp_known_outcome */
    uint16_t told_count;            /* of a hit */
    uint16_t told[KP_PARTNERS_MAX]; /* counterpart numbers of the partners he was told of, in the
                                       order of the house */
};

/* Apply KP_COMMAND_KNOWN_CHECK; @reader stands after the head. */
void kp_known_apply(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                    struct kp_reader *reader);

/* false: no check at this position, or the transaction failed. */
bool kp_known_get(struct kp_txn *txn, uint64_t position, struct kp_stored_check *ret_check);
/* The first one after @position. */
bool kp_known_next(struct kp_txn *txn, uint64_t position, struct kp_stored_check *ret_check);

#endif
