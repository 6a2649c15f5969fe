/* SPDX-License-Identifier: EUPL-1.2 */
#ifndef KP_INTAKE_KEYS_H
#define KP_INTAKE_KEYS_H

#include "core/match/form.h"
#include "core/match/keys.h"

/* The keys of a form. One thread a @hmac. */
void kp_keys_of(struct kp_hmac *hmac, const struct kp_form *form, struct kp_match_keys *ret_keys);

#endif
