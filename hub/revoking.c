/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A revocation works at once, however much waits before it: its command is journalled like every
 * other and changes the state in its turn, but the doors obey it from the moment it is on disk.
 * The file "revoking" beside the data tells a hub that starts behind a backlog.
 *
 *   version u8 || count u32 || count * (position u64 || id || one key u8 || key 32)
 */
#include "hub.h"

#include "base/assert.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REVOKING_VERSION 1
#define FILE_BYTES_MAX (16u + KP_REVOKING_MAX * (64u + KP_ID_BYTES_MAX + KP_CURVE_KEY_BYTES))

static void set_path(const struct kp_hub *hub, char path[600])
{
    (void)snprintf(path, 600, "%s/revoking",
                   hub->config->hub.data_dir); /* fits: checked by the configuration */
}

static void get_revocation(struct kp_reader *reader, struct kp_revocation *ret_revocation)
{
    ret_revocation->position = kp_get_u64(reader);
    struct kp_slice id = kp_get_slice(reader);
    ret_revocation->one_key = kp_get_u8(reader) != 0;
    struct kp_slice key = kp_get_raw(reader, sizeof ret_revocation->key);
    if (kp_reader_ok(reader) && id.size <= KP_ID_BYTES_MAX) {
        memcpy(ret_revocation->id, id.bytes, id.size);
        memcpy(ret_revocation->key, key.bytes, key.size);
    }
}

static void put_revocation(struct kp_writer *writer, const struct kp_revocation *revocation)
{
    kp_put_u64(writer, revocation->position);
    kp_put_slice(writer, kp_slice_str(revocation->id));
    kp_put_u8(writer, revocation->one_key ? 1 : 0);
    kp_put_raw(writer, kp_slice_of(revocation->key, sizeof revocation->key));
}

/* Those that are applied say nothing more than the state does. Locked. */
static void forget_applied(struct kp_hub *hub)
{
    struct kp_revoking *revoking = &hub->revoking;
    uint32_t kept = 0;
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t applied = hub->progress.applied;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    for (uint32_t i = 0; i < revoking->count; i++) {
        if (revoking->list[i].position > applied) {
            revoking->list[kept++] = revoking->list[i];
        }
    }
    revoking->count = kept;
}

enum kp_err kp_revoking_load(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    char path[600];
    char *bytes = NULL;
    size_t size = 0;
    struct kp_reader reader;
    struct kp_revoking *revoking = &hub->revoking;
    set_path(hub, path);
    enum kp_err err = kp_file_read(path, FILE_BYTES_MAX, &bytes, &size, reterr_diag);
    if (err == KP_E_NOT_FOUND) {
        return KP_OK;
    }
    if (err != KP_OK) {
        return err;
    }
    kp_reader_init(&reader, kp_slice_of(bytes, size));
    uint8_t version = kp_get_u8(&reader);
    uint32_t count = kp_get_u32(&reader);
    for (uint32_t i = 0; i < count && i < KP_REVOKING_MAX; i++) {
        get_revocation(&reader, &revoking->list[revoking->count++]);
    }
    bool good = version == REVOKING_VERSION && kp_reader_done(&reader);
    free(bytes);
    if (!good) {
        return kp_fail(reterr_diag, KP_E_CORRUPT,
                       "%s does not decode; remove it, and revoke again what you revoked last",
                       path);
    }
    forget_applied(hub);
    return KP_OK;
}

static enum kp_err store(struct kp_hub *hub, struct kp_diag *reterr_diag)
{
    char path[600];
    uint8_t bytes[FILE_BYTES_MAX];
    struct kp_writer writer;
    const struct kp_revoking *revoking = &hub->revoking;
    set_path(hub, path);
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_put_u8(&writer, REVOKING_VERSION);
    kp_put_u32(&writer, revoking->count);
    for (uint32_t i = 0; i < revoking->count; i++) {
        put_revocation(&writer, &revoking->list[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    return kp_file_write_alone(path, kp_writer_slice(&writer), 0600, reterr_diag);
}

enum kp_err kp_revoking_add(struct kp_hub *hub, const struct kp_revocation *revocation,
                            struct kp_diag *reterr_diag)
{
    enum kp_err err = KP_OK;
    (void)pthread_mutex_lock(&hub->revoking.lock);
    forget_applied(hub);
    if (hub->revoking.count == KP_REVOKING_MAX) {
        err = kp_fail(reterr_diag, KP_E_LATER,
                      "%u revocations wait to be applied; this one is journalled and works when "
                      "the backlog before it is applied",
                      KP_REVOKING_MAX);
    } else {
        hub->revoking.list[hub->revoking.count++] = *revocation;
        err = store(hub, reterr_diag); /* obeyed in any case: this process has it in memory */
    }
    (void)pthread_mutex_unlock(&hub->revoking.lock);
    return err;
}

void kp_revoking_mark(struct kp_hub *hub, struct kp_counterpart *row)
{
    (void)pthread_mutex_lock(&hub->revoking.lock);
    for (uint32_t i = 0; i < hub->revoking.count; i++) {
        const struct kp_revocation *revocation = &hub->revoking.list[i];
        for (uint32_t k = 0; strcmp(revocation->id, row->id) == 0 && k < row->key_count; k++) {
            struct kp_enrolled_key *key = &row->keys[k];
            bool meant = !revocation->one_key ||
                         memcmp(revocation->key, key->curve_public, KP_CURVE_KEY_BYTES) == 0;
            if (meant && key->position < revocation->position) {
                key->state = KP_KEY_REVOKED;
            }
        }
    }
    (void)pthread_mutex_unlock(&hub->revoking.lock);
}
