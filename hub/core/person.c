/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/person.h"

#include "base/assert.h"

#include "base/time.h"

#include <string.h>

#define PERSON_VERSION 3 /* 1: forms were names; 2: mentions without severity, area, birth date */
#define MENTION_BYTES 36u
#define FORM_BYTES (8u + 4u)
#define BIRTH_DATES_MAX 64u /* the earliest: of more than that nobody knows which is right */
#define FIXED_BYTES (1u + 8u + 8u + 4u + 2u + 4u)

/* Whatever moves between the persons of a component, a state fits: no command can make one that
 * cannot be stored. */
_Static_assert(FIXED_BYTES + KP_COMPONENT_MENTIONS_MAX * (FORM_BYTES + MENTION_BYTES) <
                   KP_STORE_VALUE_BYTES_MAX,
               "the largest person fits in a row");
_Static_assert(KP_COMPONENT_MENTIONS_MAX < KP_FORM_NONE, "a form's number fits in a mention");

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
    ret_mention->severity = kp_get_u8(reader);
    ret_mention->area = kp_get_u32(reader);
    ret_mention->birth_date = (int32_t)kp_get_u32(reader);
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
    kp_put_u8(writer, mention->severity);
    kp_put_u32(writer, mention->area);
    kp_put_u32(writer, (uint32_t)mention->birth_date);
    kp_put_u16(writer, mention->form);
    kp_put_u16(writer, mention->by_bsn ? 1 : 0);
}

static bool take_room(struct kp_txn *txn, uint32_t extra, struct kp_person *person)
{
    person->mention_capacity = person->mention_count + extra;
    person->form_capacity = person->form_count + extra;
    person->forms =
        kp_arena_alloc(txn->scratch, sizeof *person->forms * (person->form_capacity + 1u));
    person->mentions =
        kp_arena_alloc(txn->scratch, sizeof *person->mentions * (person->mention_capacity + 1u));
    if (!kp_arena_ok(txn->scratch)) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the state of one person");
        return false;
    }
    return true;
}

static bool decode(struct kp_txn *txn, struct kp_slice value, uint32_t extra,
                   struct kp_person *ret_person)
{
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_person->redirect = kp_get_u64(&reader);
    ret_person->component = kp_get_u64(&reader);
    ret_person->ripe = kp_get_u32(&reader);
    ret_person->form_count = kp_get_u16(&reader);
    ret_person->mention_count = kp_get_u32(&reader);
    uint64_t rest = (uint64_t)ret_person->form_count * FORM_BYTES +
                    (uint64_t)ret_person->mention_count * MENTION_BYTES;
    if (version != PERSON_VERSION || !kp_reader_ok(&reader) ||
        rest != reader.size - reader.offset) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the state of person %llu does not decode",
                    (unsigned long long)ret_person->id);
        return false;
    }
    if (!take_room(txn, extra, ret_person)) {
        return false;
    }
    for (uint32_t i = 0; i < ret_person->form_count; i++) {
        ret_person->forms[i].id = kp_get_u64(&reader);
        ret_person->forms[i].mentions = kp_get_u32(&reader);
    }
    for (uint32_t i = 0; i < ret_person->mention_count; i++) {
        get_mention(&reader, &ret_person->mentions[i]);
    }
    return true;
}

bool kp_person_load(struct kp_txn *txn, uint64_t id, uint32_t extra, struct kp_person *ret_person)
{
    static const uint8_t nobody[FIXED_BYTES] = {PERSON_VERSION};
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
    size_t size = FIXED_BYTES + (size_t)person->form_count * FORM_BYTES +
                  (size_t)person->mention_count * MENTION_BYTES;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, size);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the state of one person");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, size);
    kp_put_u8(&writer, PERSON_VERSION);
    kp_put_u64(&writer, person->redirect);
    kp_put_u64(&writer, person->component);
    kp_put_u32(&writer, person->ripe);
    kp_put_u16(&writer, (uint16_t)person->form_count);
    kp_put_u32(&writer, person->mention_count);
    for (uint32_t i = 0; i < person->form_count; i++) {
        kp_put_u64(&writer, person->forms[i].id);
        kp_put_u32(&writer, person->forms[i].mentions);
    }
    for (uint32_t i = 0; i < person->mention_count; i++) {
        put_mention(&writer, &person->mentions[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_PERSON, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){person->id});
}

