/* SPDX-License-Identifier: EUPL-1.2 */
/* Every change of who somebody is, with before, after and reason: kept of both, and told to the
 * ketenmanager when he knows of a proposal about either. */
#include "core/change.h"

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world world;
static struct kp_arena arena;

static int set_up(void **state)
{
    static struct kp_house house;
    (void)state;
    kp_arena_init(&arena, 1 << 20);
    world_open(&world);
    world_example_house(&house);
    world_house(&world, &house);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    kp_arena_done(&arena);
    return 0;
}

static struct told tell(const char *partner, const char *reference, const char *bsn,
                        const char *name)
{
    return (struct told){.partner = partner,
                         .reference = reference,
                         .version = 1,
                         .kind = 4,
                         .role = 1,
                         .date = 20251201,
                         .bsn = {bsn},
                         .name = {name},
                         .persons = 1};
}

static void take(const struct told *told)
{
    assert_int_equal(world_signal(&world, told), 1);
}

static void take_back(const struct told *told)
{
    struct told gone = {.partner = told->partner,
                        .reference = told->reference,
                        .version = told->version + 1,
                        .withdraw = true};
    assert_int_equal(world_signal(&world, &gone), 5);
}

static uint64_t person(const struct told *told)
{
    return world_person(&world, told->partner, told->reference, 0);
}

/* The @n-th row of the person, from 1 on. false: he has fewer. */
static bool change_of(uint64_t id, uint32_t n, struct kp_change *ret_change)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    bool found = true;
    *ret_change = (struct kp_change){.person = id};
    assert_int_equal(kp_txn_begin(&world.store, /* write= */ false, &txn, &diag), KP_OK);
    while (found && n-- > 0) {
        found = kp_change_next(txn, ret_change);
    }
    assert_int_equal(kp_txn_error(txn), KP_OK);
    kp_txn_abort(txn);
    return found;
}

struct expected {
    uint64_t before, after;
    uint32_t signals;
    bool gone;
    struct kp_cause cause;
};

/* The last command made this change, the @n-th of either person, and only this one. */
static void assert_kept(uint32_t n, const struct expected *expected)
{
    assert_int_equal(world.effects.persons_changed, 1);
    for (int came = 0; came < 2; came++) {
        struct kp_change change;
        uint64_t id = came == 0 ? expected->before : expected->after;
        uint64_t other = came == 0 ? expected->after : expected->before;
        /* A person who was made by it has no earlier ones. */
        bool found = change_of(id, n, &change) || change_of(id, 1, &change);
        assert_true(found);
        assert_int_equal(change.position, world.position);
        assert_int_equal(change.other, other);
        assert_int_equal(change.came, came == 1);
        assert_int_equal(change.gone, expected->gone);
        assert_int_equal(change.signals, expected->signals);
        assert_int_equal(change.cause.reason, expected->cause.reason);
        assert_int_equal(change.cause.detail, expected->cause.detail);
        assert_int_equal(change.at.ms, world.core.now.ms);
    }
}

static void assert_told(uint64_t seq, const struct expected *expected)
{
    const Knooppunt__V1__Event *event;
    assert_true(world_event(&world, "ketenmanager", seq, &arena, &event));
    assert_int_equal(event->body_case, KNOOPPUNT__V1__EVENT__BODY_PERSON_CHANGED);
    const Knooppunt__V1__PersonChanged *changed = event->person_changed;
    assert_string_equal(changed->before_person_id, kp_text_person(&arena, expected->before));
    assert_string_equal(changed->after_person_id, kp_text_person(&arena, expected->after));
    assert_int_equal(changed->signals, expected->signals);
    assert_int_equal(changed->before_is_gone, expected->gone);
    assert_int_equal(changed->reason, expected->cause.reason);
    assert_int_equal(changed->caused_by_position, world.position);
}

static void assert_event(uint64_t seq, Knooppunt__V1__Event__BodyCase body)
{
    const Knooppunt__V1__Event *event;
    assert_true(world_event(&world, "ketenmanager", seq, &arena, &event));
    assert_int_equal(event->body_case, body);
}

static void assert_quiet_after(uint64_t seq)
{
    const Knooppunt__V1__Event *event;
    assert_false(world_event(&world, "ketenmanager", seq + 1, &arena, &event));
}

