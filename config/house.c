/* SPDX-License-Identifier: EUPL-1.2 */
/* house.yaml from its file to what the hub uses: names become indexes, lists become bits. */
#include "config/house.h"

#include "base/area.h"
#include "base/assert.h"
#include "config/house_file.h"

#include <stdlib.h>
#include <string.h>

/* The names in @file were checked: a house is only made of a file without messages. */
static uint16_t partner_index(const struct kp_house_file *file, const char *id)
{
    uint16_t index = 0;
    while (index < file->partner_count && strcmp(file->partners[index].id, id) != 0) {
        index++;
    }
    KP_ASSERT(index < file->partner_count);
    return index;
}

static void partner_bits(const struct kp_house_file *file, const char (*ids)[KP_ID_BYTES_MAX + 1],
                         uint16_t count, uint8_t ret_bits[KP_PARTNERS_MAX / 8])
{
    for (uint16_t i = 0; i < count; i++) {
        uint16_t index = partner_index(file, ids[i]);
        ret_bits[index / 8] = (uint8_t)(ret_bits[index / 8] | 1u << index % 8);
    }
}

/* Both are fields of the same size, and the table made sure that it ends. */
static void copy_text(char *ret_text, const char *text, size_t size)
{
    struct kp_writer writer;
    kp_writer_init(&writer, ret_text, size);
    kp_put_raw(&writer, kp_slice_str(text));
    kp_put_u8(&writer, 0);
    KP_ASSERT(kp_writer_ok(&writer));
}

#define COPY(to, from) copy_text((to), (from), sizeof(to))

static void make_partners(struct kp_house_config *config)
{
    const struct kp_house_file *file = config->file;
    config->house.partner_count = file->partner_count;
    for (uint16_t i = 0; i < file->partner_count; i++) {
        const struct kp_file_partner *from = &file->partners[i];
        struct kp_partner *to = &config->house.partners[i];
        COPY(to->id, from->id);
        COPY(to->name, from->name);
        COPY(to->oin, from->oin);
        to->known_elsewhere = from->known_elsewhere;
        to->check_as = from->check_as;
        to->check_for = from->check_for;
        to->checks_max = from->checks_max;
        to->told_roles = from->told_roles;
        COPY(to->contact, from->contact);
        config->profile.chains[i] = from->chain;
    }
}

static void make_users(struct kp_house_config *config)
{
    const struct kp_house_file *file = config->file;
    config->house.user_count = file->user_count;
    for (uint16_t i = 0; i < file->user_count; i++) {
        const struct kp_file_user *from = &file->users[i];
        struct kp_user *to = &config->house.users[i];
        COPY(to->id, from->id);
        COPY(to->name, from->name);
        to->role = from->role;
        to->partner =
            from->partner[0] == '\0' ? KP_PARTNER_NONE : partner_index(file, from->partner);
    }
}

static uint16_t theme_index(const struct kp_house_file *file, const char *id)
{
    uint16_t index = 0;
    while (index < file->theme_count && strcmp(file->themes[index].id, id) != 0) {
        index++;
    }
    KP_ASSERT(index < file->theme_count);
    return index;
}

static uint16_t criterion_index(const struct kp_house_file *file, const char *id)
{
    uint16_t index = 0;
    while (index < file->criterion_count && strcmp(file->criteria[index].id, id) != 0) {
        index++;
    }
    KP_ASSERT(index < file->criterion_count);
    return index;
}

static void make_parts(const struct kp_house_file *file, const struct kp_file_ids *parts,
                       struct kp_criterion *criterion)
{
    for (uint16_t i = 0; i < parts->count; i++) {
        criterion->parts[criterion->part_count++] = criterion_index(file, parts->ids[i]);
    }
}

static void make_limits(const struct kp_file_criterion *from, struct kp_criterion *to)
{
    const struct {
        uint32_t least, most;
    } limits[] = {
        [KP_CRITERION_SIGNALS] = {from->signals_min, from->signals_max},
        [KP_CRITERION_PARTNERS] = {from->partners_min, from->partners_max},
        [KP_CRITERION_LEEFGEBIEDEN] = {from->leefgebieden_min, from->leefgebieden_max},
        [KP_CRITERION_AGE] = {from->age_min, from->age_max},
        [KP_CRITERION_POINTS] = {from->points_min, from->points_max},
    };
    to->most = KP_CRITERION_MOST_MAX;
    if (to->kind <= KP_CRITERION_AGE || to->kind == KP_CRITERION_POINTS) {
        to->least = limits[to->kind].least;
        to->most = limits[to->kind].most == 0 ? KP_CRITERION_MOST_MAX : limits[to->kind].most;
    }
}

static void make_criterion(const struct kp_house_file *file, const struct kp_file_criterion *from,
                           struct kp_criterion *to)
{
    COPY(to->id, from->id);
    COPY(to->name, from->name);
    to->kind = (uint8_t)kp_file_criterion_kind(from);
    make_limits(from, to);
    to->kinds = from->kinds;
    to->roles = from->roles;
    to->severity_min = (uint8_t)from->severity_min;
    to->within.months = (uint16_t)from->within_months;
    to->within.days = from->within_days;
    for (uint16_t i = 0; i < from->hint_count; i++) {
        to->themes |= UINT32_C(1) << theme_index(file, from->hints[i]);
    }
    for (uint16_t i = 0; i < from->area_count; i++) {
        to->areas[to->area_count++] = kp_area_of(kp_slice_str(from->areas[i]));
    }
    make_parts(file, &from->all, to);
    make_parts(file, &from->any, to);
    make_parts(file, &from->none, to);
    for (uint16_t i = 0; i < from->point_count; i++) {
        to->points[to->part_count] =
            (int16_t)((int32_t)from->points[i].points - (int32_t)from->points[i].minus);
        to->parts[to->part_count++] = criterion_index(file, from->points[i].criterion);
    }
}

