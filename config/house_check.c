/* SPDX-License-Identifier: EUPL-1.2 */
/* What one option alone cannot tell: each function is one rule across house.yaml. */
#include "base/area.h"
#include "config/house_file.h"

#include <stdio.h>
#include <string.h>

#define LABEL_BYTES 160
/* Numbers given out for tests; no register of organisations has this prefix. */
#define TEST_OIN_PREFIX "00000099"
#define EXAMPLE_NAME "oorbeeldstad" /* with either V */

/* `theme "risicojeugd": tell` */
static const char *label(char ret_label[LABEL_BYTES], const char *section, const char *id,
                         const char *option)
{
    (void)snprintf(ret_label, LABEL_BYTES, "%s \"%s\"%s%s", section, id,
                   option[0] == '\0' ? "" : ": ", option);
    return ret_label;
}

static const struct kp_file_partner *find_partner(const struct kp_house_file *file, const char *id)
{
    for (uint16_t i = 0; i < file->partner_count; i++) {
        if (strcmp(file->partners[i].id, id) == 0) {
            return &file->partners[i];
        }
    }
    return NULL;
}

static const struct kp_file_theme *find_theme(const struct kp_house_file *file, const char *id)
{
    for (uint16_t i = 0; i < file->theme_count; i++) {
        if (strcmp(file->themes[i].id, id) == 0) {
            return &file->themes[i];
        }
    }
    return NULL;
}

static const struct kp_file_user *find_user(const struct kp_house_file *file, const char *id)
{
    for (uint16_t i = 0; i < file->user_count; i++) {
        if (strcmp(file->users[i].id, id) == 0) {
            return &file->users[i];
        }
    }
    return NULL;
}

/* Partners and users share one set of ids: each has a mailbox by that name. */
static void check_ids(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    for (uint16_t i = 0; i < file->partner_count; i++) {
        const struct kp_file_partner *partner = &file->partners[i];
        if (find_partner(file, partner->id) != partner) {
            kp_config_complain(report, partner->id, label(text, "partner", partner->id, "id"),
                               "\"%s\" is another partner's already", partner->id);
        }
    }
    for (uint16_t i = 0; i < file->user_count; i++) {
        const struct kp_file_user *user = &file->users[i];
        bool partner_has = find_partner(file, user->id) != NULL;
        if (partner_has || find_user(file, user->id) != user) {
            kp_config_complain(report, user->id, label(text, "user", user->id, "id"),
                               "\"%s\" is another %s's already", user->id,
                               partner_has ? "partner" : "user");
        }
    }
    for (uint16_t i = 0; i < file->theme_count; i++) {
        const struct kp_file_theme *theme = &file->themes[i];
        if (find_theme(file, theme->id) != theme) {
            kp_config_complain(report, theme->id, label(text, "theme", theme->id, "id"),
                               "\"%s\" is another theme's already", theme->id);
        }
    }
    for (uint16_t i = 0; i < file->overleg_count; i++) {
        for (uint16_t j = 0; j < i; j++) {
            const struct kp_file_overleg *overleg = &file->overleggen[i];
            if (strcmp(file->overleggen[j].id, overleg->id) == 0) {
                kp_config_complain(report, overleg->id, label(text, "overleg", overleg->id, "id"),
                                   "\"%s\" is another overleg's already", overleg->id);
                break;
            }
        }
    }
}

static void check_oins(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    for (uint16_t i = 0; i < file->partner_count; i++) {
        const struct kp_file_partner *partner = &file->partners[i];
        if (strcmp(partner->oin, file->profile.oin) == 0) {
            kp_config_complain(report, partner->oin, label(text, "partner", partner->id, "oin"),
                               "\"%s\" is the house's own", partner->oin);
        }
        for (uint16_t j = 0; j < i; j++) {
            if (strcmp(file->partners[j].oin, partner->oin) == 0) {
                kp_config_complain(report, partner->oin, label(text, "partner", partner->id, "oin"),
                                   "\"%s\" is that of partner \"%s\" already", partner->oin,
                                   file->partners[j].id);
                break;
            }
        }
    }
}

