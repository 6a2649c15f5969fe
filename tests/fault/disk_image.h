/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a disk may hold after a power loss at one moment of a record (disk_record.h): all that was
 * synced before, and of what was written since any part, in pieces of a sector. Of the names in a
 * directory that was not synced since, each may be there or not.
 */
#ifndef KP_TESTS_FAULT_DISK_IMAGE_H
#define KP_TESTS_FAULT_DISK_IMAGE_H

#include "disk_record.h"

#include "tests/unit/test_store_fixture.h"

#define DISK_SECTOR_BYTES 512u
#define DISK_LOCK_NAME "lock.mdb"

struct disk_content {
    uint8_t *bytes;
    size_t size, capacity;
};

/* A part of a write within one sector, or a name. */
struct disk_piece {
    uint32_t event;
    uint64_t offset;
    size_t size;
    const uint8_t *bytes; /* NULL: a name */
};

struct disk_image {
    const struct disk_log *log;
    uint32_t moment;                                 /* events before it have happened */
    struct disk_content contents[DISK_NODES_MAX];    /* on disk for certain */
    const struct disk_event *places[DISK_NODES_MAX]; /* DISK_ENTRY, on disk for certain */
    struct disk_piece *pieces;                       /* not certain, in order */
    uint32_t piece_count, piece_capacity;
};

/* How much of what is not certain survives. */
enum disk_choice {
    DISK_NOTHING,
    DISK_EVERYTHING,
    DISK_SOME_WRITES,
    DISK_SOME_SECTORS,
    DISK_ALL_BUT_ONE_WRITE,
    DISK_ONE_WRITE,
    DISK_FIRST_SECTORS, /* up to a point, in the order in which they were written */
    DISK_ALL_BUT_ONE_SECTOR,
    DISK_CHOICES
};

static void disk_put(struct disk_content *content, const struct disk_piece *piece)
{
    size_t end = (size_t)piece->offset + piece->size;
    if (end > content->capacity) {
        size_t capacity = 2 * end;
        content->bytes = realloc(content->bytes, capacity);
        if (content->bytes == NULL) {
            abort();
        }
        memset(content->bytes + content->capacity, 0, capacity - content->capacity);
        content->capacity = capacity;
    }
    memcpy(content->bytes + piece->offset, piece->bytes, piece->size);
    content->size = end > content->size ? end : content->size;
}

/* --- time goes on --- */

static void disk_add_piece(struct disk_image *image, struct disk_piece piece)
{
    if (image->piece_count == image->piece_capacity) {
        image->piece_capacity = image->piece_capacity == 0 ? 1024 : 2 * image->piece_capacity;
        image->pieces = realloc(image->pieces, image->piece_capacity * sizeof *image->pieces);
        if (image->pieces == NULL) {
            abort();
        }
    }
    image->pieces[image->piece_count++] = piece;
}

static void disk_add_write(struct disk_image *image, uint32_t event)
{
    const struct disk_event *write = &image->log->events[event];
    for (size_t done = 0; done < write->size;) {
        uint64_t offset = write->offset + done;
        size_t size = DISK_SECTOR_BYTES - offset % DISK_SECTOR_BYTES;
        size = size < write->size - done ? size : write->size - done;
        disk_add_piece(image, (struct disk_piece){event, offset, size, write->bytes + done});
        done += size;
    }
}

static void disk_settle_piece(struct disk_image *image, const struct disk_piece *piece)
{
    const struct disk_event *event = &image->log->events[piece->event];
    if (piece->bytes != NULL) {
        disk_put(&image->contents[event->node], piece);
    } else {
        image->places[event->node] = event;
    }
}

/* Does @sync make @piece certain? A file's sync its contents, a directory's the names in it, a
 * synchronous write its own sectors: whatever else was written to those before goes along. */
static bool disk_is_settled(const struct disk_image *image, const struct disk_event *sync,
                            const struct disk_piece *piece)
{
    const struct disk_event *event = &image->log->events[piece->event];
    if (piece->bytes == NULL) {
        return sync->kind == DISK_SYNC && event->parent == sync->node && piece->event < sync->since;
    }
    if (event->node != sync->node) {
        return false;
    }
    if (sync->kind == DISK_SYNC) {
        return piece->event < sync->since;
    }
    const struct disk_event *write = &image->log->events[sync->since];
    return piece->event <= sync->since &&
           piece->offset / DISK_SECTOR_BYTES >= write->offset / DISK_SECTOR_BYTES &&
           piece->offset < write->offset + write->size;
}

static void disk_settle(struct disk_image *image, const struct disk_event *sync)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < image->piece_count; i++) {
        if (disk_is_settled(image, sync, &image->pieces[i])) {
            disk_settle_piece(image, &image->pieces[i]);
        } else {
            image->pieces[left++] = image->pieces[i];
        }
    }
    image->piece_count = left;
}

/* To a later @moment. */
static void disk_advance(struct disk_image *image, uint32_t moment)
{
    for (; image->moment < moment; image->moment++) {
        const struct disk_event *event = &image->log->events[image->moment];
        switch (event->kind) {
        case DISK_ENTRY:
            disk_add_piece(image, (struct disk_piece){.event = image->moment});
            break;
        case DISK_WRITE:
            disk_add_write(image, image->moment);
            break;
        case DISK_WRITE_DONE:
        case DISK_SYNC:
            disk_settle(image, event);
            break;
        case DISK_MARK:
            break;
        }
    }
}

