/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/score.h"

#include "core/match/alias.h"
#include "core/match/likeness.h"

#define ALIKE 9200u       /* Jaro-Winkler, ten-thousandths: the same name, misspelt */
#define LIKE 8500u        /* perhaps */
#define SHORT_NAME 3      /* letters: one edit makes another name of it */
#define POSTCODE_STREET 6 /* characters of one that tells a street: the Dutch */
#define GENERATION_YEARS_MIN 12
#define MISREAD_DIGITS_MAX 2u /* of a date */
#define RARITY_LESS_MAX 400
#define RARITY_MORE_MAX 200

/* --- names --- */

static bool is_alike(struct kp_slice a, struct kp_slice b)
{
    if (a.size <= SHORT_NAME && b.size <= SHORT_NAME) {
        return false;
    }
    return kp_one_edit(a, b) || kp_jaro_winkler(a, b) >= ALIKE;
}

static bool is_short(struct kp_slice a, struct kp_slice b)
{
    return a.size <= SHORT_NAME && b.size <= SHORT_NAME;
}

static bool sounds_equal(struct kp_slice a, struct kp_slice b)
{
    struct kp_skeleton one;
    struct kp_skeleton other;
    if (kp_first_sound(a) != kp_first_sound(b)) { /* nearly always: the whole costs more */
        return false;
    }
    kp_skeleton_of(a, &one);
    kp_skeleton_of(b, &other);
    return kp_skeleton_equal(&one, &other);
}

static bool is_among(struct kp_slice name, const struct kp_form *form)
{
    for (uint32_t i = 0; i < form->given_count; i++) {
        if (kp_slice_equal(name, form->given[i].text)) {
            return true;
        }
    }
    return false;
}

/* Both give more than one initial, and a later one differs: initials are of the whole name. */
static bool later_initials_differ(const struct kp_form *a, const struct kp_form *b)
{
    for (size_t i = 1; i < a->initials.size && i < b->initials.size; i++) {
        if (a->initials.bytes[i] != b->initials.bytes[i]) {
            return true;
        }
    }
    return false;
}

static bool same_initial(const struct kp_form *a, const struct kp_form *b)
{
    return a->initials.size > 0 && b->initials.size > 0 &&
           a->initials.bytes[0] == b->initials.bytes[0];
}

static enum kp_match_level given_level(const struct kp_form *a, const struct kp_form *b)
{
    if (a->initials.size == 0 || b->initials.size == 0) {
        return KP_LEVEL_MISSING;
    }
    if (a->given_count == 0 || b->given_count == 0) {
        return !same_initial(a, b)           ? KP_LEVEL_GIVEN_OTHER
               : later_initials_differ(a, b) ? KP_LEVEL_GIVEN_SAME_INITIAL
               : a->initials.size > 1 && a->initials.size == b->initials.size
                   ? KP_LEVEL_GIVEN_ALL_INITIALS
                   : KP_LEVEL_GIVEN_INITIALS;
    }
    struct kp_slice first_a = a->given[0].text;
    struct kp_slice first_b = b->given[0].text;
    if (same_initial(a, b) && later_initials_differ(a, b)) {
        return KP_LEVEL_GIVEN_SAME_INITIAL;
    }
    if (kp_slice_equal(first_a, first_b)) {
        return KP_LEVEL_GIVEN_EQUAL;
    }
    if (is_alike(first_a, first_b) || kp_names_are_aliases(first_a, first_b)) {
        return KP_LEVEL_GIVEN_CLOSE;
    }
    if (is_among(first_a, b) || is_among(first_b, a) || sounds_equal(first_a, first_b) ||
        (is_short(first_a, first_b) && kp_one_edit(first_a, first_b)) ||
        kp_jaro_winkler(first_a, first_b) >= LIKE) {
        return KP_LEVEL_GIVEN_LOOSE;
    }
    return same_initial(a, b) ? KP_LEVEL_GIVEN_SAME_INITIAL : KP_LEVEL_GIVEN_OTHER;
}

static enum kp_match_level surname_pair_level(const struct kp_form_name *a,
                                              const struct kp_form_name *b)
{
    bool own = a->use == KP_FORM_OWN && b->use == KP_FORM_OWN;
    if (kp_slice_equal(a->text, b->text)) {
        return own ? KP_LEVEL_SURNAME_EQUAL : KP_LEVEL_SURNAME_PARTNER;
    }
    if (is_alike(a->text, b->text)) {
        return own ? KP_LEVEL_SURNAME_CLOSE : KP_LEVEL_SURNAME_SOUND;
    }
    bool like = sounds_equal(a->text, b->text) ||
                (is_short(a->text, b->text) && kp_one_edit(a->text, b->text)) ||
                kp_jaro_winkler(a->text, b->text) >= LIKE;
    return like ? KP_LEVEL_SURNAME_SOUND : KP_LEVEL_SURNAME_OTHER;
}

