/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The load generator: partners that send signed batches through their doors, over the real wire,
 * and a ketenmanager who takes his alerts. One thread a door. Signals are encoded before the clock
 * starts; signing a batch and verifying its receipt are part of a partner's work and are done, and
 * the generator reports what processor time it took itself. Prints one line of JSON.
 */
#include "load_figures.h"

#include "base/crypto.h"
#include "base/time.h"
#include "base/uuid.h"
#include "knooppunt/client.h"
#include "runtime/identity.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#define CREDIT 2048u
#define POLL_MS 20
#define STALL_US INT64_C(60000000)

static _Noreturn void give_up(const char *what, const struct kp_diag *diag)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, diag == NULL ? "" : diag->text);
    _exit(1); /* the other threads are at work still, and do not bear a library that is put away */
}

/* --- signals --- */

/* Known persons were loaded by the door with number person % doors: an alert needs another one. */
static uint32_t pick_known(struct door *door)
{
    const struct options *options = door->options;
    uint64_t n = door->made - 1;
    if (options->mix == MIX_PRELOAD) {
        return (uint32_t)(n * options->door_count + door->index);
    }
    if (options->mix == MIX_ALERTS) { /* each once, from the end, and loaded by the next door */
        uint64_t groups = options->persons / options->door_count;
        uint64_t group = groups - 1 - (options->new_from + n) % groups;
        return (uint32_t)(group * options->door_count + (door->index + 1) % options->door_count);
    }
    return (uint32_t)(next_random(&door->random) % options->persons);
}

static uint32_t make_signal(struct door *door, uint8_t *ret_bytes)
{
    const struct options *options = door->options;
    char reference[48];
    struct report report = {.told = WITH_BSN, .reference = reference};
    uint32_t die = (uint32_t)(next_random(&door->random) % 100);
    door->made++;
    report.counts =
        options->mix == MIX_PRELOAD || next_random(&door->random) % 100 < options->counts_percent;
    report.person = pick_known(door);
    if (options->mix == MIX_FORMS || (options->mix == MIX_LOAD && die >= 70 && die < 95)) {
        report.told = NEW_SPELLING;
        report.spelling = next_random(&door->random) & 0xffffffffu;
    } else if (options->mix == MIX_LOAD && die >= 95) {
        report.person = (uint32_t)(options->persons + options->new_from +
                                   door->new_persons++ * options->door_count + door->index);
    }
    (void)snprintf(reference, sizeof reference, "B%" PRIu64 "-%" PRIu64, options->seed,
                   door->made); /* fits */
    return put_report(door->people, &report, ret_bytes);
}

static void fill_pool(struct door *door, uint64_t signals)
{
    size_t capacity = signals * 320 + SIGNAL_BYTES_MAX;
    door->pool = malloc(capacity);
    KP_ASSERT(door->pool != NULL);
    for (uint64_t i = 0; i < signals && door->pool_size + 2 + SIGNAL_BYTES_MAX < capacity; i++) {
        uint32_t size = make_signal(door, door->pool + door->pool_size + 2);
        door->pool[door->pool_size] = (uint8_t)(size >> 8);
        door->pool[door->pool_size + 1] = (uint8_t)size;
        door->pool_size += 2 + size;
    }
}

/* --- sending --- */

/* The socket's queue empties by itself: wait a moment and try again. */
static bool is_full(enum kp_err err)
{
    if (err == KP_E_LATER) {
        (void)poll(NULL, 0, 1);
    }
    return err == KP_E_LATER;
}

static void send_batch(struct door *door, uint32_t count)
{
    static _Thread_local uint8_t made[BATCH_MAX][SIGNAL_BYTES_MAX];
    static _Thread_local uint8_t salts[BATCH_MAX][KP_SALT_BYTES];
    static _Thread_local uint8_t filled;
    struct kp_client_signal signals[BATCH_MAX];
    struct kp_diag diag = {0};
    struct flight *flight = &door->flights[door->flight_count];
    uint8_t chance[KP_UUID_RANDOM_BYTES];
    if (!filled) {
        kp_random(salts, sizeof salts);
        filled = 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        if (door->pool_at < door->pool_size) {
            const uint8_t *at = door->pool + door->pool_at;
            size = (uint32_t)at[0] << 8 | at[1];
            signals[i].signal = kp_slice_of(at + 2, size);
            door->pool_at += 2 + size;
        } else {
            size = make_signal(door, made[i]);
            signals[i].signal = kp_slice_of(made[i], size);
        }
        signals[i].salt = salts[i];
    }
    kp_random(chance, sizeof chance);
    kp_uuid7(kp_wall_now(), chance, flight->id);
    enum kp_err err;
    do {
        err = kp_client_submit(door->client, flight->id, NULL, signals, count, &diag);
    } while (is_full(err));
    if (err != KP_OK) {
        give_up("a batch could not be sent", &diag);
    }
    flight->signals = count;
    flight->sent_us = kp_mono_now().us; /* signed, and with the socket's own thread */
    door->flight_count++;
    door->sent += count;
}

