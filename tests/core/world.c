/* SPDX-License-Identifier: EUPL-1.2 */
#include "world.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void tag_of(const char *domain, const char *label, uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(kp_slice_str(domain), kp_slice_of("\0", 1), kp_slice_str(label), digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

static void reference_tag(const char *partner, const char *reference, uint8_t ret_tag[KP_TAG_BYTES])
{
    char label[128];
    (void)snprintf(label, sizeof label, "%s/%s", partner, reference);
    tag_of("reference", label, ret_tag);
}

void world_restart(struct world *world)
{
    struct kp_diag diag;
    struct kp_txn *txn;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    assert_int_equal(kp_core_load(&world->core, txn, &diag), KP_OK);
    kp_txn_abort(txn);
}

void world_open_on(struct world *world, struct kp_store store)
{
    memset(world, 0, sizeof *world);
    world->store = store;
    if (store.memo == NULL) {
        world->store.memo = kp_memo_new(KP_MEMO_SLOTS_MIN); /* much has to go again */
    }
    world->now.ms = (int64_t)kp_date_to_days(20260101) * KP_DAY_MS;
    world_restart(world);
}

void world_open(struct world *world)
{
    struct kp_store store;
    kp_store_open_ram(&store);
    world_open_on(world, store);
}

void world_forget(struct world *world)
{
    world->store.memo = kp_memo_free(world->store.memo);
}

void world_close(struct world *world)
{
    struct kp_memo *memo = world->store.memo;
    kp_store_close(&world->store);
    (void)kp_memo_free(memo);
}

static void apply(struct world *world, size_t size, uint32_t positions)
{
    struct kp_txn *txn;
    struct kp_diag diag = {0};
    struct kp_core_command command = {.position = world->position + 1,
                                      .positions = positions,
                                      .stamp = world->now,
                                      .body = kp_slice_of(world->body, size)};
    memset(&world->effects, 0, sizeof world->effects);
    assert_int_equal(kp_txn_begin(&world->store, true, &txn, &diag), KP_OK);
    enum kp_err err = kp_core_apply(&world->core, txn, &command, &world->effects, &diag);
    if (err != KP_OK) {
        print_error("%s\n", diag.text);
    }
    assert_int_equal(err, KP_OK);
    assert_int_equal(kp_txn_commit(txn, &diag), KP_OK);
    world->position += positions;
    world->now.ms += 1000;
}

void world_apply(struct world *world, size_t size)
{
    apply(world, size, 1);
}

uint16_t world_number(const struct world *world, const char *id)
{
    uint16_t partner = kp_house_partner(&world->core.house, kp_slice_str(id));
    if (partner != KP_PARTNER_NONE) {
        return world->core.house.partners[partner].number;
    }
    int user = kp_house_user(&world->core.house, kp_slice_str(id));
    assert_true(user >= 0);
    return world->core.house.users[user].number;
}

static void begin_command(struct world *world, struct kp_writer *writer, enum kp_command_kind kind,
                          uint16_t actor)
{
    struct kp_command_head head = {.kind = kind, .actor = actor};
    struct kp_writer id;
    kp_writer_init(&id, head.message_id, sizeof head.message_id);
    kp_put_u64(&id, world->position); /* another one for each */
    kp_writer_init(writer, world->body, sizeof world->body);
    kp_command_put_head(writer, &head);
}

void world_house(struct world *world, const struct kp_house *house)
{
    static uint8_t packed[1 << 20];
    struct kp_writer bytes;
    struct kp_writer writer;
    kp_writer_init(&bytes, packed, sizeof packed);
    kp_house_put(&bytes, house);
    assert_true(kp_writer_ok(&bytes));
    begin_command(world, &writer, KP_COMMAND_HOUSE, 0);
    kp_put_slice(&writer, kp_writer_slice(&bytes));
    apply(world, writer.size, 1);
}

/* Eight letters that follow from the label and are like those of no other. */
static struct kp_slice word_of(const char *domain, const char *label, char ret_letters[8])
{
    uint8_t tag[KP_TAG_BYTES];
    tag_of(domain, label, tag);
    for (int i = 0; i < 8; i++) {
        ret_letters[i] = (char)('a' + tag[i] % 26);
    }
    return kp_slice_of(ret_letters, 8);
}

