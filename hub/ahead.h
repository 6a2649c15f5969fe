/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A thread that reads the journal ahead of the applier, while much waits, and weighs new forms
 * against those that the state has: most of what matching takes, on another processor. What it
 * finds are hints (core/hint.h); the applier asks the state itself whom a form meets.
 */
#ifndef KP_HUB_AHEAD_H
#define KP_HUB_AHEAD_H

#include "hub.h"

/* It waits until it is told where to begin. */
struct kp_ahead *kp_ahead_start(struct kp_hub *hub);
/* When hub->stopping is set and told. */
struct kp_ahead *kp_ahead_stop(struct kp_ahead *ahead);

/* --- the applier's thread --- */

/* From this position on it may look: what lies before is applied without, so that a command that
 * ends the process does so in the applier, which notes its attempts. */
void kp_ahead_begin(struct kp_ahead *ahead, uint64_t position);
/* The command with this position is next: hints of earlier ones go. */
void kp_ahead_pass(struct kp_ahead *ahead, uint64_t position);
/* kp_hints_fn; @context: the struct kp_ahead. */
kp_hints_fn kp_ahead_hints;

#endif
