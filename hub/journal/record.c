/* SPDX-License-Identifier: EUPL-1.2 */
#include "journal/record.h"

#include "base/assert.h"
#include "base/buf.h"

bool kp_journal_position_of(MDB_val key, uint64_t *ret_position)
{
    struct kp_reader reader;
    kp_reader_init(&reader, kp_env_slice(key));
    *ret_position = kp_get_u64(&reader);
    return kp_reader_done(&reader);
}

bool kp_journal_header_of(MDB_val value, struct kp_journal_header *ret_header)
{
    struct kp_reader reader;
    kp_reader_init(&reader, kp_env_slice(value));
    uint8_t version = kp_get_u8(&reader);
    ret_header->segment = kp_get_u64(&reader);
    ret_header->positions = kp_get_u32(&reader);
    ret_header->nonce = kp_get_raw(&reader, KP_NONCE_BYTES).bytes;
    if (!kp_reader_ok(&reader) || version != RECORD_VERSION || ret_header->positions == 0) {
        return false;
    }
    ret_header->sealed = kp_get_raw(&reader, value.mv_size - HEADER_BYTES);
    return ret_header->sealed.size >= STAMP_BYTES + KP_AEAD_TAG_BYTES;
}

struct kp_key kp_journal_associated_of(uint64_t position, uint64_t segment, uint32_t positions)
{
    struct kp_key key = kp_key_u8(kp_key_none(), RECORD_VERSION);
    return kp_key_u64(kp_key_u64(kp_key_u64(key, segment), positions), position);
}

enum kp_err kp_journal_fail_at(struct kp_diag *reterr_diag, uint64_t position, const char *what)
{
    return kp_fail(reterr_diag, KP_E_CORRUPT, "journal position %llu: %s",
                   (unsigned long long)position, what);
}

size_t kp_journal_head_encode(const struct kp_journal_head *head, struct kp_hmac *hmac,
                              uint8_t ret_bytes[HEAD_PLAIN_BYTES + KP_TAG_BYTES])
{
    struct kp_writer writer;
    kp_writer_init(&writer, ret_bytes, HEAD_PLAIN_BYTES);
    kp_put_u8(&writer, HEAD_VERSION);
    kp_put_u64(&writer, head->first);
    kp_put_u64(&writer, head->next);
    kp_put_i64(&writer, head->stamp_ms);
    kp_put_u64(&writer, head->segment);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_hmac_tag(hmac, "journal.head", kp_writer_slice(&writer), KP_SLICE_EMPTY,
                ret_bytes + HEAD_PLAIN_BYTES);
    return HEAD_PLAIN_BYTES + KP_TAG_BYTES;
}

bool kp_journal_head_decode(struct kp_slice bytes, struct kp_hmac *hmac,
                            struct kp_journal_head *ret_head)
{
    struct kp_reader reader;
    uint8_t expected[HEAD_PLAIN_BYTES + KP_TAG_BYTES];
    kp_reader_init(&reader, bytes);
    uint8_t version = kp_get_u8(&reader);
    struct kp_journal_head head = {.first = kp_get_u64(&reader), .next = kp_get_u64(&reader)};
    head.stamp_ms = kp_get_i64(&reader);
    head.segment = kp_get_u64(&reader);
    if (!kp_reader_ok(&reader) || version != HEAD_VERSION || head.first == 0 ||
        head.first > head.next) {
        return false;
    }
    size_t size = kp_journal_head_encode(&head, hmac, expected);
    if (!kp_slice_equal_secret(bytes, kp_slice_of(expected, size))) {
        return false;
    }
    *ret_head = head;
    return true;
}

enum kp_err kp_journal_check_end(MDB_val key, MDB_val value, uint64_t end_expected,
                                 uint64_t *ret_position, struct kp_diag *reterr_diag)
{
    struct kp_journal_header header;
    if (!kp_journal_position_of(key, ret_position) || !kp_journal_header_of(value, &header)) {
        return kp_journal_fail_at(reterr_diag, end_expected,
                                  "the record before it is not readable");
    }
    if (*ret_position + header.positions != end_expected) {
        return kp_journal_fail_at(reterr_diag, end_expected, "records before it are missing");
    }
    return KP_OK;
}
