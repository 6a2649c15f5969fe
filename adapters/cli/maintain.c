/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Commands on the data of a hub that does not run. Only knooppunt-hub opens the databases, so they
 * are its own commands: this program becomes that one, which stands beside it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 7 /* house, command and its word, --json, --keys DIR, NULL */

static enum kp_err become_hub(const char *const *words, struct kp_diag *reterr_diag)
{
    char self[PATH_MAX];
    char hub[PATH_MAX + 16];
    char *arguments[WORDS_MAX + 1] = {hub};
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) {
        return kp_fail(reterr_diag, KP_E_IO, "cannot tell where this program stands");
    }
    self[size] = '\0';
    char *slash = strrchr(self, '/');
    (void)snprintf(hub, sizeof hub, "%.*s/knooppunt-hub", (int)(slash - self), self); /* fits */
    for (int i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        arguments[i + 1] = (char *)(uintptr_t)words[i]; /* execv only reads them */
    }
    (void)fflush(stdout);
    (void)execv(hub, arguments);
    return kp_fail(reterr_diag, KP_E_IO, "cannot run %s: %s", hub, strerror(errno));
}

/* @words: room for the options that all three have; ends with NULL. */
static enum kp_err become_maintainer(const struct kp_cli_args *args, const char *words[WORDS_MAX],
                                     size_t count, struct kp_diag *reterr_diag)
{
    const char *keys = kp_cli_value(args, "keys");
    if (args->json) {
        words[count++] = "--json";
    }
    if (keys != NULL) {
        words[count++] = "--keys";
        words[count++] = keys;
    }
    return become_hub(words, reterr_diag);
}

static enum kp_err run_check(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const char *words[WORDS_MAX] = {args->arguments[0], "verify"};
    return become_maintainer(args, words, 2, reterr_diag);
}

static enum kp_err run_rebuild(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    bool replace = kp_cli_value(args, "replace") != NULL;
    const char *words[WORDS_MAX] = {args->arguments[0], "rebuild", replace ? "replace" : NULL};
    return become_maintainer(args, words, replace ? 3 : 2, reterr_diag);
}

static enum kp_err run_restore(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const char *words[WORDS_MAX] = {args->arguments[1], "restore", args->arguments[0]};
    return become_maintainer(args, words, 3, reterr_diag);
}

#define KEYS_OPTION                                                                                \
    {                                                                                              \
        "keys", "DIR", false,                                                                      \
            "the hub's keys, where house.yaml names a folder that only the running hub has"        \
    }

static const struct kp_cli_option keys_options[] = {KEYS_OPTION, {0}};
static const struct kp_cli_option rebuild_options[] = {
    {"replace", NULL, false, "put it in the place of the present state, which is kept beside it"},
    KEYS_OPTION,
    {0},
};

const struct kp_cli_command kp_cli_maintain_commands[] = {
    {"store rebuild", "HOUSE", 1, 1, rebuild_options,
     "hub stopped: the state anew from snapshot and journal, compared by digest", run_rebuild,
     NULL},
    {"store check", "HOUSE", 1, 1, keys_options,
     "hub stopped: read every row, look for altered, missing and old ones", run_check, NULL},
    {"restore", "BACKUP HOUSE", 2, 2, keys_options,
     "hub stopped, its data gone: put a backup in place and verify it", run_restore, NULL},
    {0},
};
