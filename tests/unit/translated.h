/* SPDX-License-Identifier: EUPL-1.2 */
/* For the tests of the translators: a whole export through one, and signals as text to compare. */
#ifndef KP_TESTS_TRANSLATED_H
#define KP_TESTS_TRANSLATED_H

#include "base/time.h"
#include "runtime/translator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRANSLATED_MAX 64
#define TRANSLATED_ARENA_BYTES (1u << 20)

struct translated_record {
    uint32_t number, line;
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    struct kp_diag diag;
    char signal[16384]; /* as text; "" when held */
};

struct translated {
    enum kp_err err;
    struct kp_diag diag;
    uint32_t count, good;
    uint32_t stop_after; /* records; 0: all */
    size_t arena_used_max;
    struct translated_record records[TRANSLATED_MAX]; /* the first ones */
};

static void dump_message(const ProtobufCMessage *message, const char *path, char *text,
                         size_t size);

static void dump_value(const ProtobufCFieldDescriptor *field, const uint8_t *member,
                       const char *path, char *text, size_t size)
{
    const void *value = member;
    size_t used = strlen(text);
    char *end = text + used;
    size_t room = size - used;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        (void)snprintf(end, room, "%s=%s\n", path, *(char *const *)value);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        char deeper[160];
        (void)snprintf(deeper, sizeof deeper, "%s.", path);
        dump_message(*(ProtobufCMessage *const *)value, deeper, text, size);
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumValue *word =
            protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)value);
        (void)snprintf(end, room, "%s=%s\n", path, word->name);
    } else if (field->type == PROTOBUF_C_TYPE_UINT32) {
        (void)snprintf(end, room, "%s=%u\n", path, *(const uint32_t *)value);
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        (void)snprintf(end, room, "%s=%d\n", path, *(const protobuf_c_boolean *)value);
    } else { /* the 64-bit ones */
        (void)snprintf(end, room, "%s=%lld\n", path, (long long)*(const int64_t *)value);
    }
}

static size_t dump_step(const ProtobufCFieldDescriptor *field)
{
    bool pointer = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    return pointer ? sizeof(void *) : sizeof(int);
}

/* One line a value, in the order of the wire: "persons.0.bsn=912345678". */
static void dump_message(const ProtobufCMessage *message, const char *path, char *text, size_t size)
{
    const uint8_t *base = (const uint8_t *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const uint8_t *member = base + field->offset;
        char name[160];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
            for (size_t j = 0; j < count; j++) {
                (void)snprintf(name, sizeof name, "%s%s.%zu", path, field->name, j);
                dump_value(field, *(uint8_t *const *)(const void *)member + j * dump_step(field),
                           name, text, size);
            }
            continue;
        }
        bool pointer =
            field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
        bool present =
            pointer ? *(void *const *)(const void *)member != NULL
                    : *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
        (void)snprintf(name, sizeof name, "%s%s", path, field->name);
        if (present) {
            dump_value(field, member, name, text, size);
        }
    }
}

static bool translated_sink(void *context, const struct kp_record *record)
{
    struct translated *translated = context;
    assert_int_equal(record->number, translated->count + 1);
    assert_true((record->diag.err == KP_OK) == (record->signal != NULL));
    if (translated->count < TRANSLATED_MAX) {
        struct translated_record *kept = &translated->records[translated->count];
        kept->number = record->number;
        kept->line = record->line;
        kept->diag = record->diag;
        memcpy(kept->reference, record->reference, sizeof kept->reference);
        kept->signal[0] = '\0';
        if (record->signal != NULL) {
            dump_message(&record->signal->base, "", kept->signal, sizeof kept->signal);
        }
    }
    if (record->signal != NULL) {
        /* What the wire will carry passes the hub's gate. */
        size_t size = kp_codec_size(&record->signal->base);
        uint8_t *bytes = malloc(size);
        struct kp_writer writer;
        kp_writer_init(&writer, bytes, size);
        kp_codec_put(&writer, &record->signal->base);
        struct kp_arena arena;
        kp_arena_init(&arena, TRANSLATED_ARENA_BYTES);
        ProtobufCMessage *opened = NULL;
        struct kp_diag diag = {0};
        assert_int_equal(kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal,
                                       kp_writer_slice(&writer), &arena, &opened, NULL, &diag),
                         KP_OK);
        kp_arena_done(&arena);
        free(bytes);
        translated->good++;
    }
    translated->count++;
    return translated->count != translated->stop_after;
}

