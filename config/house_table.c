/* SPDX-License-Identifier: EUPL-1.2 */
/* The options of house.yaml: one row each, and the only place to add one. */
#include "config/house_file.h"

#define MS_SECOND INT64_C(1000)
#define MS_DAY INT64_C(86400000)

static const struct kp_choice modes[] = {{"production", false}, {"test", true}, {NULL, 0}};
static const struct kp_choice chains[] = {
    {"justitie", KP_CHAIN_JUSTITIE},
    {"zorg", KP_CHAIN_ZORG},
    {"bestuur", KP_CHAIN_BESTUUR},
    {NULL, 0},
};
static const struct kp_choice user_roles[] = {
    {"ketenmanager", KP_ROLE_KETENMANAGER}, {"liaison", KP_ROLE_LIAISON},     {"fg", KP_ROLE_FG},
    {"stuurgroep", KP_ROLE_STUURGROEP},     {"beheerder", KP_ROLE_BEHEERDER}, {NULL, 0},
};
static const struct kp_choice log_levels[] = {
    {"error", KP_LOG_ERROR}, {"warning", KP_LOG_WARNING}, {"notice", KP_LOG_NOTICE},
    {"info", KP_LOG_INFO},   {"debug", KP_LOG_DEBUG},     {NULL, 0},
};
static const struct kp_choice levels[] = {
    {"lokaal", KP_LEVEL_LOKAAL},
    {"district", KP_LEVEL_DISTRICT},
    {"regio", KP_LEVEL_REGIO},
    {NULL, 0},
};
static const struct kp_choice rhythms[] = {
    {"week", KP_RHYTHM_WEEK},
    {"twee-weken", KP_RHYTHM_TWEE_WEKEN},
    {"maand", KP_RHYTHM_MAAND},
    {NULL, 0},
};
static const struct kp_choice weekdays[] = {
    {"maandag", KP_MAANDAG},     {"dinsdag", KP_DINSDAG}, {"woensdag", KP_WOENSDAG},
    {"donderdag", KP_DONDERDAG}, {"vrijdag", KP_VRIJDAG}, {NULL, 0},
};
/* The numbers of SignalKind and CasusRole in proto/knooppunt/v1/signal.proto (the wire is not known
 * here; tests/unit/test_config_house.c compares them). */
static const struct kp_choice kinds[] = {
    {"aanmelding", 1},
    {"incident", 2},
    {"proces-verbaal", 3},
    {"huiselijk-geweld", 4},
    {"overlast", 5},
    {"recidivelijst", 6},
    {"beslissing", 7},
    {"risc", 8},
    {"toezicht-start", 9},
    {"toezicht-overtreding", 10},
    {"toezicht-einde", 11},
    {"zorgmelding", 12},
    {"kindermishandeling", 13},
    {"jeugdreclassering", 14},
    {"detentie", 15},
    {"verzuim", 16},
    {"schulden", 17},
    {"verslaving", 18},
    {"woonoverlast", 19},
    {"overig", 20},
    {NULL, 0},
};
static const struct kp_choice casus_roles[] = {
    {"pleger", 1}, {"slachtoffer", 2}, {"getuige", 3}, {"kind", 4}, {"overig", 5}, {NULL, 0},
};
/* The numbers of RequesterType and CheckReason in proto/knooppunt/v1/known.proto; as above. */
static const struct kp_choice requester_types[] = {
    {"landelijk-raadpleger", 1}, {"zsm-raadpleger", 2},
    {"medewerker-om", 3},        {"procesregisseur-zvh", 4},
    {"medewerker-vt", 5},        {"liaison", 6},
    {"medewerker-partner", 7},   {NULL, 0},
};
static const struct kp_choice check_reasons[] = {
    {"verrijking-vt", 1},
    {"verrijking-vth", 2},
    {"basistaken-zvh", 3},
    {"plustaken-zvh", 4},
    {"radicalisering", 5},
    {"afdoening-om", 6},
    {NULL, 0},
};

