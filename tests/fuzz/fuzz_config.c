/* SPDX-License-Identifier: EUPL-1.2 */
/* house.yaml: what is accepted can be written and reads again as the same; what is not gets at
 * least one message, and no more than there is room for. */
#include "base/assert.h"
#include "config/house.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct kp_config_report report, again_report;

static void must_read_again(const struct kp_house_config *config)
{
    uint8_t *text = malloc(KP_HOUSE_DUMP_BYTES_MAX);
    KP_ASSERT(text != NULL);
    struct kp_writer writer;
    kp_writer_init(&writer, text, KP_HOUSE_DUMP_BYTES_MAX);
    kp_house_dump(config, &writer);
    KP_ASSERT(kp_writer_ok(&writer));
    struct kp_house_config *again = NULL;
    kp_config_report_init(&again_report);
    KP_ASSERT(kp_house_parse("again", "/elsewhere", kp_writer_slice(&writer), &again,
                             &again_report) == KP_OK);
    KP_ASSERT(again == NULL || memcmp(&again->house, &config->house, sizeof again->house) == 0);
    (void)kp_house_config_free(again);
    kp_config_report_done(&again_report);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct kp_house_config *config = NULL;
    kp_config_report_init(&report);
    enum kp_err err =
        kp_house_parse("house.yaml", "/house", kp_slice_of(bytes, size), &config, &report);
    if (err == KP_OK) {
        KP_ASSERT(report.message_count == 0);
        must_read_again(config);
    } else {
        KP_ASSERT(config == NULL);
        KP_ASSERT(report.message_count > 0 && report.message_count <= KP_CONFIG_MESSAGES_MAX);
    }
    (void)kp_house_config_free(config);
    kp_config_report_done(&report);
    return 0;
}
