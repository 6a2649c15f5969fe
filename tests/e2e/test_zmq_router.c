/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Why there is no ROUTER in the hub. With libzmq 4.3.4 a peer that gives itself the routing id that
 * the next nameless peer would get aborts the process; and with ZMQ_ROUTER_HANDOVER a peer that
 * gives itself another's id takes that one's replies. A door has no routing ids: the same peers
 * come to nothing.
 */
#include "door_kit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static uint16_t bind_any(void *socket)
{
    char endpoint[64];
    size_t endpoint_size = sizeof endpoint;
    kp_curve_set_int(socket, ZMQ_LINGER, 0);
    assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size), 0);
    return (uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10);
}

/* Receive id and text at a ROUTER. */
static int router_hear(void *router, uint8_t id[256], char text[KIT_TEXT_MAX])
{
    int id_size = zmq_recv(router, id, 256, 0);
    int size = zmq_recv(router, text, KIT_TEXT_MAX - 1, 0);
    text[size < 0 ? 0 : size] = '\0';
    return id_size;
}

/* The id after @id: 0, then a number that goes up by one with each nameless peer. */
static void next_id(uint8_t id[5])
{
    for (int i = 4; i > 0; i--) {
        if (++id[i] != 0) {
            break;
        }
    }
}

/* In a child of its own. Ends by SIGABRT, or returns 0 when libzmq stood it. */
static int forge_at_router(void)
{
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGABRT, SIG_DFL); /* cmocka's own handler would make a failed test of it */
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    uint16_t port = bind_any(router);
    uint8_t id[256];
    char text[KIT_TEXT_MAX];
    struct kit_client honest = kit_connect_as(ZMQ_DEALER, NULL, NULL, port);
    kit_say(&honest, "nameless");
    if (router_hear(router, id, text) != 5) {
        return 2;
    }
    next_id(id);
    struct kit_client forger = kit_connect_named(ZMQ_DEALER, NULL, NULL, port, kp_slice_of(id, 5));
    kit_say(&forger, "forged");
    if (router_hear(router, id, text) != 5) {
        return 2;
    }
    struct kit_client next = kit_connect_as(ZMQ_DEALER, NULL, NULL, port);
    kit_say(&next, "next");
    (void)router_hear(router, id, text);
    return 0;
}

static void a_forged_routing_id_aborts_a_router(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(20); /* whatever happens: no child stays behind */
        FILE *silence = freopen("/dev/null", "w", stderr); /* libzmq says why it aborts */
        _exit(silence == NULL ? 3 : forge_at_router());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void a_forged_routing_id_means_nothing_to_a_door(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key = kit_key();
    hub->echo = true;
    uint16_t port = kit_door(hub, 1, kit_allow(&key, NULL));
    static const uint8_t ids[][5] = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 1}, {'h', 'u', 'b', 0, 0}};
    for (size_t i = 0; i < 9; i++) {
        struct kit_client client =
            kit_connect_named(ZMQ_PAIR, &key, hub->key.public, port, kp_slice_of(ids[i % 3], 5));
        kit_say(&client, "whoever I say I am");
        KIT_ASSERT_HEARS(&client, "whoever I say I am");
        kit_leave(&client);
    }
    assert_int_equal(kit_frame_count(hub), 9);
    kit_hub_stop(hub);
}

static void with_handover_a_router_gives_one_the_replies_of_another(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    kp_curve_set_int(router, ZMQ_ROUTER_HANDOVER, 1);
    uint16_t port = bind_any(router);
    uint8_t id[256];
    char text[KIT_TEXT_MAX];
    struct kit_client a = kit_connect_named(ZMQ_DEALER, NULL, NULL, port, KP_SLICE_LIT("politie"));
    kit_say(&a, "question of a");
    assert_int_equal(router_hear(router, id, text), 7);
    struct kit_client b = kit_connect_named(ZMQ_DEALER, NULL, NULL, port, KP_SLICE_LIT("politie"));
    kit_say(&b, "I am politie too");
    assert_int_equal(router_hear(router, id, text), 7);
    assert_string_equal(text, "I am politie too");
    assert_int_equal(zmq_send(router, "politie", 7, ZMQ_SNDMORE), 7);
    assert_int_equal(zmq_send(router, "answer for a", 12, 0), 12);
    KIT_ASSERT_HEARS(&b, "answer for a");
    kit_leave(&a);
    kit_leave(&b);
    zmq_close(router);
    zmq_ctx_term(context);
}

static void at_the_doors_each_gets_his_own_replies(void **state)
{
    (void)state;
    struct kit_hub *hub = kit_hub_start();
    struct kit_key key_a = kit_key();
    struct kit_key key_b = kit_key();
    uint16_t port_a = kit_door(hub, 1, kit_allow(&key_a, NULL));
    uint16_t port_b = kit_door(hub, 2, kit_allow(&key_b, NULL));
    struct kit_client a =
        kit_connect_named(ZMQ_PAIR, &key_a, hub->key.public, port_a, KP_SLICE_LIT("politie"));
    kit_say(&a, "question of a");
    kit_await_frames(hub, 1);
    struct kit_client b =
        kit_connect_named(ZMQ_PAIR, &key_b, hub->key.public, port_b, KP_SLICE_LIT("politie"));
    kit_say(&b, "I am politie too");
    kit_await_frames(hub, 2);
    /* And straight at the other's door. */
    struct kit_client thief = kit_connect(hub, &key_b, port_a);
    assert_int_equal(kit_await_monitor(&thief, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, KIT_WAIT_MS), 400);
    assert_int_equal(kp_doors_send(hub->doors, 1, KP_SLICE_LIT("answer for a")), KP_OK);
    assert_int_equal(kp_doors_send(hub->doors, 2, KP_SLICE_LIT("answer for b")), KP_OK);
    KIT_ASSERT_HEARS(&a, "answer for a");
    KIT_ASSERT_HEARS(&b, "answer for b");
    char text[KIT_TEXT_MAX];
    assert_string_equal(kit_hear(&b, 20, text), "");
    assert_string_equal(kit_hear(&thief, 20, text), "");
    kit_leave(&thief);
    kit_leave(&a);
    kit_leave(&b);
    kit_hub_stop(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forged_routing_id_aborts_a_router),
        cmocka_unit_test(a_forged_routing_id_means_nothing_to_a_door),
        cmocka_unit_test(with_handover_a_router_gives_one_the_replies_of_another),
        cmocka_unit_test(at_the_doors_each_gets_his_own_replies),
    };
    return cmocka_run_group_tests_name("routing ids", tests, NULL, NULL);
}
