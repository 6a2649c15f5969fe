/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/criteria.h"

#include "base/area.h"
#include "base/assert.h"
#include "base/time.h"

#include <string.h>

#define CENTURY_DAYS 36525
#define LEEFGEBIEDEN 12u

/* --- days and months --- */

static int32_t month_length(int32_t year, int32_t month)
{
    int32_t first = kp_date_to_days(year * 10000 + month * 100 + 1);
    int32_t next = month == 12 ? (year + 1) * 10000 + 101 : year * 10000 + (month + 1) * 100 + 1;
    return kp_date_to_days(next) - first;
}

/* The same day of the month so many months on, or the last of a month that has none. */
static int32_t add_months(int32_t day, int32_t months)
{
    int32_t date = kp_date_of_days(day);
    int32_t month = date / 10000 * 12 + date / 100 % 100 - 1 + months;
    int32_t year = month / 12;
    int32_t length = month_length(year, month % 12 + 1);
    int32_t day_of_month = date % 100 < length ? date % 100 : length;
    return kp_date_to_days(year * 10000 + (month % 12 + 1) * 100 + day_of_month);
}

static bool is_ever(struct kp_period period)
{
    return period.months == 0 && period.days == 0;
}

int32_t kp_period_before(struct kp_period period, int32_t day)
{
    return is_ever(period) ? INT32_MIN
                           : add_months(day, -(int32_t)period.months) - (int32_t)period.days;
}

int32_t kp_period_left(struct kp_period period, int32_t incident)
{
    if (is_ever(period)) {
        return KP_CRITERIA_NEVER;
    }
    /* A month that is too short for its day gives its last one, which is too early. */
    int32_t day = add_months(incident + (int32_t)period.days, period.months);
    while (kp_period_before(period, day) < incident) {
        day++;
    }
    return day;
}

/* --- what one criterion counts --- */

static bool is_in_areas(const struct kp_criterion *criterion, uint32_t area)
{
    for (uint32_t i = 0; i < criterion->area_count; i++) {
        if (kp_area_contains(criterion->areas[i], area)) {
            return true;
        }
    }
    return criterion->area_count == 0;
}

/* Whatever its date. */
static bool is_of(const struct kp_criterion *criterion, const struct kp_mention *mention)
{
    bool named = (criterion->themes & mention->themes) != 0;
    bool any_kind = criterion->kinds == 0 && criterion->themes == 0;
    bool kind = any_kind || (criterion->kinds >> mention->kind & 1) != 0;
    bool role = criterion->roles == 0 || (criterion->roles >> mention->role & 1) != 0;
    return (kind || named) && role && mention->severity >= criterion->severity_min &&
           is_in_areas(criterion, mention->area);
}

static bool counts(const struct kp_criterion *criterion, const struct kp_mention *mention,
                   int32_t before)
{
    return is_of(criterion, mention) && kp_date_to_days(mention->incident_date) > before;
}

static bool is_count(const struct kp_criterion *criterion)
{
    return criterion->kind <= KP_CRITERION_LEEFGEBIEDEN;
}

/* Each counterpart once: a bit for its number. */
static bool take_partner(uint64_t seen[KP_COUNTERPART_NUMBERS / 64], uint16_t partner)
{
    uint64_t bit = UINT64_C(1) << (partner % 64);
    uint64_t *word = &seen[partner % KP_COUNTERPART_NUMBERS / 64];
    bool first = (*word & bit) == 0;
    *word |= bit;
    return first;
}

