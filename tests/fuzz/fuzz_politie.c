/* SPDX-License-Identifier: EUPL-1.2 */
/* What a partner can drop into the folder of politie: BPS registrations, XML. */
#include "translator_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_translator(&kp_translator_politie, bytes, size);
}
