/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/time.h"
#include "core/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

enum { NEW = 1, DUPLICATE, REPLACES, SUPERSEDED, WITHDRAWN, HELD, CONFLICT, DROPPED };

static struct world world;
static struct kp_arena arena;

static int set_up(void **state)
{
    static struct kp_house house;
    (void)state;
    world_open(&world);
    world_example_house(&house);
    world_house(&world, &house);
    kp_arena_init(&arena, WORLD_SCRATCH);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kp_arena_done(&arena);
    world_close(&world);
    return 0;
}

static struct told tell(const char *partner, const char *reference, uint64_t version,
                        const char *bsn, const char *name)
{
    return (struct told){.partner = partner,
                         .reference = reference,
                         .version = version,
                         .kind = 4,
                         .role = 1,
                         .date = 20251201,
                         .bsn = {bsn},
                         .name = {name},
                         .persons = 1};
}

static void a_repeat_names_the_first_and_changes_nothing(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    assert_int_equal(world_signal(&world, &a), NEW);
    uint64_t first = world.position;
    assert_int_equal(world_signal(&world, &a), DUPLICATE);
    const Knooppunt__V1__Event *event;
    assert_true(world_event(&world, "politie", 2, &arena, &event));
    assert_int_equal(event->outcomes->outcomes[0]->kind, DUPLICATE);
    assert_int_equal(event->outcomes->outcomes[0]->first_position, first);
    assert_int_equal(world_count_persons(&world), 1);
}

static void versions_replace_and_older_ones_are_superseded(void **state)
{
    (void)state;
    struct told v2 = tell("politie", "A", 2, "b1", "n1");
    struct told v1 = tell("politie", "A", 1, "b1", "n1");
    struct told v3 = tell("politie", "A", 3, "b2", "n2");
    assert_int_equal(world_signal(&world, &v2), NEW);
    assert_int_equal(world_signal(&world, &v1), SUPERSEDED);
    assert_int_equal(world_signal(&world, &v3), REPLACES);
    assert_int_equal(world_signal(&world, &v1), DUPLICATE); /* of the one that was superseded */
    assert_int_equal(world_signal(&world, &v2), DUPLICATE); /* of the one that was replaced */
    assert_int_equal(world_count_persons(&world), 1); /* the first person has no signal left */
    v3.content = "other";
    assert_int_equal(world_signal(&world, &v3), CONFLICT);
}

static void a_withdrawal_takes_back_and_keeps_a_late_original_out(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told gone = {.partner = "politie", .reference = "A", .version = 2, .withdraw = true};
    struct told early = {.partner = "politie", .reference = "B", .version = 2, .withdraw = true};
    struct told late = tell("politie", "B", 1, "b2", "n2");
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &gone), WITHDRAWN);
    assert_int_equal(world_count_persons(&world), 0);
    assert_int_equal(world_signal(&world, &gone), DUPLICATE);
    assert_int_equal(world_signal(&world, &early), WITHDRAWN);
    assert_int_equal(world_signal(&world, &late), SUPERSEDED);
    assert_int_equal(world_count_persons(&world), 0);
}

static void two_partners_make_it_ripe_and_it_says_why(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told b = tell("jeugdzorg", "Z", 1, NULL, "n1"); /* by name */
    const Knooppunt__V1__Event *event;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world.effects.casus_ready, 0);
    assert_int_equal(world_signal(&world, &b), NEW);
    assert_int_equal(world.effects.casus_ready, 1);
    assert_true(world_event(&world, "ketenmanager", 1, &arena, &event));
    assert_int_equal(event->body_case, KNOOPPUNT__V1__EVENT__BODY_CASUS_READY);
    const Knooppunt__V1__CasusReady *ready = event->casus_ready;
    assert_string_equal(ready->theme, "hg");
    assert_string_equal(ready->rule, "bekend-bij-twee");
    assert_int_equal(ready->n_results, 1);
    assert_string_equal(ready->results[0]->criterion, "bekend-bij-twee");
    assert_string_equal(ready->results[0]->name, "bekend bij twee partners");
    assert_true(ready->results[0]->met);
    assert_int_equal(ready->results[0]->value, 2);
    assert_int_equal(ready->results[0]->least, 2);
    assert_false(ready->results[0]->has_most);
    assert_int_equal(ready->n_counted, 2);
    assert_int_equal(ready->n_partners, 2);
    assert_string_equal(ready->not_ripe_if->criterion, "bekend-bij-twee");
    assert_int_equal(ready->not_ripe_if->amount, -1);
    assert_int_equal(ready->not_ripe_if->lapses_at_ms,
                     ((int64_t)kp_date_to_days(20251201) + 365) * KP_DAY_MS);
    /* politie may hear that he is known elsewhere and is told by its own reference; jeugdzorg has
     * no grant. */
    assert_true(world_event(&world, "politie", 2, &arena, &event));
    assert_int_equal(event->body_case, KNOOPPUNT__V1__EVENT__BODY_KNOWN_ELSEWHERE);
    assert_string_equal(event->known_elsewhere->reference, "A");
    assert_int_equal(world.effects.known_elsewhere, 1);
    assert_true(world_event(&world, "jeugdzorg", 1, &arena, &event));
    assert_int_equal(event->body_case, KNOOPPUNT__V1__EVENT__BODY_OUTCOMES);
    assert_false(world_event(&world, "jeugdzorg", 2, &arena, &event));
}

