/* SPDX-License-Identifier: EUPL-1.2 */
/* For the tests of the codec: the checked-in vectors (tests/data/wire) and small builders of raw
 * wire bytes. */
#ifndef KP_TEST_WIRE_SAMPLES_H
#define KP_TEST_WIRE_SAMPLES_H

#include "base/buf.h"
#include "base/slice.h"
#include "proto/codec.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KP_SAMPLES_MAX 64u

struct kp_sample {
    char name[64]; /* file name without .hex */
    const ProtobufCMessageDescriptor *type;
    uint8_t bytes[4096];
    size_t size;
};

static const ProtobufCMessageDescriptor *const kp_sample_types[] = {
    &knooppunt__v1__envelope__descriptor,      &knooppunt__v1__event__descriptor,
    &knooppunt__v1__signal__descriptor,        &knooppunt__v1__bundle__descriptor,
    &knooppunt__v1__bundle_body__descriptor,   &knooppunt__v1__enrol_body__descriptor,
    &knooppunt__v1__enrol_request__descriptor,
};

static inline const ProtobufCMessageDescriptor *kp_sample_type(const char *name)
{
    for (size_t i = 0; i < sizeof kp_sample_types / sizeof kp_sample_types[0]; i++) {
        const char *type_name = kp_sample_types[i]->short_name;
        size_t size = strlen(type_name);
        if (strncmp(name, type_name, size) == 0 && name[size] == '.') {
            return kp_sample_types[i];
        }
    }
    return NULL;
}

static inline const char *kp_sample_dir(void)
{
    const char *dir = getenv("KP_WIRE_DATA");
    return dir != NULL ? dir : "tests/data/wire";
}

/* true when the file was there and is nothing but hex. */
static inline bool kp_sample_load(const char *file_name, struct kp_sample *ret_sample)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", kp_sample_dir(), file_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    (void)snprintf(ret_sample->name, sizeof ret_sample->name, "%s", file_name);
    ret_sample->type = kp_sample_type(file_name);
    ret_sample->size = 0;
    bool good = ret_sample->type != NULL;
    unsigned byte;
    while (good && fscanf(file, "%2x", &byte) == 1) {
        good = ret_sample->size < sizeof ret_sample->bytes;
        if (good) {
            ret_sample->bytes[ret_sample->size++] = (uint8_t)byte;
        }
    }
    good = good && feof(file) != 0;
    (void)fclose(file);
    return good;
}

/* Every vector of the directory. Returns how many, 0 when one does not load. */
static inline size_t kp_samples_load(struct kp_sample *ret_samples)
{
    size_t count = 0;
    DIR *dir = opendir(kp_sample_dir());
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".hex") != 0) {
            continue;
        }
        if (count == KP_SAMPLES_MAX || !kp_sample_load(entry->d_name, &ret_samples[count])) {
            (void)fprintf(stderr, "cannot load %s\n", entry->d_name);
            count = 0;
            break;
        }
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

static inline void kp_wire_varint(struct kp_writer *writer, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        kp_put_u8(writer, (uint8_t)(value | 0x80));
    }
    kp_put_u8(writer, (uint8_t)value);
}

static inline void kp_wire_tag(struct kp_writer *writer, uint32_t number, uint32_t wire)
{
    kp_wire_varint(writer, (uint64_t)number << 3 | wire);
}

static inline void kp_wire_number(struct kp_writer *writer, uint32_t number, uint64_t value)
{
    kp_wire_tag(writer, number, 0);
    kp_wire_varint(writer, value);
}

static inline void kp_wire_bytes(struct kp_writer *writer, uint32_t number, struct kp_slice bytes)
{
    kp_wire_tag(writer, number, 2);
    kp_wire_varint(writer, bytes.size);
    kp_put_raw(writer, bytes);
}

/* @bytes becomes field @number of a message, in place: what is in @message is wrapped. */
static inline size_t kp_wire_wrap(uint8_t *bytes, size_t size, size_t capacity, uint32_t number)
{
    uint8_t head[20];
    struct kp_writer writer;
    kp_writer_init(&writer, head, sizeof head);
    kp_wire_tag(&writer, number, 2);
    kp_wire_varint(&writer, size);
    if (writer.size > capacity - size) {
        abort();
    }
    memmove(bytes + writer.size, bytes, size);
    memcpy(bytes, head, writer.size);
    return size + writer.size;
}

#endif
