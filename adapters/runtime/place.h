/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Where a file lies while it is worked on: drop/, waiting/ (a full list that a person must
 * confirm), done/. The spool says first where a file is going, then it is renamed, so that after a
 * crash the two can be brought together again. Part of the runtime's jobs.
 */
#ifndef KP_ADAPTER_PLACE_H
#define KP_ADAPTER_PLACE_H

#include "runtime/job.h"

/* The whole of drop/@name. KP_E_LIMIT  larger than the translator takes (nothing is read) ·
 * KP_E_FILE  a link, or not an ordinary file (nothing is read) · KP_E_LATER  it is being changed,
 * or gone · KP_E_IO */
KP_MUST_CHECK enum kp_err kp_place_read(struct kp_jobs *jobs, const char *name, char **ret_bytes,
                                        size_t *ret_size, struct kp_diag *reterr_diag);
/* The row of this file: the one that an interrupted run left, or a new one with a name of its own
 * in done/. */
KP_MUST_CHECK enum kp_err kp_place_enter(struct kp_jobs *jobs, const char *name,
                                         struct kp_slice bytes, struct kp_spool_file *ret_file,
                                         struct kp_diag *reterr_diag);
/* To done/; the file's state becomes MOVED. */
KP_MUST_CHECK enum kp_err kp_place_move(struct kp_jobs *jobs, struct kp_spool_file *file,
                                        struct kp_diag *reterr_diag);
/* From drop/ to waiting/. */
KP_MUST_CHECK enum kp_err kp_place_set_aside(struct kp_jobs *jobs, const struct kp_spool_file *file,
                                             struct kp_diag *reterr_diag);
/* The waiting list again; KP_E_CORRUPT  it is not the file that was set aside. */
KP_MUST_CHECK enum kp_err kp_place_read_aside(struct kp_jobs *jobs,
                                              const struct kp_spool_file *file, char **ret_bytes,
                                              size_t *ret_size, struct kp_diag *reterr_diag);

enum kp_place_decision { KP_PLACE_UNDECIDED, KP_PLACE_CONFIRMED, KP_PLACE_REJECTED };
/* What a person said about the waiting list; a word about another content does not count. */
enum kp_place_decision kp_place_decision(struct kp_jobs *jobs, const struct kp_spool_file *file);

#endif
