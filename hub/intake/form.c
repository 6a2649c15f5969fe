/* SPDX-License-Identifier: EUPL-1.2 */
#include "intake/form.h"

#include "base/bsn.h"
#include "intake/normalise.h"

#include <stdlib.h>
#include <string.h>

/* --- texts --- */

static struct kp_slice keep(struct kp_form_room *room, const char *text, size_t size,
                            size_t size_max)
{
    size = size < size_max ? size : size_max;
    if (size > sizeof room->bytes - room->size) {
        return KP_SLICE_EMPTY;
    }
    char *start = room->bytes + room->size;
    memcpy(start, text, size);
    room->size += size;
    return kp_slice_of(start, size);
}

/* Letters only, with one spelling for what sounds and is written both ways: ij is y, ck is k. */
static struct kp_slice keep_name(struct kp_form_room *room, const char *text, size_t size)
{
    char name[KP_FORM_NAME_BYTES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < size && count < sizeof name; i++) {
        bool two = i + 1 < size;
        if (two && text[i] == 'i' && text[i + 1] == 'j') {
            name[count++] = 'y';
            i++;
        } else if (two && text[i] == 'c' && text[i + 1] == 'k') {
            name[count++] = 'k';
            i++;
        } else if (text[i] >= 'a' && text[i] <= 'z') {
            name[count++] = text[i];
        }
    }
    return keep(room, name, count, sizeof name);
}

/* --- names --- */

static void take_given(const char *given_names, struct kp_form_room *room, struct kp_form *form)
{
    struct kp_normalised words;
    kp_normalise_words(kp_slice_str(given_names), &words);
    for (size_t start = 0; start < words.size && form->given_count < KP_FORM_GIVEN_MAX;) {
        const char *space = memchr(words.text + start, ' ', words.size - start);
        size_t end = space == NULL ? words.size : (size_t)(space - words.text);
        struct kp_slice name = keep_name(room, words.text + start, end - start);
        if (name.size == 1) { /* an initial among the names */
            name = KP_SLICE_EMPTY;
        }
        if (name.size > 0) {
            form->given[form->given_count++].text = name;
        }
        start = end + 1;
    }
}

static void take_initials(const struct kp_reported_person *person, struct kp_form_room *room,
                          struct kp_form *form)
{
    struct kp_normalised words;
    char letters[KP_FORM_INITIALS_MAX];
    size_t count = 0;
    kp_normalise_words(kp_slice_str(person->initials), &words);
    if (words.size > 0) {
        for (size_t i = 0; i < words.size && count < sizeof letters; i++) {
            if (words.text[i] >= 'a' && words.text[i] <= 'z') {
                letters[count++] = words.text[i];
            }
        }
    } else {
        kp_normalise_words(kp_slice_str(person->given_names), &words);
        for (size_t i = 0; i < words.size && count < sizeof letters; i++) {
            if (words.text[i] >= 'a' && words.text[i] <= 'z' &&
                (i == 0 || words.text[i - 1] == ' ')) {
                letters[count++] = words.text[i];
            }
        }
    }
    form->initials = keep(room, letters, count, sizeof letters);
}

static void take_surname(struct kp_slice text, enum kp_form_use use, struct kp_form_room *room,
                         struct kp_form *form)
{
    struct kp_normalised surname;
    kp_normalise_surname(text, &surname);
    struct kp_slice name = keep_name(room, surname.text, surname.size);
    if (name.size > 0 && form->surname_count < KP_FORM_SURNAMES_MAX) {
        form->surnames[form->surname_count].text = name;
        form->surnames[form->surname_count++].use = (uint8_t)use;
    }
}

/* A double name is its parts: which of them is the own one was not said. */
static void take_surnames(const char *text, enum kp_form_use use, struct kp_form_room *room,
                          struct kp_form *form)
{
    struct kp_slice rest = kp_slice_str(text);
    const uint8_t *hyphen = rest.size > 0 ? memchr(rest.bytes, '-', rest.size) : NULL;
    if (hyphen == NULL) {
        take_surname(rest, use, room, form);
        return;
    }
    while (hyphen != NULL) {
        size_t size = (size_t)(hyphen - rest.bytes);
        take_surname(kp_slice_of(rest.bytes, size), KP_FORM_PART, room, form);
        rest = kp_slice_of(hyphen + 1, rest.size - size - 1);
        hyphen = rest.size > 0 ? memchr(rest.bytes, '-', rest.size) : NULL;
    }
    take_surname(rest, KP_FORM_PART, room, form);
}

