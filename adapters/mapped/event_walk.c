/* SPDX-License-Identifier: EUPL-1.2 */
#include "mapped/event_walk.h"

#include <inttypes.h>
#include <stdio.h>

struct word {
    int value;
    const char *text;
};

static const struct word outcome_words[] = {
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_NEW, "nieuw"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DUPLICATE, "dubbel"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_REPLACES, "vervangt"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_SUPERSEDED, "achterhaald"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_WITHDRAWN, "ingetrokken"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_HELD, "vastgehouden"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_CONFLICT, "tegenstrijdig"},
    {KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DROPPED, "vervallen"},
    {0, NULL},
};

static const struct word lapse_words[] = {
    {KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_AGED, "verouderd"},
    {KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_WITHDRAWN, "ingetrokken"},
    {KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_CRITERIA, "criteria-gewijzigd"},
    {KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_SIGNAL, "nieuwe-melding"},
    {0, NULL},
};

static const struct word change_words[] = {
    {KNOOPPUNT__V1__CHANGE_REASON__CHANGE_REASON_SIGNAL, "melding"},
    {KNOOPPUNT__V1__CHANGE_REASON__CHANGE_REASON_GONE, "ingetrokken-of-vervangen"},
    {KNOOPPUNT__V1__CHANGE_REASON__CHANGE_REASON_DECIDED, "besluit"},
    {KNOOPPUNT__V1__CHANGE_REASON__CHANGE_REASON_EPOCH, "andere-weging"},
    {0, NULL},
};

static const struct word role_words[] = {
    {KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_PLEGER, "pleger"},
    {KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_SLACHTOFFER, "slachtoffer"},
    {KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_GETUIGE, "getuige"},
    {KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_KIND, "kind"},
    {KNOOPPUNT__V1__CASUS_ROLE__CASUS_ROLE_OVERIG, "overig"},
    {0, NULL},
};

static const struct word kind_words[] = {
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_AANMELDING, "aanmelding"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_INCIDENT, "incident"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_PROCES_VERBAAL, "proces-verbaal"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_HUISELIJK_GEWELD, "huiselijk-geweld"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_OVERLAST, "overlast"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_RECIDIVELIJST, "recidivelijst"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_BESLISSING, "beslissing"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_RISC, "risc"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_TOEZICHT_START, "toezicht-start"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_TOEZICHT_OVERTREDING, "toezicht-overtreding"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_TOEZICHT_EINDE, "toezicht-einde"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_ZORGMELDING, "zorgmelding"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_KINDERMISHANDELING, "kindermishandeling"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_JEUGDRECLASSERING, "jeugdreclassering"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_DETENTIE, "detentie"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_VERZUIM, "verzuim"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_SCHULDEN, "schulden"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_VERSLAVING, "verslaving"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_WOONOVERLAST, "woonoverlast"},
    {KNOOPPUNT__V1__SIGNAL_KIND__SIGNAL_KIND_OVERIG, "overig"},
    {0, NULL},
};

/* A newer hub may use a value that this program does not know: it says so instead of guessing. */
static const char *word_of(const struct word *words, int value)
{
    while (words->text != NULL && words->value != value) {
        words++;
    }
    return words->text == NULL ? "onbekend" : words->text;
}

struct walk {
    const struct kp_event_visitor *visitor;
};

static void visit_text(const struct walk *walk, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        walk->visitor->field(walk->visitor->context, name, value);
    }
}

static void visit_number(const struct walk *walk, const char *name, bool present, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    visit_text(walk, name, present ? text : NULL);
}

static void visit_signed(const struct walk *walk, const char *name, bool present, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, number);
    visit_text(walk, name, present ? text : NULL);
}

static void visit_code(const struct walk *walk, bool present, uint32_t code, const char *field)
{
    if (present && code != KP_OK) {
        visit_text(walk, "code", kp_err_name((enum kp_err)code));
        visit_number(walk, "codenummer", true, code);
        visit_text(walk, "reden", kp_err_text((enum kp_err)code));
    }
    visit_text(walk, "veld", field);
}

