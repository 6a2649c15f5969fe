/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Power loss. A journal writer and an applier, as in the hub, work on a house's data while every
 * write and sync is recorded; then, for moments all over the record, the data is put together as a
 * disk may hold it when the power goes just then, opened by the hub's own code, and judged.
 *
 *   IMAGES  how many (5,000)     SEED  of the story, the schedule and the choices
 *   KEEP    a directory: where the first image that is judged bad is left
 *
 * Threads and sealing keys differ from run to run: a bad image is kept, not made again.
 *
 * check: limit 600 s
 */
#define _GNU_SOURCE    /* RTLD_NEXT */
#undef _FORTIFY_SOURCE /* open and its like are defined here */
#include "disk_image.h"

#include "data.h"

#include <dlfcn.h>
#include <ftw.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SESSIONS 4u
#define CONTROL_IMAGES 250u
#define LAG_MAX 12u
#define JUDGE_SECONDS 10u /* for what takes milliseconds: a hang is a verdict too */

enum mark { APPENDING = 1, RECEIPTED, APPLIED, TRIMMING };

/* What is wrong on purpose: for the controls. */
struct wrong {
    struct disk_faults disk;
    unsigned lmdb_flags;
    bool receipts_early;
};

static struct story story;
static unsigned forced_flags;

/* After the hub has seen that it has none of them. */
int mdb_env_get_flags(MDB_env *env, unsigned *ret_flags)
{
    int (*real)(MDB_env *, unsigned *);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_env_get_flags");
    int code = real(env, ret_flags);
    if (forced_flags != 0) {
        assert_int_equal(mdb_env_set_flags(env, forced_flags, 1), MDB_SUCCESS);
    }
    return code;
}

/* --- the run that is recorded --- */

struct run {
    struct data data;
    struct wrong wrong;
    uint64_t random; /* the writer's */
    uint64_t applier_random;
    uint32_t next; /* record of the story */
    uint32_t until;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    uint64_t journalled, applied;
    bool done, drain;
};

static void append_group(struct run *run)
{
    const struct story_record *first = &story.records[run->next];
    const struct story_record *last = first;
    struct kp_diag diag = {.err = KP_OK};
    while (last + 1 < story.records + STORY_RECORDS && (last + 1)->group == first->group) {
        last++;
    }
    uint64_t end = last->position + last->positions - 1;
    disk_mark(APPENDING, end);
    if (run->wrong.receipts_early) {
        disk_mark(RECEIPTED, end);
    }
    fixture_must(data_append(&run->data, first, (uint32_t)(last - first) + 1, &diag), &diag);
    disk_mark(RECEIPTED, end);
    run->next = (uint32_t)(last + 1 - story.records);
    (void)pthread_mutex_lock(&run->mutex);
    run->journalled = end;
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->mutex);
}

/* Not before the state has most of what was appended, or all is done before it has begun. */
static uint64_t wait_for_applier(struct run *run)
{
    uint64_t lag = fixture_next(&run->random) % LAG_MAX;
    (void)pthread_mutex_lock(&run->mutex);
    while (run->applied + lag < run->journalled) {
        (void)pthread_cond_wait(&run->changed, &run->mutex);
    }
    uint64_t applied = run->applied;
    (void)pthread_mutex_unlock(&run->mutex);
    return applied;
}

static void *write_journal(void *context)
{
    struct run *run = context;
    struct kp_diag diag = {.err = KP_OK};
    uint32_t dropped = 0;
    while (run->next < run->until) {
        append_group(run);
        uint64_t applied = wait_for_applier(run);
        if (fixture_next(&run->random) % 6 == 0 && applied > LAG_MAX) {
            uint64_t keep_from = applied - fixture_next(&run->random) % LAG_MAX;
            disk_mark(TRIMMING, keep_from);
            fixture_must(kp_journal_trim(run->data.journal, keep_from, 8, &dropped, &diag), &diag);
        }
    }
    (void)pthread_mutex_lock(&run->mutex);
    run->done = true;
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->mutex);
    return NULL;
}

/* false: the session ends. */
static bool wait_for_journal(struct run *run)
{
    (void)pthread_mutex_lock(&run->mutex);
    while (run->journalled <= run->applied && !run->done) {
        (void)pthread_cond_wait(&run->changed, &run->mutex);
    }
    bool more = run->journalled > run->applied && (!run->done || run->drain);
    (void)pthread_mutex_unlock(&run->mutex);
    return more;
}

