/* SPDX-License-Identifier: EUPL-1.2 */
/* house.yaml as it is written: names still names, not yet indexes; inside config/ only. */
#ifndef KP_CONFIG_HOUSE_FILE_H
#define KP_CONFIG_HOUSE_FILE_H

#include "config/house.h"

struct kp_file_profile {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    char oin[KP_OIN_DIGITS + 1];
    bool test_mode;
    char area[16];
    char municipality[KP_NAME_BYTES_MAX + 1];
    char contact[KP_NAME_BYTES_MAX + 1];
    uint32_t held_per_partner_max;
};

struct kp_file_hub {
    struct kp_hub_options options;
    uint16_t port_first, port_last;
};

struct kp_file_partner {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    char oin[KP_OIN_DIGITS + 1];
    enum kp_chain chain;
    bool known_elsewhere;
    uint32_t check_as, check_for, checks_max, told_roles;
    char contact[KP_NAME_BYTES_MAX + 1];
};

struct kp_file_user {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    enum kp_role role;
    char partner[KP_ID_BYTES_MAX + 1];
};

struct kp_file_points {
    char criterion[KP_ID_BYTES_MAX + 1];
    uint32_t points, minus;
};

struct kp_file_ids {
    char ids[KP_CRITERION_PARTS_MAX][KP_ID_BYTES_MAX + 1];
    uint16_t count;
};

struct kp_file_criterion {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    /* 0: not asked */
    uint32_t signals_min, signals_max, partners_min, partners_max, leefgebieden_min,
        leefgebieden_max, age_min, age_max, points_min, points_max;
    uint32_t kinds, roles;
    uint32_t severity_min, within_months, within_days;
    struct kp_file_ids all, any, none;
    char hints[KP_THEMES_MAX][KP_ID_BYTES_MAX + 1];
    char areas[KP_CRITERION_AREAS_MAX][KP_ID_BYTES_MAX + 1];
    struct kp_file_points points[KP_CRITERION_PARTS_MAX];
    uint16_t hint_count, area_count, point_count;
};

struct kp_file_theme {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    char criterion[KP_ID_BYTES_MAX + 1];
    char tell[KP_PARTNERS_MAX][KP_ID_BYTES_MAX + 1];
    uint16_t tell_count;
};

struct kp_file_overleg {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    char theme[KP_ID_BYTES_MAX + 1];
    enum kp_overleg_level level;
    enum kp_overleg_rhythm rhythm;
    enum kp_weekday day;
    uint32_t capacity;
    char chair[KP_ID_BYTES_MAX + 1];
    char partners[KP_PARTNERS_MAX][KP_ID_BYTES_MAX + 1];
    uint16_t partner_count;
};

struct kp_house_file {
    struct kp_file_profile profile;
    struct kp_file_hub hub;
    struct kp_file_partner partners[KP_PARTNERS_MAX];
    struct kp_file_user users[KP_USERS_MAX];
    struct kp_file_criterion criteria[KP_CRITERIA_MAX];
    struct kp_file_theme themes[KP_THEMES_MAX];
    struct kp_file_overleg overleggen[KP_OVERLEGGEN_MAX];
    uint16_t partner_count, user_count, criterion_count, theme_count, overleg_count;
};

extern const struct kp_section kp_house_section;

/* Which kind of criterion it is by what it gives; 0: by none, or by several. */
enum kp_criterion_kind kp_file_criterion_kind(const struct kp_file_criterion *criterion);

/* Everything that one option alone cannot tell; adds messages. */
void kp_house_check(const struct kp_house_file *file, struct kp_config_report *report);
/* false: the house is a production house with something that only a test house may have. */
bool kp_house_check_mode(const struct kp_house_file *file, struct kp_config_report *report);

#endif
