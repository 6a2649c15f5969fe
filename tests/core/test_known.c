/* SPDX-License-Identifier: EUPL-1.2 */
/* Whether a person is known: the rules at the head of core/known.h, the quota, and what is written
 * down of a check. */
#include "core/audit.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world world;
static struct kp_house house;

/* politie checks; om and jeugdzorg may be told of, the latter of a perpetrator only. */
static int set_up(void **state)
{
    (void)state;
    world_open(&world);
    world_example_house(&house);
    house.partners[0].check_as = 1u << 6;
    house.partners[0].check_for = 1u << 3 | 1u << 4;
    house.partners[0].checks_max = 3;
    house.partners[1].told_roles = 1u << 1 | 1u << 2;
    house.partners[2].told_roles = 1u << 1;
    world_house(&world, &house);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static void report(const char *partner, const char *reference, uint8_t role, const char *bsn,
                   const char *name)
{
    struct told told = {.partner = partner,
                        .reference = reference,
                        .version = 1,
                        .kind = 2,
                        .role = role,
                        .date = 20251201,
                        .bsn = {bsn},
                        .name = {name},
                        .persons = 1};
    assert_int_equal(world_signal(&world, &told), 1);
}

static void checked(const struct asked *asked, enum kp_known_outcome outcome, const char *told)
{
    struct kp_stored_check check;
    world_check(&world, asked, &check);
    assert_string_equal(kp_known_outcome_name(check.outcome),
                        kp_known_outcome_name((uint8_t)outcome));
    assert_int_equal(check.partner, world_number(&world, asked->partner));
    size_t count = 0;
    for (const char *at = told; *at != '\0'; count++) {
        size_t size = strcspn(at, " ");
        uint16_t index = kp_house_partner(&world.core.house, kp_slice_of(at, size));
        assert_true(count < check.told_count);
        assert_int_equal(check.told[count], world.core.house.partners[index].number);
        at += at[size] == ' ' ? size + 1 : size;
    }
    assert_int_equal(check.told_count, count);
}

/* Tests that ask more than a day allows. */
static void without_a_quota(void)
{
    house.partners[0].checks_max = 100;
    world_house(&world, &house);
}

static void who_is_known_to_others_is_a_hit(void **state)
{
    (void)state;
    without_a_quota();
    report("om", "O-1", 1, "b1", "n1");
    report("politie", "P-1", 1, "b2", "n2");
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n1"}, KP_KNOWN_HIT, "om");
    checked(&(struct asked){.partner = "politie", .bsn = "b2", .name = "n2"}, KP_KNOWN_UNKNOWN, "");
    checked(&(struct asked){.partner = "politie", .bsn = "b3", .name = "n3"}, KP_KNOWN_UNKNOWN, "");
    checked(&(struct asked){.partner = "politie"}, KP_KNOWN_UNKNOWN, "");
    report("jeugdzorg", "J-1", 1, "b1", NULL); /* another form of the same person */
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n1"}, KP_KNOWN_HIT,
            "om jeugdzorg");
}

/* What a signal would bring together a check sees together, and leaves as it is. */
static void a_form_that_would_join_two_finds_both_and_joins_none(void **state)
{
    (void)state;
    uint8_t before[32];
    uint8_t after[32];
    uint64_t rows;
    without_a_quota();
    report("om", "O-1", 1, "b1", NULL);
    report("jeugdzorg", "J-1", 1, NULL, "n1:anna");
    uint32_t persons = world_count_persons(&world);
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n1:anna"}, KP_KNOWN_HIT,
            "om jeugdzorg");
    assert_int_equal(world_count_persons(&world), persons);
    checked(&(struct asked){.partner = "politie", .bsn = "b1"}, KP_KNOWN_HIT, "om");

    report("politie", "P-1", 1, "b1", "n1:anna"); /* as it was foretold */
    assert_int_equal(world_count_persons(&world), persons - 1);
    checked(&(struct asked){.partner = "politie", .bsn = "b1"}, KP_KNOWN_HIT, "om jeugdzorg");
    world_digest(&world, before, &rows);
    uint64_t rows_before = rows;
    checked(&(struct asked){.partner = "politie", .bsn = "b1"}, KP_KNOWN_HIT, "om jeugdzorg");
    world_digest(&world, after, &rows);
    assert_int_equal(rows, rows_before + 2); /* its row and its audit entry */
    assert_memory_not_equal(before, after, sizeof after);
}

