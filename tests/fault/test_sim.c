/* SPDX-License-Identifier: EUPL-1.2 */
/* check: limit 600 s
 * A house in one thread: partners, a network that loses, doubles, delays and reorders, a hub that
 * crashes between any two of its steps, receivers that come and go, and a clock that jumps ahead.
 * The core and the store are the real ones. Everything follows from the seed. What partners and
 * receivers saw is judged by a model of the rules; the journal, applied again from nothing (every
 * 50th seed also on LMDB), must give the same digest.
 *   SEEDS=2000, SEED: the first one. A seed that fails says how to see it again.
 */
#define _XOPEN_SOURCE 700 /* nftw, for the folder of the store on disk */
#include "sim_model.h"

#include "../unit/test_store_fixture.h"

#include "base/file.h"
#include "base/time.h"
#include "store/lmdb.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SCRIPT_MAX 40u
#define BATCH_MAX 4u
#define BATCHES_MAX 40u
#define WIRE_MAX 64u
#define JOURNAL_MAX 1200u
#define BODIES_BYTES (2u << 20)
#define MAILBOXES 4u
#define SEQ_MAX 1200u
#define LMDB_EVERY 50u
#define ROUNDS_MAX 4000u

/* What is broken on purpose, to see that it is found. */
enum sabotage { NONE, LOSE_ONE, COUNT_TWICE, SWAP_EVENTS, IGNORE_VERSION, SABOTAGES };

struct batch {
    struct sim_signal signals[BATCH_MAX];
    uint32_t count;
    bool receipted;
};

struct partner {
    struct batch batches[BATCHES_MAX];
    uint32_t count;
};

/* A batch on its way to the hub, or its receipt on the way back. */
struct letter {
    bool there, is_receipt;
    uint32_t partner, batch, arrives; /* a round */
};

struct record {
    size_t offset, size;
    uint64_t position;
    uint32_t positions;
    struct kp_wall stamp;
    const struct batch *batch; /* NULL: another command */
};

struct mailbox {
    const char *owner;
    uint64_t next, seen, acked_seen;
    uint8_t digests[SEQ_MAX][KP_SHA256_BYTES];
};

struct said {
    uint8_t outcome;
    uint64_t first;
};

struct sim {
    uint32_t seed, state, round;
    enum sabotage sabotage;
    bool sabotaged;
    struct world hub;
    struct kp_arena arena;
    struct partner partners[SIM_PARTNERS];
    struct letter wire[WIRE_MAX];
    struct record journal[JOURNAL_MAX];
    uint32_t records, applied;
    uint64_t last_position;
    uint8_t *bodies;
    size_t bodies_used;
    struct mailbox mailboxes[MAILBOXES];
    struct said said[JOURNAL_MAX * BATCH_MAX]; /* by position */
    uint32_t ready, lapsed, crashes;
    char why[240];
};

static struct sim sim;

/* --- chance and words --- */

static uint32_t chance(uint32_t below)
{
    sim.state ^= sim.state << 13;
    sim.state ^= sim.state >> 17;
    sim.state ^= sim.state << 5;
    return (sim.state >> 3) % below;
}

static KP_PRINTF(1, 2) bool fault(const char *format, ...)
{
    va_list args;
    if (sim.why[0] == '\0') {
        va_start(args, format);
        (void)vsnprintf(sim.why, sizeof sim.why, format, args);
        va_end(args);
    }
    return false;
}

/* --- the partners' signals --- */

static struct sim_signal make_version(uint32_t partner, uint32_t reference, uint64_t version)
{
    static const char *const bsns[] = {"b0", "b1", "b2", NULL, NULL};
    static const char *const names[] = {"n0", "n1", "n2", NULL};
    static const uint8_t kinds[] = {4, 13, 7};
    struct sim_signal made = {
        .partner = (uint8_t)partner,
        .reference = (uint8_t)reference,
        .told = {.partner = sim_partners[partner],
                 .reference = sim_references[reference],
                 .version = version,
                 .kind = kinds[chance(3)],
                 .role = 1,
                 .date = (int32_t)(20250100 + 100 * chance(12) + 1 + chance(28)),
                 .themes = chance(4) == 0 ? 1 : 0,
                 .persons = 1 + (chance(4) == 0 ? 1 : 0),
                 .content = ""},
    };
    for (uint32_t i = 0; i < made.told.persons; i++) {
        made.told.bsn[i] = bsns[chance(5)];
        made.told.name[i] = names[chance(4)];
    }
    if (chance(6) == 0) {
        made.told.withdraw = true;
        made.told.persons = 0;
    }
    return made;
}