static bool may_send(const struct door *door, int64_t elapsed_us)
{
    const struct options *options = door->options;
    uint64_t mine = options->count / options->door_count;
    bool window = door->flight_count < options->window;
    bool applied =
        options->unapplied_max == 0 || door->sent - door->processed < options->unapplied_max;
    /* The doors take turns: at a low rate one signal is on its way at a time. */
    uint64_t turn = door->sent * options->door_count + (uint64_t)door->index * options->batch;
    bool paced = options->rate == 0 || turn * 1000000 <= options->rate * (uint64_t)elapsed_us;
    bool left =
        options->count == 0 ? elapsed_us < (int64_t)options->seconds * 1000000 : door->sent < mine;
    return door->in_session && window && applied && paced && left && !atomic_load(&all.full);
}

static void send_what_may(struct door *door)
{
    const struct options *options = door->options;
    for (;;) {
        uint64_t count = options->batch;
        uint64_t mine = options->count / options->door_count;
        if (!may_send(door, kp_mono_now().us - all.began_us)) {
            return;
        }
        if (options->count > 0 && mine - door->sent < count) {
            count = mine - door->sent;
        }
        send_batch(door, (uint32_t)count);
    }
}

/* --- receiving --- */

static void on_receipt(struct door *door, const Knooppunt__V1__ReceiptBody *receipt, int64_t now_us)
{
    for (uint32_t i = 0; i < door->flight_count; i++) {
        struct flight *flight = &door->flights[i];
        if (memcmp(flight->id, receipt->batch_message_id.data, sizeof flight->id) != 0) {
            continue;
        }
        for (size_t j = 0; j < receipt->n_signals; j++) {
            door->held += receipt->signals[j]->held_code != 0 ? 1 : 0;
        }
        note(&door->left, receipt->signals[0]->position, flight->signals, flight->sent_us);
        note(&door->took, 0, 1, now_us - flight->sent_us);
        door->receipted += flight->signals;
        door->receipts[second_of(now_us)] += flight->signals;
        *flight = door->flights[--door->flight_count];
        return;
    }
}

static void acknowledge(struct door *door)
{
    const char *mailbox = kp_client_bundle(door->client)->counterpart;
    struct kp_diag diag = {0};
    enum kp_err err;
    do {
        err = kp_client_ack(door->client, mailbox, door->last_seq, &diag);
    } while (is_full(err));
    while (err == KP_OK || is_full(err)) {
        err = kp_client_credit(door->client, mailbox, (uint32_t)door->unacked, &diag);
        if (err == KP_OK) {
            break;
        }
    }
    if (err != KP_OK) {
        give_up("events could not be acknowledged", &diag);
    }
    door->unacked = 0;
}

/* Not of an earlier run, of which the last outcomes may come once more. */
static bool is_ours(const struct door *door, const Knooppunt__V1__Event *event)
{
    char start[32];
    (void)snprintf(start, sizeof start, "B%" PRIu64 "-", door->options->seed); /* fits */
    const char *reference =
        event->outcomes->n_outcomes > 0 ? event->outcomes->outcomes[0]->reference : NULL;
    return reference != NULL && strncmp(reference, start, strlen(start)) == 0;
}

