/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/job.h"

#include "base/assert.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/log.h"
#include "proto/gate.h"
#include "runtime/list.h"
#include "runtime/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK_RECORDS 200u
#define TRANSLATOR_ARENA_BYTES (16u << 20)

/* One reading of one file. */
struct pass {
    struct kp_jobs *jobs;
    struct kp_spool_file *file;
    struct kp_list_check check;
    uint32_t seen;  /* records so far in this reading */
    uint32_t chunk; /* of them in the open transaction */
    uint64_t version_max;
    enum kp_job_end end;
    enum kp_err err;
    struct kp_diag *reterr_diag;
};

void kp_jobs_init(struct kp_jobs *jobs, const struct kp_adapter_conf *conf,
                  const struct kp_translator *translator, struct kp_spool *spool)
{
    *jobs = (struct kp_jobs){.conf = conf, .translator = translator, .spool = spool};
    kp_arena_init(&jobs->arena, TRANSLATOR_ARENA_BYTES);
    jobs->signal_bytes = malloc(KP_SIGNAL_BYTES_MAX);
    KP_ASSERT(jobs->signal_bytes != NULL);
}

void kp_jobs_done(struct kp_jobs *jobs)
{
    kp_arena_done(&jobs->arena);
    free(jobs->signal_bytes);
    jobs->signal_bytes = NULL;
}

static enum kp_err translate(struct pass *pass, struct kp_slice bytes, kp_record_sink *sink,
                             struct kp_diag *reterr_diag)
{
    struct kp_translate_job job = {
        .file = bytes,
        .arena = &pass->jobs->arena,
        .sink = sink,
        .context = pass,
        .test_mode = pass->jobs->test_mode,
    };
    kp_arena_reset(&pass->jobs->arena);
    return pass->jobs->translator->translate(&job, reterr_diag);
}

/* --- the first reading: is it an export of this kind, and may it be compared? --- */

/* A large file takes minutes: the connection and the service manager hear of us meanwhile. What
 * comes in between changes nothing that a first reading looks at. false: stopped, see pass. */
static bool come_up(struct pass *pass)
{
    struct kp_jobs *jobs = pass->jobs;
    pass->err = kp_spool_commit(jobs->spool, pass->reterr_diag);
    if (pass->err != KP_OK) {
        return false;
    }
    if (jobs->pump != NULL && !jobs->pump(jobs->context)) {
        pass->end = KP_JOB_STOPPED;
        return false;
    }
    kp_spool_begin_read(jobs->spool);
    return true;
}

static bool count_record(void *context, const struct kp_record *record)
{
    struct pass *pass = context;
    pass->seen++;
    if (pass->seen % CHUNK_RECORDS == 0 && !come_up(pass)) {
        return false;
    }
    if (pass->jobs->translator->full_list) {
        kp_list_count(pass->jobs->spool, &pass->check, record);
    } else {
        pass->check.rows++;
    }
    return kp_spool_ok(pass->jobs->spool);
}

/* pass.end says whether it was stopped; then there is no judgement. */
static enum kp_err read_through(struct pass *pass, struct kp_slice bytes,
                                enum kp_err *ret_judgement, struct kp_diag *reterr_diag)
{
    struct kp_jobs *jobs = pass->jobs;
    pass->reterr_diag = reterr_diag;
    struct kp_diag judgement = {.err = KP_OK};
    kp_spool_begin_read(jobs->spool);
    enum kp_err judged = translate(pass, bytes, count_record, &judgement);
    if (pass->err != KP_OK || pass->end == KP_JOB_STOPPED) {
        return pass->err;
    }
    if (judged == KP_OK && jobs->translator->full_list) {
        judged =
            kp_list_judge(jobs->spool, &pass->check, jobs->conf->list_shrink_percent, &judgement);
    }
    enum kp_err err = kp_spool_commit(jobs->spool, reterr_diag);
    if (judgement.err == KP_OK && judged != KP_OK) {
        (void)kp_fail(&judgement, judged, "%s", kp_err_text(judged));
    }
    if (err == KP_OK) {
        *ret_judgement = judged;
        *reterr_diag = judgement;
    }
    return err;
}

