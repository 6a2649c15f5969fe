/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The journal's writer: takes what waits, appends it as one group with one sync, and only then
 * sends receipts and wakes those who wait (P1). Trims the front of the journal when there is time.
 */
#include "hub.h"

#include "base/assert.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/uuid.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_ENTRIES_MAX                                                                          \
    64u /* of at most KP_FRAME_BYTES_MAX and what is derived from it: a bounded group */
#define RECEIPT_ARENA_BYTES (1u << 20)
#define IDLE_MS 1000

struct writer {
    struct kp_hub *hub;
    struct kp_arena arena;
    struct kp_journal_record records[GROUP_ENTRIES_MAX];
    struct kp_entry *entries[GROUP_ENTRIES_MAX]; /* of the group, in journal order */
    uint32_t count;
};

struct kp_entry *kp_entry_new(enum kp_command_kind kind, size_t body_capacity, uint32_t positions)
{
    struct kp_entry *entry = malloc(sizeof *entry + body_capacity);
    KP_ASSERT(entry != NULL);
    memset(entry, 0, sizeof *entry);
    entry->kind = kind;
    entry->positions = positions;
    entry->body_capacity = body_capacity;
    if (kind == KP_COMMAND_BATCH) {
        entry->signals = calloc(positions, sizeof *entry->signals);
        KP_ASSERT(entry->signals != NULL);
    }
    return entry;
}

struct kp_entry *kp_entry_free(struct kp_entry *entry)
{
    if (entry != NULL) {
        free(entry->signals);
        free(entry);
    }
    return NULL;
}

/* --- those who wait --- */

static void tell_waiter(struct kp_waiter *waiter, enum kp_err err, uint64_t position)
{
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    waiter->err = err;
    waiter->position = position;
    (void)pthread_cond_signal(&waiter->done_cond);
    (void)pthread_mutex_unlock(&waiter->lock);
}

enum kp_err kp_writer_journal(struct kp_hub *hub, struct kp_entry *entry, uint64_t *ret_position)
{
    struct kp_waiter waiter = {.done = false};
    KP_ASSERT(pthread_mutex_init(&waiter.lock, NULL) == 0);
    KP_ASSERT(pthread_cond_init(&waiter.done_cond, NULL) == 0);
    entry->waiter = &waiter;
    enum kp_err err = kp_queue_try_push(hub->writer_queue, entry);
    if (err == KP_OK) {
        (void)pthread_mutex_lock(&waiter.lock);
        while (!waiter.done) {
            (void)pthread_cond_wait(&waiter.done_cond, &waiter.lock);
        }
        (void)pthread_mutex_unlock(&waiter.lock);
        err = waiter.err;
    } else {
        (void)kp_entry_free(entry);
        err = KP_E_LATER;
    }
    (void)pthread_cond_destroy(&waiter.done_cond);
    (void)pthread_mutex_destroy(&waiter.lock);
    if (err == KP_OK) {
        *ret_position = waiter.position;
    }
    return err;
}

enum kp_err kp_writer_submit_and_wait(struct kp_hub *hub, struct kp_entry *entry,
                                      uint64_t *ret_position)
{
    enum kp_err err = kp_writer_journal(hub, entry, ret_position);
    if (err == KP_OK && !kp_applier_wait(hub, *ret_position)) {
        err = KP_E_STATE;
    }
    return err;
}

/* --- the receipt --- */

