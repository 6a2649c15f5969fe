/* SPDX-License-Identifier: EUPL-1.2 */
#include "deliver/deliver.h"

#include "base/assert.h"
#include "base/crash.h"
#include "base/uuid.h"
#include "core/counterpart.h"
#include "core/outbox.h"
#include "proto/codec.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_EVENTS_MAX 256u
#define FRAME_EVENT_BYTES_MAX (512u * 1024u)
#define RETRY_MS 20

struct session {
    bool open, wake;
    uint8_t id[KP_SESSION_BYTES];
    uint32_t generation; /* a session that was replaced while its mailbox was read is left alone */
    uint32_t credit, in_flight;
    uint64_t sent_seq, events_sent;
    struct kp_wall since;
};

struct kp_deliver {
    struct kp_store *store;
    struct kp_doors *doors;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    bool stopping, work;
    struct session sessions[KP_COUNTERPART_NUMBERS];
    struct kp_arena arena;
};

void kp_deliver_open(struct kp_deliver *deliver, uint16_t door,
                     const uint8_t session[KP_SESSION_BYTES], uint64_t acked_seq)
{
    KP_ASSERT(door < KP_COUNTERPART_NUMBERS);
    (void)pthread_mutex_lock(&deliver->lock);
    struct session *opened = &deliver->sessions[door];
    uint32_t generation = opened->generation + 1;
    *opened = (struct session){
        .open = true, .generation = generation, .sent_seq = acked_seq, .since = kp_wall_now()};
    memcpy(opened->id, session, KP_SESSION_BYTES);
    (void)pthread_mutex_unlock(&deliver->lock);
}

void kp_deliver_close(struct kp_deliver *deliver, uint16_t door)
{
    (void)pthread_mutex_lock(&deliver->lock);
    deliver->sessions[door].open = false;
    deliver->sessions[door].generation++;
    (void)pthread_mutex_unlock(&deliver->lock);
}

bool kp_deliver_is_session(struct kp_deliver *deliver, uint16_t door, struct kp_slice session)
{
    (void)pthread_mutex_lock(&deliver->lock);
    const struct session *present = &deliver->sessions[door];
    bool same =
        present->open && kp_slice_equal(session, kp_slice_of(present->id, sizeof present->id));
    (void)pthread_mutex_unlock(&deliver->lock);
    return same;
}

static void wake_locked(struct kp_deliver *deliver, uint16_t door)
{
    deliver->sessions[door].wake = true;
    deliver->work = true;
    (void)pthread_cond_signal(&deliver->wakeup);
}

void kp_deliver_credit(struct kp_deliver *deliver, uint16_t door, uint32_t events)
{
    (void)pthread_mutex_lock(&deliver->lock);
    struct session *session = &deliver->sessions[door];
    session->credit =
        events > KP_ACK_ROWS_MAX - session->credit ? KP_ACK_ROWS_MAX : session->credit + events;
    wake_locked(deliver, door);
    (void)pthread_mutex_unlock(&deliver->lock);
}

void kp_deliver_wake(struct kp_deliver *deliver, const uint64_t *mailboxes)
{
    (void)pthread_mutex_lock(&deliver->lock);
    for (uint32_t word = 0; word < KP_COUNTERPART_NUMBERS / 64; word++) {
        for (uint64_t bits = mailboxes[word]; bits != 0; bits &= bits - 1) {
            wake_locked(deliver, (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(bits)));
        }
    }
    (void)pthread_mutex_unlock(&deliver->lock);
}

bool kp_deliver_take_off(struct kp_deliver *deliver, uint16_t door, uint32_t in_flight_max)
{
    (void)pthread_mutex_lock(&deliver->lock);
    bool room = deliver->sessions[door].in_flight < in_flight_max;
    deliver->sessions[door].in_flight += room ? 1 : 0;
    (void)pthread_mutex_unlock(&deliver->lock);
    return room;
}

