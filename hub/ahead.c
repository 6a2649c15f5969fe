/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Hints stand in a ring, in the order of their positions, and in chains by their tags. The reader
 * puts them in at one end, the applier takes them out at the other.
 */
#include "ahead.h"

#include "base/assert.h"
#include "base/log.h"
#include "core/match.h"
#include "core/reference.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS 16384u          /* forms that are weighed ahead at a time */
#define BYTES_MAX (24u << 20) /* what their hints take */
#define HINTS_EACH_MAX 1024u
#define POSITIONS_MAX 4096u /* how far ahead */
/* As long as less waits the applier is quick enough, and alone with the processors. */
#define WAITING_MIN 500u
#define CHUNK_RECORDS 4u
#define CHUNK_BYTES (1u << 20)
#define NICE 5 /* as the applier */
#define NOTHING UINT32_MAX

struct slot {
    uint64_t position;
    struct kp_hints *hints;
    uint32_t next; /* of the chain: an older one */
};

struct kp_ahead {
    struct kp_hub *hub;
    pthread_t thread;
    struct kp_journal_reader *reader;
    struct kp_journal_record records[CHUNK_RECORDS];
    struct kp_hints *found;     /* room for HINTS_EACH_MAX */
    uint64_t next;              /* position to look at next */
    _Atomic uint64_t begin, at; /* begin 0: not told yet; at: the applier's */
    pthread_mutex_t lock;       /* of what follows */
    size_t bytes;
    uint64_t first, last; /* slots in use: first <= number < last, each at number % SLOTS */
    struct slot slots[SLOTS];
    uint32_t chains[SLOTS];
};

/* --- the ring --- */

static uint32_t *chain_of(struct kp_ahead *ahead, const uint8_t *tag)
{
    return &ahead->chains[(tag[0] | (uint32_t)tag[1] << 8) % SLOTS];
}

static size_t bytes_of(const struct kp_hints *hints)
{
    return sizeof *hints + sizeof hints->hints[0] * hints->count;
}

static bool has_room(struct kp_ahead *ahead)
{
    (void)pthread_mutex_lock(&ahead->lock);
    bool room =
        ahead->last - ahead->first < SLOTS - KP_SIGNAL_PERSONS_MAX && ahead->bytes < BYTES_MAX;
    (void)pthread_mutex_unlock(&ahead->lock);
    return room;
}

static void put(struct kp_ahead *ahead, uint64_t position, const struct kp_hints *found)
{
    struct kp_hints *hints = malloc(bytes_of(found));
    if (hints == NULL) {
        return; /* then the applier weighs it */
    }
    memcpy(hints, found, bytes_of(found));
    (void)pthread_mutex_lock(&ahead->lock);
    KP_ASSERT(ahead->last - ahead->first < SLOTS);
    uint32_t place = (uint32_t)(ahead->last++ % SLOTS);
    uint32_t *chain = chain_of(ahead, hints->tag);
    ahead->slots[place] = (struct slot){.position = position, .hints = hints, .next = *chain};
    ahead->bytes += bytes_of(hints);
    *chain = place;
    (void)pthread_mutex_unlock(&ahead->lock);
}

/* Locked. The oldest one is the last of its chain. */
static void drop_first(struct kp_ahead *ahead)
{
    uint32_t place = (uint32_t)(ahead->first++ % SLOTS);
    struct slot *slot = &ahead->slots[place];
    uint32_t *link = chain_of(ahead, slot->hints->tag);
    while (*link != place) {
        link = &ahead->slots[*link].next;
    }
    *link = slot->next;
    ahead->bytes -= bytes_of(slot->hints);
    free(slot->hints);
    slot->hints = NULL;
}

