/* SPDX-License-Identifier: EUPL-1.2 */
/* For the tests of matching: somebody as she is written down, and the form that comes of it. */
#ifndef KP_TESTS_WRITTEN_H
#define KP_TESTS_WRITTEN_H

#include "intake/form.h"

struct made {
    struct kp_form_room room;
    struct kp_form form; /* borrows from room */
};

static inline void make(struct made *made, struct kp_reported_person person)
{
    kp_form_of(&person, /* test_mode= */ true, &made->room, &made->form);
}

/* Everything but a number. */
static inline struct kp_reported_person vera(void)
{
    return (struct kp_reported_person){.given_names = "Vera",
                                       .initials = "V.",
                                       .surname = "Verzonnen",
                                       .postcode = "9999ZZ",
                                       .house_number = "7",
                                       .birth_place = "Verzonnenstad",
                                       .birth_date = 19751224,
                                       .gender = KP_FORM_WOMAN};
}

#endif