static void who_is_not_certain_is_no_hit(void **state)
{
    (void)state;
    report("om", "O-1", 1, NULL, "n1:anna");
    report("om", "O-2", 1, NULL, "n1:alma");
    checked(&(struct asked){.partner = "politie", .name = "n1:"}, KP_KNOWN_DOUBT, "");
    checked(&(struct asked){.partner = "politie", .name = "n1:anna"}, KP_KNOWN_HIT, "om");
}

/* Who is told of when politie has reported @reference itself; in the order of the house. */
static uint32_t told_after(const char *reference, uint16_t *ret_told)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_person person;
    uint32_t count = 0;
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    uint64_t id = world_person_in(txn, "politie", reference, 0);
    assert_true(kp_person_load(txn, id, 0, &person));
    for (uint16_t i = 1; i < world.core.house.partner_count; i++) {
        const struct kp_partner *partner = &world.core.house.partners[i];
        bool told = false;
        for (uint32_t n = 0; n < person.mention_count; n++) {
            const struct kp_mention *mention = &person.mentions[n];
            told = told || (mention->partner == partner->number &&
                            (partner->told_roles >> mention->role & 1) != 0);
        }
        ret_told[count] = partner->number;
        count += told ? 1 : 0;
    }
    kp_txn_abort(txn);
    return count;
}

/* Among persons who are much alike: what a check says is what a signal would find. */
static void a_check_foretells_what_a_signal_does(void **state)
{
    static const char *const bsns[] = {NULL, NULL, "b1", "b2", "b3"};
    static const char *const names[] = {
        NULL, "n1:anna", "n1:alma", "n1:", "n1:annie", "n2:anna", "n2:", "n2:bert"};
    static const char *const partners[] = {"om", "jeugdzorg"};
    uint32_t hits = 0;
    uint32_t chance = 1;
    for (uint32_t round = 0; round < 300; round++) {
        char reference[16];
        const char *bsn[9];
        const char *name[9];
        struct kp_stored_check check;
        uint16_t told[KP_PARTNERS_MAX];
        (void)tear_down(state);
        (void)set_up(state);
        for (uint32_t i = 0; i < 9; i++) {
            chance = chance * 1664525u + 1013904223u;
            bsn[i] = bsns[(chance >> 16) % 5];
            name[i] = names[(chance >> 20) % 8];
            (void)snprintf(reference, sizeof reference, "R-%u", i);
            if (i < 8) {
                report(partners[(chance >> 24) % 2], reference, (uint8_t)(1 + (chance >> 26) % 3),
                       bsn[i], name[i]);
            }
        }
        world_check(&world, &(struct asked){.partner = "politie", .bsn = bsn[8], .name = name[8]},
                    &check);
        report("politie", "last", 1, bsn[8], name[8]);
        assert_int_equal(check.told_count, told_after("last", told));
        assert_memory_equal(check.told, told, sizeof told[0] * check.told_count);
        assert_int_equal(check.outcome == KP_KNOWN_HIT, check.told_count > 0);
        hits += check.told_count > 0 ? 1 : 0;
    }
    assert_in_range(hits, 50, 250); /* both are among them, often */
}

/* More forms hold together than may be put together: only the same BSN finds its person. */
static void of_too_many_forms_only_the_bsn_is_certain(void **state)
{
    enum { MANY = KP_COMPONENT_FORMS_MAX + 1 };
    (void)state;
    without_a_quota();
    for (uint32_t i = 0; i < MANY; i++) {
        char words[16];
        (void)snprintf(words, sizeof words, "n%u", i); /* fits */
        if (i >= MANY - 2) {
            checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = words}, KP_KNOWN_HIT,
                    "om");
        }
        report("om", words, 1, "b1", words);
    }
    assert_int_equal(world_count_persons(&world), 1);
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n999"}, KP_KNOWN_HIT, "om");
    checked(&(struct asked){.partner = "politie", .name = "n7"}, KP_KNOWN_DOUBT, "");
}

