/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Answers to checks whether a person is known. A check is a command like any other: journalled,
 * applied, audited; what it found stands in its row. Its answer says nothing by its size (padded to
 * KP_KNOWN_ANSWER_BYTES) and nothing by its time: it is made as soon as the check is applied, and
 * leaves at a fixed delay after the frame arrived, or, when it was not ready then, at the next
 * multiple of it. What takes longer for one person than for another is over long before, and what
 * is left to measure is noise.
 */
#include "hub.h"

#include "base/assert.h"
#include "base/uuid.h"
#include "core/known.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (1u << 20)
#define IDLE_US 1000000
#define PADDING_HEAD_BYTES 3u /* its tag, and a length of 128 to 16383 */

struct desk {
    struct kp_hub *hub;
    struct kp_arena arena;
    struct kp_mono next; /* when something is due */
};

void kp_known_init(struct kp_hub *hub)
{
    hub->known.list = calloc(KP_KNOWN_WAITING_MAX, sizeof *hub->known.list);
    KP_ASSERT(hub->known.list != NULL);
}

void kp_known_done(struct kp_hub *hub)
{
    for (uint32_t i = 0; i < hub->known.count; i++) {
        free(hub->known.list[i].frame);
    }
    free(hub->known.list);
    hub->known.list = NULL;
    hub->known.count = 0;
}

bool kp_known_admit(struct kp_hub *hub)
{
    if (atomic_fetch_add(&hub->known.admitted, 1) < KP_KNOWN_WAITING_MAX) {
        return true;
    }
    kp_known_give_up(hub);
    return false;
}

void kp_known_give_up(struct kp_hub *hub)
{
    atomic_fetch_sub(&hub->known.admitted, 1);
}

static int64_t delay_us(const struct kp_hub *hub)
{
    return hub->config->hub.check_delay_ms * 1000;
}

void kp_known_put(struct kp_hub *hub, const struct kp_entry *entry, uint64_t position)
{
    (void)pthread_mutex_lock(&hub->progress.lock);
    KP_ASSERT(hub->known.count < KP_KNOWN_WAITING_MAX); /* each was admitted */
    struct kp_known_waiting *waiting = &hub->known.list[hub->known.count++];
    *waiting = (struct kp_known_waiting){
        .position = position, .door = entry->door, .due = {entry->arrived.us + delay_us(hub)}};
    memcpy(waiting->session, entry->session, sizeof waiting->session);
    memcpy(waiting->message_id, entry->message_id, sizeof waiting->message_id);
    (void)pthread_mutex_unlock(&hub->progress.lock); /* the writer wakes everybody afterwards */
}

/* --- the answer --- */

