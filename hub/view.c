/* SPDX-License-Identifier: EUPL-1.2 */
#include "hub.h"

#include "base/assert.h"
#include "base/log.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define BYE_ARENA_BYTES 65536

struct kp_view *kp_view_hold(struct kp_hub *hub)
{
    (void)pthread_mutex_lock(&hub->view_lock);
    struct kp_view *view = hub->view;
    atomic_fetch_add(&view->holders, 1);
    (void)pthread_mutex_unlock(&hub->view_lock);
    return view;
}

void kp_view_release(struct kp_view *view)
{
    if (view == NULL || atomic_fetch_sub(&view->holders, 1) != 1) {
        return;
    }
    for (uint32_t number = 0; number < KP_COUNTERPART_NUMBERS; number++) {
        struct kp_view_counterpart *counterpart = view->by_number[number];
        for (uint32_t i = 0; counterpart != NULL && i < counterpart->row.key_count; i++) {
            (void)kp_certificate_free(counterpart->certificates[i].certificate);
        }
        free(counterpart);
    }
    free(view);
}

static enum kp_err check_key(struct kp_hub *hub, const struct kp_enrolled_key *key,
                             const struct kp_certificate *certificate)
{
    struct kp_diag diag;
    struct kp_slice chain[KP_CHAIN_CERTIFICATES_MAX];
    struct kp_reader reader;
    uint32_t count = 0;
    if (key->state != KP_KEY_ACTIVE) {
        return KP_E_KEY_REVOKED;
    }
    kp_reader_init(&reader, key->chain);
    while (reader.offset < reader.size && count < KP_CHAIN_CERTIFICATES_MAX) {
        chain[count++] = kp_get_slice(&reader);
    }
    enum kp_err err =
        kp_trust_check(hub->trust, certificate, chain, count, kp_clock_now(hub), &diag);
    /* Validity in time is judged at each use: a certificate that is not valid yet will be. */
    return err == KP_E_CERT_EXPIRED ? KP_OK : err;
}

static struct kp_view_counterpart *view_counterpart(struct kp_hub *hub, const struct kp_view *view,
                                                    const struct kp_counterpart *row)
{
    struct kp_view_counterpart *counterpart = calloc(1, sizeof *counterpart);
    KP_ASSERT(counterpart != NULL);
    struct kp_slice id = kp_slice_str(row->id);
    counterpart->row = *row;
    kp_revoking_mark(hub, &counterpart->row);
    counterpart->partner = row->is_user ? KP_PARTNER_NONE : kp_house_partner(&view->core.house, id);
    counterpart->user = row->is_user ? kp_house_user(&view->core.house, id) : -1;
    counterpart->named = counterpart->partner != KP_PARTNER_NONE || counterpart->user >= 0;
    for (uint32_t i = 0; i < row->key_count; i++) {
        struct kp_view_certificate *slot = &counterpart->certificates[i];
        struct kp_diag diag;
        slot->err = kp_certificate_parse(row->keys[i].certificate, &slot->certificate, &diag);
        if (slot->err == KP_OK) {
            slot->err = check_key(hub, &counterpart->row.keys[i], slot->certificate);
        }
        counterpart->row.keys[i].certificate = KP_SLICE_EMPTY;
        counterpart->row.keys[i].chain = KP_SLICE_EMPTY;
    }
    return counterpart;
}

static enum kp_err read_view(struct kp_hub *hub, struct kp_view *view, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_counterpart row;
    uint16_t after = 0;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = kp_core_load(&view->core, txn, reterr_diag);
    while (err == KP_OK) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (!kp_counterpart_next(txn, after, &row)) {
            break;
        }
        view->by_number[row.number] = view_counterpart(hub, view, &row);
        view->counterpart_count++;
        after = row.number;
        kp_txn_scratch_restore(txn, mark);
    }
    if (err == KP_OK && kp_txn_error(txn) != KP_OK) {
        err = kp_txn_error(txn);
        *reterr_diag = txn->diag;
    }
    kp_txn_abort(txn);
    return err;
}

/* --- the doors follow the view --- */

static enum kp_err judge(const struct kp_view_certificate *slot, struct kp_wall now)
{
    if (slot->err != KP_OK) {
        return slot->err;
    }
    bool in_time = kp_certificate_not_before(slot->certificate).ms <= now.ms &&
                   now.ms <= kp_certificate_not_after(slot->certificate).ms;
    return in_time ? KP_OK : KP_E_CERT_EXPIRED;
}

/* A key is as good as its certificate. When none is good any more, the active ones still open the
 * door, so that he hears at his Hello what is wrong with it. */
