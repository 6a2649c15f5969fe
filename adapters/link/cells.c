/* SPDX-License-Identifier: EUPL-1.2 */
#include "link/cells.h"

#include "base/bsn.h"
#include "base/time.h"

#include <string.h>
#include <strings.h>

/* --- dates --- */

#define DATE_PARTS 3u

struct parts {
    int32_t number[DATE_PARTS];
    uint32_t digits[DATE_PARTS];
    uint32_t count;
};

/* Up to three numbers with one of - / . between them. */
static bool split(const char *text, struct parts *ret_parts)
{
    *ret_parts = (struct parts){.count = 1};
    for (; *text != '\0'; text++) {
        uint32_t part = ret_parts->count - 1;
        if (*text >= '0' && *text <= '9' && ret_parts->digits[part] < 8) {
            ret_parts->number[part] = ret_parts->number[part] * 10 + (*text - '0');
            ret_parts->digits[part]++;
        } else if (strchr("-/.", *text) != NULL && ret_parts->digits[part] > 0 &&
                   ret_parts->count < DATE_PARTS) {
            ret_parts->count++;
        } else {
            return false;
        }
    }
    return ret_parts->digits[ret_parts->count - 1] > 0;
}

static int32_t compose(int32_t year, int32_t month, int32_t day)
{
    return year * 10000 + month * 100 + day;
}

/* -1: in none of the ways that are known. */
static int32_t date_of(const struct parts *parts)
{
    const int32_t *number = parts->number;
    const uint32_t *digits = parts->digits;
    if (parts->count == 1) {
        return digits[0] == 8 ? number[0] : digits[0] == 4 ? compose(number[0], 0, 0) : -1;
    }
    if (parts->count == DATE_PARTS && digits[1] <= 2) {
        return digits[0] == 4 && digits[2] <= 2   ? compose(number[0], number[1], number[2])
               : digits[0] <= 2 && digits[2] == 4 ? compose(number[2], number[1], number[0])
                                                  : -1;
    }
    return -1;
}

const char *kp_link_read_date(const char *text, int32_t *ret_date)
{
    struct parts parts;
    *ret_date = 0;
    if (text == NULL) {
        return NULL;
    }
    int32_t date = split(text, &parts) ? date_of(&parts) : -1;
    if (date < 0) {
        return "geboortedatum is not JJJJMMDD, JJJJ-MM-DD or DD-MM-JJJJ: taken as not known";
    }
    if (date / 10000 == 0) {
        return date == 0 ? NULL : "geboortedatum has no year: taken as not known";
    }
    *ret_date = date;
    return kp_date_is_possible(date)
               ? NULL
               : "geboortedatum is no day of the calendar: compared as it is written";
}

/* --- the others --- */

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcasecmp(text, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

const char *kp_link_read_gender(const char *text, enum kp_form_gender *ret_gender)
{
    static const char *const men[] = {"m", "man", "mannelijk", "male", "jongen", "dhr", "1", NULL};
    static const char *const women[] = {"v",       "vrouw", "vrouwelijk", "f", "female",
                                        "mevrouw", "mw",    "meisje",     "2", NULL};
    static const char *const unsaid[] = {"o", "onbekend", "x", "u", "unknown",
                                         "0", "9",        "?", "-", NULL};
    *ret_gender = KP_FORM_GENDER_UNKNOWN;
    if (text == NULL || is_one_of(text, unsaid)) {
        return NULL; /* not known, or neither */
    }
    if (is_one_of(text, men)) {
        *ret_gender = KP_FORM_MAN;
    } else if (is_one_of(text, women)) {
        *ret_gender = KP_FORM_WOMAN;
    } else {
        return "geslacht is not M, V or O: taken as not known";
    }
    return NULL;
}

const char *kp_link_check_bsn(const char *text)
{
    char digits[10];
    if (text == NULL) {
        return NULL;
    }
    switch (kp_bsn_classify(kp_slice_str(text), digits)) {
    case KP_BSN_SHAPE:
        return "bsn is not of nine digits: taken as not known";
    case KP_BSN_INVALID:
        return "bsn fails the eleven test: it joins nobody";
    case KP_BSN_FILLER:
    case KP_BSN_TEST:
    case KP_BSN_VALID:
        return NULL;
    }
    return NULL;
}

const char *kp_link_check_house_number(const char *text)
{
    return text == NULL || (text[0] >= '0' && text[0] <= '9')
               ? NULL
               : "huisnummer does not begin with a digit: taken as not known";
}
