/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/audit.h"

#include "base/assert.h"
#include "core/meta.h"

#include <string.h>

static const uint8_t leaf_prefix[1] = {0};
static const uint8_t node_prefix[1] = {1};

static struct kp_slice hash_slice(const uint8_t *hash)
{
    return kp_slice_of(hash, KP_SHA256_BYTES);
}

static void load(struct kp_txn *txn, struct kp_audit *ret_audit)
{
    struct kp_slice value;
    ret_audit->size = 0;
    ret_audit->peak_count = 0;
    if (!kp_meta_get(txn, KP_META_AUDIT, &value)) {
        return;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    ret_audit->size = kp_get_u64(&reader);
    while (kp_reader_ok(&reader) && reader.offset < reader.size &&
           ret_audit->peak_count < KP_AUDIT_PEAKS_MAX) {
        struct kp_slice peak = kp_get_raw(&reader, KP_SHA256_BYTES);
        if (peak.size == KP_SHA256_BYTES) {
            memcpy(ret_audit->peaks[ret_audit->peak_count++], peak.bytes, KP_SHA256_BYTES);
        }
    }
    if (!kp_reader_done(&reader) ||
        ret_audit->peak_count != (uint32_t)__builtin_popcountll(ret_audit->size)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the edge of the audit tree does not decode");
    }
}

void kp_audit_begin(struct kp_txn *txn, uint32_t entries_max, struct kp_audit *ret_audit)
{
    load(txn, ret_audit);
    ret_audit->first = ret_audit->size;
    size_t size = (size_t)entries_max * KP_AUDIT_ENTRY_BYTES;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the audit entries of one command");
        size = 0;
    }
    kp_writer_init(&ret_audit->entries, bytes, size);
}

void kp_audit_add(struct kp_audit *audit, const struct kp_audit_entry *entry)
{
    size_t start = audit->entries.size;
    kp_put_u8(&audit->entries, 1); /* version */
    kp_put_u64(&audit->entries, entry->position);
    kp_put_u8(&audit->entries, entry->kind);
    kp_put_u16(&audit->entries, entry->actor);
    kp_put_u8(&audit->entries, entry->outcome);
    kp_put_i64(&audit->entries, entry->stamp.ms);
    kp_put_raw(&audit->entries, hash_slice(entry->digest));
    if (!kp_writer_ok(&audit->entries)) {
        return; /* the transaction failed at begin */
    }
    struct kp_slice bytes = kp_slice_of(audit->entries.bytes + start, audit->entries.size - start);
    uint8_t hash[KP_SHA256_BYTES];
    kp_sha256(kp_slice_of(leaf_prefix, 1), bytes, KP_SLICE_EMPTY, hash);
    for (uint64_t size = audit->size; (size & 1) != 0; size >>= 1) {
        uint8_t node[65];
        node[0] = node_prefix[0];
        memcpy(node + 1, audit->peaks[--audit->peak_count], KP_SHA256_BYTES);
        memcpy(node + 1 + KP_SHA256_BYTES, hash, KP_SHA256_BYTES);
        kp_sha256(kp_slice_of(node, sizeof node), KP_SLICE_EMPTY, KP_SLICE_EMPTY, hash);
    }
    memcpy(audit->peaks[audit->peak_count++], hash, KP_SHA256_BYTES);
    audit->size++;
}

void kp_audit_end(struct kp_txn *txn, const struct kp_audit *audit)
{
    uint8_t bytes[8 + KP_AUDIT_PEAKS_MAX * KP_SHA256_BYTES];
    struct kp_writer writer;
    struct kp_key key = kp_key_u64(kp_key_none(), audit->first);
    kp_txn_put(txn, KP_TABLE_AUDIT, kp_key_slice(&key), kp_writer_slice(&audit->entries),
               KP_SUBJECT_NONE);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u64(&writer, audit->size);
    kp_put_raw(&writer, kp_slice_of(audit->peaks, (size_t)audit->peak_count * KP_SHA256_BYTES));
    KP_ASSERT(kp_writer_ok(&writer));
    kp_meta_put(txn, KP_META_AUDIT, kp_writer_slice(&writer));
}

void kp_audit_head(struct kp_txn *txn, uint64_t *ret_size, uint8_t ret_root[KP_SHA256_BYTES])
{
    struct kp_audit audit;
    load(txn, &audit);
    *ret_size = audit.size;
    if (audit.peak_count == 0) {
        kp_sha256(KP_SLICE_EMPTY, KP_SLICE_EMPTY, KP_SLICE_EMPTY, ret_root);
        return;
    }
    memcpy(ret_root, audit.peaks[audit.peak_count - 1], KP_SHA256_BYTES);
    for (uint32_t i = audit.peak_count - 1; i-- > 0;) {
        uint8_t right[KP_SHA256_BYTES];
        memcpy(right, ret_root, KP_SHA256_BYTES);
        kp_sha256(kp_slice_of(node_prefix, 1), hash_slice(audit.peaks[i]), hash_slice(right),
                  ret_root);
    }
}