/* --- the second: into the spool --- */

/* Once until it goes on: it is tried again all the time. */
static void say_full(struct kp_jobs *jobs, const char *file, const char *reason)
{
    if (!jobs->full) {
        kp_log(KP_LOG_ERROR, "spool.full", "file=\"%s\" text=\"%s\"", file, reason);
        jobs->full = true;
    }
}

static bool begin_chunk(struct pass *pass)
{
    struct kp_spool *spool = pass->jobs->spool;
    kp_spool_begin(spool);
    pass->chunk = 0;
    if (kp_spool_is_full(spool)) {
        kp_spool_abort(spool);
        say_full(pass->jobs, pass->file->name, "as much waits for the hub as may wait");
        pass->end = KP_JOB_LATER;
        return false;
    }
    /* What came in between two chunks may have counted outcomes of this file. */
    (void)kp_spool_get_file(spool, pass->file->id, pass->file);
    return true;
}

/* The file with the highest version is written before a version above it can be sent. */
static enum kp_err save_list_version(struct pass *pass)
{
    struct kp_jobs *jobs = pass->jobs;
    if (pass->version_max <= jobs->list_version) {
        return KP_OK;
    }
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", pass->version_max);
    enum kp_err err = kp_file_write_alone(jobs->conf->list_version, kp_slice_of(text, (size_t)size),
                                          0600, pass->reterr_diag);
    if (err == KP_OK) {
        jobs->list_version = pass->version_max;
    }
    return err;
}

/* Commit; a full disk is waited for, anything else ends the program. */
static bool end_chunk(struct pass *pass)
{
    struct kp_spool *spool = pass->jobs->spool;
    kp_spool_put_file(spool, pass->file);
    enum kp_err err = kp_spool_ok(spool) ? save_list_version(pass) : KP_OK;
    if (err != KP_OK) {
        kp_spool_abort(spool);
    } else {
        kp_crash_point("spool.before_commit");
        err = kp_spool_commit(spool, pass->reterr_diag);
        kp_crash_point("spool.after_commit");
    }
    pass->chunk = 0;
    if (err == KP_E_DISK_FULL) {
        say_full(pass->jobs, pass->file->name, "the disk is full");
        pass->end = KP_JOB_LATER;
        return false;
    }
    if (err != KP_OK) {
        pass->err = err;
        return false;
    }
    pass->jobs->full = false;
    if (pass->jobs->pump != NULL && !pass->jobs->pump(pass->jobs->context)) {
        pass->end = KP_JOB_STOPPED;
        return false;
    }
    return true;
}

/* What the hub's gate would refuse must not be spooled: it would hold up its whole batch. */
static enum kp_err pack_signal(struct kp_jobs *jobs, const Knooppunt__V1__Signal *signal,
                               struct kp_slice *ret_bytes, struct kp_diag *reterr_diag)
{
    if (signal->reference == NULL || signal->reference[0] == '\0' ||
        strlen(signal->reference) > KP_REFERENCE_BYTES_MAX) {
        return kp_fail_field(reterr_diag, KP_E_REFERENCE, "reference", "%s",
                             kp_err_text(KP_E_REFERENCE));
    }
    if (!signal->has_version || signal->version == 0) {
        return kp_fail_field(reterr_diag, KP_E_VERSION, "version", "%s", kp_err_text(KP_E_VERSION));
    }
    if (signal->n_persons > KP_SIGNAL_PERSONS_MAX) {
        return kp_fail_field(reterr_diag, KP_E_TOO_MANY_PERSONS, "persons", "%zu persons",
                             signal->n_persons);
    }
    size_t size = kp_codec_size(&signal->base);
    if (size > KP_SIGNAL_BYTES_MAX) {
        return kp_fail(reterr_diag, KP_E_LENGTH, "a record of %zu bytes; %u is the most", size,
                       KP_SIGNAL_BYTES_MAX);
    }
    struct kp_writer writer;
    kp_writer_init(&writer, jobs->signal_bytes, KP_SIGNAL_BYTES_MAX);
    kp_codec_put(&writer, &signal->base);
    KP_ASSERT(kp_writer_ok(&writer));
    *ret_bytes = kp_writer_slice(&writer);
    return kp_gate_check(&knooppunt__v1__signal__descriptor, &kp_gate_signal, KP_GATE_STRICT,
                         *ret_bytes, /* reterr_offset= */ NULL, reterr_diag);
}