/* Who is told of is reached by his contact, and an answer has room for all of them. */
static void check_contacts(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    size_t bytes = 0;
    for (uint16_t i = 0; i < file->partner_count; i++) {
        const struct kp_file_partner *partner = &file->partners[i];
        bool told = partner->told_roles != 0;
        size_t before = bytes;
        bytes +=
            told ? strlen(partner->name) + strlen(partner->contact) + KP_KNOWN_CONTACT_BYTES : 0;
        if (told && partner->contact[0] == '\0') {
            kp_config_complain(report, partner, label(text, "partner", partner->id, "contact"),
                               "is required with told_roles");
        } else if (before <= KP_KNOWN_CONTACTS_BYTES_MAX && bytes > KP_KNOWN_CONTACTS_BYTES_MAX) {
            kp_config_complain(report, partner->contact,
                               label(text, "partner", partner->id, "contact"),
                               "is too long: names and contacts of those with told_roles are at "
                               "most %u bytes together, and %u more for each",
                               KP_KNOWN_CONTACTS_BYTES_MAX, KP_KNOWN_CONTACT_BYTES);
        }
    }
}

static void check_users(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    bool ketenmanager = false;
    for (uint16_t i = 0; i < file->user_count; i++) {
        const struct kp_file_user *user = &file->users[i];
        ketenmanager = ketenmanager || user->role == KP_ROLE_KETENMANAGER;
        bool named = user->partner[0] != '\0';
        if (user->role == KP_ROLE_LIAISON && !named) {
            kp_config_complain(report, user, label(text, "user", user->id, "partner"),
                               "is required for a liaison");
        } else if (user->role != KP_ROLE_LIAISON && named) {
            kp_config_complain(report, user->partner, label(text, "user", user->id, "partner"),
                               "is for a liaison only");
        } else if (named && find_partner(file, user->partner) == NULL) {
            kp_config_complain(report, user->partner, label(text, "user", user->id, "partner"),
                               "\"%s\" is not a partner of this house", user->partner);
        }
    }
    if (!ketenmanager) {
        kp_config_complain(report, file->users, "users",
                           "have no ketenmanager: nobody would hear of a ripe case");
    }
}

static void check_names(const struct kp_house_file *file, const char (*ids)[KP_ID_BYTES_MAX + 1],
                        uint16_t count, const char *where, struct kp_config_report *report)
{
    for (uint16_t i = 0; i < count; i++) {
        if (find_partner(file, ids[i]) == NULL) {
            kp_config_complain(report, ids[i], where, "\"%s\" is not a partner of this house",
                               ids[i]);
        }
    }
}

enum kp_criterion_kind kp_file_criterion_kind(const struct kp_file_criterion *criterion)
{
    const struct {
        bool given;
        enum kp_criterion_kind kind;
    } rows[] = {
        {criterion->signals_min + criterion->signals_max > 0, KP_CRITERION_SIGNALS},
        {criterion->partners_min + criterion->partners_max > 0, KP_CRITERION_PARTNERS},
        {criterion->leefgebieden_min + criterion->leefgebieden_max > 0, KP_CRITERION_LEEFGEBIEDEN},
        {criterion->age_min + criterion->age_max > 0, KP_CRITERION_AGE},
        {criterion->all.count > 0, KP_CRITERION_ALL},
        {criterion->any.count > 0, KP_CRITERION_ANY},
        {criterion->none.count > 0, KP_CRITERION_NONE},
        {criterion->point_count > 0, KP_CRITERION_POINTS},
    };
    enum kp_criterion_kind kind = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].given && kind != 0) {
            return 0;
        }
        kind = rows[i].given ? rows[i].kind : kind;
    }
    return kind;
}

/* A part is a criterion that stands before: so nothing is made of itself. */
static void check_part(const struct kp_house_file *file, uint16_t index, const char *id,
                       const char *option, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    for (uint16_t i = 0; i < index; i++) {
        if (strcmp(file->criteria[i].id, id) == 0) {
            return;
        }
    }
    kp_config_complain(report, id, label(text, "criterion", file->criteria[index].id, option),
                       "\"%s\" is not a criterion that stands before this one", id);
}

static void check_parts(const struct kp_house_file *file, uint16_t index,
                        const struct kp_file_ids *parts, const char *option,
                        struct kp_config_report *report)
{
    for (uint16_t i = 0; i < parts->count; i++) {
        check_part(file, index, parts->ids[i], option, report);
    }
}

static bool counts_signals(const struct kp_file_criterion *criterion)
{
    enum kp_criterion_kind kind = kp_file_criterion_kind(criterion);
    return kind != 0 && kind <= KP_CRITERION_LEEFGEBIEDEN;
}

static bool chooses_signals(const struct kp_file_criterion *criterion)
{
    return criterion->kinds != 0 || criterion->roles != 0 || criterion->severity_min > 0 ||
           criterion->hint_count > 0 || criterion->area_count > 0 || criterion->within_months > 0 ||
           criterion->within_days > 0;
}