static ProtobufCBinaryData binary(const uint8_t *bytes, size_t size)
{
    /* protobuf-c's pack only reads, but its type is not const. */
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

static struct kp_slice pack_receipt_body(struct writer *writer, const struct kp_entry *entry,
                                         const struct kp_journal_record *record)
{
    struct kp_hub *hub = writer->hub;
    struct kp_arena *arena = &writer->arena;
    char partner_oin[KP_OIN_DIGITS + 1];
    uint8_t root[KP_SHA256_BYTES];
    Knooppunt__V1__ReceiptBody body = KNOOPPUNT__V1__RECEIPT_BODY__INIT;
    Knooppunt__V1__TreeHead head = KNOOPPUNT__V1__TREE_HEAD__INIT;
    Knooppunt__V1__SignalReceipt *receipts =
        kp_arena_alloc(arena, sizeof *receipts * entry->positions);
    Knooppunt__V1__SignalReceipt **list = kp_arena_alloc(arena, sizeof *list * entry->positions);
    KP_ASSERT(receipts != NULL && list != NULL);
    memcpy(partner_oin, entry->partner_oin, sizeof partner_oin);
    (void)pthread_mutex_lock(&hub->progress.lock);
    head.size = hub->progress.tree_size;
    memcpy(root, hub->progress.tree_root, sizeof root);
    (void)pthread_mutex_unlock(&hub->progress.lock);
    head.has_size = head.has_root = 1;
    head.root = binary(root, sizeof root);
    for (uint32_t i = 0; i < entry->positions; i++) {
        const struct kp_entry_signal *signal = &entry->signals[i];
        receipts[i] = (Knooppunt__V1__SignalReceipt)KNOOPPUNT__V1__SIGNAL_RECEIPT__INIT;
        receipts[i].has_position = 1;
        receipts[i].position = record->position + i;
        receipts[i].has_held_code = signal->held_code != KP_OK;
        receipts[i].held_code = signal->held_code;
        receipts[i].held_field =
            signal->held_field[0] != '\0' ? (char *)(uintptr_t)signal->held_field : NULL;
        receipts[i].has_digest = 1;
        receipts[i].digest = binary(signal->digest, sizeof signal->digest);
        list[i] = &receipts[i];
    }
    body.house_oin = hub->config->house.oin;
    body.partner_oin = partner_oin;
    body.has_batch_message_id = 1;
    body.batch_message_id = binary(entry->message_id, sizeof entry->message_id);
    body.has_journalled_at_ms = 1;
    body.journalled_at_ms = record->stamp.ms;
    body.n_signals = entry->positions;
    body.signals = list;
    body.tree_head = &head;
    return kp_codec_pack(arena, &body.base);
}

static void send_receipt(struct writer *writer, const struct kp_entry *entry,
                         const struct kp_journal_record *record)
{
    struct kp_hub *hub = writer->hub;
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    uint8_t message_id[KP_UUID_BYTES];
    uint8_t random[KP_UUID_RANDOM_BYTES];
    size_t signature_size;
    struct kp_diag diag;
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Receipt receipt = KNOOPPUNT__V1__RECEIPT__INIT;
    kp_arena_reset(&writer->arena);
    struct kp_slice body = pack_receipt_body(writer, entry, record);
    if (kp_sign(hub->signer, KP_LABEL_RECEIPT, body, signature, &signature_size, &diag) != KP_OK) {
        kp_hub_die(hub, "receipt.unsigned", &diag); /* else the partner waits for nothing */
        return;
    }
    receipt.has_body = receipt.has_algorithm = receipt.has_signature = 1;
    receipt.body = binary(body.bytes, body.size);
    receipt.algorithm = (Knooppunt__V1__SignatureAlgorithm)kp_signer_algorithm(hub->signer);
    receipt.signature = binary(signature, signature_size);
    kp_random(random, sizeof random);
    kp_uuid7(kp_wall_now(), random, message_id);
    envelope.has_schema = envelope.has_message_id = envelope.has_session = 1;
    envelope.schema = 1;
    envelope.message_id = binary(message_id, sizeof message_id);
    envelope.session = binary(entry->session, sizeof entry->session);
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_RECEIPT;
    envelope.receipt = &receipt;
    struct kp_slice frame = kp_codec_pack(&writer->arena, &envelope.base);
    KP_ASSERT(frame.size > 0);
    kp_crash_point("receipt.before_send");
    kp_hub_send(hub, entry->door, frame);
    kp_crash_point("receipt.after_send");
    for (uint32_t i = 0; i < entry->positions; i++) {
        kp_hub_count(hub,
                     entry->signals[i].held_code == KP_OK ? KP_METRIC_signals_accepted
                                                          : KP_METRIC_signals_held,
                     1);
    }
    kp_hub_count(hub, KP_METRIC_batches_accepted, 1);
}

/* --- the group --- */

/* Of several acknowledgements of one mailbox only the last is needed. */
static bool is_overtaken(struct kp_entry *const *entries, uint32_t at, uint32_t count)
{
    const struct kp_entry *entry = entries[at];
    if (entry->kind != KP_COMMAND_ACK) {
        return false;
    }
    for (uint32_t i = at + 1; i < count; i++) {
        if (entries[i]->kind == KP_COMMAND_ACK && entries[i]->ack_mailbox == entry->ack_mailbox &&
            entries[i]->ack_seq >= entry->ack_seq) {
            return true;
        }
    }
    return false;
}

static bool all_acks(struct kp_entry *const *entries, uint32_t count)
{
    uint32_t acks = 0;
    while (acks < count && entries[acks]->kind == KP_COMMAND_ACK) {
        acks++;
    }
    return acks == count;
}

/* Wait for the first entry and take along what else is there. Nobody waits for an acknowledgement
 * to be journalled: it gives a batch the time to come, and shares its sync. */
static enum kp_err take_entries(struct kp_queue *queue, struct kp_entry **ret_entries,
                                uint32_t *ret_count)
{
    void *items[GROUP_ENTRIES_MAX];
    struct kp_mono began = {0};
    uint32_t count = 0;
    int64_t left_ms = IDLE_MS;
    while (count < GROUP_ENTRIES_MAX && left_ms > 0 && all_acks(ret_entries, count)) {
        uint32_t taken = 0;
        enum kp_err err =
            kp_queue_pop_many(queue, (int32_t)left_ms, items, GROUP_ENTRIES_MAX - count, &taken);
        if (err != KP_OK) {
            *ret_count = count;
            return count > 0 ? KP_OK : err;
        }
        began = count == 0 ? kp_mono_now() : began;
        for (uint32_t i = 0; i < taken; i++) {
            ret_entries[count++] = items[i];
        }
        left_ms = KP_ACK_LINGER_MS - (kp_mono_now().us - began.us) / 1000;
    }
    *ret_count = count;
    return KP_OK;
}

static bool take_group(struct writer *writer)
{
    struct kp_hub *hub = writer->hub;
    struct kp_entry *entries[GROUP_ENTRIES_MAX];
    uint32_t taken = 0;
    size_t bytes = 0;
    enum kp_err err = take_entries(hub->writer_queue, entries, &taken);
    writer->count = 0;
    if (err != KP_OK) {
        return err == KP_E_TIMEOUT;
    }
    for (uint32_t i = 0; i < taken; i++) {
        if (is_overtaken(entries, i, taken)) {
            (void)kp_entry_free(entries[i]);
            continue;
        }
        writer->entries[writer->count] = entries[i];
        writer->records[writer->count] = (struct kp_journal_record){
            .positions = entries[i]->positions,
            .body = kp_slice_of(entries[i]->body, entries[i]->body_size)};
        writer->count++;
        bytes += entries[i]->body_size;
    }
    kp_hub_count(hub, KP_METRIC_journal_bytes, bytes);
    return true;
}

static void wake_applier(struct kp_hub *hub, const struct kp_journal_record *last)
{
    uint64_t journalled = last->position + last->positions - 1;
    (void)pthread_mutex_lock(&hub->progress.lock);
    if (hub->progress.journalled < journalled) { /* else he came across them himself */
        hub->progress.journalled = journalled;
    }
    (void)pthread_cond_broadcast(&hub->progress.changed);
    (void)pthread_mutex_unlock(&hub->progress.lock);
}

/* Receipts first: a partner waits for his, and the applier would take the processor and the disk.
 */
static void finish_group(struct writer *writer)
{
    struct kp_hub *hub = writer->hub;
    kp_hub_count(hub, KP_METRIC_journal_groups, 1);
    for (uint32_t i = 0; i < writer->count; i++) {
        struct kp_entry *entry = writer->entries[i];
        if (entry->kind == KP_COMMAND_BATCH) {
            kp_deliver_land(hub->deliver, entry->door);
            send_receipt(writer, entry, &writer->records[i]);
        } else if (entry->kind == KP_COMMAND_ACK) {
            kp_crash_point("ack.after_journal");
            kp_hub_count(hub, KP_METRIC_acks, 1);
        } else if (entry->kind == KP_COMMAND_KNOWN_CHECK) {
            kp_known_put(hub, entry, writer->records[i].position);
        }
        if (entry->waiter != NULL) {
            tell_waiter(entry->waiter, KP_OK, writer->records[i].position + entry->positions - 1);
        }
        (void)kp_entry_free(entry);
    }
    wake_applier(hub, &writer->records[writer->count - 1]);
}

static void drop_group(struct writer *writer, enum kp_err err)
{
    for (uint32_t i = 0; i < writer->count; i++) {
        if (writer->entries[i]->waiter != NULL) {
            tell_waiter(writer->entries[i]->waiter, err, 0);
        }
        (void)kp_entry_free(writer->entries[i]);
    }
}

static bool write_group(struct writer *writer)
{
    struct kp_hub *hub = writer->hub;
    struct kp_diag diag;
    for (uint32_t i = 0; i < writer->count; i++) {
        if (writer->entries[i]->kind == KP_COMMAND_ACK) {
            kp_crash_point("ack.before_journal");
        }
    }
    enum kp_err err =
        kp_journal_append(hub->journal, kp_clock_now(hub), writer->records, writer->count, &diag);
    if (err != KP_OK) { /* it may or may not be on disk: only the next start can tell */
        kp_hub_die(hub, "journal.failed", &diag);
        drop_group(writer, err);
        return false;
    }
    finish_group(writer);
    return true;
}

static bool trim(struct writer *writer)
{
    struct kp_hub *hub = writer->hub;
    struct kp_journal_state state;
    struct kp_diag diag;
    uint32_t dropped = 0;
    uint64_t keep_from = atomic_load(&hub->keep_from);
    kp_journal_state(hub->journal, &state);
    if (keep_from <= state.first || state.last == 0) {
        return true;
    }
    enum kp_err err =
        kp_journal_trim(hub->journal, keep_from, KP_TRIM_RECORDS_MAX, &dropped, &diag);
    if (err != KP_OK) {
        kp_hub_die(hub, "journal.failed", &diag);
        return false;
    }
    kp_hub_count(hub, KP_METRIC_trimmed_records, dropped);
    return true;
}

void *kp_writer_run(void *context)
{
    struct writer *writer = calloc(1, sizeof *writer);
    KP_ASSERT(writer != NULL);
    writer->hub = context;
    kp_arena_init(&writer->arena, RECEIPT_ARENA_BYTES);
    while (take_group(writer)) {
        if ((writer->count > 0 && !write_group(writer)) || !trim(writer)) {
            break;
        }
    }
    kp_arena_done(&writer->arena);
    free(writer);
    return NULL;
}