static void ripe_lapses_by_age_at_the_day_it_said(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told b = tell("om", "B", 1, "b1", "n1");
    const Knooppunt__V1__Event *event;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    world.now.ms = ((int64_t)kp_date_to_days(20251201) + 365) * KP_DAY_MS - 1;
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 0);
    world.now.ms = ((int64_t)kp_date_to_days(20251201) + 365) * KP_DAY_MS;
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 1);
    assert_true(world_event(&world, "ketenmanager", 2, &arena, &event));
    assert_int_equal(event->casus_lapsed->reason, KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_AGED);
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 0);
}

static void newer_signals_put_the_lapse_off(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told b = tell("om", "B", 1, "b1", "n1");
    struct told a2 = tell("politie", "A2", 1, "b1", "n1");
    struct told b2 = tell("om", "B2", 1, "b1", "n1");
    a2.date = b2.date = 20260601;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    assert_int_equal(world_signal(&world, &a2), NEW);
    assert_int_equal(world_signal(&world, &b2), NEW);
    world.now.ms = ((int64_t)kp_date_to_days(20251201) + 365) * KP_DAY_MS;
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 0);
    world.now.ms = ((int64_t)kp_date_to_days(20260601) + 365) * KP_DAY_MS;
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 1);
}

static void a_withdrawal_brings_the_lapse_forward(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told b = tell("om", "B", 1, "b1", "n1");
    struct told c = tell("jeugdzorg", "C", 1, "b1", "n1");
    struct told d = tell("jeugdzorg", "D", 1, "b1", "n1");
    struct told gone = {.partner = "politie", .reference = "A", .version = 2, .withdraw = true};
    const Knooppunt__V1__Event *event;
    char first[64];
    d.date = 20250901; /* not the newest of its partner */
    a.date = 20251220;
    b.date = 20251210;
    c.date = 20251001;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    assert_true(world_event(&world, "ketenmanager", 1, &arena, &event));
    assert_false(event->casus_ready->has_again);
    (void)snprintf(first, sizeof first, "%s", event->casus_ready->casus_id); /* fits */
    assert_int_equal(world_signal(&world, &c), NEW);
    assert_int_equal(world_signal(&world, &d), NEW);
    d.version = 2;
    d.withdraw = true;
    assert_int_equal(world_signal(&world, &d), WITHDRAWN);
    assert_int_equal(world.effects.casus_changed, 0); /* he was not told of it */
    assert_int_equal(world_signal(&world, &gone), WITHDRAWN);
    assert_int_equal(world.effects.casus_lapsed, 0); /* b and c are left */
    assert_int_equal(world.effects.casus_changed, 1);
    assert_int_equal(world.effects.casus_ready, 0);
    assert_true(world_event(&world, "ketenmanager", 2, &arena, &event));
    assert_int_equal(event->body_case, KNOOPPUNT__V1__EVENT__BODY_CASUS_READY);
    const Knooppunt__V1__CasusReady *ready = event->casus_ready;
    assert_true(ready->again);
    assert_string_equal(ready->casus_id, first);
    assert_int_equal(ready->n_counted, 2); /* a, of which he was told, counts no more */
    assert_string_equal(ready->counted[0]->partner, "om");
    assert_string_equal(ready->counted[1]->partner, "jeugdzorg");
    assert_int_equal(ready->not_ripe_if->lapses_at_ms,
                     ((int64_t)kp_date_to_days(20251001) + 365) * KP_DAY_MS);
    world.now.ms = ((int64_t)kp_date_to_days(20251001) + 365) * KP_DAY_MS - 1;
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 0);
    world.now.ms++;
    world_tick(&world);
    assert_int_equal(world.effects.casus_lapsed, 1);
}

