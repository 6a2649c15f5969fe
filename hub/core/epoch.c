/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * EPOCH rows. number ‖ 0: when it was made and from what, model, days, and how many terms there
 * are. number ‖ 1 and on: the terms, ROW_TERMS in a row, each a hash u64 and a rounded
 * count u8.
 */
#include "core/epoch.h"

#include "base/assert.h"
#include "core/cluster.h"
#include "core/deadline.h"
#include "core/elsewhere.h"
#include "core/meta.h"

#include <string.h>

#define STATE_VERSION 1
#define EPOCH_VERSION 1
#define TERM_BYTES 9u
#define ROW_TERMS 4096u
#define HEAD_BYTES_MAX 4096u

/* --- the state --- */

bool kp_epoch_state(struct kp_txn *txn, struct kp_epoch_state *ret_state)
{
    struct kp_slice value;
    struct kp_reader reader;
    *ret_state = (struct kp_epoch_state){0};
    if (!kp_meta_get(txn, KP_META_EPOCH, &value)) {
        return kp_txn_error(txn) == KP_OK;
    }
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_state->last = kp_get_u32(&reader);
    ret_state->active = kp_get_u32(&reader);
    ret_state->before = kp_get_u32(&reader);
    ret_state->after = kp_get_u64(&reader);
    ret_state->until = kp_get_u64(&reader);
    if (version != STATE_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the state of the epochs does not decode");
        return false;
    }
    return true;
}

static void put_state(struct kp_txn *txn, const struct kp_epoch_state *state)
{
    uint8_t bytes[1 + 3 * 4 + 2 * 8];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, STATE_VERSION);
    kp_put_u32(&writer, state->last);
    kp_put_u32(&writer, state->active);
    kp_put_u32(&writer, state->before);
    kp_put_u64(&writer, state->after);
    kp_put_u64(&writer, state->until);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_meta_put(txn, KP_META_EPOCH, kp_writer_slice(&writer));
}

uint32_t kp_epoch_of_form(const struct kp_epoch_state *state, uint64_t form)
{
    return form > state->after && form < state->until ? state->before : state->active;
}

/* --- what was learned --- */

static void put_learned(struct kp_writer *writer, uint64_t forms,
                        const struct kp_match_model *model, const struct kp_match_terms *terms)
{
    kp_put_u8(writer, EPOCH_VERSION);
    kp_put_u64(writer, forms);
    kp_match_model_put(writer, model);
    kp_put_u8(writer, KP_FIELD_END);
    kp_put_raw(writer, kp_slice_of(terms->totals, sizeof terms->totals));
    kp_put_u8(writer, terms->least);
    kp_put_u8(writer, terms->days_counted ? 1 : 0);
    kp_put_raw(writer, kp_slice_of(terms->days, sizeof terms->days));
    kp_put_u32(writer, terms->count);
}

/* @terms  may be NULL: only passed over. */
static uint32_t get_learned(struct kp_reader *reader, uint64_t *ret_forms,
                            struct kp_match_model *ret_model, struct kp_match_terms *terms)
{
    bool good = kp_get_u8(reader) == EPOCH_VERSION;
    *ret_forms = kp_get_u64(reader);
    kp_match_model_get(reader, ret_model);
    good = kp_get_u8(reader) == KP_FIELD_END && good;
    struct kp_slice totals = kp_get_raw(reader, KP_FIELD_END);
    uint8_t least = kp_get_u8(reader);
    bool days_counted = kp_get_u8(reader) != 0;
    struct kp_slice days = kp_get_raw(reader, KP_TERM_DAYS);
    uint32_t count = kp_get_u32(reader);
    if (!kp_reader_ok(reader) || !good || count > KP_TERMS_MAX) {
        reader->underflow = true;
        return 0;
    }
    if (terms != NULL) {
        memcpy(terms->totals, totals.bytes, sizeof terms->totals);
        memcpy(terms->days, days.bytes, sizeof terms->days);
        terms->least = least;
        terms->days_counted = days_counted;
        terms->count = count;
    }
    return count;
}

