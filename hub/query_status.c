/* SPDX-License-Identifier: EUPL-1.2 */
#include "queries.h"

#include "core/held.h"
#include "core/outbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static void hub_section(struct kp_hub *hub, const struct kp_view *view, struct kp_answer *answer)
{
    struct kp_journal_state journal;
    kp_journal_state(hub->journal, &journal);
    (void)pthread_mutex_lock(&hub->progress.lock);
    uint64_t applied = hub->progress.applied;
    struct kp_wall stamp = hub->progress.applied_stamp;
    struct kp_wall due = hub->progress.has_due ? hub->progress.due : (struct kp_wall){0};
    uint64_t tree_size = hub->progress.tree_size;
    (void)pthread_mutex_unlock(&hub->progress.lock);
    kp_answer_section(answer, "hub");
    kp_answer_row(answer);
    kp_answer_text(answer, "house", view->core.house.id);
    kp_answer_text(answer, "mode",
                   view->core.house.test_mode
                       ? "TEST MODE: demo CA and BSNs of the 9-series allowed"
                       : "production");
    kp_answer_text(answer, "version", KP_VERSION);
    kp_answer_number(answer, "journal_first", journal.first);
    kp_answer_number(answer, "journal_last", journal.last);
    kp_answer_number(answer, "applied", applied);
    kp_answer_number(answer, "backlog", journal.last - applied);
    kp_answer_time(answer, "applied_stamp", stamp);
    kp_answer_time(answer, "next_due", due);
    kp_answer_number(answer, "audit_entries", tree_size);
    kp_answer_number(answer, "snapshot_position", atomic_load(&hub->snapshot_position));
    kp_answer_truth(answer, "disk_full", atomic_load(&hub->disk_full));
    kp_answer_truth(answer, "clock_parted", atomic_load(&hub->clock_parted));
}

static void doors_section(struct kp_hub *hub, const struct kp_view *view, struct kp_answer *answer)
{
    kp_answer_section(answer, "doors");
    for (uint16_t number = 1; number < KP_COUNTERPART_NUMBERS; number++) {
        const struct kp_view_counterpart *counterpart = view->by_number[number];
        struct kp_door_stat door;
        struct kp_session_stat session;
        if (counterpart == NULL || !kp_doors_stat(hub->doors, number, &door)) {
            continue;
        }
        kp_deliver_stat(hub->deliver, number, &session);
        kp_answer_row(answer);
        kp_answer_text(answer, "counterpart", counterpart->row.id);
        kp_answer_number(answer, "port", door.port);
        kp_answer_truth(answer, "connected", door.connected);
        kp_answer_time(answer, "session_since", session.open ? session.since : (struct kp_wall){0});
        kp_answer_number(answer, "frames_in", door.frames_in);
        kp_answer_number(answer, "frames_out", door.frames_out);
        kp_answer_number(answer, "busy", door.busy);
        kp_answer_number(answer, "shut_out", door.shut_out);
    }
}

static void mailboxes_section(struct kp_hub *hub, const struct kp_view *view, struct kp_txn *txn,
                              struct kp_answer *answer)
{
    kp_answer_section(answer, "mailboxes");
    for (uint16_t number = 1; number < KP_COUNTERPART_NUMBERS; number++) {
        const struct kp_view_counterpart *counterpart = view->by_number[number];
        struct kp_mailbox mailbox;
        struct kp_session_stat session;
        if (counterpart == NULL) {
            continue;
        }
        kp_mailbox_get(txn, number, &mailbox);
        kp_deliver_stat(hub->deliver, number, &session);
        kp_answer_row(answer);
        kp_answer_text(answer, "mailbox", counterpart->row.id);
        kp_answer_number(answer, "last", mailbox.last_seq);
        kp_answer_number(answer, "acknowledged", mailbox.acked_seq);
        kp_answer_number(answer, "lag", mailbox.last_seq - mailbox.acked_seq);
        kp_answer_number(answer, "credit", session.open ? session.credit : 0);
    }
}

static void held_section(const struct kp_view *view, struct kp_txn *txn, struct kp_answer *answer)
{
    kp_answer_section(answer, "held");
    for (uint32_t i = 0; i < view->core.house.partner_count; i++) {
        struct kp_partner_counts counts;
        kp_partner_counts_get(txn, view->core.house.partners[i].number, &counts);
        if (counts.signals == 0 && counts.held == 0) {
            continue;
        }
        kp_answer_row(answer);
        kp_answer_text(answer, "partner", view->core.house.partners[i].id);
        kp_answer_number(answer, "signals", counts.signals);
        kp_answer_number(answer, "held", counts.held);
        kp_answer_number(answer, "held_max", view->core.house.held_per_partner_max);
    }
}

