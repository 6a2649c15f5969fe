/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Invented persons by number. The same number is always the same person, so that a later run knows
 * whom an earlier one loaded. BSNs are of the 9-series and pass the 11-test.
 */
#ifndef KP_BENCH_PEOPLE_H
#define KP_BENCH_PEOPLE_H

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BSN_COUNT_MAX 9100000u

struct people {
    uint32_t *bsns; /* in order; the number of a person is an index */
    uint32_t count;
};

/* Every valid number from 900000000 on: a little over nine million. */
static void people_init(struct people *people)
{
    people->bsns = malloc(BSN_COUNT_MAX * sizeof *people->bsns);
    KP_ASSERT(people->bsns != NULL);
    people->count = 0;
    for (uint32_t eight = 90000000; eight < 100000000 && people->count < BSN_COUNT_MAX; eight++) {
        uint32_t sum = 0;
        uint32_t weight = 2;
        for (uint32_t rest = eight; rest > 0; rest /= 10) {
            sum += rest % 10 * weight++;
        }
        if (sum % 11 < 10) {
            people->bsns[people->count++] = eight * 10 + sum % 11;
        }
    }
}

static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number below @count, small ones far more often: the share of n falls as 1 / n. */
static uint32_t uneven(uint64_t seed, uint32_t count)
{
    uint64_t random = mix(seed) >> 11;
    uint32_t number = count;
    while (number > 1 && random % 8 != 0) { /* halves on the way, as often as not further down */
        random /= 8;
        number = number / 2 + 1;
    }
    return (uint32_t)(mix(seed ^ 77) % number);
}

/* The name with a number; its end. */
static char *put_name(char *at, uint64_t number, uint32_t least)
{
    static const char *const syllables[] = {"ba", "ko", "li",  "ma",  "no",  "ru", "se",  "to",
                                            "va", "wi", "dou", "gee", "haa", "jo", "pie", "zu"};
    uint64_t code = mix(number);
    for (uint32_t i = 0; i < least || number > 0; i++, number /= 16, code /= 16) {
        size_t size = strlen(syllables[code % 16]);
        memcpy(at, syllables[code % 16], size + 1);
        at += size;
    }
    return at;
}

#define SURNAMES 40000u
#define GIVEN_NAMES 3000u
#define PLACES 400u

/* What does not change from one report of a person to the next, but for slips of the pen. */
struct invented {
    char given[96], surname[64], place[64], bsn[16], postcode[8];
    uint32_t house_number, year, month, day;
};

/* Person @n. @spelling 0: as he is known, with his number; another: a slip in the surname, one more
 * given name, no number. Names are as uneven as people's: the commonest surname is one in a
 * hundred. */
static void invent(const struct people *people, uint32_t n, uint64_t spelling,
                   struct invented *ret_invented)
{
    KP_ASSERT(n < people->count);
    char *end = put_name(ret_invented->given, uneven(n * UINT64_C(3) + 1, GIVEN_NAMES), 2);
    (void)put_name(ret_invented->surname, uneven(n * UINT64_C(5) + 2, SURNAMES), 3);
    (void)put_name(ret_invented->place, uneven(n * UINT64_C(7) + 3, PLACES), 2);
    uint64_t where = mix(n * UINT64_C(11) + 4);
    (void)snprintf(ret_invented->postcode, sizeof ret_invented->postcode, "%04u%c%c",
                   1000 + (unsigned)(where % 8999), 'A' + (int)(where / 9000 % 26),
                   'A' + (int)(where / 234000 % 26)); /* fits */
    ret_invented->house_number = (uint32_t)(1 + where / 7 % 200);
    uint64_t born = mix(n * UINT64_C(13) + 5);
    ret_invented->year = (uint32_t)(1940 + born % 70);
    ret_invented->month = (uint32_t)(1 + born / 70 % 12);
    ret_invented->day = (uint32_t)(1 + born / 840 % 28);
    ret_invented->bsn[0] = '\0';
    if (spelling == 0) {
        (void)snprintf(ret_invented->bsn, sizeof ret_invented->bsn, "%u",
                       people->bsns[n]); /* nine digits */
        return;
    }
    size_t size = strlen(ret_invented->surname);
    char *slip = &ret_invented->surname[1 + mix(spelling) % (size - 1)];
    *slip = (char)('a' + (*slip - 'a' + 1 + (int)(mix(spelling ^ 5) % 25)) % 26);
    *end = ' ';
    (void)put_name(end + 1, mix(spelling ^ 9) % 4096, 1);
}

#endif
