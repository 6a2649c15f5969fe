/* SPDX-License-Identifier: EUPL-1.2 */
/* Every limit of the project, with the relations between them. Values a partner must know are in
 * Welcome. */
#ifndef KP_BASE_LIMITS_H
#define KP_BASE_LIMITS_H

/* The wire (proto/README.md) */
#define KP_FRAME_BYTES_MAX (1u << 20)
#define KP_DEPTH_MAX 8u
#define KP_FIELDS_MAX                                                                              \
    40000u /* scalar fields and submessages of one frame, signals counted separately */
#define KP_SIGNAL_FIELDS_MAX 2000u
#define KP_BATCH_SIGNALS_MAX 500u
#define KP_SIGNAL_BYTES_MAX (64u * 1024u)
#define KP_SIGNAL_PERSONS_MAX 31u /* a person's id is position * 32 + index */
#define KP_SALT_BYTES 32u
#define KP_MESSAGE_ID_BYTES 16u
#define KP_REFERENCE_BYTES_MAX 64u
#define KP_NAME_BYTES_MAX 200u
#define KP_TEXT_BYTES_MAX 8000u
#define KP_CERTIFICATE_BYTES_MAX 8192u
#define KP_CHAIN_CERTIFICATES_MAX 4u
#define KP_CHAIN_BYTES_MAX (KP_CHAIN_CERTIFICATES_MAX * KP_CERTIFICATE_BYTES_MAX)
#define KP_SIGNATURE_BYTES_MAX 512u
/* Of a question or command of a user. */
#define KP_REQUEST_ARGUMENTS_MAX 4u
#define KP_REQUEST_ARGUMENT_BYTES_MAX 64u
/* A KnownAnswer, whatever it says; and what all contacts of a house may take of it. */
#define KP_KNOWN_ANSWER_BYTES 8192u
#define KP_KNOWN_CONTACTS_BYTES_MAX 8000u
#define KP_KNOWN_CONTACT_BYTES 9u /* of each one, beside its two texts: at most */

/* The house */
#define KP_PARTNERS_MAX 256u
#define KP_USERS_MAX 1024u
#define KP_THEMES_MAX 32u   /* a theme is a bit in a mask */
#define KP_ID_BYTES_MAX 40u /* id of a partner, user, theme or mailbox: a-z, 0-9 and - */
#define KP_DOORS_MAX 512u
#define KP_COUNTERPARTS_MAX (KP_PARTNERS_MAX + KP_USERS_MAX)
#define KP_OIN_DIGITS 20u
#define KP_DOOR_KEYS_MAX 2u /* old and new transport key overlap while one is being replaced */

/* The core */
/* Mentions of one person and those like him; more are held as PERSON_FULL. Each partner has a share
 * of his own, so that he neither fills a dossier for the others nor learns what they put in it. */
#define KP_COMPONENT_MENTIONS_MAX 32768u
#define KP_COMPONENT_SHARE 1024u
#define KP_COMPONENT_FORMS_MAX 200u /* distinct ways of writing them: more are not put together */
/* What a house that has not learned yet takes for its size: the prior of the matcher follows. */
#define KP_HOUSE_SIGNALS_EXPECTED 100000u
#define KP_HELD_PER_PARTNER_MAX 10000u
#define KP_ACK_ROWS_MAX                                                                            \
    4096u /* rows one acknowledgement can remove: the most credit a mailbox can have */
#define KP_TICK_DEADLINES_MAX                                                                      \
    256u /* deadlines one tick handles; the rest is due at the next tick */
#define KP_POISON_ATTEMPTS_MAX 3u

/* Queues and threads of the hub */
#define KP_INTAKE_WORKERS_MAX 16u
#define KP_INTAKE_QUEUE_FRAMES 256u
#define KP_INTAKE_QUEUE_BYTES_MAX (64u << 20)
#define KP_BACKLOG_POSITIONS_MAX 5000000u /* journalled and not yet applied; beyond it: LATER */
#define KP_LATER_MS 500u                  /* what a refusal with LATER asks to wait */
#define KP_DOOR_BATCHES_IN_FLIGHT_MAX 32u
#define KP_KNOWN_WAITING_MAX 8192u /* checks without an answer, of all doors; beyond it: LATER */
#define KP_JOURNAL_QUEUE_COMMANDS 1024u
#define KP_JOURNAL_GROUP_BYTES_MAX (16u << 20)
#define KP_JOURNAL_RECORD_BYTES_MAX (6u << 20)
#define KP_TRIM_RECORDS_MAX 1000u
#define KP_OUTBOUND_QUEUE_FRAMES 4096u
#define KP_ACK_LINGER_MS 5   /* acknowledgements wait this long for company in the journal */
#define KP_GROUP_US_MAX 8000 /* a group of the applier, from its first command to its commit */
#define KP_GROUP_PAUSE_US_MIN 4000 /* from the beginning of one to that of the next, at least */
#define KP_GROUP_PAUSE_US_MAX 20000
#define KP_GROUP_PAGES_MAX 6000u /* that LMDB holds until the commit: 24 MB */

/* Store */
#define KP_STORE_KEY_BYTES_MAX 128u
/* A journalled command fits: one that cannot be applied is kept whole. */
#define KP_STORE_VALUE_BYTES_MAX (KP_JOURNAL_RECORD_BYTES_MAX + (64u << 10))
#define KP_HOUSE_BYTES_MAX (512u << 10) /* its configuration as a command */
#define KP_DISK_ALARM_PERCENT 70
#define KP_DISK_ADMISSION_PERCENT 80
#define KP_READ_TXN_US_MAX 1000000

#define KP_CLOCK_PART_US_MAX 60000000

_Static_assert(KP_SIGNAL_BYTES_MAX < KP_FRAME_BYTES_MAX, "one signal fits in a frame");
/* Message id, code and hit take 23 bytes; padding of 128 or more has a head of three. */
_Static_assert(KP_KNOWN_CONTACTS_BYTES_MAX + 23u + 3u + 128u <= KP_KNOWN_ANSWER_BYTES &&
                   KP_KNOWN_ANSWER_BYTES < 16384u,
               "an answer with every contact is padded to its size");
_Static_assert(KP_SIGNAL_PERSONS_MAX < 32u, "the index of a person in its signal has five bits");
_Static_assert(KP_JOURNAL_RECORD_BYTES_MAX <= KP_JOURNAL_GROUP_BYTES_MAX,
               "a record fits in a group");
_Static_assert(KP_DISK_ALARM_PERCENT < KP_DISK_ADMISSION_PERCENT, "the alarm comes first");

#endif
