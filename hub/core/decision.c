/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/decision.h"

#include "core/cluster.h"

#include <string.h>

#define DECISION_VERSION 3
#define PAIR_BYTES (2u * KP_TAG_BYTES)
#define ROW_KEY_BYTES (PAIR_BYTES + sizeof(uint64_t))
#define DONE_VERSION 1
#define DONE_BYTES_MAX (64u + 2u * KP_TAG_BYTES + KP_DECISION_PROOF_BYTES_MAX)

static const char *const reason_words[KP_DECISION_REASON_END] = {
    [KP_DECISION_IDENTITY] = "identiteit", [KP_DECISION_PARTNER] = "partner",
    [KP_DECISION_DOSSIER] = "dossier",     [KP_DECISION_MISTAKE] = "vergissing",
    [KP_DECISION_OTHER] = "anders",
};

enum kp_decision_reason kp_decision_reason_of(const char *word)
{
    for (int i = KP_DECISION_REASON_END - 1; i > 0; i--) {
        if (strcmp(reason_words[i], word) == 0) {
            return (enum kp_decision_reason)i;
        }
    }
    return (enum kp_decision_reason)0;
}

const char *kp_decision_reason_word(uint8_t reason)
{
    return reason > 0 && reason < KP_DECISION_REASON_END ? reason_words[reason] : "";
}

static struct kp_key pair_key(const uint8_t *tag, const uint8_t *other)
{
    return kp_key_raw(kp_key_raw(kp_key_none(), kp_slice_of(tag, KP_TAG_BYTES)),
                      kp_slice_of(other, KP_TAG_BYTES));
}

static void put_row(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                    const struct kp_decided *decided)
{
    uint8_t bytes[1 + 1 + 1 + 2 + 4 + 8];
    struct kp_key key = kp_key_u64(pair_key(tag, other), decided->position);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, DECISION_VERSION);
    kp_put_u8(&writer, decided->decision);
    kp_put_u8(&writer, decided->reason);
    kp_put_u16(&writer, decided->author);
    kp_put_u32(&writer, decided->epoch);
    kp_put_i64(&writer, decided->at.ms);
    kp_txn_put(txn, KP_TABLE_DECISION, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

void kp_decision_put(struct kp_txn *txn, const uint8_t *tag, const struct kp_decided *decided)
{
    put_row(txn, tag, decided->other, decided);
    put_row(txn, decided->other, tag, decided);
}

static void take_back(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                      uint64_t position)
{
    struct kp_key there = kp_key_u64(pair_key(tag, other), position);
    struct kp_key back = kp_key_u64(pair_key(other, tag), position);
    (void)kp_txn_del(txn, KP_TABLE_DECISION, kp_key_slice(&there)); /* absent is fine too */
    (void)kp_txn_del(txn, KP_TABLE_DECISION, kp_key_slice(&back));
}

static bool get_row(struct kp_txn *txn, struct kp_slice key, struct kp_slice value,
                    struct kp_decided *ret_decided)
{
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_decided->decision = kp_get_u8(&reader);
    ret_decided->reason = kp_get_u8(&reader);
    ret_decided->author = kp_get_u16(&reader);
    ret_decided->epoch = kp_get_u32(&reader);
    ret_decided->at.ms = kp_get_i64(&reader);
    if (version != DECISION_VERSION || !kp_reader_done(&reader) || key.size != ROW_KEY_BYTES) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a decision does not decode");
        return false;
    }
    memcpy(ret_decided->other, key.bytes + KP_TAG_BYTES, KP_TAG_BYTES);
    kp_reader_init(&reader, kp_slice_of(key.bytes + PAIR_BYTES, key.size - PAIR_BYTES));
    ret_decided->position = kp_get_u64(&reader);
    return true;
}

/* The first row after @from, or at it, if its key begins with that of @prefix_bytes. */
static bool seek_row(struct kp_txn *txn, const struct kp_key *from, bool after, size_t prefix_bytes,
                     struct kp_slice *ret_key, struct kp_decided *ret_decided)
{
    struct kp_slice value;
    return kp_txn_seek(txn, KP_TABLE_DECISION, kp_key_slice(from), after, ret_key, &value) &&
           memcmp(ret_key->bytes, from->bytes, prefix_bytes) == 0 &&
           get_row(txn, *ret_key, value, ret_decided);
}

bool kp_decision_get(struct kp_txn *txn, const uint8_t *tag, const uint8_t *other,
                     struct kp_decided *ret_decided)
{
    struct kp_key from = kp_key_u64(pair_key(tag, other), 0);
    struct kp_slice key;
    bool found = false;
    while (seek_row(txn, &from, /* after= */ true, PAIR_BYTES, &key, ret_decided)) {
        from = kp_key_raw(kp_key_none(), key);
        found = true;
    }
    return found;
}

bool kp_decision_next(struct kp_txn *txn, const uint8_t *tag, const uint8_t *after,
                      struct kp_decided *ret_decided)
{
    static const uint8_t first[KP_TAG_BYTES];
    struct kp_key from = kp_key_u64(pair_key(tag, after == NULL ? first : after), UINT64_MAX);
    struct kp_slice key;
    if (!seek_row(txn, &from, /* after= */ true, KP_TAG_BYTES, &key, ret_decided)) {
        return false;
    }
    uint8_t other[KP_TAG_BYTES];
    memcpy(other, ret_decided->other, sizeof other);
    return kp_decision_get(txn, tag, other, ret_decided);
}

