/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/doubt.h"

#include "core/forms.h"
#include "core/ids.h"

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

void kp_doubt_drop(struct kp_txn *txn, uint64_t form, uint64_t other)
{
    struct kp_key key = pair_key(form, other);
    struct kp_key back = pair_key(other, form);
    (void)kp_txn_del(txn, KP_TABLE_DOUBT, kp_key_slice(&key)); /* absent is fine too */
    (void)kp_txn_del(txn, KP_TABLE_DOUBT, kp_key_slice(&back));
}

void kp_doubt_forget(struct kp_txn *txn, uint64_t form)
{
    struct kp_doubt doubt;
    size_t mark = kp_txn_scratch_mark(txn);
    while (kp_doubt_next(txn, form, 0, &doubt) && doubt.form == form) {
        kp_doubt_drop(txn, form, doubt.other);
        kp_txn_scratch_restore(txn, mark);
    }
}

/* --- the best ones --- */

void kp_doubts_note(struct kp_doubts *doubts, const struct kp_doubt *doubt)
{
    uint32_t at = doubts->count;
    while (at > 0 && doubts->doubts[at - 1].bits < doubt->bits) {
        at--;
    }
    if (at == KP_DOUBTS_MAX) {
        return;
    }
    doubts->count += doubts->count < KP_DOUBTS_MAX ? 1 : 0;
    memmove(&doubts->doubts[at + 1], &doubts->doubts[at],
            sizeof doubts->doubts[0] * (doubts->count - at - 1));
    doubts->doubts[at] = *doubt;
}

void kp_doubts_put(struct kp_txn *txn, const struct kp_doubts *doubts, uint64_t person)
{
    uint64_t asked[KP_DOUBTS_ASKED_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < doubts->count && count < KP_DOUBTS_ASKED_MAX; i++) {
        uint64_t other = kp_forms_person(txn, doubts->doubts[i].other);
        if (other != person && kp_ids_insert(asked, &count, KP_DOUBTS_ASKED_MAX, other)) {
            kp_doubt_put(txn, &doubts->doubts[i]);
        }
    }
}