static const struct kp_option profile_rows[] = {
    {"id", KP_OPTION_ID, KP_AT(struct kp_file_profile, id), .doc = "Short name of the house."},
    {"name", KP_OPTION_TEXT, KP_AT(struct kp_file_profile, name), .doc = "Name as people know it."},
    {"oin", KP_OPTION_OIN, KP_AT(struct kp_file_profile, oin),
     .doc = "Organisatie-identificatienummer of the house; stands in what it signs."},
    {"mode", KP_OPTION_CHOICE, KP_AT(struct kp_file_profile, test_mode), .choices = modes,
     .dflt = "production",
     .doc = "`test` allows the demo CA, test OINs and BSNs of the 9-series, and shows itself in "
            "`status`; a production house refuses to start with any of them."},
    {"area", KP_OPTION_TEXT, KP_AT(struct kp_file_profile, area), .dflt = "",
     .doc = "CBS code of the area the house works for."},
    {"municipality", KP_OPTION_TEXT, KP_AT(struct kp_file_profile, municipality), .dflt = "",
     .doc = "Municipality that carries the house."},
    {"contact", KP_OPTION_TEXT, KP_AT(struct kp_file_profile, contact), .dflt = "",
     .doc = "Where a partner's operator can turn to."},
    {"held_max", KP_OPTION_NUMBER, KP_AT(struct kp_file_profile, held_per_partner_max), .min = 1,
     .max = KP_HELD_PER_PARTNER_MAX, .dflt = "1000",
     .doc = "Held signals kept for one partner; above it that partner's batches wait."},
};
static const struct kp_section profile_section = {"house", sizeof(struct kp_file_profile),
                                                  profile_rows, KP_ROWS(profile_rows),
                                                  "Who this house is."};

#define HUB(field) KP_AT(struct kp_file_hub, options.field)
static const struct kp_option hub_rows[] = {
    {"listen", KP_OPTION_TEXT, HUB(listen_host), .dflt = "127.0.0.1",
     .doc = "Address of this machine that the doors listen on."},
    {"port_first", KP_OPTION_NUMBER, KP_AT(struct kp_file_hub, port_first), .min = 1024,
     .max = 65535, .dflt = "17000", .doc = "First TCP port of the doors."},
    {"port_last", KP_OPTION_NUMBER, KP_AT(struct kp_file_hub, port_last), .min = 1024, .max = 65535,
     .dflt = "17511", .doc = "Last one. Each partner and user has a door with a port of its own."},
    {"data", KP_OPTION_PATH, HUB(data_dir), .dflt = "data",
     .doc = "Directory of journal, state and person keys."},
    {"keys", KP_OPTION_PATH, HUB(keys_dir), .dflt = "keys",
     .doc =
         "Directory of the hub's own key files; each readable by the hub's user only, and not on "
         "the disk of `data`."},
    {"anchors", KP_OPTION_PATH, HUB(anchors_file), .dflt = "trust/anchors.pem",
     .doc = "CA certificates that partners' and users' certificates chain to (PEM)."},
    {"crl", KP_OPTION_PATH, HUB(crl_file), .dflt = "trust/crl.pem",
     .doc = "Their revocation lists, one for each CA (PEM); read again when it changes."},
    {"demo_ca", KP_OPTION_PATH, HUB(demo_ca_dir), .dflt = "",
     .doc = "Directory of the demo CA, its key included. Test mode only."},
    {"socket", KP_OPTION_PATH, HUB(socket_path), .dflt = "run/hub.sock",
     .doc = "Unix socket for the operator's commands."},
    {"intake_workers", KP_OPTION_NUMBER, HUB(intake_workers), .min = 1,
     .max = KP_INTAKE_WORKERS_MAX, .dflt = "2",
     .doc = "Threads that check and normalise what comes in."},
    {"snapshot_every", KP_OPTION_NUMBER, HUB(snapshot_every), .min = 10, .max = 1000000000,
     .dflt = "1000000",
     .doc = "Positions between snapshots of the state; the journal is trimmed behind the older of "
            "the two newest."},
    {"tick", KP_OPTION_DURATION, HUB(tick_every_ms), .min = 10, .max = 60 * MS_SECOND, .dflt = "1s",
     .doc = "How often the hub looks whether a deadline is due."},
    {"check_delay", KP_OPTION_DURATION, HUB(check_delay_ms), .min = 10, .max = 5 * MS_SECOND,
     .dflt = "100ms",
     .doc = "From a check whether a person is known (KnownCheck) to its answer, whatever it says; "
            "one that takes longer is answered after a multiple of it. Longer than the hub needs "
            "for one under its usual load."},
    {"log_level", KP_OPTION_CHOICE, HUB(log_level), .choices = log_levels, .dflt = "info",
     .doc = "Events below this level are not written."},
    {"journal_map", KP_OPTION_SIZE, HUB(journal_map_bytes), .min = 64 << 20,
     .max = INT64_C(16) << 40, .dflt = "1TiB", .doc = "Address space for the journal (sparse)."},
    {"store_map", KP_OPTION_SIZE, HUB(store_map_bytes), .min = 64 << 20, .max = INT64_C(16) << 40,
     .dflt = "1TiB", .doc = "Address space for the state (sparse)."},
    {"store_scratch", KP_OPTION_SIZE, HUB(store_scratch_bytes), .min = 4 << 20, .max = 1 << 30,
     .dflt = "32MiB", .doc = "Memory for one transaction."},
};
static const struct kp_section hub_section = {
    "hub", sizeof(struct kp_file_hub), hub_rows, KP_ROWS(hub_rows),
    "How the hub runs on this machine. The core judges by none of these."};

