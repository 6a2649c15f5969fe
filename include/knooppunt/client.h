/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * libknooppunt: what a partner's own program needs to speak with the hub over its door.
 * One client is one connection with one key; used by one thread. Nothing here keeps anything on
 * disk: the caller spools what is not yet receipted, and stores an event before it acknowledges it.
 * The wire itself is specified in proto/README.md.
 */
#ifndef KNOOPPUNT_CLIENT_H
#define KNOOPPUNT_CLIENT_H

#include "base/err.h"
#include "base/sign.h"
#include "base/slice.h"
#include "proto/codec.h"

struct kp_client;

struct kp_client_options {
    struct kp_slice bundle;        /* encoded Bundle from `knooppunt partner enrol`; verified by the
                                      caller's anchors */
    const char *bundle_file;       /* where it came from, for messages; NULL: not said */
    const char *curve_secret_file; /* Z85 secret key (40 characters), mode 0400 */
    struct kp_signer *signer;      /* signs batches; borrowed; NULL for a user who sends none */
    struct kp_slice
        certificate; /* DER of the signing certificate; borrowed; empty when there is no signer */
    const char *program;    /* name and version, for the hub's log */
    uint64_t last_position; /* highest position the caller holds a receipt for */
};

/* Connects in the background; never blocks. KP_E_KEY_FILE, KP_E_MALFORMED, KP_E_SIGNATURE */
KP_MUST_CHECK enum kp_err kp_client_new(const struct kp_client_options *options,
                                        struct kp_client **ret_client, struct kp_diag *reterr_diag);
struct kp_client *kp_client_free(struct kp_client *client);
/* What the bundle says (house, OIN, counterpart, endpoint, ...); lives as long as the client. */
const Knooppunt__V1__BundleBody *kp_client_bundle(const struct kp_client *client);

enum kp_client_event_kind {
    KP_CLIENT_NOTHING, /* the wait ended */
    KP_CLIENT_WELCOME, /* a session started (again): mailboxes restart at their cursor; give credit,
                          resend what is unreceipted */
    KP_CLIENT_RECEIPT, /* verified against the hub's certificate */
    KP_CLIENT_REFUSAL,
    KP_CLIENT_DELIVER, /* events of one mailbox, in order */
    KP_CLIENT_ANSWER,
    KP_CLIENT_KNOWN,    /* what a check was answered: hit or no hit, and contacts */
    KP_CLIENT_LOST,     /* the connection or session ended; the client reconnects by itself */
    KP_CLIENT_SHUT_OUT, /* the hub does not accept this key: err tells unknown (KP_E_KEY_UNKNOWN) or
                           revoked; it keeps trying slowly */
};

/* Lives until the next call on the client. */
struct kp_client_event {
    enum kp_client_event_kind kind;
    enum kp_err err; /* REFUSAL, SHUT_OUT, LOST */
    const Knooppunt__V1__Welcome *welcome;
    const Knooppunt__V1__ReceiptBody *receipt;
    struct kp_slice receipt_bytes; /* the encoded Receipt with its signature, to be kept as proof */
    const Knooppunt__V1__Refusal *refusal;
    const Knooppunt__V1__Deliver *deliver;
    const Knooppunt__V1__Answer *answer;
    const Knooppunt__V1__KnownAnswer *known; /* names its check by check_message_id */
};

/* Wait up to @timeout_ms for the next event. Keeps heartbeats, Hello and reconnects going.
 * A receipt whose signature does not verify is KP_E_SIGNATURE: the hub is not who it says. */
KP_MUST_CHECK enum kp_err kp_client_wait(struct kp_client *client, uint32_t timeout_ms,
                                         struct kp_client_event *ret_event,
                                         struct kp_diag *reterr_diag);
/* End the session without an event: what was delivered and could not be stored comes again. */
void kp_client_restart(struct kp_client *client);
/* For a foreign event loop beside other descriptors: becomes readable when kp_client_wait(0) should
 * be called: until it says KP_CLIENT_NOTHING, or what is left wakes nobody. What comes in while
 * something is sent after that does. */
int kp_client_fd(const struct kp_client *client);

struct kp_client_signal {
    const uint8_t *salt;    /* KP_SALT_BYTES, random, the same at every resend */
    struct kp_slice signal; /* encoded Signal */
};

/* Sign and send one batch. @message_id: 16 bytes, UUIDv7; the same at every resend. Borrowed until
 * return. KP_E_STATE  no session now: wait for WELCOME · KP_E_LATER  too many batches in flight ·
 * KP_E_LIMIT  too large */
KP_MUST_CHECK enum kp_err kp_client_submit(struct kp_client *client, const uint8_t *message_id,
                                           const char *traceparent,
                                           const struct kp_client_signal *signals, uint32_t count,
                                           struct kp_diag *reterr_diag);
/* Ask whether a person is known in the house. @message_id: as of a batch; one that got no answer
 * before its session ended is asked again, with an id of its own. Borrowed until return.
 * KP_E_STATE  no session now · KP_E_SCHEMA  this hub takes no checks · KP_E_LATER  too many batches
 * and checks in flight */
KP_MUST_CHECK enum kp_err kp_client_check(struct kp_client *client, const uint8_t *message_id,
                                          const Knooppunt__V1__KnownCheck *check,
                                          struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_client_credit(struct kp_client *client, const char *mailbox,
                                           uint32_t events, struct kp_diag *reterr_diag);
KP_MUST_CHECK enum kp_err kp_client_ack(struct kp_client *client, const char *mailbox, uint64_t seq,
                                        struct kp_diag *reterr_diag);

#endif
