/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/person.h"

#include "base/assert.h"

#include <string.h>

#define PERSON_VERSION 1
#define MENTION_BYTES 27u
#define FORM_BYTES (KP_TAG_BYTES + 4u)
#define PERSON_MENTIONS_MAX (KP_PERSON_BSN_MAX + KP_PERSON_FORMS_MAX * KP_PERSON_NAME_MAX)
#define FIXED_BYTES (1u + 1u + 8u + 4u + KP_TAG_BYTES + 2u + 4u)

/* Whatever moves between persons, a state fits: no command can make one that cannot be stored. */
_Static_assert(FIXED_BYTES + KP_PERSON_FORMS_MAX * FORM_BYTES +
                       PERSON_MENTIONS_MAX * MENTION_BYTES <
                   KP_STORE_VALUE_BYTES_MAX,
               "the largest person fits in a row");

static void get_mention(struct kp_reader *reader, struct kp_mention *ret_mention)
{
    ret_mention->position = kp_get_u64(reader);
    ret_mention->index = kp_get_u8(reader);
    ret_mention->partner = kp_get_u16(reader);
    ret_mention->role = kp_get_u8(reader);
    ret_mention->kind = kp_get_u8(reader);
    ret_mention->incident_date = (int32_t)kp_get_u32(reader);
    ret_mention->themes = kp_get_u32(reader);
    ret_mention->leefgebieden = kp_get_u16(reader);
    ret_mention->form = kp_get_u16(reader);
    ret_mention->by_bsn = kp_get_u16(reader) != 0;
}

static void put_mention(struct kp_writer *writer, const struct kp_mention *mention)
{
    kp_put_u64(writer, mention->position);
    kp_put_u8(writer, mention->index);
    kp_put_u16(writer, mention->partner);
    kp_put_u8(writer, mention->role);
    kp_put_u8(writer, mention->kind);
    kp_put_u32(writer, (uint32_t)mention->incident_date);
    kp_put_u32(writer, mention->themes);
    kp_put_u16(writer, mention->leefgebieden);
    kp_put_u16(writer, mention->form);
    kp_put_u16(writer, mention->by_bsn ? 1 : 0);
}

static bool decode(struct kp_txn *txn, struct kp_slice value, uint32_t extra,
                   struct kp_person *ret_person)
{
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    uint8_t flags = kp_get_u8(&reader);
    ret_person->redirect = kp_get_u64(&reader);
    ret_person->ripe = kp_get_u32(&reader);
    ret_person->has_bsn = (flags & 1) != 0;
    struct kp_slice bsn_tag = kp_get_raw(&reader, ret_person->has_bsn ? KP_TAG_BYTES : 0);
    if (bsn_tag.size > 0) {
        memcpy(ret_person->bsn_tag, bsn_tag.bytes, bsn_tag.size);
    }
    ret_person->form_count = kp_get_u16(&reader);
    ret_person->mention_count = kp_get_u32(&reader);
    uint64_t rest = (uint64_t)ret_person->form_count * FORM_BYTES +
                    (uint64_t)ret_person->mention_count * MENTION_BYTES;
    if (version != PERSON_VERSION || ret_person->form_count > KP_PERSON_FORMS_MAX ||
        !kp_reader_ok(&reader) || rest != reader.size - reader.offset) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the state of person %llu does not decode",
                    (unsigned long long)ret_person->id);
        return false;
    }
    ret_person->mention_capacity = ret_person->mention_count + extra;
    ret_person->forms = kp_arena_alloc(txn->scratch, sizeof *ret_person->forms *
                                                         (ret_person->form_count + 1u + extra));
    ret_person->mentions = kp_arena_alloc(txn->scratch, sizeof *ret_person->mentions *
                                                            (ret_person->mention_capacity + 1u));
    if (!kp_arena_ok(txn->scratch)) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the state of one person");
        return false;
    }
    for (uint32_t i = 0; i < ret_person->form_count; i++) {
        struct kp_slice tag = kp_get_raw(&reader, KP_TAG_BYTES);
        memcpy(ret_person->forms[i].name_tag, tag.bytes, KP_TAG_BYTES);
        ret_person->forms[i].bsn_mentions = kp_get_u32(&reader);
    }
    for (uint32_t i = 0; i < ret_person->mention_count; i++) {
        get_mention(&reader, &ret_person->mentions[i]);
    }
    return true;
}

bool kp_person_load(struct kp_txn *txn, uint64_t id, uint32_t extra, struct kp_person *ret_person)
{
    static const uint8_t nobody[FIXED_BYTES - KP_TAG_BYTES] = {PERSON_VERSION};
    struct kp_key key = kp_key_u64(kp_key_none(), id);
    struct kp_slice value;
    *ret_person = (struct kp_person){.id = id};
    if (!kp_txn_get(txn, KP_TABLE_PERSON, kp_key_slice(&key), &value)) {
        value = kp_slice_of(nobody, sizeof nobody);
    }
    return kp_txn_error(txn) == KP_OK && decode(txn, value, extra, ret_person);
}

