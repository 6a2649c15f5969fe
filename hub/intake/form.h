/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A person as reported, made into the form that is compared (core/match/form.h), and the keys under
 * which that form is looked for. Pure; the normaliser's version is in the form.
 */
#ifndef KP_INTAKE_FORM_H
#define KP_INTAKE_FORM_H

#include "core/match/form.h"

/* What was reported, as text; NULL or empty: not said. */
struct kp_reported_person {
    const char *bsn, *given_names, *initials, *surname, *partner_surname;
    const char *postcode, *street, *house_number, *birth_place;
    int32_t birth_date; /* yyyymmdd, zeros for what is not known */
    enum kp_form_gender gender;
};

/* Room for the texts that a form borrows. */
struct kp_form_room {
    char bytes[640];
    size_t size;
};

/* @test_mode  numbers of the 9-series are people's. */
void kp_form_of(const struct kp_reported_person *person, bool test_mode, struct kp_form_room *room,
                struct kp_form *ret_form);

#endif
