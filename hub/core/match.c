/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match.h"

#include "core/match/score.h"

#include <string.h>

static uint64_t own_id(uint64_t position, uint8_t index)
{
    return position * 32 + index;
}

/* What says too little to be the same twice is the mention's own: it is found by what the signal is
 * and by its place in it. */
static void tag_of_mention(const struct kp_command_signal *signal, uint8_t index,
                           uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t digest[KP_SHA256_BYTES];
    kp_sha256(kp_slice_of(signal->content_tag, KP_TAG_BYTES), kp_slice_of(&index, 1),
              KP_SLICE_EMPTY, digest);
    memcpy(ret_tag, digest, KP_TAG_BYTES);
}

/* By the shipped model in every epoch: mentions that stand on one form stay on it. If an epoch
 * could make it say too little, its mentions would have to be told apart, and nothing does that. */
static bool is_telling(const struct kp_form *form)
{
    struct kp_match_model shipped;
    kp_match_model_init(&shipped, KP_HOUSE_SIGNALS_EXPECTED);
    return kp_match_is_telling(&shipped, form);
}

/* The form that a mention brings, without its id; false: the transaction failed. */
static bool read_form(const struct kp_match_terms *terms, struct kp_txn *txn,
                      const struct kp_command_signal *signal, uint8_t index,
                      struct kp_known_form *ret_form, struct kp_match_keys *ret_keys)
{
    const struct kp_command_mention *mention = &signal->mentions[index];
    ret_form->bytes = mention->form;
    ret_form->keys = mention->keys;
    if (!kp_forms_decode(txn, NULL, ret_form, ret_keys)) {
        return false;
    }
    if (is_telling(&ret_form->form)) {
        memcpy(ret_form->tag, mention->form_tag, KP_TAG_BYTES);
    } else {
        tag_of_mention(signal, index, ret_form->tag);
    }
    kp_terms_rate(terms, &ret_form->form);
    return true;
}

bool kp_match_look(struct kp_core *core, struct kp_txn *txn, const struct kp_command_signal *signal,
                   uint8_t index, struct kp_place *ret_place)
{
    const struct kp_command_mention *mention = &signal->mentions[index];
    struct kp_known_form *form = &ret_place->form;
    uint64_t known;
    ret_place->person = 0;
    ret_place->by_bsn = false;
    ret_place->reach = (struct kp_reach){0};
    form->id = 0;
    if (!mention->has_form) {
        ret_place->person = own_id(core->position, index);
        return true;
    }
    if (!read_form(core->model.terms, txn, signal, index, form, &ret_place->keys)) {
        return false;
    }
    ret_place->by_bsn = form->form.bsn_class == KP_FORM_BSN_VALID;
    if (kp_forms_find(txn, form->tag, &known, &ret_place->person)) {
        form->id = known;
        return true;
    }
    form->id = own_id(core->position, index);
    return kp_txn_error(txn) == KP_OK &&
           kp_cluster_reach(core, txn, form, &ret_place->keys, &ret_place->reach);
}

bool kp_match_foresee(const struct kp_match_model *model, struct kp_txn *txn,
                      const struct kp_command_signal *signal, uint8_t index, uint32_t count_max,
                      struct kp_hints *ret_hints)
{
    struct kp_known_form form = {0};
    struct kp_match_keys keys;
    uint64_t known;
    uint64_t person;
    if (!signal->mentions[index].has_form ||
        !read_form(model->terms, txn, signal, index, &form, &keys) ||
        kp_forms_find(txn, form.tag, &known, &person)) {
        return false;
    }
    memcpy(ret_hints->tag, form.tag, KP_TAG_BYTES);
    ret_hints->epoch = model->epoch;
    return kp_txn_error(txn) == KP_OK &&
           kp_holders_foresee(model, txn, &form, &keys, ret_hints->hints, count_max,
                              &ret_hints->count);
}

void kp_match_place(struct kp_core *core, struct kp_txn *txn, const struct kp_place *place,
                    struct kp_bearer *ret_bearer)
{
    *ret_bearer = (struct kp_bearer){.person = place->person};
    if (place->person == 0) {
        kp_cluster_add(core, txn, &place->form, &place->keys, &place->reach, ret_bearer);
    } else if (place->form.id == 0) {
        core->effects->persons_made++;
    }
}

uint64_t kp_match_find(struct kp_txn *txn, const struct kp_command_mention *mention,
                       uint64_t position, uint8_t index)
{
    uint64_t form;
    uint64_t person = own_id(position, index);
    if (!mention->has_form) {
        return person;
    }
    return kp_forms_find(txn, mention->form_tag, &form, &person) ? person : 0;
}
