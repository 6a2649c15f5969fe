/* SPDX-License-Identifier: EUPL-1.2 */
/* The rows of the spool as bytes: keys big-endian so that they sort, values after a version byte.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "runtime/spool.h"
#include "runtime/spool_table.h"

#include <stdio.h>
#include <string.h>

#define ROW_VERSION 1u
#define ROW_OVERHEAD_BYTES 64u /* what a row costs beside its value, roughly */
#define KEY_BYTES_MAX 64u

struct key {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t size;
};

static struct key key_u64(uint64_t value)
{
    struct key key;
    struct kp_writer writer;
    kp_writer_init(&writer, key.bytes, sizeof key.bytes);
    kp_put_u64(&writer, value);
    key.size = writer.size;
    return key;
}

static struct key key_record(uint64_t file, uint32_t number)
{
    struct key key = key_u64(file);
    struct kp_writer writer;
    kp_writer_init(&writer, key.bytes + key.size, sizeof key.bytes - key.size);
    kp_put_u32(&writer, number);
    key.size += writer.size;
    return key;
}

static struct kp_slice slice_of_key(const struct key *key)
{
    return kp_slice_of(key->bytes, key->size);
}

static uint64_t u64_of(struct kp_slice bytes)
{
    struct kp_reader reader;
    kp_reader_init(&reader, bytes);
    return kp_get_u64(&reader);
}

static void put_text(struct kp_writer *writer, const char *text)
{
    kp_put_slice(writer, kp_slice_str(text));
}

static void get_text(struct kp_reader *reader, char *ret_text, size_t size)
{
    struct kp_slice bytes = kp_get_slice(reader);
    if (bytes.size >= size) {
        reader->underflow = true;
        bytes = KP_SLICE_EMPTY;
    }
    if (bytes.size > 0) {
        memcpy(ret_text, bytes.bytes, bytes.size);
    }
    ret_text[bytes.size] = '\0';
}

static void get_bytes(struct kp_reader *reader, uint8_t *ret_bytes, size_t size)
{
    struct kp_slice bytes = kp_get_raw(reader, size);
    if (bytes.size == size) {
        memcpy(ret_bytes, bytes.bytes, size);
    }
}

static void start_reading(struct kp_reader *reader, struct kp_slice value)
{
    kp_reader_init(reader, value);
    if (kp_get_u8(reader) != ROW_VERSION) {
        reader->underflow = true;
    }
}

static bool end_reading(struct kp_spool *spool, const struct kp_reader *reader, const char *what)
{
    if (!kp_reader_done(reader)) {
        kp_spool_fail(spool, KP_E_CORRUPT, what);
        return false;
    }
    return true;
}

/* --- counters --- */

uint64_t kp_spool_counter(struct kp_spool *spool, enum kp_spool_counter counter)
{
    uint8_t key = (uint8_t)counter;
    struct kp_slice value;
    return kp_spool_get(spool, KP_TABLE_COUNTERS, kp_slice_of(&key, 1), &value) ? u64_of(value) : 0;
}

void kp_spool_set_counter(struct kp_spool *spool, enum kp_spool_counter counter, uint64_t value)
{
    uint8_t key = (uint8_t)counter;
    struct key bytes = key_u64(value);
    kp_spool_put(spool, KP_TABLE_COUNTERS, kp_slice_of(&key, 1), slice_of_key(&bytes));
}

static uint64_t take_number(struct kp_spool *spool, enum kp_spool_counter counter)
{
    uint64_t number = kp_spool_counter(spool, counter);
    kp_spool_set_counter(spool, counter, number + 1);
    return number;
}

static void charge(struct kp_spool *spool, size_t bytes)
{
    uint64_t used = kp_spool_counter(spool, KP_COUNTER_USED);
    kp_spool_set_counter(spool, KP_COUNTER_USED, used + bytes + ROW_OVERHEAD_BYTES);
}

static void discharge(struct kp_spool *spool, size_t bytes)
{
    uint64_t used = kp_spool_counter(spool, KP_COUNTER_USED);
    uint64_t less = bytes + ROW_OVERHEAD_BYTES;
    kp_spool_set_counter(spool, KP_COUNTER_USED, used > less ? used - less : 0);
}

/* --- files --- */

