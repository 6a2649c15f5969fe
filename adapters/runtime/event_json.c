/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/event_json.h"

#include "base/assert.h"

#include <stdlib.h>

static json_t *hex_of(struct kp_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * bytes.size + 1);
    KP_ASSERT(text != NULL);
    for (size_t i = 0; i < bytes.size; i++) {
        text[2 * i] = digits[bytes.bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes.bytes[i] & 15];
    }
    json_t *json = json_stringn(text, 2 * bytes.size);
    free(text);
    return json;
}

static json_t *message_json(const ProtobufCMessage *message);

/* One value of @field at @at, which is the member or one element of a repeated member. */
static json_t *value_json(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)at;
        return json_string(text == NULL ? "" : text);
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        return hex_of(kp_slice_of(bytes->data, bytes->len));
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        return message_json(*(ProtobufCMessage *const *)at);
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        return value != NULL ? json_string(value->name) : json_integer(*(const int *)at);
    }
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return json_integer((json_int_t) * (const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    default:
        return json_null(); /* the wire has no floats */
    }
}

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_FLOAT:
    default:
        return 4;
    }
}

static bool is_present(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return *(const uint32_t *)(const void *)(base + field->quantifier_offset) == field->id;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return *(void *const *)(const void *)(base + field->offset) != NULL;
    }
    return *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset) != 0;
}

static json_t *repeated_json(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    const uint8_t *elements = *(uint8_t *const *)(const void *)(base + field->offset);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, value_json(field, elements + i * element_size(field)));
    }
    return array;
}

/* Depth is bounded by the gate that the bytes came through. */
static json_t *message_json(const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;
    json_t *object = json_object();
    KP_ASSERT(object != NULL);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        json_t *value = NULL;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            value = repeated_json(field, base);
        } else if (is_present(field, base)) {
            value = value_json(field, base + field->offset);
        }
        if (value != NULL) {
            (void)json_object_set_new(object, field->name, value);
        }
    }
    return object;
}

static const char *kind_of(const Knooppunt__V1__Event *event)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(event->base.descriptor, (unsigned)event->body_case);
    return field == NULL ? "unknown" : field->name;
}

json_t *kp_event_json(const struct kp_event_item *item)
{
    json_t *object = json_object();
    KP_ASSERT(object != NULL);
    (void)json_object_set_new(object, "mailbox", json_string(item->mailbox));
    (void)json_object_set_new(object, "seq", json_integer((json_int_t)item->seq));
    const char *kind = item->event == NULL ? "unknown" : kind_of(item->event);
    (void)json_object_set_new(object, "kind", json_string(kind));
    if (item->event != NULL) {
        json_t *fields = message_json(&item->event->base);
        (void)json_object_update(object, fields);
        json_decref(fields);
    } else {
        (void)json_object_set_new(object, "bytes", hex_of(item->bytes));
    }
    return object;
}
