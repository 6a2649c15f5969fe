/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * An encoding is canonical when packing what was unpacked gives the same bytes. Instead of packing
 * every message again, the scan checks what makes the two equal:
 *   1. fields in ascending order of their numbers; only an unpacked repeated field comes again;
 *   2. at most one member of a oneof;
 *   3. tags, lengths and values as varints of the least length, within the range of their type;
 *   4. a packed field in one piece with at least one element, and packed exactly where declared so;
 *   5. no unknown field, and no NUL in a text (it would end the text in memory).
 */
#include "proto/gate.h"

#include "base/assert.h"
#include "base/limits.h"

#include <string.h>

const struct kp_gate kp_gate_frame = {
    .bytes_max = KP_FRAME_BYTES_MAX, .depth_max = KP_DEPTH_MAX, .fields_max = KP_FIELDS_MAX};
const struct kp_gate kp_gate_signal = {.bytes_max = KP_SIGNAL_BYTES_MAX,
                                       .depth_max = KP_DEPTH_MAX,
                                       .fields_max = KP_SIGNAL_FIELDS_MAX};

#define FIELD_NUMBER_MAX ((UINT32_C(1) << 29) - 1)
#define FIELDS_OF_A_TYPE_MAX 64u /* bits in level.seen */

enum wire {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_LENGTH = 2,
    WIRE_32 = 5,
};

/* One message that is open at this point of the scan. */
struct level {
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *holder; /* whose value it is; NULL for the outermost */
    uint32_t end;                           /* offset of its first byte after */
    uint32_t index;                         /* of the last field seen, in type->fields */
    uint64_t seen;                          /* bit n: type->fields[n] was here */
};

struct scan {
    const uint8_t *bytes;
    const struct kp_gate *gate;
    uint32_t offset;
    uint32_t value_count;
    uint32_t depth; /* levels in use */
    bool strict;
    /* The fault, once there is one. */
    enum kp_err err;
    uint32_t fault_offset;
    const ProtobufCFieldDescriptor *field;
    const char *reason;
    struct level levels[KP_DEPTH_MAX];
};

static bool fault(struct scan *scan, enum kp_err err, uint32_t offset, const char *reason)
{
    scan->err = err;
    scan->fault_offset = offset;
    scan->reason = reason;
    return false;
}

