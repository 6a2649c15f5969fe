/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which files in a folder are ready to be read. inotify is a hint (close-write and moved-to make a
 * file ready at once); the truth is the folder itself, looked at on every hint, at the start, after
 * an overflow and by a slow poll, because network shares do not notify. A file that nobody
 * announced is ready when it has not changed for a while. Names that start with a dot or end in
 * .tmp or .part are of a sender who is not done. A file that cannot be read is logged once (again
 * when it changed), and takes no other file's place. One thread.
 */
#ifndef KP_ADAPTER_WATCH_H
#define KP_ADAPTER_WATCH_H

#include "base/err.h"
#include "base/time.h"
#include "runtime/spool.h"

struct kp_watch;

/* Without inotify it works by the poll alone. KP_E_IO  the folder cannot be read */
KP_MUST_CHECK enum kp_err kp_watch_new(const char *dir, const char *extension, int64_t settle_ms,
                                       struct kp_watch **ret_watch, struct kp_diag *reterr_diag);
struct kp_watch *kp_watch_free(struct kp_watch *watch);
/* Readable when something happened in the folder; -1 when there is no inotify. */
int kp_watch_fd(const struct kp_watch *watch);
/* Take the hints in; true: look at the folder now. */
bool kp_watch_drain(struct kp_watch *watch);

/* The ready files, oldest first (within a second by name); none before an older one that is not
 * ready. *ret_names: @ret_count names, freed with
 * one free. *ret_again: some file is not ready yet; look again soon. KP_E_IO */
struct kp_watch_name {
    char name[KP_FILE_NAME_BYTES_MAX + 1];
};
KP_MUST_CHECK enum kp_err kp_watch_scan(struct kp_watch *watch, struct kp_watch_name **ret_names,
                                        uint32_t *ret_count, bool *ret_again,
                                        struct kp_diag *reterr_diag);

/* @name was given out and could not be read or moved: it is not given out before @retry_ms are
 * over, unless it changes. Logs it, once. */
void kp_watch_failed(struct kp_watch *watch, const char *name, int64_t retry_ms,
                     const struct kp_diag *why);
/* Files that are passed over because they cannot be read. */
uint32_t kp_watch_unread_count(const struct kp_watch *watch);

#endif