static int32_t count(const struct kp_criterion *criterion, const struct kp_person *person,
                     int32_t day)
{
    uint64_t seen[KP_COUNTERPART_NUMBERS / 64] = {0};
    uint32_t leefgebieden = 0;
    int32_t signals = 0;
    int32_t partners = 0;
    int32_t touched = 0;
    int32_t before = kp_period_before(criterion->within, day);
    for (uint32_t i = 0; i < person->mention_count; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        if (counts(criterion, mention, before)) {
            signals++;
            partners += take_partner(seen, mention->partner) ? 1 : 0;
            leefgebieden |= mention->leefgebieden;
        }
    }
    for (uint32_t bit = 1; bit <= LEEFGEBIEDEN; bit++) {
        touched += (leefgebieden >> bit & 1) != 0 ? 1 : 0;
    }
    return criterion->kind == KP_CRITERION_SIGNALS    ? signals
           : criterion->kind == KP_CRITERION_PARTNERS ? partners
                                                      : touched;
}

/* --- the age --- */

/* The day on which he is so many years old for certain: of what is not known of his birth date the
 * latest. Who was born on 29 February has his birthday on 1 March when there is none. */
static int32_t birthday(int32_t birth_date, int32_t years)
{
    int32_t year = birth_date / 10000 + years;
    int32_t month = birth_date / 100 % 100;
    int32_t day = birth_date % 100;
    if (month == 0) {
        return kp_date_to_days(year * 10000 + 1231);
    }
    if (day == 0) {
        return kp_date_to_days(year * 10000 + month * 100 + 1) + month_length(year, month) - 1;
    }
    return kp_date_to_days(year * 10000 + month * 100 + 1) + day - 1;
}

static int32_t age_on(int32_t birth_date, int32_t day)
{
    int32_t years = kp_date_of_days(day) / 10000 - birth_date / 10000;
    return birthday(birth_date, years) > day ? years - 1 : years;
}

/* --- all together --- */

static enum kp_truth truth_of(bool so)
{
    return so ? KP_TRUTH_YES : KP_TRUTH_NO;
}

static enum kp_truth opposite(enum kp_truth truth)
{
    return (enum kp_truth)(KP_TRUTH_YES - truth);
}

/* The least of them, and the most. */
static struct kp_verdict judge_parts(const struct kp_criterion *criterion,
                                     const struct kp_verdict *verdicts)
{
    enum kp_truth least = KP_TRUTH_YES;
    enum kp_truth most = KP_TRUTH_NO;
    int32_t met = 0;
    for (uint32_t i = 0; i < criterion->part_count; i++) {
        enum kp_truth truth = verdicts[criterion->parts[i]].truth;
        least = truth < least ? truth : least;
        most = truth > most ? truth : most;
        met += truth == KP_TRUTH_YES ? 1 : 0;
    }
    return (struct kp_verdict){.truth = criterion->kind == KP_CRITERION_ALL   ? least
                                        : criterion->kind == KP_CRITERION_ANY ? most
                                                                              : opposite(most),
                               .value = met};
}

static bool is_between(const struct kp_criterion *criterion, int32_t value)
{
    return value >= (int32_t)criterion->least && value <= (int32_t)criterion->most;
}

/* What is not known may give its points or not: so, or not so, when it is either way. */
static struct kp_verdict judge_points(const struct kp_criterion *criterion,
                                      const struct kp_verdict *verdicts)
{
    int32_t low = 0;
    int32_t high = 0;
    int32_t known = 0;
    for (uint32_t i = 0; i < criterion->part_count; i++) {
        enum kp_truth truth = verdicts[criterion->parts[i]].truth;
        int32_t points = criterion->points[i];
        known += truth == KP_TRUTH_YES ? points : 0;
        low += truth == KP_TRUTH_YES || (truth == KP_TRUTH_UNKNOWN && points < 0) ? points : 0;
        high += truth == KP_TRUTH_YES || (truth == KP_TRUTH_UNKNOWN && points > 0) ? points : 0;
    }
    bool never = high < (int32_t)criterion->least || low > (int32_t)criterion->most;
    bool always = low >= (int32_t)criterion->least && high <= (int32_t)criterion->most;
    return (struct kp_verdict){.truth = always  ? KP_TRUTH_YES
                                        : never ? KP_TRUTH_NO
                                                : KP_TRUTH_UNKNOWN,
                               .value = known};
}

