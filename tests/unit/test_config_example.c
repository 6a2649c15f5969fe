/* SPDX-License-Identifier: EUPL-1.2 */
/* The example house from its exports to its proposals, in one process: translators, intake and core
 * over the store in memory, against config/voorbeeldstad/expected.tsv. The outcomes in the order in
 * which partners write; persons and ripe in any order (P10). Run from the top of the tree. */
#include "base/file.h"
#include "config/house.h"
#include "core/core.h"
#include "core/dossier.h"
#include "core/person.h"
#include "core/ripe.h"
#include "intake/intake.h"
#include "runtime/translator.h"
#include "store/ram.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUSE_DIR "config/voorbeeldstad"
#define FILES_MAX 64
#define RECORDS_MAX 512
#define PARTNERS 4
#define NOW_MS INT64_C(1793491200000) /* 2026-11-01 */

static const struct kp_translator *const translators[PARTNERS] = {
    &kp_translator_politie, &kp_translator_om, &kp_translator_reclassering,
    &kp_translator_jeugdzorg};

/* One signal as its adapter would send it. */
struct sent {
    uint32_t partner; /* index in translators */
    char reference[KP_REFERENCE_BYTES_MAX + 1];
    uint64_t version;
    bool listed; /* a row of the last full list */
    struct kp_slice content, encoded;
};

static struct sent records[RECORDS_MAX];
static uint32_t record_count;
static struct kp_arena record_arena;
static char *expected;

/* --- from files to signals --- */

static void add_record(uint32_t partner, Knooppunt__V1__Signal *signal, uint64_t version,
                       struct kp_slice content)
{
    assert_true(record_count < RECORDS_MAX);
    struct sent *sent = &records[record_count++];
    (void)snprintf(sent->reference, sizeof sent->reference, "%s", signal->reference);
    signal->has_version = 1;
    signal->version = version;
    *sent = (struct sent){.partner = partner, .version = version, .listed = true};
    (void)snprintf(sent->reference, sizeof sent->reference, "%s", signal->reference);
    sent->content = content;
    sent->encoded = kp_codec_pack(&record_arena, &signal->base);
}

static struct sent *last_of(uint32_t partner, const char *reference)
{
    for (uint32_t i = record_count; i-- > 0;) {
        if (records[i].partner == partner && strcmp(records[i].reference, reference) == 0) {
            return &records[i];
        }
    }
    return NULL;
}

struct reading {
    uint32_t partner;
    uint32_t held;
};

static bool take_record(void *context, const struct kp_record *record)
{
    struct reading *reading = context;
    if (record->diag.err != KP_OK) {
        struct sent *before = last_of(reading->partner, record->reference);
        if (before != NULL) {
            before->listed = true;
        }
        reading->held++;
        return true;
    }
    Knooppunt__V1__Signal signal = *record->signal;
    if (!translators[reading->partner]->full_list) {
        add_record(reading->partner, &signal, signal.version, KP_SLICE_EMPTY);
        return true;
    }
    /* The runtime's comparison of full lists: the same row keeps its version. */
    signal.has_version = 0;
    struct kp_slice content = kp_codec_pack(&record_arena, &signal.base);
    const struct sent *before = last_of(reading->partner, signal.reference);
    uint64_t version = before == NULL                             ? 1
                       : kp_slice_equal(before->content, content) ? before->version
                                                                  : before->version + 1;
    add_record(reading->partner, &signal, version, content);
    return true;
}

