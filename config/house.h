/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * house.yaml: the house's own configuration. One file, read strictly (config/schema.h), checked
 * across its sections, and split into what the core judges by (struct kp_house, journalled) and how
 * this machine runs (struct kp_hub_options). What each option means: fields.md.
 */
#ifndef KP_CONFIG_HOUSE_H
#define KP_CONFIG_HOUSE_H

#include "base/log.h"
#include "config/schema.h"
#include "core/house.h"

#define KP_OVERLEGGEN_MAX 32u
#define KP_FILE_PATH_BYTES_MAX 511u
#define KP_SOCKET_PATH_BYTES_MAX 107u /* what a Unix socket address holds */

/* How this hub runs; nothing the core judges by. All paths are absolute. */
struct kp_hub_options {
    char listen_host[64];                          /* address the doors bind to */
    char data_dir[KP_FILE_PATH_BYTES_MAX + 1];     /* journal, state and person keys */
    char keys_dir[KP_FILE_PATH_BYTES_MAX + 1];     /* master secret, transport key, signing key */
    char anchors_file[KP_FILE_PATH_BYTES_MAX + 1]; /* PEM */
    char crl_file[KP_FILE_PATH_BYTES_MAX + 1];     /* PEM */
    char demo_ca_dir[KP_FILE_PATH_BYTES_MAX + 1];  /* "": none; only in test mode */
    char socket_path[KP_SOCKET_PATH_BYTES_MAX + 1];
    uint32_t intake_workers;
    uint64_t snapshot_every; /* positions */
    int64_t tick_every_ms;
    int64_t check_delay_ms; /* from a KnownCheck to its answer */
    enum kp_log_level log_level;
    uint64_t journal_map_bytes, store_map_bytes, store_scratch_bytes;
};

enum kp_chain { KP_CHAIN_JUSTITIE = 1, KP_CHAIN_ZORG = 2, KP_CHAIN_BESTUUR = 3 };
enum kp_overleg_level { KP_LEVEL_LOKAAL = 1, KP_LEVEL_DISTRICT = 2, KP_LEVEL_REGIO = 3 };
enum kp_overleg_rhythm { KP_RHYTHM_WEEK = 1, KP_RHYTHM_TWEE_WEKEN = 2, KP_RHYTHM_MAAND = 3 };
enum kp_weekday { KP_MAANDAG = 1, KP_DINSDAG, KP_WOENSDAG, KP_DONDERDAG, KP_VRIJDAG };

/* A recurring meeting on one theme. */
struct kp_overleg {
    char id[KP_ID_BYTES_MAX + 1];
    char name[KP_NAME_BYTES_MAX + 1];
    uint16_t theme; /* index */
    enum kp_overleg_level level;
    enum kp_overleg_rhythm rhythm;
    enum kp_weekday day;
    uint32_t capacity;               /* casussen a session */
    char chair[KP_ID_BYTES_MAX + 1]; /* a ketenmanager (user) or a partner it is delegated to */
    uint8_t partners[KP_PARTNERS_MAX / 8]; /* bit n: partner n sits there */
};

/* Who the house is, for people. */
struct kp_house_profile {
    char area[16]; /* CBS code */
    char municipality[KP_NAME_BYTES_MAX + 1];
    char contact[KP_NAME_BYTES_MAX + 1];
    enum kp_chain chains[KP_PARTNERS_MAX]; /* by partner index */
};

struct kp_house_config {
    struct kp_house house;
    struct kp_hub_options hub;
    struct kp_house_profile profile;
    uint16_t overleg_count;
    struct kp_overleg overleggen[KP_OVERLEGGEN_MAX];
    struct kp_house_file *file; /* as read; what the dump is made from */
};

/*
 * Read and check house.yaml.
 *
 * @report      initialised (kp_config_report_init); holds every message when this fails
 * @ret_config  set on success only; free with kp_house_config_free
 *
 * KP_E_CONFIG     there are messages
 * KP_E_TEST_MODE  there are messages, and all of them say that a production house has test options
 * Any thread.
 */
KP_MUST_CHECK enum kp_err kp_house_load(const char *path, struct kp_house_config **ret_config,
                                        struct kp_config_report *report);
/* The same from text; see kp_config_parse. */
KP_MUST_CHECK enum kp_err kp_house_parse(const char *file, const char *dir, struct kp_slice text,
                                         struct kp_house_config **ret_config,
                                         struct kp_config_report *report);
struct kp_house_config *kp_house_config_free(struct kp_house_config *config); /* NULL is fine */

/* For `knooppunt config check`: load, keep nothing. KP_E_CONFIG, KP_E_TEST_MODE as above. */
KP_MUST_CHECK enum kp_err kp_config_check(const char *path, struct kp_config_report *report);
/* For `knooppunt config dump`: the effective configuration as YAML that loads again as the same.
 * KP_HOUSE_DUMP_BYTES_MAX is always enough; check kp_writer_ok otherwise. */
#define KP_HOUSE_DUMP_BYTES_MAX ((size_t)4 << 20)
void kp_house_dump(const struct kp_house_config *config, struct kp_writer *writer);
/* fields.md */
void kp_house_fields(struct kp_writer *writer);

#endif
