/* SPDX-License-Identifier: EUPL-1.2 */
/* A criterion, as the house has it; how a dossier stands by it: core/criteria.h. */
#ifndef KP_CORE_CRITERION_H
#define KP_CORE_CRITERION_H

#include "base/limits.h"

#include <stdint.h>

#define KP_CRITERIA_MAX 128u
#define KP_CRITERION_PARTS_MAX 16u
#define KP_CRITERION_AREAS_MAX 16u

enum kp_criterion_kind { /* numbers are journalled */
                         KP_CRITERION_SIGNALS = 1,
                         KP_CRITERION_PARTNERS = 2,     /* how many different ones reported */
                         KP_CRITERION_LEEFGEBIEDEN = 3, /* how many different ones are touched */
                         KP_CRITERION_AGE = 4,          /* in whole years */
                         KP_CRITERION_ALL = 5,
                         KP_CRITERION_ANY = 6,
                         KP_CRITERION_NONE = 7,
                         KP_CRITERION_POINTS = 8, /* the points of those that are so, added up */
};

#define KP_PERIOD_MONTHS_MAX 1200u
#define KP_PERIOD_DAYS_MAX 36525u
/* Of the calendar, back from a day; both 0: ever. */
struct kp_period {
    uint16_t months;
    uint32_t days;
};

struct kp_criterion {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1]; /* as a person reads it in an explanation */
    uint8_t kind;
    uint32_t least, most; /* of what is counted, both included */
    /* Which signals are counted; 0: all of them. */
    uint32_t kinds, roles; /* bit n: SignalKind n, CasusRole n */
    uint32_t themes;       /* bit n: one that names theme n counts too, whatever its kind */
    uint8_t severity_min;
    struct kp_period within;
    uint16_t area_count;
    uint32_t areas[KP_CRITERION_AREAS_MAX]; /* base/area.h */
    /* Of which it is put together: earlier ones, by index. */
    uint16_t part_count;
    uint16_t parts[KP_CRITERION_PARTS_MAX];
    int16_t points[KP_CRITERION_PARTS_MAX];
};

#define KP_CRITERION_MOST_MAX 1000000u /* no upper limit */

struct kp_criteria {
    uint16_t count;
    struct kp_criterion items[KP_CRITERIA_MAX];
};

#endif
