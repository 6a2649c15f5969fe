/* SPDX-License-Identifier: EUPL-1.2 */
/* `knooppunt link`: which rows of a registration are one person, without a hub. */
#include "base/file.h"
#include "cli/cli.h"
#include "link/bulk.h"
#include "link/rec_ids.h"
#include "link/result.h"
#include "link/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (UINT64_C(2) << 30)
#define FILES_MAX 2
#define THREADS_MAX 16
#define ID_BYTES_MAX (4096u + 1u + KP_LINK_ID_BYTES_MAX) /* of FILE:rec_id */

struct linking {
    const struct kp_cli_args *args;
    struct kp_bulk *bulk;
    struct kp_rec_ids ids;
    struct kp_link_map map;
    struct kp_result_file clusters, pairs;
    uint32_t file; /* which one is being read */
    uint64_t left_out, not_understood;
    enum kp_err err; /* of a row, for which all is refused */
    struct kp_diag *diag;
};

/* --- rows --- */

static const char *path_of(const struct linking *linking, uint32_t file)
{
    return linking->args->arguments[file];
}

static void on_fault(void *context, uint32_t line, bool left_out, const char *why)
{
    struct linking *linking = context;
    linking->left_out += left_out ? 1 : 0;
    linking->not_understood += left_out ? 0 : 1;
    (void)fprintf(stderr, "%s:%u: %s%s\n", path_of(linking, linking->file), line,
                  left_out ? "the row is left out: " : "", why);
}

/* A row with the id of an earlier one: of this file, it is left out; of the other, the two number
 * alike, and all is refused. */
static void on_taken(struct linking *linking, uint32_t line, const struct kp_rec_id *first)
{
    char why[96];
    if (first->file == linking->file) {
        (void)snprintf(why, sizeof why, "line %u has this rec_id already", first->line);
        on_fault(linking, line, /* left_out= */ true, why);
    } else if (linking->err == KP_OK) {
        linking->err = kp_fail(linking->diag, KP_E_USAGE,
                               "%.60s:%u: %.60s:%u has this rec_id already; --by-file tells them "
                               "apart as FILE:rec_id",
                               path_of(linking, linking->file), line, path_of(linking, first->file),
                               first->line);
    }
}

static void on_row(void *context, uint32_t line, struct kp_slice id, const struct kp_form *form)
{
    struct linking *linking = context;
    char whole[ID_BYTES_MAX];
    if (kp_cli_value(linking->args, "by-file") != NULL) {
        int size = snprintf(whole, sizeof whole, "%s:%.*s", path_of(linking, linking->file),
                            (int)id.size, (const char *)id.bytes);
        id = kp_slice_of(whole, size < (int)sizeof whole ? (size_t)size : sizeof whole - 1);
    }
    const struct kp_rec_id *first = kp_rec_ids_add(&linking->ids, id, linking->file, line);
    if (first != NULL) {
        on_taken(linking, line, first);
    } else {
        kp_bulk_add(linking->bulk, form);
    }
}

static enum kp_err read_file(struct linking *linking, uint32_t file, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    struct kp_link_sink sink = {on_row, on_fault, linking};
    struct kp_diag why = {0};
    const char *path = path_of(linking, file);
    linking->file = file;
    enum kp_err err = kp_file_read(path, FILE_BYTES_MAX, &bytes, &size, reterr_diag);
    if (err != KP_OK) {
        return err; /* names the file */
    }
    err = kp_link_read(kp_slice_of(bytes, size), &linking->map, &sink, &why);
    free(bytes);
    return err == KP_OK ? linking->err : kp_fail(reterr_diag, err, "%s: %s", path, why.text);
}

static enum kp_err read_files(struct linking *linking, struct kp_diag *reterr_diag)
{
    enum kp_err err = KP_OK;
    for (int i = 0; err == KP_OK && i < linking->args->argument_count; i++) {
        err = read_file(linking, (uint32_t)i, reterr_diag);
    }
    if (err == KP_OK) {
        err = kp_link_map_check(&linking->map, reterr_diag);
    }
    if (err == KP_OK && kp_rec_ids_count(&linking->ids) == 0) {
        err = kp_fail(reterr_diag, KP_E_NOT_FOUND, "there is no row that can be used");
    }
    return err;
}