static const struct kp_option partner_rows[] = {
    {"id", KP_OPTION_ID, KP_AT(struct kp_file_partner, id),
     .doc = "Short name, also of its mailbox; no two partners or users have the same."},
    {"name", KP_OPTION_TEXT, KP_AT(struct kp_file_partner, name), .doc = "Name as people know it."},
    {"oin", KP_OPTION_OIN, KP_AT(struct kp_file_partner, oin),
     .doc = "Number in the partner's certificate; its identity."},
    {"chain", KP_OPTION_CHOICE, KP_AT(struct kp_file_partner, chain), .choices = chains,
     .doc = "The chain it belongs to."},
    {"known_elsewhere", KP_OPTION_BOOL, KP_AT(struct kp_file_partner, known_elsewhere),
     .dflt = "false",
     .doc =
         "The grant to hear, without any content, that the person of its own signal is also known "
         "elsewhere. Off until the house grants it."},
    {"check_as", KP_OPTION_CHOICES, KP_AT(struct kp_file_partner, check_as),
     .choices = requester_types,
     .doc = "As whom it may check whether a person is known in the house; only with its grant "
            "`known_elsewhere`. None: every answer is \"not known\"."},
    {"check_for", KP_OPTION_CHOICES, KP_AT(struct kp_file_partner, check_for),
     .choices = check_reasons, .doc = "For which reasons it may; likewise."},
    {"checks_max", KP_OPTION_NUMBER, KP_AT(struct kp_file_partner, checks_max), .max = 1000000,
     .dflt = "100",
     .doc = "Checks in a day (UTC), whatever is answered; beyond them the answer is `QUOTA`."},
    {"told_roles", KP_OPTION_CHOICES, KP_AT(struct kp_file_partner, told_roles),
     .choices = casus_roles,
     .doc = "Others who check are told that this partner knows the person when it reported him in "
            "one of these roles. None: never, until the house grants it."},
    {"contact", KP_OPTION_TEXT, KP_AT(struct kp_file_partner, contact), .dflt = "",
     .doc = "Whom they are to call there; required with `told_roles`."},
};
static const struct kp_section partner_section = {"partner", sizeof(struct kp_file_partner),
                                                  partner_rows, KP_ROWS(partner_rows),
                                                  "The organisations of the house."};

static const struct kp_option user_rows[] = {
    {"id", KP_OPTION_ID, KP_AT(struct kp_file_user, id),
     .doc = "Short name, also of the mailbox; no two partners or users have the same."},
    {"name", KP_OPTION_TEXT, KP_AT(struct kp_file_user, name), .doc = "The function, or a name."},
    {"role", KP_OPTION_CHOICE, KP_AT(struct kp_file_user, role), .choices = user_roles,
     .doc = "What this user may do and hears of."},
    {"partner", KP_OPTION_ID, KP_AT(struct kp_file_user, partner), .dflt = "",
     .doc = "The mother organisation of a liaison; only for a liaison."},
};
static const struct kp_section user_section = {"user", sizeof(struct kp_file_user), user_rows,
                                               KP_ROWS(user_rows),
                                               "The people who work with the hub."};

#define CRITERION(field) KP_AT(struct kp_file_criterion, field)
/* A threshold; 0: it is not asked. */
#define THRESHOLD(name, to, text)                                                                  \
    {                                                                                              \
#name, KP_OPTION_NUMBER, CRITERION(name), .max = (to), .dflt = "0", .doc = (text)          \
    }
#define PARTS(name, text)                                                                          \
    {                                                                                              \
#name, KP_OPTION_IDS, CRITERION(name.ids),                                                 \
            .max = KP_CRITERION_PARTS_MAX, KP_COUNT_AT(struct kp_file_criterion, name.count),      \
            .doc = (text)                                                                          \
    }
