/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What goes over the wire, and what one reads there: 100 planted names pass a relay that keeps
 * every byte. Over a door none of them is found; over a socket without CURVE all are (the control:
 * the relay and the search can see).
 */
#define _GNU_SOURCE /* memmem */
#include "relay_kit.h"

#define NAMES 100

/* As a person's name in our messages: text in a frame. */
static void name_of(uint32_t i, char text[KIT_TEXT_MAX])
{
    (void)snprintf(text, KIT_TEXT_MAX, "Geheimenaam-%u-%08x-van-Voorbeeldstad", i,
                   (i + 1) * 2654435761u);
}

static uint32_t names_seen(const struct relay *relay)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < NAMES; i++) {
        char name[KIT_TEXT_MAX];
        name_of(i, name);
        found += memmem(relay->seen, relay->seen_size, name, strlen(name)) != NULL;
    }
    return found;
}

/* Each name goes there and comes back. */
static void say_all(struct kit_client *client)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        char name[KIT_TEXT_MAX];
        name_of(i, name);
        kit_say(client, name);
        KIT_ASSERT_HEARS(client, name);
    }
}

static void over_a_door_nothing_is_readable(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key = kit_key();
    hub->echo = true;
    struct relay *relay = relay_start(kit_door(hub, 1, kit_allow(&key, NULL)));
    struct kit_client client = kit_connect(hub, &key, relay->port);
    say_all(&client);
    assert_int_equal(kit_frame_count(hub), NAMES);
    kit_leave(&client);
    relay_stop(relay);
    assert_true(relay->seen_size > 2 * NAMES * 40); /* they did pass here */
    assert_int_equal(names_seen(relay), 0);
    relay_free(relay);
    kit_hub_stop(hub);
}

static void *echo_all(void *socket)
{
    char text[KIT_TEXT_MAX];
    for (uint32_t i = 0; i < NAMES; i++) {
        int size = zmq_recv(socket, text, sizeof text, 0);
        if (size > 0) {
            (void)zmq_send(socket, text, (size_t)size, 0); /* the client fails when it misses one */
        }
    }
    return NULL;
}

static void without_curve_everything_is(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    void *server = zmq_socket(context, ZMQ_PAIR);
    char endpoint[64];
    size_t endpoint_size = sizeof endpoint;
    pthread_t thread;
    kp_curve_set_int(server, ZMQ_LINGER, 0);
    assert_int_equal(zmq_bind(server, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size), 0);
    assert_int_equal(pthread_create(&thread, NULL, echo_all, server), 0);
    struct relay *relay = relay_start((uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10));
    struct kit_client client = kit_connect_as(ZMQ_PAIR, NULL, NULL, relay->port);
    say_all(&client);
    assert_int_equal(pthread_join(thread, NULL), 0);
    kit_leave(&client);
    relay_stop(relay);
    assert_int_equal(names_seen(relay), NAMES);
    relay_free(relay);
    zmq_close(server);
    zmq_ctx_term(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_a_door_nothing_is_readable),
        cmocka_unit_test(without_curve_everything_is),
    };
    return cmocka_run_group_tests_name("the wire", tests, NULL, NULL);
}