static void withdraw_absent(uint32_t partner, uint32_t before_count)
{
    uint32_t count = record_count;
    for (uint32_t i = 0; i < before_count; i++) {
        if (records[i].partner == partner && !records[i].listed &&
            last_of(partner, records[i].reference) == &records[i]) {
            Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
            signal.reference = records[i].reference;
            signal.has_action = 1;
            signal.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW;
            add_record(partner, &signal, records[i].version + 1, KP_SLICE_EMPTY);
        }
    }
    assert_true(record_count >= count);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static uint32_t read_partner(uint32_t partner)
{
    static char names[FILES_MAX][64];
    char path[4400];
    uint32_t count = 0;
    (void)snprintf(path, sizeof path, HOUSE_DIR "/exports/%s", translators[partner]->name);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            assert_true(count < FILES_MAX);
            (void)snprintf(names[count++], sizeof names[0], "%.63s", entry->d_name);
        }
    }
    (void)closedir(dir);
    qsort(names, count, sizeof names[0], by_name);
    struct kp_arena arena;
    kp_arena_init(&arena, 4u << 20);
    struct reading reading = {partner, 0};
    for (uint32_t i = 0; i < count; i++) {
        char *bytes = NULL;
        size_t size = 0;
        struct kp_diag diag;
        (void)snprintf(path, sizeof path, HOUSE_DIR "/exports/%s/%s", translators[partner]->name,
                       names[i]);
        assert_int_equal(kp_file_read(path, 1u << 24, &bytes, &size, &diag), KP_OK);
        uint32_t before = record_count;
        for (uint32_t j = 0; j < before; j++) {
            records[j].listed = records[j].listed && records[j].partner != partner;
        }
        const struct kp_translate_job job = {kp_slice_of(bytes, size), &arena, take_record,
                                             &reading, /* test_mode= */ true};
        assert_int_equal(translators[partner]->translate(&job, &diag), KP_OK);
        if (translators[partner]->full_list) {
            withdraw_absent(partner, before);
        }
        free(bytes);
    }
    kp_arena_done(&arena);
    return reading.held;
}

/* --- the hub's part --- */

struct hub {
    struct kp_store store;
    struct kp_intake *intake;
    struct kp_arena arena;
    struct kp_core core;
    uint8_t body[KP_SIGNAL_BYTES_MAX * 2];
};

static void apply(struct hub *hub, struct kp_slice body, struct kp_effects *effects)
{
    struct kp_txn *txn = NULL;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&hub->store, /* write= */ true, &txn, &diag), KP_OK);
    struct kp_wall stamp;
    const struct kp_core_command command = {kp_core_position(txn, &stamp) + 1, 1, {NOW_MS}, body};
    assert_int_equal(kp_core_apply(&hub->core, txn, &command, effects, &diag), KP_OK);
    assert_int_equal(kp_txn_commit(txn, &diag), KP_OK);
}

static struct hub *hub_open(const struct kp_house *house)
{
    struct hub *hub = test_calloc(1, sizeof *hub);
    const struct kp_secret key = {{7}};
    struct kp_effects effects = {0};
    struct kp_txn *txn;
    struct kp_diag diag = {0};
    kp_store_open_ram(&hub->store);
    assert_int_equal(kp_txn_begin(&hub->store, /* write= */ false, &txn, &diag), KP_OK);
    assert_int_equal(kp_core_load(&hub->core, txn, &diag), KP_OK);
    kp_txn_abort(txn);
    hub->intake = kp_intake_new(&key);
    kp_arena_init(&hub->arena, 4u << 20);
    uint8_t *body = test_malloc(4u << 20);
    uint8_t *packed = body + (2u << 20);
    struct kp_writer house_writer, writer;
    const struct kp_command_head head = {.kind = KP_COMMAND_HOUSE};
    kp_writer_init(&house_writer, packed, 2u << 20);
    kp_house_put(&house_writer, house);
    assert_true(kp_writer_ok(&house_writer));
    kp_writer_init(&writer, body, 2u << 20);
    kp_command_put_head(&writer, &head);
    kp_put_slice(&writer, kp_writer_slice(&house_writer));
    assert_true(kp_writer_ok(&writer));
    apply(hub, kp_writer_slice(&writer), &effects);
    assert_int_equal(hub->core.house.theme_count, house->theme_count);
    test_free(body);
    return hub;
}

static void hub_close(struct hub *hub)
{
    kp_store_close(&hub->store);
    (void)kp_intake_free(hub->intake);
    kp_arena_done(&hub->arena);
    test_free(hub);
}

