/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A RIPE row holds {version, position that made it ripe, since, when it lapses, when and what the
 * ketenmanager was told, which partners were told of it}: the open proposal. The counted signals
 * are not stored a second time: they follow from the person's state. That those he was told of have
 * changed is seen by a digest.
 */
#include "core/ripe.h"

#include "base/assert.h"
#include "core/deadline.h"
#include "core/dossier.h"
#include "core/outbox.h"
#include "core/text.h"

#define RIPE_VERSION 3
#define COUNTED_MAX 64u /* signals named in one alert: the newest */

/* How a theme's criterion stands for one person. */
struct tally {
    uint32_t partner_count;
    uint16_t partners[KP_PARTNERS_MAX]; /* counterpart numbers */
    int32_t newest[KP_PARTNERS_MAX];    /* day of the partner's newest counted signal */
    int32_t lapse_day; /* first day on which it is not ripe if nothing comes; when ripe */
    bool ripe;
};

static int32_t today(const struct kp_core *core)
{
    return (int32_t)(core->now.ms / KP_DAY_MS);
}

bool kp_ripe_counts(const struct kp_theme *theme, const struct kp_mention *mention, int32_t day)
{
    bool kind = (theme->kinds >> mention->kind & 1) != 0;
    bool hint = theme->hints && (mention->themes >> theme->number & 1) != 0;
    bool role = theme->roles == 0 || (theme->roles >> mention->role & 1) != 0;
    int32_t since = day - (int32_t)theme->period_days;
    return (kind || hint) && role && kp_date_to_days(mention->incident_date) > since;
}

static void count_partner(struct tally *tally, uint16_t partner, int32_t day)
{
    for (uint32_t i = 0; i < tally->partner_count; i++) {
        if (tally->partners[i] == partner) {
            tally->newest[i] = day > tally->newest[i] ? day : tally->newest[i];
            return;
        }
    }
    if (tally->partner_count < KP_PARTNERS_MAX) {
        tally->partners[tally->partner_count] = partner;
        tally->newest[tally->partner_count] = day;
        tally->partner_count++;
    }
}

/* The n-th newest day among the partners: when that one is out of the period, too few are left. */
static int32_t nth_newest(const struct tally *tally, uint32_t n)
{
    int32_t days[KP_PARTNERS_MAX];
    for (uint32_t i = 0; i < tally->partner_count; i++) {
        uint32_t at = i;
        while (at > 0 && days[at - 1] < tally->newest[i]) {
            days[at] = days[at - 1];
            at--;
        }
        days[at] = tally->newest[i];
    }
    return days[n - 1];
}

static void take_tally(const struct kp_theme *theme, const struct kp_person *person, int32_t day,
                       struct tally *ret_tally)
{
    ret_tally->partner_count = 0;
    for (uint32_t i = 0; i < person->mention_count; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        if (kp_ripe_counts(theme, mention, day)) {
            count_partner(ret_tally, mention->partner, kp_date_to_days(mention->incident_date));
        }
    }
    ret_tally->ripe = theme->partners_min > 0 && ret_tally->partner_count >= theme->partners_min;
    if (ret_tally->ripe) {
        ret_tally->lapse_day =
            nth_newest(ret_tally, theme->partners_min) + (int32_t)theme->period_days;
    }
}

static struct kp_key ripe_key(uint64_t person, uint8_t theme)
{
    return kp_key_u8(kp_key_u64(kp_key_none(), person), theme);
}

static struct kp_deadline lapse_deadline(uint64_t person, uint8_t theme, int64_t due_ms)
{
    return (struct kp_deadline){
        .due = {due_ms}, .kind = KP_DEADLINE_RIPE, .subject = person, .detail = theme};
}

