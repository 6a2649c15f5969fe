/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Bounded cursors for our own records: big-endian integers and length-prefixed bytes.
 * Sticky: after the first failure every call does nothing (reads give 0); check kp_*_ok once, at
 * the end.
 */
#ifndef KP_BASE_BUF_H
#define KP_BASE_BUF_H

#include "base/slice.h"

struct kp_writer {
    uint8_t *bytes;
    size_t size, capacity;
    bool overflow;
};

struct kp_reader {
    const uint8_t *bytes;
    size_t offset, size;
    bool underflow;
};

/* @bytes  borrowed; the writer never writes past @capacity. */
void kp_writer_init(struct kp_writer *writer, void *bytes, size_t capacity);
void kp_put_u8(struct kp_writer *writer, uint8_t value);
void kp_put_u16(struct kp_writer *writer, uint16_t value);
void kp_put_u32(struct kp_writer *writer, uint32_t value);
void kp_put_u64(struct kp_writer *writer, uint64_t value);
void kp_put_i64(struct kp_writer *writer, int64_t value);         /* two's complement, big-endian */
void kp_put_raw(struct kp_writer *writer, struct kp_slice bytes); /* no length */
void kp_put_slice(struct kp_writer *writer, struct kp_slice bytes); /* u32 length first */
void kp_put_text(struct kp_writer *writer, const char *text);       /* no length, no NUL */
void kp_put_decimal(struct kp_writer *writer, uint64_t value);      /* as text, no leading zeros */
/* Room for @size bytes to be filled by the caller; NULL after overflow. */
uint8_t *kp_put_space(struct kp_writer *writer, size_t size);
bool kp_writer_ok(const struct kp_writer *writer);
struct kp_slice kp_writer_slice(const struct kp_writer *writer);

void kp_reader_init(struct kp_reader *reader, struct kp_slice bytes);
uint8_t kp_get_u8(struct kp_reader *reader);
uint16_t kp_get_u16(struct kp_reader *reader);
uint32_t kp_get_u32(struct kp_reader *reader);
uint64_t kp_get_u64(struct kp_reader *reader);
int64_t kp_get_i64(struct kp_reader *reader);
struct kp_slice kp_get_raw(struct kp_reader *reader, size_t size);
struct kp_slice kp_get_slice(struct kp_reader *reader); /* borrows from the reader's bytes */
bool kp_reader_ok(const struct kp_reader *reader);
/* Everything was read and nothing failed. */
bool kp_reader_done(const struct kp_reader *reader);

#endif
