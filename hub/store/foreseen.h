/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rows that somebody read before the writer will: a reader ahead of him puts them here, with the
 * number of the transaction that he saw, and the writer takes each once. He takes none that was
 * changed since: he notes the number of his own transaction with every change. Two rows that share
 * a note hinder each other, no more: what is taken is what would have been read.
 */
#ifndef KP_STORE_FORESEEN_H
#define KP_STORE_FORESEEN_H

#include "store/row.h"

struct kp_foreseen;

struct kp_foreseen *kp_foreseen_new(void);
struct kp_foreseen *kp_foreseen_free(struct kp_foreseen *foreseen);

/* As transaction @number shows the row; @found false: there is none. Copied; it may come in place
 * of another, or not be kept. @hash  kp_place_hash of @place. Any thread. */
void kp_foreseen_put(struct kp_foreseen *foreseen, struct kp_row_place place, uint64_t hash,
                     uint64_t number, bool found, struct kp_slice value);

/* It will be taken soon. */
void kp_foreseen_expect(const struct kp_foreseen *foreseen, uint64_t hash);
/* The writer's thread, as the next. */
void kp_foreseen_change(struct kp_foreseen *foreseen, uint64_t hash, uint64_t number);

struct kp_foreseen_row {
    bool found;
    struct kp_slice value;
    void *memory; /* of the value; the caller's from here on: free() */
};
/* false: not here, or changed since. */
bool kp_foreseen_take(struct kp_foreseen *foreseen, struct kp_row_place place, uint64_t hash,
                      struct kp_foreseen_row *ret_row);

#endif