static const struct kp_option points_rows[] = {
    {"criterion", KP_OPTION_ID, KP_AT(struct kp_file_points, criterion),
     .doc = "Which one, of those before."},
    {"points", KP_OPTION_NUMBER, KP_AT(struct kp_file_points, points), .max = 1000, .dflt = "0",
     .doc = "How many it gives when it is so."},
    {"minus", KP_OPTION_NUMBER, KP_AT(struct kp_file_points, minus), .max = 1000, .dflt = "0",
     .doc = "How many it takes."},
};
static const struct kp_section points_section = {"points", sizeof(struct kp_file_points),
                                                 points_rows, KP_ROWS(points_rows),
                                                 "What a criterion weighs."};
static const struct kp_option criterion_rows[] = {
    {"id", KP_OPTION_ID, CRITERION(id), .doc = "Short name."},
    {"name", KP_OPTION_TEXT, CRITERION(name),
     .doc = "As it reads in an explanation: `meer dan tien processen-verbaal`."},
    THRESHOLD(signals_min, 100000, "So many signals at least."),
    THRESHOLD(signals_max, 100000, "And at most."),
    THRESHOLD(partners_min, KP_PARTNERS_MAX, "Signals of so many different partners at least."),
    THRESHOLD(partners_max, KP_PARTNERS_MAX, "And at most."),
    THRESHOLD(leefgebieden_min, 12, "So many different leefgebieden at least."),
    THRESHOLD(leefgebieden_max, 12, "And at most."),
    {"kinds", KP_OPTION_CHOICES, CRITERION(kinds), .choices = kinds,
     .doc = "The kinds of signal that count; none: every kind."},
    {"roles", KP_OPTION_CHOICES, CRITERION(roles), .choices = casus_roles,
     .doc = "The roles in which the person counts; none: every role."},
    {"hints", KP_OPTION_IDS, CRITERION(hints), .max = KP_THEMES_MAX,
     KP_COUNT_AT(struct kp_file_criterion, hint_count),
     .doc = "Themes: a signal that names one of them counts too, whatever its kind."},
    {"severity_min", KP_OPTION_NUMBER, CRITERION(severity_min), .max = 5, .dflt = "0",
     .doc = "Only signals of this severity (1 to 5) or a higher one."},
    {"areas", KP_OPTION_IDS, CRITERION(areas), .max = KP_CRITERION_AREAS_MAX,
     KP_COUNT_AT(struct kp_file_criterion, area_count),
     .doc = "Only signals from these areas, CBS codes in small letters: `gm9001`, `wk900101`; a "
            "municipality holds its wards."},
    {"within_months", KP_OPTION_NUMBER, CRITERION(within_months), .max = KP_PERIOD_MONTHS_MAX,
     .dflt = "0",
     .doc = "Only signals of the last so many months of the calendar, by the date of the incident; "
            "with `within_days` of both together. Neither: ever."},
    {"within_days", KP_OPTION_NUMBER, CRITERION(within_days), .max = KP_PERIOD_DAYS_MAX,
     .dflt = "0", .doc = "And so many days."},
    THRESHOLD(age_min, 150,
              "The person is so old at least, in whole years; of a birth date that is not wholly "
              "known the latest day counts, and without one he is neither so nor not so."),
    THRESHOLD(age_max, 150, "And at most."),
    PARTS(all, "Every one of these criteria is so; they stand before this one."),
    PARTS(any, "At least one of them is so."),
    PARTS(none, "None of them is so."),
    {"points", KP_OPTION_SECTIONS, CRITERION(points), .max = KP_CRITERION_PARTS_MAX,
     .section = &points_section, KP_COUNT_AT(struct kp_file_criterion, point_count),
     .doc = "What each criterion weighs that is so."},
    THRESHOLD(points_min, 16000, "So many points at least, added up."),
    THRESHOLD(points_max, 16000, "And at most."),
};
static const struct kp_section criterion_section = {
    "criterion", sizeof(struct kp_file_criterion), criterion_rows, KP_ROWS(criterion_rows),
    "What can be asked of a dossier. Each gives one thing: signals, partners, leefgebieden, age, "
    "all, any, none or points."};

