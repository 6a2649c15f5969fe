/* SPDX-License-Identifier: EUPL-1.2 */
/* A certificate authority for demonstrations: it certifies whoever asks. */
#include "cli/demo_ca.h"

#include "cli/cli.h"
#include "cli/fingerprint.h"
#include "cli/print.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CA_NAME "DEMO CA Knooppunt, not for production"
#define CA_DAYS 3650L
#define CERTIFICATE_DAYS 365L
#define DAYS_MAX 3650L

enum kp_err kp_demo_ca_make(const struct kp_new_dir *dir, struct kp_pki_ca *ret_ca,
                            struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    struct kp_pki_ca ca;
    X509_CRL *crl = NULL;
    enum kp_err err = kp_new_dir_make(dir, KP_DEMO_CA_DIR, 0700, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_ca_make(CA_NAME, CA_DAYS, &ca, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    err = kp_pki_write_key(kp_new_dir_path(dir, KP_DEMO_CA_DIR "/DEMO-ca.key", path), ca.key,
                           reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_write_certificate(kp_new_dir_path(dir, KP_DEMO_CA_DIR "/DEMO-ca.pem", path),
                                       ca.certificate, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_write_certificate(kp_new_dir_path(dir, "trust/anchors.pem", path),
                                       ca.certificate, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_crl_make(&ca, NULL, NULL, KP_DEMO_CRL_DAYS, &crl, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_write_crl(kp_new_dir_path(dir, "trust/crl.pem", path), crl, reterr_diag);
    }
    X509_CRL_free(crl);
    if (err != KP_OK) {
        kp_pki_ca_done(&ca);
        return err;
    }
    *ret_ca = ca;
    return KP_OK;
}

static enum kp_err open_ca(const char *house, struct kp_pki_ca *ret_ca, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    struct kp_pki_ca ca = {0};
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/" KP_DEMO_CA_DIR "/DEMO-ca.key", house); /* cut: fails */
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "%s has no demonstration CA (no %s): `knooppunt house init DIR --demo-ca` "
                       "makes a house with one; otherwise your own CA certifies",
                       house, path);
    }
    enum kp_err err = kp_pki_read_key(path, &ca.key, reterr_diag);
    if (err == KP_OK) {
        (void)snprintf(path, sizeof path, "%s/" KP_DEMO_CA_DIR "/DEMO-ca.pem", house);
        err = kp_pki_read_certificates(path, &ca.certificate, 1, &count, reterr_diag);
    }
    if (err != KP_OK) {
        kp_pki_ca_done(&ca);
        return err;
    }
    *ret_ca = ca;
    return KP_OK;
}

static void print_certificate(X509 *certificate, const char *file, bool json)
{
    uint8_t der[KP_CERTIFICATE_BYTES_MAX];
    char fingerprint[KP_FINGERPRINT_TEXT_SIZE] = "";
    size_t size = 0;
    if (kp_pki_der(certificate, der, &size, NULL) == KP_OK) {
        kp_fingerprint(kp_slice_of(der, size), fingerprint);
    }
    json_t *result = json_object();
    json_t *rows = json_array();
    json_t *row = json_object();
    kp_json_set(result, "code", json_integer(KP_OK));
    kp_json_set(result, "name", kp_json_text(kp_err_name(KP_OK)));
    kp_json_set(row, "file", kp_json_text(file));
    kp_json_set(row, "fingerprint", kp_json_text(fingerprint));
    (void)json_array_append_new(rows, row); /* the row is not NULL */
    kp_json_set(result, "certificate", rows);
    kp_print_result(result, json, stdout);
    json_decref(result);
}

/* The hub would refuse a key that is not allowed: so does the CA, earlier. */
static enum kp_err check_made(X509 *certificate, struct kp_diag *reterr_diag)
{
    uint8_t der[KP_CERTIFICATE_BYTES_MAX];
    size_t size = 0;
    struct kp_certificate *parsed = NULL;
    enum kp_err err = kp_pki_der(certificate, der, &size, reterr_diag);
    if (err == KP_OK) {
        err = kp_certificate_parse(kp_slice_of(der, size), &parsed, reterr_diag);
    }
    (void)kp_certificate_free(parsed);
    return err;
}

static enum kp_err run_sign(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const char *days_text = kp_cli_value(args, "days");
    const char *out = kp_cli_value(args, "out");
    long days = CERTIFICATE_DAYS;
    struct kp_pki_ca ca = {0};
    X509_REQ *request = NULL;
    X509 *certificate = NULL;
    enum kp_err err = KP_OK;
    if (days_text != NULL) {
        err = kp_cli_number("days", days_text, 1, DAYS_MAX, &days, reterr_diag);
    }
    if (err == KP_OK) {
        err = open_ca(args->arguments[0], &ca, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_read_request(args->arguments[1], &request, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_certify(&ca, request, days, &certificate, reterr_diag);
    }
    if (err == KP_OK) {
        err = check_made(certificate, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_write_certificate(out, certificate, reterr_diag);
    }
    if (err == KP_OK) {
        print_certificate(certificate, out, args->json);
    }
    X509_free(certificate);
    X509_REQ_free(request);
    kp_pki_ca_done(&ca);
    return err;
}

/* The new list over the old one: whole or not at all, so that the hub never reads half of it. */
static enum kp_err renew(const char *house, const struct kp_pki_ca *ca, X509 *revoked,
                         struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    X509_CRL *previous = NULL;
    X509_CRL *next = NULL;
    (void)snprintf(path, sizeof path, "%s/trust/crl.pem", house); /* a cut one is not found */
    enum kp_err err = kp_pki_read_crl(path, &previous, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_crl_make(ca, previous, revoked, KP_DEMO_CRL_DAYS, &next, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_write_crl(path, next, reterr_diag);
    }
    X509_CRL_free(previous);
    X509_CRL_free(next);
    return err;
}

static enum kp_err run_revoke(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_pki_ca ca = {0};
    X509 *certificate = NULL;
    size_t count = 0;
    enum kp_err err = open_ca(args->arguments[0], &ca, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_read_certificates(args->arguments[1], &certificate, 1, &count, reterr_diag);
    }
    if (err == KP_OK && X509_verify(certificate, X509_get0_pubkey(ca.certificate)) != 1) {
        err = kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED, "%s was not made by this demo CA",
                      args->arguments[1]);
    }
    if (err == KP_OK && kp_cli_value(args, "yes") == NULL) {
        print_certificate(certificate, args->arguments[1], args->json);
        err = kp_fail(reterr_diag, KP_E_STATE,
                      "nothing was done; a revoked certificate never works again. Give --yes to "
                      "revoke it");
    }
    if (err == KP_OK) {
        err = renew(args->arguments[0], &ca, certificate, reterr_diag);
    }
    if (err == KP_OK) {
        print_certificate(certificate, args->arguments[1], args->json);
    }
    X509_free(certificate);
    kp_pki_ca_done(&ca);
    return err;
}

static enum kp_err run_renew(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct kp_pki_ca ca = {0};
    enum kp_err err = open_ca(args->arguments[0], &ca, reterr_diag);
    if (err == KP_OK) {
        err = renew(args->arguments[0], &ca, NULL, reterr_diag);
    }
    if (err == KP_OK) {
        print_certificate(ca.certificate, "trust/crl.pem is good for a year again", args->json);
    }
    kp_pki_ca_done(&ca);
    return err;
}

static const struct kp_cli_option sign_options[] = {
    {"out", "CERT", true, "where the certificate goes (PEM)"},
    {"days", "N", false, "how long it is valid (365)"},
    {0},
};
static const struct kp_cli_option revoke_options[] = {
    {"yes", NULL, false, "do it; without this the certificate is only shown"},
    {0},
};

const struct kp_cli_command kp_cli_demo_ca_commands[] = {
    {"demo-ca sign", "HOUSE_DIR CSR", 2, 2, sign_options,
     "certify a request with the house's demonstration CA", run_sign, NULL},
    {"demo-ca revoke", "HOUSE_DIR CERT", 2, 2, revoke_options,
     "put a certificate on the demonstration CA's revocation list", run_revoke, NULL},
    {"demo-ca renew", "HOUSE_DIR", 1, 1, NULL,
     "make the demonstration CA's revocation list anew, before it goes stale", run_renew, NULL},
    {0},
};