static void take_events(struct door *door, const Knooppunt__V1__Deliver *deliver, int64_t now_us)
{
    struct kp_diag diag = {0};
    bool keeper = door->identity.signer == NULL;
    for (size_t i = 0; i < deliver->n_deliveries; i++) {
        ProtobufCMessage *message;
        struct kp_slice bytes =
            kp_slice_of(deliver->deliveries[i]->event.data, deliver->deliveries[i]->event.len);
        kp_arena_reset(&door->events);
        if (kp_codec_open_tolerant(&knooppunt__v1__event__descriptor, &kp_gate_frame, bytes,
                                   &door->events, &message, &diag) != KP_OK) {
            give_up("an event could not be read", &diag);
        }
        const Knooppunt__V1__Event *event = (const Knooppunt__V1__Event *)message;
        if (event->body_case == KNOOPPUNT__V1__EVENT__BODY_OUTCOMES && is_ours(door, event)) {
            door->processed += event->outcomes->n_outcomes;
            door->processes[second_of(now_us)] += (uint32_t)event->outcomes->n_outcomes;
        } else if (keeper && event->body_case == KNOOPPUNT__V1__EVENT__BODY_CASUS_READY) {
            note(&all.alerts, event->casus_ready->caused_by_position, 1, now_us);
        }
    }
    door->last_seq = deliver->deliveries[deliver->n_deliveries - 1]->seq;
    door->unacked += deliver->n_deliveries;
    if (door->unacked >= door->options->ack_every) {
        acknowledge(door);
    }
}

/* The window is the hub's own, so nothing is refused in a right measurement; but where the backlog
 * may grow, it may grow to the hub's limit: then the measurement is over. */
static void on_refusal(struct door *door, const Knooppunt__V1__Refusal *refusal)
{
    struct kp_diag diag;
    if (refusal->code != KP_E_LATER || door->options->unapplied_max != 0) {
        (void)kp_fail(&diag, (enum kp_err)refusal->code, "%u %s", refusal->code, refusal->text);
        give_up("refused", &diag);
    }
    atomic_store(&all.full, true);
    for (uint32_t i = 0; i < door->flight_count; i++) {
        struct flight *flight = &door->flights[i];
        if (memcmp(flight->id, refusal->refused_message_id.data, sizeof flight->id) == 0) {
            door->sent -= flight->signals;
            *flight = door->flights[--door->flight_count];
            return;
        }
    }
}

static void on_event(struct door *door, const struct kp_client_event *event, int64_t now_us)
{
    struct kp_diag diag = {0};
    switch (event->kind) {
    case KP_CLIENT_WELCOME:
        if (kp_client_credit(door->client, kp_client_bundle(door->client)->counterpart, CREDIT,
                             &diag) != KP_OK) {
            give_up("no credit", &diag);
        }
        door->in_session = true;
        break;
    case KP_CLIENT_RECEIPT:
        on_receipt(door, event->receipt, now_us);
        break;
    case KP_CLIENT_DELIVER:
        take_events(door, event->deliver, now_us);
        break;
    case KP_CLIENT_REFUSAL:
        on_refusal(door, event->refusal);
        break;
    case KP_CLIENT_LOST:
    case KP_CLIENT_SHUT_OUT:
        give_up("the session ended", NULL);
    case KP_CLIENT_ANSWER:
    case KP_CLIENT_KNOWN:
    case KP_CLIENT_NOTHING:
    default:
        break;
    }
}

/* The time of arrival is that of the wake-up: before the receipt's signature is verified. */
static void receive(struct door *door, int timeout_ms)
{
    struct pollfd ready = {.fd = kp_client_fd(door->client), .events = POLLIN};
    (void)poll(&ready, 1, timeout_ms); /* cut short by a signal: looked again */
    int64_t now_us = kp_mono_now().us;
    for (;;) {
        struct kp_client_event event;
        struct kp_diag diag = {0};
        if (kp_client_wait(door->client, 0, &event, &diag) != KP_OK) {
            give_up("the client failed", &diag);
        }
        if (event.kind == KP_CLIENT_NOTHING) {
            return;
        }
        on_event(door, &event, now_us);
    }
}

/* --- a door --- */

