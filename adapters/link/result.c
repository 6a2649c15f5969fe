/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* qsort_r */
#include "link/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the files --- */

static enum kp_err fail_write(const struct kp_result_file *result, struct kp_diag *reterr_diag)
{
    return kp_fail(reterr_diag, KP_E_IO, "%s cannot be written: %s", result->path, strerror(errno));
}

enum kp_err kp_result_open(struct kp_result_file *result, const char *path,
                           struct kp_diag *reterr_diag)
{
    *result = (struct kp_result_file){.path = path};
    if (path == NULL) {
        return KP_OK;
    }
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC; /* what is there stays there */
    int fd = open(path, flags | O_EXCL, 0666);
    result->made = fd >= 0;
    if (fd < 0 && errno == EEXIST) {
        fd = open(path, flags, 0666);
    }
    result->file = fd < 0 ? NULL : fdopen(fd, "a");
    return result->file != NULL ? KP_OK : fail_write(result, reterr_diag);
}

bool kp_result_is(const struct kp_result_file *result, const char *path)
{
    struct stat one;
    struct stat other;
    return result->file != NULL && path != NULL && fstat(fileno(result->file), &one) == 0 &&
           stat(path, &other) == 0 && !S_ISCHR(one.st_mode) && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* From here on what stood in it is gone; a pipe or a terminal has nothing to lose. */
static bool start(struct kp_result_file *result, const char *header)
{
    struct stat status;
    return fstat(fileno(result->file), &status) == 0 &&
           (!S_ISREG(status.st_mode) || ftruncate(fileno(result->file), 0) == 0) &&
           fprintf(result->file, "%s\n", header) > 0;
}

static enum kp_err finish(struct kp_result_file *result, struct kp_diag *reterr_diag)
{
    return fflush(result->file) == 0 && !ferror(result->file) ? KP_OK
                                                              : fail_write(result, reterr_diag);
}

void kp_result_close(struct kp_result_file *result, bool written)
{
    if (result->file != NULL) {
        (void)fclose(result->file);
        if (result->made && !written) {
            (void)unlink(result->path); /* nothing is in it */
        }
    }
    result->file = NULL;
}

/* --- what stands in them --- */

/* One field of a CSV file. */
static void put_cell(FILE *out, const char *text, char after)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted) {
        (void)putc('"', out);
    }
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            (void)putc('"', out);
        }
        (void)putc(*text, out);
    }
    if (quoted) {
        (void)putc('"', out);
    }
    (void)putc(after, out);
}

enum kp_err kp_result_clusters(struct kp_result_file *result, const struct kp_bulk *bulk,
                               const struct kp_rec_ids *ids, struct kp_diag *reterr_diag)
{
    if (result->file == NULL) {
        return KP_OK;
    }
    if (!start(result, "rec_id,cluster_id")) {
        return fail_write(result, reterr_diag);
    }
    for (uint32_t row = 0; row < kp_rec_ids_count(ids); row++) {
        put_cell(result->file, kp_rec_ids_text(ids, row), ',');
        put_cell(result->file, kp_rec_ids_text(ids, kp_bulk_cluster(bulk, row)), '\n');
    }
    return finish(result, reterr_diag);
}

/* Rows of a pair, the one that ranks first in front. */
struct order {
    const struct kp_bulk *bulk;
    const uint32_t *ranks;
};

static void rows_of(const struct order *order, const struct kp_bulk_pair *pair, uint32_t rows[2])
{
    rows[0] = kp_bulk_row_of(order->bulk, pair->a);
    rows[1] = kp_bulk_row_of(order->bulk, pair->b);
    if (order->ranks[rows[0]] > order->ranks[rows[1]]) {
        uint32_t row = rows[0];
        rows[0] = rows[1];
        rows[1] = row;
    }
}

static int compare_pairs(const void *a, const void *b, void *context)
{
    const struct order *order = context;
    const struct kp_bulk_pair *one = a;
    const struct kp_bulk_pair *other = b;
    uint32_t rows[2][2];
    if (one->bits != other->bits) {
        return one->bits > other->bits ? -1 : 1;
    }
    rows_of(order, one, rows[0]);
    rows_of(order, other, rows[1]);
    int side = rows[0][0] == rows[1][0] ? 1 : 0;
    uint32_t ranks[2] = {order->ranks[rows[0][side]], order->ranks[rows[1][side]]};
    return (ranks[0] > ranks[1]) - (ranks[0] < ranks[1]);
}

enum kp_err kp_result_pairs(struct kp_result_file *result, struct kp_bulk *bulk,
                            const struct kp_rec_ids *ids, const uint32_t *ranks,
                            struct kp_diag *reterr_diag)
{
    struct order order = {bulk, ranks};
    uint64_t count;
    if (result->file == NULL) {
        return KP_OK;
    }
    struct kp_bulk_pair *pairs = kp_bulk_pairs(bulk, &count);
    if (count > 0) {
        qsort_r(pairs, count, sizeof *pairs, compare_pairs, &order);
    }
    if (!start(result, "rec_id_a,rec_id_b,bits,grade")) {
        return fail_write(result, reterr_diag);
    }
    for (uint64_t i = 0; i < count; i++) {
        uint32_t rows[2];
        rows_of(&order, &pairs[i], rows);
        put_cell(result->file, kp_rec_ids_text(ids, rows[0]), ',');
        put_cell(result->file, kp_rec_ids_text(ids, rows[1]), ',');
        (void)fprintf(result->file, "%.2f,%s\n", pairs[i].bits / 100.0, kp_bulk_grade(&pairs[i]));
    }
    return finish(result, reterr_diag);
}
