/* SPDX-License-Identifier: EUPL-1.2 */
#include "mapped/xml_records.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

#include <limits.h>
#include <pthread.h>
#include <string.h>

struct source {
    struct kp_slice file;
    size_t at;
};

struct reading {
    const struct kp_xml_handler *handler;
    struct kp_arena *arena;
    xmlParserCtxtPtr parser;
    bool root_is_record;
    bool stopped;          /* by the handler */
    struct kp_diag fatal;  /* the file as a whole */
    struct kp_diag fault;  /* of the present record */
    uint32_t depth;        /* of the document; 0: before the root */
    uint32_t record_depth; /* at which a record's own tag stands; 0: not in a record */
    uint32_t elements;     /* of the present record */
    struct kp_xml_element *record;
    struct kp_xml_element *here; /* NULL when this element is not kept */
    uint32_t skipped;            /* levels below here that are not kept */
    size_t text_size;
    bool text_cut;
    uint8_t text[KP_XML_VALUE_BYTES_MAX];
};

static uint32_t line_of(const struct reading *reading)
{
    int line = xmlSAX2GetLineNumber(reading->parser);
    return line > 0 ? (uint32_t)line : 0;
}

static void refuse_file(struct reading *reading, enum kp_err err, const char *text)
{
    if (reading->fatal.err == KP_OK && !reading->stopped) {
        (void)kp_fail(&reading->fatal, err, "%s", text);
        reading->fatal.line = line_of(reading);
    }
    xmlStopParser(reading->parser);
}

static void fail_record(struct reading *reading, enum kp_err err, const char *field,
                        const char *text)
{
    if (reading->fault.err == KP_OK) {
        (void)kp_fail_field(&reading->fault, err, field, "%s", text);
        reading->fault.line = line_of(reading);
    }
}

static const char *copy_name(struct reading *reading, const xmlChar *name)
{
    size_t size = name == NULL ? 0 : strnlen((const char *)name, KP_XML_NAME_BYTES_MAX);
    char *copy = kp_arena_alloc(reading->arena, size + 1);
    if (copy == NULL) {
        return "";
    }
    memcpy(copy, name == NULL ? (const xmlChar *)"" : name, size);
    return copy;
}

/* libxml2 gives five pointers an attribute: name, prefix, namespace, start and end of the value. */
static void add_attributes(struct reading *reading, struct kp_xml_element *element, int count,
                           const xmlChar **attributes)
{
    struct kp_xml_attribute **tail = &element->attributes;
    for (int i = 0; i < count; i++) {
        const xmlChar **row = attributes + 5 * (size_t)i;
        struct kp_xml_attribute *attribute = kp_arena_alloc(reading->arena, sizeof *attribute);
        if (attribute == NULL) {
            return;
        }
        attribute->name = copy_name(reading, row[0]);
        attribute->value =
            kp_arena_copy(reading->arena, kp_slice_of(row[3], (size_t)(row[4] - row[3])));
        *tail = attribute;
        tail = &attribute->next;
    }
}

static struct kp_xml_element *add_element(struct reading *reading, struct kp_xml_element *parent,
                                          const xmlChar *name, const xmlChar *space, int count,
                                          const xmlChar **attributes)
{
    struct kp_xml_element *element = kp_arena_alloc(reading->arena, sizeof *element);
    if (element == NULL) {
        return NULL;
    }
    element->name = copy_name(reading, name);
    element->space =
        parent != NULL && space != NULL && strcmp(parent->space, (const char *)space) == 0
            ? parent->space
            : copy_name(reading, space);
    element->line = line_of(reading);
    element->parent = parent;
    add_attributes(reading, element, count, attributes);
    if (parent != NULL) {
        *(parent->first == NULL ? &parent->first : &parent->last->next) = element;
        parent->last = element;
    }
    return element;
}

static void begin_record(struct reading *reading, const xmlChar *name, const xmlChar *space,
                         int count, const xmlChar **attributes)
{
    if (!reading->root_is_record) {
        kp_arena_reset(reading->arena);
    }
    reading->fault = (struct kp_diag){0};
    reading->elements = 0;
    reading->skipped = 0;
    reading->record_depth = reading->depth;
    reading->record = add_element(reading, NULL, name, space, count, attributes);
    reading->here = reading->record;
}

