/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Bit rot. In the files of a house with known content one bit is turned; then the house is opened
 * by the hub's own code and every row, key and record is asked for. Each answer must be the right
 * one or an error. What LMDB itself tells by its pages, which rows there are and which version of a
 * row is the last, `store verify` must find when it is not so. Then
 * the house goes on: the next commands have the effect that they should have, or an error, or
 * `store verify` finds what led them astray.
 *
 *   FLIPS  how many (2,000)     SEED  of the content and the places
 *
 * One flip in four falls on what LMDB holds the pages together with, one in eight on any bit of the
 * files, the rest on any bit of the pages that are in use.
 *
 * check: limit 600 s
 */
#define _GNU_SOURCE /* nftw */
#include "data.h"

#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CONTROL_FLIPS 500u
#define HOUSE_RECORDS (STORY_RECORDS - 6u) /* the rest is for going on */
#define APPLY_RECORDS 18u                  /* in a group: few pages are left unused */
#define PAGE_BYTES 4096u
#define PAGE_HEADER_BYTES 16u
#define PAGES_MAX 4096u
#define READ_SECONDS 10u /* for what takes milliseconds */
#define SHOWN_MAX 3u
#define FILES_MAX DATA_PARTS

struct file {
    char path[PATH_MAX];
    uint8_t *bytes;
    size_t size;
    bool unused[PAGES_MAX];
};

struct flip {
    uint32_t file;
    size_t offset;
    uint8_t mask;
};

/* What came of a flip. Filled in by the process that reads; its end by a signal is one more. */
struct answers {
    bool opened;
    uint32_t right, refused, missing, older, wrong;
    bool journal_cut; /* the journal is older as a whole, and nothing says so */
    bool astray;      /* the state after going on is not what it should be */
    bool astray_found;
    bool verify_good;
    char text[300]; /* the first of what is not right */
};

struct figures {
    uint32_t flips, harmless, refused, found, crashed;
    uint32_t wrong, unfound, journal_cut, hung; /* these may not be */
};

static struct story story;
static struct kp_store should_be; /* the state after HOUSE_RECORDS */
static struct answers *answers;   /* shared */
static char root[256];

/* --- files --- */

static void read_file(struct file *file)
{
    struct stat stat_file;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &stat_file) == 0);
    file->size = (size_t)stat_file.st_size;
    file->bytes = malloc(file->size);
    assert_non_null(file->bytes);
    assert_int_equal(read(fd, file->bytes, file->size), (ssize_t)file->size);
    assert_int_equal(close(fd), 0);
}

/* As it was, in its old place, with @flip where it is of this file. */
static void write_file(const struct file *file, const struct flip *flip)
{
    int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (flip != NULL) {
        file->bytes[flip->offset] ^= flip->mask;
    }
    assert_int_equal(write(fd, file->bytes, file->size), (ssize_t)file->size);
    if (flip != NULL) {
        file->bytes[flip->offset] ^= flip->mask;
    }
    assert_int_equal(close(fd), 0);
}

/* --- where --- */

static uint16_t field_at(const uint8_t *page, size_t offset)
{
    return (uint16_t)(page[offset] | page[offset + 1] << 8);
}

/* Of the page there: its header and the places of its nodes, or a whole meta or branch page. */
static size_t structure_bytes(const uint8_t *page)
{
    enum { BRANCH = 0x01, LEAF = 0x02, META = 0x08 };
    uint16_t flags = field_at(page, 10);
    uint16_t lower = field_at(page, 12);
    if ((flags & META) != 0) {
        return 160;
    }
    if ((flags & BRANCH) != 0) {
        return PAGE_BYTES;
    }
    return (flags & LEAF) != 0 && lower > PAGE_HEADER_BYTES && lower < PAGE_BYTES
               ? lower
               : PAGE_HEADER_BYTES;
}

/* LMDB's list of pages to use again: its table 0, rows of a count and as many page numbers. */
static void mark_unused(struct file *file)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    assert_int_equal(mdb_env_create(&env), MDB_SUCCESS);
    assert_int_equal(mdb_env_open(env, file->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0600),
                     MDB_SUCCESS);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), MDB_SUCCESS);
    assert_int_equal(mdb_cursor_open(txn, 0, &cursor), MDB_SUCCESS);
    memset(file->unused, 0, sizeof file->unused);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        size_t page;
        for (size_t at = sizeof page; at < value.mv_size; at += sizeof page) {
            memcpy(&page, (const uint8_t *)value.mv_data + at, sizeof page);
            assert_true(page < PAGES_MAX);
            file->unused[page] = true;
        }
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

