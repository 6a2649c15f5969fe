/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/likeness.h"

#include <string.h>

#define LETTERS_MAX 64u
#define PREFIX_MAX 4u

/* --- sound --- */

struct sounds {
    char text[LETTERS_MAX];
    uint32_t size;
};

/* Spellings of one sound, longest first. */
#define SPELLING(spelled, sound)                                                                   \
    {                                                                                              \
        spelled, sound, sizeof spelled - 1                                                         \
    }
static const struct {
    const char *spelled, *sound;
    size_t size;
} spellings[] = {
    SPELLING("sch", "sg"), SPELLING("auw", "ou"), SPELLING("ouw", "ou"), SPELLING("ch", "g"),
    SPELLING("gh", "g"),   SPELLING("ij", "y"),   SPELLING("ei", "y"),   SPELLING("ey", "y"),
    SPELLING("ou", "ou"),  SPELLING("au", "ou"),  SPELLING("oe", "u"),   SPELLING("dt", "t"),
    SPELLING("th", "t"),   SPELLING("ph", "f"),   SPELLING("ce", "se"),  SPELLING("ci", "si"),
    SPELLING("cy", "sy"),  SPELLING("ck", "k"),   SPELLING("c", "k"),    SPELLING("q", "k"),
    SPELLING("x", "ks"),   SPELLING("z", "s"),    SPELLING("v", "f"),
};

static void put_sound(struct sounds *sounds, const char *sound)
{
    for (; *sound != '\0' && sounds->size < LETTERS_MAX; sound++) {
        sounds->text[sounds->size++] = *sound;
    }
}

static uint32_t spell(const uint8_t *letters, size_t size, struct sounds *sounds)
{
    for (uint32_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        size_t length = spellings[i].size;
        if ((char)letters[0] == spellings[i].spelled[0] && length <= size &&
            memcmp(letters, spellings[i].spelled, length) == 0) {
            put_sound(sounds, spellings[i].sound);
            return (uint32_t)length;
        }
    }
    char alone[2] = {(char)letters[0], '\0'};
    put_sound(sounds, alone);
    return 1;
}

static bool is_vowel(char letter)
{
    return letter == 'a' || letter == 'e' || letter == 'i' || letter == 'o' || letter == 'u' ||
           letter == 'y';
}

void kp_skeleton_of(struct kp_slice name, struct kp_skeleton *ret_skeleton)
{
    struct sounds sounds = {.size = 0};
    for (size_t i = 0; i < name.size;) {
        i += spell(name.bytes + i, name.size - i, &sounds);
    }
    if (sounds.size > 1 && sounds.text[sounds.size - 1] == 'd') {
        sounds.text[sounds.size - 1] = 't';
    }
    ret_skeleton->size = 0;
    for (uint32_t i = 0; i < sounds.size && ret_skeleton->size < KP_SKELETON_BYTES_MAX; i++) {
        char letter = sounds.text[i];
        bool doubled = i > 0 && sounds.text[i - 1] == letter;
        bool silent = letter == 'h' || is_vowel(letter);
        if (i == 0 || (!silent && !doubled)) {
            ret_skeleton->text[ret_skeleton->size++] = letter;
        }
    }
}

char kp_first_sound(struct kp_slice name)
{
    struct sounds sounds = {.size = 0};
    if (name.size > 0) {
        (void)spell(name.bytes, name.size, &sounds);
    }
    return sounds.size > 0 ? sounds.text[0] : '\0';
}

bool kp_skeleton_equal(const struct kp_skeleton *a, const struct kp_skeleton *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* --- edits --- */

bool kp_one_edit(struct kp_slice a, struct kp_slice b)
{
    if (a.size > b.size) {
        struct kp_slice other = a;
        a = b;
        b = other;
    }
    if (b.size - a.size > 1) {
        return false;
    }
    size_t start = 0;
    size_t end = 0;
    while (start < a.size && a.bytes[start] == b.bytes[start]) {
        start++;
    }
    while (end < a.size - start && a.bytes[a.size - 1 - end] == b.bytes[b.size - 1 - end]) {
        end++;
    }
    size_t rest_a = a.size - start - end;
    size_t rest_b = b.size - start - end;
    bool turned = rest_a == 2 && rest_b == 2 && a.bytes[start] == b.bytes[start + 1] &&
                  a.bytes[start + 1] == b.bytes[start];
    return turned || (rest_a <= 1 && rest_b == 1);
}

static uint32_t common_prefix(struct kp_slice a, struct kp_slice b)
{
    uint32_t size = 0;
    while (size < PREFIX_MAX && size < a.size && size < b.size && a.bytes[size] == b.bytes[size]) {
        size++;
    }
    return size;
}

/* Half the number of letters that agree in another order. */
static uint32_t transpositions(struct kp_slice a, struct kp_slice b, uint64_t in_a, uint64_t in_b)
{
    uint32_t other = 0;
    size_t at_b = 0;
    for (size_t at_a = 0; at_a < a.size; at_a++) {
        if ((in_a >> at_a & 1) != 0) {
            while ((in_b >> at_b & 1) == 0) {
                at_b++;
            }
            other += a.bytes[at_a] != b.bytes[at_b++] ? 1 : 0;
        }
    }
    return other / 2;
}

uint32_t kp_jaro_winkler(struct kp_slice a, struct kp_slice b)
{
    if (kp_slice_compare(a, b) > 0) { /* letters are paired greedily: one order gives one answer */
        struct kp_slice other = a;
        a = b;
        b = other;
    }
    a.size = a.size < LETTERS_MAX ? a.size : LETTERS_MAX;
    b.size = b.size < LETTERS_MAX ? b.size : LETTERS_MAX;
    if (a.size == 0 || b.size == 0) {
        return a.size == b.size ? 10000 : 0;
    }
    size_t longest = a.size > b.size ? a.size : b.size;
    size_t reach = longest / 2 > 0 ? longest / 2 - 1 : 0;
    uint64_t in_a = 0;
    uint64_t in_b = 0;
    uint32_t common = 0;
    for (size_t at_a = 0; at_a < a.size; at_a++) {
        size_t from = at_a > reach ? at_a - reach : 0;
        size_t until = at_a + reach + 1 < b.size ? at_a + reach + 1 : b.size;
        for (size_t at_b = from; at_b < until; at_b++) {
            if ((in_b >> at_b & 1) == 0 && a.bytes[at_a] == b.bytes[at_b]) {
                in_a |= UINT64_C(1) << at_a;
                in_b |= UINT64_C(1) << at_b;
                common++;
                break;
            }
        }
    }
    if (common == 0) {
        return 0;
    }
    uint32_t ordered = common - transpositions(a, b, in_a, in_b);
    uint32_t jaro = (uint32_t)((10000u * common / a.size + 10000u * common / b.size +
                                10000u * ordered / common) /
                               3);
    return jaro + common_prefix(a, b) * (10000 - jaro) / 10;
}