/* 1970 to 2199. What lies outside is no moment that anybody means, and no calendar holds it. */
static bool is_moment(int64_t ms)
{
    return ms >= 0 && ms < (int64_t)kp_date_to_days(22000101) * KP_DAY_MS;
}

static void visit_moment(const struct walk *walk, const char *name, bool present, int64_t ms)
{
    char text[KP_TIME_TEXT_SIZE];
    kp_wall_text((struct kp_wall){is_moment(ms) ? ms : 0}, text);
    visit_text(walk, name, present && is_moment(ms) ? text : NULL);
}

static void visit_date(const struct walk *walk, const char *name, const Knooppunt__V1__Date *date)
{
    if (date == NULL) {
        return;
    }
    char text[24];
    (void)snprintf(text, sizeof text, "%04u-%02u-%02u", date->year % 10000u, date->month % 100u,
                   date->day % 100u);
    visit_text(walk, name, text);
}

static void walk_outcomes(const struct walk *walk, const Knooppunt__V1__Outcomes *outcomes)
{
    for (size_t i = 0; i < outcomes->n_outcomes; i++) {
        const Knooppunt__V1__SignalOutcome *outcome = outcomes->outcomes[i];
        walk->visitor->open_row(walk->visitor->context, "melding");
        visit_text(walk, "kenmerk", outcome->reference);
        visit_number(walk, "versie", outcome->has_version, outcome->version);
        visit_text(walk, "resultaat", word_of(outcome_words, (int)outcome->kind));
        visit_code(walk, outcome->has_code, outcome->code, outcome->field);
        visit_number(walk, "positie", outcome->has_position, outcome->position);
        visit_number(walk, "eerdere-positie", outcome->has_first_position, outcome->first_position);
        walk->visitor->close_row(walk->visitor->context, "melding");
    }
}

static void walk_ready(const struct walk *walk, const Knooppunt__V1__CasusReady *ready)
{
    visit_text(walk, "casus", ready->casus_id);
    visit_text(walk, "persoon", ready->person_id);
    visit_text(walk, "thema", ready->theme);
    visit_text(walk, "regel", ready->rule);
    visit_text(walk, "gewijzigd", ready->again ? "ja" : NULL);
    for (size_t i = 0; i < ready->n_partners; i++) {
        visit_text(walk, "partner", ready->partners[i]);
    }
    if (ready->not_ripe_if != NULL) {
        visit_text(walk, "niet-rijp-bij-ander-aantal", ready->not_ripe_if->criterion);
        visit_signed(walk, "niet-rijp-verschil", ready->not_ripe_if->has_amount,
                     ready->not_ripe_if->amount);
        visit_moment(walk, "vervalt", ready->not_ripe_if->has_lapses_at_ms,
                     ready->not_ripe_if->lapses_at_ms);
    }
    for (size_t i = 0; i < ready->n_counted; i++) {
        const Knooppunt__V1__CountedSignal *counted = ready->counted[i];
        walk->visitor->open_row(walk->visitor->context, "meegeteld");
        visit_text(walk, "partner", counted->partner);
        visit_text(walk, "soort", word_of(kind_words, (int)counted->kind));
        visit_text(walk, "rol", word_of(role_words, (int)counted->role));
        visit_date(walk, "datum", counted->incident_date);
        visit_number(walk, "positie", counted->has_position, counted->position);
        walk->visitor->close_row(walk->visitor->context, "meegeteld");
    }
}

static void walk_lapsed(const struct walk *walk, const Knooppunt__V1__CasusLapsed *lapsed)
{
    visit_text(walk, "casus", lapsed->casus_id);
    visit_text(walk, "persoon", lapsed->person_id);
    visit_text(walk, "thema", lapsed->theme);
    visit_text(walk, "oorzaak", word_of(lapse_words, (int)lapsed->reason));
}

