/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What matching alone costs: the core's matcher on the real store, without doors, journal, signals
 * or criteria. Persons are invented with names as unevenly spread as people's: the commonest
 * surname is one in a hundred.
 * usage: match DIRECTORY PERSONS SIGNALS. Prints one line of JSON, times in microseconds.
 */
#include "core/match.h"
#include "base/assert.h"
#include "base/time.h"
#include "core/blocks.h"
#include "core/cluster.h"
#include "core/person.h"
#include "intake/form.h"
#include "intake/keys.h"
#include "store/keyring.h"
#include "store/lmdb.h"

#include "people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP 2000u

struct bench {
    struct kp_store store;
    struct kp_keyring *ring;
    struct kp_hmac *hmac;
    struct kp_core core;
    struct kp_effects effects;
    struct kp_txn *txn;
    struct people people;
    uint64_t position, candidates, looked, narrowed;
    uint32_t persons, group;
    int64_t *samples;
};

/* Person @n as one partner writes him: @spelling 0 as he is known, with his number. */
static void make_form(const struct bench *bench, uint32_t n, uint64_t spelling,
                      struct kp_form_room *room, struct kp_form *ret_form)
{
    struct invented invented;
    char number[8];
    invent(&bench->people, n, spelling, &invented);
    (void)snprintf(number, sizeof number, "%u", invented.house_number); /* fits */
    struct kp_reported_person person = {
        .bsn = invented.bsn[0] == '\0' ? NULL : invented.bsn,
        .given_names = invented.given,
        .surname = invented.surname,
        .birth_place = invented.place,
        .postcode = invented.postcode,
        .house_number = number,
        .birth_date = (int32_t)(invented.year * 10000 + invented.month * 100 + invented.day),
    };
    kp_form_of(&person, /* test_mode= */ true, room, ret_form);
}

static void begin(struct bench *bench)
{
    struct kp_diag diag;
    enum kp_err err = kp_txn_begin(&bench->store, /* write= */ true, &bench->txn, &diag);
    KP_ASSERT(err == KP_OK);
}

static void commit(struct bench *bench)
{
    struct kp_diag diag = {0};
    enum kp_err err = kp_txn_commit(bench->txn, &diag);
    if (err != KP_OK) {
        (void)fprintf(stderr, "match: %s\n", diag.text);
    }
    KP_ASSERT(err == KP_OK);
}

static void count_candidates(struct bench *bench, const struct kp_place *place)
{
    uint64_t *forms;
    uint32_t count;
    if (place->person == 0 && kp_blocks_candidates(bench->txn, &place->keys, &forms, &count)) {
        bench->candidates += count;
        bench->looked++;
        bench->narrowed += count > KP_BLOCK_FORMS_MAX ? 1 : 0;
    }
}