static ProtobufCBinaryData binary(const uint8_t *bytes, size_t size)
{
    /* protobuf-c's pack only reads, but its type is not const. */
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

static bool is_told(const struct kp_stored_check *check, uint16_t number)
{
    bool told = false;
    for (uint32_t i = 0; i < check->told_count; i++) {
        told = told || check->told[i] == number;
    }
    return told;
}

/* A contact is made of every partner, and those that are told are taken. */
static void put_contacts(struct desk *desk, const struct kp_house *house,
                         const struct kp_stored_check *check, Knooppunt__V1__KnownAnswer *answer)
{
    size_t count = house->partner_count;
    Knooppunt__V1__Contact *contacts = kp_arena_alloc(&desk->arena, sizeof *contacts * count);
    answer->contacts = kp_arena_alloc(&desk->arena, sizeof *answer->contacts * count);
    KP_ASSERT(contacts != NULL && answer->contacts != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct kp_partner *partner = &house->partners[i];
        contacts[i] = (Knooppunt__V1__Contact)KNOOPPUNT__V1__CONTACT__INIT;
        contacts[i].partner = (char *)(uintptr_t)partner->name;
        contacts[i].text = (char *)(uintptr_t)partner->contact;
        answer->contacts[answer->n_contacts] = &contacts[i];
        answer->n_contacts += is_told(check, partner->number) ? 1 : 0;
    }
}

static void pad(Knooppunt__V1__KnownAnswer *answer)
{
    static const uint8_t nothing[KP_KNOWN_ANSWER_BYTES];
    size_t size = kp_codec_size(&answer->base);
    KP_ASSERT(size + PADDING_HEAD_BYTES + 128 <= KP_KNOWN_ANSWER_BYTES); /* config/house_check.c */
    answer->has_padding = 1;
    answer->padding = binary(nothing, KP_KNOWN_ANSWER_BYTES - PADDING_HEAD_BYTES - size);
    KP_ASSERT(kp_codec_size(&answer->base) == KP_KNOWN_ANSWER_BYTES);
}

static struct kp_slice pack_answer(struct desk *desk, const struct kp_house *house,
                                   const struct kp_known_waiting *waiting,
                                   const struct kp_stored_check *check)
{
    uint8_t message_id[KP_UUID_BYTES];
    uint8_t random[KP_UUID_RANDOM_BYTES];
    Knooppunt__V1__Envelope envelope = KNOOPPUNT__V1__ENVELOPE__INIT;
    Knooppunt__V1__KnownAnswer answer = KNOOPPUNT__V1__KNOWN_ANSWER__INIT;
    kp_random(random, sizeof random);
    kp_uuid7(kp_wall_now(), random, message_id);
    answer.has_check_message_id = answer.has_code = answer.has_known = 1;
    answer.check_message_id = binary(waiting->message_id, sizeof waiting->message_id);
    answer.code = check->outcome == KP_KNOWN_QUOTA ? KP_E_QUOTA : KP_OK;
    answer.known = check->outcome == KP_KNOWN_HIT;
    put_contacts(desk, house, check, &answer);
    pad(&answer);
    envelope.has_schema = envelope.has_message_id = envelope.has_session = 1;
    envelope.schema = 1;
    envelope.message_id = binary(message_id, sizeof message_id);
    envelope.session = binary(waiting->session, sizeof waiting->session);
    envelope.body_case = KNOOPPUNT__V1__ENVELOPE__BODY_KNOWN_ANSWER;
    envelope.known_answer = &answer;
    return kp_codec_pack(&desk->arena, &envelope.base);
}

/* The frame of the answer, to be freed; NULL: the row cannot be read, and the asker asks again. */
static uint8_t *make_answer(struct desk *desk, const struct kp_known_waiting *waiting,
                            size_t *ret_bytes)
{
    struct kp_hub *hub = desk->hub;
    struct kp_txn *txn;
    struct kp_diag diag = {0};
    struct kp_stored_check check;
    if (kp_txn_begin(&hub->store, /* write= */ false, &txn, &diag) != KP_OK) {
        return NULL;
    }
    bool found = kp_known_get(txn, waiting->position, &check);
    kp_txn_abort(txn);
    if (!found) {
        return NULL;
    }
    kp_arena_reset(&desk->arena);
    struct kp_view *view = kp_view_hold(hub);
    struct kp_slice frame = pack_answer(desk, &view->core.house, waiting, &check);
    kp_view_release(view);
    uint8_t *bytes = malloc(frame.size);
    KP_ASSERT(frame.size > 0 && bytes != NULL);
    memcpy(bytes, frame.bytes, frame.size);
    *ret_bytes = frame.size;
    return bytes;
}

/* --- the thread --- */

/* It leaves the list, for which it was admitted. Locked. */
static void take_out(struct kp_hub *hub, uint32_t at)
{
    uint16_t door = hub->known.list[at].door;
    hub->known.list[at] = hub->known.list[--hub->known.count];
    kp_known_give_up(hub);
    kp_deliver_land(hub->deliver, door);
}

/* The lock is let go of while an answer is made or sent: the list may grow in the meantime, and
 * nobody else takes from it. Locked. */
static void make_ready(struct desk *desk, uint32_t at)
{
    struct kp_hub *hub = desk->hub;
    struct kp_known_waiting waiting = hub->known.list[at];
    (void)pthread_mutex_unlock(&hub->progress.lock);
    waiting.frame = make_answer(desk, &waiting, &waiting.frame_bytes);
    (void)pthread_mutex_lock(&hub->progress.lock);
    hub->known.list[at] = waiting;
    if (waiting.frame == NULL) {
        kp_hub_count(hub, KP_METRIC_frames_dropped, 1);
        take_out(hub, at);
    }
}

static void send_answer(struct kp_hub *hub, uint32_t at)
{
    struct kp_known_waiting waiting = hub->known.list[at];
    take_out(hub, at);
    (void)pthread_mutex_unlock(&hub->progress.lock);
    kp_hub_send(hub, waiting.door, kp_slice_of(waiting.frame, waiting.frame_bytes));
    free(waiting.frame);
    (void)pthread_mutex_lock(&hub->progress.lock);
}

/* Of those that are due the earliest leaves first; else one that is applied is made ready. false:
 * nothing is to be done until desk->next. Locked. */
static bool step(struct desk *desk)
{
    struct kp_hub *hub = desk->hub;
    struct kp_mono now = kp_mono_now();
    uint32_t first = UINT32_MAX;
    uint32_t unready = UINT32_MAX;
    desk->next.us = now.us + IDLE_US;
    for (uint32_t i = 0; i < hub->known.count; i++) {
        struct kp_known_waiting *waiting = &hub->known.list[i];
        bool applied = waiting->position <= hub->progress.applied;
        while (waiting->frame == NULL && waiting->due.us <= now.us) { /* late: at the next one */
            waiting->due.us += delay_us(hub);
        }
        if (waiting->due.us < desk->next.us) {
            desk->next = waiting->due;
            first = i;
        }
        unready = waiting->frame == NULL && applied ? i : unready;
    }
    if (first != UINT32_MAX && desk->next.us <= now.us) {
        send_answer(hub, first);
        return true;
    }
    if (unready != UINT32_MAX) {
        make_ready(desk, unready);
        return true;
    }
    return false;
}

void *kp_known_run(void *context)
{
    struct kp_hub *hub = context;
    struct desk desk = {.hub = hub};
    kp_arena_init(&desk.arena, ARENA_BYTES);
    (void)pthread_mutex_lock(&hub->progress.lock);
    while (!atomic_load(&hub->stopping) && !atomic_load(&hub->fatal)) {
        if (!step(&desk)) {
            struct timespec until = {.tv_sec = desk.next.us / 1000000,
                                     .tv_nsec = desk.next.us % 1000000 * 1000};
            (void)pthread_cond_timedwait(&hub->progress.changed, &hub->progress.lock, &until);
        }
    }
    (void)pthread_mutex_unlock(&hub->progress.lock);
    kp_arena_done(&desk.arena);
    return NULL;
}
