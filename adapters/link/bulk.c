/* SPDX-License-Identifier: EUPL-1.2 */
#define _GNU_SOURCE /* qsort_r */
#include "link/bulk_impl.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 4096u

struct kp_bulk *kp_bulk_new(void)
{
    struct kp_bulk *bulk = calloc(1, sizeof *bulk);
    KP_ASSERT(bulk != NULL);
    bulk->rows.item_bytes = sizeof(struct kp_bulk_row);
    bulk->members.item_bytes = sizeof(struct kp_bulk_member);
    bulk->pairs.item_bytes = sizeof(struct kp_bulk_pair);
    return bulk;
}

struct kp_bulk *kp_bulk_free(struct kp_bulk *bulk)
{
    if (bulk != NULL) {
        free(bulk->bytes);
        kp_list_done(&bulk->rows);
        free(bulk->forms);
        free(bulk->first_rows);
        kp_list_done(&bulk->members);
        free(bulk->places_at);
        free(bulk->places);
        kp_list_done(&bulk->pairs);
        free(bulk->groups);
        free(bulk->clusters);
        free(bulk);
    }
    return NULL;
}

void kp_bulk_add(struct kp_bulk *bulk, const struct kp_form *form)
{
    struct kp_writer writer;
    if (bulk->byte_capacity - bulk->byte_count < 2 * KP_FORM_BYTES_MAX) {
        bulk->byte_capacity = bulk->byte_capacity == 0 ? 1u << 20 : bulk->byte_capacity * 2;
        bulk->bytes = realloc(bulk->bytes, bulk->byte_capacity);
        KP_ASSERT(bulk->bytes != NULL);
    }
    kp_writer_init(&writer, bulk->bytes + bulk->byte_count, KP_FORM_BYTES_MAX);
    kp_form_put(&writer, form);
    KP_ASSERT(kp_writer_ok(&writer));
    struct kp_bulk_row *row = kp_list_add(&bulk->rows);
    row->at = bulk->byte_count;
    row->size = (uint16_t)writer.size;
    bulk->byte_count += writer.size;
    bulk->figures.rows++;
}

static struct kp_bulk_row *row_at(const struct kp_bulk *bulk, uint64_t index)
{
    return (struct kp_bulk_row *)bulk->rows.items + index;
}

void kp_bulk_load(const struct kp_bulk *bulk, uint32_t number, struct kp_form *ret_form)
{
    struct kp_reader reader;
    kp_reader_init(&reader, kp_slice_of(bulk->bytes + bulk->forms[number], KP_FORM_BYTES_MAX));
    kp_form_get(&reader, ret_form);
    KP_ASSERT(kp_reader_ok(&reader));
}

void kp_bulk_report(const struct kp_bulk *bulk, const char *step, uint64_t done, uint64_t all)
{
    if (bulk->progress != NULL && (done % PROGRESS_EVERY == 0 || done == all)) {
        bulk->progress(bulk->context, step, done, all);
    }
}

/* --- distinct forms --- */

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct kp_bulk *bulk = context;
    const struct kp_bulk_row *one = row_at(bulk, *(const uint32_t *)a);
    const struct kp_bulk_row *other = row_at(bulk, *(const uint32_t *)b);
    return kp_slice_compare(kp_slice_of(bulk->bytes + one->at, one->size),
                            kp_slice_of(bulk->bytes + other->at, other->size));
}

static void find_forms(struct kp_bulk *bulk)
{
    uint64_t count = bulk->rows.count;
    uint32_t *order = calloc(count + 1, sizeof *order);
    bulk->forms = calloc(count + 1, sizeof *bulk->forms);
    bulk->first_rows = calloc(count + 1, sizeof *bulk->first_rows);
    bulk->clusters = calloc(count + 1, sizeof *bulk->clusters);
    KP_ASSERT(order != NULL && bulk->forms != NULL && bulk->first_rows != NULL &&
              bulk->clusters != NULL);
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof *order, compare_rows, bulk);
    for (uint64_t i = 0; i < count; i++) {
        bool same = i > 0 && compare_rows(&order[i - 1], &order[i], bulk) == 0;
        if (!same) {
            bulk->forms[bulk->form_count] = row_at(bulk, order[i])->at;
            bulk->first_rows[bulk->form_count++] = order[i];
        }
        uint32_t form = bulk->form_count - 1;
        bulk->clusters[order[i]] = form;
        if (bulk->ranks[order[i]] < bulk->ranks[bulk->first_rows[form]]) {
            bulk->first_rows[form] = order[i];
        }
    }
    free(order);
    bulk->figures.forms = bulk->form_count;
}

