/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/list.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

/* Below so many rows a list with none of the last one's references is just a small list. */
#define OTHER_LIST_ROWS_MIN 10u

void kp_list_count(struct kp_spool *spool, struct kp_list_check *check,
                   const struct kp_record *record)
{
    struct kp_spool_row row;
    check->rows++;
    if (record->reference[0] == '\0') {
        check->unreadable++;
    } else if (kp_spool_get_row(spool, record->reference, &row) && row.listed) {
        check->shared++;
    }
}

static uint32_t listed_count(struct kp_spool *spool)
{
    uint32_t count = 0;
    struct kp_spool_row row = {.reference = ""};
    while (kp_spool_next_row(spool, row.reference, &row)) {
        count += row.listed ? 1 : 0;
    }
    return count;
}

enum kp_err kp_list_judge(struct kp_spool *spool, const struct kp_list_check *check,
                          uint32_t shrink_percent, struct kp_diag *reterr_diag)
{
    uint64_t before = listed_count(spool);
    if (before == 0) {
        return KP_OK;
    }
    if (check->rows == 0) {
        return kp_fail(reterr_diag, KP_E_LIST_SHRUNK, "the list is empty; the last one had %lu",
                       (unsigned long)before);
    }
    if ((uint64_t)check->rows * 100 < before * (100 - (uint64_t)shrink_percent)) {
        return kp_fail(reterr_diag, KP_E_LIST_SHRUNK,
                       "%u rows, more than %u%% fewer than the %lu of the last list", check->rows,
                       shrink_percent, (unsigned long)before);
    }
    if (check->shared == 0 && before >= OTHER_LIST_ROWS_MIN) {
        return kp_fail(reterr_diag, KP_E_LIST_SHRUNK,
                       "no row of the last list is in this one: is it the same list?");
    }
    return KP_OK;
}

/* Over the signal without its version: the version is ours, not the partner's. */
static void content_digest(const Knooppunt__V1__Signal *signal, uint8_t ret_digest[KP_SHA256_BYTES])
{
    Knooppunt__V1__Signal content = *signal;
    content.has_version = 0;
    content.version = 0;
    uint8_t bytes[KP_SIGNAL_BYTES_MAX];
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_codec_put(&writer, &content.base);
    KP_ASSERT(kp_writer_ok(&writer)); /* the caller checked its size */
    kp_sha256(kp_writer_slice(&writer), KP_SLICE_EMPTY, KP_SLICE_EMPTY, ret_digest);
}

static uint64_t next_version(struct kp_spool *spool, uint64_t version)
{
    uint64_t base = kp_spool_counter(spool, KP_COUNTER_LIST_BASE);
    return (version > base ? version : base) + 1;
}

enum kp_list_change kp_list_take(struct kp_spool *spool, uint64_t file,
                                 const Knooppunt__V1__Signal *signal, uint64_t *ret_version)
{
    struct kp_spool_row row;
    uint8_t digest[KP_SHA256_BYTES];
    content_digest(signal, digest);
    if (!kp_spool_get_row(spool, signal->reference, &row)) {
        row = (struct kp_spool_row){.version = 0};
        (void)snprintf(row.reference, sizeof row.reference, "%s", signal->reference);
    }
    bool same = row.listed && memcmp(digest, row.digest, sizeof digest) == 0;
    if (row.listed && row.file == file && !same) {
        return KP_LIST_TWICE;
    }
    row.file = file;
    row.listed = true;
    if (!same) {
        row.version = next_version(spool, row.version);
        memcpy(row.digest, digest, sizeof digest);
        *ret_version = row.version;
    }
    kp_spool_put_row(spool, &row);
    return same ? KP_LIST_SAME : KP_LIST_SEND;
}

void kp_list_keep(struct kp_spool *spool, uint64_t file, const char *reference)
{
    struct kp_spool_row row;
    if (reference[0] != '\0' && kp_spool_get_row(spool, reference, &row) && row.listed) {
        row.file = file;
        kp_spool_put_row(spool, &row);
    }
}

bool kp_list_leave(struct kp_spool *spool, uint64_t file, const char *after,
                   struct kp_spool_row *ret_row)
{
    struct kp_spool_row row;
    (void)snprintf(row.reference, sizeof row.reference, "%s", after);
    while (kp_spool_next_row(spool, row.reference, &row)) {
        if (row.listed && row.file != file) {
            row.listed = false;
            row.version = next_version(spool, row.version);
            kp_spool_put_row(spool, &row);
            *ret_row = row;
            return true;
        }
    }
    return false;
}
