/* SPDX-License-Identifier: EUPL-1.2 */
#include "intake/validate.h"

#include "base/bsn.h"
#include "base/time.h"

#include <stdio.h>
#include <string.h>

#define KIND_MAX 20
#define ROLE_MAX 5
#define LEEFGEBIED_MAX 12
#define SEVERITY_MAX 5
#define REQUESTER_TYPE_MAX 7
#define CHECK_REASON_MAX 6
/* 1900 to 2199 */
#define REGISTERED_MS_MIN (-25567 * KP_DAY_MS)
#define REGISTERED_MS_MAX (84005 * KP_DAY_MS)

int32_t kp_validate_date(const Knooppunt__V1__Date *date)
{
    if (date == NULL || !date->has_year || date->year > 9999) {
        return 0;
    }
    if ((date->has_month && date->month > 12) || (date->has_day && date->day > 31)) {
        return -1;
    }
    return (int32_t)(date->year * 10000 + (date->has_month ? date->month : 0) * 100 +
                     (date->has_day ? date->day : 0));
}

static enum kp_err check_date(const Knooppunt__V1__Date *date, const char *field,
                              struct kp_diag *reterr_diag)
{
    if (date != NULL && !kp_date_is_possible(kp_validate_date(date))) {
        return kp_fail_field(reterr_diag, KP_E_DATE, field, "not a possible date");
    }
    return KP_OK;
}

static enum kp_err check_length(const char *text, size_t size_max, const char *field,
                                struct kp_diag *reterr_diag)
{
    if (text != NULL && strlen(text) > size_max) {
        return kp_fail_field(reterr_diag, KP_E_LENGTH, field, "longer than %zu bytes", size_max);
    }
    return KP_OK;
}

