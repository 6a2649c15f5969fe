/* SPDX-License-Identifier: EUPL-1.2 */
/* What a partner can drop into the folder of reclassering: JSON lines. */
#include "translator_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_translator(&kp_translator_reclassering, bytes, size);
}