static void a_withdrawal_tells_the_ketenmanager(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told b = tell("om", "B", 1, "b1", "n1");
    struct told gone = {.partner = "om", .reference = "B", .version = 2, .withdraw = true};
    const Knooppunt__V1__Event *event;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    assert_int_equal(world_signal(&world, &gone), WITHDRAWN);
    assert_true(world_event(&world, "ketenmanager", 2, &arena, &event));
    assert_int_equal(event->casus_lapsed->reason,
                     KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_WITHDRAWN);
}

/* Who can be two persons is neither, until it is decided or one of the two is gone. */
static void a_rival_takes_the_one_with_an_initial_away(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1:anna");
    struct told b = tell("om", "B", 1, NULL, "n1:");
    struct told c = tell("jeugdzorg", "C", 1, "b2", "n1:alma");
    struct told gone = {.partner = "jeugdzorg", .reference = "C", .version = 2, .withdraw = true};
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    assert_int_equal(world_person(&world, "politie", "A", 0), world_person(&world, "om", "B", 0));
    assert_int_equal(world.effects.casus_ready, 1);
    assert_int_equal(world_signal(&world, &c), NEW);
    assert_int_not_equal(world_person(&world, "politie", "A", 0),
                         world_person(&world, "om", "B", 0));
    assert_int_not_equal(world_person(&world, "jeugdzorg", "C", 0),
                         world_person(&world, "om", "B", 0));
    assert_int_equal(world.effects.casus_lapsed, 1); /* what followed from the join is taken back */
    assert_int_equal(world_count_persons(&world), 3);
    assert_int_equal(world_signal(&world, &gone), WITHDRAWN);
    assert_int_equal(world_person(&world, "politie", "A", 0), world_person(&world, "om", "B", 0));
    assert_int_equal(world_count_persons(&world), 1);
}

static uint32_t held_of(const char *partner)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_partner_counts counts;
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    kp_partner_counts_get(txn, world_number(&world, partner), &counts);
    kp_txn_abort(txn);
    return counts.held;
}

static void held_is_kept_told_once_repaired_or_dropped(void **state)
{
    (void)state;
    struct told bad = tell("politie", "A", 1, "b1", "n1");
    struct told bad2 = tell("politie", "B", 1, "b1", "n1");
    struct told good = tell("politie", "A", 2, "b1", "n1");
    struct told good2 = tell("politie", "B", 1, "b1", "n1");
    const Knooppunt__V1__Event *event;
    bad.held_field = bad2.held_field = "incident_date";
    assert_int_equal(world_signal(&world, &bad), HELD);
    assert_int_equal(world_signal(&world, &bad), DUPLICATE);
    assert_int_equal(world_signal(&world, &bad2), HELD);
    uint64_t held_position = world.position;
    assert_true(world_event(&world, "beheerder", 1, &arena, &event));
    assert_int_equal(event->held_opened->code, KP_E_DATE);
    assert_string_equal(event->held_opened->field, "incident_date");
    assert_false(world_event(&world, "beheerder", 2, &arena, &event)); /* one alert */
    assert_int_equal(world_signal(&world, &good), NEW);                /* repairs the first */
    world_retry(&world, held_position, &good2);
    assert_int_equal(world.effects.outcomes[NEW], 1);
    assert_int_equal(held_of("politie"), 0);
    struct told bad3 = tell("politie", "C", 1, "b1", "n1");
    bad3.held_field = "incident_date";
    assert_int_equal(world_signal(&world, &bad3), HELD);
    world_drop(&world, world.position);
    assert_int_equal(world.effects.outcomes[DROPPED], 1);
    assert_int_equal(world_signal(&world, &bad3),
                     HELD); /* dropped is forgotten: it may come again */
}

static void a_conflict_that_is_tried_again_stays_where_it_is(void **state)
{
    (void)state;
    struct told first = tell("politie", "A", 1, "b1", "n1");
    struct told other = tell("politie", "A", 1, "b1", "n1");
    other.content = "other";
    assert_int_equal(world_signal(&world, &first), NEW);
    assert_int_equal(world_signal(&world, &other), CONFLICT);
    uint64_t position = world.position;
    world_retry(&world, position, &other);
    assert_int_equal(world.effects.outcomes[CONFLICT], 1);
    assert_int_equal(held_of("politie"), 1);
    world_drop(&world, position);
    assert_int_equal(world.effects.outcomes[DROPPED], 1);
    assert_int_equal(held_of("politie"), 0);
}

