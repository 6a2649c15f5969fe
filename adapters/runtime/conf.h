/* SPDX-License-Identifier: EUPL-1.2 */
/* adapter.yaml: how one adapter (or one user's receiver) is set up. Read once, at start. */
#ifndef KP_ADAPTER_CONF_H
#define KP_ADAPTER_CONF_H

#include "config/schema.h"

#define KP_ADAPTER_CONF_NAME "adapter.yaml"

struct kp_adapter_conf {
    char bundle[KP_CONFIG_PATH_BYTES_MAX + 1];
    char curve_key[KP_CONFIG_PATH_BYTES_MAX + 1];
    char sign_key[KP_CONFIG_PATH_BYTES_MAX + 1];
    char certificate[KP_CONFIG_PATH_BYTES_MAX + 1];
    char anchors[KP_CONFIG_PATH_BYTES_MAX + 1];
    char crl[KP_CONFIG_PATH_BYTES_MAX + 1];
    char drop[KP_CONFIG_PATH_BYTES_MAX + 1];
    char done[KP_CONFIG_PATH_BYTES_MAX + 1];
    char results[KP_CONFIG_PATH_BYTES_MAX + 1];
    char waiting[KP_CONFIG_PATH_BYTES_MAX + 1];
    char inbox[KP_CONFIG_PATH_BYTES_MAX + 1];
    char spool[KP_CONFIG_PATH_BYTES_MAX + 1];
    char list_version[KP_CONFIG_PATH_BYTES_MAX + 1];
    uint64_t spool_bytes_max;
    uint32_t batch_signals_max;
    int64_t retry_first_ms, retry_max_ms;
    int64_t receipt_ms;
    int64_t settle_ms, poll_ms;
    uint32_t list_shrink_percent;
};

extern const struct kp_section kp_adapter_section;

#endif
