/* SPDX-License-Identifier: EUPL-1.2 */
/* Lists of ids, rising, each id once, in the caller's memory. */
#ifndef KP_CORE_IDS_H
#define KP_CORE_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct kp_ids {
    const uint64_t *ids;
    uint32_t count;
};

static inline bool kp_ids_contain(const uint64_t *ids, uint32_t count, uint64_t id)
{
    uint32_t at = 0;
    while (at < count && ids[at] != id) {
        at++;
    }
    return at < count;
}

/* false: it was there already, or there is no room. */
static inline bool kp_ids_insert(uint64_t *ids, uint32_t *count_io, uint32_t count_max, uint64_t id)
{
    uint32_t at = *count_io;
    while (at > 0 && ids[at - 1] > id) {
        at--;
    }
    if ((at > 0 && ids[at - 1] == id) || *count_io == count_max) {
        return false;
    }
    memmove(ids + at + 1, ids + at, sizeof *ids * (*count_io - at));
    ids[at] = id;
    (*count_io)++;
    return true;
}

#endif
