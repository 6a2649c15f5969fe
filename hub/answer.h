/* SPDX-License-Identifier: EUPL-1.2 */
/* Answers to the operator: sections of rows of named values, the one source that text and JSON are
 * printed from. */
#ifndef KP_HUB_ANSWER_H
#define KP_HUB_ANSWER_H

#include "base/time.h"
#include "proto/codec.h"

#define KP_ANSWER_SECTIONS_MAX 16u
#define KP_ANSWER_ROWS_MAX 5000u
#define KP_ANSWER_VALUES_MAX 24u

struct kp_answer_section {
    Knooppunt__V1__Section wire;
    Knooppunt__V1__Row *rows[KP_ANSWER_ROWS_MAX];
};

/* Everything lives in the arena. What does not fit is left out, and the answer says so. */
struct kp_answer {
    struct kp_arena *arena;
    uint32_t section_count;
    struct kp_answer_section *sections[KP_ANSWER_SECTIONS_MAX];
    Knooppunt__V1__Row *row; /* the one that values are added to */
    bool cut;
};

void kp_answer_init(struct kp_answer *answer, struct kp_arena *arena);
void kp_answer_section(struct kp_answer *answer, const char *name);
void kp_answer_row(struct kp_answer *answer);
void kp_answer_text(struct kp_answer *answer, const char *name, const char *text);
void kp_answer_slice(struct kp_answer *answer, const char *name, struct kp_slice text);
void kp_answer_number(struct kp_answer *answer, const char *name, uint64_t number);
void kp_answer_truth(struct kp_answer *answer, const char *name, bool truth);
void kp_answer_hex(struct kp_answer *answer, const char *name, struct kp_slice bytes);
void kp_answer_binary(struct kp_answer *answer, const char *name, struct kp_slice bytes);
/* "" for the time 0. */
void kp_answer_time(struct kp_answer *answer, const char *name, struct kp_wall time);

/* The envelope of it. @answer NULL: only the error. */
struct kp_answer_to {
    struct kp_slice session;    /* empty at the operator's socket */
    struct kp_slice message_id; /* of the question */
    bool more;                  /* further answers follow */
};
struct kp_slice kp_answer_pack(const struct kp_answer *answer, const struct kp_answer_to *to,
                               enum kp_err err, const struct kp_diag *diag, struct kp_arena *arena);

#endif
