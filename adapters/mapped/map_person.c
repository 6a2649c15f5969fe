/* SPDX-License-Identifier: EUPL-1.2 */
/* Persons and addresses. */
#include "mapped/map.h"

const struct kp_code kp_codes_gender[] = {
    {"M", KNOOPPUNT__V1__GENDER__GENDER_MAN},
    {"V", KNOOPPUNT__V1__GENDER__GENDER_VROUW},
    {"O", KNOOPPUNT__V1__GENDER__GENDER_ONBEKEND},
    {NULL, 0},
};

const struct kp_code kp_codes_name_usage[] = {
    {"E", KNOOPPUNT__V1__NAME_USAGE__NAME_USAGE_EIGEN},
    {"P", KNOOPPUNT__V1__NAME_USAGE__NAME_USAGE_PARTNER},
    {"V", KNOOPPUNT__V1__NAME_USAGE__NAME_USAGE_PARTNER_EIGEN},
    {"N", KNOOPPUNT__V1__NAME_USAGE__NAME_USAGE_EIGEN_PARTNER},
    {NULL, 0},
};

static void map_names(struct kp_map *map, const struct kp_person_fields *fields,
                      Knooppunt__V1__PersonMention *person)
{
    person->given_names = kp_map_name(map, &fields->given_names);
    person->initials = kp_map_name(map, &fields->initials);
    person->prefix = kp_map_name(map, &fields->prefix);
    person->surname = kp_map_name(map, &fields->surname);
    person->partner_prefix = kp_map_name(map, &fields->partner_prefix);
    person->partner_surname = kp_map_name(map, &fields->partner_surname);
    person->name_usage = (Knooppunt__V1__NameUsage)kp_map_code(map, &fields->name_usage,
                                                               kp_codes_name_usage, KP_E_FIELD);
    person->has_name_usage = person->name_usage != 0;
}

void kp_map_person(struct kp_map *map, const struct kp_person_fields *fields,
                   const struct kp_address_fields *address)
{
    const struct kp_field place = {.name = fields->name, .line = fields->line};
    if (map->signal.n_persons == KP_SIGNAL_PERSONS_MAX) {
        kp_map_fail(map, KP_E_TOO_MANY_PERSONS, &place, "one record can name at most %u persons",
                    KP_SIGNAL_PERSONS_MAX);
        return;
    }
    Knooppunt__V1__PersonMention *person = kp_arena_alloc(map->arena, sizeof *person);
    if (person == NULL) {
        return; /* kp_map_emit finds the arena full */
    }
    knooppunt__v1__person_mention__init(person);
    map->persons[map->signal.n_persons++] = person;
    person->has_role = fields->role != 0;
    person->role = fields->role;
    person->bsn = kp_map_bsn(map, &fields->bsn);
    person->v_nummer = kp_map_name(map, &fields->v_nummer);
    map_names(map, fields, person);
    if (person->bsn == NULL && person->v_nummer == NULL && person->surname == NULL) {
        kp_map_fail(map, KP_E_PERSON, &place,
                    "this person has neither a BSN nor a V-number nor a surname");
    }
    person->birth_date = kp_map_date(map, &fields->birth_date, fields->birth_date_form);
    person->birth_place = kp_map_name(map, &fields->birth_place);
    person->gender =
        (Knooppunt__V1__Gender)kp_map_code(map, &fields->gender, kp_codes_gender, KP_E_FIELD);
    person->has_gender = person->gender != 0;
    person->address = kp_map_address(map, address);
}

Knooppunt__V1__Address *kp_map_address(struct kp_map *map, const struct kp_address_fields *fields)
{
    bool given = kp_field_given(&fields->street) || kp_field_given(&fields->number) ||
                 kp_field_given(&fields->addition) || kp_field_given(&fields->postcode) ||
                 kp_field_given(&fields->place);
    Knooppunt__V1__Address *address = given ? kp_arena_alloc(map->arena, sizeof *address) : NULL;
    if (address == NULL) {
        return NULL;
    }
    knooppunt__v1__address__init(address);
    address->street = kp_map_name(map, &fields->street);
    address->has_house_number =
        kp_map_number(map, &fields->number, 1, 99999, &address->house_number);
    address->house_number_addition = kp_map_name(map, &fields->addition);
    address->postcode = kp_map_postcode(map, &fields->postcode);
    address->place = kp_map_name(map, &fields->place);
    return address;
}