/* A report in several versions, some unusable at first, some under the same version with another
 * content; all in any order, some more than once. */
static uint32_t write_script(uint32_t partner, struct sim_signal ret_script[SCRIPT_MAX])
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < SIM_REFERENCES; r++) {
        for (uint64_t v = 1; v <= 1 + chance(3); v++) {
            struct sim_signal made = make_version(partner, r, v);
            ret_script[count++] = made;
            if (!made.told.withdraw && chance(6) == 0) {
                ret_script[count] = made;
                ret_script[count].told.held_field = "incident_date";
                ret_script[count++].told.content = "unusable";
            }
            if (chance(15) == 0) {
                ret_script[count] = made;
                ret_script[count++].told.content = "other";
            }
        }
    }
    for (uint32_t again = chance(4); again > 0 && count < SCRIPT_MAX; again--) {
        ret_script[count] = ret_script[chance(count)];
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t swap = chance(i + 1);
        struct sim_signal other = ret_script[i];
        ret_script[i] = ret_script[swap];
        ret_script[swap] = other;
    }
    return count;
}

static void write_batches(uint32_t partner)
{
    static struct sim_signal script[SCRIPT_MAX];
    struct partner *of = &sim.partners[partner];
    uint32_t left = write_script(partner, script);
    of->count = 0;
    while (left > 0) {
        struct batch *batch = &of->batches[of->count++];
        uint32_t size = 1 + chance(BATCH_MAX);
        *batch = (struct batch){.count = size < left ? size : left};
        for (uint32_t i = 0; i < batch->count; i++) {
            batch->signals[i] = script[--left];
        }
    }
}

/* --- the network --- */

static void post(bool is_receipt, uint32_t partner, uint32_t batch)
{
    for (uint32_t copies = chance(8) == 0 ? 2 : 1; copies > 0; copies--) {
        if (chance(6) == 0) {
            continue; /* lost */
        }
        for (uint32_t i = 0; i < WIRE_MAX; i++) {
            if (!sim.wire[i].there) {
                sim.wire[i] = (struct letter){.there = true,
                                              .is_receipt = is_receipt,
                                              .partner = partner,
                                              .batch = batch,
                                              .arrives = sim.round + 1 + chance(12)};
                break; /* a full network loses it */
            }
        }
    }
}

static void partners_send(void)
{
    for (uint32_t p = 0; p < SIM_PARTNERS; p++) {
        uint32_t window = 3;
        for (uint32_t b = 0; b < sim.partners[p].count && window > 0; b++) {
            if (!sim.partners[p].batches[b].receipted) {
                window--;
                if (chance(5) == 0) {
                    post(false, p, b);
                }
            }
        }
    }
}

/* --- the hub: journal --- */

static void journal(size_t size, uint32_t positions, const struct batch *batch)
{
    assert_true(sim.records < JOURNAL_MAX && sim.bodies_used + size <= BODIES_BYTES);
    memcpy(sim.bodies + sim.bodies_used, sim.hub.body, size);
    sim.journal[sim.records++] = (struct record){.offset = sim.bodies_used,
                                                 .size = size,
                                                 .position = sim.last_position + 1,
                                                 .positions = positions,
                                                 .stamp = sim.hub.now,
                                                 .batch = batch};
    sim.bodies_used += size;
    sim.last_position += positions;
}

static bool is_repeat(const struct batch *batch)
{
    for (uint32_t i = 0; i < sim.records; i++) {
        if (sim.journal[i].batch == batch) {
            return true;
        }
    }
    return false;
}