static const struct kp_option theme_rows[] = {
    {"id", KP_OPTION_ID, KP_AT(struct kp_file_theme, id), .doc = "Short name."},
    {"name", KP_OPTION_TEXT, KP_AT(struct kp_file_theme, name), .doc = "Name as people know it."},
    {"criterion", KP_OPTION_ID, KP_AT(struct kp_file_theme, criterion),
     .doc = "What makes a person ripe for it: the id of one of the `criteria`."},
    {"tell", KP_OPTION_IDS, KP_AT(struct kp_file_theme, tell), .max = KP_PARTNERS_MAX,
     KP_COUNT_AT(struct kp_file_theme, tell_count),
     .doc = "Partners that hear \"also known elsewhere\" once a person they reported is ripe; only "
            "with their grant `known_elsewhere`."},
};
static const struct kp_section theme_section = {
    "theme", sizeof(struct kp_file_theme), theme_rows, KP_ROWS(theme_rows),
    "The themes, each with the criterion that makes a person ripe for it."};

static const struct kp_option overleg_rows[] = {
    {"id", KP_OPTION_ID, KP_AT(struct kp_file_overleg, id), .doc = "Short name."},
    {"name", KP_OPTION_TEXT, KP_AT(struct kp_file_overleg, name), .doc = "Name as people know it."},
    {"theme", KP_OPTION_ID, KP_AT(struct kp_file_overleg, theme), .doc = "Its theme."},
    {"level", KP_OPTION_CHOICE, KP_AT(struct kp_file_overleg, level), .choices = levels,
     .dflt = "lokaal", .doc = "The area it covers."},
    {"rhythm", KP_OPTION_CHOICE, KP_AT(struct kp_file_overleg, rhythm), .choices = rhythms,
     .doc = "How often it meets."},
    {"day", KP_OPTION_CHOICE, KP_AT(struct kp_file_overleg, day), .choices = weekdays,
     .doc = "On which day."},
    {"capacity", KP_OPTION_NUMBER, KP_AT(struct kp_file_overleg, capacity), .min = 1, .max = 100,
     .doc = "Casussen that one session can discuss."},
    {"chair", KP_OPTION_ID, KP_AT(struct kp_file_overleg, chair),
     .doc = "A ketenmanager, or the partner that the chair is delegated to."},
    {"partners", KP_OPTION_IDS, KP_AT(struct kp_file_overleg, partners), .min = 1,
     .max = KP_PARTNERS_MAX, KP_COUNT_AT(struct kp_file_overleg, partner_count),
     .doc = "Who sits at the table."},
};
static const struct kp_section overleg_section = {"overleg", sizeof(struct kp_file_overleg),
                                                  overleg_rows, KP_ROWS(overleg_rows),
                                                  "The casusoverleggen that meet again and again."};

static const struct kp_option root_rows[] = {
    {"house", KP_OPTION_SECTION, KP_AT(struct kp_house_file, profile), .section = &profile_section,
     .doc = "Who this house is."},
    {"hub", KP_OPTION_SECTION, KP_AT(struct kp_house_file, hub), .section = &hub_section,
     .doc = "How the hub runs on this machine."},
    {"partners", KP_OPTION_SECTIONS, KP_AT(struct kp_house_file, partners), .min = 1,
     .max = KP_PARTNERS_MAX, .section = &partner_section,
     KP_COUNT_AT(struct kp_house_file, partner_count), .doc = "The organisations."},
    {"users", KP_OPTION_SECTIONS, KP_AT(struct kp_house_file, users), .min = 1, .max = KP_USERS_MAX,
     .section = &user_section, KP_COUNT_AT(struct kp_house_file, user_count), .doc = "The people."},
    {"criteria", KP_OPTION_SECTIONS, KP_AT(struct kp_house_file, criteria), .min = 1,
     .max = KP_CRITERIA_MAX, .section = &criterion_section,
     KP_COUNT_AT(struct kp_house_file, criterion_count), .doc = "What themes ask of a dossier."},
    {"themes", KP_OPTION_SECTIONS, KP_AT(struct kp_house_file, themes), .min = 1,
     .max = KP_THEMES_MAX, .section = &theme_section,
     KP_COUNT_AT(struct kp_house_file, theme_count), .doc = "The themes and their criteria."},
    {"overleggen", KP_OPTION_SECTIONS, KP_AT(struct kp_house_file, overleggen),
     .max = KP_OVERLEGGEN_MAX, .section = &overleg_section,
     KP_COUNT_AT(struct kp_house_file, overleg_count), .doc = "The casusoverleggen."},
};
const struct kp_section kp_house_section = {"house.yaml", sizeof(struct kp_house_file), root_rows,
                                            KP_ROWS(root_rows), "The whole file."};
