/* SPDX-License-Identifier: EUPL-1.2 */
/* Enrolment by the operator: a request that proves itself becomes a command; the answer is the
 * counterpart's bundle. */
#include "queries.h"

#include "base/log.h"
#include "base/pem.h"
#include "net/curve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (1u << 20)
#define REQUEST_AGE_MS_MAX (30 * KP_DAY_MS)

static const struct kp_gate request_gate = {
    .bytes_max = 256u * 1024u, .depth_max = 4, .fields_max = 100};

static struct kp_slice slice_of(const ProtobufCBinaryData *data)
{
    return kp_slice_of(data->data, data->len);
}

static ProtobufCBinaryData binary(struct kp_slice bytes)
{
    /* protobuf-c's pack only reads, but its type is not const. */
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.bytes};
}

/* --- the request --- */

struct request {
    struct kp_arena arena;
    const Knooppunt__V1__EnrolBody *body;
    struct kp_certificate *certificate;
    bool is_user;
};

static enum kp_err open_request(struct request *request, struct kp_slice bytes,
                                struct kp_diag *reterr_diag)
{
    ProtobufCMessage *message;
    enum kp_err err = kp_codec_open(&knooppunt__v1__enrol_request__descriptor, &request_gate, bytes,
                                    &request->arena, &message, NULL, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    const Knooppunt__V1__EnrolRequest *outer = (const Knooppunt__V1__EnrolRequest *)message;
    if (!outer->has_body || !outer->has_signature || !outer->has_algorithm) {
        return kp_fail(reterr_diag, KP_E_MISSING, "the request lacks its body or signature");
    }
    err = kp_codec_open(&knooppunt__v1__enrol_body__descriptor, &request_gate,
                        slice_of(&outer->body), &request->arena, &message, NULL, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    request->body = (const Knooppunt__V1__EnrolBody *)message;
    if (!request->body->has_certificate || !request->body->has_curve_public ||
        request->body->curve_public.len != KP_CURVE_KEY_BYTES ||
        request->body->counterpart == NULL || request->body->house_oin == NULL ||
        request->body->n_chain > KP_CHAIN_CERTIFICATES_MAX) {
        return kp_fail(
            reterr_diag, KP_E_MISSING,
            "the request lacks a certificate, key, id or house, or its chain is too long");
    }
    err = kp_certificate_parse(slice_of(&request->body->certificate), &request->certificate,
                               reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    return kp_verify(request->certificate, (enum kp_sign_algorithm)outer->algorithm, KP_LABEL_ENROL,
                     slice_of(&outer->body), slice_of(&outer->signature), reterr_diag);
}

/* Whose certificate it is: a partner's OIN, a user's id. */
static enum kp_err check_owner(const struct kp_view *view, const struct request *request,
                               struct kp_diag *reterr_diag)
{
    const Knooppunt__V1__EnrolBody *body = request->body;
    const char *serial = kp_certificate_serial_number(request->certificate);
    struct kp_slice id = kp_slice_str(body->counterpart);
    if (strcmp(body->house_oin, view->core.house.oin) != 0) {
        return kp_fail(reterr_diag, KP_E_HOUSE, "the request is for house %.20s, this is %s",
                       body->house_oin, view->core.house.oin);
    }
    if (body->kind != (request->is_user
                           ? KNOOPPUNT__V1__COUNTERPART_KIND__COUNTERPART_KIND_USER
                           : KNOOPPUNT__V1__COUNTERPART_KIND__COUNTERPART_KIND_PARTNER)) {
        return kp_fail(
            reterr_diag, KP_E_SENDER, "the request is for a %s; use `knooppunt %s enrol`",
            request->is_user ? "partner" : "user", request->is_user ? "partner" : "user");
    }
    if (request->is_user) {
        if (kp_house_user(&view->core.house, id) < 0) {
            return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                           "house.yaml names no user \"%.40s\"; add him and restart the hub",
                           body->counterpart);
        }
        return strcmp(serial, body->counterpart) == 0
                   ? KP_OK
                   : kp_fail(reterr_diag, KP_E_SENDER,
                             "the certificate's serialNumber is not the user's id");
    }
    uint16_t partner = kp_house_partner(&view->core.house, id);
    if (partner == KP_PARTNER_NONE) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "house.yaml names no partner \"%.40s\"; add it and restart the hub",
                       body->counterpart);
    }
    return strcmp(serial, view->core.house.partners[partner].oin) == 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_SENDER,
                         "the certificate's OIN is not the partner's in house.yaml");
}

