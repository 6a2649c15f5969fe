/* SPDX-License-Identifier: EUPL-1.2 */
/* What a maintenance command found, as lines or as one JSON object; written as it is found. */
#include "maintain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct {
    bool json, value_before;
} told; /* one command, one thread */

void kp_told_begin(bool json)
{
    told.json = json;
    if (json) {
        (void)fputs("{", stdout);
    }
}

/* Within quotes, as JSON has it; a path may hold anything but a NUL. */
static void put_quoted(const char *text)
{
    (void)putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            (void)printf("\\%c", *at);
        } else if ((unsigned char)*at < 0x20) {
            (void)printf("\\u%04x", (unsigned)*at);
        } else {
            (void)putchar(*at);
        }
    }
    (void)putchar('"');
}

static void put_name(const char *name)
{
    (void)printf(
        told.json ? "%s\"%s\":" : "%s%s=", told.value_before ? (told.json ? "," : " ") : "", name);
    told.value_before = true;
}

void kp_told_row(const char *section, const char *text)
{
    if (told.json) {
        (void)printf("\"%s\":[{", section);
    } else if (text == NULL) {
        (void)fputs(section, stdout);
        told.value_before = true; /* a space goes before its first value */
    }
    if (text != NULL) {
        kp_told_text(section, text);
    }
}

void kp_told_text(const char *name, const char *text)
{
    put_name(name);
    if (told.json || text[0] == '\0' || strpbrk(text, " \"\n") != NULL) {
        put_quoted(text);
    } else {
        (void)fputs(text, stdout);
    }
}

void kp_told_number(const char *name, uint64_t number)
{
    put_name(name);
    (void)printf("%" PRIu64, number);
}

void kp_told_hex(const char *name, struct kp_slice bytes)
{
    put_name(name);
    (void)fputs(told.json ? "\"" : "", stdout);
    for (size_t i = 0; i < bytes.size; i++) {
        (void)printf("%02x", bytes.bytes[i]);
    }
    (void)fputs(told.json ? "\"" : "", stdout);
}

void kp_told_row_end(void)
{
    (void)fputs(told.json ? "}]," : "\n", stdout);
    told.value_before = false;
}

void kp_told_end(enum kp_err err, const struct kp_diag *diag)
{
    if (told.json) {
        (void)printf("\"code\":%d,\"name\":\"%s\"", (int)err, kp_err_name(err));
        if (err != KP_OK) {
            (void)fputs(",\"text\":", stdout);
            put_quoted(diag->text);
        }
        (void)fputs("}\n", stdout);
    } else if (err != KP_OK) {
        (void)fprintf(stderr, "knooppunt-hub: %s [%s]\n", diag->text, kp_err_name(err));
    }
    (void)fflush(stdout);
}
