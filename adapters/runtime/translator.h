/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What differs between partners: how their export is read and how an event is written back in their
 * own format. A translator is pure: it gets the bytes of one file, calls the sink for each record
 * in order, and does no I/O, keeps no state and knows nothing of the hub. Everything else is the
 * runtime's.
 */
#ifndef KP_ADAPTER_TRANSLATOR_H
#define KP_ADAPTER_TRANSLATOR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "proto/codec.h"

/* One record of the export as the translator read it. */
struct kp_record {
    uint32_t number; /* 1 for the first record of the file */
    uint32_t line;   /* 1-based line where it starts */
    /* The partner's own number where it could be read (for the result file), else "". */
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    /* KP_OK: signal is set. Otherwise the record cannot be used: diag has code, line, field and
     * reason. */
    struct kp_diag diag;
    const Knooppunt__V1__Signal *signal; /* in the job's arena, valid during the call of the sink */
};

/* false: stop reading (the runtime is shutting down or its spool failed). */
typedef bool kp_record_sink(void *context, const struct kp_record *record);

struct kp_translate_job {
    struct kp_slice file;   /* the whole export; borrowed */
    struct kp_arena *arena; /* reset by the translator before each record */
    kp_record_sink *sink;
    void *context;
    bool test_mode; /* BSNs of the 9-series are allowed */
};

struct kp_translator {
    const char *name;            /* "politie" */
    const char *extension;       /* of its exports: ".xml" */
    const char *event_extension; /* of the files that events are written to */
    /* The export is the full list each time: the runtime compares it with the last one and sets
     * versions; rows that left become withdrawals. */
    bool full_list;
    uint64_t file_bytes_max;

    /* KP_E_FILE, KP_E_ENCODING  the file as a whole is not an export of this kind: nothing of it
     * was given to the sink that may be used (the runtime drops what it spooled of it). KP_OK also
     * when records were bad. */
    enum kp_err (*translate)(const struct kp_translate_job *job, struct kp_diag *reterr_diag);

    /* One event in the partner's own format. KP_E_LIMIT  @writer is too small. */
    enum kp_err (*render_event)(const Knooppunt__V1__Event *event, struct kp_writer *writer);
};

extern const struct kp_translator kp_translator_politie;
extern const struct kp_translator kp_translator_om;
extern const struct kp_translator kp_translator_reclassering;
extern const struct kp_translator kp_translator_jeugdzorg;

#endif