static void *apply_journal(void *context)
{
    struct run *run = context;
    struct kp_diag diag = {.err = KP_OK};
    uint32_t count = 0;
    while (wait_for_journal(run)) {
        uint32_t records_max = 1 + (uint32_t)(fixture_next(&run->applier_random) % 6);
        fixture_must(data_apply(&run->data, records_max, &count, &diag), &diag);
        disk_mark(APPLIED, run->data.applied);
        (void)pthread_mutex_lock(&run->mutex);
        run->applied = run->data.applied;
        (void)pthread_cond_broadcast(&run->changed);
        (void)pthread_mutex_unlock(&run->mutex);
    }
    return NULL;
}

/* One life of the hub: what the one before left unapplied is applied first. */
static void run_session(struct run *run, const char *dir, uint32_t session)
{
    pthread_t writer, applier;
    struct kp_journal_state state;
    struct kp_diag diag = {.err = KP_OK};
    fixture_must(data_open(&run->data, dir, &diag), &diag);
    kp_journal_state(run->data.journal, &state);
    run->journalled = state.last;
    run->applied = run->data.applied;
    run->until = STORY_RECORDS * (session + 1) / SESSIONS;
    run->done = false;
    run->drain = session + 1 == SESSIONS;
    assert_int_equal(pthread_create(&writer, NULL, write_journal, run), 0);
    assert_int_equal(pthread_create(&applier, NULL, apply_journal, run), 0);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(pthread_join(applier, NULL), 0);
    data_close(&run->data);
}

