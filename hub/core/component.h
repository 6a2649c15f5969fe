/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Persons whose forms hold each other, though they are not one: they are weighed together. Of
 * several, each says in his state in which component he stands, and the row lists them all; one who
 * stands alone needs none.
 */
#ifndef KP_CORE_COMPONENT_H
#define KP_CORE_COMPONENT_H

#include "base/limits.h"
#include "store/keys.h"
#include "store/store.h"

/* Of a person whose forms hold together with more than KP_COMPONENT_FORMS_MAX: there only an equal
 * BSN joins, until they are fewer. He has no row. */
#define KP_COMPONENT_FROZEN UINT64_MAX

/* The persons of the component in which this one stands, rising; himself alone when in none. In
 * scratch. false: the transaction failed. */
bool kp_component_persons(struct kp_txn *txn, uint64_t person, uint64_t component,
                          uint64_t **ret_persons, uint32_t *ret_count);
/* @persons: rising, at most KP_COMPONENT_FORMS_MAX; the first names the component. */
void kp_component_put(struct kp_txn *txn, const uint64_t *persons, uint32_t count);
void kp_component_drop(struct kp_txn *txn, uint64_t component);

#endif