static void submit(struct hub *hub, const struct sent *sent, struct kp_effects *effects)
{
    static const uint8_t salt[KP_SALT_BYTES] = {1};
    const struct kp_intake_signal received = {kp_slice_of(salt, sizeof salt), sent->encoded};
    uint16_t index =
        kp_house_partner(&hub->core.house, kp_slice_str(translators[sent->partner]->name));
    assert_int_not_equal(index, KP_PARTNER_NONE);
    uint16_t number = hub->core.house.partners[index].number;
    struct kp_command_signal signal;
    const struct kp_command_head head = {.kind = KP_COMMAND_BATCH, .actor = number};
    const struct kp_command_batch batch = {.signal_count = 1};
    struct kp_writer writer;
    kp_arena_reset(&hub->arena);
    kp_intake_take(hub->intake, &hub->core.house, number, &received, &hub->arena, &signal);
    kp_writer_init(&writer, hub->body, sizeof hub->body);
    kp_command_put_head(&writer, &head);
    kp_command_put_batch(&writer, &batch);
    kp_command_put_signal(&writer, &signal);
    assert_true(kp_writer_ok(&writer));
    apply(hub, kp_writer_slice(&writer), effects);
}

/* --- what is expected, and what is there --- */

static KP_PRINTF(1, 2) void expect_line(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    size_t size = strlen(line);
    line[size] = '\n';
    line[size + 1] = '\0';
    if (strstr(expected, line) == NULL) {
        fail_msg("not expected: %s", line);
    }
}

static uint32_t expected_rows(const char *name)
{
    char start[32];
    uint32_t rows = 0;
    (void)snprintf(start, sizeof start, "\n%s\t", name);
    for (const char *at = strstr(expected, start); at != NULL; at = strstr(at + 1, start)) {
        rows++;
    }
    return rows;
}

static bool next_row(struct kp_txn *txn, enum kp_table table, struct kp_key *key)
{
    struct kp_slice found, value;
    if (!kp_txn_seek(txn, table, kp_key_slice(key), /* after= */ key->size > 0, &found, &value)) {
        return false;
    }
    *key = kp_key_raw(kp_key_none(), found);
    return true;
}

static uint64_t person_of(const struct kp_key *key)
{
    struct kp_reader reader;
    kp_reader_init(&reader, kp_key_slice(key));
    return kp_get_u64(&reader);
}

static void check_persons(struct kp_txn *txn)
{
    uint32_t all = 0;
    uint32_t with_bsn = 0;
    for (struct kp_key key = kp_key_none(); next_row(txn, KP_TABLE_PERSON, &key);) {
        size_t mark = kp_txn_scratch_mark(txn);
        struct kp_person person;
        assert_true(kp_person_load(txn, person_of(&key), 0, &person));
        bool bsn = false;
        for (uint32_t i = 0; i < person.mention_count; i++) {
            bsn = bsn || person.mentions[i].by_bsn;
        }
        all += person.mention_count > 0 ? 1 : 0;
        with_bsn += bsn ? 1 : 0;
        kp_txn_scratch_restore(txn, mark);
    }
    expect_line("persons\tall\t%u", all);
    expect_line("persons\twith-bsn\t%u", with_bsn);
}

