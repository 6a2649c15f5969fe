/* SPDX-License-Identifier: EUPL-1.2 */
/* What a partner can drop into the folder of om: the Compas list, CSV. */
#include "translator_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_translator(&kp_translator_om, bytes, size);
}
