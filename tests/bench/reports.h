/* SPDX-License-Identifier: EUPL-1.2 */
/* Signals about invented persons. */
#ifndef KP_BENCH_REPORTS_H
#define KP_BENCH_REPORTS_H

#include "proto/codec.h"

#include "people.h"

#define SIGNAL_BYTES_MAX 1024u

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
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

/* The encoded Signal; its size. @ret_bytes holds SIGNAL_BYTES_MAX. */
static uint32_t put_report(const struct people *people, const struct report *report,
                           uint8_t *ret_bytes)
{
    struct invented invented;
    KP_ASSERT(report->person < people->count);
    invent(people, report->person, report->told == NEW_SPELLING ? report->spelling | 1 : 0,
           &invented);
    Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
    Knooppunt__V1__PersonMention person = KNOOPPUNT__V1__PERSON_MENTION__INIT;
    Knooppunt__V1__PersonMention *persons[] = {&person};
    Knooppunt__V1__Date born = date_of(invented.year, invented.month, invented.day);
    Knooppunt__V1__Date happened = date_of(2026, 3, 1 + report->person % 28);
    Knooppunt__V1__Address address = KNOOPPUNT__V1__ADDRESS__INIT;
    address.street = (char *)(uintptr_t) "Verzonnenstraat";
    address.has_house_number = 1;
    address.house_number = invented.house_number;
    address.postcode = invented.postcode;
    address.place = (char *)(uintptr_t) "Voorbeeldstad";
    person.bsn = invented.bsn[0] == '\0' ? NULL : invented.bsn;
    person.has_role = 1;
    person.role = KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER;
    person.given_names = invented.given;
    person.surname = invented.surname;
    person.birth_date = &born;
    person.birth_place = invented.place;
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