/* Every signal that the row names is one of the person's. */
static bool row_is_of(const struct hub *hub, struct kp_txn *txn, const struct kp_person *person,
                      const char *row)
{
    const char *at = row; /* ripe, theme, label, partners, rule, signals */
    for (int tab = 0; tab < 5; tab++) {
        at = strchr(at, '\t') + 1;
    }
    while (*at != '\n') {
        char want[160];
        size_t size = strcspn(at, ",\n");
        assert_true(size < sizeof want);
        (void)snprintf(want, sizeof want, "%.*s", (int)size, at);
        bool found = false;
        for (uint32_t i = 0; i < person->mention_count && !found; i++) {
            struct kp_stored_signal stored;
            char have[160];
            assert_true(kp_stored_load(txn, person->mentions[i].position, &stored));
            for (uint16_t j = 0; j < hub->core.house.partner_count; j++) {
                const struct kp_partner *partner = &hub->core.house.partners[j];
                if (partner->number == stored.partner) {
                    (void)snprintf(have, sizeof have, "%s:%.*s", partner->id,
                                   (int)stored.signal.reference.size,
                                   (const char *)stored.signal.reference.bytes);
                    found = found || strcmp(have, want) == 0;
                }
            }
        }
        if (!found) {
            return false;
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return true;
}

static const char *theme_of(const struct hub *hub, const struct kp_key *key)
{
    uint8_t number = key->bytes[key->size - 1];
    for (uint16_t i = 0; i < hub->core.house.theme_count; i++) {
        if (hub->core.house.themes[i].number == number) {
            return hub->core.house.themes[i].id;
        }
    }
    fail_msg("a proposal for a theme that is not there");
    return "";
}

/* Members of one family can be ripe by the same signals: so each proposal is that of a row, each
 * row is somebody's, and there are as many of the one as of the other. */
static void check_ripe(const struct hub *hub, struct kp_txn *txn)
{
    const char *row[64];
    bool matched[64] = {false};
    uint32_t wanted = 0;
    for (const char *at = strstr(expected, "\nripe\t"); at != NULL;
         at = strstr(at + 1, "\nripe\t")) {
        assert_true(wanted < 64);
        row[wanted++] = at + 1;
    }
    uint32_t proposals = 0;
    for (struct kp_key key = kp_key_none(); next_row(txn, KP_TABLE_RIPE, &key); proposals++) {
        size_t mark = kp_txn_scratch_mark(txn);
        struct kp_person person;
        assert_true(kp_person_load(txn, person_of(&key), 0, &person));
        char start[64];
        bool found = false;
        (void)snprintf(start, sizeof start, "ripe\t%s\t", theme_of(hub, &key));
        for (uint32_t i = 0; i < wanted; i++) {
            if (strncmp(row[i], start, strlen(start)) == 0 &&
                row_is_of(hub, txn, &person, row[i])) {
                found = matched[i] = true;
            }
        }
        assert_true(found);
        kp_txn_scratch_restore(txn, mark);
    }
    for (uint32_t i = 0; i < wanted; i++) {
        assert_true(matched[i]);
    }
    assert_int_equal(proposals, wanted);
    assert_true(wanted > 10);
}

static void check_end(struct hub *hub)
{
    struct kp_txn *txn = NULL;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&hub->store, /* write= */ false, &txn, &diag), KP_OK);
    check_persons(txn);
    check_ripe(hub, txn);
    assert_int_equal(kp_txn_error(txn), KP_OK);
    kp_txn_abort(txn);
}

/* --- the tests --- */

static struct kp_house_config *house_config;
static uint32_t held[PARTNERS];

static int read_all(void **state)
{
    (void)state;
    static struct kp_config_report report;
    struct kp_diag diag;
    size_t size = 0;
    kp_arena_init(&record_arena, 16u << 20);
    kp_config_report_init(&report);
    if (kp_crypto_init(&diag) != KP_OK ||
        kp_house_load(HOUSE_DIR "/house.yaml", &house_config, &report) != KP_OK ||
        kp_file_read(HOUSE_DIR "/expected.tsv", 1u << 20, &expected, &size, &diag) != KP_OK) {
        return 1;
    }
    for (uint32_t i = 0; i < PARTNERS; i++) {
        held[i] = read_partner(i);
    }
    kp_config_report_done(&report);
    return kp_arena_ok(&record_arena) ? 0 : 1;
}

static int free_all(void **state)
{
    (void)state;
    house_config = kp_house_config_free(house_config);
    free(expected);
    kp_arena_done(&record_arena);
    kp_crypto_done();
    return 0;
}