static void put_row(struct kp_txn *txn, uint64_t person, uint8_t theme,
                    const struct kp_proposal *proposal)
{
    uint8_t bytes[41 + KP_TOLD_BYTES_MAX];
    struct kp_writer writer;
    struct kp_key key = ripe_key(person, theme);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, RIPE_VERSION);
    kp_put_u64(&writer, proposal->position);
    kp_put_i64(&writer, proposal->since.ms);
    kp_put_i64(&writer, proposal->lapses.ms);
    kp_put_u64(&writer, proposal->said_at);
    kp_put_u64(&writer, proposal->said);
    kp_told_put(&writer, &proposal->told);
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_RIPE, kp_key_slice(&key), kp_writer_slice(&writer),
               (struct kp_subject){person});
}

bool kp_ripe_get(struct kp_txn *txn, uint64_t person, uint8_t theme,
                 struct kp_proposal *ret_proposal)
{
    struct kp_key key = ripe_key(person, theme);
    struct kp_slice value;
    struct kp_reader reader;
    if (!kp_txn_get(txn, KP_TABLE_RIPE, kp_key_slice(&key), &value)) {
        return false;
    }
    kp_reader_init(&reader, value);
    uint8_t version = kp_get_u8(&reader);
    ret_proposal->position = kp_get_u64(&reader);
    ret_proposal->since.ms = kp_get_i64(&reader);
    ret_proposal->lapses.ms = kp_get_i64(&reader);
    ret_proposal->said_at = kp_get_u64(&reader);
    ret_proposal->said = kp_get_u64(&reader);
    kp_told_get(&reader, &ret_proposal->told);
    if (version != RIPE_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "a proposal row does not decode");
        return false;
    }
    return true;
}

