/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the machine itself can do at this moment, for the ratios: a commit of LMDB with one appended
 * row, an append with fdatasync, pages here and there with one fdatasync, a CURVE round trip over
 * loopback, one signature and its check.
 * usage: physical DIRECTORY KEYS BYTES SECONDS. Prints one line of JSON, times in microseconds.
 */
#include "base/assert.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/sign.h"
#include "base/time.h"

#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define SAMPLES_MAX 200000u
#define PATH_BYTES 600
#define MAP_BYTES (4ull << 30)

struct bench {
    const char *dir;
    size_t bytes;
    int64_t us;
    uint8_t *payload;
    int64_t *samples;
};

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* Until the time is up; one sample a step, in nanoseconds. */
static void measure(struct bench *bench, const char *name, void (*step)(void *), void *context)
{
    struct timespec from, to;
    uint32_t count = 0;
    int64_t until_us = kp_mono_now().us + bench->us;
    while (count < SAMPLES_MAX && (count < 10 || kp_mono_now().us < until_us)) {
        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        step(context);
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        bench->samples[count++] =
            (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec - from.tv_nsec;
    }
    qsort(bench->samples, count, sizeof *bench->samples, compare);
    printf("\"%s\": {\"count\": %u, \"p50_us\": %.1f, \"p99_us\": %.1f}, ", name, count,
           (double)bench->samples[count / 2] / 1000.0,
           (double)bench->samples[(uint64_t)count * 99 / 100] / 1000.0);
}

/* --- the journal's way: an appended row and a synchronous commit --- */

struct commit {
    MDB_env *env;
    MDB_dbi table;
    uint64_t next;
    const struct bench *bench;
};

static void step_commit(void *context)
{
    struct commit *commit = context;
    MDB_txn *txn;
    uint8_t key[8];
    uint64_t number = ++commit->next;
    for (int i = 0; i < 8; i++) {
        key[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    MDB_val name = {.mv_size = sizeof key, .mv_data = key};
    MDB_val value = {.mv_size = commit->bench->bytes, .mv_data = commit->bench->payload};
    KP_ASSERT(mdb_txn_begin(commit->env, NULL, 0, &txn) == 0);
    KP_ASSERT(mdb_put(txn, commit->table, &name, &value, MDB_APPEND) == 0);
    KP_ASSERT(mdb_txn_commit(txn) == 0);
}

static void measure_commit(struct bench *bench)
{
    struct commit commit = {.bench = bench};
    char path[PATH_BYTES];
    MDB_txn *txn;
    (void)snprintf(path, sizeof path, "%s/physical.mdb", bench->dir);
    KP_ASSERT(mdb_env_create(&commit.env) == 0);
    KP_ASSERT(mdb_env_set_mapsize(commit.env, MAP_BYTES) == 0);
    KP_ASSERT(mdb_env_open(commit.env, path, MDB_NOSUBDIR, 0600) == 0);
    KP_ASSERT(mdb_txn_begin(commit.env, NULL, 0, &txn) == 0);
    KP_ASSERT(mdb_dbi_open(txn, NULL, 0, &commit.table) == 0);
    KP_ASSERT(mdb_txn_commit(txn) == 0);
    measure(bench, "commit", step_commit, &commit);
    mdb_env_close(commit.env);
}

/* --- a file --- */

struct file {
    int fd;
    const struct bench *bench;
};

static void step_append(void *context)
{
    const struct file *file = context;
    KP_ASSERT(write(file->fd, file->bench->payload, file->bench->bytes) ==
              (ssize_t)file->bench->bytes);
    KP_ASSERT(fdatasync(file->fd) == 0);
}

static void measure_append(struct bench *bench)
{
    struct file file = {.bench = bench};
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/physical.log", bench->dir);
    file.fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    KP_ASSERT(file.fd >= 0);
    measure(bench, "append", step_append, &file);
    (void)close(file.fd);
}

/* --- the state's way: pages all over a file, one sync --- */

#define STATE_PAGES 131072u /* 512 MiB: more than a disk's own cache makes cheap */
#define PAGE_BYTES 4096u
#define STEP_PAGES 200u

struct pages {
    int fd;
    uint64_t random; /* xorshift64 */
    uint8_t page[PAGE_BYTES];
};

static void step_pages(void *context)
{
    struct pages *pages = context;
    for (uint32_t i = 0; i < STEP_PAGES; i++) {
        pages->random ^= pages->random << 13;
        pages->random ^= pages->random >> 7;
        pages->random ^= pages->random << 17;
        off_t at = (off_t)(pages->random % STATE_PAGES) * PAGE_BYTES;
        KP_ASSERT(pwrite(pages->fd, pages->page, PAGE_BYTES, at) == PAGE_BYTES);
    }
    KP_ASSERT(fdatasync(pages->fd) == 0);
}

static void measure_pages(struct bench *bench)
{
    struct pages pages = {.random = 88172645463325252u};
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/physical.pages", bench->dir);
    pages.fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    KP_ASSERT(pages.fd >= 0);
    memset(pages.page, 1, sizeof pages.page);
    for (uint32_t i = 0; i < STATE_PAGES; i++) {
        KP_ASSERT(write(pages.fd, pages.page, PAGE_BYTES) == PAGE_BYTES);
    }
    KP_ASSERT(fsync(pages.fd) == 0);
    measure(bench, "pages", step_pages, &pages);
    (void)close(pages.fd);
}

/* --- a round trip, both sides with CURVE --- */

struct trip {
    void *socket;
    const struct bench *bench;
};

static void *echo(void *socket)
{
    zmq_msg_t message;
    for (;;) {
        KP_ASSERT(zmq_msg_init(&message) == 0);
        if (zmq_msg_recv(&message, socket, 0) <= 1) {
            (void)zmq_msg_close(&message);
            return NULL;
        }
        KP_ASSERT(zmq_msg_send(&message, socket, 0) >= 0);
    }
}

static void step_trip(void *context)
{
    const struct trip *trip = context;
    zmq_msg_t message;
    KP_ASSERT(zmq_send(trip->socket, trip->bench->payload, trip->bench->bytes, 0) >= 0);
    KP_ASSERT(zmq_msg_init(&message) == 0);
    KP_ASSERT(zmq_msg_recv(&message, trip->socket, 0) == (int)trip->bench->bytes);
    (void)zmq_msg_close(&message);
}

static void set_text(void *socket, int option, const char *text)
{
    KP_ASSERT(zmq_setsockopt(socket, option, text, strlen(text) + 1) == 0);
}

static void measure_trip(struct bench *bench)
{
    static const int on = 1;
    char server_public[41], server_secret[41], public[41], secret[41], endpoint[100];
    size_t size = sizeof endpoint;
    pthread_t thread;
    void *there = zmq_ctx_new();
    void *here = zmq_ctx_new();
    void *server = zmq_socket(there, ZMQ_PAIR);
    struct trip trip = {.socket = zmq_socket(here, ZMQ_PAIR), .bench = bench};
    KP_ASSERT(zmq_curve_keypair(server_public, server_secret) == 0);
    KP_ASSERT(zmq_curve_keypair(public, secret) == 0);
    KP_ASSERT(zmq_setsockopt(server, ZMQ_CURVE_SERVER, &on, sizeof on) == 0);
    set_text(server, ZMQ_CURVE_SECRETKEY, server_secret);
    set_text(trip.socket, ZMQ_CURVE_SERVERKEY, server_public);
    set_text(trip.socket, ZMQ_CURVE_PUBLICKEY, public);
    set_text(trip.socket, ZMQ_CURVE_SECRETKEY, secret);
    KP_ASSERT(zmq_bind(server, "tcp://127.0.0.1:*") == 0);
    KP_ASSERT(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    KP_ASSERT(zmq_connect(trip.socket, endpoint) == 0);
    KP_ASSERT(pthread_create(&thread, NULL, echo, server) == 0);
    measure(bench, "round_trip", step_trip, &trip);
    KP_ASSERT(zmq_send(trip.socket, "", 0, 0) == 0);
    KP_ASSERT(pthread_join(thread, NULL) == 0);
    (void)zmq_close(trip.socket);
    (void)zmq_close(server);
    (void)zmq_ctx_term(here);
    (void)zmq_ctx_term(there);
}

/* --- signatures --- */

struct signing {
    struct kp_signer *signer;
    struct kp_certificate *certificate;
    uint8_t signature[KP_SIGNATURE_BYTES_MAX];
    size_t signature_size;
    struct kp_slice message;
};

static void step_sign(void *context)
{
    struct signing *signing = context;
    KP_ASSERT(kp_sign(signing->signer, KP_LABEL_BATCH, signing->message, signing->signature,
                      &signing->signature_size, NULL) == KP_OK);
}

static void step_verify(void *context)
{
    const struct signing *signing = context;
    KP_ASSERT(kp_verify(signing->certificate, KP_SIGN_ED25519, KP_LABEL_BATCH, signing->message,
                        kp_slice_of(signing->signature, signing->signature_size), NULL) == KP_OK);
}

static void measure_signing(struct bench *bench, const char *keys)
{
    struct signing signing = {.message = kp_slice_of(bench->payload, bench->bytes)};
    struct kp_diag diag;
    char path[PATH_BYTES];
    char *bytes = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/signing.key", keys);
    KP_ASSERT(kp_signer_load(path, &signing.signer, &diag) == KP_OK);
    (void)snprintf(path, sizeof path, "%s/signing.der", keys);
    KP_ASSERT(kp_file_read(path, KP_CERTIFICATE_BYTES_MAX, &bytes, &size, &diag) == KP_OK);
    KP_ASSERT(kp_certificate_parse(kp_slice_of(bytes, size), &signing.certificate, &diag) == KP_OK);
    measure(bench, "sign", step_sign, &signing);
    measure(bench, "verify", step_verify, &signing);
    free(bytes);
    signing.certificate = kp_certificate_free(signing.certificate);
    signing.signer = kp_signer_free(signing.signer);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("usage: physical DIRECTORY KEYS BYTES SECONDS\n", stderr);
        return 2;
    }
    struct kp_diag diag;
    struct bench bench = {.dir = argv[1],
                          .bytes = strtoul(argv[3], NULL, 10),
                          .us = strtol(argv[4], NULL, 10) * 1000000 / 5};
    KP_ASSERT(bench.bytes > 1 && kp_crypto_init(&diag) == KP_OK);
    bench.payload = malloc(bench.bytes);
    bench.samples = malloc(SAMPLES_MAX * sizeof *bench.samples);
    KP_ASSERT(bench.payload != NULL && bench.samples != NULL);
    kp_random(bench.payload, bench.bytes);
    printf("{");
    measure_commit(&bench);
    measure_append(&bench);
    measure_pages(&bench);
    measure_trip(&bench);
    measure_signing(&bench, argv[2]);
    printf("\"bytes\": %zu}\n", bench.bytes);
    free(bench.payload);
    free(bench.samples);
    return 0;
}
