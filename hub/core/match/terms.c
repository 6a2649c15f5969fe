/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/terms.h"

#define RARITY_MAX 250

uint64_t kp_term_hash(enum kp_match_field field, struct kp_slice text)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)field; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.bytes[i]) * UINT64_C(1099511628211);
    }
    return hash == 0 ? 1 : hash;
}

uint8_t kp_term_round(uint64_t count)
{
    return (uint8_t)(kp_match_log2(count, 1) / (KP_BIT / 4));
}

uint32_t kp_term_day(const struct kp_form *form)
{
    uint32_t day = (uint32_t)form->birth_date % 10000;
    return day % 100 == 0 || day / 100 == 0 || day >= KP_TERM_DAYS ? 0 : day;
}

static uint8_t count_of(const struct kp_match_terms *terms, uint64_t hash)
{
    uint32_t low = 0;
    uint32_t high = terms->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (terms->hashes[middle] < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < terms->count && terms->hashes[low] == hash ? terms->counts[low] : terms->least;
}

static void rate(const struct kp_match_terms *terms, enum kp_match_field field,
                 struct kp_form_name *name)
{
    if (terms->totals[field] == 0) {
        return;
    }
    int rarity = terms->totals[field] - count_of(terms, kp_term_hash(field, name->text));
    name->rarity = (kp_form_rarity)(rarity < 1 ? 1 : rarity > RARITY_MAX ? RARITY_MAX : rarity);
}

static bool stands_for_unknown(const struct kp_match_terms *terms, const struct kp_form *form)
{
    uint32_t day = kp_term_day(form);
    return day == 0 || terms->days[day] >= (form->placeholder ? KP_DAY_FULL : KP_DAY_CROWDED);
}

void kp_terms_rate(const struct kp_match_terms *terms, struct kp_form *form)
{
    if (terms == NULL) {
        return;
    }
    if (form->given_count > 0) {
        rate(terms, KP_FIELD_GIVEN, &form->given[0]);
    }
    for (uint32_t i = 0; i < form->surname_count; i++) {
        rate(terms, KP_FIELD_SURNAME, &form->surnames[i]);
    }
    if (form->birth_place.text.size > 0) {
        rate(terms, KP_FIELD_PLACE, &form->birth_place);
    }
    if (terms->days_counted && form->birth_date != 0) {
        form->placeholder = stands_for_unknown(terms, form);
    }
}
