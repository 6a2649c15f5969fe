/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * From a partner's fields to a Signal. One struct kp_map stands for one record: the first thing
 * that is wrong with it sticks (code, line, field in the partner's own words), every later call
 * still returns something harmless, and kp_map_emit gives the sink either the signal or that
 * diagnosis. Reasons name the shape of a value ("99-99-9999"), never the value: it may be a
 * person's. One thread; all memory comes from the job's arena.
 */
#ifndef KP_MAPPED_MAP_H
#define KP_MAPPED_MAP_H

#include "runtime/translator.h"

#include "base/limits.h"
#include "base/time.h"

#define KP_LEEFGEBIEDEN 12
#define KP_ANSWERS_MAX 100 /* questions and answers of one record */

/* The partner's value as it was read: UTF-8, with its name and place in the file. */
struct kp_field {
    const char *name; /* in the partner's own words; outlives the record */
    struct kp_slice text;
    uint32_t line; /* 0: the line of the record */
};

struct kp_map {
    struct kp_arena *arena;
    bool test_mode;
    struct kp_record record;
    Knooppunt__V1__Signal signal;
    Knooppunt__V1__PersonMention *persons[KP_SIGNAL_PERSONS_MAX];
    char *themes[KP_THEMES_MAX];
    uint32_t leefgebied_mask; /* bit n: Leefgebied n; kp_map_emit makes the list, in order */
    Knooppunt__V1__Leefgebied leefgebieden[KP_LEEFGEBIEDEN];
    Knooppunt__V1__QuestionAnswer *answers[KP_ANSWERS_MAX];
};

/* One row of a table of the partner's codes. The last row has code NULL. */
struct kp_code {
    const char *code;
    int value;
};

enum kp_date_form {
    KP_DATE_ISO,       /* 2007-11-24; 00 for an unknown day, or month and day */
    KP_DATE_ISO_SHORT, /* also 2007-11 and 2007 */
    KP_DATE_DUTCH,     /* 24-11-2007; 00-11-2007 and 00-00-2007 */
    KP_DATE_DIGITS,    /* 20071124; 00 as above */
};

/* Start a record; the arena was reset by whoever read it. action REPORT, no version, no persons. */
void kp_map_begin(struct kp_map *map, const struct kp_translate_job *job, uint32_t number,
                  uint32_t line, Knooppunt__V1__SourceClass source_class,
                  const char *source_system);
/* Only the first failure of a record counts. @format: no personal data. */
void kp_map_fail(struct kp_map *map, enum kp_err err, const struct kp_field *field,
                 const char *format, ...) KP_PRINTF(4, 5);
bool kp_map_ok(const struct kp_map *map);
/* The checks over the whole record (reference, kind, persons or area, size), then the sink. The
 * sink's answer. */
bool kp_map_emit(struct kp_map *map, const struct kp_translate_job *job);

/* "Jansen-2" -> "aaaaaa-9", at most 24 characters and then "..". @ret_shape holds KP_SHAPE_SIZE. */
#define KP_SHAPE_SIZE 28
const char *kp_map_shape(struct kp_slice text, char ret_shape[KP_SHAPE_SIZE]);

/* Without white space (also no-break spaces) at both ends. */
struct kp_slice kp_map_trim(struct kp_slice text);
bool kp_field_given(const struct kp_field *field); /* something else than white space */

/* At most KP_TEXT_BYTES_MAX; lines end in \n whatever the partner's system wrote. NULL when not
 * given. KP_E_LENGTH, KP_E_FIELD (control character, not UTF-8) */
char *kp_map_text(struct kp_map *map, const struct kp_field *field);
/* The same for a name and anything else that is short: at most KP_NAME_BYTES_MAX. */
char *kp_map_name(struct kp_map *map, const struct kp_field *field);
/* NULL when not given. KP_E_DATE */
Knooppunt__V1__Date *kp_map_date(struct kp_map *map, const struct kp_field *field,
                                 enum kp_date_form form);
/* A moment: the date of @form, full, then nothing (midnight) or a time: "T13:45[:10[.123]]" and an
 * offset ("Z", "+01:00"), for KP_DATE_DIGITS up to "134510123". Without offset it is Dutch local
 * time. false when not given or not a moment (KP_E_DATE). */
bool kp_map_moment(struct kp_map *map, const struct kp_field *field, enum kp_date_form form,
                   int64_t *ret_ms);
/* KP_E_BSN  not 9 digits; one that fails the 11-test passes as it is: the hub weighs it as a
 * mistyped one. KP_E_TEST_BSN  of the test series outside test mode. NULL when not given. */
char *kp_map_bsn(struct kp_map *map, const struct kp_field *field);
/* "1234 ab" -> "1234AB". NULL when not given. KP_E_FIELD */
char *kp_map_postcode(struct kp_map *map, const struct kp_field *field);
/* false when not given or not a whole number of this range (KP_E_FIELD). */
bool kp_map_number(struct kp_map *map, const struct kp_field *field, uint32_t min, uint32_t max,
                   uint32_t *ret_number);
/* The value of the code, 0 when not given or not in the table (@err). */
int kp_map_code(struct kp_map *map, const struct kp_field *field, const struct kp_code *table,
                enum kp_err err);
/* Into the signal. Absent is a fault for reference, version and incident date. */
void kp_map_reference(struct kp_map *map, const struct kp_field *field);
/* Only for the result file: the number of a record that cannot be read, where that can be told. */
void kp_map_peek_reference(struct kp_map *map, const struct kp_field *field);
void kp_map_version(struct kp_map *map, const struct kp_field *field);
void kp_map_kind(struct kp_map *map, const struct kp_field *field, const struct kp_code *table);
void kp_map_incident_date(struct kp_map *map, const struct kp_field *field, enum kp_date_form form);
void kp_map_registered(struct kp_map *map, const struct kp_field *field, enum kp_date_form form);
void kp_map_severity(struct kp_map *map, const struct kp_field *field); /* 1 to 5 */
void kp_map_area(struct kp_map *map, const struct kp_field *field);  /* GM, WK or BU and digits */
void kp_map_theme(struct kp_map *map, const struct kp_field *field); /* one id; repeats ignored */
void kp_map_leefgebied(struct kp_map *map, Knooppunt__V1__Leefgebied leefgebied);
void kp_map_answer(struct kp_map *map, const struct kp_field *question,
                   const struct kp_field *answer); /* left out when the answer is not given */
void kp_map_withdraw(struct kp_map *map);          /* only reference and version stay */

/* What a format says of a person; fields it does not have stay zero. The birth date and the role
 * come mapped: their form differs. */
struct kp_person_fields {
    Knooppunt__V1__CasusRole role;
    struct kp_field bsn, v_nummer, given_names, initials, prefix, surname;
    struct kp_field partner_prefix, partner_surname, name_usage;
    struct kp_field birth_date, birth_place, gender;
    enum kp_date_form birth_date_form;
    const char *name; /* of the person in the partner's words, for KP_E_PERSON */
    uint32_t line;
};
/* NULL when not given at all. House number 1 to 99999. */
struct kp_address_fields {
    struct kp_field street, number, addition, postcode, place;
};
/* One more person, checked in the order of the export specification. KP_E_TOO_MANY_PERSONS,
 * KP_E_PERSON  neither a BSN, a V-number nor a surname */
void kp_map_person(struct kp_map *map, const struct kp_person_fields *person,
                   const struct kp_address_fields *address);
Knooppunt__V1__Address *kp_map_address(struct kp_map *map, const struct kp_address_fields *fields);

extern const struct kp_code kp_codes_gender[];     /* M V O */
extern const struct kp_code kp_codes_name_usage[]; /* E P V N */

/* Moments and dates without a record, for those who write events. */
struct kp_local_time {
    int32_t date; /* yyyymmdd */
    uint32_t hour, minute, second, ms;
};
/* Dutch local time (CET and CEST by the rule of 1996). */
struct kp_local_time kp_local_of_wall(struct kp_wall wall);

#endif
