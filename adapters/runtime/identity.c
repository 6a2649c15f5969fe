/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/identity.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLE_BYTES_MAX (256u << 10)
#define PEM_BYTES_MAX (64u << 10)
#define OWNER_NAME "owner"

/* Value of a base64 digit; -1: none. */
static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* The first certificate of a PEM text (RFC 7468) as DER; 0: there is none, or it does not fit. */
static size_t der_of_pem(const char *text, uint8_t *ret_der, size_t size_max)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const char *at = strstr(text, begin);
    const char *end = at == NULL ? NULL : strstr(at, "-----END CERTIFICATE-----");
    if (end == NULL) {
        return 0;
    }
    size_t size = 0;
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    for (at += sizeof begin - 1; at < end; at++) {
        int digit = digit_of(*at);
        if (digit < 0) {
            if (strchr("=\r\n\t ", *at) == NULL) {
                return 0;
            }
            continue;
        }
        bits = (bits << 6 | (uint32_t)digit) & 0xffffffu;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            if (size == size_max) {
                return 0;
            }
            ret_der[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    return size;
}

static enum kp_err load_certificate(struct kp_identity *identity, const char *path,
                                    struct kp_diag *reterr_diag)
{
    char *text = NULL;
    size_t size = 0;
    enum kp_err err = kp_file_read(path, PEM_BYTES_MAX, &text, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    identity->certificate_size =
        der_of_pem(text, identity->certificate, sizeof identity->certificate);
    free(text);
    return identity->certificate_size > 0
               ? KP_OK
               : kp_fail(reterr_diag, KP_E_MALFORMED, "%s: no certificate in PEM", path);
}

static enum kp_err check_pair(const struct kp_identity *identity, struct kp_diag *reterr_diag)
{
    struct kp_certificate *certificate = NULL;
    enum kp_err err = kp_certificate_parse(
        kp_slice_of(identity->certificate, identity->certificate_size), &certificate, reterr_diag);
    if (err == KP_OK && !kp_certificate_is_of(certificate, identity->signer)) {
        err = kp_fail(reterr_diag, KP_E_CERT_MISMATCH,
                      "the certificate belongs to another key than sign_key");
    }
    (void)kp_certificate_free(certificate);
    return err;
}

enum kp_err kp_identity_load(struct kp_identity *identity, const struct kp_adapter_conf *conf,
                             bool signs, struct kp_diag *reterr_diag)
{
    *identity = (struct kp_identity){.signer = NULL};
    enum kp_err err = kp_file_read(conf->bundle, BUNDLE_BYTES_MAX, &identity->bundle,
                                   &identity->bundle_size, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        err = kp_fail(reterr_diag, err,
                      "%s: there is no bundle; put there what the hub's operator made of your "
                      "request",
                      conf->bundle);
    }
    if (err == KP_OK && signs) {
        err = kp_signer_load(conf->sign_key, &identity->signer, reterr_diag);
    }
    if (err == KP_OK && signs) {
        err = load_certificate(identity, conf->certificate, reterr_diag);
    }
    if (err == KP_OK && signs) {
        err = check_pair(identity, reterr_diag);
    }
    if (err != KP_OK) {
        kp_identity_done(identity);
    }
    return err;
}

void kp_identity_done(struct kp_identity *identity)
{
    identity->signer = kp_signer_free(identity->signer);
    free(identity->bundle);
    identity->bundle = NULL;
}

enum kp_err kp_identity_check_hub(const struct kp_adapter_conf *conf,
                                  const struct kp_client *client, struct kp_diag *reterr_diag)
{
    if (conf->anchors[0] == '\0') {
        return KP_OK;
    }
    const ProtobufCBinaryData *der = &kp_client_bundle(client)->hub_certificate;
    struct kp_trust_options options = {.anchors_file = conf->anchors, .crl_file = conf->crl};
    struct kp_trust *trust = NULL;
    struct kp_certificate *certificate = NULL;
    enum kp_err err = kp_trust_open(&options, &trust, reterr_diag);
    if (err == KP_OK) {
        err = kp_certificate_parse(kp_slice_of(der->data, der->len), &certificate, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_trust_check(trust, certificate, /* chain= */ NULL, 0, kp_wall_now(), reterr_diag);
    }
    (void)kp_certificate_free(certificate);
    (void)kp_trust_free(trust);
    return err;
}

enum kp_err kp_identity_check_owner(const struct kp_adapter_conf *conf, const char *adapter,
                                    const char *counterpart, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    char owner[256];
    char *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/" OWNER_NAME, conf->spool);
    int length = snprintf(owner, sizeof owner, "%s for %s\n", adapter, counterpart);
    if (length < 0 || (size_t)length >= sizeof owner) {
        return kp_fail(reterr_diag, KP_E_MALFORMED, "the bundle's counterpart is too long");
    }
    enum kp_err err = kp_file_read(path, sizeof owner, &text, &size, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        return kp_file_write_alone(path, kp_slice_of(owner, (size_t)length), 0600, reterr_diag);
    }
    if (err == KP_OK && strcmp(text, owner) != 0) {
        err =
            kp_fail(reterr_diag, KP_E_CONFIG,
                    "%s says that the adapter %.*s works here, and this is %s for %s: give each a "
                    "home of its own",
                    path, (int)strcspn(text, "\n"), text, adapter, counterpart);
    }
    free(text);
    return err;
}