static void translate_slice(const struct kp_translator *translator, struct kp_slice file,
                            bool test_mode, struct translated *translated)
{
    uint32_t stop_after = translated->stop_after;
    memset(translated, 0, sizeof *translated);
    translated->stop_after = stop_after;
    struct kp_arena arena;
    kp_arena_init(&arena, TRANSLATED_ARENA_BYTES);
    const struct kp_translate_job job = {file, &arena, translated_sink, translated, test_mode};
    translated->err = translator->translate(&job, &translated->diag);
    translated->arena_used_max = arena.used_max;
    kp_arena_done(&arena);
    assert_int_equal(translated->diag.err, translated->err);
}

static inline struct translated *translate_text(const struct kp_translator *translator,
                                                const char *text)
{
    static struct translated translated;
    translate_slice(translator, kp_slice_str(text), /* test_mode= */ true, &translated);
    return &translated;
}

/* One record that is held, with exactly this. */
static inline void assert_held(const struct translated *translated, uint32_t index, enum kp_err err,
                               uint32_t line, const char *field)
{
    assert_true(index < translated->count);
    const struct translated_record *record = &translated->records[index];
    if (record->diag.err != err || record->diag.line != line ||
        strcmp(record->diag.field, field) != 0) {
        fail_msg("record %u: %s line %u field \"%s\" (%s), not %s line %u field \"%s\"", index + 1,
                 kp_err_name(record->diag.err), record->diag.line, record->diag.field,
                 record->diag.text, kp_err_name(err), line, field);
    }
    assert_true(record->diag.text[0] != '\0');
}

static inline void assert_refused(const struct translated *translated, enum kp_err err,
                                  uint32_t line)
{
    if (translated->err != err || translated->diag.line != line) {
        fail_msg("file: %s line %u (%s), not %s line %u", kp_err_name(translated->err),
                 translated->diag.line, translated->diag.text, kp_err_name(err), line);
    }
}

static inline void assert_signal(const struct translated *translated, uint32_t index,
                                 const char *text)
{
    assert_true(index < translated->count);
    if (translated->records[index].diag.err != KP_OK) {
        fail_msg("record %u is held: %s %s: %s", index + 1,
                 kp_err_name(translated->records[index].diag.err),
                 translated->records[index].diag.field, translated->records[index].diag.text);
    }
    assert_string_equal(translated->records[index].signal, text);
}

/* Cut off at every byte: no crash, and nothing but these two answers besides KP_OK. */
static inline void cut_everywhere(const struct kp_translator *translator, struct kp_slice file,
                                  uint32_t *ret_accepted)
{
    struct translated *translated = calloc(1, sizeof *translated);
    *ret_accepted = 0;
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *cut = malloc(size + 1); /* of its own: an overrun is seen */
        memcpy(cut, file.bytes, size);
        translate_slice(translator, kp_slice_of(cut, size), true, translated);
        assert_true(translated->err == KP_OK || translated->err == KP_E_FILE ||
                    translated->err == KP_E_ENCODING);
        *ret_accepted += translated->err == KP_OK ? 1 : 0;
        free(cut);
    }
    free(translated);
}

/* As a program would need that nothing watches: valgrind and the sanitizers slow it down. */
static inline int64_t elapsed_ms(struct kp_mono since)
{
    const char *variant = getenv("KNOOPPUNT_VARIANT");
    variant = variant == NULL ? "release" : variant;
    int64_t slowdown = strcmp(variant, "valgrind") == 0  ? 50
                       : strcmp(variant, "release") == 0 ? 1
                                                         : 5;
    return (kp_mono_now().us - since.us) / 1000 / slowdown;
}

/* An event in the translator's format, NUL-terminated, in a static buffer. */
static inline const char *rendered(const struct kp_translator *translator,
                                   const Knooppunt__V1__Event *event)
{
    static char text[65536];
    struct kp_writer writer;
    kp_writer_init(&writer, text, sizeof text - 1);
    assert_int_equal(translator->render_event(event, &writer), KP_OK);
    text[writer.size] = '\0';
    for (size_t room = 0; room < writer.size; room += 7) { /* too small: said, never overrun */
        uint8_t *small = malloc(room + 1);
        struct kp_writer little;
        kp_writer_init(&little, small, room);
        assert_int_equal(translator->render_event(event, &little), KP_E_LIMIT);
        free(small);
    }
    return text;
}

