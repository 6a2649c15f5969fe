/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/component.h"

#include "base/assert.h"
#include "base/buf.h"

static struct kp_key component_key(uint64_t component)
{
    return kp_key_u64(kp_key_none(), component);
}

bool kp_component_persons(struct kp_txn *txn, uint64_t person, uint64_t component,
                          uint64_t **ret_persons, uint32_t *ret_count)
{
    component = component == KP_COMPONENT_FROZEN ? 0 : component;
    struct kp_key key = component_key(component);
    struct kp_slice value = KP_SLICE_EMPTY;
    if (component != 0 && !kp_txn_get(txn, KP_TABLE_COMPONENT, kp_key_slice(&key), &value)) {
        kp_txn_fail(txn, KP_E_CORRUPT, "component %llu is missing", (unsigned long long)component);
    }
    uint32_t count = component == 0 ? 1 : (uint32_t)(value.size / sizeof(uint64_t));
    uint64_t *persons = kp_arena_alloc(txn->scratch, sizeof *persons * (count + 1u));
    if (persons == NULL) {
        kp_txn_fail(txn, KP_E_LIMIT, "no memory for a component of persons");
        return false;
    }
    struct kp_reader reader;
    kp_reader_init(&reader, value);
    persons[0] = person;
    for (uint32_t i = 0; component != 0 && i < count; i++) {
        persons[i] = kp_get_u64(&reader);
    }
    *ret_persons = persons;
    *ret_count = count;
    return kp_txn_error(txn) == KP_OK;
}

void kp_component_put(struct kp_txn *txn, const uint64_t *persons, uint32_t count)
{
    uint8_t bytes[sizeof *persons * KP_COMPONENT_FORMS_MAX];
    struct kp_key key = component_key(persons[0]);
    struct kp_writer writer;
    kp_writer_init(&writer, bytes, sizeof bytes);
    for (uint32_t i = 0; i < count; i++) {
        kp_put_u64(&writer, persons[i]);
    }
    KP_ASSERT(kp_writer_ok(&writer));
    kp_txn_put(txn, KP_TABLE_COMPONENT, kp_key_slice(&key), kp_writer_slice(&writer),
               KP_SUBJECT_NONE);
}

void kp_component_drop(struct kp_txn *txn, uint64_t component)
{
    struct kp_key key = component_key(component);
    (void)kp_txn_del(txn, KP_TABLE_COMPONENT, kp_key_slice(&key)); /* absent is fine too */
}
