/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What guards the guard. This program has an answerer of its own in place of net/zap.c (the linker
 * takes ours first): one that lets everybody in, one that is absent, one that turns bad later. The
 * doors must not start, or must end, with each of them.
 */
#include "../e2e/door_kit.h"

#include "net/canary.h"
#include "net/zap.h"

#include <stdatomic.h>

enum manner {
    MANNER_STRICT,
    MANNER_OPEN,   /* everybody is let in */
    MANNER_ABSENT, /* nobody answers */
};

static atomic_int manner;

struct kp_zap {
    void *socket;
    pthread_t thread;
};

static void *answer_all(void *context)
{
    struct kp_zap *zap = context;
    char id[32];
    char surplus[256];
    for (;;) {
        int id_size = 0;
        int more = 1;
        size_t more_size = sizeof more;
        for (int i = 0; more != 0; i++) {
            int size = zmq_recv(zap->socket, i == 1 ? id : surplus, 32, 0);
            if (size < 0) {
                zmq_close(zap->socket);
                return NULL;
            }
            id_size = i == 1 ? size : id_size;
            zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &more, &more_size);
        }
        zmq_send(zap->socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(zap->socket, id, (size_t)id_size, ZMQ_SNDMORE);
        zmq_send(zap->socket, atomic_load(&manner) == MANNER_OPEN ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send(zap->socket, "", 0, ZMQ_SNDMORE);
        zmq_send(zap->socket, "", 0, ZMQ_SNDMORE);
        zmq_send(zap->socket, "", 0, 0);
    }
}

enum kp_err kp_zap_start(const struct kp_zap_options *options, struct kp_zap **ret_zap,
                         struct kp_diag *reterr_diag)
{
    (void)reterr_diag;
    *ret_zap = calloc(1, sizeof **ret_zap);
    assert_non_null(*ret_zap);
    if (atomic_load(&manner) != MANNER_ABSENT) {
        (*ret_zap)->socket = zmq_socket(options->zmq_context, ZMQ_REP);
        assert_int_equal(zmq_bind((*ret_zap)->socket, "inproc://zeromq.zap.01"), 0);
        assert_int_equal(pthread_create(&(*ret_zap)->thread, NULL, answer_all, *ret_zap), 0);
    }
    return KP_OK;
}

void kp_zap_expect_end(struct kp_zap *zap)
{
    (void)zap;
}

struct kp_zap *kp_zap_join(struct kp_zap *zap)
{
    if (zap != NULL && zap->socket != NULL) {
        pthread_join(zap->thread, NULL);
    }
    free(zap);
    return NULL;
}

enum kp_err kp_zap_set(struct kp_zap *zap, uint16_t door, const struct kp_door_keys *keys)
{
    (void)zap;
    (void)door;
    (void)keys;
    return KP_OK;
}

void kp_zap_remove(struct kp_zap *zap, uint16_t door)
{
    (void)zap;
    (void)door;
}

static void a_guard_that_refuses_lets_the_doors_start(void **state)
{
    (void)state;
    atomic_store(&manner, MANNER_STRICT);
    kit_hub_stop(kit_hub_start());
}

static void a_guard_that_lets_everybody_in_is_no_guard(void **state)
{
    (void)state;
    atomic_store(&manner, MANNER_OPEN);
    struct kit_hub *hub = kit_hub_prepare();
    struct kp_diag diag = {0};
    assert_int_equal(kit_hub_open(hub, 0, &diag), KP_E_CRYPTO);
    assert_string_equal(diag.text, "a stranger's key was let in: the doors are not guarded");
    assert_null(hub->doors);
    kit_hub_stop(hub);
}

static void without_a_guard_the_doors_do_not_start(void **state)
{
    (void)state;
    atomic_store(&manner, MANNER_ABSENT);
    struct kit_hub *hub = kit_hub_prepare();
    struct kp_diag diag = {0};
    int64_t begin_ms = kit_ms();
    assert_int_equal(kit_hub_open(hub, 0, &diag), KP_E_CRYPTO);
    assert_true(kit_ms() - begin_ms < KIT_WAIT_MS);
    assert_null(hub->doors);
    kit_hub_stop(hub);
}

/* What the options of our doors are for: a CURVE server that only has a domain is open to all when
 * nobody answers. */
static void libzmq_by_itself_lets_everybody_in_without_a_guard(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    void *server = zmq_socket(context, ZMQ_PAIR);
    struct kit_key server_key = kit_key();
    struct kit_key stranger = kit_key();
    char endpoint[64];
    size_t endpoint_size = sizeof endpoint;
    kp_curve_set_int(server, ZMQ_LINGER, 0);
    kp_curve_set_int(server, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(server, ZMQ_CURVE_SECRETKEY, server_key.secret.bytes, KP_KEY_BYTES);
    zmq_setsockopt(server, ZMQ_ZAP_DOMAIN, "1", 1);
    assert_int_equal(zmq_bind(server, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size), 0);
    uint16_t port = (uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10);
    struct kit_client client = kit_connect_as(ZMQ_PAIR, &stranger, server_key.public, port);
    kit_say(&client, "nobody stops me");
    char text[KIT_TEXT_MAX] = {0};
    assert_int_equal(zmq_recv(server, text, sizeof text, 0), 15);
    assert_string_equal(text, "nobody stops me");
    kit_leave(&client);
    zmq_close(server);
    zmq_ctx_term(context);
}

static void a_guard_that_turns_bad_is_fatal(void **state)
{
    (void)state;
    atomic_store(&manner, MANNER_STRICT);
    struct kit_hub *hub = kit_hub_prepare();
    struct kp_diag diag = {0};
    assert_int_equal(kit_hub_open(hub, 5, &diag), KP_OK);
    assert_int_equal(hub->fatal_count, 0);
    atomic_store(&manner, MANNER_OPEN);
    assert_true(kit_await_count(hub, &hub->fatal_count, 1, KIT_WAIT_MS));
    hub->doors = kp_doors_stop(hub->doors, KP_SLICE_EMPTY);
    hub->fatal_count = 0;
    kit_hub_stop(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_that_refuses_lets_the_doors_start),
        cmocka_unit_test(a_guard_that_lets_everybody_in_is_no_guard),
        cmocka_unit_test(without_a_guard_the_doors_do_not_start),
        cmocka_unit_test(libzmq_by_itself_lets_everybody_in_without_a_guard),
        cmocka_unit_test(a_guard_that_turns_bad_is_fatal),
    };
    return cmocka_run_group_tests_name("doors guard", tests, NULL, NULL);
}