/* One signal about one person; what the matcher took, in nanoseconds. */
static int64_t take(struct bench *bench, uint32_t n, uint64_t spelling, bool counted)
{
    uint8_t bytes[KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX];
    struct kp_form_room room;
    struct kp_form form;
    struct kp_match_keys keys;
    struct kp_writer writer;
    struct kp_command_signal signal = {.mention_count = 1};
    struct kp_command_mention *mention = &signal.mentions[0];
    make_form(bench, n, spelling, &room, &form);
    kp_keys_of(bench->hmac, &form, &keys);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_form_put(&writer, &form);
    mention->has_form = true;
    mention->form = kp_writer_slice(&writer);
    kp_match_keys_put(&writer, &keys);
    mention->keys = kp_slice_of(bytes + mention->form.size, writer.size - mention->form.size);
    kp_hmac_tag(bench->hmac, "form", mention->form, KP_SLICE_EMPTY, mention->form_tag);
    memcpy(signal.content_tag, &bench->position, sizeof bench->position);
    bench->core.position = ++bench->position;
    size_t mark = kp_txn_scratch_mark(bench->txn);

    struct timespec from, to;
    struct kp_place place;
    struct kp_bearer bearer;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    bool good = kp_match_look(&bench->core, bench->txn, &signal, 0, &place);
    kp_match_place(&bench->core, bench->txn, &place, &bearer);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);

    KP_ASSERT(good && kp_txn_error(bench->txn) == KP_OK);
    struct kp_person person;
    good = kp_person_load(bench->txn, bearer.person, 1, &person);
    KP_ASSERT(good);
    if (place.person == 0) {
        person.component = bearer.component;
    }
    struct kp_mention one = {.position = bench->position, .partner = 1};
    kp_person_insert(&person, &one, place.form.id);
    kp_person_store(bench->txn, &person);
    kp_cluster_follow(&bench->core, bench->txn, &bearer);
    if (counted) {
        count_candidates(bench, &place);
    }
    kp_txn_scratch_restore(bench->txn, mark);
    if (++bench->group == GROUP) {
        bench->group = 0;
        commit(bench);
        begin(bench);
    }
    return (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec - from.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void measure(struct bench *bench, uint32_t count)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t random = mix(i * UINT64_C(17) + 6);
        uint32_t known = (uint32_t)(random % bench->persons);
        uint32_t kind = i % 20;
        uint32_t n = kind == 19 ? bench->persons + i : known;
        uint64_t spelling = kind >= 14 && kind < 19 ? 1 + random : 0;
        bench->samples[i] = take(bench, n, spelling, i % 100 == 14);
        sum += bench->samples[i];
    }
    qsort(bench->samples, count, sizeof *bench->samples, compare);
    printf("{\"persons\": %u, \"signals_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"candidates\": %.1f, \"narrowed_of_1000\": %.1f, \"full\": %u}\n",
           bench->persons, (double)count * 1e9 / (double)sum,
           (double)bench->samples[count / 2] / 1000.0,
           (double)bench->samples[(uint64_t)count * 99 / 100] / 1000.0,
           (double)bench->candidates / (double)(bench->looked > 0 ? bench->looked : 1),
           1000.0 * (double)bench->narrowed / (double)(bench->looked > 0 ? bench->looked : 1),
           bench->effects.components_full);
}

static void open_store(struct bench *bench, const char *dir)
{
    char path[600];
    struct kp_diag diag = {0};
    struct kp_secret master = {{7}};
    (void)snprintf(path, sizeof path, "%s/persons", dir);
    enum kp_err err = kp_keyring_open(path, &master, &bench->ring, &diag);
    char state[600];
    (void)snprintf(state, sizeof state, "%s/state", dir);
    const struct kp_store_options options = {.dir = state, .master = &master, .ring = bench->ring};
    if (err == KP_OK) {
        err = kp_store_open_lmdb(&options, &bench->store, &diag);
    }
    if (err != KP_OK) {
        (void)fprintf(stderr, "match: %s\n", diag.text);
        exit(1);
    }
}

int main(int count, char **arguments)
{
    static struct bench bench;
    struct kp_diag diag;
    struct kp_secret key = {{3}};
    if (count != 4 || kp_crypto_init(&diag) != KP_OK) {
        (void)fprintf(stderr, "usage: match DIRECTORY PERSONS SIGNALS\n");
        return 2;
    }
    uint32_t signals = (uint32_t)strtoul(arguments[3], NULL, 10);
    bench.persons = (uint32_t)strtoul(arguments[2], NULL, 10);
    bench.samples = calloc(signals, sizeof *bench.samples);
    KP_ASSERT(bench.samples != NULL && bench.persons > 0);
    open_store(&bench, arguments[1]);
    people_init(&bench.people);
    bench.hmac = kp_hmac_new(&key);
    begin(&bench);
    enum kp_err err = kp_core_load(&bench.core, bench.txn, &diag);
    KP_ASSERT(err == KP_OK);
    bench.core.effects = &bench.effects;
    kp_match_model_init(&bench.core.model, bench.persons);
    for (uint32_t n = 0; n < bench.persons; n++) {
        (void)take(&bench, n, 0, /* counted= */ false);
    }
    measure(&bench, signals);
    kp_txn_abort(bench.txn);
    kp_store_close(&bench.store);
    bench.ring = kp_keyring_close(bench.ring);
    bench.hmac = kp_hmac_free(bench.hmac);
    free(bench.samples);
    kp_crypto_done();
    return 0;
}
