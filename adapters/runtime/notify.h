/* SPDX-License-Identifier: EUPL-1.2 */
/* A line for the service manager, where there is one ($NOTIFY_SOCKET): "READY=1", "WATCHDOG=1". */
#ifndef KP_ADAPTER_NOTIFY_H
#define KP_ADAPTER_NOTIFY_H

void kp_notify(const char *state);

#endif
