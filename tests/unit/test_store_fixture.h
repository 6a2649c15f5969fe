/* SPDX-License-Identifier: EUPL-1.2 */
/* What the tests of store, keyring and journal share: a directory of their own, invented keys, and
 * numbers from a seed. */
#ifndef KP_TEST_STORE_FIXTURE_H
#define KP_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "store/keyring.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char root[256];
    char path[3][PATH_MAX]; /* three environments below the root: ring, state, journal */
    struct kp_secret master;
    struct kp_keyring *ring;
};

enum fixture_path { FIXTURE_RING, FIXTURE_STATE, FIXTURE_JOURNAL };

static inline void fixture_must(enum kp_err err, const struct kp_diag *diag)
{
    if (err != KP_OK) {
        fail_msg("%s: %s", kp_err_name(err), diag->text);
    }
}

static inline void fixture_open_ring(struct fixture *fixture)
{
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(
        kp_keyring_open(fixture->path[FIXTURE_RING], &fixture->master, &fixture->ring, &diag),
        &diag);
}

static inline void fixture_init(struct fixture *fixture)
{
    static const char *const names[3] = {"ring", "state", "journal"};
    struct kp_diag diag = {.err = KP_OK};
    const char *below = getenv("TMPDIR");
    fixture_must(kp_crypto_init(&diag), &diag);
    memset(fixture, 0, sizeof *fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "%s/kp-store-XXXXXX",
                   below == NULL ? "/tmp" : below);
    assert_non_null(mkdtemp(fixture->root));
    for (int i = 0; i < 3; i++) {
        (void)snprintf(fixture->path[i], sizeof fixture->path[i], "%s/%s", fixture->root, names[i]);
    }
    memset(fixture->master.bytes, 7, sizeof fixture->master.bytes);
    fixture_open_ring(fixture);
}

static inline int fixture_unlink(const char *path, const struct stat *stat, int kind,
                                 struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void fixture_done(struct fixture *fixture)
{
    fixture->ring = kp_keyring_close(fixture->ring);
    assert_int_equal(nftw(fixture->root, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* splitmix64 */
static inline uint64_t fixture_next(uint64_t *state)
{
    uint64_t x = (*state += UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The bytes that belong to @seed: what is read back wrong is seen. */
static inline void fixture_fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)fixture_next(&seed);
    }
}

#endif
