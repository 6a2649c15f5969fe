/* SPDX-License-Identifier: EUPL-1.2 */
/* Where a partner's events end: one file each, in the partner's own format, whole or not there. */
#ifndef KP_ADAPTER_INBOX_H
#define KP_ADAPTER_INBOX_H

#include "runtime/events.h"
#include "runtime/translator.h"

struct kp_inbox {
    const char *dir;
    const struct kp_translator *translator;
    uint8_t *bytes; /* for rendering */
    size_t bytes_max;
};

void kp_inbox_init(struct kp_inbox *inbox, const char *dir, const struct kp_translator *translator);
void kp_inbox_done(struct kp_inbox *inbox);
/* The store over @inbox, which is borrowed. Files are <mailbox>-<seq>.<ext>; what the translator
 * cannot render is kept as it came, .event.pb (P5: nothing is lost silently). */
struct kp_event_store kp_inbox_store(struct kp_inbox *inbox);

#endif