void kp_spool_put_file(struct kp_spool *spool, struct kp_spool_file *file)
{
    if (file->id == 0) {
        file->id = take_number(spool, KP_COUNTER_NEXT_FILE);
    }
    uint8_t bytes[1024];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_VERSION);
    put_text(&writer, file->name);
    put_text(&writer, file->stored);
    kp_put_raw(&writer, kp_slice_of(file->digest, sizeof file->digest));
    kp_put_u8(&writer, (uint8_t)file->state);
    kp_put_i64(&writer, file->at.ms);
    kp_put_u8(&writer, file->checked);
    kp_put_u8(&writer, file->aside);
    kp_put_u8(&writer, file->list_withdraws);
    kp_put_u32(&writer, file->read);
    kp_put_u32(&writer, file->spooled);
    for (int i = 0; i < KP_RECORD_STATUS_COUNT; i++) {
        kp_put_u32(&writer, file->counts[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    struct key key = key_u64(file->id);
    kp_spool_put(spool, KP_TABLE_FILES, slice_of_key(&key), kp_writer_slice(&writer));
}

static bool read_file_row(struct kp_spool *spool, uint64_t id, struct kp_slice value,
                          struct kp_spool_file *ret_file)
{
    struct kp_reader reader;
    start_reading(&reader, value);
    struct kp_spool_file file = {.id = id};
    get_text(&reader, file.name, sizeof file.name);
    get_text(&reader, file.stored, sizeof file.stored);
    get_bytes(&reader, file.digest, sizeof file.digest);
    file.state = (enum kp_file_state)kp_get_u8(&reader);
    file.at.ms = kp_get_i64(&reader);
    file.checked = kp_get_u8(&reader) != 0;
    file.aside = kp_get_u8(&reader) != 0;
    file.list_withdraws = kp_get_u8(&reader) != 0;
    file.read = kp_get_u32(&reader);
    file.spooled = kp_get_u32(&reader);
    for (int i = 0; i < KP_RECORD_STATUS_COUNT; i++) {
        file.counts[i] = kp_get_u32(&reader);
    }
    *ret_file = file;
    return end_reading(spool, &reader, "a file's row cannot be read");
}

bool kp_spool_get_file(struct kp_spool *spool, uint64_t id, struct kp_spool_file *ret_file)
{
    struct key key = key_u64(id);
    struct kp_slice value;
    return kp_spool_get(spool, KP_TABLE_FILES, slice_of_key(&key), &value) &&
           read_file_row(spool, id, value, ret_file);
}

bool kp_spool_next_file(struct kp_spool *spool, uint64_t after, struct kp_spool_file *ret_file)
{
    struct key key = key_u64(after);
    struct kp_slice found;
    struct kp_slice value;
    return kp_spool_after(spool, KP_TABLE_FILES, slice_of_key(&key), &found, &value) &&
           read_file_row(spool, u64_of(found), value, ret_file);
}

void kp_spool_drop_file(struct kp_spool *spool, uint64_t id)
{
    struct key key = key_u64(id);
    kp_spool_delete(spool, KP_TABLE_FILES, slice_of_key(&key));
}

uint32_t kp_file_open_count(const struct kp_spool_file *file)
{
    return file->counts[KP_RECORD_PENDING] + file->counts[KP_RECORD_RECEIPTED];
}

const char *kp_record_status_name(enum kp_record_status status)
{
    static const char *const names[KP_RECORD_STATUS_COUNT] = {
        [KP_RECORD_PENDING] = "pending",     [KP_RECORD_RECEIPTED] = "receipted",
        [KP_RECORD_ACCEPTED] = "accepted",   [KP_RECORD_DUPLICATE] = "duplicate",
        [KP_RECORD_REPLACES] = "replaces",   [KP_RECORD_SUPERSEDED] = "superseded",
        [KP_RECORD_WITHDRAWN] = "withdrawn", [KP_RECORD_HELD] = "held",
        [KP_RECORD_REFUSED] = "refused",
    };
    KP_ASSERT(status < KP_RECORD_STATUS_COUNT);
    return names[status];
}

/* --- records --- */

void kp_spool_put_record(struct kp_spool *spool, struct kp_spool_file *file,
                         const struct kp_spool_record *record)
{
    struct key key = key_record(record->file, record->number);
    struct kp_spool_record old;
    if (kp_spool_get_record(spool, record->file, record->number, &old) &&
        file->counts[old.status] > 0) {
        file->counts[old.status]--;
    }
    uint8_t bytes[1024];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_VERSION);
    kp_put_u32(&writer, record->line);
    put_text(&writer, record->reference);
    kp_put_u8(&writer, (uint8_t)record->status);
    kp_put_u32(&writer, record->code);
    put_text(&writer, record->field);
    put_text(&writer, record->reason);
    kp_put_u64(&writer, record->position);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_spool_put(spool, KP_TABLE_RECORDS, slice_of_key(&key), kp_writer_slice(&writer));
    file->counts[record->status]++;
}

static bool read_record_row(struct kp_spool *spool, struct kp_slice key, struct kp_slice value,
                            struct kp_spool_record *ret_record)
{
    struct kp_reader reader;
    kp_reader_init(&reader, key);
    struct kp_spool_record record = {.file = kp_get_u64(&reader)};
    record.number = kp_get_u32(&reader);
    start_reading(&reader, value);
    record.line = kp_get_u32(&reader);
    get_text(&reader, record.reference, sizeof record.reference);
    uint8_t status = kp_get_u8(&reader);
    record.code = kp_get_u32(&reader);
    get_text(&reader, record.field, sizeof record.field);
    get_text(&reader, record.reason, sizeof record.reason);
    record.position = kp_get_u64(&reader);
    if (status >= KP_RECORD_STATUS_COUNT) {
        reader.underflow = true;
        status = 0;
    }
    record.status = (enum kp_record_status)status;
    *ret_record = record;
    return end_reading(spool, &reader, "a record's row cannot be read");
}

bool kp_spool_get_record(struct kp_spool *spool, uint64_t file, uint32_t number,
                         struct kp_spool_record *ret_record)
{
    struct key key = key_record(file, number);
    struct kp_slice value;
    return kp_spool_get(spool, KP_TABLE_RECORDS, slice_of_key(&key), &value) &&
           read_record_row(spool, slice_of_key(&key), value, ret_record);
}

bool kp_spool_next_record(struct kp_spool *spool, uint64_t file, uint32_t after,
                          struct kp_spool_record *ret_record)
{
    struct key key = key_record(file, after);
    struct kp_slice found;
    struct kp_slice value;
    return kp_spool_after(spool, KP_TABLE_RECORDS, slice_of_key(&key), &found, &value) &&
           u64_of(found) == file && read_record_row(spool, found, value, ret_record);
}

bool kp_spool_drop_records(struct kp_spool *spool, uint64_t file, uint32_t count_max)
{
    for (uint32_t i = 0; i < count_max; i++) {
        struct key key = key_record(file, 0);
        struct kp_slice found;
        struct kp_slice value;
        if (!kp_spool_after(spool, KP_TABLE_RECORDS, slice_of_key(&key), &found, &value) ||
            u64_of(found) != file) {
            return false;
        }
        memcpy(key.bytes, found.bytes, key.size);
        kp_spool_delete(spool, KP_TABLE_RECORDS, slice_of_key(&key));
    }
    return true;
}

/* --- signals --- */

#define SIGNAL_ROW_BYTES_MAX (KP_SIGNAL_BYTES_MAX + 256u)

void kp_spool_add_signal(struct kp_spool *spool, struct kp_spool_signal *signal)
{
    KP_ASSERT(signal->bytes.size <= KP_SIGNAL_BYTES_MAX);
    signal->seq = take_number(spool, KP_COUNTER_NEXT_SIGNAL);
    kp_random(signal->salt, sizeof signal->salt);
    uint8_t bytes[SIGNAL_ROW_BYTES_MAX];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_VERSION);
    kp_put_u64(&writer, signal->file);
    kp_put_u32(&writer, signal->record);
    kp_put_u64(&writer, signal->version);
    put_text(&writer, signal->reference);
    kp_put_raw(&writer, kp_slice_of(signal->salt, sizeof signal->salt));
    kp_put_slice(&writer, signal->bytes);
    KP_ASSERT(kp_writer_ok(&writer));
    struct key key = key_u64(signal->seq);
    kp_spool_put(spool, KP_TABLE_SIGNALS, slice_of_key(&key), kp_writer_slice(&writer));
    charge(spool, writer.size);
}