/* Of the signals that count and came until @position: a sum, so that their order says nothing. */
static uint64_t digest_counted(const struct kp_core *core, const struct kp_theme *theme,
                               const struct kp_person *person, uint64_t position)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < person->mention_count; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        if (mention->position <= position && kp_ripe_counts(theme, mention, today(core))) {
            uint64_t mixed = (mention->position * 32 + mention->index) * 0x9e3779b97f4a7c15u;
            digest += mixed ^ mixed >> 29;
        }
    }
    return digest;
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
                             const struct kp_theme *theme, const struct kp_person *person,
                             Knooppunt__V1__CountedSignal **ret_counted)
{
    uint32_t count = 0;
    for (uint32_t i = person->mention_count; i-- > 0 && count < COUNTED_MAX;) {
        const struct kp_mention *mention = &person->mentions[i];
        if (!kp_ripe_counts(theme, mention, today(core))) {
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

static char *rule_text(struct kp_arena *arena, const struct kp_theme *theme)
{
    char bytes[80];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes - 1);
    kp_put_text(&writer, "partners>=");
    kp_put_decimal(&writer, theme->partners_min);
    kp_put_text(&writer, " in ");
    kp_put_decimal(&writer, theme->period_days);
    kp_put_text(&writer, " days");
    return kp_text_of(arena, kp_writer_slice(&writer));
}

/* The alert to the ketenmanager: which signals, which partners, what would have made it not ripe.
 */
static void alert(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                  const struct kp_person *person, const struct tally *tally,
                  struct kp_proposal *proposal_io)
{
    struct kp_arena *arena = txn->scratch;
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__CasusReady ready = KNOOPPUNT__V1__CASUS_READY__INIT;
    Knooppunt__V1__NotRipeIf not_ripe_if = KNOOPPUNT__V1__NOT_RIPE_IF__INIT;
    Knooppunt__V1__CountedSignal *counted[COUNTED_MAX];
    char *partners[KP_PARTNERS_MAX];
    for (uint32_t i = 0; i < tally->partner_count; i++) {
        partners[i] = kp_text(arena, partner_id(core, tally->partners[i]));
    }
    not_ripe_if.n_without_partners = tally->partner_count;
    not_ripe_if.without_partners = partners;
    not_ripe_if.has_partners_to_remove = 1;
    not_ripe_if.partners_to_remove = tally->partner_count - theme->partners_min + 1;
    not_ripe_if.has_lapses_at_ms = 1;
    not_ripe_if.lapses_at_ms = (int64_t)tally->lapse_day * KP_DAY_MS;

    ready.casus_id = kp_text_casus(arena, theme->id, person->id, proposal_io->position);
    ready.person_id = kp_text_person(arena, person->id);
    ready.theme = kp_text(arena, theme->id);
    ready.rule = rule_text(arena, theme);
    ready.has_house_digest = 1;
    ready.house_digest =
        (ProtobufCBinaryData){.len = sizeof core->house_digest, .data = core->house_digest};
    ready.n_partners = tally->partner_count;
    ready.partners = partners;
    ready.n_counted = fill_counted(core, arena, theme, person, counted);
    ready.counted = counted;
    ready.not_ripe_if = &not_ripe_if;
    ready.has_caused_by_position = 1;
    ready.caused_by_position = core->position;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_CASUS_READY;
    event.casus_ready = &ready;
    ready.has_again = ready.again = proposal_io->said_at != 0;
    kp_outbox_put_role(core, txn, KP_ROLE_KETENMANAGER, &event, core->position);
    proposal_io->said_at = core->position;
    proposal_io->said = digest_counted(core, theme, person, core->position);
}

static void open_proposal(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                          const struct kp_person *person, const struct tally *tally)
{
    struct kp_proposal proposal = {
        .position = core->position,
        .since = core->now,
        .lapses = {(int64_t)tally->lapse_day * KP_DAY_MS},
    };
    struct kp_deadline deadline = lapse_deadline(person->id, theme->number, proposal.lapses.ms);
    kp_deadline_put(txn, &deadline);
    alert(core, txn, theme, person, tally, &proposal);
    core->effects->casus_ready++;
    (void)kp_elsewhere_open(core, txn, theme, person, &proposal.told);
    put_row(txn, person->id, theme->number, &proposal);
}

static void close_proposal(struct kp_core *core, struct kp_txn *txn, uint8_t theme_number,
                           const struct kp_person *person, Knooppunt__V1__LapseReason reason)
{
    struct kp_proposal proposal;
    if (!kp_ripe_get(txn, person->id, theme_number, &proposal)) {
        return;
    }
    struct kp_deadline deadline = lapse_deadline(person->id, theme_number, proposal.lapses.ms);
    struct kp_key key = ripe_key(person->id, theme_number);
    kp_deadline_del(txn, &deadline);
    (void)kp_txn_del(txn, KP_TABLE_RIPE, kp_key_slice(&key)); /* it was just read */

    const char *theme_id = "?";
    for (uint32_t i = 0; i < core->house.theme_count; i++) {
        if (core->house.themes[i].number == theme_number) {
            theme_id = core->house.themes[i].id;
        }
    }
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__CasusLapsed lapsed = KNOOPPUNT__V1__CASUS_LAPSED__INIT;
    lapsed.casus_id = kp_text_casus(txn->scratch, theme_id, person->id, proposal.position);
    lapsed.person_id = kp_text_person(txn->scratch, person->id);
    lapsed.theme = kp_text(txn->scratch, theme_id);
    lapsed.has_reason = 1;
    lapsed.reason = reason;
    lapsed.has_caused_by_position = 1;
    lapsed.caused_by_position = core->position;
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED;
    event.casus_lapsed = &lapsed;
    kp_outbox_put_role(core, txn, KP_ROLE_KETENMANAGER, &event, core->position);
    core->effects->casus_lapsed++;
    kp_elsewhere_close(core, txn, theme_number, &proposal.told);
}

/* Still ripe. By less than before: what was said of it may hold no more, and is said anew. */
static void keep_open(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                      const struct kp_person *person, const struct tally *tally, bool less)
{
    struct kp_proposal proposal;
    int64_t lapses_ms = (int64_t)tally->lapse_day * KP_DAY_MS;
    if (!kp_ripe_get(txn, person->id, theme->number, &proposal)) {
        return;
    }
    bool sooner = less && proposal.lapses.ms > lapses_ms;
    if (sooner) {
        struct kp_deadline deadline = lapse_deadline(person->id, theme->number, proposal.lapses.ms);
        kp_deadline_del(txn, &deadline);
        deadline.due.ms = proposal.lapses.ms = lapses_ms;
        kp_deadline_put(txn, &deadline);
    }
    bool otherwise =
        sooner || (less && digest_counted(core, theme, person, proposal.said_at) != proposal.said);
    if (otherwise) {
        alert(core, txn, theme, person, tally, &proposal);
        core->effects->casus_changed++;
    }
    if (kp_elsewhere_open(core, txn, theme, person, &proposal.told) || otherwise) {
        put_row(txn, person->id, theme->number, &proposal);
    }
}

/* What may have happened to the person since he was judged last. */
enum change { MORE, LESS, OLDER };

static void evaluate(struct kp_core *core, struct kp_txn *txn, struct kp_person *person,
                     enum change change, Knooppunt__V1__LapseReason reason)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < core->house.theme_count; i++) {
        const struct kp_theme *theme = &core->house.themes[i];
        uint32_t bit = UINT32_C(1) << theme->number;
        bool was_ripe = (person->ripe & bit) != 0;
        known |= bit;
        if (person->mention_count < theme->partners_min && !was_ripe) {
            continue; /* too few signals to be known to that many partners */
        }
        struct tally tally;
        take_tally(theme, person, today(core), &tally);
        if (tally.ripe && !was_ripe) {
            person->ripe |= bit;
            open_proposal(core, txn, theme, person, &tally);
        } else if (!tally.ripe && was_ripe) {
            person->ripe &= ~bit;
            close_proposal(core, txn, theme->number, person, reason);
        } else if (tally.ripe && change != OLDER) {
            keep_open(core, txn, theme, person, &tally, change == LESS);
        }
    }
    for (uint8_t number = 0; (person->ripe & ~known) != 0 && number < KP_THEMES_MAX; number++) {
        if ((person->ripe & ~known) >> number & 1) { /* the house dropped the theme */
            person->ripe &= ~(UINT32_C(1) << number);
            close_proposal(core, txn, number, person,
                           KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_CRITERIA);
        }
    }
}