/* Another hub than ours would do this: what it applies is not what it journalled. */
static size_t spoil(const struct batch *batch, size_t size)
{
    struct told told[BATCH_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        told[i] = batch->signals[i].told;
    }
    if (sim.sabotage == LOSE_ONE && batch->count == 1 && !sim.sabotaged) {
        sim.sabotaged = true;
        return world_encode_tick(&sim.hub);
    }
    if (sim.sabotage == COUNT_TWICE && is_repeat(batch)) {
        for (uint32_t i = 0; i < batch->count; i++) {
            told[i].reference = "another";
        }
        return world_encode_batch(&sim.hub, told, batch->count);
    }
    if (sim.sabotage == IGNORE_VERSION) {
        for (uint32_t i = 0; i < batch->count; i++) {
            told[i].version = 10 + sim.records;
        }
        return world_encode_batch(&sim.hub, told, batch->count);
    }
    return size;
}

static void take_batch(uint32_t partner, uint32_t number)
{
    const struct batch *batch = &sim.partners[partner].batches[number];
    struct told told[BATCH_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        told[i] = batch->signals[i].told;
    }
    if (chance(20) == 0) {
        return; /* it crashed before the sync: nothing was promised */
    }
    size_t size = spoil(batch, world_encode_batch(&sim.hub, told, batch->count));
    journal(size, batch->count, batch);
    post(true, partner, number);
}

static void letters_arrive(void)
{
    for (uint32_t i = 0; i < WIRE_MAX; i++) {
        struct letter letter = sim.wire[i];
        if (!letter.there || letter.arrives > sim.round) {
            continue;
        }
        sim.wire[i].there = false;
        if (letter.is_receipt) {
            sim.partners[letter.partner].batches[letter.batch].receipted = true;
        } else {
            take_batch(letter.partner, letter.batch);
        }
    }
}

/* --- the hub: applier --- */

static bool apply(struct world *world, struct kp_txn *txn, const struct record *record)
{
    struct kp_diag diag = {0};
    struct kp_core_command command = {.position = record->position,
                                      .positions = record->positions,
                                      .stamp = record->stamp,
                                      .body =
                                          kp_slice_of(sim.bodies + record->offset, record->size)};
    memset(&world->effects, 0, sizeof world->effects);
    return kp_core_apply(&world->core, txn, &command, &world->effects, &diag) == KP_OK ||
           fault("position %" PRIu64 ": %s", record->position, diag.text);
}

static void load_core(struct world *world)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    assert_int_equal(kp_core_load(&world->core, txn, &diag), KP_OK);
    kp_txn_abort(txn);
}

/* A group, all of it or nothing. false: a fault. */
static bool apply_group(uint32_t size)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    uint32_t until = sim.applied + size < sim.records ? sim.applied + size : sim.records;
    if (until == sim.applied) {
        return true;
    }
    bool crash = chance(12) == 0;
    uint32_t at = sim.applied;
    assert_int_equal(kp_txn_begin(&sim.hub.store, true, &txn, &diag), KP_OK);
    while (at < until && !(crash && at > sim.applied && chance(2) == 0)) {
        if (!apply(&sim.hub, txn, &sim.journal[at++])) {
            kp_txn_abort(txn);
            return false;
        }
    }
    if (crash) {
        kp_txn_abort(txn);
        load_core(&sim.hub);
        sim.crashes++;
        for (uint32_t i = 0; i < MAILBOXES; i++) { /* with their sessions */
            sim.mailboxes[i].next = 0;
        }
        return true;
    }
    assert_int_equal(kp_txn_commit(txn, &diag), KP_OK);
    sim.applied = until;
    return true;
}

/* --- the receivers --- */

static bool note_outcomes(const Knooppunt__V1__Outcomes *outcomes)
{
    for (size_t i = 0; i < outcomes->n_outcomes; i++) {
        const Knooppunt__V1__SignalOutcome *outcome = outcomes->outcomes[i];
        assert_true(outcome->position < sizeof sim.said / sizeof sim.said[0]);
        struct said *said = &sim.said[outcome->position];
        if (said->outcome != 0) {
            return fault("position %" PRIu64 " has two outcomes", outcome->position);
        }
        *said = (struct said){.outcome = (uint8_t)outcome->kind, .first = outcome->first_position};
    }
    return true;
}