/* --- one image --- */

struct disk_chooser {
    enum disk_choice choice;
    uint64_t *random;
    uint32_t at;      /* a piece */
    uint32_t event;   /* the write it belongs to */
    uint32_t decided; /* the write that the last answer was about */
    bool answer;
};

static bool disk_chosen(struct disk_chooser *chooser, const struct disk_image *image, uint32_t i)
{
    uint32_t event = image->pieces[i].event;
    switch (chooser->choice) {
    case DISK_NOTHING:
        return false;
    case DISK_SOME_WRITES:
        if (event != chooser->decided) {
            chooser->decided = event;
            chooser->answer = fixture_next(chooser->random) % 2 == 0;
        }
        return chooser->answer;
    case DISK_SOME_SECTORS:
        return fixture_next(chooser->random) % 2 == 0;
    case DISK_ALL_BUT_ONE_WRITE:
        return event != chooser->event;
    case DISK_ONE_WRITE:
        return event == chooser->event;
    case DISK_FIRST_SECTORS:
        return i <= chooser->at;
    case DISK_ALL_BUT_ONE_SECTOR:
        return i != chooser->at;
    case DISK_EVERYTHING:
    case DISK_CHOICES:
        break;
    }
    return true;
}

static void disk_store(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || (size > 0 && pwrite(fd, bytes, size, 0) != (ssize_t)size) || close(fd) != 0) {
        abort();
    }
}

/* false: a directory on the way to it is not there. */
static bool disk_path(const struct disk_event *const *places, uint32_t node, const char *dir,
                      char *ret_path, size_t size)
{
    char below[PATH_MAX];
    const struct disk_event *place = places[node];
    if (node == 0) {
        (void)snprintf(ret_path, size, "%s", dir); /* fits */
        return true;
    }
    if (place == NULL || !disk_path(places, place->parent, dir, below, sizeof below)) {
        return false;
    }
    int used = snprintf(ret_path, size, "%s/%s", below, place->name);
    return used > 0 && (size_t)used < size;
}

/* In the order in which the names came: a directory before what is in it, and a file that was moved
 * over another after that one. */
static uint32_t disk_order(const struct disk_event *const *places, uint32_t node_count,
                           uint32_t ret_order[DISK_NODES_MAX])
{
    uint32_t count = 0;
    for (uint32_t node = 0; node < node_count; node++) {
        if (places[node] == NULL) {
            continue;
        }
        uint32_t at = count++;
        for (; at > 0 && places[ret_order[at - 1]] > places[node]; at--) {
            ret_order[at] = ret_order[at - 1];
        }
        ret_order[at] = node;
    }
    return count;
}

static void disk_write_out(const struct disk_image *image, const struct disk_content *contents,
                           const struct disk_event *const *places, const char *dir,
                           uint64_t *random)
{
    static const uint8_t rubbish[8192] = {0xa5, 0x5a, 0xff, 1};
    char path[PATH_MAX];
    uint32_t order[DISK_NODES_MAX];
    uint32_t count = disk_order(places, image->log->node_count, order);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = order[i];
        if (!disk_path(places, node, dir, path, sizeof path)) {
            continue;
        }
        if (places[node]->directory) {
            (void)mkdir(path, 0700); /* there already: as good */
        } else if (strcmp(places[node]->name, DISK_LOCK_NAME) == 0) {
            disk_store(path, rubbish, fixture_next(random) % 2 == 0 ? sizeof rubbish : 0);
        } else {
            disk_store(path, contents[node].bytes, contents[node].size);
        }
    }
}

/* Into the empty directory @dir. */
static void disk_build(const struct disk_image *image, enum disk_choice choice, uint64_t *random,
                       const char *dir)
{
    struct disk_content contents[DISK_NODES_MAX] = {{0}};
    const struct disk_event *places[DISK_NODES_MAX];
    struct disk_chooser chooser = {.choice = choice, .random = random, .decided = UINT32_MAX};
    memcpy(places, image->places, sizeof places);
    if (image->piece_count > 0) {
        chooser.at = (uint32_t)(fixture_next(random) % image->piece_count);
        chooser.event = image->pieces[chooser.at].event;
    }
    for (uint32_t i = 0; i < image->log->node_count; i++) {
        struct disk_piece all = {.size = image->contents[i].size,
                                 .bytes = image->contents[i].bytes};
        if (all.size > 0) {
            disk_put(&contents[i], &all);
        }
    }
    for (uint32_t i = 0; i < image->piece_count; i++) {
        const struct disk_piece *piece = &image->pieces[i];
        const struct disk_event *event = &image->log->events[piece->event];
        if (!disk_chosen(&chooser, image, i)) {
            continue;
        }
        if (piece->bytes == NULL) {
            places[event->node] = event;
        } else {
            disk_put(&contents[event->node], piece);
        }
    }
    disk_write_out(image, contents, places, dir, random);
    for (uint32_t i = 0; i < image->log->node_count; i++) {
        free(contents[i].bytes);
    }
}

#endif
