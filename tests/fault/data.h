/* SPDX-License-Identifier: EUPL-1.2 */
/* The data of a house as the hub opens, fills and reads it, without the rest of the hub: keyring,
 * state and journal below one directory, driven by the records of a story. */
#ifndef KP_TESTS_FAULT_DATA_H
#define KP_TESTS_FAULT_DATA_H

#include "story.h"

#include "journal/journal.h"
#include "store/lmdb.h"

#define DATA_MAP_BYTES ((uint64_t)64 << 20)
#define DATA_SEGMENT_POSITIONS 20u
#define DATA_DELTA_ROWS 36u /* few: sweeps begin, take several steps and end */
#define DATA_PARTS 3u

static const char *const data_parts[DATA_PARTS] = {"persons", "state", "journal"};

struct data {
    struct kp_secret master;
    struct kp_keyring *ring;
    struct kp_store store;
    struct kp_journal *journal;
    struct kp_journal_reader *reader;
    struct kp_core *core;
    uint64_t applied; /* position of the state */
};

static inline void data_close(struct data *data)
{
    data->reader = kp_journal_reader_free(data->reader);
    data->journal = kp_journal_close(data->journal);
    if (data->store.ops != NULL) {
        kp_store_close(&data->store);
    }
    data->ring = kp_keyring_close(data->ring);
    free(data->core);
    data->core = NULL;
}

static inline enum kp_err data_load(struct data *data, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_wall stamp;
    data->core = calloc(1, sizeof *data->core);
    assert_non_null(data->core);
    enum kp_err err = kp_txn_begin(&data->store, /* write= */ false, &txn, reterr_diag);
    if (err == KP_OK) {
        err = kp_core_load(data->core, txn, reterr_diag);
        data->applied = kp_core_position(txn, &stamp);
        err = err == KP_OK ? kp_txn_error(txn) : err;
        kp_txn_abort(txn);
    }
    return err;
}

/* In the hub's own order (hub/open.c). What was opened is to be closed also after an error. */
static inline enum kp_err data_open(struct data *data, const char *dir, struct kp_diag *reterr_diag)
{
    char path[DATA_PARTS][PATH_MAX + 16];
    memset(data, 0, sizeof *data);
    memset(data->master.bytes, 7, sizeof data->master.bytes);
    for (size_t i = 0; i < DATA_PARTS; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/%s", dir, data_parts[i]); /* fits */
    }
    enum kp_err err = kp_keyring_open(path[0], &data->master, &data->ring, reterr_diag);
    if (err == KP_OK) {
        struct kp_store_options options = {.dir = path[1],
                                           .master = &data->master,
                                           .ring = data->ring,
                                           .map_bytes = DATA_MAP_BYTES,
                                           .scratch_bytes = 4u << 20,
                                           .delta_rows_max = DATA_DELTA_ROWS};
        err = kp_store_open_lmdb(&options, &data->store, reterr_diag);
    }
    if (err == KP_OK) {
        struct kp_journal_options options = {.dir = path[2],
                                             .ring = data->ring,
                                             .map_bytes = DATA_MAP_BYTES,
                                             .segment_positions = DATA_SEGMENT_POSITIONS};
        err = kp_journal_open(&options, &data->journal, reterr_diag);
    }
    if (err == KP_OK) {
        data->reader = kp_journal_reader_new(data->journal);
        err = data_load(data, reterr_diag);
    }
    return err;
}

static inline enum kp_err data_append(struct data *data, const struct story_record *first,
                                      uint32_t count, struct kp_diag *reterr_diag)
{
    struct kp_journal_record records[STORY_GROUP_MAX];
    assert_true(count <= STORY_GROUP_MAX);
    for (uint32_t i = 0; i < count; i++) {
        records[i] =
            (struct kp_journal_record){.positions = first[i].positions, .body = first[i].body};
    }
    return kp_journal_append(data->journal, first->stamp, records, count, reterr_diag);
}

/* One group of at most @records_max records, in one transaction, as the applier does it.
 * *ret_count 0: the journal holds no more. */
static inline enum kp_err data_apply(struct data *data, uint32_t records_max, uint32_t *ret_count,
                                     struct kp_diag *reterr_diag)
{
    static struct kp_effects effects;
    struct kp_journal_record records[STORY_RECORDS];
    struct kp_txn *txn;
    struct kp_wall stamp;
    enum kp_err err = kp_journal_read(data->reader, data->applied + 1, records, records_max,
                                      1u << 20, ret_count, reterr_diag);
    if (err != KP_OK || *ret_count == 0) {
        return err;
    }
    err = kp_txn_begin(&data->store, /* write= */ true, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    for (uint32_t i = 0; i < *ret_count && err == KP_OK; i++) {
        struct kp_core_command command = {.position = records[i].position,
                                          .positions = records[i].positions,
                                          .stamp = records[i].stamp,
                                          .body = records[i].body};
        err = kp_core_apply(data->core, txn, &command, &effects, reterr_diag);
    }
    if (err != KP_OK) {
        kp_txn_abort(txn);
        return err;
    }
    data->applied = kp_core_position(txn, &stamp);
    return kp_txn_commit(txn, reterr_diag);
}

static inline enum kp_err data_apply_all(struct data *data, struct kp_diag *reterr_diag)
{
    uint32_t count = 1;
    enum kp_err err = KP_OK;
    while (err == KP_OK && count > 0) {
        err = data_apply(data, STORY_RECORDS, &count, reterr_diag);
    }
    return err;
}

static inline enum kp_err data_digest(struct data *data, uint8_t ret_digest[32],
                                      struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    uint64_t rows = 0;
    enum kp_err err = kp_txn_begin(&data->store, /* write= */ false, &txn, reterr_diag);
    if (err == KP_OK) {
        kp_store_digest(txn, ret_digest, &rows);
        err = kp_txn_error(txn);
        *reterr_diag = txn->diag;
        kp_txn_abort(txn);
    }
    return err;
}

#endif
