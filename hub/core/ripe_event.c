/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/ripe_event.h"

#include "core/outbox.h"
#include "core/text.h"

#define COUNTED_MAX 64u /* signals named in one alert: the newest */

static int32_t today(const struct kp_core *core)
{
    return (int32_t)(core->now.ms / KP_DAY_MS);
}

static const char *partner_id(const struct kp_core *core, uint16_t number)
{
    for (uint32_t i = 0; i < core->house.partner_count; i++) {
        if (core->house.partners[i].number == number) {
            return core->house.partners[i].id;
        }
    }
    return "?"; /* a partner that left the house's configuration */
}

static void fill_date(int32_t date, Knooppunt__V1__Date *ret_date)
{
    *ret_date = (Knooppunt__V1__Date)KNOOPPUNT__V1__DATE__INIT;
    ret_date->has_year = 1;
    ret_date->year = (uint32_t)(date / 10000);
    ret_date->has_month = date / 100 % 100 != 0;
    ret_date->month = (uint32_t)(date / 100 % 100);
    ret_date->has_day = date % 100 != 0;
    ret_date->day = (uint32_t)(date % 100);
}

/* The counted signals, newest position last; at most COUNTED_MAX of them. */
static uint32_t fill_counted(const struct kp_core *core, struct kp_arena *arena,
                             const struct kp_counting *counting, const struct kp_person *person,
                             Knooppunt__V1__CountedSignal **ret_counted)
{
    uint32_t count = 0;
    for (uint32_t i = person->mention_count; i-- > 0 && count < COUNTED_MAX;) {
        const struct kp_mention *mention = &person->mentions[i];
        if (!kp_counting_counts(counting, mention)) {
            continue;
        }
        Knooppunt__V1__CountedSignal *counted = kp_arena_alloc(arena, sizeof *counted);
        Knooppunt__V1__Date *date = kp_arena_alloc(arena, sizeof *date);
        if (counted == NULL || date == NULL) {
            return count;
        }
        *counted = (Knooppunt__V1__CountedSignal)KNOOPPUNT__V1__COUNTED_SIGNAL__INIT;
        counted->has_position = 1;
        counted->position = mention->position;
        counted->partner = kp_text(arena, partner_id(core, mention->partner));
        counted->has_kind = 1;
        counted->kind = (Knooppunt__V1__SignalKind)mention->kind;
        counted->has_role = 1;
        counted->role = (Knooppunt__V1__CasusRole)mention->role;
        fill_date(mention->incident_date, date);
        counted->incident_date = date;
        ret_counted[count++] = counted;
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        Knooppunt__V1__CountedSignal *swapped = ret_counted[i];
        ret_counted[i] = ret_counted[count - 1 - i];
        ret_counted[count - 1 - i] = swapped;
    }
    return count;
}

/* Of the signals that count, each partner once, in the order of their first one. */
static size_t fill_partners(const struct kp_core *core, struct kp_arena *arena,
                            const struct kp_counting *counting, const struct kp_person *person,
                            char *ret_partners[KP_PARTNERS_MAX])
{
    uint16_t numbers[KP_PARTNERS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < person->mention_count && count < KP_PARTNERS_MAX; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        size_t at = 0;
        while (at < count && numbers[at] != mention->partner) {
            at++;
        }
        if (at == count && kp_counting_counts(counting, mention)) {
            ret_partners[count] = kp_text(arena, partner_id(core, mention->partner));
            numbers[count++] = mention->partner;
        }
    }
    return count;
}

/* How each criterion stands: the rule comes last. */
static size_t fill_results(const struct kp_core *core, struct kp_arena *arena,
                           const struct kp_verdict *verdicts,
                           Knooppunt__V1__CriterionResult **ret_results)
{
    size_t count = 0;
    for (uint16_t i = 0; i < core->house.criteria.count; i++) {
        const struct kp_criterion *criterion = &core->house.criteria.items[i];
        Knooppunt__V1__CriterionResult *result =
            verdicts[i].asked ? kp_arena_alloc(arena, sizeof *result) : NULL;
        if (result == NULL) {
            continue; /* not asked; or no memory, which the arena remembers */
        }
        *result = (Knooppunt__V1__CriterionResult)KNOOPPUNT__V1__CRITERION_RESULT__INIT;
        result->criterion = kp_text(arena, criterion->id);
        result->name = kp_text(arena, criterion->name);
        result->has_met = verdicts[i].truth != KP_TRUTH_UNKNOWN;
        result->met = verdicts[i].truth == KP_TRUTH_YES;
        result->has_value = verdicts[i].value >= 0;
        result->value = verdicts[i].value;
        result->has_least = criterion->least > 0;
        result->least = criterion->least;
        result->has_most = criterion->most < KP_CRITERION_MOST_MAX;
        result->most = criterion->most;
        ret_results[count++] = result;
    }
    return count;
}