/* Which of several agreements is the better one. */
static uint32_t surname_rank(enum kp_match_level level)
{
    static const uint8_t ranks[KP_LEVEL_END] = {
        [KP_LEVEL_SURNAME_EQUAL] = 5, [KP_LEVEL_SURNAME_CLOSE] = 4, [KP_LEVEL_SURNAME_PARTNER] = 3,
        [KP_LEVEL_SURNAME_SOUND] = 2, [KP_LEVEL_SURNAME_OTHER] = 1,
    };
    return ranks[level];
}

struct names {
    enum kp_match_level given, surname;
    const struct kp_form_name *surname_a, *surname_b; /* those that agree best */
};

static kp_form_rarity commoner(const struct kp_form_name *a, const struct kp_form_name *b)
{
    return a->rarity < b->rarity ? a->rarity : b->rarity;
}

static void compare_surnames(const struct kp_form *a, const struct kp_form *b, struct names *names)
{
    uint32_t best = 0;
    kp_form_rarity rarest = 0;
    names->surname = KP_LEVEL_MISSING;
    for (uint32_t i = 0; i < a->surname_count; i++) {
        for (uint32_t j = 0; j < b->surname_count; j++) {
            enum kp_match_level level = surname_pair_level(&a->surnames[i], &b->surnames[j]);
            kp_form_rarity rarity = commoner(&a->surnames[i], &b->surnames[j]);
            uint32_t rank = surname_rank(level);
            if (rank > best || (rank == best && rarity > rarest)) { /* of two the rarer one */
                best = rank;
                rarest = rarity;
                names->surname = level;
                names->surname_a = &a->surnames[i];
                names->surname_b = &b->surnames[j];
            }
        }
    }
}

static bool same_name(struct kp_slice a, struct kp_slice b)
{
    return kp_slice_equal(a, b) || is_alike(a, b);
}

static bool is_surname(struct kp_slice given, const struct kp_form *form)
{
    for (uint32_t i = 0; i < form->surname_count; i++) {
        if (same_name(given, form->surnames[i].text)) {
            return true;
        }
    }
    return false;
}

/* The one's given name is the other's surname, both ways. */
static bool is_swapped(const struct kp_form *a, const struct kp_form *b)
{
    return a->given_count > 0 && b->given_count > 0 && is_surname(a->given[0].text, b) &&
           is_surname(b->given[0].text, a);
}

/* One way only: the other name was changed, or is another person's. */
static bool is_crossed(const struct kp_form *a, const struct kp_form *b)
{
    return (a->given_count > 0 && is_surname(a->given[0].text, b)) ||
           (b->given_count > 0 && is_surname(b->given[0].text, a));
}

/* The same where the one has an initial only. */
static bool is_half_swapped(const struct kp_form *initial, const struct kp_form *full)
{
    return initial->given_count == 0 && initial->initials.size > 0 && full->given_count > 0 &&
           full->surname_count > 0 && is_surname(full->given[0].text, initial) &&
           initial->initials.bytes[0] == full->surnames[0].text.bytes[0];
}

static void compare_names(const struct kp_form *a, const struct kp_form *b, struct names *names)
{
    names->given = given_level(a, b);
    compare_surnames(a, b, names);
    if (names->surname == KP_LEVEL_SURNAME_OTHER &&
        (is_half_swapped(a, b) || is_half_swapped(b, a))) {
        names->given = KP_LEVEL_GIVEN_INITIALS;
        names->surname = KP_LEVEL_SURNAME_PARTNER;
        names->surname_a = names->surname_b = NULL;
    }
    bool others =
        (names->given == KP_LEVEL_GIVEN_OTHER || names->given == KP_LEVEL_GIVEN_SAME_INITIAL) &&
        names->surname == KP_LEVEL_SURNAME_OTHER;
    if (others && is_swapped(a, b)) {
        names->given = KP_LEVEL_NAMES_SWAPPED;
        names->surname = KP_LEVEL_SURNAME_SWAPPED;
    } else if (others && is_crossed(a, b)) {
        names->given = KP_LEVEL_NAMES_CROSSED;
        names->surname = KP_LEVEL_SURNAME_SWAPPED;
    }
}

