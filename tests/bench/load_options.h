/* SPDX-License-Identifier: EUPL-1.2 */
/* What the load generator is asked to do. */
#ifndef KP_BENCH_LOAD_OPTIONS_H
#define KP_BENCH_LOAD_OPTIONS_H

#include "base/limits.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOORS_MAX 8u
#define BATCH_MAX KP_BATCH_SIGNALS_MAX
#define SECONDS_MAX 900u

enum mix { MIX_LOAD, MIX_PRELOAD, MIX_FORMS, MIX_ALERTS };

struct options {
    enum mix mix;
    uint32_t persons, seconds, batch, window, counts_percent, door_count, ack_every;
    uint64_t count, unapplied_max, rate, seed, new_from;
    const char *doors[DOORS_MAX];
    const char *keeper;
};

static uint64_t number_of(const char *text)
{
    char *end = NULL;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        (void)fprintf(stderr, "load: not a number: %s\n", text);
        exit(2);
    }
    return number;
}

static enum mix mix_of(const char *text)
{
    static const char *const names[] = {"load", "preload", "forms", "alerts"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            return (enum mix)i;
        }
    }
    (void)fprintf(stderr, "load: mix is load, preload, forms or alerts\n");
    exit(2);
}

static void read_options(int argc, char **argv, struct options *options)
{
    static const char usage[] =
        "usage: load [option...] DOOR...\n"
        "  DOOR  directory with bundle and keys of a partner\n"
        "  -m load|preload|forms|alerts  -p persons  -t seconds or -c count  -b batch  -w window\n"
        "  -u at most so many signals a door sent and not processed  -r signals/s  -s seed\n"
        "  -n first new person  -k percent of the kind that a theme counts  -K ketenmanager\n"
        "  -a events taken for each acknowledgement\n";
    for (int option; (option = getopt(argc, argv, "a:m:p:t:c:b:w:u:r:s:n:k:K:")) != -1;) {
        switch (option) {
        case 'a':
            options->ack_every = (uint32_t)number_of(optarg);
            break;
        case 'm':
            options->mix = mix_of(optarg);
            break;
        case 'p':
            options->persons = (uint32_t)number_of(optarg);
            break;
        case 't':
            options->seconds = (uint32_t)number_of(optarg);
            break;
        case 'c':
            options->count = number_of(optarg);
            break;
        case 'b':
            options->batch = (uint32_t)number_of(optarg);
            break;
        case 'w':
            options->window = (uint32_t)number_of(optarg);
            break;
        case 'u':
            options->unapplied_max = number_of(optarg);
            break;
        case 'r':
            options->rate = number_of(optarg);
            break;
        case 's':
            options->seed = number_of(optarg);
            break;
        case 'n':
            options->new_from = number_of(optarg);
            break;
        case 'k':
            options->counts_percent = (uint32_t)number_of(optarg);
            break;
        case 'K':
            options->keeper = optarg;
            break;
        default:
            (void)fputs(usage, stderr);
            exit(2);
        }
    }
    while (optind < argc && options->door_count < DOORS_MAX) {
        options->doors[options->door_count++] = argv[optind++];
    }
    bool good = options->door_count > 0 && options->persons >= options->door_count &&
                options->batch > 0 && options->batch <= BATCH_MAX && options->window > 0 &&
                options->window <= KP_DOOR_BATCHES_IN_FLIGHT_MAX &&
                (options->seconds > 0 || options->count > 0) && options->seconds < SECONDS_MAX;
    if (!good) {
        (void)fputs(usage, stderr);
        exit(2);
    }
}

/* As many as may be needed, so that none is made while the clock runs. */
static uint64_t pool_of(const struct options *options)
{
    uint64_t signals = options->count > 0  ? options->count
                       : options->rate > 0 ? options->rate * options->seconds
                                           : UINT64_C(60000) * options->seconds;
    return signals / options->door_count + options->batch;
}

#endif