static void what_is_held_is_held_once(void **state)
{
    (void)state;
    struct told good = tell("politie", "A", 2, "b1", "n1");
    struct told bad = tell("politie", "A", 3, "b1", "n1");
    struct told other = tell("politie", "A", 2, "b2", "n2");
    bad.held_field = "incident_date";
    assert_int_equal(world_signal(&world, &good), NEW);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(world_signal(&world, &bad), i == 0 ? HELD : DUPLICATE);
        assert_int_equal(world_signal(&world, &other), i == 0 ? CONFLICT : DUPLICATE);
    }
    assert_int_equal(held_of("politie"), 2);
    assert_int_equal(world_person(&world, "politie", "A", 0) != 0, 1); /* version 2 stands */
    world_drop(&world, world.position - 5);                            /* the first bad one */
    assert_int_equal(held_of("politie"), 1);
    assert_int_equal(world_signal(&world, &bad), HELD);
    assert_int_equal(world_signal(&world, &other), DUPLICATE);
}

static void a_held_version_waits_until_a_usable_one_reaches_it(void **state)
{
    (void)state;
    struct told bad = tell("politie", "A", 2, "b1", "n1");
    struct told worse = tell("politie", "A", 3, "b1", "n1");
    struct told early = tell("politie", "A", 1, "b1", "n1");
    struct told good = tell("politie", "A", 2, "b1", "n1");
    bad.held_field = worse.held_field = "incident_date";
    bad.content = "unusable";
    assert_int_equal(world_signal(&world, &bad), HELD);
    assert_int_equal(world_signal(&world, &worse), HELD);
    assert_int_equal(world_signal(&world, &early), NEW); /* late, and older than what is held */
    assert_int_equal(held_of("politie"), 2);
    assert_int_equal(world_signal(&world, &good), REPLACES);
    assert_int_equal(held_of("politie"), 1); /* the newer one still waits */
    assert_int_equal(world_signal(&world, &bad), SUPERSEDED);
    assert_int_equal(world_signal(&world, &worse), DUPLICATE);
    assert_int_equal(held_of("politie"), 1);
}

static void an_acknowledgement_removes_and_never_goes_back(void **state)
{
    (void)state;
    const Knooppunt__V1__Event *event;
    for (uint32_t i = 0; i < 5; i++) {
        char reference[8];
        (void)snprintf(reference, sizeof reference, "R%u", i);
        struct told one = tell("politie", reference, 1, "b1", "n1");
        assert_int_equal(world_signal(&world, &one), NEW);
    }
    world_ack(&world, "politie", 3);
    assert_false(world_event(&world, "politie", 3, &arena, &event));
    assert_true(world_event(&world, "politie", 4, &arena, &event));
    world_ack(&world, "politie", 2);
    world_ack(&world, "politie", 99);
    assert_true(world_event(&world, "politie", 4, &arena, &event));
}

static void a_command_twice_is_skipped_and_a_gap_is_refused(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    uint8_t before[32];
    uint8_t after[32];
    uint64_t rows;
    struct kp_txn *txn;
    struct kp_diag diag;
    assert_int_equal(world_signal(&world, &a), NEW);
    world_digest(&world, before, &rows);
    struct kp_core_command again = {.position = world.position,
                                    .positions = 1,
                                    .stamp = world.now,
                                    .body = KP_SLICE_LIT("anything")};
    assert_int_equal(kp_txn_begin(&world.store, true, &txn, &diag), KP_OK);
    assert_int_equal(kp_core_apply(&world.core, txn, &again, &world.effects, &diag), KP_OK);
    assert_int_equal(kp_txn_commit(txn, &diag), KP_OK);
    world_digest(&world, after, &rows);
    assert_memory_equal(before, after, sizeof before);
    again.position = world.position + 2;
    assert_int_equal(kp_txn_begin(&world.store, true, &txn, &diag), KP_OK);
    assert_int_equal(kp_core_apply(&world.core, txn, &again, &world.effects, &diag), KP_E_CORRUPT);
    kp_txn_abort(txn);
}