/* The initials are of the surname and not of the given name: the two stand in each other's place.
 */
static void turn_swapped_names(struct kp_form *form)
{
    if (form->given_count == 0 || form->surname_count == 0 || form->initials.size == 0) {
        return;
    }
    uint8_t initial = form->initials.bytes[0];
    if (form->given[0].text.bytes[0] != initial && form->surnames[0].text.bytes[0] == initial) {
        struct kp_slice given = form->given[0].text;
        form->given[0].text = form->surnames[0].text;
        form->surnames[0].text = given;
    }
}

/* --- the other fields --- */

static void take_bsn(const char *bsn, bool test_mode, struct kp_form *form)
{
    char digits[10];
    struct kp_slice text = kp_slice_str(bsn);
    if (text.size == 0) {
        return;
    }
    enum kp_bsn_class class = kp_bsn_classify(text, digits);
    if (class == KP_BSN_VALID || (class == KP_BSN_TEST && test_mode)) {
        form->bsn_class = KP_FORM_BSN_VALID;
        form->bsn = (uint32_t)strtoul(digits, NULL, 10);
        return;
    }
    if (class == KP_BSN_INVALID) {
        form->bsn_class = KP_FORM_BSN_FAILING;
        form->bsn = (uint32_t)strtoul(digits, NULL, 10);
    }
}

static void take_postcode(const char *postcode, struct kp_form_room *room, struct kp_form *form)
{
    char text[KP_FORM_POSTCODE_BYTES_MAX];
    size_t count = 0;
    struct kp_slice given = kp_slice_str(postcode);
    for (size_t i = 0; i < given.size && count < sizeof text; i++) {
        char letter = (char)given.bytes[i];
        letter = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
        if ((letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9')) {
            text[count++] = letter;
        }
    }
    form->postcode = keep(room, text, count, sizeof text);
}

static void take_house_number(const char *house_number, struct kp_form *form)
{
    struct kp_slice text = kp_slice_str(house_number);
    for (size_t i = 0; i < text.size && text.bytes[i] >= '0' && text.bytes[i] <= '9' &&
                       form->house_number < 100000;
         i++) {
        form->house_number = form->house_number * 10 + (uint32_t)(text.bytes[i] - '0');
    }
}

static void take_street(const char *street, struct kp_form_room *room, struct kp_form *form)
{
    struct kp_normalised words;
    kp_normalise_words(kp_slice_str(street), &words);
    form->street = keep_name(room, words.text, words.size);
}

static void take_birth_place(const char *birth_place, struct kp_form_room *room,
                             struct kp_form *form)
{
    static const char *const other_names[][2] = {
        {"sgravenhage", "denhaag"},
        {"shertogenbosch", "denbosch"},
    };
    struct kp_normalised words;
    kp_normalise_words(kp_slice_str(birth_place), &words);
    form->birth_place.text = keep_name(room, words.text, words.size);
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++) {
        if (kp_slice_equal(form->birth_place.text, kp_slice_str(other_names[i][0]))) {
            form->birth_place.text = kp_slice_str(other_names[i][1]);
        }
    }
}

/* What a house that has not learned yet takes for "not known": 1 January and 1 July. */
static bool is_placeholder(int32_t birth_date)
{
    int32_t day = birth_date % 10000;
    return day % 100 == 0 || day / 100 == 0 || day == 101 || day == 701;
}

void kp_form_of(const struct kp_reported_person *person, bool test_mode, struct kp_form_room *room,
                struct kp_form *ret_form)
{
    *ret_form = (struct kp_form){.gender = (uint8_t)person->gender,
                                 .birth_date = person->birth_date,
                                 .placeholder = is_placeholder(person->birth_date)};
    room->size = 0;
    take_bsn(person->bsn, test_mode, ret_form);
    take_given(person->given_names, room, ret_form);
    take_initials(person, room, ret_form);
    take_surnames(person->surname, KP_FORM_OWN, room, ret_form);
    take_surnames(person->partner_surname, KP_FORM_PARTNER, room, ret_form);
    turn_swapped_names(ret_form);
    take_postcode(person->postcode, room, ret_form);
    take_street(person->street, room, ret_form);
    take_house_number(person->house_number, ret_form);
    take_birth_place(person->birth_place, room, ret_form);
}
