/* SPDX-License-Identifier: EUPL-1.2 */
/* `knooppunt link`: which rows of a registration are one person, without a hub. */
#define _GNU_SOURCE /* qsort_r */
#include "base/file.h"
#include "cli/cli.h"
#include "link/bulk.h"
#include "link/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (UINT64_C(2) << 30)
#define THREADS_MAX 16

struct ids {
    char *text; /* NUL-terminated, one after the other */
    size_t size, capacity;
    size_t *at;
    uint32_t count, at_capacity;
};

struct linking {
    struct kp_bulk *bulk;
    struct ids ids;
    const char *path;
    uint32_t faults;
};

static void add_id(struct ids *ids, struct kp_slice id)
{
    if (ids->capacity - ids->size < id.size + 1) {
        ids->capacity = ids->capacity == 0 ? 1u << 16 : ids->capacity * 2;
        ids->text = realloc(ids->text, ids->capacity);
    }
    if (ids->count == ids->at_capacity) {
        ids->at_capacity = ids->at_capacity == 0 ? 1u << 12 : ids->at_capacity * 2;
        ids->at = realloc(ids->at, ids->at_capacity * sizeof *ids->at);
    }
    if (ids->text == NULL || ids->at == NULL) {
        abort();
    }
    ids->at[ids->count++] = ids->size;
    memcpy(ids->text + ids->size, id.bytes, id.size);
    ids->text[ids->size + id.size] = '\0';
    ids->size += id.size + 1;
}

static void on_row(void *context, struct kp_slice id, const struct kp_form *form)
{
    struct linking *linking = context;
    add_id(&linking->ids, id);
    kp_bulk_add(linking->bulk, form);
}

static void on_fault(void *context, uint32_t line, const char *why)
{
    struct linking *linking = context;
    linking->faults++;
    (void)fprintf(stderr, "%s:%u: %s\n", linking->path, line, why);
}

static void on_progress(void *context, const char *step, uint64_t done, uint64_t all)
{
    (void)context;
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%-10s %3" PRIu64 " %%%s", step, all == 0 ? 100 : done * 100 / all,
                      done == all ? "\n" : "");
    }
}

static enum kp_err read_file(struct linking *linking, const char *path,
                             const struct kp_link_map *map, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    struct kp_link_sink sink = {on_row, on_fault, linking};
    linking->path = path;
    enum kp_err err = kp_file_read(path, FILE_BYTES_MAX, &bytes, &size, reterr_diag);
    if (err == KP_OK) {
        err = kp_link_read(kp_slice_of(bytes, size), map, &sink, reterr_diag);
    }
    free(bytes);
    return err;
}

static const char *id_of(const struct linking *linking, uint32_t row)
{
    return linking->ids.text + linking->ids.at[row];
}

static int compare_ids(const void *a, const void *b, void *context)
{
    const struct linking *linking = context;
    uint32_t one = *(const uint32_t *)a;
    uint32_t other = *(const uint32_t *)b;
    int order = strcmp(id_of(linking, one), id_of(linking, other));
    return order != 0 ? order : (one > other) - (one < other);
}

/* A person is called by the lowest of his ids, in whatever order the rows came. */
static void run_bulk(struct linking *linking, uint32_t threads)
{
    uint32_t count = linking->ids.count;
    uint32_t *order = calloc(count + 1u, sizeof *order);
    uint32_t *ranks = calloc(count + 1u, sizeof *ranks);
    if (order == NULL || ranks == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof *order, compare_ids, linking);
    for (uint32_t i = 0; i < count; i++) {
        ranks[order[i]] = i;
    }
    free(order);
    kp_bulk_run(linking->bulk, ranks, threads, on_progress, NULL);
    free(ranks);
}

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

static enum kp_err write_clusters(const struct linking *linking, const char *path,
                                  struct kp_diag *reterr_diag)
{
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot write %s", path);
    }
    (void)fprintf(out, "rec_id,cluster_id\n");
    for (uint32_t row = 0; row < linking->ids.count; row++) {
        put_cell(out, id_of(linking, row), ',');
        put_cell(out, id_of(linking, kp_bulk_cluster(linking->bulk, row)), '\n');
    }
    return fclose(out) == 0 ? KP_OK : kp_fail(reterr_diag, KP_E_IO, "cannot write %s", path);
}

