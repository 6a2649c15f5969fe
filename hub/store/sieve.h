/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which rows may be in a place where it is dear to look, so that most that are not are not looked
 * for. It only gains rows: who still sees earlier ones looks in vain sometimes, and misses nothing.
 */
#ifndef KP_STORE_SIEVE_H
#define KP_STORE_SIEVE_H

#include "store/run.h"

struct kp_sieve;

/* For about @rows; more make it let through more. One reference, for the caller. */
struct kp_sieve *kp_sieve_new(uint64_t rows);
struct kp_sieve *kp_sieve_hold(struct kp_sieve *sieve);
void kp_sieve_release(struct kp_sieve *sieve); /* NULL: nothing */

/* A row, by its kp_place_hash; all rows of @run. By one thread, while others look: what hangs on it
 * is shown to them after. */
void kp_sieve_note(struct kp_sieve *sieve, uint64_t hash);
void kp_sieve_add(struct kp_sieve *sieve, const struct kp_run *run);
/* It will be asked for soon. */
void kp_sieve_expect(const struct kp_sieve *sieve, uint64_t hash);
/* false: the row with this kp_place_hash was never added. */
bool kp_sieve_may_hold(const struct kp_sieve *sieve, uint64_t hash);

#endif
