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
#include "core/ripe_event.h"

#define RIPE_VERSION 3

static int32_t today(const struct kp_core *core)
{
    return (int32_t)(core->now.ms / KP_DAY_MS);
}

struct kp_counting kp_ripe_counting(const struct kp_core *core, const struct kp_theme *theme,
                                    const struct kp_person *person)
{
    struct kp_counting counting;
    kp_criteria_counting(&core->house.criteria, theme->criterion, person, today(core), &counting);
    return counting;
}

static bool is_ripe(const struct kp_core *core, const struct kp_theme *theme,
                    const struct kp_person *person)
{
    return kp_criteria_is_met(&core->house.criteria, theme->criterion, person, today(core));
}

/* When it stands otherwise if nothing comes; KP_RIPE_NEVER. */
static struct kp_wall next_change(const struct kp_core *core, const struct kp_theme *theme,
                                  const struct kp_person *person)
{
    int32_t day =
        kp_criteria_next_change(&core->house.criteria, theme->criterion, person, today(core));
    return day == KP_CRITERIA_NEVER ? KP_RIPE_NEVER : (struct kp_wall){(int64_t)day * KP_DAY_MS};
}

static struct kp_key ripe_key(uint64_t person, uint8_t theme)
{
    return kp_key_u8(kp_key_u64(kp_key_none(), person), theme);
}

static struct kp_deadline deadline_of(uint64_t person, uint8_t theme, struct kp_wall due)
{
    return (struct kp_deadline){
        .due = due, .kind = KP_DEADLINE_RIPE, .subject = person, .detail = theme};
}

static void put_deadline(struct kp_txn *txn, uint64_t person, uint8_t theme, struct kp_wall due)
{
    struct kp_deadline deadline = deadline_of(person, theme, due);
    if (due.ms != KP_RIPE_NEVER.ms) {
        kp_deadline_put(txn, &deadline);
    }
}

static void del_deadline(struct kp_txn *txn, uint64_t person, uint8_t theme, struct kp_wall due)
{
    struct kp_deadline deadline = deadline_of(person, theme, due);
    kp_deadline_del(txn, &deadline);
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
    struct kp_counting counting = kp_ripe_counting(core, theme, person);
    for (uint32_t i = 0; i < person->mention_count; i++) {
        const struct kp_mention *mention = &person->mentions[i];
        if (mention->position <= position && kp_counting_counts(&counting, mention)) {
            uint64_t mixed = (mention->position * 32 + mention->index) * 0x9e3779b97f4a7c15u;
            digest += mixed ^ mixed >> 29;
        }
    }
    return digest;
}

/* Told, and by what. */
static void alert(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                  const struct kp_person *person, struct kp_proposal *proposal_io)
{
    kp_ripe_tell(core, txn, theme, person, proposal_io);
    proposal_io->said_at = core->position;
    proposal_io->said = digest_counted(core, theme, person, core->position);
}

static void open_proposal(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                          const struct kp_person *person)
{
    struct kp_proposal proposal = {
        .position = core->position,
        .since = core->now,
        .lapses = next_change(core, theme, person),
    };
    put_deadline(txn, person->id, theme->number, proposal.lapses);
    alert(core, txn, theme, person, &proposal);
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
    struct kp_key key = ripe_key(person->id, theme_number);
    del_deadline(txn, person->id, theme_number, proposal.lapses);
    (void)kp_txn_del(txn, KP_TABLE_RIPE, kp_key_slice(&key)); /* it was just read */
    kp_ripe_tell_lapsed(core, txn, theme_number, person->id, &proposal, reason);
    core->effects->casus_lapsed++;
    kp_elsewhere_close(core, txn, theme_number, &proposal.told);
}

/* Still ripe. By less than before: what was said of it may hold no more, and is said anew. */
static void keep_open(struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                      const struct kp_person *person, bool less)
{
    struct kp_proposal proposal;
    if (!kp_ripe_get(txn, person->id, theme->number, &proposal)) {
        return;
    }
    struct kp_wall lapses = less ? next_change(core, theme, person) : proposal.lapses;
    bool sooner = lapses.ms < proposal.lapses.ms;
    if (sooner) {
        del_deadline(txn, person->id, theme->number, proposal.lapses);
        proposal.lapses = lapses;
        put_deadline(txn, person->id, theme->number, lapses);
    }
    bool otherwise =
        sooner || (less && digest_counted(core, theme, person, proposal.said_at) != proposal.said);
    if (otherwise) {
        alert(core, txn, theme, person, &proposal);
        core->effects->casus_changed++;
    }
    if (kp_elsewhere_open(core, txn, theme, person, &proposal.told) || otherwise) {
        put_row(txn, person->id, theme->number, &proposal);
    }
}

/* Not ripe, but he may become so as time goes by: he grows older, or a signal against it is
 * forgotten. A day that is looked at in vain costs nothing else. */
static void watch(const struct kp_core *core, struct kp_txn *txn, const struct kp_theme *theme,
                  const struct kp_person *person)
{
    if (!kp_criteria_fades(&core->house.criteria, theme->criterion)) {
        put_deadline(txn, person->id, theme->number, next_change(core, theme, person));
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
        if (!was_ripe && person->mention_count <
                             kp_criteria_mentions_min(&core->house.criteria, theme->criterion)) {
            continue; /* too few signals, whatever they are */
        }
        bool ripe = is_ripe(core, theme, person);
        if (ripe && !was_ripe) {
            person->ripe |= bit;
            open_proposal(core, txn, theme, person);
        } else if (!ripe && was_ripe) {
            person->ripe &= ~bit;
            close_proposal(core, txn, theme->number, person, reason);
        } else if (ripe && change != OLDER) {
            keep_open(core, txn, theme, person, change == LESS);
        }
        if (!ripe) {
            watch(core, txn, theme, person);
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
    evaluate(core, txn, person, MORE, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_SIGNAL);
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
        if (theme->number == theme_number && proposal.lapses.ms <= core->now.ms) {
            proposal.lapses = next_change(core, theme, &person);
            put_row(txn, person_id, theme_number, &proposal);
            put_deadline(txn, person_id, theme_number, proposal.lapses);
        }
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
