/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The house as the core knows it: partners, users, themes and their criteria. Filled by config/
 * from house.yaml, journalled as one command (KP_COMMAND_HOUSE) when it changes, so that a replay
 * judges by the criteria of then.
 */
#ifndef KP_CORE_HOUSE_H
#define KP_CORE_HOUSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "core/criterion.h"

enum kp_role { /* of a user */
               KP_ROLE_NONE = 0,
               KP_ROLE_KETENMANAGER = 1,
               KP_ROLE_LIAISON = 2,
               KP_ROLE_FG = 3,
               KP_ROLE_STUURGROEP = 4,
               KP_ROLE_BEHEERDER =
                   5, /* operator: hears of held signals, certificates, lagging mailboxes */
};

struct kp_partner {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    char oin[KP_OIN_DIGITS + 1];
    bool known_elsewhere; /* may hear "also known elsewhere" */
    uint16_t
        number; /* counterpart number, given by the core (core/counterpart.h); 0 from the loader */
    /* As asker: with known_elsewhere, who of him may check (bit n: RequesterType n), why (bit n:
     * CheckReason n), and how often in a day. */
    uint32_t check_as, check_for, checks_max;
    /* As one who knows: of whom he reported in these roles (bit n: CasusRole n) others may be told,
     * and whom they are to call. */
    uint32_t told_roles;
    char contact[KP_NAME_BYTES_MAX + 1];
};

struct kp_user {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    enum kp_role role;
    uint16_t partner; /* index of a liaison's partner; KP_PARTNER_NONE otherwise */
    uint16_t number;  /* as of a partner */
};
#define KP_PARTNER_NONE UINT16_MAX

struct kp_theme {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    uint8_t number;     /* bit in the masks of stored signals, given by the core and never reused; 0
                           from the loader */
    uint16_t criterion; /* index: what makes a person ripe for it */
    uint8_t
        tell[KP_PARTNERS_MAX / 8]; /* bit n: partner n is told "also known elsewhere" once ripe */
};

struct kp_house {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    char oin[KP_OIN_DIGITS + 1];
    bool test_mode;                 /* demo CA and BSNs of the 9-series allowed */
    uint16_t port_first, port_last; /* doors are assigned from here */
    uint32_t held_per_partner_max;
    uint16_t partner_count, user_count, theme_count;
    struct kp_criteria criteria; /* from the loader their themes are by index, not by number */
    struct kp_partner partners[KP_PARTNERS_MAX];
    struct kp_user users[KP_USERS_MAX];
    struct kp_theme themes[KP_THEMES_MAX];
};

/* Flat encoding for the journal: the same house gives the same bytes. */
void kp_house_put(struct kp_writer *writer, const struct kp_house *house);
/* KP_E_MALFORMED  not an encoding of a house. @ret_house is large: keep it on the heap. */
KP_MUST_CHECK enum kp_err kp_house_get(struct kp_slice bytes, struct kp_house *ret_house);

/* Index, or KP_PARTNER_NONE / -1 when there is none of that id. */
uint16_t kp_house_partner(const struct kp_house *house, struct kp_slice id);
int kp_house_user(const struct kp_house *house, struct kp_slice id);
int kp_house_theme(const struct kp_house *house, struct kp_slice id);

#endif
