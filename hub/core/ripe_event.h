/* SPDX-License-Identifier: EUPL-1.2 */
/* What the ketenmanager is told of a proposal: why it is ripe, what would have made it not ripe,
 * and that it is so no longer. */
#ifndef KP_CORE_RIPE_EVENT_H
#define KP_CORE_RIPE_EVENT_H

#include "core/ripe.h"
#include "proto/codec.h"

/* CasusReady, as it stands now; said before: again. */
void kp_ripe_tell(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                  const struct kp_person *person, const struct kp_proposal *proposal);
/* CasusLapsed. */
void kp_ripe_tell_lapsed(struct kp_core *core, struct kp_txn *txn, uint8_t theme_number,
                         uint64_t person_id, const struct kp_proposal *proposal,
                         Knooppunt__V1__LapseReason reason);

#endif