static void begin_inner(struct reading *reading, const xmlChar *name, const xmlChar *space,
                        int count, const xmlChar **attributes)
{
    const char *limit = reading->depth - reading->record_depth > KP_XML_DEPTH_MAX
                            ? "elements are nested deeper than this format ever goes"
                        : ++reading->elements > KP_XML_ELEMENTS_MAX
                            ? "more elements than one record can have"
                            : NULL;
    if (limit != NULL) {
        char field[KP_XML_NAME_BYTES_MAX + 1] = {0};
        memcpy(field, name, strnlen((const char *)name, KP_XML_NAME_BYTES_MAX));
        fail_record(reading, KP_E_RECORD, field, limit);
    }
    struct kp_xml_element *element =
        reading->fault.err != KP_OK || reading->skipped > 0
            ? NULL
            : add_element(reading, reading->here, name, space, count, attributes);
    if (element == NULL) {
        reading->skipped++;
        return;
    }
    reading->here = element;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix,
                     const xmlChar *space, int spaces, const xmlChar **space_rows, int count,
                     int defaulted, const xmlChar **attributes)
{
    (void)prefix;
    (void)spaces;
    (void)space_rows;
    (void)defaulted;
    struct reading *reading = context;
    if (reading->fatal.err != KP_OK || reading->stopped) {
        return;
    }
    if (xmlDictSize(reading->parser->dict) > KP_XML_NAMES_MAX) {
        refuse_file(reading, KP_E_FILE, "more different names of elements than a format has");
        return;
    }
    reading->depth++;
    reading->text_size = 0;
    reading->text_cut = false;
    if (reading->depth == 1) {
        kp_arena_reset(reading->arena);
        const struct kp_xml_element *root =
            add_element(reading, NULL, name, space, count, attributes);
        struct kp_diag diag = {0};
        if (root == NULL || reading->handler->root(reading->handler->context, root, &diag)) {
            refuse_file(reading, KP_E_FILE, root == NULL ? "the first tag is too long" : diag.text);
            return;
        }
    }
    if (reading->record_depth > 0) {
        begin_inner(reading, name, space, count, attributes);
    } else if (reading->depth == (reading->root_is_record ? 1u : 2u)) {
        begin_record(reading, name, space, count, attributes);
    }
}

static void end_record(struct reading *reading)
{
    if (!kp_arena_ok(reading->arena)) {
        fail_record(reading, KP_E_LENGTH, "", "the record is larger than can be taken");
    }
    static const struct kp_xml_element empty = {.name = "", .space = ""};
    reading->record_depth = 0;
    const struct kp_xml_element *record = reading->record == NULL ? &empty : reading->record;
    if (!reading->handler->record(reading->handler->context, record, &reading->fault)) {
        reading->stopped = true;
        xmlStopParser(reading->parser);
    }
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *space)
{
    (void)prefix;
    (void)space;
    struct reading *reading = context;
    if (reading->fatal.err != KP_OK || reading->stopped) {
        return;
    }
    bool is_record = reading->record_depth > 0 && reading->depth == reading->record_depth;
    if (reading->skipped > 0) {
        reading->skipped--;
    } else if (reading->record_depth > 0 && reading->here != NULL) {
        struct kp_xml_element *element = reading->here;
        if (element->first == NULL && reading->text_cut) {
            char field[KP_XML_NAME_BYTES_MAX + 1] = {0};
            memcpy(field, name, strnlen((const char *)name, KP_XML_NAME_BYTES_MAX));
            fail_record(reading, KP_E_LENGTH, field, "this text is longer than can be taken");
        } else if (element->first == NULL) {
            element->text =
                kp_arena_copy(reading->arena, kp_slice_of(reading->text, reading->text_size));
        }
        reading->here = element->parent;
    }
    reading->text_size = 0;
    reading->text_cut = false;
    if (is_record) {
        end_record(reading);
    }
    reading->depth--;
}

static void on_text(void *context, const xmlChar *text, int size)
{
    struct reading *reading = context;
    size_t room = sizeof reading->text - reading->text_size;
    size_t taken = (size_t)size < room ? (size_t)size : room;
    memcpy(reading->text + reading->text_size, text, taken);
    reading->text_size += taken;
    reading->text_cut = reading->text_cut || taken < (size_t)size;
}

/* The second lock: the scan refused the file before. */
static void on_doctype(void *context, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    refuse_file(context, KP_E_FILE, "a DOCTYPE is not accepted: exports come without one");
}

static xmlEntityPtr on_entity(void *context, const xmlChar *name)
{
    (void)context;
    return xmlGetPredefinedEntity(name);
}

static void on_error(void *context, xmlErrorPtr error)
{
    struct reading *reading = context;
    if (error == NULL || error->level == XML_ERR_WARNING || reading->fatal.err != KP_OK ||
        reading->stopped) {
        return;
    }
    bool encoding = error->code == XML_ERR_INVALID_ENCODING ||
                    error->code == XML_ERR_UNSUPPORTED_ENCODING ||
                    error->code == XML_ERR_UNKNOWN_ENCODING || error->code == XML_I18N_CONV_FAILED;
    /* libxml2's own message quotes the file, so persons: only its number is passed on. */
    (void)kp_fail(&reading->fatal, encoding ? KP_E_ENCODING : KP_E_FILE,
                  encoding ? "bytes that are not in the file's character encoding"
                           : "not well-formed XML (libxml2 error %d); was the file cut off?",
                  error->code);
    reading->fatal.line = error->line > 0 ? (uint32_t)error->line : 0;
}