void kp_deliver_land(struct kp_deliver *deliver, uint16_t door)
{
    (void)pthread_mutex_lock(&deliver->lock);
    struct session *session = &deliver->sessions[door];
    session->in_flight -=
        session->in_flight > 0 ? 1 : 0; /* of an earlier session: already forgotten */
    (void)pthread_mutex_unlock(&deliver->lock);
}

void kp_deliver_stat(struct kp_deliver *deliver, uint16_t door, struct kp_session_stat *ret_stat)
{
    (void)pthread_mutex_lock(&deliver->lock);
    const struct session *session = &deliver->sessions[door];
    *ret_stat = (struct kp_session_stat){.open = session->open,
                                         .credit = session->credit,
                                         .in_flight = session->in_flight,
                                         .sent_seq = session->sent_seq,
                                         .events_sent = session->events_sent,
                                         .since = session->since};
    (void)pthread_mutex_unlock(&deliver->lock);
}

/* --- the thread --- */

/* One frame's worth of events after @after, at most @count_max. Returns how many; the frame is made
 * in the arena. */
static uint32_t read_events(struct kp_deliver *deliver, struct kp_txn *txn, uint16_t door,
                            uint64_t after, uint32_t count_max, Knooppunt__V1__Delivery *deliveries,
                            Knooppunt__V1__Delivery **list)
{
    size_t bytes = 0;
    uint32_t count = 0;
    struct kp_key from = kp_key_u64(kp_key_u16(kp_key_none(), door), after);
    struct kp_slice key;
    struct kp_slice value;
    while (
        count < count_max && count < FRAME_EVENTS_MAX && bytes < FRAME_EVENT_BYTES_MAX &&
        kp_txn_seek(txn, KP_TABLE_OUTBOX, kp_key_slice(&from), /* after= */ true, &key, &value)) {
        struct kp_reader reader;
        kp_reader_init(&reader, key);
        uint16_t mailbox = kp_get_u16(&reader);
        uint64_t seq = kp_get_u64(&reader);
        if (mailbox != door) {
            break;
        }
        if (count > 0 && bytes + value.size > FRAME_EVENT_BYTES_MAX) {
            break;
        }
        uint8_t *copy = kp_arena_alloc(&deliver->arena, value.size);
        if (copy == NULL) {
            break;
        }
        memcpy(copy, value.bytes, value.size);
        deliveries[count] = (Knooppunt__V1__Delivery)KNOOPPUNT__V1__DELIVERY__INIT;
        deliveries[count].has_seq = 1;
        deliveries[count].seq = seq;
        deliveries[count].has_event = 1;
        deliveries[count].event = (ProtobufCBinaryData){.len = value.size, .data = copy};
        list[count] = &deliveries[count];
        bytes += value.size;
        count++;
        from = kp_key_u64(kp_key_u16(kp_key_none(), door), seq);
    }
    return count;
}

static struct kp_slice pack_frame(struct kp_deliver *deliver, const char *mailbox,
                                  const uint8_t *session, Knooppunt__V1__Delivery **list,
                                  uint32_t count)
{
    uint8_t random[10];
    uint8_t message_id[16];
    uint8_t session_id[KP_SESSION_BYTES];
    char name[KP_ID_BYTES_MAX + 1];
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__Deliver deliver_message = KNOOPPUNT__V1__DELIVER__INIT;
    kp_random(random, sizeof random);
    kp_uuid7(kp_wall_now(), random, message_id);
    memcpy(session_id, session, sizeof session_id);
    memcpy(name, mailbox, sizeof name);
    deliver_message.mailbox = name;
    deliver_message.n_deliveries = count;
    deliver_message.deliveries = list;
    envelope.has_schema = 1;
    envelope.schema = 1;
    envelope.has_message_id = 1;
    envelope.message_id = (ProtobufCBinaryData){.len = sizeof message_id, .data = message_id};
    envelope.has_session = 1;
    envelope.session = (ProtobufCBinaryData){.len = sizeof session_id, .data = session_id};
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_DELIVER;
    envelope.deliver = &deliver_message;
    return kp_codec_pack(&deliver->arena, &envelope.base);
}

