/* SPDX-License-Identifier: EUPL-1.2 */
/* Writing XML: everything is escaped here, and nothing that XML cannot hold gets through. */
#ifndef KP_MAPPED_XML_WRITE_H
#define KP_MAPPED_XML_WRITE_H

#include "base/buf.h"

struct kp_xml_writer {
    struct kp_writer *writer;
    uint32_t depth;
};

struct kp_xml_pair {
    const char *name, *value;
};

void kp_xml_put_declaration(struct kp_xml_writer *xml);
/* @attributes  ends with a name of NULL; may be NULL. */
void kp_xml_put_open(struct kp_xml_writer *xml, const char *name,
                     const struct kp_xml_pair *attributes);
void kp_xml_put_close(struct kp_xml_writer *xml, const char *name);
/* An element with only a text. */
void kp_xml_put_element(struct kp_xml_writer *xml, const char *name, const char *text);
/* Bytes that are not UTF-8 and characters that XML forbids become "?". */
void kp_xml_put_escaped(struct kp_writer *writer, const char *text);
/* "prefix:name" in @buffer. */
const char *kp_xml_prefixed(const char *prefix, const char *name, char *buffer, size_t size);

#endif