/* A signal shows that two are one, and is withdrawn. */
static void a_bridge_that_comes_and_goes(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told again = tell("om", "B", "b1", "n1");
    struct told name = tell("jeugdzorg", "C", NULL, "n2");
    struct told bridge = tell("jeugdzorg", "D", "b1", "n2");
    (void)state;
    take(&one);
    take(&again);
    assert_event(1, KNOOPPUNT__V1__EVENT__BODY_CASUS_READY);
    take(&name);
    assert_int_equal(world.effects.persons_changed, 0); /* nobody was anybody else */
    uint64_t ripe = person(&one);
    uint64_t other = person(&name);
    assert_int_not_equal(ripe, other);
    take(&bridge);
    assert_int_equal(person(&name), ripe);
    struct expected came = {other, ripe, 1, true, {KP_CHANGE_SIGNAL, 0}};
    assert_kept(1, &came);
    assert_told(2, &came);
    take_back(&bridge);
    struct expected went = {ripe, person(&name), 1, false, {KP_CHANGE_GONE, 0}};
    assert_int_not_equal(went.after, ripe);
    assert_kept(2, &went);
    assert_told(3, &went);
    assert_quiet_after(3);
}

/* Two that became ripe as one, by a decision: first that they are one, then that he is ripe; and
 * back. */
static void a_decision_and_its_end(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told other = tell("om", "B", "b2", "n1");
    (void)state;
    take(&one);
    take(&other);
    uint64_t first = person(&one);
    struct expected came = {person(&other), first, 1, true, {KP_CHANGE_DECIDED, 0}};
    world_decide(&world, KP_DECISION_MUST, &one, &other);
    assert_kept(1, &came);
    assert_event(1, KNOOPPUNT__V1__EVENT__BODY_CASUS_READY); /* nobody was told of either before */
    world_decide(&world, KP_DECISION_CANNOT, &one, &other);
    uint64_t apart = person(&other) == first ? person(&one) : person(&other);
    struct expected went = {first, apart, 1, false, {KP_CHANGE_DECIDED, 0}};
    assert_kept(2, &went);
    assert_told(2, &went);
    assert_event(3, KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED);
    assert_quiet_after(3);
}

/* Another epoch asks for more than a name and a day. */
static void an_epoch_that_parts(void **state)
{
    static struct kp_match_terms terms;
    struct kp_match_model model;
    struct told one = tell("politie", "A", "b1", "n1");
    struct told again = tell("om", "B", "b1", "n1");
    struct told name = tell("jeugdzorg", "C", NULL, "n1");
    (void)state;
    take(&one);
    take(&again);
    take(&name);
    uint64_t ripe = person(&one);
    assert_int_equal(person(&name), ripe);
    kp_match_model_init(&model, 1000);
    terms.totals[KP_FIELD_GIVEN] = terms.totals[KP_FIELD_SURNAME] = 40;
    terms.least = 30;
    model.certain = model.joined = 100 * KP_BIT;
    world_epoch(&world, 1000, &model, &terms);
    world_activate(&world, 1);
    assert_int_equal(world.effects.persons_changed, 0); /* not yet: it is swept */
    world_tick(&world);
    struct expected went = {ripe, person(&name), 1, false, {KP_CHANGE_EPOCH, 1}};
    assert_int_not_equal(went.after, ripe);
    assert_kept(1, &went);
    assert_told(2, &went);
    assert_quiet_after(2);
}

/* Without a proposal it is kept, and nobody is told. */
static void what_nobody_knows_of_is_kept_only(void **state)
{
    struct told one = tell("politie", "A", "b1", "n1");
    struct told name = tell("politie", "C", NULL, "n2");
    struct told bridge = tell("politie", "D", "b1", "n2");
    struct kp_change change;
    (void)state;
    take(&one);
    take(&name);
    struct expected came = {person(&name), person(&one), 1, true, {KP_CHANGE_SIGNAL, 0}};
    take(&bridge);
    assert_kept(1, &came);
    assert_quiet_after(0);
    assert_false(change_of(came.after, 2, &change));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    const struct CMUnitTest tests[] = {
        TEST(a_bridge_that_comes_and_goes),
        TEST(a_decision_and_its_end),
        TEST(an_epoch_that_parts),
        TEST(what_nobody_knows_of_is_kept_only),
    };
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("changes", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