static void collect_keys(const struct kp_view_counterpart *counterpart, enum kp_err standing,
                         struct kp_wall now, struct kp_door_keys *ret_keys)
{
    memset(ret_keys, 0, sizeof *ret_keys);
    for (uint32_t i = counterpart->row.key_count; i-- > 0;) {
        const struct kp_enrolled_key *key = &counterpart->row.keys[i];
        bool good = standing != KP_OK || judge(&counterpart->certificates[i], now) == KP_OK;
        bool allowed = key->state == KP_KEY_ACTIVE && counterpart->named && good;
        if (allowed && ret_keys->allowed_count < KP_DOOR_KEYS_MAX) {
            memcpy(ret_keys->allowed[ret_keys->allowed_count++], key->curve_public,
                   KP_CURVE_KEY_BYTES);
        } else if (ret_keys->revoked_count < sizeof ret_keys->revoked / KP_CURVE_KEY_BYTES) {
            memcpy(ret_keys->revoked[ret_keys->revoked_count++], key->curve_public,
                   KP_CURVE_KEY_BYTES);
        }
    }
}

static void set_door(struct kp_hub *hub, const struct kp_view_counterpart *counterpart)
{
    struct kp_door_keys keys;
    struct kp_diag diag;
    struct kp_arena arena;
    kp_arena_init(&arena, BYE_ARENA_BYTES);
    uint16_t number = counterpart->row.number;
    struct kp_wall now = kp_clock_now(hub);
    enum kp_err standing = kp_view_standing(counterpart, now);
    collect_keys(counterpart, standing, now, &keys);
    struct kp_slice bye =
        kp_frames_bye(&arena, KP_E_KEY_REVOKED, "this key is revoked; ask the house's operator");
    enum kp_err err = kp_doors_set(hub->doors, number, counterpart->row.port, &keys, bye, &diag);
    if (err != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "door.failed", &diag);
    }
    if (keys.allowed_count > 0 && standing != KP_OK) { /* the key is good, its certificate is not */
        bye = kp_frames_bye(&arena, standing, kp_err_text(standing));
        kp_doors_drop_peer(hub->doors, number, bye);
    }
    kp_arena_done(&arena);
}

enum kp_err kp_view_renew(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    struct kp_view *view = calloc(1, sizeof *view);
    KP_ASSERT(view != NULL);
    atomic_store(&view->holders, 1);
    (void)pthread_mutex_lock(&hub->renew_lock);
    enum kp_err err = read_view(hub, view, reterr_diag);
    if (err != KP_OK) {
        (void)pthread_mutex_unlock(&hub->renew_lock);
        kp_view_release(view);
        return err;
    }
    (void)pthread_mutex_lock(&hub->view_lock);
    struct kp_view *old = hub->view;
    hub->view = view;
    (void)pthread_mutex_unlock(&hub->view_lock);
    for (uint32_t number = 0; hub->doors != NULL && number < KP_COUNTERPART_NUMBERS; number++) {
        const struct kp_view_counterpart *counterpart = view->by_number[number];
        if (counterpart != NULL && counterpart->row.port != 0) {
            set_door(hub, counterpart);
        }
    }
    (void)pthread_mutex_unlock(&hub->renew_lock);
    kp_view_release(old);
    return KP_OK;
}

enum kp_err kp_view_certificate(const struct kp_view_counterpart *counterpart,
                                struct kp_slice digest, struct kp_wall now,
                                const struct kp_certificate **ret_certificate)
{
    for (uint32_t i = 0; i < counterpart->row.key_count; i++) {
        const struct kp_enrolled_key *key = &counterpart->row.keys[i];
        if (kp_slice_equal(digest, kp_slice_of(key->certificate_digest, KP_SHA256_BYTES))) {
            enum kp_err err = judge(&counterpart->certificates[i], now);
            if (err == KP_OK) {
                *ret_certificate = counterpart->certificates[i].certificate;
            }
            if (err != KP_E_KEY_REVOKED) {
                return err; /* the same certificate can stand with an older, revoked transport key
                             */
            }
        }
    }
    return KP_E_CERT_MISMATCH;
}

enum kp_err kp_view_standing(const struct kp_view_counterpart *counterpart, struct kp_wall now)
{
    enum kp_err newest = KP_E_KEY_REVOKED;
    for (uint32_t i = counterpart->row.key_count; i-- > 0;) {
        enum kp_err err = judge(&counterpart->certificates[i], now);
        if (err == KP_OK) {
            return KP_OK;
        }
        newest = newest == KP_E_KEY_REVOKED ? err : newest;
    }
    return newest;
}
