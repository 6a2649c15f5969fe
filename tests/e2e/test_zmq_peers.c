/* SPDX-License-Identifier: EUPL-1.2 */
/* check: alone: heartbeats of 1 s and 2 s are real time, and a starved machine misses them.
 * One door, several that want to be its peer: a half-open predecessor, a second live program,
 * restarts of either side. Nothing of the one who is served is lost, and nothing of the others
 * arrives.
 */
#include "relay_kit.h"

#define DOOR 1
#define REPEATS 50

/* A counterpart as proto/README.md wants it: on each new connection it begins again with what was
 * not answered yet. Says "<name> 0" .. "<name> count-1", each echoed by the hub. */
struct talker {
    struct kit_client client;
    const char *name;
    uint32_t said, answered;
    bool connected;
};

static void look_around(struct talker *talker)
{
    struct kp_monitor_event event;
    while (kp_monitor_next(talker->client.monitor, &event)) {
        if (event.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            talker->connected = true;
            talker->said = talker->answered;
        } else if (event.event == ZMQ_EVENT_DISCONNECTED) {
            talker->connected = false;
        }
    }
}

/* Until all are answered; false when the time is over. */
static bool talk(struct talker *talker, uint32_t count, int64_t timeout_ms)
{
    int64_t until_ms = kit_ms() + timeout_ms;
    while (talker->answered < count && kit_ms() < until_ms) {
        char text[KIT_TEXT_MAX];
        char expected[KIT_TEXT_MAX];
        look_around(talker);
        bool may_say = talker->connected && talker->said < count;
        if (may_say) {
            (void)snprintf(text, sizeof text, "%s %u", talker->name, talker->said);
            talker->said += zmq_send(talker->client.socket, text, strlen(text), ZMQ_DONTWAIT) >= 0;
        }
        (void)snprintf(expected, sizeof expected, "%s %u", talker->name, talker->answered);
        while (strcmp(kit_hear(&talker->client, may_say ? 0 : 10, text), expected) == 0) {
            talker->answered++;
            (void)snprintf(expected, sizeof expected, "%s %u", talker->name, talker->answered);
        }
    }
    return talker->answered == count;
}

static uint32_t frames_of(struct kit_hub *hub, const char *name)
{
    uint32_t count = 0;
    pthread_mutex_lock(&hub->mutex);
    for (uint32_t i = 0; i < hub->frame_count && i < KIT_FRAMES_MAX; i++) {
        count += strncmp(hub->frames[i].text, name, strlen(name)) == 0;
    }
    pthread_mutex_unlock(&hub->mutex);
    return count;
}

static void behind_a_half_open_predecessor_a_newcomer_is_served_within_4_s(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key = kit_key();
    hub->echo = true;
    uint16_t port = kit_door(hub, DOOR, kit_allow(&key, NULL));
    struct relay *relay = relay_start(port);
    struct talker first = {.client = kit_connect(hub, &key, relay->port), .name = "first"};
    assert_true(talk(&first, 10, KIT_WAIT_MS));
    relay_freeze(relay);

    int64_t begin_ms = kit_ms();
    struct talker second = {.client = kit_connect(hub, &key, port), .name = "second"};
    assert_true(talk(&second, 1, KIT_WAIT_MS));
    int64_t served_ms = kit_ms() - begin_ms;
    print_message("newcomer served after %lld ms\n", (long long)served_ms);
    assert_true(served_ms <= 4000);
    assert_true(talk(&second, 100, KIT_WAIT_MS)); /* 0 lost */
    assert_int_equal(frames_of(hub, "first"), 10);
    assert_int_equal(kit_heard(hub, DOOR, KP_DOOR_CONNECTED), 2);
    assert_int_equal(kit_heard(hub, DOOR, KP_DOOR_DISCONNECTED), 1);
    kit_leave(&first.client);
    kit_leave(&second.client);
    relay_stop(relay);
    relay_free(relay);
    kit_hub_stop(hub);
}