static bool read_signal_row(struct kp_spool *spool, uint64_t seq, struct kp_slice value,
                            struct kp_spool_signal *ret_signal)
{
    struct kp_reader reader;
    start_reading(&reader, value);
    ret_signal->seq = seq;
    ret_signal->file = kp_get_u64(&reader);
    ret_signal->record = kp_get_u32(&reader);
    ret_signal->version = kp_get_u64(&reader);
    get_text(&reader, ret_signal->reference, sizeof ret_signal->reference);
    get_bytes(&reader, ret_signal->salt, sizeof ret_signal->salt);
    ret_signal->bytes = kp_get_slice(&reader);
    return end_reading(spool, &reader, "a signal's row cannot be read");
}

bool kp_spool_get_signal(struct kp_spool *spool, uint64_t seq, struct kp_spool_signal *ret_signal)
{
    struct key key = key_u64(seq);
    struct kp_slice value;
    return kp_spool_get(spool, KP_TABLE_SIGNALS, slice_of_key(&key), &value) &&
           read_signal_row(spool, seq, value, ret_signal);
}

bool kp_spool_next_signal(struct kp_spool *spool, uint64_t after,
                          struct kp_spool_signal *ret_signal)
{
    struct key key = key_u64(after);
    struct kp_slice found;
    struct kp_slice value;
    return kp_spool_after(spool, KP_TABLE_SIGNALS, slice_of_key(&key), &found, &value) &&
           read_signal_row(spool, u64_of(found), value, ret_signal);
}