/* What a frame takes from the session is noted before the frame leaves: its receiver can
 * acknowledge it before the send has returned. false: another session began meanwhile. */
static bool note_sent(struct kp_deliver *deliver, uint16_t door, struct session *present,
                      uint32_t count, uint64_t last_seq)
{
    (void)pthread_mutex_lock(&deliver->lock);
    struct session *session = &deliver->sessions[door];
    bool same = session->open && session->generation == present->generation;
    if (same) {
        session->credit -= count < session->credit ? count : session->credit;
        session->sent_seq = last_seq;
        session->events_sent += count;
    }
    (void)pthread_mutex_unlock(&deliver->lock);
    present->credit -= count;
    present->sent_seq = last_seq;
    return same;
}

/* The frame did not leave: it goes again. */
static void take_back(struct kp_deliver *deliver, uint16_t door, const struct session *before,
                      uint32_t count)
{
    (void)pthread_mutex_lock(&deliver->lock);
    struct session *session = &deliver->sessions[door];
    if (session->open && session->generation == before->generation) {
        session->credit =
            count > KP_ACK_ROWS_MAX - session->credit ? KP_ACK_ROWS_MAX : session->credit + count;
        session->sent_seq = before->sent_seq;
        session->events_sent -= count;
    }
    (void)pthread_mutex_unlock(&deliver->lock);
}

/* Move as much as credit allows. true: the door's queue was full, come back soon. */
static bool serve(struct kp_deliver *deliver, struct kp_txn *txn, uint16_t door,
                  const char *mailbox, struct session present)
{
    static Knooppunt__V1__Delivery deliveries[FRAME_EVENTS_MAX]; /* one thread only */
    static Knooppunt__V1__Delivery *list[FRAME_EVENTS_MAX];
    while (present.credit > 0) {
        kp_arena_reset(&deliver->arena);
        size_t mark = kp_txn_scratch_mark(txn);
        uint32_t count =
            read_events(deliver, txn, door, present.sent_seq, present.credit, deliveries, list);
        kp_txn_scratch_restore(txn, mark);
        if (count == 0) {
            return false;
        }
        struct kp_slice frame = pack_frame(deliver, mailbox, present.id, list, count);
        KP_ASSERT(frame.size > 0);
        struct session before = present;
        if (!note_sent(deliver, door, &present, count, list[count - 1]->seq)) {
            return false;
        }
        kp_crash_point("deliver.before_send");
        enum kp_err err = kp_doors_send(deliver->doors, door, frame);
        if (err != KP_OK) {
            take_back(deliver, door, &before, count);
            return err ==
                   KP_E_LATER; /* without a peer the next session starts at the cursor again */
        }
        kp_crash_point("deliver.after_send");
    }
    return false;
}

/* The doors that were woken and have credit; one lock for all of them. */
static uint32_t take_woken(struct kp_deliver *deliver, uint16_t *ret_doors)
{
    uint32_t count = 0;
    (void)pthread_mutex_lock(&deliver->lock);
    for (uint16_t door = 1; door < KP_COUNTERPART_NUMBERS; door++) {
        struct session *session = &deliver->sessions[door];
        if (session->wake && session->open && session->credit > 0) {
            ret_doors[count++] = door;
        }
        session->wake = false;
    }
    (void)pthread_mutex_unlock(&deliver->lock);
    return count;
}

/* What may go now: the credit, within what one acknowledgement can remove. */
static uint32_t allowance(const struct session *present, const struct kp_mailbox *mailbox)
{
    uint64_t open = present->sent_seq - mailbox->acked_seq;
    uint64_t room = open < KP_ACK_ROWS_MAX ? KP_ACK_ROWS_MAX - open : 0;
    return present->credit < room ? present->credit : (uint32_t)room;
}

