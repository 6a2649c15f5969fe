/* SPDX-License-Identifier: EUPL-1.2 */
/* `knooppunt house init`: everything a hub needs before its first start, in one new directory. */
#include "config/house.h"
#include "base/assert.h"
#include "base/crypto.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/curve.h"
#include "cli/demo_ca.h"
#include "cli/new_dir.h"
#include "cli/print.h"
#include "cli/yaml_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMPLATE_INSTALLED "/usr/share/knooppunt/voorbeeldstad"
#define EXAMPLE_HEADING "# Veiligheidshuis Voorbeeldstad: the example house."
#define TEMPLATE_BESIDE "config/voorbeeldstad"
#define HUB_CERTIFICATE_DAYS 3650L

struct init {
    struct kp_new_dir dir;
    bool production, demo_ca;
    const char *oin;               /* NULL: the template's */
    const char *ports;             /* NULL: the template's */
    struct kp_house_config *house; /* NULL: must be completed by hand first (production) */
    struct kp_config_report report;
};

/* --- house.yaml --- */

/* @text is replaced by its edited form. */
static enum kp_err edit(char **text, const char *section, const char *name, const char *value,
                        struct kp_diag *reterr_diag)
{
    const struct kp_yaml_edit change = {.section = section, .name = name, .value = value};
    char *edited = NULL;
    enum kp_err err = kp_yaml_edit(*text, &change, &edited, reterr_diag);
    if (err == KP_OK) {
        free(*text);
        *text = edited;
    }
    return err;
}

static enum kp_err edit_ports(char **text, const char *ports, struct kp_diag *reterr_diag)
{
    char first_text[16];
    const char *dash = strchr(ports, '-');
    size_t size = dash == NULL ? 0 : (size_t)(dash - ports);
    if (size == 0 || size >= sizeof first_text) {
        return kp_fail_field(reterr_diag, KP_E_USAGE, "ports", "\"%s\" is not FIRST-LAST", ports);
    }
    memcpy(first_text, ports, size);
    first_text[size] = '\0';
    long first = 0;
    long last = 0;
    enum kp_err err = kp_cli_number("ports", first_text, 1024, 65535, &first, reterr_diag);
    if (err == KP_OK) {
        err = kp_cli_number("ports", dash + 1, first, 65535, &last, reterr_diag);
    }
    if (err == KP_OK) {
        err = edit(text, "hub", "port_first", first_text, reterr_diag);
    }
    return err == KP_OK ? edit(text, "hub", "port_last", dash + 1, reterr_diag) : err;
}

static enum kp_err edit_all(const struct init *init, char **text, struct kp_diag *reterr_diag)
{
    enum kp_err err =
        edit(text, "house", "mode", init->production ? "production" : "test", reterr_diag);
    if (err == KP_OK) {
        err = edit(text, "hub", "demo_ca", init->demo_ca ? KP_DEMO_CA_DIR : NULL, reterr_diag);
    }
    if (err == KP_OK && init->oin != NULL) {
        err = edit(text, "house", "oin", init->oin, reterr_diag);
    }
    if (err == KP_OK && init->ports != NULL) {
        err = edit_ports(text, init->ports, reterr_diag);
    }
    return err;
}

/* What the example says of itself is not true of a production house. */
static enum kp_err edit_heading(char **text, struct kp_diag *reterr_diag)
{
    static const char instead[] = "# A production house, made from the example: replace what is "
                                  "the example's (`knooppunt config check` names it).\n";
    const char *at = strstr(*text, EXAMPLE_HEADING);
    const char *end = at == NULL ? NULL : strchr(at, '\n');
    if (end == NULL) {
        return KP_OK; /* another template */
    }
    size_t size = strlen(*text) + sizeof instead;
    char *edited = malloc(size);
    if (edited == NULL) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "no memory for %zu bytes", size);
    }
    (void)snprintf(edited, size, "%.*s%s%s", (int)(at - *text), *text, instead, end + 1);
    free(*text);
    *text = edited;
    return KP_OK;
}

/* The new configuration must read well, but that a production house still has the example's
 * partners: those the operator replaces. */
static enum kp_err check_house(struct init *init, const char *text, struct kp_diag *reterr_diag)
{
    enum kp_err err =
        kp_house_parse("house.yaml", "/", kp_slice_str(text), &init->house, &init->report);
    if (err == KP_OK || (err == KP_E_TEST_MODE && init->production)) {
        return KP_OK;
    }
    return kp_fail(reterr_diag, KP_E_CONFIG, "%s",
                   init->report.message_count == 0 ? "the configuration is not valid"
                                                   : init->report.messages[0].text);
}

