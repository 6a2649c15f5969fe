/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/command.h"

#include <string.h>

/* 1: mentions without forms; 2: keys with other witnesses; 3: all that was decided of two taken
 * back at once; 4: signals without severity, area and birth dates */
#define COMMAND_VERSION 5

static void put_tag(struct kp_writer *writer, const uint8_t *tag)
{
    kp_put_raw(writer, kp_slice_of(tag, KP_TAG_BYTES));
}

static void get_bytes(struct kp_reader *reader, uint8_t *ret_bytes, size_t size)
{
    struct kp_slice bytes = kp_get_raw(reader, size);
    if (bytes.size == size) {
        memcpy(ret_bytes, bytes.bytes, size);
    }
}

void kp_command_put_head(struct kp_writer *writer, const struct kp_command_head *head)
{
    kp_put_u8(writer, COMMAND_VERSION);
    kp_put_u8(writer, (uint8_t)head->kind);
    kp_put_raw(writer, kp_slice_of(head->message_id, KP_MESSAGE_ID_BYTES));
    kp_put_u16(writer, head->actor);
    kp_put_slice(writer, head->traceparent);
}

void kp_command_get_head(struct kp_reader *reader, struct kp_command_head *ret_head)
{
    if (kp_get_u8(reader) != COMMAND_VERSION) {
        reader->underflow = true;
        return;
    }
    ret_head->kind = (enum kp_command_kind)kp_get_u8(reader);
    get_bytes(reader, ret_head->message_id, KP_MESSAGE_ID_BYTES);
    ret_head->actor = kp_get_u16(reader);
    ret_head->traceparent = kp_get_slice(reader);
}

void kp_command_put_batch(struct kp_writer *writer, const struct kp_command_batch *batch)
{
    kp_put_slice(writer, batch->certificate_digest);
    kp_put_u8(writer, batch->algorithm);
    kp_put_slice(writer, batch->signature);
    kp_put_u32(writer, batch->signal_count);
}

void kp_command_get_batch(struct kp_reader *reader, struct kp_command_batch *ret_batch)
{
    ret_batch->certificate_digest = kp_get_slice(reader);
    ret_batch->algorithm = kp_get_u8(reader);
    ret_batch->signature = kp_get_slice(reader);
    ret_batch->signal_count = kp_get_u32(reader);
}

static void put_mention(struct kp_writer *writer, const struct kp_command_mention *mention)
{
    kp_put_u8(writer, mention->role);
    kp_put_u32(writer, (uint32_t)mention->birth_date);
    kp_put_u8(writer, mention->has_form ? 1 : 0);
    if (mention->has_form) {
        put_tag(writer, mention->form_tag);
        kp_put_slice(writer, mention->form);
        kp_put_slice(writer, mention->keys);
    }
    kp_put_u32(writer, mention->part_bytes);
}

static void get_mention(struct kp_reader *reader, struct kp_command_mention *ret_mention)
{
    ret_mention->role = kp_get_u8(reader);
    ret_mention->birth_date = (int32_t)kp_get_u32(reader);
    ret_mention->has_form = kp_get_u8(reader) != 0;
    ret_mention->form = KP_SLICE_EMPTY;
    ret_mention->keys = KP_SLICE_EMPTY;
    if (ret_mention->has_form) {
        get_bytes(reader, ret_mention->form_tag, KP_TAG_BYTES);
        ret_mention->form = kp_get_slice(reader);
        ret_mention->keys = kp_get_slice(reader);
    }
    ret_mention->part_bytes = kp_get_u32(reader);
}

