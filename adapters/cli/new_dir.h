/* SPDX-License-Identifier: EUPL-1.2 */
/* A directory that appears whole or not at all, and never over another. */
#ifndef KP_CLI_NEW_DIR_H
#define KP_CLI_NEW_DIR_H

#include "base/err.h"
#include "base/slice.h"

#include <limits.h>
#include <sys/types.h>

struct kp_new_dir {
    char path[PATH_MAX];      /* where it will be */
    char temporary[PATH_MAX]; /* beside it: where it is made; "" once it is there or given up */
};

/* KP_E_EXISTS  @path is there and not an empty directory. */
KP_MUST_CHECK enum kp_err kp_new_dir_begin(struct kp_new_dir *dir, const char *path, mode_t mode,
                                           struct kp_diag *reterr_diag);
/* The path of @name in the directory that is being made; "" when it would be too long. */
const char *kp_new_dir_path(const struct kp_new_dir *dir, const char *name,
                            char ret_path[PATH_MAX]);
KP_MUST_CHECK enum kp_err kp_new_dir_make(const struct kp_new_dir *dir, const char *name,
                                          mode_t mode, struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_new_dir_write(const struct kp_new_dir *dir, const char *name,
                                           struct kp_slice bytes, mode_t mode,
                                           struct kp_diag *reterr_diag);
/* KP_E_EXISTS  something came to @path meanwhile. */
KP_MUST_CHECK enum kp_err kp_new_dir_commit(struct kp_new_dir *dir, struct kp_diag *reterr_diag);
/* Remove what was made; after a commit: nothing. */
void kp_new_dir_abort(struct kp_new_dir *dir);

#endif