uint32_t kp_gate_varint(const uint8_t *bytes, uint32_t offset, uint32_t end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 10 && offset + i < end; i++) {
        uint8_t byte = bytes[offset + i];
        if (i == 9 && byte > 1) {
            return 0;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

static bool read_varint(struct scan *scan, uint32_t end, uint64_t *ret_value)
{
    uint32_t start = scan->offset;
    if (start < end && scan->bytes[start] < 0x80) {
        *ret_value = scan->bytes[start];
        scan->offset = start + 1;
        return true;
    }
    uint32_t size = kp_gate_varint(scan->bytes, start, end, ret_value);
    if (size == 0) {
        return fault(scan, KP_E_MALFORMED, start, "a number is cut off or longer than 64 bits");
    }
    if (size > 1 && scan->bytes[start + size - 1] == 0) {
        return fault(scan, KP_E_NOT_CANONICAL, start, "a number takes more bytes than it needs");
    }
    scan->offset = start + size;
    return true;
}

/* Length prefix of a text, message or packed field: checked to end within @end. */
static bool read_length(struct scan *scan, uint32_t end, uint32_t *ret_size)
{
    uint32_t start = scan->offset;
    uint64_t size;
    if (!read_varint(scan, end, &size)) {
        return false;
    }
    if (size > end - scan->offset) {
        return fault(scan, KP_E_MALFORMED, start, "a length reaches past the end");
    }
    *ret_size = (uint32_t)size;
    return true;
}

static bool count_values(struct scan *scan, uint32_t count, uint32_t offset)
{
    if (count > scan->gate->fields_max - scan->value_count) {
        return fault(scan, KP_E_FIELD_COUNT, offset, "more values than allowed");
    }
    scan->value_count += count;
    return true;
}

/* Size of the well-formed UTF-8 sequence at @at (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF), or 0. NUL is refused here too. */
static uint32_t utf8_sequence(const uint8_t *at, uint32_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80) {
        return lead != 0;
    }
    uint32_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4 || size > left) {
        return 0;
    }
    /* Only the second byte is bounded further by the lead. */
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (uint32_t i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* Eight bytes at once that are all 01 to 7f: what most texts are made of. */
static bool plain_ascii_8(const uint8_t *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return ((word | (word - ones)) & (ones << 7)) == 0;
}

static bool scan_text(struct scan *scan, uint32_t size)
{
    uint32_t end = scan->offset + size;
    while (scan->offset < end) {
        const uint8_t *at = scan->bytes + scan->offset;
        uint32_t left = end - scan->offset;
        uint32_t taken = left >= 8 && plain_ascii_8(at) ? 8 : utf8_sequence(at, left);
        if (taken == 0) {
            return fault(scan, KP_E_UTF8, scan->offset, "a text is not UTF-8, or holds a NUL");
        }
        scan->offset += taken;
    }
    return true;
}

/* The wire has eight types of field; tests/unit/test_gate.c proves that no message uses another. */
static enum wire wire_of(ProtobufCType type)
{
    bool prefixed = type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
                    type == PROTOBUF_C_TYPE_MESSAGE;
    return prefixed ? WIRE_LENGTH : WIRE_VARINT;
}

/* Would the value come back from memory as it is? A negative enum value travels sign-extended. */
static bool fits(ProtobufCType type, uint64_t value)
{
    if (type == PROTOBUF_C_TYPE_BOOL) {
        return value <= 1;
    }
    if (type == PROTOBUF_C_TYPE_UINT32) {
        return value <= UINT32_MAX;
    }
    if (type == PROTOBUF_C_TYPE_ENUM) {
        return value <= INT32_MAX || value >= (uint64_t)INT32_MIN;
    }
    return true; /* uint64, int64 */
}

static bool scan_number(struct scan *scan, uint32_t end, ProtobufCType type)
{
    uint32_t start = scan->offset;
    uint64_t value;
    if (!read_varint(scan, end, &value)) {
        return false;
    }
    if (!fits(type, value)) {
        return fault(scan, KP_E_NOT_CANONICAL, start, "a number does not fit its type");
    }
    return true;
}

static bool scan_packed(struct scan *scan, const struct level *level, ProtobufCType type)
{
    uint32_t start = scan->offset;
    uint32_t size;
    if (!read_length(scan, level->end, &size)) {
        return false;
    }
    if (size == 0) {
        return fault(scan, KP_E_NOT_CANONICAL, start, "a packed field without an element");
    }
    for (uint32_t end = scan->offset + size; scan->offset < end;) {
        if (!count_values(scan, 1, scan->offset) || !scan_number(scan, end, type)) {
            return false;
        }
    }
    return true;
}

/*
 * Where a length-prefixed value stands that no field accepts: does it read as messages in messages
 * beyond the depth that is allowed? It is refused either way; this only tells a sender who nests
 * too deep so. Follows first children only, at most depth_max steps.
 */
static bool nests_too_deep(const struct scan *scan, uint32_t offset, uint32_t end)
{
    for (uint32_t depth = scan->depth; depth <= scan->gate->depth_max; depth++) {
        uint64_t size;
        uint32_t taken = kp_gate_varint(scan->bytes, offset, end, &size);
        if (taken == 0 || size > end - offset - taken) {
            return false;
        }
        offset += taken;
        end = offset + (uint32_t)size;
        uint64_t tag;
        taken = kp_gate_varint(scan->bytes, offset, end, &tag);
        if (taken == 0 || (tag & 7) != WIRE_LENGTH || tag >> 3 == 0 ||
            tag >> 3 > FIELD_NUMBER_MAX) {
            return false;
        }
        offset += taken;
    }
    return true;
}

/* A value whose tag was just read and that no field accepts. */
static bool refuse_value(struct scan *scan, uint32_t tag_offset, enum wire wire, enum kp_err err,
                         const char *reason)
{
    const struct level *level = &scan->levels[scan->depth - 1];
    if (wire == WIRE_LENGTH && nests_too_deep(scan, scan->offset, level->end)) {
        return fault(scan, KP_E_DEPTH, tag_offset, "nested deeper than allowed");
    }
    return fault(scan, err, tag_offset, reason);
}

static bool skip_unknown(struct scan *scan, const struct level *level, enum wire wire)
{
    uint32_t size = 0;
    uint64_t value;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(scan, level->end, &value);
    case WIRE_LENGTH:
        if (!read_length(scan, level->end, &size)) {
            return false;
        }
        break;
    case WIRE_64:
        size = 8;
        break;
    case WIRE_32:
        size = 4;
        break;
    }
    if (size > level->end - scan->offset) {
        return fault(scan, KP_E_MALFORMED, scan->offset, "a value is cut off");
    }
    scan->offset += size;
    return true;
}

/* The field of this number, or NULL. Fields mostly come in order: the search starts at the last. */
static const ProtobufCFieldDescriptor *find_field(const struct level *level, uint32_t number,
                                                  uint32_t *ret_index)
{
    const ProtobufCFieldDescriptor *fields = level->type->fields;
    uint32_t index = level->index;
    if (index >= level->type->n_fields || fields[index].id > number) {
        index = 0;
    }
    while (index < level->type->n_fields && fields[index].id < number) {
        index++;
    }
    if (index == level->type->n_fields || fields[index].id != number) {
        return NULL;
    }
    *ret_index = index;
    return &fields[index];
}

/* Rules 1 and 2 for the field at @index, whose tag stands at @tag_offset. */
static bool check_place(struct scan *scan, struct level *level,
                        const ProtobufCFieldDescriptor *field, uint32_t index, uint32_t tag_offset)
{
    bool packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    bool again = (level->seen >> index & 1) != 0;
    if (again && (field->label != PROTOBUF_C_LABEL_REPEATED || packed)) {
        return fault(scan, KP_E_NOT_CANONICAL, tag_offset, "a field comes twice");
    }
    if (scan->strict && index < level->index) {
        return fault(scan, KP_E_NOT_CANONICAL, tag_offset, "fields are not in ascending order");
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        for (uint64_t seen = level->seen; seen != 0; seen &= seen - 1) {
            const ProtobufCFieldDescriptor *other = &level->type->fields[__builtin_ctzll(seen)];
            if ((other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                other->quantifier_offset == field->quantifier_offset) {
                return fault(scan, KP_E_NOT_CANONICAL, tag_offset, "two members of one choice");
            }
        }
    }
    level->index = index;
    level->seen |= UINT64_C(1) << index;
    return true;
}

static bool enter(struct scan *scan, const ProtobufCFieldDescriptor *field, uint32_t size,
                  uint32_t tag_offset)
{
    if (scan->depth >= scan->gate->depth_max) {
        return fault(scan, KP_E_DEPTH, tag_offset, "nested deeper than allowed");
    }
    const ProtobufCMessageDescriptor *type = field->descriptor;
    KP_ASSERT(type->n_fields <= FIELDS_OF_A_TYPE_MAX);
    scan->levels[scan->depth++] =
        (struct level){.type = type, .holder = field, .end = scan->offset + size};
    return true;
}

static bool scan_value(struct scan *scan, const struct level *level,
                       const ProtobufCFieldDescriptor *field, uint32_t tag_offset)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
        return scan_packed(scan, level, field->type);
    }
    if (!count_values(scan, 1, tag_offset)) {
        return false;
    }
    if (wire_of(field->type) != WIRE_LENGTH) {
        return scan_number(scan, level->end, field->type);
    }
    uint32_t size;
    if (!read_length(scan, level->end, &size)) {
        return false;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return enter(scan, field, size, tag_offset);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return scan_text(scan, size);
    }
    scan->offset += size;
    return true;
}

