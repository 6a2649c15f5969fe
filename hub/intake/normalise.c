/* SPDX-License-Identifier: EUPL-1.2 */
#include "intake/normalise.h"

#include <string.h>
#include <utf8proc.h>

#define CODEPOINTS_MAX 1024

static void put_char(struct kp_normalised *words, char letter)
{
    if (words->size < sizeof words->text) {
        words->text[words->size++] = letter;
    }
}

static void put_space(struct kp_normalised *words)
{
    if (words->size > 0 && words->text[words->size - 1] != ' ') {
        put_char(words, ' ');
    }
}

/* Letters that do not decompose into a-z, and how they are written without their mark. */
static const char *plain_letters(utf8proc_int32_t codepoint)
{
    switch (codepoint) {
    case 0x00DF:
        return "ss";
    case 0x00E6:
        return "ae";
    case 0x0153:
        return "oe";
    case 0x00F8:
        return "o";
    case 0x0111:
    case 0x00F0:
        return "d";
    case 0x0142:
        return "l";
    case 0x0131:
        return "i";
    case 0x0138:
        return "k";
    case 0x0127:
        return "h";
    case 0x0167:
        return "t";
    case 0x00FE:
        return "th";
    case 0x014B:
        return "n";
    default:
        return NULL;
    }
}

static void put_codepoint(struct kp_normalised *words, utf8proc_int32_t codepoint)
{
    if ((codepoint >= 'a' && codepoint <= 'z') || (codepoint >= '0' && codepoint <= '9')) {
        put_char(words, (char)codepoint);
        return;
    }
    if (codepoint >= 'A' && codepoint <= 'Z') {
        put_char(words, (char)(codepoint - 'A' + 'a'));
        return;
    }
    const char *plain = codepoint < 0x80 ? NULL : plain_letters(codepoint);
    if (plain == NULL) {
        put_space(words);
    } else {
        for (; *plain != '\0'; plain++) {
            put_char(words, *plain);
        }
    }
}

void kp_normalise_words(struct kp_slice text, struct kp_normalised *ret_words)
{
    bool ascii = true;
    ret_words->size = 0;
    for (size_t i = 0; i < text.size; i++) {
        ascii = ascii && text.bytes[i] < 0x80;
    }
    if (ascii) { /* nearly every name: no tables needed */
        for (size_t i = 0; i < text.size; i++) {
            put_codepoint(ret_words, text.bytes[i]);
        }
    } else {
        utf8proc_int32_t codepoints[CODEPOINTS_MAX];
        utf8proc_ssize_t count =
            utf8proc_decompose(text.bytes, (utf8proc_ssize_t)text.size, codepoints, CODEPOINTS_MAX,
                               UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK |
                                   UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
        count = count < 0 ? 0 : count;
        for (utf8proc_ssize_t i = 0; i < count && i < CODEPOINTS_MAX; i++) {
            put_codepoint(ret_words, codepoints[i]);
        }
    }
    while (ret_words->size > 0 && ret_words->text[ret_words->size - 1] == ' ') {
        ret_words->size--;
    }
}

static bool is_tussenvoegsel(const char *word, size_t size)
{
    static const char *const list[] = {"van", "de",  "den", "der", "ten", "ter", "te",  "het",
                                       "t",   "s",   "in",  "op",  "aan", "bij", "uit", "over",
                                       "la",  "le",  "du",  "von", "zu",  "el",  "al",  "ben",
                                       "bin", "ait", "v",   "d",   "vd"};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (strlen(list[i]) == size && memcmp(list[i], word, size) == 0) {
            return true;
        }
    }
    return false;
}

void kp_normalise_surname(struct kp_slice text, struct kp_normalised *ret_surname)
{
    struct kp_normalised words;
    kp_normalise_words(text, &words);
    size_t start = 0;
    for (;;) {
        const char *space = memchr(words.text + start, ' ', words.size - start);
        if (space == NULL ||
            !is_tussenvoegsel(words.text + start, (size_t)(space - words.text) - start)) {
            break; /* the last word is the name, whatever it is */
        }
        start = (size_t)(space - words.text) + 1;
    }
    ret_surname->size = 0;
    for (size_t i = start; i < words.size; i++) {
        if (words.text[i] != ' ') {
            put_char(ret_surname, words.text[i]);
        }
    }
}

char kp_normalise_initial(struct kp_slice given_names, struct kp_slice initials)
{
    struct kp_normalised words;
    kp_normalise_words(given_names, &words);
    if (words.size == 0) {
        kp_normalise_words(initials, &words);
    }
    return words.size > 0 ? words.text[0] : '\0';
}