static void a_role_that_is_not_granted_is_not_told(void **state)
{
    (void)state;
    report("jeugdzorg", "J-1", 2, "b1", "n1");
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n1"}, KP_KNOWN_FORBIDDEN,
            "");
    report("om", "O-1", 2, "b1", "n1");
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n1"}, KP_KNOWN_HIT, "om");
    report("jeugdzorg", "J-2", 1, "b1", "n1");
    checked(&(struct asked){.partner = "politie", .bsn = "b1", .name = "n1"}, KP_KNOWN_HIT,
            "om jeugdzorg");
}

static void every_grant_is_needed(void **state)
{
    (void)state;
    without_a_quota();
    report("om", "O-1", 1, "b1", "n1");
    struct asked asked = {.partner = "politie", .as = 6, .why = 4, .bsn = "b1", .name = "n1"};
    checked(&asked, KP_KNOWN_HIT, "om");
    asked.as = 7;
    checked(&asked, KP_KNOWN_NOT_ENTITLED, "");
    asked = (struct asked){.partner = "politie", .as = 6, .why = 5, .bsn = "b1", .name = "n1"};
    checked(&asked, KP_KNOWN_NOT_ENTITLED, "");
    house.partners[0].known_elsewhere = false;
    world_house(&world, &house);
    asked.why = 4;
    checked(&asked, KP_KNOWN_NOT_ENTITLED, "");
    house.partners[2].checks_max = 9;
    world_house(&world, &house);
    asked.partner = "jeugdzorg";
    checked(&asked, KP_KNOWN_NOT_ENTITLED, "");
}

static void the_quota_is_of_a_partner_and_a_day(void **state)
{
    (void)state;
    report("om", "O-1", 1, "b1", "n1");
    struct asked known = {.partner = "politie", .bsn = "b1", .name = "n1"};
    struct asked unknown = {.partner = "politie", .bsn = "b2", .name = "n2"};
    struct asked barred = {.partner = "politie", .as = 7, .bsn = "b1", .name = "n1"};
    checked(&known, KP_KNOWN_HIT, "om");
    checked(&barred, KP_KNOWN_NOT_ENTITLED, "");
    assert_int_equal(world.effects.known_checks_refused, 0);
    checked(&unknown, KP_KNOWN_UNKNOWN, "");
    checked(&known, KP_KNOWN_QUOTA, "");
    checked(&barred, KP_KNOWN_QUOTA, "");
    checked(&unknown, KP_KNOWN_QUOTA, "");
    assert_int_equal(world.effects.known_checks, 1);
    assert_int_equal(world.effects.known_checks_refused, 1);
    world.now.ms = (world.now.ms / KP_DAY_MS + 1) * KP_DAY_MS - 1;
    checked(&known, KP_KNOWN_QUOTA, "");
    world.now.ms = (world.now.ms / KP_DAY_MS + 0) * KP_DAY_MS; /* it went on a second: midnight */
    checked(&known, KP_KNOWN_HIT, "om");

    house.partners[1].check_as = house.partners[1].check_for = UINT32_MAX; /* none a day */
    world_house(&world, &house);
    known.partner = "om";
    checked(&known, KP_KNOWN_QUOTA, "");
}

/* The quota counts in the state: another process on the same one goes on where this one was. */
static void the_quota_outlives_the_process(void **state)
{
    (void)state;
    struct asked asked = {.partner = "politie", .bsn = "b1", .name = "n1"};
    for (uint32_t i = 0; i < 3; i++) {
        checked(&asked, KP_KNOWN_UNKNOWN, "");
    }
    struct world *next = &world;
    uint64_t position = world.position;
    struct kp_wall now = world.now;
    world_open_on(next, world.store);
    next->position = position;
    next->now = now;
    checked(&asked, KP_KNOWN_QUOTA, "");
}