bool kp_decision_walk(struct kp_txn *txn, struct kp_key *key_io, uint8_t ret_tag[KP_TAG_BYTES],
                      struct kp_decided *ret_decided)
{
    struct kp_slice key;
    if (!seek_row(txn, key_io, key_io->size > 0, 0, &key, ret_decided)) {
        return false;
    }
    *key_io = kp_key_raw(kp_key_none(), key);
    memcpy(ret_tag, key.bytes, KP_TAG_BYTES);
    return true;
}

bool kp_decision_any(struct kp_txn *txn)
{
    struct kp_slice key;
    struct kp_slice value;
    size_t mark = kp_txn_scratch_mark(txn);
    bool any =
        kp_txn_seek(txn, KP_TABLE_DECISION, KP_SLICE_EMPTY, /* after= */ false, &key, &value);
    kp_txn_scratch_restore(txn, mark);
    return any;
}

/* --- a command --- */

void kp_decision_put_proof(struct kp_writer *writer, const struct kp_decision_proof *proof)
{
    kp_put_slice(writer, proof->certificate_digest);
    kp_put_u8(writer, proof->algorithm);
    kp_put_slice(writer, proof->signature);
    kp_put_slice(writer, proof->signed_body);
}

static void get_proof(struct kp_reader *reader, struct kp_decision_proof *ret_proof)
{
    ret_proof->certificate_digest = kp_get_slice(reader);
    ret_proof->algorithm = kp_get_u8(reader);
    ret_proof->signature = kp_get_slice(reader);
    ret_proof->signed_body = kp_get_slice(reader);
}

static struct kp_key done_key(uint16_t author, const uint8_t *message_id)
{
    return kp_key_raw(kp_key_u16(kp_key_none(), author),
                      kp_slice_of(message_id, KP_MESSAGE_ID_BYTES));
}

bool kp_decision_done(struct kp_txn *txn, uint16_t author, const uint8_t *message_id,
                      struct kp_decision_done *ret_done)
{
    struct kp_key key = done_key(author, message_id);
    struct kp_slice value;
    struct kp_reader reader;
    struct kp_decision_proof proof;
    if (!kp_txn_get(txn, KP_TABLE_DECIDED, kp_key_slice(&key), &value)) {
        return false;
    }
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_done->position = kp_get_u64(&reader);
    ret_done->decision = kp_get_u8(&reader);
    struct kp_slice tags = kp_get_raw(&reader, sizeof ret_done->tags);
    get_proof(&reader, &proof);
    if (version != DONE_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "what was decided does not decode");
        return false;
    }
    memcpy(ret_done->tags, tags.bytes, sizeof ret_done->tags);
    ret_done->signed_body = proof.signed_body;
    return true;
}

static void put_done(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                     uint8_t decision, struct kp_slice pairs, const struct kp_decision_proof *proof)
{
    uint8_t bytes[DONE_BYTES_MAX];
    struct kp_key key = done_key(head->actor, head->message_id);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, DONE_VERSION);
    kp_put_u64(&writer, core->position);
    kp_put_u8(&writer, decision);
    kp_put_raw(&writer, kp_slice_of(pairs.bytes, PAIR_BYTES));
    kp_decision_put_proof(&writer, proof);
    if (!kp_writer_ok(&writer)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a decision's proof is larger than any that is taken");
        return;
    }
    kp_txn_put(txn, KP_TABLE_DECIDED, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

static void weigh_pairs(struct kp_core *core, struct kp_txn *txn, struct kp_slice pairs)
{
    size_t count = 0;
    uint64_t *forms =
        kp_arena_alloc(txn->scratch, sizeof *forms * (pairs.size / KP_TAG_BYTES + 1u));
    if (forms == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the forms of a decision");
        return;
    }
    for (size_t at = 0; at < pairs.size; at += KP_TAG_BYTES) {
        uint64_t person;
        size_t mark = kp_txn_scratch_mark(txn);
        count += kp_forms_find(txn, pairs.bytes + at, &forms[count], &person) ? 1 : 0;
        kp_txn_scratch_restore(txn, mark);
    }
    kp_cluster_again(core, txn, forms, (uint32_t)count);
}

void kp_decision_apply(struct kp_core *core, struct kp_txn *txn, const struct kp_command_head *head,
                       struct kp_reader *body)
{
    struct kp_decision_done done;
    struct kp_decision_proof proof;
    struct kp_decided decided = {.author = head->actor,
                                 .epoch = core->model.epoch,
                                 .position = core->position,
                                 .at = core->now};
    decided.decision = kp_get_u8(body);
    decided.reason = kp_get_u8(body);
    uint64_t back = kp_get_u64(body);
    uint32_t count = kp_get_u16(body);
    struct kp_slice pairs = kp_get_raw(body, PAIR_BYTES * count);
    get_proof(body, &proof);
    if (!kp_reader_done(body) || count == 0 || decided.decision > KP_DECISION_CANNOT ||
        (back != 0) != (decided.decision == KP_DECISION_NONE) || decided.reason == 0 ||
        decided.reason >= KP_DECISION_REASON_END) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a decision does not decode");
        return;
    }
    if (kp_decision_done(txn, head->actor, head->message_id, &done)) {
        return; /* the same again */
    }
    put_done(core, txn, head, decided.decision, pairs, &proof);
    for (size_t at = 0; at < pairs.size; at += PAIR_BYTES) {
        memcpy(decided.other, pairs.bytes + at + KP_TAG_BYTES, KP_TAG_BYTES);
        if (decided.decision == KP_DECISION_NONE) {
            take_back(txn, pairs.bytes + at, decided.other, back);
        } else {
            kp_decision_put(txn, pairs.bytes + at, &decided);
        }
    }
    core->cause = (struct kp_cause){KP_CHANGE_DECIDED, head->actor};
    weigh_pairs(core, txn, pairs);
}
