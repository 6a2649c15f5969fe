/* SPDX-License-Identifier: EUPL-1.2 */
#include "cli/curve.h"

#include "base/assert.h"
#include "base/file.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define SECRET_MODE 0400
#define PUBLIC_MODE 0644
#define FILE_BYTES_MAX 64

static enum kp_err write_key(const struct kp_new_dir *dir, const char *prefix, const char *name,
                             const char *key, mode_t mode, struct kp_diag *reterr_diag)
{
    char file[64];
    (void)snprintf(file, sizeof file, "%s%s", prefix, name); /* both are ours, and short */
    return kp_new_dir_write(dir, file, kp_slice_str(key), mode, reterr_diag);
}

enum kp_err kp_curve_make(const struct kp_new_dir *dir, const char *prefix,
                          struct kp_diag *reterr_diag)
{
    char public[KP_CURVE_TEXT_SIZE];
    char secret[KP_CURVE_TEXT_SIZE];
    if (zmq_curve_keypair(public, secret) != 0) {
        return kp_fail(reterr_diag, KP_E_CRYPTO, "libzmq cannot make a CURVE key pair");
    }
    enum kp_err err = write_key(dir, prefix, "curve.secret", secret, SECRET_MODE, reterr_diag);
    OPENSSL_cleanse(secret, sizeof secret);
    if (err == KP_OK) {
        err = write_key(dir, prefix, "curve.public", public, PUBLIC_MODE, reterr_diag);
    }
    return err;
}

enum kp_err kp_curve_read_public(const char *path, uint8_t ret_key[KP_CURVE_BYTES],
                                 struct kp_diag *reterr_diag)
{
    char *text = NULL;
    size_t size = 0;
    uint8_t key[KP_CURVE_BYTES];
    enum kp_err err = kp_file_read(path, FILE_BYTES_MAX, &text, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        text[--size] = '\0';
    }
    if (size != KP_CURVE_TEXT_SIZE - 1 || strlen(text) != size ||
        zmq_z85_decode(key, text) == NULL) {
        err = kp_fail(reterr_diag, KP_E_MALFORMED, "%s does not hold a key of 40 characters (Z85)",
                      path);
    } else {
        memcpy(ret_key, key, sizeof key);
    }
    free(text);
    return err;
}
