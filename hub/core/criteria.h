/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a house asks of a dossier before it proposes a casus: criteria, each by a name, of which a
 * theme has one. A criterion counts signals, partners or leefgebieden within a period, asks an age,
 * or puts earlier ones together: all, any, none, or so many points. "Within" goes by the date of
 * the incident, back from the day it is asked for, and a month is a month of the calendar: what was
 * reported later does not make it ripe for longer (P10).
 *
 * An age can be unknown, and then what hangs on it is neither so nor not so; a theme is ripe only
 * when its criterion is so. Pure.
 */
#ifndef KP_CORE_CRITERIA_H
#define KP_CORE_CRITERIA_H

#include "core/criterion.h"
#include "core/person.h"

enum kp_truth { KP_TRUTH_NO = 0, KP_TRUTH_UNKNOWN = 1, KP_TRUTH_YES = 2 };

struct kp_verdict {
    bool asked; /* the root needs it */
    enum kp_truth truth;
    int32_t value; /* what was counted, the age or the points; -1: not known */
};

/* How each criterion that @root needs stands for one person on @day (days since 1970), by its
 * index. */
void kp_criteria_judge(const struct kp_criteria *criteria, uint16_t root,
                       const struct kp_person *person, int32_t day,
                       struct kp_verdict ret_verdicts[KP_CRITERIA_MAX]);
bool kp_criteria_is_met(const struct kp_criteria *criteria, uint16_t root,
                        const struct kp_person *person, int32_t day);

/* What made it so: the signals that are counted by criteria that are so themselves, and that it
 * hangs on. None when it is not so. */
struct kp_counting {
    const struct kp_criteria *criteria; /* borrowed */
    int32_t day;
    uint64_t bits[KP_CRITERIA_MAX / 64]; /* criteria that count, by index */
};
void kp_criteria_counting(const struct kp_criteria *criteria, uint16_t root,
                          const struct kp_person *person, int32_t day,
                          struct kp_counting *ret_counting);
bool kp_counting_counts(const struct kp_counting *counting, const struct kp_mention *mention);

/* Without anything new it can only end, never begin. */
bool kp_criteria_fades(const struct kp_criteria *criteria, uint16_t root);
/* Fewer mentions than this never meet it. */
uint32_t kp_criteria_mentions_min(const struct kp_criteria *criteria, uint16_t root);

/* The first day after @day on which it stands otherwise if nothing comes or goes;
 * KP_CRITERIA_NEVER: none within the next century, or none that is found in KP_CRITERIA_STEPS_MAX
 * changes below it. */
#define KP_CRITERIA_NEVER INT32_MAX
#define KP_CRITERIA_STEPS_MAX 512u
int32_t kp_criteria_next_change(const struct kp_criteria *criteria, uint16_t root,
                                const struct kp_person *person, int32_t day);

/* The least that would have made it otherwise: so much more or less of what one criterion counts.
 * No time: that is kp_criteria_next_change. */
struct kp_nearest {
    uint16_t criterion; /* index */
    int32_t amount;     /* below 0: so many fewer; 0: nothing that is counted would */
};
struct kp_nearest kp_criteria_nearest(const struct kp_criteria *criteria, uint16_t root,
                                      const struct kp_verdict verdicts[KP_CRITERIA_MAX]);

/* The last day that does not count in a period that ends on @day, and the first one on which what
 * happened on @incident counts no more. */
int32_t kp_period_before(struct kp_period period, int32_t day);
int32_t kp_period_left(struct kp_period period, int32_t incident);

#endif