/* Two thresholds of one thing. */
static void check_limits(const struct kp_file_criterion *criterion, struct kp_config_report *report)
{
    const struct {
        const uint32_t *least, *most;
        const char *option;
    } rows[] = {
        {&criterion->signals_min, &criterion->signals_max, "signals_max"},
        {&criterion->partners_min, &criterion->partners_max, "partners_max"},
        {&criterion->leefgebieden_min, &criterion->leefgebieden_max, "leefgebieden_max"},
        {&criterion->age_min, &criterion->age_max, "age_max"},
        {&criterion->points_min, &criterion->points_max, "points_max"},
    };
    char text[LABEL_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (*rows[i].most > 0 && *rows[i].most < *rows[i].least) {
            kp_config_complain(report, rows[i].most,
                               label(text, "criterion", criterion->id, rows[i].option),
                               "\"%u\" is below the least (%u): nobody would ever meet it",
                               *rows[i].most, *rows[i].least);
        }
    }
}

static void check_lists(const struct kp_house_file *file, uint16_t index,
                        struct kp_config_report *report)
{
    const struct kp_file_criterion *criterion = &file->criteria[index];
    char text[LABEL_BYTES];
    check_parts(file, index, &criterion->all, "all", report);
    check_parts(file, index, &criterion->any, "any", report);
    check_parts(file, index, &criterion->none, "none", report);
    for (uint16_t i = 0; i < criterion->point_count; i++) {
        check_part(file, index, criterion->points[i].criterion, "points", report);
    }
    for (uint16_t i = 0; i < criterion->hint_count; i++) {
        if (find_theme(file, criterion->hints[i]) == NULL) {
            kp_config_complain(report, criterion->hints[i],
                               label(text, "criterion", criterion->id, "hints"),
                               "\"%s\" is not a theme of this house", criterion->hints[i]);
        }
    }
    for (uint16_t i = 0; i < criterion->area_count; i++) {
        if (kp_area_of(kp_slice_str(criterion->areas[i])) == 0) {
            kp_config_complain(report, criterion->areas[i],
                               label(text, "criterion", criterion->id, "areas"),
                               "\"%s\" is not a CBS code (try \"gm9001\")", criterion->areas[i]);
        }
    }
}

static void check_criterion(const struct kp_house_file *file, uint16_t index,
                            struct kp_config_report *report)
{
    const struct kp_file_criterion *criterion = &file->criteria[index];
    char text[LABEL_BYTES];
    if (kp_file_criterion_kind(criterion) == 0) {
        kp_config_complain(report, criterion, label(text, "criterion", criterion->id, ""),
                           "asks nothing, or several things: give one of signals_min or _max, "
                           "partners_, leefgebieden_, age_, all, any, none and points");
    } else if (!counts_signals(criterion) && chooses_signals(criterion)) {
        kp_config_complain(
            report, criterion, label(text, "criterion", criterion->id, ""),
            "counts no signals: kinds, roles, hints, severity_min, areas and within_ "
            "say nothing here");
    }
    if (criterion->point_count > 0 && criterion->points_min + criterion->points_max == 0) {
        kp_config_complain(report, criterion, label(text, "criterion", criterion->id, "points_min"),
                           "is required with points");
    }
    check_limits(criterion, report);
    check_lists(file, index, report);
}

static void check_criteria(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    for (uint16_t i = 0; i < file->criterion_count; i++) {
        for (uint16_t j = 0; j < i; j++) {
            if (strcmp(file->criteria[j].id, file->criteria[i].id) == 0) {
                kp_config_complain(report, file->criteria[i].id,
                                   label(text, "criterion", file->criteria[i].id, "id"),
                                   "\"%s\" is another criterion's already", file->criteria[i].id);
                break;
            }
        }
        check_criterion(file, i, report);
    }
}

static void check_themes(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    for (uint16_t i = 0; i < file->theme_count; i++) {
        const struct kp_file_theme *theme = &file->themes[i];
        check_names(file, theme->tell, theme->tell_count, label(text, "theme", theme->id, "tell"),
                    report);
        bool found = false;
        for (uint16_t k = 0; k < file->criterion_count; k++) {
            found = found || strcmp(file->criteria[k].id, theme->criterion) == 0;
        }
        if (!found) {
            kp_config_complain(report, theme->criterion,
                               label(text, "theme", theme->id, "criterion"),
                               "\"%s\" is not a criterion of this house", theme->criterion);
        }
    }
}