static struct flip choose(const struct file *files, uint32_t file_count, uint64_t *random)
{
    size_t total = 0;
    struct flip flip = {.mask = (uint8_t)(1u << fixture_next(random) % 8)};
    uint64_t kind = fixture_next(random) % 8;
    for (uint32_t i = 0; i < file_count; i++) {
        total += files[i].size;
    }
    do {
        size_t at = (size_t)(fixture_next(random) % total);
        for (flip.file = 0; at >= files[flip.file].size; flip.file++) {
            at -= files[flip.file].size;
        }
        flip.offset = at;
    } while (kind > 0 && files[flip.file].unused[flip.offset / PAGE_BYTES]);
    if (kind >= 6) {
        size_t page = flip.offset / PAGE_BYTES * PAGE_BYTES;
        flip.offset = page + fixture_next(random) % structure_bytes(files[flip.file].bytes + page);
    }
    return flip;
}

/* --- what is asked --- */

static void note(const char *what, enum kp_table table)
{
    if (answers->text[0] == '\0') {
        (void)snprintf(answers->text, sizeof answers->text, "%s, table %s", what,
                       kp_table_name(table)); /* fits */
    }
}

static void note_wrong(const char *what, enum kp_table table)
{
    if (answers->wrong++ == 0) {
        answers->text[0] = '\0'; /* worse than what may be there */
        note(what, table);
    }
}

static struct kp_txn *begin_read(struct kp_store *store)
{
    struct kp_txn *txn = NULL;
    struct kp_diag diag;
    return kp_txn_begin(store, /* write= */ false, &txn, &diag) == KP_OK ? txn : NULL;
}

/* Each row as it ever was while the story was told: a page that was left behind holds such rows. */
static uint64_t *past;
static size_t past_count;

static uint64_t digest_of(enum kp_table table, struct kp_slice key, struct kp_slice value)
{
    uint8_t digest[KP_SHA256_BYTES];
    uint8_t number = (uint8_t)table;
    uint64_t result;
    kp_sha256(kp_slice_of(&number, 1), key, value, digest);
    memcpy(&result, digest, sizeof result);
    return result;
}

static int compare_digests(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void remember_rows(struct kp_store *store)
{
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        struct kp_slice key, value;
        struct kp_key from = kp_key_none();
        struct kp_txn *txn = begin_read(store);
        while (kp_txn_seek(txn, (enum kp_table)table, kp_key_slice(&from), /* after= */ true, &key,
                           &value)) {
            from = kp_key_raw(kp_key_none(), key);
            past = realloc(past, (past_count + 1) * sizeof *past);
            assert_non_null(past);
            past[past_count++] = digest_of((enum kp_table)table, key, value);
        }
        kp_txn_abort(txn);
    }
}

static void remember_past(void)
{
    for (uint32_t count = 1; count <= HOUSE_RECORDS; count++) {
        struct kp_store store;
        story_state(&story, count, &store);
        remember_rows(&store);
        kp_store_close(&store);
    }
    qsort(past, past_count, sizeof *past, compare_digests);
}

/* Not the row that should be here: the same one as it was before, or wrong. */
static void judge_row(const char *what, enum kp_table table, struct kp_slice key,
                      struct kp_slice value)
{
    uint64_t digest = digest_of(table, key, value);
    if (bsearch(&digest, past, past_count, sizeof *past, compare_digests) != NULL) {
        answers->older++;
        note("a row is as it was before", table);
    } else {
        note_wrong(what, table);
    }
}

/* One row by its key, in a transaction of its own: an error of one is not that of the next. */
static void ask_row(struct data *data, enum kp_table table, struct kp_slice key,
                    struct kp_slice expected)
{
    struct kp_slice value;
    struct kp_txn *txn = begin_read(&data->store);
    if (txn == NULL) {
        answers->refused++;
        return;
    }
    bool found = kp_txn_get(txn, table, key, &value);
    if (kp_txn_error(txn) != KP_OK) {
        answers->refused++;
    } else if (!found) {
        answers->missing++;
        note("a row is not found", table);
    } else if (kp_slice_equal(value, expected)) {
        answers->right++;
    } else {
        judge_row("a value", table, key, value);
    }
    kp_txn_abort(txn);
}

