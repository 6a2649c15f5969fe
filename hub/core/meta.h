/* SPDX-License-Identifier: EUPL-1.2 */
/* The single rows of the state, by name. */
#ifndef KP_CORE_META_H
#define KP_CORE_META_H

#include "store/keys.h"
#include "store/store.h"

#define KP_META_POSITION "position" /* last command applied and its stamp */
#define KP_META_HOUSE "house"       /* the house in force, with numbers, and its digest */
#define KP_META_THEMES "themes"     /* ids of themes by number, for the life of the house */
#define KP_META_EPOCH "epoch"       /* which there are, which is active, how far it has come */
#define KP_META_AUDIT "audit"       /* size and right edge of the audit tree */

bool kp_meta_get(struct kp_txn *txn, const char *name, struct kp_slice *ret_value);
void kp_meta_put(struct kp_txn *txn, const char *name, struct kp_slice value);

#endif