void kp_command_put_signal(struct kp_writer *writer, const struct kp_command_signal *signal)
{
    kp_put_u32(writer, signal->held_code);
    kp_put_slice(writer, signal->held_field);
    kp_put_raw(writer, kp_slice_of(signal->digest, KP_SHA256_BYTES));
    kp_put_slice(writer, signal->salt);
    put_tag(writer, signal->content_tag);
    put_tag(writer, signal->reference_tag);
    kp_put_slice(writer, signal->reference);
    kp_put_u64(writer, signal->version);
    kp_put_u8(writer, signal->withdraw ? 1 : 0);
    kp_put_u8(writer, signal->kind);
    kp_put_u32(writer, (uint32_t)signal->incident_date);
    kp_put_u32(writer, signal->themes);
    kp_put_u16(writer, signal->leefgebieden);
    kp_put_u8(writer, signal->severity);
    kp_put_u32(writer, signal->area);
    kp_put_u8(writer, signal->mention_count);
    for (uint32_t i = 0; i < signal->mention_count; i++) {
        put_mention(writer, &signal->mentions[i]);
    }
    kp_put_u32(writer, signal->head_bytes);
    kp_put_slice(writer, signal->signal);
}

bool kp_command_signal_fits(const struct kp_command_signal *signal)
{
    uint64_t total = signal->head_bytes;
    for (uint32_t i = 0; i < signal->mention_count; i++) {
        total += signal->mentions[i].part_bytes;
    }
    return total == signal->signal.size;
}

void kp_command_get_signal(struct kp_reader *reader, struct kp_command_signal *ret_signal)
{
    ret_signal->held_code = kp_get_u32(reader);
    ret_signal->held_field = kp_get_slice(reader);
    get_bytes(reader, ret_signal->digest, KP_SHA256_BYTES);
    ret_signal->salt = kp_get_slice(reader);
    get_bytes(reader, ret_signal->content_tag, KP_TAG_BYTES);
    get_bytes(reader, ret_signal->reference_tag, KP_TAG_BYTES);
    ret_signal->reference = kp_get_slice(reader);
    ret_signal->version = kp_get_u64(reader);
    ret_signal->withdraw = kp_get_u8(reader) != 0;
    ret_signal->kind = kp_get_u8(reader);
    ret_signal->incident_date = (int32_t)kp_get_u32(reader);
    ret_signal->themes = kp_get_u32(reader);
    ret_signal->leefgebieden = kp_get_u16(reader);
    ret_signal->severity = kp_get_u8(reader);
    ret_signal->area = kp_get_u32(reader);
    ret_signal->mention_count = kp_get_u8(reader);
    if (ret_signal->mention_count > KP_SIGNAL_PERSONS_MAX) {
        ret_signal->mention_count = 0;
        reader->underflow = true;
    }
    for (uint32_t i = 0; i < ret_signal->mention_count; i++) {
        get_mention(reader, &ret_signal->mentions[i]);
    }
    ret_signal->head_bytes = kp_get_u32(reader);
    ret_signal->signal = kp_get_slice(reader);
}

void kp_command_put_enrol(struct kp_writer *writer, const struct kp_command_enrol *enrol)
{
    kp_put_slice(writer, enrol->counterpart);
    kp_put_slice(writer, enrol->certificate);
    kp_put_slice(writer, enrol->chain);
    kp_put_slice(writer, enrol->curve_public);
    kp_put_i64(writer, enrol->not_after_ms);
}

void kp_command_get_enrol(struct kp_reader *reader, struct kp_command_enrol *ret_enrol)
{
    ret_enrol->counterpart = kp_get_slice(reader);
    ret_enrol->certificate = kp_get_slice(reader);
    ret_enrol->chain = kp_get_slice(reader);
    ret_enrol->curve_public = kp_get_slice(reader);
    ret_enrol->not_after_ms = kp_get_i64(reader);
}

void kp_command_put_check(struct kp_writer *writer, const struct kp_command_check *check)
{
    kp_put_u8(writer, check->requester_type);
    kp_put_u8(writer, check->reason);
    put_mention(writer, &check->person);
}

void kp_command_get_check(struct kp_reader *reader, struct kp_command_check *ret_check)
{
    ret_check->requester_type = kp_get_u8(reader);
    ret_check->reason = kp_get_u8(reader);
    get_mention(reader, &ret_check->person);
}
