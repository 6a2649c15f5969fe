/* SPDX-License-Identifier: EUPL-1.2 */
/* A question to the running hub over its Unix socket: one Query, one or more Answers. */
#ifndef KP_CLI_ASK_H
#define KP_CLI_ASK_H

#include "base/err.h"
#include "base/slice.h"
#include "proto/codec.h"

#include <jansson.h>

struct kp_ask {
    const char *socket_path;
    const char *query;      /* name of the Query */
    char *const *arguments; /* borrowed */
    size_t argument_count;
    struct kp_slice attachment; /* empty: none */
    int timeout_ms;             /* silence that is too long; -1: any */
};

/*
 * Ask, and give each answer to @sink as it comes; it may stop by returning an error.
 *
 * KP_E_LATER  no hub listens there · KP_E_PERMISSION, KP_E_TIMEOUT, KP_E_IO, KP_E_MALFORMED · the
 * code that the hub answered, with its text
 */
struct kp_ask_sink {
    enum kp_err (*on_answer)(void *context, const Knooppunt__V1__Answer *answer,
                             struct kp_diag *reterr_diag);
    void *context;
};
KP_MUST_CHECK enum kp_err kp_ask(const struct kp_ask *ask, const struct kp_ask_sink *sink,
                                 struct kp_diag *reterr_diag);

/* All answers as one object: code, name, text, and each section as an array of objects; binary
 * values in hex. @result  filled also when the hub's code is not KP_OK, since sections may tell
 * what is wrong. */
KP_MUST_CHECK enum kp_err kp_ask_json(const struct kp_ask *ask, json_t *result,
                                      struct kp_diag *reterr_diag);
/* Add one answer's sections to @result. */
void kp_ask_add(json_t *result, const Knooppunt__V1__Answer *answer);

#endif
