/* SPDX-License-Identifier: EUPL-1.2 */
#include "answer.h"

#include "base/crypto.h"
#include "base/uuid.h"

#include <string.h>

static char *copy_text(struct kp_answer *answer, struct kp_slice text)
{
    char *copy = kp_arena_alloc(answer->arena, text.size + 1);
    if (copy != NULL && text.size > 0) {
        memcpy(copy, text.bytes, text.size);
    }
    return copy;
}

void kp_answer_init(struct kp_answer *answer, struct kp_arena *arena)
{
    memset(answer, 0, sizeof *answer);
    answer->arena = arena;
}

void kp_answer_section(struct kp_answer *answer, const char *name)
{
    struct kp_answer_section *section = answer->section_count < KP_ANSWER_SECTIONS_MAX
                                            ? kp_arena_alloc(answer->arena, sizeof *section)
                                            : NULL;
    answer->row = NULL;
    if (section == NULL) {
        answer->cut = true;
        return;
    }
    section->wire = (Knooppunt__V1__Section)KNOOPPUNT__V1__SECTION__INIT;
    section->wire.name = copy_text(answer, kp_slice_str(name));
    section->wire.rows = section->rows;
    answer->sections[answer->section_count++] = section;
}

void kp_answer_row(struct kp_answer *answer)
{
    struct kp_answer_section *section =
        answer->section_count > 0 ? answer->sections[answer->section_count - 1] : NULL;
    Knooppunt__V1__Row *row = NULL;
    Knooppunt__V1__Value **values = NULL;
    answer->row = NULL;
    if (section != NULL && section->wire.n_rows < KP_ANSWER_ROWS_MAX) {
        row = kp_arena_alloc(answer->arena, sizeof *row);
        values = kp_arena_alloc(answer->arena, sizeof *values * KP_ANSWER_VALUES_MAX);
    }
    if (row == NULL || values == NULL) {
        answer->cut = true;
        return;
    }
    *row = (Knooppunt__V1__Row)KNOOPPUNT__V1__ROW__INIT;
    row->values = values;
    section->rows[section->wire.n_rows++] = row;
    answer->row = row;
}

static Knooppunt__V1__Value *add_value(struct kp_answer *answer, const char *name)
{
    Knooppunt__V1__Row *row = answer->row;
    if (row == NULL || row->n_values == KP_ANSWER_VALUES_MAX) {
        answer->cut = true;
        return NULL;
    }
    Knooppunt__V1__Value *value = kp_arena_alloc(answer->arena, sizeof *value);
    char *label = copy_text(answer, kp_slice_str(name));
    if (value == NULL || label == NULL) {
        answer->cut = true;
        return NULL;
    }
    *value = (Knooppunt__V1__Value)KNOOPPUNT__V1__VALUE__INIT;
    value->name = label;
    row->values[row->n_values++] = value;
    return value;
}

void kp_answer_slice(struct kp_answer *answer, const char *name, struct kp_slice text)
{
    char *copy = copy_text(answer, text);
    Knooppunt__V1__Value *value = copy == NULL ? NULL : add_value(answer, name);
    if (value != NULL) {
        value->value_case = KNOOPPUNT__V1__VALUE__VALUE_TEXT;
        value->text = copy;
    }
}

void kp_answer_text(struct kp_answer *answer, const char *name, const char *text)
{
    kp_answer_slice(answer, name, kp_slice_str(text));
}

void kp_answer_number(struct kp_answer *answer, const char *name, uint64_t number)
{
    Knooppunt__V1__Value *value = add_value(answer, name);
    if (value != NULL) {
        value->value_case = KNOOPPUNT__V1__VALUE__VALUE_NUMBER;
        value->number = (int64_t)number;
    }
}

void kp_answer_truth(struct kp_answer *answer, const char *name, bool truth)
{
    Knooppunt__V1__Value *value = add_value(answer, name);
    if (value != NULL) {
        value->value_case = KNOOPPUNT__V1__VALUE__VALUE_TRUTH;
        value->truth = truth;
    }
}

void kp_answer_binary(struct kp_answer *answer, const char *name, struct kp_slice bytes)
{
    struct kp_slice copy = kp_arena_copy(answer->arena, bytes);
    Knooppunt__V1__Value *value = add_value(answer, name);
    if (value != NULL) {
        value->value_case = KNOOPPUNT__V1__VALUE__VALUE_BINARY;
        /* protobuf-c's pack only reads, but its type is not const. */
        value->binary =
            (ProtobufCBinaryData){.len = copy.size, .data = (uint8_t *)(uintptr_t)copy.bytes};
    }
}

void kp_answer_hex(struct kp_answer *answer, const char *name, struct kp_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = kp_arena_alloc(answer->arena, 2 * bytes.size + 1);
    for (size_t i = 0; hex != NULL && i < bytes.size; i++) {
        hex[2 * i] = digits[bytes.bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes.bytes[i] & 15];
    }
    kp_answer_text(answer, name, hex == NULL ? "" : hex);
}

void kp_answer_time(struct kp_answer *answer, const char *name, struct kp_wall time)
{
    char text[KP_TIME_TEXT_SIZE] = "";
    if (time.ms != 0) {
        kp_wall_text(time, text);
    }
    kp_answer_text(answer, name, text);
}

static ProtobufCBinaryData binary(struct kp_slice bytes)
{
    /* protobuf-c's pack only reads, but its type is not const. */
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.bytes};
}

struct kp_slice kp_answer_pack(const struct kp_answer *answer, const struct kp_answer_to *to,
                               enum kp_err err, const struct kp_diag *diag, struct kp_arena *arena)
{
    uint8_t message_id[KP_UUID_BYTES];
    uint8_t random[KP_UUID_RANDOM_BYTES];
    Knooppunt__V1__Section *sections[KP_ANSWER_SECTIONS_MAX];
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Answer wire = KNOOPPUNT__V1__ANSWER__INIT;
    bool cut = answer != NULL && answer->cut;
    for (uint32_t i = 0; answer != NULL && i < answer->section_count; i++) {
        sections[wire.n_sections++] = &answer->sections[i]->wire;
    }
    kp_random(random, sizeof random);
    kp_uuid7(kp_wall_now(), random, message_id);
    wire.has_query_message_id = wire.has_code = wire.has_more = 1;
    wire.query_message_id = binary(to->message_id);
    wire.code = (uint32_t)err;
    if (err != KP_OK || cut) {
        wire.text = (char *)(uintptr_t)(err != KP_OK ? diag->text : "more than is shown");
    }
    wire.sections = sections;
    wire.more = to->more;
    envelope.has_schema = envelope.has_message_id = 1;
    envelope.schema = 1;
    envelope.message_id = binary(kp_slice_of(message_id, sizeof message_id));
    envelope.has_session = to->session.size > 0;
    envelope.session = binary(to->session);
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_ANSWER;
    envelope.answer = &wire;
    return kp_codec_pack(arena, &envelope.base);
}
