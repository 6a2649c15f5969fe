/* SPDX-License-Identifier: EUPL-1.2 */
#include "runtime/conf.h"

#include "base/limits.h"

#define PATH(name, field, value, text)                                                             \
    {                                                                                              \
        name, KP_OPTION_PATH, KP_AT(struct kp_adapter_conf, field), .dflt = value, .doc = text     \
    }
#define PERIOD(name, field, from, to, value, text)                                                 \
    {                                                                                              \
        name, KP_OPTION_DURATION, KP_AT(struct kp_adapter_conf, field), .min = from, .max = to,    \
                                                                        .dflt = value, .doc = text \
    }

static const struct kp_option options[] = {
    PATH("bundle", bundle, "bundle",
         "The bundle that the hub's operator gave at enrolment: where the door is and who the hub "
         "is."),
    PATH("curve_key", curve_key, "keys/curve.secret",
         "Secret transport key (Z85), mode 0400, made by this side; it never leaves it."),
    PATH("sign_key", sign_key, "keys/signing.key",
         "Private key of the certificate (PEM), mode 0400: signs batches. A user's receiver needs "
         "none."),
    PATH("certificate", certificate, "keys/signing.pem",
         "The certificate (PEM) that was enrolled. A user's receiver needs none."),
    PATH("anchors", anchors, "",
         "Trust anchors (PEM) that the hub's certificate in the bundle must chain to; empty: the "
         "bundle is trusted as it was handed over."),
    PATH("crl", crl, "", "Revocation lists (PEM) of those anchors; required with anchors."),
    PATH("drop", drop, "drop", "Folder in which the partner's system puts its exports."),
    PATH("done", done, "done", "Folder to which a file is moved once all of it is in the spool."),
    PATH("results", results, "done",
         "Folder for <file>.result.csv: what became of each record; beside the file in done unless "
         "set otherwise."),
    PATH("waiting", waiting, "waiting",
         "Folder for a full list that waits for a person's confirmation."),
    PATH("inbox", inbox, "inbox", "Folder in which events from the hub are put as files."),
    PATH(
        "spool", spool, "spool",
        "Folder of the spool: on a disk that keeps what is synced, readable by this service only."),
    PATH("list_version", list_version, "list-version",
         "File with the highest version given to a row of a full list, so that versions go on "
         "counting when the spool was lost."),
    {"spool_bytes_max", KP_OPTION_SIZE, KP_AT(struct kp_adapter_conf, spool_bytes_max),
     .min = 1 << 20, .max = INT64_C(1) << 40, .dflt = "256MiB",
     .doc = "How much may wait for an outcome; beyond it no further file is read."},
    {"batch_signals_max", KP_OPTION_NUMBER, KP_AT(struct kp_adapter_conf, batch_signals_max),
     .min = 1, .max = KP_BATCH_SIGNALS_MAX, .dflt = "100",
     .doc = "Signals in one signed batch; the hub may allow fewer."},
    PERIOD("retry_first", retry_first_ms, 100, 3600000, "2s",
           "Delay before a refused batch is tried again; doubles each time, with jitter."),
    PERIOD("retry_max", retry_max_ms, 1000, 86400000, "5m", "The longest such delay."),
    PERIOD("receipt_timeout", receipt_ms, 1000, 3600000, "30s",
           "A batch without a receipt for so long is sent again under the same message id."),
    PERIOD("settle", settle_ms, 0, 3600000, "2s",
           "A file that was not announced (network shares do not notify) is read when it has not "
           "changed for so long."),
    PERIOD("poll", poll_ms, 100, 3600000, "10s", "How often the folder is looked at in any case."),
    {"list_shrink_percent", KP_OPTION_NUMBER, KP_AT(struct kp_adapter_conf, list_shrink_percent),
     .min = 0, .max = 100, .dflt = "10",
     .doc = "A full list that is shorter than the last one by more than this waits for a person."},
};

const struct kp_section kp_adapter_section = {
    "adapter", sizeof(struct kp_adapter_conf), options, KP_ROWS(options),
    "One adapter or receiver: its keys, folders, limits and patience. Paths are relative to this "
    "file."};