static void add_key(struct kp_match_keys *keys, enum kp_key_kind kind, const char *label)
{
    struct kp_match_key *key = &keys->keys[keys->count++];
    key->kind = (uint8_t)kind;
    tag_of("key", label, key->tag);
    memset(key->witnesses, KP_WITNESS_UNKNOWN, sizeof key->witnesses);
}

/* As it travels: encoded, with a tag. */
static void put_form(const struct kp_form *form, const struct kp_match_keys *keys,
                     struct kp_command_mention *mention, struct world_form *room)
{
    uint8_t digest[KP_SHA256_BYTES];
    struct kp_writer writer;
    kp_writer_init(&writer, room->bytes, sizeof room->bytes);
    kp_form_put(&writer, form);
    mention->form = kp_writer_slice(&writer);
    kp_match_keys_put(&writer, keys);
    assert_true(kp_writer_ok(&writer));
    mention->keys = kp_slice_of(room->bytes + mention->form.size, writer.size - mention->form.size);
    kp_sha256(KP_SLICE_LIT("form"), mention->form, KP_SLICE_EMPTY, digest);
    memcpy(mention->form_tag, digest, KP_TAG_BYTES);
}

void world_mention_of(const struct kp_reported_person *reported, struct kp_command_mention *mention,
                      struct world_form *room)
{
    static const struct kp_secret key = {{9}};
    struct kp_form_room texts;
    struct kp_form form;
    struct kp_match_keys keys;
    struct kp_hmac *hmac = kp_hmac_new(&key);
    kp_form_of(reported, /* test_mode= */ true, &texts, &form);
    kp_keys_of(hmac, &form, &keys);
    (void)kp_hmac_free(hmac);
    mention->has_form = keys.count > 0;
    if (mention->has_form) {
        put_form(&form, &keys, mention, room);
    }
}

void world_bsn(char ret_bsn[12], uint32_t number)
{
    for (uint32_t eight = 90000000 + number * 97;; eight++) {
        uint32_t sum = 0;
        uint32_t weight = 2;
        for (uint32_t rest = eight; rest > 0; rest /= 10) {
            sum += rest % 10 * weight++;
        }
        if (sum % 11 < 10) {
            (void)snprintf(ret_bsn, 12, "%u%u", eight, sum % 11); /* nine digits */
            return;
        }
    }
}

void world_mention(const char *bsn, const char *name, struct kp_command_mention *mention,
                   struct world_form *room)
{
    struct kp_form form = {0};
    struct kp_match_keys keys = {0};
    char given[8];
    char surname[8];
    mention->has_form = bsn != NULL || name != NULL;
    if (bsn != NULL) {
        uint8_t tag[KP_TAG_BYTES];
        tag_of("bsn", bsn, tag);
        form.bsn_class = KP_FORM_BSN_VALID;
        form.bsn = 900000000 + (uint32_t)(tag[0] << 16 | tag[1] << 8 | tag[2]);
        add_key(&keys, KP_KEY_BSN, bsn);
    }
    if (name != NULL) {
        char family[32];
        size_t size = strcspn(name, ":");
        (void)snprintf(family, sizeof family, "%.*s", (int)size, name); /* labels are short */
        struct kp_slice first =
            name[size] == '\0' ? word_of("given", name, given) : kp_slice_str(name + size + 1);
        form.given_count = first.size > 0 ? 1 : 0;
        form.given[0].text = first;
        form.initials = first.size > 0 ? kp_slice_of(first.bytes, 1) : KP_SLICE_LIT("a");
        form.surname_count = 1;
        form.surnames[0] =
            (struct kp_form_name){.text = word_of("surname", family, surname), .use = KP_FORM_OWN};
        form.birth_date = 19800315;
        add_key(&keys, KP_KEY_BIRTH_NAME, family);
    }
    put_form(&form, &keys, mention, room);
}

static void mention_of(const struct told *told, struct kp_command_mention *mention,
                       struct world_form *room)
{
    if (told->reported != NULL) {
        world_mention_of(told->reported, mention, room);
    } else {
        world_mention(told->bsn[0], told->name[0], mention, room);
    }
}