static void walk_changed(const struct walk *walk, const Knooppunt__V1__PersonChanged *changed)
{
    visit_text(walk, "persoon-was", changed->before_person_id);
    visit_text(walk, "persoon-is", changed->after_person_id);
    visit_number(walk, "meldingen", changed->has_signals, changed->signals);
    visit_text(walk, "oorzaak", word_of(change_words, (int)changed->reason));
}

static const char *name_of(const Knooppunt__V1__Event *event)
{
    static const struct word names[] = {
        {KNOOPPUNT__V1__EVENT__BODY_OUTCOMES, "verwerking"},
        {KNOOPPUNT__V1__EVENT__BODY_CASUS_READY, "casus-rijp"},
        {KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED, "casus-vervallen"},
        {KNOOPPUNT__V1__EVENT__BODY_PERSON_CHANGED, "persoon-gewijzigd"},
        {KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE, "ook-elders-bekend"},
        {KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE_ENDED, "niet-meer-elders-bekend"},
        {KNOOPPUNT__V1__EVENT__BODY_HELD_OPENED, "vastgehouden"},
        {KNOOPPUNT__V1__EVENT__BODY_CERTIFICATE_EXPIRING, "certificaat-verloopt"},
        {0, NULL},
    };
    return word_of(names, (int)event->body_case);
}

static void walk_body(const struct walk *walk, const Knooppunt__V1__Event *event)
{
    switch (event->body_case) {
    case KNOOPPUNT__V1__EVENT__BODY_OUTCOMES:
        walk_outcomes(walk, event->outcomes);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_CASUS_READY:
        walk_ready(walk, event->casus_ready);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED:
        walk_lapsed(walk, event->casus_lapsed);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_PERSON_CHANGED:
        walk_changed(walk, event->person_changed);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE:
        visit_text(walk, "kenmerk", event->known_elsewhere->reference);
        visit_text(walk, "thema", event->known_elsewhere->theme);
        visit_number(walk, "persoon", event->known_elsewhere->has_person,
                     event->known_elsewhere->person);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE_ENDED:
        visit_text(walk, "kenmerk", event->known_elsewhere_ended->reference);
        visit_text(walk, "thema", event->known_elsewhere_ended->theme);
        visit_number(walk, "persoon", event->known_elsewhere_ended->has_person,
                     event->known_elsewhere_ended->person);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_HELD_OPENED:
        visit_text(walk, "partner", event->held_opened->partner);
        visit_code(walk, event->held_opened->has_code, event->held_opened->code,
                   event->held_opened->field);
        visit_number(walk, "positie", event->held_opened->has_position,
                     event->held_opened->position);
        break;
    case KNOOPPUNT__V1__EVENT__BODY_CERTIFICATE_EXPIRING:
        visit_text(walk, "eigenaar", event->certificate_expiring->owner);
        visit_moment(walk, "verloopt", event->certificate_expiring->has_not_after_ms,
                     event->certificate_expiring->not_after_ms);
        visit_number(walk, "dagen", event->certificate_expiring->has_days_left,
                     event->certificate_expiring->days_left);
        break;
    case KNOOPPUNT__V1__EVENT__BODY__NOT_SET:
    case _KNOOPPUNT__V1__EVENT__BODY__CASE_IS_INT_SIZE:
    default:
        break; /* of a newer hub: its name and number are all there is to say */
    }
}

void kp_event_walk(const Knooppunt__V1__Event *event, const struct kp_event_visitor *visitor)
{
    struct kp_event_head head = {.name = name_of(event),
                                 .at = {is_moment(event->at_ms) ? event->at_ms : 0}};
    kp_wall_text(head.at, head.at_iso);
    for (size_t i = 0; i < event->event_id.len && i < KP_MESSAGE_ID_BYTES; i++) {
        (void)snprintf(head.id + 2 * i, 3, "%02x", event->event_id.data[i]);
    }
    const struct walk walk = {visitor};
    visitor->begin(visitor->context, &head);
    walk_body(&walk, event);
}