static void last_audit(uint64_t *ret_size, uint8_t ret_entry[KP_AUDIT_ENTRY_BYTES],
                       uint8_t ret_row_digest[KP_SHA256_BYTES])
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_slice value;
    uint8_t root[KP_SHA256_BYTES];
    assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
    kp_audit_head(txn, ret_size, root);
    struct kp_key key = kp_key_u64(kp_key_none(), *ret_size - 1);
    assert_true(kp_txn_get(txn, KP_TABLE_AUDIT, kp_key_slice(&key), &value));
    assert_int_equal(value.size, KP_AUDIT_ENTRY_BYTES);
    memcpy(ret_entry, value.bytes, value.size);
    key = kp_key_u64(kp_key_none(), world.position);
    assert_true(kp_txn_get(txn, KP_TABLE_CHECK, kp_key_slice(&key), &value));
    kp_sha256(value, KP_SLICE_EMPTY, KP_SLICE_EMPTY, ret_row_digest);
    kp_txn_abort(txn);
}

/* One entry each, whatever the outcome, with the digest of the row. */
static void every_check_is_audited(void **state)
{
    (void)state;
    uint8_t entry[KP_AUDIT_ENTRY_BYTES];
    uint8_t digest[KP_SHA256_BYTES];
    uint64_t before;
    uint64_t after;
    report("om", "O-1", 1, "b1", "n1");
    const struct asked asked[] = {{.partner = "politie", .bsn = "b1", .name = "n1"},
                                  {.partner = "politie", .bsn = "b2", .name = "n2"},
                                  {.partner = "politie", .as = 7, .bsn = "b1", .name = "n1"},
                                  {.partner = "politie", .bsn = "b1", .name = "n1"}};
    const uint8_t outcomes[] = {KP_KNOWN_HIT, KP_KNOWN_UNKNOWN, KP_KNOWN_NOT_ENTITLED,
                                KP_KNOWN_QUOTA};
    for (size_t i = 0; i < 4; i++) {
        struct kp_stored_check check;
        struct kp_reader reader;
        struct kp_txn *txn;
        struct kp_diag diag;
        uint8_t root[KP_SHA256_BYTES];
        assert_int_equal(kp_txn_begin(&world.store, false, &txn, &diag), KP_OK);
        kp_audit_head(txn, &before, root);
        kp_txn_abort(txn);
        world_check(&world, &asked[i], &check);
        last_audit(&after, entry, digest);
        assert_int_equal(after, before + 1);
        kp_reader_init(&reader, kp_slice_of(entry, sizeof entry));
        assert_int_equal(kp_get_u8(&reader), 1);
        assert_int_equal(kp_get_u64(&reader), world.position);
        assert_int_equal(kp_get_u8(&reader), KP_COMMAND_KNOWN_CHECK);
        assert_int_equal(kp_get_u16(&reader), world_number(&world, "politie"));
        assert_int_equal(kp_get_u8(&reader), outcomes[i]);
        (void)kp_get_i64(&reader);
        assert_memory_equal(kp_get_raw(&reader, sizeof digest).bytes, digest, sizeof digest);
        assert_int_equal(check.requester_type, asked[i].as != 0 ? asked[i].as : 6);
        assert_int_equal(check.reason, 3);
        assert_true(check.has_form);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_known_to_others_is_a_hit),
        TEST(a_form_that_would_join_two_finds_both_and_joins_none),
        TEST(who_is_not_certain_is_no_hit),
        TEST(a_check_foretells_what_a_signal_does),
        TEST(of_too_many_forms_only_the_bsn_is_certain),
        TEST(a_role_that_is_not_granted_is_not_told),
        TEST(every_grant_is_needed),
        TEST(the_quota_is_of_a_partner_and_a_day),
        TEST(the_quota_outlives_the_process),
        TEST(every_check_is_audited),
    };
    struct kp_diag diag;
    if (kp_crypto_init(&diag) != KP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("known", tests, NULL, NULL);
    kp_crypto_done();
    return failed;
}