static bool scan_field(struct scan *scan)
{
    struct level *level = &scan->levels[scan->depth - 1];
    uint32_t tag_offset = scan->offset;
    scan->field = level->holder;
    uint64_t tag;
    if (!read_varint(scan, level->end, &tag)) {
        return false;
    }
    enum wire wire = (enum wire)(tag & 7);
    if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX ||
        (wire != WIRE_VARINT && wire != WIRE_64 && wire != WIRE_LENGTH && wire != WIRE_32)) {
        return fault(scan, KP_E_MALFORMED, tag_offset, "not a tag");
    }
    uint32_t index = 0;
    const ProtobufCFieldDescriptor *field = find_field(level, (uint32_t)(tag >> 3), &index);
    if (field == NULL) {
        if (scan->strict) {
            return refuse_value(scan, tag_offset, wire, KP_E_NOT_CANONICAL, "an unknown field");
        }
        return count_values(scan, 1, tag_offset) && skip_unknown(scan, level, wire);
    }
    scan->field = field;
    bool packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    if (wire != (packed ? WIRE_LENGTH : wire_of(field->type))) {
        /* Packed where it should not be, or the reverse, is well-formed all the same. */
        bool other_form = field->label == PROTOBUF_C_LABEL_REPEATED &&
                          wire == (packed ? wire_of(field->type) : WIRE_LENGTH) &&
                          wire_of(field->type) != WIRE_LENGTH;
        return refuse_value(scan, tag_offset, wire,
                            other_form ? KP_E_NOT_CANONICAL : KP_E_MALFORMED,
                            other_form ? "packed or not, other than declared"
                                       : "the value is of another kind than its field");
    }
    return check_place(scan, level, field, index, tag_offset) &&
           scan_value(scan, level, field, tag_offset);
}