static enum kp_err write_pairs(const struct linking *linking, const char *path,
                               struct kp_diag *reterr_diag)
{
    uint64_t count;
    const struct kp_bulk_pair *pairs = kp_bulk_pairs(linking->bulk, &count);
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot write %s", path);
    }
    (void)fprintf(out, "rec_id_a,rec_id_b,bits,grade\n");
    for (uint64_t i = 0; i < count; i++) {
        put_cell(out, id_of(linking, kp_bulk_row_of(linking->bulk, pairs[i].a)), ',');
        put_cell(out, id_of(linking, kp_bulk_row_of(linking->bulk, pairs[i].b)), ',');
        (void)fprintf(out, "%.2f,%s\n", pairs[i].bits / 100.0, kp_bulk_grade(&pairs[i]));
    }
    return fclose(out) == 0 ? KP_OK : kp_fail(reterr_diag, KP_E_IO, "cannot write %s", path);
}

static void print_figures(const struct linking *linking, bool json)
{
    const struct kp_bulk_figures *figures = kp_bulk_figures(linking->bulk);
    uint32_t clusters = 0;
    for (uint32_t row = 0; row < linking->ids.count; row++) {
        clusters += kp_bulk_cluster(linking->bulk, row) == row ? 1 : 0;
    }
    if (json) {
        (void)printf("{\"rows\":%" PRIu64 ",\"persons\":%u,\"forms\":%" PRIu64
                     ",\"compared\":%" PRIu64 ",\"faults\":%u,\"narrowed\":%" PRIu64
                     ",\"dropped\":%" PRIu64 "}\n",
                     figures->rows, clusters, figures->forms, figures->pairs_compared,
                     linking->faults, figures->narrowed_blocks, figures->dropped_blocks);
        return;
    }
    (void)printf("%" PRIu64 " rows are %u persons, written in %" PRIu64 " ways\n", figures->rows,
                 clusters, figures->forms);
    (void)printf("%" PRIu64 " pairs were compared; %u faults in the rows, told above\n",
                 figures->pairs_compared, linking->faults);
    if (figures->narrowed_blocks > 0) {
        (void)printf("%" PRIu64 " keys stood for too many rows and were narrowed; %" PRIu64
                     " of them in vain\n",
                     figures->narrowed_blocks, figures->dropped_blocks);
    }
}

static enum kp_err run_link(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct linking linking = {.bulk = kp_bulk_new()};
    struct kp_link_map map;
    const char *mapped = kp_cli_value(args, "map");
    char *text = mapped == NULL ? NULL : strdup(mapped);
    const char *wanted = kp_cli_value(args, "threads");
    long threads = sysconf(_SC_NPROCESSORS_ONLN);
    enum kp_err err = wanted == NULL
                          ? KP_OK
                          : kp_cli_number("threads", wanted, 1, THREADS_MAX, &threads, reterr_diag);
    kp_link_map_init(&map);
    if (err == KP_OK && text != NULL) {
        err = kp_link_map_take(&map, text, reterr_diag);
    }
    for (int i = 0; err == KP_OK && i < args->argument_count; i++) {
        err = read_file(&linking, args->arguments[i], &map, reterr_diag);
    }
    if (kp_cli_value(args, "as-hub") != NULL) {
        kp_bulk_as_hub(linking.bulk);
    }
    if (err == KP_OK) {
        run_bulk(&linking, (uint32_t)threads);
        err = write_clusters(&linking, kp_cli_value(args, "out"), reterr_diag);
    }
    if (err == KP_OK && kp_cli_value(args, "pairs") != NULL) {
        err = write_pairs(&linking, kp_cli_value(args, "pairs"), reterr_diag);
    }
    if (err == KP_OK) {
        print_figures(&linking, args->json);
    }
    free(text);
    free(linking.ids.text);
    free(linking.ids.at);
    linking.bulk = kp_bulk_free(linking.bulk);
    return err;
}

static const struct kp_cli_option link_options[] = {
    {"out", "CLUSTERS.csv", true, "where to write which row is in which cluster"},
    {"pairs", "PAIRS.csv", false, "where to write the pairs, with bits and grade"},
    {"threads", "N", false, "how many processors to use (all)"},
    {"as-hub", NULL, false, "weigh as the hub of a new house does: learn nothing from these rows"},
    {"map", "OURS=THEIRS,...", false, "how the file calls our columns"},
    {0},
};

const struct kp_cli_command kp_cli_link_commands[] = {
    {"link", "IN.csv [IN2.csv]", 1, 2, link_options,
     "which rows of a registration are one person, without a hub", run_link, NULL},
    {0},
};
