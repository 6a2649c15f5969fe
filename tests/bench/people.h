/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Invented persons by number, and signals about them. The same number is always the same person, so
 * that a later run knows whom an earlier one loaded. BSNs are of the 9-series and pass the 11-test.
 */
#ifndef KP_BENCH_PEOPLE_H
#define KP_BENCH_PEOPLE_H

#include "base/assert.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNAL_BYTES_MAX 1024u
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

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A name that says a number, in syllables: no two numbers share one. */
static char *put_syllables(char *at, uint64_t number)
{
    static const char *const syllables[] = {"ba", "ko", "li",  "ma",  "no",  "ru", "se",  "to",
                                            "va", "wi", "dou", "gee", "haa", "jo", "pie", "zu"};
    do {
        const char *syllable = syllables[number % 16];
        size_t size = strlen(syllable);
        memcpy(at, syllable, size);
        at += size;
        number /= 16;
    } while (number > 0);
    *at = '\0';
    return at;
}

enum told { WITH_BSN, NEW_SPELLING };

struct report {
    uint32_t person;
    enum told told;
    uint64_t spelling; /* of NEW_SPELLING: another number, another spelling */
    bool counts;       /* of the kind by which a theme of the example house counts partners */
    const char *reference;
};

static Knooppunt__V1__Date date_of(uint32_t year, uint32_t month, uint32_t day)
{
    Knooppunt__V1__Date date = KNOOPPUNT__V1__DATE__INIT;
    date.has_year = date.has_month = date.has_day = 1;
    date.year = year;
    date.month = month;
    date.day = day;
    return date;
}

static void fill_address(uint32_t number, char postcode[8], Knooppunt__V1__Address *ret_address)
{
    (void)snprintf(postcode, 8, "%04uXX", 9000 + number % 900); /* a number of four digits */
    *ret_address = (Knooppunt__V1__Address)KNOOPPUNT__V1__ADDRESS__INIT;
    ret_address->street = (char *)(uintptr_t) "Verzonnenstraat";
    ret_address->has_house_number = 1;
    ret_address->house_number = 1 + number % 250;
    ret_address->postcode = postcode;
    ret_address->place = (char *)(uintptr_t) "Voorbeeldstad";
}

/* The encoded Signal; its size. @ret_bytes holds SIGNAL_BYTES_MAX. */
static uint32_t put_report(const struct people *people, const struct report *report,
                           uint8_t *ret_bytes)
{
    static const char *const given[] = {"Anna",  "Bram",  "Carlijn", "Daan",  "Eva",   "Finn",
                                        "Guus",  "Hanna", "Ilse",    "Joris", "Karim", "Lotte",
                                        "Milan", "Noor",  "Omar",    "Pien"};
    char bsn[16], surname[96], postcode[8];
    uint32_t n = report->person;
    KP_ASSERT(n < people->count);
    Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
    Knooppunt__V1__PersonMention person = KNOOPPUNT__V1__PERSON_MENTION__INIT;
    Knooppunt__V1__PersonMention *persons[] = {&person};
    Knooppunt__V1__Date born = date_of(1940 + n % 60, 1 + n / 60 % 12, 1 + n / 720 % 28);
    Knooppunt__V1__Date happened = date_of(2026, 3, 1 + n % 28);
    Knooppunt__V1__Address address;
    fill_address(n, postcode, &address);
    char *end = put_syllables(surname, n);
    if (report->told == NEW_SPELLING) {
        end[0] = 'x'; /* no syllable has one: it never spells another person */
        (void)put_syllables(end + 1, report->spelling);
    } else {
        (void)snprintf(bsn, sizeof bsn, "%u", people->bsns[n]); /* nine digits */
        person.bsn = bsn;
    }
    person.has_role = 1;
    person.role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER;
    person.given_names = (char *)(uintptr_t)given[n % 16];
    person.surname = surname;
    person.birth_date = &born;
    person.address = &address;
    signal.reference = (char *)(uintptr_t)report->reference;
    signal.has_version = signal.has_action = signal.has_kind = 1;
    signal.version = 1;
    signal.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT;
    signal.kind = report->counts ? KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_HUISELIJK_GEWELD
                                 : KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_INCIDENT;
    signal.incident_date = &happened;
    signal.area_code = (char *)(uintptr_t) "GM9001";
    signal.summary = (char *)(uintptr_t) "Verzonnen melding voor een meting; er is niets gebeurd.";
    signal.n_persons = 1;
    signal.persons = persons;
    struct kp_writer writer;
    kp_writer_init(&writer, ret_bytes, SIGNAL_BYTES_MAX);
    kp_codec_put(&writer, &signal.base);
    KP_ASSERT(kp_writer_ok(&writer));
    return (uint32_t)writer.size;
}

#endif
