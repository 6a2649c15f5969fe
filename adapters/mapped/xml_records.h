/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * An XML export, one record at a time: the children of the root (or the root itself) come as small
 * trees in the job's arena, so that a file of 256 MiB takes no more memory than its largest record.
 *
 * Hostile input: before libxml2 sees a byte the file is scanned once, and a DOCTYPE (so entities,
 * external subsets, XInclude by entity), NUL bytes, an encoding that is not agreed and tags or
 * comments of absurd length refuse it. libxml2 then runs as SAX2 over the memory, without network,
 * DTD, entities or tree.
 */
#ifndef KP_MAPPED_XML_RECORDS_H
#define KP_MAPPED_XML_RECORDS_H

#include "mapped/map.h"

#define KP_XML_NAME_BYTES_MAX 63u
#define KP_XML_TAG_BYTES_MAX (16u << 10)    /* one tag with its attributes */
#define KP_XML_OTHER_BYTES_MAX (256u << 10) /* one comment, instruction or CDATA section */
#define KP_XML_VALUE_BYTES_MAX (16u << 10)  /* text of one element, before trimming */
#define KP_XML_ELEMENTS_MAX 4000u           /* of one record */
#define KP_XML_NAMES_MAX                                                                           \
    8192 /* different ones in a file: libxml2's table of them does not grow on */
#define KP_XML_DEPTH_MAX 24u /* within one record */

struct kp_xml_attribute {
    struct kp_xml_attribute *next;
    const char *name; /* without prefix */
    struct kp_slice value;
};

struct kp_xml_element {
    struct kp_xml_element *parent, *next;
    struct kp_xml_element *first, *last; /* children */
    struct kp_xml_attribute *attributes;
    const char *name;  /* without prefix; cut at KP_XML_NAME_BYTES_MAX */
    const char *space; /* namespace URI; "" for none */
    uint32_t line;
    struct kp_slice text; /* of an element without children; as it stands, not trimmed */
};

struct kp_xml_handler {
    void *context;
    /* The root with its attributes, before anything else. KP_E_FILE refuses the file. */
    enum kp_err (*root)(void *context, const struct kp_xml_element *root,
                        struct kp_diag *reterr_diag);
    /* One record. @fault is KP_OK, or why it could not be read in full (too deep, too long; the
     * tree is then not to be used). false stops. */
    bool (*record)(void *context, const struct kp_xml_element *record, const struct kp_diag *fault);
};

/* @root_is_record  the whole document is one record, given once; else each child of the root is.
 * KP_E_FILE, KP_E_ENCODING with line; KP_OK also after the handler stopped. */
KP_MUST_CHECK enum kp_err kp_xml_read(struct kp_slice file, struct kp_arena *arena,
                                      bool root_is_record, const struct kp_xml_handler *handler,
                                      struct kp_diag *reterr_diag);

/* The scan before the parser. */
KP_MUST_CHECK enum kp_err kp_xml_scan(struct kp_slice file, struct kp_diag *reterr_diag);

/* First child of that name in the same namespace as @element or any: NULL when there is none. */
const struct kp_xml_element *kp_xml_child(const struct kp_xml_element *element, const char *name);
/* Along a path "a/b/c" of local names, the first of each; NULL when there is none. */
const struct kp_xml_element *kp_xml_find(const struct kp_xml_element *element, const char *path);
/* Value of an attribute; its name and the element's line. Not given: the empty text. */
struct kp_field kp_xml_attribute(const struct kp_xml_element *element, const char *name);
/* Text at the end of the path under its last name; absent: empty, at the element's line. */
struct kp_field kp_xml_text(const struct kp_xml_element *element, const char *path);

/* What may stand in an element; a row of kind {NULL} ends the table. */
struct kp_xml_rule {
    const char *name;
    uint32_t count_max;
    const struct kp_xml_rule *children; /* NULL: a text */
};
/* The first element that may not stand where it stands, or comes too often; NULL when all is as the
 * rules say. The namespace must be the record's. *ret_often: it comes more often than meant. */
const struct kp_xml_element *kp_xml_check(const struct kp_xml_element *record,
                                          const struct kp_xml_rule *rules, bool *ret_often);

#endif