static void hold(struct kp_spool_record *record, const struct kp_diag *diag)
{
    record->status = KP_RECORD_HELD;
    record->code = diag->err == KP_OK ? KP_E_INTERNAL : diag->err;
    (void)snprintf(record->field, sizeof record->field, "%s", diag->field);
    (void)snprintf(record->reason, sizeof record->reason, "%s",
                   diag->text[0] == '\0' ? kp_err_text(diag->err) : diag->text);
}

/* Signal and record of one usable row; held when it turns out not to be. */
static void spool_signal(struct pass *pass, Knooppunt__V1__Signal *signal,
                         struct kp_spool_record *record)
{
    struct kp_jobs *jobs = pass->jobs;
    struct kp_diag diag = {.err = KP_OK};
    struct kp_slice bytes;
    bool list = jobs->translator->full_list;
    uint64_t given_version = signal->version;
    if (list) {
        signal->has_version = 1;
        signal->version = UINT64_MAX; /* the longest: what it gets will fit as well */
    }
    if (pack_signal(jobs, signal, &bytes, &diag) != KP_OK) {
        hold(record, &diag);
        if (list) {
            kp_list_keep(jobs->spool, pass->file->id, record->reference);
        }
        return;
    }
    signal->version = given_version;
    if (list) {
        enum kp_list_change change =
            kp_list_take(jobs->spool, pass->file->id, signal, &signal->version);
        if (change == KP_LIST_SAME) {
            record->status = KP_RECORD_DUPLICATE;
            return;
        }
        if (change == KP_LIST_TWICE) {
            (void)kp_fail_field(&diag, KP_E_CONFLICT, "reference",
                                "the list has this reference twice, with different content");
            hold(record, &diag);
            return;
        }
        pass->version_max =
            signal->version > pass->version_max ? signal->version : pass->version_max;
        enum kp_err packed = pack_signal(jobs, signal, &bytes, &diag);
        KP_ASSERT(packed == KP_OK); /* it fitted with the longest version */
    }
    struct kp_spool_signal row = {.file = pass->file->id,
                                  .record = record->number,
                                  .version = signal->version,
                                  .bytes = bytes};
    (void)snprintf(row.reference, sizeof row.reference, "%s", signal->reference);
    kp_spool_add_signal(jobs->spool, &row);
}

static bool spool_record(void *context, const struct kp_record *given)
{
    struct pass *pass = context;
    struct kp_spool *spool = pass->jobs->spool;
    pass->seen++;
    if (pass->seen <= pass->file->spooled) {
        return true; /* spooled before a crash or a stop */
    }
    if (!kp_spool_in_transaction(spool) && !begin_chunk(pass)) {
        return false;
    }
    struct kp_spool_record record = {
        .file = pass->file->id, .number = pass->seen, .line = given->line};
    (void)snprintf(record.reference, sizeof record.reference, "%s", given->reference);
    if (given->diag.err == KP_OK && given->signal != NULL) {
        Knooppunt__V1__Signal signal = *given->signal;
        spool_signal(pass, &signal, &record);
    } else {
        hold(&record, &given->diag);
        if (pass->jobs->translator->full_list) {
            kp_list_keep(spool, pass->file->id, record.reference);
        }
    }
    kp_spool_put_record(spool, pass->file, &record);
    pass->file->spooled = pass->seen;
    pass->chunk++;
    return pass->chunk < CHUNK_RECORDS || end_chunk(pass);
}