static int read_bytes(void *context, char *buffer, int size)
{
    struct source *source = context;
    size_t rest = source->file.size - source->at;
    size_t taken = rest < (size_t)size ? rest : (size_t)size;
    memcpy(buffer, source->file.bytes + source->at, taken);
    source->at += taken;
    return (int)taken;
}

static void prepare_libxml2(void)
{
    xmlInitParser();
}

static xmlParserCtxtPtr new_parser(struct reading *reading, struct source *source)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, prepare_libxml2);
    xmlSAXHandler handlers = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_doctype,
        .getEntity = on_entity,
        .serror = on_error,
    };
    xmlParserCtxtPtr parser =
        xmlCreateIOParserCtxt(&handlers, reading, read_bytes,
                              /* ioclose= */ NULL, source, XML_CHAR_ENCODING_NONE);
    if (parser != NULL) {
        (void)xmlCtxtUseOptions(parser, XML_PARSE_NONET);
    }
    return parser;
}

enum kp_err kp_xml_read(struct kp_slice file, struct kp_arena *arena, bool root_is_record,
                        const struct kp_xml_handler *handler, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_xml_scan(file, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    kp_arena_reset(arena);
    struct reading reading = {.handler = handler, .arena = arena, .root_is_record = root_is_record};
    struct source source = {.file = file};
    reading.parser = new_parser(&reading, &source);
    if (reading.parser == NULL) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for the XML parser");
    }
    (void)xmlParseDocument(reading.parser);
    if (reading.fatal.err == KP_OK && !reading.stopped && !reading.parser->wellFormed) {
        (void)kp_fail(&reading.fatal, KP_E_FILE, "not well-formed XML");
    }
    xmlFreeParserCtxt(reading.parser);
    if (reading.fatal.err != KP_OK && reterr_diag != NULL) {
        *reterr_diag = reading.fatal;
    }
    return reading.fatal.err;
}

const struct kp_xml_element *kp_xml_child(const struct kp_xml_element *element, const char *name)
{
    const struct kp_xml_element *child = element == NULL ? NULL : element->first;
    while (child != NULL && strcmp(child->name, name) != 0) {
        child = child->next;
    }
    return child;
}

const struct kp_xml_element *kp_xml_find(const struct kp_xml_element *element, const char *path)
{
    while (element != NULL && *path != '\0') {
        size_t size = strcspn(path, "/");
        const struct kp_xml_element *child = element->first;
        while (child != NULL &&
               (strncmp(child->name, path, size) != 0 || child->name[size] != '\0')) {
            child = child->next;
        }
        element = child;
        path += size + (path[size] == '/' ? 1 : 0);
    }
    return element;
}

struct kp_field kp_xml_attribute(const struct kp_xml_element *element, const char *name)
{
    struct kp_field field = {.name = name, .line = element == NULL ? 0 : element->line};
    for (const struct kp_xml_attribute *attribute = element == NULL ? NULL : element->attributes;
         attribute != NULL; attribute = attribute->next) {
        if (strcmp(attribute->name, name) == 0) {
            field.text = attribute->value;
            break;
        }
    }
    return field;
}

struct kp_field kp_xml_text(const struct kp_xml_element *element, const char *path)
{
    const char *slash = strrchr(path, '/');
    const struct kp_xml_element *found = kp_xml_find(element, path);
    const struct kp_xml_element *place = found == NULL ? element : found;
    return (struct kp_field){
        .name = slash == NULL ? path : slash + 1,
        .text = found == NULL ? KP_SLICE_EMPTY : found->text,
        .line = place == NULL ? 0 : place->line,
    };
}

static const struct kp_xml_rule *find_rule(const struct kp_xml_rule *rules, const char *name)
{
    while (rules->name != NULL && strcmp(rules->name, name) != 0) {
        rules++;
    }
    return rules->name == NULL ? NULL : rules;
}

static uint32_t count_before(const struct kp_xml_element *element)
{
    uint32_t count = 0;
    for (const struct kp_xml_element *other = element->parent->first; other != element;
         other = other->next) {
        count += strcmp(other->name, element->name) == 0 ? 1 : 0;
    }
    return count;
}

/* Depth first, in the order of the file; the depth is bounded by KP_XML_DEPTH_MAX and the rules. */
const struct kp_xml_element *kp_xml_check(const struct kp_xml_element *record,
                                          const struct kp_xml_rule *rules, bool *ret_often)
{
    for (const struct kp_xml_element *child = record->first; child != NULL; child = child->next) {
        const struct kp_xml_rule *rule = find_rule(rules, child->name);
        static const struct kp_xml_rule none[] = {{NULL, 0, NULL}};
        bool known = rule != NULL && strcmp(child->space, record->space) == 0;
        *ret_often =
            known && rule->count_max != UINT32_MAX && count_before(child) >= rule->count_max;
        if (!known || *ret_often) {
            return child;
        }
        const struct kp_xml_element *wrong =
            kp_xml_check(child, rule->children == NULL ? none : rule->children, ret_often);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}
