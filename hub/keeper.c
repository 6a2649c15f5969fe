/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What time asks for: ticks when something is due, the revocation lists when they changed, the
 * disk, the two clocks, dead readers, snapshots, and the service manager's watchdog.
 */
#include "hub.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 100
#define TICKS_US 300000 /* in one step */
#define TRUST_STEPS 3   /* a changed revocation list works within one second */
#define DISK_STEPS 50
#define READERS_STEPS 600

struct keeper {
    struct kp_hub *hub;
    struct kp_mono ticked; /* when deadlines were last looked at */
    uint64_t steps;
    uint64_t snapshot_at; /* position at which the next one is taken */
    bool disk_alarm;
};

/* One datagram to the service manager; it may not be there. */
void kp_keeper_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || strlen(path) >= sizeof address.sun_path) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                 size); /* nobody listens: nothing to do about it */
    (void)close(fd);
}

void kp_clock_rebase(struct kp_hub *hub)
{
    (void)pthread_mutex_lock(&hub->clock.lock);
    hub->clock.wall = kp_wall_now();
    hub->clock.mono = kp_mono_now();
    (void)pthread_mutex_unlock(&hub->clock.lock);
}

/* What the wall clock would say if it had gone with the monotonic one. */
static struct kp_wall expected_now(struct kp_hub *hub)
{
    (void)pthread_mutex_lock(&hub->clock.lock);
    int64_t since_ms = (kp_mono_now().us - hub->clock.mono.us) / 1000;
    struct kp_wall expected = {.ms = hub->clock.wall.ms + since_ms};
    (void)pthread_mutex_unlock(&hub->clock.lock);
    return expected;
}

static int64_t apart_us(struct kp_wall a, struct kp_wall b)
{
    return (a.ms > b.ms ? a.ms - b.ms : b.ms - a.ms) * 1000;
}

/* Not by the keeper's flag alone: between two of his looks a jump would stamp a command, and the
 * stamps of all that come after it never go back. */
struct kp_wall kp_clock_now(struct kp_hub *hub)
{
    struct kp_wall now = kp_wall_now();
    struct kp_wall expected = expected_now(hub);
    bool sane = !atomic_load(&hub->clock_parted) && apart_us(now, expected) <= KP_CLOCK_PART_US_MAX;
    return sane ? now : expected;
}

/* Wall and monotonic clock part: nothing may fall due by a jump until a person says what time it
 * is. */
static bool is_clock_sane(struct kp_hub *hub)
{
    if (atomic_exchange(&hub->clock_confirmed, false)) {
        kp_clock_rebase(hub);
        atomic_store(&hub->clock_parted, false);
        kp_log(KP_LOG_NOTICE, "clock.confirmed", "%s", "");
    }
    int64_t apart = apart_us(kp_wall_now(), expected_now(hub));
    if (apart > KP_CLOCK_PART_US_MAX && !atomic_exchange(&hub->clock_parted, true)) {
        kp_log(KP_LOG_ERROR, "clock.parted", "apart_s=%lld", (long long)(apart / 1000000));
    }
    return !atomic_load(&hub->clock_parted);
}

/* Behind a backlog the earliest deadline is not known yet: then nothing is until the state is up to
 * date. */
static bool is_due(struct kp_hub *hub)
{
    (void)pthread_mutex_lock(&hub->progress.lock);
    bool idle = hub->progress.applied == hub->progress.journalled;
    bool due = hub->progress.has_due && hub->progress.due.ms <= kp_clock_now(hub).ms;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    return idle && due;
}

/* false: later; it is still due. */
static bool submit_tick(struct kp_hub *hub)
{
    struct kp_command_head head = {.kind = KP_COMMAND_TICK};
    struct kp_entry *entry = kp_entry_new(KP_COMMAND_TICK, 128, 1);
    struct kp_writer writer;
    uint64_t position;
    kp_writer_init(&writer, entry->body, entry->body_capacity);
    kp_random(head.message_id, sizeof head.message_id);
    kp_command_put_head(&writer, &head);
    entry->body_size = kp_writer_slice(&writer).size;
    if (kp_writer_submit_and_wait(hub, entry, &position) != KP_OK) {
        kp_log(KP_LOG_INFO, "tick.later", "%s", "");
        return false;
    }
    return true;
}