static struct kp_verdict judge_one(const struct kp_criterion *criterion,
                                   const struct kp_person *person, int32_t birth_date, int32_t day,
                                   const struct kp_verdict *verdicts)
{
    struct kp_verdict verdict = {.truth = KP_TRUTH_UNKNOWN, .value = -1};
    switch ((enum kp_criterion_kind)criterion->kind) {
    case KP_CRITERION_SIGNALS:
    case KP_CRITERION_PARTNERS:
    case KP_CRITERION_LEEFGEBIEDEN:
        verdict.value = count(criterion, person, day);
        verdict.truth = truth_of(is_between(criterion, verdict.value));
        break;
    case KP_CRITERION_AGE:
        if (birth_date != 0) {
            verdict.value = age_on(birth_date, day);
            verdict.truth = truth_of(is_between(criterion, verdict.value));
        }
        break;
    case KP_CRITERION_ALL:
    case KP_CRITERION_ANY:
    case KP_CRITERION_NONE:
        return judge_parts(criterion, verdicts);
    case KP_CRITERION_POINTS:
        return judge_points(criterion, verdicts);
    }
    return verdict;
}

static bool has_bit(const uint64_t *bits, uint16_t index)
{
    return (bits[index / 64] >> (index % 64) & 1) != 0;
}

static void set_bit(uint64_t *bits, uint16_t index)
{
    bits[index / 64] |= UINT64_C(1) << (index % 64);
}

/* A bit for each criterion that @root needs, itself too. Parts come before what they are put
 * together to. */
struct needed {
    uint64_t bits[KP_CRITERIA_MAX / 64];
};

static bool is_needed(const struct needed *needed, uint16_t index)
{
    return has_bit(needed->bits, index);
}

static struct needed needed_by(const struct kp_criteria *criteria, uint16_t root)
{
    struct needed needed = {0};
    KP_ASSERT(root < criteria->count);
    set_bit(needed.bits, root);
    for (uint16_t i = root + 1; i-- > 0;) {
        const struct kp_criterion *criterion = &criteria->items[i];
        for (uint32_t k = 0; is_needed(&needed, i) && k < criterion->part_count; k++) {
            KP_ASSERT(criterion->parts[k] < i);
            set_bit(needed.bits, criterion->parts[k]);
        }
    }
    return needed;
}

static bool asks_age(const struct kp_criteria *criteria, const struct needed *needed)
{
    for (uint16_t i = 0; i < criteria->count; i++) {
        if (is_needed(needed, i) && criteria->items[i].kind == KP_CRITERION_AGE) {
            return true;
        }
    }
    return false;
}

/* What is asked, of whom. */
struct question {
    const struct kp_criteria *criteria;
    const struct kp_person *person;
    struct needed needed;
    uint16_t root;
    int32_t birth_date; /* 0: not known, or not asked */
};

static struct question ask(const struct kp_criteria *criteria, uint16_t root,
                           const struct kp_person *person)
{
    struct question question = {
        .criteria = criteria, .person = person, .needed = needed_by(criteria, root), .root = root};
    question.birth_date = asks_age(criteria, &question.needed) ? kp_person_birth_date(person) : 0;
    return question;
}

static void judge(const struct question *question, int32_t day, struct kp_verdict *ret_verdicts)
{
    for (uint16_t i = 0; i <= question->root; i++) {
        if (is_needed(&question->needed, i)) {
            ret_verdicts[i] = judge_one(&question->criteria->items[i], question->person,
                                        question->birth_date, day, ret_verdicts);
        }
    }
}

static bool is_met(const struct question *question, int32_t day)
{
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    judge(question, day, verdicts);
    return verdicts[question->root].truth == KP_TRUTH_YES;
}