/* --- the other fields --- */

struct date {
    int32_t year, month, day;
};

static struct date split(int32_t date)
{
    return (struct date){date / 10000, date / 100 % 100, date % 100};
}

static uint32_t digits_that_differ(int32_t a, int32_t b)
{
    uint32_t count = 0;
    for (int32_t i = 0; i < 8; i++) {
        count += a % 10 != b % 10 ? 1 : 0;
        a /= 10;
        b /= 10;
    }
    return count;
}

/* Two neighbouring digits changed about. */
static bool is_turned(int32_t a, int32_t b)
{
    int32_t rest_a = a;
    int32_t rest_b = b;
    while (rest_a % 10 == rest_b % 10) {
        rest_a /= 10;
        rest_b /= 10;
    }
    return rest_a / 100 == rest_b / 100 && rest_a % 10 == rest_b / 10 % 10 &&
           rest_a / 10 % 10 == rest_b % 10;
}

static enum kp_match_level birth_level(const struct kp_form *form_a, const struct kp_form *form_b)
{
    int32_t a = form_a->birth_date;
    int32_t b = form_b->birth_date;
    if (a == 0 || b == 0) {
        return KP_LEVEL_MISSING;
    }
    struct date date_a = split(a);
    struct date date_b = split(b);
    if (form_a->placeholder || form_b->placeholder) {
        return date_a.year == date_b.year ? KP_LEVEL_BIRTH_YEAR : KP_LEVEL_BIRTH_OTHER;
    }
    if (a == b) {
        return KP_LEVEL_BIRTH_EQUAL;
    }
    if (date_a.year == date_b.year && date_a.month == date_b.day && date_a.day == date_b.month) {
        return KP_LEVEL_BIRTH_SWAPPED;
    }
    if (digits_that_differ(a, b) == 1 || is_turned(a, b)) {
        return KP_LEVEL_BIRTH_CLOSE;
    }
    return date_a.year == date_b.year ? KP_LEVEL_BIRTH_SAME_YEAR : KP_LEVEL_BIRTH_OTHER;
}

static bool same_start(struct kp_slice a, struct kp_slice b, size_t size)
{
    return a.size >= size && b.size >= size &&
           kp_slice_equal(kp_slice_of(a.bytes, size), kp_slice_of(b.bytes, size));
}

/* Postcode and street each say where; the house number belongs to either. */
static enum kp_match_level address_level(const struct kp_form *a, const struct kp_form *b)
{
    bool codes = a->postcode.size > 0 && b->postcode.size > 0;
    bool streets = a->street.size > 0 && b->street.size > 0;
    bool number = a->house_number != 0 && a->house_number == b->house_number;
    bool equal = codes && kp_slice_equal(a->postcode, b->postcode);
    bool near = !codes || equal || kp_one_edit(a->postcode, b->postcode);
    bool street = streets && same_name(a->street, b->street);
    if (!codes && !streets) {
        return KP_LEVEL_MISSING;
    }
    if (equal && number) {
        return street ? KP_LEVEL_ADDRESS_FULL : KP_LEVEL_ADDRESS_EQUAL;
    }
    if ((equal && a->postcode.size == POSTCODE_STREET) || (codes && near && number) ||
        (street && (number || (codes && near)))) {
        return KP_LEVEL_ADDRESS_CLOSE;
    }
    if (codes && same_start(a->postcode, b->postcode, 4)) {
        return KP_LEVEL_ADDRESS_AREA;
    }
    if (codes && near && (a->house_number == 0 || b->house_number == 0)) {
        return KP_LEVEL_MISSING; /* a slip, or the next street: it says nothing */
    }
    return street ? KP_LEVEL_ADDRESS_STREET : KP_LEVEL_ADDRESS_OTHER;
}

static enum kp_match_level place_level(struct kp_slice a, struct kp_slice b)
{
    if (a.size == 0 || b.size == 0) {
        return KP_LEVEL_MISSING;
    }
    if (kp_slice_equal(a, b)) {
        return KP_LEVEL_PLACE_EQUAL;
    }
    return is_alike(a, b) ? KP_LEVEL_PLACE_CLOSE : KP_LEVEL_PLACE_OTHER;
}

