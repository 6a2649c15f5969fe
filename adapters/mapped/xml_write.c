/* SPDX-License-Identifier: EUPL-1.2 */
#include "mapped/xml_write.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

static void put_text(struct kp_writer *writer, const char *text)
{
    kp_put_raw(writer, kp_slice_str(text));
}

static void put_indent(struct kp_xml_writer *xml)
{
    for (uint32_t i = 0; i < xml->depth; i++) {
        put_text(xml->writer, "  ");
    }
}

static const char *escape_of(utf8proc_int32_t point)
{
    switch (point) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

void kp_xml_put_escaped(struct kp_writer *writer, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                   (utf8proc_ssize_t)(size - at), &point);
        const char *escape = length > 0 ? escape_of(point) : "?";
        bool forbidden = length > 0 && (point < 0x20 || point == 0xFFFE || point == 0xFFFF);
        if (escape != NULL) {
            put_text(writer, escape);
        } else if (forbidden) {
            put_text(writer, "?");
        } else {
            kp_put_raw(writer, kp_slice_of(text + at, (size_t)length));
        }
        at += length > 0 ? (size_t)length : 1;
    }
}

void kp_xml_put_declaration(struct kp_xml_writer *xml)
{
    put_text(xml->writer, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void kp_xml_put_open(struct kp_xml_writer *xml, const char *name,
                     const struct kp_xml_pair *attributes)
{
    put_indent(xml);
    put_text(xml->writer, "<");
    put_text(xml->writer, name);
    for (; attributes != NULL && attributes->name != NULL; attributes++) {
        put_text(xml->writer, " ");
        put_text(xml->writer, attributes->name);
        put_text(xml->writer, "=\"");
        kp_xml_put_escaped(xml->writer, attributes->value);
        put_text(xml->writer, "\"");
    }
    put_text(xml->writer, ">\n");
    xml->depth++;
}

void kp_xml_put_close(struct kp_xml_writer *xml, const char *name)
{
    xml->depth--;
    put_indent(xml);
    put_text(xml->writer, "</");
    put_text(xml->writer, name);
    put_text(xml->writer, ">\n");
}

void kp_xml_put_element(struct kp_xml_writer *xml, const char *name, const char *text)
{
    put_indent(xml);
    put_text(xml->writer, "<");
    put_text(xml->writer, name);
    put_text(xml->writer, ">");
    kp_xml_put_escaped(xml->writer, text);
    put_text(xml->writer, "</");
    put_text(xml->writer, name);
    put_text(xml->writer, ">\n");
}

const char *kp_xml_prefixed(const char *prefix, const char *name, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "%s:%s", prefix, name); /* both are literals of ours */
    return buffer;
}
