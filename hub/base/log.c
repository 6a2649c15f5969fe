/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024

static const char *log_process = "knooppunt";
static enum kp_log_level log_level = KP_LOG_INFO;

void kp_log_init(const char *process, enum kp_log_level level)
{
    log_process = process;
    log_level = level;
}

static void write_line(enum kp_log_level level, const char *event, const char *fields)
{
    static const char priorities[] = {
        [KP_LOG_ERROR] = '3', [KP_LOG_WARNING] = '4', [KP_LOG_NOTICE] = '5',
        [KP_LOG_INFO] = '6',  [KP_LOG_DEBUG] = '7',
    };
    char line[LINE_BYTES_MAX];
    int size = snprintf(line, sizeof line - 1, "<%c>%s process=%s%s%s", priorities[level], event,
                        log_process, fields[0] == '\0' ? "" : " ", fields);
    size_t used = size < 0 ? 0 : (size_t)size;
    if (used > sizeof line - 2) {
        used = sizeof line - 2;
    }
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = '?'; /* one event, one line, whatever a partner put into a name */
        }
    }
    line[used] = '\n';
    ssize_t written =
        write(STDERR_FILENO, line, used + 1); /* one write: lines of threads never mix */
    (void)written; /* a log that cannot be written must not stop the hub */
}

void kp_log(enum kp_log_level level, const char *event, const char *format, ...)
{
    if (level > log_level) {
        return;
    }
    char fields[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fields, sizeof fields, format, args); /* a cut line is better than none */
    va_end(args);
    write_line(level, event, fields);
}

void kp_log_diag(enum kp_log_level level, const char *event, const struct kp_diag *diag)
{
    char place[96] = "";
    if (diag->line > 0) {
        (void)snprintf(place, sizeof place, " line=%u col=%u", diag->line, diag->col);
    } else if (diag->field[0] != '\0') {
        (void)snprintf(place, sizeof place, " field=%s", diag->field);
    }
    kp_log(level, event, "err=%s%s text=\"%s\"", kp_err_name(diag->err), place, diag->text);
}

bool kp_log_may(struct kp_log_limit *limit, struct kp_mono now, uint64_t *ret_left_out)
{
    if (limit->since_us == 0 || now.us - limit->since_us >= KP_LOG_LIMIT_MS * 1000) {
        limit->since_us = now.us;
        limit->lines = 0;
    }
    if (limit->lines == KP_LOG_LIMIT_LINES) {
        limit->left_out++;
        return false;
    }
    limit->lines++;
    *ret_left_out = limit->left_out;
    limit->left_out = 0;
    return true;
}
