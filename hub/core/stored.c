/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/stored.h"

#include "base/assert.h"

#define STORED_VERSION 2 /* 1: mentions without forms */
#define STORED_BYTES_EXTRA 64u
#define SIGNAL_FIXED_BYTES 2048u /* more than everything of a stored signal but its bytes */

static struct kp_key part_key(uint64_t position, uint32_t index)
{
    return kp_key_u8(kp_key_u64(kp_key_none(), position), (uint8_t)index);
}

static struct kp_slice cut(struct kp_slice bytes, size_t offset, size_t size)
{
    KP_ASSERT(offset <= bytes.size && size <= bytes.size - offset);
    return kp_slice_of(bytes.bytes + offset, size);
}

bool kp_stored_load(struct kp_txn *txn, uint64_t position, struct kp_stored_signal *ret_stored)
{
    struct kp_key key = kp_key_u64(kp_key_none(), position);
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_SIGNAL, kp_key_slice(&key), &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_stored->status = (enum kp_signal_status)kp_get_u8(&reader);
    ret_stored->partner = kp_get_u16(&reader);
    ret_stored->stamp.ms = kp_get_i64(&reader);
    ret_stored->batch_position = kp_get_u64(&reader);
    ret_stored->replaced_by = kp_get_u64(&reader);
    kp_command_get_signal(&reader, &ret_stored->signal);
    if (version != STORED_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the stored signal %llu does not decode",
                    (unsigned long long)position);
        return false;
    }
    return true;
}

void kp_stored_update(struct kp_txn *txn, uint64_t position, const struct kp_stored_signal *stored,
                      uint64_t subject)
{
    struct kp_key key = kp_key_u64(kp_key_none(), position);
    size_t size = stored->signal.signal.size + STORED_BYTES_EXTRA + SIGNAL_FIXED_BYTES;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory to store one signal");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_u8(&writer, STORED_VERSION);
    kp_put_u8(&writer, (uint8_t)stored->status);
    kp_put_u16(&writer, stored->partner);
    kp_put_i64(&writer, stored->stamp.ms);
    kp_put_u64(&writer, stored->batch_position);
    kp_put_u64(&writer, stored->replaced_by);
    kp_command_put_signal(&writer, &stored->signal);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_SIGNAL, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){subject});
}

static void put_part(struct kp_txn *txn, uint64_t position, uint32_t index, struct kp_slice part,
                     uint64_t subject)
{
    struct kp_key key = part_key(position, index);
    kp_txn_put(txn, KP_TABLE_PART, kp_key_slice(&key), part, (struct kp_subject){subject});
}

void kp_stored_put(struct kp_txn *txn, uint64_t position, const struct kp_stored_signal *stored,
                   uint64_t subject)
{
    struct kp_stored_signal row = *stored;
    size_t kept = row.signal.head_bytes;
    for (uint32_t i = 0; i < row.signal.mention_count; i++) {
        row.signal.mentions[i].form = KP_SLICE_EMPTY;
        row.signal.mentions[i].keys = KP_SLICE_EMPTY;
    }
    if (row.signal.mention_count > 0) {
        kept += row.signal.mentions[0].part_bytes;
    }
    row.signal.signal = cut(stored->signal.signal, 0, kept);
    kp_stored_update(txn, position, &row, subject);
}

void kp_stored_put_part(struct kp_txn *txn, uint64_t position,
                        const struct kp_stored_signal *stored, uint32_t index, uint64_t subject)
{
    size_t offset = stored->signal.head_bytes;
    for (uint32_t i = 0; i < index; i++) {
        offset += stored->signal.mentions[i].part_bytes;
    }
    put_part(txn, position, index,
             cut(stored->signal.signal, offset, stored->signal.mentions[index].part_bytes),
             subject);
}

void kp_stored_reseal(struct kp_txn *txn, uint64_t position, uint32_t index, uint64_t subject)
{
    size_t mark = kp_txn_scratch_mark(txn);
    struct kp_key key = part_key(position, index);
    struct kp_slice part;
    struct kp_stored_signal stored;
    if (index > 0 && kp_txn_get(txn, KP_TABLE_PART, kp_key_slice(&key), &part)) {
        put_part(txn, position, index, part, subject);
    } else if (index == 0 && kp_stored_load(txn, position, &stored)) {
        kp_stored_update(txn, position, &stored, subject);
    }
    kp_txn_scratch_restore(txn, mark);
}
