/* SPDX-License-Identifier: EUPL-1.2 */
/* The only part of config/ that touches the disk. */
#include "base/file.h"
#include "config/schema.h"
#include "config/yaml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Absolute directory of @path, without symbolic links; false when it cannot be had. */
static bool dir_of(const char *path, char ret_dir[PATH_MAX])
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL   ? snprintf(dir, sizeof dir, ".")
               : slash == path ? snprintf(dir, sizeof dir, "/")
                               : snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    return size > 0 && (size_t)size < sizeof dir && realpath(dir, ret_dir) != NULL;
}

enum kp_err kp_config_load(const struct kp_section *root, const char *path, void *ret_conf,
                           struct kp_config_report *report)
{
    kp_config_format(report->file, sizeof report->file, "%s", path); /* a long name is cut */
    char dir[PATH_MAX];
    char *text = NULL;
    size_t size = 0;
    struct kp_diag diag = {.text = "its directory cannot be found"};
    if (!dir_of(path, dir) ||
        kp_file_read(path, KP_CONFIG_FILE_BYTES_MAX, &text, &size, &diag) != KP_OK) {
        memset(ret_conf, 0, root->size);
        kp_config_message_add(report, 0, 0, "", "%s", diag.text);
        return KP_E_CONFIG;
    }
    enum kp_err err = kp_config_parse(root, path, dir, kp_slice_of(text, size), ret_conf, report);
    free(text);
    return err;
}