/* Rows that left the list: one withdrawal each. false: stopped, see pass. */
static bool spool_withdrawals(struct pass *pass)
{
    struct kp_spool *spool = pass->jobs->spool;
    struct kp_spool_row row = {.reference = ""};
    for (bool more = true; more;) {
        if (!kp_spool_in_transaction(spool) && !begin_chunk(pass)) {
            return false;
        }
        more = kp_list_leave(spool, pass->file->id, row.reference, &row);
        if (more) {
            struct kp_spool_record record = {.file = pass->file->id,
                                             .number = pass->file->spooled + 1};
            (void)snprintf(record.reference, sizeof record.reference, "%s", row.reference);
            Knooppunt__V1__Signal signal = KNOOPPUNT__V1__SIGNAL__INIT;
            signal.reference = row.reference;
            signal.has_version = 1;
            signal.version = row.version;
            signal.has_action = 1;
            signal.action = KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW;
            struct kp_spool_signal spooled = {
                .file = record.file, .record = record.number, .version = row.version};
            (void)snprintf(spooled.reference, sizeof spooled.reference, "%s", row.reference);
            enum kp_err packed =
                pack_signal(pass->jobs, &signal, &spooled.bytes, /* reterr_diag= */ NULL);
            KP_ASSERT(packed == KP_OK);
            kp_spool_add_signal(spool, &spooled);
            kp_spool_put_record(spool, pass->file, &record);
            pass->version_max = row.version > pass->version_max ? row.version : pass->version_max;
            pass->file->spooled = record.number;
            pass->chunk++;
        }
        if ((!more || pass->chunk == CHUNK_RECORDS) && !end_chunk(pass)) {
            return false;
        }
    }
    return true;
}

/* --- one file --- */

/* Nothing of the file is used; its result has one line that says why. */
static enum kp_err refuse(struct kp_jobs *jobs, struct kp_spool_file *file,
                          const struct kp_diag *why, struct kp_diag *reterr_diag)
{
    kp_log(KP_LOG_ERROR, "file.refused", "file=\"%s\" err=%s line=%u text=\"%s\"", file->name,
           kp_err_name(why->err), why->line, why->text);
    kp_spool_begin(jobs->spool);
    struct kp_spool_record record = {.file = file->id, .number = 1, .line = why->line};
    hold(&record, why);
    record.status = KP_RECORD_REFUSED;
    file->state = KP_FILE_SPOOLED;
    file->read = 0;
    kp_spool_put_record(jobs->spool, file, &record);
    kp_spool_put_file(jobs->spool, file);
    enum kp_err err = kp_spool_commit(jobs->spool, reterr_diag);
    return err == KP_OK ? kp_place_move(jobs, file, reterr_diag) : err;
}

static enum kp_err set_aside(struct kp_jobs *jobs, struct kp_spool_file *file,
                             const struct kp_diag *why, struct kp_diag *reterr_diag)
{
    file->state = KP_FILE_WAITING;
    file->aside = true;
    kp_spool_begin(jobs->spool);
    kp_spool_put_file(jobs->spool, file);
    enum kp_err err = kp_spool_commit(jobs->spool, reterr_diag);
    if (err == KP_OK) {
        err = kp_place_set_aside(jobs, file, reterr_diag);
    }
    if (err == KP_OK) {
        kp_log(KP_LOG_ERROR, "list.waiting", "file=\"%s\" err=%s text=\"%s\"", file->stored,
               kp_err_name(why->err), why->text);
    }
    return err;
}

/* A newer list makes one that still waits for a person pointless: confirming it would turn the
 * truth back. */
