/* SPDX-License-Identifier: EUPL-1.2 */
/* What a hub needs beside house.yaml when it starts: keys, its certificate, trust. */
#ifndef KP_CLI_START_CHECK_H
#define KP_CLI_START_CHECK_H

#include "config/house.h"

#include <jansson.h>

/* Each fault becomes a row {"text": ...} of @messages. @keys_dir NULL: where the configuration
 * says. Who runs this must be able to read the keys: the hub's user, or root. */
void kp_start_check(const struct kp_house_config *config, const char *keys_dir, json_t *messages);

#endif
