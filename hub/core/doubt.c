/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/doubt.h"

static struct kp_key pair_key(uint64_t form, uint64_t other)
{
    return kp_key_u64(kp_key_u64(kp_key_none(), form), other);
}

static void put_row(struct kp_txn *txn, uint64_t form, uint64_t other, int32_t bits)
{
    uint8_t bytes[4];
    struct kp_key key = pair_key(form, other);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u32(&writer, (uint32_t)bits);
    kp_txn_put(txn, KP_TABLE_DOUBT, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

void kp_doubt_put(struct kp_txn *txn, const struct kp_doubt *doubt)
{
    put_row(txn, doubt->form, doubt->other, doubt->bits);
    put_row(txn, doubt->other, doubt->form, doubt->bits);
}

bool kp_doubt_next(struct kp_txn *txn, uint64_t form, uint64_t other, struct kp_doubt *ret_doubt)
{
    struct kp_key from = pair_key(form, other);
    struct kp_slice key;
    struct kp_slice value;
    struct kp_reader reader;
    if (!kp_txn_seek(txn, KP_TABLE_DOUBT, kp_key_slice(&from), /* after= */ true, &key, &value)) {
        return false;
    }
    kp_reader_init(&reader, key);
    ret_doubt->form = kp_get_u64(&reader);
    ret_doubt->other = kp_get_u64(&reader);
    bool good = kp_reader_done(&reader);
    kp_reader_init(&reader, value);
    ret_doubt->bits = (int32_t)kp_get_u32(&reader);
    if (!good || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a doubt does not decode");
        return false;
    }
    return true;
}

void kp_doubt_forget(struct kp_txn *txn, uint64_t form)
{
    struct kp_doubt doubt;
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_doubt_next(txn, form, 0, &doubt) && doubt.form == form) {
        struct kp_key key = pair_key(form, doubt.other);
        struct kp_key back = pair_key(doubt.other, form);
        (void)kp_txn_del(txn, KP_TABLE_DOUBT, kp_key_slice(&key)); /* just found */
        (void)kp_txn_del(txn, KP_TABLE_DOUBT, kp_key_slice(&back));
        kp_txn_scratch_restore(txn, mark);
    }
}