static uint32_t index_of(const struct kp_person *person, uint64_t form)
{
    uint32_t at = 0;
    while (at < person->form_count && person->forms[at].id != form) {
        at++;
    }
    return at;
}

static uint16_t take_form(struct kp_person *person, uint64_t form)
{
    uint32_t at = index_of(person, form);
    if (form == 0) {
        return KP_FORM_NONE;
    }
    if (at == person->form_count) {
        KP_ASSERT(person->form_count < person->form_capacity);
        person->forms[person->form_count++] = (struct kp_person_form){.id = form};
    }
    person->forms[at].mentions++;
    return (uint16_t)at;
}

static void drop_form(struct kp_person *person, uint16_t at)
{
    if (at == KP_FORM_NONE || --person->forms[at].mentions > 0) {
        return;
    }
    uint16_t last = (uint16_t)--person->form_count;
    person->forms[at] = person->forms[last];
    for (uint32_t i = 0; at != last && i < person->mention_count; i++) {
        if (person->mentions[i].form == last) {
            person->mentions[i].form = at;
        }
    }
}

static bool is_before(const struct kp_mention *a, const struct kp_mention *b)
{
    return a->position != b->position ? a->position < b->position : a->index < b->index;
}

void kp_person_insert(struct kp_person *person, const struct kp_mention *mention, uint64_t form)
{
    KP_ASSERT(person->mention_count < person->mention_capacity);
    uint32_t at = person->mention_count;
    while (at > 0 && is_before(mention, &person->mentions[at - 1])) {
        person->mentions[at] = person->mentions[at - 1];
        at--;
    }
    person->mentions[at] = *mention;
    person->mentions[at].form = take_form(person, form);
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

uint64_t kp_person_form_of(const struct kp_person *person, uint32_t at)
{
    uint16_t form = person->mentions[at].form;
    return form == KP_FORM_NONE ? 0 : person->forms[form].id;
}

void kp_person_remove(struct kp_person *person, uint32_t at)
{
    KP_ASSERT(at < person->mention_count);
    uint16_t form = person->mentions[at].form;
    person->mention_count--;
    memmove(&person->mentions[at], &person->mentions[at + 1],
            sizeof person->mentions[0] * (person->mention_count - at));
    drop_form(person, form);
}

bool kp_person_has_form(const struct kp_person *person, uint64_t form)
{
    return index_of(person, form) < person->form_count;
}

uint32_t kp_person_count(const struct kp_person *person, uint16_t partner)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < person->mention_count; i++) {
        count += person->mentions[i].partner == partner ? 1 : 0;
    }
    return count;
}

/* The next one after @date, and how many mentions have it. Asked for rising dates, so that the
 * answer does not hang on which came first. */
static int32_t next_birth_date(const struct kp_person *person, int32_t date, uint32_t *ret_count)
{
    int32_t next = 0;
    *ret_count = 0;
    for (uint32_t i = 0; i < person->mention_count; i++) {
        int32_t other = person->mentions[i].birth_date;
        if (other > date && (next == 0 || other < next)) {
            next = other;
            *ret_count = 0;
        }
        *ret_count += other > date && other == next ? 1 : 0;
    }
    return next;
}

int32_t kp_person_birth_date(const struct kp_person *person)
{
    int32_t best = 0;
    int32_t date = 0;
    uint32_t best_count = 0;
    for (uint32_t i = 0; i < BIRTH_DATES_MAX; i++) {
        uint32_t count;
        date = next_birth_date(person, date, &count);
        if (date == 0) {
            break;
        }
        bool whole = !kp_date_is_full(best) && kp_date_is_full(date);
        if (count > best_count || (count == best_count && whole)) {
            best = date;
            best_count = count;
        }
    }
    return best;
}

bool kp_person_has_bsn(const struct kp_person *person)
{
    for (uint32_t i = 0; i < person->mention_count; i++) {
        if (person->mentions[i].by_bsn) {
            return true;
        }
    }
    return false;
}