/* What would have made it not ripe. */
static void fill_nearest(const struct kp_core *core, struct kp_arena *arena,
                         const struct kp_theme *theme, const struct kp_verdict *verdicts,
                         struct kp_wall lapses, Knooppunt__V1__NotRipeIf *ret_nearest)
{
    struct kp_nearest nearest =
        kp_criteria_nearest(&core->house.criteria, theme->criterion, verdicts);
    *ret_nearest = (Knooppunt__V1__NotRipeIf)KNOOPPUNT__V1__NOT_RIPE_IF__INIT;
    if (nearest.amount != 0) {
        ret_nearest->criterion = kp_text(arena, core->house.criteria.items[nearest.criterion].id);
        ret_nearest->has_amount = 1;
        ret_nearest->amount = nearest.amount;
    }
    ret_nearest->has_lapses_at_ms = lapses.ms != KP_RIPE_NEVER.ms;
    ret_nearest->lapses_at_ms = lapses.ms;
}

void kp_ripe_tell(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                  const struct kp_person *person, const struct kp_proposal *proposal)
{
    struct kp_arena *arena = txn->scratch;
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__CasusReady ready = KNOOPPUNT__V1__CASUS_READY__INIT;
    Knooppunt__V1__NotRipeIf not_ripe_if;
    Knooppunt__V1__CountedSignal *counted[COUNTED_MAX];
    Knooppunt__V1__CriterionResult *results[KP_CRITERIA_MAX];
    struct kp_verdict verdicts[KP_CRITERIA_MAX];
    char *partners[KP_PARTNERS_MAX];
    struct kp_counting counting = kp_ripe_counting(core, theme, person);
    kp_criteria_judge(&core->house.criteria, theme->criterion, person, today(core), verdicts);
    fill_nearest(core, arena, theme, verdicts, proposal->lapses, &not_ripe_if);
    ready.casus_id = kp_text_casus(arena, theme->id, person->id, proposal->position);
    ready.person_id = kp_text_person(arena, person->id);
    ready.theme = kp_text(arena, theme->id);
    ready.rule = kp_text(arena, core->house.criteria.items[theme->criterion].id);
    ready.has_house_digest = 1;
    ready.house_digest =
        (ProtobufCBinaryData){.len = sizeof core->house_digest, .data = core->house_digest};
    ready.n_partners = fill_partners(core, arena, &counting, person, partners);
    ready.partners = partners;
    ready.n_results = fill_results(core, arena, verdicts, results);
    ready.results = results;
    ready.n_counted = fill_counted(core, arena, &counting, person, counted);
    ready.counted = counted;
    ready.not_ripe_if = &not_ripe_if;
    ready.has_caused_by_position = 1;
    ready.caused_by_position = core->position;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_CASUS_READY;
    event.casus_ready = &ready;
    ready.has_again = ready.again = proposal->said_at != 0;
    kp_outbox_put_role(core, txn, KP_ROLE_KETENMANAGER, &event, core->position);
}

void kp_ripe_tell_lapsed(struct kp_core *core, struct kp_txn *txn, uint8_t theme_number,
                         uint64_t person_id, const struct kp_proposal *proposal,
                         Knooppunt__V1__LapseReason reason)
{
    const char *theme_id = "?";
    for (uint32_t i = 0; i < core->house.theme_count; i++) {
        if (core->house.themes[i].number == theme_number) {
            theme_id = core->house.themes[i].id;
        }
    }
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__CasusLapsed lapsed = KNOOPPUNT__V1__CASUS_LAPSED__INIT;
    lapsed.casus_id = kp_text_casus(txn->scratch, theme_id, person_id, proposal->position);
    lapsed.person_id = kp_text_person(txn->scratch, person_id);
    lapsed.theme = kp_text(txn->scratch, theme_id);
    lapsed.has_reason = 1;
    lapsed.reason = reason;
    lapsed.has_caused_by_position = 1;
    lapsed.caused_by_position = core->position;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED;
    event.casus_lapsed = &lapsed;
    kp_outbox_put_role(core, txn, KP_ROLE_KETENMANAGER, &event, core->position);
}