/* The rows of one table in order, beside those that should be there. */
static void walk_table(struct data *data, enum kp_table table)
{
    struct kp_txn *is = begin_read(&data->store);
    struct kp_txn *should = begin_read(&should_be);
    struct kp_slice is_key, is_value, key, value;
    struct kp_key from = kp_key_none();
    bool more = true;
    while (is != NULL && more && kp_txn_error(is) == KP_OK) {
        struct kp_slice last = kp_key_slice(&from);
        more = kp_txn_seek(should, table, last, /* after= */ true, &key, &value);
        bool found = kp_txn_seek(is, table, last, /* after= */ true, &is_key, &is_value);
        if (kp_txn_error(is) != KP_OK) {
            break;
        }
        if (found && !more) {
            judge_row("a row too many in the walk", table, is_key, is_value);
        } else if (more && (!found || kp_slice_compare(is_key, key) > 0)) {
            answers->missing++;
            note("a row is not in the walk", table);
        } else if (more && !(kp_slice_equal(is_key, key) && kp_slice_equal(is_value, value))) {
            judge_row("a row in the walk", table, is_key, is_value);
        }
        from = more ? kp_key_raw(kp_key_none(), key) : from;
    }
    answers->refused += is == NULL || kp_txn_error(is) != KP_OK;
    kp_txn_abort(should);
    if (is != NULL) {
        kp_txn_abort(is);
    }
}

static void ask_state(struct data *data)
{
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        struct kp_slice key, value;
        struct kp_key from = kp_key_none();
        struct kp_txn *should = begin_read(&should_be);
        while (kp_txn_seek(should, (enum kp_table)table, kp_key_slice(&from), /* after= */ true,
                           &key, &value)) {
            from = kp_key_raw(kp_key_none(), key);
            ask_row(data, (enum kp_table)table, key, value);
        }
        kp_txn_abort(should);
        walk_table(data, (enum kp_table)table);
    }
}

static void ask_journal(struct data *data)
{
    struct kp_journal_state state;
    struct kp_diag diag;
    kp_journal_state(data->journal, &state);
    answers->journal_cut = state.last + 1 < story.records[HOUSE_RECORDS].position;
    for (uint32_t i = 0; i < HOUSE_RECORDS; i++) {
        const struct story_record *told = &story.records[i];
        struct kp_journal_record record;
        uint32_t count = 0;
        enum kp_err err =
            kp_journal_read(data->reader, told->position, &record, 1, 0, &count, &diag);
        if (err != KP_OK) {
            answers->refused++;
        } else if (count == 0) {
            answers->missing += told->position <= state.last;
        } else if (record.position == told->position && record.positions == told->positions &&
                   record.stamp.ms == told->stamp.ms && kp_slice_equal(record.body, told->body)) {
            answers->right++;
        } else {
            note_wrong("a record of the journal", KP_TABLE_NONE);
        }
    }
}

/* As the hub starts (hub/main.c: the positions must belong together), and as it goes on. */
static bool start_house(struct data *data)
{
    struct kp_journal_state state;
    struct kp_diag diag;
    if (data_open(data, root, &diag) != KP_OK) {
        return false;
    }
    kp_journal_state(data->journal, &state);
    return state.last >= data->applied && state.first <= data->applied + 1 &&
           data_apply_all(data, &diag) == KP_OK;
}

static void go_on(struct data *data)
{
    struct kp_diag diag;
    uint8_t digest[32];
    for (uint32_t i = HOUSE_RECORDS; i < STORY_RECORDS; i++) {
        if (data_append(data, &story.records[i], 1, &diag) != KP_OK ||
            data_apply_all(data, &diag) != KP_OK) {
            answers->refused++;
            return;
        }
    }
    if (data_digest(data, digest, &diag) != KP_OK) {
        answers->refused++;
    } else {
        answers->astray = memcmp(digest, story.records[STORY_RECORDS - 1].digest, 32) != 0;
        if (answers->astray) {
            note("the state after going on is another", KP_TABLE_NONE);
        }
    }
}

