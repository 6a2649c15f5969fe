/* SPDX-License-Identifier: EUPL-1.2 */
/* check: not under valgrind, for which hundreds of forms are many; the sanitizer sees them */
/* Whether forms were weighed ahead of their turn changes nothing but the time. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIGNALS 70u
#define AHEAD 7u
#define HINTS_MAX 256u

/* People who are much alike: few names, few days, one street. */
struct invented {
    char reference[16], given[24], surname[24], number[4];
    struct kp_reported_person reported;
    struct told told;
};

static struct invented invented[SIGNALS];
static struct kp_hints *foreseen[SIGNALS];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 16;
}

static void invent(void)
{
    static const char *const given[] = {"Anna Maria", "Anna", "A.", "Ana", "Bram", "Hanna"};
    static const char *const surnames[] = {"Verzonnen", "Versonnen", "Bedacht", "Bedachtman"};
    static const char *const partners[] = {"politie", "om", "jeugdzorg"};
    uint32_t random = 12;
    for (uint32_t i = 0; i < SIGNALS; i++) {
        struct invented *one = &invented[i];
        (void)snprintf(one->reference, sizeof one->reference, "H%u", i);
        (void)snprintf(one->given, sizeof one->given, "%s", given[next_random(&random) % 6]);
        (void)snprintf(one->surname, sizeof one->surname, "%s", surnames[next_random(&random) % 4]);
        (void)snprintf(one->number, sizeof one->number, "%u", 1 + next_random(&random) % 3);
        one->reported = (struct kp_reported_person){
            .given_names = one->given,
            .surname = one->surname,
            .birth_date = 19900100 + (int32_t)(10 + next_random(&random) % 3),
            .postcode = next_random(&random) % 3 == 0 ? NULL : "9999XX",
            .house_number = one->number,
        };
        one->told = (struct told){.partner = partners[i % 3],
                                  .reference = one->reference,
                                  .version = 1,
                                  .kind = 4,
                                  .role = 1,
                                  .date = 20251201,
                                  .reported = &one->reported,
                                  .persons = 1};
    }
}

/* What can be known of a signal now. */
static void foresee(struct world *world, uint32_t number)
{
    struct kp_command_head head;
    struct kp_command_batch batch;
    struct kp_command_signal signal;
    struct kp_reader reader;
    struct kp_txn *txn;
    struct kp_diag diag;
    size_t size = world_encode_batch(world, &invented[number].told, 1);
    kp_reader_init(&reader, kp_slice_of(world->body, size));
    kp_command_get_head(&reader, &head);
    kp_command_get_batch(&reader, &batch);
    kp_command_get_signal(&reader, &signal);
    assert_true(kp_reader_ok(&reader));
    assert_int_equal(kp_txn_begin(&world->store, /* write= */ false, &txn, &diag), KP_OK);
    struct kp_hints *hints = calloc(1, sizeof *hints + sizeof hints->hints[0] * HINTS_MAX);
    assert_non_null(hints);
    if (!kp_match_foresee(&world->core.model, txn, &signal, 0, HINTS_MAX, hints)) {
        free(hints);
        hints = NULL;
    }
    assert_int_equal(kp_txn_error(txn), KP_OK);
    kp_txn_abort(txn);
    free(foreseen[number]);
    foreseen[number] = hints;
}

static const struct kp_hints *hints_of(void *context, const uint8_t tag[KP_TAG_BYTES])
{
    (void)context;
    for (uint32_t i = 0; i < SIGNALS; i++) {
        if (foreseen[i] != NULL && memcmp(foreseen[i]->tag, tag, KP_TAG_BYTES) == 0) {
            return foreseen[i];
        }
    }
    return NULL;
}

enum kind { TRUE_HINTS, WRONG_HINTS, HINTS_OF_ANOTHER_EPOCH };

static void spoil(struct kp_hints *hints, enum kind kind)
{
    for (uint32_t i = 0; hints != NULL && kind != TRUE_HINTS && i < hints->count; i++) {
        hints->hints[i].bits = -hints->hints[i].bits;
    }
    if (hints != NULL && kind == HINTS_OF_ANOTHER_EPOCH) {
        hints->epoch++;
    }
}

/* All signals, in two worlds, the second with hints; whether both came to the same. */
static bool come_to_the_same(enum kind kind, uint32_t *ret_used)
{
    static struct world plain;
    static struct world hinted;
    static struct kp_house house;
    uint8_t digests[2][32];
    uint64_t rows[2];
    world_example_house(&house);
    world_open(&plain);
    world_open(&hinted);
    world_house(&plain, &house);
    world_house(&hinted, &house);
    hinted.core.hints = hints_of;
    *ret_used = 0;
    for (uint32_t i = 0; i < SIGNALS; i++) {
        if (i + AHEAD < SIGNALS) {
            foresee(&hinted, i + AHEAD);
            spoil(foreseen[i + AHEAD], kind);
        }
        assert_int_equal(world_signal(&plain, &invented[i].told), 1);
        assert_int_equal(plain.effects.weighed_ahead, 0);
        assert_int_equal(world_signal(&hinted, &invented[i].told), 1);
        *ret_used += hinted.effects.weighed_ahead;
    }
    world_digest(&plain, digests[0], &rows[0]);
    world_digest(&hinted, digests[1], &rows[1]);
    assert_true(world_count_persons(&plain) > 3);
    assert_true(world_count_persons(&plain) < SIGNALS);
    world_close(&plain);
    world_close(&hinted);
    for (uint32_t i = 0; i < SIGNALS; i++) {
        free(foreseen[i]);
        foreseen[i] = NULL;
    }
    return rows[0] == rows[1] && memcmp(digests[0], digests[1], 32) == 0;
}

static void hints_change_nothing(void **state)
{
    uint32_t used;
    (void)state;
    assert_true(come_to_the_same(TRUE_HINTS, &used));
    assert_true(used > SIGNALS / 2);
}

/* What is weighed ahead is used: else the test above would say nothing. */
static void hints_are_used(void **state)
{
    uint32_t used;
    (void)state;
    assert_false(come_to_the_same(WRONG_HINTS, &used));
    assert_true(used > SIGNALS / 2);
}

static void hints_of_another_epoch_are_not(void **state)
{
    uint32_t used;
    (void)state;
    assert_true(come_to_the_same(HINTS_OF_ANOTHER_EPOCH, &used));
    assert_int_equal(used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_change_nothing),
        cmocka_unit_test(hints_are_used),
        cmocka_unit_test(hints_of_another_epoch_are_not),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    invent();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
