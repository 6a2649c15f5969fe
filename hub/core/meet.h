/* SPDX-License-Identifier: EUPL-1.2 */
/* A key became too common, or is so no longer: of whom does that change with whom he holds
 * together? */
#ifndef KP_CORE_MEET_H
#define KP_CORE_MEET_H

#include "core/blocks.h"
#include "core/core.h"

#define KP_MEET_FORMS_MAX (KP_BLOCK_FORMS_MAX + 1)

/* The forms of the block that hold another one of it and meet it no longer, or only now. To weigh
 * one again costs far more than to see that it need not be, and hardly any needs to be: what meets
 * by one key mostly does so by another. */
void kp_meet_changed(struct kp_core *core, struct kp_txn *txn, const struct kp_block_change *change,
                     uint64_t ret_forms[KP_MEET_FORMS_MAX], uint32_t *ret_count);

#endif
