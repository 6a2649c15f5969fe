/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void kp_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "<2>assert.failed expression=\"%s\" file=%s line=%d\n", expression, file,
                  line);
    abort();
}
