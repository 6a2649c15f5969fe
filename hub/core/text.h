/* SPDX-License-Identifier: EUPL-1.2 */
/* Texts in events and answers: ids as people see them. All in the given arena; NULL when it is
 * full. */
#ifndef KP_CORE_TEXT_H
#define KP_CORE_TEXT_H

#include "base/arena.h"

char *kp_text(struct kp_arena *arena, const char *text);
char *kp_text_of(struct kp_arena *arena, struct kp_slice text);
/* "P-1234.1": position and place in the signal that made the person; with "s" or "r" after it when
 * he was split off. */
char *kp_text_person(struct kp_arena *arena, uint64_t person_id);
/* The reverse; 0 when it is no such id. */
uint64_t kp_text_person_id(struct kp_slice text);
/* "veelplegers/P-1234.1/5678": theme, person and the position that made it ripe. */
char *kp_text_casus(struct kp_arena *arena, const char *theme, uint64_t person_id,
                    uint64_t position);

#endif
