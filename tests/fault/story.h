/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * An invented stretch of a house's life, for the tests that harm its disk: commands as they stand
 * in the journal, made from a seed, each with the digest of the state that follows from it. The
 * digests come from the core on the store in memory, where no disk can do anything.
 */
#ifndef KP_TESTS_FAULT_STORY_H
#define KP_TESTS_FAULT_STORY_H

#include "tests/core/world.h"
#include "tests/unit/test_store_fixture.h"

#include "base/buf.h"
#include "core/command.h"
#include "core/core.h"
#include "store/ram.h"

#define STORY_RECORDS 60u
#define STORY_GROUP_MAX 4u
#define STORY_BODY_BYTES (64u << 10)
#define STORY_PARTNERS 3u

struct story_record {
    uint64_t position;
    uint32_t positions, group; /* those of one group are appended, and stamped, together */
    struct kp_wall stamp;
    struct kp_slice body;
    uint8_t digest[32]; /* of the state once this was applied */
};

struct story {
    struct story_record records[STORY_RECORDS];
    struct kp_store ram; /* the state after the last record */
    struct kp_core core;
    uint64_t next; /* position after the last record */
};

/* The record that begins at @position; NULL: none does. */
static inline const struct story_record *story_at(const struct story *story, uint64_t position)
{
    for (uint32_t i = 0; i < STORY_RECORDS; i++) {
        if (story->records[i].position == position) {
            return &story->records[i];
        }
    }
    return NULL;
}

/* The digest of the state at @position; NULL: no record ends there. */
static inline const uint8_t *story_digest(const struct story *story, uint64_t position)
{
    for (uint32_t i = 0; i < STORY_RECORDS; i++) {
        if (story->records[i].position + story->records[i].positions - 1 == position) {
            return story->records[i].digest;
        }
    }
    return NULL;
}

/* --- commands --- */