void kp_person_store(struct kp_txn *txn, const struct kp_person *person)
{
    struct kp_key key = kp_key_u64(kp_key_none(), person->id);
    if (person->mention_count == 0 && person->redirect == 0) {
        (void)kp_txn_del(txn, KP_TABLE_PERSON, kp_key_slice(&key)); /* absent is fine too */
        return;
    }
    size_t size = FIXED_BYTES + person->form_count * FORM_BYTES +
                  (size_t)person->mention_count * MENTION_BYTES;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the state of one person");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_u8(&writer, PERSON_VERSION);
    kp_put_u8(&writer, person->has_bsn ? 1 : 0);
    kp_put_u64(&writer, person->redirect);
    kp_put_u32(&writer, person->ripe);
    kp_put_raw(&writer, kp_slice_of(person->bsn_tag, person->has_bsn ? KP_TAG_BYTES : 0));
    kp_put_u16(&writer, (uint16_t)person->form_count);
    kp_put_u32(&writer, person->mention_count);
    for (uint32_t i = 0; i < person->form_count; i++) {
        kp_put_raw(&writer, kp_slice_of(person->forms[i].name_tag, KP_TAG_BYTES));
        kp_put_u32(&writer, person->forms[i].bsn_mentions);
    }
    for (uint32_t i = 0; i < person->mention_count; i++) {
        put_mention(&writer, &person->mentions[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_PERSON, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){person->id});
}

/* A form that no mention has any more. */
static uint16_t unused_form(const struct kp_person *person)
{
    bool used[KP_PERSON_FORMS_MAX] = {false};
    for (uint32_t i = 0; i < person->mention_count; i++) {
        if (person->mentions[i].form != KP_FORM_NONE) {
            used[person->mentions[i].form] = true;
        }
    }
    for (uint16_t i = 0; i < person->form_count; i++) {
        if (!used[i]) {
            return i;
        }
    }
    return KP_FORM_NONE;
}

uint16_t kp_person_form(struct kp_person *person, const uint8_t *name_tag)
{
    for (uint32_t i = 0; i < person->form_count; i++) {
        if (memcmp(person->forms[i].name_tag, name_tag, KP_TAG_BYTES) == 0) {
            return (uint16_t)i;
        }
    }
    if (person->form_count == KP_PERSON_FORMS_MAX) {
        uint16_t unused = unused_form(person);
        if (unused != KP_FORM_NONE) {
            memcpy(person->forms[unused].name_tag, name_tag, KP_TAG_BYTES);
        }
        return unused;
    }
    struct kp_form *form = &person->forms[person->form_count];
    memcpy(form->name_tag, name_tag, KP_TAG_BYTES);
    form->bsn_mentions = 0;
    return (uint16_t)person->form_count++;
}

static bool is_before(const struct kp_mention *a, const struct kp_mention *b)
{
    return a->position != b->position ? a->position < b->position : a->index < b->index;
}

void kp_person_insert(struct kp_person *person, const struct kp_mention *mention)
{
    KP_ASSERT(person->mention_count < person->mention_capacity);
    uint32_t at = person->mention_count;
    while (at > 0 && is_before(mention, &person->mentions[at - 1])) {
        person->mentions[at] = person->mentions[at - 1];
        at--;
    }
    person->mentions[at] = *mention;
    person->mention_count++;
}

int64_t kp_person_find(const struct kp_person *person, uint64_t position, uint8_t index)
{
    for (uint32_t i = person->mention_count; i-- > 0;) {
        if (person->mentions[i].position == position && person->mentions[i].index == index) {
            return i;
        }
    }
    return -1;
}

void kp_person_count(const struct kp_person *person, uint16_t partner, const uint8_t *name_tag,
                     struct kp_person_counts *ret_counts)
{
    *ret_counts = (struct kp_person_counts){0};
    for (uint32_t i = 0; i < person->mention_count; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        bool counts = name_tag == NULL ? mention->by_bsn
                                       : !mention->by_bsn && mention->form != KP_FORM_NONE &&
                                             memcmp(person->forms[mention->form].name_tag, name_tag,
                                                    KP_TAG_BYTES) == 0;
        ret_counts->all += counts ? 1 : 0;
        ret_counts->partner += counts && mention->partner == partner ? 1 : 0;
    }
}

void kp_person_remove(struct kp_person *person, uint32_t at)
{
    KP_ASSERT(at < person->mention_count);
    person->mention_count--;
    memmove(&person->mentions[at], &person->mentions[at + 1],
            sizeof person->mentions[0] * (person->mention_count - at));
}
