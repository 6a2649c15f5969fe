/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/text.h"

#include "base/buf.h"
#include "core/match.h"

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
    uint64_t plain = person_id & ~(KP_PERSON_SPLIT_GAINED | KP_PERSON_SPLIT_LOST);
    kp_put_text(writer, "P-");
    kp_put_decimal(writer, plain / 32);
    kp_put_text(writer, ".");
    kp_put_decimal(writer, plain % 32 + 1);
    if ((person_id & KP_PERSON_SPLIT_GAINED) != 0) {
        kp_put_text(writer, "s");
    } else if ((person_id & KP_PERSON_SPLIT_LOST) != 0) {
        kp_put_text(writer, "r");
    }
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
    uint64_t split = 0;
    if (reader.offset < reader.size) {
        uint8_t letter = kp_get_u8(&reader);
        split = letter == 's' ? KP_PERSON_SPLIT_GAINED : letter == 'r' ? KP_PERSON_SPLIT_LOST : 0;
        dot = dot && split != 0;
    }
    bool good = head && dot && kp_reader_done(&reader) && position > 0 && place >= 1 && place <= 32;
    return good ? (position * 32 + place - 1) | split : 0;
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
