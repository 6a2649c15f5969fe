/* SPDX-License-Identifier: EUPL-1.2 */
/* A person's state, one value: under which forms he is known and in which signals he is mentioned
 * (his dossier's index). */
#ifndef KP_CORE_PERSON_H
#define KP_CORE_PERSON_H

#include "core/core.h"

#define KP_FORM_NONE UINT16_MAX

/* A normalised name under which this person is known. */
struct kp_form {
    uint8_t name_tag[KP_TAG_BYTES];
    uint32_t bsn_mentions; /* how many mentions carry it together with the person's BSN */
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
    uint16_t form; /* index into forms, or KP_FORM_NONE */
    bool by_bsn;
};

struct kp_person {
    uint64_t id;       /* position * 32 + index of the mention that made him */
    uint64_t redirect; /* 0, or the person he was merged into */
    uint32_t ripe;     /* bits: theme numbers with an open proposal */
    bool has_bsn;
    uint8_t bsn_tag[KP_TAG_BYTES];
    uint32_t form_count, mention_count, mention_capacity;
    struct kp_form *forms;       /* KP_PERSON_FORMS_MAX */
    struct kp_mention *mentions; /* in order of (position, index) */
};

/* Load @id with room for @extra more mentions; a person that is not there yet is empty. Memory: the
 * transaction's scratch. false: the transaction failed. */
bool kp_person_load(struct kp_txn *txn, uint64_t id, uint32_t extra, struct kp_person *ret_person);
/* Put the state, or delete the row when nothing is left of the person. */
void kp_person_store(struct kp_txn *txn, const struct kp_person *person);

/* Index of the form, made when absent; KP_FORM_NONE when the person has too many. */
uint16_t kp_person_form(struct kp_person *person, const uint8_t *name_tag);
/* How many of his mentions have the person's BSN (@name_tag NULL), or this name and no BSN: of all
 * partners, and of one. */
struct kp_person_counts {
    uint32_t all, partner;
};
void kp_person_count(const struct kp_person *person, uint16_t partner, const uint8_t *name_tag,
                     struct kp_person_counts *ret_counts);
/* Keeps the order; asserts that there is room. */
void kp_person_insert(struct kp_person *person, const struct kp_mention *mention);
/* Index in mentions, or -1. */
int64_t kp_person_find(const struct kp_person *person, uint64_t position, uint8_t index);
void kp_person_remove(struct kp_person *person, uint32_t at);

#endif
