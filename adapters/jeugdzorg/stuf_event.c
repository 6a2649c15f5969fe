/* SPDX-License-Identifier: EUPL-1.2 */
#include "jeugdzorg/stuf_event.h"

#include "mapped/event_walk.h"
#include "mapped/map.h"
#include "mapped/xml_write.h"

#include <stdio.h>
#include <string.h>

#define STUF_SPACE "http://www.egem.nl/StUF/StUF0301"

/* What the schema allows, in characters; we count bytes, which is never more. */
#define REFNUMMER_BYTES_MAX 40
#define MELDING_BYTES_MAX 250
#define FOUT_BYTES_MAX 200
#define MELDINGEN_MAX 64

/* One message that is being gathered: it is written when its row, or the event, ends. */
struct message {
    char cross_reference[REFNUMMER_BYTES_MAX + 1];
    char error_number[8];
    char error_text[FOUT_BYTES_MAX + 1];
    char remarks[MELDINGEN_MAX][MELDING_BYTES_MAX + 1];
    uint32_t remark_count;
};

struct rendering {
    struct kp_xml_writer xml;
    struct kp_event_head head;
    struct message message, of_event;
    uint32_t messages;
};

/* Whole characters only. */
static void copy_cut(char *target, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    if (length == size) {
        length = size - 1;
        while (length > 0 && ((uint8_t)text[length] & 0xC0u) == 0x80u) {
            length--;
        }
    }
    memcpy(target, text, length);
    target[length] = '\0';
}

static void put_system(struct kp_xml_writer *xml, const char *element, const char *organisation,
                       const char *application)
{
    kp_xml_put_open(xml, element, NULL);
    kp_xml_put_element(xml, "StUF:organisatie", organisation);
    kp_xml_put_element(xml, "StUF:applicatie", application);
    kp_xml_put_close(xml, element);
}

static void put_stuurgegevens(struct rendering *rendering, const char *code)
{
    struct kp_xml_writer *xml = &rendering->xml;
    struct kp_local_time local = kp_local_of_wall(rendering->head.at);
    char moment[32];
    (void)snprintf(moment, sizeof moment, "%08d%02u%02u%02u%03u", local.date, local.hour,
                   local.minute, local.second, local.ms);
    char reference[REFNUMMER_BYTES_MAX + 8];
    (void)snprintf(reference, sizeof reference, "%s-%u", rendering->head.id,
                   rendering->messages % 10000000u);
    const char *cross = rendering->message.cross_reference;
    kp_xml_put_open(xml, "StUF:stuurgegevens", NULL);
    kp_xml_put_element(xml, "StUF:berichtcode", code);
    put_system(xml, "StUF:zender", "Veiligheidshuis", "Knooppunt");
    put_system(xml, "StUF:ontvanger", "Jeugdzorg", "Jeugdzorg");
    kp_xml_put_element(xml, "StUF:referentienummer", reference);
    kp_xml_put_element(xml, "StUF:tijdstipBericht", moment);
    kp_xml_put_element(xml, "StUF:crossRefnummer", cross[0] == '\0' ? rendering->head.id : cross);
    kp_xml_put_close(xml, "StUF:stuurgegevens");
}

static void put_fault(struct rendering *rendering)
{
    struct kp_xml_writer *xml = &rendering->xml;
    const struct message *message = &rendering->message;
    char details[1000] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < message->remark_count && used < sizeof details - 1; i++) {
        int size = snprintf(details + used, sizeof details - used, "%s%s", i == 0 ? "" : "; ",
                            message->remarks[i]);
        used += size > 0 ? (size_t)size : 0;
    }
    kp_xml_put_open(xml, "StUF:Fo01Bericht", NULL);
    put_stuurgegevens(rendering, "Fo01");
    kp_xml_put_open(xml, "StUF:body", NULL);
    kp_xml_put_element(xml, "StUF:code", message->error_number);
    kp_xml_put_element(xml, "StUF:plek", "client");
    kp_xml_put_element(xml, "StUF:omschrijving", message->error_text);
    kp_xml_put_element(xml, "StUF:details", details);
    kp_xml_put_close(xml, "StUF:body");
    kp_xml_put_close(xml, "StUF:Fo01Bericht");
}

static void put_confirmation(struct rendering *rendering)
{
    struct kp_xml_writer *xml = &rendering->xml;
    kp_xml_put_open(xml, "StUF:Bv01Bericht", NULL);
    put_stuurgegevens(rendering, "Bv01");
    for (uint32_t i = 0; i < rendering->message.remark_count; i++) {
        kp_xml_put_element(xml, "StUF:melding", rendering->message.remarks[i]);
    }
    kp_xml_put_close(xml, "StUF:Bv01Bericht");
}

static void put_message(struct rendering *rendering)
{
    rendering->messages++;
    if (rendering->message.error_number[0] != '\0') {
        put_fault(rendering);
    } else {
        put_confirmation(rendering);
    }
}

static void on_field(void *context, const char *name, const char *value)
{
    struct rendering *rendering = context;
    struct message *message = &rendering->message;
    if (strcmp(name, "kenmerk") == 0) {
        copy_cut(message->cross_reference, sizeof message->cross_reference, value);
    } else if (strcmp(name, "codenummer") == 0) {
        (void)snprintf(message->error_number, sizeof message->error_number, "KP%.5s", value);
    } else if (strcmp(name, "reden") == 0) {
        copy_cut(message->error_text, sizeof message->error_text, value);
    }
    if (message->remark_count == MELDINGEN_MAX) {
        return; /* no event has so many values outside its rows */
    }
    char remark[2 * MELDING_BYTES_MAX];
    (void)snprintf(remark, sizeof remark, "%s: %s", name, value);
    copy_cut(message->remarks[message->remark_count++], MELDING_BYTES_MAX + 1, remark);
}

static void on_begin(void *context, const struct kp_event_head *head)
{
    struct rendering *rendering = context;
    rendering->head = *head;
    kp_xml_put_declaration(&rendering->xml);
    kp_xml_put_open(&rendering->xml, "StUF:StUF-berichtenSet",
                    (const struct kp_xml_pair[]){{"xmlns:StUF", STUF_SPACE}, {NULL, NULL}});
    on_field(rendering, "bericht", head->name);
}

static void on_open_row(void *context, const char *name)
{
    (void)name;
    struct rendering *rendering = context;
    rendering->of_event = rendering->message;
}

static void on_close_row(void *context, const char *name)
{
    (void)name;
    struct rendering *rendering = context;
    put_message(rendering);
    rendering->message = rendering->of_event;
}

enum kp_err kp_stuf_render_event(const Knooppunt__V1__Event *event, struct kp_writer *writer)
{
    struct rendering rendering = {.xml = {.writer = writer}};
    const struct kp_event_visitor visitor = {&rendering, on_begin, on_field, on_open_row,
                                             on_close_row};
    kp_event_walk(event, &visitor);
    if (rendering.messages == 0) {
        put_message(&rendering); /* an event without rows is one message itself */
    }
    kp_xml_put_close(&rendering.xml, "StUF:StUF-berichtenSet");
    return kp_writer_ok(writer) ? KP_OK : KP_E_LIMIT;
}
