/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Commands on the data of a hub that does not run. What they find goes to standard output: a line
 * of key=value for each row, or all of it as one JSON object, as `knooppunt --json` prints.
 */
#ifndef KP_HUB_MAINTAIN_H
#define KP_HUB_MAINTAIN_H

#include "hub.h"

struct kp_maintain_options {
    const char *keys_dir; /* NULL: where house.yaml says */
    bool json;
};

/* @house_file: house.yaml. Returns the exit code. */
int kp_maintain(struct kp_hub *hub, const char *house_file,
                const struct kp_maintain_options *options, int count, char **arguments);

/* Read every row of the store that is open, and tell what was found. KP_E_CORRUPT */
KP_MUST_CHECK enum kp_err kp_maintain_verify(struct kp_hub *hub, struct kp_diag *reterr_diag);
/* From here on this program is the owner of @dir, when it was root: what it makes is the hub's. */
KP_MUST_CHECK enum kp_err kp_maintain_act_as_owner(const char *dir, struct kp_diag *reterr_diag);
/* And back. False: it is still the owner of the data. */
bool kp_maintain_act_as_caller(void);

/* Put the backup in a house without data, whole and verified or not at all.
 * KP_E_NOT_FOUND  no such backup · KP_E_EXISTS  there is data · KP_E_CORRUPT  it does not verify */
KP_MUST_CHECK enum kp_err kp_restore(struct kp_hub *hub, const char *house_file, const char *backup,
                                     struct kp_diag *reterr_diag);

/* Telling. A row is a section of its own; its values follow its begin. */
void kp_told_begin(bool json);
void kp_told_row(const char *section, const char *text); /* @text NULL: only its values */
void kp_told_text(const char *name, const char *text);
void kp_told_number(const char *name, uint64_t number);
void kp_told_hex(const char *name, struct kp_slice bytes);
void kp_told_row_end(void);
void kp_told_end(enum kp_err err, const struct kp_diag *diag);

#endif