static void check_overleggen(const struct kp_house_file *file, struct kp_config_report *report)
{
    char text[LABEL_BYTES];
    for (uint16_t i = 0; i < file->overleg_count; i++) {
        const struct kp_file_overleg *overleg = &file->overleggen[i];
        check_names(file, overleg->partners, overleg->partner_count,
                    label(text, "overleg", overleg->id, "partners"), report);
        if (find_theme(file, overleg->theme) == NULL) {
            kp_config_complain(report, overleg->theme, label(text, "overleg", overleg->id, "theme"),
                               "\"%s\" is not a theme of this house", overleg->theme);
        }
        const struct kp_file_user *user = find_user(file, overleg->chair);
        bool ketenmanager = user != NULL && user->role == KP_ROLE_KETENMANAGER;
        if (!ketenmanager && find_partner(file, overleg->chair) == NULL) {
            kp_config_complain(report, overleg->chair, label(text, "overleg", overleg->id, "chair"),
                               "\"%s\" is neither a ketenmanager nor a partner of this house",
                               overleg->chair);
        }
    }
}

static void check_ports(const struct kp_house_file *file, struct kp_config_report *report)
{
    uint32_t doors = (uint32_t)file->partner_count + file->user_count;
    uint32_t first = file->hub.port_first;
    uint32_t last = file->hub.port_last;
    if (last < first) {
        kp_config_complain(report, &file->hub.port_last, "hub: port_last",
                           "\"%u\" is before port_first (%u)", last, first);
    } else if (last - first + 1 < doors) {
        kp_config_complain(report, &file->hub.port_last, "hub: port_last",
                           "leaves %u ports for %u partners and users", last - first + 1, doors);
    }
    if (doors > KP_DOORS_MAX) {
        kp_config_complain(report, NULL, "partners and users",
                           "are %u together; at most %u have a "
                           "door",
                           doors, KP_DOORS_MAX);
    }
}

void kp_house_check(const struct kp_house_file *file, struct kp_config_report *report)
{
    check_ids(file, report);
    check_oins(file, report);
    check_contacts(file, report);
    check_users(file, report);
    check_criteria(file, report);
    check_themes(file, report);
    check_overleggen(file, report);
    check_ports(file, report);
}

static bool is_test_oin(const char *oin)
{
    return strncmp(oin, TEST_OIN_PREFIX, strlen(TEST_OIN_PREFIX)) == 0;
}

/* What `house init --production` leaves of the example house until somebody fills it in. */
static bool check_example(const struct kp_house_file *file, struct kp_config_report *report)
{
    const struct {
        const char *option, *value;
    } rows[] = {{"house: id", file->profile.id},
                {"house: name", file->profile.name},
                {"house: municipality", file->profile.municipality},
                {"house: contact", file->profile.contact}};
    bool ok = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr(rows[i].value, EXAMPLE_NAME) != NULL) {
            kp_config_complain(report, rows[i].value, rows[i].option,
                               "\"%s\" is the example's; a production house has its own",
                               rows[i].value);
            ok = false;
        }
    }
    for (uint16_t i = 0; i < file->partner_count; i++) {
        const struct kp_file_partner *partner = &file->partners[i];
        char text[LABEL_BYTES];
        if (strstr(partner->contact, EXAMPLE_NAME) != NULL) {
            kp_config_complain(
                report, partner->contact, label(text, "partner", partner->id, "contact"),
                "\"%s\" is the example's; nobody would answer there", partner->contact);
            ok = false;
        }
    }
    return ok;
}

bool kp_house_check_mode(const struct kp_house_file *file, struct kp_config_report *report)
{
    static const char why[] = "\"%s\" is a test number; a production house has none";
    char text[LABEL_BYTES];
    if (file->profile.test_mode) {
        return true;
    }
    bool ok = check_example(file, report);
    if (is_test_oin(file->profile.oin)) {
        kp_config_complain(report, file->profile.oin, "house: oin", why, file->profile.oin);
        ok = false;
    }
    for (uint16_t i = 0; i < file->partner_count; i++) {
        const struct kp_file_partner *partner = &file->partners[i];
        if (is_test_oin(partner->oin)) {
            kp_config_complain(report, partner->oin, label(text, "partner", partner->id, "oin"),
                               why, partner->oin);
            ok = false;
        }
    }
    if (file->hub.options.demo_ca_dir[0] != '\0') {
        kp_config_complain(report, file->hub.options.demo_ca_dir, "hub: demo_ca",
                           "is for a test house only (house: mode: test)");
        ok = false;
    }
    return ok;
}