static enum kp_err drop_outdated(struct kp_jobs *jobs, uint64_t newer, struct kp_diag *reterr_diag)
{
    struct kp_spool_file file = {.id = 0};
    for (;;) {
        kp_spool_begin_read(jobs->spool);
        bool found = kp_spool_next_file(jobs->spool, file.id, &file);
        enum kp_err err = kp_spool_commit(jobs->spool, reterr_diag);
        if (err != KP_OK || !found) {
            return err;
        }
        if (file.id == newer || file.state != KP_FILE_WAITING) {
            continue;
        }
        struct kp_diag why;
        (void)kp_fail(&why, KP_E_LIST_SHRUNK, "a newer list came before this one was confirmed");
        err = refuse(jobs, &file, &why, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
}

/* First reading of a new file. *ret_go: on to the second. */
static enum kp_err check_file(struct kp_jobs *jobs, struct kp_spool_file *file,
                              struct kp_slice bytes, bool *ret_go, enum kp_job_end *ret_end,
                              struct kp_diag *reterr_diag)
{
    struct pass pass = {.jobs = jobs, .file = file};
    struct kp_diag why;
    enum kp_err judgement = KP_OK;
    *ret_go = false;
    enum kp_err err = read_through(&pass, bytes, &judgement, &why);
    if (err != KP_OK) {
        *reterr_diag = why;
        return err;
    }
    if (pass.end == KP_JOB_STOPPED) {
        *ret_end = KP_JOB_STOPPED;
        return KP_OK;
    }
    file->read = pass.check.rows;
    if (jobs->translator->full_list && (judgement == KP_OK || judgement == KP_E_LIST_SHRUNK)) {
        err = drop_outdated(jobs, file->id, reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    /* A row that nobody can read may be the row of anyone who seems to have left. */
    file->list_withdraws = jobs->translator->full_list && pass.check.unreadable == 0;
    if (judgement == KP_E_LIST_SHRUNK) {
        *ret_end = KP_JOB_WAITING;
        return set_aside(jobs, file, &why, reterr_diag);
    }
    if (judgement != KP_OK) {
        *ret_end = KP_JOB_SPOOLED;
        return refuse(jobs, file, &why, reterr_diag);
    }
    if (jobs->translator->full_list && pass.check.unreadable > 0) {
        kp_log(KP_LOG_WARNING, "list.unreadable",
               "file=\"%s\" rows=%u text=\"rows without a reference: nobody is withdrawn\"",
               file->name, pass.check.unreadable);
    }
    file->checked = true;
    kp_spool_begin(jobs->spool);
    kp_spool_put_file(jobs->spool, file);
    *ret_go = true;
    return kp_spool_commit(jobs->spool, reterr_diag);
}

/* Second reading, from where the spool is; then the file may go to done/. */
static enum kp_err spool_file(struct kp_jobs *jobs, struct kp_spool_file *file,
                              struct kp_slice bytes, enum kp_job_end *ret_end,
                              struct kp_diag *reterr_diag)
{
    struct pass pass = {.jobs = jobs,
                        .file = file,
                        .version_max = jobs->list_version,
                        .end = KP_JOB_SPOOLED,
                        .reterr_diag = reterr_diag};
    struct kp_diag unread = {.err = KP_OK};
    enum kp_err err = translate(&pass, bytes, spool_record, &unread);
    bool whole = pass.end == KP_JOB_SPOOLED && pass.err == KP_OK && kp_spool_ok(jobs->spool);
    if (whole && (err != KP_OK || pass.seen != file->read)) {
        kp_spool_abort(jobs->spool);
        return kp_fail(reterr_diag, KP_E_INTERNAL,
                       "a translator read %u records, and then %u of the same bytes", file->read,
                       pass.seen);
    }
    if (!kp_spool_ok(jobs->spool)) {
        pass.err = kp_spool_commit(jobs->spool, reterr_diag); /* gives the first failure */
    }
    if (whole && kp_spool_in_transaction(jobs->spool)) {
        whole = end_chunk(&pass);
    }
    if (whole && file->list_withdraws) {
        whole = spool_withdrawals(&pass);
    }
    *ret_end = pass.end;
    if (!whole) {
        kp_spool_abort(jobs->spool);
        return pass.err;
    }
    kp_spool_begin(jobs->spool);
    (void)kp_spool_get_file(jobs->spool, file->id, file);
    file->state = KP_FILE_SPOOLED;
    kp_spool_put_file(jobs->spool, file);
    err = kp_spool_commit(jobs->spool, reterr_diag);
    kp_crash_point("file.before_move");
    return err == KP_OK ? kp_place_move(jobs, file, reterr_diag) : err;
}

static enum kp_err process(struct kp_jobs *jobs, struct kp_spool_file *file, struct kp_slice bytes,
                           enum kp_job_end *ret_end, struct kp_diag *reterr_diag)
{
    bool go = file->checked;
    enum kp_err err = KP_OK;
    if (file->state == KP_FILE_SPOOLED) {
        *ret_end = KP_JOB_SPOOLED;
        return kp_place_move(jobs, file, reterr_diag);
    }
    if (!go) {
        err = check_file(jobs, file, bytes, &go, ret_end, reterr_diag);
    }
    if (err == KP_OK && go) {
        err = spool_file(jobs, file, bytes, ret_end, reterr_diag);
    }
    if (err == KP_E_DISK_FULL) { /* wherever it struck, the file is tried again */
        say_full(jobs, file->name, reterr_diag->text);
        *ret_end = KP_JOB_LATER;
        err = KP_OK;
    }
    return err;
}

enum kp_err kp_jobs_take(struct kp_jobs *jobs, const char *name, enum kp_job_end *ret_end,
                         struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    struct kp_spool_file file;
    enum kp_err err = kp_place_read(jobs, name, &bytes, &size, reterr_diag);
    if (err == KP_E_LATER) {
        *ret_end = KP_JOB_LATER;
        return KP_OK;
    }
    bool unusable = err == KP_E_LIMIT || err == KP_E_FILE; /* nothing of it was read */
    if (err != KP_OK && !unusable) {
        return err;
    }
    struct kp_diag why = *reterr_diag;
    err = kp_place_enter(jobs, name, kp_slice_of(bytes, size), &file, reterr_diag);
    if (err == KP_OK && unusable) {
        *ret_end = KP_JOB_SPOOLED;
        why.err = KP_E_FILE;
        err = file.state == KP_FILE_SPOOLED ? kp_place_move(jobs, &file, reterr_diag)
                                            : refuse(jobs, &file, &why, reterr_diag);
    } else if (err == KP_OK) {
        err = process(jobs, &file, kp_slice_of(bytes, size), ret_end, reterr_diag);
    } else if (err == KP_E_DISK_FULL) {
        *ret_end = KP_JOB_LATER;
        err = KP_OK;
    }
    free(bytes);
    return err;
}

/* A list in waiting/ that a person decided about, or that was interrupted after that. */
static enum kp_err take_aside(struct kp_jobs *jobs, struct kp_spool_file *file,
                              enum kp_job_end *ret_end, struct kp_diag *reterr_diag)
{
    enum kp_place_decision decision = kp_place_decision(jobs, file);
    if (file->state == KP_FILE_WAITING && decision == KP_PLACE_UNDECIDED) {
        return KP_OK;
    }
    if (file->state == KP_FILE_WAITING && decision == KP_PLACE_REJECTED) {
        struct kp_diag why;
        (void)kp_fail(&why, KP_E_LIST_SHRUNK, "rejected by a person");
        return refuse(jobs, file, &why, reterr_diag);
    }
    char *bytes = NULL;
    size_t size = 0;
    enum kp_err err = kp_place_read_aside(jobs, file, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (file->state == KP_FILE_WAITING) {
        kp_log(KP_LOG_NOTICE, "list.confirmed", "file=\"%s\"", file->stored);
        file->state = KP_FILE_READING;
        file->checked = true;
        kp_spool_begin(jobs->spool);
        kp_spool_put_file(jobs->spool, file);
        err = kp_spool_commit(jobs->spool, reterr_diag);
    }
    if (err == KP_OK) {
        err = process(jobs, file, kp_slice_of(bytes, size), ret_end, reterr_diag);
    }
    free(bytes);
    return err;
}

enum kp_err kp_jobs_take_waiting(struct kp_jobs *jobs, enum kp_job_end *ret_end,
                                 struct kp_diag *reterr_diag)
{
    struct kp_spool_file file = {.id = 0};
    *ret_end = KP_JOB_SPOOLED;
    while (*ret_end == KP_JOB_SPOOLED) {
        kp_spool_begin_read(jobs->spool);
        bool found = kp_spool_next_file(jobs->spool, file.id, &file);
        enum kp_err err = kp_spool_commit(jobs->spool, reterr_diag);
        if (err != KP_OK || !found) {
            return err;
        }
        if (file.aside && (file.state == KP_FILE_WAITING || file.state == KP_FILE_READING)) {
            err = take_aside(jobs, &file, ret_end, reterr_diag);
        }
        if (err != KP_OK) {
            return err;
        }
    }
    return KP_OK;
}
