/* SPDX-License-Identifier: EUPL-1.2 */
#include "store/env.h"

#include "base/assert.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT (UINT64_C(1) << 40)
#define READERS_MAX 256u
/* Each of these can lose or tear a commit that was reported as done, or lets two writers meet. */
#define FLAGS_FORBIDDEN (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC | MDB_WRITEMAP | MDB_NOLOCK)

/* Where each head in a file of LMDB's format 1 has the number of its transaction. */
#define HEAD_NUMBER_AT 144

/* A commit that failed returns to its thread and is noted: no more than that is waited for. */
#define CAUSE_WAIT_S 5

/* Closing a second handle on the same files would drop the first one's POSIX locks. */
struct open_env {
    dev_t device;
    ino_t inode;
    int cause; /* of the first commit that failed; MDB_SUCCESS: none did */
    struct open_env *next;
};

static pthread_mutex_t open_envs_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cause_known = PTHREAD_COND_INITIALIZER;
static struct open_env *open_envs;

enum kp_err kp_env_err(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return KP_OK;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return KP_E_DISK_FULL;
    case EIO: /* also a write that was cut short: LMDB does not ask why */
        return KP_E_IO;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return KP_E_CORRUPT;
    default:
        return KP_E_STORE;
    }
}

enum kp_err kp_env_fail(struct kp_diag *reterr_diag, int code, const char *what)
{
    return kp_fail(reterr_diag, kp_env_err(code), "%s: %s", what, mdb_strerror(code));
}

MDB_val kp_env_val(struct kp_slice bytes)
{
    /* LMDB does not write through the pointers it is given, though its type does not say so. */
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.bytes};
}

struct kp_slice kp_env_slice(MDB_val val)
{
    return kp_slice_of(val.mv_data, val.mv_size);
}

static enum kp_err register_env(const char *dir, struct open_env **ret_entry,
                                struct kp_diag *reterr_diag)
{
    struct stat stat_dir;
    if (stat(dir, &stat_dir) != 0) {
        return kp_fail(reterr_diag, errno == ENOENT ? KP_E_NOT_FOUND : KP_E_IO, "%s: %s", dir,
                       strerror(errno));
    }
    struct open_env *entry = malloc(sizeof *entry);
    KP_ASSERT(entry != NULL);
    *entry = (struct open_env){.device = stat_dir.st_dev, .inode = stat_dir.st_ino};
    bool known = false;
    (void)pthread_mutex_lock(&open_envs_mutex);
    for (const struct open_env *other = open_envs; other != NULL; other = other->next) {
        known = known || (other->device == entry->device && other->inode == entry->inode);
    }
    if (!known) {
        entry->next = open_envs;
        open_envs = entry;
    }
    (void)pthread_mutex_unlock(&open_envs_mutex);
    if (known) {
        free(entry);
        return kp_fail(reterr_diag, KP_E_STATE, "%s is open in this process already", dir);
    }
    *ret_entry = entry;
    return KP_OK;
}

static void unregister_env(struct open_env *entry)
{
    (void)pthread_mutex_lock(&open_envs_mutex);
    struct open_env **link = &open_envs;
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    (void)pthread_mutex_unlock(&open_envs_mutex);
    free(entry);
}

static int configure_and_open(MDB_env *env, const struct kp_env_options *options)
{
    uint64_t map_bytes = options->map_bytes == 0 ? MAP_BYTES_DEFAULT : options->map_bytes;
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0);
    int code = mdb_env_set_mapsize(env, map_bytes);
    if (code == MDB_SUCCESS) {
        code = mdb_env_set_maxdbs(env, options->tables_max);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_env_set_maxreaders(env, READERS_MAX);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_env_open(env, options->dir, flags, 0600);
    }
    if (code == MDB_SUCCESS) {
        unsigned present = 0;
        KP_ASSERT(mdb_env_get_flags(env, &present) == MDB_SUCCESS);
        KP_ASSERT((present & FLAGS_FORBIDDEN) == 0);
        int dead = 0;
        code = mdb_reader_check(env, &dead);
    }
    return code;
}

/* The pages with which LMDB begins a new file, synced. */
static int write_first_pages(const char *path)
{
    MDB_env *env = NULL;
    int code = mdb_env_create(&env);
    KP_ASSERT(code == MDB_SUCCESS);
    code = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK /* nobody knows it yet */, 0600);
    if (code == MDB_SUCCESS) {
        code = mdb_env_sync(env, /* force= */ 1);
    }
    mdb_env_close(env);
    return code;
}

/* LMDB does not sync the first pages of a new file before its first commit: after a power loss they
 * may be there in part, and it never opens such a file again. So a new one gets its name when it is
 * whole. The caller syncs the directory. */
static enum kp_err make_when_absent(const char *dir, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    char made[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/data.mdb", dir);
    int made_size = snprintf(made, sizeof made, "%s/data.new", dir);
    if (size < 0 || (size_t)size >= sizeof path || made_size < 0 ||
        (size_t)made_size >= sizeof made) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "the path is too long: %.100s", dir);
    }
    if (access(path, F_OK) == 0) {
        return KP_OK;
    }
    (void)unlink(made); /* of a start that was cut off; absent is as good */
    int code = write_first_pages(made);
    if (code == MDB_SUCCESS && rename(made, path) != 0) {
        code = errno;
    }
    return code == MDB_SUCCESS ? KP_OK
                               : kp_env_fail(reterr_diag, code, "cannot make an environment");
}

