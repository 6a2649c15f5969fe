/* SPDX-License-Identifier: EUPL-1.2 */
/* How rare a name is, and which days stand for "not known": counted over the distinct forms, and
 * written into them. */
#include "link/bulk_impl.h"

#include "base/assert.h"
#include "train/terms.h"

#include <stdlib.h>
#include <string.h>

void kp_bulk_rate(struct kp_bulk *bulk)
{
    if (bulk->form_count < KP_BULK_LEARN_MIN) {
        return;
    }
    struct kp_term_counter *counter = kp_term_counter_new();
    struct kp_match_terms *terms = calloc(1, sizeof *terms);
    struct kp_form form;
    uint8_t rated[KP_FORM_BYTES_MAX];
    KP_ASSERT(terms != NULL);
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        kp_bulk_load(bulk, i, &form);
        kp_term_counter_add(counter, &form, 1);
    }
    kp_term_counter_finish(counter, terms);
    counter = kp_term_counter_free(counter);
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        struct kp_writer writer;
        kp_bulk_load(bulk, i, &form);
        kp_terms_rate(terms, &form);
        kp_writer_init(&writer, rated, sizeof rated);
        kp_form_put(&writer, &form);
        KP_ASSERT(kp_writer_ok(&writer));
        memcpy(bulk->bytes + bulk->forms[i], rated, writer.size); /* the same size: only numbers */
    }
    free(terms);
}
