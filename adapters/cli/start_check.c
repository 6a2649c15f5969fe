/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/start_check.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/pem.h"
#include "base/sign.h"
#include "base/time.h"
#include "cli/pki.h"
#include "cli/print.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES (KP_FILE_PATH_BYTES_MAX + 32)
#define CURVE_FILE_BYTES_MAX 64u
#define CERTIFICATE_ARENA_BYTES 65536

static void add(json_t *messages, const char *what, const struct kp_diag *diag)
{
    char text[sizeof diag->text + 64];
    json_t *row = json_object();
    (void)snprintf(text, sizeof text, "%s%s [%s]", what, diag->text, kp_err_name(diag->err));
    kp_json_set(row, "text", kp_json_text(text));
    KP_ASSERT(json_array_append_new(messages, row) == 0);
}

static const char *path_of(const char *keys, const char *name, char ret_path[PATH_BYTES])
{
    (void)snprintf(ret_path, PATH_BYTES, "%s/%s", keys, name); /* a cut one is not found */
    return ret_path;
}

static void check_secrets(const char *keys, json_t *messages)
{
    static const char *const names[] = {"master.key", "index.key"};
    char path[PATH_BYTES];
    struct kp_diag diag;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct kp_secret secret = {{0}};
        if (kp_file_read_secret(path_of(keys, names[i], path), &secret, &diag) != KP_OK) {
            add(messages, "", &diag);
        }
        kp_secret_done(&secret);
    }
    char *bytes = NULL;
    size_t size = 0;
    if (kp_file_read_private(path_of(keys, "curve.secret", path), CURVE_FILE_BYTES_MAX, &bytes,
                             &size, &diag) != KP_OK) {
        add(messages, "", &diag);
    }
    kp_file_clear(bytes, size);
}

static enum kp_err read_certificate(const char *path, struct kp_certificate **ret_certificate,
                                    struct kp_diag *reterr_diag)
{
    struct kp_arena arena;
    struct kp_slice der;
    uint32_t count = 0;
    kp_arena_init(&arena, CERTIFICATE_ARENA_BYTES);
    enum kp_err err = kp_pem_certificates(path, &arena, &der, 1, &count, reterr_diag);
    if (err == KP_OK) {
        err = kp_certificate_parse(der, ret_certificate, reterr_diag);
    }
    kp_arena_done(&arena);
    return err;
}

/* What receipts and bundles are signed with. */
static void check_signing(const char *keys, const char *oin, json_t *messages)
{
    char path[PATH_BYTES];
    struct kp_diag diag;
    struct kp_signer *signer = NULL;
    struct kp_certificate *certificate = NULL;
    if (kp_signer_load(path_of(keys, "signing.key", path), &signer, &diag) != KP_OK) {
        add(messages, "", &diag);
    }
    if (read_certificate(path_of(keys, "signing.pem", path), &certificate, &diag) != KP_OK) {
        add(messages, "the hub's certificate, made by your CA of signing.csr: ", &diag);
    }
    if (signer != NULL && certificate != NULL && !kp_certificate_is_of(certificate, signer)) {
        (void)kp_fail(&diag, KP_E_KEY_FILE, "%s is not the certificate of signing.key", path);
        add(messages, "", &diag);
    }
    struct kp_wall now = kp_wall_now();
    if (certificate != NULL && (kp_certificate_not_after(certificate).ms < now.ms ||
                                kp_certificate_not_before(certificate).ms > now.ms)) {
        (void)kp_fail(&diag, KP_E_CERT_EXPIRED,
                      "%s has expired or is not valid yet: no partner would believe a receipt",
                      path);
        add(messages, "", &diag);
    }
    if (certificate != NULL && strcmp(kp_certificate_serial_number(certificate), oin) != 0) {
        (void)kp_fail(&diag, KP_E_CERT_MISMATCH, "%s is of OIN \"%s\", the house has %s", path,
                      kp_certificate_serial_number(certificate), oin);
        add(messages, "", &diag);
    }
    (void)kp_certificate_free(certificate);
    (void)kp_signer_free(signer);
}

static void check_trust(const struct kp_hub_options *hub, json_t *messages)
{
    const struct kp_trust_options options = {.anchors_file = hub->anchors_file,
                                             .crl_file = hub->crl_file};
    struct kp_trust *trust = NULL;
    struct kp_diag diag;
    enum kp_err err = kp_trust_open(&options, &trust, &diag);
    if (err == KP_OK) {
        err = kp_pki_check_crls(hub->crl_file, &diag);
    }
    if (err != KP_OK) {
        add(messages, "", &diag);
    }
    (void)kp_trust_free(trust);
}

void kp_start_check(const struct kp_house_config *config, const char *keys_dir, json_t *messages)
{
    const char *keys = keys_dir == NULL ? config->hub.keys_dir : keys_dir;
    check_secrets(keys, messages);
    check_signing(keys, config->house.oin, messages);
    check_trust(&config->hub, messages);
}
