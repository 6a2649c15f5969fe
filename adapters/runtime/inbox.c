/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/inbox.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define RENDERED_BYTES_MAX (8u << 20)

void kp_inbox_init(struct kp_inbox *inbox, const char *dir, const struct kp_translator *translator)
{
    *inbox =
        (struct kp_inbox){.dir = dir, .translator = translator, .bytes_max = RENDERED_BYTES_MAX};
    inbox->bytes = malloc(inbox->bytes_max);
    KP_ASSERT(inbox->bytes != NULL);
}

void kp_inbox_done(struct kp_inbox *inbox)
{
    free(inbox->bytes);
    inbox->bytes = NULL;
}

static enum kp_err put_file(void *context, const struct kp_event_item *item,
                            struct kp_diag *reterr_diag)
{
    struct kp_inbox *inbox = context;
    struct kp_writer writer;
    kp_writer_init(&writer, inbox->bytes, inbox->bytes_max);
    enum kp_err rendered = item->event == NULL
                               ? KP_E_MALFORMED
                               : inbox->translator->render_event(item->event, &writer);
    const char *extension = inbox->translator->event_extension;
    struct kp_slice bytes = kp_writer_slice(&writer);
    if (rendered != KP_OK || !kp_writer_ok(&writer)) {
        kp_log(KP_LOG_WARNING, "event.unrendered", "mailbox=%s seq=%" PRIu64 " err=%s",
               item->mailbox, item->seq, kp_err_name(rendered));
        extension = ".event.pb";
        bytes = item->bytes;
    }
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s-%012" PRIu64 "%s%s", inbox->dir, item->mailbox,
                        item->seq, extension[0] == '.' ? "" : ".", extension);
    KP_ASSERT(size > 0 && (size_t)size < sizeof path);
    return kp_file_write_alone(path, bytes, 0640, reterr_diag);
}

/* Each file is synced, with its directory, as it is written. */
static enum kp_err sync_files(void *context, struct kp_diag *reterr_diag)
{
    (void)context;
    (void)reterr_diag;
    return KP_OK;
}

struct kp_event_store kp_inbox_store(struct kp_inbox *inbox)
{
    return (struct kp_event_store){.context = inbox, .put = put_file, .sync = sync_files};
}
