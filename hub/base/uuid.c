/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/uuid.h"

#include <string.h>

void kp_uuid7(struct kp_wall now, const uint8_t random[KP_UUID_RANDOM_BYTES],
              uint8_t ret_id[KP_UUID_BYTES])
{
    uint64_t ms = (uint64_t)now.ms;
    for (int i = 0; i < 6; i++) {
        ret_id[i] = (uint8_t)(ms >> (8 * (5 - i)));
    }
    memcpy(ret_id + 6, random, KP_UUID_RANDOM_BYTES);
    ret_id[6] = (uint8_t)((ret_id[6] & 0x0fu) | 0x70u); /* version 7 */
    ret_id[8] = (uint8_t)((ret_id[8] & 0x3fu) | 0x80u); /* the variant of RFC 9562 */
}

static bool is_dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void kp_uuid_text(const uint8_t id[KP_UUID_BYTES], char ret_text[KP_UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *text = ret_text;
    for (int i = 0; i < KP_UUID_BYTES; i++) {
        if (is_dash_before(i)) {
            *text++ = '-';
        }
        *text++ = digits[id[i] >> 4];
        *text++ = digits[id[i] & 0x0f];
    }
    *text = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

bool kp_uuid_parse(const char *text, uint8_t ret_id[KP_UUID_BYTES])
{
    uint8_t id[KP_UUID_BYTES];
    if (strlen(text) != KP_UUID_TEXT_SIZE - 1) {
        return false;
    }
    for (int i = 0; i < KP_UUID_BYTES; i++) {
        if (is_dash_before(i) && *text++ != '-') {
            return false;
        }
        int high = digit_value(*text++);
        int low = digit_value(*text++);
        if (high < 0 || low < 0) {
            return false;
        }
        id[i] = (uint8_t)(high * 16 + low);
    }
    memcpy(ret_id, id, sizeof id);
    return true;
}
