/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a writing transaction read last: rows are looked at more than once while one signal is
 * applied, and each look is a way down a tree and a seal to open. One place for each of so many
 * hashes of a key; a row that is written is forgotten.
 */
#ifndef KP_STORE_RECENT_H
#define KP_STORE_RECENT_H

#include "store/keys.h"
#include "store/row.h"

#define KP_RECENT_VALUE_BYTES_MAX 4096u /* of a larger one nothing is kept */

struct kp_recent_row {
    struct kp_key key;
    uint8_t table;
    bool kept, found;
    uint8_t tag[KP_AEAD_TAG_BYTES]; /* of a row in its table; of one that waits: zero */
    size_t size, capacity;
    uint8_t *value;
};

struct kp_recent;
struct kp_recent *kp_recent_new(void);
struct kp_recent *kp_recent_free(struct kp_recent *recent);
/* At the beginning of each transaction. */
void kp_recent_clear(struct kp_recent *recent);
/* NULL: it was not read, or not lately. Lives until the next call. */
const struct kp_recent_row *kp_recent_find(const struct kp_recent *recent,
                                           struct kp_row_place place);
/* @value of a row that is not there: empty. @tag may be NULL. */
void kp_recent_keep(struct kp_recent *recent, struct kp_row_place place, bool found,
                    const uint8_t *tag, struct kp_slice value);
void kp_recent_forget(struct kp_recent *recent, struct kp_row_place place);

#endif