static struct disk_log record(const char *dir, struct wrong wrong, uint64_t seed)
{
    static struct run run;
    run = (struct run){.wrong = wrong,
                       .random = seed,
                       .applier_random = ~seed,
                       .mutex = PTHREAD_MUTEX_INITIALIZER,
                       .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(mkdir(dir, 0700), 0);
    disk_begin(dir, wrong.disk);
    forced_flags = wrong.lmdb_flags;
    for (uint32_t session = 0; session < SESSIONS; session++) {
        run_session(&run, dir, session);
    }
    forced_flags = 0;
    struct disk_log log = disk_end();
    assert_int_equal(nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
    return log;
}

/* --- the judgement of one image --- */

/* What must hold at a moment: as known outside, from the marks before it. */
struct known {
    uint64_t appending, receipted, applied, trimming;
};

/* Shared with the process that judges, which may end at any image. */
struct progress {
    uint32_t image, violations;
    bool bad; /* the image at hand */
    char text[400];
};

static struct progress *progress;

static bool bad(const char *what, const struct kp_diag *diag)
{
    progress->bad = true;
    (void)snprintf(progress->text, sizeof progress->text, "%s%s%s", what, diag != NULL ? ": " : "",
                   diag != NULL ? diag->text : ""); /* cut is fine */
    return false;
}

static bool judge_positions(const struct data *data, const struct known *known)
{
    struct kp_journal_state state;
    kp_journal_state(data->journal, &state);
    if (state.last < known->receipted) {
        return bad("a receipted command is not in the journal", NULL);
    }
    if (state.last > known->appending) {
        return bad("the journal holds what was never given to it", NULL);
    }
    if (data->applied < known->applied) {
        return bad("the state lost a commit", NULL);
    }
    if (data->applied > state.last || state.first > data->applied + 1) {
        return bad("state and journal do not belong together", NULL);
    }
    return state.first <= known->trimming || known->trimming == 0
               ? true
               : bad("the journal was trimmed too far", NULL);
}

/* Each record that is in the journal is the one that was given to it. */
static bool judge_records(struct data *data)
{
    struct kp_journal_state state;
    struct kp_journal_record record;
    struct kp_diag diag = {.err = KP_OK};
    kp_journal_state(data->journal, &state);
    for (uint64_t position = state.first; position != 0 && position <= state.last;) {
        uint32_t count = 0;
        enum kp_err err = kp_journal_read(data->reader, position, &record, 1, 0, &count, &diag);
        if (err != KP_OK || count == 0) {
            return bad("a record of the journal is not readable", err == KP_OK ? NULL : &diag);
        }
        const struct story_record *told = story_at(&story, position);
        if (told == NULL || told->positions != record.positions ||
            told->stamp.ms != record.stamp.ms || !kp_slice_equal(told->body, record.body)) {
            return bad("a record of the journal is another than was given to it", NULL);
        }
        position += record.positions;
    }
    return true;
}

static bool judge_state(struct data *data, const char *when)
{
    static const uint8_t empty[32] = {0xe3, 0xb0, 0xc4, 0x42}; /* SHA-256 of nothing begins so */
    struct kp_verify_report report;
    uint8_t digest[32];
    struct kp_diag diag = {.err = KP_OK};
    if (kp_store_verify(&data->store, NULL, NULL, &report, &diag) != KP_OK) {
        return bad(when, &diag);
    }
    if (data_digest(data, digest, &diag) != KP_OK) {
        return bad(when, &diag);
    }
    const uint8_t *expected = story_digest(&story, data->applied);
    bool same = data->applied == 0 ? memcmp(digest, empty, 4) == 0
                                   : expected != NULL && memcmp(digest, expected, 32) == 0;
    return same ? true : bad(when, NULL);
}

/* The hub goes on: the next command of the story is accepted, and then all of the journal has its
 * effect. */
static bool judge_going_on(struct data *data)
{
    struct kp_journal_state state;
    struct kp_diag diag = {.err = KP_OK};
    kp_journal_state(data->journal, &state);
    const struct story_record *next = story_at(&story, state.last + 1);
    if (next == NULL && state.last + 1 != story.next) {
        return bad("the journal ends within a record", NULL);
    }
    if (next != NULL && data_append(data, next, 1, &diag) != KP_OK) {
        return bad("the next command is not accepted", &diag);
    }
    if (data_apply_all(data, &diag) != KP_OK) {
        return bad("the rest of the journal does not apply", &diag);
    }
    return judge_state(data, "the state after the rest of the journal");
}

static bool judge_opened(struct data *data, const struct known *known)
{
    return judge_positions(data, known) && judge_records(data) &&
           judge_state(data, "the state as found") && judge_going_on(data);
}

static void judge(const char *dir, const struct known *known)
{
    struct data data;
    struct kp_diag diag = {.err = KP_OK};
    if (data_open(&data, dir, &diag) != KP_OK) {
        (void)bad("it does not open", &diag);
    } else if (judge_opened(&data, known)) {
        data_close(&data);
        if (data_open(&data, dir, &diag) != KP_OK) {
            (void)bad("it does not open again", &diag);
        }
    }
    data_close(&data);
}

/* --- all images --- */

struct series {
    const struct disk_log *log;
    const char *dir; /* where each is put together */
    uint32_t count;
    uint64_t seed;
    uint32_t shown_max;
};

static void know(struct known *known, const struct disk_event *event)
{
    uint64_t *facts[] = {[APPENDING] = &known->appending,
                         [RECEIPTED] = &known->receipted,
                         [APPLIED] = &known->applied,
                         [TRIMMING] = &known->trimming};
    if (event->kind == DISK_MARK && event->value > *facts[event->mark]) {
        *facts[event->mark] = event->value;
    }
}

/* Moments are spread over the whole record. */
static uint32_t moment_of(const struct series *series, uint32_t image)
{
    return (uint32_t)((uint64_t)series->log->count * (image + 1) / series->count);
}

/* Each image from its own numbers, so that one can be made without those before it. */
static enum disk_choice choice_of(const struct series *series, uint32_t image, uint64_t *ret_random)
{
    *ret_random = series->seed ^ ((uint64_t)(image + 1) << 32);
    return (enum disk_choice)(fixture_next(ret_random) % DISK_CHOICES);
}

/* A directory that was kept is not there any more: as good. */
static void clear(const char *dir)
{
    (void)nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void note_violation(const struct series *series)
{
    const char *keep = getenv("KEEP");
    char path[PATH_MAX];
    uint64_t random = 0;
    if (progress->violations++ == 0 && keep != NULL && series->shown_max > 1) {
        (void)snprintf(path, sizeof path, "%s/image", keep);
        (void)rename(series->dir, path); /* where it does not work the seed is what there is */
    }
    if (progress->violations <= series->shown_max) {
        print_message("    image %u at moment %u of %u, choice %d: %s\n", progress->image,
                      moment_of(series, progress->image), series->log->count,
                      (int)choice_of(series, progress->image, &random), progress->text);
        (void)fflush(stdout);
    }
    clear(series->dir);
}

/* In a process of its own, which a bad image may end. Not a second power loss: its syncs are left
 * out, and cost nothing. */
static void judge_from(const struct series *series, uint32_t first)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct disk_image image = {.log = series->log};
    struct known known = {0};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        (void)signal(crashes[i], SIG_DFL); /* cmocka's would go on with the tests in here */
    }
    disk.mode = DISK_SYNCS_SKIPPED;
    for (uint32_t i = first; i < series->count; i++) {
        uint64_t random = 0;
        enum disk_choice choice = choice_of(series, i, &random);
        for (uint32_t event = image.moment; event < moment_of(series, i); event++) {
            know(&known, &series->log->events[event]);
        }
        disk_advance(&image, moment_of(series, i));
        progress->image = i;
        progress->bad = false;
        (void)mkdir(series->dir, 0700); /* there already: as good */
        disk_build(&image, choice, &random, series->dir);
        (void)alarm(JUDGE_SECONDS);
        judge(series->dir, &known);
        if (progress->bad) {
            note_violation(series);
        }
        clear(series->dir);
    }
}

static uint32_t judge_images(const struct series *series)
{
    *progress = (struct progress){0};
    for (uint32_t next = 0; next < series->count;) {
        int status = 0;
        (void)fflush(stdout);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            judge_from(series, next);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0) {
            (void)snprintf(progress->text, sizeof progress->text, "it ended the process: status %d",
                           status);
            note_violation(series);
        }
        next = progress->image + 1;
    }
    return progress->violations;
}