static enum kp_err check_request(struct kp_hub *hub, const struct kp_view *view,
                                 const struct request *request, struct kp_diag *reterr_diag)
{
    struct kp_slice chain[KP_CHAIN_CERTIFICATES_MAX];
    enum kp_err err = check_owner(view, request, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    int64_t age = kp_clock_now(hub).ms - request->body->made_at_ms;
    if (age > REQUEST_AGE_MS_MAX || age < -KP_DAY_MS) {
        return kp_fail(reterr_diag, KP_E_VALUE,
                       "the request was not made in the last 30 days; make a new one");
    }
    for (size_t i = 0; i < request->body->n_chain; i++) {
        chain[i] = slice_of(&request->body->chain[i]);
    }
    return kp_trust_check(hub->trust, request->certificate, chain, (uint32_t)request->body->n_chain,
                          kp_clock_now(hub), reterr_diag);
}

/* Whether this key may still be enrolled. *ret_present: it is already, and good. */
static enum kp_err check_key(struct kp_hub *hub, const struct request *request, bool *ret_present,
                             struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(slice_of(&request->body->certificate), KP_SLICE_EMPTY, KP_SLICE_EMPTY, digest);
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    enum kp_key_standing standing =
        kp_counterpart_standing(txn, kp_slice_str(request->body->counterpart),
                                slice_of(&request->body->curve_public), digest);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    *ret_present = standing == KP_KEY_PRESENT;
    if (err == KP_OK && standing == KP_KEY_SHUT_OUT) {
        return kp_fail(reterr_diag, KP_E_KEY_REVOKED,
                       "this key or certificate was revoked or replaced, and does not come back; "
                       "make new ones (knooppunt keygen) and a new request");
    }
    if (err == KP_OK && standing == KP_KEY_OTHERS) {
        return kp_fail(reterr_diag, KP_E_EXISTS,
                       "this transport key is another counterpart's; each makes keys of its own "
                       "(knooppunt keygen)");
    }
    return err;
}

static enum kp_err submit_enrol(struct kp_hub *hub, const struct request *request,
                                struct kp_diag *reterr_diag)
{
    uint64_t position;
    struct kp_command_head head = {.kind = KP_COMMAND_ENROL};
    struct kp_entry *entry =
        kp_entry_new(KP_COMMAND_ENROL, 1024 + KP_CERTIFICATE_BYTES_MAX + KP_CHAIN_BYTES_MAX, 1);
    uint8_t *chain_bytes = malloc(KP_CHAIN_BYTES_MAX + 64);
    struct kp_writer chain;
    struct kp_writer writer;
    if (chain_bytes == NULL) {
        (void)kp_entry_free(entry);
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory");
    }
    kp_writer_init(&chain, chain_bytes, KP_CHAIN_BYTES_MAX);
    for (size_t i = 0; i < request->body->n_chain; i++) {
        kp_put_slice(&chain, slice_of(&request->body->chain[i]));
    }
    struct kp_command_enrol enrol = {
        .counterpart = kp_slice_str(request->body->counterpart),
        .certificate = slice_of(&request->body->certificate),
        .chain = kp_writer_slice(&chain),
        .curve_public = slice_of(&request->body->curve_public),
        .not_after_ms = kp_certificate_not_after(request->certificate).ms,
    };
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_command_put_enrol(&writer, &enrol);
    bool fits = kp_writer_ok(&writer) && kp_writer_ok(&chain);
    entry->body_size = kp_writer_slice(&writer).size;
    free(chain_bytes);
    if (!fits) {
        (void)kp_entry_free(entry);
        return kp_fail(reterr_diag, KP_E_LENGTH, "the certificate or its chain is too large");
    }
    enum kp_err err = kp_writer_submit_and_wait(hub, entry, &position);
    return err == KP_OK ? KP_OK : kp_fail(reterr_diag, err, "the journal did not take it");
}

/* --- the bundle --- */

static const struct kp_view_counterpart *find(const struct kp_view *view, const char *id)
{
    for (uint32_t i = 0; i < KP_COUNTERPART_NUMBERS; i++) {
        if (view->by_number[i] != NULL && strcmp(view->by_number[i]->row.id, id) == 0) {
            return view->by_number[i];
        }
    }
    return NULL;
}

static const char *role_name(const struct kp_view *view, const struct kp_view_counterpart *owner)
{
    static const char *const names[] = {"",   "ketenmanager", "liaison",
                                        "fg", "stuurgroep",   "beheerder"};
    return owner->user < 0 ? "partner" : names[view->core.house.users[owner->user].role];
}

static enum kp_err pack_bundle(struct kp_hub *hub, const struct kp_view *view,
                               const struct kp_view_counterpart *owner, struct kp_arena *arena,
                               struct kp_slice *ret_bundle, struct kp_diag *reterr_diag)
{
    char endpoint[128];
    uint8_t hub_public[KP_KEY_BYTES];
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    size_t signature_size;
    struct kp_secret secret;
    struct kp_signer *signer;
    char path[640];
    struct kp_slice anchors[16];
    ProtobufCBinaryData wire_anchors[16];
    uint32_t anchor_count = 0;
    (void)snprintf(path, sizeof path, "%s/curve.secret", hub->config->hub.keys_dir); /* fits */
    enum kp_err err = kp_curve_read_secret(path, &secret, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    kp_curve_public(&secret, hub_public);
    kp_secret_done(&secret);
    err = kp_pem_certificates(hub->config->hub.anchors_file, arena, anchors, 16, &anchor_count,
                              reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    for (uint32_t i = 0; i < anchor_count; i++) {
        wire_anchors[i] = binary(anchors[i]);
    }
    (void)snprintf(endpoint, sizeof endpoint, "tcp://%s:%u", hub->config->hub.listen_host,
                   owner->row.port); /* fits */
    Knooppunt__V1__BundleBody body = KNOOPPUNT__V1__BUNDLE_BODY__INIT;
    Knooppunt__V1__Bundle bundle = KNOOPPUNT__V1__BUNDLE__INIT;
    body.house = (char *)(uintptr_t)view->core.house.id;
    body.house_oin = (char *)(uintptr_t)view->core.house.oin;
    body.counterpart = (char *)(uintptr_t)owner->row.id;
    body.endpoint = endpoint;
    body.has_hub_curve_public = body.has_hub_certificate = body.has_test_mode = 1;
    body.hub_curve_public = binary(kp_slice_of(hub_public, sizeof hub_public));
    body.hub_certificate = binary(kp_certificate_der(hub->certificate));
    body.n_anchors = anchor_count;
    body.anchors = wire_anchors;
    body.test_mode = view->core.house.test_mode;
    body.role = owner->user < 0 ? NULL : (char *)(uintptr_t)role_name(view, owner);
    struct kp_slice packed = kp_codec_pack(arena, &body.base);
    /* A signer belongs to one thread; the writer has the other one. */
    (void)snprintf(path, sizeof path, "%s/signing.key", hub->config->hub.keys_dir); /* fits */
    err = kp_signer_load(path, &signer, reterr_diag);
    if (err == KP_OK) {
        err = kp_sign(signer, KP_LABEL_BUNDLE, packed, signature, &signature_size, reterr_diag);
        bundle.algorithm = (Knooppunt__V1__SignatureAlgorithm)kp_signer_algorithm(signer);
        (void)kp_signer_free(signer);
    }
    if (err != KP_OK) {
        return err;
    }
    bundle.has_body = bundle.has_algorithm = bundle.has_signature = 1;
    bundle.body = binary(packed);
    bundle.signature = binary(kp_slice_of(signature, signature_size));
    *ret_bundle = kp_codec_pack(arena, &bundle.base);
    return KP_OK;
}

static enum kp_err answer_bundle(struct kp_hub *hub, const struct request *request,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_slice bundle;
    struct kp_view *view = kp_view_hold(hub);
    const struct kp_view_counterpart *owner = find(view, request->body->counterpart);
    enum kp_err err =
        owner == NULL || owner->row.port == 0
            ? kp_fail(
                  reterr_diag, KP_E_LIMIT,
                  "no port is left for another door; widen port_first to port_last in house.yaml")
            : pack_bundle(hub, view, owner, answer->arena, &bundle, reterr_diag);
    if (err == KP_OK) {
        kp_answer_section(answer, "bundle");
        kp_answer_row(answer);
        kp_answer_text(answer, "counterpart", owner->row.id);
        kp_answer_text(answer, "role", role_name(view, owner));
        kp_answer_number(answer, "port", owner->row.port);
        kp_answer_hex(answer, "key", kp_slice_of(request->body->curve_public.data, 4));
        kp_answer_time(answer, "not_after", kp_certificate_not_after(request->certificate));
        kp_answer_binary(answer, "bundle", bundle);
        kp_log(KP_LOG_NOTICE, "counterpart.enrolled", "counterpart=%s port=%u", owner->row.id,
               owner->row.port);
    }
    kp_view_release(view);
    return err;
}

static enum kp_err enrol(struct kp_hub *hub, const struct kp_query *query, bool is_user,
                         struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct request request = {.is_user = is_user};
    kp_arena_init(&request.arena, ARENA_BYTES);
    enum kp_err err = open_request(&request, query->attachment, reterr_diag);
    if (err == KP_OK) {
        struct kp_view *view = kp_view_hold(hub);
        err = check_request(hub, view, &request, reterr_diag);
        kp_view_release(view);
    }
    bool present = false;
    if (err == KP_OK) {
        err = check_key(hub, &request, &present, reterr_diag);
    }
    if (err == KP_OK && !present) {
        err = submit_enrol(hub, &request, reterr_diag);
    }
    if (err == KP_OK) {
        err = answer_bundle(hub, &request, answer, reterr_diag);
    }
    (void)kp_certificate_free(request.certificate);
    kp_arena_done(&request.arena);
    return err;
}

/* --- revocation and lists --- */

static void counterpart_rows(const struct kp_view *view, bool users, const char *only,
                             struct kp_answer *answer)
{
    for (uint32_t i = 0; i < KP_COUNTERPART_NUMBERS; i++) {
        static const char *const states[] = {"", "active", "revoked", "replaced"};
        const struct kp_view_counterpart *one = view->by_number[i];
        if (one == NULL || one->row.is_user != users ||
            (only != NULL && strcmp(only, one->row.id) != 0)) {
            continue;
        }
        for (uint32_t k = 0; k < (one->row.key_count > 0 ? one->row.key_count : 1); k++) {
            bool enrolled = one->row.key_count > 0;
            const struct kp_enrolled_key *key = &one->row.keys[k];
            kp_answer_row(answer);
            kp_answer_text(answer, users ? "user" : "partner", one->row.id);
            kp_answer_text(answer, "role", role_name(view, one));
            kp_answer_text(answer, "oin",
                           users || one->partner == KP_PARTNER_NONE
                               ? ""
                               : view->core.house.partners[one->partner].oin);
            kp_answer_truth(answer, "in_house", one->named);
            kp_answer_number(answer, "port", one->row.port);
            kp_answer_text(answer, "state", enrolled ? states[key->state] : "not enrolled");
            kp_answer_hex(answer, "key",
                          kp_slice_of(key->curve_public, enrolled ? KP_CURVE_KEY_BYTES : 0));
            kp_answer_text(answer, "certificate",
                           enrolled ? kp_err_name(one->certificates[k].err) : "");
            kp_answer_time(answer, "not_after", (struct kp_wall){enrolled ? key->not_after_ms : 0});
        }
    }
}

static enum kp_err list(struct kp_hub *hub, bool users, const char *only, struct kp_answer *answer)
{
    struct kp_view *view = kp_view_hold(hub);
    kp_answer_section(answer, users ? "users" : "partners");
    counterpart_rows(view, users, only, answer);
    kp_view_release(view);
    return KP_OK;
}

static bool parse_hex_key(const char *hex, uint8_t ret_key[KP_CURVE_KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(hex) != 2 * KP_CURVE_KEY_BYTES) {
        return false;
    }
    for (size_t i = 0; i < 2 * KP_CURVE_KEY_BYTES; i++) {
        const char *digit = hex[i] == '\0' ? NULL : strchr(digits, hex[i]);
        if (digit == NULL) {
            return false;
        }
        ret_key[i / 2] = (uint8_t)(ret_key[i / 2] << 4 | (digit - digits));
    }
    return true;
}

static bool has_this_key(const struct kp_counterpart *counterpart, const uint8_t *key)
{
    for (uint32_t i = 0; i < counterpart->key_count; i++) {
        if (memcmp(counterpart->keys[i].curve_public, key, KP_CURVE_KEY_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* Arguments: id, and for one key only its 64 hexadecimal digits. */
static enum kp_err revoke(struct kp_hub *hub, const struct kp_query *query, bool is_user,
                          struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    uint8_t key[KP_CURVE_KEY_BYTES] = {0};
    struct kp_command_head head = {.kind = KP_COMMAND_REVOKE};
    bool one_key = query->argument_count > 1 && query->arguments[1][0] != '\0';
    if (query->argument_count < 1) {
        return kp_fail(reterr_diag, KP_E_USAGE, "give the id of the counterpart");
    }
    if (one_key && !parse_hex_key(query->arguments[1], key)) {
        return kp_fail(reterr_diag, KP_E_USAGE, "the key is not 64 hexadecimal digits");
    }
    struct kp_view *view = kp_view_hold(hub);
    const struct kp_view_counterpart *one = find(view, query->arguments[0]);
    bool known = one != NULL && one->row.is_user == is_user && one->row.key_count > 0;
    bool has_key = known && (!one_key || has_this_key(&one->row, key));
    kp_view_release(view);
    if (!known) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND, "no %s \"%.40s\" is enrolled",
                       is_user ? "user" : "partner", query->arguments[0]);
    }
    if (!has_key) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "\"%.40s\" has no such key, nothing was revoked; `knooppunt %s list %.40s` "
                       "shows the keys",
                       query->arguments[0], is_user ? "user" : "partner", query->arguments[0]);
    }
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_REVOKE, 512, 1);
    struct kp_writer writer;
    kp_random(head.message_id, sizeof head.message_id);
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_command_put_head(&writer, &head);
    kp_put_slice(&writer, kp_slice_str(query->arguments[0]));
    kp_put_slice(&writer, kp_slice_of(key, one_key ? sizeof key : 0));
    entry->body_size = kp_writer_slice(&writer).size;
    struct kp_revocation revocation = {.one_key = one_key};
    enum kp_err err = kp_writer_journal(hub, entry, &revocation.position);
    if (err != KP_OK) {
        return kp_fail(reterr_diag, err, "the journal did not take it");
    }
    (void)snprintf(revocation.id, sizeof revocation.id, "%s",
                   query->arguments[0]); /* known: fits */
    memcpy(revocation.key, key, sizeof revocation.key);
    err = kp_revoking_add(hub, &revocation, reterr_diag);
    enum kp_err renewed = kp_view_renew(hub, reterr_diag);
    if (err != KP_OK || renewed != KP_OK) {
        return err != KP_OK ? err : renewed;
    }
    kp_log(KP_LOG_NOTICE, "counterpart.revoked", "counterpart=%s", query->arguments[0]);
    return list(hub, is_user, query->arguments[0], answer);
}

enum kp_err kp_query_partner_enrol(struct kp_hub *hub, const struct kp_query *query,
                                   struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return enrol(hub, query, /* is_user= */ false, answer, reterr_diag);
}

enum kp_err kp_query_user_enrol(struct kp_hub *hub, const struct kp_query *query,
                                struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return enrol(hub, query, /* is_user= */ true, answer, reterr_diag);
}

enum kp_err kp_query_partner_revoke(struct kp_hub *hub, const struct kp_query *query,
                                    struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return revoke(hub, query, /* is_user= */ false, answer, reterr_diag);
}

enum kp_err kp_query_user_revoke(struct kp_hub *hub, const struct kp_query *query,
                                 struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    return revoke(hub, query, /* is_user= */ true, answer, reterr_diag);
}

enum kp_err kp_query_partner_list(struct kp_hub *hub, const struct kp_query *query,
                                  struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    (void)reterr_diag;
    return list(hub, /* users= */ false, query->argument_count > 0 ? query->arguments[0] : NULL,
                answer);
}

enum kp_err kp_query_user_list(struct kp_hub *hub, const struct kp_query *query,
                               struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    (void)reterr_diag;
    return list(hub, /* users= */ true, query->argument_count > 0 ? query->arguments[0] : NULL,
                answer);
}