void kp_spool_drop_signal(struct kp_spool *spool, uint64_t seq)
{
    struct key key = key_u64(seq);
    struct kp_slice value;
    if (kp_spool_get(spool, KP_TABLE_SIGNALS, slice_of_key(&key), &value)) {
        size_t size = value.size;
        kp_spool_delete(spool, KP_TABLE_SIGNALS, slice_of_key(&key));
        discharge(spool, size);
    }
}

uint64_t kp_spool_signal_count(struct kp_spool *spool)
{
    return kp_spool_count(spool, KP_TABLE_SIGNALS);
}

/* --- batches --- */

void kp_spool_put_batch(struct kp_spool *spool, struct kp_spool_batch *batch)
{
    if (batch->id == 0) {
        batch->id = take_number(spool, KP_COUNTER_NEXT_BATCH);
    }
    uint8_t bytes[256];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_VERSION);
    kp_put_raw(&writer, kp_slice_of(batch->message_id, sizeof batch->message_id));
    put_text(&writer, batch->traceparent);
    kp_put_u64(&writer, batch->first);
    kp_put_u32(&writer, batch->count);
    kp_put_u32(&writer, batch->open);
    kp_put_u8(&writer, batch->receipted);
    KP_ASSERT(kp_writer_ok(&writer));
    struct key key = key_u64(batch->id);
    struct kp_slice message_id = kp_slice_of(batch->message_id, sizeof batch->message_id);
    kp_spool_put(spool, KP_TABLE_BATCHES, slice_of_key(&key), kp_writer_slice(&writer));
    kp_spool_put(spool, KP_TABLE_BATCH_IDS, message_id, slice_of_key(&key));
}

static bool read_batch_row(struct kp_spool *spool, uint64_t id, struct kp_slice value,
                           struct kp_spool_batch *ret_batch)
{
    struct kp_reader reader;
    start_reading(&reader, value);
    struct kp_spool_batch batch = {.id = id};
    get_bytes(&reader, batch.message_id, sizeof batch.message_id);
    get_text(&reader, batch.traceparent, sizeof batch.traceparent);
    batch.first = kp_get_u64(&reader);
    batch.count = kp_get_u32(&reader);
    batch.open = kp_get_u32(&reader);
    batch.receipted = kp_get_u8(&reader) != 0;
    *ret_batch = batch;
    return end_reading(spool, &reader, "a batch's row cannot be read");
}

bool kp_spool_next_batch(struct kp_spool *spool, uint64_t after, struct kp_spool_batch *ret_batch)
{
    struct key key = key_u64(after);
    struct kp_slice found;
    struct kp_slice value;
    return kp_spool_after(spool, KP_TABLE_BATCHES, slice_of_key(&key), &found, &value) &&
           read_batch_row(spool, u64_of(found), value, ret_batch);
}

bool kp_spool_find_batch(struct kp_spool *spool, struct kp_slice message_id,
                         struct kp_spool_batch *ret_batch)
{
    struct kp_slice value;
    if (message_id.size != KP_MESSAGE_ID_BYTES ||
        !kp_spool_get(spool, KP_TABLE_BATCH_IDS, message_id, &value)) {
        return false;
    }
    struct key key = key_u64(u64_of(value));
    return kp_spool_get(spool, KP_TABLE_BATCHES, slice_of_key(&key), &value) &&
           read_batch_row(spool, u64_of(slice_of_key(&key)), value, ret_batch);
}

void kp_spool_drop_batch(struct kp_spool *spool, const struct kp_spool_batch *batch)
{
    struct key key = key_u64(batch->id);
    kp_spool_delete(spool, KP_TABLE_BATCHES, slice_of_key(&key));
    kp_spool_delete(spool, KP_TABLE_BATCH_IDS,
                    kp_slice_of(batch->message_id, sizeof batch->message_id));
}

uint64_t kp_spool_batch_count(struct kp_spool *spool)
{
    return kp_spool_count(spool, KP_TABLE_BATCHES);
}