void kp_ahead_pass(struct kp_ahead *ahead, uint64_t position)
{
    atomic_store(&ahead->at, position);
    (void)pthread_mutex_lock(&ahead->lock);
    while (ahead->first < ahead->last && ahead->slots[ahead->first % SLOTS].position < position) {
        drop_first(ahead);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
}

const struct kp_hints *kp_ahead_hints(void *context, const uint8_t tag[KP_TAG_BYTES])
{
    struct kp_ahead *ahead = context;
    (void)pthread_mutex_lock(&ahead->lock);
    uint32_t place = *chain_of(ahead, tag);
    while (place != NOTHING && memcmp(ahead->slots[place].hints->tag, tag, KP_TAG_BYTES) != 0) {
        place = ahead->slots[place].next;
    }
    /* Only this thread frees them. */
    const struct kp_hints *hints = place == NOTHING ? NULL : ahead->slots[place].hints;
    (void)pthread_mutex_unlock(&ahead->lock);
    return hints;
}

/* --- the reader --- */

/* false: what was read does not decode or the transaction failed; the applier will say so. */
static bool look_at_signal(struct kp_ahead *ahead, const struct kp_match_model *model,
                           struct kp_txn *txn, const struct kp_command_signal *signal,
                           uint64_t position)
{
    struct kp_reference known;
    if (signal->held_code == KP_OK) {
        (void)kp_reference_get(txn, signal->reference_tag, &known); /* so that it is at hand */
    }
    for (uint8_t i = 0; signal->held_code == KP_OK && !signal->withdraw &&
                        i < signal->mention_count && kp_txn_error(txn) == KP_OK;
         i++) {
        size_t mark = kp_txn_scratch_mark(txn);
        if (kp_match_foresee(model, txn, signal, i, HINTS_EACH_MAX, ahead->found)) {
            put(ahead, position, ahead->found);
        }
        kp_txn_scratch_restore(txn, mark);
    }
    return kp_txn_error(txn) == KP_OK;
}

static bool look_at_batch(struct kp_ahead *ahead, const struct kp_match_model *model,
                          struct kp_txn *txn, const struct kp_journal_record *record,
                          struct kp_reader *reader)
{
    struct kp_command_batch batch;
    struct kp_command_signal signal;
    kp_command_get_batch(reader, &batch);
    for (uint32_t i = 0; kp_reader_ok(reader) && i < batch.signal_count && has_room(ahead) &&
                         record->position > atomic_load(&ahead->at);
         i++) {
        kp_command_get_signal(reader, &signal);
        if (!kp_reader_ok(reader) ||
            !look_at_signal(ahead, model, txn, &signal, record->position)) {
            return false;
        }
    }
    return kp_reader_ok(reader);
}

static bool look_at_records(struct kp_ahead *ahead, uint32_t count)
{
    struct kp_txn *txn;
    struct kp_diag diag;
    if (kp_txn_begin(&ahead->hub->store, /* write= */ false, &txn, &diag) != KP_OK) {
        return false;
    }
    kp_txn_read_ahead(txn);
    struct kp_view *view = kp_view_hold(ahead->hub);
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++) {
        const struct kp_journal_record *record = &ahead->records[i];
        struct kp_command_head head;
        struct kp_reader reader;
        kp_reader_init(&reader, record->body);
        kp_command_get_head(&reader, &head);
        ahead->next = record->position + record->positions;
        if (kp_reader_ok(&reader) && head.kind == KP_COMMAND_BATCH) {
            good = look_at_batch(ahead, &view->core.model, txn, record, &reader);
        }
    }
    kp_view_release(view);
    kp_txn_abort(txn);
    return good;
}

/* Locked: the progress. */
static bool is_behind(struct kp_ahead *ahead)
{
    const struct kp_progress *progress = &ahead->hub->progress;
    uint64_t at = atomic_load(&ahead->at);
    uint64_t begin = atomic_load(&ahead->begin);
    ahead->next = ahead->next <= at ? at + 1 : ahead->next;
    ahead->next = ahead->next < begin ? begin : ahead->next;
    return begin != 0 && ahead->next <= progress->journalled && ahead->next - at < POSITIONS_MAX &&
           progress->journalled - at >= WAITING_MIN && has_room(ahead);
}

/* false: the hub stops. */
static bool wait_for_work(struct kp_ahead *ahead)
{
    struct kp_hub *hub = ahead->hub;
    (void)pthread_mutex_lock(&hub->progress.lock);
    while (!is_behind(ahead) && !atomic_load(&hub->stopping) && !atomic_load(&hub->fatal)) {
        (void)pthread_cond_wait(&hub->progress.changed, &hub->progress.lock);
    }
    (void)pthread_mutex_unlock(&hub->progress.lock);
    return !atomic_load(&hub->stopping) && !atomic_load(&hub->fatal);
}

static void *run(void *context)
{
    struct kp_ahead *ahead = context;
    struct kp_diag diag;
    uint32_t count;
    bool good = true;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* a wish, not a need */
    while (good && wait_for_work(ahead)) {
        good = kp_journal_read(ahead->reader, ahead->next, ahead->records, CHUNK_RECORDS,
                               CHUNK_BYTES, &count, &diag) == KP_OK &&
               look_at_records(ahead, count);
    }
    if (!good) { /* the applier meets the same and knows what to do */
        kp_log(KP_LOG_INFO, "ahead.ends", "position=%llu", (unsigned long long)ahead->next);
    }
    return NULL;
}

/* --- begin and end --- */

struct kp_ahead *kp_ahead_start(struct kp_hub *hub)
{
    struct kp_ahead *ahead = calloc(1, sizeof *ahead);
    KP_ASSERT(ahead != NULL);
    ahead->hub = hub;
    ahead->found = calloc(1, sizeof *ahead->found + sizeof ahead->found->hints[0] * HINTS_EACH_MAX);
    KP_ASSERT(ahead->found != NULL);
    memset(ahead->chains, 0xff, sizeof ahead->chains); /* NOTHING */
    ahead->reader = kp_journal_reader_new(hub->journal);
    KP_ASSERT(pthread_mutex_init(&ahead->lock, NULL) == 0);
    KP_ASSERT(pthread_create(&ahead->thread, NULL, run, ahead) == 0);
    return ahead;
}

struct kp_ahead *kp_ahead_stop(struct kp_ahead *ahead)
{
    if (ahead == NULL) {
        return NULL;
    }
    (void)pthread_join(ahead->thread, NULL);
    kp_ahead_pass(ahead, UINT64_MAX);
    ahead->reader = kp_journal_reader_free(ahead->reader);
    (void)pthread_mutex_destroy(&ahead->lock);
    free(ahead->found);
    free(ahead);
    return NULL;
}

void kp_ahead_begin(struct kp_ahead *ahead, uint64_t position)
{
    atomic_store(&ahead->begin, position);
}