static void outcomes_in_the_order_of_writing(void **state)
{
    (void)state;
    struct hub *hub = hub_open(&house_config->house);
    uint32_t ready = 0;
    uint32_t lapsed = 0;
    uint32_t told = 0;
    for (uint32_t partner = 0; partner < PARTNERS; partner++) {
        static struct kp_effects effects;
        effects = (struct kp_effects){0};
        for (uint32_t i = 0; i < record_count; i++) {
            if (records[i].partner == partner) {
                submit(hub, &records[i], &effects);
            }
        }
        const char *name = translators[partner]->name;
        const uint32_t *of = effects.outcomes;
        expect_line("records\t%s\tnew\t%u", name,
                    of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_NEW]);
        expect_line("records\t%s\treplaced\t%u", name,
                    of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_REPLACES]);
        expect_line("records\t%s\tduplicate\t%u", name,
                    of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DUPLICATE]);
        expect_line("records\t%s\tsuperseded\t%u", name,
                    of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_SUPERSEDED]);
        expect_line("records\t%s\twithdrawn\t%u", name,
                    of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_WITHDRAWN]);
        expect_line("records\t%s\theld\t%u", name, held[partner]);
        assert_int_equal(of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_HELD], 0);
        assert_int_equal(of[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_CONFLICT], 0);
        ready += effects.casus_ready;
        lapsed += effects.casus_lapsed;
        told += effects.known_elsewhere;
    }
    /* What became ripe on the way and did not stay so has lapsed, and only where that was foreseen.
     */
    assert_int_equal(ready - lapsed, expected_rows("ripe"));
    assert_true(lapsed <= expected_rows("on-the-way"));
    assert_true(told >= expected_rows("told"));
    check_end(hub);
    hub_close(hub);
}

/* The same once more, in the same order: every one a repeat (of the version that holds, or of one
 * that was overtaken), and nothing changes. */
static void twice_has_no_effect(void **state)
{
    (void)state;
    static struct kp_effects effects;
    struct hub *hub = hub_open(&house_config->house);
    for (uint32_t i = 0; i < record_count; i++) {
        submit(hub, &records[i], &effects);
    }
    for (uint32_t partner = 0; partner < PARTNERS; partner++) {
        effects = (struct kp_effects){0};
        uint32_t sent = 0;
        for (uint32_t i = 0; i < record_count; i++) {
            if (records[i].partner == partner) {
                submit(hub, &records[i], &effects);
                sent++;
            }
        }
        uint32_t duplicates = effects.outcomes[KNOOPPUNT__V1__OUTCOME_KIND__OUTCOME_KIND_DUPLICATE];
        assert_int_equal(duplicates, sent);
        if (!translators[partner]->full_list) {
            expect_line("again\t%s\tduplicate\t%u", translators[partner]->name, duplicates);
        }
        assert_int_equal(effects.casus_ready + effects.casus_lapsed + effects.known_elsewhere, 0);
    }
    check_end(hub);
    hub_close(hub);
}

static uint32_t common_factor(uint32_t a, uint32_t b)
{
    return b == 0 ? a : common_factor(b, a % b);
}

/* Record number @turn of the order number @order: backwards, then in strides that reach them all.
 */
static uint32_t at(uint32_t order, uint32_t turn)
{
    uint32_t stride = order == 0 ? record_count - 1 : 30 * order;
    while (common_factor(record_count, stride) != 1) {
        stride++;
    }
    return (turn + 1) * stride % record_count;
}

static void persons_and_ripe_in_any_order(void **state)
{
    (void)state;
    for (uint32_t order = 0; order < 5; order++) {
        static bool seen[RECORDS_MAX];
        static struct kp_effects effects;
        struct hub *hub = hub_open(&house_config->house);
        memset(seen, 0, sizeof seen);
        for (uint32_t turn = 0; turn < record_count; turn++) {
            uint32_t index = at(order, turn);
            assert_false(seen[index]);
            seen[index] = true;
            submit(hub, &records[index], &effects);
        }
        check_end(hub);
        hub_close(hub);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_in_the_order_of_writing),
        cmocka_unit_test(twice_has_no_effect),
        cmocka_unit_test(persons_and_ripe_in_any_order),
    };
    return cmocka_run_group_tests_name("the example house", tests, read_all, free_all);
}
