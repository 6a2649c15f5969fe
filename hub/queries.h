/* SPDX-License-Identifier: EUPL-1.2 */
/* What the operator can ask of the running hub: one function for each query; operator.c has the
 * table. */
#ifndef KP_HUB_QUERIES_H
#define KP_HUB_QUERIES_H

#include "answer.h"
#include "hub.h"

struct kp_decision_proof;

struct kp_query {
    const char *name;
    const char *const *arguments;
    uint32_t argument_count;
    struct kp_slice attachment;
    /* Of a user over the wire; 0 and NULL: the operator at the hub. */
    uint16_t author; /* counterpart number */
    const uint8_t *message_id;
    const struct kp_decision_proof *proof;
    /* Who asked is told how far it is, now and then. */
    void (*report)(void *session, const char *step, uint64_t done, uint64_t all);
    void *session;
};

typedef enum kp_err kp_query_fn(struct kp_hub *hub, const struct kp_query *query,
                                struct kp_answer *answer, struct kp_diag *reterr_diag);

/* query_status.c */
kp_query_fn kp_query_status, kp_query_metrics, kp_query_mailbox_list;
/* query_held.c */
kp_query_fn kp_query_held_list, kp_query_held_show, kp_query_held_retry, kp_query_held_drop;
/* query_trace.c */
kp_query_fn kp_query_trace;
/* query_enrol.c */
kp_query_fn kp_query_partner_enrol, kp_query_partner_revoke, kp_query_partner_list;
kp_query_fn kp_query_user_enrol, kp_query_user_revoke, kp_query_user_list;
/* query_review.c */
kp_query_fn kp_query_review_list, kp_query_review_show, kp_query_review_decided;
/* query_decide.c */
kp_query_fn kp_query_review_accept, kp_query_review_reject, kp_query_review_undo;
kp_query_fn kp_query_match_unmerge;
/* query_match.c */
kp_query_fn kp_query_match_explain, kp_query_match_history;
/* query_epoch.c */
kp_query_fn kp_query_match_train, kp_query_epoch_list, kp_query_epoch_compare;
kp_query_fn kp_query_epoch_activate;
/* query_person.c */
kp_query_fn kp_query_person_count, kp_query_proposal_list;
/* query_known.c */
kp_query_fn kp_query_known_check_list;
/* query_store.c */
kp_query_fn kp_query_backup, kp_query_store_digest, kp_query_store_verify;

/* An event as one row of the answer: what kind it is and what it says. */
void kp_query_event_row(struct kp_answer *answer, struct kp_slice event, struct kp_arena *arena);
/* Name of a SignalKind, OutcomeKind, ... as in the .proto, without its prefix. */
const char *kp_query_enum_name(const ProtobufCEnumDescriptor *type, int value);

/* A position from text; 0 when it is none. */
uint64_t kp_query_number(const char *text);

#endif