static enum kp_match_level bsn_level(const struct kp_form *a, const struct kp_form *b)
{
    if (a->bsn_class == KP_FORM_BSN_NONE || b->bsn_class == KP_FORM_BSN_NONE) {
        return KP_LEVEL_MISSING;
    }
    if (a->bsn_class == KP_FORM_BSN_VALID && b->bsn_class == KP_FORM_BSN_VALID) {
        return a->bsn == b->bsn ? KP_LEVEL_BSN_EQUAL : KP_LEVEL_BSN_OTHER;
    }
    uint32_t differ = 0;
    uint32_t rest_a = a->bsn;
    uint32_t rest_b = b->bsn;
    for (; rest_a != rest_b; rest_a /= 10, rest_b /= 10) {
        differ += rest_a % 10 != rest_b % 10 ? 1 : 0;
    }
    bool near = differ <= 1 || is_turned((int32_t)a->bsn, (int32_t)b->bsn);
    return near ? KP_LEVEL_BSN_NEAR : KP_LEVEL_MISSING;
}

/* --- together --- */

static int32_t clamp(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* How much more or less an agreement on these values is worth than one on values as they come. */
static int32_t rarity_worth(const struct kp_match_model *model, enum kp_match_field field,
                            const struct kp_form_name *a, const struct kp_form_name *b)
{
    if (a->rarity == 0 || b->rarity == 0) {
        return 0;
    }
    return commoner(a, b) * (KP_BIT / 4) - model->rarity_means[field];
}

static int32_t half_worth(int32_t worth)
{
    return clamp(worth / 2, -RARITY_LESS_MAX, RARITY_MORE_MAX);
}

static void weigh(const struct kp_match_model *model, const struct kp_form *a,
                  const struct kp_form *b, const struct names *names, struct kp_match_score *score)
{
    score->sum = model->prior;
    for (int field = 0; field < KP_FIELD_END; field++) {
        score->fields[field] = model->weights[score->levels[field]];
    }
    if (names->given == KP_LEVEL_GIVEN_EQUAL || names->given == KP_LEVEL_GIVEN_CLOSE) {
        int32_t worth = rarity_worth(model, KP_FIELD_GIVEN, &a->given[0], &b->given[0]);
        bool equal = names->given == KP_LEVEL_GIVEN_EQUAL;
        score->fields[KP_FIELD_GIVEN] += equal ? worth : half_worth(worth);
    }
    if (names->surname_a != NULL &&
        (names->surname == KP_LEVEL_SURNAME_EQUAL || names->surname == KP_LEVEL_SURNAME_CLOSE ||
         names->surname == KP_LEVEL_SURNAME_PARTNER)) {
        int32_t worth = rarity_worth(model, KP_FIELD_SURNAME, names->surname_a, names->surname_b);
        bool close = names->surname == KP_LEVEL_SURNAME_CLOSE;
        score->fields[KP_FIELD_SURNAME] += close ? half_worth(worth) : worth;
    }
    if (score->levels[KP_FIELD_PLACE] == KP_LEVEL_PLACE_EQUAL) {
        score->fields[KP_FIELD_PLACE] +=
            rarity_worth(model, KP_FIELD_PLACE, &a->birth_place, &b->birth_place);
    }
    for (int field = 0; field < KP_FIELD_END; field++) {
        score->sum += score->fields[field];
    }
}

static bool given_contradicts(uint8_t level)
{
    return level == KP_LEVEL_GIVEN_OTHER || level == KP_LEVEL_GIVEN_SAME_INITIAL;
}

static bool birth_contradicts(uint8_t level)
{
    return level == KP_LEVEL_BIRTH_OTHER || level == KP_LEVEL_BIRTH_SAME_YEAR;
}

/* Another date altogether: not one that was misread twice, in which no parent and child lie. */
static bool is_other_date(const struct kp_form *a, const struct kp_form *b)
{
    int32_t years = a->birth_date / 10000 - b->birth_date / 10000;
    return years >= GENERATION_YEARS_MIN || -years >= GENERATION_YEARS_MIN ||
           digits_that_differ(a->birth_date, b->birth_date) > MISREAD_DIGITS_MAX;
}

static bool surname_agrees(uint8_t level)
{
    return level == KP_LEVEL_SURNAME_EQUAL || level == KP_LEVEL_SURNAME_CLOSE ||
           level == KP_LEVEL_SURNAME_PARTNER;
}

/* Perhaps another one of the family. */
static bool is_namesake(uint8_t surname)
{
    return surname_agrees(surname) || surname == KP_LEVEL_SURNAME_SOUND;
}

static bool address_agrees(uint8_t level)
{
    return level == KP_LEVEL_ADDRESS_FULL || level == KP_LEVEL_ADDRESS_EQUAL ||
           level == KP_LEVEL_ADDRESS_CLOSE;
}

/* An initial says little of a name: birth date and surname must agree. At one address either may be
 * misspelt, or the day not be known; with one birth place the date may be. */
static bool initials_suffice(const uint8_t *levels)
{
    uint8_t birth = levels[KP_FIELD_BIRTH];
    uint8_t surname = levels[KP_FIELD_SURNAME];
    bool same_day = birth == KP_LEVEL_BIRTH_EQUAL;
    bool near_day = birth == KP_LEVEL_BIRTH_SWAPPED || birth == KP_LEVEL_BIRTH_CLOSE;
    bool address = address_agrees(levels[KP_FIELD_ADDRESS]);
    return (same_day && surname_agrees(surname)) ||
           (address && birth == KP_LEVEL_BIRTH_YEAR && surname_agrees(surname)) ||
           ((address || levels[KP_FIELD_PLACE] == KP_LEVEL_PLACE_EQUAL) && near_day &&
            surname_agrees(surname)) ||
           (address && same_day && surname == KP_LEVEL_SURNAME_SOUND);
}

static void cap(struct kp_match_score *score, enum kp_match_principle principle, int32_t most)
{
    score->doubtful = true;
    if (score->bits > most) {
        score->bits = most;
        score->principle = (uint8_t)principle;
    }
}

static void apply_equal_bsn(const struct kp_match_model *model, struct kp_match_score *score)
{
    bool names = given_contradicts(score->levels[KP_FIELD_GIVEN]) ||
                 score->levels[KP_FIELD_SURNAME] == KP_LEVEL_SURNAME_OTHER;
    if (names && birth_contradicts(score->levels[KP_FIELD_BIRTH])) {
        score->bits = clamp(score->bits, model->possible, model->certain - 1);
        score->principle = KP_PRINCIPLE_BSN_TAKEN;
        score->doubtful = true;
    } else {
        score->bits = score->bits > model->certain ? score->bits : model->certain;
        score->principle = KP_PRINCIPLE_BSN;
    }
}

static void apply_two_bsns(const struct kp_match_model *model, struct kp_match_score *score)
{
    bool all_else = score->levels[KP_FIELD_GIVEN] == KP_LEVEL_GIVEN_EQUAL &&
                    score->levels[KP_FIELD_SURNAME] == KP_LEVEL_SURNAME_EQUAL &&
                    score->levels[KP_FIELD_BIRTH] == KP_LEVEL_BIRTH_EQUAL;
    score->never = true;
    score->principle = KP_PRINCIPLE_TWO_BSNS;
    score->bits =
        clamp(score->bits, score->bits, all_else ? model->probable - 1 : model->possible - 1);
}

/* Without a birth date the names do not suffice: where somebody lives or was born must agree, or
 * say as much as joins two forms. A number that fails does so for a day that is not known, not for
 * a whole date: many are written to have written one. */
static void apply_unknown_birth(const struct kp_match_model *model, struct kp_match_score *score)
{
    const uint8_t *levels = score->levels;
    bool missing = levels[KP_FIELD_BIRTH] == KP_LEVEL_MISSING;
    bool known = address_agrees(levels[KP_FIELD_ADDRESS]) ||
                 levels[KP_FIELD_PLACE] == KP_LEVEL_PLACE_EQUAL ||
                 levels[KP_FIELD_PLACE] == KP_LEVEL_PLACE_CLOSE ||
                 (!missing && levels[KP_FIELD_BSN] == KP_LEVEL_BSN_NEAR) ||
                 score->fields[KP_FIELD_ADDRESS] + score->fields[KP_FIELD_PLACE] >= model->joined;
    bool child = model->generations && levels[KP_FIELD_PLACE] == KP_LEVEL_PLACE_OTHER;
    if ((missing && (!known || child)) ||
        (levels[KP_FIELD_BIRTH] == KP_LEVEL_BIRTH_YEAR && !known)) {
        cap(score, KP_PRINCIPLE_PLACEHOLDER, model->certain - 1);
    }
}

static void apply_principles(const struct kp_match_model *model, struct kp_match_score *score)
{
    const uint8_t *levels = score->levels;
    int32_t band = model->certain - 1;
    score->bits = score->sum;
    if (levels[KP_FIELD_BSN] == KP_LEVEL_BSN_EQUAL) {
        apply_equal_bsn(model, score);
        return;
    }
    if (levels[KP_FIELD_BSN] == KP_LEVEL_BSN_OTHER) {
        apply_two_bsns(model, score);
        return;
    }
    bool other_given = given_contradicts(levels[KP_FIELD_GIVEN]);
    if (model->siblings && (levels[KP_FIELD_GIVEN] == KP_LEVEL_NAMES_CROSSED ||
                            (other_given && levels[KP_FIELD_SURNAME] == KP_LEVEL_SURNAME_OTHER))) {
        cap(score, KP_PRINCIPLE_OTHER_NAMES, band);
    }
    if (model->siblings && other_given && is_namesake(levels[KP_FIELD_SURNAME]) &&
        (!birth_contradicts(levels[KP_FIELD_BIRTH]) || address_agrees(levels[KP_FIELD_ADDRESS]))) {
        cap(score, KP_PRINCIPLE_SIBLING, -KP_BIT);
        score->related = true;
    }
    if (levels[KP_FIELD_GIVEN] == KP_LEVEL_GIVEN_INITIALS && !initials_suffice(levels)) {
        cap(score, KP_PRINCIPLE_INITIALS, band);
    }
    bool other_date = score->parental;
    score->parental = other_date && address_agrees(levels[KP_FIELD_ADDRESS]) &&
                      is_namesake(levels[KP_FIELD_SURNAME]);
    if (model->generations && score->parental) {
        cap(score, KP_PRINCIPLE_GENERATION, band);
    }
    if (model->siblings && levels[KP_FIELD_GIVEN] == KP_LEVEL_MISSING &&
        levels[KP_FIELD_BIRTH] == KP_LEVEL_MISSING) {
        cap(score, KP_PRINCIPLE_HOUSEHOLD, band);
    }
    /* Namesakes come from one place as often as not: only what is certain overrides the date. */
    score->doubtful = score->doubtful || (model->generations && other_date);
    apply_unknown_birth(model, score);
}

static enum kp_match_grade grade_of(const struct kp_match_model *model, int32_t bits)
{
    return bits >= model->certain    ? KP_GRADE_CERTAIN
           : bits >= model->probable ? KP_GRADE_PROBABLE
           : bits >= model->possible ? KP_GRADE_POSSIBLE
                                     : KP_GRADE_CERTAINLY_NOT;
}

void kp_match_score(const struct kp_match_model *model, const struct kp_form *a,
                    const struct kp_form *b, struct kp_match_score *ret_score)
{
    struct names names = {0};
    *ret_score = (struct kp_match_score){0};
    compare_names(a, b, &names);
    ret_score->levels[KP_FIELD_GIVEN] = (uint8_t)names.given;
    ret_score->levels[KP_FIELD_SURNAME] = (uint8_t)names.surname;
    ret_score->levels[KP_FIELD_BIRTH] = (uint8_t)birth_level(a, b);
    if (a->gender != KP_FORM_GENDER_UNKNOWN && b->gender != KP_FORM_GENDER_UNKNOWN) {
        ret_score->levels[KP_FIELD_GENDER] =
            a->gender == b->gender ? KP_LEVEL_GENDER_EQUAL : KP_LEVEL_GENDER_OTHER;
    }
    ret_score->levels[KP_FIELD_ADDRESS] = (uint8_t)address_level(a, b);
    ret_score->levels[KP_FIELD_PLACE] =
        (uint8_t)place_level(a->birth_place.text, b->birth_place.text);
    ret_score->levels[KP_FIELD_BSN] = (uint8_t)bsn_level(a, b);
    ret_score->named = names.given == KP_LEVEL_GIVEN_EQUAL || names.given == KP_LEVEL_GIVEN_CLOSE ||
                       names.given == KP_LEVEL_NAMES_SWAPPED;
    ret_score->initialled =
        names.given == KP_LEVEL_GIVEN_INITIALS || names.given == KP_LEVEL_GIVEN_ALL_INITIALS;
    ret_score->parental =
        birth_contradicts(ret_score->levels[KP_FIELD_BIRTH]) && is_other_date(a, b);
    weigh(model, a, b, &names, ret_score);
    apply_principles(model, ret_score);
    ret_score->grade = (uint8_t)grade_of(model, ret_score->bits);
}

bool kp_match_is_telling(const struct kp_match_model *model, const struct kp_form *form)
{
    struct kp_match_score score;
    kp_match_score(model, form, form, &score);
    return score.bits >= model->joined && !score.doubtful;
}