/* An event that was not seen before, or the same as before. */
static bool note_event(struct mailbox *box, uint64_t seq, const Knooppunt__V1__Event *event)
{
    uint8_t digest[KP_SHA256_BYTES];
    struct kp_slice packed = kp_codec_pack(&sim.arena, &event->base);
    kp_sha256(packed, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    assert_true(seq < SEQ_MAX);
    if (seq <= box->seen) {
        return memcmp(box->digests[seq], digest, sizeof digest) == 0 ||
               fault("%s: event %" PRIu64 " is another one now", box->owner, seq);
    }
    if (seq != box->seen + 1) {
        return fault("%s: event %" PRIu64 " after %" PRIu64, box->owner, seq, box->seen);
    }
    box->seen = seq;
    memcpy(box->digests[seq], digest, sizeof digest);
    sim.ready +=
        event->body_case == KNOOPPUNT__V1__EVENT__BODY_CASUS_READY && !event->casus_ready->again
            ? 1
            : 0;
    sim.lapsed += event->body_case == KNOOPPUNT__V1__EVENT__BODY_CASUS_LAPSED ? 1 : 0;
    return event->body_case != KNOOPPUNT__V1__EVENT__BODY_OUTCOMES ||
           note_outcomes(event->outcomes);
}

static uint64_t acked_of(const struct mailbox *box)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_mailbox state;
    assert_int_equal(kp_txn_begin(&sim.hub.store, false, &txn, &diag), KP_OK);
    kp_mailbox_get(txn, world_number(&sim.hub, box->owner), &state);
    kp_txn_abort(txn);
    return state.acked_seq;
}

/* The next event, when there is one; true: there was. */
static bool receive(struct mailbox *box, bool *ret_fault)
{
    const Knooppunt__V1__Event *event;
    uint64_t acked = acked_of(box);
    box->next = box->next > acked ? box->next : acked + 1; /* there a session begins */
    uint64_t swap = sim.sabotage == SWAP_EVENTS && chance(10) == 0 ? 1 : 0;
    if (!world_event(&sim.hub, box->owner, box->next + swap, &sim.arena, &event)) {
        return false;
    }
    *ret_fault = !note_event(box, box->next + swap, event);
    box->next++;
    return true;
}

static bool receivers_work(bool all)
{
    for (uint32_t i = 0; i < MAILBOXES; i++) {
        struct mailbox *box = &sim.mailboxes[i];
        bool faulty = false;
        if (chance(25) == 0) {
            box->next = 0; /* cut off: it comes again */
        }
        for (uint32_t n = all ? SEQ_MAX : chance(4); n > 0 && !faulty && receive(box, &faulty);
             n--) {
        }
        if (faulty) {
            return false;
        }
        if (box->seen > box->acked_seen && chance(6) == 0 && box->next == box->seen + 1) {
            journal(world_encode_ack(&sim.hub, box->owner, box->seen), 1, NULL);
            box->acked_seen = box->seen;
        }
    }
    return true;
}

/* --- a seed --- */

static void begin(uint32_t seed, enum sabotage sabotage)
{
    static struct kp_house house;
    uint8_t *bodies = sim.bodies;
    struct kp_arena arena = sim.arena;
    sim = (struct sim){.seed = seed,
                       .state = seed * 2654435761u | 1,
                       .sabotage = sabotage,
                       .bodies = bodies,
                       .arena = arena};
    world_open(&sim.hub);
    world_example_house(&house);
    world_house(&sim.hub, &house);
    sim.last_position = sim.hub.position;
    for (uint32_t p = 0; p < SIM_PARTNERS; p++) {
        write_batches(p);
        sim.mailboxes[p] = (struct mailbox){.owner = sim_partners[p]};
    }
    sim.mailboxes[SIM_PARTNERS] = (struct mailbox){.owner = "ketenmanager"};
}

