/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/text.h"

#include "base/buf.h"
#include "core/weigh.h"

#include <string.h>

char *kp_text_of(struct kp_arena *arena, struct kp_slice text)
{
    char *copy = kp_arena_alloc(arena, text.size + 1);
    if (copy != NULL && text.size > 0) {
        memcpy(copy, text.bytes, text.size);
    }
    return copy;
}

char *kp_text(struct kp_arena *arena, const char *text)
{
    return kp_text_of(arena, kp_slice_str(text));
}

static void put_person(struct kp_writer *writer, uint64_t person_id)
{
    bool split = (person_id & KP_PERSON_SPLIT) != 0;
    uint64_t plain = person_id & ~KP_PERSON_SPLIT;
    unsigned bits = split ? KP_PERSON_SPLIT_BITS : KP_PERSON_INDEX_BITS;
    kp_put_text(writer, "P-");
    kp_put_decimal(writer, plain >> bits);
    kp_put_text(writer, ".");
    kp_put_decimal(writer, (plain & ((UINT64_C(1) << bits) - 1)) + 1);
    kp_put_text(writer, split ? "s" : "");
}

char *kp_text_person(struct kp_arena *arena, uint64_t person_id)
{
    uint8_t bytes[40];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    put_person(&writer, person_id);
    return kp_text_of(arena, kp_writer_slice(&writer));
}

static uint64_t get_number(struct kp_reader *reader)
{
    uint64_t number = 0;
    while (reader->offset < reader->size && reader->bytes[reader->offset] >= '0' &&
           reader->bytes[reader->offset] <= '9' && number < (UINT64_C(1) << 56)) {
        number = number * 10 + (uint64_t)(reader->bytes[reader->offset] - '0');
        reader->offset++;
    }
    return number;
}

uint64_t kp_text_person_id(struct kp_slice text)
{
    struct kp_reader reader;
    kp_reader_init(&reader, text);
    bool head = kp_slice_equal(kp_get_raw(&reader, 2), KP_SLICE_LIT("P-"));
    uint64_t position = get_number(&reader);
    bool dot = kp_get_u8(&reader) == '.';
    uint64_t place = get_number(&reader);
    bool split = reader.offset < reader.size;
    bool letter = !split || kp_get_u8(&reader) == 's';
    unsigned bits = split ? KP_PERSON_SPLIT_BITS : KP_PERSON_INDEX_BITS;
    bool good = head && dot && letter && kp_reader_done(&reader) && position > 0 &&
                position < UINT64_C(1) << 40 && place >= 1 && place <= UINT64_C(1) << bits;
    return good ? (position << bits) + place - 1 + (split ? KP_PERSON_SPLIT : 0) : 0;
}

char *kp_text_casus(struct kp_arena *arena, const char *theme, uint64_t person_id,
                    uint64_t position)
{
    uint8_t bytes[128];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_text(&writer, theme);
    kp_put_text(&writer, "/");
    put_person(&writer, person_id);
    kp_put_text(&writer, "/");
    kp_put_decimal(&writer, position);
    return kp_text_of(arena, kp_writer_slice(&writer));
}