static bool verify(struct data *data)
{
    struct kp_verify_report report;
    struct kp_diag diag;
    return kp_store_verify(&data->store, NULL, NULL, &report, &diag) == KP_OK;
}

static void ask_house(void)
{
    struct data data;
    answers->opened = start_house(&data);
    if (!answers->opened) {
        return; /* the whole house is refused */
    }
    ask_journal(&data);
    ask_state(&data);
    answers->verify_good = verify(&data); /* now: what follows may write over the damage */
    if (answers->verify_good && !answers->journal_cut) {
        go_on(&data);
        answers->astray_found = answers->astray && !verify(&data);
    }
    data_close(&data);
}

/* --- the control: the same rows in LMDB as it is --- */

static bool open_plain(MDB_env **ret_env, MDB_txn **ret_txn, MDB_dbi *ret_rows, unsigned flags)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/plain.mdb", root); /* fits */
    assert_int_equal(mdb_env_create(ret_env), MDB_SUCCESS);
    return mdb_env_set_mapsize(*ret_env, DATA_MAP_BYTES) == MDB_SUCCESS &&
           mdb_env_open(*ret_env, path, MDB_NOSUBDIR | MDB_NOLOCK | flags, 0600) == MDB_SUCCESS &&
           mdb_txn_begin(*ret_env, NULL, flags, ret_txn) == MDB_SUCCESS &&
           mdb_dbi_open(*ret_txn, NULL, 0, ret_rows) == MDB_SUCCESS;
}

static void plain_row(MDB_txn *txn, MDB_dbi rows, struct kp_key *name, struct kp_slice value,
                      bool write)
{
    MDB_val key = {.mv_size = name->size, .mv_data = name->bytes};
    MDB_val is = {.mv_size = value.size, .mv_data = (void *)(uintptr_t)value.bytes};
    int code = write ? mdb_put(txn, rows, &key, &is, 0) : mdb_get(txn, rows, &key, &is);
    if (write) {
        assert_int_equal(code, MDB_SUCCESS);
    } else if (code == MDB_SUCCESS && is.mv_size == value.size &&
               memcmp(is.mv_data, value.bytes, value.size) == 0) {
        answers->right++;
    } else if (code == MDB_SUCCESS) {
        note_wrong("a plain value", KP_TABLE_NONE);
    } else {
        answers->missing += code == MDB_NOTFOUND;
        answers->refused += code != MDB_NOTFOUND;
        note("a plain row is not found", KP_TABLE_NONE);
    }
}

/* Write or ask for every row of the state. */
static void plain_rows(bool write)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi rows;
    if (!open_plain(&env, &txn, &rows, write ? 0 : MDB_RDONLY)) {
        assert_false(write);
        return;
    }
    answers->opened = true;
    for (int table = KP_TABLE_NONE + 1; table < KP_TABLE_END; table++) {
        struct kp_slice key, value;
        struct kp_key from = kp_key_none();
        struct kp_txn *should = begin_read(&should_be);
        while (kp_txn_seek(should, (enum kp_table)table, kp_key_slice(&from), /* after= */ true,
                           &key, &value)) {
            from = kp_key_raw(kp_key_none(), key);
            struct kp_key name = kp_key_raw(kp_key_u8(kp_key_none(), (uint8_t)table), key);
            plain_row(txn, rows, &name, value, write);
        }
        kp_txn_abort(should);
    }
    assert_int_equal(mdb_txn_commit(txn), MDB_SUCCESS);
    mdb_env_close(env);
}

static void ask_plain(void)
{
    answers->verify_good = true; /* there is nothing to find fault with */
    plain_rows(/* write= */ false);
}

/* --- flips --- */

/* In a process of its own: LMDB follows what its pages say, which can end it. Returns the signal
 * that did. */
static int ask_apart(void (*ask)(void))
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    int status = 0;
    memset(answers, 0, sizeof *answers);
    (void)fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC); /* what an assertion says of it */
        (void)dup2(quiet, STDERR_FILENO);
        for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
            (void)signal(crashes[i], SIG_DFL); /* cmocka's would go on with the tests in here */
        }
        (void)alarm(READ_SECONDS);
        ask();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* What a flip did that it may not; NULL: nothing. */
