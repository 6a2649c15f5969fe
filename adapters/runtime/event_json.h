/* SPDX-License-Identifier: EUPL-1.2 */
/* An event as JSON, led by the descriptors of proto/: names and enum values as they are there,
 * bytes in hexadecimal, only what is present. */
#ifndef KP_ADAPTER_EVENT_JSON_H
#define KP_ADAPTER_EVENT_JSON_H

#include "runtime/events.h"

#include <jansson.h>

/* A new reference. {"mailbox", "seq", "kind", and the fields of Event}; kind is the name of the
 * body, or "unknown" with "bytes" for an event that cannot be read. */
json_t *kp_event_json(const struct kp_event_item *item);

#endif
