/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/decision.h"

#include "core/cluster.h"

#include <string.h>

static struct kp_key pair_key(const uint8_t *tag, const uint8_t *other)
{
    return kp_key_raw(kp_key_raw(kp_key_none(), kp_slice_of(tag, KP_TAG_BYTES)),
                      kp_slice_of(other, KP_TAG_BYTES));
}

static void put_row(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                    const struct kp_decided *decided)
{
    uint8_t bytes[11];
    struct kp_key key = pair_key(tag, other);
    struct kp_writer writer;
    if (decided->decision == KP_DECISION_NONE) {
        (void)kp_txn_del(txn, KP_TABLE_DECISION, kp_key_slice(&key)); /* absent is fine too */
        return;
    }
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, decided->decision);
    kp_put_u16(&writer, decided->author);
    kp_put_u64(&writer, decided->position);
    kp_txn_put(txn, KP_TABLE_DECISION, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

void kp_decision_put(struct kp_txn *txn, const uint8_t *tag, const struct kp_decided *decided)
{
    put_row(txn, tag, decided->other, decided);
    put_row(txn, decided->other, tag, decided);
}

static bool get_row(struct kp_txn *txn, struct kp_slice key, struct kp_slice value,
                    struct kp_decided *ret_decided)
{
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    ret_decided->decision = kp_get_u8(&reader);
    ret_decided->author = kp_get_u16(&reader);
    ret_decided->position = kp_get_u64(&reader);
    if (!kp_reader_done(&reader) || key.size != 2 * KP_TAG_BYTES) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a decision does not decode");
        return false;
    }
    memcpy(ret_decided->other, key.bytes + KP_TAG_BYTES, KP_TAG_BYTES);
    return true;
}

bool kp_decision_get(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                     struct kp_decided *ret_decided)
{
    struct kp_key key = pair_key(tag, other);
    struct kp_slice value;
    return kp_txn_get(txn, KP_TABLE_DECISION, kp_key_slice(&key), &value) &&
           get_row(txn, kp_key_slice(&key), value, ret_decided);
}

bool kp_decision_next(struct kp_txn *txn, const uint8_t *tag, const uint8_t *after,
                      struct kp_decided *ret_decided)
{
    static const uint8_t first[KP_TAG_BYTES];
    struct kp_key from = pair_key(tag, after == NULL ? first : after);
    struct kp_slice key;
    struct kp_slice value;
    return kp_txn_seek(txn, KP_TABLE_DECISION, kp_key_slice(&from), after != NULL, &key, &value) &&
           key.size == 2 * KP_TAG_BYTES && memcmp(key.bytes, tag, KP_TAG_BYTES) == 0 &&
           get_row(txn, key, value, ret_decided);
}

bool kp_decision_any(struct kp_txn *txn)
{
    struct kp_slice key;
    struct kp_slice value;
    size_t mark = kp_txn_scratch_mark(txn);
    bool any =
        kp_txn_seek(txn, KP_TABLE_DECISION, KP_SLICE_EMPTY, /* after= */ false, &key, &value);
    kp_txn_scratch_restore(txn, mark);
    return any;
}

void kp_decision_apply(struct kp_core *core, struct kp_txn *txn, uint16_t author,
                       struct kp_reader *body)
{
    struct kp_decided decided = {.author = author, .position = core->position};
    decided.decision = kp_get_u8(body);
    uint32_t count = kp_get_u16(body);
    struct kp_slice pairs = kp_get_raw(body, 2u * KP_TAG_BYTES * count);
    if (!kp_reader_done(body) || decided.decision > KP_DECISION_CANNOT) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a decision does not decode");
        return;
    }
    for (size_t at = 0; at < pairs.size; at += 2 * KP_TAG_BYTES) {
        memcpy(decided.other, pairs.bytes + at + KP_TAG_BYTES, KP_TAG_BYTES);
        kp_decision_put(txn, pairs.bytes + at, &decided);
    }
    core->cause = (struct kp_cause){KP_CHANGE_DECIDED, author};
    for (size_t at = 0; at < pairs.size; at += KP_TAG_BYTES) {
        size_t mark = kp_txn_scratch_mark(txn);
        uint64_t form;
        uint64_t person;
        if (kp_forms_find(txn, pairs.bytes + at, &form, &person)) {
            kp_cluster_again(core, txn, form);
        }
        kp_txn_scratch_restore(txn, mark);
    }
}
