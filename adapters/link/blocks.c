/* SPDX-License-Identifier: EUPL-1.2 */
/* Forms that share a key stand in one block; a block that is too large is narrowed. */
#include "link/bulk_impl.h"

#include "base/assert.h"
#include "intake/keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A form under a key. */
struct entry {
    uint8_t tag[KP_TAG_BYTES];
    uint8_t witnesses[KP_WITNESSES_MAX];
    uint32_t form;
};

/* --- the keys of all forms, by several threads --- */

struct keyer {
    const struct kp_bulk *bulk;
    uint32_t from, until; /* forms */
    struct kp_list entries;
    struct kp_hmac *hmac;
    bool reports;
    pthread_t thread;
};

/* Nothing leaves: no secret is needed. */
static struct kp_hmac *new_hmac(void)
{
    struct kp_secret key = {{0}};
    return kp_hmac_new(&key);
}

static void *make_keys(void *context)
{
    struct keyer *keyer = context;
    for (uint32_t i = keyer->from; i < keyer->until; i++) {
        struct kp_match_keys keys;
        struct kp_form form;
        kp_bulk_load(keyer->bulk, i, &form);
        kp_keys_of(keyer->hmac, &form, &keys);
        for (uint32_t k = 0; k < keys.count; k++) {
            struct entry *entry = kp_list_add(&keyer->entries);
            memcpy(entry->tag, keys.keys[k].tag, KP_TAG_BYTES);
            memcpy(entry->witnesses, keys.keys[k].witnesses, KP_WITNESSES_MAX);
            entry->form = i;
        }
        if (keyer->reports) {
            kp_bulk_report(keyer->bulk, "keys", i - keyer->from + 1u, keyer->until - keyer->from);
        }
    }
    return NULL;
}

static void make_all_keys(struct kp_bulk *bulk, struct kp_list *entries)
{
    struct keyer keyers[KP_BULK_THREADS_MAX];
    for (uint32_t i = 0; i < bulk->threads; i++) {
        keyers[i] = (struct keyer){
            .bulk = bulk,
            .from = (uint32_t)((uint64_t)bulk->form_count * i / bulk->threads),
            .until = (uint32_t)((uint64_t)bulk->form_count * (i + 1) / bulk->threads),
            .entries.item_bytes = sizeof(struct entry),
            .hmac = new_hmac(),
            .reports = i == 0,
        };
        KP_ASSERT(pthread_create(&keyers[i].thread, NULL, make_keys, &keyers[i]) == 0);
    }
    for (uint32_t i = 0; i < bulk->threads; i++) {
        (void)pthread_join(keyers[i].thread, NULL);
        kp_list_take(entries, &keyers[i].entries);
        keyers[i].hmac = kp_hmac_free(keyers[i].hmac);
    }
    bulk->figures.keys = entries->count;
}

/* --- blocks --- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *other = b;
    int order = memcmp(one->tag, other->tag, KP_TAG_BYTES);
    return order != 0 ? order : (one->form > other->form) - (one->form < other->form);
}

struct blocker {
    struct kp_bulk *bulk;
    struct kp_hmac *hmac;
    uint32_t next; /* number of a block */
};

static void take_block(struct blocker *blocker, const struct entry *entries, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct kp_bulk_member *member = kp_list_add(&blocker->bulk->members);
        member->block = blocker->next;
        member->form = entries[i].form;
        memcpy(member->witnesses, entries[i].witnesses, KP_WITNESSES_MAX);
    }
    blocker->next++;
}

static void sort_blocks(struct blocker *blocker, struct entry *entries, uint64_t count,
                        uint32_t narrowed);

/* Too many under one key: the same forms under the key and one field more. */
static void narrow(struct blocker *blocker, struct entry *entries, uint64_t count,
                   uint32_t narrowed)
{
    struct kp_bulk *bulk = blocker->bulk;
    if (narrowed == KP_NARROWINGS) {
        bulk->figures.dropped_blocks++;
        return;
    }
    bulk->figures.narrowed_blocks++;
    for (uint64_t i = 0; i < count; i++) {
        struct kp_match_keys keys;
        struct kp_form form;
        kp_bulk_load(bulk, entries[i].form, &form);
        kp_keys_of(blocker->hmac, &form, &keys);
        kp_match_key_narrow(entries[i].tag, keys.narrowings[narrowed], entries[i].tag);
    }
    sort_blocks(blocker, entries, count, narrowed + 1);
}

static void sort_blocks(struct blocker *blocker, struct entry *entries, uint64_t count,
                        uint32_t narrowed)
{
    if (count > 0) {
        qsort(entries, count, sizeof *entries, compare_entries);
    }
    for (uint64_t start = 0; start < count;) {
        uint64_t end = start + 1;
        while (end < count && memcmp(entries[start].tag, entries[end].tag, KP_TAG_BYTES) == 0) {
            end++;
        }
        if (end - start > KP_BLOCK_FORMS_MAX) {
            narrow(blocker, entries + start, end - start, narrowed);
        } else if (end - start > 1) {
            take_block(blocker, entries + start, end - start);
        }
        start = end;
    }
}

/* Of each form the blocks it is in, rising: so that a pair is compared in the first one only. */
static void index_members(struct kp_bulk *bulk)
{
    const struct kp_bulk_member *members = bulk->members.items;
    bulk->places_at = calloc(bulk->form_count + 2u, sizeof *bulk->places_at);
    bulk->places = calloc(bulk->members.count + 1, sizeof *bulk->places);
    KP_ASSERT(bulk->places_at != NULL && bulk->places != NULL);
    for (uint64_t i = 0; i < bulk->members.count; i++) {
        bulk->places_at[members[i].form + 2]++;
    }
    for (uint32_t i = 2; i < bulk->form_count + 2u; i++) {
        bulk->places_at[i] += bulk->places_at[i - 1];
    }
    for (uint64_t i = 0; i < bulk->members.count; i++) {
        struct kp_bulk_place *place = &bulk->places[bulk->places_at[members[i].form + 1]++];
        place->block = members[i].block;
        memcpy(place->witnesses, members[i].witnesses, KP_WITNESSES_MAX);
    }
}

void kp_bulk_block(struct kp_bulk *bulk)
{
    struct kp_list entries = {.item_bytes = sizeof(struct entry)};
    struct blocker blocker = {.bulk = bulk, .hmac = new_hmac()};
    make_all_keys(bulk, &entries);
    sort_blocks(&blocker, entries.items, entries.count, 0);
    index_members(bulk);
    kp_list_done(&entries);
    blocker.hmac = kp_hmac_free(blocker.hmac);
}
