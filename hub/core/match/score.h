/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Are these two forms of one person? The evidence of the fields added up (Fellegi-Sunter), then the
 * principles: what no sum may overrule. Symmetric: a and b changed about give the same answer.
 * Pure.
 */
#ifndef KP_CORE_MATCH_SCORE_H
#define KP_CORE_MATCH_SCORE_H

#include "core/match/form.h"
#include "core/match/model.h"

/* What capped, raised or forbade a match; numbers are stored. */
enum kp_match_principle {
    KP_PRINCIPLE_NONE = 0,
    KP_PRINCIPLE_BSN = 1,         /* one valid BSN: one person */
    KP_PRINCIPLE_BSN_TAKEN = 2,   /* one valid BSN, but nothing else agrees: another person's? */
    KP_PRINCIPLE_TWO_BSNS = 3,    /* two valid BSNs: two persons, unless a person decides */
    KP_PRINCIPLE_SIBLING = 4,     /* another given name at the same birth date and surname */
    KP_PRINCIPLE_INITIALS = 5,    /* only an initial, and somebody else fits it too */
    KP_PRINCIPLE_GENERATION = 6,  /* the same names and address, another birth date */
    KP_PRINCIPLE_PLACEHOLDER = 7, /* a birth date that stands for "not known" */
    KP_PRINCIPLE_OTHER_NAMES = 8, /* neither name agrees: of one house, perhaps */
    KP_PRINCIPLE_HOUSEHOLD = 9,   /* of one of them neither given name nor birth date is known */
};

enum kp_match_grade { /* as FHIR's $match */
                      KP_GRADE_CERTAINLY_NOT = 0,
                      KP_GRADE_POSSIBLE = 1,
                      KP_GRADE_PROBABLE = 2,
                      KP_GRADE_CERTAIN = 3,
};

struct kp_match_score {
    int32_t bits;                 /* all together, with the prior, after the principles */
    int32_t sum;                  /* before the principles */
    int32_t fields[KP_FIELD_END]; /* each field's part */
    uint8_t levels[KP_FIELD_END]; /* enum kp_match_level */
    uint8_t principle;
    uint8_t grade;
    bool doubtful;   /* a principle speaks against it, whether or not it capped the sum */
    bool never;      /* two persons, whatever else says so */
    bool related;    /* two of one family, it seems */
    bool parental;   /* the same names and address, another birth date */
    bool named;      /* the given names agree */
    bool initialled; /* as far as an initial says */
};

void kp_match_score(const struct kp_match_model *model, const struct kp_form *a,
                    const struct kp_form *b, struct kp_match_score *ret_score);

/* Two records that are both written as @form are one person for that alone. Not so for one that
 * says too little: there is more than one "J. Jansen", and each record of him is a form of its own.
 * Pure; core only. */
bool kp_match_is_telling(const struct kp_match_model *model, const struct kp_form *form);

#endif