static void pause_us(int64_t us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&pause, NULL); /* woken early is fine */
}

/* What is more than one tick does (all forms, all persons) goes on for a while, at a pace that
 * leaves half of the time to what comes in. */
static void tick(struct keeper *keeper)
{
    struct kp_hub *hub = keeper->hub;
    struct kp_mono began = kp_mono_now();
    struct kp_mono now = began;
    if (now.us - keeper->ticked.us < hub->config->hub.tick_every_ms * 1000) {
        return;
    }
    bool more = is_due(hub);
    while (more && now.us - began.us < TICKS_US) {
        more = submit_tick(hub) && is_due(hub);
        struct kp_mono done = kp_mono_now();
        if (more) {
            pause_us(done.us - now.us);
        }
        now = kp_mono_now();
    }
    if (!more) {
        keeper->ticked = now;
    }
}

static void refresh_trust(struct keeper *keeper)
{
    struct kp_hub *hub = keeper->hub;
    struct kp_diag diag;
    bool changed = false;
    if (kp_trust_refresh(hub->trust, &changed, &diag) != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "trust.unreadable", &diag);
    }
    if (changed) {
        kp_log(KP_LOG_NOTICE, "trust.renewed", "%s", "");
        if (kp_view_renew(hub, &diag) != KP_OK) {
            kp_hub_die(hub, "view.failed", &diag);
        }
    }
}

static void check_disk(struct keeper *keeper)
{
    struct kp_hub *hub = keeper->hub;
    struct statvfs disk;
    if (statvfs(hub->config->hub.data_dir, &disk) != 0 || disk.f_blocks == 0) {
        return;
    }
    uint64_t used = 100 - (uint64_t)disk.f_bavail * 100 / (uint64_t)disk.f_blocks;
    bool full = used >= KP_DISK_ADMISSION_PERCENT;
    bool alarm = used >= KP_DISK_ALARM_PERCENT;
    if (atomic_exchange(&hub->disk_full, full) != full) {
        kp_log(full ? KP_LOG_ERROR : KP_LOG_NOTICE, full ? "disk.full" : "disk.admits",
               "used_percent=%llu", (unsigned long long)used);
    }
    if (alarm && !keeper->disk_alarm) {
        kp_log(KP_LOG_WARNING, "disk.alarm", "used_percent=%llu", (unsigned long long)used);
    }
    keeper->disk_alarm = alarm;
}

static void snapshot(struct keeper *keeper)
{
    struct kp_hub *hub = keeper->hub;
    struct kp_diag diag;
    uint64_t every = hub->config->hub.snapshot_every;
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t applied = hub->progress.applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    bool wanted = atomic_exchange(&hub->snapshot_wanted, false);
    if (!wanted && (every == 0 || applied < keeper->snapshot_at)) {
        return;
    }
    if (kp_snapshot_rotate(hub, &diag) != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "snapshot.failed", &diag);
    }
    keeper->snapshot_at = applied + every;
}

static void step(struct keeper *keeper)
{
    struct kp_hub *hub = keeper->hub;
    struct kp_store_stat stat;
    struct kp_diag diag;
    if (is_clock_sane(hub)) {
        tick(keeper);
    } else if (keeper->steps % READERS_STEPS == 0) {
        kp_log(KP_LOG_ERROR, "clock.parted", "%s", "next=\"knooppunt clock confirm\"");
    }
    if (keeper->steps % TRUST_STEPS == 0) {
        refresh_trust(keeper);
    }
    if (keeper->steps % DISK_STEPS == 0) {
        check_disk(keeper);
        kp_keeper_notify("WATCHDOG=1");
    }
    if (keeper->steps % READERS_STEPS == 0 && kp_store_stat(&hub->store, &stat, &diag) != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "store.stat", &diag); /* the stat also clears dead readers */
    }
    snapshot(keeper);
    keeper->steps++;
}

void *kp_keeper_run(void *context)
{
    struct keeper keeper = {.hub = context};
    struct kp_hub *hub = context;
    (void)pthread_mutex_lock(&hub->progress.lock);
    keeper.snapshot_at = hub->progress.applied + hub->config->hub.snapshot_every;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    while (!atomic_load(&hub->stopping) && !atomic_load(&hub->fatal)) {
        step(&keeper);
        pause_us(STEP_MS * 1000);
    }
    return NULL;
}
