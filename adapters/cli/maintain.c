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

#define WORDS_MAX 5

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
    for (int i = 0; i < WORDS_MAX - 1 && words[i] != NULL; i++) {
        arguments[i + 1] = (char *)(uintptr_t)words[i]; /* execv only reads them */
    }
    (void)fflush(stdout);
    (void)execv(hub, arguments);
    return kp_fail(reterr_diag, KP_E_IO, "cannot run %s: %s", hub, strerror(errno));
}

static enum kp_err run_check(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const char *words[] = {args->arguments[0], "verify", NULL};
    return become_hub(words, reterr_diag);
}

static enum kp_err run_rebuild(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    bool replace = kp_cli_value(args, "replace") != NULL;
    const char *words[] = {args->arguments[0], "rebuild", replace ? "replace" : NULL, NULL};
    return become_hub(words, reterr_diag);
}

static enum kp_err run_restore(const struct kp_cli_args *args, struct kp_diag *reterr_diag)
{
    const char *words[] = {args->arguments[1], "restore", args->arguments[0], NULL};
    return become_hub(words, reterr_diag);
}

static const struct kp_cli_option rebuild_options[] = {
    {"replace", NULL, false, "put it in the place of the present state, which is kept beside it"},
    {0},
};

const struct kp_cli_command kp_cli_maintain_commands[] = {
    {"store rebuild", "HOUSE", 1, 1, rebuild_options,
     "hub stopped: the state anew from snapshot and journal, compared by digest", run_rebuild,
     NULL},
    {"store check", "HOUSE", 1, 1, NULL,
     "hub stopped: read every row, look for altered, missing and old ones", run_check, NULL},
    {"restore", "BACKUP HOUSE", 2, 2, NULL,
     "hub stopped, its data gone: put a backup in place and verify it", run_restore, NULL},
    {0},
};