/* --- what is wanted --- */

static bool is_one_file(const char *a, const char *b)
{
    struct stat one;
    struct stat other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static enum kp_err open_results(struct linking *linking, struct kp_diag *reterr_diag)
{
    const char *out = kp_cli_value(linking->args, "out");
    const char *pairs = kp_cli_value(linking->args, "pairs");
    char *const *paths = linking->args->arguments;
    if (linking->args->argument_count == 2 && is_one_file(paths[0], paths[1])) {
        return kp_fail(reterr_diag, KP_E_USAGE, "%s is given twice", paths[0]);
    }
    enum kp_err err = kp_result_open(&linking->clusters, out, reterr_diag);
    if (err == KP_OK) {
        err = kp_result_open(&linking->pairs, pairs, reterr_diag);
    }
    if (err == KP_OK && kp_result_is(&linking->clusters, pairs)) {
        err = kp_fail(reterr_diag, KP_E_USAGE, "--out and --pairs are one file: %s", pairs);
    }
    for (int i = 0; err == KP_OK && i < linking->args->argument_count; i++) {
        if (kp_result_is(&linking->clusters, paths[i]) || kp_result_is(&linking->pairs, paths[i])) {
            err = kp_fail(reterr_diag, KP_E_USAGE, "%s would be written over: give another file",
                          paths[i]);
        }
    }
    return err;
}

static enum kp_err read_options(struct linking *linking, char *map, long *ret_threads,
                                struct kp_diag *reterr_diag)
{
    const struct kp_cli_args *args = linking->args;
    const char *wanted = kp_cli_value(args, "threads");
    *ret_threads = sysconf(_SC_NPROCESSORS_ONLN);
    enum kp_err err =
        wanted == NULL ? KP_OK
                       : kp_cli_number("threads", wanted, 1, THREADS_MAX, ret_threads, reterr_diag);
    if (err == KP_OK && map != NULL) {
        err = kp_link_map_take(&linking->map, map, reterr_diag);
    }
    if (kp_cli_value(args, "as-hub") != NULL) {
        kp_bulk_as_hub(linking->bulk);
    }
    return err;
}

/* --- what is told --- */

static void on_progress(void *context, const char *step, uint64_t done, uint64_t all)
{
    (void)context;
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%-10s %3" PRIu64 " %%%s", step, all == 0 ? 100 : done * 100 / all,
                      done == all ? "\n" : "");
    }
}

static void print_json(const struct linking *linking, uint32_t persons)
{
    const struct kp_bulk_figures *figures = kp_bulk_figures(linking->bulk);
    (void)printf("{\"rows\":%" PRIu64 ",\"persons\":%u,\"forms\":%" PRIu64 ",\"compared\":%" PRIu64
                 ",\"learned\":%s,\"left_out\":%" PRIu64 ",\"not_understood\":%" PRIu64
                 ",\"narrowed\":%" PRIu64 ",\"narrowed_in_vain\":%" PRIu64 "}\n",
                 figures->rows, persons, figures->forms, figures->pairs_compared,
                 figures->learned ? "true" : "false", linking->left_out, linking->not_understood,
                 figures->narrowed_blocks, figures->dropped_blocks);
}

static void print_count(uint64_t count, const char *one, const char *more)
{
    (void)printf("%" PRIu64 " %s", count, count == 1 ? one : more);
}

static void print_figures(const struct linking *linking)
{
    const struct kp_bulk_figures *figures = kp_bulk_figures(linking->bulk);
    uint32_t persons = 0;
    for (uint32_t row = 0; row < kp_rec_ids_count(&linking->ids); row++) {
        persons += kp_bulk_cluster(linking->bulk, row) == row ? 1 : 0;
    }
    if (linking->args->json) {
        print_json(linking, persons);
        return;
    }
    print_count(figures->rows, "row is ", "rows are ");
    print_count(persons, "person, written in ", "persons, written in ");
    print_count(figures->forms, "way\n", "ways\n");
    print_count(figures->pairs_compared, "pair was compared, ", "pairs were compared, ");
    (void)printf("%s\n", figures->learned ? "weighed by what these rows show themselves"
                                          : "weighed by the shipped weights");
    if (!figures->learned && kp_cli_value(linking->args, "as-hub") == NULL) {
        (void)printf("(fewer than %u ways of writing say too little to learn from)\n",
                     KP_BULK_LEARN_MIN);
    }
    if (linking->left_out + linking->not_understood > 0) {
        print_count(linking->left_out, "row was left out and ", "rows were left out and ");
        print_count(linking->not_understood, "cell not understood: see above\n",
                    "cells not understood: see above\n");
    }
    if (figures->narrowed_blocks > 0) {
        print_count(figures->narrowed_blocks, "key stands", "keys stand");
        (void)printf(" for too many rows to compare all of them; %" PRIu64
                     " for too many even with other fields beside\n",
                     figures->dropped_blocks);
    }
}

