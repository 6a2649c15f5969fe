/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What small rows under random keys cost the store: rows a second, pages written for each, and
 * look-ups.
 * usage: random_rows DIRECTORY fill ROWS
 *        random_rows DIRECTORY put FIRST ROWS A_COMMIT
 * `fill` makes a store with ROWS rows in the table INDEX, in two passes in key order, so that its
 * pages are about as full as they become in time. `put` adds ROWS rows from number FIRST on, each
 * looked for first, as the core does it, A_COMMIT with each commit, and prints a line of JSON for
 * each tenth of them; then it looks up rows of before, rows that it just put, and rows that are not
 * there.
 */
#include "base/assert.h"
#include "base/crypto.h"
#include "base/time.h"
#include "store/keyring.h"
#include "store/lmdb.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 16u
#define FILL_A_COMMIT 50000u
#define LOOK_UPS 200000u
#define LOOK_UPS_A_READ 1000u
#define PARTS 10u

struct bench {
    struct kp_secret master;
    struct kp_keyring *ring;
    struct kp_store store;
};

static void must(enum kp_err err, const struct kp_diag *diag)
{
    if (err != KP_OK) {
        (void)fprintf(stderr, "%s: %s\n", kp_err_name(err), diag->text);
        exit(1);
    }
}

static void open_all(struct bench *bench, const char *dir)
{
    char ring[600], state[600];
    struct kp_diag diag;
    (void)snprintf(ring, sizeof ring, "%s/ring", dir);
    (void)snprintf(state, sizeof state, "%s/state", dir);
    memset(bench->master.bytes, 7, sizeof bench->master.bytes);
    must(kp_crypto_init(&diag), &diag);
    must(kp_keyring_open(ring, &bench->master, &bench->ring, &diag), &diag);
    struct kp_store_options options = {.dir = state, .master = &bench->master, .ring = bench->ring};
    must(kp_store_open_lmdb(&options, &bench->store, &diag), &diag);
}

static struct kp_txn *begin(struct bench *bench, bool write)
{
    struct kp_diag diag;
    struct kp_txn *txn = NULL;
    must(kp_txn_begin(&bench->store, write, &txn, &diag), &diag);
    return txn;
}

static void commit(struct kp_txn *txn)
{
    struct kp_diag diag;
    must(kp_txn_commit(txn, &diag), &diag);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void key_of(uint64_t number, uint8_t ret_key[KEY_BYTES])
{
    uint64_t parts[2] = {mix(2 * number + 1), mix(2 * number + 2)};
    memcpy(ret_key, parts, KEY_BYTES);
}

static void put(struct kp_txn *txn, const uint8_t *key)
{
    static const uint8_t value[24] = {1, 2, 3};
    kp_txn_put(txn, KP_TABLE_INDEX, kp_slice_of(key, KEY_BYTES),
               kp_slice_of(value, 16 + key[0] % 9), KP_SUBJECT_NONE);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, KEY_BYTES);
}

static void fill_half(struct bench *bench, uint64_t rows, uint64_t half)
{
    uint64_t count = (rows + 1 - half) / 2;
    uint8_t *keys = malloc(count * KEY_BYTES);
    KP_ASSERT(keys != NULL);
    for (uint64_t i = 0; i < count; i++) {
        key_of(2 * i + half, keys + i * KEY_BYTES);
    }
    qsort(keys, count, KEY_BYTES, compare);
    for (uint64_t i = 0; i < count;) {
        struct kp_txn *txn = begin(bench, /* write= */ true);
        for (uint64_t end = i + FILL_A_COMMIT; i < end && i < count; i++) {
            put(txn, keys + i * KEY_BYTES);
        }
        commit(txn);
    }
    free(keys);
}

/* What the kernel says it will write counts whole groups of pages in its cache. */
static uint64_t pages_written(void)
{
    char line[120];
    uint64_t bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    KP_ASSERT(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "wchar: %" SCNu64, &bytes);
    }
    (void)fclose(file);
    return bytes / 4096;
}

struct figures {
    int64_t slowest_us;  /* of the commits, without what came before them */
    uint64_t pages_told; /* by kp_txn_dirty_pages */
};