static void changed_criteria_are_applied_to_those_who_are_there(void **state)
{
    (void)state;
    static struct kp_house house;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    struct told b = tell("om", "B", 1, "b1", "n1");
    const Knooppunt__V1__Event *event;
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    world_example_house(&house);
    house.criteria.items[0].least = 3;
    world_house(&world, &house);
    world_tick(&world);
    assert_true(world_event(&world, "ketenmanager", 2, &arena, &event));
    assert_int_equal(event->casus_lapsed->reason,
                     KNOOPPUNT__V1__LAPSE_REASON__LAPSE_REASON_CRITERIA);
}

/* --- order: every arrival order of the same signals ends in the same grouping and the same ripe
 * persons (P10) --- */

#define ORDER_SIGNALS 9
#define ORDERS 400

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Grouping as text: for each signal the lowest index of a signal with the same person, and whether
 * ripe. */
static void describe(struct world *one, const struct told *signals, char *ret_text, size_t size)
{
    uint64_t persons[ORDER_SIGNALS];
    size_t used = 0;
    for (uint32_t i = 0; i < ORDER_SIGNALS; i++) {
        struct kp_person person;
        struct kp_txn *txn;
        struct kp_diag diag;
        persons[i] = world_person(one, signals[i].partner, signals[i].reference, 0);
        uint32_t first = 0;
        while (persons[first] != persons[i]) {
            first++;
        }
        assert_int_equal(kp_txn_begin(&one->store, false, &txn, &diag), KP_OK);
        assert_true(kp_person_load(txn, persons[i], 0, &person));
        used += (size_t)snprintf(ret_text + used, size - used, "%u%s ", first,
                                 person.ripe != 0 ? "!" : "");
        kp_txn_abort(txn);
    }
}

static void arrival_order_does_not_change_the_grouping(void **state)
{
    static struct kp_house house;
    (void)state;
    const struct told signals[ORDER_SIGNALS] = {
        tell("politie", "1", 1, "b1", "n1:anna"),
        tell("om", "2", 1, NULL, "n1:"),
        tell("jeugdzorg", "3", 1, "b2", "n1:alma"),
        tell("politie", "4", 1, "b3", "n2"),
        tell("om", "5", 1, NULL, "n2"),
        tell("jeugdzorg", "6", 1, NULL, "n2"),
        tell("politie", "7", 1, NULL, "n3"),
        tell("om", "8", 1, NULL, "n3"),
        tell("jeugdzorg", "9", 1, NULL, NULL),
    };
    char expected[128] = "";
    uint32_t seed = 2463534242u;
    world_example_house(&house);
    for (uint32_t order = 0; order < ORDERS; order++) {
        static struct world one;
        uint32_t at[ORDER_SIGNALS];
        char found[128];
        for (uint32_t i = 0; i < ORDER_SIGNALS; i++) {
            uint32_t swap = order == 0 ? i : next_random(&seed) % (i + 1);
            at[i] = at[swap];
            at[swap] = i;
        }
        world_open(&one);
        world_house(&one, &house);
        for (uint32_t i = 0; i < ORDER_SIGNALS; i++) {
            assert_int_equal(world_signal(&one, &signals[at[i]]), NEW);
        }
        describe(&one, signals, found, sizeof found);
        if (order == 0) {
            memcpy(expected, found, sizeof expected);
            assert_string_equal(expected, "0 1 2 3! 3! 3! 6! 6! 8 ");
        }
        assert_string_equal(found, expected);
        world_close(&one);
    }
}

static void three_persons_in_one_signal_each_have_their_part(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    a.persons = 3;
    a.bsn[1] = "b2";
    a.name[2] = "n3";
    struct told gone = {.partner = "politie", .reference = "A", .version = 2, .withdraw = true};
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_count_persons(&world), 3);
    uint64_t one = world_person(&world, "politie", "A", 0);
    uint64_t two = world_person(&world, "politie", "A", 1);
    uint64_t three = world_person(&world, "politie", "A", 2);
    assert_true(one != two && two != three && one != three);
    assert_int_equal(world_signal(&world, &gone), WITHDRAWN);
    assert_int_equal(world_count_persons(&world), 0);
}

/* Found by tests/fault/test_sim_order.c: two persons were made, the index knew the last only, and
 * taking the signal back ended the hub. */