/* The first two pages are heads, written in turn, and the one with the higher transaction number
 * counts. With a bit of such a number turned LMDB would go back to what was before the last commit
 * and say nothing; but then the numbers seldom follow each other. */
static enum kp_err check_heads(MDB_env *env, const char *dir, struct kp_diag *reterr_diag)
{
    uint64_t numbers[2] = {0, 0};
    MDB_stat stat;
    mdb_filehandle_t file = -1;
    KP_ASSERT(mdb_env_stat(env, &stat) == MDB_SUCCESS);
    KP_ASSERT(mdb_env_get_fd(env, &file) == MDB_SUCCESS);
    for (int i = 0; i < 2; i++) {
        off_t at = (off_t)stat.ms_psize * i + HEAD_NUMBER_AT;
        if (pread(file, &numbers[i], sizeof numbers[i], at) != (ssize_t)sizeof numbers[i]) {
            return kp_fail(reterr_diag, KP_E_IO, "%s: cannot read its heads", dir);
        }
    }
    uint64_t step = numbers[0] > numbers[1] ? numbers[0] - numbers[1] : numbers[1] - numbers[0];
    bool unused = numbers[0] == 0 && numbers[1] == 0;
    return step == 1 || unused ? KP_OK
                               : kp_fail(reterr_diag, KP_E_CORRUPT,
                                         "%s: its two heads do not belong together", dir);
}

enum kp_err kp_env_open(const struct kp_env_options *options, MDB_env **ret_env,
                        struct kp_diag *reterr_diag)
{
    enum kp_err err = KP_OK;
    struct open_env *entry = NULL;
    if (!options->read_only) {
        err = kp_dir_make(options->dir, 0700, reterr_diag);
    }
    if (err == KP_OK && !options->read_only) {
        err = make_when_absent(options->dir, reterr_diag);
    }
    if (err == KP_OK) {
        err = register_env(options->dir, &entry, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    MDB_env *env = NULL;
    int code = mdb_env_create(&env);
    KP_ASSERT(code == MDB_SUCCESS);
    code = configure_and_open(env, options);
    if (code != MDB_SUCCESS) {
        err = code == ENOENT ? KP_E_NOT_FOUND : kp_env_err(code);
        err = kp_fail(reterr_diag, err, "%s: %s", options->dir, mdb_strerror(code));
    } else {
        err = check_heads(env, options->dir, reterr_diag);
    }
    if (err == KP_OK && !options->read_only) {
        err = kp_dir_sync(options->dir, reterr_diag);
    }
    if (err != KP_OK) {
        mdb_env_close(env);
        unregister_env(entry);
        return err;
    }
    KP_ASSERT(mdb_env_set_userctx(env, entry) == MDB_SUCCESS);
    *ret_env = env;
    return KP_OK;
}

MDB_env *kp_env_close(MDB_env *env)
{
    if (env != NULL) {
        struct open_env *entry = mdb_env_get_userctx(env);
        mdb_env_close(env);
        unregister_env(entry);
    }
    return NULL;
}

/* LMDB closes the environment before the commit that failed has returned. */
static int await_cause(const struct open_env *entry)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until); /* set meanwhile: waits shorter or longer */
    until.tv_sec += CAUSE_WAIT_S;
    int waited = 0;
    (void)pthread_mutex_lock(&open_envs_mutex);
    while (entry->cause == MDB_SUCCESS && waited == 0) {
        waited = pthread_cond_timedwait(&cause_known, &open_envs_mutex, &until);
    }
    int cause = entry->cause == MDB_SUCCESS ? MDB_PANIC : entry->cause;
    (void)pthread_mutex_unlock(&open_envs_mutex);
    return cause;
}

int kp_env_begin(MDB_env *env, unsigned flags, MDB_txn **txn_io)
{
    int code = *txn_io == NULL ? mdb_txn_begin(env, NULL, flags, txn_io) : mdb_txn_renew(*txn_io);
    return code == MDB_PANIC ? await_cause(mdb_env_get_userctx(env)) : code;
}

int kp_env_commit(MDB_txn *txn)
{
    struct open_env *entry = mdb_env_get_userctx(mdb_txn_env(txn));
    int code = mdb_txn_commit(txn);
    if (code != MDB_SUCCESS) {
        (void)pthread_mutex_lock(&open_envs_mutex);
        entry->cause = entry->cause == MDB_SUCCESS ? code : entry->cause;
        (void)pthread_cond_broadcast(&cause_known);
        (void)pthread_mutex_unlock(&open_envs_mutex);
    }
    return code;
}

/* mdb_env_copy leaves the copy in the page cache. */
static enum kp_err sync_copy(const char *dir, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/data.mdb", dir);
    if (size < 0 || (size_t)size >= sizeof path) {
        return kp_fail(reterr_diag, KP_E_LIMIT, "the path is too long: %.100s", dir);
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int cause = errno;
        if (fd >= 0) {
            (void)close(fd); /* the copy is refused already */
        }
        return kp_fail(reterr_diag, KP_E_IO, "cannot sync %s: %s", path, strerror(cause));
    }
    if (close(fd) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot close %s: %s", path, strerror(errno));
    }
    return kp_dir_sync(dir, reterr_diag);
}

enum kp_err kp_env_copy(MDB_env *env, const char *dir, bool compact, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_dir_make(dir, 0700, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    int code = mdb_env_copy2(env, dir, compact ? MDB_CP_COMPACT : 0);
    if (code != MDB_SUCCESS) {
        return kp_env_fail(reterr_diag, code, "cannot copy the environment");
    }
    return sync_copy(dir, reterr_diag);
}
