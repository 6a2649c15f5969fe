/* SPDX-License-Identifier: EUPL-1.2 */
#include "mapped/latin1.h"

#include <string.h>
#include <utf8proc.h>

static enum kp_err refuse(struct kp_slice file, size_t offset, const char *text,
                          struct kp_diag *reterr_diag)
{
    uint32_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        line += file.bytes[i] == '\n' ? 1 : 0;
    }
    (void)kp_fail(reterr_diag, KP_E_ENCODING, "%s", text);
    if (reterr_diag != NULL) {
        reterr_diag->line = line;
    }
    return KP_E_ENCODING;
}

enum kp_err kp_latin1_check(struct kp_slice file, struct kp_diag *reterr_diag)
{
    const uint8_t *nul = file.size == 0 ? NULL : memchr(file.bytes, 0, file.size);
    if (nul != NULL) {
        return refuse(file, (size_t)(nul - file.bytes),
                      "the file holds NUL bytes (is it UTF-16?); ISO-8859-1 was agreed",
                      reterr_diag);
    }
    if (file.size >= 3 && memcmp(file.bytes, "\xEF\xBB\xBF", 3) == 0) {
        return refuse(file, 0, "the file says it is UTF-8; ISO-8859-1 was agreed", reterr_diag);
    }
    size_t first = file.size;
    for (size_t at = 0; at < file.size;) {
        if (file.bytes[at] < 0x80) {
            at++;
            continue;
        }
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t size =
            utf8proc_iterate(file.bytes + at, (utf8proc_ssize_t)(file.size - at), &point);
        if (size <= 0) {
            return KP_OK; /* a byte that UTF-8 does not have here: so it is ISO-8859-1 */
        }
        first = first == file.size ? at : first;
        at += (size_t)size;
    }
    return first == file.size
               ? KP_OK
               : refuse(file, first, "the file is UTF-8; ISO-8859-1 was agreed", reterr_diag);
}

struct kp_slice kp_latin1_to_utf8(struct kp_arena *arena, struct kp_slice text)
{
    size_t size = text.size;
    for (size_t i = 0; i < text.size; i++) {
        size += text.bytes[i] >= 0x80 ? 1 : 0;
    }
    uint8_t *out = size == 0 ? NULL : kp_arena_alloc(arena, size);
    if (out == NULL) {
        return KP_SLICE_EMPTY;
    }
    size_t at = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.bytes[i];
        if (byte < 0x80) {
            out[at++] = byte;
        } else {
            out[at++] = (uint8_t)(0xC0u | byte >> 6);
            out[at++] = (uint8_t)(0x80u | (byte & 0x3Fu));
        }
    }
    return kp_slice_of(out, size);
}

void kp_latin1_put_cell(struct kp_writer *writer, const char *text)
{
    bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    bool quoted = strpbrk(text, ";\"\r\n") != NULL;
    if (quoted) {
        kp_put_u8(writer, '"');
    }
    if (formula) {
        kp_put_u8(writer, '\'');
    }
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                   (utf8proc_ssize_t)(size - at), &point);
        at += length > 0 ? (size_t)length : 1;
        if (point == '"') {
            kp_put_u8(writer, '"'); /* doubled */
        }
        kp_put_u8(writer, length > 0 && point <= 0xFF ? (uint8_t)point : '?');
    }
    if (quoted) {
        kp_put_u8(writer, '"');
    }
}