void kp_ripe_gained(struct kp_core *core, struct kp_txn *txn, struct kp_person *person)
{
    evaluate(core, txn, person, MORE, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_WITHDRAWN);
}

void kp_ripe_lost(struct kp_core *core, struct kp_txn *txn, struct kp_person *person)
{
    evaluate(core, txn, person, LESS, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_WITHDRAWN);
}

void kp_ripe_due(struct kp_core *core, struct kp_txn *txn, uint64_t person_id, uint8_t theme_number)
{
    struct kp_person person;
    struct kp_proposal proposal;
    if (!kp_person_load(txn, person_id, 0, &person)) {
        return;
    }
    evaluate(core, txn, &person, OLDER, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_AGED);
    kp_person_store(txn, &person);
    if (!kp_ripe_get(txn, person_id, theme_number, &proposal)) {
        return;
    }
    /* Newer signals keep it ripe: only now is the deadline set further, not at each of them. */
    for (uint32_t i = 0; i < core->house.theme_count; i++) {
        const struct kp_theme *theme = &core->house.themes[i];
        struct tally tally;
        if (theme->number != theme_number) {
            continue;
        }
        take_tally(theme, &person, today(core), &tally);
        proposal.lapses.ms = (int64_t)tally.lapse_day * KP_DAY_MS;
        struct kp_deadline deadline = lapse_deadline(person_id, theme_number, proposal.lapses.ms);
        put_row(txn, person_id, theme_number, &proposal);
        kp_deadline_put(txn, &deadline);
    }
}

void kp_ripe_criteria_changed(struct kp_core *core, struct kp_txn *txn, uint64_t person_id)
{
    struct kp_person person;
    if (kp_person_load(txn, person_id, 0, &person)) {
        evaluate(core, txn, &person, LESS, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_CRITERIA);
        kp_person_store(txn, &person);
    }
}