void kp_epoch_put(struct kp_writer *writer, uint64_t forms, const struct kp_match_model *model,
                  const struct kp_match_terms *terms)
{
    put_learned(writer, forms, model, terms);
    for (uint32_t i = 0; i < terms->count; i++) {
        kp_put_u64(writer, terms->hashes[i]);
        kp_put_u8(writer, terms->counts[i]);
    }
}

/* --- rows --- */

static struct kp_key row_key(uint32_t number, uint16_t row)
{
    return kp_key_u16(kp_key_u64(kp_key_none(), number), row);
}

static void put_row(struct kp_txn *txn, uint32_t number, uint16_t row, struct kp_slice value)
{
    struct kp_key key = row_key(number, row);
    kp_txn_put(txn, KP_TABLE_EPOCH, kp_key_slice(&key), value, KP_SUBJECT_NONE);
}

static bool get_head(struct kp_txn *txn, struct kp_epoch *epoch, struct kp_match_terms *terms,
                     struct kp_match_model *ret_model)
{
    struct kp_key key = row_key(epoch->number, 0);
    struct kp_slice value;
    struct kp_reader reader;
    if (!kp_txn_get(txn, KP_TABLE_EPOCH, kp_key_slice(&key), &value)) {
        return false;
    }
    kp_reader_init(&reader, value);
    epoch->made.ms = kp_get_i64(&reader);
    epoch->position = kp_get_u64(&reader);
    (void)get_learned(&reader, &epoch->forms, ret_model, terms);
    if (!kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "epoch %u does not decode", epoch->number);
        return false;
    }
    return true;
}

bool kp_epoch_get(struct kp_txn *txn, uint32_t number, struct kp_epoch *ret_epoch)
{
    struct kp_match_model model;
    ret_epoch->number = number;
    return get_head(txn, ret_epoch, NULL, &model);
}

static bool get_terms(struct kp_txn *txn, uint32_t number, struct kp_match_terms *terms)
{
    for (uint32_t at = 0; at < terms->count; at += ROW_TERMS) {
        size_t mark = kp_txn_scratch_mark(txn);
        uint32_t count = terms->count - at < ROW_TERMS ? terms->count - at : ROW_TERMS;
        struct kp_key key = row_key(number, (uint16_t)(1 + at / ROW_TERMS));
        struct kp_slice value = KP_SLICE_EMPTY;
        struct kp_reader reader;
        (void)kp_txn_get(txn, KP_TABLE_EPOCH, kp_key_slice(&key), &value); /* empty: corrupt */
        kp_reader_init(&reader, value);
        for (uint32_t i = at; i < at + count; i++) {
            terms->hashes[i] = kp_get_u64(&reader);
            terms->counts[i] = kp_get_u8(&reader);
        }
        kp_txn_scratch_restore(txn, mark);
        if (!kp_reader_done(&reader)) {
            kp_txn_fail(txn, KP_E_CORRUPT, "the terms of epoch %u do not decode", number);
            return false;
        }
    }
    return true;
}

bool kp_epoch_load(struct kp_txn *txn, uint32_t number, struct kp_match_terms *terms,
                   struct kp_match_model *ret_model)
{
    struct kp_epoch epoch = {.number = number};
    if (number == 0) {
        kp_match_model_init(ret_model, KP_HOUSE_SIGNALS_EXPECTED);
        return true;
    }
    size_t mark = kp_txn_scratch_mark(txn);
    bool good = get_head(txn, &epoch, terms, ret_model) && get_terms(txn, number, terms);
    kp_txn_scratch_restore(txn, mark);
    ret_model->epoch = number;
    ret_model->terms = terms;
    return good;
}

/* --- commands --- */