static void make_criteria(struct kp_house_config *config)
{
    const struct kp_house_file *file = config->file;
    config->house.criteria.count = file->criterion_count;
    for (uint16_t i = 0; i < file->criterion_count; i++) {
        make_criterion(file, &file->criteria[i], &config->house.criteria.items[i]);
    }
}

static void make_themes(struct kp_house_config *config)
{
    const struct kp_house_file *file = config->file;
    config->house.theme_count = file->theme_count;
    for (uint16_t i = 0; i < file->theme_count; i++) {
        const struct kp_file_theme *from = &file->themes[i];
        struct kp_theme *to = &config->house.themes[i];
        COPY(to->id, from->id);
        COPY(to->name, from->name);
        to->criterion = criterion_index(file, from->criterion);
        partner_bits(file, from->tell, from->tell_count, to->tell);
    }
}

static void make_overleggen(struct kp_house_config *config)
{
    const struct kp_house_file *file = config->file;
    config->overleg_count = file->overleg_count;
    for (uint16_t i = 0; i < file->overleg_count; i++) {
        const struct kp_file_overleg *from = &file->overleggen[i];
        struct kp_overleg *to = &config->overleggen[i];
        COPY(to->id, from->id);
        COPY(to->name, from->name);
        to->theme = theme_index(file, from->theme);
        to->level = from->level;
        to->rhythm = from->rhythm;
        to->day = from->day;
        to->capacity = from->capacity;
        COPY(to->chair, from->chair);
        partner_bits(file, from->partners, from->partner_count, to->partners);
    }
}

static void make_house(struct kp_house_config *config)
{
    const struct kp_house_file *file = config->file;
    const struct kp_file_profile *profile = &file->profile;
    COPY(config->house.id, profile->id);
    COPY(config->house.name, profile->name);
    COPY(config->house.oin, profile->oin);
    config->house.test_mode = profile->test_mode;
    config->house.held_per_partner_max = profile->held_per_partner_max;
    config->house.port_first = file->hub.port_first;
    config->house.port_last = file->hub.port_last;
    COPY(config->profile.area, profile->area);
    COPY(config->profile.municipality, profile->municipality);
    COPY(config->profile.contact, profile->contact);
    config->hub = file->hub.options;
    make_partners(config);
    make_users(config);
    make_criteria(config);
    make_themes(config);
    make_overleggen(config);
}

static struct kp_house_config *config_new(void)
{
    struct kp_house_config *config = calloc(1, sizeof *config);
    KP_ASSERT(config != NULL);
    config->file = calloc(1, sizeof *config->file);
    KP_ASSERT(config->file != NULL);
    return config;
}

struct kp_house_config *kp_house_config_free(struct kp_house_config *config)
{
    if (config != NULL) {
        free(config->file);
        free(config);
    }
    return NULL;
}

/* After the reading gave @err: the checks, and the house when there is nothing to complain of. */
static enum kp_err finish(struct kp_house_config *config, enum kp_err err,
                          struct kp_house_config **ret_config, struct kp_config_report *report)
{
    if (err == KP_OK) {
        kp_house_check(config->file, report);
        err = report->message_count == 0 ? KP_OK : KP_E_CONFIG;
        if (!kp_house_check_mode(config->file, report)) {
            err = err == KP_OK ? KP_E_TEST_MODE : err;
        }
    }
    if (err != KP_OK) {
        (void)kp_house_config_free(config);
        return err;
    }
    make_house(config);
    *ret_config = config;
    return KP_OK;
}

enum kp_err kp_house_parse(const char *file, const char *dir, struct kp_slice text,
                           struct kp_house_config **ret_config, struct kp_config_report *report)
{
    struct kp_house_config *config = config_new();
    enum kp_err err = kp_config_parse(&kp_house_section, file, dir, text, config->file, report);
    return finish(config, err, ret_config, report);
}

enum kp_err kp_house_load(const char *path, struct kp_house_config **ret_config,
                          struct kp_config_report *report)
{
    struct kp_house_config *config = config_new();
    enum kp_err err = kp_config_load(&kp_house_section, path, config->file, report);
    return finish(config, err, ret_config, report);
}

enum kp_err kp_config_check(const char *path, struct kp_config_report *report)
{
    struct kp_house_config *config = NULL;
    enum kp_err err = kp_house_load(path, &config, report);
    (void)kp_house_config_free(config);
    return err;
}

void kp_house_dump(const struct kp_house_config *config, struct kp_writer *writer)
{
    kp_config_dump(&kp_house_section, config->file, writer);
}

void kp_house_fields(struct kp_writer *writer)
{
    kp_config_fields(&kp_house_section, "The options of house.yaml", writer);
}