static void open_door(struct door *door, const char *home, bool signs)
{
    struct kp_adapter_conf conf = {0};
    struct kp_diag diag = {0};
    const struct {
        char *path;
        const char *name;
    } files[] = {{conf.bundle, "bundle"},
                 {conf.curve_key, "keys/curve.secret"},
                 {conf.sign_key, "keys/signing.key"},
                 {conf.certificate, "keys/signing.pem"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(files[i].path, sizeof conf.bundle, "%s/%s", home, files[i].name);
    }
    if (kp_identity_load(&door->identity, &conf, signs, &diag) != KP_OK) {
        give_up(home, &diag);
    }
    struct kp_client_options client = {
        .bundle = kp_slice_of(door->identity.bundle, door->identity.bundle_size),
        .curve_secret_file = conf.curve_key,
        .signer = door->identity.signer,
        .certificate = kp_slice_of(door->identity.certificate, door->identity.certificate_size),
        .program = "load"};
    if (kp_client_new(&client, &door->client, &diag) != KP_OK) {
        give_up(home, &diag);
    }
    kp_arena_init(&door->events, 4u << 20);
    while (!door->in_session) {
        receive(door, POLL_MS);
    }
}

/* Its client goes with the process: closed first, its last acknowledgements could reach the hub
 * after it had ended the session, and would be counted as refused. */
static void close_door(struct door *door)
{
    kp_arena_done(&door->events);
    free(door->pool);
    free(door->left.list);
    free(door->took.list);
}

static bool is_done(const struct door *door)
{
    const struct options *options = door->options;
    bool all_sent = options->count > 0
                        ? door->sent >= options->count / options->door_count
                        : kp_mono_now().us - all.began_us >= (int64_t)options->seconds * 1000000;
    all_sent = all_sent || atomic_load(&all.full);
    return all_sent && door->flight_count == 0 &&
           (options->unapplied_max == 0 || door->processed >= door->sent);
}

static void *run_door(void *context)
{
    struct door *door = context;
    uint64_t before = 0;
    int64_t moved_us = kp_mono_now().us;
    while (!is_done(door)) {
        send_what_may(door);
        receive(door, door->options->rate > 0 ? 1 : POLL_MS);
        if (door->receipted + door->processed != before) {
            before = door->receipted + door->processed;
            moved_us = kp_mono_now().us;
        } else if (kp_mono_now().us - moved_us > STALL_US) {
            give_up("nothing came for a minute", NULL);
        }
    }
    if (door->unacked > 0) {
        acknowledge(door);
        receive(door, POLL_MS);
    }
    return NULL;
}

static void *run_keeper(void *context)
{
    struct door *door = context;
    while (!atomic_load(&all.stop)) {
        receive(door, POLL_MS);
    }
    return NULL;
}

/* --- main --- */

static double processor_used(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void prepare(const struct options *options, const struct people *people)
{
    for (uint32_t i = 0; i < options->door_count; i++) {
        struct door *door = &all.doors[i];
        door->options = options;
        door->people = people;
        door->index = i;
        door->random = options->seed * 1000 + i;
        fill_pool(door, pool_of(options));
    }
}

int main(int argc, char **argv)
{
    static struct options options = {
        .batch = 100, .window = 32, .counts_percent = 10, .ack_every = 64};
    static struct people people;
    static struct door keeper;
    pthread_t threads[DOORS_MAX], keeper_thread;
    struct kp_diag diag = {0};
    read_options(argc, argv, &options);
    if (kp_crypto_init(&diag) != KP_OK) {
        give_up("no cryptography", &diag);
    }
    people_init(&people);
    prepare(&options, &people);
    for (uint32_t i = 0; i < options.door_count; i++) {
        open_door(&all.doors[i], options.doors[i], /* signs= */ true);
    }
    if (options.keeper != NULL) {
        keeper.options = &options;
        open_door(&keeper, options.keeper, /* signs= */ false);
        KP_ASSERT(pthread_create(&keeper_thread, NULL, run_keeper, &keeper) == 0);
    }
    double used = processor_used();
    all.began_us = kp_mono_now().us;
    for (uint32_t i = 0; i < options.door_count; i++) {
        KP_ASSERT(pthread_create(&threads[i], NULL, run_door, &all.doors[i]) == 0);
    }
    for (uint32_t i = 0; i < options.door_count; i++) {
        KP_ASSERT(pthread_join(threads[i], NULL) == 0);
    }
    double seconds = (double)(kp_mono_now().us - all.began_us) / 1e6;
    if (options.keeper != NULL) {
        atomic_store(&all.stop, true);
        KP_ASSERT(pthread_join(keeper_thread, NULL) == 0);
    }
    used = processor_used() - used;
    print_figures(&options, seconds, used);
    for (uint32_t i = 0; i < options.door_count; i++) {
        close_door(&all.doors[i]);
    }
    if (options.keeper != NULL) {
        close_door(&keeper);
    }
    free(all.alerts.list);
    return 0;
}
