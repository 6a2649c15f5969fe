/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/ask.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/crypto.h"
#include "base/frame.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/uuid.h"
#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SCHEMA 1
/* An answer's values take far more memory than bytes on the wire; untouched pages cost nothing. */
#define ARENA_BYTES ((size_t)64 << 20)
#define WRITE_TIMEOUT_MS 10000

static enum kp_err connect_hub(const char *path, int *ret_fd, struct kp_diag *reterr_diag)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size >= sizeof address.sun_path) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "the socket's path has %zu bytes where %zu is the most: %s", size,
                       sizeof address.sun_path - 1, path);
    }
    memcpy(address.sun_path, path, size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot make a socket: %s", strerror(errno));
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        *ret_fd = fd;
        return KP_OK;
    }
    int cause = errno;
    (void)close(fd); /* never connected */
    if (cause == EACCES || cause == EPERM) {
        return kp_fail(reterr_diag, KP_E_PERMISSION, "%s is not open to you", path);
    }
    if (cause == ENOENT || cause == ECONNREFUSED || cause == EAGAIN) {
        return kp_fail(reterr_diag, KP_E_LATER,
                       "no hub listens at %s; it may not be running. Start it (knooppunt-hub "
                       "HOUSE), or name its socket: --house, --socket or KNOOPPUNT_SOCKET",
                       path);
    }
    return kp_fail(reterr_diag, KP_E_IO, "cannot connect to %s: %s", path, strerror(cause));
}

static enum kp_err send_query(int fd, const struct kp_ask *ask, const uint8_t *message_id,
                              struct kp_arena *arena, struct kp_diag *reterr_diag)
{
    Knooppunt__V1__Query query = KNOOPPUNT__V1__QUERY__INIT;
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    /* The generated types take what they borrow without const. */
    struct kp_slice name = kp_arena_copy(arena, kp_slice_of(ask->query, strlen(ask->query) + 1));
    struct kp_slice id = kp_arena_copy(arena, kp_slice_of(message_id, KP_UUID_BYTES));
    struct kp_slice attachment = kp_arena_copy(arena, ask->attachment);
    char **arguments = kp_arena_alloc(arena, (ask->argument_count + 1) * sizeof *arguments);
    if (!kp_arena_ok(arena)) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "the question is too large");
    }
    for (size_t i = 0; i < ask->argument_count; i++) {
        arguments[i] = ask->arguments[i];
    }
    query.name = (char *)(uintptr_t)name.bytes;
    query.n_arguments = ask->argument_count;
    query.arguments = arguments;
    query.has_attachment = ask->attachment.size > 0;
    query.attachment.data = (uint8_t *)(uintptr_t)attachment.bytes;
    query.attachment.len = attachment.size;
    envelope.has_schema = true;
    envelope.schema = SCHEMA;
    envelope.has_message_id = true;
    envelope.message_id.data = (uint8_t *)(uintptr_t)id.bytes;
    envelope.message_id.len = id.size;
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_QUERY;
    envelope.query = &query;
    struct kp_slice frame = kp_codec_pack(arena, &envelope.base);
    if (!kp_arena_ok(arena) || frame.size > KP_FRAME_BYTES_MAX) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "the question is larger than %u bytes",
                       KP_FRAME_BYTES_MAX);
    }
    return kp_frame_write(fd, frame, WRITE_TIMEOUT_MS, reterr_diag);
}

/* The hub's own judgement, as if it were ours. */
static enum kp_err answered(uint32_t code, const char *text, struct kp_diag *reterr_diag)
{
    enum kp_err err = (enum kp_err)code;
    if (err == KP_OK) {
        return KP_OK;
    }
    return kp_fail(reterr_diag, err, "%s",
                   text == NULL || text[0] == '\0' ? kp_err_text(err) : text);
}