/* Forms that say too little to make one person of the rows written so. Where such a form was joined
 * with another one nevertheless, all its rows were: they cannot be told apart, so what holds of one
 * holds of each, whatever their order. */
static bool *find_untelling(const struct kp_bulk *bulk)
{
    uint32_t *members = calloc(bulk->form_count + 1u, sizeof *members); /* of the form's group */
    bool *untelling = calloc(bulk->form_count + 1u, sizeof *untelling);
    KP_ASSERT(members != NULL && untelling != NULL);
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        members[bulk->groups[i]]++;
    }
    for (uint32_t i = 0; i < bulk->form_count; i++) {
        struct kp_form form;
        kp_bulk_load(bulk, i, &form);
        untelling[i] = members[bulk->groups[i]] == 1 && !kp_match_is_telling(&bulk->model, &form);
    }
    free(members);
    return untelling;
}

/* Each row's cluster is named by the row in it that ranks first. */
static void name_clusters(struct kp_bulk *bulk)
{
    uint32_t *first = calloc(bulk->form_count + 1u, sizeof *first);
    bool *untelling = find_untelling(bulk);
    KP_ASSERT(first != NULL);
    for (uint32_t form = 0; form < bulk->form_count; form++) {
        first[form] = bulk->first_rows[form];
    }
    for (uint32_t form = 0; form < bulk->form_count; form++) {
        uint32_t *named = &first[bulk->groups[form]];
        uint32_t row = bulk->first_rows[form];
        *named = bulk->ranks[row] < bulk->ranks[*named] ? row : *named;
    }
    for (uint32_t row = 0; row < bulk->rows.count; row++) {
        uint32_t form = bulk->clusters[row];
        bulk->clusters[row] = untelling[form] ? row : first[bulk->groups[form]];
    }
    free(first);
    free(untelling);
}

void kp_bulk_as_hub(struct kp_bulk *bulk)
{
    bulk->as_hub = true;
}

void kp_bulk_run(struct kp_bulk *bulk, const uint32_t *ranks, uint32_t threads,
                 kp_bulk_progress *progress, void *context)
{
    bulk->ranks = ranks;
    bulk->threads = threads < 1 ? 1 : threads > KP_BULK_THREADS_MAX ? KP_BULK_THREADS_MAX : threads;
    bulk->progress = progress;
    bulk->context = context;
    find_forms(bulk);
    if (!bulk->as_hub) {
        kp_bulk_rate(bulk);
    }
    kp_bulk_block(bulk);
    kp_bulk_learn(bulk);
    kp_bulk_compare(bulk);
    kp_bulk_part(bulk);
    name_clusters(bulk);
}

uint32_t kp_bulk_cluster(const struct kp_bulk *bulk, uint32_t row)
{
    return bulk->clusters[row];
}

const struct kp_bulk_figures *kp_bulk_figures(const struct kp_bulk *bulk)
{
    return &bulk->figures;
}

struct kp_bulk_pair *kp_bulk_pairs(struct kp_bulk *bulk, uint64_t *ret_count)
{
    *ret_count = bulk->pairs.count;
    return bulk->pairs.items;
}

uint32_t kp_bulk_row_of(const struct kp_bulk *bulk, uint32_t form)
{
    return bulk->first_rows[form];
}

const char *kp_bulk_grade(const struct kp_bulk_pair *pair)
{
    static const char *const names[] = {[KP_GRADE_CERTAINLY_NOT] = "certainly_not",
                                        [KP_GRADE_POSSIBLE] = "possible",
                                        [KP_GRADE_PROBABLE] = "probable",
                                        [KP_GRADE_CERTAIN] = "certain"};
    return pair->related && pair->grade == KP_GRADE_POSSIBLE ? "related" : names[pair->grade];
}