void kp_criteria_judge(const struct kp_criteria *criteria, uint16_t root,
                       const struct kp_person *person, int32_t day,
                       struct kp_verdict ret_verdicts[KP_CRITERIA_MAX])
{
    struct question question = ask(criteria, root, person);
    memset(ret_verdicts, 0, KP_CRITERIA_MAX * sizeof *ret_verdicts);
    judge(&question, day, ret_verdicts);
    for (uint16_t i = 0; i <= root; i++) {
        ret_verdicts[i].asked = is_needed(&question.needed, i);
    }
}

bool kp_criteria_is_met(const struct kp_criteria *criteria, uint16_t root,
                        const struct kp_person *person, int32_t day)
{
    struct question question = ask(criteria, root, person);
    return is_met(&question, day);
}

void kp_criteria_counting(const struct kp_criteria *criteria, uint16_t root,
                          const struct kp_person *person, int32_t day,
                          struct kp_counting *ret_counting)
{
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    *ret_counting = (struct kp_counting){.criteria = criteria, .day = day};
    kp_criteria_judge(criteria, root, person, day, verdicts);
    set_bit(ret_counting->bits, root);
    for (uint16_t i = root + 1; i-- > 0;) {
        const struct kp_criterion *criterion = &criteria->items[i];
        uint64_t bit = UINT64_C(1) << (i % 64);
        bool so = has_bit(ret_counting->bits, i) && verdicts[i].truth == KP_TRUTH_YES;
        if (!so || !is_count(criterion)) {
            ret_counting->bits[i / 64] &= ~bit;
        }
        for (uint32_t k = 0; so && k < criterion->part_count; k++) {
            set_bit(ret_counting->bits, criterion->parts[k]); /* what is not so counts nothing */
        }
    }
}

bool kp_counting_counts(const struct kp_counting *counting, const struct kp_mention *mention)
{
    for (uint16_t i = 0; i < counting->criteria->count; i++) {
        const struct kp_criterion *criterion = &counting->criteria->items[i];
        if (has_bit(counting->bits, i) &&
            counts(criterion, mention, kp_period_before(criterion->within, counting->day))) {
            return true;
        }
    }
    return false;
}

uint32_t kp_criteria_mentions_min(const struct kp_criteria *criteria, uint16_t root)
{
    uint32_t least[KP_CRITERIA_MAX] = {0};
    for (uint16_t i = 0; i <= root; i++) {
        const struct kp_criterion *criterion = &criteria->items[i];
        bool any = criterion->kind == KP_CRITERION_ANY;
        if (criterion->kind == KP_CRITERION_SIGNALS || criterion->kind == KP_CRITERION_PARTNERS) {
            least[i] = criterion->least;
        } else if (criterion->kind == KP_CRITERION_LEEFGEBIEDEN) {
            least[i] = criterion->least > 0 ? 1 : 0;
        } else if (any || criterion->kind == KP_CRITERION_ALL) {
            for (uint32_t k = 0; k < criterion->part_count; k++) {
                uint32_t part = least[criterion->parts[k]];
                bool takes = k == 0 || (any ? part < least[i] : part > least[i]);
                least[i] = takes ? part : least[i];
            }
        }
    }
    return least[root];
}

/* --- as time goes by --- */

/* With nothing new it can only end, never begin. */
static bool is_fading(const struct question *question)
{
    for (uint16_t i = 0; i <= question->root; i++) {
        const struct kp_criterion *criterion = &question->criteria->items[i];
        if (!is_needed(&question->needed, i)) {
            continue;
        }
        if (criterion->kind == KP_CRITERION_AGE || criterion->kind == KP_CRITERION_NONE ||
            criterion->most < KP_CRITERION_MOST_MAX) {
            return false;
        }
        for (uint32_t k = 0; criterion->kind == KP_CRITERION_POINTS && k < criterion->part_count;
             k++) {
            if (criterion->points[k] < 0) {
                return false;
            }
        }
    }
    return true;
}

