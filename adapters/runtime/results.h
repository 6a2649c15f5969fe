/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * <file>.result.csv: what became of each record of a file, written once all of them have an
 * outcome, whole or not at all. Also the file's one line in the log, file.done.
 */
#ifndef KP_ADAPTER_RESULTS_H
#define KP_ADAPTER_RESULTS_H

#include "runtime/conf.h"
#include "runtime/spool.h"

/* Write the results that are complete. In no transaction. *ret_count: results written. */
KP_MUST_CHECK enum kp_err kp_results_write(const struct kp_adapter_conf *conf,
                                           struct kp_spool *spool, uint32_t *ret_count,
                                           struct kp_diag *reterr_diag);
/* Path of the result of a file kept in done/ as @stored; false: too long. */
bool kp_results_path(const struct kp_adapter_conf *conf, const char *stored, char *ret_path,
                     size_t size);

#endif
