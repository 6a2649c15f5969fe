/* SPDX-License-Identifier: EUPL-1.2 */
/* The counterpart's own commands: keys that never leave its machine, the request to enrol them, and
 * a look into the bundle that comes back. None of them needs a hub. */
#include "base/arena.h"
#include "base/assert.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/curve.h"
#include "cli/fingerprint.h"
#include "cli/new_dir.h"
#include "cli/pki.h"
#include "cli/print.h"
#include "proto/codec.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8u
#define BUNDLE_BYTES_MAX (256u << 10)
#define ARENA_BYTES ((size_t)8 << 20)

static json_t *done_result(void)
{
    json_t *result = json_object();
    kp_json_set(result, "code", json_integer(KP_OK));
    kp_json_set(result, "name", kp_json_text(kp_err_name(KP_OK)));
    return result;
}

/* A section of one row. */
static json_t *add_row(json_t *result, const char *section)
{
    json_t *rows = json_array();
    json_t *row = json_object();
    kp_json_set(result, section, rows);
    KP_ASSERT(json_array_append_new(rows, row) == 0);
    return row;
}

/* --- keygen --- */

static enum kp_err check_names(const struct kp_cli_args *args, struct kp_pki_subject *ret_subject,
                               struct kp_diag *reterr_diag)
{
    const char *oin = kp_cli_value(args, "oin");
    const char *serial = kp_cli_value(args, "serial");
    if ((oin == NULL) == (serial == NULL)) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "give --oin OIN for an organisation, or --serial ID for a user (one of the "
                       "two)");
    }
    if (oin != NULL) {
        enum kp_err err = kp_cli_oin_check(oin, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    *ret_subject = (struct kp_pki_subject){
        .common_name = kp_cli_value(args, "name"),
        .serial_number = oin != NULL ? oin : serial,
    };
    return KP_OK;
}

static enum kp_err fill_keys(const struct kp_new_dir *dir, enum kp_sign_algorithm algorithm,
                             const struct kp_pki_subject *subject, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    EVP_PKEY *key = NULL;
    X509_REQ *request = NULL;
    enum kp_err err = kp_pki_key_make(algorithm, &key, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_write_key(kp_new_dir_path(dir, "signing.key", path), key, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_request_make(key, subject, &request, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_write_request(kp_new_dir_path(dir, "signing.csr", path), request, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_curve_make(dir, "", reterr_diag);
    }
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return err;
}

static enum kp_err run_keygen(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const char *name = kp_cli_value(args, "algorithm");
    enum kp_sign_algorithm algorithm = KP_SIGN_NONE;
    struct kp_pki_subject subject;
    struct kp_new_dir dir;
    enum kp_err err = kp_pki_algorithm(name == NULL ? "ed25519" : name, &algorithm, reterr_diag);
    if (err == KP_OK) {
        err = check_names(args, &subject, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_new_dir_begin(&dir, args->arguments[0], 0700, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    err = fill_keys(&dir, algorithm, &subject, reterr_diag);
    if (err == KP_OK) {
        err = kp_new_dir_commit(&dir, reterr_diag);
    }
    if (err != KP_OK) {
        kp_new_dir_abort(&dir);
        return err;
    }
    json_t *result = done_result();
    json_t *row = add_row(result, "keys");
    kp_json_set(row, "directory", kp_json_text(dir.path));
    kp_json_set(row, "private", kp_json_text("signing.key, curve.secret: they stay here"));
    kp_json_set(row, "request", kp_json_text("signing.csr: for the CA"));
    kp_json_set(row, "public", kp_json_text("curve.public"));
    kp_json_set(row, "next",
                kp_json_text("let the CA make a certificate of signing.csr, then run "
                             "knooppunt request"));
    kp_print_result(result, args->json, stdout);
    json_decref(result);
    return KP_OK;
}

/* --- request --- */

/* What goes into an EnrolBody, gathered and checked against each other. */
struct enrolment {
    Knooppunt__V1__EnrolBody body;
    uint8_t certificate[KP_CERTIFICATE_BYTES_MAX];
    uint8_t chain_bytes[CHAIN_MAX][KP_CERTIFICATE_BYTES_MAX];
    ProtobufCBinaryData chain[CHAIN_MAX];
    uint8_t curve_public[KP_CURVE_BYTES];
};

static enum kp_err read_der(const char *path, X509 **certificates, size_t count_max,
                            size_t *ret_count, uint8_t (*ret_der)[KP_CERTIFICATE_BYTES_MAX],
                            size_t *ret_sizes, struct kp_diag *reterr_diag)
{
    size_t count = 0;
    enum kp_err err = kp_pki_read_certificates(path, certificates, count_max, &count, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        if (err == KP_OK) {
            err = kp_pki_der(certificates[i], ret_der[i], &ret_sizes[i], reterr_diag);
        }
        X509_free(certificates[i]);
    }
    *ret_count = count;
    return err;
}

static enum kp_err read_chain(const char *path, struct enrolment *enrolment,
                              struct kp_diag *reterr_diag)
{
    X509 *certificates[CHAIN_MAX];
    size_t sizes[CHAIN_MAX];
    size_t count = 0;
    if (path == NULL) {
        return KP_OK;
    }
    enum kp_err err =
        read_der(path, certificates, CHAIN_MAX, &count, enrolment->chain_bytes, sizes, reterr_diag);
    for (size_t i = 0; err == KP_OK && i < count; i++) {
        enrolment->chain[i].data = enrolment->chain_bytes[i];
        enrolment->chain[i].len = sizes[i];
    }
    enrolment->body.n_chain = err == KP_OK ? count : 0;
    enrolment->body.chain = enrolment->chain;
    return err;
}

static bool is_id(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= KP_ID_BYTES_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* The certificate must be of this key and of this counterpart: the hub would refuse it otherwise,
 * and here its owner can still do something about it. */
static enum kp_err check_certificate(const struct kp_certificate *certificate,
                                     const struct kp_signer *signer, const char *id,
                                     Knooppunt__V1__CounterpartKind kind, const char *key_file,
                                     struct kp_diag *reterr_diag)
{
    const char *serial = kp_certificate_serial_number(certificate);
    if (!kp_certificate_is_of(certificate, signer)) {
        return kp_fail(reterr_diag, KP_E_CERT_MISMATCH, "the certificate is not of the key %s",
                       key_file);
    }
    if (kind == KNOOPPUNT__V1__COUNTERPART_KIND__COUNTERPART_KIND_PARTNER) {
        struct kp_diag unused;
        if (kp_cli_oin_check(serial, &unused) != KP_OK) {
            return kp_fail(reterr_diag, KP_E_CERT_MISMATCH,
                           "the certificate's serialNumber is \"%s\", not an OIN of %u digits",
                           serial, KP_OIN_DIGITS);
        }
    } else if (strcmp(serial, id) != 0) {
        return kp_fail(reterr_diag, KP_E_CERT_MISMATCH,
                       "the certificate's serialNumber is \"%s\", not the user's id \"%s\"", serial,
                       id);
    }
    if (kp_certificate_not_after(certificate).ms < kp_wall_now().ms) {
        return kp_fail(reterr_diag, KP_E_CERT_EXPIRED, "the certificate has expired");
    }
    return KP_OK;
}

static enum kp_err read_names(const struct kp_cli_args *args, struct enrolment *enrolment,
                              struct kp_diag *reterr_diag)
{
    const char *kind = kp_cli_value(args, "kind");
    const char *id = kp_cli_value(args, "as");
    const char *house_oin = kp_cli_value(args, "house-oin");
    Knooppunt__V1__EnrolBody *body = &enrolment->body;
    if (strcmp(kind, "partner") == 0) {
        body->kind = KNOOPPUNT__V1__COUNTERPART_KIND__COUNTERPART_KIND_PARTNER;
    } else if (strcmp(kind, "user") == 0) {
        body->kind = KNOOPPUNT__V1__COUNTERPART_KIND__COUNTERPART_KIND_USER;
    } else {
        return kp_fail_field(reterr_diag, KP_E_USAGE, "kind", "\"%s\" is not partner or user",
                             kind);
    }
    if (!is_id(id)) {
        return kp_fail_field(reterr_diag, KP_E_USAGE, "as",
                             "\"%s\" is not an id (a-z, 0-9 and -, at most %u)", id,
                             KP_ID_BYTES_MAX);
    }
    enum kp_err err = kp_cli_oin_check(house_oin, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    body->has_kind = true;
    body->counterpart = (char *)(uintptr_t)id;
    body->house_oin = (char *)(uintptr_t)house_oin;
    body->has_made_at_ms = true;
    body->made_at_ms = kp_wall_now().ms;
    return KP_OK;
}

static enum kp_err read_files(const struct kp_cli_args *args, struct enrolment *enrolment,
                              struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    X509 *x509;
    size_t count = 0;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/curve.public", args->arguments[0]); /* a cut one fails */
    enum kp_err err = kp_curve_read_public(path, enrolment->curve_public, reterr_diag);
    if (err == KP_OK) {
        err = read_der(kp_cli_value(args, "cert"), &x509, 1, &count, &enrolment->certificate, &size,
                       reterr_diag);
    }
    if (err == KP_OK) {
        err = read_chain(kp_cli_value(args, "chain"), enrolment, reterr_diag);
    }
    enrolment->body.has_curve_public = true;
    enrolment->body.curve_public =
        (ProtobufCBinaryData){.data = enrolment->curve_public, .len = KP_CURVE_BYTES};
    enrolment->body.has_certificate = true;
    enrolment->body.certificate =
        (ProtobufCBinaryData){.data = enrolment->certificate, .len = size};
    return err;
}

static enum kp_err sign_request(struct kp_signer *signer, const Knooppunt__V1__EnrolBody *body,
                                struct kp_arena *arena, struct kp_slice *ret_request,
                                struct kp_diag *reterr_diag)
{
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    size_t signature_size = 0;
    struct kp_slice encoded = kp_codec_pack(arena, &body->base);
    KP_ASSERT(kp_arena_ok(arena));
    enum kp_err err =
        kp_sign(signer, KP_LABEL_ENROL, encoded, signature, &signature_size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    Knooppunt__V1__EnrolRequest request = KNOOPPUNT__V1__ENROL_REQUEST__INIT;
    request.has_body = true;
    request.body.data = (uint8_t *)(uintptr_t)encoded.bytes;
    request.body.len = encoded.size;
    request.has_algorithm = true;
    request.algorithm = (Knooppunt__V1__SignatureAlgorithm)kp_signer_algorithm(signer);
    request.has_signature = true;
    request.signature.data = signature;
    request.signature.len = signature_size;
    *ret_request = kp_codec_pack(arena, &request.base);
    KP_ASSERT(kp_arena_ok(arena));
    return KP_OK;
}

static void print_request(const struct kp_cli_args *args, const struct enrolment *enrolment,
                          struct kp_slice request)
{
    char fingerprint[KP_FINGERPRINT_TEXT_SIZE];
    kp_fingerprint(request, fingerprint);
    json_t *result = done_result();
    json_t *row = add_row(result, "request");
    kp_json_set(row, "file", kp_json_text(kp_cli_value(args, "out")));
    kp_json_set(row, "counterpart", kp_json_text(enrolment->body.counterpart));
    kp_json_set(row, "house_oin", kp_json_text(enrolment->body.house_oin));
    kp_json_set(row, "transport_key",
                kp_json_hex(kp_slice_of(enrolment->curve_public, KP_CURVE_BYTES)));
    kp_json_set(row, "fingerprint", kp_json_text(fingerprint));
    kp_json_set(row, "next",
                kp_json_text("send the file to the house's operator, and read him the "
                             "fingerprint by telephone"));
    kp_print_result(result, args->json, stdout);
    json_decref(result);
}

static enum kp_err make_request(const struct kp_cli_args *args, struct enrolment *enrolment,
                                struct kp_signer *signer, const char *key_file,
                                struct kp_diag *reterr_diag)
{
    struct kp_certificate *certificate = NULL;
    struct kp_slice der =
        kp_slice_of(enrolment->body.certificate.data, enrolment->body.certificate.len);
    enum kp_err err = kp_certificate_parse(der, &certificate, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = check_certificate(certificate, signer, enrolment->body.counterpart, enrolment->body.kind,
                            key_file, reterr_diag);
    (void)kp_certificate_free(certificate);
    if (err != KP_OK) {
        return err;
    }
    struct kp_arena arena;
    struct kp_slice request;
    kp_arena_init(&arena, ARENA_BYTES);
    err = sign_request(signer, &enrolment->body, &arena, &request, reterr_diag);
    if (err == KP_OK) {
        err = kp_file_write(kp_cli_value(args, "out"), request, 0644, reterr_diag);
    }
    if (err == KP_OK) {
        print_request(args, enrolment, request);
    }
    kp_arena_done(&arena);
    return err;
}

static enum kp_err run_request(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    char key_file[PATH_MAX];
    struct kp_signer *signer = NULL;
    struct enrolment *enrolment = calloc(1, sizeof *enrolment);
    KP_ASSERT(enrolment != NULL);
    knooppunt__v1__enrol_body__init(&enrolment->body);
    enum kp_err err = read_names(args, enrolment, reterr_diag);
    if (err == KP_OK) {
        err = read_files(args, enrolment, reterr_diag);
    }
    if (err == KP_OK) {
        (void)snprintf(key_file, sizeof key_file, "%s/signing.key", args->arguments[0]);
        err = kp_signer_load(key_file, &signer, reterr_diag);
    }
    if (err == KP_OK) {
        err = make_request(args, enrolment, signer, key_file, reterr_diag);
    }
    (void)kp_signer_free(signer);
    free(enrolment);
    return err;
}

/* --- bundle show --- */

static json_t *bundle_row(const Knooppunt__V1__BundleBody *body,
                          const struct kp_certificate *certificate)
{
    char fingerprint[KP_FINGERPRINT_TEXT_SIZE];
    json_t *row = json_object();
    kp_fingerprint(kp_certificate_der(certificate), fingerprint);
    kp_json_set(row, "house", kp_json_text(body->house == NULL ? "" : body->house));
    kp_json_set(row, "house_oin", kp_json_text(body->house_oin == NULL ? "" : body->house_oin));
    kp_json_set(row, "counterpart",
                kp_json_text(body->counterpart == NULL ? "" : body->counterpart));
    if (body->role != NULL) {
        kp_json_set(row, "role", kp_json_text(body->role));
    }
    kp_json_set(row, "endpoint", kp_json_text(body->endpoint == NULL ? "" : body->endpoint));
    kp_json_set(row, "test_mode", json_boolean(body->test_mode));
    kp_json_set(row, "hub_transport_key",
                kp_json_hex(kp_slice_of(body->hub_curve_public.data, body->hub_curve_public.len)));
    kp_json_set(row, "hub_certificate_serial_number",
                kp_json_text(kp_certificate_serial_number(certificate)));
    kp_json_set(row, "hub_certificate_not_after_ms",
                json_integer(kp_certificate_not_after(certificate).ms));
    kp_json_set(row, "hub_certificate_fingerprint", kp_json_text(fingerprint));
    return row;
}

static void print_bundle(const Knooppunt__V1__BundleBody *body,
                         const struct kp_certificate *certificate, bool json)
{
    json_t *result = done_result();
    json_t *rows = json_array();
    kp_json_set(result, "bundle", rows);
    KP_ASSERT(json_array_append_new(rows, bundle_row(body, certificate)) == 0);
    json_t *anchors = json_array();
    kp_json_set(result, "anchors", anchors);
    for (size_t i = 0; i < body->n_anchors; i++) {
        char fingerprint[KP_FINGERPRINT_TEXT_SIZE];
        json_t *row = json_object();
        kp_fingerprint(kp_slice_of(body->anchors[i].data, body->anchors[i].len), fingerprint);
        kp_json_set(row, "fingerprint", kp_json_text(fingerprint));
        KP_ASSERT(json_array_append_new(anchors, row) == 0);
    }
    kp_print_result(result, json, stdout);
    if (!json) {
        (void)puts("\nThe signature is by the hub certificate inside. Whoever forges a bundle "
                   "forges that too:\ncompare a fingerprint with the house by telephone.");
    }
    json_decref(result);
}

static enum kp_err open_bundle(struct kp_slice bytes, struct kp_arena *arena, bool json,
                               struct kp_diag *reterr_diag)
{
    ProtobufCMessage *message = NULL;
    enum kp_err err = kp_codec_open_tolerant(&knooppunt__v1__bundle__descriptor, &kp_gate_frame,
                                             bytes, arena, &message, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    const Knooppunt__V1__Bundle *bundle = (const Knooppunt__V1__Bundle *)message;
    struct kp_slice encoded = kp_slice_of(bundle->body.data, bundle->body.len);
    err = kp_codec_open_tolerant(&knooppunt__v1__bundle_body__descriptor, &kp_gate_frame, encoded,
                                 arena, &message, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    const Knooppunt__V1__BundleBody *body = (const Knooppunt__V1__BundleBody *)message;
    struct kp_certificate *certificate = NULL;
    err = kp_certificate_parse(kp_slice_of(body->hub_certificate.data, body->hub_certificate.len),
                               &certificate, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err =
        kp_verify(certificate, (enum kp_sign_algorithm)bundle->algorithm, KP_LABEL_BUNDLE, encoded,
                  kp_slice_of(bundle->signature.data, bundle->signature.len), reterr_diag);
    if (err == KP_OK && (body->house_oin == NULL ||
                         strcmp(body->house_oin, kp_certificate_serial_number(certificate)) != 0)) {
        err = kp_fail(reterr_diag, KP_E_CERT_MISMATCH,
                      "the hub's certificate is of \"%s\", the bundle of house \"%s\"",
                      kp_certificate_serial_number(certificate),
                      body->house_oin == NULL ? "" : body->house_oin);
    }
    if (err == KP_OK) {
        print_bundle(body, certificate, json);
    }
    (void)kp_certificate_free(certificate);
    return err;
}

static enum kp_err run_bundle_show(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err =
        kp_file_read(args->arguments[0], BUNDLE_BYTES_MAX, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_arena arena;
    kp_arena_init(&arena, ARENA_BYTES);
    err = open_bundle(kp_slice_of(bytes, size), &arena, args->json, reterr_diag);
    kp_arena_done(&arena);
    free(bytes);
    return err;
}

static const struct kp_cli_option keygen_options[] = {
    {"oin", "OIN", false, "number of the organisation, for a partner: 20 digits"},
    {"serial", "ID", false, "id in the house's configuration, for a user"},
    {"name", "NAME", true, "name in the certificate"},
    {"algorithm", "A", false, "ed25519 (default), ecdsa-p256 or rsa-pss"},
    {0},
};
static const struct kp_cli_option request_options[] = {
    {"house-oin", "OIN", true, "the house to enrol with"},
    {"as", "ID", true, "id in the house's configuration"},
    {"kind", "KIND", true, "partner or user"},
    {"cert", "FILE", true, "certificate of signing.key (PEM)"},
    {"chain", "FILE", false, "intermediate certificates (PEM)"},
    {"out", "FILE", true, "where the request goes"},
    {0},
};

const struct kp_cli_command kp_cli_identity_commands[] = {
    {"keygen", "DIR", 1, 1, keygen_options,
     "make a counterpart's private keys and a certificate request", run_keygen, NULL},
    {"request", "DIR", 1, 1, request_options, "make the signed request to enrol the keys in DIR",
     run_request, NULL},
    {"bundle show", "FILE", 1, 1, NULL, "check a bundle's signature and show what is in it",
     run_bundle_show, NULL},
    {0},
};
