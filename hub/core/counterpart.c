/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/counterpart.h"

#include "base/assert.h"
#include "core/deadline.h"
#include "core/outbox.h"
#include "core/text.h"

#include <string.h>

#define COUNTERPART_VERSION 1
#define ROW_BYTES_MAX                                                                              \
    (128u + KP_COUNTERPART_KEYS_MAX * (KP_CERTIFICATE_BYTES_MAX + KP_CHAIN_BYTES_MAX + 128u))
/* Days before the end of a certificate at which its owner and the operators hear of it. */
static const uint8_t expiry_days[] = {60, 30, 14, 7, 1};
#define EXPIRY_COUNT (sizeof expiry_days / sizeof expiry_days[0])

static struct kp_key number_key(uint16_t number)
{
    return kp_key_u16(kp_key_none(), number);
}

static void get_key(struct kp_reader *reader, struct kp_enrolled_key *ret_key)
{
    ret_key->state = (enum kp_key_state)kp_get_u8(reader);
    ret_key->position = kp_get_u64(reader);
    ret_key->not_after_ms = kp_get_i64(reader);
    struct kp_slice curve = kp_get_raw(reader, sizeof ret_key->curve_public);
    struct kp_slice digest = kp_get_raw(reader, sizeof ret_key->certificate_digest);
    if (kp_reader_ok(reader)) {
        memcpy(ret_key->curve_public, curve.bytes, curve.size);
        memcpy(ret_key->certificate_digest, digest.bytes, digest.size);
    }
    ret_key->certificate = kp_get_slice(reader);
    ret_key->chain = kp_get_slice(reader);
}

static bool decode(struct kp_txn *txn, struct kp_slice key, struct kp_slice value,
                   struct kp_counterpart *ret_counterpart)
{
    struct kp_reader number;
    struct kp_reader reader;
    kp_reader_init(&number, key);
    kp_reader_init(&reader, value);
    *ret_counterpart = (struct kp_counterpart){.number = kp_get_u16(&number)};
    uint8_t version = kp_get_u8(&reader);
    ret_counterpart->is_user = kp_get_u8(&reader) != 0;
    struct kp_slice id = kp_get_slice(&reader);
    if (id.size <= KP_ID_BYTES_MAX && id.size > 0) {
        memcpy(ret_counterpart->id, id.bytes, id.size);
    }
    ret_counterpart->port = kp_get_u16(&reader);
    uint8_t count = kp_get_u8(&reader);
    for (uint32_t i = 0; i < count && i < KP_COUNTERPART_KEYS_MAX; i++) {
        get_key(&reader, &ret_counterpart->keys[ret_counterpart->key_count++]);
    }
    if (version != COUNTERPART_VERSION || !kp_reader_done(&reader)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "the row of counterpart %u does not decode",
                    ret_counterpart->number);
        return false;
    }
    return true;
}

