/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/results.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DROPPED_AT_ONCE 1000u

bool kp_results_path(const struct kp_adapter_conf *conf, const char *stored, char *ret_path,
                     size_t size)
{
    int needed = snprintf(ret_path, size, "%s/%s.result.csv", conf->results, stored);
    return needed > 0 && (size_t)needed < size;
}

/* A cell as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe first:
 * references and reasons come from outside. */
static void put_cell(FILE *file, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    bool formula = strchr("=+-@\t\r", text[0]) != NULL;
    (void)fputc('"', file);
    if (formula) {
        (void)fputc('\'', file);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') {
            (void)fputc('"', file);
        }
        (void)fputc((unsigned char)*c < ' ' ? ' ' : *c, file);
    }
    (void)fputc('"', file);
}

static void put_record(FILE *file, const struct kp_spool_file *about,
                       const struct kp_spool_record *record)
{
    if (record->number <= about->read) { /* else a row that left the list: it has no place in it */
        (void)fprintf(file, "%" PRIu32, record->number);
    }
    (void)fputc(',', file);
    if (record->line > 0) {
        (void)fprintf(file, "%" PRIu32, record->line);
    }
    (void)fputc(',', file);
    put_cell(file, record->reference);
    (void)fprintf(file, ",%s,", kp_record_status_name(record->status));
    put_cell(file, record->code == 0 ? "" : kp_err_name((enum kp_err)record->code));
    (void)fputc(',', file);
    put_cell(file, record->field);
    (void)fputc(',', file);
    put_cell(file, record->reason);
    (void)fputc(',', file);
    if (record->position > 0) {
        (void)fprintf(file, "%" PRIu64, record->position);
    }
    (void)fputs("\r\n", file);
}

static enum kp_err write_result(const struct kp_adapter_conf *conf, struct kp_spool *spool,
                                const struct kp_spool_file *file, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    KP_ASSERT(kp_results_path(conf, file->stored, path, sizeof path));
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    KP_ASSERT(stream != NULL);
    (void)fputs("record,line,reference,status,code,field,reason,position\r\n", stream);
    kp_spool_begin_read(spool);
    struct kp_spool_record record = {.number = 0};
    while (kp_spool_next_record(spool, file->id, record.number, &record)) {
        put_record(stream, file, &record);
    }
    enum kp_err err = kp_spool_commit(spool, reterr_diag);
    bool whole = ferror(stream) == 0;
    whole = fclose(stream) == 0 && whole;
    KP_ASSERT(whole); /* memory only */
    if (err == KP_OK) {
        err = kp_file_write_alone(path, kp_slice_of(text, size), 0640, reterr_diag);
    }
    free(text);
    return err;
}

static void say_done(const struct kp_spool_file *file)
{
    const uint32_t *counts = file->counts;
    kp_log(KP_LOG_NOTICE, "file.done",
           "file=\"%s\" read=%u accepted=%u duplicate=%u replaces=%u superseded=%u withdrawn=%u "
           "held=%u refused=%u",
           file->stored, file->read, counts[KP_RECORD_ACCEPTED], counts[KP_RECORD_DUPLICATE],
           counts[KP_RECORD_REPLACES], counts[KP_RECORD_SUPERSEDED], counts[KP_RECORD_WITHDRAWN],
           counts[KP_RECORD_HELD], counts[KP_RECORD_REFUSED]);
}

/* First the state, then the records: a crash between leaves records without use, never a result
 * without its records. */
static enum kp_err finish(struct kp_spool *spool, struct kp_spool_file *file,
                          struct kp_diag *reterr_diag)
{
    kp_spool_begin(spool);
    file->state = KP_FILE_COMPLETE;
    kp_spool_put_file(spool, file);
    enum kp_err err = kp_spool_commit(spool, reterr_diag);
    for (bool more = true; err == KP_OK && more;) {
        kp_spool_begin(spool);
        more = kp_spool_drop_records(spool, file->id, DROPPED_AT_ONCE);
        err = kp_spool_commit(spool, reterr_diag);
    }
    return err;
}

/* `status` remembers the last KP_SPOOL_FILES_MAX files. */
static enum kp_err forget_old(struct kp_spool *spool, struct kp_diag *reterr_diag)
{
    struct kp_spool_file file = {.id = 0};
    uint32_t complete = 0;
    kp_spool_begin(spool);
    while (kp_spool_next_file(spool, file.id, &file)) {
        complete += file.state == KP_FILE_COMPLETE ? 1 : 0;
    }
    file.id = 0;
    while (complete > KP_SPOOL_FILES_MAX && kp_spool_next_file(spool, file.id, &file)) {
        if (file.state == KP_FILE_COMPLETE) {
            kp_spool_drop_file(spool, file.id);
            complete--;
        }
    }
    return kp_spool_commit(spool, reterr_diag);
}

enum kp_err kp_results_write(const struct kp_adapter_conf *conf, struct kp_spool *spool,
                             uint32_t *ret_count, struct kp_diag *reterr_diag)
{
    uint32_t count = 0;
    struct kp_spool_file file = {.id = 0};
    enum kp_err err = KP_OK;
    for (;;) {
        kp_spool_begin_read(spool);
        bool found = kp_spool_next_file(spool, file.id, &file);
        err = kp_spool_commit(spool, reterr_diag);
        if (err != KP_OK || !found) {
            break;
        }
        if (file.state != KP_FILE_MOVED || kp_file_open_count(&file) > 0) {
            continue;
        }
        err = write_result(conf, spool, &file, reterr_diag);
        if (err == KP_OK) {
            err = finish(spool, &file, reterr_diag);
        }
        if (err != KP_OK) {
            break;
        }
        say_done(&file);
        count++;
    }
    if (err == KP_OK && count > 0) {
        err = forget_old(spool, reterr_diag);
    }
    *ret_count = count;
    return err;
}
