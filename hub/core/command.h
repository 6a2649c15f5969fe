/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What stands in the journal: one command in a record. Made by the intake (and the operator's
 * socket), read by the core. A command holds all that the core needs: what came in, and what the
 * intake derived from it (keyed tags, normalised dates, numbers of kinds and themes), so that the
 * core needs no keys, tables or clock of its own. Encoding: base/buf.h, version byte first; readers
 * accept every version up to theirs.
 */
#ifndef KP_CORE_COMMAND_H
#define KP_CORE_COMMAND_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/limits.h"

enum kp_command_kind {
    KP_COMMAND_BATCH = 1,      /* a partner's signals; covers as many positions as it has signals */
    KP_COMMAND_ACK = 2,        /* a receiver has everything of a mailbox up to a sequence */
    KP_COMMAND_HOUSE = 3,      /* the house's configuration from now on */
    KP_COMMAND_ENROL = 4,      /* a certificate and key for a counterpart */
    KP_COMMAND_REVOKE = 5,     /* keys of a counterpart */
    KP_COMMAND_TICK = 6,       /* something is due */
    KP_COMMAND_HELD_RETRY = 7, /* a held signal, taken in again */
    KP_COMMAND_HELD_DROP = 8,  /* a held signal that a person gives up, with the reason */
    KP_COMMAND_KNOWN_CHECK = 9, /* a partner asks whether a person is known (core/known.h) */
    KP_COMMAND_DECIDE = 10,     /* of some forms: one person, or two */
    KP_COMMAND_EPOCH = 11,      /* what the house learned of itself */
    KP_COMMAND_ACTIVATE = 12,   /* the epoch by which is weighed from now on */
    KP_COMMAND_DISCLOSE = 13,   /* a user looks at something; the question and its arguments */
};

struct kp_command_head {
    enum kp_command_kind kind;
    uint8_t message_id[KP_MESSAGE_ID_BYTES];
    struct kp_slice traceparent; /* may be empty */
    uint16_t actor; /* counterpart number; 0: the operator at the hub's own socket, or the hub */
};

/* One person in a signal, as far as the core judges by it. */
struct kp_command_mention {
    uint8_t role;
    int32_t birth_date;             /* possibly incomplete; 0: not known */
    bool has_form;                  /* he can be looked for */
    uint8_t form_tag[KP_TAG_BYTES]; /* keyed, of the form */
    struct kp_slice form;           /* core/match/form.h, with the normaliser's version */
    struct kp_slice keys;           /* core/match/keys.h */
    uint32_t part_bytes;            /* size of its field at the end of the signal */
};

struct kp_command_signal {
    uint32_t held_code; /* an enum kp_err; KP_OK: usable */
    struct kp_slice held_field;
    uint8_t digest[KP_SHA256_BYTES]; /* SHA-256(salt || signal) */
    struct kp_slice salt;
    uint8_t content_tag[KP_TAG_BYTES];   /* keyed, of the signal's bytes */
    uint8_t reference_tag[KP_TAG_BYTES]; /* keyed, of partner and reference; all zero when there is
                                            none */
    struct kp_slice reference;
    uint64_t version;
    bool withdraw;
    uint8_t kind;
    int32_t incident_date; /* yyyymmdd, possibly incomplete */
    uint32_t themes;       /* bits: theme numbers hinted at */
    uint16_t leefgebieden; /* bits */
    uint8_t severity;      /* 1 light to 5 severe; 0: not told */
    uint32_t area;         /* kp_area_of; 0: not told */
    uint8_t mention_count;
    struct kp_command_mention mentions[KP_SIGNAL_PERSONS_MAX];
    uint32_t head_bytes;    /* of the signal before its persons */
    struct kp_slice signal; /* as received */
};

struct kp_command_batch {
    struct kp_slice certificate_digest;
    uint8_t algorithm;
    struct kp_slice signature;
    uint32_t signal_count;
};

/* Who asks for whom and why. The mention has no role and no part of a signal. */
struct kp_command_check {
    uint8_t requester_type, reason; /* RequesterType and CheckReason of the wire */
    struct kp_command_mention person;
};

struct kp_command_enrol {
    struct kp_slice counterpart; /* id */
    struct kp_slice certificate; /* DER */
    struct kp_slice chain;       /* intermediate certificates: each a length u32 and DER */
    struct kp_slice curve_public;
    int64_t not_after_ms;
};

/* Writers: append to a body. The head first, then the parts of the kind. */
void kp_command_put_head(struct kp_writer *writer, const struct kp_command_head *head);
void kp_command_put_batch(struct kp_writer *writer, const struct kp_command_batch *batch);
void kp_command_put_signal(struct kp_writer *writer, const struct kp_command_signal *signal);
void kp_command_put_check(struct kp_writer *writer, const struct kp_command_check *check);
void kp_command_put_enrol(struct kp_writer *writer, const struct kp_command_enrol *enrol);

/* Readers: slices borrow from the body. A body that does not decode leaves the reader failed
 * (kp_reader_ok). */
void kp_command_get_head(struct kp_reader *reader, struct kp_command_head *ret_head);
void kp_command_get_batch(struct kp_reader *reader, struct kp_command_batch *ret_batch);
void kp_command_get_signal(struct kp_reader *reader, struct kp_command_signal *ret_signal);
/* Its persons' parts tile the end of the signal: checked before anything is cut by them. */
bool kp_command_signal_fits(const struct kp_command_signal *signal);
void kp_command_get_check(struct kp_reader *reader, struct kp_command_check *ret_check);
void kp_command_get_enrol(struct kp_reader *reader, struct kp_command_enrol *ret_enrol);

#endif