static void make_signal(const struct told *told, char *content, size_t content_size,
                        struct kp_command_signal *ret_signal)
{
    memset(ret_signal, 0, sizeof *ret_signal);
    (void)snprintf(
        content, content_size, "%s|%s|%llu|%d|%s|%s|%s", told->partner, told->reference,
        (unsigned long long)told->version, told->kind, told->bsn[0] != NULL ? told->bsn[0] : "-",
        told->name[0] != NULL ? told->name[0] : "-", told->content != NULL ? told->content : "");
    ret_signal->signal = kp_slice_str(content);
    ret_signal->salt = KP_SLICE_LIT("salt");
    kp_sha256(ret_signal->salt, ret_signal->signal, KP_SLICE_EMPTY, ret_signal->digest);
    tag_of("content", content, ret_signal->content_tag);
    reference_tag(told->partner, told->reference, ret_signal->reference_tag);
    ret_signal->reference = kp_slice_str(told->reference);
    ret_signal->version = told->version;
    ret_signal->withdraw = told->withdraw;
    ret_signal->head_bytes = (uint32_t)ret_signal->signal.size;
    if (told->held_field != NULL) {
        ret_signal->held_code = KP_E_DATE;
        ret_signal->held_field = kp_slice_str(told->held_field);
    }
    if (told->withdraw || told->held_field != NULL) {
        return;
    }
    ret_signal->kind = told->kind;
    ret_signal->incident_date = told->date;
    ret_signal->themes = told->themes;
    ret_signal->mention_count = (uint8_t)told->persons;
    ret_signal->head_bytes -= told->persons;
    static struct world_form bytes[3];
    for (uint32_t i = 0; i < told->persons; i++) {
        struct kp_command_mention *mention = &ret_signal->mentions[i];
        mention->role = told->role;
        mention->part_bytes = 1;
        if (i == 0) {
            mention_of(told, mention, &bytes[i]);
        } else {
            world_mention(told->bsn[i], told->name[i], mention, &bytes[i]);
        }
        mention->birth_date = told->birth_date;
    }
}

static void outcomes_of(struct world *world, uint64_t position, uint8_t *ret_outcomes,
                        uint32_t count)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_stored_batch batch;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    assert_true(kp_batch_get(txn, position, &batch));
    assert_int_equal(batch.signal_count, count);
    memcpy(ret_outcomes, batch.outcomes.bytes, count);
    kp_txn_abort(txn);
}

size_t world_encode_batch(struct world *world, const struct told *signals, uint32_t count)
{
    struct kp_writer writer;
    struct kp_command_batch batch = {.signal_count = count,
                                     .signature = KP_SLICE_LIT("signature"),
                                     .certificate_digest = KP_SLICE_LIT("certificate")};
    begin_command(world, &writer, KP_COMMAND_BATCH, world_number(world, signals[0].partner));
    kp_command_put_batch(&writer, &batch);
    for (uint32_t i = 0; i < count; i++) {
        struct kp_command_signal signal;
        char content[256];
        make_signal(&signals[i], content, sizeof content, &signal);
        kp_command_put_signal(&writer, &signal);
    }
    assert_true(kp_writer_ok(&writer));
    return writer.size;
}

uint8_t world_signal(struct world *world, const struct told *told)
{
    uint8_t outcome;
    apply(world, world_encode_batch(world, told, 1), 1);
    outcomes_of(world, world->position, &outcome, 1);
    return outcome;
}

size_t world_encode_tick(struct world *world)
{
    struct kp_writer writer;
    begin_command(world, &writer, KP_COMMAND_TICK, 0);
    return writer.size;
}

void world_tick(struct world *world)
{
    apply(world, world_encode_tick(world), 1);
}

size_t world_encode_ack(struct world *world, const char *counterpart, uint64_t seq)
{
    struct kp_writer writer;
    uint16_t number = world_number(world, counterpart);
    begin_command(world, &writer, KP_COMMAND_ACK, number);
    kp_put_u16(&writer, number);
    kp_put_u64(&writer, seq);
    return writer.size;
}

void world_ack(struct world *world, const char *counterpart, uint64_t seq)
{
    apply(world, world_encode_ack(world, counterpart, seq), 1);
}

void world_drop(struct world *world, uint64_t held_position)
{
    struct kp_writer writer;
    begin_command(world, &writer, KP_COMMAND_HELD_DROP, 0);
    kp_put_u64(&writer, held_position);
    apply(world, writer.size, 1);
}

void world_retry(struct world *world, uint64_t held_position, const struct told *told)
{
    struct kp_writer writer;
    struct kp_command_signal signal;
    char content[256];
    make_signal(told, content, sizeof content, &signal);
    begin_command(world, &writer, KP_COMMAND_HELD_RETRY, 0);
    kp_put_u64(&writer, held_position);
    kp_command_put_signal(&writer, &signal);
    apply(world, writer.size, 1);
}

