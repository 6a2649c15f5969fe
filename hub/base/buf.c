/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/buf.h"

#include <string.h>

void kp_writer_init(struct kp_writer *writer, void *bytes, size_t capacity)
{
    *writer = (struct kp_writer){.bytes = bytes, .capacity = capacity};
}

uint8_t *kp_put_space(struct kp_writer *writer, size_t size)
{
    if (writer->overflow || size > writer->capacity - writer->size) {
        writer->overflow = true;
        return NULL;
    }
    uint8_t *space = writer->bytes + writer->size;
    writer->size += size;
    return space;
}

static void put_big_endian(struct kp_writer *writer, uint64_t value, size_t size)
{
    uint8_t *space = kp_put_space(writer, size);
    if (space == NULL) {
        return;
    }
    for (size_t i = size; i-- > 0; value >>= 8) {
        space[i] = (uint8_t)value;
    }
}

void kp_put_u8(struct kp_writer *writer, uint8_t value)
{
    put_big_endian(writer, value, 1);
}

void kp_put_u16(struct kp_writer *writer, uint16_t value)
{
    put_big_endian(writer, value, 2);
}

void kp_put_u32(struct kp_writer *writer, uint32_t value)
{
    put_big_endian(writer, value, 4);
}

void kp_put_u64(struct kp_writer *writer, uint64_t value)
{
    put_big_endian(writer, value, 8);
}

void kp_put_i64(struct kp_writer *writer, int64_t value)
{
    put_big_endian(writer, (uint64_t)value, 8);
}

void kp_put_raw(struct kp_writer *writer, struct kp_slice bytes)
{
    uint8_t *space = kp_put_space(writer, bytes.size);
    if (space != NULL && bytes.size > 0) {
        memcpy(space, bytes.bytes, bytes.size);
    }
}

void kp_put_slice(struct kp_writer *writer, struct kp_slice bytes)
{
    if (bytes.size > UINT32_MAX) {
        writer->overflow = true;
        return;
    }
    kp_put_u32(writer, (uint32_t)bytes.size);
    kp_put_raw(writer, bytes);
}

void kp_put_text(struct kp_writer *writer, const char *text)
{
    kp_put_raw(writer, kp_slice_str(text));
}

void kp_put_decimal(struct kp_writer *writer, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    kp_put_raw(writer, kp_slice_of(digits + at, sizeof digits - at));
}

bool kp_writer_ok(const struct kp_writer *writer)
{
    return !writer->overflow;
}

struct kp_slice kp_writer_slice(const struct kp_writer *writer)
{
    return kp_slice_of(writer->bytes, writer->size);
}

void kp_reader_init(struct kp_reader *reader, struct kp_slice bytes)
{
    *reader = (struct kp_reader){.bytes = bytes.bytes, .size = bytes.size};
}

struct kp_slice kp_get_raw(struct kp_reader *reader, size_t size)
{
    if (reader->underflow || size > reader->size - reader->offset) {
        reader->underflow = true;
        return KP_SLICE_EMPTY;
    }
    struct kp_slice piece = kp_slice_of(reader->bytes + reader->offset, size);
    reader->offset += size;
    return piece;
}

static uint64_t get_big_endian(struct kp_reader *reader, size_t size)
{
    struct kp_slice piece = kp_get_raw(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; i < piece.size; i++) {
        value = value << 8 | piece.bytes[i];
    }
    return value;
}

uint8_t kp_get_u8(struct kp_reader *reader)
{
    return (uint8_t)get_big_endian(reader, 1);
}

uint16_t kp_get_u16(struct kp_reader *reader)
{
    return (uint16_t)get_big_endian(reader, 2);
}

uint32_t kp_get_u32(struct kp_reader *reader)
{
    return (uint32_t)get_big_endian(reader, 4);
}

uint64_t kp_get_u64(struct kp_reader *reader)
{
    return get_big_endian(reader, 8);
}

int64_t kp_get_i64(struct kp_reader *reader)
{
    return (int64_t)get_big_endian(reader, 8);
}

struct kp_slice kp_get_slice(struct kp_reader *reader)
{
    return kp_get_raw(reader, kp_get_u32(reader));
}

bool kp_reader_ok(const struct kp_reader *reader)
{
    return !reader->underflow;
}

bool kp_reader_done(const struct kp_reader *reader)
{
    return !reader->underflow && reader->offset == reader->size;
}