static bool all_receipted(void)
{
    for (uint32_t p = 0; p < SIM_PARTNERS; p++) {
        for (uint32_t b = 0; b < sim.partners[p].count; b++) {
            if (!sim.partners[p].batches[b].receipted) {
                return false;
            }
        }
    }
    return true;
}

static void clock_goes_on(void)
{
    int64_t jump = chance(10) == 0 ? (int64_t)chance(20) * KP_DAY_MS : (int64_t)chance(60000);
    sim.hub.now.ms += jump;
    if (chance(6) == 0) {
        journal(world_encode_tick(&sim.hub), 1, NULL);
    }
}

static bool live(void)
{
    for (sim.round = 0; !all_receipted(); sim.round++) {
        if (sim.round == ROUNDS_MAX) {
            return fault("some batch has no receipt after %u rounds", ROUNDS_MAX);
        }
        partners_send();
        letters_arrive();
        clock_goes_on();
        if (!apply_group(chance(6)) || !receivers_work(false)) {
            return false;
        }
    }
    return true;
}

static bool apply_all(void)
{
    while (sim.applied < sim.records) {
        if (!apply_group(8)) {
            return false;
        }
    }
    return true;
}

/* Some time passes; everything is applied and taken. */
static bool settle(void)
{
    sim.hub.now.ms += (int64_t)chance(500) * KP_DAY_MS;
    for (uint32_t i = 0; i < 4; i++) {
        journal(world_encode_tick(&sim.hub), 1, NULL);
    }
    return apply_all() && receivers_work(true) && receivers_work(true) && apply_all();
}

/* --- judgement --- */

static bool outcomes_are_right(struct sim_model *model)
{
    memset(model, 0, sizeof *model);
    for (uint32_t i = 0; i < sim.records; i++) {
        const struct record *record = &sim.journal[i];
        for (uint32_t n = 0; record->batch != NULL && n < record->batch->count; n++) {
            uint64_t position = record->position + n;
            uint64_t first;
            enum sim_outcome outcome =
                sim_model_take(model, &record->batch->signals[n], position, &first);
            const struct said *said = &sim.said[position];
            if (said->outcome != (uint8_t)outcome || said->first != first) {
                return fault("position %" PRIu64 ": outcome %u of %" PRIu64 ", not %d of %" PRIu64,
                             position, said->outcome, said->first, (int)outcome, first);
            }
        }
    }
    return true;
}

static bool state_is_right(const struct sim_model *model)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    char why[200];
    int32_t day = (int32_t)(sim.hub.now.ms / KP_DAY_MS);
    assert_int_equal(kp_txn_begin(&sim.hub.store, false, &txn, &diag), KP_OK);
    bool right = sim_model_agrees(model, txn, day, why, sizeof why);
    kp_txn_abort(txn);
    uint32_t ripe = sim_model_ripe(model, day);
    return right ? sim.ready - sim.lapsed == ripe ||
                       fault("the ketenmanager was told of %u and %u lapsed; %u are open",
                             sim.ready, sim.lapsed, ripe)
                 : fault("%s", why);
}

/* The journal again, from nothing, one command at a time. */
static bool replays_the_same(struct kp_store store)
{
    static struct world again;
    static struct kp_house house;
    uint8_t first[KP_SHA256_BYTES], second[KP_SHA256_BYTES];
    uint64_t first_rows, second_rows;
    bool good = true;
    world_open_on(&again, store);
    world_example_house(&house);
    world_house(&again, &house);
    for (uint32_t i = 0; good && i < sim.records; i++) {
        struct kp_txn *txn;
        struct kp_diag diag;
        assert_int_equal(kp_txn_begin(&again.store, true, &txn, &diag), KP_OK);
        good = apply(&again, txn, &sim.journal[i]);
        assert_int_equal(kp_txn_commit(txn, &diag), KP_OK);
    }
    world_digest(&sim.hub, first, &first_rows);
    world_digest(&again, second, &second_rows);
    world_close(&again);
    return good && ((first_rows == second_rows && memcmp(first, second, sizeof first) == 0) ||
                    fault("the journal applied again gives another state"));
}