/* Events to render; texts that try to break out of every format. */
#define EVIL_REFERENCE "=2+5;\"<&>'"
struct sample_events {
    Knooppunt__V1__Event outcomes_event, known_event, ready_event;
    Knooppunt__V1__Outcomes outcomes;
    Knooppunt__V1__SignalOutcome first, second;
    Knooppunt__V1__SignalOutcome *list[2];
    Knooppunt__V1__KnownElsewhere known;
    Knooppunt__V1__CasusReady ready;
    Knooppunt__V1__CountedSignal counted;
    Knooppunt__V1__CountedSignal *counted_list[1];
    Knooppunt__V1__Date date;
    char *partners[2];
    uint8_t id[16];
    char evil[16], reference[16], theme[24], field[8], casus[8], om[4], politie[8], rule[32];
};

static inline void begin_event(struct sample_events *events, Knooppunt__V1__Event *event,
                               int body_case)
{
    knooppunt__v1__event__init(event);
    event->has_event_id = 1;
    event->event_id.data = events->id;
    event->event_id.len = sizeof events->id;
    event->has_at_ms = 1;
    event->at_ms = INT64_C(1790000000123); /* 2026-09-21T14:13:20.123Z, summer time */
    event->body_case = (Knooppunt__V1__Event__BodyCase)body_case;
}

static inline void make_events(struct sample_events *events)
{
    memset(events, 0, sizeof *events);
    for (uint8_t i = 0; i < 16; i++) {
        events->id[i] = (uint8_t)(i * 17);
    }
    (void)snprintf(events->evil, sizeof events->evil, "%s", EVIL_REFERENCE);
    (void)snprintf(events->reference, sizeof events->reference, "R-1");
    (void)snprintf(events->theme, sizeof events->theme, "huiselijk-geweld");
    (void)snprintf(events->field, sizeof events->field, "bsn");
    (void)snprintf(events->casus, sizeof events->casus, "c1");
    (void)snprintf(events->om, sizeof events->om, "om");
    (void)snprintf(events->politie, sizeof events->politie, "politie");
    (void)snprintf(events->rule, sizeof events->rule, "partners>=2 in 365 days");
    begin_event(events, &events->outcomes_event, KNOOPPUNT__V1__EVENT__BODY_OUTCOMES);
    knooppunt__v1__outcomes__init(&events->outcomes);
    knooppunt__v1__signal_outcome__init(&events->first);
    knooppunt__v1__signal_outcome__init(&events->second);
    events->first.reference = events->reference;
    events->first.has_version = 1;
    events->first.version = 3;
    events->first.has_kind = 1;
    events->first.kind = KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_NEW;
    events->first.has_position = 1;
    events->first.position = 77;
    events->second.reference = events->evil;
    events->second.has_version = 1;
    events->second.version = 1;
    events->second.has_kind = 1;
    events->second.kind = KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_HELD;
    events->second.has_code = 1;
    events->second.code = KP_E_BSN;
    events->second.field = events->field;
    events->list[0] = &events->first;
    events->list[1] = &events->second;
    events->outcomes.n_outcomes = 2;
    events->outcomes.outcomes = events->list;
    events->outcomes_event.outcomes = &events->outcomes;
    begin_event(events, &events->known_event, KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE);
    knooppunt__v1__known_elsewhere__init(&events->known);
    events->known.reference = events->reference;
    events->known.theme = events->theme;
    events->known_event.known_elsewhere = &events->known;
    begin_event(events, &events->ready_event, KNOOPPUNT__V1__EVENT__BODY_CASUS_READY);
    knooppunt__v1__casus_ready__init(&events->ready);
    events->ready.casus_id = events->casus;
    events->ready.theme = events->theme;
    events->ready.rule = events->rule;
    events->partners[0] = events->om;
    events->partners[1] = events->politie;
    events->ready.n_partners = 2;
    events->ready.partners = events->partners;
    knooppunt__v1__counted_signal__init(&events->counted);
    knooppunt__v1__date__init(&events->date);
    events->date.has_year = 1;
    events->date.year = 2026;
    events->counted.partner = events->om;
    events->counted.has_kind = 1;
    events->counted.kind = KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_RECIDIVELIJST;
    events->counted.has_role = 1;
    events->counted.role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER;
    events->counted.incident_date = &events->date;
    events->counted_list[0] = &events->counted;
    events->ready.n_counted = 1;
    events->ready.counted = events->counted_list;
    events->ready_event.casus_ready = &events->ready;
}

#endif
