/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/deadline.h"

static struct kp_key deadline_key(const struct kp_deadline *deadline)
{
    struct kp_key key = kp_key_u64(kp_key_none(), (uint64_t)deadline->due.ms);
    key = kp_key_u8(key, (uint8_t)deadline->kind);
    key = kp_key_u64(key, deadline->subject);
    return kp_key_u8(key, deadline->detail);
}

void kp_deadline_put(struct kp_txn *txn, const struct kp_deadline *deadline)
{
    static const uint8_t nothing[1] = {1};
    struct kp_key key = deadline_key(deadline);
    kp_txn_put(txn, KP_TABLE_DEADLINE, kp_key_slice(&key), kp_slice_of(nothing, sizeof nothing),
               KP_SUBJECT_NONE);
}

void kp_deadline_del(struct kp_txn *txn, const struct kp_deadline *deadline)
{
    struct kp_key key = deadline_key(deadline);
    (void)kp_txn_del(txn, KP_TABLE_DEADLINE, kp_key_slice(&key)); /* absent is fine too */
}

bool kp_deadline_first(struct kp_txn *txn, struct kp_deadline *ret_deadline)
{
    struct kp_slice key;
    struct kp_slice value;
    if (!kp_txn_seek(txn, KP_TABLE_DEADLINE, KP_SLICE_EMPTY, /* after= */ false, &key, &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, key);
    ret_deadline->due.ms = (int64_t)kp_get_u64(&reader);
    ret_deadline->kind = (enum kp_deadline_kind)kp_get_u8(&reader);
    ret_deadline->subject = kp_get_u64(&reader);
    ret_deadline->detail = kp_get_u8(&reader);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the key of a deadline does not decode");
        return false;
    }
    return true;
}
