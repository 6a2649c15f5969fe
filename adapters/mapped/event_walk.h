/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * An event of the hub as named values in Dutch, in a fixed order: what the four formats write down
 * is the same and stands here once; how they write it is theirs.
 */
#ifndef KP_MAPPED_EVENT_WALK_H
#define KP_MAPPED_EVENT_WALK_H

#include "base/limits.h"
#include "base/time.h"
#include "proto/codec.h"

struct kp_event_head {
    const char *name;                     /* "verwerking", "ook-elders-bekend", ... */
    char id[2 * KP_MESSAGE_ID_BYTES + 1]; /* hexadecimal */
    struct kp_wall at;
    char at_iso[KP_TIME_TEXT_SIZE];
};

/* Called in order: begin, then fields; fields between open_row and close_row belong to that row.
 * Rows are not nested. A field that is absent is not visited; one of several values comes several
 * times. Values are borrowed for the call. */
struct kp_event_visitor {
    void *context;
    void (*begin)(void *context, const struct kp_event_head *head);
    void (*field)(void *context, const char *name, const char *value);
    void (*open_row)(void *context, const char *name);
    void (*close_row)(void *context, const char *name);
};

void kp_event_walk(const Knooppunt__V1__Event *event, const struct kp_event_visitor *visitor);

#endif
