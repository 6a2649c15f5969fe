/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/forms.h"

#include "base/assert.h"

#include <string.h>

#define FORM_ROW_VERSION 1
#define FORM_ROW_BYTES_MAX                                                                         \
    (1u + 8u + KP_TAG_BYTES + 4u + KP_FORM_BYTES_MAX + 4u + KP_KEYS_BYTES_MAX)
#define KIND_FORM 0 /* in KP_TABLE_INDEX, before the kinds of keys */

static struct kp_key tag_key(const uint8_t *tag)
{
    return kp_key_raw(kp_key_u8(kp_key_none(), KIND_FORM), kp_slice_of(tag, KP_TAG_BYTES));
}

bool kp_forms_find(struct kp_txn *txn, const uint8_t *tag, uint64_t *ret_form, uint64_t *ret_person)
{
    struct kp_key key = tag_key(tag);
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_INDEX, kp_key_slice(&key), &value)) {
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    *ret_form = kp_get_u64(&reader);
    *ret_person = kp_get_u64(&reader);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an index row of a form does not decode");
        return false;
    }
    return true;
}

bool kp_forms_decode(struct kp_txn *txn, const struct kp_match_terms *terms,
                     struct kp_known_form *known, struct kp_match_keys *ret_keys)
{
    struct kp_reader reader;
    kp_reader_init(&reader, known->bytes);
    kp_form_get(&reader, &known->form);
    bool good = kp_reader_done(&reader);
    kp_reader_init(&reader, known->keys);
    kp_match_keys_get(&reader, ret_keys);
    if (!good || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a form or its keys do not decode");
        return false;
    }
    kp_terms_rate(terms, &known->form);
    return true;
}

static bool get_row(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t id,
                    struct kp_slice value, struct kp_known_form *ret_known)
{
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_known->id = id;
    ret_known->person = kp_get_u64(&reader);
    struct kp_slice tag = kp_get_raw(&reader, KP_TAG_BYTES);
    ret_known->bytes = kp_get_slice(&reader);
    ret_known->keys = kp_get_slice(&reader);
    if (version != FORM_ROW_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "form %llu does not decode", (unsigned long long)id);
        return false;
    }
    memcpy(ret_known->tag, tag.bytes, KP_TAG_BYTES);
    kp_reader_init(&reader, ret_known->bytes);
    kp_form_get(&reader, &ret_known->form);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "form %llu does not decode", (unsigned long long)id);
        return false;
    }
    kp_terms_rate(terms, &ret_known->form);
    return true;
}

bool kp_forms_load(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t id,
                   struct kp_known_form *ret_known)
{
    struct kp_key key = kp_key_u64(kp_key_none(), id);
    struct kp_slice value;
    if (!kp_txn_get(txn, KP_TABLE_FORM, kp_key_slice(&key), &value)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "form %llu is missing", (unsigned long long)id);
        return false;
    }
    return get_row(txn, terms, id, value, ret_known);
}

bool kp_forms_keys(struct kp_txn *txn, uint64_t id, struct kp_match_keys *ret_keys)
{
    struct kp_known_form known;
    struct kp_reader reader;
    if (!kp_forms_load(txn, NULL, id, &known)) {
        return false;
    }
    kp_reader_init(&reader, known.keys);
    kp_match_keys_get(&reader, ret_keys);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the keys of form %llu do not decode",
                    (unsigned long long)id);
        return false;
    }
    kp_txn_remember(txn, id, known.bytes); /* it will be weighed next */
    return true;
}

bool kp_forms_shape(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t id,
                    struct kp_form *ret_form)
{
    struct kp_known_form known;
    struct kp_reader reader;
    size_t size;
    uint8_t *bytes = kp_arena_alloc(txn->scratch, KP_MEMO_BYTES_MAX);
    if (bytes != NULL && kp_txn_recall(txn, id, bytes, &size)) {
        kp_reader_init(&reader, kp_slice_of(bytes, size));
        kp_form_get(&reader, ret_form);
        kp_terms_rate(terms, ret_form);
        return true;
    }
    if (!kp_forms_load(txn, terms, id, &known)) {
        return false;
    }
    *ret_form = known.form;
    kp_txn_remember(txn, id, known.bytes);
    return true;
}

bool kp_forms_next(struct kp_txn *txn, const struct kp_match_terms *terms, uint64_t after,
                   struct kp_known_form *ret_known)
{
    struct kp_key from = kp_key_u64(kp_key_none(), after);
    struct kp_slice key;
    struct kp_slice value;
    struct kp_reader reader;
    if (!kp_txn_seek(txn, KP_TABLE_FORM, kp_key_slice(&from), /* after= */ true, &key, &value)) {
        return false;
    }
    kp_reader_init(&reader, key);
    uint64_t id = kp_get_u64(&reader);
    return get_row(txn, terms, id, value, ret_known);
}

void kp_forms_store(struct kp_txn *txn, const struct kp_known_form *known)
{
    uint8_t bytes[FORM_ROW_BYTES_MAX];
    struct kp_key key = kp_key_u64(kp_key_none(), known->id);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, FORM_ROW_VERSION);
    kp_put_u64(&writer, known->person);
    kp_put_raw(&writer, kp_slice_of(known->tag, KP_TAG_BYTES));
    kp_put_slice(&writer, known->bytes);
    kp_put_slice(&writer, known->keys);
    KP_ASSERT(kp_writer_ok(&writer)); /* their sizes were checked when they were decoded */
    kp_txn_put(txn, KP_TABLE_FORM, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){known->person});

    kp_txn_remember(txn, known->id, known->bytes);
    uint8_t place[16];
    key = tag_key(known->tag);
    kp_writer_init(&writer, place, sizeof place);
    kp_put_u64(&writer, known->id);
    kp_put_u64(&writer, known->person);
    kp_txn_put(txn, KP_TABLE_INDEX, kp_key_slice(&key), kp_writer_slice(&writer), KP_SUBJECT_NONE);
}

void kp_forms_remove(struct kp_txn *txn, const struct kp_known_form *known)
{
    struct kp_key key = kp_key_u64(kp_key_none(), known->id);
    (void)kp_txn_del(txn, KP_TABLE_FORM, kp_key_slice(&key)); /* loaded before: it is there */
    kp_txn_forget(txn, known->id);
    key = tag_key(known->tag);
    (void)kp_txn_del(txn, KP_TABLE_INDEX, kp_key_slice(&key));
}

uint64_t kp_forms_person(struct kp_txn *txn, uint64_t form)
{
    struct kp_known_form known = {0};
    size_t mark = kp_txn_scratch_mark(txn);
    (void)kp_forms_load(txn, NULL, form, &known); /* 0 when the transaction failed */
    kp_txn_scratch_restore(txn, mark);
    return known.person;
}