static enum kp_err report(const struct scan *scan, uint32_t *reterr_offset,
                          struct kp_diag *reterr_diag)
{
    if (reterr_offset != NULL) {
        *reterr_offset = scan->fault_offset;
    }
    const struct level *level = &scan->levels[scan->depth - 1];
    return kp_fail_field(reterr_diag, scan->err, scan->field == NULL ? "" : scan->field->name,
                         "byte %u, in %s: %s", scan->fault_offset, level->type->name, scan->reason);
}

enum kp_err kp_gate_check(const ProtobufCMessageDescriptor *type, const struct kp_gate *gate,
                          enum kp_gate_mode mode, struct kp_slice bytes, uint32_t *reterr_offset,
                          struct kp_diag *reterr_diag)
{
    KP_ASSERT(gate->depth_max >= 1);
    KP_ASSERT(gate->depth_max <= KP_DEPTH_MAX);
    KP_ASSERT(type->n_fields <= FIELDS_OF_A_TYPE_MAX);
    if (bytes.size > gate->bytes_max) {
        if (reterr_offset != NULL) {
            *reterr_offset = 0;
        }
        return kp_fail(reterr_diag, KP_E_FRAME_SIZE, "%zu bytes, %u allowed", bytes.size,
                       gate->bytes_max);
    }
    struct scan scan;
    scan.bytes = bytes.bytes;
    scan.gate = gate;
    scan.offset = 0;
    scan.value_count = 0;
    scan.strict = mode == KP_GATE_STRICT;
    scan.field = NULL;
    scan.depth = 1;
    scan.levels[0] = (struct level){.type = type, .end = (uint32_t)bytes.size};
    for (;;) {
        while (scan.offset == scan.levels[scan.depth - 1].end) {
            if (scan.depth == 1) {
                return KP_OK;
            }
            scan.depth--;
        }
        if (!scan_field(&scan)) {
            return report(&scan, reterr_offset, reterr_diag);
        }
    }
}
