/* SPDX-License-Identifier: EUPL-1.2 */
/* check: alone: it says how soon each is served.
 * All counterparts come at once, are cut off at once and come again, as when a network comes back:
 * each is served, the one who stayed notices nothing, and nothing of the storm is left behind.
 * DOORS says how many (64).
 */
#include "door_kit.h"

#include <dirent.h>

#define ROUNDS 3
#define STEADY 0 /* the door of the one who stays */
#define SERVED_MS_MAX 10000
#define STEADY_MS_MAX 1000

static uint32_t doors_wanted(void)
{
    const char *text = getenv("DOORS");
    unsigned long count = text == NULL ? 64 : strtoul(text, NULL, 10);
    assert_true(count >= 2 && count <= KIT_DOORS);
    return (uint32_t)count;
}

static uint32_t open_descriptors(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    return count;
}

struct storm {
    struct kit_hub *hub;
    uint32_t doors;
    struct kit_key keys[KIT_DOORS];
    uint16_t ports[KIT_DOORS];
    struct kit_client clients[KIT_DOORS];
    int64_t steady_ms; /* the longest that the one who stays had to wait for an answer */
};

static void ask_steady(struct storm *storm)
{
    int64_t begin_ms = kit_ms();
    kit_say(&storm->clients[STEADY], "still here");
    KIT_ASSERT_HEARS(&storm->clients[STEADY], "still here");
    int64_t took_ms = kit_ms() - begin_ms;
    storm->steady_ms = took_ms > storm->steady_ms ? took_ms : storm->steady_ms;
}

/* All but the one who stays; how long until each was served. */
static int64_t come_at_once(struct storm *storm)
{
    int64_t begin_ms = kit_ms();
    for (uint32_t i = 1; i < storm->doors; i++) {
        storm->clients[i] = kit_connect(storm->hub, &storm->keys[i], storm->ports[i]);
        kit_say(&storm->clients[i], "back again");
    }
    for (uint32_t i = 1; i < storm->doors; i++) {
        ask_steady(storm);
        KIT_ASSERT_HEARS(&storm->clients[i], "back again");
    }
    return kit_ms() - begin_ms;
}

static void be_cut_off_at_once(struct storm *storm, uint32_t round)
{
    for (uint32_t i = 1; i < storm->doors; i++) {
        kit_leave(&storm->clients[i]);
    }
    for (uint16_t i = 1; i < storm->doors; i++) {
        kit_await_event(storm->hub, i, KP_DOOR_DISCONNECTED, round + 1);
    }
}

static void each_is_served_and_nothing_is_left_behind(void **state)
{
    (void)state;
    static struct storm storm;
    storm.hub = kit_hub_start();
    storm.hub->echo = true;
    storm.doors = doors_wanted();
    for (uint16_t i = 0; i < storm.doors; i++) {
        storm.keys[i] = kit_key();
        storm.ports[i] = kit_door(storm.hub, i, kit_allow(&storm.keys[i], NULL));
    }
    storm.clients[STEADY] = kit_connect(storm.hub, &storm.keys[STEADY], storm.ports[STEADY]);
    ask_steady(&storm);
    storm.steady_ms = 0;
    uint32_t before = open_descriptors();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        int64_t served_ms = come_at_once(&storm);
        print_message("round %u: %u served after %lld ms, the one who stays within %lld ms\n",
                      round, storm.doors - 1, (long long)served_ms, (long long)storm.steady_ms);
        assert_true(served_ms <= SERVED_MS_MAX);
        be_cut_off_at_once(&storm, round);
    }
    ask_steady(&storm);
    assert_true(storm.steady_ms <= STEADY_MS_MAX);
    assert_int_equal(kit_heard(storm.hub, STEADY, KP_DOOR_CONNECTED), 1);
    assert_int_equal(kit_heard(storm.hub, STEADY, KP_DOOR_DISCONNECTED), 0);
    assert_int_equal(open_descriptors(), before);
    kit_leave(&storm.clients[STEADY]);
    kit_hub_stop(storm.hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_served_and_nothing_is_left_behind),
    };
    return cmocka_run_group_tests_name("a storm of reconnects", tests, NULL, NULL);
}
