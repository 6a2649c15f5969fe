/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/lines.h"

#include "base/assert.h"
#include "base/file.h"
#include "runtime/event_json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kp_lines {
    int fd;
    uint32_t mailbox_count;
    struct {
        char name[KP_ID_BYTES_MAX + 1];
        uint64_t seq; /* highest in the file */
    } mailboxes[KP_EVENT_MAILBOXES_MAX];
    char *pending; /* lines since the last sync, for stdout */
    size_t pending_size;
};

static uint64_t *seq_of(struct kp_lines *lines, const char *mailbox)
{
    for (uint32_t i = 0; i < lines->mailbox_count; i++) {
        if (strcmp(lines->mailboxes[i].name, mailbox) == 0) {
            return &lines->mailboxes[i].seq;
        }
    }
    if (lines->mailbox_count == KP_EVENT_MAILBOXES_MAX) {
        return NULL;
    }
    (void)snprintf(lines->mailboxes[lines->mailbox_count].name, KP_ID_BYTES_MAX + 1, "%s", mailbox);
    lines->mailboxes[lines->mailbox_count].seq = 0;
    return &lines->mailboxes[lines->mailbox_count++].seq;
}

static void take_line(struct kp_lines *lines, const char *line, size_t size)
{
    json_error_t error;
    json_t *json = json_loadb(line, size, 0, &error);
    const char *mailbox = json_string_value(json_object_get(json, "mailbox"));
    uint64_t *seq = mailbox == NULL ? NULL : seq_of(lines, mailbox);
    uint64_t line_seq = (uint64_t)json_integer_value(json_object_get(json, "seq"));
    if (seq != NULL && line_seq > *seq) {
        *seq = line_seq;
    }
    json_decref(json);
}

/* What the file has; whole lines only. */
static enum kp_err read_lines(struct kp_lines *lines, const char *path, struct kp_diag *reterr_diag)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return kp_fail(reterr_diag, KP_E_IO, "%s: %s", path, strerror(errno));
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    off_t whole = 0;
    while ((size = getline(&line, &capacity, file)) > 0 && line[size - 1] == '\n') {
        take_line(lines, line, (size_t)size);
        whole += size;
    }
    free(line);
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (failed || ftruncate(lines->fd, whole) != 0) {
        return kp_fail(reterr_diag, KP_E_IO, "%s: %s", path, strerror(errno));
    }
    return KP_OK;
}

enum kp_err kp_lines_open(const char *dir, struct kp_lines **ret_lines, struct kp_diag *reterr_diag)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/events.jsonl", dir);
    KP_ASSERT(size > 0 && (size_t)size < sizeof path);
    struct kp_lines *lines = calloc(1, sizeof *lines);
    KP_ASSERT(lines != NULL);
    lines->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    enum kp_err err = lines->fd < 0 ? kp_fail(reterr_diag, KP_E_IO, "%s: %s", path, strerror(errno))
                                    : read_lines(lines, path, reterr_diag);
    if (err == KP_OK) {
        err = kp_dir_sync(dir, reterr_diag);
    }
    if (err != KP_OK) {
        (void)kp_lines_close(lines);
        return err;
    }
    *ret_lines = lines;
    return KP_OK;
}

struct kp_lines *kp_lines_close(struct kp_lines *lines)
{
    if (lines != NULL) {
        if (lines->fd >= 0) {
            (void)close(lines->fd);
        }
        free(lines->pending);
        free(lines);
    }
    return NULL;
}

static enum kp_err put_line(void *context, const struct kp_event_item *item,
                            struct kp_diag *reterr_diag)
{
    struct kp_lines *lines = context;
    uint64_t *seq = seq_of(lines, item->mailbox);
    if (seq == NULL || item->seq <= *seq) {
        return seq == NULL ? kp_fail(reterr_diag, KP_E_LIMIT, "more mailboxes than one file holds")
                           : KP_OK;
    }
    json_t *json = kp_event_json(item);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    KP_ASSERT(text != NULL);
    size_t size = strlen(text);
    lines->pending = realloc(lines->pending, lines->pending_size + size + 1);
    KP_ASSERT(lines->pending != NULL);
    memcpy(lines->pending + lines->pending_size, text, size);
    lines->pending[lines->pending_size + size] = '\n';
    lines->pending_size += size + 1;
    free(text);
    *seq = item->seq;
    return KP_OK;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

static enum kp_err sync_lines(void *context, struct kp_diag *reterr_diag)
{
    struct kp_lines *lines = context;
    if (lines->pending_size == 0) {
        return KP_OK;
    }
    if (!write_all(lines->fd, lines->pending, lines->pending_size) || fdatasync(lines->fd) != 0) {
        /* Half a line may be there now: the program ends, and the next start takes it away. */
        return kp_fail(reterr_diag, KP_E_IO, "events.jsonl: %s", strerror(errno));
    }
    (void)write_all(STDOUT_FILENO, lines->pending, lines->pending_size); /* for whoever watches */
    lines->pending_size = 0;
    return KP_OK;
}

struct kp_event_store kp_lines_store(struct kp_lines *lines)
{
    return (struct kp_event_store){
        .context = lines, .keeps_outcomes = true, .put = put_line, .sync = sync_lines};
}