static enum kp_err link_rows(struct linking *linking, long threads, struct kp_diag *reterr_diag)
{
    uint32_t *ranks = kp_rec_ids_ranks(&linking->ids);
    kp_bulk_run(linking->bulk, ranks, (uint32_t)threads, on_progress, NULL);
    enum kp_err err =
        kp_result_clusters(&linking->clusters, linking->bulk, &linking->ids, reterr_diag);
    if (err == KP_OK) {
        err = kp_result_pairs(&linking->pairs, linking->bulk, &linking->ids, ranks, reterr_diag);
    }
    free(ranks);
    return err;
}

static enum kp_err run_link(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    struct linking linking = {.args = args, .bulk = kp_bulk_new(), .diag = reterr_diag};
    const char *mapped = kp_cli_value(args, "map");
    char *map = mapped == NULL ? NULL : strdup(mapped);
    bool read = false;
    long threads;
    kp_rec_ids_init(&linking.ids);
    enum kp_err err = read_options(&linking, map, &threads, reterr_diag);
    if (err == KP_OK) {
        err = open_results(&linking, reterr_diag);
    }
    if (err == KP_OK) {
        err = read_files(&linking, reterr_diag);
        read = err == KP_OK;
    }
    if (read) {
        err = link_rows(&linking, threads, reterr_diag);
    }
    if (err == KP_OK) {
        print_figures(&linking);
    }
    kp_result_close(&linking.clusters, read);
    kp_result_close(&linking.pairs, read);
    free(map);
    kp_rec_ids_done(&linking.ids);
    linking.bulk = kp_bulk_free(linking.bulk);
    return err;
}

static const struct kp_cli_option link_options[] = {
    {"out", "CLUSTERS.csv", true, "where to write which row is in which cluster"},
    {"pairs", "PAIRS.csv", false,
     "where to write the pairs, with bits and grade: certain, probable, possible, related"},
    {"map", "OURS=THEIRS,...", false, "how the file calls our columns"},
    {"by-file", NULL, false, "for two files that number alike: write FILE:rec_id"},
    {"as-hub", NULL, false, "weigh as the hub of a new house does: learn nothing from these rows"},
    {"threads", "N", false, "how many processors to use (all)"},
    {0},
};

static const char link_help[] =
    "which rows of a registration are one person, without a hub\n"
    "\n"
    "IN.csv has a header, with rec_id (each row its own) and any of these columns, in any order:\n"
    "  bsn, voornamen, voorletters, voorvoegsel, geslachtsnaam, voorvoegsel_partner,\n"
    "  geslachtsnaam_partner, naamgebruik, geboortedatum, geslacht, postcode, straat,\n"
    "  huisnummer, geboorteplaats\n"
    "Fields stand apart by comma, semicolon or tab; UTF-8, else ISO-8859-1.\n"
    "  geboortedatum   JJJJMMDD, JJJJ-MM-DD, DD-MM-JJJJ or JJJJ; 00 for a month or day not known\n"
    "  geslacht        M, V or O\n"
    "\n"
    "Grades: certain pairs are one person, unless another person is as likely or the two "
    "contradict\n"
    "each other elsewhere; probable ones from 5 bits on are, if no rule speaks against it; "
    "cluster_id\n"
    "says which were put together. The others and possible ones are for a person to look at; "
    "related\n"
    "is family at the most. adapters/link/README.md tells how it is weighed.";

const struct kp_cli_command kp_cli_link_commands[] = {
    {"link", "IN.csv [IN2.csv]", 1, FILES_MAX, link_options, link_help, run_link, NULL},
    {0},
};