/* --- the tests --- */

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static uint32_t record_and_judge(struct wrong wrong, uint32_t count, uint32_t shown_max,
                                 struct disk_log *ret_log)
{
    char dir[PATH_MAX], image[PATH_MAX];
    const char *below = getenv("TMPDIR");
    uint64_t seed = number_of("SEED", 1);
    (void)snprintf(dir, sizeof dir, "%s/kp-power-XXXXXX", below == NULL ? "/tmp" : below);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(image, sizeof image, "%.*s/image", PATH_MAX - 8, dir);
    (void)snprintf(dir + strlen(dir), sizeof dir - strlen(dir), "/data");
    *ret_log = record(dir, wrong, seed);
    struct series series = {
        .log = ret_log, .dir = image, .count = count, .seed = seed, .shown_max = shown_max};
    uint32_t violations = judge_images(&series);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(rmdir(dir), 0);
    return violations;
}

static void what_was_receipted_survives(void **state)
{
    (void)state;
    struct disk_log log;
    uint32_t count = (uint32_t)number_of("IMAGES", 5000);
    uint32_t violations = record_and_judge((struct wrong){0}, count, 10, &log);
    uint32_t kinds[DISK_MARK + 1] = {0};
    for (uint32_t i = 0; i < log.count; i++) {
        kinds[log.events[i].kind]++;
    }
    print_message("    %u images of %u moments (%u writes, %u synchronous, %u syncs, %u names, "
                  "%u marks): %u violations\n",
                  count, log.count, kinds[DISK_WRITE], kinds[DISK_WRITE_DONE], kinds[DISK_SYNC],
                  kinds[DISK_ENTRY], kinds[DISK_MARK], violations);
    disk_log_free(&log);
    assert_int_equal(violations, 0);
}

static void must_be_found(const char *name, struct wrong wrong)
{
    struct disk_log log;
    uint32_t violations = record_and_judge(wrong, CONTROL_IMAGES, 1, &log);
    print_message("    %s: %u violations in %u images\n", name, violations, CONTROL_IMAGES);
    disk_log_free(&log);
    assert_true(violations > 0);
}

static void what_is_wrong_is_found(void **state)
{
    (void)state;
    must_be_found("MDB_NOSYNC", (struct wrong){.lmdb_flags = MDB_NOSYNC});
    must_be_found("MDB_NOMETASYNC", (struct wrong){.lmdb_flags = MDB_NOMETASYNC});
    must_be_found("fdatasync ignored", (struct wrong){.disk = {.sync_ignored = true}});
    must_be_found("fsync of directories ignored",
                  (struct wrong){.disk = {.directory_sync_ignored = true}});
    must_be_found("receipts before the sync", (struct wrong){.receipts_early = true});
}

static int set_up(void **state)
{
    struct kp_diag diag = {.err = KP_OK};
    (void)state;
    fixture_must(kp_crypto_init(&diag), &diag);
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(progress != MAP_FAILED);
    story_tell(&story, number_of("SEED", 1));
    print_message("    SEED=%llu\n", (unsigned long long)number_of("SEED", 1));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    story_forget(&story);
    return munmap(progress, sizeof *progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_receipted_survives),
        cmocka_unit_test(what_is_wrong_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
