/* SPDX-License-Identifier: EUPL-1.2 */
/* The positive control of the fuzzers: an overflow behind four bytes that must be guessed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 5 || bytes[0] != 'K' || bytes[1] != 'n' || bytes[2] != 'o' || bytes[3] != 'o') {
        return 0;
    }
    uint8_t *copy = malloc(size - 1);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, bytes, size); /* one byte too many */
    int first = copy[0];
    free(copy);
    return first == 'K' ? 0 : -1;
}