static const char *judge(struct figures *figures, int signal_number)
{
    if (answers->wrong > 0) {
        figures->wrong++;
        return answers->text;
    }
    if (signal_number == SIGALRM) {
        figures->hung++;
        return "no answer";
    }
    if (answers->journal_cut) {
        figures->journal_cut++;
        return "the journal is shorter";
    }
    bool lost = answers->missing > 0 || answers->older > 0 || answers->astray;
    if (lost && signal_number == 0 && answers->verify_good && !answers->astray_found) {
        figures->unfound++;
        return answers->text;
    }
    if (signal_number != 0) {
        figures->crashed++;
    } else if (lost) {
        figures->found++;
    } else if (!answers->opened || answers->refused > 0 || !answers->verify_good) {
        figures->refused++;
    } else {
        figures->harmless++;
    }
    return NULL;
}

static void count(struct figures *figures, const struct flip *flip, int signal_number)
{
    const char *what = judge(figures, signal_number);
    figures->flips++;
    if (what != NULL &&
        figures->wrong + figures->hung + figures->journal_cut + figures->unfound <= SHOWN_MAX) {
        print_message("    flip %u: file %u, byte %zu (page %zu, %zu), mask %02x: %s\n",
                      figures->flips, flip->file, flip->offset, flip->offset / PAGE_BYTES,
                      flip->offset % PAGE_BYTES, flip->mask, what);
    }
}

static struct figures turn_bits(struct file *files, uint32_t file_count, uint32_t flips,
                                void (*ask)(void))
{
    struct figures figures = {0};
    uint64_t random = 0;
    const char *seed = getenv("SEED");
    random = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    for (uint32_t i = 0; i < flips; i++) {
        struct flip flip = choose(files, file_count, &random);
        for (uint32_t file = 0; file < file_count; file++) {
            write_file(&files[file], file == flip.file ? &flip : NULL);
        }
        int signal_number = ask_apart(ask);
        count(&figures, &flip, signal_number);
    }
    return figures;
}

static void show(const char *name, const struct figures *figures)
{
    print_message(
        "    %s: %u flips: %u harmless, %u refused, %u lost or old rows, found by verify, %u "
        "ended the process; %u wrong, %u lost or old rows not found, %u journals cut short, %u "
        "without an answer\n",
        name, figures->flips, figures->harmless, figures->refused, figures->found, figures->crashed,
        figures->wrong, figures->unfound, figures->journal_cut, figures->hung);
}

/* --- the tests --- */

static void clear_root(void)
{
    assert_int_equal(nftw(root, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(mkdir(root, 0700), 0);
}

/* @groups_max: how many groups the applier has done; the rest of the journal waits. */
static void make_house(struct file files[FILES_MAX], uint32_t groups_max)
{
    struct data data;
    struct kp_diag diag = {.err = KP_OK};
    uint32_t applied = 1;
    clear_root();
    fixture_must(data_open(&data, root, &diag), &diag);
    for (uint32_t i = 0; i < HOUSE_RECORDS; i++) {
        fixture_must(data_append(&data, &story.records[i], 1, &diag), &diag);
    }
    for (uint32_t group = 0; group < groups_max && applied > 0; group++) {
        fixture_must(data_apply(&data, APPLY_RECORDS, &applied, &diag), &diag);
    }
    data_close(&data);
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        (void)snprintf(files[i].path, sizeof files[i].path, "%s/%s/data.mdb", root, data_parts[i]);
        read_file(&files[i]);
        mark_unused(&files[i]);
    }
}

static void no_answer_is_silently_wrong(void **state)
{
    (void)state;
    static struct file files[FILES_MAX];
    const char *flips = getenv("FLIPS");
    make_house(files, /* groups_max= */ HOUSE_RECORDS);
    assert_int_equal(ask_apart(ask_house), 0); /* as it is: everything is right */
    assert_true(answers->opened && answers->verify_good && answers->right > HOUSE_RECORDS);
    assert_int_equal(answers->refused + answers->missing + answers->older + answers->wrong, 0);
    assert_false(answers->journal_cut || answers->astray);
    print_message("    keyring %zu, state %zu, journal %zu bytes; %u answers each time\n",
                  files[0].size, files[1].size, files[2].size, answers->right);
    struct figures figures = turn_bits(
        files, FILES_MAX, flips == NULL ? 2000 : (uint32_t)strtoul(flips, NULL, 10), ask_house);
    show("sealed", &figures);
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        free(files[i].bytes);
    }
    assert_int_equal(figures.wrong, 0);
    assert_int_equal(figures.unfound, 0);
    assert_int_equal(figures.journal_cut, 0);
    assert_int_equal(figures.hung, 0);
}