/* --- rows of a full list --- */

void kp_spool_put_row(struct kp_spool *spool, const struct kp_spool_row *row)
{
    uint8_t bytes[128];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, ROW_VERSION);
    kp_put_raw(&writer, kp_slice_of(row->digest, sizeof row->digest));
    kp_put_u64(&writer, row->version);
    kp_put_u64(&writer, row->file);
    kp_put_u8(&writer, row->listed);
    KP_ASSERT(kp_writer_ok(&writer) && row->reference[0] != '\0');
    kp_spool_put(spool, KP_TABLE_ROWS, kp_slice_str(row->reference), kp_writer_slice(&writer));
}

static bool read_list_row(struct kp_spool *spool, struct kp_slice key, struct kp_slice value,
                          struct kp_spool_row *ret_row)
{
    struct kp_reader reader;
    start_reading(&reader, value);
    struct kp_spool_row row = {.version = 0};
    if (key.size >= sizeof row.reference) {
        kp_spool_fail(spool, KP_E_CORRUPT, "a list row's key is too long");
        return false;
    }
    memcpy(row.reference, key.bytes, key.size);
    get_bytes(&reader, row.digest, sizeof row.digest);
    row.version = kp_get_u64(&reader);
    row.file = kp_get_u64(&reader);
    row.listed = kp_get_u8(&reader) != 0;
    *ret_row = row;
    return end_reading(spool, &reader, "a list row cannot be read");
}

bool kp_spool_get_row(struct kp_spool *spool, const char *reference, struct kp_spool_row *ret_row)
{
    struct kp_slice key = kp_slice_str(reference);
    struct kp_slice value;
    return kp_spool_get(spool, KP_TABLE_ROWS, key, &value) &&
           read_list_row(spool, key, value, ret_row);
}

bool kp_spool_next_row(struct kp_spool *spool, const char *after, struct kp_spool_row *ret_row)
{
    struct kp_slice found;
    struct kp_slice value;
    return kp_spool_after(spool, KP_TABLE_ROWS, kp_slice_str(after), &found, &value) &&
           read_list_row(spool, found, value, ret_row);
}

/* --- mailboxes and proofs --- */

uint64_t kp_spool_cursor(struct kp_spool *spool, const char *mailbox)
{
    struct kp_slice value;
    return kp_spool_get(spool, KP_TABLE_CURSORS, kp_slice_str(mailbox), &value) ? u64_of(value) : 0;
}

void kp_spool_set_cursor(struct kp_spool *spool, const char *mailbox, uint64_t seq)
{
    struct key bytes = key_u64(seq);
    kp_spool_put(spool, KP_TABLE_CURSORS, kp_slice_str(mailbox), slice_of_key(&bytes));
}

bool kp_spool_next_cursor(struct kp_spool *spool, const char *after,
                          char ret_mailbox[KP_ID_BYTES_MAX + 1], uint64_t *ret_seq)
{
    struct kp_slice found;
    struct kp_slice value;
    if (!kp_spool_after(spool, KP_TABLE_CURSORS, kp_slice_str(after), &found, &value)) {
        return false;
    }
    (void)snprintf(ret_mailbox, KP_ID_BYTES_MAX + 1, "%.*s", (int)found.size,
                   (const char *)found.bytes);
    *ret_seq = u64_of(value);
    return true;
}

void kp_spool_put_receipt(struct kp_spool *spool, uint64_t position, struct kp_slice receipt)
{
    struct key key = key_u64(position);
    kp_spool_put(spool, KP_TABLE_RECEIPTS, slice_of_key(&key), receipt);
    if (kp_spool_count(spool, KP_TABLE_RECEIPTS) > KP_SPOOL_RECEIPTS_MAX) {
        struct kp_slice found;
        struct kp_slice value;
        if (kp_spool_after(spool, KP_TABLE_RECEIPTS, KP_SLICE_EMPTY, &found, &value)) {
            key = key_u64(u64_of(found));
            kp_spool_delete(spool, KP_TABLE_RECEIPTS, slice_of_key(&key));
        }
    }
}

bool kp_spool_next_receipt(struct kp_spool *spool, uint64_t after, uint64_t *ret_position,
                           struct kp_slice *ret_receipt)
{
    struct key key = key_u64(after);
    struct kp_slice found;
    if (!kp_spool_after(spool, KP_TABLE_RECEIPTS, slice_of_key(&key), &found, ret_receipt)) {
        return false;
    }
    *ret_position = u64_of(found);
    return true;
}