/* Where what counts of the two was decided; of nothing a position at which nothing was. */
static uint64_t decided_at(struct world *world, uint8_t tags[2][KP_TAG_BYTES])
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_decided decided;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    uint64_t position = kp_decision_get(txn, tags[0], tags[1], &decided) ? decided.position : 1;
    kp_txn_abort(txn);
    return position;
}

void world_decide(struct world *world, enum kp_match_decision decision, const struct told *a,
                  const struct told *b)
{
    static const struct kp_decision_proof none;
    struct kp_writer writer;
    struct world_form room;
    struct kp_command_mention mention = {0};
    uint8_t tags[2][KP_TAG_BYTES];
    mention_of(a, &mention, &room);
    memcpy(tags[0], mention.form_tag, KP_TAG_BYTES);
    mention_of(b, &mention, &room);
    memcpy(tags[1], mention.form_tag, KP_TAG_BYTES);
    uint64_t back = decision == KP_DECISION_NONE ? decided_at(world, tags) : 0;
    begin_command(world, &writer, KP_COMMAND_DECIDE, 0);
    kp_put_u8(&writer, (uint8_t)decision);
    kp_put_u8(&writer, KP_DECISION_DOSSIER);
    kp_put_u64(&writer, back);
    kp_put_u16(&writer, 1);
    kp_put_raw(&writer, kp_slice_of(tags, sizeof tags));
    kp_decision_put_proof(&writer, &none);
    apply(world, writer.size, 1);
}

void world_epoch(struct world *world, uint64_t forms, const struct kp_match_model *model,
                 const struct kp_match_terms *terms)
{
    struct kp_writer writer;
    begin_command(world, &writer, KP_COMMAND_EPOCH, 0);
    kp_epoch_put(&writer, forms, model, terms);
    assert_true(kp_writer_ok(&writer));
    apply(world, writer.size, 1);
}

void world_activate(struct world *world, uint32_t epoch)
{
    struct kp_writer writer;
    begin_command(world, &writer, KP_COMMAND_ACTIVATE, 0);
    kp_put_u32(&writer, epoch);
    apply(world, writer.size, 1);
}

uint32_t world_count_doubts(struct world *world)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_doubt doubt = {0};
    uint32_t count = 0;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    while (kp_doubt_next(txn, doubt.form, doubt.other, &doubt)) {
        struct kp_known_form form;
        struct kp_known_form other;
        struct kp_decided decided;
        assert_true(kp_forms_load(txn, NULL, doubt.form, &form));
        assert_true(kp_forms_load(txn, NULL, doubt.other, &other));
        count += form.id < other.id && form.person != other.person &&
                         !kp_decision_get(txn, form.tag, other.tag, &decided)
                     ? 1
                     : 0;
    }
    kp_txn_abort(txn);
    return count;
}

void world_check(struct world *world, const struct asked *asked, struct kp_stored_check *ret_check)
{
    struct kp_writer writer;
    struct world_form room;
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_command_check check = {.requester_type = asked->as != 0 ? asked->as : 6,
                                     .reason = asked->why != 0 ? asked->why : 3};
    world_mention(asked->bsn, asked->name, &check.person, &room);
    begin_command(world, &writer, KP_COMMAND_KNOWN_CHECK, world_number(world, asked->partner));
    kp_command_put_check(&writer, &check);
    apply(world, writer.size, 1);
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    assert_true(kp_known_get(txn, world->position, ret_check));
    kp_txn_abort(txn);
}

static uint64_t position_in(struct kp_txn *txn, const char *partner, const char *reference)
{
    struct kp_reference known = {0};
    uint8_t tag[KP_TAG_BYTES];
    reference_tag(partner, reference, tag);
    bool found = kp_reference_get(txn, tag, &known);
    return found && known.state == KP_REFERENCE_CURRENT ? known.position : 0;
}

uint64_t world_position_of(struct world *world, const char *partner, const char *reference)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    uint64_t position = position_in(txn, partner, reference);
    kp_txn_abort(txn);
    return position;
}