static void one_person_twice_in_a_signal_is_one_person(void **state)
{
    (void)state;
    struct told a = tell("politie", "A", 1, "b1", "n1");
    a.persons = 3;
    a.bsn[1] = "b1";
    a.bsn[2] = "b1";
    struct told b = tell("politie", "B", 1, NULL, "n2");
    b.persons = 2;
    b.name[1] = "n2";
    struct told a_gone = {.partner = "politie", .reference = "A", .version = 2, .withdraw = true};
    struct told b_gone = {.partner = "politie", .reference = "B", .version = 2, .withdraw = true};
    assert_int_equal(world_signal(&world, &a), NEW);
    assert_int_equal(world_signal(&world, &b), NEW);
    assert_int_equal(world_count_persons(&world), 2);
    assert_int_equal(world_person(&world, "politie", "A", 0),
                     world_person(&world, "politie", "A", 2));
    assert_int_equal(world_person(&world, "politie", "B", 0),
                     world_person(&world, "politie", "B", 1));
    assert_int_equal(world_signal(&world, &a_gone), WITHDRAWN);
    assert_int_equal(world_signal(&world, &b_gone), WITHDRAWN);
    assert_int_equal(world_count_persons(&world), 0);
}

/* By him alone a partner fills his share: the others' reports go on to count, and how many they
 * made cannot be told from where he was stopped. */
static void a_partner_fills_his_own_share_of_a_dossier_only(void **state)
{
    char reference[16];
    (void)state;
    for (uint32_t others = 0; others < 2; others++) {
        const char *bsn = others == 0 ? "b1" : "b2";
        for (uint32_t i = 0; i < KP_COMPONENT_SHARE; i++) {
            (void)snprintf(reference, sizeof reference, "%u-%u", others, i); /* fits */
            struct told mine = tell("jeugdzorg", reference, 1, bsn, NULL);
            struct told other = tell("om", reference, 1, bsn, NULL);
            assert_int_equal(world_signal(&world, &mine), NEW);
            if (others != 0) {
                assert_int_equal(world_signal(&world, &other), NEW);
            }
        }
        struct told more = tell("jeugdzorg", others == 0 ? "M" : "N", 1, bsn, NULL);
        struct told other = tell("politie", others == 0 ? "M" : "N", 1, bsn, NULL);
        assert_int_equal(world_signal(&world, &more), HELD);
        assert_int_equal(world_signal(&world, &other), NEW);
    }
}

static void person_ids_survive_text(void **state)
{
    (void)state;
    const uint64_t ids[] = {32, 33, 12345 * 32 + 30, KP_PERSON_SPLIT | 1 << 16,
                            KP_PERSON_SPLIT | 99 << 16 | 65535};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        kp_arena_reset(&arena);
        assert_int_equal(kp_text_person_id(kp_slice_str(kp_text_person(&arena, ids[i]))), ids[i]);
    }
    assert_string_equal(kp_text_person(&arena, 12345 * 32 + 1), "P-12345.2");
    assert_int_equal(kp_text_person_id(KP_SLICE_LIT("P-1")), 0);
    assert_int_equal(kp_text_person_id(KP_SLICE_LIT("P-1.1x")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(a_repeat_names_the_first_and_changes_nothing),
        TEST(versions_replace_and_older_ones_are_superseded),
        TEST(a_withdrawal_takes_back_and_keeps_a_late_original_out),
        TEST(two_partners_make_it_ripe_and_it_says_why),
        TEST(ripe_lapses_by_age_at_the_day_it_said),
        TEST(newer_signals_put_the_lapse_off),
        TEST(a_withdrawal_brings_the_lapse_forward),
        TEST(a_withdrawal_tells_the_ketenmanager),
        TEST(a_rival_takes_the_one_with_an_initial_away),
        TEST(held_is_kept_told_once_repaired_or_dropped),
        TEST(a_conflict_that_is_tried_again_stays_where_it_is),
        TEST(what_is_held_is_held_once),
        TEST(a_held_version_waits_until_a_usable_one_reaches_it),
        TEST(an_acknowledgement_removes_and_never_goes_back),
        TEST(a_command_twice_is_skipped_and_a_gap_is_refused),
        TEST(changed_criteria_are_applied_to_those_who_are_there),
        TEST(three_persons_in_one_signal_each_have_their_part),
        TEST(one_person_twice_in_a_signal_is_one_person),
        TEST(arrival_order_does_not_change_the_grouping),
        TEST(a_partner_fills_his_own_share_of_a_dossier_only),
        TEST(person_ids_survive_text),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("core", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
