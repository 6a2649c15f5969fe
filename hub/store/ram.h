/* SPDX-License-Identifier: EUPL-1.2 */
/* The state in memory: for tests and the simulator. Ordered, transactional (abort undoes), nothing
 * sealed. */
#ifndef KP_STORE_RAM_H
#define KP_STORE_RAM_H

#include "store/store.h"

/* Never fails (aborts when memory cannot be had). Close with kp_store_close. */
void kp_store_open_ram(struct kp_store *ret_store);

#endif