uint64_t world_person_in(struct kp_txn *txn, const char *partner, const char *reference,
                         uint32_t index)
{
    struct kp_stored_signal stored;
    uint64_t position = position_in(txn, partner, reference);
    assert_true(position > 0);
    assert_true(kp_stored_load(txn, position, &stored));
    uint64_t person = kp_match_find(txn, &stored.signal.mentions[index], position, (uint8_t)index);
    struct kp_person state;
    assert_true(kp_person_load(txn, person, 0, &state));
    assert_true(kp_person_find(&state, position, (uint8_t)index) >= 0); /* both ways (I6) */
    return person;
}

uint64_t world_person(struct world *world, const char *partner, const char *reference,
                      uint32_t index)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    uint64_t person = world_person_in(txn, partner, reference, index);
    kp_txn_abort(txn);
    return person;
}

void world_digest(struct world *world, uint8_t ret_digest[32], uint64_t *ret_rows)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    kp_store_digest(txn, ret_digest, ret_rows);
    kp_txn_abort(txn);
}

uint32_t world_count_persons(struct world *world)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_slice key = KP_SLICE_EMPTY;
    struct kp_slice value;
    struct kp_key from = kp_key_none();
    uint32_t count = 0;
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    while (kp_txn_seek(txn, KP_TABLE_PERSON, kp_key_slice(&from), from.size > 0, &key, &value)) {
        struct kp_reader reader;
        struct kp_person person;
        kp_reader_init(&reader, key);
        uint64_t id = kp_get_u64(&reader);
        from = kp_key_u64(kp_key_none(), id);
        assert_true(kp_person_load(txn, id, 0, &person));
        count += person.mention_count > 0 ? 1 : 0;
    }
    kp_txn_abort(txn);
    return count;
}

bool world_event(struct world *world, const char *counterpart, uint64_t seq, struct kp_arena *arena,
                 const Knooppunt__V1__Event **ret_event)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    struct kp_slice value;
    ProtobufCMessage *message;
    struct kp_key key =
        kp_key_u64(kp_key_u16(kp_key_none(), world_number(world, counterpart)), seq);
    kp_arena_reset(arena);
    assert_int_equal(kp_txn_begin(&world->store, false, &txn, &diag), KP_OK);
    bool found = kp_txn_get(txn, KP_TABLE_OUTBOX, kp_key_slice(&key), &value);
    if (found) { /* what the core writes passes the hub's own gate: canonical, known fields */
        assert_int_equal(kp_codec_open(&knooppunt__v1__event__descriptor, &kp_gate_frame, value,
                                       arena, &message, NULL, &diag),
                         KP_OK);
        *ret_event = (const Knooppunt__V1__Event *)message;
    }
    kp_txn_abort(txn);
    return found;
}

void world_example_house(struct kp_house *ret_house)
{
    static const char *const partners[] = {"politie", "om", "jeugdzorg"};
    memset(ret_house, 0, sizeof *ret_house);
    strncpy(ret_house->id, "testhuis", KP_ID_BYTES_MAX);
    memcpy(ret_house->oin, "00000099900100000000", KP_OIN_DIGITS);
    ret_house->test_mode = true;
    ret_house->port_first = 7000;
    ret_house->port_last = 7003;
    ret_house->held_per_partner_max = 100;
    ret_house->partner_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        strncpy(ret_house->partners[i].id, partners[i], KP_ID_BYTES_MAX);
        ret_house->partners[i].known_elsewhere = i != 2;
    }
    ret_house->user_count = 2;
    strncpy(ret_house->users[0].id, "ketenmanager", KP_ID_BYTES_MAX);
    ret_house->users[0].role = KP_ROLE_KETENMANAGER;
    strncpy(ret_house->users[1].id, "beheerder", KP_ID_BYTES_MAX);
    ret_house->users[1].role = KP_ROLE_BEHEERDER;
    ret_house->theme_count = 1;
    struct kp_theme *theme = &ret_house->themes[0];
    strncpy(theme->id, "hg", KP_ID_BYTES_MAX);
    ret_house->criteria.count = 1;
    ret_house->criteria.items[0] = (struct kp_criterion){.id = "bekend-bij-twee",
                                                         .name = "bekend bij twee partners",
                                                         .kind = KP_CRITERION_PARTNERS,
                                                         .least = 2,
                                                         .most = KP_CRITERION_MOST_MAX,
                                                         .kinds = 1u << 4 | 1u << 13,
                                                         .themes = 1u << 0,
                                                         .within = {.days = 365}};
    theme->tell[0] = 0x07;
}
