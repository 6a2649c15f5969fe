/* SPDX-License-Identifier: EUPL-1.2 */
#include "queries.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A parent that is absent is a disk that is not mounted: a backup in its stead would be none. */
static enum kp_err check_parent(const char *path, struct kp_diag *reterr_diag)
{
    char parent[640];
    struct stat found;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    while (size > 1 && path[size - 1] != '/') {
        size--;
    }
    if (size >= sizeof parent) {
        return kp_fail(reterr_diag, KP_E_USAGE, "the path is too long: %.100s...", path);
    }
    memcpy(parent, path, size);
    parent[size] = '\0';
    errno = ENOTDIR;
    if (stat(parent, &found) == 0 && S_ISDIR(found.st_mode)) {
        return KP_OK;
    }
    return kp_fail(reterr_diag, KP_E_NOT_FOUND,
                   "the hub sees no folder %s to make the backup in (%s): is its disk mounted? "
                   "Only the last part of the path is made",
                   parent, strerror(errno));
}

enum kp_err kp_query_backup(struct kp_hub *hub, const struct kp_query *query,
                            struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    uint64_t position;
    if (query->argument_count != 1 || query->arguments[0][0] != '/') {
        return kp_fail(reterr_diag, KP_E_USAGE, "give the whole path of a directory to make");
    }
    enum kp_err err = check_parent(query->arguments[0], reterr_diag);
    if (err == KP_OK) {
        err = kp_snapshot_take(hub, query->arguments[0], &position, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    kp_answer_section(answer, "backup");
    kp_answer_row(answer);
    kp_answer_text(answer, "directory", query->arguments[0]);
    kp_answer_number(answer, "state_position", position);
    return KP_OK;
}

enum kp_err kp_query_store_digest(struct kp_hub *hub, const struct kp_query *query,
                                  struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_wall stamp;
    uint8_t digest[KP_SHA256_BYTES];
    uint64_t rows;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    uint64_t position = kp_core_position(txn, &stamp);
    kp_store_digest(txn, digest, &rows);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    kp_answer_section(answer, "store");
    kp_answer_row(answer);
    kp_answer_number(answer, "position", position);
    kp_answer_number(answer, "rows", rows);
    kp_answer_hex(answer, "digest", kp_slice_of(digest, sizeof digest));
    return err;
}

enum kp_err kp_query_store_verify(struct kp_hub *hub, const struct kp_query *query,
                                  struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_verify_report report = {0};
    (void)query;
    enum kp_err err = kp_store_verify(&hub->store, NULL, NULL, &report, reterr_diag);
    kp_answer_section(answer, "verify");
    kp_answer_row(answer);
    kp_answer_number(answer, "rows", report.rows);
    kp_answer_number(answer, "bad_rows", report.bad_rows);
    kp_answer_number(answer, "lost_keys", report.lost_keys);
    kp_answer_number(answer, "bad_tables", report.bad_tables);
    kp_answer_text(answer, "first_bad", report.first_bad);
    if (err != KP_OK) {
        kp_log_diag(KP_LOG_ERROR, "store.corrupt", reterr_diag);
    }
    return err;
}