static void put_row(struct kp_txn *txn, const struct kp_counterpart *counterpart)
{
    uint8_t *bytes = kp_arena_alloc(txn->scratch, ROW_BYTES_MAX);
    if (bytes == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for the row of a counterpart");
        return;
    }
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, ROW_BYTES_MAX);
    kp_put_u8(&writer, COUNTERPART_VERSION);
    kp_put_u8(&writer, counterpart->is_user ? 1 : 0);
    kp_put_slice(&writer, kp_slice_str(counterpart->id));
    kp_put_u16(&writer, counterpart->port);
    kp_put_u8(&writer, (uint8_t)counterpart->key_count);
    for (uint32_t i = 0; i < counterpart->key_count; i++) {
        const struct kp_enrolled_key *key = &counterpart->keys[i];
        kp_put_u8(&writer, (uint8_t)key->state);
        kp_put_u64(&writer, key->position);
        kp_put_i64(&writer, key->not_after_ms);
        kp_put_raw(&writer, kp_slice_of(key->curve_public, sizeof key->curve_public));
        kp_put_raw(&writer, kp_slice_of(key->certificate_digest, sizeof key->certificate_digest));
        kp_put_slice(&writer, key->certificate);
        kp_put_slice(&writer, key->chain);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    struct kp_key row = number_key(counterpart->number);
    kp_txn_put(txn, KP_TABLE_COUNTERPART, kp_key_slice(&row), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

bool kp_counterpart_get(struct kp_txn *txn, uint16_t number, struct kp_counterpart *ret_counterpart)
{
    struct kp_key key = number_key(number);
    struct kp_slice value;
    return kp_txn_get(txn, KP_TABLE_COUNTERPART, kp_key_slice(&key), &value) &&
           decode(txn, kp_key_slice(&key), value, ret_counterpart);
}

bool kp_counterpart_next(struct kp_txn *txn, uint16_t after, struct kp_counterpart *ret_counterpart)
{
    struct kp_key from = number_key(after);
    struct kp_slice key;
    struct kp_slice value;
    return kp_txn_seek(txn, KP_TABLE_COUNTERPART, kp_key_slice(&from), /* after= */ true, &key,
                       &value) &&
           decode(txn, key, value, ret_counterpart);
}

bool kp_counterpart_find(struct kp_txn *txn, struct kp_slice id,
                         struct kp_counterpart *ret_counterpart)
{
    uint16_t after = 0;
    for (;;) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (!kp_counterpart_next(txn, after, ret_counterpart)) {
            return false;
        }
        if (kp_slice_equal(kp_slice_str(ret_counterpart->id), id)) {
            return true;
        }
        after = ret_counterpart->number;
        kp_txn_scratch_restore(txn, mark);
    }
}

uint16_t kp_counterpart_name(struct kp_txn *txn, const char *id, bool is_user)
{
    struct kp_counterpart counterpart;
    uint16_t last = 0;
    if (kp_counterpart_find(txn, kp_slice_str(id), &counterpart)) {
        return counterpart.number;
    }
    while (kp_counterpart_next(txn, last, &counterpart)) {
        last = counterpart.number;
    }
    if (last + 1u >= KP_COUNTERPART_NUMBERS) {
        return 0;
    }
    counterpart = (struct kp_counterpart){.number = (uint16_t)(last + 1), .is_user = is_user};
    memcpy(counterpart.id, id, strlen(id)); /* ids of a decoded house fit */
    put_row(txn, &counterpart);
    return counterpart.number;
}

/* The lowest port of the house's range that no counterpart has; 0: none is left. */
static uint16_t free_port(struct kp_core *core, struct kp_txn *txn)
{
    for (uint32_t port = core->house.port_first; port <= core->house.port_last; port++) {
        struct kp_counterpart other;
        uint16_t after = 0;
        bool taken = false;
        while (!taken) {
            size_t mark = kp_txn_scratch_mark(txn);
            bool found = kp_counterpart_next(txn, after, &other);
            kp_txn_scratch_restore(txn, mark);
            if (!found) {
                return (uint16_t)port;
            }
            taken = other.port == port;
            after = other.number;
        }
    }
    return 0;
}

static bool is_named(const struct kp_core *core, const struct kp_counterpart *counterpart)
{
    struct kp_slice id = kp_slice_str(counterpart->id);
    return counterpart->is_user ? kp_house_user(&core->house, id) >= 0
                                : kp_house_partner(&core->house, id) != KP_PARTNER_NONE;
}

static uint32_t oldest(const struct kp_counterpart *counterpart, enum kp_key_state state)
{
    uint32_t at = 0;
    while (at < counterpart->key_count && counterpart->keys[at].state != state) {
        at++;
    }
    return at;
}

/* Room for one more key: the oldest that was replaced goes, else the oldest that was revoked (a
 * revoked one is remembered longest: it must not come back), else the oldest. */
static void make_room(struct kp_counterpart *counterpart)
{
    if (counterpart->key_count < KP_COUNTERPART_KEYS_MAX) {
        return;
    }
    uint32_t gone = oldest(counterpart, KP_KEY_REPLACED);
    gone = gone < counterpart->key_count ? gone : oldest(counterpart, KP_KEY_REVOKED);
    gone = gone < counterpart->key_count ? gone : 0;
    counterpart->key_count--;
    memmove(&counterpart->keys[gone], &counterpart->keys[gone + 1],
            sizeof counterpart->keys[0] * (counterpart->key_count - gone));
}

static void schedule_expiry(struct kp_core *core, struct kp_txn *txn, uint16_t number,
                            int64_t not_after_ms, uint32_t threshold)
{
    for (; threshold < EXPIRY_COUNT; threshold++) {
        int64_t due = not_after_ms - expiry_days[threshold] * KP_DAY_MS;
        if (due > core->now.ms || threshold + 1 == EXPIRY_COUNT) {
            struct kp_deadline deadline = {.due = {due > core->now.ms ? due : core->now.ms},
                                           .kind = KP_DEADLINE_CERTIFICATE,
                                           .subject = number,
                                           .detail = (uint8_t)threshold};
            kp_deadline_put(txn, &deadline);
            return;
        }
    }
}

static bool same_certificate(const struct kp_enrolled_key *key, const uint8_t *digest)
{
    return memcmp(key->certificate_digest, digest, KP_SHA256_BYTES) == 0;
}

/* A certificate can stand with several transport keys: it is shut out when one of them was revoked
 * and none is good. */
static bool is_shut_out(const struct kp_counterpart *counterpart, const uint8_t *digest)
{
    bool revoked = false;
    for (uint32_t i = 0; i < counterpart->key_count; i++) {
        const struct kp_enrolled_key *key = &counterpart->keys[i];
        if (same_certificate(key, digest) && key->state == KP_KEY_ACTIVE) {
            return false;
        }
        revoked = revoked || (same_certificate(key, digest) && key->state == KP_KEY_REVOKED);
    }
    return revoked;
}

static enum kp_key_standing standing_with(const struct kp_counterpart *counterpart, bool own,
                                          struct kp_slice curve_public, const uint8_t *digest)
{
    enum kp_key_standing standing =
        own && is_shut_out(counterpart, digest) ? KP_KEY_SHUT_OUT : KP_KEY_NEW;
    for (uint32_t i = 0; i < counterpart->key_count; i++) {
        const struct kp_enrolled_key *key = &counterpart->keys[i];
        if (!kp_slice_equal(curve_public,
                            kp_slice_of(key->curve_public, sizeof key->curve_public))) {
            continue;
        }
        if (!own) {
            return KP_KEY_OTHERS;
        }
        bool present = key->state == KP_KEY_ACTIVE && same_certificate(key, digest);
        standing = present ? KP_KEY_PRESENT : KP_KEY_SHUT_OUT;
    }
    return standing;
}

enum kp_key_standing kp_counterpart_standing(struct kp_txn *txn, struct kp_slice id,
                                             struct kp_slice curve_public,
                                             const uint8_t *certificate_digest)
{
    struct kp_counterpart counterpart;
    enum kp_key_standing standing = KP_KEY_NEW;
    size_t mark = kp_txn_scratch_mark(txn);
    for (uint16_t after = 0;
         standing == KP_KEY_NEW && kp_counterpart_next(txn, after, &counterpart);
         after = counterpart.number) {
        bool own = kp_slice_equal(kp_slice_str(counterpart.id), id);
        standing = standing_with(&counterpart, own, curve_public, certificate_digest);
        kp_txn_scratch_restore(txn, mark);
    }
    return standing;
}

void kp_counterpart_enrol(struct kp_core *core, struct kp_txn *txn,
                          const struct kp_command_enrol *enrol)
{
    struct kp_counterpart counterpart;
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(enrol->certificate, KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    if (enrol->curve_public.size != sizeof counterpart.keys[0].curve_public ||
        enrol->certificate.size > KP_CERTIFICATE_BYTES_MAX ||
        enrol->chain.size > KP_CHAIN_BYTES_MAX ||
        kp_counterpart_standing(txn, enrol->counterpart, enrol->curve_public, digest) !=
            KP_KEY_NEW ||
        !kp_counterpart_find(txn, enrol->counterpart, &counterpart) ||
        !is_named(core, &counterpart)) {
        return;
    }
    if (counterpart.port == 0) {
        counterpart.port = free_port(core, txn);
        if (counterpart.port == 0) {
            return;
        }
    }
    make_room(&counterpart);
    uint32_t active = 0;
    for (uint32_t i = counterpart.key_count; i-- > 0;) {
        struct kp_enrolled_key *old = &counterpart.keys[i];
        active += old->state == KP_KEY_ACTIVE ? 1 : 0;
        if (old->state == KP_KEY_ACTIVE && active >= KP_DOOR_KEYS_MAX) {
            old->state = KP_KEY_REPLACED;
        }
    }
    struct kp_enrolled_key *key = &counterpart.keys[counterpart.key_count++];
    *key = (struct kp_enrolled_key){.state = KP_KEY_ACTIVE,
                                    .position = core->position,
                                    .not_after_ms = enrol->not_after_ms,
                                    .certificate = enrol->certificate,
                                    .chain = enrol->chain};
    memcpy(key->curve_public, enrol->curve_public.bytes, enrol->curve_public.size);
    memcpy(key->certificate_digest, digest, sizeof digest);
    put_row(txn, &counterpart);
    schedule_expiry(core, txn, counterpart.number, enrol->not_after_ms, 0);
    core->effects->doors_changed = true;
}

void kp_counterpart_revoke(struct kp_core *core, struct kp_txn *txn, struct kp_slice id,
                           struct kp_slice curve_public)
{
    struct kp_counterpart counterpart;
    if (!kp_counterpart_find(txn, id, &counterpart)) {
        return;
    }
    for (uint32_t i = 0; i < counterpart.key_count; i++) {
        struct kp_enrolled_key *key = &counterpart.keys[i];
        if (curve_public.size == 0 ||
            kp_slice_equal(curve_public,
                           kp_slice_of(key->curve_public, sizeof key->curve_public))) {
            key->state = KP_KEY_REVOKED;
        }
    }
    put_row(txn, &counterpart);
    core->effects->doors_changed = true;
}

void kp_counterpart_certificate_due(struct kp_core *core, struct kp_txn *txn, uint16_t number,
                                    uint8_t threshold)
{
    struct kp_counterpart counterpart;
    int64_t not_after_ms = 0;
    if (!kp_counterpart_get(txn, number, &counterpart)) {
        return;
    }
    for (uint32_t i = 0; i < counterpart.key_count; i++) {
        if (counterpart.keys[i].state == KP_KEY_ACTIVE &&
            counterpart.keys[i].not_after_ms > not_after_ms) {
            not_after_ms = counterpart.keys[i].not_after_ms;
        }
    }
    int64_t left_ms = not_after_ms - core->now.ms;
    if (not_after_ms == 0 || left_ms > (expiry_days[0] + 1) * KP_DAY_MS ||
        threshold >= EXPIRY_COUNT) {
        return; /* revoked, or a newer certificate took over: that one has its own deadline */
    }
    Knooppunt__V1__Event event = KNOOPPUNT__V1__EVENT__INIT;
    Knooppunt__V1__CertificateExpiring expiring = KNOOPPUNT__V1__CERTIFICATE_EXPIRING__INIT;
    expiring.owner = kp_text(txn->scratch, counterpart.id);
    expiring.has_not_after_ms = 1;
    expiring.not_after_ms = not_after_ms;
    expiring.has_days_left = 1;
    expiring.days_left = left_ms < 0 ? 0 : (uint32_t)(left_ms / KP_DAY_MS);
    event.body_case = KNOOPPUNT__V1__EVENT__BODY_CERTIFICATE_EXPIRING;
    event.certificate_expiring = &expiring;
    (void)kp_outbox_put(core, txn, number, &event); /* its sequence is of no use here */
    kp_outbox_put_role(core, txn, KP_ROLE_BEHEERDER, &event, 0);
    if (threshold + 1u < EXPIRY_COUNT) {
        schedule_expiry(core, txn, number, not_after_ms, threshold + 1u);
    }
}