static enum kp_err make_house_yaml(struct init *init, const char *from, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t size = 0;
    if (from == NULL) {
        from = access(TEMPLATE_INSTALLED "/house.yaml", R_OK) == 0 ? TEMPLATE_INSTALLED
                                                                   : TEMPLATE_BESIDE;
    }
    (void)snprintf(path, sizeof path, "%s/house.yaml", from); /* a cut one is not found */
    enum kp_err err = kp_file_read(path, KP_CONFIG_FILE_BYTES_MAX, &text, &size, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                       "there is no template %s: give its directory with --from", path);
    }
    if (err == KP_OK && strlen(text) != size) {
        err = kp_fail(reterr_diag, KP_E_CONFIG, "%s is not a text", path);
    }
    if (err == KP_OK) {
        err = edit_all(init, &text, reterr_diag);
    }
    if (err == KP_OK && init->production) {
        err = edit_heading(&text, reterr_diag);
    }
    if (err == KP_OK) {
        err = check_house(init, text, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_new_dir_write(&init->dir, "house.yaml", kp_slice_str(text), 0644, reterr_diag);
    }
    free(text);
    return err;
}

/* --- keys --- */

static enum kp_err make_secret(const struct kp_new_dir *dir, const char *name,
                               struct kp_diag *reterr_diag)
{
    struct kp_secret secret;
    kp_random(secret.bytes, sizeof secret.bytes);
    enum kp_err err = kp_new_dir_write(dir, name, kp_slice_of(secret.bytes, sizeof secret.bytes),
                                       0400, reterr_diag);
    kp_secret_done(&secret);
    return err;
}

