/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One pass over the bytes of an XML file, before any parser: what it finds here can no longer hurt.
 * Tags are bounded because libxml2 compares each attribute of a tag with all others.
 */
#define _GNU_SOURCE /* memmem */
#include "mapped/xml_records.h"

#include <string.h>
#include <strings.h>
#include <utf8proc.h>

struct scan {
    struct kp_slice file;
    size_t at;
    uint32_t line;
    size_t counted; /* bytes of which the line ends were counted */
    bool utf8;
};

static enum kp_err refuse(struct scan *scan, enum kp_err err, const char *text,
                          struct kp_diag *reterr_diag)
{
    for (; scan->counted < scan->at; scan->counted++) {
        scan->line += scan->file.bytes[scan->counted] == '\n' ? 1 : 0;
    }
    (void)kp_fail(reterr_diag, err, "%s", text);
    if (reterr_diag != NULL) {
        reterr_diag->line = scan->line;
    }
    return err;
}

static bool starts_with(const struct scan *scan, const char *text)
{
    size_t size = strlen(text);
    return scan->file.size - scan->at >= size &&
           memcmp(scan->file.bytes + scan->at, text, size) == 0;
}

/* Bytes up to and with @end, at most @max of them looked at; 0 when it does not come. */
static size_t size_until(const struct scan *scan, const char *end, size_t max)
{
    size_t rest = scan->file.size - scan->at;
    size_t window = rest < max ? rest : max;
    size_t size = strlen(end);
    const uint8_t *found = memmem(scan->file.bytes + scan->at, window, end, size);
    return found == NULL ? 0 : (size_t)(found - (scan->file.bytes + scan->at)) + size;
}

/* Bytes of the tag at the cursor, quotes minded; 0 when it does not end within the limit. */
static size_t tag_size(const struct scan *scan)
{
    size_t rest = scan->file.size - scan->at;
    size_t window = rest < KP_XML_TAG_BYTES_MAX ? rest : KP_XML_TAG_BYTES_MAX;
    uint8_t quote = 0;
    for (size_t i = 1; i < window; i++) {
        uint8_t byte = scan->file.bytes[scan->at + i];
        if (quote != 0) {
            quote = byte == quote ? 0 : quote;
        } else if (byte == '"' || byte == '\'') {
            quote = byte;
        } else if (byte == '>') {
            return i + 1;
        }
    }
    return 0;
}

/* Offset of the first byte that is not UTF-8; the size of the file when all are. */
static size_t first_foreign_byte(struct kp_slice file)
{
    size_t at = 0;
    while (at < file.size) {
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t size = 1;
        if (file.bytes[at] >= 0x80) {
            size = utf8proc_iterate(file.bytes + at, (utf8proc_ssize_t)(file.size - at), &point);
        }
        if (size <= 0) {
            break;
        }
        at += (size_t)size;
    }
    return at;
}

/* encoding="..." of the declaration of @size bytes at the cursor is one of those agreed.
 * *ret_utf8: UTF-8, or not said. */
static bool encoding_is_agreed(const struct scan *scan, size_t size, bool *ret_utf8)
{
    static const char *const agreed[] = {"UTF-8", "US-ASCII", "ISO-8859-1", "ISO-8859-15"};
    const char *start = (const char *)scan->file.bytes + scan->at;
    const char *found = memmem(start, size, "encoding", 8);
    if (found == NULL) {
        return true; /* then it is UTF-8 */
    }
    const char *end = start + size;
    found += 8;
    while (found < end && *found != '"' && *found != '\'') {
        found++;
    }
    found++;
    for (size_t i = 0; i < sizeof agreed / sizeof agreed[0]; i++) {
        size_t length = strlen(agreed[i]);
        if (found < end && (size_t)(end - found) > length &&
            strncasecmp(found, agreed[i], length) == 0 &&
            (found[length] == '"' || found[length] == '\'')) {
            *ret_utf8 = i < 2;
            return true;
        }
    }
    return false;
}

/* Past whatever starts with '<' at the cursor. */
static enum kp_err scan_markup(struct scan *scan, struct kp_diag *reterr_diag)
{
    size_t size;
    const char *unfinished = "the file ends within a tag, or a tag is absurdly long";
    if (starts_with(scan, "<!--")) {
        size = size_until(scan, "-->", KP_XML_OTHER_BYTES_MAX);
        unfinished = "a comment does not end, or is absurdly long";
    } else if (starts_with(scan, "<![CDATA[")) {
        size = size_until(scan, "]]>", KP_XML_OTHER_BYTES_MAX);
        unfinished = "a CDATA section does not end, or is absurdly long";
    } else if (starts_with(scan, "<?")) {
        size = size_until(scan, "?>", KP_XML_OTHER_BYTES_MAX);
        unfinished = "a processing instruction does not end, or is absurdly long";
        if (size > 0 && starts_with(scan, "<?xml") &&
            !encoding_is_agreed(scan, size, &scan->utf8)) {
            return refuse(scan, KP_E_ENCODING, "the encoding must be UTF-8 or ISO-8859-1",
                          reterr_diag);
        }
    } else if (starts_with(scan, "<!")) {
        return refuse(scan, KP_E_FILE,
                      "a DOCTYPE or declaration is not accepted: exports come without one",
                      reterr_diag);
    } else {
        size = tag_size(scan);
    }
    if (size == 0) {
        return refuse(scan, KP_E_FILE, unfinished, reterr_diag);
    }
    scan->at += size;
    return KP_OK;
}

enum kp_err kp_xml_scan(struct kp_slice file, struct kp_diag *reterr_diag)
{
    struct scan scan = {.file = file, .line = 1, .utf8 = true};
    bool other_unicode = file.size >= 2 && (memcmp(file.bytes, "\xFE\xFF", 2) == 0 ||
                                            memcmp(file.bytes, "\xFF\xFE", 2) == 0);
    const uint8_t *nul = file.size == 0 ? NULL : memchr(file.bytes, 0, file.size);
    if (other_unicode || nul != NULL) {
        scan.at = nul == NULL ? 0 : (size_t)(nul - file.bytes);
        return refuse(&scan, KP_E_ENCODING,
                      "the file is UTF-16 or holds NUL bytes; UTF-8 was agreed", reterr_diag);
    }
    while (scan.at < file.size) {
        const uint8_t *next = memchr(file.bytes + scan.at, '<', file.size - scan.at);
        if (next == NULL) {
            break;
        }
        scan.at = (size_t)(next - file.bytes);
        enum kp_err err = scan_markup(&scan, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    size_t foreign = scan.utf8 ? first_foreign_byte(file) : file.size;
    if (foreign < file.size) {
        scan = (struct scan){.file = file, .at = foreign, .line = 1};
        return refuse(&scan, KP_E_ENCODING, "a byte that is not UTF-8, as the file says it is",
                      reterr_diag);
    }
    return KP_OK;
}
