/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/meta.h"

bool kp_meta_get(struct kp_txn *txn, const char *name, struct kp_slice *ret_value)
{
    return kp_txn_get(txn, KP_TABLE_META, kp_slice_str(name), ret_value);
}

void kp_meta_put(struct kp_txn *txn, const char *name, struct kp_slice value)
{
    kp_txn_put(txn, KP_TABLE_META, kp_slice_str(name), value, KP_SUBJECT_NONE);
}
