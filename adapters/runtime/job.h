/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One file of a partner, from the drop folder to the spool. A file is read twice: first to see that
 * all of it is an export of this kind (and, for a full list, that it may be compared with the last
 * one), then to spool it, a chunk a transaction. After a crash it goes on where the spool is. Only
 * when all of it is in the spool is the file moved to done/.
 */
#ifndef KP_ADAPTER_JOB_H
#define KP_ADAPTER_JOB_H

#include "runtime/conf.h"
#include "runtime/spool.h"
#include "runtime/translator.h"

struct kp_jobs {
    const struct kp_adapter_conf *conf;
    const struct kp_translator *translator;
    struct kp_spool *spool;
    bool test_mode;
    struct kp_arena arena; /* the translator's */
    uint8_t *signal_bytes; /* KP_SIGNAL_BYTES_MAX, for packing */
    bool full;             /* the spool was full at the last try: said once */
    uint64_t list_version; /* highest version in the list-version file */
    /* Called in both readings, after some records, in no transaction: keeps the connection and the
     * service manager's watchdog going. false: stop. */
    bool (*pump)(void *context);
    void *context;
};

void kp_jobs_init(struct kp_jobs *jobs, const struct kp_adapter_conf *conf,
                  const struct kp_translator *translator, struct kp_spool *spool);
void kp_jobs_done(struct kp_jobs *jobs);

/* At start: finish what a crash interrupted between spool and folders; and when the spool is new
 * while done/ is not empty, have the files without a result read again. */
KP_MUST_CHECK enum kp_err kp_jobs_recover(struct kp_jobs *jobs, struct kp_diag *reterr_diag);

enum kp_job_end {
    KP_JOB_SPOOLED, /* and moved */
    KP_JOB_WAITING, /* a full list that waits for a person */
    KP_JOB_LATER,   /* the spool or the disk is full, or the file is still changing */
    KP_JOB_STOPPED, /* the pump said so */
};
/* @name in the drop folder. An error other than those that are the file's own ends the program.
 * KP_E_STORE, KP_E_CORRUPT, KP_E_IO */
KP_MUST_CHECK enum kp_err kp_jobs_take(struct kp_jobs *jobs, const char *name,
                                       enum kp_job_end *ret_end, struct kp_diag *reterr_diag);
/* Full lists that a person confirmed or rejected since, and those that were interrupted. */
KP_MUST_CHECK enum kp_err kp_jobs_take_waiting(struct kp_jobs *jobs, enum kp_job_end *ret_end,
                                               struct kp_diag *reterr_diag);

/* The person's word about a waiting list: a mark beside it, with the digest of what was seen.
 * KP_E_NOT_FOUND  no such list waits */
KP_MUST_CHECK enum kp_err kp_jobs_decide(const struct kp_adapter_conf *conf, const char *name,
                                         bool confirmed, struct kp_diag *reterr_diag);

#endif
