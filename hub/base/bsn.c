/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/bsn.h"

#include <string.h>

static bool passes_eleven_test(const char *digits)
{
    int sum = -(digits[8] - '0');
    for (int i = 0; i < 8; i++) {
        sum += (9 - i) * (digits[i] - '0');
    }
    return sum % 11 == 0;
}

static bool is_filler(const char *digits)
{
    static const char *const fillers[] = {"000000000", "111222333", "123456782"};
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++) {
        if (memcmp(digits, fillers[i], 9) == 0) {
            return true;
        }
    }
    return false;
}

enum kp_bsn_class kp_bsn_classify(struct kp_slice text, char ret_digits[10])
{
    if (text.size != 8 && text.size != 9) {
        return KP_BSN_SHAPE;
    }
    memset(ret_digits, '0', 9);
    ret_digits[9] = '\0';
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return KP_BSN_SHAPE;
        }
        ret_digits[9 - text.size + i] = (char)text.bytes[i];
    }
    if (is_filler(ret_digits)) {
        return KP_BSN_FILLER;
    }
    if (!passes_eleven_test(ret_digits)) {
        return KP_BSN_INVALID;
    }
    return ret_digits[0] == '9' ? KP_BSN_TEST : KP_BSN_VALID;
}