/* The hub's own certificate: by the demo CA at once, else by whom the house trusts, later. */
static enum kp_err certify_hub(const struct init *init, X509_REQ *request,
                               struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    struct kp_pki_ca ca = {0};
    X509 *certificate = NULL;
    if (!init->demo_ca) {
        return kp_pki_write_request(kp_new_dir_path(&init->dir, "keys/signing.csr", path), request,
                                    reterr_diag);
    }
    enum kp_err err = kp_demo_ca_make(&init->dir, &ca, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_certify(&ca, request, HUB_CERTIFICATE_DAYS, &certificate, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_write_certificate(kp_new_dir_path(&init->dir, "keys/signing.pem", path),
                                       certificate, reterr_diag);
    }
    X509_free(certificate);
    kp_pki_ca_done(&ca);
    return err;
}

static enum kp_err make_signing_key(const struct init *init, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    const char *oin = init->house == NULL ? init->oin : init->house->house.oin;
    const struct kp_pki_subject subject = {
        .common_name = init->demo_ca ? "DEMO hub, not for production" : "Knooppunt hub",
        .serial_number = oin,
    };
    EVP_PKEY *key = NULL;
    X509_REQ *request = NULL;
    enum kp_err err = kp_pki_key_make(KP_SIGN_ED25519, &key, reterr_diag);
    if (err == KP_OK) {
        err = kp_pki_write_key(kp_new_dir_path(&init->dir, "keys/signing.key", path), key,
                               reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_pki_request_make(key, &subject, &request, reterr_diag);
    }
    if (err == KP_OK) {
        err = certify_hub(init, request, reterr_diag);
    }
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return err;
}

static enum kp_err make_keys(const struct init *init, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_new_dir_make(&init->dir, "keys", 0700, reterr_diag);
    if (err == KP_OK) {
        err = kp_new_dir_make(&init->dir, "trust", 0755, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_new_dir_make(&init->dir, "run", 0750, reterr_diag);
    }
    if (err == KP_OK) {
        err = make_secret(&init->dir, "keys/master.key", reterr_diag);
    }
    if (err == KP_OK) {
        err = make_secret(&init->dir, "keys/index.key", reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_curve_make(&init->dir, "keys/", reterr_diag);
    }
    return err == KP_OK ? make_signing_key(init, reterr_diag) : err;
}

/* --- the command --- */

static void add_step(json_t *steps, const char *text)
{
    json_t *row = json_object();
    kp_json_set(row, "step", kp_json_text(text));
    KP_ASSERT(json_array_append_new(steps, row) == 0);
}

static void print_done(const struct init *init, bool json)
{
    json_t *result = json_object();
    json_t *rows = json_array();
    json_t *row = json_object();
    json_t *steps = json_array();
    kp_json_set(result, "code", json_integer(KP_OK));
    kp_json_set(result, "name", kp_json_text(kp_err_name(KP_OK)));
    kp_json_set(result, "house", rows);
    KP_ASSERT(json_array_append_new(rows, row) == 0);
    kp_json_set(row, "directory", kp_json_text(init->dir.path));
    kp_json_set(row, "house",
                kp_json_text(init->house == NULL ? "to be completed" : init->house->house.id));
    kp_json_set(row, "oin", kp_json_text(init->house == NULL ? init->oin : init->house->house.oin));
    kp_json_set(row, "test_mode", json_boolean(!init->production));
    kp_json_set(row, "demo_ca", json_boolean(init->demo_ca));
    for (uint32_t i = 0; i < init->report.message_count; i++) {
        add_step(steps, init->report.messages[i].text);
    }
    if (!init->demo_ca) {
        add_step(steps, "let your CA make a certificate of keys/signing.csr; put it at "
                        "keys/signing.pem");
        add_step(steps, "put the CA certificates that you trust into trust/anchors.pem, their "
                        "revocation lists into trust/crl.pem");
    }
    add_step(steps, "keep a copy of keys/ apart from every backup of the data: without it a backup "
                    "cannot be read");
    if (!init->demo_ca) {
        add_step(steps, "let `knooppunt config check --start` look whether anything is missing");
    }
    add_step(steps, "start the hub: knooppunt-hub with this directory's house.yaml");
    kp_json_set(result, "next", steps);
    kp_print_result(result, json, stdout);
    json_decref(result);
}

static enum kp_err check_options(const struct kp_cli_args *args, struct init *ret_init,
                                 struct kp_diag *reterr_diag)
{
    struct init *init = ret_init;
    init->production = kp_cli_value(args, "production") != NULL;
    init->demo_ca = kp_cli_value(args, "demo-ca") != NULL;
    init->oin = kp_cli_value(args, "oin");
    init->ports = kp_cli_value(args, "ports");
    if (init->production && (init->demo_ca || kp_cli_value(args, "example") != NULL)) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "--production goes with neither --example nor --demo-ca: a production house "
                       "trusts no demonstration");
    }
    if (init->production && init->oin == NULL) {
        return kp_fail(reterr_diag, KP_E_USAGE, "--production needs --oin, the house's own number");
    }
    return init->oin == NULL ? KP_OK : kp_cli_oin_check(init->oin, reterr_diag);
}

static enum kp_err make_house(struct init *init, const char *from, struct kp_diag *reterr_diag)
{
    enum kp_err err = make_house_yaml(init, from, reterr_diag);
    if (err == KP_OK) {
        err = make_keys(init, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_new_dir_commit(&init->dir, reterr_diag);
    }
    return err;
}

static enum kp_err run_init(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct init *init = calloc(1, sizeof *init);
    KP_ASSERT(init != NULL);
    enum kp_err err = check_options(args, init, reterr_diag);
    if (err == KP_OK) {
        err = kp_new_dir_begin(&init->dir, args->arguments[0], 0750, reterr_diag);
    }
    if (err != KP_OK) {
        free(init);
        return err;
    }
    kp_config_report_init(&init->report);
    err = make_house(init, kp_cli_value(args, "from"), reterr_diag);
    if (err == KP_OK) {
        print_done(init, args->json);
    } else {
        kp_new_dir_abort(&init->dir);
    }
    (void)kp_house_config_free(init->house);
    kp_config_report_done(&init->report);
    free(init);
    return err;
}

static const struct kp_cli_option init_options[] = {
    {"example", NULL, false, "the example house, in test mode (the default)"},
    {"demo-ca", NULL, false, "make a demonstration CA too, and the hub's certificate by it"},
    {"production", NULL, false, "a production house: no test mode, no demonstration CA"},
    {"oin", "OIN", false, "the house's own number, 20 digits"},
    {"ports", "FIRST-LAST", false, "TCP ports of the doors"},
    {"from", "DIR", false, "where the template house.yaml stands (" TEMPLATE_INSTALLED ")"},
    {0},
};

const struct kp_cli_command kp_cli_house_commands[] = {
    {"house init", "DIR", 1, 1, init_options, "make a house: configuration, keys, trust", run_init,
     NULL},
    {0},
};
