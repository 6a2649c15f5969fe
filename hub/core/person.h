/* SPDX-License-Identifier: EUPL-1.2 */
/* A person's state, one value: under which forms he is known and in which signals he is mentioned
 * (his dossier's index). */
#ifndef KP_CORE_PERSON_H
#define KP_CORE_PERSON_H

#include "core/core.h"

#define KP_FORM_NONE UINT16_MAX

/* A form under which this person is known (core/forms.h). */
struct kp_person_form {
    uint64_t id;
    uint32_t mentions; /* how many have it */
};

/* One mention in one signal, with what criteria count by. */
struct kp_mention {
    uint64_t position;
    uint8_t index; /* of the person in the signal */
    uint16_t partner;
    uint8_t role, kind;
    int32_t incident_date;
    uint32_t themes;
    uint16_t leefgebieden;
    uint8_t severity;   /* 0: not told */
    uint32_t area;      /* base/area.h; 0: not told */
    int32_t birth_date; /* as this signal has it; 0: not known */
    uint16_t form;      /* index into forms, or KP_FORM_NONE */
    bool by_bsn;        /* it names a valid BSN */
};

struct kp_person {
    uint64_t id;        /* position * 32 + index of the mention that made him, or core/cluster.h */
    uint64_t redirect;  /* 0, or the person he was merged into */
    uint64_t component; /* 0, or where he stands with the persons he is like (core/cluster.h) */
    uint32_t ripe;      /* bits: theme numbers with an open proposal */
    uint32_t form_count, mention_count, form_capacity, mention_capacity;
    struct kp_person_form *forms;
    struct kp_mention *mentions; /* in order of (position, index) */
};

/* Load @id with room for @extra more mentions and forms; a person that is not there yet is empty.
 * Memory: the transaction's scratch. false: the transaction failed. */
bool kp_person_load(struct kp_txn *txn, uint64_t id, uint32_t extra, struct kp_person *ret_person);
/* Put the state, or delete the row when nothing is left of the person. */
void kp_person_store(struct kp_txn *txn, const struct kp_person *person);

/* Add a mention that has the form (0: none; mention->form is set here); keeps the order. Asserts
 * that there is room. */
void kp_person_insert(struct kp_person *person, const struct kp_mention *mention, uint64_t form);
/* Index in mentions, or -1. */
int64_t kp_person_find(const struct kp_person *person, uint64_t position, uint8_t index);
/* Id of the form that the mention at @at has; 0: none. */
uint64_t kp_person_form_of(const struct kp_person *person, uint32_t at);
/* A form that no mention has any more goes too. */
void kp_person_remove(struct kp_person *person, uint32_t at);
bool kp_person_has_form(const struct kp_person *person, uint64_t form);
/* How many of his mentions are of this partner. */
uint32_t kp_person_count(const struct kp_person *person, uint16_t partner);
/* As most signals have it, of equally many the first that is whole, or else the earliest; 0: not
 * known. */
int32_t kp_person_birth_date(const struct kp_person *person);
/* Some mention names a valid BSN. */
bool kp_person_has_bsn(const struct kp_person *person);

#endif