static inline void story_tag(const char *domain, uint64_t number, uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    struct kp_key name = kp_key_u64(kp_key_none(), number);
    kp_sha256(kp_slice_str(domain), KP_SLICE_EMPTY, kp_key_slice(&name), digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

static inline void story_begin(struct kp_writer *writer, enum kp_command_kind kind, uint16_t actor)
{
    struct kp_command_head head = {.kind = kind, .actor = actor};
    kp_command_put_head(writer, &head);
}

static inline void story_put_house(struct kp_writer *writer)
{
    static struct kp_house house;
    static uint8_t packed[STORY_BODY_BYTES];
    static const char *const partners[STORY_PARTNERS] = {"politie", "om", "jeugdzorg"};
    struct kp_writer bytes;
    memset(&house, 0, sizeof house);
    memcpy(house.id, "schijfhuis", sizeof "schijfhuis");
    memcpy(house.oin, "00000099900100000000", KP_OIN_DIGITS);
    house.test_mode = true;
    house.port_first = 7000;
    house.port_last = 7009;
    house.held_per_partner_max = 1000;
    house.partner_count = STORY_PARTNERS;
    for (uint32_t i = 0; i < STORY_PARTNERS; i++) {
        memcpy(house.partners[i].id, partners[i], strlen(partners[i]));
        house.partners[i].known_elsewhere = true;
    }
    house.user_count = 1;
    memcpy(house.users[0].id, "ketenmanager", sizeof "ketenmanager");
    house.users[0].role = KP_ROLE_KETENMANAGER;
    house.theme_count = 1;
    struct kp_theme *theme = &house.themes[0];
    memcpy(theme->id, "hg", sizeof "hg");
    house.criteria.count = 1;
    house.criteria.items[0] = (struct kp_criterion){.id = "bekend-bij-twee",
                                                    .name = "bekend bij twee partners",
                                                    .kind = KP_CRITERION_PARTNERS,
                                                    .least = 2,
                                                    .most = KP_CRITERION_MOST_MAX,
                                                    .kinds = 1u << 4,
                                                    .within = {.days = 365}};
    theme->tell[0] = 0x07;
    kp_writer_init(&bytes, packed, sizeof packed);
    kp_house_put(&bytes, &house);
    assert_true(kp_writer_ok(&bytes));
    story_begin(writer, KP_COMMAND_HOUSE, 0);
    kp_put_slice(writer, kp_writer_slice(&bytes));
}

/* A person of forty, an old reference or a new one; some are withdrawn or held, and a few are so
 * large that they have pages of their own. */
static inline void story_put_signal(struct kp_writer *writer, uint64_t *random)
{
    static uint8_t content[9000];
    uint64_t reference = fixture_next(random) % 90, person = fixture_next(random) % 40;
    uint64_t what = fixture_next(random) % 20;
    char name[24];
    struct kp_command_signal signal = {.version = 1 + fixture_next(random) % 3, .kind = 4};
    size_t size = 40 + fixture_next(random) % (fixture_next(random) % 12 == 0 ? 8900 : 400);
    fixture_fill(content, size, fixture_next(random));
    (void)snprintf(name, sizeof name, "ref-%u", (unsigned)reference); /* fits */
    signal.signal = kp_slice_of(content, size);
    signal.salt = KP_SLICE_LIT("salt");
    signal.reference = kp_slice_str(name);
    kp_sha256(signal.salt, signal.signal, KP_SLICE_EMPTY, signal.digest);
    story_tag("content", fixture_next(random), signal.content_tag);
    story_tag("reference", reference, signal.reference_tag);
    signal.head_bytes = (uint32_t)size;
    signal.withdraw = what == 0;
    if (what == 1) {
        signal.held_code = KP_E_DATE;
        signal.held_field = KP_SLICE_LIT("incident_date");
    }
    if (what > 1) {
        signal.incident_date = 20251201;
        signal.mention_count = 1;
        static struct world_form room;
        char bsn[24];
        (void)snprintf(bsn, sizeof bsn, "%u", (unsigned)person); /* fits */
        signal.mentions[0] =
            (struct kp_command_mention){.role = 1, .part_bytes = (uint32_t)size / 2};
        signal.head_bytes -= (uint32_t)size / 2;
        world_mention(bsn, bsn, &signal.mentions[0], &room);
    }
    kp_command_put_signal(writer, &signal);
}

static inline uint32_t story_put_batch(const struct story *story, struct kp_writer *writer,
                                       uint64_t *random)
{
    struct kp_command_batch batch = {.signal_count = 1 + (uint32_t)(fixture_next(random) % 3),
                                     .signature = KP_SLICE_LIT("signature"),
                                     .certificate_digest = KP_SLICE_LIT("certificate")};
    uint64_t partner = fixture_next(random) % STORY_PARTNERS;
    story_begin(writer, KP_COMMAND_BATCH, story->core.house.partners[partner].number);
    kp_command_put_batch(writer, &batch);
    for (uint32_t i = 0; i < batch.signal_count; i++) {
        story_put_signal(writer, random);
    }
    return batch.signal_count;
}

/* The first is the house's configuration; returns how many positions it covers. */
static inline uint32_t story_put_command(const struct story *story, struct kp_writer *writer,
                                         uint64_t *random)
{
    uint64_t what = fixture_next(random) % 10;
    if (story->next == 1) {
        story_put_house(writer);
        return 1;
    }
    if (what == 0) {
        story_begin(writer, KP_COMMAND_TICK, 0);
        return 1;
    }
    if (what <= 2) {
        uint16_t number = story->core.house.partners[fixture_next(random) % STORY_PARTNERS].number;
        story_begin(writer, KP_COMMAND_ACK, number);
        kp_put_u16(writer, number);
        kp_put_u64(writer, fixture_next(random) % (1 + story->next / STORY_PARTNERS));
        return 1;
    }
    return story_put_batch(story, writer, random);
}

/* --- the story --- */

static inline void story_apply(const struct story_record *record, struct kp_core *core,
                               struct kp_store *store)
{
    static struct kp_effects effects;
    struct kp_txn *txn;
    struct kp_diag diag = {.err = KP_OK};
    struct kp_core_command command = {.position = record->position,
                                      .positions = record->positions,
                                      .stamp = record->stamp,
                                      .body = record->body};
    fixture_must(kp_txn_begin(store, /* write= */ true, &txn, &diag), &diag);
    fixture_must(kp_core_apply(core, txn, &command, &effects, &diag), &diag);
    fixture_must(kp_txn_commit(txn, &diag), &diag);
}

static inline void story_open(struct kp_core *core, struct kp_store *ret_store)
{
    struct kp_txn *txn;
    struct kp_diag diag = {.err = KP_OK};
    kp_store_open_ram(ret_store);
    fixture_must(kp_txn_begin(ret_store, /* write= */ false, &txn, &diag), &diag);
    fixture_must(kp_core_load(core, txn, &diag), &diag);
    kp_txn_abort(txn);
}

/* In memory, the state after the first @count records. */
static inline void story_state(const struct story *story, uint32_t count,
                               struct kp_store *ret_store)
{
    static struct kp_core core;
    story_open(&core, ret_store);
    for (uint32_t i = 0; i < count; i++) {
        story_apply(&story->records[i], &core, ret_store);
    }
}

static inline void story_take_digest(struct story *story, struct story_record *record)
{
    struct kp_txn *txn;
    uint64_t rows = 0;
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(kp_txn_begin(&story->ram, /* write= */ false, &txn, &diag), &diag);
    kp_store_digest(txn, record->digest, &rows);
    kp_txn_abort(txn);
}

static inline void story_tell(struct story *story, uint64_t seed)
{
    static uint8_t body[STORY_BODY_BYTES];
    uint64_t random = seed;
    uint32_t group = 0, left = 0;
    memset(story, 0, sizeof *story);
    story_open(&story->core, &story->ram);
    story->next = 1;
    for (uint32_t i = 0; i < STORY_RECORDS; i++) {
        struct story_record *record = &story->records[i];
        struct kp_writer writer;
        if (left == 0) {
            left = 1 + (uint32_t)(fixture_next(&random) % STORY_GROUP_MAX);
            group++;
        }
        left--;
        kp_writer_init(&writer, body, sizeof body);
        record->positions = story_put_command(story, &writer, &random);
        assert_true(kp_writer_ok(&writer));
        uint8_t *bytes = malloc(writer.size);
        assert_non_null(bytes);
        memcpy(bytes, body, writer.size);
        record->body = kp_slice_of(bytes, writer.size);
        record->position = story->next;
        record->group = group;
        record->stamp.ms = INT64_C(1767225600000) + (int64_t)group * 60000;
        story->next += record->positions;
        story_apply(record, &story->core, &story->ram);
        story_take_digest(story, record);
    }
}

static inline void story_forget(struct story *story)
{
    for (uint32_t i = 0; i < STORY_RECORDS; i++) {
        free((void *)(uintptr_t)story->records[i].body.bytes);
    }
    kp_store_close(&story->ram);
}

#endif
