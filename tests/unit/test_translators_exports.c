/* SPDX-License-Identifier: EUPL-1.2 */
/* The example house's own exports through the translators: how many are read and which are held, by
 * config/voorbeeldstad/expected.tsv. Run from the top of the tree, as make does. */
#include "translated.h"

#include "base/file.h"

#include <dirent.h>

#define HOUSE "config/voorbeeldstad"
#define HELD_MAX 32

/* What was seen, as the lines of expected.tsv would say it. */
struct seen {
    const char *partner, *file;
    uint32_t read, held;
    char lines[HELD_MAX][256];
};

static bool count_record(void *context, const struct kp_record *record)
{
    struct seen *seen = context;
    seen->read++;
    if (record->diag.err != KP_OK) {
        assert_true(seen->held < HELD_MAX);
        (void)snprintf(seen->lines[seen->held++], sizeof seen->lines[0], "held\t%s\t%s\t%s\t%s",
                       seen->partner, seen->file,
                       record->reference[0] == '\0' ? "-" : record->reference,
                       kp_err_name(record->diag.err));
    }
    return true;
}

static void read_folder(const struct kp_translator *translator, struct seen *seen)
{
    char folder[256];
    (void)snprintf(folder, sizeof folder, HOUSE "/exports/%s", translator->name);
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        fail_msg("%s cannot be opened: run this from the top of the tree", folder);
        return;
    }
    struct kp_arena arena;
    kp_arena_init(&arena, TRANSLATED_ARENA_BYTES);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        char *bytes = NULL;
        size_t size = 0;
        struct kp_diag diag = {0};
        assert_int_equal(kp_file_read(path, 1u << 24, &bytes, &size, &diag), KP_OK);
        seen->file = entry->d_name;
        const struct kp_translate_job job = {kp_slice_of(bytes, size), &arena, count_record, seen,
                                             /* test_mode= */ true};
        assert_int_equal(translator->translate(&job, &diag), KP_OK);
        free(bytes);
    }
    kp_arena_done(&arena);
    (void)closedir(directory);
}

static bool is_line_of(const char *text, const char *line)
{
    size_t size = strlen(line);
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && (at[size] == '\n' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static void every_record_is_read_and_only_the_broken_ones_are_held(void **state)
{
    (void)state;
    static const struct kp_translator *const translators[] = {
        &kp_translator_politie, &kp_translator_om, &kp_translator_reclassering,
        &kp_translator_jeugdzorg};
    char *expected = NULL;
    size_t size = 0;
    struct kp_diag diag = {0};
    assert_int_equal(kp_file_read(HOUSE "/expected.tsv", 1u << 20, &expected, &size, &diag), KP_OK);
    uint32_t held = 0;
    for (size_t i = 0; i < sizeof translators / sizeof translators[0]; i++) {
        static struct seen seen;
        memset(&seen, 0, sizeof seen);
        seen.partner = translators[i]->name;
        read_folder(translators[i], &seen);
        char line[256];
        (void)snprintf(line, sizeof line, "records\t%s\tread\t%u", seen.partner, seen.read);
        if (!is_line_of(expected, line)) {
            fail_msg("not expected: %s", line);
        }
        for (uint32_t j = 0; j < seen.held; j++) {
            if (!is_line_of(expected, seen.lines[j])) {
                fail_msg("not expected: %s", seen.lines[j]);
            }
        }
        held += seen.held;
    }
    uint32_t expected_held = 0;
    for (const char *at = strstr(expected, "\nheld\t"); at != NULL;
         at = strstr(at + 1, "\nheld\t")) {
        expected_held++;
    }
    assert_int_equal(held, expected_held);
    assert_true(held > 0);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_read_and_only_the_broken_ones_are_held),
    };
    return cmocka_run_group_tests_name("translators on the example's exports", tests, NULL, NULL);
}