static void put_rows(struct bench *bench, uint64_t first, uint64_t rows, uint64_t a_commit,
                     struct figures *ret_figures)
{
    uint8_t key[KEY_BYTES];
    struct kp_slice value;
    *ret_figures = (struct figures){0};
    for (uint64_t i = 0; i < rows;) {
        struct kp_txn *txn = begin(bench, /* write= */ true);
        for (uint64_t end = i + a_commit; i < end && i < rows; i++) {
            key_of(first + i, key);
            KP_ASSERT(!kp_txn_get(txn, KP_TABLE_INDEX, kp_slice_of(key, KEY_BYTES), &value));
            put(txn, key);
        }
        ret_figures->pages_told += kp_txn_dirty_pages(txn);
        struct kp_mono before = kp_mono_now();
        commit(txn);
        int64_t us = kp_mono_now().us - before.us;
        ret_figures->slowest_us = us > ret_figures->slowest_us ? us : ret_figures->slowest_us;
    }
}

static void measure_put(struct bench *bench, uint64_t first, uint64_t rows, uint64_t a_commit)
{
    for (uint64_t part = 0; part < PARTS; part++) {
        uint64_t from = rows * part / PARTS, count = rows * (part + 1) / PARTS - from;
        uint64_t pages = pages_written();
        struct figures figures;
        struct kp_mono began = kp_mono_now();
        put_rows(bench, first + from, count, a_commit, &figures);
        double seconds = (double)(kp_mono_now().us - began.us) / 1e6;
        pages = pages_written() - pages;
        printf("{\"rows\": %" PRIu64 ", \"rows_a_s\": %.0f, \"pages_a_row\": %.3f, "
               "\"pages_told_a_row\": %.3f, \"slowest_commit_ms\": %.1f}\n",
               count, (double)count / seconds, (double)pages / (double)count,
               (double)figures.pages_told / (double)count, (double)figures.slowest_us / 1e3);
        (void)fflush(stdout);
    }
}

static void measure_look_ups(struct bench *bench, const char *name, uint64_t first, uint64_t rows)
{
    uint8_t key[KEY_BYTES];
    struct kp_slice value;
    uint64_t found = 0;
    struct kp_mono began = kp_mono_now();
    for (uint64_t i = 0; i < LOOK_UPS; i += LOOK_UPS_A_READ) {
        struct kp_txn *txn = begin(bench, /* write= */ false);
        for (uint64_t j = i; j < i + LOOK_UPS_A_READ; j++) {
            key_of(first + mix(j) % rows, key);
            found += kp_txn_get(txn, KP_TABLE_INDEX, kp_slice_of(key, KEY_BYTES), &value) ? 1 : 0;
        }
        kp_txn_abort(txn);
    }
    printf("{\"look_ups\": \"%s\", \"found\": %" PRIu64 ", \"us\": %.2f}\n", name, found,
           (double)(kp_mono_now().us - began.us) / LOOK_UPS);
}

static int run(struct bench *bench, int argc, char **argv)
{
    uint64_t numbers[3] = {0, 0, 0};
    for (int i = 3; i < argc && i < 6; i++) {
        numbers[i - 3] = strtoull(argv[i], NULL, 10);
    }
    if (argc == 4 && strcmp(argv[2], "fill") == 0) {
        fill_half(bench, numbers[0], 0);
        fill_half(bench, numbers[0], 1);
        return 0;
    }
    if (argc != 6 || strcmp(argv[2], "put") != 0 || numbers[0] == 0 || numbers[1] < PARTS ||
        numbers[2] == 0) {
        (void)fprintf(stderr, "usage: random_rows DIRECTORY fill ROWS | put FIRST ROWS A_COMMIT\n");
        return 2;
    }
    measure_put(bench, numbers[0], numbers[1], numbers[2]);
    measure_look_ups(bench, "before", 0, numbers[0]);
    measure_look_ups(bench, "just put", numbers[0], numbers[1]);
    measure_look_ups(bench, "absent", UINT64_C(1) << 40, UINT64_C(1) << 40);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench bench;
    if (argc < 3) {
        return run(&bench, 0, argv);
    }
    struct kp_mono began = kp_mono_now();
    open_all(&bench, argv[1]);
    printf("{\"open_ms\": %.1f}\n", (double)(kp_mono_now().us - began.us) / 1e3);
    int code = run(&bench, argc, argv);
    kp_store_close(&bench.store);
    bench.ring = kp_keyring_close(bench.ring);
    return code;
}