static bool serve_door(struct kp_deliver *deliver, struct kp_txn *txn, uint16_t door)
{
    struct kp_mailbox mailbox;
    struct kp_counterpart owner;
    (void)pthread_mutex_lock(&deliver->lock);
    struct session present = deliver->sessions[door];
    (void)pthread_mutex_unlock(&deliver->lock);
    kp_mailbox_get(txn, door, &mailbox);
    present.credit = present.sent_seq < mailbox.acked_seq ? 0 : allowance(&present, &mailbox);
    return present.open && mailbox.last_seq > present.sent_seq &&
           kp_counterpart_get(txn, door, &owner) && serve(deliver, txn, door, owner.id, present);
}

/* One pass over the doors that were woken. true: some must be tried again soon. */
static bool pass(struct kp_deliver *deliver)
{
    static uint16_t doors[KP_COUNTERPART_NUMBERS]; /* one thread only */
    struct kp_txn *txn;
    struct kp_diag diag;
    bool again = false;
    uint32_t count = take_woken(deliver, doors);
    if (count == 0) {
        return false;
    }
    bool readable = kp_txn_begin(deliver->store, /* write= */ false, &txn, &diag) == KP_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (!readable || serve_door(deliver, txn, doors[i])) {
            (void)pthread_mutex_lock(&deliver->lock);
            deliver->sessions[doors[i]].wake = true;
            (void)pthread_mutex_unlock(&deliver->lock);
            again = true;
        }
    }
    if (readable) {
        kp_txn_abort(txn);
    }
    return again;
}

static void *run(void *context)
{
    struct kp_deliver *deliver = context;
    bool again = false;
    (void)pthread_mutex_lock(&deliver->lock);
    while (!deliver->stopping) {
        if (!deliver->work && again) {
            struct timespec until;
            (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail with this clock */
            until.tv_nsec += RETRY_MS * 1000000L;
            until.tv_sec += until.tv_nsec / 1000000000L;
            until.tv_nsec %= 1000000000L;
            (void)pthread_cond_timedwait(&deliver->wakeup, &deliver->lock, &until);
        } else if (!deliver->work) {
            (void)pthread_cond_wait(&deliver->wakeup, &deliver->lock);
        }
        if (deliver->stopping) {
            break;
        }
        deliver->work = false;
        (void)pthread_mutex_unlock(&deliver->lock);
        again = pass(deliver);
        (void)pthread_mutex_lock(&deliver->lock);
    }
    (void)pthread_mutex_unlock(&deliver->lock);
    return NULL;
}

struct kp_deliver *kp_deliver_start(struct kp_store *store, struct kp_doors *doors)
{
    struct kp_deliver *deliver = calloc(1, sizeof *deliver);
    KP_ASSERT(deliver != NULL);
    deliver->store = store;
    deliver->doors = doors;
    kp_arena_init(&deliver->arena, 4u << 20);
    pthread_condattr_t attributes;
    KP_ASSERT(pthread_mutex_init(&deliver->lock, NULL) == 0);
    KP_ASSERT(pthread_condattr_init(&attributes) == 0);
    KP_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    KP_ASSERT(pthread_cond_init(&deliver->wakeup, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    KP_ASSERT(pthread_create(&deliver->thread, NULL, run, deliver) == 0);
    return deliver;
}

struct kp_deliver *kp_deliver_stop(struct kp_deliver *deliver)
{
    if (deliver == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&deliver->lock);
    deliver->stopping = true;
    (void)pthread_cond_signal(&deliver->wakeup);
    (void)pthread_mutex_unlock(&deliver->lock);
    KP_ASSERT(pthread_join(deliver->thread, NULL) == 0);
    (void)pthread_cond_destroy(&deliver->wakeup);
    (void)pthread_mutex_destroy(&deliver->lock);
    kp_arena_done(&deliver->arena);
    free(deliver);
    return NULL;
}