static enum kp_err take_envelope(const Knooppunt__V1__Envelope *envelope, const uint8_t *message_id,
                                 const struct kp_ask_sink *sink, bool *ret_more,
                                 struct kp_diag *reterr_diag)
{
    if (envelope->body_case == KNOOPPUNT__V1__ENVELOPE__BODY_REFUSAL) {
        const Knooppunt__V1__Refusal *refusal = envelope->refusal;
        enum kp_err err = answered(refusal->code, refusal->text, reterr_diag);
        return err != KP_OK ? err : kp_fail(reterr_diag, KP_E_UNEXPECTED, "refused without a code");
    }
    if (envelope->body_case != KNOOPPUNT__V1__ENVELOPE__BODY_ANSWER) {
        return kp_fail(reterr_diag, KP_E_UNEXPECTED, "the hub sent something else than an answer");
    }
    const Knooppunt__V1__Answer *answer = envelope->answer;
    if (answer->query_message_id.len != KP_UUID_BYTES ||
        memcmp(answer->query_message_id.data, message_id, KP_UUID_BYTES) != 0) {
        return kp_fail(reterr_diag, KP_E_UNEXPECTED, "the hub answered another question");
    }
    enum kp_err err = sink->on_answer(sink->context, answer, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    *ret_more = answer->more != 0;
    return answered(answer->code, answer->text, reterr_diag);
}

static enum kp_err read_answer(int fd, const struct kp_ask *ask, const uint8_t *message_id,
                               struct kp_arena *arena, const struct kp_ask_sink *sink,
                               bool *ret_more, struct kp_diag *reterr_diag)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool ended = false;
    ProtobufCMessage *message = NULL;
    enum kp_err err =
        kp_frame_read(fd, KP_FRAME_BYTES_MAX, ask->timeout_ms, &bytes, &size, &ended, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (ended) {
        return kp_fail(reterr_diag, KP_E_LATER, "the hub stopped before it had answered");
    }
    kp_arena_reset(arena);
    err = kp_codec_open_tolerant(&knooppunt__v1__envelope__descriptor, &kp_gate_frame,
                                 kp_slice_of(bytes, size), arena, &message, reterr_diag);
    if (err == KP_OK) {
        err = take_envelope((const Knooppunt__V1__Envelope *)message, message_id, sink, ret_more,
                            reterr_diag);
    }
    free(bytes);
    return err;
}

enum kp_err kp_ask(const struct kp_ask *ask, const struct kp_ask_sink *sink,
                   struct kp_diag *reterr_diag)
{
    int fd = -1;
    enum kp_err err = connect_hub(ask->socket_path, &fd, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    uint8_t random[KP_UUID_RANDOM_BYTES];
    uint8_t message_id[KP_UUID_BYTES];
    kp_random(random, sizeof random);
    kp_uuid7(kp_wall_now(), random, message_id);
    struct kp_arena arena;
    kp_arena_init(&arena, ARENA_BYTES);
    err = send_query(fd, ask, message_id, &arena, reterr_diag);
    bool more = true;
    while (err == KP_OK && more) {
        err = read_answer(fd, ask, message_id, &arena, sink, &more, reterr_diag);
    }
    kp_arena_done(&arena);
    (void)close(fd); /* everything was answered, or the failure above is the one to tell */
    return err;
}

static json_t *json_of(const Knooppunt__V1__Value *value)
{
    switch (value->value_case) {
    case KNOOPPUNT__V1__VALUE__VALUE_TEXT:
        return kp_json_text(value->text);
    case KNOOPPUNT__V1__VALUE__VALUE_NUMBER:
        return json_integer(value->number);
    case KNOOPPUNT__V1__VALUE__VALUE_TRUTH:
        return json_boolean(value->truth);
    case KNOOPPUNT__V1__VALUE__VALUE_BINARY:
        return kp_json_hex(kp_slice_of(value->binary.data, value->binary.len));
    case KNOOPPUNT__V1__VALUE__VALUE__NOT_SET:
    case _KNOOPPUNT__V1__VALUE__VALUE__CASE_IS_INT_SIZE:
        break;
    }
    return json_null();
}

void kp_ask_add(json_t *result, const Knooppunt__V1__Answer *answer)
{
    for (size_t i = 0; i < answer->n_sections; i++) {
        const Knooppunt__V1__Section *section = answer->sections[i];
        const char *name = section->name == NULL ? "rows" : section->name;
        json_t *rows = json_object_get(result, name);
        if (!json_is_array(rows)) {
            rows = json_array();
            kp_json_set(result, name, rows);
        }
        for (size_t j = 0; j < section->n_rows; j++) {
            json_t *row = json_object();
            for (size_t k = 0; k < section->rows[j]->n_values; k++) {
                const Knooppunt__V1__Value *value = section->rows[j]->values[k];
                kp_json_set(row, value->name == NULL ? "" : value->name, json_of(value));
            }
            KP_ASSERT(json_array_append_new(rows, row) == 0);
        }
    }
}

static enum kp_err collect(void *context, const Knooppunt__V1__Answer *answer,
                           struct kp_diag *reterr_diag)
{
    (void)reterr_diag;
    json_t *result = context;
    enum kp_err code = (enum kp_err)answer->code;
    kp_json_set(result, "code", json_integer((json_int_t)answer->code));
    kp_json_set(result, "name", kp_json_text(kp_err_name(code)));
    if (answer->text != NULL) {
        kp_json_set(result, "text", kp_json_text(answer->text));
    }
    kp_ask_add(result, answer);
    return KP_OK;
}

enum kp_err kp_ask_json(const struct kp_ask *ask, json_t *result, struct kp_diag *reterr_diag)
{
    const struct kp_ask_sink sink = {.on_answer = collect, .context = result};
    return kp_ask(ask, &sink, reterr_diag);
}