static bool replays_the_same_on_lmdb(void)
{
    struct fixture fixture;
    struct kp_store store;
    struct kp_diag diag;
    fixture_init(&fixture);
    struct kp_store_options options = {.dir = fixture.path[FIXTURE_STATE],
                                       .map_bytes = UINT64_C(256) << 20,
                                       .master = &fixture.master,
                                       .ring = fixture.ring};
    fixture_must(kp_store_open_lmdb(&options, &store, &diag), &diag);
    bool same = replays_the_same(store);
    fixture_done(&fixture);
    return same;
}

/* One seed, from its beginning to its judgement. */
static bool run_seed(uint32_t seed, enum sabotage sabotage)
{
    static struct sim_model model;
    struct kp_store memory;
    begin(seed, sabotage);
    bool good = live() && settle() && outcomes_are_right(&model) && state_is_right(&model);
    if (good) {
        kp_store_open_ram(&memory);
        good = replays_the_same(memory) && (seed % LMDB_EVERY != 0 || replays_the_same_on_lmdb());
    }
    world_close(&sim.hub);
    return good;
}

/* What came in, in the order of the journal. */
static void tell_story(void)
{
    for (uint32_t i = 0; i < sim.records; i++) {
        const struct record *record = &sim.journal[i];
        for (uint32_t n = 0; record->batch != NULL && n < record->batch->count; n++) {
            const struct told *told = &record->batch->signals[n].told;
            print_error("  %" PRIu64 " day %d: %s %s version %" PRIu64
                        "%s%s%s of %d, %u person(s)\n",
                        record->position + n, (int)(record->stamp.ms / KP_DAY_MS), told->partner,
                        told->reference, told->version, told->withdraw ? " withdrawal" : "",
                        told->held_field != NULL ? " unusable" : "",
                        strcmp(told->content, "other") == 0 ? " other content" : "", told->date,
                        told->persons);
        }
    }
}

static uint32_t number_from(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

static void the_truth_survives_network_and_crashes(void **state)
{
    uint32_t count = number_from("SEEDS", 2000);
    uint32_t from = number_from("SEED", (uint32_t)(kp_wall_now().ms % 1000000) * 50);
    uint32_t crashes = 0, signals = 0, ripe = 0;
    (void)state;
    for (uint32_t seed = from; seed < from + count; seed++) {
        if (!run_seed(seed, NONE)) {
            tell_story();
            fail_msg("%s\nagain: SEED=%u SEEDS=1 build/release/tests/fault/test_sim", sim.why,
                     seed);
        }
        crashes += sim.crashes;
        signals += (uint32_t)sim.last_position;
        ripe += sim.ready;
    }
    print_message("seeds %u to %u: %u positions, %u crashes, %u alerts\n", from, from + count - 1,
                  signals, crashes, ripe);
    assert_true(crashes > 0 && ripe > 0);
}

/* The positive control: each of these hubs is found out within so many seeds. */
static void what_is_broken_is_found(void **state)
{
    static const char *const names[SABOTAGES] = {[LOSE_ONE] = "a receipted batch lost",
                                                 [COUNT_TWICE] = "a repeat counted again",
                                                 [SWAP_EVENTS] = "events out of order",
                                                 [IGNORE_VERSION] = "versions ignored"};
    (void)state;
    for (enum sabotage sabotage = LOSE_ONE; sabotage < SABOTAGES; sabotage++) {
        uint32_t seed = 1;
        while (run_seed(seed, sabotage) && seed < 20) {
            seed++;
        }
        print_message("%s: seed %u: %s\n", names[sabotage], seed, sim.why);
        assert_true(sim.why[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_broken_is_found),
        cmocka_unit_test(the_truth_survives_network_and_crashes),
    };
    struct kp_diag diag;
    sim.bodies = malloc(BODIES_BYTES);
    if (sim.bodies == NULL || kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    kp_arena_init(&sim.arena, WORLD_SCRATCH);
    int failed = cmocka_run_group_tests_name("the simulator", tests, NULL, NULL);
    kp_arena_done(&sim.arena);
    free(sim.bodies);
    return failed;
}