bool kp_criteria_fades(const struct kp_criteria *criteria, uint16_t root)
{
    const struct question question = {
        .criteria = criteria, .needed = needed_by(criteria, root), .root = root};
    return is_fading(&question);
}

/* The day on which the last signal that counts is forgotten, or the last birthday is over. */
static int32_t horizon(int32_t day)
{
    return day + CENTURY_DAYS;
}

static int32_t fade(const struct question *question, int32_t day)
{
    int32_t met = day;
    int32_t ended = horizon(day);
    if (!is_met(question, day) || is_met(question, ended)) {
        return KP_CRITERIA_NEVER;
    }
    while (ended - met > 1) {
        int32_t between = met + (ended - met) / 2;
        if (is_met(question, between)) {
            met = between;
        } else {
            ended = between;
        }
    }
    return ended;
}

static int32_t earlier(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The first day after @day on which what this criterion counts is another. */
static int32_t next_step(const struct question *question, const struct kp_criterion *criterion,
                         int32_t day)
{
    int32_t next = KP_CRITERIA_NEVER;
    if (criterion->kind == KP_CRITERION_AGE && question->birth_date != 0) {
        int32_t grown = birthday(question->birth_date, (int32_t)criterion->least);
        next = grown > day ? grown : next;
        if (criterion->most < KP_CRITERION_MOST_MAX) {
            int32_t old = birthday(question->birth_date, (int32_t)criterion->most + 1);
            next = old > day ? earlier(next, old) : next;
        }
    }
    if (is_count(criterion) && !is_ever(criterion->within)) {
        for (uint32_t i = 0; i < question->person->mention_count; i++) {
            const struct kp_mention *mention = &question->person->mentions[i];
            int32_t incident = kp_date_to_days(mention->incident_date);
            if (is_of(criterion, mention) && incident > kp_period_before(criterion->within, day)) {
                next = earlier(next, kp_period_left(criterion->within, incident));
            }
        }
    }
    return next;
}

static int32_t next_day(const struct question *question, int32_t day)
{
    int32_t next = KP_CRITERIA_NEVER;
    for (uint16_t i = 0; i <= question->root; i++) {
        if (is_needed(&question->needed, i)) {
            next = earlier(next, next_step(question, &question->criteria->items[i], day));
        }
    }
    return next;
}

int32_t kp_criteria_next_change(const struct kp_criteria *criteria, uint16_t root,
                                const struct kp_person *person, int32_t day)
{
    struct question question = ask(criteria, root, person);
    if (is_fading(&question)) {
        return fade(&question, day);
    }
    bool now = is_met(&question, day);
    int32_t at = day;
    for (uint32_t step = 0; step < KP_CRITERIA_STEPS_MAX; step++) {
        at = next_day(&question, at);
        if (at == KP_CRITERIA_NEVER || at > horizon(day)) {
            return KP_CRITERIA_NEVER;
        }
        if (is_met(&question, at) != now) {
            return at;
        }
    }
    return at;
}

/* --- what would have made it otherwise --- */

#define IMPOSSIBLE INT32_MAX

/* How much must change for a criterion to be so, and not to be so; and where. */
struct change {
    int32_t cost;
    struct kp_nearest what;
};
struct changes {
    struct change to[2]; /* by bool: so */
};

static void be(struct change *change, int32_t amount, uint16_t criterion)
{
    int32_t cost = amount < 0 ? -amount : amount;
    if (cost < change->cost) {
        *change = (struct change){cost, {criterion, amount}};
    }
}

static struct changes change_count(const struct kp_criterion *criterion, uint16_t index,
                                   struct kp_verdict verdict)
{
    struct changes changes = {.to = {{.cost = IMPOSSIBLE}, {.cost = IMPOSSIBLE}}};
    int32_t least = (int32_t)criterion->least;
    int32_t most = (int32_t)criterion->most;
    if (verdict.truth == KP_TRUTH_YES) {
        changes.to[true].cost = 0;
        if (least > 0) {
            be(&changes.to[false], least - 1 - verdict.value, index);
        }
        if (most < (int32_t)KP_CRITERION_MOST_MAX) {
            be(&changes.to[false], most + 1 - verdict.value, index);
        }
    } else {
        changes.to[false].cost = 0;
        be(&changes.to[true], verdict.value < least ? least - verdict.value : most - verdict.value,
           index);
    }
    return changes;
}

/* Of several one must change, the cheapest; or all of them, of which the dearest is told. */
static struct change one_of(struct change a, struct change b)
{
    return b.cost < a.cost ? b : a;
}

static struct change both(struct change a, struct change b)
{
    struct change dearer = b.cost > a.cost ? b : a;
    bool possible = a.cost != IMPOSSIBLE && b.cost != IMPOSSIBLE;
    dearer.cost = possible ? a.cost + b.cost : IMPOSSIBLE;
    return dearer;
}

static struct changes change_parts(const struct kp_criterion *criterion,
                                   const struct changes *changes)
{
    bool all = criterion->kind == KP_CRITERION_ALL;
    struct changes found = changes[criterion->parts[0]];
    for (uint32_t i = 1; i < criterion->part_count; i++) {
        const struct changes *part = &changes[criterion->parts[i]];
        found.to[all] = both(found.to[all], part->to[all]);
        found.to[!all] = one_of(found.to[!all], part->to[!all]);
    }
    if (criterion->kind == KP_CRITERION_NONE) {
        struct change so = found.to[true];
        found.to[true] = found.to[false];
        found.to[false] = so;
    }
    return found;
}

/* One part that gives or takes enough points alone; of several together nothing is told. */
static struct changes change_points(const struct kp_criterion *criterion, struct kp_verdict verdict,
                                    const struct kp_verdict *verdicts,
                                    const struct changes *changes)
{
    bool so = verdict.truth == KP_TRUTH_YES;
    struct changes found = {.to = {{.cost = IMPOSSIBLE}, {.cost = IMPOSSIBLE}}};
    found.to[so].cost = 0;
    for (uint32_t i = 0; i < criterion->part_count; i++) {
        uint16_t part = criterion->parts[i];
        bool given = verdicts[part].truth == KP_TRUTH_YES;
        int32_t value = verdict.value + (given ? -criterion->points[i] : criterion->points[i]);
        if (is_between(criterion, value) != so) {
            found.to[!so] = one_of(found.to[!so], changes[part].to[!given]);
        }
    }
    return found;
}

struct kp_nearest kp_criteria_nearest(const struct kp_criteria *criteria, uint16_t root,
                                      const struct kp_verdict verdicts[KP_CRITERIA_MAX])
{
    struct changes changes[KP_CRITERIA_MAX];
    struct needed needed = needed_by(criteria, root);
    for (uint16_t i = 0; i <= root; i++) {
        const struct kp_criterion *criterion = &criteria->items[i];
        if (!is_needed(&needed, i)) {
            continue;
        }
        if (is_count(criterion)) {
            changes[i] = change_count(criterion, i, verdicts[i]);
        } else if (criterion->kind == KP_CRITERION_POINTS) {
            changes[i] = change_points(criterion, verdicts[i], verdicts, changes);
        } else if (criterion->kind == KP_CRITERION_AGE) { /* nobody changes that */
            changes[i] = (struct changes){.to = {{.cost = IMPOSSIBLE}, {.cost = IMPOSSIBLE}}};
            changes[i].to[verdicts[i].truth == KP_TRUTH_YES].cost = 0;
        } else {
            changes[i] = change_parts(criterion, changes);
        }
    }
    bool so = verdicts[root].truth == KP_TRUTH_YES;
    const struct change *change = &changes[root].to[!so];
    return change->cost == IMPOSSIBLE ? (struct kp_nearest){.criterion = root} : change->what;
}
