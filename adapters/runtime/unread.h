/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which files of a folder could not be read, each as it was then: so that it is said once, and
 * again only of a file that changed. A bounded table, made anew at each look. One thread.
 */
#ifndef KP_ADAPTER_UNREAD_H
#define KP_ADAPTER_UNREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define KP_UNREAD_FILES_MAX 4096u /* the others are passed over too, but not named */

struct kp_unread_row {
    uint64_t key;     /* of the file as it was; 0: a free row */
    int64_t retry_us; /* not before this (monotonic) */
    bool said;
};

struct kp_unread {
    struct kp_unread_row rows[2 * KP_UNREAD_FILES_MAX];
    uint32_t count;
};

/* The caller frees it. */
struct kp_unread *kp_unread_new(void);
/* Another one for every change: name, inode, size, rights, times. */
uint64_t kp_unread_key(const char *name, const struct stat *status);
/* NULL: not there. */
struct kp_unread_row *kp_unread_find(struct kp_unread *unread, uint64_t key);
/* The row of @key, a new one where there was none; NULL: the table is full. */
struct kp_unread_row *kp_unread_put(struct kp_unread *unread, uint64_t key);
/* What @from has and @unread has not, as far as there is room. */
void kp_unread_keep(struct kp_unread *unread, const struct kp_unread *from);

#endif
