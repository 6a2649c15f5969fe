/* SPDX-License-Identifier: EUPL-1.2 */
#include "intake/intake.h"

#include "base/area.h"
#include "base/assert.h"
#include "intake/form.h"
#include "intake/keys.h"
#include "intake/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BORN_UNKNOWN 19000101 /* what registers write when nothing is known */

struct kp_intake {
    struct kp_hmac *hmac;
};

struct kp_intake *kp_intake_new(const struct kp_secret *index_key)
{
    struct kp_intake *intake = calloc(1, sizeof *intake);
    KP_ASSERT(intake != NULL);
    intake->hmac = kp_hmac_new(index_key);
    return intake;
}

struct kp_intake *kp_intake_free(struct kp_intake *intake)
{
    if (intake != NULL) {
        intake->hmac = kp_hmac_free(intake->hmac);
        free(intake);
    }
    return NULL;
}

static struct kp_slice number_slice(uint16_t partner, uint8_t bytes[2])
{
    bytes[0] = (uint8_t)(partner >> 8);
    bytes[1] = (uint8_t)partner;
    return kp_slice_of(bytes, 2);
}

void kp_intake_reference_tag(struct kp_intake *intake, uint16_t partner, struct kp_slice reference,
                             uint8_t ret_tag[KP_TAG_BYTES])
{
    uint8_t bytes[2];
    kp_hmac_tag(intake->hmac, "reference", number_slice(partner, bytes), reference, ret_tag);
}

static enum kp_form_gender gender_of(const Knooppunt__V1__PersonMention *person)
{
    return person->gender == KNOOPPUNT__V1__GENDER__GENDER_MAN     ? KP_FORM_MAN
           : person->gender == KNOOPPUNT__V1__GENDER__GENDER_VROUW ? KP_FORM_WOMAN
                                                                   : KP_FORM_GENDER_UNKNOWN;
}

static void make_form(const Knooppunt__V1__PersonMention *person, bool test_mode,
                      struct kp_form_room *room, struct kp_form *ret_form)
{
    char number[11] = "";
    const Knooppunt__V1__Address *address = person->address;
    struct kp_reported_person reported = {
        .bsn = person->bsn,
        .given_names = person->given_names,
        .initials = person->initials,
        .surname = person->surname,
        .partner_surname = person->partner_surname,
        .birth_place = person->birth_place,
        .birth_date = kp_validate_date(person->birth_date),
        .gender = gender_of(person),
    };
    if (address != NULL) {
        reported.postcode = address->postcode;
        reported.street = address->street;
        reported.house_number = number;
        if (address->has_house_number) {
            (void)snprintf(number, sizeof number, "%u", (unsigned)address->house_number); /* fits */
        }
    }
    kp_form_of(&reported, test_mode, room, ret_form);
}

/* The form and its keys, encoded; a person by which nobody can be looked for has none. */
static void take_person(struct kp_intake *intake, const struct kp_house *house,
                        const Knooppunt__V1__PersonMention *person, struct kp_arena *arena,
                        struct kp_command_mention *mention)
{
    struct kp_form_room room;
    struct kp_form form;
    struct kp_match_keys keys;
    struct kp_writer writer;
    uint8_t bytes[KP_FORM_BYTES_MAX + KP_KEYS_BYTES_MAX];
    mention->role = (uint8_t)person->role;
    make_form(person, house->test_mode, &room, &form);
    mention->birth_date = form.birth_date == BORN_UNKNOWN ? 0 : form.birth_date;
    kp_keys_of(intake->hmac, &form, &keys);
    mention->has_form = keys.count > 0;
    if (!mention->has_form) {
        return;
    }
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_form_put(&writer, &form);
    size_t form_size = writer.size;
    kp_match_keys_put(&writer, &keys);
    KP_ASSERT(kp_writer_ok(&writer));
    struct kp_slice copy = kp_arena_copy(arena, kp_writer_slice(&writer));
    mention->form = kp_slice_of(copy.bytes, form_size);
    mention->keys = kp_slice_of(copy.bytes + form_size, copy.size - form_size);
    kp_hmac_tag(intake->hmac, "form.1", mention->form, KP_SLICE_EMPTY, mention->form_tag);
}

static int32_t incident_date(const Knooppunt__V1__Signal *signal)
{
    int32_t date = kp_validate_date(signal->incident_date);
    return date > 0 ? date : kp_date_of_wall((struct kp_wall){signal->registered_at_ms});
}