static void a_second_live_program_is_kept_out_and_the_first_notices_nothing(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key = kit_key();
    hub->echo = true;
    uint16_t port = kit_door(hub, DOOR, kit_allow(&key, NULL));
    struct talker first = {.client = kit_connect(hub, &key, port), .name = "first"};
    assert_true(talk(&first, 10, KIT_WAIT_MS));
    struct talker second = {.client = kit_connect(hub, &key, port), .name = "second"};
    /* Until the second has been sent away once and has tried again. */
    uint32_t count = 10;
    int64_t slowest_ms = 0;
    for (int64_t until_ms = kit_ms() + KIT_WAIT_MS;
         kit_heard(hub, DOOR, KP_DOOR_BUSY) < 2 && kit_ms() < until_ms;) {
        kit_say(&second.client, "second");
        int64_t begin_ms = kit_ms();
        assert_true(talk(&first, ++count, KIT_WAIT_MS));
        slowest_ms = kit_ms() - begin_ms > slowest_ms ? kit_ms() - begin_ms : slowest_ms;
    }
    assert_true(kit_heard(hub, DOOR, KP_DOOR_BUSY) >= 2);
    assert_true(slowest_ms < 500);
    assert_int_equal(frames_of(hub, "second"), 0);
    assert_int_equal(frames_of(hub, "first"), count);
    assert_int_equal(kit_heard(hub, DOOR, KP_DOOR_CONNECTED), 1);
    assert_int_equal(kit_heard(hub, DOOR, KP_DOOR_DISCONNECTED), 0);

    /* Its turn comes as soon as the first leaves. */
    kit_leave(&first.client);
    int64_t begin_ms = kit_ms();
    assert_true(talk(&second, 1, KIT_WAIT_MS));
    assert_true(kit_ms() - begin_ms <= 1000);
    kit_leave(&second.client);
    kit_hub_stop(hub);
}

static void restarts_of_the_hub_lose_nobody(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key = kit_key();
    struct kp_door_keys keys = kit_allow(&key, NULL);
    struct kp_diag diag = {0};
    hub->echo = true;
    uint16_t port = kit_door(hub, DOOR, keys);
    struct talker talker = {.client = kit_connect(hub, &key, port), .name = "steady"};
    for (uint32_t i = 1; i <= 5; i++) {
        assert_true(talk(&talker, 20 * i, KIT_WAIT_MS));
        hub->doors = kp_doors_stop(hub->doors, KP_SLICE_EMPTY);
        assert_int_equal(kit_heard(hub, DOOR, KP_DOOR_DISCONNECTED), i);
        assert_int_equal(kit_hub_open(hub, 0, &diag), KP_OK);
        assert_int_equal(kp_doors_set(hub->doors, DOOR, port, &keys, KP_SLICE_EMPTY, &diag), KP_OK);
    }
    assert_true(talk(&talker, 120, KIT_WAIT_MS));
    kit_leave(&talker.client);
    kit_hub_stop(hub);
}

/* A program that is killed while it speaks: its successor is there before the hub has read all. */
static void restarts_of_a_counterpart_lose_nothing(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key = kit_key();
    hub->echo = true;
    uint16_t port = kit_door(hub, DOOR, kit_allow(&key, NULL));
    struct talker talker = {.name = "restarted"};
    int64_t slowest_ms = 0;
    for (uint32_t i = 1; i <= REPEATS; i++) {
        int64_t begin_ms = kit_ms();
        talker.client = kit_connect(hub, &key, port);
        talker.connected = false;
        assert_true(talk(&talker, 5 * i, KIT_WAIT_MS));
        slowest_ms = kit_ms() - begin_ms > slowest_ms ? kit_ms() - begin_ms : slowest_ms;
        for (int n = 0; n < 20; n++) {
            kit_say(&talker.client, "cut off");
        }
        kit_leave(&talker.client);
    }
    print_message("slowest successor served after %lld ms\n", (long long)slowest_ms);
    assert_true(slowest_ms <= 4000);
    kit_await_event(hub, DOOR, KP_DOOR_DISCONNECTED, REPEATS);
    assert_int_equal(kit_heard(hub, DOOR, KP_DOOR_CONNECTED),
                     kit_heard(hub, DOOR, KP_DOOR_DISCONNECTED));
    kit_hub_stop(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_a_half_open_predecessor_a_newcomer_is_served_within_4_s),
        cmocka_unit_test(a_second_live_program_is_kept_out_and_the_first_notices_nothing),
        cmocka_unit_test(restarts_of_the_hub_lose_nobody),
        cmocka_unit_test(restarts_of_a_counterpart_lose_nothing),
    };
    return cmocka_run_group_tests_name("peers of a door", tests, NULL, NULL);
}
