/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The forms that the house knows (core/match/form.h): one row for each that is distinct, and the
 * index that finds it by its tag. Who bears a form is a person; which, is the clusters' to say.
 */
#ifndef KP_CORE_FORMS_H
#define KP_CORE_FORMS_H

#include "core/match/form.h"
#include "core/match/keys.h"
#include "core/match/terms.h"
#include "store/keys.h"
#include "store/store.h"

struct kp_known_form {
    uint64_t id; /* position * 32 + index of the mention that brought it first */
    uint64_t person;
    uint8_t tag[KP_TAG_BYTES];
    struct kp_slice bytes; /* the form, encoded */
    struct kp_slice keys;  /* its keys, encoded */
    struct kp_form form;   /* borrows from bytes; as the epoch sees it */
};

/* false: no such form, or the transaction failed. */
bool kp_forms_find(struct kp_txn *txn, const uint8_t *tag, uint64_t *ret_form,
                   uint64_t *ret_person);
/* Slices live in the transaction's scratch. @terms: of the epoch under which it is to be weighed
 * (core/match/terms.h). false: the transaction failed; that the row is absent is such a failure. */
bool kp_forms_load(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t id,
                   struct kp_known_form *ret_known);
/* Its keys alone; failure as above. */
bool kp_forms_keys(struct kp_txn *txn, uint64_t id, struct kp_match_keys *ret_keys);
/* Only what is weighed of it, which never changes: where the store has a memo, mostly from that.
 * Slices, failure: as above. */
bool kp_forms_shape(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t id,
                    struct kp_form *ret_form);
/* The first one with an id above @after; false: there is none, or the transaction failed. */
bool kp_forms_next(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t after,
                   struct kp_known_form *ret_known);
/* Who bears the form; 0: the transaction failed. */
uint64_t kp_forms_person(struct kp_txn *txn, uint64_t id);
/* The row, sealed under its person, and where it is found by its tag. */
void kp_forms_store(struct kp_txn *txn, const struct kp_known_form *known);
void kp_forms_remove(struct kp_txn *txn, const struct kp_known_form *known);
/* Decode the slices of @known; false: the transaction failed. */
bool kp_forms_decode(struct kp_txn *txn, const struct kp_match_terms *terms,
                     struct kp_known_form *known, struct kp_match_keys *ret_keys);

#endif