static bool are_rising(struct kp_slice terms)
{
    struct kp_reader reader;
    uint64_t last = 0;
    kp_reader_init(&reader, terms);
    while (reader.offset < reader.size) {
        uint64_t hash = kp_get_u64(&reader);
        (void)kp_get_u8(&reader);
        if (hash <= last) {
            return false;
        }
        last = hash;
    }
    return kp_reader_ok(&reader);
}

void kp_epoch_apply(struct kp_core *core, struct kp_txn *txn, struct kp_reader *body)
{
    uint8_t head[HEAD_BYTES_MAX];
    struct kp_epoch_state state;
    struct kp_match_model model;
    struct kp_writer writer;
    uint64_t forms;
    size_t begin = body->offset;
    uint32_t count = get_learned(body, &forms, &model, NULL);
    struct kp_slice learned = kp_slice_of(body->bytes + begin, body->offset - begin);
    struct kp_slice terms = kp_get_raw(body, (size_t)count * TERM_BYTES);
    if (!kp_reader_done(body) || !are_rising(terms)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "an epoch does not decode");
        return;
    }
    if (!kp_epoch_state(txn, &state)) {
        return;
    }
    state.last++;
    kp_writer_init(&writer, head, sizeof head);
    kp_put_i64(&writer, core->now.ms);
    kp_put_u64(&writer, core->position);
    kp_put_raw(&writer, learned);
    KP_ASSERT(kp_writer_ok(&writer));
    put_row(txn, state.last, 0, kp_writer_slice(&writer));
    for (size_t at = 0; at < terms.size; at += ROW_TERMS * TERM_BYTES) {
        size_t rest = terms.size - at;
        size_t size = rest < ROW_TERMS * TERM_BYTES ? rest : ROW_TERMS * TERM_BYTES;
        put_row(txn, state.last, (uint16_t)(1 + at / (ROW_TERMS * TERM_BYTES)),
                kp_slice_of(terms.bytes + at, size));
    }
    put_state(txn, &state);
}

static void put_deadline(struct kp_core *core, struct kp_txn *txn)
{
    struct kp_deadline deadline = {.due = core->now, .kind = KP_DEADLINE_EPOCH};
    kp_deadline_put(txn, &deadline);
}

void kp_epoch_activate(struct kp_core *core, struct kp_txn *txn, struct kp_reader *body)
{
    struct kp_epoch_state state;
    uint32_t number = kp_get_u32(body);
    if (!kp_reader_done(body) || !kp_epoch_state(txn, &state) || number > state.last ||
        number == state.active || !kp_epoch_load(txn, number, &core->terms, &core->model)) {
        return; /* what does not decode is seen by who called */
    }
    bool sweeping = state.until != 0; /* then its deadline stands, and goes on from the beginning */
    state.before = state.active;
    state.active = number;
    state.after = 0;
    state.until = core->position << KP_PERSON_INDEX_BITS;
    put_state(txn, &state);
    if (!sweeping) {
        put_deadline(core, txn);
    }
    core->effects->house_changed = true;
}

void kp_epoch_due(struct kp_core *core, struct kp_txn *txn)
{
    struct kp_epoch_state state;
    struct kp_known_form known;
    bool more = kp_epoch_state(txn, &state);
    core->cause = (struct kp_cause){KP_CHANGE_EPOCH, state.active};
    struct kp_sweep *sweep = kp_cluster_sweep(txn);
    size_t mark = kp_txn_scratch_mark(txn);
    more = more && sweep != NULL;
    for (uint32_t i = 0; more && i < KP_TICK_DEADLINES_MAX && !kp_weigh_is_full(core); i++) {
        more = kp_forms_next(txn, NULL, state.after, &known) && known.id < state.until;
        kp_txn_scratch_restore(txn, mark);
        if (more) {
            state.after = known.id;
            kp_cluster_epoch(core, txn, sweep, known.id, state.until);
            kp_elsewhere_tell(core, txn);
        }
    }
    if (more) {
        put_deadline(core, txn);
    } else {
        state.after = state.until = 0;
    }
    if (kp_txn_error(txn) == KP_OK) {
        put_state(txn, &state);
    }
}
