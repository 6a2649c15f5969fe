/* SPDX-License-Identifier: EUPL-1.2 */
/* check: limit 300 s
 * Arrival order does not change the truth (P10): all orders of small sets of signals, and many of
 * larger ones, end where the model says. Each order is applied in one transaction, judged in it,
 * and undone. SEED, SETS (how many sets of five, and of twelve).
 */
#include "sim_model.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SET_MAX 12u
#define ORDERS_OF_LARGE 20u

static struct world world;
static uint32_t seed;

static uint32_t chance(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

/* --- what can come --- */

#define SIGNAL(p, r, v, kind_, date_, ...)                                                         \
    {                                                                                              \
        .partner = (p), .reference = (r), .told = {                                                \
            .version = (v),                                                                        \
            .kind = (kind_),                                                                       \
            .role = 1,                                                                             \
            .date = (date_),                                                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ONE(bsn_, name_) .persons = 1, .bsn = {bsn_}, .name = {name_}, .content = ""
#define UNUSABLE .persons = 1, .held_field = "incident_date", .content = "unusable"
#define GONE .withdraw = true, .content = ""

/* Every rule meets every other: one and several BSNs under a name, names alone, two persons in one
 * signal, versions, withdrawals, held ones, dates that lapse one after another. */
static const struct sim_signal alphabet[] = {
    SIGNAL(0, 0, 1, 4, 20251220, ONE("b1", "n1")),
    SIGNAL(0, 0, 2, 4, 20251220, GONE),
    SIGNAL(1, 0, 1, 4, 20251210, ONE("b1", "n1")),
    SIGNAL(1, 0, 2, 4, 20251105, ONE("b2", "n1")),
    SIGNAL(2, 0, 1, 4, 20251001, ONE("b1", "n2")),
    SIGNAL(0, 1, 1, 13, 20251115, ONE(NULL, "n1")),
    SIGNAL(1, 1, 1, 4, 20250901, ONE(NULL, "n1")),
    SIGNAL(2, 1, 1, 4, 20251201, ONE("b2", "n1")),
    SIGNAL(2, 1, 2, 4, 20251201, GONE),
    SIGNAL(1, 2, 1, 7, 20251111, ONE(NULL, "n2"), .themes = 1),
    SIGNAL(2, 2, 1, 4, 20251212, .persons = 3, .bsn = {"b1", "b2", NULL},
           .name = {"n1", NULL, "n1"}, .content = ""),
    SIGNAL(0, 2, 1, 4, 20251130, .persons = 2, .name = {"n2", "n2"}, .content = ""),
    SIGNAL(0, 3, 1, 4, 20251130, UNUSABLE),
    SIGNAL(0, 3, 1, 4, 20251130, ONE("b2", "n2")),
    SIGNAL(0, 3, 2, 4, 20251130, UNUSABLE),
    SIGNAL(1, 3, 1, 4, 20251208, ONE("b2", "n3")),
    SIGNAL(1, 3, 3, 4, 20251209, ONE("b2", NULL)),
    SIGNAL(2, 3, 1, 4, 20251206, ONE(NULL, NULL)),
};
#define ALPHABET (sizeof alphabet / sizeof alphabet[0])

static void name_it(struct sim_signal *signal)
{
    signal->told.partner = sim_partners[signal->partner];
    signal->told.reference = sim_references[signal->reference];
}

/* --- one order --- */

static void apply(struct kp_txn *txn, size_t size, uint64_t position, uint32_t positions)
{
    struct kp_diag diag = {0};
    struct kp_core_command command = {.position = position,
                                      .positions = positions,
                                      .stamp = world.now,
                                      .body = kp_slice_of(world.body, size)};
    memset(&world.effects, 0, sizeof world.effects);
    if (kp_core_apply(&world.core, txn, &command, &world.effects, &diag) != KP_OK) {
        fail_msg("%s", diag.text);
    }
}

static void tell_story(const struct sim_signal *signals, const uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct told *told = &signals[order[i]].told;
        print_error("  %s %s version %llu%s%s, %d, %s/%s\n", told->partner, told->reference,
                    (unsigned long long)told->version, told->withdraw ? ", withdrawal" : "",
                    told->held_field != NULL ? ", unusable" : "", told->date,
                    told->bsn[0] != NULL ? told->bsn[0] : "-",
                    told->name[0] != NULL ? told->name[0] : "-");
    }
}

/* The day on which it is judged, as well as in between. */
static const int32_t days[] = {20260101, 20261002, 20261111, 20261211, 20261221};

static bool ends_right(const struct sim_signal *signals, const uint32_t *order, uint32_t count,
                       char *ret_why, size_t size)
{
    static struct sim_model model;
    struct kp_txn *txn;
    struct kp_diag diag;
    bool right = true;
    uint64_t position = world.position;
    struct kp_wall now = world.now;
    memset(&model, 0, sizeof model);
    assert_int_equal(kp_txn_begin(&world.store, true, &txn, &diag), KP_OK);
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_signal *signal = &signals[order[i]];
        uint64_t first;
        apply(txn, world_encode_batch(&world, &signal->told, 1), ++position, 1);
        enum sim_outcome outcome = sim_model_take(&model, signal, position, &first);
        if (world.effects.outcomes[outcome] != 1) {
            (void)snprintf(ret_why, size, "signal %u of the order is not outcome %d", i + 1,
                           (int)outcome);
            right = false;
        }
    }
    for (size_t i = 0; right && i < sizeof days / sizeof days[0]; i++) {
        int32_t day = kp_date_to_days(days[i]);
        world.now.ms = (int64_t)day * KP_DAY_MS;
        apply(txn, world_encode_tick(&world), ++position, 1);
        right = sim_model_agrees(&model, txn, day, ret_why, size);
    }
    kp_txn_abort(txn);
    world.now = now;
    return right;
}

static void must_end_right(const struct sim_signal *signals, const uint32_t *order, uint32_t count)
{
    char why[200] = "";
    if (!ends_right(signals, order, count, why, sizeof why)) {
        tell_story(signals, order, count);
        fail_msg("%s", why);
    }
}

/* All orders, by Heap's algorithm; how many. */
static uint32_t all_orders(const struct sim_signal *signals, uint32_t *order, uint32_t count,
                           uint32_t of)
{
    if (count == 1) {
        must_end_right(signals, order, of);
        return 1;
    }
    uint32_t tried = 0;
    for (uint32_t i = 0; i < count; i++) {
        tried += all_orders(signals, order, count - 1, of);
        uint32_t swap = count % 2 == 0 ? i : 0;
        uint32_t last = order[count - 1];
        order[count - 1] = order[swap];
        order[swap] = last;
    }
    return tried;
}

/* --- the sets --- */

static int set_up(void **state)
{
    static struct kp_house house;
    const char *text = getenv("SEED");
    (void)state;
    seed = text == NULL ? (uint32_t)kp_mono_now().us | 1 : (uint32_t)strtoul(text, NULL, 10) | 1;
    print_message("again: SEED=%u build/release/tests/fault/test_sim_order\n", seed);
    world_open(&world);
    world_forget(&world);
    world_example_house(&house);
    world_house(&world, &house);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static uint32_t sets_wanted(void)
{
    const char *text = getenv("SETS");
    return text == NULL ? 1000 : (uint32_t)strtoul(text, NULL, 10);
}

static uint32_t pick(struct sim_signal ret_signals[SET_MAX], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ret_signals[i] = alphabet[chance(ALPHABET)];
        name_it(&ret_signals[i]);
    }
    return count;
}

static void all_orders_of_all_sets_of_three(void **state)
{
    uint32_t tried = 0;
    (void)state;
    for (uint32_t a = 0; a < ALPHABET; a++) {
        for (uint32_t b = a; b < ALPHABET; b++) {
            for (uint32_t c = b; c < ALPHABET; c++) {
                struct sim_signal signals[] = {alphabet[a], alphabet[b], alphabet[c]};
                uint32_t order[] = {0, 1, 2};
                for (uint32_t i = 0; i < 3; i++) {
                    name_it(&signals[i]);
                }
                tried += all_orders(signals, order, 3, 3);
            }
        }
    }
    print_message("%u orders\n", tried);
}

static void all_orders_of_sets_of_five(void **state)
{
    uint32_t tried = 0;
    (void)state;
    for (uint32_t set = 0; set < sets_wanted(); set++) {
        struct sim_signal signals[SET_MAX];
        uint32_t order[] = {0, 1, 2, 3, 4};
        tried += all_orders(signals, order, pick(signals, 5), 5);
    }
    print_message("%u orders\n", tried);
}

static void many_orders_of_larger_sets(void **state)
{
    (void)state;
    for (uint32_t set = 0; set < sets_wanted(); set++) {
        struct sim_signal signals[SET_MAX];
        uint32_t order[SET_MAX];
        uint32_t count = pick(signals, SET_MAX);
        for (uint32_t turn = 0; turn < ORDERS_OF_LARGE; turn++) {
            for (uint32_t i = 0; i < count; i++) {
                uint32_t swap = chance(i + 1);
                order[i] = order[swap];
                order[swap] = i;
            }
            must_end_right(signals, order, count);
        }
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        TEST(all_orders_of_all_sets_of_three),
        TEST(all_orders_of_sets_of_five),
        TEST(many_orders_of_larger_sets),
    };
    return cmocka_run_group_tests_name("arrival order", tests, NULL, NULL);
}
