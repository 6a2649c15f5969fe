/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Events as StUF: a StUF-berichtenSet with a Bv01 (taken, or told) for each outcome or event and a
 * Fo01 for each signal that cannot be used; crossRefnummer is the partner's own number.
 */
#ifndef KP_JEUGDZORG_STUF_EVENT_H
#define KP_JEUGDZORG_STUF_EVENT_H

#include "proto/codec.h"

/* KP_E_LIMIT  @writer is too small. */
enum kp_err kp_stuf_render_event(const Knooppunt__V1__Event *event, struct kp_writer *writer);

#endif