static void store_section(struct kp_hub *hub, struct kp_answer *answer)
{
    struct kp_store_stat stat;
    struct statvfs disk;
    struct kp_diag diag;
    kp_answer_section(answer, "store");
    kp_answer_row(answer);
    if (kp_store_stat(&hub->store, &stat, &diag) == KP_OK) {
        kp_answer_number(answer, "file_bytes", stat.file_bytes);
        kp_answer_number(answer, "used_bytes", stat.used_bytes);
        kp_answer_number(answer, "rows", stat.rows);
        kp_answer_number(answer, "readers", stat.readers);
    }
    if (statvfs(hub->config->hub.data_dir, &disk) == 0 && disk.f_blocks > 0) {
        kp_answer_number(answer, "disk_used_percent",
                         100 - (uint64_t)disk.f_bavail * 100 / (uint64_t)disk.f_blocks);
    }
}

static void certificates_section(const struct kp_view *view, struct kp_answer *answer)
{
    struct kp_wall now = kp_wall_now();
    kp_answer_section(answer, "certificates");
    for (uint16_t number = 1; number < KP_COUNTERPART_NUMBERS; number++) {
        const struct kp_view_counterpart *counterpart = view->by_number[number];
        for (uint32_t i = 0; counterpart != NULL && i < counterpart->row.key_count; i++) {
            const struct kp_enrolled_key *key = &counterpart->row.keys[i];
            const struct kp_certificate *certificate;
            enum kp_err err =
                key->state != KP_KEY_ACTIVE
                    ? KP_E_KEY_REVOKED
                    : kp_view_certificate(counterpart,
                                          kp_slice_of(key->certificate_digest, KP_SHA256_BYTES),
                                          now, &certificate);
            kp_answer_row(answer);
            kp_answer_text(answer, "owner", counterpart->row.id);
            kp_answer_text(answer, "state", err == KP_OK ? "good" : kp_err_name(err));
            kp_answer_time(answer, "not_after", (struct kp_wall){key->not_after_ms});
            kp_answer_number(answer, "days_left",
                             key->not_after_ms < now.ms
                                 ? 0
                                 : (uint64_t)((key->not_after_ms - now.ms) / KP_DAY_MS));
            kp_answer_hex(answer, "key", kp_slice_of(key->curve_public, 4));
        }
    }
}

enum kp_err kp_query_status(struct kp_hub *hub, const struct kp_query *query,
                            struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    hub_section(hub, view, answer);
    doors_section(hub, view, answer);
    mailboxes_section(hub, view, txn, answer);
    held_section(view, txn, answer);
    store_section(hub, answer);
    certificates_section(view, answer);
    kp_view_release(view);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}

enum kp_err kp_query_mailbox_list(struct kp_hub *hub, const struct kp_query *query,
                                  struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    struct kp_txn *txn;
    (void)query;
    enum kp_err err = kp_txn_begin(&hub->store, /* write= */ false, &txn, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    struct kp_view *view = kp_view_hold(hub);
    mailboxes_section(hub, view, txn, answer);
    kp_view_release(view);
    err = kp_txn_error(txn);
    *reterr_diag = txn->diag;
    kp_txn_abort(txn);
    return err;
}

enum kp_err kp_query_metrics(struct kp_hub *hub, const struct kp_query *query,
                             struct kp_answer *answer, struct kp_diag *reterr_diag)
{
    static const struct {
        const char *name, *unit, *doc;
    } table[KP_METRIC_END] = {
#define X(name, unit, doc) {#name, unit, doc},
#include "metrics.def"
#undef X
    };
    (void)query;
    (void)reterr_diag;
    kp_answer_section(answer, "metrics");
    for (uint32_t i = 0; i < KP_METRIC_END; i++) {
        kp_answer_row(answer);
        kp_answer_text(answer, "name", table[i].name);
        kp_answer_text(answer, "type", "counter");
        kp_answer_text(answer, "unit", table[i].unit);
        kp_answer_text(answer, "help", table[i].doc);
        kp_answer_number(answer, "value", atomic_load(&hub->metrics[i]));
    }
    return KP_OK;
}
