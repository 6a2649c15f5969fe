/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/frame.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000

static int ends[2];
static struct kp_diag diag;
static uint8_t *bytes;
static size_t size;
static bool ended;

static enum kp_err read_one(size_t size_max, int timeout_ms)
{
    free(bytes);
    bytes = NULL;
    return kp_frame_read(ends[1], size_max, timeout_ms, &bytes, &size, &ended, &diag);
}

static void send_raw(const void *raw, size_t raw_size)
{
    assert_int_equal(write(ends[0], raw, raw_size), raw_size);
}

static void frames_keep_their_edges(void **state)
{
    (void)state;
    assert_int_equal(kp_frame_write(ends[0], KP_SLICE_LIT("een"), WAIT_MS, &diag), KP_OK);
    assert_int_equal(kp_frame_write(ends[0], KP_SLICE_EMPTY, WAIT_MS, &diag), KP_OK);
    assert_int_equal(kp_frame_write(ends[0], KP_SLICE_LIT("\0\0\0\x09"), WAIT_MS, &diag), KP_OK);
    assert_int_equal(read_one(4, WAIT_MS), KP_OK);
    assert_true(kp_slice_equal(kp_slice_of(bytes, size), KP_SLICE_LIT("een")));
    assert_int_equal(read_one(4, WAIT_MS), KP_OK);
    assert_int_equal(size, 0);
    assert_false(ended);
    assert_int_equal(read_one(4, WAIT_MS), KP_OK);
    assert_true(kp_slice_equal(kp_slice_of(bytes, size), KP_SLICE_LIT("\0\0\0\x09")));
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(read_one(4, WAIT_MS), KP_OK);
    assert_true(ended);
    assert_null(bytes);
}

static void a_frame_comes_in_any_pieces(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 0, 0, 3, 'a', 'b', 'c'};
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    for (size_t i = 0; i < sizeof raw - 1; i++) {
        send_raw(raw + i, 1);
    }
    send_raw("c\0\0\0\1d", 6); /* the end of one and all of the next */
    assert_int_equal(read_one(3, WAIT_MS), KP_OK);
    assert_true(kp_slice_equal(kp_slice_of(bytes, size), KP_SLICE_LIT("abc")));
    assert_int_equal(read_one(3, WAIT_MS), KP_OK);
    assert_true(kp_slice_equal(kp_slice_of(bytes, size), KP_SLICE_LIT("d")));
}

static void a_frame_that_is_too_large_is_not_read(void **state)
{
    (void)state;
    assert_int_equal(kp_frame_write(ends[0], KP_SLICE_LIT("12345"), WAIT_MS, &diag), KP_OK);
    assert_int_equal(read_one(4, WAIT_MS), KP_E_FRAME_SIZE);
    assert_null(bytes);
    send_raw("\xff\xff\xff\xff", 4);
    assert_int_equal(
        kp_frame_write(ends[0], kp_slice_of("", (size_t)UINT32_MAX + 1), WAIT_MS, &diag),
        KP_E_FRAME_SIZE); /* refused before a byte of it is looked at */
}

static void a_stream_that_ends_inside_a_frame_is_malformed(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 0, 0, 3, 'a', 'b', 'c'};
    for (size_t cut = 1; cut < sizeof raw; cut++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        assert_int_equal(write(pair[0], raw, cut), cut);
        assert_int_equal(close(pair[0]), 0);
        assert_int_equal(kp_frame_read(pair[1], 10, WAIT_MS, &bytes, &size, &ended, &diag),
                         KP_E_MALFORMED);
        assert_int_equal(close(pair[1]), 0);
    }
}

static void silence_ends_the_wait(void **state)
{
    (void)state;
    assert_int_equal(read_one(10, 0), KP_E_TIMEOUT);
    send_raw("\0\0", 2);
    assert_int_equal(read_one(10, 1), KP_E_TIMEOUT);
}

static void a_peer_that_does_not_read_ends_the_wait(void **state)
{
    (void)state;
    static const uint8_t large[1 << 20];
    enum kp_err err = KP_OK;
    for (int i = 0; i < 100 && err == KP_OK; i++) {
        err = kp_frame_write(ends[0], kp_slice_of(large, sizeof large), 1, &diag);
    }
    assert_int_equal(err, KP_E_TIMEOUT);
}

static void a_peer_that_is_gone_is_an_error_and_no_signal(void **state)
{
    (void)state;
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(kp_frame_write(ends[0], KP_SLICE_LIT("x"), WAIT_MS, &diag), KP_E_IO);
    ends[1] = -1;
}

static void *write_large(void *failed)
{
    size_t large_size = 8u << 20; /* more than any socket's buffer */
    uint8_t *large = malloc(large_size);
    if (large == NULL) {
        *(bool *)failed = true;
        return NULL;
    }
    for (size_t i = 0; i < large_size; i++) {
        large[i] = (uint8_t)(i * 31 + i / 256);
    }
    *(bool *)failed =
        kp_frame_write(ends[0], kp_slice_of(large, large_size), WAIT_MS, NULL) != KP_OK;
    free(large);
    return NULL;
}

static void a_large_frame_passes_whole(void **state)
{
    (void)state;
    pthread_t thread;
    bool failed = true;
    assert_int_equal(pthread_create(&thread, NULL, write_large, &failed), 0);
    assert_int_equal(read_one(8u << 20, WAIT_MS), KP_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(failed);
    assert_int_equal(size, 8u << 20);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != (uint8_t)(i * 31 + i / 256)) {
            fail_msg("byte %zu is another", i);
        }
    }
}

static int connect_ends(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int close_ends(void **state)
{
    (void)state;
    free(bytes);
    bytes = NULL;
    (void)close(ends[0]); /* a test may have closed them */
    (void)close(ends[1]);
    return 0;
}

int main(void)
{
#define CONNECTED(test) cmocka_unit_test_setup_teardown(test, connect_ends, close_ends)
    const struct CMUnitTest tests[] = {
        CONNECTED(frames_keep_their_edges),
        CONNECTED(a_frame_comes_in_any_pieces),
        CONNECTED(a_frame_that_is_too_large_is_not_read),
        CONNECTED(a_stream_that_ends_inside_a_frame_is_malformed),
        CONNECTED(silence_ends_the_wait),
        CONNECTED(a_peer_that_does_not_read_ends_the_wait),
        CONNECTED(a_peer_that_is_gone_is_an_error_and_no_signal),
        CONNECTED(a_large_frame_passes_whole),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