static enum kp_err check_bsn(const struct kp_house *house, const char *bsn, const char *field,
                             struct kp_diag *reterr_diag)
{
    char digits[10];
    if (bsn == NULL) {
        return KP_OK;
    }
    enum kp_bsn_class class = kp_bsn_classify(kp_slice_str(bsn), digits);
    if (class == KP_BSN_SHAPE) {
        return kp_fail_field(reterr_diag, KP_E_BSN, field, "not 8 or 9 digits");
    }
    if (class == KP_BSN_TEST && !house->test_mode) {
        return kp_fail_field(reterr_diag, KP_E_TEST_BSN, field, "a number of the test series");
    }
    return KP_OK; /* a number that fails the 11-test is kept as evidence and never matched on */
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

struct text_field {
    const char *name, *text;
};

static enum kp_err check_person(const struct kp_house *house,
                                const Knooppunt__V1__PersonMention *person,
                                struct kp_diag *reterr_diag)
{
    const struct text_field texts[] = {
        {"given_names", person->given_names},
        {"initials", person->initials},
        {"prefix", person->prefix},
        {"surname", person->surname},
        {"partner_prefix", person->partner_prefix},
        {"partner_surname", person->partner_surname},
        {"birth_place", person->birth_place},
        {"v_nummer", person->v_nummer},
    };
    enum kp_err err = check_bsn(house, person->bsn, "bsn", reterr_diag);
    if (err == KP_OK) {
        err = check_date(person->birth_date, "birth_date", reterr_diag);
    }
    for (size_t i = 0; err == KP_OK && i < sizeof texts / sizeof texts[0]; i++) {
        err = check_length(texts[i].text, KP_NAME_BYTES_MAX, texts[i].name, reterr_diag);
    }
    if (err == KP_OK && is_empty(person->bsn) && is_empty(person->v_nummer) &&
        is_empty(person->surname)) {
        return kp_fail_field(reterr_diag, KP_E_PERSON, "surname",
                             "neither a number nor a surname to know the person by");
    }
    return err;
}

static enum kp_err check_role(const Knooppunt__V1__PersonMention *person,
                              struct kp_diag *reterr_diag)
{
    if (!person->has_role || person->role < 1 || person->role > ROLE_MAX) {
        return kp_fail_field(reterr_diag, KP_E_ROLE, "role", "not a role of the wire");
    }
    return KP_OK;
}

static enum kp_err check_persons(const struct kp_house *house, const Knooppunt__V1__Signal *signal,
                                 struct kp_diag *reterr_diag)
{
    if (signal->n_persons > KP_SIGNAL_PERSONS_MAX) {
        return kp_fail_field(reterr_diag, KP_E_TOO_MANY_PERSONS, "persons",
                             "%zu persons, at most %u", signal->n_persons, KP_SIGNAL_PERSONS_MAX);
    }
    for (size_t i = 0; i < signal->n_persons; i++) {
        struct kp_diag inner;
        enum kp_err err = check_role(signal->persons[i], &inner);
        err = err == KP_OK ? check_person(house, signal->persons[i], &inner) : err;
        if (err != KP_OK) {
            char field[sizeof inner.field + 32];
            (void)snprintf(field, sizeof field, "persons[%zu].%s", i, inner.field); /* fits */
            return kp_fail_field(reterr_diag, err, field, "%s", inner.text);
        }
    }
    bool has_place = signal->place != NULL &&
                     (!is_empty(signal->place->postcode) || !is_empty(signal->place->place));
    if (signal->n_persons == 0 && is_empty(signal->area_code) && !has_place) {
        return kp_fail_field(reterr_diag, KP_E_AREA, "persons", "neither a person nor an area");
    }
    return KP_OK;
}

static enum kp_err check_lists(const struct kp_house *house, const Knooppunt__V1__Signal *signal,
                               struct kp_diag *reterr_diag)
{
    for (size_t i = 0; i < signal->n_themes; i++) {
        if (kp_house_theme(house, kp_slice_str(signal->themes[i])) < 0) {
            return kp_fail_field(reterr_diag, KP_E_THEME, "themes", "not a theme of this house");
        }
    }
    for (size_t i = 0; i < signal->n_leefgebieden; i++) {
        if (signal->leefgebieden[i] < 1 || signal->leefgebieden[i] > LEEFGEBIED_MAX) {
            return kp_fail_field(reterr_diag, KP_E_VALUE, "leefgebieden", "not a leefgebied");
        }
    }
    if (signal->has_severity && (signal->severity < 1 || signal->severity > SEVERITY_MAX)) {
        return kp_fail_field(reterr_diag, KP_E_VALUE, "severity", "not 1 to %d", SEVERITY_MAX);
    }
    return KP_OK;
}

static enum kp_err check_identity(const Knooppunt__V1__Signal *signal, struct kp_diag *reterr_diag)
{
    if (is_empty(signal->reference)) {
        return kp_fail_field(reterr_diag, KP_E_REFERENCE, "reference", "absent");
    }
    if (strlen(signal->reference) > KP_REFERENCE_BYTES_MAX) {
        return kp_fail_field(reterr_diag, KP_E_REFERENCE, "reference", "longer than %u bytes",
                             KP_REFERENCE_BYTES_MAX);
    }
    if (!signal->has_version || signal->version == 0) {
        return kp_fail_field(reterr_diag, KP_E_VERSION, "version", "absent or zero");
    }
    if (!signal->has_action ||
        (signal->action != KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_REPORT &&
         signal->action != KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW)) {
        return kp_fail_field(reterr_diag, KP_E_VALUE, "action", "neither report nor withdraw");
    }
    return KP_OK;
}

enum kp_err kp_validate_signal(const struct kp_house *house, const Knooppunt__V1__Signal *signal,
                               struct kp_diag *reterr_diag)
{
    enum kp_err err = check_identity(signal, reterr_diag);
    if (err != KP_OK || signal->action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW) {
        return err;
    }
    if (!signal->has_kind || signal->kind < 1 || signal->kind > KIND_MAX) {
        return kp_fail_field(reterr_diag, KP_E_KIND, "kind", "not a kind of signal");
    }
    err = check_date(signal->incident_date, "incident_date", reterr_diag);
    if (err == KP_OK && signal->incident_date == NULL && !signal->has_registered_at_ms) {
        err = kp_fail_field(reterr_diag, KP_E_MISSING, "incident_date",
                            "neither the incident's date nor its registration's");
    }
    if (err == KP_OK && signal->has_registered_at_ms &&
        (signal->registered_at_ms < REGISTERED_MS_MIN ||
         signal->registered_at_ms > REGISTERED_MS_MAX)) {
        err = kp_fail_field(reterr_diag, KP_E_DATE, "registered_at_ms", "not a possible time");
    }
    if (err == KP_OK) {
        err = check_length(signal->summary, KP_TEXT_BYTES_MAX, "summary", reterr_diag);
    }
    if (err == KP_OK) {
        err = check_length(signal->request, KP_TEXT_BYTES_MAX, "request", reterr_diag);
    }
    if (err == KP_OK) {
        err = check_lists(house, signal, reterr_diag);
    }
    return err == KP_OK ? check_persons(house, signal, reterr_diag) : err;
}

enum kp_err kp_validate_check(const struct kp_house *house, const Knooppunt__V1__KnownCheck *check,
                              struct kp_diag *reterr_diag)
{
    struct kp_diag inner = {0};
    if (!check->has_requester_type || check->requester_type < 1 ||
        check->requester_type > REQUESTER_TYPE_MAX) {
        return kp_fail_field(reterr_diag, KP_E_VALUE, "known_check.requester_type",
                             "not a type of the wire");
    }
    if (!check->has_reason || check->reason < 1 || check->reason > CHECK_REASON_MAX) {
        return kp_fail_field(reterr_diag, KP_E_VALUE, "known_check.reason",
                             "not a reason of the wire");
    }
    if (check->person == NULL) {
        return kp_fail_field(reterr_diag, KP_E_MISSING, "known_check.person", "absent");
    }
    if (check->person->has_role) {
        return kp_fail_field(reterr_diag, KP_E_ROLE, "known_check.person.role", "a check has none");
    }
    enum kp_err err = check_person(house, check->person, &inner);
    if (err != KP_OK) {
        char field[sizeof inner.field + 32];
        (void)snprintf(field, sizeof field, "known_check.person.%s", inner.field); /* fits */
        return kp_fail_field(reterr_diag, err, field, "%s", inner.text);
    }
    return KP_OK;
}
