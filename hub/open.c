/* SPDX-License-Identifier: EUPL-1.2 */
/* Opening what a hub stands on: its configuration, the lock on its data, its keys, its three
 * environments. */
#include "hub.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/pem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FORMS_REMEMBERED (1u << 17) /* 16 MiB, of the 256 MiB that the hub's heap may have */
#define PATH_BYTES 640
#define CERTIFICATE_ARENA_BYTES 65536

enum kp_err kp_open_config(struct kp_hub *hub, const char *path)
{
    struct kp_config_report *report = calloc(1, sizeof *report);
    KP_ASSERT(report != NULL);
    kp_config_report_init(report);
    enum kp_err err = kp_house_load(path, &hub->config, report);
    if (err != KP_OK) {
        for (uint32_t i = 0; i < report->message_count; i++) {
            (void)fprintf(stderr, "%s\n", report->messages[i].text);
        }
    }
    kp_config_report_done(report);
    free(report);
    return err;
}

/* A second hub on the same data would be two truths. */
enum kp_err kp_open_lock(const struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES];
    enum kp_err err = kp_dir_make(hub->config->hub.data_dir, 0700, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    (void)snprintf(path, sizeof path, "%s/lock", hub->config->hub.data_dir); /* fits */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return kp_fail(reterr_diag, KP_E_STATE, "another hub works on %s",
                       hub->config->hub.data_dir);
    }
    return KP_OK; /* held until the process ends */
}

enum kp_err kp_open_keys(struct kp_hub *hub, struct kp_secret *ret_master,
                         struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES];
    struct kp_arena arena;
    struct kp_slice der;
    uint32_t count = 0;
    const char *keys = hub->config->hub.keys_dir;
    (void)snprintf(path, sizeof path, "%s/master.key", keys); /* fits */
    enum kp_err err = kp_file_read_secret(path, ret_master, reterr_diag);
    if (err == KP_OK) {
        (void)snprintf(path, sizeof path, "%s/index.key", keys); /* fits */
        err = kp_file_read_secret(path, &hub->index_key, reterr_diag);
    }
    if (err == KP_OK) {
        (void)snprintf(path, sizeof path, "%s/signing.key", keys); /* fits */
        err = kp_signer_load(path, &hub->signer, reterr_diag);
    }
    if (err != KP_OK) {
        return err;
    }
    (void)snprintf(path, sizeof path, "%s/signing.pem", keys); /* fits */
    kp_arena_init(&arena, CERTIFICATE_ARENA_BYTES);
    err = kp_pem_certificates(path, &arena, &der, 1, &count, reterr_diag);
    if (err == KP_OK) {
        err = kp_certificate_parse(der, &hub->certificate, reterr_diag);
    }
    kp_arena_done(&arena);
    if (err == KP_OK && !kp_certificate_is_of(hub->certificate, hub->signer)) {
        err = kp_fail(reterr_diag, KP_E_KEY_FILE,
                      "signing.pem is not the certificate of signing.key");
    }
    return err;
}

void kp_close_data(struct kp_hub *hub)
{
    hub->journal = kp_journal_close(hub->journal);
    kp_store_close(&hub->store);
    hub->forms = kp_memo_free(hub->forms);
    hub->ring = kp_keyring_close(hub->ring);
}

void kp_close_all(struct kp_hub *hub)
{
    kp_close_data(hub);
    hub->trust = kp_trust_free(hub->trust);
    hub->signer = kp_signer_free(hub->signer);
    hub->certificate = kp_certificate_free(hub->certificate);
    kp_secret_done(&hub->index_key);
    hub->config = kp_house_config_free(hub->config);
}

enum kp_err kp_open_data(struct kp_hub *hub, const char *dir, const struct kp_secret *master,
                         struct kp_diag *reterr_diag)
{
    char path[PATH_BYTES];
    const struct kp_hub_options *options = &hub->config->hub;
    struct kp_journal_options journal = {.map_bytes = options->journal_map_bytes};
    struct kp_store_options store = {.master = master,
                                     .map_bytes = options->store_map_bytes,
                                     .scratch_bytes = options->store_scratch_bytes};
    (void)snprintf(path, sizeof path, "%s/persons", dir); /* fits */
    enum kp_err err = kp_keyring_open(path, master, &hub->ring, reterr_diag);
    if (err == KP_OK) {
        (void)snprintf(path, sizeof path, "%s/state", dir); /* fits */
        store.dir = path;
        store.ring = hub->ring;
        err = kp_store_open_lmdb(&store, &hub->store, reterr_diag);
        hub->forms = kp_memo_new(FORMS_REMEMBERED);
        hub->store.memo = hub->forms;
    }
    if (err == KP_OK) {
        (void)snprintf(path, sizeof path, "%s/journal", dir); /* fits */
        journal.dir = path;
        journal.ring = hub->ring;
        err = kp_journal_open(&journal, &hub->journal, reterr_diag);
    }
    return err;
}

enum kp_err kp_open_position(struct kp_hub *hub, uint64_t *ret_applied, uint64_t *ret_journalled,
                             struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    struct kp_wall stamp;
    struct kp_journal_state journal;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    *ret_applied = kp_core_position(txn, &stamp);
    kp_txn_abort(txn);
    kp_journal_state(hub->journal, &journal);
    *ret_journalled = journal.last;
    if (journal.last < *ret_applied || journal.first > *ret_applied + 1) {
        return kp_fail(reterr_diag, KP_E_CORRUPT,
                       "the journal holds %" PRIu64 " to %" PRIu64 ", the state is at %" PRIu64
                       ": they do not belong together; restore a backup",
                       journal.first, journal.last, *ret_applied);
    }
    return KP_OK;
}
