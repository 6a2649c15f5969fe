/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Any event that the codec opens, written by every translator: the XML is well-formed, the JSON can
 * be read back, no cell of the CSV starts a formula, and a buffer of any size is respected.
 */
#include "base/assert.h"
#include "base/limits.h"
#include "runtime/translator.h"

#include <jansson.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define TEXT_BYTES (4u << 20)

/* NULL when it does not fit @room. */
static char *render(const struct kp_translator *translator, const Knooppunt__V1__Event *event,
                    size_t room, size_t *ret_size)
{
    char *text = malloc(room + 1);
    KP_ASSERT(text != NULL);
    struct kp_writer writer;
    kp_writer_init(&writer, text, room);
    enum kp_err err = translator->render_event(event, &writer);
    KP_ASSERT(err == KP_OK || err == KP_E_LIMIT);
    if (err != KP_OK) {
        free(text);
        return NULL;
    }
    text[writer.size] = '\0';
    *ret_size = writer.size;
    return text;
}

static void check_xml(const char *text, size_t size)
{
    xmlDocPtr document = xmlReadMemory(text, (int)size, "event.xml", NULL,
                                       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    KP_ASSERT(document != NULL);
    xmlFreeDoc(document);
}

static void check_json(const char *text, size_t size)
{
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    KP_ASSERT(json_is_object(object));
    KP_ASSERT(memchr(text, '\n', size) == text + size - 1);
    json_decref(object);
}

static void check_csv(const char *text, size_t size)
{
    bool quoted = false;
    bool start = true;
    for (size_t i = 0; i < size; i++) {
        KP_ASSERT(!start || text[i] == '\0' || strchr("=+-@", text[i]) == NULL);
        if (text[i] == '"') {
            KP_ASSERT(quoted || start);
            bool doubled = quoted && i + 1 < size && text[i + 1] == '"';
            start = !quoted; /* a formula may not hide behind the quote */
            quoted = doubled ? quoted : !quoted;
            i += doubled ? 1 : 0;
            continue;
        }
        start = !quoted && (text[i] == ';' || text[i] == '\n');
    }
    KP_ASSERT(!quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct kp_translator *const translators[] = {
        &kp_translator_politie, &kp_translator_jeugdzorg, &kp_translator_om,
        &kp_translator_reclassering};
    static void (*const checks[])(const char *, size_t) = {check_xml, check_xml, check_csv,
                                                           check_json};
    struct kp_arena arena;
    kp_arena_init(&arena, 16u << 20);
    ProtobufCMessage *message = NULL;
    struct kp_diag diag;
    bool opened =
        kp_codec_open_tolerant(&knooppunt__v1__event__descriptor, &kp_gate_frame,
                               (struct kp_slice){bytes, size}, &arena, &message, &diag) == KP_OK;
    for (size_t i = 0; opened && i < sizeof translators / sizeof translators[0]; i++) {
        const Knooppunt__V1__Event *event = (const Knooppunt__V1__Event *)message;
        size_t written = 0;
        char *text = render(translators[i], event, TEXT_BYTES, &written);
        if (text == NULL) {
            continue;
        }
        checks[i](text, written);
        free(text);
        size_t ignored = 0;
        KP_ASSERT(render(translators[i], event, written - 1, &ignored) == NULL);
    }
    kp_arena_done(&arena);
    return 0;
}