static enum kp_err take_report(struct kp_intake *intake, const struct kp_house *house,
                               const Knooppunt__V1__Signal *signal, struct kp_arena *arena,
                               struct kp_command_signal *ret_signal)
{
    struct kp_slice head;
    struct kp_slice parts[KP_SIGNAL_PERSONS_MAX];
    uint32_t count;
    ret_signal->kind = (uint8_t)signal->kind;
    ret_signal->incident_date = incident_date(signal);
    for (size_t i = 0; i < signal->n_themes; i++) {
        int theme = kp_house_theme(house, kp_slice_str(signal->themes[i]));
        ret_signal->themes |= UINT32_C(1) << house->themes[theme].number; /* validated */
    }
    for (size_t i = 0; i < signal->n_leefgebieden; i++) {
        ret_signal->leefgebieden |= (uint16_t)(1u << signal->leefgebieden[i]);
    }
    ret_signal->severity = (uint8_t)signal->severity; /* validated; 0 when absent */
    if (signal->area_code != NULL) {
        ret_signal->area = kp_area_of(kp_slice_str(signal->area_code));
    }
    enum kp_err err =
        kp_codec_split_signal(ret_signal->signal, &head, parts, KP_SIGNAL_PERSONS_MAX, &count);
    if (err != KP_OK) {
        return err;
    }
    ret_signal->head_bytes = (uint32_t)head.size;
    ret_signal->mention_count = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++) {
        ret_signal->mentions[i].part_bytes = (uint32_t)parts[i].size;
        take_person(intake, house, signal->persons[i], arena, &ret_signal->mentions[i]);
    }
    return KP_OK;
}

/* A held signal keeps its bytes whole: nothing is cut by what could not be understood. */
static void hold(struct kp_command_signal *ret_signal, enum kp_err err, const char *field,
                 struct kp_slice field_copy)
{
    ret_signal->held_code = (uint32_t)err;
    ret_signal->held_field = field[0] != '\0' ? field_copy : KP_SLICE_EMPTY;
    ret_signal->mention_count = 0;
    ret_signal->head_bytes = (uint32_t)ret_signal->signal.size;
}

void kp_intake_take(struct kp_intake *intake, const struct kp_house *house, uint16_t partner,
                    const struct kp_intake_signal *received, struct kp_arena *arena,
                    struct kp_command_signal *ret_signal)
{
    struct kp_diag diag = {0};
    ProtobufCMessage *message = NULL;
    uint8_t bytes[2];
    memset(ret_signal, 0, offsetof(struct kp_command_signal, mentions));
    ret_signal->head_bytes = 0;
    ret_signal->salt = received->salt;
    ret_signal->signal = received->signal;
    kp_sha256(received->salt, received->signal, KP_SLICE_EMPTY, ret_signal->digest);
    kp_hmac_tag(intake->hmac, "content", number_slice(partner, bytes), received->signal,
                ret_signal->content_tag);

    enum kp_err err = kp_codec_open(&knooppunt__v1__signal__descriptor, &kp_gate_signal,
                                    received->signal, arena, &message, NULL, &diag);
    const Knooppunt__V1__Signal *signal = (const Knooppunt__V1__Signal *)message;
    if (err == KP_OK) {
        err = kp_validate_signal(house, signal, &diag);
        struct kp_slice reference = kp_slice_str(signal->reference);
        if (reference.size > 0 && reference.size <= KP_REFERENCE_BYTES_MAX) {
            kp_intake_reference_tag(intake, partner, reference, ret_signal->reference_tag);
            ret_signal->reference = reference;
        }
        ret_signal->version = signal->has_version ? signal->version : 0;
        ret_signal->withdraw =
            signal->action == KNOOPPUNT__V1__SIGNAL_ACTION__SIGNAL_ACTION_WITHDRAW;
    }
    if (err == KP_OK && !ret_signal->withdraw) {
        memset(ret_signal->mentions, 0, sizeof ret_signal->mentions[0] * signal->n_persons);
        err = take_report(intake, house, signal, arena, ret_signal);
    } else if (err == KP_OK) {
        ret_signal->head_bytes = (uint32_t)received->signal.size;
    }
    if (err != KP_OK) {
        hold(ret_signal, err, diag.field, kp_arena_copy(arena, kp_slice_str(diag.field)));
        if (ret_signal->reference.size ==
            0) { /* unreadable: the same bytes again are the same signal */
            kp_hmac_tag(intake->hmac, "unreadable", number_slice(partner, bytes), received->signal,
                        ret_signal->reference_tag);
        }
    }
}

enum kp_err kp_intake_check(struct kp_intake *intake, const struct kp_house *house,
                            const Knooppunt__V1__KnownCheck *check, struct kp_arena *arena,
                            struct kp_command_check *ret_check, struct kp_diag *reterr_diag)
{
    enum kp_err err = kp_validate_check(house, check, reterr_diag);
    if (err == KP_OK) {
        *ret_check = (struct kp_command_check){.requester_type = (uint8_t)check->requester_type,
                                               .reason = (uint8_t)check->reason};
        take_person(intake, house, check->person, arena, &ret_check->person);
    }
    return err;
}
