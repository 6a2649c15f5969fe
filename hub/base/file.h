/* SPDX-License-Identifier: EUPL-1.2 */
/* Files and directories, with the syncs that make them last. Any thread. */
#ifndef KP_BASE_FILE_H
#define KP_BASE_FILE_H

#include "base/err.h"
#include "base/slice.h"

#include <sys/types.h>

/* The whole file, malloc'ed with a NUL after the end; the caller frees *ret_bytes.
 * KP_E_NOT_FOUND  no such file · KP_E_LIMIT  larger than @size_max · KP_E_IO  everything else */
KP_MUST_CHECK enum kp_err kp_file_read(const char *path, size_t size_max, char **ret_bytes,
                                       size_t *ret_size, struct kp_diag *reterr_diag);
/* The same for a folder that others write into: never through a link, whatever was there when it
 * was looked at. KP_E_FILE  a link, or not an ordinary file */
KP_MUST_CHECK enum kp_err kp_file_read_no_link(const char *path, size_t size_max, char **ret_bytes,
                                               size_t *ret_size, struct kp_diag *reterr_diag);
/* Write to a temporary name beside it, sync, rename over @path, sync the directory: whole or not at
 * all. */
KP_MUST_CHECK enum kp_err kp_file_write(const char *path, struct kp_slice bytes, mode_t mode,
                                        struct kp_diag *reterr_diag);
/* The same where nobody else writes @path at the same time. The temporary name is always the same
 * (".NAME.tmp"): what a process left there when it was killed is taken away by the next. */
KP_MUST_CHECK enum kp_err kp_file_write_alone(const char *path, struct kp_slice bytes, mode_t mode,
                                              struct kp_diag *reterr_diag);
/* Read a file with a secret: refused when others than the owner may read it. Release with
 * kp_file_clear. KP_E_KEY_FILE  for every reason */
KP_MUST_CHECK enum kp_err kp_file_read_private(const char *path, size_t size_max, char **ret_bytes,
                                               size_t *ret_size, struct kp_diag *reterr_diag);
/* Overwrite and free what was read; NULL: nothing. */
void kp_file_clear(char *bytes, size_t size);
/* A private file of 32 bytes exactly. KP_E_KEY_FILE */
struct kp_secret;
KP_MUST_CHECK enum kp_err kp_file_read_secret(const char *path, struct kp_secret *ret_secret,
                                              struct kp_diag *reterr_diag);
/* Make the directory and its parents where absent. */
KP_MUST_CHECK enum kp_err kp_dir_make(const char *path, mode_t mode, struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_dir_sync(const char *path, struct kp_diag *reterr_diag);

#endif