static void ask_length(void)
{
    struct data data;
    struct kp_diag diag;
    struct kp_journal_state state;
    answers->opened = data_open(&data, root, &diag) == KP_OK;
    if (answers->opened) {
        kp_journal_state(data.journal, &state);
        answers->journal_cut = state.last + 1 < story.records[HOUSE_RECORDS].position;
    }
    data_close(&data);
}

/* LMDB has two heads, and believes the one with the higher number. While the state lags behind,
 * nothing else knows how long the journal is. A number that one bit moves by exactly two follows
 * the other as well as before: that is not seen, and there are at most two such bits. */
static void a_journal_cut_short_is_noticed(void **state)
{
    (void)state;
    enum { JOURNAL = 2, NUMBER_AT = 144, NUMBER_BITS = 64 };
    static struct file files[FILES_MAX];
    uint32_t refused = 0, unnoticed = 0;
    make_house(files, /* groups_max= */ 2);
    assert_int_equal(ask_apart(ask_length), 0);
    assert_true(answers->opened && !answers->journal_cut);
    for (uint32_t bit = 0; bit < 2 * NUMBER_BITS; bit++) {
        struct flip flip = {.file = JOURNAL, .mask = (uint8_t)(1u << bit % 8)};
        flip.offset = bit / NUMBER_BITS * PAGE_BYTES + NUMBER_AT + bit % NUMBER_BITS / 8;
        for (uint32_t file = 0; file < FILES_MAX; file++) {
            write_file(&files[file], file == JOURNAL ? &flip : NULL);
        }
        assert_int_equal(ask_apart(ask_length), 0);
        unnoticed += answers->journal_cut ? 1 : 0;
        refused += answers->opened ? 0 : 1;
    }
    print_message("    %u bits: %u refused, %u cut the journal short unnoticed\n", 2 * NUMBER_BITS,
                  refused, unnoticed);
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        free(files[i].bytes);
    }
    assert_int_equal(refused + unnoticed, 2 * NUMBER_BITS);
    assert_true(unnoticed <= 2);
}

static void without_seals_wrong_answers_are_seen(void **state)
{
    (void)state;
    static struct file file;
    clear_root();
    plain_rows(/* write= */ true);
    (void)snprintf(file.path, sizeof file.path, "%s/plain.mdb", root);
    read_file(&file);
    struct figures figures = turn_bits(&file, 1, CONTROL_FLIPS, ask_plain);
    show("plain", &figures);
    free(file.bytes);
    assert_true(figures.wrong > 0);
}

static int set_up(void **state)
{
    const char *below = getenv("TMPDIR");
    const char *seed = getenv("SEED");
    struct kp_diag diag = {.err = KP_OK};
    (void)state;
    fixture_must(kp_crypto_init(&diag), &diag);
    answers =
        mmap(NULL, sizeof *answers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(answers != MAP_FAILED);
    (void)snprintf(root, sizeof root, "%s/kp-rot-XXXXXX", below == NULL ? "/tmp" : below);
    assert_non_null(mkdtemp(root));
    story_tell(&story, seed == NULL ? 1 : strtoull(seed, NULL, 10));
    story_state(&story, HOUSE_RECORDS, &should_be);
    remember_past();
    print_message("    SEED=%s\n", seed == NULL ? "1" : seed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(past);
    kp_store_close(&should_be);
    story_forget(&story);
    assert_int_equal(nftw(root, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
    return munmap(answers, sizeof *answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_answer_is_silently_wrong),
        cmocka_unit_test(a_journal_cut_short_is_noticed),
        cmocka_unit_test(without_seals_wrong_answers_are_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
