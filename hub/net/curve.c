/* SPDX-License-Identifier: EUPL-1.2 */
#include "net/curve.h"

#include "base/assert.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

/* Not in the header of Debian's libzmq 4.3.4 (it is a draft option there), but in the library:
 * without it a CURVE server whose ZAP handler is absent lets every key in. */
#define OPTION_ZAP_ENFORCE_DOMAIN 93

/* A secret key as text, cleared as a secret is. */
struct key_text {
    union {
        struct kp_secret secrets[2];
        char z85[2 * sizeof(struct kp_secret)];
    };
};
_Static_assert(sizeof(struct key_text) > KP_CURVE_Z85_CHARS + 1, "the text and a newline fit");

static void key_text_done(struct key_text *text)
{
    kp_secret_done(&text->secrets[0]);
    kp_secret_done(&text->secrets[1]);
}

static enum kp_err read_z85(int fd, const char *path, char *z85, struct kp_diag *reterr_diag)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "%s is not an ordinary file", path);
    }
    if ((stat.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE,
                       "%s can be read by others than its owner: make it mode 0400", path);
    }
    size_t used = 0;
    while (used < KP_CURVE_Z85_CHARS + 2) {
        ssize_t got = read(fd, z85 + used, KP_CURVE_Z85_CHARS + 2 - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return kp_fail(reterr_diag, KP_E_KEY_FILE, "reading %s: %s", path, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    bool newline = used == KP_CURVE_Z85_CHARS + 1 && z85[KP_CURVE_Z85_CHARS] == '\n';
    if (used != KP_CURVE_Z85_CHARS && !newline) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "%s does not hold 40 characters of Z85", path);
    }
    z85[KP_CURVE_Z85_CHARS] = '\0';
    return KP_OK;
}

enum kp_err kp_curve_read_secret(const char *path, struct kp_secret *ret_secret,
                                 struct kp_diag *reterr_diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return kp_fail(reterr_diag, KP_E_KEY_FILE, "cannot open %s: %s", path, strerror(errno));
    }
    struct key_text text = {0};
    struct kp_secret secret = {{0}};
    enum kp_err err = read_z85(fd, path, text.z85, reterr_diag);
    if (err == KP_OK && zmq_z85_decode(secret.bytes, text.z85) == NULL) {
        err = kp_fail(reterr_diag, KP_E_KEY_FILE, "%s is not a key in Z85", path);
    }
    if (err == KP_OK) {
        *ret_secret = secret;
    }
    key_text_done(&text);
    kp_secret_done(&secret);
    (void)close(fd); /* nothing was written */
    return err;
}

void kp_curve_public(const struct kp_secret *secret, uint8_t ret_public[KP_KEY_BYTES])
{
    struct key_text secret_text;
    char public_z85[KP_CURVE_Z85_CHARS + 1];
    KP_ASSERT(zmq_z85_encode(secret_text.z85, secret->bytes, KP_KEY_BYTES) != NULL);
    KP_ASSERT(zmq_curve_public(public_z85, secret_text.z85) == 0);
    KP_ASSERT(zmq_z85_decode(ret_public, public_z85) != NULL);
    key_text_done(&secret_text);
}

void kp_curve_new_pair(uint8_t ret_public[KP_KEY_BYTES], struct kp_secret *ret_secret)
{
    struct key_text secret_text;
    char public_z85[KP_CURVE_Z85_CHARS + 1];
    KP_ASSERT(zmq_curve_keypair(public_z85, secret_text.z85) == 0);
    KP_ASSERT(zmq_z85_decode(ret_public, public_z85) != NULL);
    KP_ASSERT(zmq_z85_decode(ret_secret->bytes, secret_text.z85) != NULL);
    key_text_done(&secret_text);
}

void kp_curve_set_int(void *socket, int option, int value)
{
    KP_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

void *kp_curve_server(void *zmq_context, const struct kp_secret *secret, const char *domain)
{
    static const struct {
        int option;
        int value;
    } settings[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, KP_CURVE_FRAMES_IN_LIBRARY},
        /* Without a mark: a full pipe stops the input, and when the peer goes then, a heartbeat
         * ends the process (libzmq 4.3.4, its issue 4364). The doors' one thread takes frames
         * faster than they are decrypted, and answers LATER beyond its own limits. */
        {ZMQ_RCVHWM, 0},
        {ZMQ_HANDSHAKE_IVL, KP_CURVE_HANDSHAKE_MS},
        {ZMQ_HEARTBEAT_IVL, KP_CURVE_HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, KP_CURVE_HEARTBEAT_TIMEOUT_MS},
        /* The peer drops us after the same time, even if it has set no timeout of its own. */
        {ZMQ_HEARTBEAT_TTL, KP_CURVE_HEARTBEAT_TIMEOUT_MS},
        /* Behind the heartbeat, for what it does not see: a peer that stops in the handshake. */
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 30},
        {ZMQ_TCP_KEEPALIVE_INTVL, 10},
        {ZMQ_TCP_KEEPALIVE_CNT, 3},
        {ZMQ_BACKLOG, KP_CURVE_BACKLOG},
        {ZMQ_CURVE_SERVER, 1},
        {OPTION_ZAP_ENFORCE_DOMAIN, 1},
    };
    void *socket = zmq_socket(zmq_context, ZMQ_PAIR);
    if (socket == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        kp_curve_set_int(socket, settings[i].option, settings[i].value);
    }
    /* Somewhat too large is for the gate to refuse, with its own code (P5), and CURVE adds to a
     * frame; far too large ends the connection. */
    int64_t frame_bytes_max = KP_CURVE_FRAME_BYTES_MAX;
    KP_ASSERT(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max) ==
              0);
    KP_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret->bytes, KP_KEY_BYTES) == 0);
    KP_ASSERT(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) == 0);
    return socket;
}
