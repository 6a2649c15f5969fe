/* SPDX-License-Identifier: EUPL-1.2 */
#include "link/columns.h"

#include <string.h>
#include <strings.h>

static const char *const names[KP_COLUMN_END] = {
    [KP_COLUMN_REC_ID] = "rec_id",
    [KP_COLUMN_BSN] = "bsn",
    [KP_COLUMN_GIVEN_NAMES] = "voornamen",
    [KP_COLUMN_INITIALS] = "voorletters",
    [KP_COLUMN_PREFIX] = "voorvoegsel",
    [KP_COLUMN_SURNAME] = "geslachtsnaam",
    [KP_COLUMN_PARTNER_PREFIX] = "voorvoegsel_partner",
    [KP_COLUMN_PARTNER_SURNAME] = "geslachtsnaam_partner",
    [KP_COLUMN_NAME_USAGE] = "naamgebruik",
    [KP_COLUMN_BIRTH_DATE] = "geboortedatum",
    [KP_COLUMN_GENDER] = "geslacht",
    [KP_COLUMN_POSTCODE] = "postcode",
    [KP_COLUMN_STREET] = "straat",
    [KP_COLUMN_HOUSE_NUMBER] = "huisnummer",
    [KP_COLUMN_BIRTH_PLACE] = "geboorteplaats",
};

const char *kp_link_column_name(enum kp_link_column column)
{
    return names[column];
}

struct kp_slice kp_link_trim(struct kp_slice cell)
{
    while (cell.size > 0 && (cell.bytes[0] == ' ' || cell.bytes[0] == '\t')) {
        cell = kp_slice_of(cell.bytes + 1, cell.size - 1);
    }
    while (cell.size > 0 &&
           (cell.bytes[cell.size - 1] == ' ' || cell.bytes[cell.size - 1] == '\t')) {
        cell.size--;
    }
    return cell;
}

/* --- the map --- */

static const char *trim_text(char *text)
{
    struct kp_slice trimmed = kp_link_trim(kp_slice_str(text));
    text += trimmed.bytes - (const uint8_t *)text;
    text[trimmed.size] = '\0';
    return text;
}

static enum kp_err take_pair(struct kp_link_map *map, const char *ours, const char *theirs,
                             struct kp_diag *reterr_diag)
{
    uint32_t column = 0;
    while (column < KP_COLUMN_END && strcasecmp(names[column], ours) != 0) {
        column++;
    }
    if (column == KP_COLUMN_END) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "--map: there is no column \"%s\" of ours; `knooppunt link --help` names "
                       "them",
                       ours);
    }
    for (uint32_t other = 0; other < KP_COLUMN_END; other++) {
        if (map->theirs[other] != NULL &&
            (other == column || strcasecmp(map->theirs[other], theirs) == 0)) {
            return kp_fail(reterr_diag, KP_E_USAGE, "--map: \"%s\" stands in it twice",
                           other == column ? ours : theirs);
        }
    }
    map->theirs[column] = theirs;
    return KP_OK;
}

enum kp_err kp_link_map_take(struct kp_link_map *map, char *text, struct kp_diag *reterr_diag)
{
    char *rest = NULL;
    enum kp_err err = KP_OK;
    for (char *pair = strtok_r(text, ",", &rest); err == KP_OK && pair != NULL;
         pair = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(pair, '=');
        if (equals == NULL) {
            return kp_fail(reterr_diag, KP_E_USAGE, "--map \"%s\": write OURS=THEIRS", pair);
        }
        *equals = '\0';
        const char *ours = trim_text(pair);
        const char *theirs = trim_text(equals + 1);
        err = theirs[0] != '\0'
                  ? take_pair(map, ours, theirs, reterr_diag)
                  : kp_fail(reterr_diag, KP_E_USAGE, "--map \"%s=\": write OURS=THEIRS", ours);
    }
    return err;
}

enum kp_err kp_link_map_check(const struct kp_link_map *map, struct kp_diag *reterr_diag)
{
    for (uint32_t column = 0; column < KP_COLUMN_END; column++) {
        if (map->theirs[column] != NULL && !map->found[column]) {
            return kp_fail(reterr_diag, KP_E_USAGE,
                           "--map %s=%s: there is no column \"%s\" in the header", names[column],
                           map->theirs[column], map->theirs[column]);
        }
    }
    return KP_OK;
}

/* --- a header --- */

/* Where @name stands; KP_LINK_NO_COLUMN. */
static enum kp_err find(const struct kp_csv_row *row, const char *name, uint32_t *ret_at,
                        struct kp_diag *reterr_diag)
{
    *ret_at = KP_LINK_NO_COLUMN;
    for (uint32_t i = 0; i < row->count; i++) {
        struct kp_slice cell = kp_link_trim(row->fields[i]);
        if (cell.size != strlen(name) ||
            strncasecmp((const char *)cell.bytes, name, cell.size) != 0) {
            continue;
        }
        if (*ret_at != KP_LINK_NO_COLUMN) {
            return kp_fail(reterr_diag, KP_E_USAGE, "the header has \"%s\" twice", name);
        }
        *ret_at = i;
    }
    return KP_OK;
}

static const char *wanted(const struct kp_link_map *map, enum kp_link_column column)
{
    return map->theirs[column] == NULL ? names[column] : map->theirs[column];
}

static enum kp_err find_column(struct kp_link_map *map, const struct kp_csv_row *row,
                               enum kp_link_column column, uint32_t *ret_at,
                               struct kp_diag *reterr_diag)
{
    enum kp_err err = find(row, wanted(map, column), ret_at, reterr_diag);
    if (err == KP_OK && map->theirs[column] != NULL) {
        map->found[column] = map->found[column] || *ret_at != KP_LINK_NO_COLUMN;
        if (*ret_at == KP_LINK_NO_COLUMN) { /* the other file may call it as we do */
            err = find(row, names[column], ret_at, reterr_diag);
        }
    }
    return err;
}

enum kp_err kp_link_header(struct kp_link_map *map, const struct kp_csv_row *row,
                           uint32_t ret_at[KP_COLUMN_END], struct kp_diag *reterr_diag)
{
    for (uint32_t column = 0; column < KP_COLUMN_END; column++) {
        enum kp_err err =
            find_column(map, row, (enum kp_link_column)column, &ret_at[column], reterr_diag);
        if (err != KP_OK) {
            return err;
        }
    }
    if (ret_at[KP_COLUMN_REC_ID] == KP_LINK_NO_COLUMN) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "the header (%u columns) has no column \"%s\"; name it with --map "
                       "rec_id=...",
                       row->count, wanted(map, KP_COLUMN_REC_ID));
    }
    if (ret_at[KP_COLUMN_SURNAME] == KP_LINK_NO_COLUMN &&
        ret_at[KP_COLUMN_BSN] == KP_LINK_NO_COLUMN) {
        return kp_fail(reterr_diag, KP_E_USAGE,
                       "the header has neither \"%s\" nor \"%s\": nothing to match by; see --map",
                       wanted(map, KP_COLUMN_SURNAME), wanted(map, KP_COLUMN_BSN));
    }
    return KP_OK;
}
